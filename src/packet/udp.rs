//! The User Datagram Protocol.
//!
//! # References
//! - RFC 768: source port, destination port, length, checksum, and nothing else.

use etherparse::UdpHeaderSlice;

use super::{ChecksumVerdict, Extent, Fault, Net, Packet, Version};
use crate::count::counted;
use crate::layer::{Buffer, Group, Layer, Note, OsiLayer, Severity, Value};

/// UDP's number in the IP header.
pub(super) const IP_PROTOCOL: u8 = 17;

crate::fields! {
    UDP_SRCPORT = "udp.srcport", Uint(16), "The port the datagram was sent from.", "RFC 768";
    UDP_DSTPORT = "udp.dstport", Uint(16), "The port the datagram is sent to.", "RFC 768";
    UDP_PORT = "udp.port", Uint(16), "Either of the two ports.", "RFC 768";
    UDP_LENGTH = "udp.length", Uint(16), "The length of header and payload, in octets.", "RFC 768";
    UDP_CHECKSUM = "udp.checksum", Uint(16), "A sum over the datagram and its addresses; 0 says it was left out.", "RFC 768";
    #[ours] UDP_CHECKSUM_VERDICT = "udp.checksum.verdict", Text, "valid, not computed yet (loopback and offload), wrong, absent, or unverified.", "RFC 1071";
    UDP_CHECKSUM_STATUS = "udp.checksum.status", Uint(8), "0 the sum is wrong, 1 it is right, or left to the network card, 2 not all of the datagram is there, 3 there is none, 4 there is none over IPv6, which asks for one.", "RFC 8200 §8.1";
    UDP_PAYLOAD = "udp.payload", Bytes, "What the datagram carries.", "RFC 768";
}

/// The status of a sum that must not be left out.
const ILLEGAL: u64 = 4;

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp {
    /// Where it lies.
    pub header: Extent,
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
    /// Header and payload, in octets, by the header's own word.
    pub length: u16,
    /// As it stood.
    pub checksum: u16,
}

impl Udp {
    pub(super) fn decode(data: &[u8], at: Extent) -> Result<(Self, Extent), Fault> {
        let bytes = at.of(data);
        let short = Fault::Short { header: "UDP header", needed: 8, had: bytes.len() as u32 };
        let header = UdpHeaderSlice::from_slice(bytes).map_err(|_| short)?;
        let start = at.start as usize;
        let udp = Self {
            header: Extent::new(start, start + 8),
            source_port: header.source_port(),
            destination_port: header.destination_port(),
            length: header.length(),
            checksum: header.checksum(),
        };
        let end = match usize::from(udp.length) {
            length if length >= 8 => (start + length).min(at.end as usize),
            _ => at.end as usize,
        };
        Ok((udp, Extent::new(start + 8, end)))
    }

    /// What is odd about its length and checksum, with the IP header around it.
    pub(super) fn remarks(&self, net: &Net) -> impl Iterator<Item = Note> + use<> {
        let (length, room) = (u32::from(self.length), net.payload_len);
        let length = match length {
            // "A value of zero is used … for UDP packets longer than 65,535 octets" RFC 2675 §4
            0 if net.source.is_ipv6() && room > u32::from(u16::MAX) => None,
            0..8 => Some((Severity::Error, "is less than its header's 8", "RFC 768")),
            length if length > room => Some((Severity::Error, "is more than the IP packet holds", "RFC 1122 §4.1.3")),
            length if length < room => Some((
                Severity::Note,
                "is less than the IP packet holds: what is behind it is not the datagram's",
                "RFC 9868 §4",
            )),
            _ => None,
        };
        let said = self.length;
        let length = length.map(move |(severity, what, spec)| {
            Note::new(severity, format!("the UDP length, {}, {what} ({room})", counted(said, "octet")), spec)
                .about(Group::Malformed)
        });
        // "IPv6 receivers must discard UDP packets containing a zero checksum and should log the error." But "protocols that use
        // UDP as a tunnel encapsulation may enable zero-checksum mode for a specific port (or set of ports)" (RFC 8200 §8.1).
        let sum = (self.checksum == 0 && net.source.is_ipv6()).then(|| {
            let text = "the UDP checksum is left out, which over IPv6 only tunnels may do: a receiver throws the datagram away \
                        unless it was told to expect that on this port";
            Note::new(Severity::Warn, text, "RFC 8200 §8.1")
        });
        length.into_iter().chain(sum)
    }

    pub(super) fn describe(&self, buffer: Buffer, data: &[u8], packet: &Packet) -> Layer {
        let span = Some(self.header.within(buffer));
        let mut layer = Layer::new("udp", "User Datagram Protocol", Some(OsiLayer::Transport), span);
        let number = |n: u16| Value::Uint(u64::from(n));
        let octets = counted(packet.payload.len(), "octet");
        layer.summary = format!("{} → {}, {octets} of payload", self.source_port, self.destination_port);
        layer.field(&UDP_SRCPORT, number(self.source_port), 0..2);
        layer.field(&UDP_PORT, number(self.source_port), 0..2);
        layer.field(&UDP_DSTPORT, number(self.destination_port), 2..4);
        layer.field(&UDP_PORT, number(self.destination_port), 2..4);
        layer.field(&UDP_LENGTH, number(self.length), 4..6);
        layer.field(&UDP_CHECKSUM, number(self.checksum), 6..8);
        let verdict = packet.checksum(data);
        layer.computed(&UDP_CHECKSUM_VERDICT, Value::Text(verdict.as_str().into()));
        let may_lack = packet.net.is_none_or(|net| net.version == Version::V4);
        let status = if verdict == ChecksumVerdict::Absent && !may_lack { ILLEGAL } else { verdict.status() };
        layer.computed(&UDP_CHECKSUM_STATUS, Value::Uint(status));
        if verdict == ChecksumVerdict::Wrong {
            let text =
                "the checksum does not fit the datagram: damaged on the way, or left for the network card to fill in";
            layer.notes.push(Note::new(Severity::Warn, text, "RFC 1122 §4.1.3.4").about(Group::Checksum));
        }
        let payload = packet.payload;
        if !payload.is_empty() {
            layer.field(&UDP_PAYLOAD, Value::Bytes(payload.of(data).to_vec()), 8..8 + payload.len());
        }
        layer
    }
}
