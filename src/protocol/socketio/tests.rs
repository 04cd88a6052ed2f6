use proptest::prelude::{any, prop};
use proptest::{prop_assert_eq, proptest};

use super::{
    Connect, Event, Joined, Kind, Packet, Recovered, Refusal, Revision, Spans, arguments, join, misfits, read_msgpack,
    split_offset,
};

/// All of a packet in one line.
fn read(text: &str) -> String {
    short(&Packet::read(text, Revision::V5))
}

fn short(packet: &Packet<'_>) -> String {
    let mut out = format!("{} {}", packet.kind, packet.namespace);
    if let Some(query) = &packet.query {
        out += &format!(" query {query}");
    }
    if packet.attachments > 0 {
        out += &format!(" attachments {}", packet.attachments);
    }
    if let Some(id) = packet.id {
        out += &format!(" id {id}");
    }
    if let Some(data) = &packet.data {
        out += &format!(" {data}");
    }
    packet.notes.iter().fold(out, |out, note| format!("{out} ({})", note.text))
}

#[test]
fn decodes() {
    for (text, expected) in [
        ("0", "CONNECT /"),
        (r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#, r#"CONNECT /admin {"sid":"oSO0OpakMV_3jnilAAAA"}"#),
        (r#"4{"message":"Not authorized"}"#, r#"CONNECT_ERROR / {"message":"Not authorized"}"#),
        (r#"2["foo"]"#, r#"EVENT / ["foo"]"#),
        (r#"2/admin,["bar"]"#, r#"EVENT /admin ["bar"]"#),
        (
            r#"51-["baz",{"_placeholder":true,"num":0}]"#,
            r#"BINARY_EVENT / attachments 1 ["baz",{"_placeholder":true,"num":0}]"#,
        ),
        (
            r#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            r#"BINARY_EVENT /admin attachments 2 ["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        ),
        (r#"212["foo"]"#, r#"EVENT / id 12 ["foo"]"#),
        (r#"3/admin,13["bar"]"#, r#"ACK /admin id 13 ["bar"]"#),
        (
            r#"61-15["bar",{"_placeholder":true,"num":0}]"#,
            r#"BINARY_ACK / attachments 1 id 15 ["bar",{"_placeholder":true,"num":0}]"#,
        ),
        ("1", "DISCONNECT /"),
        ("1/admin,", "DISCONNECT /admin"),
    ] {
        assert_eq!(read(text), expected);
    }
}

#[test]
fn decodes_what_travels() {
    // Seen on the wire, without the 4 of Engine.IO.
    for (text, expected) in [
        (r#"20["e"]"#, r#"EVENT / id 0 ["e"]"#),
        ("30", "ACK / id 0 (an acknowledgement must carry an array)"),
        (r#"30["pong"]"#, r#"ACK / id 0 ["pong"]"#),
        ("32[]", "ACK / id 2 []"),
        ("0/admin,", "CONNECT /admin"),
        (r#"4/nope,{"message":"Invalid namespace"}"#, r#"CONNECT_ERROR /nope {"message":"Invalid namespace"}"#),
        (r#"2["hello",{"name":"John"}]"#, r#"EVENT / ["hello",{"name":"John"}]"#),
        (r#"2/admin,0["tellme"]"#, r#"EVENT /admin id 0 ["tellme"]"#),
        (
            r#"61-/admin,0[{"_placeholder":true,"num":0}]"#,
            r#"BINARY_ACK /admin attachments 1 id 0 [{"_placeholder":true,"num":0}]"#,
        ),
        (
            r#"51-4["echo",{"_placeholder":true,"num":0}]"#,
            r#"BINARY_EVENT / attachments 1 id 4 ["echo",{"_placeholder":true,"num":0}]"#,
        ),
        (r#"0{"name":"A"}"#, r#"CONNECT / {"name":"A"}"#),
        (r#"2["hi","é€😀"]"#, r#"EVENT / ["hi","é€😀"]"#),
        (r#"2[1,"x"]"#, r#"EVENT / [1,"x"]"#),
        // The comma may be missing at the end.
        ("0/admin", "CONNECT /admin"),
        ("0/admin?token=1234,", "CONNECT /admin?token=1234"),
    ] {
        assert_eq!(read(text), expected);
    }
    let text = "0/admin?token=1234,";
    assert_eq!(short(&Packet::read(text, Revision::V4)), "CONNECT /admin query token=1234", "version 4 has queries");
    let text = r#"4"Not authorized""#;
    assert_eq!(short(&Packet::read(text, Revision::V4)), r#"CONNECT_ERROR / "Not authorized""#);
    assert_eq!(read(text), r#"CONNECT_ERROR / "Not authorized" (CONNECT_ERROR must carry an object)"#);
    assert_eq!((Revision::V4.number(), Revision::V5.number()), (4, 5));
}

#[test]
fn spans() {
    let text = r#"51-/admin?x,12["a"]"#;
    let packet = Packet::read(text, Revision::V5);
    let spans =
        Spans { kind: 0..1, attachments: Some(1..2), namespace: Some(3..11), id: Some(12..14), data: Some(14..19) };
    assert_eq!(packet.spans, spans);
    assert_eq!(&text[3..11], "/admin?x");
}

#[test]
fn empty() {
    assert_eq!(read(""), "no type / (a packet without a type)");
    assert_eq!(read("2[]"), "EVENT / [] (an event without a name)");
    assert_eq!(read("2"), "EVENT / (an event must carry an array)");
    assert!(Packet::read("", Revision::V5).event().is_none());
    assert_eq!(read_msgpack(&[], Revision::V5).unwrap_err().text, "at octet 0: the octets end too early");
}

#[test]
fn cut_short() {
    let text = r#"52-/admin,13["baz",{"_placeholder":true,"num":0}]"#;
    for cut in 1..text.len() {
        let packet = Packet::read(&text[..cut], Revision::V5);
        assert_eq!(packet.kind, Kind::BinaryEvent);
        assert!(!packet.notes.is_empty(), "cut to {cut}");
        assert_eq!(packet.attachments, if cut < 3 { 0 } else { 2 });
        assert_eq!(packet.event(), None);
    }
    assert_eq!(read(r#"2["a""#), r#"EVENT / ["a" (this is no JSON: EOF while parsing a list at line 1 column 4)"#);
}

#[test]
fn wrong_length() {
    for (text, expected) in [
        (r#"50-["a"]"#, r#"BINARY_EVENT / ["a"] (no attachment, although the type says that there are some)"#),
        (r#"5["a"]"#, r#"BINARY_EVENT / ["a"] (the number of attachments is missing)"#),
        (
            r#"599999999999999999999-["a"]"#,
            r#"BINARY_EVENT / ["a"] (99999999999999999999 attachments are more than any connection carries)"#,
        ),
        (r#"299999999999999999999["a"]"#, r#"EVENT / ["a"] (the id 99999999999999999999 is larger than any counter)"#),
        (
            "7x",
            "unknown type '7' / x (this is no JSON: expected value at line 1 column 1) (packet type '7' is not defined)",
        ),
        ("0[]", "CONNECT / [] (CONNECT must carry an object or nothing)"),
        ("1{}", "DISCONNECT / {} (DISCONNECT must carry nothing)"),
        ("2[{}]", "EVENT / [{}] (an event whose name is no string)"),
        ("3[]", "ACK / [] (an acknowledgement without an id acknowledges nothing)"),
    ] {
        assert_eq!(read(text), expected);
    }
    let deep = format!("2[\"a\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    let packet = Packet::read(&deep, Revision::V5);
    assert_eq!(packet.notes[0].text, "JSON nested more than 128 deep");
    assert_eq!(packet.event().unwrap().arguments[0].len(), 200_000, "kept all the same");
}

#[test]
fn events() {
    let packet = Packet::read(r#"2["hello", 1.0 ,"2",{"3":"4","b":[1, 2]}]"#, Revision::V5);
    let event = Event { name: "hello".into(), arguments: vec!["1.0", r#""2""#, r#"{"3":"4","b":[1, 2]}"#] };
    assert_eq!(packet.event(), Some(event));
    assert_eq!(packet.acknowledged(), None);
    assert_eq!(Event::from_json(r#"["\u00e9"]"#).unwrap().name, "é");
    assert_eq!(Event::from_json("[7]").unwrap().name, "7");
    assert_eq!(Event::from_json("[]").unwrap_err().text, "an event without a name");
    assert!(Event::from_json("{}").is_err());
    assert_eq!(Packet::read("32[1,[]]", Revision::V5).acknowledged(), Some(vec!["1", "[]"]));
    assert_eq!(arguments("[]"), Ok(vec![]));
}

#[test]
fn recovery_offsets() {
    let split = |data: &str| split_offset(data).map(|Recovered { data, offset }| (data, offset));
    assert_eq!(split(r#"["hello","Q7y5EfZ"]"#), Some((r#"["hello"]"#.into(), "Q7y5EfZ".into())));
    assert_eq!(split(r#"[ "a", {"b":1} , "c" ]"#), Some((r#"[ "a", {"b":1} ]"#.into(), "c".into())));
    for data in [r#"["hello"]"#, r#"["hello",1]"#, "[]", "{", ""] {
        assert_eq!(split(data), None, "{data}");
    }
}

#[test]
fn connections() {
    let connect = |text| Packet::read(text, Revision::V5).connect().unwrap();
    assert_eq!(connect("0"), Connect::default());
    assert_eq!(
        connect(r#"0{"sid":"ne_Cwbv4yucCMfSAAAAA","pid":"p"}"#),
        Connect { sid: Some("ne_Cwbv4yucCMfSAAAAA".into()), pid: Some("p".into()), offset: None }
    );
    assert_eq!(
        connect(r#"0{"pid":"p","offset":"o","sid":7,"x":{}}"#),
        Connect { sid: None, pid: Some("p".into()), offset: Some("o".into()) }
    );
    assert_eq!(Packet::read("2", Revision::V5).connect(), None);
    let refusal = |text: &str| {
        Packet::read(text, Revision::V4).refusal().map(|Refusal { message, data }| (message, data.map(str::to_owned)))
    };
    assert_eq!(
        refusal(r#"4{"message":"no","data":{"code": 1}}"#),
        Some((Some("no".into()), Some(r#"{"code": 1}"#.into())))
    );
    assert_eq!(refusal(r#"4"Not authorized""#), Some((Some("Not authorized".into()), None)));
    // JavaScript takes all of this, and of two values with one name the second.
    for odd in ["1e999", r#""\ud800""#, r#"{"\ud800":0}"#] {
        let said = Connect::from_json(&format!(r#"{{"sid":"a","x":{odd},"sid":"b"}}"#));
        assert_eq!(said.sid.as_deref(), Some("b"), "{odd}");
        let told = format!(r#"4{{"x":{odd},"message":"no","data":{odd}}}"#);
        assert_eq!(refusal(&told), Some((Some("no".into()), Some(odd.into()))));
    }
    assert_eq!(refusal(r#"4"a\ud800""#), Some((Some("a\u{fffd}".into()), None)));
    assert_eq!(Event::from_json(r#"["a\ud800"]"#).unwrap().name, "a\u{fffd}");
    assert_eq!(split_offset(r#"["a","\udc00"]"#).unwrap().offset, "\u{fffd}");
    assert_eq!(connect(r#"0["a","b","c"]"#), Connect::default());
    assert_eq!(refusal(r#"4["a",1]"#), Some((None, None)));
    assert_eq!(refusal("4"), None);
}

#[test]
fn attachments_are_joined() {
    let joined = |data: &str, attachments: &[&[u8]]| {
        let lens: Vec<usize> = attachments.iter().map(|attachment| attachment.len()).collect();
        let misfits = misfits(data, &lens);
        let Joined { data, notes } = join(data, attachments);
        assert_eq!(misfits, notes, "who only looks for mistakes finds the same");
        notes.iter().fold(data, |out, note| format!("{out} ({})", note.text))
    };
    for odd in ["1e999", r#""\ud800""#, r#"0,"x":1"#] {
        let json = format!(r#"[{{"_placeholder":true,"num":0,"x":{odd}}}]"#);
        assert_eq!(joined(&json, &[b"abcd"]), r#"[{"base64":"YWJjZA=="}]"#, "whatever stands beside its number");
    }
    assert_eq!(
        joined(r#"["baz",{"_placeholder":true,"num":0}]"#, &[&[1, 2, 3, 4]]),
        r#"["baz",{"base64":"AQIDBA=="}]"#
    );
    // Nested, out of order, used twice, among strings that look like them; all else as it was written.
    assert_eq!(
        joined(
            r#"["{\"_placeholder\"",{"a":[{"num": 1, "_placeholder":true}],"b" : 1.0},{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            &[b"x", b"yy"]
        ),
        r#"["{\"_placeholder\"",{"a":[{"base64":"eXk="}],"b" : 1.0},{"base64":"eA=="},{"base64":"eXk="}]"#
    );
    assert_eq!(
        joined(r#"[{"_placeholder":true,"num":0,"x":{"_placeholder":true,"num":0}}]"#, &[b"x"]),
        r#"[{"base64":"eA=="}]"#
    );
    assert_eq!(
        joined(r#"[{"_placeholder":true,"num":1}]"#, &[b"x"]),
        "[{\"_placeholder\":true,\"num\":1}] (a placeholder for attachment 1, of 1 there are) \
         (attachment 0 is not named by any placeholder)"
    );
    for data in [r#"[{"_placeholder":false,"num":0}]"#, r#"["_placeholder",{"num":0}]"#, "[}}{", "\"\\"] {
        assert_eq!(joined(data, &[]), data);
    }
    let many = format!("[{}0]", r#"{"_placeholder":true,"num":0},"#.repeat(100));
    let large = join(&many, &[vec![0; 1 << 20]]);
    assert!(large.data.len() <= (64 << 20) + many.len());
    assert_eq!(large.notes[0].text, "more than 67108864 octets of attachments: the rest is not joined");
    assert_eq!(misfits(&many, &[1 << 20]), large.notes);
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Written by socket.io-msgpack-parser 3.
const MSGPACK: &str = "84a47479706502a46461746194a568656c6c6f01a13282a133a134a135c40106a36e7370a62f61646d696ea2696407";

#[test]
fn decodes_msgpack() {
    let read = |text: &str| short(&read_msgpack(&hex(text), Revision::V5).unwrap());
    assert_eq!(read(MSGPACK), r#"EVENT /admin id 7 ["hello",1,"2",{"3":"4","5":{"base64":"Bg=="}}]"#);
    for (text, expected) in [
        (
            "84a47479706502a46461746192a568656c6c6fa5776f726c64a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
            r#"EVENT / ["hello","world"]"#,
        ),
        ("83a47479706502a46461746192a568656c6c6fa5776f726c64a36e7370a12f", r#"EVENT / ["hello","world"]"#),
        ("83a47479706500a36e7370a12fa46461746181a5746f6b656ea178", r#"CONNECT / {"token":"x"}"#),
        ("82a47479706501a36e7370a12f", "DISCONNECT /"),
        ("83a47479706501a36e7370a12fa464617461d40000", "DISCONNECT /"),
        ("81a47479706509", "unknown type 9 / (packet type 9 is not defined)"),
        ("81a47479706532", "unknown type 50 / (packet type 50 is not defined)"),
        ("82a47479706501ab6174746163686d656e747302", "DISCONNECT / attachments 2"),
        ("82a47479706501a26964d40000", "DISCONNECT /"),
        ("81a4747970650000", "CONNECT / (1 octet behind the packet)"),
    ] {
        assert_eq!(read(text), expected);
    }
    // Dates, numbers of every size, null and undefined, true, a long text and a long array, a date before 1970.
    let values = "83a47479706502a36e7370a12fa464617461dc0010a174d7000000000000000000d7000000018bcfe5687bffd0dfd1ff38ce\
                  00011170cb3ff8000000000000c0d40000c3cf0000010000000000d3ffffff0000000000d928c3a9c3a9c3a9c3a9c3a9c3a9\
                  c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9c3a9dc00110000000000000000000000000000000000d700\
                  ffffffffffffffff";
    let zeros = vec!["0"; 17].join(",");
    assert_eq!(
        read(values),
        format!(
            "EVENT / [\"t\",\"1970-01-01T00:00:00.000Z\",\"2023-11-14T22:13:20.123Z\",-1,-33,-200,70000,1.5,null,null,\
             true,1099511627776,-1099511627776,\"{}\",[{zeros}],\"1969-12-31T23:59:59.999Z\"]",
            "é".repeat(20)
        )
    );
}

#[test]
fn decodes_every_msgpack_format() {
    let data = |text: &str| {
        read_msgpack(&hex(&format!("82a47479706500a464617461{text}")), Revision::V5)
            .map(|packet| packet.data.map(std::borrow::Cow::into_owned))
    };
    for (text, expected) in [
        ("c0", "null"),
        ("c2", "false"),
        ("c50001ff", r#"{"base64":"/w=="}"#),
        ("c600000001ff", r#"{"base64":"/w=="}"#),
        ("c70105ff", r#"{"extension":5,"base64":"/w=="}"#),
        ("c70300ff00ff", r#"{"base64":"/wD/"}"#), // an ArrayBuffer, as notepack.io writes it
        ("c7010000", r#"{"base64":"AA=="}"#),     // of one octet: not `undefined`, which is d40000
        ("d8ff00000000000000000000000000000000", r#"{"extension":-1,"base64":"AAAAAAAAAAAAAAAAAAAAAA=="}"#),
        ("ca3fc00000", "1.5"),
        ("cb7ff0000000000000", "null"),
        ("cb4008000000000000", "3"),
        ("ccff", "255"),
        ("cdffff", "65535"),
        ("cfffffffffffffffff", "18446744073709551615"),
        ("d08080", "-128"),
        ("d28000000000", "-2147483648"),
        ("d38000000000000000", "-9223372036854775808"),
        ("da000161", r#""a""#),
        ("db0000000161", r#""a""#),
        ("a3220a61", r#""\"\na""#),
        ("dd00000001c3", "[true]"),
        ("de00010102", r#"{"1":2}"#),
        ("df00000001ff02", r#"{"-1":2}"#),
        // MessagePack's own timestamps: 32, 64 and 96 bits.
        ("d6ff00000001", r#""1970-01-01T00:00:01.000Z""#),
        ("d7ff1dcd650000000001", r#""1970-01-01T00:00:01.125Z""#),
        ("c70cff1dcd6500ffffffffffffffff", r#""1969-12-31T23:59:59.500Z""#),
        ("d7007fffffffffffffff", "null"),
    ] {
        assert_eq!(data(text).unwrap().as_deref(), Some(expected), "{text}");
    }
    for (text, expected) in [
        ("c1", "at octet 13: c1 begins no value"),
        ("ddffffffff", "at octet 17: the octets end too early"),
        ("c6ffffffff00", "at octet 17: the octets end too early"),
        ("8180", "at octet 14: a key that is no string"),
    ] {
        assert_eq!(data(text).unwrap_err().text, expected);
    }
    assert_eq!(data(&"91".repeat(100)).unwrap_err().text, "at octet 77: values nested too deep");
    for text in
        ["", "00", "80", "81a47479706ea0", "81a474797065a0", "82a47479706500a36e737000", "82a47479706500a26964a0"]
    {
        assert!(read_msgpack(&hex(text), Revision::V5).is_err(), "{text}");
    }
    let octets = hex(MSGPACK);
    for cut in 0..octets.len() {
        assert!(read_msgpack(&octets[..cut], Revision::V5).is_err(), "cut to {cut}");
    }
}

proptest! {
    #[test]
    fn random_packets_never_panic(text in "[0-9/,?\\-\\[\\]{}\"\\\\:a_é ]{0,40}") {
        for revision in [Revision::V4, Revision::V5] {
            let packet = Packet::read(&text, revision);
            packet.event();
            packet.acknowledged();
            packet.connect();
            packet.refusal();
        }
        join(&text, &[b"x"]);
        split_offset(&text);
    }

    #[test]
    fn random_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read_msgpack(&octets, Revision::V5);
        let _ = read_msgpack(&[&hex("82a47479706500a464617461")[..], &octets].concat(), Revision::V5);
    }

    #[test]
    fn joining_changes_nothing_else(strings in prop::collection::vec(any::<String>(), 0..6), place in 0_usize..6) {
        let mut elements: Vec<String> = strings.iter().map(|string| serde_json::to_string(string).unwrap()).collect();
        let place = place.min(elements.len());
        elements.insert(place, r#"{"_placeholder":true,"num":0}"#.into());
        let data = format!("[{}]", elements.join(","));
        elements[place] = r#"{"base64":"AA=="}"#.into();
        prop_assert_eq!(join(&data, &[[0_u8]]).data, format!("[{}]", elements.join(",")));
    }
}

/// What is odd is told by the version that is spoken.
#[test]
fn notes_name_the_version_that_is_spoken() {
    for revision in [Revision::V4, Revision::V5] {
        let spec = format!("Socket.IO protocol {}, Packet encoding", revision.number());
        let packet = Packet::read("2{}", revision);
        assert!(!packet.notes.is_empty() && packet.notes.iter().all(|note| note.spec == spec), "{:?}", packet.notes);
    }
}
