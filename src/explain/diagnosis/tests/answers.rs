//! Requests that were not answered.

use super::{later, one, told};
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_CLIENT, TO_SERVER};

#[test]
fn a_request_without_an_answer_says_who_left() {
    let get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut late = Conversation::new().open();
    late.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"").client(get).segment(TO_CLIENT, Flags::RST, b"");
    let found = one(&late);
    assert!(found.text.starts_with("GET /x was never answered: 127.0.0.1:8080 had closed"), "{}", found.text);
    assert_eq!(found.frames, [4, 5]);

    let mut impatient = Conversation::new().open();
    impatient.client(get).close();
    later(&mut impatient, 5, 1500);
    assert!(told(&impatient)[0].ends_with("the client gave up after 1.5 s"), "{:?}", told(&impatient));

    // Nobody's patience is that short: it may be a half close.
    let mut half = Conversation::new().open();
    half.client(get).close();
    let says =
        "127.0.0.1:51544 closed its side 1.0 ms later, and 127.0.0.1:8080 ended the connection without an answer. Who";
    let found = one(&half);
    assert!(found.text.contains(says), "{}", found.text);
    let mut left = Conversation::new().open();
    left.client(get).segment(TO_SERVER, Flags::RST, b"");
    assert!(told(&left)[0].ends_with("the client gave up after 1.0 ms"), "{:?}", told(&left));

    let mut dropped = Conversation::new().open();
    dropped.client(get).segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    assert!(told(&dropped)[0].contains("127.0.0.1:8080 broke off instead"), "{:?}", told(&dropped));

    let mut answered = Conversation::new().open();
    answered.client(get).server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").client(get);
    assert_eq!(told(&answered), [""; 0], "the capture ends, and the answer may come");
    answered.server("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n").close();
    assert_eq!(told(&answered), ["GET /x was answered with 500 Oh"]);
    // What is answered before all of it came is answered.
    let mut early = Conversation::new().open();
    early.client("POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab");
    early.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").client("cd").segment(TO_CLIENT, Flags::RST, b"");
    assert_eq!(told(&early), [""; 0]);
    // The capture may have lost the answer.
    let mut lost = Conversation::new().open();
    lost.client(get).server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").lose().close();
    assert_eq!(told(&lost), [""; 0]);
    // Who polls leaves its question open.
    let mut poll = Conversation::new().open();
    poll.client("GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n").close();
    assert_eq!(told(&poll), [""; 0]);
}

/// What comes behind it may answer the request before.
#[test]
fn a_request_behind_the_last_that_is_answered_is_told() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let both = |says: &str| {
        let mut talk = Conversation::new().open();
        talk.client([get("/1"), get("/2")].concat());
        talk.server(format!("HTTP/1.1 200 OK\r\n{says}Content-Length: 0\r\n\r\n"));
        talk
    };
    let mut last = both("Connection: keep-alive, Close\r\n");
    let found = one(last.close_by_server());
    assert!(found.text.starts_with("GET /2 was never answered: 127.0.0.1:8080 closed instead"), "{}", found.text);
    assert!(found.text.contains("The answer before it says `Connection: close`"), "{}", found.text);
    assert_eq!(found.frames, [4, 6]);
    let found = one(both("").close_by_server());
    assert!(!found.text.contains("Connection: close"), "{}", found.text);
    // Its answer has begun.
    let mut begun = both("");
    begun.server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").close();
    assert!(!told(&begun).iter().any(|text| text.contains("never answered")), "{:?}", told(&begun));
    let mut answered = both("");
    answered.server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").close();
    assert_eq!(told(&answered), [""; 0]);
}

/// What waits where answers were held back before is a long poll: whoever leaves asks no more.
#[test]
fn a_long_poll_may_be_left() {
    let poll = "POST /echo/1/s/xhr HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    let left = |held| {
        let mut talk = Conversation::new().open();
        talk.client(poll).server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh\n").client(poll).close();
        later(&mut talk, 5, held);
        told(&talk)
    };
    assert_eq!(left(500), [""; 0]);
    assert!(left(100)[0].starts_with("POST /echo/1/s/xhr was never answered: "));
}
