//! Sessions of Engine.IO and Socket.IO that were refused, and why.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", errors; Socket.IO protocol 5, Connection to a namespace. Sticky sessions:
//!   <https://socket.io/docs/v4/using-multiple-nodes/>.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::exchange::Exchange;
use super::{Case, Finding, MOST, quoted, together};
use crate::protocol::engineio::{EngineIoPacket, ErrorBody, ErrorCode, Kind, Query, Version};
use crate::protocol::socketio::Refusal;
use crate::protocol::text::json_string;
use crate::protocol::{HttpMessage, SocketIoKind, SocketIoPacket};
use crate::trace::{Message, Trace};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = refused_sessions(case);
    found.extend(together(case.trace.messages().iter().filter_map(refused_namespace)));
    found
}

/// Where each session was opened, and in which frame.
pub(super) fn opened(trace: &Trace) -> BTreeMap<&str, Vec<(SocketAddr, u32)>> {
    let mut found: BTreeMap<&str, Vec<(SocketAddr, u32)>> = BTreeMap::new();
    for message in trace.messages() {
        let packet = message.payload_as::<EngineIoPacket>().filter(|packet| packet.kind == Kind::Open);
        if let Some((sid, connection)) =
            packet.and_then(|packet| packet.sid.as_deref()).zip(trace.connections().get(message.connection as usize))
        {
            found.entry(sid).or_default().push((connection.server, message.frame()));
        }
    }
    found
}

fn refused_sessions(case: &Case<'_>) -> Vec<Finding> {
    let opened = opened(case.trace);
    let answered = case.exchanges.iter().filter(|exchange| exchange.status == Some(400));
    together(answered.filter_map(|exchange| refused(case, exchange, &opened)))
}

/// Why a session was refused, where more is known of it than its answer says.
pub(super) fn refused(
    case: &Case<'_>,
    exchange: &Exchange<'_>,
    opened: &BTreeMap<&str, Vec<(SocketAddr, u32)>>,
) -> Option<Finding> {
    let answer = exchange.answer?;
    let query = Query::from_target(&exchange.target);
    let body = answer.payload_as::<HttpMessage>()?.body(case.trace.bytes(answer));
    let error = ErrorBody::from_json(&String::from_utf8_lossy(&body))?;
    let server = case.connection(answer)?.server;
    let (asked, answered) = (exchange.request.frame(), answer.frame());
    match error.code {
        ErrorCode::SessionIdUnknown => {
            let at = opened.get(query.sid.as_deref()?)?;
            // A proxy in between opened it, too: whoever asks where it was opened asks rightly.
            if at.iter().any(|(known, _)| *known == server) {
                return None;
            }
            // Before a proxy says that it is open, who is behind it has.
            let (other, frame) = at.first()?;
            let text = format!(
                "a session that {other} opened is asked for at {server}, which knows nothing of it: with \
                 several servers each client must always reach the same one (sticky sessions)"
            );
            Some(Finding::error(text, "Engine.IO protocol 4, Handshake", vec![*frame, asked, answered]))
        }
        ErrorCode::UnsupportedProtocolVersion => {
            let number = query.version.map(Version::number)?;
            let text = format!(
                "the client speaks Engine.IO {number} and the server does not: Socket.IO 2 speaks 3, and Socket.IO 3 and 4 \
                 speak 4. Their versions must fit"
            );
            Some(Finding::error(text, "Engine.IO protocol 4, Handshake", vec![asked, answered]))
        }
        _ => None,
    }
}

/// A namespace that somebody was not let into.
fn refused_namespace(message: &Message) -> Option<Finding> {
    let packet = message.payload_as::<SocketIoPacket>().filter(|packet| packet.kind == SocketIoKind::ConnectError)?;
    let why = packet.data.as_deref().and_then(|data| Refusal::from_json(data).message);
    let why = why.map(|why| format!(": {}", json_string(&why, MOST))).unwrap_or_default();
    let text = format!("the server did not let the client into {}{why}", quoted(&packet.namespace));
    Some(Finding::warn(text, "Socket.IO protocol 5, Connection to a namespace", vec![message.frame()]))
}
