//! A client of Socket.IO protocol 5: what a script lets it do with its session.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::lab::endpoint::ActorError;
use crate::lab::log::{Connection, Entry, What};
use crate::lab::logbook::Logbook;
use crate::lab::seed::Chance;
use crate::lab::socketio::packet::{Kind, Packet};
use crate::lab::socketio::rules::Emission;
use crate::lab::socketio::session::{Beginning, Command, Known, begin, frames, locked};
use crate::lab::socketio::way::Way;
use crate::lab::socketio::{Remembered, Rules, Transports};
use crate::lab::tls::Tls;
use crate::layer::Direction;

/// A client with a session.
pub struct SocketIoClient {
    name: String,
    connection: Connection,
    commands: UnboundedSender<Command>,
    known: Arc<Mutex<Known>>,
    log: Logbook,
    next_id: u64,
    /// The session lives here, and ends with it.
    life: JoinSet<()>,
}

/// How long a client waits for an acknowledgement before it sends again.
const PATIENCE: Duration = Duration::from_millis(120);
/// How often it sends.
const TRIES: u32 = 4;

impl SocketIoClient {
    /// Begins a session and joins a namespace in it. It remembers what it had, if it is to come back as the same.
    pub async fn begin(
        (name, line, server): (&str, usize, SocketAddr),
        (transports, remembered): (Transports, Remembered),
        (namespace, auth): (&str, Option<&Value>),
        rules: Arc<Rules>,
        (tls, log): (Option<&Tls>, &Logbook),
    ) -> Result<Self, ActorError> {
        let secure = rules.secure.zip(tls.cloned());
        let is_seeded = rules.seed.is_some();
        let (commands, inbox) = unbounded_channel();
        let known = Arc::new(Mutex::new(Known { remembered, ..Known::default() }));
        let beginning = Beginning {
            way: Way {
                client: name.to_owned(),
                line,
                server,
                secure,
                fields: rules.fields.clone(),
                chance: rules.seed.map(|seed| Chance::of(seed.into(), name, line as u64)),
                log: log.clone(),
            },
            rules,
            known: Arc::clone(&known),
            commands: inbox,
        };
        let (connection, life) = begin(beginning, transports).await?;
        let log = log.clone();
        let mut client =
            Self { name: name.to_owned(), connection, commands, known, log, next_id: 0, life: JoinSet::new() };
        if is_seeded {
            // The lab's servers ask at once whether a client is there. Whether that comes before the answer to what it says
            // first is left to chance, unless it comes before that.
            client.life.spawn(life);
            client.until(|known, _| known.is_asked).await?;
            client.ask_to_join(line, namespace, auth);
        } else {
            client.ask_to_join(line, namespace, auth);
            client.life.spawn(life);
        }
        client.has_joined(namespace).await?;
        if transports == Transports::Upgrade {
            let (done, is_done) = oneshot::channel();
            client.command(Command::Upgrade(done));
            if is_done.await.is_err() {
                client.until(|_, _| false).await?;
            }
        }
        Ok(client)
    }

    /// Joins a namespace besides.
    pub async fn join(&mut self, line: usize, namespace: &str, auth: Option<&Value>) -> Result<(), ActorError> {
        self.ask_to_join(line, namespace, auth);
        self.has_joined(namespace).await
    }

    fn ask_to_join(&self, line: usize, namespace: &str, auth: Option<&Value>) {
        let auth = auth.cloned();
        self.sends(line, What::Joined { namespace: namespace.to_owned(), auth: auth.clone() });
        self.command(Command::Send(frames((Packet::new(Kind::Connect, namespace, auth), Vec::new()))));
    }

    async fn has_joined(&self, namespace: &str) -> Result<(), ActorError> {
        self.until(|known, entries| known.namespaces.contains_key(namespace) && self.is_quiet(entries)).await
    }

    /// Emits an event, and waits until the server has it, and for the acknowledgement if it asks for one.
    pub async fn emit(&mut self, line: usize, emission: &Emission) -> Result<(), ActorError> {
        let Emission { namespace, event, args, answer, unanswered, again, .. } = emission;
        if *again {
            return self.emit_until_acknowledged(line, emission).await;
        }
        let wanted = self.acknowledged() + usize::from(answer.is_some());
        for args in &emission.rounds(args) {
            let id = emission.asks().then(|| {
                self.next_id += 1;
                self.next_id - 1
            });
            let (namespace_of, event_of) = (namespace.clone(), event.clone());
            let what =
                What::Emitted { namespace: namespace_of, event: event_of, args: args.clone(), asks: emission.asks() };
            self.sends(line, what);
            self.command(Command::Send(frames(Packet::with_args(namespace, Some(event), id, args))));
        }
        self.until(|_, entries| self.is_quiet(entries) && self.acknowledged_of(entries) >= wanted).await?;
        if let Some(time) = unanswered {
            tokio::time::sleep(*time).await;
        }
        Ok(())
    }

    /// Emits an event again and again until the server acknowledges it: at least once it is stored then.
    async fn emit_until_acknowledged(&mut self, line: usize, emission: &Emission) -> Result<(), ActorError> {
        let Emission { namespace, event, args, .. } = emission;
        let wanted = self.acknowledged() + 1;
        for _ in 0..TRIES {
            let id = self.next_id;
            self.next_id += 1;
            let (namespace_of, event_of) = (namespace.clone(), event.clone());
            self.sends(
                line,
                What::Emitted { namespace: namespace_of, event: event_of, args: args.clone(), asks: true },
            );
            self.command(Command::Send(frames(Packet::with_args(namespace, Some(event), Some(id), args))));
            // A client cannot know when the server has it, and counts from its own sending. Here it counts from there, so that a
            // slow disk is never taken for a lost answer, and ten plays are alike.
            self.until(|_, entries| self.came_to_server(entries)).await?;
            let answered =
                |_: &Known, entries: &[Entry]| self.is_quiet(entries) && self.acknowledged_of(entries) >= wanted;
            if let Ok(answered) = tokio::time::timeout(PATIENCE, self.until(answered)).await {
                return answered;
            }
            // Nor is an answer that is on its way, on a busy machine.
            if self.log.with_entries(|entries| self.is_acknowledgement_under_way(entries)) {
                return self.until(answered).await;
            }
        }
        Err(ActorError::Unreadable(format!("the server did not acknowledge `{event}`, sent {TRIES} times")))
    }

    /// What it comes back with.
    pub fn remembers(&self) -> Remembered {
        locked(&self.known).remembered.clone()
    }

    /// Waits until the server is gone.
    pub async fn loses_server(mut self) {
        self.log.loses(self.connection);
        self.life.join_next().await;
    }

    /// Ends the session, and says so.
    pub async fn leave(mut self, line: usize) -> Result<(), ActorError> {
        let joined: Vec<String> = {
            let known = locked(&self.known);
            known.namespaces.iter().filter(|(_, answer)| answer.is_ok()).map(|(name, _)| name.clone()).collect()
        };
        for namespace in &joined {
            self.sends(line, What::Left { namespace: namespace.clone() });
            let packet = Packet::new(Kind::Disconnect, namespace, None);
            self.command(Command::Send(frames((packet, Vec::new()))));
        }
        self.until(|_, entries| self.is_quiet(entries)).await?;
        self.command(Command::End { says_so: true });
        self.life.join_next().await;
        Ok(())
    }

    /// Waits until the server has ended the session.
    pub async fn sees_end(mut self) -> Result<(), ActorError> {
        self.until(|known, entries| known.namespaces.is_empty() && self.is_quiet(entries)).await?;
        // Without a namespace there is nothing to keep the session for.
        self.command(Command::End { says_so: true });
        self.life.join_next().await;
        Ok(())
    }

    /// Is gone without a word: its system closes what was open.
    pub async fn lose(mut self) {
        self.log.loses(self.connection);
        self.command(Command::End { says_so: false });
        self.life.join_next().await;
    }

    fn sends(&self, line: usize, what: What) {
        self.log.sent(line, &self.name, self.connection, Direction::ToServer, what);
    }

    fn command(&self, command: Command) {
        // A session that is over takes none; whoever waits learns of it.
        let _ = self.commands.send(command);
    }

    fn acknowledged(&self) -> usize {
        self.log.with_entries(|entries| self.acknowledged_of(entries))
    }

    fn acknowledged_of(&self, entries: &[Entry]) -> usize {
        let ours = entries.iter().filter(|entry| entry.connection == self.connection);
        let to_us = ours.filter(|entry| entry.direction == Direction::ToClient && entry.received_at.is_some());
        to_us.filter(|entry| matches!(entry.what, What::Acknowledged { .. })).count()
    }

    fn is_acknowledgement_under_way(&self, entries: &[Entry]) -> bool {
        let ours = entries.iter().filter(|entry| entry.connection == self.connection && !entry.is_settled());
        ours.filter(|entry| entry.direction == Direction::ToClient)
            .any(|entry| matches!(entry.what, What::Acknowledged { .. }))
    }

    /// Whether the server has all that this session sent.
    fn came_to_server(&self, entries: &[Entry]) -> bool {
        let ours = entries.iter().filter(|entry| entry.connection == self.connection);
        ours.filter(|entry| entry.direction == Direction::ToServer).all(Entry::is_settled)
    }

    /// Whether nothing of this session is under way.
    fn is_quiet(&self, entries: &[Entry]) -> bool {
        entries.iter().filter(|entry| entry.connection == self.connection).all(Entry::is_settled)
    }

    async fn until(&self, done: impl Fn(&Known, &[Entry]) -> bool) -> Result<(), ActorError> {
        let mut is_done = false;
        self.log
            .until(|entries| {
                let known = locked(&self.known);
                is_done = done(&known, entries);
                is_done || known.ended.is_some()
            })
            .await;
        match &locked(&self.known).ended {
            _ if is_done => Ok(()),
            Some(Err(why)) => Err(ActorError::Unreadable(why.clone())),
            _ => Err(ActorError::Unreadable(format!("the session of {} is over", self.name))),
        }
    }
}
