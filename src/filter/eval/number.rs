//! Arithmetic and comparison of what expressions yield. Whole numbers stay exact as long as they can.

use std::cmp::Ordering;

use crate::filter::ast::Operator;
use crate::filter::plan::by_length;
use crate::filter::value::ExprValue;

/// `left operator right`; none if one is none, or for a division by zero.
pub(super) fn compute(left: &ExprValue, operator: Operator, right: &ExprValue) -> ExprValue {
    if let (Some(left), Some(right)) = (whole(left), whole(right))
        && let Some(exact) = exact(left, operator, right)
    {
        return ExprValue::Integer(exact);
    }
    if let Some(time) = time(left, operator, right) {
        return time;
    }
    let (Some(a), Some(b)) = (real(left), real(right)) else { return ExprValue::None };
    let result = match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
    };
    if result.is_finite() { ExprValue::Real(result) } else { ExprValue::None }
}

/// What comes of times; nothing if neither is one, or both are divided: that gives a number.
fn time(left: &ExprValue, operator: Operator, right: &ExprValue) -> Option<ExprValue> {
    let nanoseconds = match (left, operator, right) {
        (ExprValue::Seconds(a), Operator::Add | Operator::Subtract, ExprValue::Seconds(b)) => exact(*a, operator, *b),
        (ExprValue::Seconds(a), Operator::Multiply | Operator::Divide, _) if !is_time(right) => {
            whole(right).and_then(|b| exact(*a, operator, b)).or_else(|| {
                let (a, b) = (*a as f64, real(right)?);
                rounded(if operator == Operator::Multiply { a * b } else { a / b })
            })
        }
        (_, Operator::Multiply, ExprValue::Seconds(_)) if !is_time(left) => return time(right, operator, left),
        _ => return None,
    };
    Some(nanoseconds.map_or(ExprValue::None, ExprValue::Seconds))
}

fn is_time(value: &ExprValue) -> bool {
    matches!(value, ExprValue::Seconds(_))
}

fn rounded(number: f64) -> Option<i128> {
    number.is_finite().then(|| number.round() as i128)
}

/// The value with its sign changed.
pub(super) fn negate(value: &ExprValue) -> ExprValue {
    match value {
        ExprValue::Seconds(nanoseconds) => nanoseconds.checked_neg().map_or(ExprValue::None, ExprValue::Seconds),
        value => compute(&ExprValue::Integer(0), Operator::Subtract, value),
    }
}

/// How two values stand to each other; nothing if they cannot be compared.
pub(super) fn order(left: &ExprValue, right: &ExprValue) -> Option<Ordering> {
    match (left, right) {
        (ExprValue::Bool(a), ExprValue::Bool(b)) => Some(a.cmp(b)),
        (ExprValue::Seconds(a), ExprValue::Seconds(b)) => Some(a.cmp(b)),
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
        ExprValue::Real(n) => Some(*n),
        ExprValue::Seconds(nanoseconds) => Some(*nanoseconds as f64 / 1e9),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_exact() {
        use Operator::{Add, Divide, Multiply, Subtract};
        let epoch = ExprValue::Seconds(1_700_000_000_005_000_001);
        let (one, three, half) = (ExprValue::Seconds(1), ExprValue::Integer(3), ExprValue::Real(0.5));
        let cases = [
            (&epoch, Subtract, &one, ExprValue::Seconds(1_700_000_000_005_000_000)),
            (&epoch, Add, &one, ExprValue::Seconds(1_700_000_000_005_000_002)),
            (&epoch, Multiply, &three, ExprValue::Seconds(5_100_000_000_015_000_003)),
            (&three, Multiply, &epoch, ExprValue::Seconds(5_100_000_000_015_000_003)),
            (&ExprValue::Seconds(10), Divide, &three, ExprValue::Seconds(3)),
            (&ExprValue::Seconds(10), Multiply, &half, ExprValue::Seconds(5)),
            (&ExprValue::Seconds(6), Divide, &ExprValue::Seconds(4), ExprValue::Real(1.5)),
            (&one, Divide, &ExprValue::Integer(0), ExprValue::None),
            (&ExprValue::Seconds(i128::MAX), Add, &one, ExprValue::None),
            (&one, Add, &ExprValue::None, ExprValue::None),
        ];
        for (left, operator, right, expected) in cases {
            assert_eq!(compute(left, operator, right), expected, "{left:?} {operator:?} {right:?}");
        }
        assert_eq!(negate(&ExprValue::Seconds(i128::MIN)), ExprValue::None);
    }
}
