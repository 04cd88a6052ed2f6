//! The options of a pcapng block (draft-ietf-opsawg-pcapng §3.5).
//!
//! ```text
//! option: code 2 │ length 2 │ value, padded to four octets …
//! ```

use crate::capture::About;
use crate::capture::block::{Order, option, padded};
use crate::count::{counted, plural};

/// Walks over options; stops at the end, at `opt_endofopt`, or after one that is damaged.
pub(super) struct Options<'a> {
    order: Order,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    pub fn new(order: Order, bytes: &'a [u8]) -> Self {
        Self { order, rest: bytes }
    }
}

impl<'a> Iterator for Options<'a> {
    /// Code and value, or what is wrong.
    type Item = Result<(u16, &'a [u8]), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < 4 {
            return None;
        }
        let (code, len) = (self.order.u16(self.rest, 0), usize::from(self.order.u16(self.rest, 2)));
        if code == option::END {
            return None;
        }
        let there = self.rest.len() - 4;
        if len > there {
            self.rest = &[];
            return Some(Err(format!(
                "its option {code} announces {}, {there} {} there",
                counted(len, "octet"),
                plural(there, "is", "are")
            )));
        }
        let value = &self.rest[4..4 + len];
        self.rest = &self.rest[4 + padded(len).min(there)..];
        Some(Ok((code, value)))
    }
}

/// Text as far as it is text: "treat a zero-value octet as a string terminator" (§3.5).
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|&octet| octet == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// How many octets of section comments are kept.
const MAX_COMMENTS: usize = 1 << 20;

/// Keeps a section comment, as long as there is room; that more were there is told.
pub(super) fn keep_comment(comment: String, kept: &mut usize, about: &mut About) {
    if *kept > MAX_COMMENTS {
        return;
    }
    *kept += comment.len() + size_of::<String>();
    let more = "… (more section comments follow than are kept)";
    about.comments.push(if *kept > MAX_COMMENTS { more.to_owned() } else { comment });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes() {
        let bytes = [
            0, 1, 0, 3, b'a', b'b', b'c', 0, // comment of 3 octets, padded
            0, 9, 0, 1, 6, 0, 0, 0, // if_tsresol
            0, 0, 0, 0, // end
            0, 1, 0, 9, // never seen
        ];
        let all: Vec<_> = Options::new(Order::Big, &bytes).map(Result::unwrap).collect();
        assert_eq!(all, [(1, &b"abc"[..]), (9, &[6][..])]);
    }

    #[test]
    fn empty() {
        assert!(Options::new(Order::Big, &[]).next().is_none());
    }

    #[test]
    fn wrong_length() {
        let mut options = Options::new(Order::Little, &[1, 0, 5, 0, b'a', b'b', b'c', b'd']);
        assert_eq!(options.next(), Some(Err("its option 1 announces 5 octets, 4 are there".to_owned())));
        assert_eq!(options.next(), None);
    }

    #[test]
    fn text_ends_at_zero() {
        assert_eq!(text(b"lo\0\0"), "lo");
        assert_eq!(text(b"\xff!"), "\u{fffd}!");
    }
}
