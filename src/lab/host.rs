//! A simulated host: one thread with a runtime of its own in the lab's network, which does its part of each step.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::lab::endpoint::{ActorError, Endpoint};
use crate::lab::ground::Ground;
use crate::lab::handshake;
use crate::lab::log::Logbook;
use crate::lab::namespace::Network;
use crate::lab::scenario::{Closing, Event, Exchange, Opening, Utterance};
use crate::lab::tcp::{self, TcpEnd};
use crate::lab::udp::Datagrams;

/// What one side does in a step.
#[derive(Debug, Clone)]
pub enum Part {
    Open(Opening),
    Say(Utterance),
    Hear(Utterance),
    Close(Option<Closing>),
    AnswerClose(Option<Closing>),
    /// Open a TCP connection, or accept it.
    Tcp,
    Write(Vec<u8>),
    Read(Vec<u8>),
    HangUp {
        abort: bool,
    },
    SeeEnd {
        abort: bool,
    },
    SendDatagram(Vec<u8>),
    HearDatagram,
    /// An exchange over HTTP: the client's or the server's part of it.
    Exchange(Exchange),
    /// An event stream: the client asks for it, the server begins it.
    Subscribe {
        path: String,
        last: Option<String>,
    },
    Publish(Event),
    HearEvent(Event),
}

/// A part of a step, and on whose connection.
#[derive(Debug)]
pub struct Order {
    pub line: usize,
    pub client: String,
    pub part: Part,
}

/// How a part went, and for whom.
#[derive(Debug)]
pub struct Report {
    pub side: Side,
    pub done: Result<(), ActorError>,
}

/// The two sides of every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Client,
    Server,
}

/// A host at work. It stops when dropped, whatever it is doing, and its connections with it.
pub struct Host {
    orders: Option<UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// The host of the server; returns the address it listens on as well.
    pub fn server(
        network: Option<Arc<Network>>,
        (ground, port, has_datagrams): (Ground, PortWish, bool),
        log: Logbook,
        done: mpsc::Sender<Report>,
    ) -> Result<(Self, SocketAddr), io::Error> {
        let (ready, is_ready) = mpsc::channel();
        let host = Self::start("lab server", network, ready, done, async move |ready, desk| {
            let listener = match listen(ground, port) {
                Ok(listener) => listener,
                Err(error) => return tell(&ready, Err(error)),
            };
            let address = listener.local_addr();
            let datagrams = match &address {
                Ok(address) if has_datagrams => Datagrams::of_server(*address, &log).await,
                _ => Ok(Datagrams::default()),
            };
            let (address, datagrams) = match (address, datagrams) {
                (Ok(address), Ok(datagrams)) => (address, datagrams),
                (Err(error), _) | (_, Err(error)) => return tell(&ready, Err(error)),
            };
            tell(&ready, Ok(address));
            desk.work(log, Role::Server(listener, address), datagrams).await;
        })?;
        let address = is_ready.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok((host, address))
    }

    /// The host all clients share.
    pub fn client(
        network: Option<Arc<Network>>,
        server: SocketAddr,
        log: Logbook,
        done: mpsc::Sender<Report>,
    ) -> Result<Self, io::Error> {
        let (ready, is_ready) = mpsc::channel();
        let host = Self::start("lab clients", network, ready, done, async move |ready, desk| {
            tell(&ready, Ok(server));
            desk.work(log, Role::Client(server), Datagrams::default()).await;
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok(host)
    }

    /// Gives an order; how it went comes over the channel given at the start.
    pub fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // A host that ended cannot take it, and then no report comes either: the director notices by time.
            let _ = orders.send(order);
        }
    }

    fn start<Life>(
        name: &str,
        network: Option<Arc<Network>>,
        ready: Ready,
        done: mpsc::Sender<Report>,
        life: Life,
    ) -> io::Result<Self>
    where
        Life: AsyncFnOnce(Ready, Desk) + Send + 'static,
    {
        let (orders, inbox) = unbounded_channel();
        let run = move || {
            let entered = network.map_or(Ok(()), |network| network.enter());
            let runtime = entered.and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
            match runtime {
                Ok(runtime) => runtime.block_on(life(ready, Desk { inbox, done })),
                Err(error) => tell(&ready, Err(error)),
            }
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Which port the server should have.
#[derive(Debug, Clone, Copy)]
pub enum PortWish {
    This(u16),
    AnyFree,
}

type Ready = mpsc::Sender<io::Result<SocketAddr>>;

/// Where orders come in and reports go out.
struct Desk {
    inbox: UnboundedReceiver<Order>,
    done: mpsc::Sender<Report>,
}

impl Desk {
    /// Follows orders until there are no more; a part that is under way then is dropped.
    async fn work(mut self, log: Logbook, role: Role, datagrams: Datagrams) {
        let side = match role {
            Role::Server(..) => Side::Server,
            Role::Client(_) => Side::Client,
        };
        let mut actors = Actors { log, role, open: BTreeMap::new(), datagrams };
        while let Some(order) = self.inbox.recv().await {
            let done = tokio::select! {
                done = actors.perform(order) => done,
                _ = self.inbox.recv() => return,
            };
            if self.done.send(Report { side, done }).is_err() {
                return;
            }
        }
    }
}

enum Role {
    Server(TcpListener, SocketAddr),
    Client(SocketAddr),
}

/// Who lives on a host, with the connections that are open.
struct Actors {
    log: Logbook,
    role: Role,
    open: BTreeMap<String, Link>,
    datagrams: Datagrams,
}

/// A connection that is open.
enum Link {
    WebSocket(Box<Endpoint>),
    Tcp(TcpEnd),
}

impl Actors {
    async fn perform(&mut self, Order { line, client, part }: Order) -> Result<(), ActorError> {
        match part {
            Part::Open(opening) => {
                let opened = match &self.role {
                    Role::Server(listener, _) => handshake::accept(line, listener, &self.log).await?,
                    Role::Client(server) => handshake::connect(line, &client, *server, &opening, &self.log).await?,
                };
                self.open.extend(opened.map(|endpoint| (client, Link::WebSocket(Box::new(endpoint)))));
                Ok(())
            }
            Part::Say(what) => self.endpoint(&client)?.say(line, &what).await,
            Part::Hear(what) => self.endpoint(&client)?.hear(line, &what).await,
            Part::Close(reason) => self.leave(&client)?.close(line, reason.as_ref()).await,
            Part::AnswerClose(reason) => self.leave(&client)?.answer_close(line, reason.as_ref()).await,
            part => self.perform_plainly(line, &client, part).await,
        }
    }

    /// What is done without a WebSocket.
    async fn perform_plainly(&mut self, line: usize, client: &str, part: Part) -> Result<(), ActorError> {
        match part {
            Part::Tcp => self.tcp(line, client).await.map(|_| ()),
            Part::Write(octets) => self.tcp_of(client)?.write(line, &octets).await,
            Part::Read(octets) => self.tcp_of(client)?.read(&octets).await,
            Part::HangUp { abort } => self.leave_tcp(client)?.hang_up(line, abort).await,
            Part::SeeEnd { abort } => self.leave_tcp(client)?.see_end(line, abort).await,
            Part::SendDatagram(payload) => {
                let server = self.server();
                self.datagrams.send(line, client, server, &payload, &self.log).await
            }
            Part::HearDatagram => self.datagrams.hear(client, &self.log).await,
            Part::Exchange(exchange) => self.exchange(line, client, &exchange).await,
            Part::Subscribe { path, last } => {
                let is_client = matches!(self.role, Role::Client(_));
                let end = self.tcp(line, client).await?;
                match is_client {
                    true => end.subscribe(line, &path, last.as_deref()).await,
                    false => end.serve_events(line).await,
                }
            }
            Part::Publish(event) => self.tcp_of(client)?.publish(line, &event).await,
            Part::HearEvent(event) => self.tcp_of(client)?.hear_event(&event).await,
            Part::Open(_) | Part::Say(_) | Part::Hear(_) | Part::Close(_) | Part::AnswerClose(_) => Ok(()),
        }
    }

    async fn exchange(&mut self, line: usize, client: &str, exchange: &Exchange) -> Result<(), ActorError> {
        let is_client = matches!(self.role, Role::Client(_));
        let end = if exchange.opens { self.tcp(line, client).await? } else { self.tcp_of(client)? };
        match is_client {
            true => end.ask(line, exchange).await?,
            false => end.answer(line, exchange).await?,
        }
        if !exchange.is_10 {
            return Ok(());
        }
        // HTTP/1.0: the server ends the connection with its answer.
        let end = self.leave_tcp(client)?;
        if is_client { end.see_end(line, false).await } else { end.hang_up(line, false).await }
    }

    /// Opens a TCP connection, or accepts it.
    async fn tcp(&mut self, line: usize, client: &str) -> Result<&mut TcpEnd, ActorError> {
        let end = match &self.role {
            Role::Server(listener, _) => tcp::accept(listener, &self.log).await?,
            Role::Client(server) => tcp::open(line, client, *server, &self.log).await?,
        };
        self.open.insert(client.to_owned(), Link::Tcp(end));
        self.tcp_of(client)
    }

    fn server(&self) -> SocketAddr {
        match &self.role {
            Role::Server(_, address) | Role::Client(address) => *address,
        }
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

fn listen(ground: Ground, port: PortWish) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections of the play before may still be in TIME_WAIT; they do not keep the port.
    socket.set_reuseaddr(true)?;
    let port = match port {
        PortWish::This(port) => port,
        PortWish::AnyFree => 0,
    };
    socket.bind((ground.server(), port).into())?;
    socket.listen(BACKLOG)
}

fn tell(ready: &Ready, answer: io::Result<SocketAddr>) {
    // Nobody listens only if the play was given up.
    let _ = ready.send(answer);
}

fn ended() -> io::Error {
    io::Error::other("its thread ended")
}

const BACKLOG: u32 = 128;
