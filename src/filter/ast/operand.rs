//! What a frame is asked for: a field or protocol, a function of it, slices of either, and bits of those.

use std::fmt;

use super::{Right, Spanned, list};

/// `tcp.port`, `len(http.host)`, `http.host[0:4]`, `lower(http.host)[:4]`, `tcp[12:2][1] & 0x12`.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    /// The field or protocol.
    pub name: Spanned<String>,
    /// What is made of it.
    pub function: Option<Spanned<Function>>,
    /// Which octets of that are looked at, which of those, and so on.
    pub slices: Vec<Spanned<Vec<Stretch>>>,
    /// Which bits of that: those that are set in each of these, too.
    pub masks: Vec<Right>,
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
    /// The name, if nothing is made of it.
    pub fn bare(&self) -> Option<&Spanned<String>> {
        let is_bare = self.function.is_none() && self.slices.is_empty() && self.masks.is_empty();
        is_bare.then_some(&self.name)
    }
}

impl Function {
    /// All of them, with the names they are called by.
    pub const ALL: [(&'static str, Self); 4] =
        [("len", Self::Len), ("count", Self::Count), ("lower", Self::Lower), ("upper", Self::Upper)];

    /// The function that is called by this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, function)| function)
    }

    /// What it is called by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Len => "len",
            Self::Count => "count",
            Self::Lower => "lower",
            Self::Upper => "upper",
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => write!(f, "{}({})", function.node.name(), self.name)?,
            None => write!(f, "{}", self.name)?,
        }
        for slice in &self.slices {
            f.write_str("[")?;
            list(f, &slice.node, ", ")?;
            f.write_str("]")?;
        }
        self.masks.iter().try_for_each(|mask| write!(f, " & {mask}"))
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
