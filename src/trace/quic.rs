//! Which ends speak QUIC with each other, so that short headers are known for what they are, and hellos can be read.

use std::net::SocketAddr;

use crate::layer::{Group, Note, Severity};
use crate::map::Map;
use crate::packet::Packet;
use crate::protocol::quic::{self, Opening, QuicPacket};

/// More pairs of ends than this are not remembered at once.
const MAX_PAIRS: usize = 1 << 14;

/// Ends that speak QUIC.
#[derive(Default)]
pub(super) struct QuicPairs {
    pairs: Map<(SocketAddr, SocketAddr), Pair>,
    note: Option<Note>,
}

/// What is known of two ends, the lower before the higher.
#[derive(Default)]
struct Pair {
    /// How long the connection IDs of each are.
    id_lens: [Option<u8>; 2],
    opening: Opening,
}

impl QuicPairs {
    /// The packets of QUIC in a datagram, if it holds any.
    pub(super) fn read(&mut self, packet: &Packet, data: &[u8]) -> Option<Box<[QuicPacket]>> {
        let (_, from, to) = packet.udp()?;
        let payload = packet.payload.of(data);
        let (key, sender) = if from <= to { ((from, to), 0) } else { ((to, from), 1) };
        let known = self.pairs.get(&key);
        let mut packets = quic::read(payload, known.and_then(|pair| pair.id_lens[1 - sender]))?;
        if known.is_none() {
            let text = "QUIC: what its packets carry is encrypted, and only their headers and the hellos are read; what follows, \
                        such as HTTP/3 or WebTransport, is not opened";
            self.note = Some(Note::new(Severity::Note, text, "RFC 9001 §5").about(Group::Undecoded));
            if self.pairs.len() >= MAX_PAIRS {
                self.pairs.clear();
            }
        }
        let pair = self.pairs.entry(key).or_default();
        pair.id_lens[sender] = quic::own_id_len(&packets).or(pair.id_lens[sender]);
        packets.iter_mut().for_each(|packet| pair.opening.hear(packet, payload));
        Some(packets.into())
    }

    /// What is to be told of a pair when it first speaks.
    pub(super) fn take_note(&mut self) -> Option<Note> {
        self.note.take()
    }
}
