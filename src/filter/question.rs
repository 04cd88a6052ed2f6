//! A display filter, ready to be asked.

use super::check::{Scope, Used, test};
use super::eval;
use super::plan::Plan;
use super::records::{Names, Protocol, Records};
use super::syntax;
use crate::layer::FieldDef;
use crate::mistake::Mistake;

/// A question that each frame answers with yes or no, in Wireshark's display-filter syntax.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    plan: Plan,
    used: Used,
}

impl Filter {
    /// Reads a filter and checks its names and types.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, Mistake> {
        let tree = syntax::filter(text)?;
        let mut scope = Scope::new(names);
        let plan = test::plan(&mut scope, &tree)?;
        Ok(Self { text: text.trim().to_owned(), plan, used: scope.used })
    }

    /// Whether the frame matches.
    pub fn matches(&self, records: &dyn Records, frame: u32) -> bool {
        eval::matches(&self.plan, records, frame)
    }

    /// The frames that match, in order.
    pub fn frames<'a>(&'a self, records: &'a dyn Records) -> impl Iterator<Item = u32> + 'a {
        (1..=records.frames()).filter(|frame| self.matches(records, *frame))
    }

    /// What was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The fields asked for, each once.
    pub fn fields(&self) -> impl Iterator<Item = &'static FieldDef> + '_ {
        self.used.fields.iter().copied()
    }

    /// The protocols asked for, each once.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> + '_ {
        self.used.protocols.iter().copied()
    }

    /// Whether the filter can be pasted into Wireshark: it knows all the names.
    pub fn only_wireshark(&self) -> bool {
        self.used.only_wireshark()
    }
}

#[cfg(test)]
#[path = "question_tests.rs"]
mod tests;
