//! HTTP/1.0 and HTTP/1.1.
//!
//! # References
//! - Messages and framing: RFC 9112. Upgrade and 101: RFC 9110 §7.8, §15.2.2.

mod alike;
mod asked;
mod body;
mod coding;
mod decoder;
mod describe;
mod events;
mod fields;
mod head;
mod lost;
mod odd;
mod open;
mod packed;
mod persist;
mod places;
mod unread;

#[cfg(test)]
pub(crate) use coding::tests::gzip;
pub(super) use coding::{Fault, Undone};
pub use describe::{HttpMessage, Side};
pub(super) use events::{Events, no_stream};
pub(super) use packed::Packed;
pub(super) use unread::{Rules, unreadable};

use crate::layer::FieldDef;
use crate::message::{Decoder, Dissector, Probe, Sink, Upgrade, Verdict};

/// The registered dissector.
pub(super) struct Http1;

impl Dissector for Http1 {
    fn name(&self) -> &'static str {
        "http"
    }

    fn fields(&self) -> &'static [&'static FieldDef] {
        fields::FIELDS
    }

    fn probe(&self, probe: Probe<'_>) -> Verdict {
        let [client, server] = [probe.to_server.len(), probe.to_client.len()];
        match (looks_like_request(probe.to_server), looks_like_response(probe.to_client)) {
            (Verdict::Yes, _) => Verdict::Yes,
            // It may begin in the middle of a message, of either side: then the other one tells.
            (_, Verdict::Yes) if probe.joined && server > 0 => Verdict::Yes,
            (Verdict::No, _) if probe.joined && server == 0 && client < head::MAX_HEAD && !probe.end => {
                Verdict::NeedMore
            }
            // A capture may begin after the request.
            (Verdict::NeedMore, Verdict::Yes) if probe.to_server.is_empty() => Verdict::Yes,
            (Verdict::NeedMore, _) if !probe.end => Verdict::NeedMore,
            _ => Verdict::No,
        }
    }

    fn decoder(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::<decoder::HttpDecoder>::default())
    }

    fn joined(&self, _probe: Probe<'_>) -> Option<Box<dyn Decoder>> {
        Some(Box::new(decoder::HttpDecoder::joining()))
    }

    fn upgraded(&self, _upgrade: &Upgrade, _sink: &mut dyn Sink) -> Option<Box<dyn Decoder>> {
        None
    }

    fn upgrade_token(&self) -> Option<&'static str> {
        None
    }
}

/// The longest method name that is looked for; the registry's longest has 16 octets (RFC 9110 §16.1.1).
const MAX_METHOD: usize = 24;

/// The methods that are known in other letters, too (RFC 9110 §9.3, RFC 5789).
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

/// So many octets of empty lines are passed over before a request: at least one line SHOULD be (§2.2), and some clients send
/// more.
const MAX_EMPTY: usize = 16;

/// `method SP request-target SP HTTP-version` (RFC 9112 §3): a token, a space, and after the target the version.
/// "a server … SHOULD ignore at least one empty line (CRLF) received prior to the request-line" (§2.2).
fn looks_like_request(bytes: &[u8]) -> Verdict {
    let empty = bytes.chunks_exact(2).take(MAX_EMPTY / 2).take_while(|line| line == b"\r\n").count();
    let bytes = &bytes[2 * empty..];
    if bytes == b"\r" {
        return Verdict::NeedMore;
    }
    let line_end = bytes.iter().position(|b| *b == b'\n');
    let method_len = method_len(bytes);
    match (bytes.get(method_len), line_end) {
        (None, _) if method_len <= MAX_METHOD => Verdict::NeedMore,
        (Some(b' '), None) if method_len > 0 && bytes.len() < head::MAX_HEAD => Verdict::NeedMore,
        (Some(b' '), Some(end)) if method_len > 0 && has_version(&bytes[..end]) => Verdict::Yes,
        _ => Verdict::No,
    }
}

/// How many octets at the front may be a method: capital letters, as all those in use have. One that is known but for small
/// letters is none of them (RFC 9110 §9.1), and who sends it means that one.
fn method_len(bytes: &[u8]) -> usize {
    let capitals = bytes.iter().take_while(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_')).count();
    let letters = bytes.iter().take(MAX_METHOD).take_while(|octet| octet.is_ascii_alphabetic()).count();
    let may_be = |known: &str| match known.as_bytes().get(..letters) {
        Some(front) => {
            (letters == known.len() || letters == bytes.len()) && front.eq_ignore_ascii_case(&bytes[..letters])
        }
        None => false,
    };
    if METHODS.into_iter().any(may_be) { letters.max(capitals) } else { capitals }
}

fn has_version(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.len() > 9 && line[line.len() - 9..].starts_with(b" HTTP/1.")
}

fn looks_like_response(bytes: &[u8]) -> Verdict {
    const START: &[u8] = b"HTTP/1.";
    match bytes.len().min(START.len()) {
        n if bytes[..n] != START[..n] => Verdict::No,
        n if n == START.len() => Verdict::Yes,
        _ => Verdict::NeedMore,
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod events_tests;
#[cfg(test)]
mod long_tests;
#[cfg(test)]
mod lost_tests;
#[cfg(test)]
mod odd_tests;
