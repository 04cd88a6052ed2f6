//! Packets on a stream of WebTransport: each behind its length, for a stream of octets knows no messages.
//!
//! ```text
//! first octet: top bit octets instead of text │ 7 bits length    126: a length of 2 octets follows, 127: one of 8
//! 01 30                        0                                  the client's first packet, for a new session
//! 0f 307b22736964223a2261227d  0{"sid":"a"}                       the same, to move a session here
//! 83 010203                    three octets, always a message
//! ```
//!
//! # References
//! - engine.io-parser 5, `createPacketEncoderStream` and `createPacketDecoderStream`; engine.io-client 6, `webtransport.ts`.

use std::ops::Range;

use super::{Packet, Version};

/// A packet of more octets is not waited for.
pub const MAX_FRAMED: u64 = 1 << 20;

/// What stands at the front of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed {
    /// Its packet is octets, not text.
    pub is_binary: bool,
    /// How many octets stand before the packet.
    pub header: usize,
    /// How many the packet has.
    pub len: u64,
}

impl Framed {
    /// Reads what stands before a packet; `None` if not all of it is there.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let (width, short) = match first & 0x7f {
            126 => (2, 0),
            127 => (8, 0),
            len => (0, u64::from(len)),
        };
        let digits = bytes.get(1..1 + width)?;
        let len = digits.iter().fold(short, |len, octet| len << 8 | u64::from(*octet));
        Some(Self { is_binary: first & 0x80 != 0, header: 1 + width, len })
    }

    /// Where the packet lies, if it is one that can be waited for.
    pub fn range(&self) -> Option<Range<usize>> {
        let len = usize::try_from(self.len).ok().filter(|_| self.len <= MAX_FRAMED)?;
        Some(self.header..self.header + len)
    }

    /// The packet in these octets.
    pub fn packet<'a>(&self, octets: &'a [u8]) -> Packet<'a> {
        match self.is_binary {
            true => Packet::from_binary(Version::V4, octets),
            false => Packet::from_text(Version::V4, octets),
        }
    }
}

/// Whether a client begins a stream so: it asks for a session, or to move one here. `None` if not enough has come to tell.
pub fn is_begun(bytes: &[u8]) -> Option<bool> {
    const MOVES: &[u8] = b"0{\"sid\":";
    let Some(framed) = Framed::read(bytes) else { return if bytes.len() < 9 { None } else { Some(false) } };
    let whole = framed.range().filter(|_| !framed.is_binary);
    let Some(whole) = whole.filter(|whole| whole.len() == 1 || whole.len() > MOVES.len()) else { return Some(false) };
    let expected = if whole.len() == 1 { &b"0"[..] } else { MOVES };
    let begun = bytes.get(whole.start..).unwrap_or_default();
    let fits = begun.iter().zip(expected).all(|(octet, expected)| octet == expected);
    if fits && begun.len() < expected.len() { None } else { Some(fits) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::engineio::{Data, Kind};

    /// As the official parser writes it.
    fn framed(is_binary: bool, packet: &[u8]) -> Vec<u8> {
        let flag = if is_binary { 0x80 } else { 0 };
        let mut octets = match packet.len() {
            len @ 0..126 => vec![flag | len as u8],
            len @ 126..65536 => [&[flag | 126][..], &(len as u16).to_be_bytes()].concat(),
            len => [&[flag | 127][..], &(len as u64).to_be_bytes()].concat(),
        };
        octets.extend_from_slice(packet);
        octets
    }

    /// The packets in what comes in these pieces.
    fn packets(pieces: &[&[u8]]) -> Vec<(Kind, Data<'static>)> {
        let (mut found, mut waiting) = (Vec::new(), Vec::new());
        for piece in pieces {
            waiting.extend_from_slice(piece);
            while let Some(framed) = Framed::read(&waiting) {
                let range = framed.range().unwrap();
                let Some(octets) = waiting.get(range.clone()) else { break };
                let packet = framed.packet(octets);
                found.push((packet.kind, packet.data.into_owned()));
                waiting.drain(..range.end);
            }
        }
        assert!(waiting.is_empty());
        found
    }

    #[test]
    fn decodes() {
        let long = [b'4'; 70_000];
        let octets =
            [framed(false, b"0"), framed(false, b"4hello"), framed(true, &[1, 2, 3]), framed(false, &long)].concat();
        let found = packets(&[&octets]);
        assert_eq!(found[0], (Kind::Open, Data::Text("".into())));
        assert_eq!(found[1], (Kind::Message, Data::Text("hello".into())));
        assert_eq!(found[2], (Kind::Message, Data::Binary(vec![1, 2, 3].into())));
        assert!(matches!(&found[3], (Kind::Message, Data::Text(text)) if text.len() == 69_999));
        assert_eq!(octets[0..2], [1, b'0']);
        assert_eq!(Framed::read(&[0xfe, 1, 0]), Some(Framed { is_binary: true, header: 3, len: 256 }));
    }

    #[test]
    fn cut_short() {
        for octets in [&[][..], &[126], &[126, 1], &[127, 0, 0, 0, 0, 0, 0, 1]] {
            assert_eq!(Framed::read(octets), None);
        }
    }

    #[test]
    fn wrong_length() {
        let too_long = Framed::read(&[127, 0xff, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(too_long.range(), None);
    }

    #[test]
    fn a_stream_is_known_by_its_first_packet() {
        let begins = |text: &[u8]| is_begun(&framed(false, text));
        assert_eq!((begins(b"0"), begins(b"0{\"sid\":\"abc\"}")), (Some(true), Some(true)));
        assert_eq!(
            (begins(b"1"), begins(b"0{}"), begins(b"0{\"sex\":\"abc\"}"), begins(b"")),
            (Some(false), Some(false), Some(false), Some(false))
        );
        assert_eq!(is_begun(b"GET / HTTP"), Some(false));
        let whole = framed(false, b"0{\"sid\":\"abc\"}");
        (0..9).for_each(|len| assert_eq!(is_begun(&whole[..len]), None, "{len}"));
        assert_eq!(is_begun(&whole[..9]), Some(true));
        assert_eq!(is_begun(&framed(true, b"0")), Some(false));
        assert_eq!(is_begun(&[127, 0, 0, 0, 0, 0, 0]), None);
    }

    proptest! {
        /// However the octets are cut, the packets are the same.
        #[test]
        fn any_cut_gives_the_same(
            packets_in in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..300)), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let octets: Vec<u8> = packets_in.iter().flat_map(|(is_binary, packet)| framed(*is_binary, packet)).collect();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            places.extend([0, octets.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &octets[pair[0]..pair[1]]).collect();
            let found = packets(&pieces);
            prop_assert_eq!(found.len(), packets_in.len());
            prop_assert_eq!(found, packets(&[&octets]));
        }
    }
}
