use super::names;
use crate::flow::Closing;
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{
    Conversation, DATA, EMPTY_200, GET, HELLO, HI, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, notes, told,
};
use crate::trace::{Talk, Trace, layer_sums};

#[test]
fn a_gap_is_told() {
    let mut talk = Conversation::new().open();
    talk.client(GET).client(GET).lose().client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[5] > GET /", "[6] < 200 OK"], "a whole head begins behind it");
    let lost = format!("{} octets of this stream were not captured", GET.len());
    let text = format!("{lost}, though the other side acknowledged them: the capture lost them, not the network");
    assert_eq!(
        notes(&trace),
        [(Some(5), "bytes that belong in front of it had not come by then"), (Some(5), text.as_str())]
    );
    assert_eq!(layer_sums(&trace.ledger(5))[2], ("http", GET.len() as u32));
    assert_eq!(names(&trace, 5).last(), Some(&"http"));
}

#[test]
fn a_gap_that_nobody_acknowledged_may_be_the_networks() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI).lose().server("no frame at all");
    let text = format!(
        "{} octets of this stream were not captured, and the other side did not acknowledge them; \
         what follows in this direction cannot be read",
        HI.len()
    );
    let trace = talk.trace();
    assert_eq!(notes(&trace)[1], (Some(6), text.as_str()));
    assert_eq!(layer_sums(&trace.ledger(6))[2], ("data", 15));
    assert_eq!(names(&trace, 6).last(), Some(&"data"));
}

#[test]
fn octets_acknowledged_but_never_seen_are_told() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200).lose().segment(TO_SERVER, Flags::ACK, b"");
    let text = format!(
        "the last {} octets that 127.0.0.1:8080 numbered were not captured (a FIN counts as one), \
         though the other side acknowledged them: the capture lost them, not the network",
        EMPTY_200.len()
    );
    assert_eq!(notes(&talk.trace()), [(Some(5), text.as_str())]);
}

/// A capture that begins with a keep-alive probe: its number was sent before, and nothing is missing.
#[test]
fn a_probe_with_which_the_capture_begins_takes_no_number() {
    let probed = || {
        let mut talk = Conversation::new();
        let before = talk.next[0].wrapping_sub(1);
        for _ in 0..2 {
            talk.at(TO_SERVER, before, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"");
        }
        talk
    };
    assert_eq!(untold(&probed().close().trace()), [(None, ""); 0]);
    let mut talk = probed();
    talk.client(GET).server(EMPTY_200).client(GET).server(EMPTY_200);
    let trace = talk.close().trace();
    assert_eq!(untold(&trace), [(None, ""); 0]);
    assert_eq!(told(&trace)[..2], ["[5] > GET /", "[6] < 200 OK"]);
    // An octet that is acknowledged later than at once was lost.
    let mut talk = Conversation::new();
    talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"");
    talk.client("x").lose().segment(TO_CLIENT, Flags::ACK, b"");
    assert!(untold(&talk.trace())[0].1.starts_with("the last octet that"), "{:?}", untold(&talk.trace()));
}

/// The notes, without the one that the capture began later than the connection.
fn untold(trace: &Trace) -> Vec<(Option<u32>, &str)> {
    notes(trace).into_iter().filter(|(_, text)| !text.contains("began before the capture")).collect()
}

/// What the capture lacks is given up while it runs: what comes behind it is read, and is late when it comes after all.
#[test]
fn an_acknowledged_gap_does_not_hold_up_what_follows() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    talk.client("one").lose();
    for _ in 0..4 {
        talk.client("two").segment(TO_CLIENT, Flags::ACK, b"");
    }
    talk.at(TO_SERVER, seq, DATA, b"one");
    let trace = talk.trace();
    let stream = trace.stream(0, TO_SERVER).unwrap();
    assert_eq!((stream.gaps(), stream.slice(3..20)), (&[0..3][..], &b"twotwotwotwo"[..]));
    let late = "its bytes were given up for missing, and told to be, before it came: they are not read";
    assert!(notes(&trace).contains(&(Some(12), late)), "{:?}", notes(&trace));
    assert_eq!(layer_sums(&trace.ledger(12))[2], ("late", 3));
}

/// What is compressed cannot be read on behind them: the answer says so, whether or not its end was captured.
#[test]
fn of_a_compressed_event_stream_it_is_told_which_event_is_not_read() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n";
    let body = crate::protocol::gzip(b"data: one\n\ndata: two\n\n");
    for goes_on in [true, false] {
        let mut talk = Conversation::new().open();
        talk.client(GET).server([head.as_bytes(), &body[..12]].concat());
        if goes_on {
            talk.server(&body[12..20]).lose().server(&body[20..]);
            (0..4).for_each(|_| _ = talk.segment(TO_SERVER, Flags::ACK, b"").server("more"));
        }
        let trace = talk.trace();
        let told = notes(&trace).iter().filter(|(_, text)| text.ends_with("is number 1 of this response")).count();
        assert_eq!(told, usize::from(goes_on), "{:?}", notes(&trace));
    }
}

/// Lost bytes are told whoever reads, or does not read, what is around them.
#[test]
fn no_gap_is_silent() {
    type Play = fn(&mut Conversation);
    let cases: &[(&str, usize, Play)] = &[
        ("on a connection nobody can read", 1, |talk| {
            talk.client("\x16\x03\x01").client("lost").lose().client("more");
        }),
        ("before the first byte", 1, |talk| {
            talk.client(GET).lose().client(GET);
        }),
        ("behind another gap", 2, |talk| {
            talk.client(GET).client(GET).lose().client(GET).client("lost").lose().client("more");
        }),
        ("before the end", 1, |talk| {
            talk.client(GET).server(EMPTY_200).server("lost").lose();
        }),
        ("all there was", 1, |talk| {
            talk.client("lost").lose();
        }),
        ("after unreadable bytes", 1, |talk| {
            talk.client("GET / HTTP/1.1\r\n\r\n\0\0\r\n\r\n").client("lost").lose().client("more");
        }),
    ];
    for (what, gaps, play) in cases {
        for (end, close) in [("open", false), ("closed", true)] {
            let mut talk = Conversation::new().open();
            play(&mut talk);
            if close {
                talk.close();
            } else {
                talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"");
            }
            let trace = talk.trace();
            let told = notes(&trace).into_iter().filter(|(_, text)| text.contains("not captured")).count();
            assert_eq!(told, *gaps, "{what}, {end}: {:?}", notes(&trace));
        }
    }
}

/// The answer to a request to change the protocol is missing when its client ends: what it said in between may be anything.
#[test]
fn nobody_is_blamed_for_going_on_behind_an_answer_that_is_missing() {
    let said = |is_sent: bool| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE);
        if is_sent {
            talk.server(SWITCHING).lose().server(HI);
        }
        talk.client(HELLO).segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
        notes(&talk.trace()).into_iter().map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
    };
    let blamed = |notes: &[String]| notes.iter().any(|text| text.contains("not a message that HTTP/1 allows"));
    assert!(blamed(&said(false)), "{:?}", said(false));
    assert!(!blamed(&said(true)), "{:?}", said(true));
    assert!(said(true).iter().any(|text| text.starts_with("whether the server agreed")), "{:?}", said(true));
}

#[test]
fn a_frame_cut_by_the_capture_is_told() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(HI).server(HI).close();
    talk.frames[5].data.truncate(43); // of frame 6 one octet of payload is missing
    let trace = talk.trace();
    assert_eq!(told(&trace)[3], "[6] < text \"h\" (incomplete)");
    assert!(notes(&trace).contains(&(Some(6), "the capture kept 43 of the frame's 44 octets")));
    assert!(notes(&trace).iter().any(|(_, text)| text.starts_with("1 octet of this stream was not captured")));
    // By the length of the cut frame the next one is found all the same.
    assert_eq!(told(&trace)[4], "[7] < text \"hi\"");
    assert_eq!(layer_sums(&trace.ledger(7))[2], ("websocket", 2));
}

#[test]
fn bytes_sent_again_are_not_read_twice() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    talk.client(GET).at(TO_SERVER, seq, DATA, GET.as_bytes());
    // Sent again with something new behind it: only that is new.
    let both = [GET, "GET /2 HTTP/1.1\r\n\r\n"].concat();
    talk.at(TO_SERVER, seq, DATA, both.as_bytes());
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[6] > GET /2"]);
    assert_eq!(notes(&trace), [(Some(5), "bytes came before it for the same place: sent again, or captured twice")]);
    assert_eq!(layer_sums(&trace.ledger(5))[2], ("repeated", GET.len() as u32));
    assert_eq!(layer_sums(&trace.ledger(6))[2..], [("repeated", GET.len() as u32), ("http", 19)]);
}

#[test]
fn bytes_that_come_again_as_others_are_told() {
    let mut talk = Conversation::new().open();
    let seq = talk.next[0];
    let (first, rest) = GET.as_bytes().split_at(10);
    let other = String::from_utf8_lossy(rest).replace("Host: a", "Host: b");
    talk.at(TO_SERVER, seq + 10, DATA, rest).at(TO_SERVER, seq + 10, DATA, other.as_bytes());
    talk.at(TO_SERVER, seq, DATA, first);
    // What came in order every receiver has: whatever comes for it now changes nothing.
    talk.at(TO_SERVER, seq + 10, DATA, other.as_bytes());
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4, 6] > GET /"]);
    let said = notes(&trace);
    let differing: Vec<_> = said.iter().filter(|(_, text)| text.contains("something else than")).collect();
    assert_eq!(differing.len(), 1, "{said:?}");
    let (frame, text) = differing[0];
    assert_eq!(*frame, Some(5));
    assert!(text.starts_with("from octet 22 of the stream on it says something else than what came first"), "{text}");
}

#[test]
fn a_segment_that_comes_early_waits() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).client(&HELLO[..4]).client(&HELLO[4..]);
    talk.frames.swap(5, 6);
    let trace = talk.trace();
    assert_eq!(told(&trace)[3], "[6, 7] > text \"Hello\"  masked 37 fa 21 3d");
    assert_eq!(trace.messages()[3].frame(), 7);
    assert_eq!(notes(&trace), [(Some(6), "bytes that belong in front of it had not come by then")]);
}

/// A FIN has a place in the stream too: the stream is not over while bytes in front of it are missing.
#[test]
fn a_fin_that_comes_early_ends_nothing() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.0 200 OK\r\n\r\nhello").server(" world").close();
    let late = talk.frames.remove(5);
    talk.frames.push(late);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[5, 9] < 200 OK"]);
    assert!(trace.bytes(&trace.messages()[1]).ends_with(b"hello world"));
    assert_eq!(notes(&trace), []);
}

#[test]
fn a_body_that_ends_with_the_connection_is_whole_only_after_a_fin() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.0 200 OK\r\n\r\nhello");
    assert_eq!(told(&talk.trace())[1], "[5] < 200 OK (incomplete)", "the capture ended");
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    assert_eq!(told(&talk.trace())[1], "[5] < 200 OK");
    let trace = talk.trace();
    assert_eq!(notes(&trace), []);
}

#[test]
fn a_reset_that_its_receiver_does_not_heed_ends_nothing() {
    // In the second its receiver has not acknowledged what is on its way.
    for (ahead, ack) in [(-40_i32, 0), (-1, 2), (9, 0), (1 << 25, 0)] {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).server(HI);
        talk.next[1] = talk.next[1].wrapping_sub(ack);
        talk.segment(TO_SERVER, Flags::ACK, b"");
        talk.next[1] = talk.next[1].wrapping_add(ack);
        let seq = talk.next[1].wrapping_add_signed(ahead);
        talk.at(TO_CLIENT, seq, Flags::RST, b"").server(HI).client(HELLO);
        let trace = talk.trace();
        assert_eq!(
            told(&trace)[3..],
            ["[6] < text \"hi\"", "[9] < text \"hi\"", "[10] > text \"Hello\"  masked 37 fa 21 3d"],
            "{ahead}"
        );
        assert_eq!(trace.connections()[0].closing(TO_CLIENT), None);
        let odd = if ahead == -40 { Some(8) } else { Some(9) };
        assert!(notes(&trace).iter().any(|(frame, text)| *frame == odd && text.contains("RST")), "{:?}", notes(&trace));
    }
}

/// They may say why it was sent (RFC 9293 §3.5.2), and are no part of the stream.
#[test]
fn octets_of_a_reset_are_no_data() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server("HTTP/1.1 200 OK\r\n\r\nall").segment(TO_CLIENT, Flags::RST | Flags::ACK, b"cause");
    let trace = talk.trace();
    let answer = &trace.messages()[1];
    assert_eq!((trace.bytes(answer).len(), answer.complete), (22, false));
    assert_eq!(layer_sums(&trace.ledger(6)).last(), Some(&("data", 5)));
    assert!(notes(&trace).iter().any(|(on, text)| *on == Some(6) && text.starts_with("octets of a RST")));
    // Nor are they a frame of WebSocket.
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).segment(TO_CLIENT, Flags::RST | Flags::ACK, HI);
    assert_eq!(told(&talk.trace()).len(), 3);
}

/// Browsers and pools of connections break off what they keep: that takes nothing from anyone.
#[test]
fn who_breaks_off_what_is_idle_is_not_warned_of() {
    let all = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let (idle, warned) = ((Severity::Note, true), (Severity::Warn, false));
    for (said, expected) in [
        (&[GET, all][..], idle),
        (&[GET, all, GET, all], idle),
        // No answer, half of one, half of a request, an answer that only its end ends, what nobody knows.
        (&[GET, all, GET], warned),
        (&[GET, &all[..all.len() - 1]], warned),
        (&[GET, all, &GET[..9]], warned),
        (&[GET, "HTTP/1.1 200 OK\r\n\r\nall"], warned),
        (&["?\0\0\0\0"], warned),
    ] {
        let mut talk = Conversation::new().open();
        for (n, said) in said.iter().enumerate() {
            if n % 2 == 0 {
                talk.client(said)
            } else {
                talk.server(said)
            };
        }
        talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
        assert_eq!(broken_off(&talk), expected, "{said:?}");
    }
    // Nobody has said that the answer came, and what a RST overtakes is thrown away.
    let mut talk = Conversation::new().open();
    talk.client(GET).server(all).segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    assert_eq!(broken_off(&talk), warned);
}

/// Some programs say Close once more where the other side has closed already, and are answered with a RST.
#[test]
fn who_breaks_off_behind_both_close_frames_is_not_warned_of() {
    let (close, masked) = ([0x88, 2, 0x03, 0xe8], [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    let begun = || {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).client(masked);
        talk
    };
    let mut twice = begun();
    twice.server(close).client(masked).segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    assert_eq!(broken_off(&twice), (Severity::Note, true));
    let mut alone = begun();
    alone.segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    assert_eq!(broken_off(&alone), (Severity::Warn, false), "the Close frame wanted an answer");
}

/// How the end of the connection is told, and whether as that of an idle one.
fn broken_off(talk: &Conversation) -> (Severity, bool) {
    let trace = talk.trace();
    let mut notes = trace.notes().iter().map(|(_, note)| note);
    let note = notes.find(|note| note.text.contains("broke connection 0 off while open")).unwrap();
    (note.severity, note.text.contains("nothing was under way"))
}

#[test]
fn a_reset_in_the_middle_of_a_message_shows_it_as_incomplete() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(&HI[..3]).segment(TO_CLIENT, Flags::RST, b"");
    // What was under way comes after all: it is shown, and not taken for a new frame.
    talk.server(HI);
    let trace = talk.trace();
    assert_eq!(told(&trace)[3..], ["[6] < text \"h\" (incomplete)"]);
    assert_eq!(trace.connections()[0].closing(TO_CLIENT), Some(Closing::Reset(7)));
    assert_eq!(trace.messages()[3].notes[0].severity, Severity::Warn);
    assert_eq!(notes(&trace)[1], (Some(7), "127.0.0.1:8080 broke connection 0 off while open"));
    assert!(
        notes(&trace)[2].0 == Some(7) && notes(&trace)[2].1.contains("without a Close frame"),
        "{:?}",
        notes(&trace)
    );
    assert_eq!(notes(&trace)[3], (Some(8), "payload after the connection was reset: it is not read"));
    assert_eq!(layer_sums(&trace.ledger(8))[2], ("data", 4));
    assert_eq!(trace.talk(0), Talk::Known("websocket"));
}
