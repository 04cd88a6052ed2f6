//! The state of HTTP/1 on one connection: whose turn it is, which request a response answers, where bodies end.

mod pairing;
mod rest;

use std::ops::Range;
use std::sync::Arc;

use self::rest::Rest;
use super::alike::{Alike, Known};
use super::asked::{Queue, tokens};
use super::body::{self, Framing};
use super::coding::Fault;
use super::describe::HttpMessage;
use super::events::{Events, no_stream};
use super::head::{self, RawHead, Read, Start, Unfinished};
use super::lost::{Found, Lost, Why, begins_response};
use super::odd;
use super::open::{Extent, Open};
use super::persist::{Closing, Persistence};
use super::unread::{HTTP1, empty_line, foreign, too_large, unanswered, unreadable};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Decoder, Draft, Input, Progress, Sink};

#[derive(Default)]
pub(super) struct HttpDecoder {
    asked: Queue,
    open: [Option<Open>; 2],
    /// What follows is not HTTP: the protocol was changed to nobody knows what.
    changed: bool,
    /// After a gap in a body: where that body ends, by its length.
    skip_to: [Option<u64>; 2],
    /// The heads of each direction that others may be like.
    alike: [Alike; 2],
    /// The head of each direction that did not end yet.
    unfinished: [Unfinished; 2],
    /// Octets of each direction are missing.
    has_gaps: [bool; 2],
    /// Where it is not known where the next message begins.
    lost: [Option<Lost>; 2],
    /// An event stream of which octets are missing.
    rest: [Option<Box<Rest>>; 2],
    persistence: Persistence,
    /// What is to be said of the next message of each direction.
    before: [Option<Note>; 2],
}

impl Decoder for HttpDecoder {
    fn is_idle(&self) -> bool {
        let is_between = self.open.iter().all(Option::is_none) && self.lost.iter().all(Option::is_none);
        !self.changed && self.asked.has_none() && is_between && self.has_gaps == [false; 2]
    }

    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let d = input.direction.index();
        if input.bytes.is_empty() && !(input.end && self.begun(input.direction).is_some()) {
            return Progress::NeedMore;
        }
        if let Some(end) = self.skip_to[d] {
            let skipped = input.bytes.len().min(usize::try_from(end - input.offset).unwrap_or(usize::MAX));
            self.skip_to[d] = Some(end).filter(|end| input.offset + skipped as u64 != *end);
            return if skipped > 0 { Progress::Consumed(skipped) } else { Progress::NeedMore };
        }
        if self.changed {
            return Progress::GiveUp;
        }
        if input.direction == Direction::ToServer && self.waits_for_answer() {
            // Behind a gap the answer may have come earlier than it can be read, and where octets are missing it may be there.
            let has_gaps = self.has_gaps[Direction::ToClient.index()];
            return if input.end && (has_gaps || sink.lacks(Direction::ToClient)) {
                unanswered(input, sink)
            } else if input.end {
                unreadable(input, HTTP1, "no answer to the request to change the protocol", sink)
            } else {
                self.asked.back_mut().into_iter().for_each(|asked| asked.spoke_early |= !has_gaps);
                Progress::Wait
            };
        }
        if self.open[d].is_none() && self.waits_for_request(input) {
            return Progress::Wait;
        }
        if self.open[d].is_none()
            && let Err(progress) = self.next_head(input, sink)
        {
            return progress;
        }
        if let Some(progress) = self.pass_spared(input, sink) {
            return progress;
        }
        let progress = self.read_body(input, sink);
        let has_ended = input.direction == Direction::ToServer && self.open[d].is_none();
        if has_ended && matches!(progress, Progress::Consumed(n) if n < input.bytes.len()) {
            self.asked.note_pipelining(input.offset);
        }
        progress
    }

    fn begun(&self, direction: Direction) -> Option<u64> {
        self.open[direction.index()].as_ref().filter(|open| open.taken > 0).map(|open| open.start)
    }

    fn kept(&self) -> usize {
        self.asked.kept() + self.open.iter().flatten().map(Open::kept).sum::<usize>()
    }

    fn gap(&mut self, direction: Direction, missing: Range<u64>, behind: &[u8]) -> bool {
        self.has_gaps[direction.index()] = true;
        if direction == Direction::ToClient {
            self.asked.iter_mut().for_each(|asked| asked.spoke_early = false);
        }
        let d = direction.index();
        // Within a body of known length it is known where the next message begins.
        if self.cross(direction, &missing) {
            if direction == Direction::ToServer {
                self.asked.note_late(missing.end + behind.len() as u64);
            }
            return true;
        }
        (self.skip_to[d], self.open[d]) = (None, None);
        self.lost[d].get_or_insert(Lost::new(Why::Gap));
        match direction {
            Direction::ToServer => self.asked.lose_requests(missing.end + behind.len() as u64, self.is_answering()),
            Direction::ToClient => self.lose_answers(),
        }
        !self.changed
    }
}

impl HttpDecoder {
    /// A message whose head is like one before, of which nothing was to be said.
    fn opened_alike(&mut self, input: Input<'_>) -> Option<Open> {
        let is_usual = match input.direction {
            Direction::ToServer => !self.asked.is_full(),
            // What follows a head depends on what was asked for.
            Direction::ToClient => self.asked.front().is_some_and(|asked| matches!(&*asked.head.start, "GET" | "POST")),
        };
        let alike = &mut self.alike[input.direction.index()];
        let Known { head, texts, framing } = if is_usual { alike.read(input.bytes)? } else { return None };
        Some(Open::new(head, texts, framing, input.offset))
    }

    /// Comes to the head of the next message.
    fn next_head(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Result<(), Progress> {
        let d = input.direction.index();
        if input.direction == Direction::ToClient && self.asked.asks_what_was_received() {
            self.asked.begin_answer(sink.received(Direction::ToServer));
        }
        if !input.end && !self.unfinished[d].may_have_ended(input.offset, input.bytes) {
            return Err(Progress::NeedMore);
        }
        let come = self.find_head(input, sink).and_then(|()| match self.open[d] {
            Some(_) => Ok(()),
            None => self.read_head(input, sink),
        });
        if come == Err(Progress::NeedMore) {
            self.unfinished[d].note(input.offset, input.bytes.len());
        }
        come
    }

    /// Passes over what is left of a message whose beginning is not there.
    fn find_head(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Result<(), Progress> {
        let d = input.direction.index();
        let Some(mut lost) = self.lost[d] else { return Ok(()) };
        match lost.look(input) {
            Found::Message(note) => {
                (self.lost[d], self.before[d], self.rest[d]) = (None, note, None);
                Ok(())
            }
            Found::NeedMore => Err(Progress::NeedMore),
            Found::Left => {
                if let Some(done) = self.read_on(&mut lost, input, sink) {
                    return done;
                }
                // What was passed over before may have been the end of an answer, and this is another.
                if input.direction == Direction::ToClient && lost.has_passed() {
                    self.lose_answers();
                }
                let progress = lost.pass(input, sink);
                self.lost[d] = Some(lost);
                Err(progress)
            }
        }
    }

    fn read_head(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Result<(), Progress> {
        if let Some(open) = self.opened_alike(input) {
            self.begin(open, input);
            return Ok(());
        }
        match head::read(input.direction, input.bytes) {
            Read::Complete(head) => {
                let open = self.opened(head, input);
                self.alike[input.direction.index()].learn(&open, input.bytes);
                self.begin(open, input);
                Ok(())
            }
            Read::NeedMore if input.end => Err(self.cut_head(input, sink)),
            Read::NeedMore => Err(Progress::NeedMore),
            Read::Invalid(why) => {
                self.lose(input.direction);
                Err(unreadable(input, HTTP1, foreign(input.bytes).unwrap_or(&why), sink))
            }
            Read::TooLarge(why) => {
                self.lose(input.direction);
                Err(too_large(input, &why, sink))
            }
        }
    }

    /// A head of which only the beginning is there: who sent it may have sent all of it.
    fn cut_head(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        if input.bytes.iter().all(|octet| matches!(octet, b'\r' | b'\n')) {
            return empty_line(input, sink);
        }
        let text = "the head is cut short: the connection or the capture ended first, or octets are missing";
        let note = Note::new(Severity::Warn, text, "RFC 9112 §2.1").about(Group::Undecoded);
        // What it says may be half of what was said: nothing waits for the answer, and nothing follows from it.
        self.lose(input.direction);
        let (payload, asked) = match head::read_cut(input.direction, input.bytes) {
            None if input.bytes.contains(&b'\n') => (HttpMessage::unreadable(input.bytes.len() as u64), None),
            None => (HttpMessage::cut(input.bytes.len() as u64), None),
            Some(head) => {
                let status = if let Start::Response { status, .. } = head.start { status } else { 0 };
                self.changed |= status == 101;
                let asked = match status {
                    0 => None,
                    100 | 102..200 => self.asked.front().cloned(),
                    _ => self.asked.pop(),
                };
                (HttpMessage::new(head, None), asked)
            }
        };
        let payload = payload.answering(asked.map(|asked| asked.range));
        let notes = self.before[input.direction.index()].take().into_iter().chain([note]).collect();
        let range = input.offset..input.offset + input.bytes.len() as u64;
        sink.message(Draft { direction: input.direction, range, payload: &payload, notes, complete: false });
        Progress::Consumed(input.bytes.len())
    }

    /// Not everything that is said in this direction is read.
    fn lose(&mut self, direction: Direction) {
        if direction == Direction::ToServer {
            self.asked.lose();
        }
    }

    /// A decoder for a connection that was joined in its middle.
    pub(super) fn joining() -> Self {
        let lost = [Some(Lost::new(Why::Beginning)); 2];
        Self { asked: Queue::joining(), lost, ..Self::default() }
    }

    fn begin(&mut self, mut open: Open, input: Input<'_>) {
        match input.direction {
            Direction::ToServer => self.remember(&open, input.offset),
            Direction::ToClient => {
                open.is_answer = self.asked.front().is_some();
                if !open.is_answer && open.head.is_final() {
                    self.asked.note_unasked();
                }
            }
        }
        open.notes.extend(self.before[input.direction.index()].take());
        // Where octets are missing it is not known what came behind what.
        if self.has_gaps == [false; 2] {
            open.notes.extend(self.persistence.behind(input.direction, &open.head));
        }
        self.open[input.direction.index()] = Some(open);
    }

    fn opened(&self, head: RawHead, input: Input<'_>) -> Open {
        let texts = Arc::new(head.to_ruling_head(input.bytes));
        let closing = Closing::of(&head, input.bytes);
        let mut notes = Vec::new();
        if head.may_be_odd(input.bytes) {
            odd::in_head(&input.bytes[..head.len], &mut notes);
        }
        let framing = match &head.start {
            Start::Request { method, .. } => {
                notes.extend(odd::in_method(&input.bytes[method.clone()]).into_iter().chain(self.asked.crowded()));
                body::of_request(&texts, &mut notes)
            }
            Start::Response { status, .. } => {
                let method = self.asked.front().map(|asked| &*asked.head.start);
                // Of what answers a request that is not known, where another answer follows at once, HEAD was asked.
                let is_bare = || self.has_gaps != [false; 2] && begins_response(&input.bytes[head.len..]) == Some(true);
                let method = method.or_else(|| is_bare().then_some("HEAD"));
                notes.extend(self.asked.lacking());
                if *status == 101 && texts.get("upgrade").is_none() {
                    let text = "the answer does not say to which protocol it changes";
                    notes.push(Note::new(Severity::Error, text, "RFC 9110 §15.2.2"));
                }
                notes.extend(self.asked.front().and_then(|asked| no_stream(*status, &asked.head)));
                let asked = self.asked.front().filter(|_| *status == 101);
                if let (Some(asked), Some(chosen)) = (asked, tokens(&texts).first())
                    && !asked.upgrade.contains(chosen)
                {
                    let text = format!("the server changes to {chosen}, for which the client has not asked");
                    notes.push(Note::new(Severity::Error, text, "RFC 9110 §7.8"));
                }
                body::of_response(*status, method, &texts, &mut notes)
            }
        };
        let is_stream = input.direction == Direction::ToClient && framing != Framing::None;
        let events = if is_stream { Events::of(&texts, &mut notes).map(Box::new) } else { None };
        Open { events, notes, closing, ..Open::new(head, texts, framing, input.offset) }
    }

    fn read_body(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let Some(open) = &mut self.open[input.direction.index()] else { return Progress::NeedMore };
        let extent = open.extent(input);
        open.read_events(input, sink);
        open.read_codings(input);
        let there = (open.taken + input.bytes.len()) as u64;
        open.seen = there;
        match extent {
            Extent::Whole(len) => self.finish(input, len, true, sink),
            Extent::Partial if input.end => {
                open.notes.push(open.cut_short(there));
                let lacks = sink.lacks(input.direction);
                open.notes.extend(open.events.as_ref().filter(|_| lacks).and_then(|events| events.unread()));
                self.skip_to[input.direction.index()] =
                    open.end().filter(|end| *end > input.offset + input.bytes.len() as u64);
                self.finish(input, there, false, sink)
            }
            Extent::Partial => open.consume(input),
            Extent::Broken(why, spec) => {
                open.notes.push(Note::new(Severity::Error, why, spec));
                let is_rest = open.is_rest;
                let progress = self.finish(input, there, false, sink);
                if is_rest {
                    self.lose_rest(input.direction);
                    return progress;
                }
                Progress::GiveUp
            }
        }
    }

    fn finish(&mut self, input: Input<'_>, len: u64, complete: bool, sink: &mut dyn Sink) -> Progress {
        let Some(mut open) = self.open[input.direction.index()].take() else { return Progress::NeedMore };
        if !complete {
            self.rest[input.direction.index()] = Rest::of(&open).map(Box::new);
        }
        if open.is_rest {
            return self.finish_rest(open, input, (len, complete), sink);
        }
        open.events.iter_mut().for_each(|events| events.end(complete, sink));
        let (start, taken) = (open.start, open.taken);
        if complete {
            self.persistence.note_end(input.direction, open.closing);
        }
        let range = start..start + len;
        let consumed = (len as usize).saturating_sub(taken);
        if let Some(chunks) = open.chunks.as_mut().filter(|_| !complete) {
            chunks.end_early((len as usize).saturating_sub(open.head.len));
        }
        open.notes.extend(open.unexpected(len));
        if let Some(chunks) = &mut open.chunks {
            open.notes.extend(chunks.notes());
            chunks.drop_later();
        }
        let request = self.asked.front().map(|asked| asked.range.clone()).filter(|_| open.is_answer);
        let line = open.head.start.clone();
        let payload = HttpMessage::new(open.head, open.chunks).with(&open.texts).answering(request);
        if let Some(undone) = open.undone.as_mut().filter(|_| complete) {
            open.notes.extend(undone.finish().map(|fault| fault.note()));
        } else if complete {
            let bytes = input.bytes.get(..len as usize).unwrap_or_default();
            open.notes.extend(payload.coding_note(&open.texts, bytes));
        } else {
            open.notes.extend(open.events.iter().filter_map(|events| events.fault.as_ref()).map(Fault::note));
        }
        sink.message(Draft {
            direction: input.direction,
            range: range.clone(),
            payload: &payload,
            notes: open.notes,
            complete,
        });
        match line {
            Start::Request { .. } => self.asked_all_of(range),
            Start::Response { status, .. } => {
                return self.answer(status, (&open.texts, open.is_answer), (range, consumed), sink);
            }
        }
        Progress::Consumed(consumed)
    }
}
