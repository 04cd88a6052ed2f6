use super::{engineio, frame, later, one, text, told, websocket};
use crate::packet::Flags;
use crate::trace::testing::{Conversation, DATA, TO_CLIENT, TO_SERVER};

#[test]
fn octets_that_no_request_waits_for_are_told() {
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut odd = Conversation::new().open();
    odd.client(get).server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").client(get).server("ICY 200 OK\r\n\r\n");
    let said = told(&odd);
    assert!(!said.iter().any(|text| text.contains("Content-Length")), "it answers the second request: {said:?}");
    let mut talk = Conversation::new().open();
    talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{\"a\"}")
        .close();
    let found = one(&talk);
    assert!(found.text.starts_with("2 octets follow the body of the answer in frame 5"), "{}", found.text);
    assert!(found.text.ends_with("its Content-Length: 3 is too small"), "{}", found.text);
    // How much follows, and what it was, is not known where the capture kept the first octets of a frame.
    let last = &mut talk.frames[4];
    last.data.truncate(last.data.len() - 1);
    assert!(!told(&talk).iter().any(|text| text.contains("too small")), "{:?}", told(&talk));
}

/// What a program took is what it was after it had been inflated.
#[test]
fn of_what_was_compressed_the_size_counts_that_a_program_sees() {
    let mut talk = websocket(
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\n",
    );
    // 600 times the letter a (RFC 7692 §7.2.1).
    let compressed = [0x4a, 0x4c, 0x1c, 0x05, 0xa3, 0x80, 0xfa, 0x00, 0x00];
    talk.client(frame(0xc1, &compressed, true)).server(frame(0x88, &[3, 241], false));
    assert!(one(&talk).text.ends_with("the message that ended in frame 6 has 600 octets"), "{:?}", told(&talk));
}

#[test]
fn octets_that_could_not_be_read_may_have_been_the_answer() {
    let mut talk = Conversation::new().open();
    talk.client("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nokay and more");
    talk.client("GET /again HTTP/1.1\r\nHost: x\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    let told = told(&talk);
    assert!(told.iter().any(|text| text.contains("Content-Length: 4 is too small")), "{told:?}");
    assert!(!told.iter().any(|text| text.contains("never answered")), "{told:?}");
    // What was said before and comes again answers nothing.
    let get = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut again = Conversation::new().open();
    let at = again.next[TO_CLIENT.index()];
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    again.client(get).server(answer).client(get).at(TO_CLIENT, at, DATA, answer.as_bytes());
    again.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert!(one(&again).text.contains("GET /x was never answered"), "{:?}", self::told(&again));
}

#[test]
fn behind_octets_that_are_missing_nobody_knows_what_was_answered() {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let mut talk = Conversation::new().open();
    talk.client(get("/x")).server(answer).client(get("/lost")).lose().client(get("/y")).server(answer).close();
    assert_eq!(told(&talk), [""; 0], "the answer to /y, or to what is missing, came");
}

#[test]
fn of_a_head_that_was_cut_nobody_says_what_is_not_in_it() {
    let mut talk = Conversation::new().open();
    talk.client("GET /x HTTP/1.1\r\nHost: x\r\nOrigin: http://elsewhere\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nServer: x\r\nAccess-Control-All");
    assert_eq!(told(&talk), [""; 0]);
    talk.server("ow-Methods: GET\r\nContent-Length: 2\r\n\r\no");
    assert!(one(&talk).text.contains("allows no other origin"), "of its body octets may be missing");
}

/// A capture may have two segments in the wrong order: then the answer is there, and belongs to nobody.
#[test]
fn an_answer_that_was_captured_before_its_request_is_one() {
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let mut talk = Conversation::new().open();
    talk.client(get("/one")).server(answer).server(answer).client(get("/two")).close();
    assert_eq!(told(&talk), [""; 0]);
    // Nor does anybody ask who has left.
    let mut talk = Conversation::new().open();
    talk.client(get("/one")).server(answer).client(get("/two")).close();
    talk.frames.swap(5, 6);
    let times: Vec<_> = talk.frames.iter().map(|frame| frame.time).collect();
    talk.frames[5].time = times[6];
    talk.frames[6].time = times[5];
    assert_eq!(told(&talk), [""; 0]);
}

/// Its FIN was acknowledged: whether it or the server left first is not known.
#[test]
fn nobody_left_first_whose_fin_may_be_missing() {
    let asked = "GET /news HTTP/1.1\r\nHost: x\r\n\r\n";
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n";
    let mut talk = Conversation::new().open();
    talk.client(asked).server(chunk).segment(TO_SERVER, Flags::FIN | Flags::ACK, b"").lose();
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert_eq!(told(&talk), [""; 0]);
    let mut talk = Conversation::new().open();
    talk.client(asked).server(chunk).segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert!(one(&talk).text.contains("is cut: 127.0.0.1:8080 closed"), "{:?}", told(&talk));
}

/// An event that waits behind octets that are missing is read when its acknowledgement has been.
#[test]
fn an_event_that_is_read_late_has_its_acknowledgement() {
    let mut talk = engineio(200);
    talk.server(text("42[\"lost\"]", false)).lose().server(text("420[\"ask\"]", false));
    talk.client(text("430[]", true));
    for _ in 0..4 {
        talk.server(text("42[\"more\"]", false)).client(text("42[\"yes\"]", true));
    }
    later(&mut talk, 11, 900);
    assert_eq!(told(&talk), [""; 0]);
}
