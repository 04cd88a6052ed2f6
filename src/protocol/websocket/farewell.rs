//! What there is to say of a WebSocket whose connection has ended.
//!
//! # References
//! - RFC 6455 §7.1.1 ("the underlying TCP connection, in most normal cases, SHOULD be closed first by the server, so that it
//!   holds the TIME_WAIT state and not the client"), §7.4.1 (1006 "is designated for use in applications expecting a status
//!   code to indicate that the connection was closed abnormally": it never travels), §7.1.2 (the connection SHOULD be closed
//!   "once an endpoint has both sent and received a Close control frame").

use super::speaker::Speaker;
use crate::layer::{Direction, Note, Severity};
use crate::message::{Ender, Parting};

/// What the two sides said, the client and the server, and who ended TCP, if one did.
pub(super) fn farewell(speakers: &[Speaker; 2], ender: Option<Ender>) -> Option<Parting> {
    use Direction::{ToClient, ToServer};
    let [client, server] = [&speakers[0], &speakers[1]].map(|speaker| speaker.closed);
    let (text, spec) = match (client, server) {
        (true, true) if ender == Some(Ender::Closed(ToServer)) => (
            "the client closed TCP first: the server should, so that not the client keeps the connection in TIME-WAIT",
            "RFC 6455 §7.1.1",
        ),
        (true, true) => return None,
        (false, false) => {
            let how = match ender {
                Some(Ender::Closed(ToServer)) => "the client closed TCP",
                Some(Ender::Closed(ToClient)) => "the server closed TCP",
                Some(Ender::BrokeOff(ToServer)) => "the client broke off",
                Some(Ender::BrokeOff(ToClient)) => "the server broke off",
                None => "the connection ended",
            };
            let text = format!("{how} without a Close frame: the programs are told 1006, which never travels");
            return Some(Parting { note: Note::new(Severity::Note, text, "RFC 6455 §7.1.5"), shown_by: None });
        }
        // Behind its own RST nobody hears an answer, however soon it comes.
        (true, false) if ender == Some(Ender::BrokeOff(ToServer)) => {
            ("the client broke off before the server had answered its Close frame", "RFC 6455 §7.1.2")
        }
        (false, true) if ender == Some(Ender::BrokeOff(ToClient)) => {
            ("the server broke off before the client had answered its Close frame", "RFC 6455 §7.1.2")
        }
        // The Close frame was sent to one who had left.
        (true, false) if ender == Some(Ender::Closed(ToClient)) && speakers[1].left => {
            ("the server closed TCP without a Close frame, before it had one of the client's", "RFC 6455 §7.1.5")
        }
        (false, true) if ender == Some(Ender::Closed(ToServer)) && speakers[0].left => {
            ("the client closed TCP without a Close frame, before it had one of the server's", "RFC 6455 §7.1.5")
        }
        (true, false) => ("the server never answered the client's Close frame", "RFC 6455 §5.5.1"),
        (false, true) => ("the client never answered the server's Close frame", "RFC 6455 §5.5.1"),
    };
    // Whose Close frame is missing might have sent it until its own end.
    let shown_by = match (client, server) {
        (true, false) => Some(ToClient),
        (false, true) => Some(ToServer),
        _ => None,
    };
    Some(Parting { note: Note::new(Severity::Note, text, spec), shown_by })
}
