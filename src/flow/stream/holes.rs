//! The holes of a stream: for how long they are waited for, and those that were given up. The rules are the stream's own.

use std::ops::Range;

use super::{Piece, Stream};
use crate::capture::Moment;
use crate::flow::Arrival;

/// So many segments with new octets are waited for after the octets of a hole were acknowledged.
pub(super) const PATIENCE: u8 = 3;

impl Stream {
    /// Gives up on the first hole, if there is one: its bytes are recorded as missing.
    pub fn skip_gap(&mut self) -> Option<Range<u64>> {
        let gap = self.assembler.skip()?;
        let behind = self.chunks(gap.end..gap.end + 1).next();
        self.behind.push(behind.map(|chunk| Moment { frame: chunk.frame, ..chunk.arrived }).unwrap_or_default());
        self.pieces.push(Piece { start: gap.end, bytes: Vec::new() });
        self.gaps.push(gap.clone());
        self.advance(gap.end);
        Some(gap)
    }

    /// The holes that were given up; of a stream that keeps only what nobody has read, the latest.
    pub fn gaps(&self) -> &[Range<u64>] {
        &self.gaps
    }

    /// The place in [`Stream::gaps`] of the first of them that ends behind this offset.
    pub fn first_gap(&self, offset: u64) -> usize {
        self.gaps.partition_point(|gap| gap.end <= offset)
    }

    /// How many holes were given up before those in [`Stream::gaps`].
    pub fn gaps_forgotten(&self) -> usize {
        self.gaps_forgotten
    }

    /// Gives up the first holes, up to this offset: their octets arrived, and their sender knows that.
    pub fn give_up(&mut self, until: u64) {
        while self.assembler.first_hole().is_some_and(|hole| hole.end <= until) && self.skip_gap().is_some() {}
    }

    pub(super) fn was_given_up(&self, range: &Range<u64>) -> bool {
        self.gaps.get(self.first_gap(range.start)).is_some_and(|gap| gap.start < range.end)
    }

    pub(super) fn first_hole_is_acknowledged(&self) -> bool {
        self.assembler.first_hole().is_some_and(|hole| hole.end <= self.acknowledged)
    }

    pub(super) fn lose_patience(&mut self, arrival: Arrival) {
        if arrival == Arrival::InOrder || !self.first_hole_is_acknowledged() {
            self.waited = 0;
        } else if arrival == Arrival::Early {
            self.waited += 1;
        }
        if self.waited >= PATIENCE {
            self.waited = 0;
            while self.first_hole_is_acknowledged() && self.skip_gap().is_some() {}
        }
    }
}
