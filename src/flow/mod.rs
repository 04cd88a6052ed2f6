//! Floor 3: packets → connections and ordered bytes.
//!
//! [`FlowTable`] tells which connection a segment belongs to and what it means there; [`Stream`] puts the payload of
//! one direction in order and remembers which frame brought which byte. What a segment is to those before it (sent again,
//! out of order …) is an [`Analysis`]; how its ends stand a [`State`], how it ended an [`Ending`].

mod analysis;
mod assembler;
mod chunks;
mod connection;
mod delivery;
mod describe;
mod ending;
mod half;
mod handshake;
mod outside;
mod plain;
mod reset;
mod rival;
mod segment;
mod state;
#[cfg(test)]
mod state_tests;
mod stream;
mod table;
#[cfg(test)]
mod testing;
mod udp;

pub use analysis::{Analysed, Analysis, Duplicate, Finding, Findings, Scale, Since};
pub use assembler::{Arrival, Assembler, SeqNumber};
pub use chunks::{Chunk, Origin};
pub use connection::{Closing, Connection, Opening};
pub use delivery::{Delivery, Fresh};
pub use describe::{describe, fields};
pub use ending::Ending;
pub use handshake::Handshake;
pub use outside::Dropped;
pub use reset::Reset;
pub use segment::Segment;
pub use state::State;
pub use stream::Stream;
pub use table::{Farewell, Flow, FlowId, FlowLimits, FlowTable, Kept, SHARDS};
pub use udp::{FIELDS as UDP_FIELDS, UdpPlace, UdpTable, describe_mention};
