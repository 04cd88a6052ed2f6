//! Frames of a capture that are earlier than the one before: several processors or interfaces recorded them, or the clock was set.

use crate::count::{counted, plural};
use crate::layer::{Group, Note, Severity};

/// How far a capture is from the order of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disorder {
    /// How many frames are earlier than the one before.
    pub frames: u64,
    /// The number of the first of them, from 1.
    pub first: u64,
    /// By how many nanoseconds they are earlier, at most.
    pub largest: i64,
}

/// What stands so close is told in a lower voice: a millisecond.
const CLOSE: i64 = 1_000_000;

impl Disorder {
    /// A frame is so many nanoseconds earlier than the one before.
    pub(super) fn meet(&mut self, number: u64, nanoseconds: i64) {
        if self.frames == 0 {
            self.first = number;
        }
        self.frames += 1;
        self.largest = self.largest.max(nanoseconds);
    }

    /// What is to be said of it, if there is any.
    pub(super) fn note(&self) -> Option<Note> {
        if self.frames == 0 {
            return None;
        }
        let milliseconds = self.largest as f64 / 1e6;
        let by =
            if milliseconds < 1e3 { format!("{milliseconds:.3} ms") } else { format!("{:.3} s", milliseconds / 1e3) };
        let text = format!(
            "{} {} earlier than the one before (frame {} is the first), by up to {by}: times between frames may be less than \
             nothing there. Several processors or interfaces recorded them, or the clock was set",
            counted(self.frames, "frame"),
            plural(self.frames, "is", "are"),
            self.first
        );
        let severity = if self.largest < CLOSE { Severity::Chat } else { Severity::Note };
        Some(Note::new(severity, text, "").about(Group::Sequence))
    }
}
