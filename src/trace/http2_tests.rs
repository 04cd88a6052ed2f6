//! What streams of HTTP/2 carry: bodies, polling, events, WebSocket.

use super::testing::{Conversation, notes, told};
use super::testing_http2::{
    END_HEADERS, END_STREAM, PADDED, PREFACE, begin, block, connect, data, frame, get, headers, masked, ok, plain, post,
};
use super::{Message, Trace};
use crate::layer::Direction;
use crate::protocol::HttpMessage;

/// What is told above the frames of HTTP/2.
fn carried(trace: &Trace) -> Vec<String> {
    let lines = told(trace).into_iter().zip(trace.messages());
    lines.filter(|(_, message)| message.payload.protocol() != "http2").map(|(line, _)| line).collect()
}

fn bodies(trace: &Trace) -> Vec<(u32, String)> {
    let body = |message: &Message| {
        let http = message.payload_as::<HttpMessage>()?;
        let bytes = trace.bytes(message);
        let body = http.decoded_body(bytes).unwrap_or_else(|| http.body(bytes).into_owned());
        Some((message.stream?, String::from_utf8(body).unwrap()))
    };
    trace.messages().iter().filter_map(body).collect()
}

const OPEN: &str =
    r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const POLL: &str = "/socket.io/?EIO=4&transport=polling&sid=abc";

/// A session that begins with polling and goes on by a WebSocket, on one connection.
fn session() -> Vec<(Direction, Vec<u8>)> {
    let (up, down) = (Direction::ToServer, Direction::ToClient);
    vec![
        (up, get(1, "/socket.io/?EIO=4&transport=polling")),
        (down, [ok(1), data(1, END_STREAM, OPEN)].concat()),
        (up, [post(3, POLL), data(3, END_STREAM, "40")].concat()),
        // The answers come crosswise, in pieces and padded; the last DATA frames hold nothing.
        (up, get(5, POLL)),
        (down, [ok(5), data(5, PADDED, b"\x0240{\"si\0\0"), ok(3), data(3, END_STREAM, "ok")].concat()),
        (down, [data(5, 0, "d\":\"S\"}"), data(5, END_STREAM, "")].concat()),
        (
            up,
            [post(7, POLL), data(7, 0, "420[\"hi\","), get(9, POLL), data(7, 0, "1]"), data(7, END_STREAM, "")]
                .concat(),
        ),
        (down, [ok(9), data(9, END_STREAM, "430[2]"), ok(7), data(7, END_STREAM, "ok")].concat()),
        (up, connect(11, "/socket.io/?EIO=4&transport=websocket&sid=abc", &[])),
        (down, [ok(11), data(11, 0, &plain("3probe")[..3])].concat()),
        (up, [data(11, 0, masked("2probe")), data(11, 0, masked("5"))].concat()),
        (down, data(11, 0, [&plain("3probe")[3..], &plain("42[\"news\",1]")].concat())),
        (up, data(11, END_STREAM, [0x88, 0x80, 0, 0, 0, 0])),
        (down, data(11, END_STREAM, [0x88, 0])),
    ]
}

fn talked(said: &[(Direction, Vec<u8>)]) -> Conversation {
    let mut talk = begin();
    for (direction, octets) in said {
        talk.segment(*direction, super::testing::DATA, octets);
    }
    talk
}

#[test]
fn a_session_by_polling_and_websocket_on_one_connection() {
    let trace = talked(&session()).trace();
    assert_eq!(
        carried(&trace),
        [
            "[6] > GET /socket.io/?EIO=4&transport=polling",
            "[7] < 200",
            "[7] < open \"{\"sid\":\"abc\",\"upgrades\":[\"websoc…\"",
            "[8] > POST /socket.io/?EIO=4&transport=polling&sid=…",
            "[8] > message \"0\"",
            "[8] > CONNECT",
            "[9] > GET /socket.io/?EIO=4&transport=polling&sid=…",
            "[10] < 200",
            "[10, 11] < 200",
            "[10, 11] < message \"0{\"sid\":\"S\"}\"",
            "[10, 11] < CONNECT {\"sid\":\"S\"}",
            "[12] > GET /socket.io/?EIO=4&transport=polling&sid=…",
            "[12] > POST /socket.io/?EIO=4&transport=polling&sid=…",
            "[12] > message \"20[\"hi\",1]\"",
            "[12] > EVENT #0 \"hi\"(1)",
            "[13] < 200",
            "[13] < message \"30[2]\"",
            "[13] < ACK #0 [2] after 1.000 ms",
            "[13] < 200",
            "[14] > CONNECT /socket.io/?EIO=4&transport=websocket&si…, for websocket",
            "[15] < 200",
            "[15] < the CONNECT was granted: WebSocket from here on",
            "[16] > text \"2probe\"  masked 01 02 03 04",
            "[16] > ping \"probe\"",
            "[16] > text \"5\"  masked 01 02 03 04",
            "[16] > upgrade",
            "[15, 17] < text \"3probe\"",
            "[15, 17] < pong \"probe\"",
            "[17] < text \"42[\"news\",1]\"",
            "[17] < message \"2[\"news\",1]\"",
            "[17] < EVENT \"news\"(1)",
            "[18] > close without a code  masked 00 00 00 00",
            "[19] < close without a code",
        ]
    );
    assert_eq!(notes(&trace), []);
}

/// However it is cut into segments, the same is told; and of every beginning all invariants hold.
#[test]
fn octet_by_octet_is_the_same() {
    let whole = talked(&session());
    let expected: Vec<String> = summaries(&whole.trace());
    let mut slow = begin();
    for (direction, octets) in session() {
        for octets in octets.chunks(3) {
            slow.segment(direction, super::testing::DATA, octets);
        }
    }
    assert_eq!(summaries(&slow.trace()), expected);
    for end in 0..whole.frames.len() {
        super::testing::trace(&whole.frames[..end]);
    }
}

fn summaries(trace: &Trace) -> Vec<String> {
    let carried = trace.messages().iter().filter(|message| message.payload.protocol() != "http2");
    carried
        .map(|message| trace.summary(message).replace(" after 1.000 ms", ""))
        .map(|text| text.split(" after").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn bodies_are_put_together() {
    let mut talk = begin();
    // `hello`, compressed with brotli: an uncompressed meta-block and the empty last one (RFC 7932 §9.2).
    let coded: &[u8] = b"\x0b\x02\x80hello\x03";
    talk.client([get(1, "/coded"), get(3, "/trailers"), get(5, "/none")].concat());
    talk.server(headers(1, 0, &[(":status", "200"), ("content-encoding", "br"), ("content-length", "9")]));
    talk.server(
        [ok(3), data(1, 0, &coded[..4]), data(3, 0, "one "), headers(5, END_STREAM, &[(":status", "304")])].concat(),
    );
    talk.server([data(3, 0, "two"), data(1, END_STREAM, &coded[4..])].concat());
    talk.server(headers(3, END_STREAM, &[("checksum", "12")]));
    talk.client(
        [headers(7, 0, &[(":method", "PUT"), (":path", "/up"), ("expect", "100-continue")]), data(7, 0, "")].concat(),
    );
    talk.server(headers(7, 0, &[(":status", "100")]));
    talk.client([data(7, 0, "x"), data(7, END_STREAM, "")].concat());
    talk.server(headers(7, END_STREAM, &[(":status", "204")]));
    let trace = talk.trace();
    let expected = [(1, ""), (3, ""), (5, ""), (5, ""), (1, "hello"), (3, "one two"), (7, ""), (7, "x"), (7, "")];
    assert_eq!(bodies(&trace), expected.map(|(stream, body)| (stream, body.to_owned())));
    assert_eq!(notes(&trace), []);
    let layers: Vec<_> = trace.layers(9).into_iter().filter(|layer| layer.protocol == "http").collect();
    assert_eq!(layers[0].value("http.response.code"), Some(&crate::layer::Value::Uint(200)));
    assert_eq!(layers[0].value("http.file_data"), Some(&crate::layer::Value::Bytes(b"hello".to_vec())));
}

/// END_STREAM stands on HEADERS, and the block goes on in CONTINUATION: the message is not over before that (RFC 9113 §8.1).
#[test]
fn a_message_that_is_fields_alone_may_go_on() {
    let mut talk = begin();
    let fields = [(":method", "GET"), (":path", "/long"), (":scheme", "http"), (":authority", "a"), ("cookie", "b=c")];
    let asks = block(&fields);
    let answers = block(&[(":status", "204"), ("set-cookie", "b=d")]);
    for stream in [1, 3] {
        talk.client(frame(1, END_STREAM, stream, &asks[..20]));
        talk.client([frame(9, 0, stream, &asks[20..30]), frame(9, END_HEADERS, stream, &asks[30..])].concat());
        talk.server(frame(1, END_STREAM, stream, &answers[..3]));
        talk.server(frame(9, END_HEADERS, stream, &answers[3..]));
    }
    let trace = talk.trace();
    let expected = ["GET /long", "204", "GET /long", "204"];
    assert_eq!(summaries(&trace), expected);
    assert_eq!(notes(&trace), []);
}

/// Events are told when they come, not when the stream ends; it is not ended by those who give up.
#[test]
fn events_are_told_as_they_come() {
    let mut talk = begin();
    talk.client(get(1, "/events"));
    talk.server(headers(1, 0, &[(":status", "200"), ("content-type", "text/event-stream")]));
    talk.server(data(1, 0, "data: one\n")).server(data(1, PADDED, b"\x01\ndata: two\n\n: so\n\0"));
    talk.client(frame(3, 0, 1, &[0, 0, 0, 8]));
    let trace = talk.trace();
    assert_eq!(
        carried(&trace),
        [
            "[6] > GET /events",
            "[8, 9] < event \"message\": \"one\"",
            "[9] < event \"message\": \"two\"",
            "[9] < comment \"so\"",
            "[7, 8, 9] < 200 (incomplete)",
        ]
    );
    let texts = notes(&trace);
    assert!(texts.iter().any(|(_, text)| text.starts_with("the event stream had not ended: ")), "{texts:?}");
    // Of one that said how long it is, the rest is missing.
    let mut talk = begin();
    talk.client(get(1, "/events"));
    let fields = [(":status", "200"), ("content-type", "text/event-stream"), ("content-length", "99")];
    talk.server(headers(1, 0, &fields)).server(data(1, 0, "data: one\n\n")).client(frame(3, 0, 1, &[0, 0, 0, 8]));
    let trace = talk.trace();
    assert!(notes(&trace).iter().any(|(_, text)| text.starts_with("the body is cut short: the stream")));
}

#[test]
fn a_websocket_may_be_refused_compressed_and_left() {
    let deflate = [("sec-websocket-extensions", "permessage-deflate; client_no_context_takeover")];
    let mut talk = begin();
    talk.client([connect(1, "/chat", &deflate), connect(3, "/no", &[])].concat());
    talk.server([headers(3, 0, &[(":status", "404")]), data(3, END_STREAM, "no such thing")].concat());
    talk.server(headers(1, 0, &[&[(":status", "200")], &deflate[..]].concat()));
    // "Hello", compressed, in two frames of HTTP/2 (RFC 7692 §7.2.3.1).
    let hello = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    talk.server([data(1, 0, &hello[..3]), data(1, 0, &hello[3..])].concat());
    talk.client(frame(3, 0, 1, &[0, 0, 0, 8]));
    let trace = talk.trace();
    assert_eq!(
        carried(&trace),
        [
            "[6] > CONNECT /chat, for websocket",
            "[6] > CONNECT /no, for websocket",
            "[7] < 404",
            "[7] < no WebSocket",
            "[8] < 200",
            "[8] < the CONNECT was granted: WebSocket from here on",
            "[9] < text 7 octets, compressed",
            "[9] < text \"Hello\", inflated 7 → 5",
        ]
    );
    assert_eq!(
        notes(&trace),
        [
            (Some(7), "the server answered 404 instead of 2xx: this stays HTTP"),
            (Some(10), "the connection ended without a Close frame: the programs are told 1006, which never travels"),
        ]
    );
}

/// The server speaks first on what it pushes; its promise is told as a frame.
#[test]
fn what_is_pushed_is_read() {
    let mut talk = begin();
    talk.client(get(1, "/"));
    let promised = block(&[(":method", "GET"), (":path", "/style.css"), (":scheme", "http"), (":authority", "a")]);
    talk.server(frame(5, END_HEADERS, 1, &[&[0, 0, 0, 2], &promised[..]].concat()));
    talk.server([ok(2), ok(1), data(2, 0, "p {"), data(1, END_STREAM, "<p>"), data(2, END_STREAM, "}")].concat());
    let trace = talk.trace();
    assert_eq!(bodies(&trace), [(1, ""), (1, "<p>"), (2, "p {}")].map(|(stream, body)| (stream, body.to_owned())));
    assert_eq!(notes(&trace), []);
}

#[test]
fn what_breaks_a_rule_is_told() {
    let told = |said: &[Vec<u8>]| {
        let mut talk = begin();
        talk.client(&said[0]);
        for octets in &said[1..] {
            talk.server(octets);
        }
        let trace = talk.trace();
        notes(&trace).into_iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
    };
    let length = headers(1, 0, &[(":status", "200"), ("content-length", "3")]);
    for (said, text) in [
        (vec![get(1, "/"), length, data(1, END_STREAM, "four")], "content-length says 3, and 4 octets came"),
        (
            vec![headers(1, END_STREAM, &[(":path", "/")])],
            "not a message that HTTP/2 allows: a request without :method",
        ),
        (
            vec![get(1, "/"), headers(1, END_STREAM, &[(":status", "ok")])],
            "not a message that HTTP/2 allows: a response without :status",
        ),
        (
            vec![headers(1, END_STREAM, &[(":method", "GET"), ("connection", "close")])],
            "the field connection is about a connection: HTTP/2 has none such",
        ),
        (
            vec![headers(1, 0, &[(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/")]), ok(1)],
            "the request has no Sec-WebSocket-Version",
        ),
        (
            vec![get(1, "/"), headers(1, 0, &[(":status", "204")]), data(1, END_STREAM, "x")],
            "not a message that HTTP/2 allows: it does not begin with a field section",
        ),
    ] {
        let notes = told(&said);
        assert_eq!(notes, [text]);
    }
}

/// Behind a hole in a direction nothing of it is read, on no stream: what was begun is shown as far as it came. The other
/// direction goes on.
#[test]
fn a_gap_ends_reading_in_its_direction() {
    let mut talk = begin();
    talk.client([get(1, "/a"), get(3, "/b")].concat());
    talk.server([ok(1), data(1, 0, "some"), ok(3)].concat());
    talk.server(data(1, END_STREAM, "more")).lose();
    talk.server(data(3, END_STREAM, "other"));
    talk.client([post(5, "/c"), data(5, END_STREAM, "up")].concat());
    talk.close();
    let trace = talk.trace();
    let incomplete: Vec<_> = carried(&trace).into_iter().filter(|line| line.ends_with("(incomplete)")).collect();
    assert_eq!(incomplete, ["[7] < 200 (incomplete)", "[7] < 200 (incomplete)"]);
    assert!(bodies(&trace).contains(&(5, "up".to_owned())), "{:?}", bodies(&trace));
    let texts = notes(&trace);
    assert!(texts.iter().any(|(_, text)| text.contains("what follows in this direction cannot be read")), "{texts:?}");
}

/// A stream may be a tunnel to someone who speaks HTTP/1.
#[test]
fn a_tunnel_is_listened_to() {
    let mut talk = begin();
    talk.client(headers(1, 0, &[(":method", "CONNECT"), (":authority", "b:80")]));
    talk.server(ok(1));
    talk.client(data(1, 0, super::testing::GET)).server(data(1, 0, super::testing::EMPTY_200));
    let trace = talk.trace();
    assert_eq!(carried(&trace), ["[6] > CONNECT b:80", "[7] < 200", "[8] > GET /", "[9] < 200 OK"]);
}

/// What who spoke HTTP/2 without having asked for it is told most often where nobody speaks it.
#[test]
fn an_answer_of_http1_is_no_frame() {
    let mut talk = Conversation::new().open();
    talk.client([PREFACE.to_vec(), frame(4, 0, 0, b""), get(1, "/")].concat());
    talk.server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let trace = talk.trace();
    assert!(
        notes(&trace).iter().any(|(frame, text)| *frame == Some(5) && text.contains("this is an answer of HTTP/1"))
    );
    assert!(!told(&trace).iter().any(|line| line.contains("frame type")), "{:?}", told(&trace));
}

/// What cannot be read is not said to be missing, nor are its fields those of a trailer section.
#[test]
fn who_breaks_header_compression_is_not_said_to_lack_fields() {
    let mut talk = begin();
    // An index that no table has.
    talk.client(frame(1, END_HEADERS | END_STREAM, 1, &[0xff, 0x00]));
    talk.server([ok(1), data(1, END_STREAM, "a")].concat());
    let trace = talk.trace();
    let said: Vec<_> = notes(&trace).into_iter().map(|(_, text)| text).collect();
    assert!(said.iter().any(|text| text.contains("are not read any more")), "{said:?}");
    assert!(!said.iter().any(|text| text.contains("without :method")), "{said:?}");
    assert!(told(&trace).iter().any(|line| line.contains("HEADERS 1 header fields that cannot be read")), "{trace:?}");
}

/// RFC 7540 §3.2: what was asked in HTTP/1 is answered on stream 1.
#[test]
fn http2_may_be_asked_for_in_http1() {
    let mut talk = Conversation::new().open();
    talk.client("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n");
    talk.server("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    let fields = [(":status", "200"), ("content-length", "5")];
    talk.server([frame(4, 0, 0, b""), headers(1, END_STREAM, &fields)].concat());
    talk.client([PREFACE.to_vec(), frame(4, 0, 0, b""), get(3, "/y")].concat());
    talk.server([ok(3), data(3, END_STREAM, "b")].concat());
    let trace = talk.trace();
    let said =
        ["[4] > HEAD /x   Upgrade: h2c", "[5] < 101 Switching Protocols", "[6] < 200", "[7] > GET /y", "[8] < 200"];
    assert_eq!(carried(&trace), said);
    // That it is known to answer HEAD shows in that its body is not waited for.
    assert_eq!(notes(&trace), []);
}

#[test]
fn reserved_bits_are_no_part_of_a_number() {
    let mut talk = begin();
    talk.client(frame(8, 0, 0, &[0x80, 0, 0, 5]));
    assert!(told(&talk.trace()).iter().any(|line| line.ends_with("WINDOW_UPDATE +5")));
}

/// Where frames were captured in another order than they came in.
#[test]
fn a_request_behind_its_answer_is_read() {
    let mut talk = begin();
    talk.server([ok(1), data(1, END_STREAM, "a")].concat()).client(get(1, "/first"));
    talk.client(get(3, "/second")).server([ok(3), data(3, END_STREAM, "b")].concat());
    let said = ["[6] < 200", "[7] > GET /first", "[8] > GET /second", "[9] < 200"];
    assert_eq!(carried(&talk.trace()), said);
}

/// A WebSocket on a stream is over when its connection is.
#[test]
fn a_websocket_that_ends_with_its_connection_had_no_close_frame() {
    let mut talk = begin();
    talk.client(connect(1, "/a", &[("sec-websocket-key", "x")])).server(ok(1));
    talk.client(data(1, 0, masked("hello"))).server(data(1, 0, plain("hi")));
    let never = "the connection ended without a Close frame: the programs are told 1006, which never travels";
    let said = |talk: &Conversation| notes(&talk.trace()).iter().filter(|(_, text)| *text == never).count();
    assert_eq!(said(&talk), 0, "it may go on behind the capture");
    talk.close();
    assert_eq!(said(&talk), 1);
}

/// A trailer section may hold nothing: it is no request that was asked elsewhere.
#[test]
fn an_empty_section_ends_its_message() {
    let mut talk = begin();
    talk.client(get(1, "/a")).server([ok(1), data(1, 0, "a"), headers(1, END_STREAM, &[])].concat());
    let trace = talk.trace();
    assert_eq!(carried(&trace), ["[6] > GET /a", "[7] < 200"]);
    let answers = |message: &Message| message.payload_as::<HttpMessage>().and_then(|http| http.answers.clone());
    assert!(trace.messages().iter().any(|message| answers(message).is_some()), "it answers its request");
    assert_eq!(notes(&trace), []);
}
