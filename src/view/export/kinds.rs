//! The lines of messages: HTTP, server-sent events, WebSocket.

use std::borrow::Cow;

use super::key::{Key, Keys};
use super::moments::Moments;
use super::object::Object;
use super::riders::{engineio, socketio, tls};
use crate::protocol::{HttpMessage, Opcode, WebSocketFrame};
use crate::trace::{Kind, QuicMessage, Seen, Sight, Told, ends_of};

/// Where a line is written, and which keys it has.
pub(super) type Out<'a> = (&'a mut Vec<u8>, Keys);

/// A line with what every line of a message has, which `moments` made for it ([`Moments::meet`]).
fn line<'a>(kind: Kind, moments: &Moments, (out, wanted): Out<'a>) -> Object<'a> {
    let mut line = Object::begin(out, kind.name(), wanted);
    line.made(moments.common());
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
    moments.put_time(&mut line, sight.frame.time);
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
        Told::SocketIo(packet) => socketio(&mut line, packet, sight.frame.time, moments),
        _ => {}
    }
    say_if_incomplete(&mut line, message.complete);
    line.end();
}

/// Writes the line of a message. In `buffer` masks are undone.
pub(super) fn message(seen: &Seen<'_>, told: &Told<'_>, moments: &Moments, buffer: &mut Vec<u8>, out: Out<'_>) {
    if let Told::Http(kind, http) = told {
        return http_line(seen, *kind, http, moments, out);
    }
    let mut line = line(told.kind(), moments, out);
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
            let bytes = seen.bytes.filter(|_| reads_payload(&line, whole.opcode));
            let payload = bytes.and_then(|bytes| whole.payload_into(bytes, buffer));
            message_body(&mut line, (whole.opcode, whole.is_utf8), whole.encoded, whole.payload_len(), payload);
        }
        Told::Tls(record) => tls(&mut line, record),
        Told::EngineIo(packet) => engineio(&mut line, packet),
        Told::SocketIo(packet) => socketio(&mut line, packet, seen.moment.time, moments),
    }
    say_if_incomplete(&mut line, seen.complete);
    line.end();
}

/// Of what is not all there it is said, of the rest nothing.
pub(super) fn say_if_incomplete(line: &mut Object<'_>, complete: bool) {
    if !complete {
        line.flag(Key::Complete, false);
    }
}

/// Writes the line of a message that is one frame.
pub(super) fn frame_as_message(
    seen: &Seen<'_>,
    frame: &WebSocketFrame,
    moments: &Moments,
    buffer: &mut Vec<u8>,
    out: Out<'_>,
) {
    let mut line = line(Kind::WebSocketMessage, moments, out);
    let bytes = seen.bytes.filter(|_| reads_payload(&line, frame.opcode));
    let payload = bytes.map(|bytes| frame.payload_into(bytes, buffer));
    message_body(&mut line, (frame.opcode, frame.is_utf8), false, Some(frame.payload_len), payload);
    say_if_incomplete(&mut line, seen.complete);
    line.end();
}

/// Whether anything in the line of a message is found out from its payload: else no mask is undone for it.
fn reads_payload(line: &Object<'_>, opcode: Opcode) -> bool {
    line.wants(Key::PayloadSha256)
        || match opcode {
            Opcode::Text => line.wants(Key::Text),
            Opcode::Close => line.wants(Key::CloseCode) || line.wants(Key::CloseReason),
            _ => false,
        }
}

fn message_body(
    line: &mut Object<'_>,
    (opcode, is_utf8): (Opcode, bool),
    compressed: bool,
    len: Option<u64>,
    payload: Option<&[u8]>,
) {
    let close = payload.filter(|_| opcode == Opcode::Close).and_then(WebSocketFrame::close_body);
    let text = payload.filter(|_| opcode == Opcode::Text && line.wants(Key::Text));
    // Of most text it is known, as its decoder has looked.
    let text = text.filter(|bytes| is_utf8 || std::str::from_utf8(bytes).is_ok());
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
    line.utf8_or_null(Key::Text, text);
    line.number_or_null(Key::CloseCode, close.map(|(code, _)| code));
    line.text_or_null(Key::CloseReason, close.and_then(|(_, reason)| std::str::from_utf8(reason).ok()));
}

fn texts<'a>(pairs: &'a [(Cow<'_, str>, Cow<'_, str>)]) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

fn http_line(seen: &Seen<'_>, kind: Kind, http: &HttpMessage, moments: &Moments, out: Out<'_>) {
    // Of what is too long to be kept the head is there.
    let Some(bytes) = seen.bytes.or(seen.begins) else { return };
    let Some((first, second)) = http.start(bytes) else { return };
    let body = seen.bytes.map(|bytes| http.body(bytes));
    let mut line = line(kind, moments, out);
    if kind == Kind::HttpRequest {
        line.text(Key::Method, &first);
        line.text(Key::Target, &second);
    } else {
        line.number_or_null(Key::Status, first.parse::<u16>().ok());
        line.text(Key::Reason, &second);
    }
    line.text_or_null(Key::Version, http.version(bytes).as_deref());
    match http.header_octets(bytes) {
        Some(headers) => line.pairs(Key::Headers, headers),
        None => line.pairs(Key::Headers, texts(&http.headers(bytes))),
    }
    match &body {
        Some(body) => {
            line.number(Key::BodyLen, body.len());
            line.digest(Key::BodySha256, body);
        }
        None => {
            line.number_or_null(Key::BodyLen, http.body_len(seen.range.end - seen.range.start));
            line.null(Key::BodySha256);
        }
    }
    let is_read = line.wants(Key::DecodedLen) || line.wants(Key::DecodedSha256);
    if let Some(decoded) = seen.bytes.filter(|_| is_read && seen.complete).and_then(|bytes| http.decoded_body(bytes)) {
        line.number(Key::DecodedLen, decoded.len());
        line.digest(Key::DecodedSha256, &decoded);
    }
    if kind == Kind::HttpResponse {
        line.number_or_null(Key::RequestFrame, seen.request_frame);
    }
    say_if_incomplete(&mut line, seen.complete);
    line.end();
}
