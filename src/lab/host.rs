//! A simulated host: one thread with a runtime of its own in the lab's network, which does its part of each step.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::lab::actors::{Actors, Role};
use crate::lab::endpoint::ActorError;
use crate::lab::fault::Fault;
use crate::lab::ground::Ground;
use crate::lab::logbook::Logbook;
use crate::lab::namespace::Network;
use crate::lab::scenario::{Closing, Event, Exchange, Opening, Utterance};
use crate::lab::socketio::{Rules, Serving, SocketIoStep};
use crate::lab::tls::{Tls, TlsVersion};
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
    Tcp(Option<TlsVersion>),
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
    Exchange(Vec<(String, Exchange)>),
    /// An event stream: the client asks for it, the server begins it.
    Subscribe {
        path: String,
        last: Option<String>,
        tls: Option<TlsVersion>,
        fields: Vec<(String, String)>,
    },
    Publish(Event),
    HearEvent(Event),
    /// A WebSocket that ends without a closing handshake.
    Drop {
        abort: bool,
    },
    SeeDrop {
        abort: bool,
    },
    /// Octets that break a rule of WebSocket, and what becomes of them.
    Provoke(Vec<u8>),
    Refuse,
    HalfClose,
    SeeHalfClose,
    /// Lose its end of the connection without a word.
    Forget,
    /// Say this, and see that nobody is there.
    FindOut(Box<Part>),
    /// Do not take the first that begins so.
    Sieve(Fault),
    /// See that the connection was broken off by who is no end of it.
    SeeReset,
    /// Makes room for what nobody reads.
    MakeRoom,
    /// All that has waited.
    ReadAgain(Vec<Part>),
    SocketIo(SocketIoStep),
    /// The other side sees to it.
    StandBy,
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
        Wish { ground, port, has_datagrams, socketio, tls }: Wish,
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
            let role = match &socketio {
                None => Role::Server(listener, address),
                Some(rules) => match Serving::start(listener, rules, (tls.as_ref(), &log)) {
                    Ok(server) => Role::SocketIo(server, address),
                    Err(error) => return tell(&ready, Err(io::Error::other(error))),
                },
            };
            tell(&ready, Ok(address));
            desk.work(log, role, (datagrams, tls)).await;
        })?;
        let address = is_ready.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok((host, address))
    }

    /// The host all clients share.
    pub fn client(
        network: Option<Arc<Network>>,
        server: SocketAddr,
        (socketio, tls): (Option<Arc<Rules>>, Option<Tls>),
        log: Logbook,
        done: mpsc::Sender<Report>,
    ) -> Result<Self, io::Error> {
        let (ready, is_ready) = mpsc::channel();
        let host = Self::start("lab clients", network, ready, done, async move |ready, desk| {
            tell(&ready, Ok(server));
            desk.work(log, Role::Client(server, socketio), (Datagrams::default(), tls)).await;
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

/// What a server should be.
#[derive(Debug, Clone)]
pub struct Wish {
    pub ground: Ground,
    pub port: PortWish,
    pub has_datagrams: bool,
    /// It speaks Socket.IO, and then nothing else over TCP.
    pub socketio: Option<Arc<Rules>>,
    /// What it needs to speak TLS, if anyone does.
    pub tls: Option<Tls>,
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
    async fn work(mut self, log: Logbook, role: Role, (datagrams, tls): (Datagrams, Option<Tls>)) {
        let side = role.side();
        let mut actors = Actors::new(log, role, datagrams, tls);
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
