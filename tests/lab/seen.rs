//! Invariant 6: what the lab's ScriptLog says was sent is what the Trace says was seen, message by message, byte by
//! byte, in each direction of each connection. The two share no code.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use wiretale::cli::{trace_frames, trace_recording};
use wiretale::flow::Closing;
use wiretale::lab::{Event, Message as Said, Opcode as SaidOpcode, Place, Recording, What};
use wiretale::layer::Direction;
use wiretale::protocol::{HttpMessage, Opcode, Side, SseEventMessage, TlsRecord, WebSocketFrame, WebSocketMessage};
use wiretale::trace::{Message, Talk, Trace};

use super::net::on_ethernet;
use super::play;

/// Per client, server and direction: what went that way, in order.
type Talks = BTreeMap<(SocketAddr, SocketAddr, Direction), Vec<What>>;

pub fn what_was_sent_is_what_is_seen(place: &Place) {
    let scripts = [LESSON, EVERYTHING, CROWD, TCP, DATAGRAMS, HTTP, EVENTS, COMPRESSED, ENDS, UNREAD, ENCRYPTED];
    let on_each_network = scripts.iter().flat_map(|script| [(*script).to_owned(), on_ethernet(script)]);
    let all = on_each_network.chain([on_ethernet(SENT_AGAIN)]);
    for script in all.filter(|script| can_be_played(place, script)) {
        let recording = play(place, &script);
        let trace = trace_recording(&recording, false);
        let (sent, seen) = (sent(&recording), seen(&trace));
        assert!(sent.values().map(Vec::len).sum::<usize>() > 8, "the log of `{script}` is too short to prove anything");
        assert_eq!(seen, sent, "{script}");
    }
}

/// Ten plays of each script, as they are seen: the same things in the same order, and as many frames where every step is
/// small enough to need one segment.
pub fn ten_plays_are_alike(place: &Place) {
    let scripts = [(LESSON, true), (CROWD, true), (TCP, false), (DATAGRAMS, true), (HTTP, false), (EVENTS, true)];
    let on_each_network = scripts
        .iter()
        .flat_map(|(script, is_small)| [((*script).to_owned(), *is_small), (on_ethernet(script), *is_small)]);
    for (script, is_small) in on_each_network.filter(|(script, _)| can_be_played(place, script)) {
        let mut first: Option<(Vec<String>, usize)> = None;
        for _ in 0..10 {
            let recording = play(place, &script);
            let things: Vec<String> = recording.log.entries.iter().map(shape).collect();
            let found = (things, telling(&trace_frames(&recording.frames)));
            let expected = first.get_or_insert_with(|| found.clone());
            assert_eq!(found.0, expected.0, "{script}");
            assert!(!is_small || found.1 == expected.1, "{} and {} frames: {script}", found.1, expected.1);
        }
    }
}

/// Who ask together all ask before any is answered, and all wait at the same time.
pub fn several_wait_at_the_same_time(place: &Place) {
    let script = "3 times ada and bob and cleo get /wait answered with \"all\" after 50ms\n";
    let trace = trace_frames(&play(place, script).frames);
    let http: Vec<_> = trace
        .messages()
        .iter()
        .filter(|message| message.payload_as::<HttpMessage>().is_some())
        .map(|message| (message.direction, trace.time(message.frame()).unwrap()))
        .collect();
    assert_eq!(http.len(), 18);
    for round in http.chunks(6) {
        let (asked, answered) = round.split_at(3);
        assert!(asked.iter().all(|(direction, _)| *direction == Direction::ToServer), "{http:?}");
        assert!(answered.iter().all(|(direction, _)| *direction == Direction::ToClient), "{http:?}");
        assert!(answered[0].1 - asked[2].1 >= 0.049, "{http:?}");
    }
}

/// With a seed two plays say the same to the octet, keys, masks and all of TLS included; without one, or with another, they do
/// not.
pub fn a_seed_leaves_nothing_to_chance(place: &Place) {
    let played = |script: &str| {
        let recording = play(place, script);
        (streams(&trace_recording(&recording, false)), recording.secrets)
    };
    for script in [LESSON, EVERYTHING, CROWD, TCP, HTTP, EVENTS, COMPRESSED, ENDS, UNREAD, RAW, ENCRYPTED, LARGE] {
        let [one, same, other, none] =
            ["seed 7\n", "seed 7\n", "seed 8\n", ""].map(|seed| played(&(seed.to_owned() + script)));
        assert_eq!(one, same, "{script}");
        let has_masks = script.lines().any(|line| line.contains(" connects"));
        assert_eq!((one != other, one != none), (has_masks, has_masks), "{script}");
        assert_eq!(one.1.is_some(), script.contains(" over tls"));
    }
    let raw = [0x81, 0x81, 0x37, 0xfa, 0x21, 0x3d, 0x48];
    assert!(played(&format!("seed 7\n{RAW}")).0[0].1.ends_with(&raw));
}

/// What each side sent on each connection, in the order of connecting.
fn streams(trace: &Trace) -> Vec<(Direction, Vec<u8>)> {
    let octets = |connection: u32, direction| trace.stream(connection, direction).unwrap().slice(0..u64::MAX).to_vec();
    spoken_over(trace)
        .flat_map(|id| [Direction::ToServer, Direction::ToClient].map(|way| (way, octets(id, way))))
        .collect()
}

/// The connections over which anything was said. How often a client is refused before its server is back, chance has a hand in.
fn spoken_over(trace: &Trace) -> impl Iterator<Item = u32> {
    let ids = 0..trace.connections().len() as u32;
    let has_said = |id: u32, way| trace.stream(id, way).is_some_and(|stream| !stream.slice(0..1).is_empty());
    ids.filter(move |id| has_said(*id, Direction::ToServer) || has_said(*id, Direction::ToClient))
}

/// The same of Socket.IO, what its server calls its sessions included, over TLS, too: but for the clock, by which an answer says
/// when it was made.
pub fn a_seed_names_sessions(place: &Place) {
    let heads = ["", "server speaks socket.io over tls\n", "server speaks socket.io over tls 1.2\n"];
    for (script, least) in super::socketio::NAMED {
        for head in heads {
            let recordings =
                ["seed 7\n", "seed 7\n", "seed 8\n", ""].map(|seed| play(place, &format!("{seed}{head}{script}")));
            let traces = recordings.each_ref().map(|recording| trace_recording(recording, false));
            let [one, same, other, none] = traces.each_ref().map(spoken);
            assert!(one.len() >= *least, "{} directions: {script}", one.len());
            assert_eq!(one, same, "{head}{script}");
            let sids = |said: &[String]| -> BTreeSet<String> {
                let said = said.iter().flat_map(|said| said.split("\"sid\":\"").skip(1));
                said.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
            };
            assert!(!sids(&one).is_empty() && sids(&one) == sids(&same));
            assert!(sids(&one).is_disjoint(&sids(&other)) && sids(&one).is_disjoint(&sids(&none)), "{script}");
            assert_eq!(sids(&one).len(), sids(&other).len(), "{script}");
            let [secrets, same, other, none] =
                recordings.each_ref().map(|recording| sorted(recording.secrets.as_deref()));
            assert_eq!(secrets, same, "{head}{script}");
            assert!(secrets.is_empty() == head.is_empty() && secrets.is_disjoint(&other) && secrets.is_disjoint(&none));
            let [one, same, ..] = traces.each_ref().map(streams);
            for ((id, (way, one)), (_, same)) in one.iter().enumerate().zip(&same) {
                let dates = spoken(&traces[0])[id].matches("\r\ndate\r\n").count();
                let differ = one.iter().zip(same).filter(|(one, same)| one != same).count();
                assert!(
                    one.len() == same.len() && differ <= dates * DATED && (dates == 0 || *way == Direction::ToClient),
                    "{differ} of {} octets differ, {dates} dates, {id} {way:?}: {head}{script}",
                    one.len(),
                );
            }
        }
    }
}

/// So many octets of a stream follow from a date at most: 29 are its own (RFC 9110 §5.6.7), and by 16 TLS proves the record.
/// The ciphers that rustls prefers change each octet by itself.
const DATED: usize = 29 + 16;

/// The lines of a key log: those of connections that are opened at once come in any order.
fn sorted(secrets: Option<&str>) -> BTreeSet<&str> {
    secrets.unwrap_or_default().lines().collect()
}

/// What each side said on each connection, in the order of connecting, inside of TLS where there is any; without dates.
fn spoken(trace: &Trace) -> Vec<String> {
    let said = |id: u32, way| {
        let stream = trace.inside(id, way).or_else(|| trace.stream(id, way)).unwrap();
        let said: String = stream.slice(0..u64::MAX).iter().map(|octet| char::from(*octet)).collect();
        let undated = said.split("\r\n").map(|line| if line.starts_with("date: ") { "date" } else { line });
        undated.collect::<Vec<_>>().join("\r\n")
    };
    spoken_over(trace).flat_map(|id| [Direction::ToServer, Direction::ToClient].map(|way| said(id, way))).collect()
}

/// Plays of every kind.
pub const PLAYED_ANYWHERE: [&str; 11] =
    [LESSON, EVERYTHING, CROWD, TCP, DATAGRAMS, HTTP, EVENTS, COMPRESSED, ENDS, UNREAD, ENCRYPTED];

/// Octets past the WebSocket keep the masks that the script gives them.
const RAW: &str = "ada connects\nada sends text \"x\"\nada sends raw hex 818137fa213d48\n\
    bob connects\nbob sends raw hex 830500000000 refused\n";

/// Writes that neither TLS nor the kernel has room for at once.
const LARGE: &str = "ada connects over tls\nada sends text of 900000 bytes\nserver sends text of 900000 bytes to ada\nada closes\n\
    bob connects over tls 1.2\nbob sends text of 900000 bytes\nserver sends text of 900000 bytes to bob\nbob closes\n\
    fay opens tcp over tls\nfay writes of 900000 bytes\nserver writes of 900000 bytes to fay\nfay closes\n\
    cleo gets /b answered with text of 900000 bytes over tls\ncleo closes\n";

/// How many frames do more than acknowledge: when the kernel acknowledges by itself is a matter of its timers, and of how busy
/// the machine is.
fn telling(trace: &Trace) -> usize {
    let only_acknowledges = |record: &wiretale::trace::Record| {
        let flags = record.whole().0.tcp().map(|(tcp, ..)| tcp.flags.0);
        record.segment.as_ref().is_some_and(|segment| segment.len == 0) && flags == Some(wiretale::packet::Flags::ACK)
    };
    trace.records().filter(|(_, record)| !only_acknowledges(record)).count()
}

/// An Ethernet needs private networks.
fn can_be_played(place: &Place, script: &str) -> bool {
    matches!(place, Place::Private { .. }) || !script.starts_with("network ethernet")
}

/// An entry without what differs from play to play: ports, keys, times.
fn shape(entry: &wiretale::lab::Entry) -> String {
    let what = match &entry.what {
        What::Request { method, target, headers } => {
            format!("{method} {target} {:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
        }
        What::Response { status, body, .. } => format!("{status} {body:?}"),
        other => format!("{other:?}"),
    };
    format!("{} {} {what} {}", entry.step, entry.actor, entry.received_at.is_some())
}

const LESSON: &str = "ada connects to /chat\nada sends text \"Hello\"\nserver sends text \"Hello yourself\"\n\
    ada closes 1000 \"bye\"\nbob connects to /chat without key\ncleo connects to /chat with version 9\n";

const EVERYTHING: &str = "ada connects to /a?b=c offering \"chat, other\"\nada sends fragments \"Hel\" \"\" \"lo\"\n\
    ada sends binary hex 00ff10\nada sends text of 125 bytes\nada sends text of 126 bytes\nada sends binary of 65535 bytes\n\
    ada sends binary of 65536 bytes\nserver sends binary of 70000 bytes\nada sends text \"\"\nada pings \"hi\"\n\
    server pings \"x\" to ada\nserver pings\nserver sends fragments \"a\" \"b\"\nserver closes ada 4000 \"enough\"\n";

const CROWD: &str = "ada connects\nbob connects\nserver sends text \"1\" to bob\nserver sends text \"2\" to ada\n\
    ada closes\nbob sends text \"3\"\nada connects\nbob closes 1001\nada sends text \"4\"\nada closes 1000\n";

const TCP: &str = "ada opens tcp\nada writes \"Hel\"\nada writes \"lo\"\nserver writes of 70000 bytes\nbob opens tcp\n\
    10 times every 2ms bob writes hex 00ff\nada closes\nserver writes \"x\" to bob\nserver closes bob\ncleo opens tcp\n\
    cleo writes \"y\"\nserver aborts cleo\ndan opens tcp\ndan aborts\nada opens tcp\nada closes\n";

const DATAGRAMS: &str = "ada sends datagram \"hello\"\nserver sends datagram \"hi\" to ada\nbob sends datagram of 65507 bytes\n\
    5 times ada sends datagram \"again\"\nserver sends datagram hex 00 to bob\nada sends datagram \"\"\n";

const HTTP: &str = "3 times ada gets /a?b=c\nada gets /long answered with text of 70000 bytes\n\
    ada gets /none answered with 204 after 20ms\n2 times bob gets /old over http/1.0\nbob gets /new\nserver closes bob\nada closes\n\
    3 times ada and bob and cleo get /wait answered with \"all\" after 20ms\ndan and eve get /old over http/1.0\nbob closes\n";

const EVENTS: &str = "eve subscribes to /news\nserver publishes \"one\"\nserver publishes \"2\\n3\" as \"lines\" with id \"7\" to eve\n\
    eve closes\neve subscribes to /news after \"7\"\nserver publishes \"four\"\nserver closes eve\n";

/// Messages that are compressed, with and without what came before; in fragments, too; control frames never are.
const COMPRESSED: &str = "ada connects with compression\n3 times ada sends text \"hello hello hello hello hello\"\n\
    2 times server sends text of 3000 bytes\nada sends binary of 70000 bytes\nserver pings \"x\"\nada pings\n\
    ada sends fragments \"Hello hello \" \"\" \"hello hello\"\nada sends text \"\"\n2 times server sends fragments \"a a a a a\" \"a a a a\"\nserver closes ada 1000 \"bye\"\n\
    bob connects with compression without takeover\n3 times bob sends text \"hello hello hello hello hello\"\n\
    3 times server sends text \"hello hello hello hello hello\"\n2 times bob sends fragments \"hello \" \"hello\"\nbob closes\n";

/// Every way to end a connection.
const ENDS: &str = "ada opens tcp\nada writes \"ask\"\nada half-closes\nserver writes \"answer\"\nserver closes ada\n\
    ada opens tcp\nserver half-closes ada\nada writes \"late\"\nserver closes ada\n\
    ada opens tcp\nada half-closes\nada closes\nbob connects\nbob hangs up\nbob connects\nserver hangs up bob\n\
    bob connects\nserver aborts bob\nbob connects\nbob sends text \"x\"\nbob aborts\n\
    repeat 2 times every 5ms\ncleo opens tcp\n2 times cleo writes \"x\"\ncleo hangs up\nend\n";

/// Each FIN is sent again, since the wire has grown long, and what acknowledges it the second time meets no socket: it is
/// answered with a RST, which ends nothing.
const SENT_AGAIN: &str = "ada opens tcp\nada writes \"x\"\nserver writes \"y\"\nbob opens tcp\nbob writes \"x\"\n\
    server writes \"y\" to bob\nlink delays everything by 150ms\nada half-closes\nada closes\nbob half-closes\nbob closes\n";

/// What waits for who does not read arrives whole, and in order.
const UNREAD: &str = "ada opens tcp\nserver stops reading ada\n3 times ada writes of 60000 bytes\nserver writes \"y\"\n\
    server reads ada again\nada closes\nbob connects\nbob stops reading\nserver sends text of 100000 bytes to bob\n\
    server sends text \"x\" to bob\nbob sends text \"meanwhile\"\nbob reads again\nbob closes\n\
    eve subscribes to /news\neve stops reading\n5 times server publishes \"tick\" to eve\neve reads again\nserver closes eve\n";

/// The same over TLS, read with the secrets that the lab keeps.
const ENCRYPTED: &str = "ada connects over tls\nada sends text of 40000 bytes\nserver sends text \"hi\"\nada closes 1000\n\
    bob connects over tls 1.2 with compression\n2 times bob sends text \"hello hello hello\"\nbob closes\n\
    cleo gets / over tls\ncleo gets /b answered with text of 30000 bytes\ncleo closes\ndan gets / over http/1.0 over tls\n\
    eve subscribes to /news over tls 1.2\nserver publishes \"x\" to eve\nserver closes eve\n\
    fay opens tcp over tls\nfay writes \"x\"\nserver writes of 20000 bytes to fay\nfay closes\n";

pub fn sent(recording: &Recording) -> Talks {
    let mut talks = Talks::new();
    for entry in &recording.log.entries {
        let key = (entry.connection.client, entry.connection.server, entry.direction);
        let talk = talks.entry(key).or_default();
        match (&entry.what, talk.last_mut()) {
            // Where one call to write ends and the next begins the wire does not say.
            (What::Octets(more), Some(What::Octets(octets))) => octets.extend(more),
            (what, _) => talk.push(what.clone()),
        }
    }
    talks
}

/// What was written into a connection on which nothing is spoken that we know, in one piece.
fn octets(trace: &Trace, connection: u32, direction: Direction) -> Option<What> {
    let stream = match trace.inside_talk(connection) {
        Some(talk) if !matches!(talk, Talk::Known(_)) => trace.inside(connection, direction),
        Some(_) => None,
        None => trace.stream(connection, direction).filter(|_| !matches!(trace.talk(connection), Talk::Known(_))),
    }?;
    let octets = stream.slice(0..u64::MAX).to_vec();
    (!octets.is_empty()).then_some(What::Octets(octets))
}

/// Every datagram, in the direction of its first between these ends.
fn datagrams(trace: &Trace, talks: &mut Talks) {
    let mut clients: BTreeMap<u32, SocketAddr> = BTreeMap::new();
    for (_, record) in trace.records() {
        let (packet, data) = record.whole();
        let (Some((_, from, to)), Some(place)) = (packet.udp(), record.udp) else { continue };
        let client = *clients.entry(place.stream).or_insert(from);
        let key = match client == from {
            true => (from, to, Direction::ToServer),
            false => (to, from, Direction::ToClient),
        };
        talks.entry(key).or_default().push(What::Datagram(packet.payload.of(data).to_vec()));
    }
}

pub fn seen(trace: &Trace) -> Talks {
    let mut talks = Talks::new();
    for connection in trace.connections() {
        let key = |direction| (connection.client, connection.server, direction);
        talks.entry(key(Direction::ToServer)).or_default().push(What::Opened);
        let mut ours: Vec<&Message> =
            trace.messages().iter().filter(|message| message.connection == connection.id).collect();
        // What is encrypted says nothing of its own.
        ours.retain(|message| message.payload_as::<TlsRecord>().is_none());
        ours.sort_by_key(|message| message.range.start);
        for message in ours {
            // A stream of events that the client leaves is never complete.
            let is_stream = trace.messages().iter().any(|other| other.payload_as::<SseEventMessage>().is_some());
            assert!(message.complete || is_stream, "{message:?}");
            if let Some(what) = what(trace, message) {
                talks.entry(key(message.direction)).or_default().push(what);
            }
        }
        for direction in [Direction::ToServer, Direction::ToClient] {
            talks.entry(key(direction)).or_default().extend(octets(trace, connection.id, direction));
        }
        for direction in [Direction::ToServer, Direction::ToClient] {
            let end = match connection.closing(direction) {
                Some(Closing::Fin(_)) => Some(What::Closed),
                Some(Closing::Reset(_)) => Some(What::Reset),
                None => None,
            };
            talks.entry(key(direction)).or_default().extend(end);
        }
    }
    datagrams(trace, &mut talks);
    talks.retain(|_, talk| !talk.is_empty());
    talks
}

fn what(trace: &Trace, message: &Message) -> Option<What> {
    let bytes = trace.bytes(message);
    if let Some(http) = message.payload_as::<HttpMessage>() {
        return Some(http_said(http, bytes));
    }
    if let Some(sse) = message.payload_as::<SseEventMessage>() {
        let event = sse.event()?;
        let named = |text: &str| (!text.is_empty() && text != "message").then(|| text.to_owned());
        let (kind, id) = (named(&event.event), named(&event.id));
        return Some(What::Event(Event { kind, data: event.data.clone(), id }));
    }
    if let Some(frame) = message.payload_as::<WebSocketFrame>() {
        // What is compressed is told by the message.
        let whole = frame.fin && frame.opcode != Opcode::Continuation && !frame.encoded;
        let payload = frame.payload(bytes);
        return whole.then(|| What::Message(said(frame.opcode, vec![payload.len()], payload)));
    }
    let joined = message.payload_as::<WebSocketMessage>()?;
    let payload = joined.payload(bytes).unwrap();
    let mut lens: Vec<usize> = joined.fragment_lens().map(|len| usize::try_from(len).unwrap()).collect();
    // Who compresses a message does not think of how much of it that leaves.
    if lens.len() == 1 {
        lens = vec![payload.len()];
    }
    Some(What::Message(said(joined.opcode, lens, payload.to_vec())))
}

fn http_said(http: &HttpMessage, bytes: &[u8]) -> What {
    let own = |(one, other): (Cow<'_, str>, Cow<'_, str>)| (one.into_owned(), other.into_owned());
    let (first, second) = http.start(bytes).map(own).unwrap();
    let headers: Vec<_> = http.headers(bytes).into_iter().map(own).collect();
    match http.side {
        Side::Request => What::Request { method: first, target: second, headers },
        Side::Response => {
            // The events of a stream are told one by one.
            let is_stream = headers.iter().any(|(_, value)| value == "text/event-stream");
            let body = if is_stream { Vec::new() } else { http.body(bytes).into_owned() };
            What::Response { status: first.parse().unwrap(), headers, body }
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
