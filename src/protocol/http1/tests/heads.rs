use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::{EMPTY_200, ERROR, GET, SWITCHING, TO_CLIENT, WARN, answered, asked, joined, talk};
use crate::layer::{Group, Severity, Value};
use crate::message::{Dissector as _, Probe, Verdict};
use crate::protocol::http1::{Http1, HttpMessage};

#[test]
fn a_head_may_have_many_header_fields() {
    let request = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(count));
    for count in [256, 257, 8192] {
        let mut talk = asked(&request(count));
        talk.server(EMPTY_200);
        assert_eq!((talk.told(), talk.notes()), (vec!["> GET /".to_owned(), "< 200 OK".to_owned()], vec![]), "{count}");
        assert_eq!(talk.layers(0)[0].fields.iter().filter(|field| field.def.name == "http.header").count(), count);
    }
    let mut talk = asked(&request(8193));
    talk.server(EMPTY_200);
    assert_eq!(
        talk.notes(),
        [(WARN, "RFC 9110 §5.4"), (Severity::Note, "RFC 9112 §9.2")],
        "our limit is nobody's fault"
    );
}

#[test]
fn what_is_there_of_a_cut_head_is_shown() {
    let cut = "POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Own: not all of th";
    let mut talk = asked(cut);
    talk.cut();
    assert_eq!(
        (talk.told(), talk.notes()),
        (vec!["> POST /long (incomplete)".to_owned()], vec![(WARN, "RFC 9112 §2.1")])
    );
    let layer = &talk.layers(0)[0];
    assert_eq!(layer.value("http.host"), Some(&Value::Text("a".into())));
    assert_eq!(layer.value("http.header"), None, "half of a value is none");
    let mut talk = answered("HTTP/1.1 200 OK\r\nContent-Le");
    talk.close();
    assert_eq!(talk.told()[1], "< 200 OK (incomplete)");
    let answer: &HttpMessage = talk.heard.messages[1].payload.as_any().downcast_ref().unwrap();
    assert_eq!(answer.answers, Some(0..GET.len() as u64));
    let mut talk = answered("HTTP/1.1 2");
    talk.close();
    assert_eq!(talk.told()[1], "< 10 octets of a head that ends in its first line (incomplete)");
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §2.1")], "the server may have sent all of it");
    // What a cut head asks for is not judged.
    let mut talk = answered(&SWITCHING[..SWITCHING.len() - 4]);
    talk.close();
    assert_eq!((talk.told()[1].as_str(), talk.switched), ("< 101 Switching Protocols (incomplete)", false));
}

#[test]
fn garbage_is_told() {
    let mut talk = asked("GET / HTTP/1.1\r\n\r\n\x00\x01\x02 what is this\r\n\r\n");
    assert_eq!(talk.told()[1], "> 20 octets that are no HTTP message (incomplete)");
    assert_eq!(talk.notes(), [(ERROR, "RFC 9112 §2.1")]);
    assert_eq!(talk.deaf, [true, false], "the other direction is still read");
    talk.server(EMPTY_200);
    assert_eq!(talk.told()[2], "< 200 OK");
    talk.layers(1);
}

/// A server that speaks something else says so in its first octets.
#[test]
fn what_is_said_instead_is_named() {
    let settings = "\0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\x04\0\0\x7f\x7f";
    for (answer, name) in [
        (settings, Some("frames of HTTP/2")),
        ("\0\0\0\x04\0\0\0\0\0", Some("frames of HTTP/2")),
        ("\x15\x03\x01\0\x02\x02\x46", Some("a record of TLS")),
        ("SSH-2.0-OpenSSH_9.2\r\n", Some("how SSH begins")),
        // A frame on a stream, one whose length is none of SETTINGS, a version that TLS never had.
        ("\0\0\x06\x04\0\0\0\0\x01\0\0\0\0\0\0\r\n\r\n", None),
        ("\0\0\x05\x04\0\0\0\0\0\0\0\0\0\0\r\n\r\n", None),
        ("\x15\x02\x01\0\x02\x02\x46", None),
    ] {
        let talk = answered(answer);
        let note = &talk.heard.messages[1].notes[0];
        assert_eq!((note.severity, note.group), (ERROR, Group::Malformed), "{answer:?}");
        assert!(name.is_none_or(|name| note.text.contains(name)), "{answer:?}: {}", note.text);
        let others = ["HTTP/2", "TLS", "SSH"].iter().filter(|other| note.text.contains(**other)).count();
        assert_eq!(others, usize::from(name.is_some()), "{answer:?}: {}", note.text);
    }
}

#[test]
fn a_request_is_recognised_at_its_first_line() {
    let probe = |to_server: &str, to_client: &str, end| {
        Http1.probe(Probe { to_server: to_server.as_bytes(), to_client: to_client.as_bytes(), end, joined: false })
    };
    let line = "OPTIONS * HTTP/1.1\r\n";
    for cut in 0..line.len() {
        assert_eq!(probe(&line[..cut], "", false), Verdict::NeedMore, "{:?}", &line[..cut]);
        assert_eq!(probe(&line[..cut], "", true), Verdict::No, "{:?}", &line[..cut]);
    }
    assert_eq!(probe(line, "", false), Verdict::Yes);
    assert_eq!(probe("", "HTTP/1.1 200 OK", false), Verdict::Yes, "the request was not captured");
    assert_eq!(probe("", "HTTP", false), Verdict::NeedMore);
    let others = ["SSH-2.0-x\r\n", "\x16\x03\x01", "PRI * HTTP/2.0\r\n", "GET / RTSP/1.0\r\n", "helo there\r\n"];
    for other in others {
        assert_eq!(probe(other, "", false), Verdict::No, "{other:?}");
    }
    assert_eq!(probe(&"A".repeat(30), "", false), Verdict::No, "no method is that long");
    assert_eq!(probe("\r\nGET / HTTP/1.1\r\n", "", false), Verdict::Yes, "an empty line may come first (§2.2)");
    let lines = "\r\n".repeat(8);
    for cut in 0..lines.len() {
        assert_eq!(probe(&lines[..cut], "", false), Verdict::NeedMore, "{cut}");
        assert_eq!(probe(&[&lines[..cut], "helo there\r\n"].concat(), "", false), Verdict::No, "{cut}");
    }
    assert_eq!(probe(&[&lines, line].concat(), "", false), Verdict::Yes, "or several");
    assert_eq!(probe(&[&lines, "\r\n", line].concat(), "", false), Verdict::No, "but not without end");
    let mut talk = asked(&["\r\n\r\n", GET, "\r\n", GET].concat());
    talk.server([EMPTY_200, EMPTY_200].concat());
    assert_eq!(talk.told(), ["> GET /", "> GET /", "< 200 OK", "< 200 OK"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random octets, and random changes to a good exchange: no panic, nothing is shown twice.
    #[test]
    fn garbage_never_panics(
        at in 0_usize..200,
        with in any::<[u8; 3]>(),
        garbage: Vec<u8>,
        chunked in any::<bool>(),
        cuts in proptest::collection::vec(1_usize..40, 1..9),
    ) {
        let body = if chunked { "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" } else { "Content-Length: 5\r\n\r\nhello" };
        let response = [&format!("HTTP/1.1 200 OK\r\nServer: x\r\n{body}{EMPTY_200}").into_bytes()[..], &garbage].concat();
        let mut changed = response;
        let at = at % changed.len();
        changed.splice(at..(at + 1).min(changed.len()), with);
        let mut talk = asked(&GET.repeat(3));
        let mut rest = &changed[..];
        for cut in cuts.iter().cycle().take(500) {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            talk.server(piece);
            rest = after;
        }
        talk.cut();
        let mut end = 0;
        for n in 0..talk.heard.messages.len() {
            talk.layers(n);
            let told = &talk.heard.messages[n];
            if told.direction == TO_CLIENT {
                prop_assert_eq!(told.range.start, end);
                end = told.range.end;
            }
        }
        prop_assert_eq!(end as usize == changed.len() || talk.deaf[TO_CLIENT.index()], true, "all is shown");
    }
}

/// Methods are case-sensitive, so this one is none of those that are known. Who sends it speaks HTTP all the same.
#[test]
fn a_method_in_small_letters_is_told() {
    let probe =
        |line: &str| Http1.probe(Probe { to_server: line.as_bytes(), to_client: b"", end: false, joined: false });
    for line in ["patch /api/1 HTTP/1.1\r\n", "Get / HTTP/1.0\r\n"] {
        (0..line.len()).for_each(|cut| assert_eq!(probe(&line[..cut]), Verdict::NeedMore, "{:?}", &line[..cut]));
        assert_eq!(probe(line), Verdict::Yes, "{line:?}");
    }
    for other in ["get / HTTP/2.0\r\n", "get it\r\n", "hello / HTTP/1.1\r\n", "hel", "getting", "gets ", "putx"] {
        assert_eq!(probe(other), Verdict::No, "{other:?}");
    }
    let request = "patch /api/1 HTTP/1.1\r\nHost: a\r\n\r\n";
    for mut talk in [talk(), joined()] {
        talk.client(request).server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(talk.told(), ["> patch /api/1", "< 400 Bad Request"]);
        assert_eq!(talk.notes(), [(WARN, "RFC 9110 §9.1")]);
    }
    assert_eq!(asked("brew /pot HTTP/1.1\r\n\r\n").notes(), [], "it is a method of its own");
}

/// A recipient "SHOULD process the message as if it was in the highest minor version within that major version to which the
/// recipient is conformant" (RFC 9110 §2.5).
#[test]
fn a_higher_minor_version_is_read_as_the_highest_that_is_known() {
    let mut talk = asked("GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    talk.server("HTTP/1.7 200 OK\r\nContent-Length: 0\r\n\r\n").client(GET).server("HTTP/1.2 204\r\n\r\n");
    assert_eq!(talk.told(), ["> GET /", "< 200 OK", "> GET /", "< 204"]);
    assert_eq!(talk.notes(), [(Severity::Note, "RFC 9110 §2.5"); 3]);
    let version = |n: usize, name| talk.layers(n)[0].value(name).cloned();
    assert_eq!(version(0, "http.request.version"), Some(Value::Text("HTTP/1.2".into())));
    assert_eq!(version(1, "http.response.version"), Some(Value::Text("HTTP/1.7".into())));
    assert_eq!(asked("GET / HTTP/1.x\r\n\r\n").notes(), [(ERROR, "RFC 9112 §2.1")]);
}

/// The whole of a layer's fields with this beginning, as `name value`.
fn said(layer: &crate::layer::Layer, start: &str) -> Vec<String> {
    let fields = layer.fields.iter().filter(|field| field.def.name.starts_with(start));
    fields.map(|field| format!("{} {}", &field.def.name[start.len()..], field.value)).collect()
}

#[test]
fn a_target_says_more_than_itself() {
    let cases: [(&str, &[&str]); 6] = [
        (
            "GET /socket.io/?EIO=4&&sid=x?y HTTP/1.1\r\nHost:  h \r\n\r\n",
            &[".path /socket.io/", ".query EIO=4&&sid=x?y", ".query.parameter EIO=4", ".query.parameter sid=x?y"],
        ),
        ("GET /a? HTTP/1.1\r\nHost: h\r\n\r\n", &[]),
        ("GET ?b HTTP/1.1\r\nHost: h\r\n\r\n", &[".path ", ".query b", ".query.parameter b"]),
        ("GET http://h/a HTTP/1.1\r\nHost: other\r\n\r\n", &[]),
        ("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", &[]),
        ("GET /nobody HTTP/1.0\r\n\r\n", &[]),
    ];
    let whole = [
        Some("http://h/socket.io/?EIO=4&&sid=x?y"),
        Some("http://h/a?"),
        Some("http://h?b"),
        Some("http://h/a"),
        Some("h:443"),
        None,
    ];
    for ((text, parts), whole) in cases.into_iter().zip(whole) {
        let layer = asked(text).layers(0).remove(0);
        assert_eq!(said(&layer, "http.request.uri")[1..], *parts, "{text}");
        assert_eq!(layer.value("http.request.full_uri").map(ToString::to_string).as_deref(), whole, "{text}");
    }
}

/// What is read from a header field lies within it.
#[test]
fn a_header_field_says_more_than_its_text() {
    let talk = asked("POST /a HTTP/1.1\r\nHost: h\r\nCookie: a=b;  c=d;\r\nContent-Length: 0\r\n\r\n");
    let (layer, told) = (talk.layers(0).remove(0), &talk.heard.messages[0]);
    assert_eq!(said(&layer, "http.cookie"), [" a=b;  c=d;", "_pair a=b", "_pair c=d"]);
    assert_eq!(said(&layer, "http.content_length"), ["_header 0", " 0"]);
    for field in layer.fields.iter().filter(|field| field.def.name == "http.cookie_pair") {
        let span = field.span.clone().unwrap().range;
        let range = (span.start - told.range.start) as usize..(span.end - told.range.start) as usize;
        assert_eq!(talk.bytes(told)[range], *field.value.to_string().as_bytes());
    }
}
