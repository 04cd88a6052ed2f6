//! How connections begin and end, and the states of their ends on the way.

use super::State::{
    self, CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, Listen, SynReceived, SynSent, TimeWait,
};
use super::testing::{ACK, DOWN, FIN, Play, RST, SYN, UP};
use super::{Ending, Opening, Reset};

fn states(play: &Play) -> [State; 2] {
    [UP, DOWN].map(|direction| play.connection().state(direction))
}

/// The texts of the remarks, with their frames.
fn remarks(play: &Play) -> Vec<(u32, String)> {
    play.connection().remarks(None).into_iter().map(|(on, _, note)| (on.frame, note.text)).collect()
}

#[test]
fn a_whole_life() {
    let mut play = Play::new();
    let steps = [
        (UP, SYN, [SynSent, Listen]),
        (DOWN, SYN | ACK, [SynSent, SynReceived]),
        (UP, ACK, [Established, Established]),
        (UP, FIN | ACK, [FinWait1, Established]),
        (DOWN, ACK, [FinWait2, CloseWait]),
        (DOWN, FIN | ACK, [FinWait2, LastAck]),
        (UP, ACK, [TimeWait, Closed]),
    ];
    for (direction, flags, expected) in steps {
        play.send(direction, flags, 0);
        assert_eq!(states(&play), expected);
    }
    assert_eq!(play.connection().ending(), Ending::Closed { first: UP, fins: [4, 6], simultaneous: false });
    assert_eq!(remarks(&play), []);
}

/// Filters offer what the meaning lists.
#[test]
fn the_meaning_of_the_fields_lists_every_state() {
    let opening = [Closed, Listen, SynSent, SynReceived, Established];
    let ending = [FinWait1, FinWait2, CloseWait, Closing, LastAck, TimeWait];
    let names: Vec<&str> = opening.into_iter().chain(ending).map(State::name).collect();
    for field in super::fields().filter(|field| field.name.starts_with("tcp.state.")) {
        let (list, _) = field.meaning.split_once(';').expect("a list, and what it is of");
        assert_eq!(list.replace(" or ", ", ").split(", ").collect::<Vec<_>>(), names, "{}", field.name);
    }
}

#[test]
fn both_open_at_once() {
    let mut play = Play::new();
    play.send(UP, SYN, 0);
    play.send(DOWN, SYN, 0);
    assert_eq!(states(&play), [SynSent, SynSent]);
    play.at(UP, -1, SYN | ACK, 0);
    assert_eq!(states(&play), [SynReceived, SynSent]);
    play.at(DOWN, -1, SYN | ACK, 0);
    assert_eq!(states(&play), [Established, Established]);
    let told = remarks(&play);
    assert!(told[0].0 == 2 && told[0].1.starts_with("both sides of connection 0 opened at once"), "{told:?}");
}

#[test]
fn both_close_at_once() {
    let mut play = Play::open();
    // Neither knows of the other's FIN.
    play.at(UP, 0, FIN | ACK, 0);
    play.at(DOWN, 0, FIN | ACK, 0);
    assert_eq!(states(&play), [FinWait1, FinWait1]);
    play.skip(UP, 1);
    play.skip(DOWN, 1);
    play.send(UP, ACK, 0);
    assert_eq!(states(&play), [Closing, FinWait2]);
    play.send(DOWN, ACK, 0);
    assert_eq!(states(&play), [TimeWait, TimeWait]);
    assert_eq!(play.connection().ending(), Ending::Closed { first: UP, fins: [4, 5], simultaneous: true });
    let told = remarks(&play);
    assert!(told[0].0 == 5 && told[0].1.starts_with("both sides of connection 0 closed at once"), "{told:?}");
}

/// What a FIN acknowledges tells more than the order of frames, which may be the capture's own.
#[test]
fn a_fin_that_is_acknowledged_before_it_is_captured_came_first() {
    let mut play = Play::open();
    play.skip(UP, 1);
    play.send(DOWN, FIN | ACK, 0);
    play.ack_ahead[0] = -1;
    play.at(UP, -1, FIN | ACK, 0);
    play.ack_ahead[0] = 0;
    play.send(UP, ACK, 0);
    assert_eq!(play.connection().ending(), Ending::Closed { first: UP, fins: [5, 4], simultaneous: false });
    assert_eq!(remarks(&play), []);
    assert_eq!(states(&play), [TimeWait, Closed]);
}

#[test]
fn a_half_close() {
    let mut play = Play::open();
    play.send(DOWN, FIN | ACK, 3);
    play.send(UP, ACK, 10);
    play.send(DOWN, ACK, 0);
    assert_eq!(states(&play), [CloseWait, FinWait2]);
    assert_eq!(play.connection().ending(), Ending::HalfClosed { by: DOWN, fin: 4 });
    assert!(remarks(&play)[0].1.starts_with("10.0.0.2:80 ended its sending"), "{:?}", remarks(&play));
    assert!(remarks(&play)[0].1.ends_with("was open when the capture ended"), "{:?}", remarks(&play));
    // The other FIN was acknowledged, and so it was sent.
    play.skip(UP, 1);
    play.send(DOWN, ACK, 0);
    assert!(remarks(&play)[0].1.ends_with("connection 0 ended was not captured"), "{:?}", remarks(&play));
}

#[test]
fn a_refusal() {
    let mut play = Play::new();
    play.send(UP, SYN, 0);
    play.send(DOWN, RST | ACK, 0);
    assert_eq!(states(&play), [Closed, Closed]);
    assert_eq!(play.connection().ending(), Ending::Refused { by: DOWN, rst: 2 });
    assert_eq!(remarks(&play), [(2, "10.0.0.2:80 refused connection 0: a RST answers the SYN".into())]);
    assert_eq!(play.connection().handshake.rtt(), None);
    // What was refused may be granted when it is tried again.
    play.at(UP, -1, SYN, 0);
    play.send(DOWN, SYN | ACK, 0);
    play.send(UP, ACK, 0);
    assert_eq!(states(&play), [Established, Established]);
}

/// The SYN is not there, and its answer is: who resets then had asked, and refuses nothing.
#[test]
fn a_reset_of_whoever_was_answered_is_no_refusal() {
    let mut play = Play::open_but_for_its_syn();
    play.send(DOWN, ACK, 10);
    play.send(UP, RST | ACK, 0);
    assert_eq!(play.connection().ending(), Ending::Aborted { by: UP, rst: 4 });
}

/// Nobody can be faster than at once.
#[test]
fn a_handshake_in_the_wrong_order_took_no_time_that_is_known() {
    let mut play = Play::open_but_for_its_syn();
    play.at(UP, -1, SYN, 0);
    assert_eq!(play.connection().handshake.syn.map(|(frame, _)| frame), Some(3));
    assert_eq!(play.connection().handshake.rtt(), None);
}

#[test]
fn an_abort() {
    let mut play = Play::open();
    play.send(UP, ACK, 10);
    play.send(UP, RST | ACK, 0);
    assert_eq!(play.connection().ending(), Ending::Aborted { by: UP, rst: 5 });
    assert_eq!(remarks(&play), [(5, "10.0.0.1:50000 broke connection 0 off while open".into())]);
}

/// Who says nothing broke nothing off; a server that lets nobody speak may have a reason.
#[test]
fn an_abort_before_anything_was_said() {
    for (by, said, expected) in [(UP, 0, true), (UP, 1, false), (DOWN, 0, false)] {
        let mut play = Play::open();
        if said > 0 {
            play.skip(DOWN, said);
            play.send(UP, ACK, 0);
        }
        play.send(by, RST | ACK, 0);
        let told = remarks(&play).remove(0).1;
        assert_eq!(told.contains("before either side had said anything"), expected, "{by:?} {said}: {told}");
        assert!(told.contains("broke connection 0 off while open"), "{told}");
    }
}

/// As who looks for open ports does, or a server whose client never came.
#[test]
fn a_reset_before_it_was_open() {
    for (by, flags) in [(UP, RST), (UP, RST | ACK), (DOWN, RST)] {
        let mut play = Play::new();
        play.send(UP, SYN, 0);
        play.send(DOWN, SYN | ACK, 0);
        play.send(by, flags, 0);
        assert_eq!(play.connection().ending(), Ending::GivenUp { by, rst: 3 });
        let told = remarks(&play).remove(0).1;
        assert!(told.contains("gave connection 0 up with a RST before its handshake was completed"), "{told}");
        assert_eq!(told.contains("a half-open scan"), by == UP, "{told}");
    }
}

#[test]
fn a_reset_after_the_fin() {
    let mut play = Play::open();
    play.send(UP, FIN | ACK, 0);
    play.send(DOWN, ACK, 10);
    play.send(UP, RST, 0);
    assert_eq!(play.connection().ending(), Ending::ResetAfterFin { by: UP, fin: 4, rst: 6 });
    // After both sides have ended nothing is left to reset.
    let mut play = Play::open();
    for (direction, flags) in [(UP, FIN | ACK), (DOWN, FIN | ACK), (UP, ACK), (UP, RST)] {
        play.send(direction, flags, 0);
    }
    assert_eq!(play.connection().ending(), Ending::Closed { first: UP, fins: [4, 5], simultaneous: false });
}

#[test]
fn a_handshake_that_is_never_completed() {
    let mut play = Play::new();
    play.send(UP, SYN, 0);
    assert_eq!(play.connection().ending(), Ending::Unanswered { syn: 1 });
    assert_eq!(remarks(&play), [(1, "nobody answered the SYN of connection 0".into())]);
    play.send(DOWN, SYN | ACK, 0);
    assert_eq!(play.connection().ending(), Ending::NotCompleted { syn_ack: 2 });
    assert_eq!(remarks(&play)[0].0, 2);
}

#[test]
fn a_capture_that_begins_and_ends_in_the_middle() {
    let mut play = Play::new();
    play.send(UP, ACK, 10);
    play.send(DOWN, ACK, 0);
    assert_eq!(play.connection().opening, Opening::Guessed);
    assert_eq!(states(&play), [Established, Established]);
    assert_eq!(play.connection().ending(), Ending::Open);
    let expected = [
        (1, "connection 0 began before the capture: 10.0.0.1:50000 is taken for the client because of its port"),
        (2, "connection 0: still open when the capture ended"),
    ];
    assert_eq!(remarks(&play), expected.map(|(frame, text)| (frame, text.to_owned())));
}

#[test]
fn what_is_acknowledged_counts_whether_captured_or_not() {
    let mut play = Play::open();
    assert_eq!(play.connection().acknowledged(UP), Some(0));
    play.skip(UP, 100);
    play.send(DOWN, ACK, 0);
    assert_eq!(play.connection().acknowledged(UP), Some(100), "its numbers wrap meanwhile");
    assert_eq!(play.connection().sent(UP), 0);
}

#[test]
fn a_reset_counts_only_where_its_receiver_expects_it() {
    let mut play = Play::open();
    play.send(UP, ACK, 100);
    play.send(DOWN, ACK, 0);
    let stale = play.at(UP, -50, RST, 0);
    assert_eq!((stale.reset, states(&play)), (Reset::Stale, [Established, Established]));
    assert!(stale.notes[0].text.contains("it is dropped"), "{:?}", stale.notes);
    play.send(UP, ACK, 10);
    assert_eq!((play.connection().ending(), play.connection().closing(UP)), (Ending::Open, None));
    // Not acknowledged yet: whether its receiver had all before it is not known, so it counts if nothing follows.
    assert_eq!(play.at(UP, -5, RST, 0).reset, Reset::Doubtful);
    assert_eq!(play.connection().ending(), Ending::Aborted { by: UP, rst: 8 });
    play.send(DOWN, ACK, 0);
    let on = play.at(UP, 0, ACK, 1);
    assert_eq!((on.reset, play.connection().ending()), (Reset::GoesOn(8), Ending::Open));
}

/// A RST within the window whose number is not the next is answered, and nothing else happens (RFC 5961 §3.2).
#[test]
fn a_challenge_ack_refuses_a_reset() {
    let refused = || {
        let mut play = Play::open();
        play.send(DOWN, ACK, 3);
        play.send(UP, ACK, 0);
        assert_eq!(play.at(DOWN, 7, RST, 0).reset, Reset::Doubtful);
        let challenge = play.at(UP, 0, ACK, 0);
        assert_eq!(challenge.reset, Reset::Refuses(6));
        let said = "a challenge ACK: it refuses the RST in frame 6, whose number is not the one that it expects";
        assert!(challenge.notes.len() == 1 && challenge.notes[0].text.starts_with(said), "{:?}", challenge.notes);
        assert_eq!((play.connection().ending(), states(&play)), (Ending::Open, [Established, Established]));
        assert_eq!(play.connection().closing(DOWN), None);
        assert!(!play.connection().is_open_and_known(), "what comes next is looked at");
        play
    };
    let mut play = refused();
    assert_eq!(play.at(UP, 0, ACK, 0).reset, Reset::None, "it is told once");
    let on = play.at(DOWN, 0, ACK, 5);
    assert_eq!((on.reset, on.notes.len()), (Reset::None, 0), "that is told already");
    assert_eq!(play.connection().ending(), Ending::Open);
    let mut play = refused();
    assert_eq!(play.at(DOWN, 0, RST, 0).reset, Reset::Breaks, "who means it has the number now");
    assert_eq!(play.connection().ending(), Ending::Aborted { by: DOWN, rst: 8 });
    let mut play = refused();
    assert_eq!(play.at(DOWN, 0, ACK, 7).reset, Reset::Breaks, "octets before it were captured behind it");
    // An acknowledgement of something new was under way, and so was what its sender says.
    for (flags, len) in [(ACK, 1), (FIN | ACK, 0)] {
        let mut play = Play::open();
        play.send(DOWN, ACK, 3);
        play.send(UP, ACK, 0);
        play.at(DOWN, 7, RST, 0);
        assert_eq!(play.at(UP, 0, flags, len).reset, Reset::None);
        assert_eq!(play.connection().closing(DOWN), Some(super::Closing::Reset(6)));
    }
    let mut play = Play::open();
    play.send(DOWN, ACK, 3);
    play.send(UP, ACK, 0);
    play.send(DOWN, ACK, 2);
    play.at(DOWN, 7, RST, 0);
    assert_eq!(play.at(UP, 0, ACK, 0).reset, Reset::None, "it acknowledges what was sent before the RST");
    let mut play = Play::open();
    play.send(DOWN, ACK, 3);
    play.send(UP, ACK, 0);
    play.send(DOWN, ACK, 2);
    play.at(DOWN, -2, RST, 0);
    play.ack_ahead[UP.index()] = -2;
    assert_eq!(
        play.at(UP, 0, ACK, 0).reset,
        Reset::None,
        "that is the number which it expects: it must have said so before"
    );
}

/// The one whose socket is gone answers an acknowledgement that came twice.
#[test]
fn a_reset_when_both_have_ended_breaks_nothing_off() {
    let mut play = Play::open();
    for (way, flags) in [(UP, FIN | ACK), (DOWN, FIN | ACK), (UP, ACK)] {
        play.send(way, flags, 0);
    }
    let ends = |play: &Play| [UP, DOWN].map(|way| play.connection().closing(way));
    let closed = [Some(super::Closing::Fin(4)), Some(super::Closing::Fin(5))];
    assert_eq!(ends(&play), closed);
    play.send(UP, ACK, 0);
    play.send(DOWN, RST, 0);
    assert_eq!(ends(&play), closed);
    assert_eq!(play.connection().ending(), Ending::Closed { first: UP, fins: [4, 5], simultaneous: false });
    assert_eq!(states(&play), [Closed, Closed], "RFC 1337: it ends TIME-WAIT");
    // Before the second FIN is acknowledged it may have been heeded.
    let mut play = Play::open();
    for (way, flags) in [(UP, FIN | ACK), (DOWN, FIN | ACK), (DOWN, RST)] {
        play.send(way, flags, 0);
    }
    assert_eq!(ends(&play), [closed[0], Some(super::Closing::Reset(6))]);
}

#[test]
fn a_reset_that_comes_early_counts_when_what_it_follows_is_there() {
    let early = || {
        let mut play = Play::open();
        play.send(DOWN, ACK, 3);
        play.send(UP, ACK, 0);
        assert_eq!(play.at(DOWN, 7, RST, 0).reset, Reset::Doubtful);
        assert_eq!(states(&play), [Established, Established]);
        play
    };
    assert_eq!(
        early().connection().ending(),
        Ending::Aborted { by: DOWN, rst: 6 },
        "octets before it were not captured"
    );
    let mut play = early();
    assert_eq!(play.at(DOWN, 0, ACK, 7).reset, Reset::Breaks, "they were captured behind it");
    assert_eq!(states(&play), [Closed, Closed]);
    assert_eq!(play.connection().ending(), Ending::Aborted { by: DOWN, rst: 6 });
    let mut play = early();
    let on = play.at(DOWN, 0, ACK, 5);
    assert_eq!((on.reset, play.connection().ending()), (Reset::GoesOn(6), Ending::Open));
    assert!(on.notes[0].text.contains("the RST in frame 6 was not heeded"), "{:?}", on.notes);
}
