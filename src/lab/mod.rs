//! The lab: a private network, scripted actors on third-party stacks, and the log of what they really sent.

mod cast;
mod grammar;
#[cfg_attr(not(target_os = "linux"), path = "no_namespace.rs")]
mod namespace;
mod place;
mod reader;
mod refusal;
mod scenario;
mod words;

pub use place::{Check, Place, Report, VARIABLE, doctor, enter};
pub use scenario::{Action, Closing, Key, Opening, Scenario, ScriptError, Step, Utterance};
