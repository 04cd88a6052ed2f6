//! A lesson held against a capture.

use std::collections::BTreeMap;

use super::heard::heard;
use super::missing::Missing;
use super::text::{Piece, Text};
use super::{Choice, Class, Item, Lesson, Misconception, Modify, Predict, Proof, Review, View};
use crate::explain::{Cast, Story};
use crate::filter::{Evidence, ExprValue, Filter};
use crate::layer::{FieldDef, Value, colon_hex};
use crate::protocol::text::tamed;
use crate::trace::Trace;

/// Whether a sentence is true of the capture shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It does not, but it is about Linux loopback, and this capture is from elsewhere.
    EnvironmentDiffers,
}

/// A text with the capture's numbers in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldText {
    /// Markdown in which each value is one character of the private use area, from U+E000 on.
    pub markdown: String,
    /// The values.
    pub values: Vec<String>,
    /// The frames the values rest on.
    pub frames: Vec<u32>,
    /// Expressions for which the capture has no answer.
    pub missing: Vec<Missing>,
}

impl ToldText {
    /// The first of the characters that stand for values.
    pub const FIRST_MARK: u32 = 0xe000;

    /// The place in [`values`](Self::values) that this character stands for.
    pub fn mark(&self, c: char) -> Option<&str> {
        let index = u32::from(c).checked_sub(Self::FIRST_MARK)?;
        self.values.get(index as usize).map(String::as_str)
    }

    /// The text with its values on one line, without the signs of emphasis and code.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for c in self.markdown.chars() {
            match (self.mark(c), c) {
                (Some(value), _) => out.push_str(value),
                (None, '*' | '`') => {}
                (None, c) => out.push(c),
            }
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A claim, judged.
#[derive(Debug, Clone)]
pub struct ToldClaim {
    /// The sentence.
    pub sentence: ToldText,
    /// What proves it, as written.
    pub proof: String,
    /// On which line of the lesson's file the proof stands, from 1.
    pub line: usize,
    /// Where it holds.
    pub class: Class,
    /// Whether it holds here.
    pub verdict: Verdict,
    /// Of one that does not: the comparison that fails, with the values of this capture, such as `0 == 1`.
    pub failing: Option<String>,
    /// The frames it rests on.
    pub evidence: Evidence,
}

/// A part of a lesson, told.
#[derive(Debug, Clone)]
pub enum ToldItem {
    /// Markdown.
    Prose(ToldText),
    /// A question asked before the run: the question, its choices with what they reveal, the right one, its proof.
    Predict {
        /// The question.
        ask: ToldText,
        /// Labels and what they reveal.
        choices: Vec<(String, ToldText)>,
        /// Which is right.
        answer: usize,
        /// The answer, judged.
        claim: ToldClaim,
    },
    /// The play, line by line.
    Script(Vec<String>),
    /// Who said what to whom.
    Ladder(Story),
    /// One frame, layer by layer.
    Peel(Result<u32, Missing>),
    /// The text of the message that ends in a frame.
    Text(Result<u32, Missing>, Vec<String>),
    /// Fields of frames.
    Table(Vec<String>, Vec<Vec<String>>),
    /// A sentence, judged.
    Claim(ToldClaim),
    /// What some notes say; what the packets say, judged.
    Misconception(ToldText, ToldClaim),
    /// A knob: its name, what to set it to, what to predict; what is seen then, if it is set to that in this run.
    Modify(String, String, ToldText, Option<ToldText>),
    /// A question to answer afterwards.
    Review {
        /// The question.
        ask: ToldText,
        /// What helps with it.
        hint: Option<ToldText>,
        /// Labels and what they reveal; none where it is answered in words.
        choices: Vec<(String, ToldText)>,
        /// Which is right.
        right: usize,
        /// Its key, judged.
        claim: ToldClaim,
    },
}

/// A lesson, told.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its title.
    pub title: String,
    /// The question it answers.
    pub question: String,
    /// Its parts in order.
    pub items: Vec<ToldItem>,
}

impl Lesson {
    /// Holds the lesson against a capture. `exact` says that the capture is from Linux loopback, where claims about it
    /// must hold.
    pub fn tell(&self, trace: &Trace, cast: &Cast, exact: bool) -> Told {
        let teller = Teller { trace, cast, exact, knobs: &self.knobs };
        let items = self.items.iter().map(|item| teller.item(item)).collect();
        Told { title: self.title.clone(), question: self.question.clone(), items }
    }
}

impl Told {
    /// All that was judged: claims, and the proofs of predictions, misconceptions and reviews.
    pub fn claims(&self) -> impl Iterator<Item = &ToldClaim> {
        self.items.iter().filter_map(|item| match item {
            ToldItem::Claim(claim)
            | ToldItem::Predict { claim, .. }
            | ToldItem::Misconception(_, claim)
            | ToldItem::Review { claim, .. } => Some(claim),
            _ => None,
        })
    }

    /// Whether each prediction that was answered was right, given the answers in order.
    pub fn graded<'a>(&'a self, answers: &'a [Option<usize>]) -> impl Iterator<Item = bool> + 'a {
        let right = self.items.iter().filter_map(|item| match item {
            ToldItem::Predict { answer, .. } => Some(*answer),
            _ => None,
        });
        right.zip(answers).filter_map(|(right, answer)| answer.map(|answer| answer == right))
    }

    /// All texts that carry values of the capture.
    pub fn texts(&self) -> impl Iterator<Item = &ToldText> {
        self.items.iter().flat_map(|item| match item {
            ToldItem::Prose(text) => vec![text],
            ToldItem::Predict { ask, choices, claim, .. } | ToldItem::Review { ask, choices, claim, .. } => {
                let reveals = choices.iter().map(|(_, reveal)| reveal);
                [ask, &claim.sentence].into_iter().chain(reveals).collect()
            }
            ToldItem::Claim(claim) => vec![&claim.sentence],
            ToldItem::Misconception(says, claim) => vec![says, &claim.sentence],
            ToldItem::Modify(_, _, ask, reveal) => std::iter::once(ask).chain(reveal).collect(),
            ToldItem::Script(_)
            | ToldItem::Ladder(_)
            | ToldItem::Peel(_)
            | ToldItem::Text(..)
            | ToldItem::Table(..) => Vec::new(),
        })
    }

    /// Sentences that are not true of this capture: claims that fail, and values it does not have.
    pub fn untrue(&self) -> usize {
        let failed = self.claims().filter(|claim| claim.verdict == Verdict::Fails).count();
        failed + self.missing().count()
    }

    /// Everything that the lesson asks for and the capture does not have.
    pub fn missing(&self) -> impl Iterator<Item = &Missing> {
        let shown = self.items.iter().filter_map(|item| match item {
            ToldItem::Peel(Err(missing)) | ToldItem::Text(Err(missing), _) => Some(missing),
            _ => None,
        });
        self.texts().flat_map(|text| &text.missing).chain(shown)
    }

    /// Which claim rests on which frames, for writing it on them in a capture.
    pub fn comments(&self) -> Vec<(u32, String)> {
        let claims = self.items.iter().filter_map(|item| match item {
            ToldItem::Claim(claim) | ToldItem::Misconception(_, claim) => Some(claim),
            _ => None,
        });
        let held = claims.filter(|claim| claim.verdict == Verdict::Holds);
        held.flat_map(|claim| {
            let sentence = claim.sentence.plain();
            claim.evidence.frames.iter().map(move |frame| (*frame, sentence.clone()))
        })
        .collect()
    }
}

struct Teller<'a> {
    trace: &'a Trace,
    cast: &'a Cast,
    exact: bool,
    knobs: &'a BTreeMap<String, String>,
}

impl Teller<'_> {
    fn item(&self, item: &Item) -> ToldItem {
        match item {
            Item::Prose(text) => ToldItem::Prose(self.text(text)),
            Item::Predict(predict) => self.predict(predict),
            Item::Script(script) => {
                let text = script.with_knobs(self.knobs).map(|played| played.text);
                let text = text.unwrap_or_else(|_| script.text.clone());
                ToldItem::Script(text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect())
            }
            Item::Show(view) => self.view(view),
            Item::Claim(claim) => ToldItem::Claim(self.claim(&claim.sentence, &claim.proof, claim.class)),
            Item::Misconception(Misconception { says, but, proof }) => {
                ToldItem::Misconception(self.text(says), self.claim(but, proof, Class::Spec))
            }
            Item::Modify(Modify { knob, to, ask, reveal, .. }) => {
                // Of another run its values would be untrue.
                let is_turned = self.knobs.get(knob) == Some(to);
                ToldItem::Modify(knob.clone(), to.clone(), self.text(ask), is_turned.then(|| self.text(reveal)))
            }
            Item::Review(Review { ask, hint, choices, right, answer, proof }) => ToldItem::Review {
                ask: self.text(ask),
                hint: hint.as_ref().map(|hint| self.text(hint)),
                choices: self.choices(choices),
                right: *right,
                claim: self.claim(answer, proof, Class::Spec),
            },
        }
    }

    /// Labels and what they reveal.
    fn choices(&self, choices: &[Choice]) -> Vec<(String, ToldText)> {
        choices.iter().map(|choice| (choice.label.clone(), self.text(&choice.reveal))).collect()
    }

    fn predict(&self, predict: &Predict) -> ToldItem {
        let choices = self.choices(&predict.choices);
        let mut claim = self.claim(&predict.ask, &predict.proof, Class::Spec);
        if let Some((label, reveal)) = choices.get(predict.answer) {
            claim.sentence = ToldText { markdown: format!("{label}: {}", reveal.markdown), ..reveal.clone() };
        }
        ToldItem::Predict { ask: self.text(&predict.ask), choices, answer: predict.answer, claim }
    }

    fn claim(&self, sentence: &Text, proof: &Proof, class: Class) -> ToldClaim {
        let outcome = proof.expr.evaluate(self.trace);
        let verdict = match (outcome.holds(), class) {
            // Of nothing, anything could be said.
            (true, _) if !self.trace.is_empty() => Verdict::Holds,
            (_, Class::LinuxLo) if !self.exact => Verdict::EnvironmentDiffers,
            (_, _) => Verdict::Fails,
        };
        let failing = if verdict == Verdict::Holds { None } else { proof.expr.failing(self.trace) };
        let sentence = self.text(sentence);
        let mut evidence = outcome.evidence;
        evidence.frames.extend(&sentence.frames);
        evidence.frames.sort_unstable();
        evidence.frames.dedup();
        let (proof, line) = (proof.expr.text().to_owned(), proof.line);
        ToldClaim { sentence, proof, line, class, verdict, failing, evidence }
    }

    fn text(&self, text: &Text) -> ToldText {
        let mut told = ToldText::default();
        for piece in &text.pieces {
            match piece {
                Piece::Plain(plain) => told.markdown.push_str(plain),
                Piece::Value(value) => {
                    let outcome = value.expr.evaluate(self.trace);
                    if outcome.value == ExprValue::None {
                        told.missing.push(Missing::answer(value));
                    }
                    told.frames.extend(outcome.evidence.frames);
                    told.markdown.extend(char::from_u32(ToldText::FIRST_MARK + told.values.len() as u32));
                    told.values.push(safe(&outcome.value.to_string()));
                }
            }
        }
        told
    }

    fn view(&self, view: &View) -> ToldItem {
        match view {
            View::Ladder(filter) => {
                let wanted = |frame: u32| self.wants(filter.as_ref(), frame);
                ToldItem::Ladder(Story::tell(self.trace, self.cast, &wanted))
            }
            View::Peel(expr) => ToldItem::Peel(self.frame(expr)),
            View::Text(expr) => match self.frame(expr) {
                Ok(frame) => match self.message_lines(frame) {
                    lines if lines.is_empty() => ToldItem::Text(Err(Missing::answer(expr)), lines),
                    lines => ToldItem::Text(Ok(frame), lines),
                },
                Err(missing) => ToldItem::Text(Err(missing), Vec::new()),
            },
            View::Table(fields, filter) => self.table(fields, filter.as_ref()),
            View::Heard(field, filter) => {
                let (head, rows) = heard(self.trace, self.cast, field, &|frame| self.wants(filter.as_ref(), frame));
                ToldItem::Table(head, rows)
            }
        }
    }

    fn wants(&self, filter: Option<&Filter>, frame: u32) -> bool {
        filter.is_none_or(|filter| filter.matches(self.trace, frame))
    }

    fn frame(&self, which: &Proof) -> Result<u32, Missing> {
        let value = which.expr.evaluate(self.trace).value;
        let number = match value {
            ExprValue::Frame(frame) => Some(frame),
            ExprValue::Integer(n) => u32::try_from(n).ok(),
            _ => None,
        };
        let is_there = |frame: &u32| self.trace.record(*frame).is_some();
        number.filter(is_there).ok_or_else(|| match value {
            ExprValue::Integer(n) => Missing::frame(which, n, self.trace.len()),
            _ => Missing::answer(which),
        })
    }

    fn message_lines(&self, frame: u32) -> Vec<String> {
        let message = self.trace.messages_in(frame).iter().find(|message| message.owns_bytes());
        let bytes = message.map(|message| self.trace.bytes(message)).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_end().lines().take(60).map(safe).collect(),
            Err(_) => bytes.chunks(16).take(16).map(|row| colon_hex(row).replace(':', " ")).collect(),
        }
    }

    fn table(&self, fields: &[&'static FieldDef], filter: Option<&Filter>) -> ToldItem {
        let names = fields.iter().map(|field| field.name.to_owned()).collect();
        let rows = (1..=self.trace.len()).filter(|frame| self.wants(filter, *frame)).take(200);
        let rows = rows.map(|frame| {
            let layers = self.trace.layers(frame);
            let cell = |def: &&FieldDef| {
                let found = layers.iter().flat_map(|layer| &layer.fields).filter(|field| field.def.name == def.name);
                found.map(|field| cell_text(&field.value)).collect::<Vec<_>>().join(", ")
            };
            fields.iter().map(cell).collect()
        });
        ToldItem::Table(names, rows.collect())
    }
}

pub(super) fn cell_text(value: &Value) -> String {
    safe(&ExprValue::from(value).to_string())
}

/// What a peer sent may hold control characters; on a terminal they would act.
pub(super) fn safe(text: &str) -> String {
    tamed(text)
}
