//! The usual segment: it continues what its sender sent, acknowledges something new or carries data, and nothing was odd
//! just before. All rules say nothing of it, so they are not asked one by one. What this says and remembers is what
//! they would: the test below holds both equal.

use super::{Analysis, Findings, Highest, Side, Sight};
use crate::packet::Flags;

impl Side {
    /// What the analysis says of a usual segment of this side; `None` if it is not usual: then nothing was remembered.
    /// `measured` says whether what is under way is remembered, too.
    // Who does not ask what is said of it has none of that made.
    #[inline(always)]
    pub(super) fn usual(&mut self, peer: &mut Self, sight: &Sight, measured: bool) -> Option<Analysis> {
        if !self.is_usual(peer, sight) {
            return None;
        }
        let mut analysis = Analysis { scale: Some(self.scale), ..Analysis::default() };
        peer.counts_flight = true;
        if sight.ack != self.last_ack {
            self.first_ack_frame = sight.frame;
            self.repeats = Some(0);
        }
        if sight.len > 0 {
            let next = sight.seq.plus(sight.len);
            self.highest = Some(Highest { next, frame: sight.frame, time: sight.time });
            if self.contiguous == Some(sight.seq) {
                self.contiguous = Some(next);
            }
        }
        self.window = Some(sight.window);
        self.last_ack = sight.ack;
        self.last_ack_time = sight.time;
        self.last = Findings::default();
        self.window_is_of_syn = false;
        if measured {
            self.measure(peer, sight, &mut analysis);
        }
        Some(analysis)
    }

    #[inline(always)]
    fn is_usual(&self, peer: &Self, sight: &Sight) -> bool {
        const PLAIN: u8 = Flags::ACK | Flags::PSH;
        let (Some(ack), Some(highest), Some(contiguous)) = (sight.ack, self.highest, peer.contiguous) else {
            return false;
        };
        let says_something = sight.len > 1 || (sight.len == 0 && sight.ack != self.last_ack);
        let end = sight.seq.plus(sight.len);
        sight.flags.0 & !PLAIN == 0
            && says_something
            && highest.next == sight.seq
            && sight.window != 0
            && self.contiguous.is_some()
            && ack.since(contiguous) <= 0
            && (sight.len == 0 || peer.last_ack.is_none_or(|acknowledged| end.since(acknowledged) > 0))
            && (sight.len == 0 || peer.window_end() != Some(end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use super::super::{Analysed, Analyser, Options, Reuse};
    use super::*;
    use crate::capture::Timestamp;
    use crate::flow::SeqNumber;
    use crate::layer::Direction;
    use crate::packet::SynOptions;

    fn sight(frame: u32, seq: u32, ack: u32, flags: u8, len: u32, window: u16, time: i64) -> Sight {
        Sight {
            seq: SeqNumber(seq),
            ack: (flags & Flags::ACK != 0).then_some(SeqNumber(ack)),
            len,
            flags: Flags(flags),
            window,
            syn_options: SynOptions { window_scale: Some(1), ..SynOptions::default() },
            options: Options::default(),
            frame,
            time: Timestamp(time),
            reuse: Reuse::None,
            first_rtt: Some(1000),
            ack_base: SeqNumber(0),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        /// Segments that mostly follow each other: with and without the short cut the same is said and remembered. Where nobody
        /// asks for more than findings, they are the same, and nothing is measured.
        #[test]
        fn the_short_cut_leads_where_the_rules_lead(
            start in any::<[u32; 2]>(),
            segments in vec((any::<bool>(), 0_u8..40, 0_u32..60, 0_u16..4, 0_u32..2000), 1..120),
        ) {
            let (mut short, mut long) = (Analyser::default(), Analyser::default());
            let (mut short_names, mut long_names) = (Analyser::of(Analysed::Findings), Analyser::of(Analysed::Findings));
            let mut next = start;
            let mut time = 0;
            for (frame, (up, what, len, window, later)) in (1..).zip(segments) {
                let (direction, own) = if up { (Direction::ToServer, 0) } else { (Direction::ToClient, 1) };
                time += i64::from(later);
                let syn = frame <= 2;
                let flags = if syn { Flags::SYN | Flags::ACK } else { Flags::ACK };
                let len = if syn { 0 } else { len };
                let seq = match what {
                    0 => next[own].wrapping_sub(len),
                    1 => next[own].wrapping_add(7),
                    2 => next[own].wrapping_sub(1),
                    _ => next[own],
                };
                let ack = match what {
                    3 => next[1 - own].wrapping_sub(9),
                    4 => next[1 - own].wrapping_add(9),
                    _ => next[1 - own],
                };
                let sight = sight(frame, seq, ack, flags, len, window * 30, time);
                let said = (short.push(direction, &sight), long.push_unusual(direction, &sight));
                prop_assert_eq!(said.0, said.1, "frame {}: {:?}", frame, sight);
                prop_assert_eq!(format!("{short:?}"), format!("{long:?}"), "after frame {}", frame);
                let named = (short_names.push(direction, &sight), long_names.push_unusual(direction, &sight));
                prop_assert_eq!(named.0, named.1, "frame {}: {:?}", frame, sight);
                prop_assert_eq!(format!("{short_names:?}"), format!("{long_names:?}"), "after frame {}", frame);
                let unmeasured = Analysis {
                    acks: None, rto: None, bytes_in_flight: None, push_bytes_sent: None, is_ambiguous: false, ..said.0
                };
                prop_assert_eq!(named.0, unmeasured, "frame {}: {:?}", frame, sight);
                if what > 2 {
                    next[own] = seq.wrapping_add(len + u32::from(syn));
                }
            }
        }
    }
}
