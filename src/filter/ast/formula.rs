//! The tree of an expression.

use std::fmt;

use super::{Literal, Relation, Spanned, Test, list};

/// A question to the whole capture. Long chains are lists, not deep trees, so that depth is bounded by what the
/// parser counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// A number, duration, byte string, address, text, `true` or `false`.
    Literal(Literal),
    /// `!a`
    Not(Box<Spanned<Formula>>),
    /// `-a`
    Negate(Box<Spanned<Formula>>),
    /// `a && b && c`
    All(Vec<Spanned<Formula>>),
    /// `a || b || c`
    Any(Vec<Spanned<Formula>>),
    /// `a + b - c`, or `a * b / c`: operators of one rank, from left to right.
    Arithmetic { first: Box<Spanned<Formula>>, rest: Vec<(Operator, Spanned<Formula>)> },
    /// `a < b <= c`: each pair must hold.
    Chain { first: Box<Spanned<Formula>>, rest: Vec<(Relation, Spanned<Formula>)> },
    /// `a in 1..5`, `a not in {1, 3..5}`
    Within { value: Box<Spanned<Formula>>, negated: bool, set: Vec<Element> },
    /// `count(FILTER)`, `first(FILTER)`, `last(FILTER)`, `nth(FILTER, K)`
    Search { how: Search, filter: Spanned<Test>, rank: Option<Box<Spanned<Formula>>> },
    /// `sum(FIELD where FILTER)` and its like.
    Pick { how: Pick, field: Spanned<String>, source: Source },
    /// `len(x)` and its like.
    Call { how: Call, arguments: Vec<Spanned<Formula>> },
}

/// One value of a set, or a range with both ends.
pub type Element = (Spanned<Formula>, Option<Spanned<Formula>>);

/// The frames that [`Formula::Pick`] looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Everywhere,
    Where(Box<Spanned<Test>>),
    At(Box<Spanned<Formula>>),
}

/// Arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Declares the functions of one sort, with the name each is called by.
macro_rules! functions {
    ($(#[$doc:meta])* $sort:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $sort { $($variant),* }

        impl $sort {
            /// The names in the order of declaration.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The function that is called by this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// What it is called by.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }
        }
    };
}

functions! {
    /// Functions of the frames that match a filter.
    Search { Count = "count", First = "first", Last = "last", Nth = "nth" }
}

functions! {
    /// Functions of a field's values.
    Pick {
        Sum = "sum", Min = "min", Max = "max", Value = "value", Values = "values", Distinct = "distinct",
    }
}

functions! {
    /// Functions of values.
    Call { Time = "time", Len = "len", Hex = "hex", Text = "text", Xor = "xor" }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Not(inner) => write!(f, "!({inner})"),
            Self::Negate(inner) => write!(f, "-({inner})"),
            Self::All(parts) => enclosed(f, parts, " && "),
            Self::Any(parts) => enclosed(f, parts, " || "),
            Self::Arithmetic { first, rest } => chain(f, first, rest),
            Self::Chain { first, rest } => chain(f, first, rest),
            Self::Within { value, negated, set } => within(f, value, *negated, set),
            Self::Search { how, filter, rank } => {
                write!(f, "{}({filter}", how.name())?;
                rank.as_ref().map_or(Ok(()), |rank| write!(f, ", {rank}"))?;
                f.write_str(")")
            }
            Self::Pick { how, field, source } => {
                write!(f, "{}({field}", how.name())?;
                match source {
                    Source::Everywhere => f.write_str(")"),
                    Source::Where(filter) => write!(f, " where {filter})"),
                    Source::At(frame) => write!(f, " at {frame})"),
                }
            }
            Self::Call { how, arguments } => {
                write!(f, "{}(", how.name())?;
                list(f, arguments, ", ")?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        })
    }
}

fn enclosed(f: &mut fmt::Formatter<'_>, parts: &[Spanned<Formula>], between: &str) -> fmt::Result {
    f.write_str("(")?;
    list(f, parts, between)?;
    f.write_str(")")
}

fn chain<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    first: &Spanned<Formula>,
    rest: &[(T, Spanned<Formula>)],
) -> fmt::Result {
    write!(f, "({first}")?;
    for (between, part) in rest {
        write!(f, " {between} {part}")?;
    }
    f.write_str(")")
}

fn within(f: &mut fmt::Formatter<'_>, value: &Spanned<Formula>, negated: bool, set: &[Element]) -> fmt::Result {
    write!(f, "({value} {}in {{", if negated { "not " } else { "" })?;
    for (i, (low, high)) in set.iter().enumerate() {
        f.write_str(if i > 0 { ", " } else { "" })?;
        write!(f, "{low}")?;
        high.as_ref().map_or(Ok(()), |high| write!(f, "..{high}"))?;
    }
    f.write_str("})")
}
