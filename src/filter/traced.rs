//! A trace answers filters: the names are those of all registered fields and protocols.

use super::records::{Names, Protocol, Records};
use crate::layer::{FieldDef, Kind, Layer, Value};
use crate::trace::{Trace, all_fields, field, protocols};

/// Names that only this program knows as protocols.
const OURS: [&str; 4] = ["sse", "websocket.handshake", "engineio", "socketio"];

/// The names of all fields and protocols there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceNames;

impl Names for TraceNames {
    fn field(&self, name: &str) -> Option<&'static FieldDef> {
        field(name)
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        let name = protocols().find(|known| *known == name)?;
        Some(Protocol { name, wireshark: !OURS.contains(&name) })
    }

    fn all(&self) -> Vec<&'static str> {
        all_fields().map(|def| def.name).chain(protocols()).collect()
    }
}

impl Records for Trace {
    fn frames(&self) -> u32 {
        self.len()
    }

    fn time(&self, frame: u32) -> f64 {
        Self::time(self, frame).unwrap_or(0.0)
    }

    fn values(&self, frame: u32, def: &'static FieldDef, visit: &mut dyn FnMut(&Value)) {
        let layers = self.layers(frame);
        layers
            .iter()
            .flat_map(|layer| &layer.fields)
            .filter(|found| found.def.name == def.name)
            .for_each(|found| visit(&found.value));
    }

    fn has_protocol(&self, frame: u32, protocol: &str) -> bool {
        self.record(frame).is_some()
            && (protocol == "frame" || self.layers(frame).iter().any(|layer| layer.protocol == protocol))
    }

    /// A protocol's octets run to the end of the frame, except those of messages, which may come from several frames.
    fn protocol_bytes(&self, frame: u32, protocol: &str, visit: &mut dyn FnMut(&[u8])) {
        let Some(record) = self.record(frame) else { return };
        let data = record.frame.data.as_slice();
        if protocol == "frame" {
            return visit(data);
        }
        if let Some((_, header)) = record.packet.headers().find(|(name, _)| *name == protocol) {
            return visit(data.get(header.start as usize..).unwrap_or_default());
        }
        for message in self.messages_in(frame).iter().filter(|message| message.payload.protocol() == protocol) {
            visit(self.bytes(message));
        }
        for layer in self.layers(frame) {
            visit_presence(&layer, protocol, visit);
        }
    }
}

/// A field that is only present, such as `websocket.payload`, is asked for by its own name.
fn visit_presence(layer: &Layer, name: &str, visit: &mut dyn FnMut(&[u8])) {
    let present = layer.fields.iter().any(|field| field.def.kind == Kind::Presence && field.def.name == name);
    if let Some(derived) = layer.derived.first().filter(|_| present) {
        visit(&derived.bytes);
    }
}
