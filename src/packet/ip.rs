//! The Internet Protocol, version 4 and 6.
//!
//! # References
//! - IPv4 header: RFC 791 §3.1. IPv6 header: RFC 8200 §3; its extension headers are in `ipv6_extension.rs`.

use std::net::IpAddr;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice};

use super::{ChecksumVerdict, Extent, Fault, auth, checksum, ipv6_extension, route};
use crate::layer::{Buffer, Group, Layer, Note, OsiLayer, Severity, Span, Value};

crate::fields! {
    IP_VERSION = "ip.version", Uint(8), "The version of the Internet Protocol: 4 or 6.", "RFC 791 §3.1";
    IP_HDR_LEN = "ip.hdr_len", Uint(8), "The length of the IP header, in octets.", "RFC 791 §3.1";
    IP_DSFIELD = "ip.dsfield", Uint(8), "How the packet should be treated on its way, and whether it met congestion.", "RFC 2474 §3";
    IP_DSCP = "ip.dsfield.dscp", Uint(8), "How the packet should be treated on its way: 0 like any other, 46 before others.", "RFC 2474 §3";
    IP_ECN = "ip.dsfield.ecn", Uint(8), "Whether it met congestion: 0 nobody can say, 1 and 2 it did not, 3 it did.", "RFC 3168 §5";
    IP_LEN = "ip.len", Uint(16), "The length of the whole IP packet, header included, in octets.", "RFC 791 §3.1";
    IP_ID = "ip.id", Uint(16), "A number that ties the fragments of one packet together.", "RFC 791 §3.1";
    IP_FLAGS = "ip.flags", Uint(8), "The three bits before the fragment's place as one number: 2 is do not fragment, 1 more fragments.", "RFC 791 §3.1";
    IP_RB = "ip.flags.rb", Bool, "A bit without a meaning, which must be 0; RFC 3514 calls it evil, on the first of April.", "RFC 791 §3.1";
    IP_DF = "ip.flags.df", Bool, "Routers must not cut this packet into fragments.", "RFC 791 §3.1";
    IP_MF = "ip.flags.mf", Bool, "More fragments of the same packet follow.", "RFC 791 §3.1";
    IP_FRAG_OFFSET = "ip.frag_offset", Uint(16), "Where this fragment belongs in the whole packet, in units of 8 octets.", "RFC 791 §3.1";
    IP_TTL = "ip.ttl", Uint(8), "How many more routers may pass the packet on.", "RFC 791 §3.1";
    IP_PROTO = "ip.proto", Uint(8), "Which protocol the packet carries: 6 is TCP, 17 is UDP.", "RFC 791 §3.1";
    IP_CHECKSUM = "ip.checksum", Uint(16), "A sum over the header, to find damage on the way.", "RFC 791 §3.1";
    #[ours] IP_CHECKSUM_VERDICT = "ip.checksum.verdict", Text, "valid, absent (left to the network card), wrong, or unverified.", "RFC 791 §3.1";
    IP_CHECKSUM_STATUS = "ip.checksum.status", Uint(8), "0 the sum is wrong, 1 it is right, 2 not all of the header is there, 3 there is none: it was left to the network card.", "RFC 791 §3.1";
    IP_SRC = "ip.src", Address, "The address the packet was sent from.", "RFC 791 §3.1";
    IP_DST = "ip.dst", Address, "The address the packet is sent to, in the end if it carries its route.", "RFC 791 §3.1";
    IP_ADDR = "ip.addr", Address, "Either of the two addresses.", "RFC 791 §3.1";
    IPV6_VERSION = "ipv6.version", Uint(8), "The version of the Internet Protocol: 6.", "RFC 8200 §3";
    IPV6_TCLASS = "ipv6.tclass", Uint(32), "How the packet should be treated on its way, and whether it met congestion.", "RFC 8200 §7";
    IPV6_DSCP = "ipv6.tclass.dscp", Uint(32), "How the packet should be treated on its way: 0 like any other, 46 before others.", "RFC 2474 §3";
    IPV6_ECN = "ipv6.tclass.ecn", Uint(32), "Whether it met congestion: 0 nobody can say, 1 and 2 it did not, 3 it did.", "RFC 3168 §5";
    IPV6_FLOW = "ipv6.flow", Uint(24), "A label that packets of one flow share.", "RFC 8200 §6";
    IPV6_PLEN = "ipv6.plen", Uint(16), "The length of what follows the IPv6 header, in octets.", "RFC 8200 §3";
    IPV6_NXT = "ipv6.nxt", Uint(8), "Which header follows: 6 is TCP, 17 is UDP.", "RFC 8200 §3";
    IPV6_HLIM = "ipv6.hlim", Uint(8), "How many more routers may pass the packet on.", "RFC 8200 §3";
    IPV6_SRC = "ipv6.src", Address, "The address the packet was sent from.", "RFC 8200 §3";
    IPV6_DST = "ipv6.dst", Address, "The address the packet is sent to; with stops left in a routing header the next of them.", "RFC 8200 §3";
    IPV6_ADDR = "ipv6.addr", Address, "Either of the two addresses.", "RFC 8200 §3";
}

/// Which version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// The protocol's name in filters.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::V4 => "ip",
            Self::V6 => "ipv6",
        }
    }
}

/// An IP header with any extension headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    /// Which version.
    pub version: Version,
    /// Where the header lies, options and extension headers included, up to an Authentication Header.
    pub header: Extent,
    /// Where an Authentication Header lies, and with it what extension headers there are behind it.
    pub auth: Option<Extent>,
    /// What it carries, as far as it was captured.
    pub payload: Extent,
    /// How long the payload is by the header's own word, in octets.
    pub payload_len: u32,
    /// From.
    pub source: IpAddr,
    /// To: where the packet goes in the end, also while the header names a stop on its way.
    pub destination: IpAddr,
    /// Which protocol it carries, by its number.
    pub protocol: u8,
    /// Which part of a larger packet this is, if it is one.
    pub fragment: Option<Fragment>,
}

mod field {
    use std::ops::Range;
    pub(super) const VERSION: Range<usize> = 0..1;
    pub(super) const DSFIELD: Range<usize> = 1..2;
    pub(super) const LEN: Range<usize> = 2..4;
    pub(super) const ID: Range<usize> = 4..6;
    pub(super) const FRAGMENT: Range<usize> = 6..8;
    pub(super) const TTL: Range<usize> = 8..9;
    pub(super) const PROTO: Range<usize> = 9..10;
    pub(super) const CHECKSUM: Range<usize> = 10..12;
    pub(super) const SRC: Range<usize> = 12..16;
    pub(super) const DST: Range<usize> = 16..20;
    pub(super) const V6_TCLASS: Range<usize> = 0..2;
    pub(super) const V6_FLOW: Range<usize> = 1..4;
    pub(super) const V6_PLEN: Range<usize> = 4..6;
    pub(super) const V6_NXT: Range<usize> = 6..7;
    pub(super) const V6_HLIM: Range<usize> = 7..8;
    pub(super) const V6_SRC: Range<usize> = 8..24;
    pub(super) const V6_DST: Range<usize> = 24..40;
}

/// An IPv4 header without options.
const FIXED_LEN: usize = 20;
/// An IPv6 header without extensions.
const IPV6_LEN: usize = 40;

impl Net {
    /// Reads the IP header at the start of `at`. A second value says why what it carries cannot be read.
    /// `missing` is how many octets of the frame the capture did not keep.
    pub(super) fn decode(data: &[u8], at: Extent, missing: u32) -> Result<(Self, Option<Fault>), Fault> {
        let bytes = at.of(data);
        let on_wire = bytes.len() + missing as usize;
        match bytes.first().map(|b| b >> 4) {
            Some(4) => Self::v4(bytes, at, on_wire),
            Some(6) => Self::v6(bytes, at, on_wire),
            Some(version) => Err(Fault::Invalid { field: "IP version", value: u32::from(version) }),
            None => Err(Fault::Short { header: "IP header", needed: 20, had: 0 }),
        }
    }

    fn v4(bytes: &[u8], at: Extent, on_wire: usize) -> Result<(Self, Option<Fault>), Fault> {
        if let Some(net) = Self::v4_cut(bytes, at, on_wire) {
            return Ok((net, Some(v4_fault(bytes))));
        }
        let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| v4_fault(bytes))?;
        let header_len = header.slice().len();
        // A segment that the network card was to cut up (TSO), or too long for the field (BIG TCP): the frame's length counts.
        let total = match usize::from(header.total_len()) {
            0 => on_wire,
            short if short < header_len => {
                return Err(Fault::Invalid { field: "IPv4 total length", value: short as u32 });
            }
            total => total,
        };
        let start = at.start as usize;
        let offset = u32::from(header.fragments_offset().value()) * 8;
        let more = header.more_fragments();
        let fragment = (more || offset > 0).then(|| Fragment { id: u32::from(header.identification()), offset, more });
        let last = route::last_of_v4(header.options());
        let present = bytes.get(header_len..total.min(bytes.len())).unwrap_or_default();
        let (auth_len, protocol, fault) = match fragment {
            Some(fragment) => (0, header.protocol().0, Some(Fault::Fragment { offset: fragment.offset })),
            None => auth::walk(present, header.protocol().0),
        };
        let above = start + header_len;
        let net = Self {
            version: Version::V4,
            header: Extent::new(start, above),
            auth: (auth_len > 0).then(|| Extent::new(above, above + auth_len)),
            payload: Extent::new(above + auth_len, start + total.min(bytes.len())),
            payload_len: (total - header_len - auth_len) as u32,
            source: header.source_addr().into(),
            destination: last.map_or(header.destination_addr(), |(last, _)| last).into(),
            protocol,
            fragment,
        };
        Ok((net, fault))
    }

    /// Reads a header of which the capture kept only a part of the options, as no fragment. It ends where the capture does.
    fn v4_cut(bytes: &[u8], at: Extent, on_wire: usize) -> Option<Self> {
        let (fixed, len) = without_options(bytes).filter(|(_, len)| *len <= on_wire)?;
        let header = Ipv4HeaderSlice::from_slice(&fixed).ok()?;
        let total = Some(usize::from(header.total_len())).filter(|total| *total > 0).unwrap_or(on_wire);
        Some(Self {
            version: Version::V4,
            header: at,
            auth: None,
            payload: Extent::new(at.end as usize, at.end as usize),
            payload_len: total.saturating_sub(len) as u32,
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            protocol: header.protocol().0,
            fragment: None,
        })
    }

    fn v6(bytes: &[u8], at: Extent, on_wire: usize) -> Result<(Self, Option<Fault>), Fault> {
        let short = Fault::Short { header: "IPv6 header", needed: 40, had: bytes.len() as u32 };
        let header = Ipv6HeaderSlice::from_slice(bytes).map_err(|_| short)?;
        let total = match usize::from(header.payload_length()) {
            0 => ipv6_extension::jumbo(bytes).map_or(on_wire, |(len, _)| IPV6_LEN + len as usize),
            len => IPV6_LEN + len,
        };
        let present = bytes.get(..total.min(bytes.len())).unwrap_or(bytes);
        let walk = ipv6_extension::walk(present, IPV6_LEN, header.next_header().0, header.destination_addr().into());
        let header_len = walk.end;
        let start = at.start as usize;
        let net = Self {
            version: Version::V6,
            header: Extent::new(start, start + walk.auth.unwrap_or(header_len)),
            auth: walk.auth.map(|auth| Extent::new(start + auth, start + header_len)),
            payload: Extent::new(start + header_len, start + present.len()),
            payload_len: total.saturating_sub(header_len) as u32,
            source: header.source_addr().into(),
            destination: walk.destination,
            protocol: walk.protocol,
            fragment: walk.fragment,
        };
        Ok((net, walk.fault))
    }

    /// What remains of the header around a reassembled datagram: the addresses, and the extension headers that were
    /// cut up with what they announce (RFC 8200 §4.5). Extents count in the datagram.
    pub(super) fn of_datagram(&self, bytes: &[u8]) -> (Self, Option<Fault>) {
        let (protocol, [auth, end], destination, fault) = match self.version {
            Version::V4 => {
                let (end, protocol, fault) = auth::walk(bytes, self.protocol);
                (protocol, [0, end], self.destination, fault)
            }
            Version::V6 => {
                let walk = ipv6_extension::walk(bytes, 0, self.protocol, self.destination);
                (walk.protocol, [walk.auth.unwrap_or(walk.end), walk.end], walk.destination, walk.fault)
            }
        };
        let net = Self {
            header: Extent::new(0, auth),
            auth: (end > auth).then(|| Extent::new(auth, end)),
            payload: Extent::new(end, bytes.len()),
            payload_len: (bytes.len() - end) as u32,
            destination,
            protocol,
            fragment: None,
            ..*self
        };
        (net, fault)
    }

    /// The Authentication Header as a layer, if there is one.
    pub(super) fn describe_auth(&self, buffer: Buffer, data: &[u8]) -> Option<Layer> {
        self.auth.map(|extent| auth::describe(extent, buffer, data))
    }

    /// What the checksum of an IPv4 header says of it. IPv6 has none.
    pub fn header_checksum(&self, data: &[u8]) -> ChecksumVerdict {
        match self.version {
            Version::V4 => v4_checksum(self.header.of(data)),
            Version::V6 => ChecksumVerdict::Absent,
        }
    }

    /// The header as a layer.
    pub(super) fn describe(&self, buffer: Buffer, data: &[u8]) -> Layer {
        let span = Some(self.header.within(buffer));
        let bytes = self.header.of(data);
        match self.version {
            Version::V4 => self.describe_v4(bytes, span),
            Version::V6 => {
                let mut layer = self.describe_v6(bytes, span);
                ipv6_extension::describe(&mut layer, bytes);
                layer
            }
        }
    }

    fn describe_v4(&self, bytes: &[u8], span: Option<Span>) -> Layer {
        let mut layer = Layer::new("ip", "Internet Protocol version 4", Some(OsiLayer::Network), span);
        let cut = without_options(bytes);
        let Ok(header) = Ipv4HeaderSlice::from_slice(cut.as_ref().map_or(bytes, |(fixed, _)| fixed)) else {
            return layer;
        };
        let header_len = cut.map_or(bytes.len(), |(_, len)| len);
        let number = |n: u16| Value::Uint(u64::from(n));
        layer.summary = format!("{} → {}, TTL {}", self.source, self.destination, header.ttl());
        layer.field(&IP_VERSION, Value::Uint(4), field::VERSION);
        layer.field(&IP_HDR_LEN, Value::Uint(header_len as u64), field::VERSION);
        layer.field(
            &IP_DSFIELD,
            Value::Uint(u64::from(header.dcp().value() << 2 | header.ecn().value())),
            field::DSFIELD,
        );
        layer.field(&IP_DSCP, Value::Uint(header.dcp().value().into()), field::DSFIELD);
        layer.field(&IP_ECN, Value::Uint(header.ecn().value().into()), field::DSFIELD);
        // Of a packet that does not say it Wireshark gives the length that it is taken to have, too.
        let taken = header_len + self.auth.map_or(0, Extent::len) + self.payload_len as usize;
        let total = Some(usize::from(header.total_len())).filter(|total| *total > 0).unwrap_or(taken);
        layer.field(&IP_LEN, Value::Uint(total as u64), field::LEN);
        layer.field(&IP_ID, number(header.identification()), field::ID);
        let flags = bytes.get(field::FRAGMENT.start).map_or(0, |octet| octet >> 5);
        layer.field(&IP_FLAGS, Value::Uint(flags.into()), field::FRAGMENT);
        layer.field(&IP_RB, Value::Bool(flags & 4 != 0), field::FRAGMENT);
        layer.field(&IP_DF, Value::Bool(header.dont_fragment()), field::FRAGMENT);
        layer.field(&IP_MF, Value::Bool(header.more_fragments()), field::FRAGMENT);
        layer.field(&IP_FRAG_OFFSET, Value::Uint(u64::from(header.fragments_offset().value())), field::FRAGMENT);
        layer.field(&IP_TTL, Value::Uint(u64::from(header.ttl())), field::TTL);
        layer.field(&IP_PROTO, Value::Uint(u64::from(header.protocol().0)), field::PROTO);
        layer.field(&IP_CHECKSUM, number(header.header_checksum()), field::CHECKSUM);
        layer.field(&IP_SRC, Value::Address(self.source), field::SRC);
        layer.field(&IP_ADDR, Value::Address(self.source), field::SRC);
        let end = match route::last_of_v4(header.options()) {
            None => field::DST,
            Some((_, at)) => {
                let stop = header.destination_addr();
                layer.field(&route::IP_CUR_RT, Value::Address(stop.into()), field::DST);
                layer.summary = format!("{}, by way of {stop}", layer.summary);
                FIXED_LEN + at..FIXED_LEN + at + 4
            }
        };
        // What was cut may have been a route.
        if cut.is_none() {
            layer.field(&IP_DST, Value::Address(self.destination), end.clone());
            layer.field(&IP_ADDR, Value::Address(self.destination), end);
        }
        if header.total_len() == 0 {
            layer.notes.push(of_the_frame("total length"));
        }
        let verdict = v4_checksum(bytes);
        layer.computed(&IP_CHECKSUM_VERDICT, Value::Text(verdict.as_str().into()));
        layer.computed(&IP_CHECKSUM_STATUS, Value::Uint(verdict.status()));
        if verdict == ChecksumVerdict::Wrong {
            let text = "the header checksum does not fit the header: damaged on the way, or left for the network card to fill in";
            layer.notes.push(Note::new(Severity::Note, text, "RFC 1122 §3.2.1.2").about(Group::Checksum));
        }
        layer
    }

    fn describe_v6(&self, bytes: &[u8], span: Option<Span>) -> Layer {
        let mut layer = Layer::new("ipv6", "Internet Protocol version 6", Some(OsiLayer::Network), span);
        let Ok(header) = Ipv6HeaderSlice::from_slice(bytes) else { return layer };
        layer.summary = format!("{} → {}, hop limit {}", self.source, self.destination, header.hop_limit());
        // Wireshark asks for the version of both by one name, and for this one by its own too.
        layer.field(&IP_VERSION, Value::Uint(6), field::VERSION);
        layer.field(&IPV6_VERSION, Value::Uint(6), field::VERSION);
        layer.field(&IPV6_TCLASS, Value::Uint(u64::from(header.traffic_class())), field::V6_TCLASS);
        layer.field(&IPV6_DSCP, Value::Uint(u64::from(header.traffic_class() >> 2)), field::V6_TCLASS);
        layer.field(&IPV6_ECN, Value::Uint(u64::from(header.traffic_class() & 3)), field::V6_TCLASS);
        layer.field(&IPV6_FLOW, Value::Uint(u64::from(header.flow_label().value())), field::V6_FLOW);
        layer.field(&IPV6_PLEN, Value::Uint(u64::from(header.payload_length())), field::V6_PLEN);
        layer.field(&IPV6_NXT, Value::Uint(u64::from(header.next_header().0)), field::V6_NXT);
        layer.field(&IPV6_HLIM, Value::Uint(u64::from(header.hop_limit())), field::V6_HLIM);
        layer.field(&IPV6_SRC, Value::Address(self.source), field::V6_SRC);
        layer.field(&IPV6_ADDR, Value::Address(self.source), field::V6_SRC);
        let stop = IpAddr::from(header.destination_addr());
        layer.field(&IPV6_DST, Value::Address(stop), field::V6_DST);
        layer.field(&IPV6_ADDR, Value::Address(stop), field::V6_DST);
        if stop != self.destination {
            layer.summary = format!("{}, by way of {stop}", layer.summary);
        }
        if header.payload_length() == 0 && self.payload_len > 0 && ipv6_extension::jumbo(bytes).is_none() {
            layer.notes.push(of_the_frame("payload length"));
        }
        layer
    }
}

/// Why a packet is as long as its frame.
fn of_the_frame(field: &str) -> Note {
    let text = format!(
        "the {field} is 0: captured before a network card was to cut the packet up, or it is longer than the field can say. \
         So it is taken to be as long as its frame"
    );
    Note::new(Severity::Chat, text, "")
}

fn v4_checksum(header: &[u8]) -> ChecksumVerdict {
    match header.get(field::CHECKSUM) {
        None => ChecksumVerdict::Unverified,
        Some(_) if without_options(header).is_some() => ChecksumVerdict::Unverified,
        // Some systems leave the sum to the network card, and zero in its place.
        Some([0, 0]) => ChecksumVerdict::Absent,
        Some(_) if checksum::header_is_valid(header) => ChecksumVerdict::Valid,
        Some(_) => ChecksumVerdict::Wrong,
    }
}

/// Of a header of which only a part of the options is there what stands before them, as of one that has none, and how long it
/// says that it is.
fn without_options(header: &[u8]) -> Option<([u8; FIXED_LEN], usize)> {
    let mut fixed = *header.first_chunk::<FIXED_LEN>()?;
    let len = usize::from(fixed[0] & 0x0f) * 4;
    fixed[0] = 0x45;
    (header.len() < len).then_some((fixed, len))
}

fn v4_fault(bytes: &[u8]) -> Fault {
    let words = bytes.first().map_or(0, |b| u32::from(b & 0x0f));
    match words {
        0..5 => Fault::Invalid { field: "IPv4 header length (in words of 4 octets)", value: words },
        _ => Fault::Short { header: "IPv4 header", needed: words * 4, had: bytes.len() as u32 },
    }
}

/// A fragment's place, as its header tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The number that the fragments of one packet share.
    pub id: u32,
    /// Where it belongs in the whole packet, in octets.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
}
