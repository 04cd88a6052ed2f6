//! What lies outside the window of its receiver, which drops it. That a segment lies behind the window that was captured last is
//! no proof: the capture may lack what opened it. Who sends rightly was allowed to by then, though, and no receiver takes a
//! window back. So what its receiver says next decides: if that window does not reach the segment either, none ever did.
//!
//! # References
//! - RFC 9293 §3.10.7.4 ("First, check sequence number"), §3.8.6 ("A TCP receiver SHOULD NOT shrink the window"), RFC 5961 §3.2.

use std::ops::Range;

use super::SeqNumber;
use super::connection::Connection;
use super::half::Half;
use crate::capture::{Moment, Timestamp};
use crate::count::counted;
use crate::layer::{Direction, Group, Note, Severity};
use crate::packet::{Flags, Tcp};

/// Of more segments of a connection it is not asked at once: those count as what they seem to be.
const MOST: usize = 16;

/// A segment that its receiver dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its frame, and when.
    pub moment: Moment,
    /// Which way it went.
    pub direction: Direction,
    /// Which octets of the stream its payload seemed to be.
    pub range: Range<u64>,
    /// Its flags.
    pub flags: Flags,
    /// How many octets lie between the end of the window and the segment.
    pub beyond: u32,
}

impl Dropped {
    /// What there is to say of it.
    pub fn note(&self) -> Note {
        let (what, spec) = match () {
            () if self.flags.has(Flags::RST) => ("this RST is dropped, and the connection goes on", "RFC 5961 §3.2"),
            () if self.range.is_empty() => ("this FIN is dropped, and its sender goes on", "RFC 9293 §3.10.7.4"),
            () => ("what it brings is dropped, and not read", "RFC 9293 §3.10.7.4"),
        };
        let beyond = counted(self.beyond, "octet");
        let text = format!(
            "it lies {beyond} behind the end of its receiver's window, which does not reach it later either: {what}"
        );
        Note::new(Severity::Warn, text, spec).about(Group::Sequence)
    }
}

/// The segments of a connection that may have been dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Outside {
    /// With the number at which each begins.
    segments: Vec<(SeqNumber, Dropped)>,
    /// How far each side has come without them.
    sent: [u64; 2],
}

impl Outside {
    /// Whether the segment in this frame is one of them.
    pub(super) fn has(&self, frame: u32) -> bool {
        self.segments.iter().any(|(_, dropped)| dropped.moment.frame == frame)
    }

    fn has_any(&self, direction: Direction) -> bool {
        self.segments.iter().any(|(_, dropped)| dropped.direction == direction)
    }
}

impl Connection {
    /// How far behind the window of its receiver a segment begins, as far as that was captured, with a hole before it. To be asked
    /// before the segment is noted.
    pub(super) fn beyond_window(&self, tcp: &Tcp, direction: Direction) -> Option<u32> {
        let takes = tcp.payload_len > 0 || tcp.flags.0 & (Flags::FIN | Flags::RST) != 0;
        let edge = self.halves[direction.reverse().index()].edge.filter(|_| takes && !self.is_with_itself())?;
        let own = &self.halves[direction.index()];
        let beyond = SeqNumber(tcp.seq).since(edge);
        let next = match self.outside.as_ref().filter(|outside| outside.has_any(direction)) {
            Some(outside) => own.base?.plus(1).plus(outside.sent[direction.index()] as u32),
            None => own.next()?,
        };
        let is_opening = tcp.flags.has(Flags::SYN);
        u32::try_from(beyond).ok().filter(|beyond| *beyond > 0 && !is_opening && SeqNumber(tcp.seq).since(next) > 0)
    }

    /// Takes note of a segment with regard to windows: of one that may be dropped, or of what it tells about those before.
    /// `sent` is how far its sender had come before it.
    pub(super) fn note_window(
        &mut self,
        (tcp, direction): (&Tcp, Direction),
        (offset, sent): (Option<u64>, u64),
        beyond: Option<u32>,
        (frame, time): (u32, Timestamp),
    ) -> Vec<Dropped> {
        let d = direction.index();
        let has_room = self.outside.as_ref().is_none_or(|outside| outside.segments.len() < MOST);
        if let Some((offset, beyond)) = offset.zip(beyond).filter(|_| has_room) {
            let outside = self.outside.get_or_insert_default();
            if !outside.has_any(direction) {
                outside.sent[d] = sent;
            }
            let (moment, range) = (Moment { frame, time }, offset..offset + u64::from(tcp.payload_len));
            let dropped = Dropped { moment, direction, range, flags: tcp.flags, beyond };
            outside.segments.push((SeqNumber(tcp.seq), dropped));
            return Vec::new();
        }
        let Some(mut outside) = self.outside.take() else { return Vec::new() };
        if let Some(offset) = offset.filter(|_| !tcp.flags.has(Flags::RST)) {
            outside.sent[d] = outside.sent[d].max(offset + u64::from(tcp.payload_len));
        }
        let edge = self.halves[d].edge.filter(|_| tcp.flags.has(Flags::ACK) && !tcp.flags.has(Flags::RST));
        let dropped = edge.map(|edge| self.settle_windows(&mut outside, direction.reverse(), edge));
        if !outside.segments.is_empty() {
            self.outside = Some(outside);
        }
        dropped.unwrap_or_default()
    }

    /// Their receiver speaks again, and its window ends here.
    fn settle_windows(&mut self, outside: &mut Outside, direction: Direction, edge: SeqNumber) -> Vec<Dropped> {
        let (ours, others) =
            std::mem::take(&mut outside.segments).into_iter().partition(|(_, dropped)| dropped.direction == direction);
        outside.segments = others;
        let ours: Vec<(SeqNumber, Dropped)> = ours;
        let count = ours.len();
        let dropped: Vec<Dropped> =
            ours.into_iter().filter(|(seq, _)| seq.since(edge) > 0).map(|(_, dropped)| dropped).collect();
        let half = &mut self.halves[direction.index()];
        dropped.iter().for_each(|dropped| half.forget_end(dropped.moment.frame));
        if count > 0 && dropped.len() == count {
            half.sent = outside.sent[direction.index()];
        }
        dropped
    }

    /// Takes note of how far the window reaches that a segment gives, where that is known.
    #[inline]
    pub(super) fn note_edge(&mut self, tcp: &Tcp, direction: Direction) {
        let is_opening = tcp.flags.has(Flags::SYN);
        let Some(shift) = self.analyser.shift(direction).filter(|_| tcp.flags.has(Flags::ACK)) else { return };
        let end = SeqNumber(tcp.ack).plus(u32::from(tcp.window) << if is_opening { 0 } else { shift });
        let edge = &mut self.halves[direction.index()].edge;
        if edge.is_none_or(|before| end.since(before) > 0) {
            *edge = Some(end);
        }
    }
}

impl Half {
    /// As if it had not ended in this frame.
    fn forget_end(&mut self, frame: u32) {
        let ends_here = self.broke_off().is_some_and(|(rst, _)| rst == frame);
        if !ends_here && self.fin().is_none_or(|fin| fin.frame != frame) {
            return;
        }
        let ends = self.ends_mut();
        ends.fin = ends.fin.filter(|fin| fin.frame != frame);
        ends.reset = ends.reset.filter(|(rst, _)| *rst != frame);
        ends.doubtful_reset = ends.doubtful_reset.filter(|doubt| doubt.frame != frame);
    }
}
