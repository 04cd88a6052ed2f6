//! What was asked and never answered: requests, events that want an acknowledgement, pings.
//!
//! # References
//! - RFC 9112 §9.3.1, §9.5 (a connection that is kept may be closed at any time); Socket.IO protocol 5, Acknowledgement;
//!   Engine.IO protocol 4, Heartbeat; RFC 6455 §5.5.2.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange::Exchange;
use super::{Case, Finding, end_of, in_words, quoted, sender};
use crate::flow::{Connection, Ending};
use crate::layer::Direction;
use crate::protocol::engineio::{Content, EngineIoPacket, Kind, Open, Query};
use crate::protocol::{Opcode, SocketIoPacket, WebSocketFrame};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = case.exchanges.iter().filter_map(|exchange| unanswered(case, exchange)).collect();
    found.extend(unacknowledged(case));
    found.extend(heartbeats(case));
    found.extend(pings(case));
    found
}

/// A request whose connection ended without an answer.
fn unanswered(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let request = exchange.request;
    // What polls is asked to wait, and is left open when its client goes.
    let waits = exchange.method == "GET" && exchange.target.contains("transport=polling");
    if exchange.answer.is_some() || !request.complete || waits || answer_begun(case, request) {
        return None;
    }
    let connection = case.connection(request)?;
    let (by, end, is_reset) = end_of(connection)?;
    // Whoever only says that it has said all may still be answered.
    let may_come = matches!(connection.ending(), Ending::HalfClosed { by: Direction::ToServer, .. });
    if may_come || !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let what = format!("{} {}", exchange.method, quoted(&exchange.target));
    let asked = request.frame();
    let frames = vec![asked.min(end), asked.max(end)];
    if by == Direction::ToClient && end < asked {
        let text = format!(
            "{what} was never answered: {} had closed the connection in frame {end}, {} before. A connection that is kept \
             may be given up just when it is used again: the client must ask once more, on another",
            connection.server,
            case.between(end, asked)
        );
        return Some(Finding::warn(text, "RFC 9112 §9.5", frames));
    }
    let ends = if is_reset { "broke off" } else { "closed" };
    let text = match by {
        Direction::ToClient => format!(
            "{what} was never answered: {} {ends} instead, {} later",
            connection.server,
            case.between(asked, end)
        ),
        Direction::ToServer => {
            format!("{what} was never answered: the client gave up after {}", case.between(asked, end))
        }
    };
    Some(Finding::warn(text, "RFC 9112 §9.3.1", frames))
}

/// Whether the server said anything behind a request, be it an answer that has no end yet, or octets that nobody read.
fn answer_begun(case: &Case<'_>, request: &Message) -> bool {
    let connection = request.connection as usize;
    let said = case.last_said.get(connection).is_some_and(|last| last[usize::from(request.inside)] > request.frame());
    // Of what came inside of TLS and could not be read nobody knows what it was.
    let came = !request.inside && case.last_octets.get(connection).is_some_and(|last| *last > request.frame());
    said || came
}

/// Events that want an acknowledgement and got none until their session was over.
fn unacknowledged(case: &Case<'_>) -> Vec<Finding> {
    let packets = || case.trace.messages().iter().filter_map(|one| Some((one, one.payload_as::<SocketIoPacket>()?)));
    let answered: BTreeSet<(u32, &str, u64, bool)> = packets()
        .filter_map(|(message, packet)| {
            let to_server = message.direction != Direction::ToServer;
            Some((packet.answers.as_ref()?.frame, packet.namespace.as_ref(), packet.id?, to_server))
        })
        .collect();
    let sessions = sessions(case);
    let is_waiting = |(message, packet): &(&Message, &SocketIoPacket)| {
        let Some(id) = packet.id.filter(|_| packet.kind.is_event()) else { return false };
        let to_server = message.direction == Direction::ToServer;
        !answered.contains(&(message.frame(), packet.namespace.as_ref(), id, to_server))
    };
    let mut found = Vec::new();
    for (message, packet) in packets().filter(is_waiting) {
        let Some(connection) = case.connection(message) else { continue };
        let of_session = packet.sid.as_deref().and_then(|sid| sessions.get(sid)).into_iter().flatten();
        let connections: Vec<&Connection> =
            of_session.filter_map(|id| case.trace.connections().get(*id as usize)).collect();
        let ends: Option<Vec<u32>> = connections.iter().map(|one| end_of(one).map(|(_, end, _)| end)).collect();
        // A session is over when all its connections are.
        let over = ends.and_then(|ends| ends.into_iter().max());
        let until = over.unwrap_or(case.trace.len()).max(message.frame());
        let waited = case.seconds(message.frame(), until);
        // The acknowledgement may have come on any of them.
        let has_all = |one: &&Connection| case.has_all(one, message.direction.reverse());
        if waited < PATIENCE || !has_all(&connection) || !connections.iter().all(has_all) {
            continue;
        }
        let name = packet.event().map(|event| quoted(&event.name)).unwrap_or_default();
        let who = if message.direction == Direction::ToServer { "server" } else { "client" };
        let ended = if over.is_some() { "session was over" } else { "capture ended" };
        let text = format!(
            "the event \"{name}\" asks for an acknowledgement (#{}), and none came in the {} until the {ended}: the {who}'s \
             program did not call back in that time",
            packet.id.unwrap_or_default(),
            in_words(waited)
        );
        found.push(Finding::warn(text, "Socket.IO protocol 5, Acknowledgement", vec![message.frame()]));
    }
    found
}

/// The connections of each session, those included on which a poll still waits.
fn sessions(case: &Case<'_>) -> BTreeMap<String, BTreeSet<u32>> {
    let mut found: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for message in case.trace.messages() {
        if let Some(sid) = message.payload_as::<EngineIoPacket>().and_then(|packet| packet.sid.as_deref()) {
            found.entry(sid.to_owned()).or_default().insert(message.connection);
        }
    }
    for exchange in &case.exchanges {
        if let Some(connections) = Query::from_target(&exchange.target).sid.and_then(|sid| found.get_mut(&*sid)) {
            connections.insert(exchange.request.connection);
        }
    }
    found
}

/// Nobody gives up sooner, unless it was said when: half a second.
pub(super) const PATIENCE: f64 = 0.5;

/// Pings of Engine.IO behind which there was no pong: the last of their sessions.
fn heartbeats(case: &Case<'_>) -> Vec<Finding> {
    let mut open: BTreeMap<&str, &Message> = BTreeMap::new();
    let mut patience: BTreeMap<&str, u64> = BTreeMap::new();
    for message in case.trace.messages() {
        let Some(packet) = message.payload_as::<EngineIoPacket>() else { continue };
        let Some(sid) = packet.sid.as_deref() else { continue };
        match (packet.kind, &packet.content) {
            (Kind::Open, Content::Text(json)) => {
                let timeout = Open::from_json(json).ok().and_then(|open| open.ping_timeout);
                patience.extend(timeout.map(|timeout| (sid, timeout)));
            }
            (Kind::Ping, Content::Text(text)) if text != "probe" => drop(open.insert(sid, message)),
            (Kind::Pong | Kind::Close, _) => drop(open.remove(sid)),
            _ => {}
        }
    }
    open.into_iter().filter_map(|(sid, ping)| lost_beat(case, ping, patience.get(sid).copied())).collect()
}

fn lost_beat(case: &Case<'_>, ping: &Message, patience: Option<u64>) -> Option<Finding> {
    let connection = case.connection(ping)?;
    // Whoever leaves does not answer any more.
    let end = gave_up(case, ping).filter(|end| *end > ping.frame())?;
    let waited = case.seconds(ping.frame(), end);
    // Who leaves at once leaves for another reason.
    if waited < patience.map_or(PATIENCE, |timeout| timeout as f64 / 1e3 * 0.8) {
        return None;
    }
    let allows = patience.map(|timeout| format!(" (pingTimeout is {timeout} ms)")).unwrap_or_default();
    let text = format!(
        "no pong came for the ping in frame {}: {} gave up after {}{allows}. The other side was stopped, too busy to \
         answer, or cut off",
        ping.frame(),
        sender(connection, ping.direction),
        in_words(waited)
    );
    Some(Finding::warn(text, "Engine.IO protocol 4, Heartbeat", vec![ping.frame(), end]))
}

/// Pings of WebSocket behind which there was no pong, though somebody waited.
fn pings(case: &Case<'_>) -> Vec<Finding> {
    let mut open: BTreeMap<(u32, usize), &Message> = BTreeMap::new();
    for message in case.trace.messages() {
        let Some(frame) = message.payload_as::<WebSocketFrame>() else { continue };
        match frame.opcode {
            Opcode::Ping => drop(open.insert((message.connection, message.direction.index()), message)),
            Opcode::Pong => drop(open.remove(&(message.connection, message.direction.reverse().index()))),
            _ => {}
        }
    }
    open.into_values().filter_map(|ping| lost_ping(case, ping)).collect()
}

fn lost_ping(case: &Case<'_>, ping: &Message) -> Option<Finding> {
    let connection = case.connection(ping)?;
    let end = gave_up(case, ping).filter(|end| case.seconds(ping.frame(), *end) >= PATIENCE)?;
    let text = format!(
        "no pong came for the ping in frame {}: {} gave up after {}",
        ping.frame(),
        sender(connection, ping.direction),
        case.between(ping.frame(), end)
    );
    Some(Finding::warn(text, "RFC 6455 §5.5.2", vec![ping.frame(), end]))
}

/// The frame in which whoever pinged gave up: a Close frame, or the end of the connection; `None` if the other side left.
fn gave_up(case: &Case<'_>, ping: &Message) -> Option<u32> {
    let connection = case.connection(ping)?;
    if !case.has_all(connection, ping.direction.reverse()) {
        return None;
    }
    let closes = |other: &&&Message| {
        other.frame() > ping.frame()
            && other.payload_as::<WebSocketFrame>().is_some_and(|frame| frame.opcode == Opcode::Close)
    };
    let end = match case.messages_of(ping.connection).iter().find(closes) {
        Some(close) => (close.direction, close.frame()),
        None => end_of(connection).map(|(by, end, _)| (by, end))?,
    };
    (end.0 == ping.direction).then_some(end.1)
}
