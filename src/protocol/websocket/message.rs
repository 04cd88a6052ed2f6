//! A message put together from several frames (RFC 6455 §5.4).

use std::any::Any;
use std::ops::Range;

use super::frame::{Opcode, unmask};
use super::{BINARY, FRAGMENTS, TEXT};
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

/// A message of text or octets that came in several frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketMessage {
    /// Text or binary, as its first frame says.
    pub opcode: Opcode,
    /// An extension changed its payload: it cannot be read as it is.
    pub encoded: bool,
    pub(super) fragments: Vec<Fragment>,
}

impl WebSocketMessage {
    /// How many octets of payload each of its frames brought.
    pub fn fragment_lens(&self) -> impl Iterator<Item = u64> {
        self.fragments.iter().map(|fragment| fragment.range.end - fragment.range.start)
    }

    /// The payloads of all its frames, masks undone, one after the other.
    pub fn payload(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
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
        let payload = self.payload(bytes);
        let content = match self.opcode {
            _ if self.encoded => format!("{} octets, compressed", payload.len()),
            Opcode::Text => quoted(&String::from_utf8_lossy(&payload), 32),
            _ => format!("{} octets", payload.len()),
        };
        format!("{} {content} from {} frames", self.opcode, self.fragments.len())
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("websocket", "WebSocket message", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        layer.computed(&FRAGMENTS, Value::Uint(self.fragments.len() as u64));
        let payload = self.payload(bytes);
        let span = Some(Span::new(Buffer::Derived(0), 0..payload.len() as u64));
        match self.opcode {
            _ if self.encoded || payload.is_empty() => {}
            Opcode::Text => {
                let value = Value::Text(String::from_utf8_lossy(&payload).into_owned());
                layer.fields.push(Field { def: &TEXT, value, span });
            }
            _ => layer.fields.push(Field { def: &BINARY, value: Value::Bytes(payload.clone()), span }),
        }
        layer.derived.push(Derived { how: "unmasked and joined", from: at.clone(), bytes: payload });
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
