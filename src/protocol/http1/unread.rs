//! Octets in the place of a message that cannot be read as one, or are not.

use super::describe::HttpMessage;
use crate::layer::{Group, Note, Severity};
use crate::message::{Draft, Input, Progress, Sink};

/// A version of HTTP, and where it says what a message is.
pub(in crate::protocol) type Rules = (&'static str, &'static str);

/// The version that is read here.
pub(super) const HTTP1: Rules = ("HTTP/1", "RFC 9112 §2.1");

/// Hands out octets that are no message, if there are any; nothing more is read of their direction.
pub(in crate::protocol) fn unreadable(
    input: Input<'_>,
    (version, spec): Rules,
    why: &str,
    sink: &mut dyn Sink,
) -> Progress {
    let text = format!("not a message that {version} allows: {why}");
    given_up(input, Note::new(Severity::Error, text, spec).about(Group::Malformed), sink)
}

/// What octets are that are no message of HTTP/1, where that is known: what a server says to who took it for another.
pub(super) fn foreign(octets: &[u8]) -> Option<&'static str> {
    let h2 = "these are frames of HTTP/2, for which nobody has asked: who sends them speaks no HTTP/1 here, as servers of gRPC do";
    let tls = "this is a record of TLS: who sends it wants to be spoken to in TLS from the beginning (https:, wss:)";
    match octets {
        // A connection begins with SETTINGS, of six octets each, on stream 0 (RFC 9113 §3.4, §6.5).
        [0, 0, len, 4, 0, 0, 0, 0, 0, ..] if len % 6 == 0 => Some(h2),
        // An alert or a handshake, whose version is one of TLS (RFC 8446 §5.1).
        [21 | 22, 3, 0..=4, _, _, ..] => Some(tls),
        [b'S', b'S', b'H', b'-', ..] => Some("this is how SSH begins"),
        _ => None,
    }
}

/// Hands out octets of a head that is larger than what is read; nothing more is read of their direction.
pub(super) fn too_large(input: Input<'_>, why: &str, sink: &mut dyn Sink) -> Progress {
    let text = format!("{why}: more is not read here, though HTTP sets no limit");
    given_up(input, Note::new(Severity::Warn, text, "RFC 9110 §5.4").about(Group::Undecoded), sink)
}

/// Hands out octets behind a request to change the protocol whose answer is missing; nothing more is read of their direction.
pub(super) fn unanswered(input: Input<'_>, sink: &mut dyn Sink) -> Progress {
    let text = "whether the server agreed to change the protocol is not known, as octets of it are missing: what follows in this \
                direction is not read";
    given_up(input, Note::new(Severity::Warn, text, "RFC 9110 §7.8").about(Group::Undecoded), sink)
}

/// Hands out line ends with which a direction ends: some programs send one behind a body, and who reads passes over it.
pub(super) fn empty_line(input: Input<'_>, sink: &mut dyn Sink) -> Progress {
    let text = "an empty line that no message follows: it is passed over";
    hand_out(input, Note::new(Severity::Chat, text, "RFC 9112 §2.2"), true, sink);
    Progress::Consumed(input.bytes.len())
}

/// Hands out octets that are not read, with what is to be said of them; nothing more is read of their direction.
fn given_up(input: Input<'_>, note: Note, sink: &mut dyn Sink) -> Progress {
    hand_out(input, note, false, sink);
    Progress::GiveUp
}

fn hand_out(input: Input<'_>, note: Note, complete: bool, sink: &mut dyn Sink) {
    let payload = HttpMessage::unreadable(input.bytes.len() as u64);
    let range = input.offset..input.offset + input.bytes.len() as u64;
    if !range.is_empty() {
        let notes = vec![note];
        sink.message(Draft { direction: input.direction, range, payload: &payload, notes, complete });
    }
}
