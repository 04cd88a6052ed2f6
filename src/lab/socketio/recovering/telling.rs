//! What the server says because the script wants it: events, and goodbye.

use std::time::Instant;

use tokio::sync::oneshot;

use super::{Guest, Hall, State};
use crate::lab::endpoint::ActorError;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, What};
use crate::lab::socketio::emitting::{self, Meant};
use crate::lab::socketio::packet::{Kind, Packet};
use crate::lab::socketio::recovery::Reach;
use crate::lab::socketio::rules::Emission;
use crate::lab::socketio::{Args, Audience};
use crate::layer::Direction;

impl Hall {
    pub(super) fn send_away(&self, line: usize, client: &str) -> Result<(), ActorError> {
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
    pub(super) async fn emit(&self, line: usize, meant: Meant<'_>, emission: &Emission) -> Result<(), ActorError> {
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
        let State { guests, memory, next_ids, asked, .. } = &mut *state;
        let is_meant =
            |guest: &&Guest| guest.joined.get(namespace).is_some_and(|session| reach.reaches(&session.rooms));
        let guests: Vec<&Guest> = guests.iter().filter(is_meant).collect();
        let (done, answered) = oneshot::channel();
        let id = (emission.asks() && !guests.is_empty()).then(|| {
            let id = next_ids.entry(namespace.clone()).or_default();
            let whose = guests.iter().filter_map(|guest| Some(guest.joined.get(namespace)?.sid.clone()));
            // Who has given up waits for nothing any more.
            asked.retain(|_, (_, waits)| !waits.is_closed());
            asked.insert((namespace.clone(), *id), (whose.collect(), done));
            *id += 1;
            *id - 1
        });
        let what = |args: &Args| What::Emitted {
            namespace: namespace.clone(),
            event: event.clone(),
            args: args.clone(),
            asks: emission.asks(),
        };
        let rounds = emission.rounds(&self.keeping.keep(meant, emission)?);
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
}

/// To whom an event went, when all have answered, and what went last.
type Told = (Vec<Connection>, oneshot::Receiver<()>, Option<What>);
