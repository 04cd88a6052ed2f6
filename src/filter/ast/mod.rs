//! What was written, with the bytes where it stands; nothing is known yet of names and types.

mod formula;
mod operand;
mod test;

use std::fmt;
use std::ops::Range;

pub use formula::{Call, Element, Formula, Operator, Pick, Search, Source};
pub use operand::{Choice, End, Function, Made, Operand, Step, Stretch, function_names};
pub use test::{Literal, Quantifier, Relation, Right, Test};

/// A part of the text, and where it stands. Two are equal if they say the same, wherever they stand.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    pub node: T,
    pub range: Range<usize>,
}

impl<T> Spanned<T> {
    pub fn new(node: T, range: Range<usize>) -> Self {
        Self { node, range }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

/// Writes the items with `between` between them.
fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
