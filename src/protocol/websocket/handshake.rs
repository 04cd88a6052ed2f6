//! The opening handshake, judged as the client must judge it.
//!
//! # References
//! - Client's request: RFC 6455 §4.1, §4.2.1. Server's answer: §4.2.2. What the client must check: §4.1, end.
//! - On a stream of HTTP/2: RFC 8441 §4, §5.

use std::any::Any;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::deflate::{Agreement, NAME};
use super::extensions;
use super::{HANDSHAKE_ACCEPT_COMPUTED, HANDSHAKE_ACCEPT_VALID, HANDSHAKE_ACCEPTED};
use crate::count::counted;
use crate::layer::{Direction, Group, Layer, Note, OsiLayer, Severity, Span, Value};
use crate::message::{Draft, Head, Part, Payload, Sink, Upgrade};
use crate::protocol::text::quoted;

/// "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", which no server that does not know WebSocket would append (§1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The value of Sec-WebSocket-Accept for a key, which is hashed as the text that was sent (§4.2.2 item 5.4).
pub fn accept_for(key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// What became of an attempt to change to WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocketHandshake {
    /// A 101 that passes all of §4.1; over HTTP/2 a 2xx, where there is no key.
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
    let (mut notes, of_request) = (Vec::new(), check_asked(upgrade));
    let is_connect = request.start == "CONNECT";
    let asks = asks(request);
    if upgrade.switched {
        if !is_connect {
            check_response(response, accept_valid, &mut notes);
        }
        check_once(response, ANSWERED_ONCE, "answer", &mut notes);
        check_grammar(response, "answer", &mut notes);
        note_unknown(response, &mut notes);
        if asks && upgrade.request_range.is_some() {
            check_choices(request, response, &mut notes);
        }
    } else {
        let (expected, spec) = if is_connect { ("2xx", "RFC 8441 §5") } else { ("101", "RFC 6455 §4.1") };
        let text = format!("the server answered {} instead of {expected}: this stays HTTP", response.start);
        notes.push(Note::new(Severity::Note, text, spec));
    }
    let wrong = notes.iter().chain(&of_request).any(|note| note.severity == Severity::Error);
    let handshake = WebSocketHandshake {
        accepted: upgrade.switched && asks && (is_connect || accept_valid == Some(true)) && !wrong,
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

/// The extensions that a head names; several header lines are one list (RFC 6455 §9.1).
fn extensions(head: &Head) -> Option<String> {
    let lines: Vec<&str> = head.all("sec-websocket-extensions").collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

/// Whether a request asks for a change of protocol at all.
fn asks(request: &Head) -> bool {
    request.start == "CONNECT" || request.get("upgrade").is_some()
}

/// What is to be said of the request.
fn check_asked(upgrade: &Upgrade) -> Vec<Note> {
    let (request, mut notes) = (&upgrade.request, Vec::new());
    if upgrade.request_range.is_none() {
        let text = "the request was not captured: the answer cannot be checked";
        notes.push(Note::new(Severity::Warn, text, ""));
    } else if request.start == "CONNECT" {
        // "The scheme and path of the request's URI are carried in :scheme and :path", and nothing is hashed (RFC 8441 §5).
        check_version(request, "RFC 8441 §5", &mut notes);
    } else if asks(request) {
        // Of one that asks for nothing HTTP says that the answer is wrong.
        check_request(request, &mut notes);
    }
    check_offers(request, &mut notes);
    if upgrade.spoke_early {
        // "Once the client's opening handshake has been sent, the client MUST wait for a response from the server before
        // sending any further data." §4.1
        let text = "octets from the client came before the answer, for which it must wait";
        notes.push(Note::new(Severity::Error, text, "RFC 6455 §4.1"));
    }
    notes
}

fn check_request(request: &Head, notes: &mut Vec<Note>) {
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
            Ok(octets) => error(format!("the key decodes to {}, 16 are required", counted(octets.len(), "octet"))),
            Err(_) => error("the key is not base64".into()),
        },
    }
    check_version(request, "RFC 6455 §4.2.1", notes);
}

/// Header fields that must not appear more than once in a request, and where that is said.
const ASKED_ONCE: &[(&str, &str)] =
    &[("Sec-WebSocket-Key", "RFC 6455 §11.3.1"), ("Sec-WebSocket-Version", "RFC 6455 §11.3.5")];
/// The same of an answer.
const ANSWERED_ONCE: &[(&str, &str)] =
    &[("Sec-WebSocket-Accept", "RFC 6455 §11.3.3"), ("Sec-WebSocket-Protocol", "RFC 6455 §11.3.4")];

fn check_once(head: &Head, once: &[(&str, &'static str)], whose: &str, notes: &mut Vec<Note>) {
    for (name, spec) in once {
        if head.all(name).nth(1).is_some() {
            let text = format!("the {whose} has {name} more than once");
            notes.push(Note::new(Severity::Error, text, spec));
        }
    }
}

fn check_grammar(head: &Head, whose: &str, notes: &mut Vec<Note>) {
    if let Some(why) = extensions(head).and_then(|list| extensions::malformed(&list)) {
        let text = format!("the {whose}'s list of extensions is not as the grammar has it: {why}");
        notes.push(Note::new(Severity::Error, text, "RFC 6455 §9.1"));
    }
}

/// What a request offers, over any version of HTTP.
fn check_offers(request: &Head, notes: &mut Vec<Note>) {
    check_once(request, ASKED_ONCE, "request", notes);
    let offered = request.all("sec-websocket-protocol").flat_map(|value| value.split(',')).map(str::trim);
    let mut offered: Vec<&str> = offered.filter(|name| !name.is_empty()).collect();
    // "The elements that comprise this value MUST be non-empty strings with characters in the range U+0021 to U+007E not
    // including separator characters … and MUST all be unique strings." §4.1
    let mut error = |text: String| notes.push(Note::new(Severity::Error, text, "RFC 6455 §4.1"));
    if let Some(name) = offered.iter().find(|name| !extensions::is_token(name)) {
        error(format!("the subprotocol {} is offered, which is no token", quoted(name, 40)));
    }
    offered.sort_unstable();
    if let Some(twice) = offered.windows(2).find(|pair| pair[0] == pair[1]) {
        error(format!("the subprotocol {} is offered more than once", quoted(twice[0], 40)));
    }
    check_grammar(request, "request", notes);
}

fn check_version(request: &Head, spec: &'static str, notes: &mut Vec<Note>) {
    let text = match request.get("sec-websocket-version").map(str::trim) {
        Some("13") => return,
        Some(version) => format!("the request asks for version {version}; the protocol's version is 13"),
        None => "the request has no Sec-WebSocket-Version".to_owned(),
    };
    notes.push(Note::new(Severity::Error, text, spec));
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
            let text = "Sec-WebSocket-Accept is not the Base64 of the SHA-1 of this key and the protocol's GUID";
            error(text.into());
        }
        (None, None) => error("the answer has no Sec-WebSocket-Accept".into()),
        (None, Some(_)) => {}
    }
}

/// What the server chose must have been offered.
fn check_choices(request: &Head, response: &Head, notes: &mut Vec<Note>) {
    let mut error = |text: String| notes.push(Note::new(Severity::Error, text, "RFC 6455 §4.1"));
    // Values are compared as they are written (RFC 7936).
    let offers = || request.all("sec-websocket-protocol").flat_map(|value| value.split(',')).map(str::trim);
    let is_offered = |chosen: &&str| offers().any(|name| name == chosen.trim());
    if let Some(chosen) = response.all("sec-websocket-protocol").find(|chosen| !is_offered(chosen)) {
        error(format!("the subprotocol {chosen} was not offered"));
    }
    let offered = |name: &str| {
        request.all("sec-websocket-extensions").flat_map(|v| v.split(',')).any(|one| extension_name(one) == name)
    };
    for extension in response.all("sec-websocket-extensions").flat_map(|v| v.split(',')) {
        let name = extension_name(extension);
        if !name.is_empty() && name != NAME && !offered(name) {
            error(format!("the extension {name} was not offered"));
        }
    }
    let joined = |head: &Head| extensions(head).unwrap_or_default();
    match Agreement::from_response(&joined(response)) {
        None => {}
        Some(Ok(agreement)) => notes.extend(agreement.check_offer(&joined(request))),
        Some(Err(wrong)) => notes.extend(wrong),
    }
}

/// Says that frames may not be what they seem.
fn note_unknown(response: &Head, notes: &mut Vec<Note>) {
    let list = extensions(response).unwrap_or_default();
    if let Some(name) = extensions::unknown(&list).next() {
        let name = quoted(name, 40);
        let text = format!("the extension {name} is not known here: what it changes in frames is not undone");
        notes.push(Note::new(Severity::Note, text, "RFC 6455 §9.2").about(Group::Undecoded));
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
            (true, None) => "the CONNECT was granted: WebSocket from here on".into(),
            (true, _) => "the key was answered: WebSocket from here on".into(),
            (false, Some(false)) => "the key was answered wrongly".into(),
            (false, Some(true)) => "the key was answered, but the handshake breaks a rule".into(),
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
