//! What Engine.IO refuses, and polls that end otherwise than they should.

use super::{engineio, later, one, text, told};
use crate::explain::diagnosis::*;
use crate::trace::testing::Conversation;

/// With what a poll is let go whose client has closed the session no program sees: python-engineio says 400. At another path than
/// its own nobody knows Engine.IO.
#[test]
fn what_engineio_refuses_has_its_reason() {
    let poll = "GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n";
    let refused = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let left = |packet: &str| {
        let mut get = Conversation::new().open();
        get.client(poll);
        let mut post = Conversation::between("127.0.0.1:50001", "127.0.0.1:8080").open();
        post.client(format!(
            "{}\r\n{packet}",
            poll.replace("GET", "POST").replace("\r\n\r\n", "\r\nContent-Length: 1\r\n")
        ));
        post.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK");
        get.frames.append(&mut post.frames);
        get.server(refused);
        told(&get)
    };
    assert_eq!(left("1"), [""; 0]);
    let says = "GET /socket.io/?EIO=4&transport=polling&sid=s was answered with 400 Bad Request";
    assert_eq!(left("3"), [says]);
    let nowhere = |query: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        one(&talk).text
    };
    let likely = ": likely Socket.IO is served at another path, as the option `path` says";
    assert!(nowhere("EIO=4&transport=polling").contains(likely));
    assert!(!nowhere("EIO=4&transport=polling&sid=s").contains(likely) && !nowhere("page=1").contains(likely));
}

/// Workers of one server answer at one address, and each knows its own sessions alone. What is over is rightly not known.
#[test]
fn a_session_may_be_unknown_where_it_was_opened() {
    let open = r#"0{"sid":"abc","upgrades":[],"pingInterval":500,"pingTimeout":200}"#;
    let poll = |talk: &mut Conversation, sid: &str, status: &str, body: &str| {
        talk.client(format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    };
    let says =
        "a session that 127.0.0.1:8080 opened is not known at 127.0.0.1:8080 a moment later, and nobody closed it";
    let told = |before: &[(&str, &str)], unknown: &str, wait: i64| {
        let mut talk = Conversation::new().open();
        poll(&mut talk, "", "200 OK", open);
        before.iter().for_each(|(status, body)| poll(&mut talk, "&sid=abc", status, body));
        let last = talk.frames.len() as u32;
        poll(&mut talk, "&sid=abc", "400 Bad Request", unknown);
        later(&mut talk, last + 1, wait);
        diagnose(&talk.trace()).into_iter().find(|found| found.text.starts_with(says))
    };
    let node = r#"{"code":1,"message":"Session ID unknown"}"#;
    let python = r#""Invalid session abc""#;
    for unknown in [node, python] {
        let found = told(&[], unknown, 0).unwrap();
        assert_eq!((found.severity, &*found.frames), (Severity::Error, &[5, 6, 7][..]), "{unknown}");
    }
    // Another process did not know it either; an ASGI server refuses a WebSocket with 403, whatever is wrong with it.
    assert!(told(&[("400 Bad Request", python), ("403 Forbidden", "")], python, 0).is_some());
    assert!(told(&[("200 OK", "1")], node, 0).is_none(), "the server closed it");
    assert!(told(&[("400 Bad Request", "")], node, 0).is_none(), "which closes it");
    assert!(told(&[("200 OK", "6")], node, 800).is_none(), "it was silent for too long");
}

/// Who comes back with the name of a session that is over is told when and why it was.
#[test]
fn a_session_that_is_over_is_not_known_any_more() {
    let poll = |sid: &str| format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer =
        |status: &str, body: &str| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let open = r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    let told = |before: &dyn Fn(&mut Conversation)| {
        let mut talk = Conversation::new().open();
        talk.client(poll("")).server(answer("200 OK", open));
        before(&mut talk);
        let mut again = Conversation::between("127.0.0.1:50009", "127.0.0.1:8080").open();
        again.client(poll("&sid=abc")).server(answer("400 Bad Request", unknown));
        talk.frames.append(&mut again.frames);
        let all = diagnose(&talk.trace());
        let mut found = all.into_iter().filter(|found| found.text.starts_with("a session is asked for that was over"));
        let told = found.next().map(|found| (found.text, found.frames));
        assert!(found.next().is_none());
        told
    };
    let (text, frames) = told(&|talk| {
        talk.client(poll("&sid=abc")).server(answer("200 OK", "1"));
    })
    .unwrap();
    assert!(text.contains("over in frame 7: it was closed. Who comes back opens a new one"), "{text}");
    assert_eq!(frames, [5, 7, 11, 12]);
    let (text, frames) = told(&|talk| {
        talk.client(poll("&sid=abc"));
        talk.close();
    })
    .unwrap();
    assert!(text.contains("over in frame 7: its connection ended"), "{text}");
    assert_eq!(frames[..2], [5, 7]);
    let (text, _) = told(&|talk| {
        talk.client(poll("&sid=abc")).server(answer("400 Bad Request", ""));
    })
    .unwrap();
    assert!(text.contains("over in frame 7: an error was answered in it"), "{text}");
    assert_eq!(told(&|_| ()), None, "nobody ended it");
    let lost = told(&|talk| {
        talk.client(poll("&sid=abc")).server(answer("200 OK", "6")).lose().close();
    });
    assert_eq!(lost, None, "the poll was answered, and the answer was not captured");
}

/// A proxy that does not know long-polling gives up.
#[test]
fn a_poll_may_wait_longer_than_a_proxy() {
    let answered = |query: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET /socket.io/?{query} HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server("HTTP/1.1 504 Gateway Time-out\r\nContent-Length: 0\r\n\r\n");
        one(&talk).text
    };
    let likely = "was answered with 504 Gateway Time-out: likely a proxy gave up while the poll waited. ";
    assert!(answered("EIO=4&transport=polling&sid=s").contains(likely));
    assert!(!answered("EIO=4&transport=polling").contains("likely") && !answered("x").contains("likely"));
}

/// engine.io-client says `close` after any failure, whoever listens. Nobody comes back with that, nor with what was asked before.
#[test]
fn who_says_goodbye_to_a_session_does_not_come_back() {
    let poll = |method: &str, version: u8, body: &str| {
        let len = body.len();
        format!(
            "{method} /socket.io/?EIO={version}&transport=polling&sid=abc HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"
        )
    };
    let answer =
        |status: &str, body: &str| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let unknown = answer("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#);
    let talk = |version: u8, asks: &[(&str, &str, bool)]| {
        let mut talk = Conversation::new().open();
        let open = r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        let open = if version == 3 { format!("{}:{open}", open.len()) } else { open.to_owned() };
        talk.client(format!("GET /socket.io/?EIO={version}&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server(answer("200 OK", &open));
        for (method, body, is_known) in asks {
            talk.client(poll(method, version, body));
            talk.server(if *is_known { answer("200 OK", "6") } else { unknown.clone() });
        }
        talk
    };
    assert_eq!(told(&talk(4, &[("POST", "1", false)])), [""; 0]);
    assert_eq!(told(&talk(3, &[("POST", "1:1", false)])), [""; 0]);
    let found = one(&talk(3, &[("POST", "9:42[\"tell\"]", false), ("POST", "1:1", false)]));
    assert!(found.text.starts_with("a session that 127.0.0.1:8080 opened is not known at 127.0.0.1:8080"), "{found:?}");
    assert_eq!((found.spec, found.frames), ("Engine.IO protocol 3, Anatomy of an Engine.IO session", vec![5, 6, 7]));
    // Asked before the session was over, answered after.
    let mut get = Conversation::between("127.0.0.1:50009", "127.0.0.1:8080").open();
    let mut race = talk(4, &[]);
    get.client(poll("GET", 4, ""));
    race.frames.append(&mut get.frames);
    race.client(poll("POST", 4, "1")).server(answer("200 OK", "ok"));
    get.server(&unknown);
    race.frames.append(&mut get.frames);
    assert_eq!(told(&race), [""; 0]);
}

/// Over polling nobody is told that no pong came.
#[test]
fn a_session_that_is_polled_is_given_up_without_a_pong() {
    let poll = |method: &str, body: &str| {
        let len = body.len();
        format!(
            "{method} /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"
        )
    };
    let answer =
        |status: &str, body: &str| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let pinged = |between: &[(&str, &str)], wait: i64| {
        let mut talk = Conversation::new().open();
        talk.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
        talk.server(answer("200 OK", r#"0{"sid":"abc","upgrades":[],"pingInterval":500,"pingTimeout":200}"#));
        talk.client(poll("GET", "")).server(answer("200 OK", "2"));
        for (method, body) in between {
            talk.client(poll(method, body)).server(answer("200 OK", "ok"));
        }
        let last = talk.frames.len() as u32;
        talk.client(poll("POST", "1"));
        talk.server(answer("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#));
        later(&mut talk, last + 1, wait);
        talk
    };
    let found = one(&pinged(&[], 300));
    let says = "no pong came for the ping in frame 7 within the pingTimeout of 200 ms, and 127.0.0.1:8080 did not know the session any \
                more after that, in frame 9: it had given it up";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!((found.spec, found.frames), ("Engine.IO protocol 4, Heartbeat", vec![7, 8, 9]));
    assert_eq!(told(&pinged(&[], 100)), [""; 0], "it had time");
    assert_eq!(told(&pinged(&[("POST", "3")], 300)), [""; 0]);
    let mut alive = pinged(&[("POST", "42[\"x\"]")], 300);
    assert!(told(&alive)[0].starts_with("no pong came for the ping in frame 7"), "{:?}", told(&alive));
    later(&mut alive, 9, 300);
    assert_eq!(told(&alive), [""; 0], "it was known after that");
}

/// A ping needs a poll to travel on: who sleeps between two polls gets none.
#[test]
fn a_client_that_sleeps_between_two_polls_is_told() {
    let slept = |silent: i64, last: &str| {
        let answer =
            |status: &str, body: &str| format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut talk = Conversation::new().open();
        let target = "/socket.io/?EIO=4&transport=polling";
        talk.client(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server(answer("200 OK", r#"0{"sid":"abc","upgrades":[],"pingInterval":500,"pingTimeout":200}"#));
        talk.client(format!("GET {target}&sid=abc HTTP/1.1\r\nHost: x\r\n\r\n")).server(answer("200 OK", last));
        talk.client(format!("POST {target}&sid=abc HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"));
        talk.server(answer("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#));
        later(&mut talk, 8, silent);
        talk
    };
    let found = one(&slept(800, "6"));
    assert!(
        found.text.starts_with("the client asked for nothing in its session for 801 ms behind frame 7,"),
        "{}",
        found.text
    );
    assert!(found.text.contains("its server waits 700 ms (pingInterval and pingTimeout)"), "{}", found.text);
    assert_eq!((found.spec, found.frames), ("Engine.IO protocol 4, Heartbeat", vec![7, 8, 9]));
    assert_eq!(told(&slept(600, "6")), [""; 0]);
    assert_eq!(told(&slept(800, "1")), [""; 0], "it was closed before");
}

/// In Engine.IO 3 the client pings, and any packet is as good to the server.
#[test]
fn a_server_of_version_3_that_gets_no_ping_gives_up() {
    let left = |wait: i64, by_server: bool| {
        let mut talk = Conversation::new().open();
        let asks = super::UPGRADE.replace("/chat", "/socket.io/?EIO=3&transport=websocket");
        talk.client(format!("{asks}\r\n")).server(format!("{}\r\n", super::SWITCHING));
        talk.server(text(r#"0{"sid":"s","upgrades":[],"pingInterval":500,"pingTimeout":300}"#, false));
        talk.server(text("40", false)).client(text("2", true)).server(text("3", false));
        talk.server(text("42[\"news\"]", false));
        if by_server {
            talk.server(super::frame(0x88, b"", false));
        } else {
            talk.client(super::frame(0x88, b"", true));
        }
        later(&mut talk, 11, wait);
        told(&talk)
    };
    let says = "no packet came from 127.0.0.1:51544 in the 803 ms behind the one in frame 8: the server gave up (pingInterval and \
                pingTimeout are 800 ms together). The client, which has to ping in version 3,";
    assert!(left(800, true).len() == 1 && left(800, true)[0].starts_with(says), "{:?}", left(800, true));
    assert_eq!(left(300, true), [""; 0]);
    assert_eq!(left(800, false), [""; 0], "the client left");
}

/// Who pings after that the other has said `close` elsewhere has not been heard.
#[test]
fn a_ping_behind_the_close_of_a_polled_session_comes_too_late() {
    let poll = |method: &str, body: &str| {
        let len = body.len();
        format!(
            "{method} /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"
        )
    };
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut get = Conversation::new().open();
    get.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
    get.server(answer(r#"0{"sid":"abc","upgrades":[],"pingInterval":500,"pingTimeout":300}"#)).client(poll("GET", ""));
    let mut post = Conversation::between("127.0.0.1:50001", "127.0.0.1:8080").open();
    post.client(poll("POST", "1"));
    get.frames.append(&mut post.frames);
    later(&mut get, 10, 800);
    get.server(answer("2"));
    post.server(answer("ok"));
    get.frames.append(&mut post.frames);
    later(&mut get, 11, 1600);
    let said = told(&get);
    assert!(said.len() == 1 && said[0].starts_with("no ping came from 127.0.0.1:8080 in the 799 ms"), "{said:?}");
    assert!(said[0].contains("behind the opening of the session in frame 5"), "{said:?}");
}

/// The official server closes a session in which more is posted than it takes.
#[test]
fn what_is_too_large_for_a_session_is_set_beside_what_its_server_takes() {
    let posted = |most: u32| {
        let mut talk = Conversation::new().open();
        let target = "/socket.io/?EIO=4&transport=polling";
        let open = format!("0{{\"sid\":\"abc\",\"upgrades\":[],\"maxPayload\":{most}}}");
        talk.client(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{open}", open.len()));
        talk.client(format!("POST {target}&sid=abc HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n42[\"x\",1234]"));
        talk.server("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
        one(&talk)
    };
    let found = posted(10);
    assert!(
        found.text.contains("it has 12 octets, and the server takes 10 at most (maxPayload, in frame 5;"),
        "{}",
        found.text
    );
    assert_eq!(found.frames, [5, 6, 7]);
    assert!(posted(12).text.ends_with("was answered with 413 Payload Too Large"), "another may have refused it");
}

#[test]
fn a_transport_that_is_not_offered_is_told() {
    let mut talk = Conversation::new().open();
    let body = r#"{"code":0,"message":"Transport unknown"}"#;
    talk.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.server(format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let found = one(&talk);
    assert!(found.text.contains("the server does not offer this transport. Its option `transports`"), "{}", found.text);
}

/// What is tried over and over is told once, not for each of its transports.
#[test]
fn a_session_that_is_taken_over_is_one() {
    let mut talk = Conversation::new().open();
    let target = "/socket.io/?EIO=4&transport=";
    for n in 0..4 {
        let mut ask = |head: String, answer: &str, body: &str| {
            talk.client(format!(
                "{head} HTTP/1.1\r\nHost: x\r\n{}\r\n",
                if answer == "400 No" { "Upgrade: websocket\r\n" } else { "" }
            ));
            talk.server(format!("HTTP/1.1 {answer}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        };
        ask(format!("GET {target}polling"), "200 OK", &format!("0{{\"sid\":\"s{n}\",\"upgrades\":[\"websocket\"]}}"));
        ask(format!("GET {target}websocket&sid=s{n}"), "400 No", "");
        ask(format!("GET {target}polling&sid=s{n}"), "200 OK", "1");
    }
    let again: Vec<_> = told(&talk).into_iter().filter(|text| text.contains(" asked for ")).collect();
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].contains("transport=polling") && again[0].contains("each time the server closed"), "{again:?}");
}

#[test]
fn who_is_put_out_of_a_namespace_is_told() {
    let mut talk = engineio(200);
    talk.server(text("41/admin,", false));
    let found = one(&talk);
    assert!(found.text.starts_with("the server disconnected the client from /admin: "), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Note, vec![9]));
    let mut left = engineio(200);
    left.client(text("41/admin,", true)).server(text("41/admin,", false));
    assert_eq!(told(&left), [""; 0]);
}

/// With connection state recovery a server keeps for a while what it would have said.
#[test]
fn who_comes_back_for_what_it_missed_is_told_whether_it_got_it() {
    let back = |answer: &str| {
        let mut talk = engineio(200);
        talk.client(text("40{\"pid\":\"p\",\"offset\":\"o5\"}", true));
        talk.server(text("42[\"news\",6,\"o6\"]", false)).server(text("42[\"news\",7,\"o7\"]", false));
        talk.server(text(answer, false));
        one(&talk)
    };
    let same = back("40{\"sid\":\"s\",\"pid\":\"p\"}");
    let says = "the client came back to / in frame 9 and asked for what it had missed behind the event with the offset \"o5\": its server \
                knew it, and sent 2 events that it had missed before it answered. It is the same socket as before, and nothing is lost";
    assert_eq!(same.text, says);
    assert_eq!((same.severity, same.frames), (Severity::Note, vec![9, 10, 11, 12]));
    let new = back("40{\"sid\":\"t\",\"pid\":\"q\"}");
    assert!(new.text.contains("so it is a new socket, and what was said meanwhile is lost"), "{}", new.text);
    assert_eq!(new.severity, Severity::Warn);
}
