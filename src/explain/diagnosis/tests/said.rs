use super::{engineio, frame, later, one, text, told, websocket};
use crate::explain::diagnosis::*;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, DATA, TO_CLIENT, TO_SERVER};

#[test]
fn names_that_programs_chose_are_escaped() {
    let mut talk = engineio(200);
    talk.client(text("420[\"a\\\"b\\n\"]", true)).client(text("40/x,", true));
    talk.server(text("44/x,{\"message\":\"say \\\"no\\\"\"}", false));
    later(&mut talk, 11, 900);
    let said = told(&talk);
    assert!(said[0].starts_with("the event \"a\\\"b\\n\" asks for an acknowledgement"), "{said:?}");
    assert!(said[1].ends_with("into /x: \"say \\\"no\\\"\""), "{said:?}");
    let trace = talk.trace();
    let lines: Vec<String> = trace.messages().iter().map(|message| trace.summary(message)).collect();
    assert!(lines.contains(&"EVENT #0 \"a\\\"b\\n\"()".to_owned()), "{lines:?}");
}

#[test]
fn a_close_code_has_a_name_and_a_cause() {
    let mut talk = engineio(200);
    talk.client(text(&"x".repeat(2000), true)).server(frame(0x88, &[3, 241], false)).client(frame(
        0x88,
        &[3, 241],
        true,
    ));
    let found = one(&talk);
    let says = "with 1009, message too big: the message that ended in frame 9 has 2000 octets; maxPayload is 1000";
    assert!(found.text.ends_with(says), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Warn, vec![9, 10]));
    let mut own = websocket("", "");
    own.server(frame(0x88, &[0x0f, 0xa0], false));
    assert_eq!(one(&own).severity, Severity::Note);
    let mut usual = websocket("", "");
    usual.server(frame(0x88, &[3, 232], false));
    assert_eq!(told(&usual), [""; 0]);
}

#[test]
fn who_does_not_read_is_named() {
    let mut talk = Conversation::new().open();
    talk.client("a").segment(TO_CLIENT, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"").client("b");
    // The window stands behind 20 octets of IP and 14 of TCP.
    talk.frames[4].data[34..36].copy_from_slice(&[0, 0]);
    later(&mut talk, 6, 2400);
    let found = one(&talk);
    assert!(found.text.starts_with("127.0.0.1:8080 did not read for 2.4 s"), "{}", found.text);
    assert_eq!(found.frames, [5, 6]);
    talk.frames[5].data[34..36].copy_from_slice(&[0, 0]);
    assert!(told(&talk)[0].starts_with("127.0.0.1:8080 does not read any more"), "{:?}", told(&talk));
}

/// What is sent in bulk fills the window of a healthy receiver, and closes it for a moment: the analysis says so, nobody is
/// alarmed.
#[test]
fn a_window_that_is_full_for_a_moment_is_healthy() {
    let mut talk = Conversation::new().open();
    talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2560\r\n\r\n";
    talk.server(head).segment(TO_SERVER, Flags::ACK, b"");
    for _ in 0..5 {
        // The window of the builder has 512 octets.
        talk.server([b'x'; 512]).segment(TO_SERVER, Flags::ACK, b"");
        talk.frames.last_mut().unwrap().data[34..36].copy_from_slice(&[0, 0]);
        talk.segment(TO_SERVER, Flags::ACK, b"");
    }
    let trace = talk.trace();
    let named = |name: &str| {
        let of = |record: &crate::trace::Record| {
            record.segment.as_ref().is_some_and(|segment| segment.analysis.findings.names().any(|one| one == name))
        };
        trace.records().filter(|(_, record)| of(record)).count()
    };
    assert_eq!((named("window_full"), named("zero_window"), named("window_update")), (5, 5, 5));
    assert_eq!(crate::trace::testing::notes(&trace), []);
    assert_eq!(told(&talk), [""; 0]);
    // A moment is less than 0.2 s.
    let closed = talk.frames.len() as u32 - 1;
    later(&mut talk, closed + 1, 198);
    assert_eq!(told(&talk), [""; 0]);
    later(&mut talk, closed + 1, 2);
    assert!(one(&talk).text.contains("did not read for"), "{:?}", told(&talk));
}

/// A sender says the same each time it sends: who says something else is somebody else.
#[test]
fn octets_that_come_again_and_are_others_are_told() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    let (ours, theirs) = ("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.client(ours).at(TO_SERVER, seq, DATA, ours.as_bytes());
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(told(&talk), [""; 0]);
    talk.at(TO_SERVER, seq, DATA, theirs);
    let found = one(&talk);
    assert!(
        found.text.starts_with("1 segment of connection 0 from 127.0.0.1:51544: octets that had come"),
        "{}",
        found.text
    );
    assert_eq!((found.severity, found.frames), (Severity::Warn, vec![7]));
}

#[test]
fn what_a_handshake_lost_on_its_way_is_told() {
    let mut talk = Conversation::new().open();
    talk.client(
        "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: close\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    .server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let found = one(&talk);
    assert!(found.text.contains("has a Sec-WebSocket-Key and no Upgrade"), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Error, vec![4, 5]));

    let mut talk = websocket("Sec-WebSocket-Protocol: graphql-ws\r\n", "");
    talk.close();
    assert!(told(&talk)[0].contains("offered the subprotocol graphql-ws, the server chose none"), "{:?}", told(&talk));
    let mut talk = websocket("Sec-WebSocket-Protocol: graphql-ws\r\n", "");
    talk.client(text("x", true)).close();
    assert_eq!(told(&talk), [""; 0], "the client does without");

    let mut talk = websocket("Sec-WebSocket-Extensions: permessage-deflate\r\n", "");
    talk.client(frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00", true));
    let found = one(&talk);
    assert!(found.text.contains("offered permessage-deflate, and the answer did not accept it"), "{}", found.text);
    assert_eq!(found.frames, [4, 5, 6]);
}

#[test]
fn a_stream_that_is_held_up_is_told() {
    let stream = |together: bool| {
        let mut talk = Conversation::new().open();
        talk.client("GET /prices HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let events: Vec<String> = (0..4).map(|n| format!("data: {n}\n\n")).collect();
        if together {
            talk.server(head.to_owned() + &events.concat());
        } else {
            talk.server(head);
            for event in &events {
                talk.server(event);
            }
        }
        later(&mut talk, 5, 1800);
        talk.close();
        talk
    };
    let found = one(&stream(true));
    assert!(found.text.starts_with("all 4 events of /prices came in one frame, 1.8 s after"), "{}", found.text);
    assert_eq!(told(&stream(false)), [""; 0]);
}

#[test]
fn who_was_refused_hears_why() {
    let ask = |talk: &mut Conversation, sid: &str, version: u8, answer: &str| {
        let len = answer.len();
        talk.client(format!("GET /socket.io/?EIO={version}&transport=polling{sid} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let status = if answer.starts_with('0') { "200 OK" } else { "400 Bad Request" };
        talk.server(format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n\r\n{answer}"));
    };
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    let mut first = Conversation::between("127.0.0.1:50001", "127.0.0.1:3001").open();
    ask(&mut first, "", 4, r#"0{"sid":"abc","upgrades":[],"pingInterval":1,"pingTimeout":1}"#);
    let mut second = Conversation::between("127.0.0.1:50002", "127.0.0.1:3002").open();
    (0..2).for_each(|_| ask(&mut second, "&sid=abc", 4, unknown));
    first.frames.append(&mut second.frames);
    let found = one(&first);
    let says = "a session that 127.0.0.1:3001 opened is asked for at 127.0.0.1:3002, which knows nothing of it";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Error, vec![5, 9, 10, 11, 12]));

    let mut old = Conversation::new().open();
    ask(&mut old, "", 3, r#"{"code":5,"message":"Unsupported protocol version"}"#);
    assert!(told(&old)[0].starts_with("the client speaks Engine.IO 3 and the server does not"), "{:?}", told(&old));

    let mut talk = engineio(200);
    talk.client(text("40/admins,", true)).server(text("44/admins,{\"message\":\"Invalid namespace\"}", false));
    assert_eq!(told(&talk), ["the server did not let the client into /admins: \"Invalid namespace\""]);
}

#[test]
fn frames_that_were_cut_are_told_once() {
    let mut talk = Conversation::new().open();
    talk.segment(TO_SERVER, DATA, &[7; 300]).segment(TO_CLIENT, DATA, &[7; 200]);
    talk.frames.iter_mut().for_each(|frame| frame.data.truncate(96));
    let found = one(&talk);
    assert!(found.text.starts_with("2 of 5 frames were cut at 96 octets"), "{}", found.text);
    assert_eq!(found.frames, [4, 5]);
}

#[test]
fn what_a_page_may_not_read_is_told() {
    let ask = |origin: &str, allowed: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET /api?x HTTP/1.1\r\nHost: x:8080\r\nOrigin: {origin}\r\n\r\n"));
        talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{allowed}\r\n"));
        talk
    };
    let allow = "Access-Control-Allow-Origin: ";
    for (origin, allowed, says) in [
        ("http://app", format!("{allow}http://other\r\n"), "allows http://other only"),
        ("http://app", String::new(), "allows no other origin"),
    ] {
        let found = one(&ask(origin, &allowed));
        assert!(found.text.contains(says) && found.text.contains("GET /api"), "{}", found.text);
        assert_eq!(found.frames, [4, 5]);
    }
    for (origin, allowed) in [
        ("http://app", "*"),
        ("http://app", "http://app"),
        ("http://X:8080", "http://y"),
        ("http://app\r\nSec-Fetch-Mode: navigate", "http://y"),
        ("http://app\r\nX-Forwarded-Host: app", "http://y"),
    ] {
        assert_eq!(told(&ask(origin, &format!("{allow}{allowed}\r\n"))), [""; 0], "{origin} {allowed}");
    }
}

#[test]
fn a_length_that_is_too_large_is_told_with_who_ended_it() {
    let asked = || {
        let mut talk = Conversation::new().open();
        talk.client("GET /x?y HTTP/1.1\r\nHost: x\r\n\r\n");
        talk.server("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\neight of");
        talk
    };
    let mut closed = asked();
    closed.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    let found = one(&closed);
    let says = "the answer to GET /x announces 50 octets (Content-Length), and 8 came before 127.0.0.1:8080 closed: ";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!(found.frames, [4, 5, 6]);
    let mut left = asked();
    left.close();
    assert_eq!(told(&left), [""; 0], "who leaves at once leaves for another reason");
    later(&mut left, 6, 3000);
    assert!(told(&left)[0].contains("8 came; after 3.0 s without another the client gave up"), "{:?}", told(&left));
    // Nothing is wrong with what still comes when its client has had enough.
    let mut flowing = asked();
    flowing.server("more").close();
    later(&mut flowing, 6, 3000);
    let left = one(&flowing);
    assert!(
        left.text.ends_with(
            "12 came; the client left 3.0 s after it had asked: a time limit of its own, or it has had enough"
        )
    );
    assert_eq!(left.severity, Severity::Note);
    let mut open = asked();
    later(&mut open, 6, 3000);
    assert_eq!(told(&open), [""; 0], "the rest may come");
    // The capture may lack what came.
    let mut lost = asked();
    lost.server("the rest").lose().segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert_eq!(told(&lost), [""; 0]);
}

/// Its session lives as long as one of its polls waits.
#[test]
fn a_session_that_still_polls_is_not_over() {
    let open = "0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":500,\"pingTimeout\":200}";
    let mut said = Conversation::new().open();
    said.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
    said.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{open}", open.len()));
    let event = "40\u{1e}420[\"save\"]";
    let post = "POST /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n";
    said.client(format!("{post}Content-Length: {}\r\n\r\n{event}", event.len()));
    said.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close();
    let mut polls = Conversation::between("127.0.0.1:51545", "127.0.0.1:8080").open();
    polls.client("GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n");
    let after = said.frames.len() as i64;
    polls.frames.iter_mut().for_each(|frame| frame.time.0 += after * 1_000_000);
    said.frames.append(&mut polls.frames);
    let last = said.frames.len() as u32;
    later(&mut said, last, 900);
    let told = told(&said);
    assert!(told.iter().any(|text| text.contains("until the capture ended")), "{told:?}");
}

/// The length is right: nothing should have been sent.
#[test]
fn a_body_where_none_may_be_is_told_as_such() {
    let answered = |method: &str, head: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n")).server(format!("HTTP/1.1 {head}\r\n\r\nhello"));
        talk.close();
        one(&talk).text
    };
    let none = "5 octets follow the answer in frame 5, and no request waits for them: ";
    for (said, why) in [
        (answered("HEAD", "200 OK\r\nContent-Length: 5"), "what answers HEAD has no body, "),
        (answered("GET", "204 No Content\r\nContent-Length: 5"), "one with status 204 has no body, "),
        (answered("GET", "304 Not Modified"), "one with status 304 has no body, "),
    ] {
        assert!(said.starts_with(&format!("{none}{why}")), "{said}");
    }
    assert!(answered("GET", "200 OK\r\nContent-Length: 3").ends_with("its Content-Length: 3 is too small"));
}

#[test]
fn who_does_not_read_is_not_waited_for() {
    let mut talk = Conversation::new().open();
    talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\neight of");
    talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    talk.frames[5].data[34..36].copy_from_slice(&[0, 0]);
    later(&mut talk, 7, 3000);
    let said = told(&talk);
    assert!(said.iter().any(|text| text.contains("8 came: the client did not read (its window was 0)")), "{said:?}");
}

/// What a frame announces is not what it has.
#[test]
fn a_message_that_was_broken_off_was_to_be_large() {
    let mut talk = websocket("", "");
    let begins = frame(0x81, &[b'x'; 2000], true);
    talk.client(&begins[..1000]).server(frame(0x88, &[3, 241], false)).segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    let said = told(&talk);
    assert!(
        said.iter().any(|text| text.ends_with("the message that begins in frame 6 was to have 2000 octets")),
        "{said:?}"
    );
}

/// An answer of a program's own that looks like one of Engine.IO is not, and what Engine.IO says is said.
#[test]
fn errors_have_the_words_of_engineio_only_where_it_is_spoken() {
    let answered = |target: &str, body: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server(format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        one(&talk).text
    };
    let body = r#"{"code":1,"message":"Session ID unknown"}"#;
    assert_eq!(answered("/api/users", body), "GET /api/users was answered with 400 Bad Request");
    let session = "/socket.io/?EIO=4&transport=polling&sid=s";
    assert_eq!(
        answered(session, body),
        "GET /socket.io/?EIO=4&transport=polling&sid=s was answered with 400 Bad Request (\"Session ID unknown\")"
    );
    let version = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    assert!(answered("/socket.io/?transport=polling", version).ends_with("(\"Unsupported protocol version\")"));
}
