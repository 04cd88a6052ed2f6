//! How reading goes on where the beginning of a message was not captured: the capture began in the middle of the
//! connection, or octets are missing.
//!
//! Nothing marks the beginning of a message, and a body may hold what looks like one. So it goes on only where octets that
//! came together, as a segment brings them, begin with a whole head; those before are handed out as what is left of a message.

use super::describe::HttpMessage;
use super::head::{self, Read};
use super::{MAX_METHOD, method_len};
use crate::count::{counted, plural};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Draft, Input, Progress, Sink};

/// Why a message has no beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It came before the capture began.
    Beginning,
    /// It may be among octets that are missing.
    Gap,
}

/// A direction of which it is not known where the next message begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    why: Why,
    /// How many octets were passed over.
    octets: u64,
}

/// What octets begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    /// A head, all of it; or one that is a head and not as it has to be.
    Head,
    /// A start line, and not all of a head.
    StartLine,
    /// Perhaps a part of a start line.
    Part,
    Other,
}

/// What is done with octets of such a direction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A message begins with them; what is to be said of those before it.
    Message(Option<Note>),
    NeedMore,
    /// They are left of a message.
    Left,
}

impl Lost {
    pub(super) fn new(why: Why) -> Self {
        Self { why, octets: 0 }
    }

    /// Whether octets were passed over.
    pub(super) fn has_passed(&self) -> bool {
        self.octets > 0
    }

    pub(super) fn look(&self, input: Input<'_>) -> Found {
        match (front(input.direction, input.bytes, !self.has_passed()), input.end) {
            (Front::Head, _) | (Front::StartLine, true) => Found::Message(self.note()),
            (Front::StartLine | Front::Part, false) => Found::NeedMore,
            (Front::Part | Front::Other, _) => Found::Left,
        }
    }

    /// Hands out all octets that are there, as what is left of a message.
    pub(super) fn pass(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let len = input.bytes.len() as u64;
        let text = match self.why {
            Why::Beginning => "the message that this belongs to began before the capture: it is not read",
            Why::Gap => "octets are missing of the message that this belongs to: it is not read",
        };
        let note = Note::new(Severity::Note, text, "").about(Group::Undecoded);
        // Once is enough.
        let notes = if self.has_passed() { Vec::new() } else { vec![note] };
        self.octets += len;
        let range = input.offset..input.offset + len;
        let payload = HttpMessage::left(len);
        sink.message(Draft { direction: input.direction, range, payload: &payload, notes, complete: false });
        Progress::Consumed(input.bytes.len())
    }

    /// What is to be said of the message behind the octets that were passed over.
    pub(super) fn note(&self) -> Option<Note> {
        let (octets, belong) = (counted(self.octets, "octet"), plural(self.octets, "belongs", "belong"));
        let whose = match self.why {
            Why::Beginning => "began before the capture",
            Why::Gap => "is not all there",
        };
        let text = format!("{octets} before it {belong} to a message that {whose}");
        self.has_passed().then(|| Note::new(Severity::Note, text, "").about(Group::Undecoded))
    }
}

/// What these octets begin with. `at_once` says that nothing was passed over before them: then a start line is believed,
/// whatever follows it.
fn front(direction: Direction, bytes: &[u8], at_once: bool) -> Front {
    let line = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let has_line = match direction {
        Direction::ToServer => begins_request(line),
        Direction::ToClient => begins_response(line),
    };
    match has_line {
        None => Front::Part,
        Some(false) => Front::Other,
        Some(true) => match head::read(direction, bytes) {
            Read::Complete(_) => Front::Head,
            Read::NeedMore => Front::StartLine,
            Read::Invalid(_) | Read::TooLarge(_) if at_once => Front::Head,
            Read::Invalid(_) | Read::TooLarge(_) => Front::Other,
        },
    }
}

/// Whether `method SP request-target SP HTTP-version` is at the front (RFC 9112 §3); `None` if there is too little to tell.
fn begins_request(line: &[u8]) -> Option<bool> {
    let method = method_len(line);
    let rest = &line[method..];
    match rest.first() {
        None if method <= MAX_METHOD => return None,
        Some(b' ') if (1..=MAX_METHOD).contains(&method) => {}
        _ => return Some(false),
    }
    let target = rest[1..].iter().take_while(|octet| **octet > b' ' && **octet != 0x7f).count();
    match rest.get(1 + target) {
        None => (line.len() >= head::MAX_HEAD).then_some(false),
        Some(b' ') if target > 0 => begins_with(&rest[target + 2..], b"HTTP/1.0"),
        Some(_) => Some(false),
    }
}

/// Whether `HTTP-version SP status-code` is at the front (RFC 9112 §4); `None` if there is too little to tell.
pub(super) fn begins_response(line: &[u8]) -> Option<bool> {
    begins_with(line, b"HTTP/1.0 000")
}

/// Whether the octets begin so, where a `0` stands for any digit.
fn begins_with(bytes: &[u8], pattern: &[u8]) -> Option<bool> {
    let fits = |(octet, wanted): (&u8, &u8)| match wanted {
        b'0' => octet.is_ascii_digit(),
        _ => octet == wanted,
    };
    match bytes.iter().zip(pattern).all(fits) {
        false => Some(false),
        true => (bytes.len() >= pattern.len()).then_some(true),
    }
}
