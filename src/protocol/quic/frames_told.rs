//! The frames of a packet in fields and words. Their places count in the packet's content, which was decrypted.

use std::ops::Range;

use super::describe::{
    ACK_COUNT, ACK_DELAY, ACK_FIRST, ACK_GAP, ACK_LARGEST, ACK_RANGE, CLOSE_ERROR, CLOSE_ERROR_APP, CLOSE_FRAME,
    CLOSE_REASON, CRYPTO_LENGTH, CRYPTO_OFFSET, DATAGRAM, FRAME_TYPE, ID_RETIRE, ID_SEQUENCE, MAX_DATA,
    MAX_STREAM_DATA, MAX_STREAM_ID, MAX_STREAMS, NEW_TOKEN, RESET_ERROR, RESET_SIZE, RESET_STREAM_ID, RETIRED,
    STOP_ERROR, STOP_ID, STREAM_DATA, STREAM_FIN, STREAM_ID, STREAM_LENGTH, STREAM_OFFSET,
};
use super::frame::{Frame, Frames, kind};
use crate::count::{counted, plural};
use crate::layer::{Buffer, Field, FieldDef, Group, Layer, Note, Severity, Span, Value};

/// More frames of one packet are not shown.
const MAX_SHOWN: usize = 256;
/// More frames of one packet are not named in a line.
const MAX_NAMED: usize = 4;

/// Adds the frames to the layer of their packet, whose first derived octets they are.
pub(super) fn describe(content: &[u8], layer: &mut Layer) {
    let mut frames = Frames::new(content);
    for frame in frames.by_ref().take(MAX_SHOWN) {
        let place = |range: &Range<usize>| Some(Span::new(Buffer::Derived(0), range.start as u64..range.end as u64));
        let mut add = |def: &'static FieldDef, value: Value, range: &Range<usize>| {
            layer.fields.push(Field { def, value, span: place(range) });
        };
        let kind_at = frame.range.start..frame.range.start + 1;
        add(&FRAME_TYPE, Value::Uint(frame.kind), &kind_at);
        if kind::STREAM.contains(&frame.kind) {
            add(&STREAM_FIN, Value::Bool(frame.kind & 1 != 0), &kind_at);
        }
        let defs = numbers(frame.kind);
        // Behind the others of an ACK stand as many gaps and ranges as there are.
        let many = frame.numbers.get(2).filter(|_| matches!(frame.kind, 2 | 3)).map_or(0, |(_, many)| *many);
        let ranges = [&ACK_GAP, &ACK_RANGE].into_iter().cycle();
        let more = ranges.take(usize::try_from(many).unwrap_or(usize::MAX).saturating_mul(2));
        for ((range, number), def) in frame.numbers.iter().zip(defs.into_iter().chain(more)) {
            add(def, Value::Uint(*number), range);
        }
        let octets = content.get(frame.data.clone()).unwrap_or_default();
        match (frame.kind, octets.is_empty()) {
            (8..=15, false) => add(&STREAM_DATA, Value::Bytes(octets.to_vec()), &frame.data),
            (7, false) => add(&NEW_TOKEN, Value::Bytes(octets.to_vec()), &frame.data),
            (0x30 | 0x31, false) => add(&DATAGRAM, Value::Bytes(octets.to_vec()), &frame.data),
            (0x1c | 0x1d, false) => {
                add(&CLOSE_REASON, Value::Text(String::from_utf8_lossy(octets).into_owned()), &frame.data);
            }
            _ => {}
        }
    }
    let rest = content.len() - frames.at();
    if rest > 0 {
        let (octets, are) = (counted(rest, "octet"), plural(rest, "is", "are"));
        let text = match frames.next() {
            Some(_) => format!("more than {MAX_SHOWN} frames: the last {octets} {are} not shown"),
            None => format!("the last {octets} {are} no frames that are known here"),
        };
        layer.notes.push(Note::new(Severity::Note, text, "RFC 9000 §12.4").about(Group::Undecoded));
    }
}

/// What the numbers of a frame are, in their order.
fn numbers(kind: u64) -> Vec<&'static FieldDef> {
    match kind {
        2 | 3 => vec![&ACK_LARGEST, &ACK_DELAY, &ACK_COUNT, &ACK_FIRST],
        4 => vec![&RESET_STREAM_ID, &RESET_ERROR, &RESET_SIZE],
        5 => vec![&STOP_ID, &STOP_ERROR],
        6 => vec![&CRYPTO_OFFSET, &CRYPTO_LENGTH],
        8 | 9 => vec![&STREAM_ID],
        10 | 11 => vec![&STREAM_ID, &STREAM_LENGTH],
        12 | 13 => vec![&STREAM_ID, &STREAM_OFFSET],
        14 | 15 => vec![&STREAM_ID, &STREAM_OFFSET, &STREAM_LENGTH],
        0x10 => vec![&MAX_DATA],
        0x11 => vec![&MAX_STREAM_ID, &MAX_STREAM_DATA],
        0x12 | 0x13 => vec![&MAX_STREAMS],
        0x18 => vec![&ID_SEQUENCE, &ID_RETIRE],
        0x19 => vec![&RETIRED],
        kind::CLOSE => vec![&CLOSE_ERROR, &CLOSE_FRAME],
        kind::CLOSE_APP => vec![&CLOSE_ERROR_APP],
        _ => Vec::new(),
    }
}

/// The frames by their names: `ACK, STREAM 4 from 10 (25 octets)`.
pub(super) fn words(content: &[u8]) -> String {
    let told = Frames::new(content).filter(|frame| frame.kind != kind::PADDING);
    let mut names: Vec<String> = told.take(MAX_NAMED + 1).map(|frame| frame.words()).collect();
    if names.len() > MAX_NAMED {
        names[MAX_NAMED] = "…".into();
    }
    names.join(", ")
}

impl Frame {
    fn words(&self) -> String {
        if let Some(stream) = self.stream() {
            let end = if stream.fin { ", its end" } else { "" };
            return format!(
                "STREAM {} from {} ({}{end})",
                stream.id,
                stream.offset,
                counted(stream.data.len(), "octet")
            );
        }
        let name = match self.kind {
            1 => "PING",
            2 | 3 => "ACK",
            4 => "RESET_STREAM",
            5 => "STOP_SENDING",
            6 => "CRYPTO",
            7 => "NEW_TOKEN",
            0x10 => "MAX_DATA",
            0x11 => "MAX_STREAM_DATA",
            0x12 | 0x13 => "MAX_STREAMS",
            0x14 => "DATA_BLOCKED",
            0x15 => "STREAM_DATA_BLOCKED",
            0x16 | 0x17 => "STREAMS_BLOCKED",
            0x18 => "NEW_CONNECTION_ID",
            0x19 => "RETIRE_CONNECTION_ID",
            0x1a => "PATH_CHALLENGE",
            0x1b => "PATH_RESPONSE",
            kind::CLOSE | kind::CLOSE_APP => "CONNECTION_CLOSE",
            0x1e => "HANDSHAKE_DONE",
            0x30 | 0x31 => "DATAGRAM",
            _ => "a frame",
        };
        match (self.kind, self.numbers.first()) {
            (4 | 5, Some((_, id))) => format!("{name} of {id}"),
            _ => name.to_owned(),
        }
    }
}
