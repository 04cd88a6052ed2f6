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

mod arp;
mod auth;
mod checksum;
mod datagram;
mod evidence;
mod extent;
mod fault;
mod fragment;
mod icmp;
mod ip;
mod ipv6_extension;
mod lately;
mod link;
mod misfit;
mod plain;
mod route;
mod sll;
mod tcp;
mod udp;
mod vlan;

use std::net::SocketAddr;

pub use arp::Arp;
pub use checksum::Verdict as ChecksumVerdict;
pub use datagram::{Datagram, Piece, describe_reassembled_in};
pub use evidence::{Damage, Evidence};
pub use extent::Extent;
pub use fault::Fault;
pub use fragment::{Limits, Reassembler};
pub use icmp::Icmp;
pub use ip::{Fragment, Net, Version};
pub use link::{Link, LinkKind};
pub use plain::{Ends, Plain};
pub use tcp::{ACK_RANGE, Flags, SEQ_RANGE, SynOptions, Tcp, WINDOW_RANGE};
pub use udp::Udp;
pub use vlan::Vlans;

use crate::capture::LinkType;
use crate::count::counted;
use crate::layer::{Buffer, FieldDef, Group, Layer, Note, OsiLayer, Severity, Span, Value};
use link::Next;

/// The header above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Transmission Control Protocol.
    Tcp(Tcp),
    /// User Datagram Protocol.
    Udp(Udp),
    /// Internet Control Message Protocol, of IPv4 or IPv6.
    Icmp(Icmp),
}

/// A frame, dissected: where each header lies and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// The link's header.
    pub link: Link,
    /// The VLAN tags behind it.
    pub vlans: Vlans,
    /// The ARP packet, if it is one.
    pub arp: Option<Arp>,
    /// The IP header, if there is one.
    pub net: Option<Net>,
    /// The transport header, if there is one that could be read.
    pub transport: Option<Transport>,
    /// What the innermost header that was read carries.
    pub payload: Extent,
    /// Octets after the end of what the link carries: its padding or trailer.
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
            vlans: Vlans::default(),
            arp: None,
            net: None,
            transport: None,
            payload: rest,
            trailer: Extent::new(data.len(), data.len()),
            fault: None,
            missing,
        };
        match next {
            Ok(Next::Ip) => packet.decode_net(data),
            Ok(Next::EtherType(ether_type)) => packet.decode_tagged(data, ether_type),
            Ok(Next::Length(length)) => packet.stop_at_length(data, length),
            Err(fault) => packet.fault = Some(fault),
        }
        packet
    }

    /// The packet that fragments make up, of which this is the first: its extents count in the octets put together.
    fn of_datagram(&self, bytes: &[u8]) -> Self {
        let nowhere = Extent::default();
        let mut whole = Self {
            link: Link { header: nowhere, ..self.link },
            vlans: Vlans::default(),
            arp: None,
            net: None,
            transport: None,
            payload: Extent::new(0, bytes.len()),
            trailer: Extent::new(bytes.len(), bytes.len()),
            fault: None,
            missing: 0,
        };
        if let Some(net) = &self.net {
            let (net, fault) = net.of_datagram(bytes);
            (whole.net, whole.payload, whole.fault) = (Some(net), net.payload, fault);
            if fault.is_none() {
                whole.decode_transport(bytes, &net);
            }
        }
        whole
    }

    fn decode_tagged(&mut self, data: &[u8], ether_type: u16) {
        let (vlans, at, next) = Vlans::decode(data, self.payload.start as usize, ether_type);
        self.vlans = vlans;
        self.payload = Extent::new(at, data.len());
        match next {
            Ok(ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6) => self.decode_net(data),
            Ok(arp::ETHER_TYPE) => match Arp::decode(data, self.payload) {
                Ok(arp) => {
                    let end = arp.header.end as usize;
                    (self.arp, self.payload) = (Some(arp), Extent::new(end, end));
                    self.trailer = Extent::new(end, data.len());
                }
                Err(fault) => self.fault = Some(fault),
            },
            Ok(length @ 0..=link::MAX_LENGTH) => self.stop_at_length(data, length),
            Ok(other) => self.fault = Some(Fault::Unknown { what: "EtherType", number: u32::from(other) }),
            Err(fault) => self.fault = Some(fault),
        }
    }

    fn stop_at_length(&mut self, data: &[u8], length: u16) {
        let start = self.payload.start as usize;
        let end = data.len().min(start + usize::from(length));
        self.payload = Extent::new(start, end);
        self.trailer = Extent::new(end, data.len());
        self.fault = Some(Fault::Unknown { what: fault::LENGTH, number: u32::from(length) });
    }

    fn decode_net(&mut self, data: &[u8]) {
        match Net::decode(data, self.payload, self.missing) {
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
        let decoded = match (net.protocol, net.version) {
            (tcp::IP_PROTOCOL, _) => Tcp::decode(data, net.payload).map(|(tcp, rest)| (Transport::Tcp(tcp), rest)),
            (udp::IP_PROTOCOL, _) => Udp::decode(data, net.payload).map(|(udp, rest)| (Transport::Udp(udp), rest)),
            (ipv6_extension::NO_NEXT_HEADER, Version::V6) => return,
            (icmp::IP_PROTOCOL, Version::V4) | (icmp::IP_PROTOCOL_V6, Version::V6) => {
                Icmp::decode(data, net.payload, net.version).map(|(icmp, rest)| (Transport::Icmp(icmp), rest))
            }
            (other, _) => Err(Fault::Unknown { what: "IP protocol", number: u32::from(other) }),
        };
        match decoded {
            Ok((transport, rest)) => {
                self.transport = Some(match transport {
                    Transport::Tcp(tcp) => Transport::Tcp(Tcp {
                        payload_len: net.payload_len.saturating_sub(tcp.header.len() as u32),
                        ..tcp
                    }),
                    other => other,
                });
                self.payload = rest;
            }
            Err(fault) => self.stop_in_transport(data, net, fault),
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
        let arp = self.arp.map(|arp| ("arp", arp.header));
        let net = self.net.map(|net| (net.version.protocol(), net.header));
        let auth = self.net.and_then(|net| net.auth).map(|auth| ("ah", auth));
        let transport = self.transport.map(|transport| match transport {
            Transport::Tcp(tcp) => ("tcp", tcp.header),
            Transport::Udp(udp) => ("udp", udp.header),
            Transport::Icmp(icmp) => (icmp.protocol(), icmp.header),
        });
        link.into_iter().chain(self.vlans.tags()).chain([arp, net, auth, transport].into_iter().flatten())
    }

    /// A number that packets share which have the same headers in the same order, and no others.
    pub fn stack_key(&self) -> u64 {
        let transport = match &self.transport {
            None => 0,
            Some(Transport::Tcp(_)) => 1,
            Some(Transport::Udp(_)) => 2,
            Some(Transport::Icmp(icmp)) => {
                if icmp.version == Version::V4 {
                    3
                } else {
                    4
                }
            }
        };
        let net = self.net.as_ref().map_or(0, |net| if net.version == Version::V4 { 1 } else { 2 });
        let rare = u64::from(self.arp.is_some()) << 5 | u64::from(self.net.is_some_and(|net| net.auth.is_some())) << 15;
        transport | net << 3 | rare | self.vlans.key() << 16 | self.link.kind.key() << 12
    }

    /// The UDP header with the addresses around it.
    pub fn udp(&self) -> Option<(&Udp, SocketAddr, SocketAddr)> {
        match (&self.net, &self.transport) {
            (Some(net), Some(Transport::Udp(udp))) => Some((
                udp,
                SocketAddr::new(net.source, udp.source_port),
                SocketAddr::new(net.destination, udp.destination_port),
            )),
            _ => None,
        }
    }

    /// The packet an ICMP error quotes, as far as it does.
    pub fn quoted(&self, data: &[u8]) -> Option<Self> {
        match &self.transport {
            Some(Transport::Icmp(icmp)) => icmp.quoted(data, self),
            _ => None,
        }
    }

    /// What is odd about the headers: why dissecting stopped, and lengths that do not fit each other. Most packets have
    /// none.
    pub fn remarks(&self) -> Vec<Note> {
        let mut notes: Vec<Note> = self.fault.map(|fault| fault.note(self.missing)).into_iter().collect();
        let Some(net) = &self.net else { return notes };
        let lacks = net.payload_len.saturating_sub(net.payload.len() as u32);
        if lacks > 0 && self.missing == 0 {
            let text = format!("by its length the IP packet has {} more than the frame holds", counted(lacks, "octet"));
            notes.push(Note::new(Severity::Warn, text, "RFC 1122 §3.2.1").about(Group::Malformed));
        }
        if let Some(Transport::Udp(udp)) = &self.transport {
            notes.extend(udp.remarks(net));
        }
        notes
    }

    /// Whether its transport checksum may have been left to a network card; a quick look, that may say yes too often.
    fn may_be_left_to_card(&self, data: &[u8]) -> bool {
        checksum::may_be_left_to_card(self, data)
    }

    /// What the transport checksum says, once everything it covers is there.
    pub fn checksum(&self, data: &[u8]) -> ChecksumVerdict {
        checksum::transport(self, data)
    }
}

/// Describes the headers of a packet, outermost first, with every field's bytes.
pub fn describe(packet: &Packet, frame: u32, data: &[u8]) -> Vec<Layer> {
    let mut layers = vec![packet.link.describe(frame, data, packet)];
    layers.extend(packet.vlans.describe(frame, data, packet));
    layers.extend(packet.arp.iter().map(|arp| arp.describe(frame, data)));
    describe_above_link(packet, Buffer::Frame(frame), data, &mut layers);
    layers
}

/// Describes what a datagram says that was put together from fragments; `frame` is the one that completed it.
pub fn describe_datagram(datagram: &Datagram, frame: u32) -> Vec<Layer> {
    let (packet, bytes) = (&datagram.packet, datagram.bytes.as_slice());
    let mut layers: Vec<Layer> = Vec::new();
    layers.extend(packet.net.and_then(|net| net.describe_auth(Buffer::Datagram(frame), bytes)));
    if let Some(transport) = &packet.transport {
        layers.extend(describe_transport(transport, Buffer::Datagram(frame), bytes, packet));
    }
    if let Some(layer) = layers.first_mut() {
        layer.notes.extend(packet.remarks());
    }
    layers
}

fn describe_above_link(packet: &Packet, buffer: Buffer, data: &[u8], layers: &mut Vec<Layer>) {
    layers.extend(packet.net.iter().map(|net| net.describe(buffer, data)));
    layers.extend(packet.net.and_then(|net| net.describe_auth(buffer, data)));
    let last = layers.len();
    if let Some(transport) = &packet.transport {
        layers.extend(describe_transport(transport, buffer, data, packet));
    }
    // Of an ICMP error the message itself, not what it quotes.
    let innermost = last.min(layers.len().saturating_sub(1));
    if let Some(layer) = layers.get_mut(innermost) {
        layer.notes.extend(packet.remarks());
    }
}

fn describe_transport(transport: &Transport, buffer: Buffer, data: &[u8], packet: &Packet) -> Vec<Layer> {
    match transport {
        Transport::Tcp(tcp) => vec![tcp.describe(buffer, data, packet)],
        Transport::Udp(udp) => vec![udp.describe(buffer, data, packet)],
        Transport::Icmp(icmp) => icmp.describe(buffer, data, packet),
    }
}

crate::fields! {
    DATA_DATA = "data.data", Bytes, "The octets of a payload that no dissector took.", "";
    DATA_LEN = "data.len", Uint(32), "How many octets that payload has.", "";
}

/// Describes octets that nobody dissects.
pub fn describe_data(at: Span, bytes: &[u8]) -> Layer {
    let mut layer = Layer::new("data", "Data", Some(OsiLayer::Application), Some(at));
    layer.summary = format!("{} that no dissector took", counted(bytes.len(), "octet"));
    layer.field(&DATA_DATA, Value::Bytes(bytes.to_vec()), 0..bytes.len());
    layer.computed(&DATA_LEN, Value::Uint(bytes.len() as u64));
    layer
}

/// The field tables of this floor.
pub fn fields() -> impl Iterator<Item = &'static FieldDef> {
    let link = [link::FIELDS, sll::FIELDS, vlan::FIELDS, arp::FIELDS];
    let ip = [ip::FIELDS, ipv6_extension::FIELDS, route::FIELDS, auth::FIELDS, datagram::FIELDS, icmp::FIELDS];
    let above = [tcp::FIELDS, tcp::OPTION_FIELDS, udp::FIELDS, FIELDS];
    link.into_iter().chain(ip).chain(above).flatten().copied()
}

/// The protocol names of this floor, as filters know them.
pub const PROTOCOLS: &[&str] = &[
    "eth",
    "null",
    "raw",
    "sll",
    "vlan",
    "ieee8021ad",
    "arp",
    "ip",
    "ipv6",
    "ah",
    "icmp",
    "icmpv6",
    "tcp",
    "udp",
    "data",
];

const ETHER_TYPE_IPV4: u16 = 0x0800;
const ETHER_TYPE_IPV6: u16 = 0x86dd;

#[cfg(test)]
mod more_tests;
#[cfg(test)]
mod tests;
