//! Socket.IO as it is followed over whole conversations: what Engine.IO and Socket.IO ask of both sides.

use super::testing::{Conversation, SWITCHING, TO_CLIENT, TO_SERVER, notes, told};
use crate::layer::Direction;

const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                       Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const OPEN: &str = r#"0{"sid":"s1","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#;
const JOIN: &str = "40";
const JOINED: &str = r#"40{"sid":"sock"}"#;

/// A text message in one frame; the client's mask is zero.
fn frame(direction: Direction, text: &str) -> Vec<u8> {
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
