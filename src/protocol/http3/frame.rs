//! What a stream says, in fields and words.

use std::any::Any;
use std::ops::Range;

use super::qpack::Http3Header;
use super::{kind, stream_type};
use crate::count::counted;
use crate::layer::{Buffer, Derived, Field, FieldDef, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::plain;

crate::fields! {
    STREAM_TYPE = "http3.stream_type", Uint(64), "What a stream that goes one way is for: 0 control, 1 push, 2 and 3 QPACK, 0x54 WebTransport.", "RFC 9114 §6.2";
    FRAME_TYPE = "http3.frame_type", Uint(64), "What the frame is: 0 DATA, 1 HEADERS, 4 SETTINGS, 7 GOAWAY, …", "RFC 9114 §7.2";
    FRAME_LENGTH = "http3.frame_length", Uint(64), "How many octets follow in the frame.", "RFC 9114 §7.1";
    SETTING = "http3.settings.id", Uint(64), "Which setting: 1 QPACK_MAX_TABLE_CAPACITY, 6 MAX_FIELD_SECTION_SIZE, 7 QPACK_BLOCKED_STREAMS, 8 ENABLE_CONNECT_PROTOCOL.", "RFC 9114 §7.2.4.1";
    SETTING_VALUE = "http3.settings.value", Uint(64), "What it is set to.", "RFC 9114 §7.2.4";
    #[ours] STREAM = "http3.stream", Uint(64), "The stream of QUIC on which it was said.", "RFC 9114 §6";
    #[ours] METHOD = "http3.method", Text, "What the client asks for: GET, or CONNECT for a session.", "RFC 9114 §4.3.1";
    #[ours] PATH = "http3.path", Text, "Where on its server the client turns to.", "RFC 9114 §4.3.1";
    #[ours] STATUS = "http3.status", Uint(64), "How the server answers.", "RFC 9114 §4.3.2";
    #[ours] HEADER_NAME = "http3.header.name", Text, "The name of a header field.", "RFC 9114 §4.2";
    #[ours] HEADER_VALUE = "http3.header.value", Text, "Its value.", "RFC 9114 §4.2";
    #[ours] SESSION = "webtransport.session_id", Uint(64), "The session of WebTransport that a stream belongs to: the number of the stream on which it was asked for.", "draft-ietf-webtrans-http3 §4";
}

/// One thing that a stream says: its own type, or a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http3Frame {
    /// The stream of QUIC.
    pub stream: u64,
    /// What it says.
    pub(super) content: Content,
    /// Its octets; of DATA, and of what was not read, only those before it.
    pub(super) octets: Vec<u8>,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// The type of a stream that goes one way.
    Stream { kind: u64 },
    /// What follows on the stream belongs to a session of WebTransport. `at` is where its number stands.
    Session { number: u64, at: Range<usize>, one_way: bool },
    /// A frame. Its type and its length end at these places.
    Frame { kind: u64, len: u64, ends: [usize; 2], headers: Vec<Http3Header>, settings: Vec<Setting> },
}

/// A setting: its number and its value, each with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) number: (Range<usize>, u64),
    pub(super) value: (Range<usize>, u64),
}

impl Http3Frame {
    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().iter().find(|field| &*field.name == name).map(|field| &*field.value)
    }

    /// The header fields, if it holds any.
    pub fn headers(&self) -> &[Http3Header] {
        match &self.content {
            Content::Frame { headers, .. } => headers,
            _ => &[],
        }
    }

    /// The session of WebTransport that the rest of its stream belongs to.
    pub fn session(&self) -> Option<u64> {
        match self.content {
            Content::Session { number, .. } => Some(number),
            _ => None,
        }
    }

    /// Whether it says what the other side may do: then what waited for that can be read.
    pub fn is_settings(&self) -> bool {
        matches!(self.content, Content::Frame { kind: kind::SETTINGS, .. })
    }

    fn words(&self) -> String {
        match &self.content {
            Content::Stream { kind } => match *kind {
                stream_type::CONTROL => "control stream".into(),
                stream_type::PUSH => "push stream".into(),
                stream_type::ENCODER => "QPACK encoder stream".into(),
                stream_type::DECODER => "QPACK decoder stream".into(),
                other => format!("stream of type {other:#x}, which is not read"),
            },
            Content::Session { number, one_way, .. } => {
                let ways = if *one_way { "one way" } else { "both ways" };
                format!("WebTransport stream {ways}, of session {number}")
            }
            Content::Frame { kind: kind::HEADERS, .. } => self.head(),
            Content::Frame { kind, len, .. } => format!("{}, {}", name(*kind), counted(*len, "octet")),
        }
    }

    /// The first line of a request or an answer, as it would be in HTTP/1.
    fn head(&self) -> String {
        let text = |name| self.header(name).map(|value| plain(value, 60)).unwrap_or_default();
        match (self.header(":method"), self.header(":protocol"), self.header(":status")) {
            (Some(method), protocol, _) => {
                let protocol = protocol.map(|protocol| format!(" for {}", plain(protocol, 20)));
                format!("HEADERS: {} {}{}", plain(method, 20), text(":path"), protocol.unwrap_or_default())
            }
            (None, _, Some(status)) => format!("HEADERS: {}", plain(status, 20)),
            _ => format!("HEADERS, {} fields", self.headers().len()),
        }
    }
}

fn name(number: u64) -> String {
    let name = match number {
        kind::DATA => "DATA",
        kind::CANCEL_PUSH => "CANCEL_PUSH",
        kind::SETTINGS => "SETTINGS",
        kind::PUSH_PROMISE => "PUSH_PROMISE",
        kind::GOAWAY => "GOAWAY",
        kind::MAX_PUSH_ID => "MAX_PUSH_ID",
        other => return format!("frame of type {other:#x}"),
    };
    name.to_owned()
}

impl Payload for Http3Frame {
    fn protocol(&self) -> &'static str {
        "http3"
    }

    fn summary(&self, _bytes: &[u8]) -> String {
        format!("{} on stream {}", self.words(), self.stream)
    }

    /// `at` is the packet with which it was whole; its octets are its own, for they may have come in several.
    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer =
            Layer::new("http3", "Hypertext Transfer Protocol Version 3", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        layer.derived.push(Derived { how: "put together", from: at.clone(), bytes: self.octets.clone() });
        layer.computed(&STREAM, Value::Uint(self.stream));
        let len = self.octets.len();
        let mut add = |def: &'static FieldDef, value: u64, range: Range<usize>| {
            let span = Span::new(Buffer::Derived(0), range.start.min(len) as u64..range.end.min(len) as u64);
            layer.fields.push(Field { def, value: Value::Uint(value), span: Some(span) });
        };
        match &self.content {
            Content::Stream { kind } => add(&STREAM_TYPE, *kind, 0..len),
            Content::Session { number, at, one_way } => {
                let kind = if *one_way {
                    (&STREAM_TYPE, stream_type::WEBTRANSPORT)
                } else {
                    (&FRAME_TYPE, kind::WEBTRANSPORT)
                };
                add(kind.0, kind.1, 0..at.start);
                add(&SESSION, *number, at.clone());
            }
            Content::Frame { kind, len, ends, settings, .. } => {
                add(&FRAME_TYPE, *kind, 0..ends[0]);
                add(&FRAME_LENGTH, *len, ends[0]..ends[1]);
                for Setting { number, value } in settings {
                    add(&SETTING, number.1, number.0.clone());
                    add(&SETTING_VALUE, value.1, value.0.clone());
                }
            }
        }
        self.describe_headers(&mut layer);
        vec![layer]
    }

    fn parts(&self, _len: u64) -> Vec<Part> {
        Vec::new()
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Http3Frame {
    /// Header fields are packed: they are not found in the octets as they are.
    fn describe_headers(&self, layer: &mut Layer) {
        for (name, def) in [(":method", &METHOD), (":path", &PATH)] {
            if let Some(value) = self.header(name) {
                layer.computed(def, Value::Text(value.to_owned()));
            }
        }
        if let Some(status) = self.header(":status").and_then(|status| status.parse().ok()) {
            layer.computed(&STATUS, Value::Uint(status));
        }
        for Http3Header { name, value } in self.headers() {
            layer.computed(&HEADER_NAME, Value::Text(name.to_string()));
            layer.computed(&HEADER_VALUE, Value::Text(value.to_string()));
        }
    }
}
