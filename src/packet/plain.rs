//! The packet that nearly all are: TCP over IP without options, extensions, tags or fragments, whole, on Ethernet, in a
//! connection that is open. Its headers lie where they always do, so they are read without asking what comes next.
//!
//! What this reads, [`Packet::decode`](super::Packet::decode) reads alike: the test below holds both equal.

use super::checksum::Sum;
use super::{Extent, Flags, LinkKind, Tcp, Version, tcp};
use crate::capture::{FrameRef, LinkType};

/// Who sends to whom, as it stands in the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    addresses: [u64; 4],
    ports: u32,
}

impl Ends {
    /// The same, seen from the other side.
    pub fn reversed(self) -> Self {
        let [a, b, c, d] = self.addresses;
        let addresses = if c | d == 0 { [a.rotate_left(32), b, c, d] } else { [c, d, a, b] };
        Self { addresses, ports: self.ports.rotate_left(16) }
    }

    /// A number to find it by: equal ends have equal numbers.
    #[inline]
    pub fn number(&self) -> u64 {
        let [a, b, c, d] = self.addresses;
        let folded = a ^ b.rotate_left(13) ^ c.rotate_left(29) ^ d.rotate_left(43) ^ u64::from(self.ports);
        folded.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A plain packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// The version of IP.
    pub version: Version,
    /// Who sends to whom.
    pub ends: Ends,
    /// The TCP header.
    pub tcp: Tcp,
    /// What it carries.
    pub payload: Extent,
}

/// Where the IP header begins.
const NET: usize = 14;

impl Plain {
    /// Reads a frame, if it is a plain one.
    // For each frame, as are those that it calls; only version 6 lies apart, as it is rarer.
    #[inline(always)]
    pub fn read(frame: FrameRef<'_>) -> Option<Self> {
        let data = frame.data;
        if frame.link != LinkType::ETHERNET || frame.len as usize != data.len() {
            return None;
        }
        match (u16_at(data, NET - 2)?, data.get(NET)?) {
            (0x0800, 0x45) => Self::read_v4(data),
            (0x86dd, first) if first >> 4 == 6 => Self::read_v6(data),
            _ => None,
        }
    }

    /// What [`Packet::stack_key`](super::Packet::stack_key) says of it.
    pub fn stack_key(&self) -> u64 {
        let net = if self.version == Version::V4 { 1 } else { 2 };
        1 | net << 3 | LinkKind::Ethernet.key() << 12
    }

    /// The protocols of its headers, outermost first.
    pub fn protocols(&self) -> [&'static str; 3] {
        [LinkKind::Ethernet.protocol(), self.version.protocol(), "tcp"]
    }

    #[inline(always)]
    fn read_v4(data: &[u8]) -> Option<Self> {
        let header = data.get(NET..)?.first_chunk::<20>()?;
        let total = usize::from(u16_at(header, 2)?);
        let fragment = u16_at(header, 6)? & 0x3fff;
        if fragment != 0 || header[9] != tcp::IP_PROTOCOL || total < 40 {
            return None;
        }
        let addresses = [u64::from_ne_bytes(*header[12..].first_chunk()?), 0, 0, 0];
        Self::read_tcp(data, Version::V4, addresses, NET + 20..NET + total)
    }

    #[inline(never)]
    fn read_v6(data: &[u8]) -> Option<Self> {
        let header = data.get(NET..)?.first_chunk::<40>()?;
        let len = usize::from(u16_at(header, 4)?);
        if header[6] != tcp::IP_PROTOCOL || len < 20 {
            return None;
        }
        let mut addresses = [0; 4];
        for (address, octets) in addresses.iter_mut().zip(header[8..].as_chunks().0) {
            *address = u64::from_ne_bytes(*octets);
        }
        // Else it could not be told from an address of version 4.
        if addresses[2] | addresses[3] == 0 {
            return None;
        }
        Self::read_tcp(data, Version::V6, addresses, NET + 40..NET + 40 + len)
    }

    #[inline(always)]
    fn read_tcp(data: &[u8], version: Version, addresses: [u64; 4], at: std::ops::Range<usize>) -> Option<Self> {
        let header = data.get(at.clone())?.first_chunk::<20>()?;
        let header_len = usize::from(header[12] >> 4) * 4;
        let flags = Flags(header[13]);
        let is_plain = flags.0 & !Flags::PSH == Flags::ACK;
        if !is_plain || header_len < 20 || at.start + header_len > at.end {
            return None;
        }
        let payload = Extent::new(at.start + header_len, at.end);
        let tcp = Tcp {
            header: Extent::new(at.start, at.start + header_len),
            source_port: u16_at(header, 0)?,
            destination_port: u16_at(header, 2)?,
            seq: u32_at(header, 4)?,
            ack: u32_at(header, 8)?,
            flags,
            window: u16_at(header, 14)?,
            checksum: u16_at(header, 16)?,
            payload_len: payload.len() as u32,
        };
        let ports = u32::from_ne_bytes(*header.first_chunk()?);
        Some(Self { version, ends: Ends { addresses, ports }, tcp, payload })
    }

    /// Whether the sum of an IPv4 header fits; IPv6 has none.
    pub(super) fn header_is_valid(&self, data: &[u8]) -> bool {
        let words = data.get(NET..).and_then(|header| header.as_chunks::<4>().0.first_chunk::<5>());
        self.version == Version::V6 || words.is_some_and(|words| Sum::default().and_all(words).is_all_ones())
    }

    /// The sum of the pseudo-header.
    pub(super) fn pseudo_header(&self, data: &[u8]) -> Sum {
        let start = self.tcp.header.start as usize;
        let words = |len: usize| data.get(start - len..).unwrap_or_default().as_chunks::<4>().0;
        let addresses = match self.version {
            Version::V4 => words(8).first_chunk::<2>().map(|words| Sum::default().and_all(words)),
            Version::V6 => words(32).first_chunk::<8>().map(|words| Sum::default().and_all(words)),
        };
        let len = self.payload.end - self.tcp.header.start;
        addresses.unwrap_or_default().with(len).with(u32::from(tcp::IP_PROTOCOL))
    }

    /// The octets that TCP's own sum covers.
    pub(super) fn segment<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        data.get(self.tcp.header.start as usize..self.payload.end as usize).unwrap_or_default()
    }
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|octets| u16::from_be_bytes(*octets))
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::capture::Timestamp;
    use crate::packet::{ChecksumVerdict, Packet, Transport};

    fn frame(data: &[u8]) -> FrameRef<'_> {
        FrameRef {
            time: Timestamp(0),
            timeless: false,
            link: LinkType::ETHERNET,
            interface: 0,
            len: data.len() as u32,
            data,
            comments: &[],
            secrets: None,
        }
    }

    /// An Ethernet frame with a TCP segment; `header_len` in units of four octets.
    fn segment(v6: bool, header_len: u8, flags: u8, payload: &[u8], trailer: &[u8]) -> Vec<u8> {
        let len = 4 * u16::from(header_len) + payload.len() as u16;
        let mut data = vec![2; 12];
        if v6 {
            data.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            data.extend(len.to_be_bytes());
            data.extend([6, 64]);
            data.extend([0xfd; 16]);
            data.extend([0xfc; 16]);
        } else {
            data.extend([0x08, 0, 0x45, 0]);
            data.extend((20 + len).to_be_bytes());
            data.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        }
        data.extend([0x1f, 0x90, 0x9c, 0x40, 0, 0, 1, 0, 0, 0, 2, 0, header_len << 4, flags, 1, 0, 0, 0, 0, 0]);
        data.extend(vec![1; usize::from(header_len).saturating_sub(5) * 4]);
        data.extend(payload);
        data.extend(trailer);
        data
    }

    #[test]
    fn decodes() {
        for v6 in [false, true] {
            let data = segment(v6, 8, 0x18, b"hello", &[0; 3]);
            let plain = Plain::read(frame(&data)).expect("it is plain");
            assert_eq!((plain.payload.of(&data), plain.tcp.source_port), (&b"hello"[..], 8080));
            assert_eq!(plain.ends.reversed().reversed(), plain.ends);
            assert_ne!(plain.ends.reversed(), plain.ends);
            assert_eq!(Plain::read(frame(&segment(v6, 5, 0x12, b"", b""))), None, "a SYN is not");
            assert_eq!(Plain::read(frame(&data[..data.len() - 4])), None, "nor is what was cut");
        }
    }

    /// Where a route or a signature stands before TCP, the long way finds who is meant.
    #[test]
    fn what_has_more_headers_goes_the_long_way() {
        for next in [0, 43, 44, 51, 60, 140] {
            let mut v6 = segment(true, 5, 0x10, b"", b"");
            v6[NET + 6] = next;
            assert_eq!(Plain::read(frame(&v6)), None, "{next}");
        }
        let mut v4 = segment(false, 5, 0x10, b"", b"");
        v4[NET + 9] = 51;
        assert_eq!(Plain::read(frame(&v4)), None);
        let mut v4 = segment(false, 5, 0x10, b"hello wo", b"");
        v4[NET] = 0x47;
        assert_eq!(Plain::read(frame(&v4)), None, "it has options");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reads_what_decoding_reads(
            v6 in any::<bool>(),
            header_len in 4_u8..16,
            flags in any::<u8>(),
            payload in vec(any::<u8>(), 0..80),
            trailer in vec(any::<u8>(), 0..4),
            damage in proptest::option::of((0_usize..60, any::<u8>())),
        ) {
            let mut data = segment(v6, header_len, flags, &payload, &trailer);
            if let Some((at, octet)) = damage {
                let at = at % data.len();
                data[at] = octet;
            }
            let Some(plain) = Plain::read(frame(&data)) else { return Ok(()) };
            let packet = Packet::decode(LinkType::ETHERNET, &data, data.len() as u32);
            prop_assert_eq!(packet.transport, Some(Transport::Tcp(plain.tcp)));
            prop_assert_eq!((packet.payload, packet.fault, packet.missing), (plain.payload, None, 0));
            let net = packet.net.expect("it has an IP header");
            prop_assert_eq!(net.version, plain.version);
            prop_assert!(!packet.is_fragment() && packet.remarks().is_empty());
            prop_assert_eq!(packet.stack_key(), plain.stack_key());
            prop_assert!(packet.headers().map(|(name, _)| name).eq(plain.protocols()));
            let valid = plain.pseudo_header(&data).and(plain.segment(&data)).is_all_ones();
            prop_assert_eq!(packet.checksum(&data) == ChecksumVerdict::Valid, valid);
            let header = net.header_checksum(&data);
            prop_assert_eq!(matches!(header, ChecksumVerdict::Valid) || v6, plain.header_is_valid(&data));
        }
    }
}
