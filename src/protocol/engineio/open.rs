//! The two JSON objects of the protocol itself: how a session is opened, and how it is refused.
//!
//! ```text
//! 0{"sid":"hePE1c-1M7ux24PpAAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
//! {"code":1,"message":"Session ID unknown"}                           the body of a 400 or 403
//! ```
//!
//! # References
//! - Engine.IO protocol 4, "Handshake"; 3, "Encoding: Packet, 0 open".

use serde_json::value::RawValue;

use crate::layer::{Group, Note, Severity};
use crate::protocol::json::{self, Members};

/// Both objects are about a hundred octets; more than this is not read.
const MAX_LEN: usize = 64 << 10;
const SPEC: &str = "Engine.IO protocol 4, Handshake";

/// What the server says when it opens a session. What is missing, or no such value, is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Open {
    /// The session's name, which later requests repeat.
    pub sid: Option<String>,
    /// The transports that the client may move to.
    pub upgrades: Vec<String>,
    /// Milliseconds between pings.
    pub ping_interval: Option<u64>,
    /// Milliseconds to wait for the answer to one.
    pub ping_timeout: Option<u64>,
    /// The longest payload in octets that the server takes; not in version 3.
    pub max_payload: Option<u64>,
}

impl Open {
    /// Reads the data of an open packet.
    pub fn from_json(json: &str) -> Result<Self, Note> {
        let object = object(json)?;
        let upgrades = object.raw("upgrades").and_then(|array| serde_json::from_str::<Vec<&RawValue>>(array).ok());
        Ok(Self {
            sid: object.string("sid"),
            upgrades: upgrades.into_iter().flatten().filter_map(|one| json::string(one.get())).collect(),
            ping_interval: object.whole("pingInterval"),
            ping_timeout: object.whole("pingTimeout"),
            max_payload: object.whole("maxPayload"),
        })
    }
}

/// Why a request was refused. Every number maps; the unknown ones keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 0: no such transport.
    TransportUnknown,
    /// 1: no such session.
    SessionIdUnknown,
    /// 2: a session is opened with GET.
    BadHandshakeMethod,
    /// 3: the request does not fit its session.
    BadRequest,
    /// 4: the application does not want it.
    Forbidden,
    /// 5: the server does not speak this version.
    UnsupportedProtocolVersion,
    /// Another number.
    Unknown(u64),
}

impl ErrorCode {
    /// The code with this number.
    pub fn from_number(number: u64) -> Self {
        match number {
            0 => Self::TransportUnknown,
            1 => Self::SessionIdUnknown,
            2 => Self::BadHandshakeMethod,
            3 => Self::BadRequest,
            4 => Self::Forbidden,
            5 => Self::UnsupportedProtocolVersion,
            other => Self::Unknown(other),
        }
    }
}

/// The body of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// Why, as a number.
    pub code: ErrorCode,
    /// Why, in words; empty if there are none.
    pub message: String,
}

impl ErrorBody {
    /// Reads the body of a 400 or 403; `None` if it is not of this protocol. python-engineio has no numbers, but a text: what it
    /// means follows from its first words.
    pub fn from_json(body: &str) -> Option<Self> {
        if let Some(body) = body.strip_prefix('"').filter(|_| body.len() <= MAX_LEN) {
            return Self::from_words(body.strip_suffix('"')?);
        }
        let object = object(body).ok()?;
        let code = ErrorCode::from_number(object.whole("code")?);
        Some(Self { code, message: object.string("message").unwrap_or_default() })
    }

    /// What python-engineio says (`_bad_request` in its `server.py`), up to the name of the session.
    fn from_words(text: &str) -> Option<Self> {
        const WORDS: [(&str, ErrorCode); 6] = [
            ("Invalid session", ErrorCode::SessionIdUnknown),
            ("Invalid transport", ErrorCode::TransportUnknown),
            ("The client is using an unsupported version", ErrorCode::UnsupportedProtocolVersion),
            ("Invalid websocket upgrade", ErrorCode::BadRequest),
            ("Unexpected HTTP request", ErrorCode::BadRequest),
            ("Not connected", ErrorCode::BadRequest),
        ];
        let known = WORDS.iter().find(|(words, _)| text.starts_with(words));
        match known {
            Some((words, ErrorCode::SessionIdUnknown)) => {
                Some(Self { code: ErrorCode::SessionIdUnknown, message: (*words).to_owned() })
            }
            Some((_, code)) => Some(Self { code: *code, message: text.to_owned() }),
            None if text.ends_with(" is not an accepted origin.") => {
                Some(Self { code: ErrorCode::Forbidden, message: text.to_owned() })
            }
            None => None,
        }
    }
}

fn object(json: &str) -> Result<Members<'_>, Note> {
    if json.len() > MAX_LEN {
        let text = format!("an object of {} octets, more than {MAX_LEN} are not read", json.len());
        return Err(Note::new(Severity::Error, text, SPEC));
    }
    match Members::read(json) {
        Ok(Some(object)) => Ok(object),
        Ok(None) => Err(Note::new(Severity::Error, "this is no JSON object", SPEC).about(Group::Malformed)),
        Err(error) => {
            Err(Note::new(Severity::Error, format!("this is no JSON: {error}"), SPEC).about(Group::Malformed))
        }
    }
}
