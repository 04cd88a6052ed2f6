//! Bodies that are longer than what is waited for: they are read as they come, and told as if they had come at once.

use super::body::{Chunks, MAX_CHUNKS, Walk};
use super::coding::tests::gzip;
use super::head::Unfinished;
use super::{Http1, HttpMessage};
use crate::layer::{Direction, Severity};
use crate::message::Dissector;
use crate::protocol::testing::Talk;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// So many octets that do not compress well.
fn octets(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn with_length(fields: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn in_chunks(fields: &str, body: &[u8], size: usize) -> Vec<u8> {
    let mut message = format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in body.chunks(size) {
        message.extend(format!("{:x}\r\n", chunk.len()).bytes());
        message.extend(chunk);
        message.extend(b"\r\n");
    }
    message.extend(b"0\r\n\r\n");
    message
}

/// What is told of a response that comes in pieces of this size, with one behind it.
fn heard(response: &[u8], piece: usize) -> Talk {
    let mut talk = Talk::new(Http1.decoder().unwrap());
    talk.client(GET).client(GET);
    let both = [response, b"HTTP/1.1 204 No Content\r\n\r\n"].concat();
    both.chunks(piece).for_each(|piece| _ = talk.server(piece));
    talk
}

#[test]
fn pieces_do_not_change_what_is_told() {
    let body = octets(300_000);
    let packed = gzip(&body);
    let damaged: Vec<u8> = packed.iter().enumerate().map(|(i, o)| if i == 200_000 { !o } else { *o }).collect();
    let gzip = "Content-Encoding: gzip\r\n";
    let responses = [
        with_length("", &body),
        in_chunks("", &body, 1000),
        in_chunks("", &body, 200_000),
        with_length(gzip, &packed),
        in_chunks(gzip, &packed, 70_000),
        with_length(gzip, &damaged),
        with_length(gzip, &packed[..packed.len() - 5]),
        with_length(gzip, &[&packed[..], b"behind"].concat()),
    ];
    for (n, response) in responses.iter().enumerate() {
        let whole = heard(response, usize::MAX);
        assert_eq!(whole.heard.messages.len(), 4, "response {n}");
        for piece in [1448, 65_000, 65_537, 299_999] {
            let talk = heard(response, piece);
            assert_eq!((talk.told(), talk.notes()), (whole.told(), whole.notes()), "response {n} by {piece}");
            let told = &talk.heard.messages[2];
            let message: &HttpMessage = told.payload.as_any().downcast_ref().unwrap();
            assert_eq!(message, whole.heard.messages[2].payload.as_any().downcast_ref().unwrap());
        }
    }
}

#[test]
fn an_event_stream_is_read_as_it_comes() {
    let event = format!("data: {}\n\n", "x".repeat(1000));
    let response = in_chunks("Content-Type: text/event-stream\r\n", event.repeat(200).as_bytes(), 1500);
    let whole = heard(&response, usize::MAX);
    assert_eq!(whole.heard.messages.len(), 2 + 200 + 2);
    assert_eq!(heard(&response, 1448).told(), whole.told());
}

/// Which octets of it are framing is not remembered of all, but that takes nothing away from the body.
#[test]
fn more_chunks_than_are_remembered_are_read() {
    let event = format!("data: {}\n\n", "x".repeat(120));
    let body = event.repeat(MAX_CHUNKS / event.len() + 9);
    let response = in_chunks("Content-Type: text/event-stream\r\n", body.as_bytes(), 1);
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let packed = gzip(&(0..MAX_CHUNKS + 5000).map(|_| random()).collect::<Vec<u8>>());
    assert!(packed.len() > MAX_CHUNKS);
    let packed = in_chunks("Content-Encoding: gzip\r\n", &packed, 1);
    for piece in [65_000, usize::MAX] {
        let talk = heard(&response, piece);
        let is_event = |line: &&String| !line.contains("GET") && !line.starts_with("< 20");
        assert_eq!(talk.told().iter().filter(is_event).count(), MAX_CHUNKS / event.len() + 9, "by {piece}");
        let noted: Vec<_> = talk.heard.messages.iter().filter(|told| !told.notes.is_empty()).collect();
        let [answer] = noted[..] else { panic!("{:?}", talk.notes()) };
        assert!(answer.complete && answer.notes[0].text.starts_with("more than 262144 chunks"), "{:?}", answer.notes);
        let message: &HttpMessage = answer.payload.as_any().downcast_ref().unwrap();
        assert_eq!(message.body(talk.bytes(answer)), body.as_bytes(), "by {piece}");
        let len = answer.range.end - answer.range.start;
        assert_eq!(answer.payload.parts(len).iter().map(|part| part.len).sum::<u64>(), len);
        assert_eq!(heard(&packed, piece).notes(), [(Severity::Note, "")], "it can be undone, by {piece}");
    }
    // As many as that, and the same cut in a chunk.
    assert_eq!(heard(&in_chunks("", &octets(MAX_CHUNKS as u32), 1), usize::MAX).notes(), []);
    let mut talk = Talk::new(Http1.decoder().unwrap());
    talk.client(GET).server(&response[..response.len() - "\n\r\n0\r\n\r\n".len()]).cut();
    let answer = talk.heard.messages.iter().rfind(|told| !told.notes.is_empty()).unwrap();
    let message: &HttpMessage = answer.payload.as_any().downcast_ref().unwrap();
    assert_eq!(*message.body(talk.bytes(answer)), body.as_bytes()[..body.len() - 1], "what came of it");
}

#[test]
fn no_more_is_kept_than_is_needed() {
    for response in [with_length("", &octets(500_000)), in_chunks("", &octets(500_000), 400_000)] {
        let mut talk = Talk::new(Http1.decoder().unwrap());
        talk.client(GET);
        for piece in response.chunks(10_000) {
            talk.server(piece);
            assert!(talk.left(Direction::ToClient).len() <= 80_000, "{}", talk.left(Direction::ToClient).len());
        }
        assert_eq!(talk.heard.messages.len(), 2);
    }
}

#[test]
fn cut_short() {
    let body = octets(100_000);
    for response in [with_length("", &body), in_chunks("", &body, 90_000)] {
        let mut talk = Talk::new(Http1.decoder().unwrap());
        talk.client(GET);
        response[..95_000].chunks(5000).for_each(|piece| _ = talk.server(piece));
        talk.cut();
        assert_eq!(talk.told(), ["> GET /", "< 200 OK (incomplete)"]);
        assert_eq!(talk.heard.messages[1].range, 0..95_000);
    }
}

/// A head of many fields, each with its number in it.
fn many_fields(fields: usize) -> String {
    (0..fields).fold("GET / HTTP/1.1\r\n".to_owned(), |head, n| head + &format!("x-{n}: {n}\r\n"))
}

#[test]
fn a_head_may_come_octet_by_octet() {
    let heard = |rest: &str, piece: usize| {
        let mut talk = Talk::new(Http1.decoder().unwrap());
        (many_fields(1000) + rest).as_bytes().chunks(piece).for_each(|piece| _ = talk.client(piece));
        talk.cut();
        talk
    };
    for piece in [1, 7, usize::MAX] {
        for end in ["\r\n", "\n"] {
            assert_eq!(heard(end, piece).told(), ["> GET /"], "{piece} of {end:?}");
        }
        let talk = heard("un readable\r\n\r\n", piece);
        assert_eq!(talk.notes(), [(Severity::Error, "RFC 9112 §2.1")], "{piece}");
        assert!(talk.told()[0].contains("octets that are no HTTP message"), "{:?}", talk.told());
        assert_eq!(heard("cut", piece).told(), ["> GET / (incomplete)"], "{piece}");
    }
}

/// Reading it anew with each octet takes the square of its length.
#[test]
fn a_head_that_comes_octet_by_octet_is_seldom_read() {
    let head = many_fields(20_000) + "\r\n";
    let (mut read, mut unfinished) = (Vec::new(), Unfinished::default());
    for len in 1..=head.len().min(200_000) {
        if unfinished.may_have_ended(0, &head.as_bytes()[..len]) {
            read.push(len);
            unfinished.note(0, len);
        }
    }
    assert!(read.iter().sum::<usize>() < 12 * 200_000, "{} times", read.len());
    assert!(unfinished.may_have_ended(1, &head.as_bytes()[..600]), "another head");
    for end in ["\n\n", "\n\r\n"] {
        for left in 1..=end.len() {
            let ended = [&head.as_bytes()[..5000], end.as_bytes()].concat();
            unfinished.note(0, ended.len() - left);
            assert!(unfinished.may_have_ended(0, &ended), "{left} of {end:?} are new");
        }
    }
}

/// The lines of chunks and the trailer, with all that may end them or not.
#[test]
fn framing_may_come_octet_by_octet() {
    let long = "x".repeat(3000);
    let bodies = [
        format!("1;a={long}\r\nA\r\n2 \t ;{long}\n{long};\r\nBC\r\n0;{long}\r\n\r\n"),
        format!("1\r\nA\r\n2;\r\nBC\r\n0\r\nSum: {long}\r\nOther: \r{long}\n\r\r\n\r\n"),
        format!("1;{long}\r\nA\r\n2\r\nBC\r\n0;{long}\r\nSum: {long}\r\n\r\n"),
        format!("1\r\nA\r\n2;{long}\rno end\r\nBC\r\n0\r\n\r\n"),
        format!("1\r\nA\r\n2{}x\r\nBC\r\n0\r\n\r\n", " ".repeat(3000)),
        // What follows ends the trailer.
        format!("1\r\nA\r\n2;{long}\r\nBC\r\n0\r\nSum: {long}"),
    ];
    for (n, body) in bodies.into_iter().enumerate() {
        let response = ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &body].concat();
        let said = |piece: usize| {
            let mut talk = heard(response.as_bytes(), piece);
            talk.cut();
            let answer = &talk.heard.messages[2];
            let message: &HttpMessage = answer.payload.as_any().downcast_ref().unwrap();
            let body = message.body(talk.bytes(answer)).into_owned();
            (talk.told(), talk.notes(), body)
        };
        let whole = said(usize::MAX);
        let is_broken = whole.0[2].ends_with("(incomplete)");
        assert_eq!(is_broken, matches!(n, 3 | 4), "{:?}", whole.0);
        assert!(is_broken || whole.2 == b"ABC", "{}", &body[..20]);
        for piece in [1, 2, 3, 1000] {
            let slow = said(piece);
            assert_eq!(slow.1, whole.1, "{} by {piece}", &body[..20]);
            if !is_broken {
                assert_eq!(slow, whole, "{} by {piece}", &body[..20]);
            }
        }
    }
}

/// Reading it anew with each octet takes the square of its length.
#[test]
fn the_line_of_a_chunk_that_comes_octet_by_octet_is_seldom_read() {
    let line = format!("10  {};{}", " ".repeat(1000), "x".repeat(5000));
    let (mut chunks, mut read) = (Chunks::default(), 0);
    for len in 1..=line.len() {
        if chunks.may_have_ended(&line.as_bytes()[..len]) {
            read += 1;
            assert_eq!(chunks.walk(&line.as_bytes()[..len], 0), Walk::NeedMore);
        }
    }
    assert!(read < 10, "{read} times");
    assert_eq!(chunks.walk([&line, "\r"].concat().as_bytes(), 0), Walk::NeedMore);
    let ended = [&line, "\r\n0123456789abcdef\r\n0\r\n\r\n"].concat();
    assert_eq!(chunks.walk(ended.as_bytes(), 0), Walk::Complete(ended.len()));
}
