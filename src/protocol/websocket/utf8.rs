//! Whether the text of a message is UTF-8, when a character may be divided between frames (RFC 6455 §8.1).

use crate::layer::{Group, Note, Severity};

/// Whether these octets are UTF-8 as they are. Most text is ASCII, and of short text that is seen more quickly so.
pub(super) fn is_utf8(octets: &[u8]) -> bool {
    let is_ascii = |word: &[u8; 8]| u64::from_ne_bytes(*word) & 0x8080_8080_8080_8080 == 0;
    let (words, rest) = octets.as_chunks::<8>();
    let begins = words.iter().position(|word| !is_ascii(word)).unwrap_or(words.len());
    match octets.last_chunk::<8>() {
        Some(last) if begins == words.len() && is_ascii(last) => true,
        None if rest.is_ascii() => true,
        // No character reaches into this from before.
        _ => std::str::from_utf8(octets.get(8 * begins..).unwrap_or_default()).is_ok(),
    }
}

/// A check that goes on from frame to frame. It keeps the octets of one unfinished character at the most.
#[derive(Debug, Clone, Default)]
pub(super) struct Utf8Check {
    /// The beginning of a character whose rest has not come.
    pending: Vec<u8>,
    /// How many octets were good.
    good: u64,
    bad: bool,
}

impl Utf8Check {
    /// The next octets of the text.
    pub(super) fn add(&mut self, mut octets: &[u8]) {
        // Most text is, and that is seen more quickly.
        if self.pending.is_empty() && !self.bad && octets.is_ascii() {
            self.good += octets.len() as u64;
            return;
        }
        // The pending character is finished octet by octet, so that long texts are not copied.
        while let (false, Some((first, rest))) = (self.pending.is_empty() || self.bad, octets.split_first()) {
            let mut character = std::mem::take(&mut self.pending);
            character.push(*first);
            self.check(&character);
            octets = rest;
        }
        if !self.bad {
            self.check(octets);
        }
    }

    /// Checks octets that begin where a character does.
    fn check(&mut self, octets: &[u8]) {
        let Err(error) = std::str::from_utf8(octets) else {
            self.good += octets.len() as u64;
            return;
        };
        self.good += error.valid_up_to() as u64;
        match error.error_len() {
            Some(_) => self.bad = true,
            None => self.pending = octets[error.valid_up_to()..].to_vec(),
        }
    }

    /// Whether it is known already that this is no UTF-8.
    pub(super) fn has_failed(&self) -> bool {
        self.bad
    }

    /// The text is over: what is wrong with it.
    pub(super) fn finish(&self) -> Option<Note> {
        let wrong = self.bad || !self.pending.is_empty();
        let text = || format!("text that is not UTF-8 from octet {} on", self.good);
        wrong.then(|| Note::new(Severity::Error, text(), "RFC 6455 §8.1").about(Group::Malformed))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    proptest! {
        /// Text of few kinds of characters, of which one octet may be another: wherever it begins and ends.
        #[test]
        fn text_is_utf8_where_the_standard_library_says_so(
            characters in vec(prop_oneof![6 => Just('a'), 1 => Just('ü'), 1 => Just('€'), 1 => any::<char>()], 0..40),
            change in any::<Option<(usize, u8)>>(),
            cut: usize,
        ) {
            let mut octets = characters.iter().collect::<String>().into_bytes();
            octets.truncate(octets.len() - cut % (octets.len() / 4 + 1));
            if let Some((at, to)) = change.filter(|_| !octets.is_empty()) {
                let at = at % octets.len();
                octets[at] = to;
            }
            prop_assert_eq!(is_utf8(&octets), std::str::from_utf8(&octets).is_ok());
        }
    }
}
