//! Answers of HTTP that break a rule so that nobody can read them as they were meant, and handshakes of WebSocket that no client may
//! go on with. What the dissector says of them is set beside what was asked.
//!
//! # References
//! - RFC 9112 §6.3, §7.1; RFC 9110 §8.4; RFC 6455 §4.1 ("the client MUST _Fail the WebSocket Connection_").

use super::exchange::Exchange;
use super::{Case, Finding, end_of, quoted};
use crate::layer::{Direction, Note, Severity};
use crate::protocol::WebSocketHandshake;
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let answers = case.exchanges.iter().filter_map(answer);
    let handshakes = case.trace.messages().iter().filter_map(|message| handshake(case, message));
    answers.chain(handshakes).collect()
}

/// The rule of HTTP or WebSocket that a message breaks, if it breaks one: what is said in it has rules of its own.
pub(super) fn broken(message: &Message) -> Option<&Note> {
    message.notes.iter().find(|note| note.severity == Severity::Error && note.spec.starts_with("RFC "))
}

fn answer(exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer?;
    let rule = broken(answer)?;
    let text =
        format!("the answer to {} {} cannot be relied on: {}", exchange.method, quoted(exchange.path()), rule.text);
    Some(Finding::error(text, rule.spec, vec![exchange.request.frame(), answer.frame()]))
}

fn handshake(case: &Case<'_>, message: &Message) -> Option<Finding> {
    message.payload_as::<WebSocketHandshake>()?;
    let rule = broken(message)?;
    let connection = case.connection(message)?;
    let left = end_of(connection).filter(|(by, end, _)| *by == Direction::ToServer && *end > message.frame());
    let so = if left.is_some() { ", and this one left" } else { "" };
    let text = format!("the handshake of a WebSocket breaks a rule: {}. A client must give it up then{so}", rule.text);
    let frames = [message.frame()].into_iter().chain(left.map(|(_, end, _)| end)).collect();
    Some(Finding::error(text, rule.spec, frames))
}
