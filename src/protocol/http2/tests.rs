use super::decoder::PREFACE;
use super::{Http2, Http2Frame};
use crate::layer::{Severity, Value};
use crate::message::{Dissector, Probe, Verdict};
use crate::protocol::testing::{Talk, hex};

fn talk() -> Talk {
    let mut talk = Talk::new(Http2.decoder().expect("connections begin with it"));
    talk.client(PREFACE);
    talk
}

/// A frame: type, flags, stream, body.
fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// GET http://www.example.com/ (RFC 7541, C.4.1), and 302 with its fields (C.6.1).
const GET: &str = "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff";

#[test]
fn decodes() {
    let mut talk = talk();
    talk.client(frame(4, 0, 0, &hex("0003 0000 0064 0004 0000 ffff")));
    talk.server([frame(4, 0, 0, &hex("0008 0000 0001")), frame(4, 1, 0, b"")].concat());
    talk.client([frame(4, 1, 0, b""), frame(1, 5, 1, &hex(GET))].concat());
    talk.server([frame(1, 4, 1, &hex("88")), frame(0, 0, 1, b"hello"), frame(0, 1, 1, b"")].concat());
    talk.client([frame(8, 0, 0, &[0, 0, 0, 5]), frame(6, 0, 0, &[1; 8]), frame(3, 0, 3, &[0, 0, 0, 8])].concat());
    talk.server([frame(6, 1, 0, &[1; 8]), frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])].concat());
    assert_eq!(
        talk.told(),
        [
            "> HTTP/2 preface",
            "> SETTINGS MAX_CONCURRENT_STREAMS 100, INITIAL_WINDOW_SIZE 65535",
            "< SETTINGS ENABLE_CONNECT_PROTOCOL 1",
            "< SETTINGS ACK",
            "> SETTINGS ACK",
            "> HEADERS 1 GET /, end of stream",
            "< HEADERS 1 200",
            "< DATA 1 5 octets \"hello\"",
            "< DATA 1 0 octets, end of stream",
            "> WINDOW_UPDATE +5",
            "> PING",
            "> RST_STREAM 3 CANCEL",
            "< PING ACK",
            "< GOAWAY NO_ERROR, last stream 1",
        ]
    );
    assert_eq!(talk.notes(), []);
    let layers = talk.layers(5);
    let names: Vec<String> =
        layers[0].fields.iter().map(|field| format!("{} {}", field.def.name, field.value)).collect();
    assert!(names.contains(&"http2.header.name :authority".to_owned()), "{names:?}");
    assert!(names.contains(&"http2.header.value www.example.com".to_owned()), "{names:?}");
    assert_eq!(layers[0].value("http2.streamid"), Some(&Value::Uint(1)));
}

/// A WebSocket over HTTP/2 is a CONNECT with a protocol (RFC 8441 §4).
#[test]
fn a_websocket_is_asked_for() {
    let mut talk = talk();
    talk.client(frame(4, 0, 0, b""));
    let protocol = [&[0x00, 9][..], b":protocol", &[9], b"websocket"].concat();
    let block = [&hex("0207 434f 4e4e 4543 5487")[..], &protocol, &hex("0405 2f63 6861 74")].concat();
    talk.client(frame(1, 4, 1, &block));
    assert_eq!(talk.told()[2], "> HEADERS 1 CONNECT /chat, for websocket");
}

#[test]
fn a_block_may_span_frames_and_be_padded() {
    let block = hex(GET);
    let mut talk = talk();
    let (first, rest) = block.split_at(6);
    talk.client(frame(4, 0, 0, b""));
    talk.client([frame(1, 1, 1, first), frame(9, 0, 1, &rest[..4]), frame(9, 4, 1, &rest[4..])].concat());
    assert_eq!(
        talk.told()[2..],
        [
            "> HEADERS 1 part of a header block, end of stream",
            "> CONTINUATION 1 part of a header block",
            "> CONTINUATION 1 GET /"
        ]
    );
    // Padded, and with a priority; the table is the same still.
    let padded = [&[3][..], &[0, 0, 0, 0, 16], &hex("8286 84be 5886 a8eb 1064 9cbf"), &[0; 3]].concat();
    talk.client(frame(1, 4 | 8 | 32, 3, &padded));
    assert_eq!(talk.told()[5], "> HEADERS 3 GET /");
    talk.client(frame(0, 8, 3, &[2, b'h', b'i', 0, 0]));
    assert_eq!(talk.told()[6], "> DATA 3 2 octets \"hi\"");
    assert_eq!(talk.layers(6)[0].value("http2.data.data"), Some(&Value::Bytes(b"hi".to_vec())));
    assert_eq!(talk.notes(), []);
    let data = talk.heard.messages.last().expect("it was told");
    let parts: Vec<_> = data.payload.parts(14).iter().map(|part| (part.owner, part.len)).collect();
    assert_eq!(parts, [("http2", 10), ("payload", 2), ("http2", 2)]);
    (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
}

#[test]
fn what_breaks_a_rule_is_told() {
    for (frames, spec) in [
        (frame(1, 4, 1, &[0xbe]), "RFC 7541 §3"),
        (frame(9, 4, 1, &[]), "RFC 9113 §6.10"),
        ([frame(1, 0, 1, &[0x82]), frame(0, 0, 1, b"")].concat(), "RFC 9113 §6.10"),
        (frame(0, 8, 1, &[9, 1]), "RFC 9113 §6.1"),
        (frame(4, 0, 0, &[0; 5]), "RFC 9113 §6.5"),
        (frame(3, 0, 1, &[0; 3]), "RFC 9113 §4.2"),
        (frame(7, 0, 0, &[0; 3]), "RFC 9113 §6.8"),
        (frame(0, 0, 1, &[0; 16_385]), "RFC 9113 §4.2"),
    ] {
        let mut talk = talk();
        talk.client(&frames);
        assert_eq!(talk.notes(), [(Severity::Error, spec)], "{:?}", talk.told());
        (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
    }
    let mut talk = talk();
    talk.server(frame(0, 0, 1, b""));
    assert_eq!(talk.notes(), [(Severity::Error, "RFC 9113 §3.4")]);
}

#[test]
fn empty() {
    let mut talk = talk();
    talk.close();
    assert_eq!(talk.told(), ["> HTTP/2 preface"]);
}

#[test]
fn cut_short() {
    let whole = [PREFACE.to_vec(), frame(1, 5, 1, &hex(GET)), frame(0, 8, 1, &[1, b'x', 0])].concat();
    for len in 0..=whole.len() {
        let mut talk = Talk::new(Http2.decoder().expect("connections begin with it"));
        talk.client(&whole[..len]).cut();
        let shown: u64 = talk.heard.messages.iter().map(|told| told.range.end - told.range.start).sum();
        assert_eq!(shown, len as u64, "all that came is shown");
        (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
    }
}

#[test]
fn wrong_length() {
    let mut talk = talk();
    talk.client(hex("ffffff 00 00 00000001")).cut();
    assert_eq!(talk.told()[1], "> DATA 1 (incomplete)");
}

#[test]
fn a_connection_is_recognised_by_its_preface() {
    let probe = |bytes: &[u8], joined| Http2.probe(Probe { to_server: bytes, to_client: &[], end: false, joined });
    assert_eq!(probe(PREFACE, false), Verdict::Yes);
    assert_eq!(probe(b"PRI *", false), Verdict::NeedMore);
    assert_eq!(probe(b"POST / HTTP/1.1", false), Verdict::No);
    assert_eq!(probe(PREFACE, true), Verdict::No, "what was compressed before nobody knows");
}

#[test]
fn octet_by_octet_is_the_same() {
    let whole = [PREFACE.to_vec(), frame(4, 0, 0, b""), frame(1, 5, 1, &hex(GET))].concat();
    let mut slow = Talk::new(Http2.decoder().expect("connections begin with it"));
    whole.iter().for_each(|octet| drop(slow.client([*octet]).told()));
    let mut quick = Talk::new(Http2.decoder().expect("connections begin with it"));
    quick.client(&whole);
    assert_eq!(slow.told(), quick.told());
    let last = quick.heard.messages.last().expect("it was told");
    let frame = last.payload.as_any().downcast_ref::<Http2Frame>().expect("it is one");
    assert_eq!((frame.header(":method"), frame.ends_stream()), (Some("GET"), true));
}

/// What Wireshark has names of its own for.
#[test]
fn parts_have_names() {
    let mut talk = talk();
    talk.client(frame(4, 0, 0, &hex("0002 0000 0000 0004 0000 ffff 00ff 0000 0001")));
    talk.client(frame(1, 5, 1, &hex(GET)));
    talk.server([frame(4, 1, 0, b""), frame(1, 4, 1, &hex("88")), frame(0, 9, 1, &[1, b'x', 0])].concat());
    talk.server(frame(7, 0, 0, &[0x80, 0, 0, 1, 0, 0, 0, 0]));
    let said: Vec<String> = (1..talk.heard.messages.len())
        .map(|n| {
            let layer = talk.layers(n).into_iter().find(|layer| layer.protocol == "http2").unwrap();
            let is_named = |name: &str| {
                ["http2.flags.", "http2.settings.", "http2.headers.", "http2.goaway.l"]
                    .iter()
                    .any(|start| name.starts_with(start))
                    && name != "http2.settings.id"
            };
            let named = layer.fields.iter().filter(|field| is_named(field.def.name));
            named.map(|field| format!("{} {}", &field.def.name[6..], field.value)).collect::<Vec<_>>().join(", ")
        })
        .collect();
    assert_eq!(
        said,
        [
            "flags.ack.settings 0, settings.enable_push 0, settings.initial_window_size 65535",
            "flags.end_stream 1, flags.eh 1, flags.padded 0, flags.priority 0, headers.method GET, headers.scheme http, \
             headers.path /, headers.authority www.example.com",
            "flags.ack.settings 1",
            "flags.end_stream 0, flags.eh 1, flags.padded 0, flags.priority 0, headers.status 200",
            "flags.end_stream 1, flags.padded 1",
            "goaway.last_stream_id 1",
        ]
    );
}
