//! Servers that end a WebSocket without a Close frame right behind what a client said.
//!
//! # References
//! - RFC 6455 §7.1.1, §7.1.5; §7.4.1 (1011, which a server should send "because it encountered an unexpected condition").

use super::{Case, End, Finding, Lying, lying, together};
use crate::layer::Direction;
use crate::protocol::{Opcode, WebSocketFrame};
use crate::trace::Message;

/// What fails, fails at once: within a quarter of a second.
const AT_ONCE: f64 = 0.25;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    together(case.of.iter().filter_map(|messages| finding(case, messages)))
}

fn finding(case: &Case<'_>, messages: &[&Message]) -> Option<Finding> {
    let last = messages.iter().rev().find(|message| message.payload_as::<WebSocketFrame>().is_some())?;
    let opcode = last.payload_as::<WebSocketFrame>()?.opcode;
    let is_said = matches!(opcode, Opcode::Text | Opcode::Binary | Opcode::Continuation);
    // What the server said behind it may answer it.
    if last.direction != Direction::ToServer || !is_said || case.closes.contains_key(&lying(last)) {
        return None;
    }
    let End { frame: end, how, .. } = case.end_for(last).filter(|end| end.by == Direction::ToClient)?;
    let connection = case.connection(last)?;
    let ways = [Direction::ToServer, Direction::ToClient];
    if end < last.frame()
        || case.seconds(last.frame(), end) > AT_ONCE
        || has_answer(messages, lying(last), last.frame())
        || !ways.iter().all(|way| case.has_all(connection, *way))
    {
        return None;
    }
    let text = format!(
        "{} {how}, {} behind the message in frame {} and without a Close frame that says why: likely its program failed on that message, \
         or ended just then",
        connection.server,
        case.between(last.frame(), end),
        last.frame()
    );
    Some(Finding::warn(text, "RFC 6455 §7.1.5", vec![last.frame(), end]))
}

/// Whether anything was said to the client in the same place behind this frame.
fn has_answer(messages: &[&Message], here: Lying, frame: u32) -> bool {
    let behind = messages.iter().rev().take_while(|message| message.frame() >= frame);
    behind.filter(|message| lying(message) == here).any(|message| message.direction == Direction::ToClient)
}
