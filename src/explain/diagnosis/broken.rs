//! WebSockets that a server of Socket.IO closed right behind a packet that it does not take.
//!
//! # References
//! - Socket.IO protocol 5, "Packet encoding", "Connection to a namespace"; Engine.IO protocol 4, "Packet encoding", "Heartbeat". Names
//!   that no event may have: `RESERVED_EVENTS` of socket.io-parser.

use std::collections::{BTreeMap, BTreeSet};

use super::asked::sessions;
use super::begins::at_socketio;
use super::{Case, Finding, Lying, MOST, lying};
use crate::layer::Direction;
use crate::protocol::engineio::{Content, EngineIoPacket, Kind, Transport, Version};
use crate::protocol::text::json_string;
use crate::protocol::{Opcode, SocketIoKind, SocketIoPacket, WebSocketFrame};
use crate::trace::Message;

/// A server closes at once what it does not take: within half a second.
const AT_ONCE: f64 = 0.5;
/// `RESERVED_EVENTS`: servers and clients say so to their own programs.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// What of a packet a server does not take, and what says so.
type Why = (String, &'static str);

/// In each place the latest that the client said, if it is nothing that a server takes; until the server closes.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let at_socketio = at_socketio(case);
    let mut latest: BTreeMap<Lying, (&Message, Option<Why>)> = BTreeMap::new();
    let mut joined: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut opened: BTreeSet<&str> = BTreeSet::new();
    let mut spoken: BTreeSet<Lying> = BTreeSet::new();
    let mut found = Vec::new();
    for message in case.trace.messages() {
        let here = lying(message);
        if let Some(frame) = message.payload_as::<WebSocketFrame>() {
            if frame.opcode == Opcode::Close {
                let last = latest.remove(&here).filter(|_| message.direction == Direction::ToClient);
                found.extend(last.and_then(|(packet, why)| {
                    let sid = packet.payload_as::<EngineIoPacket>()?.sid.as_deref();
                    Some((sid, told(case, packet, message, why?)?))
                }));
            }
            continue;
        }
        // What the server says does not come between: it may have been on its way.
        if message.direction == Direction::ToClient {
            let open = message.payload_as::<EngineIoPacket>().filter(|packet| packet.kind == Kind::Open);
            opened.extend(open.and_then(|packet| packet.sid.as_deref()));
            continue;
        }
        if let Some(packet) = message.payload_as::<EngineIoPacket>() {
            if packet.transport == Transport::WebSocket && packet.version == Version::V4 {
                let is_first = spoken.insert(here);
                latest.insert(here, (message, in_engineio(packet, is_first)));
            }
        } else if let Some(packet) = message.payload_as::<SocketIoPacket>() {
            let at = packet.sid.as_deref().map(|sid| (sid, &*packet.namespace));
            if packet.kind == SocketIoKind::Connect {
                joined.extend(at);
            }
            let is_joined = at
                .map(|at| joined.contains(&at))
                .filter(|joined| *joined || at.is_some_and(|(sid, _)| opened.contains(sid)));
            // What is whole stands behind its Engine.IO packet.
            if let Some((last, why)) = latest.get_mut(&here)
                && last.frame() == message.frame()
                && why.is_none()
                && at_socketio.contains(&here)
            {
                *why = in_socketio(packet, is_joined);
            }
        }
    }
    if found.is_empty() {
        return Vec::new();
    }
    // What was said before in the same session, on whichever connection, must be there.
    let (sessions, all) = (sessions(case), case.trace.connections());
    let has_all = |sid: Option<&str>| {
        let mut ids = sid.and_then(|sid| sessions.get(sid)).into_iter().flatten().map(|id| *id as usize);
        ids.all(|id| all.get(id).is_some_and(|one| case.has_all(one, Direction::ToServer)))
    };
    found.into_iter().filter(|(sid, _)| has_all(*sid)).map(|(_, finding)| finding).collect()
}

fn in_engineio(packet: &EngineIoPacket, is_first: bool) -> Option<Why> {
    match packet.kind {
        Kind::Ping if packet.content != Content::Text("probe".to_owned()) => Some((
            "it is a ping, and in Engine.IO 4 only the server pings".to_owned(),
            "Engine.IO protocol 4, Heartbeat",
        )),
        // What a plain client says first is told as that.
        kind if !kind.is_defined() && !is_first => {
            Some((format!("it is no packet of Engine.IO ({kind})"), "Engine.IO protocol 4, Packet encoding"))
        }
        _ => None,
    }
}

/// `is_joined` is whether its namespace was joined, if that is known: the capture may have begun behind that.
fn in_socketio(packet: &SocketIoPacket, is_joined: Option<bool>) -> Option<Why> {
    let encoding = packet.revision.packet_encoding();
    if !packet.kind.is_defined() {
        // Where Engine.IO is spoken alone its messages may hold anything.
        return (is_joined == Some(true))
            .then(|| (format!("it is no packet of Socket.IO ({})", packet.kind.in_words()), encoding));
    }
    if !packet.kind.is_event() {
        return None;
    }
    if is_joined == Some(false) {
        let text = "it is an event, and no CONNECT (`40`) was sent before to join its namespace".to_owned();
        return Some((text, packet.revision.connection_to_a_namespace()));
    }
    match packet.event() {
        None => Some(("its data is no array that begins with the name of an event".to_owned(), encoding)),
        Some(event) if RESERVED.contains(&&*event.name) => {
            let text = format!(
                "no event may be called {}: the name is reserved (socket.io-parser)",
                json_string(&event.name, MOST)
            );
            Some((text, encoding))
        }
        Some(_) => None,
    }
}

fn told(case: &Case<'_>, packet: &Message, close: &Message, (why, spec): Why) -> Option<Finding> {
    let connection = case.connection(close)?;
    let payload = close.payload_as::<WebSocketFrame>()?.payload(case.trace.bytes(close));
    // Another code says why.
    if WebSocketFrame::close_body(&payload).is_some_and(|(code, _)| code != 1000) {
        return None;
    }
    let (said, closed) = (packet.frame(), close.frame());
    if case.seconds(said, closed) > AT_ONCE || !case.has_all(connection, Direction::ToServer) {
        return None;
    }
    let text = format!(
        "{} closed the session {} after the packet in frame {said}, likely for that: {why}",
        connection.server,
        case.between(said, closed)
    );
    Some(Finding::warn(text, spec, vec![said, closed]))
}
