//! How many packets of Engine.IO and of Socket.IO there are, by their types.

use super::types::Types;
use crate::protocol::{engineio, socketio};
use crate::trace::Tally;

/// Counts of packets by type.
#[derive(Debug, Default)]
pub(super) struct Ridden {
    engineio: Types<{ ENGINEIO.len() }>,
    socketio: Types<{ SOCKETIO.len() }>,
}

const ENGINEIO: [engineio::Kind; 7] = [
    engineio::Kind::Open,
    engineio::Kind::Close,
    engineio::Kind::Ping,
    engineio::Kind::Pong,
    engineio::Kind::Message,
    engineio::Kind::Upgrade,
    engineio::Kind::Noop,
];

const SOCKETIO: [socketio::Kind; 7] = [
    socketio::Kind::Connect,
    socketio::Kind::Disconnect,
    socketio::Kind::Event,
    socketio::Kind::Ack,
    socketio::Kind::ConnectError,
    socketio::Kind::BinaryEvent,
    socketio::Kind::BinaryAck,
];

/// Where those stand that nearly all are.
const MESSAGE: usize = 4;
const EVENT: usize = 2;
const BINARY_EVENT: usize = 5;
const ACK: usize = 3;
const _: () = assert!(matches!(ENGINEIO[MESSAGE], engineio::Kind::Message));
const _: () = assert!(matches!((SOCKETIO[EVENT], SOCKETIO[ACK]), (socketio::Kind::Event, socketio::Kind::Ack)));
const _: () = assert!(matches!(SOCKETIO[BINARY_EVENT], socketio::Kind::BinaryEvent));

impl Ridden {
    pub(super) fn add_engineio(&mut self, kind: engineio::Kind) {
        self.engineio.add(&ENGINEIO, &kind, 1);
    }

    pub(super) fn add_socketio(&mut self, kind: socketio::Kind) {
        self.socketio.add(&SOCKETIO, &kind, 1);
    }

    /// Counts those that were not told one by one.
    pub(super) fn add_tally(&mut self, tally: Tally) {
        self.engineio.add_known(MESSAGE, tally.messages);
        self.socketio.add_known(EVENT, tally.events);
        self.socketio.add_known(BINARY_EVENT, tally.binary_events);
        self.socketio.add_known(ACK, tally.acks);
    }

    /// Adds the counts of another part of the same capture.
    pub(super) fn join(&mut self, other: Self) {
        self.engineio.join(other.engineio);
        self.socketio.join(other.socketio);
    }

    /// The types of Engine.IO that came, with their counts.
    pub(super) fn engineio(&self) -> Vec<(String, u64)> {
        self.engineio.list(&ENGINEIO)
    }

    /// The types of Socket.IO that came, with their counts.
    pub(super) fn socketio(&self) -> Vec<(String, u64)> {
        self.socketio.list(&SOCKETIO)
    }
}
