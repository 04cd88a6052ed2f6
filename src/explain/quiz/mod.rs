//! Questions about a capture, each with the bytes that prove its answer. What is asked comes from the capture alone, so a
//! learner can be asked about traffic of their own.
//!
//! Every question has a display filter that Wireshark understands, too: it finds the frame, and nothing else, if the answer
//! is right.

mod ask;

use serde::Serialize;

use super::random::Random;
use crate::layer::Span;
use crate::trace::Trace;

/// Questions about one capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quiz {
    /// What they were chosen by: the same seed asks the same questions of the same capture.
    pub seed: u64,
    /// The questions, in the order in which they are asked.
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// What it is about: `sequence numbers`.
    pub topic: &'static str,
    /// The frame it is about.
    pub frame: u32,
    /// The question.
    pub ask: String,
    /// What can be answered; all differ.
    pub choices: Vec<String>,
    /// Which of them is right, from 0.
    pub answer: usize,
    /// What may help.
    pub hint: &'static str,
    /// Why it is right, in a sentence.
    pub because: String,
    /// The fields that prove it.
    pub evidence: Vec<Evidence>,
    /// A filter that finds this frame alone, by the answer.
    pub filter: String,
}

/// A field that proves an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Its name, which is Wireshark's.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// The octets that it is read from, of those of one frame; none if it is computed.
    pub octets: Vec<u8>,
    /// That frame, and the place of the first of them in it, from 0.
    pub at: Option<(u32, u32)>,
}

/// A question that could be asked: the right answer comes first.
struct Candidate {
    frame: u32,
    ask: String,
    right: String,
    wrong: Vec<String>,
    because: String,
    fields: &'static [&'static str],
    filter: String,
}

/// More choices than this are not shown.
const CHOICES: usize = 4;

impl Quiz {
    /// So many questions about a capture, or as many as there can be: each topic in turn, about frames chosen by the seed.
    pub fn of(trace: &Trace, seed: u64, count: usize) -> Self {
        let mut random = Random::new(seed);
        let mut pools: Vec<_> = ask::TOPICS.iter().map(|topic| (topic, (topic.candidates)(trace))).collect();
        random.shuffle(&mut pools);
        let mut questions: Vec<Question> = Vec::new();
        while questions.len() < count && pools.iter().any(|(_, pool)| !pool.is_empty()) {
            for (topic, pool) in pools.iter_mut().filter(|(_, pool)| !pool.is_empty()) {
                if questions.len() == count {
                    break;
                }
                let candidate = pool.swap_remove(random.below(pool.len()));
                questions.extend(question(trace, topic, candidate, &mut random));
            }
        }
        Self { seed, questions }
    }
}

/// `None` if nothing wrong is left that could be chosen instead.
fn question(trace: &Trace, topic: &ask::Topic, candidate: Candidate, random: &mut Random) -> Option<Question> {
    let Candidate { frame, ask, right, wrong, because, fields, filter } = candidate;
    let mut choices = vec![right.clone()];
    for one in wrong {
        if choices.len() < CHOICES && !choices.contains(&one) {
            choices.push(one);
        }
    }
    if choices.len() < 2 {
        return None;
    }
    random.shuffle(&mut choices);
    let answer = choices.iter().position(|choice| *choice == right)?;
    let evidence = fields.iter().filter_map(|field| evidence(trace, frame, field)).collect();
    Some(Question { topic: topic.name, frame, ask, choices, answer, hint: topic.hint, because, evidence, filter })
}

/// The first field of this name in a frame, with its octets there.
fn evidence(trace: &Trace, frame: u32, name: &'static str) -> Option<Evidence> {
    let layers = trace.layers(frame);
    let field = layers.iter().flat_map(|layer| &layer.fields).find(|field| field.def.name == name)?;
    let place = |span: &Span| {
        let parts = trace.in_frames(span);
        // A message may have begun in an earlier frame.
        let (number, part) = parts.iter().find(|(number, _)| *number == frame).or(parts.first())?;
        let data = &trace.record(*number)?.frame.data;
        Some(((*number, part.start), data.get(part.start as usize..part.end as usize)?.to_vec()))
    };
    let placed = field.span.as_ref().and_then(place);
    let (at, octets) = placed.map_or((None, Vec::new()), |(at, octets)| (Some(at), octets));
    Some(Evidence { field: field.def.name, value: field.value.to_string(), octets, at })
}

#[cfg(test)]
mod tests;
