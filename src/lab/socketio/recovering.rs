//! A server with connection state recovery, which socketioxide has not: on engineioxide, on which that one stands, and with
//! the packets that our clients write and read. It does what the official server does with its in-memory adapter; that is
//! checked with the official client (`tests/interop`).
//!
//! - Every event that asks for nothing and is not volatile is remembered, and carries its offset last.
//! - Who is cut off is remembered, with its id and its rooms; who leaves, or is sent away, is not.
//! - Who comes back in time has first what was missed, and then the answer that it is the same.
//!
//! # References
//! - <https://socket.io/docs/v4/connection-state-recovery>; `socket.ts` and `namespace.ts` of socket.io 4.8.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::sid::Sid;
use engineioxide::{DisconnectReason, Socket, Str, TransportType};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::lab::endpoint::ActorError;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, What};
use crate::lab::logbook::Logbook;
use crate::lab::seed::Chance;
use crate::lab::socketio::emitting::{self, Meant};
use crate::lab::socketio::packet::{Kind, Packet};
use crate::lab::socketio::recovery::{Memory, PID, Reach, Sent, Session, Ticket};
use crate::lab::socketio::rules::Emission;
use crate::lab::socketio::server::{Bytes, failed, locked, of_session, open};
use crate::lab::socketio::{Args, Audience, Rules, SocketIoStep};
use crate::lab::tls::Tls;
use crate::layer::Direction;

/// The server, as long as it lives.
pub struct RecoveringServer {
    hall: Arc<Hall>,
    /// Takes connections, and serves them.
    _doors: JoinSet<()>,
}

/// What all sessions share.
#[derive(Debug)]
struct Hall {
    log: Logbook,
    rules: Arc<Rules>,
    state: Mutex<State>,
    /// Somebody has gone.
    gone: Notify,
}

#[derive(Debug)]
struct State {
    /// In the order in which they came.
    guests: Vec<Guest>,
    memory: Memory,
    chance: Chance,
    next_id: u64,
    /// How many answers to an event are not there yet, and who waits for them.
    asked: BTreeMap<u64, (usize, oneshot::Sender<()>)>,
}

/// An Engine.IO session.
#[derive(Debug)]
struct Guest {
    socket: Arc<Socket<()>>,
    over: Connection,
    /// What waits for its attachments, and those that came.
    waiting: Option<(Packet, Vec<Vec<u8>>)>,
    /// What it is in each namespace.
    joined: BTreeMap<String, Session>,
}

impl RecoveringServer {
    /// Begins to serve.
    pub fn start(listener: TcpListener, rules: &Arc<Rules>, (tls, log): (Option<&Tls>, &Logbook)) -> Self {
        let seed = match rules.seed {
            Some(seed) => Chance::of(seed.into(), SERVER, 0),
            None => Chance::of(0, Sid::new().as_str(), 0),
        };
        let state = State {
            guests: Vec::new(),
            memory: Memory::new(rules.recovers.unwrap_or_default(), rules.seed),
            chance: seed,
            next_id: 0,
            asked: BTreeMap::new(),
        };
        let hall = Arc::new(Hall {
            log: log.clone(),
            rules: Arc::clone(rules),
            state: Mutex::new(state),
            gone: Notify::new(),
        });
        let config = EngineIoConfig::builder().req_path("/socket.io");
        let config = match rules.heartbeat {
            Some((every, within)) => config.ping_interval(every).ping_timeout(within),
            None => config,
        };
        let service = EngineIoService::with_config(Arc::clone(&hall), config.build());
        let mut doors = JoinSet::new();
        doors.spawn(open(listener, service, rules.secure.zip(tls.cloned()), log.clone()));
        Self { hall, _doors: doors }
    }

    /// Does what the script says.
    pub async fn perform(&mut self, line: usize, step: &SocketIoStep) -> Result<(), ActorError> {
        match step {
            SocketIoStep::ServerEmit { audience, except, emission } => {
                self.hall.emit(line, Meant { audience, except }, emission).await
            }
            SocketIoStep::Room { client, namespace, room, into } => {
                let mut state = self.hall.state();
                let rooms = &mut self.hall.member(&mut state, namespace, client)?.rooms;
                if *into {
                    rooms.insert(room.clone())
                } else {
                    rooms.remove(room)
                };
                Ok(())
            }
            SocketIoStep::Leave { client, .. } => self.hall.send_away(line, client),
            SocketIoStep::Lose { client } => {
                self.hall.miss(client).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Hall {
    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// What a client is in a namespace. Of a client that came again the newest session counts.
    fn member<'a>(&self, state: &'a mut State, namespace: &str, client: &str) -> Result<&'a mut Session, ActorError> {
        let theirs = state.guests.iter_mut().rev().filter(|guest| self.log.is_of(client, guest.over.client));
        let mut members = theirs.filter_map(|guest| guest.joined.get_mut(namespace));
        members.next().ok_or_else(|| failed("find a client", format!("{client} has not joined {namespace}")))
    }

    /// Waits until it is seen that a client is gone; who polled is not missed before its heart is.
    async fn miss(&self, client: &str) {
        let is_there = |guest: &Guest| {
            self.log.is_of(client, guest.over.client) && guest.socket.transport_type() == TransportType::Websocket
        };
        while self.state().guests.iter().any(is_there) {
            self.gone.notified().await;
        }
    }

    fn send_away(&self, line: usize, client: &str) -> Result<(), ActorError> {
        let mut state = self.state();
        for guest in state.guests.iter_mut().filter(|guest| self.log.is_of(client, guest.over.client)) {
            for namespace in std::mem::take(&mut guest.joined).into_keys() {
                let packet = Packet::new(Kind::Disconnect, &namespace, None);
                self.log.sent(line, SERVER, guest.over, Direction::ToClient, What::Left { namespace });
                guest.say((packet, Vec::new()), false)?;
            }
        }
        Ok(())
    }

    /// Emits, and waits until all have it and have acknowledged it if it asks for that.
    async fn emit(&self, line: usize, meant: Meant<'_>, emission: &Emission) -> Result<(), ActorError> {
        let (connections, answered, last) = self.tell(line, meant, emission)?;
        match emission.unanswered {
            // Whether in vain or not: it is waited for so long at most.
            Some(time) => drop(tokio::time::timeout(time, answered).await),
            // Without anyone to answer nobody waits.
            None => drop(answered.await),
        }
        emitting::until_settled(&self.log, line, &connections, last.filter(|_| emission.volatile)).await;
        Ok(())
    }

    /// Sends an event to all it is for; returns who they are, when all of them have answered, and what went last.
    fn tell(&self, line: usize, meant: Meant<'_>, emission: &Emission) -> Result<Told, ActorError> {
        let Emission { namespace, event, volatile, .. } = emission;
        let mut state = self.state();
        let reach = self.reach(&mut state, meant, namespace)?;
        let State { guests, memory, next_id, asked, .. } = &mut *state;
        let is_meant =
            |guest: &&Guest| guest.joined.get(namespace).is_some_and(|session| reach.reaches(&session.rooms));
        let guests: Vec<&Guest> = guests.iter().filter(is_meant).collect();
        let (done, answered) = oneshot::channel();
        let id = (emission.asks() && !guests.is_empty()).then(|| {
            asked.insert(*next_id, (guests.len(), done));
            *next_id += 1;
            *next_id - 1
        });
        let what = |args: &Args| What::Emitted {
            namespace: namespace.clone(),
            event: event.clone(),
            args: args.clone(),
            asks: emission.asks(),
        };
        let rounds = emission.rounds(&emission.args);
        for args in &rounds {
            guests.iter().for_each(|guest| self.log.sent(line, SERVER, guest.over, Direction::ToClient, what(args)));
        }
        // Nobody can take one before all of them are emitted: there is no pause between them.
        for args in &rounds {
            let is_remembered = !emission.asks() && !volatile;
            let offset = is_remembered.then(|| memory.keep(namespace, reach.clone(), (event, args), Instant::now()));
            let packet = Packet::with_args(namespace, Some(event), id, &args.clone().with_text(offset));
            guests.iter().try_for_each(|guest| guest.say(packet.clone(), *volatile))?;
        }
        Ok((guests.iter().map(|guest| guest.over).collect(), answered, rounds.last().map(what)))
    }

    fn reach(&self, state: &mut State, meant: Meant<'_>, namespace: &str) -> Result<Reach, ActorError> {
        let mut of = |client: &str| Ok::<_, ActorError>(self.member(state, namespace, client)?.sid.clone());
        let mut reach = Reach::default();
        match meant.audience {
            Audience::Client(client) => drop(reach.rooms.insert(of(client)?)),
            Audience::Everyone => {}
            Audience::Rooms(rooms) => reach.rooms.extend(rooms.iter().cloned()),
        }
        reach.except.extend(meant.except.rooms.iter().cloned());
        if let Some(client) = &meant.except.client {
            reach.except.insert(of(client)?);
        }
        Ok(reach)
    }

    /// Takes a packet with all that belongs to it.
    fn take(
        &self,
        state: &mut State,
        at: usize,
        (packet, attachments): (Packet, Vec<Vec<u8>>),
    ) -> Result<(), ActorError> {
        let Packet { kind, namespace, id, .. } = packet.clone();
        let over = state.guests[at].over;
        match kind {
            Kind::Connect => self.admit(state, at, &namespace, packet.data.as_ref()),
            Kind::Disconnect => {
                state.guests[at].joined.remove(&namespace);
                self.came(over, &What::Left { namespace });
                Ok(())
            }
            Kind::Event | Kind::BinaryEvent => {
                let Some((Some(event), args)) = packet.args(attachments) else { return Err(unreadable()) };
                self.hear(state, at, (namespace, id), (event, args))
            }
            Kind::Ack | Kind::BinaryAck => {
                let Some((_, args)) = packet.args(attachments) else { return Err(unreadable()) };
                self.came(over, &What::Acknowledged { namespace, args });
                let Some((left, _)) = id.and_then(|id| state.asked.get_mut(&id)) else { return Ok(()) };
                *left -= 1;
                if let (0, Some(id)) = (*left, id)
                    && let Some((_, done)) = state.asked.remove(&id)
                {
                    // Whoever waited may have given up.
                    let _ = done.send(());
                }
                Ok(())
            }
            Kind::ConnectError => Err(unreadable()),
        }
    }

    /// Takes somebody into a namespace, or back into it, or refuses.
    fn admit(&self, state: &mut State, at: usize, namespace: &str, auth: Option<&Value>) -> Result<(), ActorError> {
        let over = state.guests[at].over;
        let line = self.came(over, &What::Joined { namespace: namespace.to_owned(), auth: auth.cloned() });
        let refusal = match self.rules.refused.get(namespace) {
            Some(why) => Some(why.as_str()),
            None => (!self.rules.namespaces.contains(namespace)).then_some("Invalid namespace"),
        };
        if let Some(why) = refusal {
            let packet = Packet::new(Kind::ConnectError, namespace, Some(serde_json::json!({ "message": why })));
            return state.guests[at].say((packet, Vec::new()), false);
        }
        let shown = Ticket::read(auth);
        let back = shown.and_then(|ticket| state.memory.restore(namespace, ticket, Instant::now()));
        let (session, missed) = back.unwrap_or_else(|| {
            let (sid, pid) = (state.chance.name(), state.chance.name());
            let rooms = BTreeSet::from([sid.clone()]);
            (Session { namespace: namespace.to_owned(), sid, pid, rooms }, Vec::new())
        });
        for Sent { event, args, offset } in missed {
            let packet = Packet::with_args(namespace, Some(&event), None, &args.clone().with_text(Some(offset)));
            let what = What::Emitted { namespace: namespace.to_owned(), event, args, asks: false };
            self.log.sent(line.unwrap_or_default(), SERVER, over, Direction::ToClient, what);
            state.guests[at].say(packet, false)?;
        }
        let names = serde_json::json!({ "sid": session.sid, PID: session.pid });
        state.guests[at].joined.insert(namespace.to_owned(), session);
        state.guests[at].say((Packet::new(Kind::Connect, namespace, Some(names)), Vec::new()), false)
    }

    fn hear(
        &self,
        state: &mut State,
        at: usize,
        (namespace, id): (String, Option<u64>),
        (event, args): (String, Args),
    ) -> Result<(), ActorError> {
        let guest = &state.guests[at];
        if !guest.joined.contains_key(&namespace) {
            return Ok(());
        }
        let asks = id.is_some();
        let what = What::Emitted { namespace: namespace.clone(), event: event.clone(), args: args.clone(), asks };
        let Some(line) = self.came(guest.over, &what) else { return Ok(()) };
        if let (Some(id), Some(answer)) = (id, self.rules.answer(line, &event)) {
            let what = What::Acknowledged { namespace: namespace.clone(), args: answer.clone() };
            self.log.sent(line, SERVER, guest.over, Direction::ToClient, what);
            return guest.say(Packet::with_args(&namespace, None, Some(id), answer), false);
        }
        if !self.rules.echoes {
            return Ok(());
        }
        let (reach, now) = (Reach::default(), Instant::now());
        let offset = state.memory.keep(&namespace, reach, (&event, &args), now);
        let packet = Packet::with_args(&namespace, Some(&event), None, &args.with_text(Some(offset)));
        let others = state.guests.iter().filter(|guest| guest.joined.contains_key(&namespace));
        // Who has gone meanwhile asks for it when they come back.
        others.for_each(|guest| drop(guest.say(packet.clone(), false)));
        Ok(())
    }

    fn came(&self, over: Connection, what: &What) -> Option<usize> {
        self.log.came(over, Direction::ToServer, what)
    }

    /// Takes what came over a session; who says what cannot be read is cut off.
    fn heard(&self, socket: &Socket<()>, take: impl FnOnce(&Self, &mut State, usize) -> Result<(), ActorError>) {
        let mut state = self.state();
        let Some(at) = state.guests.iter().position(|guest| guest.socket.id == socket.id) else { return };
        let taken = take(self, &mut state, at);
        drop(state);
        if taken.is_err() {
            socket.close(DisconnectReason::PacketParsingError);
        }
    }
}

/// To whom an event went, when all have answered, and what went last.
type Told = (Vec<Connection>, oneshot::Receiver<()>, Option<What>);

impl Guest {
    fn say(&self, (packet, attachments): (Packet, Vec<Vec<u8>>), volatile: bool) -> Result<(), ActorError> {
        let text = Str::from(packet.to_text());
        let attachments: VecDeque<Bytes> = attachments.into_iter().map(Bytes::from).collect();
        if volatile {
            self.socket.emit_many_volatile(text, attachments);
            return Ok(());
        }
        match self.socket.reserve() {
            Ok(room) => room.emit_many(text, attachments),
            // Who has gone does not hear it, and may come back for it.
            Err(_) if self.socket.is_closed() => {}
            Err(error) => return Err(failed("emit", error)),
        }
        Ok(())
    }
}

fn unreadable() -> ActorError {
    failed("read a packet", "it is none of Socket.IO")
}

impl EngineIoHandler for Hall {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        // Every connection that is served here has one.
        let Ok(over) = of_session(&socket.req_parts) else { return };
        self.state().guests.push(Guest { socket, over, waiting: None, joined: BTreeMap::new() });
    }

    fn on_disconnect(&self, socket: Arc<Socket<()>>, _reason: DisconnectReason) {
        let mut state = self.state();
        let State { guests, memory, .. } = &mut *state;
        for guest in guests.extract_if(.., |guest| guest.socket.id == socket.id) {
            guest.joined.into_values().for_each(|session| memory.part(session, Instant::now()));
        }
        self.gone.notify_waiters();
    }

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        self.heard(&socket, |hall, state, at| {
            let packet = Packet::read(&text).filter(|_| state.guests[at].waiting.is_none()).ok_or_else(unreadable)?;
            if packet.attachments > 0 {
                state.guests[at].waiting = Some((packet, Vec::new()));
                return Ok(());
            }
            hall.take(state, at, (packet, Vec::new()))
        });
    }

    fn on_binary(self: &Arc<Self>, octets: Bytes, socket: Arc<Socket<()>>) {
        self.heard(&socket, |hall, state, at| {
            let (packet, mut attachments) = state.guests[at].waiting.take().ok_or_else(unreadable)?;
            attachments.push(octets.to_vec());
            if attachments.len() < packet.attachments {
                state.guests[at].waiting = Some((packet, attachments));
                return Ok(());
            }
            hall.take(state, at, (packet, attachments))
        });
    }
}
