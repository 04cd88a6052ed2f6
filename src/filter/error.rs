//! What is wrong with a filter or an expression, and where.

use std::ops::Range;

/// A filter or expression that was not understood; the caller adds the file and draws the caret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// The offending bytes of the text that was parsed.
    pub range: Range<usize>,
    /// What is wrong, without a capital or a full stop.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
}

impl FilterError {
    /// An error without help.
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None }
    }

    /// The same error, with what to write instead.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
