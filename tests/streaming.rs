//! A capture told while it is read, and nothing of it kept, says what the trace says that keeps everything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use wiretale::capture::{Frame, LinkType, Timestamp};
use wiretale::cli::{Loaded, Secrets, trace_frames};
use wiretale::explain::Summary;
use wiretale::trace::{Pipeline, Trace};
use wiretale::view::{Exporter, KINDS, Wanted, export, summary_json};

/// Every capture in the repository.
fn captures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("captures"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng") {
                found.push(entry);
            }
        }
    }
    found.sort();
    assert!(found.len() > 40, "the captures were not found");
    found
}

fn wiretale(arguments: &[&str], file: &Path) -> Option<Vec<u8>> {
    let output = Command::cargo_bin("wiretale").unwrap().args(arguments).arg(file).output().unwrap();
    output.status.success().then_some(output.stdout)
}

/// What the trace says that keeps everything.
fn kept(file: &Path) -> Vec<u8> {
    let loaded = Loaded::open(file, Secrets::Known("")).unwrap();
    let mut out = Vec::new();
    export(&loaded.trace, &Wanted { kinds: &KINDS, keys: None, frames: &|_| true }, &mut out).unwrap();
    out
}

#[test]
fn an_export_while_reading_is_the_export_of_the_trace() {
    let mut compared = 0;
    for file in captures() {
        let Some(streamed) = wiretale(&["export"], &file) else { continue };
        let (streamed, kept) = (String::from_utf8(streamed).unwrap(), String::from_utf8(kept(&file)).unwrap());
        for (streamed, kept) in streamed.lines().zip(kept.lines()) {
            assert_eq!(streamed, kept, "{}", file.display());
        }
        assert_eq!(streamed.len(), kept.len(), "{}", file.display());
        compared += 1;
    }
    assert!(compared > 40, "only {compared} captures could be read");
}

/// The captures are of healthy programs: nobody in them speaks on behind a message that says the connection closes.
#[test]
fn nobody_speaks_behind_the_last_message() {
    for file in captures() {
        let Ok(loaded) = Loaded::open(&file, Secrets::Known("")) else { continue };
        let behind = |text: &str| text.contains("Connection: close") || text.contains("Connection: keep-alive");
        let mut notes = loaded.trace.notes().iter().map(|(frame, note)| (frame, &note.text));
        assert_eq!(notes.find(|(_, text)| behind(text)), None, "{}", file.display());
    }
}

/// Where a socket gave each packet twice, as those of AF_PACKET do on loopback, what was said was said once, and nothing is
/// missing for that.
#[test]
fn a_capture_that_has_each_packet_twice_says_the_same() {
    let mut compared = 0;
    for file in captures() {
        let Ok(loaded) = Loaded::open(&file, Secrets::Known("")) else { continue };
        if loaded.trace.len() > 1000 {
            continue;
        }
        let once: Vec<Frame> = loaded.trace.records().map(|(_, record)| record.frame.clone()).collect();
        let twice: Vec<Frame> = once.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect();
        let (once, twice) = (trace_frames(&once), trace_frames(&twice));
        let said =
            |trace: &Trace| trace.messages().iter().map(|one| (trace.summary(one), one.complete)).collect::<Vec<_>>();
        assert_eq!(said(&twice), said(&once), "{}", file.display());
        let missing =
            |trace: &Trace| trace.notes().iter().filter(|(_, note)| note.text.contains("not captured")).count();
        assert_eq!(missing(&twice), missing(&once), "{}", file.display());
        compared += 1;
    }
    assert!(compared > 30, "only {compared} captures were compared");
}

/// Of an export the lines of these kinds, without the version that the first line tells.
fn of_kinds(lines: &str, kinds: &[&str]) -> Vec<String> {
    let beginnings: Vec<String> = kinds.iter().map(|kind| format!("{{\"kind\":\"{kind}\",")).collect();
    let lines = lines.lines().map(|line| line.replacen("{\"v\":1,", "{", 1));
    lines.filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning))).collect()
}

/// What nobody asks for is not looked for: what is asked for must not miss it.
#[test]
fn a_choice_of_kinds_is_an_export_without_the_others() {
    let pairs = [["websocket.frame", "websocket.message"], ["http.request", "http.response"]];
    let choices: Vec<&[&str]> = KINDS.chunks(1).chain(pairs.iter().map(|pair| &pair[..])).collect();
    for file in captures() {
        let Some(whole) = wiretale(&["export"], &file) else { continue };
        let whole = String::from_utf8(whole).unwrap();
        for kinds in &choices {
            let some = wiretale(&["export", "--kinds", &kinds.join(",")], &file).unwrap();
            let some = of_kinds(std::str::from_utf8(&some).unwrap(), &KINDS);
            assert_eq!(some, of_kinds(&whole, kinds), "{} {kinds:?}", file.display());
        }
    }
}

/// What a summary and an export both count.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    kinds: BTreeMap<String, u64>,
    /// Of frames, messages, and packets of Engine.IO and Socket.IO.
    octets: [u64; 2],
    opcodes: BTreeMap<String, u64>,
    engineio: BTreeMap<String, u64>,
    socketio: BTreeMap<String, u64>,
    notes: BTreeMap<String, u64>,
    analysis: BTreeMap<String, u64>,
    connections: usize,
    /// Of each connection that speaks HTTP/1 or WebSocket, also inside TLS.
    messages: BTreeMap<u64, u64>,
}

impl Counts {
    fn listed(lines: &[u8], others: &[u64]) -> Self {
        let mut counts = Self::default();
        let mut messages: BTreeMap<u64, u64> = BTreeMap::new();
        for line in lines.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()) {
            let line: Value = serde_json::from_slice(line).unwrap();
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let add = |to: &mut BTreeMap<String, u64>, name: String| *to.entry(name).or_default() += 1;
            let stream = line["stream"].as_u64();
            add(&mut counts.kinds, text("kind"));
            match line["kind"].as_str().unwrap() {
                "packet" => {
                    let findings = line["tcp"]["analysis"].as_array().into_iter().flatten();
                    findings.for_each(|name| add(&mut counts.analysis, name.as_str().unwrap().to_owned()));
                    let _ = stream.map(|stream| messages.entry(stream).or_default());
                }
                "websocket.frame" => {
                    counts.octets[0] = counts.octets[0].saturating_add(line["payload_len"].as_u64().unwrap());
                    add(&mut counts.opcodes, line["opcode"].to_string());
                }
                "websocket.message" => counts.octets[1] += line["payload_len"].as_u64().unwrap_or(0),
                "engineio.packet" => add(&mut counts.engineio, text("type")),
                "socketio.packet" => add(&mut counts.socketio, text("type")),
                "note" => add(&mut counts.notes, text("severity")),
                _ => {}
            }
            let exchanged = ["http.request", "http.response", "websocket.message"];
            if let Some(stream) = stream.filter(|_| exchanged.iter().any(|kind| line["kind"] == **kind)) {
                *messages.entry(stream).or_default() += 1;
            }
        }
        counts.connections = messages.len();
        messages.retain(|stream, _| !others.contains(stream));
        Self { messages, ..counts }
    }

    fn told(summary: &Value, others: &[u64]) -> Self {
        let map = |value: &Value| -> BTreeMap<String, u64> { serde_json::from_value(value.clone()).unwrap() };
        let opcode = |name: String| match name.as_str() {
            "continuation" => "0".to_owned(),
            "text" => "1".to_owned(),
            "binary" => "2".to_owned(),
            "close" => "8".to_owned(),
            "ping" => "9".to_owned(),
            "pong" => "10".to_owned(),
            reserved => reserved.trim_start_matches("reserved opcode ").to_owned(),
        };
        let number = |value: &Value| value.as_u64().unwrap();
        let rows = summary["connections"]["busiest"].as_array().unwrap().iter();
        Self {
            kinds: map(&summary["kinds"]).into_iter().filter(|(_, count)| *count > 0).collect(),
            octets: [&summary["websocket"]["payload_octets"], &summary["websocket"]["message_octets"]].map(number),
            opcodes: map(&summary["websocket"]["opcodes"]).into_iter().map(|(name, n)| (opcode(name), n)).collect(),
            engineio: map(&summary["engineio"]["types"])
                .into_iter()
                .map(|(words, n)| (packet_type(&words), n))
                .collect(),
            socketio: map(&summary["socketio"]["types"])
                .into_iter()
                .map(|(words, n)| (packet_type(&words), n))
                .collect(),
            notes: map(&summary["notes"]),
            analysis: map(&summary["tcp"]["analysis"]),
            connections: number(&summary["connections"]["tcp"]) as usize,
            messages: rows
                .map(|row| (number(&row["stream"]), number(&row["messages"])))
                .filter(|(stream, _)| !others.contains(stream))
                .collect(),
        }
    }
}

/// The streams of whose messages an export does not list each: those that speak HTTP/2, and what TLS hides.
fn others(summary: &Value, file: &Path) -> Vec<u64> {
    let rows = summary["connections"]["busiest"].as_array().unwrap().iter();
    let opened = file.ends_with("captures/20-privacy.pcapng");
    let is_other = |row: &&Value| row["protocol"] == "http2" || (row["protocol"] == "tls" && !opened);
    rows.filter(is_other).map(|row| row["stream"].as_u64().unwrap()).collect()
}

#[test]
fn a_summary_counts_what_an_export_lists() {
    for file in captures() {
        let Some(lines) = wiretale(&["export"], &file) else { continue };
        let summary = wiretale(&["replay", "--summary", "--json"], &file).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        let others = others(&summary, &file);
        assert_eq!(Counts::told(&summary, &others), Counts::listed(&lines, &others), "{}", file.display());
    }
}

/// What both count of frames that are told and forgotten.
fn counted_as_listed(frames: &[Frame]) -> Counts {
    let mut pipeline = Pipeline::new(Summary::default());
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    let summary: Value = serde_json::from_str(&summary_json(&pipeline.end())).unwrap();
    let counts = Counts::told(&summary, &[]);
    assert_eq!(counts, Counts::listed(streamed_as_kept(frames).as_bytes(), &[]));
    counts
}

#[test]
fn any_number_of_threads_counts_the_same() {
    for file in captures() {
        let summary = |threads: &str| wiretale(&["replay", "--summary", "--json", "--threads", threads], &file);
        let one = summary("1");
        for threads in ["2", "3", "16"] {
            assert_eq!(summary(threads), one, "{} with {threads} threads", file.display());
        }
    }
}

/// A raw IP packet with a TCP segment, from port 50000 to 80 or back.
fn segment(to_server: bool, seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Frame {
    let len = (40 + payload.len()) as u16;
    let ports: [u16; 2] = if to_server { [50_000, 80] } else { [80, 50_000] };
    let mut data = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0x40, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    data.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    data.extend([seq.to_be_bytes(), ack.to_be_bytes()].concat());
    data.extend([0x50, flags, 1, 0, 0, 0, 0, 0]);
    data.extend(payload);
    Frame { time: Timestamp(0), link: LinkType::RAW, interface: 0, len: len.into(), data, comments: Vec::new() }
}

/// The export of frames that are told and forgotten, which is that of frames that are kept.
fn streamed_as_kept(frames: &[Frame]) -> String {
    let mut streamed = Vec::new();
    let mut exporter = Exporter::new(&mut streamed, &KINDS, None, false);
    let mut pipeline = Pipeline::new(&mut exporter);
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.end();
    exporter.end().unwrap();
    let mut kept = Vec::new();
    let trace = trace_frames(frames);
    export(&trace, &Wanted { kinds: &KINDS, keys: None, frames: &|_| true }, &mut kept).unwrap();
    let (streamed, kept) = (String::from_utf8(streamed).unwrap(), String::from_utf8(kept).unwrap());
    assert_eq!(streamed.lines().collect::<Vec<_>>(), kept.lines().collect::<Vec<_>>());
    streamed
}

/// Found by fuzzing: an answer that only the end of the connection ends is judged in the frame of whoever ended it, and what is
/// remarked there of its request is that one's.
#[test]
fn a_remark_is_by_whoever_sent_its_frame() {
    let asks =
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let answers = b"HTTP/1.1 400 Bad Request\r\n\r\nthe key is missing";
    let (up, down) = (1 + asks.len() as u32, 1 + answers.len() as u32);
    let streamed = streamed_as_kept(&[
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 1, 1, 0x18, asks),
        segment(false, 1, up, 0x18, answers),
        segment(true, up, down, 0x18, b"no request\r\n\r\n"),
        segment(true, up + 14, 0, 4, b""),
    ]);
    let remark = streamed.lines().find(|line| line.contains("the request has no Sec-WebSocket-Key")).unwrap();
    assert!(remark.contains("\"frame\":6,") && remark.contains("\"to\":\"127.0.0.1:80\""), "{remark}");
}

/// Found by fuzzing: what is read where it lies has its octets also when the message began earlier in the segment, and a
/// gap nobody reads behind has its frame.
#[test]
fn what_is_read_in_passing_loses_nothing() {
    let asks = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let switches = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let (up, down) = (1 + asks.len() as u32, 1 + switches.len() as u32);
    let frames = [
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 1, 1, 0x18, asks),
        segment(false, 1, up, 0x18, switches),
        segment(false, down, up, 0x18, b"\x01\x02he\x80\x03llo\x81\x02hi"),
        segment(false, down + 20, up, 0x18, b"no frame at all"),
        segment(false, down + 50, up, 0x18, b"nor this"),
    ];
    let streamed = streamed_as_kept(&frames);
    assert!(streamed.contains("\"text\":\"hello\""), "{streamed}");
    assert_eq!(streamed.matches("were not captured").count(), 2, "{streamed}");
}

/// Found by fuzzing: what comes behind a reset is not read, also where a SYN with the same number follows.
#[test]
fn what_comes_behind_a_reset_is_not_read_later() {
    let asks = b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n";
    let again = b"GET /again HTTP/1.1\r\nHost: x\r\n\r\n";
    let up = 1 + asks.len() as u32;
    for between in [true, false] {
        let mut frames = vec![segment(true, 0, 0, 2, b""), segment(false, 0, 1, 0x14, b"")];
        frames.extend(between.then(|| segment(true, 1, 1, 0x18, asks)));
        frames.extend([segment(true, 0, 0, 2, b""), segment(false, 0, 1, 0x12, b"")]);
        let seq = if between { up } else { 1 };
        frames.push(segment(true, seq, 1, 0x18, again));
        let streamed = streamed_as_kept(&frames);
        assert!(!streamed.contains("/late") && streamed.contains("\"target\":\"/again\""), "{streamed}");
        assert_eq!(streamed.contains("payload after the connection was reset: it is not read"), between, "{streamed}");
    }
}

/// Found by fuzzing: that octets come again as others is told of those that wait behind a hole, which are kept by all; not of
/// those that were read, which only some keep.
#[test]
fn octets_that_come_again_as_others_are_told_alike() {
    let asks = b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let other = b"GET / HTTP/1.1\r\nHost: two.example\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
    let streamed = streamed_as_kept(&[
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 11, 1, 0x18, &asks[10..]),
        segment(true, 11, 1, 0x18, &other[10..]),
        segment(true, 21, 1, 0x18, &other[20..30]),
        segment(true, 1, 1, 0x18, &asks[..10]),
        segment(true, 1, 1, 0x18, other),
    ]);
    let told: Vec<&str> =
        streamed.lines().filter(|line| line.contains("something else than what came first")).collect();
    let frames: Vec<bool> =
        told.iter().zip([4, 5]).map(|(line, frame)| line.contains(&format!("\"frame\":{frame},"))).collect();
    assert_eq!(frames, [true, true], "{told:?}");
    assert!(streamed.contains("\"GET\"") && !streamed.contains("two.example"), "what came first is read: {streamed}");
}

/// A capture that begins in a long download: what came before it was known what is spoken is not kept, and what comes later is
/// read all the same.
#[test]
fn a_long_rest_does_not_keep_what_follows_from_being_read() {
    let (asks, answers) = (b"GET /next HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n");
    let rest = vec![b'a'; 30_000];
    let count = 80;
    let mut frames: Vec<Frame> = (0..count).map(|n| segment(false, 1 + n * 30_000, 1, 0x18, &rest)).collect();
    let end = 1 + count * 30_000;
    frames.push(segment(true, 1, end, 0x18, asks));
    frames.push(segment(false, end, 1 + asks.len() as u32, 0x18, answers));
    let mut out = Vec::new();
    let mut exporter = Exporter::new(&mut out, &KINDS, None, false);
    let mut pipeline = Pipeline::new(&mut exporter);
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.end();
    exporter.end().unwrap();
    let told = String::from_utf8(out).unwrap();
    assert!(told.contains("\"status\":204") && told.contains("\"request_frame\":81"), "{told}");
    assert_eq!(told.matches("in the middle of something long").count(), 1, "it is said once");
}

/// The lines of a capture that is told and forgotten, of these kinds.
fn streamed(frames: impl Iterator<Item = Frame>, kinds: &[&str]) -> Vec<Value> {
    let mut out = Vec::new();
    let mut exporter = Exporter::new(&mut out, kinds, None, false);
    let mut pipeline = Pipeline::new(&mut exporter);
    frames.for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.end();
    exporter.end().unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A body of more than 64 MiB is not kept: what its head says is told all the same, and that it was not kept.
#[test]
fn a_message_that_is_too_long_to_be_kept_is_told() {
    let asks: [&[u8]; 2] = [b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"];
    let next = b"HTTP/1.1 204 No Content\r\n\r\n";
    let piece = vec![b'a'; 60_000];
    let count = 3 + (64 << 20) / piece.len();
    let len = count * piece.len();
    for (framing, behind, body_len) in [
        (format!("Content-Length: {len}\r\n\r\n"), "", Some(len)),
        (format!("Transfer-Encoding: chunked\r\n\r\n{len:x}\r\n"), "\r\n0\r\n\r\n", None),
    ] {
        let begins = format!("HTTP/1.1 200 OK\r\nX: y\r\n{framing}");
        let asked = 1 + asks[0].len() as u32;
        let body = 1 + begins.len() as u32;
        let ends = body + len as u32;
        let after = ends + behind.len() as u32;
        let before = [
            segment(true, 0, 0, 2, b""),
            segment(false, 0, 1, 0x12, b""),
            segment(true, 1, 1, 0x18, asks[0]),
            segment(false, 1, asked, 0x18, begins.as_bytes()),
        ];
        let pieces = (0..count).map(|n| segment(false, body + (n * piece.len()) as u32, asked, 0x10, &piece));
        let later = [
            segment(false, ends, asked, 0x18, behind.as_bytes()),
            segment(true, asked, after, 0x18, asks[1]),
            segment(false, after, asked + asks[1].len() as u32, 0x18, next),
        ];
        let all = before.into_iter().chain(pieces).chain(later);
        let told = streamed(all, &["http.request", "http.response", "note"]);
        let notes: Vec<&Value> = told.iter().filter(|line| line["kind"] == "note").collect();
        let too_long = |note: &&&Value| note["text"].as_str().unwrap().contains("more octets than are kept");
        assert_eq!(notes.iter().filter(too_long).count(), 1, "{notes:?}");
        let answers: Vec<&Value> = told.iter().filter(|line| line["kind"] == "http.response").collect();
        assert_eq!(
            (answers.len(), &answers[1]["status"], &answers[1]["request_frame"]),
            (2, &204.into(), &(told_frame(&told, "/next")).into())
        );
        let large = answers[0];
        assert_eq!((&large["status"], &large["request_frame"], large.get("complete")), (&200.into(), &3.into(), None));
        assert_eq!(large["headers"][0], serde_json::json!(["X", "y"]));
        assert_eq!((large["body_len"].as_u64(), &large["body_sha256"]), (body_len.map(|len| len as u64), &Value::Null));
    }
}

/// Of a message in very many segments not all frames are remembered, where nobody reads its octets: then that is told.
#[test]
fn a_message_in_too_many_segments_is_told() {
    let asks = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let switches = b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let (asked, answered) = (1 + asks.len() as u32, 1 + switches.len() as u32);
    for (count, is_told) in [(65_000_u32, false), (70_000, true)] {
        let header = [&[0x82, 127][..], &u64::from(count).to_be_bytes()].concat();
        let body = answered + header.len() as u32;
        let before = [
            segment(true, 0, 0, 2, b""),
            segment(false, 0, 1, 0x12, b""),
            segment(true, 1, 1, 0x18, asks),
            segment(false, 1, asked, 0x18, switches),
            segment(false, answered, asked, 0x18, &header),
        ];
        let all = before.into_iter().chain((0..count).map(|n| segment(false, body + n, asked, 0x10, b"x")));
        let told = streamed(all, &["websocket.frame", "note"]);
        let notes = told.iter().filter_map(|line| line["text"].as_str());
        let unnamed = notes.filter(|text| text.contains("more segments than are remembered")).count();
        let frame = told.iter().find(|line| line["kind"] == "websocket.frame").unwrap();
        let named = frame["frames"].as_array().unwrap().len();
        assert_eq!((unnamed == 1, named == 1 + count as usize), (is_told, !is_told), "{unnamed} told, {named} named");
        assert_eq!(frame["frame"].as_u64(), Some(u64::from(5 + count)));
    }
}

/// In which frame this was asked for.
fn told_frame(told: &[Value], target: &str) -> u64 {
    told.iter().find(|line| line["target"] == target).unwrap()["frame"].as_u64().unwrap()
}

/// An event stream of which a segment is missing: what is read on is told alike, also where it is too long to be kept.
#[test]
fn an_event_stream_is_read_on_alike() {
    let request = b"GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    for chunked in [true, false] {
        let framed = |text: String| if chunked { format!("{:x}\r\n{text}\r\n", text.len()) } else { text };
        let begins = format!("{head}{}\r\n", if chunked { "Transfer-Encoding: chunked\r\n" } else { "" });
        let asked = 1 + request.len() as u32;
        let mut frames = vec![
            segment(true, 0, 0, 2, b""),
            segment(false, 0, 1, 0x12, b""),
            segment(true, 1, 1, 0x18, request),
            segment(false, 1, asked, 0x18, begins.as_bytes()),
        ];
        let mut seq = 1 + begins.len() as u32;
        for n in 0..200 {
            let octets = framed(format!("data: {n} {}\n\n", "y".repeat(1000)));
            // Two are missing, and the others are acknowledged as if nothing were.
            if n != 20 && n != 150 {
                frames.push(segment(false, seq, asked, 0x18, octets.as_bytes()));
            }
            seq += octets.len() as u32;
            frames.push(segment(true, asked, seq, 0x10, b""));
        }
        let told = streamed_as_kept(&frames);
        let events = told.lines().filter(|line| line.contains("\"kind\":\"sse.event\"")).count();
        assert_eq!(events, 200 - 4, "chunked: {chunked}; of each gap one more is not certain");
    }
}

/// A raw IP packet with a datagram, whose sums are true but for these bits of the IP header's and of its own.
fn datagram(header_bits: u8, udp_bits: u8, payload: &[u8]) -> Frame {
    let sum = |octets: &[&[u8]]| {
        let octets = octets.concat();
        let words = octets.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w.get(1).copied().unwrap_or(0)));
        let sum: u32 = words.sum();
        !(((sum & 0xffff) + (sum >> 16)) as u16)
    };
    let len = 8 + payload.len() as u8;
    let mut header = vec![0x45, 0, 0, 20 + len, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    let mut udp = [&[0x13, 0x88, 0x13, 0x89, 0, len, 0, 0], payload].concat();
    let (header_sum, udp_sum) = (sum(&[&header]), sum(&[&header[12..], &[0, 17, 0, len], &udp]));
    header[10..12].copy_from_slice(&header_sum.to_be_bytes());
    header[11] ^= header_bits;
    udp[6..8].copy_from_slice(&udp_sum.to_be_bytes());
    udp[7] ^= udp_bits;
    let data = [header, udp].concat();
    let len = data.len() as u32;
    Frame { time: Timestamp(0), link: LinkType::RAW, interface: 0, len, data, comments: Vec::new() }
}

/// A datagram that is proven to be damaged reached no program, whichever of its sums says so.
#[test]
fn damaged_datagrams_are_packets_and_no_datagrams() {
    let counts = counted_as_listed(&[
        datagram(0, 0, b"one"),
        datagram(1, 0, b"two"),
        datagram(0, 1, b"three"),
        datagram(0, 0, b"four"),
    ]);
    assert_eq!((counts.kinds["packet"], counts.kinds["udp.datagram"], counts.kinds["note"]), (4, 2, 2));
    // Where nothing is known of the sender the datagram is read.
    assert_eq!(counted_as_listed(&[datagram(1, 0, b"one")]).kinds["udp.datagram"], 1);
}

/// A connection that speaks WebSocket, of whose server's octets these follow the handshake, in one segment each.
fn websocket(agrees: &str, server: &[&[u8]]) -> Vec<Frame> {
    let asks = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let switches = format!("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{agrees}\r\n");
    let (up, mut down) = (1 + asks.len() as u32, 1 + switches.len() as u32);
    let mut frames = vec![
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        segment(true, 1, 1, 0x18, asks),
        segment(false, 1, up, 0x18, switches.as_bytes()),
    ];
    for octets in server {
        frames.push(segment(false, down, up, 0x18, octets));
        down += octets.len() as u32;
    }
    frames
}

/// Of a message that is not all there its octets count that are, in both; what it lacks is a note.
#[test]
fn what_is_there_of_a_message_counts() {
    let counts = counted_as_listed(&websocket("", &[b"\x81\x02hi", b"\x01\x03abc", b"\x00\x02de"]));
    assert_eq!((counts.octets, counts.kinds["websocket.message"]), ([7, 7], 2));
    // In its second frame octets are missing.
    let counts = counted_as_listed(&websocket("", &[b"\x01\x03abc", b"\x80\x05de"]));
    assert_eq!((counts.octets, counts.kinds["websocket.message"]), ([8, 5], 1));
    // What could not be inflated has none; and a header may announce what no sum can hold.
    let counts = counted_as_listed(&websocket(
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        &[b"\xc1\x03\xff\xff\xff", b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffab"],
    ));
    assert_eq!(counts.octets, [u64::MAX, 0]);
    // More frames than are joined into one message.
    let empty = [0; 60_000];
    let counts = counted_as_listed(&websocket("", &[b"\x02\x01a", &empty, &empty, &empty, b"\x80\x01z"]));
    assert_eq!((counts.octets, counts.kinds["websocket.frame"]), ([2, 1], 90_002));
}

/// A message counts once among those of its connection, in however many frames it came, and compressed or not.
#[test]
fn a_message_counts_once_on_its_connection() {
    let counts = counted_as_listed(&websocket(
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        &[b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", b"\x01\x01a\x00\x01b\x89\x00\x80\x01c", b"\x81\x02hi"],
    ));
    assert_eq!((counts.kinds["websocket.frame"], counts.kinds["websocket.message"]), (6, 4));
    assert_eq!(counts.messages, BTreeMap::from([(0, 2 + 4)]), "a request and a response, too");
}

/// A type of a packet as an export has it, of which a summary says in words that it is unknown.
fn packet_type(words: &str) -> String {
    match words.strip_prefix("unknown type ") {
        Some(unknown) => unknown.trim_matches('\'').to_owned(),
        None => words.replace("no type", ""),
    }
}

/// Packets of types that the protocols do not know: their lines have the character or number that stands there, or null.
#[test]
fn unknown_types_are_as_they_stand_there() {
    let polls = |ack: u32, at: u32| {
        let asks = b"GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n";
        (segment(true, at, ack, 0x18, asks), at + asks.len() as u32)
    };
    let answers = b"HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\nhello\x1e42[1]\x1e48[1]\x1e";
    let (asks, up) = polls(1, 1);
    let counts = counted_as_listed(&[
        segment(true, 0, 0, 2, b""),
        segment(false, 0, 1, 0x12, b""),
        asks,
        segment(false, 1, up, 0x18, answers),
    ]);
    assert_eq!(counts.engineio.get("h"), Some(&1), "{counts:?}");
    assert_eq!(counts.engineio.get(""), Some(&1), "{counts:?}");
    assert_eq!(counts.socketio.get("8"), Some(&1), "{counts:?}");
}

/// A frame of HTTP/2: type, flags, stream, body.
fn http2(kind: u8, flags: u8, stream: u8, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags, 0, 0, 0, stream], body].concat()
}

/// Fields as literals that are not kept (RFC 7541 §6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// Streams that are told in passing are told as if they were kept: bodies short and long, that come crosswise and end with
/// nothing, a session that moves, a stream of events; as far as each of the frames, and without each of them.
#[test]
fn streams_of_http2_are_told_in_passing_as_when_they_are_kept() {
    let get = |stream, path| http2(1, 5, stream, &block(&[(":method", "GET"), (":path", path)]));
    let ok = |stream, kind| http2(1, 4, stream, &block(&[(":status", "200"), ("content-type", kind)]));
    let poll = "/socket.io/?EIO=4&transport=polling&sid=abc";
    let asks = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/?EIO=4&transport=websocket&sid=abc")];
    let long: Vec<u8> = (0..90_000_u32).map(|n| n as u8).collect();
    let pieces = long.chunks(9_000).flat_map(|piece| [http2(0, 0, 1, piece), http2(0, 0, 5, b"data: x\n\n")].concat());
    let up = |octets: &[u8]| (true, octets.to_vec());
    let down = |octets: &[u8]| (false, octets.to_vec());
    let said = [
        up(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &http2(4, 0, 0, b""), &get(1, "/long"), &get(3, poll)].concat()),
        down(&[http2(4, 0, 0, b""), ok(1, "image/png"), ok(3, "text/plain"), http2(0, 0, 3, b"40{\"sid\":")].concat()),
        up(&[get(5, "/events"), http2(1, 4, 7, &block(&[(":method", "POST"), (":path", poll)]))].concat()),
        down(&[http2(0, 1, 3, b"\"S\"}"), ok(5, "text/event-stream")].concat()),
        up(&[http2(0, 0, 7, b"420[\"hi\"]"), http2(0, 1, 7, b"")].concat()),
        down(&pieces.collect::<Vec<u8>>()),
        up(&[http2(1, 4, 9, &block(&asks)), get(11, poll)].concat()),
        down(&[http2(0, 1, 1, b""), ok(7, "text/html"), http2(0, 1, 7, b"ok"), ok(9, ""), ok(11, "")].concat()),
        down(&[http2(0, 0, 9, b"\x81\x0842[\"x\"]"), http2(0, 1, 11, b"430[]\x1e6")].concat()),
        up(&[http2(3, 0, 5, &[0, 0, 0, 8]), http2(0, 1, 9, &[0x88, 0x80, 1, 2, 3, 4])].concat()),
        down(&http2(0, 1, 9, &[0x88, 0])),
    ];
    let mut frames = vec![segment(true, 0, 0, 2, b""), segment(false, 0, 1, 0x12, b"")];
    let mut next = [1_u32, 1];
    for (to_server, octets) in said {
        for octets in octets.chunks(40_000) {
            let [mine, other] = if to_server { [0, 1] } else { [1, 0] };
            frames.push(segment(to_server, next[mine], next[other], 0x18, octets));
            next[mine] += octets.len() as u32;
        }
    }
    frames.extend([segment(true, next[0], next[1], 0x11, b""), segment(false, next[1], next[0] + 1, 0x11, b"")]);
    let whole = streamed_as_kept(&frames);
    let count = |kind: &str| whole.matches(&format!("\"kind\":\"{kind}\"")).count();
    assert_eq!(["http.request", "http.response", "sse.event", "socketio.packet"].map(count), [6, 6, 10, 4], "{whole}");
    assert!(whole.contains("\"body_len\":90000,") && whole.contains("\"event_frame\":"), "{whole}");
    for end in 0..frames.len() {
        streamed_as_kept(&frames[..end]);
        streamed_as_kept(&[&frames[..end], &frames[end + 1..]].concat());
    }
}
