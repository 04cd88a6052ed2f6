//! Floor 5: the protocols. One file (or folder) each, and this registry with one line each.

pub mod engineio;
mod http1;
mod http2;
pub mod http3;
pub(crate) mod json;
pub mod quic;
pub mod socketio;
mod sse;
#[cfg(test)]
mod testing;
pub(crate) mod text;
mod tls;
pub(crate) mod utf8;
mod websocket;

#[cfg(test)]
pub(crate) use http1::gzip;
pub use http1::{HttpMessage, Side};
pub use http2::{Http2Frame, Http2Header};
pub use socketio::{Kind as SocketIoKind, SocketIoPacket};
pub use sse::{SseContent, SseEvent, SseEventMessage};
#[cfg(test)]
pub(crate) use tls::testing as testing_tls;
pub use tls::{KeyLog, TlsChosen, TlsHandshake, TlsHello, TlsOpened, TlsRecord, TlsSide};
pub use websocket::{Opcode, WebSocketFrame, WebSocketHandshake, WebSocketMessage, accept_for, close_meaning};

use crate::layer::FieldDef;
use crate::message::{Decoder, Dissector};

/// Every protocol over TCP. The first whose probe says yes gets the connection.
pub static DISSECTORS: &[&dyn Dissector] = &[&http2::Http2, &http1::Http1, &tls::Tls, &websocket::WebSocket];

/// The protocol that an upgrade asked for by this token, in lower case, leads to.
pub fn for_upgrade(token: &str) -> Option<&'static dyn Dissector> {
    DISSECTORS.iter().copied().find(|dissector| dissector.upgrade_token() == Some(token))
}

/// A decoder for a stream inside a connection, of those with numbers: a request and its answer.
pub fn for_stream(number: u32) -> (&'static str, Box<dyn Decoder>) {
    ("http", Box::new(http2::Exchange::new(number)))
}

/// The field tables of all protocols.
pub fn fields() -> impl Iterator<Item = &'static FieldDef> {
    let over_tcp = DISSECTORS.iter().flat_map(|dissector| dissector.fields());
    let over_udp = quic::FIELDS.iter().chain(http3::FIELDS);
    over_tcp
        .chain(http2::NAMED_FIELDS)
        .chain(over_udp)
        .chain(sse::FIELDS)
        .chain(engineio::FIELDS)
        .chain(socketio::FIELDS)
        .copied()
}

/// The protocol names of this floor, as filters know them.
pub const PROTOCOLS: &[&str] =
    &["http", "http2", "quic", "http3", "sse", "websocket", "websocket.handshake", "tls", "engineio", "socketio"];
