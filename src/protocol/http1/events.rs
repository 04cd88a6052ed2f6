//! The events of a response that is an event stream, handed out while it goes on.
//!
//! # References
//! - WHATWG HTML §9.2.5 (`text/event-stream`), §9.2.6 (its events), §9.2.7 (comments that keep it alive).

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::body::Cursor;
use super::coding::{self, Fault, Undoing};
use super::head::asks_for_events;
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Draft, Head, Sink};
use crate::protocol::sse::{EventSource, Item, SseContent, SseEvent, SseEventMessage};
use crate::protocol::text::quoted;

/// A stretch of the event stream, and where it lies on the wire.
#[derive(Debug)]
struct Piece {
    text: Range<u64>,
    wire: Range<u64>,
}

/// Reads an event stream as far as it is there.
pub(in crate::protocol) struct Events {
    source: EventSource,
    /// How far the body was read.
    pub(super) cursor: Cursor,
    /// What of the text belongs to no event handed out.
    pieces: VecDeque<Piece>,
    text_len: u64,
    /// Content codings to undo first.
    undoing: Option<Undoing>,
    /// What is to be said of the next event.
    before: Option<Note>,
    /// How many were told that are whole.
    count: u64,
    /// Why a content coding could not be undone: no more is read.
    pub(in crate::protocol) fault: Option<Fault>,
}

impl Events {
    /// A reader for the body of a response with this head, if it is an event stream. Otherwise there is none.
    pub(in crate::protocol) fn of(head: &Head, notes: &mut Vec<Note>) -> Option<Self> {
        let essence = head.get("content-type")?.split(';').next()?.trim();
        if !essence.eq_ignore_ascii_case("text/event-stream") {
            return None;
        }
        let codings = coding::codings(head.all("content-encoding"));
        let undoing = match Undoing::new(&codings) {
            Ok(undoing) => (!codings.is_empty()).then_some(undoing),
            Err(fault) => {
                notes.push(fault.note());
                return None;
            }
        };
        let (source, cursor) = (EventSource::new(), Cursor::default());
        Some(Self {
            source,
            cursor,
            pieces: VecDeque::new(),
            text_len: 0,
            undoing,
            before: None,
            count: 0,
            fault: None,
        })
    }

    /// What is said of an event stream whose body nobody ended: none has to end, so nothing went wrong for that.
    pub(in crate::protocol) fn unended() -> Note {
        let text =
            "the event stream had not ended: its client or server left, the capture ended, or octets are missing";
        Note::new(Severity::Note, text, "WHATWG HTML §9.2")
    }

    /// A reader that goes on behind octets that are missing: with the first event that is whole for certain.
    pub(super) fn behind_gap() -> Self {
        let text = "octets of the event stream are missing before it: events may be, too, and what is left of one is passed over";
        Self {
            source: EventSource::in_the_middle(),
            cursor: Cursor::default(),
            pieces: VecDeque::new(),
            text_len: 0,
            undoing: None,
            before: Some(Note::new(Severity::Warn, text, "WHATWG HTML §9.2.6")),
            count: 0,
            fault: None,
        }
    }

    /// How many octets of memory it keeps.
    pub(in crate::protocol) fn kept(&self) -> usize {
        let pieces = self.pieces.len() * size_of::<Piece>();
        self.source.kept() + pieces + self.undoing.as_ref().map_or(0, Undoing::kept)
    }

    /// Whether no content coding lies over the stream.
    pub(super) fn is_plain(&self) -> bool {
        self.undoing.is_none()
    }

    /// What is said of a stream that goes on behind octets that are missing, if that cannot be read: what is compressed repeats
    /// what came before it (RFC 1951 §2).
    pub(super) fn unread(&self) -> Option<Note> {
        let text = format!(
            "octets of the event stream are missing, and it is compressed: what is behind them cannot be decompressed. The first \
             event that is not read is number {} of this response",
            self.count + 1
        );
        let is_over = self.is_plain() || self.fault.is_some();
        (!is_over).then(|| Note::new(Severity::Warn, text, "RFC 1951 §2").about(Group::Undecoded))
    }

    /// Takes a stretch of the body that lies at `wire` in the stream of the server.
    pub(in crate::protocol) fn push(&mut self, wire: Range<u64>, bytes: &[u8], sink: &mut dyn Sink) {
        if self.fault.is_some() || bytes.is_empty() {
            return;
        }
        match &mut self.undoing {
            None => self.read(wire, bytes, sink),
            Some(undoing) => {
                let mut text = Vec::new();
                self.fault = undoing.push(bytes, &mut text).err();
                self.read(wire, &text, sink);
            }
        }
    }

    fn read(&mut self, wire: Range<u64>, text: &[u8], sink: &mut dyn Sink) {
        let start = self.text_len;
        self.text_len += text.len() as u64;
        match self.pieces.back_mut() {
            Some(last) if self.undoing.is_none() && last.wire.end == wire.start => {
                last.wire.end = wire.end;
                last.text.end = self.text_len;
            }
            _ => self.pieces.push_back(Piece { text: start..self.text_len, wire }),
        }
        let mut items = Vec::new();
        self.source.push(text, &mut |item| items.push(item));
        for item in items {
            self.tell(item, true, sink);
        }
    }

    /// The body has ended, or, if it is not `whole`, will not go on.
    pub(in crate::protocol) fn end(&mut self, whole: bool, sink: &mut dyn Sink) {
        let mut items = Vec::new();
        let unfinished = self.source.end(!whole, &mut |item| items.push(item));
        for item in items {
            self.tell(item, true, sink);
        }
        if let Some(event) = unfinished {
            self.tell(Item::Event(event), false, sink);
        }
    }

    fn tell(&mut self, item: Item, complete: bool, sink: &mut dyn Sink) {
        let (content, text, notes) = match item {
            Item::Event(mut event) => {
                let notes = notes_on(&mut event, complete);
                let range = event.range.clone();
                (SseContent::Event(Arc::new(event)), range, notes)
            }
            Item::Comment { text, range } => {
                let told = "a comment: no event, often sent only to keep the connection alive";
                let note = Note::new(Severity::Chat, told, "WHATWG HTML §9.2.7");
                (SseContent::Comment(text.into()), range, vec![note])
            }
        };
        let notes: Vec<Note> = self.before.take().into_iter().chain(notes).collect();
        let is_event = matches!(content, SseContent::Event(_));
        self.count += u64::from(is_event && complete);
        let wire = self.on_wire(&text);
        if let (Some(first), Some(last)) = (wire.first(), wire.last()) {
            let range = first.start..last.end;
            // Under a content coding no octet on the wire is one of the text.
            let shown = if self.undoing.is_some() { &[][..] } else { &wire };
            let stretches = shown.iter().map(|piece| piece.start - range.start..piece.end - range.start).collect();
            let payload = SseEventMessage::new(content, stretches);
            sink.message(Draft { direction: Direction::ToClient, range, payload: &payload, notes, complete });
        }
        if is_event {
            let done = self.pieces.partition_point(|piece| piece.text.end <= text.end);
            self.pieces.drain(..done);
        }
    }

    /// Where this stretch of the text lies on the wire.
    fn on_wire(&self, text: &Range<u64>) -> Vec<Range<u64>> {
        let first = self.pieces.partition_point(|piece| piece.text.end <= text.start);
        let meant = self.pieces.range(first..).take_while(|piece| piece.text.start < text.end);
        let place = |piece: &Piece| match self.undoing {
            Some(_) => piece.wire.clone(),
            None => {
                let start = piece.wire.start + text.start.saturating_sub(piece.text.start);
                let end = piece.wire.end - piece.text.end.saturating_sub(text.end);
                start..end
            }
        };
        meant.map(place).collect()
    }
}

/// What the answer 204 says to a client that asked for events.
pub(in crate::protocol) fn no_stream(status: u16, asked: &Head) -> Option<Note> {
    let wants_events = || asked.all("accept").any(|value| asks_for_events(value.as_bytes()));
    let text = "no stream, and none later: an EventSource that is told 204 does not connect again";
    (status == 204 && wants_events()).then(|| Note::new(Severity::Chat, text, "WHATWG HTML §9.2.3"))
}

/// What is odd about an event, taken out of it: the message has its own notes.
fn notes_on(event: &mut SseEvent, complete: bool) -> Vec<Note> {
    let mut notes = std::mem::take(&mut event.notes);
    if complete && !event.dispatched {
        let (severity, text) = match &event.ignored {
            None => (
                Severity::Chat,
                "no data line: it sets what it names, but the client's program gets no event".to_owned(),
            ),
            Some(name) => {
                let name = quoted(name, 32);
                (
                    Severity::Warn,
                    format!(
                        "the field {name} is none that is known and is ignored: the client's program gets no event"
                    ),
                )
            }
        };
        notes.push(Note::new(severity, text, "WHATWG HTML §9.2.6"));
    }
    notes
}
