//! The lab: a private network, scripted actors on third-party stacks, and the log of what they really sent.
//!
//! It shares no code with the dissectors, so that what they see can be compared with what was really sent.
//!
//! ```no_run
//! use wiretale::lab::{self, Scenario};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let place = lab::enter(); // in main, before any thread is started
//! let scenario = Scenario::parse("ada connects \u{b7} ada sends text \"hello\" \u{b7} ada closes 1000 \"bye\"")?;
//! let recording = lab::play(&place, &scenario)?;
//! println!("{place}: {}", recording.completeness); // such as: private network, no root: 54 of 54 frames
//! # Ok(())
//! # }
//! ```

mod actors;
mod cast;
mod declared;
mod deflate;
mod endpoint;
mod error;
#[cfg(all(target_os = "linux", feature = "capture"))]
mod ethernet;
mod fault;
mod grammar;
mod ground;
mod handshake;
mod held;
mod host;
mod http;
#[cfg(all(target_os = "linux", feature = "capture"))]
mod interface;
mod interrupt;
mod line;
mod log;
mod logbook;
#[cfg(all(target_os = "linux", feature = "capture"))]
mod loss;
mod manners;
#[cfg_attr(not(target_os = "linux"), path = "no_namespace.rs")]
mod namespace;
mod parts;
mod phrases;
mod place;
mod quantity;
mod reader;
#[cfg_attr(not(feature = "capture"), path = "no_recorder.rs")]
mod recorder;
mod recording;
mod refusal;
#[cfg(all(target_os = "linux", feature = "capture"))]
mod reset;
mod scenario;
mod seed;
#[cfg_attr(not(target_os = "linux"), path = "no_sieve.rs")]
mod sieve;
mod socketio;
mod stage;
mod strangers;
mod tcp;
mod tls;
mod transport;
mod udp;
mod verbs;
#[cfg_attr(not(all(target_os = "linux", feature = "capture")), path = "no_wire.rs")]
mod wire;
mod words;

pub use error::LabError;
pub use fault::{Fault, Harm, Target};
pub use ground::{Ground, Vantage};
pub use log::{Connection, Entry, FaultEntry, Message, Opcode, ScriptLog, What};
pub use place::{Check, Place, Report, VARIABLE, doctor, enter};
pub use quantity::MOST_LOST_OF_100;
pub use recording::{Completeness, OtherEnd, Recording};
pub use scenario::{Action, Closing, Compression, Event, Exchange, Key, Opening, Scenario, Step, Utterance};
pub use socketio::{Arg, Args, Audience, EventQueue, Except, Kept, SocketIoStep, Transports};
pub use stage::play;
pub use strangers::{Service, call, serve};
pub use tls::TlsVersion;
pub use transport::{Events, MAX_CLIENTS, Transport, Way};
