//! How a connection is opened: by three segments, as a rule.
//!
//! # References
//! - RFC 9293 §3.5 (opening), §3.10.7.4 (a SYN ACK that comes late).

use super::SeqNumber;
use super::connection::Connection;
use crate::capture::Timestamp;
use crate::layer::{Direction, Group, Note, Severity};
use crate::packet::{Flags, Tcp};

/// The three segments that open a connection, by frame number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handshake {
    /// The SYN.
    pub syn: Option<(u32, Timestamp)>,
    /// The SYN sent again, the latest time.
    pub syn_again: Option<(u32, Timestamp)>,
    /// A SYN without ACK of the side that was asked: both open at once (RFC 9293 §3.5, figure 7).
    pub syn_of_both: Option<(u32, Timestamp)>,
    /// The SYN with ACK.
    pub syn_ack: Option<(u32, Timestamp)>,
    /// The ACK of that.
    pub ack: Option<(u32, Timestamp)>,
}

impl Handshake {
    /// From the SYN to the ACK that completes the handshake, in seconds (`tcp.analysis.initial_rtt`). Of several SYNs
    /// the last one counts, as in Wireshark; `None` where the capture has them in the wrong order, for it does not know.
    pub fn rtt(&self) -> Option<f64> {
        let ((_, syn), (_, ack)) = (self.syn_again.or(self.syn)?, self.ack?);
        Some(ack.seconds_since(syn)).filter(|rtt| *rtt >= 0.0)
    }

    pub(super) fn rtt_nanoseconds(&self) -> Option<i64> {
        let ((_, syn), (_, ack)) = (self.syn_again.or(self.syn)?, self.ack?);
        Some(ack.0.wrapping_sub(syn.0))
    }
}

impl Connection {
    /// Whether this is a SYN ACK that answers the client's SYN once more, with another number than the one that the client has
    /// acknowledged: a late one, or a forged one. The client drops it.
    pub(super) fn is_stray(&self, tcp: &Tcp, direction: Direction) -> bool {
        let [own, peer] = [direction, direction.reverse()].map(|d| &self.halves[d.index()]);
        let (Some(base), Some(asked)) = (own.base, peer.base) else { return false };
        tcp.flags.has(Flags::SYN)
            && tcp.flags.has(Flags::ACK)
            && SeqNumber(tcp.seq) != base
            && SeqNumber(tcp.ack) == asked.plus(1)
            && peer.has_acknowledged(base.plus(1))
    }

    /// Whether this SYN comes with the number of the one that opened the connection, which has been open since.
    pub(super) fn is_late_syn(&self, tcp: &Tcp) -> bool {
        let opens = tcp.flags.has(Flags::SYN) && !tcp.flags.has(Flags::ACK);
        opens && self.handshake.ack.is_some() && !self.is_closed()
    }

    /// Takes note of what opens the connection.
    pub(super) fn note_handshake(&mut self, tcp: &Tcp, direction: Direction, frame: u32, time: Timestamp) {
        let here = Some((frame, time));
        let way_back = self.way_back(Direction::ToServer);
        let handshake = &mut self.handshake;
        match (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK), direction) {
            (true, false, Direction::ToServer) if handshake.syn.is_none() => handshake.syn = here,
            (true, false, Direction::ToServer) if handshake.ack.is_none() => handshake.syn_again = here,
            (true, false, Direction::ToClient) if handshake.ack.is_none() => {
                handshake.syn_of_both = handshake.syn_of_both.or(here);
            }
            (true, true, way) if way == way_back && handshake.syn_ack.is_none() => handshake.syn_ack = here,
            // A RST completes nothing. The SYN ACK may be missing from the capture.
            _ if tcp.flags.has(Flags::RST) || handshake.syn.or(handshake.syn_ack).is_none() => {}
            (false, true, Direction::ToServer) if handshake.ack.is_none() => handshake.ack = here,
            _ => {}
        }
    }
}

/// What there is to say of a [SYN that comes late](Connection::is_late_syn).
pub(super) fn late_syn() -> Note {
    let text = "a SYN in the middle of its connection: it opens nothing, and a challenge ACK answers it";
    Note::new(Severity::Note, text, "RFC 5961 §4.2").about(Group::Sequence)
}

/// What there is to say of a [stray](Connection::is_stray) SYN ACK.
pub(super) fn stray() -> Note {
    let text =
        "a SYN ACK with another number than the one that was acknowledged: it is dropped, and the connection goes on";
    Note::new(Severity::Warn, text, "RFC 9293 §3.10.7.4").about(Group::Sequence)
}
