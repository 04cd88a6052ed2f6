//! Lines of the protocols that ride on the messages of others, Engine.IO and Socket.IO, and of what nothing rides on yet: TLS.

use serde_json::value::RawValue;

use super::key::Key;
use super::object::Object;
use crate::protocol::engineio::{Content, EngineIoPacket};
use crate::protocol::socketio::SocketIoPacket;
use crate::protocol::{TlsHandshake as Handshake, TlsRecord};

pub(super) fn engineio(line: &mut Object<'_>, packet: &EngineIoPacket) {
    line.number(Key::Protocol, packet.version.number());
    line.text(Key::Transport, &packet.transport.to_string());
    line.text_or_null(Key::Sid, packet.sid.as_deref());
    line.text_or_null(Key::Type, packet.kind.value().as_deref());
    match &packet.content {
        Content::Text(text) => line.text(Key::Data, text),
        Content::Binary(octets) => line.digest(Key::BinarySha256, octets),
    }
}

pub(super) fn socketio(line: &mut Object<'_>, packet: &SocketIoPacket) {
    line.number(Key::Protocol, packet.revision.number());
    line.text_or_null(Key::Sid, packet.sid.as_deref());
    line.text_or_null(Key::Socket, packet.socket.as_deref());
    line.text(Key::Namespace, &packet.namespace);
    line.text_or_null(Key::Type, packet.kind.value().as_deref());
    line.number_or_null(Key::Id, packet.id);
    // As it was written: keys keep their order and numbers their digits.
    let data = packet.data.as_deref().filter(|_| line.wants(Key::Data));
    match data.and_then(|data| serde_json::from_str::<&RawValue>(data).ok()) {
        Some(data) => line.value(Key::Data, data),
        None => line.null(Key::Data),
    }
    line.text_or_null(Key::Offset, packet.offset.as_deref());
    if let Some(answer) = packet.answers {
        line.number(Key::EventFrame, answer.frame);
        line.number(Key::RttNs, answer.nanoseconds);
    }
}

/// The keys of a TLS record.
pub(super) fn tls(line: &mut Object<'_>, record: &TlsRecord) {
    if record.header >= 1 {
        line.number(Key::ContentType, record.content_type);
    }
    if record.header >= 5 {
        line.number(Key::RecordLen, record.len);
    }
    line.flag(Key::Encrypted, record.encrypted);
    if !record.handshakes.is_empty() {
        line.value(Key::Handshake, &record.handshakes.iter().map(Handshake::name).collect::<Vec<_>>());
    }
    if let Some(hello) = record.handshakes.iter().find_map(|handshake| handshake.hello.as_ref()) {
        if let Some((name, _)) = &hello.server_name {
            line.text(Key::ServerName, name);
        }
        if !hello.alpn.is_empty() {
            line.value(Key::Alpn, &hello.alpn.iter().map(|(name, _)| name).collect::<Vec<_>>());
        }
        line.text(Key::TlsVersion, &hello.version_name());
        if let Some(suite) = hello.suite_name() {
            line.text(Key::CipherSuite, &suite);
        }
    }
    if let Some(alert) = record.alert_name() {
        line.text(Key::Alert, &alert);
    }
}
