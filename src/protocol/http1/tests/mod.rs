mod bodies;
mod bounds;
mod heads;
mod messages;
mod pairing;
mod persist;
mod upgrade;

use super::{Http1, HttpMessage};
use crate::layer::{Direction, Severity};
use crate::message::{Dissector as _, Probe};
use crate::protocol::testing::{Talk, Told};

const ERROR: Severity = Severity::Error;
const WARN: Severity = Severity::Warn;
const TO_SERVER: Direction = Direction::ToServer;
const TO_CLIENT: Direction = Direction::ToClient;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const EMPTY_200: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UPGRADE: &str =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket/13\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn talk() -> Talk {
    Talk::new(Http1.decoder().unwrap())
}

/// A connection that was joined in its middle.
fn joined() -> Talk {
    let probe = Probe { to_server: b"", to_client: b"", end: false, joined: true };
    Talk::new(Http1.joined(probe).unwrap())
}

/// A connection on which the client asked this.
fn asked(request: &str) -> Talk {
    let mut talk = talk();
    talk.client(request);
    talk
}

/// A GET and what the server answers; it does not close.
fn answered(response: &str) -> Talk {
    let mut talk = asked(GET);
    talk.server(response);
    talk
}

/// The bodies of the server's messages, as text.
fn bodies(talk: &Talk) -> Vec<String> {
    let from_server = talk.heard.messages.iter().filter(|told| told.direction == TO_CLIENT);
    let body = |told: &Told| {
        let message: &HttpMessage = told.payload.as_any().downcast_ref().unwrap();
        String::from_utf8(message.body(talk.bytes(told)).into_owned()).unwrap()
    };
    from_server.map(body).collect()
}

/// The body of the one answer, and what was noted.
fn body_of(response: &str) -> (Vec<String>, Vec<(Severity, &'static str)>) {
    let mut talk = answered(response);
    talk.close();
    (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
    (bodies(&talk), talk.notes())
}
