//! The opening handshake, judged as the client must judge it.
//!
//! # References
//! - Client's request: RFC 6455 §4.1, §4.2.1. Server's answer: §4.2.2. What the client must check: §4.1, end.

use std::any::Any;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::deflate::Agreement;
use super::{HANDSHAKE_ACCEPT_COMPUTED, HANDSHAKE_ACCEPT_VALID, HANDSHAKE_ACCEPTED};
use crate::layer::{Direction, Layer, Note, OsiLayer, Severity, Span, Value};
use crate::message::{Draft, Head, Part, Payload, Sink, Upgrade};

/// "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", which no server that does not know WebSocket would append (§1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of Sec-WebSocket-Accept for a key, which is hashed as the text that was sent (§4.2.2 item 5.4).
pub fn accept_for(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// What became of an attempt to change to WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketHandshake {
    /// A 101 that passes all of §4.1.
    pub accepted: bool,
    /// The hash alone fits; `None` when there is no key or no accept to compare.
    pub accept_valid: Option<bool>,
    /// What the accept must be for the key that was sent.
    pub accept_computed: Option<String>,
    /// The subprotocol the server chose.
    pub subprotocol: Option<String>,
    /// The extensions the server agreed to, as text.
    pub extensions: Option<String>,
}

/// Judges a handshake and hands the judgement to the sink.
pub(super) fn judge(upgrade: &Upgrade, sink: &mut dyn Sink) -> WebSocketHandshake {
    let (request, response) = (&upgrade.request, &upgrade.response);
    let accept_computed = request.get("sec-websocket-key").map(accept_for);
    let accept = response.get("sec-websocket-accept").map(str::trim);
    let accept_valid = match (&accept_computed, accept) {
        (Some(computed), Some(accept)) => Some(computed == accept),
        _ => None,
    };
    let mut notes = Vec::new();
    let mut of_request = Vec::new();
    check_request(request, &mut of_request);
    if upgrade.switched {
        check_response(response, accept_valid, &mut notes);
        if upgrade.request_range.is_some() {
            check_choices(request, response, &mut notes);
        }
    } else {
        let text = format!("the server answered {} instead of 101: this stays HTTP", response.start);
        notes.push(Note::new(Severity::Note, text, "RFC 6455 §4.1"));
    }
    let wrong = notes.iter().chain(&of_request).any(|note| note.severity == Severity::Error);
    let handshake = WebSocketHandshake {
        accepted: upgrade.switched && accept_valid == Some(true) && !wrong,
        accept_valid,
        accept_computed,
        subprotocol: response.get("sec-websocket-protocol").map(str::to_owned),
        extensions: extensions(response),
    };
    match &upgrade.request_range {
        Some(range) => {
            of_request.into_iter().for_each(|note| sink.remark(Direction::ToServer, range.clone(), note));
        }
        None => notes.extend(of_request),
    }
    let range = upgrade.response_range.clone();
    sink.message(Draft { direction: Direction::ToClient, range, payload: &handshake, notes, complete: true });
    handshake
}

/// The extensions of an answer; several header lines are one list (RFC 6455 §9.1).
fn extensions(response: &Head) -> Option<String> {
    let lines: Vec<&str> = response.all("sec-websocket-extensions").collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn check_request(request: &Head, notes: &mut Vec<Note>) {
    if request.headers.is_empty() {
        notes.push(Note::new(Severity::Warn, "the request was not captured: the answer cannot be checked", ""));
        return;
    }
    let mut error = |text: String| notes.push(Note::new(Severity::Error, text, "RFC 6455 §4.2.1"));
    if request.start != "GET" || request.minor_version < 1 {
        error("the request is not a GET of HTTP/1.1".into());
    }
    if request.get("host").is_none() {
        error("the request has no Host".into());
    }
    if !request.has_token("connection", "upgrade") {
        error("the request's Connection does not name Upgrade".into());
    }
    match request.get("sec-websocket-key") {
        None => error("the request has no Sec-WebSocket-Key".into()),
        // "which, when decoded, is 16 bytes in length"
        Some(key) => match STANDARD.decode(key.trim()) {
            Ok(octets) if octets.len() == 16 => {}
            Ok(octets) => error(format!("the key decodes to {} octets, 16 are required", octets.len())),
            Err(_) => error("the key is not base64".into()),
        },
    }
    match request.get("sec-websocket-version").map(str::trim) {
        Some("13") => {}
        Some(version) => error(format!("the request asks for version {version}; the protocol's version is 13")),
        None => error("the request has no Sec-WebSocket-Version".into()),
    }
}

fn check_response(response: &Head, accept_valid: Option<bool>, notes: &mut Vec<Note>) {
    let mut error = |text: String| notes.push(Note::new(Severity::Error, text, "RFC 6455 §4.1"));
    if !response.get("upgrade").is_some_and(|token| token.trim().eq_ignore_ascii_case("websocket")) {
        error("the answer's Upgrade is not websocket".into());
    }
    if !response.has_token("connection", "upgrade") {
        error("the answer's Connection does not name Upgrade".into());
    }
    match (accept_valid, response.get("sec-websocket-accept")) {
        (Some(true), _) => {}
        (Some(false), _) => {
            error("Sec-WebSocket-Accept is not the hash of this key: the server did not read it".into());
        }
        (None, None) => error("the answer has no Sec-WebSocket-Accept".into()),
        (None, Some(_)) => {}
    }
}

/// What the server chose must have been offered.
fn check_choices(request: &Head, response: &Head, notes: &mut Vec<Note>) {
    let mut error = |text: String| notes.push(Note::new(Severity::Error, text, "RFC 6455 §4.1"));
    if let Some(chosen) = response.get("sec-websocket-protocol")
        && !request.has_token("sec-websocket-protocol", chosen.trim())
    {
        error(format!("the subprotocol {chosen} was not offered"));
    }
    let offered = |name: &str| {
        request.all("sec-websocket-extensions").flat_map(|v| v.split(',')).any(|one| extension_name(one) == name)
    };
    for extension in response.all("sec-websocket-extensions").flat_map(|v| v.split(',')) {
        let name = extension_name(extension);
        if !name.is_empty() && name != "permessage-deflate" && !offered(name) {
            error(format!("the extension {name} was not offered"));
        }
    }
    let joined = |head: &Head| head.all("sec-websocket-extensions").collect::<Vec<_>>().join(", ");
    match Agreement::from_response(&joined(response)) {
        None => {}
        Some(Ok(agreement)) => notes.extend(agreement.check_offer(&joined(request))),
        Some(Err(wrong)) => notes.extend(wrong),
    }
}

fn extension_name(extension: &str) -> &str {
    extension.split(';').next().unwrap_or_default().trim()
}

impl Payload for WebSocketHandshake {
    fn protocol(&self) -> &'static str {
        "websocket.handshake"
    }

    fn summary(&self, _bytes: &[u8]) -> String {
        match (self.accepted, self.accept_valid) {
            (true, _) => "the key was answered: WebSocket from here on".into(),
            (false, Some(false)) => "the key was answered wrongly".into(),
            (false, _) => "no WebSocket".into(),
        }
    }

    fn describe(&self, bytes: &[u8], at: &Span) -> Vec<Layer> {
        let osi = Some(OsiLayer::Application);
        let mut layer = Layer::new("websocket.handshake", "WebSocket opening handshake", osi, Some(at.clone()));
        layer.summary = self.summary(bytes);
        layer.computed(&HANDSHAKE_ACCEPTED, Value::Bool(self.accepted));
        if let Some(valid) = self.accept_valid {
            layer.computed(&HANDSHAKE_ACCEPT_VALID, Value::Bool(valid));
        }
        if let Some(computed) = &self.accept_computed {
            layer.computed(&HANDSHAKE_ACCEPT_COMPUTED, Value::Text(computed.clone()));
        }
        vec![layer]
    }

    fn parts(&self, _len: u64) -> Vec<Part> {
        Vec::new()
    }

    fn boxed(&self) -> Box<dyn Payload> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
