//! What Engine.IO refuses, and polls that end otherwise than they should.

use super::{later, one, told};
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
