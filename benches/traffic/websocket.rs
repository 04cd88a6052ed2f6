//! WebSocket as a client and a server speak it (RFC 6455), also compressed (RFC 7692).

use std::io;

use flate2::{Compress, Compression, FlushCompress};

use super::connection::{By, Connection};
use super::random::Random;
use super::wire::Wire;

/// A connection that has changed to WebSocket.
pub struct Socket {
    pub connection: Connection,
    /// Compressors of both sides, if permessage-deflate was agreed on; they remember what they have sent.
    compressors: Option<[Compress; 2]>,
    buffer: Vec<u8>,
}

impl Socket {
    /// Asks for the change at this target, and gets it.
    pub fn upgrade(
        wire: &mut Wire,
        random: &mut Random,
        mut connection: Connection,
        target: &str,
        deflate: bool,
    ) -> io::Result<Self> {
        let extension = if deflate { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
        // The key and answer of RFC 6455 §1.3.
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extension}\r\n"
        );
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{extension}\r\n"
        );
        connection.send(wire, random, By::Client, request.as_bytes())?;
        connection.send(wire, random, By::Server, response.as_bytes())?;
        for kind in ["http.request", "http.response", "websocket.handshake"] {
            wire.truth.kind(kind);
        }
        let compressors = deflate.then(|| [(); 2].map(|()| Compress::new(Compression::new(6), false)));
        Ok(Self { connection, compressors, buffer: Vec::new() })
    }

    /// Sends a message in frames with at most `fragment` octets of payload each.
    pub fn send(
        &mut self,
        wire: &mut Wire,
        random: &mut Random,
        by: By,
        (opcode, message): (u8, &[u8]),
        fragment: usize,
    ) -> io::Result<()> {
        let compressed =
            self.compressors.as_mut().map(|both| compress(&mut both[usize::from(by == By::Server)], message));
        let payload = compressed.as_deref().unwrap_or(message);
        let rsv1 = if compressed.is_some() { 0x40 } else { 0 };
        self.buffer.clear();
        let count = payload.len().div_ceil(fragment).max(1);
        for i in 0..count {
            let piece = &payload[i * fragment..payload.len().min((i + 1) * fragment)];
            let fin = if i + 1 == count { 0x80 } else { 0 };
            let first = if i == 0 { fin | rsv1 | opcode } else { fin };
            put_frame(&mut self.buffer, random, first, by == By::Client, piece);
            wire.truth.frame(if i == 0 { name(opcode) } else { "continuation" }, piece.len());
        }
        wire.truth.message(message.len());
        let octets = std::mem::take(&mut self.buffer);
        self.connection.send(wire, random, by, &octets)?;
        self.buffer = octets;
        Ok(())
    }

    /// Sends a control frame.
    pub fn control(&mut self, wire: &mut Wire, random: &mut Random, by: By, opcode: u8, body: &[u8]) -> io::Result<()> {
        let mut octets = Vec::new();
        put_frame(&mut octets, random, 0x80 | opcode, by == By::Client, body);
        wire.truth.frame(name(opcode), body.len());
        wire.truth.message(body.len());
        self.connection.send(wire, random, by, &octets)
    }

    /// Both sides say that they close, and do.
    pub fn close(mut self, wire: &mut Wire, random: &mut Random) -> io::Result<()> {
        self.control(wire, random, By::Client, 8, &[0x03, 0xe8])?;
        self.control(wire, random, By::Server, 8, &[0x03, 0xe8])?;
        self.connection.close(wire)
    }
}

fn name(opcode: u8) -> &'static str {
    match opcode {
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        _ => "pong",
    }
}

fn put_frame(out: &mut Vec<u8>, random: &mut Random, first: u8, masked: bool, payload: &[u8]) {
    let mask_bit = if masked { 0x80 } else { 0 };
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(mask_bit | len as u8),
        len @ 126..65_536 => {
            out.push(mask_bit | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(mask_bit | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    if !masked {
        return out.extend(payload);
    }
    let key = (random.next() as u32).to_be_bytes();
    out.extend(key);
    let wide = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let (words, rest) = payload.as_chunks::<8>();
    for word in words {
        out.extend((u64::from_ne_bytes(*word) ^ wide).to_ne_bytes());
    }
    out.extend(rest.iter().zip(key.iter().cycle()).map(|(octet, mask)| octet ^ mask));
}

/// RFC 7692 §7.2.1: compressed, flushed, and the four octets at its end left out.
fn compress(compressor: &mut Compress, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    let mut rest = message;
    loop {
        let before = compressor.total_in();
        out.reserve(256);
        compressor.compress_vec(rest, &mut out, FlushCompress::Sync).expect("memory is no bad input");
        rest = &rest[(compressor.total_in() - before) as usize..];
        if rest.is_empty() && out.len() < out.capacity() {
            break;
        }
    }
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]), "a sync flush ends in an empty block");
    out.truncate(out.len() - 4);
    out
}
