//! One WebSocket frame: its header, its mask, what it carries.
//!
//! ```text
//!  0                   1                   2                   3
//! |F|R|R|R| opcode|M| length (7)  |  extended length (16 or 64, when length is 126 or 127)   |
//! |I|S|S|S|  (4)  |A|             |                                                          |
//! |N|V|V|V|       |S|             |  masking key (32, when MASK is set)  |  payload …        |
//! ```
//!
//! # References
//! - RFC 6455 §5.2 (the drawing), §5.3 (masking), §5.5 (control frames), §7.4 (close codes).

use std::any::Any;
use std::fmt;

use super::{
    BINARY, CLOSE_CODE, CLOSE_REASON, FIN, MASK, MASKED_PAYLOAD, MASKING_KEY, OPCODE, PAYLOAD, PAYLOAD_LEN,
    PAYLOAD_LENGTH, PAYLOAD_LENGTH_16, PAYLOAD_LENGTH_64, PING, PMC, PONG, RSV, TEXT,
};
use crate::count::counted;
use crate::layer::{Buffer, Derived, Field, FieldDef, Layer, OsiLayer, Span, Value, colon_hex};
use crate::message::{Part, Payload};
use crate::protocol::text::quoted;

/// What a frame is. Every number maps; the reserved ones keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// It continues a message begun before.
    Continuation,
    /// It begins a message of text.
    Text,
    /// It begins a message of octets.
    Binary,
    /// It closes the connection.
    Close,
    /// It asks for a pong.
    Ping,
    /// It answers a ping.
    Pong,
    /// It is not defined.
    Reserved(u8),
}

impl Opcode {
    /// The opcode with this number; only the low four bits count.
    pub fn from_bits(bits: u8) -> Self {
        const ALL: [Opcode; 16] = {
            let mut all = [Opcode::Reserved(0); 16];
            let mut bits = 0;
            while bits < all.len() {
                all[bits] = match bits {
                    0 => Opcode::Continuation,
                    1 => Opcode::Text,
                    2 => Opcode::Binary,
                    8 => Opcode::Close,
                    9 => Opcode::Ping,
                    10 => Opcode::Pong,
                    other => Opcode::Reserved(other as u8),
                };
                bits += 1;
            }
            all
        };
        ALL[usize::from(bits & 0x0f)]
    }

    /// Its number.
    pub fn bits(self) -> u8 {
        const KNOWN: [u8; 6] = [0, 1, 2, 8, 9, 10];
        // One look into a table, where several numbers to choose from are a jump.
        KNOWN[match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 3,
            Self::Ping => 4,
            Self::Pong => 5,
            Self::Reserved(bits) => return bits,
        }]
    }

    /// "Control frames are identified by opcodes where the most significant bit of the opcode is 1." §5.5
    pub fn is_control(self) -> bool {
        self.bits() & 0x08 != 0
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continuation => f.write_str("continuation"),
            Self::Text => f.write_str("text"),
            Self::Binary => f.write_str("binary"),
            Self::Close => f.write_str("close"),
            Self::Ping => f.write_str("ping"),
            Self::Pong => f.write_str("pong"),
            Self::Reserved(bits) => write!(f, "reserved opcode {bits}"),
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketFrame {
    /// It ends its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 the highest.
    pub rsv: u8,
    /// What it is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub masking_key: Option<[u8; 4]>,
    /// How many octets of payload.
    pub payload_len: u64,
    /// How many octets the header takes: 2 to 14.
    pub header_len: u8,
    /// The first, 7-bit length.
    pub short_len: u8,
    /// The payload is part of a message that extensions changed (compressed): it cannot be read as it is.
    pub encoded: bool,
    /// permessage-deflate was agreed on, so that RSV1 has a meaning.
    pub deflate: bool,
    /// An extension that is not known here was agreed on, which may give reserved bits and opcodes a meaning (§9.2).
    pub foreign: bool,
    /// It is a message of text, all of it is there, and it is UTF-8 (§8.1).
    pub is_utf8: bool,
}

/// What reading a frame header came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadHeader {
    Complete(WebSocketFrame),
    NeedMore,
}

impl WebSocketFrame {
    /// RSV1, which permessage-deflate uses.
    pub const RSV1: u8 = 0b100;

    /// Reads the header at the start of `bytes`.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> ReadHeader {
        Self::try_read(bytes).map_or(ReadHeader::NeedMore, ReadHeader::Complete)
    }

    fn try_read(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        let short_len = second & 0x7f;
        let (payload_len, after_len) = Self::read_len(bytes)?;
        let masked = second & 0x80 != 0;
        let masking_key = match masked {
            true => Some(bytes.get(after_len..after_len + 4)?.try_into().ok()?),
            false => None,
        };
        Some(Self {
            fin: first & 0x80 != 0,
            rsv: (first >> 4) & 0b111,
            opcode: Opcode::from_bits(first),
            masking_key,
            payload_len,
            header_len: (after_len + if masked { 4 } else { 0 }) as u8,
            short_len,
            encoded: false,
            deflate: false,
            foreign: false,
            is_utf8: false,
        })
    }

    /// The length of the payload, in whichever form, and where the form ends.
    pub(super) fn read_len(bytes: &[u8]) -> Option<(u64, usize)> {
        Some(match bytes.get(1)? & 0x7f {
            126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            len => (u64::from(len), 2),
        })
    }

    /// Header and payload together; `None` if more than any stream can hold.
    pub(super) fn total_len(&self) -> Option<u64> {
        u64::from(self.header_len).checked_add(self.payload_len)
    }

    /// The payload with the mask undone, as far as it is there.
    pub fn payload(&self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::new();
        let payload = self.payload_into(bytes, &mut buffer);
        if self.masking_key.is_none() { payload.to_vec() } else { buffer }
    }

    /// The same in a buffer that is used again. Nothing is copied if there is no mask.
    pub fn payload_into<'a>(&self, bytes: &'a [u8], buffer: &'a mut Vec<u8>) -> &'a [u8] {
        let raw = bytes.get(usize::from(self.header_len)..).unwrap_or_default();
        let raw = raw.get(..self.payload_len.min(raw.len() as u64) as usize).unwrap_or(raw);
        let Some(key) = self.masking_key else { return raw };
        buffer.clear();
        buffer.extend_from_slice(raw);
        unmask(buffer, key);
        buffer
    }

    /// The code and reason of a close frame's payload: `None` for an empty one.
    pub fn close_body(payload: &[u8]) -> Option<(u16, &[u8])> {
        let code = payload.get(..2)?.try_into().ok()?;
        Some((u16::from_be_bytes(code), &payload[2..]))
    }

    /// The reserved bits say that an extension which is not known here has changed it.
    pub(super) fn is_changed(&self) -> bool {
        let known = if self.deflate && !self.opcode.is_control() { Self::RSV1 } else { 0 };
        self.foreign && self.rsv & !known != 0
    }

    fn is_whole_message(&self) -> bool {
        self.fin && self.opcode != Opcode::Continuation && !self.encoded
    }

    fn content(&self, payload: &[u8]) -> String {
        match (self.opcode, Self::close_body(payload)) {
            _ if self.encoded => format!("{}, {}", counted(self.payload_len, "octet"), how_encoded(self.is_changed())),
            (Opcode::Text | Opcode::Continuation, _) => quoted(&String::from_utf8_lossy(payload), 32),
            (Opcode::Close, Some((code, []))) => match close_meaning(code).filter(|_| code > 1001) {
                Some(name) => format!("{code}, {name}"),
                None => code.to_string(),
            },
            (Opcode::Close, Some((code, reason))) => {
                let name =
                    close_meaning(code).filter(|_| code > 1001).map(|name| format!(", {name}")).unwrap_or_default();
                format!("{code}{name} {}", quoted(&String::from_utf8_lossy(reason), 24))
            }
            (Opcode::Close, None) => "without a code".into(),
            _ if payload.is_empty() => "empty".into(),
            _ if payload.iter().all(|b| b.is_ascii_graphic() || *b == b' ') => {
                quoted(&String::from_utf8_lossy(payload), 32)
            }
            _ => octets(self.payload_len),
        }
    }

    fn describe_header(&self, layer: &mut Layer, bytes: &[u8]) {
        let header_len = usize::from(self.header_len);
        layer.field(&FIN, Value::Bool(self.fin), 0..1);
        layer.field(&RSV, Value::Uint(u64::from(self.rsv)), 0..1);
        if self.deflate {
            layer.field(&PMC, Value::Bool(self.rsv & Self::RSV1 != 0), 0..1);
        }
        layer.field(&OPCODE, Value::Uint(u64::from(self.opcode.bits())), 0..1);
        // The header itself may be cut: only what is there has fields.
        if let Some(second) = bytes.get(1) {
            layer.field(&MASK, Value::Bool(second & 0x80 != 0), 1..2);
            layer.field(&PAYLOAD_LENGTH, Value::Uint(u64::from(self.short_len)), 1..2);
        }
        if let Some((len, end)) = Self::read_len(bytes) {
            match self.short_len {
                126 => layer.field(&PAYLOAD_LENGTH_16, Value::Uint(len), 2..end),
                127 => layer.field(&PAYLOAD_LENGTH_64, Value::Uint(len), 2..end),
                _ => {}
            }
            layer.computed(&PAYLOAD_LEN, Value::Uint(len));
        }
        if let Some(key) = self.masking_key {
            layer.field(&MASKING_KEY, Value::Bytes(key.to_vec()), header_len - 4..header_len);
            if header_len < bytes.len() {
                layer.field(&MASKED_PAYLOAD, Value::Present, header_len..bytes.len());
            }
        }
    }

    /// Adds the payload's fields. Unmasked bytes are a buffer of their own, for the octets on the wire are others.
    fn describe_payload(&self, layer: &mut Layer, bytes: &[u8], at: &Span) {
        let header_len = u64::from(self.header_len);
        let payload = self.payload(bytes);
        if payload.is_empty() {
            return;
        }
        let on_wire =
            Span::new(at.buffer, at.range.start + header_len..at.range.start + header_len + payload.len() as u64);
        let base = match self.masking_key {
            Some(_) => {
                layer.derived.push(Derived { how: "unmasked", from: on_wire, bytes: payload.clone() });
                Span::new(Buffer::Derived(layer.derived.len() - 1), 0..payload.len() as u64)
            }
            None => on_wire,
        };
        let mut add = |def: &'static FieldDef, value, from: usize, to: usize| {
            let range = base.range.start + from as u64..base.range.start + to as u64;
            layer.fields.push(Field { def, value, span: Some(Span::new(base.buffer, range)) });
        };
        add(&PAYLOAD, Value::Present, 0, payload.len());
        let lossy = |bytes: &[u8]| Value::Text(String::from_utf8_lossy(bytes).into_owned());
        match self.opcode {
            Opcode::Text if self.is_whole_message() => add(&TEXT, lossy(&payload), 0, payload.len()),
            Opcode::Binary if self.is_whole_message() => add(&BINARY, Value::Bytes(payload.clone()), 0, payload.len()),
            _ if self.encoded => {}
            Opcode::Ping => add(&PING, Value::Bytes(payload.clone()), 0, payload.len()),
            Opcode::Pong => add(&PONG, Value::Bytes(payload.clone()), 0, payload.len()),
            Opcode::Close => {
                if let Some((code, reason)) = Self::close_body(&payload) {
                    add(&CLOSE_CODE, Value::Uint(u64::from(code)), 0, 2);
                    if !reason.is_empty() {
                        add(&CLOSE_REASON, lossy(reason), 2, payload.len());
                    }
                }
            }
            _ => {}
        }
    }
}

impl Payload for WebSocketFrame {
    fn protocol(&self) -> &'static str {
        "websocket"
    }

    fn summary(&self, bytes: &[u8]) -> String {
        let content = self.content(&self.payload(bytes));
        let more = if self.fin { "" } else { ", more to come" };
        let mask = self.masking_key.map(|key| format!("  masked {}", colon_hex(&key).replace(':', " ")));
        format!("{} {content}{more}{}", self.opcode, mask.unwrap_or_default())
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let mut layer = Layer::new("websocket", "WebSocket", Some(OsiLayer::Application), Some(at.clone()));
        layer.summary = format!(
            "{}{}{}, length {}",
            if self.fin { "FIN, " } else { "" },
            self.opcode,
            if self.masking_key.is_some() { ", masked" } else { "" },
            self.payload_len
        );
        self.describe_header(&mut layer, bytes);
        self.describe_payload(&mut layer, bytes, at);
        vec![layer]
    }

    fn parts(&self, len: u64) -> Vec<Part> {
        let header = u64::from(self.header_len).min(len);
        let mut parts = vec![Part { owner: "websocket", len: header }];
        if len > header {
            parts.push(Part { owner: "payload", len: len - header });
        }
        parts
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(*self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What became of a payload that cannot be read as it is.
pub(super) fn how_encoded(changed: bool) -> &'static str {
    if changed { "changed by an extension" } else { "compressed" }
}

/// `1 octet`, `2 octets`.
fn octets(n: u64) -> String {
    format!("{n} octet{}", if n == 1 { "" } else { "s" })
}

/// "Octet i of the transformed data is the XOR of octet i of the original data with octet at index i modulo 4 of the
/// masking key." §5.3. The same undoes it.
pub(super) fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (octet, mask) in rest.iter_mut().zip(key.iter().cycle()) {
        *octet ^= mask;
    }
}
/// What a close code says (RFC 6455 §7.4.1, and the registry of close codes at IANA).
pub fn close_meaning(code: u16) -> Option<&'static str> {
    Some(match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1005 => "no status received",
        1006 => "abnormal closure",
        1007 => "invalid frame payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "mandatory extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        1015 => "TLS handshake",
        3000 => "unauthorized",
        3003 => "forbidden",
        3008 => "timeout",
        _ => return None,
    })
}
