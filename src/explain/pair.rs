//! Two captures side by side: what each took, and where their stories part.

use super::cost::Cost;
use super::{Cast, Story};
use crate::layer::Direction;
use crate::trace::Trace;

/// Two captures, compared.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Pair {
    /// What each took, with its name.
    pub sides: [(String, Cost); 2],
    /// How many lines of their stories are alike, from the beginning.
    pub alike: usize,
    /// The first line in which they differ; `None` if there is none.
    pub parting: Option<Parting>,
}

/// Where two stories part: the line of each, or that it has ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Parting {
    /// The frame, which way it goes, and what it says.
    pub lines: [Option<(u32, &'static str, String)>; 2],
}

impl Pair {
    /// Compares two captures, each with its name.
    pub fn of(left: (&str, &Trace), right: (&str, &Trace)) -> Self {
        let sides = [left, right].map(|(name, trace)| (name.to_owned(), Cost::of(trace, Direction::ToClient, 0)));
        let [one, other] = [left.1, right.1].map(told);
        let alike = one.iter().zip(&other).take_while(|(one, other)| is_alike(one, other)).count();
        let parting = (alike < one.len() || alike < other.len())
            .then(|| Parting { lines: [one.get(alike).cloned(), other.get(alike).cloned()] });
        Self { sides, alike, parting }
    }
}

type Said = (u32, &'static str, String);

/// The lines of a story, in the order of their frames.
fn told(trace: &Trace) -> Vec<Said> {
    let story = Story::tell(trace, &Cast::default(), &|_| true);
    let lines = story.chapters.into_iter().flat_map(|chapter| chapter.lines);
    let mut said: Vec<Said> = lines
        .map(|line| {
            let way = if line.direction == Direction::ToServer { "to the server" } else { "to the client" };
            (line.frame, way, line.text)
        })
        .collect();
    said.sort_by_key(|(frame, ..)| *frame);
    said
}

fn is_alike(one: &Said, other: &Said) -> bool {
    one.1 == other.1 && timeless(&one.2) == timeless(&other.2)
}

/// What a line says without what chance has chosen: masking keys, ids of sessions, names of cached answers.
fn timeless(text: &str) -> String {
    let text = text.split("  masked ").next().unwrap_or(text);
    let mut kept = String::new();
    for (i, part) in text.split(['&', '?', ' ']).enumerate() {
        let is_chance = ["sid=", "t="].iter().any(|name| part.starts_with(name)) || part.contains("\"sid\":");
        kept.push_str(if i > 0 { " " } else { "" });
        kept.push_str(if is_chance { "…" } else { part });
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::timeless;

    #[test]
    fn chance_is_left_out() {
        assert_eq!(timeless("text \"hi\"  masked 01 02 03 04"), timeless("text \"hi\"  masked 05 06 07 08"));
        assert_eq!(timeless("GET /s/?EIO=4&sid=abc&t=x1"), timeless("GET /s/?EIO=4&sid=def&t=y2"));
        assert_ne!(timeless("text \"hi\""), timeless("text \"ho\""));
        assert_ne!(timeless("GET /a"), timeless("GET /b"));
    }
}
