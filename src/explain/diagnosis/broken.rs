//! Sessions that a server of Engine.IO or Socket.IO closed right behind a packet that it does not take.
//!
//! # References
//! - Socket.IO protocol 5, "Packet encoding", "Connection to a namespace"; Engine.IO protocol 4, "Packet encoding", "Heartbeat". Names
//!   that no event may have: `RESERVED_EVENTS` of socket.io-parser.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::asked::sessions;
use super::begins::at_socketio;
use super::session::is_unknown;
use super::{Case, Finding, Lying, MOST, lying};
use crate::layer::Direction;
use crate::protocol::engineio::{Content, EngineIoPacket, Kind, Open, Transport, Version};
use crate::protocol::text::json_string;
use crate::protocol::{HttpMessage, Opcode, SocketIoKind, SocketIoPacket, WebSocketFrame};
use crate::trace::Message;

/// A server closes at once what it does not take: within half a second.
const AT_ONCE: f64 = 0.5;
/// `RESERVED_EVENTS`: servers and clients say so to their own programs.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Why a server does not take a packet.
struct Why {
    /// In words.
    text: String,
    /// What says so.
    spec: &'static str,
    /// It took it after all if it answers with a CONNECT of its own.
    unless_answered: bool,
}

impl Why {
    fn new(text: impl Into<String>, spec: &'static str) -> Self {
        Self { text: text.into(), spec, unless_answered: false }
    }
}

/// A packet of a client's, and why a server does not take it, if so.
type Said<'a> = (&'a Message, Option<Why>);

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    // Who knows no such session has not looked at what was posted.
    let unknown = case.exchanges.iter().filter(|exchange| is_unknown(case, exchange));
    let unknown: HashSet<u32> = unknown.filter_map(|exchange| exchange.answer.map(Message::frame)).collect();
    let mut hearing = Hearing { at_socketio: at_socketio(case), ..Hearing::default() };
    let closed = case.trace.messages().iter().filter_map(|message| {
        let (packet, why) = hearing.hear(message).filter(|_| !unknown.contains(&message.frame()))?;
        let sid = packet.payload_as::<EngineIoPacket>()?.sid.as_deref();
        Some((sid, told(case, packet, message, why?)?))
    });
    let found: Vec<_> = closed.collect();
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

/// What clients said, until their servers close.
#[derive(Default)]
struct Hearing<'a> {
    at_socketio: HashSet<Lying>,
    /// The latest over each WebSocket.
    latest: BTreeMap<Lying, Said<'a>>,
    /// In each session the latest that was posted; of a body the first that no server takes.
    posted: BTreeMap<&'a str, Said<'a>>,
    joined: BTreeSet<(&'a str, &'a str)>,
    /// The sessions whose opening was heard, with the largest message that their servers take.
    opened: BTreeMap<&'a str, Option<u64>>,
    spoken: BTreeSet<Lying>,
}

impl<'a> Hearing<'a> {
    /// Takes the next message; what the client said last, if the server ends its session with it.
    fn hear(&mut self, message: &'a Message) -> Option<Said<'a>> {
        if let Some(frame) = message.payload_as::<WebSocketFrame>() {
            let last = if frame.opcode == Opcode::Close { self.latest.remove(&lying(message)) } else { None };
            return last.filter(|_| message.direction == Direction::ToClient);
        }
        if message.direction == Direction::ToClient {
            return self.hear_server(message);
        }
        if let Some(packet) = message.payload_as::<EngineIoPacket>() {
            self.hear_packet(message, packet);
        } else if let Some(packet) = message.payload_as::<SocketIoPacket>() {
            self.hear_socketio(message, packet);
        }
        None
    }

    /// What the server says does not come between: it may have been on its way. Who polls is told with a packet that the session
    /// is closed (the official server), or with 400 that what it posted is not taken (python-engineio).
    fn hear_server(&mut self, message: &'a Message) -> Option<Said<'a>> {
        if let Some(http) = message.payload_as::<HttpMessage>().filter(|http| http.status() == Some(400)) {
            let start = http.answers.as_ref()?.start;
            let is_asked = |(packet, _): &Said<'_>| lying(packet) == lying(message) && packet.range.start == start;
            let sid = *self.posted.iter().find(|(_, said)| is_asked(said))?.0;
            return self.posted.remove(sid);
        }
        if let Some(packet) = message.payload_as::<SocketIoPacket>() {
            self.hear_answer(message, packet);
            return None;
        }
        let packet = message.payload_as::<EngineIoPacket>()?;
        let sid = packet.sid.as_deref()?;
        match packet.kind {
            Kind::Open => {
                let open = if let Content::Text(json) = &packet.content { Open::from_json(json).ok() } else { None };
                self.opened.insert(sid, open.and_then(|open| open.max_payload));
            }
            Kind::Close if packet.transport == Transport::Polling => return self.posted.remove(sid),
            _ => {}
        }
        None
    }

    /// Who answers a CONNECT, in whichever way, has read it.
    fn hear_answer(&mut self, message: &'a Message, packet: &'a SocketIoPacket) {
        if !matches!(packet.kind, SocketIoKind::Connect | SocketIoKind::ConnectError) {
            return;
        }
        let posted = packet.sid.as_deref().and_then(|sid| self.posted.get_mut(sid));
        for (_, why) in posted.into_iter().chain(self.latest.get_mut(&lying(message))) {
            *why = why.take().filter(|why| !why.unless_answered);
        }
    }

    /// A message that is larger than its server takes, which python-engineio answers with 1000.
    fn too_large(&self, packet: &EngineIoPacket) -> Option<Why> {
        let most = (*self.opened.get(packet.sid.as_deref()?)?)?;
        // Text has its type before it, as an octet of its own.
        let has = match &packet.content {
            Content::Text(text) => text.len() as u64 + 1,
            Content::Binary(octets) => octets.len() as u64,
        };
        let text = || format!("it has {has} octets, and the server takes {most} at most (maxPayload)");
        (has > most).then(|| Why::new(text(), "Engine.IO protocol 4, Handshake"))
    }

    fn hear_packet(&mut self, message: &'a Message, packet: &'a EngineIoPacket) {
        let here = lying(message);
        match (&packet.transport, packet.sid.as_deref()) {
            _ if packet.version != Version::V4 => {}
            (Transport::WebSocket, _) => {
                let is_first = self.spoken.insert(here);
                let why = self.too_large(packet).or_else(|| in_engineio(packet, is_first));
                self.latest.insert(here, (message, why));
            }
            (Transport::Polling, Some(sid)) => {
                let is_broken = |(said, why): &Said<'_>| why.is_some() && is_beside(said, message);
                if !self.posted.get(sid).is_some_and(is_broken) {
                    self.posted.insert(sid, (message, in_engineio(packet, false)));
                }
            }
            _ => {}
        }
    }

    /// What is whole stands behind its Engine.IO packet.
    fn hear_socketio(&mut self, message: &'a Message, packet: &'a SocketIoPacket) {
        let (here, sid) = (lying(message), packet.sid.as_deref());
        let at = sid.map(|sid| (sid, &*packet.namespace));
        if packet.kind == SocketIoKind::Connect {
            self.joined.extend(at);
        }
        let is_joined = at.map(|at| self.joined.contains(&at));
        let is_joined = is_joined.filter(|joined| *joined || sid.is_some_and(|sid| self.opened.contains_key(sid)));
        let is_within = |(said, why): &&mut Said<'_>| why.is_none() && is_beside(said, message);
        let posted = sid.and_then(|sid| self.posted.get_mut(sid)).filter(is_within);
        let last = posted.or_else(|| self.latest.get_mut(&here).filter(is_within));
        if let Some((_, why)) = last.filter(|_| self.at_socketio.contains(&here)) {
            *why = in_socketio(packet, is_joined);
        }
    }
}

/// Whether two packets came in one message.
fn is_beside(one: &Message, other: &Message) -> bool {
    lying(one) == lying(other) && one.frame() == other.frame()
}

fn in_engineio(packet: &EngineIoPacket, is_first: bool) -> Option<Why> {
    match packet.kind {
        Kind::Ping if packet.content != Content::Text("probe".to_owned()) => {
            Some(Why::new("it is a ping, and in Engine.IO 4 only the server pings", "Engine.IO protocol 4, Heartbeat"))
        }
        // What a plain client says first is told as that.
        kind if !kind.is_defined() && !is_first => {
            Some(Why::new(format!("it is no packet of Engine.IO ({kind})"), "Engine.IO protocol 4, Packet encoding"))
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
            .then(|| Why::new(format!("it is no packet of Socket.IO ({})", packet.kind.in_words()), encoding));
    }
    if packet.kind == SocketIoKind::Connect {
        let text = "it is a CONNECT as any client sends it, and was not answered. Its parser is likely another than the client's, as \
                    socket.io-msgpack-parser on one side alone";
        return Some(Why { unless_answered: true, ..Why::new(text, packet.revision.connection_to_a_namespace()) });
    }
    if !packet.kind.is_event() {
        return None;
    }
    if is_joined == Some(false) {
        let text = "it is an event, and no CONNECT (`40`) was sent before to join its namespace";
        return Some(Why::new(text, packet.revision.connection_to_a_namespace()));
    }
    match packet.event() {
        None => Some(Why::new("its data is no array that begins with the name of an event", encoding)),
        Some(event) if RESERVED.contains(&&*event.name) => {
            let text = format!(
                "no event may be called {}: the name is reserved (socket.io-parser)",
                json_string(&event.name, MOST)
            );
            Some(Why::new(text, encoding))
        }
        Some(_) => None,
    }
}

fn told(case: &Case<'_>, packet: &Message, close: &Message, Why { text: why, spec, .. }: Why) -> Option<Finding> {
    let connection = case.connection(close)?;
    let how = match close.payload_as::<WebSocketFrame>() {
        Some(frame) => {
            let payload = frame.payload(case.trace.bytes(close));
            // Another code says why.
            if WebSocketFrame::close_body(&payload).is_some_and(|(code, _)| code != 1000) {
                return None;
            }
            "closed the session"
        }
        None if close.payload_as::<HttpMessage>().is_some() => "answered 400",
        None => "closed the session",
    };
    let (said, closed) = (packet.frame(), close.frame());
    if case.seconds(said, closed) > AT_ONCE || !case.has_all(connection, Direction::ToServer) {
        return None;
    }
    let text = format!(
        "{} {how} {} after the packet in frame {said}, likely for that: {why}",
        connection.server,
        case.between(said, closed)
    );
    Some(Finding::warn(text, spec, vec![said, closed]))
}
