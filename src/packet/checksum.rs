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

/// A sum of 16-bit words, not folded yet. It is taken four octets at a time ("the sum may be computed in 32-bit words",
/// RFC 1071 §2) and in the byte order of this machine ("the sum of 16-bit integers can be computed in either byte order");
/// 64 bits have room for the carries of any packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(u64);

impl Sum {
    /// The sum with these octets, of which there is an even number unless they are the last.
    pub(super) fn and(self, octets: &[u8]) -> Self {
        let (words, rest) = octets.as_chunks::<4>();
        let sum: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
        let rest = match *rest {
            [a, b, c] => u64::from(u16::from_ne_bytes([a, b])) + u64::from(u16::from_ne_bytes([c, 0])),
            [a, b] => u64::from(u16::from_ne_bytes([a, b])),
            [a] => u64::from(u16::from_ne_bytes([a, 0])),
            _ => 0,
        };
        Self(self.0 + sum + rest)
    }

    /// The sum with as many words of four octets as are known to be there: that is quicker.
    pub(super) fn and_all<const N: usize>(self, words: &[[u8; 4]; N]) -> Self {
        Self(words.iter().fold(self.0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word))))
    }

    /// The sum with the four octets of this number.
    pub(super) fn with(self, number: u32) -> Self {
        Self(self.0 + u64::from(number.to_be()))
    }

    /// Whether it has all bits set: then the octets fit the checksum among them.
    pub(super) fn is_all_ones(self) -> bool {
        self.folded() == u16::MAX
    }

    /// In 16 bits, with the carries added; not complemented.
    pub(super) fn folded(self) -> u16 {
        let mut sum = self.0;
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        u16::from_be(sum as u16)
    }
}

#[cfg(test)]
mod tests {
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
}
