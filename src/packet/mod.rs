//! Floor 2: one frame → its layers. The only door to etherparse.
//!
//! Reading first, judging second: [`Packet::decode`] takes what is there, allocates nothing and never fails; where it
//! had to stop it says so in [`Packet::fault`]. [`describe`] makes the fields and prose for what someone looks at.
//!
//! ```
//! use wiretale::capture::LinkType;
//! use wiretale::packet::{Packet, Transport};
//!
//! // An IPv4 header (20 octets), a UDP header (8) and "hi", on a link that adds nothing.
//! let frame = [
//!     0x45, 0, 0, 30, 0, 0, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1,
//!     0x9c, 0x40, 0x1f, 0x90, 0, 10, 0, 0, b'h', b'i',
//! ];
//! let packet = Packet::decode(LinkType::RAW, &frame, 30);
//! assert!(matches!(packet.transport, Some(Transport::Udp(udp)) if udp.destination_port == 8080));
//! assert_eq!(packet.payload.of(&frame), b"hi");
//! ```

mod checksum;
mod fault;
mod ip;
mod link;
mod tcp;
mod udp;

use std::net::SocketAddr;
use std::ops::Range;

pub use checksum::Verdict as ChecksumVerdict;
pub use fault::Fault;
pub use ip::{Net, Version};
pub use link::{Link, LinkKind};
pub use tcp::{ACK_RANGE, Flags, SEQ_RANGE, SynOptions, Tcp, WINDOW_RANGE};
pub use udp::Udp;

use crate::capture::LinkType;
use crate::layer::{Buffer, FieldDef, Layer, OsiLayer, Span, Value};

/// A stretch of a frame's captured octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// The first octet.
    pub start: u32,
    /// The one after the last.
    pub end: u32,
}

impl Extent {
    /// The stretch from `start` to before `end`; empty when `end` lies before `start`.
    pub fn new(start: usize, end: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Self { start, end: u32::try_from(end).unwrap_or(u32::MAX).max(start) }
    }

    /// How many octets.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it holds nothing.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The octets themselves; nothing if `data` is not the frame they were measured on.
    pub fn of(self, data: &[u8]) -> &[u8] {
        data.get(self.range()).unwrap_or_default()
    }

    /// As a range of indices.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// As a span in a frame.
    pub fn span(self, frame: u32) -> Span {
        Span::new(Buffer::Frame(frame), u64::from(self.start)..u64::from(self.end))
    }
}

/// The header above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Transmission Control Protocol.
    Tcp(Tcp),
    /// User Datagram Protocol.
    Udp(Udp),
}

/// A frame, dissected: where each header lies and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// The link's header.
    pub link: Link,
    /// The IP header, if there is one.
    pub net: Option<Net>,
    /// The transport header, if there is one that could be read.
    pub transport: Option<Transport>,
    /// What the innermost header that was read carries.
    pub payload: Extent,
    /// Octets after the end of the IP packet: padding or a trailer of the link.
    pub trailer: Extent,
    /// Where dissecting had to stop, and why.
    pub fault: Option<Fault>,
    /// How many octets of the frame the capture did not keep.
    pub missing: u32,
}

impl Packet {
    /// Dissects the captured octets of a frame that was `len` octets long on the wire.
    pub fn decode(link: LinkType, data: &[u8], len: u32) -> Self {
        let captured = Extent::new(0, data.len());
        let missing = len.saturating_sub(captured.end);
        let (link, next) = Link::decode(link, data);
        let rest = Extent::new(link.header.end as usize, data.len());
        let mut packet = Self {
            link,
            net: None,
            transport: None,
            payload: rest,
            trailer: Extent::new(data.len(), data.len()),
            fault: None,
            missing,
        };
        match next {
            Ok(()) => packet.decode_net(data),
            Err(fault) => packet.fault = Some(fault),
        }
        packet
    }

    fn decode_net(&mut self, data: &[u8]) {
        match Net::decode(data, self.payload) {
            Ok((net, fault)) => {
                self.net = Some(net);
                self.payload = net.payload;
                self.trailer = Extent::new(net.payload.end as usize, data.len());
                match fault {
                    Some(fault) => self.fault = Some(fault),
                    None => self.decode_transport(data, &net),
                }
            }
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn decode_transport(&mut self, data: &[u8], net: &Net) {
        let decoded = match net.protocol {
            tcp::IP_PROTOCOL => Tcp::decode(data, net.payload).map(|(tcp, rest)| (Transport::Tcp(tcp), rest)),
            udp::IP_PROTOCOL => Udp::decode(data, net.payload).map(|(udp, rest)| (Transport::Udp(udp), rest)),
            other => Err(Fault::Unknown { what: "IP protocol", number: u32::from(other) }),
        };
        match decoded {
            Ok((transport, rest)) => {
                self.transport = Some(match transport {
                    Transport::Tcp(tcp) => Transport::Tcp(Tcp {
                        payload_len: net.payload_len.saturating_sub(tcp.header.len() as u32),
                        ..tcp
                    }),
                    udp @ Transport::Udp(_) => udp,
                });
                self.payload = rest;
            }
            Err(fault) => self.fault = Some(fault),
        }
    }

    /// The TCP header with the addresses around it.
    pub fn tcp(&self) -> Option<(&Tcp, SocketAddr, SocketAddr)> {
        match (&self.net, &self.transport) {
            (Some(net), Some(Transport::Tcp(tcp))) => Some((
                tcp,
                SocketAddr::new(net.source, tcp.source_port),
                SocketAddr::new(net.destination, tcp.destination_port),
            )),
            _ => None,
        }
    }

    /// The headers that were read, outermost first, each with the protocol's filter name.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, Extent)> + use<> {
        let link = Some((self.link.kind.protocol(), self.link.header));
        let net = self.net.map(|net| (net.version.protocol(), net.header));
        let transport = self.transport.map(|transport| match transport {
            Transport::Tcp(tcp) => ("tcp", tcp.header),
            Transport::Udp(udp) => ("udp", udp.header),
        });
        [link, net, transport].into_iter().flatten()
    }

    /// What the transport checksum says, once everything it covers is there.
    pub fn checksum(&self, data: &[u8]) -> ChecksumVerdict {
        checksum::transport(self, data)
    }
}

/// Describes the headers of a packet, outermost first, with every field's bytes.
pub fn describe(packet: &Packet, frame: u32, data: &[u8]) -> Vec<Layer> {
    let mut layers = vec![packet.link.describe(frame, data)];
    if let Some(net) = &packet.net {
        layers.push(net.describe(frame, data));
    }
    match &packet.transport {
        Some(Transport::Tcp(tcp)) => layers.push(tcp.describe(frame, data, packet)),
        Some(Transport::Udp(udp)) => layers.push(udp.describe(frame, data, packet)),
        None => {}
    }
    if let Some(fault) = packet.fault
        && let Some(layer) = layers.last_mut()
    {
        layer.notes.push(fault.note(packet.missing));
    }
    layers
}

crate::fields! {
    DATA_DATA = "data.data", Bytes, "The octets of a payload that no dissector took.", "";
    DATA_LEN = "data.len", Uint, "How many octets that payload has.", "";
}

/// Describes octets that nobody dissects.
pub fn describe_data(at: Span, bytes: &[u8]) -> Layer {
    let mut layer = Layer::new("data", "Data", Some(OsiLayer::Application), Some(at));
    layer.summary = format!("{} octets that no dissector took", bytes.len());
    layer.field(&DATA_DATA, Value::Bytes(bytes.to_vec()), 0..bytes.len());
    layer.computed(&DATA_LEN, Value::Uint(bytes.len() as u64));
    layer
}

/// The field tables of this floor.
pub fn fields() -> impl Iterator<Item = &'static FieldDef> {
    [link::FIELDS, ip::FIELDS, tcp::FIELDS, udp::FIELDS, FIELDS].into_iter().flatten().copied()
}

/// The protocol names of this floor, as filters know them.
pub const PROTOCOLS: &[&str] = &["eth", "null", "raw", "sll", "ip", "ipv6", "tcp", "udp", "data"];

#[cfg(test)]
mod tests;
