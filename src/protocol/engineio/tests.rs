use std::borrow::Cow;

use proptest::prelude::{any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::query::QueryReader;
use super::{
    Data, ErrorBody, ErrorCode, Framing, Jsonp, Kind, Open, Packet, Packets, Query, Stop, Transport, Version,
    form_payload,
};

/// Kind and data of each packet, in short, then why reading stopped.
fn read(payload: &[u8], framing: Framing) -> Vec<String> {
    let mut packets = Packets::new(payload, framing);
    let mut read: Vec<String> = packets.by_ref().map(|packet| short(&packet)).collect();
    let stopped = packets.stopped().map(|Stop { at, note }| format!("stop at {at}: {}", note.text));
    read.extend(stopped);
    read
}

fn short(packet: &Packet<'_>) -> String {
    let data = match &packet.data {
        Data::Text(text) => format!("{text:?}"),
        Data::Binary(octets) => format!("{octets:02x?}"),
    };
    let notes: String = packet.notes.iter().map(|note| format!(" ({})", note.text)).collect();
    format!("{} {data} {}..{}{notes}", packet.kind, packet.span.start, packet.span.end)
}

/// What `engine.io-parser` 2 writes for an open, a text message, octets, a probe and a noop; in text and in octets.
const V3_TEXT: &str = "12:0{\"sid\":\"x\"}15:42[\"hi\",\"é€😀\"]10:b4AQIDBA==6:2probe1:6";
const V3_OCTETS: &[u8] = b"\x00\x01\x02\xff0{\"sid\":\"x\"}\
    \x00\x02\x00\xff42[\"hi\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]\
    \x01\x05\xff\x04\x01\x02\x03\x04\
    \x00\x06\xff2probe\
    \x00\x01\xff6";

#[test]
fn decodes() {
    assert_eq!(
        read("4hello\x1e2\x1e4world".as_bytes(), Framing::Separated),
        [r#"message "hello" 0..6"#, r#"ping "" 7..8"#, r#"message "world" 9..15"#]
    );
    assert_eq!(
        read(b"4hello\x1ebAQIDBA==", Framing::Separated),
        [r#"message "hello" 0..6"#, "message [01, 02, 03, 04] 7..16"]
    );
    let observed = b"42[\"b\"]\x1e451-[\"bin\",{\"_placeholder\":true,\"num\":0}]\x1ebAQIDBA==";
    assert_eq!(observed.len(), 59);
    assert_eq!(
        read(observed, Framing::Separated),
        [
            r#"message "2[\"b\"]" 0..7"#,
            r#"message "51-[\"bin\",{\"_placeholder\":true,\"num\":0}]" 8..49"#,
            "message [01, 02, 03, 04] 50..59"
        ]
    );
    // What `engine.io-parser` 5 writes.
    assert_eq!(
        read("0{\"sid\":\"x\"}\x1e4€😀\x1ebAQIDBA==\x1e2probe\x1e6".as_bytes(), Framing::Separated),
        [
            r#"open "{\"sid\":\"x\"}" 0..12"#,
            r#"message "€😀" 13..21"#,
            "message [01, 02, 03, 04] 22..31",
            r#"ping "probe" 32..38"#,
            r#"noop "" 39..40"#
        ]
    );
}

#[test]
fn decodes_version_3() {
    assert_eq!(
        read(V3_TEXT.as_bytes(), Framing::Counted),
        [
            r#"open "{\"sid\":\"x\"}" 3..15"#,
            r#"message "2[\"hi\",\"é€😀\"]" 18..38"#,
            "message [01, 02, 03, 04] 41..51",
            r#"ping "probe" 53..59"#,
            r#"noop "" 61..62"#
        ]
    );
    assert_eq!(
        read(V3_OCTETS, Framing::Octets),
        [
            r#"open "{\"sid\":\"x\"}" 4..16"#,
            r#"message "2[\"hi\",\"é€😀\"]" 20..40"#,
            "message [01, 02, 03, 04] 43..48",
            r#"ping "probe" 51..57"#,
            r#"noop "" 60..61"#
        ]
    );
}

#[test]
fn decodes_websocket_messages() {
    for (version, message, expected) in [
        (Version::V4, &b"2probe"[..], r#"ping "probe" 0..6"#),
        (Version::V4, b"3probe", r#"pong "probe" 0..6"#),
        (Version::V3, b"5", r#"upgrade "" 0..1"#),
        (Version::V3, b"b4AQID", "message [01, 02, 03] 0..6"),
        (Version::V4, b"1", r#"close "" 0..1"#),
        (Version::V4, b"9x", r#"unknown type '9' "x" 0..2 (packet type '9' is not defined)"#),
        (Version::V4, b"hello", r#"unknown type 'h' "ello" 0..5 (packet type 'h' is not defined)"#),
        (Version::V4, b"b!", r#"message "!" 0..2 (octets that are not in base64)"#),
        (Version::V4, b"4\xff!", "message \"�!\" 0..3 (text that is not UTF-8: what is not is shown as �)"),
    ] {
        assert_eq!(short(&Packet::from_text(version, message)), expected);
    }
    assert_eq!(short(&Packet::from_binary(Version::V4, &[4, 1])), "message [04, 01] 0..2");
    assert_eq!(short(&Packet::from_binary(Version::V3, &[4, 1])), "message [01] 0..2");
    assert_eq!(
        short(&Packet::from_binary(Version::V3, &[9, 1])),
        "unknown type 9 [01] 0..2 (packet type 9 is not defined)"
    );
    let owned = Packet::from_text(Version::V4, b"4x").data.into_owned();
    assert_eq!(owned, Data::Text(Cow::Borrowed("x")));
}

#[test]
fn empty() {
    for framing in [Framing::Separated, Framing::Counted, Framing::Octets] {
        assert_eq!(read(b"", framing), ["stop at 0: a payload without a packet"]);
    }
    assert_eq!(read(b"0:", Framing::Counted), Vec::<String>::new(), "what version 3 writes for no packets");
    assert_eq!(read(b"6\x1e", Framing::Separated), [r#"noop "" 0..1"#, r#"no type "" 2..2 (a packet without a type)"#]);
    for message in [&b""[..], b"b"] {
        assert_eq!(Packet::from_text(Version::V3, message).kind, Kind::Missing);
    }
    assert_eq!(Packet::from_binary(Version::V3, b"").kind, Kind::Missing);
    assert_eq!(Packet::from_binary(Version::V4, b"").kind, Kind::Message);
}

#[test]
fn cut_short() {
    for (payload, framing) in [(V3_TEXT.as_bytes(), Framing::Counted), (V3_OCTETS, Framing::Octets)] {
        let whole: Vec<_> = Packets::new(payload, framing).collect();
        let ends: Vec<usize> = whole.iter().map(|packet| packet.span.end).collect();
        for cut in 1..payload.len() {
            let mut packets = Packets::new(&payload[..cut], framing);
            let read: Vec<_> = packets.by_ref().collect();
            let complete = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(read[..complete], whole[..complete], "cut to {cut}");
            assert_eq!(packets.stopped().is_some(), !ends.contains(&cut), "cut to {cut}");
        }
    }
    assert_eq!(
        read(b"6:2pro", Framing::Counted),
        [
            "ping \"pro\" 2..6 (the payload ends within this packet: 4 of 6 UTF-16 code units are there)",
            "stop at 6: the payload ends within this packet: 4 of 6 UTF-16 code units are there"
        ]
    );
}

#[test]
fn wrong_length() {
    assert_eq!(
        read("2:4😀".as_bytes(), Framing::Counted),
        ["message \"\" 2..3", "stop at 3: a packet of 2 UTF-16 code units ends within a character"]
    );
    assert_eq!(
        read(b"1:6x1:6", Framing::Counted),
        ["noop \"\" 2..3", "stop at 3: neither a length nor the colon behind one"]
    );
    assert_eq!(
        read(b"99999999999:6", Framing::Counted),
        ["stop at 0: neither a length nor the colon behind one"],
        "lengths are bounded"
    );
    assert_eq!(read(b"\x02\x01\xff6", Framing::Octets), ["stop at 0: neither 00 for text nor 01 for octets"]);
    assert_eq!(
        read(b"\x00\x0a\xff6", Framing::Octets),
        ["stop at 0: neither the digits of a length nor the ff behind them"]
    );
    assert_eq!(
        read(b"\x01\x09\x09\x09\xff\x04\x01", Framing::Octets),
        [
            "message [01] 5..7 (the payload ends within this packet: 2 of 999 octets are there)",
            "stop at 7: the payload ends within this packet: 2 of 999 octets are there"
        ]
    );
}

#[test]
fn versions() {
    for (number, framing, octets) in [
        (3, Framing::Counted, Framing::Octets),
        (4, Framing::Separated, Framing::Separated),
        (2, Framing::Counted, Framing::Octets),
        (5, Framing::Separated, Framing::Separated),
    ] {
        let version = Version::from_number(number);
        assert_eq!(version.number(), number);
        assert_eq!(Framing::of(version, false), framing);
        assert_eq!(Framing::of(version, true), octets);
    }
}

#[test]
fn jsonp_answers() {
    let jsonp =
        Jsonp::from_response(br#"___eio[12]("15:42[\"hi\",\"\u00e9\u20ac\ud83d\ude00\"]\n\x41\u2028\\");"#).unwrap();
    assert_eq!(jsonp.index, "12");
    assert_eq!(jsonp.payload, "15:42[\"hi\",\"é€😀\"]\nA\u{2028}\\");
    assert!(jsonp.notes.is_empty());
    let texts = |body: &str| {
        let jsonp = Jsonp::from_response(body.as_bytes()).unwrap();
        (jsonp.payload, jsonp.notes.into_iter().map(|note| note.text).collect::<Vec<_>>())
    };
    let body = r#"___eio[]("1:6");"#;
    assert_eq!(texts(body), ("1:6".to_owned(), vec![]));
    for cut in r#"___eio[](""#.len()..=body.len() - 4 {
        assert_eq!(texts(&body[..cut]).1, ["the body ends within the string"]);
    }
    assert_eq!(texts(r#"___eio[]("1:6"); x"#).1, ["something else than ); behind the string"]);
    assert_eq!(texts(r#"___eio[]("\ud800x\uzz\u{1}"#).0, "�x�zz�{1}");
    for body in ["", "___eio", "___eio[x](\"\");", "___eio[0](1)", "4hello"] {
        assert_eq!(Jsonp::from_response(body.as_bytes()), None);
    }
}

/// The field of a type that is not defined has what stands there, and that of a packet without one is not there.
#[test]
fn a_type_that_is_not_defined_is_as_it_stands_there() {
    let value = |kind: Kind| kind.value().map(Cow::into_owned);
    let text = |text: &'static [u8]| Packet::from_text(Version::V4, text).kind;
    assert_eq!(value(text(b"hello")).as_deref(), Some("h"));
    assert_eq!(value(text(b"7")).as_deref(), Some("7"));
    assert_eq!(value(text("é".as_bytes())).as_deref(), Some("é"));
    assert_eq!(value(text(b"4")).as_deref(), Some("message"));
    assert_eq!(value(text(b"")), None);
    // A number is one, whatever character has it.
    assert_eq!(value(Packet::from_binary(Version::V3, &[9, 1]).kind).as_deref(), Some("9"));
    assert_eq!(value(Packet::from_binary(Version::V3, b"4").kind).as_deref(), Some("52"));
}

#[test]
fn jsonp_forms() {
    assert_eq!(form_payload(b"d=2%3A40").as_deref(), Some("2:40"));
    assert_eq!(form_payload(b"x=1&d=a+b%2B%E2%82%AC%zz%4").as_deref(), Some("a b+€%zz%4"));
    // A newline and a backslash before an n, as the client sends them.
    assert_eq!(form_payload(br"d=a\nb\\nc\\\nd\e").as_deref(), Some("a\nb\\nc\\\\nd\\e"));
    assert_eq!(form_payload(b"e=1"), None);
}

/// Targets that differ in little, one after the other.
#[test]
fn queries_that_follow_each_other_are_read_as_each_alone() {
    let said = ["t=1", "t=tk1dy5md", "t=", "t=a%2Fb", "t=1&sid=x", "t=1#", "t=1&t=2", "T=1", "x=1&t=3", ""];
    let rest = ["&sid=a", "&sid=b", "", "&sid=a&j=0", "#&sid=a"];
    let front = ["/socket.io/?EIO=4&transport=polling&", "/socket.io/?", "/&t=1?EIO=4&transport=polling&", "/#?EIO=4&"];
    let all = || {
        front.iter().flat_map(|front| said.iter().flat_map(move |said| rest.map(|rest| [front, *said, rest].concat())))
    };
    for first in all() {
        let mut reader = QueryReader::default();
        for second in all() {
            assert_eq!(reader.read(first.as_bytes()), Query::from_target(&first));
            assert_eq!(reader.read(second.as_bytes()), Query::from_target(&second), "{second} after {first}");
        }
    }
    let mut reader = QueryReader::default();
    reader.read(b"/?EIO=4&transport=polling&t=1&sid=a");
    assert!(reader.known.is_some_and(|known| known.read(b"/?EIO=4&transport=polling&t=23&sid=a").is_some()));
}

#[test]
fn queries() {
    let query = Query::from_target("/socket.io/?EIO=4&transport=polling&t=tk1dy5md&sid=hePE1c-1M7ux24PpAAAA&sid=x");
    assert_eq!(
        query,
        Query {
            version: Some(Version::V4),
            transport: Some(Transport::Polling),
            sid: Some("hePE1c-1M7ux24PpAAAA".into()),
            b64: false,
            j: None,
        }
    );
    assert!(query.is_engineio());
    let query = Query::from_target("/x?transport=a%20b&EIO=3&b64=1&j=0&sid=a%2Fb#c?d");
    assert_eq!((query.version, query.b64, query.j.as_deref()), (Some(Version::V3), true, Some("0")));
    assert_eq!((query.transport, query.sid.as_deref()), (Some(Transport::Other("a b".into())), Some("a/b")));
    let query = Query::from_target("/?&&%45IO=4&transport&transport=polling&j=a=b&b64&é=ü&sid=+#&sid=z");
    assert_eq!((query.version, query.transport), (Some(Version::V4), Some(Transport::Other(String::new()))));
    assert_eq!((query.j.as_deref(), query.b64, query.sid.as_deref()), (Some("a=b"), false, Some(" ")));
    assert_eq!(Query::from_target("/#?EIO=4&sid=a"), Query::default(), "a fragment holds no query");
    for target in ["", "/", "/?", "/?#", "/?EIO=x&transport=websocket", "/EIO=4&transport=polling"] {
        assert!(!Query::from_target(target).is_engineio(), "{target}");
    }
    assert_eq!(Query::from_target("/?EIO=5&transport=webtransport").version, Some(Version::Other(5)));
}

#[test]
fn opens() {
    let json = r#"{"sid":"hePE1c-1M7ux24PpAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    let open = Open {
        sid: Some("hePE1c-1M7ux24PpAAAA".into()),
        upgrades: vec!["websocket".into()],
        ping_interval: Some(25000),
        ping_timeout: Some(20000),
        max_payload: Some(1_000_000),
    };
    assert_eq!(Open::from_json(json), Ok(open));
    for cut in 0..json.len() {
        assert!(Open::from_json(&json[..cut]).is_err());
    }
    assert_eq!(Open::from_json(r#"{"sid":1,"upgrades":2}"#), Ok(Open::default()));
    // What one value is hides no other: a client in JavaScript reads all of these.
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    for odd in ["1e999", r#""\ud800""#, r#"{"\ud800":1}"#, &deep] {
        let json = format!(r#"{{"x":{odd},"sid":"s","upgrades":["a",{odd}],"pingInterval":2.5e4,"maxPayload":{odd}}}"#);
        let open = Open::from_json(&json).unwrap();
        assert_eq!(
            (open.sid.as_deref(), open.ping_interval, &*open.upgrades[0]),
            (Some("s"), Some(25_000), "a"),
            "{odd}"
        );
    }
    assert_eq!(Open::from_json(r#"{"sid":"a","sid":"b"}"#).unwrap().sid.as_deref(), Some("b"));
    assert_eq!(Open::from_json("[]").unwrap_err().text, "this is no JSON object");
    assert!(Open::from_json(&"[".repeat(60_000)).is_err());
    assert!(Open::from_json(&" ".repeat(70_000)).unwrap_err().text.contains("not read"));
}

#[test]
fn refusals() {
    for (body, code, message) in [
        (r#"{"code":0,"message":"Transport unknown"}"#, ErrorCode::TransportUnknown, "Transport unknown"),
        (r#"{"code":1,"message":"Session ID unknown"}"#, ErrorCode::SessionIdUnknown, "Session ID unknown"),
        (r#"{"code":2,"message":"Bad handshake method"}"#, ErrorCode::BadHandshakeMethod, "Bad handshake method"),
        (r#"{"code":3,"message":"Bad request"}"#, ErrorCode::BadRequest, "Bad request"),
        (r#"{"code":4,"message":"Forbidden"}"#, ErrorCode::Forbidden, "Forbidden"),
        (
            r#"{"code":5,"message":"Unsupported protocol version"}"#,
            ErrorCode::UnsupportedProtocolVersion,
            "Unsupported protocol version",
        ),
        (r#"{"code":77}"#, ErrorCode::Unknown(77), ""),
        (r#""Invalid session EzkyZfTOfo5ImifwAAAA""#, ErrorCode::SessionIdUnknown, "Invalid session"),
        (r#""Invalid transport""#, ErrorCode::TransportUnknown, "Invalid transport"),
        (
            r#""The client is using an unsupported version of the Socket.IO or Engine.IO protocols""#,
            ErrorCode::UnsupportedProtocolVersion,
            "The client is using an unsupported version of the Socket.IO or Engine.IO protocols",
        ),
        (
            r#""http://evil.example is not an accepted origin.""#,
            ErrorCode::Forbidden,
            "http://evil.example is not an accepted origin.",
        ),
    ] {
        assert_eq!(ErrorBody::from_json(body), Some(ErrorBody { code, message: message.into() }));
    }
    assert_eq!(ErrorBody::from_json(r#"{"message":"x"}"#), None);
    assert_eq!(
        ["ok", "\"", "\"Bad Request\"", "\"Invalid session"].map(ErrorBody::from_json),
        [None, None, None, None]
    );
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(prop::sample::select(&b"0123456:bd=\"\\\x00\x01\x1e\xff\xf0\x9f%+u"[..]), 0..60)) {
        for framing in [Framing::Separated, Framing::Counted, Framing::Octets] {
            let mut end = 0;
            for packet in Packets::new(&bytes, framing) {
                prop_assert!(end <= packet.span.start && packet.span.end <= bytes.len());
                end = packet.span.end;
            }
        }
        form_payload(&bytes);
        Jsonp::from_response(&[b"___eio[0](\"", &bytes[..]].concat());
        Query::from_target(&format!("?{}", String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn counts_as_javascript_does(texts in prop::collection::vec(any::<String>(), 1..6)) {
        let one = |text: &String| format!("{}:4{text}", text.encode_utf16().count() + 1);
        let payload: String = texts.iter().map(one).collect();
        let read: Vec<_> = Packets::new(payload.as_bytes(), Framing::Counted).map(|packet| packet.data).collect();
        let expected: Vec<_> = texts.iter().map(|text| Data::Text(text.into())).collect();
        prop_assert_eq!(read, expected);
    }
}
