//! Whether the text of a message is UTF-8, when a character may be divided between frames (RFC 6455 §8.1).

use crate::layer::{Group, Note, Severity};
use crate::protocol::utf8::is_utf8;

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
