//! The Internet checksum (RFC 1071) as three verdicts, not two.
//!
//! A host that sends to itself, or whose network card does sums, hands packets to a capture before the checksum was
//! filled in. Then the field holds the folded sum of the pseudo-header, not complemented (Linux: CHECKSUM_PARTIAL).
//! That is not damage, and is said as what it is.

use std::net::IpAddr;

use super::{Net, Packet, Transport, Version};

/// What a transport checksum says about the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The sum fits the octets.
    Valid,
    /// Not computed yet: the field holds the start value for a network card, which loopback never needs.
    NotYetComputed,
    /// The sum does not fit: the octets or the sum were damaged.
    Wrong,
    /// The sender left it out, as UDP over IPv4 may (RFC 768).
    Absent,
    /// Not all octets it covers were captured.
    Unverified,
}

impl Verdict {
    /// The verdict in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotYetComputed => "not computed yet",
            Self::Wrong => "wrong",
            Self::Absent => "absent",
            Self::Unverified => "unverified",
        }
    }

    /// The verdict as the number that Wireshark gives it (`…checksum.status`) where it is told to look at sums. What was left to a
    /// card is no damage: up to version 4.0 it is wrong there, since 4.2 it is right.
    pub fn status(self) -> u64 {
        match self {
            Self::Wrong => 0,
            Self::Valid | Self::NotYetComputed => 1,
            Self::Unverified => 2,
            Self::Absent => 3,
        }
    }
}

/// Judges the transport checksum of a packet.
pub(super) fn transport(packet: &Packet, data: &[u8]) -> Verdict {
    let (Some(net), Some(transport)) = (&packet.net, &packet.transport) else { return Verdict::Unverified };
    let (stored, wire_len) = match transport {
        Transport::Tcp(tcp) => (tcp.checksum, net.payload_len),
        // Over IPv6 it must not be left out, but some do; what is not there cannot be judged.
        Transport::Udp(udp) if udp.checksum == 0 => return Verdict::Absent,
        Transport::Udp(udp) if udp.length < 8 => (udp.checksum, net.payload_len),
        // What lies behind the datagram's own length is not part of it.
        Transport::Udp(udp) => (udp.checksum, u32::from(udp.length)),
        Transport::Icmp(icmp) => (icmp.checksum, net.payload_len),
    };
    let Some(segment) = net.payload.of(data).get(..wire_len as usize) else { return Verdict::Unverified };
    let pseudo = match transport {
        Transport::Icmp(icmp) if icmp.version == Version::V4 => Sum::default(),
        _ => pseudo_header(net, segment.len()),
    };
    // Summed over everything, the stored checksum included, an intact packet gives all ones; complemented, zero.
    if pseudo.and(segment).is_all_ones() {
        return Verdict::Valid;
    }
    let may_be_left = !matches!(transport, Transport::Icmp(_));
    if may_be_left && stored == pseudo.folded() {
        return Verdict::NotYetComputed;
    }
    Verdict::Wrong
}

/// Whether the field holds what a card is given to start from: then its sum may still fit by chance.
pub(super) fn may_be_left_to_card(packet: &Packet, data: &[u8]) -> bool {
    let (Some(net), Some(transport)) = (&packet.net, &packet.transport) else { return false };
    let stored = match transport {
        Transport::Tcp(tcp) => tcp.checksum,
        // Which length its sum covers is not worth a second rule: datagrams are judged in full.
        Transport::Udp(_) => return true,
        Transport::Icmp(_) => return false,
    };
    net.payload.of(data).len() as u32 != net.payload_len
        || stored == pseudo_header(net, net.payload_len as usize).folded()
}

/// Whether an IPv4 header's own checksum fits.
pub(super) fn header_is_valid(header: &[u8]) -> bool {
    Sum::default().and(header).is_all_ones()
}

fn pseudo_header(net: &Net, len: usize) -> Sum {
    let mut sum = Sum::default();
    for address in [net.source, net.destination] {
        sum = match address {
            IpAddr::V4(v4) => sum.and(&v4.octets()),
            IpAddr::V6(v6) => sum.and(&v6.octets()),
        };
    }
    sum.with(len as u32).with(u32::from(net.protocol))
}

/// A sum of 16-bit words, not folded yet. It is taken in the byte order of little-endian machines ("the sum of 16-bit integers
/// can be computed in either byte order", RFC 1071 §2) and eight octets at a time: what is carried out of the highest word
/// comes in again at the lowest, as between all others.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(u64);

/// So many octets are added without asking how many there are.
const BLOCK: usize = 64;

impl Sum {
    /// The sum with these octets, of which there is an even number unless they are the last.
    pub(super) fn and(self, octets: &[u8]) -> Self {
        // What is carried out of 64 bits is counted in the next 64: there is room for the carries of any packet.
        let add = |sum: u128, word: &[u8; 8]| sum + u128::from(u64::from_le_bytes(*word));
        let (blocks, rest) = octets.as_chunks::<BLOCK>();
        let sum = blocks.iter().fold(0, |sum, block| block.as_chunks().0.iter().fold(sum, add));
        let (words, left) = rest.as_chunks();
        let sum = words.iter().fold(sum, add);
        let last = match (left.len(), octets.last_chunk::<8>()) {
            (0, _) => 0,
            // What was counted already is shifted out.
            (n, Some(last)) => u64::from_le_bytes(*last) >> (64 - 8 * n),
            (_, None) => left.iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet)),
        };
        self.plus(sum as u64).plus((sum >> 64) as u64).plus(last)
    }

    /// The sum with as many words of four octets as are known to be there: that is quicker.
    pub(super) fn and_all<const N: usize>(self, words: &[[u8; 4]; N]) -> Self {
        self.plus(words.iter().map(|word| u64::from(u32::from_le_bytes(*word))).sum())
    }

    /// The sum with the four octets of this number.
    pub(super) fn with(self, number: u32) -> Self {
        self.plus(u64::from(u32::from_le_bytes(number.to_be_bytes())))
    }

    fn plus(self, number: u64) -> Self {
        let (sum, is_carried) = self.0.overflowing_add(number);
        Self(sum + u64::from(is_carried))
    }

    /// Whether it has all bits set: then the octets fit the checksum among them.
    pub(super) fn is_all_ones(self) -> bool {
        // Folding takes multiples of this away, and leaves one of them.
        self.0 != 0 && self.0.is_multiple_of(u64::from(u16::MAX))
    }

    /// In 16 bits, with the carries added; not complemented.
    pub(super) fn folded(self) -> u16 {
        let in_half = |sum: u64, bits: u32| (sum >> bits) + (sum & ((1 << bits) - 1));
        // Each second time takes the carry of the first.
        let sum = [32, 32, 16, 16].into_iter().fold(self.0, in_half);
        (sum as u16).swap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    /// RFC 1071 §3, and the same with octets left over.
    #[test]
    fn sums() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().and(&octets).folded(), 0xddf2);
        for len in 0..octets.len() {
            let one_by_one = octets[..len]
                .chunks(2)
                .fold(0u32, |sum, pair| sum + (u32::from(pair[0]) << 8) + u32::from(pair.get(1).copied().unwrap_or(0)));
            let folded = (one_by_one & 0xffff) + (one_by_one >> 16);
            assert_eq!(u32::from(Sum::default().and(&octets[..len]).folded()), folded, "{len} octets");
        }
        assert_eq!(Sum::default().and(&[0xff; 65_534]).folded(), 0xffff);
    }

    proptest! {
        /// However many octets there are, and whatever was summed up before.
        #[test]
        fn sums_as_word_by_word(octets in vec(prop_oneof![Just(0xff_u8), Just(0), any::<u8>()], 0..300), before: [u32; 4]) {
            let words = octets.chunks(2).map(|pair| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low)));
            let mut plain: u64 = words.sum::<u64>() + before.iter().map(|word| u64::from(word >> 16) + u64::from(word & 0xffff)).sum::<u64>();
            while plain >> 16 != 0 {
                plain = (plain >> 16) + (plain & 0xffff);
            }
            let sum = before.iter().fold(Sum::default(), |sum, word| sum.with(*word));
            let also = Sum::default().and_all(&before.map(u32::to_be_bytes));
            prop_assert_eq!(u64::from(sum.and(&octets).folded()), plain);
            prop_assert_eq!(u64::from(also.and(&octets).folded()), plain);
        }
    }
}
