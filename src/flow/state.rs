//! In which state of RFC 9293 §3.3.2 each end of a connection is, as far as its own segments prove it.
//!
//! A capture does not show when a segment is *received*. What an end sends proves it: a SYN was received when it is
//! acknowledged, and so was a FIN. An acknowledgement that was captured is taken for received.

use std::fmt;

use super::connection::{Connection, Opening};
use super::half::Half;
use crate::layer::Direction;

/// The states of a connection's end (RFC 9293 §3.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// None: there is no connection, or no longer.
    Closed,
    /// Waits for a SYN. Nothing on the wire proves it: the state of whoever has not answered a SYN yet.
    Listen,
    /// Has sent a SYN and waits for the other's.
    SynSent,
    /// Has received a SYN and sent its own, which is not acknowledged.
    SynReceived,
    /// Both can send.
    Established,
    /// Has sent a FIN, which is not acknowledged.
    FinWait1,
    /// Its FIN is acknowledged; the other side may still send.
    FinWait2,
    /// The other side has sent its last octet; this one may still send.
    CloseWait,
    /// Both have sent a FIN at the same time; the own one is not acknowledged.
    Closing,
    /// Sent its FIN after the other's, and waits for the last acknowledgement.
    LastAck,
    /// All is said; the first closer waits until the last old segment must have died (RFC 9293 §3.6.1).
    TimeWait,
}

impl State {
    /// The name in the RFC's diagram.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Connection {
    /// The state of the end that sends in this direction.
    pub fn state(&self, direction: Direction) -> State {
        let [client, server] = self.ends_halves();
        let (own, peer) = if direction == Direction::ToServer { (client, server) } else { (server, client) };
        if own.ends().reset.is_some() || peer.ends().reset.is_some() {
            return State::Closed;
        }
        let has_peers_fin = peer.fin().is_some_and(|fin| own.has_acknowledged(fin.end));
        let Some(fin) = own.fin() else {
            return if has_peers_fin { State::CloseWait } else { self.opening_state(own, peer) };
        };
        let is_second = || peer.fin().is_some_and(|first| fin.is_behind(&first));
        match (peer.has_acknowledged(fin.end), has_peers_fin) {
            (false, false) => State::FinWait1,
            (true, false) => State::FinWait2,
            (false, true) if is_second() => State::LastAck,
            (false, true) => State::Closing,
            (true, true) if is_second() => State::Closed,
            (true, true) => State::TimeWait,
        }
    }

    fn opening_state(&self, own: &Half, peer: &Half) -> State {
        if !own.syn_seen {
            let must_have_answered = own.acknowledged.is_some() || peer.acknowledged.is_some();
            let is_open = self.opening == Opening::Guessed || must_have_answered;
            return if is_open { State::Established } else { State::Listen };
        }
        let syn_is_acknowledged = own.base.is_some_and(|base| peer.has_acknowledged(base.plus(1)));
        match (own.acknowledged.is_some(), syn_is_acknowledged) {
            (false, _) => State::SynSent,
            (true, false) => State::SynReceived,
            (true, true) => State::Established,
        }
    }
}
