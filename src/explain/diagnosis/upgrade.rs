//! Requests for a WebSocket that were answered with something else, and what is likely behind that.
//!
//! # References
//! - RFC 6455 §4.1, §4.2.1, §4.2.2, §4.4; RFC 8441 §5; RFC 9110 §15.4, §15.5. WHATWG WebSockets, "Establish a WebSocket
//!   connection": the redirect mode is "error".

use super::again::OFTEN;
use super::exchange::{Exchange, essence};
use super::{Case, quoted};
use crate::protocol::HttpMessage;
use crate::protocol::engineio::{Query, Transport};
use crate::trace::Trace;

/// The version of the protocol (RFC 6455 §4.1).
const VERSION: &str = "13";

/// Whether a request asks for a WebSocket.
pub(super) fn is_asked_for(trace: &Trace, exchange: &Exchange<'_>) -> bool {
    let names = |name: &str| {
        exchange.asks(trace, name).is_some_and(|value| tokens(&value).any(|one| one.eq_ignore_ascii_case("websocket")))
    };
    match exchange.request.stream {
        Some(_) => exchange.method == "CONNECT" && names(":protocol"),
        None => names("upgrade"),
    }
}

/// Whether it was opened; `None` if there is no answer yet.
pub(super) fn is_opened(exchange: &Exchange<'_>) -> Option<bool> {
    match (exchange.request.stream, exchange.status?) {
        (Some(_), 200..=299) | (None, 101) => Some(true),
        (_, status) => (status >= 200).then_some(false),
    }
}

/// Why such a request was likely answered with this status.
pub(super) fn cause(case: &Case<'_>, exchange: &Exchange<'_>, status: u16) -> Option<String> {
    let trace = case.trace;
    if let Some(wrong) = wrong_in_request(trace, exchange) {
        return Some(wrong);
    }
    Some(match status {
        301 | 302 | 303 | 307 | 308 => {
            let to = exchange.says(trace, "location").map(|to| format!(" to {}", quoted(&to))).unwrap_or_default();
            format!(
                "it redirects{to}, and a browser's WebSocket follows no redirect, nor do most libraries: the client must ask \
                 there itself (wss: for https:)"
            )
        }
        200..=299 => {
            "it was taken for a plain request: likely no WebSocket is served at that path, or something between takes \
                      the handshake for its own"
                .to_owned()
        }
        400 if exchange.path().contains("socket.io") && !Query::from_target(&exchange.target).is_engineio() => {
            "likely a plain WebSocket client at a server of Socket.IO: its query lacks EIO or transport, with which clients of \
             Socket.IO ask"
                .to_owned()
        }
        400 if is_of_ws(case, exchange) => {
            "likely the path is not the one where the WebSocket is served: servers of ws with the option `path` say no more at others"
                .to_owned()
        }
        401 | 407 => {
            "who asks must say who it is, and did not, or not rightly. A page's WebSocket sends cookies, but no header \
                      fields of its own: likely a cookie or a token is missing"
                .to_owned()
        }
        403 if is_polled_around(case, exchange) => {
            "its session is known there, as all its polls were answered with 200: so something refuses the upgrade itself, as a proxy or \
             a firewall that lets no WebSocket pass, or a check of the server's own"
                .to_owned()
        }
        // The session was opened by a request that was let in.
        403 if Query::from_target(&exchange.target).sid.is_some() => {
            "likely the process that answers does not know the session: with several servers, or several workers of one, each client \
             must always reach the same one (sticky sessions). Or who asks is not authorised"
                .to_owned()
        }
        403 => {
            let origin = exchange.asks(trace, "origin");
            let from = origin.map(|origin| format!("the Origin {}", quoted(&origin)));
            let from = from.unwrap_or_else(|| "a client without an Origin".to_owned());
            format!("likely {from} is not among those that it allows, or who asks is not authorised")
        }
        404 | 410 => {
            "likely the path is not the one where the WebSocket is served, or a proxy passes it on to another server"
                .to_owned()
        }
        405 => "likely no WebSocket is served at that path: its handshake is a GET, and GET is not allowed there"
            .to_owned(),
        426 => upgrade_required(trace, exchange),
        502..=504 => "likely a proxy answers for a server that it does not reach, or that is not ready".to_owned(),
        _ => return None,
    })
}

/// Among so many requests before and behind an upgrade polls of its session are looked for.
const NEAR: usize = 256;

/// Whether the session of an upgrade is known where it was refused: all its polls there are answered with 200, several of them, and
/// behind the refusal, too. Among processes that share an address most would meet another.
fn is_polled_around(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let server = case.connection(exchange.request).map(|connection| connection.server);
    let (Some(sid), Some(answer)) = (Query::from_target(&exchange.target).sid, exchange.answer) else { return false };
    let polls_it = |other: &&Exchange<'_>| {
        let query = Query::from_target(&other.target);
        query.transport == Some(Transport::Polling)
            && query.sid.as_deref() == Some(&*sid)
            && case.connection(other.request).map(|connection| connection.server) == server
    };
    let behind = case.exchanges.partition_point(|other| other.request.frame() <= answer.frame());
    let (before, behind) = case.exchanges.split_at(behind);
    let (mut times, mut comes_again) = (0, false);
    for poll in before.iter().rev().take(NEAR).chain(behind.iter().take(NEAR)).filter(polls_it) {
        match poll.status {
            Some(200) => times += 1,
            Some(_) => return false,
            None => continue,
        }
        comes_again |= poll.request.frame() > answer.frame();
    }
    times >= OFTEN && comes_again
}

/// Whether an answer is what ws says where it finds nothing wrong with the handshake but its path (`abortHandshake`): elsewhere it says
/// what it is. Engine.IO, which stands on it, has its own paths.
fn is_of_ws(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let Some(answer) = exchange.answer.filter(|_| !Query::from_target(&exchange.target).is_engineio()) else {
        return false;
    };
    let body = answer.payload_as::<HttpMessage>().map(|http| http.body(case.trace.bytes(answer)));
    let kind = exchange.says(case.trace, "content-type").unwrap_or_default();
    body.as_deref() == Some(b"Bad Request")
        && essence(&kind) == "text/html"
        && exchange.says(case.trace, "server").is_none()
}

/// What is wrong with the handshake itself.
fn wrong_in_request(trace: &Trace, exchange: &Exchange<'_>) -> Option<String> {
    if exchange.request.stream.is_some() {
        return None;
    }
    let connection = exchange.asks(trace, "connection").unwrap_or_default();
    if !tokens(&connection).any(|one| one.eq_ignore_ascii_case("upgrade")) {
        let has = match connection.is_empty() {
            true => "it has no Connection: Upgrade".to_owned(),
            false => format!("its Connection: {} does not name Upgrade", quoted(&connection)),
        };
        return Some(format!(
            "{has}, without which Upgrade says nothing: likely a proxy on the way has put in its own (in nginx: \
             proxy_set_header Connection \"upgrade\")"
        ));
    }
    if exchange.asks(trace, "sec-websocket-key").is_none() {
        return Some("it has no Sec-WebSocket-Key".to_owned());
    }
    None
}

/// What a server wants that says so.
fn upgrade_required(trace: &Trace, exchange: &Exchange<'_>) -> String {
    let asked = exchange.asks(trace, "sec-websocket-version").unwrap_or_default();
    let speaks = exchange.says(trace, "sec-websocket-version").unwrap_or_default();
    let wants = exchange.says(trace, "upgrade").unwrap_or_default();
    let is_spoken = tokens(&speaks).any(|one| one == asked);
    let asks = if asked.is_empty() { "no version".to_owned() } else { format!("version {}", quoted(&asked)) };
    match () {
        () if !speaks.is_empty() && !is_spoken => format!(
            "the request asks for {asks}, and the server speaks {} (Sec-WebSocket-Version)",
            quoted(&speaks)
        ),
        () if asked != VERSION => {
            format!("the request asks for {asks} (Sec-WebSocket-Version), and RFC 6455 has {VERSION}")
        }
        () if wants.is_empty() => "it wants another protocol, and does not say which (Upgrade)".to_owned(),
        () if tokens(&wants).any(|one| one.eq_ignore_ascii_case("websocket")) => {
            "it wants a WebSocket, which was asked for: likely it did not take the request for a handshake, as when a proxy on \
             the way has changed it"
                .to_owned()
        }
        () => format!("it wants {} (Upgrade)", quoted(&wants)),
    }
}

/// The members of a list (RFC 9110 §5.6.1).
fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}
