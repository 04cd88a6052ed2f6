//! Lines of the protocols that ride on the messages of others: Engine.IO and Socket.IO.

use serde::Serialize;
use serde_json::value::RawValue;

use super::kinds::sha256;
use crate::protocol::engineio::{Content, EngineIoPacket};
use crate::protocol::socketio::SocketIoPacket;

#[derive(Serialize)]
pub(super) struct EngineIo<'a> {
    protocol: u64,
    transport: String,
    sid: Option<&'a str>,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    binary_sha256: Option<String>,
}

pub(super) fn engineio(packet: &EngineIoPacket) -> EngineIo<'_> {
    let (data, binary_sha256) = match &packet.content {
        Content::Text(text) => (Some(text.as_str()), None),
        Content::Binary(octets) => (None, Some(sha256(octets))),
    };
    EngineIo {
        protocol: packet.version.number(),
        transport: packet.transport.to_string(),
        sid: packet.sid.as_deref(),
        r#type: packet.kind.to_string(),
        data,
        binary_sha256,
    }
}

#[derive(Serialize)]
pub(super) struct SocketIo<'a> {
    protocol: u8,
    sid: Option<&'a str>,
    socket: Option<&'a str>,
    namespace: &'a str,
    r#type: String,
    id: Option<u64>,
    /// As it was written: keys keep their order and numbers their digits.
    data: Option<&'a RawValue>,
    offset: Option<&'a str>,
}

pub(super) fn socketio(packet: &SocketIoPacket) -> SocketIo<'_> {
    SocketIo {
        protocol: packet.revision.number(),
        sid: packet.sid.as_deref(),
        socket: packet.socket.as_deref(),
        namespace: &packet.namespace,
        r#type: packet.kind.to_string(),
        id: packet.id,
        data: packet.data.as_deref().and_then(|data| serde_json::from_str(data).ok()),
        offset: packet.offset.as_deref(),
    }
}
