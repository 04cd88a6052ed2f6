use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::{ERROR, HELLO, WARN, frame, masked, talk};
use crate::layer::{Direction, Severity};
use crate::message::{Dissector as _, Head, Upgrade};
use crate::protocol::testing::{Collector, Talk, hex};
use crate::protocol::websocket::decoder::WebSocketDecoder;
use crate::protocol::websocket::{WebSocket, WebSocketFrame, WebSocketHandshake, accept_for};

#[test]
fn an_extension_is_found_in_the_list() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("x-other;b, permessage-deflate ;a=1")).boxed());
    talk.server(hex(HELLO));
    assert_eq!(talk.told()[1], "< text \"Hello\", inflated 7 → 5");
}

fn head(start: &'static str, headers: &[(&'static str, &str)]) -> Head {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Head { start: start.into(), minor_version: 1, headers }
}

/// The handshake of RFC 6455 §1.2.
fn upgrade() -> Upgrade {
    let request = [
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "keep-alive, upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Protocol", "chat, superchat"),
        ("Sec-WebSocket-Version", "13"),
    ];
    let response = [
        ("Upgrade", "WebSocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", "chat"),
    ];
    Upgrade {
        token: "websocket".into(),
        request: head("GET", &request),
        response: head("101", &response),
        request_range: Some(0..157),
        response_range: 0..129,
        switched: true,
        spoke_early: false,
    }
}

fn judge(upgrade: &Upgrade) -> (WebSocketHandshake, Vec<(Severity, &'static str)>, bool) {
    let mut sink = Collector::default();
    let decoder = WebSocket.upgraded(upgrade, &mut sink);
    let told = &sink.messages[0];
    assert_eq!((told.direction, told.range.clone()), (Direction::ToClient, 0..129));
    let handshake = told.payload.as_any().downcast_ref::<WebSocketHandshake>().unwrap().clone();
    assert!(sink.remarks.iter().all(|(direction, range, _)| (*direction, range) == (Direction::ToServer, &(0..157))));
    let notes = sink.remarks.iter().map(|(_, _, note)| note).chain(&told.notes);
    (handshake, notes.map(|note| (note.severity, note.spec)).collect(), decoder.is_some())
}

#[test]
fn a_good_handshake_is_accepted() {
    let (handshake, notes, decoder) = judge(&upgrade());
    assert_eq!(notes, []);
    assert!(decoder && handshake.accepted);
    assert_eq!((handshake.accept_valid, handshake.subprotocol.as_deref()), (Some(true), Some("chat")));
}

#[test]
fn a_handshake_is_judged_by_every_clause() {
    type Change = fn(&mut Upgrade);
    fn set(head: &mut Head, name: &str, value: &str) {
        head.headers.iter_mut().find(|(n, _)| n == name).unwrap().1 = value.into();
    }
    fn drop(head: &mut Head, name: &str) {
        head.headers.retain(|(n, _)| n != name);
    }
    let of_request: &[(&str, Change)] = &[
        ("not GET", |u| u.request.start = "POST".into()),
        ("HTTP/1.0", |u| u.request.minor_version = 0),
        ("no Host", |u| drop(&mut u.request, "Host")),
        ("Connection without Upgrade", |u| set(&mut u.request, "Connection", "keep-alive")),
        ("a key of 15 octets", |u| {
            set(&mut u.request, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j");
            set(&mut u.response, "Sec-WebSocket-Accept", &accept_for("dGhlIHNhbXBsZSBub25j"));
        }),
        ("version 8", |u| set(&mut u.request, "Sec-WebSocket-Version", "8")),
        ("no version", |u| drop(&mut u.request, "Sec-WebSocket-Version")),
    ];
    let of_response: &[(&str, Change)] = &[
        ("another protocol", |u| set(&mut u.response, "Upgrade", "h2c")),
        ("Connection without Upgrade", |u| set(&mut u.response, "Connection", "close")),
        ("a wrong accept", |u| set(&mut u.response, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOO=")),
        ("no accept", |u| drop(&mut u.response, "Sec-WebSocket-Accept")),
        ("a subprotocol nobody offered", |u| set(&mut u.response, "Sec-WebSocket-Protocol", "mqtt")),
        ("a subprotocol in other letters", |u| set(&mut u.response, "Sec-WebSocket-Protocol", "Chat")),
        ("an extension nobody offered", |u| {
            u.response.headers.push(("Sec-WebSocket-Extensions".into(), "permessage-deflate".into()));
        }),
    ];
    let cases = of_request.iter().map(|case| (case, "RFC 6455 §4.2.1"));
    for ((what, change), spec) in cases.chain(of_response.iter().map(|case| (case, "RFC 6455 §4.1"))) {
        let mut upgrade = upgrade();
        change(&mut upgrade);
        let (handshake, notes, decoder) = judge(&upgrade);
        assert_eq!(notes, [(ERROR, spec)], "{what}");
        assert!(!handshake.accepted && decoder, "{what}: refused by a client, but both sides did switch");
    }
}

/// What may stand once, what the grammar does not have, and a client that does not wait.
#[test]
fn a_handshake_is_judged_by_what_may_stand_in_it() {
    type Change = fn(&mut Upgrade);
    fn add(head: &mut Head, name: &'static str, value: &str) {
        head.headers.push((name.into(), value.into()));
    }
    let cases: &[(&str, Change, &[&str])] = &[
        ("two keys", |u| add(&mut u.request, "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="), &["RFC 6455 §11.3.1"]),
        ("two versions", |u| add(&mut u.request, "Sec-WebSocket-Version", "13"), &["RFC 6455 §11.3.5"]),
        ("a subprotocol twice", |u| add(&mut u.request, "Sec-WebSocket-Protocol", "mqtt, chat"), &["RFC 6455 §4.1"]),
        ("a subprotocol with a space", |u| add(&mut u.request, "Sec-WebSocket-Protocol", "a b"), &["RFC 6455 §4.1"]),
        ("a client that does not wait", |u| u.spoke_early = true, &["RFC 6455 §4.1"]),
        (
            "an offer against the grammar",
            |u| add(&mut u.request, "Sec-WebSocket-Extensions", "a;;"),
            &["RFC 6455 §9.1"],
        ),
        (
            "two accepts",
            |u| add(&mut u.response, "Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            &["RFC 6455 §11.3.3"],
        ),
        ("two subprotocols", |u| add(&mut u.response, "Sec-WebSocket-Protocol", "superchat"), &["RFC 6455 §11.3.4"]),
        (
            "a second subprotocol, which nobody offered",
            |u| add(&mut u.response, "Sec-WebSocket-Protocol", "mqtt"),
            &["RFC 6455 §11.3.4", "RFC 6455 §4.1"],
        ),
        (
            "an answer against the grammar",
            |u| {
                add(&mut u.request, "Sec-WebSocket-Extensions", "permessage-deflate");
                add(&mut u.response, "Sec-WebSocket-Extensions", "permessage-deflate;;");
            },
            &["RFC 6455 §9.1"],
        ),
    ];
    for (what, change, specs) in cases {
        let mut upgrade = upgrade();
        change(&mut upgrade);
        let (handshake, notes, decoder) = judge(&upgrade);
        assert_eq!(notes, specs.iter().map(|spec| (ERROR, *spec)).collect::<Vec<_>>(), "{what}");
        assert!(!handshake.accepted && decoder, "{what}");
    }
}

#[test]
fn an_extension_that_is_not_known_may_give_the_reserved_bits_a_meaning() {
    let mut upgrade = upgrade();
    upgrade.request.headers.push(("Sec-WebSocket-Extensions".into(), "x-webkit-deflate-frame".into()));
    upgrade.response.headers.push(("Sec-WebSocket-Extensions".into(), "x-webkit-deflate-frame".into()));
    let (handshake, notes, _) = judge(&upgrade);
    assert!(handshake.accepted);
    assert_eq!(notes, [(Severity::Note, "RFC 6455 §9.2")], "it is said that nobody undoes it here");

    let mut talk = Talk::new(WebSocketDecoder::new(Some("x-webkit-deflate-frame")).boxed());
    talk.server(hex(HELLO)).server(hex("8101 61"));
    // In two frames, of which the extension changed the second one only.
    talk.server(hex("0103 48656c")).server(hex("c002 ffff")).server(hex("8300"));
    assert_eq!(talk.told()[0], "< text 7 octets, changed by an extension");
    assert_eq!(talk.told()[2], "< text \"a\"");
    assert_eq!(talk.told()[5], "< text 5 octets, changed by an extension from 2 frames");
    assert_eq!(talk.notes(), [], "no octet is text for certain, and no bit is reserved");
    talk.server(hex("8101 ff"));
    assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §8.1")], "what it did not change is checked");
}

#[test]
fn a_refused_handshake_stays_http() {
    let mut upgrade = upgrade();
    upgrade.response = head("426", &[("Sec-WebSocket-Version", "13")]);
    upgrade.switched = false;
    let (handshake, notes, decoder) = judge(&upgrade);
    assert!(!handshake.accepted && !decoder);
    assert_eq!(notes, [(Severity::Note, "RFC 6455 §4.1")]);
}

#[test]
fn without_the_request_the_answer_cannot_be_checked() {
    let mut upgrade = upgrade();
    (upgrade.request, upgrade.request_range) = (Head::default(), None);
    let (handshake, notes, _) = judge(&upgrade);
    assert_eq!((handshake.accepted, handshake.accept_valid), (false, None));
    assert_eq!(notes, [(WARN, "")], "no error is made of what was not captured");
}

/// A server that changes the protocol of a plain GET: the request is there, and nothing is wrong with it.
#[test]
fn a_request_that_did_not_ask_was_captured() {
    let mut upgrade = upgrade();
    upgrade.request.headers.clear();
    let (handshake, notes, decoder) = judge(&upgrade);
    assert!(!handshake.accepted && decoder);
    assert_eq!(notes, [], "what is wrong with the answer HTTP has told");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_payload_comes_back(payload: Vec<u8>, key: [u8; 4]) {
        let mut talk = talk();
        talk.client(masked(0x82, &payload, key)).server(frame(0x82, &payload));
        for told in &talk.heard.messages {
            let frame = told.payload.as_any().downcast_ref::<WebSocketFrame>().unwrap();
            prop_assert_eq!(&frame.payload(talk.bytes(told)), &payload);
        }
        prop_assert_eq!(talk.heard.messages.len(), 2);
    }

    /// Random octets, both ways, however they are cut: no panic, every octet shown.
    #[test]
    fn garbage_is_shown(pieces in proptest::collection::vec((any::<bool>(), any::<Vec<u8>>()), 0..6)) {
        let mut talk = talk();
        for (to_server, bytes) in &pieces {
            talk.say(if *to_server { Direction::ToServer } else { Direction::ToClient }, bytes);
        }
        talk.cut();
        (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
        let owned = talk.heard.messages.iter().map(|told| told.payload.parts(told.range.end - told.range.start));
        let owned: u64 = owned.flatten().map(|part| part.len).sum();
        let said = |direction| {
            let way = pieces.iter().filter(|(to_server, _)| *to_server == (direction == Direction::ToServer));
            way.map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
        };
        // Of what is no frame behind a Close frame it is told where it begins.
        let unread: u64 = talk.heard.remarks.iter().map(|(direction, range, _)| said(*direction) - range.start).sum();
        prop_assert_eq!(owned + unread, said(Direction::ToServer) + said(Direction::ToClient));
    }
}
