//! Linux cooked captures, which stand for a link when several are captured at once: nobody sent these headers.
//!
//! # References
//! - LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2: <https://www.tcpdump.org/linktypes.html>.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::Fault;
use super::link::{Link, LinkKind, Next, read_u16, read_u32};
use crate::layer::{Layer, OsiLayer, Span, Value};

crate::fields! {
    SLL_PKTTYPE = "sll.pkttype", Uint(16), "Who the packet was for: 0 us, 1 everyone, 2 a group, 3 someone else, 4 sent by us.", "LINKTYPE_LINUX_SLL";
    SLL_HATYPE = "sll.hatype", Uint(16), "The kind of device: 1 is Ethernet, 772 is loopback.", "LINKTYPE_LINUX_SLL";
    SLL_HALEN = "sll.halen", Uint(16), "How long the sender's link address is.", "LINKTYPE_LINUX_SLL";
    SLL_SRC_ETH = "sll.src.eth", Mac, "The sender's link address, where it is one of Ethernet.", "LINKTYPE_LINUX_SLL";
    SLL_SRC_IPV4 = "sll.src.ipv4", Address, "The sender's link address, where it has four octets.", "LINKTYPE_LINUX_SLL";
    SLL_UNUSED = "sll.unused", Bytes, "Room for an address that is longer.", "LINKTYPE_LINUX_SLL";
    SLL_IFINDEX = "sll.ifindex", Uint(32), "The number of the interface, as the machine counts them.", "LINKTYPE_LINUX_SLL2";
    SLL_LTYPE = "sll.ltype", Uint(16), "Which protocol the frame carries, where it is one of Linux's own numbers: 1 is IEEE 802.3 without LLC, 4 is LLC.", "LINKTYPE_LINUX_SLL";
    SLL_ETYPE = "sll.etype", Uint(16), "Which protocol the frame carries.", "LINKTYPE_LINUX_SLL";
}

mod field {
    use std::ops::Range;
    pub(super) const PKTTYPE: Range<usize> = 0..2;
    pub(super) const HATYPE: Range<usize> = 2..4;
    pub(super) const HALEN: Range<usize> = 4..6;
    pub(super) const ADDRESS: usize = 6;
    pub(super) const ETYPE: Range<usize> = 14..16;
    pub(super) const LEN: usize = 16;
    pub(super) const V2_ETYPE: Range<usize> = 0..2;
    pub(super) const V2_IFINDEX: Range<usize> = 4..8;
    pub(super) const V2_HATYPE: Range<usize> = 8..10;
    pub(super) const V2_PKTTYPE: Range<usize> = 10..11;
    pub(super) const V2_HALEN: Range<usize> = 11..12;
    pub(super) const V2_ADDRESS: usize = 12;
    pub(super) const V2_LEN: usize = 20;
}

/// Room for a link address in both versions.
const ADDRESS_LEN: usize = 8;

/// Reads a header of version 1.
pub(super) fn decode(data: &[u8]) -> (Link, Result<Next, Fault>) {
    match read_u16(data, field::ETYPE.start) {
        Some(protocol) => (Link::new(LinkKind::Sll, field::LEN), next(protocol)),
        None => Link::short(LinkKind::Sll, "cooked header", field::LEN, data),
    }
}

/// Reads a header of version 2.
pub(super) fn decode_v2(data: &[u8]) -> (Link, Result<Next, Fault>) {
    match read_u16(data, field::V2_ETYPE.start).filter(|_| data.len() >= field::V2_LEN) {
        Some(protocol) => (Link::new(LinkKind::Sll2, field::V2_LEN), next(protocol)),
        None => Link::short(LinkKind::Sll2, "cooked header", field::V2_LEN, data),
    }
}

/// Up to here the protocol is a number of Linux's own; Wireshark has the same bound.
const MAX_OWN: u16 = 0x600;

fn next(protocol: u16) -> Result<Next, Fault> {
    match protocol {
        0..=MAX_OWN => Err(Fault::Unknown { what: "cooked protocol", number: u32::from(protocol) }),
        ether_type => Ok(Next::EtherType(ether_type)),
    }
}

fn describe_protocol(layer: &mut Layer, bytes: &[u8], at: Range<usize>) {
    let protocol = read_u16(bytes, at.start).unwrap_or_default();
    layer.field(if protocol <= MAX_OWN { &SLL_LTYPE } else { &SLL_ETYPE }, Value::Uint(u64::from(protocol)), at);
}

/// Describes a header of version 1.
pub(super) fn describe(bytes: &[u8], span: Option<Span>) -> Layer {
    let mut layer = Layer::new("sll", "Linux cooked capture", Some(OsiLayer::DataLink), span);
    layer.summary = "a header the capture wrote, not the wire".into();
    if bytes.len() < field::LEN {
        return layer;
    }
    let number = |at| Value::Uint(u64::from(read_u16(bytes, at).unwrap_or_default()));
    layer.field(&SLL_PKTTYPE, number(field::PKTTYPE.start), field::PKTTYPE);
    layer.field(&SLL_HATYPE, number(field::HATYPE.start), field::HATYPE);
    layer.field(&SLL_HALEN, number(field::HALEN.start), field::HALEN);
    let len = read_u16(bytes, field::HALEN.start).unwrap_or_default();
    describe_address(&mut layer, bytes, field::ADDRESS, usize::from(len));
    describe_protocol(&mut layer, bytes, field::ETYPE);
    layer
}

/// Describes a header of version 2.
pub(super) fn describe_v2(bytes: &[u8], span: Option<Span>) -> Layer {
    let mut layer = Layer::new("sll", "Linux cooked capture, version 2", Some(OsiLayer::DataLink), span);
    layer.summary = "a header the capture wrote, not the wire".into();
    if bytes.len() < field::V2_LEN {
        return layer;
    }
    let number = |at| Value::Uint(u64::from(read_u16(bytes, at).unwrap_or_default()));
    let octet = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let interface = read_u32(bytes, field::V2_IFINDEX.start).unwrap_or_default();
    layer.summary = format!("interface {interface}; {}", layer.summary);
    describe_protocol(&mut layer, bytes, field::V2_ETYPE);
    layer.field(&SLL_IFINDEX, Value::Uint(u64::from(interface)), field::V2_IFINDEX);
    layer.field(&SLL_HATYPE, number(field::V2_HATYPE.start), field::V2_HATYPE);
    layer.field(&SLL_PKTTYPE, Value::Uint(u64::from(octet(field::V2_PKTTYPE.start))), field::V2_PKTTYPE);
    let len = octet(field::V2_HALEN.start);
    layer.field(&SLL_HALEN, Value::Uint(u64::from(len)), field::V2_HALEN);
    describe_address(&mut layer, bytes, field::V2_ADDRESS, usize::from(len));
    layer
}

/// "If there are more than 8 bytes, only the first 8 bytes are present, and if there are fewer than 8 bytes, there are
/// padding bytes after the address." (LINKTYPE_LINUX_SLL)
fn describe_address(layer: &mut Layer, bytes: &[u8], at: usize, len: usize) {
    let address = bytes.get(at..at + len.min(ADDRESS_LEN)).unwrap_or_default();
    match *address {
        [a, b, c, d, e, f] => layer.field(&SLL_SRC_ETH, Value::Mac([a, b, c, d, e, f]), at..at + len),
        [a, b, c, d] => layer.field(&SLL_SRC_IPV4, Value::Address(Ipv4Addr::new(a, b, c, d).into()), at..at + len),
        _ => {}
    }
    if len < ADDRESS_LEN {
        let unused = bytes.get(at + len..at + ADDRESS_LEN).unwrap_or_default();
        layer.field(&SLL_UNUSED, Value::Bytes(unused.to_vec()), at + len..at + ADDRESS_LEN);
    }
}
