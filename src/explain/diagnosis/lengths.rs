//! Requests whose Content-Length is not that of their body.
//!
//! # References
//! - RFC 9112 §6.3, §8.

use super::exchange::Exchange;
use super::{Case, End, Finding, lying, quoted};
use crate::count::{counted, plural};
use crate::flow::Opening;
use crate::layer::Direction;
use crate::protocol::{HttpMessage, Side};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = case.exchanges.iter().filter_map(|exchange| too_large(case, exchange)).collect();
    for messages in &case.of {
        let said: Vec<_> = messages.iter().filter(|one| one.direction == Direction::ToServer).copied().collect();
        found.extend(said.windows(2).filter_map(|pair| too_small(case, pair)));
    }
    found
}

/// A request of which less came than it announces, until it was refused for that or its client left.
fn too_large(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let request = Some(exchange.request).filter(|request| !request.complete)?;
    let announced: u64 = exchange.asks(case.trace, "content-length")?.parse().ok()?;
    let came = request.payload_as::<HttpMessage>()?.body(case.trace.bytes(request)).len() as u64;
    let connection = case.connection(request)?;
    if came >= announced || !case.has_all(connection, Direction::ToServer) {
        return None;
    }
    let (end, how) = match (exchange.answer, exchange.status) {
        // Other errors may be told before all of a body is there.
        (Some(answer), Some(status @ (400 | 408))) => (answer.frame(), format!("it was answered with {status}")),
        (answer, status) => {
            let End { by, frame, how } = case.end_for(request).filter(|end| end.by == Direction::ToServer)?;
            let taken = match (answer, status) {
                (Some(answer), Some(status @ 200..400)) if frame <= answer.frame() => {
                    format!("; its server took that for the whole, and answered with {status}")
                }
                (Some(_), _) => return None,
                (None, _) => String::new(),
            };
            (frame, format!("{} {how}{taken}", connection.ends(by).0))
        }
    };
    let text = format!(
        "{} {} announces {} (Content-Length), and {came} came before {how}: the length is too large, or its program did not send \
         all",
        exchange.method,
        quoted(exchange.path()),
        counted(announced, "octet")
    );
    let spec = if request.stream.is_some() { "RFC 9113 §8.1.1" } else { "RFC 9112 §8" };
    Some(Finding::error(text, spec, vec![request.frame(), end]))
}

/// Octets behind the body of a request that begin no other.
fn too_small(case: &Case<'_>, messages: &[&Message]) -> Option<Finding> {
    let [request, rest] = messages else { return None };
    let http = request.payload_as::<HttpMessage>().filter(|http| http.side == Side::Request && request.complete)?;
    let len = http.header(case.trace.bytes(request), "content-length")?;
    rest.payload_as::<HttpMessage>().filter(|rest| rest.side == Side::Unreadable)?;
    // Some clients send an empty line behind a body, which is to be passed over (§2.2).
    if case.trace.bytes(rest).iter().all(|octet| matches!(octet, b'\r' | b'\n')) {
        return None;
    }
    let is_behind = rest.range.start == request.range.end && lying(request) == lying(rest);
    if !is_behind || case.connection(request)?.opening == Opening::Guessed {
        return None;
    }
    let octets = rest.range.end - rest.range.start;
    let text = format!(
        "{} {} the body of the request in frame {} and {} no other: its Content-Length: {} is too small (it counts octets, not \
         characters)",
        counted(octets, "octet"),
        plural(octets, "follows", "follow"),
        request.frame(),
        plural(octets, "begins", "begin"),
        quoted(&String::from_utf8_lossy(len))
    );
    Some(Finding::error(text, "RFC 9112 §6.3", vec![request.frame(), rest.frame()]))
}
