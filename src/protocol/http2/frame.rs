//! One frame in fields and words.
//!
//! ```text
//! length 3 │ type 1 │ flags 1 │ R and stream 4 │ body …
//! ```

use std::any::Any;
use std::ops::Range;

use super::decoder::PREFACE;
use super::hpack::HeaderField;
use super::names::{self, LAST_STREAM};
use super::{
    DATA, ERROR, FLAGS, GOAWAY_ERROR, HEADER_NAME, HEADER_VALUE, INCREMENT, LENGTH, MAGIC, SETTING, STREAM, TYPE,
};
use crate::count::counted;
use crate::layer::{Layer, OsiLayer, Span, Value};
use crate::message::{Held, Part, Payload, Section};
use crate::protocol::text::{as_text, plain};

pub(super) const HEADER_LEN: usize = 9;
/// So many characters of what a DATA frame brings are shown in a list.
const MOST_SHOWN: usize = 40;

/// The types of frames (RFC 9113 §6).
pub(super) mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Their flags.
pub(super) mod flag {
    pub const END_STREAM: u8 = 1;
    pub const ACK: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http2Frame {
    /// How many octets of its header are there: 9, unless the stream ends within it.
    pub there: usize,
    /// How many octets follow its header.
    pub len: u32,
    /// What it is, by its number.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    pub(super) content: Content,
    /// Where its piece of a header block lies.
    pub(super) block: Range<usize>,
    /// What of it lies in its stream.
    pub(super) held: Option<Held>,
    pub(super) is_preface: bool,
}

/// What a body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Nothing,
    Data {
        padding: Option<u8>,
    },
    Headers(Headers),
    Settings(Vec<(u16, u32)>),
    /// An error, or an increment.
    Number(u32),
    GoAway {
        last: u32,
        error: u32,
    },
}

/// A piece of a header block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Headers {
    /// What the block says, if it ends here and could be read.
    pub(super) fields: Section,
    /// It ends here and could be read.
    pub(super) known: bool,
    /// All of it is in this frame.
    pub(super) alone: bool,
    /// Its sender says nothing more on the stream.
    pub(super) closes: bool,
    /// It is that of a request which the server promises to answer.
    pub(super) promises: bool,
    /// Header blocks of this direction cannot be read any more.
    pub(super) lost: bool,
    /// How many octets of it there are up to here.
    pub(super) len: u64,
}

impl Http2Frame {
    pub(super) fn read(header: &[u8; HEADER_LEN]) -> Self {
        let [a, b, c, kind, flags, stream @ ..] = *header;
        Self {
            there: HEADER_LEN,
            len: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
            content: Content::Nothing,
            block: 0..0,
            held: None,
            is_preface: false,
        }
    }

    pub(super) fn preface() -> Self {
        Self { is_preface: true, ..Self::read(&[0; HEADER_LEN]) }
    }

    /// The header fields, if a block ends in it.
    pub fn headers(&self) -> &[HeaderField] {
        match &self.content {
            Content::Headers(headers) => &headers.fields,
            _ => &[],
        }
    }

    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().iter().find(|field| &*field.name == name).map(|field| &*field.value)
    }

    /// Adds what the header block says that ends here.
    fn describe_block(&self, Headers { fields, alone, .. }: &Headers, bytes: &[u8], layer: &mut Layer) {
        let text = |text: &str| Value::Text(text.to_owned());
        for field in fields.iter() {
            let own = names::header(&field.name, &field.value);
            let told = [(&HEADER_NAME, text(&field.name)), (&HEADER_VALUE, text(&field.value))];
            let place = self.block.start + field.at.start..self.block.start + field.at.end;
            for (def, value) in told.into_iter().chain(own) {
                // A block that began in an earlier frame has no place in this one.
                match *alone && place.end <= bytes.len() {
                    true => layer.field(def, value, place.clone()),
                    false => layer.computed(def, value),
                }
            }
        }
    }

    /// Whether it brings something of what its sender says on its stream.
    pub fn is_said(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS | kind::CONTINUATION)
    }

    /// Why its sender gives the stream up, by its name, if it does (RFC 9113 §6.4).
    pub fn reset(&self) -> Option<String> {
        match self.content {
            Content::Number(error) if self.kind == kind::RST_STREAM => Some(error_name(error)),
            _ => None,
        }
    }

    /// Of GOAWAY the last stream that its sender answers, and why it goes.
    pub fn goes_away(&self) -> Option<(u32, String)> {
        match self.content {
            Content::GoAway { last, error } => Some((last, error_name(error))),
            _ => None,
        }
    }

    /// Whether its sender says nothing more on its stream.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.flags & flag::END_STREAM != 0
    }

    /// Where in the frame lie the octets that an application gets.
    pub(super) fn data(&self) -> Option<Range<u64>> {
        let Content::Data { padding } = &self.content else { return None };
        let before = HEADER_LEN as u64 + u64::from(padding.is_some());
        let end = (HEADER_LEN as u64 + u64::from(self.len)).saturating_sub(u64::from(padding.unwrap_or(0)));
        Some(before..end.max(before))
    }

    /// The same within these octets of the frame, if there are any.
    fn octets(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let data = self.data()?;
        let end = usize::try_from(data.end).ok()?.min(bytes.len());
        let start = usize::try_from(data.start).ok()?;
        (start < end).then_some(start..end)
    }

    fn name(&self) -> String {
        let name = match self.kind {
            kind::DATA => "DATA",
            kind::HEADERS => "HEADERS",
            2 => "PRIORITY",
            kind::RST_STREAM => "RST_STREAM",
            kind::SETTINGS => "SETTINGS",
            kind::PUSH_PROMISE => "PUSH_PROMISE",
            6 => "PING",
            kind::GOAWAY => "GOAWAY",
            kind::WINDOW_UPDATE => "WINDOW_UPDATE",
            kind::CONTINUATION => "CONTINUATION",
            other => return format!("frame type {other}"),
        };
        name.to_owned()
    }

    fn words(&self) -> String {
        if self.is_preface {
            return "HTTP/2 preface".to_owned();
        }
        if self.there < HEADER_LEN {
            return "the beginning of a frame's header".to_owned();
        }
        let stream = if self.stream == 0 { String::new() } else { format!(" {}", self.stream) };
        let says = match &self.content {
            Content::Headers(Headers { known: true, .. }) => self.start(),
            Content::Data { .. } => {
                let data = self.data().unwrap_or(0..0);
                counted(data.end - data.start, "octet")
            }
            Content::Settings(settings) => {
                settings.iter().map(|(id, value)| format!("{} {value}", setting(*id))).collect::<Vec<_>>().join(", ")
            }
            Content::Number(number) => self.reset().unwrap_or_else(|| format!("+{number}")),
            Content::GoAway { last, error } => format!("{}, last stream {last}", error_name(*error)),
            Content::Headers(Headers { lost: true, .. }) => "header fields that cannot be read".to_owned(),
            Content::Headers(_) => "part of a header block".to_owned(),
            Content::Nothing if matches!(self.kind, kind::SETTINGS | 6) && self.flags & flag::ACK != 0 => {
                "ACK".to_owned()
            }
            Content::Nothing => String::new(),
        };
        let ends = if self.ends_stream() { ", end of stream" } else { "" };
        let says = if says.is_empty() { says } else { format!(" {says}") };
        format!("{}{stream}{says}{ends}", self.name())
    }

    /// A request line or a status, as HTTP/1 would have it.
    fn start(&self) -> String {
        let of = |name| self.header(name);
        match (of(":status"), of(":method")) {
            (Some(status), _) => plain(status, 20),
            (None, Some(method)) => {
                let target = of(":path").or_else(|| of(":authority")).unwrap_or_default();
                let protocol = of(":protocol").map(|protocol| format!(", for {}", plain(protocol, 20)));
                format!("{} {}{}", plain(method, 20), plain(target, 60), protocol.unwrap_or_default())
            }
            (None, None) => format!("{} trailer fields", self.headers().len()),
        }
    }
}

fn setting(id: u16) -> String {
    let name = match id {
        1 => "HEADER_TABLE_SIZE",
        2 => "ENABLE_PUSH",
        3 => "MAX_CONCURRENT_STREAMS",
        4 => "INITIAL_WINDOW_SIZE",
        5 => "MAX_FRAME_SIZE",
        6 => "MAX_HEADER_LIST_SIZE",
        8 => "ENABLE_CONNECT_PROTOCOL",
        other => return format!("setting {other}"),
    };
    name.to_owned()
}

/// The names of errors (RFC 9113 §7).
fn error_name(number: u32) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(number as usize).map_or_else(|| format!("error {number}"), |name| (*name).to_owned())
}

impl Payload for Http2Frame {
    fn protocol(&self) -> &'static str {
        "http2"
    }

    fn summary(&self, bytes: &[u8]) -> String {
        let text = self.octets(bytes).and_then(|data| as_text(&bytes[data], MOST_SHOWN));
        text.map_or_else(|| self.words(), |text| format!("{} {text}", self.words()))
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer =
            Layer::new("http2", "Hypertext Transfer Protocol 2", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.words();
        if self.is_preface {
            layer.field(
                &MAGIC,
                Value::Text(String::from_utf8_lossy(bytes).into_owned()),
                0..bytes.len().min(PREFACE.len()),
            );
            return vec![layer];
        }
        if bytes.len() < HEADER_LEN {
            return vec![layer];
        }
        let number = |number: u32| Value::Uint(number.into());
        layer.field(&LENGTH, number(self.len), 0..3);
        layer.field(&TYPE, number(self.kind.into()), 3..4);
        layer.field(&FLAGS, number(self.flags.into()), 4..5);
        for (def, bit) in names::flags(self.kind) {
            layer.field(def, Value::Bool(self.flags & bit != 0), 4..5);
        }
        layer.field(&STREAM, number(self.stream), 5..9);
        match &self.content {
            Content::Headers(headers) => self.describe_block(headers, bytes, &mut layer),
            Content::Settings(settings) => {
                for (n, (id, value)) in settings.iter().enumerate() {
                    let at = HEADER_LEN + 6 * n;
                    layer.field(&SETTING, number(u32::from(*id)), at..at + 2);
                    if let Some(def) = names::setting(*id) {
                        layer.field(def, number(*value), at + 2..at + 6);
                    }
                }
            }
            Content::Number(error) if self.kind == kind::RST_STREAM => layer.field(&ERROR, number(*error), 9..13),
            Content::Number(increment) => layer.field(&INCREMENT, number(*increment & 0x7fff_ffff), 9..13),
            Content::GoAway { last, error } => {
                layer.field(&LAST_STREAM, number(*last), 9..13);
                layer.field(&GOAWAY_ERROR, number(*error), 13..17);
            }
            Content::Data { .. } => {
                if let Some(data) = self.octets(bytes) {
                    let start = data.start;
                    layer.field(&DATA, Value::Bytes(bytes[data.clone()].to_vec()), start..data.end);
                }
            }
            Content::Nothing => {}
        }
        vec![layer]
    }

    fn holds(&self) -> Option<Held> {
        self.held.clone()
    }

    fn parts(&self, len: u64) -> Vec<Part> {
        let own = |len| Part { owner: "http2", len };
        let Some(data) = self.data() else { return vec![own(len)] };
        let start = data.start.min(len);
        let end = data.end.clamp(start, len);
        vec![own(start), Part { owner: "payload", len: end - start }, own(len - end)]
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
