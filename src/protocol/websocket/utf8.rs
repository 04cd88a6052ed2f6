//! Whether the text of a message is UTF-8, when a character may be divided between frames (RFC 6455 §8.1).

use crate::layer::{Group, Note, Severity};

/// Whether these octets are UTF-8 as they are. Most of most text is ASCII, which is passed over sixteen octets at a time; only what
/// stands between is looked at closely. No character reaches over ASCII. Text that has little of it is left to the standard library.
pub(super) fn is_utf8(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some(behind) = first_beyond_ascii(rest).and_then(|first| rest.get(first..)) {
        let Some(len) = behind.iter().take(FEW).position(u8::is_ascii) else {
            return std::str::from_utf8(behind).is_ok();
        };
        let (characters, ascii) = behind.split_at(len);
        // One character of two octets is what mostly stands between ASCII (Unicode, table 3-7).
        if !matches!(characters, [0xc2..=0xdf, 0x80..=0xbf]) && std::str::from_utf8(characters).is_err() {
            return false;
        }
        rest = ascii;
    }
    true
}

/// So many octets without ASCII are few.
const FEW: usize = 16;

/// Where the first octet stands that is not ASCII.
#[inline]
fn first_beyond_ascii(octets: &[u8]) -> Option<usize> {
    const SIXTEEN: usize = 16;
    const HIGHEST: u128 = u128::MAX / 255 * 0x80;
    let beyond = |octets: &[u8; SIXTEEN]| match u128::from_le_bytes(*octets) & HIGHEST {
        0 => None,
        found => Some(found.trailing_zeros() as usize / 8),
    };
    let (sixteens, rest) = octets.as_chunks();
    let found = sixteens.iter().enumerate().find_map(|(n, sixteen)| Some(SIXTEEN * n + beyond(sixteen)?));
    found.or_else(|| match octets.last_chunk() {
        Some(last) => Some(octets.len() - SIXTEEN + beyond(last)?),
        None => rest.iter().position(|octet| !octet.is_ascii()),
    })
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
        if self.pending.is_empty() && !self.bad && is_utf8(octets) {
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
            characters in prop_oneof![
                vec(prop_oneof![6 => Just('a'), 1 => Just('ü'), 1 => Just('€'), 1 => any::<char>()], 0..40),
                vec(prop_oneof![1 => Just('a'), 6 => Just('本')], 0..40),
            ],
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
