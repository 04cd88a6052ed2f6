//! What happened on connections of QUIC whose secrets are at hand, one step after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::Cast;
use super::step::{Form, Phase, Quotes, Step};
use super::story::Chapter;
use crate::layer::{Direction, Severity};
use crate::protocol::SocketIoPacket;
use crate::protocol::engineio::{EngineIoPacket, Kind};
use crate::protocol::http3::{self, Http3Frame};
use crate::protocol::quic::{Close, Frames, transport_error};
use crate::protocol::text::quoted;
use crate::trace::{QuicMessage, Record, Talk, Trace, ends_of};

/// Of why a connection was closed so many characters are shown.
const MAX_REASON: usize = 60;

/// The chapters by the numbers of their connections, each with who is its client.
type Chapters = BTreeMap<u32, (Chapter, Option<SocketAddr>)>;

/// A chapter for each connection on which something can be read, in order of their numbers; and the frames that have a line.
pub(super) fn chapters(trace: &Trace, cast: &Cast, wanted: &dyn Fn(u32) -> bool) -> (Vec<Chapter>, BTreeSet<u32>) {
    let mut chapters = Chapters::new();
    let mut frames = BTreeSet::new();
    let carriers = carriers(trace);
    for (number, record) in trace.records().filter(|(number, _)| wanted(*number)) {
        let told = record.over_quic.iter().enumerate().filter(|(_, message)| is_told(message, number, &carriers));
        let time = trace.time(number);
        for (at, message) in in_turn(told.collect()) {
            let (chapter, _) = chapters.entry(message.connection).or_insert_with(|| begin(cast, record, message));
            frames.insert(number);
            chapter.steps.push(Step {
                frame: number,
                direction: message.direction,
                form: Form::Sent,
                elsewhere: Vec::new(),
                text: message.payload.summary(&[]),
                phase: if message.payload.protocol() == "http3" { Phase::Http3 } else { Phase::WebTransport },
                time,
                odd: record.over_quic.iter().filter(|other| other.stream == message.stream).any(has_warning),
                quotes: Quotes::Message(at),
            });
        }
        for (connection, text) in closes(record) {
            let Some((chapter, client)) = chapters.get_mut(&connection) else { continue };
            let from = ends_of(record.whole().0).map(|(from, _)| from);
            let direction = if from == *client { Direction::ToServer } else { Direction::ToClient };
            frames.insert(number);
            let (phase, quotes) = (Phase::QuicClose, Quotes::Nothing);
            let (form, elsewhere) = (Form::Sent, Vec::new());
            let odd = false;
            chapter.steps.push(Step { frame: number, direction, form, text, elsewhere, phase, time, odd, quotes });
        }
    }
    (chapters.into_values().map(|(chapter, _)| chapter).collect(), frames)
}

/// Messages that can be read in the same frame: on each stream what its opener said stands before what the other side answered,
/// also where both waited for what came last and the answer did not wait as long.
fn in_turn(mut told: Vec<(usize, &QuicMessage)>) -> Vec<(usize, &QuicMessage)> {
    let ways = |way: Direction| told.iter().any(|(_, message)| message.direction == way);
    if ways(Direction::ToServer) && ways(Direction::ToClient) {
        let streams: Vec<u64> = told.iter().map(|(_, message)| message.stream).collect();
        told.sort_by_key(|(_, message)| {
            // "The least significant bit (0x01) of the stream ID identifies the initiator of the stream." RFC 9000 §2.1
            let opener = if message.stream & 1 == 0 { Direction::ToServer } else { Direction::ToClient };
            (streams.iter().position(|stream| *stream == message.stream), message.direction != opener)
        });
    }
    told
}

/// What closes the connection of a frame's packets, in words.
fn closes(record: &Record) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for packet in record.quic.as_deref().unwrap_or_default() {
        let Some(opened) = &packet.opened else { continue };
        let closes = Frames::new(&opened.content).filter_map(|frame| frame.close());
        found.extend(closes.map(|close| (packet.connection, words(&close, &opened.content))));
    }
    found
}

fn words(close: &Close, content: &[u8]) -> String {
    let name = if close.is_of_application { http3::error_name(close.code) } else { transport_error(close.code) };
    let name = name.map(|name| format!(" {name}")).unwrap_or_default();
    let reason = String::from_utf8_lossy(content.get(close.reason.clone()).unwrap_or_default());
    let reason = if reason.is_empty() { String::new() } else { format!(" {}", quoted(&reason, MAX_REASON)) };
    format!("CONNECTION_CLOSE {:#x}{name}{reason}", close.code)
}

fn begin(cast: &Cast, record: &Record, message: &QuicMessage) -> (Chapter, Option<SocketAddr>) {
    let ends = ends_of(record.whole().0).map(|(from, to)| match message.direction {
        Direction::ToServer => (from, to),
        Direction::ToClient => (to, from),
    });
    let party = |address| match cast.name(address) {
        Some(name) => format!("{name} {address}"),
        None => address.to_string(),
    };
    let (client, server) = ends.map(|(client, server)| (party(client), party(server))).unwrap_or_default();
    let chapter = Chapter {
        connection: message.connection,
        client,
        server,
        steps: Vec::new(),
        acknowledgements: Vec::new(),
        rtt: None,
        talk: Talk::Known("http3"),
        began_as_http: false,
        inside: None,
    };
    (chapter, ends.map(|(client, _)| client))
}

/// A warning about what carries a message is one about the message.
fn has_warning(message: &QuicMessage) -> bool {
    message.notes.iter().any(|note| note.severity >= Severity::Warn)
}

/// Where something was carried: on which connection and stream, which way, and in which frame.
type Carrier = (u32, u64, usize, u32);

/// Where packets of Socket.IO were.
fn carriers(trace: &Trace) -> BTreeSet<Carrier> {
    let messages = trace.records().flat_map(|(_, record)| &record.over_quic);
    let packets = messages.filter(|message| message.payload.as_any().is::<SocketIoPacket>());
    let places = |message: &QuicMessage| {
        let (connection, stream, direction) = (message.connection, message.stream, message.direction.index());
        message.frames.clone().into_iter().map(move |frame| (connection, stream, direction, frame))
    };
    packets.flat_map(places).collect()
}

/// Whether a message gets a line: not what only carries something that has one, nor what the two sides set up for themselves.
fn is_told(message: &QuicMessage, frame: u32, carriers: &BTreeSet<Carrier>) -> bool {
    let any = message.payload.as_any();
    let says = |frame: &Http3Frame| !frame.headers().is_empty() || frame.session().is_some();
    let carrier = (message.connection, message.stream, message.direction.index(), frame);
    any.downcast_ref::<EngineIoPacket>()
        .is_none_or(|packet| packet.kind != Kind::Message || packet.sid.is_none() || !carriers.contains(&carrier))
        && any.downcast_ref().is_none_or(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::WebSocketHandshake;

    #[test]
    fn a_question_stands_before_its_answer() {
        let message = |stream: u64, direction: Direction| {
            // What is said does not matter.
            let payload = Box::new(WebSocketHandshake {
                accepted: true,
                accept_valid: None,
                accept_computed: None,
                subprotocol: None,
                extensions: None,
            });
            QuicMessage {
                connection: 0,
                stream,
                direction,
                frames: vec![1],
                packet: 0,
                payload,
                notes: Vec::new(),
                complete: true,
            }
        };
        let (to_server, to_client) = (Direction::ToServer, Direction::ToClient);
        let said = [(0, to_client), (4, to_server), (0, to_server), (3, to_client), (0, to_client)];
        let messages = said.map(|(stream, way)| message(stream, way));
        let told: Vec<_> =
            in_turn(messages.iter().enumerate().collect()).iter().map(|(_, one)| (one.stream, one.direction)).collect();
        assert_eq!(told, [(0, to_server), (0, to_client), (0, to_client), (4, to_server), (3, to_client)]);
    }
}
