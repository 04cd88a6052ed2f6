//! How the server emits: to whom, in what manner, and until when it waits.

use futures_util::StreamExt as _;
use socketioxide::extract::SocketRef;
use socketioxide::operators::BroadcastOperators;

use crate::lab::endpoint::ActorError;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, Entry, What};
use crate::lab::logbook::Logbook;
use crate::lab::socketio::rules::Emission;
use crate::lab::socketio::server::{SocketIoServer, failed, over};
use crate::lab::socketio::{Args, Audience, Except};
use crate::layer::Direction;

/// To whom an event goes.
#[derive(Clone, Copy)]
pub struct Meant<'a> {
    pub audience: &'a Audience,
    pub except: &'a Except,
}

/// Waits until nothing is under way on these connections. Of those that are volatile the newest, `last`, takes the place of
/// one that waits: behind it nothing older comes.
pub async fn until_settled(log: &Logbook, line: usize, connections: &[Connection], last: Option<What>) {
    let is_ours = |entry: &Entry| connections.contains(&entry.connection);
    if let Some(last) = last {
        log.until(|entries| entries.iter().filter(|entry| is_ours(entry) && entry.what == last).all(Entry::is_settled))
            .await;
        log.leaves_behind(|entry| entry.step == line && is_ours(entry));
    }
    log.until(|entries| entries.iter().filter(|entry| is_ours(entry)).all(Entry::is_settled)).await;
}

impl SocketIoServer {
    /// Emits, and waits until all have it and have acknowledged it if it asks for that.
    pub async fn emit(&self, line: usize, meant: Meant<'_>, emission: &Emission) -> Result<(), ActorError> {
        let Emission { namespace, event, volatile, .. } = emission;
        let args = self.keeping.keep(meant, emission)?;
        let recipients = match meant.audience {
            Audience::Client(client) => vec![self.socket(namespace, client)?],
            _ => self.operator(meant, namespace)?.sockets(),
        };
        let connections = recipients.iter().map(over).collect::<Result<Vec<_>, _>>()?;
        let rounds = emission.rounds(&args);
        let what = |args: &Args| {
            let (namespace, event) = (namespace.clone(), event.clone());
            What::Emitted { namespace, event, args: args.clone(), asks: emission.asks() }
        };
        for args in &rounds {
            connections.iter().for_each(|ends| self.log.sent(line, SERVER, *ends, Direction::ToClient, what(args)));
        }
        if emission.asks() {
            self.ask(meant, emission, &args, (recipients.first(), &connections)).await?;
        } else {
            // Nobody can take one before all of them are emitted: there is no pause between them.
            for args in &rounds {
                self.tell(meant, emission, args, recipients.first()).await?;
            }
        }
        let last = rounds.last().filter(|_| *volatile).map(what);
        until_settled(&self.log, line, &connections, last).await;
        Ok(())
    }

    async fn tell(
        &self,
        meant: Meant<'_>,
        emission: &Emission,
        args: &Args,
        only: Option<&SocketRef>,
    ) -> Result<(), ActorError> {
        let Emission { namespace, event, volatile, .. } = emission;
        match (meant.audience, only) {
            (Audience::Client(_), Some(socket)) => {
                let sent = if *volatile { socket.volatile().emit(event, args) } else { socket.emit(event, args) };
                sent.map_err(|error| failed("emit", error))
            }
            _ => {
                let operator = self.operator(meant, namespace)?;
                let operator = if *volatile { operator.volatile() } else { operator };
                operator.emit(event, args).await.map_err(|error| failed("emit", error))
            }
        }
    }

    /// Emits, and takes the answers, as long as they are waited for.
    async fn ask(
        &self,
        meant: Meant<'_>,
        emission: &Emission,
        args: &Args,
        (only, connections): (Option<&SocketRef>, &[Connection]),
    ) -> Result<(), ActorError> {
        let Emission { namespace, event, unanswered, .. } = emission;
        let came = |args: Args| {
            let what = What::Acknowledged { namespace: namespace.clone(), args };
            connections.iter().find_map(|ends| self.log.came(*ends, Direction::ToServer, &what));
        };
        match (meant.audience, only) {
            (Audience::Client(_), Some(socket)) => {
                let answered = match unanswered {
                    Some(time) => socket.timeout(*time).emit_with_ack::<_, Args>(event, args),
                    None => socket.emit_with_ack::<_, Args>(event, args),
                };
                let answered = answered.map_err(|error| failed("emit", error))?;
                answered.await.into_iter().for_each(came);
            }
            _ => {
                let operator = self.operator(meant, namespace)?;
                let operator = match unanswered {
                    Some(time) => operator.timeout(*time),
                    None => operator,
                };
                let sent = operator.emit_with_ack::<_, Args>(event, args).await;
                let mut answers = std::pin::pin!(sent.map_err(|error| failed("emit", error))?);
                while let Some((_, answer)) = answers.next().await {
                    answer.into_iter().for_each(came);
                }
            }
        }
        Ok(())
    }

    fn operator(&self, meant: Meant<'_>, namespace: &str) -> Result<BroadcastOperators, ActorError> {
        let Meant { audience, except } = meant;
        let without = except.client.as_ref().map(|client| self.socket(namespace, client)).transpose()?;
        let all = self.io.of(namespace).ok_or_else(|| failed("emit", "there is no such namespace"))?;
        let meant = match (audience, without) {
            (Audience::Rooms(rooms), Some(socket)) => socket.to(rooms.clone()),
            (Audience::Rooms(rooms), None) => all.to(rooms.clone()),
            (_, Some(socket)) => socket.broadcast(),
            (_, None) => all,
        };
        Ok(if except.rooms.is_empty() { meant } else { meant.except(except.rooms.clone()) })
    }
}
