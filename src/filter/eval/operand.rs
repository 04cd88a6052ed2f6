//! What a field, a function of it or a slice yields in a frame.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::filter::ast::{End, Function, Stretch};
use crate::filter::plan::{Operand, Subject, octets};
use crate::filter::records::Records;
use crate::layer::Value;

/// Visits each value that it has in the frame. What is absent has none, not even a number of values.
pub(super) fn values(records: &dyn Records, frame: u32, operand: &Operand, visit: &mut dyn FnMut(&Value)) {
    let Operand { subject, function, slice } = operand;
    let mut seen = 0;
    let mut made = |value: &Value| match (function, slice) {
        (Some(Function::Count), _) => seen += 1,
        (None, None) => visit(value),
        (function, slice) => {
            let value = function.map_or_else(|| Cow::Borrowed(value), |function| Cow::Owned(applied(function, value)));
            match slice {
                None => visit(&value),
                Some(stretches) => visit(&Value::Bytes(sliced(&raw(&value), stretches))),
            }
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
        (Function::Len, value) => Value::Uint(raw(value).len() as u64),
        (_, value) => value.clone(),
    }
}

/// The octets of a value, which an address has, too.
fn raw(value: &Value) -> Cow<'_, [u8]> {
    match value {
        Value::Address(IpAddr::V4(address)) => Cow::Owned(address.octets().to_vec()),
        Value::Address(IpAddr::V6(address)) => Cow::Owned(address.octets().to_vec()),
        value => Cow::Borrowed(octets(value).unwrap_or_default()),
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
    use super::sliced;
    use crate::filter::ast::{End, Stretch};

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
