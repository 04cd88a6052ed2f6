//! The state of HTTP/1 on one connection: whose turn it is, which request a response answers, where bodies end.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::alike::{Alike, Known};
use super::body::{self, Framing};
use super::coding::Fault;
use super::describe::{HttpMessage, Side};
use super::events::Events;
use super::head::{self, RawHead, Read, Start, asks_for_events};
use super::odd;
use super::open::{Extent, Open};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Decoder, Draft, Head, Input, Progress, Sink, Upgrade};
use crate::protocol::for_upgrade;

/// More requests than this are not remembered while they wait for their responses.
const MAX_PIPELINED: usize = 1024;

/// A request that waits for its response.
#[derive(Debug, Clone)]
struct Asked {
    head: Arc<Head>,
    range: Range<u64>,
    /// The protocols it asks to change to, in lower case.
    upgrade: Vec<String>,
}

#[derive(Default)]
pub(super) struct HttpDecoder {
    asked: VecDeque<Asked>,
    open: [Option<Open>; 2],
    /// What follows is not HTTP: the protocol was changed to nobody knows what.
    changed: bool,
    /// After a gap in a body: where that body ends, by its length.
    skip_to: [Option<u64>; 2],
    /// The heads of each direction that others may be like.
    alike: [Alike; 2],
}

impl Decoder for HttpDecoder {
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
            return if input.end {
                self.unreadable(input, "no answer to the request to change the protocol", sink)
            } else {
                Progress::Wait
            };
        }
        if self.open[input.direction.index()].is_none()
            && let Err(progress) = self.read_head(input, sink)
        {
            return progress;
        }
        self.read_body(input, sink)
    }

    fn begun(&self, direction: Direction) -> Option<u64> {
        self.open[direction.index()].as_ref().filter(|open| open.taken > 0).map(|open| open.start)
    }

    fn gap(&mut self, direction: Direction, missing: Range<u64>, _behind: &[u8]) -> bool {
        let skip_to = &mut self.skip_to[direction.index()];
        // Only within a body of known length it is known where the next message begins.
        match *skip_to {
            Some(end) if missing.end <= end => {
                *skip_to = Some(end).filter(|end| missing.end < *end);
                true
            }
            _ => {
                self.open[direction.index()] = None;
                false
            }
        }
    }
}

impl HttpDecoder {
    /// A client that asked for another protocol, or for a tunnel, must wait for the answer before it speaks on: until
    /// then nobody knows what its bytes are (RFC 9110 §7.8, §9.3.6).
    fn waits_for_answer(&self) -> bool {
        self.open[Direction::ToServer.index()].is_none()
            && self.asked.back().is_some_and(|asked| !asked.upgrade.is_empty() || asked.head.start == "CONNECT")
    }

    /// A message whose head is like one before, of which nothing was to be said.
    fn opened_alike(&mut self, input: Input<'_>) -> Option<Open> {
        let is_usual = match input.direction {
            Direction::ToServer => self.asked.len() < MAX_PIPELINED,
            // What follows a head depends on what was asked for.
            Direction::ToClient => self.asked.front().is_some_and(|asked| matches!(&*asked.head.start, "GET" | "POST")),
        };
        let alike = &mut self.alike[input.direction.index()];
        let Known { head, texts, framing } = if is_usual { alike.read(input.bytes)? } else { return None };
        Some(Open::new(head, texts, framing, input.offset))
    }

    fn read_head(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Result<(), Progress> {
        if let Some(open) = self.opened_alike(input) {
            self.begin(open, input);
            return Ok(());
        }
        let read = match input.direction {
            Direction::ToServer => head::read_request(input.bytes),
            Direction::ToClient => head::read_response(input.bytes),
        };
        match read {
            Read::Complete(head) => {
                let open = self.opened(head, input);
                self.alike[input.direction.index()].learn(&open, input.bytes);
                self.begin(open, input);
                Ok(())
            }
            Read::NeedMore if input.end => Err(self.unreadable(input, "it ends in the middle of the head", sink)),
            Read::NeedMore => Err(Progress::NeedMore),
            Read::Invalid(why) => Err(self.unreadable(input, &why, sink)),
        }
    }

    fn begin(&mut self, open: Open, input: Input<'_>) {
        if input.direction == Direction::ToServer {
            self.remember(&open, input.offset);
        }
        self.open[input.direction.index()] = Some(open);
    }

    fn opened(&self, head: RawHead, input: Input<'_>) -> Open {
        let texts = Arc::new(head.to_ruling_head(input.bytes));
        let mut notes = Vec::new();
        if head.may_be_odd(input.bytes) {
            odd::in_head(&input.bytes[..head.len], &mut notes);
        }
        let framing = match &head.start {
            Start::Request { .. } => {
                if self.asked.len() >= MAX_PIPELINED {
                    let text =
                        format!("{MAX_PIPELINED} requests wait for answers: this one is not paired with its own");
                    notes.push(Note::new(Severity::Warn, text, "RFC 9112 §9.3.2"));
                }
                body::of_request(&texts, &mut notes)
            }
            Start::Response { status, .. } => {
                let method = self.asked.front().map(|asked| &*asked.head.start);
                if self.asked.is_empty() {
                    let text = "a response without a request: the capture may have begun in the middle";
                    notes.push(Note::new(Severity::Warn, text, "RFC 9112 §9.3"));
                }
                if *status == 101 && texts.get("upgrade").is_none() {
                    let text = "the answer does not say to which protocol it changes";
                    notes.push(Note::new(Severity::Error, text, "RFC 9110 §15.2.2"));
                }
                let wants_events =
                    |asked: &Asked| asked.head.all("accept").any(|value| asks_for_events(value.as_bytes()));
                if *status == 204 && self.asked.front().is_some_and(wants_events) {
                    let text = "no stream, and none later: an EventSource that is told 204 does not connect again";
                    notes.push(Note::new(Severity::Chat, text, "WHATWG HTML §9.2.3"));
                }
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
        let events = if is_stream { Events::of(&texts, &mut notes) } else { None };
        Open { events, notes, ..Open::new(head, texts, framing, input.offset) }
    }

    fn read_body(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let Some(open) = &mut self.open[input.direction.index()] else { return Progress::NeedMore };
        let extent = open.extent(input);
        open.read_events(input, sink);
        open.read_codings(input);
        let there = (open.taken + input.bytes.len()) as u64;
        match extent {
            Extent::Whole(len) => self.finish(input, len, true, sink),
            Extent::Partial if input.end => {
                let text = "the body is cut short: the connection or the capture ended first, or octets are missing";
                open.notes.push(Note::new(Severity::Warn, text, "RFC 9112 §8"));
                self.skip_to[input.direction.index()] =
                    open.end().filter(|end| *end > input.offset + input.bytes.len() as u64);
                self.finish(input, there, false, sink)
            }
            Extent::Partial => open.consume(input),
            Extent::Broken(why, spec) => {
                open.notes.push(Note::new(Severity::Error, why, spec));
                self.finish(input, there, false, sink);
                Progress::GiveUp
            }
        }
    }

    fn finish(&mut self, input: Input<'_>, len: u64, complete: bool, sink: &mut dyn Sink) -> Progress {
        let Some(mut open) = self.open[input.direction.index()].take() else { return Progress::NeedMore };
        open.events.iter_mut().for_each(|events| events.end(sink));
        let (start, taken) = (open.start, open.taken);
        let range = start..start + len;
        let consumed = (len as usize).saturating_sub(taken);
        let side = match input.direction {
            Direction::ToServer => Side::Request,
            Direction::ToClient => Side::Response,
        };
        open.notes.extend(open.chunks.notes());
        let chunks = (open.framing == Framing::Chunked).then_some(open.chunks);
        let request = self.asked.front().map(|asked| asked.range.clone()).filter(|_| side == Side::Response);
        let line = open.head.start.clone();
        let payload = HttpMessage::new(open.head, chunks).answering(request);
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
            Start::Response { status, .. } => return self.answer(status, &open.texts, (range, consumed), sink),
        }
        Progress::Consumed(consumed)
    }

    /// A request may be answered before its body is there: with 100, or with a refusal (RFC 9110 §10.1.1).
    fn remember(&mut self, open: &Open, offset: u64) {
        if self.asked.len() < MAX_PIPELINED {
            let head = Arc::clone(&open.texts);
            let upgrade = tokens(&head);
            let range = offset..offset + open.head.len as u64;
            self.asked.push_back(Asked { head, range, upgrade });
        }
    }

    /// The whole of a request is there.
    fn asked_all_of(&mut self, range: Range<u64>) {
        if let Some(asked) = self.asked.iter_mut().rfind(|asked| asked.range.start == range.start) {
            asked.range = range;
        }
    }

    /// Pairs a final response, or the 101, with its request; the others (100, 103) only announce.
    fn answer(&mut self, status: u16, head: &Head, (range, len): (Range<u64>, usize), sink: &mut dyn Sink) -> Progress {
        if (100..200).contains(&status) && status != 101 {
            return Progress::Consumed(len);
        }
        let asked = self.asked.pop_front();
        if asked.as_ref().is_some_and(|asked| asked.head.start == "CONNECT") && (200..300).contains(&status) {
            return Progress::Tunnel(len);
        }
        let switched = status == 101;
        let offered = asked.as_ref().map(|asked| asked.upgrade.as_slice()).unwrap_or_default();
        // What was chosen the answer says; of a refusal, or of an answer that does not, that is told which is known here.
        let known = || offered.iter().find(|token| for_upgrade(token).is_some()).or(offered.first()).cloned();
        let Some(token) = tokens(head).into_iter().next().filter(|_| switched).or_else(known) else {
            self.changed |= switched;
            return Progress::Consumed(len);
        };
        let (request, request_range) = asked.map(|asked| (asked.head, asked.range)).unzip();
        let request = request.as_deref().cloned().unwrap_or_default();
        sink.upgrade(Upgrade {
            token,
            request,
            response: head.clone(),
            request_range,
            response_range: range,
            switched,
        });
        if switched { Progress::Switch(len) } else { Progress::Consumed(len) }
    }

    fn unreadable(&mut self, input: Input<'_>, why: &str, sink: &mut dyn Sink) -> Progress {
        let payload = HttpMessage::unreadable(input.bytes.len() as u64);
        let text = format!("not a message that HTTP/1 allows: {why}");
        let note = Note::new(Severity::Error, text, "RFC 9112 §2.1").about(Group::Malformed);
        let range = input.offset..input.offset + input.bytes.len() as u64;
        sink.message(Draft {
            direction: input.direction,
            range,
            payload: &payload,
            notes: vec![note],
            complete: false,
        });
        Progress::GiveUp
    }
}

/// The names of the protocols in `Upgrade = #protocol`, `protocol = protocol-name ["/" protocol-version]` (RFC 9110 §7.8).
fn tokens(head: &Head) -> Vec<String> {
    let listed = head.all("upgrade").flat_map(|value| value.split(','));
    let names = listed.map(|protocol| protocol.split('/').next().unwrap_or_default().trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}
