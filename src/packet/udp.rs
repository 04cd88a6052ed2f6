//! The User Datagram Protocol.
//!
//! # References
//! - RFC 768: source port, destination port, length, checksum, and nothing else.

use etherparse::UdpHeaderSlice;

use super::{Extent, Fault, Packet};
use crate::layer::{Layer, OsiLayer, Value};

/// UDP's number in the IP header.
pub(super) const IP_PROTOCOL: u8 = 17;

crate::fields! {
    UDP_SRCPORT = "udp.srcport", Uint, "The port the datagram was sent from.", "RFC 768";
    UDP_DSTPORT = "udp.dstport", Uint, "The port the datagram is sent to.", "RFC 768";
    UDP_PORT = "udp.port", Uint, "Either of the two ports.", "RFC 768";
    UDP_LENGTH = "udp.length", Uint, "The length of header and payload, in octets.", "RFC 768";
    UDP_CHECKSUM = "udp.checksum", Uint, "A sum over the datagram and its addresses; 0 says it was left out.", "RFC 768";
    UDP_PAYLOAD = "udp.payload", Bytes, "What the datagram carries.", "RFC 768";
}

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

    pub(super) fn describe(&self, frame: u32, data: &[u8], packet: &Packet) -> Layer {
        let mut layer =
            Layer::new("udp", "User Datagram Protocol", Some(OsiLayer::Transport), Some(self.header.span(frame)));
        let number = |n: u16| Value::Uint(u64::from(n));
        layer.summary =
            format!("{} → {}, {} octets of payload", self.source_port, self.destination_port, packet.payload.len());
        layer.field(&UDP_SRCPORT, number(self.source_port), 0..2);
        layer.field(&UDP_PORT, number(self.source_port), 0..2);
        layer.field(&UDP_DSTPORT, number(self.destination_port), 2..4);
        layer.field(&UDP_PORT, number(self.destination_port), 2..4);
        layer.field(&UDP_LENGTH, number(self.length), 4..6);
        layer.field(&UDP_CHECKSUM, number(self.checksum), 6..8);
        let payload = packet.payload;
        if !payload.is_empty() {
            layer.field(&UDP_PAYLOAD, Value::Bytes(payload.of(data).to_vec()), 8..8 + payload.len());
        }
        layer
    }
}
