//! Link headers: Ethernet (IEEE 802.3), BSD loopback (NULL, LOOP), raw IP, Linux cooked capture (SLL).
//!
//! # References
//! - Link types: <https://www.tcpdump.org/linktypes.html>; SLL: LINKTYPE_LINUX_SLL there.
//!
//! On loopback there is no link: the kernel invents an Ethernet header of zeros. We say so and invent nothing more.

use etherparse::Ethernet2HeaderSlice;

use super::{Extent, Fault};
use crate::capture::LinkType;
use crate::layer::{Layer, Note, OsiLayer, Severity, Value};

crate::fields! {
    ETH_DST = "eth.dst", Mac, "The Ethernet address the frame is sent to.", "IEEE 802.3 §3.2.3";
    ETH_SRC = "eth.src", Mac, "The Ethernet address the frame was sent from.", "IEEE 802.3 §3.2.3";
    ETH_ADDR = "eth.addr", Mac, "Either of the two Ethernet addresses.", "IEEE 802.3 §3.2.3";
    ETH_TYPE = "eth.type", Uint, "Which protocol the frame carries: 0x0800 is IPv4, 0x86dd is IPv6.", "RFC 9542 §3";
    NULL_FAMILY = "null.family", Uint, "The address family on BSD loopback, in the byte order of the host.", "LINKTYPE_NULL";
    SLL_PKTTYPE = "sll.pkttype", Uint, "Who the packet was for: 0 us, 4 sent by us.", "LINKTYPE_LINUX_SLL";
    SLL_HATYPE = "sll.hatype", Uint, "The kind of device: 772 is loopback.", "LINKTYPE_LINUX_SLL";
    SLL_HALEN = "sll.halen", Uint, "How long the sender's link address is.", "LINKTYPE_LINUX_SLL";
    SLL_ETYPE = "sll.etype", Uint, "Which protocol the frame carries.", "LINKTYPE_LINUX_SLL";
}

/// Which kind of link header was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// Ethernet II.
    Ethernet,
    /// BSD loopback, either byte order.
    Null,
    /// No link header: the frame begins with IP.
    Raw,
    /// Linux cooked capture.
    Sll,
    /// A link type that is not dissected.
    Other(LinkType),
}

impl LinkKind {
    /// The protocol's name in filters.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Ethernet => "eth",
            Self::Null => "null",
            Self::Raw => "raw",
            Self::Sll => "sll",
            Self::Other(_) => "data",
        }
    }
}

/// A link header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Which kind.
    pub kind: LinkKind,
    /// Where it lies.
    pub header: Extent,
}

mod field {
    use std::ops::Range;
    pub(super) const DST: Range<usize> = 0..6;
    pub(super) const SRC: Range<usize> = 6..12;
    pub(super) const TYPE: Range<usize> = 12..14;
    pub(super) const ETHERNET_LEN: usize = 14;
    pub(super) const NULL_LEN: usize = 4;
    pub(super) const SLL_PKTTYPE: Range<usize> = 0..2;
    pub(super) const SLL_HATYPE: Range<usize> = 2..4;
    pub(super) const SLL_HALEN: Range<usize> = 4..6;
    pub(super) const SLL_ETYPE: Range<usize> = 14..16;
    pub(super) const SLL_LEN: usize = 16;
}

const ETHER_TYPE_IPV4: u16 = 0x0800;
const ETHER_TYPE_IPV6: u16 = 0x86dd;

impl Link {
    /// Reads the header of this link type. The second value says whether an IP header follows.
    pub(super) fn decode(link: LinkType, data: &[u8]) -> (Self, Result<(), Fault>) {
        match link {
            LinkType::ETHERNET => Self::ethernet(data),
            LinkType::NULL | LinkType::LOOP => Self::null(data),
            LinkType::LINUX_SLL => Self::sll(data),
            LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
                (Self::new(LinkKind::Raw, 0), Ok(()))
            }
            other => {
                let fault = Fault::Unknown { what: "link type", number: u32::from(other.0) };
                (Self::new(LinkKind::Other(other), 0), Err(fault))
            }
        }
    }

    fn new(kind: LinkKind, len: usize) -> Self {
        Self { kind, header: Extent::new(0, len) }
    }

    fn ethernet(data: &[u8]) -> (Self, Result<(), Fault>) {
        match Ethernet2HeaderSlice::from_slice(data) {
            Ok(header) => (Self::new(LinkKind::Ethernet, field::ETHERNET_LEN), ip_follows(header.ether_type().0)),
            Err(_) => Self::short(LinkKind::Ethernet, "Ethernet header", field::ETHERNET_LEN, data),
        }
    }

    fn null(data: &[u8]) -> (Self, Result<(), Fault>) {
        let Some(family) = read_u32(data, 0) else {
            return Self::short(LinkKind::Null, "loopback header", field::NULL_LEN, data);
        };
        // "The link-layer header is a 4-byte field, in host byte order" of the machine that captured: the family is
        // small, so the order in which it is small is the right one. AF_INET6 differs from system to system.
        let family = if family > 0xffff { family.swap_bytes() } else { family };
        let next = match family {
            2 | 10 | 24 | 28 | 30 => Ok(()),
            other => Err(Fault::Unknown { what: "address family", number: other }),
        };
        (Self::new(LinkKind::Null, field::NULL_LEN), next)
    }

    fn sll(data: &[u8]) -> (Self, Result<(), Fault>) {
        match read_u16(data, field::SLL_ETYPE.start) {
            Some(ether_type) => (Self::new(LinkKind::Sll, field::SLL_LEN), ip_follows(ether_type)),
            None => Self::short(LinkKind::Sll, "cooked header", field::SLL_LEN, data),
        }
    }

    fn short(kind: LinkKind, header: &'static str, needed: usize, data: &[u8]) -> (Self, Result<(), Fault>) {
        let fault = Fault::Short { header, needed: needed as u32, had: data.len() as u32 };
        (Self::new(kind, 0), Err(fault))
    }

    /// The header as a layer. On loopback an all-zero Ethernet header gets the remark that nobody sent it.
    pub(super) fn describe(&self, frame: u32, data: &[u8]) -> Layer {
        let span = Some(self.header.span(frame));
        let bytes = self.header.of(data);
        match self.kind {
            LinkKind::Ethernet => describe_ethernet(bytes, span),
            LinkKind::Null => {
                let mut layer = Layer::new("null", "BSD loopback", Some(OsiLayer::DataLink), span);
                let Some(family) = read_u32(bytes, 0) else { return layer };
                let family = if family > 0xffff { family.swap_bytes() } else { family };
                layer.summary = format!("address family {family}");
                layer.field(&NULL_FAMILY, Value::Uint(u64::from(family)), 0..field::NULL_LEN);
                layer
            }
            LinkKind::Raw => {
                let mut layer = Layer::new("raw", "Raw IP", Some(OsiLayer::DataLink), span);
                layer.summary = "no link header: the frame begins with IP".into();
                layer
            }
            LinkKind::Sll => describe_sll(bytes, span),
            LinkKind::Other(link) => {
                let mut layer = Layer::new("data", "Unknown link", Some(OsiLayer::DataLink), span);
                layer.summary = format!("{link}, which is not dissected");
                layer
            }
        }
    }
}

fn describe_ethernet(bytes: &[u8], span: Option<crate::layer::Span>) -> Layer {
    let mut layer = Layer::new("eth", "Ethernet", Some(OsiLayer::DataLink), span);
    let Ok(header) = Ethernet2HeaderSlice::from_slice(bytes) else { return layer };
    let (dst, src) = (header.destination(), header.source());
    layer.field(&ETH_DST, Value::Mac(dst), field::DST);
    layer.field(&ETH_ADDR, Value::Mac(dst), field::DST);
    layer.field(&ETH_SRC, Value::Mac(src), field::SRC);
    layer.field(&ETH_ADDR, Value::Mac(src), field::SRC);
    layer.field(&ETH_TYPE, Value::Uint(u64::from(header.ether_type().0)), field::TYPE);
    if dst == [0; 6] && src == [0; 6] {
        layer.summary = "invented by loopback: all zero".into();
        let text = "both addresses are zero: the loopback device has no Ethernet, its header is made up";
        layer.notes.push(Note::new(Severity::Chat, text, ""));
    } else {
        layer.summary = format!("{} → {}", Value::Mac(src), Value::Mac(dst));
    }
    layer
}

fn describe_sll(bytes: &[u8], span: Option<crate::layer::Span>) -> Layer {
    let mut layer = Layer::new("sll", "Linux cooked capture", Some(OsiLayer::DataLink), span);
    for (def, range) in [
        (&SLL_PKTTYPE, field::SLL_PKTTYPE),
        (&SLL_HATYPE, field::SLL_HATYPE),
        (&SLL_HALEN, field::SLL_HALEN),
        (&SLL_ETYPE, field::SLL_ETYPE),
    ] {
        if let Some(value) = read_u16(bytes, range.start) {
            layer.field(def, Value::Uint(u64::from(value)), range);
        }
    }
    layer.summary = "a header the capture wrote, not the wire".into();
    layer
}

fn ip_follows(ether_type: u16) -> Result<(), Fault> {
    match ether_type {
        ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 => Ok(()),
        other => Err(Fault::Unknown { what: "EtherType", number: u32::from(other) }),
    }
}

fn read_u16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
}

fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}
