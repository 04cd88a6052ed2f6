//! Numbers of one, two, four or eight octets, whose first two bits say how many (RFC 9000 §16).

use std::ops::Range;

/// The number at this place, and where it stands.
pub(in crate::protocol) fn varint(bytes: &[u8], at: usize) -> Option<(Range<usize>, u64)> {
    let first = *bytes.get(at)?;
    let range = at..at + (1 << (first >> 6));
    let octets = bytes.get(range.clone())?;
    let number = octets.iter().fold(0, |number: u64, octet| number << 8 | u64::from(*octet));
    // The two bits are no part of it.
    let bits = octets.len() * 8 - 2;
    Some((range, number & ((1 << bits) - 1)))
}

#[cfg(test)]
mod tests {
    use super::varint;

    /// The examples of RFC 9000 §A.1.
    #[test]
    fn decodes() {
        assert_eq!(varint(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 0), Some((0..8, 151_288_809_941_952_652)));
        assert_eq!(varint(&[9, 0x9d, 0x7f, 0x3e, 0x7d], 1), Some((1..5, 494_878_333)));
        assert_eq!(varint(&[0x7b, 0xbd], 0), Some((0..2, 15_293)));
        assert_eq!(varint(&[0x25], 0), Some((0..1, 37)));
        assert_eq!(varint(&[0x40, 0x25], 0), Some((0..2, 37)));
    }

    #[test]
    fn cut_short() {
        assert_eq!(varint(&[0xc2, 0x19, 0x7c], 0), None);
        assert_eq!(varint(&[], 0), None);
        assert_eq!(varint(&[1], 1), None);
    }
}
