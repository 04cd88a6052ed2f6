//! What the capture lost: nobody is blamed in Engine.IO and Socket.IO for what may have been in it.

use super::socket_tests::{JOINED, OPEN, UPGRADE};
use super::testing::{Conversation, DATA, SWITCHING, TO_CLIENT, TO_SERVER, notes, trace};
use super::testing_http2;
use super::{Needs, Pipeline, Place, Seen, Sight, Trace, Watch};
use crate::capture::Frame;
use crate::layer::{Direction, Note};
use crate::packet::Flags;

const POLL: &str = "GET /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: a\r\n\r\n";
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n42[\"now\"]";
const BINARY: &str = r#"451-["b",{"_placeholder":true,"num":0}]"#;

/// What is said when a peer did something that it should not.
const BLAME: [&str; 8] = [
    "a GET while another",
    "text came before all attachments",
    "octets that no packet announced",
    "was never answered",
    "which was not joined",
    "which nobody sent",
    "before the one with that id was answered",
    "another parser",
];

/// A message in one frame, of text unless it begins with a zero; the client's mask is zero.
fn message(direction: Direction, said: &str) -> Vec<u8> {
    let opcode = if said.starts_with('\0') { 0x82 } else { 0x81 };
    let (masked, mask) = if direction == TO_SERVER { (0x80, &[0; 4][..]) } else { (0, &[][..]) };
    [&[opcode, masked | said.len() as u8], mask, said.as_bytes()].concat()
}

/// One that keeps nothing, and tells only notes.
struct Counting(Vec<String>);

impl Watch for Counting {
    fn needs(&self) -> Needs {
        Needs::NUMBERS
    }

    fn frame(&mut self, _sight: &Sight<'_>) {}

    fn message(&mut self, _seen: &Seen<'_>) {}

    fn note(&mut self, _on: Option<&Place>, note: &Note) {
        self.0.push(note.text.to_string());
    }

    fn ended(&mut self, _ended: super::Ended) {}
}

fn is_blame(text: &str) -> bool {
    BLAME.iter().any(|blame| text.contains(blame))
}

/// How often somebody is blamed; who only counts blames as often as who reads.
fn blames(frames: &[Frame]) -> usize {
    let count = |trace: &Trace| notes(trace).iter().filter(|(_, text)| is_blame(text)).count();
    let reading = count(&trace(frames));
    let mut pipeline = Pipeline::new(Counting(Vec::new()));
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    let counting = pipeline.end().0.iter().filter(|text| is_blame(text)).count();
    assert_eq!(counting, reading);
    reading
}

/// The same where something was not said at all, and where it was said but not captured.
fn without_and_lost(said: &[(Direction, &str)], lost: (Direction, &str), then: &[(Direction, &str)]) -> (usize, usize) {
    let blamed = |is_said: bool| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).server(message(TO_CLIENT, OPEN));
        for (direction, text) in said {
            talk.segment(*direction, DATA, &message(*direction, text));
        }
        if is_said {
            talk.segment(lost.0, DATA, &message(lost.0, lost.1)).lose();
        }
        // Behind a gap it is read on where several frames fit.
        let rest = [(TO_SERVER, r#"42["more"]"#), (TO_CLIENT, r#"42["news"]"#)].repeat(4);
        for (direction, text) in then.iter().chain(&rest) {
            talk.segment(*direction, DATA, &message(*direction, text));
        }
        blames(&talk.frames)
    };
    (blamed(false), blamed(true))
}

#[test]
fn nobody_is_blamed_for_what_was_lost_on_a_websocket() {
    let join = [(TO_SERVER, "40"), (TO_CLIENT, JOINED)];
    let after = |more: &[(Direction, &'static str)]| [&join[..], more].concat();
    let more = (TO_SERVER, r#"42["up"]"#);
    // A pong; of which nothing is seen but that it was acknowledged.
    let pong = without_and_lost(&after(&[(TO_CLIENT, "2")]), (TO_SERVER, "3"), &[(TO_CLIENT, "2"), (TO_SERVER, "3")]);
    assert_eq!(pong, (1, 0));
    let pong = without_and_lost(&after(&[(TO_CLIENT, "2")]), (TO_SERVER, "3"), &[more, more, more, (TO_CLIENT, "2")]);
    assert_eq!(pong, (1, 0));
    // An attachment, and the packet that announces one.
    let attachment = without_and_lost(&after(&[(TO_CLIENT, BINARY)]), (TO_CLIENT, "\0a"), &[(TO_CLIENT, "42[\"a\"]")]);
    assert_eq!(attachment, (1, 0));
    assert_eq!(without_and_lost(&join, (TO_CLIENT, BINARY), &[(TO_CLIENT, "\0a")]), (1, 0));
    // What joins a namespace.
    let admin = (TO_SERVER, r#"42/admin,["x"]"#);
    assert_eq!(without_and_lost(&join, (TO_SERVER, "40/admin,"), &[more, more, more, admin]), (1, 0));
    assert_eq!(without_and_lost(&[], (TO_SERVER, "40"), &[(TO_CLIENT, JOINED), admin]), (1, 0));
    // What is acknowledged, and an acknowledgement.
    let ack = (TO_CLIENT, "437[]");
    assert_eq!(without_and_lost(&join, (TO_SERVER, r#"427["ask"]"#), &[ack]), (1, 0));
    let ask = (TO_SERVER, r#"427["ask"]"#);
    assert_eq!(without_and_lost(&after(&[ask]), ack, &[ask]), (1, 0));
}

/// Behind a gap it is known again where it begins: who leaves attachments away then is told.
#[test]
fn what_comes_whole_behind_a_gap_is_judged_again() {
    let then = [(TO_CLIENT, "42[\"a\"]"), (TO_CLIENT, BINARY), (TO_CLIENT, "42[\"b\"]"), (TO_CLIENT, "\0a")];
    let join = [(TO_SERVER, "40"), (TO_CLIENT, JOINED)];
    assert_eq!(without_and_lost(&join, (TO_CLIENT, r#"42["lost"]"#), &then), (2, 2));
}

/// The answer to a poll was not captured: no later poll comes while another one waits.
#[test]
fn nobody_is_blamed_for_a_poll_whose_answer_was_lost() {
    let blamed = |is_said: bool| {
        let mut talk = Conversation::new().open();
        talk.client(POLL).server(ANSWER).client(POLL);
        if is_said {
            talk.server(ANSWER).lose();
        }
        for _ in 0..4 {
            talk.client(POLL).server(ANSWER);
        }
        blames(&talk.frames)
    };
    assert!(blamed(false) > 0);
    assert_eq!(blamed(true), 0);
}

/// Nor where only a part of it was, and the next poll comes on another connection.
#[test]
fn the_next_poll_may_come_on_another_connection() {
    let blamed = |lost: &[&str], is_acknowledged: bool| {
        let mut talk = Conversation::new().open();
        talk.client(POLL);
        for part in lost {
            talk.server(part);
        }
        if lost.len() != 2 {
            talk.frames.truncate(4);
        } else {
            talk.frames.remove(4);
        }
        if is_acknowledged {
            talk.segment(TO_SERVER, Flags::ACK, b"");
        }
        let mut other = Conversation::between("127.0.0.1:51545", "127.0.0.1:8080").open();
        other.client(POLL).server(ANSWER).client(POLL).server(ANSWER);
        blames(&[talk.frames, other.frames].concat())
    };
    assert!(blamed(&[], true) > 0);
    assert_eq!(blamed(&[ANSWER], true), 0);
    assert_eq!(blamed(&[&ANSWER[..10], &ANSWER[10..]], true), 0);
}

/// Where each poll has a connection of its own, nobody knows of which session a request was that was not captured.
#[test]
fn nobody_is_blamed_for_what_a_request_on_another_connection_carried() {
    let post = |body: &str| {
        let len = body.len();
        format!(
            "{}{body}",
            POLL.replace("GET", "POST").replace("\r\n\r\n", &format!("\r\nContent-Length: {len}\r\n\r\n"))
        )
    };
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let open = POLL.replace("&sid=s1", "");
    let joined =
        [(open, ok(OPEN)), (post("40"), ok("ok")), (POLL.to_owned(), ok(JOINED)), (post(r#"42["a"]"#), ok("ok"))];
    let blamed = |lost: (&str, &str), then: (&str, &str), is_said: bool| {
        let polls = joined.iter().cloned().chain(
            [lost, then].map(|(asks, says)| (if asks.is_empty() { POLL.to_owned() } else { post(asks) }, ok(says))),
        );
        let mut frames = Vec::new();
        for (n, (asks, says)) in polls.enumerate() {
            let mut talk = Conversation::between(&format!("127.0.0.1:{}", 50_000 + n), "127.0.0.1:8080").open();
            match n == joined.len() {
                true if !is_said => continue,
                true => talk.client(asks).lose().server(says).close(),
                false => talk.client(asks).server(says).close(),
            };
            frames.append(&mut talk.frames);
        }
        blames(&frames)
    };
    let cases = [
        // What announces an attachment, and an event that is acknowledged.
        ((BINARY, "ok"), ("bAQ==", "ok")),
        ((r#"427["ask"]"#, "ok"), ("", "437[]")),
    ];
    for (lost, then) in cases {
        assert_eq!((blamed(lost, then, false), blamed(lost, then, true)), (1, 0), "{lost:?}");
    }
}

/// Nor for what an answer carried that was not captured, on a connection that is closed behind it.
#[test]
fn nobody_is_blamed_for_what_an_answer_on_another_connection_carried() {
    let ok = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let blamed = |is_said: bool| {
        let mut frames = Vec::new();
        let answers = [OPEN, JOINED, BINARY, "bAQ=="];
        for (n, says) in answers.iter().enumerate().filter(|(n, _)| is_said || *n != 2) {
            let asks = if n == 0 { POLL.replace("&sid=s1", "") } else { POLL.to_owned() };
            let mut talk = Conversation::between(&format!("127.0.0.1:{}", 50_000 + n), "127.0.0.1:8080").open();
            talk.client(asks).server(ok(says));
            if n == 2 {
                talk.lose();
            }
            frames.append(&mut talk.close().frames);
        }
        blames(&frames)
    };
    assert_eq!((blamed(false), blamed(true)), (1, 0));
}

/// The same of the streams of HTTP/2.
#[test]
fn nobody_is_blamed_for_a_poll_whose_answer_was_lost_on_http2() {
    use testing_http2::{END_STREAM, begin, data, get, ok};
    let poll = |stream| get(stream, "/socket.io/?EIO=4&transport=polling&sid=s1");
    let answer = |stream| [ok(stream), data(stream, END_STREAM, r#"42["now"]"#)].concat();
    let blamed = |is_said: bool| {
        let mut talk = begin();
        talk.client(poll(1)).server(answer(1)).client(poll(3));
        if is_said {
            talk.server(answer(3)).lose();
        }
        for stream in [5, 7, 9, 11] {
            talk.client(poll(stream)).server(answer(stream));
        }
        blames(&talk.frames)
    };
    assert!(blamed(false) > 0);
    assert_eq!(blamed(true), 0);
}
