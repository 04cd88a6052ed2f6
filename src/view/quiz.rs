//! Questions about a capture, and why an answer is right.

use serde::Serialize;

use super::line::{Line, Page, Tone};
use crate::explain::quiz::{Evidence, Question, Quiz};
use crate::protocol::text::tamed;

/// A question with its choices.
pub fn question(number: usize, question: &Question, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let head = Line::of(Tone::Title, format!("{number}. {}", question.topic)).with(Tone::Plain, "  ");
    page.paragraph_within(head, &Line::of(Tone::Plain, question.ask.as_str()));
    for (i, choice) in question.choices.iter().enumerate() {
        page.paragraph_within(
            Line::of(Tone::Strong, format!("  {}  ", i + 1)),
            &Line::of(Tone::Plain, choice.as_str()),
        );
    }
    page.lines
}

/// What helps with a question.
pub fn hint(question: &Question, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    page.paragraph_within(Line::of(Tone::Dim, "  hint  "), &Line::of(Tone::Plain, question.hint));
    page.lines
}

/// The right answer, why it is right, and the octets that say so. `chosen` is what was answered, if anything was.
pub fn answer(question: &Question, chosen: Option<usize>, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let right = question.choices.get(question.answer).map_or("", String::as_str);
    let (mark, tone) = match chosen {
        Some(chosen) if chosen != question.answer => ("✗ no: ", Tone::Bad),
        Some(_) => ("✓ yes: ", Tone::Good),
        None => ("✓ ", Tone::Good),
    };
    let key = format!("{}, {right}", question.answer + 1);
    page.paragraph_within(Line::of(tone, format!("  {mark}")), &Line::of(Tone::Strong, key));
    page.paragraph_within(Line::of(Tone::Plain, "    "), &Line::of(Tone::Plain, question.because.as_str()));
    for evidence in &question.evidence {
        page.paragraph_within(Line::of(Tone::Plain, "    "), &proof(evidence));
    }
    let find = Line::of(Tone::Dim, question.filter.as_str());
    page.paragraph_within(Line::of(Tone::Dim, "    filter: "), &find);
    page.lines
}

/// More octets than this are not written out.
const SHOWN: usize = 12;

fn proof(evidence: &Evidence) -> Line {
    let value: String = tamed(&evidence.value).chars().take(40).collect();
    let line = Line::of(Tone::Strong, evidence.field).with(Tone::Plain, format!(" {value}")).with(Tone::Dim, " · ");
    let Some((frame, at)) = evidence.at else { return line.with(Tone::Dim, "computed") };
    let octets: Vec<String> = evidence.octets.iter().take(SHOWN).map(|octet| format!("{octet:02x}")).collect();
    let more = if evidence.octets.len() > SHOWN { " …" } else { "" };
    line.with(Tone::Dim, format!("frame {frame}, octet {at}: {}{more}", octets.join(" ")))
}

/// How it went.
pub fn score(right: usize, answered: usize, asked: usize) -> Line {
    let tone = if right == asked { Tone::Good } else { Tone::Strong };
    let rest = match asked - answered {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    Line::of(tone, format!("{right} of {answered} right{rest}"))
}

/// The quiz as JSON, with its key.
pub fn quiz_json(file: &str, quiz: &Quiz) -> String {
    #[derive(Serialize)]
    struct File<'a> {
        capture: &'a str,
        #[serde(flatten)]
        quiz: &'a Quiz,
    }
    serde_json::to_string_pretty(&File { capture: file, quiz }).unwrap_or_default()
}
