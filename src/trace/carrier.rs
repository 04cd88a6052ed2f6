//! The Engine.IO that one connection carries: in the bodies of polls and their answers, or in the messages of a
//! WebSocket. What rides on that in turn, over all connections of a session, is for [`Sessions`].
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Transports", "Upgrade".

use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::body::Body;
use super::carried::{Carried, Found, Frames, Ridden, Rider};
use super::guess::{self, Guess};
use super::session::Sessions;
use super::watch::Tally;
use crate::flow::{Connection, Opening, Stream};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Carries, Glance, Payload};
use crate::protocol::engineio::{
    Content, Data, EngineIoPacket, ErrorBody, Kind, Open, Packet, Query, QueryReader, Transport, Version,
};
use crate::protocol::{HttpMessage, Opcode, Side, WebSocketFrame, WebSocketMessage};

/// More requests than this are not remembered while they wait for their answers.
const MAX_PENDING: usize = 1024;

/// What a connection carries.
#[derive(Default)]
#[repr(C)]
pub(super) struct Carrier {
    /// It speaks no HTTP any more.
    changed: bool,
    /// It is a WebSocket that carries a session.
    socket: Option<Socket>,
    /// Requests that were not answered yet, in order.
    pub(super) requests: VecDeque<Request>,
    queries: QueryReader,
    /// The session that was asked for last, and where it was found among all.
    latest: Option<Arc<str>>,
    place: usize,
    /// It is not known which request was answered last: then nor is which of them wait.
    unsure: bool,
    /// Whether a WebSocket that was joined in its middle carries a session.
    guess: Guess,
}

/// A request that waits for its answer.
pub(super) struct Request {
    /// Where it begins in the client's stream.
    start: u64,
    /// The frame in which it ended.
    frame: u32,
    poll: Option<Poll>,
}

/// A request of a session.
struct Poll {
    query: Query,
    post: bool,
    /// It asks for a stream of its own (RFC 8441 §4).
    connect: bool,
}

/// A WebSocket that carries a session.
struct Socket {
    version: Version,
    sid: Option<Arc<str>>,
    /// Where that was found among all sessions.
    place: usize,
}

impl Carrier {
    /// The connection changes from HTTP to another protocol.
    pub(super) fn change(&mut self) {
        self.changed = true;
    }

    /// The sessions that are spoken of on the connection just now, or were last.
    pub(super) fn sids(&self) -> impl Iterator<Item = &str> {
        let polls = self.requests.iter().filter_map(|request| request.poll.as_ref()?.query.sid.as_deref());
        self.socket.iter().filter_map(|socket| socket.sid.as_deref()).chain(polls).chain(self.latest.as_deref())
    }

    /// Whether anything may be in the messages of the connection.
    pub(super) fn is_idle(&self) -> bool {
        self.changed && self.socket.is_none()
    }

    /// Whether the octets of messages of this direction are needed, because packets may be in them.
    pub(super) fn needs_octets(&self, connection: &Connection, direction: Direction) -> bool {
        match direction {
            _ if self.changed || self.socket.is_some() => self.socket.is_some(),
            _ if connection.opening == Opening::Guessed && self.guess.goes_on() => true,
            // Whether it is a request of a session, its head tells when all of it is there.
            Direction::ToServer => true,
            // Where octets are missing, it may not be the oldest that is answered.
            Direction::ToClient => self.requests.iter().any(|request| request.poll.is_some()),
        }
    }

    /// Looks into a message; finds the packets it carries. Returns for a response the frame in which its request ended.
    pub(super) fn hear(
        &mut self,
        carried: &Carried<'_>,
        payload: &dyn Payload,
        client: &Stream,
        sessions: &mut Sessions,
        found: &mut Found,
    ) -> Option<u32> {
        let any = payload.as_any();
        if let Some(http) = any.downcast_ref::<HttpMessage>() {
            self.guess.give_up();
            return match http.side {
                Side::Request => {
                    self.request(carried, http, sessions, found);
                    None
                }
                Side::Response => self.response(carried, http, client, sessions, found),
                Side::Unreadable => None,
            };
        }
        let (Some(bytes), true) = (carried.bytes, carried.complete) else {
            // What was in it is not known.
            let sid = self.socket.as_ref().and_then(|socket| socket.sid.as_deref());
            sid.into_iter().for_each(|sid| sessions.doubt(sid, carried.direction));
            return None;
        };
        if self.socket.is_none() && self.may_join(carried) {
            self.join(carried, any, bytes, sessions, found);
        }
        let socket = self.socket.as_mut()?;
        if let Some(frame) = any.downcast_ref::<WebSocketFrame>() {
            if frame.fin && !frame.encoded && matches!(frame.opcode, Opcode::Text | Opcode::Binary) {
                let mut buffer = std::mem::take(&mut found.buffer);
                socket.hear(carried, frame.opcode, frame.payload_into(bytes, &mut buffer), sessions, found);
                found.buffer = buffer;
            }
        } else if let Some(message) = any.downcast_ref::<WebSocketMessage>() {
            let mut buffer = std::mem::take(&mut found.buffer);
            match message.payload_into(bytes, &mut buffer) {
                Some(octets) => socket.hear(carried, message.opcode, octets, sessions, found),
                None => socket.sid.iter().for_each(|sid| sessions.doubt(sid, carried.direction)),
            }
            found.buffer = buffer;
        }
        None
    }

    /// Takes a message that is as usual, if what it carries is so too and only counts. Else nothing has happened.
    pub(super) fn glance(
        &mut self,
        carried: &Carried<'_>,
        usual: &Glance<'_>,
        sessions: &mut Sessions,
    ) -> Option<Tally> {
        let Socket { sid: Some(sid), version, place } = self.socket.as_mut()? else { return None };
        let message = match usual.carries {
            // In all versions this is the text of a packet of type message.
            Carries::Text(text) => Carries::Text(text.strip_prefix(b"4")?),
            // In others their type comes first.
            Carries::Octets(_) if *version != Version::V4 => return None,
            octets @ Carries::Octets(_) => octets,
        };
        let mut tally = Tally::default();
        sessions.pass(carried, (sid, place), message, &mut tally).then_some(tally)
    }

    /// Whether this may be a WebSocket of which nobody saw how it began.
    fn may_join(&self, carried: &Carried<'_>) -> bool {
        let is_joined = |connection: &Connection| connection.opening == Opening::Guessed;
        !self.changed && self.guess.goes_on() && carried.connection.is_some_and(is_joined)
    }

    /// Takes it for one that carries a session, if its message looks so.
    fn join(&mut self, carried: &Carried<'_>, any: &dyn Any, bytes: &[u8], sessions: &mut Sessions, found: &mut Found) {
        let (Some(connection), Some(frame)) = (carried.connection, any.downcast_ref::<WebSocketFrame>()) else {
            return;
        };
        if !frame.fin || frame.encoded || frame.opcode != Opcode::Text {
            return;
        }
        if self.guess.is_socketio(frame.payload_into(bytes, &mut found.buffer)) {
            let sid = guess::nameless(connection.id);
            found.remarks.push(guess::note(&sid));
            sessions.join(&sid, found);
            self.socket = Some(Socket { version: Version::V4, sid: Some(sid), place: 0 });
        }
    }

    fn request(&mut self, carried: &Carried<'_>, http: &HttpMessage, sessions: &mut Sessions, found: &mut Found) {
        if self.requests.len() >= MAX_PENDING {
            return;
        }
        let poll = carried.bytes.and_then(|bytes| {
            let (method, target) = http.request_line(bytes)?;
            let query = self.queries.read(target);
            let (post, connect) = (method == b"POST", method == b"CONNECT");
            query.is_engineio().then_some((Poll { query, post, connect }, bytes))
        });
        if let Some(sid) = poll.as_ref().and_then(|(poll, _)| poll.query.sid.as_ref())
            && self.latest.as_ref() != Some(sid)
        {
            self.latest = Some(Arc::clone(sid));
        }
        sessions.noticed |= poll.is_some() && carried.complete;
        if let Some((Poll { query, post: true, .. }, bytes)) = &poll
            && query.transport == Some(Transport::Polling)
        {
            match Body::of_request(http, bytes, query) {
                Some(body) => body.read(carried, query, &mut query.sid.clone(), &mut self.place, sessions, found),
                // What was in it is not known.
                None => query.sid.iter().for_each(|sid| sessions.doubt(sid, Direction::ToServer)),
            }
        }
        let poll = poll.filter(|_| carried.complete);
        if let (None, Some(sid)) = (&poll, self.latest.as_deref().filter(|_| !carried.complete)) {
            // What else was in it is not known.
            sessions.doubt(sid, Direction::ToServer);
        }
        if let Some((Poll { query, post, .. }, _)) = &poll
            && let (Some(sid), Some(Transport::Polling)) = (&query.sid, &query.transport)
        {
            let carried = &Carried { lacks: carried.lacks || self.unsure, ..*carried };
            let version = query.version.unwrap_or(Version::V4);
            sessions.ask(carried, (sid, &mut self.place), version, *post, found);
        }
        let (start, frame) = (carried.start, carried.moment.frame);
        self.requests.push_back(Request { start, frame, poll: poll.map(|(poll, _)| poll) });
    }

    fn response(
        &mut self,
        carried: &Carried<'_>,
        http: &HttpMessage,
        client: &Stream,
        sessions: &mut Sessions,
        found: &mut Found,
    ) -> Option<u32> {
        let Some(answers) = http.answers.clone() else {
            if !std::mem::replace(&mut self.unsure, true) {
                self.sids().for_each(|sid| sessions.unsettle(sid));
                if carried.lacks {
                    sessions.miss(&self.sids().collect(), carried.server());
                }
            }
            return None;
        };
        self.unsure = false;
        let place = self.requests.iter().position(|request| request.start == answers.start);
        let Some(place) = place else { return client.frames(answers).last().copied() };
        let frame = self.requests.get(place).map(|request| request.frame);
        let Some(status) = http.status() else { return frame };
        // Responses such as 100 only announce; the request still waits.
        if (100..200).contains(&status) && status != 101 {
            return frame;
        }
        let answered = self.requests.drain(..=place).next_back();
        let poll = answered.and_then(|request| request.poll);
        match (poll, carried.bytes) {
            (Some(poll), Some(bytes)) if carried.complete => {
                self.answer(carried, http, status, poll, bytes, sessions, found);
            }
            (Some(poll), bytes) => {
                let is_poll = status == 200 && poll.query.transport == Some(Transport::Polling) && !poll.post;
                let body = bytes.filter(|_| is_poll).and_then(|bytes| Body::of_response(http, bytes, &poll.query));
                if let Some(body) = body {
                    body.read(carried, &poll.query, &mut poll.query.sid.clone(), &mut self.place, sessions, found);
                }
                // What else was in it is not known.
                poll.query.sid.iter().for_each(|sid| sessions.doubt(sid, Direction::ToClient));
            }
            (None, _) => {}
        }
        frame
    }

    #[expect(clippy::too_many_arguments, reason = "an answer is read in the light of all of them")]
    fn answer(
        &mut self,
        carried: &Carried<'_>,
        http: &HttpMessage,
        status: u16,
        poll: Poll,
        bytes: &[u8],
        sessions: &mut Sessions,
        found: &mut Found,
    ) {
        let Poll { mut query, post, connect } = poll;
        if let (Some(sid), Some(Transport::Polling)) = (&query.sid, &query.transport) {
            let body = if post { http.body(bytes) } else { Cow::default() };
            sessions.answer(carried, (sid, &mut self.place), post, (status, &body), found);
        }
        match (status, &query.transport) {
            (status, Some(Transport::WebSocket)) if status == 101 || (connect && status == 200) => {
                let version = query.version.unwrap_or(Version::V4);
                self.socket = Some(Socket { version, sid: query.sid, place: 0 });
            }
            (200, Some(Transport::Polling)) if !post => match Body::of_response(http, bytes, &query) {
                Some(body) => {
                    let mut sid = query.sid.take();
                    body.read(carried, &query, &mut sid, &mut self.place, sessions, found);
                }
                None => query.sid.iter().for_each(|sid| sessions.doubt(sid, Direction::ToClient)),
            },
            (400 | 403, _) => refused(&String::from_utf8_lossy(&http.body(bytes)), found),
            _ => {}
        }
    }
}

impl Socket {
    fn hear(
        &mut self,
        carried: &Carried<'_>,
        opcode: Opcode,
        octets: &[u8],
        sessions: &mut Sessions,
        found: &mut Found,
    ) {
        let packet = match opcode {
            Opcode::Text => Packet::from_text(self.version, octets),
            _ => Packet::from_binary(self.version, octets),
        };
        read_packet(carried, self.version, &Transport::WebSocket, &mut self.sid, packet, sessions, found);
    }
}

/// Finds in a packet what it carries. `sid` is the session, which the packet that opens it names.
pub(super) fn read_packet(
    carried: &Carried<'_>,
    version: Version,
    transport: &Transport,
    sid: &mut Option<Arc<str>>,
    packet: Packet<'_>,
    sessions: &mut Sessions,
    found: &mut Found,
) {
    if !carried.wanted && passes(carried, sid.as_ref(), &packet, sessions, &mut found.tally) {
        return;
    }
    let mut notes = packet.notes;
    if let (Kind::Open, Data::Text(json)) = (packet.kind, &packet.data) {
        match Open::from_json(json) {
            // By WebTransport a client begins with one, too, empty or with the session that it moves.
            Err(_) if carried.direction == Direction::ToServer && json.is_empty() => {}
            Ok(open) if carried.direction == Direction::ToServer => {
                *sid = open.sid.as_deref().map(Into::into).or(sid.take());
            }
            Ok(open) => {
                *sid = open.sid.as_deref().map(Into::into).or(sid.take());
                if let Some(sid) = sid {
                    sessions.open(carried, sid, version, &open, found);
                }
            }
            Err(note) => notes.push(note),
        }
    }
    let (kind, transport) = (packet.kind, transport.clone());
    let content = content(carried, &packet.data);
    let payload = EngineIoPacket { version, transport, sid: sid.clone(), kind, content };
    let frames = Frames::of(carried);
    found.ridden.push(Ridden { payload: Rider::EngineIo(payload), notes, frames, complete: true });
    if let Some(sid) = sid {
        sessions.hear(carried, sid, (version, kind), &packet.data, found);
    }
}

/// What a packet carries, kept if someone reads it.
pub(super) fn content(carried: &Carried<'_>, data: &Data<'_>) -> Content {
    match data {
        _ if !carried.wanted => Content::Text(String::new()),
        Data::Text(text) => Content::Text(text.clone().into_owned()),
        Data::Binary(octets) => Content::Binary(octets.clone().into_owned()),
    }
}

/// Counts a packet, if there is nothing to say of it but what it is. Else nothing has happened.
fn passes(
    carried: &Carried<'_>,
    sid: Option<&Arc<str>>,
    packet: &Packet<'_>,
    sessions: &mut Sessions,
    tally: &mut Tally,
) -> bool {
    let (Kind::Message, Some(sid), []) = (packet.kind, sid, &*packet.notes) else { return false };
    let message = match &packet.data {
        Data::Text(text) => Carries::Text(text.as_bytes()),
        Data::Binary(octets) => Carries::Octets(octets.len()),
    };
    sessions.pass(carried, (sid, &mut 0), message, tally)
}

/// A refusal is no packet: it is told on the answer that holds it.
fn refused(body: &str, found: &mut Found) {
    if let Some(error) = ErrorBody::from_json(body) {
        let text = format!("Engine.IO refuses: {}", error.message);
        found.remarks.push(Note::new(Severity::Warn, text, "Engine.IO protocol 4, Handshake").about(Group::Response));
    }
}
