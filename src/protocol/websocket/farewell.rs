//! What there is to say of a WebSocket whose connection has ended.
//!
//! # References
//! - RFC 6455 §7.1.1 ("the underlying TCP connection, in most normal cases, SHOULD be closed first by the server, so that it
//!   holds the TIME_WAIT state and not the client"), §7.4.1 (1006 "is designated for use in applications expecting a status
//!   code to indicate that the connection was closed abnormally": it never travels), §7.1.2 (the connection SHOULD be closed
//!   "once an endpoint has both sent and received a Close control frame").

use crate::layer::{Direction, Note, Severity};
use crate::message::{Ender, Parting};

/// Who sent a Close frame, the client and the server, and who ended TCP, if one did.
pub(super) fn farewell([client, server]: [bool; 2], ender: Option<Ender>) -> Option<Parting> {
    let (text, spec) = match (client, server) {
        (true, true) if ender == Some(Ender::Closed(Direction::ToServer)) => (
            "the client closed TCP first: the server should, so that not the client keeps the connection in TIME-WAIT",
            "RFC 6455 §7.1.1",
        ),
        (true, true) => return None,
        (false, false) => (
            "the connection ended without a Close frame: the programs are told 1006, which never travels",
            "RFC 6455 §7.1.5",
        ),
        // Behind its own RST nobody hears an answer, however soon it comes.
        (true, false) if ender == Some(Ender::BrokeOff(Direction::ToServer)) => {
            ("the client broke off before the server had answered its Close frame", "RFC 6455 §7.1.2")
        }
        (false, true) if ender == Some(Ender::BrokeOff(Direction::ToClient)) => {
            ("the server broke off before the client had answered its Close frame", "RFC 6455 §7.1.2")
        }
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
