//! The lines of messages: HTTP, server-sent events, WebSocket.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::object::Object;
use super::riders::{engineio, socketio, tls};
use crate::capture::Timestamp;
use crate::protocol::{HttpMessage, Opcode, WebSocketFrame};
use crate::trace::{Kind, Seen, Told};

/// Times and ends as text. Most lines have the second and the ends of a line shortly before.
#[derive(Default)]
pub(super) struct Moments {
    /// The second, and its text up to the fraction.
    second: u64,
    text: Vec<u8>,
    ends: Vec<Option<(SocketAddr, Vec<u8>)>>,
}

/// So many ends are remembered.
const ENDS: usize = 256;

const NANOSECONDS: u64 = 1_000_000_000;

impl Moments {
    /// RFC 3339 with nanoseconds, UTC. Times before 1970 are told as 1970 began.
    pub(super) fn rfc3339(&mut self, time: Timestamp) -> &[u8] {
        let nanoseconds = u64::try_from(time.0).unwrap_or(0);
        let (second, fraction) = (nanoseconds / NANOSECONDS, nanoseconds % NANOSECONDS);
        if self.text.is_empty() || self.second != second {
            let since = Duration::from_secs(second);
            self.text = humantime::format_rfc3339_nanos(UNIX_EPOCH + since).to_string().into_bytes();
            self.second = second;
        }
        // The text ends in nine digits and a Z.
        let len = self.text.len();
        let mut rest = fraction;
        for digit in self.text[len - 10..len - 1].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        &self.text
    }

    /// `ip:port`.
    pub(super) fn end(&mut self, end: SocketAddr) -> &[u8] {
        if self.ends.is_empty() {
            self.ends.resize(ENDS, None);
        }
        let slot = &mut self.ends[usize::from(end.port()) % ENDS];
        if slot.as_ref().is_none_or(|(known, _)| *known != end) {
            let mut text = Vec::new();
            // Writing to memory does not fail.
            let _ = write!(text, "{end}");
            *slot = Some((end, text));
        }
        slot.as_ref().map_or(&[], |(_, text)| text)
    }
}

pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A line with what every line of a message has.
fn line<'a>(seen: &Seen<'_>, kind: Kind, moments: &mut Moments, out: &'a mut Vec<u8>) -> Object<'a> {
    let mut line = Object::begin(out, kind.name());
    line.number("frame", seen.moment.frame);
    line.numbers("frames", seen.frames);
    line.word("time", moments.rfc3339(seen.moment.time));
    line.number("stream", seen.connection.id);
    let (from, to) = seen.ends();
    line.word("from", moments.end(from));
    line.word("to", moments.end(to));
    line
}

/// Writes the line of a message. In `buffer` masks are undone.
pub(super) fn message(
    seen: &Seen<'_>,
    told: &Told<'_>,
    moments: &mut Moments,
    buffer: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    if let Told::Http(kind, http) = told {
        return http_line(seen, *kind, http, moments, out);
    }
    let mut line = line(seen, told.kind(), moments, out);
    match told {
        Told::Http(..) => {}
        Told::SseEvent(sse) => {
            if let Some(event) = sse.event() {
                line.text("event", &event.event);
                line.text("data", &event.data);
                line.text("id", &event.id);
                line.number_or_null("retry", event.retry);
            }
        }
        Told::Handshake(handshake) => {
            line.flag("accepted", handshake.accepted);
            match handshake.accept_valid {
                Some(valid) => line.flag("accept_valid", valid),
                None => line.null("accept_valid"),
            }
            line.text_or_null("subprotocol", handshake.subprotocol.as_deref());
            line.text_or_null("extensions", handshake.extensions.as_deref());
        }
        Told::Frame(frame, _) => {
            line.flag("fin", frame.fin);
            line.flag("rsv1", frame.rsv & WebSocketFrame::RSV1 != 0);
            line.number("opcode", frame.opcode.bits());
            line.flag("masked", frame.masking_key.is_some());
            match &frame.masking_key {
                Some(key) => line.hex("masking_key", key),
                None => line.null("masking_key"),
            }
            line.number("payload_len", frame.payload_len);
        }
        Told::Message(whole) => {
            let payload = seen.bytes.and_then(|bytes| whole.payload_into(bytes, buffer));
            message_body(&mut line, whole.opcode, whole.encoded, whole.payload_len(), payload);
        }
        Told::Tls(record) => tls(&mut line, record),
        Told::EngineIo(packet) => engineio(&mut line, packet),
        Told::SocketIo(packet) => socketio(&mut line, packet),
    }
    line.end();
}

/// Writes the line of a message that is one frame.
pub(super) fn frame_as_message(
    seen: &Seen<'_>,
    frame: &WebSocketFrame,
    moments: &mut Moments,
    buffer: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    let payload = seen.bytes.map(|bytes| frame.payload_into(bytes, buffer));
    let mut line = line(seen, Kind::WebSocketMessage, moments, out);
    message_body(&mut line, frame.opcode, false, Some(frame.payload_len), payload);
    line.end();
}

fn message_body(line: &mut Object<'_>, opcode: Opcode, compressed: bool, len: Option<u64>, payload: Option<&[u8]>) {
    let close = payload.filter(|_| opcode == Opcode::Close).and_then(WebSocketFrame::close_body);
    let text = payload.filter(|_| opcode == Opcode::Text).and_then(|bytes| std::str::from_utf8(bytes).ok());
    line.shown("opcode", opcode);
    line.flag("compressed", compressed);
    line.number_or_null("payload_len", payload.map(|payload| payload.len() as u64).or(len));
    match payload {
        Some(payload) => line.hex("payload_sha256", &digest(payload)),
        None => line.null("payload_sha256"),
    }
    line.text_or_null("text", text);
    line.number_or_null("close_code", close.map(|(code, _)| code));
    line.text_or_null("close_reason", close.and_then(|(_, reason)| std::str::from_utf8(reason).ok()));
}

fn http_line(seen: &Seen<'_>, kind: Kind, http: &HttpMessage, moments: &mut Moments, out: &mut Vec<u8>) {
    let Some((bytes, (first, second))) = seen.bytes.and_then(|bytes| Some((bytes, http.start(bytes)?))) else {
        return;
    };
    let body = http.body(bytes);
    let mut line = line(seen, kind, moments, out);
    if kind == Kind::HttpRequest {
        line.text("method", &first);
        line.text("target", &second);
    } else {
        line.number_or_null("status", first.parse::<u16>().ok());
        line.text("reason", &second);
    }
    line.text_or_null("version", http.version(bytes).as_deref());
    line.value("headers", &http.headers(bytes));
    line.number("body_len", body.len());
    line.hex("body_sha256", &digest(&body));
    if let Some(decoded) = http.decoded_body(bytes).filter(|_| seen.complete) {
        line.number("decoded_len", decoded.len());
        line.hex("decoded_sha256", &digest(&decoded));
    }
    if kind == Kind::HttpResponse {
        line.number_or_null("request_frame", seen.request_frame);
    }
    line.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ends_are_written_anew_where_they_change() {
        let mut moments = Moments::default();
        for (time, text) in [
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (1_700_000_000_999_999_999, "2023-11-14T22:13:20.999999999Z"),
            (1_700_000_001_000_000_000, "2023-11-14T22:13:21.000000000Z"),
            (-5, "1970-01-01T00:00:00.000000000Z"),
        ] {
            assert_eq!(moments.rfc3339(Timestamp(time)), text.as_bytes());
        }
        for end in ["127.0.0.1:80", "[::1]:80", "127.0.0.1:336", "127.0.0.1:80"] {
            assert_eq!(moments.end(end.parse().unwrap()), end.as_bytes());
        }
    }
}
