//! Packets that were dropped while a capture was recorded, as far as the capture says so (draft-ietf-opsawg-pcapng §4.3, §4.6,
//! appendix A).

use super::Statistics;
use crate::count::{counted, plural};
use crate::layer::{Group, Note, Severity};

/// How many packets the capturing host saw and did not record, summed over its interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// By the interface, as its statistics say (isb_ifdrop). libpcap counts there what it was too slow for.
    pub interface: u64,
    /// By the operating system, as the interface's statistics say (isb_osdrop).
    pub system: u64,
    /// By either, as packets say of what was lost before them (epb_dropcount): the same packets once more, counted elsewhere.
    pub before_packets: u64,
}

/// What the statistics of one interface counted last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub received: Option<u64>,
    /// By the interface.
    pub dropped: Option<u64>,
    pub by_system: Option<u64>,
}

impl Counts {
    /// As they are kept.
    pub fn statistics(&self) -> Option<Statistics> {
        let (received, dropped) = self.received.zip(self.dropped)?;
        Some(Statistics { received, dropped })
    }
}

impl Drops {
    /// An interface has counted anew, from the beginning as before.
    pub(super) fn recount(&mut self, before: Counts, now: Counts) {
        let anew = |sum: &mut u64, before: Option<u64>, now: Option<u64>| {
            *sum = sum.wrapping_sub(before.unwrap_or(0)).wrapping_add(now.unwrap_or(0));
        };
        anew(&mut self.interface, before.dropped, now.dropped);
        anew(&mut self.system, before.by_system, now.by_system);
    }

    /// So many were lost since the packet before.
    pub(super) fn before_a_packet(&mut self, count: u64) {
        self.before_packets = self.before_packets.saturating_add(count);
    }

    /// What is to be said of them, if there are any.
    pub(super) fn note(&self) -> Option<Note> {
        let counts = self.interface.saturating_add(self.system);
        let is_of_packets = counts < self.before_packets;
        let by = match (self.interface, self.system) {
            _ if is_of_packets => "the interface or the operating system, as its packets say".to_owned(),
            (_, 0) => "the interface".to_owned(),
            (0, _) => "the operating system".to_owned(),
            (interface, system) => format!("the interface ({interface}) and the operating system ({system})"),
        };
        let dropped = counts.max(self.before_packets);
        if dropped == 0 {
            return None;
        }
        let text = format!(
            "{} {} dropped while the capture was recorded, by {by}: what is missing may have been lost by the capture, not the \
             network",
            counted(dropped, "packet"),
            plural(dropped, "was", "were"),
        );
        let spec = if is_of_packets { "draft-ietf-opsawg-pcapng §4.3" } else { "draft-ietf-opsawg-pcapng §4.6" };
        Some(Note::new(Severity::Warn, text, spec).about(Group::Sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(interface: u64, system: u64, before_packets: u64) -> Option<String> {
        Drops { interface, system, before_packets }.note().map(|note| note.text)
    }

    #[test]
    fn who_dropped_how_many() {
        let cases = [
            ((1, 0, 0), "1 packet was dropped while the capture was recorded, by the interface: what is missing"),
            ((0, 2, 2), "2 packets were dropped while the capture was recorded, by the operating system: "),
            (
                (3, 2, 4),
                "5 packets were dropped while the capture was recorded, by the interface (3) and the operating system (2)",
            ),
            (
                (0, 1, 7),
                "7 packets were dropped while the capture was recorded, by the interface or the operating system, as its",
            ),
        ];
        for ((interface, system, before_packets), begins) in cases {
            let text = said(interface, system, before_packets).unwrap();
            assert!(text.starts_with(begins), "{text}");
        }
        assert_eq!(said(0, 0, 0), None);
    }
}
