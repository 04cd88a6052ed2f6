use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::decoder::WebSocketDecoder;
use super::{Opcode, WebSocketFrame, WebSocketHandshake, WebSocketMessage, accept_for};
use crate::layer::{Direction, Severity, Value};
use crate::message::{Dissector, Head, Upgrade};
use crate::protocol::testing::{Case, Collector, Talk, hex};

const ERROR: Severity = Severity::Error;
const WARN: Severity = Severity::Warn;

/// A masked text frame from the client, RFC 6455 §5.7: FIN and text, MASK and length 5, key, "Hello".
const MASKED_HELLO: &str = "8185 37fa213d 7f9f4d5158";

fn talk() -> Talk {
    Talk::new(WebSocketDecoder::new(None).boxed())
}

/// What the server says, after which it closes in order.
fn server(bytes: &[u8]) -> Talk {
    let mut talk = talk();
    talk.server(bytes).close();
    talk
}

/// A frame of any size in the shortest form, not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(len as u8),
        len @ 126..65536 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

/// The same frame as a client must send it.
fn masked(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let plain = frame(first, payload);
    let header = plain.len() - payload.len();
    let mut out = plain[..header].to_vec();
    out[1] |= 0x80;
    out.extend(key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    out
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes(), reason].concat())
}

#[test]
fn decodes() {
    let mut talk = talk();
    talk.client(hex(MASKED_HELLO)).server(hex("8105 48656c6c6f"));
    assert_eq!(talk.told(), ["> text \"Hello\"  masked 37 fa 21 3d", "< text \"Hello\""]);
    assert_eq!(talk.notes(), []);
    let layer = &talk.layers(0)[0];
    assert_eq!(layer.value("websocket.opcode"), Some(&Value::Uint(1)));
    assert_eq!(layer.value("websocket.mask"), Some(&Value::Bool(true)));
    assert_eq!(layer.value("websocket.payload_len"), Some(&Value::Uint(5)));
    assert_eq!(layer.value("websocket.payload.text"), Some(&Value::Text("Hello".into())));
    assert_eq!(layer.derived[0].bytes, b"Hello");
    assert_eq!(layer.derived[0].from.range, 6..11, "the masked octets on the wire");
}

#[test]
fn empty() {
    assert_eq!(server(&[]).told(), [] as [&str; 0]);
    assert_eq!(server(&hex("8100")).told(), ["< text \"\""]);
    assert_eq!(server(&hex("8200")).told(), ["< binary empty"]);
    assert_eq!(server(&hex("8800")).told(), ["< close without a code"]);
    assert_eq!(server(&hex("8900")).told(), ["< ping empty"]);
}

/// One case for each cut point: more is waited for, and if no more comes, what is there is shown.
#[test]
fn cut_short() {
    let frames = [
        hex("8105 48656c6c6f"),
        hex(MASKED_HELLO),
        frame(0x82, &[7; 126]),
        frame(0x82, &[7; 65536]),
        masked(0x82, &[7; 130], [1, 2, 3, 4]),
        close(1000, b"bye"),
    ];
    for bytes in frames {
        // The last 65,000 octets of the largest are all the same to the decoder.
        for cut in (1..bytes.len().min(200)).chain([bytes.len() - 1]) {
            let mut talk = talk();
            talk.server(&bytes[..cut]);
            assert_eq!(talk.told(), [] as [&str; 0], "{cut} octets");
            talk.cut();
            assert_eq!(talk.heard.messages.len(), 1, "{cut} octets");
            assert!(talk.told()[0].ends_with("(incomplete)"), "{cut} octets");
            assert_eq!(talk.notes()[0].0, WARN, "{cut} octets");
            talk.layers(0);
        }
    }
}

#[test]
fn a_frame_may_come_octet_by_octet() {
    let bytes = [hex("0103 48656c"), hex("8902 6869"), hex("8002 6c6f"), close(1000, b"bye")].concat();
    let mut slow = talk();
    for octet in &bytes {
        slow.server([*octet]);
    }
    assert_eq!(slow.told(), server(&bytes).told());
}

#[test]
fn wrong_length() {
    // A length that fits in a shorter form.
    assert_eq!(server(&[&[0x82, 126, 0, 125][..], &[0; 125]].concat()).notes(), [(ERROR, "RFC 6455 §5.2")]);
    assert_eq!(
        server(&[&[0x82, 127, 0, 0, 0, 0, 0, 0, 0, 5][..], &[0; 5]].concat()).notes(),
        [(ERROR, "RFC 6455 §5.2")]
    );
    // A length of 2^64 - 1: nothing is allocated for it, and it is shown as cut.
    let huge = server(&hex("82 7f ffffffffffffffff 0102"));
    assert_eq!(huge.notes(), [(WARN, ""), (ERROR, "RFC 6455 §5.2")]);
    assert_eq!(huge.heard.messages[0].range, 0..12);
    // A close frame with half a code.
    assert_eq!(server(&hex("8801 03")).notes(), [(ERROR, "RFC 6455 §5.5.1")]);
    // A ping of 126 octets.
    assert_eq!(server(&frame(0x89, &[0; 126])).notes(), [(ERROR, "RFC 6455 §5.5")]);
}

#[test]
fn accept_is_the_hash_of_the_key() {
    assert_eq!(accept_for("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn three_forms_of_length_both_ways() {
    let cases = [(0, "00"), (125, "7d"), (126, "7e 007e"), (65535, "7e ffff"), (65536, "7f 0000000000010000")];
    for (len, form) in cases {
        let payload = vec![b'.'; len];
        let bytes = frame(0x82, &payload);
        assert_eq!(bytes[1..bytes.len() - len], hex(form), "{len}");
        let mut talk = talk();
        talk.server(&bytes).client(masked(0x82, &payload, [1, 2, 3, 4]));
        assert_eq!(talk.notes(), [], "{len}");
        for told in &talk.heard.messages {
            let frame = told.payload.as_any().downcast_ref::<WebSocketFrame>().unwrap();
            assert_eq!(frame.payload_len, len as u64);
            assert_eq!(frame.payload(talk.bytes(told)), payload);
        }
        talk.layers(0);
        talk.layers(1);
    }
}

#[test]
fn fragments_with_a_ping_between_them() {
    let talk = server(&[hex("0103 48656c"), hex("8902 6869"), hex("8002 6c6f")].concat());
    assert_eq!(
        talk.told(),
        ["< text \"Hel\", more to come", "< ping \"hi\"", "< continuation \"lo\"", "< text \"Hello\" from 2 frames",]
    );
    assert_eq!(talk.notes(), []);
    assert_eq!(talk.heard.messages[3].range, 0..13, "from the first octet of the first frame to the last of the last");
    let whole = talk.heard.messages[3].payload.as_any().downcast_ref::<WebSocketMessage>().unwrap();
    assert_eq!(
        (whole.opcode, whole.payload(talk.bytes(&talk.heard.messages[3]))),
        (Opcode::Text, Some(b"Hello".to_vec()))
    );
    assert_eq!(talk.layers(3)[0].value("websocket.message.fragments"), Some(&Value::Uint(2)));
}

#[test]
fn each_fragment_has_a_mask_of_its_own() {
    let mut talk = talk();
    talk.client(masked(0x01, b"Hel", [1, 2, 3, 4])).client(masked(0x80, b"lo", [9, 8, 7, 6]));
    assert_eq!(talk.told()[2], "> text \"Hello\" from 2 frames");
}

#[test]
fn the_last_fragment_may_be_empty() {
    let talk = server(&[hex("0203 010203"), hex("8000")].concat());
    assert_eq!(talk.told()[2], "< binary 3 octets from 2 frames");
    assert_eq!(talk.notes(), []);
    let all_empty = server(&hex("0100 0000 8000"));
    assert_eq!(all_empty.told()[3], "< text \"\" from 3 frames");
    all_empty.layers(3);
}

#[test]
fn both_directions_have_fragments_of_their_own() {
    let mut talk = talk();
    talk.server(hex("0101 61")).client(masked(0x01, b"x", [0; 4]));
    talk.server(hex("8001 62")).client(masked(0x80, b"y", [0; 4]));
    assert_eq!(talk.notes(), []);
    let told = talk.told();
    assert_eq!((told[3].as_str(), told[5].as_str()), ("< text \"ab\" from 2 frames", "> text \"xy\" from 2 frames"));
}

#[test]
fn a_message_that_never_ends_is_shown() {
    let mut talk = talk();
    talk.server(hex("0103 48656c")).cut().cut();
    assert_eq!(talk.told(), ["< text \"Hel\", more to come", "< text \"Hel\" (incomplete)"]);
    assert_eq!(talk.notes(), [(WARN, "RFC 6455 §5.4")]);
    talk.layers(1);
}

/// Every note with the clause it stands on.
#[test]
fn what_breaks_a_clause_is_noted() {
    let cases: &[(&str, &str, &str)] = &[
        ("a masked frame from a server", MASKED_HELLO, "RFC 6455 §5.1"),
        ("a reserved opcode for data", "8300", "RFC 6455 §5.2"),
        ("a reserved opcode for control", "8b00", "RFC 6455 §5.2"),
        ("a reserved bit without an extension", "c100", "RFC 6455 §5.2"),
        ("the lowest reserved bit", "9100", "RFC 6455 §5.2"),
        ("an orphan continuation", "8002 6c6f", "RFC 6455 §5.4"),
        ("an orphan continuation that is not the last", "0002 6c6f", "RFC 6455 §5.4"),
        ("a new message inside one", "0101 61 8101 62", "RFC 6455 §5.4"),
        ("a ping in fragments", "0900", "RFC 6455 §5.5"),
        ("data after close", "8802 03e8 8101 61", "RFC 6455 §5.5.1"),
        ("a close reason that is not UTF-8", "8804 03e8 c328", "RFC 6455 §5.5.1"),
        ("a close code that is not to be sent", "8802 03ed", "RFC 6455 §7.4"),
        ("text that is not UTF-8", "8102 c328", "RFC 6455 §8.1"),
    ];
    for (what, bytes, spec) in cases {
        assert_eq!(server(&hex(bytes)).notes(), [(ERROR, *spec)], "{what}");
    }
    let mut talk = talk();
    talk.client(hex("8105 48656c6c6f"));
    assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §5.1")], "a client's frame that is not masked");
}

#[test]
fn a_new_message_inside_one_is_the_message() {
    let talk = server(&hex("0101 61 8101 62 8001 63"));
    assert_eq!(talk.told(), ["< text \"a\", more to come", "< text \"b\"", "< continuation \"c\""]);
    assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §5.4"), (ERROR, "RFC 6455 §5.4")]);
}

#[test]
fn utf8_is_checked_on_the_whole_message() {
    // "€" is e2 82 ac: a character may be divided between frames, "even if … not at a character boundary" (§8.1).
    let divided = server(&hex("0101 e2 0001 82 8001 ac"));
    assert_eq!(divided.notes(), []);
    assert_eq!(divided.told()[3], "< text \"€\" from 3 frames");
    let cases = [
        ("a wrong octet in the second frame", "0101 e2 8001 41"),
        ("a character that never ends", "0103 e282ac 8002 e282"),
        ("in an empty last frame too", "0101 e2 8000"),
        ("a surrogate", "0102 eda0 8001 80"),
        ("in the first frame, told once", "0102 c328 8002 c328"),
    ];
    for (what, bytes) in cases {
        let talk = server(&hex(bytes));
        assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §8.1")], "{what}");
        assert!(!talk.heard.messages[2].notes.is_empty(), "{what}: it belongs to the message");
    }
    assert_eq!(server(&hex("0201 ff 8001 fe")).notes(), [], "binary may hold anything");
}

#[test]
fn close_frames() {
    let cases: &[Case] = &[
        ("8805 03e8 627965", "< close 1000 \"bye\"", &[]),
        ("8800", "< close without a code", &[]),
        ("8802 03ea", "< close 1002, protocol error", &[]),
        ("8802 03ef", "< close 1007, invalid frame payload data", &[]),
        ("8805 03f1 627965", "< close 1009, message too big \"bye\"", &[]),
        ("8802 0fa0", "< close 4000", &[]),
        ("8802 03ee", "< close 1006, abnormal closure", &[(ERROR, "RFC 6455 §7.4")]),
    ];
    for (bytes, told, notes) in cases {
        let talk = server(&hex(bytes));
        assert_eq!(talk.told(), [*told]);
        assert_eq!(talk.notes(), *notes, "{bytes}");
    }
    let layer = &server(&close(1000, b"bye")).layers(0)[0];
    assert_eq!(layer.value("websocket.payload.close.status_code"), Some(&Value::Uint(1000)));
    assert_eq!(layer.value("websocket.payload.close.reason"), Some(&Value::Text("bye".into())));
}

/// Two handlers on one server: what the second answers is told once, and not read as frames.
#[test]
fn an_answer_of_http_among_frames_is_told() {
    let answer = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
    let talk = server(&[&hex("8102 6869")[..], answer].concat());
    assert_eq!(talk.told(), ["< text \"hi\""]);
    let [(_, range, note)] = &talk.heard.remarks[..] else { panic!("{:?}", talk.heard.remarks) };
    assert_eq!((range.start, note.severity), (4, ERROR));
    assert!(note.text.contains("\"HTTP/1.1 400 Bad Request\": as when a second handler"), "{}", note.text);
    // In a message it is a text like any other.
    let quoted = server(&[&[0x81, answer.len() as u8][..], answer].concat());
    assert_eq!((quoted.told().len(), quoted.heard.remarks.len()), (1, 0));
}

/// "1005, 1006, 1015: MUST NOT be set as a status code in a Close control frame"; 0-999 are not used, 1004 and
/// 1016-2999 are reserved; 1012-1014 were registered later; 3000-4999 are for others (§7.4).
#[test]
fn close_codes() {
    let allowed = |code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    for code in 0..=5100 {
        let notes = server(&close(code, b"")).notes();
        assert_eq!(notes.is_empty(), allowed(code), "{code}");
    }
}

#[test]
fn every_opcode_maps_and_keeps_its_value() {
    for bits in 0..=0x0f {
        assert_eq!(Opcode::from_bits(bits).bits(), bits);
        assert_eq!(Opcode::from_bits(bits | 0xf0).bits(), bits);
        assert_eq!(Opcode::from_bits(bits).is_control(), bits >= 8);
    }
}

/// "Hello" compressed, with the window kept and again (RFC 7692 §7.2.3.1, §7.2.3.2).
const HELLO: &str = "c107 f248cdc9c90700";
const HELLO_AGAIN: &str = "c105 f200110000";

#[test]
fn compressed_messages_are_inflated() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("permessage-deflate")).boxed());
    talk.server(hex(HELLO)).server(hex(HELLO_AGAIN)).server(hex("8101 61"));
    // In two frames (§7.2.3.3's octets, divided as §7.2.1 allows).
    talk.server(hex("4103 f248cd 8004 c9c90700"));
    let told = talk.told();
    assert_eq!(told[0], "< text 7 octets, compressed");
    assert_eq!(told[1], "< text \"Hello\", inflated 7 → 5");
    assert_eq!(told[3], "< text \"Hello\", inflated 5 → 5");
    assert_eq!(told[4], "< text \"a\"", "the next message may be plain");
    assert_eq!(told[7], "< text \"Hello\" from 2 frames, inflated 7 → 5");
    assert_eq!(talk.notes(), []);
    talk.layers(1);
    talk.server(hex("c900"));
    assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §5.2")], "control frames are never compressed");
}

#[test]
fn without_takeover_each_message_stands_alone() {
    let agreed = "permessage-deflate; server_no_context_takeover";
    let mut talk = Talk::new(WebSocketDecoder::new(Some(agreed)).boxed());
    talk.server(hex(HELLO)).server(hex(HELLO));
    assert_eq!(talk.told()[3], "< text \"Hello\", inflated 7 → 5");
    talk.server(hex(HELLO_AGAIN));
    assert_eq!(talk.notes(), [(ERROR, "RFC 7692 §7.2.2")], "what it repeats is not there");
}

#[test]
fn what_cannot_be_inflated_is_shown_compressed_and_told_once() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("permessage-deflate")).boxed());
    talk.server(hex("c103 ffffff")).server(hex(HELLO)).server(hex(HELLO));
    assert_eq!(talk.told()[1], "< text 3 octets, compressed");
    assert_eq!(talk.told()[3], "< text 7 octets, compressed");
    assert_eq!(talk.notes(), [(ERROR, "RFC 7692 §7.2.2")]);
    talk.client(masked(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], [1, 2, 3, 4]));
    assert_eq!(talk.told().last().unwrap(), "> text \"Hello\", inflated 7 → 5", "the other direction goes on");
}

#[test]
fn inflated_text_must_be_utf8_too() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("permessage-deflate")).boxed());
    talk.server(hex("c107 00 0100 feff ff 00")); // a stored block with the octet ff, then the empty one
    assert_eq!(talk.notes(), [(ERROR, "RFC 6455 §8.1")], "{:?}", talk.told());
}

#[test]
fn an_extension_is_found_in_the_list() {
    let mut talk = Talk::new(WebSocketDecoder::new(Some("x-other;b, permessage-deflate ;a=1")).boxed());
    talk.server(hex(HELLO));
    assert_eq!(talk.told()[1], "< text \"Hello\", inflated 7 → 5");
}

#[test]
fn what_a_peer_sends_without_end_is_bounded() {
    let mut talk = talk();
    talk.server(hex("0200"));
    talk.server(vec![0; 2 * 70_000]); // 70,000 empty continuations
    talk.server(hex("8000"));
    let last = talk.told().pop().unwrap();
    assert_eq!(last, "< binary 0 octets from 65536 frames");
    assert_eq!(talk.notes(), [(WARN, "")], "and it is said that not all are joined");
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
    let decoder = super::WebSocket.upgraded(upgrade, &mut sink);
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
    upgrade.request = Head::default();
    drop(upgrade.response.headers.pop());
    let (handshake, notes, _) = judge(&upgrade);
    assert_eq!((handshake.accepted, handshake.accept_valid), (false, None));
    assert_eq!(notes, [(WARN, "")], "no error is made of what was not captured");
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
        prop_assert_eq!(owned, pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
    }
}
