//! Clients that come again and again to the same place, where each time it ends soon.
//!
//! # References
//! - RFC 6455 §7.2.3 ("Recovering from Abnormal Closure"); Engine.IO protocol 4, "Handshake"; WHATWG HTML §9.2.3
//!   ("reestablish the connection").

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use super::closed::closing;
use super::exchange::{EVENT_STREAM, Exchange, essence};
use super::{Case, Finding, Lying, in_words, lying, quoted, upgrade};
use crate::layer::{Direction, Severity};
use crate::protocol::engineio::{EngineIoPacket, ErrorBody, ErrorCode, Kind, Query, Transport};
use crate::protocol::{HttpMessage, Opcode, SocketIoKind, SocketIoPacket, WebSocketFrame};
use crate::trace::Message;

/// So often may be chance, or somebody who tries.
pub(super) const OFTEN: usize = 3;
/// What lasts longer did not end soon: ten seconds.
const SOON: f64 = 10.0;
/// Who waits longer does not come because of the last time: a minute.
pub(super) const PAUSE: f64 = 60.0;

/// What was asked for, and how it went.
struct Attempt {
    asked: u32,
    /// In which frame it ended, and how, if that was not as its client wanted.
    ended: Option<(u32, String)>,
}

/// From where, at which server, what is asked for, and whether it is an event stream.
pub(super) type Place = (IpAddr, SocketAddr, String, bool);

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, mut attempts) in attempts(case) {
        attempts.sort_by_key(|attempt| attempt.asked);
        let mut run: Vec<(u32, u32, String)> = Vec::new();
        for Attempt { asked, ended } in attempts {
            let last = run.last().map(|(_, ended, _)| *ended);
            // Several programs may be behind one address.
            if last.is_some_and(|last| asked < last) {
                continue;
            }
            if last.is_some_and(|last| case.seconds(last, asked) > PAUSE) {
                found.extend(told(case, &place, &std::mem::take(&mut run)));
            }
            match ended.filter(|(ended, _)| case.seconds(asked, *ended) <= SOON) {
                Some((ended, how)) => run.push((asked, ended, how)),
                None => found.extend(told(case, &place, &std::mem::take(&mut run))),
            }
        }
        found.extend(told(case, &place, &run));
    }
    found
}

/// More ways to end than these are not told.
const MOST_ENDS: usize = 3;

fn told(case: &Case<'_>, (client, server, target, is_stream): &Place, run: &[(u32, u32, String)]) -> Option<Finding> {
    let (first, last) = (run.first().filter(|_| run.len() >= OFTEN)?.0, run.last()?.1);
    let longest = run.iter().map(|(asked, ended, _)| case.seconds(*asked, *ended)).fold(0.0, f64::max);
    let mut ends: Vec<(&str, usize)> = Vec::new();
    for (_, _, how) in run {
        match ends.iter().position(|(known, _)| known == how) {
            Some(place) => ends[place].1 += 1,
            // What is not told need not be told apart, so that this stays short.
            None if ends.len() > MOST_ENDS => {}
            None => ends.push((how, 1)),
        }
    }
    // Who tries many things, as a test does, meets many ends; who fails for one reason one of them above all.
    let most = ends.iter().map(|(_, times)| *times).max()?;
    if most < OFTEN || most * 4 < run.len() * 3 {
        return None;
    }
    let each = |(how, times): &(&str, usize)| format!("{times} × {how}");
    let how = match ends.as_slice() {
        [(how, _)] => format!("each time {how}"),
        several => several.iter().take(MOST_ENDS).map(each).collect::<Vec<_>>().join("; "),
    };
    let and = if ends.len() > MOST_ENDS { "; and in other ways" } else { "" };
    // An EventSource does so on its own: some servers count on that.
    let (severity, spec, likely) = match is_stream {
        true => (Severity::Note, "WHATWG HTML §9.2.3", "An EventSource connects anew whenever its stream ends"),
        false => (
            Severity::Warn,
            "RFC 6455 §7.2.3",
            "Likely its program connects anew whenever its connection is lost, or taken for failed",
        ),
    };
    let text = format!(
        "{client} asked for {} at {server} {} times in {}, and none of it lasted longer than {}: {how}{and}. {likely}",
        quoted(target),
        run.len(),
        case.between(first, last),
        in_words(longest)
    );
    let frames = run.iter().flat_map(|(asked, ended, _)| [*asked, *ended]).collect();
    Some(Finding { severity, ..Finding::warn(text, spec, frames) })
}

/// WebSockets, event streams, and sessions that are polled, by where they were asked for.
fn attempts(case: &Case<'_>) -> BTreeMap<Place, Vec<Attempt>> {
    let ends = Ends::of(case);
    let mut found: BTreeMap<Place, Vec<Attempt>> = BTreeMap::new();
    for exchange in &case.exchanges {
        let Some(connection) = case.connection(exchange.request) else { continue };
        let is_stream = is_event_stream(case, exchange);
        let ended = match () {
            // Of a session that its server closed it is told where that was opened.
            () if upgrade::is_asked_for(case.trace, exchange) && ends.is_of_polled(exchange) => continue,
            () if upgrade::is_asked_for(case.trace, exchange) => ends.of_socket(case, exchange),
            () if is_stream => of_stream(case, exchange),
            () => match ends.of_polled(exchange) {
                Some(ended) => ended,
                None => continue,
            },
        };
        let place = (connection.client.ip(), connection.server, lasting(&exchange.target), is_stream);
        found.entry(place).or_default().push(Attempt { asked: exchange.request.frame(), ended });
    }
    found
}

/// Whether this is what an EventSource asks for, and gets.
pub(super) fn is_event_stream(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let is_one = |value: Option<String>| value.is_some_and(|value| essence(&value) == EVENT_STREAM);
    exchange.method == "GET"
        && exchange.status == Some(200)
        && is_one(exchange.asks(case.trace, "accept"))
        && is_one(exchange.says(case.trace, "content-type"))
}

/// How a stream ended, if its server ended it.
fn of_stream(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<(u32, String)> {
    let answer = exchange.answer.filter(|answer| answer.complete)?;
    let left = case.end_for(answer).is_some_and(|end| end.by == Direction::ToServer && end.frame <= answer.frame());
    (!left).then(|| (answer.frame(), "the server ended the event stream".to_owned()))
}

/// A target without what is another each time: the session, and a number against caches.
pub(super) fn lasting(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let lasts = |parameter: &&str| !parameter.starts_with("t=") && !parameter.starts_with("sid=");
    let query: Vec<&str> = query.split('&').filter(lasts).collect();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// How sockets and sessions were ended by what was said in them.
struct Ends<'a> {
    /// What said first in each socket that it is over: a Close frame of WebSocket, a packet `close` of Engine.IO, or a client's
    /// DISCONNECT of Socket.IO.
    of_sockets: HashMap<Lying, &'a Message>,
    /// The sockets in which a client said anything.
    spoken: HashSet<Lying>,
    /// The sessions that were opened by polling, by their answers.
    polled: HashMap<(Lying, u32), &'a str>,
    /// In which frame each of them was refused or closed by its server, and how.
    of_polled: HashMap<&'a str, (u32, String)>,
    /// Those that their clients left.
    left: HashSet<&'a str>,
}

impl<'a> Ends<'a> {
    fn of(case: &Case<'a>) -> Self {
        let (mut of_sockets, mut polled, mut of_polled) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (mut left, mut spoken) = (HashSet::new(), HashSet::new());
        for message in case.trace.messages() {
            let to_client = message.direction == Direction::ToClient;
            if let Some(frame) = message.payload_as::<WebSocketFrame>() {
                match frame.opcode {
                    Opcode::Close => drop(of_sockets.entry(lying(message)).or_insert(message)),
                    Opcode::Text | Opcode::Binary if !to_client => drop(spoken.insert(lying(message))),
                    _ => {}
                }
            } else if let Some(packet) = message.payload_as::<EngineIoPacket>() {
                let Some(sid) = packet.sid.as_deref() else { continue };
                match (packet.kind, packet.transport == Transport::WebSocket) {
                    (Kind::Close, true) => drop(of_sockets.entry(lying(message)).or_insert(message)),
                    (Kind::Open, false) => drop(polled.insert((lying(message), message.frame()), sid)),
                    _ => {}
                }
                match packet.kind {
                    Kind::Close if !to_client => drop(left.insert(sid)),
                    Kind::Close if !left.contains(sid) => {
                        of_polled.entry(sid).or_insert((message.frame(), "the server closed the session".to_owned()));
                    }
                    _ => {}
                }
            } else if let Some(packet) = message.payload_as::<SocketIoPacket>()
                && packet.kind == SocketIoKind::Disconnect
                && !to_client
            {
                left.extend(packet.sid.as_deref());
                of_sockets.entry(lying(message)).or_insert(message);
            }
        }
        let known: HashSet<&str> = polled.values().copied().collect();
        for exchange in &case.exchanges {
            let (Some(answer), Some(status @ 400..)) = (exchange.answer, exchange.status) else { continue };
            let Some(sid) = Query::from_target(&exchange.target).sid else { continue };
            // Other requests that are refused were wrong.
            let body = || answer.payload_as::<HttpMessage>().map(|http| http.body(case.trace.bytes(answer)));
            let error = || ErrorBody::from_json(&String::from_utf8_lossy(&body()?));
            if status == 400 && error().is_none_or(|error| error.code != ErrorCode::SessionIdUnknown) {
                continue;
            }
            if let Some(sid) = known.get(&*sid).filter(|sid| !left.contains(**sid)) {
                let how = format!("a request of the session was answered with {status}");
                of_polled.entry(*sid).or_insert((answer.frame(), how));
            }
        }
        Self { of_sockets, spoken, polled, of_polled, left }
    }

    /// How a session ended that this request opened by polling; `None` if it opened none, or that went another way.
    fn of_polled(&self, exchange: &Exchange<'_>) -> Option<Option<(u32, String)>> {
        let answer = exchange.answer?;
        let sid = self.polled.get(&(lying(answer), answer.frame()))?;
        Some(Some(self.of_polled.get(sid).filter(|_| !self.left.contains(sid))?.clone()))
    }

    /// Whether a WebSocket is asked for to take over a session that was opened by polling, and that its server ended.
    fn is_of_polled(&self, exchange: &Exchange<'_>) -> bool {
        Query::from_target(&exchange.target).sid.is_some_and(|sid| self.of_polled.contains_key(&*sid))
    }

    /// How a WebSocket ended, if its client did not just leave.
    fn of_socket(&self, case: &Case<'_>, exchange: &Exchange<'_>) -> Option<(u32, String)> {
        let request = exchange.request;
        match (upgrade::is_opened(exchange), exchange.answer, exchange.status) {
            (Some(false), Some(answer), Some(status)) => {
                return Some((answer.frame(), format!("it was answered with {status}")));
            }
            (Some(true), ..) => {}
            _ => return case.end_for(request).map(|end| (end.frame, "it ended without an answer".to_owned())),
        }
        let end = case.end_for(request);
        let close = self.of_sockets.get(&lying(request));
        let said_first = close.filter(|close| end.as_ref().is_none_or(|end| close.frame() <= end.frame));
        if let Some(close) = said_first {
            return Some((close.frame(), how_closed(case, close)?));
        }
        // A client that has said what it had to say may just leave.
        let end = end.filter(|end| end.by == Direction::ToClient || !self.spoken.contains(&lying(request)))?;
        let who = if end.by == Direction::ToClient { "the server" } else { "the client" };
        Some((end.frame, format!("{who} {} without a Close frame", end.how)))
    }
}

/// How somebody closed a WebSocket that says so; `None` if that is a client that has had enough.
fn how_closed(case: &Case<'_>, close: &Message) -> Option<String> {
    let by_client = close.direction == Direction::ToServer;
    let who = if by_client { "the client" } else { "the server" };
    let Some(frame) = close.payload_as::<WebSocketFrame>() else {
        return (!by_client).then(|| "the server closed the session".to_owned());
    };
    let payload = frame.payload(case.trace.bytes(close));
    match WebSocketFrame::close_body(&payload) {
        // What is its program's own it knows better.
        Some((code, _)) if by_client && !(1002..3000).contains(&code) => None,
        Some((code, reason)) => Some(format!("{who} closed with {}", closing(code, reason))),
        None => (!by_client).then(|| format!("{who} closed without a code")),
    }
}
