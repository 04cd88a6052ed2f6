//! What the tests of this floor share: a builder of TCP conversations in real octets, and a check of the invariants
//! that hold for every trace whatever was captured.

use std::net::{IpAddr, SocketAddr};

use super::{Message, Pipeline, Trace, layer_sums};
use crate::capture::{Frame, LinkType, Timestamp};
use crate::layer::{Buffer, Direction, Layer, Span};
use crate::packet::Flags;

pub(crate) const TO_SERVER: Direction = Direction::ToServer;
pub(crate) const TO_CLIENT: Direction = Direction::ToClient;
pub(crate) const DATA: u8 = Flags::PSH | Flags::ACK;

/// Initial sequence numbers: the client's wraps after 100 octets.
const ISN: [u32; 2] = [u32::MAX - 100, 7_000];

/// A TCP connection between two hosts on a link without a header; it keeps the sequence numbers.
pub(crate) struct Conversation {
    pub(crate) frames: Vec<Frame>,
    /// Client and server.
    hosts: [SocketAddr; 2],
    /// The next sequence number of each.
    pub(crate) next: [u32; 2],
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self::between("127.0.0.1:51544", "127.0.0.1:8080")
    }

    pub(crate) fn between(client: &str, server: &str) -> Self {
        Self { frames: Vec::new(), hosts: [client.parse().unwrap(), server.parse().unwrap()], next: ISN }
    }

    /// The handshake: frames 1 to 3.
    pub(crate) fn open(mut self) -> Self {
        self.segment(TO_SERVER, Flags::SYN, b"");
        self.segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"");
        self.segment(TO_SERVER, Flags::ACK, b"");
        self
    }

    pub(crate) fn client(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.segment(TO_SERVER, DATA, bytes.as_ref())
    }

    pub(crate) fn server(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.segment(TO_CLIENT, DATA, bytes.as_ref())
    }

    /// Both sides close in order, the client first.
    pub(crate) fn close(&mut self) -> &mut Self {
        self.segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
        self.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
        self.segment(TO_SERVER, Flags::ACK, b"")
    }

    /// Both sides close in order, the server first.
    pub(crate) fn close_by_server(&mut self) -> &mut Self {
        self.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
        self.segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
        self.segment(TO_CLIENT, Flags::ACK, b"")
    }

    /// The next segment in this direction.
    pub(crate) fn segment(&mut self, direction: Direction, flags: u8, payload: &[u8]) -> &mut Self {
        let seq = self.next[direction.index()];
        let takes_a_number = u32::from(flags & Flags::SYN != 0) + u32::from(flags & Flags::FIN != 0);
        self.next[direction.index()] = seq.wrapping_add(payload.len() as u32 + takes_a_number);
        self.at(direction, seq, flags, payload)
    }

    /// A segment with this sequence number, wherever it belongs.
    pub(crate) fn at(&mut self, direction: Direction, seq: u32, flags: u8, payload: &[u8]) -> &mut Self {
        let ack = if flags & Flags::ACK != 0 { self.next[direction.reverse().index()] } else { 0 };
        let [from, to] = match direction {
            TO_SERVER => self.hosts,
            TO_CLIENT => [self.hosts[1], self.hosts[0]],
        };
        let mut tcp = tcp(from.port(), to.port(), seq, ack, flags, payload);
        let sum = pseudo_sum(from.ip(), to.ip(), tcp.len());
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let data = ip(from.ip(), to.ip(), &tcp);
        self.frames.push(frame(self.frames.len(), LinkType::RAW, data));
        self
    }

    /// The segment is lost: it was numbered but not captured.
    pub(crate) fn lose(&mut self) -> &mut Self {
        self.frames.pop();
        self
    }

    /// The same frames as an Ethernet carries them; the conversation is one over IPv6.
    pub(crate) fn on_ethernet(&self) -> Vec<Frame> {
        let header = [&[2; 12][..], &[0x86, 0xdd]].concat();
        let framed = |(n, raw): (usize, &Frame)| frame(n, LinkType::ETHERNET, [&header, &raw.data[..]].concat());
        self.frames.iter().enumerate().map(framed).collect()
    }

    pub(crate) fn trace(&self) -> Trace {
        trace(&self.frames)
    }
}

/// What a host on loopback leaves in the checksum field: the sum of the pseudo-header.
fn pseudo_sum(from: IpAddr, to: IpAddr, len: usize) -> u16 {
    let octets = |address| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let words = [octets(from), octets(to)].concat();
    let sum: u32 = words.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    let sum = sum + 6 + len as u32;
    let folded = (sum & 0xffff) + (sum >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

fn tcp(from: u16, to: u16, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = [from.to_be_bytes(), to.to_be_bytes()].concat();
    out.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
    out.extend([0x50, flags, 0x02, 0x00]); // 5 words; flags; window 512
    out.extend([0, 0, 0, 0]); // checksum; urgent pointer
    out.extend(payload);
    out
}

fn ip(from: IpAddr, to: IpAddr, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u16;
    let mut out = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let [high, low] = (20 + len).to_be_bytes();
            let mut header = vec![0x45, 0, high, low]; // version 4, 5 words; total length
            header.extend([0, 0, 0x40, 0]); // identification; do not fragment
            header.extend([64, 6, 0, 0]); // TTL 64, TCP, checksum left out
            header.extend([from.octets(), to.octets()].concat());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let [high, low] = len.to_be_bytes();
            let mut header = vec![0x60, 0, 0, 0]; // version 6, no flow label
            header.extend([high, low, 6, 64]); // payload length; TCP; hop limit 64
            header.extend([from.octets(), to.octets()].concat());
            header
        }
        _ => panic!("both ends of a connection speak the same version of IP"),
    };
    out.extend(payload);
    out
}

/// The n-th frame, a millisecond after the one before.
pub(crate) fn frame(n: usize, link: LinkType, data: Vec<u8>) -> Frame {
    let time = Timestamp(1_700_000_000_000_000_000 + n as i64 * 1_000_000);
    Frame { time, link, interface: 0, len: data.len() as u32, data, comments: Vec::new() }
}

/// The trace of these frames, in which every invariant was checked.
pub(crate) fn trace(frames: &[Frame]) -> Trace {
    let mut pipeline = Pipeline::default();
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    let trace = pipeline.finish();
    check(&trace);
    trace
}

/// What holds for every trace: each octet has one owner, every field lies in its buffer, every message in its stream.
pub(crate) fn check(trace: &Trace) {
    for (number, record) in trace.records() {
        check_ledger(trace, number, record.frame.data.len() as u32);
        trace.layers(number).iter().for_each(|layer| check_spans(trace, layer));
    }
    for message in trace.messages() {
        assert!(message.frames.is_sorted_by(|a, b| a < b), "frames ascend: {message:?}");
        assert!(trace.record(message.frame()).is_some(), "it ends in a frame: {message:?}");
        let len = message.range.end - message.range.start;
        assert_eq!(trace.bytes(message).len() as u64, len, "its bytes are there: {message:?}");
        let place = |(number, range): (u32, std::ops::Range<u32>)| {
            &trace.record(number).unwrap().frame.data[range.start as usize..range.end as usize]
        };
        let on_wire: Vec<u8> = trace.in_frames(&message.span()).into_iter().flat_map(place).copied().collect();
        // What was encrypted lies there, too, octet by octet, but is not to be read.
        assert_eq!(on_wire.len() as u64, len, "all of them lie in frames: {message:?}");
        let is_same = on_wire == trace.bytes(message);
        assert!(is_same || message.inside, "and lie where its span says: {message:?}");
        let owned: u64 = message.payload.parts(len).iter().map(|part| part.len).sum();
        assert_eq!(owned, if message.owns_bytes() { len } else { 0 }, "its shares add up: {message:?}");
    }
}

/// Invariant 3: every captured octet exactly once, and the sums equal the captured length.
fn check_ledger(trace: &Trace, number: u32, len: u32) {
    let shares = trace.ledger(number);
    let mut at = 0;
    for share in &shares {
        assert_eq!(share.range.start, at, "frame {number}: neither hole nor overlap: {shares:?}");
        assert!(!share.is_empty(), "frame {number}: {shares:?}");
        at = share.range.end;
    }
    assert_eq!(at, len, "frame {number}: {shares:?}");
    assert_eq!(layer_sums(&shares).iter().map(|(_, sum)| sum).sum::<u32>(), len, "frame {number}");
}

/// Invariant 4: a span inside its buffer, or computed.
fn check_spans(trace: &Trace, layer: &Layer) {
    let derived = layer.derived.iter().map(|derived| &derived.from);
    for span in layer.fields.iter().filter_map(|field| field.span.as_ref()).chain(&layer.span).chain(derived) {
        let len = match span.buffer {
            Buffer::Frame(number) => trace.record(number).unwrap().frame.data.len() as u64,
            Buffer::Stream(connection, direction) => trace.stream(connection, direction).unwrap().end(),
            Buffer::Decrypted(connection, direction) => trace.inside(connection, direction).unwrap().end(),
            Buffer::Content(connection, direction, stream) => {
                trace.content(connection, direction, stream).unwrap().end()
            }
            Buffer::Datagram(frame) => trace.record(frame).unwrap().datagram.as_ref().unwrap().bytes.len() as u64,
            Buffer::Derived(index) => layer.derived[index].bytes.len() as u64,
        };
        let Span { range, .. } = span;
        assert!(range.start <= range.end && range.end <= len, "{span:?} in {len} octets: {layer:#?}");
        let placed = trace.in_frames(span).into_iter().map(|(_, range)| u64::from(range.end - range.start));
        if !matches!(span.buffer, Buffer::Derived(_)) {
            assert_eq!(placed.sum::<u64>(), span.len(), "every octet of {span:?} lies in some frame");
        }
    }
}

/// Every message in one line: direction, summary, frames, and whether it is incomplete.
pub(crate) fn told(trace: &Trace) -> Vec<String> {
    let line = |message: &Message| {
        let arrow = if message.direction == TO_SERVER { ">" } else { "<" };
        let cut = if message.complete { "" } else { " (incomplete)" };
        format!("{:?} {arrow} {}{cut}", message.frames, trace.summary(message))
    };
    trace.messages().iter().map(line).collect()
}

/// The text of every note, with its frame; without those that say that the capture ended before a connection did.
pub(crate) fn notes(trace: &Trace) -> Vec<(Option<u32>, &str)> {
    let texts = trace.notes().iter().map(|(frame, note)| (*frame, note.text.as_str()));
    texts.filter(|(_, text)| !text.ends_with("open when the capture ended")).collect()
}

/// Everything a trace says, for comparing two of them.
pub(crate) fn dump(trace: &Trace) -> String {
    let frames = trace.records().map(|(number, _)| format!("{:?}\n{:?}\n", trace.layers(number), trace.ledger(number)));
    let rest = format!("{:?}\n{:?}\n{:?}", trace.messages(), trace.notes(), trace.connections());
    frames.collect::<String>() + &rest
}

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
pub(crate) const EMPTY_200: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
/// The handshake of RFC 6455 §1.2.
pub(crate) const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
pub(crate) const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// "Hello", masked with 37 fa 21 3d (RFC 6455 §5.7).
pub(crate) const HELLO: &[u8] = &[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
/// "hi" from the server.
pub(crate) const HI: &[u8] = &[0x81, 2, b'h', b'i'];
