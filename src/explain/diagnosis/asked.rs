//! What was asked and never answered: requests, and events that want an acknowledgement.
//!
//! # References
//! - RFC 9112 §9.3.1, §9.5 (a connection that is kept may be closed at any time); Socket.IO protocol 5, Acknowledgement.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::exchange::Exchange;
use super::{Case, End, Finding, MOST, away, end_of, in_words, lying, quoted};
use crate::flow::{Connection, Ending};
use crate::layer::{Direction, Severity};
use crate::protocol::engineio::{EngineIoPacket, Kind, Query, Transport};
use crate::protocol::text::json_string;
use crate::protocol::{HttpMessage, SocketIoPacket};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let held = held_back(case);
    let left = left(case);
    let unanswered = case.exchanges.iter().filter_map(|exchange| unanswered(case, exchange, (&held, &left)));
    let mut found: Vec<Finding> = unanswered.collect();
    found.extend(case.exchanges.iter().filter_map(|exchange| answered_late(case, exchange)));
    found.extend([waiting(case, &held), unacknowledged(case, &left)].concat());
    found
}

/// A request whose connection, or stream, ended without an answer.
fn unanswered(
    case: &Case<'_>,
    exchange: &Exchange<'_>,
    (held, left): (&BTreeSet<&str>, &BTreeMap<&str, u32>),
) -> Option<Finding> {
    let request = exchange.request;
    if !wants_answer(case, exchange) {
        return None;
    }
    let connection = case.connection(request)?;
    let End { by, frame: end, how } = case.end_for(request)?;
    // What polls a session is left open when its client goes, or the session ends.
    if let Some(sid) = polled(exchange)
        && (by == Direction::ToServer || left.get(&*sid).is_some_and(|left| *left <= end))
    {
        return None;
    }
    let is_over = case.resets.contains_key(&lying(request));
    // Whoever only says that it has said all may still be answered.
    let may_come = !is_over && matches!(connection.ending(), Ending::HalfClosed { by: Direction::ToServer, .. });
    // Behind octets of requests that are missing HTTP/1 may not know which request an answer belongs to.
    let may_be_another = request.stream.is_none() && !case.has_all(connection, Direction::ToServer);
    if may_come || may_be_another || case.has_unpaired(request) || !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let what = format!("{} {}", exchange.method, quoted(&exchange.target));
    let asked = request.frame();
    if let Some(refused) = away::refused(case, request) {
        return refused.finding(&what, asked, connection);
    }
    // Who had left asks no more: the capture has the two in the wrong order, or the clock went back.
    if (by == Direction::ToServer && end < asked) || case.seconds(asked.min(end), asked.max(end)) < 0.0 {
        return None;
    }
    let frames = vec![asked.min(end), asked.max(end)];
    if by == Direction::ToClient && end < asked {
        let text = format!(
            "{what} was never answered: {} had closed the connection in frame {end}, {} before. A connection that is kept \
             may be given up just when it is used again: the client must ask once more, on another",
            connection.server,
            case.between(end, asked)
        );
        return Some(Finding::warn(text, "RFC 9112 §9.5", frames));
    }
    // Who leaves a long poll asks no more.
    if by == Direction::ToServer && held.contains(exchange.path()) {
        return None;
    }
    let text =
        format!("{what} was never answered: {}", instead(case, exchange, connection, &End { by, frame: end, how }));
    let spec = if request.stream.is_some() { "RFC 9113 §8.1" } else { "RFC 9112 §9.3.1" };
    Some(Finding::warn(text, spec, frames))
}

/// How the connection, or the stream, of a request ended instead of an answer.
fn instead(case: &Case<'_>, exchange: &Exchange<'_>, connection: &Connection, end: &End) -> String {
    let (request, End { by, frame: end, how }) = (exchange.request, end);
    let (asked, end) = (request.frame(), *end);
    let is_over = case.resets.contains_key(&lying(request));
    let query = Query::from_target(&exchange.target);
    // The path of a session that is there is right.
    let begins = query.version.is_some() && query.sid.is_none() && query.transport == Some(Transport::WebSocket);
    match by {
        Direction::ToClient => format!(
            "{} {how} instead, {} later{}{}",
            connection.server,
            case.between(asked, end),
            match () {
                () if is_behind_the_last(case, request) => BEHIND_THE_LAST,
                () if !request.inside && case.speak_tls.contains(&connection.server) => ONLY_TLS,
                () => "",
            },
            if begins && case.seconds(asked, end) >= PATIENCE { OTHER_PATH } else { "" }
        ),
        Direction::ToServer if !is_over && how == "closed" && case.seconds(asked, end) < HASTE => format!(
            "{} closed its side {} later, and {} ended the connection without an answer{HALF}",
            connection.client,
            case.between(asked, end),
            connection.server
        ),
        Direction::ToServer => {
            format!("the client gave up after {}", case.between(asked, end))
        }
    }
}

/// What is likely where a server speaks TLS, but was asked in the open.
const ONLY_TLS: &str =
    ". It speaks TLS on other connections, and this was asked in the open: likely it takes nothing else";

/// What becomes of requests behind the one whose answer says that it is the last.
const BEHIND_THE_LAST: &str = ". The answer before it says `Connection: close`: behind that a server answers nothing more, and what was sent \
    already must be asked once more, on another connection";

/// Whether an answer to a request before this one says that it is the last.
fn is_behind_the_last(case: &Case<'_>, request: &Message) -> bool {
    let last = case.last_answers.get(&lying(request)).filter(|last| answers_another(last, request));
    let http = last.and_then(|last| Some((last, last.payload_as::<HttpMessage>()?)));
    let says = http.and_then(|(last, http)| http.header(case.trace.bytes(last), "connection"));
    says.is_some_and(|says| {
        String::from_utf8_lossy(says).split(',').any(|one| one.trim().eq_ignore_ascii_case("close"))
    })
}

/// What Engine.IO does with an upgrade that nobody takes (`destroyUpgradeTimeout`).
const OTHER_PATH: &str = ". Servers of Engine.IO do so with a WebSocket that is asked for at another path than their own, after a \
    second: likely the option `path` is not the same on both sides";

/// Nobody gives up so soon: a tenth of a second.
const HASTE: f64 = 0.1;

/// What a FIN right behind a request may mean, and what becomes of it.
const HALF: &str = ". Who says with FIN that no more comes may wait for the answer still (a half close); many servers take such a client for \
    gone";

/// Whether nothing came to a request that is answered at once, if at all.
fn wants_answer(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    exchange.answer.is_none() && exchange.request.complete && !answer_begun(case, exchange.request)
}

/// The session that a request polls, if it polls one: such is asked to wait.
fn polled(exchange: &Exchange<'_>) -> Option<Arc<str>> {
    let polls = exchange.method == "GET" && exchange.target.contains("transport=polling");
    polls.then(|| Query::from_target(&exchange.target).sid).flatten()
}

/// An answer that came when its client had given up: a RST says that nobody reads it.
fn answered_late(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let (request, answer) = (exchange.request, exchange.answer.filter(|answer| answer.stream.is_none())?);
    let connection = case.connection(request)?;
    let Ending::ResetAfterFin { by: Direction::ToServer, rst, .. } = connection.ending() else { return None };
    let End { frame: end, .. } = case.end_for(request).filter(|end| end.by == Direction::ToServer)?;
    let (asked, begun) = (request.frame(), answer.frames.first().copied()?);
    let waited = case.seconds(asked, end);
    if !(asked < end && end < begun && begun <= rst) || waited < HASTE || polled(exchange).is_some() {
        return None;
    }
    let text = format!(
        "the client gave up on {} {} after {}, and the answer came {} later, in frame {begun}: nobody reads it, as the RST in frame \
         {rst} says",
        exchange.method,
        quoted(&exchange.target),
        in_words(waited),
        case.between(end, begun)
    );
    Some(Finding::warn(text, "RFC 9112 §9.5", vec![asked, end, begun, rst]))
}

/// Requests that had no answer when the capture ended, long after them, on connections that were open: of each connection the
/// first, for it holds up the others.
fn waiting(case: &Case<'_>, held: &BTreeSet<&str>) -> Vec<Finding> {
    let mut first: BTreeMap<u32, (&Exchange<'_>, usize)> = BTreeMap::new();
    let waits = |exchange: &&Exchange<'_>| {
        let connection = case.connection(exchange.request);
        connection.is_some_and(|connection| connection.ending() == Ending::Open)
            && !case.resets.contains_key(&lying(exchange.request))
            && case.seconds(exchange.request.frame(), case.trace.len()) >= LONG
            && !held.contains(exchange.path())
            && polled(exchange).is_none()
            && wants_answer(case, exchange)
    };
    for exchange in case.exchanges.iter().filter(waits) {
        first.entry(exchange.request.connection).and_modify(|(_, more)| *more += 1).or_insert((exchange, 0));
    }
    let told = first.into_values().filter_map(|(exchange, more)| {
        let connection = case.connection(exchange.request)?;
        let ways = [Direction::ToServer, Direction::ToClient];
        if !ways.iter().all(|way| case.has_all(connection, *way)) {
            return None;
        }
        let asked = exchange.request.frame();
        let nor = if more == 0 { String::new() } else { format!(", nor had {more} more behind it") };
        let text = format!(
            "{} {} had no answer yet when the capture ended, {} later{nor}",
            exchange.method,
            quoted(&exchange.target),
            case.between(asked, case.trace.len())
        );
        Some(Finding { severity: Severity::Note, ..Finding::warn(text, "RFC 9112 §9.3.1", vec![asked]) })
    });
    told.collect()
}

/// The paths of which answers were held back: what waits there is a long poll.
fn held_back<'a>(case: &'a Case<'_>) -> BTreeSet<&'a str> {
    let was_held = |exchange: &&Exchange<'_>| {
        exchange.answer.is_some_and(|answer| case.seconds(exchange.request.frame(), answer.frame()) >= PATIENCE)
    };
    case.exchanges.iter().filter(was_held).map(Exchange::path).collect()
}

/// So long hardly anyone is asked to wait, unless he knows: two seconds.
pub(super) const LONG: f64 = 2.0;

/// Whether the server said anything behind a request, be it an answer that has no end yet, or octets that nobody read.
fn answer_begun(case: &Case<'_>, request: &Message) -> bool {
    if request.stream.is_some() {
        return case.begun.contains(&lying(request));
    }
    let connection = request.connection as usize;
    let said = case.last_said.get(connection).is_some_and(|last| last[usize::from(request.inside)] > request.frame());
    // Of what came inside of TLS and could not be read nobody knows what it was.
    let last = case.last_octets.get(connection).filter(|last| !request.inside && **last > request.frame());
    if !said && last.is_none() {
        return false;
    }
    // Where requests are sent one behind the other, what came may answer those before.
    let answer = case.last_answers.get(&lying(request)).filter(|answer| answers_another(answer, request));
    answer.is_none_or(|answer| last.is_some_and(|last| *last > answer.frame()))
}

/// Whether this is a whole answer to a request before this one.
fn answers_another(message: &Message, request: &Message) -> bool {
    let http = message.payload_as::<HttpMessage>().filter(|_| message.complete);
    let answers = http.and_then(|http| http.answers.as_ref());
    answers.is_some_and(|answers| answers.start < request.range.start)
}

/// Events that want an acknowledgement and got none until their session was over.
fn unacknowledged(case: &Case<'_>, left: &BTreeMap<&str, u32>) -> Vec<Finding> {
    let packets = || case.trace.messages().iter().filter_map(|one| Some((one, one.payload_as::<SocketIoPacket>()?)));
    let answered: BTreeSet<(u32, &str, u64, bool)> = packets()
        .filter_map(|(message, packet)| {
            let to_server = message.direction != Direction::ToServer;
            Some((packet.answers.as_ref()?.frame, packet.namespace.as_ref(), packet.id?, to_server))
        })
        .collect();
    // An event that had to wait until octets before it were given up is read behind its acknowledgement.
    let unpaired: BTreeSet<(Option<&str>, &str, u64, bool)> = packets()
        .filter(|(_, packet)| packet.kind.is_ack() && packet.answers.is_none())
        .filter_map(|(message, packet)| {
            let to_server = message.direction != Direction::ToServer;
            Some((packet.sid.as_deref(), packet.namespace.as_ref(), packet.id?, to_server))
        })
        .collect();
    let sessions = sessions(case);
    let is_waiting = |(message, packet): &(&Message, &SocketIoPacket)| {
        // What never came whole reached no program.
        let Some(id) = packet.id.filter(|_| packet.kind.is_event() && message.complete) else { return false };
        let (namespace, to_server) = (packet.namespace.as_ref(), message.direction == Direction::ToServer);
        !answered.contains(&(message.frame(), namespace, id, to_server))
            && !unpaired.contains(&(packet.sid.as_deref(), namespace, id, to_server))
    };
    let unread = unread(case);
    let mut found = Vec::new();
    for (message, packet) in packets().filter(is_waiting) {
        let Some(connection) = case.connection(message) else { continue };
        let of_session = packet.sid.as_deref().and_then(|sid| sessions.get(sid)).into_iter().flatten();
        let connections: Vec<&Connection> =
            of_session.filter_map(|id| case.trace.connections().get(*id as usize)).collect();
        let ends: Option<Vec<u32>> = connections.iter().map(|one| end_of(one).map(|(_, end, _)| end)).collect();
        // A session is over when all its connections are, or when one of the two says so.
        let over = ends.and_then(|ends| ends.into_iter().max());
        let left = packet.sid.as_deref().and_then(|sid| left.get(sid)).filter(|left| **left >= message.frame());
        let over = over.into_iter().chain(left.copied()).min();
        let until = over.unwrap_or(case.trace.len()).max(message.frame());
        let waited = case.seconds(message.frame(), until);
        // The acknowledgement may have come on any of them.
        let has_all = |one: &&Connection| case.has_all(one, message.direction.reverse());
        let may_be_elsewhere = unread.contains(&(connection.client.ip(), connection.server));
        if waited < PATIENCE || may_be_elsewhere || !has_all(&connection) || !connections.iter().all(has_all) {
            continue;
        }
        let name = packet.event().map(|event| json_string(&event.name, MOST)).unwrap_or_else(|| "\"\"".to_owned());
        let who = if message.direction == Direction::ToServer { "server" } else { "client" };
        let ended = if over.is_some() { "session was over" } else { "capture ended" };
        let text = format!(
            "the event {name} asks for an acknowledgement (#{}), and none came in the {} until the {ended}: the {who}'s \
             program did not call back in that time",
            packet.id.unwrap_or_default(),
            in_words(waited)
        );
        found.push(Finding::warn(text, packet.revision.acknowledgement(), vec![message.frame()]));
    }
    found
}

/// Between which hosts and servers there was a connection that lacks octets, and of which nothing could be read: to which session it
/// belonged nobody knows.
fn unread(case: &Case<'_>) -> BTreeSet<(IpAddr, SocketAddr)> {
    let lacks = |connection: &&Connection| {
        let lost = |way| case.trace.stream(connection.id, way).is_some() && !case.has_all(connection, way);
        case.messages_of(connection.id).is_empty() && (lost(Direction::ToServer) || lost(Direction::ToClient))
    };
    let all = case.trace.connections().iter().filter(lacks);
    all.map(|connection| (connection.client.ip(), connection.server)).collect()
}

/// The connections of each session, those included on which a poll still waits.
pub(super) fn sessions(case: &Case<'_>) -> BTreeMap<String, BTreeSet<u32>> {
    let mut found: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for message in case.trace.messages() {
        if let Some(sid) = message.payload_as::<EngineIoPacket>().and_then(|packet| packet.sid.as_deref()) {
            found.entry(sid.to_owned()).or_default().insert(message.connection);
        }
    }
    for exchange in &case.exchanges {
        if let Some(connections) = Query::from_target(&exchange.target).sid.and_then(|sid| found.get_mut(&*sid)) {
            connections.insert(exchange.request.connection);
        }
    }
    found
}

/// In which frame it was said first of each session that it is closed.
fn left<'a>(case: &Case<'a>) -> BTreeMap<&'a str, u32> {
    let mut found = BTreeMap::new();
    for message in case.trace.messages() {
        let packet = message.payload_as::<EngineIoPacket>().filter(|packet| packet.kind == Kind::Close);
        if let Some(sid) = packet.and_then(|packet| packet.sid.as_deref()) {
            found.entry(sid).or_insert(message.frame());
        }
    }
    found
}

/// Nobody gives up sooner, unless it was said when: half a second.
pub(super) const PATIENCE: f64 = 0.5;

/// The frame in which whoever pinged gave up: a Close frame, the `close` of Engine.IO, or the end of the connection; `None` if
/// the other side left.
pub(super) fn gave_up(case: &Case<'_>, ping: &Message) -> Option<u32> {
    let connection = case.connection(ping)?;
    if !case.has_all(connection, ping.direction.reverse()) {
        return None;
    }
    let (by, end) = left_behind(case, ping)?;
    (by == ping.direction).then_some(end)
}

/// Who left first behind a message, in its place, and in which frame: by a Close frame, the `close` of Engine.IO, or the end of the
/// connection.
pub(super) fn left_behind(case: &Case<'_>, message: &Message) -> Option<(Direction, u32)> {
    let close = case.closed_behind(message);
    let end = match message.stream {
        None => case.end_for(message),
        // A stream may have ended long before its connection.
        Some(_) => case.resets.get(&lying(message)).cloned(),
    };
    // Who left first decides: the other side's Close may come only because of that.
    let end = end.map(|end| (end.by, end.frame)).filter(|(_, end)| *end > message.frame());
    close.into_iter().chain(end).min_by_key(|(_, frame)| *frame)
}
