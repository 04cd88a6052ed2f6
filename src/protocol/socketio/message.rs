//! A Socket.IO packet as a message of a trace.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use super::{Event, Kind, Revision};
use crate::layer::{Buffer, Derived, Field, FieldDef, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::{json_string, plain};

crate::fields! {
    #[ours] SID = "socketio.sid", Text, "The Engine.IO session that carried the packet.", "Engine.IO protocol 4, Handshake";
    #[ours] SOCKET = "socketio.socket", Text, "The name of the connection to the namespace; another than that of the session.", "Socket.IO protocol 5, Connection to a namespace";
    #[ours] VERSION = "socketio.protocol", Uint(64), "The version of the protocol: 4 in Socket.IO 1 and 2, 5 in Socket.IO 3 and 4.", "Socket.IO protocol 5";
    #[ours] TYPE = "socketio.type", Text, "CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT or BINARY_ACK; of a type that is not defined its character or number as it stands there.", "Socket.IO protocol 5, Packet encoding";
    #[ours] NAMESPACE = "socketio.namespace", Text, "The namespace: `/` unless another is named.", "Socket.IO protocol 5, Packet encoding";
    #[ours] ID = "socketio.id", Uint(64), "The number that ties an event to its acknowledgement.", "Socket.IO protocol 5, Packet encoding";
    #[ours] EVENT = "socketio.event", Text, "The name of the event.", "Socket.IO protocol 5, Sending and receiving data";
    #[ours] DATA = "socketio.data", Text, "The JSON that comes along, with attachments put in as base64.", "Socket.IO protocol 5, Packet encoding";
    #[ours] OFFSET = "socketio.offset", Text, "What the server adds to an event so that a client can ask for what it missed.", "Socket.IO 4 documentation, Connection state recovery";
    #[ours] ACK_TO = "socketio.ack_to", Uint(64), "Of an acknowledgement: the frame of the event that it answers.", "Socket.IO protocol 5, Acknowledgement";
    #[ours] ACK_RTT = "socketio.ack_rtt", Seconds, "Of an acknowledgement: the time since the event that it answers.", "Socket.IO protocol 5, Acknowledgement";
    #[ours] ATTACHMENTS = "socketio.attachments", Uint(64), "How many binary packets follow.", "Socket.IO protocol 5, Packet encoding";
}

/// A packet with the session it belongs to, its attachments put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketIoPacket {
    /// The version of the protocol.
    pub revision: Revision,
    /// The Engine.IO session.
    pub sid: Option<Arc<str>>,
    /// The Socket.IO name of the connection in its namespace, once known.
    pub socket: Option<Arc<str>>,
    /// The namespace.
    pub namespace: Cow<'static, str>,
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
    /// Of an acknowledgement: the event that it answers, if that was captured.
    pub answers: Option<Answer>,
}

/// What an acknowledgement answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The frame in which the event ended.
    pub frame: u32,
    /// The time from the event to its acknowledgement.
    pub nanoseconds: i64,
}

impl SocketIoPacket {
    /// The name and arguments of an event.
    pub fn event(&self) -> Option<Event<'_>> {
        self.data.as_deref().filter(|_| self.kind.is_event()).and_then(|data| Event::from_json(data).ok())
    }

    fn text_field(layer: &mut Layer, def: &'static FieldDef, text: Option<&str>) {
        if let Some(text) = text {
            layer.computed(def, Value::Text(text.to_owned()));
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
            Some(event) => format!(" {}({})", json_string(&event.name, 24), plain(&event.arguments.join(", "), 40)),
            None => self.data.as_deref().map(|data| format!(" {}", plain(data, 40))).unwrap_or_default(),
        };
        let after = self.answers.map(|answer| format!(" after {:.3} ms", answer.nanoseconds as f64 / 1e6));
        format!("{}{id}{place}{what}{}", self.kind, after.unwrap_or_default())
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("socketio", "Socket.IO", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        Self::text_field(&mut layer, &SID, self.sid.as_deref());
        Self::text_field(&mut layer, &SOCKET, self.socket.as_deref());
        layer.computed(&VERSION, Value::Uint(u64::from(self.revision.number())));
        Self::text_field(&mut layer, &TYPE, self.kind.value().as_deref());
        layer.computed(&NAMESPACE, Value::Text(self.namespace.clone().into_owned()));
        if let Some(id) = self.id {
            layer.computed(&ID, Value::Uint(id));
        }
        if let Some(answer) = self.answers {
            layer.computed(&ACK_TO, Value::Uint(u64::from(answer.frame)));
            layer.computed(&ACK_RTT, Value::Seconds(answer.nanoseconds.into()));
        }
        if let Some(event) = self.event() {
            layer.computed(&EVENT, Value::Text(event.name));
        }
        if self.attachments > 0 {
            layer.computed(&ATTACHMENTS, Value::Uint(self.attachments));
        }
        Self::text_field(&mut layer, &OFFSET, self.offset.as_deref());
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
