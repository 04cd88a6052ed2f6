//! What is in the Initial packets of a connection: the hellos of TLS. Their keys follow from what everyone on the way can read.
//!
//! # References
//! - RFC 9001 §5.2 (keys), §4.1.3 (CRYPTO frames); RFC 9000 §14.1. RFC 9369 §3.3 (version 2).

use std::collections::BTreeMap;

use super::frame::Frames;
use super::{Kind, OpenedPacket, QuicPacket, V1, V2};
use crate::layer::Direction;
use crate::protocol::tls::{PacketLabels, PacketOpener, TlsHandshake};

/// More Initial packets of one pair of ends are not tried to be opened: each costs many times what reading it does.
pub(super) const MAX_TRIED: u32 = 64;
/// A hello of more octets is not put together.
const MAX_HELLO: usize = 8 << 10;
/// Nor is one that came in more pieces than this: whoever can see a connection can send it any number of them.
const MAX_PIECES: usize = 256;

/// RFC 9001 §5.2.
pub(super) static VERSION_1: PacketLabels = PacketLabels {
    salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb,
        0x7f, 0x0a,
    ],
    labels: [b"quic key", b"quic iv", b"quic hp"],
    update: b"quic ku",
};
/// RFC 9369 §3.3.
static VERSION_2: PacketLabels = PacketLabels {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd,
        0x2e, 0xd9,
    ],
    labels: [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"],
    update: b"quicv2 ku",
};

/// What a version makes its keys of; `None` if nobody knows it here.
pub(super) fn labels(version: u32) -> Option<&'static PacketLabels> {
    match version {
        V1 => Some(&VERSION_1),
        V2 => Some(&VERSION_2),
        _ => None,
    }
}

/// A message of TLS that came whole with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What it says.
    pub handshake: TlsHandshake,
    /// Its octets, put together from the frames that brought them.
    pub message: Vec<u8>,
}

/// What is known of a connection while its hellos are under way.
#[derive(Debug, Default)]
pub struct Opening {
    /// The connection ID that the client sent to before it knew the server's own.
    id: Vec<u8>,
    /// What each side's CRYPTO frames brought, by its offset.
    crypto: [Crypto; 2],
    tried: u32,
}

#[derive(Debug, Default)]
struct Crypto {
    pieces: BTreeMap<u64, Vec<u8>>,
    octets: usize,
    is_done: bool,
}

impl Opening {
    /// Opens an Initial packet, and learns from it. A hello that is whole with it is put to it. Returns the way it went.
    pub fn hear(&mut self, packet: &mut QuicPacket, datagram: &[u8]) -> Option<Direction> {
        if packet.kind != Kind::Initial || self.is_over() {
            return None;
        }
        self.tried += 1;
        let (mut opened, from) = self.open(packet, datagram)?;
        let crypto = &mut self.crypto[from.index()];
        if !crypto.is_done {
            take_frames(&opened.content, crypto);
            opened.messages.extend(crypto.hello());
        }
        packet.opened = Some(Box::new(opened));
        Some(from)
    }

    /// Whether nothing more is opened.
    pub fn is_over(&self) -> bool {
        self.tried >= MAX_TRIED
    }

    /// Whether a part of the client's hello came, but not all.
    pub fn waits_for_hello(&self) -> bool {
        let crypto = &self.crypto[Direction::ToServer.index()];
        !crypto.is_done && !crypto.pieces.is_empty()
    }

    /// Whether this packet's keys follow from its own connection ID, and that is another than the one known: then it begins
    /// another connection, or answers a Retry packet.
    pub(super) fn is_anew(&self, packet: &QuicPacket, datagram: &[u8]) -> bool {
        let anew = || {
            let destination = datagram.get(packet.destination.clone())?;
            (destination != self.id).then_some(())?;
            let (octets, at) = packet.protected(datagram)?;
            PacketOpener::initial(labels(packet.version?)?, destination, Direction::ToServer)?.open(octets, at)
        };
        !self.id.is_empty() && anew().is_some()
    }

    /// The content of an Initial packet, and the way it went.
    fn open(&mut self, packet: &QuicPacket, datagram: &[u8]) -> Option<(OpenedPacket, Direction)> {
        let labels = labels(packet.version?)?;
        let (octets, at) = packet.protected(datagram)?;
        let destination = datagram.get(packet.destination.clone())?;
        let tried =
            [(destination, Direction::ToServer), (&self.id, Direction::ToServer), (&self.id, Direction::ToClient)];
        let (opened, from, id) = tried.into_iter().filter(|(id, _)| !id.is_empty()).find_map(|(id, from)| {
            let opened = PacketOpener::initial(labels, id, from)?.open(octets, at)?;
            Some((opened, from, id.to_vec()))
        })?;
        // Who sends to another ID under its keys has begun anew, and says its hello once more (RFC 9000 §17.2.5.2).
        if id != self.id && !self.id.is_empty() {
            self.crypto = Default::default();
        }
        self.id = id;
        Some((opened.into(), from))
    }
}

impl Crypto {
    /// Keeps a piece, unless it brings nothing or there is too much already.
    fn keep(&mut self, offset: u64, data: &[u8]) {
        let known = self.pieces.get(&offset).map_or(0, Vec::len);
        let is_too_much = self.octets + data.len() > MAX_HELLO || self.pieces.len() >= MAX_PIECES;
        if data.len() > known && !is_too_much {
            self.octets += data.len() - known;
            self.pieces.insert(offset, data.to_vec());
        }
    }

    /// The hello, if all of it is there.
    fn hello(&mut self) -> Option<Hello> {
        let mut message: Vec<u8> = Vec::new();
        for (offset, piece) in &self.pieces {
            let known = (message.len() as u64).checked_sub(*offset)?;
            message.extend(piece.get(usize::try_from(known).ok()?..).unwrap_or_default());
        }
        let whole = 4 + TlsHandshake::body_len(message.first_chunk()?);
        if message.len() < whole {
            return None;
        }
        message.truncate(whole);
        self.is_done = true;
        self.pieces.clear();
        let handshake = TlsHandshake::read(&message).filter(|handshake| handshake.hello.is_some())?;
        Some(Hello { handshake, message })
    }
}

/// Goes over the frames of an Initial packet, and keeps what the CRYPTO frames bring.
fn take_frames(content: &[u8], crypto: &mut Crypto) {
    for (offset, data) in Frames::new(content).filter_map(|frame| frame.crypto()) {
        crypto.keep(offset, content.get(data).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A CRYPTO frame at an offset of up to 16383.
    fn frame(offset: u16, data: &[u8]) -> Vec<u8> {
        [&[6][..], &(0x4000 | offset).to_be_bytes(), &[data.len() as u8], data].concat()
    }

    #[test]
    fn pieces_are_put_together_in_any_order() {
        let message = [&[2, 0, 0, 44, 3, 3][..], &[7; 32], &[0, 0x13, 1, 0, 0, 4, 0, 0, 0, 0]].concat();
        let mut crypto = Crypto::default();
        for (offset, end) in [(30, message.len()), (0, 20), (0, 3), (15, 31)] {
            assert_eq!(crypto.hello(), None);
            take_frames(&[&[0, 1][..], &frame(offset as u16, &message[offset..end])].concat(), &mut crypto);
        }
        let hello = crypto.hello().unwrap();
        assert_eq!((hello.message, hello.handshake.name().as_str()), (message, "ServerHello"));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut crypto = Crypto::default();
        for offset in 1..10_000 {
            take_frames(&frame(offset, b""), &mut crypto);
            take_frames(&frame(offset, &[1; 40]), &mut crypto);
        }
        assert!(crypto.octets <= MAX_HELLO && crypto.pieces.len() <= MAX_PIECES, "{}", crypto.pieces.len());
        let mut crypto = Crypto::default();
        (1..10_000).for_each(|offset| take_frames(&frame(offset, b"x"), &mut crypto));
        assert_eq!(crypto.pieces.len(), MAX_PIECES);
    }
}
