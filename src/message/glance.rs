//! What a decoder says of a message that is as usual.

use super::Payload;

/// A message that is there from its first octet to its last, and of which there is nothing to say but what it is.
#[derive(Debug, Clone, Copy)]
pub struct Glance<'a> {
    /// How many octets it takes.
    pub len: usize,
    /// What it is.
    pub payload: &'a dyn Payload,
    /// What it carries.
    pub carries: Carries<'a>,
}

/// What a message carries for the protocol above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries<'a> {
    /// Text: its octets, which are UTF-8.
    Text(&'a [u8]),
    /// So many octets that are no text.
    Octets(usize),
}

impl Carries<'_> {
    /// How many octets it has.
    pub fn octets(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Octets(count) => *count,
        }
    }
}
