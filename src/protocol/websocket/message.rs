//! A message put together from several frames (RFC 6455 §5.4), or inflated (RFC 7692 §7.2.2).

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use super::frame::{Opcode, how_encoded, unmask};
use super::{BINARY, FRAGMENTS, TEXT};
use crate::count::counted;
use crate::layer::{Buffer, Derived, Field, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::quoted;

/// The payload of one frame of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    /// Where it lies, counted from the beginning of the first frame.
    pub(super) range: Range<u64>,
    pub(super) masking_key: Option<[u8; 4]>,
}

/// A message of text or octets that came in several frames, or compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketMessage {
    /// Text or binary, as its first frame says.
    pub opcode: Opcode,
    /// It came compressed: its octets on the wire are not its payload.
    pub encoded: bool,
    /// An extension that is not known here has changed it: it cannot be read.
    pub(super) changed: bool,
    pub(super) fragments: Vec<Fragment>,
    /// What a compressed message was inflated to.
    pub(super) inflated: Option<Arc<[u8]>>,
    pub(super) len: Option<u64>,
    /// It is text, all of it is there, and it is UTF-8 (§8.1).
    pub is_utf8: bool,
}

impl WebSocketMessage {
    /// How many octets of payload each of its frames brought.
    pub fn fragment_lens(&self) -> impl Iterator<Item = u64> {
        self.fragments.iter().map(|fragment| fragment.range.end - fragment.range.start)
    }

    /// How many octets of payload it has, put together and inflated; of a message that is not all there, those that are.
    /// `None` if it came compressed and could not be inflated.
    pub fn payload_len(&self) -> Option<u64> {
        self.len
    }

    /// Its payload; `None` if it came compressed and could not be inflated, or if nobody wanted it kept.
    pub fn payload(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        self.payload_into(bytes, &mut buffer).map(<[u8]>::to_vec)
    }

    /// The same in a buffer that is used again. What was inflated is not copied.
    pub fn payload_into<'a>(&'a self, bytes: &[u8], buffer: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        match (&self.inflated, self.encoded) {
            (Some(inflated), _) => Some(inflated),
            (None, true) => None,
            (None, false) => Some(self.unmasked(bytes, buffer)),
        }
    }

    /// The payloads of all its frames, masks undone, one after the other; compressed, if it came so.
    fn unmasked<'a>(&self, bytes: &[u8], out: &'a mut Vec<u8>) -> &'a [u8] {
        out.clear();
        for fragment in &self.fragments {
            let range = fragment.range.start as usize..fragment.range.end as usize;
            let start = out.len();
            out.extend_from_slice(bytes.get(range).unwrap_or_default());
            if let Some(key) = fragment.masking_key {
                unmask(&mut out[start..], key);
            }
        }
        out
    }
}

impl Payload for WebSocketMessage {
    fn protocol(&self) -> &'static str {
        "websocket"
    }

    fn summary(&self, bytes: &[u8]) -> String {
        let on_wire: u64 = self.fragment_lens().sum();
        let content = match (self.opcode, self.payload(bytes)) {
            (_, None) => format!("{}, {}", counted(on_wire, "octet"), how_encoded(self.changed)),
            (Opcode::Text, Some(payload)) => quoted(&String::from_utf8_lossy(&payload), 32),
            (_, Some(payload)) => counted(payload.len(), "octet"),
        };
        let inflated = self.inflated.as_ref().map(|inflated| format!(", inflated {on_wire} → {}", inflated.len()));
        let frames = match self.fragments.len() {
            1 => String::new(),
            n => format!(" from {n} frames"),
        };
        format!("{} {content}{frames}{}", self.opcode, inflated.unwrap_or_default())
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("websocket", "WebSocket message", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        layer.computed(&FRAGMENTS, Value::Uint(self.fragments.len() as u64));
        let Some(payload) = self.payload(bytes) else { return vec![layer] };
        let span = Some(Span::new(Buffer::Derived(0), 0..payload.len() as u64));
        match self.opcode {
            _ if payload.is_empty() => {}
            Opcode::Text => {
                let value = Value::Text(String::from_utf8_lossy(&payload).into_owned());
                layer.fields.push(Field { def: &TEXT, value, span });
            }
            _ => layer.fields.push(Field { def: &BINARY, value: Value::Bytes(payload.clone()), span }),
        }
        let how = if self.encoded { "inflated" } else { "unmasked and joined" };
        layer.derived.push(Derived { how, from: at.clone(), bytes: payload });
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
