use super::{engineio, frame, later, one, text, told, websocket};
use crate::layer::Severity;
use crate::packet::Flags;
use crate::trace::testing::{Conversation, DATA, TO_CLIENT, TO_SERVER};

/// Engine.IO closes, after a second, what asks for a WebSocket at a path that nobody takes (`destroyUpgradeTimeout`).
#[test]
fn a_websocket_of_engineio_at_another_path_is_closed() {
    let closed = |target: &str, after| {
        let mut talk = Conversation::new().open();
        talk.client(super::UPGRADE.replace("/chat", target) + "\r\n").close_by_server();
        later(&mut talk, 5, after);
        one(&talk).text
    };
    let likely = "Servers of Engine.IO do so with a WebSocket that is asked for at another path than their own, after a second: \
                  likely the option `path` is not the same on both sides";
    let asks = "/socket.io/?EIO=4&transport=websocket";
    assert!(closed(asks, 1000).ends_with(likely), "{}", closed(asks, 1000));
    for (what, target, after) in [
        ("it went at once", asks, 100),
        ("the path is right", "/socket.io/?EIO=4&transport=websocket&sid=s", 1000),
        ("it is no Engine.IO", "/chat", 1000),
    ] {
        assert!(!closed(target, after).contains("Engine.IO do so"), "{what}: {}", closed(target, after));
    }
}

#[test]
fn an_event_without_its_acknowledgement_is_told() {
    let mut talk = engineio(200);
    talk.client(text("420[\"save\",1]", true)).client(text("421[\"load\"]", true)).server(text("431[]", false));
    talk.client(text("42[\"tell\"]", true));
    assert_eq!(told(&talk), [""; 0], "it may come yet");
    later(&mut talk, 10, 900);
    let found = one(&talk);
    assert!(found.text.starts_with("the event \"save\" asks for an acknowledgement (#0)"), "{}", found.text);
    assert_eq!(found.frames, [9]);
    // The answer may be what was not captured, there or on another connection of the session.
    let mut other = Conversation::between("127.0.0.1:50001", "127.0.0.1:8080").open();
    other.client("POST /socket.io/?EIO=4&transport=polling&sid=s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n3");
    other.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").lose().close();
    let mut both = engineio(200);
    both.client(text("420[\"save\",1]", true));
    both.frames.append(&mut other.frames);
    later(&mut both, 10, 900);
    assert_eq!(told(&both), [""; 0]);
    // Nor of a connection of which nothing could be read is known whose it was.
    for (server, is_told) in [("127.0.0.1:8080", false), ("127.0.0.1:8081", true)] {
        let mut unread = Conversation::between("127.0.0.1:50001", server).open();
        unread.client("POST / HTTP/1.1").lose().close();
        let mut both = engineio(200);
        both.client(text("420[\"save\",1]", true));
        both.frames.append(&mut unread.frames);
        later(&mut both, 10, 900);
        assert_eq!(told(&both).iter().any(|text| text.contains("acknowledgement")), is_told, "{server}");
    }
    talk.server(text("430[]", false));
    assert_eq!(told(&talk), [""; 0]);
}

#[test]
fn a_ping_without_a_pong_is_told_if_somebody_waited() {
    let end = |talk: &mut Conversation, wait| {
        talk.server(text("2", false)).server(frame(0x88, b"", false));
        later(talk, 10, wait);
    };
    let mut talk = engineio(200);
    end(&mut talk, 200);
    let found = one(&talk);
    assert!(found.text.contains("gave up after 201 ms (pingTimeout is 200 ms)"), "{}", found.text);
    assert_eq!(found.frames, [9, 10]);
    let mut talk = engineio(200);
    end(&mut talk, 20);
    assert_eq!(told(&talk), [""; 0], "it left for another reason");

    let mut talk = websocket("", "");
    talk.client(frame(0x89, b"?", true)).client(frame(0x88, &[3, 243], true));
    later(&mut talk, 7, 900);
    let said = told(&talk);
    assert!(
        said[0].starts_with("no pong came for the ping in frame 6: 127.0.0.1:51544 gave up after 901 ms"),
        "{said:?}"
    );
    assert!(said[1].ends_with("closed the WebSocket with 1011, internal error"), "{said:?}");
}

/// Who says that the session is closed gives up as who closes its connection does; who is closed by the other side does not.
#[test]
fn a_session_that_is_closed_by_a_packet_is_given_up() {
    let close = |to_client: bool| {
        let mut talk = engineio(200);
        talk.server(text("2", false));
        if to_client {
            talk.server(text("1", false))
        } else {
            talk.client(text("1", true))
        };
        later(&mut talk, 10, 200);
        talk
    };
    let found = one(&close(true));
    assert!(found.text.contains("gave up after 201 ms (pingTimeout is 200 ms)"), "{}", found.text);
    assert_eq!(found.frames, [9, 10]);
    assert_eq!(told(&close(false)), [""; 0], "the client left");
    let mut answered = engineio(200);
    answered.server(text("2", false)).client(text("3", true)).server(text("1", false));
    later(&mut answered, 11, 200);
    assert_eq!(told(&answered), [""; 0]);
    // A ping of WebSocket, too; and an event waits until then, not until the capture ends.
    let mut talk = engineio(200);
    talk.client(frame(0x89, b"?", true))
        .client(text("420[\"save\"]", true))
        .client(text("1", true))
        .server(text("6", false));
    later(&mut talk, 11, 900);
    let said = told(&talk);
    assert!(said[0].starts_with("no pong came for the ping in frame 9"), "{said:?}");
    assert!(said[1].contains("none came in the 901 ms until the session was over"), "{said:?}");
    later(&mut talk, 12, 9000);
    assert_eq!(told(&talk), said);
}

/// Who left first decides: the Close that whoever pinged sends then is no giving up.
#[test]
fn who_left_before_gives_nothing_up() {
    let ping = |leaves: bool| {
        let mut talk = websocket("", "");
        talk.server(frame(0x89, b"?", false));
        if leaves {
            talk.segment(TO_SERVER, Flags::FIN | Flags::ACK, b"");
        }
        talk.server(frame(0x88, &[3, 232], false));
        later(&mut talk, if leaves { 8 } else { 7 }, 900);
        talk
    };
    assert!(one(&ping(false)).text.starts_with("no pong came for the ping in frame 6: 127.0.0.1:8080 gave up"));
    assert_eq!(told(&ping(true)), [""; 0]);
}

/// It is waited from the first ping on, however soon one follows the other.
#[test]
fn several_pings_are_one_waiting() {
    let pinged = |last: &[&[u8]]| {
        let mut talk = websocket("", "");
        for _ in 0..4 {
            talk.server(frame(0x89, b"?", false));
        }
        for octets in last {
            talk.segment(if octets[0] == 0x8a { TO_SERVER } else { TO_CLIENT }, DATA, octets);
        }
        (7..11).for_each(|frame| later(&mut talk, frame, 300));
        told(&talk)
    };
    let said = pinged(&[&frame(0x88, &[3, 243], false)]);
    assert!(said[0].starts_with("no pong came for the ping in frame 6, nor for 3 more behind it: "), "{said:?}");
    assert!(said[0].ends_with("gave up after 1.2 s"), "{said:?}");
    let said = pinged(&[&frame(0x8a, b"?", true), &frame(0x88, &[3, 232], false)]);
    assert_eq!(said, [""; 0], "one pong answers all before it");
}

/// In Engine.IO 4 the client waits pingInterval and pingTimeout for a ping.
#[test]
fn a_client_that_gets_no_ping_gives_up() {
    let left = |wait: i64, pinged: bool, leaves: &dyn Fn(&mut Conversation)| {
        let mut talk = engineio(300);
        if pinged {
            talk.server(text("2", false)).client(text("3", true));
        }
        let last = talk.frames.len() as u32;
        leaves(&mut talk);
        later(&mut talk, last + 1, wait);
        told(&talk)
    };
    let close = |talk: &mut Conversation| {
        talk.client(frame(0x88, b"", true)).server(frame(0x88, b"", false));
    };
    let said = left(800, false, &close);
    let expected = "no ping came from 127.0.0.1:8080 in the 803 ms behind the opening of the session in frame 6: the client gave \
                    up (pingInterval and pingTimeout are 800 ms together)";
    assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
    let said = left(800, true, &close);
    assert!(
        said[0].starts_with("no ping came from 127.0.0.1:8080 in the 802 ms behind the one in frame 9: "),
        "{said:?}"
    );
    let said = left(800, false, &|talk| {
        talk.client(text("1", true));
    });
    assert!(said[0].starts_with("no ping came from"), "{said:?}");
    // A server that was busy pings when it is too late.
    let busy = |talk: &mut Conversation| {
        talk.client(frame(0x88, b"", true)).server(text("2", false)).server(frame(0x88, b"", false));
    };
    assert!(left(800, false, &busy)[0].starts_with(expected), "{:?}", left(800, false, &busy));
    // And so it does over polling, where nothing else says that the client has left.
    let said = left(800, false, &|talk| {
        talk.client(text("1", true)).server(text("2", false));
    });
    assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
    // It leaves for another reason, or the server does.
    assert_eq!(left(300, false, &close), [""; 0]);
    assert_eq!(left(9000, false, &close), [""; 0]);
    let closed = left(800, false, &|talk| {
        talk.server(frame(0x88, b"", false)).client(frame(0x88, b"", true));
    });
    assert_eq!(closed, [""; 0]);
    // The ping may have been lost by the capture.
    let lost = |talk: &mut Conversation| {
        talk.server(text("2", false)).lose().client(frame(0x88, b"", true));
    };
    assert!(!left(800, false, &lost).iter().any(|text| text.contains("no ping came")));
}

/// A pong has what its ping had (RFC 6455 §5.5.3); one that was not asked for answers nothing.
#[test]
fn a_pong_answers_the_ping_that_it_repeats() {
    let pinged = |pings: &[&[u8]], pongs: &[&[u8]]| {
        let mut talk = websocket("", "");
        for data in pings {
            talk.server(frame(0x89, data, false));
        }
        for data in pongs {
            talk.client(frame(0x8a, data, true));
        }
        talk.server(frame(0x88, &[3, 243], false));
        let last = talk.frames.len() as u32;
        later(&mut talk, last, 900);
        told(&talk).into_iter().filter(|text| text.contains("pong")).collect::<Vec<_>>()
    };
    let said = pinged(&[b"a"], &[b"b"]);
    assert!(said[0].starts_with("no pong came for the ping in frame 6: 127.0.0.1:8080 gave up"), "{said:?}");
    assert!(said[0].contains("The pong in frame 7 does not repeat what the ping carries"), "{said:?}");
    assert_eq!(pinged(&[b"a"], &[b"b", b"a"]), [""; 0]);
    assert_eq!(pinged(&[b"a", b"b"], &[b"b"]), [""; 0], "the last may be answered alone");
    assert_eq!(pinged(&[b"a", b"a"], &[b"a"]), [""; 0]);
    let said = pinged(&[b"a", b"b", b"c"], &[b"a", b""]);
    assert!(said[0].starts_with("no pong came for the ping in frame 7, nor for 1 more behind it: "), "{said:?}");
    assert!(said[0].contains("The pong in frame 10 does"), "{said:?}");
}

/// Nobody need give up for that.
#[test]
fn a_pong_that_repeats_nothing_is_told_if_no_other_came() {
    let pinged = |data: &[u8], wait: i64| {
        let mut talk = websocket("", "");
        talk.server(frame(0x89, b"a", false)).client(frame(0x8a, data, true)).client(text("x", true));
        later(&mut talk, 8, wait);
        talk
    };
    let found = one(&pinged(b"b", 900));
    let says = "the pong in frame 7 does not repeat what the ping in frame 6 carries, and in the 902 ms until the capture ended none \
                did: ";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Note, vec![6, 7]));
    assert_eq!(told(&pinged(b"a", 900)), [""; 0]);
    assert_eq!(told(&pinged(b"b", 0)), [""; 0], "the right one may come");
}

/// What answers the probe of a transport is no pong of a heartbeat, nor is what the same side says.
#[test]
fn what_answers_a_probe_answers_no_heartbeat() {
    let beat = |to_client: bool, pong: &str| {
        let mut talk = engineio(200);
        talk.server(text("2", false));
        if to_client {
            talk.server(text(pong, false))
        } else {
            talk.client(text(pong, true))
        };
        talk.server(frame(0x88, b"", false));
        later(&mut talk, 11, 200);
        told(&talk)
    };
    for (to_client, pong) in [(true, "3probe"), (false, "3probe"), (true, "3")] {
        let said = beat(to_client, pong);
        assert!(said.iter().any(|text| text.starts_with("no pong came for the ping in frame 9")), "{pong} {said:?}");
    }
    assert_eq!(beat(false, "3"), [""; 0]);
}

/// A session that is asked for is not asked to wait, other than one that is polled.
#[test]
fn an_opening_poll_without_an_answer_is_told() {
    let asks = |query: &str| {
        let mut talk = Conversation::new().open();
        talk.client(format!("GET /socket.io/?EIO=4&transport=polling{query} HTTP/1.1\r\nHost: x\r\n\r\n")).close();
        later(&mut talk, 5, 2000);
        talk
    };
    assert!(one(&asks("")).text.ends_with("was never answered: the client gave up after 2.0 s"));
    assert_eq!(told(&asks("&sid=s")), [""; 0]);
}

/// Whoever stops the capture because nothing comes finds what did not.
#[test]
fn a_request_may_wait_until_the_capture_ends() {
    let get = "GET /hung HTTP/1.1\r\nHost: x\r\n\r\n";
    let other = |talk: &mut Conversation, wait| {
        talk.frames.extend(Conversation::between("127.0.0.1:5", "127.0.0.1:6").open().frames);
        later(talk, 5, wait);
    };
    let mut talk = Conversation::new().open();
    talk.client(get);
    other(&mut talk, 7000);
    let found = one(&talk);
    assert_eq!(found.text, "GET /hung had no answer yet when the capture ended, 7.0 s later");
    assert_eq!((found.severity, found.frames), (Severity::Note, vec![4]));
    let mut several = Conversation::new().open();
    several.client(get).client(get).client(get);
    several.frames.extend(Conversation::between("127.0.0.1:5", "127.0.0.1:6").open().frames);
    later(&mut several, 7, 7000);
    assert!(one(&several).text.ends_with("7.0 s later, nor had 2 more behind it"), "{:?}", told(&several));
    let mut soon = Conversation::new().open();
    soon.client(get);
    other(&mut soon, 700);
    assert_eq!(told(&soon), [""; 0], "the answer may be on its way");
    let mut held = Conversation::new().open();
    held.client(get).server("HTTP/1.1 204 No Content\r\n\r\n").client(get);
    later(&mut held, 5, 900);
    held.frames.extend(Conversation::between("127.0.0.1:5", "127.0.0.1:6").open().frames);
    later(&mut held, 7, 7000);
    assert_eq!(told(&held), [""; 0], "it is a long poll");
}
