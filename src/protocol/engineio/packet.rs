//! One packet: its type, and text or octets.
//!
//! # References
//! - Engine.IO protocol 4, "Packet encoding"; 3, "Encoding: Packet".

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Version;
use crate::layer::{Note, Severity};

const SPEC: &str = "Engine.IO protocol 4, Packet encoding";

/// Base64 as its readers take it: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a packet is. Every character maps; the unknown ones keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0: the server opens a session.
    Open,
    /// 1: one side closes it.
    Close,
    /// 2: one side asks whether the other is there.
    Ping,
    /// 3: it is.
    Pong,
    /// 4: what the layer above has to say.
    Message,
    /// 5: the client moves to the transport it has probed.
    Upgrade,
    /// 6: nothing; it ends a poll that waits.
    Noop,
    /// Another character.
    Unknown(char),
    /// Another number, where version 3 puts the type before octets.
    UnknownNumber(u8),
    /// A packet without an octet.
    Missing,
}

impl Kind {
    /// The kind with this character in text.
    pub fn from_char(character: char) -> Self {
        character.to_digit(10).and_then(Self::from_digit).unwrap_or(Self::Unknown(character))
    }

    /// The kind with this number, as version 3 puts it before octets.
    pub fn from_octet(octet: u8) -> Self {
        Self::from_digit(octet.into()).unwrap_or(Self::UnknownNumber(octet))
    }

    /// Whether the protocol defines it.
    pub fn is_defined(self) -> bool {
        !matches!(self, Self::Unknown(_) | Self::UnknownNumber(_) | Self::Missing)
    }

    /// What a person is told: its name, or that it has none.
    pub fn in_words(self) -> Cow<'static, str> {
        match self {
            Self::Unknown(character) => format!("unknown type {character:?}").into(),
            Self::UnknownNumber(number) => format!("unknown type {number}").into(),
            other => other.value().unwrap_or(Cow::Borrowed("no type")),
        }
    }

    /// The value of its field: its name, or the character or number that stands there if that has none; `None` if nothing
    /// does.
    pub fn value(self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Message => "message",
            Self::Upgrade => "upgrade",
            Self::Noop => "noop",
            Self::Unknown(character) => return Some(character.to_string().into()),
            Self::UnknownNumber(number) => return Some(number.to_string().into()),
            Self::Missing => return None,
        }))
    }

    fn from_digit(digit: u32) -> Option<Self> {
        Some(match digit {
            0 => Self::Open,
            1 => Self::Close,
            2 => Self::Ping,
            3 => Self::Pong,
            4 => Self::Message,
            5 => Self::Upgrade,
            6 => Self::Noop,
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words())
    }
}

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data<'a> {
    /// Text, empty when there is none.
    Text(Cow<'a, str>),
    /// Octets.
    Binary(Cow<'a, [u8]>),
}

impl Data<'_> {
    /// The same with octets of its own.
    pub fn into_owned(self) -> Data<'static> {
        match self {
            Self::Text(text) => Data::Text(Cow::Owned(text.into_owned())),
            Self::Binary(octets) => Data::Binary(Cow::Owned(octets.into_owned())),
        }
    }
}

/// One packet as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// What it carries.
    pub data: Data<'a>,
    /// Where it lies in what was read, its type included, lengths and separators of a payload not.
    pub span: Range<usize>,
    /// What is odd about it.
    pub notes: Vec<Note>,
}

impl<'a> Packet<'a> {
    /// The packet in a WebSocket text message.
    pub fn from_text(version: Version, message: &'a [u8]) -> Self {
        Self::text_at(version, message, 0)
    }

    /// The packet in a WebSocket binary message: always a message, to which version 3 sets its type as an octet before.
    pub fn from_binary(version: Version, message: &'a [u8]) -> Self {
        if version.is_old() {
            return Self::octets_at(message, 0);
        }
        Self::new(Kind::Message, Data::Binary(message.into()), 0..message.len())
    }

    fn new(kind: Kind, data: Data<'a>, span: Range<usize>) -> Self {
        let mut packet = Self { kind, data, span, notes: Vec::new() };
        match kind {
            Kind::Unknown(character) => packet.wrong(format!("packet type {character:?} is not defined")),
            Kind::UnknownNumber(number) => packet.wrong(format!("packet type {number} is not defined")),
            Kind::Missing => packet.wrong("a packet without a type"),
            _ => {}
        }
        packet
    }

    fn wrong(&mut self, text: impl Into<String>) {
        self.notes.push(Note::new(Severity::Error, text, SPEC));
    }

    /// A packet in text, which lies at `start` of its payload.
    pub(super) fn text_at(version: Version, bytes: &'a [u8], start: usize) -> Self {
        let span = start..start + bytes.len();
        match (bytes.split_first(), version.is_old()) {
            (Some((b'b', base64)), true) => match base64.split_first() {
                Some((octet, base64)) => Self::base64(Kind::from_char(char::from(*octet)), base64, span),
                None => Self::new(Kind::Missing, Data::Text("".into()), span),
            },
            (Some((b'b', base64)), false) => Self::base64(Kind::Message, base64, span),
            _ => {
                // Quicker than to look for what is wrong, where nothing is.
                let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
                let is_utf8 = matches!(text, Cow::Borrowed(_));
                let kind = text.chars().next().map_or(Kind::Missing, Kind::from_char);
                let mut packet = Self::new(kind, Data::Text(without_first(text)), span);
                if !is_utf8 {
                    packet.wrong("text that is not UTF-8: what is not is shown as �");
                }
                packet
            }
        }
    }

    fn base64(kind: Kind, base64: &'a [u8], span: Range<usize>) -> Self {
        match BASE64.decode(base64) {
            Ok(octets) => Self::new(kind, Data::Binary(octets.into()), span),
            Err(_) => {
                let mut packet = Self::new(kind, Data::Text(String::from_utf8_lossy(base64)), span);
                packet.wrong("octets that are not in base64");
                packet
            }
        }
    }

    /// A packet of octets with its type before, as version 3 has them.
    pub(super) fn octets_at(bytes: &'a [u8], start: usize) -> Self {
        let (kind, octets) = match bytes.split_first() {
            Some((octet, octets)) => (Kind::from_octet(*octet), octets),
            None => (Kind::Missing, bytes),
        };
        Self::new(kind, Data::Binary(octets.into()), start..start + bytes.len())
    }
}

/// The text behind its first character.
fn without_first(text: Cow<'_, str>) -> Cow<'_, str> {
    let len = text.chars().next().map_or(0, char::len_utf8);
    match text {
        Cow::Borrowed(text) => text[len..].into(),
        Cow::Owned(mut text) => {
            text.drain(..len);
            text.into()
        }
    }
}
