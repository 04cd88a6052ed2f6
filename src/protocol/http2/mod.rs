//! HTTP/2: frames on streams, and what their header blocks say.
//!
//! A connection is read from its beginning: header fields are compressed with all that came before. What the frames of one
//! stream make up, a request and its answer, is told frame by frame.
//!
//! # References
//! - HTTP/2: RFC 9113. HPACK: RFC 7541. WebSocket over it: RFC 8441.

mod decoder;
mod exchange;
mod frame;
mod hpack;
mod huffman;
mod names;
mod streams;

pub(super) use exchange::Exchange;
pub use frame::Http2Frame;
pub use hpack::HeaderField as Http2Header;
pub(super) use hpack::{Broken, MAX_LIST, OVERHEAD, Reader, TOO_LONG, Text};
pub(super) use names::FIELDS as NAMED_FIELDS;

use crate::layer::FieldDef;
use crate::message::{Decoder, Dissector, Probe, Sink, Upgrade, Verdict};

crate::fields! {
    MAGIC = "http2.magic", Text, "What a client says first, so that nobody takes it for HTTP/1.", "RFC 9113 §3.4";
    LENGTH = "http2.length", Uint(24), "How many octets follow the nine of the header.", "RFC 9113 §4.1";
    TYPE = "http2.type", Uint(8), "What the frame is: 0 DATA, 1 HEADERS, 3 RST_STREAM, 4 SETTINGS, 6 PING, 7 GOAWAY, 8 WINDOW_UPDATE, …", "RFC 9113 §6";
    FLAGS = "http2.flags", Uint(8), "Flags, whose meaning depends on the type: 1 END_STREAM or ACK, 4 END_HEADERS.", "RFC 9113 §4.1";
    STREAM = "http2.streamid", Uint(32), "Which stream; 0 is the connection itself, odd ones the client has opened.", "RFC 9113 §5.1.1";
    DATA = "http2.data.data", Bytes, "What a DATA frame brings the application, without its padding.", "RFC 9113 §6.1";
    HEADER_NAME = "http2.header.name", Text, "The name of a header field.", "RFC 9113 §8.2";
    HEADER_VALUE = "http2.header.value", Text, "Its value.", "RFC 9113 §8.2";
    SETTING = "http2.settings.id", Uint(16), "Which setting: 1 HEADER_TABLE_SIZE, 3 MAX_CONCURRENT_STREAMS, 4 INITIAL_WINDOW_SIZE, 8 ENABLE_CONNECT_PROTOCOL.", "RFC 9113 §6.5.2";
    ERROR = "http2.rst_stream.error", Uint(32), "Why a stream was ended: 0 NO_ERROR, 8 CANCEL, …", "RFC 9113 §7";
    GOAWAY_ERROR = "http2.goaway.error", Uint(32), "Why the connection is ended.", "RFC 9113 §6.8";
    INCREMENT = "http2.window_update.window_size_increment", Uint(32), "How many octets more may be sent.", "RFC 9113 §6.9";
}

/// The registered dissector.
pub(super) struct Http2;

impl Dissector for Http2 {
    fn name(&self) -> &'static str {
        "http2"
    }

    fn fields(&self) -> &'static [&'static FieldDef] {
        FIELDS
    }

    fn probe(&self, probe: Probe<'_>) -> Verdict {
        let begins = probe.to_server.iter().zip(decoder::PREFACE).all(|(octet, expected)| octet == expected);
        match begins && !probe.joined {
            false => Verdict::No,
            true if probe.to_server.len() >= decoder::PREFACE.len() => Verdict::Yes,
            true if probe.end => Verdict::No,
            true => Verdict::NeedMore,
        }
    }

    fn decoder(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::<decoder::Http2Decoder>::default())
    }

    /// "The HTTP/1.1 request that is sent prior to upgrade is assigned a stream identifier of 1" (RFC 7540 §3.2; RFC 9113 §3.1 has
    /// given this way up, and programs still go it).
    fn upgraded(&self, upgrade: &Upgrade, _sink: &mut dyn Sink) -> Option<Box<dyn Decoder>> {
        upgrade.switched.then(|| Box::new(decoder::Http2Decoder::upgraded(&upgrade.request)) as Box<dyn Decoder>)
    }

    fn upgrade_token(&self) -> Option<&'static str> {
        Some("h2c")
    }
}

#[cfg(test)]
mod tests;
