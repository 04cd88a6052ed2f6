//! permessage-deflate over a whole connection: what the handshake agreed on, and octets that are missing.

use crate::layer::Severity;
use crate::trace::Trace;
use crate::trace::testing::{Conversation, HELLO, HI, SWITCHING, TO_CLIENT, UPGRADE, notes, told};

/// "Hello", compressed (RFC 7692 §7.2.3.1), and the same once more by what was said before (§7.2.3.2).
const FIRST: &[u8] = &[0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const AGAIN: &[u8] = &[0xc1, 5, 0xf2, 0x00, 0x11, 0x00, 0x00];

/// A WebSocket for which the client offers this, and the server answers that; the handshake are frames 1 to 5.
fn agreed(offers: &str, answers: &str) -> (Conversation, u64) {
    let with = |head: &str, list: &str| match list {
        "" => head.to_owned(),
        _ => head.replace("\r\n\r\n", &format!("\r\nSec-WebSocket-Extensions: {list}\r\n\r\n")),
    };
    let mut talk = Conversation::new().open();
    let answer = with(SWITCHING, answers);
    talk.client(with(UPGRADE, offers)).server(&answer);
    (talk, answer.len() as u64)
}

/// The messages that were inflated, with the frames that brought them.
fn inflated(trace: &Trace) -> Vec<String> {
    told(trace).into_iter().filter(|line| line.contains("inflated")).collect()
}

/// The notes that say that no more is inflated.
fn lasting(trace: &Trace) -> Vec<(Option<u32>, String)> {
    let found = notes(trace).into_iter().filter(|(_, text)| text.ends_with("can be inflated"));
    found.map(|(on, text)| (on, text.to_owned())).collect()
}

/// What was offered and not accepted is not spoken: a compressed message then breaks a rule, and is not read as one.
#[test]
fn what_the_answer_does_not_accept_is_not_spoken() {
    for offers in ["permessage-deflate", "permessage-deflate; client_max_window_bits, permessage-deflate"] {
        let (mut talk, _) = agreed(offers, "");
        talk.server(FIRST).server(HI);
        let trace = talk.trace();
        assert_eq!(inflated(&trace), [""; 0]);
        assert!(!told(&trace).iter().any(|line| line.contains("compressed")), "{:?}", told(&trace));
        let text = "reserved bits 100 set, which no extension agreed on";
        assert_eq!(notes(&trace).into_iter().find(|(on, _)| *on == Some(6)), Some((Some(6), text)));
        assert_eq!(told(&trace).last().unwrap(), "[7] < text \"hi\"");
    }
}

/// The request and the client's first message were not captured: what repeats that one makes no sense, and nobody is wrong.
#[test]
fn what_came_with_a_request_that_is_missing_may_be_repeated() {
    let masked = |frame: &[u8]| [&[frame[0], frame[1] | 0x80][..], &[0; 4], &frame[2..]].concat();
    let mut talk = Conversation::new().open();
    let answer = SWITCHING.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    talk.client(UPGRADE).lose().server(answer).client(masked(FIRST)).lose();
    talk.client(masked(AGAIN));
    for _ in 0..4 {
        talk.server(HI).client(masked(HI));
    }
    let trace = talk.trace();
    let errors = trace.notes().iter().filter(|(_, note)| note.severity == Severity::Error);
    assert_eq!(errors.map(|(_, note)| note.text.as_str()).collect::<Vec<_>>(), [""; 0]);
    let expected = "this message cannot be inflated: it may repeat what came before it, of which octets may be missing; nor can any \
                    later message of this direction";
    assert!(notes(&trace).iter().any(|(_, text)| *text == expected), "{:?}", notes(&trace));
}

/// Nor is anybody wrong who goes on with what was begun there.
#[test]
fn a_message_that_began_with_a_request_that_is_missing_may_go_on() {
    let end = [0x80, 0x81, 0, 0, 0, 0, b'x'];
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).lose().server(SWITCHING).client([0x01, 0x81, 0, 0, 0, 0, b'x']).lose().client(end);
    for _ in 0..4 {
        talk.server(HI).client(HELLO);
    }
    let trace = talk.trace();
    let told: Vec<_> = notes(&trace).into_iter().filter(|(_, text)| text.contains("continu")).collect();
    assert_eq!(told, [(Some(5), "it continues a message of which octets are missing")]);
}

/// A parameter counts as the answer has it, whatever was offered.
#[test]
fn parameters_are_those_of_the_answer() {
    let no_takeover = "permessage-deflate; server_no_context_takeover";
    let first = "[6] < text \"Hello\", inflated 7 → 5";
    let again = "[7] < text \"Hello\", inflated 5 → 5";
    for (offers, answers, expected) in [
        (no_takeover, "permessage-deflate", &[first, again][..]),
        ("permessage-deflate", no_takeover, &[first]),
        (&format!("{no_takeover}, permessage-deflate"), "permessage-deflate", &[first, again]),
        (&format!("permessage-deflate, {no_takeover}"), no_takeover, &[first]),
        ("permessage-deflate", "permessage-deflate; client_no_context_takeover", &[first, again]),
    ] {
        let (mut talk, _) = agreed(offers, answers);
        talk.server(FIRST).server(AGAIN);
        assert_eq!(inflated(&talk.trace()), expected, "{offers} / {answers}");
    }
}

#[test]
fn with_takeover_the_first_gap_is_named_once() {
    let (mut talk, handshake) = agreed("permessage-deflate", "permessage-deflate");
    talk.server(FIRST).server(AGAIN).lose().server(AGAIN).server(HI);
    talk.server(AGAIN).lose().server(AGAIN).close();
    let trace = talk.trace();
    let gaps = trace.stream(0, TO_CLIENT).unwrap().gaps();
    assert_eq!((gaps.len(), gaps[0].start), (2, handshake + FIRST.len() as u64));
    let text = format!(
        "octets are missing from octet {} of the stream on, and compressed messages may repeat what was there: no later \
         message of this direction can be inflated",
        gaps[0].start
    );
    assert_eq!(lasting(&trace), [(Some(7), text)]);
    assert_eq!(inflated(&trace), ["[6] < text \"Hello\", inflated 7 → 5"]);
    assert!(told(&trace).contains(&"[8] < text \"hi\"".to_owned()), "what is not compressed is read");
}

/// The first gap is told of the first message that it concerns, also if others came before that.
#[test]
fn with_takeover_the_first_gap_is_named_behind_another() {
    let (mut talk, handshake) = agreed("permessage-deflate", "permessage-deflate");
    talk.server(FIRST).lose().server(HI).server(FIRST).lose().server(HI).server(AGAIN);
    let told = lasting(&talk.trace());
    assert_eq!(told.len(), 1, "{told:?}");
    let start = format!("octets are missing from octet {handshake} of the stream on");
    assert!(told[0].0 == Some(8) && told[0].1.starts_with(&start), "{told:?}");
}

#[test]
fn with_takeover_a_gap_in_a_message_is_named() {
    let (mut talk, handshake) = agreed("permessage-deflate", "permessage-deflate");
    talk.server(FIRST).server(&AGAIN[..4]).server(&AGAIN[4..6]).lose().server(&AGAIN[6..]).server(AGAIN);
    let trace = talk.trace();
    let missing = handshake + FIRST.len() as u64 + 4;
    let told = lasting(&trace);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.starts_with(&format!("octets are missing from octet {missing} of the stream on")), "{told:?}");
    assert_eq!(inflated(&trace).len(), 1);
}

#[test]
fn without_takeover_the_next_message_is_read() {
    let (mut talk, _) = agreed("permessage-deflate", "permessage-deflate; server_no_context_takeover");
    talk.server(FIRST).server(FIRST).lose().server(FIRST).server(FIRST);
    talk.server(&FIRST[..4]).server(&FIRST[4..6]).lose().server(&FIRST[6..]).server(FIRST).close();
    let trace = talk.trace();
    let hello = |frame: u32| format!("[{frame}] < text \"Hello\", inflated 7 → 5");
    assert_eq!(inflated(&trace), [6, 7, 8, 11].map(hello));
    assert_eq!(lasting(&trace), []);
    let missing = notes(&trace).into_iter().filter(|(_, text)| text.contains("not captured")).count();
    assert_eq!(missing, 2, "the gaps are told: {:?}", notes(&trace));
}
