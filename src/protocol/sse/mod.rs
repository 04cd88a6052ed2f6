//! Server-sent events: a response that does not end, of lines that make events. The reader is a codec: bytes
//! in, events out; who reads the response hands out each event as a message.
//!
//! ```text
//! : a comment, often sent only to keep the connection alive
//! id: 7                    what the client sends as Last-Event-ID when it comes back
//! event: price             the type; "message" without it
//! data: first line
//! data: second line        joined by a line feed
//! retry: 3000              milliseconds to wait before coming back
//!                          an empty line ends the event
//! ```
//!
//! # References
//! - WHATWG HTML §9.2.5 (the format), §9.2.6 (what it means).

mod message;
mod reader;

pub(super) use message::FIELDS;
pub use message::{SseContent, SseEventMessage};
#[cfg(test)]
use reader::Limits;
pub use reader::{EventSource, Item, SseEvent};

#[cfg(test)]
mod tests;
