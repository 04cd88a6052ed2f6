//! What can be found about one segment, and a small set of that.

use std::fmt;

/// One thing the analysis finds about a segment, under Wireshark's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Finding {
    /// A SYN between ends that had a connection before, or have it: also a SYN sent again.
    ReusedPorts,
    /// Sent before; with the two kinds of it that follow, as in Wireshark.
    Retransmission,
    /// Sent again after duplicate ACKs.
    FastRetransmission,
    /// Sent again though acknowledged.
    SpuriousRetransmission,
    /// Captured after later segments, too soon for a retransmission.
    OutOfOrder,
    /// Something before it is missing here.
    LostSegment,
    /// It acknowledges what was not captured.
    AckLostSegment,
    /// Only the window is new.
    WindowUpdate,
    /// It fills the receiver's window.
    WindowFull,
    /// The number before the next one, to see whether the peer is there.
    KeepAlive,
    /// The answer to a keep-alive.
    KeepAliveAck,
    /// The same acknowledgement again.
    DuplicateAck,
    /// One octet into a closed window.
    ZeroWindowProbe,
    /// A closed window.
    ZeroWindow,
    /// The answer to a probe.
    ZeroWindowProbeAck,
    /// A SYN with a Fast Open cookie.
    TfoSyn,
    /// A SYN ACK that takes the data of the SYN.
    TfoAck,
    /// A SYN ACK that does not.
    TfoIgnored,
}

impl Finding {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::ReusedPorts,
        Self::Retransmission,
        Self::FastRetransmission,
        Self::SpuriousRetransmission,
        Self::OutOfOrder,
        Self::LostSegment,
        Self::AckLostSegment,
        Self::WindowUpdate,
        Self::WindowFull,
        Self::KeepAlive,
        Self::KeepAliveAck,
        Self::DuplicateAck,
        Self::ZeroWindowProbe,
        Self::ZeroWindow,
        Self::ZeroWindowProbeAck,
        Self::TfoSyn,
        Self::TfoAck,
        Self::TfoIgnored,
    ];

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// A set of findings.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Findings(u32);

impl Findings {
    /// Those that Wireshark does not count for `tcp.analysis.flags`.
    const FAST_OPEN: u32 = Finding::TfoSyn.bit() | Finding::TfoAck.bit() | Finding::TfoIgnored.bit();

    /// Whether this one is in it.
    pub fn has(self, finding: Finding) -> bool {
        self.0 & finding.bit() != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `tcp.analysis.flags` is there.
    pub fn is_unusual(self) -> bool {
        self.0 & !Self::FAST_OPEN != 0
    }

    /// The findings in it.
    pub fn iter(self) -> impl Iterator<Item = Finding> {
        Finding::ALL.into_iter().filter(move |finding| self.has(*finding))
    }

    /// Their names, as exports give them: `retransmission`, `duplicate_ack`.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Finding::name)
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.0 |= finding.bit();
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_knows_its_names() {
        let mut set = Findings::default();
        assert!(set.is_empty() && !set.is_unusual());
        set.add(Finding::TfoSyn);
        assert!(!set.is_unusual(), "Fast Open is nothing odd");
        set.add(Finding::DuplicateAck);
        assert!(set.is_unusual() && set.has(Finding::DuplicateAck) && !set.has(Finding::KeepAlive));
        assert_eq!(set.names().collect::<Vec<_>>(), ["duplicate_ack", "tfo_syn"]);
        assert_eq!(format!("{set:?}"), "{DuplicateAck, TfoSyn}");
    }

    #[test]
    fn every_finding_has_a_bit_and_a_field_of_its_own() {
        let mut names: Vec<_> = Finding::ALL.iter().map(|finding| finding.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Finding::ALL.len());
        assert_eq!(Finding::ALL.iter().fold(0, |bits, finding| bits | finding.bit()), (1 << 18) - 1);
    }
}
