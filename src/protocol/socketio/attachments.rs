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

use super::packet::SPEC;
use crate::layer::{Note, Severity};
use crate::protocol::json::Members;

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
    let mut joined = String::with_capacity(data.len());
    let lens: Vec<usize> = attachments.iter().map(|attachment| attachment.as_ref().len()).collect();
    let notes = fit(data, &lens, |piece| match piece {
        Piece::Text(text) => joined.push_str(text),
        Piece::Attachment(index) => {
            joined.push_str(BEFORE);
            if let Some(attachment) = attachments.get(index) {
                STANDARD.encode_string(attachment, &mut joined);
            }
            joined.push_str(BEHIND);
        }
    });
    Joined { data: joined, notes }
}

/// What could not be joined, of attachments with so many octets: the notes of [`join`] where nobody reads what it makes.
pub fn misfits(data: &str, lens: &[usize]) -> Vec<Note> {
    fit(data, lens, |_| {})
}

const BEFORE: &str = "{\"base64\":\"";
const BEHIND: &str = "\"}";

/// What joined text is made of.
enum Piece<'a> {
    /// Text as it was written.
    Text(&'a str),
    /// The attachment with this number.
    Attachment(usize),
}

/// Finds the place of each attachment, of which there are the lengths; says what does not fit.
fn fit<'a>(data: &'a str, lens: &[usize], mut put: impl FnMut(Piece<'a>)) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut used = vec![false; lens.len()];
    let (mut at, mut joined) = (0, 0);
    for (range, number) in placeholders(data) {
        let attachment = usize::try_from(number).ok().and_then(|number| Some((number, *lens.get(number)?)));
        let Some((index, len)) = attachment else {
            wrong(&mut notes, format!("a placeholder for attachment {number}, of {} there are", lens.len()));
            continue;
        };
        if joined + len / 3 * 4 > MAX_JOINED {
            wrong(&mut notes, format!("more than {MAX_JOINED} octets of attachments: the rest is not joined"));
            break;
        }
        joined += range.start - at + BEFORE.len() + len.div_ceil(3) * 4 + BEHIND.len();
        put(Piece::Text(&data[at..range.start]));
        put(Piece::Attachment(index));
        used[index] = true;
        at = range.end;
    }
    put(Piece::Text(&data[at..]));
    if let Some(unused) = used.iter().position(|used| !used) {
        let text = format!("attachment {unused} is not named by any placeholder");
        notes.push(Note::new(Severity::Warn, text, SPEC));
    }
    notes
}

/// One note on placeholders is enough: a peer can send many.
fn wrong(notes: &mut Vec<Note>, text: String) {
    if notes.is_empty() {
        notes.push(Note::new(Severity::Error, text, SPEC));
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
    // As JSON.stringify writes it.
    let usual = object.strip_prefix("{\"_placeholder\":true,\"num\":").and_then(|rest| rest.strip_suffix('}'));
    if let Some(digits) = usual.filter(|digits| matches!(digits.as_bytes(), [b'0'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']))
    {
        return digits.parse().ok();
    }
    if object.len() > MAX_PLACEHOLDER {
        return None;
    }
    let object = Members::read(object).ok()??;
    object.whole("num").filter(|_| object.raw(KEY) == Some("true"))
}
