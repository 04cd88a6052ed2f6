//! The emit cheatsheet of Socket.IO on the wire: what each form sends, read back to its letters, with the size of the
//! WebSocket frame around it. The strings were seen on the wire of the official socket.io 4.8.

use super::{Event, Kind, Packet, Revision, join};
use crate::protocol::engineio;

/// What a text frame holds, its payload's length, and what it says: kind, namespace, id, attachments.
type Row = (&'static str, usize, Kind, &'static str, Option<u64>, u64);

const BINARY: &str = r#"451-["hello",1,"2",{"3":"4","5":{"_placeholder":true,"num":0}}]"#;

const ROWS: &[Row] = &[
    (r#"42["hello","world"]"#, 19, Kind::Event, "/", None, 0),
    (BINARY, 63, Kind::BinaryEvent, "/", None, 1),
    (r#"42["hello",{"name":"John"}]"#, 27, Kind::Event, "/", None, 0),
    (r#"420["hello","world"]"#, 20, Kind::Event, "/", Some(0), 0),
    (r#"430["pong"]"#, 11, Kind::Ack, "/", Some(0), 0),
    (r#"422["noack","world"]"#, 20, Kind::Event, "/", Some(2), 0),
    (r#"42["message","hi"]"#, 18, Kind::Event, "/", None, 0),
    (r#"42["hello"]"#, 11, Kind::Event, "/", None, 0),
    (r#"423["hello","world"]"#, 20, Kind::Event, "/", Some(3), 0),
    (r#"42/admin,["hello"]"#, 18, Kind::Event, "/admin", None, 0),
    (r#"42["private","psst"]"#, 20, Kind::Event, "/", None, 0),
    (r#"451-["baz",{"_placeholder":true,"num":0}]"#, 41, Kind::BinaryEvent, "/", None, 1),
    ("41", 2, Kind::Disconnect, "/", None, 0),
    ("41/admin,", 9, Kind::Disconnect, "/admin", None, 0),
    (r#"432[]"#, 5, Kind::Ack, "/", Some(2), 0),
    (r#"451-4["echo",{"_placeholder":true,"num":0}]"#, 43, Kind::BinaryEvent, "/", Some(4), 1),
    (r#"461-4[{"_placeholder":true,"num":0}]"#, 36, Kind::BinaryAck, "/", Some(4), 1),
    ("40/admin,", 9, Kind::Connect, "/admin", None, 0),
    (r#"42/admin,0["tellme"]"#, 20, Kind::Event, "/admin", Some(0), 0),
    (r#"461-/admin,0[{"_placeholder":true,"num":0}]"#, 43, Kind::BinaryAck, "/admin", Some(0), 1),
    (
        r#"452-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        78,
        Kind::BinaryEvent,
        "/admin",
        None,
        2,
    ),
    (r#"40{"name":"A"}"#, 14, Kind::Connect, "/", None, 0),
    (r#"44/nope,{"message":"Invalid namespace"}"#, 39, Kind::ConnectError, "/nope", None, 0),
    (r#"40{"sid":"oSO0OpakMV_3jnilAAAA"}"#, 32, Kind::Connect, "/", None, 0),
    (r#"40{"sid":"oSO0OpakMV_3jnilAAAA","pid":"oSO0OpakMV_3jnilAAAA"}"#, 61, Kind::Connect, "/", None, 0),
];

/// The Socket.IO packet in the Engine.IO message of a text frame.
fn carried(text: &str) -> (engineio::Kind, &str) {
    let packet = engineio::Packet::from_text(engineio::Version::V4, text.as_bytes());
    (packet.kind, &text[1..])
}

#[test]
fn every_form_reads_as_it_was_meant() {
    for (text, len, kind, namespace, id, attachments) in ROWS {
        assert_eq!(text.len(), *len, "{text}");
        let (engine, inner) = carried(text);
        let packet = Packet::read(inner, Revision::V5);
        assert_eq!(engine, engineio::Kind::Message, "{text}");
        let found = (packet.kind, packet.namespace.as_ref(), packet.id, packet.attachments);
        assert_eq!(found, (*kind, *namespace, *id, *attachments), "{text}");
        assert_eq!(packet.notes, [], "{text}");
    }
}

#[test]
fn arguments_and_attachments_come_back() {
    let packet = Packet::read(carried(BINARY).1, Revision::V5);
    let joined = join(packet.data.as_deref().expect("it has arguments"), &[vec![6]]);
    assert_eq!(joined.data, r#"["hello",1,"2",{"3":"4","5":{"base64":"Bg=="}}]"#);
    let event = Event::from_json(&joined.data).expect("it is an event");
    assert_eq!(event.name, "hello");
}

/// What JavaScript's values become: a date its text, what JSON does not know `null`, a NUL its escape.
#[test]
fn values_travel_as_json_has_them() {
    let packet = Packet::read(r#"2["v","1970-01-01T00:00:00.000Z",null,null,"€","\u0000"]"#, Revision::V5);
    assert_eq!((packet.kind, packet.notes.len()), (Kind::Event, 0));
}

/// With which the official server closes the connection.
#[test]
fn what_is_no_packet_is_told() {
    for text in ["2[]", r#"2["x""#, "2", "hello", r#"2{"a":1}"#] {
        assert_ne!(Packet::read(text, Revision::V5).notes, [], "{text}");
    }
}
