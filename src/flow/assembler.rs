//! Sequence arithmetic: numbers that wrap, and offsets that do not. It knows no bytes and no packets.
//!
//! # References
//! - RFC 9293 §3.4: sequence numbers are compared modulo 2^32.

use std::collections::BTreeMap;
use std::ops::Range;

/// A TCP sequence number. Comparing two is only meaningful within half the number space of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// How far this number lies after `base`, negative if before.
    pub fn since(self, base: Self) -> i32 {
        self.0.wrapping_sub(base.0) as i32
    }

    /// The number `n` octets on.
    pub fn plus(self, n: u32) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// The offset from `base` in a stream that has already come as far as `near`: of all offsets with this number the
    /// one nearest to `near`, so that streams longer than 4 GiB count on. `None` if it lies before the stream.
    pub fn offset(self, base: Self, near: u64) -> Option<u64> {
        let ahead = self.since(base.plus(near as u32));
        near.checked_add_signed(i64::from(ahead))
    }
}

/// What a newly arrived range is to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It continues the stream.
    InOrder,
    /// It lies beyond bytes that have not come yet.
    Early,
    /// All of it was there before.
    Repeated,
    /// It belongs where octets were given up for missing: too late to be read.
    Late,
}

/// Which offsets of a stream have arrived. Invariant: `waiting` holds disjoint ranges that begin after `next`.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    next: u64,
    waiting: BTreeMap<u64, u64>,
}

impl Assembler {
    /// The first offset that has not arrived.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many stretches wait beyond a hole.
    pub fn holes(&self) -> usize {
        self.waiting.len()
    }

    /// The stretch of offsets missing before the first that waits.
    pub fn first_hole(&self) -> Option<Range<u64>> {
        self.waiting.first_key_value().map(|(start, _)| self.next..*start)
    }

    /// The parts of `range` that have not arrived yet, in order. Where ranges overlap, what came first stays.
    pub fn fresh(&self, range: Range<u64>) -> Vec<Range<u64>> {
        let mut fresh = Vec::new();
        let mut at = range.start.max(self.next);
        let earlier = self.waiting.range(..at).next_back();
        for (&start, &end) in earlier.into_iter().chain(self.waiting.range(at..range.end.max(at))) {
            if start > at {
                fresh.push(at..start.min(range.end));
            }
            at = at.max(end);
        }
        if at < range.end {
            fresh.push(at..range.end);
        }
        fresh
    }

    /// Whether a range continues the stream, and nothing waits beyond a hole.
    pub fn continues(&self, range: &Range<u64>) -> bool {
        range.start == self.next && !range.is_empty() && self.waiting.is_empty()
    }

    /// Takes note of a range that continues the stream, if nothing waits beyond a hole; otherwise it is for
    /// [`Assembler::add`].
    pub fn extend(&mut self, range: &Range<u64>) -> bool {
        let continues = self.continues(range);
        if continues {
            self.next = range.end;
        }
        continues
    }

    /// As if this range, which waits beyond a hole, had not come.
    pub fn withdraw(&mut self, range: &Range<u64>) {
        if self.waiting.get(&range.start) == Some(&range.end) {
            self.waiting.remove(&range.start);
        }
    }

    /// Takes note of a range; returns what it was.
    pub fn add(&mut self, range: Range<u64>) -> Arrival {
        let fresh = self.fresh(range);
        let Some(first) = fresh.first() else { return Arrival::Repeated };
        let arrival = if first.start == self.next { Arrival::InOrder } else { Arrival::Early };
        for range in fresh {
            self.waiting.insert(range.start, range.end);
        }
        self.advance();
        arrival
    }

    /// Gives up on the first hole: the stream goes on behind it. Returns what was given up.
    pub fn skip(&mut self) -> Option<Range<u64>> {
        let hole = self.first_hole()?;
        self.next = hole.end;
        self.advance();
        Some(hole)
    }

    fn advance(&mut self) {
        while let Some(end) = self.waiting.remove(&self.next) {
            self.next = end;
        }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap() {
        let near_the_end = SeqNumber(u32::MAX - 1);
        assert_eq!(SeqNumber(3).since(near_the_end), 5);
        assert_eq!(near_the_end.since(SeqNumber(3)), -5);
        assert_eq!(near_the_end.plus(5), SeqNumber(3));
        assert_eq!(SeqNumber(3).offset(near_the_end, 0), Some(5));
        assert_eq!(SeqNumber(3).offset(SeqNumber(4), 0), None, "before the stream");
        assert_eq!(SeqNumber(7).offset(SeqNumber(0), (1 << 32) + 5), Some((1 << 32) + 7));
    }

    #[test]
    fn in_order_early_repeated() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.add(0..3), Arrival::InOrder);
        assert_eq!(assembler.add(5..8), Arrival::Early);
        assert_eq!(assembler.add(6..7), Arrival::Repeated);
        assert_eq!(assembler.first_hole(), Some(3..5));
        assert_eq!(assembler.add(2..6), Arrival::InOrder);
        assert_eq!(assembler.next(), 8);
        assert_eq!(assembler.add(0..8), Arrival::Repeated);
    }

    #[test]
    fn overlap_keeps_what_came_first() {
        let mut assembler = Assembler::default();
        assembler.add(4..6);
        assembler.add(8..10);
        assert_eq!(assembler.fresh(2..12), [2..4, 6..8, 10..12]);
        assert_eq!(assembler.fresh(5..9), [6..8]);
        assert_eq!(assembler.fresh(4..6), []);
    }

    #[test]
    fn a_hole_can_be_given_up() {
        let mut assembler = Assembler::default();
        assembler.add(0..2);
        assembler.add(4..6);
        assembler.add(9..10);
        assert_eq!(assembler.skip(), Some(2..4));
        assert_eq!(assembler.next(), 6);
        assert_eq!(assembler.skip(), Some(6..9));
        assert_eq!(assembler.skip(), None);
        assert_eq!(assembler.next(), 10);
    }
}
