//! The shapes of the offsets that adapters give to events, so that a program's own last argument is not taken for one.
//!
//! # References
//! - socket.io-adapter 2, `contrib/yeast.ts`: the milliseconds since 1970 in base 64, and behind a dot which of several in the
//!   same millisecond it is. `@socket.io/redis-streams-adapter`: the ID of an entry of a stream. `@socket.io/mongo-adapter`:
//!   an ObjectId.

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
/// So many digits the milliseconds have from 1972 to 2109.
const YEAST: usize = 7;
/// What has the shape and would mean a time outside of these years is a word. Recovery came with Socket.IO 4.6, in 2023; but a
/// clock may be wrong, and whoever leaves nothing to chance, as the lab does, counts from a time of its own.
const FROM: u64 = 1_000_000_000_000; // 2001
const UNTIL: u64 = 2_461_449_600_000; // 2048

/// Which adapter's an offset may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// That of Socket.IO itself, which names a time in milliseconds since 1970.
    Time(u64),
    /// The one over streams of Redis: `1678900000000-0`.
    Entry,
    /// The one over MongoDB: 24 hexadecimal digits.
    ObjectId,
}

impl Shape {
    /// Its shape, if an adapter makes such.
    pub fn of(offset: &str) -> Option<Self> {
        let is_of = |text: &str, test: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|octet| test(&octet));
        if let Some((time, count)) = offset.split_once('-')
            && is_of(time, u8::is_ascii_digit)
            && is_of(count, u8::is_ascii_digit)
        {
            return Some(Self::Entry);
        }
        if offset.len() == 24 && is_of(offset, u8::is_ascii_hexdigit) {
            return Some(Self::ObjectId);
        }
        let (time, which) = offset.split_once('.').map_or((offset, None), |(time, which)| (time, Some(which)));
        let is_counted = which.is_none_or(|which| (1..=YEAST).contains(&which.len()) && number(which).is_some());
        let time = number(time).filter(|_| time.len() == YEAST && is_counted)?;
        (FROM..UNTIL).contains(&time).then_some(Self::Time(time))
    }

    /// Whether it may be another offset of who gave this one: of the same adapter, and not years away.
    pub fn goes_with(self, other: Self) -> bool {
        const YEAR: u64 = 366 * 86_400_000;
        match (self, other) {
            (Self::Time(one), Self::Time(other)) => one.abs_diff(other) < YEAR,
            _ => self == other,
        }
    }

    /// Whether it names a time nearer to this one than another of its kind does.
    pub fn is_likelier(self, other: Self, now: u64) -> bool {
        match (self, other) {
            (Self::Time(one), Self::Time(other)) => one.abs_diff(now) < other.abs_diff(now),
            _ => false,
        }
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |sum, octet| {
        let digit = DIGITS.iter().position(|digit| *digit == octet)?;
        sum.checked_mul(64)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_told_from_words() {
        for offset in ["Q7zE51Q", "Q7zE53s.0", "Q8ZqVMW.1", "OWmt000", "G001m00"] {
            assert!(matches!(Shape::of(offset), Some(Shape::Time(_))), "{offset}");
        }
        assert_eq!(Shape::of("1678900000000-0"), Some(Shape::Entry));
        assert_eq!(Shape::of("640f1a2b3c4d5e6f70819203"), Some(Shape::ObjectId));
        for word in
            ["world", "", "example", "message", "1234567", "Q7zE51Q.", "Q7zE51", "-", "1-", "Q7zE5 Q", "Q7zE51Q.ä"]
        {
            assert_eq!(Shape::of(word), None, "{word}");
        }
    }

    #[test]
    fn a_word_that_looks_like_an_offset_is_years_away() {
        let [offset, next, word] = ["Q7zE51Q", "Q7zE53s.0", "Welcome"].map(|text| Shape::of(text).unwrap());
        assert!(next.goes_with(offset) && !word.goes_with(offset) && !Shape::Entry.goes_with(offset));
    }
}
