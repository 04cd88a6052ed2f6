//! Which requests answers are told to answer where octets are missing.

use crate::packet::Flags;
use crate::protocol::HttpMessage;
use crate::trace::Trace;
use crate::trace::testing::{Conversation, DATA, EMPTY_200, GET, TO_CLIENT, TO_SERVER, told};

/// A request of a client that waits for each answer, and its answer, or one of both alone.
fn exchange(talk: &mut Conversation, n: usize, lost: Option<&str>) {
    talk.client(format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"));
    if lost == Some("request") {
        talk.lose();
    }
    talk.server(EMPTY_200);
    if lost == Some("answer") {
        talk.lose();
    }
}

/// Which request each answer that is there is told to answer.
fn pairs(trace: &Trace) -> Vec<Option<String>> {
    let http = || trace.messages().iter().filter_map(|message| Some((message, message.payload_as::<HttpMessage>()?)));
    let target = |start: u64| {
        let mut requests = http().filter(|(message, _)| message.direction == TO_SERVER && message.range.start == start);
        requests.find_map(|(message, http)| Some(http.start(trace.bytes(message))?.1.into_owned()))
    };
    let answers = http().filter(|(message, _)| message.direction == TO_CLIENT);
    answers.map(|(_, http)| target(http.answers.as_ref()?.start)).collect()
}

/// What a segment acknowledges its sender has received. So the server's next segment tells that a request arrived which was not
/// captured, and the client's next that it knows; and what the server had not received when it answered it did not answer.
#[test]
fn a_lost_request_leaves_its_own_answer_alone_unpaired() {
    let named = |n: usize| Some(format!("/{n}"));
    for lost in 1..8 {
        let mut talk = Conversation::new().open();
        (0..10).for_each(|n| exchange(&mut talk, n, Some("request").filter(|_| n == lost)));
        let expected: Vec<_> = (0..10).map(|n| if n == lost { None } else { named(n) }).collect();
        assert_eq!(pairs(&talk.trace()), expected, "lost: {lost}");
        // Of a lost answer the request is left.
        let mut talk = Conversation::new().open();
        (0..10).for_each(|n| exchange(&mut talk, n, Some("answer").filter(|_| n == lost)));
        let expected: Vec<_> = (0..10).filter(|n| *n != lost).map(named).collect();
        let found = pairs(&talk.trace());
        assert_eq!(found.iter().zip(&expected).filter(|(a, b)| a.is_some() && a != b).count(), 0, "{found:?}");
        assert!(found.iter().filter(|pair| pair.is_none()).count() <= 1, "lost: {lost}: {found:?}");
    }
    // Two requests are missing, sent at once: what the server says before it has the third answers one of those.
    let mut talk = Conversation::new().open();
    exchange(&mut talk, 0, None);
    talk.client(GET).lose().client(GET).lose().server(EMPTY_200).server(EMPTY_200);
    (3..6).for_each(|n| exchange(&mut talk, n, None));
    assert_eq!(pairs(&talk.trace()), [named(0), None, None, named(3), named(4), named(5)]);
    // So it does where the third is on its way.
    let mut talk = Conversation::new().open();
    exchange(&mut talk, 0, None);
    talk.client(GET).lose().client(GET).lose().server(EMPTY_200);
    let received = talk.next[0];
    talk.client("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    let sent = std::mem::replace(&mut talk.next[0], received);
    talk.server(EMPTY_200).next[0] = sent;
    talk.server(EMPTY_200);
    (4..6).for_each(|n| exchange(&mut talk, n, None));
    assert_eq!(pairs(&talk.trace()), [named(0), None, None, named(3), named(4), named(5)]);
}

/// The acknowledgement alone may be lost on its way to the client: it may send again what the capture has not.
#[test]
fn what_its_sender_may_not_know_to_have_arrived_is_waited_for() {
    let mut talk = Conversation::new().open();
    exchange(&mut talk, 0, None);
    let seq = talk.next[0];
    talk.client(GET).lose().segment(TO_CLIENT, Flags::ACK, b"").client(GET);
    talk.at(TO_SERVER, seq, DATA, GET.as_bytes()).server(EMPTY_200).server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!((told(&trace).len(), trace.stream(0, TO_SERVER).unwrap().gaps().len()), (6, 0), "{:?}", told(&trace));
}

/// Plays a client that has so many requests under way at most, and that many at first; the capture lacks the request with this
/// number. How many answers are paired with another request than their own, and how many with none.
fn play(most: usize, lost: usize, mut seed: u32) -> (usize, usize) {
    let mut random = |n: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) % n
    };
    let mut talk = Conversation::new().open();
    let (mut asked, mut answered) = (0, 0);
    while answered < 12 {
        let may_ask = asked < 12 && asked - answered < most;
        if may_ask && (asked == answered || asked < most || random(2) == 0) {
            talk.client(format!("GET /{asked} HTTP/1.1\r\nHost: a\r\n\r\n"));
            if asked == lost {
                talk.lose();
            }
            asked += 1;
        } else {
            talk.server(EMPTY_200);
            answered += 1;
        }
        if random(4) == 0 {
            talk.segment(if random(2) == 0 { TO_SERVER } else { TO_CLIENT }, Flags::ACK, b"");
        }
    }
    let found = pairs(&talk.trace());
    assert_eq!(found.len(), 12);
    let is_wrong = |(n, pair): &(usize, &Option<String>)| pair.as_ref().is_some_and(|pair| *pair != format!("/{n}"));
    (found.iter().enumerate().filter(is_wrong).count(), found.iter().filter(|pair| pair.is_none()).count())
}

/// Of a client that was seen to ask again before it was answered nobody knows how many answers the lost octets are owed.
#[test]
fn behind_a_lost_request_no_answer_is_paired_with_another() {
    for (seed, lost) in (0..8).flat_map(|seed| (0..11).map(move |lost| (seed, lost))) {
        assert_eq!(play(1, lost, seed), (0, 1), "seed {seed}, lost {lost}");
        for most in (2..5).filter(|most| lost > *most) {
            assert_eq!(play(most, lost, seed).0, 0, "{most} at most, seed {seed}, lost {lost}");
        }
    }
}
