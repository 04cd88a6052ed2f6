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

mod cast;
mod endpoint;
mod error;
mod grammar;
mod handshake;
mod host;
mod http;
mod log;
#[cfg_attr(not(target_os = "linux"), path = "no_namespace.rs")]
mod namespace;
mod place;
mod reader;
#[cfg_attr(not(feature = "capture"), path = "no_recorder.rs")]
mod recorder;
mod recording;
mod refusal;
mod scenario;
mod stage;
mod tcp;
mod transport;
mod udp;
mod verbs;
mod words;

pub use error::LabError;
pub use log::{Connection, Entry, Message, Opcode, ScriptLog, What};
pub use place::{Check, Place, Report, VARIABLE, doctor, enter};
pub use recording::{Completeness, Recording};
pub use scenario::{Action, Closing, Event, Exchange, Key, Opening, Scenario, Step, Utterance};
pub use stage::play;
pub use transport::{Events, Transport};
