use super::{ERROR, MASKED_HELLO, WARN, close, server, talk};
use crate::layer::{Severity, Value};
use crate::protocol::testing::{Case, hex};
use crate::protocol::websocket::Opcode;

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

/// Libraries that answer every Close frame answer the one that answers their own; a server's handler of HTTP may go on with a
/// connection whose WebSocket is over. Neither is read as anything else, and no close code is made of it.
#[test]
fn what_stands_behind_a_close_frame() {
    let note = Severity::Note;
    let again = server(&hex("8802 03e8 8802 03e8 8900"));
    assert_eq!(again.told(), ["< close 1000", "< close 1000", "< ping empty"]);
    assert_eq!(again.notes(), [(note, "RFC 6455 §1.4"), (note, "RFC 6455 §1.4")]);
    for page in ["<!DOCTYPE HTML>\n<html lang=\"en\">Bad request", "HTTP/1.1 400 Bad Request\r\n\r\n"] {
        let talk = server(&[&hex("8802 03e8")[..], page.as_bytes()].concat());
        assert_eq!(talk.told(), ["< close 1000"], "{page}");
        let [(_, range, note)] = &talk.heard.remarks[..] else { panic!("{:?}", talk.heard.remarks) };
        assert_eq!((range.clone(), note.severity), (4..4 + page.len() as u64, WARN));
        let line = page.lines().next().unwrap();
        assert!(
            note.text.starts_with(&format!("behind the Close frame stands what is no frame, \"{line}\"")),
            "{}",
            note.text
        );
    }
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
