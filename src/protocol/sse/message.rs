//! An event of a stream as a message of its own, in fields and words.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use super::SseEvent;
use crate::layer::{Buffer, Derived, Field, FieldDef, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::{json_string, quoted};

crate::fields! {
    #[ours] EVENT = "sse.event", Text, "The event's type; `message` when the server names none.", "WHATWG HTML §9.2.6";
    #[ours] DATA = "sse.data", Text, "What the client's program gets: the data lines, joined by line feeds.", "WHATWG HTML §9.2.6";
    #[ours] ID = "sse.id", Text, "What a client that comes back sends as Last-Event-ID; earlier events may have set it.", "WHATWG HTML §9.2.6";
    #[ours] RETRY = "sse.retry", Uint(64), "How many milliseconds to wait before coming back.", "WHATWG HTML §9.2.6";
    #[ours] COMMENT = "sse.comment", Text, "A comment, often sent only to keep the connection alive.", "WHATWG HTML §9.2.5";
}

/// What the message holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseContent {
    /// A block of fields; the client's program gets it if it is `dispatched`. Its notes are those of the message.
    Event(Arc<SseEvent>),
    /// A comment line, which may stand within an event's lines.
    Comment(Arc<str>),
}

/// An event, or a comment, of a response that is an event stream. Its octets belong to the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEventMessage {
    /// What it holds.
    pub content: SseContent,
    /// Where its text lies, counted from its first octet on the wire; empty if a content coding lies over it.
    stretches: Vec<Range<u64>>,
}

impl SseEventMessage {
    pub(in crate::protocol) fn new(content: SseContent, stretches: Vec<Range<u64>>) -> Self {
        Self { content, stretches }
    }

    /// The event, if it is one.
    pub fn event(&self) -> Option<&SseEvent> {
        match &self.content {
            SseContent::Event(event) => Some(event),
            SseContent::Comment(_) => None,
        }
    }

    fn text(&self, bytes: &[u8]) -> Vec<u8> {
        let piece = |range: &Range<u64>| bytes.get(range.start as usize..range.end as usize).unwrap_or_default();
        self.stretches.iter().flat_map(piece).copied().collect()
    }
}

impl Payload for SseEventMessage {
    fn protocol(&self) -> &'static str {
        "sse"
    }

    fn summary(&self, _bytes: &[u8]) -> String {
        let event = match &self.content {
            SseContent::Comment(text) => return format!("comment {}", quoted(text.trim_start(), 32)),
            SseContent::Event(event) => event,
        };
        if let Some(name) = &event.ignored {
            return format!("no event: the field {} is ignored", quoted(name, 32));
        }
        match (event.dispatched, event.retry) {
            (false, Some(retry)) if event.data.is_empty() => format!("no event: come back after {retry} ms"),
            (false, None) if event.data.is_empty() => format!("no event: id {}", quoted(&event.id, 20)),
            _ => format!("event {}: {}", json_string(&event.event, 20), quoted(&event.data, 32)),
        }
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("sse", "Server-Sent Event", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        let text = self.text(bytes);
        let is_cut = self.stretches.len() > 1;
        let mut add = |def: &'static FieldDef, value: Value, name: &[u8]| {
            let span = value_range(&text, name).map(|range| match is_cut {
                true => Span::new(Buffer::Derived(0), range),
                false => Span::new(at.buffer, at.range.start + range.start..at.range.start + range.end),
            });
            layer.fields.push(Field { def, value, span });
        };
        match &self.content {
            SseContent::Comment(comment) => add(&COMMENT, Value::Text(comment.to_string()), b""),
            SseContent::Event(event) => {
                add(&EVENT, Value::Text(event.event.clone()), b"event");
                add(&DATA, Value::Text(event.data.clone()), b"data");
                if !event.id.is_empty() {
                    add(&ID, Value::Text(event.id.clone()), b"id");
                }
                if let Some(retry) = event.retry {
                    add(&RETRY, Value::Uint(retry), b"retry");
                }
            }
        }
        if is_cut {
            layer.derived.push(Derived { how: "chunk framing taken away", from: at.clone(), bytes: text });
        }
        vec![layer]
    }

    fn parts(&self, _len: u64) -> Vec<Part> {
        Vec::new()
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Where the values of the lines with this name lie, from the first to the last; of all but data only the last counts.
fn value_range(text: &[u8], name: &[u8]) -> Option<Range<u64>> {
    let mut found: Option<Range<u64>> = None;
    let mut at = 0;
    for line in text.split(|octet| matches!(octet, b'\r' | b'\n')) {
        let bom = if at == 0 && line.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let colon = line.iter().position(|octet| *octet == b':');
        if line.get(bom..colon.unwrap_or(line.len())) == Some(name) && !line.is_empty() {
            let after = colon.map_or(line.len(), |colon| colon + 1);
            let space = usize::from(!name.is_empty() && line.get(after) == Some(&b' '));
            let range = (at + after + space) as u64..(at + line.len()) as u64;
            found = Some(match found {
                Some(first) if name == b"data" => first.start..range.end,
                _ => range,
            });
        }
        at += line.len() + 1;
    }
    found
}
