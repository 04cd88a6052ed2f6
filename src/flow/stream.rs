//! The bytes of one direction, in order, and which frame brought each of them.
//!
//! Overlap policy: bytes that came first stay; what a later segment says of the same offsets is not looked at.
//!
//! A hole is given up, and what waits behind it read, when one of these is so:
//! - the other side has acknowledged the octets in it, so that nobody will send them again, and [`PATIENCE`] more segments
//!   with new octets came after that without filling it: the capture lacks them. (Captures may be slightly out of order, an
//!   acknowledgement before what it acknowledges: hence the patience. It is the number of duplicate ACKs after which a
//!   sender no longer believes in reordering, RFC 5681 §3.2.)
//! - more than [`MAX_WAITING`] octets wait behind it;
//! - the caller says so, because the capture is over.
//!
//! What comes for a hole that was given up is [`Arrival::Late`] and not read.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Arrival, Assembler};

/// A stretch of a stream that one frame brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its offsets in the stream.
    pub range: Range<u64>,
    /// The frame's number.
    pub frame: u32,
    /// Where the bytes begin in the frame's captured octets.
    pub at: u32,
}

/// What a segment did to its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it was to the stream.
    pub arrival: Arrival,
    /// Which of its offsets were new.
    pub fresh: Vec<Range<u64>>,
}

/// More than this is not kept waiting behind a hole; the hole is given up instead.
const MAX_WAITING: usize = 16 << 20;

/// So many segments with new octets are waited for after the octets of a hole were acknowledged.
const PATIENCE: u8 = 3;

/// Bytes without a gap between them.
#[derive(Debug, Clone)]
struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

/// One direction of a connection.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    assembler: Assembler,
    pieces: Vec<Piece>,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_len: usize,
    chunks: BTreeMap<u64, Chunk>,
    gaps: Vec<Range<u64>>,
    /// All before this offset arrived, says the other side.
    acknowledged: u64,
    /// How many segments with new octets came since the first hole was known to be acknowledged.
    waited: u8,
}

impl Stream {
    /// Adds a segment's payload, which begins at `offset` in the stream and at octet `at` of the frame.
    pub fn add(&mut self, offset: u64, payload: &[u8], frame: u32, at: u32) -> Delivery {
        let range = offset..offset + payload.len() as u64;
        let fresh = self.assembler.fresh(range.clone());
        for part in &fresh {
            let skip = (part.start - offset) as usize;
            let bytes = &payload[skip..skip + (part.end - part.start) as usize];
            self.waiting_len += bytes.len();
            self.waiting.insert(part.start, bytes.to_vec());
            self.chunks.insert(part.start, Chunk { range: part.clone(), frame, at: at + skip as u32 });
        }
        let arrival = match self.assembler.add(range.clone()) {
            Arrival::Repeated if self.was_given_up(&range) => Arrival::Late,
            arrival => arrival,
        };
        self.advance();
        self.lose_patience(arrival);
        while self.waiting_len > MAX_WAITING && self.skip_gap().is_some() {}
        Delivery { arrival, fresh }
    }

    /// Takes note that the other side has acknowledged all octets before this offset.
    pub fn acknowledge(&mut self, offset: u64) {
        self.acknowledged = self.acknowledged.max(offset);
    }

    /// Gives up on the first hole, if there is one: its bytes are recorded as missing.
    pub fn skip_gap(&mut self) -> Option<Range<u64>> {
        let gap = self.assembler.skip()?;
        self.pieces.push(Piece { start: gap.end, bytes: Vec::new() });
        self.gaps.push(gap.clone());
        self.advance();
        Some(gap)
    }

    /// The offset of the next byte that has not come: all before it is known, or was given up.
    pub fn end(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.start + piece.bytes.len() as u64)
    }

    /// Whether bytes wait behind a hole.
    pub fn has_hole(&self) -> bool {
        self.assembler.holes() > 0
    }

    /// The holes that were given up.
    pub fn gaps(&self) -> &[Range<u64>] {
        &self.gaps
    }

    /// The bytes from the start of this range on, as far as they are known without a gap.
    pub fn slice(&self, range: Range<u64>) -> &[u8] {
        let after = self.pieces.partition_point(|piece| piece.start <= range.start);
        let Some(piece) = after.checked_sub(1).and_then(|i| self.pieces.get(i)) else { return &[] };
        let start = (range.start - piece.start) as usize;
        let end = (range.end.saturating_sub(piece.start) as usize).min(piece.bytes.len());
        piece.bytes.get(start..end).unwrap_or_default()
    }

    /// The chunks that make up these offsets, in order.
    pub fn chunks(&self, range: Range<u64>) -> impl Iterator<Item = Chunk> + '_ {
        let before = self.chunks.range(..range.start).next_back().map(|(_, chunk)| chunk);
        let inside = self.chunks.range(range.start..range.end.max(range.start)).map(|(_, chunk)| chunk);
        before.into_iter().chain(inside).filter_map(move |chunk| {
            let start = chunk.range.start.max(range.start);
            let end = chunk.range.end.min(range.end);
            (start < end).then(|| Chunk {
                range: start..end,
                frame: chunk.frame,
                at: chunk.at + (start - chunk.range.start) as u32,
            })
        })
    }

    /// The numbers of the frames that brought these offsets, ascending and without repeats.
    pub fn frames(&self, range: Range<u64>) -> Vec<u32> {
        let mut frames: Vec<u32> = self.chunks(range).map(|chunk| chunk.frame).collect();
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    fn was_given_up(&self, range: &Range<u64>) -> bool {
        let first = self.gaps.partition_point(|gap| gap.end <= range.start);
        self.gaps.get(first).is_some_and(|gap| gap.start < range.end)
    }

    fn first_hole_is_acknowledged(&self) -> bool {
        self.assembler.first_hole().is_some_and(|hole| hole.end <= self.acknowledged)
    }

    fn lose_patience(&mut self, arrival: Arrival) {
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

    fn advance(&mut self) {
        while let Some(bytes) = self.waiting.remove(&self.end()) {
            self.waiting_len -= bytes.len();
            match self.pieces.last_mut() {
                Some(piece) => piece.bytes.extend(bytes),
                None => self.pieces.push(Piece { start: 0, bytes }),
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    #[test]
    fn puts_segments_in_order_and_remembers_their_frames() {
        let mut stream = Stream::default();
        assert_eq!(stream.add(0, b"GET ", 4, 66).arrival, Arrival::InOrder);
        assert_eq!(stream.add(6, b"HTTP", 5, 66).arrival, Arrival::Early);
        assert_eq!(stream.slice(0..100), b"GET ");
        assert_eq!(stream.add(4, b"/ ", 6, 66).arrival, Arrival::InOrder);
        assert_eq!(stream.slice(0..100), b"GET / HTTP");
        assert_eq!(stream.frames(0..10), [4, 5, 6]);
        assert_eq!(stream.frames(5..7), [5, 6]);
        let middle: Vec<_> = stream.chunks(5..8).collect();
        assert_eq!(middle, [Chunk { range: 5..6, frame: 6, at: 67 }, Chunk { range: 6..8, frame: 5, at: 66 }]);
    }

    #[test]
    fn what_came_first_stays() {
        let mut stream = Stream::default();
        stream.add(0, b"abc", 1, 0);
        let again = stream.add(1, b"XYd", 2, 10);
        assert_eq!(again.fresh, [3..4]);
        assert_eq!(stream.slice(0..9), b"abcd");
        assert_eq!(stream.chunks(3..4).next(), Some(Chunk { range: 3..4, frame: 2, at: 12 }));
        assert_eq!(stream.add(0, b"abcd", 3, 0).arrival, Arrival::Repeated);
    }

    #[test]
    fn a_far_away_number_costs_nothing() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", 1, 0);
        stream.add(2_000_000_000, b"z", 2, 0);
        assert_eq!(stream.skip_gap(), Some(2..2_000_000_000));
        assert_eq!(stream.slice(2_000_000_000..2_000_000_009), b"z");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stream = Stream::default();
        for i in 0..64 {
            stream.add(1 + 2 * i, b"z", 1, 0);
        }
        let large = vec![0; 1 << 20];
        for i in 0..20 {
            stream.add(1000 + i * (2 << 20), &large, 2, 0);
        }
        assert!(stream.waiting_len <= MAX_WAITING, "{} octets wait", stream.waiting_len);
        assert!(stream.gaps().len() > 64, "and every hole that was given up is on record");
    }

    #[test]
    fn an_acknowledged_hole_is_given_up_in_time() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", 1, 0);
        for i in 2..20 {
            stream.add(2 * i, b"xy", 9, 0);
        }
        assert!(stream.has_hole(), "nobody says that the octets arrived: they may still come");
        stream.acknowledge(4);
        stream.add(40, b"xy", 10, 0);
        stream.add(42, b"xy", 11, 0);
        assert!(stream.has_hole(), "what is captured before its octets is not yet a loss");
        stream.add(44, b"xy", 12, 0);
        assert_eq!(stream.gaps(), [2..4]);
        assert_eq!(stream.end(), 46);
        assert_eq!(stream.add(2, b"cd", 13, 0).arrival, Arrival::Late);
        assert_eq!(stream.add(4, b"xy", 14, 0).arrival, Arrival::Repeated);
    }

    #[test]
    fn an_acknowledgement_captured_too_early_costs_nothing() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", 1, 0);
        stream.acknowledge(6);
        stream.add(4, b"ef", 2, 0);
        stream.add(6, b"gh", 3, 0);
        assert_eq!(stream.add(2, b"cd", 4, 0).arrival, Arrival::InOrder);
        assert_eq!((stream.slice(0..8), stream.gaps().len()), (&b"abcdefgh"[..], 0));
    }

    #[test]
    fn a_gap_is_recorded_not_hidden() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", 1, 0);
        stream.add(4, b"ef", 2, 0);
        assert!(stream.has_hole());
        assert_eq!(stream.skip_gap(), Some(2..4));
        assert_eq!(stream.gaps(), [2..4]);
        assert_eq!(stream.slice(0..9), b"ab", "nothing is read across a gap");
        assert_eq!(stream.slice(4..9), b"ef");
        assert_eq!(stream.end(), 6);
        assert_eq!(stream.frames(2..4), [] as [u32; 0]);
    }
}
