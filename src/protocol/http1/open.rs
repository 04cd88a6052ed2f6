//! A message whose head was read: how its body is framed, and how far it came.

use std::ops::Range;
use std::sync::Arc;

use super::body::{Chunks, Cursor, Framing, Walk};
use super::coding::Undone;
use super::events::Events;
use super::head::{RawHead, Start};
use super::looks_like_request;
use super::persist::Closing;
use crate::layer::{Note, Severity};
use crate::message::{Head, Input, Progress, Sink, Verdict};

/// A message whose head was read and whose body has not ended.
pub(super) struct Open {
    pub(super) head: RawHead,
    pub(super) texts: Arc<Head>,
    pub(super) framing: Framing,
    /// Of a chunked body: its chunks.
    pub(super) chunks: Option<Box<Chunks>>,
    /// It is what came of an event stream behind octets that are missing, and has no head.
    pub(super) is_rest: bool,
    /// It answers the oldest of the requests that wait.
    pub(super) is_answer: bool,
    /// It is a request that waited for 100 (Continue), and was answered: its body need not come.
    pub(super) is_spared: bool,
    /// How many octets of it were there when it was last looked at.
    pub(super) seen: u64,
    /// The body is an event stream. (What hardly any message has is apart: each of them is moved a few times.)
    pub(super) events: Option<Box<Events>>,
    pub(super) notes: Vec<Note>,
    /// What it says of the end of the connection.
    pub(super) closing: Option<Closing>,
    /// Where the message begins.
    pub(super) start: u64,
    /// How many octets of it were consumed, head included: of a long body no more is kept than is needed.
    pub(super) taken: usize,
    /// Undoes the content codings of a long body, to see whether that can be done.
    pub(super) undone: Option<Box<Undone>>,
}

/// Bodies of up to so many octets are waited for; of longer ones what was read is consumed.
const READ_WHOLE: usize = 64 << 10;

/// A request line is looked for in so many octets.
const MAX_LINE: usize = 8 << 10;

/// How much of an open message is there.
pub(super) enum Extent {
    Whole(u64),
    Partial,
    /// Why, and which clause says so.
    Broken(&'static str, &'static str),
}

impl Open {
    /// A message whose head was read, of which nothing is to be said so far.
    pub(super) fn new(head: RawHead, texts: Arc<Head>, framing: Framing, start: u64) -> Self {
        Self {
            head,
            texts,
            framing,
            chunks: (framing == Framing::Chunked).then(Box::default),
            is_rest: false,
            is_answer: false,
            is_spared: false,
            seen: 0,
            events: None,
            notes: Vec::new(),
            closing: None,
            start,
            taken: 0,
            undone: None,
        }
    }

    /// How many octets of memory it keeps.
    pub(super) fn kept(&self) -> usize {
        self.events.as_ref().map_or(0, |events| events.kept()) + self.undone.as_ref().map_or(0, |undone| undone.kept())
    }

    /// Where the message ends, if its length says so.
    pub(super) fn end(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(len) => (self.start + self.head.len as u64).checked_add(len),
            Framing::None | Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// What is said where the body is not all there, of a message of which so many octets are.
    pub(super) fn cut_short(&self, there: u64) -> Note {
        if self.is_spared && there <= self.head.len as u64 {
            let text = "the body was not sent: who waits for 100 (Continue) and is answered otherwise need not send it";
            return Note::new(Severity::Chat, text, "RFC 9110 §10.1.1");
        }
        if self.events.is_some() && !matches!(self.framing, Framing::Length(_)) {
            return Events::unended();
        }
        let text = "the body is cut short: the connection or the capture ended first, or octets are missing";
        Note::new(Severity::Warn, text, "RFC 9112 §8")
    }

    /// Whether the body that was spared is not sent, but the next request: `None` if too little is there to tell.
    pub(super) fn is_passed_over(&self, input: Input<'_>) -> Option<bool> {
        if !self.is_spared || self.taken > 0 {
            return Some(false);
        }
        let body = input.bytes.get(self.head.len..).unwrap_or_default();
        let front = &body[..body.len().min(MAX_LINE)];
        match looks_like_request(front) {
            Verdict::Yes => Some(true),
            Verdict::NeedMore if front.len() < MAX_LINE && !front.is_empty() => None,
            Verdict::NeedMore | Verdict::No => Some(false),
        }
    }

    /// What is said of a response of so many octets that has content and must have none.
    pub(super) fn unexpected(&self, len: u64) -> Option<Note> {
        let Start::Response { status: 205, .. } = self.head.start else { return None };
        let has_content = match self.framing {
            Framing::Chunked => self.chunks.as_ref().is_some_and(|chunks| chunks.has_data()),
            Framing::None | Framing::Length(_) | Framing::UntilClose => len > self.head.len as u64,
        };
        let text = "content in a 205, which must have none: it only tells the client to reset what it shows";
        has_content.then(|| Note::new(Severity::Warn, text, "RFC 9110 §15.3.6"))
    }

    /// Consumes what nobody needs any more of a long body.
    pub(super) fn consume(&mut self, input: Input<'_>) -> Progress {
        if self.taken == 0 && input.bytes.len() <= READ_WHOLE {
            return Progress::NeedMore;
        }
        let available = self.taken + input.bytes.len();
        let head = self.head.len;
        let done = match &self.chunks {
            Some(chunks) => head + chunks.done_with(available - head),
            None => available,
        };
        if self.taken == 0 {
            self.undone = Undone::of(&self.texts).map(Box::new);
            self.read_codings(input);
        }
        let consumed = done.saturating_sub(self.taken);
        self.taken = done.max(self.taken);
        if consumed > 0 { Progress::Consumed(consumed) } else { Progress::NeedMore }
    }

    /// What of the body is there, and how many octets of it were consumed before.
    fn body<'a>(&self, input: Input<'a>) -> (&'a [u8], usize) {
        let head = self.head.len;
        (input.bytes.get(head.saturating_sub(self.taken)..).unwrap_or_default(), self.taken.saturating_sub(head))
    }

    /// The next stretch of data that was not there at the last call.
    fn fresh(framing: Framing, chunks: Option<&Chunks>, cursor: &mut Cursor, available: usize) -> Option<Range<usize>> {
        match framing {
            Framing::None => None,
            Framing::Chunked => cursor.fresh_of(chunks?, available),
            Framing::Length(len) => cursor.fresh(usize::try_from(len).unwrap_or(usize::MAX).min(available)),
            Framing::UntilClose => cursor.fresh(available),
        }
    }

    /// Hands out the events that end in what is there of the body.
    pub(super) fn read_events(&mut self, input: Input<'_>, sink: &mut dyn Sink) {
        let (body, base) = self.body(input);
        let at = self.start + self.head.len as u64;
        let Some(events) = &mut self.events else { return };
        let chunks = self.chunks.as_deref();
        while let Some(fresh) = Self::fresh(self.framing, chunks, &mut events.cursor, base + body.len()) {
            let wire = at + fresh.start as u64..at + fresh.end as u64;
            events.push(wire, &body[fresh.start - base..fresh.end - base], sink);
        }
    }

    /// Undoes the content codings of what is there of a long body.
    pub(super) fn read_codings(&mut self, input: Input<'_>) {
        let (body, base) = self.body(input);
        let Some(undone) = &mut self.undone else { return };
        let chunks = self.chunks.as_deref();
        while let Some(fresh) = Self::fresh(self.framing, chunks, &mut undone.cursor, base + body.len()) {
            undone.push(&body[fresh.start - base..fresh.end - base]);
        }
    }

    pub(super) fn extent(&mut self, input: Input<'_>) -> Extent {
        let head = self.head.len;
        let there = (self.taken + input.bytes.len()) as u64;
        match self.framing {
            Framing::None => Extent::Whole(head as u64),
            Framing::Length(len) => match (head as u64).checked_add(len) {
                Some(whole) if whole <= there => Extent::Whole(whole),
                Some(_) => Extent::Partial,
                None => Extent::Broken("the body is larger than any stream", "RFC 9112 §6.3"),
            },
            Framing::UntilClose if input.closed => Extent::Whole(there),
            Framing::UntilClose => Extent::Partial,
            Framing::Chunked => {
                let (body, base) = self.body(input);
                match self.chunks.get_or_insert_default().walk(body, base) {
                    Walk::Complete(len) => Extent::Whole((head + len) as u64),
                    Walk::NeedMore => Extent::Partial,
                    Walk::Invalid(why) => Extent::Broken(why, "RFC 9112 §7.1"),
                }
            }
        }
    }
}
