use super::{engineio, frame, later, text, told, websocket};
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_CLIENT, TO_SERVER};

/// Servers of Socket.IO close at once what they do not take, and do not say why.
#[test]
fn a_session_that_is_closed_behind_what_no_server_takes_is_told() {
    let closed = |said: &str, wait: i64| {
        let mut talk = engineio(200);
        talk.client(text(said, true)).server(frame(0x88, b"", false)).client(frame(0x88, b"", true));
        later(&mut talk, 10, wait);
        told(&talk)
    };
    let begins = "127.0.0.1:8080 closed the session 1.0 ms after the packet in frame 9, likely for that: ";
    for (said, why) in [
        ("{\"event\":\"chat\"}", "it is no packet of Engine.IO (unknown type '{')"),
        ("2", "it is a ping, and in Engine.IO 4 only the server pings"),
        ("42{\"event\":\"chat\"}", "its data is no array that begins with the name of an event"),
        ("42[\"disconnect\"]", "no event may be called \"disconnect\": the name is reserved"),
        ("42/admin,[\"chat\"]", "it is an event, and no CONNECT (`40`) was sent before to join its namespace"),
    ] {
        let all = closed(said, 0);
        assert!(all.iter().any(|text| text.starts_with(&format!("{begins}{why}"))), "{said}: {all:?}");
        assert!(!closed(said, 900).iter().any(|text| text.contains("likely for that")), "{said}: it had time");
    }
    for fine in ["42[\"chat\"]", "42[1]", "41", "3"] {
        assert!(!closed(fine, 0).iter().any(|text| text.contains("likely for that")), "{fine}");
    }
    // A server that cannot read it says nothing; one that refuses it says so.
    let connects = |answers: &[&str]| {
        let mut talk = engineio(200);
        talk.client(text("40/admin,", true));
        for answer in answers {
            talk.server(text(answer, false));
        }
        talk.server(frame(0x88, b"", false)).client(frame(0x88, b"", true));
        told(&talk).into_iter().find(|text| text.contains("likely for that"))
    };
    let parser =
        "it is a CONNECT as any client sends it, and was not answered. Its parser is likely another than the client's";
    assert!(connects(&[]).unwrap().contains(parser));
    assert!(connects(&["42[\"news\"]"]).unwrap().contains(parser), "that is no answer");
    for answer in ["40/admin,{\"sid\":\"x\"}", "44/admin,{\"message\":\"no\"}"] {
        assert_eq!(connects(&[answer]), None, "{answer}");
    }
    let mut left = engineio(200);
    left.client(text("42{}", true)).client(frame(0x88, b"", true)).server(frame(0x88, b"", false));
    assert!(!told(&left).iter().any(|text| text.contains("likely for that")), "the client left");
    let mut corrected = engineio(200);
    corrected.client(text("42{}", true)).client(text("42[\"chat\"]", true)).server(frame(0x88, b"", false));
    assert!(!told(&corrected).iter().any(|text| text.contains("likely for that")), "it went on");
}

/// The official server says 1009 then, python-engineio 1000.
#[test]
fn a_session_that_is_closed_for_a_large_message_is_told() {
    let closed = |len: usize, code: &[u8]| {
        let mut talk = engineio(200);
        let said = format!("42[\"{}\"]", "a".repeat(len - 6));
        talk.client(text(&said, true)).server(frame(0x88, code, false)).client(frame(0x88, code, true));
        told(&talk).into_iter().find(|text| text.contains("likely for that"))
    };
    let normal = 1000_u16.to_be_bytes();
    let says = closed(1001, &normal).unwrap();
    assert!(
        says.ends_with("likely for that: it has 1001 octets, and the server takes 1000 at most (maxPayload)"),
        "{says}"
    );
    assert_eq!(closed(1000, &normal), None);
    assert_eq!(closed(1001, &1009_u16.to_be_bytes()), None, "the code says so itself");
}

/// Whose program fails on a message says no more.
#[test]
fn a_server_that_ends_a_websocket_behind_a_message_is_told() {
    let dropped = |flags: u8, by, wait: i64, answers: bool| {
        let mut talk = websocket("", "");
        talk.client(text("boom", true));
        if answers {
            talk.server(text("thanks", false));
        }
        talk.segment(by, flags, b"");
        let last = talk.frames.len() as u32;
        later(&mut talk, last, wait);
        told(&talk).into_iter().find(|text| text.contains("without a Close frame that says why"))
    };
    let (fin, rst) = (Flags::FIN | Flags::ACK, Flags::RST | Flags::ACK);
    let says = "127.0.0.1:8080 closed, 1.0 ms behind the message in frame 6 and without a Close frame that says why: likely its \
                program failed on that message, or ended just then";
    assert_eq!(dropped(fin, TO_CLIENT, 0, false).unwrap(), says);
    assert!(dropped(rst, TO_CLIENT, 0, false).unwrap().contains("8080 broke off, 1.0 ms"));
    assert_eq!(dropped(fin, TO_CLIENT, 300, false), None, "it took its time");
    assert_eq!(dropped(fin, TO_CLIENT, 0, true), None, "it answered");
    assert_eq!(dropped(fin, TO_SERVER, 0, false), None, "the client left");
}

#[test]
fn a_close_for_a_broken_rule_names_what_broke_it() {
    let closed = |said: &dyn Fn(&mut Conversation), code: u8| {
        let mut talk = websocket("", "");
        said(&mut talk);
        talk.client(frame(0x88, &[3, code], true)).server(frame(0x88, &[3, code], false));
        told(&talk)
    };
    let broken = |talk: &mut Conversation| {
        talk.server(frame(0x01, b"he", false)).server(frame(0x81, b"llo", false));
    };
    let said = closed(&broken, 0xea);
    let says = "127.0.0.1:51544 closed the WebSocket with 1002, protocol error: in frame 7, a new message before the one begun has \
                ended";
    assert!(said.iter().any(|text| text.starts_with(says)), "{said:?}");
    let not_text = |talk: &mut Conversation| {
        talk.server(frame(0x81, &[0xff], false));
    };
    let said = closed(&not_text, 0xef);
    assert!(
        said.iter().any(|text| text.contains("closed the WebSocket with 1007") && text.contains("in frame 6, ")),
        "{said:?}"
    );
    let fine = |talk: &mut Conversation| {
        talk.server(text("hello", false));
    };
    assert!(!closed(&fine, 0xea).iter().any(|text| text.contains("in frame")));
}

/// Who polls is told with a packet that its session is closed, or with 400 that its POST is not taken.
#[test]
fn a_session_that_polls_is_closed_behind_what_no_server_takes() {
    const OPEN: &str = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let get = |sid: &str| format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: x\r\n\r\n");
    let post = |body: &str| {
        let asks = "POST /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\nContent-Length: ";
        format!("{asks}{}\r\n\r\n{body}", body.len())
    };
    // Two connections, as browsers have them: a poll waits on one, the other posts.
    let closed = |said: &str, answer: &str, poll: &str, wait: i64| {
        let mut polls = Conversation::new().open();
        polls.client(get("")).server(ok(OPEN));
        let mut posts = Conversation::between("127.0.0.1:51545", "127.0.0.1:8080").open();
        posts.client(post("40")).server(ok("ok"));
        polls.client(get("&sid=s")).server(ok("40{\"sid\":\"t\"}")).client(get("&sid=s"));
        polls.frames.append(&mut posts.frames);
        posts.client(post(said)).server(answer);
        polls.frames.append(&mut posts.frames);
        polls.server(ok(poll));
        polls.frames.iter_mut().enumerate().for_each(|(n, frame)| frame.time.0 = 1_000_000 * n as i64);
        let last = polls.frames.len() as u32;
        later(&mut polls, last - 1, wait);
        told(&polls).into_iter().filter(|text| text.contains("likely for that")).collect::<Vec<_>>()
    };
    let (fine, bad) = (ok("ok"), "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    for (said, why) in [
        ("2", "it is a ping, and in Engine.IO 4 only the server pings"),
        ("x", "it is no packet of Engine.IO (unknown type 'x')"),
        ("42{\"event\":\"chat\"}", "its data is no array that begins with the name of an event"),
        (
            "42[\"chat\"]\x1e42[\"disconnect\"]\x1e42[\"chat\"]",
            "no event may be called \"disconnect\": the name is reserved",
        ),
        ("42/admin,[\"chat\"]", "it is an event, and no CONNECT (`40`) was sent before to join its namespace"),
    ] {
        let all = closed(said, &fine, "1", 0);
        let says =
            format!("127.0.0.1:8080 closed the session 2.0 ms after the packet in frame 14, likely for that: {why}");
        assert_eq!(all.len(), 1, "{said}: {all:?}");
        assert!(all[0].starts_with(&says), "{said}: {all:?}");
        assert!(closed(said, &fine, "1", 900).is_empty(), "{said}: it had time");
        assert!(closed(said, &fine, "2", 0).is_empty(), "{said}: it goes on");
        let all = closed(said, bad, "1", 0);
        let says = format!("127.0.0.1:8080 answered 400 1.0 ms after the packet in frame 14, likely for that: {why}");
        assert_eq!(all.len(), 1, "{said}: {all:?}");
        assert!(all[0].starts_with(&says), "{said}: {all:?}");
    }
    for taken in ["42[\"chat\"]", "3", "41", "1"] {
        assert!(closed(taken, &fine, "1", 0).is_empty(), "{taken}");
    }
    // Another server, which has not looked at it.
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    let elsewhere = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{unknown}", unknown.len());
    assert!(closed("x", &elsewhere, "6", 0).is_empty());
}
