//! The packets of Engine.IO in the body of a poll or a POST, and which frames brought each of them.
//!
//! # References
//! - Engine.IO protocol 4, "Packet encoding: HTTP long-polling"; 3, "Encoding: Payload".

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::carried::Carried;
use super::carrier::read_packet;
use super::session::{Found, Sessions};
use crate::flow::Chunk;
use crate::message::Payload;
use crate::protocol::HttpMessage;
use crate::protocol::engineio::{Framing, Jsonp, Packets, Query, Transport, Version, form_payload};

/// A body, and how its packets are put together.
pub(super) struct Body<'a> {
    http: &'a HttpMessage,
    octets: Cow<'a, [u8]>,
    /// Whether it is written in a script or a form: then its octets are not those of the message.
    is_unpacked: bool,
    framing: Framing,
}

impl<'a> Body<'a> {
    /// What a client posts.
    pub(super) fn of_request(http: &'a HttpMessage, bytes: &'a [u8], query: &Query) -> Self {
        let body = http.body(bytes);
        let form = query.j.is_some().then(|| form_payload(&body)).flatten();
        Self::new(http, bytes, body, form, query)
    }

    /// What a poll is answered with.
    pub(super) fn of_response(http: &'a HttpMessage, bytes: &'a [u8], query: &Query) -> Self {
        let body = http.body(bytes);
        let script = query.j.is_some().then(|| Jsonp::from_response(&body)).flatten();
        Self::new(http, bytes, body, script.map(|script| script.payload), query)
    }

    fn new(http: &'a HttpMessage, bytes: &[u8], body: Cow<'a, [u8]>, unpacked: Option<String>, query: &Query) -> Self {
        let is_unpacked = unpacked.is_some();
        let octets = unpacked.map_or(body, |unpacked| unpacked.into_bytes().into());
        let version = version(query);
        // In version 4 it does not matter.
        let framing = Framing::of(version, version.is_old() && octet_stream(http, bytes));
        Self { http, octets, is_unpacked, framing }
    }

    /// Finds the packets in it, and what they carry.
    pub(super) fn read(
        &self,
        carried: &Carried<'_>,
        query: &Query,
        mut sid: Option<Arc<str>>,
        sessions: &mut Sessions,
        found: &mut Found,
    ) {
        let version = version(query);
        let mut brought = self.brought(carried);
        let mut packets = Packets::new(&self.octets, self.framing);
        for packet in packets.by_ref() {
            let part = brought.as_mut().map(|brought| brought.by(&packet.span));
            let carried = &part.map_or(*carried, |frames| Carried { frames, is_part: true, ..*carried });
            read_packet(carried, version, &Transport::Polling, &mut sid, packet, sessions, found);
        }
        if let Some(stop) = packets.stopped() {
            match found.ridden.last_mut() {
                Some(last) => last.notes.push(stop.note.clone()),
                None => found.remarks.push(stop.note.clone()),
            }
        }
    }

    /// Tells for packets which frames brought them, if not all of it came in one.
    fn brought(&self, carried: &Carried<'_>) -> Option<Brought> {
        let [_, .., last] = carried.frames else { return None };
        let (stream, bytes) = (carried.stream?, carried.bytes.filter(|_| !self.is_unpacked)?);
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
