//! Floor 0: the words every floor hands upward.
//!
//! A [`Layer`] is one protocol header (or payload) as it was seen; its [`Field`]s each name the bytes they came from
//! (a [`Span`]) or say that they were computed. Field names are Wireshark's wherever Wireshark has the field, so that
//! what is learned here works there.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

/// A table entry that says what a field is. One table per protocol declares them; filter, peel and docs read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldDef {
    /// The display-filter name, such as `tcp.flags.syn`.
    pub name: &'static str,
    /// What kind of value the field holds.
    pub kind: Kind,
    /// One sentence for the newcomer.
    pub meaning: &'static str,
    /// The document that rules the field, with its section, such as `RFC 9293 §3.1`.
    pub spec: &'static str,
    /// Whether Wireshark knows the field under this name too.
    pub wireshark: bool,
}

/// The kind of value a field holds; decides which comparisons a filter may make with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false; compared with `1`, `0`, `True`, `False`.
    Bool,
    /// An unsigned number of so many bits: those that Wireshark gives the field, which may be more than it has on the wire.
    Uint(u32),
    /// A whole number with a sign, of so many bits.
    Int(u32),
    /// A number of seconds, with nanoseconds.
    Seconds,
    /// Text.
    Text,
    /// Octets.
    Bytes,
    /// An IPv4 or IPv6 address.
    Address,
    /// An Ethernet address, six octets.
    Mac,
    /// A protocol or a part of one: it has no value. Its name asks for its presence, `count` how often it is there; a protocol can
    /// also be searched, by `contains` and `matches`.
    Presence,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "true or false",
            Self::Uint(_) | Self::Int(_) => "number",
            Self::Seconds => "seconds",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Address => "IP address",
            Self::Mac => "Ethernet address",
            Self::Presence => "presence",
        })
    }
}

/// Declares the fields of one protocol: a constant for each, and the table `FIELDS` of them all.
///
/// `ours` marks a field that Wireshark does not have under this name. Kinds are those of [`Kind`], numbers with their bits:
/// `Uint(16)`.
#[macro_export]
macro_rules! fields {
    ($( $(#[$ours:ident])? $id:ident = $name:literal, $kind:ident $(($bits:literal))?, $meaning:literal, $spec:literal; )*) => {
        $(
            #[doc = $meaning]
            pub static $id: $crate::layer::FieldDef = $crate::layer::FieldDef {
                name: $name,
                kind: $crate::layer::Kind::$kind $(($bits))?,
                meaning: $meaning,
                spec: $spec,
                wireshark: $crate::fields!(@wireshark $($ours)?),
            };
        )*
        /// Every field this protocol declares, in wire order.
        pub static FIELDS: &[&$crate::layer::FieldDef] = &[$(&$id),*];
    };
    (@wireshark ours) => { false };
    (@wireshark) => { true };
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// An unsigned number.
    Uint(u64),
    /// A whole number with a sign.
    Int(i64),
    /// Seconds, in whole nanoseconds: what captures know, and exact however far from 1970.
    Seconds(i128),
    /// Text.
    Text(String),
    /// Octets.
    Bytes(Vec<u8>),
    /// An IP address.
    Address(IpAddr),
    /// An Ethernet address.
    Mac([u8; 6]),
    /// The thing is there; it has no value of its own.
    Present,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{}", u8::from(*b)),
            Self::Uint(n) => write!(f, "{n}"),
            Self::Int(n) => write!(f, "{n}"),
            Self::Seconds(nanoseconds) => {
                let (sign, size) = (if *nanoseconds < 0 { "-" } else { "" }, nanoseconds.unsigned_abs());
                write!(f, "{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
            }
            Self::Text(t) => f.write_str(t),
            Self::Bytes(b) => f.write_str(&colon_hex(b)),
            Self::Address(a) => write!(f, "{a}"),
            Self::Mac(m) => f.write_str(&colon_hex(m)),
            Self::Present => f.write_str("present"),
        }
    }
}

/// Octets as Wireshark writes them: `37:fa:21:3d`.
pub fn colon_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 {
            out.push(':');
        }
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

/// Which way bytes travel on a connection. The client is the side that opened it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the side that opened the connection.
    ToServer,
    /// From the side that was connected to.
    ToClient,
}

impl Direction {
    /// The other way.
    pub fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    /// 0 for `ToServer`, 1 for `ToClient`: the place in a two-element array.
    pub fn index(self) -> usize {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// Where bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Buffer {
    /// In the captured octets of a frame (its number, from 1).
    Frame(u32),
    /// In the reassembled bytes of one direction of a TCP connection (`tcp.stream`, from 0).
    Stream(u32, Direction),
    /// In the IP datagram whose last missing fragment came in this frame (its number, from 1), put together without the
    /// headers of its fragments.
    Datagram(u32),
    /// In the decrypted bytes of one direction of a TCP connection that carries TLS. Each of them has its place in a frame,
    /// where it is encrypted: ciphers in use today keep the place of every octet.
    Decrypted(u32, Direction),
    /// In what one direction of a stream inside a TCP connection carries (its number comes behind that of the connection):
    /// of HTTP/2 field sections, as they are compressed, and the contents of DATA frames. Each octet has its place in a
    /// frame, encrypted if the connection is.
    Content(u32, Direction, u32),
    /// In a buffer derived from other bytes, such as an unmasked payload; an index into [`Layer::derived`].
    Derived(usize),
}

/// Provenance: the range of bytes a layer or field came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which bytes are counted.
    pub buffer: Buffer,
    /// From the first octet to the one after the last.
    pub range: Range<u64>,
}

impl Span {
    /// A span of `range` in `buffer`.
    pub fn new(buffer: Buffer, range: Range<u64>) -> Self {
        Self { buffer, range }
    }

    /// How many octets the span covers.
    pub fn len(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Whether the span covers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One named value of a layer, with the bytes that prove it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What the field is.
    pub def: &'static FieldDef,
    /// What it holds here.
    pub value: Value,
    /// Where it was read; `None` says that it was computed, from other fields or by counting.
    pub span: Option<Span>,
}

/// A buffer made from other bytes: an unmasked or inflated payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// How it was made, in a few words: `unmasked`.
    pub how: &'static str,
    /// The bytes it was made from.
    pub from: Span,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
}

/// The seven layers of the OSI reference model (ISO/IEC 7498-1), to which real stacks are only mapped:
/// the Internet's own model has four (RFC 1122 §1.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OsiLayer {
    /// Layer 2.
    DataLink,
    /// Layer 3.
    Network,
    /// Layer 4.
    Transport,
    /// Layer 7. Sessions and presentation are not separate in the protocols shown here.
    Application,
}

/// One protocol's part of a frame or message.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// The filter name of the protocol: `tcp`, `http`.
    pub protocol: &'static str,
    /// The name people read: `Transmission Control Protocol`.
    pub title: &'static str,
    /// One line that says what this one says: `51544 → 8080, SYN, seq 0`.
    pub summary: String,
    /// The place in the OSI model we map it to; `None` for what is about the capture, not on the wire.
    pub osi: Option<OsiLayer>,
    /// The bytes of the whole layer, payload of upper layers not included; `None` if computed.
    pub span: Option<Span>,
    /// Its fields in wire order.
    pub fields: Vec<Field>,
    /// Buffers derived from its bytes, which fields may point into.
    pub derived: Vec<Derived>,
    /// What is worth a remark.
    pub notes: Vec<Note>,
}

impl Layer {
    /// A layer without fields yet.
    pub fn new(protocol: &'static str, title: &'static str, osi: Option<OsiLayer>, span: Option<Span>) -> Self {
        Self {
            protocol,
            title,
            summary: String::new(),
            osi,
            span,
            fields: Vec::new(),
            derived: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a field read from `range`, counted from the start of this layer's own span.
    pub fn field(&mut self, def: &'static FieldDef, value: Value, range: Range<usize>) {
        let span = self.span.as_ref().map(|base| {
            let start = base.range.start + range.start as u64;
            Span::new(base.buffer, start..base.range.start + range.end as u64)
        });
        self.fields.push(Field { def, value, span });
    }

    /// Adds a field that was not read from bytes but counted or derived.
    pub fn computed(&mut self, def: &'static FieldDef, value: Value) {
        self.fields.push(Field { def, value, span: None });
    }

    /// The first value of the field with this name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|field| field.def.name == name).map(|field| &field.value)
    }
}

/// How much a note matters; Wireshark's expert severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Normal, but worth knowing.
    Chat,
    /// Notable.
    Note,
    /// Unusual; may be a fault.
    Warn,
    /// Wrong.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Chat => "chat",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Error => "error",
        })
    }
}

/// What kind of thing a note is about, after the groups of Wireshark's expert information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Group {
    /// A checksum.
    Checksum,
    /// The order of segments, what is missing between them, and how connections begin and end.
    Sequence,
    /// Pieces of something larger.
    Reassemble,
    /// Octets that do not have the form they announce.
    Malformed,
    /// Octets that were not read: unknown, left out by the capture, or more than is kept.
    Undecoded,
    /// What is encrypted.
    Decryption,
    /// What a peer answered.
    Response,
    /// A rule of a protocol.
    #[default]
    Protocol,
}

impl Group {
    /// Its name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Checksum => "checksum",
            Self::Sequence => "sequence",
            Self::Reassemble => "reassemble",
            Self::Malformed => "malformed",
            Self::Undecoded => "undecoded",
            Self::Decryption => "decryption",
            Self::Response => "response",
            Self::Protocol => "protocol",
        }
    }
}

/// A remark on bytes: what is odd, and which clause says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// How much it matters.
    pub severity: Severity,
    /// What kind of thing it is about.
    pub group: Group,
    /// What was seen, as a sentence.
    pub text: String,
    /// The clause behind it, such as `RFC 6455 §5.1`; empty if none rules it.
    pub spec: &'static str,
}

impl Note {
    /// A note on a rule of a protocol, with its clause.
    pub fn new(severity: Severity, text: impl Into<String>, spec: &'static str) -> Self {
        Self { severity, group: Group::Protocol, text: text.into(), spec }
    }

    /// The same, about something else than a rule.
    pub fn about(self, group: Group) -> Self {
        Self { group, ..self }
    }
}
