//! Protocols over TCP, each reached as a capture reaches it: through frames. Which conversation is had, the first octet
//! says; what is said in it, [`turns`].

use wiretale::layer::Direction;
use wiretale::protocol::accept_for;

use crate::turns::{self, Turn};
use crate::wire::{Wire, show};

use Direction::{ToClient, ToServer};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// HTTP/1 from the first octet on. A wrapped turn is the body of a request or response whose head is in order.
pub fn http1(data: &[u8]) {
    let mut wire = Wire::open();
    for turn in turns::read(data) {
        let bytes = if turn.wrapped { http_message(&turn, "/", "text/plain", "") } else { turn.bytes.to_vec() };
        wire.say_with(turn.direction, turn.fate, bytes);
    }
    show(&wire);
}

/// HTTP/2 behind what both sides must say first. A wrapped turn is a frame's type, its flags, its stream and its body: the length
/// is put right.
pub fn http2(data: &[u8]) {
    const SETTINGS: u8 = 4;
    let mut wire = Wire::open();
    wire.say(ToServer, [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &http2_frame(SETTINGS, 0, 0, b"")].concat());
    wire.say(ToClient, http2_frame(SETTINGS, 0, 0, b""));
    for turn in turns::read(data) {
        let bytes = match (turn.wrapped, turn.bytes) {
            (true, [kind, flags, stream, body @ ..]) => http2_frame(*kind, *flags, *stream, body),
            (_, octets) => octets.to_vec(),
        };
        wire.say_with(turn.direction, turn.fate, bytes);
    }
    show(&wire);
}

fn http2_frame(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags, 0, 0, 0, stream], body].concat()
}

/// TLS from the first octet on. A wrapped turn is a record's content behind its type; the others are octets on the wire.
pub fn tls(data: &[u8]) {
    let mut wire = Wire::open();
    for turn in turns::read(data) {
        let bytes = match (turn.wrapped, turn.bytes) {
            (true, [content_type, content @ ..]) => {
                let len = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
                [&[*content_type, 3, 3][..], &len, content].concat()
            }
            (_, octets) => octets.to_vec(),
        };
        wire.say_with(turn.direction, turn.fate, bytes);
    }
    show(&wire);
}

/// What the server may agree to: nothing, each form of permessage-deflate, and what must not be.
const AGREEMENTS: [&str; 8] = [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
    "permessage-deflate; client_max_window_bits=15; server_no_context_takeover",
    "",
    "permessage-deflate; server_max_window_bits=7",
    "x-webkit-deflate-frame, permessage-deflate",
    "permessage-deflate; unheard=\"of\"",
];

/// WebSocket after a good handshake. A wrapped turn is a frame's first octet and its payload: length, and the client's
/// mask, are put right, so that what is within gets its share of attention.
pub fn websocket(data: &[u8]) {
    let [agreement, rest @ ..] = data else { return };
    let mut wire = Wire::open();
    upgrade(&mut wire, "/chat", AGREEMENTS[usize::from(*agreement) % AGREEMENTS.len()]);
    for turn in turns::read(rest) {
        say_in_websocket(&mut wire, &turn);
    }
    show(&wire);
}

/// Engine.IO. The first octet says how: bit 0 WebSocket, bit 1 version 3, bit 2 JSONP, bit 3 octets instead of text.
/// A wrapped turn is a payload (or the frame around a packet); the others are octets on the wire.
pub fn engineio(data: &[u8]) {
    session(data, b"");
}

/// Socket.IO, on the same ways: the namespaces `/` and `/admin` are joined before what comes, and each wrapped turn is
/// one Socket.IO packet.
pub fn socketio(data: &[u8]) {
    session(data, b"4");
}

/// Server-sent events: the first octet says whether the body is chunked (bit 0), else it lasts until the end.
/// What goes to the server is left as it is.
pub fn sse(data: &[u8]) {
    let [how, rest @ ..] = data else { return };
    let chunked = how & 1 != 0;
    let coding = if chunked { "Transfer-Encoding: chunked\r\n" } else { "" };
    let mut wire = Wire::open();
    wire.say(ToServer, "GET /prices HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: 6\r\n\r\n");
    wire.say(ToClient, format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{coding}\r\n"));
    for turn in turns::read(rest) {
        let bytes = match turn.direction {
            ToClient if chunked && turn.wrapped => chunk(turn.bytes),
            _ => turn.bytes.to_vec(),
        };
        wire.say_with(turn.direction, turn.fate, bytes);
    }
    show(&wire);
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A request that brings the octets, or a response that does.
fn http_message(turn: &Turn<'_>, target: &str, content: &str, prefix: &str) -> Vec<u8> {
    let len = prefix.len() + turn.bytes.len();
    let start = match turn.direction {
        ToServer => format!("POST {target} HTTP/1.1\r\nHost: a\r\n"),
        ToClient => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    let head = format!("{start}Content-Type: {content}\r\nContent-Length: {len}\r\n\r\n{prefix}");
    [head.as_bytes(), turn.bytes].concat()
}

/// The opening handshake, done right.
fn upgrade(wire: &mut Wire, target: &str, extensions: &str) {
    let (accept, line) = (accept_for(KEY), format!("Sec-WebSocket-Extensions: {extensions}\r\n"));
    let extensions = if extensions.is_empty() { "" } else { line.as_str() };
    let both = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    wire.say(
        ToServer,
        format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\n{both}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             {extensions}\r\n"
        ),
    );
    let start = "HTTP/1.1 101 Switching Protocols\r\n";
    wire.say(ToClient, format!("{start}{both}Sec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"));
}

fn say_in_websocket(wire: &mut Wire, turn: &Turn<'_>) {
    let bytes = match turn.bytes {
        [first, payload @ ..] if turn.wrapped => websocket_frame(turn.direction, *first, payload),
        as_it_is => as_it_is.to_vec(),
    };
    wire.say_with(turn.direction, turn.fate, bytes);
}

/// A frame with this first octet: its length in the shortest form, masked if it goes to the server.
fn websocket_frame(direction: Direction, first: u8, payload: &[u8]) -> Vec<u8> {
    let masked = direction == ToServer;
    let mut out = vec![first];
    let mask_bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        len @ 0..126 => out.push(mask_bit | len as u8),
        len => {
            out.push(mask_bit | 126);
            out.extend((len as u16).to_be_bytes());
        }
    }
    let key = if masked { [0x37, 0xfa, 0x21, 0x3d] } else { [0; 4] };
    if masked {
        out.extend(key);
    }
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    out
}

/// How an Engine.IO session is had.
struct How {
    websocket: bool,
    old: bool,
    jsonp: bool,
    octets: bool,
}

impl How {
    fn of(octet: u8) -> Self {
        Self { websocket: octet & 1 != 0, old: octet & 2 != 0, jsonp: octet & 4 != 0, octets: octet & 8 != 0 }
    }

    fn target(&self, sid: &str) -> String {
        let version = if self.old { 3 } else { 4 };
        let transport = if self.websocket { "websocket" } else { "polling" };
        let jsonp = if self.jsonp && !self.websocket { "&j=0" } else { "" };
        format!("/socket.io/?EIO={version}&transport={transport}{jsonp}{sid}")
    }

    fn content(&self) -> &'static str {
        match (self.octets, self.jsonp) {
            (true, _) => "application/octet-stream",
            (false, true) => "text/javascript; charset=UTF-8",
            (false, false) => "text/plain; charset=UTF-8",
        }
    }
}

const OPEN: &str =
    r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;

/// Packets of Socket.IO that come before anything else: `/` and `/admin` are joined.
const JOINED: [(Direction, &str); 4] = [
    (ToServer, "40"),
    (ToClient, r#"40{"sid":"wZX3oN0bSVIhsaknAAAI","pid":"Ym9ndXM"}"#),
    (ToServer, r#"40/admin,{"token":"x"}"#),
    (ToClient, r#"40/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#),
];

fn session(data: &[u8], message: &'static [u8]) {
    let [how, rest @ ..] = data else { return };
    let how = How::of(*how);
    let turns = turns::read(rest);
    let joined: &[_] = if message.is_empty() { &[] } else { &JOINED };
    let mut wire = Wire::open();
    if how.websocket {
        upgrade(&mut wire, &how.target(""), AGREEMENTS[usize::from(how.octets) * 4]);
        wire.say(ToClient, websocket_frame(ToClient, 0x81, OPEN.as_bytes()));
        for (direction, packet) in joined {
            wire.say(*direction, websocket_frame(*direction, 0x81, packet.as_bytes()));
        }
        for turn in &turns {
            match turn.bytes {
                [first, packet @ ..] if turn.wrapped && !message.is_empty() => {
                    let packet = [how.prefix(*first, message), packet].concat();
                    wire.say_with(turn.direction, turn.fate, websocket_frame(turn.direction, *first, &packet));
                }
                _ => say_in_websocket(&mut wire, turn),
            }
        }
    } else {
        let sid = "&sid=lv_VI97HAXpY6yYWAAAC";
        poll(&mut wire, &how, "", &how.payload(OPEN.as_bytes()));
        for (direction, packet) in joined {
            wire.connect();
            deliver(&mut wire, &how, sid, *direction, &how.payload(packet.as_bytes()));
        }
        for turn in &turns {
            if !turn.wrapped {
                wire.say_with(turn.direction, turn.fate, turn.bytes);
            } else if message.is_empty() {
                deliver(&mut wire, &how, sid, turn.direction, turn.bytes);
            } else {
                deliver(&mut wire, &how, sid, turn.direction, &how.payload(&[message, turn.bytes].concat()));
            }
        }
    }
    show(&wire);
}

impl How {
    /// What stands before a message in a frame that begins so: octets travel alone in version 4; in 3, and in text, the
    /// type of the packet comes first.
    fn prefix(&self, first: u8, text: &'static [u8]) -> &'static [u8] {
        match (first & 0x0f == 2, self.old) {
            (false, _) => text,
            (true, true) => &[4],
            (true, false) => &[],
        }
    }

    /// One packet as the whole of a payload.
    fn payload(&self, packet: &[u8]) -> Vec<u8> {
        if !self.old {
            return packet.to_vec();
        }
        if !self.octets {
            let units = String::from_utf8_lossy(packet).encode_utf16().count();
            return [format!("{units}:").as_bytes(), packet].concat();
        }
        let digits = packet.len().to_string();
        let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
        [&[0], digits.as_slice(), &[0xff], packet].concat()
    }
}

/// A payload to the server in a POST, or to the client in the answer to a GET.
fn deliver(wire: &mut Wire, how: &How, sid: &str, direction: Direction, payload: &[u8]) {
    if direction == ToClient {
        return poll(wire, how, sid, payload);
    }
    let body = if how.jsonp { [b"d=", payload].concat() } else { payload.to_vec() };
    let content = if how.jsonp { "application/x-www-form-urlencoded" } else { how.content() };
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n",
        how.target(sid),
        body.len()
    );
    wire.say(ToServer, [head.as_bytes(), &body].concat());
    wire.say(ToClient, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok");
}

fn poll(wire: &mut Wire, how: &How, sid: &str, payload: &[u8]) {
    wire.say(ToServer, format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", how.target(sid)));
    let body = if how.jsonp && !how.octets {
        let quoted = serde_json::to_string(&String::from_utf8_lossy(payload)).expect("text can be quoted");
        format!("___eio[0]({quoted});").into_bytes()
    } else {
        payload.to_vec()
    };
    let content = how.content();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n", body.len());
    wire.say(ToClient, [head.as_bytes(), &body].concat());
}
