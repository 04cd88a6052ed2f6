//! Socket.IO on a WebSocket whose handshake was not captured: nothing says so but what its messages look like.
//!
//! A capture that is begun while a program runs shows no query with `EIO=4` and no session's name. But a text that is a
//! digit of Engine.IO, a digit of Socket.IO and a list of JSON behind them is hardly anything else.
//!
//! # References
//! - Engine.IO protocol 4, "Packet encoding"; Socket.IO protocol 5, "Packet encoding".

use std::sync::Arc;

use crate::layer::{Note, Severity};
use crate::protocol::socketio::{Event, Kind, Packet, Revision, arguments};

/// So many messages are looked at; whatever speaks Socket.IO has said something by then.
const MOST_LOOKS: u8 = 64;

/// So many of them that look so are enough: one may be chance.
const ENOUGH: u8 = 2;

/// How often it was looked whether a WebSocket carries Socket.IO.
#[derive(Debug, Default)]
pub(super) struct Guess {
    looks: u8,
    fits: u8,
}

impl Guess {
    /// Whether it is worth to look at one more message.
    pub(super) fn goes_on(&self) -> bool {
        self.looks < MOST_LOOKS
    }

    /// It is something else.
    pub(super) fn give_up(&mut self) {
        self.looks = MOST_LOOKS;
    }

    /// Whether this text and those before it are what Socket.IO says.
    pub(super) fn is_socketio(&mut self, text: &[u8]) -> bool {
        self.looks = self.looks.saturating_add(1);
        // What is no packet of Engine.IO is none of a session.
        if !text.first().is_some_and(|kind| (b'0'..=b'6').contains(kind)) {
            self.give_up();
            return false;
        }
        self.fits += u8::from(fits(text));
        self.fits >= ENOUGH
    }
}

/// Whether a text is an event or an acknowledgement.
fn fits(text: &[u8]) -> bool {
    let Some(packet) = text.strip_prefix(b"4").and_then(|packet| std::str::from_utf8(packet).ok()) else {
        return false;
    };
    let packet = Packet::read(packet, Revision::V5);
    let Some(data) = packet.data.as_deref().filter(|_| packet.notes.is_empty()) else { return false };
    match packet.kind {
        Kind::Event | Kind::BinaryEvent => Event::from_json(data).is_ok(),
        Kind::Ack | Kind::BinaryAck => packet.id.is_some() && arguments(data).is_ok(),
        _ => false,
    }
}

/// What a session is called whose name was not captured: nothing that a server would call one.
pub(super) fn nameless(connection: u32) -> Arc<str> {
    format!("?{connection}").into()
}

/// What is said where it is recognised.
pub(super) fn note(sid: &str) -> Note {
    let text = format!(
        "taken for Socket.IO by what it looks like: the session was opened before the capture began, so its name is not \
         known, and it is called {sid} here"
    );
    Note::new(Severity::Note, text, "Socket.IO protocol 5, Packet encoding")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_acknowledgements_are_known_by_their_looks() {
        for text in [r#"42["tick",1]"#, r#"42/admin,7["x"]"#, "430[]", r#"451-["f",{"_placeholder":true,"num":0}]"#] {
            assert!(fits(text.as_bytes()), "{text}");
        }
        for text in ["", "2", "3", "42", "42[", "42{}", "4", "43[]", "40", "hello", "[1]", "42[]", "12[\"x\"]"] {
            assert!(!fits(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn one_is_not_enough_and_something_else_is_too_much() {
        let says = |texts: &[&str]| {
            let mut guess = Guess::default();
            let known = texts.iter().position(|text| guess.goes_on() && guess.is_socketio(text.as_bytes()));
            (known, guess.goes_on())
        };
        assert_eq!(says(&["2", "42[\"a\"]", "3", "42[\"b\"]"]), (Some(3), true));
        assert_eq!(says(&["42[\"temp\",1]", "ok 0", "42[\"temp\",2]"]), (None, false));
        assert_eq!(says(&["42[\"temp\",1]", "9999"]), (None, false));
        assert_eq!(says(&["2"; 64]), (None, false));
    }
}
