//! Invariant 6 for Socket.IO: what its actors say they emitted, acknowledged, joined and left is what the trace tells of each
//! client, in each direction, whatever carried it. And what only this play can show.

use std::collections::BTreeMap;

use serde_json::Value;
use wiretale::cli::{trace_frames, trace_recording};
use wiretale::flow::{Closing, Connection};
use wiretale::lab::{EventQueue, Place, Recording, Scenario, What};
use wiretale::layer::Direction;
use wiretale::protocol::{SocketIoKind, SocketIoPacket};
use wiretale::trace::Trace;

use super::net::on_ethernet;
use super::play;

/// A packet: its kind, its namespace, its content, and whether it asks for an acknowledgement.
type Packet = (&'static str, String, Value, bool);
/// Per client and direction: what went that way, in order.
type Talks = BTreeMap<(String, Direction), Vec<Packet>>;

/// Everything that can be said, over every transport, on both networks.
pub fn what_was_emitted_is_what_is_seen(place: &Place) {
    let encrypted = ["", " 1.2"].map(|version| format!("server speaks socket.io over tls{version}\n{SESSION}"));
    let scripts = [SESSION.to_owned(), AUDIENCE.to_owned(), MISSED.to_owned(), QUEUE.to_owned(), on_ethernet(SESSION)];
    let recovered = [
        RECOVERY.to_owned(),
        on_ethernet(RECOVERY),
        recovering(QUEUE),
        format!("server recovers connections\n{SESSION}"),
    ];
    let lossy = [SESSION, AUDIENCE, RECOVERED].map(|script| on_ethernet(&format!("seed 3\nlink loses 15%\n{script}")));
    // The server learns late that a client is gone.
    let long = [MISSED, QUEUE, &recovering(QUEUE)]
        .map(|script| on_ethernet(&format!("link delays everything to the server by 20ms\n{script}")));
    for script in scripts.into_iter().chain(encrypted).chain(recovered).chain(lossy).chain(long) {
        if script.starts_with("network") && !matches!(place, Place::Private { .. }) {
            continue;
        }
        let recording = play(place, &script);
        assert_eq!(recording.log.lost() > 0, script.contains("link loses"), "{script}");
        let trace = trace_recording(&recording, false);
        let (sent, seen) = (sent(&recording), seen(&trace, &recording));
        assert!(sent.values().map(Vec::len).sum::<usize>() > 8, "the log of `{script}` is too short to prove anything");
        assert_eq!(seen, sent, "{script}");
        let notes: Vec<_> =
            trace.notes().iter().filter(|(_, note)| note.severity >= wiretale::layer::Severity::Warn).collect();
        assert!(notes.iter().all(|(_, note)| note.text.contains("closing handshake")), "{notes:?}");
    }
}

/// The server asks as often as the script says, and every client answers.
pub fn hearts_beat_as_the_script_says(place: &Place) {
    let script = "server checks every 60ms within 400ms\nada connects to socket.io over websocket\n\
        bob connects to socket.io over polling\nwait 400ms\nada disconnects\nbob disconnects\n";
    let trace = trace_frames(&play(place, script).frames);
    let count = |kind: wiretale::protocol::engineio::Kind| {
        let packets = trace
            .messages()
            .iter()
            .filter_map(|message| message.payload_as::<wiretale::protocol::engineio::EngineIoPacket>());
        packets.filter(|packet| packet.kind == kind).count()
    };
    let (pings, pongs) =
        (count(wiretale::protocol::engineio::Kind::Ping), count(wiretale::protocol::engineio::Kind::Pong));
    assert!(pings >= 6 && pongs >= pings - 2, "{pings} pings, {pongs} pongs");
    let opened = trace.messages().iter().map(|message| trace.summary(message)).find(|text| text.starts_with("open"));
    assert!(opened.is_some());
    let late = trace.notes().iter().filter(|(_, note)| note.severity >= wiretale::layer::Severity::Warn);
    assert_eq!(late.filter(|(_, note)| note.text.contains("pong")).count(), 0, "none is late");
}

/// Ten plays, as they are told: the same packets in the same order.
pub fn ten_sessions_are_alike(place: &Place) {
    for script in [SESSION, AUDIENCE, MISSED, QUEUE] {
        let mut first: Option<(Talks, usize)> = None;
        for _ in 0..10 {
            let recording = play(place, script);
            let trace = trace_frames(&recording.frames);
            let found = (seen(&trace, &recording), trace.connections().len());
            assert_eq!(&found, first.get_or_insert_with(|| found.clone()), "{script}");
        }
    }
}

/// Whom an event reaches is a matter of rooms and namespaces, and of who is there at that moment.
pub fn an_event_reaches_whom_it_is_for(place: &Place) {
    let told = |script: &str| {
        let recording = play(place, script);
        let talks = seen(&trace_frames(&recording.frames), &recording);
        move |client: &str, event: &str| {
            let heard = talks.get(&(client.to_owned(), Direction::ToClient));
            heard.map_or(0, |heard| heard.iter().filter(|(_, _, data, _)| data[0] == event).count())
        }
    };
    let heard = told(AUDIENCE);
    for (event, ada, bob, cleo) in [
        ("all", 1, 1, 1),
        ("room", 1, 0, 1),
        ("others", 0, 1, 1),
        ("rest of room", 0, 0, 1),
        ("empty room", 0, 0, 0),
        ("admins", 1, 0, 0),
        ("union", 1, 1, 1),
        ("not s", 0, 0, 1),
        ("r but not s", 0, 0, 1),
        ("neither", 0, 0, 0),
        ("not there", 0, 0, 0),
    ] {
        assert_eq!([heard("ada", event), heard("bob", event), heard("cleo", event)], [ada, bob, cleo], "{event}");
    }
    let heard = told(MISSED);
    assert_eq!([heard("bob", "before"), heard("bob", "missed"), heard("bob", "after")], [1, 0, 1]);
    assert_eq!(heard("ada", "missed"), 2);
}

/// Of many at once all arrive, of those that are volatile the newest; and a question may stay without an answer.
pub fn what_is_volatile_is_dropped_for_something_newer(place: &Place) {
    for over in ["websocket", "polling"] {
        let script = format!(
            "ada connects to socket.io over {over}\nserver emits \"alone\" to ada volatile\n\
             server emits \"kept\" \"x\" to ada in a burst of 50\nserver emits \"dropped\" to ada volatile in a burst of 50\n\
             server emits \"dropped\" volatile to everyone in a burst of 50\nada emits \"up\" in a burst of 10\n\
             server emits \"asked\" to ada unanswered within 40ms\nserver emits \"asked\" to everyone unanswered within 40ms\n\
             ada emits \"asked\" unanswered within 40ms\nada disconnects\n"
        );
        let recording = play(place, &script);
        let talks = seen(&trace_frames(&recording.frames), &recording);
        let packets = |direction| talks[&("ada".to_owned(), direction)].iter();
        let carried = |direction, event: &str| -> Vec<Value> {
            let of_event = packets(direction).filter(|(_, _, data, _)| data[0] == event);
            of_event.map(|(_, _, data, _)| data.as_array().unwrap().last().unwrap().clone()).collect()
        };
        let down = Direction::ToClient;
        assert_eq!(carried(down, "alone"), ["alone"], "{over}");
        assert_eq!(carried(down, "kept"), (1..=50).map(Value::from).collect::<Vec<_>>(), "{over}");
        let dropped = carried(down, "dropped");
        assert!(dropped.len() < 20 && dropped.iter().filter(|last| **last == 50).count() == 2, "{over}: {dropped:?}");
        assert_eq!(carried(Direction::ToServer, "up").len(), 10, "{over}");
        let questions = [down, Direction::ToServer].map(|way| packets(way).filter(|(.., asks)| *asks).count());
        assert_eq!((questions, packets(Direction::ToServer).filter(|(kind, ..)| *kind == "ACK").count()), ([2, 1], 0));
        let never = recording.log.entries.iter().filter(|entry| entry.received_at.is_none()).count();
        assert_eq!(never, 100 - dropped.len(), "{over}: the log knows what was dropped");
    }
}

/// Three ways to begin: polling first and then a WebSocket, a WebSocket at once, polling for good.
pub fn transports_are_those_asked_for(place: &Place) {
    for (over, sockets, requests) in [("", 1, true), (" over websocket", 1, false), (" over polling", 0, true)] {
        let recording = play(place, &format!("ada connects to socket.io{over}\nada emits \"x\"\nada disconnects\n"));
        let trace = trace_frames(&recording.frames);
        let count =
            |protocol: &str| trace.messages().iter().filter(|message| message.payload.protocol() == protocol).count();
        assert_eq!(count("websocket.handshake"), sockets, "{over}");
        let polled =
            recording.frames.iter().any(|frame| frame.data.windows(17).any(|octets| octets == b"transport=polling"));
        assert_eq!(polled, requests, "{over}");
    }
}

/// A server that refuses says why, and the client stays where it is.
pub fn a_namespace_may_be_refused(place: &Place) {
    let recording = play(
        place,
        "server refuses /secret \"not you\"\nada connects to socket.io over websocket\n\
         ada connects to socket.io namespace /secret auth \"{\\\"token\\\": \\\"x\\\"}\"\nada emits \"still here\"\nada disconnects\n",
    );
    let trace = trace_frames(&recording.frames);
    let refusals: Vec<_> = packets(&trace).filter(|(_, packet)| packet.kind == SocketIoKind::ConnectError).collect();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].1.data.as_deref(), Some("{\"message\":\"not you\"}"));
    assert_eq!(seen(&trace, &recording), sent(&recording));
}

const SESSION: &str = r#"
ada connects to socket.io auth "{\"token\": \"t\"}"
ada emits "hello" "world"
ada emits "mixed" 1 -2.5 true null json "[1, {\"a\": []}]"
ada emits "sum" 1 2 acknowledged with 3
server emits "question" "who?" to ada acknowledged with "me" 42
ada emits "file" "a.bin" binary hex 00ff10 acknowledged with binary of 300 bytes
server emits "file" binary of 70000 bytes to ada acknowledged
ada emits "form" json "{\"name\": \"a\", \"files\": [{\"base64\": \"AP8=\"}, {\"base64\": \"\"}]}" binary hex 01 acknowledged with json "{\"x\": {\"base64\": \"AA==\"}}" 7
server emits "form" 1 json "[[{\"base64\": \"AQI=\"}], {\"base64\": 5}]" to ada acknowledged with json "[{\"base64\": \"AQI=\"}]"
ada connects to socket.io namespace /admin
ada emits "x" in /admin acknowledged
server emits "y" to ada in /admin
bob connects to socket.io over websocket
bob emits "nothing"
bob emits "file" binary hex 00
5 times server emits "tick" 1 to bob
cleo connects to socket.io over polling
cleo emits "file" binary of 3000 bytes acknowledged with binary hex 01
3 times cleo emits "ask" "\u001e\u00e9" acknowledged with "yes"
server emits "file" binary hex 0102 "x" to cleo acknowledged with "have it"
server disconnects bob
cleo disconnects
ada disconnects
"#;

const AUDIENCE: &str = r#"
ada connects to socket.io over websocket
bob connects to socket.io over websocket
cleo connects to socket.io over polling
ada connects to socket.io namespace /admin
server puts ada into room "r"
server puts bob into room "r"
server puts cleo into room "r"
server takes bob out of room "r"
server emits "all" to everyone
server emits "room" to room "r"
server emits "others" to everyone except ada
server emits "rest of room" to room "r" except ada
server emits "empty room" to room "nobody"
server emits "admins" to everyone in /admin
server emits "all answer" to everyone acknowledged with "here"
server puts bob into room "s"
server puts ada into room "s"
server emits "union" to rooms "r" "s"
server emits "not s" to everyone except room "s"
server emits "r but not s" to rooms "r" except room "s"
server emits "neither" to everyone except ada except rooms "r" "s"
server emits "not there" to room "r" in /admin
ada disconnects
bob disconnects
cleo disconnects
"#;

const MISSED: &str = r#"
ada connects to socket.io
bob connects to socket.io
server emits "before" to everyone
bob loses connection
server emits "missed" to everyone
server emits "missed" to everyone
bob connects to socket.io
server emits "after" to everyone
ada disconnects
bob disconnects
"#;

const QUEUE: &str = r#"
server keeps events
ada connects to socket.io over websocket
bob connects to socket.io
server emits "news" json "{\"a\": {\"base64\": \"AQI=\"}, \"n\": 1}" to everyone
server emits "aside" 0 to everyone except ada
bob loses connection
2 times server emits "news" 2 to everyone
bob connects to socket.io resuming
server emits "news" 3 to everyone
server restarts
ada connects to socket.io over websocket resuming
server emits "news" binary hex 04 to everyone
bob connects to socket.io over polling resuming
ada emits "pay" 1 until acknowledged
server swallows the next acknowledgement
ada emits "pay" 1 until acknowledged
server swallows the next acknowledgement
ada emits "pay" 1 json "{\"id\": \"a\"}" until acknowledged
ada disconnects
bob disconnects
"#;

/// Cut off or restarted: every event that was kept comes once, in its order.
pub fn what_is_kept_is_not_missed(place: &Place) {
    for script in [QUEUE.to_owned(), recovering(QUEUE)] {
        let recording = play(place, &script);
        let talks = seen(&trace_frames(&recording.frames), &recording);
        check_kept(&talks);
    }
}

/// The same, of a server that recovers connections besides.
fn recovering(script: &str) -> String {
    format!("server recovers connections\n{script}").replace("resuming", "recovering")
}

fn check_kept(talks: &Talks) {
    for client in ["ada", "bob"] {
        let heard = talks[&(client.to_owned(), Direction::ToClient)].iter().filter(|(kind, ..)| *kind == "EVENT");
        let (aside, heard): (Vec<_>, Vec<_>) = heard.partition(|(_, _, data, _)| data[0] == "aside");
        assert_eq!(aside.len(), usize::from(client == "bob"), "who was left out does not get it later either");
        let heard = heard.into_iter();
        let offsets: Vec<i64> = heard.map(|(_, _, data, _)| data[2]["offset"].as_i64().unwrap()).collect();
        assert_eq!(offsets, [1, 2, 3, 4, 5], "{client}");
    }
}

/// Sessions of every kind, and how many directions are spoken in at least.
pub const NAMED: &[(&str, usize)] = &[
    (
        "fay connects to socket.io over websocket\nfay emits \"x\" acknowledged\nfay emits \"y\" binary of 300 bytes\n",
        2,
    ),
    ("fay connects to socket.io\nfay emits \"x\" acknowledged\nserver emits \"y\" 1 to fay\nfay disconnects\n", 6),
    (
        "fay connects to socket.io over polling\nfay connects to socket.io namespace /admin\nfay emits \"x\" acknowledged\n\
         server emits \"y\" binary of 300 bytes to fay\n",
        4,
    ),
    (AUDIENCE, 8),
    (RECOVERED, 8),
];

/// Who is cut off comes back, and so do all of a server that is killed.
const RECOVERED: &str = "server recovers connections\nada connects to socket.io over websocket reconnecting after 30ms\n\
    bob connects to socket.io reconnecting after 120ms\ncleo connects to socket.io over websocket\n\
    server emits \"one\" to everyone\ncleo loses connection\nserver emits \"two\" to everyone\n\
    cleo connects to socket.io over websocket recovering\nserver restarts\nserver emits \"three\" to everyone\n\
    ada disconnects\nbob disconnects\n";

const RECOVERY: &str = r#"
seed 7
server recovers connections for 3s
server refuses /secret "not you"
ada connects to socket.io over websocket auth "{\"name\": \"ada\"}"
bob connects to socket.io over websocket
bob connects to socket.io namespace /side
cleo connects to socket.io
cleo connects to socket.io namespace /secret
dan connects to socket.io over polling
server puts bob into room "r"
server emits "news" "one" to everyone
server emits "aside" 1 to everyone in /side
ada emits "say" "hello" 2 acknowledged with "heard"
server emits "ask" "who?" to bob acknowledged with "bob"
server emits "ask" "who?" to everyone acknowledged with "me" binary hex 00ff
bob loses connection
server emits "news" binary hex 0102 "two" to everyone
server emits "room" to room "r"
server emits "not" "for you" to room "other"
server emits "not" "for you" to everyone except room "r"
server emits "not" 5 to everyone volatile
server emits "not" "for you" to everyone acknowledged
server emits "aside" 2 to everyone in /side
bob connects to socket.io over websocket recovering auth "{\"name\": \"bob\"}"
bob connects to socket.io namespace /side recovering
server emits "room" "live" to room "r"
server emits "news" "three" to everyone except ada
bob disconnects
server emits "news" "four" to everyone
bob connects to socket.io over websocket recovering
server emits "room" "not any more" to room "r"
server disconnects ada
server restarts
cleo connects to socket.io over websocket recovering
server emits "news" "five" to everyone
cleo disconnects
"#;

/// Who was cut off comes back as the same, with what was missed; who left, or whom nobody remembers, comes as somebody new.
pub fn who_is_cut_off_is_recovered(place: &Place) {
    let recording = play(place, RECOVERY);
    let trace = trace_frames(&recording.frames);
    assert_eq!(seen(&trace, &recording), sent(&recording));
    let names: BTreeMap<_, _> = recording.names.iter().cloned().collect();
    let told: Vec<_> = packets(&trace)
        .filter(|(message, packet)| packet.namespace == "/" && message.direction == Direction::ToClient)
        .map(|(message, packet)| (names[&trace.connections()[message.connection as usize].client].as_str(), packet))
        .collect();
    let of = |client: &str| -> Vec<&SocketIoPacket> {
        told.iter().filter(|(name, _)| *name == client).map(|(_, packet)| *packet).collect()
    };
    let welcomes = |packets: &[&SocketIoPacket]| -> Vec<(Value, Value)> {
        let welcomes = packets.iter().filter(|packet| packet.kind == SocketIoKind::Connect);
        let names = welcomes.map(|packet| serde_json::from_str::<Value>(packet.data.as_deref().unwrap()).unwrap());
        names.map(|names| (names["sid"].clone(), names["pid"].clone())).collect()
    };
    let (bob, cleo) = (of("bob"), of("cleo"));
    let (first, second, third) = match &welcomes(&bob)[..] {
        [first, second, third] => (first.clone(), second.clone(), third.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(first, second, "he is the same");
    assert!(first.0 != third.0 && first.1 != third.1, "he said that he leaves");
    assert_ne!(welcomes(&cleo)[0], welcomes(&cleo)[1], "the new server knows nobody");
    // What was missed stands before the answer, in its order, and nothing of it came twice.
    let heard: Vec<&str> = bob.iter().filter_map(|packet| packet.data.as_deref()).collect();
    let again = bob.iter().enumerate().filter(|(_, packet)| packet.kind == SocketIoKind::Connect).nth(1).unwrap().0;
    assert!(heard[again - 2].starts_with(r#"["news",{"base64":"AQI="},"two"]"#), "{heard:?}");
    assert_eq!((heard[again - 1], heard[again + 1]), (r#"["room"]"#, r#"["room","live"]"#), "{heard:?}");
    assert!(!heard.iter().any(|data| data.contains("not") || data.contains("four")), "{heard:?}");
    // Each event that asks for nothing and may not be dropped has an offset, and only such.
    for (client, packet) in told.iter().filter(|(_, packet)| packet.kind.is_event()) {
        let data = packet.data.as_deref().unwrap();
        let is_remembered = packet.id.is_none() && !data.starts_with(r#"["not",5"#);
        assert_eq!(packet.offset.is_some(), is_remembered, "{client} {data}");
    }
    // With a seed another play has the same names.
    let again = trace_frames(&play(place, RECOVERY).frames);
    let connects = |trace: &Trace| -> Vec<Option<String>> {
        let connects = packets(trace).filter(|(_, packet)| packet.kind == SocketIoKind::Connect);
        connects.map(|(_, packet)| packet.data.clone()).collect()
    };
    assert_eq!(connects(&trace), connects(&again));
}

/// However they talk, and however much they missed: who was cut off is recovered.
pub fn who_polls_is_recovered_too(place: &Place) {
    for (transport, missed) in [("over polling", 2), ("over websocket", 300), ("", 200), ("over polling", 300)] {
        let script = format!(
            "server recovers connections\nada connects to socket.io {transport}\nserver puts ada into room \"r\"\n\
             server emits \"one\" to everyone\nada loses connection\n{missed} times server emits \"missed\" to room \"r\"\n\
             ada connects to socket.io {transport} recovering\nserver emits \"after\" to room \"r\"\nada disconnects\n"
        );
        let recording = play(place, &script);
        let trace = trace_frames(&recording.frames);
        assert_eq!(seen(&trace, &recording), sent(&recording), "{transport}");
        let heard = &seen(&trace, &recording)[&("ada".to_owned(), Direction::ToClient)];
        assert_eq!(heard.iter().filter(|(_, _, data, _)| data[0] == "missed").count(), missed, "{transport}");
        assert_eq!(heard.last().unwrap().2[0], "after", "{transport}");
    }
    let script = "server keeps events\nada connects to socket.io over websocket\nserver emits \"one\" to everyone\n\
        ada loses connection\n300 times server emits \"missed\" to everyone\n\
        ada connects to socket.io over websocket resuming\nada disconnects\n";
    let recording = play(place, script);
    assert_eq!(seen(&trace_frames(&recording.frames), &recording), sent(&recording));
}

/// Whose connection the wire resets comes back by itself, if it does that; and is the same, if the server remembers.
pub fn who_is_reset_comes_back(place: &Place) {
    let steps = "ada connects to socket.io over websocket reconnecting after 30ms\n\
        ada connects to socket.io namespace /side\nbob connects to socket.io reconnecting after 40ms\n\
        cleo connects to socket.io over websocket\nserver emits \"one\" to everyone\nserver emits \"one\" to everyone in /side\n\
        link resets ada\nserver emits \"two\" to everyone\nserver emits \"two\" to everyone in /side\nlink resets bob\n\
        bob emits \"here\" acknowledged\nlink resets cleo\nserver emits \"three\" to everyone\nlink resets ada\n";
    let back = "cleo connects to socket.io over websocket recovering\nada disconnects\ncleo disconnects\n";
    for (head, tail, is_same) in [("server recovers connections\n", back, true), ("", "ada disconnects\n", false)] {
        if !matches!(place, Place::Private { .. }) {
            continue;
        }
        let script = on_ethernet(&format!("{head}{steps}{tail}"));
        let recording = play(place, &script);
        let trace = trace_frames(&recording.frames);
        assert_eq!(seen(&trace, &recording), sent(&recording), "{script}");
        let told: Vec<&str> = recording.log.faults.iter().map(|fault| fault.what.as_str()).collect();
        let expected = ["ada", "bob", "cleo", "ada"].map(|client| vec![format!("resets {client}"); 2]);
        assert_eq!(told, expected.concat(), "each in the name of both ends");
        let names: BTreeMap<_, _> = recording.names.iter().cloned().collect();
        for (client, times) in [("ada", 3), ("bob", 2), ("cleo", 1 + usize::from(is_same))] {
            let welcomes = packets(&trace).filter(|(message, packet)| {
                let is_theirs = names[&trace.connections()[message.connection as usize].client] == client;
                let is_answer = packet.kind == SocketIoKind::Connect && message.direction == Direction::ToClient;
                is_theirs && is_answer && packet.namespace == "/"
            });
            let sids: Vec<Value> = welcomes
                .map(|(_, packet)| {
                    let welcome: Value = serde_json::from_str(packet.data.as_deref().unwrap()).unwrap();
                    welcome["sid"].clone()
                })
                .collect();
            assert_eq!(sids.len(), times, "{client} {script}");
            assert_eq!(sids.windows(2).all(|two| two[0] == two[1]), is_same || times == 1, "{client} {sids:?}");
        }
    }
    for (steps, why) in [
        ("ada connects to socket.io over polling\nlink resets ada\n", "who polls has no one connection"),
        ("ada connects to socket.io\nlink resets ada\nada emits \"x\"\n", "not connected any more"),
    ] {
        let refused = Scenario::parse(&on_ethernet(steps)).unwrap_err().message;
        assert!(refused.contains(why), "{refused}");
    }
}

/// Each namespace counts what it asks for itself, and everyone in it: so has it the official server.
pub fn each_namespace_counts_what_it_asks(place: &Place) {
    let script = "server recovers connections\nada connects to socket.io over websocket\nada connects to socket.io namespace /side\n\
        bob connects to socket.io over websocket\nserver emits \"q\" to ada acknowledged with 1\n\
        server emits \"q\" to ada in /side acknowledged with 2\nserver emits \"q\" to bob acknowledged with 3\n\
        server emits \"q\" to everyone acknowledged with 4\nserver emits \"q\" to everyone in /side acknowledged with 5\n\
        ada disconnects\nbob disconnects\n";
    let recording = play(place, script);
    let trace = trace_frames(&recording.frames);
    assert_eq!(seen(&trace, &recording), sent(&recording));
    let asked = packets(&trace).filter(|(_, packet)| packet.kind.is_event());
    let ids: Vec<(&str, u64)> = asked.map(|(_, packet)| (&*packet.namespace, packet.id.unwrap())).collect();
    assert_eq!(ids, [("/", 0), ("/side", 0), ("/", 1), ("/", 2), ("/", 2), ("/side", 1)]);
    let answers = packets(&trace).filter(|(_, packet)| packet.answers.is_some()).count();
    assert_eq!(answers, 6, "each is an answer to one of them");
}

/// A server remembers for as long as it says.
pub fn a_server_forgets_after_its_time(place: &Place) {
    for (lasts, is_same) in [("10s", true), ("50ms", false)] {
        let script = format!(
            "server recovers connections for {lasts}\nada connects to socket.io over websocket\n\
             server emits \"x\" to ada\nada loses connection\nwait 150ms\n\
             ada connects to socket.io over websocket recovering\nada disconnects\n"
        );
        let trace = trace_frames(&play(place, &script).frames);
        let is_welcome = |message: &wiretale::trace::Message| message.direction == Direction::ToClient;
        let welcomes: Vec<_> = packets(&trace)
            .filter(|(message, packet)| is_welcome(message) && packet.kind == SocketIoKind::Connect)
            .map(|(_, packet)| packet.data.clone())
            .collect();
        assert_eq!(welcomes.len(), 2);
        assert_eq!(welcomes[0] == welcomes[1], is_same, "{lasts}: {welcomes:?}");
    }
}

/// While the server is not there each try is refused, and the next comes after twice the time; then all is as it was.
pub fn who_comes_back_waits_twice_as_long_each_time(place: &Place) {
    for kept in ["", "server keeps events\n"] {
        let recording = play(place, &format!("{kept}{RETURN}"));
        let trace = trace_frames(&recording.frames);
        assert_eq!(seen(&trace, &recording), sent(&recording));
        let names: BTreeMap<_, _> = recording.names.iter().cloned().collect();
        for (client, first) in [("ada", 0.04), ("bob", 0.03)] {
            let ours = trace.connections().iter().filter(|connection| names[&connection.client] == client);
            let tries: Vec<_> = ours.map(|tried| (is_refused(tried), trace.time(tried.first.0).unwrap())).collect();
            let refused = tries.iter().filter(|(is_refused, _)| *is_refused).count();
            assert!(refused >= 2, "{client} was refused {refused} times in 300 ms");
            // The server goes twice, and on a busy machine it takes a while to be back the second time, too.
            for absence in tries.split(|(is_refused, _)| !is_refused) {
                let mut wait = first;
                for pair in absence.windows(2) {
                    wait *= 2.0;
                    assert!(pair[1].1 - pair[0].1 >= wait, "{client}: {tries:?}");
                }
            }
        }
        let refused = recording.log.entries.iter().filter(|entry| entry.what == What::Reset).count();
        let all = trace.connections().iter().filter(|connection| is_refused(connection)).count();
        assert_eq!(refused, all, "the log has each of them");
    }
}

/// A SYN, and a reset for an answer.
fn is_refused(connection: &Connection) -> bool {
    connection.frames == 2 && matches!(connection.closing(Direction::ToClient), Some(Closing::Reset(_)))
}

const RETURN: &str = r#"
ada connects to socket.io reconnecting after 40ms auth "{\"name\": \"ada\"}"
ada connects to socket.io namespace /admin
bob connects to socket.io over websocket reconnecting after 30ms
cleo connects to socket.io over polling
server emits "news" 1 to everyone
server restarts after 300ms
cleo connects to socket.io
server emits "back" to everyone
ada emits "x" in /admin acknowledged
server restarts
ada disconnects
bob disconnects
"#;

/// Sent again because its acknowledgement was lost, an event is stored twice; under a name of its own it is stored once.
pub fn a_lost_acknowledgement_doubles_what_has_no_name(place: &Place) {
    let recording = play(place, QUEUE);
    let talks = seen(&trace_frames(&recording.frames), &recording);
    let said = talks[&("ada".to_owned(), Direction::ToServer)].iter().filter(|(kind, ..)| *kind == "EVENT").count();
    assert_eq!(said, 5, "three events, two of them sent twice");
    let heard = talks[&("ada".to_owned(), Direction::ToClient)].iter().filter(|(kind, ..)| *kind == "ACK");
    let stored: Vec<i64> = heard.map(|(_, _, data, _)| data[0]["stored"].as_i64().unwrap()).collect();
    assert_eq!(stored, [1, 3, 4]);
}

/// A program that keeps and stores events, one after the other, and says of each that it is safe; until somebody kills it.
pub fn promise_until_killed() -> std::process::ExitCode {
    use std::io::Write as _;
    let path = std::env::var("WIRETALE_TEST_QUEUE").unwrap();
    let queue = EventQueue::open(std::path::Path::new(&path)).unwrap();
    let mut out = std::io::stdout().lock();
    loop {
        let kept = queue.keep("/", "news", &[Value::from("x".repeat(500))]).unwrap();
        let stored = queue.store(None, "pay", &[]).unwrap();
        writeln!(out, "{kept} {stored}").unwrap();
        out.flush().unwrap();
    }
}

/// Killed at any moment (SIGKILL), the server's disk has all that was promised.
pub fn a_kill_loses_nothing_that_was_promised() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.sqlite");
    let mut promised = (0, 0);
    for round in 1..=6 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .env("WIRETALE_TEST_ROLE", "queue")
            .env("WIRETALE_TEST_QUEUE", &path)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said: Vec<String> = lines.by_ref().take(round * 7).map(Result::unwrap).collect();
        child.kill().unwrap();
        // What it said until the moment of its death was promised, too.
        said.extend(lines.map_while(Result::ok));
        for (kept, stored) in said.iter().filter_map(|line| line.split_once(' ')) {
            promised = (kept.parse::<i64>().unwrap(), stored.parse::<i64>().unwrap());
        }
        child.wait().unwrap();
        let queue = EventQueue::open(&path).unwrap();
        let ids: Vec<i64> = queue.since("/", 0).unwrap().iter().map(|kept| kept.id).collect();
        assert!(ids.len() as i64 >= promised.0, "{promised:?}");
        assert_eq!(ids, (1..=ids.len() as i64).collect::<Vec<_>>(), "no gaps");
        assert!(queue.store(None, "after", &[]).unwrap() > promised.1);
    }
    assert!(promised.0 > 0);
}

fn sent(recording: &Recording) -> Talks {
    let mut talks = Talks::new();
    let names: BTreeMap<_, _> = recording.names.iter().cloned().collect();
    for entry in &recording.log.entries {
        assert!(entry.received_at.is_some(), "{entry:?}");
        let packet = match &entry.what {
            What::Joined { namespace, auth } => {
                ("CONNECT", namespace.clone(), auth.clone().unwrap_or(Value::Null), false)
            }
            What::Left { namespace } => ("DISCONNECT", namespace.clone(), Value::Null, false),
            What::Emitted { namespace, event, args, asks } => {
                let data = [vec![event.clone().into()], args.to_json()].concat();
                ("EVENT", namespace.clone(), data.into(), *asks)
            }
            What::Acknowledged { namespace, args } => ("ACK", namespace.clone(), args.to_json().into(), false),
            _ => continue,
        };
        let client = names[&entry.connection.client].clone();
        talks.entry((client, entry.direction)).or_default().push(packet);
    }
    talks
}

fn packets(trace: &Trace) -> impl Iterator<Item = (&wiretale::trace::Message, &SocketIoPacket)> {
    trace.messages().iter().filter_map(|message| Some((message, message.payload_as::<SocketIoPacket>()?)))
}

fn seen(trace: &Trace, recording: &Recording) -> Talks {
    let mut talks = Talks::new();
    let names: BTreeMap<_, _> = recording.names.iter().cloned().collect();
    for (message, packet) in packets(trace) {
        assert!(message.complete, "{message:?}");
        let kind = match packet.kind {
            SocketIoKind::Connect if message.direction == Direction::ToServer => "CONNECT",
            // The answers to a CONNECT are the library's own.
            SocketIoKind::Connect | SocketIoKind::ConnectError => continue,
            SocketIoKind::Disconnect => "DISCONNECT",
            SocketIoKind::Event | SocketIoKind::BinaryEvent => "EVENT",
            SocketIoKind::Ack | SocketIoKind::BinaryAck => "ACK",
            SocketIoKind::Unknown(_) | SocketIoKind::UnknownNumber(_) | SocketIoKind::Missing => panic!("{packet:?}"),
        };
        let client = names[&trace.connections()[message.connection as usize].client].clone();
        let data = packet.data.as_deref().map_or(Value::Null, |data| serde_json::from_str(data).unwrap());
        let asks = kind == "EVENT" && packet.id.is_some();
        talks.entry((client, message.direction)).or_default().push((kind, packet.namespace.to_string(), data, asks));
    }
    talks
}
