//! Pings of WebSocket behind which there was no pong.
//!
//! # References
//! - RFC 6455 §5.5.2, §5.5.3: a pong "must have identical "Application data" as found in the message body of the Ping frame being
//!   replied to", may answer "only the most recently processed Ping frame", and may come unasked.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::asked::{PATIENCE, gave_up};
use super::{Case, Finding, Lying, lying, sender};
use crate::layer::Severity;
use crate::protocol::{Opcode, WebSocketFrame};
use crate::trace::Message;

/// The pings that one side sent in one place, as far as nothing has answered them.
#[derive(Default)]
struct Waiting<'a> {
    /// With what they carry, in their order.
    pings: VecDeque<(&'a Message, Vec<u8>)>,
    /// How many were answered before these.
    answered: usize,
    /// Which of all is the last that carries this: so no pong is compared with each ping that waits.
    last: HashMap<Vec<u8>, usize>,
    /// The first pong behind the first of them that repeats none.
    other: Option<u32>,
}

impl<'a> Waiting<'a> {
    fn ask(&mut self, ping: &'a Message, data: Vec<u8>) {
        self.last.insert(data.clone(), self.answered + self.pings.len());
        self.pings.push_back((ping, data));
    }

    fn hear(&mut self, pong: &Message, data: Option<&[u8]>) {
        let until = match data {
            Some(data) => self.last.get(data).copied(),
            // What was changed, or is cut, may answer whichever waits.
            None => (self.answered + self.pings.len()).checked_sub(1),
        };
        let Some(until) = until else {
            // Unasked it may come at any time.
            if !self.pings.is_empty() {
                self.other.get_or_insert(pong.frame());
            }
            return;
        };
        while self.answered <= until
            && let Some((_, data)) = self.pings.pop_front()
        {
            if self.last.get(&data) == Some(&self.answered) {
                self.last.remove(&data);
            }
            self.answered += 1;
        }
        self.other = None;
    }
}

/// Those for which somebody waited.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut waiting: BTreeMap<(Lying, usize), Waiting<'_>> = BTreeMap::new();
    for message in case.trace.messages() {
        let Some(frame) = message.payload_as::<WebSocketFrame>() else { continue };
        // An extension that is not known here may have changed what it carries.
        let is_plain = message.complete && !(frame.foreign && frame.rsv != 0);
        let data = || frame.payload(case.trace.bytes(message));
        match frame.opcode {
            Opcode::Ping if is_plain => {
                waiting.entry((lying(message), message.direction.index())).or_default().ask(message, data());
            }
            Opcode::Pong => {
                let asked = waiting.get_mut(&(lying(message), message.direction.reverse().index()));
                asked.into_iter().for_each(|asked| asked.hear(message, is_plain.then(data).as_deref()));
            }
            _ => {}
        }
    }
    waiting.into_values().filter_map(|waiting| lost(case, &waiting).or_else(|| not_repeated(case, &waiting))).collect()
}

/// A pong with other data than the ping that waits, where nobody has given up for that. Others may come unasked, but the right one
/// is missing.
fn not_repeated(case: &Case<'_>, waiting: &Waiting<'_>) -> Option<Finding> {
    let ((ping, _), pong) = (waiting.pings.front()?, waiting.other?);
    let connection = case.connection(ping)?;
    let over =
        case.closed_behind(ping).map(|(_, frame)| frame).into_iter().chain(case.end_for(ping).map(|end| end.frame));
    let over = over.filter(|over| *over > ping.frame()).min();
    let until = over.unwrap_or(case.trace.len());
    // It may have been on its way.
    if until <= pong
        || case.seconds(ping.frame(), until) < PATIENCE
        || !case.has_all(connection, ping.direction.reverse())
    {
        return None;
    }
    let text = format!(
        "the pong in frame {pong} does not repeat what the ping in frame {} carries, and in the {} until {} none did: it \
         answers no ping, and who compares them takes the other side for gone",
        ping.frame(),
        case.between(ping.frame(), until),
        if over.is_some() { "it was over" } else { "the capture ended" }
    );
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "RFC 6455 §5.5.3", vec![ping.frame(), pong]) })
}

fn lost(case: &Case<'_>, waiting: &Waiting<'_>) -> Option<Finding> {
    let (ping, _) = waiting.pings.front()?;
    let connection = case.connection(ping)?;
    let end = gave_up(case, ping).filter(|end| case.seconds(ping.frame(), *end) >= PATIENCE)?;
    let nor = match waiting.pings.len() - 1 {
        0 => String::new(),
        more => format!(", nor for {more} more behind it"),
    };
    let mut text = format!(
        "no pong came for the ping in frame {}{nor}: {} gave up after {}",
        ping.frame(),
        sender(connection, ping.direction),
        case.between(ping.frame(), end)
    );
    let mut frames = vec![ping.frame(), end];
    if let Some(other) = waiting.other.filter(|other| *other < end) {
        text.push_str(&format!(
            ". The pong in frame {other} does not repeat what the ping carries, so it answers no ping that waited (§5.5.3)"
        ));
        frames.push(other);
    }
    Some(Finding::warn(text, "RFC 6455 §5.5.2", frames))
}
