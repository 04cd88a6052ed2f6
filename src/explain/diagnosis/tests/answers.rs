//! Requests that were not answered.

use super::{later, one, told};
use crate::packet::Flags;
use crate::protocol::testing_tls::{client_hello, record};
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

/// Its own time limit ended it, and the server did not know.
#[test]
fn an_answer_that_comes_when_its_client_has_left_is_told() {
    let late = |waited: i64, reset: bool| {
        let mut talk = Conversation::new().open();
        talk.client("GET /late HTTP/1.1\r\nHost: x\r\n\r\n").segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
        talk.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
        if reset {
            talk.segment(TO_SERVER, Flags::RST, b"");
        }
        later(&mut talk, 5, waited);
        later(&mut talk, 6, 700);
        talk
    };
    let found = one(&late(500, true));
    let says = "the client gave up on GET /late after 501 ms, and the answer came 701 ms later, in frame 6: nobody reads it, as the RST \
                in frame 7 says";
    assert_eq!((found.text.as_str(), found.frames), (says, vec![4, 5, 6, 7]));
    assert_eq!(told(&late(500, false)), [""; 0], "a half close waits for its answer");
    assert_eq!(told(&late(10, true)), [""; 0], "nobody is so impatient");
}

/// It answers in the open whoever asks by TLS.
#[test]
fn a_server_that_speaks_http_to_a_client_of_tls_speaks_no_tls() {
    let mut talk = Conversation::new().open();
    talk.client(record(22, &client_hello())).server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").close();
    let mut plain = Conversation::between("127.0.0.1:51545", "127.0.0.1:8080").open();
    plain.client("GET /x HTTP/1.1\r\nHost: x\r\n\r\n").close_by_server();
    let after = talk.frames.len() as i64;
    plain.frames.iter_mut().for_each(|frame| frame.time.0 += after * 1_000_000);
    talk.frames.append(&mut plain.frames);
    let found = told(&talk);
    let unanswered = found.iter().find(|text| text.starts_with("GET /x was never answered")).unwrap();
    assert!(!unanswered.contains("It speaks TLS"), "{unanswered}");
}

/// It is the only sign of when a server ended that nobody said anything to.
#[test]
fn a_poll_that_its_server_leaves_is_told() {
    let left = |by_server: bool, closes: bool| {
        let mut talk = Conversation::new().open();
        talk.client("GET /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut posts = Conversation::between("127.0.0.1:51545", "127.0.0.1:8080").open();
        let close = "POST /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1";
        if closes {
            posts.client(close).server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close();
        }
        let after = talk.frames.len() as i64;
        posts.frames.iter_mut().for_each(|frame| frame.time.0 += after * 1_000_000);
        talk.frames.append(&mut posts.frames);
        if by_server {
            talk.close_by_server()
        } else {
            talk.close()
        };
        told(&talk)
    };
    let found = left(true, false);
    assert!(found[0].contains("sid=s was never answered: 127.0.0.1:8080 closed instead"), "{found:?}");
    assert_eq!(left(false, false), [""; 0], "its client left");
    assert_eq!(left(true, true), [""; 0], "the session is over");
}
