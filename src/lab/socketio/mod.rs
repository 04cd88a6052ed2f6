//! Socket.IO on the stage: a server that is socketioxide (or one of ours, on the engine of that, where it has to recover
//! sessions), and clients that are ours, for no library lets a script say which transport is used when. None of them knows
//! the dissectors.
//!
//! The log has what the script says (who joins, what is emitted and acknowledged, who leaves), under the first TCP
//! connection of each session; how that is carried it leaves to the capture.

mod args;
mod cast;
mod client;
mod emitting;
pub mod grammar;
pub mod guests;
mod keeping;
mod naming;
mod packet;
mod polling;
mod queue;
mod reconnection;
mod recovering;
mod recovery;
mod rules;
mod server;
mod serving;
mod session;
mod way;

pub use args::{Arg, Args};
pub use client::SocketIoClient;
pub use naming::{Exchange, Names};
pub use queue::{EventQueue, Kept, Shelf};
pub use reconnection::{Reconnection, Remembered};
pub use rules::{Audience, Back, Except, Rules, SocketIoStep, Transports};
pub use serving::Serving;

/// The namespace everybody joins who names none.
pub const MAIN: &str = "/";
