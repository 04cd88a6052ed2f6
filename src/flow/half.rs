//! One side of a connection: how far it has come, and how it ended.
//!
//! # References
//! - RFC 9293 §3.5 (opening), §3.6 (closing), §3.5.2 (reset).

use super::SeqNumber;
use crate::capture::Timestamp;

/// What is known of one side's sending.
#[derive(Debug, Clone, Default)]
#[repr(C)]
pub(super) struct Half {
    /// The number before the first octet: the SYN's own, or made up where the capture began in the middle.
    pub(super) base: Option<SeqNumber>,
    /// The highest offset sent so far.
    pub(super) sent: u64,
    /// The highest number of the other side that it has acknowledged.
    pub(super) acknowledged: Option<SeqNumber>,
    /// The end of the window that it gives the other side, the furthest so far; unknown where its scale is.
    pub(super) edge: Option<SeqNumber>,
    /// Whether it sent payload.
    pub(super) has_data: bool,
    pub(super) syn_seen: bool,
    /// How it ended, if there is anything to say of that: apart, as most of the time there is not.
    ends: Option<Box<Ends>>,
}

/// How one side's sending ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ends {
    pub(super) fin: Option<Fin>,
    /// The frame of its first RST that was heeded, and when.
    pub(super) reset: Option<(u32, Timestamp)>,
    /// A RST whose number is not the next, after which it said nothing more.
    pub(super) doubtful_reset: Option<Doubt>,
}

/// A RST of which it is open whether its receiver heeds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) number: SeqNumber,
    pub(super) frame: u32,
    pub(super) time: Timestamp,
    /// What its receiver had acknowledged by then: the number that it expects.
    pub(super) expected: SeqNumber,
    /// Its receiver has refused it.
    pub(super) is_refused: bool,
}

/// A FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fin {
    pub(super) frame: u32,
    pub(super) time: Timestamp,
    /// The number after it.
    pub(super) end: SeqNumber,
    /// The highest number of the other side that its sender had acknowledged with it.
    pub(super) acknowledged: Option<SeqNumber>,
}

impl Fin {
    /// Whether its sender had received the other side's FIN, and says so.
    pub(super) fn is_behind(&self, other: &Self) -> bool {
        self.acknowledged.is_some_and(|acknowledged| acknowledged.since(other.end) >= 0)
    }
}

impl Half {
    /// How it ended, as far as it has.
    pub(super) fn ends(&self) -> Ends {
        self.ends.as_deref().copied().unwrap_or_default()
    }

    /// The same, to be written.
    pub(super) fn ends_mut(&mut self) -> &mut Ends {
        self.ends.get_or_insert_default()
    }

    /// Whether it has sent a RST, heeded or not, of which what follows may tell something.
    pub(super) fn has_reset(&self) -> bool {
        self.ends.as_ref().is_some_and(|ends| ends.reset.is_some() || ends.doubtful_reset.is_some())
    }

    /// As if it had sent no RST.
    pub(super) fn forget_resets(&mut self) {
        if let Some(ends) = &mut self.ends {
            (ends.reset, ends.doubtful_reset) = (None, None);
        }
    }

    /// Its FIN.
    pub(super) fn fin(&self) -> Option<Fin> {
        self.ends.as_ref().and_then(|ends| ends.fin)
    }

    /// Takes note of so many octets of payload that it sent at this offset.
    pub(super) fn reaches(&mut self, offset: u64, len: u32) {
        self.sent = self.sent.max(offset + u64::from(len));
        self.has_data |= len > 0;
    }

    /// Whether it has acknowledged all numbers of the other side before this one.
    pub(super) fn has_acknowledged(&self, end: SeqNumber) -> bool {
        self.acknowledged.is_some_and(|acknowledged| acknowledged.since(end) >= 0)
    }
}
