//! What stands where a frame should begin and is none: an answer of HTTP, from a second handler on the same server. And what is
//! said behind a Close frame.
//!
//! # References
//! - RFC 6455 §1.4 ("After sending a control frame indicating the connection should be closed, a peer does not send any further
//!   data; after receiving a control frame indicating the connection should be closed, a peer discards any further data
//!   received"), §5.5.1 ("The application MUST NOT send any more data frames after sending a Close frame").

use super::frame::Opcode;
use crate::layer::{Group, Note, Severity};
use crate::message::{Input, Progress, Sink};
use crate::protocol::text::quoted;

/// How an answer of HTTP begins.
const HTTP: &[u8] = b"HTTP/1.";

/// Of a line no more octets than this are looked at.
const LINE: usize = 200;

/// Whether these octets are one.
pub(super) fn is_http(bytes: &[u8]) -> bool {
    bytes.first() == HTTP.first() && bytes.starts_with(HTTP)
}

/// Tells of it, and reads no further.
pub(super) fn give_up_on_http(input: Input<'_>, is_closed: bool, sink: &mut dyn Sink) -> Progress {
    if is_closed {
        return give_up_behind_close(input, sink);
    }
    let text = format!(
        "where a frame should begin stands an answer of HTTP, {}: as when a second handler on the server answers the same \
         upgrade. What follows in this direction is not read",
        first_line(input)
    );
    let range = input.offset..input.offset + input.bytes.len() as u64;
    sink.remark(input.direction, range, Note::new(Severity::Error, text, "RFC 6455 §4.2.2").about(Group::Undecoded));
    Progress::GiveUp
}

/// Tells of octets behind a Close frame that are no frame, as when the server's own handler of HTTP goes on with the connection
/// when its WebSocket is over. Nobody reads them.
pub(super) fn give_up_behind_close(input: Input<'_>, sink: &mut dyn Sink) -> Progress {
    let text = format!(
        "behind the Close frame stands what is no frame, {}: it is not read, and its receiver discards it",
        first_line(input)
    );
    let range = input.offset..input.offset + input.bytes.len() as u64;
    sink.remark(input.direction, range, Note::new(Severity::Warn, text, "RFC 6455 §1.4").about(Group::Undecoded));
    Progress::GiveUp
}

/// What there is to say of a frame behind the Close frame of its side.
pub(super) fn behind_close(opcode: Opcode) -> Note {
    match opcode {
        // Libraries that answer whatever closes answer their own closing, too.
        Opcode::Close => {
            let text = "a second Close frame of this side: its receiver discards it";
            Note::new(Severity::Note, text, "RFC 6455 §1.4")
        }
        opcode if opcode.is_control() => {
            let text = "a control frame after the Close frame: its receiver discards it";
            Note::new(Severity::Note, text, "RFC 6455 §1.4")
        }
        _ => {
            let text = "a frame after the close frame: nothing may follow it";
            Note::new(Severity::Error, text, "RFC 6455 §5.5.1")
        }
    }
}

fn first_line(input: Input<'_>) -> String {
    let line = input.bytes.split(|octet| matches!(octet, b'\r' | b'\n')).next().unwrap_or_default();
    quoted(&String::from_utf8_lossy(line.get(..LINE).unwrap_or(line)), 40)
}
