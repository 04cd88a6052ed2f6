//! Knobs: `$name` in a script stands for a value that the learner can change.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Script;
use crate::mistake::Mistake;

/// A script with the values of its knobs put in, which still knows where each byte came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptText {
    /// What is to be played.
    pub text: String,
    /// Where stretches of it begin: in the text, and in the lesson's file.
    origins: Vec<(usize, usize)>,
}

/// What stands behind a number of times, and behind one.
const MANY: &str = " times ";
const ONE: &str = " time ";

impl Script {
    /// Puts the values of knobs in.
    pub fn with_knobs(&self, knobs: &BTreeMap<String, String>) -> Result<ScriptText, Mistake> {
        let mut out = ScriptText { text: String::new(), origins: vec![(0, self.offset)] };
        let mut at = 0;
        while let Some(dollar) = self.text[at..].find('$').map(|i| at + i) {
            let name_len =
                self.text[dollar + 1..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            let mut end = dollar + 1 + name_len;
            if name_len == 0 {
                out.text.push_str(&self.text[at..end]);
                at = end;
                continue;
            }
            let name = &self.text[dollar + 1..end];
            let Some(value) = knobs.get(name) else {
                let error = Mistake::new(self.offset + dollar..self.offset + end, format!("there is no knob `{name}`"));
                return Err(error.help("declare it at the top of the lesson, under [knobs]"));
            };
            out.text.push_str(&self.text[at..dollar]);
            out.origins.push((out.text.len(), self.offset + dollar));
            out.text.push_str(value);
            // One time is no times.
            if value == "1" && self.text[end..].starts_with(MANY) {
                out.text.push_str(ONE);
                end += MANY.len();
            }
            out.origins.push((out.text.len(), self.offset + end));
            at = end;
        }
        out.text.push_str(&self.text[at..]);
        Ok(out)
    }
}

impl ScriptText {
    /// Where a range of the text stands in the lesson's file.
    pub fn in_file(&self, range: Range<usize>) -> Range<usize> {
        let place = |at: usize| {
            let i = self.origins.partition_point(|(text, _)| *text <= at).saturating_sub(1);
            let (text, file) = self.origins[i];
            let limit = self.origins.get(i + 1).map_or(usize::MAX, |(_, next)| *next);
            (file + (at - text)).min(limit)
        };
        let start = place(range.start);
        start..place(range.end).max(start)
    }
}
