//! What there is to say of a WebSocket whose connection has ended.
//!
//! # References
//! - RFC 6455 §7.1.1 ("the underlying TCP connection, in most normal cases, SHOULD be closed first by the server, so that it
//!   holds the TIME_WAIT state and not the client"), §7.4.1 (1006 "is designated for use in applications expecting a status
//!   code to indicate that the connection was closed abnormally": it never travels).

use crate::layer::{Direction, Note, Severity};
use crate::message::Parting;

/// Who sent a Close frame, the client and the server, and who was the first to close TCP, if one was and the other followed.
pub(super) fn farewell([client, server]: [bool; 2], first: Option<Direction>) -> Option<Parting> {
    let (text, spec) = match (client, server) {
        (true, true) if first == Some(Direction::ToServer) => (
            "the client closed TCP first: the server should, so that not the client keeps the connection in TIME-WAIT",
            "RFC 6455 §7.1.1",
        ),
        (true, true) => return None,
        (false, false) => (
            "the connection ended without a Close frame: the programs are told 1006, which never travels",
            "RFC 6455 §7.1.5",
        ),
        (true, false) => ("the server never answered the client's Close frame", "RFC 6455 §5.5.1"),
        (false, true) => ("the client never answered the server's Close frame", "RFC 6455 §5.5.1"),
    };
    // Whose Close frame is missing might have sent it until its own end.
    let shown_by = match (client, server) {
        (true, false) => Some(Direction::ToClient),
        (false, true) => Some(Direction::ToServer),
        _ => None,
    };
    Some(Parting { note: Note::new(Severity::Note, text, spec), shown_by })
}
