//! What is wrong with answers of HTTP: errors, lengths, octets that nobody asked for.
//!
//! # References
//! - RFC 9110 §15; RFC 9112 §6.3.

use super::asked::PATIENCE;
use super::exchange::{Exchange, has_head};
use super::{Case, End, Finding, faulty, in_words, lying, quoted, refusal};
use crate::count::{counted, plural};
use crate::flow::{Ending, Opening};
use crate::layer::{Direction, Severity};
use crate::protocol::{HttpMessage, Side};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = refusal::findings(case);
    found.extend(left_over(case));
    found.extend(case.exchanges.iter().filter_map(|exchange| cut_short(case, exchange)));
    found
}

/// An answer whose sender closed, or whose receiver gave up, before all came that it announced.
fn cut_short(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer.filter(|answer| !answer.complete && faulty::broken(answer).is_none())?;
    let http = answer.payload_as::<HttpMessage>()?;
    let Some(announced) = exchange.says(case.trace, "content-length") else {
        return cut_in_chunks(case, exchange, answer);
    };
    let announced: u64 = announced.parse().ok()?;
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
    let what = format!("the answer to {} {}", exchange.method, quoted(exchange.path()));
    let announced = counted(announced, "octet");
    let text = match by {
        Direction::ToClient => format!(
            "{what} announces {announced} (Content-Length), and {came} came before {} {how}: the length is too large, or its \
             program ended before it had sent all",
            connection.server
        ),
        Direction::ToServer if waited >= PATIENCE && did_not_read(case, answer, end) => format!(
            "{what} announces {announced} (Content-Length), and {came} came: the client did not read (its window was 0), and \
             gave up after {} without another",
            in_words(waited)
        ),
        Direction::ToServer if waited >= PATIENCE => format!(
            "{what} announces {announced} (Content-Length), and {came} came; after {} without another the client gave up: \
             the length is too large, or the server was held up",
            in_words(waited)
        ),
        Direction::ToServer if case.seconds(asked, end) >= PATIENCE => format!(
            "{what} announces {announced} (Content-Length), and {came} came; the client left {} after it had asked: a time limit of its \
             own, or it has had enough",
            case.between(asked, end)
        ),
        Direction::ToServer => return None,
    };
    let severity = if by == Direction::ToServer && waited < PATIENCE { Severity::Note } else { Severity::Error };
    let spec = if answer.stream.is_some() { "RFC 9113 §8.1.1" } else { "RFC 9112 §8" };
    Some(Finding { severity, ..Finding::error(text, spec, vec![asked, last, end]) })
}

/// An answer in chunks whose sender closed before the last of them.
fn cut_in_chunks(case: &Case<'_>, exchange: &Exchange<'_>, answer: &Message) -> Option<Finding> {
    let Some(coding) = exchange.says(case.trace, "transfer-encoding") else {
        return cut_until_closed(case, exchange, answer);
    };
    let connection = case.connection(answer)?;
    let End { by, frame: end, how } = case.end_for(answer)?;
    let is_whole = case.has_all(connection, Direction::ToClient);
    if !coding.to_ascii_lowercase().ends_with("chunked") || by == Direction::ToServer || !is_whole {
        return None;
    }
    let text = format!(
        "the answer to {} {} is cut: {} {how} before the chunk that ends it; its program ended, or gave up on it",
        exchange.method,
        quoted(exchange.path()),
        connection.server
    );
    Some(Finding::error(text, "RFC 9112 §8", vec![exchange.request.frame(), end]))
}

/// An answer that lasts until its sender closes, whose sender broke off instead.
fn cut_until_closed(case: &Case<'_>, exchange: &Exchange<'_>, answer: &Message) -> Option<Finding> {
    let is_plain = answer.stream.is_none() && has_head(answer);
    let connection = case.connection(answer).filter(|_| is_plain)?;
    let Ending::Aborted { by: Direction::ToClient, rst } = connection.ending() else { return None };
    if !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let text = format!(
        "the answer to {} {} has no length, so it lasts until its sender closes, and {} broke off instead: nobody can tell whether \
         all of it came. Its program ended, or gave up on it, or closed before it had read all that the client sent",
        exchange.method,
        quoted(exchange.path()),
        connection.server
    );
    Some(Finding::error(text, "RFC 9112 §6.3", vec![exchange.request.frame(), answer.frame(), rst]))
}

/// Whether a client let no more come of an answer before this frame, in which it gave up.
fn did_not_read(case: &Case<'_>, answer: &Message, end: u32) -> bool {
    let begun = answer.frames.first().copied().unwrap_or(end);
    let closed = case.closed_windows.get(&answer.connection);
    closed.is_some_and(|frames| frames.iter().any(|frame| begun < *frame && *frame < end))
}

/// Octets behind an answer that ends before them, where no request waits.
fn left_over(case: &Case<'_>) -> Vec<Finding> {
    let pair = |messages: &[&Message]| {
        let [answer, rest] = messages else { return None };
        let http = answer.payload_as::<HttpMessage>().filter(|http| http.side == Side::Response && answer.complete)?;
        rest.payload_as::<HttpMessage>().filter(|rest| rest.side == Side::Unreadable)?;
        let connection = case.connection(answer)?;
        let is_elsewhere = lying(answer) != lying(rest);
        if is_elsewhere
            || faulty::broken(answer).is_some()
            || connection.opening == Opening::Guessed
            || !case.has_all(connection, Direction::ToClient)
            || rest.range.start != answer.range.end
            || waits(case, answer, rest)
        {
            return None;
        }
        let octets = rest.range.end - rest.range.start;
        let some = format!("{} {}", counted(octets, "octet"), plural(octets, "follows", "follow"));
        let (frame, len) = (answer.frame(), http.header(case.trace.bytes(answer), "content-length"));
        let text = match (without_body(case, answer, http), len) {
            (Some(why), _) => format!(
                "{some} the answer in frame {frame}, and no request waits for them: {why} has no body, and its sender wrote one \
                 all the same"
            ),
            (None, Some(len)) => format!(
                "{some} the body of the answer in frame {frame}, and no request waits for them: its Content-Length: {} is too \
                 small",
                quoted(&String::from_utf8_lossy(len))
            ),
            (None, None) => return None,
        };
        Some(Finding::error(text, "RFC 9112 §6.3", vec![answer.frame(), rest.frame()]))
    };
    let mut found = Vec::new();
    for messages in &case.of {
        let answers: Vec<_> = messages.iter().filter(|one| one.direction == Direction::ToClient).copied().collect();
        found.extend(answers.windows(2).filter_map(pair));
    }
    found
}

/// What an answer is that never has a body, whatever its header fields say (RFC 9112 §6.3, rule 1).
fn without_body(case: &Case<'_>, answer: &Message, http: &HttpMessage) -> Option<String> {
    let is_this = |exchange: &&Exchange<'_>| exchange.answer.is_some_and(|one| std::ptr::eq(one, answer));
    let asked_for_head = case.exchanges.iter().find(is_this).is_some_and(|exchange| exchange.method == "HEAD");
    match http.status() {
        _ if asked_for_head => Some("what answers HEAD".to_owned()),
        Some(status @ (204 | 304)) => Some(format!("one with status {status}")),
        _ => None,
    }
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
