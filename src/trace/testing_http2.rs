//! Frames of HTTP/2 for tests, and a conversation that begins with what both sides must say first.

use super::testing::Conversation;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

/// A frame: type, flags, stream, body.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
}

/// Fields as literals that are not kept (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

pub(crate) fn headers(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(1, END_HEADERS | flags, stream, &block(fields))
}

pub(crate) fn data(stream: u32, flags: u8, octets: impl AsRef<[u8]>) -> Vec<u8> {
    frame(0, flags, stream, octets.as_ref())
}

pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, END_STREAM, &[(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "a")])
}

pub(crate) fn post(stream: u32, path: &str) -> Vec<u8> {
    headers(stream, 0, &[(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "a")])
}

pub(crate) fn ok(stream: u32) -> Vec<u8> {
    headers(stream, 0, &[(":status", "200")])
}

pub(crate) fn connect(stream: u32, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let asks = [(":method", "CONNECT"), (":protocol", "websocket"), (":path", path), (":scheme", "http")];
    headers(stream, 0, &[&asks[..], &[("sec-websocket-version", "13")], fields].concat())
}

/// A text of WebSocket from the client, masked.
pub(crate) fn masked(text: &str) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let octets = text.bytes().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key);
    [0x81, 0x80 | text.len() as u8].into_iter().chain(key).chain(octets).collect()
}

/// The same from the server.
pub(crate) fn plain(text: &str) -> Vec<u8> {
    [&[0x81, text.len() as u8], text.as_bytes()].concat()
}

pub(crate) fn begin() -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client([PREFACE.to_vec(), frame(4, 0, 0, b"")].concat());
    talk.server(frame(4, 0, 0, &[0, 8, 0, 0, 0, 1]));
    talk
}
