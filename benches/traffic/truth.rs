//! What is in a generated capture, counted by who made it; with the keys of `wiretale replay --summary --json`.

use std::collections::BTreeMap;

use serde::Serialize;

type Counts = BTreeMap<&'static str, u64>;

#[derive(Debug, Default, Serialize)]
pub struct Truth {
    pub frames: u64,
    pub octets: u64,
    pub kinds: Counts,
    pub connections: Counts,
    pub websocket: WebSocketTruth,
    pub engineio: TypesTruth,
    pub socketio: TypesTruth,
}

#[derive(Debug, Default, Serialize)]
pub struct WebSocketTruth {
    pub opcodes: Counts,
    pub payload_octets: u64,
    pub message_octets: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct TypesTruth {
    pub types: Counts,
}

impl Truth {
    pub fn kind(&mut self, kind: &'static str) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    pub fn engineio(&mut self, kind: &'static str) {
        self.kind("engineio.packet");
        *self.engineio.types.entry(kind).or_default() += 1;
    }

    pub fn socketio(&mut self, kind: &'static str) {
        self.kind("socketio.packet");
        *self.socketio.types.entry(kind).or_default() += 1;
    }

    pub fn frame(&mut self, opcode: &'static str, payload: usize) {
        self.kind("websocket.frame");
        *self.websocket.opcodes.entry(opcode).or_default() += 1;
        self.websocket.payload_octets += payload as u64;
    }

    pub fn message(&mut self, octets: usize) {
        self.kind("websocket.message");
        self.websocket.message_octets += octets as u64;
    }
}
