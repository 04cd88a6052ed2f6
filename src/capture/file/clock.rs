//! What an interface's timestamps count (draft-ietf-opsawg-pcapng §4.2, if_tsresol and if_tsoffset).

use crate::capture::Timestamp;

/// Turns the ticks of one interface into time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    scale: Scale,
    /// Nanoseconds to add.
    offset: i128,
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    /// A tick is this many nanoseconds.
    Times(u64),
    /// A nanosecond is this many ticks.
    Over(i128),
    /// A second is two to this power of ticks.
    Power(u32),
}

impl Clock {
    /// `resolution` is the octet of if_tsresol: a negative power of 10, or of 2 if the highest bit is set; `offset` is
    /// in seconds.
    pub fn new(resolution: u8, offset: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let scale = match exponent {
            _ if resolution & 0x80 != 0 => Scale::Power(exponent),
            0..=9 => Scale::Times(10u64.pow(9 - exponent)),
            // 64 bits of ticks shorter than 10^-47 s do not fill a nanosecond, so any larger divisor does as well.
            _ => Scale::Over(10i128.pow((exponent - 9).min(38))),
        };
        Self { scale, offset: i128::from(offset) * SECOND }
    }

    /// The time; beyond the years 1677 and 2262 the nearest that can be told.
    #[inline]
    pub fn time(&self, ticks: u64) -> Timestamp {
        if let (Scale::Times(factor), 0) = (self.scale, self.offset)
            && let Some(Ok(nanoseconds)) = ticks.checked_mul(factor).map(i64::try_from)
        {
            return Timestamp(nanoseconds);
        }
        self.exactly(ticks)
    }

    /// With numbers that hold whatever comes.
    fn exactly(&self, ticks: u64) -> Timestamp {
        let ticks = i128::from(ticks);
        let nanoseconds = self.offset
            + match self.scale {
                Scale::Times(factor) => ticks * i128::from(factor),
                Scale::Over(divisor) => ticks / divisor,
                Scale::Power(exponent) => (ticks * SECOND) >> exponent,
            };
        Timestamp(nanoseconds.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

impl Default for Clock {
    /// "If this option is not present, a resolution of 10^-6 is assumed."
    fn default() -> Self {
        Self::new(6, 0)
    }
}

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks() {
        assert_eq!(Clock::default().time(1_000_002), Timestamp(1_000_002_000));
        assert_eq!(Clock::new(0, 0).time(3), Timestamp(3_000_000_000));
        assert_eq!(Clock::new(9, 0).time(1_000_000_002), Timestamp(1_000_000_002));
        assert_eq!(Clock::new(12, 0).time(1_999), Timestamp(1));
        assert_eq!(Clock::new(0x80 | 10, 0).time(1024 + 1), Timestamp(1_000_976_562), "1/1024 s, rounded down");
        assert_eq!(Clock::new(6, -1).time(1), Timestamp(-999_999_000));
        assert_eq!(Clock::new(6, 1_700_000_000).time(5), Timestamp(1_700_000_000_000_005_000));
    }

    #[test]
    fn the_extremes_saturate() {
        assert_eq!(Clock::new(0, 0).time(u64::MAX), Timestamp(i64::MAX));
        assert_eq!(Clock::new(0x80, i64::MIN).time(u64::MAX), Timestamp(i64::MAX));
        assert_eq!(Clock::new(9, i64::MIN).time(0), Timestamp(i64::MIN));
        for resolution in 0..=u8::MAX {
            Clock::new(resolution, i64::MAX).time(u64::MAX);
            Clock::new(resolution, i64::MIN).time(u64::MAX);
        }
        for ticks in
            [0, 1, u64::MAX / 1_000, i64::MAX as u64 / 1_000 + 1, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX]
        {
            for clock in [Clock::new(9, 0), Clock::new(6, 0), Clock::new(0, 0)] {
                assert_eq!(clock.time(ticks), clock.exactly(ticks), "{clock:?} {ticks}");
            }
        }
        assert_eq!(Clock::new(127, 0).time(u64::MAX), Timestamp(0));
        assert_eq!(Clock::new(255, 0).time(u64::MAX), Timestamp(0));
    }
}
