//! Large captures made from a seed, with the true counts of what is in them. Nothing here is shared with the dissectors.

mod connection;
mod kinds;
mod random;
mod socketio;
mod truth;
mod websocket;
mod wire;

pub use kinds::{KINDS, LOOPBACK_SEGMENT, Order, generate};
pub use wire::Format;
