//! QUIC packets in fields and words.

use std::ops::Range;

use super::{Hello, Kind, OpenedPacket, QuicPacket, V1, V2, frames_told};
use crate::count::counted;
use crate::layer::{Buffer, Derived, FieldDef, Layer, OsiLayer, Span, Value};

crate::fields! {
    CONNECTION = "quic.connection.number", Uint(32), "The connection, numbered from 0 in order of first packet.", "";
    PACKET_LENGTH = "quic.packet_length", Uint(32), "How many octets the packet has in its datagram.", "RFC 9000 §12.2";
    HEADER_FORM = "quic.header_form", Uint(8), "1 is a long header, 0 a short one.", "RFC 8999 §5";
    FIXED_BIT = "quic.fixed_bit", Bool, "Always set, but in Version Negotiation.", "RFC 9000 §17.2";
    PACKET_TYPE = "quic.long.packet_type", Uint(8), "In version 1: 0 is Initial, 1 0-RTT, 2 Handshake, 3 Retry.", "RFC 9000 §17.2";
    PACKET_TYPE_V2 = "quic.long.packet_type_v2", Uint(8), "In version 2: 0 is Retry, 1 Initial, 2 0-RTT, 3 Handshake.", "RFC 9369 §3.2";
    VERSION = "quic.version", Uint(32), "The version of QUIC; 0 in Version Negotiation.", "RFC 8999 §5.1";
    DCIL = "quic.dcil", Uint(8), "How long the receiver's connection ID is.", "RFC 8999 §5.1";
    DCID = "quic.dcid", Bytes, "The receiver's connection ID: by it, and not by addresses and ports, packets belong to a connection.", "RFC 9000 §5.1";
    SCIL = "quic.scil", Uint(8), "How long the sender's connection ID is.", "RFC 8999 §5.1";
    SCID = "quic.scid", Bytes, "The sender's connection ID, which the other side is to send to.", "RFC 9000 §5.1";
    TOKEN_LENGTH = "quic.token_length", Uint(64), "How long the token is with which a client proves its address.", "RFC 9000 §17.2.2";
    TOKEN = "quic.token", Bytes, "What the server once gave the client, in a Retry packet or before.", "RFC 9000 §17.2.2";
    LENGTH = "quic.length", Uint(64), "How many octets follow: the number of the packet and what is protected.", "RFC 9000 §17.2";
    RETRY_TOKEN = "quic.retry_token", Bytes, "What the client is to send with its next Initial packet.", "RFC 9000 §17.2.5";
    RETRY_TAG = "quic.retry_integrity_tag", Bytes, "What ties a Retry packet to the Initial packet that it answers.", "RFC 9001 §5.8";
    SUPPORTED_VERSION = "quic.supported_version", Uint(32), "A version that the server speaks.", "RFC 9000 §17.2.1";
    KEY_PHASE = "quic.key_phase", Bool, "It changes whenever a side goes on with new keys.", "RFC 9001 §6";
    PACKET_NUMBER = "quic.packet_number", Uint(64), "Which packet of its side and level of encryption it is, from 0; only its last octets are sent.", "RFC 9000 §12.3";
    FRAME_TYPE = "quic.frame_type", Uint(64), "What a frame is: 0 PADDING, 2 ACK, 6 CRYPTO, 8 to 15 STREAM, 28 and 29 CONNECTION_CLOSE, …", "RFC 9000 §19";
    ACK_LARGEST = "quic.ack.largest_acknowledged", Uint(64), "The highest number of a packet that came.", "RFC 9000 §19.3";
    ACK_DELAY = "quic.ack.ack_delay", Uint(64), "How long the acknowledgement waited, in units that the sides agreed on.", "RFC 9000 §19.3";
    ACK_COUNT = "quic.ack.ack_range_count", Uint(64), "How many gaps and ranges follow.", "RFC 9000 §19.3";
    ACK_FIRST = "quic.ack.first_ack_range", Uint(64), "How many packets before the largest came without a gap.", "RFC 9000 §19.3";
    ACK_GAP = "quic.ack.gap", Uint(64), "How many packets, less one, are missing before that.", "RFC 9000 §19.3.1";
    ACK_RANGE = "quic.ack.ack_range", Uint(64), "How many packets, less one, came before the gap.", "RFC 9000 §19.3.1";
    RESET_STREAM_ID = "quic.rsts.stream_id", Uint(64), "The stream that its sender breaks off.", "RFC 9000 §19.4";
    RESET_ERROR = "quic.rsts.application_error_code", Uint(64), "Why, as the application numbers it.", "RFC 9000 §19.4";
    RESET_SIZE = "quic.rsts.final_size", Uint(64), "How many octets of it were sent.", "RFC 9000 §19.4";
    STOP_ID = "quic.ss.stream_id", Uint(64), "The stream of which its receiver wants no more.", "RFC 9000 §19.5";
    STOP_ERROR = "quic.ss.application_error_code", Uint(64), "Why, as the application numbers it.", "RFC 9000 §19.5";
    CRYPTO_OFFSET = "quic.crypto.offset", Uint(64), "Where in the messages of TLS the octets begin.", "RFC 9000 §19.6";
    CRYPTO_LENGTH = "quic.crypto.length", Uint(64), "How many octets of them follow.", "RFC 9000 §19.6";
    NEW_TOKEN = "quic.nt.token", Bytes, "With this the client can prove its address the next time.", "RFC 9000 §19.7";
    STREAM_FIN = "quic.stream.fin", Bool, "The stream ends behind the octets of this frame.", "RFC 9000 §19.8";
    STREAM_ID = "quic.stream.stream_id", Uint(64), "Which stream: its last bit says who opened it (0 the client), the one before whether it goes one way only.", "RFC 9000 §2.1";
    STREAM_OFFSET = "quic.stream.offset", Uint(64), "Where in the stream the octets begin; a frame without it begins at 0.", "RFC 9000 §19.8";
    STREAM_LENGTH = "quic.stream.length", Uint(64), "How many octets follow; a frame without it reaches to the end of its packet.", "RFC 9000 §19.8";
    STREAM_DATA = "quic.stream_data", Bytes, "What the frame brings of its stream.", "RFC 9000 §19.8";
    MAX_DATA = "quic.md.maximum_data", Uint(64), "How many octets may be sent on all streams together.", "RFC 9000 §19.9";
    MAX_STREAM_ID = "quic.msd.stream_id", Uint(64), "A stream on which more may be sent.", "RFC 9000 §19.10";
    MAX_STREAM_DATA = "quic.msd.maximum_stream_data", Uint(64), "How many octets may be sent on it.", "RFC 9000 §19.10";
    MAX_STREAMS = "quic.ms.max_streams", Uint(64), "How many streams may be opened.", "RFC 9000 §19.11";
    ID_SEQUENCE = "quic.nci.sequence", Uint(64), "The number of a connection ID that the other side may use, too.", "RFC 9000 §19.15";
    ID_RETIRE = "quic.nci.retire_prior_to", Uint(64), "Those with lower numbers are to be given up.", "RFC 9000 §19.15";
    RETIRED = "quic.rci.sequence", Uint(64), "The number of a connection ID that is given up.", "RFC 9000 §19.16";
    CLOSE_ERROR = "quic.cc.error_code", Uint(64), "Why QUIC ends the connection.", "RFC 9000 §20.1";
    CLOSE_ERROR_APP = "quic.cc.error_code.app", Uint(64), "Why the application ends the connection, as it numbers it.", "RFC 9000 §20.2";
    CLOSE_FRAME = "quic.cc.frame_type", Uint(64), "The type of the frame that was the matter; 0 if none was.", "RFC 9000 §19.19";
    CLOSE_REASON = "quic.cc.reason_phrase", Text, "The same in words.", "RFC 9000 §19.19";
    DATAGRAM = "quic.dg", Bytes, "A message outside of any stream, which may be lost.", "RFC 9221 §4";
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
            let span = layer.span.clone();
            let messages = packet.opened.iter().flat_map(|opened| &opened.messages);
            let messages: Vec<_> = messages.filter_map(|message| Some(message.describe(span.clone()?))).collect();
            std::iter::once(layer).chain(messages)
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
        // All packets of a datagram are of one connection (RFC 9000 §12.2): it is said once.
        if self.range.start == 0 {
            layer.computed(&CONNECTION, Value::Uint(u64::from(self.connection)));
        }
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
        if let Some(opened) = &self.opened {
            self.describe_opened(opened, &mut layer);
        }
        layer
    }

    /// What was protected: the last bits of the first octet, the number, and the frames, which are octets of their own.
    fn describe_opened(&self, opened: &OpenedPacket, layer: &mut Layer) {
        let Some(packet) = layer.span.clone() else { return };
        let number = self.within(&self.number_at(opened.number_len));
        if self.kind == Kind::Short {
            layer.field(&KEY_PHASE, Value::Bool(opened.first & 4 != 0), 0..1);
        }
        layer.field(&PACKET_NUMBER, Value::Uint(opened.number), number.clone());
        let start = packet.range.start + number.end as u64;
        let from = Span::new(packet.buffer, start..start + opened.content.len() as u64);
        layer.derived.push(Derived { how: "decrypted", from, bytes: opened.content.clone() });
        frames_told::describe(&opened.content, layer);
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

    /// What it was found to hold: messages of TLS, or else the frames by their names.
    fn inside(opened: &OpenedPacket) -> String {
        match opened.messages.as_slice() {
            [] => frames_told::words(&opened.content),
            messages => messages.iter().map(|message| message.handshake.words()).collect::<Vec<_>>().join(", "),
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
                let octets = counted(self.range.len(), "octet");
                let inside = self.opened.as_deref().map(Self::inside).filter(|words| !words.is_empty());
                let inside = inside.map(|words| format!(": {words}")).unwrap_or_default();
                format!("{}{version}{to}, {octets}, protected{inside}", kind.name())
            }
        }
    }
}

fn of<'a>(datagram: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    datagram.get(range.clone()).unwrap_or_default()
}
