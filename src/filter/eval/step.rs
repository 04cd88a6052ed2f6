//! One step of a calculation in a filter. Numbers are exact, and what has no room in the bits that Wireshark calculates with is
//! not there: so it is done there, too.

use std::net::IpAddr;

use crate::filter::ast::Step;
use crate::filter::plan::{number, octets};
use crate::layer::Value;

/// What comes of two values; nothing where it has no room, or something is divided by 0.
pub(super) fn stepped(left: &Value, step: Step, right: &Value, bits: u32) -> Option<Value> {
    if step == Step::And {
        return common(left, right);
    }
    if let (Value::Seconds(left), Value::Seconds(right)) = (left, right) {
        return match step {
            Step::Add => left.checked_add(*right),
            Step::Subtract => left.checked_sub(*right),
            Step::Multiply | Step::Divide | Step::Remainder | Step::And => None,
        }
        .map(Value::Seconds);
    }
    let (left, right) = (number(left)?, number(right)?);
    let found = match step {
        Step::Add => left.checked_add(right),
        Step::Subtract => left.checked_sub(right),
        Step::Multiply => left.checked_mul(right),
        Step::Divide => left.checked_div(right),
        Step::Remainder => left.checked_rem(right),
        Step::And => None,
    };
    with_room(found?, bits)
}

/// The value with the other sign.
pub(super) fn negative(value: &Value, bits: u32) -> Option<Value> {
    match value {
        Value::Seconds(nanoseconds) => nanoseconds.checked_neg().map(Value::Seconds),
        value => with_room(number(value)?.checked_neg()?, bits),
    }
}

/// The value without its sign.
pub(super) fn size(value: &Value) -> Option<Value> {
    match value {
        Value::Seconds(nanoseconds) => nanoseconds.checked_abs().map(Value::Seconds),
        Value::Uint(number) => Some(Value::Uint(*number)),
        Value::Int(number) => number.checked_abs().map(Value::Int),
        _ => None,
    }
}

/// A number if it has room in so many bits: without a sign if there is none, else with one.
fn with_room(found: i128, bits: u32) -> Option<Value> {
    let bits = bits.min(64);
    let has_room = (-(1 << (bits - 1))..1 << bits).contains(&found);
    i64::try_from(found).ok().filter(|_| has_room).map(Value::Int)
}

/// The bits that are set in both; of octets as many as both have, as in Wireshark.
fn common(left: &Value, right: &Value) -> Option<Value> {
    Some(match (left, right) {
        (Value::Uint(left), Value::Uint(right)) => Value::Uint(left & right),
        (Value::Uint(_) | Value::Int(_), Value::Uint(_) | Value::Int(_)) => {
            Value::Int(i64::try_from(number(left)? & number(right)?).ok()?)
        }
        (Value::Address(IpAddr::V4(left)), Value::Address(IpAddr::V4(right))) => {
            Value::Address((*left & *right).into())
        }
        (Value::Address(IpAddr::V6(left)), Value::Address(IpAddr::V6(right))) => {
            Value::Address((*left & *right).into())
        }
        (left, right) => {
            let both = octets(left)?.iter().zip(octets(right)?);
            Value::Bytes(both.map(|(left, right)| left & right).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{negative, size, stepped};
    use crate::filter::ast::Step;
    use crate::layer::Value::{self, Int, Seconds, Uint};

    #[test]
    fn what_has_no_room_is_not_there() {
        let cases: [(Value, Step, Value, u32, Option<Value>); 14] = [
            (Uint(2), Step::Add, Uint(3), 32, Some(Int(5))),
            (Uint(u32::MAX.into()), Step::Add, Uint(0), 32, Some(Int(u32::MAX.into()))),
            (Uint(u32::MAX.into()), Step::Add, Uint(1), 32, None),
            (Uint(0), Step::Subtract, Uint(1), 32, Some(Int(-1))),
            (Uint(0), Step::Subtract, Uint(1 << 31), 32, Some(Int(i32::MIN.into()))),
            (Uint(0), Step::Subtract, Uint((1 << 31) + 1), 32, None),
            (Uint(u64::MAX), Step::Multiply, Uint(u64::MAX), 64, None),
            (Int(i64::MIN), Step::Divide, Int(-1), 64, None),
            (Int(i64::MIN), Step::Remainder, Int(-1), 64, Some(Int(0))),
            (Uint(7), Step::Divide, Int(-2), 32, Some(Int(-3))),
            (Int(-7), Step::Remainder, Uint(2), 32, Some(Int(-1))),
            (Uint(7), Step::Remainder, Uint(0), 32, None),
            (Seconds(i128::MAX), Step::Add, Seconds(1), 32, None),
            (Int(-1), Step::And, Uint(0xff), 32, Some(Int(0xff))),
        ];
        for (left, step, right, bits, expected) in cases {
            assert_eq!(stepped(&left, step, &right, bits), expected, "{left} {step} {right}");
        }
    }

    #[test]
    fn signs() {
        assert_eq!((negative(&Uint(3), 32), negative(&Uint(u64::MAX), 64)), (Some(Int(-3)), None));
        assert_eq!((size(&Int(-3)), size(&Int(i64::MIN))), (Some(Int(3)), None));
        assert_eq!((size(&Seconds(-3)), negative(&Seconds(i128::MIN), 32)), (Some(Seconds(3)), None));
    }
}
