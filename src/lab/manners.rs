//! How connections end in a script, and who does not read: what may be done when.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::lab::cast::{Cast, Link};
use crate::lab::grammar::{Speaker, Statement, Times, Verb};
use crate::lab::held::MAX_HELD;
use crate::lab::reader::Name;
use crate::lab::scenario::{Action, Closing, Key, Opening, Utterance};
use crate::lab::seed::Chance;
use crate::lab::socketio::SocketIoStep;
use crate::layer::Direction;
use crate::mistake::Mistake;

/// What a connection cannot do for now, by client and direction.
#[derive(Default)]
pub(super) struct Manners {
    /// Nobody reads this direction; so many octets wait in it.
    unread: BTreeMap<(String, usize), usize>,
    /// Its sender has ended this direction.
    ended: BTreeSet<(String, usize)>,
    /// Who speaks this way has lost its end of the connection, and the other does not know yet.
    forgotten: BTreeMap<String, Direction>,
}

impl Manners {
    /// A new connection begins.
    pub(super) fn forget(&mut self, client: &str) {
        self.unread.retain(|(name, _), _| name != client);
        self.ended.retain(|(name, _)| name != client);
        self.forgotten.remove(client);
    }
}

impl Cast {
    /// Whether so many octets can be sent this way.
    pub(super) fn can_send(
        &mut self,
        client: &str,
        direction: Direction,
        octets: usize,
        range: &Range<usize>,
    ) -> Result<(), Mistake> {
        self.both_know(client, range)?;
        let key = (client.to_owned(), direction.index());
        if self.manners.ended.contains(&key) {
            let message = "this direction of the connection has ended";
            return Err(Mistake::new(range.clone(), message)
                .help("who half-closes says that nothing more will come; the other side can still speak"));
        }
        let Some(waiting) = self.manners.unread.get_mut(&key) else { return Ok(()) };
        *waiting += octets;
        if *waiting > MAX_HELD {
            let message = format!("more than {MAX_HELD} bytes would wait for who does not read");
            return Err(Mistake::new(range.clone(), message)
                .help("no more fits into the buffers of both ends; let it read again before"));
        }
        Ok(())
    }

    /// Whether both sides still have the connection.
    pub(super) fn both_know(&self, client: &str, range: &Range<usize>) -> Result<(), Mistake> {
        let Some(lost) = self.manners.forgotten.get(client) else { return Ok(()) };
        let (who, finds_out) = match lost {
            Direction::ToServer => (client, format!("`server sends text \"?\" to {client}`")),
            Direction::ToClient => ("the server", format!("`{client} sends text \"?\"`")),
        };
        let message = format!("{who} has forgotten this connection, and the other side does not know it yet");
        Err(Mistake::new(range.clone(), message)
            .help(format!("it finds out when it sends something: {finds_out}, or `writes` over plain TCP")))
    }

    /// One side loses its end of a connection without a word.
    pub(super) fn forget(&mut self, by: Speaker, range: &Range<usize>) -> Result<Action, Mistake> {
        let (client, direction) = self.anyone(by, range)?;
        self.both_read(&client, range)?;
        if !matches!(self.link(&client), Link::WebSocket | Link::Tcp) {
            return Err(Mistake::new(range.clone(), "only plain TCP and WebSockets are forgotten")
                .help("`ada connects` or `ada opens tcp` begins one"));
        }
        self.manners.forgotten.insert(client.clone(), direction);
        Ok(Action::Forget { client, direction })
    }

    /// The wire ends a connection.
    pub(super) fn cut_off(&mut self, client: Name, range: &Range<usize>) -> Result<Action, Mistake> {
        let (client, _) = self.anyone(Speaker::Client(client), range)?;
        self.both_read(&client, range)?;
        if self.link(&client) == Link::SocketIo {
            if self.polling.contains(&client) {
                return Err(Mistake::new(range.clone(), "who polls has no one connection that could be reset")
                    .help(format!("`{client} loses connection` breaks it off; or let it connect over a WebSocket")));
            }
            // Who comes back by itself is there again when the step is over.
            if !self.reconnecting.contains(&client) {
                self.joined.remove(&client);
                self.links.insert(client.clone(), Link::Gone);
            }
            return Ok(Action::SocketIo(SocketIoStep::CutOff { client }));
        }
        self.links.insert(client.clone(), Link::Gone);
        Ok(Action::CutOff { client })
    }

    pub(super) fn write(&mut self, by: Speaker, octets: Vec<u8>, range: &Range<usize>) -> Result<Action, Mistake> {
        self.count(octets.len())?;
        let (client, direction) = self.speaker(by, Link::Tcp, range)?;
        if self.finds_out(&client, direction) {
            return Ok(Action::FindOut(Box::new(Action::Write { client, direction, octets })));
        }
        self.can_send(&client, direction, octets.len(), range)?;
        Ok(Action::Write { client, direction, octets })
    }

    /// Whether who speaks this way learns by that that the other has forgotten the connection, which is over then.
    fn finds_out(&mut self, client: &str, direction: Direction) -> bool {
        let finds_out = self.manners.forgotten.get(client) == Some(&direction.reverse());
        if finds_out {
            self.manners.forgotten.remove(client);
            self.links.insert(client.to_owned(), Link::Gone);
        }
        finds_out
    }

    /// What both sides have to read for: then both must read.
    pub(super) fn both_read(&self, client: &str, range: &Range<usize>) -> Result<(), Mistake> {
        self.both_know(client, range)?;
        if !self.manners.unread.keys().any(|(name, _)| name == client) {
            return Ok(());
        }
        let message = format!("one side of the connection of `{client}` does not read, and has to for this");
        Err(Mistake::new(range.clone(), message)
            .help(format!("let it read again before: `{client} reads again`, `server reads {client} again`")))
    }

    /// A client asks for a WebSocket. With a seed nothing of how it asks is left to chance.
    pub(super) fn connect(&mut self, client: Name, mut opening: Opening) -> Result<Action, Mistake> {
        self.open(&client, if opening.is_good() { Link::WebSocket } else { Link::Gone })?;
        opening.fields.clone_from(&self.fields);
        if let Some(seed) = self.seed {
            let mut chance = Chance::of(seed.into(), &client.name, self.chances);
            self.chances += 1;
            if opening.key == Key::Random {
                opening.key = Key::Fixed(chance.key());
            }
            opening.masks = Some(chance);
        }
        Ok(Action::Connect { client: client.name, opening })
    }

    /// Whose connection is to end, and which side begins.
    fn ends(&self, by: Speaker, range: &Range<usize>) -> Result<(String, Direction), Mistake> {
        let (client, direction) = self.anyone(by, range)?;
        self.both_read(&client, range)?;
        if self.link(&client) == Link::SocketIo {
            let help = format!(
                "`{client} disconnects` and `server disconnects {client}` say so, `{client} loses connection` says nothing"
            );
            return Err(Mistake::new(range.clone(), "a session of Socket.IO ends otherwise").help(help));
        }
        Ok((client, direction))
    }

    pub(super) fn close(
        &mut self,
        by: Speaker,
        reason: Option<Closing>,
        range: &Range<usize>,
    ) -> Result<Action, Mistake> {
        let (client, direction) = self.ends(by, range)?;
        let link = self.links.insert(client.clone(), Link::Gone);
        match (link, reason) {
            (Some(Link::WebSocket), reason) => Ok(Action::Close { client, direction, reason }),
            (_, None) => Ok(Action::HangUp { client, direction, abort: false, websocket: false }),
            (_, Some(_)) => Err(Mistake::new(range.clone(), "only a WebSocket is closed with a code")
                .help("write `closes` alone: TCP has a FIN, which says nothing more")),
        }
    }

    /// Ends a connection without a word: with a FIN, or broken off with a reset.
    pub(super) fn hang_up(&mut self, by: Speaker, abort: bool, range: &Range<usize>) -> Result<Action, Mistake> {
        let (client, direction) = self.ends(by, range)?;
        let websocket = self.links.insert(client.clone(), Link::Gone) == Some(Link::WebSocket);
        Ok(Action::HangUp { client, direction, abort, websocket })
    }

    pub(super) fn half_close(&mut self, by: Speaker, range: &Range<usize>) -> Result<Action, Mistake> {
        let (client, direction) = self.speaker(by, Link::Tcp, range)?;
        self.can_send(&client, direction, 0, range)?;
        self.both_read(&client, range)?;
        let other = (client.clone(), direction.reverse().index());
        if self.manners.ended.contains(&other) {
            let message = "the other direction has ended already";
            return Err(Mistake::new(range.clone(), message).help("then this ends the connection: write `closes`"));
        }
        self.manners.ended.insert((client.clone(), direction.index()));
        Ok(Action::HalfClose { client, direction })
    }

    /// Somebody stops reading, or reads again.
    pub(super) fn reading(&mut self, by: Speaker, again: bool, range: &Range<usize>) -> Result<Action, Mistake> {
        let (client, speaks) = self.anyone(by, range)?;
        self.both_know(&client, range)?;
        let direction = speaks.reverse();
        let link = self.link(&client);
        let can = match link {
            Link::WebSocket | Link::Tcp => true,
            Link::Events => direction == Direction::ToClient,
            Link::Http | Link::SocketIo | Link::Gone => false,
        };
        if !can {
            return Err(Mistake::new(range.clone(), "this connection is always read")
                .help("plain TCP and WebSockets can be left unread by both sides, event streams by the client"));
        }
        let key = (client.clone(), direction.index());
        match (self.manners.unread.contains_key(&key), again) {
            (true, false) => Err(Mistake::new(range.clone(), "it does not read already")),
            (false, true) => Err(Mistake::new(range.clone(), "it has not stopped reading")),
            (true, true) => {
                self.manners.unread.remove(&key);
                Ok(Action::Reading { client, direction, again })
            }
            (false, false) => {
                self.manners.unread.insert(key, 0);
                Ok(Action::Reading { client, direction, again })
            }
        }
    }

    pub(super) fn say(&mut self, by: Speaker, what: Utterance, range: &Range<usize>) -> Result<Action, Mistake> {
        let (client, direction) = self.speaker(by, Link::WebSocket, range)?;
        let octets = match &what {
            Utterance::Text(text) => text.len(),
            Utterance::Binary(bytes) | Utterance::Ping(bytes) | Utterance::Raw { octets: bytes, .. } => bytes.len(),
            Utterance::Fragments(parts) => parts.iter().map(String::len).sum(),
        };
        self.count(octets)?;
        let is_one_way = matches!(what, Utterance::Text(_) | Utterance::Binary(_) | Utterance::Fragments(_));
        if is_one_way && self.finds_out(&client, direction) {
            return Ok(Action::FindOut(Box::new(Action::Say { client, direction, what })));
        }
        self.can_send(&client, direction, octets, range)?;
        match &what {
            Utterance::Ping(_) => self.both_read(&client, range)?,
            Utterance::Raw { refused: true, .. } => {
                self.both_read(&client, range)?;
                self.links.insert(client.clone(), Link::Gone);
            }
            _ => {}
        }
        Ok(Action::Say { client, direction, what })
    }
}

/// What only a wire does was asked for where there is none.
pub(super) fn no_wire(range: &Range<usize>) -> Mistake {
    let help = "begin the script with `network ethernet`: two machines, and a wire between them; without it only `link drops \
                segment with \"…\"` and `datagram with` can be had";
    Mistake::new(range.clone(), "there is no wire that could do this").help(help)
}

/// Steps that are repeated together may hold others that are, so deep.
const MAX_DEPTH: usize = 4;

/// Writes out what stands between `repeat` and `end`, as often as it is played; no more than `most` steps.
pub(super) fn unrolled(statements: Vec<Statement>, most: usize) -> Result<Vec<Statement>, Mistake> {
    let mut open: Vec<(Statement, Times, Vec<Statement>)> = Vec::new();
    let mut out = Vec::new();
    for statement in statements {
        match statement.verb {
            Verb::Repeat { times } if open.len() < MAX_DEPTH => open.push((statement, times, Vec::new())),
            Verb::Repeat { .. } => {
                return Err(Mistake::new(statement.range, format!("steps are repeated at most {MAX_DEPTH} deep")));
            }
            Verb::End => {
                let Some((_, times, round)) = open.pop() else {
                    return Err(Mistake::new(statement.range, "there is nothing that ends here")
                        .help("`end` ends what begins with `repeat 3 times`"));
                };
                let pause = times.pause.map(|time| Statement {
                    times: Times { count: 1, pause: None },
                    verb: Verb::Wait { time },
                    ..statement.clone()
                });
                let into = open.last_mut().map_or(&mut out, |(.., round)| round);
                for _ in 0..times.count {
                    into.extend(round.iter().cloned().chain(pause.clone()));
                    if into.len() > most {
                        let message = format!("a script has at most {most} steps, repeated ones counted each");
                        return Err(Mistake::new(statement.range, message));
                    }
                }
            }
            _ => open.last_mut().map_or(&mut out, |(.., round)| round).push(statement),
        }
    }
    match open.pop() {
        None => Ok(out),
        Some((begun, ..)) => Err(Mistake::new(begun.range, "what is repeated has no end")
            .help("write `end` on a line of its own behind the last step of it")),
    }
}
