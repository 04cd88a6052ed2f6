//! The display filters inside an expression, so that each can be tried in Wireshark.

use super::ast::{Pick, Search};
use crate::layer::FieldDef;

/// A display filter inside an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterUse {
    /// The filter as written, which can be given to Wireshark if `only_wireshark`.
    pub text: String,
    /// What is made of the frames that match.
    pub aggregate: Aggregate,
    /// The field whose values are taken from those frames; none for those that speak of frames.
    pub field: Option<&'static FieldDef>,
    /// Whether Wireshark knows all names of the filter.
    pub only_wireshark: bool,
}

/// What an expression makes of the frames that match a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their number.
    Count,
    /// The first of them.
    First,
    /// The last of them.
    Last,
    /// One of them, by rank.
    Nth,
    /// The sum of a field's values.
    Sum,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The first value.
    Value,
    /// The different values.
    Values,
    /// How many different values.
    Distinct,
}

impl From<Search> for Aggregate {
    fn from(search: Search) -> Self {
        match search {
            Search::Count => Self::Count,
            Search::First => Self::First,
            Search::Last => Self::Last,
            Search::Nth => Self::Nth,
        }
    }
}

impl From<Pick> for Aggregate {
    fn from(pick: Pick) -> Self {
        match pick {
            Pick::Sum => Self::Sum,
            Pick::Min => Self::Min,
            Pick::Max => Self::Max,
            Pick::Value => Self::Value,
            Pick::Values => Self::Values,
            Pick::Distinct => Self::Distinct,
        }
    }
}
