//! A segment in the light of its connection.

use super::{Analysis, Dropped, Reset, SeqNumber, State};
use crate::layer::{Direction, Note};

/// A segment in the light of its connection.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Which connection (`tcp.stream`).
    pub connection: u32,
    /// Which way.
    pub direction: Direction,
    /// Sequence number counted from the connection's start (`tcp.seq`).
    pub seq: u32,
    /// Acknowledgement number counted from the connection's start (`tcp.ack`), if it counts.
    pub ack: Option<u32>,
    /// Where the payload belongs in its stream; `None` if before the stream's beginning.
    pub offset: Option<u64>,
    /// Octets of payload on the wire.
    pub len: u32,
    /// The window in octets, scaled where the scale is known.
    pub window: u64,
    /// The base against which relative numbers of the other direction are counted.
    pub(super) ack_base: SeqNumber,
    /// What it is to those before it: sent again, out of order, a duplicate acknowledgement …
    pub analysis: Analysis,
    /// The nanoseconds from SYN to ACK, once the handshake is complete. As in Wireshark only segments have it that the analysis
    /// has something to say of. (Where Wireshark passes over a capture twice, as its window does, it shows it on the
    /// SYN ACK too.)
    pub initial_rtt: Option<i64>,
    /// Nanoseconds since the connection's first frame; negative where the capture's clock stepped back.
    pub time_relative: i64,
    /// Nanoseconds since the connection's previous frame.
    pub time_delta: i64,
    /// It answers a keep-alive probe with which the capture of its connection began.
    pub answers_probe: bool,
    /// What it means for the end of its connection.
    pub reset: Reset,
    /// Segments of the other side that its sender has dropped, as it shows: they lay outside its window.
    pub dropped: Vec<Dropped>,
    /// In which states the client's end and the server's are after it.
    pub states: [State; 2],
    /// What is odd about it.
    pub notes: Vec<Note>,
}
