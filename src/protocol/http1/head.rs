//! The head of a message: start line and header fields (RFC 9112 §2.1), read by httparse.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::odd;
use super::places::{Moved, Places};
use crate::layer::Direction;
use crate::message::Head;

/// A head larger than this is not waited for.
pub(super) const MAX_HEAD: usize = 256 << 10;
/// Header fields that hardly any head has more of: for them no memory is asked for.
const USUAL_HEADERS: usize = 256;
/// More header fields than this are not read. No standard limits them (RFC 9110 §5.4).
pub(super) const MAX_HEADERS: usize = 8192;

/// Up to here a head is read anew with whatever comes.
const SHORT: usize = 512;
/// Beyond, where it is longer by such a part of what it was; or where it ends.
const LONGER: usize = 8;

/// How much was there of a head when it was read last and did not end. Who sends it octet by octet does not make it be
/// read as many times.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unfinished {
    offset: u64,
    /// So much was read.
    read: usize,
    /// In so much of it its end was looked for.
    seen: usize,
}

impl Unfinished {
    /// Takes note that the head at this offset does not end in so many octets.
    pub(super) fn note(&mut self, offset: u64, len: usize) {
        *self = Self { offset, read: len, seen: len };
    }

    /// Whether reading these octets may come to more than it did before.
    pub(super) fn may_have_ended(&mut self, offset: u64, bytes: &[u8]) -> bool {
        if bytes.len() <= SHORT || bytes.len() >= MAX_HEAD || offset != self.offset {
            return true;
        }
        let seen = std::mem::replace(&mut self.seen, bytes.len());
        let Some(new) = bytes.get(seen.saturating_sub(2)..) else { return true };
        let longer = bytes.len().saturating_sub(self.read);
        // An empty line, however its end is written.
        longer * LONGER >= self.read
            || memchr::memchr_iter(b'\n', new).any(|at| matches!(new[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
    }
}

/// Which side's head it is, with what its start line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    Request { method: Range<usize>, target: Range<usize> },
    Response { status: u16, reason: Range<usize> },
}

/// A head that was read: where everything lies in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawHead {
    pub(super) len: usize,
    pub(super) start: Start,
    pub(super) minor_version: u8,
    /// Name and value of each header field.
    pub(super) headers: Places,
    /// A strict reader refuses it.
    is_repaired: bool,
}

/// What reading a head came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    Complete(RawHead),
    NeedMore,
    Invalid(String),
    /// It may be as the standard has it, but is more than is read here.
    TooLarge(String),
}

pub(super) fn read_request(bytes: &[u8]) -> Read {
    leniently(bytes, parse_request)
}

pub(super) fn read_response(bytes: &[u8]) -> Read {
    leniently(bytes, parse_response)
}

pub(super) fn read(direction: Direction, bytes: &[u8]) -> Read {
    match direction {
        Direction::ToServer => read_request(bytes),
        Direction::ToClient => read_response(bytes),
    }
}

/// What is there of a head that ends too early: its lines that are whole. `None` if not even the first one is.
pub(super) fn read_cut(direction: Direction, bytes: &[u8]) -> Option<RawHead> {
    let lines = bytes.iter().rposition(|octet| *octet == b'\n')? + 1;
    let ended = [&bytes[..lines.min(MAX_HEAD)], b"\r\n"].concat();
    match read(direction, &ended) {
        // Of the octets behind its lines nobody knows more than that they belong to it.
        Read::Complete(head) => Some(RawHead { len: bytes.len(), ..head }),
        _ => None,
    }
}

/// Reads what a strict reader refuses once more, repaired: a dissector shows it, and tells what is wrong with it.
fn leniently(bytes: &[u8], parse: fn(&[u8]) -> Read) -> Read {
    let read = parse(bytes);
    if !matches!(read, Read::Invalid(_)) {
        return read;
    }
    let Some(copy) = odd::repaired(bytes) else { return read };
    match parse(&copy) {
        Read::Complete(head) => {
            let minor_version = odd::higher_version(bytes).unwrap_or(head.minor_version);
            Read::Complete(RawHead { minor_version, is_repaired: true, ..head })
        }
        Read::NeedMore if bytes.len() < MAX_HEAD => Read::NeedMore,
        Read::NeedMore | Read::Invalid(_) | Read::TooLarge(_) => read,
    }
}

/// The room that httparse writes header fields to.
type Room<'b> = [MaybeUninit<httparse::Header<'b>>];

/// Parses with room for as many header fields as there mostly are, and again with more where that does not do.
fn with_room<'b>(parse: impl Fn(&mut Room<'b>) -> Result<Read, httparse::Error>) -> Read {
    let mut usual = [const { MaybeUninit::uninit() }; USUAL_HEADERS];
    let mut read = parse(&mut usual);
    if read == Err(httparse::Error::TooManyHeaders) {
        let mut room = Vec::new();
        room.resize_with(MAX_HEADERS, MaybeUninit::uninit);
        read = parse(&mut room);
    }
    match read {
        Ok(read) => read,
        Err(httparse::Error::TooManyHeaders) => {
            Read::TooLarge(format!("its head has more than {MAX_HEADERS} header fields"))
        }
        Err(error) => Read::Invalid(error.to_string()),
    }
}

fn parse_request(bytes: &[u8]) -> Read {
    with_room(|room| {
        let mut request = httparse::Request::new(&mut []);
        let status = request.parse_with_uninit_headers(bytes, room)?;
        Ok(finish(bytes, status, |len| RawHead {
            len,
            start: Start::Request {
                method: range_in(bytes, request.method.unwrap_or_default().as_bytes()),
                target: range_in(bytes, request.path.unwrap_or_default().as_bytes()),
            },
            minor_version: request.version.unwrap_or(0),
            headers: header_ranges(bytes, request.headers),
            is_repaired: false,
        }))
    })
}

fn parse_response(bytes: &[u8]) -> Read {
    with_room(|room| {
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let status = config.parse_response_with_uninit_headers(&mut response, bytes, room)?;
        Ok(finish(bytes, status, |len| RawHead {
            len,
            start: Start::Response {
                status: response.code.unwrap_or(0),
                reason: match response.reason {
                    Some(reason) if !reason.is_empty() => range_in(bytes, reason.as_bytes()),
                    _ => beyond_ascii(bytes).unwrap_or(0..0),
                },
            },
            minor_version: response.version.unwrap_or(0),
            headers: header_ranges(bytes, response.headers),
            is_repaired: false,
        }))
    })
}

/// Where the reason lies in a head. httparse says of one with octets beyond ASCII (`obs-text`, RFC 9112 §4), as servers in other
/// languages than English send them, that it is empty.
fn beyond_ascii(bytes: &[u8]) -> Option<Range<usize>> {
    const BEFORE: usize = "HTTP/1.1 200 ".len();
    let start = bytes.iter().position(|octet| !matches!(octet, b'\r' | b'\n'))?;
    let line = bytes[start..].split(|octet| *octet == b'\n').next()?;
    let reason = line.strip_suffix(b"\r").unwrap_or(line).get(BEFORE..)?;
    Some(start + BEFORE..start + BEFORE + reason.len())
}

fn finish(bytes: &[u8], status: httparse::Status<usize>, build: impl FnOnce(usize) -> RawHead) -> Read {
    match status {
        httparse::Status::Complete(len) => Read::Complete(build(len)),
        httparse::Status::Partial if bytes.len() < MAX_HEAD => Read::NeedMore,
        httparse::Status::Partial => Read::TooLarge(format!("its head does not end within {MAX_HEAD} octets")),
    }
}

fn header_ranges(bytes: &[u8], headers: &[httparse::Header<'_>]) -> Places {
    Places::new(headers.iter().map(|h| (range_in(bytes, h.name.as_bytes()), range_in(bytes, h.value))))
}

/// Where `part`, which httparse lent from `whole`, lies in it.
fn range_in(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    match start.checked_add(part.len()) {
        Some(end) if end <= whole.len() => start..end,
        // Static text of httparse's own, such as an empty reason.
        _ => 0..0,
    }
}

/// A header field as text. What it has of line ends is a fold, which stands for spaces (RFC 9112 §5.2).
pub(super) fn text_of(value: &[u8]) -> Cow<'_, str> {
    // Nearly all is UTF-8, and that is seen more quickly.
    let text = std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed);
    let may_have_folds = value.iter().any(|octet| *octet < b' ');
    if may_have_folds { text.replace(['\r', '\n'], " ").into() } else { text }
}

impl RawHead {
    /// The head of another message, that says the same elsewhere.
    pub(super) fn moved(&self, len: usize, start: Start, moved: Moved) -> Self {
        Self { len, start, headers: self.headers.moved(moved), ..*self }
    }

    /// Whether it is that of a response that answers: of all others (100, 103) only the 101 is one.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.start, Start::Response { status: 101 | 200.., .. })
    }

    /// The value of the first header field with this name, which is compared without regard to case.
    pub(super) fn value<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let is_meant =
            |field: &Range<usize>| bytes.get(field.clone()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()));
        let (_, value) = self.headers.iter().find(|(field, _)| is_meant(field))?;
        bytes.get(value)
    }

    /// Whether its lines may be odd in any way ([`odd::in_head`]). Where a strict reader takes them, all that can be is a line
    /// that ends with a line feed alone.
    pub(super) fn may_be_odd(&self, bytes: &[u8]) -> bool {
        let lines = self.headers.iter().map(|(name, _)| name.start).chain([self.len]);
        let mut ends = lines.map(|next| next.checked_sub(2).and_then(|at| bytes.get(at..next)));
        let begins_late = matches!(bytes.first(), Some(b'\r' | b'\n'));
        let last_header = self.len.checked_sub(4).and_then(|at| bytes.get(at..self.len));
        self.is_repaired || begins_late || last_header != Some(b"\r\n\r\n") || ends.any(|end| end != Some(b"\r\n"))
    }

    /// Of the head what says how the message is to be read, with texts of its own; all of it where it asks for another
    /// protocol.
    pub(super) fn to_ruling_head(&self, bytes: &[u8]) -> Head {
        let mut headers = Vec::new();
        for (name, value) in self.headers.iter() {
            match ruling(&bytes[name]) {
                None => {}
                Some("accept") if !asks_for_events(&bytes[value.clone()]) => {}
                Some("upgrade") => return self.to_head(bytes),
                Some(ruling) => headers.push((ruling.into(), text_of(&bytes[value]).into_owned())),
            }
        }
        self.with_headers(bytes, headers)
    }

    /// The head with texts of its own.
    pub(super) fn to_head(&self, bytes: &[u8]) -> Head {
        let own = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned().into(), value.into_owned());
        self.with_headers(bytes, self.fields(bytes).map(own).collect())
    }

    /// The header fields as text.
    pub(super) fn fields<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.headers.iter().map(|(name, value)| (text_of(&bytes[name]), text_of(&bytes[value])))
    }

    /// The same as they stand, if each is on a line of its own.
    pub(super) fn octets<'a>(&'a self, bytes: &'a [u8]) -> Option<impl Iterator<Item = (&'a [u8], &'a [u8])>> {
        (!self.is_repaired).then(|| self.headers.iter().map(|(name, value)| (&bytes[name], &bytes[value])))
    }

    fn with_headers(&self, bytes: &[u8], headers: Vec<(Cow<'static, str>, String)>) -> Head {
        let start = match &self.start {
            Start::Request { method, .. } => match &bytes[method.clone()] {
                b"GET" => "GET".into(),
                b"POST" => "POST".into(),
                other => text_of(other).into_owned().into(),
            },
            Start::Response { status: 200, .. } => "200".into(),
            Start::Response { status, .. } => status.to_string().into(),
        };
        Head { start, minor_version: self.minor_version, headers }
    }
}

/// Whether a value of `Accept` has the media type of event streams in it: other than that it rules nothing.
pub(super) fn asks_for_events(accept: &[u8]) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    accept.windows(EVENTS.len()).any(|part| part.eq_ignore_ascii_case(EVENTS))
}

/// The name of a header field that says how a message is to be read, in lower case; of others there is none.
fn ruling(name: &[u8]) -> Option<&'static str> {
    let ruling = match name.len() {
        6 if name.eq_ignore_ascii_case(b"accept") => "accept",
        6 => "expect",
        7 => "upgrade",
        12 => "content-type",
        13 => "content-range",
        14 => "content-length",
        16 => "content-encoding",
        17 => "transfer-encoding",
        _ => return None,
    };
    name.eq_ignore_ascii_case(ruling.as_bytes()).then_some(ruling)
}
