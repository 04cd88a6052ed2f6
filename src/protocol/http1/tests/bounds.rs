use super::{EMPTY_200, ERROR, GET, TO_CLIENT, TO_SERVER, WARN, answered, asked, talk};
use crate::layer::Severity;
use crate::protocol::http1::HttpMessage;
use crate::protocol::testing::Told;

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
