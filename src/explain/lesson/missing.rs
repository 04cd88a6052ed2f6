//! What a lesson asks a capture for, and does not find.

use std::fmt;

use super::Proof;

/// Something that a lesson asks the capture for, and that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What was asked.
    pub expression: String,
    /// On which line of the lesson's file, from 1.
    pub line: usize,
    /// The number it came to, if that should name a frame and none has it, and how many frames there are.
    pub no_frame: Option<(i128, u32)>,
}

impl Missing {
    /// There is no answer.
    pub(super) fn answer(asked: &Proof) -> Self {
        Self { expression: asked.expr.text().to_owned(), line: asked.line, no_frame: None }
    }

    /// The answer is no frame's number.
    pub(super) fn frame(asked: &Proof, number: i128, frames: u32) -> Self {
        Self { no_frame: Some((number, frames)), ..Self::answer(asked) }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((number, frames)) = self.no_frame else {
            return write!(f, "the capture has no answer to {}", self.expression);
        };
        write!(f, "there is no frame {number}")?;
        if self.expression != number.to_string() {
            write!(f, ", which {} comes to", self.expression)?;
        }
        write!(f, ": the capture has {frames}, counted from 1")
    }
}
