//! Arithmetic and comparison of what expressions yield. Whole numbers stay exact as long as they can.

use std::cmp::Ordering;

use crate::filter::ast::Operator;
use crate::filter::plan::{by_length, nanos};
use crate::filter::value::ExprValue;

/// `left operator right`; none if one is none, or for a division by zero.
pub(super) fn compute(left: &ExprValue, operator: Operator, right: &ExprValue) -> ExprValue {
    if let (Some(left), Some(right)) = (whole(left), whole(right))
        && let Some(exact) = exact(left, operator, right)
    {
        return ExprValue::Integer(exact);
    }
    let (Some(a), Some(b)) = (real(left), real(right)) else { return ExprValue::None };
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
    };
    let seconds = |value: &ExprValue| matches!(value, ExprValue::Seconds(_));
    match (seconds(left), operator, seconds(right)) {
        _ if !result.is_finite() => ExprValue::None,
        (true, Operator::Divide, true) | (false, Operator::Divide, _) | (false, _, false) => ExprValue::Real(result),
        _ => ExprValue::Seconds(result),
    }
}

/// The value with its sign changed.
pub(super) fn negate(value: &ExprValue) -> ExprValue {
    match value {
        ExprValue::Seconds(seconds) => ExprValue::Seconds(-seconds),
        value => compute(&ExprValue::Integer(0), Operator::Subtract, value),
    }
}

/// How two values stand to each other; nothing if they cannot be compared.
pub(super) fn order(left: &ExprValue, right: &ExprValue) -> Option<Ordering> {
    match (left, right) {
        (ExprValue::Bool(a), ExprValue::Bool(b)) => Some(a.cmp(b)),
        (ExprValue::Seconds(a), ExprValue::Seconds(b)) => Some(nanos(*a).cmp(&nanos(*b))),
        (ExprValue::Text(a), ExprValue::Text(b)) => Some(a.cmp(b)),
        (ExprValue::Address(a), ExprValue::Address(b)) => (a.is_ipv4() == b.is_ipv4()).then(|| a.cmp(b)),
        _ => {
            if let (Some(a), Some(b)) = (whole(left), whole(right)) {
                return Some(a.cmp(&b));
            }
            if let (Some(a), Some(b)) = (left.octets(), right.octets()) {
                return Some(by_length(a, b));
            }
            real(left)?.partial_cmp(&real(right)?)
        }
    }
}

/// The whole number it is.
pub(super) fn whole(value: &ExprValue) -> Option<i128> {
    match value {
        ExprValue::Integer(n) => Some(*n),
        ExprValue::Frame(frame) => Some((*frame).into()),
        _ => None,
    }
}

fn real(value: &ExprValue) -> Option<f64> {
    match value {
        ExprValue::Real(n) | ExprValue::Seconds(n) => Some(*n),
        value => whole(value).map(|n| n as f64),
    }
}

fn exact(left: i128, operator: Operator, right: i128) -> Option<i128> {
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide => (left.checked_rem(right)? == 0).then(|| left.checked_div(right))?,
    }
}
