//! The keys of lines, by the names that programs read.

use super::FINDING;
use crate::trace::Kind;

macro_rules! keys {
    ($($variant:ident = $name:literal,)*) => {
        /// A key of a line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Key {
            $($variant,)*
        }

        impl Key {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// As it stands in a line, the comma before it and the colon behind it included.
            pub(super) const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!(",\"", $name, "\":"),)*
                }
            }
        }
    };
}

keys! {
    KindName = "kind",
    Frame = "frame",
    Frames = "frames",
    Time = "time",
    Stream = "stream",
    Http2Stream = "http2_stream",
    From = "from",
    To = "to",
    Len = "len",
    Caplen = "caplen",
    Layers = "layers",
    Tcp = "tcp",
    Udp = "udp",
    Method = "method",
    Target = "target",
    Status = "status",
    Reason = "reason",
    Version = "version",
    Headers = "headers",
    BodyLen = "body_len",
    BodySha256 = "body_sha256",
    DecodedLen = "decoded_len",
    DecodedSha256 = "decoded_sha256",
    RequestFrame = "request_frame",
    Event = "event",
    Data = "data",
    Id = "id",
    Retry = "retry",
    Accepted = "accepted",
    AcceptValid = "accept_valid",
    Subprotocol = "subprotocol",
    Extensions = "extensions",
    Fin = "fin",
    Rsv1 = "rsv1",
    Opcode = "opcode",
    Masked = "masked",
    Mask = "masking_key",
    PayloadLen = "payload_len",
    Compressed = "compressed",
    PayloadSha256 = "payload_sha256",
    Text = "text",
    CloseCode = "close_code",
    CloseReason = "close_reason",
    Protocol = "protocol",
    Transport = "transport",
    Sid = "sid",
    Type = "type",
    BinarySha256 = "binary_sha256",
    Quic = "quic",
    Connection = "connection",
    Socket = "socket",
    Namespace = "namespace",
    Offset = "offset",
    EventFrame = "event_frame",
    RttNs = "rtt_ns",
    ContentType = "content_type",
    RecordLen = "record_len",
    Encrypted = "encrypted",
    Handshake = "handshake",
    ServerName = "server_name",
    Alpn = "alpn",
    TlsVersion = "tls_version",
    CipherSuite = "cipher_suite",
    Alert = "alert",
    Severity = "severity",
    Group = "group",
    Spec = "spec",
    Flags = "flags",
    Seq = "seq",
    Ack = "ack",
    Window = "window",
    Analysis = "analysis",
    Complete = "complete",
}

impl Key {
    /// What nearly every line has.
    const COMMON: [Self; 7] =
        [Self::KindName, Self::Frame, Self::Frames, Self::Time, Self::Stream, Self::From, Self::To];

    /// What the line of a record of TLS may have.
    const TLS_RECORD: &[Self] = &[
        Self::ContentType,
        Self::RecordLen,
        Self::Encrypted,
        Self::Handshake,
        Self::ServerName,
        Self::Alpn,
        Self::TlsVersion,
        Self::CipherSuite,
        Self::Alert,
        Self::Complete,
    ];

    /// What else the lines of a kind may have, in the order of the documentation.
    const fn further(kind: Kind) -> &'static [Self] {
        use Key::*;
        match kind {
            Kind::Packet => &[Len, Caplen, Layers, Tcp, Udp],
            Kind::HttpRequest => &[
                Method,
                Target,
                Version,
                Headers,
                BodyLen,
                BodySha256,
                DecodedLen,
                DecodedSha256,
                Http2Stream,
                Complete,
            ],
            Kind::HttpResponse => &[
                Status,
                Reason,
                Version,
                Headers,
                BodyLen,
                BodySha256,
                DecodedLen,
                DecodedSha256,
                RequestFrame,
                Http2Stream,
                Complete,
            ],
            Kind::SseEvent => &[Event, Data, Id, Retry, Http2Stream, Complete],
            Kind::WebSocketHandshake => &[Accepted, AcceptValid, Subprotocol, Extensions, Http2Stream],
            Kind::WebSocketFrame => &[Fin, Rsv1, Opcode, Masked, Mask, PayloadLen, Http2Stream, Complete],
            Kind::WebSocketMessage => {
                &[Opcode, Compressed, PayloadLen, PayloadSha256, Text, CloseCode, CloseReason, Http2Stream, Complete]
            }
            Kind::EngineIoPacket => &[Protocol, Transport, Sid, Type, Data, BinarySha256, Quic, Http2Stream, Complete],
            Kind::SocketIoPacket => &[
                Protocol,
                Sid,
                Socket,
                Namespace,
                Type,
                Id,
                Data,
                Offset,
                EventFrame,
                RttNs,
                Quic,
                Http2Stream,
                Complete,
            ],
            Kind::TlsRecord => Self::TLS_RECORD,
            Kind::UdpDatagram => &[PayloadLen, PayloadSha256, Complete],
            Kind::Note => &[Severity, Group, Text, Spec],
        }
    }

    /// What else the line of a finding has.
    const FINDING: &[Self] = &[Self::Severity, Self::Text, Self::Spec];
}

/// The names of the keys that lines of these kinds may have, in the order of the documentation, each once.
pub fn keys_of(kinds: &[&str]) -> Vec<&'static str> {
    let mut keys = Key::COMMON.to_vec();
    let of_findings = if kinds.contains(&FINDING) { Key::FINDING } else { &[] };
    let told = Kind::ALL.into_iter().filter(|kind| kinds.contains(&kind.name())).flat_map(Key::further);
    for key in told.chain(of_findings) {
        if !keys.contains(key) {
            keys.push(*key);
        }
    }
    keys.into_iter().map(Key::name).collect()
}

/// A choice of keys: a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys(u128);

impl Keys {
    /// All there are.
    pub(super) const ALL: Self = Self(u128::MAX);

    /// Those with these names.
    pub(super) fn named(names: &[&str]) -> Self {
        let chosen = Key::ALL.iter().filter(|key| names.contains(&key.name()));
        Self(chosen.fold(0, |bits, key| bits | 1 << *key as u32))
    }

    /// Whether this is one of them.
    #[inline]
    pub(super) fn has(self, key: Key) -> bool {
        self.0 & 1 << key as u32 != 0
    }
}

// Each key has its bit.
const _: () = assert!(Key::ALL.len() <= 128);
