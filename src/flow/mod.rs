//! Floor 3: packets → connections and ordered bytes.
//!
//! [`FlowTable`] tells which connection a segment belongs to and what it means there; [`Stream`] puts the payload of
//! one direction in order and remembers which frame brought which byte.

mod assembler;
mod connection;
mod describe;
mod stream;
mod table;
mod udp;

pub use assembler::{Arrival, Assembler, SeqNumber};
pub use connection::{Closing, Connection, Handshake, Opening, Segment};
pub use describe::{FIELDS, describe};
pub use stream::{Chunk, Delivery, Stream};
pub use table::FlowTable;
pub use udp::{FIELDS as UDP_FIELDS, UdpPlace, UdpTable, describe_mention};
