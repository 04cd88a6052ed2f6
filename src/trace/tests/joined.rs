use crate::trace::testing::{
    Conversation, DATA, EMPTY_200, GET, HELLO, HI, SWITCHING, TO_CLIENT, UPGRADE, notes, told,
};
use crate::trace::{Talk, layer_sums};

#[test]
fn octets_missing_in_a_body_do_not_end_the_reading() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n0123456789");
    talk.next[1] = talk.next[1].wrapping_add(20);
    talk.segment(TO_CLIENT, DATA, b"abcdefghijklmnopqrstuvwxyz0123");
    talk.client(GET).server(EMPTY_200).close();
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[5] < 200 OK (incomplete)", "[7] > GET /", "[8] < 200 OK"]);
    assert_eq!(layer_sums(&trace.ledger(6))[2], ("data", 30), "what comes behind the gap belongs to no message");
}

#[test]
fn a_websocket_joined_in_its_middle_is_read_and_how_sure_that_is_is_told() {
    let mut talk = Conversation::new();
    talk.client(HELLO).server(HI).client(HELLO).server(HI);
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    assert_eq!(told(&trace).len(), 4);
    let said = notes(&trace).into_iter().find(|(_, text)| text.contains("read as WebSocket")).unwrap();
    assert_eq!(
        said.1,
        "the capture began after the handshake: read as WebSocket from here on because 2 frames in a row fit; likely, not certain"
    );
    // The same octets from the beginning of a connection are none: nobody changed to WebSocket.
    let mut talk = Conversation::new().open();
    talk.client(HELLO).server(HI).client(HELLO).server(HI);
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
    // And other octets are none either.
    for octets in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\x16\x03\x01\x00\x05abcdef", &[0; 40]] {
        let mut talk = Conversation::new();
        talk.client(octets).server(octets).client(octets);
        assert_eq!(talk.trace().talk(0), Talk::Unknown);
    }
}

#[test]
fn tls_joined_behind_its_handshake_is_known_by_its_records() {
    use crate::protocol::testing_tls::record;
    let mut talk = Conversation::new();
    let long = record(23, &[7; 900]);
    talk.client(&long[500..]).server(record(23, &[9; 40])).client(record(23, &[7; 30])).client(record(23, &[7; 20]));
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("tls"));
    let said =
        |len: u32, arrow: &str, frame: u32| format!("[{frame}] {arrow} TLS application data, encrypted, {len} octets");
    let mut lines = told(&trace);
    lines.sort_unstable();
    assert_eq!(lines, [said(40, "<", 2), said(30, ">", 3), said(20, ">", 4)]);
    let of = |words: &str| {
        notes(&trace).into_iter().filter(|(_, text)| text.contains(words)).map(|(on, _)| on).collect::<Vec<_>>()
    };
    assert_eq!(of("the handshake came before the capture"), [Some(2)]);
    assert_eq!(of("the 405 octets before it end a record"), [Some(3)]);
    assert_eq!(layer_sums(&trace.ledger(1)).last(), Some(&("data", 405)));
}

#[test]
fn a_websocket_joined_in_the_middle_of_a_frame_is_read_from_the_next_one_on() {
    let mut talk = Conversation::new();
    talk.server("the end of a frame").client(&HELLO[3..]);
    for _ in 0..3 {
        talk.server(HI).client(HELLO);
    }
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    assert_eq!(told(&trace).len(), 6, "{:?}", told(&trace));
    assert_eq!(told(&trace)[0], "[3] < text \"hi\"");
    let skipped = |n, on| (Some(on), format!("the {n} octets before it end a frame that began before the capture"));
    for (on, text) in [skipped(18, 3), skipped(8, 4)] {
        assert!(notes(&trace).contains(&(on, &text)), "{text}: {:?}", notes(&trace));
    }
    assert_eq!(layer_sums(&trace.ledger(1)).last(), Some(&("data", 18)));
    // A few octets that might be frames somewhere in others are none.
    let mut talk = Conversation::new();
    talk.server([b"SSH-2.0-x\r\n", HI, HI, HI, b"more"].concat()).client("SSH-2.0-y\r\n");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}

/// However small the segments are: each of them asked anew, this would take minutes.
#[test]
fn what_is_spoken_is_not_looked_for_with_each_octet() {
    let mut talk = Conversation::new();
    talk.server("l");
    for octet in b"\x81\x7e\x07\xfc".repeat(1500) {
        talk.server([octet]);
    }
    talk.client("x");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}

/// Nor is it missed where the other side begins to speak.
#[test]
fn an_upload_that_was_joined_is_known_by_its_answer() {
    let mut talk = Conversation::new();
    b"no head in it ".repeat(300).chunks(7).for_each(|piece| _ = talk.client(piece));
    talk.server(EMPTY_200).client(GET).server(EMPTY_200);
    let told = told(&talk.trace());
    assert!(told.ends_with(&["[602] > GET /".to_owned(), "[603] < 200 OK".to_owned()]), "{told:?}");
}

/// Who speaks in a tunnel is found out as at the beginning of a connection, be it in the segment of the answer or later.
#[test]
fn in_a_tunnel_begins_another_conversation() {
    const CONNECT: &str = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n";
    const GRANTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";
    let mut talk = Conversation::new().open();
    talk.client(CONNECT).server(GRANTED).client(UPGRADE).server(SWITCHING).client(HELLO).server(HI);
    let trace = talk.trace();
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
    assert_eq!(told(&trace).len(), 7, "{:#?}", told(&trace));
    assert!(told(&trace)[5].contains("text \"Hello\""), "{:#?}", told(&trace));
    // A client that does not wait for the answer.
    let mut talk = Conversation::new().open();
    talk.client([CONNECT, GET].concat()).server([GRANTED, EMPTY_200].concat()).client(GET).server(EMPTY_200);
    let trace = talk.trace();
    let lines = ["[4] > CONNECT a:80", "[5] < 200 Connection established", "[4] > GET /", "[5] < 200 OK"];
    lines.iter().for_each(|line| assert!(told(&trace).contains(&(*line).to_owned()), "{line}: {:#?}", told(&trace)));
    assert_eq!(told(&trace).len(), 6);
    // What nobody knows stays so.
    let mut talk = Conversation::new().open();
    talk.client(CONNECT).server(GRANTED).server("SSH-2.0-OpenSSH_9.2\r\n").client("SSH-2.0-x\r\n");
    assert_eq!(talk.trace().talk(0), Talk::Unknown);
}

#[test]
fn compression_that_was_agreed_on_before_the_capture_is_told() {
    let mut talk = Conversation::new();
    talk.server(HI).server(HI).server([0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).server(HI);
    let trace = talk.trace();
    assert_eq!(told(&trace).len(), 5, "{:?}", told(&trace));
    assert!(notes(&trace).iter().any(|(frame, text)| *frame == Some(3) && text.contains("can be inflated")));
}

#[test]
fn behind_missing_segments_frames_are_found_again() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI);
    talk.next[1] = talk.next[1].wrapping_add(400);
    talk.segment(TO_CLIENT, DATA, HI).server(HI).close();
    let trace = talk.trace();
    assert_eq!(told(&trace)[3..], ["[6] < text \"hi\"", "[7] < text \"hi\"", "[8] < text \"hi\""]);
    let said = notes(&trace).into_iter().find(|(_, text)| text.contains("read as WebSocket")).unwrap();
    assert_eq!(said.0, Some(7));
    assert!(said.1.contains("octets before this frame are missing"), "{}", said.1);
    // What does not look like a frame is not made one.
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI);
    talk.next[1] = talk.next[1].wrapping_add(400);
    talk.segment(TO_CLIENT, DATA, b"no frame at all").server(HI).close();
    let trace = talk.trace();
    assert_eq!(told(&trace).len(), 4);
    assert!(notes(&trace).iter().any(|(_, text)| text.contains("what follows in this direction cannot be read")));
}

/// Whether it was offered the request says.
#[test]
fn what_was_chosen_is_not_judged_without_the_request() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
                  Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let mut talk = Conversation::new();
    talk.server(answer).server([0x81, 2, b'h', b'i']);
    let trace = talk.trace();
    let notes = notes(&trace);
    assert!(notes.iter().any(|(_, text)| text.contains("the request was not captured")), "{notes:?}");
    assert!(!notes.iter().any(|(_, text)| text.contains("not offered")), "{notes:?}");
}
