//! Socket.IO on the stage: a server that is socketioxide, and clients that are ours, for no library lets a script say which
//! transport is used when. Neither knows the dissectors.
//!
//! The log has what the script says (who joins, what is emitted and acknowledged, who leaves), under the first TCP
//! connection of each session; how that is carried it leaves to the capture.

mod args;
mod cast;
mod client;
mod emitting;
pub mod grammar;
pub mod guests;
mod packet;
mod polling;
mod queue;
mod reconnection;
mod rules;
mod server;
mod session;
mod way;

pub use args::{Arg, Args};
pub use client::SocketIoClient;
pub use queue::{EventQueue, Kept, Shelf};
pub use reconnection::Reconnection;
pub use rules::resuming;
pub use rules::{Audience, Except, Rules, SocketIoStep, Transports};
pub use server::SocketIoServer;

/// The namespace everybody joins who names none.
pub const MAIN: &str = "/";
