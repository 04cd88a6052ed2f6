//! A message of HTTP in fields and words.

mod content;

use std::any::Any;
use std::borrow::Cow;
use std::ops::Range;

use super::body::Chunks;
use super::fields::{
    self, FILE_DATA, HEADER, METHOD, REASON, REQUEST, REQUEST_VERSION, RESPONSE, RESPONSE_VERSION, STATUS,
};
use super::fields::{REQUEST_IN, TARGET, TIME};
use super::head::{self, RawHead, Start};
use super::packed::{self, Packed};
use crate::count::{counted, plural};
use crate::layer::{Buffer, Derived, Field, Layer, OsiLayer, Span, Value};
use crate::message::{Part, Payload};
use crate::protocol::text::plain;

/// Which kind of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From the client.
    Request,
    /// From the server.
    Response,
    /// Bytes in the place of a message that are none, or of which nobody knows the beginning.
    Unreadable,
}

/// A request or response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpMessage {
    /// Which of the two.
    pub side: Side,
    /// How many octets start line, header fields and the empty line take.
    pub head_len: u64,
    /// Of a response: where its request lies in the client's stream, if it was captured.
    pub answers: Option<Range<u64>>,
    /// It is known that its body has no content coding.
    is_plain: bool,
    chunks: Option<Box<Chunks>>,
    head: Written,
}

/// How the head was written.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Written {
    /// Nobody can read it.
    Unreadable,
    /// It ends in its first line: it may have been one.
    Cut,
    /// It is not there.
    Missing,
    /// As text, where everything lies in the octets.
    Plain(RawHead),
    /// Compressed, as HTTP/2 does.
    Packed(Packed),
}

impl HttpMessage {
    pub(super) fn new(head: RawHead, chunks: Option<Box<Chunks>>) -> Self {
        let side = if matches!(head.start, Start::Request { .. }) { Side::Request } else { Side::Response };
        Self { side, head_len: head.len as u64, answers: None, is_plain: false, chunks, head: Written::Plain(head) }
    }

    /// One of HTTP/2, whose head takes so many octets.
    pub(in crate::protocol) fn packed(head: Packed, head_len: u64) -> Self {
        let side = if head.status.is_none() { Side::Request } else { Side::Response };
        Self { side, head_len, answers: None, is_plain: false, chunks: None, head: Written::Packed(head) }
    }

    /// So many octets that are no message.
    pub(super) fn unreadable(len: u64) -> Self {
        let (side, head) = (Side::Unreadable, Written::Unreadable);
        Self { side, head_len: len, answers: None, is_plain: false, chunks: None, head }
    }

    /// So many octets of a head that ends in its first line.
    pub(super) fn cut(len: u64) -> Self {
        Self { head: Written::Cut, ..Self::unreadable(len) }
    }

    /// So many octets that are left of a message whose head is not there.
    pub(super) fn left(len: u64) -> Self {
        Self { head: Written::Missing, ..Self::unreadable(len) }
    }

    /// The response to the request at this place in the client's stream.
    pub(in crate::protocol) fn answering(self, request: Option<Range<u64>>) -> Self {
        Self { answers: request, ..self }
    }

    /// The version, as it stood: `HTTP/1.1`. Of HTTP/2 it stands nowhere.
    pub fn version(&self, bytes: &[u8]) -> Option<String> {
        match &self.head {
            Written::Packed(_) => Some(packed::VERSION.to_owned()),
            _ => self.head(bytes).map(|head| format!("HTTP/1.{}", head.minor_version)),
        }
    }

    /// The head, if it is text and these bytes hold all of it.
    fn head(&self, bytes: &[u8]) -> Option<&RawHead> {
        match &self.head {
            Written::Plain(head) => Some(head).filter(|head| head.len <= bytes.len()),
            Written::Packed(_) | Written::Unreadable | Written::Cut | Written::Missing => None,
        }
    }

    /// The value of the first header field with this name, which is compared without regard to case.
    pub fn header<'a>(&'a self, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
        match &self.head {
            Written::Packed(head) => head.value(name).map(str::as_bytes),
            _ => self.head(bytes)?.value(bytes, name),
        }
    }

    fn describe_body(&self, layer: &mut Layer, bytes: &[u8]) {
        if let Some(decoded) = self.decoded_body(bytes) {
            let span = Some(Span::new(Buffer::Derived(layer.derived.len()), 0..decoded.len() as u64));
            let from = layer.span.clone().unwrap_or_else(|| Span::new(Buffer::Derived(0), 0..0));
            let from = Span::new(from.buffer, (from.range.start + self.head_len).min(from.range.end)..from.range.end);
            layer.fields.push(Field { def: &FILE_DATA, value: Value::Bytes(decoded.clone()), span });
            layer.derived.push(Derived { how: "decoded", from, bytes: decoded });
            return;
        }
        let body = self.body(bytes);
        if !body.is_empty() {
            let end = bytes.len() - (self.tail_len() as usize).min(bytes.len());
            layer.field(&FILE_DATA, Value::Bytes(body.into_owned()), self.head_len as usize..end);
        }
    }

    /// Adds to the layer of a response in which frame its request ended, and how many nanoseconds before it.
    pub fn describe_wait(layer: &mut Layer, request: u32, nanoseconds: i128) {
        layer.computed(&REQUEST_IN, Value::Uint(request.into()));
        layer.computed(&TIME, Value::Seconds(nanoseconds));
    }

    /// The method and target of a request, or the status of a response as text with its reason.
    pub fn start<'a>(&self, bytes: &'a [u8]) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        if let Written::Packed(head) = &self.head {
            let (first, second) = head.start();
            return Some((first.into(), second.into()));
        }
        let text = |range: &Range<usize>| String::from_utf8_lossy(&bytes[range.clone()]);
        Some(match &self.head(bytes)?.start {
            Start::Request { method, target } => (text(method), text(target)),
            Start::Response { status, reason } => (status.to_string().into(), text(reason)),
        })
    }

    /// The header fields as they stood; of HTTP/2 without `:method`, `:path` and `:status`, which are what a start line says.
    pub fn headers<'a>(&'a self, bytes: &'a [u8]) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        if let Written::Packed(head) = &self.head {
            return head.headers();
        }
        self.head(bytes).map(|head| head.fields(bytes).collect()).unwrap_or_default()
    }

    /// The same as they stand, where they stand in this message and each on a line of its own.
    pub fn header_octets<'a>(&'a self, bytes: &'a [u8]) -> Option<impl Iterator<Item = (&'a [u8], &'a [u8])>> {
        match &self.head {
            Written::Plain(head) => head.octets(bytes),
            _ => None,
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match &self.head {
            Written::Plain(RawHead { start: Start::Response { status, .. }, .. }) => Some(*status),
            Written::Packed(head) => head.status,
            Written::Plain(_) | Written::Unreadable | Written::Cut | Written::Missing => None,
        }
    }

    /// How many octets at its end are a trailer section that is compressed.
    fn tail_len(&self) -> u64 {
        match &self.head {
            Written::Packed(head) => head.tail_len,
            Written::Plain(_) | Written::Unreadable | Written::Cut | Written::Missing => 0,
        }
    }

    /// Method and target of a request.
    pub fn request_line<'a>(&'a self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        if let Written::Packed(head) = &self.head {
            return head.request_line();
        }
        match &self.head(bytes)?.start {
            Start::Request { method, target } => Some((bytes.get(method.clone())?, bytes.get(target.clone())?)),
            Start::Response { .. } => None,
        }
    }
}

impl Payload for HttpMessage {
    fn protocol(&self) -> &'static str {
        "http"
    }

    fn summary(&self, bytes: &[u8]) -> String {
        let Some((first, second)) = self.start(bytes) else {
            let octets = counted(bytes.len(), "octet");
            return match self.head {
                Written::Missing => format!("{octets} of a message whose beginning is missing"),
                Written::Cut => format!("{octets} of a head that ends in its first line"),
                _ => format!("{octets} that {} no HTTP message", plural(bytes.len(), "is", "are")),
            };
        };
        if let Written::Packed(head) = &self.head {
            let protocol = head.value(":protocol").map(|token| format!(", for {}", plain(token, 20)));
            let target = if second.is_empty() { String::new() } else { format!(" {}", plain(&second, 40)) };
            return format!("{}{target}{}", plain(&first, 16), protocol.unwrap_or_default());
        }
        let upgrade = self.headers(bytes).into_iter().find(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
        // A reason may be left out (RFC 9112 §4).
        let line = format!("{} {}", plain(&first, 16), plain(&second, 40)).trim_end().to_owned();
        match (self.side, upgrade) {
            (Side::Request, Some((_, token))) => format!("{line}   Upgrade: {}", plain(&token, 20)),
            _ => line,
        }
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer =
            Layer::new("http", "Hypertext Transfer Protocol", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = self.summary(bytes);
        if let Written::Packed(head) = &self.head {
            head.describe(&mut layer);
            self.describe_body(&mut layer, bytes);
        }
        let Some(head) = self.head(bytes) else { return vec![layer] };
        describe_start(&mut layer, head, bytes);
        for (name, value) in head.headers.iter() {
            let name_text = String::from_utf8_lossy(&bytes[name.clone()]);
            let value_text = head::text_of(&bytes[value.clone()]);
            match fields::of_header(&name_text) {
                Some(def) => {
                    layer.field(def, Value::Text(value_text.clone().into_owned()), value.clone());
                    fields::parts_of_header(&mut layer, def, &value_text, value.len() == value_text.len());
                }
                None => {
                    layer.field(
                        &HEADER,
                        Value::Text(format!("{name_text}: {value_text}")),
                        name.start..value.end.max(name.end),
                    );
                }
            }
        }
        let scheme = if matches!(at.buffer, Buffer::Decrypted(..)) { "https" } else { "http" };
        fields::parts_of_target(&mut layer, scheme);
        self.describe_body(&mut layer, bytes);
        vec![layer]
    }

    fn parts(&self, len: u64) -> Vec<Part> {
        self.parts_in(len, &(0..len)).1
    }

    fn parts_in(&self, len: u64, range: &Range<u64>) -> (u64, Vec<Part>) {
        let head = self.head_len.min(len);
        let tail = len - self.tail_len().min(len - head);
        // What is compressed belongs to the frames that carry it.
        let owner = if matches!(self.head, Written::Packed(_)) { "http2" } else { "http" };
        let chunks = self.chunks.as_ref().map_or(&[][..], |chunks| &chunks.list);
        let before = chunks.partition_point(|data| head + data.end <= range.start);
        let start = before.checked_sub(1).map_or(0, |last| (head + chunks[last].end).min(tail));
        let framed = chunks[before..].iter().flat_map(|data| [("http", data.start), ("payload", data.end)]);
        let body = framed.map(|(owner, end)| (owner, (head + end).min(tail))).chain([("payload", tail)]);
        let (mut at, mut parts) = (start, Vec::new());
        for (owner, end) in std::iter::once((owner, head)).chain(body).chain([(owner, len)]) {
            if at >= range.end && !parts.is_empty() {
                break;
            }
            // The head is a part, however short.
            if end > at || (at == 0 && parts.is_empty()) {
                parts.push(Part { owner, len: end - at });
                at = end;
            }
        }
        (start, parts)
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn describe_start(layer: &mut Layer, head: &RawHead, bytes: &[u8]) {
    let text = |range: &Range<usize>| Value::Text(String::from_utf8_lossy(&bytes[range.clone()]).into_owned());
    let version = Value::Text(format!("HTTP/1.{}", head.minor_version));
    match &head.start {
        Start::Request { method, target } => {
            layer.computed(&REQUEST, Value::Bool(true));
            layer.field(&METHOD, text(method), method.clone());
            layer.field(&TARGET, text(target), target.clone());
            layer.field(&REQUEST_VERSION, version, target.end + 1..target.end + 9);
        }
        Start::Response { status, reason } => {
            layer.computed(&RESPONSE, Value::Bool(true));
            // Empty lines before the status line are allowed to be skipped (RFC 9112 §2.2).
            let line = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            layer.field(&RESPONSE_VERSION, version, line..line + 8);
            layer.field(&STATUS, Value::Uint(u64::from(*status)), line + 9..line + 12);
            if !reason.is_empty() {
                layer.field(&REASON, text(reason), reason.clone());
            }
        }
    }
}
