//! The Internet checksum (RFC 1071) as three verdicts, not two.
//!
//! A host that sends to itself, or whose network card does sums, hands packets to a capture before the checksum was
//! filled in. Then the field holds the folded sum of the pseudo-header, not complemented (Linux: CHECKSUM_PARTIAL).
//! That is not damage, and is said as what it is.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

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
        Transport::Icmp(icmp) if icmp.version == Version::V4 => Sum16BitWords::new(),
        _ => pseudo_header(net, segment.len()),
    };
    // Summed over everything, the stored checksum included, an intact packet gives all ones; complemented, zero.
    if pseudo.clone().add_slice(segment).ones_complement() == 0 {
        return Verdict::Valid;
    }
    let may_be_left = !matches!(transport, Transport::Icmp(_));
    if may_be_left && stored == (!pseudo.ones_complement()).to_be() {
        return Verdict::NotYetComputed;
    }
    Verdict::Wrong
}

/// Whether an IPv4 header's own checksum fits.
pub(super) fn header_is_valid(header: &[u8]) -> bool {
    Sum16BitWords::new().add_slice(header).ones_complement() == 0
}

fn pseudo_header(net: &Net, len: usize) -> Sum16BitWords {
    let mut sum = Sum16BitWords::new();
    for address in [net.source, net.destination] {
        sum = match address {
            IpAddr::V4(v4) => sum.add_slice(&v4.octets()),
            IpAddr::V6(v6) => sum.add_slice(&v6.octets()),
        };
    }
    sum.add_slice(&(len as u32).to_be_bytes()).add_slice(&[0, net.protocol])
}
