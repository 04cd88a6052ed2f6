//! The Transmission Control Protocol, one header at a time. What needs the other packets of a connection
//! (relative numbers, round trips, reassembly) is in [`crate::flow`].
//!
//! # References
//! - Header: RFC 9293 §3.1. Its options are in `options.rs`.

mod options;

use std::fmt;

use etherparse::TcpHeaderSlice;

use super::{ChecksumVerdict, Extent, Fault, Net, Packet, Transport};
use crate::layer::{Buffer, Group, Layer, Note, OsiLayer, Severity, Value};

/// TCP's number in the IP header.
pub(super) const IP_PROTOCOL: u8 = 6;

crate::fields! {
    TCP_SRCPORT = "tcp.srcport", Uint(16), "The port the segment was sent from.", "RFC 9293 §3.1";
    TCP_DSTPORT = "tcp.dstport", Uint(16), "The port the segment is sent to.", "RFC 9293 §3.1";
    TCP_PORT = "tcp.port", Uint(16), "Either of the two ports.", "RFC 9293 §3.1";
    TCP_SEQ_RAW = "tcp.seq_raw", Uint(32), "The sequence number as it stands: it counts octets from a random start.", "RFC 9293 §3.4";
    TCP_ACK_RAW = "tcp.ack_raw", Uint(32), "The next sequence number expected from the other side, as it stands.", "RFC 9293 §3.4";
    TCP_HDR_LEN = "tcp.hdr_len", Uint(8), "The length of the TCP header, options included, in octets.", "RFC 9293 §3.1";
    TCP_FLAGS = "tcp.flags", Uint(16), "All control bits as one number.", "RFC 9293 §3.1";
    TCP_FLAGS_CWR = "tcp.flags.cwr", Bool, "The sender slowed down because of congestion.", "RFC 3168 §6.1.2";
    TCP_FLAGS_ECE = "tcp.flags.ece", Bool, "The sender saw congestion marked on the way.", "RFC 3168 §6.1";
    TCP_FLAGS_URG = "tcp.flags.urg", Bool, "The urgent pointer counts.", "RFC 9293 §3.1";
    TCP_FLAGS_ACK = "tcp.flags.ack", Bool, "The acknowledgement number counts: set on every segment but the first.", "RFC 9293 §3.1";
    TCP_FLAGS_PUSH = "tcp.flags.push", Bool, "Hand what has arrived to the program without waiting for more.", "RFC 9293 §3.1";
    TCP_FLAGS_RESET = "tcp.flags.reset", Bool, "Break the connection off at once.", "RFC 9293 §3.5.2";
    TCP_FLAGS_SYN = "tcp.flags.syn", Bool, "Open the connection: here my numbers start.", "RFC 9293 §3.5";
    TCP_FLAGS_FIN = "tcp.flags.fin", Bool, "I will send no more.", "RFC 9293 §3.6";
    TCP_WINDOW_VALUE = "tcp.window_size_value", Uint(16), "How many octets the sender is ready to take, before scaling.", "RFC 9293 §3.1";
    TCP_CHECKSUM = "tcp.checksum", Uint(16), "A sum over the segment and its addresses.", "RFC 9293 §3.1";
    #[ours] TCP_CHECKSUM_VERDICT = "tcp.checksum.verdict", Text, "valid, not computed yet (loopback and offload), wrong, or unverified.", "RFC 1071";
    TCP_CHECKSUM_STATUS = "tcp.checksum.status", Uint(8), "0 the sum is wrong, 1 it is right, or left to the network card, 2 not all of the segment is there.", "RFC 9293 §3.1";
    TCP_URGENT = "tcp.urgent_pointer", Uint(16), "Where urgent data ends; counts only with URG.", "RFC 9293 §3.8.5";
    TCP_PAYLOAD = "tcp.payload", Bytes, "The octets of the stream this segment carries.", "RFC 9293 §3.1";
}

pub(super) use options::FIELDS as OPTION_FIELDS;
pub use options::SynOptions;

/// The control bits of a TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push function.
    pub const PSH: u8 = 0x08;
    /// The acknowledgement field counts.
    pub const ACK: u8 = 0x10;
    /// The urgent pointer counts.
    pub const URG: u8 = 0x20;
    /// ECN echo.
    pub const ECE: u8 = 0x40;
    /// Congestion window reduced.
    pub const CWR: u8 = 0x80;

    const NAMES: [(u8, &'static str); 8] = [
        (Self::SYN, "SYN"),
        (Self::FIN, "FIN"),
        (Self::RST, "RST"),
        (Self::PSH, "PSH"),
        (Self::ACK, "ACK"),
        (Self::URG, "URG"),
        (Self::ECE, "ECE"),
        (Self::CWR, "CWR"),
    ];

    /// Whether all of these bits are set.
    pub fn has(self, bits: u8) -> bool {
        self.0 & bits == bits
    }

    /// The names of the bits that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| name)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.names();
        match names.next() {
            None => f.write_str("no flags"),
            Some(first) => {
                f.write_str(first)?;
                names.try_for_each(|name| write!(f, " {name}"))
            }
        }
    }
}

/// A TCP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Where it lies, options included, as far as they were captured.
    pub header: Extent,
    /// From which port.
    pub source_port: u16,
    /// To which port.
    pub destination_port: u16,
    /// Sequence number as it stands.
    pub seq: u32,
    /// Acknowledgement number as it stands.
    pub ack: u32,
    /// Control bits.
    pub flags: Flags,
    /// Window as it stands, not scaled.
    pub window: u16,
    /// As it stood.
    pub checksum: u16,
    /// How many octets of payload the segment had on the wire; more than captured if the frame was cut.
    pub payload_len: u32,
}

mod field {
    use std::ops::Range;
    pub(super) const SRC_PORT: Range<usize> = 0..2;
    pub(super) const DST_PORT: Range<usize> = 2..4;
    pub(super) const SEQ: Range<usize> = 4..8;
    pub(super) const ACK: Range<usize> = 8..12;
    pub(super) const OFFSET: Range<usize> = 12..13;
    pub(super) const FLAGS: Range<usize> = 12..14;
    pub(super) const FLAG_BITS: Range<usize> = 13..14;
    pub(super) const WINDOW: Range<usize> = 14..16;
    pub(super) const CHECKSUM: Range<usize> = 16..18;
    pub(super) const URGENT: Range<usize> = 18..20;
    /// Where options begin.
    pub(super) const OPTIONS: usize = 20;
}

/// Where the sequence number lies in a TCP header.
pub const SEQ_RANGE: std::ops::Range<usize> = field::SEQ;
/// Where the acknowledgement number lies in a TCP header.
pub const ACK_RANGE: std::ops::Range<usize> = field::ACK;
/// Where the window lies in a TCP header.
pub const WINDOW_RANGE: std::ops::Range<usize> = field::WINDOW;

impl Tcp {
    pub(super) fn decode(data: &[u8], at: Extent) -> Result<(Self, Extent), Fault> {
        let bytes = at.of(data);
        let header = TcpHeaderSlice::from_slice(bytes).map_err(|_| header_fault(bytes))?;
        let (start, len) = (at.start as usize, header.slice().len());
        let payload = Extent::new(start + len, at.end as usize);
        Ok((Self::read(&header, Extent::new(start, start + len), payload.len() as u32), payload))
    }

    /// Reads a header of which the capture kept only a part of the options; on the wire it and its payload had `on_wire`
    /// octets. It ends where the capture does.
    pub(super) fn decode_cut(data: &[u8], at: Extent, on_wire: u32) -> Option<Self> {
        let mut fixed = *at.of(data).first_chunk::<{ field::OPTIONS }>()?;
        let len = usize::from(fixed[field::OFFSET.start] >> 4) * 4;
        if at.len() >= len || (on_wire as usize) < len {
            return None;
        }
        // As one without options.
        fixed[field::OFFSET.start] = 0x50;
        let header = TcpHeaderSlice::from_slice(&fixed).ok()?;
        Some(Self::read(&header, at, on_wire - len as u32))
    }

    fn read(header: &TcpHeaderSlice<'_>, extent: Extent, payload_len: u32) -> Self {
        Self {
            header: extent,
            source_port: header.source_port(),
            destination_port: header.destination_port(),
            seq: header.sequence_number(),
            ack: header.acknowledgment_number(),
            flags: Flags(header.slice()[field::FLAG_BITS.start]),
            window: header.window_size(),
            checksum: header.checksum(),
            payload_len,
        }
    }

    /// How long the header is by its own word: where the capture cut its options, longer than what is there.
    pub fn header_len(&self, data: &[u8]) -> usize {
        let said = self.header.of(data).get(field::OFFSET.start).map(|octet| usize::from(octet >> 4) * 4);
        said.unwrap_or(self.header.len())
    }

    pub(super) fn describe(&self, buffer: Buffer, data: &[u8], packet: &Packet) -> Layer {
        let span = Some(self.header.within(buffer));
        let mut layer = Layer::new("tcp", "Transmission Control Protocol", Some(OsiLayer::Transport), span);
        let number = |n: u16| Value::Uint(u64::from(n));
        let bytes = self.header.of(data);
        layer.summary = format!("{} → {}, {}", self.source_port, self.destination_port, self.flags);
        layer.field(&TCP_SRCPORT, number(self.source_port), field::SRC_PORT);
        layer.field(&TCP_PORT, number(self.source_port), field::SRC_PORT);
        layer.field(&TCP_DSTPORT, number(self.destination_port), field::DST_PORT);
        layer.field(&TCP_PORT, number(self.destination_port), field::DST_PORT);
        layer.field(&TCP_SEQ_RAW, Value::Uint(u64::from(self.seq)), field::SEQ);
        layer.field(&TCP_ACK_RAW, Value::Uint(u64::from(self.ack)), field::ACK);
        layer.field(&TCP_HDR_LEN, Value::Uint(self.header_len(data) as u64), field::OFFSET);
        let reserved = bytes.get(field::OFFSET.start).map_or(0, |b| u64::from(b & 0x0f) << 8);
        layer.field(&TCP_FLAGS, Value::Uint(reserved | u64::from(self.flags.0)), field::FLAGS);
        for (def, bit) in FLAG_FIELDS {
            layer.field(def, Value::Bool(self.flags.has(bit)), field::FLAG_BITS);
        }
        layer.field(&TCP_WINDOW_VALUE, number(self.window), field::WINDOW);
        layer.field(&TCP_CHECKSUM, number(self.checksum), field::CHECKSUM);
        self.describe_checksum(&mut layer, packet.checksum(data));
        if let Some([high, low]) = bytes.get(field::URGENT) {
            layer.field(&TCP_URGENT, number(u16::from_be_bytes([*high, *low])), field::URGENT);
        }
        options::describe(&mut layer, bytes);
        let payload = packet.payload;
        if !payload.is_empty() {
            layer.field(
                &TCP_PAYLOAD,
                Value::Bytes(payload.of(data).to_vec()),
                bytes.len()..bytes.len() + payload.len(),
            );
        }
        layer
    }

    fn describe_checksum(&self, layer: &mut Layer, verdict: ChecksumVerdict) {
        layer.computed(&TCP_CHECKSUM_VERDICT, Value::Text(verdict.as_str().into()));
        layer.computed(&TCP_CHECKSUM_STATUS, Value::Uint(verdict.status()));
        if verdict == ChecksumVerdict::Wrong {
            let text =
                "the checksum does not fit the segment: damaged on the way, or left for the network card to fill in";
            layer.notes.push(Note::new(Severity::Warn, text, "RFC 9293 §3.1").about(Group::Checksum));
        }
    }
}

/// Describes the beginning of a header of which an ICMP error quotes too little: "the original datagram's first 64 bits
/// of data" (RFC 792) hold the ports and the sequence number.
pub(super) fn describe_start(buffer: Buffer, data: &[u8], at: Extent) -> Option<Layer> {
    let [a, b, c, d, e, f, g, h, ..] = *at.of(data) else { return None };
    let (source, destination) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let span = Some(at.within(buffer));
    let mut layer = Layer::new("tcp", "Transmission Control Protocol", Some(OsiLayer::Transport), span);
    layer.summary = format!("{source} → {destination}, the beginning of a header");
    for (own, port, range) in [(&TCP_SRCPORT, source, field::SRC_PORT), (&TCP_DSTPORT, destination, field::DST_PORT)] {
        layer.field(own, Value::Uint(u64::from(port)), range.clone());
        layer.field(&TCP_PORT, Value::Uint(u64::from(port)), range);
    }
    layer.field(&TCP_SEQ_RAW, Value::Uint(u64::from(u32::from_be_bytes([e, f, g, h]))), field::SEQ);
    Some(layer)
}

static FLAG_FIELDS: [(&crate::layer::FieldDef, u8); 8] = [
    (&TCP_FLAGS_CWR, Flags::CWR),
    (&TCP_FLAGS_ECE, Flags::ECE),
    (&TCP_FLAGS_URG, Flags::URG),
    (&TCP_FLAGS_ACK, Flags::ACK),
    (&TCP_FLAGS_PUSH, Flags::PSH),
    (&TCP_FLAGS_RESET, Flags::RST),
    (&TCP_FLAGS_SYN, Flags::SYN),
    (&TCP_FLAGS_FIN, Flags::FIN),
];

impl Packet {
    /// Of a TCP header whose options the capture cut all else is there.
    pub(super) fn stop_in_transport(&mut self, data: &[u8], net: &Net, fault: Fault) {
        self.fault = Some(fault);
        if net.protocol != IP_PROTOCOL || self.missing == 0 {
            return;
        }
        if let Some(tcp) = Tcp::decode_cut(data, net.payload, net.payload_len) {
            let end = tcp.header.end as usize;
            (self.transport, self.payload) = (Some(Transport::Tcp(tcp)), Extent::new(end, end));
        }
    }
}

fn header_fault(bytes: &[u8]) -> Fault {
    let words = bytes.get(field::OFFSET.start).map(|b| u32::from(b >> 4));
    match words {
        Some(words @ 0..5) => Fault::Invalid { field: "TCP header length (in words of 4 octets)", value: words },
        Some(words) => Fault::Short { header: "TCP header", needed: words * 4, had: bytes.len() as u32 },
        None => Fault::Short { header: "TCP header", needed: 20, had: bytes.len() as u32 },
    }
}
