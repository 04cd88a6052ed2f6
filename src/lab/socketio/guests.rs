//! A server for clients that are in no play. It has the manners that the protocol's own test suite asks a server for
//! (<https://github.com/socketio/socket.io-protocol/tree/main/test-suite>), and a little more:
//!
//! - the namespaces `/` and `/custom` may be joined; who joins is told by an event `auth` what it said of itself;
//! - an event `x` comes back as `x-back` with what it carried; one that asks for an acknowledgement is acknowledged with it;
//! - `ask me` is answered with an event `question` that asks for an acknowledgement, and that with `answered`;
//! - `join` puts its sender into a room, `tell room` tells all in a room, `tell all` everyone, both but the sender;
//! - `throw me out` is.
//!
//! Below `/engine.io/` it speaks Engine.IO alone, and sends back what it gets, as the test suite of that protocol asks
//! (<https://github.com/socketio/engine.io-protocol/tree/main/test-suite>).

use std::sync::Arc;
use std::time::Duration;

use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::{DisconnectReason, Socket, Str};
use serde_json::{Map, Value};
use socketioxide::extract::{AckSender, Event, SocketRef, TryData};
use socketioxide::{SendError, SocketIo};
use tokio::net::TcpListener;

use crate::lab::logbook::Logbook;
use crate::lab::socketio::server::{Asks, Bytes, open};
use crate::lab::socketio::{Arg, Args, MAIN};

/// Serves until it is dropped. `heartbeat` is how often it asks whether a client is there, and how long it waits for the
/// answer; else as its library does by default.
pub async fn serve(listener: TcpListener, heartbeat: Option<(Duration, Duration)>) {
    let (builder, bare) = match heartbeat {
        Some((every, within)) => (
            SocketIo::builder().ping_interval(every).ping_timeout(within),
            EngineIoConfig::builder().ping_interval(every).ping_timeout(within),
        ),
        None => (SocketIo::builder(), EngineIoConfig::builder()),
    };
    let (service, io) = builder.max_payload(MAX_PAYLOAD).build_svc();
    for namespace in [MAIN, "/custom"] {
        io.ns(namespace, welcome);
    }
    let bare = bare.max_payload(MAX_PAYLOAD).req_path("/engine.io").build();
    let service = EngineIoService::with_config_inner(service, Arc::new(Echo), bare);
    open(listener, service, (None, None), Logbook::alone()).await;
}

/// As the official server has it by default.
const MAX_PAYLOAD: u64 = 1_000_000;

/// Sends back what comes; who has gone meanwhile does not hear it.
#[derive(Debug)]
struct Echo;

impl EngineIoHandler for Echo {
    type Data = ();

    fn on_connect(self: Arc<Self>, _socket: Arc<Socket<()>>) {}

    fn on_disconnect(&self, _socket: Arc<Socket<()>>, _reason: DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        let _ = socket.emit(text);
    }

    fn on_binary(self: &Arc<Self>, octets: Bytes, socket: Arc<Socket<()>>) {
        let _ = socket.emit_binary(octets);
    }
}

async fn welcome(socket: SocketRef, TryData(auth): TryData<Value>) {
    // A client that has gone meanwhile hears nothing; so for all that is sent here.
    let _ = socket.emit("auth", &auth.unwrap_or(Value::Object(Map::new())));
    socket.on("ask me", async |socket: SocketRef| {
        let _ = ask(&socket).await;
    });
    socket.on("join", async |socket: SocketRef, TryData(room): TryData<String>| {
        room.into_iter().for_each(|room| socket.join(room));
    });
    socket.on("tell room", async |socket: SocketRef, TryData(args): TryData<Args>| {
        let Ok(Args(args)) = args else { return };
        if let Some((Arg::Json(Value::String(room)), told)) = args.split_first() {
            let _ = socket.to(room.clone()).emit("told", &Args(told.to_vec())).await;
        }
    });
    socket.on("tell all", async |socket: SocketRef, TryData(args): TryData<Args>| {
        let _ = socket.broadcast().emit("told", &args.unwrap_or_default()).await;
    });
    socket.on("throw me out", async |socket: SocketRef| drop(socket.disconnect()));
    socket.on_fallback(
        async |socket: SocketRef,
               Event(event): Event,
               Asks(asks): Asks,
               TryData(args): TryData<Args>,
               ack: AckSender| {
            let args = args.unwrap_or_default();
            let _ = if asks { ack.send(&args) } else { socket.emit(format!("{event}-back"), &args) };
        },
    );
}

async fn ask(socket: &SocketRef) -> Result<(), SendError> {
    let Ok(answered) = socket.emit_with_ack::<_, Args>("question", &Args(vec![Arg::Json("who?".into())])) else {
        return Ok(());
    };
    match answered.await {
        Ok(answer) => socket.emit("answered", &answer),
        Err(_) => Ok(()),
    }
}
