//! A server with connection state recovery, which socketioxide has not: on engineioxide, on which that one stands, and with
//! the packets that our clients write and read. It does what the official server does with its in-memory adapter; that is
//! checked with the official client (`tests/interop`).
//!
//! - Every event that asks for nothing and is not volatile is remembered, and carries its offset last.
//! - Who is cut off is remembered, with its id and its rooms; who leaves, or is sent away, is not.
//! - Who comes back in time has first what was missed, and then the answer that it is the same.
//!
//! # References
//! - <https://socket.io/docs/v4/connection-state-recovery>; `socket.ts` and `namespace.ts` (`_ids`) of socket.io 4.8.

mod hearing;
mod telling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::sid::Sid;
use engineioxide::{DisconnectReason, Socket, Str, TransportType};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use hearing::unreadable;

use crate::lab::endpoint::ActorError;
use crate::lab::log::Connection;
use crate::lab::logbook::Logbook;
use crate::lab::seed::Chance;
use crate::lab::socketio::emitting::Meant;
use crate::lab::socketio::keeping::Keeping;
use crate::lab::socketio::packet::Packet;
use crate::lab::socketio::recovery::{Memory, Session};
use crate::lab::socketio::server::{Bytes, MOST_WAITING, Watched, failed, locked, of_session, open};
use crate::lab::socketio::{Rules, SocketIoStep};
use crate::lab::tls::Tls;

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
    keeping: Keeping,
    state: Mutex<State>,
    /// Somebody has gone.
    gone: Notify,
}

#[derive(Debug)]
struct State {
    /// In the order in which they came.
    guests: Vec<Guest>,
    memory: Memory,
    /// What names follow from without a seed.
    chance: Chance,
    /// The next id of an event that asks for an acknowledgement: each namespace counts for all who have joined it.
    next_ids: BTreeMap<String, u64>,
    /// By namespace and id: whose answers to an event are not there yet, by their names there, and who waits for them.
    asked: BTreeMap<(String, u64), (BTreeSet<String>, oneshot::Sender<()>)>,
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
    pub fn start(
        listener: TcpListener,
        rules: &Arc<Rules>,
        (tls, log): (Option<&Tls>, &Logbook),
    ) -> rusqlite::Result<Self> {
        let state = State {
            guests: Vec::new(),
            memory: Memory::new(rules.recovers.unwrap_or_default(), rules.seed),
            chance: Chance::of(0, Sid::new().as_str(), 0),
            next_ids: BTreeMap::new(),
            asked: BTreeMap::new(),
        };
        let hall = Arc::new(Hall {
            log: log.clone(),
            rules: Arc::clone(rules),
            keeping: Keeping::open(rules.shelf.as_deref())?,
            state: Mutex::new(state),
            gone: Notify::new(),
        });
        let config = EngineIoConfig::builder().req_path("/socket.io").max_buffer_size(MOST_WAITING);
        let config = match rules.heartbeat {
            Some((every, within)) => config.ping_interval(every).ping_timeout(within),
            None => config,
        };
        let service = EngineIoService::with_config(Arc::clone(&hall), config.build());
        let watching = Arc::downgrade(&hall);
        let tell = move |query: &str| watching.upgrade().iter().for_each(|hall| hall.misses_poll(query));
        let service = Watched { service, tell };
        let mut doors = JoinSet::new();
        let how = (rules.secure.zip(tls.cloned()), rules.names.clone());
        doors.spawn(open(listener, service, how, log.clone()));
        Ok(Self { hall, _doors: doors })
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
            SocketIoStep::Swallow => {
                self.hall.keeping.swallow();
                Ok(())
            }
            SocketIoStep::Lose { client } | SocketIoStep::CutOff { client } => {
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

    /// Who polls is gone when the connection is on which their question is open, as the official server has it.
    fn misses_poll(&self, query: &str) {
        let gone = self.state().guests.iter().map(|guest| Arc::clone(&guest.socket)).find(|socket| {
            socket.transport_type() == TransportType::Polling
                && query.split('&').any(|part| part.strip_prefix("sid=") == Some(socket.id.as_str()))
        });
        gone.iter().for_each(|socket| socket.close(DisconnectReason::TransportError));
    }

    /// Waits until it is seen that a client is gone.
    async fn miss(&self, client: &str) {
        let is_there = |guest: &Guest| self.log.is_of(client, guest.over.client);
        while self.state().guests.iter().any(is_there) {
            self.gone.notified().await;
        }
    }
}

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
