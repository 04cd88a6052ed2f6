//! Packets of which ICMP says that they did not arrive.
//!
//! # References
//! - RFC 792 ("Destination Unreachable Message", "Time Exceeded Message"); RFC 4443 §3; RFC 1122 §3.2.2.1.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::{Case, Finding, together};
use crate::layer::Severity;
use crate::packet::{Packet, Transport, Version};

/// From where to where, and whether over UDP.
type Way = (SocketAddr, SocketAddr, bool);

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let is_icmp = |packet: &Packet| matches!(packet.transport, Some(Transport::Icmp(_)));
    if !case.trace.records().any(|(_, record)| is_icmp(record.whole().0)) {
        return Vec::new();
    }
    let mut sent: HashMap<Way, u32> = HashMap::new();
    let mut found = Vec::new();
    for (number, record) in case.trace.records() {
        let (packet, data) = record.whole();
        if let Some(way) = way(packet) {
            sent.insert(way, number);
        } else if let Some(finding) = told(packet, data, number, &sent) {
            found.push(finding);
        }
    }
    together(found.into_iter())
}

fn way(packet: &Packet) -> Option<Way> {
    let udp = packet.udp().map(|(_, from, to)| (from, to, true));
    udp.or_else(|| packet.tcp().map(|(_, from, to)| (from, to, false)))
}

fn told(packet: &Packet, data: &[u8], number: u32, sent: &HashMap<Way, u32>) -> Option<Finding> {
    let Some(Transport::Icmp(icmp)) = &packet.transport else { return None };
    let quoted = packet.quoted(data)?;
    let (from, to, is_udp) = way(&quoted)?;
    // Other errors tell of a better way, or of what is in a header.
    let severity = match (icmp.version, icmp.kind, icmp.code) {
        (Version::V4, 3, 4) | (Version::V6, 2, _) => Severity::Note,
        (Version::V4, 3, _) | (Version::V6, 1, _) => Severity::Warn,
        (Version::V4, 11, _) | (Version::V6, 3, _) => Severity::Note,
        _ => return None,
    };
    let says = packet.net.as_ref()?.source;
    let (what, spec) =
        (if is_udp { "UDP" } else { "TCP" }, if icmp.version == Version::V4 { "RFC 792" } else { "RFC 4443 §3" });
    let text =
        format!("{what} from {} to {to} did not arrive, as {says} says with ICMP: {}", from.ip(), icmp.says(data));
    let frames = sent.get(&(from, to, is_udp)).copied().into_iter().chain([number]).collect();
    Some(Finding { severity, ..Finding::warn(text, spec, frames) })
}
