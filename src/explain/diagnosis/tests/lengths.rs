//! Messages of HTTP that are shorter or longer than they announce.

use super::{one, told};
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_CLIENT, TO_SERVER};

#[test]
fn an_answer_in_chunks_that_is_cut_is_told_if_its_sender_left() {
    let cut = |by| {
        let mut talk = Conversation::new().open();
        talk.client("GET /x?y HTTP/1.1\r\nHost: x\r\n\r\n");
        talk.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
        talk.segment(by, Flags::FIN | Flags::ACK, b"");
        talk
    };
    let found = one(&cut(TO_CLIENT));
    let says = "the answer to GET /x is cut: 127.0.0.1:8080 closed before the chunk that ends it; ";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Error, vec![4, 6]));
    assert_eq!(told(&cut(TO_SERVER)), [""; 0], "who leaves a stream has had enough");
}

/// Such an answer is whole when its sender closes; a RST may have thrown away what was on its way.
#[test]
fn an_answer_without_a_length_is_not_ended_by_a_reset() {
    let ended = |by, flags, version: &str| {
        let mut talk = Conversation::new().open();
        talk.client("GET /x HTTP/1.0\r\n\r\n").server(format!("HTTP/{version} 200 OK\r\n\r\nhello"));
        talk.segment(by, flags, b"");
        talk
    };
    let reset = Flags::RST | Flags::ACK;
    for version in ["1.0", "1.1"] {
        let found = one(&ended(TO_CLIENT, reset, version));
        let says = "the answer to GET /x has no length, so it lasts until its sender closes, and 127.0.0.1:8080 broke off instead: ";
        assert!(found.text.starts_with(says), "{}", found.text);
        assert_eq!((found.severity, found.frames), (Severity::Error, vec![4, 5, 6]));
    }
    assert_eq!(told(&ended(TO_CLIENT, Flags::FIN | Flags::ACK, "1.0")), [""; 0]);
    assert_eq!(told(&ended(TO_SERVER, reset, "1.0")), [""; 0], "who leaves has had enough");
}

#[test]
fn the_length_of_a_request_may_be_wrong_too() {
    let post = |len: u32, body: &str, answer: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("POST /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: {len}\r\n\r\n{body}"));
        if !answer.is_empty() {
            talk.server(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"));
        }
        talk.close();
        told(&talk)
    };
    let large = post(100, "hello", "400 Bad Request");
    let says = "POST /p announces 100 octets (Content-Length), and 5 came before it was answered with 400: ";
    assert!(large[0].starts_with(says), "{large:?}");
    assert!(post(100, "hello", "")[0].contains("5 came before 127.0.0.1:51544 closed"), "{:?}", post(100, "hello", ""));
    let taken = post(100, "hello", "200 OK");
    assert!(!taken.iter().any(|text| text.contains("announces")), "it was answered before its client left: {taken:?}");
    let mut talk = Conversation::new().open();
    talk.client("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhello").segment(
        TO_SERVER,
        Flags::FIN | Flags::ACK,
        b"",
    );
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    let says = "POST /p announces 9 octets (Content-Length), and 5 came before 127.0.0.1:51544 closed; its server took that for the \
                whole, and answered with 200: the length is too large, or its program did not send all";
    assert_eq!(told(&talk), [says]);
    let early = post(100, "hello", "413 Content Too Large");
    assert!(!early.iter().any(|text| text.contains("announces")), "its sender was stopped: {early:?}");
    let small = post(12, "{\"a\":\"gr\u{fc}n\"}", "400 Bad Request");
    let says =
        "1 octet follows the body of the request in frame 4 and begins no other: its Content-Length: 12 is too small";
    assert!(small.iter().any(|text| text.starts_with(says)), "{small:?}");
    assert_eq!(post(5, "hello", "200 OK"), [""; 0]);
    let empty_line = post(5, "hello\r\n", "200 OK");
    assert!(!empty_line.iter().any(|text| text.contains("too small")), "{empty_line:?}");
}
