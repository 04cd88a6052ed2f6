//! How long a message's body is, and where its framing lies.
//!
//! # References
//! - RFC 9112 §6.3 (message body length, whose order is followed here), §7.1 (chunked transfer coding).

use std::ops::Range;

use super::head::MAX_HEAD;
use super::odd::{self, ChunkOddity};
use crate::layer::{Group, Note, Severity};
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
    odd::in_framing(head, notes);
    match transfer_coding(head, notes) {
        Some(Coding::Chunked) => Framing::Chunked,
        Some(Coding::Other) => {
            // "the message body length cannot be determined reliably; the server MUST respond with the 400 (Bad
            // Request) status code and then close the connection"
            let text = "the last transfer coding is not chunked: where the body ends is not defined";
            notes.push(Note::new(Severity::Error, text, "RFC 9112 §6.3"));
            Framing::None
        }
        None => match content_length(head, notes) {
            Some(0) | None => Framing::None,
            Some(length) => Framing::Length(length),
        },
    }
}

/// The framing of a response's body, which depends on the method of its request.
pub(super) fn of_response(status: u16, method: Option<&str>, head: &Head, notes: &mut Vec<Note>) -> Framing {
    // "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not
    // Modified) status code is always terminated by the first empty line after the header fields"
    if method == Some("HEAD") || matches!(status, 100..=199 | 204 | 304) {
        odd::in_bodiless(status, head, notes);
        return Framing::None;
    }
    // "Any 2xx (Successful) response to a CONNECT request implies that the connection will become a tunnel
    // immediately after the empty line that concludes the header fields."
    if method == Some("CONNECT") && (200..300).contains(&status) {
        let text = "from here on the connection is a tunnel: its bytes are for someone behind this server";
        notes.push(Note::new(Severity::Chat, text, "RFC 9110 §9.3.6"));
        return Framing::None;
    }
    odd::in_framing(head, notes);
    match transfer_coding(head, notes) {
        Some(Coding::Chunked) => Framing::Chunked,
        // "the message body length is determined by reading the connection until it is closed by the server"
        Some(Coding::Other) => Framing::UntilClose,
        None => match content_length(head, notes) {
            Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        },
    }
}

/// The last transfer coding, which alone says where the body ends.
enum Coding {
    Chunked,
    Other,
}

/// "If a message is received with both a Transfer-Encoding and a Content-Length header field, the Transfer-Encoding
/// overrides the Content-Length."
fn transfer_coding(head: &Head, notes: &mut Vec<Note>) -> Option<Coding> {
    let codings = head.all("transfer-encoding").flat_map(|value| value.split(',')).map(str::trim);
    // Nothing between two commas is nothing in the list (RFC 9110 §5.6.1.2).
    let last = codings.filter(|coding| !coding.is_empty()).last()?;
    if head.get("content-length").is_some() {
        let text =
            "both Transfer-Encoding and Content-Length: Transfer-Encoding counts, and the message may be an attack";
        notes.push(Note::new(Severity::Warn, text, "RFC 9112 §6.1"));
    }
    Some(if last.eq_ignore_ascii_case("chunked") { Coding::Chunked } else { Coding::Other })
}

/// The number that a field of digits alone stands for, if it is no larger than any body is.
fn plain_number(text: &str) -> Option<u64> {
    let is_plain = (1..=15).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    is_plain.then(|| text.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn content_length(head: &Head, notes: &mut Vec<Note>) -> Option<u64> {
    let mut fields = head.all("content-length");
    // Nearly all messages have one field with one number.
    if let (Some(number), None) = (fields.next().and_then(plain_number), fields.next()) {
        return Some(number);
    }
    let mut values = head.all("content-length").flat_map(|v| v.split(',')).map(str::trim);
    let first = values.next()?;
    if values.any(|value| value != first) {
        let text = "several Content-Length values that differ: where the body ends is not defined";
        notes.push(Note::new(Severity::Error, text, "RFC 9112 §6.3"));
    }
    let is_number = !first.is_empty() && first.bytes().all(|octet| octet.is_ascii_digit());
    let parsed = is_number.then(|| first.parse().ok()).flatten();
    let text = match is_number {
        true => "Content-Length is larger than any number that is counted here",
        false => "Content-Length is not a number",
    };
    notes.extend(parsed.is_none().then(|| Note::new(Severity::Error, text, "RFC 9112 §6.3")));
    parsed
}

/// More chunks than this are not remembered one by one: the peer controls how many there are.
pub(super) const MAX_CHUNKS: usize = 1 << 18;

/// Stretches of a chunked body: octets of framing, then octets of data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chunks {
    /// Where the data of each chunk lies in the body, with framing before it; the last is empty and ends the body.
    pub(super) list: Vec<Range<u64>>,
    /// Those behind as many as are remembered, of the last walk alone: who reads what is there reads them.
    later: Vec<Range<u64>>,
    /// How many such there were before.
    dropped: usize,
    /// What is odd about it, each once.
    odd: Vec<ChunkOddity>,
    scanned: usize,
    /// Of the chunk that begins at `scanned`: how long its first line is, and its size, once that line was read.
    begun: Option<(usize, u64)>,
    /// How long the first line of the last chunk is, once that was read: the trailer follows.
    last: Option<usize>,
    /// The line or the trailer at `scanned` did not end in so many octets.
    seen: usize,
    /// That line has come to its extensions.
    in_extensions: bool,
}

/// What walking over a chunked body came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Walk {
    Complete(usize),
    NeedMore,
    Invalid(&'static str),
}

/// How far the data in a body was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Chunks read whole.
    chunks: usize,
    /// How much was read of what follows.
    read: usize,
}

impl Cursor {
    /// Stretches of data in a body without framing, that were not there at the last call.
    pub(super) fn fresh(&mut self, available: usize) -> Option<Range<usize>> {
        let fresh = self.read..available.max(self.read);
        self.read = fresh.end;
        (!fresh.is_empty()).then_some(fresh)
    }

    /// The next stretch of data in a chunked body that was not there at the last call: also of a chunk that goes on.
    pub(super) fn fresh_of(&mut self, chunks: &Chunks, available: usize) -> Option<Range<usize>> {
        while let Some(data) = chunks.get(self.chunks) {
            let fresh = data.start as usize + self.read..data.end as usize;
            *self = Self { chunks: self.chunks + 1, read: 0 };
            if !fresh.is_empty() {
                return Some(fresh);
            }
        }
        let there = chunks.begun(available)?;
        let fresh = there.start + self.read..there.end;
        self.read = there.len();
        (!fresh.is_empty()).then_some(fresh)
    }
}

impl Chunks {
    /// Whether there is any data.
    pub(super) fn has_data(&self) -> bool {
        self.list.iter().any(|data| !data.is_empty())
    }

    /// The data of the chunk with this number, if it is remembered.
    fn get(&self, number: usize) -> Option<&Range<u64>> {
        match number.checked_sub(self.list.len()) {
            None => self.list.get(number),
            Some(beyond) => self.later.get(beyond.checked_sub(self.dropped)?),
        }
    }

    /// Takes note of a stretch of data with the framing before it; `most` says how many are remembered.
    fn push(&mut self, data: Range<usize>, most: usize) {
        let remembered = if self.list.len() < most && !self.is_cut() { &mut self.list } else { &mut self.later };
        remembered.push(data.start as u64..data.end as u64);
    }

    /// Whether there are more than are remembered.
    fn is_cut(&self) -> bool {
        self.dropped + self.later.len() > 0
    }

    /// Forgets what has been read of those that are not remembered.
    pub(super) fn drop_later(&mut self) {
        self.dropped += std::mem::take(&mut self.later).len();
    }

    /// What is there of the data of a chunk that has not ended.
    fn begun(&self, available: usize) -> Option<Range<usize>> {
        let (line_len, size) = self.begun?;
        let start = self.scanned + line_len;
        let end = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(available);
        (start < end).then_some(start..end)
    }

    /// Up to where in the body nothing is needed any more to go on, if so much of it is there.
    pub(super) fn done_with(&self, available: usize) -> usize {
        match self.begun {
            // The line end behind the data is still to be looked at.
            Some((line_len, size)) => {
                let data_end = (self.scanned + line_len).saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
                data_end.min(available)
            }
            None => self.scanned,
        }
    }

    /// Goes on where the last call stopped; `bytes` begins so many octets behind the beginning of the body.
    pub(super) fn walk(&mut self, bytes: &[u8], base: usize) -> Walk {
        self.drop_later();
        loop {
            if let Some((line_len, size)) = self.begun {
                match self.end_of_chunk(bytes, base, line_len, size) {
                    Ok(()) => continue,
                    Err(walk) => return walk,
                }
            }
            let rest = bytes.get(self.scanned - base..).unwrap_or_default();
            if let Some(line_len) = self.last {
                return self.walk_trailer(rest, line_len);
            }
            if !self.may_have_ended(rest) {
                return Walk::NeedMore;
            }
            let (line_len, size) = match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete(found)) => found,
                Ok(httparse::Status::Partial) if rest.len() < MAX_HEAD => {
                    (self.seen, self.in_extensions) = (rest.len(), rest.contains(&b';'));
                    return Walk::NeedMore;
                }
                Ok(httparse::Status::Partial) => return Walk::Invalid("the line with a chunk's size does not end"),
                Err(_) => return Walk::Invalid(wrong_size(rest)),
            };
            if !rest.first().is_some_and(u8::is_ascii_hexdigit) {
                return Walk::Invalid("a chunk has no size");
            }
            self.tell(ChunkOddity::in_line(rest.get(..line_len - 2).unwrap_or_default()));
            self.seen = 0;
            if size == 0 {
                self.last = Some(line_len);
                return self.walk_trailer(rest, line_len);
            }
            self.begun = Some((line_len, size));
        }
    }

    /// Whether reading the line at the front of these octets may come to more than it did before: who sends it octet by octet
    /// does not make it be read as many times.
    pub(super) fn may_have_ended(&mut self, rest: &[u8]) -> bool {
        if self.seen == 0 || rest.len() >= MAX_HEAD {
            return true;
        }
        let new = rest.get(self.seen - 1..).unwrap_or_default();
        self.seen = rest.len();
        new.iter().any(|octet| *octet == b'\r' || !(self.in_extensions || matches!(octet, b' ' | b'\t')))
    }

    /// Goes on behind the chunk that was begun, if its end is there.
    fn end_of_chunk(&mut self, bytes: &[u8], base: usize, line_len: usize, size: u64) -> Result<(), Walk> {
        let end = usize::try_from(size).ok().and_then(|size| line_len.checked_add(size)).and_then(|n| n.checked_add(2));
        let end = end.and_then(|end| self.scanned.checked_add(end));
        let Some(end) = end else { return Err(Walk::Invalid("a chunk is larger than memory")) };
        match (end - 2).checked_sub(base).and_then(|start| bytes.get(start..start + 2)) {
            Some(b"\r\n") => {}
            Some(_) => return Err(Walk::Invalid("a chunk does not end where its size says")),
            None => return Err(Walk::NeedMore),
        }
        self.push(self.scanned + line_len..end - 2, MAX_CHUNKS);
        (self.scanned, self.begun) = (end, None);
        Ok(())
    }

    /// `last-chunk trailer-section CRLF`: ends at the first empty line after the last chunk.
    fn walk_trailer(&mut self, rest: &[u8], line_len: usize) -> Walk {
        let trailer = rest.get(line_len..).unwrap_or_default();
        // The empty line may have begun in what was there before.
        let from = self.seen.saturating_sub(line_len + 3);
        let empty_line = || trailer.get(from..)?.windows(4).position(|w| w == b"\r\n\r\n");
        let len = if trailer.starts_with(b"\r\n") {
            2
        } else {
            match empty_line() {
                Some(at) => from + at + 4,
                None if trailer.len() < MAX_HEAD => {
                    self.seen = rest.len();
                    return Walk::NeedMore;
                }
                None => return Walk::Invalid("the trailer does not end"),
            }
        };
        (self.last, self.seen, self.in_extensions) = (None, 0, false);
        self.tell(ChunkOddity::in_trailer(&trailer[..len]).into_iter());
        let end = self.scanned + line_len + len;
        self.push(end..end, usize::MAX);
        Walk::Complete(end)
    }

    fn tell(&mut self, found: impl Iterator<Item = ChunkOddity>) {
        for oddity in found {
            if !self.odd.contains(&oddity) {
                self.odd.push(oddity);
            }
        }
    }

    /// What is odd about the framing.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let text = || {
            format!(
                "more than {MAX_CHUNKS} chunks: where octets are counted, the framing of those behind is counted as data"
            )
        };
        let cut = self.is_cut().then(|| Note::new(Severity::Note, text(), "").about(Group::Undecoded));
        self.odd.iter().map(|oddity| oddity.note()).chain(cut)
    }

    /// No more will come of a body of which so much is there: what came of a chunk that has not ended is data, too, and the
    /// rest is framing.
    pub(super) fn end_early(&mut self, available: usize) {
        let data = self.begun(available).unwrap_or(available..available);
        self.push(data, usize::MAX);
        self.push(available..available, usize::MAX);
    }

    /// The body with the framing taken away.
    pub(super) fn join(&self, body: &[u8]) -> Vec<u8> {
        let mut at = 0usize;
        let mut out = Vec::new();
        for data in &self.list {
            let start = data.start as usize;
            at = data.end as usize;
            out.extend_from_slice(body.get(start.min(body.len())..at.min(body.len())).unwrap_or_default());
        }
        if self.is_cut() {
            join_behind(body, at, &mut out);
        }
        out
    }
}

/// What is wrong with a line that has no size of a chunk.
fn wrong_size(line: &[u8]) -> &'static str {
    let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    match line.get(digits) {
        Some(b'\n') if digits > 0 => "the line with a chunk's size ends with a line feed alone",
        _ if digits > 2 * size_of::<u64>() => "the size of a chunk is larger than any number that is counted here",
        _ => "the size of a chunk is not a hexadecimal number",
    }
}

/// The data of the chunks behind one whose data ends at `at`.
fn join_behind(body: &[u8], mut at: usize, out: &mut Vec<u8>) {
    while let Some(rest) = body.get(at..).and_then(|rest| rest.strip_prefix(b"\r\n")) {
        let Ok(httparse::Status::Complete((line_len, size))) = httparse::parse_chunk_size(rest) else { return };
        if size == 0 || !rest.first().is_some_and(u8::is_ascii_hexdigit) {
            return;
        }
        let start = at + 2 + line_len;
        at = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(body.len());
        out.extend_from_slice(body.get(start..at).unwrap_or_default());
    }
}
