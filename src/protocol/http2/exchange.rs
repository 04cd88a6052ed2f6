//! A request and its answer on one stream of HTTP/2. Their octets are the field sections, compressed, whose meaning is told
//! beforehand, and the contents of DATA frames; where they end the frames say.
//!
//! # References
//! - RFC 9113 §8.1 (framing of messages), §8.2.2 (fields of connections), §8.5 (CONNECT); RFC 8441 (WebSocket).

use std::collections::VecDeque;
use std::ops::Range;

use crate::count::counted;
use crate::layer::{Direction, Note, Severity};
use crate::message::{Decoder, Draft, Input, Progress, Section, Sink, Upgrade};
use crate::protocol::http1::{Events, Fault, HttpMessage, Packed, Rules, Undone, no_stream, unreadable};

/// So many sections wait for those before them; who waits for an answer says no more.
const MAX_SECTIONS: usize = 16;
/// So many octets of memory what it holds takes beside what was said: lists, and their places.
const AROUND: usize = 512;
/// Bodies of up to so many octets are waited for; of longer ones what was read is consumed.
const READ_WHOLE: u64 = 64 << 10;
const CUT_SHORT: &str =
    "the body is cut short: the stream, the connection or the capture ended first, or octets are missing";
/// Fields that are about a connection, which HTTP/2 has its own words for (RFC 9113 §8.2.2).
const OF_CONNECTIONS: [&str; 5] = ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"];

/// The decoder of one stream.
pub(in crate::protocol) struct Exchange {
    sides: [Side; 2],
    asked: Option<Asked>,
    /// The server began the stream: it answers a request that it has made up (PUSH_PROMISE).
    is_pushed: bool,
}

/// What one side says.
#[derive(Default)]
struct Side {
    /// Where sections lie, and what they say.
    sections: VecDeque<(Range<u64>, Section)>,
    /// Where one begins that is not whole yet.
    begun: Option<u64>,
    open: Option<Open>,
}

/// The request.
struct Asked {
    head: Packed,
    range: Range<u64>,
    /// The protocol that it asks for, in lower case.
    token: Option<String>,
    /// It is a CONNECT that was not answered yet.
    waits: bool,
}

/// A message whose head was read and whose end was not.
struct Open {
    head: Packed,
    /// Where its head lies.
    at: Range<u64>,
    has_body: bool,
    events: Option<Events>,
    /// Undoes the content codings of a long body, to see whether that can be done.
    undone: Option<Undone>,
    /// Up to where the body was read.
    read: u64,
    /// Some of it was consumed.
    is_long: bool,
    notes: Vec<Note>,
}

pub(super) const HTTP2: Rules = ("HTTP/2", "RFC 9113 §8.1");

impl Exchange {
    /// A decoder for the stream with this number.
    pub(in crate::protocol) fn new(stream: u32) -> Self {
        Self { sides: Default::default(), asked: None, is_pushed: stream.is_multiple_of(2) }
    }
}

impl Decoder for Exchange {
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let d = input.direction.index();
        if self.sides[d].open.is_none()
            && let Err(progress) = self.begin(input, sink)
        {
            return progress;
        }
        self.go_on(input, sink)
    }

    fn section(&mut self, direction: Direction, range: Range<u64>, section: Option<Section>) {
        let side = &mut self.sides[direction.index()];
        let Some(section) = section else {
            side.begun.get_or_insert(range.start);
            return;
        };
        side.begun = None;
        if range.is_empty() && !section.is_empty() {
            // Fields without an octet: that was asked before the stream began, elsewhere.
            let head = Packed::read(&section, direction == Direction::ToServer);
            self.asked = head.map(|head| Asked { head, range, token: None, waits: false });
            return;
        }
        if side.sections.len() < MAX_SECTIONS {
            side.sections.push_back((range, section));
        }
    }

    fn begun(&self, direction: Direction) -> Option<u64> {
        self.sides[direction.index()].open.as_ref().filter(|open| open.is_long).map(|open| open.at.start)
    }

    fn kept(&self) -> usize {
        // What sections say the connection counts. There may be many of these.
        let open: usize = self.sides.iter().filter_map(|side| side.open.as_ref()).map(Open::kept).sum();
        open + size_of::<Self>() + AROUND
    }

    fn gap(&mut self, _direction: Direction, _missing: Range<u64>, _behind: &[u8]) -> bool {
        false
    }
}

impl Exchange {
    /// Takes the head of the next message.
    fn begin(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Result<(), Progress> {
        let is_request = input.direction == Direction::ToServer;
        let waits = is_request && self.asked.as_ref().is_some_and(|asked| asked.waits);
        let side = &mut self.sides[input.direction.index()];
        let next = side.sections.pop_front_if(|(range, _)| !waits && range.start == input.offset && !range.is_empty());
        let Some((at, section)) = next else {
            let why = match waits {
                true if !input.end => return Err(Progress::Wait),
                true => "no answer to the request for another protocol",
                false if input.bytes.is_empty() || (!input.end && side.begun.is_some()) => {
                    return Err(Progress::NeedMore);
                }
                false => "it does not begin with a field section",
            };
            return Err(unreadable(input, HTTP2, why, sink));
        };
        let Some(head) = Packed::read(&section, is_request) else {
            let why = if is_request { "a request without :method" } else { "a response without :status" };
            return Err(unreadable(input, HTTP2, why, sink));
        };
        let open = self.opened(head, at, input.direction);
        if is_request {
            let token = open.head.value(":protocol").map(str::to_ascii_lowercase);
            let waits = open.head.value(":method") == Some("CONNECT");
            self.asked = Some(Asked { head: open.head.clone(), range: open.at.clone(), token, waits });
        }
        self.sides[input.direction.index()].open = Some(open);
        Ok(())
    }

    fn opened(&self, head: Packed, at: Range<u64>, direction: Direction) -> Open {
        let mut notes = Vec::new();
        if let Some(name) = OF_CONNECTIONS.iter().find(|name| head.value(name).is_some()) {
            let text = format!("the field {name} is about a connection: HTTP/2 has none such");
            notes.push(Note::new(Severity::Error, text, "RFC 9113 §8.2.2"));
        }
        let method = self.asked.as_ref().and_then(|asked| asked.head.value(":method"));
        let has_body = match head.status {
            None => head.value(":method") != Some("CONNECT"),
            Some(status) => {
                if self.asked.is_none() && !self.is_pushed {
                    let text = "a response to a request that was not read before it: that may be missing from the capture, or \
                                behind it, or its header fields cannot be read";
                    notes.push(Note::new(Severity::Warn, text, "RFC 9113 §8.1"));
                }
                // A head is only made where it is needed: its texts are copies.
                let asked = self.asked.as_ref().filter(|_| status == 204);
                notes.extend(asked.and_then(|asked| no_stream(status, &asked.head.to_head())));
                let tunnels = method == Some("CONNECT") && (200..300).contains(&status);
                method != Some("HEAD") && !matches!(status, 100..=199 | 204 | 304) && !tunnels
            }
        };
        let is_stream = direction == Direction::ToClient && has_body;
        let may_be = is_stream
            && head.value("content-type").is_some_and(|text| text.to_ascii_lowercase().contains("event-stream"));
        let events = if may_be { Events::of(&head.to_head(), &mut notes) } else { None };
        Open { head, read: at.end, at, has_body, events, undone: None, is_long: false, notes }
    }

    fn go_on(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        let side = &mut self.sides[input.direction.index()];
        let Some(open) = &mut side.open else { return Progress::NeedMore };
        let there = input.offset + input.bytes.len() as u64;
        if !open.has_body {
            let end = open.at.end;
            return self.finish(input, end, true, sink);
        }
        let next = side.sections.front().map(|(range, _)| range.clone());
        let end = next.as_ref().map(|range| range.start).or(side.begun).unwrap_or(there).min(there);
        open.read_body(input, end, sink);
        if let Some(trailer) = next.filter(|range| range.end <= there) {
            side.sections.pop_front();
            open.head.tail_len = trailer.end - trailer.start;
            return self.finish(input, trailer.end, true, sink);
        }
        if input.closed && side.begun.is_none() {
            return self.finish(input, there, true, sink);
        }
        if input.end {
            open.notes.push(match open.events {
                Some(_) if open.head.value("content-length").is_none() => Events::unended(),
                _ => Note::new(Severity::Warn, CUT_SHORT, "RFC 9113 §8.1"),
            });
            return self.finish(input, there, false, sink);
        }
        open.consume(input, end)
    }

    fn finish(&mut self, input: Input<'_>, end: u64, complete: bool, sink: &mut dyn Sink) -> Progress {
        let Some(mut open) = self.sides[input.direction.index()].open.take() else { return Progress::NeedMore };
        open.events.iter_mut().for_each(|events| events.end(complete, sink));
        let range = open.at.start..end;
        let status = open.head.status;
        let body_len = end - open.at.end - open.head.tail_len;
        if complete && open.has_body {
            open.notes.extend(wrong_length(&open.head, body_len));
        }
        let request = self.asked.as_ref().map(|asked| asked.range.clone()).filter(|_| status.is_some());
        let head = open.head.clone();
        let payload = HttpMessage::packed(open.head, open.at.end - open.at.start).answering(request);
        if let Some(undone) = open.undone.as_mut().filter(|_| complete) {
            open.notes.extend(undone.finish().map(|fault| fault.note()));
        } else if complete {
            let bytes = input.within(input.direction, &range).unwrap_or_default();
            let coded = head.value("content-encoding");
            open.notes.extend(coded.and_then(|_| payload.coding_note(&head.to_head(), bytes)));
        } else {
            open.notes.extend(open.events.iter().filter_map(|events| events.fault.as_ref()).map(Fault::note));
        }
        let (direction, notes) = (input.direction, open.notes);
        sink.message(Draft { direction, range: range.clone(), payload: &payload, notes, complete });
        let consumed = (end - input.offset) as usize;
        match status {
            Some(status) => self.answer(status, &head, (range, consumed), sink),
            None => {
                self.asked.iter_mut().for_each(|asked| asked.range = range.clone());
                Progress::Consumed(consumed)
            }
        }
    }

    /// Goes on as what a CONNECT has asked for, if this final response grants it.
    fn answer(
        &mut self,
        status: u16,
        head: &Packed,
        (range, len): (Range<u64>, usize),
        sink: &mut dyn Sink,
    ) -> Progress {
        let Some(asked) = self.asked.as_mut().filter(|asked| asked.waits && status >= 200) else {
            return Progress::Consumed(len);
        };
        asked.waits = false;
        let switched = (200..300).contains(&status);
        let Some(token) = asked.token.take() else {
            return if switched { Progress::Tunnel(len) } else { Progress::Consumed(len) };
        };
        sink.upgrade(Upgrade {
            token,
            request: asked.head.to_head(),
            response: head.to_head(),
            request_range: Some(asked.range.clone()),
            response_range: range,
            switched,
            spoke_early: false,
        });
        if switched { Progress::Switch(len) } else { Progress::Consumed(len) }
    }
}

impl Open {
    /// How many octets of memory it keeps.
    fn kept(&self) -> usize {
        self.events.as_ref().map_or(0, Events::kept) + self.undone.as_ref().map_or(0, Undone::kept)
    }

    /// Reads what is there of the body, up to `end`.
    fn read_body(&mut self, input: Input<'_>, end: u64, sink: &mut dyn Sink) {
        let fresh = self.read..end.max(self.read);
        let octets = input.within(input.direction, &fresh).unwrap_or_default();
        self.undone.iter_mut().for_each(|undone| undone.push(octets));
        if let Some(events) = &mut self.events {
            events.push(fresh.clone(), octets, sink);
        }
        self.read = fresh.end;
    }

    /// Consumes what nobody needs any more of a long body.
    fn consume(&mut self, input: Input<'_>, end: u64) -> Progress {
        let there = end - input.offset;
        if there == 0 || (!self.is_long && there <= READ_WHOLE) {
            return Progress::NeedMore;
        }
        if !std::mem::replace(&mut self.is_long, true) {
            self.undone = self.head.value("content-encoding").and_then(|_| Undone::of(&self.head.to_head()));
            let body = input.within(input.direction, &(self.at.end..end)).unwrap_or_default();
            self.undone.iter_mut().for_each(|undone| undone.push(body));
        }
        Progress::Consumed(there as usize)
    }
}

/// "A request or response that is defined as having content when it contains a Content-Length header field … is malformed if
/// the value … does not equal the sum of the DATA frame payload lengths" (RFC 9113 §8.1.1).
fn wrong_length(head: &Packed, body_len: u64) -> Option<Note> {
    let said: u64 = head.value("content-length")?.trim().parse().ok()?;
    let text = format!("content-length says {said}, and {} came", counted(body_len, "octet"));
    (said != body_len).then(|| Note::new(Severity::Error, text, "RFC 9113 §8.1.1"))
}
