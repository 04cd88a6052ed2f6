//! The Socket.IO connections of one Engine.IO session: packets with their attachments joined, namespaces with the names
//! of their connections, and the offsets of connection state recovery.
//!
//! # References
//! - Socket.IO protocol 5, "Packet encoding", "Exchange protocol". Recovery: Socket.IO 4 documentation, "Connection
//!   state recovery".

use std::collections::HashMap;

use super::session::{Carried, Found, Ridden};
use crate::layer::{Direction, Note, Severity};
use crate::protocol::engineio::{Content, Version};
use crate::protocol::socketio::{Connect, Kind, Packet, Revision, SocketIoPacket, join, read_msgpack, split_offset};

/// The official parser allows ten; more than this are not waited for.
const MAX_ATTACHMENTS: u64 = 1000;
/// Attachments of more octets together are not kept.
const MAX_OCTETS: usize = 64 << 20;
/// More namespaces than this are not told apart in one session.
const MAX_NAMESPACES: usize = 1000;
const SPEC: &str = "Socket.IO protocol 5, Packet encoding";

/// How packets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parser {
    /// Nobody has spoken yet.
    Unheard,
    /// As text, with octets in packets of their own.
    Default,
    /// As MessagePack.
    MessagePack,
}

/// A packet that waits for its attachments.
struct Waiting {
    packet: SocketIoPacket,
    notes: Vec<Note>,
    frames: Vec<u32>,
    octets: Vec<Vec<u8>>,
    len: usize,
}

/// A connection to a namespace.
#[derive(Default)]
struct Namespace {
    socket: Option<String>,
    /// The server gave a private name, or the client came back with one: events carry offsets.
    recovers: bool,
}

/// What is known of a session's Socket.IO.
pub(super) struct Sockets {
    revision: Revision,
    parser: Parser,
    waiting: [Option<Waiting>; 2],
    namespaces: HashMap<String, Namespace>,
}

impl Sockets {
    pub(super) fn new(version: Version) -> Self {
        let revision = if version == Version::V3 { Revision::V4 } else { Revision::V5 };
        Self { revision, parser: Parser::Unheard, waiting: [None, None], namespaces: HashMap::new() }
    }

    /// Takes what an Engine.IO message carries.
    pub(super) fn hear(&mut self, carried: &Carried<'_>, sid: Option<&str>, content: Content, found: &mut Found) {
        if self.parser == Parser::Unheard {
            self.parser = recognise(&content, self.revision).unwrap_or(Parser::Unheard);
        }
        match (self.parser, content) {
            (Parser::Default, Content::Text(text)) => self.text(carried, sid, &text, found),
            (Parser::Default, Content::Binary(octets)) => self.octets(carried, octets, found),
            (Parser::MessagePack, Content::Binary(octets)) => match read_msgpack(&octets, self.revision) {
                Ok(packet) => {
                    let (packet, notes) = self.resolve(carried.direction, sid, packet);
                    found.ridden.push(Ridden { payload: Box::new(packet), notes, frames: Vec::new() });
                }
                Err(note) => remark(found, note),
            },
            (Parser::MessagePack, Content::Text(_)) => {
                remark(found, Note::new(Severity::Warn, "text where the other packets are MessagePack", SPEC));
            }
            (Parser::Unheard, _) => {}
        }
    }

    fn text(&mut self, carried: &Carried<'_>, sid: Option<&str>, text: &str, found: &mut Found) {
        if self.waiting[carried.direction.index()].take().is_some() {
            let note = "text came before all attachments of the packet before it, which is given up";
            remark(found, Note::new(Severity::Error, note, SPEC));
        }
        let packet = Packet::read(text, self.revision);
        let attachments = packet.attachments;
        if !packet.kind.is_binary() || attachments == 0 {
            let (packet, notes) = self.resolve(carried.direction, sid, packet);
            found.ridden.push(Ridden { payload: Box::new(packet), notes, frames: Vec::new() });
            return;
        }
        if attachments > MAX_ATTACHMENTS {
            let note =
                format!("a packet with {attachments} attachments: more than {MAX_ATTACHMENTS} are not waited for");
            remark(found, Note::new(Severity::Warn, note, SPEC));
            return;
        }
        let notes = packet.notes.clone();
        let packet = SocketIoPacket {
            revision: self.revision,
            sid: sid.map(str::to_owned),
            socket: self.socket(&packet.namespace),
            namespace: packet.namespace.into_owned(),
            kind: packet.kind,
            id: packet.id,
            data: packet.data.map(std::borrow::Cow::into_owned),
            offset: None,
            attachments,
        };
        let waiting = Waiting { packet, notes, frames: carried.frames.to_vec(), octets: Vec::new(), len: 0 };
        self.waiting[carried.direction.index()] = Some(waiting);
    }

    fn octets(&mut self, carried: &Carried<'_>, octets: Vec<u8>, found: &mut Found) {
        let slot = &mut self.waiting[carried.direction.index()];
        let Some(mut waiting) = slot.take() else {
            return remark(found, Note::new(Severity::Error, "octets that no packet announced", SPEC));
        };
        waiting.len += octets.len();
        if waiting.len > MAX_OCTETS {
            let note = format!("attachments of more than {MAX_OCTETS} octets are not kept");
            return remark(found, Note::new(Severity::Warn, note, ""));
        }
        waiting.octets.push(octets);
        waiting.frames.extend(carried.frames);
        if (waiting.octets.len() as u64) < waiting.packet.attachments {
            *slot = Some(waiting);
            return;
        }
        let Waiting { mut packet, mut notes, mut frames, octets, .. } = waiting;
        if let Some(data) = &packet.data {
            let joined = join(data, &octets);
            notes.extend(joined.notes);
            packet.data = Some(joined.data);
        }
        self.take_offset(carried.direction, &mut packet);
        frames.sort_unstable();
        frames.dedup();
        found.ridden.push(Ridden { payload: Box::new(packet), notes, frames });
    }

    /// Ties a packet to its namespace, and learns from what opens and closes one.
    fn resolve(&mut self, direction: Direction, sid: Option<&str>, packet: Packet<'_>) -> (SocketIoPacket, Vec<Note>) {
        self.learn(direction, sid, &packet);
        let socket = match packet.kind {
            Kind::Connect | Kind::ConnectError => None,
            _ => self.socket(&packet.namespace),
        };
        if packet.kind == Kind::Disconnect {
            self.namespaces.remove(packet.namespace.as_ref());
        }
        let mut told = SocketIoPacket {
            revision: self.revision,
            sid: sid.map(str::to_owned),
            socket,
            namespace: packet.namespace.into_owned(),
            kind: packet.kind,
            id: packet.id,
            data: packet.data.map(std::borrow::Cow::into_owned),
            offset: None,
            attachments: packet.attachments,
        };
        self.take_offset(direction, &mut told);
        (told, packet.notes)
    }

    fn learn(&mut self, direction: Direction, sid: Option<&str>, packet: &Packet<'_>) {
        if packet.kind != Kind::Connect || self.namespaces.len() >= MAX_NAMESPACES {
            return;
        }
        let names = packet.data.as_deref().map(Connect::from_json).unwrap_or_default();
        let known = self.namespaces.entry(packet.namespace.clone().into_owned()).or_default();
        // Missed events come before the answer to a client that comes back, and carry offsets already.
        known.recovers |= names.pid.is_some();
        match (direction, self.revision) {
            (Direction::ToClient, Revision::V5) => known.socket = names.sid.or(known.socket.take()),
            (Direction::ToClient, Revision::V4) => {
                known.socket = sid.map(|sid| match packet.namespace.as_ref() {
                    "/" => sid.to_owned(),
                    other => format!("{other}#{sid}"),
                });
            }
            (Direction::ToServer, _) => {}
        }
    }

    fn socket(&self, namespace: &str) -> Option<String> {
        self.namespaces.get(namespace).and_then(|known| known.socket.clone())
    }

    /// "server events without ack get an extra last string argument": taken out as the client takes it out.
    fn take_offset(&self, direction: Direction, packet: &mut SocketIoPacket) {
        let recovers = self.namespaces.get(&packet.namespace).is_some_and(|known| known.recovers);
        let may_carry = direction == Direction::ToClient && packet.kind.is_event() && packet.id.is_none();
        if let (true, Some(data)) = (recovers && may_carry, &packet.data)
            && let Some(recovered) = split_offset(data)
        {
            packet.offset = Some(recovered.offset);
            packet.data = Some(recovered.data);
        }
    }
}

/// The first message that is a sound packet tells how packets are written. A session may carry something else.
fn recognise(content: &Content, revision: Revision) -> Option<Parser> {
    match content {
        Content::Text(text) => {
            let packet = Packet::read(text, revision);
            let sound = packet.notes.is_empty() && !matches!(packet.kind, Kind::Unknown(_) | Kind::Missing);
            sound.then_some(Parser::Default)
        }
        Content::Binary(octets) => read_msgpack(octets, revision).is_ok().then_some(Parser::MessagePack),
    }
}

/// A note on the packet that carried the trouble.
fn remark(found: &mut Found, note: Note) {
    match found.ridden.last_mut() {
        Some(ridden) => ridden.notes.push(note),
        None => found.remarks.push(note),
    }
}
