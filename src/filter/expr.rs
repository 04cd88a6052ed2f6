//! An expression over the whole capture: lessons' claims, and the numbers in their prose.

use super::check::{Scope, Used, formula};
use super::eval::evidence::Evidence;
use super::eval::formula::{Node, evaluate, failing};
use super::question::Filter;
use super::records::{Names, Protocol, Records};
use super::syntax;
use super::uses::FilterUse;
use super::value::{ExprValue, Type};
use crate::layer::FieldDef;
use crate::mistake::Mistake;

/// A question to the whole capture, such as `count(http.request) == 2`.
#[derive(Debug, Clone)]
pub struct Expr {
    text: String,
    node: Node,
    sort: Type,
    used: Used,
    filters: Vec<FilterUse>,
}

/// What an expression yields, and what that rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The value.
    pub value: ExprValue,
    /// The frames that prove it.
    pub evidence: Evidence,
}

impl Expr {
    /// Reads an expression and checks its names and types.
    pub fn parse(text: &str, names: &dyn Names) -> Result<Self, Mistake> {
        Self::read(text, names).map_err(|error| bare_filter(text, names).unwrap_or(error))
    }

    /// Reads an expression that must be true or false, as a lesson's claims are.
    pub fn parse_claim(text: &str, names: &dyn Names) -> Result<Self, Mistake> {
        let expr = Self::parse(text, names)?;
        if expr.sort == Type::Bool && !expr.asks_nothing() {
            return Ok(expr);
        }
        if expr.sort == Type::Bool {
            let error = Mistake::new(trimmed(text), "this is so of every capture: it asks nothing of the packets");
            return Err(error.help("a proof asks the capture: count(FILTER) > 0, first(FILTER) < first(FILTER)"));
        }
        let message = format!("a claim is true or false; this is {}", expr.sort);
        let help = format!("compare it with something: {} == …", expr.text);
        Err(Mistake::new(trimmed(text), message).help(help))
    }

    /// Asks the capture.
    pub fn evaluate(&self, records: &dyn Records) -> Outcome {
        let (value, evidence) = evaluate(&self.node, records);
        Outcome { value, evidence }
    }

    /// The comparison for which it does not hold, with the values that it has in this capture: `0 == 1`. `None` if it holds, or
    /// says no by something else than a comparison.
    pub fn failing(&self, records: &dyn Records) -> Option<String> {
        failing(&self.node, records)
    }

    /// What was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What sort of value comes out, unless it is none.
    pub fn sort(&self) -> Type {
        self.sort
    }

    /// The fields asked for, each once.
    pub fn fields(&self) -> impl Iterator<Item = &'static FieldDef> + '_ {
        self.used.fields.iter().copied()
    }

    /// The protocols asked for, each once.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> + '_ {
        self.used.protocols.iter().copied()
    }

    /// The display filters inside, in order, so that each can be tried in Wireshark.
    pub fn filters(&self) -> &[FilterUse] {
        &self.filters
    }

    /// Whether Wireshark knows all the names, those of the filters included.
    pub fn only_wireshark(&self) -> bool {
        self.used.only_wireshark()
    }

    /// Whether its value is the same whatever was captured.
    fn asks_nothing(&self) -> bool {
        let Used { fields, protocols } = &self.used;
        fields.is_empty() && protocols.is_empty() && self.filters.is_empty() && !self.text.contains("time(")
    }

    fn read(text: &str, names: &dyn Names) -> Result<Self, Mistake> {
        let tree = syntax::formula(text)?;
        let mut checker = formula::Checker::new(text, Scope::new(names));
        let (node, sort) = checker.node(&tree, None)?;
        let formula::Checker { scope, filters, .. } = checker;
        Ok(Self { text: text.trim().to_owned(), node, sort, used: scope.used, filters })
    }
}

impl Outcome {
    /// Whether a claim holds.
    pub fn holds(&self) -> bool {
        self.value == ExprValue::Bool(true)
    }
}

/// The error for a text that is no expression but a filter: it says yes or no of one frame, not of the capture.
fn bare_filter(text: &str, names: &dyn Names) -> Option<Mistake> {
    // Who counts means the capture: `count` of one frame's values is seldom asked for.
    let filter = Filter::parse(text, names).ok().filter(|_| !text.contains("count("))?;
    let error = Mistake::new(trimmed(text), "this is a filter: it speaks of one frame, not of the capture");
    Some(error.help(format!("say how often: count({}) > 0", filter.text())))
}

/// Where the text stands between the spaces around it.
fn trimmed(text: &str) -> std::ops::Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

#[cfg(test)]
#[path = "expr_tests.rs"]
mod tests;
