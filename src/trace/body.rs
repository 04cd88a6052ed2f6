//! The packets of Engine.IO in the body of a poll or a POST, and which frames brought each of them.
//!
//! # References
//! - Engine.IO protocol 4, "Packet encoding: HTTP long-polling"; 3, "Encoding: Payload".

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::carried::{Carried, Found, Frames, Ridden, Rider};
use super::carrier::{content, read_packet};
use super::session::Sessions;
use crate::flow::Chunk;
use crate::layer::{Note, Severity};
use crate::message::{Carries, Payload};
use crate::protocol::HttpMessage;
use crate::protocol::engineio::{
    EngineIoPacket, Framing, Jsonp, Packet, Packets, Places, Query, Stop, Transport, Version, form_payload,
};

/// A body, and how its packets are put together.
pub(super) struct Body<'a> {
    http: &'a HttpMessage,
    octets: Cow<'a, [u8]>,
    /// Whether it is written in a script, a form or a content coding: then its octets are not those of the message.
    is_unpacked: bool,
    /// Where in a script its octets stand.
    places: Option<Places>,
    framing: Framing,
}

impl<'a> Body<'a> {
    /// What a client posts; `None` if nobody can decode it.
    pub(super) fn of_request(http: &'a HttpMessage, bytes: &'a [u8], query: &Query) -> Option<Self> {
        let body = meant(http, bytes)?;
        let form = query.j.is_some().then(|| form_payload(&body.0)).flatten();
        Some(Self::new(http, bytes, body, form.map(|form| (form, None)), query))
    }

    /// What a poll is answered with; `None` if nobody can decode it.
    pub(super) fn of_response(http: &'a HttpMessage, bytes: &'a [u8], query: &Query) -> Option<Self> {
        let body = meant(http, bytes)?;
        let script = query.j.is_some().then(|| Jsonp::from_response(&body.0)).flatten();
        let places = |places: Places| (places != Places::default()).then_some(places);
        let unpacked = script.map(|script| (script.payload, places(script.places)));
        Some(Self::new(http, bytes, body, unpacked, query))
    }

    fn new(
        http: &'a HttpMessage,
        bytes: &[u8],
        (body, is_coded): (Cow<'a, [u8]>, bool),
        unpacked: Option<(String, Option<Places>)>,
        query: &Query,
    ) -> Self {
        let is_unpacked = is_coded || unpacked.is_some();
        let (unpacked, places) = unpacked.unzip();
        let octets = unpacked.map_or(body, |unpacked| unpacked.into_bytes().into());
        // Under a content coding no octet of the script is one of the message.
        let places = places.flatten().filter(|_| !is_coded);
        let version = version(query);
        // In version 4 it does not matter.
        let framing = Framing::of(version, version.is_old() && octet_stream(http, bytes));
        Self { http, octets, is_unpacked, places, framing }
    }

    /// Finds the packets in it, and what they carry. Of a body that is cut the last one is told as far as it is there; nobody
    /// could act on it.
    pub(super) fn read(
        &self,
        carried: &Carried<'_>,
        query: &Query,
        sid: &mut Option<Arc<str>>,
        place: &mut usize,
        sessions: &mut Sessions,
        found: &mut Found,
    ) {
        let version = version(query);
        // Where a cut script or content coding ends within its text is not known.
        if !carried.complete && (self.is_unpacked || query.j.is_some()) {
            return;
        }
        let mut brought = self.brought(carried);
        let mut packets = Packets::new(&self.octets, self.framing);
        // Whoever only counts has no packet made of what is usual.
        if let (Some(sid), None, true, false) = (&*sid, &brought, carried.complete, carried.wanted) {
            let tally = &mut found.tally;
            packets.pass(|text| sessions.pass(carried, (sid, place), Carries::Text(text), tally));
        }
        let mut next = packets.next();
        while let Some(packet) = next {
            next = packets.next();
            let part = brought.as_mut().map(|brought| brought.by(&self.place(&packet.span)));
            let carried = &part.map_or(*carried, |frames| Carried { frames, is_part: true, ..*carried });
            if !carried.complete && next.is_none() && self.ends_within(&packet, packets.stopped()) {
                self.tell_cut(carried, version, sid.as_ref(), &packet, found);
            } else {
                read_packet(carried, version, &Transport::Polling, sid, packet, sessions, found);
            }
        }
        // A packet that is cut says so itself.
        let is_told = |note: &Note| found.ridden.iter().any(|ridden| ridden.notes.contains(note));
        if let Some(stop) = packets.stopped().filter(|stop| carried.complete && !is_told(&stop.note)) {
            match found.ridden.last_mut() {
                Some(last) => last.notes.push(stop.note.clone()),
                None => found.remarks.push(stop.note.clone()),
            }
        }
    }

    /// Where in the body these octets stand.
    fn place(&self, span: &Range<usize>) -> Range<usize> {
        self.places.as_ref().map_or_else(|| span.clone(), |places| places.of(span))
    }

    /// Whether a body that is cut ends within this packet, its last. In version 4 no length tells whether
    /// it was all there.
    fn ends_within(&self, packet: &Packet<'_>, stopped: Option<&Stop>) -> bool {
        packet.span.end == self.octets.len() && (self.framing == Framing::Separated || stopped.is_some())
    }

    /// Tells a packet of which the rest is not there.
    fn tell_cut(
        &self,
        carried: &Carried<'_>,
        version: Version,
        sid: Option<&Arc<str>>,
        packet: &Packet<'_>,
        found: &mut Found,
    ) {
        let there = self.octets.get(packet.span.clone()).unwrap_or_default();
        if there.is_empty() {
            return;
        }
        let packet = match self.framing {
            Framing::Octets => packet,
            Framing::Separated | Framing::Counted => &Packet::from_text(version, whole_groups(there, version)),
        };
        let (kind, transport, sid) = (packet.kind, Transport::Polling, sid.cloned());
        let payload = EngineIoPacket { version, transport, sid, kind, content: content(carried, &packet.data) };
        let text = "the body is cut within this packet: the rest of it is not there";
        let notes = vec![Note::new(Severity::Note, text, "")];
        let (payload, frames) = (Rider::EngineIo(payload), Frames::of(carried));
        found.ridden.push(Ridden { payload, notes, frames, complete: false });
    }

    /// Tells for packets which frames brought them, if not all of it came in one.
    fn brought(&self, carried: &Carried<'_>) -> Option<Brought> {
        let [_, .., last] = carried.frames else { return None };
        let (stream, bytes) = (carried.stream?, carried.bytes.filter(|_| !self.is_unpacked || self.places.is_some())?);
        let len = bytes.len() as u64;
        let (mut at, mut stretches) = (carried.start, Vec::new());
        for part in self.http.parts(len) {
            if part.owner == "payload" {
                stretches.push(at..at + part.len);
            }
            at += part.len;
        }
        let chunks = stream.chunks(carried.start..carried.start + len).collect();
        Some(Brought { stretches, chunks, stretch: 0, passed: 0, chunk: 0, last: *last, frames: Vec::new() })
    }
}

/// The frames that brought a body, asked for packet by packet from its front: each octet is passed once.
struct Brought {
    /// Where its octets lie in the stream.
    stretches: Vec<Range<u64>>,
    chunks: Vec<Chunk>,
    /// The stretch at hand, and how many octets of the body lie before it.
    stretch: usize,
    passed: u64,
    /// The chunk at hand.
    chunk: usize,
    /// The frame in which the body ended: only with it all of it could be read.
    last: u32,
    frames: Vec<u32>,
}

impl Brought {
    /// The frames that brought these octets of the body, and that with which it could be read: ascending.
    fn by(&mut self, span: &Range<usize>) -> &[u32] {
        // One without an octet stands where the next one begins.
        let (start, end) = (span.start as u64, span.end.max(span.start + 1) as u64);
        self.frames.clear();
        while let Some(stretch) = self.stretches.get(self.stretch) {
            let len = stretch.end - stretch.start;
            let here = start.saturating_sub(self.passed)..end.saturating_sub(self.passed).min(len);
            let wanted = stretch.start + here.start..stretch.start + here.end;
            if !wanted.is_empty() {
                self.add(&wanted);
            }
            if end < self.passed + len {
                break;
            }
            (self.stretch, self.passed) = (self.stretch + 1, self.passed + len);
        }
        self.frames.push(self.last);
        self.frames.sort_unstable();
        self.frames.dedup();
        &self.frames
    }

    fn add(&mut self, range: &Range<u64>) {
        while let Some(chunk) = self.chunks.get(self.chunk).filter(|chunk| chunk.range.start < range.end) {
            if chunk.range.end > range.start {
                self.frames.extend([chunk.frame, chunk.arrived.frame]);
            }
            if chunk.range.end > range.end {
                break;
            }
            self.chunk += 1;
        }
    }
}

/// The body of a message with its content codings undone, and whether there may be any; `None` if they cannot be undone.
fn meant<'a>(http: &HttpMessage, bytes: &'a [u8]) -> Option<(Cow<'a, [u8]>, bool)> {
    let coding = http.may_be_coded().then(|| http.header(bytes, "content-encoding")).flatten();
    match coding {
        None => Some((http.body(bytes), false)),
        Some(_) => Some((http.meant_body(bytes)?, true)),
    }
}

/// Of octets that are written in base64 those whose groups of four characters are there.
fn whole_groups(text: &[u8], version: Version) -> &[u8] {
    let before = if version.is_old() { 2 } else { 1 };
    let cut = if text.first() == Some(&b'b') { text.len().saturating_sub(before) % 4 } else { 0 };
    text.get(..text.len() - cut).unwrap_or_default()
}

fn version(query: &Query) -> Version {
    query.version.unwrap_or(Version::V4)
}

fn octet_stream(http: &HttpMessage, bytes: &[u8]) -> bool {
    const OCTETS: &[u8] = b"application/octet-stream";
    let value = http.header(bytes, "content-type").map(<[u8]>::trim_ascii_start);
    value.and_then(|value| value.get(..OCTETS.len())).is_some_and(|value| value.eq_ignore_ascii_case(OCTETS))
}

#[cfg(test)]
mod tests {
    use crate::protocol::gzip;
    use crate::trace::Trace;
    use crate::trace::testing::{Conversation, told};

    const GET: &str = "GET /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: a\r\n\r\n";

    /// A poll, its answer in these pieces, and what is told of the packets in it: from frame 5 on.
    fn poll(pieces: &[&str]) -> (Trace, Vec<String>) {
        let mut talk = Conversation::new().open();
        talk.client(GET);
        for piece in pieces {
            talk.server(piece);
        }
        let trace = talk.trace();
        let told = told(&trace).into_iter().filter(|line| line.contains("] < ") && !line.contains("200 OK")).collect();
        (trace, told)
    }

    /// Wireshark's rule: whatever ends in a frame was carried by those that brought its octets, and is read with the last.
    #[test]
    fn a_packet_names_the_frames_that_brought_it() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 36\r\n\r\n40{\"sid\"";
        let (_, told) = poll(&[head, ":\"x\"}\x1e42[\"a\"", "]\x1e42[\"b\"]\x1e2", "\x1e4hey"]);
        let expected = [
            "[5, 6, 8] < message \"0{\"sid\":\"x\"}\"",
            "[5, 6, 8] < CONNECT {\"sid\":\"x\"}",
            "[6, 7, 8] < message \"2[\"a\"]\"",
            "[6, 7, 8] < EVENT \"a\"()",
            "[7, 8] < message \"2[\"b\"]\"",
            "[7, 8] < EVENT \"b\"()",
            "[7, 8] < ping",
            "[8] < message \"hey\"",
        ];
        assert_eq!(told[..expected.len()], expected);
    }

    /// What frames the chunks of a body is none of its packets.
    #[test]
    fn so_it_does_in_chunks() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n2\x1e4\r\n";
        let (_, told) = poll(&[head, "5", "\r\nhey\x1e3\r\n", "2\r\n\x1e6\r\n", "0\r\n\r\n"]);
        let expected = ["[5, 9] < ping", "[5, 7, 9] < message \"hey\"", "[7, 9] < pong", "[8, 9] < noop"];
        assert_eq!(told, expected);
    }

    /// In a script some octets are written otherwise: a packet names the frames that brought those.
    #[test]
    fn so_it_does_in_a_script() {
        let mut talk = Conversation::new().open();
        talk.client(GET.replace("EIO=4", "EIO=3").replace("sid", "j=0&sid"));
        let body = ["___eio[0](\"7:42[\\\"a\\\"]", "8:42[\\\"\\u00e9b\\", "\"]1:61:2", "1:6\");"];
        talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{}", body.concat().len(), body[0]));
        body[1..].iter().for_each(|piece| _ = talk.server(piece));
        let told: Vec<String> = told(&talk.trace()).into_iter().filter(|line| line.contains("] < ")).collect();
        let expected = [
            "[5, 8] < message \"2[\"a\"]\"",
            "[5, 8] < EVENT \"a\"()",
            "[6, 7, 8] < message \"2[\"éb\"]\"",
            "[6, 7, 8] < EVENT \"éb\"()",
            "[7, 8] < noop",
            "[7, 8] < ping",
            "[8] < noop",
        ];
        assert_eq!(told[1..], expected);
    }

    /// Attachments come in packets of their own: what they are put into was carried by the frames of all of them.
    #[test]
    fn a_packet_names_the_frames_of_its_attachments() {
        let body = ["451-[\"a\",{\"_placeholder\":true,\"num\":0}]\x1ebAQ", "ID\x1e2", "\x1e3\x1e3", "\x1e6"];
        let len = 3 + body.concat().len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\n\r\n40\x1e");
        let (_, told) = poll(&[&head, body[0], body[1], body[2], body[3]]);
        let event = told.iter().find(|line| line.contains("BINARY_EVENT"));
        assert_eq!(event.map(|line| line.split('<').next().unwrap()), Some("[6, 7, 9] "), "{told:#?}");
    }

    /// The packets of a body that is cut, and of the capture's notes those on them. Each body is announced longer than it is.
    fn cut(target: &str, body: &str) -> (Vec<String>, Vec<String>) {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{body}"));
        let trace = talk.trace();
        let told = told(&trace).into_iter().filter(|line| line.contains("] < ") && !line.contains("200 OK"));
        let notes = trace.notes().iter().map(|(_, note)| note.text.to_string()).filter(|text| text.contains("packet"));
        (told.map(|line| line.trim_start_matches("[5] < ").to_owned()).collect(), notes.collect())
    }

    /// What is there is read; the packet in which the body is cut is told, and nobody acts on it.
    #[test]
    fn the_last_packet_of_a_body_that_is_cut_is_incomplete() {
        const V4: &str = "/socket.io/?EIO=4&transport=polling&sid=s1";
        const V3: &str = "/socket.io/?EIO=3&transport=polling&sid=s1";
        let note = ["the body is cut within this packet: the rest of it is not there"];
        let (told, notes) = cut(V4, "40{\"sid\":\"x\"}\x1e42[\"a\"]\x1e42[\"b");
        let expected = [
            "message \"0{\"sid\":\"x\"}\"",
            "CONNECT {\"sid\":\"x\"}",
            "message \"2[\"a\"]\"",
            "EVENT \"a\"()",
            "message \"2[\"b\" (incomplete)",
        ];
        assert_eq!((told, notes), (expected.map(str::to_owned).to_vec(), note.map(str::to_owned).to_vec()));
        // Of base64 as many octets as are whole: five characters of eight.
        assert_eq!(cut(V4, "2\x1ebAQIDB").0, ["ping", "message of 3 octets (incomplete)"]);
        // Where a packet ended the next one had not begun; where lengths are told it is known to be whole.
        assert_eq!(cut(V4, "2\x1e").0, ["ping"]);
        assert_eq!(cut(V3, "1:21:6").0, ["ping", "noop"]);
        assert_eq!(cut(V3, "1:29:4hey").0, ["ping", "message \"hey\" (incomplete)"]);
        assert_eq!(cut(V3, "1:29").0, ["ping"]);
        // A script of which the end is missing is no script.
        assert_eq!(cut(&format!("{V3}&j=0"), "___eio[0](\"1:2"), (vec![], vec![]));
        assert_eq!(cut(V4, ""), (vec![], vec![]));
    }

    /// Browsers ask for compression, and servers of Engine.IO compress what is large.
    #[test]
    fn a_compressed_body_is_read() {
        let body = gzip(b"40{\"sid\":\"x\"}\x1e42[\"a\"]");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut talk = Conversation::new().open();
        talk.client(GET).server([head.as_bytes(), &body[..9]].concat()).server(&body[9..]);
        let told = told(&talk.trace());
        let expected = [
            "[5, 6] < message \"0{\"sid\":\"x\"}\"",
            "[5, 6] < CONNECT {\"sid\":\"x\"}",
            "[5, 6] < message \"2[\"a\"]\"",
            "[5, 6] < EVENT \"a\"()",
        ];
        assert_eq!(told[2..], expected);
        // Octets that nobody can decode are no packets, and whoever polls asked for what is not known.
        for coding in ["gzip", "zstd"] {
            let mut broken = body.clone();
            let last = broken.len() - 1;
            broken[last] ^= 1;
            let mut talk = Conversation::new().open();
            talk.client(GET).server([head.replace("gzip", coding).as_bytes(), &broken].concat());
            let trace = talk.trace();
            assert_eq!(super::super::testing::told(&trace).len(), 2, "{coding}");
            let notes: Vec<_> = trace.notes().iter().filter(|(_, note)| note.spec.contains("Engine.IO")).collect();
            assert!(notes.is_empty(), "{coding}: {notes:?}");
        }
        // Of one that is cut nothing is known.
        let mut talk = Conversation::new().open();
        talk.client(GET).server([head.as_bytes(), &body[..body.len() - 9]].concat());
        assert_eq!(super::super::testing::told(&talk.trace()).len(), 2);
    }

    /// However many frames bring a body, what is listed grows with its octets and not with their square.
    #[test]
    fn what_is_listed_grows_with_the_body() {
        let listed = |packets: usize| {
            let body = "2\x1e".repeat(packets) + "2";
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let octets: Vec<String> = body.chars().map(String::from).collect();
            let pieces: Vec<&str> = [head.as_str()].into_iter().chain(octets.iter().map(String::as_str)).collect();
            let (trace, _) = poll(&pieces);
            let packets = trace.messages().iter().filter(|message| !message.payload.owns_bytes());
            packets.map(|message| message.frames.len()).sum::<usize>()
        };
        assert_eq!((listed(10), listed(100)), (21, 201));
    }
}
