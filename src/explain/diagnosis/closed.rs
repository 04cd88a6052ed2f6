//! Who stopped reading, and with which words WebSockets were closed.
//!
//! # References
//! - RFC 9293 §3.8.6.1 (zero window); RFC 6455 §7.4.1 and the registry of close codes at IANA.

use std::collections::{BTreeMap, BTreeSet};

use super::session::Opened;
use super::{Case, Finding, Lying, MOST, in_words, lying, sender, together};
use crate::flow::Finding as Seen;
use crate::layer::{Direction, Note, Severity};
use crate::protocol::engineio::EngineIoPacket;
use crate::protocol::text::json_string;
use crate::protocol::{Opcode, WebSocketFrame, WebSocketMessage, close_meaning};
use crate::trace::{Message, Trace};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = stalls(case.trace);
    found.extend(together(closes(case).into_iter()));
    found.extend(cut_frames(case.trace));
    found
}

/// A window of 0 for less than this is a receiver that was busy: 0.2 s.
const BUSY: f64 = 0.2;

/// Receivers whose window was 0 for a while.
fn stalls(trace: &Trace) -> Vec<Finding> {
    let mut found = Vec::new();
    // Since which frame, and until which it was said again.
    let mut open: BTreeMap<(u32, usize), (u32, u32)> = BTreeMap::new();
    for (number, record) in trace.records() {
        let (Some(segment), Some((tcp, ..))) = (&record.segment, record.whole().0.tcp()) else { continue };
        let key = (segment.connection, segment.direction.index());
        if segment.analysis.findings.has(Seen::ZeroWindow) {
            open.entry(key).or_insert((number, number)).1 = number;
        } else if tcp.window > 0
            && let Some((since, _)) = open.remove(&key)
        {
            found.extend(stall(trace, segment.connection, segment.direction, (since, number), true));
        }
    }
    for ((connection, direction), (since, until)) in open {
        let direction =
            if direction == Direction::ToServer.index() { Direction::ToServer } else { Direction::ToClient };
        found.extend(stall(trace, connection, direction, (since, until), false));
    }
    found
}

fn stall(
    trace: &Trace,
    connection: u32,
    direction: Direction,
    (since, until): (u32, u32),
    ended: bool,
) -> Option<Finding> {
    let connection = trace.connections().get(connection as usize)?;
    let last = if ended { until } else { connection.last.0 };
    let seconds = trace.time(last)? - trace.time(since)?;
    let who = sender(connection, direction);
    let text = match ended {
        _ if seconds < BUSY => return None,
        true => format!(
            "{who} did not read for {}: its window was 0, and whoever sends to it had to wait",
            in_words(seconds)
        ),
        false => format!(
            "{who} does not read any more: its window was 0 for the last {} of the connection, and whoever sends to it had \
             to wait",
            in_words(seconds)
        ),
    };
    Some(Finding::warn(text, "RFC 9293 §3.8.6.1", vec![since, last]))
}

/// WebSockets that were closed because something was wrong.
fn closes(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut told: BTreeSet<(Lying, u16)> = BTreeSet::new();
    for message in case.trace.messages() {
        let Some(frame) = message.payload_as::<WebSocketFrame>().filter(|frame| frame.opcode == Opcode::Close) else {
            continue;
        };
        let payload = frame.payload(case.trace.bytes(message));
        let Some((code, reason)) = WebSocketFrame::close_body(&payload) else { continue };
        // The other side says the same again.
        if code == 1000 || code == 1001 || !told.insert((lying(message), code)) {
            continue;
        }
        let Some(connection) = case.connection(message) else { continue };
        let who = sender(connection, message.direction);
        let mut text = format!("{who} closed the WebSocket with {}", closing(code, reason));
        let mut frames = vec![message.frame()];
        if code == 1009
            && let Some((large, octets)) = largest_before(case, message)
        {
            // What was broken off by it has no end: its header says how long it would have been.
            let (large, ended, has) = match large.complete {
                true => (large.frame(), "ended", "has"),
                false => (large.frames.first().copied().unwrap_or_default(), "begins", "was to have"),
            };
            let limit =
                limit(case, message.connection).map(|limit| format!("; maxPayload is {limit}")).unwrap_or_default();
            text.push_str(&format!(": the message that {ended} in frame {large} {has} {octets} octets{limit}"));
            frames.insert(0, large);
        }
        if matches!(code, 1002 | 1007)
            && let Some((broken, what)) = broken_before(case, message)
        {
            text.push_str(&format!(": in frame {broken}, {what}"));
            frames.insert(0, broken);
        }
        // From 3000 on a code is the program's own (RFC 6455 §7.4.2): what it means, it knows.
        let severity = if code < 3000 { Severity::Warn } else { Severity::Note };
        found.push(Finding { severity, ..Finding::warn(text, "RFC 6455 §7.4.1", frames) });
    }
    found
}

/// A close code with its name, and the reason that was given.
pub(super) fn closing(code: u16, reason: &[u8]) -> String {
    let name = close_meaning(code).map(|name| format!(", {name}")).unwrap_or_default();
    let reason = String::from_utf8_lossy(reason);
    let reason = if reason.is_empty() { String::new() } else { format!(" ({})", json_string(&reason, MOST)) };
    format!("{code}{name}{reason}")
}

/// The largest message that went the other way before a Close frame.
fn largest_before<'a>(case: &Case<'a>, close: &Message) -> Option<(&'a Message, u64)> {
    let before = case.beside(close).filter(|other| {
        other.direction != close.direction && other.frames.first().is_some_and(|first| *first <= close.frame())
    });
    let sizes = before.filter_map(|other| {
        // Of what was compressed the programs see the message only.
        let frame = other.payload_as::<WebSocketFrame>().filter(|frame| !frame.encoded).map(|frame| frame.payload_len);
        let joined = other
            .payload_as::<WebSocketMessage>()
            .map(|message| message.payload_len().unwrap_or_else(|| message.fragment_lens().sum()));
        Some((other, frame.or(joined)?))
    });
    sizes.max_by_key(|(_, octets)| *octets)
}

/// Among so many messages before a Close frame is the one for which it was sent.
const LATEST: usize = 16;

/// The last of what the other side said before a Close frame that broke a rule, and how.
fn broken_before(case: &Case<'_>, close: &Message) -> Option<(u32, String)> {
    let messages = case.messages_of(close.connection);
    let before = messages.partition_point(|message| message.frame() <= close.frame());
    let said = messages
        .get(..before)?
        .iter()
        .rev()
        .take(LATEST)
        .filter(|message| message.direction != close.direction && lying(message) == lying(close));
    let is_broken = |note: &Note| note.severity == Severity::Error && note.spec.starts_with("RFC ");
    said.filter(|message| {
        message.payload_as::<WebSocketFrame>().is_some() || message.payload_as::<WebSocketMessage>().is_some()
    })
    .find_map(|message| {
        let notes = case.trace.notes_in(message.frame());
        let (_, note) = notes.iter().find(|(_, note)| is_broken(note))?;
        Some((message.frame(), note.text.to_string()))
    })
}

/// What the server takes, as it said where it opened the session of Engine.IO that is spoken on this connection.
fn limit(case: &Case<'_>, connection: u32) -> Option<u64> {
    let packets = case.messages_of(connection).iter().filter_map(|message| message.payload_as::<EngineIoPacket>());
    let sid = packets.filter_map(|packet| packet.sid.as_deref()).next()?;
    case.opened().get(sid)?.iter().find_map(Opened::most).map(|(most, _)| most)
}

/// Frames that were cut when they were captured.
fn cut_frames(trace: &Trace) -> Option<Finding> {
    let cut = trace.records().filter(|(_, record)| (record.frame.data.len() as u64) < u64::from(record.frame.len));
    let cut: Vec<(u32, usize)> = cut.map(|(number, record)| (number, record.frame.data.len())).collect();
    let most = cut.iter().map(|(_, len)| *len).max()?;
    let text = format!(
        "{} of {} frames were cut at {most} octets when they were captured (the snapshot length): their messages lack octets, and \
         what streams are said to lack is likely missing for that alone. Capture again with whole frames (tcpdump -s 0)",
        cut.len(),
        trace.len()
    );
    Some(Finding::warn(text, "", cut.iter().map(|(number, _)| *number).collect()))
}
