//! Sessions of Engine.IO and Socket.IO that were refused, and why.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", errors; Socket.IO protocol 5, Connection to a namespace. Sticky sessions:
//!   <https://socket.io/docs/v4/using-multiple-nodes/>.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;

use super::exchange::Exchange;
use super::{Case, Finding, MOST, quoted, together};
use crate::layer::{Direction, Severity};
use crate::protocol::engineio::{Content, EngineIoPacket, ErrorBody, ErrorCode, Kind, Open, Query, Version};
use crate::protocol::socketio::Refusal;
use crate::protocol::text::json_string;
use crate::protocol::{HttpMessage, SocketIoKind, SocketIoPacket};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = refused_sessions(case);
    found.extend(together(case.trace.messages().iter().filter_map(refused_namespace)));
    found.extend(together(put_out(case).into_iter()));
    found
}

/// Clients that their server put out of a namespace.
fn put_out(case: &Case<'_>) -> Vec<Finding> {
    let mut left: HashSet<(&str, &str)> = HashSet::new();
    let packets = case.trace.messages().iter().filter_map(|one| Some((one, one.payload_as::<SocketIoPacket>()?)));
    let mut found = Vec::new();
    for (message, packet) in packets.filter(|(_, packet)| packet.kind == SocketIoKind::Disconnect) {
        let Some(sid) = packet.sid.as_deref() else { continue };
        // What answers a client that leaves puts nobody out.
        let is_first = left.insert((sid, &packet.namespace));
        if is_first && message.direction == Direction::ToClient {
            let text = format!(
                "the server disconnected the client from {}: a client of Socket.IO is told `io server disconnect` then, and does not \
                 come back by itself",
                quoted(&packet.namespace)
            );
            let finding = Finding::warn(text, packet.revision.packet_encoding(), vec![message.frame()]);
            found.push(Finding { severity: Severity::Note, ..finding });
        }
    }
    found
}

/// Where a session was opened, and in which frame.
pub(super) struct Opened {
    server: SocketAddr,
    frame: u32,
    /// The largest message that its server takes, in octets (maxPayload), if it says so.
    most: Option<u64>,
    /// For so many milliseconds who is silent in it is waited for: pingInterval and pingTimeout.
    lasts: Option<u64>,
    /// In which frame it was over, or may have been, and why.
    over: Option<(u32, Over)>,
    /// What was answered in it is not all there: so it may have been over before, or for another reason.
    is_lost: bool,
}

/// Why a session was over.
#[derive(Debug, Clone, Copy)]
enum Over {
    /// Somebody said so.
    Closed,
    /// Its WebSocket, or a poll that waited, ended.
    Ended,
    /// An error was answered, after which servers close it.
    Refused,
}

impl Opened {
    /// The largest message that its server takes, and the frame in which it says so.
    pub(super) fn most(&self) -> Option<(u64, u32)> {
        self.most.map(|most| (most, self.frame))
    }

    fn end(&mut self, frame: u32, why: Over) {
        if self.over.is_none_or(|(over, _)| frame < over) {
            self.over = Some((frame, why));
        }
    }
}

/// See [`Case::opened`], which keeps it.
pub(super) fn opened<'a>(case: &Case<'a>) -> BTreeMap<&'a str, Vec<Opened>> {
    let mut found: BTreeMap<&str, Vec<Opened>> = BTreeMap::new();
    for message in case.trace.messages() {
        let Some(packet) = message.payload_as::<EngineIoPacket>() else { continue };
        let (Some(sid), frame) = (packet.sid.as_deref(), message.frame()) else { continue };
        match (packet.kind, case.connection(message)) {
            (Kind::Open, Some(connection)) => {
                let open = match &packet.content {
                    Content::Text(json) => Open::from_json(json).unwrap_or_default(),
                    Content::Binary(_) => Open::default(),
                };
                let lasts = open.ping_interval.zip(open.ping_timeout).and_then(|(every, wait)| every.checked_add(wait));
                let (server, most) = (connection.server, open.max_payload);
                let opened = Opened { server, frame, most, lasts, over: None, is_lost: false };
                found.entry(sid).or_default().push(opened);
            }
            (Kind::Close, _) => {
                found.get_mut(sid).into_iter().flatten().for_each(|opened| opened.end(frame, Over::Closed));
            }
            _ => {}
        }
    }
    for exchange in &case.exchanges {
        let all = Query::from_target(&exchange.target).sid.and_then(|sid| found.get_mut(&*sid));
        let Some(all) = all else { continue };
        if is_lost(case, exchange) {
            all.iter_mut().for_each(|opened| opened.is_lost = true);
        } else if let Some((frame, why)) = may_end(case, exchange) {
            all.iter_mut().for_each(|opened| opened.end(frame, why));
        }
    }
    found
}

/// Whether a request may have been answered in octets that are missing.
fn is_lost(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let connection = case.connection(exchange.request);
    exchange.answer.is_none() && connection.is_some_and(|connection| !case.has_all(connection, Direction::ToClient))
}

/// In which frame a request may have ended its session, and why.
fn may_end(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<(u32, Over)> {
    match (exchange.status, exchange.answer) {
        // ASGI servers refuse every WebSocket with 403.
        (Some(400 | 402 | 404..), Some(answer)) => {
            let body = answer.payload_as::<HttpMessage>()?.body(case.trace.bytes(answer));
            let error = ErrorBody::from_json(&String::from_utf8_lossy(&body));
            let is_unknown = error.is_some_and(|error| error.code == ErrorCode::SessionIdUnknown);
            (!is_unknown).then(|| (answer.frame(), Over::Refused))
        }
        (None | Some(101), _) => case.end_for(exchange.request).map(|end| (end.frame, Over::Ended)),
        _ => None,
    }
}

fn refused_sessions(case: &Case<'_>) -> Vec<Finding> {
    let answered = case.exchanges.iter().filter(|exchange| exchange.status == Some(400));
    together(answered.filter_map(|exchange| refused(case, exchange).flatten()))
}

/// Whether a request was answered with that its session is not known.
pub(super) fn is_unknown(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let http = exchange.answer.filter(|_| exchange.status == Some(400)).and_then(|answer| {
        let body = answer.payload_as::<HttpMessage>()?.body(case.trace.bytes(answer));
        ErrorBody::from_json(&String::from_utf8_lossy(&body))
    });
    http.is_some_and(|error| error.code == ErrorCode::SessionIdUnknown)
}

/// A request that says nothing but that its client leaves: engine.io-client sends it after any failure, to whom it may concern. In
/// version 3 its length comes before the packet, with JSONP it is in a form.
fn says_goodbye(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let body = exchange.request.payload_as::<HttpMessage>().map(|http| http.body(case.trace.bytes(exchange.request)));
    let is_close = |body: &[u8]| matches!(body, b"1" | b"1:1" | b"\x00\x01\xff1" | b"d=1" | b"d=1%3A1" | b"d=1:1");
    exchange.method == "POST" && body.is_some_and(|body| is_close(&body))
}

/// Why a session was refused, where more is known of it than its answer says; `Some(None)` where there is nothing to tell of that.
pub(super) fn refused(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Option<Finding>> {
    let answer = exchange.answer?;
    let query = Query::from_target(&exchange.target);
    let body = answer.payload_as::<HttpMessage>()?.body(case.trace.bytes(answer));
    let error = ErrorBody::from_json(&String::from_utf8_lossy(&body))?;
    let server = case.connection(answer)?.server;
    let (asked, answered) = (exchange.request.frame(), answer.frame());
    match error.code {
        ErrorCode::SessionIdUnknown => {
            let at = case.opened().get(query.sid.as_deref()?)?;
            // A proxy in between opened it, too.
            if let Some(known) = at.iter().find(|known| known.server == server) {
                if says_goodbye(case, exchange) {
                    return Some(None);
                }
                return forgotten(case, known, (asked, answered), handshake(query.version));
            }
            // Before a proxy says that it is open, who is behind it has.
            let Opened { server: other, frame, .. } = at.first()?;
            let text = format!(
                "a session that {other} opened is asked for at {server}, which knows nothing of it: with \
                 several servers each client must always reach the same one (sticky sessions)"
            );
            Some(Some(Finding::error(text, handshake(query.version), vec![*frame, asked, answered])))
        }
        ErrorCode::UnsupportedProtocolVersion => {
            let number = query.version.map(Version::number)?;
            let text = format!(
                "the client speaks Engine.IO {number} and the server does not: Socket.IO 2 speaks 3, and Socket.IO 3 and 4 \
                 speak 4. Their versions must fit"
            );
            Some(Some(Finding::error(text, "Engine.IO protocol 4, Handshake", vec![asked, answered])))
        }
        _ => None,
    }
}

/// Where it says how a session is opened, and named.
fn handshake(version: Option<Version>) -> &'static str {
    match version {
        Some(Version::V3) => "Engine.IO protocol 3, Anatomy of an Engine.IO session",
        _ => "Engine.IO protocol 4, Handshake",
    }
}

/// A session that is not known any more at the address where it was opened: because it is over, or for no reason that is seen.
/// Where it was silent for so long that it may be over, nothing is said.
fn forgotten(
    case: &Case<'_>,
    known: &Opened,
    (asked, answered): (u32, u32),
    spec: &'static str,
) -> Option<Option<Finding>> {
    if let Some((over, why)) = known.over.filter(|(over, _)| *over < answered) {
        // The two met on their way.
        if asked <= over {
            return Some(None);
        }
        let how = match why {
            Over::Closed => "it was closed",
            Over::Ended => "its connection ended, and with a WebSocket or a poll that waits the session ends, too",
            Over::Refused => "an error was answered in it, after which servers close a session",
        };
        let text = format!(
            "a session is asked for that was over in frame {over}: {how}. Who comes back opens a new one, without `sid`"
        );
        return Some(Some(Finding::warn(text, spec, vec![known.frame, over, asked, answered])));
    }
    if known.is_lost || known.lasts.is_none_or(|lasts| case.seconds(known.frame, answered) * 1e3 >= lasts as f64) {
        return None;
    }
    let text = format!(
        "a session that {0} opened is not known at {0} a moment later, and nobody closed it: likely several processes answer there, \
         as the workers of one server or the servers behind a load balancer, of which each knows its own sessions alone (sticky \
         sessions); or the server's program has begun anew",
        known.server
    );
    Some(Some(Finding::error(text, spec, vec![known.frame, asked, answered])))
}

/// A namespace that somebody was not let into.
fn refused_namespace(message: &Message) -> Option<Finding> {
    let packet = message.payload_as::<SocketIoPacket>().filter(|packet| packet.kind == SocketIoKind::ConnectError)?;
    let why = packet.data.as_deref().and_then(|data| Refusal::from_json(data).message);
    let why = why.map(|why| format!(": {}", json_string(&why, MOST))).unwrap_or_default();
    let text = format!("the server did not let the client into {}{why}", quoted(&packet.namespace));
    Some(Finding::warn(text, packet.revision.connection_to_a_namespace(), vec![message.frame()]))
}
