//! What the official programs of Socket.IO put on the wire, octet by octet; when they send later or again; and when they
//! send nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{exported, log, names, recorded_anew};

/// What was exported of a recording, and what its programs logged.
struct Recording {
    lines: Vec<Value>,
    log: Vec<Value>,
}

impl Recording {
    /// `None` if others were recorded anew.
    fn of(name: &str) -> Option<Self> {
        if recorded_anew().is_some() && names(name).is_empty() {
            return None;
        }
        Some(Self { lines: exported(name), log: log(name) })
    }

    fn kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["kind"] == kind)
    }

    /// The packets of Socket.IO of one direction.
    fn packets(&self, by_server: bool) -> impl Iterator<Item = &Value> {
        self.kind("socketio.packet").filter(move |line| is_by_server(line) == by_server)
    }

    /// The event with this name and first argument.
    fn event(&self, by_server: bool, name: &str, argument: &str) -> &Value {
        let is_it = |line: &&Value| line["data"][0] == name && line["data"][1] == argument;
        self.packets(by_server).find(is_it).unwrap()
    }

    /// The message of WebSocket with this text in the frame of a packet; its receiver logged it with as many octets.
    fn message(&self, packet: &Value, text: &str) -> &Value {
        let mut messages = self.kind("websocket.message").filter(|line| line["frame"] == packet["frame"]);
        let found = messages.find(|line| line["text"] == text).unwrap_or_else(|| panic!("{text} in {packet}"));
        let is_it = |line: &&Value| line["layer"] == "websocket" && line["text"] == text;
        let logged = self.log.iter().find(is_it).unwrap_or_else(|| panic!("{text} was not received"));
        assert_eq!(found["payload_len"], logged["payload_len"], "{text}");
        found
    }

    /// How many octets of TCP were sent behind this frame and before that one.
    fn octets_between(&self, first: &Value, last: &Value) -> u64 {
        let (first, last) = (first["frame"].as_u64().unwrap(), last["frame"].as_u64().unwrap());
        assert!(first < last);
        let between = |line: &&Value| line["frame"].as_u64().is_some_and(|frame| frame > first && frame < last);
        self.kind("packet").filter(between).map(|line| line["tcp"]["len"].as_u64().unwrap()).sum()
    }

    /// What was logged with this name, and where.
    fn logged<'a>(&'a self, event: &'a str) -> impl Iterator<Item = (usize, &'a Value)> {
        self.log.iter().enumerate().filter(move |(_, line)| line["event"] == event)
    }

    /// Where a program logged that it sent a packet with this data.
    fn sent(&self, data: &Value, id: Option<u64>) -> usize {
        let is_it = |line: &Value| line["layer"] == "socketio" && line["data"] == *data && line["id"].as_u64() == id;
        self.log.iter().position(is_it).unwrap()
    }
}

fn is_by_server(line: &Value) -> bool {
    line["from"].as_str().unwrap().ends_with(":8080")
}

fn len(line: &Value) -> u64 {
    line["payload_len"].as_u64().unwrap()
}

/// Seconds of the day.
fn seconds(line: &Value) -> f64 {
    let time = line["time"].as_str().unwrap().split('T').nth(1).unwrap().trim_end_matches('Z');
    time.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

/// With the library's usual values: 118 octets open a session by polling, 107 by WebSocket, which has no upgrade left, and
/// the answer to a CONNECT takes 32.
#[test]
fn what_opens_a_session_has_its_size() {
    let Some(rooms) = Recording::of("socketio4-rooms") else { return };
    let mut sizes = Vec::new();
    for open in rooms.kind("engineio.packet").filter(|line| line["type"] == "open") {
        let text = format!("0{}", open["data"].as_str().unwrap());
        let said: Value = serde_json::from_str(&text[1..]).unwrap();
        let usual = json!([25000, 20000, 1_000_000]);
        assert_eq!(json!([said["pingInterval"], said["pingTimeout"], said["maxPayload"]]), usual);
        let size = if open["transport"] == "polling" {
            assert_eq!(said["upgrades"], json!(["websocket"]));
            let body = rooms.kind("http.response").find(|line| line["frame"] == open["frame"]).unwrap();
            let is_it = |line: &&Value| line["who"] == "client" && line["body_sha256"] == body["body_sha256"];
            assert_eq!(rooms.log.iter().find(is_it).unwrap()["body_len"], body["body_len"]);
            body["body_len"].as_u64().unwrap()
        } else {
            assert_eq!(said["upgrades"], json!([]));
            len(rooms.message(open, &text))
        };
        assert_eq!(size, text.len() as u64);
        sizes.push((open["transport"].as_str().unwrap(), size));
    }
    assert_eq!(sizes, [("websocket", 107), ("polling", 118), ("websocket", 107)]);

    let joined = rooms.packets(true).filter(|line| line["type"] == "CONNECT");
    let sizes = joined.map(|line| {
        let text = format!("40{}", line["data"]);
        let by_websocket = rooms.kind("websocket.message").any(|message| message["frame"] == line["frame"]);
        if by_websocket { len(rooms.message(line, &text)) } else { text.len() as u64 }
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [32; 3]);
}

/// What connection state recovery adds: to the answer to a CONNECT the name `pid` (61 octets instead of 32), to an event ten
/// octets with its offset, to the CONNECT of who comes back 49 (51 instead of 2).
#[test]
fn recovery_costs_octets() {
    let Some(recovery) = Recording::of("socketio4-recovery") else { return };
    let joined: Vec<&Value> = recovery.packets(true).filter(|line| line["type"] == "CONNECT").collect();
    assert_eq!(joined.len(), 3);
    for line in joined {
        let [sid, pid] = ["sid", "pid"].map(|name| line["data"][name].as_str().unwrap());
        let without = format!("40{{\"sid\":\"{sid}\"}}");
        let with = recovery.message(line, &format!("40{{\"sid\":\"{sid}\",\"pid\":\"{pid}\"}}"));
        assert_eq!((len(with), without.len()), (61, 32));
    }
    let back: Vec<&Value> = recovery.packets(false).filter(|line| !line["data"]["pid"].is_null()).collect();
    let sizes = back.iter().map(|line| {
        let [pid, offset] = ["pid", "offset"].map(|name| line["data"][name].as_str().unwrap());
        let message = recovery.message(line, &format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"));
        // Of several events in one millisecond the later ones have a longer offset.
        len(message) - (offset.len() as u64 - 7)
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [51; 2]);

    let mut plain = 0;
    for line in recovery.packets(true).filter(|line| line["type"] == "EVENT" && !line["offset"].is_null()) {
        let offset = line["offset"].as_str().unwrap();
        let without = format!("42{}", line["data"]);
        let with = format!("{},\"{offset}\"]", without.strip_suffix(']').unwrap());
        let added = len(recovery.message(line, &with)) - without.len() as u64;
        assert_eq!(added, 3 + offset.len() as u64);
        plain += u32::from(added == 10);
    }
    assert!(plain >= 3, "{plain}");
    // An acknowledgement carries none.
    assert!(recovery.packets(true).filter(|line| line["type"] == "ACK").all(|line| line["offset"].is_null()));
}

/// The official client takes a greeting that is no packet for an error of the server. Where nobody speaks it waits in vain.
#[test]
fn a_plain_websocket_server_is_no_server_of_socket_io() {
    let Some(plain) = Recording::of("socketio4-plain") else { return };
    let told: Vec<&str> = plain.logged("connect_error").map(|(_, line)| line["message"].as_str().unwrap()).collect();
    assert_eq!(told, ["server error", "timeout"]);
    let parsed = plain.log.iter().find(|line| line["layer"] == "engineio").unwrap();
    assert_eq!((&parsed["type"], &parsed["data"]), (&json!("error"), &json!("parser error")));
    let packets: Vec<&Value> = plain.kind("engineio.packet").collect();
    assert_eq!(
        packets.iter().map(|line| (&line["type"], &line["data"])).collect::<Vec<_>>(),
        [(&json!("h"), &json!("ello"))]
    );
    assert_eq!(len(plain.message(packets[0], "hello")), 5);
    let notes = plain.kind("note").filter(|line| line["frame"] == packets[0]["frame"]).map(|line| &line["text"]);
    assert_eq!(notes.collect::<Vec<_>>(), [&json!("packet type 'h' is not defined")]);
    // Not a packet of Socket.IO came: the client would have sent its CONNECT only when a session is open.
    assert_eq!(plain.kind("socketio.packet").count(), 0);
}

/// What goes to the other servers of a cluster no client gets.
#[test]
fn server_side_emit_reaches_no_client() {
    let Some(emits) = Recording::of("socketio4-emits") else { return };
    let [before, after] = ["before", "after"].map(|name| emits.event(true, name, "serverSideEmit"));
    assert_eq!(emits.octets_between(before, after), 0);
    let warned: Vec<_> = emits.logged("warned").collect();
    assert_eq!(warned.len(), 3);
    let [first, last] = ["before", "after"].map(|name| emits.sent(&json!([name, "serverSideEmit"]), None));
    for (at, line) in warned {
        assert!(first < at && at < last);
        assert_eq!(line["message"], "this adapter does not support the serverSideEmit() functionality");
    }
}

/// What a program may not emit it is told at once, and nothing of it travels.
#[test]
fn reserved_names_are_not_emitted() {
    let Some(emits) = Recording::of("socketio4-emits") else { return };
    let (before, after) = (emits.event(false, "before", "reserved"), emits.event(true, "after", "reserved"));
    assert_eq!(emits.octets_between(before, after), 0);
    let names =
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map(str::to_owned);
    for who in ["server", "client"] {
        let threw = emits.logged("threw").filter(|(_, line)| line["who"] == who);
        let threw = threw.map(|(_, line)| (&line["name"], line["message"].as_str().unwrap()));
        let expected: Vec<_> =
            names.iter().map(|name| (json!(name), format!("\"{name}\" is a reserved event name"))).collect();
        let expected = expected.iter().map(|(name, message)| (name, message.as_str()));
        assert_eq!(threw.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{who}");
    }
    assert!(!emits.logged("emitted").any(|(_, line)| names.iter().any(|name| line["name"] == name.as_str())));
}

/// What is emitted while there is no connection waits, and goes when the next CONNECT is answered.
#[test]
fn what_is_emitted_offline_waits_for_the_next_connect() {
    let Some(emits) = Recording::of("socketio4-emits") else { return };
    let offline: Vec<_> = emits.logged("emitted offline").collect();
    assert_eq!(
        offline.iter().map(|(_, line)| (&line["n"], &line["connected"])).collect::<Vec<_>>(),
        [(&json!(1), &json!(false)), (&json!(2), &json!(false))]
    );
    let lost = emits.logged("disconnect").next().unwrap().0;
    let sent = emits.sent(&json!(["offline", 1]), None);
    assert!(offline.iter().all(|(at, _)| lost < *at && *at < sent));

    let of = |by_server: bool, stream: u64| {
        let packets = emits.packets(by_server).filter(move |line| line["stream"] == stream);
        packets.map(|line| (line["frame"].as_u64().unwrap(), line["data"].clone())).collect::<Vec<_>>()
    };
    let of_the_first = of(false, 0);
    assert!(!of_the_first.iter().any(|(_, data)| data[0] == "offline"), "{of_the_first:?}");
    let (by_client, by_server) = (of(false, 1), of(true, 1));
    let answered = by_server[0].0;
    assert!(!by_server[0].1["sid"].is_null());
    assert!(by_client[0].0 < answered && by_client[1..].iter().all(|(frame, _)| *frame > answered));
    let said = by_client[1..].iter().map(|(_, data)| data).collect::<Vec<_>>();
    let in_order = [json!(["offline", 1]), json!(["offline", 2])];
    assert_eq!(said[..2], in_order.iter().collect::<Vec<_>>());
    assert_eq!(said[said.len() - 2..], [&json!(["online again"]), &Value::Null]);
}

/// With `retries: 2` each event is sent three times, each time with the next id; the next event waits until it is given up.
#[test]
fn what_is_sent_again_is_sent_one_at_a_time() {
    let Some(emits) = Recording::of("socketio4-emits") else { return };
    let events: Vec<&Value> = emits.packets(false).filter(|line| !line["id"].is_null()).collect();
    let expected = ["r1", "r1", "r1", "r2", "r2", "r2"].map(|argument| json!(["noack", argument]));
    let expected = expected.into_iter().chain([json!(["echo", "r3"])]).enumerate();
    let texts: Vec<String> = expected.map(|(id, data)| format!("42{id}{data}")).collect();
    assert_eq!(events.len(), texts.len());
    for (event, text) in events.iter().zip(&texts) {
        emits.message(event, text);
    }
    // Who does not wait for an answer would send sooner.
    for pair in events[..6].windows(2) {
        let waited = (seconds(pair[1]) - seconds(pair[0])).rem_euclid(86_400.0);
        assert!(waited > 0.1, "{waited} s before {}", pair[1]);
    }
    let settled: Vec<_> = emits.logged("settled").collect();
    let told: Vec<_> = settled.iter().map(|(_, line)| (&line["args"][0], &line["message"])).collect();
    let timed_out = json!("operation has timed out");
    assert_eq!(told, [(&json!("r1"), &timed_out), (&json!("r2"), &timed_out), (&json!("r3"), &Value::Null)]);
    assert!(emits.logged("handed over").next().unwrap().0 < emits.sent(&json!(["noack", "r1"]), Some(1)));
    assert!(settled[0].0 < emits.sent(&json!(["noack", "r2"]), Some(3)));
    assert!(settled[1].0 < emits.sent(&json!(["echo", "r3"]), Some(6)));
    let answered: BTreeSet<u64> = emits.packets(true).filter_map(|line| line["id"].as_u64()).collect();
    assert_eq!(answered, BTreeSet::from([6]));
}

/// In Socket.IO 2 a program may say that an event has no octets. If it has some, they travel as Node's JSON of a Buffer, and
/// arrive as that object: in 2.5.0 this form is still there, and no frame less.
#[test]
fn who_denies_octets_sends_json() {
    let Some(binary) = Recording::of("socketio2-binary") else { return };
    let as_json = r#"42["octets",{"type":"Buffer","data":[1,2,3,4]}]"#;
    let as_octets = r#"451-["octets",{"_placeholder":true,"num":0}]"#;
    for by_server in [true, false] {
        let events: Vec<&Value> =
            binary.packets(by_server).filter(|line| line["type"].as_str().unwrap().ends_with("EVENT")).collect();
        let told: Vec<_> = events.iter().map(|line| (line["type"].as_str().unwrap(), line["data"].clone())).collect();
        let expected = [
            ("EVENT", json!(["no octets", "said rightly"])),
            ("EVENT", json!(["octets", { "type": "Buffer", "data": [1, 2, 3, 4] }])),
            ("BINARY_EVENT", json!(["octets", { "base64": "AQIDBA==" }])),
            ("BINARY_EVENT", json!(["octets", { "base64": "AQIDBA==" }])),
        ];
        assert_eq!(told, expected);
        binary.message(events[1], as_json);
        let texts = binary.kind("websocket.message").filter(|line| is_by_server(line) == by_server);
        let texts: Vec<&Value> = texts.filter(|line| line["opcode"] == "text").map(|line| &line["text"]).collect();
        assert_eq!(texts.iter().filter(|text| ***text == as_octets).count(), 2);
    }
}
