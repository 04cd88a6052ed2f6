//! Meeting programs that are in no play: the lab's servers serve whoever comes, the lab's clients call whoever is there. It is
//! how the lab is checked against other people's stacks; nothing is recorded.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tungstenite::Message;
use tungstenite::handshake::server::Request;
use tungstenite::protocol::Role;

use crate::lab::endpoint::{ActorError, Socket};
use crate::lab::handshake::{answer, read_request};
use crate::lab::held::Held;
use crate::lab::host::{Host, Order};
use crate::lab::log::ScriptLog;
use crate::lab::logbook::Logbook;
use crate::lab::parts::Parts;
use crate::lab::scenario::{Action, Compression, Event, Scenario};
use crate::lab::socketio::{self, Rules, Serving};
use crate::lab::tcp::{self, TcpEnd};

/// What is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// Socket.IO, with the manners that the protocol's own test suite asks a server for.
    SocketIo {
        /// How often it asks whether a client is there, and how long it waits for the answer; else as the library has it.
        heartbeat: Option<(Duration, Duration)>,
    },
    /// Socket.IO with a queue: what asks for an acknowledgement is stored in this file before it is acknowledged.
    Queue {
        /// The database.
        file: PathBuf,
    },
    /// Socket.IO with connection state recovery: every event that asks for nothing goes to everyone, its sender too.
    Recovering {
        /// For how long it remembers who was cut off.
        lasts: Duration,
    },
    /// WebSockets that send back what they get (compressed below `/deflate`, each message alone below `/deflate/apart`);
    /// to who asks for an event stream the numbers from 1 to 3, two of them at a time; to anyone else `hello`.
    Web,
}

/// Serves whoever comes to this address; tells where it listens (port 0 is any) and then goes on until its process ends.
///
/// # Errors
/// Nothing can listen there, or the address is not this machine's own: nothing of the lab listens beyond loopback.
pub fn serve(service: Service, address: SocketAddr, listening: impl FnOnce(SocketAddr)) -> io::Result<()> {
    if !address.ip().is_loopback() {
        let why = format!("the lab does not serve on {address}: only on this machine's loopback");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(128)?;
        listening(listener.local_addr()?);
        match service {
            Service::SocketIo { heartbeat } => socketio::guests::serve(listener, heartbeat).await,
            Service::Queue { file } => {
                let _serving = start(listener, Rules::keeping(file))?;
                std::future::pending::<()>().await;
            }
            Service::Recovering { lasts } => {
                let _serving = start(listener, Rules::remembering(lasts))?;
                std::future::pending::<()>().await;
            }
            Service::Web => web(&listener).await,
        }
        Ok(())
    })
}

fn start(listener: TcpListener, rules: Rules) -> io::Result<Serving> {
    Serving::start(listener, &Arc::new(rules), (None, &Logbook::alone())).map_err(io::Error::other)
}

/// Lets the clients of a script do their parts with a server that is somebody else's. A step of the server's is one that the
/// client waits for, where it can: a message on a WebSocket, octets, an event of a stream. Returns what was sent and what
/// came until the end, or until a step could not be done: then also why, with its line.
pub fn call(server: SocketAddr, scenario: &Scenario) -> (ScriptLog, Result<(), String>) {
    let log = Logbook::alone();
    let called = follow(server, scenario, &log);
    (log.so_far(), called)
}

fn follow(server: SocketAddr, scenario: &Scenario, log: &Logbook) -> Result<(), String> {
    let (done, reports) = mpsc::channel();
    let rules = Rules::of(scenario, None).map(Arc::new);
    let client =
        Host::client(None, server, (rules, None), log.clone(), done).map_err(|error| format!("no thread: {error}"))?;
    let deadline = Instant::now() + scenario.waits() + PATIENCE;
    let mut held = Held::default();
    for step in &scenario.steps {
        let wrong = |why: String| format!("line {} of the script: {why}", step.line);
        match &step.action {
            Action::Wait(time) => {
                std::thread::sleep(*time);
                continue;
            }
            Action::Fault(_) | Action::CutOff { .. } => return Err(wrong("there is no wire of ours".to_owned())),
            _ => {}
        }
        let Parts { client: name, of_client, .. } = Parts::of(&step.action, &mut held);
        client.order(Order { line: step.line, client: name.to_owned(), part: of_client });
        let left = deadline.saturating_duration_since(Instant::now());
        let report = reports.recv_timeout(left).map_err(|_| wrong("it did not end in time".to_owned()))?;
        report.done.map_err(|error| wrong(error.to_string()))?;
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(10);

async fn web(listener: &TcpListener) {
    let log = Logbook::alone();
    let mut guests = JoinSet::new();
    while let Ok(end) = tcp::accept(listener, &log).await {
        // Whoever breaks a rule, or off, is gone; the others stay.
        guests.spawn(async move { attend(end).await.ok() });
        while guests.try_join_next().is_some() {}
    }
}

/// Answers one connection as long as it lasts.
async fn attend(mut end: TcpEnd) -> Result<(), ActorError> {
    loop {
        let (request, rest) = read_request(&mut end.stream).await?;
        let says = |name: &str, what: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            value.to_ascii_lowercase().contains(what)
        };
        if says("upgrade", "websocket") {
            return echo(end, &request, rest).await;
        }
        if says("accept", "text/event-stream") {
            return count(end, &request).await;
        }
        let hello = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\nhello\n";
        end.put(hello.as_bytes()).await?;
    }
}

/// Sends back what comes.
async fn echo(mut end: TcpEnd, request: &Request, rest: Vec<u8>) -> Result<(), ActorError> {
    let offers = request.headers().get("Sec-WebSocket-Extensions").and_then(|value| value.to_str().ok());
    let wants = offers.is_some_and(|offers| offers.contains("permessage-deflate"));
    let compression = match request.uri().path() {
        "/deflate" if wants => Some(Compression { takeover: true }),
        "/deflate/apart" if wants => Some(Compression { takeover: false }),
        _ => None,
    };
    let answer = answer(request, compression);
    end.put(&answer.to_bytes()).await?;
    if answer.status != 101 {
        return end.stream.shutdown().await.map_err(|source| ActorError::io("close", source));
    }
    let mut socket = Socket::new(end.stream, Role::Server, compression, rest).await;
    let failed = |source| ActorError::websocket("speak", source);
    loop {
        match socket.next().await {
            Ok(said @ (Message::Text(_) | Message::Binary(_))) => socket.send(said).await.map_err(failed)?,
            // "The underlying TCP connection, in most normal cases, SHOULD be closed first by the server" (RFC 6455 §7.1.1).
            Ok(Message::Close(_)) => {
                socket.flush().await.map_err(failed)?;
                let ended = socket.into_inner().shutdown().await;
                return ended.map_err(|source| ActorError::io("close", source));
            }
            // The pong is due, and goes out.
            Ok(_) => socket.flush().await.map_err(failed)?,
            Err(source) => return Err(failed(source)),
        }
    }
}

/// Events with the numbers from 1 to 3, two at a time: who has lost the connection comes again for the rest, and then is
/// told to stay away (WHATWG HTML §9.2.3: "204 No Content").
async fn count(mut end: TcpEnd, request: &Request) -> Result<(), ActorError> {
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let failed = |source| ActorError::io("close", source);
    if last >= LAST_EVENT {
        end.put(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await?;
        return end.stream.shutdown().await.map_err(failed);
    }
    end.begin_events(0).await?;
    for id in last + 1..=LAST_EVENT.min(last + 2) {
        let kind = (id == LAST_EVENT).then(|| "last".to_owned());
        end.publish(0, &Event { kind, data: format!("number {id}\nof {LAST_EVENT}"), id: Some(id.to_string()) })
            .await?;
    }
    end.put(b"0\r\n\r\n").await?;
    end.stream.shutdown().await.map_err(failed)
}

const LAST_EVENT: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_served_beyond_loopback() {
        let anywhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let error = serve(Service::Web, anywhere, |_| unreachable!("it listens")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
