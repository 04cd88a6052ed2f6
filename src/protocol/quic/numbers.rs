//! Which packets of a direction were captured, by their numbers, and whether their receiver has had one that was not.
//!
//! # References
//! - RFC 9000 §12.3 (numbers go up by one, as a rule), §19.3 (ACK).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// Of the numbers that were passed over no more are remembered: the latest.
const MAX_MISSING: u64 = 64;

/// The numbers of one direction's packets.
#[derive(Debug, Default)]
pub struct Numbers {
    /// The one behind the highest that was captured.
    next: u64,
    /// Those before it that were not, as far as they are remembered.
    missing: BTreeSet<u64>,
    /// Those that the receiver has acknowledged last, without those before a number that it lacks itself.
    acknowledged: Option<RangeInclusive<u64>>,
}

impl Numbers {
    /// A packet with this number was captured.
    pub fn came(&mut self, number: u64) {
        if number < self.next {
            self.missing.remove(&number);
            return;
        }
        self.missing.extend(self.next.max(number.saturating_sub(MAX_MISSING))..number);
        while self.missing.len() as u64 > MAX_MISSING {
            self.missing.pop_first();
        }
        self.next = number.saturating_add(1);
    }

    /// The receiver says that these came.
    pub fn acknowledge(&mut self, numbers: RangeInclusive<u64>) {
        self.acknowledged = Some(numbers);
    }

    /// Whether the receiver has had a packet that was not captured by now: whatever it says may answer that.
    pub fn is_behind(&self) -> bool {
        self.acknowledged.as_ref().is_some_and(|acknowledged| {
            *acknowledged.end() >= self.next || self.missing.range(acknowledged.clone()).next().is_some()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_and_did_not_come_is_missing() {
        let mut numbers = Numbers::default();
        assert!(!numbers.is_behind());
        numbers.came(0);
        numbers.acknowledge(0..=1);
        assert!(numbers.is_behind(), "1 came there, and was not captured");
        numbers.came(2);
        numbers.acknowledge(0..=2);
        assert!(numbers.is_behind(), "nor was it by now");
        numbers.acknowledge(2..=2);
        assert!(!numbers.is_behind(), "the network may have lost it");
        numbers.acknowledge(0..=2);
        numbers.came(1);
        assert!(!numbers.is_behind(), "it was captured late");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut numbers = Numbers::default();
        for n in 1..1000 {
            numbers.came(n * 1_000_000);
            assert_eq!(numbers.missing.len() as u64, MAX_MISSING);
        }
        numbers.came(u64::MAX);
        numbers.acknowledge(0..=u64::MAX);
        assert!(numbers.is_behind());
    }
}
