//! A namespace of Socket.IO that was joined: the name of its connection, and the offsets of its events.

use std::sync::Arc;

use crate::capture::Moment;
use crate::layer::Direction;
use crate::protocol::socketio::{Connect, Shape, SocketIoPacket, split_offset};

/// So many octets of memory one takes, without its names.
const NAMESPACE: usize = 128;

/// A connection to a namespace.
#[derive(Default)]
pub(super) struct Namespace {
    pub(super) socket: Option<Arc<str>>,
    /// The server gave a private name, or the client came back with one: events carry offsets.
    pub(super) recovers: bool,
    /// What the offsets look like that were seen.
    offsets: Option<Shape>,
}

impl Namespace {
    /// How many octets of memory it takes, with its name.
    pub(super) fn kept(&self, name: &str) -> usize {
        NAMESPACE + name.len() + self.socket.as_ref().map_or(0, |socket| socket.len())
    }

    /// Learns from a CONNECT whether events carry offsets.
    pub(super) fn learn(&mut self, names: &Connect) {
        // Missed events come before the answer to a client that comes back, and carry offsets already.
        self.recovers |= names.pid.is_some();
        self.offsets = names.offset.as_deref().and_then(Shape::of).or(self.offsets);
    }

    /// "server events without ack get an extra last string argument": taken out as the client takes it out, where events carry
    /// offsets. Not all do: what is volatile, or sent past the adapter, gets none, and its last argument is the program's own.
    pub(super) fn take_offset(&mut self, direction: Direction, now: Moment, packet: &mut SocketIoPacket) {
        let may_carry = direction == Direction::ToClient && packet.kind.is_event() && packet.id.is_none();
        if !(self.recovers && may_carry) {
            return;
        }
        let recovered = packet.data.as_deref().and_then(split_offset);
        let Some((recovered, shape)) = recovered.and_then(|it| Shape::of(&it.offset).map(|shape| (it, shape))) else {
            return;
        };
        let milliseconds = u64::try_from(now.time.0 / 1_000_000).unwrap_or(0);
        if self.offsets.is_none_or(|known| shape.goes_with(known) || shape.is_likelier(known, milliseconds)) {
            self.offsets = Some(shape);
            packet.offset = Some(recovered.offset);
            packet.data = Some(recovered.data);
        }
    }
}
