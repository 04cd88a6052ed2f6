use super::{EMPTY_200, GET, WARN, answered, asked, bodies, joined, talk};
use crate::layer::Severity;

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

/// The client may wait for 100 (Continue).
const WAITS: (Severity, &str) = (Severity::Chat, "RFC 9110 §10.1.1");

/// "upon receiving a 417 … the client SHOULD repeat that request without a 100-continue expectation": on the same connection, if
/// the server keeps that.
#[test]
fn a_body_that_was_spared_is_not_the_next_request() {
    let put = "PUT /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n";
    let chunked = "PUT /1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    let refused = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let again = "PUT /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let pairs = ["> PUT /1 (incomplete)", "< 417 Expectation Failed", "> PUT /1", "< 200 OK", "> GET /", "< 200 OK"];
    for put in [put, chunked] {
        for at in [3, 4, 20, again.len() - 1, again.len()] {
            let mut talk = asked(put);
            talk.server(refused).client(&again[..at]).client(&again[at..]).server(EMPTY_200);
            talk.client(GET).server(EMPTY_200).close();
            let mut told = talk.told();
            told.sort_by_key(|line| pairs.iter().position(|one| one == line));
            assert_eq!(told.len(), 6, "cut at {at}: {told:?}");
            assert_eq!(talk.notes(), [WAITS, (Severity::Note, "RFC 9110 §10.1.1")], "cut at {at}");
            let text = &talk.heard.messages.iter().find(|told| !told.complete).unwrap().notes[1].text;
            assert!(text.contains("the next request follows"), "{text}");
        }
    }
    // What is no request is the body, and so is what came before the answer, or behind one that ends the connection.
    let (line, rest) = again.split_at(40);
    for (before, answer, after) in [
        ("", refused, "forty octets, and none of them a request"),
        (&line[..3], refused, &line[3..]),
        ("", &refused.replace("Content", "Connection: close\r\nContent"), line),
    ] {
        let mut talk = asked(put);
        talk.client(before).server(answer).client(after).close();
        assert_eq!(talk.told().len(), 2, "{after}");
        assert!(talk.told().contains(&"> PUT /1".to_owned()), "{:?}", talk.told());
        assert_eq!(talk.notes(), [WAITS]);
    }
    assert!(rest.ends_with("hi"));
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
