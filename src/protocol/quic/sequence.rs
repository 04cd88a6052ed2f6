//! The octets of one direction of a stream, put in order, with the frames of the capture that brought them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// More pieces do not wait behind a hole.
const MAX_PIECES: usize = 4096;
/// More memory than this is given back when nothing is in it.
const SPARE: usize = 4 << 10;

/// What came of a stream and was not read yet.
#[derive(Debug, Default)]
pub struct Sequence {
    /// Where the octets that can be read begin.
    start: u64,
    /// They, behind some that were read before: moving the rest is only worth it when it is the smaller part.
    ready: Vec<u8>,
    read: usize,
    /// Which frame of the capture brought the octets up to an offset.
    origins: VecDeque<(u64, u32)>,
    /// What waits behind a hole, and the frame that brought it.
    waiting: BTreeMap<u64, (Vec<u8>, u32)>,
    waiting_len: usize,
    end: Option<u64>,
}

impl Sequence {
    /// Takes octets that begin at `offset`; what came before stays as it was. Returns whether they were kept: not if more
    /// than `most` would wait.
    pub fn add(&mut self, offset: u64, octets: &[u8], frame: u32, most: usize) -> bool {
        let next = self.next();
        let known = usize::try_from(next.saturating_sub(offset)).unwrap_or(usize::MAX);
        let Some(fresh) = octets.get(known..).filter(|fresh| !fresh.is_empty()) else { return true };
        if self.kept() + fresh.len() > most {
            return false;
        }
        if offset <= next {
            self.append(fresh, frame);
            self.advance();
            return true;
        }
        let before = self.waiting.get(&offset).map_or(0, |(octets, _)| octets.len());
        if fresh.len() > before {
            if self.waiting.len() >= MAX_PIECES {
                return false;
            }
            self.waiting_len += fresh.len() - before;
            self.waiting.insert(offset, (fresh.to_vec(), frame));
        }
        true
    }

    /// The sender says where the stream ends.
    pub fn close(&mut self, end: u64) {
        self.end.get_or_insert(end);
    }

    /// Where the octets begin that can be read.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The octets that can be read.
    pub fn ready(&self) -> &[u8] {
        self.ready.get(self.read..).unwrap_or_default()
    }

    /// Whether nothing follows them.
    pub fn is_last(&self) -> bool {
        self.end.is_some_and(|end| end <= self.next())
    }

    /// How many octets are kept.
    pub fn kept(&self) -> usize {
        self.ready().len() + self.waiting_len
    }

    /// The frames of the capture that brought the first octets, ascending and without repeats.
    pub fn frames(&self, len: usize) -> Vec<u32> {
        let end = self.start + len as u64;
        let mut start = self.start;
        let mut frames = Vec::new();
        for (to, frame) in &self.origins {
            if start >= end {
                break;
            }
            frames.push(*frame);
            start = *to;
        }
        frames.sort_unstable();
        frames.dedup();
        frames
    }

    /// The first octets were read.
    pub fn consume(&mut self, len: usize) {
        let len = len.min(self.ready().len());
        self.read += len;
        self.start += len as u64;
        if self.read * 2 >= self.ready.len() {
            self.ready.drain(..self.read);
            self.read = 0;
        }
        if self.ready.is_empty() && self.ready.capacity() > SPARE {
            self.ready = Vec::new();
        }
        while self.origins.front().is_some_and(|(to, _)| *to <= self.start) {
            self.origins.pop_front();
        }
    }

    /// What is missing before the first octets that wait.
    pub fn hole(&self) -> Option<Range<u64>> {
        let (first, _) = self.waiting.first_key_value()?;
        Some(self.next()..*first)
    }

    fn next(&self) -> u64 {
        self.start + self.ready().len() as u64
    }

    fn append(&mut self, octets: &[u8], frame: u32) {
        self.ready.extend_from_slice(octets);
        let next = self.next();
        match self.origins.back_mut() {
            Some((to, last)) if *last == frame => *to = next,
            _ => self.origins.push_back((next, frame)),
        }
    }

    /// Moves what waited to what can be read.
    fn advance(&mut self) {
        let first = |waiting: &BTreeMap<u64, _>| waiting.first_key_value().map(|(offset, _)| *offset);
        while let Some(offset) = first(&self.waiting).filter(|offset| *offset <= self.next()) {
            let Some((octets, frame)) = self.waiting.remove(&offset) else { return };
            self.waiting_len -= octets.len();
            let known = usize::try_from(self.next() - offset).unwrap_or(usize::MAX);
            if let Some(fresh) = octets.get(known..).filter(|fresh| !fresh.is_empty()) {
                self.append(fresh, frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 1000;

    #[test]
    fn what_came_too_early_waits() {
        let mut sequence = Sequence::default();
        assert!(sequence.add(4, b"efgh", 2, MOST) && sequence.ready().is_empty());
        assert_eq!(sequence.hole(), Some(0..4));
        sequence.close(8);
        assert!(!sequence.is_last());
        assert!(sequence.add(0, b"abcdEF", 3, MOST), "it reaches into what waits");
        assert_eq!((sequence.ready(), sequence.hole(), sequence.is_last()), (&b"abcdEFgh"[..], None, true));
        assert_eq!((sequence.frames(4), sequence.frames(6), sequence.frames(8)), (vec![3], vec![3], vec![2, 3]));
        sequence.consume(7);
        assert_eq!((sequence.start(), sequence.ready(), sequence.frames(1)), (7, &b"h"[..], vec![2]));
        assert!(sequence.add(2, b"xx", 4, MOST), "what is known is no trouble");
        assert_eq!(sequence.ready(), b"h");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut sequence = Sequence::default();
        assert!(!sequence.add(0, &[0; 11], 1, 10));
        assert!(sequence.add(0, &[0; 10], 1, 10));
        assert!(!sequence.add(10, &[0], 1, 10) && !sequence.add(20, &[0], 1, 10));
        let mut sequence = Sequence::default();
        let kept = (1..10_000).filter(|n| sequence.add(n * 2, &[0], 1, 1 << 20)).count();
        assert_eq!(kept, MAX_PIECES);
        assert!(!sequence.add(u64::MAX, &[0], 1, 1 << 20), "offsets may be as large as they like");
    }

    proptest! {
        /// In whatever order and pieces it comes, the same is read, and every octet has a frame.
        #[test]
        fn any_order_gives_the_same(pieces in prop::collection::vec((0_usize..60, 1_usize..20), 1..40)) {
            let whole: Vec<u8> = (0..100).collect();
            let (mut sequence, mut read) = (Sequence::default(), Vec::new());
            for (frame, (start, len)) in (1..).zip(&pieces) {
                let end = (start + len).min(whole.len());
                prop_assert!(sequence.add(*start as u64, &whole[*start..end], frame, MOST));
                // A part of what is ready is read at once.
                let some = sequence.ready().len() * len / 20;
                read.extend_from_slice(&sequence.ready()[..some]);
                sequence.consume(some);
                prop_assert_eq!(sequence.start(), read.len() as u64);
            }
            sequence.add(0, &whole, 99, MOST);
            read.extend_from_slice(sequence.ready());
            prop_assert_eq!(&read, &whole);
            prop_assert_eq!((sequence.waiting_len, sequence.kept()), (0, sequence.ready().len()));
            prop_assert!(sequence.ready().is_empty() || sequence.origins.back().map(|(to, _)| *to) == Some(100));
        }
    }
}
