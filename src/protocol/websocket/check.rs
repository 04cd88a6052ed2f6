//! What one frame may be, and a passive reader can check.
//!
//! # References
//! - RFC 6455 §5.1 (masks), §5.2 (lengths, opcodes, reserved bits), §5.5 (control frames), §7.4 (close codes); RFC 7692 §6.1
//!   (which frames may say that they are compressed).

use super::frame::{Opcode, WebSocketFrame};
use crate::count::{counted, plural};
use crate::layer::{Direction, Group, Note, Severity};

/// What is wrong with a frame's header.
pub(super) fn check_frame(frame: &WebSocketFrame, direction: Direction, notes: &mut Vec<Note>) {
    let mut error = |text: String, spec| notes.push(Note::new(Severity::Error, text, spec));
    match (direction, frame.masking_key) {
        (Direction::ToServer, None) => error("a frame from a client that is not masked".into(), "RFC 6455 §5.1"),
        (Direction::ToClient, Some(_)) => error("a frame from a server that is masked".into(), "RFC 6455 §5.1"),
        _ => {}
    }
    if matches!((frame.short_len, frame.payload_len), (126, 0..126) | (127, 0..65536)) {
        error(format!("the length {} in a longer form than it needs", frame.payload_len), "RFC 6455 §5.2");
    }
    if frame.short_len == 127 && frame.payload_len >> 63 != 0 {
        error("a 64-bit length whose highest bit is not 0".into(), "RFC 6455 §5.2");
    }
    if let Opcode::Reserved(bits) = frame.opcode
        && !frame.foreign
    {
        error(format!("opcode {bits} is reserved"), "RFC 6455 §5.2");
    }
    // "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first fragments of a data message."
    let is_first = matches!(frame.opcode, Opcode::Text | Opcode::Binary);
    if frame.deflate && frame.rsv & WebSocketFrame::RSV1 != 0 && !is_first && !frame.foreign {
        let text = "RSV1 set, which says that a message is compressed: only the first frame of one may have it";
        error(text.into(), "RFC 7692 §6.1");
    }
    let agreed = if frame.deflate { WebSocketFrame::RSV1 } else { 0 };
    if frame.rsv & !agreed != 0 && !frame.foreign {
        error(format!("reserved bits {:03b} set, which no extension agreed on", frame.rsv & !agreed), "RFC 6455 §5.2");
    }
    if frame.opcode.is_control() && frame.payload_len > 125 {
        error(format!("a control frame of {} octets; 125 are allowed", frame.payload_len), "RFC 6455 §5.5");
    }
    if frame.opcode.is_control() && !frame.fin {
        error("a control frame in fragments".into(), "RFC 6455 §5.5");
    }
}

/// What is wrong with what a close frame carries.
pub(super) fn check_close(payload: &[u8], notes: &mut Vec<Note>) {
    let mut error = |text: String, spec| notes.push(Note::new(Severity::Error, text, spec));
    match WebSocketFrame::close_body(payload) {
        None if payload.len() == 1 => {
            error("a close frame with one octet: none or a code of two".into(), "RFC 6455 §5.5.1");
        }
        None => {}
        Some((code, reason)) => {
            // "1005, 1006 and 1015 … MUST NOT be set as a status code in a Close control frame" §7.4.1
            if matches!(code, 0..1000 | 1004 | 1005 | 1006 | 1015 | 1016..3000 | 5000..) {
                error(format!("close code {code}, which must not be sent"), "RFC 6455 §7.4");
            }
            if std::str::from_utf8(reason).is_err() {
                error("a close reason that is not UTF-8".into(), "RFC 6455 §5.5.1");
            }
        }
    }
}

/// What is said where a stream ends within the header of a frame, of which so many octets are there.
pub(super) fn cut_in_header(there: usize) -> Note {
    let (octets, are) = (counted(there, "octet"), plural(there, "is", "are"));
    let text = format!("the stream ends in the middle of a frame header: {octets} {are} there");
    Note::new(Severity::Warn, text, "").about(Group::Undecoded)
}
