//! What a field, a function of it, a slice of either or a calculation with them yields in a frame.

use std::borrow::Cow;

use super::step::{negative, size, stepped};
use crate::filter::ast::{Choice, End, Function, Stretch};
use crate::filter::plan::{Made, Operand, Order, Subject, octets, order, raw};
use crate::filter::records::Records;
use crate::layer::Value;

/// A step of a calculation combines no more values with each other, however many a peer puts into a frame; one of octets counts
/// once more for each so many of them.
const MAX_PAIRS: usize = 1 << 16;
const OCTETS_OF_A_PAIR: usize = 64;

/// Visits each value that it has in the frame. What is absent has none, not even a number of values.
pub(super) fn values(records: &dyn Records, frame: u32, operand: &Operand, visit: &mut dyn FnMut(&Value)) {
    match operand {
        Operand::Made(asked) => made(records, frame, asked, visit),
        Operand::Constant(value) => visit(value),
        Operand::Negative(inner, bits) => values(records, frame, inner, &mut |value| {
            negative(value, *bits).iter().for_each(&mut *visit);
        }),
        Operand::Choice(Choice::Abs, arguments) => {
            for argument in arguments {
                values(records, frame, argument, &mut |value| size(value).iter().for_each(&mut *visit));
            }
        }
        Operand::Choice(choice, arguments) => {
            chosen(records, frame, *choice, arguments).iter().for_each(visit);
        }
        Operand::Steps { first, rest, bits } => {
            let mut found = all(records, frame, first);
            for (step, other) in rest {
                let others = all(records, frame, other);
                let pairs = found.iter().flat_map(|left| others.iter().map(move |right| (left, right)));
                let mut room = MAX_PAIRS;
                let affordable = pairs.take_while(|(left, _)| {
                    let price = 1 + octets(left).map_or(0, |octets| octets.len() / OCTETS_OF_A_PAIR);
                    let before = room;
                    room = room.saturating_sub(price);
                    before > 0
                });
                let made = affordable.filter_map(|(left, right)| stepped(left, *step, right, *bits));
                found = made.collect();
            }
            found.iter().for_each(visit);
        }
    }
}

fn all(records: &dyn Records, frame: u32, operand: &Operand) -> Vec<Value> {
    let mut found = Vec::new();
    values(records, frame, operand, &mut |value| found.push(value.clone()));
    found
}

/// The least or the greatest of all values that there are.
fn chosen(records: &dyn Records, frame: u32, choice: Choice, arguments: &[Operand]) -> Option<Value> {
    let better = if choice == Choice::Min { Order::Less } else { Order::Greater };
    let mut best: Option<Value> = None;
    for argument in arguments {
        values(records, frame, argument, &mut |value| {
            if best.as_ref().is_none_or(|best| better.holds(order(value, best))) {
                best = Some(value.clone());
            }
        });
    }
    best
}

/// Whether any bit of a value is set.
pub(super) fn is_set(value: &Value) -> bool {
    match value {
        Value::Uint(number) => *number != 0,
        Value::Int(number) => *number != 0,
        Value::Seconds(nanoseconds) => *nanoseconds != 0,
        value => raw(value).unwrap_or_default().iter().any(|octet| *octet != 0),
    }
}

/// Visits each value with which nothing is calculated.
fn made(records: &dyn Records, frame: u32, asked: &Made, visit: &mut dyn FnMut(&Value)) {
    let Made { subject, function, slices } = asked;
    let mut seen = 0;
    let mut made = |value: &Value| match (function, slices.as_slice()) {
        (Some(Function::Count), _) => seen += 1,
        (None, []) => visit(value),
        (function, slices) => {
            let applied = function.map(|function| applied(function, value));
            let mut value = applied.map_or(Cow::Borrowed(value), Cow::Owned);
            for stretches in slices {
                value = Cow::Owned(Value::Bytes(sliced(&raw(&value).unwrap_or_default(), stretches)));
            }
            visit(&value);
        }
    };
    match subject {
        Subject::Field(def) => records.values(frame, def, &mut made),
        Subject::Protocol(name) => {
            records.own_bytes(frame, name, &mut |octets| made(&Value::Bytes(octets.to_vec())));
        }
    }
    if seen > 0 {
        visit(&Value::Uint(seen));
    }
}

fn applied(function: Function, value: &Value) -> Value {
    match (function, value) {
        (Function::Lower, Value::Text(text)) => Value::Text(text.to_ascii_lowercase()),
        (Function::Upper, Value::Text(text)) => Value::Text(text.to_ascii_uppercase()),
        (Function::Len, value) => Value::Uint(raw(value).unwrap_or_default().len() as u64),
        (Function::Text, value) => Value::Text(value.to_string()),
        (_, value) => value.clone(),
    }
}

/// The octets of the stretches, up to the first that is not all there: so Wireshark does it.
fn sliced(octets: &[u8], stretches: &[Stretch]) -> Vec<u8> {
    stretches.iter().map_while(|stretch| part(octets, *stretch)).flatten().copied().collect()
}

fn part(octets: &[u8], stretch: Stretch) -> Option<&[u8]> {
    let from_start = |offset: i32| match usize::try_from(offset) {
        Ok(offset) => Some(offset),
        Err(_) => octets.len().checked_sub(offset.unsigned_abs() as usize),
    };
    let start = from_start(stretch.start)?;
    let end = match stretch.end {
        End::Length(length) => start.checked_add(usize::try_from(length).ok()?)?,
        End::Last(last) => from_start(last)?.checked_add(1)?,
        End::Open => octets.len(),
    };
    octets.get(start..end).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{MAX_PAIRS, sliced, values};
    use crate::filter::ast::{End, Step, Stretch};
    use crate::filter::plan::{Operand, Subject};
    use crate::filter::records::Records;
    use crate::layer::{FieldDef, Value};

    crate::fields! {
        MANY = "many", Bytes, "What a peer sends a lot of.", "";
    }

    /// A frame in which the field has so many values of so many octets.
    struct Crowd(usize, usize);

    impl Records for Crowd {
        fn frames(&self) -> u32 {
            1
        }

        fn time(&self, _: u32) -> i128 {
            0
        }

        fn values(&self, _: u32, _: &'static FieldDef, visit: &mut dyn FnMut(&Value)) {
            (0..self.0).for_each(|_| visit(&Value::Bytes(vec![1; self.1])));
        }

        fn has_protocol(&self, _: u32, _: &str) -> bool {
            false
        }

        fn protocol_bytes(&self, _: u32, _: &str, _: &mut dyn FnMut(&[u8])) {}

        fn own_bytes(&self, _: u32, _: &str, _: &mut dyn FnMut(&[u8])) {}
    }

    /// Many values, combined with as many, and those once more.
    #[test]
    fn a_crowd_is_not_multiplied() {
        let field = || Operand::plain(Subject::Field(FIELDS[0]));
        let rest = (0..16).map(|_| (Step::And, field())).collect();
        let operand = Operand::Steps { first: Box::new(field()), rest, bits: 32 };
        let made = |crowd: Crowd| {
            let mut made = 0;
            values(&crowd, 1, &operand, &mut |_| made += 1);
            made
        };
        assert_eq!(made(Crowd(1, 1)), 1);
        assert_eq!(made(Crowd(2, 1)), MAX_PAIRS);
        assert_eq!(made(Crowd(3_000, 1)), MAX_PAIRS);
        assert_eq!(made(Crowd(300, 6_300)), MAX_PAIRS.div_ceil(1 + 6_300 / 64), "octets take room, too");
    }

    #[test]
    fn counted_from_both_ends() {
        let cut = |start, end| String::from_utf8(sliced(b"socket.io", &[Stretch { start, end }])).unwrap();
        assert_eq!(cut(0, End::Length(6)), "socket");
        assert_eq!(cut(-2, End::Length(1)), "i");
        assert_eq!(cut(-2, End::Open), "io");
        assert_eq!(cut(6, End::Last(6)), ".");
        assert_eq!(cut(-3, End::Last(-2)), ".i");
        assert_eq!(cut(1, End::Last(-1)), "ocket.io");
        for (start, end) in [
            (9, End::Length(1)),
            (9, End::Open),
            (-10, End::Length(1)),
            (5, End::Length(5)),
            (3, End::Last(9)),
            (-1, End::Last(0)),
            (0, End::Last(-10)),
            (i32::MIN, End::Open),
            (i32::MAX, End::Length(i32::MAX)),
        ] {
            assert_eq!(cut(start, end), "", "{start} {end:?}");
        }
    }

    #[test]
    fn what_is_not_there_ends_the_slice() {
        let parts = [(0, 2), (5, 1), (7, 9), (0, 1)].map(|(start, length)| Stretch { start, end: End::Length(length) });
        assert_eq!(sliced(b"abcdefgh", &parts), b"abf");
    }
}
