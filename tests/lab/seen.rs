//! Invariant 6: what the lab's ScriptLog says was sent is what the Trace says was seen, message by message, byte by
//! byte, in each direction of each connection. The two share no code.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use wiretale::cli::trace_frames;
use wiretale::lab::{Message as Said, Opcode as SaidOpcode, Place, Recording, What};
use wiretale::layer::Direction;
use wiretale::protocol::{HttpMessage, Opcode, Side, WebSocketFrame, WebSocketMessage};
use wiretale::trace::{Message, Trace};

use super::play;

/// Per client, server and direction: what went that way, in order.
type Talks = BTreeMap<(SocketAddr, SocketAddr, Direction), Vec<What>>;

pub fn what_was_sent_is_what_is_seen(place: &Place) {
    for script in [LESSON, EVERYTHING, CROWD] {
        let recording = play(place, script);
        let trace = trace_frames(&recording.frames);
        let (sent, seen) = (sent(&recording), seen(&trace));
        assert!(sent.values().map(Vec::len).sum::<usize>() > 8, "the log of `{script}` is too short to prove anything");
        assert_eq!(seen, sent, "{script}");
    }
}

const LESSON: &str = "ada connects to /chat\nada sends text \"Hello\"\nserver sends text \"Hello yourself\"\n\
    ada closes 1000 \"bye\"\nbob connects to /chat without key\ncleo connects to /chat with version 9\n";

const EVERYTHING: &str = "ada connects to /a?b=c offering \"chat, other\"\nada sends fragments \"Hel\" \"\" \"lo\"\n\
    ada sends binary hex 00ff10\nada sends text of 125 bytes\nada sends text of 126 bytes\nada sends binary of 65535 bytes\n\
    ada sends binary of 65536 bytes\nserver sends binary of 70000 bytes\nada sends text \"\"\nada pings \"hi\"\n\
    server pings \"x\" to ada\nserver pings\nserver sends fragments \"a\" \"b\"\nserver closes ada 4000 \"enough\"\n";

const CROWD: &str = "ada connects\nbob connects\nserver sends text \"1\" to bob\nserver sends text \"2\" to ada\n\
    ada closes\nbob sends text \"3\"\nada connects\nbob closes 1001\nada sends text \"4\"\nada closes 1000\n";

fn sent(recording: &Recording) -> Talks {
    let mut talks = Talks::new();
    for entry in &recording.log.entries {
        let key = (entry.connection.client, entry.connection.server, entry.direction);
        talks.entry(key).or_default().push(entry.what.clone());
    }
    talks
}

fn seen(trace: &Trace) -> Talks {
    let mut talks = Talks::new();
    for connection in trace.connections() {
        let key = |direction| (connection.client, connection.server, direction);
        talks.entry(key(Direction::ToServer)).or_default().push(What::Opened);
        let mut ours: Vec<&Message> =
            trace.messages().iter().filter(|message| message.connection == connection.id).collect();
        ours.sort_by_key(|message| message.range.start);
        for message in ours {
            assert!(message.complete, "{message:?}");
            if let Some(what) = what(trace, message) {
                talks.entry(key(message.direction)).or_default().push(what);
            }
        }
        for direction in [Direction::ToServer, Direction::ToClient] {
            if connection.closing(direction).is_some() {
                talks.entry(key(direction)).or_default().push(What::Closed);
            }
        }
    }
    talks
}

fn what(trace: &Trace, message: &Message) -> Option<What> {
    let bytes = trace.bytes(message);
    if let Some(http) = message.payload_as::<HttpMessage>() {
        return Some(http_said(http, bytes));
    }
    if let Some(frame) = message.payload_as::<WebSocketFrame>() {
        let whole = frame.fin && frame.opcode != Opcode::Continuation;
        let payload = frame.payload(bytes);
        return whole.then(|| What::Message(said(frame.opcode, vec![payload.len()], payload)));
    }
    let joined = message.payload_as::<WebSocketMessage>()?;
    let lens = joined.fragment_lens().map(|len| usize::try_from(len).unwrap()).collect();
    Some(What::Message(said(joined.opcode, lens, joined.payload(bytes).unwrap())))
}

fn http_said(http: &HttpMessage, bytes: &[u8]) -> What {
    let (first, second) = http.start(bytes).unwrap();
    let headers = http.headers(bytes);
    match http.side {
        Side::Request => What::Request { method: first, target: second, headers },
        Side::Response => {
            What::Response { status: first.parse().unwrap(), headers, body: http.body(bytes).into_owned() }
        }
        Side::Unreadable => panic!("unreadable: {bytes:02x?}"),
    }
}

fn said(opcode: Opcode, fragments: Vec<usize>, payload: Vec<u8>) -> Said {
    let opcode = match opcode {
        Opcode::Text => SaidOpcode::Text,
        Opcode::Binary => SaidOpcode::Binary,
        Opcode::Ping => SaidOpcode::Ping,
        Opcode::Pong => SaidOpcode::Pong,
        Opcode::Close => SaidOpcode::Close,
        other => panic!("nobody said a message of opcode {other}"),
    };
    let close = WebSocketFrame::close_body(&payload).filter(|_| opcode == SaidOpcode::Close);
    let close_code = close.map(|(code, _)| code);
    let close_reason = close.map(|(_, reason)| String::from_utf8(reason.to_vec()).unwrap());
    Said { opcode, payload, fragments, close_code, close_reason }
}
