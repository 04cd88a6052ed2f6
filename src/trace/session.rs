//! Engine.IO sessions over all their TCP connections, and the Socket.IO they carry.
//!
//! A session is named by its sid and not by a connection: it begins with polling on several connections and moves to
//! a WebSocket of its own. So its packets are followed here, where all connections meet, in the order of their frames.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Transports", "Upgrade"; Socket.IO protocol 5, "Exchange protocol".

use std::collections::HashMap;

use super::socket::Sockets;
use crate::layer::{Direction, Note, Severity};
use crate::message::Payload;
use crate::protocol::engineio::{
    Content, Data, EngineIoPacket, ErrorBody, Framing, Jsonp, Kind, Open, Packet, Packets, Query, Transport, Version,
    form_payload,
};
use crate::protocol::{HttpMessage, Opcode, Side, WebSocketFrame, WebSocketMessage};

/// More sessions than this are not followed at once: a peer can ask for any number of them.
const MAX_SESSIONS: usize = 1 << 16;
/// More polls than this may not wait for their answers at once.
const MAX_PENDING: usize = 1 << 16;

/// Follows every session of a capture.
#[derive(Default)]
pub(super) struct Sessions {
    sessions: HashMap<String, Sockets>,
    /// Requests that were not answered yet, by connection and place in the client's stream.
    pending: HashMap<(u32, u64), Poll>,
    /// WebSockets that carry a session.
    sockets: HashMap<u32, Carrier>,
}

/// A request of a session.
struct Poll {
    query: Query,
    post: bool,
}

/// A WebSocket that carries a session.
struct Carrier {
    version: Version,
    sid: Option<String>,
}

/// What carries packets: a message of HTTP or WebSocket.
pub(super) struct Carried<'a> {
    pub(super) connection: u32,
    pub(super) direction: Direction,
    /// Where it lies in its stream.
    pub(super) start: u64,
    pub(super) bytes: &'a [u8],
    pub(super) frames: &'a [u32],
    pub(super) complete: bool,
}

/// What was found inside a carrier.
#[derive(Default)]
pub(super) struct Found {
    pub(super) ridden: Vec<Ridden>,
    /// What is odd about the carrier itself.
    pub(super) remarks: Vec<Note>,
}

/// A message found inside a carrier.
pub(super) struct Ridden {
    pub(super) payload: Box<dyn Payload>,
    pub(super) notes: Vec<Note>,
    /// The frames that carried it, if more than those of the carrier.
    pub(super) frames: Vec<u32>,
}

impl Sessions {
    /// Looks into a message; hands out the packets it carries.
    pub(super) fn hear(&mut self, carried: &Carried<'_>, payload: &dyn Payload, found: &mut Found) {
        let any = payload.as_any();
        if !carried.complete {
            return;
        }
        if let Some(http) = any.downcast_ref::<HttpMessage>() {
            match http.side {
                Side::Request => self.request(carried, http, found),
                Side::Response => self.response(carried, http, found),
                Side::Unreadable => {}
            }
        } else if let Some(frame) = any.downcast_ref::<WebSocketFrame>() {
            if frame.fin && !frame.encoded && matches!(frame.opcode, Opcode::Text | Opcode::Binary) {
                self.websocket(carried, frame.opcode, &frame.payload(carried.bytes), found);
            }
        } else if let Some(message) = any.downcast_ref::<WebSocketMessage>()
            && let Some(octets) = message.payload(carried.bytes)
        {
            self.websocket(carried, message.opcode, &octets, found);
        }
    }

    fn request(&mut self, carried: &Carried<'_>, http: &HttpMessage, found: &mut Found) {
        let Some((method, target)) = http.start(carried.bytes) else { return };
        let query = Query::from_target(&target);
        if !query.is_engineio() || self.pending.len() >= MAX_PENDING {
            return;
        }
        let post = method == "POST";
        if post && query.transport == Some(Transport::Polling) {
            let body = http.body(carried.bytes);
            let form = query.j.is_some().then(|| form_payload(&body)).flatten();
            let body = form.map_or(body, String::into_bytes);
            self.payload(carried, &query, query.sid.clone(), &body, octet_stream(http, carried.bytes), found);
        }
        self.pending.insert((carried.connection, carried.start), Poll { query, post });
    }

    fn response(&mut self, carried: &Carried<'_>, http: &HttpMessage, found: &mut Found) {
        let Some(request) = &http.answers else { return };
        let Some((status, _)) = http.start(carried.bytes) else { return };
        // Responses such as 100 only announce; the request still waits.
        if status.starts_with('1') && status != "101" {
            return;
        }
        let Some(poll) = self.pending.remove(&(carried.connection, request.start)) else { return };
        let version = poll.query.version.unwrap_or(Version::V4);
        match (status.as_str(), &poll.query.transport) {
            ("101", Some(Transport::WebSocket)) => {
                let carrier = Carrier { version, sid: poll.query.sid };
                if self.sockets.len() < MAX_SESSIONS {
                    self.sockets.insert(carried.connection, carrier);
                }
            }
            ("200", Some(Transport::Polling)) if !poll.post => {
                let body = http.body(carried.bytes);
                let script = poll.query.j.is_some().then(|| Jsonp::from_response(&body)).flatten();
                let body = script.map_or(body, |script| script.payload.into_bytes());
                let sid = poll.query.sid.clone();
                self.payload(carried, &poll.query, sid, &body, octet_stream(http, carried.bytes), found);
            }
            ("400" | "403", _) => refused(&String::from_utf8_lossy(&http.body(carried.bytes)), found),
            _ => {}
        }
    }

    /// The packets in the body of a poll or a POST.
    fn payload(
        &mut self,
        carried: &Carried<'_>,
        query: &Query,
        mut sid: Option<String>,
        body: &[u8],
        octet_stream: bool,
        found: &mut Found,
    ) {
        let version = query.version.unwrap_or(Version::V4);
        let mut packets = Packets::new(body, Framing::of(version, octet_stream));
        for packet in packets.by_ref() {
            self.packet(carried, version, &Transport::Polling, &mut sid, packet, found);
        }
        if let (Some(stop), Some(last)) = (packets.stopped(), found.ridden.last_mut()) {
            last.notes.push(stop.note.clone());
        }
    }

    fn websocket(&mut self, carried: &Carried<'_>, opcode: Opcode, octets: &[u8], found: &mut Found) {
        let Some(carrier) = self.sockets.get(&carried.connection) else { return };
        let (version, mut sid) = (carrier.version, carrier.sid.clone());
        let packet = match opcode {
            Opcode::Text => Packet::from_text(version, octets),
            _ => Packet::from_binary(version, octets),
        };
        self.packet(carried, version, &Transport::WebSocket, &mut sid, packet, found);
        if let Some(carrier) = self.sockets.get_mut(&carried.connection) {
            carrier.sid = sid;
        }
    }

    fn packet(
        &mut self,
        carried: &Carried<'_>,
        version: Version,
        transport: &Transport,
        sid: &mut Option<String>,
        packet: Packet<'_>,
        found: &mut Found,
    ) {
        let mut notes = packet.notes;
        let content = match packet.data {
            Data::Text(text) => Content::Text(text.into_owned()),
            Data::Binary(octets) => Content::Binary(octets.into_owned()),
        };
        if let (Kind::Open, Content::Text(json)) = (packet.kind, &content) {
            match Open::from_json(json) {
                Ok(open) => *sid = open.sid.or(sid.take()),
                Err(note) => notes.push(note),
            }
        }
        let (kind, transport) = (packet.kind, transport.clone());
        let payload = EngineIoPacket { version, transport, sid: sid.clone(), kind, content: content.clone() };
        found.ridden.push(Ridden { payload: Box::new(payload), notes, frames: Vec::new() });
        if packet.kind == Kind::Message
            && let Some(sockets) = self.sockets_of(sid.as_deref(), version)
        {
            sockets.hear(carried, sid.as_deref(), content, found);
        }
    }

    /// What is known of the Socket.IO connections of a session; `None` when it has no name, or there are too many.
    fn sockets_of(&mut self, sid: Option<&str>, version: Version) -> Option<&mut Sockets> {
        let sid = sid?;
        if !self.sessions.contains_key(sid) {
            if self.sessions.len() >= MAX_SESSIONS {
                return None;
            }
            self.sessions.insert(sid.to_owned(), Sockets::new(version));
        }
        self.sessions.get_mut(sid)
    }
}

fn octet_stream(http: &HttpMessage, bytes: &[u8]) -> bool {
    let headers = http.headers(bytes);
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    content_type.is_some_and(|(_, value)| value.trim().to_ascii_lowercase().starts_with("application/octet-stream"))
}

/// A refusal is no packet: it is told on the answer that holds it.
fn refused(body: &str, found: &mut Found) {
    if let Some(error) = ErrorBody::from_json(body) {
        let text = format!("Engine.IO refuses: {}", error.message);
        found.remarks.push(Note::new(Severity::Warn, text, "Engine.IO protocol 4, Handshake"));
    }
}
