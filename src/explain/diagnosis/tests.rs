use super::*;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, DATA, TO_CLIENT, TO_SERVER};
use crate::trace::testing_http2::{self as http2, END_STREAM};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn told(talk: &Conversation) -> Vec<String> {
    diagnose(&talk.trace()).into_iter().map(|finding| finding.text).collect()
}

/// The only finding.
fn one(talk: &Conversation) -> Finding {
    let mut found = diagnose(&talk.trace());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn websocket(asks: &str, says: &str) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client(format!("{UPGRADE}{asks}\r\n")).server(format!("{SWITCHING}{says}\r\n"));
    talk
}

/// A frame of a server, or of a client with a mask that changes nothing.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let len = payload.len();
    let mut octets = vec![first];
    match len {
        ..126 => octets.push(len as u8 | u8::from(masked) << 7),
        _ => octets.extend([126 | u8::from(masked) << 7, (len >> 8) as u8, len as u8]),
    }
    octets.extend(if masked { &[0; 4][..] } else { &[] });
    octets.extend(payload);
    octets
}

fn text(text: &str, masked: bool) -> Vec<u8> {
    frame(0x81, text.as_bytes(), masked)
}

/// From this frame on all comes so many milliseconds later.
fn later(talk: &mut Conversation, from: u32, milliseconds: i64) {
    for frame in talk.frames.iter_mut().skip(from as usize - 1) {
        frame.time.0 += milliseconds * 1_000_000;
    }
}

fn engineio(timeout: u64) -> Conversation {
    let mut talk = Conversation::new().open();
    let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket");
    talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n"));
    let open = format!(
        "0{{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":500,\"pingTimeout\":{timeout},\"maxPayload\":1000}}"
    );
    talk.server(text(&open, false)).client(text("40", true)).server(text("40{\"sid\":\"t\"}", false));
    talk
}

#[test]
fn a_request_without_an_answer_says_who_left() {
    let get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut late = Conversation::new().open();
    late.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"").client(get).segment(TO_CLIENT, Flags::RST, b"");
    let found = one(&late);
    assert!(found.text.starts_with("GET /x was never answered: 127.0.0.1:8080 had closed"), "{}", found.text);
    assert_eq!(found.frames, [4, 5]);

    let mut impatient = Conversation::new().open();
    impatient.client(get).close();
    later(&mut impatient, 5, 1500);
    assert!(told(&impatient)[0].ends_with("the client gave up after 1.5 s"), "{:?}", told(&impatient));

    let mut dropped = Conversation::new().open();
    dropped.client(get).segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    assert!(told(&dropped)[0].contains("127.0.0.1:8080 broke off instead"), "{:?}", told(&dropped));

    let mut answered = Conversation::new().open();
    answered.client(get).server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").client(get);
    assert_eq!(told(&answered), [""; 0], "the capture ends, and the answer may come");
    answered.server("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").close();
    assert_eq!(told(&answered), ["GET /x was answered with 500 Oh"]);
    // What is answered before all of it came is answered.
    let mut early = Conversation::new().open();
    early.client("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    early.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").client("cd").segment(TO_CLIENT, Flags::RST, b"");
    assert_eq!(told(&early), [""; 0]);
    // The capture may have lost the answer.
    let mut lost = Conversation::new().open();
    lost.client(get).server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").lose().close();
    assert_eq!(told(&lost), [""; 0]);
    // Who polls leaves its question open.
    let mut poll = Conversation::new().open();
    poll.client("GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n").close();
    assert_eq!(told(&poll), [""; 0]);
}

#[test]
fn an_event_without_its_acknowledgement_is_told() {
    let mut talk = engineio(200);
    talk.client(text("420[\"save\",1]", true)).client(text("421[\"load\"]", true)).server(text("431[]", false));
    talk.client(text("42[\"tell\"]", true));
    assert_eq!(told(&talk), [""; 0], "it may come yet");
    later(&mut talk, 10, 900);
    let found = one(&talk);
    assert!(found.text.starts_with("the event \"save\" asks for an acknowledgement (#0)"), "{}", found.text);
    assert_eq!(found.frames, [9]);
    // The answer may be what was not captured, there or on another connection of the session.
    let mut other = Conversation::between("127.0.0.1:50001", "127.0.0.1:8080").open();
    other.client("POST /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3");
    other.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").lose().close();
    let mut both = engineio(200);
    both.client(text("420[\"save\",1]", true));
    both.frames.append(&mut other.frames);
    later(&mut both, 10, 900);
    assert_eq!(told(&both), [""; 0]);
    talk.server(text("430[]", false));
    assert_eq!(told(&talk), [""; 0]);
}

#[test]
fn a_ping_without_a_pong_is_told_if_somebody_waited() {
    let end = |talk: &mut Conversation, wait| {
        talk.server(text("2", false)).server(frame(0x88, b"", false));
        later(talk, 10, wait);
    };
    let mut talk = engineio(200);
    end(&mut talk, 200);
    let found = one(&talk);
    assert!(found.text.contains("gave up after 201 ms (pingTimeout is 200 ms)"), "{}", found.text);
    assert_eq!(found.frames, [9, 10]);
    let mut talk = engineio(200);
    end(&mut talk, 20);
    assert_eq!(told(&talk), [""; 0], "it left for another reason");

    let mut talk = websocket("", "");
    talk.client(frame(0x89, b"?", true)).client(frame(0x88, &[3, 243], true));
    later(&mut talk, 7, 900);
    let said = told(&talk);
    assert!(
        said[0].starts_with("no pong came for the ping in frame 6: 127.0.0.1:51544 gave up after 901 ms"),
        "{said:?}"
    );
    assert!(said[1].ends_with("closed the WebSocket with 1011, internal error"), "{said:?}");
}

/// Who says that the session is closed gives up as who closes its connection does; who is closed by the other side does not.
#[test]
fn a_session_that_is_closed_by_a_packet_is_given_up() {
    let close = |to_client: bool| {
        let mut talk = engineio(200);
        talk.server(text("2", false));
        if to_client {
            talk.server(text("1", false))
        } else {
            talk.client(text("1", true))
        };
        later(&mut talk, 10, 200);
        talk
    };
    let found = one(&close(true));
    assert!(found.text.contains("gave up after 201 ms (pingTimeout is 200 ms)"), "{}", found.text);
    assert_eq!(found.frames, [9, 10]);
    assert_eq!(told(&close(false)), [""; 0], "the client left");
    let mut answered = engineio(200);
    answered.server(text("2", false)).client(text("3", true)).server(text("1", false));
    later(&mut answered, 11, 200);
    assert_eq!(told(&answered), [""; 0]);
    // A ping of WebSocket, too; and an event waits until then, not until the capture ends.
    let mut talk = engineio(200);
    talk.client(frame(0x89, b"?", true))
        .client(text("420[\"save\"]", true))
        .client(text("1", true))
        .server(text("6", false));
    later(&mut talk, 11, 900);
    let said = told(&talk);
    assert!(said[0].starts_with("no pong came for the ping in frame 9"), "{said:?}");
    assert!(said[1].contains("none came in the 901 ms until the session was over"), "{said:?}");
    later(&mut talk, 12, 9000);
    assert_eq!(told(&talk), said);
}

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
fn octets_that_no_request_waits_for_are_told() {
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut odd = Conversation::new().open();
    odd.client(get).server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").client(get).server("ICY 200 OK\r\n\r\n");
    let said = told(&odd);
    assert!(!said.iter().any(|text| text.contains("Content-Length")), "it answers the second request: {said:?}");
    let mut talk = Conversation::new().open();
    talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{\"a\"}")
        .close();
    let found = one(&talk);
    assert!(found.text.starts_with("2 octets follow the body of the answer in frame 5"), "{}", found.text);
    assert!(found.text.ends_with("its Content-Length: 3 is too small"), "{}", found.text);
}

/// What a program took is what it was after it had been inflated.
#[test]
fn of_what_was_compressed_the_size_counts_that_a_program_sees() {
    let mut talk = websocket(
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    );
    // 600 times the letter a (RFC 7692 §7.2.1).
    let compressed = [0x4a, 0x4c, 0x1c, 0x05, 0xa3, 0x80, 0xfa, 0x00, 0x00];
    talk.client(frame(0xc1, &compressed, true)).server(frame(0x88, &[3, 241], false));
    assert!(one(&talk).text.ends_with("the message that ended in frame 6 has 600 octets"), "{:?}", told(&talk));
}

#[test]
fn octets_that_could_not_be_read_may_have_been_the_answer() {
    let mut talk = Conversation::new().open();
    talk.client("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokay and more");
    talk.client("GET /again HTTP/1.1\r\nHost: x\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    let told = told(&talk);
    assert!(told.iter().any(|text| text.contains("Content-Length: 4 is too small")), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("never answered")), "{told:?}");
    // What was said before and comes again answers nothing.
    let get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut again = Conversation::new().open();
    let at = again.next[TO_CLIENT.index()];
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    again.client(get).server(answer).client(get).at(TO_CLIENT, at, DATA, answer.as_bytes());
    again.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert!(one(&again).text.contains("GET /x was never answered"), "{:?}", self::told(&again));
}

#[test]
fn behind_octets_that_are_missing_nobody_knows_what_was_answered() {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let mut talk = Conversation::new().open();
    talk.client(get("/x")).server(answer).client(get("/lost")).lose().client(get("/y")).server(answer).close();
    assert_eq!(told(&talk), [""; 0], "the answer to /y, or to what is missing, came");
}

#[test]
fn of_a_head_that_was_cut_nobody_says_what_is_not_in_it() {
    let mut talk = Conversation::new().open();
    talk.client("GET /x HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nServer: x\r\nAccess-Control-All");
    assert_eq!(told(&talk), [""; 0]);
    talk.server("ow-Methods: GET\r\nContent-Length: 2\r\n\r\no");
    assert!(one(&talk).text.contains("allows no other origin"), "of its body octets may be missing");
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
    assert_eq!(told(&flowing), [""; 0]);
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

/// Streams of HTTP/2 end each for itself, and long before their connection.
#[test]
fn a_stream_is_no_connection() {
    let reset = |stream, error| http2::frame(3, 0, stream, &[0, 0, 0, error]);
    let mut cancelled = http2::begin();
    cancelled.client(http2::get(1, "/video")).server(http2::headers(
        1,
        0,
        &[(":status", "200"), ("content-length", "9")],
    ));
    cancelled.server(http2::data(1, 0, "abc")).client(reset(1, 8));
    cancelled.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert_eq!(told(&cancelled), [""; 0], "who has had enough blames no length");

    let mut broken = http2::begin();
    broken.client(http2::get(1, "/video")).server(http2::headers(1, 0, &[(":status", "200"), ("content-length", "9")]));
    broken.server(http2::data(1, 0, "abc")).server(reset(1, 2)).close();
    let found = one(&broken);
    let expected = "the answer to GET /video announces 9 octets (Content-Length), and 3 came before 127.0.0.1:8080 reset the \
                    stream (INTERNAL_ERROR): the length is too large, or its program ended before it had sent all";
    assert_eq!((&*found.text, &*found.frames, found.spec), (expected, &[6, 8, 9][..], "RFC 9113 §8.1.1"));

    let mut refused = http2::begin();
    refused.client(http2::get(1, "/a")).client(http2::get(3, "/b")).server(reset(3, 7));
    refused.server(http2::headers(1, END_STREAM, &[(":status", "204")]));
    later(&mut refused, 8, 20);
    let found = one(&refused);
    assert_eq!(
        found.text,
        "GET /b was never answered: 127.0.0.1:8080 reset the stream (REFUSED_STREAM) instead, 21 ms later"
    );
    assert_eq!((&*found.frames, found.spec), (&[7, 8][..], "RFC 9113 §8.1"));

    let mut impatient = http2::begin();
    impatient.client(http2::get(1, "/a")).client(http2::get(3, "/b"));
    impatient.server(http2::headers(1, END_STREAM, &[(":status", "204")])).client(reset(3, 8));
    later(&mut impatient, 9, 1500);
    assert_eq!(told(&impatient), ["GET /b was never answered: the client gave up after 1.5 s"]);

    let mut open = http2::begin();
    open.client(http2::get(1, "/a")).client(http2::get(3, "/b"));
    open.server(http2::headers(1, END_STREAM, &[(":status", "204")]));
    assert_eq!(told(&open), [""; 0], "it may come yet");
    open.segment(TO_CLIENT, Flags::RST, b"");
    assert!(
        told(&open)[0].starts_with("GET /b was never answered: 127.0.0.1:8080 broke off instead"),
        "{:?}",
        told(&open)
    );
}

#[test]
fn sockets_on_streams_are_not_taken_for_each_other() {
    let socket = |stream| {
        let answer = http2::headers(stream, 0, &[(":status", "200")]);
        (http2::connect(stream, "/chat", &[]), answer)
    };
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let (asks, answers) = socket(stream);
        talk.client(asks).server(answers);
    }
    // The first is asked, and answers; the second closes what it has of its own.
    talk.server(http2::data(1, 0, frame(0x89, b"", false)));
    talk.server(http2::data(3, 0, frame(0x88, &1000_u16.to_be_bytes(), false)));
    later(&mut talk, 11, 900);
    assert_eq!(told(&talk), [""; 0], "the other socket was closed");
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let (asks, answers) = socket(stream);
        talk.client(asks).server(answers);
    }
    talk.server(http2::data(1, 0, frame(0x89, b"", false))).client(http2::data(3, 0, frame(0x8a, b"", true)));
    talk.server(http2::data(1, 0, frame(0x88, &1001_u16.to_be_bytes(), false)));
    later(&mut talk, 12, 900);
    let found = one(&talk);
    assert_eq!(found.text, "no pong came for the ping in frame 10: 127.0.0.1:8080 gave up after 902 ms");
    // A large message on one is not why the other was closed.
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let (asks, answers) = socket(stream);
        talk.client(asks).server(answers);
    }
    talk.client(http2::data(1, 0, text("hello", true))).client(http2::data(3, 0, text(&"x".repeat(300), true)));
    talk.server(http2::data(1, 0, frame(0x88, &1009_u16.to_be_bytes(), false)));
    assert!(told(&talk)[0].ends_with("the message that ended in frame 10 has 5 octets"), "{:?}", told(&talk));
}

#[test]
fn over_http2_a_host_is_an_authority() {
    let asks = [(":method", "GET"), (":path", "/api"), (":scheme", "https"), (":authority", "api.example")];
    let answer = |origin: &str| {
        let mut talk = http2::begin();
        talk.client(http2::headers(1, END_STREAM, &[&asks[..], &[("origin", origin)]].concat()));
        talk.server(http2::headers(1, END_STREAM, &[(":status", "200")]));
        told(&talk)
    };
    assert_eq!(answer("https://api.example"), [""; 0]);
    let found = answer("https://page.example");
    assert!(found[0].starts_with("the answer to GET /api allows no other origin"), "{found:?}");
}
