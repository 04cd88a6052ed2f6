//! The bytes of one direction, in order, and which frame brought each of them.
//!
//! Overlap policy: bytes that came first stay, and what a later segment says of the same offsets is not read. What came in
//! order every receiver has taken by then. Of what waits behind a hole each may keep another copy: whether two say the same
//! can be asked ([`Stream::differs_at`]).
//!
//! A hole is given up, and what waits behind it read, when one of these is so:
//! - the other side has acknowledged the octets in it, so that nobody will send them again, and [`PATIENCE`](holes::PATIENCE) more segments
//!   with new octets came after that without filling it: the capture lacks them. (Captures may be slightly out of order, an
//!   acknowledgement before what it acknowledges: hence the patience. It is the number of duplicate ACKs after which a
//!   sender no longer believes in reordering, RFC 5681 §3.2.)
//! - its sender has acknowledged what the other side said when it had acknowledged those octets ([`Stream::give_up`]);
//! - more than [`MAX_WAITING`] octets wait behind it;
//! - the caller says so, because the capture is over.
//!
//! What comes for a hole that was given up is [`Arrival::Late`] and not read.
//!
//! A stream keeps everything ([`Stream::default`]), so that it can be shown later, or only what nobody has read yet
//! ([`Stream::passing`]): then most segments are read where they lie, and never copied.

mod holes;

use std::collections::BTreeMap;
use std::ops::Range;

use super::chunks::Chunks;
use super::{Arrival, Assembler, Chunk, Delivery, Fresh, Kept, Origin};
use crate::capture::Moment;

/// More than this is not kept waiting behind a hole; the hole is given up instead.
const MAX_WAITING: usize = 16 << 20;

/// As [`MAX_WAITING`], of a stream that keeps only what nobody has read.
const MAX_WAITING_IN_PASSING: usize = 1 << 20;

/// A stream that keeps only what nobody has read remembers no more holes than these.
const MAX_GAPS: usize = 256;

/// Of more pieces it is not remembered where they came from once they were read: of 64 MiB in small segments they are fewer.
const MAX_CHUNKS: usize = 1 << 16;

/// So many octets of memory what waits behind a hole takes, beside its own.
const WAITING: usize = 96 + size_of::<Chunk>();

/// No more segments that were withdrawn are remembered.
const MAX_WITHDRAWN: usize = 16;

/// More memory than this is given back when nothing is in it.
const SPARE: usize = 4 << 10;

/// Bytes without a gap between them.
#[derive(Debug, Clone)]
struct Piece {
    start: u64,
    bytes: Vec<u8>,
}

/// What a stream keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Keeping {
    #[default]
    Everything,
    Unread,
}

/// One direction of a connection. What each segment touches stands first, as in [`Connection`](super::Connection).
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub struct Stream {
    keeping: Keeping,
    /// How many segments with new octets came since the first hole was known to be acknowledged.
    waited: u8,
    /// How many octets are in the pieces.
    pieces_len: usize,
    assembler: Assembler,
    pieces: Vec<Piece>,
    waiting: BTreeMap<u64, Vec<u8>>,
    waiting_len: usize,
    chunks: Chunks,
    gaps: Vec<Range<u64>>,
    /// For each of them the frame that brought what lies behind it.
    behind: Vec<Moment>,
    /// How many holes are not remembered any more.
    gaps_forgotten: usize,
    /// What waited behind a hole and was taken out again.
    withdrawn: Vec<(Chunk, Vec<u8>)>,
    /// All before this offset arrived, says the other side.
    acknowledged: u64,
}

impl Stream {
    /// A stream that keeps only what nobody has read: see [`Stream::lend`] and [`Stream::forget`].
    pub fn passing() -> Self {
        Self { keeping: Keeping::Unread, ..Self::default() }
    }

    /// Says that the octets before this offset came before the capture: none of them is waited for. Of a stream that has begun
    /// already nothing changes.
    pub fn begin_at(&mut self, offset: u64) {
        if self.assembler.next() == 0 {
            self.assembler.extend(&(0..offset));
        }
    }

    /// Adds a segment's payload, which begins at `offset` in the stream.
    pub fn add(&mut self, offset: u64, payload: &[u8], origin: Origin) -> Delivery {
        let range = offset..offset + payload.len() as u64;
        if self.assembler.extend(&range) {
            self.append(offset, payload);
            self.chunks.push(range.clone(), origin);
            self.waited = 0;
            return Delivery { arrival: Arrival::InOrder, fresh: Fresh::One(range) };
        }
        let next = self.assembler.next();
        let fresh = self.assembler.fresh(range.clone());
        for part in &fresh {
            let skip = (part.start - offset) as usize;
            let bytes = &payload[skip..skip + (part.end - part.start) as usize];
            self.waiting_len += bytes.len();
            self.waiting.insert(part.start, bytes.to_vec());
            self.chunks.wait(part.clone(), Origin { at: origin.at + skip as u32, ..origin });
        }
        let arrival = match self.assembler.add(range.clone()) {
            Arrival::Repeated if self.was_given_up(&range) => Arrival::Late,
            arrival => arrival,
        };
        self.advance(next);
        self.lose_patience(arrival);
        while self.waiting_len > self.max_waiting() && self.skip_gap().is_some() {}
        Delivery { arrival, fresh: Fresh::Some(fresh) }
    }

    /// Whether this range goes on where a stream ends that keeps only what nobody has read, and nothing waits behind a hole.
    pub fn goes_on_with(&self, range: &Range<u64>) -> bool {
        self.keeping == Keeping::Unread && self.assembler.continues(range)
    }

    /// Whether [`Stream::lend`] would take this range.
    #[inline]
    pub fn can_lend(&self, range: &Range<u64>) -> bool {
        let has_unread = self.pieces_len > 0 && self.pieces.last().is_some_and(|piece| !piece.bytes.is_empty());
        !has_unread && self.goes_on_with(range)
    }

    /// Takes note of a segment that continues the stream, without its octets: the caller reads them where they lie, and
    /// then says with [`Stream::store`] what it could not use yet. `None` where that is not possible, because others
    /// wait or because the stream keeps everything: then it is for [`Stream::add`].
    pub fn lend(&mut self, range: Range<u64>, origin: Origin, with_chunks: bool) -> Option<Delivery> {
        if !self.can_lend(&range) || !self.assembler.extend(&range) {
            return None;
        }
        if with_chunks {
            self.chunks.push(range.clone(), origin);
        }
        self.waited = 0;
        Some(Delivery { arrival: Arrival::InOrder, fresh: Fresh::One(range) })
    }

    /// Takes note of a segment that [can be lent](Self::can_lend) and of which all was read where it lies: as if it had been lent
    /// and forgotten. `false` where it does not continue the stream; then nothing has happened.
    #[inline]
    pub fn skip(&mut self, range: &Range<u64>) -> bool {
        debug_assert!(self.can_lend(range), "what cannot be lent is not read where it lies");
        let continues = self.assembler.extend(range);
        self.waited = if continues { 0 } else { self.waited };
        continues
    }

    /// Keeps the end of what was lent.
    pub fn store(&mut self, offset: u64, rest: &[u8]) {
        if rest.is_empty() {
            return;
        }
        self.pieces.clear();
        self.pieces.push(Piece { start: offset, bytes: rest.to_vec() });
        self.pieces_len = rest.len();
    }

    /// Forgets all before this offset, of a stream that keeps only what nobody has read.
    pub fn forget(&mut self, before: u64) {
        self.forget_octets(before, before, usize::MAX);
    }

    /// The same, but of the octets from `since` on it is still known which frames they came in. Says whether that was forgotten,
    /// too, as they are too many, or take more octets of memory than `room`.
    pub fn forget_octets(&mut self, before: u64, since: u64, room: usize) -> bool {
        if self.keeping == Keeping::Everything {
            return false;
        }
        let are_too_many = since < before && self.chunks.len() > MAX_CHUNKS.min(room / size_of::<Chunk>());
        self.chunks.forget(if are_too_many { before } else { since.min(before) });
        self.forget_pieces(before);
        are_too_many
    }

    fn forget_pieces(&mut self, before: u64) {
        let passed = self.pieces.partition_point(|piece| piece.start + piece.bytes.len() as u64 <= before);
        let last = self.pieces.len().saturating_sub(1);
        let passed = self.pieces.drain(..passed.min(last));
        self.pieces_len -= passed.map(|piece| piece.bytes.len()).sum::<usize>();
        let Some(piece) = self.pieces.first_mut() else { return };
        let read = before.saturating_sub(piece.start).min(piece.bytes.len() as u64) as usize;
        // Moving the rest is worth it when it is the smaller part.
        if read * 2 >= piece.bytes.len() {
            piece.bytes.drain(..read);
            piece.start += read as u64;
            self.pieces_len -= read;
        }
        if piece.bytes.is_empty() && piece.bytes.capacity() > SPARE {
            piece.bytes = Vec::new();
        }
        if self.gaps.len() > MAX_GAPS {
            let many = self.gaps.len() - MAX_GAPS / 2;
            self.gaps.drain(..many);
            self.behind.drain(..many);
            self.gaps_forgotten += many;
        }
    }

    /// Takes out again what a frame brought of this range and what waits behind a hole: its receiver seems to have dropped it.
    pub fn withdraw(&mut self, range: &Range<u64>, frame: u32) {
        for chunk in self.chunks.withdraw(range, frame) {
            let bytes = self.waiting.remove(&chunk.range.start).unwrap_or_default();
            self.waiting_len -= bytes.len();
            self.assembler.withdraw(&chunk.range);
            if self.withdrawn.len() < MAX_WITHDRAWN {
                self.withdrawn.push((chunk, bytes));
            }
        }
    }

    /// Takes note that the other side has acknowledged all octets before this offset. What was withdrawn of them and did not come
    /// otherwise it had, after all.
    pub fn acknowledge(&mut self, offset: u64) {
        self.acknowledged = self.acknowledged.max(offset);
        let is_had = |(chunk, _): &(Chunk, Vec<u8>)| chunk.range.end <= offset;
        if self.withdrawn.iter().any(is_had) {
            let (had, others): (Vec<_>, _) = std::mem::take(&mut self.withdrawn).into_iter().partition(is_had);
            self.withdrawn = others;
            for (Chunk { range, frame, at, arrived }, bytes) in had {
                if self.assembler.fresh(range.clone()) == [range.clone()] {
                    self.add(range.start, &bytes, Origin { frame, at, arrived });
                }
            }
        }
    }

    /// The offset of the next byte that has not come: all before it is known, or was given up.
    pub fn end(&self) -> u64 {
        self.assembler.next()
    }

    /// Whether bytes wait behind a hole.
    pub fn has_hole(&self) -> bool {
        self.assembler.holes() > 0
    }

    /// The frame that brought what lies behind such a hole; its number is 0 if that was not asked for.
    pub fn behind(&self, gap: &Range<u64>) -> Moment {
        let place = self.first_gap(gap.start);
        let known = self.gaps.get(place).filter(|known| *known == gap);
        known.and_then(|_| self.behind.get(place)).copied().unwrap_or_default()
    }

    /// How many octets are kept.
    pub fn kept(&self) -> usize {
        self.waiting_len + self.pieces_len
    }

    /// How much memory it takes, about, of which all before this offset was read.
    #[inline]
    pub fn takes(&self, from: u64) -> Kept {
        let left =
            |piece: &Piece| piece.bytes.len() - (from.saturating_sub(piece.start) as usize).min(piece.bytes.len());
        let unread: usize = self.pieces.iter().map(left).sum();
        let waiting = self.waiting_len + self.waiting.len() * WAITING;
        let chunks = (self.chunks.len() - self.waiting.len().min(self.chunks.len())) * size_of::<Chunk>();
        Kept { state: unread + waiting, messages: self.pieces_len - unread + chunks }
    }

    /// The bytes from the start of this range on, as far as they are known without a gap.
    pub fn slice(&self, range: Range<u64>) -> &[u8] {
        let after = self.pieces.partition_point(|piece| piece.start <= range.start);
        let Some(piece) = after.checked_sub(1).and_then(|i| self.pieces.get(i)) else { return &[] };
        let start = (range.start - piece.start) as usize;
        let end = (range.end.saturating_sub(piece.start) as usize).min(piece.bytes.len());
        piece.bytes.get(start..end).unwrap_or_default()
    }

    /// The first offset behind a hole for which these octets, which begin at `offset`, are others than those that wait there.
    pub fn differs_at(&self, offset: u64, octets: &[u8]) -> Option<u64> {
        let end = offset + octets.len() as u64;
        let differs = |(start, waiting): (&u64, &Vec<u8>)| {
            let from = (*start).max(offset);
            let theirs = octets.get(usize::try_from(from - offset).ok()?..)?;
            let ours = waiting.get(usize::try_from(from - start).ok()?..)?;
            let same = ours.iter().zip(theirs).position(|(ours, theirs)| ours != theirs)?;
            Some(from + same as u64)
        };
        // They are apart from each other: only the last of those that begin before this may reach into it.
        let before = self.waiting.range(..offset).next_back();
        before.into_iter().chain(self.waiting.range(offset..end)).find_map(differs)
    }

    /// The chunks that make up these offsets, in order.
    pub fn chunks(&self, range: Range<u64>) -> impl Iterator<Item = Chunk> + '_ {
        self.chunks.within(range)
    }

    /// Puts the numbers of the frames that brought these offsets, and of those with which they could be read, into
    /// `frames`, ascending and without repeats; returns the latest of them.
    pub fn frames_into(&self, range: Range<u64>, frames: &mut Vec<u32>) -> Moment {
        frames.clear();
        let mut latest = Moment::default();
        let mut sorted = true;
        for chunk in self.chunks(range) {
            for frame in [chunk.frame, chunk.arrived.frame] {
                match frames.last() {
                    Some(last) if *last == frame => {}
                    last => {
                        sorted &= last.is_none_or(|last| *last < frame);
                        frames.push(frame);
                    }
                }
            }
            if chunk.arrived.frame > latest.frame {
                latest = chunk.arrived;
            }
        }
        if !sorted {
            frames.sort_unstable();
            frames.dedup();
        }
        latest
    }

    /// The latest of the frames with which these offsets could be read, as far as it is known.
    pub fn latest(&self, range: &Range<u64>) -> Moment {
        self.chunks(range.clone()).map(|chunk| chunk.arrived).max_by_key(|moment| moment.frame).unwrap_or_default()
    }

    /// The numbers of the frames that brought these offsets, and of those with which they could be read: ascending and
    /// without repeats.
    pub fn frames(&self, range: Range<u64>) -> Vec<u32> {
        let mut frames = Vec::new();
        self.frames_into(range, &mut frames);
        frames
    }

    fn max_waiting(&self) -> usize {
        if self.keeping == Keeping::Everything { MAX_WAITING } else { MAX_WAITING_IN_PASSING }
    }

    fn append(&mut self, offset: u64, bytes: &[u8]) {
        self.pieces_len += bytes.len();
        match self.pieces.last_mut() {
            Some(piece) if piece.bytes.is_empty() && self.keeping == Keeping::Unread => {
                piece.start = offset;
                piece.bytes.extend_from_slice(bytes);
            }
            Some(piece) => piece.bytes.extend_from_slice(bytes),
            None => self.pieces.push(Piece { start: offset, bytes: bytes.to_vec() }),
        }
    }

    /// Moves what waited from this offset on to what can be read.
    fn advance(&mut self, mut at: u64) {
        while let Some(bytes) = self.waiting.remove(&at) {
            self.waiting_len -= bytes.len();
            self.append(at, &bytes);
            at += bytes.len() as u64;
        }
        self.chunks.advance(at);
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;
    use crate::capture::Timestamp;

    fn from_frame(frame: u32, at: u32) -> Origin {
        Origin { frame, at, arrived: Moment { frame, time: Timestamp(i64::from(frame)) } }
    }

    fn chunk(range: Range<u64>, frame: u32, at: u32) -> Chunk {
        let Origin { arrived, .. } = from_frame(frame, at);
        Chunk { range, frame, at, arrived }
    }

    #[test]
    fn tells_what_differs_from_what_waits() {
        for mut stream in [Stream::default(), Stream::passing()] {
            stream.add(0, b"abcd", from_frame(1, 0));
            stream.add(8, b"ijkl", from_frame(2, 0));
            stream.add(14, b"op", from_frame(3, 0));
            assert_eq!(stream.differs_at(2, b"cX"), None, "what came in order every receiver has");
            assert_eq!(stream.differs_at(0, b"abcdefghijklmnop"), None);
            assert_eq!(stream.differs_at(6, b"ghiXXl"), Some(9));
            assert_eq!(stream.differs_at(10, b"kX"), Some(11), "it begins within what waits");
            assert_eq!(stream.differs_at(11, b"lmnoX"), Some(15), "the first is the same, the second not");
            assert_eq!((stream.differs_at(12, b"XX"), stream.differs_at(20, b"X")), (None, None));
            stream.add(4, b"efghXXXX", from_frame(4, 0));
            assert_eq!(stream.slice(8..12), b"ijkl", "what came first stays");
            assert_eq!(stream.differs_at(8, b"XXXX"), None, "and nothing waits any more");
        }
    }

    #[test]
    fn puts_segments_in_order_and_remembers_their_frames() {
        let mut stream = Stream::default();
        assert_eq!(stream.add(0, b"GET ", from_frame(4, 66)).arrival, Arrival::InOrder);
        assert_eq!(stream.add(6, b"HTTP", from_frame(5, 66)).arrival, Arrival::Early);
        assert_eq!(stream.slice(0..100), b"GET ");
        assert_eq!(stream.add(4, b"/ ", from_frame(6, 66)).arrival, Arrival::InOrder);
        assert_eq!(stream.slice(0..100), b"GET / HTTP");
        assert_eq!(stream.frames(0..10), [4, 5, 6]);
        assert_eq!(stream.frames(5..7), [5, 6]);
        let middle: Vec<_> = stream.chunks(5..8).collect();
        assert_eq!(middle, [chunk(5..6, 6, 67), chunk(6..8, 5, 66)]);
    }

    #[test]
    fn what_came_first_stays() {
        let mut stream = Stream::default();
        stream.add(0, b"abc", from_frame(1, 0));
        let again = stream.add(1, b"XYd", from_frame(2, 10));
        assert_eq!(again.fresh.as_slice(), [3..4]);
        assert_eq!(stream.slice(0..9), b"abcd");
        assert_eq!(stream.chunks(3..4).next(), Some(chunk(3..4, 2, 12)));
        assert_eq!(stream.add(0, b"abcd", from_frame(3, 0)).arrival, Arrival::Repeated);
    }

    #[test]
    fn a_far_away_number_costs_nothing() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", from_frame(1, 0));
        stream.add(2_000_000_000, b"z", from_frame(2, 0));
        assert_eq!(stream.skip_gap(), Some(2..2_000_000_000));
        assert_eq!(stream.slice(2_000_000_000..2_000_000_009), b"z");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut stream = Stream::default();
        for i in 0..64 {
            stream.add(1 + 2 * i, b"z", from_frame(1, 0));
        }
        let large = vec![0; 1 << 20];
        for i in 0..20 {
            stream.add(1000 + i * (2 << 20), &large, from_frame(2, 0));
        }
        assert!(stream.waiting_len <= MAX_WAITING, "{} octets wait", stream.waiting_len);
        assert!(stream.gaps().len() > 64, "and every hole that was given up is on record");
    }

    #[test]
    fn an_acknowledged_hole_is_given_up_in_time() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", from_frame(1, 0));
        for i in 2..20 {
            stream.add(2 * i, b"xy", from_frame(9, 0));
        }
        assert!(stream.has_hole(), "nobody says that the octets arrived: they may still come");
        stream.acknowledge(4);
        stream.add(40, b"xy", from_frame(10, 0));
        stream.add(42, b"xy", from_frame(11, 0));
        assert!(stream.has_hole(), "what is captured before its octets is not yet a loss");
        stream.add(44, b"xy", from_frame(12, 0));
        assert_eq!(stream.gaps(), [2..4]);
        assert_eq!(stream.end(), 46);
        assert_eq!(stream.add(2, b"cd", from_frame(13, 0)).arrival, Arrival::Late);
        assert_eq!(stream.add(4, b"xy", from_frame(14, 0)).arrival, Arrival::Repeated);
    }

    #[test]
    fn an_acknowledgement_captured_too_early_costs_nothing() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", from_frame(1, 0));
        stream.acknowledge(6);
        stream.add(4, b"ef", from_frame(2, 0));
        stream.add(6, b"gh", from_frame(3, 0));
        assert_eq!(stream.add(2, b"cd", from_frame(4, 0)).arrival, Arrival::InOrder);
        assert_eq!((stream.slice(0..8), stream.gaps().len()), (&b"abcdefgh"[..], 0));
    }

    #[test]
    fn a_gap_is_recorded_not_hidden() {
        let mut stream = Stream::default();
        stream.add(0, b"ab", from_frame(1, 0));
        stream.add(4, b"ef", from_frame(2, 0));
        assert!(stream.has_hole());
        assert_eq!(stream.skip_gap(), Some(2..4));
        assert_eq!(stream.gaps(), [2..4]);
        assert_eq!(stream.slice(0..9), b"ab", "nothing is read across a gap");
        assert_eq!(stream.slice(4..9), b"ef");
        assert_eq!(stream.end(), 6);
        assert_eq!(stream.frames(2..4), [] as [u32; 0]);
    }

    #[test]
    fn a_passing_stream_keeps_only_what_nobody_has_read() {
        let mut stream = Stream::passing();
        assert!(stream.lend(0..4, from_frame(1, 0), true).is_some());
        stream.store(2, b"cd");
        assert_eq!((stream.slice(2..9), stream.end(), stream.kept()), (&b"cd"[..], 4, 2));
        assert_eq!(stream.lend(4..6, from_frame(2, 0), true), None, "what is kept must be read with it");
        stream.add(4, b"ef", from_frame(2, 0));
        stream.add(8, b"ij", from_frame(3, 0));
        assert_eq!(stream.slice(2..99), b"cdef");
        assert_eq!(stream.frames(2..6), [1, 2]);
        stream.forget(6);
        assert_eq!((stream.slice(6..99), stream.frames(2..6).len(), stream.kept()), (&b""[..], 0, 2));
        assert_eq!(stream.lend(6..8, from_frame(4, 0), true), None, "others wait behind it");
        stream.add(6, b"gh", from_frame(4, 0));
        assert_eq!(stream.slice(6..99), b"ghij");
        stream.forget(10);
        assert_eq!((stream.kept(), stream.end()), (0, 10));
        assert!(stream.lend(10..11, from_frame(5, 0), false).is_some());
        assert_eq!(stream.frames(10..11), [] as [u32; 0], "and its frames only where someone asks for them");
    }

    #[test]
    fn a_passing_stream_remembers_few_holes() {
        let mut stream = Stream::passing();
        for i in 1..2000 {
            stream.add(2 * i, b"z", from_frame(1, 0));
            while stream.skip_gap().is_some() {}
            stream.forget(stream.end());
        }
        assert!(stream.gaps().len() <= MAX_GAPS);
        assert_eq!(stream.gaps().len() + stream.gaps_forgotten(), 1999);
    }

    proptest::proptest! {
        /// What is known without looking at all that is kept is what looking would find.
        #[test]
        fn sums_and_places_are_those_that_looking_finds(
            steps in proptest::collection::vec((0_u8..8, 0_u64..40, 1_usize..9), 0..200),
            keeps in proptest::prelude::any::<bool>(),
        ) {
            let mut stream = if keeps { Stream::default() } else { Stream::passing() };
            let mut brought: Vec<Chunk> = Vec::new();
            for (frame, (what, far, len)) in (1..).zip(steps) {
                let end = stream.end();
                match what {
                    0 => stream.forget(end.saturating_sub(far)),
                    1 => drop(stream.skip_gap()),
                    2 => stream.acknowledge(end + far),
                    3 => {
                        if stream.lend(end..end + len as u64, from_frame(frame, 0), true).is_some() {
                            stream.store(end + 1, &[0; 9][1..len]);
                        }
                    }
                    _ => {
                        let start = (end + far).saturating_sub(8);
                        let new = stream.add(start, &[7; 9][..len], from_frame(frame, 0)).fresh;
                        brought.extend(new.as_slice().iter().map(|new| chunk(new.clone(), frame, (new.start - start) as u32)));
                    }
                }
                let kept: usize = stream.pieces.iter().map(|piece| piece.bytes.len()).sum();
                let waiting: usize = stream.waiting.values().map(Vec::len).sum();
                proptest::prop_assert_eq!(stream.kept(), kept + waiting);
                for (gap, behind) in stream.gaps().iter().zip(&stream.behind) {
                    proptest::prop_assert_eq!(stream.behind(gap), *behind);
                    proptest::prop_assert_eq!(stream.behind(&(gap.start..gap.end + 1)), Moment::default());
                }
                let first = stream.gaps().iter().position(|gap| gap.end > end).unwrap_or(stream.gaps().len());
                proptest::prop_assert_eq!(stream.first_gap(end), first);
                if keeps {
                    brought.sort_by_key(|chunk| chunk.range.start);
                    proptest::prop_assert_eq!(&stream.chunks(0..u64::MAX).collect::<Vec<_>>(), &brought);
                    let (from, to) = (end.saturating_sub(4), end + far);
                    let meant = brought.iter().filter(|chunk| chunk.range.start < to && chunk.range.end > from);
                    let found: Vec<u32> = stream.chunks(from..to).map(|chunk| chunk.frame).collect();
                    proptest::prop_assert_eq!(found, meant.map(|chunk| chunk.frame).collect::<Vec<_>>());
                }
            }
        }
    }
}
