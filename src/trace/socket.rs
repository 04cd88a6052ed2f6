//! The Socket.IO connections of one Engine.IO session: packets with their attachments joined, namespaces with the names
//! of their connections, and the offsets of connection state recovery.
//!
//! # References
//! - Socket.IO protocol 5, "Packet encoding", "Exchange protocol". Recovery: Socket.IO 4 documentation, "Connection
//!   state recovery".

use std::borrow::Cow;

use std::sync::Arc;

use super::awaited::{Unfinished, Waiting, Why};
use super::carried::{Carried, Found, Frames, Ridden, Rider};
use super::exchange::Exchanges;
use super::namespace::Namespace;
use crate::layer::{Direction, Note, Severity};
use crate::map::{Map, spare};
use crate::message::Carries;
use crate::protocol::engineio::{Data, Version};
use crate::protocol::socketio::{Connect, Kind, Packet, Revision, SocketIoPacket, Usual, read_msgpack};

/// The official parser allows ten; more than this are not waited for.
const MAX_ATTACHMENTS: u64 = 1000;
/// More namespaces than this are not told apart in one session.
const MAX_NAMESPACES: usize = 1000;

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

/// What is known of a session's Socket.IO.
pub(super) struct Sockets {
    revision: Revision,
    parser: Parser,
    waiting: [Option<Waiting>; 2],
    namespaces: Map<String, Namespace>,
    /// How many octets of memory they take.
    named: usize,
    exchanges: Exchanges,
    /// Packets are written as by default, and the namespace `/` is joined, without recovery.
    is_plain: bool,
    /// It was told that a message was no packet of any known parser.
    is_foreign: bool,
    /// The packet that opened the session was captured, so its first CONNECT must have been too.
    from_open: bool,
    /// Octets of this direction are missing: what was joined may not be known.
    doubted: [bool; 2],
    /// They are missing behind the latest text of this direction: so attachments may be that are awaited, and packets whose
    /// attachments come. Or those of the latest are not awaited.
    unsure: [bool; 2],
}

impl Sockets {
    pub(super) fn new(version: Version) -> Self {
        let revision = if version == Version::V3 { Revision::V4 } else { Revision::V5 };
        Self {
            revision,
            parser: Parser::Unheard,
            waiting: [None, None],
            namespaces: Map::default(),
            named: 0,
            exchanges: Exchanges::default(),
            is_plain: false,
            is_foreign: false,
            from_open: false,
            doubted: [false; 2],
            unsure: [false; 2],
        }
    }

    /// How many octets of memory are taken by what a peer can make longer or more of.
    pub(super) fn kept(&self) -> usize {
        self.exchanges.kept() + self.named + self.waiting.iter().flatten().map(Waiting::kept).sum::<usize>()
    }

    /// Octets of the session are missing in this direction.
    pub(super) fn doubt(&mut self, direction: Direction) {
        (self.doubted[direction.index()], self.unsure[direction.index()]) = (true, true);
        self.exchanges.doubt();
    }

    /// The packet that opens the session was captured.
    pub(super) fn seen_from_open(&mut self) {
        self.from_open = true;
    }

    /// Takes an Engine.IO message, if there is nothing to say of it but the kind of the packet that is whole with it, and of which
    /// nobody reads more; `Some(None)` is one that is not whole yet. Else nothing has happened.
    pub(super) fn pass(&mut self, carried: &Carried<'_>, sid: &Arc<str>, message: Carries<'_>) -> Option<Option<Kind>> {
        if !self.is_plain {
            return None;
        }
        match message {
            Carries::Text(text) => self.pass_text(carried, sid, text),
            Carries::Octets(len) => self.pass_octets(carried, len),
        }
    }

    fn pass_text(&mut self, carried: &Carried<'_>, sid: &Arc<str>, text: &[u8]) -> Option<Option<Kind>> {
        if self.waiting[carried.direction.index()].is_some() {
            return None;
        }
        let kind = if text.starts_with(b"5") {
            let packet = Packet::read(std::str::from_utf8(text).ok()?, self.revision);
            let is_usual = packet.kind == Kind::BinaryEvent && packet.namespace == "/" && packet.id.is_none();
            if !is_usual || !packet.notes.is_empty() || !(1..=MAX_ATTACHMENTS).contains(&packet.attachments) {
                return None;
            }
            self.await_attachments(carried, sid, packet);
            None
        } else {
            let usual = Usual::read(text)?;
            Some(self.exchanges.pass(carried.direction, carried.moment, usual).then_some(usual.kind)?)
        };
        self.unsure[carried.direction.index()] = false;
        Some(kind)
    }

    fn pass_octets(&mut self, carried: &Carried<'_>, len: usize) -> Option<Option<Kind>> {
        let is_unsure = self.unsure[carried.direction.index()];
        let waiting = &mut self.waiting[carried.direction.index()];
        let usual = waiting.as_mut().filter(|waiting| !is_unsure && waiting.is_event_with(len))?;
        usual.add(carried, len, None);
        Some(waiting.take_if(|waiting| waiting.is_whole()).map(|_| Kind::BinaryEvent))
    }

    /// Takes what an Engine.IO message carries.
    pub(super) fn hear(&mut self, carried: &Carried<'_>, sid: &Arc<str>, content: &Data<'_>, found: &mut Found) {
        if self.parser == Parser::Unheard && !self.is_foreign {
            self.parser = recognise(content, self.revision).unwrap_or(Parser::Unheard);
            self.name_parser(found);
        }
        match (self.parser, content) {
            (Parser::Default, Data::Text(text)) => self.text(carried, sid, text, found),
            (Parser::Default, Data::Binary(octets)) => self.octets(carried, octets, found),
            (Parser::MessagePack, Data::Binary(octets)) => match read_msgpack(octets, self.revision) {
                Ok(packet) => found.ridden.push(self.resolve(carried, sid, packet)),
                Err(note) => remark(found, note),
            },
            (Parser::MessagePack, Data::Text(_)) => {
                let text = "text where the other packets are MessagePack";
                remark(found, Note::new(Severity::Warn, text, self.revision.packet_encoding()));
            }
            (Parser::Unheard, _) => {}
        }
        let main = self.namespaces.get("/");
        self.is_plain = self.parser == Parser::Default && main.is_some_and(|known| !known.recovers);
    }

    /// Says how packets are written, if not as by default.
    fn name_parser(&mut self, found: &mut Found) {
        let text = match self.parser {
            Parser::Default => return,
            Parser::MessagePack => "the packets of this session are MessagePack, not the text of the default parser",
            // Of one that was joined in its middle, or behind what is missing, this may be an attachment.
            Parser::Unheard if !self.is_whole() || std::mem::replace(&mut self.is_foreign, true) => return,
            Parser::Unheard => {
                "no packet of Socket.IO as its default parser or socket.io-msgpack-parser writes them: another parser, or \
                 another protocol on Engine.IO; not read further"
            }
        };
        remark(found, Note::new(Severity::Note, text, "Socket.IO documentation, Custom parser"));
    }

    fn text(&mut self, carried: &Carried<'_>, sid: &Arc<str>, text: &str, found: &mut Found) {
        let is_unsure = std::mem::take(&mut self.unsure[carried.direction.index()]);
        if let Some(waiting) = self.waiting[carried.direction.index()].take() {
            self.give_up(carried, waiting, if is_unsure { Why::Missing } else { Why::Text }, found);
        }
        let packet = Packet::read(text, self.revision);
        let attachments = packet.attachments;
        if !packet.kind.is_binary() || attachments == 0 {
            return found.ridden.push(self.resolve(carried, sid, packet));
        }
        if attachments > MAX_ATTACHMENTS {
            let note =
                format!("a packet with {attachments} attachments: more than {MAX_ATTACHMENTS} are not waited for");
            self.unsure[carried.direction.index()] = true;
            return remark(found, Note::new(Severity::Warn, note, self.revision.packet_encoding()));
        }
        self.await_attachments(carried, sid, packet);
    }

    fn await_attachments(&mut self, carried: &Carried<'_>, sid: &Arc<str>, packet: Packet<'_>) {
        let notes = packet.notes.clone();
        let packet = SocketIoPacket {
            revision: self.revision,
            sid: Some(Arc::clone(sid)),
            socket: self.socket(&packet.namespace),
            namespace: owned(packet.namespace),
            kind: packet.kind,
            id: packet.id,
            data: packet.data.map(Cow::into_owned),
            offset: None,
            attachments: packet.attachments,
            answers: None,
        };
        self.waiting[carried.direction.index()] = Some(Waiting::new(packet, notes, carried));
    }

    fn octets(&mut self, carried: &Carried<'_>, octets: &[u8], found: &mut Found) {
        let waiting = self.waiting[carried.direction.index()].take();
        let is_unsure = self.unsure[carried.direction.index()];
        let mut waiting = match waiting {
            Some(waiting) if !is_unsure => waiting,
            waiting => {
                waiting.into_iter().for_each(|waiting| self.give_up(carried, waiting, Why::Missing, found));
                let (severity, note) = match is_unsure {
                    true => (Severity::Note, "octets before these are not known: nor is which packet they belong to"),
                    false => (Severity::Error, "octets that no packet announced"),
                };
                return remark(found, Note::new(severity, note, self.revision.packet_encoding()));
            }
        };
        if !waiting.add(carried, octets.len(), Some(octets)) {
            self.unsure[carried.direction.index()] = true;
            return self.give_up(carried, waiting, Why::TooMuch, found);
        }
        if !waiting.is_whole() {
            self.waiting[carried.direction.index()] = Some(waiting);
            return;
        }
        let (mut packet, mut notes, frames) = waiting.finish();
        let known = self.namespaces.get_mut(packet.namespace.as_ref());
        let whole = known.is_some();
        known.into_iter().for_each(|known| known.take_offset(carried.direction, carried.moment, &mut packet));
        let way = (carried.direction, carried.lacks);
        self.exchanges.hear(way, carried.moment, whole, &mut packet, &mut notes);
        found.ridden.push(Ridden { payload: Rider::SocketIo(packet), notes, frames, complete: true });
    }

    /// Tells a packet that does not get its attachments, before what shows that.
    fn give_up(&mut self, carried: &Carried<'_>, waiting: Waiting, why: Why, found: &mut Found) {
        let Unfinished { last, mut ridden } = waiting.give_up(why);
        if let Rider::SocketIo(packet) = &mut ridden.payload {
            // Its id was used.
            let whole = self.namespaces.contains_key(packet.namespace.as_ref());
            let way = (carried.direction, carried.lacks);
            self.exchanges.hear(way, last.moment, whole, packet, &mut ridden.notes);
        }
        found.ridden.insert(found.ridden.len().saturating_sub(1), ridden);
    }

    /// On which connections the latest parts came of what waits for attachments.
    pub(super) fn awaits(&self) -> [Option<u32>; 2] {
        self.waiting.each_ref().map(|waiting| waiting.as_ref().and_then(Waiting::connection))
    }

    /// A connection has ended: no more attachments come for what came on it last.
    pub(super) fn part(&mut self, connection: u32, why: Why, told: &mut Vec<Unfinished>) {
        for (waiting, is_unsure) in self.waiting.iter_mut().zip(self.unsure) {
            if let Some(over) = waiting.take_if(|waiting| waiting.connection() == Some(connection)) {
                told.push(over.give_up(if is_unsure { Why::Missing } else { why }));
            }
        }
    }

    /// Ties a packet to its namespace, and learns from what opens and closes one.
    fn resolve(&mut self, carried: &Carried<'_>, sid: &Arc<str>, mut packet: Packet<'_>) -> Ridden {
        let direction = carried.direction;
        let mut notes = std::mem::take(&mut packet.notes);
        let known = self.namespaces.get(packet.namespace.as_ref());
        let whole = known.is_some();
        let mut socket = known.and_then(|known| known.socket.clone());
        self.check_joined(direction, &packet, whole, &mut notes);
        match packet.kind {
            Kind::Connect => {
                self.learn(direction, sid, &packet);
                socket = None;
            }
            Kind::ConnectError => socket = None,
            Kind::Disconnect => self.leave(&packet.namespace),
            _ => {}
        }
        let mut told = SocketIoPacket {
            revision: self.revision,
            sid: Some(Arc::clone(sid)),
            socket,
            namespace: owned(packet.namespace),
            kind: packet.kind,
            id: packet.id,
            data: packet.data.filter(|_| carried.wanted).map(Cow::into_owned),
            offset: None,
            attachments: packet.attachments,
            answers: None,
        };
        if let Some(known) = self.namespaces.get_mut(told.namespace.as_ref()) {
            known.take_offset(direction, carried.moment, &mut told);
        }
        self.exchanges.hear((direction, carried.lacks), carried.moment, whole, &mut told, &mut notes);
        Ridden { payload: Rider::SocketIo(told), notes, frames: Frames::of(carried), complete: true }
    }

    fn learn(&mut self, direction: Direction, sid: &Arc<str>, packet: &Packet<'_>) {
        if packet.kind != Kind::Connect || self.namespaces.len() >= MAX_NAMESPACES {
            return;
        }
        let names = packet.data.as_deref().map(Connect::from_json).unwrap_or_default();
        let before = self.namespaces.get(packet.namespace.as_ref()).map_or(0, |known| known.kept(&packet.namespace));
        let known = self.namespaces.entry(packet.namespace.clone().into_owned()).or_default();
        known.learn(&names);
        match (direction, self.revision) {
            (Direction::ToClient, Revision::V5) => known.socket = names.sid.map(Into::into).or(known.socket.take()),
            (Direction::ToClient, Revision::V4) => {
                known.socket = Some(match packet.namespace.as_ref() {
                    "/" => Arc::clone(sid),
                    other => format!("{other}#{sid}").into(),
                });
            }
            (Direction::ToServer, _) => {}
        }
        self.named = self.named - before + known.kept(&packet.namespace);
    }

    fn leave(&mut self, namespace: &str) {
        if let Some(known) = self.namespaces.remove(namespace) {
            self.named -= known.kept(namespace);
            spare(&mut self.namespaces);
        }
    }

    /// "the client MUST send a CONNECT packet at the beginning" of protocol 5. A session that was opened before the
    /// capture began may have shown it then, unless others were shown.
    fn check_joined(&self, direction: Direction, packet: &Packet<'_>, joined: bool, notes: &mut Vec<Note>) {
        let needs = packet.kind.is_event() && direction == Direction::ToServer && self.revision == Revision::V5;
        let was_shown = self.from_open || !self.namespaces.is_empty();
        if needs && !joined && was_shown && !self.doubted[Direction::ToServer.index()] {
            let text = format!("an event in the namespace {}, which was not joined", packet.namespace);
            notes.push(Note::new(Severity::Warn, text, self.revision.connection_to_a_namespace()));
        }
    }

    /// Whether nothing is missing since the session was opened.
    fn is_whole(&self) -> bool {
        self.from_open && self.doubted == [false; 2]
    }

    fn socket(&self, namespace: &str) -> Option<Arc<str>> {
        self.namespaces.get(namespace).and_then(|known| known.socket.clone())
    }
}

/// The namespace that nearly all packets have needs no memory.
fn owned(namespace: Cow<'_, str>) -> Cow<'static, str> {
    match namespace.as_ref() {
        "/" => Cow::Borrowed("/"),
        _ => Cow::Owned(namespace.into_owned()),
    }
}

/// The first message that is a sound packet tells how packets are written. A session may carry something else.
fn recognise(content: &Data<'_>, revision: Revision) -> Option<Parser> {
    match content {
        Data::Text(text) => {
            let packet = Packet::read(text, revision);
            let sound = packet.notes.is_empty() && packet.kind.is_defined();
            sound.then_some(Parser::Default)
        }
        Data::Binary(octets) => read_msgpack(octets, revision).is_ok().then_some(Parser::MessagePack),
    }
}

/// A note on the packet that carried the trouble.
fn remark(found: &mut Found, note: Note) {
    match found.ridden.last_mut() {
        Some(ridden) => ridden.notes.push(note),
        None => found.remarks.push(note),
    }
}
