//! Listens to one connection: lets its decoder hear what is new, and tells what it finds.

use std::ops::Range;

use super::hand::{Beginnings, Hand, Scratch, place};
use super::lane::{Lane, Speech};
use super::remarks;
use super::session::Sessions;
use super::watch::{Needs, Watch};
use crate::capture::Moment;
use crate::flow::{Connection, Opening};
use crate::layer::{Direction, Note};
use crate::message::{Input, Progress};
use crate::protocol::KeyLog;

/// More octets than this do not wait for the rest of something that is read at once, where not everything is kept.
const MAX_UNREAD: u64 = 1 << 20;

/// Messages of more octets are not lent to who wants to read them, where not everything is kept.
pub(super) const MAX_MESSAGE: u64 = 64 << 20;
/// Of all messages of a shard's connections no more are kept, and no more of the frames that brought them; one that this is too
/// little for is as one that has too many.
const MAX_MESSAGES: usize = 64 << 20;
/// Of a message that has more its first octets are kept: as many as the head of a message of HTTP may have.
const MAX_BEGINNING: u64 = 256 << 10;

/// Nor to what rides on them, where nobody else wants to read them.
const MAX_CARRIED: u64 = 1 << 20;

/// Octets of a segment that are read where they lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lent<'a> {
    pub(super) direction: Direction,
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
}

impl<'a> Lent<'a> {
    /// The bytes of this range of a direction, if all of them are in here.
    pub(super) fn within(&self, direction: Direction, range: &Range<u64>) -> Option<&'a [u8]> {
        let start = range.start.checked_sub(self.start).filter(|_| direction == self.direction)?;
        self.bytes.get(usize::try_from(start).ok()?..usize::try_from(range.end - self.start).ok()?)
    }

    pub(super) fn from(&self, offset: u64) -> &'a [u8] {
        let skip = usize::try_from(offset.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.get(skip..).unwrap_or_default()
    }
}

/// What all connections have in common.
pub(super) struct Common<W> {
    pub(super) sessions: Sessions,
    /// Secrets of TLS; `None` if they are not to be used.
    pub(super) secrets: Option<KeyLog>,
    pub(super) scratch: Scratch,
    pub(super) needs: Needs,
    /// Who is told.
    pub(super) watch: W,
}

impl<W: Watch> Common<W> {
    /// What listens to a connection, from its outermost stream on.
    pub(super) fn ear<'a>(
        &'a mut self,
        connection: &'a Connection,
        lane: &'a mut Lane,
        now: Moment,
        lent: Option<Lent<'a>>,
    ) -> Ear<'a, W> {
        Ear { connection, lane, common: self, now, lent, within: false, lacks: [false; 2] }
    }
}

/// What one connection needs to be listened to, borrowed for the time that takes.
pub(super) struct Ear<'a, W> {
    pub(super) connection: &'a Connection,
    pub(super) lane: &'a mut Lane,
    pub(super) common: &'a mut Common<W>,
    pub(super) now: Moment,
    pub(super) lent: Option<Lent<'a>>,
    /// Whether this is the stream inside another.
    pub(super) within: bool,
    /// Of which directions octets are missing in that other.
    pub(super) lacks: [bool; 2],
}

impl<W: Watch> Ear<'_, W> {
    /// Lets the decoder hear what is new, as long as either direction gets on.
    pub(super) fn listen(&mut self, direction: Direction) {
        let mut turn = direction;
        let mut idle = 0;
        let mut turns = [false; 2];
        while idle < 2 {
            idle = if self.has_news(turn) && self.step(turn) { 0 } else { idle + 1 };
            turns[turn.index()] |= idle == 0;
            turn = turn.reverse();
        }
        self.pass_ends_on();
        if self.common.needs.everything {
            return;
        }
        self.settle(direction);
        if turns[direction.reverse().index()] || self.lane.hearing.over {
            self.settle(direction.reverse());
        }
    }

    /// Whether there is anything that a decoder could do something with.
    fn has_news(&self, direction: Direction) -> bool {
        let d = direction.index();
        self.lane.read[d] < self.lane.hearing.streams[d].end() || self.lane.hearing.ended(d)
    }

    /// The connection is over, or is not followed any longer: what is still open is shown as it stands.
    pub(super) fn finish(&mut self) {
        self.lane.hearing.over = true;
        for direction in [Direction::ToServer, Direction::ToClient] {
            let acknowledged = self.connection.acknowledged(direction).unwrap_or(0);
            self.lane.hearing.streams[direction.index()].acknowledge(acknowledged);
            self.listen(direction);
            self.tell_gaps(direction);
        }
        self.finish_within();
    }

    /// Of which directions octets are missing just now, or are not read any longer.
    pub(super) fn lacks(&self) -> [bool; 2] {
        let is_outermost = !self.within && self.lane.stream.is_none();
        [Direction::ToServer, Direction::ToClient].map(|direction| {
            let d = direction.index();
            let is_behind = || is_outermost && self.lane.hearing.is_behind(self.connection, direction);
            self.lacks[d] || self.is_unread(direction) || is_behind()
        })
    }

    /// Whether more is said in a direction than can be read.
    pub(super) fn is_unread(&self, direction: Direction) -> bool {
        let is_sealed = || matches!(&self.lane.speech, Speech::Known(_, decoder) if decoder.is_sealed(direction));
        self.lane.deaf[direction.index()] || is_sealed()
    }

    /// One call of the decoder. Returns whether it got on.
    fn step(&mut self, direction: Direction) -> bool {
        if !self.lane.is_heard(self.connection, self.lent) {
            return false;
        }
        let (d, within, lacks) = (direction.index(), (self.within, self.lane.stream), self.lacks());
        let Lane { speech, hearing, ends_in, latest, messages, carrier, read, deaf, dropped, begins, has_cut, .. } =
            &mut *self.lane;
        let Speech::Known(_, decoder) = speech else { return false };
        if deaf[d] {
            return false;
        }
        let (hearing, stream) = (&*hearing, &hearing.streams[d]);
        let bytes = match self.lent.filter(|lent| lent.direction == direction) {
            Some(lent) => lent.from(read[d]),
            None => stream.slice(read[d]..u64::MAX),
        };
        let ended = hearing.ended(d);
        let given_up = read[d] + (bytes.len() as u64) < stream.end();
        let at_gap = given_up || (ended && stream.has_hole());
        // What was begun is shown as far as it came.
        if at_gap && bytes.is_empty() && decoder.begun(direction).is_none() {
            return self.cross_gap(direction);
        }
        let (end, closed) = (ended || at_gap, hearing.closed(d) && !at_gap);
        let input = Input { direction, offset: read[d], bytes, end, closed };
        let mut hand = Hand {
            connection: self.connection,
            hearing,
            ends_in,
            latest,
            messages,
            has_cut,
            carrier: &mut *carrier,
            common: &mut *self.common,
            now: self.now,
            input,
            lent: self.lent,
            upgrade: None,
            within,
            lacks,
            opened: None,
            begins: Beginnings { dropped: *dropped, octets: begins },
        };
        let progress = decoder.decode(input, &mut hand);
        let changed = hand.upgrade.take().map(|upgrade| hand.judge(&upgrade));
        let opened = hand.opened.take();
        let consumed = progress.consumed();
        deaf[d] |= progress == Progress::GiveUp;
        read[d] += consumed as u64;
        match (changed, progress) {
            (Some(changed), Progress::Switch(_)) => {
                *speech = changed;
                carrier.change();
            }
            (_, Progress::Tunnel(_)) => (*speech, *carrier) = Default::default(),
            _ => {}
        }
        let stuck = consumed == 0 && at_gap && bytes.is_empty();
        opened.into_iter().for_each(|opened| self.listen_within(*opened));
        if stuck { self.cross_gap(direction) } else { consumed > 0 }
    }

    /// Forgets what nobody needs any more, and keeps of the segment what is needed later.
    fn settle(&mut self, direction: Direction) {
        let d = direction.index();
        let lane = &mut *self.lane;
        let stream = &mut lane.hearing.streams[d];
        if lane.deaf[d] || matches!(lane.speech, Speech::Unknown) {
            lane.read[d] = stream.end().max(lane.read[d]);
        }
        let read = lane.read[d];
        let mut keep = read;
        let begun = match &lane.speech {
            Speech::Known(_, decoder) => decoder.begun(direction).filter(|begun| *begun < read),
            _ => None,
        };
        if begun.is_none() && !lane.begins[d].is_empty() {
            lane.begins[d] = Vec::new();
        }
        let mut too_long = false;
        // Who names the frames of a message names the first of them, too.
        let since = begun.filter(|_| self.common.needs.frames).unwrap_or(read);
        if let Some(begun) = begun.filter(|begun| lane.dropped[d] != Some(*begun)) {
            let is_read = self.common.needs.octets.has(lane.speech.begun_is_text(direction));
            let most = if is_read {
                MAX_MESSAGE
            } else if self.common.needs.riders && lane.carrier.needs_octets(self.connection, direction) {
                MAX_CARRIED
            } else {
                0
            };
            let room = MAX_MESSAGES.saturating_sub(lane.others) as u64;
            match read - begun <= lane.room.map_or(room, |inner| inner.min(room)).min(most) {
                true => keep = begun,
                false => {
                    lane.dropped[d] = Some(begun);
                    too_long = is_read;
                }
            }
            // Its head is told all the same.
            if too_long {
                lane.begins[d] = stream.slice(begun..begun + MAX_BEGINNING).to_vec();
            }
        }
        if let Some(lent) = self.lent.filter(|lent| lent.direction == direction) {
            stream.store(keep.max(lent.start), lent.from(keep));
        }
        let are_unnamed = stream.forget_octets(keep, since, MAX_MESSAGES.saturating_sub(lane.others))
            && lane.unnamed[d].replace(since) != Some(since);
        let is_told = lane.dropped[d] == Some(since) && !lane.begins[d].is_empty();
        if too_long {
            self.tell(direction, self.now, &remarks::too_long());
        } else if are_unnamed && !is_told {
            self.tell(direction, self.now, &remarks::too_many_frames());
        }
        let stream = &mut self.lane.hearing.streams[d];
        // What is missing takes no memory.
        let most = self.lane.room.map_or(MAX_UNREAD, |room| MAX_UNREAD.min(room));
        if stream.end() - read > most && stream.kept() as u64 > most {
            self.lose_patience(direction);
        }
    }

    fn lose_patience(&mut self, direction: Direction) {
        let d = direction.index();
        if matches!(self.lane.speech, Speech::Unheard) && self.connection.opening == Opening::Guessed {
            return self.pass_over(direction);
        }
        self.lane.deaf[d] = true;
        let end = self.lane.hearing.streams[d].end();
        self.lane.read[d] = end;
        self.lane.hearing.streams[d].forget(end);
        self.tell(direction, self.now, &remarks::too_much());
    }

    /// Forgets what came before it was known what is spoken: where a capture begins in the middle of something long, what
    /// comes later may tell.
    fn pass_over(&mut self, direction: Direction) {
        let d = direction.index();
        let is_first = self.lane.read[d] == 0;
        let end = self.lane.hearing.streams[d].end();
        self.lane.read[d] = end;
        self.lane.hearing.streams[d].forget(end);
        if is_first {
            self.tell(direction, self.now, &remarks::too_early());
        }
    }

    fn tell(&mut self, direction: Direction, moment: Moment, note: &Note) {
        self.common.watch.note(Some(&place(self.connection, direction, moment)), note);
    }

    /// Goes on behind bytes that were never captured, if the protocol can; always says what is missing.
    fn cross_gap(&mut self, direction: Direction) -> bool {
        let lane = &mut *self.lane;
        let d = direction.index();
        let read = lane.read[d];
        let stream = &mut lane.hearing.streams[d];
        let at = stream.first_gap(read);
        if at == stream.gaps().len() && stream.skip_gap().is_none() {
            return false;
        }
        let Some(gap) = stream.gaps().get(at).cloned() else { return false };
        lane.told[d] = lane.told[d].max(stream.gaps_forgotten() + at + 1);
        let behind = stream.slice(gap.end..u64::MAX);
        let goes_on = match &mut lane.speech {
            Speech::Known(_, decoder) => decoder.gap(direction, gap.clone(), behind),
            _ => false,
        };
        // Who acknowledges may answer what is missing.
        lane.doubt(direction, &mut self.common.sessions);
        lane.read[d] = gap.end;
        lane.deaf[d] = !goes_on;
        let rest = if goes_on { "" } else { "; what follows in this direction cannot be read" };
        let (place, note) = lane.gap_note(self.connection, direction, &gap, rest);
        self.common.watch.note(Some(&place), &note);
        goes_on
    }

    /// Speaks of all gaps that nobody came upon: behind another, or on a connection that nobody reads; and of bytes
    /// that are missing at the end.
    fn tell_gaps(&mut self, direction: Direction) {
        let lane = &mut *self.lane;
        let d = direction.index();
        while lane.hearing.streams[d].skip_gap().is_some() {}
        let flow = self.connection;
        let stream = &lane.hearing.streams[d];
        let untold = lane.told[d].saturating_sub(stream.gaps_forgotten());
        for gap in stream.gaps().get(untold..).unwrap_or_default() {
            let (place, note) = lane.gap_note(flow, direction, gap, "");
            self.common.watch.note(Some(&place), &note);
        }
        let acknowledged = flow.acknowledged(direction);
        // Nobody may send more than 1 GiB unacknowledged (RFC 7323 §2.3): a higher number is no evidence.
        let plausible = acknowledged.filter(|end| end.saturating_sub(flow.sent(direction)) <= 1 << 30);
        let sent = lane.hearing.fin[d].map_or(flow.sent(direction).max(plausible.unwrap_or(0)), |(end, _)| end);
        if let Some(missing) = sent.checked_sub(stream.end()).filter(|n| *n > 0) {
            let (from, _) = flow.ends(direction);
            let last = Moment { frame: flow.last.0, time: flow.last.1 };
            let kept_out = lane.kept_out(direction, &(stream.end()..sent));
            self.tell(flow.latest_way(), last, &remarks::missing_end(missing, from, acknowledged, kept_out, sent));
        }
    }
}
