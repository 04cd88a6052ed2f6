//! A small capture for the tests: a WebSocket opens and says three things. The values are those that Wireshark 4.0
//! shows for a real capture of eight frames, so the expected results could be compared with `tshark -Y`.

use crate::fields;
use crate::layer::{FieldDef, Value};

use super::records::{Names, Protocol, Records};

fields! {
    FRAME_NUMBER = "frame.number", Uint(32), "The number of the frame.", "";
    FRAME_LEN = "frame.len", Uint(32), "Its length on the wire.", "";
    FRAME_TIME = "frame.time_relative", Seconds, "Seconds since the first frame.", "";
    ETH_ADDR = "eth.addr", Mac, "Either Ethernet address.", "";
    IP_ADDR = "ip.addr", Address, "Either address.", "";
    IP_SRC = "ip.src", Address, "The sender.", "";
    IP_DST = "ip.dst", Address, "The receiver.", "";
    TCP_PORT = "tcp.port", Uint(16), "Either port.", "";
    TCP_SRCPORT = "tcp.srcport", Uint(16), "The sender's port.", "";
    TCP_DSTPORT = "tcp.dstport", Uint(16), "The receiver's port.", "";
    TCP_LEN = "tcp.len", Uint(32), "The length of the payload.", "";
    TCP_SCALE = "tcp.window_size_scalefactor", Int(32), "What the window is multiplied by.", "";
    TCP_FLAGS_SYN = "tcp.flags.syn", Bool, "The connection opens.", "";
    TCP_FLAGS_ACK = "tcp.flags.ack", Bool, "Something is acknowledged.", "";
    TCP_PAYLOAD = "tcp.payload", Bytes, "The payload.", "";
    TCP_RETRANSMISSION = "tcp.analysis.retransmission", Presence, "Sent again.", "";
    HTTP_REQUEST = "http.request", Presence, "A request.", "";
    HTTP_HOST = "http.host", Text, "The host asked for.", "";
    HTTP_METHOD = "http.request.method", Text, "The method.", "";
    HTTP_CODE = "http.response.code", Uint(16), "The status.", "";
    WS_MASK = "websocket.mask", Bool, "Whether it is masked.", "";
    WS_KEY = "websocket.masking_key", Bytes, "The mask.", "";
    #[ours] SOCKETIO_TYPE = "socketio.type", Text, "CONNECT, EVENT or ACK.", "";
    #[ours] SOCKETIO_EVENT = "socketio.event", Text, "The name of the event.", "";
}

const PROTOCOLS: &[(&str, bool)] = &[
    ("frame", true),
    ("eth", true),
    ("ip", true),
    ("tcp", true),
    ("http", true),
    ("websocket", true),
    ("socketio", false),
];

/// The capture, and its names.
pub struct Sample;

struct Frame {
    len: u64,
    to_server: bool,
    flags: &'static str,
    payload: &'static [u8],
}

const GET: &[u8] = b"GET /ws HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// Time runs in milliseconds, frame 1 at 0.
const FRAMES: [Frame; 8] = [
    Frame { len: 54, to_server: true, flags: "S", payload: b"" },
    Frame { len: 54, to_server: false, flags: "SA", payload: b"" },
    Frame { len: 54, to_server: true, flags: "A", payload: b"" },
    Frame { len: 255, to_server: true, flags: "A", payload: GET },
    Frame { len: 229, to_server: false, flags: "A", payload: SWITCHING },
    Frame { len: 74, to_server: false, flags: "A", payload: b"\x81\x12small-uncompressed" },
    Frame {
        len: 78,
        to_server: false,
        flags: "A",
        payload: b"\xc1\x16\xaa\x56\x4a\xca\x4c\x57\xb2\x52\xaa\x18\x05\xa3\x60\x14\x8c\x82\x21\x02\x94\x6a\x01\x00",
    },
    Frame {
        len: 87,
        to_server: true,
        flags: "A",
        payload:
            b"\xc1\x9b\x11\x22\x33\x44\x5b\xec\xfa\x08\xdc\x09\x62\x0c\xdf\xed\x1e\x6c\x5b\x0f\x1d\x0a\x5c\x73\xfb\
            \x0c\xdc\xeb\xfa\x03\x37\x23\x33",
    },
];

impl Names for Sample {
    fn field(&self, name: &str) -> Option<&'static FieldDef> {
        FIELDS.iter().copied().find(|def| def.name == name)
    }

    fn protocol(&self, name: &str) -> Option<Protocol> {
        let found = PROTOCOLS.iter().find(|(known, _)| *known == name);
        found.map(|(name, wireshark)| Protocol { name, wireshark: *wireshark })
    }

    fn all(&self) -> Vec<&'static str> {
        FIELDS.iter().map(|def| def.name).chain(PROTOCOLS.iter().map(|(name, _)| *name)).collect()
    }
}

impl Records for Sample {
    fn frames(&self) -> u32 {
        FRAMES.len() as u32
    }

    fn time(&self, frame: u32) -> i128 {
        i128::from(frame - 1) * 1_000_000
    }

    fn values(&self, number: u32, def: &'static FieldDef, visit: &mut dyn FnMut(&Value)) {
        let frame = &FRAMES[number as usize - 1];
        let (source, target) = if frame.to_server { (40000, 8080) } else { (8080, 40000) };
        let localhost = Value::Address([127, 0, 0, 1].into());
        let values = match def.name {
            "frame.number" => vec![Value::Uint(number.into())],
            "frame.len" => vec![Value::Uint(frame.len)],
            "frame.time_relative" => vec![Value::Seconds(self.time(number))],
            "eth.addr" => vec![Value::Mac([0; 6]), Value::Mac([0; 6])],
            "ip.addr" => vec![localhost.clone(), localhost],
            "ip.src" | "ip.dst" => vec![localhost],
            "tcp.port" => vec![Value::Uint(source), Value::Uint(target)],
            "tcp.srcport" => vec![Value::Uint(source)],
            "tcp.dstport" => vec![Value::Uint(target)],
            "tcp.len" => vec![Value::Uint(frame.payload.len() as u64)],
            "tcp.flags.syn" => vec![Value::Bool(frame.flags.contains('S'))],
            "tcp.flags.ack" => vec![Value::Bool(frame.flags.contains('A'))],
            "tcp.payload" if !frame.payload.is_empty() => vec![Value::Bytes(frame.payload.to_vec())],
            "http.request" if number == 4 => vec![Value::Present],
            "http.host" if number == 4 => vec![Value::Text("localhost:8080".into())],
            "http.request.method" if number == 4 => vec![Value::Text("GET".into())],
            "http.response.code" if number == 5 => vec![Value::Uint(101)],
            "websocket.mask" if number >= 6 => vec![Value::Bool(number == 8)],
            "websocket.masking_key" if number == 8 => vec![Value::Bytes(vec![0x11, 0x22, 0x33, 0x44])],
            "socketio.event" if number >= 7 => vec![Value::Text("chat".into())],
            _ => vec![],
        };
        values.iter().for_each(visit);
    }

    fn has_protocol(&self, frame: u32, protocol: &str) -> bool {
        match protocol {
            "http" => matches!(frame, 4 | 5),
            "websocket" => frame >= 6,
            "socketio" => frame >= 7,
            _ => true,
        }
    }

    fn protocol_bytes(&self, frame: u32, protocol: &str, visit: &mut dyn FnMut(&[u8])) {
        if self.has_protocol(frame, protocol) {
            visit(FRAMES[frame as usize - 1].payload);
        }
    }

    fn own_bytes(&self, number: u32, protocol: &str, visit: &mut dyn FnMut(&[u8])) {
        let frame = &FRAMES[number as usize - 1];
        match protocol {
            "frame" => visit(&vec![0; frame.len as usize]),
            "eth" => visit(&[0; 14]),
            "ip" => visit(&[0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]),
            "tcp" => {
                let flags = frame.flags.chars().map(|c| if c == 'S' { 0x02 } else { 0x10 }).sum();
                visit(&[[0; 13].as_slice(), &[flags], &[0; 6]].concat());
            }
            _ => self.protocol_bytes(number, protocol, visit),
        }
    }
}
