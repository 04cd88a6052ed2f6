//! The query of a request: which version, transport and session it is about.
//!
//! ```text
//! /socket.io/?EIO=4&transport=polling&t=tk1dy5md&sid=hePE1c-1M7ux24PpAAAA
//! ```
//!
//! The path is the application's choice; a request is known by `EIO` and `transport`.
//!
//! # References
//! - Engine.IO protocol 4, "Transports: HTTP long-polling, Request path"; 3, "URLs".

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::Version;

/// What carries the packets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP requests, one waiting for what the server has to say.
    Polling,
    /// A WebSocket.
    WebSocket,
    /// HTTP/3.
    WebTransport,
    /// Another name.
    Other(String),
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
            Self::Other(name) => name,
        })
    }
}

/// The parameters that mean something here. Of several with the same name the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// `EIO`: the version; `None` if it is missing or no number.
    pub version: Option<Version>,
    /// `transport`.
    pub transport: Option<Transport>,
    /// `sid`: the session; a request without it asks for a new one.
    pub sid: Option<Arc<str>>,
    /// `b64`: the client cannot take octets, only base64.
    pub b64: bool,
    /// `j`: the answer shall be JSONP, with this index.
    pub j: Option<String>,
}

impl Query {
    /// Reads a request target, such as `/socket.io/?EIO=4&transport=polling`.
    pub fn from_target(target: &str) -> Self {
        let mut read = Self::default();
        let target = cut(target, b'#').map_or(target, |(target, _)| target);
        let mut rest = cut(target, b'?').map_or("", |(_, query)| query);
        loop {
            let (parameter, behind) = cut(rest, b'&').unwrap_or((rest, ""));
            let (name, value) = cut(parameter, b'=').unwrap_or((parameter, ""));
            read.parameter(&percent_decoded(name), percent_decoded(value));
            if behind.is_empty() {
                return read;
            }
            rest = behind;
        }
    }

    fn parameter(&mut self, name: &str, value: Cow<'_, str>) {
        match name {
            "EIO" if self.version.is_none() => self.version = value.parse().ok().map(Version::from_number),
            "transport" if self.transport.is_none() => {
                self.transport = Some(match &*value {
                    "polling" => Transport::Polling,
                    "websocket" => Transport::WebSocket,
                    "webtransport" => Transport::WebTransport,
                    other => Transport::Other(other.to_owned()),
                });
            }
            "sid" if self.sid.is_none() => self.sid = Some(value.into()),
            "b64" => self.b64 |= !value.is_empty(),
            "j" if self.j.is_none() => self.j = Some(value.into_owned()),
            _ => {}
        }
    }

    /// Whether the request is one of this protocol.
    pub fn is_engineio(&self) -> bool {
        self.version.is_some() && self.transport.is_some()
    }
}

/// What stands before an ASCII character and behind it. For texts as short as these, going octet by octet is quickest.
fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|octet| octet == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// `text` with `+` for spaces and `%20` for octets undone, as forms and queries write them (WHATWG URL §5.1).
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|octet| matches!(octet, b'%' | b'+')) {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [octet, after @ ..] = rest {
        rest = after;
        match (octet, after) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, behind @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = behind;
                }
                _ => out.push(b'%'),
            },
            (other, _) => out.push(*other),
        }
    }
    String::from_utf8_lossy(&out).into_owned().into()
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| digit.try_into().ok())
}
