use super::{EMPTY_200, ERROR, GET, TO_CLIENT, WARN, answered, asked, bodies, body_of};
use crate::layer::Severity;
use crate::protocol::testing::Talk;

const NOT_UNDONE: (Severity, &str) = (Severity::Note, "RFC 9112 §7");

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

/// An event stream has no end that its server must say: who leaves it has done nothing wrong. Of one that said how long it is,
/// the rest is missing.
#[test]
fn an_event_stream_may_be_left() {
    const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    for (framing, body, expected) in [
        ("Transfer-Encoding: chunked\r\n", "9\r\ndata: a\n\n\r\n", (Severity::Note, "WHATWG HTML §9.2")),
        ("", "data: a\n\n", (Severity::Note, "WHATWG HTML §9.2")),
        ("Content-Length: 20\r\n", "data: a\n\n", (WARN, "RFC 9112 §8")),
    ] {
        let mut talk = answered(&format!("{STREAM}{framing}\r\n{body}"));
        talk.cut();
        assert_eq!(talk.notes(), [expected], "{framing}");
    }
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

/// Of a message of many chunks each frame asks for the few parts that it brought: all of them would be made as often as there
/// are frames.
#[test]
fn of_many_chunks_only_those_asked_for_are_made_parts() {
    let body = "3;x\r\nabc\r\n".repeat(5000);
    let talk = answered(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n"));
    let told = &talk.heard.messages[1];
    let len = told.range.end - told.range.start;
    let (all, mut ends) = (told.payload.parts(len), vec![0]);
    all.iter().for_each(|part| ends.push(ends[ends.len() - 1] + part.len));
    assert_eq!((all.len(), ends[ends.len() - 1]), (2 + 2 * 5000, len));
    for start in (0..len - 10).step_by(997).chain([0, 1, 46, 47, 48, 49, 52, len - 11, len - 6, len - 5, len - 1]) {
        let range = start..(start + 10).min(len);
        let (first, parts) = told.payload.parts_in(len, &range);
        assert!((1..=6).contains(&parts.len()), "{start}: {parts:?}");
        let at = ends.iter().position(|end| *end == first).unwrap();
        assert_eq!(parts, all[at..at + parts.len()], "{start}");
        assert!(first <= range.start && ends[at + parts.len()] >= range.end, "{start}: {parts:?}");
    }
}

/// "A recipient MUST parse and ignore a reasonable number of empty list elements" (RFC 9110 §5.6.1.2).
#[test]
fn nothing_between_two_commas_is_no_coding() {
    let talk = asked("POST / HTTP/1.1\r\nTransfer-Encoding: ,chunked,\r\n\r\n0\r\n\r\n");
    assert_eq!((talk.told(), talk.notes()), (vec!["> POST /".to_owned()], vec![]));
}

/// What is wrong with a length is said: it is a number.
#[test]
fn a_length_may_be_too_large_or_end_wrongly() {
    let noted = |talk: Talk| talk.heard.messages.last().unwrap().notes[0].text.clone();
    let request = |length: &str| noted(asked(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n")));
    assert_eq!(request("99999999999999999999999999"), "Content-Length is larger than any number that is counted here");
    assert_eq!(request("9e9"), "Content-Length is not a number");
    assert_eq!(request(""), "Content-Length is not a number");
    let chunk =
        |line: &str| noted(answered(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{line}hello")));
    assert_eq!(chunk("ffffffffffffffffff\r\n"), "the size of a chunk is larger than any number that is counted here");
    assert_eq!(chunk("5\n"), "the line with a chunk's size ends with a line feed alone");
    assert_eq!(chunk("5;x\r\n5\r\n"), "a chunk does not end where its size says");
    assert_eq!(chunk("5z\r\n"), "the size of a chunk is not a hexadecimal number");
}

/// "a server MUST NOT generate content in a 205 response" (RFC 9110 §15.3.6)
#[test]
fn a_205_has_no_content() {
    const NOTE: (Severity, &str) = (WARN, "RFC 9110 §15.3.6");
    for (rest, notes) in [
        ("Content-Length: 0\r\n\r\n", vec![]),
        ("Content-Length: 2\r\n\r\nhi", vec![NOTE]),
        ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", vec![]),
        ("Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", vec![NOTE]),
        ("\r\n", vec![]),
        ("\r\nhi", vec![NOTE]),
    ] {
        assert_eq!(body_of(&format!("HTTP/1.1 205 Reset Content\r\n{rest}")).1, notes, "{rest:?}");
    }
}

/// A client that waits for 100 (Continue) and is refused sends no body, as it should (RFC 9110 §10.1.1).
#[test]
fn who_is_refused_before_the_body_need_not_send_it() {
    let refused = |body: &str, status: &str| {
        let mut talk = asked("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        talk.server(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")).client(body).close();
        assert!(talk.told().contains(&"> POST / (incomplete)".to_owned()));
        talk.notes()
    };
    let expects = (Severity::Chat, "RFC 9110 §10.1.1");
    assert_eq!(refused("", "417 Expectation Failed"), [expects, expects]);
    assert_eq!(refused("he", "417 Expectation Failed"), [expects, (WARN, "RFC 9112 §8")], "it had begun");
    assert!(refused("", "100 Continue").contains(&(WARN, "RFC 9112 §8")), "it was told to go on");
}
