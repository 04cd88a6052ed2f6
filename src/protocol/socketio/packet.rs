//! One packet as the usual parser writes it: text, read element by element in the order of the grammar.
//!
//! # References
//! - Socket.IO protocol 5, "Packet encoding: Format".

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::limits;
use super::usual::is_sound;
use crate::layer::{Note, Severity};

pub(super) const SPEC: &str = "Socket.IO protocol 5, Packet encoding";

/// The version of the protocol. It is told by the one below: 4 over Engine.IO 3, 5 over Engine.IO 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Revision {
    /// Socket.IO 1 and 2.
    V4,
    /// Socket.IO 3 and 4.
    V5,
}

impl Revision {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V5 => 5,
        }
    }

    /// Where it says how packets are written.
    pub fn packet_encoding(self) -> &'static str {
        match self {
            Self::V4 => "Socket.IO protocol 4, Packet encoding",
            Self::V5 => SPEC,
        }
    }

    /// Names its own text in notes that were made before it was known which version it is.
    pub(crate) fn cite(self, notes: &mut [Note]) {
        notes.iter_mut().filter(|note| note.spec == SPEC).for_each(|note| note.spec = self.packet_encoding());
    }

    /// Where it says how a namespace is joined.
    pub fn connection_to_a_namespace(self) -> &'static str {
        match self {
            Self::V4 => "Socket.IO protocol 4, Exchange protocol",
            Self::V5 => "Socket.IO protocol 5, Connection to a namespace",
        }
    }

    /// Where it says how an event is acknowledged.
    pub fn acknowledgement(self) -> &'static str {
        match self {
            Self::V4 => "Socket.IO protocol 4, Packet types",
            Self::V5 => "Socket.IO protocol 5, Acknowledgement",
        }
    }
}

/// What a packet is. Every character maps; the unknown ones keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 0: one side joins a namespace.
    Connect,
    /// 1: one side leaves it.
    Disconnect,
    /// 2: a name and arguments.
    Event,
    /// 3: the answer to an event.
    Ack,
    /// 4: the server refuses; `ERROR` in version 4.
    ConnectError,
    /// 5: an event with octets among its arguments.
    BinaryEvent,
    /// 6: an answer with octets in it.
    BinaryAck,
    /// Another character.
    Unknown(char),
    /// Another number, where another parser writes numbers.
    UnknownNumber(u64),
    /// A packet without a character.
    Missing,
}

impl Kind {
    /// The kind with this character.
    pub fn from_char(character: char) -> Self {
        match character {
            '0' => Self::Connect,
            '1' => Self::Disconnect,
            '2' => Self::Event,
            '3' => Self::Ack,
            '4' => Self::ConnectError,
            '5' => Self::BinaryEvent,
            '6' => Self::BinaryAck,
            other => Self::Unknown(other),
        }
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
            Self::Connect => "CONNECT",
            Self::Disconnect => "DISCONNECT",
            Self::Event => "EVENT",
            Self::Ack => "ACK",
            Self::ConnectError => "CONNECT_ERROR",
            Self::BinaryEvent => "BINARY_EVENT",
            Self::BinaryAck => "BINARY_ACK",
            Self::Unknown(character) => return Some(character.to_string().into()),
            Self::UnknownNumber(number) => return Some(number.to_string().into()),
            Self::Missing => return None,
        }))
    }

    /// Whether it is an event, with octets or without.
    pub fn is_event(self) -> bool {
        matches!(self, Self::Event | Self::BinaryEvent)
    }

    /// Whether it is an answer to an event, with octets or without.
    pub fn is_ack(self) -> bool {
        matches!(self, Self::Ack | Self::BinaryAck)
    }

    /// Whether attachments follow it.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words())
    }
}

/// Where the elements lie in the packet's text; `None` for what does not stand there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spans {
    /// The type, one character.
    pub kind: Range<usize>,
    /// The digits of the attachments' number.
    pub attachments: Option<Range<usize>>,
    /// The namespace and its query, without the comma.
    pub namespace: Option<Range<usize>>,
    /// The digits of the id.
    pub id: Option<Range<usize>>,
    /// The JSON.
    pub data: Option<Range<usize>>,
}

/// One packet as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: Kind,
    /// How many binary messages follow and belong to it.
    pub attachments: u64,
    /// The namespace, `/` if none is named.
    pub namespace: Cow<'a, str>,
    /// What stands behind a question mark in it: version 4 may send a query there with CONNECT.
    pub query: Option<Cow<'a, str>>,
    /// Ties an ACK to its event.
    pub id: Option<u64>,
    /// The JSON as it was written, whether it is right or not.
    pub data: Option<Cow<'a, str>>,
    /// Where the elements lie; nowhere, in MessagePack.
    pub spans: Spans,
    /// What is odd about it.
    pub notes: Vec<Note>,
}

impl<'a> Packet<'a> {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            attachments: 0,
            namespace: "/".into(),
            query: None,
            id: None,
            data: None,
            spans: Spans::default(),
            notes: Vec::new(),
        }
    }

    /// Reads the text of a packet, which is the data of an Engine.IO message.
    pub fn read(text: &'a str, revision: Revision) -> Self {
        let mut reader = Reader { text, at: 0 };
        let mut packet = Self::new(reader.character().map_or(Kind::Missing, Kind::from_char));
        packet.spans.kind = 0..reader.at;
        if packet.kind.is_binary() {
            packet.read_attachments(&mut reader);
        }
        packet.read_namespace(&mut reader, revision);
        packet.read_id(&mut reader);
        packet.read_data(&mut reader);
        packet.check(revision);
        revision.cite(&mut packet.notes);
        packet
    }

    pub(super) fn wrong(&mut self, text: impl Into<String>) {
        self.notes.push(Note::new(Severity::Error, text, SPEC));
    }

    fn read_attachments(&mut self, reader: &mut Reader<'a>) {
        let Some((digits, span)) = reader.digits_before('-') else {
            return self.wrong("the number of attachments is missing");
        };
        match digits.parse() {
            Ok(0) => self.wrong("no attachment, although the type says that there are some"),
            Ok(number) => self.attachments = number,
            Err(_) => self.wrong(format!("{digits} attachments are more than any connection carries")),
        }
        self.spans.attachments = Some(span);
    }

    /// In version 5 a question mark is one of the name.
    fn read_namespace(&mut self, reader: &mut Reader<'a>, revision: Revision) {
        if !reader.rest().starts_with('/') {
            return;
        }
        // The comma may be missing where the packet ends.
        let (text, span) = reader.up_to(',');
        let (namespace, query) = match text.split_once('?').filter(|_| revision == Revision::V4) {
            Some((namespace, query)) => (namespace, Some(query)),
            None => (text, None),
        };
        self.namespace = namespace.into();
        self.query = query.map(Cow::Borrowed);
        self.spans.namespace = Some(span);
    }

    fn read_id(&mut self, reader: &mut Reader<'a>) {
        let Some((digits, span)) = reader.digits() else { return };
        match digits.parse() {
            Ok(id) => self.id = Some(id),
            Err(_) => self.wrong(format!("the id {digits} is larger than any counter")),
        }
        self.spans.id = Some(span);
    }

    fn read_data(&mut self, reader: &mut Reader<'a>) {
        let data = reader.rest();
        if data.is_empty() {
            return;
        }
        self.spans.data = Some(reader.at..reader.text.len());
        self.data = Some(data.into());
        if is_sound(data.as_bytes()) {
            return;
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(data) {
            self.wrong(format!("this is no JSON: {error}"));
        } else {
            self.notes.extend(limits::beyond(data).map(|text| Note::new(Severity::Warn, text, "RFC 8259 §9")));
        }
    }

    /// What the official parsers refuse: "invalid payload".
    pub(super) fn check(&mut self, revision: Revision) {
        let first = self.data.as_deref().and_then(|data| data.trim_start().chars().next());
        let text = match (self.kind, first) {
            (Kind::Unknown(character), _) => return self.wrong(format!("packet type {character:?} is not defined")),
            (Kind::UnknownNumber(number), _) => return self.wrong(format!("packet type {number} is not defined")),
            (Kind::Missing, _) => return self.wrong("a packet without a type"),
            (Kind::Connect, None | Some('{')) | (Kind::Disconnect, None) => return,
            (Kind::Connect, _) => "CONNECT must carry an object or nothing",
            (Kind::Disconnect, _) => "DISCONNECT must carry nothing",
            (Kind::ConnectError, Some('"')) if revision == Revision::V4 => return,
            (Kind::ConnectError, Some('{')) => return,
            (Kind::ConnectError, _) if revision == Revision::V4 => "ERROR must carry a string",
            (Kind::ConnectError, _) => "CONNECT_ERROR must carry an object",
            (Kind::Event | Kind::BinaryEvent, Some('[')) => return self.check_event(),
            (Kind::Event | Kind::BinaryEvent, _) => "an event must carry an array",
            (Kind::Ack | Kind::BinaryAck, Some('[')) => return self.check_ack(),
            (Kind::Ack | Kind::BinaryAck, _) => "an acknowledgement must carry an array",
        };
        self.wrong(text);
    }

    fn check_event(&mut self) {
        let inside = self.data.as_deref().and_then(|data| data.trim_start().strip_prefix('['));
        match inside.and_then(|inside| inside.trim_start().chars().next()) {
            Some('"' | '-' | '0'..='9') | None => {}
            Some(']') => self.wrong("an event without a name"),
            Some(_) => self.wrong("an event whose name is no string"),
        }
    }

    fn check_ack(&mut self) {
        if self.id.is_none() {
            self.wrong("an acknowledgement without an id acknowledges nothing");
        }
    }
}

/// A place in the text.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn character(&mut self) -> Option<char> {
        let character = self.rest().chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn take(&mut self, len: usize) -> (&'a str, Range<usize>) {
        let span = self.at..self.at + len;
        self.at = span.end;
        (&self.text[span.clone()], span)
    }

    fn digits(&mut self) -> Option<(&'a str, Range<usize>)> {
        let len = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        (len > 0).then(|| self.take(len))
    }

    /// Digits, if the separator stands behind them, which is read over.
    fn digits_before(&mut self, separator: char) -> Option<(&'a str, Range<usize>)> {
        let len = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if len == 0 || !self.rest()[len..].starts_with(separator) {
            return None;
        }
        let found = self.take(len);
        self.at += separator.len_utf8();
        Some(found)
    }

    /// All up to the separator, which is read over, or to the end.
    fn up_to(&mut self, separator: char) -> (&'a str, Range<usize>) {
        let len = self.rest().find(separator);
        let found = self.take(len.unwrap_or(self.rest().len()));
        if len.is_some() {
            self.at += separator.len_utf8();
        }
        found
    }
}
