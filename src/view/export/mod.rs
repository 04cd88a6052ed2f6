//! A trace as lines of JSON, for programs: one object per line, in order of the frame where the thing ended.
//!
//! Every line has `kind`, `frame` (number, from 1), `frames` (all that carried it) and `time` (RFC 3339, nanoseconds);
//! where it belongs to TCP or UDP also `from` and `to` (`ip:port`), and for TCP `stream` (numbered from 0 in order of
//! first packet, as `tcp.stream`). The first line says `"v":1`: the version of this contract. Keys are only ever added.
//!
//! | kind | further keys |
//! |---|---|
//! | `packet` | `len`, `caplen`, `layers`, `tcp` {`flags`, `seq`, `ack`, `len`, `window`, `analysis`}, `udp` {`len`} |
//! | `http.request` | `method`, `target`, `version`, `headers`, `body_len`, `body_sha256` |
//! | `http.response` | `status`, `reason`, `version`, `headers`, `body_len`, `body_sha256`, `request_frame` |
//! | `sse.event` | `event`, `data`, `id` (the last one set), `retry` (or null); only what the client's program gets |
//! | `websocket.handshake` | `accepted`, `accept_valid`, `subprotocol`, `extensions` |
//! | `websocket.frame` | `fin`, `rsv1`, `opcode`, `masked`, `masking_key`, `payload_len` |
//! | `websocket.message` | `opcode`, `compressed`, `payload_len`, `payload_sha256`, `text`, `close_code`, `close_reason` |
//! | `engineio.packet` | `protocol`, `transport`, `sid`, `type`, `data` or `binary_sha256` |
//! | `socketio.packet` | `protocol`, `sid`, `socket`, `namespace`, `type`, `id`, `data` (attachments as `{"base64": …}`), `offset` |
//! | `udp.datagram` | `payload_len`, `payload_sha256` |
//! | `note` | `severity`, `text`, `spec`; a note on the whole capture has `frame: null` |
//!
//! `seq` and `ack` are absolute. `body_*` speak of the body after its transfer coding is undone and before its
//! content codings are; where those were undone, `decoded_len` and `decoded_sha256` follow. What could not be
//! decoded has no digest: the key is `null`.

mod frames;
mod kinds;
mod riders;

use std::io::{self, Write};

use serde::Serialize;

use crate::trace::Trace;

/// Every kind of line there is, in the order in which they stand in the documentation.
pub const KINDS: [&str; 11] = [
    "packet",
    "http.request",
    "http.response",
    "sse.event",
    "websocket.handshake",
    "websocket.frame",
    "websocket.message",
    "engineio.packet",
    "socketio.packet",
    "udp.datagram",
    "note",
];

/// Which lines are wanted.
pub struct Wanted<'a> {
    /// These kinds.
    pub kinds: &'a [&'a str],
    /// Of these frames. Lines that belong to no frame are always wanted.
    pub frames: &'a dyn Fn(u32) -> bool,
}

/// Writes the lines of a trace. Errors are those of `out`.
pub fn export(trace: &Trace, wanted: &Wanted<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = Lines { out, kinds: wanted.kinds, first: true };
    for (number, record) in trace.records().filter(|(number, _)| (wanted.frames)(*number)) {
        if lines.wants("packet") {
            lines.write("packet", &frames::packet(trace, number, record))?;
        }
        if record.segment.is_none()
            && lines.wants("udp.datagram")
            && let Some(datagram) = frames::datagram(number, record)
        {
            lines.write("udp.datagram", &datagram)?;
        }
        for message in trace.messages_in(number) {
            kinds::message(trace, message, &mut lines)?;
        }
        for (_, note) in trace.notes_in(number) {
            if lines.wants("note") {
                lines.write("note", &frames::note(Some((number, record)), note))?;
            }
        }
    }
    for (_, note) in trace.notes().iter().filter(|(frame, _)| frame.is_none()) {
        if lines.wants("note") {
            lines.write("note", &frames::note(None, note))?;
        }
    }
    Ok(())
}

/// Where lines go.
struct Lines<'a> {
    out: &'a mut dyn Write,
    kinds: &'a [&'a str],
    first: bool,
}

/// The version of the contract, on the first line only.
#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    line: &'a Line<'a, T>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    kind: &'a str,
    #[serde(flatten)]
    body: &'a T,
}

impl Lines<'_> {
    fn wants(&self, kind: &str) -> bool {
        self.kinds.contains(&kind)
    }

    fn write<T: Serialize>(&mut self, kind: &str, body: &T) -> io::Result<()> {
        let line = Line { kind, body };
        match std::mem::replace(&mut self.first, false) {
            true => serde_json::to_writer(&mut *self.out, &Versioned { v: 1, line: &line })?,
            false => serde_json::to_writer(&mut *self.out, &line)?,
        }
        self.out.write_all(b"\n")
    }
}
