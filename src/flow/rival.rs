//! Two connections between the same ends, of which it is open whether the newer comes to be: its SYN may be an old one, or a
//! forged one, or of who has forgotten the older. Who still has that answers with what it expects there, and goes on with it. So a
//! segment belongs to the one of the two that its numbers are of, until something shows that the newer came to be.
//!
//! # References
//! - RFC 9293 §3.10.7.4 ("Fourth, check the SYN bit"), §3.5.1 (half-open connections), RFC 5961 §4.2 (challenge ACK).

use std::net::SocketAddr;

use super::SeqNumber;
use super::connection::Connection;
use crate::layer::{Group, Note, Severity};
use crate::packet::{Flags, Tcp};

/// So far from what comes next a number still belongs to a connection: most windows are smaller.
const REACH: i32 = 1 << 20;

/// So far before what comes next lies what is sent again.
const AGAIN: i32 = 1 << 16;

/// What an older connection met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Met {
    /// The frame of the SYN.
    syn: u32,
    /// What the challenge ACK acknowledges that answers it.
    challenge: Option<SeqNumber>,
}

impl Connection {
    /// Another may begin between its ends, in this frame.
    pub(super) fn meets(&mut self, frame: u32) {
        self.met = Some(Met { syn: frame, challenge: None });
        self.is_settled = false;
    }

    /// The one that it met took its place.
    pub(super) fn give_way(&mut self) {
        self.replaced = self.met.take().map(|met| met.syn);
    }

    /// Whether a segment belongs to this connection, though another may have begun between its ends: it has the numbers of this
    /// one, and is not exactly what the newer expects.
    pub(super) fn keeps(&self, newer: &Self, tcp: &Tcp, from: SocketAddr) -> bool {
        let (syn, ack) = (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK));
        if self.is_with_itself() || (syn && !ack) {
            return false;
        }
        let [own, peer] = [self.direction(from), self.direction(from).reverse()].map(|way| &self.halves[way.index()]);
        let ahead = match own.next() {
            Some(_) if syn => own.base.map(|base| SeqNumber(tcp.seq).since(base)).filter(|ahead| *ahead == 0),
            Some(next) => Some(SeqNumber(tcp.seq).since(next)),
            // It was asked, and has not answered.
            None => (syn || tcp.flags.has(Flags::RST)).then_some(0),
        };
        let acknowledged = match peer.next().filter(|_| ack) {
            Some(next) => Some(SeqNumber(tcp.ack).since(next)),
            None => (!ack).then_some(0),
        };
        let Some(numbers) = ahead.zip(acknowledged).map(|(ahead, acknowledged)| [ahead, acknowledged]) else {
            return false;
        };
        let is_exact = numbers.iter().all(|number| (-AGAIN..=0).contains(number));
        let is_near = numbers.iter().all(|number| (-REACH..=REACH).contains(number));
        is_near && (is_exact || !newer.expects(tcp, from))
    }

    /// Whether a segment is exactly what comes next where nothing but the SYN of this connection is known.
    fn expects(&self, tcp: &Tcp, from: SocketAddr) -> bool {
        let asked = &self.halves[self.direction(self.client).index()];
        let number = if from == self.client { Some(tcp.seq) } else { tcp.flags.has(Flags::ACK).then_some(tcp.ack) };
        let expected = [asked.base.map(|base| base.plus(1)), asked.next()];
        number.is_some_and(|number| expected.contains(&Some(SeqNumber(number))))
    }

    /// Whether a segment that belongs to this connection shows that its SYN was answered, in the capture or out of it.
    pub(super) fn comes_to_be_by(&self, tcp: &Tcp, from: SocketAddr) -> bool {
        let (syn, ack) = (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK));
        match from == self.client {
            true => !syn && !tcp.flags.has(Flags::RST),
            false => (syn && !ack) || self.expects(tcp, from),
        }
    }

    /// Takes note of a segment that belongs to this connection and tells what became of the SYN that it met; returns what there is
    /// to say. `is_of_opener` says that who sent that SYN sends this. To be asked before the segment is taken.
    pub(super) fn note_challenge(
        &mut self,
        tcp: &Tcp,
        from: SocketAddr,
        is_of_opener: bool,
        frame: u32,
    ) -> Option<Note> {
        let own = &self.halves[self.direction(from).index()];
        let met = self.met.as_mut().filter(|met| met.syn < frame)?;
        let (number, acknowledged) = (SeqNumber(tcp.seq), SeqNumber(tcp.ack));
        let control = tcp.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST | Flags::ACK);
        let syn = met.syn;
        let (severity, text, spec) = if is_of_opener {
            let resets = tcp.flags.has(Flags::RST) && met.challenge == Some(number);
            let text = format!(
                "its sender began anew in frame {syn} and does not have this connection any more: what the other side still has of \
                 it ends"
            );
            (Severity::Note, Some(text).filter(|_| resets), "RFC 9293 §3.5.1")
        } else {
            // Nothing new is acknowledged, nothing is sent.
            let is_bare = control == Flags::ACK && tcp.payload_len == 0 && own.next() == Some(number);
            let challenges = is_bare && met.challenge.is_none() && own.acknowledged == Some(acknowledged);
            met.challenge = met.challenge.or(challenges.then_some(acknowledged));
            let text = format!(
                "a challenge ACK: it answers the SYN in frame {syn}, for which there is no place while this connection is known, and \
                 which changes nothing about it"
            );
            (Severity::Note, Some(text).filter(|_| challenges), "RFC 5961 §4.2")
        };
        text.map(|text| Note::new(severity, text, spec).about(Group::Sequence))
    }
}
