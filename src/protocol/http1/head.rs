//! The head of a message: start line and header fields (RFC 9112 §2.1), read by httparse.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::odd;
use crate::message::Head;

/// A head larger than this is not waited for.
pub(super) const MAX_HEAD: usize = 256 << 10;
/// More header fields than this are not read.
const MAX_HEADERS: usize = 256;

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
    pub(super) headers: Vec<(Range<usize>, Range<usize>)>,
}

/// What reading a head came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    Complete(RawHead),
    NeedMore,
    Invalid(String),
}

pub(super) fn read_request(bytes: &[u8]) -> Read {
    leniently(bytes, parse_request)
}

pub(super) fn read_response(bytes: &[u8]) -> Read {
    leniently(bytes, parse_response)
}

/// Reads what a strict reader refuses once more, repaired: a dissector shows it, and tells what is wrong with it.
fn leniently(bytes: &[u8], parse: fn(&[u8]) -> Read) -> Read {
    let read = parse(bytes);
    let (Read::Invalid(_), Some(copy)) = (&read, odd::repaired(bytes)) else { return read };
    match parse(&copy) {
        Read::Complete(head) => Read::Complete(head),
        Read::NeedMore if bytes.len() < MAX_HEAD => Read::NeedMore,
        Read::NeedMore | Read::Invalid(_) => read,
    }
}

fn parse_request(bytes: &[u8]) -> Read {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(bytes, &mut headers);
    finish(bytes, status, |len| RawHead {
        len,
        start: Start::Request {
            method: range_in(bytes, request.method.unwrap_or_default().as_bytes()),
            target: range_in(bytes, request.path.unwrap_or_default().as_bytes()),
        },
        minor_version: request.version.unwrap_or(0),
        headers: header_ranges(bytes, request.headers),
    })
}

fn parse_response(bytes: &[u8]) -> Read {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let status =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    finish(bytes, status, |len| RawHead {
        len,
        start: Start::Response {
            status: response.code.unwrap_or(0),
            reason: range_in(bytes, response.reason.unwrap_or_default().as_bytes()),
        },
        minor_version: response.version.unwrap_or(0),
        headers: header_ranges(bytes, response.headers),
    })
}

fn finish(bytes: &[u8], status: httparse::Result<usize>, build: impl FnOnce(usize) -> RawHead) -> Read {
    match status {
        Ok(httparse::Status::Complete(len)) => Read::Complete(build(len)),
        Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => Read::NeedMore,
        Ok(httparse::Status::Partial) => Read::Invalid(format!("its head does not end within {MAX_HEAD} octets")),
        Err(error) => Read::Invalid(error.to_string()),
    }
}

fn header_ranges(bytes: &[u8], headers: &[httparse::Header<'_>]) -> Vec<(Range<usize>, Range<usize>)> {
    headers.iter().map(|h| (range_in(bytes, h.name.as_bytes()), range_in(bytes, h.value))).collect()
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
pub(super) fn text_of(value: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(value).into_owned();
    if value.iter().any(|octet| matches!(octet, b'\r' | b'\n')) {
        text = text.replace(['\r', '\n'], " ");
    }
    text
}

/// The header fields that say how a message is to be read.
const RULING: [&str; 7] =
    ["content-encoding", "content-length", "content-range", "content-type", "expect", "transfer-encoding", "upgrade"];

impl RawHead {
    /// The value of the first header field with this name, which is compared without regard to case.
    pub(super) fn value<'a>(&self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let is_meant =
            |field: &Range<usize>| bytes.get(field.clone()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()));
        let (_, value) = self.headers.iter().find(|(field, _)| is_meant(field))?;
        bytes.get(value.clone())
    }

    /// Of the head what says how the message is to be read, with texts of its own; all of it where it asks for another
    /// protocol.
    pub(super) fn to_ruling_head(&self, bytes: &[u8]) -> Head {
        if self.value(bytes, "upgrade").is_some() {
            return self.to_head(bytes);
        }
        let rules = |field: &Range<usize>| {
            let name = &bytes[field.clone()];
            RULING.iter().any(|ruling| ruling.len() == name.len() && name.eq_ignore_ascii_case(ruling.as_bytes()))
        };
        self.texts(bytes, rules)
    }

    /// The head with texts of its own.
    pub(super) fn to_head(&self, bytes: &[u8]) -> Head {
        self.texts(bytes, |_| true)
    }

    fn texts(&self, bytes: &[u8], wanted: impl Fn(&Range<usize>) -> bool) -> Head {
        let text = |range: &Range<usize>| text_of(&bytes[range.clone()]);
        Head {
            start: match &self.start {
                Start::Request { method, .. } => text(method),
                Start::Response { status, .. } => status.to_string(),
            },
            minor_version: self.minor_version,
            headers: self
                .headers
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        }
    }
}
