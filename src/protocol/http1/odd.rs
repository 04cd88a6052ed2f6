//! Shapes that parties along the way may read differently: what request smuggling is made of. They are read as the
//! standard lets a lenient recipient read them, and told.
//!
//! # References
//! - RFC 9112 §2.2 (line ends), §5.1 (space before the colon), §5.2 (folded lines), §7.1.1 (chunk extensions),
//!   §11.2 (request smuggling).

use super::METHODS;
use super::head::MAX_HEAD;
use crate::layer::{Note, Severity};
use crate::message::Head;

/// A copy of a head that a strict reader refuses, in which every octet has kept its place: folds and bare carriage
/// returns become spaces, a colon moves in front of the spaces before it, a higher version becomes one that is known. A line
/// that has not ended is left out. `None` if there is nothing to repair.
pub(super) fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = &bytes[..bytes.len().min(MAX_HEAD)];
    let mut copy = bytes.to_vec();
    let (mut start, mut in_header) = (0, false);
    while let Some(len) = bytes[start..].iter().position(|octet| *octet == b'\n') {
        let end = start + len;
        let text_end = if bytes[start..end].ends_with(b"\r") { end - 1 } else { end };
        if start == text_end && in_header {
            start = end + 1;
            break;
        }
        repair_line(&mut copy[start..text_end], in_header);
        // "A server that receives an obs-fold in a request message … MUST either reject the message … or replace each
        // received obs-fold with one or more SP octets" §5.2
        if in_header && matches!(bytes.get(end + 1), Some(b' ' | b'\t')) {
            copy[text_end..=end].fill(b' ');
        }
        in_header |= start < text_end;
        start = end + 1;
    }
    copy.truncate(start);
    (in_header && copy != bytes).then_some(copy)
}

fn repair_line(line: &mut [u8], is_header: bool) {
    // "A recipient of such a bare CR MUST consider that element to be invalid or replace each bare CR with SP" §2.2
    line.iter_mut().filter(|octet| **octet == b'\r').for_each(|octet| *octet = b' ');
    if let Some(digit) = higher_digit(line).filter(|_| !is_header) {
        line[digit] = b'1';
    }
    let Some(colon) = line.iter().position(|octet| *octet == b':').filter(|_| is_header) else { return };
    let name_len = line[..colon].iter().take_while(|octet| !octet.is_ascii_whitespace()).count();
    if name_len > 0 && line[name_len..colon].iter().all(u8::is_ascii_whitespace) {
        line[name_len..=colon].fill(b' ');
        line[name_len] = b':';
    }
}

/// Where in a start line the minor version stands, if it is higher than any that is known.
fn higher_digit(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"HTTP/1.";
    let name = if line.starts_with(NAME) { 0 } else { line.len().checked_sub(NAME.len() + 1)? };
    let digit = name + NAME.len();
    (line[name..].starts_with(NAME) && matches!(line.get(digit), Some(b'2'..=b'9'))).then_some(digit)
}

/// The minor version of a head, if it is higher than any that is known.
pub(super) fn higher_version(head: &[u8]) -> Option<u8> {
    let start = head.iter().position(|octet| !matches!(octet, b'\r' | b'\n'))?;
    let line = head[start..].split(|octet| *octet == b'\n').next()?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Some(line[higher_digit(line)?] - b'0')
}

/// What is odd about the lines of a head.
pub(super) fn in_head(head: &[u8], notes: &mut Vec<Note>) {
    if let Some(minor) = higher_version(head) {
        let text = format!("HTTP/1.{minor} is not known: it is read as HTTP/1.1, as it should be");
        notes.push(Note::new(Severity::Note, text, "RFC 9110 §2.5"));
    }
    let before = |at: usize| at.checked_sub(1).and_then(|at| head.get(at));
    let places = |octet: u8| (0..head.len()).filter(move |at| head[*at] == octet);
    let mut tell = |severity, text, spec| notes.push(Note::new(severity, text, spec));
    if places(b'\n').any(|at| before(at) != Some(&b'\r')) {
        tell(Severity::Warn, "a line ends with a line feed alone: not everyone ends it there", "RFC 9112 §2.2");
    }
    if places(b'\r').any(|at| head.get(at + 1) != Some(&b'\n')) {
        tell(Severity::Error, "a carriage return without a line feed: some end the line there", "RFC 9112 §2.2");
    }
    let mut lines = head.split(|octet| *octet == b'\n').skip_while(|line| line.is_empty() || *line == b"\r").skip(1);
    if lines.clone().any(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
        tell(
            Severity::Warn,
            "a header field goes on in a folded line, which nobody may send any more",
            "RFC 9112 §5.2",
        );
    }
    let spaced = |line: &[u8]| {
        let name = line.split(|octet| *octet == b':').next().unwrap_or_default();
        name.len() < line.len() && !name.starts_with(b" ") && name.last().is_some_and(u8::is_ascii_whitespace)
    };
    if lines.any(spaced) {
        let text = "white space between a header field's name and its colon: some read another name";
        tell(Severity::Error, text, "RFC 9112 §5.1");
    }
}

/// What is odd about a method. "The method token is case-sensitive" (RFC 9110 §9.1).
pub(super) fn in_method(method: &[u8]) -> Option<Note> {
    if !method.iter().any(u8::is_ascii_lowercase) {
        return None;
    }
    let meant = METHODS.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(method))?;
    let text = format!("methods are case-sensitive: {} is not {meant}", String::from_utf8_lossy(method));
    Some(Note::new(Severity::Warn, text, "RFC 9110 §9.1"))
}

/// What is odd about the header fields that say how the body is framed.
pub(super) fn in_framing(head: &Head, notes: &mut Vec<Note>) {
    if !frames_oddly(head) {
        return;
    }
    let mut tell = |severity, text: String, spec| notes.push(Note::new(severity, text, spec));
    let list = |name: &'static str| head.all(name).flat_map(|value| value.split(',')).map(str::trim);
    let codings: Vec<&str> = list("transfer-encoding").filter(|coding| !coding.is_empty()).collect();
    if !codings.is_empty() && head.minor_version == 0 {
        // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat
        // the message as if the framing is faulty"
        tell(Severity::Warn, "Transfer-Encoding in HTTP/1.0: its framing is not to be trusted".into(), "RFC 9112 §6.1");
    }
    if codings.iter().filter(|coding| coding.eq_ignore_ascii_case("chunked")).count() > 1 {
        tell(Severity::Warn, "chunked more than once: it counts once".into(), "RFC 9112 §6.1");
    }
    if let Some(other) = codings.iter().find(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        let other: String = other.chars().take(32).collect();
        tell(Severity::Note, format!("the transfer coding `{other}` is not undone here"), "RFC 9112 §7");
    }
    let lengths: Vec<&str> = list("content-length").collect();
    if lengths.len() > 1 && lengths.iter().all(|length| *length == lengths[0]) {
        tell(Severity::Warn, "Content-Length more than once, with one value: it counts once".into(), "RFC 9112 §6.3");
    }
    if head.minor_version > 0 && head.has_token("expect", "100-continue") {
        // "A client MUST NOT generate a 100-continue expectation in a request that does not include content."
        let (severity, text) = match codings.is_empty() && lengths.is_empty() {
            true => (Severity::Warn, "the client expects 100 (Continue), but has no body to send"),
            false => (Severity::Chat, "the client may wait for 100 (Continue) before it sends the body"),
        };
        tell(severity, text.into(), "RFC 9110 §10.1.1");
    }
}

/// Whether any of its header fields may be worth a word: other than one plain length at the most.
fn frames_oddly(head: &Head) -> bool {
    let mut lengths = 0;
    head.headers.iter().any(|(name, value)| match name.len() {
        14 if name.eq_ignore_ascii_case("content-length") => {
            lengths += 1;
            lengths > 1 || value.contains(',')
        }
        6 => name.eq_ignore_ascii_case("expect"),
        17 => name.eq_ignore_ascii_case("transfer-encoding"),
        _ => false,
    })
}

/// "A server MUST NOT send a Transfer-Encoding header field in any response with a status code of 1xx (Informational)
/// or 204 (No Content)" (RFC 9112 §6.1); the same for Content-Length (RFC 9110 §8.6).
pub(super) fn in_bodiless(status: u16, head: &Head, notes: &mut Vec<Note>) {
    if !matches!(status, 100..=199 | 204) {
        return;
    }
    for (name, spec) in [("transfer-encoding", "RFC 9112 §6.1"), ("content-length", "RFC 9110 §8.6")] {
        // Where it says that there is none nobody waits: so some answer a preflight for the sake of old browsers.
        let (severity, why) = match head.get(name) {
            None => continue,
            Some("0") => (Severity::Note, "it is against the rules, and harmless"),
            Some(_) => (Severity::Warn, "some wait for one"),
        };
        notes.push(Note::new(severity, format!("{name} in a response that never has a body: {why}"), spec));
    }
}

/// Something odd in the framing of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChunkOddity {
    Extension,
    Space,
    BareEnd,
    FramingInTrailer,
}

impl ChunkOddity {
    /// What is odd about the line with a chunk's size, its end not included.
    pub(super) fn in_line(line: &[u8]) -> impl Iterator<Item = Self> {
        let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let rest = line.get(digits..).unwrap_or_default();
        [
            rest.contains(&b';').then_some(Self::Extension),
            rest.first().is_some_and(u8::is_ascii_whitespace).then_some(Self::Space),
            rest.iter().any(|octet| matches!(octet, b'\r' | b'\n')).then_some(Self::BareEnd),
        ]
        .into_iter()
        .flatten()
    }

    /// "A sender MUST NOT generate a trailer field unless the sender knows the corresponding header field name's
    /// definition permits it": never those for message framing (RFC 9110 §6.5.1).
    pub(super) fn in_trailer(trailer: &[u8]) -> Option<Self> {
        let name = |line: &[u8]| line.split(|octet| *octet == b':').next().unwrap_or_default().to_ascii_lowercase();
        let frames =
            |line: &[u8]| matches!(name(line).trim_ascii(), b"content-length" | b"transfer-encoding" | b"host");
        trailer.split(|octet| *octet == b'\n').any(frames).then_some(Self::FramingInTrailer)
    }

    pub(super) fn note(self) -> Note {
        let (severity, text, spec) = match self {
            Self::Extension => (
                Severity::Chat,
                "chunks have extensions: for the next recipient only, and mostly ignored",
                "RFC 9112 §7.1.1",
            ),
            Self::Space => {
                (Severity::Warn, "white space behind a chunk's size: not everyone allows it", "RFC 9112 §7.1.1")
            }
            Self::BareEnd => (
                Severity::Error,
                "a line end within the line of a chunk's size: some end the line there",
                "RFC 9112 §2.2",
            ),
            Self::FramingInTrailer => {
                (Severity::Warn, "the trailer holds a field that may stand in the head only", "RFC 9110 §6.5.1")
            }
        };
        Note::new(severity, text, spec)
    }
}
