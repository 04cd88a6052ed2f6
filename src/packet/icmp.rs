//! The Internet Control Message Protocols of IPv4 and IPv6: echoes, errors, and who is my neighbour.
//!
//! # References
//! - ICMP: RFC 792. Path MTU in it: RFC 1191 §4. Router requirements: RFC 1812 §5.2.7.
//! - ICMPv6: RFC 4443. Neighbour discovery: RFC 4861 §4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::link::{read_u16, read_u32};
use super::{ChecksumVerdict, Extent, Fault, Net, Packet, Transport, Version, tcp, udp};
use crate::layer::{Buffer, Group, Layer, Note, OsiLayer, Severity, Value};

/// ICMP's number in the IPv4 header.
pub(super) const IP_PROTOCOL: u8 = 1;
/// ICMPv6's number in the IPv6 header.
pub(super) const IP_PROTOCOL_V6: u8 = 58;

crate::fields! {
    ICMP_TYPE = "icmp.type", Uint(8), "What the message is: 8 asks for an echo, 0 is one, 3 says that something cannot be reached.", "RFC 792";
    ICMP_CODE = "icmp.code", Uint(8), "Why, or of which sort.", "RFC 792";
    ICMP_CHECKSUM = "icmp.checksum", Uint(16), "A sum over the message.", "RFC 792";
    ICMP_CHECKSUM_STATUS = "icmp.checksum.status", Uint(8), "0 the sum is wrong, 1 it is right, 2 not all of the message is there.", "RFC 792";
    ICMP_UNUSED = "icmp.unused", Bytes, "Octets without a meaning.", "RFC 792";
    ICMP_IDENT = "icmp.ident", Uint(16), "Which program asks.", "RFC 792";
    ICMP_IDENT_LE = "icmp.ident_le", Uint(16), "The same read with the last octet first, as some senders write it.", "RFC 792";
    ICMP_SEQ = "icmp.seq", Uint(16), "Which of its questions this is.", "RFC 792";
    ICMP_SEQ_LE = "icmp.seq_le", Uint(16), "The same read with the last octet first, as some senders write it.", "RFC 792";
    ICMP_MTU = "icmp.mtu", Uint(16), "The largest packet that fits through the next link, in octets.", "RFC 1191 §4";
    ICMP_REDIR_GW = "icmp.redir_gw", Address, "The router to use instead.", "RFC 792";
    ICMPV6_TYPE = "icmpv6.type", Uint(8), "What the message is: 128 asks for an echo, 135 for a neighbour; up to 127 it is an error.", "RFC 4443 §2.1";
    ICMPV6_CODE = "icmpv6.code", Uint(8), "Why, or of which sort.", "RFC 4443 §2.1";
    ICMPV6_CHECKSUM = "icmpv6.checksum", Uint(16), "A sum over the message and its addresses.", "RFC 4443 §2.3";
    ICMPV6_CHECKSUM_STATUS = "icmpv6.checksum.status", Uint(8), "0 the sum is wrong, 1 it is right, 2 not all of the message is there.", "RFC 4443 §2.3";
    ICMPV6_MTU = "icmpv6.mtu", Uint(32), "The largest packet that fits through the next link, in octets.", "RFC 4443 §3.2";
    ICMPV6_POINTER = "icmpv6.pointer", Uint(32), "Which octet of the packet is wrong.", "RFC 4443 §3.4";
    ICMPV6_IDENT = "icmpv6.echo.identifier", Uint(16), "Which program asks.", "RFC 4443 §4.1";
    ICMPV6_SEQ = "icmpv6.echo.sequence_number", Uint(16), "Which of its questions this is.", "RFC 4443 §4.1";
    ICMPV6_NS_TARGET = "icmpv6.nd.ns.target_address", Address, "Whose Ethernet address is asked for.", "RFC 4861 §4.3";
    ICMPV6_NA_ROUTER = "icmpv6.nd.na.flag.r", Bool, "The sender is a router.", "RFC 4861 §4.4";
    ICMPV6_NA_SOLICITED = "icmpv6.nd.na.flag.s", Bool, "It is the answer to a question.", "RFC 4861 §4.4";
    ICMPV6_NA_OVERRIDE = "icmpv6.nd.na.flag.o", Bool, "What was known before no longer counts.", "RFC 4861 §4.4";
    ICMPV6_NA_TARGET = "icmpv6.nd.na.target_address", Address, "Whose Ethernet address is told.", "RFC 4861 §4.4";
    ICMPV6_OPT_TYPE = "icmpv6.opt.type", Uint(8), "What the option holds: 1 the sender's link address, 2 the target's.", "RFC 4861 §4.6";
    ICMPV6_OPT_LENGTH = "icmpv6.opt.length", Uint(8), "The length of the option in units of 8 octets.", "RFC 4861 §4.6";
}

/// A message of ICMP or ICMPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Of which version of IP it is.
    pub version: Version,
    /// Where the message lies; of an echo only its header, as the rest is what the sender made up.
    pub header: Extent,
    /// What the message is.
    pub kind: u8,
    /// Why, or of which sort.
    pub code: u8,
    /// As it stood.
    pub checksum: u16,
}

mod field {
    use std::ops::Range;
    pub(super) const TYPE: Range<usize> = 0..1;
    pub(super) const CODE: Range<usize> = 1..2;
    pub(super) const CHECKSUM: Range<usize> = 2..4;
    pub(super) const IDENT: Range<usize> = 4..6;
    pub(super) const SEQ: Range<usize> = 6..8;
    pub(super) const REST: Range<usize> = 4..8;
    pub(super) const MTU: Range<usize> = 6..8;
    pub(super) const TARGET: Range<usize> = 8..24;
    pub(super) const OPTIONS: usize = 24;
    pub(super) const LEN: usize = 8;
}

impl Icmp {
    pub(super) fn decode(data: &[u8], at: Extent, version: Version) -> Result<(Self, Extent), Fault> {
        let bytes = at.of(data);
        let [kind, code, high, low, _, _, _, _, ..] = *bytes else {
            let header = if version == Version::V4 { "ICMP header" } else { "ICMPv6 header" };
            return Err(Fault::Short { header, needed: field::LEN as u32, had: bytes.len() as u32 });
        };
        let checksum = u16::from_be_bytes([high, low]);
        let (start, end) = (at.start as usize, at.end as usize);
        let mut icmp = Self { version, header: Extent::new(start, end), kind, code, checksum };
        if icmp.is_echo() {
            icmp.header = Extent::new(start, start + field::LEN);
        }
        Ok((icmp, Extent::new(icmp.header.end as usize, end)))
    }

    /// The protocol's name in filters.
    pub fn protocol(&self) -> &'static str {
        match self.version {
            Version::V4 => "icmp",
            Version::V6 => "icmpv6",
        }
    }

    /// Whether it asks for an echo or is one.
    pub fn is_echo(&self) -> bool {
        match self.version {
            Version::V4 => matches!(self.kind, 0 | 8),
            Version::V6 => matches!(self.kind, 128 | 129),
        }
    }

    /// Whether it speaks of a packet that went wrong, and quotes its beginning.
    pub fn is_error(&self) -> bool {
        match self.version {
            Version::V4 => matches!(self.kind, 3 | 4 | 5 | 11 | 12),
            // "Error messages are identified as such by a zero in the high-order bit of their message Type field
            // values. Thus, error messages have message types from 0 to 127." RFC 4443 §2.1
            Version::V6 => matches!(self.kind, 1..=4),
        }
    }

    /// The packet that an error quotes, as far as it does; its extents count in the same octets as this message's.
    pub(super) fn quoted(&self, data: &[u8], outer: &Packet) -> Option<Packet> {
        let at = Extent::new(self.header.start as usize + field::LEN, self.header.end as usize);
        let (net, fault) = Net::decode(data, at, 0).ok().filter(|_| self.is_error())?;
        let mut quoted = Packet { transport: None, net: Some(net), payload: net.payload, fault, ..*outer };
        if quoted.fault.is_none() {
            quoted.decode_transport(data, &net);
        }
        Some(quoted)
    }

    /// The message and, after it, the headers it quotes. A quotation in a quotation is left alone: there should be none
    /// (RFC 1122 §3.2.2), and a peer could nest them without end.
    pub(super) fn describe(&self, buffer: Buffer, data: &[u8], packet: &Packet) -> Vec<Layer> {
        let mut layers = vec![self.describe_alone(buffer, data, packet)];
        if let Some(quoted) = self.quoted(data, packet) {
            layers[0].summary = format!("{}; about {}", layers[0].summary, ends(&quoted, data));
            layers.extend(describe_quoted(&quoted, buffer, data));
        }
        layers
    }

    fn describe_alone(&self, buffer: Buffer, data: &[u8], packet: &Packet) -> Layer {
        let span = Some(self.header.within(buffer));
        let verdict = packet.checksum(data);
        let mut layer = match self.version {
            Version::V4 => Layer::new("icmp", "Internet Control Message Protocol", Some(OsiLayer::Network), span),
            Version::V6 => Layer::new("icmpv6", "Internet Control Message Protocol v6", Some(OsiLayer::Network), span),
        };
        layer.summary = self.summary(self.header.of(data));
        self.describe_start(&mut layer, verdict);
        match self.version {
            Version::V4 => self.describe_v4(&mut layer, self.header.of(data)),
            Version::V6 => self.describe_v6(&mut layer, self.header.of(data)),
        }
        layer.notes.extend((verdict == ChecksumVerdict::Wrong).then(|| self.damaged()));
        layer
    }

    /// That its checksum does not fit: no card fills these in, so it is damage.
    pub(super) fn damaged(&self) -> Note {
        let (name, spec) = match self.version {
            Version::V4 => ("ICMP", "RFC 1122 §3.2.2"),
            Version::V6 => ("ICMPv6", "RFC 4443 §2.3"),
        };
        let text = format!("the checksum of the {name} message does not fit: a receiver throws it away");
        Note::new(Severity::Error, text, spec).about(Group::Checksum)
    }

    fn describe_start(&self, layer: &mut Layer, verdict: ChecksumVerdict) {
        let number = |n: u16| Value::Uint(u64::from(n));
        let [kind, code, checksum, checksum_status] = match self.version {
            Version::V4 => [&ICMP_TYPE, &ICMP_CODE, &ICMP_CHECKSUM, &ICMP_CHECKSUM_STATUS],
            Version::V6 => [&ICMPV6_TYPE, &ICMPV6_CODE, &ICMPV6_CHECKSUM, &ICMPV6_CHECKSUM_STATUS],
        };
        layer.field(kind, number(self.kind.into()), field::TYPE);
        layer.field(code, number(self.code.into()), field::CODE);
        layer.field(checksum, number(self.checksum), field::CHECKSUM);
        layer.computed(checksum_status, Value::Uint(verdict.status()));
    }

    fn describe_v4(&self, layer: &mut Layer, bytes: &[u8]) {
        let number = |range: &std::ops::Range<usize>| read_u16(bytes, range.start).unwrap_or_default();
        let uint = |n: u16| Value::Uint(u64::from(n));
        let unused = |range: std::ops::Range<usize>| Value::Bytes(bytes.get(range).unwrap_or_default().to_vec());
        match (self.kind, self.code) {
            (0 | 8, _) => {
                for (def, little, range) in
                    [(&ICMP_IDENT, &ICMP_IDENT_LE, field::IDENT), (&ICMP_SEQ, &ICMP_SEQ_LE, field::SEQ)]
                {
                    layer.field(def, uint(number(&range)), range.clone());
                    layer.field(little, uint(number(&range).swap_bytes()), range);
                }
            }
            (3, 4) => {
                layer.field(&ICMP_UNUSED, unused(field::IDENT), field::IDENT);
                layer.field(&ICMP_MTU, uint(number(&field::MTU)), field::MTU);
            }
            (3 | 4 | 11, _) => layer.field(&ICMP_UNUSED, unused(field::REST), field::REST),
            (5, _) => {
                let router = Ipv4Addr::from(read_u32(bytes, field::REST.start).unwrap_or_default());
                layer.field(&ICMP_REDIR_GW, Value::Address(router.into()), field::REST);
            }
            _ => {}
        }
    }

    fn describe_v6(&self, layer: &mut Layer, bytes: &[u8]) {
        let number = |range: &std::ops::Range<usize>| Value::Uint(u64::from(read_u16(bytes, range.start).unwrap_or(0)));
        let long = Value::Uint(u64::from(read_u32(bytes, field::REST.start).unwrap_or_default()));
        match (self.kind, target(bytes)) {
            (2, _) => layer.field(&ICMPV6_MTU, long, field::REST),
            (4, _) => layer.field(&ICMPV6_POINTER, long, field::REST),
            (128 | 129, _) => {
                layer.field(&ICMPV6_IDENT, number(&field::IDENT), field::IDENT);
                layer.field(&ICMPV6_SEQ, number(&field::SEQ), field::SEQ);
            }
            (135, Some(target)) => {
                layer.field(&ICMPV6_NS_TARGET, Value::Address(target), field::TARGET);
                describe_options(layer, bytes);
            }
            (136, Some(target)) => {
                let flags = bytes.get(field::REST.start).copied().unwrap_or_default();
                for (def, bit) in [(&ICMPV6_NA_ROUTER, 0x80), (&ICMPV6_NA_SOLICITED, 0x40), (&ICMPV6_NA_OVERRIDE, 0x20)]
                {
                    layer.field(def, Value::Bool(flags & bit != 0), field::REST);
                }
                layer.field(&ICMPV6_NA_TARGET, Value::Address(target), field::TARGET);
                describe_options(layer, bytes);
            }
            _ => {}
        }
    }

    /// What it says, in a sentence; `data` are the octets that its extents count in.
    pub fn says(&self, data: &[u8]) -> String {
        self.summary(self.header.of(data))
    }

    fn summary(&self, bytes: &[u8]) -> String {
        if self.is_echo() {
            let number = |at| read_u16(bytes, at).unwrap_or_default();
            let asks = matches!(self.kind, 8 | 128);
            let what = if asks { "are you there? (echo request" } else { "I am here (echo reply" };
            format!("{what} {}, number {})", number(field::IDENT.start), number(field::SEQ.start))
        } else {
            match self.version {
                Version::V4 => self.says_v4(bytes),
                Version::V6 => self.says_v6(bytes),
            }
        }
    }

    fn says_v4(&self, bytes: &[u8]) -> String {
        match (self.kind, self.code) {
            (3, 0) => "the network cannot be reached".into(),
            (3, 1) => "the host cannot be reached".into(),
            (3, 2) => "the host does not speak this protocol".into(),
            (3, 3) => "nobody listens on this port".into(),
            (3, 4) => {
                let mtu = read_u16(bytes, field::MTU.start).unwrap_or_default();
                format!("too large and not to be fragmented: {mtu} octets at the most")
            }
            (3, 9 | 10 | 13) => "forbidden on the way".into(),
            (3, code) => format!("it cannot be reached (code {code})"),
            (5, _) => "there is a better router".into(),
            (11, 0) => "too many routers on the way: TTL is used up".into(),
            (11, _) => "not all fragments came in time".into(),
            (12, _) => "something in the header is wrong".into(),
            (kind, code) => format!("type {kind}, code {code}"),
        }
    }

    fn says_v6(&self, bytes: &[u8]) -> String {
        match (self.kind, self.code, target(bytes)) {
            (1, 0, _) => "there is no route to it".into(),
            (1, 1 | 5 | 6, _) => "forbidden on the way".into(),
            (1, 3, _) => "the host cannot be reached".into(),
            (1, 4, _) => "nobody listens on this port".into(),
            (1, code, _) => format!("it cannot be reached (code {code})"),
            (2, ..) => {
                let mtu = read_u32(bytes, field::REST.start).unwrap_or_default();
                format!("too large: {mtu} octets at the most")
            }
            (3, 0, _) => "too many routers on the way: the hop limit is used up".into(),
            (3, ..) => "not all fragments came in time".into(),
            (4, ..) => "something in a header is wrong".into(),
            (133, ..) => "which routers are there?".into(),
            (134, ..) => "I am a router".into(),
            (135, _, Some(target)) => format!("who has {target}?"),
            (136, _, Some(target)) => format!("{target} is here"),
            (143, ..) => "which multicast groups I listen to".into(),
            (kind, code, _) => format!("type {kind}, code {code}"),
        }
    }
}

fn target(bytes: &[u8]) -> Option<IpAddr> {
    let octets: [u8; 16] = bytes.get(field::TARGET)?.try_into().ok()?;
    Some(Ipv6Addr::from(octets).into())
}

fn describe_options(layer: &mut Layer, bytes: &[u8]) {
    let mut at = field::OPTIONS;
    while let Some([kind, units]) = bytes.get(at..at + 2).and_then(|head| <[u8; 2]>::try_from(head).ok()) {
        layer.field(&ICMPV6_OPT_TYPE, Value::Uint(u64::from(kind)), at..at + 1);
        layer.field(&ICMPV6_OPT_LENGTH, Value::Uint(u64::from(units)), at + 1..at + 2);
        // "Nodes MUST silently discard an ND packet that contains an option with length zero." RFC 4861 §4.6
        let end = at + usize::from(units) * 8;
        if units == 0 || end > bytes.len() {
            let text = "the length of an option does not fit";
            layer.notes.push(Note::new(Severity::Error, text, "RFC 4861 §4.6"));
            return;
        }
        at = end;
    }
}

/// The two ends of a quoted packet, with ports where they are quoted.
fn ends(quoted: &Packet, data: &[u8]) -> String {
    let Some(net) = &quoted.net else { return "a packet".into() };
    let name = match net.protocol {
        tcp::IP_PROTOCOL => "TCP ",
        udp::IP_PROTOCOL => "UDP ",
        _ => "",
    };
    let port = |at| read_u16(net.payload.of(data), at).filter(|_| !name.is_empty());
    let is_first = net.fragment.is_none_or(|fragment| fragment.offset == 0);
    match port(0).zip(port(2)).filter(|_| is_first) {
        Some((from, to)) => {
            format!("{name}{} → {}", SocketAddr::new(net.source, from), SocketAddr::new(net.destination, to))
        }
        None => format!("{name}{} → {}", net.source, net.destination),
    }
}

/// The headers of a quoted packet, as far as they are quoted.
fn describe_quoted(quoted: &Packet, buffer: Buffer, data: &[u8]) -> Vec<Layer> {
    let mut layers: Vec<Layer> = quoted.net.iter().map(|net| net.describe(buffer, data)).collect();
    layers.extend(quoted.net.and_then(|net| net.describe_auth(buffer, data)));
    match (&quoted.transport, &quoted.net) {
        (Some(Transport::Tcp(tcp)), _) => layers.push(tcp.describe(buffer, data, quoted)),
        (Some(Transport::Udp(udp)), _) => layers.push(udp.describe(buffer, data, quoted)),
        (Some(Transport::Icmp(icmp)), _) => layers.push(icmp.describe_alone(buffer, data, quoted)),
        (None, Some(net)) if net.protocol == tcp::IP_PROTOCOL && net.fragment.is_none() => {
            layers.extend(tcp::describe_start(buffer, data, net.payload));
        }
        (None, _) => {}
    }
    for layer in &mut layers {
        layer.title = match layer.protocol {
            "ip" | "ipv6" => "Quoted IP header",
            "ah" => "Quoted Authentication Header",
            "tcp" => "Quoted TCP header",
            "udp" => "Quoted UDP header",
            _ => "Quoted message",
        };
        // What is wrong with a quotation is not wrong with this packet.
        layer.notes.clear();
    }
    if matches!(quoted.transport, Some(Transport::Udp(_) | Transport::Icmp(_))) && !quoted.payload.is_empty() {
        layers.push(super::describe_data(quoted.payload.within(buffer), quoted.payload.of(data)));
    }
    layers
}
