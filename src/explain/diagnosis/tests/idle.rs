use super::again::{comes, opens};
use super::{Conversation, SWITCHING, UPGRADE, diagnose, frame, later, text};
use crate::explain::diagnosis::Finding;
use crate::packet::Flags;
use crate::trace::testing::TO_CLIENT;

fn of_idle(talk: &Conversation) -> Option<Finding> {
    let found = diagnose(&talk.trace());
    found.into_iter().find(|found| found.text.contains("without a word when nobody had said anything"))
}

/// A WebSocket in which both sides speak, and which ends when nobody has said anything for so many milliseconds.
fn speaks(talk: &mut Conversation, idle: i64, end: &dyn Fn(&mut Conversation)) {
    opens(talk).client(text("x", true)).server(text("y", false));
    end(talk);
    later(talk, 8, idle);
}

fn server_closes(talk: &mut Conversation) {
    talk.close_by_server();
}

#[test]
fn a_timer_on_the_way_is_likely_where_silence_is_cut_again_and_again() {
    let cut = |talk: &mut Conversation, time: u16| speaks(talk, 60_000 + 20 * i64::from(time), &server_closes);
    let found = of_idle(&comes(3, 1000, &cut)).unwrap();
    let says = "127.0.0.1 asked for /chat at 127.0.0.1:8080 3 times in 182.1 s, and each time the server's side ended the \
                connection without a word when nobody had said anything for 60.0 s. Likely that is the idle timeout of a proxy or \
                load balancer on the way (60 s in nginx, proxy_read_timeout): a ping every 30 s would keep it open";
    assert_eq!((found.text.as_str(), found.spec), (says, "RFC 6455 §5.5.2"));
    assert_eq!(found.frames, [4, 7, 8, 14, 17, 18, 24, 27, 28], "asked for, said last, cut");
    assert_eq!(of_idle(&comes(2, 1000, &cut)), None, "twice may be chance");
    assert_eq!(of_idle(&comes(3, 100_000, &cut)), None, "who comes much later comes for something else");
    let reset = |talk: &mut Conversation, _| {
        speaks(talk, 55_000, &|talk| {
            talk.segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
        });
    };
    assert!(of_idle(&comes(3, 1000, &reset)).is_some());
    // Between a proxy and its server it is the client that cuts.
    let leaves = |talk: &mut Conversation| {
        talk.close();
    };
    let by_client = |talk: &mut Conversation, _| speaks(talk, 60_000, &leaves);
    assert!(of_idle(&comes(3, 1000, &by_client)).unwrap().text.contains("each time the client's side ended"));
}

#[test]
fn other_ends_are_no_timer_on_the_way() {
    let differently = |talk: &mut Conversation, time: u16| {
        speaks(talk, [60_000, 31_000, 47_000][usize::from(time)], &server_closes);
    };
    assert_eq!(of_idle(&comes(3, 1000, &differently)), None);
    let soon = |talk: &mut Conversation, _| speaks(talk, 5_000, &server_closes);
    assert_eq!(of_idle(&comes(3, 1000, &soon)), None, "that is told as a client that comes again and again");
    let says_so = |talk: &mut Conversation, _| {
        speaks(talk, 60_000, &|talk| {
            talk.server(frame(0x88, &[3, 233], false)).close_by_server();
        });
    };
    assert_eq!(of_idle(&comes(3, 1000, &says_so)), None, "who says that it is over does not cut");
    let asked = |talk: &mut Conversation, _| {
        opens(talk).client(text("x", true)).server(frame(0x89, b"", false));
        talk.close_by_server();
        later(talk, 8, 20_000);
    };
    assert_eq!(of_idle(&comes(3, 1000, &asked)), None, "who is asked whether it is there, and is not, is given up");
    // Some that end together, as when a server stops.
    let cut = |talk: &mut Conversation, _| speaks(talk, 60_000, &server_closes);
    let mut together = comes(3, 1000, &cut);
    let each = together.frames.len() / 3;
    let start = together.frames[0].time.0;
    let of_the_first: Vec<i64> = together.frames[..each].iter().map(|frame| frame.time.0 - start).collect();
    (0..).zip(&mut together.frames).for_each(|(at, frame)| frame.time.0 = start + of_the_first[at % each]);
    together.frames.sort_by_key(|frame| frame.time.0);
    assert_eq!(of_idle(&together), None);
}

/// A client of Engine.IO 4 leaves when it is not asked any more, which is told as that.
#[test]
fn a_heartbeat_that_stops_is_another_cause() {
    let left = |talk: &mut Conversation, time: u16| {
        let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket");
        talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n"));
        let open = format!("0{{\"sid\":\"s{time}\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}}");
        talk.server(text(&open, false)).client(text("40", true)).server(text("40{\"sid\":\"t\"}", false)).close();
        later(talk, 9, 45_000);
    };
    assert_eq!(of_idle(&comes(3, 1000, &left)), None);
}

#[test]
fn so_are_event_streams() {
    let get = "GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let streams = |rest: &'static str| {
        let once = move |talk: &mut Conversation, _| {
            talk.client(get).server(format!("{head}9\r\ndata: 1\n\n\r\n{rest}")).close_by_server();
            later(talk, 6, 60_000);
        };
        of_idle(&comes(3, 1000, &once))
    };
    let found = streams("").unwrap();
    assert!(found.text.ends_with("a comment of the server every 30 s would keep it open"), "{}", found.text);
    assert_eq!(found.spec, "WHATWG HTML §9.2.7");
    assert_eq!(streams("0\r\n\r\n"), None, "its server ended it");
}
