//! The state of WebSocket on one connection, and the checks a passive reader can make.

use std::ops::Range;

use super::begun::{Begun, Missing, Partial};
use super::check::{check_close, check_frame, cut_in_header};
use super::deflate::{Agreement, Inflater, Lack};
use super::extensions::unknown;
use super::frame::{Opcode, ReadHeader, WebSocketFrame};
use super::joined::{Joint, fitting, skipped};
use super::speaker::Speaker;
use super::unmasking::Unmasking;
use super::utf8::Utf8Check;
use super::{farewell, stray};
use crate::count::{counted, plural};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Carries, Decoder, Draft, Ender, Glance, Input, Parting, Progress, Sink};
use crate::protocol::utf8::is_utf8;

#[derive(Debug)]
pub(super) struct WebSocketDecoder {
    pub(super) speakers: [Speaker; 2],
    unmasking: Unmasking,
    /// What is to be told on the first frame of a connection that was joined in its middle.
    joined: Option<Box<Note>>,
    /// An extension that is not known here was agreed on.
    foreign: bool,
    /// The frame that was glanced at.
    glanced: Option<WebSocketFrame>,
}

/// Frames with at most so many octets of payload are waited for; of longer ones each piece is read as it comes.
const READ_WHOLE: u64 = 4 << 10;

impl WebSocketDecoder {
    /// A decoder for a connection whose handshake agreed on these extensions.
    pub(super) fn new(extensions: Option<&str>) -> Self {
        let agreed = extensions.and_then(Agreement::from_response);
        let speaker = |direction| {
            // What was agreed on against the rules may still be spoken; remembering everything reads both forms.
            let inflater = agreed.as_ref().map(|agreed| match agreed {
                Ok(agreement) => Box::new(agreement.inflater(direction)),
                Err(_) => Box::new(Inflater::new(true)),
            });
            Speaker { inflater, ..Speaker::default() }
        };
        let speakers = [speaker(Direction::ToServer), speaker(Direction::ToClient)];
        let foreign = extensions.is_some_and(|list| unknown(list).next().is_some());
        Self { speakers, unmasking: Unmasking::default(), joined: None, foreign, glanced: None }
    }

    /// A decoder for a connection that was joined in its middle, of which so many frames fit. Whether compression was
    /// agreed on is not known, and what compressed messages may repeat is not there.
    pub(super) fn joining(joint: Joint) -> Self {
        let mut decoder = Self::new(None);
        for (speaker, skip) in decoder.speakers.iter_mut().zip(joint.skips) {
            let mut inflater = Box::new(Inflater::new(true));
            speaker.lost = inflater.gap(Lack::Beginning).map(Box::new);
            speaker.inflater = Some(inflater);
            // A message may have begun before.
            speaker.broken = true;
            speaker.skip = skip;
            speaker.note = (skip > 0).then(|| Box::new(skipped(skip)));
        }
        decoder.joined = Some(Box::new(joint.fit.note("the capture began after the handshake")));
        decoder
    }

    pub(super) fn boxed(self) -> Box<dyn Decoder> {
        Box::new(self)
    }
}

impl Decoder for WebSocketDecoder {
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let asked = self.is_closed(input.direction.reverse());
        let speaker = &mut self.speakers[input.direction.index()];
        if let Some(progress) = speaker.pass_over(input) {
            return progress;
        }
        if speaker.partial.is_some() {
            return self.go_on(input, sink);
        }
        if input.bytes.is_empty() {
            return speaker.rest(input, asked, sink);
        }
        // No frame begins so: it would be a control frame in fragments, with a reserved bit.
        if stray::is_http(input.bytes) {
            return stray::give_up_on_http(input, self.is_closed(input.direction), sink);
        }
        let ReadHeader::Complete(frame) = WebSocketFrame::read(input.bytes) else {
            return if input.end { self.cut_header(input, sink) } else { Progress::NeedMore };
        };
        if self.is_closed(input.direction) && !self.is_right(&frame, input.direction) {
            return stray::give_up_behind_close(input, sink);
        }
        let there = input.bytes.len() as u64;
        match frame.total_len() {
            Some(total) if total <= there => self.whole_frame(frame, input, total, sink),
            None if !input.end => Progress::NeedMore,
            _ if input.end || (frame.payload_len > READ_WHOLE && !frame.opcode.is_control()) => {
                self.begin_frame(frame, input, sink)
            }
            _ => Progress::NeedMore,
        }
    }

    fn glance<'a>(&'a mut self, direction: Direction, bytes: &'a [u8]) -> Option<Glance<'a>> {
        let ReadHeader::Complete(mut frame) = WebSocketFrame::read(bytes) else { return None };
        if !self.is_usual(&frame, direction) || !self.speakers[direction.index()].is_between_frames() {
            return None;
        }
        let len = usize::try_from(frame.total_len()?).ok()?;
        let masked = bytes.get(usize::from(frame.header_len)..len)?;
        let mut carries = Carries::Octets(masked.len());
        if frame.opcode == Opcode::Text {
            let (text, is_ascii) = self.unmasking.whole(masked, frame.masking_key)?;
            if !is_ascii && !is_utf8(text) {
                return None;
            }
            (frame.is_utf8, carries) = (true, Carries::Text(text));
        }
        Some(Glance { len, payload: self.glanced.insert(frame), carries })
    }

    fn begun(&self, direction: Direction) -> Option<u64> {
        self.speakers[direction.index()].begun_at()
    }

    fn begun_is_text(&self, direction: Direction) -> bool {
        self.speakers[direction.index()].begun_is_text()
    }

    fn kept(&self) -> usize {
        self.speakers.iter().map(Speaker::kept).sum()
    }

    fn is_idle(&self) -> bool {
        self.speakers.iter().all(|speaker| speaker.closed)
    }

    fn farewell(&self, ender: Option<Ender>) -> Option<Parting> {
        farewell::farewell(&self.speakers, ender)
    }

    fn gap(&mut self, direction: Direction, missing: Range<u64>, behind: &[u8]) -> bool {
        let speaker = &mut self.speakers[direction.index()];
        // Frames have no marker to find the next one by; only within a frame its length tells where that is. Behind whole
        // segments that are missing one may begin all the same.
        match speaker.skip_to {
            Some(end) if missing.end <= end => {
                speaker.skip_to = Some(end).filter(|end| missing.end < *end);
                true
            }
            _ => {
                let fit = fitting(behind, direction).filter(|fit| fit.confidence().is_some());
                let Some(fit) = fit else { return false };
                speaker.skip_to = None;
                speaker.broken = true;
                speaker.note = Some(Box::new(fit.note("octets before this frame are missing")));
                let lost = speaker.inflater.as_mut().and_then(|inflater| inflater.gap(Lack::From(missing.start)));
                // What was missing first is told, and may not have been yet.
                speaker.lost = speaker.lost.take().or(lost.map(Box::new));
                true
            }
        }
    }
}

impl WebSocketDecoder {
    /// A frame that is there from its first octet to its last.
    fn whole_frame(&mut self, mut frame: WebSocketFrame, input: Input<'_>, len: u64, sink: &mut dyn Sink) -> Progress {
        let bytes = &input.bytes[..len as usize];
        let mut notes = Vec::new();
        if !self.is_usual(&frame, input.direction) {
            self.mark_encoded(&mut frame, input.direction);
            check_frame(&frame, input.direction, &mut notes);
            self.follow(&frame, input, &mut notes, sink);
        }
        let speaker = &mut self.speakers[input.direction.index()];
        let masked = &bytes[usize::from(frame.header_len)..];
        let of_message = speaker.begun.as_mut().filter(|_| !frame.opcode.is_control());
        let is_text = frame.opcode == Opcode::Text && of_message.is_none();
        // Of many frames nobody looks at the octets.
        if is_text || frame.opcode == Opcode::Close || of_message.as_ref().is_some_and(|begun| begun.reads_octets()) {
            if let Some(begun) = of_message {
                self.unmasking.pieces(masked, frame.masking_key, 0, |piece, is_last| {
                    begun.feed(piece, speaker.inflater.as_deref_mut(), frame.fin && is_last, &mut notes);
                });
            } else if is_text {
                let mut check = Utf8Check::default();
                self.unmasking.pieces(masked, frame.masking_key, 0, |piece, _| check.add(piece));
                let wrong = check.finish();
                frame.is_utf8 = frame.fin && wrong.is_none();
                notes.extend(wrong);
            } else if !frame.encoded {
                let mut payload = Vec::new();
                self.unmasking.pieces(masked, frame.masking_key, 0, |piece, _| payload.extend_from_slice(piece));
                check_close(&payload, &mut notes);
            }
        }
        self.hand_out(&frame, input.direction, input.offset..input.offset + len, notes, true, sink);
        Progress::Consumed(len as usize)
    }

    /// A frame of which only a part is there: it is read as far as it came.
    fn begin_frame(&mut self, mut frame: WebSocketFrame, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let mut notes = Vec::new();
        self.mark_encoded(&mut frame, input.direction);
        check_frame(&frame, input.direction, &mut notes);
        self.follow(&frame, input, &mut notes, sink);
        let speaker = &mut self.speakers[input.direction.index()];
        let alone = frame.opcode == Opcode::Text && speaker.begun.is_none();
        let text = alone.then(Utf8Check::default);
        speaker.partial = Some(Box::new(Partial { frame, start: input.offset, taken: 0, notes, text }));
        let header = usize::from(frame.header_len);
        let rest = Input { offset: input.offset + header as u64, bytes: &input.bytes[header..], ..input };
        match self.go_on(rest, sink) {
            Progress::Consumed(n) => Progress::Consumed(header + n),
            _ => Progress::Consumed(header),
        }
    }

    /// The next piece of a frame that was begun.
    fn go_on(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let speaker = &mut self.speakers[input.direction.index()];
        let Some(partial) = &mut speaker.partial else { return Progress::NeedMore };
        let rest = partial.frame.payload_len - partial.taken;
        let piece = &input.bytes[..input.bytes.len().min(usize::try_from(rest).unwrap_or(usize::MAX))];
        let is_whole = piece.len() as u64 == rest;
        let frame = partial.frame;
        let mut of_message = speaker.begun.as_mut().filter(|_| !frame.opcode.is_control());
        if partial.text.is_some() || of_message.as_ref().is_some_and(|begun| begun.reads_octets()) {
            let Partial { taken, notes, text, .. } = &mut **partial;
            self.unmasking.pieces(piece, frame.masking_key, *taken, |piece, is_last| {
                if let Some(begun) = &mut of_message {
                    let ends = frame.fin && is_whole && is_last;
                    begun.feed(piece, speaker.inflater.as_deref_mut(), ends, notes);
                } else if let Some(text) = text {
                    text.add(piece);
                }
            });
        }
        partial.taken += piece.len() as u64;
        if !is_whole && !input.end {
            return if piece.is_empty() { Progress::NeedMore } else { Progress::Consumed(piece.len()) };
        }
        let end = input.offset + piece.len() as u64;
        if let Some(partial) = speaker.partial.take() {
            self.end_frame(*partial, input, is_whole, end, sink);
        }
        if piece.is_empty() { Progress::NeedMore } else { Progress::Consumed(piece.len()) }
    }

    /// Hands out a frame that came in pieces, as far as it came.
    fn end_frame(&mut self, partial: Partial, input: Input<'_>, is_whole: bool, end: u64, sink: &mut dyn Sink) {
        let ends_at = partial.end();
        let Partial { frame, start, taken, mut notes, text } = partial;
        if is_whole {
            notes.extend(text.and_then(|text| text.finish()));
        } else {
            let (octets, are) = (counted(frame.payload_len, "octet"), plural(taken, "is", "are"));
            let text = format!("its octets end in the middle: {taken} of {octets} of payload {are} there");
            notes.insert(0, Note::new(Severity::Warn, text, "").about(Group::Undecoded));
            let speaker = &mut self.speakers[input.direction.index()];
            speaker.skip_to = Some(ends_at);
            // Behind a part of a control frame what is missing may be of the message around it.
            let is_inside = speaker.begun.as_ref().is_some_and(|begun| begun.encoded);
            let inflater = speaker.inflater.as_mut().filter(|_| frame.encoded || is_inside);
            notes.extend(inflater.and_then(|inflater| inflater.gap(Lack::From(end))));
        }
        self.hand_out(&frame, input.direction, start..end, notes, is_whole, sink);
    }

    /// Hands out a frame, and behind its last frame the message it belongs to.
    fn hand_out(
        &mut self,
        frame: &WebSocketFrame,
        direction: Direction,
        range: Range<u64>,
        notes: Vec<Note>,
        complete: bool,
        sink: &mut dyn Sink,
    ) {
        let speaker = &mut self.speakers[direction.index()];
        let (len, end) = ((range.end - range.start).saturating_sub(frame.header_len.into()), range.end);
        let start = range.start + u64::from(frame.header_len);
        let of_message = speaker.begun.as_mut().filter(|_| !frame.opcode.is_control());
        if let Some(begun) = of_message {
            begun.add_frame(frame.masking_key, start, len);
        }
        sink.message(Draft { direction, range, payload: frame, notes, complete });
        // What came in one frame, as it is, is a message already. No message reaches over a gap.
        let ends = frame.fin && !frame.opcode.is_control();
        let broken = speaker.begun.is_some() && !complete;
        if let Some(begun) = speaker.begun.take_if(|_| ends || broken) {
            let missing = if complete { Missing::Nothing } else { Missing::Octets };
            begun.hand_out(direction, end, missing, sink);
        }
        speaker.broken = !ends && (speaker.broken || broken || (!complete && !frame.opcode.is_control()));
    }

    /// Whether the frame is a message of its own in a form that nobody objects to, and there is nothing to say of what came
    /// before it: then checking and following it would say and change nothing.
    fn is_usual(&self, frame: &WebSocketFrame, direction: Direction) -> bool {
        let speaker = &self.speakers[direction.index()];
        let masks_right = frame.masking_key.is_some() == (direction == Direction::ToServer);
        let is_short = frame.short_len < 126 || (frame.short_len == 126 && frame.payload_len >= 126);
        frame.fin
            && frame.rsv == 0
            && matches!(frame.opcode, Opcode::Text | Opcode::Binary)
            && masks_right
            && is_short
            && self.joined.is_none()
            && speaker.is_quiet()
    }

    /// Whether this side has sent a Close frame.
    fn is_closed(&self, direction: Direction) -> bool {
        self.speakers[direction.index()].closed
    }

    /// Whether nothing is wrong with the header of a frame.
    fn is_right(&self, frame: &WebSocketFrame, direction: Direction) -> bool {
        let (mut frame, mut wrong) = (*frame, Vec::new());
        self.mark_encoded(&mut frame, direction);
        check_frame(&frame, direction, &mut wrong);
        wrong.is_empty()
    }

    /// RSV1 on the first frame says that the whole message is compressed (RFC 7692 §6).
    fn mark_encoded(&self, frame: &mut WebSocketFrame, direction: Direction) {
        let begun = self.speakers[direction.index()].begun.as_ref();
        frame.deflate = self.speakers[direction.index()].inflater.is_some();
        frame.foreign = self.foreign;
        frame.encoded = match frame.opcode {
            Opcode::Continuation => begun.is_some_and(|begun| begun.encoded),
            opcode => frame.deflate && !opcode.is_control() && frame.rsv & WebSocketFrame::RSV1 != 0,
        } || frame.is_changed();
    }

    /// Follows the fragments of a message (§5.4).
    fn follow(&mut self, frame: &WebSocketFrame, input: Input<'_>, notes: &mut Vec<Note>, sink: &dyn Sink) {
        let speaker = &mut self.speakers[input.direction.index()];
        let lost = speaker.lost.take_if(|_| frame.encoded);
        notes.extend([self.joined.take(), speaker.note.take(), lost].into_iter().flatten().map(|note| *note));
        notes.extend(Some(frame.opcode).filter(|_| speaker.closed).map(stray::behind_close));
        speaker.closed |= frame.opcode == Opcode::Close;
        if frame.opcode.is_control() {
            return;
        }
        match (frame.opcode, speaker.begun.as_deref()) {
            (Opcode::Continuation, None) if speaker.broken => {
                let text = "it continues a message of which octets are missing";
                notes.push(Note::new(Severity::Note, text, "RFC 6455 §5.4"));
            }
            (Opcode::Continuation, None) => {
                let text = "a continuation without a message to continue";
                notes.push(Note::new(Severity::Error, text, "RFC 6455 §5.4"));
            }
            (Opcode::Continuation, Some(_)) => {
                speaker.begun.iter_mut().filter(|_| frame.is_changed()).for_each(|begun| begun.cannot_be_read());
            }
            (_, begun) => {
                if begun.is_some() {
                    let text = "a new message before the one begun has ended";
                    notes.push(Note::new(Severity::Error, text, "RFC 6455 §5.4"));
                }
                if let (Some(Begun { encoded: true, start, .. }), Some(inflater)) = (begun, &mut speaker.inflater) {
                    notes.extend(inflater.gap(Lack::RestOf(*start)));
                }
                let wanted = sink.wants_octets(input.direction, frame.opcode == Opcode::Text);
                let goes_on = !frame.fin || frame.encoded;
                speaker.begun = goes_on.then(|| Box::new(Begun::new(frame, input.offset, wanted)));
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
            foreign: self.foreign,
            is_utf8: false,
        };
        let range = input.offset..input.offset + input.bytes.len() as u64;
        let notes = vec![cut_in_header(input.bytes.len())];
        sink.message(Draft { direction: input.direction, range, payload: &frame, notes, complete: false });
        Progress::Consumed(input.bytes.len())
    }
}
