//! Frames one after the other, in each direction, and the header blocks that they carry.

use std::ops::Range;
use std::sync::Arc;

use super::exchange::HTTP2;
use super::frame::{Content, HEADER_LEN, Headers, Http2Frame, flag, kind};
use super::hpack::{OVERHEAD, Table};
use super::streams::{Streams, Stretch};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Decoder, Draft, FieldLine, Head, Held, Input, Inside, Piece, Progress, Section, Sink};
use crate::protocol::http1::unreadable;

/// "the client connection preface" (RFC 9113 §3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How an answer of HTTP/1 begins. As the header of a frame it would be longer than any side takes at first.
const OLDER: &[u8] = b"HTTP/1.";
/// What a side takes at least, and at first (RFC 9113 §4.2).
const FIRST_MAX_FRAME: u32 = 1 << 14;
/// A header block of more octets is not put together.
const MAX_BLOCK: usize = 1 << 18;

/// One side.
#[derive(Default)]
struct Speaker {
    /// It has said what has to come first.
    begun: bool,
    table: Table,
    /// A header block that goes on in the next frame.
    block: Option<Block>,
    /// Header blocks cannot be read any more.
    lost: bool,
    /// The largest frame that the other side takes.
    max_frame: Option<u32>,
}

impl Speaker {
    /// How many octets of memory it keeps.
    fn kept(&self) -> usize {
        self.table.size() + self.block.as_ref().map_or(0, |block| block.octets.len())
    }
}

/// A header block, as far as it came.
struct Block {
    stream: u32,
    octets: Vec<u8>,
    /// Its stream ends with it.
    closes: bool,
    /// It is that of a request which the server promises to answer.
    promises: bool,
}

#[derive(Default)]
pub(super) struct Http2Decoder {
    speakers: [Speaker; 2],
    streams: Streams,
    /// What was asked in HTTP/1, until it is answered on stream 1.
    asked: Option<Section>,
}

impl Decoder for Http2Decoder {
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        if input.bytes.is_empty() {
            return Progress::NeedMore;
        }
        let speaker = &mut self.speakers[input.direction.index()];
        if input.direction == Direction::ToServer && !speaker.begun {
            return preface(speaker, input, sink);
        }
        if input.direction == Direction::ToClient && !speaker.begun && input.bytes.starts_with(OLDER) {
            let why =
                "this is an answer of HTTP/1, from a server that was not asked in it and does not speak HTTP/2 here";
            return unreadable(input, HTTP2, why, sink);
        }
        let Some(header) = input.bytes.first_chunk::<HEADER_LEN>() else { return cut(input, sink) };
        let frame = Http2Frame::read(header);
        let whole = HEADER_LEN + frame.len as usize;
        let Some(body) = input.bytes.get(HEADER_LEN..whole) else { return cut(input, sink) };
        let mut notes = Vec::new();
        let most = speaker.max_frame.unwrap_or(FIRST_MAX_FRAME);
        if frame.len > most {
            let text = format!("a frame of {} octets, where {most} are allowed", frame.len);
            notes.push(error(text, "RFC 9113 §4.2"));
        }
        if !std::mem::replace(&mut speaker.begun, true) && frame.kind != kind::SETTINGS {
            notes.push(error("a server has to begin with SETTINGS", "RFC 9113 §3.4"));
        }
        let mut frame = self.filled(frame, body, input.direction, &mut notes);
        let inside = self.inside(&mut frame, input, &mut notes);
        hand_out(input, whole, &frame, notes, true, sink);
        // A server begins with SETTINGS, which hold nothing of a stream: so it stands before the answer.
        let before = || self.asked.take().map(asked_before);
        inside.or_else(before).into_iter().for_each(|inside| sink.inside(inside));
        Progress::Consumed(whole)
    }

    fn kept(&self) -> usize {
        let asked = self.asked.as_ref().map_or(0, |asked| size_of_section(asked));
        self.streams.kept() + asked + self.speakers.iter().map(Speaker::kept).sum::<usize>()
    }

    fn gap(&mut self, direction: Direction, _missing: Range<u64>, _behind: &[u8]) -> bool {
        // Where the next frame begins only the lengths before it say.
        self.streams.lose(direction);
        false
    }
}

fn preface(speaker: &mut Speaker, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
    if input.bytes.len() < PREFACE.len() {
        return cut(input, sink);
    }
    speaker.begun = true;
    hand_out(input, PREFACE.len(), &Http2Frame::preface(), Vec::new(), true, sink);
    Progress::Consumed(PREFACE.len())
}

/// A frame that is not whole: it is waited for, or shown as far as it came.
fn cut(input: Input<'_>, sink: &mut dyn Sink) -> Progress {
    if !input.end {
        return Progress::NeedMore;
    }
    let mut header = [0; HEADER_LEN];
    header.iter_mut().zip(input.bytes).for_each(|(to, from)| *to = *from);
    let frame = Http2Frame { there: input.bytes.len().min(HEADER_LEN), ..Http2Frame::read(&header) };
    let text = "the stream ends in the middle of this frame";
    let notes = vec![Note::new(Severity::Warn, text, "RFC 9113 §4.1").about(Group::Undecoded)];
    hand_out(input, input.bytes.len(), &frame, notes, false, sink);
    Progress::Consumed(input.bytes.len())
}

impl Http2Decoder {
    /// A decoder for what follows a request of HTTP/1 that asked for it, and was granted it.
    pub(super) fn upgraded(request: &Head) -> Self {
        let line = |name: &str, value: &str| FieldLine { name: name.into(), value: value.into(), at: 0..0 };
        let fields = request.headers.iter().map(|(name, value)| line(name, value));
        let asked = std::iter::once(line(":method", &request.start)).chain(fields).collect();
        Self { asked: Some(asked), ..Self::default() }
    }

    /// The frame with what its body says.
    fn filled(
        &mut self,
        mut frame: Http2Frame,
        body: &[u8],
        direction: Direction,
        notes: &mut Vec<Note>,
    ) -> Http2Frame {
        let d = direction.index();
        if let Some(Block { stream, .. }) = &self.speakers[d].block
            && (frame.kind != kind::CONTINUATION || frame.stream != *stream)
        {
            notes.push(error("a header block goes on only in CONTINUATION frames of its stream", "RFC 9113 §6.10"));
            self.speakers[d].block = None;
            self.speakers[d].lost = true;
            self.streams.mute(direction);
        }
        match frame.kind {
            kind::DATA => {
                let padding = padding(&frame, body, 0, notes);
                frame.content = Content::Data { padding };
            }
            kind::HEADERS | kind::PUSH_PROMISE => {
                let own = match frame.kind {
                    kind::PUSH_PROMISE => 4,
                    _ if frame.flags & flag::PRIORITY != 0 => 5,
                    _ => 0,
                };
                let padding = padding(&frame, body, own, notes);
                let before = own + usize::from(padding.is_some());
                let end = body.len() - usize::from(padding.unwrap_or(0)).min(body.len());
                let fragment = body.get(before..end).unwrap_or_default();
                frame.block = HEADER_LEN + before..HEADER_LEN + before + fragment.len();
                self.headers(&mut frame, fragment, direction, notes);
            }
            kind::CONTINUATION => {
                frame.block = HEADER_LEN..HEADER_LEN + body.len();
                if self.speakers[d].block.is_none() && !self.speakers[d].lost {
                    notes.push(error("a CONTINUATION without a header block that goes on", "RFC 9113 §6.10"));
                    self.speakers[d].lost = true;
                    self.streams.mute(direction);
                }
                self.headers(&mut frame, body, direction, notes);
            }
            kind::SETTINGS => self.settings(&mut frame, body, direction, notes),
            kind::RST_STREAM | kind::WINDOW_UPDATE => match body {
                [a, b, c, e] => {
                    let number = u32::from_be_bytes([*a, *b, *c, *e]);
                    // "Reserved" is the first bit of an increment (RFC 9113 §6.9).
                    let is_error = frame.kind == kind::RST_STREAM;
                    frame.content = Content::Number(if is_error { number } else { number & 0x7fff_ffff });
                }
                _ => notes.push(error("its body has not four octets", "RFC 9113 §4.2")),
            },
            kind::GOAWAY => match body.split_first_chunk::<8>() {
                Some(([a, b, c, e, rest @ ..], _)) => {
                    let last = u32::from_be_bytes([*a, *b, *c, *e]) & 0x7fff_ffff;
                    frame.content = Content::GoAway { last, error: u32::from_be_bytes(*rest) };
                }
                None => notes.push(error("its body has less than eight octets", "RFC 9113 §6.8")),
            },
            _ => {}
        }
        frame
    }

    /// A piece of a header block; with the last of them the fields are known.
    fn headers(&mut self, frame: &mut Http2Frame, fragment: &[u8], direction: Direction, notes: &mut Vec<Note>) {
        let speaker = &mut self.speakers[direction.index()];
        let (stream, closes, promises) = (frame.stream, frame.ends_stream(), frame.kind == kind::PUSH_PROMISE);
        let mut headers = Headers { closes, promises, lost: speaker.lost, ..Headers::default() };
        if speaker.lost {
            // What it says nobody knows, but it may end its stream.
            frame.content = Content::Headers(headers);
            return;
        }
        headers.alone = speaker.block.is_none();
        let block = speaker.block.get_or_insert_with(|| Block { stream, octets: Vec::new(), closes, promises });
        block.octets.extend_from_slice(fragment);
        headers.promises = block.promises;
        // END_STREAM stands on HEADERS, but "a HEADERS frame with the END_STREAM flag set can be followed by CONTINUATION
        // frames on the same stream" (RFC 9113 §8.1): it ends behind them.
        headers.closes = false;
        headers.len = block.octets.len() as u64;
        frame.content = Content::Headers(headers.clone());
        if block.octets.len() > MAX_BLOCK {
            let text = format!("a header block of more than {MAX_BLOCK} octets is not put together");
            notes.push(Note::new(Severity::Warn, text, "RFC 9113 §4.3").about(Group::Undecoded));
            frame.content = Content::Headers(Headers { closes: block.closes, ..headers });
            (speaker.block, speaker.lost) = (None, true);
            self.streams.mute(direction);
            return;
        }
        if frame.flags & flag::END_HEADERS == 0 {
            return;
        }
        let Some(block) = speaker.block.take() else { return };
        let (fields, broken) = speaker.table.read(&block.octets);
        if let Some(broken) = broken {
            let text = format!("{}: header fields of this direction are not read any more", broken.0);
            notes.push(Note::new(Severity::Error, text, "RFC 7541 §3").about(Group::Malformed));
            speaker.lost = true;
            self.streams.mute(direction);
            // What it is for stands at the front. Without that nobody can say what is missing from it.
            headers.lost = !fields.iter().any(|field| matches!(&*field.name, ":method" | ":status"));
        }
        headers.closes = block.closes;
        if headers.lost {
            frame.content = Content::Headers(headers);
            return;
        }
        frame.content = Content::Headers(Headers { fields: fields.into(), known: true, ..headers });
    }

    /// What a frame brings to its stream; the frame learns where that lies.
    fn inside<'a>(&mut self, frame: &mut Http2Frame, input: Input<'a>, notes: &mut Vec<Note>) -> Option<Inside<'a>> {
        let (direction, stream) = (input.direction, frame.stream);
        let (at, piece) = match (&frame.content, frame.kind) {
            (Content::Data { .. }, _) => (frame.data()?, Piece::Content),
            (Content::Number(_), kind::RST_STREAM) => (0..0, Piece::Content),
            (Content::Headers(headers), _) if !headers.promises => {
                let at = frame.block.start as u64..frame.block.end as u64;
                let whole = headers.known.then(|| Piece::Section(Arc::clone(&headers.fields), headers.len));
                (at, whole.unwrap_or(Piece::Part))
            }
            _ => return None,
        };
        let octets = input.bytes.get(usize::try_from(at.start).ok()?..usize::try_from(at.end).ok()?)?;
        let len = octets.len() as u64;
        let stretch = match &frame.content {
            Content::Headers(headers) if headers.lost => self.streams.data(direction, stream, 0, headers.closes),
            Content::Headers(headers) => self.streams.section(direction, stream, len, headers.closes, notes),
            Content::Number(_) => self.streams.reset(direction, stream),
            _ => self.streams.data(direction, stream, len, frame.ends_stream()),
        }?;
        let (stretch, is_read) = match &frame.content {
            Content::Headers(headers) if headers.lost => (stretch, false),
            Content::Headers(headers) if !self.streams.keep(stream, size_of_section(&headers.fields)) => {
                let text = "the header fields of all open streams are more than 4 MiB: this one is not put together";
                notes.push(Note::new(Severity::Warn, text, "RFC 9113 §10.5.1").about(Group::Undecoded));
                (self.streams.reset(direction, stream)?, false)
            }
            _ => (stretch, true),
        };
        let (octets, piece) = if is_read { (octets, piece) } else { (&[][..], Piece::Content) };
        let Stretch { range, closes, ends } = stretch;
        let (offset, from) = (range.start, input.offset + at.start);
        frame.held = Some(Held { stream: Some(stream), range, at: at.start });
        Some(Inside { direction, stream: Some(stream), offset, from, octets, piece, closes, ends })
    }

    fn settings(&mut self, frame: &mut Http2Frame, body: &[u8], direction: Direction, notes: &mut Vec<Note>) {
        if frame.flags & flag::ACK != 0 {
            if !body.is_empty() {
                notes.push(error("an acknowledgement of SETTINGS holds nothing", "RFC 9113 §6.5"));
            }
            return;
        }
        if !body.len().is_multiple_of(6) {
            notes.push(error("settings have six octets each", "RFC 9113 §6.5"));
        }
        let setting = |octets: &[u8; 6]| {
            let [a, b, rest @ ..] = *octets;
            (u16::from_be_bytes([a, b]), u32::from_be_bytes(rest))
        };
        let settings: Vec<(u16, u32)> = body.as_chunks::<6>().0.iter().map(setting).collect();
        // They rule what the other side sends.
        let other = &mut self.speakers[direction.reverse().index()];
        for (id, value) in &settings {
            match id {
                1 => other.table.allow(*value),
                5 => other.max_frame = Some((*value).clamp(FIRST_MAX_FRAME, (1 << 24) - 1)),
                _ => {}
            }
        }
        frame.content = Content::Settings(settings);
    }
}

/// What a request that was sent before says on its stream, on which it has no octets.
fn asked_before(section: Section) -> Inside<'static> {
    let (direction, piece) = (Direction::ToServer, Piece::Section(section, 0));
    Inside { direction, stream: Some(1), offset: 0, from: 0, octets: &[], piece, closes: true, ends: false }
}

/// How much padding ends the body, if the flag says that there is any; `own` octets stand behind its length.
fn padding(frame: &Http2Frame, body: &[u8], own: usize, notes: &mut Vec<Note>) -> Option<u8> {
    if frame.flags & flag::PADDED == 0 {
        return None;
    }
    let len = body.first().copied().unwrap_or(0);
    if usize::from(len) + 1 + own > body.len() {
        notes.push(error("its padding is longer than the frame", "RFC 9113 §6.1"));
        return Some(0);
    }
    Some(len)
}

/// How large a section is, as HTTP/2 counts it (RFC 9113 §6.5.2, `SETTINGS_MAX_HEADER_LIST_SIZE`).
fn size_of_section(fields: &[FieldLine]) -> usize {
    fields.iter().map(|field| field.name.len() + field.value.len() + OVERHEAD).sum()
}

fn error(text: impl Into<String>, spec: &'static str) -> Note {
    Note::new(Severity::Error, text, spec)
}

fn hand_out(input: Input<'_>, len: usize, frame: &Http2Frame, notes: Vec<Note>, complete: bool, sink: &mut dyn Sink) {
    let range = input.offset..input.offset + len as u64;
    sink.message(Draft { direction: input.direction, range, payload: frame, notes, complete });
}
