//! Where something lies in a frame.

use std::ops::Range;

use crate::layer::{Buffer, Span};

/// A stretch of a frame's captured octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// The first octet.
    pub start: u32,
    /// The one after the last.
    pub end: u32,
}

impl Extent {
    /// The stretch from `start` to before `end`; empty when `end` lies before `start`.
    pub fn new(start: usize, end: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        Self { start, end: u32::try_from(end).unwrap_or(u32::MAX).max(start) }
    }

    /// How many octets.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it holds nothing.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The octets themselves; nothing if `data` is not the frame they were measured on.
    pub fn of(self, data: &[u8]) -> &[u8] {
        data.get(self.range()).unwrap_or_default()
    }

    /// As a range of indices.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// As a span in a frame.
    pub fn span(self, frame: u32) -> Span {
        self.within(Buffer::Frame(frame))
    }

    /// As a span in the octets it was measured on.
    pub fn within(self, buffer: Buffer) -> Span {
        Span::new(buffer, u64::from(self.start)..u64::from(self.end))
    }
}
