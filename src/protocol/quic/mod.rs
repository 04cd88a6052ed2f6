//! QUIC: the headers of its packets, the hellos in its first ones, which anyone can open, and, where the secrets of a connection
//! are at hand, the frames in the others ([`Connection`]).
//!
//! ```text
//! 1 1 TT xxxx │ version 4 │ length 1, destination │ length 1, source │ of type Initial: token │ length │ protected …
//! 0 1 xxxxxx  │ destination │ protected …
//! ```
//!
//! Several packets may share a datagram; one with a short header is the last, for it has no length. How long the
//! connection ID in it is only its receiver knows, who has said it before as the source of a long header.
//!
//! # References
//! - RFC 8999: what holds for all versions. RFC 9000 §12.2 (several in a datagram), §17.2 (long headers), §17.3 (short).
//! - RFC 9369 §3.2: the types of version 2.

mod connection;
mod describe;
mod frame;
mod frames_told;
mod initial;
mod numbers;
mod sequence;
mod varint;

use std::ops::Range;

pub use connection::{Connection, Outcome};
pub use describe::{FIELDS, describe};
pub use frame::{Close, Frame, Frames, StreamData, kind as frame_kind, transport_error};
pub use initial::Hello;
pub use numbers::Numbers;
pub use sequence::Sequence;
pub(super) use varint::varint;

use crate::protocol::tls::Unsealed;

/// Version 1 (RFC 9000).
const V1: u32 = 1;
/// Version 2 (RFC 9369).
const V2: u32 = 0x6b33_43cf;
/// "this field MUST NOT exceed 20 bytes" (RFC 9000 §17.2).
const MAX_ID: usize = 20;
/// At the end of a Retry packet.
const INTEGRITY_TAG: usize = 16;
/// More packets of a datagram are not told apart.
const MAX_PACKETS: usize = 64;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first of each side.
    Initial,
    /// Data of a client that was there before.
    ZeroRtt,
    /// What follows the Initial packets until both sides have keys.
    Handshake,
    /// The server wants the client to prove its address.
    Retry,
    /// The server does not speak the client's version, and says which it does.
    VersionNegotiation,
    /// With a short header: all that comes after the handshake.
    Short,
}

/// One packet: where its parts lie in the datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuicPacket {
    /// What it is.
    pub kind: Kind,
    /// All of it.
    pub range: Range<usize>,
    /// The version; a short header has none.
    pub version: Option<u32>,
    /// The connection ID of the receiver.
    pub destination: Range<usize>,
    /// That of the sender; a short header has none.
    pub source: Option<Range<usize>>,
    /// The length of the token before it, and the token: of an Initial or a Retry packet.
    token: Option<(Range<usize>, Range<usize>)>,
    /// Where its length stands, and what it is.
    length: Option<(Range<usize>, u64)>,
    /// The number of its connection, from 0 in order of first packet (`quic.connection.number`).
    pub connection: u32,
    /// What it holds, if it could be opened.
    pub opened: Option<Box<OpenedPacket>>,
}

/// A packet without its protection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedPacket {
    /// Its first octet.
    pub first: u8,
    /// Its number, whole.
    pub number: u64,
    /// How many octets of the number were sent.
    pub number_len: usize,
    /// Its frames, as octets.
    pub content: Vec<u8>,
    /// The messages of TLS that are whole with it.
    pub messages: Vec<Hello>,
}

impl From<Unsealed> for OpenedPacket {
    fn from(unsealed: Unsealed) -> Self {
        let Unsealed { first, number, number_len, content } = unsealed;
        Self { first, number, number_len, content, messages: Vec::new() }
    }
}

impl QuicPacket {
    /// Its octets, and where among them its number begins.
    fn protected<'a>(&self, datagram: &'a [u8]) -> Option<(&'a [u8], usize)> {
        Some((datagram.get(self.range.clone())?, self.number_at(0).start - self.range.start))
    }

    /// Where its number of so many octets lies in the datagram.
    fn number_at(&self, len: usize) -> Range<usize> {
        let start = self.length.as_ref().map_or(self.destination.end, |(length, _)| length.end);
        start..start + len
    }
}

/// The packets of a datagram, if it is one of QUIC. `id_len` is the length of a connection ID of its receiver, where that is
/// known: then its ends have spoken QUIC before, and short headers are read. Without that only a long header of a known
/// version convinces.
pub fn read(datagram: &[u8], id_len: Option<u8>) -> Option<Vec<QuicPacket>> {
    let mut packets: Vec<QuicPacket> = Vec::new();
    let mut at = 0;
    while at < datagram.len() && packets.len() < MAX_PACKETS {
        let known = id_len.map(usize::from).or(packets.last().map(|packet| packet.destination.len()));
        let Some(packet) = packet(datagram, at, known) else { break };
        at = packet.range.end;
        packets.push(packet);
    }
    (!packets.is_empty()).then_some(packets)
}

/// How long the connection IDs of the sender are, as it says in a long header.
pub fn own_id_len(packets: &[QuicPacket]) -> Option<u8> {
    packets.iter().find_map(|packet| u8::try_from(packet.source.as_ref()?.len()).ok())
}

fn packet(datagram: &[u8], at: usize, id_len: Option<usize>) -> Option<QuicPacket> {
    let first = *datagram.get(at)?;
    if first & 0x80 != 0 {
        return long(datagram, at, first);
    }
    // "The next bit (0x40) of byte 0 is set to 1" (RFC 9000 §17.3.1).
    let destination = at + 1..at + 1 + id_len?;
    (first & 0x40 != 0 && destination.end < datagram.len()).then_some(QuicPacket {
        kind: Kind::Short,
        range: at..datagram.len(),
        version: None,
        destination,
        source: None,
        token: None,
        length: None,
        connection: 0,
        opened: None,
    })
}

fn long(datagram: &[u8], at: usize, first: u8) -> Option<QuicPacket> {
    let version = u32::from_be_bytes(*datagram.get(at + 1..)?.first_chunk()?);
    let destination = id(datagram, at + 5)?;
    let source = id(datagram, destination.end)?;
    let rest = source.end;
    let kind = kind(version, first)?;
    let mut packet = QuicPacket {
        kind,
        range: at..datagram.len(),
        version: Some(version),
        destination,
        source: Some(source),
        token: None,
        length: None,
        connection: 0,
        opened: None,
    };
    match kind {
        // "Supported Version (32) ..." to the end of the datagram (RFC 9000 §17.2.1).
        Kind::VersionNegotiation => {
            let versions = datagram.get(rest..)?.as_chunks::<4>();
            let knows = |version: &[u8; 4]| matches!(u32::from_be_bytes(*version), V1 | V2);
            (versions.1.is_empty() && versions.0.iter().any(knows)).then_some(packet)
        }
        Kind::Retry => {
            let tag = datagram.len().checked_sub(INTEGRITY_TAG).filter(|tag| *tag > rest)?;
            packet.token = Some((rest..rest, rest..tag));
            Some(packet)
        }
        _ => {
            let mut end = rest;
            if kind == Kind::Initial {
                let (len, token_len) = varint(datagram, end)?;
                let token = len.end..len.end.checked_add(usize::try_from(token_len).ok()?)?;
                end = token.end;
                packet.token = Some((len, token));
            }
            let (len, length) = varint(datagram, end)?;
            packet.range.end = len.end.checked_add(usize::try_from(length).ok()?)?;
            packet.length = Some((len, length));
            // Of its number and what is protected there are four octets at the least, for a sample is taken behind them
            // (RFC 9001 §5.4.2).
            (packet.range.end <= datagram.len() && length >= 4).then_some(packet)
        }
    }
}

/// A connection ID behind its length.
fn id(datagram: &[u8], at: usize) -> Option<Range<usize>> {
    let len = usize::from(*datagram.get(at)?);
    let id = at + 1..at + 1 + len;
    (len <= MAX_ID && id.end <= datagram.len()).then_some(id)
}

/// The type that the first octet says, which each version numbers in its own way; `None` for versions nobody knows here.
fn kind(version: u32, first: u8) -> Option<Kind> {
    let number = first >> 4 & 3;
    let kinds = match version {
        0 => return Some(Kind::VersionNegotiation),
        V1 => [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry],
        V2 => [Kind::Retry, Kind::Initial, Kind::ZeroRtt, Kind::Handshake],
        _ => return None,
    };
    (first & 0x40 != 0).then_some(kinds[usize::from(number)])
}

#[cfg(test)]
mod tests;
