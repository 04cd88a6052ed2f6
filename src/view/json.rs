//! A lesson's judged sentences as JSON.

use serde::Serialize;

use crate::explain::lesson::{Class, Told, ToldClaim, Verdict};

#[derive(Serialize)]
struct LessonJson<'a> {
    v: u32,
    lesson: &'a str,
    title: &'a str,
    question: &'a str,
    place: &'a str,
    capture: &'a str,
    untrue: usize,
    sentences: Vec<SentenceJson>,
    missing: Vec<MissingJson<'a>>,
}

#[derive(Serialize)]
struct MissingJson<'a> {
    expression: &'a str,
    line: usize,
}

/// A sentence, what proves it, and on which frames that rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SentenceJson {
    /// The sentence, without marks.
    pub sentence: String,
    /// What proves it, as written.
    pub proof: String,
    /// The line of the lesson's file where the proof stands, from 1.
    pub line: usize,
    /// Where it holds.
    pub class: Class,
    /// Whether it holds here.
    pub verdict: Verdict,
    /// The frames it rests on; none if all were searched in vain.
    pub frames: Vec<u32>,
}

impl From<&ToldClaim> for SentenceJson {
    fn from(claim: &ToldClaim) -> Self {
        Self {
            sentence: claim.sentence.plain(),
            proof: claim.proof.clone(),
            line: claim.line,
            class: claim.class,
            verdict: claim.verdict,
            frames: claim.evidence.frames.clone(),
        }
    }
}

/// Everything that was judged, with its proofs and frames.
pub fn lesson_json(lesson: &str, place: &str, capture: &str, told: &Told) -> String {
    let json = LessonJson {
        v: 1,
        lesson,
        title: &told.title,
        question: &told.question,
        place,
        capture,
        untrue: told.untrue(),
        sentences: told.claims().map(SentenceJson::from).collect(),
        missing: told.missing().map(|m| MissingJson { expression: &m.expression, line: m.line }).collect(),
    };
    serde_json::to_string_pretty(&json).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}

/// A lesson held against one capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckRecord {
    /// The lesson's name.
    pub lesson: String,
    /// `live` or `saved`.
    pub run: &'static str,
    /// How it went; `null` if there was no such run.
    pub result: Option<CheckResult>,
}

/// How a lesson held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckResult {
    /// The frames of the capture.
    pub frames: u32,
    /// How many sentences were judged.
    pub sentences: usize,
    /// How many of them are true.
    pub held: usize,
    /// Each sentence with its proof.
    pub proofs: Vec<SentenceJson>,
    /// How long it took.
    pub milliseconds: u64,
    /// Line and text of what is untrue.
    pub untrue: Vec<(usize, String)>,
}

/// All that was checked, as JSON.
pub fn check_json(records: &[CheckRecord]) -> String {
    #[derive(Serialize)]
    struct CheckJson<'a> {
        v: u32,
        checked: &'a [CheckRecord],
    }
    let json = CheckJson { v: 1, checked: records };
    serde_json::to_string_pretty(&json).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}
