//! What is wrong with answers of HTTP: errors, what a browser does not let a page read, octets that nobody asked for.
//!
//! # References
//! - RFC 9110 §15; Fetch, "CORS check" (<https://fetch.spec.whatwg.org/#concept-cors-check>); RFC 9112 §6.3.

use super::asked::PATIENCE;
use super::exchange::Exchange;
use super::{Case, End, Finding, in_words, lying, quoted, together};
use crate::count::{counted, plural};
use crate::flow::Opening;
use crate::layer::Direction;
use crate::protocol::engineio::ErrorBody;
use crate::protocol::{HttpMessage, Side};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = refused(case);
    found.extend(together(case.exchanges.iter().filter_map(|exchange| not_allowed(case, exchange))));
    found.extend(left_over(case));
    found.extend(case.exchanges.iter().filter_map(|exchange| cut_short(case, exchange)));
    found
}

/// An answer whose sender closed, or whose receiver gave up, before all came that it announced.
fn cut_short(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer.filter(|answer| !answer.complete)?;
    let http = answer.payload_as::<HttpMessage>()?;
    let announced: u64 = exchange.says(case.trace, "content-length")?.parse().ok()?;
    let came = http.body(case.trace.bytes(answer)).len() as u64;
    let connection = case.connection(answer)?;
    if came >= announced || !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let End { by, frame: end, how } = case.end_for(answer)?;
    // On other streams more may have come.
    let last = match answer.stream {
        Some(_) => answer.frames.last(),
        None => case.last_octets.get(answer.connection as usize),
    };
    let (asked, last) = (exchange.request.frame(), *last?);
    let waited = case.seconds(last, end);
    let what =
        format!("the answer to {} {}", exchange.method, quoted(exchange.target.split('?').next().unwrap_or_default()));
    let announced = counted(announced, "octet");
    let text = match by {
        Direction::ToClient => format!(
            "{what} announces {announced} (Content-Length), and {came} came before {} {how}: the length is too large, or its \
             program ended before it had sent all",
            connection.server
        ),
        Direction::ToServer if waited >= PATIENCE => format!(
            "{what} announces {announced} (Content-Length), and {came} came; after {} without another the client gave up: \
             the length is too large, or the server was held up",
            in_words(waited)
        ),
        Direction::ToServer => return None,
    };
    let spec = if answer.stream.is_some() { "RFC 9113 §8.1.1" } else { "RFC 9112 §8" };
    Some(Finding::error(text, spec, vec![asked, last, end]))
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
    // Of a head that is cut short nobody knows what it says.
    let answer = exchange.answer.filter(|answer| {
        let head = answer.payload_as::<HttpMessage>().map_or(0, |http| http.head_len);
        answer.complete || head < answer.range.end - answer.range.start
    })?;
    let says = |name: &str| exchange.asks(case.trace, name);
    let is_one_of = |name: &str, values: &[&str]| says(name).is_some_and(|value| values.contains(&value.as_str()));
    // A WebSocket is not kept from anyone that way, nor what comes from the same place, nor where a page is opened. A 304 has
    // what its first answer had, and behind a proxy the host is another.
    let is_exempt = says("sec-websocket-key").is_some()
        || exchange.status == Some(304)
        || is_one_of("sec-fetch-site", &["same-origin", "none"])
        || is_one_of("sec-fetch-mode", &["navigate", "no-cors", "same-origin", "websocket"])
        || says("x-forwarded-host").is_some()
        || says("forwarded").is_some();
    if is_exempt || is_same_place(&origin, &host) {
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

/// Whether an origin is that of a host: without regard to case, and to a port that goes without saying.
fn is_same_place(origin: &str, host: &str) -> bool {
    let Some((scheme, place)) = origin.split_once("://") else { return true };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |place: &str| place.strip_suffix(port).unwrap_or(place).to_ascii_lowercase();
    bare(place) == bare(host)
}

/// Octets behind an answer that ends before them, where no request waits.
fn left_over(case: &Case<'_>) -> Vec<Finding> {
    let pair = |messages: &[&Message]| {
        let [answer, rest] = messages else { return None };
        let http = answer.payload_as::<HttpMessage>().filter(|http| http.side == Side::Response && answer.complete)?;
        let len = http.header(case.trace.bytes(answer), "content-length")?;
        rest.payload_as::<HttpMessage>().filter(|rest| rest.side == Side::Unreadable)?;
        let connection = case.connection(answer)?;
        let is_elsewhere = lying(answer) != lying(rest);
        if is_elsewhere
            || connection.opening == Opening::Guessed
            || rest.range.start != answer.range.end
            || waits(case, answer, rest)
        {
            return None;
        }
        let octets = rest.range.end - rest.range.start;
        let some = format!("{} {}", counted(octets, "octet"), plural(octets, "follows", "follow"));
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

/// Whether a request may have been what these octets answer.
fn waits(case: &Case<'_>, answer: &Message, rest: &Message) -> bool {
    let count = |is: &dyn Fn(&Message, &HttpMessage) -> bool| {
        let http = case.messages_of(answer.connection).iter().filter_map(|one| Some((*one, one.payload_as()?)));
        http.filter(|(one, http)| is(one, http)).count()
    };
    let asked = count(&|one, http| http.side == Side::Request && one.frame() <= rest.frame());
    let answered = count(&|one, http| {
        http.side == Side::Response && http.status() >= Some(200) && one.range.end <= answer.range.end
    });
    asked > answered
}
