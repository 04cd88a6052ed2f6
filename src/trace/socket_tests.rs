//! Socket.IO as it is followed over whole conversations: what Engine.IO and Socket.IO ask of both sides.

use super::glance_tests::counts;
use super::testing::{Conversation, DATA, SWITCHING, TO_CLIENT, TO_SERVER, notes, told};
use crate::capture::Timestamp;
use crate::layer::Direction;
use crate::protocol::SocketIoPacket;

pub(super) const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
pub(super) const OPEN: &str =
    r#"0{"sid":"s1","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#;
pub(super) const JOIN: &str = "40";
pub(super) const JOINED: &str = r#"40{"sid":"sock"}"#;

/// A text message in one frame; the client's mask is zero.
pub(super) fn frame(direction: Direction, text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    let masked = if direction == TO_SERVER { 0x80 } else { 0 };
    match text.len() {
        len @ 0..=125 => frame.push(masked | len as u8),
        len => {
            frame.push(masked | 126);
            frame.extend((len as u16).to_be_bytes());
        }
    }
    frame.extend(if masked > 0 { &[0; 4][..] } else { &[] });
    frame.extend(text.as_bytes());
    frame
}

/// What was said on the WebSocket of a new session, and what was noted.
fn session(said: &[(Direction, &str)]) -> Vec<(Option<u32>, String)> {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING).server(frame(TO_CLIENT, OPEN));
    for (direction, text) in said {
        talk.segment(*direction, 0x18, &frame(*direction, text));
    }
    let trace = talk.trace();
    assert!(told(&trace).len() > said.len());
    notes(&trace).into_iter().map(|(frame, text)| (frame, text.to_owned())).collect()
}

#[test]
fn a_session_as_it_should_be_has_no_notes() {
    let event = r#"42["hello","world"]"#;
    let said = [
        (TO_SERVER, JOIN),
        (TO_CLIENT, JOINED),
        (TO_SERVER, event),
        (TO_CLIENT, "2"),
        (TO_SERVER, "3"),
        (TO_CLIENT, event),
    ];
    assert_eq!(session(&said), []);
}

/// "the client MUST send a CONNECT packet at the beginning": seen from its open packet on, none was sent.
#[test]
fn an_event_before_any_connect_is_told() {
    let noted = session(&[(TO_SERVER, r#"42["hello"]"#)]);
    assert_eq!(noted, [(Some(7), "an event in the namespace /, which was not joined".to_owned())]);
    let noted = session(&[(TO_SERVER, JOIN), (TO_CLIENT, JOINED), (TO_SERVER, r#"42/admin,["hello"]"#)]);
    assert_eq!(noted, [(Some(9), "an event in the namespace /admin, which was not joined".to_owned())]);
}

/// What is acknowledged may have been in the octets that are missing.
#[test]
fn behind_a_gap_nobody_is_blamed_for_an_acknowledgement() {
    let noted = |is_lost: bool| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).server(frame(TO_CLIENT, OPEN));
        talk.client(frame(TO_SERVER, JOIN)).server(frame(TO_CLIENT, JOINED));
        talk.client(frame(TO_SERVER, r#"429["ask"]"#));
        if is_lost {
            talk.lose();
        }
        for _ in 0..6 {
            talk.client(frame(TO_SERVER, r#"42["more"]"#)).server(frame(TO_CLIENT, r#"42["news"]"#));
        }
        talk.server(frame(TO_CLIENT, r#"439["yes"]"#)).server(frame(TO_CLIENT, r#"438["no"]"#));
        let trace = talk.trace();
        notes(&trace).iter().filter(|(_, text)| text.starts_with("it acknowledges the event")).count()
    };
    assert_eq!((noted(false), noted(true)), (1, 0));
}

/// A CONNECT as socket.io-msgpack-parser writes it, `{"type":0,"nsp":"/"}`; and what no parser known here writes.
#[test]
fn packets_that_are_not_written_as_usual_are_named() {
    const CONNECT: &[u8] = b"\x82\xa4type\x00\xa3nsp\xa1/";
    let noted = |octets: &[u8], sees_open: bool| {
        let masked = [&[0x82, 0x80 | octets.len() as u8, 0, 0, 0, 0], octets].concat();
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING);
        if sees_open {
            talk.server(frame(TO_CLIENT, OPEN));
        }
        talk.client(&masked).client(&masked);
        let trace = talk.trace();
        let named = |(_, text): &&(_, &str)| text.contains("default parser");
        notes(&trace)
            .iter()
            .filter(named)
            .map(|(_, text)| text.split(' ').take(2).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(noted(CONNECT, true), ["the packets"]);
    assert_eq!(noted(b"\xc1\xc1", true), ["no packet"]);
    assert_eq!(noted(b"\xc1\xc1", false), [""; 0], "the opening is missing: it may be an attachment");
}

/// What was said not to be read further is not, though a later message may look like a packet.
#[test]
fn what_is_no_socketio_stays_so() {
    let noted = session(&[(TO_SERVER, "4hello"), (TO_SERVER, "40"), (TO_CLIENT, "4hello"), (TO_CLIENT, "bAQID")]);
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert!(noted[0].1.contains("not read further"), "{noted:?}");
}

/// Nobody is blamed for attachments that come but are not waited for.
#[test]
fn attachments_that_are_not_waited_for_were_announced() {
    let noted =
        session(&[(TO_SERVER, JOIN), (TO_CLIENT, JOINED), (TO_CLIENT, r#"451001-["many"]"#), (TO_CLIENT, "bAQID")]);
    let texts: Vec<&str> = noted.iter().map(|(_, text)| text.as_str()).collect();
    let expected = [
        "a packet with 1001 attachments: more than 1000 are not waited for",
        "octets before these are not known: nor is which packet they belong to",
    ];
    assert_eq!(texts, expected);
}

/// A packet that does not get its attachments is told when it is over, whoever ends it.
#[test]
fn what_waits_for_attachments_is_told_in_the_end() {
    const TWO: &str = r#"452-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let begun = || {
        let mut talk = Conversation::between("[fd00::1]:51544", "[fd00::2]:8080").open();
        talk.client(UPGRADE).server(SWITCHING).server(frame(TO_CLIENT, OPEN));
        talk.client(frame(TO_SERVER, JOIN)).server(frame(TO_CLIENT, JOINED));
        talk.server(frame(TO_CLIENT, TWO)).server([0x82, 1, 7]);
        talk
    };
    let noted = |talk: &Conversation| {
        assert_eq!(counts(talk, false), counts(talk, true));
        assert_eq!(counts(talk, false).get("socketio BINARY_EVENT"), Some(&1));
        let trace = talk.trace();
        let packets = trace.messages().iter().filter(|message| {
            let packet: Option<&SocketIoPacket> = message.payload_as();
            packet.is_some_and(|packet| packet.attachments > 0)
        });
        let told: Vec<_> = packets.map(|message| (message.complete, message.frames.clone())).collect();
        assert_eq!(told, [(false, vec![9, 10])]);
        let of_it = |(_, text): &&(Option<u32>, &str)| text.contains("attachments of this packet");
        let all = notes(&trace);
        let found: Vec<_> = all.iter().filter(of_it).map(|(frame, text)| (*frame, text.to_string())).collect();
        assert_eq!(found.len(), 1, "{all:?}");
        found.into_iter().next().unwrap()
    };
    let came = "1 of 2 came, and nothing of it behind frame 10";
    let mut talk = begun();
    let expected = format!("the capture ended before all attachments of this packet came: {came}");
    assert_eq!(noted(&talk), (Some(10), expected));
    talk.client(frame(TO_SERVER, "1"));
    let expected = format!("its session was over before all attachments of this packet came: {came}");
    assert_eq!(noted(&talk), (Some(10), expected));
    let mut talk = begun();
    talk.close();
    let expected = format!("its connection was over before all attachments of this packet came: {came}");
    assert_eq!(noted(&talk), (Some(10), expected));
    let mut talk = begun();
    talk.server(frame(TO_CLIENT, r#"42["news"]"#));
    let expected = format!("text came before all attachments of this packet, which is given up: {came}");
    assert_eq!(noted(&talk), (Some(11), expected));
}

/// With recovery not each event carries an offset: what is volatile ends with the program's own arguments.
#[test]
fn what_is_no_offset_is_the_programs_own() {
    let ended = |texts: &[&'static str]| {
        let mut talk = Conversation::new().open();
        talk.client(UPGRADE).server(SWITCHING).server(frame(TO_CLIENT, OPEN));
        talk.client(frame(TO_SERVER, JOIN)).server(frame(TO_CLIENT, r#"40{"sid":"sock","pid":"p"}"#));
        for text in texts {
            talk.server(frame(TO_CLIENT, text));
        }
        let trace = talk.trace();
        let packets = trace.messages().iter().filter_map(|message| message.payload_as::<SocketIoPacket>());
        packets.skip(2).map(|packet| packet.offset.clone().unwrap_or_default()).collect::<Vec<_>>()
    };
    let [hello, vol, welcome] = [r#"42["hello","world","Q7y2paX"]"#, r#"42["vol","world"]"#, r#"42["vol","Welcome"]"#];
    assert_eq!(ended(&[vol, hello, vol]), ["", "Q7y2paX", ""]);
    // A word may look like one: then it is as it was before, or nearer to the time of the capture.
    assert_eq!(ended(&[hello, welcome, hello]), ["Q7y2paX", "", "Q7y2paX"]);
    assert_eq!(ended(&[welcome, hello, welcome]), ["Welcome", "Q7y2paX", ""]);
}

/// What polls, one after another: each request with the answer to it. The session was opened and joined before.
fn polled(polls: &[(&str, &str)]) -> Conversation {
    let mut talk = Conversation::between("[fd00::1]:51544", "[fd00::2]:8080").open();
    let opened = [("", OPEN), (JOIN, "ok"), ("", JOINED)];
    for (n, (posted, answer)) in opened.iter().chain(polls).enumerate() {
        let method = if posted.is_empty() { "GET" } else { "POST" };
        let sid = if n > 0 { "&sid=s1" } else { "" };
        let target = format!("/socket.io/?EIO=4&transport=polling{sid}");
        let length = posted.len();
        talk.client(format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{posted}"));
        talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()));
    }
    talk
}

/// A body of HTTP may hold a packet without its attachments: each of two comes with a poll of its own, and so they are posted.
#[test]
fn attachments_come_in_the_next_body() {
    const TWO: &str = r#"452-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    const WHOLE: &str = r#"["b",{"base64":"AQIDBA=="},{"base64":"/w=="}]"#;
    let events = |talk: &Conversation| {
        let (counted, read) = (counts(talk, false), counts(talk, true));
        assert_eq!(counted, read);
        let trace = talk.trace();
        assert_eq!(notes(&trace), []);
        let packets = trace.messages().iter().filter_map(|message| {
            let packet = message.payload_as::<SocketIoPacket>().filter(|packet| packet.kind.is_event())?;
            Some((message.direction, message.complete, message.frames.clone(), packet.data.clone()?))
        });
        packets.collect::<Vec<_>>()
    };
    // Frames 4 to 9 open and join. What comes behind the last attachment is an event of its own.
    let down = polled(&[("", TWO), ("", "bAQIDBA=="), ("", "b/w==\u{1e}42[\"c\"]")]);
    let both =
        [(TO_CLIENT, true, vec![11, 13, 15], WHOLE.to_owned()), (TO_CLIENT, true, vec![15], r#"["c"]"#.to_owned())];
    assert_eq!(events(&down), both);
    let up = polled(&[(TWO, "ok"), ("bAQIDBA==", "ok"), ("b/w==", "ok")]);
    assert_eq!(events(&up), [(TO_SERVER, true, vec![10, 12, 14], WHOLE.to_owned())]);
    // While they are awaited the other direction may speak: what waits is of one direction.
    let between = polled(&[("", TWO), (r#"42["up"]"#, "ok"), ("", "bAQIDBA==\u{1e}b/w==")]);
    let both = [(TO_SERVER, true, vec![12], r#"["up"]"#.to_owned()), (TO_CLIENT, true, vec![11, 15], WHOLE.to_owned())];
    assert_eq!(events(&between), both);
}

/// A body of a poll must hold a packet; where none does there is none to tell that on, so the request is told.
#[test]
fn a_post_without_a_packet_is_told() {
    let mut talk = Conversation::new().open();
    talk.client("POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(notes(&talk.trace()), [(Some(4), "a payload without a packet")]);
}

/// A capture that began when the program ran already: no handshake, no name of a session, and still its events.
#[test]
fn a_session_is_known_in_its_middle() {
    let join = |said: &[(Direction, &str)]| {
        let mut talk = Conversation::new();
        for (direction, text) in said {
            talk.segment(*direction, 0x18, &frame(*direction, text));
        }
        talk.trace()
    };
    let said = [
        (TO_CLIENT, "2"),
        (TO_SERVER, "3"),
        (TO_SERVER, r#"427["ask",1]"#),
        (TO_CLIENT, r#"437["yes"]"#),
        (TO_CLIENT, r#"42["tick"]"#),
        (TO_CLIENT, "2"),
        (TO_SERVER, "41"),
    ];
    let trace = join(&said);
    let told = told(&trace);
    let has = |text: &str| assert!(told.iter().any(|line| line.contains(text)), "{text}: {told:?}");
    has("ACK #7 [\"yes\"]");
    has("EVENT \"tick\"");
    has("DISCONNECT");
    let notes = notes(&trace);
    let guesses = notes.iter().filter(|(_, text)| text.starts_with("taken for Socket.IO by what it looks like"));
    assert_eq!(guesses.map(|(frame, _)| *frame).collect::<Vec<_>>(), [Some(4)], "one may be chance: {notes:?}");
    assert!(!notes.iter().any(|(_, text)| text.contains("not joined") || text.contains("nobody sent")), "{notes:?}");
    // What looks like nothing of the kind is left alone.
    let other = join(&[(TO_CLIENT, "hello"), (TO_SERVER, "4 out of 2"), (TO_CLIENT, "[1,2]")]);
    assert!(!super::testing::told(&other).iter().any(|line| line.contains("EVENT")));
}

/// A proxy and the server behind it, captured together: everything is said twice, the client's words to the proxy first and the
/// server's to it. Both conversations have one sid, and each answers its own.
#[test]
fn a_session_through_a_proxy_is_two_conversations() {
    let binary = r#"51-3["b",{"_placeholder":true,"num":0}]"#;
    let (up, down) = (TO_SERVER, TO_CLIENT);
    let octets = |direction| {
        [
            &[0x82, if direction == up { 0x84 } else { 4 }][..],
            &[0; 4][..if direction == up { 4 } else { 0 }],
            b"\x01\x02\x03\x04",
        ]
        .concat()
    };
    let text = |direction, text: &str| (direction, frame(direction, text));
    let said = [
        (up, UPGRADE.as_bytes().to_vec()),
        (down, SWITCHING.as_bytes().to_vec()),
        text(down, OPEN),
        text(up, JOIN),
        text(down, JOINED),
        text(down, "2"),
        text(up, "3"),
        text(up, r#"420["a"]"#),
        text(down, "430[1]"),
        text(up, &format!("4{binary}")),
        (up, octets(up)),
        text(down, "461-3[{\"_placeholder\":true,\"num\":0}]"),
        (down, octets(down)),
        text(up, r#"420["again"]"#),
        text(down, "430[2]"),
        text(up, "41"),
        text(up, "1"),
    ];
    let mut front = Conversation::new().open();
    let mut back = Conversation::between("127.0.0.1:50002", "127.0.0.1:3000").open();
    let mut frames = [std::mem::take(&mut front.frames), std::mem::take(&mut back.frames)].concat();
    for (direction, octets) in &said {
        let hops = if *direction == up { [&mut front, &mut back] } else { [&mut back, &mut front] };
        for hop in hops {
            frames.append(&mut hop.segment(*direction, DATA, octets).frames);
        }
    }
    for (n, frame) in frames.iter_mut().enumerate() {
        frame.time = Timestamp(n as i64 * 1_000_000);
    }
    let trace = super::testing::trace(&frames);
    assert_eq!(notes(&trace), []);
    let answers = trace.messages().iter().filter_map(|message| {
        let answered = message.payload_as::<SocketIoPacket>()?.answers?.frame;
        let asked = trace.messages().iter().find(|one| one.frame() == answered)?;
        Some(asked.connection == message.connection)
    });
    assert_eq!(answers.collect::<Vec<_>>(), [true; 6]);
    let whole = trace.messages().iter().filter_map(|message| message.payload_as::<SocketIoPacket>());
    assert_eq!(
        whole
            .filter(|packet| packet.attachments == 1
                && packet.data.as_deref().is_some_and(|data| data.contains("AQIDBA==")))
            .count(),
        4
    );
}

/// A packet that is cut is told once, on the packet.
#[test]
fn a_payload_that_ends_too_early_is_told_once() {
    let open = r#"0{"sid":"s1","upgrades":[],"pingInterval":300,"pingTimeout":200}"#;
    let body = format!("{}:{open}", open.len());
    let mut talk = Conversation::new().open();
    talk.client("GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.server(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    talk.client(
        "POST /socket.io/?EIO=3&transport=polling&sid=s1 HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n\
         Content-Length: 11\r\n\r\n99:42[\"ab\"]",
    );
    let trace = talk.trace();
    let cut = notes(&trace).into_iter().filter(|(_, text)| text.starts_with("the payload ends within this packet"));
    assert_eq!(cut.count(), 1);
}
