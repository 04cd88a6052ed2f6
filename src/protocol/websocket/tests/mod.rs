mod clauses;
mod compressed;
mod frames;
mod handshake;

use super::decoder::WebSocketDecoder;
use crate::layer::Severity;
use crate::protocol::testing::Talk;

const ERROR: Severity = Severity::Error;
const WARN: Severity = Severity::Warn;

/// A masked text frame from the client, RFC 6455 §5.7: FIN and text, MASK and length 5, key, "Hello".
const MASKED_HELLO: &str = "8185 37fa213d 7f9f4d5158";

fn talk() -> Talk {
    Talk::new(WebSocketDecoder::new(None).boxed())
}

/// What the server says, after which it closes in order.
fn server(bytes: &[u8]) -> Talk {
    let mut talk = talk();
    talk.server(bytes).close();
    talk
}

/// A frame of any size in the shortest form, not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(len as u8),
        len @ 126..65536 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

/// The same frame as a client must send it.
fn masked(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let plain = frame(first, payload);
    let header = plain.len() - payload.len();
    let mut out = plain[..header].to_vec();
    out[1] |= 0x80;
    out.extend(key);
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    out
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(0x88, &[&code.to_be_bytes(), reason].concat())
}

/// "Hello" compressed, with the window kept and again (RFC 7692 §7.2.3.1, §7.2.3.2).
const HELLO: &str = "c107 f248cdc9c90700";
