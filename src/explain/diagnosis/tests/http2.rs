use super::{frame, later, one, text, told};
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_CLIENT};
use crate::trace::testing_http2::{self as http2, END_STREAM};

/// Streams of HTTP/2 end each for itself, and long before their connection.
#[test]
fn a_stream_is_no_connection() {
    let reset = |stream, error| http2::frame(3, 0, stream, &[0, 0, 0, error]);
    let mut cancelled = http2::begin();
    cancelled.client(http2::get(1, "/video")).server(http2::headers(
        1,
        0,
        &[(":status", "200"), ("content-length", "9")],
    ));
    cancelled.server(http2::data(1, 0, "abc")).client(reset(1, 8));
    cancelled.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert_eq!(told(&cancelled), [""; 0], "who has had enough blames no length");

    let mut broken = http2::begin();
    broken.client(http2::get(1, "/video")).server(http2::headers(1, 0, &[(":status", "200"), ("content-length", "9")]));
    broken.server(http2::data(1, 0, "abc")).server(reset(1, 2)).close();
    let found = one(&broken);
    let expected = "the answer to GET /video announces 9 octets (Content-Length), and 3 came before 127.0.0.1:8080 reset the \
                    stream (INTERNAL_ERROR): the length is too large, or its program ended before it had sent all";
    assert_eq!((&*found.text, &*found.frames, found.spec), (expected, &[6, 8, 9][..], "RFC 9113 §8.1.1"));

    let mut refused = http2::begin();
    refused.client(http2::get(1, "/a")).client(http2::get(3, "/b")).server(reset(3, 7));
    refused.server(http2::headers(1, END_STREAM, &[(":status", "204")]));
    later(&mut refused, 8, 20);
    let found = one(&refused);
    assert_eq!(
        found.text,
        "GET /b was never answered: 127.0.0.1:8080 reset the stream (REFUSED_STREAM) instead, 21 ms later"
    );
    assert_eq!((&*found.frames, found.spec), (&[7, 8][..], "RFC 9113 §8.1"));

    let mut impatient = http2::begin();
    impatient.client(http2::get(1, "/a")).client(http2::get(3, "/b"));
    impatient.server(http2::headers(1, END_STREAM, &[(":status", "204")])).client(reset(3, 8));
    later(&mut impatient, 9, 1500);
    assert_eq!(told(&impatient), ["GET /b was never answered: the client gave up after 1.5 s"]);

    let mut open = http2::begin();
    open.client(http2::get(1, "/a")).client(http2::get(3, "/b"));
    open.server(http2::headers(1, END_STREAM, &[(":status", "204")]));
    assert_eq!(told(&open), [""; 0], "it may come yet");
    open.segment(TO_CLIENT, Flags::RST, b"");
    assert!(
        told(&open)[0].starts_with("GET /b was never answered: 127.0.0.1:8080 broke off instead"),
        "{:?}",
        told(&open)
    );
}

#[test]
fn sockets_on_streams_are_not_taken_for_each_other() {
    let socket = |stream| {
        let answer = http2::headers(stream, 0, &[(":status", "200")]);
        (http2::connect(stream, "/chat", &[]), answer)
    };
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let (asks, answers) = socket(stream);
        talk.client(asks).server(answers);
    }
    // The first is asked, and answers; the second closes what it has of its own.
    talk.server(http2::data(1, 0, frame(0x89, b"", false)));
    talk.server(http2::data(3, 0, frame(0x88, &1000_u16.to_be_bytes(), false)));
    later(&mut talk, 11, 900);
    assert_eq!(told(&talk), [""; 0], "the other socket was closed");
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let (asks, answers) = socket(stream);
        talk.client(asks).server(answers);
    }
    talk.server(http2::data(1, 0, frame(0x89, b"", false))).client(http2::data(3, 0, frame(0x8a, b"", true)));
    talk.server(http2::data(1, 0, frame(0x88, &1001_u16.to_be_bytes(), false)));
    later(&mut talk, 12, 900);
    let found = one(&talk);
    assert_eq!(found.text, "no pong came for the ping in frame 10: 127.0.0.1:8080 gave up after 902 ms");
    // A large message on one is not why the other was closed.
    let mut talk = http2::begin();
    for stream in [1, 3] {
        let (asks, answers) = socket(stream);
        talk.client(asks).server(answers);
    }
    talk.client(http2::data(1, 0, text("hello", true))).client(http2::data(3, 0, text(&"x".repeat(300), true)));
    talk.server(http2::data(1, 0, frame(0x88, &1009_u16.to_be_bytes(), false)));
    assert!(told(&talk)[0].ends_with("the message that ended in frame 10 has 5 octets"), "{:?}", told(&talk));
}

#[test]
fn over_http2_a_host_is_an_authority() {
    let asks = [(":method", "GET"), (":path", "/api"), (":scheme", "https"), (":authority", "api.example")];
    let answer = |origin: &str| {
        let mut talk = http2::begin();
        talk.client(http2::headers(1, END_STREAM, &[&asks[..], &[("origin", origin)]].concat()));
        talk.server(http2::headers(1, END_STREAM, &[(":status", "200")]));
        told(&talk)
    };
    assert_eq!(answer("https://api.example"), [""; 0]);
    let found = answer("https://page.example");
    assert!(found[0].starts_with("the answer to GET /api allows no other origin"), "{found:?}");
}

/// RFC 9113 §6.8: what is behind the last stream that a GOAWAY names was not dealt with.
#[test]
fn who_goes_away_says_what_was_left() {
    let goaway = |last: u8| http2::frame(7, 0, 0, &[0, 0, 0, last, 0, 0, 0, 0]);
    let mut talk = http2::begin();
    talk.client(http2::get(1, "/a")).client(http2::get(3, "/b"));
    talk.server([http2::headers(1, END_STREAM, &[(":status", "204")]), goaway(1)].concat()).close();
    let found = one(&talk);
    let expected = "GET /b was not dealt with: 127.0.0.1:8080 said in frame 8 that it goes away (NO_ERROR), and that stream 1 is the \
                    last it answers. The client may ask once more, on another connection";
    assert_eq!((&*found.text, &*found.frames, found.spec), (expected, &[7, 8][..], "RFC 9113 §6.8"));
    let mut later = http2::begin();
    later.client(http2::get(1, "/a")).server(goaway(1)).close();
    assert!(told(&later)[0].starts_with("GET /a was never answered"), "{:?}", told(&later));
}

#[test]
fn who_is_answered_in_http1_was_answered() {
    let mut talk = Conversation::new().open();
    talk.client([http2::PREFACE.to_vec(), http2::frame(4, 0, 0, b""), http2::get(1, "/")].concat());
    talk.server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").close_by_server();
    assert_eq!(told(&talk), [""; 0]);
}
