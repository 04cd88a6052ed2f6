//! The state of WebSocket on one connection, and the checks a passive reader can make.

use std::ops::Range;

use super::deflate::{Agreement, Inflater};
use super::frame::{Opcode, ReadHeader, WebSocketFrame};
use super::message::{Fragment, WebSocketMessage};
use super::utf8::Utf8Check;
use crate::layer::{Direction, Note, Severity};
use crate::message::{Decoder, Draft, Input, Progress, Sink};

/// A message that began in an earlier frame.
#[derive(Debug, Clone)]
struct Begun {
    opcode: Opcode,
    encoded: bool,
    start: u64,
    fragments: Vec<Fragment>,
    /// There were more frames than are joined.
    overflow: bool,
    text: Utf8Check,
    /// What a compressed message has been inflated to so far; `None` once that failed.
    inflated: Option<Vec<u8>>,
}

/// What one direction has said so far.
#[derive(Debug, Default)]
struct Speaker {
    begun: Option<Begun>,
    closed: bool,
    /// permessage-deflate was agreed on.
    inflater: Option<Inflater>,
}

#[derive(Debug)]
pub(super) struct WebSocketDecoder {
    speakers: [Speaker; 2],
}

/// More frames than this are not joined into one message: the peer controls how many there are.
const MAX_FRAGMENTS: usize = 1 << 16;

impl WebSocketDecoder {
    /// A decoder for a connection whose handshake agreed on these extensions.
    pub(super) fn new(extensions: Option<&str>) -> Self {
        let agreed = extensions.and_then(Agreement::from_response);
        let speaker = |direction| {
            // What was agreed on against the rules may still be spoken; remembering everything reads both forms.
            let inflater = agreed.as_ref().map(|agreed| match agreed {
                Ok(agreement) => agreement.inflater(direction),
                Err(_) => Inflater::new(true),
            });
            Speaker { begun: None, closed: false, inflater }
        };
        Self { speakers: [speaker(Direction::ToServer), speaker(Direction::ToClient)] }
    }

    pub(super) fn boxed(self) -> Box<dyn Decoder> {
        Box::new(self)
    }
}

impl Decoder for WebSocketDecoder {
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        if input.bytes.is_empty() {
            if input.end {
                self.never_ended(input, sink);
            }
            return Progress::NeedMore;
        }
        let ReadHeader::Complete(frame) = WebSocketFrame::read(input.bytes) else {
            return if input.end { self.cut_header(input, sink) } else { Progress::NeedMore };
        };
        let there = input.bytes.len() as u64;
        match frame.total_len() {
            Some(total) if total <= there => self.frame(frame, input, total, None, sink),
            _ if input.end => {
                let text = format!(
                    "the stream ends in the middle of this frame: {} of {} octets of payload are there",
                    there - u64::from(frame.header_len),
                    frame.payload_len
                );
                self.frame(frame, input, there, Some(text), sink)
            }
            _ => Progress::NeedMore,
        }
    }

    fn gap(&mut self, direction: Direction, _missing: Range<u64>) -> bool {
        // Frames have no marker to find the next one by.
        self.speakers[direction.index()].begun = None;
        false
    }
}

impl WebSocketDecoder {
    fn frame(
        &mut self,
        mut frame: WebSocketFrame,
        input: Input<'_>,
        len: u64,
        cut: Option<String>,
        sink: &mut dyn Sink,
    ) -> Progress {
        let bytes = &input.bytes[..len as usize];
        let complete = cut.is_none();
        let mut notes: Vec<Note> = cut.into_iter().map(|text| Note::new(Severity::Warn, text, "")).collect();
        self.mark_encoded(&mut frame, input.direction);
        check_frame(&frame, input.direction, &mut notes);
        let payload = frame.payload(bytes);
        if frame.opcode == Opcode::Close && complete {
            check_close(&payload, &mut notes);
        }
        if frame.opcode == Opcode::Text && frame.fin && complete && !frame.encoded {
            let mut check = Utf8Check::default();
            check.add(&payload);
            notes.extend(check.finish());
        }
        self.follow(&frame, input, &payload, complete, &mut notes);
        let end = input.offset + len;
        sink.message(Draft { direction: input.direction, range: input.offset..end, payload: &frame, notes, complete });
        if complete && frame.fin && !frame.opcode.is_control() {
            self.finish_message(input.direction, end, sink);
        }
        Progress::Consumed(len as usize)
    }

    /// Hands out the message whose last frame ends at `end`; nothing if it came in one frame, as it is.
    fn finish_message(&mut self, direction: Direction, end: u64, sink: &mut dyn Sink) {
        let Some(begun) = self.speakers[direction.index()].begun.take() else { return };
        let mut notes = Vec::new();
        if begun.opcode == Opcode::Text && (!begun.encoded || begun.inflated.is_some()) {
            notes.extend(begun.text.finish());
        }
        begun.hand_out(direction, end, notes, true, sink);
    }

    /// Shows a message whose last frame never came.
    fn never_ended(&mut self, input: Input<'_>, sink: &mut dyn Sink) {
        let Some(begun) = self.speakers[input.direction.index()].begun.take() else { return };
        let text = "the last frame of this message is not there";
        let notes = vec![Note::new(Severity::Warn, text, "RFC 6455 §5.4")];
        begun.hand_out(input.direction, input.offset, notes, false, sink);
    }

    /// RSV1 on the first frame says that the whole message is compressed (RFC 7692 §6).
    fn mark_encoded(&self, frame: &mut WebSocketFrame, direction: Direction) {
        let begun = self.speakers[direction.index()].begun.as_ref();
        frame.deflate = self.speakers[direction.index()].inflater.is_some();
        frame.encoded = frame.deflate
            && match frame.opcode {
                Opcode::Continuation => begun.is_some_and(|begun| begun.encoded),
                opcode => !opcode.is_control() && frame.rsv & WebSocketFrame::RSV1 != 0,
            };
    }

    /// Follows the fragments of a message (§5.4).
    fn follow(
        &mut self,
        frame: &WebSocketFrame,
        input: Input<'_>,
        payload: &[u8],
        complete: bool,
        notes: &mut Vec<Note>,
    ) {
        let speaker = &mut self.speakers[input.direction.index()];
        if speaker.closed {
            let text = "a frame after the close frame: nothing may follow it";
            notes.push(Note::new(Severity::Error, text, "RFC 6455 §5.5.1"));
        }
        speaker.closed |= frame.opcode == Opcode::Close;
        if frame.opcode.is_control() {
            return;
        }
        match (frame.opcode, &speaker.begun) {
            (Opcode::Continuation, None) => {
                let text = "a continuation without a message to continue";
                notes.push(Note::new(Severity::Error, text, "RFC 6455 §5.4"));
            }
            (Opcode::Continuation, Some(_)) => {}
            (_, begun) => {
                if begun.is_some() {
                    let text = "a new message before the one begun has ended";
                    notes.push(Note::new(Severity::Error, text, "RFC 6455 §5.4"));
                }
                if let (Some(Begun { encoded: true, .. }), Some(inflater)) = (begun, &mut speaker.inflater) {
                    notes.extend(inflater.gap());
                }
                speaker.begun = (!frame.fin || frame.encoded).then(|| Begun::new(frame, input.offset));
            }
        }
        if let Some(begun) = &mut speaker.begun {
            begun.add(frame, input.offset, payload);
            if let Some(inflater) = speaker.inflater.as_mut().filter(|_| begun.encoded) {
                begun.inflate(inflater, payload, frame.fin && complete, notes);
            }
        }
    }

    fn cut_header(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let frame = WebSocketFrame {
            fin: input.bytes[0] & 0x80 != 0,
            rsv: (input.bytes[0] >> 4) & 0b111,
            opcode: Opcode::from_bits(input.bytes[0]),
            masking_key: None,
            payload_len: WebSocketFrame::read_len(input.bytes).map_or(0, |(len, _)| len),
            header_len: input.bytes.len() as u8,
            short_len: input.bytes.get(1).map_or(0, |b| b & 0x7f),
            encoded: false,
            deflate: self.speakers[input.direction.index()].inflater.is_some(),
        };
        let text = format!("the stream ends in the middle of a frame header: {} octets are there", input.bytes.len());
        let range = input.offset..input.offset + input.bytes.len() as u64;
        let notes = vec![Note::new(Severity::Warn, text, "")];
        sink.message(Draft { direction: input.direction, range, payload: &frame, notes, complete: false });
        Progress::Consumed(input.bytes.len())
    }
}

impl Begun {
    fn new(frame: &WebSocketFrame, start: u64) -> Self {
        let (opcode, encoded) = (frame.opcode, frame.encoded);
        let (fragments, text, inflated) = (Vec::new(), Utf8Check::default(), encoded.then(Vec::new));
        Self { opcode, encoded, start, fragments, overflow: false, text, inflated }
    }

    /// Inflates the next piece of a compressed message; a failure is told once, on the frame in which it shows.
    fn inflate(&mut self, inflater: &mut Inflater, payload: &[u8], last: bool, notes: &mut Vec<Note>) {
        let (inflated, text) = (&mut self.inflated, &mut self.text);
        let mut take = |octets: &[u8]| {
            if let Some(inflated) = inflated {
                inflated.extend_from_slice(octets);
                text.add(octets);
            }
        };
        match inflater.push(payload, last, &mut take) {
            Ok(note) => notes.extend(note),
            Err(error) => {
                self.inflated = None;
                notes.extend(error.note());
            }
        }
    }

    fn add(&mut self, frame: &WebSocketFrame, offset: u64, payload: &[u8]) {
        if self.fragments.len() >= MAX_FRAGMENTS {
            self.overflow = true;
            return;
        }
        let from = offset - self.start + u64::from(frame.header_len);
        let range = from..from + payload.len() as u64;
        self.fragments.push(Fragment { range, masking_key: frame.masking_key });
        if !self.encoded {
            self.text.add(payload);
        }
    }

    fn hand_out(self, direction: Direction, end: u64, mut notes: Vec<Note>, complete: bool, sink: &mut dyn Sink) {
        if self.overflow {
            let text = format!("more than {MAX_FRAGMENTS} frames in one message: the rest is not joined");
            notes.push(Note::new(Severity::Warn, text, ""));
        }
        let Self { opcode, encoded, fragments, .. } = self;
        let inflated = self.inflated.filter(|_| complete).map(Into::into);
        let message = WebSocketMessage { opcode, encoded, fragments, inflated };
        sink.message(Draft { direction, range: self.start..end, payload: &message, notes, complete });
    }
}

fn check_frame(frame: &WebSocketFrame, direction: Direction, notes: &mut Vec<Note>) {
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
    if let Opcode::Reserved(bits) = frame.opcode {
        error(format!("opcode {bits} is reserved"), "RFC 6455 §5.2");
    }
    let allowed =
        if frame.deflate && matches!(frame.opcode, Opcode::Text | Opcode::Binary) { WebSocketFrame::RSV1 } else { 0 };
    if frame.rsv & !allowed != 0 {
        error(format!("reserved bits {:03b} set, which no extension agreed on", frame.rsv), "RFC 6455 §5.2");
    }
    if frame.opcode.is_control() && frame.payload_len > 125 {
        error(format!("a control frame of {} octets; 125 are allowed", frame.payload_len), "RFC 6455 §5.5");
    }
    if frame.opcode.is_control() && !frame.fin {
        error("a control frame in fragments".into(), "RFC 6455 §5.5");
    }
}

fn check_close(payload: &[u8], notes: &mut Vec<Note>) {
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
