//! Our export held equal to what real programs logged of themselves (tests/interop/README.md).
//!
//! What a program received was on the wire: the export must hold it, in this order per connection or session and
//! direction. And everything in the export must be in the log, as sent or as received.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use wiretale::cli::{Loaded, Secrets};
use wiretale::view::{KINDS, Wanted, export};

#[path = "interop/emits.rs"]
mod emits;

/// The keys that are compared in each layer, where the log has them.
const KEYS: &[(&str, &[&str])] = &[
    ("http", &["method", "target", "status", "reason", "version", "body_len", "body_sha256", "http2_stream"]),
    ("websocket", &["opcode", "payload_len", "payload_sha256", "text", "close_code", "close_reason"]),
    ("engineio", &["protocol", "transport", "sid", "type", "data", "binary_sha256"]),
    ("sse", &["event", "data"]),
    ("udp", &["payload_len", "payload_sha256"]),
    ("socketio", &["protocol", "sid", "socket", "namespace", "type", "id", "data", "offset"]),
];

/// Lines of a log that are left out: capture, layer, what the line says, and why.
type Exception = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

const LEFT_OUT: &[Exception] = &[
    (
        "socketio2-xhr2",
        "socketio",
        &[("dir", "s2c")],
        "a broadcast is logged by its receivers, and here the requests are made by hand",
    ),
    (
        "socketio4-webtransport",
        "engineio",
        &[("type", "error")],
        "what the official parser makes of a packet without octets, which is none of its types",
    ),
    ("socketio4-plain", "engineio", &[("type", "error")], "what the official parser makes of a text that is no packet"),
    ("socketio4-plain", "engineio", &[("type", "h"), ("data", "ello")], "what it is on the wire"),
    ("ws-talk", "http", &[("status", "401")], "the client of ws does not read the body of a refusal"),
    (
        "socketio2-polling",
        "engineio",
        &[("who", "client"), ("type", "close")],
        "the poll that it answers is of the session before; the log names the newest",
    ),
];

/// Layers whose logs do not tell all, with the reason.
const NOT_COMPARED: &[(&str, &str, &str)] = &[
    (
        "ws-closes",
        "websocket",
        "invalid frames are written past the API of ws, and receivers that gave up read no further",
    ),
    (
        "socketio4-errors",
        "engineio",
        "requests made by hand against the server's rules; what it refuses, it does not log",
    ),
    (
        "socketio4-errors",
        "socketio",
        "requests made by hand against the server's rules; what it refuses, it does not log",
    ),
];

/// In what real programs sent, every acknowledgement answers an event that was captured.
#[test]
fn every_acknowledgement_finds_its_event() {
    let mut found = 0;
    for name in names("socketio") {
        let lines = exported(&name);
        let packets: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "socketio.packet").collect();
        for ack in packets.iter().filter(|line| line["type"].as_str().unwrap().ends_with("ACK")) {
            let asked = packets.iter().find(|event| {
                event["frame"] == ack["event_frame"]
                    && event["id"] == ack["id"]
                    && event["namespace"] == ack["namespace"]
            });
            let event = asked.unwrap_or_else(|| panic!("{name}: nothing is answered by {ack}"));
            assert!(
                event["type"].as_str().unwrap().ends_with("EVENT") && event["from"] != ack["from"],
                "{name}: {ack}"
            );
            assert!(ack["rtt_ns"].as_i64().unwrap() > 0, "{name}: {ack}");
            found += 1;
        }
    }
    assert!(found > 20 || recorded_anew().is_some(), "only {found} acknowledgements");
}

/// Names a folder with recordings that are compared instead of those in the repository: `script/interop` makes them anew.
const ANEW: &str = "WIRETALE_INTEROP_RECORDED";

fn recorded_anew() -> Option<PathBuf> {
    std::env::var_os(ANEW).map(PathBuf::from)
}

fn folder(name: &str) -> PathBuf {
    recorded_anew().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")).join(name)
}

fn names(beginning: &str) -> Vec<String> {
    let entries = fs::read_dir(folder("captures")).unwrap().map(|entry| entry.unwrap().file_name());
    let name = |file: std::ffi::OsString| file.to_str()?.strip_suffix(".pcapng").map(str::to_owned);
    let mut found: Vec<String> = entries.filter_map(name).filter(|name| name.starts_with(beginning)).collect();
    found.sort();
    // Not everything is recorded anew, but something is.
    assert!(
        !found.is_empty() || (recorded_anew().is_some() && !beginning.is_empty()),
        "no capture begins with {beginning}"
    );
    found
}

fn log(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder("logs").join(format!("{name}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn exported(name: &str) -> Vec<Value> {
    let loaded = Loaded::open(&folder("captures").join(format!("{name}.pcapng")), Secrets::Known("")).unwrap();
    let mut out = Vec::new();
    export(&loaded.trace, &Wanted { kinds: &KINDS, keys: None, frames: &|_| true }, &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn layer_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "http.request" | "http.response" => "http",
        "websocket.message" => "websocket",
        "engineio.packet" => "engineio",
        "socketio.packet" => "socketio",
        "udp.datagram" => "udp",
        "sse.event" => "sse",
        _ => return None,
    })
}

fn port(address: &Value) -> u64 {
    address.as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

/// The export's lines with the client's port and the direction, as the log names them.
fn placed(lines: Vec<Value>) -> Vec<(&'static str, Value)> {
    let mut clients: HashMap<u64, u64> = HashMap::new();
    for line in lines.iter().filter(|line| line["kind"] == "packet") {
        if let Some(stream) = line["stream"].as_u64() {
            clients.entry(stream).or_insert_with(|| port(&line["from"]));
        }
    }
    let place = |mut line: Value| {
        let layer = layer_of(line["kind"].as_str()?)?;
        // A datagram has no stream; the client's port is the higher one.
        let client = match line["stream"].as_u64() {
            Some(stream) => clients[&stream],
            None => port(&line["from"]).max(port(&line["to"])),
        };
        let dir = if port(&line["from"]) == client { "c2s" } else { "s2c" };
        line["client_port"] = client.into();
        line["dir"] = dir.into();
        Some((layer, line))
    };
    lines.into_iter().filter_map(place).collect()
}

/// Who may be compared with whom: the session where there is one, else the connection; and the direction.
fn group(name: &str, layer: &str, line: &Value) -> String {
    let dir = &line["dir"];
    match layer {
        // Nor does a browser know any of its ports.
        "websocket" if name == "lab-browser" => dir.to_string(),
        // While a session moves to its WebSocket, both transports speak at once: only each has an order.
        "engineio" => format!("{} {} {dir}", line["sid"], line["transport"]),
        "socketio" => format!("{} {dir}", line["sid"]),
        // An EventSource does not know its port; its connections follow each other.
        "sse" => dir.to_string(),
        // On a connection of HTTP/2 each stream has an order of its own.
        _ => format!("{} {} {dir}", line["client_port"], line["http2_stream"]),
    }
}

/// Whether the export says what the log says, in all keys that the log has.
fn agrees(layer: &str, logged: &Value, exported: &Value) -> bool {
    let keys = KEYS.iter().find(|(name, _)| *name == layer).unwrap().1;
    let same = |key: &&str| match logged.get(*key) {
        None | Some(Value::Null) => true,
        // An empty close has no reason; the programs say "".
        Some(Value::String(reason)) if *key == "close_reason" && reason.is_empty() => {
            exported[*key].is_null() || exported[*key] == ""
        }
        // The programs tell the text of pings too.
        Some(_) if *key == "text" && exported["opcode"] != "text" => true,
        Some(value) => exported.get(*key) == Some(value),
    };
    let digest = |text: &Value| {
        let octets = Sha256::digest(text.as_str().unwrap_or_default());
        octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>()
    };
    let long = logged.get("data_sha256").is_none_or(|logged| *logged == digest(&exported["data"]).as_str());
    long && keys.iter().all(same)
}

fn left_out(name: &str, layer: &str, line: &Value) -> bool {
    let says = |(key, value): &(&str, &str)| line[*key].to_string().trim_matches('"') == *value;
    LEFT_OUT.iter().any(|(capture, of, what, _)| *capture == name && *of == layer && what.iter().all(says))
}

/// What the logs never tell: the 101 only clients log, and Socket.IO 2 joins `/` unasked.
fn unlogged(line: &Value) -> bool {
    line["status"] == 101 || (line["protocol"] == 4 && line["type"] == "CONNECT" && line["dir"] == "s2c")
}

#[derive(Default)]
struct Talk {
    sent: Vec<Value>,
    received: Vec<Value>,
    exported: Vec<Value>,
}

fn talks(name: &str, layer: &str) -> BTreeMap<String, Talk> {
    let mut talks: BTreeMap<String, Talk> = BTreeMap::new();
    for line in log(name).into_iter().filter(|line| line["layer"] == layer && line.get("handshake").is_none()) {
        if left_out(name, layer, &line) {
            continue;
        }
        let received = (line["who"] == "client") == (line["dir"] == "s2c");
        let talk = talks.entry(group(name, layer, &line)).or_default();
        if received { &mut talk.received } else { &mut talk.sent }.push(line);
    }
    for (_, line) in placed(exported(name)).into_iter().filter(|(of, _)| *of == layer) {
        talks.entry(group(name, layer, &line)).or_default().exported.push(line);
    }
    talks
}

/// Compares one layer of one capture; returns how many received lines were found, or what is wrong.
fn compare(name: &str, layer: &str) -> Result<usize, String> {
    let mut found = 0;
    for (whom, talk) in talks(name, layer) {
        let mut rest = talk.exported.iter();
        for logged in &talk.received {
            if !rest.any(|line| agrees(layer, logged, line)) {
                return Err(format!("{name}: {layer} {whom}: received, not exported here: {logged}"));
            }
            found += 1;
        }
        for line in &talk.exported {
            let known = talk.sent.iter().chain(&talk.received).any(|logged| agrees(layer, logged, line));
            if !known && !unlogged(line) && !left_out(name, layer, line) {
                return Err(format!("{name}: {layer} {whom}: exported, nobody knows of it: {line}"));
            }
        }
    }
    Ok(found)
}

fn hold(beginning: &str, layers: &[&str]) {
    let mut wrong = Vec::new();
    for name in names(beginning) {
        for layer in layers {
            let exception = NOT_COMPARED.iter().find(|(capture, of, _)| *capture == name && of == layer);
            match (compare(&name, layer), exception) {
                (Ok(found), None) => println!("{name}: {found} {layer} lines received are in the export"),
                (Err(what), None) => wrong.push(what),
                (Ok(_), Some(exception)) => wrong.push(format!("no longer needed: {exception:?}")),
                (Err(_), Some((_, _, reason))) => println!("{name}: {layer} is not compared: {reason}"),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn socket_io_4() {
    hold("socketio4", &["http", "websocket", "engineio", "socketio"]);
}

#[test]
fn socket_io_4_over_http2() {
    hold("socketio4-http2", &["sse"]);
}

#[test]
fn socket_io_2() {
    hold("socketio2", &["http", "websocket", "engineio", "socketio"]);
}

#[test]
fn ws() {
    hold("ws-", &["http", "websocket"]);
}

#[test]
fn python_websockets() {
    hold("websockets-", &["websocket"]);
}

#[test]
fn http() {
    hold("http-", &["http", "websocket"]);
}

#[test]
fn server_sent_events() {
    hold("sse-", &["http", "sse"]);
}

#[test]
fn the_labs_server_and_the_official_client() {
    hold("lab-serves-socketio", &["http", "engineio", "socketio"]);
    hold("lab-serves-recovery", &["http", "engineio", "socketio"]);
}

#[test]
fn the_labs_clients_and_official_servers() {
    hold("lab-calls-socketio", &["http", "engineio", "socketio"]);
    hold("lab-calls-recovery", &["http", "engineio", "socketio"]);
    hold("lab-calls-web", &["http", "websocket", "sse"]);
}

#[test]
fn the_labs_server_and_ws_and_eventsource() {
    hold("lab-serves-web", &["http", "websocket", "sse"]);
}

#[test]
fn the_labs_server_and_a_browser() {
    if recorded_anew().is_none() {
        hold("lab-browser", &["websocket", "sse"]);
    }
}

/// What the protocols' own test suites ask of a server: the play fails if one case does not hold.
#[test]
fn the_labs_server_and_the_test_suites() {
    if names("lab-suite").is_empty() {
        return; // It was not among what was recorded anew.
    }
    let held = log("lab-suite").iter().filter(|line| line["event"] == "case").count();
    assert_eq!(held, 35);
}

#[test]
fn udp() {
    hold("udp-", &["udp"]);
}

/// A log that says something else is found out, and so is one that lacks what was exported.
#[test]
fn a_log_that_disagrees_is_found_out() {
    let name = names("").remove(0);
    let lines = placed(exported(&name));
    let (layer, line) = lines.iter().find(|(layer, _)| *layer == "websocket" || *layer == "http").unwrap();
    let mut logged = line.clone();
    assert!(agrees(layer, &logged, line), "{name}: {line}");
    let (key, other) = if *layer == "http" { ("body_len", 987_654) } else { ("payload_len", 987_654) };
    logged[key] = other.into();
    assert!(!agrees(layer, &logged, line), "{name}: {line}");
}

#[test]
fn every_recording_is_complete() {
    for name in names("") {
        let lines = log(&name);
        let verdict = lines.last().unwrap();
        let frames = exported(&name).iter().filter(|line| line["kind"] == "packet").count() as u64;
        assert_eq!((verdict["complete"].as_bool(), verdict["frames"].as_u64()), (Some(true), Some(frames)), "{name}");
    }
}

/// The text of every note of severity warn or error.
fn warnings(name: &str) -> Vec<String> {
    let serious = |line: &&Value| line["kind"] == "note" && ["warn", "error"].iter().any(|s| line["severity"] == *s);
    exported(name).iter().filter(serious).map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_refusal_of_engine_io_is_told_in_its_words() {
    if !names("").contains(&"socketio4-errors".to_owned()) {
        assert!(recorded_anew().is_some(), "the recording of all errors is gone");
        return;
    }
    let told = warnings("socketio4-errors");
    let reasons = [
        "Transport unknown",
        "Session ID unknown",
        "Bad handshake method",
        "Bad request",
        "Forbidden",
        "Unsupported protocol version",
    ];
    for reason in reasons {
        let text = format!("Engine.IO refuses: {reason}");
        assert!(told.contains(&text), "{text}: {told:?}");
    }
}

/// The client ports of the connections that a program says were closed without a Close frame.
fn closed_abruptly<'a>(log: &'a [Value], who: &'a str) -> impl Iterator<Item = u64> + 'a {
    let says = move |line: &&Value| line["who"] == who && line["event"] == "closed without a close frame";
    log.iter().filter(says).filter_map(|line| line["client_port"].as_u64())
}

/// 1006 is what a program is told, and in no frame (RFC 6455 §7.1.5): where both were told so, so are we.
#[test]
fn a_websocket_without_its_closing_handshake_is_what_both_programs_say() {
    let mut found = 0;
    for name in names("ws-").into_iter().chain(names("socketio4-")) {
        let log = log(&name);
        let by_server: BTreeSet<u64> = closed_abruptly(&log, "server").collect();
        let by_both = closed_abruptly(&log, "client").filter(|port| by_server.contains(port));
        let noted = |line: &Value| line["text"].as_str().is_some_and(|text| text.contains("without a Close frame"));
        let told: BTreeSet<u64> = exported(&name)
            .iter()
            .filter(|line| line["kind"] == "note" && noted(line))
            .map(|line| port(&line["from"]).max(port(&line["to"])))
            .collect();
        assert!(told.is_subset(&by_server), "{name}: {told:?} of {by_server:?}");
        by_both.for_each(|port| assert!(told.contains(&port), "{name}: {port} is not among {told:?}"));
        found += told.len();
    }
    assert!(found >= 4 || recorded_anew().is_some(), "{found}");
}

/// What the official server refuses or closes for, told where it happened.
#[test]
fn what_breaks_the_rules_of_a_session_is_told() {
    if !names("").contains(&"socketio4-errors".to_owned()) {
        assert!(recorded_anew().is_some(), "the recording of all errors is gone");
        return;
    }
    let told = warnings("socketio4-errors");
    for beginning in [
        "a GET while another one of the same session waits",
        "the body is larger than maxPayload allows",
        "an event in the namespace /, which was not joined",
    ] {
        assert!(told.iter().any(|text| text.starts_with(beginning)), "{beginning}: {told:?}");
    }
}

#[test]
fn programs_in_good_health_get_no_warning() {
    let healthy = |name: &String| {
        const ODD: [&str; 11] = [
            "errors",
            "closes",
            "talk",
            "nginx",
            "sse-",
            "polling",
            "recovery",
            "calls-web",
            "suite",
            "emits",
            "plain",
        ];
        !ODD.iter().any(|odd| name.contains(odd))
    };
    let names: Vec<String> = names("").into_iter().filter(healthy).collect();
    assert!(names.len() > 12 || recorded_anew().is_some(), "{names:?}");
    for name in names {
        let expected: &[&str] = match name.as_str() {
            // The play ends with what the official server closes for.
            "socketio4-webtransport" => {
                &["a packet of no octets: the official parser takes it for an error, and the session ends"]
            }
            _ => &[],
        };
        assert_eq!(warnings(&name), expected, "{name}");
    }
}
