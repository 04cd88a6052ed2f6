use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::{Http1, HttpMessage};
use crate::layer::{Direction, Severity, Value};
use crate::message::{Dissector, Probe, Verdict};
use crate::protocol::testing::{Case, Talk, Told};

const ERROR: Severity = Severity::Error;
const WARN: Severity = Severity::Warn;
const NOT_UNDONE: (Severity, &str) = (Severity::Note, "RFC 9112 §7");
const TO_SERVER: Direction = Direction::ToServer;
const TO_CLIENT: Direction = Direction::ToClient;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const EMPTY_200: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const UPGRADE: &str =
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket/13\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

fn talk() -> Talk {
    Talk::new(Http1.decoder().unwrap())
}

/// A connection that was joined in its middle.
fn joined() -> Talk {
    let probe = Probe { to_server: b"", to_client: b"", end: false, joined: true };
    Talk::new(Http1.joined(probe).unwrap())
}

/// A connection on which the client asked this.
fn asked(request: &str) -> Talk {
    let mut talk = talk();
    talk.client(request);
    talk
}

/// A GET and what the server answers; it does not close.
fn answered(response: &str) -> Talk {
    let mut talk = asked(GET);
    talk.server(response);
    talk
}

/// The bodies of the server's messages, as text.
fn bodies(talk: &Talk) -> Vec<String> {
    let from_server = talk.heard.messages.iter().filter(|told| told.direction == TO_CLIENT);
    let body = |told: &Told| {
        let message: &HttpMessage = told.payload.as_any().downcast_ref().unwrap();
        String::from_utf8(message.body(talk.bytes(told)).into_owned()).unwrap()
    };
    from_server.map(body).collect()
}

/// The body of the one answer, and what was noted.
fn body_of(response: &str) -> (Vec<String>, Vec<(Severity, &'static str)>) {
    let mut talk = answered(response);
    talk.close();
    (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
    (bodies(&talk), talk.notes())
}

#[test]
fn decodes() {
    let mut talk = asked("POST /a?b=c HTTP/1.1\r\nHost: example\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nhi");
    talk.server("HTTP/1.1 404 Not Found\r\nServer: s\r\nContent-Length: 4\r\n\r\ngone");
    assert_eq!(talk.told(), ["> POST /a?b=c", "< 404 Not Found"]);
    assert_eq!(talk.notes(), []);
    let request = &talk.layers(0)[0];
    let text = |text: &str| Some(Value::Text(text.into()));
    assert_eq!(request.value("http.request.method").cloned(), text("POST"));
    assert_eq!(request.value("http.request.uri").cloned(), text("/a?b=c"));
    assert_eq!(request.value("http.request.version").cloned(), text("HTTP/1.1"));
    assert_eq!(request.value("http.host").cloned(), text("example"));
    assert_eq!(request.value("http.header").cloned(), text("X-Own: 1"));
    assert_eq!(request.value("http.file_data"), Some(&Value::Bytes(b"hi".to_vec())));
    let response = &talk.layers(1)[0];
    assert_eq!(response.value("http.response.code"), Some(&Value::Uint(404)));
    assert_eq!(response.value("http.response.phrase").cloned(), text("Not Found"));
    assert_eq!(response.value("http.file_data"), Some(&Value::Bytes(b"gone".to_vec())));
}

/// Every field's span holds the text that the field says.
#[test]
fn fields_name_their_bytes() {
    let mut talk = asked("\r\nGET /x HTTP/1.1\r\nHOST:  a b \r\nX:\r\n\r\n");
    talk.server("\r\nHTTP/1.0 204 No Content\r\nDate: now\r\n\r\n");
    for n in 0..2 {
        let told = &talk.heard.messages[n];
        for field in &talk.layers(n)[0].fields {
            let (Some(span), Value::Text(text)) = (&field.span, &field.value) else { continue };
            let range = (span.range.start - told.range.start) as usize..(span.range.end - told.range.start) as usize;
            let bytes = String::from_utf8_lossy(&talk.bytes(told)[range]).into_owned();
            // `Name: value`, whatever space there was between them.
            let bytes = if field.def.name == "http.header" { bytes.replace(':', ": ") } else { bytes };
            assert_eq!(bytes.trim_end(), text.trim_end(), "{}", field.def.name);
        }
    }
}

#[test]
fn empty() {
    let mut talk = talk();
    talk.close();
    assert_eq!(talk.told(), [] as [&str; 0]);
    assert_eq!(asked("GET / HTTP/1.0\r\n\r\n").told(), ["> GET /"], "a head without header fields");
    assert_eq!(answered("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").told()[1], "< 200 ", "a reason may be empty");
}

/// One case for each cut point: more is waited for, and if no more comes, what is there is shown.
#[test]
fn cut_short() {
    let requests = [GET, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", UPGRADE];
    for request in requests {
        for cut in 1..request.len() {
            let mut talk = asked(&request[..cut]);
            assert_eq!(talk.told(), [] as [&str; 0], "{:?}", &request[..cut]);
            talk.cut();
            assert_eq!(talk.heard.messages.len(), 1, "{:?}", &request[..cut]);
            assert!(talk.told()[0].ends_with("(incomplete)"));
            assert_eq!(talk.notes().len(), 1);
            assert_eq!(talk.heard.messages[0].range, 0..cut as u64, "every octet is in it");
            talk.layers(0);
        }
    }
    let responses = [
        EMPTY_200,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        SWITCHING,
    ];
    for response in responses {
        for cut in 1..response.len() {
            let mut talk = answered(&response[..cut]);
            assert_eq!(talk.told(), ["> GET /"], "{:?}", &response[..cut]);
            talk.close();
            assert_eq!(talk.heard.messages.len(), 2, "{:?}", &response[..cut]);
            assert!(talk.told()[1].ends_with("(incomplete)"));
            assert_eq!(talk.heard.messages[1].range, 0..cut as u64);
            talk.layers(1);
        }
    }
}

/// Octet by octet comes to the same as all at once.
#[test]
fn a_message_may_come_octet_by_octet() {
    let response = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n10;x\r\n0123456789abcdef\r\n00\r\nA: b\r\nC: d\r\n\r\n";
    let whole = answered(&[response, EMPTY_200].concat());
    let mut slow = asked(GET);
    [response, EMPTY_200].concat().bytes().for_each(|octet| {
        slow.server([octet]);
    });
    assert_eq!(slow.told(), whole.told());
    assert_eq!(slow.notes(), whole.notes());
    assert_eq!((bodies(&slow)[1].as_str(), bodies(&slow) == bodies(&whole)), ("abc0123456789abcdef", true));
    assert_eq!(slow.layers(2), whole.layers(2));
}

#[test]
fn wrong_length() {
    let cases: &[Case] = &[
        ("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello", &[(WARN, "RFC 9112 §6.3")]),
        ("Content-Length: 5, 5\r\n\r\nhello", "hello", &[(WARN, "RFC 9112 §6.3")]),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length: +5\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length: five\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length:\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length: 9\r\n\r\nhello", "hello", &[(WARN, "RFC 9112 §8")]),
        ("Content-Length: 18446744073709551615\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
    ];
    for (rest, body, notes) in cases {
        let (bodies, noted) = body_of(&format!("HTTP/1.1 200 OK\r\n{rest}"));
        assert_eq!((bodies, noted), (vec![(*body).to_owned()], notes.to_vec()), "{rest:?}");
    }
}

/// RFC 9112 §6.3, in its order: what comes first decides.
#[test]
fn the_body_ends_where_the_first_rule_says() {
    // 1. "Any response to a HEAD request and any response with a 1xx, 204 or 304".
    let mut talk = asked("HEAD / HTTP/1.1\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
    talk.client(GET).server("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
    talk.client(GET).server("HTTP/1.1 204 No Content\r\n\r\n");
    talk.client(GET).server(EMPTY_200);
    assert_eq!(talk.told().len(), 8);
    assert_eq!(talk.told()[7], "< 200 OK");
    assert_eq!(talk.notes(), []);
    // 2. A 2xx to CONNECT has none, whatever its header fields say: `connect_leads_to_a_tunnel`.
    // 3. and 4. Transfer-Encoding overrides Content-Length.
    let (body, notes) =
        body_of("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    assert_eq!((body, notes), (vec!["hi".into()], vec![(WARN, "RFC 9112 §6.1")]));
    // "… the chunked transfer coding is not the final encoding, the message body length is determined by reading the
    // connection until it is closed"
    for coding in ["gzip", "chunked, gzip"] {
        let (body, notes) =
            body_of(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\nContent-Length: 1\r\n\r\n2\r\nhi"));
        assert_eq!((body, notes), (vec!["2\r\nhi".into()], vec![NOT_UNDONE, (WARN, "RFC 9112 §6.1")]), "{coding}");
    }
    // "If a Transfer-Encoding header field is present in a request and the chunked transfer coding is not the final
    // encoding, the message body length cannot be determined reliably"
    let talk = asked("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n");
    assert_eq!(talk.notes(), [NOT_UNDONE, (ERROR, "RFC 9112 §6.3")]);
    let talk = asked("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n");
    assert_eq!((talk.told(), talk.notes()), (vec!["> POST /".to_owned()], vec![NOT_UNDONE]), "the last of all counts");
    // 5. and 6. Content-Length: `wrong_length`. 7. A request without both has no body.
    assert_eq!(asked(&[GET, GET].concat()).told(), ["> GET /", "> GET /"]);
    // 8. A response without both ends with the connection: `a_body_may_end_with_the_connection`.
}

#[test]
fn a_body_may_end_with_the_connection() {
    const RESPONSE: &str = "HTTP/1.0 200 OK\r\n\r\nhello";
    let mut talk = answered(RESPONSE);
    assert_eq!(talk.told(), ["> GET /"], "it may go on");
    talk.server(" world").close();
    assert_eq!((talk.told()[1].as_str(), bodies(&talk)), ("< 200 OK", vec!["hello world".into()]));
    assert_eq!(talk.notes(), []);
    // A reset, or the end of the capture, does not say that this was all.
    let mut talk = answered(RESPONSE);
    talk.cut();
    assert_eq!(talk.told()[1], "< 200 OK (incomplete)");
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §8")]);
}

#[test]
fn chunks_are_taken_apart() {
    let talk = answered(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=\"a;b\"\r\nabc\r\nA\r\n0123456789\r\n\
         0;last\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n",
    );
    assert_eq!((talk.told()[1].as_str(), bodies(&talk)), ("< 200 OK", vec!["abc0123456789".into()]));
    assert_eq!(talk.left(TO_CLIENT), b"", "the trailer belongs to the message");
    let told = &talk.heard.messages[1];
    let parts = told.payload.parts(told.range.end - told.range.start);
    let parts: Vec<_> = parts.into_iter().map(|part| (part.owner, part.len)).collect();
    // Head; size line with extension; data; CRLF and size line; data; CRLF, last size line, trailer, empty line.
    assert_eq!(
        parts,
        [("http", 47), ("http", 13), ("payload", 3), ("http", 5), ("payload", 10), ("http", 2 + 8 + 22 + 2)]
    );
    talk.layers(1);
}

#[test]
fn of_a_chunk_that_is_cut_what_came_is_body() {
    for (body, expected) in [
        ("5\r\nhello\r\n6\r\nwor", "hellowor"),
        ("6\r\nwor", "wor"),
        ("5\r\nhello\r\n6\r\n", "hello"),
        ("5\r\nhello\r", "hello"),
    ] {
        let mut talk = answered(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        talk.cut();
        assert_eq!(
            (talk.told()[1].as_str(), bodies(&talk)),
            ("< 200 OK (incomplete)", vec![expected.into()]),
            "{body:?}"
        );
        let told = &talk.heard.messages[1];
        let parts = told.payload.parts(told.range.end - told.range.start);
        let data: u64 = parts.iter().filter(|part| part.owner == "payload").map(|part| part.len).sum();
        assert_eq!(data, expected.len() as u64, "{body:?}: {parts:?}");
        talk.layers(1);
    }
}

#[test]
fn chunks_that_make_no_sense_are_told() {
    let cases = [
        "xyz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "fffffffffffffffff\r\na",
        "-1\r\n",
        "ffffffffffffffff\r\na",
    ];
    for body in cases {
        let talk = answered(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        assert_eq!(talk.told()[1], "< 200 OK (incomplete)", "{body:?}");
        assert_eq!(talk.notes(), [(ERROR, "RFC 9112 §7.1")], "{body:?}");
        assert!(talk.deaf[TO_CLIENT.index()], "nobody knows where the next message begins");
        talk.layers(1);
    }
}

#[test]
fn several_interim_responses_come_before_the_final_one() {
    let mut talk = asked("HEAD / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n");
    talk.server(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    );
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    talk.client(GET).server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    let told = talk.told();
    assert_eq!(told[1..5], ["< 100 Continue", "< 103 Early Hints", "< 103 Early Hints", "< 200 OK"]);
    assert_eq!(told[5..], ["> GET /", "< 200 OK"], "the HEAD was answered by the first 200, so this one has a body");
    assert_eq!(talk.notes(), [(WARN, "RFC 9110 §10.1.1")], "a HEAD has no body to wait with");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut talk = asked(&["HEAD /1 HTTP/1.1\r\n\r\n", GET, "HEAD /3 HTTP/1.1\r\n\r\n", GET].concat());
    let with_body = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let head_only = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    talk.server([head_only, with_body, head_only, with_body].concat());
    assert_eq!(bodies(&talk), ["", "hi", "", "hi"]);
    assert_eq!((talk.told().len(), talk.notes()), (8, vec![]));
}

#[test]
fn a_response_without_a_request_is_told() {
    let mut alone = joined();
    alone.server(EMPTY_200);
    assert_eq!((alone.told(), alone.notes()), (vec!["< 200 OK".to_owned()], vec![(WARN, "RFC 9112 §9.3")]));
    let mut twice = answered(&[EMPTY_200, EMPTY_200].concat());
    assert_eq!((twice.told().len(), twice.notes()), (3, vec![(WARN, "RFC 9112 §9.2")]), "nobody asked for the second");
    twice.client("no HTTP\r\n\r\n").server(EMPTY_200);
    let noted = twice.heard.messages.pop().unwrap().notes;
    assert_eq!(noted[0].text, "a response to a request that could not be read");
}

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
    assert_eq!(talk.told()[1], "< 10 octets that are no HTTP message (incomplete)");
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §2.1")], "the server may have sent all of it");
    // What a cut head asks for is not judged.
    let mut talk = answered(&SWITCHING[..SWITCHING.len() - 4]);
    talk.close();
    assert_eq!((talk.told()[1].as_str(), talk.switched), ("< 101 Switching Protocols (incomplete)", false));
}

#[test]
fn connect_leads_to_a_tunnel() {
    let mut talk = asked("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\x16\x03\x01");
    assert_eq!(talk.told(), ["> CONNECT a:443"], "what follows waits for the answer");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x16\x03\x03").client("\x17\x03\x03");
    assert_eq!(talk.told(), ["> CONNECT a:443", "< 200 OK"], "the bytes in the tunnel are not HTTP");
    assert_eq!(talk.notes(), [(Severity::Chat, "RFC 9110 §9.3.6")], "and it is said whose they are");
    assert_eq!((talk.left(TO_SERVER), talk.left(TO_CLIENT)), (&b"\x16\x03\x01\x17\x03\x03"[..], &b"\x16\x03\x03"[..]));
    assert!(talk.switched, "whoever speaks in it is found out anew");
}

#[test]
fn a_refused_connect_stays_http() {
    let mut talk = asked("CONNECT a:443 HTTP/1.1\r\n\r\n");
    talk.server("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno");
    talk.client(GET).server(EMPTY_200);
    assert_eq!((talk.told().len(), talk.notes(), bodies(&talk)), (4, vec![], vec!["no".into(), String::new()]));
}

#[test]
fn after_101_what_follows_belongs_to_the_new_protocol() {
    // In the same segment as the request, and as the response.
    let mut talk = asked(&[UPGRADE, "client's"].concat());
    talk.server([SWITCHING, "server's"].concat());
    assert!(talk.switched);
    assert_eq!(talk.told(), ["> GET /chat   Upgrade: WebSocket/13", "< 101 Switching Protocols"]);
    assert_eq!((talk.left(TO_SERVER), talk.left(TO_CLIENT)), (&b"client's"[..], &b"server's"[..]));
    let upgrade = &talk.heard.upgrades[0];
    assert_eq!((upgrade.token.as_str(), upgrade.switched), ("websocket", true));
    assert_eq!((&*upgrade.request.start, &*upgrade.response.start), ("GET", "101"));
    assert_eq!(upgrade.response_range, 0..SWITCHING.len() as u64);
    assert!(upgrade.request.has_token("Connection", "upgrade"), "a list of tokens, in any case");
}

#[test]
fn a_client_that_does_not_wait_for_the_101_is_noticed() {
    let spoke_early = |talk: &Talk| talk.heard.upgrades[0].spoke_early;
    assert!(spoke_early(asked(UPGRADE).client("early").server(SWITCHING)));
    assert!(!spoke_early(asked(UPGRADE).server([SWITCHING, "server's"].concat()).client("in time")));
    assert!(!spoke_early(asked(UPGRADE).server(&SWITCHING[..20]).server(&SWITCHING[20..])));
}

#[test]
fn a_failed_upgrade_stays_http() {
    let mut talk = asked(UPGRADE);
    talk.client(GET);
    assert_eq!(talk.told().len(), 1, "the client has to wait for the answer");
    talk.server("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno").server(EMPTY_200);
    assert!(!talk.switched && !talk.heard.upgrades[0].switched);
    assert_eq!(talk.told()[1..], ["< 426 Upgrade Required", "> GET /", "< 200 OK"]);
    assert_eq!(talk.notes(), []);
}

#[test]
fn an_upgrade_nobody_answers_is_told() {
    let mut talk = asked(&[UPGRADE, "client's"].concat());
    talk.cut();
    assert_eq!(talk.heard.messages.len(), 2);
    assert_eq!(talk.notes().len(), 1);
}

#[test]
fn a_101_alone_is_a_change_too() {
    let mut talk = talk();
    talk.server([SWITCHING, "rest"].concat());
    assert!(!talk.switched, "its request may have been captured too late");
    talk.cut();
    assert!(talk.switched);
    assert_eq!((talk.heard.upgrades[0].token.as_str(), talk.left(TO_CLIENT)), ("websocket", &b"rest"[..]));
    assert!(talk.heard.upgrades[0].request.headers.is_empty());
}

#[test]
fn a_101_that_is_captured_before_its_request_waits_for_it() {
    for (before, behind) in [(UPGRADE.len(), ""), (0, "client's"), (30, "client's"), (0, "")] {
        let mut talk = talk();
        talk.client(&UPGRADE[..UPGRADE.len() - before]).server([SWITCHING, "server's"].concat());
        talk.client([&UPGRADE[UPGRADE.len() - before..], behind].concat());
        assert!(talk.switched, "{before}");
        assert_eq!((talk.told().len(), talk.notes()), (2, vec![]), "{before}");
        let upgrade = &talk.heard.upgrades[0];
        assert_eq!((upgrade.request_range.clone(), upgrade.spoke_early), (Some(0..UPGRADE.len() as u64), false));
        assert_eq!((talk.left(TO_SERVER), talk.left(TO_CLIENT)), (behind.as_bytes(), &b"server's"[..]));
    }
    // Not for ever, and not where the request is known to be missing.
    assert!(talk().server(SWITCHING).server([0; 20_000]).switched);
    assert!(talk().server(SWITCHING).skip(TO_SERVER, 100, "").switched);
    assert!(joined().server(SWITCHING).switched);
    // Where it is not known whether a request was answered, none is waited for.
    assert!(answered(&[EMPTY_200, EMPTY_200, SWITCHING].concat()).switched);
}

#[test]
fn the_answer_says_which_of_the_protocols_was_chosen() {
    let get = |offered: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n{offered}\r\n");
    let answer =
        |token: &str| format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {token}\r\n\r\n");
    for (offered, chosen) in [
        ("Upgrade: foo, websocket\r\n", "websocket"),
        ("Upgrade: foo/1\r\nUpgrade: websocket\r\n", "websocket"),
        ("Upgrade: websocket, h2c\r\n", "h2c"),
    ] {
        let mut talk = asked(&get(offered));
        talk.server(answer(chosen));
        assert_eq!((talk.heard.upgrades[0].token.as_str(), talk.notes()), (chosen, vec![]), "{offered}");
    }
    let mut talk = asked(&get("Upgrade: h2c\r\n"));
    talk.server(answer("websocket"));
    assert_eq!(talk.notes(), [(ERROR, "RFC 9110 §7.8")], "it was not asked for");
    // Of a refusal it is told what was asked for that anyone here knows.
    let mut talk = asked(&get("Upgrade: foo, websocket\r\n"));
    talk.server(EMPTY_200);
    assert_eq!((talk.heard.upgrades[0].token.as_str(), talk.heard.upgrades[0].switched), ("websocket", false));
}

#[test]
fn a_101_has_to_say_to_what() {
    let mut talk = asked(GET);
    talk.server("HTTP/1.1 101 Switching Protocols\r\n\r\nrest");
    assert_eq!(talk.notes(), [(ERROR, "RFC 9110 §15.2.2")]);
    assert_eq!(talk.told().len(), 2, "what follows is not HTTP, and nobody knows what it is");
}

#[test]
fn a_head_that_does_not_end_is_given_up() {
    let mut talk = asked("GET / HTTP/1.1\r\n");
    let line = format!("X: {}\r\n", "a".repeat(1000));
    for _ in 0..300 {
        talk.client(&line);
    }
    assert_eq!(talk.heard.messages.len(), 1);
    assert_eq!(talk.notes(), [(WARN, "RFC 9110 §5.4")]);
    assert!(talk.deaf[TO_SERVER.index()]);
}

/// Neither the line of a chunk's size nor the trailer is waited for without end.
#[test]
fn chunk_lines_and_trailers_are_bounded() {
    for start in ["1;", "0\r\nX: "] {
        let mut talk = answered(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{start}"));
        for _ in 0..300 {
            talk.server("a".repeat(1000));
        }
        assert_eq!(talk.notes(), [(ERROR, "RFC 9112 §7.1")], "{start:?}");
    }
}

#[test]
fn requests_that_wait_are_bounded() {
    let mut talk = asked(&GET.repeat(1030));
    assert_eq!(talk.notes(), [(WARN, "RFC 9112 §9.3.2"); 6], "the others cannot be paired, which is said");
    talk.server(EMPTY_200);
    assert_eq!(talk.heard.messages.len(), 1031);
}

/// Those that are not remembered are answered in their turn.
#[test]
fn requests_behind_those_that_are_not_remembered_are_paired_with_their_own() {
    let post = |n: usize| format!("POST / HTTP/1.1\r\nX-Id: {n}\r\n\r\n");
    let response = |n: usize| format!("HTTP/1.1 200 OK\r\nX-Id: {n}\r\nContent-Length: 0\r\n\r\n");
    let mut talk = talk();
    (0..1030).for_each(|n| _ = talk.client(post(n)));
    (0..100).for_each(|n| _ = talk.server(response(n)));
    (1030..1132).for_each(|n| _ = talk.client(post(n)));
    (100..1132).for_each(|n| _ = talk.server(response(n)));
    talk.client(post(1132)).server(response(1132));
    let id = |told: &Told| {
        let message: &HttpMessage = told.payload.as_any().downcast_ref().unwrap();
        String::from_utf8(message.header(talk.bytes(told), "x-id").unwrap().to_vec()).unwrap().parse::<usize>().unwrap()
    };
    let mut unpaired = Vec::new();
    for told in talk.heard.messages.iter().filter(|told| told.direction == TO_CLIENT) {
        let message: &HttpMessage = told.payload.as_any().downcast_ref().unwrap();
        match message.answers.clone() {
            None => unpaired.push(id(told)),
            Some(asked) => {
                let is_asked = |one: &&Told| one.direction == TO_SERVER && one.range == asked;
                assert_eq!(talk.heard.messages.iter().find(is_asked).map(id), Some(id(told)));
            }
        }
    }
    assert_eq!(unpaired, [1024, 1025, 1026, 1027, 1028, 1029, 1130, 1131]);
    assert_eq!(talk.notes().iter().filter(|note| **note == (Severity::Note, "RFC 9112 §9.3.2")).count(), 8);
}

#[test]
fn behind_a_gap_a_crowd_may_still_be_answered() {
    let mut talk = talk();
    (0..1030).for_each(|_| _ = talk.client(GET));
    talk.skip(TO_CLIENT, 400, EMPTY_200).client(GET).server([EMPTY_200, EMPTY_200].concat());
    let answers = |told: &Told| told.payload.as_any().downcast_ref::<HttpMessage>().unwrap().answers.is_some();
    assert!(!talk.heard.messages.iter().any(answers));
}

/// Of the response to one of them it is not known whether it has a body.
#[test]
fn behind_a_head_that_is_not_remembered_nothing_is_paired() {
    let mut talk = asked(&[&GET.repeat(1024), "HEAD / HTTP/1.1\r\n\r\n"].concat());
    talk.server(EMPTY_200.repeat(1024));
    talk.client(GET).server([EMPTY_200, EMPTY_200].concat());
    let answers = |told: &Told| told.payload.as_any().downcast_ref::<HttpMessage>().unwrap().answers.is_some();
    assert_eq!(talk.heard.messages.iter().filter(|told| answers(told)).count(), 1024);
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

#[test]
fn a_request_may_be_answered_before_its_body_is_there() {
    let mut talk = talk();
    talk.client("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    talk.server("HTTP/1.1 100 Continue\r\n\r\n");
    talk.client("hi").server("HTTP/1.1 204 No Content\r\n\r\n");
    talk.client("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
    talk.server("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    let serious = talk.notes().into_iter().filter(|(severity, _)| *severity >= Severity::Warn).count();
    assert_eq!(serious, 0, "{:?}", talk.notes());
}
