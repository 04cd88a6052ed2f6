//! What no receiver takes: what lies outside its window, or behind the end. The windows are of 512 octets.

use crate::flow::{Closing, Ending};
use crate::packet::Flags;
use crate::trace::Trace;
use crate::trace::testing::{Conversation, DATA, EMPTY_200, GET, TO_CLIENT, TO_SERVER, notes, told};

/// The texts of the notes on a frame.
fn notes_on(trace: &Trace, frame: u32) -> Vec<&str> {
    notes(trace).into_iter().filter(|(on, _)| *on == Some(frame)).map(|(_, text)| text).collect()
}

fn is_outside(trace: &Trace, frame: u32) -> bool {
    notes_on(trace, frame).iter().any(|text| text.contains("behind the end of its receiver's window"))
}

/// Frames 1 to 6; the last is a segment so far ahead of the client's next number.
fn with(ahead: u32, flags: u8, octets: &str) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200);
    let next = talk.next[0];
    talk.at(TO_SERVER, next.wrapping_add(ahead), flags, octets.as_bytes());
    talk
}

#[test]
fn octets_outside_the_window_are_not_read() {
    for (ahead, is_read) in [(512, true), (513, false), (100_000, false), (0x7fff_0000, false)] {
        let mut talk = with(ahead, DATA, GET);
        talk.segment(TO_CLIENT, Flags::ACK, b"").client(GET).server(EMPTY_200).close();
        let trace = talk.trace();
        assert_eq!(is_outside(&trace, 6), !is_read, "{ahead}: {:?}", notes(&trace));
        let told = told(&trace);
        assert!(
            ["[8] > GET /", "[9] < 200 OK"].iter().all(|line| told.contains(&(*line).to_owned())),
            "{ahead}: {told:?}"
        );
        assert_eq!(told.len(), if is_read { 5 } else { 4 }, "{ahead}: {told:?}");
        assert_eq!(trace.stream(0, TO_SERVER).unwrap().gaps().len(), usize::from(is_read), "{ahead}");
        let sent = trace.connections()[0].sent(TO_SERVER);
        assert_eq!(sent == 2 * GET.len() as u64 + 1, !is_read, "{ahead}: {sent}");
    }
}

/// What comes later to the same place is read, and of what was dropped nothing.
#[test]
fn what_was_dropped_takes_nobodys_place() {
    let post = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n{}", "x".repeat(900));
    let mut talk = with(600, DATA, GET);
    talk.segment(TO_CLIENT, Flags::ACK, b"");
    for part in post.as_bytes().chunks(400) {
        talk.client(part).segment(TO_CLIENT, Flags::ACK, b"");
    }
    talk.server(EMPTY_200);
    let trace = talk.trace();
    assert!(is_outside(&trace, 6));
    assert_eq!(trace.stream(0, TO_SERVER).unwrap().slice(GET.len() as u64..u64::MAX), post.as_bytes());
    assert_eq!(trace.stream(0, TO_SERVER).unwrap().frames(0..2000), [4, 8, 10, 12]);
}

/// The capture lacks what opened the window, and octets: what came is real, as what its receiver says next shows.
#[test]
fn what_a_later_window_reaches_is_read() {
    let mut talk = Conversation::new().open();
    talk.client("x".repeat(600)).lose().client(GET).segment(TO_CLIENT, Flags::ACK, b"").server(EMPTY_200);
    talk.segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
    let trace = talk.trace();
    assert!(!is_outside(&trace, 4), "{:?}", notes(&trace));
    assert_eq!(told(&trace).len(), 2);
    assert_eq!(trace.connections()[0].closing(TO_SERVER), Some(Closing::Fin(7)));
}

/// A sender that heeds no window, and a receiver that takes what comes: what is acknowledged was there.
#[test]
fn what_is_acknowledged_was_not_dropped() {
    let mut talk = Conversation::new().open();
    let first = talk.next[0];
    talk.at(TO_SERVER, first.wrapping_add(600), DATA, GET.as_bytes()).segment(TO_CLIENT, Flags::ACK, b"");
    talk.client("x".repeat(600)).segment(TO_CLIENT, Flags::ACK, b"");
    talk.next[0] = talk.next[0].wrapping_add(GET.len() as u32);
    talk.segment(TO_CLIENT, Flags::ACK, b"");
    let trace = talk.trace();
    assert!(is_outside(&trace, 4), "{:?}", notes(&trace));
    assert!(trace.stream(0, TO_SERVER).unwrap().slice(600..u64::MAX) == GET.as_bytes());
}

/// As long as its receiver says nothing, nothing is proven; and where it is not known whether windows are scaled they may be any.
#[test]
fn without_a_proof_nothing_is_dropped() {
    let silent = with(600, DATA, GET).trace();
    assert!(!is_outside(&silent, 6) && told(&silent).len() == 3, "{:?}", notes(&silent));
    let mut talk = with(600, DATA, GET);
    talk.segment(TO_CLIENT, Flags::ACK, b"").client(GET).segment(TO_CLIENT, Flags::ACK, b"");
    talk.frames.drain(..2);
    let trace = talk.trace();
    assert!(!is_outside(&trace, 4), "{:?}", notes(&trace));
}

#[test]
fn a_fin_or_a_rst_outside_the_window_ends_nothing() {
    for flags in [Flags::FIN | Flags::ACK, Flags::RST, Flags::RST | Flags::ACK] {
        let mut talk = with(50_000, flags, "");
        talk.segment(TO_CLIENT, Flags::ACK, b"");
        let open = talk.trace();
        assert_eq!((open.connections()[0].ending(), is_outside(&open, 6)), (Ending::Open, true), "{flags}");
        talk.client(GET).server(EMPTY_200).close();
        let trace = talk.trace();
        assert_eq!(told(&trace).len(), 4, "{flags}");
        let closed = Ending::Closed { first: TO_SERVER, fins: [10, 11], simultaneous: false };
        assert_eq!(trace.connections()[0].ending(), closed, "{flags}");
        assert_eq!(notes(&trace).len(), 1, "{:?}", notes(&trace));
    }
}

/// More than are remembered at once count as what they seem to be.
#[test]
fn what_may_be_dropped_is_bounded() {
    let mut talk = with(100_000, DATA, "x");
    let next = talk.next[0];
    for n in 1..100 {
        talk.at(TO_SERVER, next.wrapping_add(100_000 + 10 * n), DATA, b"x");
    }
    talk.segment(TO_CLIENT, Flags::ACK, b"").client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!((6..200).filter(|frame| is_outside(&trace, *frame)).count(), 16);
    assert!(told(&trace).len() >= 4);
}

#[test]
fn octets_behind_the_fin_are_not_read() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200).segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
    talk.segment(TO_CLIENT, Flags::ACK, b"").client(GET).segment(TO_CLIENT, Flags::ACK, b"");
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
    let trace = talk.trace();
    let behind = "payload behind the FIN in frame 6, with which its sender ended, and which was acknowledged: no receiver takes it, \
        and it is not read";
    assert_eq!(notes(&trace), [(Some(8), behind)]);
    assert_eq!(told(&trace), ["[4] > GET /", "[5] < 200 OK"]);
}
