//! The fields of HTTP, and those that say in parts what others say as a whole.
//!
//! # References
//! - RFC 9110 §7.1 (the target of a request as an address), §8.6 (Content-Length); RFC 6265 §4.2 (cookies).

use crate::layer::{Field, FieldDef, Layer, Span, Value};

crate::fields! {
    REQUEST = "http.request", Bool, "The message is a request.", "RFC 9112 §3";
    METHOD = "http.request.method", Text, "What is to be done: GET, POST, …", "RFC 9110 §9";
    TARGET = "http.request.uri", Text, "To what it is to be done.", "RFC 9112 §3.2";
    REQUEST_VERSION = "http.request.version", Text, "The version of HTTP the client speaks.", "RFC 9112 §2.3";
    RESPONSE = "http.response", Bool, "The message is a response.", "RFC 9112 §4";
    RESPONSE_VERSION = "http.response.version", Text, "The version of HTTP the server speaks.", "RFC 9112 §2.3";
    STATUS = "http.response.code", Uint(16), "The three digits that say how it went.", "RFC 9110 §15";
    REASON = "http.response.phrase", Text, "The same in words, for people only.", "RFC 9112 §4";
    FULL_URI = "http.request.full_uri", Text, "The whole address: the scheme, the site and the target.", "RFC 9110 §7.1";
    URI_PATH = "http.request.uri.path", Text, "The part of the target before its question mark, if it has one.", "RFC 3986 §3.3";
    URI_QUERY = "http.request.uri.query", Text, "The part of the target behind its question mark.", "RFC 3986 §3.4";
    URI_PARAMETER = "http.request.uri.query.parameter", Text, "A part of the query, between ampersands: EIO=4.", "WHATWG URL §5.1";
    HOST = "http.host", Text, "Which site is meant.", "RFC 9110 §7.2";
    UPGRADE = "http.upgrade", Text, "The protocol to change to on this connection.", "RFC 9110 §7.8";
    CONNECTION = "http.connection", Text, "What this connection is to do afterwards: close, keep-alive, Upgrade.", "RFC 9110 §7.6.1";
    WS_KEY = "http.sec_websocket_key", Text, "16 random octets in base64, a challenge to the server.", "RFC 6455 §11.3.1";
    WS_ACCEPT = "http.sec_websocket_accept", Text, "The answer to the key, which only a WebSocket server gives.", "RFC 6455 §11.3.3";
    WS_VERSION = "http.sec_websocket_version", Text, "The version of the WebSocket protocol: 13.", "RFC 6455 §11.3.5";
    WS_PROTOCOL = "http.sec_websocket_protocol", Text, "Subprotocols offered, or the one chosen.", "RFC 6455 §11.3.4";
    WS_EXTENSIONS = "http.sec_websocket_extensions", Text, "Extensions offered, or those agreed on.", "RFC 6455 §11.3.2";
    CONTENT_TYPE = "http.content_type", Text, "What kind of thing the body is.", "RFC 9110 §8.3";
    CONTENT_LENGTH = "http.content_length_header", Text, "How many octets the body has, as it stands.", "RFC 9110 §8.6";
    CONTENT_LENGTH_NUMBER = "http.content_length", Uint(64), "The same as a number, if it is one.", "RFC 9110 §8.6";
    CONTENT_ENCODING = "http.content_encoding", Text, "How the body was compressed: gzip, deflate, br.", "RFC 9110 §8.4";
    TRANSFER_ENCODING = "http.transfer_encoding", Text, "How the body is framed: chunked.", "RFC 9112 §6.1";
    SERVER = "http.server", Text, "Which program answers.", "RFC 9110 §10.2.4";
    DATE = "http.date", Text, "When the answer was made.", "RFC 9110 §6.6.1";
    USER_AGENT = "http.user_agent", Text, "Which program asks.", "RFC 9110 §10.1.5";
    LOCATION = "http.location", Text, "Where to go instead.", "RFC 9110 §10.2.2";
    COOKIE = "http.cookie", Text, "What the server gave the client to keep and to send back.", "RFC 6265 §4.2";
    COOKIE_PAIR = "http.cookie_pair", Text, "One of the cookies, as name=value.", "RFC 6265 §4.2";
    SET_COOKIE = "http.set_cookie", Text, "What the client is to keep and to send back.", "RFC 6265 §4.1";
    ACCEPT = "http.accept", Text, "Which kinds of body the client can take.", "RFC 9110 §12.5.1";
    ACCEPT_ENCODING = "http.accept_encoding", Text, "How the body may be compressed.", "RFC 9110 §12.5.3";
    ACCEPT_LANGUAGE = "http.accept_language", Text, "Which languages the client's reader understands.", "RFC 9110 §12.5.4";
    REFERER = "http.referer", Text, "The page from which the request was made.", "RFC 9110 §10.1.3";
    AUTHORIZATION = "http.authorization", Text, "With what the client proves who asks.", "RFC 9110 §11.6.2";
    WWW_AUTHENTICATE = "http.www_authenticate", Text, "With what the server wants it to be proved.", "RFC 9110 §11.6.1";
    PROXY_AUTHENTICATE = "http.proxy_authenticate", Text, "With what a proxy wants it to be proved.", "RFC 9110 §11.7.1";
    PROXY_AUTHORIZATION = "http.proxy_authorization", Text, "With what the client proves it to a proxy.", "RFC 9110 §11.7.2";
    CACHE_CONTROL = "http.cache_control", Text, "Who may keep the message, and for how long.", "RFC 9111 §5.2";
    LAST_MODIFIED = "http.last_modified", Text, "When the body was changed last.", "RFC 9110 §8.8.2";
    FORWARDED_FOR = "http.x_forwarded_for", Text, "For whom a proxy asks.", "RFC 7239 §7.4";
    HTTP2_SETTINGS = "http.http2_settings", Text, "What HTTP/2 would begin with on this connection.", "RFC 7540 §3.2.1";
    #[ours] LAST_EVENT_ID = "http.last_event_id", Text, "Up to which event a client that comes back has got the stream.", "WHATWG HTML §9.2.4";
    #[ours] HEADER = "http.header", Text, "A header field that has no field of its own, as `Name: value`.", "RFC 9112 §5";
    FILE_DATA = "http.file_data", Bytes, "The body, with chunk framing taken away and content codings undone.", "RFC 9112 §6";
    REQUEST_IN = "http.request_in", Uint(32), "The frame in which the request ended that this response answers.", "";
    TIME = "http.time", Seconds, "How long the request waited for this response: from the frame in which it ended to this one.", "";
}

/// Header fields that have a field of their own.
static HEADER_FIELDS: &[(&str, &FieldDef)] = &[
    ("host", &HOST),
    ("upgrade", &UPGRADE),
    ("connection", &CONNECTION),
    ("sec-websocket-key", &WS_KEY),
    ("sec-websocket-accept", &WS_ACCEPT),
    ("sec-websocket-version", &WS_VERSION),
    ("sec-websocket-protocol", &WS_PROTOCOL),
    ("sec-websocket-extensions", &WS_EXTENSIONS),
    ("content-type", &CONTENT_TYPE),
    ("content-length", &CONTENT_LENGTH),
    ("content-encoding", &CONTENT_ENCODING),
    ("last-event-id", &LAST_EVENT_ID),
    ("transfer-encoding", &TRANSFER_ENCODING),
    ("server", &SERVER),
    ("date", &DATE),
    ("user-agent", &USER_AGENT),
    ("location", &LOCATION),
    ("cookie", &COOKIE),
    ("set-cookie", &SET_COOKIE),
    ("accept", &ACCEPT),
    ("accept-encoding", &ACCEPT_ENCODING),
    ("accept-language", &ACCEPT_LANGUAGE),
    ("referer", &REFERER),
    ("authorization", &AUTHORIZATION),
    ("www-authenticate", &WWW_AUTHENTICATE),
    ("proxy-authenticate", &PROXY_AUTHENTICATE),
    ("proxy-authorization", &PROXY_AUTHORIZATION),
    ("cache-control", &CACHE_CONTROL),
    ("last-modified", &LAST_MODIFIED),
    ("x-forwarded-for", &FORWARDED_FOR),
    ("http2-settings", &HTTP2_SETTINGS),
];

/// The field of the header field of this name, which is compared without regard to case.
pub(super) fn of_header(name: &str) -> Option<&'static FieldDef> {
    HEADER_FIELDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, def)| *def)
}

/// Adds what a header field, which is the layer's last, says besides its text. `is_plain` says that the octets where it lies are
/// that text, and not compressed.
pub(super) fn parts_of_header(layer: &mut Layer, def: &'static FieldDef, text: &str, is_plain: bool) {
    let span = layer.fields.last().and_then(|field| field.span.clone());
    if def == &CONTENT_LENGTH {
        let number = text.split(' ').next().and_then(|number| number.parse::<i64>().ok());
        if let Some(number) = number.and_then(|number| u64::try_from(number).ok()) {
            layer.fields.push(Field { def: &CONTENT_LENGTH_NUMBER, value: Value::Uint(number), span });
        }
    } else if def == &COOKIE {
        let mut at = 0;
        for part in text.split(';') {
            let (pair, start) = (part.trim(), at + part.len() - part.trim_start().len());
            at += part.len() + 1;
            let within = |span: &Span| {
                let start = span.range.start + start as u64;
                Span::new(span.buffer, start..start + pair.len() as u64)
            };
            let span = if is_plain { span.as_ref().map(within) } else { span.clone() };
            if !pair.is_empty() {
                layer.fields.push(Field { def: &COOKIE_PAIR, value: Value::Text(pair.to_owned()), span });
            }
        }
    }
}

/// Adds to the layer of a request what its target says besides itself, as Wireshark reads it.
pub(super) fn parts_of_target(layer: &mut Layer, scheme: &str) {
    // Of several hosts the last one counts there.
    let last =
        |def: &FieldDef| layer.fields.iter().rev().find(|field| field.def == def).map(|field| field.value.to_string());
    let (Some(method), Some(target), host) = (last(&METHOD), last(&TARGET), last(&HOST)) else { return };
    if let Some((path, query)) = target.split_once('?').filter(|(_, query)| !query.is_empty()) {
        layer.computed(&URI_PATH, Value::Text(path.to_owned()));
        layer.computed(&URI_QUERY, Value::Text(query.to_owned()));
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            layer.computed(&URI_PARAMETER, Value::Text(parameter.to_owned()));
        }
    }
    if let Some(host) = host {
        // The absolute form, and the authority that a proxy is to connect to (RFC 9112 §3.2).
        let is_whole = method == "CONNECT" || target.starts_with("http://") || target.starts_with("https://");
        let whole = if is_whole { target } else { format!("{scheme}://{}{target}", host.trim()) };
        layer.computed(&FULL_URI, Value::Text(whole));
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTENT_LENGTH, parts_of_header};
    use crate::layer::{Layer, Value};

    /// What tshark makes of them, too.
    #[test]
    fn a_length_is_a_number_only_if_it_is_one() {
        let cases = [
            ("0", Some(0)),
            ("007", Some(7)),
            ("+5", Some(5)),
            ("12 34", Some(12)),
            ("9223372036854775807", Some(i64::MAX as u64)),
            ("9223372036854775808", None),
            ("-1", None),
            ("5,5", None),
            ("0x5", None),
            ("", None),
        ];
        for (text, number) in cases {
            let mut layer = Layer::new("http", "", None, None);
            parts_of_header(&mut layer, &CONTENT_LENGTH, text, true);
            let found = layer.value("http.content_length").cloned();
            assert_eq!(found, number.map(Value::Uint), "{text:?}");
        }
    }
}
