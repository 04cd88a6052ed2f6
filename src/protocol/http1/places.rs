//! Where the header fields of a head lie.

use std::ops::Range;
use std::sync::Arc;

/// Where name and value of each header field lie in the octets of a head. Of heads that are alike all but a few octets they are
/// kept once, and how far those moved them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    read: Arc<[Place]>,
    moved: Moved,
}

/// Where a name lies, and its value.
type Place = (Range<usize>, Range<usize>);

/// How far places moved, wrapping: to the front, too.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moved {
    /// All of them.
    pub(super) by: usize,
    /// Those from here on, as they were before.
    pub(super) from: usize,
    /// So far besides.
    pub(super) more: usize,
}

impl Places {
    /// As they were read.
    pub(super) fn new(places: impl Iterator<Item = Place>) -> Self {
        Self { read: places.collect(), moved: Moved::default() }
    }

    /// Those of a head that says the same elsewhere: places that were read, moved.
    pub(super) fn moved(&self, moved: Moved) -> Self {
        Self { read: Arc::clone(&self.read), moved }
    }

    /// Each of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Place> + '_ {
        let Moved { by, from, more } = self.moved;
        let at = move |at: usize| at.wrapping_add(by).wrapping_add(if at < from { 0 } else { more });
        let range = move |range: &Range<usize>| at(range.start)..at(range.end);
        self.read.iter().map(move |(name, value)| (range(name), range(value)))
    }
}

impl PartialEq for Places {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Places {}
