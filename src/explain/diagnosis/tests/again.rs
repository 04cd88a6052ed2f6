use super::{SWITCHING, UPGRADE, frame, text, told};
use crate::explain::diagnosis::Finding;
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, TO_CLIENT};

/// One client that comes so often, with a pause of so many milliseconds between.
pub(super) fn comes(times: u16, pause: i64, once: &dyn Fn(&mut Conversation, u16)) -> Conversation {
    let mut all = Conversation::new();
    for time in 0..times {
        let mut talk = Conversation::between(&format!("127.0.0.1:{}", 50_001 + time), "127.0.0.1:8080").open();
        once(&mut talk, time);
        let after = all.frames.last().map_or(0, |last| last.time.0 - talk.frames[0].time.0 + pause * 1_000_000);
        talk.frames.iter_mut().for_each(|frame| frame.time.0 += after);
        all.frames.append(&mut talk.frames);
    }
    all
}

fn of_loop(talk: &Conversation) -> Option<Finding> {
    crate::explain::diagnosis::diagnose(&talk.trace()).into_iter().find(|found| found.text.contains("asked for"))
}

pub(super) fn opens(talk: &mut Conversation) -> &mut Conversation {
    talk.client(format!("{UPGRADE}\r\n")).server(format!("{SWITCHING}\r\n"))
}

#[test]
fn a_client_that_comes_again_and_again_is_told_once() {
    let closed = |talk: &mut Conversation, _| {
        opens(talk).server(frame(0x88, &[3, 240, b'n', b'o'], false)).close_by_server();
    };
    let found = of_loop(&comes(4, 1000, &closed)).unwrap();
    let says = "127.0.0.1 asked for /chat at 127.0.0.1:8080 4 times in 3.0 s, and none of it lasted longer than 2.0 ms: each time \
                the server closed with 1008, policy violation (\"no\"). Likely";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!(found.frames, [4, 6, 13, 15, 22, 24, 31, 33]);
    // And what closed them is said once.
    assert_eq!(told(&comes(4, 1000, &closed)).len(), 2);
    assert_eq!(of_loop(&comes(2, 1000, &closed)), None, "twice may be chance");
    assert_eq!(of_loop(&comes(4, 100_000, &closed)), None, "who comes much later comes for something else");
    let differently = |first: u16| {
        let once = move |talk: &mut Conversation, time: u16| {
            match time {
                0 => {
                    talk.client(format!("{UPGRADE}\r\n")).server("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                }
                1 if first > 1 => opens(talk).segment(TO_CLIENT, Flags::RST | Flags::ACK, b""),
                2 if first > 2 => opens(talk).close_by_server(),
                _ => opens(talk).server(frame(0x88, b"", false)).close(),
            };
        };
        of_loop(&comes(4, 1000, &once)).map(|found| found.text)
    };
    let text = differently(1).unwrap();
    assert!(text.contains(": 1 × it was answered with 403; 3 × the server closed without a code. Likely"), "{text}");
    assert_eq!(differently(2), None, "who tries many things meets many ends");
    assert_eq!(differently(3), None);
}

/// Who leaves has had what it wanted, and several clients at one address are not one that comes again.
#[test]
fn clients_that_leave_are_not_driven_away() {
    let leaves = |talk: &mut Conversation, _| {
        opens(talk).client(frame(0x88, &[3, 232], true)).server(frame(0x88, &[3, 232], false)).close_by_server();
    };
    assert_eq!(told(&comes(4, 1000, &leaves)), [""; 0]);
    let speaks = |talk: &mut Conversation, _| {
        opens(talk).client(text("x", true)).server(text("y", false)).close();
    };
    assert_eq!(told(&comes(4, 1000, &speaks)), [""; 0]);
    let silent = |talk: &mut Conversation, _| {
        opens(talk).close();
    };
    let found = of_loop(&comes(4, 1000, &silent)).unwrap();
    assert!(found.text.contains("each time the client closed without a Close frame"), "{}", found.text);
    let closed = |talk: &mut Conversation, _| {
        opens(talk).server(frame(0x88, &[3, 244], false)).close_by_server();
    };
    // All at once.
    let mut several = comes(4, 1000, &closed);
    let each = several.frames.len() / 4;
    let mut mixed = Vec::new();
    for at in 0..each {
        mixed.extend((0..4).map(|client| several.frames[client * each + at].clone()));
    }
    let first = several.frames[0].time.0;
    (0..).zip(&mut mixed).for_each(|(at, frame)| frame.time.0 = first + at * 1_000_000);
    several.frames = mixed;
    assert_eq!(of_loop(&several), None);
}

#[test]
fn a_session_that_is_polled_may_be_lost_each_time() {
    let lost = |talk: &mut Conversation, time: u16| {
        let open = format!("0{{\"sid\":\"s{time}\",\"upgrades\":[],\"pingInterval\":500,\"pingTimeout\":200}}");
        let get =
            |sid: &str| format!("GET /socket.io/?EIO=4&transport=polling&t={time}{sid} HTTP/1.1\r\nHost: x\r\n\r\n");
        talk.client(get("")).server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{open}", open.len()));
        let unknown = "{\"code\":1,\"message\":\"Session ID unknown\"}";
        talk.client(get(&format!("&sid=s{time}")));
        talk.server(format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{unknown}", unknown.len())).close();
    };
    let found = of_loop(&comes(3, 1000, &lost)).unwrap();
    let says = "127.0.0.1 asked for /socket.io/?EIO=4&transport=polling at 127.0.0.1:8080 3 times in ";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert!(found.text.contains(": each time a request of the session was answered with 400. "), "{}", found.text);
}

/// Where the server ends each stream at once an EventSource polls.
#[test]
fn an_event_stream_may_be_ended_each_time() {
    let get = "GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let ended = |talk: &mut Conversation, _| {
        talk.client(get).server(format!("{head}9\r\ndata: 1\n\n\r\n0\r\n\r\n")).close_by_server();
    };
    let found = of_loop(&comes(3, 3000, &ended)).unwrap();
    assert!(
        found.text.contains(": each time the server ended the event stream. An EventSource connects"),
        "{}",
        found.text
    );
    assert_eq!((found.severity, found.spec), (Severity::Note, "WHATWG HTML §9.2.3"));
    let left = |talk: &mut Conversation, _| {
        talk.client(get).server(format!("{head}9\r\ndata: 1\n\n\r\n")).close();
    };
    assert_eq!(of_loop(&comes(3, 3000, &left)), None, "who has had enough comes for something else");
}
