//! Which frame brought which stretch of a stream.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::capture::Moment;

/// A stretch of a stream that one frame brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its offsets in the stream.
    pub range: Range<u64>,
    /// The frame's number.
    pub frame: u32,
    /// Where the bytes begin in the frame's captured octets.
    pub at: u32,
    /// The frame with which they could be read: of a fragment the one that completed its packet, otherwise the same.
    pub arrived: Moment,
}

/// Where the payload of a segment comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The frame that holds it.
    pub frame: u32,
    /// Where it begins in the frame's captured octets.
    pub at: u32,
    /// The frame with which it could be read.
    pub arrived: Moment,
}

/// The chunks of a stream. What waits behind a hole is apart, so that putting it into its place moves no others.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunks {
    /// Those before the first hole, in order.
    ready: VecDeque<Chunk>,
    /// Those behind it, by where they begin.
    waiting: BTreeMap<u64, Chunk>,
}

impl Chunks {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.waiting.len()
    }

    /// Takes the next one of a stream without a hole.
    pub(super) fn push(&mut self, range: Range<u64>, origin: Origin) {
        self.ready.push_back(origin.chunk(range));
    }

    /// Takes one that may lie behind a hole, and that nothing else covers.
    pub(super) fn wait(&mut self, range: Range<u64>, origin: Origin) {
        self.waiting.insert(range.start, origin.chunk(range));
    }

    /// Takes those of a frame out again that lie behind the first hole and in this range; returns them.
    pub(super) fn withdraw(&mut self, range: &Range<u64>, frame: u32) -> Vec<Chunk> {
        let meant = self.waiting.range(range.start..range.end.max(range.start));
        let meant: Vec<_> = meant.filter(|(_, chunk)| chunk.frame == frame).map(|(_, chunk)| chunk.clone()).collect();
        for chunk in &meant {
            self.waiting.remove(&chunk.range.start);
        }
        meant
    }

    /// The first hole begins at this offset now.
    pub(super) fn advance(&mut self, to: u64) {
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() < to) {
            self.ready.push_back(first.remove());
        }
    }

    /// Forgets those that end before this offset, as far as the first hole.
    pub(super) fn forget(&mut self, before: u64) {
        while self.ready.front().is_some_and(|chunk| chunk.range.end <= before) {
            self.ready.pop_front();
        }
    }

    /// What they have of these offsets, in order.
    pub(super) fn within(&self, range: Range<u64>) -> impl Iterator<Item = Chunk> + '_ {
        let first = self.ready.partition_point(|chunk| chunk.range.end <= range.start);
        let begun = self.waiting.range(..range.start).next_back().map_or(range.start, |(start, _)| *start);
        let meant = self.ready.range(first..).chain(self.waiting.range(begun..).map(|(_, chunk)| chunk));
        meant.take_while(move |chunk| chunk.range.start < range.end).filter_map(move |chunk| {
            let start = chunk.range.start.max(range.start);
            let end = chunk.range.end.min(range.end);
            (start < end).then(|| Chunk {
                range: start..end,
                at: chunk.at + (start - chunk.range.start) as u32,
                ..*chunk
            })
        })
    }
}

impl Origin {
    fn chunk(self, range: Range<u64>) -> Chunk {
        let Self { frame, at, arrived } = self;
        Chunk { range, frame, at, arrived }
    }
}
