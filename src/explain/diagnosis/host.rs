//! Requests that do not say which site is meant, or say it more than once.
//!
//! # References
//! - RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host
//!   header field and to any request message that contains more than one Host header field line".

use std::collections::BTreeMap;

use super::exchange::{Exchange, has_head};
use super::{Case, Finding, quoted};
use crate::protocol::HttpMessage;
use crate::trace::Message;

/// Requests that have the same wrong with them: what the first has, the frames of all, and how many they are.
struct Alike {
    has: String,
    frames: Vec<u32>,
    times: usize,
}

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    // A program that leaves it out always does: it is told of its first request.
    let mut found: BTreeMap<(bool, Option<u16>), Alike> = BTreeMap::new();
    for exchange in &case.exchanges {
        let Some((has, is_none)) = not_one(case, exchange) else { continue };
        let frames = [Some(exchange.request), exchange.answer].into_iter().flatten().map(Message::frame);
        let of_kind =
            found.entry((is_none, exchange.status)).or_insert_with(|| Alike { has, frames: Vec::new(), times: 0 });
        of_kind.frames.extend(frames);
        of_kind.times += 1;
    }
    let told = found.into_iter().map(|((_, status), Alike { has, frames, times })| {
        let also = if times > 1 { format!(" (and so with {} more)", times - 1) } else { String::new() };
        let answered = match status {
            Some(400) => ", as it did here".to_owned(),
            Some(status) => format!("; it was answered with {status}"),
            None => String::new(),
        };
        let text = format!("{has}{also}: a server must answer such a request of HTTP/1.1 with 400{answered}");
        Finding::warn(text, "RFC 9112 §3.2", frames)
    });
    told.collect()
}

/// What a request has instead of one Host, and whether that is none.
fn not_one(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<(String, bool)> {
    let request = exchange.request;
    let http = request.payload_as::<HttpMessage>().filter(|_| request.stream.is_none() && has_head(request))?;
    let what = || format!("{} {}", exchange.method, quoted(&exchange.target));
    let hosts = exchange.asks_all(case.trace, "host");
    match hosts.as_slice() {
        [_] => None,
        // Before HTTP/1.1 nobody had to say it.
        [] if http.version(case.trace.bytes(request)).as_deref() != Some("HTTP/1.1") => None,
        [] => Some((format!("{} has no Host, so nothing says which site is meant", what()), true)),
        several => {
            let which = quoted(&several.join(", "));
            let text = format!(
                "{} has Host {} times ({which}), of which each on the way may heed another",
                what(),
                several.len()
            );
            Some((text, false))
        }
    }
}
