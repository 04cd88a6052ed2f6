//! The streams inside a stream: what was decrypted, and what each stream of HTTP/2 carries, is listened to as a connection of
//! its own would be.
//!
//! Every octet keeps its place. The ciphers that are opened here encrypt octet by octet, and frames carry what they carry as it
//! is: so a stream inside knows for each of its octets the frame and the place in it where that lies.

use std::collections::BTreeMap;

use super::ear::{Ear, MAX_MESSAGE};
use super::hand::{Opened, place};
use super::lane::{Behind, Lane, Speech};
use super::session::Sessions;
use super::watch::Watch;
use crate::capture::Moment;
use crate::flow::{Connection, Kept, Origin, Stream};
use crate::layer::Direction;
use crate::message::Piece;
use crate::protocol;

pub(super) const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

/// The streams inside a lane that have numbers.
#[derive(Default)]
pub(super) struct Streams {
    open: BTreeMap<u32, Box<Lane>>,
    /// What was said on those that are over, where everything is kept.
    pub(super) over: Vec<(u32, [Stream; 2])>,
    /// How many messages were told of those that are over.
    pub(super) messages: u64,
    /// How many octets those that are open keep.
    kept: u64,
    /// How much memory they take.
    weight: Kept,
}

impl Streams {
    /// Takes one that is open out of them, so that it can be listened to.
    fn take(&mut self, number: u32) -> Option<Box<Lane>> {
        let lane = self.open.remove(&number)?;
        self.kept -= lane.kept();
        self.weight = self.weight.without(weight_of(&lane));
        Some(lane)
    }

    fn put(&mut self, number: u32, lane: Box<Lane>) {
        self.kept += lane.kept();
        self.weight = self.weight.with(weight_of(&lane));
        self.open.insert(number, lane);
    }

    /// How much memory those that are open take.
    pub(super) fn weight(&self) -> Kept {
        self.weight
    }
}

/// How much memory a stream takes that is open.
fn weight_of(lane: &Lane) -> Kept {
    lane.weight().with(Kept { state: size_of::<Lane>(), messages: 0 })
}

impl<W: Watch> Ear<'_, W> {
    /// Lets those who speak inside hear what was opened.
    pub(super) fn listen_within(&mut self, opened: Opened) {
        let Opened { direction, stream, ends, moment, .. } = opened;
        let mut inner = match stream {
            None => self.lane.inside.take().unwrap_or_else(|| self.new_lane(None)),
            Some(number) => self.lane.streams.take(number).unwrap_or_else(|| self.new_lane(stream)),
        };
        if stream.is_some() {
            // What the streams of a connection keep is bounded as what one message keeps.
            inner.room = Some(MAX_MESSAGE.saturating_sub(self.lane.streams.kept));
        }
        inner.others = self.lane.others;
        self.add_within(&mut inner, opened);
        inner.hearing.over |= ends;
        self.within(&mut inner, |ear| ear.listen(direction));
        let Some(number) = stream else {
            self.lane.inside = Some(inner);
            return;
        };
        if !ends {
            self.lane.streams.put(number, inner);
            return;
        }
        self.say_farewell(&inner, direction, moment);
        self.part_with_stream(number, *inner);
    }

    /// Tells what is to be said of a stream that is over, if all of it was read.
    fn say_farewell(&mut self, inner: &Lane, direction: Direction, moment: Moment) {
        let has_all = inner.deaf == [false; 2] && self.lacks() == [false; 2];
        if let Some(parting) = inner.speech.farewell(None).filter(|_| has_all) {
            self.common.watch.note(Some(&place(self.connection, direction, moment)), &parting.note);
        }
    }

    /// The same of a stream that ends with its connection: from one that goes on when the capture ends nothing follows.
    fn say_farewell_if_closed(&mut self, inner: &Lane, direction: Direction) {
        if self.connection.is_closed() {
            self.say_farewell(inner, direction, self.now);
        }
    }

    /// Puts the octets that were opened into the stream inside.
    fn add_within(&self, inner: &mut Lane, opened: Opened) {
        let Opened { direction, offset, from, octets, piece, closes, moment, .. } = opened;
        let d = direction.index();
        let len = octets.len() as u64;
        if let Speech::Known(_, decoder) = &mut inner.speech {
            match piece {
                Piece::Content => {}
                Piece::Part => decoder.section(direction, offset..offset + len, None),
                Piece::Section(section, whole) => {
                    let end = offset + len;
                    decoder.section(direction, end.saturating_sub(whole)..end, Some(section));
                }
            }
        }
        let stream = &mut inner.hearing.streams[d];
        let mut done = 0;
        // Nobody needs to know the frames: then there may be no chunks.
        for chunk in self.lane.hearing.streams[d].chunks(from..from + len) {
            let at = chunk.range.start - from;
            let here = octets.get(at as usize..(chunk.range.end - from) as usize).filter(|_| at == done);
            let Some(here) = here else { break };
            stream.add(offset + at, here, Origin { frame: chunk.frame, at: chunk.at, arrived: moment });
            done = chunk.range.end - from;
        }
        if let Some(rest) = octets.get(done as usize..).filter(|rest| !rest.is_empty()) {
            stream.add(offset + done, rest, Origin { frame: moment.frame, at: 0, arrived: moment });
        }
        if closes {
            inner.hearing.fin[d].get_or_insert((offset + len, moment));
        }
    }

    /// A lane for a stream inside; for one with a number, which begins with a request.
    fn new_lane(&self, stream: Option<u32>) -> Box<Lane> {
        let mut lane = if self.common.needs.everything { Lane::default() } else { Lane::passing() };
        if let Some(number) = stream {
            let (name, decoder) = protocol::for_stream(number);
            (lane.stream, lane.speech) = (stream, Speech::Known(name, decoder));
        }
        Box::new(lane)
    }

    /// Where nothing more will be read of a direction, nothing more will come inside.
    pub(super) fn pass_ends_on(&mut self) {
        let unread = BOTH.map(|direction| self.is_unread(direction));
        let cut = BOTH.map(|direction| self.lane.hearing.ended(direction.index()) || unread[direction.index()]);
        if cut == [false; 2] {
            return;
        }
        if let Some(mut inner) = self.lane.inside.take() {
            self.cut_within(&mut inner, cut, unread);
            self.lane.inside = Some(inner);
        }
        if self.lane.streams.open.is_empty() {
            return;
        }
        let last = if cut[0] { Direction::ToServer } else { Direction::ToClient };
        let streams = &mut self.lane.streams;
        (streams.kept, streams.weight) = (0, Kept::default());
        for (number, mut inner) in std::mem::take(&mut streams.open) {
            self.cut_within(&mut inner, cut, unread);
            if inner.hearing.ended(0) && inner.hearing.ended(1) {
                self.say_farewell_if_closed(&inner, last);
                self.part_with_stream(number, *inner);
            } else {
                self.lane.streams.put(number, inner);
            }
        }
    }

    /// `unread` are the directions in which more is said than can be read: whoever speaks inside is told so first, for then
    /// nothing follows from what did not come.
    fn cut_within(&mut self, inner: &mut Lane, cut: [bool; 2], unread: [bool; 2]) {
        for direction in BOTH.into_iter().filter(|direction| unread[direction.index()]) {
            let d = direction.index();
            if inner.hearing.ended(d) {
                continue;
            }
            self.end_within(inner, direction);
            if let Speech::Known(_, decoder) = &mut inner.speech {
                let end = inner.hearing.streams[d].end();
                decoder.gap(direction, end..end, &[]);
            }
            inner.deaf[d] = true;
            inner.doubt(direction, &mut self.common.sessions);
        }
        BOTH.into_iter().filter(|direction| cut[direction.index()]).for_each(|way| self.end_within(inner, way));
    }

    fn end_within(&mut self, inner: &mut Lane, direction: Direction) {
        if !inner.hearing.ended(direction.index()) {
            inner.hearing.cut[direction.index()] = true;
            self.within(inner, |ear| ear.listen(direction));
        }
    }

    /// The connection is over, or is not followed any longer.
    pub(super) fn finish_within(&mut self) {
        let Some(mut inner) = self.lane.inside.take() else { return };
        inner.hearing.over = true;
        self.within(&mut inner, |ear| BOTH.into_iter().for_each(|direction| ear.listen(direction)));
        self.lane.inside = Some(inner);
    }

    fn part_with_stream(&mut self, number: u32, inner: Lane) {
        let streams = &mut self.lane.streams;
        streams.messages += inner.messages;
        if self.common.needs.everything {
            streams.over.push((number, inner.hearing.streams));
        }
    }

    fn within(&mut self, lane: &mut Lane, listen: impl FnOnce(&mut Ear<'_, W>)) {
        let lacks = self.lacks();
        listen(&mut Ear {
            connection: self.connection,
            within: self.within || lane.stream.is_none(),
            lane,
            common: &mut *self.common,
            now: self.now,
            lent: None,
            lacks,
        });
    }
}

impl Lane {
    /// How many octets are kept of both directions.
    fn kept(&self) -> u64 {
        self.hearing.streams.iter().map(|stream| stream.kept() as u64).sum()
    }

    /// Octets of a direction are missing: what was said in sessions whose messages are carried here, or inside, is not known
    /// any longer.
    pub(super) fn doubt(&self, direction: Direction, sessions: &mut Sessions) {
        self.each_sid(&mut |sid| sessions.doubt(sid, direction));
    }

    /// Heeds what a segment of this direction acknowledges: if octets of the other had not come by then, whoever waits in a
    /// session of this connection may have been answered in them. Each place where they are missing is asked about once; when both
    /// sides have ended they will not come. `from` is where in its stream the segment brings something that is new.
    #[inline]
    pub(super) fn heed(
        &mut self,
        connection: &Connection,
        direction: Direction,
        from: Option<u64>,
        sessions: &mut Sessions,
    ) {
        if self.hearing.is_behind(connection, direction.reverse()) {
            self.heed_behind(connection, direction, from, sessions);
        }
    }

    /// The same where octets of the other direction are acknowledged that have not come.
    #[cold]
    fn heed_behind(
        &mut self,
        connection: &Connection,
        direction: Direction,
        from: Option<u64>,
        sessions: &mut Sessions,
    ) {
        let other = direction.reverse();
        let d = other.index();
        let end = self.hearing.streams[d].end();
        if self.behind[d].is_none_or(|behind| behind.start != end) {
            // What a segment brings anew is received with it; one that brings nothing may be lost.
            let from = from.unwrap_or_else(|| connection.sent(direction));
            let known = connection.acknowledged(other).unwrap_or(end);
            self.behind[d] = Some(Behind { start: end, end: known, from });
        }
        if connection.is_closed() {
            self.doubt(other, sessions);
        } else if self.behind_at[d].replace(end) != Some(end) {
            self.each_sid(&mut |sid| sessions.unsettle(sid));
        }
    }

    fn each_sid(&self, what: &mut dyn FnMut(&str)) {
        self.carrier.sids().for_each(&mut *what);
        self.inside.iter().chain(self.streams.open.values()).for_each(|inner| inner.each_sid(what));
    }

    /// How many messages were told of it and of what is inside.
    pub(super) fn all_messages(&self) -> u64 {
        let inside = self.inside.iter().chain(self.streams.open.values()).map(|inner| inner.all_messages());
        Some(self.streams.messages + inside.sum::<u64>()).filter(|inside| *inside > 0).unwrap_or(self.messages)
    }
}
