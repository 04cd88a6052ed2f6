//! Whole numbers: how they are written, and which a field can hold. As in Wireshark one that it cannot hold is a mistake, also
//! where it would only be compared: `tcp.port == 99999` was meant otherwise.

use super::literal::Beside;
use crate::filter::ast::{Literal, Spanned};
use crate::filter::plan::Constant;
use crate::layer::Kind;
use crate::mistake::Mistake;

/// The number that a word means beside a field; nothing if it is none.
pub(super) fn whole(def: &Beside<'_>, literal: &Spanned<Literal>, word: &str) -> Result<Option<Constant>, Mistake> {
    let Some(found) = signed(word) else { return Ok(None) };
    let (least, most) = range(def.kind);
    if !(least..=most).contains(&found) {
        let extreme = if found < least { "small" } else { "large" };
        let message = format!("{word} is too {extreme} for {}, which holds numbers from {least} to {most}", def.name);
        let error = Mistake::new(literal.range.clone(), message);
        return Err(
            error.help("compare with one that it can hold; whether a field is there at all, its name alone asks")
        );
    }
    Ok(match def.kind {
        Kind::Int(_) => i64::try_from(found).ok().map(Constant::Int),
        _ => u64::try_from(found).ok().map(Constant::Uint),
    })
}

/// An unsigned number of 64 bits at the most.
pub(super) fn uint(word: &str) -> Option<u64> {
    size(word)?.try_into().ok()
}

/// A whole number that may have a minus before it.
fn signed(word: &str) -> Option<i128> {
    match word.strip_prefix('-') {
        Some(word) => size(word).map(|size| -size),
        None => size(word),
    }
}

/// An unsigned number; one with too many digits is the largest there is.
fn size(word: &str) -> Option<i128> {
    let (digits, radix) = if let Some(hex) = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        (hex, 16)
    } else if let Some(binary) = word.strip_prefix("0b").or_else(|| word.strip_prefix("0B")) {
        (binary, 2)
    } else if word.len() > 1 && word.starts_with('0') {
        (word, 8)
    } else {
        (word, 10)
    };
    // `from_str_radix` would take a sign.
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    plain.then(|| i128::from_str_radix(digits, radix).unwrap_or(i128::MAX))
}

/// The least and the largest number that a field of this kind holds.
fn range(kind: Kind) -> (i128, i128) {
    match kind {
        Kind::Uint(bits) => (0, (1 << bits.min(64)) - 1),
        Kind::Int(bits) => {
            let half = 1 << (bits.clamp(1, 64) - 1);
            (-half, half - 1)
        }
        _ => (i128::MIN, i128::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::{range, signed, uint};
    use crate::layer::Kind;

    #[test]
    fn numbers() {
        assert_eq!(uint("8080"), Some(8080));
        assert_eq!(uint("0x1f90"), Some(8080));
        assert_eq!(uint("017620"), Some(8080));
        assert_eq!(uint("0b101"), Some(5));
        assert_eq!(uint("0"), Some(0));
        assert_eq!(uint("18446744073709551615"), Some(u64::MAX));
        for wrong in ["18446744073709551616", "0x", "-1", "08", "8_0", "abc", ""] {
            assert_eq!(uint(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_with_a_sign() {
        assert_eq!((signed("-1"), signed("128"), signed("-0x10")), (Some(-1), Some(128), Some(-16)));
        assert_eq!(signed(&"9".repeat(100)), Some(i128::MAX));
        assert_eq!(signed(&format!("-{}", "9".repeat(100))), Some(-i128::MAX));
        for wrong in ["--1", "-", "+1", "", "-08", "0xg"] {
            assert_eq!(signed(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_fits() {
        let cases = [
            (Kind::Uint(8), (0, 255)),
            (Kind::Uint(24), (0, 16_777_215)),
            (Kind::Uint(64), (0, u64::MAX.into())),
            (Kind::Int(32), (i32::MIN.into(), i32::MAX.into())),
            (Kind::Int(64), (i64::MIN.into(), i64::MAX.into())),
        ];
        for (kind, expected) in cases {
            assert_eq!(range(kind), expected, "{kind:?}");
        }
    }
}
