//! What is said of each frame that was cut when it was captured, and of what is missing for it, in words that hold for all.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::explain::without_numbers;
use crate::layer::Note;

/// Said of a frame that was cut behind its headers, or within them.
const CUT: [&str; 2] = ["the capture kept ", "; the capture did not keep the frame's last "];
/// Said of the octets that a stream lacks: where frames were cut, those of each.
const LACKS: &str = " of this stream w";

/// Words for notes that differ in nothing but how much is missing.
#[derive(Debug, Default)]
pub(super) struct Cuts(HashMap<String, String>);

impl Cuts {
    /// The words that hold for all of these notes.
    pub(super) fn of<'a>(notes: impl Iterator<Item = &'a Note> + Clone) -> Self {
        let is_cut = |note: &&Note| CUT.iter().any(|words| note.text.contains(words));
        let mut cuts = Self::default();
        if notes.clone().any(|note| is_cut(&note)) {
            for note in notes.filter(|note| is_cut(note) || note.text.contains(LACKS)) {
                let pattern = without_numbers(&note.text);
                let words = cuts.0.get(&pattern).map_or_else(|| note.text.clone(), |known| both(known, &note.text));
                cuts.0.insert(pattern, words);
            }
        }
        cuts
    }

    /// What to say for a note.
    pub(super) fn words<'a>(&'a self, note: &'a Note) -> &'a str {
        let words = if self.0.is_empty() { None } else { self.0.get(&without_numbers(&note.text)) };
        words.unwrap_or(&note.text)
    }
}

/// Two texts that differ in numbers only, with an ellipsis where they do.
fn both(one: &str, other: &str) -> String {
    let words = one.split(' ').zip(other.split(' '));
    let same = words.map(|(one, other)| if one == other { Cow::Borrowed(one) } else { without_numbers(other).into() });
    same.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Severity;

    #[test]
    fn what_differs_in_numbers_only_has_the_same_words() {
        let notes = |texts: &[&str]| texts.iter().map(|text| Note::new(Severity::Note, *text, "")).collect::<Vec<_>>();
        let said = |texts: &[&str]| {
            let notes = notes(texts);
            let cuts = Cuts::of(notes.iter());
            notes.iter().map(|note| cuts.words(note).to_owned()).collect::<Vec<_>>()
        };
        let lack = |n: u32| format!("{n} octets of this stream were not captured");
        let cut = |n: u32| format!("the capture kept 96 of the frame's {n} octets");
        let both = "the capture kept 96 of the frame's … octets";
        let lacks = "… octets of this stream were not captured";
        assert_eq!(
            said(&[&cut(200), &lack(104), "closed with 1006", &cut(300), &lack(204), "closed with 1000"]),
            [both, lacks, "closed with 1006", both, lacks, "closed with 1000"]
        );
        assert_eq!(said(&[&cut(200), &cut(200)]), [cut(200), cut(200)], "one number can be named");
        assert_eq!(said(&[&lack(1), &lack(2)]), [lack(1), lack(2)], "where no frame was cut each is another loss");
    }
}
