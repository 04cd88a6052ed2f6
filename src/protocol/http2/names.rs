//! The names by which Wireshark tells flags, settings and header fields apart.
//!
//! # References
//! - Flags and settings: RFC 9113 §6, §6.5.2; RFC 8441 §3. Pseudo-header fields: RFC 9113 §8.3.

use super::frame::{flag, kind};
use crate::layer::{FieldDef, Kind, Value};

crate::fields! {
    END_STREAM_FLAG = "http2.flags.end_stream", Bool, "Its sender says nothing more on the stream.", "RFC 9113 §6.1";
    END_HEADERS_FLAG = "http2.flags.eh", Bool, "The header block ends with this frame.", "RFC 9113 §6.2";
    PADDED_FLAG = "http2.flags.padded", Bool, "Octets without a meaning stand behind what it brings.", "RFC 9113 §6.1";
    PRIORITY_FLAG = "http2.flags.priority", Bool, "It says how urgent the stream is, in a way that was given up.", "RFC 9113 §5.3";
    ACK_SETTINGS_FLAG = "http2.flags.ack.settings", Bool, "The settings of the other side were taken.", "RFC 9113 §6.5";
    ACK_PING_FLAG = "http2.flags.ack.ping", Bool, "It answers a PING.", "RFC 9113 §6.7";
    HEADER_TABLE_SIZE = "http2.settings.header_table_size", Uint(32), "How large a table of header fields the other side may use, in octets.", "RFC 9113 §6.5.2";
    ENABLE_PUSH = "http2.settings.enable_push", Uint(32), "Whether the server may push.", "RFC 9113 §6.5.2";
    MAX_STREAMS = "http2.settings.max_concurrent_streams", Uint(32), "How many streams the other side may have open at once.", "RFC 9113 §6.5.2";
    INITIAL_WINDOW = "http2.settings.initial_window_size", Uint(32), "How many octets may be sent on a new stream at first.", "RFC 9113 §6.5.2";
    MAX_FRAME_SIZE = "http2.settings.max_frame_size", Uint(32), "The longest frame that its sender takes, in octets.", "RFC 9113 §6.5.2";
    MAX_LIST_SIZE = "http2.settings.max_header_list_size", Uint(32), "How large the header fields of a message may be, in octets.", "RFC 9113 §6.5.2";
    EXTENDED_CONNECT = "http2.settings.extended_connect", Uint(32), "Whether WebSocket may be spoken on a stream (RFC 8441 §3).", "RFC 9113 §6.5.2";
    LAST_STREAM = "http2.goaway.last_stream_id", Uint(32), "The last stream of which something was done.", "RFC 9113 §6.8";
    METHOD = "http2.headers.method", Text, "What is to be done: GET, POST, …", "RFC 9113 §8.3.1";
    SCHEME = "http2.headers.scheme", Text, "By which scheme the site is asked: https.", "RFC 9113 §8.3.1";
    AUTHORITY = "http2.headers.authority", Text, "Which site is meant.", "RFC 9113 §8.3.1";
    PATH = "http2.headers.path", Text, "To what it is to be done.", "RFC 9113 §8.3.1";
    STATUS = "http2.headers.status", Uint(16), "The three digits that say how it went.", "RFC 9113 §8.3.2";
    CONTENT_TYPE = "http2.headers.content_type", Text, "What kind of thing the body is.", "RFC 9110 §8.3";
    CONTENT_LENGTH = "http2.headers.content_length", Uint(64), "How many octets the body has.", "RFC 9110 §8.6";
    CONTENT_ENCODING = "http2.headers.content_encoding", Text, "How the body was compressed: gzip, deflate, br.", "RFC 9110 §8.4";
    USER_AGENT = "http2.headers.user_agent", Text, "Which program asks.", "RFC 9110 §10.1.5";
    SERVER = "http2.headers.server", Text, "Which program answers.", "RFC 9110 §10.2.4";
    DATE = "http2.headers.date", Text, "When the answer was made.", "RFC 9110 §6.6.1";
    LOCATION = "http2.headers.location", Text, "Where to go instead.", "RFC 9110 §10.2.2";
    COOKIE = "http2.headers.cookie", Text, "What the server gave the client to keep and to send back.", "RFC 6265 §4.2";
    SET_COOKIE = "http2.headers.set_cookie", Text, "What the client is to keep and to send back.", "RFC 6265 §4.1";
    ACCEPT = "http2.headers.accept", Text, "Which kinds of body the client can take.", "RFC 9110 §12.5.1";
    ACCEPT_ENCODING = "http2.headers.accept_encoding", Text, "How the body may be compressed.", "RFC 9110 §12.5.3";
    ACCEPT_LANGUAGE = "http2.headers.accept_language", Text, "Which languages the reader of the client understands.", "RFC 9110 §12.5.4";
    CACHE_CONTROL = "http2.headers.cache_control", Text, "Who may keep the message, and for how long.", "RFC 9111 §5.2";
    REFERER = "http2.headers.referer", Text, "The page from which the request was made.", "RFC 9110 §10.1.3";
    AUTHORIZATION = "http2.headers.authorization", Text, "With what the client proves who asks.", "RFC 9110 §11.6.2";
    LAST_MODIFIED = "http2.headers.last_modified", Text, "When the body was changed last.", "RFC 9110 §8.8.2";
    ETAG = "http2.headers.etag", Text, "Which version of the body it is.", "RFC 9110 §8.8.3";
}

/// Each flag with its bit and the types of frames that have it.
static FLAGS: [(&FieldDef, u8, &[u8]); 6] = [
    (&END_STREAM_FLAG, flag::END_STREAM, &[kind::DATA, kind::HEADERS]),
    (&END_HEADERS_FLAG, flag::END_HEADERS, &[kind::HEADERS, kind::PUSH_PROMISE, kind::CONTINUATION]),
    (&PADDED_FLAG, flag::PADDED, &[kind::DATA, kind::HEADERS, kind::PUSH_PROMISE]),
    (&PRIORITY_FLAG, flag::PRIORITY, &[kind::HEADERS]),
    (&ACK_SETTINGS_FLAG, flag::ACK, &[kind::SETTINGS]),
    (&ACK_PING_FLAG, flag::ACK, &[kind::PING]),
];

/// The flags that a frame of this type has, with their bits.
pub(super) fn flags(frame: u8) -> impl Iterator<Item = (&'static FieldDef, u8)> {
    FLAGS.iter().filter(move |(.., frames)| frames.contains(&frame)).map(|(def, bit, _)| (*def, *bit))
}

/// The field that a setting's value has.
pub(super) fn setting(id: u16) -> Option<&'static FieldDef> {
    Some(match id {
        1 => &HEADER_TABLE_SIZE,
        2 => &ENABLE_PUSH,
        3 => &MAX_STREAMS,
        4 => &INITIAL_WINDOW,
        5 => &MAX_FRAME_SIZE,
        6 => &MAX_LIST_SIZE,
        8 => &EXTENDED_CONNECT,
        _ => return None,
    })
}

/// The field that a header field of this name has, and its value there; none of what is to be a number and is not.
pub(super) fn header(name: &str, value: &str) -> Option<(&'static FieldDef, Value)> {
    let def: &'static FieldDef = match name {
        ":method" => &METHOD,
        ":scheme" => &SCHEME,
        ":authority" => &AUTHORITY,
        ":path" => &PATH,
        ":status" => &STATUS,
        "content-type" => &CONTENT_TYPE,
        "content-length" => &CONTENT_LENGTH,
        "content-encoding" => &CONTENT_ENCODING,
        "user-agent" => &USER_AGENT,
        "server" => &SERVER,
        "date" => &DATE,
        "location" => &LOCATION,
        "cookie" => &COOKIE,
        "set-cookie" => &SET_COOKIE,
        "accept" => &ACCEPT,
        "accept-encoding" => &ACCEPT_ENCODING,
        "accept-language" => &ACCEPT_LANGUAGE,
        "cache-control" => &CACHE_CONTROL,
        "referer" => &REFERER,
        "authorization" => &AUTHORIZATION,
        "last-modified" => &LAST_MODIFIED,
        "etag" => &ETAG,
        _ => return None,
    };
    let value = match def.kind {
        Kind::Uint(_) => Value::Uint(value.parse().ok()?),
        _ => Value::Text(value.to_owned()),
    };
    Some((def, value))
}
