use super::{UPGRADE, one, told, websocket};
use crate::layer::Severity;
use crate::trace::testing::Conversation;
use crate::trace::testing_http2 as http2;

/// What is said where a WebSocket was asked for.
fn answered(asks: &str, says: &str) -> Vec<String> {
    let mut talk = Conversation::new().open();
    talk.client(asks).server(format!("HTTP/1.1 {says}\r\nContent-Length: 0\r\n\r\n"));
    told(&talk)
}

#[test]
fn what_answers_a_handshake_with_something_else_is_told_with_its_likely_cause() {
    let asks = format!("{}Origin: http://page\r\n\r\n", UPGRADE.replace("/chat", "/chat?room=1"));
    for (says, cause) in [
        (
            "200 OK",
            "200 OK, and no WebSocket was opened: it was taken for a plain request: likely no WebSocket is served",
        ),
        (
            "302 Found\r\nLocation: https://x/live",
            "it redirects to https://x/live, and a browser's WebSocket follows no redirect",
        ),
        ("308 Permanent Redirect", "it redirects, and a browser's"),
        ("401 Unauthorized", "likely a cookie or a token is missing"),
        (
            "403 Forbidden",
            "likely the Origin http://page is not among those that it allows, or who asks is not authorised",
        ),
        ("404 Not Found", "likely the path is not the one where the WebSocket is served"),
        ("426 Upgrade Required\r\nSec-WebSocket-Version: 8, 7", "asks for version 13, and the server speaks 8, 7"),
        ("426 Upgrade Required\r\nUpgrade: h2c", "it wants h2c (Upgrade)"),
        ("426 Upgrade Required\r\nUpgrade: websocket", "likely it did not take the request for a handshake"),
        ("503 Service Unavailable", "likely a proxy answers for a server"),
    ] {
        let said = answered(&asks, says);
        assert!(said.len() == 1 && said[0].starts_with("GET /chat?room=1 was answered with "), "{said:?}");
        assert!(said[0].contains(cause), "{said:?}");
    }
    // Whom the server has opened a session for it has let in.
    let moves = asks.replace("/chat?room=1", "/socket.io/?EIO=4&transport=websocket&sid=s");
    assert!(answered(&moves, "403 Forbidden")[0].contains("does not know the session: "));
    assert_eq!(answered(&asks, "500 Oh"), ["GET /chat?room=1 was answered with 500 Oh, and no WebSocket was opened"]);
    assert_eq!(told(&websocket("", "")), [""; 0]);
    let get = "GET /chat HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(answered(get, "302 Found\r\nLocation: /x"), [""; 0], "a page is redirected");
    let h2c =
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n";
    assert_eq!(answered(h2c, "200 OK"), [""; 0], "it need not be heeded");
}

#[test]
fn what_is_wrong_with_a_handshake_is_said_before_what_is_likely() {
    let lacks = |what: &str, with: &str| answered(&format!("{}\r\n", UPGRADE.replace(what, with)), "404 Not Found");
    let said = lacks("Connection: Upgrade", "Connection: close");
    assert!(said[0].contains("opened: its Connection: close does not name Upgrade, without which"), "{said:?}");
    let said = lacks("Sec-WebSocket-Key", "X-Key");
    assert!(said[0].ends_with("opened: it has no Sec-WebSocket-Key"), "{said:?}");
    let mut version = Conversation::new().open();
    version.client(format!("{}\r\n", UPGRADE.replace("Version: 13", "Version: 9")));
    version.server("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
    let found = one(&version);
    assert!(found.text.ends_with("asks for version 9 (Sec-WebSocket-Version), and RFC 6455 has 13"), "{}", found.text);
    assert_eq!((found.severity, found.spec, found.frames), (Severity::Warn, "RFC 6455 §4.1", vec![4, 5]));
}

#[test]
fn over_http2_a_handshake_is_a_connect() {
    let asked = |status: &str| {
        let mut talk = http2::begin();
        talk.client(http2::connect(1, "/chat", &[])).server(http2::headers(1, 0, &[(":status", status)]));
        told(&talk)
    };
    assert_eq!(asked("200"), [""; 0]);
    let said = asked("404");
    assert!(
        said[0].starts_with("CONNECT /chat was answered with 404, and no WebSocket was opened: likely"),
        "{said:?}"
    );
    assert!(asked("307")[0].contains("it redirects, and"), "{:?}", asked("307"));
}

/// Those that differ in their queries alone are one.
#[test]
fn a_query_is_told_of_the_first_that_was_refused() {
    let refused = |targets: &[&str]| {
        let mut talk = Conversation::new().open();
        for target in targets {
            talk.client(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
            talk.server("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
        }
        told(&talk)
    };
    assert_eq!(refused(&["/a?b=1", "/a?b=1"]), ["GET /a?b=1 was answered with 500 Oh"]);
    let (three, two) = (["/a?b=1", "/a?b=2", "/a"], ["/a?b=1", "/a?b=2"]);
    assert_eq!(refused(&three), ["GET /a?b=1 (as were 2 more with other queries) was answered with 500 Oh"]);
    assert_eq!(refused(&two), ["GET /a?b=1 (as was one more with another query) was answered with 500 Oh"]);
    let long = format!("/a?{}", "x".repeat(200));
    assert_eq!(refused(&[&long]), [format!("GET {}… was answered with 500 Oh", &long[..80])]);
}

/// Whoever knows a session when it is polled refuses the upgrade for another reason.
#[test]
fn an_upgrade_that_is_refused_where_the_session_is_known_is_refused_itself() {
    let poll = "GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n";
    let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket&sid=s");
    let refused = |before: &[&str], after: &[&str]| {
        let mut talk = Conversation::new().open();
        let polled = |talk: &mut Conversation, all: &[&str]| {
            for status in all {
                talk.client(poll).server(format!("HTTP/1.1 {status}\r\nContent-Length: 1\r\n\r\n6"));
            }
        };
        polled(&mut talk, before);
        talk.client(format!("{asks}\r\n")).server("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        polled(&mut talk, after);
        told(&talk).into_iter().find(|text| text.contains("403 Forbidden")).unwrap()
    };
    let known = ": its session is known there, as all its polls were answered with 200: so something refuses the upgrade itself";
    let ok = "200 OK";
    assert!(refused(&[ok], &[ok, ok]).contains(known), "{}", refused(&[ok], &[ok, ok]));
    assert!(refused(&[], &[ok, ok, ok]).contains(known));
    for (before, after) in
        [(vec![], vec![]), (vec![ok, ok, ok], vec![]), (vec![ok], vec![ok]), (vec![ok, "400 Oh"], vec![ok, ok])]
    {
        assert!(refused(&before, &after).contains("(sticky sessions)"), "{before:?} {after:?}");
    }
}

/// A server of ws says so little at another path than its own; where something is wrong with the handshake it says what.
#[test]
fn a_path_that_ws_does_not_serve_is_likely_wrong() {
    let refused = |target: &str, kind: &str, body: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("{}\r\n", UPGRADE.replace("/chat", target)));
        let len = body.len();
        talk.server(format!("HTTP/1.1 400 Bad Request\r\n{kind}Content-Length: {len}\r\n\r\n{body}"));
        one(&talk).text
    };
    let (html, likely) =
        ("Content-Type: text/html\r\n", ": likely the path is not the one where the WebSocket is served");
    assert!(refused("/cha", html, "Bad Request").contains(likely), "{}", refused("/cha", html, "Bad Request"));
    assert!(!refused("/cha", html, "Missing or invalid Sec-WebSocket-Key header").contains(likely));
    assert!(!refused("/cha", "", "Bad Request").contains(likely));
    assert!(!refused("/socket.io/?EIO=4&transport=websocket", html, "Bad Request").contains(likely));
}
