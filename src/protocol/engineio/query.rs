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

use memchr::memchr2;

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
        let Some(at) = memchr2(b'?', b'#', target.as_bytes()) else { return read };
        let mut rest = target.get(at + 1..).filter(|_| target.as_bytes()[at] == b'?').unwrap_or_default();
        while !rest.is_empty() {
            let end = memchr2(b'&', b'#', rest.as_bytes());
            let parameter = &rest[..end.unwrap_or(rest.len())];
            // Names are short.
            let equals = parameter.bytes().position(|octet| octet == b'=');
            let (name, value) = equals.map_or((parameter, ""), |at| (&parameter[..at], &parameter[at + 1..]));
            read.parameter(&percent_decoded(name), value);
            rest = match end {
                Some(end) if rest.as_bytes()[end] == b'&' => &rest[end + 1..],
                _ => "",
            };
        }
        read
    }

    fn parameter(&mut self, name: &str, value: &str) {
        // Of those that mean nothing here, such as a number against caches, nobody reads the value.
        if !matches!(name, "EIO" | "transport" | "sid" | "b64" | "j") {
            return;
        }
        let value = percent_decoded(value);
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

/// `text` with `+` for spaces and `%20` for octets undone, as forms and queries write them (WHATWG URL §5.1).
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if memchr2(b'%', b'+', text.as_bytes()).is_none() {
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
