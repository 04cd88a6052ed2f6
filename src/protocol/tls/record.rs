//! One record in fields and words.
//!
//! ```text
//! content type 1 │ version 2 │ length 2 │ octets …
//! ```

use std::any::Any;
use std::ops::Range;

use super::hello::{Chosen, Hello, Side};
use super::{
    ALERT, ALERT_LEVEL, ALPN, APP_DATA, CONTENT_TYPE, HANDSHAKE_LENGTH, HANDSHAKE_TYPE, HANDSHAKE_VERSION, LENGTH,
    OPAQUE_TYPE, RANDOM, SERVER_NAME, SUITE, SUPPORTED_VERSION, VERSION, names,
};
use crate::count::counted;
use crate::layer::{Buffer, Derived, Field, FieldDef, Layer, OsiLayer, Span, Value};
use crate::message::{Held, INSIDE, Part, Payload};
use crate::protocol::text::plain;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT_TYPE: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
/// The message in which the server says what it chose (RFC 8446 §4.3.1).
pub(super) const ENCRYPTED_EXTENSIONS: u8 = 8;
pub(super) const APPLICATION_DATA: u8 = 23;
pub(super) const HEADER_LEN: usize = 5;

/// A message of the handshake that ends in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Its number.
    pub kind: u8,
    /// How many octets its body has, behind a header of four.
    pub len: usize,
    /// What it says, if it is a hello.
    pub hello: Option<Hello>,
    /// What the server chose, if it is EncryptedExtensions.
    pub chosen: Option<Chosen>,
    /// Where its first octet lies, counted from the record's, or of a record that was opened from that of its content;
    /// `None` if in a record before.
    pub(super) at: Option<usize>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsRecord {
    /// How many octets of its header are there: 5, unless the stream ends within it. What is missing of it reads as 0 below.
    pub header: usize,
    /// What it holds, by its number.
    pub content_type: u8,
    /// Its version field.
    pub version: u16,
    /// How many octets follow its header.
    pub len: u16,
    /// Whether what it holds is encrypted.
    pub encrypted: bool,
    /// Whether its type is, too, and what stands there means nothing: so it is in TLS 1.3.
    pub opaque: bool,
    /// The messages of the handshake that end in it.
    pub handshakes: Vec<Handshake>,
    /// Level and description, if it is an alert that can be read.
    pub alert: Option<(u8, u8)>,
    /// What it holds, if it was encrypted and there were secrets.
    pub opened: Option<Opened>,
}

/// What a record was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its true content type.
    pub content_type: u8,
    /// How many octets its content has.
    pub len: usize,
    /// How many octets of the record stand between its header and its encrypted content.
    pub before: usize,
    /// Its content, unless the application said it.
    pub(super) plain: Vec<u8>,
    /// Where its content lies in all that the application said in this direction. What the server did not take is no part of
    /// that.
    pub inside: Option<Range<u64>>,
}

impl TlsRecord {
    /// Where what the application says in it lies in all that it says in this direction, if it was decrypted.
    pub fn inside(&self) -> Option<&Range<u64>> {
        self.opened.as_ref()?.inside.as_ref()
    }

    /// The alert's name: `close_notify`.
    pub fn alert_name(&self) -> Option<String> {
        self.alert.map(|(_, number)| names::alert(number))
    }

    fn words(&self) -> String {
        if self.header < HEADER_LEN {
            return "the beginning of a record's header".into();
        }
        match &self.opened {
            Some(Opened { content_type: APPLICATION_DATA, len, inside, .. }) => {
                let fate =
                    if inside.is_none() { "early data that the server did not take" } else { "application data" };
                format!("{fate}, {} decrypted", counted(*len, "octet"))
            }
            Some(Opened { content_type, len, .. }) => {
                format!("{}, decrypted", self.content_words(*content_type, false, *len))
            }
            None => self.content_words(self.content_type, self.encrypted, usize::from(self.len)),
        }
    }

    fn content_words(&self, content_type: u8, encrypted: bool, len: usize) -> String {
        let octets = counted(len, "octet");
        match (content_type, encrypted) {
            (CHANGE_CIPHER_SPEC, _) => "change cipher spec".into(),
            (ALERT_TYPE, false) => self.alert.map_or_else(
                || "alert".into(),
                |(level, number)| format!("alert: {} ({})", names::alert(number), names::alert_level(level)),
            ),
            (ALERT_TYPE, true) => format!("alert, encrypted, {octets}"),
            (HANDSHAKE, true) => format!("handshake, encrypted, {octets}"),
            (HANDSHAKE, false) if self.handshakes.is_empty() => format!("part of a handshake message, {octets}"),
            (HANDSHAKE, false) => self.handshakes.iter().map(Handshake::words).collect::<Vec<_>>().join(", "),
            (APPLICATION_DATA, _) if self.opaque => format!("encrypted, {octets}"),
            (APPLICATION_DATA, _) => format!("application data, encrypted, {octets}"),
            (other, _) => format!("content type {other}, {octets}"),
        }
    }
}

impl Opened {
    /// Adds what is known of it beside its messages; returns the span that the places of those count in.
    fn describe(&self, opaque: bool, at: &Span, layer: &mut Layer) -> Span {
        if opaque {
            layer.computed(&CONTENT_TYPE, Value::Uint(self.content_type.into()));
        }
        if self.plain.is_empty() {
            return at.clone();
        }
        let from = at.range.start + (HEADER_LEN + self.before) as u64;
        let from = Span::new(at.buffer, from..from + self.plain.len() as u64);
        layer.derived.push(Derived { how: "decrypted", from, bytes: self.plain.clone() });
        Span::new(Buffer::Derived(layer.derived.len() - 1), 0..self.plain.len() as u64)
    }
}

impl Handshake {
    /// Its name: `ClientHello`.
    pub fn name(&self) -> String {
        names::handshake(self.kind)
    }

    /// A message that lies alone in octets of its own, its header of four before its body; `None` if not all of it is there, or
    /// it is a hello that cannot be read.
    pub(in crate::protocol) fn read(message: &[u8]) -> Option<Self> {
        let (header, body) = message.split_first_chunk::<4>()?;
        let body = body.get(..Self::body_len(header))?;
        let hello = match header[0] {
            1 => Some(Hello::read(Side::Client, body)?),
            2 => Some(Hello::read(Side::Server, body)?),
            _ => None,
        };
        let chosen = (header[0] == ENCRYPTED_EXTENSIONS).then(|| Chosen::read(body));
        Some(Self { kind: header[0], len: body.len(), hello, chosen, at: Some(0) })
    }

    /// How long the body is behind this header.
    pub(in crate::protocol) fn body_len(header: &[u8; 4]) -> usize {
        header[1..].iter().fold(0, |len, octet| len << 8 | usize::from(*octet))
    }

    pub(in crate::protocol) fn words(&self) -> String {
        let Some(hello) = &self.hello else {
            let alpn = self.chosen.iter().flat_map(|chosen| &chosen.alpn);
            let alpn: Vec<_> = alpn.map(|(name, _)| format!(", {}", plain(name, 40))).collect();
            return format!("{}{}", self.name(), alpn.concat());
        };
        let alpn: Vec<&str> = hello.alpn.iter().map(|(name, _)| name.as_str()).collect();
        let alpn = if alpn.is_empty() { String::new() } else { format!(", {}", plain(&alpn.join(" "), 40)) };
        let version = hello.version_name();
        match (hello.side, hello.is_retry) {
            (Side::Client, _) => {
                let name = hello.server_name.as_ref().map(|(name, _)| format!(" for {}", plain(name, 40)));
                format!("ClientHello{}, up to {version}{alpn}", name.unwrap_or_default())
            }
            (Side::Server, true) => "HelloRetryRequest".into(),
            (Side::Server, false) => {
                let suite = hello.suite_name().unwrap_or_default();
                format!("ServerHello: {version}, {suite}{alpn}")
            }
        }
    }

    /// Its fields; `at` is what its place counts in: the record, or its content if that was encrypted.
    pub(in crate::protocol) fn describe(&self, layer: &mut Layer, at: &Span) {
        let (kind, len) = (Value::Uint(self.kind.into()), Value::Uint(self.len as u64));
        let Some(start) = self.at else {
            layer.computed(&HANDSHAKE_TYPE, kind);
            layer.computed(&HANDSHAKE_LENGTH, len);
            return;
        };
        put(layer, &HANDSHAKE_TYPE, kind, at, start..start + 1);
        put(layer, &HANDSHAKE_LENGTH, len, at, start + 1..start + 4);
        let body = start + 4;
        let mut add = |def: &'static FieldDef, value: Value, range: Range<usize>| {
            put(layer, def, value, at, body + range.start..body + range.end);
        };
        let chosen = self.chosen.iter().flat_map(|chosen| &chosen.alpn);
        chosen.for_each(|(name, range)| add(&ALPN, Value::Text(name.clone()), range.clone()));
        let Some(hello) = &self.hello else { return };
        let number = |number: u16| Value::Uint(number.into());
        add(&HANDSHAKE_VERSION, number(hello.version), 0..2);
        add(&RANDOM, Value::Bytes(hello.random.to_vec()), 2..34);
        hello.suites.iter().for_each(|(suite, range)| add(&SUITE, number(*suite), range.clone()));
        if let Some((name, range)) = &hello.server_name {
            add(&SERVER_NAME, Value::Text(name.clone()), range.clone());
        }
        hello.alpn.iter().for_each(|(name, range)| add(&ALPN, Value::Text(name.clone()), range.clone()));
        hello.versions.iter().for_each(|(version, range)| add(&SUPPORTED_VERSION, number(*version), range.clone()));
    }
}

/// Adds a field that lies in this range of `at`.
fn put(layer: &mut Layer, def: &'static FieldDef, value: Value, at: &Span, range: Range<usize>) {
    let from = at.range.start + range.start as u64;
    let span = Some(Span::new(at.buffer, from..from + range.len() as u64));
    layer.fields.push(Field { def, value, span });
}

impl Payload for TlsRecord {
    fn protocol(&self) -> &'static str {
        "tls"
    }

    fn summary(&self, _bytes: &[u8]) -> String {
        format!("TLS {}", self.words())
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("tls", "Transport Layer Security", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.words();
        if bytes.len() >= HEADER_LEN {
            let def = if self.opaque { &OPAQUE_TYPE } else { &CONTENT_TYPE };
            layer.field(def, Value::Uint(self.content_type.into()), 0..1);
            layer.field(&VERSION, Value::Uint(self.version.into()), 1..3);
            layer.field(&LENGTH, Value::Uint(self.len.into()), 3..5);
        }
        let (content, alert) = match &self.opened {
            Some(opened) => (opened.describe(self.opaque, at, &mut layer), 0),
            None => (at.clone(), HEADER_LEN),
        };
        // A handshake message may have begun in a record before: what of it lies there has no place here.
        self.handshakes.iter().for_each(|handshake| handshake.describe(&mut layer, &content));
        if let Some((level, description)) = self.alert {
            put(&mut layer, &ALERT_LEVEL, Value::Uint(level.into()), &content, alert..alert + 1);
            put(&mut layer, &ALERT, Value::Uint(description.into()), &content, alert + 1..alert + 2);
        }
        let is_data = self.opened.as_ref().is_none_or(|opened| opened.content_type == APPLICATION_DATA);
        if self.content_type == APPLICATION_DATA
            && is_data
            && let Some(octets) = bytes.get(HEADER_LEN..)
        {
            layer.field(&APP_DATA, Value::Bytes(octets.to_vec()), HEADER_LEN..bytes.len());
        }
        vec![layer]
    }

    fn holds(&self) -> Option<Held> {
        let Opened { before, inside: Some(inside), .. } = self.opened.as_ref()? else { return None };
        Some(Held { stream: None, range: inside.clone(), at: (HEADER_LEN + before) as u64 })
    }

    fn parts(&self, len: u64) -> Vec<Part> {
        let tls = |len| Part { owner: "tls", len };
        let Some(Opened { before, inside: Some(inside), .. }) = &self.opened else { return vec![tls(len)] };
        let before = ((HEADER_LEN + before) as u64).min(len);
        let content = (inside.end - inside.start).min(len - before);
        vec![tls(before), Part { owner: INSIDE, len: content }, tls(len - before - content)]
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
