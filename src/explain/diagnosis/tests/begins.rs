use super::{SWITCHING, UPGRADE, one, text, told};
use crate::layer::Severity;
use crate::trace::testing::Conversation;

const ASKS: &str = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";

fn answered(asks: &str, head: &str, body: &str) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client(asks).server(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    talk
}

/// Socket.IO 2 opens a session for whoever asks, in its own framing.
#[test]
fn a_client_of_version_4_at_a_server_of_version_3_is_told() {
    let open = r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let older = format!("{}:{open}2:40", open.len());
    let found = one(&answered(ASKS, "200 OK", &older));
    let says = "the session that was opened in frame 5 has lengths before its packets, as Engine.IO 3 has them";
    assert!(found.text.starts_with(says) && found.text.ends_with("Their versions must fit"), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Error, vec![4, 5]));
    assert_eq!(told(&answered(ASKS, "200 OK", open)), [""; 0]);
    assert_eq!(told(&answered(&ASKS.replace("EIO=4", "EIO=3"), "200 OK", &older)), [""; 0]);

    let joined = |path: &str, version: u8, joins: &str, asks: bool| {
        let mut talk = Conversation::new().open();
        let asks_for = UPGRADE.replace("/chat", &format!("{path}?EIO={version}&transport=websocket"));
        talk.client(format!("{asks_for}\r\n")).server(format!("{SWITCHING}\r\n")).server(text(open, false));
        if asks {
            talk.client(text("40", true));
        }
        talk.server(text(joins, false));
        told(&talk)
    };
    let said = joined("/socket.io/", 4, "40", false);
    assert!(said.len() == 1 && said[0].starts_with("the server's CONNECT (`40`) in frame 7 comes unasked"), "{said:?}");
    assert_eq!(joined("/socket.io/", 4, "40{\"sid\":\"t\"}", true), [""; 0]);
    assert_eq!(joined("/socket.io/", 4, "40", true), [""; 0], "it was asked for");
    assert_eq!(joined("/engine.io/", 4, "40", false), [""; 0], "Engine.IO alone may say 0");
    assert_eq!(joined("/socket.io/", 3, "40", false), [""; 0]);
}

#[test]
fn a_page_that_answers_the_first_poll_is_told() {
    let (html, page) = ("200 OK\r\nContent-Type: text/html; charset=utf-8", "<!doctype html>");
    let found = one(&answered(ASKS, html, page));
    let says = "GET /socket.io/ asks for a session of Engine.IO, and a page of HTML answers: at this path of 127.0.0.1:8080 there is \
                no server of Engine.IO";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!(told(&answered("GET / HTTP/1.1\r\nHost: x\r\n\r\n", html, page)), [""; 0]);
}

/// A browser follows where it may; others come again.
#[test]
fn a_poll_that_is_sent_elsewhere_is_told() {
    let sent = |status: &str, to: &str, asks: &str| answered(asks, &format!("{status}\r\nLocation: {to}"), "");
    let found = one(&sent("302 Found", "/login", ASKS));
    let says = "GET /socket.io/?EIO=4&transport=polling was answered with 302 Found, which sends it to /login: that opens no session";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!(told(&sent("302 Found", "/login", "GET / HTTP/1.1\r\nHost: x\r\n\r\n")), [""; 0]);
    let mut follows = sent("301 Moved Permanently", "http://x/rt/?EIO=4&transport=polling", ASKS);
    follows.client(ASKS.replace("/socket.io/", "/rt/"));
    assert_eq!(told(&follows), [""; 0]);
}

#[test]
fn a_client_of_socketio_that_polls_a_plain_server_is_told() {
    let (status, likely) =
        ("426 Upgrade Required", ": likely a plain WebSocket server, and its client one of Socket.IO");
    assert!(one(&answered(ASKS, status, "Upgrade Required")).text.contains(likely));
    assert!(!one(&answered("GET / HTTP/1.1\r\nHost: x\r\n\r\n", status, "")).text.contains(likely));
}
