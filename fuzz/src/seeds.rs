//! Captures, lessons and filters → octets for the targets to begin with. They are made anew before each run and not
//! kept in the repository: what they are made of is there.
//!
//! A target's program writes its own seeds, so that one build serves for both.

use std::fs;
use std::path::{Path, PathBuf};

use wiretale::explain::lesson::{Item, Lesson};
use wiretale::filter::{Names, TraceNames};
use wiretale::layer::Direction;
use wiretale::protocol::quic::Kind as QuicKind;
use wiretale::protocol::{Http2Frame, HttpMessage, TlsRecord, WebSocketFrame};
use wiretale::trace::{Message, Trace};

use crate::{targets, turns};

/// Where seeds are wanted, and then nothing else.
const VARIABLE: &str = "WIRETALE_FUZZ_SEEDS";

/// Larger captures give no frames but more of the same, and make each run slow.
const MAX_CAPTURE: u64 = 40_000;
/// The same for a conversation.
const MAX_SEED: usize = 8_000;

/// If the environment asks for seeds, writes those of this target and ends the program.
pub fn write_if_asked(target: &str) {
    let Some(folder) = std::env::var_os(VARIABLE) else { return };
    let folder = PathBuf::from(folder);
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seed");
    fs::create_dir_all(folder.join(target)).expect("the folder for seeds can be made");
    for (n, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(target).join(format!("{n:04}")), seed).expect("a seed can be written");
    }
    let words: Vec<String> = words(target).into_iter().map(|word| format!("{word:?}\n")).collect();
    fs::write(folder.join(format!("{target}.dict")), words.concat()).expect("a dictionary can be written");
    println!("{target}: {} seeds, {} words", seeds.len(), words.len());
    std::process::exit(0);
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = match target {
        "filter" => asked().into_iter().map(String::into_bytes).collect(),
        "lesson" => lessons().iter().flat_map(|text| lesson_parts(text)).map(String::into_bytes).collect(),
        "script" => scripts().into_iter().map(String::into_bytes).collect(),
        "quic" => quic(),
        _ => captures().iter().flat_map(|capture| from_capture(target, capture)).collect(),
    };
    seeds.extend(sessions(target));
    seeds.retain(|seed| target == "capture_file" || seed.len() <= MAX_SEED);
    seeds.sort();
    seeds.dedup();
    seeds
}

/// Words that a fuzzer would take long to find by chance.
fn words(target: &str) -> Vec<&'static str> {
    const QUESTIONS: &[&str] = &[
        " contains ",
        " matches ",
        " in {",
        "not ",
        " && ",
        " || ",
        " xor ",
        " == ",
        " != ",
        " === ",
        "any ",
        "all ",
        "count(",
        "value(",
        "sum(",
        "first(",
        "last(",
        "nth(",
        "min(",
        "max(",
        "time(",
        "len(",
        " where ",
        " at ",
        "20ms",
    ];
    const PLAYS: &[&str] = &[
        "ada ",
        "server ",
        "connects",
        " to /",
        " offering \"",
        " with version ",
        " with key \"",
        "without key",
        "sends ",
        "text ",
        "binary ",
        "hex ",
        "of 10 bytes",
        "fragments ",
        "pings ",
        "closes ",
        "listens on ",
        "wait 20ms",
        " · ",
    ];
    const LESSONS: &[&str] = &[
        "```predict\n",
        "```script\n",
        "```show\n",
        "```claim\n",
        "```misconception\n",
        "```modify\n",
        "```review\n",
        "\n```\n",
        "{{ ",
        " }}",
        "ask: ",
        "choice: ",
        "answer: ",
        "proof: ",
        "sentence: ",
        "says: ",
        "but: ",
        "ladder",
        "peel first(http)",
        "table ",
        "class: ",
        "+++\n",
        "[knobs]\n",
        "$",
    ];
    const HTTP: &[&str] = &[
        "Content-Length: ",
        "Transfer-Encoding: chunked",
        "Upgrade: ",
        "Connection: close",
        "HTTP/1.1 ",
        "HTTP/1.0 ",
        "HEAD ",
        "CONNECT ",
        "Expect: 100-continue",
        "Content-Encoding: gzip",
        "multipart/byteranges",
        "\u{d}\u{a}",
    ];
    match target {
        "filter" => [QUESTIONS, &TraceNames.all()].concat(),
        "lesson" => [LESSONS, QUESTIONS, PLAYS].concat(),
        "script" => PLAYS.to_vec(),
        "http1" => HTTP.to_vec(),
        "http2" => vec!["PRI * HTTP/2.0", "websocket", "text/event-stream", "gzip", "transport=polling", "sid="],
        "sse" => vec!["data: ", "id: ", "event: ", "retry: ", "\u{a}\u{a}", ": "],
        "engineio" | "socketio" => {
            vec![
                "\"sid\":",
                "\"pingInterval\":",
                "{\"_placeholder\":true,\"num\":0}",
                "/admin,",
                "___eio[0](",
                "2probe",
            ]
        }
        _ => Vec::new(),
    }
    .into_iter()
    // A dictionary has printable characters only; the others are easily found.
    .filter(|word| word.bytes().all(|b| (0x20..0x7f).contains(&b)))
    .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder of the repository with one of these endings; none if there is no such folder.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn captures() -> Vec<Vec<u8>> {
    let folders = ["captures", "tests/captures", "tests/interop/captures"];
    let files = folders.iter().flat_map(|folder| files(folder, &["pcap", "pcapng"]));
    let small = files.filter(|file| fs::metadata(file).is_ok_and(|meta| meta.len() <= MAX_CAPTURE));
    small.map(|file| fs::read(file).expect("a capture of the repository can be read")).collect()
}

fn from_capture(target: &str, capture: &[u8]) -> Vec<Vec<u8>> {
    if target == "capture_file" {
        return vec![capture.to_vec()];
    }
    let Some((trace, _)) = targets::read(capture, usize::MAX) else { return Vec::new() };
    if target == "frame" {
        return frames(&trace);
    }
    let connections = 0..trace.connections().len() as u32;
    connections.filter_map(|connection| conversation(target, &trace, connection)).collect()
}

/// What was said by WebTransport, as the target `quic` reads it: how the session began, and then a few packets of it.
fn quic() -> Vec<Vec<u8>> {
    const BEGINNING: usize = 12;
    let file = root().join("tests/interop/captures/socketio4-webtransport.pcapng");
    let capture = fs::read(file).expect("a capture of the repository can be read");
    let Some((trace, _)) = targets::read(&capture, 200) else { return Vec::new() };
    let mut packets: Vec<(Direction, &[u8])> = Vec::new();
    for (_, record) in trace.records() {
        let is_from_server = record.packet.udp().is_some_and(|(_, from, _)| from.port() == 8080);
        let direction = if is_from_server { Direction::ToClient } else { Direction::ToServer };
        let opened = record.quic.iter().flatten().filter(|packet| packet.kind == QuicKind::Short);
        packets.extend(opened.filter_map(|packet| Some((direction, packet.opened.as_ref()?.content.as_slice()))));
    }
    let (beginning, rest) = packets.split_at(packets.len().min(BEGINNING));
    let seed = |some: &[(Direction, &[u8])]| {
        let mut seed = Vec::new();
        for (direction, content) in beginning.iter().chain(some) {
            turns::write(&mut seed, *direction, false, content);
        }
        seed
    };
    rest.chunks(10).map(seed).collect()
}

/// A few frames at a time, as the target `frame` reads them.
fn frames(trace: &Trace) -> Vec<Vec<u8>> {
    let records: Vec<_> =
        trace.records().map(|(_, record)| &record.frame).filter(|frame| frame.data.len() < 400).collect();
    let seed = |some: &[&wiretale::capture::Frame]| {
        let link = targets::LINKS.iter().position(|link| *link == some[0].link).unwrap_or(targets::LINKS.len() - 1);
        let mut seed = vec![link as u8, 0];
        for frame in some {
            seed.extend((frame.data.len() as u16).to_be_bytes());
            seed.extend(&frame.data);
        }
        seed
    };
    records.chunks(6).take(4).map(seed).collect()
}

/// One connection as a conversation target reads it; `None` if there is nothing of its protocol in it.
fn conversation(target: &str, trace: &Trace, connection: u32) -> Option<Vec<u8>> {
    let of_it = trace.messages().iter().filter(|message| message.connection == connection && message.owns_bytes());
    let messages: Vec<&Message> = of_it.collect();
    let is_websocket = messages.iter().any(|message| message.payload_as::<WebSocketFrame>().is_some());
    let head = messages.first().map(|message| String::from_utf8_lossy(trace.bytes(message)).into_owned())?;
    let mut seed = match target {
        "http1" | "http2" | "tls" => Vec::new(),
        "websocket" => vec![0],
        "sse" => vec![u8::from(head.contains("chunked"))],
        _ => vec![u8::from(is_websocket) | if head.contains("EIO=3") { 2 } else { 0 }],
    };
    let before = seed.len();
    for message in messages {
        if seed.len() > MAX_SEED / 2 {
            break;
        }
        if let Some((wrapped, octets)) = turn(target, trace, message) {
            turns::write(&mut seed, message.direction, wrapped, &octets);
        }
    }
    (seed.len() > before).then_some(seed)
}

/// What a message is to a target: whether it is to be wrapped, and its octets.
fn turn(target: &str, trace: &Trace, message: &Message) -> Option<(bool, Vec<u8>)> {
    let bytes = trace.bytes(message);
    let http = message.payload_as::<HttpMessage>();
    let websocket = message.payload_as::<WebSocketFrame>();
    match target {
        "http1" => http.map(|_| (false, bytes.to_vec())),
        "http2" => {
            let frame = message.payload_as::<Http2Frame>().filter(|_| bytes.len() >= 9 && bytes.len() < 4000);
            // What begins the connection is said already.
            frame.filter(|_| !bytes.starts_with(b"PRI ")).map(|_| (true, [&bytes[3..5], &bytes[8..]].concat()))
        }
        "tls" => message.payload_as::<TlsRecord>().map(|_| (true, [&bytes[..1], &bytes[5..]].concat())),
        "websocket" => websocket.map(|frame| (true, [&bytes[..1], &frame.payload(bytes)].concat())),
        "sse" => {
            let is_stream = message.direction == Direction::ToClient && trace.summary(message).contains("200");
            let body = http.filter(|_| is_stream)?.body(bytes).into_owned();
            (!body.is_empty()).then_some((true, body))
        }
        "engineio" => match websocket {
            Some(frame) => Some((true, [&bytes[..1], &frame.payload(bytes)].concat())),
            None => Some((true, http?.body(bytes).into_owned())).filter(|(_, body)| !body.is_empty()),
        },
        _ => {
            let packet = match websocket {
                Some(frame) => frame.payload(bytes),
                None => http?.body(bytes).into_owned(),
            };
            // The target puts the type of the Engine.IO packet in front of it.
            let packet = packet.strip_prefix(b"4")?.split(|octet| *octet == 0x1e).next()?;
            Some((true, [if websocket.is_some() { &bytes[..1] } else { &[] }, packet].concat()))
        }
    }
}

/// Sessions of Engine.IO and Socket.IO as their specifications have them, so that there are some without a capture.
fn sessions(target: &str) -> Vec<Vec<u8>> {
    const ENGINE: &[&[u8]] = &[b"2probe", b"3probe", b"5", b"6", b"4hello\x1e2\x1ebAQIDBA==", b"6:4hello1:2", b"1"];
    const OLD_OCTETS: &[&[u8]] =
        &[b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", b"6%3A4hello", b"10:b4AQIDBA=="];
    const SOCKET: &[&[u8]] = &[
        b"2[\"foo\"]",
        b"2/admin,12[\"foo\",{\"a\":1}]",
        b"3/admin,12[\"bar\"]",
        b"51-[\"baz\",{\"_placeholder\":true,\"num\":0}]",
        b"61-12[{\"_placeholder\":true,\"num\":0}]",
        b"4{\"message\":\"Not authorized\"}",
        b"2[\"e\",\"offset\"]",
        b"1/admin,",
    ];
    let packets = match target {
        "engineio" => [ENGINE, OLD_OCTETS].concat(),
        "socketio" => SOCKET.to_vec(),
        _ => return Vec::new(),
    };
    let seed = |how: u8| {
        let mut seed = vec![how];
        for (n, packet) in packets.iter().enumerate() {
            let direction = if n % 2 == 0 { Direction::ToServer } else { Direction::ToClient };
            let first: &[u8] = if how & 1 == 0 { b"" } else { b"\x81" };
            turns::write(&mut seed, direction, true, &[first, packet].concat());
            if packet.contains(&b'_') && how & 1 != 0 {
                turns::write(&mut seed, direction, true, b"\x82\x01\x02\x03");
            }
        }
        seed
    };
    (0..16).map(seed).collect()
}

fn lessons() -> Vec<String> {
    files("lessons", &["md"]).iter().filter_map(|file| fs::read_to_string(file).ok()).collect()
}

/// A lesson as a whole, and each of its blocks as a lesson of its own, in which less can go wrong elsewhere.
fn lesson_parts(text: &str) -> Vec<String> {
    let Some((front, body)) = text.strip_prefix("+++\n").and_then(|text| text.split_once("+++\n")) else {
        return Vec::new();
    };
    let blocks = body.split("```").skip(1).step_by(2);
    let small = |block| format!("+++\n{front}+++\n\n```{block}```\n");
    [text.to_owned()].into_iter().chain(blocks.map(small)).collect()
}

/// The lessons' expressions and the filters in them, and one of each form that no lesson has yet.
fn asked() -> Vec<String> {
    const FORMS: &[&str] = &[
        "tcp.port in {80, 443, 8000..8100}",
        "any ip.addr == 127.0.0.0/8 and all tcp.port != 80",
        "http.host contains \"a\\x00\" or http.request.uri matches \"(?i)^/chat\"",
        "tcp.payload contains 81:05 xor frame.len >= 0x40",
        "not (tcp.flags.syn == True) && websocket.payload.text === r\"\\d\"",
        "eth.src == 00:00:00:00:00:00 || ipv6.addr == ::1 || frame.time_relative < 1.5",
        "count(http) + sum(tcp.len where http) * 2 - 1 / 3 == 0",
        "value(frame.time_relative at nth(websocket, 2)) - value(frame.time_relative at first(http)) < 20ms",
    ];
    let texts = lessons();
    let parsed: Vec<Lesson> = texts.iter().filter_map(|text| Lesson::parse(text, &TraceNames).ok()).collect();
    let mut asked: Vec<String> = FORMS.iter().map(|form| (*form).to_owned()).collect();
    for expr in parsed.iter().flat_map(Lesson::proofs) {
        asked.push(expr.text().to_owned());
        asked.extend(expr.filters().iter().map(|filter| filter.text.clone()));
    }
    asked
}

/// The lessons' scripts, and one with what no lesson has yet.
fn scripts() -> Vec<String> {
    const FORMS: &[&str] = &[
        "server listens on 9000 · ada connects to /chat offering \"a, b\" · wait 20ms · ada closes 1000 \"bye\"",
        "ada connects\nada sends fragments \"Hel\" \"lo\"\nada pings \"hi\"\nserver sends binary hex 00ff10 to ada",
        "bob connects with version 9 with key \"dGhlIHNhbXBsZSBub25jZQ==\"",
        "ada connects without key\nada sends text of 28 bytes\nada sends binary of 70000 bytes",
    ];
    let of_lessons = lessons().into_iter().filter_map(|text| Lesson::parse(&text, &TraceNames).ok());
    let scripts = of_lessons.flat_map(|lesson| lesson.items).filter_map(|item| match item {
        Item::Script(script) => Some(script.text),
        _ => None,
    });
    FORMS.iter().map(|form| (*form).to_owned()).chain(scripts).collect()
}
