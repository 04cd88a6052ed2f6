//! A filter whose names and types are known: constants are converted, nothing is left to decide per frame.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::net::IpAddr;

use regex::bytes::Regex;

use super::ast::{Choice, Function, Quantifier, Step, Stretch};
use crate::layer::{FieldDef, Value};

/// What a frame is asked.
#[derive(Debug, Clone)]
pub enum Plan {
    Protocol(&'static str),
    Field(&'static FieldDef),
    /// There are octets in the slice.
    Sliced(Operand),
    /// Any of the bits is set.
    Bits(Operand),
    Compare {
        left: Operand,
        quantifier: Quantifier,
        order: Order,
        right: Constant,
    },
    /// Two fields: every value of the one with every value of the other.
    Pair {
        left: Operand,
        quantifier: Quantifier,
        order: Order,
        right: Operand,
    },
    Search {
        subject: Operand,
        quantifier: Quantifier,
        needle: Needle,
    },
    Member {
        left: &'static FieldDef,
        quantifier: Quantifier,
        set: Vec<(Constant, Option<Constant>)>,
    },
    Not(Box<Plan>),
    All(Vec<Plan>),
    Any(Vec<Plan>),
}

/// What is looked at in a frame, and what is calculated with it.
#[derive(Debug, Clone)]
pub enum Operand {
    Made(Made),
    Constant(Value),
    /// In so many bits.
    Negative(Box<Operand>, u32),
    Choice(Choice, Vec<Operand>),
    Steps {
        first: Box<Operand>,
        rest: Vec<(Step, Operand)>,
        /// What has no room in so many is not there.
        bits: u32,
    },
}

/// The values of a field or the octets of a protocol, or what is made of each of them.
#[derive(Debug, Clone)]
pub struct Made {
    pub subject: Subject,
    pub function: Option<Function>,
    pub slices: Vec<Vec<Stretch>>,
}

/// Whose values or octets they are.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    Protocol(&'static str),
    Field(&'static FieldDef),
}

/// What is searched for.
#[derive(Debug, Clone)]
pub enum Needle {
    Octets(Vec<u8>),
    Pattern(Regex),
}

/// Which outcome of a comparison holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// A literal, converted to what its field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    Bool(bool),
    Uint(u64),
    Int(i64),
    /// Time is compared in whole nanoseconds, as captures store it: 0.1 + 0.2 s is 0.3 s.
    Nanos(i128),
    /// Text, bytes and Ethernet addresses are compared octet by octet.
    Octets(Vec<u8>),
    Address(IpAddr),
    /// An address block; the addresses in it are equal to it.
    Network {
        base: IpAddr,
        bits: u8,
    },
}

impl Operand {
    /// The subject as it is.
    pub fn plain(subject: Subject) -> Self {
        Self::Made(Made { subject, function: None, slices: Vec::new() })
    }

    /// The protocol, if nothing is made of its octets.
    pub fn bare_protocol(&self) -> Option<&'static str> {
        match self {
            Self::Made(Made { subject: Subject::Protocol(name), function: None, slices }) if slices.is_empty() => {
                Some(name)
            }
            _ => None,
        }
    }

    /// Whether it is cut out of something.
    pub fn is_slice(&self) -> bool {
        matches!(self, Self::Made(made) if !made.slices.is_empty())
    }
}

impl Order {
    /// Whether it holds for two values that stand like this; those that cannot be compared are merely different.
    pub fn holds(self, ordering: Option<Ordering>) -> bool {
        let Some(ordering) = ordering else { return self == Self::NotEqual };
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
        }
    }
}

impl Constant {
    /// The value itself; `None` of what is none, as a block of addresses.
    pub fn into_value(self) -> Option<Value> {
        Some(match self {
            Self::Bool(value) => Value::Bool(value),
            Self::Uint(value) => Value::Uint(value),
            Self::Int(value) => Value::Int(value),
            Self::Nanos(value) => Value::Seconds(value),
            Self::Octets(octets) => Value::Bytes(octets),
            Self::Address(address) => Value::Address(address),
            Self::Network { .. } => return None,
        })
    }

    /// How the value stands to this constant.
    pub fn order(&self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Bool(right), Value::Bool(left)) => Some(left.cmp(right)),
            (Self::Uint(right), Value::Uint(left)) => Some(left.cmp(right)),
            (Self::Int(right), left) => Some(number(left)?.cmp(&(*right).into())),
            (Self::Nanos(right), Value::Seconds(left)) => Some(left.cmp(right)),
            (Self::Octets(right), Value::Text(left)) => Some(left.as_bytes().cmp(right)),
            (Self::Octets(right), left) => octets(left).map(|left| by_length(left, right)),
            (Self::Address(right), Value::Address(left)) => same_family(*left, *right),
            (Self::Network { base, bits }, Value::Address(left)) => {
                same_family(masked(*left, *bits), masked(*base, *bits))
            }
            _ => None,
        }
    }
}

impl Needle {
    /// Whether it is found in the octets.
    pub fn found_in(&self, haystack: &[u8]) -> bool {
        match self {
            Self::Octets(needle) => contains(haystack, needle),
            Self::Pattern(regex) => regex.is_match(haystack),
        }
    }
}

/// How two values of fields stand to each other.
pub fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Uint(_) | Value::Int(_), Value::Uint(_) | Value::Int(_)) => Some(number(left)?.cmp(&number(right)?)),
        (Value::Seconds(left), Value::Seconds(right)) => Some(left.cmp(right)),
        (Value::Address(left), Value::Address(right)) => same_family(*left, *right),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => Some(by_length(&raw(left)?, &raw(right)?)),
    }
}

/// A number, whichever sort it is.
pub fn number(value: &Value) -> Option<i128> {
    match value {
        Value::Uint(number) => Some((*number).into()),
        Value::Int(number) => Some((*number).into()),
        _ => None,
    }
}

/// The octets of a value that has any.
pub fn octets(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Text(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        Value::Mac(octets) => Some(octets),
        _ => None,
    }
}

/// The same, and those of an address.
pub fn raw(value: &Value) -> Option<Cow<'_, [u8]>> {
    match value {
        Value::Address(IpAddr::V4(address)) => Some(Cow::Owned(address.octets().to_vec())),
        Value::Address(IpAddr::V6(address)) => Some(Cow::Owned(address.octets().to_vec())),
        value => octets(value).map(Cow::Borrowed),
    }
}

/// How octets stand to each other in Wireshark: the shorter is the lesser, and only equal lengths are looked into.
pub fn by_length(left: &[u8], right: &[u8]) -> Ordering {
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Whether `needle` stands somewhere in `haystack`.
pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}

fn same_family(left: IpAddr, right: IpAddr) -> Option<Ordering> {
    (left.is_ipv4() == right.is_ipv4()).then(|| left.cmp(&right))
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}
