//! What carries packets of Engine.IO, and what was found in it.

use crate::capture::Moment;
use crate::flow::Connection;
use crate::layer::{Direction, Note};
use crate::message::Payload;
use crate::protocol::engineio::EngineIoPacket;
use crate::protocol::socketio::SocketIoPacket;

/// What carries packets: a message of HTTP or WebSocket, or a piece of a stream of WebTransport.
#[derive(Clone, Copy)]
pub(super) struct Carried<'a> {
    /// The connection of TCP, if it is one.
    pub(super) connection: Option<&'a Connection>,
    pub(super) direction: Direction,
    /// Where it lies in its stream.
    pub(super) start: u64,
    pub(super) bytes: Option<&'a [u8]>,
    pub(super) frames: &'a [u32],
    pub(super) moment: Moment,
    pub(super) complete: bool,
    /// Whether someone reads what the packets carry.
    pub(super) wanted: bool,
}

/// A message found inside a carrier.
pub(super) struct Ridden {
    pub(super) payload: Rider,
    pub(super) notes: Vec<Note>,
    /// The frames that carried it, if more than those of the carrier.
    pub(super) frames: Vec<u32>,
}

/// What rides on the messages of others.
pub(super) enum Rider {
    EngineIo(EngineIoPacket),
    SocketIo(SocketIoPacket),
}

impl Rider {
    pub(super) fn as_payload(&self) -> &dyn Payload {
        match self {
            Self::EngineIo(packet) => packet,
            Self::SocketIo(packet) => packet,
        }
    }
}
