//! The short way for a plain segment: one that continues what its sender sent, on an open connection, and of which there
//! is nothing to say. The connection knows the same afterwards as if the segment had gone the long way
//! ([`FlowTable::push`]), but for what segments are to each other where nobody asks; only what is made to be shown of a
//! segment is not made.

use super::Connection;
use super::analysis::{Analysed, Options};
use super::connection::Opening;
use super::half::Half;
use super::table::{Flow, FlowId, FlowTable};
use crate::capture::Moment;
use crate::layer::Direction;
use crate::packet::Tcp;

impl<T> FlowTable<T> {
    /// Takes the segment if it is plain, and if `ready` says that the stream it belongs to takes its payload at the offset
    /// given. `None` if it must go the long way; then nothing has happened.
    #[inline]
    pub fn pass(
        &mut self,
        id: FlowId,
        direction: Direction,
        segment: (&Tcp, &[u8], Moment),
        ready: impl FnOnce(&Connection, &T, u64) -> bool,
    ) -> Option<(&mut Flow<T>, u64)> {
        let flow = self.flow(id)?;
        let connection = Some(&flow.connection).filter(|connection| connection.is_settled)?;
        let offset = connection.offset(segment.0, direction)?;
        if !ready(&flow.connection, &flow.with, offset) {
            return None;
        }
        let passes = flow.connection.pass(segment, direction, offset);
        passes.then_some((flow, offset))
    }
}

impl Connection {
    /// Whether this connection is open and all that is learned at its beginning is known. No plain segment changes that.
    pub(super) fn is_open_and_known(&self) -> bool {
        let is_going_on = |half: &Half| half.base.is_some() && half.fin().is_none() && !half.has_reset();
        let handshake = &self.handshake;
        let is_open = handshake.ack.is_some() || (handshake.syn.is_none() && handshake.syn_ack.is_none());
        // What an empty segment was that came first its answer tells.
        let has_answered = |half: &Half| half.acknowledged.is_some();
        let is_begun = self.opening == Opening::Seen || self.octets != [0; 2] || self.halves.iter().all(has_answered);
        // Where another may take its place, or a segment may have been dropped, each is looked at.
        let is_alone = self.met.is_none() && self.outside.is_none();
        is_open && is_begun && is_alone && self.halves.iter().all(is_going_on)
    }

    /// Takes a plain segment whose payload belongs at this offset of its stream.
    #[inline(always)]
    fn pass(&mut self, (tcp, data, now): (&Tcp, &[u8], Moment), direction: Direction, offset: u64) -> bool {
        // What only the rules ask for is left out: a usual segment is not put to them.
        let options = (self.analysed == Analysed::Measured).then(|| Options::of(tcp, data));
        let passes =
            self.analysed == Analysed::Not || self.analyser.pass(direction, (tcp, options), (now.frame, now.time));
        if passes {
            self.note_acknowledgement(tcp, direction);
            self.halves[direction.index()].reaches(offset, tcp.payload_len);
            self.note_frame(tcp, direction, now.frame, now.time);
        }
        passes
    }
}
