//! Socket.IO: events, acknowledgements and namespaces over the messages of Engine.IO. Codecs only: bytes in, values
//! out.
//!
//! ```text
//! <type>[<attachments>-][<namespace>,][<id>][<JSON>]
//!
//! 2["foo"]                                     EVENT in the namespace /
//! 2/admin,12["foo"]                            EVENT in /admin; its acknowledgement shall have the id 12
//! 3/admin,12["bar"]                            that ACK
//! 51-["baz",{"_placeholder":true,"num":0}]     BINARY_EVENT; one binary message follows and belongs at the placeholder
//! 0/admin,{"token":"x"}                        CONNECT
//! ```
//!
//! The JSON is kept as it was written. Rooms never travel.
//!
//! # References
//! - Socket.IO protocol, version 5 (Socket.IO 3 and 4, over Engine.IO 4): "Packet encoding", "Exchange protocol".
//! - Socket.IO protocol, version 4 (Socket.IO 2; version 3 of it: Socket.IO 1), over Engine.IO 3.

mod attachments;
mod limits;
mod message;
mod msgpack;
mod offset;
mod packet;
mod payload;
mod usual;

pub use attachments::{Joined, join, misfits};
pub use message::{Answer, FIELDS, SocketIoPacket};
pub use msgpack::read_msgpack;
pub use offset::Shape;
pub use packet::{Kind, Packet, Revision, Spans};
pub use payload::{Connect, Event, Recovered, Refusal, arguments, split_offset};
pub use usual::Usual;

#[cfg(test)]
mod checklist_tests;
#[cfg(test)]
mod tests;
