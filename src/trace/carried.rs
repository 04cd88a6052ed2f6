//! What carries packets of Engine.IO, and what was found in it.

use std::net::SocketAddr;

use super::watch::Tally;
use crate::capture::Moment;
use crate::flow::{Connection, Stream};
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
    /// That stream, if it is one of TCP.
    pub(super) stream: Option<&'a Stream>,
    pub(super) frames: &'a [u32],
    /// Whether those are the frames of a packet, and not of all that carries it.
    pub(super) is_part: bool,
    pub(super) moment: Moment,
    /// Whether its stream is the one inside another, and its number, if there are several.
    pub(super) within: (bool, Option<u32>),
    pub(super) complete: bool,
    /// Whether octets of the other direction are missing just now: what this answers, or what answers it, may be in them.
    pub(super) lacks: bool,
    /// Whether someone reads what the packets carry.
    pub(super) wanted: bool,
}

impl<'a> Carried<'a> {
    /// A whole one of which nobody asks where it lies, nor for what is in its packets.
    pub(super) fn whole(connection: Option<&'a Connection>, direction: Direction, moment: Moment) -> Self {
        Self {
            connection,
            direction,
            start: 0,
            bytes: None,
            stream: None,
            frames: &[],
            is_part: false,
            moment,
            within: (false, None),
            complete: true,
            lacks: false,
            wanted: false,
        }
    }

    /// The server of the connection.
    pub(super) fn server(&self) -> Option<SocketAddr> {
        self.connection.map(|connection| connection.server)
    }
}

/// A message found inside a carrier.
pub(super) struct Ridden {
    pub(super) payload: Rider,
    pub(super) notes: Vec<Note>,
    pub(super) frames: Frames,
    /// Whether all of it came.
    pub(super) complete: bool,
}

/// The frames that carried a message which was found inside another. Those of the other are not copied, and few take no
/// memory of their own: a body may hold many packets.
pub(super) enum Frames {
    /// Those of the carrier.
    Carriers,
    /// So many of these.
    Few(usize, [u32; 3]),
    /// These.
    Many(Vec<u32>),
}

impl Frames {
    /// Those of what is carried.
    pub(super) fn of(carried: &Carried<'_>) -> Self {
        let mut few = [0; 3];
        match (carried.is_part, few.get_mut(..carried.frames.len())) {
            (false, _) => Self::Carriers,
            (true, None) => Self::Many(carried.frames.to_vec()),
            (true, Some(slots)) => {
                slots.copy_from_slice(carried.frames);
                Self::Few(carried.frames.len(), few)
            }
        }
    }

    /// Their numbers, ascending, if these are the carrier's.
    pub(super) fn or<'a>(&'a self, carriers: &'a [u32]) -> &'a [u32] {
        match self {
            Self::Carriers => carriers,
            Self::Few(len, few) => few.get(..*len).unwrap_or_default(),
            Self::Many(frames) => frames,
        }
    }
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

/// What was found inside a carrier.
#[derive(Default)]
pub(super) struct Found {
    pub(super) ridden: Vec<Ridden>,
    /// Packets that are only counted, because nobody reads more of them.
    pub(super) tally: Tally,
    /// What is odd about the carrier itself.
    pub(super) remarks: Vec<Note>,
    /// Where masks are undone.
    pub(super) buffer: Vec<u8>,
}
