//! The Authentication Header of IPsec: it signs what follows, and hides nothing. So what follows is read.
//!
//! # References
//! - Header: RFC 4302 §2. Over IPv6 it stands among the extension headers (RFC 8200 §4.1), over IPv4 behind the header.

use super::link::read_u32;
use super::{Extent, Fault, ipv6_extension};
use crate::layer::{Buffer, Layer, OsiLayer, Value};

crate::fields! {
    AH_NXT = "ah.next_header", Uint(8), "Which header follows the Authentication Header.", "RFC 4302 §2.1";
    AH_LEN = "ah.length", Uint(8), "The length of the Authentication Header in units of 4 octets, two of them not counted.", "RFC 4302 §2.2";
    AH_RESERVED = "ah.reserved", Bytes, "Two octets that are zero.", "RFC 4302 §2.3";
    AH_SPI = "ah.spi", Uint(32), "Which agreement of the two ends the signature follows.", "RFC 4302 §2.4";
    AH_SEQUENCE = "ah.sequence", Uint(32), "The number of the packet under that agreement, so that none is taken twice.", "RFC 4302 §2.5";
    AH_ICV = "ah.icv", Bytes, "The signature: the integrity check value over the packet.", "RFC 4302 §2.6";
}

/// Its number among the protocols of IP.
pub(super) const IP_PROTOCOL: u8 = 51;

/// More of them in a row are not followed: a peer controls how many there are.
const MAX_HEADERS: usize = 8;

mod field {
    use std::ops::Range;
    pub(super) const NXT: Range<usize> = 0..1;
    pub(super) const LEN: Range<usize> = 1..2;
    pub(super) const RESERVED: Range<usize> = 2..4;
    pub(super) const SPI: Range<usize> = 4..8;
    pub(super) const SEQUENCE: Range<usize> = 8..12;
    /// Where the signature begins.
    pub(super) const FIXED_LEN: usize = 12;
}

/// How long the header is that these octets begin with. "The length of AH in 32-bit words (4-byte units), minus '2'."
pub(super) fn len(bytes: &[u8]) -> Result<usize, Fault> {
    let len = bytes.get(1).map_or(field::FIXED_LEN, |units| (usize::from(*units) + 2) * 4);
    if len < field::FIXED_LEN {
        return Err(Fault::Invalid { field: "length of the Authentication Header (in octets)", value: len as u32 });
    }
    match bytes.len() {
        had if had < len => Err(Fault::Short { header: "Authentication Header", needed: len as u32, had: had as u32 }),
        _ => Ok(len),
    }
}

/// Passes over those that begin these octets, if the protocol is theirs: how far they reach, which protocol follows, and
/// what stopped the way.
pub(super) fn walk(bytes: &[u8], protocol: u8) -> (usize, u8, Option<Fault>) {
    let (mut at, mut protocol) = (0, protocol);
    for _ in 0..MAX_HEADERS {
        let rest = bytes.get(at..).unwrap_or_default();
        if protocol != IP_PROTOCOL {
            return (at, protocol, None);
        }
        match len(rest) {
            Ok(len) => (at, protocol) = (at + len, rest[0]),
            Err(fault) => return (at, protocol, Some(fault)),
        }
    }
    let too_many = Fault::TooMany { what: "Authentication Headers", limit: MAX_HEADERS as u32 };
    (at, protocol, Some(too_many).filter(|_| protocol == IP_PROTOCOL))
}

/// The header as a layer; what lies behind it in its octets are extension headers of IPv6, or others like it.
pub(super) fn describe(extent: Extent, buffer: Buffer, data: &[u8]) -> Layer {
    let span = Some(extent.within(buffer));
    let mut layer = Layer::new("ah", "Authentication Header", Some(OsiLayer::Network), span);
    let bytes = extent.of(data);
    let (spi, sequence) = (read_u32(bytes, 4).unwrap_or_default(), read_u32(bytes, 8).unwrap_or_default());
    layer.summary = format!("SPI 0x{spi:08x}, sequence {sequence}: what follows is signed, not encrypted");
    ipv6_extension::describe_from(&mut layer, bytes, 0, IP_PROTOCOL);
    layer
}

/// Adds the fields of the header at octet `at` of a layer, of which these are the octets.
pub(super) fn describe_fields(layer: &mut Layer, at: usize, bytes: &[u8]) {
    let [next, units, ..] = *bytes else { return };
    let place = |range: std::ops::Range<usize>| at + range.start..at + range.end;
    let octets = |range: std::ops::Range<usize>| Value::Bytes(bytes.get(range).unwrap_or_default().to_vec());
    let number = |start| Value::Uint(u64::from(read_u32(bytes, start).unwrap_or_default()));
    layer.field(&AH_NXT, Value::Uint(u64::from(next)), place(field::NXT));
    layer.field(&AH_LEN, Value::Uint(u64::from(units)), place(field::LEN));
    layer.field(&AH_RESERVED, octets(field::RESERVED), place(field::RESERVED));
    layer.field(&AH_SPI, number(field::SPI.start), place(field::SPI));
    layer.field(&AH_SEQUENCE, number(field::SEQUENCE.start), place(field::SEQUENCE));
    let icv = field::FIXED_LEN..bytes.len();
    if !icv.is_empty() {
        layer.field(&AH_ICV, octets(icv.clone()), place(icv));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For TCP, with a signature of 12 octets; SPI 7, sequence 9.
    const HEADER: [u8; 24] = [6, 4, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

    #[test]
    fn decodes() {
        assert_eq!(walk(&HEADER, IP_PROTOCOL), (24, 6, None));
        let layer = describe(Extent::new(0, 24), Buffer::Frame(1), &HEADER);
        assert_eq!(layer.summary, "SPI 0x00000007, sequence 9: what follows is signed, not encrypted");
        assert_eq!(layer.value("ah.icv"), Some(&Value::Bytes((1..=12).collect())));
        assert_eq!(walk(&HEADER, 6), (0, 6, None), "the protocol is another's");
    }

    #[test]
    fn empty() {
        let short = Fault::Short { header: "Authentication Header", needed: 12, had: 0 };
        assert_eq!(walk(&[], IP_PROTOCOL), (0, IP_PROTOCOL, Some(short)));
    }

    #[test]
    fn cut_short() {
        for cut in 0..HEADER.len() {
            let (end, protocol, fault) = walk(&HEADER[..cut], IP_PROTOCOL);
            assert!(matches!((end, protocol, fault), (0, IP_PROTOCOL, Some(Fault::Short { .. }))), "{cut}");
        }
    }

    #[test]
    fn wrong_length() {
        let too_short = [6, 0, 0, 0, 0, 0, 0, 7];
        assert!(matches!(walk(&too_short, IP_PROTOCOL).2, Some(Fault::Invalid { value: 8, .. })));
    }

    #[test]
    fn many_in_a_row_are_not_followed() {
        let one = [IP_PROTOCOL, 1, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9];
        assert!(matches!(walk(&one.repeat(20), IP_PROTOCOL), (96, IP_PROTOCOL, Some(Fault::TooMany { limit: 8, .. }))));
    }
}
