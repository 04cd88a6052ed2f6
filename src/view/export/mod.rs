//! A capture as lines of JSON, for programs: one object per line, in order of the frame where the thing ended. (Of very
//! large captures a few lines come later than that, see [`order`]; so they do where someone waits for each line.)
//!
//! Every line has `kind`, `frame` (number, from 1), `frames` (all that carried it) and `time` (RFC 3339, nanoseconds; `null` where the
//! capture keeps none);
//! where it belongs to TCP or UDP also `from` and `to` (`ip:port`), and for TCP `stream` (numbered from 0 in order of
//! first packet, as `tcp.stream`). Of a packet in the body of a poll or a POST `frames` has those that brought its own octets,
//! and that with which the body ended, where it could be read. The first line says `"v":1`: the version of this contract. Keys
//! are only ever added.
//!
//! | kind | further keys |
//! |---|---|
//! | `packet` | `len`, `caplen`, `layers`, `tcp` {`flags`, `seq`, `ack`, `len`, `window`, `analysis`}, `udp` {`len`} |
//! | `http.request` | `method`, `target`, `version`, `headers`, `body_len`, `body_sha256` |
//! | `http.response` | `status`, `reason`, `version`, `headers`, `body_len`, `body_sha256`, `request_frame` |
//! | `sse.event` | `event`, `data`, `id` (the last one set), `retry` (or null); only what the client's program gets, and what may have been that but is cut |
//! | `websocket.handshake` | `accepted`, `accept_valid`, `subprotocol`, `extensions` |
//! | `websocket.frame` | `fin`, `rsv1`, `opcode`, `masked`, `masking_key`, `payload_len` |
//! | `websocket.message` | `opcode`, `compressed`, `payload_len`, `payload_sha256`, `text`, `close_code`, `close_reason` |
//! | `engineio.packet` | `protocol`, `transport`, `sid`, `type`, `data` or `binary_sha256`; by WebTransport no `stream` but `quic` {`connection`, `stream`} |
//! | `socketio.packet` | `protocol`, `sid`, `socket`, `namespace`, `type`, `id`, `data` (attachments as `{"base64": …}`), `offset`; of an ACK `event_frame` and `rtt_ns`; by WebTransport `quic` as above |
//! | `tls.record` | `content_type` (a number), `record_len`, `encrypted`; where it holds them in the open `handshake` (the names of the messages that end in it), of hellos `server_name`, `alpn`, `tls_version` and `cipher_suite` (chosen; of a ClientHello the highest version offered), and `alert` |
//! | `udp.datagram` | `payload_len`, `payload_sha256` |
//! | `note` | `severity`, `group`, `text`, `spec`; a note on the whole capture has `frame: null` |
//! | `finding` | `severity`, `text`, `spec`: what went wrong, as `wiretale replay` tells it; `frames` show it, and `frame` is the last of them. Only where it is asked for (`--kinds finding`), as the capture is kept for it |
//!
//! What a stream of HTTP/2 carries has its number too, `http2_stream`. There `headers` are without `:method`, `:path` and
//! `:status`, which are `method`, `target` and `status`; `version` is `HTTP/2`, and `reason` is empty.
//!
//! The `data` of a `socketio.packet` stands as its program wrote it, so its numbers may be larger, and its brackets deeper, than a
//! reader of JSON takes (a `note` says so); only where it breaks lines it has spaces. What is no JSON is `null`.
//!
//! Where something is not all there (the capture cut it, octets of it are missing, or the connection or the capture ended in it)
//! its line has `complete: false` besides, and what it says is of what is there; the lines of others have no such key. So it is
//! with a packet of Socket.IO whose attachments did not all come (`data` has their placeholders), an event of a stream that is
//! cut within it, and the packet of Engine.IO in which the body of a poll is cut. What a client discards because its stream ended
//! before the empty line is no event, and has no line. Of a `packet` that was cut `caplen` is less than `len`.
//!
//! `seq` and `ack` are absolute. `layers` names the protocols of the messages that end in the frame, as far as they are
//! known when it comes. `body_*` speak of the body after its transfer coding is undone and before its
//! content codings are; where those were undone, `decoded_len` and `decoded_sha256` follow. What could not be
//! decoded has no digest: the key is `null`. Nor has a message of more than 64 MiB in a capture that is read without keeping it (a
//! `note` says so); where such a body came in chunks its length is `null`, too. A message of WebSocket in several frames that is not all there has what is. A
//! datagram whose checksum proves that it was damaged is a `packet`, and no `udp.datagram`: no program got it.

mod escape;
mod frames;
mod key;
mod kinds;
mod moments;
mod object;
mod order;
mod riders;
mod special;
mod table;

use std::io::{self, Write};

use crate::capture::FrameRef;
use crate::explain::Finding;
use crate::flow::Analysed;
use crate::layer::Note;
use crate::packet::Plain;
use crate::trace::{Ended, Kind, Needs, Octets, Place, Seen, Sight, Told, Trace, Watch};
pub use key::keys_of;
use key::{Key, Keys};
use moments::Moments;
use order::{Late, Order};
pub use table::Table;

/// The names of the kinds of lines there are, in the order in which they stand in the documentation.
pub const KINDS: [&str; Kind::ALL.len()] = {
    let mut names = [""; Kind::ALL.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = Kind::ALL[i].name();
        i += 1;
    }
    names
};

/// The kind of what went wrong: it takes the end of a capture to tell, so it is there only where that is kept and someone asks
/// for it.
pub const FINDING: &str = "finding";

/// Which lines are wanted.
pub struct Wanted<'a> {
    /// These kinds.
    pub kinds: &'a [&'a str],
    /// Of each line these keys, and `kind`; all of them if it is `None`.
    pub keys: Option<&'a [&'a str]>,
    /// Of these frames. Lines that belong to no frame are always wanted.
    pub frames: &'a dyn Fn(u32) -> bool,
}

/// Writes the lines of a trace. Errors are those of `out`.
pub fn export(trace: &Trace, wanted: &Wanted<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut exporter = Exporter::new(out, wanted.kinds, wanted.keys, false);
    trace.tell(&mut exporter, wanted.frames);
    exporter.end()
}

/// Writes lines while a capture is read.
pub struct Exporter<W> {
    order: Order<W>,
    kinds: [bool; Kind::ALL.len()],
    keys: Keys,
    /// The lines of the frame at hand. Its messages are written where they stay, unless its packet comes before them.
    packet: Vec<u8>,
    messages: Vec<u8>,
    in_place: bool,
    notes: Vec<u8>,
    /// The lines of messages that ended in it, but became known later.
    behind: Vec<u8>,
    /// A line of a frame before it.
    late: Vec<u8>,
    /// The protocols of the messages that end in the frame at hand.
    protocols: Vec<&'static str>,
    moments: Moments,
    /// Where masks are undone.
    buffer: Vec<u8>,
    /// The frame told last.
    frame: u32,
}

impl<W: Write> Exporter<W> {
    /// Lines of these kinds for `out`, with these keys and `kind`, or with all. `live` says that someone waits for each of
    /// them.
    pub fn new(out: W, kinds: &[&str], keys: Option<&[&str]>, live: bool) -> Self {
        let wanted = Kind::ALL.map(|kind| kinds.contains(&kind.name()));
        let in_place = ![Kind::Packet, Kind::UdpDatagram].iter().any(|kind| wanted[*kind as usize]);
        Self {
            order: Order::new(out, live),
            kinds: wanted,
            keys: keys.map_or(Keys::ALL, Keys::named),
            packet: Vec::new(),
            messages: Vec::new(),
            in_place,
            notes: Vec::new(),
            behind: Vec::new(),
            late: Vec::new(),
            protocols: Vec::new(),
            moments: Moments::default(),
            buffer: Vec::new(),
            frame: 0,
        }
    }

    /// A line for something that went wrong in a trace which is told then. Whoever wants findings asks for them by this.
    pub fn finding(&mut self, trace: &Trace, finding: &Finding) {
        self.moments.lacks_times = !trace.keeps_times();
        frames::finding(trace, finding, &mut self.moments, (&mut self.late, self.keys));
        let frame = finding.frames.last().copied().unwrap_or(u32::MAX);
        self.order.push_late(frame, Late::Finding, &self.late);
        self.late.clear();
    }

    /// Hands on what belongs to a frame.
    fn put(&mut self, frame: u32) {
        self.order.push(frame, [&self.packet, &self.messages, &self.notes, &self.behind]);
        self.messages.clear();
        self.notes.clear();
        self.behind.clear();
        self.protocols.clear();
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds[kind as usize]
    }

    /// What went wrong when writing, if anything did: then there is no use in going on.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.order.failure()
    }

    /// Writes out what someone waits for.
    pub fn flush(&mut self) {
        self.order.flush();
    }

    /// Writes all that is left.
    pub fn end(self) -> io::Result<()> {
        self.order.end()
    }
}

impl<W: Write> Watch for Exporter<W> {
    fn needs(&self) -> Needs {
        let reading = [Kind::HttpRequest, Kind::HttpResponse, Kind::EngineIoPacket, Kind::SocketIoPacket];
        let of_messages = self.wants(Kind::WebSocketMessage);
        let octets =
            if reading.iter().any(|kind| self.wants(*kind)) || (of_messages && self.keys.has(Key::PayloadSha256)) {
                Octets::All
            } else if of_messages && self.keys.has(Key::Text) {
                Octets::Texts
            } else {
                Octets::Nothing
            };
        // Of a frame the protocols are told that end in it, of a response which request it answers; notes are on anything.
        let carried = [Kind::Packet, Kind::HttpResponse, Kind::EngineIoPacket, Kind::SocketIoPacket, Kind::Note];
        let riders = carried.iter().any(|kind| self.wants(*kind));
        let packets = self.wants(Kind::Packet);
        let is_analysed = packets || self.wants(Kind::Note);
        let segments = if is_analysed { Analysed::Findings } else { Analysed::Not };
        Needs { everything: false, octets, frames: true, packets, riders, segments }
    }

    fn passed(&mut self, number: u32, _frame: FrameRef<'_>, _plain: &Plain) {
        self.frame = number;
        self.packet.clear();
        self.put(number);
    }

    fn frame(&mut self, sight: &Sight<'_>) {
        self.frame = sight.number;
        self.packet.clear();
        if self.wants(Kind::Packet) {
            frames::packet(sight, &self.protocols, &mut self.moments, (&mut self.packet, self.keys));
        }
        // One that is proven to be damaged reached nobody.
        if sight.udp.is_some() && self.wants(Kind::UdpDatagram) {
            frames::datagram(sight, &mut self.moments, (&mut self.packet, self.keys));
        }
        for message in sight.over_quic {
            if let Some(told) = Told::over_quic(message).filter(|told| self.wants(told.kind())) {
                let out = if self.in_place { self.order.begun() } else { &mut self.messages };
                kinds::over_quic(sight, message, &told, &mut self.moments, (out, self.keys));
            }
        }
        self.put(sight.number);
    }

    fn message(&mut self, seen: &Seen<'_>) {
        let is_late = seen.moment.frame <= self.frame;
        if self.wants(Kind::Packet) && !seen.late && seen.owns_bytes() {
            let protocol = seen.payload.protocol();
            if self.protocols.last() != Some(&protocol) {
                self.protocols.push(protocol);
            }
        }
        let Some(told) = Told::of(seen) else { return };
        let also_message = matches!(told, Told::Frame(_, true)) && self.wants(Kind::WebSocketMessage);
        if !self.wants(told.kind()) && !also_message {
            return;
        }
        let out = match (is_late, seen.late) {
            (true, _) => &mut self.late,
            (false, true) => &mut self.behind,
            (false, false) if self.in_place => self.order.begun(),
            (false, false) => &mut self.messages,
        };
        self.moments.meet(seen, self.keys);
        if self.kinds[told.kind() as usize] {
            kinds::message(seen, &told, &self.moments, &mut self.buffer, (out, self.keys));
        }
        if let (Told::Frame(frame, _), true) = (&told, also_message) {
            kinds::frame_as_message(seen, frame, &self.moments, &mut self.buffer, (out, self.keys));
        }
        if is_late {
            self.order.push_late(seen.moment.frame, Late::Message, &self.late);
            self.late.clear();
        }
    }

    fn note(&mut self, on: Option<&Place>, note: &Note) {
        if !self.wants(Kind::Note) {
            return;
        }
        match on.map_or(u32::MAX, |place| place.moment.frame) {
            frame if frame > self.frame && frame != u32::MAX => {
                frames::note(on, note, &mut self.moments, (&mut self.notes, self.keys));
            }
            frame => {
                frames::note(on, note, &mut self.moments, (&mut self.late, self.keys));
                self.order.push_late(frame, Late::Note, &self.late);
                self.late.clear();
            }
        }
    }

    fn lacks_times(&mut self) {
        self.moments.lacks_times = true;
    }

    fn ended(&mut self, _ended: Ended) {}
}
