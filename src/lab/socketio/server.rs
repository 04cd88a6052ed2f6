//! The server: socketioxide on hyper, with handlers that log what came and acknowledge as the script says.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(super) use hyper::body::Bytes;
use hyper::body::{Body, Incoming};
use hyper::http::request::Parts;
use hyper::http::uri::Uri;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::handler::{ConnectHandler as _, FromMessageParts, Value as Carried};
use socketioxide::operators::BroadcastOperators;
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide::{SocketIo, TransportType};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::lab::endpoint::ActorError;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, What};
use crate::lab::logbook::Logbook;
use crate::lab::socketio::emitting::Meant;
use crate::lab::socketio::keeping::{Keeping, Missed};
use crate::lab::socketio::{Args, Exchange, Names, Rules, SocketIoStep};
use crate::lab::tcp::{self, TcpEnd};
use crate::lab::tls::{Tls, TlsVersion};
use crate::layer::Direction;

/// The server, as long as it lives.
pub struct SocketIoServer {
    pub(super) io: SocketIo,
    pub(super) log: Logbook,
    pub(super) keeping: Keeping,
    /// Takes connections, and serves them.
    _doors: JoinSet<()>,
}

/// Takes connections, and serves them.
pub async fn open<Served, Octets>(
    listener: TcpListener,
    service: Served,
    (secure, names): (Option<(TlsVersion, Tls)>, Option<Arc<Names>>),
    log: Logbook,
) where
    Served: Service<hyper::Request<Incoming>, Response = hyper::Response<Octets>> + Clone + Send + 'static,
    Served::Future: Send,
    Served::Error: std::error::Error + Send + Sync,
    Octets: Body + Send + 'static,
    Octets::Data: Send,
    Octets::Error: std::error::Error + Send + Sync,
{
    let mut connections = JoinSet::new();
    // A connection that cannot be taken is one that the play will miss, and say so.
    while let Ok(end) = tcp::accept(&listener, &log).await {
        let (service, over) = (service.clone(), Over(end.side.connection));
        let client = || log.actor_of(over.0).unwrap_or_default();
        let exchange = names.as_ref().map(|names| Arc::new(Mutex::new(Exchange::new(Arc::clone(names), client()))));
        let asked = exchange.clone();
        let serve = service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(over);
            asked.iter().for_each(|exchange| name_as_server_does(&mut request, &mut locked(exchange)));
            service.call(request)
        });
        let secure = secure.clone();
        connections.spawn(async move {
            // Who cannot make the handshake hears of it on the other side.
            let end = secured(end, secure.as_ref()).await.ok()?;
            let stream = TokioIo::new(end.stream.with_names(exchange));
            http1::Builder::new().serve_connection(stream, serve).with_upgrades().await.ok()
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Gives a session in a request the name that the server knows it by.
fn name_as_server_does(request: &mut hyper::Request<Incoming>, exchange: &mut Exchange) {
    let asked = exchange.ask(request.uri().query().unwrap_or_default());
    let target = format!("{}?{asked}", request.uri().path());
    if let (Some(_), Ok(target)) = (request.uri().query(), Uri::try_from(target)) {
        *request.uri_mut() = target;
    }
}

/// A service that tells, by its query, of a request whose connection was closed before it was answered.
#[derive(Clone)]
pub(super) struct Watched<Served, Tell> {
    pub service: Served,
    pub tell: Tell,
}

impl<Served, Tell> Service<hyper::Request<Incoming>> for Watched<Served, Tell>
where
    Served: Service<hyper::Request<Incoming>>,
    Served::Future: Send + 'static,
    Tell: Fn(&str) + Clone + Send + 'static,
{
    type Response = Served::Response;
    type Error = Served::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let mut unanswered = Unanswered { query: Some(query), tell: self.tell.clone() };
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await;
            unanswered.is_answered();
            answer
        })
    }
}

/// A request on its way: nobody polls its answer any more once its connection is closed.
struct Unanswered<Tell: Fn(&str)> {
    query: Option<String>,
    tell: Tell,
}

impl<Tell: Fn(&str)> Unanswered<Tell> {
    fn is_answered(&mut self) {
        self.query = None;
    }
}

impl<Tell: Fn(&str)> Drop for Unanswered<Tell> {
    fn drop(&mut self) {
        self.query.take().iter().for_each(|query| (self.tell)(query));
    }
}

/// The connection, with TLS if that is wanted.
async fn secured(end: TcpEnd, secure: Option<&(TlsVersion, Tls)>) -> Result<TcpEnd, ActorError> {
    match secure {
        Some((version, tls)) => end.secure(*version, tls).await,
        None => Ok(end),
    }
}

/// So many packets may wait for a client: more than any script makes wait, as all that was missed comes at once.
pub(super) const MOST_WAITING: usize = 10_000;

/// How often it is looked whether a client is still there.
const GLANCE: Duration = Duration::from_millis(1);

/// The connection that a request came over.
#[derive(Debug, Clone, Copy)]
struct Over(Connection);

impl SocketIoServer {
    /// Begins to serve.
    pub fn start(
        listener: TcpListener,
        rules: &Arc<Rules>,
        (tls, log): (Option<&Tls>, &Logbook),
    ) -> rusqlite::Result<Self> {
        let builder = SocketIo::builder().max_buffer_size(MOST_WAITING);
        let builder = match rules.heartbeat {
            Some((every, within)) => builder.ping_interval(every).ping_timeout(within),
            None => builder,
        };
        let (service, io) = builder.build_svc();
        let secure = rules.secure.zip(tls.cloned());
        let keeping = Keeping::open(rules.shelf.as_deref())?;
        for namespace in &rules.namespaces {
            let props =
                Props { log: log.clone(), rules: Arc::clone(rules), keeping: keeping.clone(), missed: Arc::default() };
            let refusal = rules.refused.get(namespace).cloned();
            let (greeter, doorman) = (props.clone(), props);
            let welcome = async move |socket: SocketRef| greeter.welcome(&socket);
            let admit = async move |socket: SocketRef, TryData(auth): TryData<Value>| {
                doorman.joins(&socket, auth.ok());
                match &refusal {
                    Some(why) => Err(why.clone()),
                    None => Ok(()),
                }
            };
            io.ns(namespace.clone(), welcome.with(admit));
        }
        let mut doors = JoinSet::new();
        doors.spawn(open(listener, service, (secure, rules.names.clone()), log.clone()));
        Ok(Self { io, log: log.clone(), keeping, _doors: doors })
    }

    /// Does what the script says.
    pub async fn perform(&mut self, line: usize, step: &SocketIoStep) -> Result<(), ActorError> {
        match step {
            SocketIoStep::ServerEmit { audience, except, emission } => {
                self.emit(line, Meant { audience, except }, emission).await
            }
            SocketIoStep::Room { client, namespace, room, into } => {
                let socket = self.socket(namespace, client)?;
                if *into {
                    socket.join(room.clone());
                } else {
                    socket.leave(room.clone());
                }
                Ok(())
            }
            SocketIoStep::Leave { client, .. } => {
                for space in self.io.nsps() {
                    let Ok(socket) = self.socket(space.ns_path(), client) else { continue };
                    let namespace = space.ns_path().to_owned();
                    self.log.sent(line, SERVER, over(&socket)?, Direction::ToClient, What::Left { namespace });
                    socket.disconnect().map_err(|error| failed("end a session", error))?;
                }
                Ok(())
            }
            SocketIoStep::Swallow => {
                self.keeping.swallow();
                Ok(())
            }
            SocketIoStep::Lose { client } | SocketIoStep::CutOff { client } => {
                self.miss(client).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Waits until it is seen that a client is gone: what is emitted before would still be sent to it. (Of one that polls that is
    /// not seen before it leaves a heartbeat without an answer.)
    async fn miss(&self, client: &str) {
        let is_theirs = |socket: &SocketRef| {
            socket.transport_type() == TransportType::Websocket
                && over(socket).is_ok_and(|ends| self.log.is_of(client, ends.client))
        };
        let is_there = || self.io.nsps().iter().any(|space| self.sockets(space.ns_path()).iter().any(is_theirs));
        while is_there() {
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// What a client has in a namespace.
    pub(super) fn socket(&self, namespace: &str, client: &str) -> Result<SocketRef, ActorError> {
        let is_theirs = |socket: &SocketRef| over(socket).is_ok_and(|ends| self.log.is_of(client, ends.client));
        // Of a client that came again the newest session counts.
        let found = self.sockets(namespace).into_iter().rfind(is_theirs);
        found.ok_or_else(|| ActorError::Unreadable(format!("{client} has not joined {namespace}")))
    }

    fn sockets(&self, namespace: &str) -> Vec<SocketRef> {
        self.io.of(namespace).map(BroadcastOperators::sockets).unwrap_or_default()
    }
}

/// Whether an event asks for an acknowledgement.
pub struct Asks(pub bool);

impl<A: Adapter> FromMessageParts<A> for Asks {
    type Error = Infallible;

    fn from_message_parts(_: &Arc<Socket<A>>, _: &mut Carried, ack_id: &Option<i64>) -> Result<Self, Infallible> {
        Ok(Self(ack_id.is_some()))
    }
}

/// What handlers need.
#[derive(Clone)]
struct Props {
    log: Logbook,
    rules: Arc<Rules>,
    keeping: Keeping,
    /// What those who are about to join have missed, by the session.
    missed: Arc<Mutex<BTreeMap<String, Missed>>>,
}

pub(super) fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Props {
    fn joins(&self, socket: &SocketRef, auth: Option<Value>) {
        let namespace = socket.ns().to_owned();
        let missed = self.keeping.missed(&namespace, auth.as_ref());
        let what = What::Joined { namespace: namespace.clone(), auth: auth.clone() };
        let mut line = self.came(socket, &what);
        // Who says nothing of itself reads here as who says `{}`.
        if line.is_none() && auth.is_none_or(|auth| auth == Value::Object(Map::new())) {
            line = self.came(socket, &What::Joined { namespace: namespace.clone(), auth: None });
        }
        let Some(line) = line else { return };
        // What was missed is on its way before the client can think that it has all.
        for (event, args) in &missed {
            let (event, args) = (event.clone(), args.clone());
            let what = What::Emitted { namespace: namespace.clone(), event, args, asks: false };
            if let Ok(ends) = over(socket) {
                self.log.sent(line, SERVER, ends, Direction::ToClient, what);
            }
        }
        locked(&self.missed).insert(socket.id.to_string(), missed);
    }

    fn welcome(&self, socket: &SocketRef) {
        for (event, args) in locked(&self.missed).remove(&socket.id.to_string()).unwrap_or_default() {
            // A client that has gone meanwhile asks again.
            let _ = socket.emit(event, &args);
        }
        let props = self.clone();
        socket.on_fallback(
            async move |socket: SocketRef,
                        Event(event): Event,
                        Asks(asks): Asks,
                        TryData(args): TryData<Args>,
                        ack: AckSender| {
                if let Ok(args) = args {
                    props.hears(&socket, (&event, asks), &args, ack);
                }
            },
        );
        let props = self.clone();
        socket.on_disconnect(async move |socket: SocketRef, reason: DisconnectReason| {
            if reason == DisconnectReason::ClientNSDisconnect {
                props.came(&socket, &What::Left { namespace: socket.ns().to_owned() });
            }
        });
    }

    fn hears(&self, socket: &SocketRef, (event, asks): (&str, bool), args: &Args, ack: AckSender) {
        let namespace = socket.ns().to_owned();
        let what = What::Emitted { namespace: namespace.clone(), event: event.to_owned(), args: args.clone(), asks };
        if !self.is_under_way(socket, &what) {
            return;
        }
        // The log says that it came once it is stored: how long the disk takes is no sign that an answer was lost.
        let stored = asks.then(|| self.keeping.store(event, args)).flatten();
        let Some(line) = self.came(socket, &what) else { return };
        if stored.is_some() && self.keeping.swallows() {
            return;
        }
        if let (true, Some(answer), Ok(ends)) =
            (asks, stored.as_ref().or_else(|| self.rules.answer(line, event)), over(socket))
        {
            let what = What::Acknowledged { namespace, args: answer.clone() };
            self.log.sent(line, SERVER, ends, Direction::ToClient, what);
            // A client that has gone meanwhile will not have it, and the log says so.
            let _ = ack.send(answer);
        }
    }

    fn is_under_way(&self, socket: &SocketRef, what: &What) -> bool {
        over(socket).is_ok_and(|ends| self.log.is_under_way(ends, Direction::ToServer, what))
    }

    fn came(&self, socket: &SocketRef, what: &What) -> Option<usize> {
        self.log.came(over(socket).ok()?, Direction::ToServer, what)
    }
}

/// The connection by which the log knows a session: the one of its first request.
pub(super) fn of_session(first: &Parts) -> Result<Connection, ActorError> {
    let over = first.extensions.get::<Over>();
    over.map(|over| over.0).ok_or_else(|| failed("tell whose a session is", "it has no connection"))
}

pub(super) fn over(socket: &SocketRef) -> Result<Connection, ActorError> {
    of_session(socket.req_parts())
}

pub(super) fn failed(doing: &'static str, why: impl std::fmt::Display) -> ActorError {
    ActorError::Unreadable(format!("could not {doing}: {why}"))
}
