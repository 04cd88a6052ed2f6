//! The only place that knows floors 1 to 5 in order: frame → packet → connection → ordered bytes → messages.

use super::awaited::{Unfinished, Why};
use super::ear::{Common, Lent};
use super::express::Ways;
use super::hand::{Scratch, place, tell};
use super::intake::{Admitted, Intake, Portion, add_pieces};
use super::keep::Keeper;
use super::lane::{Lane, Speech};
use super::model::Trace;
use super::remarks;
use super::session::Sessions;
use super::watch::{Ended, Inside, Place, Seen, Sight, Watch, ends_of};
use crate::capture::{FrameRef, Moment};
use crate::flow::{
    Connection, Delivery, Ending, Farewell, Finding, Flow, FlowId, FlowLimits, FlowTable, Fresh, Origin, Segment,
};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::Ender;
use crate::packet::Flags;
use crate::protocol::KeyLog;

/// Takes frames one by one and tells a [`Watch`] what is in them.
pub struct Pipeline<W = Keeper> {
    pub(super) intake: Intake,
    pub(super) flows: FlowTable<Lane>,
    pub(super) ways: Ways,
    pub(super) common: Common<W>,
    frames: u32,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self::new(Keeper::default())
    }
}

impl Pipeline {
    /// Ends the capture: what is still open is shown as it stands.
    pub fn finish(self) -> Trace {
        self.end().into_trace()
    }
}

impl<W: Watch> Pipeline<W> {
    /// A pipeline that tells `watch`. Memory is bounded, whatever the capture, unless it needs everything.
    pub fn new(watch: W) -> Self {
        let needs = watch.needs();
        let flows = if needs.everything { FlowTable::default() } else { FlowTable::bounded(FlowLimits::default()) };
        let flows = flows.analysing(needs.segments);
        let intake = if needs.everything { Intake::default() } else { Intake::bounded() };
        let secrets = Some(KeyLog::default());
        let common = Common { sessions: Sessions::default(), secrets, scratch: Scratch::default(), needs, watch };
        Self { intake, flows, ways: Ways::default(), common, frames: 0 }
    }

    /// One that follows only a part of the connections, the others being followed elsewhere. Connections are numbered
    /// within the part.
    pub fn sharing(mut self, portion: Portion) -> Self {
        self.intake.portion = portion;
        self
    }

    /// One that opens nothing that is encrypted, whatever secrets there are.
    pub fn sealed(mut self) -> Self {
        self.common.secrets = None;
        self
    }

    /// Takes secrets of TLS sessions, as lines of a key log; returns how many there were. Only what comes later is opened
    /// with them. Those that stand in a capture come with its frames.
    pub fn learn_secrets(&mut self, lines: &str) -> usize {
        self.common.secrets.as_mut().map_or(0, |secrets| secrets.learn(lines))
    }

    /// Whether something was found that runs over several connections, so that they cannot be shared out.
    pub fn has_sessions(&self) -> bool {
        self.common.sessions.noticed
    }

    /// Takes the next frame. Frames are numbered from 1 in the order in which they come.
    pub fn push(&mut self, frame: FrameRef<'_>) {
        self.frames += 1;
        if let Some(secrets) = frame.secrets {
            self.learn_secrets(secrets);
        }
        if frame.timeless {
            self.watch().lacks_times();
        }
        let now = Moment { frame: self.frames, time: frame.time };
        let plain = self.plain(frame);
        if plain.as_ref().is_some_and(|plain| self.pass(plain, frame, now)) {
            return;
        }
        let mut admitted = self.intake.admit(frame, now.frame);
        if admitted.elsewhere {
            plain.iter().for_each(|plain| self.learn_way(plain, &admitted, None));
            return;
        }
        let over_quic = self.open_quic(&mut admitted, frame, now);
        let (packet, data) = admitted.whole(frame.data);
        let keeps_all = self.common.needs.everything;
        let lane = || if keeps_all { Lane::default() } else { Lane::passing() };
        let (mut segment, mut delivery, mut found) = (None, None, None);
        if !admitted.damaged {
            found = self.flows.push(packet, data, (now.frame, now.time), lane, &mut segment);
        } else if let Some((flow, direction, range)) = self.flows.place(packet) {
            flow.with.keep_out(direction, range, now.frame);
        }
        self.tell_intake(&admitted, frame, now, segment.as_ref());
        if let (Some(id), Some(segment)) = (found, &mut segment) {
            delivery = self.hear(id, segment, &admitted, frame, now);
        }
        self.common.watch.frame(&Sight {
            number: now.frame,
            frame,
            packet: &admitted.packet,
            datagram: admitted.datagram.as_deref(),
            segment: segment.as_ref(),
            delivery: delivery.as_ref(),
            damaged: admitted.damaged,
            udp: admitted.udp,
            mentions: admitted.mentions,
            quic: admitted.quic.as_deref(),
            over_quic: &over_quic,
        });
        if let Some(id) = found.filter(|_| !keeps_all) {
            let here = segment.map(|segment| (id, segment.connection, segment.direction));
            plain.iter().for_each(|plain| self.learn_way(plain, &admitted, here));
            self.weigh(id);
            self.let_go(id, now);
        }
    }

    /// Takes a remark on the capture as a whole, such as that its file was cut.
    pub fn remark(&mut self, note: &Note) {
        self.common.watch.note(None, note);
    }

    /// How many frames came.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// Who is told.
    pub fn watch(&mut self) -> &mut W {
        &mut self.common.watch
    }

    /// Ends the capture: what is still open is told as it stands. Gives back who was told.
    pub fn end(mut self) -> W {
        let flows = std::mem::take(&mut self.flows).into_flows();
        let mut ended = Vec::with_capacity(flows.len());
        for mut flow in flows {
            self.finish_flow(&mut flow, Moment { frame: self.frames, ..Moment::default() });
            ended.push(flow);
        }
        self.intake.finish();
        for (moment, note) in std::mem::take(&mut self.intake.notes) {
            self.common.watch.note(Some(&Place { moment, stream: None, ends: None }), &note);
        }
        for (place, note) in std::mem::take(&mut self.intake.late) {
            self.common.watch.note(Some(&place), &note);
        }
        for flow in ended {
            self.part_with(flow);
        }
        self.common.watch
    }

    /// Tells what is odd about the packet itself, and about fragments that were given up.
    fn tell_intake(&mut self, admitted: &Admitted, frame: FrameRef<'_>, now: Moment, segment: Option<&Segment>) {
        for (place, note) in self.intake.late.drain(..) {
            self.common.watch.note(Some(&place), &note);
        }
        if self.intake.notes.is_empty() {
            return;
        }
        let stream = segment.map(|segment| segment.connection);
        let here = Place { moment: now, stream, ends: ends_of(admitted.whole(frame.data).0) };
        for (moment, note) in self.intake.notes.drain(..) {
            let elsewhere = Place { moment, stream: None, ends: None };
            self.common.watch.note(Some(if moment.frame == now.frame { &here } else { &elsewhere }), &note);
        }
    }

    /// Puts the segment's payload where it belongs in its stream, and lets the connection's decoder hear it.
    fn hear(
        &mut self,
        id: FlowId,
        segment: &mut Segment,
        admitted: &Admitted,
        frame: FrameRef<'_>,
        now: Moment,
    ) -> Option<Delivery> {
        let all = self.flows.messages(id.shard());
        let Flow { connection, with: lane, .. } = self.flows.flow(id)?;
        lane.others = all.saturating_sub(lane.held);
        let direction = segment.direction;
        for dropped in &segment.dropped {
            lane.withdraw(dropped);
            let place = place(connection, dropped.direction, dropped.moment);
            self.common.watch.note(Some(&place), &dropped.note());
        }
        if segment.answers_probe {
            lane.begin_behind_probe(direction.reverse());
        }
        let (delivery, lent) = deliver(connection, lane, segment, admitted, (frame, now, self.common.needs.frames));
        let (packet, data) = admitted.whole(frame.data);
        lane.hear_end(packet, segment, now);
        for note in &segment.notes {
            self.common.watch.note(Some(&place(connection, direction, now)), note);
        }
        let lent = lent.map(|start| Lent { direction, start, bytes: packet.payload.of(data) });
        let from = delivery.as_ref().and_then(|delivery| match &delivery.fresh {
            Fresh::One(range) => Some(range.start),
            Fresh::Some(_) => None,
        });
        lane.heed(connection, direction, from, &mut self.common.sessions);
        let mut ear = self.common.ear(connection, lane, now, lent);
        // A bare acknowledgement says nothing to anyone above TCP.
        let ends = packet.tcp().is_some_and(|(tcp, ..)| tcp.flags.0 & (Flags::FIN | Flags::RST | Flags::SYN) != 0);
        if delivery.is_some() || ends {
            ear.listen(direction);
        }
        if lane.hearing.over {
            lane.deaf = [true, true];
        }
        delivery
    }

    /// Parts with connections that a bounded table does not keep any longer.
    pub(super) fn let_go(&mut self, id: FlowId, now: Moment) {
        while let Some((mut flow, why)) = self.flows.farewell(id.shard(), now.frame) {
            let note = match why {
                Farewell::Ended => None,
                Farewell::Crowded => Some(remarks::crowded(flow.connection.id)),
                Farewell::Full => Some(remarks::full(flow.connection.id)),
            };
            if let Some(note) = note {
                let place = place(&flow.connection, Direction::ToServer, now);
                self.common.watch.note(Some(&place), &note);
            }
            self.finish_flow(&mut flow, now);
            self.part_with(flow);
        }
    }

    fn finish_flow(&mut self, flow: &mut Flow<Lane>, now: Moment) {
        // What is told now is told after the frame at hand.
        let behind = Moment { frame: now.frame + 1, ..now };
        self.common.ear(&flow.connection, &mut flow.with, behind, None).finish();
    }

    /// Tells the packets that wait for attachments of which the latest part came on this connection. `has_all` says that nothing
    /// of it is missing.
    fn tell_unfinished(&mut self, connection: &Connection, has_all: bool) {
        let why = match connection.is_closed() {
            _ if !has_all => Why::Missing,
            true => Why::Connection,
            false => Why::Capture,
        };
        for Unfinished { last, ridden } in self.common.sessions.part(connection.id, why) {
            let frames = ridden.frames.or(&[]);
            tell(
                &mut self.common.watch,
                &Seen {
                    connection,
                    direction: last.direction,
                    range: &last.range,
                    inside: last.within.0,
                    stream: last.within.1,
                    frames,
                    moment: last.moment,
                    payload: ridden.payload.as_payload(),
                    notes: &ridden.notes,
                    complete: ridden.complete,
                    late: true,
                    bytes: None,
                    begins: None,
                    request_frame: None,
                },
            );
        }
    }

    fn part_with(&mut self, flow: Flow<Lane>) {
        let Flow { connection, with: lane, .. } = flow;
        self.tell_unfinished(&connection, lane.has_all(&connection));
        let all_inside = lane.inside.as_ref().is_none_or(|inside| inside.deaf == [false; 2]);
        let has_all = connection.is_closed() && lane.has_all(&connection) && all_inside;
        let speeches = [Some(&lane.speech), lane.inside.as_ref().map(|inside| &inside.speech)];
        let ender = ender(&connection);
        let farewell = |speech: &Speech| speech.farewell(ender);
        for (moment, direction, note) in connection.remarks(lane.excuse(&connection).as_deref()) {
            self.common.watch.note(Some(&place(&connection, direction, moment)), &note);
        }
        for parting in speeches.into_iter().flatten().filter(|_| has_all).filter_map(farewell) {
            let end = connection.end_shown_by(parting.shown_by);
            let place = end.map(|(moment, direction)| place(&connection, direction, moment));
            self.common.watch.note(place.as_ref(), &parting.note);
        }
        let messages = lane.all_messages();
        let Lane { speech, hearing, inside, streams, .. } = lane;
        let (inside, inner) = inside
            .map(|inside| (inside.speech, inside.hearing, inside.streams))
            .map_or((None, None), |(speech, hearing, streams)| (Some((speech, hearing)), Some(streams)));
        let inside = inside.map(|(speech, hearing)| Box::new(Inside { talk: speech.talk(), streams: hearing.streams }));
        let contents = streams.over.into_iter().chain(inner.into_iter().flat_map(|inner| inner.over)).collect();
        let talk = speech.talk();
        self.common.watch.ended(Ended { connection, talk, messages, streams: hearing.streams, inside, contents });
    }
}

/// Who ended a connection first, unless both did at once.
fn ender(connection: &Connection) -> Option<Ender> {
    let is_of =
        |fin: u32| [Direction::ToServer, Direction::ToClient].into_iter().find(|way| connection.fin(*way) == Some(fin));
    match connection.ending() {
        Ending::Closed { first, simultaneous: false, .. } => Some(Ender::Closed(first)),
        Ending::HalfClosed { by, .. } => Some(Ender::Closed(by)),
        Ending::ResetAfterFin { fin, .. } => is_of(fin).map(Ender::Closed),
        Ending::Aborted { by, .. } => Some(Ender::BrokeOff(by)),
        _ => None,
    }
}

/// Adds the payload of a segment to its stream. Where that is enough, the octets are only lent: then the offset is
/// returned at which they begin.
fn deliver(
    connection: &Connection,
    lane: &mut Lane,
    segment: &mut Segment,
    admitted: &Admitted,
    (frame, now, with_frames): (FrameRef<'_>, Moment, bool),
) -> (Option<Delivery>, Option<u64>) {
    let (packet, data) = admitted.whole(frame.data);
    let bytes = packet.payload.of(data);
    let (mut delivery, mut lent) = (None, None);
    // Its receiver is done with the connection before it comes to the text of the segment.
    if segment.len > 0 && packet.tcp().is_some_and(|(tcp, ..)| tcp.flags.has(Flags::RST)) {
        let text = "octets of a RST: they may say why it was sent, and no program gets them";
        segment.notes.push(Note::new(Severity::Note, text, "RFC 9293 §3.5.2").about(Group::Sequence));
        return (None, None);
    }
    if let Some(fin) = lane.fin_before(connection, segment) {
        segment.notes.push(remarks::behind_fin(fin));
        return (None, None);
    }
    if let Some(offset) = segment.offset.filter(|_| !bytes.is_empty()) {
        let stream = &mut lane.hearing.streams[segment.direction.index()];
        let origin = Origin { frame: now.frame, at: packet.payload.start, arrived: now };
        // The octet of a keep-alive may be any (RFC 9293 §3.8.4), and is sent again for nothing else.
        let is_probe = segment.analysis.findings.has(Finding::KeepAlive);
        let may_differ = stream.has_hole() && !is_probe;
        let differs = if may_differ { stream.differs_at(offset, bytes) } else { None };
        let given = match &admitted.datagram {
            Some(datagram) => {
                stream.acknowledge(connection.acknowledged(segment.direction).unwrap_or(0));
                add_pieces(datagram, stream, offset, now)
            }
            None => match stream.lend(offset..offset + bytes.len() as u64, origin, with_frames) {
                Some(given) => {
                    lent = Some(offset);
                    given
                }
                None => {
                    stream.acknowledge(connection.acknowledged(segment.direction).unwrap_or(0));
                    stream.add(offset, bytes, origin)
                }
            },
        };
        segment.notes.extend(remarks::arrival(given.arrival).filter(|_| !is_probe));
        segment.notes.extend(differs.map(remarks::differs));
        delivery = Some(given);
        lane.give_up(connection, segment.direction);
    } else if segment.len > 0 && segment.offset.is_none() {
        let text = "payload from before the beginning of this connection's stream: not part of it";
        segment.notes.push(Note::new(Severity::Note, text, "RFC 9293 §3.4").about(Group::Sequence));
    }
    if lane.hearing.over && segment.len > 0 {
        let text = "payload after the connection was reset: it is not read";
        segment.notes.push(Note::new(Severity::Note, text, "RFC 9293 §3.5.2").about(Group::Sequence));
    }
    (delivery, lent)
}
