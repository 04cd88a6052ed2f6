//! What the JSON of a packet says: an event's name and arguments, the names of a connection, why it was refused.
//!
//! # References
//! - Socket.IO protocol 5, "Exchange protocol". Connection state recovery: Socket.IO 4 documentation, "How it works
//!   under the hood".

use serde_json::value::RawValue;

use super::packet::SPEC;
use super::{Kind, Packet};
use crate::layer::{Note, Severity};
use crate::protocol::json::{self, Members};

/// An event: its name, and what comes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The name; a number stands as it was written.
    pub name: String,
    /// The arguments' JSON as it was written.
    pub arguments: Vec<&'a str>,
}

impl<'a> Event<'a> {
    /// Reads the data of an EVENT or BINARY_EVENT.
    pub fn from_json(json: &'a str) -> Result<Self, Note> {
        let mut elements = arguments(json)?.into_iter();
        let Some(name) = elements.next() else { return Err(error("an event without a name")) };
        let name = json::string(name).unwrap_or_else(|| name.to_owned());
        Ok(Self { name, arguments: elements.collect() })
    }
}

/// The elements of an array, such as the arguments of an ACK: the JSON of each as it was written.
pub fn arguments(json: &str) -> Result<Vec<&str>, Note> {
    match serde_json::from_str::<Vec<&RawValue>>(json) {
        Ok(elements) => Ok(elements.into_iter().map(RawValue::get).collect()),
        Err(error) => Err(self::error(format!("this is no array: {error}"))),
    }
}

fn error(text: impl Into<String>) -> Note {
    Note::new(Severity::Error, text, SPEC)
}

/// An event's data, its recovery offset split off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The array without its last element, all else as it was written.
    pub data: String,
    /// The offset: what a client that comes back names as the last it has got.
    pub offset: String,
}

/// Splits the offset off an event's data: with connection state recovery the server adds one as last argument to each
/// event that wants no acknowledgement. To be asked only where it issued a `pid`, of an event to the client without an
/// id; `None` when the last argument is no string.
pub fn split_offset(data: &str) -> Option<Recovered> {
    let elements = arguments(data).ok()?;
    let [.., before, last] = elements.as_slice() else { return None };
    let offset = json::string(last)?;
    let cut = end_in(data, before)?..end_in(data, last)?;
    let data = [data.get(..cut.start)?, data.get(cut.end..)?].concat();
    Some(Recovered { data, offset })
}

/// Where `part`, which was lent from `whole`, ends in it.
fn end_in(whole: &str, part: &str) -> Option<usize> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    start.checked_add(part.len()).filter(|end| *end <= whole.len())
}

/// What a CONNECT may say. From the server: `sid`, and `pid` with connection state recovery. From a client: what the
/// application asks of it, and `pid` and `offset` when it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connect {
    /// The name of this client in this namespace; not the session of Engine.IO.
    pub sid: Option<String>,
    /// What the client has to know to come back as the same.
    pub pid: Option<String>,
    /// The last event it has got.
    pub offset: Option<String>,
}

impl Connect {
    /// Reads the data of a CONNECT; fields that are no strings are left out, as is what is no object.
    pub fn from_json(json: &str) -> Self {
        let Ok(Some(object)) = Members::read(json) else { return Self::default() };
        Self { sid: object.string("sid"), pid: object.string("pid"), offset: object.string("offset") }
    }
}

/// Why a CONNECT was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The reason in words: all of it in version 4, the field `message` in version 5.
    pub message: Option<String>,
    /// What the application adds, its JSON as it was written.
    pub data: Option<&'a str>,
}

impl<'a> Refusal<'a> {
    /// Reads the data of a CONNECT_ERROR of either version.
    pub fn from_json(json: &'a str) -> Self {
        match Members::read(json) {
            Ok(Some(object)) => Self { message: object.string("message"), data: object.raw("data") },
            _ => Self { message: json::string(json), data: None },
        }
    }
}

impl Packet<'_> {
    /// The event it is, if it is one and can be read.
    pub fn event(&self) -> Option<Event<'_>> {
        Event::from_json(self.data.as_deref().filter(|_| self.kind.is_event())?).ok()
    }

    /// The arguments of the acknowledgement it is, if it is one and can be read.
    pub fn acknowledged(&self) -> Option<Vec<&str>> {
        arguments(self.data.as_deref().filter(|_| self.kind.is_ack())?).ok()
    }

    /// What it says as a CONNECT; nothing, if it carries nothing.
    pub fn connect(&self) -> Option<Connect> {
        (self.kind == Kind::Connect).then(|| self.data.as_deref().map(Connect::from_json).unwrap_or_default())
    }

    /// Why it refuses, if it does and says so.
    pub fn refusal(&self) -> Option<Refusal<'_>> {
        self.data.as_deref().filter(|_| self.kind == Kind::ConnectError).map(Refusal::from_json)
    }
}
