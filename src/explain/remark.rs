//! Which remarks were made, and how often, in little memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::layer::{Note, Severity};

/// So many different remarks are kept.
const KEPT: usize = 64;

/// Remarks with how often each was made. Those that differ in numbers only count as one.
///
/// Of more than 64 those are kept that come first: the worst before the others, then by their text. One that was let
/// go has so many before it that it can never come back. So the counts are exact, and the same in whichever order the
/// remarks come, and in however many parts.
#[derive(Debug, Default)]
pub struct Remarks(BTreeMap<Key, Made>);

/// How much a remark matters, its text without numbers, and its clause.
type Key = (Reverse<Severity>, String, &'static str);

/// One remark, made.
#[derive(Debug)]
struct Made {
    /// Its text, if it was always the same.
    text: Option<String>,
    times: u64,
}

/// A remark, and how often it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// What was said; an ellipsis stands for each number that was not always the same.
    pub text: &'a str,
    /// The clause behind it, or nothing.
    pub spec: &'static str,
    /// How often.
    pub times: u64,
}

impl Remarks {
    /// Counts a note, unless it is one that is not worth a remark.
    pub(super) fn add(&mut self, note: &Note) {
        if note.severity > Severity::Chat {
            let key = (Reverse(note.severity), without_numbers(&note.text), note.spec);
            self.add_made(key, Some(&without_connections(&note.text)), 1);
        }
    }

    /// The sum of these and of those of another part of the same capture.
    pub(super) fn and(mut self, other: Self) -> Self {
        for (key, made) in other.0 {
            self.add_made(key, made.text.as_deref(), made.times);
        }
        self
    }

    fn add_made(&mut self, key: Key, text: Option<&str>, times: u64) {
        match self.0.get_mut(&key) {
            Some(made) => {
                made.times += times;
                made.text.take_if(|known| Some(known.as_str()) != text);
            }
            None => {
                self.0.insert(key, Made { text: text.map(str::to_owned), times });
                if self.0.len() > KEPT {
                    self.0.pop_last();
                }
            }
        }
    }

    /// The remarks, the worst first, and of those that are equally bad the most frequent.
    pub fn list(&self) -> Vec<Remark<'_>> {
        let mut list: Vec<Remark<'_>> = Vec::new();
        for ((severity, pattern, spec), made) in &self.0 {
            let text = made.text.as_deref().unwrap_or(pattern);
            list.push(Remark { severity: severity.0, text, spec, times: made.times });
        }
        list.sort_by_key(|remark| (Reverse(remark.severity), Reverse(remark.times)));
        list
    }
}

/// The text with an ellipsis for each number, version and address of digits.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let number = &rest[start..];
        let end = number.find(|c: char| !c.is_ascii_digit() && !".:".contains(c)).unwrap_or(number.len());
        // A full stop or a colon behind the last digit ends a phrase.
        let end = number[..end].trim_end_matches(['.', ':']).len();
        kept.push_str(&rest[..start]);
        kept.push('…');
        rest = &number[end..];
    }
    kept + rest
}

/// The text without the numbers of connections: each of several threads counts those it looks at.
fn without_connections(text: &str) -> String {
    let mut parts = text.split("connection ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = if rest.len() < part.len() { "…" } else { "" };
        kept + "connection " + number + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remarks(notes: &[(Severity, &str)]) -> Remarks {
        let mut remarks = Remarks::default();
        notes.iter().for_each(|(severity, text)| remarks.add(&Note::new(*severity, *text, "")));
        remarks
    }

    fn told(remarks: &Remarks) -> Vec<(&str, u64)> {
        remarks.list().iter().map(|remark| (remark.text, remark.times)).collect()
    }

    #[test]
    fn the_worst_come_first_and_numbers_make_no_difference() {
        use Severity::{Chat, Error, Note, Warn};
        let notes = [
            (Note, "closed with 1006"),
            (Warn, "after 20 ms"),
            (Chat, "usual"),
            (Warn, "after 3 ms"),
            (Note, "closed with 1006"),
            (Note, "closed with 1006"),
            (Note, "once"),
            (Error, "broken"),
        ];
        let expected = [("broken", 1), ("after … ms", 2), ("closed with 1006", 3), ("once", 1)];
        assert_eq!(told(&remarks(&notes)), expected);
        for at in 0..notes.len() {
            let (one, other) = notes.split_at(at);
            assert_eq!(told(&remarks(other).and(remarks(one))), expected, "in parts, too");
        }
    }

    #[test]
    fn what_counts_as_a_number() {
        assert_eq!(without_numbers("10.0.0.1:80 broke connection 3: 2.5 ms, 7."), "… broke connection …: … ms, ….");
        assert_eq!(without_connections("1 connection: connection 12 of 3"), "1 connection: connection … of 3");
    }

    #[test]
    fn no_capture_fills_the_memory() {
        let names: Vec<String> =
            (0..200u8).map(|n| format!("odd {}{}", char::from(b'a' + n / 20), char::from(b'a' + n % 20))).collect();
        let notes: Vec<(Severity, &str)> = names.iter().map(|name| (Severity::Note, name.as_str())).collect();
        let backwards: Vec<_> = notes.iter().copied().rev().collect();
        let (one, other) = (remarks(&notes), remarks(&backwards));
        assert_eq!(one.list().len(), KEPT);
        assert_eq!(told(&one), told(&other), "whatever their order");
        assert_eq!(told(&one.and(other))[0], ("odd aa", 2));
    }
}
