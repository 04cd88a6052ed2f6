//! What both sides agreed on: the server's answer to the client's offer.
//!
//! ```text
//! Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10, x-other
//!                           name                param                   param = value
//! ```
//!
//! # References
//! - The list: RFC 6455 §9.1. The parameters: RFC 7692 §7.1.1 (context takeover), §7.1.2 (window bits).

use std::borrow::Cow;

use super::Inflater;
use crate::layer::{Direction, Note, Severity};

/// The extension's name.
pub const NAME: &str = "permessage-deflate";

/// The parameters of permessage-deflate on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// The server starts each message with an empty window.
    pub server_no_context_takeover: bool,
    /// The client starts each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The server's window holds two to this many octets at most; `None` leaves it at 15.
    pub server_max_window_bits: Option<u8>,
    /// The client's window holds two to this many octets at most; `None` leaves it at 15.
    pub client_max_window_bits: Option<u8>,
}

impl Agreement {
    /// Reads the answer's Sec-WebSocket-Extensions, its lines joined by commas. `None` when it does not name
    /// permessage-deflate; an error is what a client must close the connection for.
    pub fn from_response(response: &str) -> Option<Result<Self, Vec<Note>>> {
        let mut extensions = extensions(response).filter(|extension| extension.name == NAME);
        let read = Read::new(&extensions.next()?, Side::Response);
        let mut notes = read.notes;
        if extensions.next().is_some() {
            notes.push(error(format!("the answer agrees to {NAME} twice"), "RFC 7692 §5"));
        }
        Some(if notes.is_empty() { Ok(read.params.agreement()) } else { Err(notes) })
    }

    /// Checks the agreement against the request's Sec-WebSocket-Extensions: what the client never offered, the
    /// server may not agree to. One of several offers has to fit.
    pub fn check_offer(&self, offer: &str) -> Vec<Note> {
        let offers = extensions(offer).filter(|extension| extension.name == NAME);
        let judged = offers.map(|offer| self.misfits(&Read::new(&offer, Side::Offer)));
        judged
            .min_by_key(Vec::len)
            .unwrap_or_else(|| vec![error(format!("the extension {NAME} was not offered"), "RFC 6455 §4.1")])
    }

    fn misfits(&self, offer: &Read) -> Vec<Note> {
        let mut notes = offer.notes.clone();
        let asked = &offer.params;
        // "A server accepts … by including the "server_no_context_takeover" … parameter in the … response" §7.1.1.1
        if asked.server_no_context_takeover && !self.server_no_context_takeover {
            let text = "the offer asks the server to use no context takeover, the answer does not agree to it";
            notes.push(error(text, "RFC 7692 §7.1.1.1"));
        }
        // "with the same or smaller value as the offer" §7.1.2.1
        if let Some(Bits::Value(bits)) = asked.server_max_window_bits
            && self.server_max_window_bits.is_none_or(|agreed| agreed > bits)
        {
            let agreed = self.server_max_window_bits.map_or("nothing of it".into(), |bits| bits.to_string());
            let text = format!("the offer limits the server's window to {bits} bits, the answer says {agreed}");
            notes.push(error(text, "RFC 7692 §7.1.2.1"));
        }
        // "the … response MUST NOT include the "client_max_window_bits" … parameter" §7.1.2.2. A value in the offer
        // is only a hint, and a larger one in the answer asks nothing of the client.
        if asked.client_max_window_bits.is_none() && self.client_max_window_bits.is_some() {
            let text = "the answer limits the client's window, which the offer does not allow";
            notes.push(error(text, "RFC 7692 §7.1.2.2"));
        }
        notes
    }

    /// What inflates the messages of one direction.
    pub fn inflater(&self, direction: Direction) -> Inflater {
        let (without_takeover, bits) = match direction {
            Direction::ToServer => (self.client_no_context_takeover, self.client_max_window_bits),
            Direction::ToClient => (self.server_no_context_takeover, self.server_max_window_bits),
        };
        Inflater::new(!without_takeover).within(bits, direction)
    }
}

fn error(text: impl Into<String>, spec: &'static str) -> Note {
    Note::new(Severity::Error, text, spec)
}

/// One extension of the list: "extension-token *( ";" extension-param )" (RFC 6455 §9.1).
struct Extension<'a> {
    name: &'a str,
    params: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

fn extensions(list: &str) -> impl Iterator<Item = Extension<'_>> {
    split_unquoted(list, ',').map(|one| {
        let mut parts = split_unquoted(one, ';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let params = parts.filter(|part| !part.is_empty()).map(param).collect();
        Extension { name, params }
    })
}

fn param(text: &str) -> (&str, Option<Cow<'_, str>>) {
    match text.split_once('=') {
        None => (text, None),
        Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
    }
}

/// The pieces of `text` between separators that do not stand in quotes.
pub fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let plain = !escaped;
        escaped = quoted && plain && c == '\\';
        quoted ^= plain && c == '"';
        !quoted && c == separator
    })
}

/// "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the 'token'
/// ABNF." (RFC 6455 §9.1)
fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return value.into() };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut escaped = false;
    let keep = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(keep).collect::<String>().into()
}

/// Who says it: some parameters mean less in an offer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Offer,
    Response,
}

/// A limit of a window.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bits {
    Value(u8),
    /// Only in offers: "I understand this parameter, say what you like".
    Any,
}

#[derive(Default)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Bits>,
    client_max_window_bits: Option<Bits>,
}

impl Params {
    fn agreement(&self) -> Agreement {
        let bits = |bits| match bits {
            Some(Bits::Value(bits)) => Some(bits),
            Some(Bits::Any) | None => None,
        };
        Agreement {
            server_no_context_takeover: self.server_no_context_takeover,
            client_no_context_takeover: self.client_no_context_takeover,
            server_max_window_bits: bits(self.server_max_window_bits),
            client_max_window_bits: bits(self.client_max_window_bits),
        }
    }
}

/// The parameters of one extension, and what is wrong with them.
struct Read {
    params: Params,
    notes: Vec<Note>,
}

impl Read {
    fn new(extension: &Extension<'_>, side: Side) -> Self {
        let mut read = Self { params: Params::default(), notes: Vec::new() };
        for (at, (name, value)) in extension.params.iter().enumerate() {
            if extension.params[..at].iter().any(|(earlier, _)| earlier == name) {
                // "contains multiple extension parameters with the same name" §7.1
                read.wrong(format!("the parameter {name} stands there twice"), "RFC 7692 §7.1");
            } else {
                read.param(name, value.as_deref(), side);
            }
        }
        read
    }

    fn wrong(&mut self, text: String, spec: &'static str) {
        self.notes.push(error(text, spec));
    }

    fn param(&mut self, name: &str, value: Option<&str>, side: Side) {
        match name {
            "server_no_context_takeover" => {
                self.params.server_no_context_takeover = true;
                self.without_value(name, value, "RFC 7692 §7.1.1.1");
            }
            "client_no_context_takeover" => {
                self.params.client_no_context_takeover = true;
                self.without_value(name, value, "RFC 7692 §7.1.1.2");
            }
            "server_max_window_bits" => {
                self.params.server_max_window_bits = self.bits(name, value, false, "RFC 7692 §7.1.2.1");
            }
            "client_max_window_bits" => {
                let may_be_bare = side == Side::Offer;
                self.params.client_max_window_bits = self.bits(name, value, may_be_bare, "RFC 7692 §7.1.2.2");
            }
            _ => self.wrong(format!("the parameter {name} is not one of {NAME}"), "RFC 7692 §7.1"),
        }
    }

    fn without_value(&mut self, name: &str, value: Option<&str>, spec: &'static str) {
        if let Some(value) = value {
            self.wrong(format!("{name} takes no value, {value:?} stands there"), spec);
        }
    }

    /// "a decimal integer value without leading zeroes between 8 to 15, inclusive" §7.1.2
    fn bits(&mut self, name: &str, value: Option<&str>, may_be_bare: bool, spec: &'static str) -> Option<Bits> {
        let bits = match value {
            None if may_be_bare => Some(Bits::Any),
            None => None,
            Some(text) => (8..=15).find(|bits: &u8| bits.to_string() == text).map(Bits::Value),
        };
        if bits.is_none() {
            let there = value.map_or("nothing".into(), |text| format!("{text:?}"));
            self.wrong(format!("{name} is a number from 8 to 15, {there} stands there"), spec);
        }
        bits
    }
}
