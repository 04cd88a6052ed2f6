//! What is odd in a capture, and what was written on its frames: each sentence once, with the frames it is about.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use super::Finding;
use super::cut::Cuts;
use crate::filter::Evidence;
use crate::trace::Trace;

/// What is odd, each remark once with the frames it is about, and with the connections if it names one. Remarks on frames that
/// are not wanted are left out.
pub fn noted(trace: &Trace, wanted: &dyn Fn(u32) -> bool) -> Vec<Finding> {
    // What is said of many connections in the same words is said once.
    let cuts = Cuts::of(trace.notes().iter().map(|(_, note)| note));
    let shown = trace.notes().iter().filter(|(frame, _)| frame.is_none_or(wanted));
    let apart: Vec<_> = shown
        .map(|(frame, note)| {
            let ((before, after), connection) = of_connection(cuts.words(note));
            ((note.severity, before, after, note.spec), connection, *frame)
        })
        .collect();
    let mut connections: HashMap<_, BTreeSet<u32>> = HashMap::new();
    for (remark, connection, _) in &apart {
        connections.entry(*remark).or_default().extend(*connection);
    }
    let told = gather(apart.iter().map(|(remark, _, frame)| (*remark, *frame)));
    let finding = |(remark, frames)| {
        let (severity, before, after, spec) = remark;
        let which: Vec<u32> = connections.get(&remark).into_iter().flatten().copied().collect();
        let which = Evidence { frames: which, searched: None }.to_string().replacen("frame", "connection", 1);
        Finding { severity, text: format!("{before}{which}{after}"), spec, frames }
    };
    told.into_iter().map(finding).collect()
}

/// What was written on the frames, each sentence once with the frames it is on.
pub fn commented<'a>(trace: &'a Trace, wanted: &dyn Fn(u32) -> bool) -> Vec<(&'a str, Vec<u32>)> {
    let written = trace.records().filter(|(number, _)| wanted(*number));
    let each =
        written.flat_map(|(number, record)| record.frame.comments.iter().map(move |c| (c.as_str(), Some(number))));
    gather(each.filter(|(comment, _)| !comment.trim().is_empty()))
}

/// What stands before and behind the connection that a text is about, and which that is.
fn of_connection(text: &str) -> ((&str, &str), Option<u32>) {
    const WORD: &str = "connection ";
    for (at, _) in text.match_indices(WORD) {
        let number = &text[at + WORD.len()..];
        let len = number.bytes().take_while(u8::is_ascii_digit).count();
        if let Ok(connection) = number[..len].parse() {
            return ((&text[..at], &number[len..]), Some(connection));
        }
    }
    ((text, ""), None)
}

/// Things with the frames they are on: each thing once, in order of first appearance.
fn gather<T: Eq + Hash + Copy>(each: impl Iterator<Item = (T, Option<u32>)>) -> Vec<(T, Vec<u32>)> {
    let mut places: HashMap<T, usize> = HashMap::new();
    let mut gathered: Vec<(T, Vec<u32>)> = Vec::new();
    for (thing, frame) in each {
        let at = *places.entry(thing).or_insert_with(|| {
            gathered.push((thing, Vec::new()));
            gathered.len() - 1
        });
        let on = &mut gathered[at].1;
        if let Some(frame) = frame.filter(|frame| on.last() != Some(frame)) {
            on.push(frame);
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::Conversation;

    #[test]
    fn a_text_is_of_a_connection() {
        assert_eq!(of_connection("x refused connection 12: so"), (("x refused ", ": so"), Some(12)));
        assert_eq!(
            of_connection("the connection ended; connection 3 began"),
            (("the connection ended; ", " began"), Some(3))
        );
        assert_eq!(of_connection("the connection ended"), (("the connection ended", ""), None));
    }

    #[test]
    fn each_sentence_is_told_once_with_its_frames() {
        let mut talk = Conversation::new().open();
        for _ in 0..3 {
            talk.client("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n");
        }
        for frame in [0, 2, 3] {
            talk.frames[frame].comments.extend(["look here".to_owned(), " ".to_owned()]);
        }
        let trace = talk.trace();
        assert_eq!(commented(&trace, &|_| true), [("look here", vec![1, 3, 4])]);
        assert_eq!(commented(&trace, &|frame| frame > 3), [("look here", vec![4])]);
        let found = noted(&trace, &|_| true);
        let of = |found: &[Finding]| {
            let is_meant = |one: &&Finding| one.text.contains("Content-Length");
            found.iter().filter(is_meant).map(|one| one.frames.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&found), [[4, 5, 6]], "{found:?}");
        assert_eq!(of(&noted(&trace, &|frame| frame == 5)), [[5]]);
    }
}
