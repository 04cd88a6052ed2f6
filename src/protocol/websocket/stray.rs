//! What stands where a frame should begin and is none: an answer of HTTP, from a second handler on the same server.

use crate::layer::{Group, Note, Severity};
use crate::message::{Input, Progress, Sink};
use crate::protocol::text::quoted;

/// How an answer of HTTP begins.
const HTTP: &[u8] = b"HTTP/1.";

/// Whether these octets are one.
pub(super) fn is_http(bytes: &[u8]) -> bool {
    bytes.first() == HTTP.first() && bytes.starts_with(HTTP)
}

/// Tells of it, and reads no further.
pub(super) fn give_up_on_http(input: Input<'_>, sink: &mut dyn Sink) -> Progress {
    let line = input.bytes.split(|octet| *octet == b'\r').next().unwrap_or_default();
    let text = format!(
        "where a frame should begin stands an answer of HTTP, {}: as when a second handler on the server answers the same \
         upgrade. What follows in this direction is not read",
        quoted(&String::from_utf8_lossy(line), 40)
    );
    let range = input.offset..input.offset + input.bytes.len() as u64;
    sink.remark(input.direction, range, Note::new(Severity::Error, text, "RFC 6455 §4.2.2").about(Group::Undecoded));
    Progress::GiveUp
}
