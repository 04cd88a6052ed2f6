//! One record in fields and words.
//!
//! ```text
//! content type 1 │ version 2 │ length 2 │ octets …
//! ```

use std::any::Any;
use std::ops::Range;

use super::hello::{Hello, Side};
use super::{
    ALERT, ALERT_LEVEL, ALPN, APP_DATA, CONTENT_TYPE, HANDSHAKE_TYPE, HANDSHAKE_VERSION, LENGTH, OPAQUE_TYPE,
    SERVER_NAME, SUITE, SUPPORTED_VERSION, VERSION, names,
};
use crate::layer::{Field, FieldDef, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::plain;

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT_TYPE: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;
pub(super) const HEADER_LEN: usize = 5;

/// A message of the handshake that ends in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// Its number.
    pub kind: u8,
    /// What it says, if it is a hello.
    pub hello: Option<Hello>,
    /// Where its first octet lies, counted from the record's; `None` if in a record before.
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
    /// Level and description, if it is an alert in the open.
    pub alert: Option<(u8, u8)>,
}

impl TlsRecord {
    /// The alert's name: `close_notify`.
    pub fn alert_name(&self) -> Option<String> {
        self.alert.map(|(_, number)| names::alert(number))
    }

    fn words(&self) -> String {
        let octets = format!("{} octets", self.len);
        if self.header < HEADER_LEN {
            return "the beginning of a record's header".into();
        }
        match (self.content_type, self.encrypted) {
            (CHANGE_CIPHER_SPEC, _) => "change cipher spec".into(),
            (ALERT_TYPE, false) => self.alert.map_or_else(
                || "alert".into(),
                |(level, number)| {
                    let level = if level == 2 { "fatal" } else { "warning" };
                    format!("alert: {} ({level})", names::alert(number))
                },
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

impl Handshake {
    /// Its name: `ClientHello`.
    pub fn name(&self) -> String {
        names::handshake(self.kind)
    }

    fn words(&self) -> String {
        let Some(hello) = &self.hello else { return self.name() };
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

    /// Its fields; `offset` is where its body lies in the record's layer.
    fn describe(&self, layer: &mut Layer, at: &Span) {
        let Some(start) = self.at else {
            layer.computed(&HANDSHAKE_TYPE, Value::Uint(self.kind.into()));
            return;
        };
        layer.field(&HANDSHAKE_TYPE, Value::Uint(self.kind.into()), start..start + 1);
        let Some(hello) = &self.hello else { return };
        let body = start + 4;
        let mut add = |def: &'static FieldDef, value: Value, range: Range<usize>| {
            let from = at.range.start + (body + range.start) as u64;
            let span = Some(Span::new(at.buffer, from..from + range.len() as u64));
            layer.fields.push(Field { def, value, span });
        };
        let number = |number: u16| Value::Uint(number.into());
        add(&HANDSHAKE_VERSION, number(hello.version), 0..2);
        hello.suites.iter().for_each(|(suite, range)| add(&SUITE, number(*suite), range.clone()));
        if let Some((name, range)) = &hello.server_name {
            add(&SERVER_NAME, Value::Text(name.clone()), range.clone());
        }
        hello.alpn.iter().for_each(|(name, range)| add(&ALPN, Value::Text(name.clone()), range.clone()));
        hello.versions.iter().for_each(|(version, range)| add(&SUPPORTED_VERSION, number(*version), range.clone()));
    }
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
        // A handshake message may have begun in a record before: what of it lies there has no place here.
        self.handshakes.iter().for_each(|handshake| handshake.describe(&mut layer, at));
        if let Some((level, description)) = self.alert {
            layer.field(&ALERT_LEVEL, Value::Uint(level.into()), HEADER_LEN..HEADER_LEN + 1);
            layer.field(&ALERT, Value::Uint(description.into()), HEADER_LEN + 1..HEADER_LEN + 2);
        }
        if self.content_type == APPLICATION_DATA
            && let Some(octets) = bytes.get(HEADER_LEN..)
        {
            layer.field(&APP_DATA, Value::Bytes(octets.to_vec()), HEADER_LEN..bytes.len());
        }
        vec![layer]
    }

    fn parts(&self, len: u64) -> Vec<Part> {
        vec![Part { owner: "tls", len }]
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
