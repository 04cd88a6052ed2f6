//! How long a message's body is, and where its framing lies.
//!
//! # References
//! - RFC 9112 §6.3 (message body length, whose order is followed here), §7.1 (chunked transfer coding).

use crate::layer::{Note, Severity};
use crate::message::Head;

/// How the end of the body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// It has this many octets.
    Length(u64),
    /// It comes in chunks, each with its length.
    Chunked,
    /// It ends when the connection does.
    UntilClose,
}

/// The framing of a request's body.
pub(super) fn of_request(head: &Head, notes: &mut Vec<Note>) -> Framing {
    match (head.has_token("transfer-encoding", "chunked"), content_length(head, notes)) {
        (true, length) => {
            note_both(length, notes);
            Framing::Chunked
        }
        (false, Some(0) | None) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
    }
}

/// The framing of a response's body, which depends on the method of its request.
pub(super) fn of_response(status: u16, method: Option<&str>, head: &Head, notes: &mut Vec<Note>) -> Framing {
    // "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not
    // Modified) status code is always terminated by the first empty line after the header fields"
    if method == Some("HEAD") || matches!(status, 100..=199 | 204 | 304) {
        return Framing::None;
    }
    // "Any 2xx (Successful) response to a CONNECT request implies that the connection will become a tunnel immediately
    // after the empty line that concludes the header fields. A client MUST ignore any Content-Length or
    // Transfer-Encoding header fields received in such a message."
    if method == Some("CONNECT") && (200..300).contains(&status) {
        return Framing::None;
    }
    match (head.has_token("transfer-encoding", "chunked"), content_length(head, notes)) {
        (true, length) => {
            note_both(length, notes);
            Framing::Chunked
        }
        (false, Some(0)) => Framing::None,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    }
}

fn content_length(head: &Head, notes: &mut Vec<Note>) -> Option<u64> {
    let mut values = head.all("content-length").flat_map(|v| v.split(',')).map(str::trim);
    let first = values.next()?;
    if values.any(|value| value != first) {
        let text = "several Content-Length values that differ: where the body ends is not defined";
        notes.push(Note::new(Severity::Error, text, "RFC 9112 §6.3"));
    }
    let parsed = first.bytes().all(|b| b.is_ascii_digit()).then(|| first.parse().ok()).flatten();
    if parsed.is_none() {
        notes.push(Note::new(Severity::Error, "Content-Length is not a number", "RFC 9112 §6.3"));
    }
    parsed
}

fn note_both(length: Option<u64>, notes: &mut Vec<Note>) {
    if length.is_some() {
        let text =
            "both Transfer-Encoding and Content-Length: Transfer-Encoding counts, and the request may be an attack";
        notes.push(Note::new(Severity::Warn, text, "RFC 9112 §6.1"));
    }
}

/// Stretches of a chunked body: octets of framing, then octets of data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    /// Framing and data of each chunk; the last pair holds the closing framing.
    pub(super) list: Vec<(u64, u64)>,
    scanned: usize,
    pending_framing: u64,
}

/// What walking over a chunked body came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walk {
    Complete(usize),
    NeedMore,
    Invalid(&'static str),
}

impl Chunks {
    /// Goes on where the last call stopped; `bytes` always begins where the body begins.
    pub(super) fn walk(&mut self, bytes: &[u8]) -> Walk {
        loop {
            let rest = bytes.get(self.scanned..).unwrap_or_default();
            let (line_len, size) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete(found)) => found,
                Ok(httparse::Status::Partial) => return Walk::NeedMore,
                Err(_) => return Walk::Invalid("the size of a chunk is not a hexadecimal number"),
            };
            if size == 0 {
                return self.walk_trailer(bytes, line_len);
            }
            let end =
                usize::try_from(size).ok().and_then(|size| line_len.checked_add(size)).and_then(|n| n.checked_add(2));
            let Some(end) = end else { return Walk::Invalid("a chunk is larger than memory") };
            match rest.get(end - 2..end) {
                Some(b"\r\n") => {}
                Some(_) => return Walk::Invalid("a chunk does not end where its size says"),
                None => return Walk::NeedMore,
            }
            self.list.push((self.pending_framing + line_len as u64, size));
            self.pending_framing = 2;
            self.scanned += end;
        }
    }

    /// `last-chunk trailer-section CRLF`: ends at the first empty line after the last chunk.
    fn walk_trailer(&mut self, bytes: &[u8], line_len: usize) -> Walk {
        let trailer = bytes.get(self.scanned + line_len..).unwrap_or_default();
        let len = if trailer.starts_with(b"\r\n") {
            2
        } else {
            match trailer.windows(4).position(|w| w == b"\r\n\r\n") {
                Some(at) => at + 4,
                None => return Walk::NeedMore,
            }
        };
        self.list.push((self.pending_framing + (line_len + len) as u64, 0));
        Walk::Complete(self.scanned + line_len + len)
    }

    /// The body with the framing taken away.
    pub(super) fn join(&self, body: &[u8]) -> Vec<u8> {
        let mut at = 0usize;
        let mut out = Vec::new();
        for (framing, data) in &self.list {
            let start = at.saturating_add(*framing as usize);
            let end = start.saturating_add(*data as usize);
            out.extend_from_slice(body.get(start.min(body.len())..end.min(body.len())).unwrap_or_default());
            at = end;
        }
        out
    }
}
