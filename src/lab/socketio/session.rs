//! A client's Engine.IO 4 session: polling, the upgrade, a WebSocket, and what comes in meanwhile.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::lab::endpoint::ActorError;
use crate::lab::log::{Connection, What};
use crate::lab::socketio::packet::{Kind, Packet};
use crate::lab::socketio::polling::Poll;
use crate::lab::socketio::recovery::{PID, Ticket};
use crate::lab::socketio::rules::OFFSET;
use crate::lab::socketio::way::{PATH, Way, WebSocket, next, say};
use crate::lab::socketio::{Arg, Remembered, Rules, Transports};
use crate::layer::Direction;

/// What Engine.IO carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

/// What a session is told to do.
pub enum Command {
    Send(Vec<Frame>),
    /// Go over to a WebSocket, and tell when that is done.
    Upgrade(oneshot::Sender<()>),
    /// End it, saying so or not.
    End {
        says_so: bool,
    },
}

/// What is known of a session, for those who wait.
#[derive(Debug, Default)]
pub struct Known {
    /// How the server answered for each namespace: the id there, or why not.
    pub namespaces: BTreeMap<String, Result<String, String>>,
    /// The server has asked whether it is there.
    pub is_asked: bool,
    /// What to come back with.
    pub remembered: Remembered,
    /// The session is over; with an error if nobody wanted that.
    pub ended: Option<Result<(), String>>,
}

/// What a session begins with.
pub struct Beginning {
    pub way: Way,
    pub rules: Arc<Rules>,
    pub known: Arc<Mutex<Known>>,
    pub commands: UnboundedReceiver<Command>,
}

/// A session's life, which ends with it.
pub type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A poll on its way, with the connection it comes back with.
type Get = Pin<Box<dyn Future<Output = Result<(Poll, Vec<Frame>), ActorError>> + Send>>;

/// Begins a session. Returns the connection by which the log knows it, and its life.
pub async fn begin(it: Beginning, transports: Transports) -> Result<(Connection, Life), ActorError> {
    if transports == Transports::WebSocket {
        let (mut socket, connection) = it.way.websocket(None).await?;
        let sid = session_id(next(&mut socket).await?.as_ref())?;
        let mut session = Session { it, connection, sid, waiting: None };
        return Ok((
            connection,
            Box::pin(async move {
                let ended = session.speak(socket).await;
                session.end(ended);
            }),
        ));
    }
    let poll = it.way.poll().await?;
    let connection = poll.connection();
    let (poll, frames) = poll.get(format!("{PATH}&transport=polling")).await?;
    let sid = session_id(frames.first())?;
    let mut session = Session { it, connection, sid, waiting: None };
    Ok((
        connection,
        Box::pin(async move {
            let ended = session.live(poll).await;
            session.end(ended);
        }),
    ))
}

struct Session {
    it: Beginning,
    connection: Connection,
    sid: String,
    /// What waits for its attachments, and those that came.
    waiting: Option<(Packet, Vec<Vec<u8>>)>,
}

impl Session {
    fn end(&self, ended: Result<(), ActorError>) {
        locked(&self.it.known).ended = Some(ended.map_err(|error| error.to_string()));
        self.it.way.log.poke();
    }

    async fn live(&mut self, poll: Poll) -> Result<(), ActorError> {
        match self.poll(poll).await? {
            Some(socket) => self.speak(socket).await,
            None => Ok(()),
        }
    }

    /// Polls until the session ends, or goes over to a WebSocket.
    async fn poll(&mut self, poll: Poll) -> Result<Option<WebSocket>, ActorError> {
        let target = format!("{PATH}&transport=polling&sid={}", self.sid);
        let mut post: Option<Poll> = None;
        let mut get = ask(poll, &target);
        loop {
            tokio::select! {
                // What is to be said goes first: so the order on the wire is always the same.
                biased;
                command = self.it.commands.recv() => match command {
                    Some(Command::Send(frames)) => self.post(&mut post, &target, &frames).await?,
                    Some(Command::Upgrade(done)) => {
                        let (poll, socket) = self.upgrade(get, &mut post, &target).await?;
                        end_polling(poll, post).await?;
                        let _ = done.send(());
                        return Ok(Some(socket));
                    }
                    Some(Command::End { says_so: true }) => {
                        self.post(&mut post, &target, &[text("1")]).await?;
                        // The poll that is open is answered once more, with nothing.
                        let (poll, _) = (&mut get).await?;
                        end_polling(poll, post).await?;
                        return Ok(None);
                    }
                    Some(Command::End { says_so: false }) | None => return Ok(None),
                },
                answered = &mut get => {
                    let (poll, frames) = answered?;
                    get = ask(poll, &target);
                    for frame in frames {
                        let answers = self.hear(frame)?;
                        self.post(&mut post, &target, &answers).await?;
                    }
                }
            }
        }
    }

    async fn post(&self, post: &mut Option<Poll>, target: &str, frames: &[Frame]) -> Result<(), ActorError> {
        if frames.is_empty() {
            return Ok(());
        }
        let poll = match post {
            Some(poll) => poll,
            None => post.insert(self.it.way.poll().await?),
        };
        poll.post(target, frames).await
    }

    /// Tries a WebSocket while polling goes on; once it carries, the poll that is open is waited for: the server answers it
    /// with a noop, for nothing comes by polling any more.
    async fn upgrade(
        &mut self,
        mut get: Get,
        post: &mut Option<Poll>,
        target: &str,
    ) -> Result<(Poll, WebSocket), ActorError> {
        let mut probe = Box::pin(self.it.way.clone().probe(self.sid.clone()));
        let mut probed = None;
        loop {
            tokio::select! {
                biased;
                answered = &mut get => {
                    let (poll, frames) = answered?;
                    let is_over = probed.is_some() || frames.contains(&text("6"));
                    for frame in frames {
                        let answers = self.hear(frame)?;
                        self.post(post, target, &answers).await?;
                    }
                    if is_over {
                        let mut socket = match probed {
                            Some(socket) => socket,
                            None => probe.await?,
                        };
                        say(&mut socket, &[text("5")]).await?;
                        return Ok((poll, socket));
                    }
                    get = ask(poll, target);
                }
                socket = &mut probe, if probed.is_none() => probed = Some(socket?),
            }
        }
    }

    /// Speaks over a WebSocket until the session ends.
    async fn speak(&mut self, mut socket: WebSocket) -> Result<(), ActorError> {
        loop {
            tokio::select! {
                biased;
                command = self.it.commands.recv() => match command {
                    Some(Command::Send(frames)) => say(&mut socket, &frames).await?,
                    Some(Command::Upgrade(done)) => drop(done.send(())),
                    Some(Command::End { says_so: true }) => {
                        socket.close(None).await.map_err(|source| ActorError::websocket("close it", source))?;
                        while next(&mut socket).await?.is_some() {}
                        return Ok(());
                    }
                    Some(Command::End { says_so: false }) | None => return Ok(()),
                },
                frame = next(&mut socket) => match frame? {
                    Some(frame) => {
                        let answers = self.hear(frame)?;
                        say(&mut socket, &answers).await?;
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    /// Takes what came, and says what is to be answered by itself.
    fn hear(&mut self, frame: Frame) -> Result<Vec<Frame>, ActorError> {
        let unreadable = |what: &str| ActorError::Unreadable(format!("{} cannot read {what}", self.it.way.client));
        match frame {
            Frame::Binary(octets) => {
                let Some((packet, mut attachments)) = self.waiting.take() else {
                    return Err(unreadable("octets that belong to nothing"));
                };
                attachments.push(octets);
                self.take(packet, attachments)
            }
            Frame::Text(text) => match text.split_at_checked(1) {
                Some(("2", rest)) => {
                    locked(&self.it.known).is_asked = true;
                    self.it.way.log.poke();
                    Ok(vec![Frame::Text(format!("3{rest}"))])
                }
                Some(("4", packet)) => {
                    let packet = Packet::read(packet).ok_or_else(|| unreadable(&text))?;
                    self.take(packet, Vec::new())
                }
                // Nothing, or the end, which shows in the connection.
                Some(("6" | "1", "")) => Ok(Vec::new()),
                _ => Err(unreadable(&text)),
            },
        }
    }

    fn take(&mut self, packet: Packet, attachments: Vec<Vec<u8>>) -> Result<Vec<Frame>, ActorError> {
        if attachments.len() < packet.attachments {
            self.waiting = Some((packet, attachments));
            return Ok(Vec::new());
        }
        let Beginning { way: Way { client, log, .. }, known, rules, .. } = &self.it;
        let came = |what: &What| log.came(self.connection, Direction::ToClient, what);
        let not_sent = || ActorError::NotAsSent { actor: client.clone() };
        let Packet { kind, namespace, id, .. } = packet.clone();
        match kind {
            Kind::Connect | Kind::ConnectError => {
                let said = |key: &str| packet.data.as_ref()?.get(key)?.as_str().map(str::to_owned);
                let answer = match kind {
                    Kind::Connect => Ok(said("sid").unwrap_or_default()),
                    _ => Err(said("message").unwrap_or_default()),
                };
                let mut known = locked(known);
                if let Some(pid) = said(PID) {
                    let ticket = Ticket { pid: pid.clone(), offset: None };
                    known.remembered.tickets.entry(namespace.clone()).or_insert(ticket).pid = pid;
                }
                known.namespaces.insert(namespace, answer);
                drop(known);
                log.poke();
            }
            Kind::Disconnect => {
                locked(known).namespaces.remove(&namespace);
                came(&What::Left { namespace }).ok_or_else(not_sent)?;
            }
            Kind::Ack | Kind::BinaryAck => {
                let (_, args) = packet.args(&attachments).ok_or_else(not_sent)?;
                came(&What::Acknowledged { namespace, args }).ok_or_else(not_sent)?;
            }
            Kind::Event | Kind::BinaryEvent => {
                let (event, mut args) = packet.args(&attachments).ok_or_else(not_sent)?;
                let event = event.unwrap_or_default();
                if let (None, Some(ticket)) = (id, locked(known).remembered.tickets.get_mut(&namespace)) {
                    ticket.offset = args.split_text().or(ticket.offset.take());
                }
                let what =
                    What::Emitted { namespace: namespace.clone(), event: event.clone(), args, asks: id.is_some() };
                let line = came(&what).ok_or_else(not_sent)?;
                if let (Some(_), What::Emitted { args, .. }) = (&rules.shelf, &what)
                    && let Some(Arg::Json(last)) = args.0.last()
                    && let Some(offset) = last.get(OFFSET).and_then(Value::as_i64)
                {
                    locked(known).remembered.offset = Some(offset);
                }
                if let (Some(id), Some(answer)) = (id, rules.answer(line, &event)) {
                    let what = What::Acknowledged { namespace: namespace.clone(), args: answer.clone() };
                    log.sent(line, client, self.connection, Direction::ToServer, what);
                    return Ok(frames(Packet::with_args(&namespace, None, Some(id), answer)));
                }
            }
        }
        Ok(Vec::new())
    }
}

/// A packet of Socket.IO as messages of Engine.IO.
pub fn frames((packet, attachments): (Packet, Vec<Vec<u8>>)) -> Vec<Frame> {
    let text = Frame::Text(format!("4{}", packet.to_text()));
    std::iter::once(text).chain(attachments.into_iter().map(Frame::Binary)).collect()
}

pub fn locked(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The id in the first packet a server sends.
fn session_id(frame: Option<&Frame>) -> Result<String, ActorError> {
    let id = match frame {
        Some(Frame::Text(open)) => open
            .strip_prefix('0')
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
            .and_then(|open| Some(open.get("sid")?.as_str()?.to_owned())),
        _ => None,
    };
    id.ok_or_else(|| ActorError::Unreadable(format!("the server opened no session, but said {frame:?}")))
}

fn ask(poll: Poll, target: &str) -> Get {
    Box::pin(poll.get(target.to_owned()))
}

/// Ends the connections that polling used.
async fn end_polling(get: Poll, post: Option<Poll>) -> Result<(), ActorError> {
    get.end().await?;
    match post {
        Some(post) => post.end().await,
        None => Ok(()),
    }
}

fn text(text: &str) -> Frame {
    Frame::Text(text.to_owned())
}
