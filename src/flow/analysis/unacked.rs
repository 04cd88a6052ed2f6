//! What one side has sent and the other not yet acknowledged.

use std::collections::VecDeque;

use crate::capture::Timestamp;
use crate::flow::SeqNumber;

/// A segment that takes sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// Its first number that is not acknowledged.
    pub(super) seq: SeqNumber,
    /// The number after its last.
    pub(super) next: SeqNumber,
    pub(super) frame: u32,
    pub(super) time: Timestamp,
}

/// Segments under way, by their first number. In a capture that lacks the acknowledgements the list would grow for
/// ever: beyond [`Unacked::LIMIT`] segments no more are taken, as in Wireshark. What is given up then: `acks_frame`
/// and `ack_rtt` of the segments left out, and their part in `bytes_in_flight`.
///
/// A segment costs constant time, spread over those that it acknowledges; only one that comes out of order is put into
/// its place by moving others.
#[derive(Debug, Clone, Default)]
pub(super) struct Unacked {
    sent: VecDeque<Sent>,
    highest: SeqNumber,
    /// The eldest, where it was asked for and nothing was acknowledged since: what comes later is younger.
    eldest: Option<Sent>,
}

impl Unacked {
    pub(super) const LIMIT: usize = 10_000;

    /// Takes a segment; returns whether there was room.
    pub(super) fn push(&mut self, sent: Sent) -> bool {
        if self.sent.len() >= Self::LIMIT {
            return false;
        }
        let is_higher = sent.next.since(self.highest) > 0;
        self.highest = if is_higher || self.sent.is_empty() { sent.next } else { self.highest };
        if self.sent.back().is_none_or(|last| last.seq.since(sent.seq) <= 0) {
            self.sent.push_back(sent);
        } else {
            let place = self.sent.partition_point(|other| other.seq.since(sent.seq) <= 0);
            self.sent.insert(place, sent);
        }
        true
    }

    /// Forgets what is acknowledged; returns the segment that ends where the acknowledgement does, and whether there were
    /// several: it is the eldest of them then.
    #[inline]
    pub(super) fn acknowledge(&mut self, ack: SeqNumber) -> Option<(Sent, bool)> {
        let first = self.sent.front().filter(|first| first.seq.since(ack) < 0)?;
        self.eldest = None;
        // Most acknowledge all that there is, and that is one segment.
        if first.next == ack && self.sent.len() == 1 {
            return self.sent.pop_front().map(|only| (only, false));
        }
        self.acknowledge_several(ack)
    }

    fn acknowledge_several(&mut self, ack: SeqNumber) -> Option<(Sent, bool)> {
        let begun = self.sent.partition_point(|sent| sent.seq.since(ack) < 0);
        let mut ended: Option<(Sent, bool)> = None;
        // Those acknowledged in part move up to those not begun, in their order.
        let mut kept = begun;
        for i in (0..begun).rev() {
            let sent = self.sent[i];
            if sent.next == ack {
                let eldest = ended.map_or(sent, |(other, _)| if other.frame < sent.frame { other } else { sent });
                ended = Some((eldest, ended.is_some()));
            }
            if sent.next.since(ack) > 0 {
                kept -= 1;
                self.sent[kept] = Sent { seq: ack, ..sent };
            }
        }
        self.sent.drain(..kept);
        ended
    }

    /// The eldest segment.
    pub(super) fn eldest(&mut self) -> Option<Sent> {
        self.eldest = self.eldest.or_else(|| self.sent.iter().min_by_key(|sent| sent.frame).copied());
        self.eldest
    }

    /// From the first number under way to the last; `None` if nothing is.
    pub(super) fn in_flight(&self) -> Option<u32> {
        self.sent.front().map(|first| self.highest.0.wrapping_sub(first.seq.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(seq: u32, next: u32, frame: u32) -> Sent {
        Sent { seq: SeqNumber(seq), next: SeqNumber(next), frame, time: Timestamp(i64::from(frame)) }
    }

    fn list(segments: &[Sent]) -> Unacked {
        let mut unacked = Unacked::default();
        segments.iter().for_each(|segment| assert!(unacked.push(*segment)));
        unacked
    }

    #[test]
    fn an_acknowledgement_ends_a_segment_or_none() {
        let mut unacked = list(&[sent(0, 10, 1), sent(10, 20, 2), sent(20, 30, 3)]);
        assert_eq!(unacked.in_flight(), Some(30));
        assert_eq!(unacked.acknowledge(SeqNumber(20)).map(|(sent, _)| sent.frame), Some(2));
        assert_eq!(unacked.in_flight(), Some(10));
        assert_eq!(unacked.acknowledge(SeqNumber(25)), None, "in the middle of one");
        assert_eq!(unacked.in_flight(), Some(5));
        assert_eq!(unacked.acknowledge(SeqNumber(30)).map(|(sent, _)| sent.frame), Some(3));
        assert_eq!(unacked.in_flight(), None);
    }

    #[test]
    fn of_two_that_end_alike_the_eldest_counts() {
        let mut unacked = list(&[sent(0, 10, 1), sent(5, 10, 2), sent(0, 10, 3)]);
        assert_eq!(unacked.acknowledge(SeqNumber(10)), Some((sent(0, 10, 1), true)));
    }

    #[test]
    fn overlapping_segments_are_cut_not_lost() {
        let mut unacked = list(&[sent(10, 40, 1), sent(0, 10, 2), sent(0, 30, 3)]);
        assert_eq!(unacked.acknowledge(SeqNumber(20)), None);
        assert_eq!(unacked.in_flight(), Some(20));
        assert_eq!(unacked.eldest().map(|sent| sent.frame), Some(1));
        assert_eq!(unacked.acknowledge(SeqNumber(30)).map(|(sent, _)| sent.frame), Some(3));
        assert!(unacked.push(sent(40, 50, 4)));
        assert_eq!(unacked.eldest().map(|sent| sent.frame), Some(1));
        assert_eq!(unacked.acknowledge(SeqNumber(40)).map(|(sent, _)| sent.frame), Some(1));
        assert_eq!(unacked.eldest().map(|sent| sent.frame), Some(4), "the one before is acknowledged");
    }

    #[test]
    fn numbers_wrap() {
        let near_the_end = u32::MAX - 4;
        let mut unacked = list(&[sent(near_the_end, 5, 1), sent(5, 15, 2)]);
        assert_eq!(unacked.in_flight(), Some(20));
        assert_eq!(unacked.acknowledge(SeqNumber(5)).map(|(sent, _)| sent.frame), Some(1));
    }

    #[test]
    fn the_list_is_bounded() {
        let mut unacked = Unacked::default();
        for n in 0..Unacked::LIMIT as u32 {
            assert!(unacked.push(sent(n, n + 1, n)));
        }
        assert!(!unacked.push(sent(10_000, 10_001, 10_000)));
        assert_eq!(unacked.in_flight(), Some(10_000));
    }
}
