//! Lines of the protocols that ride on the messages of others, Engine.IO and Socket.IO, and of what nothing rides on yet: TLS.

use serde_json::value::RawValue;

use super::kinds::digest;
use super::object::Object;
use crate::protocol::engineio::{Content, EngineIoPacket};
use crate::protocol::socketio::SocketIoPacket;
use crate::protocol::{TlsHandshake as Handshake, TlsRecord};

pub(super) fn engineio(line: &mut Object<'_>, packet: &EngineIoPacket) {
    line.number("protocol", packet.version.number());
    line.text("transport", &packet.transport.to_string());
    line.text_or_null("sid", packet.sid.as_deref());
    line.text("type", &packet.kind.to_string());
    match &packet.content {
        Content::Text(text) => line.text("data", text),
        Content::Binary(octets) => line.hex("binary_sha256", &digest(octets)),
    }
}

pub(super) fn socketio(line: &mut Object<'_>, packet: &SocketIoPacket) {
    line.number("protocol", packet.revision.number());
    line.text_or_null("sid", packet.sid.as_deref());
    line.text_or_null("socket", packet.socket.as_deref());
    line.text("namespace", &packet.namespace);
    line.text("type", &packet.kind.to_string());
    line.number_or_null("id", packet.id);
    // As it was written: keys keep their order and numbers their digits.
    match packet.data.as_deref().and_then(|data| serde_json::from_str::<&RawValue>(data).ok()) {
        Some(data) => line.value("data", data),
        None => line.null("data"),
    }
    line.text_or_null("offset", packet.offset.as_deref());
    if let Some(answer) = packet.answers {
        line.number("event_frame", answer.frame);
        line.number("rtt_ns", answer.nanoseconds);
    }
}

/// The keys of a TLS record.
pub(super) fn tls(line: &mut Object<'_>, record: &TlsRecord) {
    if record.header >= 1 {
        line.number("content_type", record.content_type);
    }
    if record.header >= 5 {
        line.number("record_len", record.len);
    }
    line.flag("encrypted", record.encrypted);
    if !record.handshakes.is_empty() {
        line.value("handshake", &record.handshakes.iter().map(Handshake::name).collect::<Vec<_>>());
    }
    if let Some(hello) = record.handshakes.iter().find_map(|handshake| handshake.hello.as_ref()) {
        if let Some((name, _)) = &hello.server_name {
            line.text("server_name", name);
        }
        if !hello.alpn.is_empty() {
            line.value("alpn", &hello.alpn.iter().map(|(name, _)| name).collect::<Vec<_>>());
        }
        line.text("tls_version", &hello.version_name());
        if let Some(suite) = hello.suite_name() {
            line.text("cipher_suite", &suite);
        }
    }
    if let Some(alert) = record.alert_name() {
        line.text("alert", &alert);
    }
}
