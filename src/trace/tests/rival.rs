//! A SYN between two ends that have a connection, as old ones, forged ones and those of hosts that began anew are.

use crate::flow::{Connection, Ending};
use crate::layer::Direction;
use crate::packet::Flags;
use crate::trace::Trace;
use crate::trace::testing::{Conversation, DATA, EMPTY_200, GET, TO_CLIENT, TO_SERVER, notes, told};

const CHALLENGE: &str = "a challenge ACK: it answers the SYN in frame 6, for which there is no place while this connection is \
    known, and which changes nothing about it";

/// Frames 1 to 5, a request and its answer; and 6, a SYN with a number so far from the client's next one.
fn interrupted(ahead: u32) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200);
    let next = talk.next[0];
    talk.at(TO_SERVER, next.wrapping_add(ahead), Flags::SYN, b"");
    talk
}

fn connections_of(trace: &Trace) -> Vec<u32> {
    trace.records().map(|(_, record)| record.segment.as_ref().unwrap().connection).collect()
}

fn endings(trace: &Trace) -> Vec<Ending> {
    trace.connections().iter().map(Connection::ending).collect()
}

/// The number of the SYN may be any, also one that the connection comes to soon.
#[test]
fn what_goes_on_behind_a_syn_is_read() {
    for ahead in [777_777, 0x8000_0000, u32::MAX - 100_000, 10, 1, GET.len() as u32 - 1, GET.len() as u32] {
        let mut talk = interrupted(ahead);
        talk.segment(TO_CLIENT, Flags::ACK, b"").client(GET).server(EMPTY_200).client(GET).server(EMPTY_200);
        talk.close();
        let trace = talk.trace();
        let said = ["GET /", "200 OK"].repeat(3);
        let told = told(&trace);
        assert!(
            told.iter().zip(&said).all(|(told, said)| told.ends_with(said)) && told.len() == 6,
            "{ahead}: {told:?}"
        );
        assert_eq!(connections_of(&trace), [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], "{ahead}");
        let closed = Ending::Closed { first: TO_SERVER, fins: [12, 13], simultaneous: false };
        assert_eq!(endings(&trace), [closed, Ending::Challenged { syn: 6, older: 0, ack: 7 }], "{ahead}");
        let notes = notes(&trace);
        assert_eq!(notes[1], (Some(7), CHALLENGE), "{ahead}");
        assert!(notes[0].1.starts_with("the SYN of connection 1 opened nothing") && notes.len() == 2, "{notes:?}");
    }
}

/// What comes without an answer to the SYN between it is no challenge, and is read.
#[test]
fn what_goes_on_need_not_begin_with_a_challenge() {
    let mut talk = interrupted(777_777);
    talk.client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(connections_of(&trace), [0, 0, 0, 0, 0, 1, 0, 0]);
    assert_eq!(notes(&trace), [(Some(6), "nobody answered the SYN of connection 1")]);
}

/// Frames 6 to 13 of one that began anew (RFC 9293 §3.5.1, figure 9): what the other side held is reset, and it opens.
#[test]
fn who_began_anew_ends_what_was_half_open() {
    let mut talk = interrupted(777_777);
    let next = talk.next[0];
    talk.segment(TO_CLIENT, Flags::ACK, b"").at(TO_SERVER, next, Flags::RST, b"");
    talk.next = [next.wrapping_add(777_777), 88_888];
    talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"");
    talk.segment(TO_SERVER, Flags::ACK, b"").client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(connections_of(&trace), [0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1, 1]);
    assert_eq!(told(&trace)[2..], ["[12] > GET /", "[13] < 200 OK"]);
    assert_eq!(endings(&trace), [Ending::Aborted { by: TO_SERVER, rst: 8 }, Ending::Open]);
    let ends = "its sender began anew in frame 6 and does not have this connection any more: what the other side still has of it ends";
    assert_eq!(notes(&trace)[..2], [(Some(7), CHALLENGE), (Some(8), ends)]);
}

/// The SYN ACK shows that there is another connection, and so does what follows it if it was not captured.
#[test]
fn a_syn_that_is_answered_begins_another() {
    for lost in [false, true] {
        let mut talk = interrupted(777_777);
        talk.next = [talk.next[0].wrapping_add(777_778), 88_888];
        talk.segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"");
        if lost {
            talk.lose();
        }
        talk.segment(TO_SERVER, Flags::ACK, b"").client(GET).server(EMPTY_200);
        let trace = talk.trace();
        assert_eq!(connections_of(&trace)[5..], [1; 5][usize::from(lost)..]);
        assert_eq!(told(&trace).len(), 4);
        let open = "connection 0: still open when another began between the same ports, in frame 6";
        let notes: Vec<_> = trace.notes().iter().map(|(frame, note)| (*frame, note.text.as_str())).collect();
        assert!(notes.contains(&(Some(5), open)), "{notes:?}");
    }
}

/// An old SYN comes first, and its answer is not the one that the client waits for (RFC 9293 §3.5, figure 8).
#[test]
fn the_answer_to_an_old_syn_is_that_ones() {
    let mut talk = Conversation::new();
    let isn = talk.next;
    talk.at(TO_SERVER, isn[0].wrapping_sub(1_000), Flags::SYN, b"").at(TO_SERVER, isn[0], Flags::SYN, b"");
    talk.next[0] = isn[0].wrapping_sub(999);
    talk.at(TO_CLIENT, isn[1], Flags::SYN | Flags::ACK, b"");
    talk.at(TO_SERVER, isn[0].wrapping_sub(999), Flags::RST, b"");
    talk.next[0] = isn[0].wrapping_add(1);
    talk.segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"").segment(TO_SERVER, Flags::ACK, b"");
    talk.client(GET).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(connections_of(&trace), [0, 1, 0, 0, 1, 1, 1, 1]);
    assert_eq!(endings(&trace), [Ending::GivenUp { by: TO_SERVER, rst: 4 }, Ending::Open]);
    let told = notes(&trace)[0];
    assert!(told.0 == Some(4) && told.1.ends_with("was completed: it had begun anew by then, in frame 2"), "{told:?}");
}

/// A SYN with the number of the first belongs to the same connection.
#[test]
fn a_syn_that_comes_late_opens_nothing() {
    let mut talk = Conversation::new();
    let isn = talk.next[0];
    talk = talk.open();
    talk.client(GET).server(EMPTY_200).at(TO_SERVER, isn, Flags::SYN, b"").segment(TO_CLIENT, Flags::ACK, b"");
    talk.at(TO_SERVER, talk.next[0], DATA, GET.as_bytes());
    let trace = talk.trace();
    assert_eq!((told(&trace).len(), trace.connections().len()), (3, 1));
    let late = "a SYN in the middle of its connection: it opens nothing, and a challenge ACK answers it";
    assert_eq!(notes(&trace), [(Some(6), late)]);
    assert_eq!(trace.connections()[0].latest_way(), Direction::ToServer);
}
