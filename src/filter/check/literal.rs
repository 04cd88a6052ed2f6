//! Literals: what a word or text means beside a field of some kind.
//!
//! ```text
//! Uint    = 1*DIGIT / "0x" 1*HEXDIG / "0b" 1*BIT / "0" 1*OCTDIG
//! Bool    = "0" / "1" / "True" / "TRUE" / "False" / "FALSE"
//! Seconds = [ "-" ] 1*DIGIT [ "." 1*DIGIT ]
//! Text    = string
//! Bytes   = string / char / 1*2HEXDIG / [ ":" ] octet *( ( ":" / "-" / "." ) octet ) / 2*octet / "0x" octet
//! Address = IPv4 [ "/" 0..32 ] / IPv6 [ "/" 0..128 ]
//! Mac     = six octets between ":" or "-", or three groups of four digits between "."
//! ```

use std::net::IpAddr;

use super::number::{self, uint};
use crate::filter::ast::{Literal, Spanned};
use crate::filter::plan::Constant;
use crate::layer::Kind;
use crate::mistake::Mistake;

/// What a literal stands beside.
pub(super) struct Beside<'a> {
    /// As it was written.
    pub(super) name: &'a str,
    /// What it holds.
    pub(super) kind: Kind,
    /// What that means, of a field as it is.
    pub(super) meaning: &'static str,
}

/// The two kinds of IP addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// Which addresses a field of this name has: Wireshark's have those of one family, and the protocol's name says so.
fn family_of(name: &str) -> Family {
    let protocol = name.split('.').next().unwrap_or_default();
    if protocol.ends_with("v6") { Family::V6 } else { Family::V4 }
}

fn family(constant: &Constant) -> Option<Family> {
    match constant {
        Constant::Address(it) | Constant::Network { base: it, .. } => {
            Some(if it.is_ipv4() { Family::V4 } else { Family::V6 })
        }
        _ => None,
    }
}

/// What the literal means beside the field.
pub(super) fn constant(def: &Beside<'_>, literal: &Spanned<Literal>) -> Result<Constant, Mistake> {
    let found = match (def.kind, &literal.node) {
        (Kind::Text | Kind::Bytes, Literal::Text(text)) => Some(Constant::Octets(text.clone())),
        (Kind::Text | Kind::Bytes, Literal::Character(octet)) => Some(Constant::Octets(vec![*octet])),
        (Kind::Uint(_), Literal::Character(octet)) => Some(Constant::Uint(u64::from(*octet))),
        (Kind::Int(_), Literal::Character(octet)) => Some(Constant::Int(i64::from(*octet))),
        (Kind::Text, Literal::Word(word)) => return Err(unquoted(def, literal, word)),
        (_, Literal::Text(_) | Literal::Character(_)) | (Kind::Presence, _) => None,
        (Kind::Bool, Literal::Word(word)) => boolean(word).map(Constant::Bool),
        (Kind::Uint(_) | Kind::Int(_), Literal::Word(word)) => number::whole(def, literal, word)?,
        (Kind::Seconds, Literal::Word(word)) => seconds(word).map(Constant::Nanos),
        (Kind::Bytes, Literal::Word(word)) => bytes(word).map(Constant::Octets),
        (Kind::Mac, Literal::Word(word)) => mac(word).map(|mac| Constant::Octets(mac.to_vec())),
        (Kind::Address, Literal::Word(word)) => {
            address(word).filter(|found| family(found) == Some(family_of(def.name)))
        }
    };
    found.ok_or_else(|| mismatch(def, literal))
}

/// The octets to search for in text or bytes.
pub(super) fn needle(def: &Beside<'_>, literal: &Spanned<Literal>) -> Result<Vec<u8>, Mistake> {
    let octets = match (&literal.node, def.kind) {
        (Literal::Text(text), _) => text.clone(),
        (Literal::Character(octet), _) => vec![*octet],
        (Literal::Word(word), Kind::Text) => return Err(unquoted(def, literal, word)),
        (Literal::Word(word), _) => bytes(word).ok_or_else(|| {
            let error = Mistake::new(literal.range.clone(), format!("{word} is neither text nor bytes"));
            error.help(format!("for text write \"{word}\", for bytes 81:05"))
        })?,
    };
    if octets.is_empty() {
        return Err(Mistake::new(literal.range.clone(), "every text contains the empty text"));
    }
    Ok(octets)
}

/// Seconds in nanoseconds, which may have a minus before them: frames may be earlier than the one before.
fn seconds(word: &str) -> Option<i128> {
    match word.strip_prefix('-') {
        Some(size) => scaled(size, 9).map(|size| -size),
        None => scaled(word, 9),
    }
}

/// A number with or without decimals; no exponent, no sign, no "inf".
pub(super) fn decimal(word: &str) -> Option<f64> {
    parts(word).and_then(|_| word.parse().ok())
}

/// Such a number times a power of ten with this many zeros, 9 at the most, rounded to a whole number: it is never a float,
/// which has too few digits for nanoseconds since 1970.
pub(super) fn scaled(word: &str, zeros: u32) -> Option<i128> {
    const DIGITS: u32 = MAX_DIGITS as u32;
    let (whole, fraction) = parts(word)?;
    let smallest: i128 = format!("{whole}{fraction:0<MAX_DIGITS$}").parse().ok()?;
    let unit = 10_i128.pow(DIGITS.checked_sub(zeros)?);
    Some((smallest + unit / 2) / unit)
}

/// More digits than this on one side of the point are no number here.
const MAX_DIGITS: usize = 18;

/// What stands before and behind the point.
fn parts(word: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= MAX_DIGITS && part.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(fraction)).then_some((whole, fraction))
}

/// True or false, as Wireshark writes it.
pub(super) fn boolean(word: &str) -> Option<bool> {
    match word {
        "1" | "True" | "TRUE" => Some(true),
        "0" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Octets in hexadecimal.
pub(super) fn bytes(word: &str) -> Option<Vec<u8>> {
    // A single digit is an octet, too: tcp[13] == 2.
    if word.len() == 1 {
        return separated(&format!("0{word}"), ':');
    }
    // 0x47 is one octet; for more, Wireshark wants them separated.
    if let Some(octet) = word.strip_prefix("0x").filter(|octet| octet.len() <= 2) {
        return separated(&format!("{octet:0>2}"), ':');
    }
    if word.len() > 2 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return contiguous(word);
    }
    [':', '-', '.'].into_iter().find_map(|separator| separated(word.strip_prefix(':').unwrap_or(word), separator))
}

/// Octets without separators.
pub(super) fn contiguous(digits: &str) -> Option<Vec<u8>> {
    if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// An Ethernet address.
pub(super) fn mac(word: &str) -> Option<[u8; 6]> {
    let octets = bytes(word).or_else(|| {
        let groups: Vec<&str> = word.split('.').collect();
        (groups.len() == 3 && groups.iter().all(|group| group.len() == 4)).then(|| contiguous(&groups.concat()))?
    })?;
    octets.try_into().ok()
}

/// An IP address or a block of them.
pub(super) fn address(word: &str) -> Option<Constant> {
    let Some((base, bits)) = word.split_once('/') else {
        return word.parse().ok().map(Constant::Address);
    };
    let base: IpAddr = base.parse().ok()?;
    let bits = u8::try_from(uint(bits)?).ok()?;
    (bits <= if base.is_ipv4() { 32 } else { 128 }).then_some(Constant::Network { base, bits })
}

/// What a field of this kind holds, as part of a sentence.
pub(super) fn holding(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Uint(_) => "a number",
        Kind::Int(_) => "a number with a sign",
        Kind::Seconds => "a number of seconds",
        Kind::Text => "text",
        Kind::Bytes => "bytes",
        Kind::Address => "an IP address",
        Kind::Mac => "an Ethernet address",
        Kind::Presence => "nothing",
    }
}

/// The same, of what is written so: of addresses also which.
pub(super) fn holding_of(name: &str, kind: Kind) -> &'static str {
    match (kind, family_of(name)) {
        (Kind::Address, Family::V4) => "an IPv4 address",
        (Kind::Address, Family::V6) => "an IPv6 address",
        (kind, _) => holding(kind),
    }
}

fn separated(word: &str, separator: char) -> Option<Vec<u8>> {
    word.split(separator).map(|octet| (octet.len() == 2).then(|| contiguous(octet)?.pop())?).collect()
}

fn unquoted(def: &Beside<'_>, literal: &Spanned<Literal>, word: &str) -> Mistake {
    let message = format!("{} holds text; {word} is not in quotes", def.name);
    let error = Mistake::new(literal.range.clone(), message);
    match one_of(def.meaning) {
        Some(values) if !values.contains(&word) => {
            let quoted: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
            error.help(format!("it is one of {}", quoted.join(", ")))
        }
        _ => error.help(format!("write \"{word}\"")),
    }
}

/// The values a field can have, if its meaning is the list of them, or begins with it: `open, close or noop; or what stands
/// there.`
fn one_of(meaning: &'static str) -> Option<Vec<&'static str>> {
    let list = meaning.split_once(';').map_or_else(|| meaning.strip_suffix('.'), |(list, _)| Some(list))?;
    let (most, last) = list.rsplit_once(" or ")?;
    let values: Vec<&str> = most.split(", ").chain([last]).collect();
    let are_words = values.len() > 2 && values.iter().all(|value| !value.contains(char::is_whitespace));
    are_words.then_some(values)
}

fn mismatch(def: &Beside<'_>, literal: &Spanned<Literal>) -> Mistake {
    let holds = holding_of(def.name, def.kind);
    let error = match &literal.node {
        Literal::Text(_) => {
            Mistake::new(literal.range.clone(), format!("{} holds {holds}; {} is text", def.name, literal.node))
        }
        Literal::Word(_) | Literal::Character(_) => {
            Mistake::new(literal.range.clone(), format!("{} holds {holds}; {} is not", def.name, literal.node))
        }
    };
    match (def.kind, &literal.node) {
        (Kind::Bool, _) => error.help("write 1 or 0, True or False"),
        (Kind::Uint(_), _) => error.help("write a whole number, such as 80 or 0x50"),
        (Kind::Int(_), _) => error.help("write a whole number, such as 80 or -1"),
        (Kind::Seconds, _) => error.help("write seconds without a unit, such as 0.02"),
        (Kind::Bytes, Literal::Word(word)) if decimal_octet(word).is_some() => {
            error.help(format!("octets are hexadecimal: write {:02x}", decimal_octet(word).unwrap_or_default()))
        }
        (Kind::Bytes, _) => error.help("write octets such as 81:05, or text in quotes"),
        (Kind::Address, written) => error.help(other_address(def, written)),
        (Kind::Mac, _) => error.help("write six octets such as 00:1b:21:3c:4d:5e"),
        _ => error,
    }
}

/// The octet that was meant by three decimal digits: two are hexadecimal.
fn decimal_octet(word: &str) -> Option<u8> {
    word.parse().ok().filter(|_| word.len() == 3 && !word.starts_with('0'))
}

/// What to write instead of what is no address of the field's family.
fn other_address(def: &Beside<'_>, written: &Literal) -> String {
    let word = match written {
        Literal::Word(word) => word.as_str(),
        Literal::Text(_) | Literal::Character(_) => "",
    };
    // Of `ip.src & …` the field.
    let field = def.name.split(' ').next().unwrap_or_default();
    let there = match field.split_once('.') {
        Some(("ip", end @ ("addr" | "src" | "dst"))) => Some(("IPv6", format!("ipv6.{end}"))),
        Some(("ipv6", end @ ("addr" | "src" | "dst"))) => Some(("IPv4", format!("ip.{end}"))),
        _ => None,
    };
    match (there, address(word), family_of(def.name)) {
        (Some((_, other)), Some(Constant::Address(it)), _) if it.is_loopback() && field == def.name => {
            let (v4, v6) = if other.starts_with("ipv6") { (field, other.as_str()) } else { (other.as_str(), field) };
            format!("localhost is 127.0.0.1 or ::1: write {v4} == 127.0.0.1 || {v6} == ::1")
        }
        (Some((family, other)), Some(_), _) => format!("addresses of {family} stand in {other}"),
        (_, _, Family::V4) => "write an address such as 127.0.0.1, or a block such as 10.0.0.0/8".to_owned(),
        (_, _, Family::V6) => "write an address such as ::1, or a block such as fd00::/8".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{boolean, bytes, decimal, mac, one_of, scaled, seconds};

    #[test]
    fn seconds_with_a_sign() {
        assert_eq!(
            (seconds("-1"), seconds("-0.5"), seconds("0.5")),
            (Some(-1_000_000_000), Some(-500_000_000), Some(500_000_000))
        );
        for wrong in ["--1", "-", "- 1", "-.5", ""] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn octets() {
        for right in ["47:45", "47-45", "47.45", ":47:45", "4745"] {
            assert_eq!(bytes(right), Some(vec![0x47, 0x45]), "{right}");
        }
        assert_eq!(bytes("81"), Some(vec![0x81]));
        assert_eq!(bytes("0x81"), Some(vec![0x81]));
        assert_eq!(bytes("0x8"), Some(vec![0x08]));
        assert_eq!(bytes("4"), Some(vec![0x04]));
        for wrong in ["0x4745", "474", "g", "47:4", "47:45-46", "", ":", "xy"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ethernet_addresses() {
        let address = Some([0, 0x1b, 0x21, 0x3c, 0x4d, 0x5e]);
        assert_eq!(mac("00:1b:21:3c:4d:5e"), address);
        assert_eq!(mac("00-1b-21-3c-4d-5e"), address);
        assert_eq!(mac("001b.213c.4d5e"), address);
        assert_eq!(mac("00:1b"), None);
    }

    #[test]
    fn every_nanosecond_counts() {
        assert_eq!(scaled("1700000000.005", 9), Some(1_700_000_000_005_000_000));
        assert_eq!(scaled("1700000000.000000001", 9), Some(1_700_000_000_000_000_001));
        assert_eq!(scaled("0.0000000005", 9), Some(1), "the half of one is rounded up");
        assert_eq!(scaled("20.3", 6), Some(20_300_000));
        assert_eq!(scaled("7", 0), Some(7));
        assert_eq!(scaled("999999999999999999.999999999", 9), Some(999_999_999_999_999_999_999_999_999));
    }

    #[test]
    fn a_meaning_may_list_the_values() {
        assert_eq!(one_of("open, close, ping or noop."), Some(vec!["open", "close", "ping", "noop"]));
        assert_eq!(one_of("open, close or noop; or what stands there."), Some(vec!["open", "close", "noop"]));
        for other in [
            "",
            "The type.",
            "A path; open, close or noop.",
            "What is to be done: GET, POST or so.",
            "A path or a name.",
        ] {
            assert_eq!(one_of(other), None, "{other}");
        }
    }

    #[test]
    fn decimals_and_booleans() {
        assert_eq!(decimal("0.02"), Some(0.02));
        assert_eq!(decimal("3"), Some(3.0));
        for wrong in ["inf", "NaN", "1e9", "-1", "1.", ".5", ""] {
            assert_eq!(decimal(wrong), None, "{wrong}");
            assert_eq!(scaled(wrong, 9), None, "{wrong}");
        }
        assert_eq!((boolean("True"), boolean("FALSE"), boolean("true")), (Some(true), Some(false), None));
    }
}
