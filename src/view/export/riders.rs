//! Lines of the protocols that ride on the messages of others, Engine.IO and Socket.IO, and of what nothing rides on yet: TLS.

use serde_json::value::RawValue;

use super::key::Key;
use super::moments::Moments;
use super::object::Object;
use crate::capture::Timestamp;
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

pub(super) fn socketio(line: &mut Object<'_>, packet: &SocketIoPacket, now: Timestamp, moments: &Moments) {
    line.number(Key::Protocol, packet.revision.number());
    line.text_or_null(Key::Sid, packet.sid.as_deref());
    line.text_or_null(Key::Socket, packet.socket.as_deref());
    line.text(Key::Namespace, &packet.namespace);
    line.text_or_null(Key::Type, packet.kind.value().as_deref());
    line.number_or_null(Key::Id, packet.id);
    let data = packet.data.as_deref().filter(|_| line.wants(Key::Data));
    match data.and_then(|data| serde_json::from_str::<&RawValue>(data).ok()) {
        Some(data) => line.json(Key::Data, data),
        None => line.null(Key::Data),
    }
    line.text_or_null(Key::Offset, packet.offset.as_deref());
    if let Some(answer) = packet.answers {
        line.number(Key::EventFrame, answer.frame);
        let known = moments.knows_wait(now, answer.nanoseconds);
        line.number_or_null(Key::RttNs, known.then_some(answer.nanoseconds));
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

#[cfg(test)]
mod tests {
    use super::super::key::Keys;
    use super::*;
    use crate::protocol::socketio::{Kind, Revision};

    /// The line of an event with this data.
    fn line(data: &str) -> String {
        let packet = SocketIoPacket {
            revision: Revision::V5,
            sid: None,
            socket: None,
            namespace: "/".into(),
            kind: Kind::Event,
            id: None,
            data: Some(data.to_owned()),
            offset: None,
            attachments: 0,
            answers: None,
        };
        let mut out = Vec::new();
        let mut line = Object::begin(&mut out, "socketio.packet", Keys::named(&["data"]));
        socketio(&mut line, &packet, Timestamp(0), &Moments::default());
        line.end();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn data_stands_as_it_was_written() {
        for data in [r#"["a",{"b":1.50,"a":[ 2, 3 ]}]"#, r#"["a",1e999,-0,123456789012345678901234567890]"#] {
            assert_eq!(line(data), format!("{{\"kind\":\"socketio.packet\",\"data\":{data}}}\n"));
        }
    }

    /// JSON may break its lines where it may have spaces; a line of the export must not.
    #[test]
    fn data_of_many_lines_stands_on_one() {
        let line = line("[\n  \"a\\n\",\r\n\t{\"b\":\r1}\n]");
        assert_eq!(line, "{\"kind\":\"socketio.packet\",\"data\":[   \"a\\n\",  \t{\"b\": 1} ]}\n");
    }

    #[test]
    fn what_is_no_json_is_null() {
        assert_eq!(line("[\"a\""), "{\"kind\":\"socketio.packet\",\"data\":null}\n");
    }
}
