//! The Address Resolution Protocol: who has this IP address, and what is your Ethernet address?
//!
//! # References
//! - RFC 826: the packet. RFC 5227: probes and announcements.

use std::net::Ipv4Addr;

use etherparse::ArpPacketSlice;

use super::{Extent, Fault};
use crate::layer::{FieldDef, Layer, Note, OsiLayer, Severity, Value};

/// ARP's EtherType.
pub(super) const ETHER_TYPE: u16 = 0x0806;

crate::fields! {
    ARP_HW_TYPE = "arp.hw.type", Uint(16), "The kind of link whose addresses are asked for: 1 is Ethernet.", "RFC 826";
    ARP_PROTO_TYPE = "arp.proto.type", Uint(16), "The protocol whose addresses are known: 0x0800 is IPv4.", "RFC 826";
    ARP_HW_SIZE = "arp.hw.size", Uint(8), "How long a link address is, in octets.", "RFC 826";
    ARP_PROTO_SIZE = "arp.proto.size", Uint(8), "How long a protocol address is, in octets.", "RFC 826";
    ARP_OPCODE = "arp.opcode", Uint(16), "1 asks, 2 answers.", "RFC 826";
    ARP_ISPROBE = "arp.isprobe", Bool, "The sender asks whether anyone has the address it would like to use.", "RFC 5227 §2.1.1";
    ARP_ISGRATUITOUS = "arp.isgratuitous", Bool, "The sender asks for its own address, so that others learn it.", "RFC 5227 §3";
    ARP_ISANNOUNCEMENT = "arp.isannouncement", Bool, "The sender announces the address it uses from now on.", "RFC 5227 §2.3";
    ARP_SRC_MAC = "arp.src.hw_mac", Mac, "The sender's Ethernet address.", "RFC 826";
    ARP_SRC_IPV4 = "arp.src.proto_ipv4", Address, "The sender's IP address.", "RFC 826";
    ARP_DST_MAC = "arp.dst.hw_mac", Mac, "The Ethernet address of the one asked; zero in a question.", "RFC 826";
    ARP_DST_IPV4 = "arp.dst.proto_ipv4", Address, "The IP address that is asked for.", "RFC 826";
}

/// An ARP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// Where it lies.
    pub header: Extent,
    /// 1 asks, 2 answers.
    pub operation: u16,
}

mod field {
    use std::ops::Range;
    pub(super) const HW_TYPE: Range<usize> = 0..2;
    pub(super) const PROTO_TYPE: Range<usize> = 2..4;
    pub(super) const HW_SIZE: Range<usize> = 4..5;
    pub(super) const PROTO_SIZE: Range<usize> = 5..6;
    pub(super) const OPCODE: Range<usize> = 6..8;
    pub(super) const ADDRESSES: usize = 8;
}

impl Arp {
    pub(super) fn decode(data: &[u8], at: Extent) -> Result<Self, Fault> {
        let bytes = at.of(data);
        let needed = match bytes.get(field::HW_SIZE.start..field::PROTO_SIZE.end) {
            Some([hw, proto]) => field::ADDRESSES + 2 * (usize::from(*hw) + usize::from(*proto)),
            _ => field::ADDRESSES,
        };
        let short = Fault::Short { header: "ARP packet", needed: needed as u32, had: bytes.len() as u32 };
        let packet = ArpPacketSlice::from_slice(bytes).map_err(|_| short)?;
        let start = at.start as usize;
        Ok(Self { header: Extent::new(start, start + packet.slice().len()), operation: packet.operation().0 })
    }

    pub(super) fn describe(&self, frame: u32, data: &[u8]) -> Layer {
        let span = Some(self.header.span(frame));
        let mut layer = Layer::new("arp", "Address Resolution Protocol", Some(OsiLayer::DataLink), span);
        let Ok(packet) = ArpPacketSlice::from_slice(self.header.of(data)) else { return layer };
        let number = |n: u16| Value::Uint(u64::from(n));
        layer.field(&ARP_HW_TYPE, number(packet.hw_addr_type().0), field::HW_TYPE);
        layer.field(&ARP_PROTO_TYPE, number(packet.proto_addr_type().0), field::PROTO_TYPE);
        layer.field(&ARP_HW_SIZE, number(packet.hw_addr_size().into()), field::HW_SIZE);
        layer.field(&ARP_PROTO_SIZE, number(packet.proto_addr_size().into()), field::PROTO_SIZE);
        layer.field(&ARP_OPCODE, number(self.operation), field::OPCODE);
        let sides = [
            (packet.sender_hw_addr(), packet.sender_protocol_addr(), &ARP_SRC_MAC, &ARP_SRC_IPV4),
            (packet.target_hw_addr(), packet.target_protocol_addr(), &ARP_DST_MAC, &ARP_DST_IPV4),
        ];
        let mut at = field::ADDRESSES;
        for (hw, proto, hw_def, proto_def) in sides {
            describe_addresses(&mut layer, at, (hw, hw_def), (proto, proto_def));
            at += hw.len() + proto.len();
        }
        self.tell(&mut layer);
        layer
    }

    /// The sentence that says what it is about.
    fn tell(&self, layer: &mut Layer) {
        let ip = |layer: &Layer, name| match layer.value(name) {
            Some(Value::Address(std::net::IpAddr::V4(address))) => Some(*address),
            _ => None,
        };
        let mac = layer.value("arp.src.hw_mac").map(ToString::to_string).unwrap_or_default();
        let ends = ip(layer, "arp.src.proto_ipv4").zip(ip(layer, "arp.dst.proto_ipv4"));
        layer.summary = match (self.operation, ends) {
            (1, Some((source, target))) if source.is_unspecified() => {
                layer.computed(&ARP_ISPROBE, Value::Bool(true));
                format!("does anyone have {target}? {mac} would like to use it")
            }
            (1 | 2, Some((source, target))) if source == target => {
                layer.computed(&ARP_ISGRATUITOUS, Value::Bool(true));
                if self.operation == 1 {
                    layer.computed(&ARP_ISANNOUNCEMENT, Value::Bool(true));
                }
                format!("{source} is at {mac}, told to everyone")
            }
            (1, Some((source, target))) => format!("who has {target}? tell {source}"),
            (2, Some((source, _))) => format!("{source} is at {mac}"),
            (other, _) => {
                let text = "only questions and answers about IPv4 on Ethernet are read further";
                layer.notes.push(Note::new(Severity::Chat, text, "RFC 826"));
                format!("operation {other}")
            }
        };
    }
}

type Named<'a> = (&'a [u8], &'static FieldDef);

fn describe_addresses(layer: &mut Layer, at: usize, (hw, hw_def): Named<'_>, (proto, proto_def): Named<'_>) {
    if let Ok(mac) = <[u8; 6]>::try_from(hw) {
        layer.field(hw_def, Value::Mac(mac), at..at + 6);
    }
    if let Ok(ip) = <[u8; 4]>::try_from(proto) {
        let at = at + hw.len();
        layer.field(proto_def, Value::Address(Ipv4Addr::from(ip).into()), at..at + 4);
    }
}
