//! The kinds of things that are told of a capture, by the names that exports and summaries give them.

use super::over_quic::QuicMessage;
use super::watch::Seen;
use crate::message::Payload;
use crate::protocol::engineio::EngineIoPacket;
use crate::protocol::socketio::SocketIoPacket;
use crate::protocol::{
    HttpMessage, Opcode, Side, SseEventMessage, TlsRecord, WebSocketFrame, WebSocketHandshake, WebSocketMessage,
};

/// A kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A frame.
    Packet,
    /// A request of HTTP.
    HttpRequest,
    /// A response of HTTP.
    HttpResponse,
    /// An event that the client's program gets from an event stream.
    SseEvent,
    /// A request for WebSocket, answered.
    WebSocketHandshake,
    /// A frame of WebSocket.
    WebSocketFrame,
    /// A message of WebSocket, or one of its control frames.
    WebSocketMessage,
    /// A packet of Engine.IO.
    EngineIoPacket,
    /// A packet of Socket.IO.
    SocketIoPacket,
    /// A record of TLS.
    TlsRecord,
    /// A datagram of UDP.
    UdpDatagram,
    /// Something odd.
    Note,
}

impl Kind {
    /// All of them, in the order in which they stand in the documentation.
    pub const ALL: [Self; 12] = [
        Self::Packet,
        Self::HttpRequest,
        Self::HttpResponse,
        Self::SseEvent,
        Self::WebSocketHandshake,
        Self::WebSocketFrame,
        Self::WebSocketMessage,
        Self::EngineIoPacket,
        Self::SocketIoPacket,
        Self::TlsRecord,
        Self::UdpDatagram,
        Self::Note,
    ];

    /// Its name: `websocket.message`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::HttpRequest => "http.request",
            Self::HttpResponse => "http.response",
            Self::SseEvent => "sse.event",
            Self::WebSocketHandshake => "websocket.handshake",
            Self::WebSocketFrame => "websocket.frame",
            Self::WebSocketMessage => "websocket.message",
            Self::EngineIoPacket => "engineio.packet",
            Self::SocketIoPacket => "socketio.packet",
            Self::TlsRecord => "tls.record",
            Self::UdpDatagram => "udp.datagram",
            Self::Note => "note",
        }
    }
}

/// Whether a frame of WebSocket is a message: what came in several, or compressed, is told as one of its own behind them.
fn is_message(frame: &WebSocketFrame, complete: bool) -> bool {
    let data = !matches!(frame.opcode, Opcode::Continuation | Opcode::Reserved(_));
    data && frame.fin && !frame.encoded && complete
}

/// Whether what a decoder hands out counts among the messages of its connection: each of them once, not its pieces, nor what
/// is concluded from others.
pub(super) fn counts(payload: &dyn Payload, complete: bool) -> bool {
    let any = payload.as_any();
    if let Some(frame) = any.downcast_ref() {
        return is_message(frame, complete);
    }
    match any.downcast_ref::<HttpMessage>() {
        Some(http) => http.side != Side::Unreadable,
        None => any.is::<WebSocketMessage>() || payload.owns_bytes(),
    }
}

/// What a message is, for those who count or write it.
#[derive(Clone, Copy)]
pub enum Told<'a> {
    /// A request or a response.
    Http(Kind, &'a HttpMessage),
    /// An event that the client's program gets, or of which that is not known as it is cut.
    SseEvent(&'a SseEventMessage),
    /// An answered request for WebSocket.
    Handshake(&'a WebSocketHandshake),
    /// A frame; and whether it is a whole message.
    Frame(&'a WebSocketFrame, bool),
    /// A message put together or inflated.
    Message(&'a WebSocketMessage),
    /// A packet of Engine.IO.
    EngineIo(&'a EngineIoPacket),
    /// A packet of Socket.IO.
    SocketIo(&'a SocketIoPacket),
    /// A record of TLS.
    Tls(&'a TlsRecord),
}

impl<'a> Told<'a> {
    /// What a message is; `None` for what is no kind of its own, such as octets that cannot be read.
    pub fn of(seen: &Seen<'a>) -> Option<Self> {
        let any = seen.payload.as_any();
        if let Some(frame) = any.downcast_ref::<WebSocketFrame>() {
            return Some(Self::Frame(frame, is_message(frame, seen.complete)));
        }
        if let Some(packet) = any.downcast_ref() {
            return Some(Self::EngineIo(packet));
        }
        if let Some(packet) = any.downcast_ref() {
            return Some(Self::SocketIo(packet));
        }
        if let Some(http) = any.downcast_ref::<HttpMessage>() {
            return match http.side {
                Side::Request => Some(Self::Http(Kind::HttpRequest, http)),
                Side::Response => Some(Self::Http(Kind::HttpResponse, http)),
                Side::Unreadable => None,
            };
        }
        if let Some(message) = any.downcast_ref() {
            return Some(Self::Message(message));
        }
        if let Some(handshake) = any.downcast_ref() {
            return Some(Self::Handshake(handshake));
        }
        if let Some(record) = any.downcast_ref() {
            return Some(Self::Tls(record));
        }
        // Comments and what the client's program never gets are no events. Of what is cut that is not known.
        let sse = any.downcast_ref::<SseEventMessage>()?;
        sse.event().is_some_and(|event| event.dispatched || event.cut).then_some(Self::SseEvent(sse))
    }

    /// What a message on a stream of QUIC is; `None` for what is no kind of its own.
    pub fn over_quic(message: &'a QuicMessage) -> Option<Self> {
        let any = message.payload.as_any();
        any.downcast_ref().map(Self::EngineIo).or_else(|| any.downcast_ref().map(Self::SocketIo))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Http(kind, _) => *kind,
            Self::SseEvent(_) => Kind::SseEvent,
            Self::Handshake(_) => Kind::WebSocketHandshake,
            Self::Frame(..) => Kind::WebSocketFrame,
            Self::Message(_) => Kind::WebSocketMessage,
            Self::EngineIo(_) => Kind::EngineIoPacket,
            Self::SocketIo(_) => Kind::SocketIoPacket,
            Self::Tls(_) => Kind::TlsRecord,
        }
    }
}
