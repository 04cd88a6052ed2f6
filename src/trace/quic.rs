//! Which ends speak QUIC with each other, so that short headers are known for what they are, and hellos can be read.

use std::net::SocketAddr;

use crate::layer::{Group, Note, Severity};
use crate::map::Map;
use crate::packet::Packet;
use crate::protocol::quic::{self, Opening, QuicPacket};

/// More pairs of ends than this are not remembered at once.
const MAX_PAIRS: usize = 1 << 15;
/// The hellos of more pairs are not under way at once: what came of them is kept.
const MAX_OPENINGS: usize = 1 << 8;

/// Two ends, the lower before the higher.
type Ends = (SocketAddr, SocketAddr);

/// Ends that speak QUIC.
#[derive(Default)]
pub(super) struct QuicPairs {
    pairs: Map<Ends, Pair>,
    openings: Map<Ends, Opening>,
    note: Option<Note>,
}

/// What is known of two ends.
#[derive(Default)]
struct Pair {
    /// How long the connection IDs of each are.
    id_lens: [Option<u8>; 2],
    /// Their hellos are known, or given up.
    is_opened: bool,
}

impl QuicPairs {
    /// The packets of QUIC in a datagram, if it holds any.
    pub(super) fn read(&mut self, packet: &Packet, data: &[u8]) -> Option<Box<[QuicPacket]>> {
        let (_, from, to) = packet.udp()?;
        let payload = packet.payload.of(data);
        let (ends, sender) = if from <= to { ((from, to), 0) } else { ((to, from), 1) };
        let known = self.pairs.get(&ends);
        let mut packets = quic::read(payload, known.and_then(|pair| pair.id_lens[1 - sender]))?;
        if known.is_none() {
            self.meet();
        }
        let pair = self.pairs.entry(ends).or_default();
        pair.id_lens[sender] = quic::own_id_len(&packets).or(pair.id_lens[sender]);
        if !pair.is_opened && packets.iter().any(QuicPacket::may_hold_hello) {
            if self.openings.len() >= MAX_OPENINGS && !self.openings.contains_key(&ends) {
                self.openings.clear();
            }
            let opening = self.openings.entry(ends).or_default();
            packets.iter_mut().for_each(|packet| opening.hear(packet, payload));
            pair.is_opened = opening.is_over();
            if pair.is_opened {
                self.openings.remove(&ends);
            }
        }
        Some(packets.into())
    }

    /// Two ends speak for the first time.
    fn meet(&mut self) {
        let text = "QUIC: what its packets carry is encrypted, and only their headers and the hellos are read; what follows, \
                    such as HTTP/3 or WebTransport, is not opened";
        self.note = Some(Note::new(Severity::Note, text, "RFC 9001 §5").about(Group::Undecoded));
        if self.pairs.len() >= MAX_PAIRS {
            self.pairs.clear();
        }
    }

    /// What is to be told of a pair when it first speaks.
    pub(super) fn take_note(&mut self) -> Option<Note> {
        self.note.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;

    /// A datagram from this port with an Initial packet that nobody can open.
    fn datagram(port: u16) -> Vec<u8> {
        let mut quic = vec![0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 30];
        quic.resize(quic.len() + 30, 0x5a);
        let len = 8 + quic.len() as u16;
        let mut bytes = vec![0x45, 0];
        bytes.extend((20 + len).to_be_bytes());
        bytes.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend(port.to_be_bytes());
        bytes.extend([1, 187]);
        bytes.extend(len.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(quic);
        bytes
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut pairs = QuicPairs::default();
        let mut notes = 0;
        let mut read = |port: u16, pairs: &mut QuicPairs| {
            let bytes = datagram(port);
            let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
            let found = pairs.read(&packet, &bytes).is_some();
            notes += usize::from(pairs.take_note().is_some());
            found
        };
        assert!((1..4000).all(|port| read(port, &mut pairs)));
        assert!(pairs.openings.len() <= MAX_OPENINGS && pairs.pairs.len() <= MAX_PAIRS, "{}", pairs.openings.len());
        // Who sends nothing that can be opened is not tried for ever.
        (0..100).for_each(|_| assert!(read(5000, &mut pairs)));
        assert!(pairs.pairs.values().filter(|pair| pair.is_opened).count() == 1);
        assert_eq!(notes, 4000, "once for each pair of ends");
    }
}
