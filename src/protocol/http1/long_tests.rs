//! Bodies that are longer than what is waited for: they are read as they come, and told as if they had come at once.

use super::coding::tests::gzip;
use super::{Http1, HttpMessage};
use crate::layer::Direction;
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
