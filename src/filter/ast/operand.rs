//! What a frame is asked for: a field or protocol, a function of it, slices of either, and what is calculated with them.

use std::fmt;

use super::{Literal, Spanned, list};

/// `tcp.port`, `{tcp.seq + tcp.len} * 2`, `tcp[12:2][1] & 0x12`, `max(tcp.srcport, tcp.dstport)`.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// What is there to calculate with.
    Made(Made),
    /// A value, or the bare name of a field behind another.
    Literal(Literal),
    /// `-a`
    Negative(Box<Spanned<Operand>>),
    /// `max(a, b)` and its like.
    Choice { how: Spanned<Choice>, arguments: Vec<Spanned<Operand>> },
    /// `a + b - c`: operators of one rank, from left to right.
    Steps { first: Box<Spanned<Operand>>, rest: Vec<(Step, Spanned<Operand>)> },
}

/// `tcp.port`, `len(http.host)`, `http.host[0:4]`, `lower(http.host)[:4]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The field or protocol.
    pub name: Spanned<String>,
    /// What is made of it.
    pub function: Option<Spanned<Function>>,
    /// Which octets of that are looked at, which of those, and so on.
    pub slices: Vec<Spanned<Vec<Stretch>>>,
}

/// A function of the values that a field has in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// How many octets.
    Len,
    /// How many values.
    Count,
    /// Without capital letters, of those in ASCII.
    Lower,
    /// The contrary.
    Upper,
    /// A number or an address as it is written.
    Text,
}

/// A function of values that may be calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The least of all.
    Min,
    /// The greatest.
    Max,
    /// Each without its sign.
    Abs,
}

/// Arithmetic, and bits that are set in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    And,
}

/// Octets in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first; below zero it is counted from the end.
    pub start: i32,
    /// Where they end.
    pub end: End,
}

/// Where a stretch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After so many octets.
    Length(i32),
    /// With this octet, which belongs to it; below zero it is counted from the end.
    Last(i32),
    /// Where all ends.
    Open,
}

impl Operand {
    /// The field or protocol of this name, as it is.
    pub fn named(name: Spanned<String>) -> Self {
        Self::Made(Made { name, function: None, slices: Vec::new() })
    }

    /// The name, if nothing is made of it.
    pub fn bare(&self) -> Option<&Spanned<String>> {
        match self {
            Self::Made(made) => Some(&made.name).filter(|_| made.function.is_none() && made.slices.is_empty()),
            _ => None,
        }
    }
}

impl Function {
    /// All of them, with the names they are called by.
    const ALL: [(&'static str, Self); 5] = [
        ("len", Self::Len),
        ("count", Self::Count),
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("string", Self::Text),
    ];

    /// The function that is called by this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, function)| function)
    }

    /// What it is called by.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, function)| *function == self).map_or("", |(name, _)| name)
    }
}

impl Choice {
    const ALL: [(&'static str, Self); 3] = [("min", Self::Min), ("max", Self::Max), ("abs", Self::Abs)];

    /// The function that is called by this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, choice)| choice)
    }

    /// What it is called by.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, choice)| *choice == self).map_or("", |(name, _)| name)
    }
}

/// The names of all functions of one frame.
pub fn function_names() -> String {
    let names = Function::ALL.map(|(name, _)| name).into_iter().chain(Choice::ALL.map(|(name, _)| name));
    names.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(made) => made.fmt(f),
            Self::Literal(literal) => literal.fmt(f),
            Self::Negative(inner) => {
                f.write_str("-")?;
                part(f, &inner.node)
            }
            Self::Choice { how, arguments } => {
                write!(f, "{}(", how.node.name())?;
                list(f, arguments, ", ")?;
                f.write_str(")")
            }
            Self::Steps { first, rest } => {
                part(f, &first.node)?;
                rest.iter().try_for_each(|(step, other)| {
                    write!(f, " {step} ")?;
                    part(f, &other.node)
                })
            }
        }
    }
}

/// Writes what stands in a calculation: another one in braces.
fn part(f: &mut fmt::Formatter<'_>, operand: &Operand) -> fmt::Result {
    match operand {
        Operand::Steps { .. } | Operand::Negative(_) => write!(f, "{{{operand}}}"),
        _ => write!(f, "{operand}"),
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => write!(f, "{}({})", function.node.name(), self.name)?,
            None => write!(f, "{}", self.name)?,
        }
        self.slices.iter().try_for_each(|slice| {
            f.write_str("[")?;
            list(f, &slice.node, ", ")?;
            f.write_str("]")
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::And => "&",
        })
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end {
            End::Length(length) => write!(f, "{}:{length}", self.start),
            End::Last(last) => write!(f, "{}-{last}", self.start),
            End::Open => write!(f, "{}:", self.start),
        }
    }
}
