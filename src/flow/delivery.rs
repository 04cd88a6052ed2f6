//! What became of a segment's octets in their stream.

use std::ops::Range;

use super::Arrival;

/// What a segment did to its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What it was to the stream.
    pub arrival: Arrival,
    /// Which of its offsets were new.
    pub fresh: Fresh,
}

/// Stretches of a stream, nearly always one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fresh {
    /// One stretch, which needs no memory of its own.
    One(Range<u64>),
    /// None, or several.
    Some(Vec<Range<u64>>),
}

impl Fresh {
    /// The stretches, in order.
    pub fn as_slice(&self) -> &[Range<u64>] {
        match self {
            Self::One(range) => std::slice::from_ref(range),
            Self::Some(ranges) => ranges,
        }
    }

    /// Adds those of another that lie behind these.
    pub fn extend(&mut self, more: Self) {
        let mut ranges = std::mem::take(self).into_vec();
        ranges.extend(more.into_vec());
        *self = Self::Some(ranges);
    }

    fn into_vec(self) -> Vec<Range<u64>> {
        match self {
            Self::One(range) => vec![range],
            Self::Some(ranges) => ranges,
        }
    }
}

impl Default for Fresh {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}
