//! Lessons: Markdown with fenced blocks that live. `lessons/README.md` describes the format for those who write one.
//!
//! [`Lesson::parse`] reads a file and checks every name and expression in it; [`Lesson::tell`] holds it against a
//! capture. A lesson is untrusted: it reads no file, runs no command, and every part of it is bounded.

mod block;
mod heard;
mod knob;
mod missing;
mod parse;
mod text;
mod told;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::filter::{Expr, Filter};
use crate::layer::FieldDef;

pub use knob::ScriptText;
pub use missing::Missing;
pub use text::Text;
pub use told::{Told, ToldClaim, ToldItem, ToldText, Verdict};

/// A lesson, read and checked.
#[derive(Debug, Clone)]
pub struct Lesson {
    /// Its title.
    pub title: String,
    /// The question it answers, in a student's words.
    pub question: String,
    /// The lessons that should come before it, by name.
    pub requires: Vec<String>,
    /// The terms it explains, each with its place in the file.
    pub terms: Vec<(String, Range<usize>)>,
    /// Whether what is encrypted stays so, though the lab has the secrets: as everyone sees it who has them not.
    pub sealed: bool,
    /// What can be changed in the script, with the values it has when nobody changes them.
    pub knobs: BTreeMap<String, String>,
    /// Its parts in order.
    pub items: Vec<Item>,
}

/// A part of a lesson.
#[derive(Debug, Clone)]
pub enum Item {
    /// Markdown.
    Prose(Text),
    /// A question before the run.
    Predict(Predict),
    /// The play.
    Script(Script),
    /// A view of the result.
    Show(View),
    /// A sentence and what proves it.
    Claim(Claim),
    /// What some notes say, and what the packets say.
    Misconception(Misconception),
    /// One knob to turn.
    Modify(Modify),
    /// The question to answer afterwards.
    Review(Review),
}

/// An expression that must be true, with its place in the file.
#[derive(Debug, Clone)]
pub struct Proof {
    /// What must be true.
    pub expr: Expr,
    /// On which line of the file it stands, from 1.
    pub line: usize,
}

/// A question asked before the run.
#[derive(Debug, Clone)]
pub struct Predict {
    /// The question.
    pub ask: Text,
    /// What helps with it, for those who ask.
    pub hint: Option<Text>,
    /// What can be answered.
    pub choices: Vec<Choice>,
    /// Which of them is right.
    pub answer: usize,
    /// What proves it.
    pub proof: Proof,
}

/// One answer to choose.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What is typed.
    pub label: String,
    /// What choosing it reveals.
    pub reveal: Text,
}

/// The play, as it stands in the file.
#[derive(Debug, Clone)]
pub struct Script {
    /// Its lines.
    pub text: String,
    /// Where they begin in the file.
    pub offset: usize,
}

/// A view of the result.
#[derive(Debug, Clone)]
pub enum View {
    /// Who said what to whom.
    Ladder(Option<Filter>),
    /// One frame, layer by layer.
    Peel(Proof),
    /// The text of the message that ends in a frame, as it stood.
    Text(Proof),
    /// Fields of frames, a line each.
    Table(Vec<&'static FieldDef>, Option<Filter>),
    /// How often each value of a field went to whom.
    Heard(&'static FieldDef, Option<Filter>),
}

/// Where a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Anywhere: the specification says so.
    Spec,
    /// On Linux loopback; elsewhere counts may differ.
    LinuxLo,
    /// A bound on time.
    Timing,
}

/// A sentence and the expression that proves it.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The sentence.
    pub sentence: Text,
    /// What proves it.
    pub proof: Proof,
    /// Where it holds.
    pub class: Class,
}

/// What some notes say, and what the packets say.
#[derive(Debug, Clone)]
pub struct Misconception {
    /// What some notes say.
    pub says: Text,
    /// What the packets say.
    pub but: Text,
    /// What proves it.
    pub proof: Proof,
}

/// One knob to turn and predict again.
#[derive(Debug, Clone)]
pub struct Modify {
    /// Which knob.
    pub knob: String,
    /// Where its name stands in the file.
    pub range: Range<usize>,
    /// What to set it to.
    pub to: String,
    /// What to predict.
    pub ask: Text,
    /// What will be seen.
    pub reveal: Text,
}

/// The question to answer afterwards.
#[derive(Debug, Clone)]
pub struct Review {
    /// The question.
    pub ask: Text,
    /// What helps with it, for those who ask.
    pub hint: Option<Text>,
    /// What can be answered; none if it is answered in words, which nobody judges.
    pub choices: Vec<Choice>,
    /// Which of them is right.
    pub right: usize,
    /// Its key, computed from the learner's own capture.
    pub answer: Text,
    /// What proves the key.
    pub proof: Proof,
}

impl Lesson {
    /// The script, if the lesson has one.
    pub fn script(&self) -> Option<&Script> {
        self.items.iter().find_map(|item| match item {
            Item::Script(script) => Some(script),
            _ => None,
        })
    }

    /// Every expression that must be true of a run: those of claims, predictions, misconceptions and reviews.
    pub fn proofs(&self) -> impl Iterator<Item = &Expr> {
        self.items.iter().filter_map(|item| match item {
            Item::Predict(predict) => Some(&predict.proof.expr),
            Item::Claim(claim) => Some(&claim.proof.expr),
            Item::Misconception(misconception) => Some(&misconception.proof.expr),
            Item::Review(review) => Some(&review.proof.expr),
            Item::Prose(_) | Item::Script(_) | Item::Show(_) | Item::Modify(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
