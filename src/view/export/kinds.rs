//! The lines of messages: HTTP, server-sent events, WebSocket.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Lines;
use super::riders::{engineio, socketio};
use crate::capture::Timestamp;
use crate::layer::{Direction, colon_hex};
use crate::protocol::engineio::EngineIoPacket;
use crate::protocol::socketio::SocketIoPacket;
use crate::protocol::{
    HttpMessage, Opcode, Side, SseEventMessage, WebSocketFrame, WebSocketHandshake, WebSocketMessage,
};
use crate::trace::{Message, Trace};

/// What every line has.
#[derive(Serialize)]
struct Common<'a> {
    frame: u32,
    frames: &'a [u32],
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<SocketAddr>,
}

/// RFC 3339 with nanoseconds, UTC. Times before 1970 are told as 1970 began.
pub(super) fn rfc3339(time: Timestamp) -> String {
    let since = Duration::from_nanos(u64::try_from(time.0).unwrap_or(0));
    humantime::format_rfc3339_nanos(UNIX_EPOCH + since).to_string()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    colon_hex(&Sha256::digest(bytes)).replace(':', "")
}

#[derive(Serialize)]
struct MessageLine<'a, T> {
    #[serde(flatten)]
    common: Common<'a>,
    #[serde(flatten)]
    body: T,
}

#[derive(Serialize)]
struct Request {
    method: String,
    target: String,
    version: Option<String>,
    headers: Vec<(String, String)>,
    body_len: usize,
    body_sha256: String,
    #[serde(flatten)]
    decoded: Option<Decoded>,
}

/// The body with its content codings undone.
#[derive(Serialize)]
struct Decoded {
    decoded_len: usize,
    decoded_sha256: String,
}

#[derive(Serialize)]
struct Response {
    status: Option<u16>,
    reason: String,
    version: Option<String>,
    headers: Vec<(String, String)>,
    body_len: usize,
    body_sha256: String,
    #[serde(flatten)]
    decoded: Option<Decoded>,
    request_frame: Option<u32>,
}

#[derive(Serialize)]
struct ServerSent<'a> {
    event: &'a str,
    data: &'a str,
    id: &'a str,
    retry: Option<u64>,
}

#[derive(Serialize)]
struct Handshake<'a> {
    accepted: bool,
    accept_valid: Option<bool>,
    subprotocol: Option<&'a str>,
    extensions: Option<&'a str>,
}

#[derive(Serialize)]
struct Frame {
    fin: bool,
    rsv1: bool,
    opcode: u8,
    masked: bool,
    masking_key: Option<String>,
    payload_len: u64,
}

#[derive(Serialize)]
struct WholeMessage {
    opcode: String,
    compressed: bool,
    payload_len: Option<usize>,
    payload_sha256: Option<String>,
    text: Option<String>,
    close_code: Option<u16>,
    close_reason: Option<String>,
}

/// Writes the lines of one message: those of its own kind, and for a WebSocket frame that is a whole message that too.
pub(super) fn message(trace: &Trace, message: &Message, lines: &mut Lines<'_>) -> io::Result<()> {
    let bytes = trace.bytes(message);
    if let Some(http) = message.payload_as::<HttpMessage>() {
        return http_lines(trace, message, http, bytes, lines);
    }
    if let Some(sse) = message.payload_as::<SseEventMessage>() {
        // Comments and what the client's program never gets are no events.
        let Some(event) = sse.event().filter(|event| event.dispatched) else { return Ok(()) };
        let body = ServerSent { event: &event.event, data: &event.data, id: &event.id, retry: event.retry };
        return line(trace, message, "sse.event", body, lines);
    }
    if let Some(handshake) = message.payload_as::<WebSocketHandshake>() {
        let body = Handshake {
            accepted: handshake.accepted,
            accept_valid: handshake.accept_valid,
            subprotocol: handshake.subprotocol.as_deref(),
            extensions: handshake.extensions.as_deref(),
        };
        return line(trace, message, "websocket.handshake", body, lines);
    }
    if let Some(frame) = message.payload_as::<WebSocketFrame>() {
        return frame_lines(trace, message, frame, bytes, lines);
    }
    if let Some(packet) = message.payload_as::<EngineIoPacket>() {
        return line(trace, message, "engineio.packet", engineio(packet), lines);
    }
    if let Some(packet) = message.payload_as::<SocketIoPacket>() {
        return line(trace, message, "socketio.packet", socketio(packet), lines);
    }
    match message.payload_as::<WebSocketMessage>() {
        Some(whole) if lines.wants("websocket.message") => {
            let payload = whole.payload(bytes);
            line(
                trace,
                message,
                "websocket.message",
                whole_message(whole.opcode, whole.encoded, payload.as_deref()),
                lines,
            )
        }
        _ => Ok(()),
    }
}

fn http_lines(
    trace: &Trace,
    message: &Message,
    http: &HttpMessage,
    bytes: &[u8],
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    let Some((first, second)) = http.start(bytes) else { return Ok(()) };
    let body = http.body(bytes);
    let (headers, version) = (http.headers(bytes), http.version(bytes));
    let (body_len, body_sha256) = (body.len(), sha256(&body));
    let decoded = http.decoded_body(bytes).filter(|_| message.complete);
    let decoded = decoded.map(|body| Decoded { decoded_len: body.len(), decoded_sha256: sha256(&body) });
    match http.side {
        Side::Request => {
            let body = Request { method: first, target: second, version, headers, body_len, body_sha256, decoded };
            line(trace, message, "http.request", body, lines)
        }
        Side::Response => {
            let stream = trace.stream(message.connection, Direction::ToServer);
            let request = http.answers.clone().zip(stream);
            let request_frame = request.and_then(|(range, stream)| stream.frames(range).last().copied());
            let status = first.parse().ok();
            let body =
                Response { status, reason: second, version, headers, body_len, body_sha256, decoded, request_frame };
            line(trace, message, "http.response", body, lines)
        }
        Side::Unreadable => Ok(()),
    }
}

fn frame_lines(
    trace: &Trace,
    message: &Message,
    frame: &WebSocketFrame,
    bytes: &[u8],
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    let body = Frame {
        fin: frame.fin,
        rsv1: frame.rsv & WebSocketFrame::RSV1 != 0,
        opcode: frame.opcode.bits(),
        masked: frame.masking_key.is_some(),
        masking_key: frame.masking_key.map(|key| colon_hex(&key).replace(':', "")),
        payload_len: frame.payload_len,
    };
    line(trace, message, "websocket.frame", body, lines)?;
    let whole = frame.fin && message.complete && !matches!(frame.opcode, Opcode::Continuation | Opcode::Reserved(_));
    if whole && !frame.encoded && lines.wants("websocket.message") {
        let body = whole_message(frame.opcode, false, Some(&frame.payload(bytes)));
        return line(trace, message, "websocket.message", body, lines);
    }
    Ok(())
}

fn whole_message(opcode: Opcode, compressed: bool, bytes: Option<&[u8]>) -> WholeMessage {
    let close = bytes.filter(|_| opcode == Opcode::Close).and_then(WebSocketFrame::close_body);
    let text = bytes.filter(|_| opcode == Opcode::Text).and_then(|bytes| std::str::from_utf8(bytes).ok());
    WholeMessage {
        opcode: opcode.to_string(),
        compressed,
        payload_len: bytes.map(<[u8]>::len),
        payload_sha256: bytes.map(sha256),
        text: text.map(str::to_owned),
        close_code: close.map(|(code, _)| code),
        close_reason: close.and_then(|(_, reason)| std::str::from_utf8(reason).ok().map(str::to_owned)),
    }
}

fn line<T: Serialize>(
    trace: &Trace,
    message: &Message,
    kind: &'static str,
    body: T,
    lines: &mut Lines<'_>,
) -> io::Result<()> {
    if !lines.wants(kind) {
        return Ok(());
    }
    let connection = trace.connections().get(message.connection as usize);
    let ends = connection.map(|connection| match message.direction {
        Direction::ToServer => (connection.client, connection.server),
        Direction::ToClient => (connection.server, connection.client),
    });
    let common = Common {
        frame: message.frame(),
        frames: &message.frames,
        time: rfc3339(message.time),
        stream: Some(message.connection),
        from: ends.map(|(from, _)| from),
        to: ends.map(|(_, to)| to),
    };
    lines.write(kind, &MessageLine { common, body })
}
