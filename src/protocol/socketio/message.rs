//! A Socket.IO packet as a message of a trace.

use std::any::Any;

use super::{Event, Kind, Revision};
use crate::layer::{Buffer, Derived, Field, FieldDef, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::{plain, quoted};

crate::fields! {
    #[ours] SID = "socketio.sid", Text, "The Engine.IO session that carried the packet.", "Engine.IO protocol 4, Handshake";
    #[ours] SOCKET = "socketio.socket", Text, "The name of the connection to the namespace; another than that of the session.", "Socket.IO protocol 5, Connection to a namespace";
    #[ours] VERSION = "socketio.protocol", Uint, "The version of the protocol: 4 in Socket.IO 1 and 2, 5 in Socket.IO 3 and 4.", "Socket.IO protocol 5";
    #[ours] TYPE = "socketio.type", Text, "CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT or BINARY_ACK.", "Socket.IO protocol 5, Packet encoding";
    #[ours] NAMESPACE = "socketio.namespace", Text, "The namespace: `/` unless another is named.", "Socket.IO protocol 5, Packet encoding";
    #[ours] ID = "socketio.id", Uint, "The number that ties an event to its acknowledgement.", "Socket.IO protocol 5, Packet encoding";
    #[ours] EVENT = "socketio.event", Text, "The name of the event.", "Socket.IO protocol 5, Sending and receiving data";
    #[ours] DATA = "socketio.data", Text, "The JSON that comes along, with attachments put in as base64.", "Socket.IO protocol 5, Packet encoding";
    #[ours] OFFSET = "socketio.offset", Text, "What the server adds to an event so that a client can ask for what it missed.", "Socket.IO 4 documentation, Connection state recovery";
    #[ours] ATTACHMENTS = "socketio.attachments", Uint, "How many binary packets follow.", "Socket.IO protocol 5, Packet encoding";
}

/// A packet with the session it belongs to, its attachments put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketIoPacket {
    /// The version of the protocol.
    pub revision: Revision,
    /// The Engine.IO session.
    pub sid: Option<String>,
    /// The Socket.IO name of the connection in its namespace, once known.
    pub socket: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// What it is.
    pub kind: Kind,
    /// What ties an event to its acknowledgement.
    pub id: Option<u64>,
    /// JSON as it was written, attachments as `{"base64": …}`, the recovery offset taken out.
    pub data: Option<String>,
    /// The recovery offset.
    pub offset: Option<String>,
    /// How many attachments it announced.
    pub attachments: u64,
}

impl SocketIoPacket {
    /// The name and arguments of an event.
    pub fn event(&self) -> Option<Event<'_>> {
        self.data.as_deref().filter(|_| self.kind.is_event()).and_then(|data| Event::from_json(data).ok())
    }

    fn text_field(layer: &mut Layer, def: &'static FieldDef, text: Option<&String>) {
        if let Some(text) = text {
            layer.computed(def, Value::Text(text.clone()));
        }
    }
}

impl Payload for SocketIoPacket {
    fn protocol(&self) -> &'static str {
        "socketio"
    }

    fn summary(&self, _bytes: &[u8]) -> String {
        let place = if self.namespace == "/" { String::new() } else { format!(" in {}", plain(&self.namespace, 24)) };
        let id = self.id.map(|id| format!(" #{id}")).unwrap_or_default();
        let what = match self.event() {
            Some(event) => format!(" {}({})", quoted(&event.name, 24), plain(&event.arguments.join(", "), 40)),
            None => self.data.as_deref().map(|data| format!(" {}", plain(data, 40))).unwrap_or_default(),
        };
        format!("{}{id}{place}{what}", self.kind)
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("socketio", "Socket.IO", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        Self::text_field(&mut layer, &SID, self.sid.as_ref());
        Self::text_field(&mut layer, &SOCKET, self.socket.as_ref());
        layer.computed(&VERSION, Value::Uint(u64::from(self.revision.number())));
        layer.computed(&TYPE, Value::Text(self.kind.to_string()));
        layer.computed(&NAMESPACE, Value::Text(self.namespace.clone()));
        if let Some(id) = self.id {
            layer.computed(&ID, Value::Uint(id));
        }
        if let Some(event) = self.event() {
            layer.computed(&EVENT, Value::Text(event.name));
        }
        if self.attachments > 0 {
            layer.computed(&ATTACHMENTS, Value::Uint(self.attachments));
        }
        Self::text_field(&mut layer, &OFFSET, self.offset.as_ref());
        if let Some(data) = &self.data {
            let span = Some(Span::new(Buffer::Derived(0), 0..data.len() as u64));
            layer.fields.push(Field { def: &DATA, value: Value::Text(data.clone()), span });
            layer.derived.push(Derived { how: "unpacked", from: at.clone(), bytes: data.clone().into_bytes() });
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
