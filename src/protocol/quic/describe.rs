//! QUIC packets in fields and words.

use std::ops::Range;

use super::{Hello, Kind, QuicPacket, V1, V2};
use crate::layer::{Buffer, Derived, FieldDef, Layer, OsiLayer, Span, Value};

crate::fields! {
    PACKET_LENGTH = "quic.packet_length", Uint, "How many octets the packet has in its datagram.", "RFC 9000 §12.2";
    HEADER_FORM = "quic.header_form", Uint, "1 is a long header, 0 a short one.", "RFC 8999 §5";
    FIXED_BIT = "quic.fixed_bit", Bool, "Always set, but in Version Negotiation.", "RFC 9000 §17.2";
    PACKET_TYPE = "quic.long.packet_type", Uint, "In version 1: 0 is Initial, 1 0-RTT, 2 Handshake, 3 Retry.", "RFC 9000 §17.2";
    PACKET_TYPE_V2 = "quic.long.packet_type_v2", Uint, "In version 2: 0 is Retry, 1 Initial, 2 0-RTT, 3 Handshake.", "RFC 9369 §3.2";
    VERSION = "quic.version", Uint, "The version of QUIC; 0 in Version Negotiation.", "RFC 8999 §5.1";
    DCIL = "quic.dcil", Uint, "How long the receiver's connection ID is.", "RFC 8999 §5.1";
    DCID = "quic.dcid", Bytes, "The receiver's connection ID: by it, and not by addresses and ports, packets belong to a connection.", "RFC 9000 §5.1";
    SCIL = "quic.scil", Uint, "How long the sender's connection ID is.", "RFC 8999 §5.1";
    SCID = "quic.scid", Bytes, "The sender's connection ID, which the other side is to send to.", "RFC 9000 §5.1";
    TOKEN_LENGTH = "quic.token_length", Uint, "How long the token is with which a client proves its address.", "RFC 9000 §17.2.2";
    TOKEN = "quic.token", Bytes, "What the server once gave the client, in a Retry packet or before.", "RFC 9000 §17.2.2";
    LENGTH = "quic.length", Uint, "How many octets follow: the number of the packet and what is protected.", "RFC 9000 §17.2";
    RETRY_TOKEN = "quic.retry_token", Bytes, "What the client is to send with its next Initial packet.", "RFC 9000 §17.2.5";
    RETRY_TAG = "quic.retry_integrity_tag", Bytes, "What ties a Retry packet to the Initial packet that it answers.", "RFC 9001 §5.8";
    SUPPORTED_VERSION = "quic.supported_version", Uint, "A version that the server speaks.", "RFC 9000 §17.2.1";
}

impl Kind {
    /// Its name in RFC 9000.
    pub fn name(self) -> &'static str {
        match self {
            Self::Initial => "Initial",
            Self::ZeroRtt => "0-RTT",
            Self::Handshake => "Handshake",
            Self::Retry => "Retry",
            Self::VersionNegotiation => "Version Negotiation",
            Self::Short => "1-RTT",
        }
    }
}

/// The layers of the packets of a datagram, one each, and one behind it for a hello. `at` is where the datagram's payload lies.
pub fn describe(packets: &[QuicPacket], datagram: &[u8], at: &Span) -> Vec<Layer> {
    packets
        .iter()
        .flat_map(|packet| {
            let layer = packet.describe(datagram, at);
            let hello = packet.hello.as_deref().and_then(|hello| Some(hello.describe(layer.span.clone()?)));
            std::iter::once(layer).chain(hello)
        })
        .collect()
}

impl Hello {
    /// Its octets are not those of the packet: they were decrypted, and may have come in several.
    fn describe(&self, packet: Span) -> Layer {
        let mut layer =
            Layer::new("tls", "Transport Layer Security", Some(OsiLayer::Application), Some(packet.clone()));
        layer.summary = self.handshake.words();
        layer.derived.push(Derived { how: "decrypted", from: packet, bytes: self.message.clone() });
        let at = Span::new(Buffer::Derived(0), 0..self.message.len() as u64);
        self.handshake.describe(&mut layer, &at);
        layer
    }
}

impl QuicPacket {
    fn describe(&self, datagram: &[u8], at: &Span) -> Layer {
        let place = |n: usize| at.range.start + n as u64;
        let span = Span::new(at.buffer, place(self.range.start)..place(self.range.end));
        let mut layer = Layer::new("quic", "QUIC", Some(OsiLayer::Transport), Some(span));
        layer.summary = self.summary(of(datagram, &self.destination));
        let first = datagram.get(self.range.start).copied().unwrap_or(0);
        layer.computed(&PACKET_LENGTH, Value::Uint(self.range.len() as u64));
        layer.field(&HEADER_FORM, Value::Uint(u64::from(first >> 7)), 0..1);
        if !matches!(self.kind, Kind::VersionNegotiation | Kind::Retry) {
            layer.field(&FIXED_BIT, Value::Bool(first & 0x40 != 0), 0..1);
        }
        if let Some(version) = self.version {
            if version != 0 {
                let def = if version == V2 { &PACKET_TYPE_V2 } else { &PACKET_TYPE };
                layer.field(def, Value::Uint(u64::from(first >> 4 & 3)), 0..1);
            }
            layer.field(&VERSION, Value::Uint(u64::from(version)), 1..5);
        }
        self.describe_id(&mut layer, datagram, (&DCIL, &DCID), &self.destination);
        if let Some(source) = &self.source {
            self.describe_id(&mut layer, datagram, (&SCIL, &SCID), source);
            self.describe_versions(&mut layer, datagram, source.end);
        }
        self.describe_token(&mut layer, datagram);
        if let Some((range, length)) = &self.length {
            layer.field(&LENGTH, Value::Uint(*length), self.within(range));
        }
        layer
    }

    /// Where a part of the datagram lies in the packet.
    fn within(&self, range: &Range<usize>) -> Range<usize> {
        range.start - self.range.start..range.end - self.range.start
    }

    /// A connection ID, and before it, in a long header, its length.
    fn describe_id(
        &self,
        layer: &mut Layer,
        datagram: &[u8],
        (len, id): (&'static FieldDef, &'static FieldDef),
        range: &Range<usize>,
    ) {
        let here = self.within(range);
        if self.kind != Kind::Short {
            layer.field(len, Value::Uint(range.len() as u64), here.start - 1..here.start);
        }
        if !range.is_empty() {
            layer.field(id, Value::Bytes(of(datagram, range).to_vec()), here);
        }
    }

    fn describe_token(&self, layer: &mut Layer, datagram: &[u8]) {
        let Some((len, token)) = &self.token else { return };
        let octets = |range: &Range<usize>| Value::Bytes(of(datagram, range).to_vec());
        if self.kind == Kind::Retry {
            let tag = token.end..self.range.end;
            layer.field(&RETRY_TOKEN, octets(token), self.within(token));
            return layer.field(&RETRY_TAG, octets(&tag), self.within(&tag));
        }
        layer.field(&TOKEN_LENGTH, Value::Uint(token.len() as u64), self.within(len));
        if !token.is_empty() {
            layer.field(&TOKEN, octets(token), self.within(token));
        }
    }

    fn describe_versions(&self, layer: &mut Layer, datagram: &[u8], from: usize) {
        if self.kind != Kind::VersionNegotiation {
            return;
        }
        for (n, version) in of(datagram, &(from..self.range.end)).as_chunks::<4>().0.iter().enumerate() {
            let place = from + n * 4..from + n * 4 + 4;
            let version = Value::Uint(u64::from(u32::from_be_bytes(*version)));
            layer.field(&SUPPORTED_VERSION, version, self.within(&place));
        }
    }

    fn summary(&self, destination: &[u8]) -> String {
        let id: String = destination.iter().map(|octet| format!("{octet:02x}")).collect();
        let to = if id.is_empty() { String::new() } else { format!(" to {id}") };
        let version = match self.version {
            Some(V1) => " of version 1",
            Some(V2) => " of version 2",
            _ => "",
        };
        match self.kind {
            Kind::VersionNegotiation | Kind::Retry => format!("{}{version}{to}", self.kind.name()),
            kind => {
                let hello = self.hello.as_ref().map(|hello| format!(": {}", hello.handshake.words()));
                let octets = self.range.len();
                format!("{}{version}{to}, {octets} octets, protected{}", kind.name(), hello.unwrap_or_default())
            }
        }
    }
}

fn of<'a>(datagram: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    datagram.get(range.clone()).unwrap_or_default()
}
