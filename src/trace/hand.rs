//! What a decoder hands out during one call, passed on at once: with the frames that carried it, and behind it what
//! rides on it.

use std::ops::Range;

use super::carried::{Carried, Found, Ridden};
use super::carrier::Carrier;
use super::ear::{Common, Lent};
use super::kind;
use super::lane::{Hearing, Speech};
use super::model::buffer;
use super::watch::{Octets, Place, Seen, Tally, Watch};
use crate::capture::Moment;
use crate::flow::Connection;
use crate::layer::{Direction, Note, Span};
use crate::message::{Draft, Input, Inside, Payload, Piece, Sink, Upgrade};
use crate::protocol;

/// What is used again for every message, so that none of them costs memory.
#[derive(Default)]
pub(super) struct Scratch {
    frames: Vec<u32>,
    found: Found,
}

/// Takes what a decoder hands out.
pub(super) struct Hand<'a, W> {
    pub(super) connection: &'a Connection,
    pub(super) hearing: &'a Hearing,
    pub(super) ends_in: &'a mut [Moment; 2],
    pub(super) latest: &'a mut [Option<u64>; 2],
    pub(super) messages: &'a mut u64,
    pub(super) has_cut: &'a mut bool,
    pub(super) carrier: &'a mut Carrier,
    pub(super) common: &'a mut Common<W>,
    pub(super) now: Moment,
    pub(super) input: Input<'a>,
    pub(super) lent: Option<Lent<'a>>,
    /// (What hardly any call hands out is apart: both are moved with each.)
    pub(super) upgrade: Option<Box<Upgrade>>,
    /// Whether the stream is one that was encrypted in another, and its number, if it is one of several inside another.
    pub(super) within: (bool, Option<u32>),
    /// Of which directions octets are missing just now.
    pub(super) lacks: [bool; 2],
    pub(super) opened: Option<Box<Opened>>,
    /// What is kept of messages that have too many octets.
    pub(super) begins: Beginnings<'a>,
}

/// Of each direction where the message begins that has too many octets to be kept, and what they begin with.
pub(super) struct Beginnings<'a> {
    pub(super) dropped: [Option<u64>; 2],
    pub(super) octets: &'a [Vec<u8>; 2],
}

impl<'a> Beginnings<'a> {
    fn of(&self, direction: Direction, message: &Range<u64>) -> Option<&'a [u8]> {
        let d = direction.index();
        (self.dropped[d] == Some(message.start) && !self.octets[d].is_empty()).then_some(&self.octets[d][..])
    }
}

/// A piece of the stream inside, and when it could be read.
pub(super) struct Opened {
    pub(super) direction: Direction,
    /// Which stream, where there are several inside.
    pub(super) stream: Option<u32>,
    /// Where it begins in the stream inside, and in the one that holds it.
    pub(super) offset: u64,
    pub(super) from: u64,
    pub(super) octets: Vec<u8>,
    pub(super) piece: Piece,
    pub(super) closes: bool,
    pub(super) ends: bool,
    pub(super) moment: Moment,
}

impl<W: Watch> Sink for Hand<'_, W> {
    fn message(&mut self, draft: Draft<'_>) {
        let Draft { direction, range, payload, mut notes, complete } = draft;
        let stream = &self.hearing.streams[direction.index()];
        let came = (!self.common.needs.frames).then(|| self.came(direction, &range));
        let Common { sessions, scratch: Scratch { frames, found }, needs, watch, .. } = &mut *self.common;
        let latest = came.unwrap_or_else(|| stream.frames_into(range.clone(), frames));
        let moment = self.hearing.end_of(direction, &range, latest, &mut self.ends_in[direction.index()]);
        // A message of several frames may have begun earlier in the segment that is read where it lies.
        let lent = || self.lent.and_then(|lent| lent.within(direction, &range));
        let bytes = self.input.within(direction, &range).or_else(lent).or_else(|| {
            let kept = stream.slice(range.clone());
            (kept.len() as u64 == range.end - range.start).then_some(kept)
        });
        let mut request_frame = None;
        if needs.riders && !self.carrier.is_idle() {
            let carried = Carried {
                connection: Some(self.connection),
                direction,
                start: range.start,
                bytes,
                stream: Some(stream),
                frames,
                is_part: false,
                moment,
                within: self.within,
                complete,
                lacks: self.lacks[direction.reverse().index()],
                wanted: needs.octets == Octets::All,
            };
            let client = &self.hearing.streams[Direction::ToServer.index()];
            request_frame = self.carrier.hear(&carried, payload, client, sessions, found);
            notes.append(&mut found.remarks);
        }
        let seen = Seen {
            connection: self.connection,
            direction,
            range: &range,
            inside: self.within.0,
            stream: self.within.1,
            frames,
            moment,
            payload,
            notes: &notes,
            complete,
            late: moment.frame < self.now.frame,
            bytes,
            begins: bytes.is_none().then(|| self.begins.of(direction, &range)).flatten(),
            request_frame,
        };
        self.latest[direction.index()] = Some(range.start);
        *self.messages += u64::from(kind::counts(payload, complete));
        *self.has_cut |= !complete;
        tell(watch, &seen);
        for Ridden { payload, notes, frames, complete } in &found.ridden {
            let payload: &dyn Payload = payload.as_payload();
            let (frames, complete) = (frames.or(seen.frames), *complete);
            tell(watch, &Seen { payload, notes, frames, complete, request_frame: None, ..seen });
        }
        found.ridden.clear();
        if found.tally != Tally::default() {
            watch.tallied(std::mem::take(&mut found.tally));
        }
    }

    fn remark(&mut self, direction: Direction, range: Range<u64>, note: Note) {
        // A request may be answered before all of it is there: then there is no message yet.
        let is_told = self.latest[direction.index()] == Some(range.start);
        // What only an end ends is judged in the frame of whoever ended it, whichever side speaks.
        let sender = match self.connection.last.0 == self.now.frame {
            true => self.connection.latest_way(),
            false => self.input.direction,
        };
        let (way, moment) = if is_told { (direction, self.ends_in[direction.index()]) } else { (sender, self.now) };
        self.common.watch.note(Some(&place(self.connection, way, moment)), &note);
        let of = Span::new(buffer(self.connection.id, direction, self.within), range);
        self.common.watch.remark(&of, &note);
    }

    fn wants_octets(&self, direction: Direction, is_text: bool) -> bool {
        self.common.needs.octets.has(is_text)
            || (self.common.needs.riders && self.carrier.needs_octets(self.connection, direction))
    }

    fn lacks(&self, direction: Direction) -> bool {
        let (input, stream) = (self.input, &self.hearing.streams[direction.index()]);
        let is_before_gap = || direction == input.direction && input.offset + (input.bytes.len() as u64) < stream.end();
        self.lacks[direction.index()] || stream.has_hole() || is_before_gap()
    }

    fn received(&self, direction: Direction) -> Option<u64> {
        // What is inside counts its octets by itself.
        self.connection.acknowledged(direction).filter(|_| self.within == (false, None))
    }

    fn upgrade(&mut self, upgrade: Upgrade) {
        self.upgrade = Some(Box::new(upgrade));
    }

    fn secret(&self, label: &str, session: &[u8]) -> Option<&[u8]> {
        // What is encrypted twice is opened once.
        self.common.secrets.as_ref().filter(|_| self.within == (false, None))?.secret(label, session)
    }

    fn inside(&mut self, inside: Inside<'_>) {
        // Nor is it listened any deeper than to the streams inside what is encrypted.
        if self.within.1.is_some() {
            return;
        }
        let Inside { direction, stream, offset, from, octets, piece, closes, ends } = inside;
        let (octets, moment) = (octets.to_vec(), self.ends_in[direction.index()]);
        let opened = Opened { direction, stream, offset, from, octets, piece, closes, ends, moment };
        self.opened = Some(Box::new(opened));
    }
}

impl<W: Watch> Hand<'_, W> {
    /// When the last octet of a message came, where nobody asks for its frames: now, if it is read where it lies; else it may
    /// have waited for what was missing before it.
    fn came(&self, direction: Direction, range: &Range<u64>) -> Moment {
        if self.lent.is_some_and(|lent| lent.direction == direction) {
            return self.now;
        }
        let latest = self.hearing.streams[direction.index()].latest(range);
        if latest == Moment::default() { self.now } else { latest }
    }

    /// Asks the dissector of the new protocol for its judgement and, if the protocol changed, for a decoder.
    pub(super) fn judge(&mut self, upgrade: &Upgrade) -> Speech {
        let dissector = protocol::for_upgrade(&upgrade.token);
        let decoder = dissector.and_then(|dissector| dissector.upgraded(upgrade, self));
        match (dissector, decoder) {
            (Some(dissector), Some(decoder)) => Speech::Known(dissector.name(), decoder),
            _ => Speech::Unknown,
        }
    }
}

pub(super) fn tell<W: Watch>(watch: &mut W, seen: &Seen<'_>) {
    watch.message(seen);
    for note in seen.notes {
        watch.note(Some(&place(seen.connection, seen.direction, seen.moment)), note);
    }
}

pub(super) fn place(connection: &Connection, direction: Direction, moment: Moment) -> Place {
    Place { moment, stream: Some(connection.id), ends: Some(connection.ends(direction)) }
}
