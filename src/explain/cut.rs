//! What is said of each frame that was cut when it was captured, and of what is missing for it, in words that hold for all.

use std::borrow::Cow;
use std::collections::HashMap;

use super::remark::without_numbers;
use crate::layer::Note;

/// Said of a frame that was cut behind its headers, or within them.
const CUT: [&str; 2] = ["the capture kept ", "; the capture did not keep the frame's last "];
/// Said of the octets that a stream lacks, between others and at its end: where frames were cut, those of each.
const LACKS: [&str; 2] = [" of this stream w", " numbered w"];
/// One octet has other words than several.
const SINGULAR: [(&str, &str); 3] = [
    ("1 octet of this stream was ", "1 octets of this stream were "),
    ("the last octet that ", "the last 1 octets that "),
    (" numbered was ", " numbered were "),
];

/// Words for notes that differ in nothing but how much is missing.
#[derive(Debug, Default)]
pub(super) struct Cuts(HashMap<String, String>);

impl Cuts {
    /// The words that hold for all of these notes.
    pub(super) fn of<'a>(notes: impl Iterator<Item = &'a Note> + Clone) -> Self {
        let is_cut = |note: &&Note| CUT.iter().any(|words| note.text.contains(words));
        let mut cuts = Self::default();
        if notes.clone().any(|note| is_cut(&note)) {
            let lacks = |note: &&Note| LACKS.iter().any(|words| note.text.contains(words));
            for note in notes.filter(|note| is_cut(note) || lacks(note)) {
                let text = plural(&note.text);
                let pattern = without_numbers(&text);
                let words = match cuts.0.get(&pattern) {
                    None => note.text.clone(),
                    Some(known) if *known == note.text => continue,
                    Some(known) => both(&plural(known), &text),
                };
                cuts.0.insert(pattern, words);
            }
        }
        cuts
    }

    /// What to say for a note.
    pub(super) fn words<'a>(&'a self, note: &'a Note) -> &'a str {
        let words = if self.0.is_empty() { None } else { self.0.get(&without_numbers(&plural(&note.text))) };
        words.unwrap_or(&note.text)
    }
}

/// A text as if it were about several octets.
fn plural(text: &str) -> Cow<'_, str> {
    let singular = SINGULAR.iter().filter(|(one, _)| text.contains(one));
    singular.fold(Cow::Borrowed(text), |text, (one, several)| text.replacen(one, several, 1).into())
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
        let end = |octets: &str, from: &str, were: &str| {
            format!("the last {octets} that {from} numbered {were} not captured")
        };
        let (one, many) = (end("octet", "10.0.0.1:4", "was"), end("303 octets", "10.0.0.2:80", "were"));
        let ends = "the last … octets that … numbered were not captured";
        assert_eq!(said(&[&cut(200), &one, &many])[1..], [ends, ends], "at the end of each stream");
        assert_eq!(said(&[&cut(200), &one, &one])[1..], [&*one, &*one], "of one there is nothing to join");
        let one = "1 octet of this stream was not captured";
        assert_eq!(said(&[&cut(200), one, &lack(104)])[1..], [lacks, lacks]);
        assert_eq!(said(&[&lack(1), &lack(2)]), [lack(1), lack(2)], "where no frame was cut each is another loss");
    }
}
