//! Octets that came again and were others: a sender says the same each time, so somebody in between has changed or added
//! them, or two machines speak under one address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::{Case, Finding};
use crate::count::{counted, grouped};
use crate::explain::resent::{is_again, says_else};
use crate::layer::{Direction, Severity};

/// A server, the host of its clients, and which of the two says something else.
type Way = (SocketAddr, IpAddr, usize);

/// Segments that say something else, of connections that are alike.
#[derive(Default)]
struct Others {
    frames: Vec<u32>,
    connections: BTreeSet<u32>,
}

/// One for all connections between a server and a host, for each direction: what is in between of one is so of the others.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found: BTreeMap<Way, Others> = BTreeMap::new();
    for (number, record) in case.trace.records() {
        let Some(segment) = record.segment.as_ref().filter(|segment| segment.len > 0) else { continue };
        // Where they were others while the first ones waited behind a hole, that is told when they come.
        let is_told = segment.notes.iter().any(|note| note.severity == Severity::Warn);
        if !is_told && is_again(record) && says_else(case.trace, record) {
            let Some(connection) = case.trace.connections().get(segment.connection as usize) else { continue };
            let way = (connection.server, connection.client.ip(), segment.direction.index());
            let others = found.entry(way).or_default();
            others.frames.push(number);
            others.connections.insert(segment.connection);
        }
    }
    found.into_iter().map(|(way, others)| told(case, way, others)).collect()
}

fn told(case: &Case<'_>, (server, host, direction): Way, Others { frames, connections }: Others) -> Finding {
    let first = connections.first().copied().unwrap_or_default();
    let client = match (connections.len(), case.trace.connections().get(first as usize)) {
        (1, Some(only)) => only.client.to_string(),
        _ => host.to_string(),
    };
    let (from, to) = match direction == Direction::ToServer.index() {
        true => (client, server.to_string()),
        false => (server.to_string(), client),
    };
    let of = match connections.len() {
        1 => format!("connection {}", grouped(first.into())),
        many => format!("{} connections, first of connection {},", grouped(many as u64), grouped(first.into())),
    };
    let text = format!(
        "{} of {of} from {from}: octets that had come before came with another content. What came first is read here; {to} may have \
         read the other. A sender says the same each time it sends, so something in between has changed or added them, or two \
         machines speak under one address",
        counted(frames.len(), "segment"),
    );
    Finding::warn(text, "RFC 9293 §3.8.1", frames)
}
