//! What is wrong with answers of HTTP: errors, what a browser does not let a page read, octets that nobody asked for.
//!
//! # References
//! - RFC 9110 §15; Fetch, "CORS check" (<https://fetch.spec.whatwg.org/#concept-cors-check>); RFC 9112 §6.3.

use super::exchange::Exchange;
use super::{Case, Finding, quoted, together};
use crate::layer::Direction;
use crate::protocol::engineio::ErrorBody;
use crate::protocol::{HttpMessage, Side};

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = refused(case);
    found.extend(together(case.exchanges.iter().filter_map(|exchange| not_allowed(case, exchange))));
    found.extend(left_over(case));
    found
}

/// Requests that were answered with an error, each kind of them once; what Engine.IO says of its own is told there.
fn refused(case: &Case<'_>) -> Vec<Finding> {
    together(case.exchanges.iter().filter_map(|exchange| {
        let (Some(answer), Some(status @ 400..)) = (exchange.answer, exchange.status) else { return None };
        let http = answer.payload_as::<HttpMessage>()?;
        let body = http.body(case.trace.bytes(answer));
        if ErrorBody::from_json(&String::from_utf8_lossy(&body)).is_some() {
            return None;
        }
        let reason = http.start(case.trace.bytes(answer)).map(|(_, reason)| reason).unwrap_or_default();
        let path = exchange.target.split('?').next().unwrap_or_default();
        let text = format!("{} {} was answered with {status} {}", exchange.method, quoted(path), quoted(&reason));
        Some(Finding::warn(text, "RFC 9110 §15", vec![exchange.request.frame(), answer.frame()]))
    }))
}

/// An answer that a browser keeps from the page that asked: the page comes from elsewhere, and the answer does not name it.
fn not_allowed(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let (origin, host) = (exchange.asks(case.trace, "origin")?, exchange.asks(case.trace, "host")?);
    let answer = exchange.answer?;
    // A WebSocket is not kept from anyone that way, nor is what comes from the same place.
    if exchange.status == Some(101) || origin.split_once("://").is_none_or(|(_, place)| place == host) {
        return None;
    }
    let allows = match exchange.says(case.trace, "access-control-allow-origin") {
        Some(allowed) if allowed == "*" || allowed == origin => return None,
        Some(allowed) => format!("allows {} only", quoted(&allowed)),
        None => "allows no other origin".to_owned(),
    };
    let path = exchange.target.split('?').next().unwrap_or_default();
    let text = format!(
        "the answer to {} {} {allows}: a browser does not let a page of {} read it (CORS)",
        exchange.method,
        quoted(path),
        quoted(&origin)
    );
    Some(Finding::warn(text, "Fetch, CORS check", vec![exchange.request.frame(), answer.frame()]))
}

/// Octets behind an answer that ends before them, where no request waits.
fn left_over(case: &Case<'_>) -> Vec<Finding> {
    let pair = |messages: &[&crate::trace::Message]| {
        let [answer, rest] = messages else { return None };
        let http = answer.payload_as::<HttpMessage>().filter(|http| http.side == Side::Response && answer.complete)?;
        let len = http.header(case.trace.bytes(answer), "content-length")?;
        rest.payload_as::<HttpMessage>().filter(|rest| rest.side == Side::Unreadable)?;
        let octets = rest.range.end - rest.range.start;
        let some = if octets == 1 { "1 octet follows".to_owned() } else { format!("{octets} octets follow") };
        let text = format!(
            "{some} the body of the answer in frame {}, and no request waits for them: its Content-Length: {} is too small",
            answer.frame(),
            quoted(&String::from_utf8_lossy(len))
        );
        Some(Finding::error(text, "RFC 9112 §6.3", vec![answer.frame(), rest.frame()]))
    };
    let mut found = Vec::new();
    for messages in &case.of {
        let answers: Vec<_> = messages.iter().filter(|one| one.direction == Direction::ToClient).copied().collect();
        found.extend(answers.windows(2).filter_map(pair));
    }
    found
}
