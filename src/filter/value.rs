//! What an expression yields, and how it reads in a sentence.

use std::fmt;
use std::net::IpAddr;

use crate::layer::{Kind, Value, colon_hex};

/// The value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprValue {
    /// True or false.
    Bool(bool),
    /// A whole number, exact.
    Integer(i128),
    /// A number with decimals.
    Real(f64),
    /// A number of seconds, in whole nanoseconds.
    Seconds(i128),
    /// Text.
    Text(String),
    /// Octets.
    Bytes(Vec<u8>),
    /// An IP address.
    Address(IpAddr),
    /// An Ethernet address.
    Mac([u8; 6]),
    /// The number of a frame.
    Frame(u32),
    /// Several values, each different, in order of appearance.
    List(Vec<ExprValue>),
    /// Nothing was found: no comparison with it holds, and arithmetic with it yields none.
    None,
}

/// The type of an expression, known before it is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// A number of seconds.
    Seconds,
    /// Text.
    Text,
    /// Octets.
    Bytes,
    /// An IP address.
    Address,
    /// An Ethernet address.
    Mac,
    /// The number of a frame.
    Frame,
    /// Several values.
    List,
}

impl ExprValue {
    /// The octets of text, bytes and Ethernet addresses.
    pub(super) fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Mac(octets) => Some(octets),
            _ => None,
        }
    }
}

impl From<&Value> for ExprValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(b) => Self::Bool(*b),
            Value::Uint(n) => Self::Integer((*n).into()),
            Value::Int(n) => Self::Integer((*n).into()),
            Value::Seconds(s) => Self::Seconds(*s),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Value::Address(address) => Self::Address(*address),
            Value::Mac(octets) => Self::Mac(*octets),
            Value::Present => Self::Bool(true),
        }
    }
}

impl fmt::Display for ExprValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Real(n) => f.write_str(&decimal(*n)),
            Self::Seconds(s) => f.write_str(&duration(*s)),
            Self::Text(text) => f.write_str(text),
            Self::Bytes(bytes) => f.write_str(&spaced_hex(bytes)),
            Self::Address(address) => write!(f, "{address}"),
            Self::Mac(octets) => f.write_str(&colon_hex(octets)),
            Self::Frame(frame) => write!(f, "{frame}"),
            Self::List(values) if values.is_empty() => f.write_str("none"),
            Self::List(values) => {
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::None => f.write_str("none"),
        }
    }
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bool | Kind::Presence => Self::Bool,
            Kind::Uint(_) | Kind::Int(_) => Self::Number,
            Kind::Seconds => Self::Seconds,
            Kind::Text => Self::Text,
            Kind::Bytes => Self::Bytes,
            Kind::Address => Self::Address,
            Kind::Mac => Self::Mac,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Seconds => "a number of seconds",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Address => "an IP address",
            Self::Mac => "an Ethernet address",
            Self::Frame => "a frame",
            Self::List => "a list",
        })
    }
}

/// Octets as in the drawings: `37 fa 21 3d`.
pub(super) fn spaced_hex(bytes: &[u8]) -> String {
    colon_hex(bytes).replace(':', " ")
}

/// At most three decimals, and none that say nothing.
fn decimal(number: f64) -> String {
    if number != 0.0 && number.abs() < 0.001 { format!("{number:e}") } else { trimmed(&format!("{number:.3}")) }
}

/// `1.2 s`, `20 ms`, `0.04 ms`: about three digits, two where a millisecond is not reached.
fn duration(nanoseconds: i128) -> String {
    let (seconds, milliseconds) = (nanoseconds as f64 / 1e9, nanoseconds as f64 / 1e6);
    match milliseconds.abs() {
        0.0 => "0 s".to_owned(),
        // Half a unit short of the next rank is rounded up to it: never "1000 ms".
        size if size >= 999.5 => format!("{} s", trimmed(&format!("{seconds:.2}"))),
        size if size >= 99.95 => format!("{milliseconds:.0} ms"),
        size if size >= 9.995 => format!("{} ms", trimmed(&format!("{milliseconds:.1}"))),
        size if size >= 0.995 => format!("{} ms", trimmed(&format!("{milliseconds:.2}"))),
        size => {
            // Captures know nanoseconds, which are six decimals of a millisecond.
            let zeros = (-size.log10()).floor().clamp(0.0, 4.0) as usize;
            format!("{} ms", trimmed(&format!("{milliseconds:.*}", zeros + 2)))
        }
    }
}

fn trimmed(number: &str) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::ExprValue;

    #[test]
    fn reads_well_in_a_sentence() {
        let cases = [
            (ExprValue::Seconds(40_000), "0.04 ms"),
            (ExprValue::Seconds(41_200), "0.041 ms"),
            (ExprValue::Seconds(1), "0.000001 ms"),
            (ExprValue::Seconds(400_000), "0.4 ms"),
            (ExprValue::Seconds(1_000_000), "1 ms"),
            (ExprValue::Seconds(20_300_000), "20.3 ms"),
            (ExprValue::Seconds(250_000_000), "250 ms"),
            (ExprValue::Seconds(999_700_000), "1 s"),
            (ExprValue::Seconds(1_200_000_000), "1.2 s"),
            (ExprValue::Seconds(-1_200_000_000), "-1.2 s"),
            (ExprValue::Seconds(0), "0 s"),
            (ExprValue::Real(0.5), "0.5"),
            (ExprValue::Real(2.0 / 3.0), "0.667"),
            (ExprValue::Integer(u64::MAX.into()), "18446744073709551615"),
            (ExprValue::Bytes(vec![0x37, 0xfa, 0x21, 0x3d]), "37 fa 21 3d"),
            (ExprValue::Frame(7), "7"),
            (ExprValue::List(vec![ExprValue::Integer(1), ExprValue::Text("a".into())]), "1, a"),
            (ExprValue::List(vec![]), "none"),
            (ExprValue::None, "none"),
            (ExprValue::Bool(true), "true"),
        ];
        for (value, text) in cases {
            assert_eq!(value.to_string(), text, "{value:?}");
        }
    }
}
