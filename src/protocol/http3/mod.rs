//! HTTP/3: what the streams of a QUIC connection say, and which of them belong to a session of WebTransport.
//!
//! ```text
//! both ways   frames: type │ length │ octets …       HEADERS, DATA
//!             41 │ session │ octets of WebTransport …            (the first octets of who opened the stream; its answer has none)
//! one way     0 │ frames …            SETTINGS       2 │ instructions of QPACK …       3 │ acknowledgements of QPACK …
//!             54 │ session │ octets of WebTransport …
//! ```
//!
//! A session is a request with the method CONNECT and `:protocol` webtransport; its number is that of the request's stream.
//!
//! # References
//! - RFC 9114 §6 (streams), §7 (frames). RFC 9204 (QPACK). RFC 9220 (extended CONNECT).
//! - WebTransport: draft-ietf-webtrans-http3, §4.

mod frame;
mod qpack;
mod statics;
mod streams;

pub use frame::{FIELDS, Http3Frame};
pub use qpack::Http3Header;
pub use streams::{Http3, Step};

/// What the number is called by which HTTP/3 says why it ends a stream or a connection (RFC 9114 §8.1, RFC 9204 §6, RFC 9297 §5.2).
pub fn error_name(code: u64) -> Option<&'static str> {
    Some(match code {
        0x33 => "H3_DATAGRAM_ERROR",
        0x100 => "H3_NO_ERROR",
        0x101 => "H3_GENERAL_PROTOCOL_ERROR",
        0x102 => "H3_INTERNAL_ERROR",
        0x103 => "H3_STREAM_CREATION_ERROR",
        0x104 => "H3_CLOSED_CRITICAL_STREAM",
        0x105 => "H3_FRAME_UNEXPECTED",
        0x106 => "H3_FRAME_ERROR",
        0x107 => "H3_EXCESSIVE_LOAD",
        0x108 => "H3_ID_ERROR",
        0x109 => "H3_SETTINGS_ERROR",
        0x10a => "H3_MISSING_SETTINGS",
        0x10b => "H3_REQUEST_REJECTED",
        0x10c => "H3_REQUEST_CANCELLED",
        0x10d => "H3_REQUEST_INCOMPLETE",
        0x10e => "H3_MESSAGE_ERROR",
        0x10f => "H3_CONNECT_ERROR",
        0x110 => "H3_VERSION_FALLBACK",
        0x200 => "QPACK_DECOMPRESSION_FAILED",
        0x201 => "QPACK_ENCODER_STREAM_ERROR",
        0x202 => "QPACK_DECODER_STREAM_ERROR",
        _ => return None,
    })
}

/// The types of frames that mean something here (RFC 9114 §7.2).
mod kind {
    pub(super) const DATA: u64 = 0;
    pub(super) const HEADERS: u64 = 1;
    pub(super) const CANCEL_PUSH: u64 = 3;
    pub(super) const SETTINGS: u64 = 4;
    pub(super) const PUSH_PROMISE: u64 = 5;
    pub(super) const GOAWAY: u64 = 7;
    pub(super) const MAX_PUSH_ID: u64 = 13;
    /// On a stream both ways: what follows belongs to a session of WebTransport.
    pub(super) const WEBTRANSPORT: u64 = 0x41;
}

/// The types of streams that go one way (RFC 9114 §6.2, RFC 9204 §4.2).
mod stream_type {
    pub(super) const CONTROL: u64 = 0;
    pub(super) const PUSH: u64 = 1;
    pub(super) const ENCODER: u64 = 2;
    pub(super) const DECODER: u64 = 3;
    /// The same of WebTransport.
    pub(super) const WEBTRANSPORT: u64 = 0x54;
}
