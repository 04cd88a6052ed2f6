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
use std::ops::Range;
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
        let octets = target.as_bytes();
        // All of it is short: one walk is quicker than searches for each part.
        let Some(mut start) = octets.iter().position(|octet| matches!(octet, b'?' | b'#')) else { return read };
        while octets[start] != b'#' {
            start += 1;
            let (mut end, mut equals, mut is_plain) = (start, None, true);
            while let Some(octet) = octets.get(end).filter(|octet| !matches!(octet, b'&' | b'#')) {
                match octet {
                    b'=' if equals.is_none() => equals = Some(end),
                    b'%' | b'+' => is_plain = false,
                    _ => {}
                }
                end += 1;
            }
            let name = &target[start..equals.unwrap_or(end)];
            let value = equals.map_or("", |equals| &target[equals + 1..end]);
            if is_plain {
                read.parameter(name, Cow::Borrowed(value));
            } else {
                read.parameter(&percent_decoded(name), percent_decoded(value));
            }
            if end == octets.len() {
                break;
            }
            start = end;
        }
        read
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

/// Reads the queries of a connection. Those of a session differ in little but `t`, a number against caches: what was read in
/// one is read in the next by comparing octets.
#[derive(Debug, Default)]
pub struct QueryReader {
    pub(super) known: Option<Known>,
}

/// A target, where the value of `t` stands in it, and what it says.
#[derive(Debug)]
pub(super) struct Known {
    target: Box<str>,
    changing: Range<usize>,
    query: Query,
}

impl QueryReader {
    /// Reads the octets of the next request target: as [`Query::from_target`] does.
    pub fn read(&mut self, target: &[u8]) -> Query {
        if let Some(query) = self.known.as_ref().and_then(|known| known.read(target)) {
            return query;
        }
        let target = &*String::from_utf8_lossy(target);
        let query = Query::from_target(target);
        if query.is_engineio() {
            self.known =
                changing(target).map(|changing| Known { target: target.into(), changing, query: query.clone() });
        }
        query
    }
}

impl Known {
    pub(super) fn read(&self, target: &[u8]) -> Option<Query> {
        let known = self.target.as_bytes();
        let (front, back) = (&known[..self.changing.start], &known[self.changing.end..]);
        let value = target.strip_prefix(front)?.strip_suffix(back)?;
        // It may hold no end of itself.
        let is_value = value.iter().all(|octet| *octet != b'&' && *octet != b'#');
        is_value.then(|| self.query.clone())
    }
}

/// Where the value of the parameter `t` stands.
fn changing(target: &str) -> Option<Range<usize>> {
    let start = target.find("&t=").or_else(|| target.find("?t="))? + 3;
    let is_of_query = target[..start].contains('?') && !target[..start].contains('#');
    let end = target[start..].find(['&', '#']).map_or(target.len(), |len| start + len);
    is_of_query.then_some(start..end)
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
