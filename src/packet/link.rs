//! Link headers: Ethernet (IEEE 802.3), BSD loopback (NULL, LOOP), raw IP. Cooked captures are in `sll.rs`, tags in
//! `vlan.rs`.
//!
//! # References
//! - Link types: <https://www.tcpdump.org/linktypes.html>.
//! - Minimum length of a frame, and why it is padded: IEEE 802.3 §3.2.8.
//!
//! On loopback there is no link: the kernel invents an Ethernet header of zeros. We say so and invent nothing more.

use etherparse::Ethernet2HeaderSlice;

use super::{Extent, Fault, Packet, sll};
use crate::capture::LinkType;
use crate::layer::{Buffer, Layer, Note, OsiLayer, Severity, Span, Value};

crate::fields! {
    ETH_DST = "eth.dst", Mac, "The Ethernet address the frame is sent to.", "IEEE 802.3 §3.2.3";
    ETH_SRC = "eth.src", Mac, "The Ethernet address the frame was sent from.", "IEEE 802.3 §3.2.3";
    ETH_ADDR = "eth.addr", Mac, "Either of the two Ethernet addresses.", "IEEE 802.3 §3.2.3";
    ETH_LG = "eth.lg", Bool, "An address that someone chose, not the maker of the card; of either address.", "IEEE 802 §8.2";
    ETH_IG = "eth.ig", Bool, "The frame is for a group, or for all; of either address.", "IEEE 802 §8.2";
    ETH_TYPE = "eth.type", Uint(16), "Which protocol the frame carries: 0x0800 is IPv4, 0x86dd is IPv6.", "RFC 9542 §3";
    NULL_FAMILY = "null.family", Uint(32), "The address family on BSD loopback, in the byte order of the host.", "LINKTYPE_NULL";
    ETH_LEN = "eth.len", Uint(16), "How many octets follow, in a frame that says that instead of a type.", "IEEE 802.3 §3.2.6";
    ETH_PADDING = "eth.padding", Bytes, "Zeros that fill the frame up to the 60 octets it must have at least.", "IEEE 802.3 §3.2.8";
    ETH_TRAILER = "eth.trailer", Bytes, "Octets behind what the frame carries, and nobody's padding.", "";
    ETH_FCS = "eth.fcs", Uint(32), "The last four octets of a frame with a trailer, taken for its check sequence as Wireshark does; seldom captured.", "IEEE 802.3 §3.2.9";
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
    /// Linux cooked capture, version 2.
    Sll2,
    /// A link type that is not dissected.
    Other(LinkType),
}

impl LinkKind {
    /// A number of its own for each kind that has a name of its own.
    pub(super) fn key(self) -> u64 {
        match self {
            Self::Ethernet => 0,
            Self::Null => 1,
            Self::Raw => 2,
            Self::Sll | Self::Sll2 => 3,
            Self::Other(_) => 4,
        }
    }

    /// The protocol's name in filters.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::Ethernet => "eth",
            Self::Null => "null",
            Self::Raw => "raw",
            Self::Sll | Self::Sll2 => "sll",
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
}

/// What follows a link header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// IP, whose first octet tells the version.
    Ip,
    /// What this EtherType says.
    EtherType(u16),
    /// A frame of IEEE 802.3 with its length instead of a type.
    Length(u16),
}

/// A number in the type field of Ethernet is a length up to here (IEEE 802.3 §3.2.6).
pub(super) const MAX_LENGTH: u16 = 1500;
/// An Ethernet frame is filled up to this many octets, its check sequence not counted (IEEE 802.3 §3.2.8).
const MIN_FRAME: usize = 60;

impl Link {
    /// Reads the header of this link type. The second value says what follows.
    pub(super) fn decode(link: LinkType, data: &[u8]) -> (Self, Result<Next, Fault>) {
        match link {
            LinkType::ETHERNET => Self::ethernet(data),
            LinkType::NULL | LinkType::LOOP => Self::null(data),
            LinkType::LINUX_SLL => sll::decode(data),
            LinkType::LINUX_SLL2 => sll::decode_v2(data),
            LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
                (Self::new(LinkKind::Raw, 0), Ok(Next::Ip))
            }
            other => {
                let fault = Fault::Unknown { what: "link type", number: u32::from(other.0) };
                (Self::new(LinkKind::Other(other), 0), Err(fault))
            }
        }
    }

    pub(super) fn new(kind: LinkKind, len: usize) -> Self {
        Self { kind, header: Extent::new(0, len) }
    }

    fn ethernet(data: &[u8]) -> (Self, Result<Next, Fault>) {
        match Ethernet2HeaderSlice::from_slice(data) {
            Ok(header) => {
                let next = match header.ether_type().0 {
                    length @ 0..=MAX_LENGTH => Next::Length(length),
                    ether_type => Next::EtherType(ether_type),
                };
                (Self::new(LinkKind::Ethernet, field::ETHERNET_LEN), Ok(next))
            }
            Err(_) => Self::short(LinkKind::Ethernet, "Ethernet header", field::ETHERNET_LEN, data),
        }
    }

    fn null(data: &[u8]) -> (Self, Result<Next, Fault>) {
        let Some(family) = family(data) else {
            return Self::short(LinkKind::Null, "loopback header", field::NULL_LEN, data);
        };
        let next = match family {
            2 | 10 | 24 | 28 | 30 => Ok(Next::Ip),
            other => Err(Fault::Unknown { what: "address family", number: other }),
        };
        (Self::new(LinkKind::Null, field::NULL_LEN), next)
    }

    pub(super) fn short(
        kind: LinkKind,
        header: &'static str,
        needed: usize,
        data: &[u8],
    ) -> (Self, Result<Next, Fault>) {
        let fault = Fault::Short { header, needed: needed as u32, had: data.len() as u32 };
        (Self::new(kind, 0), Err(fault))
    }

    /// The header as a layer. On loopback an all-zero Ethernet header gets the remark that nobody sent it.
    pub(super) fn describe(&self, frame: u32, data: &[u8], packet: &Packet) -> Layer {
        let span = Some(self.header.span(frame));
        let bytes = self.header.of(data);
        match self.kind {
            LinkKind::Ethernet => {
                let mut layer = describe_ethernet(bytes, span);
                if packet.vlans.is_empty() {
                    describe_trailer(&mut layer, &ETH_TRAILER, frame, data, packet);
                }
                layer
            }
            LinkKind::Null => {
                let mut layer = Layer::new("null", "BSD loopback", Some(OsiLayer::DataLink), span);
                let Some(family) = family(bytes) else { return layer };
                layer.summary = format!("address family {family}");
                layer.field(&NULL_FAMILY, Value::Uint(u64::from(family)), 0..field::NULL_LEN);
                layer
            }
            LinkKind::Raw => {
                let mut layer = Layer::new("raw", "Raw IP", Some(OsiLayer::DataLink), span);
                layer.summary = "no link header: the frame begins with IP".into();
                layer
            }
            LinkKind::Sll => sll::describe(bytes, span),
            LinkKind::Sll2 => sll::describe_v2(bytes, span),
            LinkKind::Other(link) => {
                let mut layer = Layer::new("data", "Unknown link", Some(OsiLayer::DataLink), span);
                layer.summary = format!("{link}, which is not dissected");
                layer
            }
        }
    }
}

fn describe_ethernet(bytes: &[u8], span: Option<Span>) -> Layer {
    let mut layer = Layer::new("eth", "Ethernet", Some(OsiLayer::DataLink), span);
    let Ok(header) = Ethernet2HeaderSlice::from_slice(bytes) else { return layer };
    let (dst, src) = (header.destination(), header.source());
    layer.field(&ETH_DST, Value::Mac(dst), field::DST);
    layer.field(&ETH_ADDR, Value::Mac(dst), field::DST);
    describe_bits(&mut layer, dst, field::DST);
    layer.field(&ETH_SRC, Value::Mac(src), field::SRC);
    layer.field(&ETH_ADDR, Value::Mac(src), field::SRC);
    describe_bits(&mut layer, src, field::SRC);
    let number = header.ether_type().0;
    let def = if number <= MAX_LENGTH { &ETH_LEN } else { &ETH_TYPE };
    layer.field(def, Value::Uint(u64::from(number)), field::TYPE);
    if dst == [0; 6] && src == [0; 6] {
        layer.summary = "invented by loopback: all zero".into();
        let text = "both addresses are zero: the loopback device has no Ethernet, its header is made up";
        layer.notes.push(Note::new(Severity::Chat, text, ""));
    } else {
        layer.summary = format!("{} → {}", Value::Mac(src), Value::Mac(dst));
    }
    layer
}

/// The two bits of an address that are no part of a number.
fn describe_bits(layer: &mut Layer, [first, ..]: [u8; 6], at: std::ops::Range<usize>) {
    layer.field(&ETH_LG, Value::Bool(first & 2 != 0), at.start..at.start + 1);
    layer.field(&ETH_IG, Value::Bool(first & 1 != 0), at.start..at.start + 1);
}

/// Names the octets behind what the frame carries, as Wireshark does: zeros up to the least length of a frame are
/// padding; of the rest the last four are taken for the check sequence if the frame is long enough to have one.
pub(super) fn describe_trailer(
    layer: &mut Layer,
    trailer_def: &'static crate::layer::FieldDef,
    frame: u32,
    data: &[u8],
    packet: &Packet,
) {
    let Extent { start, end } = packet.trailer;
    let (start, end) = (start as usize, end as usize);
    if start >= end {
        return;
    }
    let fill = end.min(MIN_FRAME.max(start));
    let is_zero = |from: usize, to: usize| data.get(from..to).is_some_and(|bytes| bytes.iter().all(|b| *b == 0));
    let padded = if is_zero(start, fill) { fill } else { start };
    // "Big enough means 64 octets or more": a shorter frame with a check sequence is against the standard.
    let has_fcs = packet.missing == 0 && end >= MIN_FRAME + 4 && end - padded >= 4;
    let fcs = if has_fcs { end - 4 } else { end };
    let mut push = |def, from: usize, to: usize, value: Value| {
        if from < to {
            let span = Some(Span::new(Buffer::Frame(frame), from as u64..to as u64));
            layer.fields.push(crate::layer::Field { def, value, span });
        }
    };
    let bytes = |from: usize, to: usize| Value::Bytes(data.get(from..to).unwrap_or_default().to_vec());
    push(&ETH_PADDING, start, padded, bytes(start, padded));
    push(trailer_def, padded, fcs, bytes(padded, fcs));
    push(&ETH_FCS, fcs, end, Value::Uint(u64::from(read_u32(data, fcs).unwrap_or_default())));
}

/// The address family of BSD loopback. "The link-layer header is a 4-byte field, in host byte order" of the machine
/// that captured (LOOP: most significant first): the family is small, so the order in which it is small is the right
/// one. AF_INET6 differs from system to system.
fn family(data: &[u8]) -> Option<u32> {
    read_u32(data, 0).map(|family| if family > 0xffff { family.swap_bytes() } else { family })
}

pub(super) fn read_u16(data: &[u8], at: usize) -> Option<u16> {
    data.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_be_bytes)
}

pub(super) fn read_u32(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}
