use super::coding::tests::{BROTLI, gzip};
use super::{Http1, HttpMessage, Side};
use crate::layer::{Buffer, Severity, Value};
use crate::message::Dissector;
use crate::protocol::testing::Talk;

const CHAT: Severity = Severity::Chat;
const WARN: Severity = Severity::Warn;
const ERROR: Severity = Severity::Error;
const END: &str = "0\r\n\r\n";

fn asked(request: &str) -> Talk {
    let mut talk = Talk::new(Http1.decoder().unwrap());
    talk.client(request);
    talk
}

fn answered(response: impl AsRef<[u8]>) -> Talk {
    let mut talk = asked("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.server(response);
    talk
}

/// Shapes of which one party on the way may see another message than the next: each is read, and told.
#[test]
fn smuggling_shapes_are_told_with_their_clause() {
    let cases: [(&str, &str, (Severity, &str)); 12] = [
        ("TE and CL", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (WARN, "RFC 9112 §6.1")),
        ("the same length twice", "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", (WARN, "RFC 9112 §6.3")),
        ("two lengths", "Content-Length: 2\r\nContent-Length: 9\r\n\r\nhi", (ERROR, "RFC 9112 §6.3")),
        ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (WARN, "RFC 9112 §6.1")),
        ("a fold", "X: a\r\n b\r\nContent-Length: 2\r\n\r\nhi", (WARN, "RFC 9112 §5.2")),
        ("a folded TE", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", (WARN, "RFC 9112 §5.2")),
        ("space before the colon", "Content-Length : 2\r\n\r\nhi", (ERROR, "RFC 9112 §5.1")),
        ("line feeds only", "Content-Length: 2\n\r\nhi", (WARN, "RFC 9112 §2.2")),
        ("a bare CR", "X: a\rb\r\nContent-Length: 2\r\n\r\nhi", (ERROR, "RFC 9112 §2.2")),
        ("space behind a size", "Transfer-Encoding: chunked\r\n\r\n2 \r\nhi\r\n0\r\n\r\n", (WARN, "RFC 9112 §7.1.1")),
        ("LF in an extension", "Transfer-Encoding: chunked\r\n\r\n2;\nx\r\nhi\r\n0\r\n\r\n", (ERROR, "RFC 9112 §2.2")),
        (
            "TE in a trailer",
            "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n",
            (WARN, "RFC 9110 §6.5.1"),
        ),
    ];
    for (name, rest, note) in cases {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{rest}GET /next HTTP/1.1\r\n\r\n");
        let talk = asked(&request);
        assert_eq!(talk.told(), ["> POST /", "> GET /next"], "{name}");
        let notes: Vec<_> =
            talk.notes().into_iter().filter(|(_, spec)| *spec != "RFC 9112 §7.1.1" || note.1 == *spec).collect();
        assert_eq!(notes, [note], "{name}");
        talk.layers(0);
        // Octet by octet it is the same.
        let mut slow = asked("");
        request.bytes().for_each(|octet| _ = slow.client([octet]).told());
        assert_eq!((slow.told(), slow.notes()), (talk.told(), talk.notes()), "{name}");
    }
}

#[test]
fn transfer_encoding_in_http_1_0_is_told() {
    let talk = asked(&format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{END}"));
    assert_eq!((talk.told(), talk.notes()), (vec!["> POST /".to_owned()], vec![(WARN, "RFC 9112 §6.1")]));
}

#[test]
fn a_response_that_never_has_a_body_needs_no_framing() {
    let talk = answered("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §6.1"), (WARN, "RFC 9110 §8.6")]);
    // Nobody waits for none: so some answer a preflight.
    let talk = answered("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(talk.notes(), [(Severity::Note, "RFC 9110 §8.6")]);
}

#[test]
fn a_chunk_has_a_size() {
    let talk = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n");
    assert_eq!(talk.notes(), [(ERROR, "RFC 9112 §7.1")]);
}

#[test]
fn a_fold_stands_for_spaces() {
    let talk = asked("GET / HTTP/1.1\r\nX: a\r\n\tb\r\nY : c\r\n\r\n");
    let http: &HttpMessage = talk.heard.messages[0].payload.as_any().downcast_ref().unwrap();
    let headers = http.headers(talk.bytes(&talk.heard.messages[0]));
    assert_eq!(headers, [("X".into(), "a  \tb".into()), ("Y".into(), "c".into())]);
}

#[test]
fn a_start_line_is_told_as_it_stands() {
    let talk = answered("HTTP/1.1 200 OK\r|X: a\r\nContent-Length: 0\r\n\r\n");
    let messages = talk.heard.messages.iter();
    let mut https = messages.filter_map(|told| Some((told, told.payload.as_any().downcast_ref::<HttpMessage>()?)));
    let (told, http) = https.find(|(_, http)| http.side == Side::Response).unwrap();
    assert_eq!(http.start(talk.bytes(told)), Some(("200".into(), "OK\r|X: a".into())));
}

#[test]
fn a_body_on_get_is_fine_and_expect_is_told() {
    let talk = asked("GET / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!((talk.told().len(), talk.notes()), (1, vec![]));
    let talk = asked("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(talk.notes(), [(CHAT, "RFC 9110 §10.1.1")]);
}

/// Some programs send one behind a body (§2.2): with it a direction may end, too.
#[test]
fn an_empty_line_at_the_end_is_no_head() {
    let mut talk = asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").close();
    assert_eq!(talk.notes(), [(CHAT, "RFC 9112 §2.2")]);
    let mut talk = asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi\r\nGET");
    talk.close();
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §2.1")], "this is one that is cut short");
}

#[test]
fn garbage_is_not_repaired() {
    for garbage in
        ["GET / HTTP/1.1\r\n\x00\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\n X: y\r\n\r\n"]
    {
        assert_eq!(asked(garbage).notes(), [(ERROR, "RFC 9112 §2.1")], "{garbage:?}");
    }
}

#[test]
fn bodies_are_shown_decoded() {
    let cases = [("gzip", gzip(b"hello")), ("br", BROTLI.to_vec())];
    for (coding, body) in cases {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
        let talk = answered([head.as_bytes(), &body].concat());
        assert_eq!(talk.notes(), []);
        let layer = &talk.layers(1)[0];
        assert_eq!(layer.value("http.content_encoding"), Some(&Value::Text(coding.into())));
        let field = layer.fields.iter().find(|field| field.def.name == "http.file_data").unwrap();
        assert_eq!(field.value, Value::Bytes(b"hello".to_vec()));
        assert_eq!(field.span.as_ref().map(|span| span.buffer), Some(Buffer::Derived(0)));
        let http: &HttpMessage = talk.heard.messages[1].payload.as_any().downcast_ref().unwrap();
        let bytes = talk.bytes(&talk.heard.messages[1]);
        assert_eq!((http.body(bytes).into_owned(), http.decoded_body(bytes)), (body, Some(b"hello".to_vec())));
    }
}

#[test]
fn bodies_that_cannot_be_decoded_are_told() {
    let told = |head: &str| answered(format!("HTTP/1.1 {head}\r\nContent-Length: 5\r\n\r\nhello")).notes();
    assert_eq!(told("200 OK\r\nContent-Encoding: gzip"), [(ERROR, "RFC 9110 §8.4")]);
    assert_eq!(told("200 OK\r\nContent-Encoding: zstd"), [(Severity::Note, "RFC 9110 §8.4.1")]);
    assert_eq!(told("200 OK\r\nContent-Encoding: identity"), []);
    assert_eq!(told("206 Partial\r\nContent-Encoding: gzip\r\nContent-Range: bytes 0-4/9"), []);
    let mut talk = asked("HEAD / HTTP/1.1\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(talk.notes(), []);
}
