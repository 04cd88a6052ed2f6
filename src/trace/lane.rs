//! One connection in the pipeline: its bytes, how far they were read, and who reads them.

use std::ops::Range;

use super::Talk;
use super::carrier::Carrier;
use super::ear::Lent;
use super::remarks;
use super::watch::Place;
use super::within::Streams;
use crate::capture::Moment;
use crate::flow::{Connection, Dropped, Opening, Reset, Segment, Stream};
use crate::layer::{Direction, Note};
use crate::message::{Decoder, Ender, Parting, Probe, Verdict};
use crate::packet::{Flags, Packet};
use crate::protocol;

/// What is spoken on a connection.
#[derive(Default)]
pub(super) enum Speech {
    /// Not enough bytes to tell.
    #[default]
    Unheard,
    /// A protocol, with its state.
    Known(&'static str, Box<dyn Decoder>),
    /// No registered protocol.
    Unknown,
}

impl Speech {
    /// What is to be said of it when the connection has ended.
    pub(super) fn farewell(&self, ender: Option<Ender>) -> Option<Parting> {
        match self {
            Self::Known(_, decoder) => decoder.farewell(ender),
            Self::Unheard | Self::Unknown => None,
        }
    }

    /// Whether it is known that nothing is under way.
    fn is_idle(&self) -> bool {
        matches!(self, Self::Known(_, decoder) if decoder.is_idle())
    }

    /// Whether what has begun in a direction is a text.
    pub(super) fn begun_is_text(&self, direction: Direction) -> bool {
        matches!(self, Self::Known(_, decoder) if decoder.begun_is_text(direction))
    }

    pub(super) fn talk(&self) -> Talk {
        match self {
            Self::Unheard => Talk::Silent,
            Self::Known(name, _) => Talk::Known(name),
            Self::Unknown => Talk::Unknown,
        }
    }
}

/// A connection's bytes and how far they were read.
///
/// What each segment touches stands first, and near to each other: among many connections fetching that takes more time than
/// what is done with it.
#[derive(Default)]
#[repr(C)]
pub(super) struct Lane {
    pub(super) deaf: [bool; 2],
    pub(super) speech: Speech,
    pub(super) read: [u64; 2],
    /// The frame in which the latest message of each direction ended.
    pub(super) ends_in: [Moment; 2],
    /// Where the latest message of each direction begins.
    pub(super) latest: [Option<u64>; 2],
    /// How many messages were told, each once.
    pub(super) messages: u64,
    /// The Engine.IO that the messages of this connection carry.
    pub(super) carrier: Carrier,
    pub(super) hearing: Hearing,
    /// With so many octets of each direction it was asked what is spoken, and is not asked again, where the capture began in the
    /// middle.
    pub(super) probed: [Range<usize>; 2],
    /// How many of each stream's gaps a note speaks of.
    pub(super) told: [usize; 2],
    /// Where the message of each direction begins that has too many octets to be kept.
    pub(super) dropped: [Option<u64>; 2],
    /// The first octets of such a message, where someone reads octets.
    pub(super) begins: [Vec<u8>; 2],
    /// Where the message of each direction begins that came in too many frames for all of them to be named.
    pub(super) unnamed: [Option<u64>; 2],
    /// A message was told that was not all there.
    pub(super) has_cut: bool,
    /// Where the stream of each direction ended when the other side last acknowledged more of it.
    pub(super) behind_at: [Option<u64>; 2],
    /// What was acknowledged of each direction and had not come then.
    pub(super) behind: [Option<Behind>; 2],
    /// What is spoken in the stream that was encrypted in this one.
    pub(super) inside: Option<Box<Lane>>,
    /// The streams of HTTP/2 in it.
    pub(super) streams: Streams,
    /// Its number, if it is one of those.
    pub(super) stream: Option<u32>,
    /// How many octets of its messages may be kept, if others keep some, too.
    pub(super) room: Option<u64>,
    /// How many octets of messages were kept of it when it was last heard, and how many are kept of others now.
    pub(super) held: usize,
    pub(super) others: usize,
    /// What segments of each direction held that are not read, and their frames.
    kept_out: [Vec<(Range<u64>, u32)>; 2],
}

/// Octets of a direction that were acknowledged before they were captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    /// Where they begin, and up to where they were acknowledged.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where the segment that acknowledged them, or what comes behind it, begins in the stream of the other direction.
    pub(super) from: u64,
}

/// More segments of a direction that were kept out are not remembered.
const MAX_KEPT_OUT: usize = 64;

/// The bytes of both directions, and what is known of their ends.
#[derive(Default)]
#[repr(C)]
pub(super) struct Hearing {
    /// No more will come, in either direction: the connection was reset, or the capture is over.
    pub(super) over: bool,
    pub(super) streams: [Stream; 2],
    /// Where each stream ends by its FIN, and that FIN's frame.
    pub(super) fin: [Option<(u64, Moment)>; 2],
    /// No more will come in a direction, though its sender has not said so.
    pub(super) cut: [bool; 2],
}

/// With fewer octets it is asked with each segment what is spoken.
const SMALL: usize = 512;
/// Else with so many new ones in a direction: no request of HTTP has fewer...
const STEP: usize = 16;
/// ...or with such a part of what was there.
const PART: usize = 8;

impl Hearing {
    /// Whether the sender closed this direction and nothing is missing before its FIN.
    pub(super) fn closed(&self, d: usize) -> bool {
        self.fin[d].is_some_and(|(fin, _)| self.streams[d].end() >= fin)
    }

    /// Whether no more will come in this direction.
    pub(super) fn ended(&self, d: usize) -> bool {
        self.over || self.cut[d] || self.closed(d)
    }

    /// Whether the other side has acknowledged octets of this direction that were not captured by now.
    #[inline]
    pub(super) fn is_behind(&self, connection: &Connection, direction: Direction) -> bool {
        let d = direction.index();
        let end = self.streams[d].end();
        // A FIN counts as one octet. Nobody may send more than 1 GiB unacknowledged (RFC 7323 §2.3).
        connection.acknowledged(direction).is_some_and(|acknowledged| {
            acknowledged > end
                && acknowledged > end + u64::from(self.fin[d].is_some())
                && acknowledged <= connection.sent(direction).saturating_add(1 << 30)
        })
    }

    /// The frame in which a message ended whose last octet came in `latest`: no receiver could have read it before all
    /// that lies in front of it was there; where only the FIN says that it has ended, that is the FIN's.
    pub(super) fn end_of(
        &self,
        direction: Direction,
        range: &Range<u64>,
        latest: Moment,
        ends_in: &mut Moment,
    ) -> Moment {
        let d = direction.index();
        let fin = self.fin[d].filter(|(end, _)| *end == range.end && self.closed(d));
        let known_by = fin.map_or(Moment::default(), |(_, moment)| moment);
        *ends_in = latest.max(*ends_in).max(known_by);
        *ends_in
    }
}

impl Lane {
    /// A lane that keeps only what nobody has read.
    pub(super) fn passing() -> Self {
        let hearing = Hearing { streams: [Stream::passing(), Stream::passing()], ..Hearing::default() };
        Self { hearing, ..Self::default() }
    }

    /// Whether nothing is missing of what was sent.
    pub(super) fn has_all(&self, connection: &Connection) -> bool {
        [Direction::ToServer, Direction::ToClient].into_iter().all(|direction| {
            let stream = &self.hearing.streams[direction.index()];
            let reaches_end = self.hearing.closed(direction.index()) || stream.end() >= connection.sent(direction);
            stream.gaps().is_empty() && stream.gaps_forgotten() == 0 && reaches_end
        })
    }

    /// What makes it harmless to break it off as it was at its end, in words: somebody had said why, or nothing was under way, as far
    /// as is known: what was said was whole, and the other side had it.
    pub(super) fn excuse(&self, connection: &Connection) -> Option<String> {
        if let Speech::Known(_, decoder) = &self.speech
            && let Some(why) = decoder.says_why()
        {
            return Some(format!("behind {why}, which says why"));
        }
        self.was_idle(connection).then(|| "when nothing was under way: all that was said had come".to_owned())
    }

    fn was_idle(&self, connection: &Connection) -> bool {
        let is_whole = |stream: &Stream| stream.gaps().is_empty() && stream.gaps_forgotten() == 0;
        let has_come = |way| connection.acknowledged(way).is_some_and(|all| all >= connection.sent(way));
        self.speech.is_idle()
            && !self.has_cut
            && self.hearing.streams.iter().all(is_whole)
            && [Direction::ToServer, Direction::ToClient].into_iter().all(has_come)
    }

    /// Gives up octets of this direction for which others wait, if their sender has moved on: it has received what the other side
    /// said when it had them, so it knows that they arrived and sends them no more.
    pub(super) fn give_up(&mut self, connection: &Connection, direction: Direction) {
        let stream = &mut self.hearing.streams[direction.index()];
        let Some(behind) = self.behind[direction.index()].filter(|behind| behind.start == stream.end()) else { return };
        if stream.has_hole() && connection.acknowledged(direction.reverse()).is_some_and(|known| known > behind.from) {
            stream.give_up(behind.end);
        }
    }

    /// A keep-alive probe in this direction repeated a number that was sent before the capture: what is said begins behind it.
    pub(super) fn begin_behind_probe(&mut self, direction: Direction) {
        let d = direction.index();
        self.hearing.streams[d].begin_at(1);
        self.read[d] = self.read[d].max(1);
    }

    /// Takes note of FIN and RST. A FIN may come before bytes that belong in front of it.
    pub(super) fn hear_end(&mut self, packet: &Packet, segment: &Segment, now: Moment) {
        let Some((tcp, ..)) = packet.tcp() else { return };
        if tcp.flags.has(Flags::SYN) && self.hearing.over {
            // The client tries again with the number it had: what was refused may be granted now. What came in between was not
            // read, and is not.
            (self.hearing.over, self.deaf) = (false, [false, false]);
            let ends = self.hearing.streams.each_ref().map(Stream::end);
            self.read.iter_mut().zip(ends).for_each(|(read, end)| *read = end.max(*read));
        }
        self.hearing.over |= segment.reset == Reset::Breaks;
        if let Some(offset) = segment.offset.filter(|_| tcp.flags.has(Flags::FIN)) {
            self.hearing.fin[segment.direction.index()].get_or_insert((offset + u64::from(segment.len), now));
        }
    }

    /// A note on a gap, at the first frame behind it.
    pub(super) fn gap_note(
        &self,
        connection: &Connection,
        to: Direction,
        gap: &Range<u64>,
        rest: &str,
    ) -> (Place, Note) {
        let behind = self.hearing.streams[to.index()].behind(gap);
        let here = Moment { frame: connection.last.0, time: connection.last.1 };
        let moment = if behind.frame > 0 { behind } else { here };
        let place = Place { moment, stream: Some(connection.id), ends: Some(connection.ends(to)) };
        (place, remarks::gap(gap, connection.acknowledged(to), self.kept_out(to, gap), rest))
    }

    /// Takes note of a segment that is not read, as its checksum proves that it was damaged.
    pub(super) fn keep_out(&mut self, direction: Direction, range: Range<u64>, frame: u32) {
        let known = &mut self.kept_out[direction.index()];
        if known.len() < MAX_KEPT_OUT && !range.is_empty() {
            known.push((range, frame));
        }
    }

    /// Takes back what a segment brought that its receiver dropped.
    pub(super) fn withdraw(&mut self, dropped: &Dropped) {
        let (d, frame) = (dropped.direction.index(), dropped.moment.frame);
        self.hearing.streams[d].withdraw(&dropped.range, frame);
        self.hearing.fin[d] = self.hearing.fin[d].filter(|(_, fin)| fin.frame != frame);
    }

    /// The frame of the FIN behind which a segment brings octets. Its receiver has acknowledged all up to it, and nothing else
    /// came behind it: "This should not occur since a FIN has been received from the remote side. Ignore the segment text" (RFC
    /// 9293 §3.10.7.4).
    pub(super) fn fin_before(&self, connection: &Connection, segment: &Segment) -> Option<u32> {
        let d = segment.direction.index();
        let (end, fin) = self.hearing.fin[d].filter(|_| segment.len > 0)?;
        let is_acknowledged = || connection.acknowledged(segment.direction).is_some_and(|all| all > end);
        let is_behind = segment.offset.is_some_and(|offset| offset > end) && self.hearing.streams[d].end() == end;
        (is_behind && is_acknowledged()).then_some(fin.frame)
    }

    /// A frame that brought any of these octets, and is not read.
    pub(super) fn kept_out(&self, direction: Direction, gap: &Range<u64>) -> Option<u32> {
        let known = self.kept_out[direction.index()].iter();
        known.into_iter().find(|(range, _)| range.start < gap.end && gap.start < range.end).map(|(_, frame)| *frame)
    }

    /// Whether it is known which protocol is spoken.
    pub(super) fn is_heard(&mut self, connection: &Connection, lent: Option<Lent<'_>>) -> bool {
        !matches!(self.speech, Speech::Unheard) || self.recognise(connection, lent)
    }

    /// Finds out which protocol is spoken from here on. `lent` are octets of one direction that are read where they lie.
    /// Returns whether it is known now.
    fn recognise(&mut self, connection: &Connection, lent: Option<Lent<'_>>) -> bool {
        let bytes = |direction: Direction| match lent.filter(|lent| lent.direction == direction) {
            Some(lent) => lent.from(self.read[direction.index()]),
            None => self.hearing.streams[direction.index()].slice(self.read[direction.index()]..u64::MAX),
        };
        let probe = Probe {
            to_server: bytes(Direction::ToServer),
            to_client: bytes(Direction::ToClient),
            end: self.hearing.ended(0) && self.hearing.ended(1),
            joined: connection.opening == Opening::Guessed,
        };
        let there = probe.to_server.len() + probe.to_client.len();
        // In its middle nothing stands where it must: what is looked for is looked for once in so many octets, however small the
        // segments are that bring them.
        let lens = [probe.to_server.len(), probe.to_client.len()];
        let was_asked = self.probed.iter().zip(lens).all(|(probed, len)| probed.contains(&len));
        if there == 0 || (probe.joined && !probe.end && was_asked) {
            return false;
        }
        self.probed = lens.map(|len| if there < SMALL { 0..0 } else { len..len + STEP.max(len / PART) });
        let mut undecided = false;
        for dissector in protocol::DISSECTORS {
            match dissector.probe(probe) {
                Verdict::Yes => {
                    let decoder = if probe.joined { dissector.joined(probe) } else { dissector.decoder() };
                    let Some(decoder) = decoder else { continue };
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
