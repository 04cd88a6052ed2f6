//! The only place that knows floors 1 to 5 in order: frame → packet → connection → ordered bytes → messages.

use std::ops::Range;

use super::model::{Message, Record, Talk, Trace};
use super::remarks;
use crate::capture::FrameRef;
use crate::flow::{Connection, FlowTable, Segment, Stream};
use crate::layer::{Direction, Note, Severity};
use crate::message::{Decoder, Draft, Input, Probe, Progress, Sink, Upgrade, Verdict};
use crate::packet::{Flags, Packet};
use crate::protocol;

/// Takes frames one by one and makes a [`Trace`] of them.
#[derive(Default)]
pub struct Pipeline {
    flows: FlowTable,
    lanes: Vec<Lane>,
    trace: Trace,
}

/// What is spoken on a connection.
#[derive(Default)]
enum Speech {
    /// Not enough bytes to tell.
    #[default]
    Unheard,
    /// A protocol, with its state.
    Known(&'static str, Box<dyn Decoder>),
    /// No registered protocol.
    Unknown,
}

/// A connection's bytes and how far they were read.
#[derive(Default)]
struct Lane {
    streams: [Stream; 2],
    read: [u64; 2],
    deaf: [bool; 2],
    /// Where each stream ends by its FIN, and that FIN's frame.
    fin: [Option<(u64, u32)>; 2],
    /// No more will come, in either direction: the connection was reset, or the capture is over.
    over: bool,
    /// How many of each stream's gaps a note speaks of.
    told: [usize; 2],
    /// The frame in which the latest message of each direction ended.
    ends_in: [u32; 2],
    speech: Speech,
}

/// Collects what a decoder hands out during one call.
#[derive(Default)]
struct Found {
    messages: Vec<OwnedDraft>,
    upgrade: Option<Upgrade>,
}

struct OwnedDraft {
    direction: Direction,
    range: Range<u64>,
    payload: Box<dyn crate::message::Payload>,
    notes: Vec<Note>,
    complete: bool,
}

impl Sink for Found {
    fn message(&mut self, draft: Draft<'_>) {
        self.messages.push(OwnedDraft {
            direction: draft.direction,
            range: draft.range,
            payload: draft.payload.boxed(),
            notes: draft.notes,
            complete: draft.complete,
        });
    }

    fn upgrade(&mut self, upgrade: Upgrade) {
        self.upgrade = Some(upgrade);
    }
}

impl Pipeline {
    /// Takes the next frame. Frames are numbered from 1 in the order in which they come.
    pub fn push(&mut self, frame: FrameRef<'_>) {
        let number = self.trace.len() + 1;
        let packet = Packet::decode(frame.link, frame.data, frame.len);
        let mut record = Record { frame: frame.to_frame(), packet, segment: None, delivery: None };
        self.note_faults(&packet, frame, number);
        if let Some(segment) = self.flows.push(&packet, frame.data, number, frame.time) {
            self.deliver(&mut record, segment, number);
        }
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

    fn note_faults(&mut self, packet: &Packet, frame: FrameRef<'_>, number: u32) {
        let fault = packet.fault.map(|fault| fault.note(packet.missing));
        if let Some(note) = fault.filter(|note| note.severity > Severity::Chat) {
            self.trace.notes.push((Some(number), note));
        } else if packet.missing > 0 {
            let text = format!("the capture kept {} of the frame's {} octets", frame.data.len(), frame.len);
            self.trace.notes.push((Some(number), Note::new(Severity::Note, text, "")));
        }
    }

    /// Puts the segment's payload where it belongs in its stream.
    fn deliver(&mut self, record: &mut Record, mut segment: Segment, number: u32) {
        let index = segment.connection as usize;
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, Lane::default);
        }
        let lane = &mut self.lanes[index];
        let payload = record.packet.payload;
        let bytes = payload.of(&record.frame.data);
        if let Some(offset) = segment.offset.filter(|_| !bytes.is_empty()) {
            let stream = &mut lane.streams[segment.direction.index()];
            let acknowledged = self.flows.connections()[index].acknowledged(segment.direction);
            stream.acknowledge(acknowledged.unwrap_or(0));
            let delivery = stream.add(offset, bytes, number, payload.start);
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
        lane.hear_end(&record.packet, &segment, number);
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
        if switched {
            self.lanes[connection].speech = match (dissector, decoder) {
                (Some(dissector), Some(decoder)) => Speech::Known(dissector.name(), decoder),
                _ => Speech::Unknown,
            };
        }
    }

    fn keep(&mut self, connection: usize, draft: OwnedDraft) {
        let lane = &mut self.lanes[connection];
        let frames = lane.streams[draft.direction.index()].frames(draft.range.clone());
        let ended = lane.closed(draft.direction.index());
        let ends_in = &mut lane.ends_in[draft.direction.index()];
        let fin = lane.fin[draft.direction.index()].filter(|(end, _)| ended && *end == draft.range.end);
        let known_by = fin.map_or(0, |(_, frame)| frame);
        *ends_in = frames.last().copied().unwrap_or(0).max(*ends_in).max(known_by);
        let last = *ends_in;
        let time = self.trace.record(last).map(|record| record.frame.time).unwrap_or_default();
        self.trace.notes.extend(draft.notes.iter().map(|note| (Some(last), note.clone())));
        self.trace.messages.push(Message {
            connection: connection as u32,
            direction: draft.direction,
            range: draft.range,
            frames,
            ends_in: last,
            time,
            payload: draft.payload,
            notes: draft.notes,
            complete: draft.complete,
        });
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

impl Lane {
    /// Whether the sender closed this direction and nothing is missing before its FIN.
    fn closed(&self, d: usize) -> bool {
        self.fin[d].is_some_and(|(fin, _)| self.streams[d].end() >= fin)
    }

    /// Whether no more will come in this direction.
    fn ended(&self, d: usize) -> bool {
        self.over || self.closed(d)
    }

    /// Takes note of FIN and RST. A FIN may come before bytes that belong in front of it.
    fn hear_end(&mut self, packet: &Packet, segment: &Segment, frame: u32) {
        let Some((tcp, ..)) = packet.tcp() else { return };
        if tcp.flags.has(Flags::SYN) && self.over {
            // The client tries again with the number it had: what was refused may be granted now.
            (self.over, self.deaf) = (false, [false, false]);
        }
        self.over |= tcp.flags.has(Flags::RST);
        if let Some(offset) = segment.offset.filter(|_| tcp.flags.has(Flags::FIN)) {
            self.fin[segment.direction.index()].get_or_insert((offset + u64::from(segment.len), frame));
        }
    }

    fn gap_note(&self, to: Direction, gap: &Range<u64>, acknowledged: Option<u64>, rest: &str) -> (Option<u32>, Note) {
        let frame = self.streams[to.index()].frames(gap.end..gap.end + 1).first().copied();
        (frame, remarks::gap(gap, acknowledged, rest))
    }

    /// Finds out which protocol is spoken. Returns whether it is known now.
    fn recognise(&mut self) -> bool {
        let [to_server, to_client] = &self.streams;
        let probe = Probe {
            to_server: to_server.slice(0..u64::MAX),
            to_client: to_client.slice(0..u64::MAX),
            end: self.ended(0) && self.ended(1),
        };
        if probe.to_server.is_empty() && probe.to_client.is_empty() {
            return false;
        }
        let mut undecided = false;
        for dissector in protocol::DISSECTORS {
            match dissector.probe(probe) {
                Verdict::Yes => {
                    let Some(decoder) = dissector.decoder() else { continue };
                    self.speech = Speech::Known(dissector.name(), decoder);
                    return true;
                }
                Verdict::NeedMore => undecided = true,
                Verdict::No => {}
            }
        }
        if !undecided {
            self.speech = Speech::Unknown;
        }
        false
    }
}
