//! The options of a TCP header.
//!
//! ```text
//! options = *( END / NOP / kind length *OCTET )      ; the length counts kind and itself, too
//! ```
//!
//! # References
//! - Form and maximum segment size: RFC 9293 §3.1, §3.7.1. Window scale and timestamps: RFC 7323. SACK: RFC 2018.
//!   Fast Open: RFC 7413.

use super::{Tcp, field};
use crate::layer::{Layer, Value};

crate::fields! {
    TCP_OPTIONS = "tcp.options", Bytes, "All options as they stand, padding included.", "RFC 9293 §3.1";
    TCP_OPT_KIND = "tcp.option_kind", Uint(8), "Which option it is: 2 the largest segment, 3 window scale, 4 and 5 SACK, 8 timestamps; 1 only fills up.", "RFC 9293 §3.1";
    TCP_OPT_LEN = "tcp.option_len", Uint(8), "The length of an option, its kind and length included, in octets.", "RFC 9293 §3.1";
    TCP_OPT_MSS = "tcp.options.mss_val", Uint(16), "The largest segment the sender is ready to take, in octets.", "RFC 9293 §3.7.1";
    TCP_OPT_WSCALE = "tcp.options.wscale.shift", Uint(8), "By how many bits windows are to be shifted.", "RFC 7323 §2.2";
    TCP_OPT_SACK_PERM = "tcp.options.sack_perm", Presence, "The sender can report what arrived out of order.", "RFC 2018 §2";
    TCP_OPT_SACK_LE = "tcp.options.sack_le", Uint(32), "The first sequence number of a stretch that arrived out of order, counted as `tcp.ack` is.", "RFC 2018 §3";
    TCP_OPT_SACK_RE = "tcp.options.sack_re", Uint(32), "The one after the last of that stretch.", "RFC 2018 §3";
    TCP_OPT_TSVAL = "tcp.options.timestamp.tsval", Uint(32), "The sender's clock.", "RFC 7323 §3.2";
    TCP_OPT_TSECR = "tcp.options.timestamp.tsecr", Uint(32), "The other side's clock, sent back to it.", "RFC 7323 §3.2";
    TCP_OPT_TFO_REQUEST = "tcp.options.tfo.request", Presence, "The client asks for a cookie, with which data may ride on a later SYN.", "RFC 7413 §4.1.1";
    TCP_OPT_TFO_COOKIE = "tcp.options.tfo.cookie", Bytes, "What the server gave the client to prove its address with, so that data may ride on a SYN.", "RFC 7413 §4.1.1";
}

/// The options that only a SYN carries, and that rule the whole connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SynOptions {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale shift.
    pub window_scale: Option<u8>,
    /// The capture cut them: what is not here may have been there.
    pub cut: bool,
}

impl Tcp {
    /// The options of a SYN.
    pub fn syn_options(&self, data: &[u8]) -> SynOptions {
        let cut = self.header_len(data) > self.header.len();
        let mut found = SynOptions { cut, ..SynOptions::default() };
        for option in options(self.header.of(data)) {
            match option.body {
                [a, b] if option.kind == kind::MSS => found.mss = Some(u16::from_be_bytes([*a, *b])),
                // "If a Window Scale option is received with a shift.cnt value larger than 14, the TCP SHOULD log the
                // error but MUST use 14 instead of the specified value." RFC 7323 §2.3
                [shift] if option.kind == kind::WINDOW_SCALE => found.window_scale = Some((*shift).min(14)),
                _ => {}
            }
        }
        found
    }
}

mod kind {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const MSS: u8 = 2;
    pub(super) const WINDOW_SCALE: u8 = 3;
    pub(super) const SACK_PERMITTED: u8 = 4;
    pub(super) const SACK: u8 = 5;
    pub(super) const TIMESTAMP: u8 = 8;
    pub(super) const FAST_OPEN: u8 = 34;
    /// Shared by experiments, which put their own number first (RFC 6994 §3).
    pub(super) const EXPERIMENT: u8 = 254;
}

/// Fast Open's number while it was an experiment (RFC 7413 §7).
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// One option: its kind, where it begins in the header, and its body; one that only fills up has none.
struct TcpOption<'a> {
    kind: u8,
    start: usize,
    body: &'a [u8],
}

impl TcpOption<'_> {
    /// Whether it is its kind and nothing else: it does not even say how long it is.
    fn is_single(&self) -> bool {
        matches!(self.kind, kind::END | kind::NO_OPERATION)
    }
}

/// The options of a TCP header: kind, length, body (RFC 9293 §3.1). Ends at the first one that makes no sense.
fn options(header: &[u8]) -> impl Iterator<Item = TcpOption<'_>> {
    let mut next = Some(field::OPTIONS);
    std::iter::from_fn(move || {
        let start = next.take()?;
        let kind = *header.get(start)?;
        if matches!(kind, kind::END | kind::NO_OPERATION) {
            next = (kind == kind::NO_OPERATION).then_some(start + 1);
            return Some(TcpOption { kind, start, body: &[] });
        }
        let len = usize::from(*header.get(start + 1)?);
        let body = header.get(start + 2..start + len)?;
        next = Some(start + len);
        Some(TcpOption { kind, start, body })
    })
}

/// Adds what the options say to the layer of the header.
pub(super) fn describe(layer: &mut Layer, header: &[u8]) {
    if let Some(all) = header.get(field::OPTIONS..).filter(|all| !all.is_empty()) {
        layer.field(&TCP_OPTIONS, Value::Bytes(all.to_vec()), field::OPTIONS..header.len());
    }
    for option in options(header) {
        let (start, at, body) = (option.start, option.start + 2, option.body);
        layer.field(&TCP_OPT_KIND, Value::Uint(option.kind.into()), start..start + 1);
        if !option.is_single() {
            layer.field(&TCP_OPT_LEN, Value::Uint(2 + body.len() as u64), start + 1..at);
        }
        let word = |i: usize| -> Option<u64> {
            body.get(i..i + 4).and_then(|b| b.try_into().ok()).map(|b| u64::from(u32::from_be_bytes(b)))
        };
        match (option.kind, body) {
            (kind::MSS, [a, b]) => {
                layer.field(&TCP_OPT_MSS, Value::Uint(u64::from(u16::from_be_bytes([*a, *b]))), at..at + 2);
            }
            (kind::WINDOW_SCALE, [shift]) => {
                layer.field(&TCP_OPT_WSCALE, Value::Uint(u64::from(*shift)), at..at + 1);
            }
            (kind::SACK_PERMITTED, []) => layer.field(&TCP_OPT_SACK_PERM, Value::Present, start..at),
            (kind::TIMESTAMP, [_, _, _, _, _, _, _, _]) => {
                layer.field(&TCP_OPT_TSVAL, Value::Uint(word(0).unwrap_or_default()), at..at + 4);
                layer.field(&TCP_OPT_TSECR, Value::Uint(word(4).unwrap_or_default()), at + 4..at + 8);
            }
            (kind::SACK, _) => {
                for i in (0..body.len()).step_by(8) {
                    let (Some(left), Some(right)) = (word(i), word(i + 4)) else { break };
                    layer.field(&TCP_OPT_SACK_LE, Value::Uint(left), at + i..at + i + 4);
                    layer.field(&TCP_OPT_SACK_RE, Value::Uint(right), at + i + 4..at + i + 8);
                }
            }
            (kind::FAST_OPEN, _) => describe_fast_open(layer, start, at, body),
            (kind::EXPERIMENT, [a, b, cookie @ ..]) if [*a, *b] == FAST_OPEN_EXPERIMENT => {
                describe_fast_open(layer, start, at + 2, cookie);
            }
            _ => {}
        }
    }
}

/// A Fast Open option that begins at octet `start` of the header, and its cookie at `at`. Without a cookie it asks for one
/// (RFC 7413 §4.1.1).
fn describe_fast_open(layer: &mut Layer, start: usize, at: usize, cookie: &[u8]) {
    match cookie {
        [] => layer.field(&TCP_OPT_TFO_REQUEST, Value::Present, start..at),
        _ => layer.field(&TCP_OPT_TFO_COOKIE, Value::Bytes(cookie.to_vec()), at..at + cookie.len()),
    }
}
