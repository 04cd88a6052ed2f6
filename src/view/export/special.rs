//! The octets of a text that do not stand for themselves in a string of JSON (RFC 8259 §7), found sixteen at a time.

/// How many octets are looked at together.
pub(super) const SIXTEEN: usize = 16;

/// Which of sixteen octets are special: the highest bit of its octet is set, in two words of eight of which the first octet is
/// the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Special {
    /// Control characters, below 0x20.
    pub(super) controls: [u64; 2],
    /// Quotes and backslashes.
    pub(super) quotes: [u64; 2],
}

impl Special {
    /// Looks at sixteen octets.
    #[inline(always)]
    pub(super) fn of(octets: &[u8; SIXTEEN]) -> Self {
        let both = u128::from_le_bytes(*octets);
        let words = [both as u64, (both >> 64) as u64];
        Self {
            controls: words.map(|word| zeros(word & !(LOWEST * 0x1f))),
            quotes: words
                .map(|word| zeros(word ^ (LOWEST * u64::from(b'"'))) | zeros(word ^ (LOWEST * u64::from(b'\\')))),
        }
    }

    /// Whether all of them stand for themselves.
    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        !self.has_controls() && self.quotes[0] | self.quotes[1] == 0
    }

    /// Whether any of them is a control character.
    #[inline(always)]
    pub(super) fn has_controls(self) -> bool {
        self.controls[0] | self.controls[1] != 0
    }

    /// How many octets come before the first special one.
    pub(super) fn before(self) -> usize {
        let [first, second] =
            [0, 1].map(|half| (self.controls[half] | self.quotes[half]).trailing_zeros() as usize / 8);
        if first < 8 { first } else { 8 + second }
    }
}

/// The lowest bit of each of eight octets, and all but the highest.
const LOWEST: u64 = u64::MAX / 255;
const LOWER: u64 = LOWEST * 0x7f;

/// Sets the highest bit of each octet that is zero, and no other. (Of octets compared one by one the compiler makes a
/// comparison of all at once, or hundreds of instructions, depending on what stands around it.)
#[inline(always)]
fn zeros(word: u64) -> u64 {
    // No sum carries into the next octet.
    !(((word & LOWER) + LOWER) | word | LOWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_octet_is_found_in_each_place() {
        for octet in 0..=255 {
            for place in 0..SIXTEEN {
                let mut octets = [b'x'; SIXTEEN];
                octets[place] = octet;
                let special = Special::of(&octets);
                let (is_control, is_quote) = (octet < 0x20, octet == b'"' || octet == b'\\');
                assert_eq!((special.has_controls(), special.quotes != [0; 2]), (is_control, is_quote), "{octet:#04x}");
                assert_eq!(special.is_none(), !is_control && !is_quote, "{octet:#04x}");
                assert!(special.is_none() || special.before() == place, "{octet:#04x} at {place}");
                let mut marks = [0; SIXTEEN];
                marks[place] = if is_quote { 0x80 } else { 0 };
                let marks = u128::from_le_bytes(marks);
                assert_eq!(special.quotes, [marks as u64, (marks >> 64) as u64], "{octet:#04x} at {place}");
            }
        }
    }

    #[test]
    fn several_are_found() {
        let special = Special::of(b"\"a\\b\nc\"defghij\"\"");
        assert_eq!(special.quotes, [0x0080_0000_0080_0080, 0x8080_0000_0000_0000]);
        assert_eq!((special.before(), special.controls), (0, [0x80 << (4 * 8), 0]));
    }
}
