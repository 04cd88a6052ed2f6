//! Findings that say the same again and again, told once.

use std::collections::HashMap;

use super::Finding;
use super::again::{OFTEN, lasting};
use crate::layer::Severity;

/// What makes two findings the same: how bad it is, what is said, and where it stands.
type Key = (Severity, String, &'static str);

/// The findings, of those that say the same the first, with how often it is said; and so of those that differ in numbers alone: of
/// frames, in paths, of acknowledgements, and how long it took. Each keeps the frames of all.
pub(super) fn folded(found: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| -> Key { (finding.severity, without_numbers(&finding.text, true), finding.spec) };
    let mut alike: HashMap<Key, Alike> = HashMap::new();
    for finding in &found {
        let text = without_numbers(&finding.text, false);
        let all = alike.entry(key(finding)).or_insert_with(|| Alike {
            text: text.clone(),
            times: 0,
            differ: false,
            at: None,
        });
        all.times += 1;
        all.differ |= all.text != text;
    }
    let mut kept: Vec<Finding> = Vec::new();
    for mut finding in found {
        let Some(all) = alike.get_mut(&key(&finding)) else { continue };
        match all.at {
            _ if all.times < if all.differ { OFTEN } else { 2 } => kept.push(finding),
            Some(at) => kept[at].frames.extend(finding.frames),
            None => {
                let how = if all.differ { ", with other numbers" } else { "" };
                let first = finding.frames.first().map(|first| format!(", first in frame {first}")).unwrap_or_default();
                finding.text.push_str(&format!(". It went so {} times{how}{first}", all.times));
                all.at = Some(kept.len());
                kept.push(finding);
            }
        }
    }
    for finding in &mut kept {
        finding.frames.sort_unstable();
        finding.frames.dedup();
    }
    kept
}

/// Findings that are alike.
struct Alike {
    /// What the first says, but for its frames.
    text: String,
    times: usize,
    /// Whether another says it with other numbers.
    differ: bool,
    /// Where the first is kept.
    at: Option<usize>,
}

/// A text with an ellipsis for each number of a frame, and if `all` go in a path, of an acknowledgement, and of seconds. What a server is
/// called, a status or a code stays.
fn without_numbers(text: &str, all: bool) -> String {
    const UNITS: [&str; 3] = ["s", "ms", "µs"];
    let words: Vec<&str> = text.split(' ').collect();
    let mut kept = Vec::with_capacity(words.len());
    for (place, word) in words.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| words.get(place)).copied().unwrap_or_default();
        let behind = words.get(place + 1).map(|next| next.trim_end_matches(|c: char| !c.is_alphanumeric()));
        let is_time =
            word.starts_with(|c: char| c.is_ascii_digit()) && behind.is_some_and(|next| UNITS.contains(&next));
        kept.push(match () {
            () if before == "frame" => digits(word),
            () if all && word.starts_with('/') => in_path(word),
            () if all && (is_time || word.starts_with("(#")) => digits(word),
            () => (*word).to_owned(),
        });
    }
    kept.join(" ")
}

/// A target with an ellipsis for each segment of its path that is a number.
fn in_path(target: &str) -> String {
    let target = lasting(target);
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let is_number = |segment: &str| !segment.is_empty() && segment.chars().all(|c| c.is_ascii_digit());
    let segments: Vec<&str> = path.split('/').map(|segment| if is_number(segment) { "…" } else { segment }).collect();
    segments.join("/") + query
}

/// A word with an ellipsis for its digits.
fn digits(word: &str) -> String {
    let (mut kept, mut was_digit) = (String::with_capacity(word.len()), false);
    for c in word.chars() {
        let is_digit = c.is_ascii_digit() || c == '.' && was_digit;
        match (is_digit, was_digit) {
            (true, false) => kept.push('…'),
            (true, true) => {}
            (false, _) => kept.push(c),
        }
        was_digit = is_digit;
    }
    kept
}
