//! An Engine.IO packet as a message of a trace.

use std::any::Any;
use std::sync::Arc;

use super::{Kind, Transport, Version};
use crate::count::counted;
use crate::layer::{Buffer, Derived, Field, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::quoted;

crate::fields! {
    #[ours] SID = "engineio.sid", Text, "The name of the session, the same on all its TCP connections.", "Engine.IO protocol 4, Handshake";
    #[ours] VERSION = "engineio.protocol", Uint(64), "The version of the protocol: 3 under Socket.IO 1 and 2, 4 under Socket.IO 3 and 4.", "Engine.IO protocol 4";
    #[ours] TRANSPORT = "engineio.transport", Text, "What carried the packet: polling, websocket or webtransport.", "Engine.IO protocol 4, Transports";
    #[ours] TYPE = "engineio.type", Text, "open, close, ping, pong, message, upgrade or noop; of a type that is not defined its character or number as it stands there.", "Engine.IO protocol 4, Packet encoding";
    #[ours] DATA = "engineio.data", Text, "The text the packet carries.", "Engine.IO protocol 4, Packet encoding";
    #[ours] BINARY = "engineio.binary", Bytes, "The octets the packet carries.", "Engine.IO protocol 4, Packet encoding";
}

/// What a packet carries, kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text, empty when there is none.
    Text(String),
    /// Octets.
    Binary(Vec<u8>),
}

impl Content {
    fn octets(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(octets) => octets,
        }
    }
}

/// A packet with the session it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineIoPacket {
    /// The version of the protocol.
    pub version: Version,
    /// What carried it.
    pub transport: Transport,
    /// The session; `None` before it has a name.
    pub sid: Option<Arc<str>>,
    /// What it is.
    pub kind: Kind,
    /// What it carries.
    pub content: Content,
}

impl Payload for EngineIoPacket {
    fn protocol(&self) -> &'static str {
        "engineio"
    }

    fn summary(&self, _bytes: &[u8]) -> String {
        match &self.content {
            Content::Text(text) if text.is_empty() => self.kind.to_string(),
            Content::Text(text) => format!("{} {}", self.kind, quoted(text, 32)),
            Content::Binary(octets) => format!("{} of {}", self.kind, counted(octets.len(), "octet")),
        }
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("engineio", "Engine.IO", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        if let Some(sid) = &self.sid {
            layer.computed(&SID, Value::Text(sid.to_string()));
        }
        layer.computed(&VERSION, Value::Uint(self.version.number()));
        layer.computed(&TRANSPORT, Value::Text(self.transport.to_string()));
        if let Some(kind) = self.kind.value() {
            layer.computed(&TYPE, Value::Text(kind.into_owned()));
        }
        let octets = self.content.octets().to_vec();
        let span = Some(Span::new(Buffer::Derived(0), 0..octets.len() as u64));
        match &self.content {
            Content::Text(text) if text.is_empty() => return vec![layer],
            Content::Text(text) => layer.fields.push(Field { def: &DATA, value: Value::Text(text.clone()), span }),
            Content::Binary(octets) => {
                layer.fields.push(Field { def: &BINARY, value: Value::Bytes(octets.clone()), span });
            }
        }
        layer.derived.push(Derived { how: "unpacked", from: at.clone(), bytes: octets });
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
