use super::{SWITCHING, UPGRADE, engineio, frame, later, one, text, told};
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_CLIENT};
use crate::trace::testing_http2 as http2;

/// A client of Socket.IO to which a WebSocket was opened.
fn opened() -> Conversation {
    let mut talk = Conversation::new().open();
    let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket");
    talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n"));
    talk
}

const WHAT: &str = "GET /socket.io/?EIO=4&transport=websocket asks for Engine.IO, and a WebSocket was opened, but ";

#[test]
fn a_client_of_socketio_at_a_plain_server_is_told() {
    let mut silent = opened();
    silent.close();
    later(&mut silent, 6, 20_000);
    let found = one(&silent);
    let says =
        format!("{WHAT}in the 20.0 s until it ended 127.0.0.1:8080 sent no OPEN packet, with which Engine.IO begins: ");
    assert!(found.text.starts_with(&says), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Warn, vec![4, 5, 6]));

    let mut greets = opened();
    greets.server(text("hello", false));
    let found = one(&greets);
    let says = format!("{WHAT}the first that 127.0.0.1:8080 says there, in frame 6, is no OPEN packet");
    assert!(found.text.starts_with(&says), "{}", found.text);
    assert_eq!(found.frames, [4, 5, 6]);

    let mut soon = opened();
    soon.close();
    assert_eq!(told(&soon), [""; 0], "whoever leaves at once has not waited");
    assert_eq!(told(&opened()), [""; 0], "it may come yet");
    assert_eq!(told(&engineio(200)), [""; 0]);
    // What was lost may have been it.
    let mut lost = opened();
    lost.server(text("0{}", false)).lose().server(text("hello", false)).close();
    later(&mut lost, 7, 3000);
    assert!(!told(&lost).iter().any(|text| text.contains("OPEN")), "{:?}", told(&lost));
}

#[test]
fn what_happens_at_each_connection_is_told_once() {
    let mut all = Vec::new();
    for port in 50_001..50_004 {
        let mut talk = Conversation::between(&format!("127.0.0.1:{port}"), "127.0.0.1:8080").open();
        let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket");
        talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n")).server(text("hello", false));
        all.append(&mut talk.frames);
    }
    let mut talk = Conversation::new();
    talk.frames = all;
    let found = one(&talk);
    assert!(found.text.ends_with(". It went so 2 times more"), "{}", found.text);
    assert_eq!(found.frames, [4, 5, 6, 10, 11, 12, 16, 17, 18]);
}

#[test]
fn a_plain_client_at_a_server_of_socketio_is_told() {
    let says = |said: &str| {
        let mut talk = opened();
        talk.server(text("0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":500,\"pingTimeout\":200}", false));
        talk.client(text(said, true));
        told(&talk)
    };
    let said = says("{\"type\":\"hello\"}");
    assert!(said[0].starts_with(
        "the server speaks Engine.IO at /socket.io/, and the first that the client says there, in frame 7, "
    ));
    assert!(said[0].contains("likely a plain WebSocket client"), "{said:?}");
    assert_eq!(says("40"), [""; 0]);
    let mut refused = Conversation::new().open();
    refused.client(format!("{}\r\n", UPGRADE.replace("/chat", "/socket.io/")));
    refused.server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert!(
        one(&refused).text.contains("likely a plain WebSocket client at a server of Socket.IO"),
        "{:?}",
        told(&refused)
    );
}

#[test]
fn a_session_that_joins_no_namespace_is_told() {
    let session = |path: &str, joins: &str, end: &dyn Fn(&mut Conversation)| {
        let mut talk = Conversation::new().open();
        let asks = UPGRADE.replace("/chat", &format!("{path}?EIO=4&transport=websocket"));
        talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n"));
        talk.server(text("0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}", false));
        talk.server(text("2", false)).client(text("3", true)).client(text(joins, true));
        end(&mut talk);
        later(&mut talk, 10, 45_000);
        told(&talk)
    };
    let pong = "3";
    let by_server = |talk: &mut Conversation| {
        talk.server(frame(0x88, b"", false)).client(frame(0x88, b"", true)).close_by_server();
    };
    let said = session("/socket.io/", pong, &by_server);
    let says = "the session that was opened in frame 6 joined no namespace of Socket.IO: its client sent no CONNECT (`40`) in 45.0 s, \
                and 127.0.0.1:8080 closed it";
    assert!(said.len() == 1 && said[0].starts_with(says), "{said:?}");
    let by_packet = |talk: &mut Conversation| {
        talk.server(text("1", false));
    };
    assert!(session("/socket.io/", pong, &by_packet)[0].starts_with(says));
    let by_fin = |talk: &mut Conversation| {
        talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    };
    assert!(session("/socket.io/", pong, &by_fin)[0].starts_with(says));
    assert_eq!(session("/engine.io/", pong, &by_server), [""; 0], "there is nothing to join");
    assert_eq!(session("/socket.io/", "40", &by_server), [""; 0]);
    let by_client = |talk: &mut Conversation| {
        talk.client(frame(0x88, b"", true)).server(frame(0x88, b"", false)).close_by_server();
    };
    let said = session("/socket.io/", pong, &by_client);
    assert!(!said.iter().any(|text| text.contains("joined no namespace")), "who leaves need not join: {said:?}");
    assert_eq!(session("/socket.io/", pong, &|_| {}), [""; 0], "it may join yet");
}

/// Each stream of HTTP/2 is a socket of its own.
#[test]
fn a_plain_server_is_known_over_http2() {
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let asks = http2::connect(stream, "/socket.io/?EIO=4&transport=websocket", &[]);
        talk.client(asks).server(http2::headers(stream, 0, &[(":status", "200")]));
    }
    let open = "0{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":500,\"pingTimeout\":200}";
    talk.server(http2::data(1, 0, text(open, false))).server(http2::data(3, 0, text("hello", false)));
    let found = one(&talk);
    assert!(
        found.text.starts_with("CONNECT /socket.io/?EIO=4&transport=websocket asks for Engine.IO, "),
        "{}",
        found.text
    );
    assert_eq!(found.frames, [8, 9, 11]);
}
