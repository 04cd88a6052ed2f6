//! The tree of a display filter.

use std::fmt;

use super::{Operand, Spanned, list};

/// A question that one frame answers with yes or no. What is large is boxed: whoever reads a nested tree holds a few of these at
/// each level.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A field or protocol is there: `http`.
    Present(Box<Operand>),
    /// A field compared with a value or another field: `tcp.port == 80`.
    Compare { quantifier: Option<Quantifier>, left: Box<Spanned<Operand>>, relation: Relation, right: Right },
    /// A field among several values: `tcp.port in {80, 8000..8080}`.
    Member {
        quantifier: Option<Quantifier>,
        field: Spanned<String>,
        negated: bool,
        set: Vec<(Spanned<Literal>, Option<Spanned<Literal>>)>,
    },
    /// The contrary.
    Not(Box<Spanned<Test>>),
    /// Each of two or more.
    All(Vec<Spanned<Test>>),
    /// At least one of two or more.
    Any(Vec<Spanned<Test>>),
}

/// How many of a field's values must hold; overrides what the relation says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    Any,
    All,
}

/// What stands on the right of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Right {
    /// A value, or the bare name of a field.
    Literal(Spanned<Literal>),
    /// A function, a slice, or what is calculated.
    Operand(Box<Spanned<Operand>>),
}

/// A comparison, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equal,
    NotEqual,
    AllEqual,
    AnyNotEqual,
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
    Contains,
    Matches,
}

/// A value, as written: what it means depends on the field beside it (`81` is a number, a byte or nothing).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// Without quotes.
    Word(String),
    /// Quoted; the octets after the escapes were undone.
    Text(Vec<u8>),
    /// One octet in single quotes, which is a number, too.
    Character(u8),
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present(operand) => operand.fmt(f),
            Self::Compare { quantifier, left, relation, right } => {
                write!(f, "{}{left} {relation} {right}", prefix(*quantifier))
            }
            Self::Member { quantifier, field, negated, set } => {
                let not = if *negated { "not " } else { "" };
                write!(f, "{}{field} {not}in {{", prefix(*quantifier))?;
                for (i, (low, high)) in set.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    write!(f, "{low}")?;
                    high.as_ref().map_or(Ok(()), |high| write!(f, "..{high}"))?;
                }
                f.write_str("}")
            }
            Self::Not(test) => write!(f, "!({test})"),
            // Each part in parentheses: what is printed is read back as the same tree.
            Self::All(tests) => parts(f, tests, " && "),
            Self::Any(tests) => parts(f, tests, " || "),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::Operand(operand) => operand.fmt(f),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AllEqual => "===",
            Self::AnyNotEqual => "!==",
            Self::LessEqual => "<=",
            Self::Less => "<",
            Self::GreaterEqual => ">=",
            Self::Greater => ">",
            Self::Contains => "contains",
            Self::Matches => "matches",
        })
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Text(octets) => quoted(f, octets),
            Self::Character(octet @ (b'\'' | b'\\')) => write!(f, "'\\{}'", char::from(*octet)),
            Self::Character(octet @ b' '..=b'~') => write!(f, "'{}'", char::from(*octet)),
            Self::Character(octet) => write!(f, "'\\x{octet:02x}'"),
        }
    }
}

/// Writes octets as a quoted text that is read back as the same octets.
pub fn quoted(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    f.write_str("\"")?;
    for chunk in octets.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_ascii_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                c => write!(f, "{c}")?,
            }
        }
        for octet in chunk.invalid() {
            write!(f, "\\x{octet:02x}")?;
        }
    }
    f.write_str("\"")
}

fn prefix(quantifier: Option<Quantifier>) -> &'static str {
    match quantifier {
        None => "",
        Some(Quantifier::Any) => "any ",
        Some(Quantifier::All) => "all ",
    }
}

fn parts(f: &mut fmt::Formatter<'_>, tests: &[Spanned<Test>], between: &str) -> fmt::Result {
    f.write_str("(")?;
    list(f, tests, between)?;
    f.write_str(")")
}
