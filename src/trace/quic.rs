//! Which ends speak QUIC with each other, so that short headers are known for what they are.

use std::net::SocketAddr;

use crate::layer::{Group, Note, Severity};
use crate::map::Map;
use crate::packet::Packet;
use crate::protocol::quic::{self, QuicPacket};

/// More ends than this are not remembered at once.
const MAX_ENDS: usize = 1 << 16;

/// Ends that speak QUIC.
#[derive(Default)]
pub(super) struct QuicPairs {
    /// For an end and the other it speaks with: how long its connection IDs are.
    id_lens: Map<(SocketAddr, SocketAddr), u8>,
    note: Option<Note>,
}

impl QuicPairs {
    /// The packets of QUIC in a datagram, if it holds any.
    pub(super) fn read(&mut self, packet: &Packet, data: &[u8]) -> Option<Box<[QuicPacket]>> {
        let (_, from, to) = packet.udp()?;
        let known = self.id_lens.get(&(to, from)).copied();
        let packets = quic::read(packet.payload.of(data), known)?;
        let is_new = known.is_none() && !self.id_lens.contains_key(&(from, to));
        if is_new {
            let text = "QUIC: all but the headers of its packets is encrypted, and not opened here; what they carry, such as \
                        HTTP/3 or WebTransport, is not read";
            self.note = Some(Note::new(Severity::Note, text, "RFC 9001 §5").about(Group::Undecoded));
        }
        if let Some(len) = quic::own_id_len(&packets) {
            if self.id_lens.len() >= MAX_ENDS {
                self.id_lens.clear();
            }
            self.id_lens.insert((from, to), len);
        }
        Some(packets.into())
    }

    /// What is to be told of a pair when it first speaks.
    pub(super) fn take_note(&mut self) -> Option<Note> {
        self.note.take()
    }
}
