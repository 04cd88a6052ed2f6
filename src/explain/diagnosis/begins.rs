//! What answers clients of Engine.IO that ask for a session, where no session of theirs begins with it.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Packet encoding"; 3, "Encoding: Payload": each packet has its length before it. Socket.IO
//!   protocol 5, "Connection to a namespace": "the client MUST send a CONNECT packet"; in 4 the server does so unasked.

use std::collections::{BTreeSet, HashSet};

use super::exchange::{Exchange, essence};
use super::{Case, Finding, Lying, lying, quoted};
use crate::layer::Direction;
use crate::protocol::engineio::{Query, Transport, Version};
use crate::protocol::socketio::Revision;
use crate::protocol::{HttpMessage, SocketIoKind, SocketIoPacket};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        case.exchanges.iter().filter_map(|exchange| page(case, exchange).or_else(|| older(case, exchange))).collect();
    found.extend(joined_unasked(case));
    found
}

/// Whether this asks for a session by polling.
fn is_first_poll(exchange: &Exchange<'_>) -> bool {
    let query = Query::from_target(&exchange.target);
    let asks = query.version.is_some() && query.transport == Some(Transport::Polling) && query.sid.is_none();
    asks && exchange.method == "GET"
}

/// The whole body of what answers the first poll with 200.
fn opening(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Vec<u8>> {
    let answer = exchange.answer.filter(|answer| answer.complete && exchange.status == Some(200))?;
    let http = answer.payload_as::<HttpMessage>().filter(|_| is_first_poll(exchange))?;
    Some(http.meant_body(case.trace.bytes(answer))?.into_owned())
}

/// A page where a session should be opened.
fn page(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let body = opening(case, exchange)?;
    let kind = exchange.says(case.trace, "content-type").unwrap_or_default();
    if essence(&kind) != "text/html" || body.trim_ascii_start().first() != Some(&b'<') {
        return None;
    }
    let (server, answer) = (case.connection(exchange.request)?.server, exchange.answer?);
    let text = format!(
        "{} {} asks for a session of Engine.IO, and a page of HTML answers: at this path of {server} there is no server of Engine.IO, \
         and so none of Socket.IO, but likely one that serves its page for any path. The option `path` must be the same on both sides \
         (/socket.io/ if nobody sets it), and a proxy in between must pass it on",
        exchange.method,
        quoted(exchange.path())
    );
    Some(Finding::warn(text, "Engine.IO protocol 4, Handshake", vec![exchange.request.frame(), answer.frame()]))
}

const VERSIONS: &str = "the client speaks Engine.IO 4, as Socket.IO 3 and 4 do, and the server 3, as Socket.IO 2 does. Their versions must \
    fit";

/// A session that is opened in the framing of version 3 for who asks for version 4.
fn older(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    if Query::from_target(&exchange.target).version != Some(Version::V4) {
        return None;
    }
    let body = opening(case, exchange)?;
    let digits = body.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let is_older = digits > 0 && body.get(digits..)?.starts_with(b":0{\"sid\"");
    let answer = exchange.answer.filter(|_| is_older)?.frame();
    let text = format!(
        "the session that was opened in frame {answer} has lengths before its packets, as Engine.IO 3 has them, and the client reads \
         none of them: {VERSIONS}"
    );
    Some(Finding::error(text, "Engine.IO protocol 4, Packet encoding", vec![exchange.request.frame(), answer]))
}

/// Where Socket.IO is asked for, as its path says: messages of Engine.IO alone may look like its packets.
pub(super) fn at_socketio(case: &Case<'_>) -> HashSet<Lying> {
    let at = case.exchanges.iter().filter(|exchange| exchange.path().contains("socket.io"));
    at.map(|exchange| lying(exchange.request)).collect()
}

/// Sessions of version 4 in which the server joins a namespace unasked, and without a name for that, before anything else is said.
fn joined_unasked(case: &Case<'_>) -> Vec<Finding> {
    let at_socketio = at_socketio(case);
    let mut begun: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for message in case.trace.messages() {
        let Some(packet) = message.payload_as::<SocketIoPacket>() else { continue };
        let Some(sid) = packet.sid.as_deref().filter(|_| packet.revision == Revision::V5) else { continue };
        let is_first = begun.insert(sid);
        let is_unasked = message.direction == Direction::ToClient
            && packet.kind == SocketIoKind::Connect
            && packet.data.is_none()
            && at_socketio.contains(&lying(message));
        let has_all = || {
            case.connection(message)
                .is_some_and(|one| case.has_all(one, Direction::ToServer) && case.has_all(one, Direction::ToClient))
        };
        if is_first && is_unasked && has_all() {
            let frame = message.frame();
            let text = format!(
                "the server's CONNECT (`40`) in frame {frame} comes unasked, and names no `sid`, as in Socket.IO 2, and the client has \
                 to wait for one that does: {VERSIONS}"
            );
            found.push(Finding::error(text, packet.revision.connection_to_a_namespace(), vec![frame]));
        }
    }
    found
}
