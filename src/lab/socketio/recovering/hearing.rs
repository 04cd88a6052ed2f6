//! What comes from clients, and what follows from it: who may join, who is recovered, what is acknowledged.

use std::collections::BTreeSet;
use std::time::Instant;

use engineioxide::{DisconnectReason, Socket};
use serde_json::Value;

use super::{Guest, Hall, State};
use crate::lab::endpoint::ActorError;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, What};
use crate::lab::socketio::Args;
use crate::lab::socketio::packet::{Kind, Packet};
use crate::lab::socketio::recovery::{PID, Reach, Sent, Session, Ticket};
use crate::lab::socketio::server::failed;
use crate::layer::Direction;

impl Hall {
    /// Takes a packet with all that belongs to it.
    pub(super) fn take(
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
                let Some((Some(event), args)) = packet.args(&attachments) else { return Err(unreadable()) };
                self.hear(state, at, (namespace, id), (event, args))
            }
            Kind::Ack | Kind::BinaryAck => {
                let Some((_, args)) = packet.args(&attachments) else { return Err(unreadable()) };
                self.came(over, &What::Acknowledged { namespace: namespace.clone(), args });
                let (Some(id), Some(session)) = (id, state.guests[at].joined.get(&namespace)) else { return Ok(()) };
                let event = (namespace, id);
                let Some((left, _)) = state.asked.get_mut(&event) else { return Ok(()) };
                // Only the first answer of who was asked counts.
                if left.remove(&session.sid)
                    && left.is_empty()
                    && let Some((_, done)) = state.asked.remove(&event)
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
        // Who is not known any more may still name an event that is on the disk.
        let kept = if back.is_none() { self.keeping.missed(namespace, auth) } else { Vec::new() };
        let (session, missed) = back.unwrap_or_else(|| {
            let client = || self.log.actor_of(over).unwrap_or_default();
            let mut chance = self.rules.names.as_ref().map(|names| names.next(&client()));
            let chance = chance.as_mut().unwrap_or(&mut state.chance);
            let (sid, pid) = (chance.name(), chance.name());
            let rooms = BTreeSet::from([sid.clone()]);
            (Session { namespace: namespace.to_owned(), sid, pid, rooms }, Vec::new())
        });
        let say = |guest: &Guest, event: String, args: Args, offset| {
            let packet = Packet::with_args(namespace, Some(&event), None, &args.clone().with_text(Some(offset)));
            let what = What::Emitted { namespace: namespace.to_owned(), event, args, asks: false };
            self.log.sent(line.unwrap_or_default(), SERVER, over, Direction::ToClient, what);
            guest.say(packet, false)
        };
        for Sent { event, args, offset } in missed {
            say(&state.guests[at], event, args, offset)?;
        }
        let names = serde_json::json!({ "sid": session.sid, PID: session.pid });
        let reach = Reach { rooms: BTreeSet::from([session.sid.clone()]), ..Reach::default() };
        state.guests[at].joined.insert(namespace.to_owned(), session);
        state.guests[at].say((Packet::new(Kind::Connect, namespace, Some(names)), Vec::new()), false)?;
        for (event, args) in kept {
            let offset = state.memory.keep(namespace, reach.clone(), (&event, &args), Instant::now());
            say(&state.guests[at], event, args, offset)?;
        }
        Ok(())
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
        if !self.log.is_under_way(guest.over, Direction::ToServer, &what) {
            return Ok(());
        }
        // The log says that it came once it is stored, as the other server has it.
        let stored = asks.then(|| self.keeping.store(&event, &args)).flatten();
        let Some(line) = self.came(guest.over, &what) else { return Ok(()) };
        if stored.is_some() && self.keeping.swallows() {
            return Ok(());
        }
        if let (Some(id), Some(answer)) = (id, stored.as_ref().or_else(|| self.rules.answer(line, &event))) {
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
    pub(super) fn heard(
        &self,
        socket: &Socket<()>,
        take: impl FnOnce(&Self, &mut State, usize) -> Result<(), ActorError>,
    ) {
        let mut state = self.state();
        let Some(at) = state.guests.iter().position(|guest| guest.socket.id == socket.id) else { return };
        let taken = take(self, &mut state, at);
        drop(state);
        if taken.is_err() {
            socket.close(DisconnectReason::PacketParsingError);
        }
    }
}

pub(super) fn unreadable() -> ActorError {
    failed("read a packet", "it is none of Socket.IO")
}
