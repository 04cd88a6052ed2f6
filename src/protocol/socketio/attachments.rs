//! Binary attachments put back where their placeholders stand.
//!
//! ```text
//! ["baz",{"_placeholder":true,"num":0}]   01 02 03 04   →   ["baz",{"base64":"AQIDBA=="}]
//! ```
//!
//! # References
//! - Socket.IO protocol 5, "Packet encoding: Format", binary packets.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::packet::SPEC;
use crate::layer::{Note, Severity};

/// No joined text grows larger: one attachment may be named by many placeholders.
const MAX_JOINED: usize = 64 << 20;
/// A placeholder with more in it is taken for the application's own.
const MAX_PLACEHOLDER: usize = 1024;
const KEY: &str = "_placeholder";

/// JSON with the attachments in their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The text: each placeholder replaced by `{"base64":"…"}`, all else as it was written.
    pub data: String,
    /// What could not be joined.
    pub notes: Vec<Note>,
}

/// Puts attachments, in the order in which they came, into the JSON of a packet.
pub fn join<A: AsRef<[u8]>>(data: &str, attachments: &[A]) -> Joined {
    let mut joined = Joined { data: String::with_capacity(data.len()), notes: Vec::new() };
    let mut used = vec![false; attachments.len()];
    let mut at = 0;
    for (range, number) in placeholders(data) {
        let attachment = usize::try_from(number).ok().and_then(|number| Some((number, attachments.get(number)?)));
        let Some((index, attachment)) = attachment else {
            joined.wrong(format!("a placeholder for attachment {number}, of {} there are", attachments.len()));
            continue;
        };
        let attachment = attachment.as_ref();
        if joined.data.len() + attachment.len() / 3 * 4 > MAX_JOINED {
            joined.wrong(format!("more than {MAX_JOINED} octets of attachments: the rest is not joined"));
            break;
        }
        joined.data.push_str(&data[at..range.start]);
        joined.data.push_str("{\"base64\":\"");
        STANDARD.encode_string(attachment, &mut joined.data);
        joined.data.push_str("\"}");
        used[index] = true;
        at = range.end;
    }
    joined.data.push_str(&data[at..]);
    if let Some(unused) = used.iter().position(|used| !used) {
        let text = format!("attachment {unused} is not named by any placeholder");
        joined.notes.push(Note::new(Severity::Warn, text, SPEC));
    }
    joined
}

impl Joined {
    /// One note on placeholders is enough: a peer can send many.
    fn wrong(&mut self, text: String) {
        if self.notes.is_empty() {
            self.notes.push(Note::new(Severity::Error, text, SPEC));
        }
    }
}

/// An object that is open.
struct Open {
    start: usize,
    /// A string in it reads `_placeholder`.
    suspect: bool,
}

/// Where placeholders stand, and the attachment each names. Objects are looked at where they end, whatever their
/// depth; a placeholder within another gives way to it.
fn placeholders(json: &str) -> Vec<(Range<usize>, u64)> {
    let octets = json.as_bytes();
    let (mut open, mut found): (Vec<Open>, Vec<(Range<usize>, u64)>) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(octet) = octets.get(at) {
        match octet {
            b'"' => {
                let end = string_end(octets, at);
                if let Some(object) = open.last_mut().filter(|_| octets.get(at + 1..end) == Some(KEY.as_bytes())) {
                    object.suspect = true;
                }
                at = end;
            }
            b'{' => open.push(Open { start: at, suspect: false }),
            b'}' => {
                let number = open.pop().filter(|object| object.suspect).and_then(|object| {
                    let range = object.start..at + 1;
                    Some((range.clone(), number(json.get(range)?)?))
                });
                if let Some((range, number)) = number {
                    found.truncate(found.iter().rposition(|(inner, _)| inner.start < range.start).map_or(0, |i| i + 1));
                    found.push((range, number));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Where the string that begins at `start` ends: at its closing quote, or behind the text.
fn string_end(octets: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(octet) = octets.get(at) {
        match octet {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    octets.len()
}

/// The number in an object, if it is a placeholder.
fn number(object: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Placeholder {
        #[serde(rename = "_placeholder")]
        is_placeholder: bool,
        num: u64,
    }
    if object.len() > MAX_PLACEHOLDER {
        return None;
    }
    let placeholder: Placeholder = serde_json::from_str(object).ok()?;
    placeholder.is_placeholder.then_some(placeholder.num)
}
