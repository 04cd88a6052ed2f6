//! Literals of expressions: what a word means, given what stands beside it.
//!
//! ```text
//! number   = 1*DIGIT [ "." 1*DIGIT ]
//! duration = number ( "ns" / "us" / "ms" / "s" )
//! bytes    = "0x" 1*( 2HEXDIG ) / octet *( ":" octet )      ; beside a number, 0x1f90 is one too
//! truth    = "true" / "false"                              ; beside one, 1 and 0 are too
//! ```

use super::literal::{address, boolean, bytes, contiguous, decimal, mac, scaled};
use super::number::uint;
use crate::filter::ast::Literal;
use crate::filter::plan::Constant;
use crate::filter::value::{ExprValue, Type};

/// The value of a literal beside something of type `beside`; nothing if the word is no value.
pub(super) fn value(literal: &Literal, beside: Option<Type>) -> Option<(ExprValue, Type)> {
    match literal {
        Literal::Text(octets) => Some(match String::from_utf8(octets.clone()) {
            Ok(text) => (ExprValue::Text(text), Type::Text),
            Err(_) => (ExprValue::Bytes(octets.clone()), Type::Bytes),
        }),
        // Only filters have them.
        Literal::Character(_) => None,
        Literal::Word(word) => beside.and_then(|beside| adapted(word, beside)).or_else(|| alone(word)),
    }
}

fn adapted(word: &str, beside: Type) -> Option<(ExprValue, Type)> {
    let value = match beside {
        Type::Number | Type::Frame if word.starts_with("0x") => ExprValue::Integer(uint(word)?.into()),
        Type::Seconds if word == "0" => ExprValue::Seconds(0),
        Type::Bool => ExprValue::Bool(boolean(word)?),
        Type::Bytes => ExprValue::Bytes(octets(word)?),
        Type::Mac => ExprValue::Mac(mac(word)?),
        Type::Address => ip(word)?,
        _ => return None,
    };
    let sort = if beside == Type::Frame { Type::Number } else { beside };
    Some((value, sort))
}

fn alone(word: &str) -> Option<(ExprValue, Type)> {
    match word {
        "true" | "True" | "TRUE" => return Some((ExprValue::Bool(true), Type::Bool)),
        "false" | "False" | "FALSE" => return Some((ExprValue::Bool(false), Type::Bool)),
        _ => {}
    }
    if !word.contains(':') && !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if word.bytes().all(|b| b.is_ascii_digit()) {
        return word.parse::<u64>().ok().map(|n| (ExprValue::Integer(n.into()), Type::Number));
    }
    None.or_else(|| decimal(word).map(|n| (ExprValue::Real(n), Type::Number)))
        .or_else(|| duration(word).map(|s| (ExprValue::Seconds(s), Type::Seconds)))
        .or_else(|| octets(word).map(|octets| (ExprValue::Bytes(octets), Type::Bytes)))
        .or_else(|| ip(word).map(|address| (address, Type::Address)))
}

fn octets(word: &str) -> Option<Vec<u8>> {
    match word.strip_prefix("0x") {
        Some(digits) => contiguous(digits),
        None => word.contains(':').then(|| bytes(word))?,
    }
}

fn ip(word: &str) -> Option<ExprValue> {
    match address(word)? {
        Constant::Address(address) => Some(ExprValue::Address(address)),
        _ => None,
    }
}

/// In nanoseconds.
fn duration(word: &str) -> Option<i128> {
    const UNITS: [(&str, u32); 4] = [("ns", 0), ("us", 3), ("ms", 6), ("s", 9)];
    let (digits, zeros) = UNITS.iter().find_map(|(unit, zeros)| Some((word.strip_suffix(unit)?, *zeros)))?;
    scaled(digits, zeros)
}
