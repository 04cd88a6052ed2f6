//! Who lives on a host: the server or the clients, with what each has open, doing their parts of a step.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::lab::endpoint::{ActorError, Endpoint};
use crate::lab::fault::Fault;
use crate::lab::handshake;
use crate::lab::held;
use crate::lab::host::{Order, Part, Side};
use crate::lab::logbook::Logbook;
use crate::lab::scenario::Exchange;
use crate::lab::sieve::Sieve;
use crate::lab::socketio::{Back, Reconnection, Remembered, Rules, Serving, SocketIoClient, SocketIoStep};
use crate::lab::tcp::{self, TcpEnd};
use crate::lab::tls::{Tls, TlsVersion};
use crate::lab::udp::Datagrams;

/// Which host it is, with the server's address.
pub enum Role {
    Server(TcpListener, SocketAddr),
    /// A server that speaks Socket.IO.
    SocketIo(Serving, SocketAddr),
    /// Where the clients live; with what they know of Socket.IO.
    Client(SocketAddr, Option<Arc<Rules>>),
}

impl Role {
    pub fn side(&self) -> Side {
        if self.is_client() { Side::Client } else { Side::Server }
    }

    fn is_client(&self) -> bool {
        matches!(self, Self::Client(..))
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Server(_, address) | Self::SocketIo(_, address) | Self::Client(address, _) => *address,
        }
    }
}

/// Who lives on a host, with the connections that are open.
pub struct Actors {
    log: Logbook,
    role: Role,
    open: BTreeMap<String, Link>,
    datagrams: Datagrams,
    tls: Option<Tls>,
    /// What each client has to come back with.
    remembered: BTreeMap<String, Remembered>,
    /// How those come back who do so by themselves.
    reconnections: BTreeMap<String, Reconnection>,
    /// Those who watch filters on sockets.
    watchers: JoinSet<()>,
}

/// A connection that is open.
enum Link {
    WebSocket(Box<Endpoint>),
    Tcp(TcpEnd),
    SocketIo(SocketIoClient),
}

impl Actors {
    pub fn new(log: Logbook, role: Role, datagrams: Datagrams, tls: Option<Tls>) -> Self {
        Self {
            log,
            role,
            open: BTreeMap::new(),
            datagrams,
            tls,
            remembered: BTreeMap::new(),
            reconnections: BTreeMap::new(),
            watchers: JoinSet::new(),
        }
    }

    /// Does its part of a step.
    pub async fn perform(&mut self, Order { line, client, part }: Order) -> Result<(), ActorError> {
        match part {
            Part::Open(opening) => {
                let opened = match &self.role {
                    Role::Server(listener, _) => {
                        handshake::accept(line, listener, &opening, (self.tls.as_ref(), &self.log)).await?
                    }
                    Role::Client(server, _) => {
                        handshake::connect(line, &client, *server, &opening, (self.tls.as_ref(), &self.log)).await?
                    }
                    Role::SocketIo(..) => return Err(another_language()),
                };
                self.open.extend(opened.map(|endpoint| (client, Link::WebSocket(Box::new(endpoint)))));
                Ok(())
            }
            Part::Say(what) => self.endpoint(&client)?.say(line, &what).await,
            Part::Hear(what) => self.endpoint(&client)?.hear(line, &what).await,
            Part::Close(reason) => self.leave(&client)?.close(line, reason.as_ref()).await,
            Part::AnswerClose(reason) => self.leave(&client)?.answer_close(line, reason.as_ref()).await,
            Part::Drop { abort } => self.leave(&client)?.into_tcp().hang_up(line, abort).await,
            Part::SeeDrop { abort } => self.leave(&client)?.into_tcp().see_end(line, abort).await,
            Part::Provoke(octets) => self.leave(&client)?.provoke(line, &octets).await,
            Part::Refuse => self.leave(&client)?.refuse(line).await,
            Part::ReadAgain(waiting) => {
                for part in waiting {
                    Box::pin(self.perform(Order { line, client: client.clone(), part })).await?;
                }
                Ok(())
            }
            Part::Forget => {
                let end = self.leave_any(&client)?;
                let (actor, direction) = (end.side.actor.clone(), end.side.direction);
                end.forget()?;
                let other = if self.role.is_client() { "the server" } else { client.as_str() };
                self.log.fault(line, direction, &format_args!("{actor} forgets {other}"));
                Ok(())
            }
            Part::Sieve(fault) => self.sift(line, fault),
            Part::SeeReset => self.leave_any(&client)?.see_reset().await,
            Part::FindOut(what) => {
                Box::pin(self.perform(Order { line, client: client.clone(), part: *what })).await?;
                self.leave_any(&client)?.find_out(line, &client).await
            }
            part => self.perform_plainly(line, &client, part).await,
        }
    }

    /// What is done without a WebSocket.
    async fn perform_plainly(&mut self, line: usize, client: &str, part: Part) -> Result<(), ActorError> {
        match part {
            Part::Tcp(tls) => self.tcp(line, client, tls).await.map(|_| ()),
            Part::HalfClose => self.tcp_of(client)?.half_close(line).await,
            Part::SeeHalfClose => self.tcp_of(client)?.see_half_close().await,
            Part::MakeRoom => self.make_room(client),
            Part::Write(octets) => self.tcp_of(client)?.write(line, &octets).await,
            Part::Read(octets) => self.tcp_of(client)?.read(&octets).await,
            Part::HangUp { abort } => self.leave_tcp(client)?.hang_up(line, abort).await,
            Part::SeeEnd { abort } => self.leave_tcp(client)?.see_end(line, abort).await,
            Part::SendDatagram(payload) => {
                let server = self.server();
                self.datagrams.send(line, client, server, &payload, &self.log).await
            }
            Part::HearDatagram => self.datagrams.hear(client, &self.log).await,
            Part::Exchange(asked) => self.exchange(line, &asked).await,
            Part::Subscribe { path, last, tls, fields } => {
                let is_client = self.role.is_client();
                let end = self.tcp(line, client, tls).await?;
                match is_client {
                    true => end.subscribe(line, (&path, last.as_deref()), &fields).await,
                    false => end.serve_events(line).await,
                }
            }
            Part::Publish(event) => self.tcp_of(client)?.publish(line, &event).await,
            Part::HearEvent(event) => self.tcp_of(client)?.hear_event(&event).await,
            Part::SocketIo(step) => self.socketio(line, &step).await,
            Part::StandBy => Ok(()),
            // All others are those of a WebSocket.
            _ => Ok(()),
        }
    }

    /// All ask before any is answered; with one that is what HTTP is.
    async fn exchange(&mut self, line: usize, asked: &[(String, Exchange)]) -> Result<(), ActorError> {
        let is_client = self.role.is_client();
        for (client, exchange) in asked {
            let end = if exchange.opens { self.tcp(line, client, exchange.tls).await? } else { self.tcp_of(client)? };
            if is_client { end.ask(line, exchange).await? } else { end.hear_request().await? }
        }
        if let (false, Some((_, exchange))) = (is_client, asked.first()) {
            tokio::time::sleep(exchange.held).await;
        }
        for (client, exchange) in asked {
            let end = self.tcp_of(client)?;
            if is_client { end.hear_answer().await? } else { end.answer(line, exchange).await? }
        }
        for (client, _) in asked.iter().filter(|(_, exchange)| exchange.is_10) {
            // HTTP/1.0: the server ends the connection with its answer.
            let end = self.leave_tcp(client)?;
            if is_client { end.see_end(line, false).await? } else { end.hang_up(line, false).await? }
        }
        Ok(())
    }

    /// Opens a TCP connection, or accepts it.
    async fn tcp(&mut self, line: usize, client: &str, version: Option<TlsVersion>) -> Result<&mut TcpEnd, ActorError> {
        let mut end = match &self.role {
            Role::Server(listener, _) => tcp::accept(listener, &self.log).await?,
            Role::Client(server, _) => tcp::open(line, client, *server, &self.log).await?,
            Role::SocketIo(..) => return Err(another_language()),
        };
        if let (Some(version), Some(tls)) = (version, &self.tls) {
            end = end.secure(version, tls).await?;
        }
        self.open.insert(client.to_owned(), Link::Tcp(end));
        self.tcp_of(client)
    }

    fn make_room(&mut self, client: &str) -> Result<(), ActorError> {
        let wire = match self.open.get_mut(client) {
            Some(Link::Tcp(end)) => &end.stream,
            Some(Link::WebSocket(endpoint)) => endpoint.socket.wire(),
            _ => return Err(not_open(client)),
        };
        held::make_room(wire.tcp()).map_err(|source| ActorError::io("set the size of its buffer", source))
    }

    /// Does what Socket.IO has to do in a step.
    async fn socketio(&mut self, line: usize, step: &SocketIoStep) -> Result<(), ActorError> {
        let (server, rules) = match &mut self.role {
            Role::SocketIo(server, _) => return server.perform(line, step).await,
            Role::Client(server, rules) => (*server, rules.clone().unwrap_or_default()),
            Role::Server(..) => return Err(another_language()),
        };
        match step {
            SocketIoStep::Join { client, transports, namespace, auth, back, reconnects } => {
                if let Some(first) = *reconnects {
                    let joined = Vec::new();
                    self.reconnections.insert(client.clone(), Reconnection { transports: *transports, first, joined });
                }
                if let Some(reconnection) = self.reconnections.get_mut(client) {
                    reconnection.joined.push((namespace.clone(), auth.clone()));
                }
                let remembered = match (self.remembered.get(client), back) {
                    (None, _) | (_, Back::Anew) => Remembered::default(),
                    (Some(Remembered { offset, .. }), Back::Resuming) => {
                        Remembered { offset: *offset, ..Remembered::default() }
                    }
                    (Some(remembered), Back::Recovering) => remembered.clone(),
                };
                let auth = remembered.says(namespace, auth.as_ref());
                if let Some(Link::SocketIo(known)) = self.open.get_mut(client) {
                    return known.join(line, namespace, auth.as_ref()).await;
                }
                let (who, how) = ((client.as_str(), line, server), (*transports, remembered));
                let wish = (namespace.as_str(), auth.as_ref());
                let begun = SocketIoClient::begin(who, how, wish, rules, (self.tls.as_ref(), &self.log)).await?;
                self.open.insert(client.clone(), Link::SocketIo(begun));
                Ok(())
            }
            SocketIoStep::ClientEmit { client, emission } => match self.open.get_mut(client) {
                Some(Link::SocketIo(known)) => known.emit(line, emission).await,
                _ => Err(not_open(client)),
            },
            SocketIoStep::Leave { client, by_server } => {
                self.reconnections.remove(client);
                let known = self.leave_socketio(client)?;
                if *by_server { known.sees_end().await } else { known.leave(line).await }
            }
            SocketIoStep::Lose { client } => {
                self.reconnections.remove(client);
                self.leave_socketio(client)?.lose().await;
                Ok(())
            }
            SocketIoStep::Restart { .. } => {
                let clients: Vec<String> = self.open.keys().cloned().collect();
                for client in clients {
                    self.leave_socketio(&client)?.loses_server().await;
                }
                self.come_back(line, server, &rules, |_| true).await
            }
            SocketIoStep::CutOff { client } => {
                self.leave_socketio(client)?.loses_server().await;
                self.come_back(line, server, &rules, |name| name == client).await
            }
            SocketIoStep::ServerEmit { .. } | SocketIoStep::Room { .. } | SocketIoStep::Swallow => Ok(()),
        }
    }

    /// All of these who come back by themselves, each at its own pace.
    async fn come_back(
        &mut self,
        line: usize,
        server: SocketAddr,
        rules: &Arc<Rules>,
        is_cut_off: impl Fn(&str) -> bool,
    ) -> Result<(), ActorError> {
        let lab = (self.tls.as_ref(), &self.log);
        let those = self.reconnections.iter().filter(|(client, _)| is_cut_off(client));
        let returning = those.map(async |(client, reconnection)| {
            let remembered = self.remembered.get(client).cloned().unwrap_or_default();
            let back = reconnection.come_back((client, line, server), &remembered, rules, lab).await?;
            Ok::<_, ActorError>((client.clone(), Link::SocketIo(back)))
        });
        let back = futures_util::future::try_join_all(returning).await?;
        self.open.extend(back);
        Ok(())
    }

    fn leave_socketio(&mut self, client: &str) -> Result<SocketIoClient, ActorError> {
        match self.open.remove(client) {
            Some(Link::SocketIo(known)) => {
                let remembered = self.remembered.remove(client).unwrap_or_default().updated(known.remembers());
                self.remembered.insert(client.to_owned(), remembered);
                Ok(known)
            }
            _ => Err(not_open(client)),
        }
    }

    fn server(&self) -> SocketAddr {
        self.role.address()
    }

    fn tcp_of(&mut self, client: &str) -> Result<&mut TcpEnd, ActorError> {
        match self.open.get_mut(client) {
            Some(Link::Tcp(end)) => Ok(end),
            _ => Err(not_open(client)),
        }
    }

    fn leave_tcp(&mut self, client: &str) -> Result<TcpEnd, ActorError> {
        match self.open.remove(client) {
            Some(Link::Tcp(end)) => Ok(end),
            _ => Err(not_open(client)),
        }
    }

    fn endpoint(&mut self, client: &str) -> Result<&mut Endpoint, ActorError> {
        match self.open.get_mut(client) {
            Some(Link::WebSocket(endpoint)) => Ok(endpoint),
            _ => Err(not_open(client)),
        }
    }

    /// Hangs a filter on each socket that is open here, until one of them has dropped what begins so.
    fn sift(&mut self, line: usize, fault: Fault) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("filter what a socket takes", source);
        let (Some((text, is_udp)), Some(direction)) = (fault.target.text(), fault.direction) else { return Ok(()) };
        let mut sieves = Vec::new();
        if is_udp {
            for socket in self.datagrams.sockets() {
                sieves.push(Sieve::on_udp(socket, text.as_bytes()).map_err(failed)?);
            }
        }
        for link in self.open.values_mut().filter(|_| !is_udp) {
            let wire = match link {
                Link::WebSocket(endpoint) => endpoint.socket.wire(),
                Link::Tcp(end) => &mut end.stream,
                Link::SocketIo(_) => continue,
            };
            sieves.push(Sieve::on_tcp(wire.tcp(), text.as_bytes()).map_err(failed)?);
        }
        if sieves.is_empty() {
            let why = "nothing is open here that could drop anything: let this stand behind the step that opens it";
            return Err(ActorError::Unreadable(why.to_owned()));
        }
        let (log, text) = (self.log.clone(), text.to_owned());
        self.watchers.spawn(async move {
            while !sieves.iter().any(Sieve::has_dropped) {
                tokio::time::sleep(GLANCE).await;
            }
            log.fault(line, direction, &fault);
            if is_udp {
                log.gives_up_with(direction, text.as_bytes());
            }
        });
        Ok(())
    }

    fn leave_any(&mut self, client: &str) -> Result<TcpEnd, ActorError> {
        match self.open.remove(client) {
            Some(Link::WebSocket(endpoint)) => Ok(endpoint.into_tcp()),
            Some(Link::Tcp(end)) => Ok(end),
            Some(Link::SocketIo(_)) | None => Err(not_open(client)),
        }
    }

    fn leave(&mut self, client: &str) -> Result<Endpoint, ActorError> {
        match self.open.remove(client) {
            Some(Link::WebSocket(endpoint)) => Ok(*endpoint),
            _ => Err(not_open(client)),
        }
    }
}

fn not_open(client: &str) -> ActorError {
    ActorError::Unreadable(format!("the connection of {client} is not open"))
}

fn another_language() -> ActorError {
    ActorError::Unreadable("this server speaks another language".to_owned())
}

/// How often a filter is asked whether it has dropped anything: much less than any TCP waits before it sends again.
const GLANCE: Duration = Duration::from_millis(1);
