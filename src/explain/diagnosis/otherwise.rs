//! Octets that came again and were others: a sender says the same each time, so somebody in between has changed or added
//! them, or two machines speak under one address.

use std::collections::BTreeMap;

use super::{Case, Finding};
use crate::count::{counted, grouped};
use crate::explain::resent::{is_again, says_else};
use crate::layer::{Direction, Severity};

/// For each connection and direction one.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<(u32, usize), (Direction, Vec<u32>)> = BTreeMap::new();
    for (number, record) in case.trace.records() {
        let Some(segment) = record.segment.as_ref().filter(|segment| segment.len > 0) else { continue };
        // Where they were others while the first ones waited behind a hole, that is told when they come.
        let is_told = segment.notes.iter().any(|note| note.severity == Severity::Warn);
        if !is_told && is_again(record) && says_else(case.trace, record) {
            let way = (segment.connection, segment.direction.index());
            found.entry(way).or_insert((segment.direction, Vec::new())).1.push(number);
        }
    }
    let told = |((connection, _), (direction, frames)): ((u32, usize), (Direction, Vec<u32>))| {
        let (from, to) = case.trace.connections()[connection as usize].ends(direction);
        let text = format!(
            "{} of connection {} from {from}: octets that had come before came with another content. What came first is read \
             here; {to} may have read the other. A sender says the same each time it sends, so something in between has changed \
             or added them, or two machines speak under one address",
            counted(frames.len(), "segment"),
            grouped(connection.into()),
        );
        Finding::warn(text, "RFC 9293 §3.8.1", frames)
    };
    found.into_iter().map(told).collect()
}
