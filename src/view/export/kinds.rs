//! The lines of messages: HTTP, server-sent events, WebSocket.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::key::{Key, Keys};
use super::object::Object;
use super::riders::{engineio, socketio, tls};
use crate::capture::Timestamp;
use crate::protocol::{HttpMessage, Opcode, WebSocketFrame};
use crate::trace::{Kind, QuicMessage, Seen, Sight, Told, ends_of};

/// Where a line is written, and which keys it has.
pub(super) type Out<'a> = (&'a mut Vec<u8>, Keys);

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

/// A line with what every line of a message has.
fn line<'a>(seen: &Seen<'_>, kind: Kind, moments: &mut Moments, (out, wanted): Out<'a>) -> Object<'a> {
    let mut line = Object::begin(out, kind.name(), wanted);
    line.number(Key::Frame, seen.moment.frame);
    line.numbers(Key::Frames, seen.frames);
    if line.wants(Key::Time) {
        line.word(Key::Time, moments.rfc3339(seen.moment.time));
    }
    line.number(Key::Stream, seen.connection.id);
    if line.wants(Key::From) || line.wants(Key::To) {
        let (from, to) = seen.ends();
        line.word(Key::From, moments.end(from));
        line.word(Key::To, moments.end(to));
    }
    line
}

/// Writes the line of a message on a stream of QUIC.
pub(super) fn over_quic(
    sight: &Sight<'_>,
    message: &QuicMessage,
    told: &Told<'_>,
    moments: &mut Moments,
    (out, wanted): Out<'_>,
) {
    let mut line = Object::begin(out, told.kind().name(), wanted);
    line.number(Key::Frame, sight.number);
    line.numbers(Key::Frames, &message.frames);
    line.word(Key::Time, moments.rfc3339(sight.frame.time));
    if let Some((from, to)) = ends_of(sight.whole().0) {
        line.word(Key::From, moments.end(from));
        line.word(Key::To, moments.end(to));
    }
    line.nested(Key::Quic, |quic| {
        quic.number(Key::Connection, message.connection);
        quic.number(Key::Stream, message.stream);
    });
    match told {
        Told::EngineIo(packet) => engineio(&mut line, packet),
        Told::SocketIo(packet) => socketio(&mut line, packet),
        _ => {}
    }
    line.end();
}

/// Writes the line of a message. In `buffer` masks are undone.
pub(super) fn message(seen: &Seen<'_>, told: &Told<'_>, moments: &mut Moments, buffer: &mut Vec<u8>, out: Out<'_>) {
    if let Told::Http(kind, http) = told {
        return http_line(seen, *kind, http, moments, out);
    }
    let mut line = line(seen, told.kind(), moments, out);
    match told {
        Told::Http(..) => {}
        Told::SseEvent(sse) => {
            if let Some(event) = sse.event() {
                line.text(Key::Event, &event.event);
                line.text(Key::Data, &event.data);
                line.text(Key::Id, &event.id);
                line.number_or_null(Key::Retry, event.retry);
            }
        }
        Told::Handshake(handshake) => {
            line.flag(Key::Accepted, handshake.accepted);
            match handshake.accept_valid {
                Some(valid) => line.flag(Key::AcceptValid, valid),
                None => line.null(Key::AcceptValid),
            }
            line.text_or_null(Key::Subprotocol, handshake.subprotocol.as_deref());
            line.text_or_null(Key::Extensions, handshake.extensions.as_deref());
        }
        Told::Frame(frame, _) => {
            line.flag(Key::Fin, frame.fin);
            line.flag(Key::Rsv1, frame.rsv & WebSocketFrame::RSV1 != 0);
            line.number(Key::Opcode, frame.opcode.bits());
            line.flag(Key::Masked, frame.masking_key.is_some());
            match &frame.masking_key {
                Some(key) => line.hex(Key::Mask, key),
                None => line.null(Key::Mask),
            }
            line.number(Key::PayloadLen, frame.payload_len);
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
    out: Out<'_>,
) {
    let payload = seen.bytes.map(|bytes| frame.payload_into(bytes, buffer));
    let mut line = line(seen, Kind::WebSocketMessage, moments, out);
    message_body(&mut line, frame.opcode, false, Some(frame.payload_len), payload);
    line.end();
}

fn message_body(line: &mut Object<'_>, opcode: Opcode, compressed: bool, len: Option<u64>, payload: Option<&[u8]>) {
    let close = payload.filter(|_| opcode == Opcode::Close).and_then(WebSocketFrame::close_body);
    let text = payload.filter(|_| opcode == Opcode::Text && line.wants(Key::Text));
    let text = text.and_then(|bytes| std::str::from_utf8(bytes).ok());
    match opcode {
        Opcode::Text => line.word(Key::Opcode, b"text"),
        other => line.shown(Key::Opcode, other),
    }
    line.flag(Key::Compressed, compressed);
    line.number_or_null(Key::PayloadLen, payload.map(|payload| payload.len() as u64).or(len));
    match payload {
        Some(payload) => line.digest(Key::PayloadSha256, payload),
        None => line.null(Key::PayloadSha256),
    }
    line.text_or_null(Key::Text, text);
    line.number_or_null(Key::CloseCode, close.map(|(code, _)| code));
    line.text_or_null(Key::CloseReason, close.and_then(|(_, reason)| std::str::from_utf8(reason).ok()));
}

fn http_line(seen: &Seen<'_>, kind: Kind, http: &HttpMessage, moments: &mut Moments, out: Out<'_>) {
    let Some((bytes, (first, second))) = seen.bytes.and_then(|bytes| Some((bytes, http.start(bytes)?))) else {
        return;
    };
    let body = http.body(bytes);
    let mut line = line(seen, kind, moments, out);
    if kind == Kind::HttpRequest {
        line.text(Key::Method, &first);
        line.text(Key::Target, &second);
    } else {
        line.number_or_null(Key::Status, first.parse::<u16>().ok());
        line.text(Key::Reason, &second);
    }
    line.text_or_null(Key::Version, http.version(bytes).as_deref());
    line.value(Key::Headers, &http.headers(bytes));
    line.number(Key::BodyLen, body.len());
    line.digest(Key::BodySha256, &body);
    let is_read = line.wants(Key::DecodedLen) || line.wants(Key::DecodedSha256);
    if let Some(decoded) = Some(bytes).filter(|_| is_read && seen.complete).and_then(|bytes| http.decoded_body(bytes)) {
        line.number(Key::DecodedLen, decoded.len());
        line.digest(Key::DecodedSha256, &decoded);
    }
    if kind == Kind::HttpResponse {
        line.number_or_null(Key::RequestFrame, seen.request_frame);
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
