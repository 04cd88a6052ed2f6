//! Requests that were refused, and what is likely behind it.
//!
//! # References
//! - RFC 9110 §15; RFC 6455 §4.1; Engine.IO protocol 4, "Handshake", errors.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::again::lasting;
use super::exchange::Exchange;
use super::{Case, Finding, MOST, cors, passed, quoted, session, upgrade};
use crate::count::counted;
use crate::layer::Direction;
use crate::protocol::HttpMessage;
use crate::protocol::engineio::{EngineIoPacket, ErrorBody, ErrorCode, Kind, Query, Transport};
use crate::protocol::text::json_string;
use crate::trace::Message;

/// A request that was refused: what was asked for, without the query and with it, how it was refused, and the frames.
struct Refused {
    method: String,
    path: String,
    target: String,
    how: String,
    spec: &'static str,
    frames: Vec<u32>,
    /// How many more were refused so with another query.
    others: usize,
}

impl Refused {
    fn told(self) -> Finding {
        let Self { method, target, how, spec, frames, others, .. } = self;
        let so = match others {
            0 => String::new(),
            1 => " (as was one more with another query)".to_owned(),
            more => format!(" (as were {more} more with other queries)"),
        };
        Finding::warn(format!("{method} {}{so} was answered with {how}", quoted(&target)), spec, frames)
    }
}

/// Requests that were answered with an error, or with none where a WebSocket was asked for, each kind of them once; but for what
/// is known of sessions of Engine.IO.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let left = OnceCell::new();
    let mut found: Vec<Refused> = Vec::new();
    // Where two differ in their queries alone, as in a number against caches, it is the same once more.
    let mut places: HashMap<(String, String, String), usize> = HashMap::new();
    for exchange in &case.exchanges {
        let Some(one) = refusal(case, exchange) else { continue };
        if was_left(left.get_or_init(|| self::left(case)), exchange) {
            continue;
        }
        let key = (one.method.clone(), one.path.clone(), one.how.clone());
        match places.get(&key).map(|place| &mut found[*place]) {
            Some(first) => {
                first.others += usize::from(first.target != one.target);
                first.frames.extend(one.frames);
            }
            None => {
                places.insert(key, found.len());
                found.push(one);
            }
        }
    }
    found.into_iter().map(Refused::told).collect()
}

fn refusal<'a>(case: &Case<'a>, exchange: &Exchange<'a>) -> Option<Refused> {
    let (answer, status) = (exchange.answer?, exchange.status?);
    let is_socket = upgrade::is_asked_for(case.trace, exchange);
    let is_elsewhere = !is_socket && is_sent_elsewhere(case, exchange);
    if status < 400 && !is_elsewhere && (!is_socket || upgrade::is_opened(exchange) != Some(false)) {
        return None;
    }
    if cors::is_failed_preflight(case.trace, exchange) {
        return None;
    }
    let http = answer.payload_as::<HttpMessage>()?;
    let query = Query::from_target(&exchange.target);
    let is_engineio = query.transport.is_some() || query.version.is_some();
    let body = || http.body(case.trace.bytes(answer));
    let error = is_engineio.then(|| ErrorBody::from_json(&String::from_utf8_lossy(&body()))).flatten();
    if error.is_some() && session::refused(case, exchange).is_some() {
        return None;
    }
    let says = error.as_ref().map(|error| format!(" ({})", json_string(&error.message, MOST))).unwrap_or_default();
    let reason = http.start(case.trace.bytes(answer)).map(|(_, reason)| reason).unwrap_or_default();
    let reason = if reason.is_empty() { String::new() } else { format!(" {}", quoted(&reason)) };
    let unopened = if is_socket { ", and no WebSocket was opened" } else { "" };
    let (cause, shown) = cause(case, exchange, (status, is_socket, is_elsewhere), error.as_ref());
    let mut frames = vec![exchange.request.frame(), answer.frame()];
    frames.extend(shown);
    frames.sort_unstable();
    frames.dedup();
    Some(Refused {
        method: exchange.method.clone(),
        path: exchange.path().to_owned(),
        target: exchange.target.clone(),
        how: format!("{status}{reason}{says}{unopened}{cause}"),
        spec: match (is_socket, exchange.request.stream) {
            (false, _) => "RFC 9110 §15",
            (true, None) => "RFC 6455 §4.1",
            (true, Some(_)) => "RFC 8441 §5",
        },
        frames,
        others: 0,
    })
}

/// What is likely behind a refusal, in words that follow it, and the frames that show it.
fn cause(
    case: &Case<'_>,
    exchange: &Exchange<'_>,
    (status, is_socket, is_elsewhere): (u16, bool, bool),
    error: Option<&ErrorBody>,
) -> (String, Vec<u32>) {
    let query = Query::from_target(&exchange.target);
    let is_engineio = query.transport.is_some() || query.version.is_some();
    let polls = query.transport == Some(Transport::Polling);
    // What Engine.IO says is more than a guess.
    if let Some((cause, shown)) = passed::on(case, exchange).filter(|_| error.is_none()) {
        return (format!(": {cause}"), shown.to_vec());
    }
    if let Some((too_large, opened)) = too_large(case, exchange, &query).filter(|_| status == 413) {
        return (too_large, vec![opened]);
    }
    let text = match () {
        () if error.is_some_and(|error| error.code == ErrorCode::TransportUnknown) => NO_TRANSPORT.to_owned(),
        () if is_socket => {
            let cause = upgrade::cause(case, exchange, status).filter(|_| error.is_none());
            cause.map(|cause| format!(": {cause}")).unwrap_or_default()
        }
        () if status == 404 && is_engineio && query.sid.is_none() => OTHER_PATH.to_owned(),
        () if is_elsewhere => {
            let to = exchange.says(case.trace, "location").unwrap_or_default();
            format!(", which sends it to {}{ELSEWHERE}", quoted(&lasting(&to)))
        }
        () if status == 426 && is_engineio && polls => PLAIN.to_owned(),
        () if status == 504 && query.sid.is_some() && polls => IMPATIENT.to_owned(),
        () => String::new(),
    };
    (text, Vec::new())
}

/// What a client of Engine.IO should look for that is told that nothing is there.
const OTHER_PATH: &str = ": likely Socket.IO is served at another path, as the option `path` says (/socket.io/ if nobody sets it, and \
    the same on both sides), or a proxy passes it on to another server";

/// What a server says that was told to do without.
const NO_TRANSPORT: &str =
    ": the server does not offer this transport. Its option `transports` and the client's must have one in common";

/// What a proxy does that does not know long-polling.
const IMPATIENT: &str = ": likely a proxy gave up while the poll waited. A poll may wait for pingInterval, so the proxy's timeout must be \
    longer";

/// What a poll is sent elsewhere for.
const ELSEWHERE: &str = ": that opens no session, and nobody is seen to ask there. So servers send on who has not logged in (likely a cookie \
    or a token is missing), or who must come by https: or another name. The client must be told the right address";

/// What asks a server of WebSocket alone for more than it knows.
const PLAIN: &str = ": likely a plain WebSocket server, and its client one of Socket.IO (or of Engine.IO), which begins by polling, and can \
    speak to none but their own servers: the client should use a plain WebSocket, or the server be one of Socket.IO";

/// How a body is larger than the server of its session of Engine.IO takes, and the frame in which it says what it takes.
fn too_large(case: &Case<'_>, exchange: &Exchange<'_>, query: &Query) -> Option<(String, u32)> {
    let has: u64 = exchange.asks(case.trace, "content-length")?.parse().ok()?;
    let (most, opened) = case.opened().get(query.sid.as_deref()?)?.iter().find_map(session::Opened::most)?;
    let text = format!(
        ": it has {}, and the server takes {most} at most (maxPayload, in frame {opened}; its option maxHttpBufferSize). What was in it \
         is lost, and the session ends",
        counted(has, "octet")
    );
    (has > most).then_some((text, opened))
}

/// Among so many requests behind one that is sent elsewhere is the one that asks there.
const NEXT: usize = 64;

/// Whether a poll of Engine.IO is redirected, and its client does not follow, as far as that is seen.
fn is_sent_elsewhere(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let query = Query::from_target(&exchange.target);
    let is_poll = query.version.is_some() && query.transport == Some(Transport::Polling);
    if !is_poll || !matches!(exchange.status, Some(301..=303 | 307 | 308)) {
        return false;
    }
    let (Some(answer), Some(to)) = (exchange.answer, exchange.says(case.trace, "location")) else { return false };
    let path = to.split_once("://").map_or(&*to, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let behind = case.exchanges.partition_point(|other| other.request.frame() <= answer.frame());
    !case.exchanges.iter().skip(behind).take(NEXT).any(|other| other.target == path)
}

/// In which frame the client of each session said that it is over.
fn left<'a>(case: &Case<'a>) -> HashMap<&'a str, u32> {
    let mut found = HashMap::new();
    for message in case.trace.messages().iter().filter(|message| message.direction == Direction::ToServer) {
        let packet = message.payload_as::<EngineIoPacket>().filter(|packet| packet.kind == Kind::Close);
        if let Some(sid) = packet.and_then(|packet| packet.sid.as_deref()) {
            found.entry(sid).or_insert(message.frame());
        }
    }
    found
}

/// Whether it is a poll that waited when its client closed the session: with which answer it is let go no program sees.
/// python-engineio says 400.
fn was_left(left: &HashMap<&str, u32>, exchange: &Exchange<'_>) -> bool {
    let query = Query::from_target(&exchange.target);
    let closed = query.sid.as_deref().and_then(|sid| left.get(sid));
    let waits = exchange.method == "GET" && query.transport == Some(Transport::Polling);
    let waited =
        |answer: &Message| closed.is_some_and(|closed| (exchange.request.frame()..answer.frame()).contains(closed));
    waits && exchange.answer.is_some_and(waited)
}
