mod again;
mod answers;
mod begins;
mod broken;
mod cors;
mod doubled;
mod encrypted;
mod engineio;
mod faulty;
mod fold;
mod http2;
mod idle;
mod lengths;
mod mismatch;
mod missing;
mod otherwise;
mod probe;
mod refused;
mod requests;
mod said;
mod unanswered;
mod unended;
mod upgrade;

use super::*;
use crate::trace::testing::Conversation;

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn told(talk: &Conversation) -> Vec<String> {
    diagnose(&talk.trace()).into_iter().map(|finding| finding.text).collect()
}

/// The only finding.
fn one(talk: &Conversation) -> Finding {
    let mut found = diagnose(&talk.trace());
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn websocket(asks: &str, says: &str) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client(format!("{UPGRADE}{asks}\r\n")).server(format!("{SWITCHING}{says}\r\n"));
    talk
}

/// A frame of a server, or of a client with a mask that changes nothing.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let len = payload.len();
    let mut octets = vec![first];
    match len {
        ..126 => octets.push(len as u8 | u8::from(masked) << 7),
        _ => octets.extend([126 | u8::from(masked) << 7, (len >> 8) as u8, len as u8]),
    }
    octets.extend(if masked { &[0; 4][..] } else { &[] });
    octets.extend(payload);
    octets
}

fn text(text: &str, masked: bool) -> Vec<u8> {
    frame(0x81, text.as_bytes(), masked)
}

/// From this frame on all comes so many milliseconds later.
fn later(talk: &mut Conversation, from: u32, milliseconds: i64) {
    for frame in talk.frames.iter_mut().skip(from as usize - 1) {
        frame.time.0 += milliseconds * 1_000_000;
    }
}

fn engineio(timeout: u64) -> Conversation {
    let mut talk = Conversation::new().open();
    let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket");
    talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n"));
    let open = format!(
        "0{{\"sid\":\"s\",\"upgrades\":[],\"pingInterval\":500,\"pingTimeout\":{timeout},\"maxPayload\":1000}}"
    );
    talk.server(text(&open, false)).client(text("40", true)).server(text("40{\"sid\":\"t\"}", false));
    talk
}
