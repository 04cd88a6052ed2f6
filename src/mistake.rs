//! Floor 0: a mistake in something a person wrote (a filter, a lesson, a script), with its place and what to write
//! instead.

use std::ops::Range;

/// What is wrong with a text, and where. Whoever knows the text's name and line draws the caret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The offending bytes of the text.
    pub range: Range<usize>,
    /// What is wrong, without a capital or a full stop.
    pub message: String,
    /// What to write instead, if that can be said.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake without help.
    pub fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None }
    }

    /// The same mistake, with what to write instead.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same mistake in the text around: what it was found in stands at `offset` there.
    pub fn moved(mut self, offset: usize) -> Self {
        self.range = offset + self.range.start..offset + self.range.end;
        self
    }
}

/// No name is longer; what is, is not compared.
const MAX_NAME: usize = 80;

/// The known name with the fewest differences from what was written, if they are few: at most one and a quarter of its
/// length, and never all of it.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > MAX_NAME {
        return None;
    }
    let written = written.to_lowercase();
    let len = written.chars().count();
    let (differences, name) = known.into_iter().map(|name| (strsim::levenshtein(&written, name), name)).min()?;
    (differences <= len / 4 + 1 && differences < len).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{Mistake, nearest};

    #[test]
    fn a_mistake_moves_into_the_text_around_it() {
        assert_eq!(Mistake::new(2..5, "x").help("y").moved(10), Mistake::new(12..15, "x").help("y"));
    }

    #[test]
    fn few_differences_suggest_a_name() {
        let known = ["tcp.port", "tcp.flags", "udp.port"];
        assert_eq!(nearest("tcp.prot", known), Some("tcp.port"));
        assert_eq!(nearest("UDP.PORT", known), Some("udp.port"));
        assert_eq!(nearest("http.host", known), None);
        assert_eq!(nearest("", known), None);
        assert_eq!(nearest("x", ["y"]), None, "nothing of it is right");
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }
}
