//! The only place that knows floors 1 to 5 in order: frame → packet → connection → ordered bytes → messages.

use std::ops::Range;

use super::found::{Found, OwnedDraft};
use super::intake::Intake;
use super::lane::{Lane, Speech};
use super::model::{Message, Record, Talk, Trace};
use super::remarks;
use super::session::{self, Carried, Sessions};
use crate::capture::FrameRef;
use crate::flow::{Connection, FlowTable, Segment};
use crate::layer::{Direction, Note, Severity};
use crate::message::{Input, Progress, Upgrade};
use crate::protocol;

/// Takes frames one by one and makes a [`Trace`] of them.
#[derive(Default)]
pub struct Pipeline {
    intake: Intake,
    flows: FlowTable,
    lanes: Vec<Lane>,
    sessions: Sessions,
    trace: Trace,
}

impl Pipeline {
    /// Takes the next frame. Frames are numbered from 1 in the order in which they come.
    pub fn push(&mut self, frame: FrameRef<'_>) {
        let number = self.trace.len() + 1;
        let mut record = self.intake.admit(frame, number, &mut self.trace.notes);
        let (packet, data) = record.whole();
        let heard = (!record.damaged).then(|| self.flows.push(packet, data, number, frame.time)).flatten();
        if let Some(segment) = heard {
            self.deliver(&mut record, segment, number);
        }
        self.trace.tell_fragments(&mut record, number);
        if let Some(segment) = &record.segment {
            self.trace.notes.extend(segment.notes.iter().map(|note| (Some(number), note.clone())));
        }
        let end = record.segment.as_ref().map(|segment| (segment.connection, segment.direction));
        self.trace.records.push(record);
        if let Some((connection, direction)) = end {
            self.listen(connection as usize, direction);
            if let Some(lane) = self.lanes.get_mut(connection as usize).filter(|lane| lane.over) {
                lane.deaf = [true, true];
            }
        }
    }

    /// Takes a remark on the capture as a whole, such as that its file was cut.
    pub fn remark(&mut self, note: Note) {
        self.trace.notes.push((None, note));
    }

    /// Ends the capture: what is still open is shown as it stands.
    pub fn finish(mut self) -> Trace {
        for connection in 0..self.lanes.len() {
            self.lanes[connection].over = true;
            for direction in [Direction::ToServer, Direction::ToClient] {
                self.listen(connection, direction);
                self.tell_gaps(connection, direction);
            }
        }
        self.trace.notes.extend(self.intake.finish());
        self.note_connections();
        self.trace.connections = self.flows.into_connections();
        for lane in self.lanes {
            self.trace.talks.push(match lane.speech {
                Speech::Unheard => Talk::Silent,
                Speech::Known(name, _) => Talk::Known(name),
                Speech::Unknown => Talk::Unknown,
            });
            self.trace.streams.push(lane.streams);
        }
        self.trace.messages.sort_by_key(Message::frame);
        self.trace.notes.sort_by_key(|(frame, _)| *frame);
        self.trace.index_carriers();
        self.trace
    }

    /// Puts the segment's payload where it belongs in its stream.
    fn deliver(&mut self, record: &mut Record, mut segment: Segment, number: u32) {
        let index = segment.connection as usize;
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, Lane::default);
        }
        let lane = &mut self.lanes[index];
        let (packet, data) = record.whole();
        let bytes = packet.payload.of(data);
        if let Some(offset) = segment.offset.filter(|_| !bytes.is_empty()) {
            let stream = &mut lane.streams[segment.direction.index()];
            let acknowledged = self.flows.connections()[index].acknowledged(segment.direction);
            stream.acknowledge(acknowledged.unwrap_or(0));
            let delivery = record.add_to(stream, offset, number);
            if let Some(note) = remarks::arrival(delivery.arrival) {
                segment.notes.push(note);
            }
            record.delivery = Some(delivery);
        } else if segment.len > 0 && segment.offset.is_none() {
            let text = "payload from before the beginning of this connection's stream: not part of it";
            segment.notes.push(Note::new(Severity::Note, text, "RFC 9293 §3.4"));
        }
        if lane.over && segment.len > 0 {
            let text = "payload after the connection was reset: it is not read";
            segment.notes.push(Note::new(Severity::Note, text, "RFC 9293 §3.5.2"));
        }
        lane.hear_end(record.whole().0, &segment, number);
        record.segment = Some(segment);
    }

    /// Lets the decoder of a connection hear what is new, as long as either direction gets on.
    fn listen(&mut self, connection: usize, direction: Direction) {
        let mut turns = [direction, direction.reverse()].into_iter().cycle();
        let mut idle = 0;
        while idle < 2 {
            let Some(direction) = turns.next() else { return };
            idle = if self.step(connection, direction) { 0 } else { idle + 1 };
        }
    }

    /// One call of the decoder. Returns whether it got on.
    fn step(&mut self, connection: usize, direction: Direction) -> bool {
        let Some(lane) = self.lanes.get_mut(connection) else { return false };
        if matches!(lane.speech, Speech::Unheard) && !lane.recognise() {
            return false;
        }
        let d = direction.index();
        if lane.deaf[d] {
            return false;
        }
        let (ended, closed) = (lane.ended(d), lane.closed(d));
        let Speech::Known(_, decoder) = &mut lane.speech else { return false };
        let unread = lane.streams[d].slice(lane.read[d]..u64::MAX);
        let given_up = lane.read[d] + (unread.len() as u64) < lane.streams[d].end();
        let at_gap = given_up || (ended && lane.streams[d].has_hole());
        if at_gap && unread.is_empty() {
            return self.cross_gap(connection, direction);
        }
        let (end, closed) = (ended || at_gap, closed && !at_gap);
        let input = Input { direction, offset: lane.read[d], bytes: unread, end, closed };
        let mut found = Found::default();
        let progress = decoder.decode(input, &mut found);
        self.take(connection, direction, progress, found)
    }

    fn take(&mut self, connection: usize, direction: Direction, progress: Progress, found: Found) -> bool {
        let lane = &mut self.lanes[connection];
        let (consumed, switched) = match progress {
            Progress::Consumed(n) => (n, false),
            Progress::Switch(n) => (n, true),
            Progress::GiveUp => {
                lane.deaf[direction.index()] = true;
                (0, false)
            }
            Progress::NeedMore | Progress::Wait => (0, false),
        };
        lane.read[direction.index()] += consumed as u64;
        for draft in found.messages {
            self.keep(connection, draft);
        }
        if let Some(upgrade) = found.upgrade {
            self.upgrade(connection, &upgrade, switched);
        }
        consumed > 0
    }

    /// Asks the dissector of the new protocol for its judgement and, if the protocol changed, for a decoder.
    fn upgrade(&mut self, connection: usize, upgrade: &Upgrade, switched: bool) {
        let dissector = protocol::for_upgrade(&upgrade.token);
        let mut found = Found::default();
        let decoder = dissector.and_then(|dissector| dissector.upgraded(upgrade, &mut found));
        for draft in found.messages {
            self.keep(connection, draft);
        }
        for (direction, range, note) in found.remarks {
            self.remark_on(connection, direction, &range, note);
        }
        if switched {
            self.lanes[connection].speech = match (dissector, decoder) {
                (Some(dissector), Some(decoder)) => Speech::Known(dissector.name(), decoder),
                _ => Speech::Unknown,
            };
        }
    }

    fn keep(&mut self, connection: usize, draft: OwnedDraft) {
        let lane = &mut self.lanes[connection];
        let mut frames = lane.streams[draft.direction.index()].frames(draft.range.clone());
        self.trace.add_completing(&mut frames);
        let ended = lane.closed(draft.direction.index());
        let ends_in = &mut lane.ends_in[draft.direction.index()];
        let fin = lane.fin[draft.direction.index()].filter(|(end, _)| ended && *end == draft.range.end);
        let known_by = fin.map_or(0, |(_, frame)| frame);
        *ends_in = frames.last().copied().unwrap_or(0).max(*ends_in).max(known_by);
        let last = *ends_in;
        let time = self.trace.record(last).map(|record| record.frame.time).unwrap_or_default();
        self.trace.notes.extend(draft.notes.iter().map(|note| (Some(last), note.clone())));
        let message = Message {
            connection: connection as u32,
            direction: draft.direction,
            range: draft.range,
            frames,
            ends_in: last,
            time,
            payload: draft.payload,
            notes: draft.notes,
            complete: draft.complete,
        };
        self.ride(message);
    }

    /// Keeps a message, and behind it the messages of the protocols that ride on it.
    fn ride(&mut self, mut message: Message) {
        let stream = &self.lanes[message.connection as usize].streams[message.direction.index()];
        let carried = Carried {
            connection: message.connection,
            direction: message.direction,
            start: message.range.start,
            bytes: stream.slice(message.range.clone()),
            frames: &message.frames,
            complete: message.complete,
        };
        let mut found = session::Found::default();
        self.sessions.hear(&carried, message.payload.as_ref(), &mut found);
        let noted = found.remarks.iter().chain(found.ridden.iter().flat_map(|ridden| &ridden.notes));
        self.trace.notes.extend(noted.map(|note| (Some(message.ends_in), note.clone())));
        message.notes.extend(found.remarks);
        let riders: Vec<Message> = found
            .ridden
            .into_iter()
            .map(|ridden| Message {
                range: message.range.clone(),
                frames: if ridden.frames.is_empty() { message.frames.clone() } else { ridden.frames },
                payload: ridden.payload,
                notes: ridden.notes,
                ..message
            })
            .collect();
        self.trace.messages.push(message);
        self.trace.messages.extend(riders);
    }

    /// Adds a note to a message kept before.
    fn remark_on(&mut self, connection: usize, direction: Direction, range: &Range<u64>, note: Note) {
        let meant = |message: &&mut Message| {
            message.connection == connection as u32 && message.direction == direction && message.range == *range
        };
        let Some(message) = self.trace.messages.iter_mut().rev().find(meant) else { return };
        self.trace.notes.push((Some(message.ends_in), note.clone()));
        message.notes.push(note);
    }

    /// Goes on behind bytes that were never captured, if the protocol can; always says what is missing.
    fn cross_gap(&mut self, connection: usize, direction: Direction) -> bool {
        let lane = &mut self.lanes[connection];
        let d = direction.index();
        let read = lane.read[d];
        let known = lane.streams[d].gaps().iter().position(|gap| gap.end > read);
        if known.is_none() && lane.streams[d].skip_gap().is_none() {
            return false;
        }
        let at = known.unwrap_or(lane.streams[d].gaps().len() - 1);
        let gap = lane.streams[d].gaps()[at].clone();
        lane.told[d] = lane.told[d].max(at + 1);
        let goes_on = match &mut lane.speech {
            Speech::Known(_, decoder) => decoder.gap(direction, gap.clone()),
            _ => false,
        };
        lane.read[d] = gap.end;
        lane.deaf[d] = !goes_on;
        let rest = if goes_on { "" } else { "; what follows in this direction cannot be read" };
        let acknowledged = self.flows.connections()[connection].acknowledged(direction);
        self.trace.notes.push(lane.gap_note(direction, &gap, acknowledged, rest));
        goes_on
    }

    /// Speaks of all gaps that nobody came upon: behind another, or on a connection that nobody reads; and of bytes
    /// that are missing at the end.
    fn tell_gaps(&mut self, connection: usize, direction: Direction) {
        let lane = &mut self.lanes[connection];
        let d = direction.index();
        while lane.streams[d].skip_gap().is_some() {}
        let flow = &self.flows.connections()[connection];
        let acknowledged = flow.acknowledged(direction);
        for gap in &lane.streams[d].gaps()[lane.told[d]..] {
            self.trace.notes.push(lane.gap_note(direction, gap, acknowledged, ""));
        }
        // Nobody may send more than 1 GiB unacknowledged (RFC 7323 §2.3): a higher number is no evidence.
        let plausible = acknowledged.filter(|end| end.saturating_sub(flow.sent(direction)) <= 1 << 30);
        let sent = lane.fin[d].map_or(flow.sent(direction).max(plausible.unwrap_or(0)), |(end, _)| end);
        if let Some(missing) = sent.checked_sub(lane.streams[d].end()).filter(|n| *n > 0) {
            let from = if direction == Direction::ToServer { flow.client } else { flow.server };
            self.trace.notes.push((Some(flow.last.0), remarks::missing_end(missing, from, acknowledged, sent)));
        }
    }

    fn note_connections(&mut self) {
        let remarks = self.flows.connections().iter().flat_map(Connection::remarks);
        self.trace.notes.extend(remarks.map(|(frame, note)| (Some(frame), note)));
    }
}
