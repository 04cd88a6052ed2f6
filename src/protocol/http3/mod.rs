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
