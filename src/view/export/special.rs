//! The octets of a text that do not stand for themselves in a string of JSON (RFC 8259 §7), found sixteen at a time.

/// How many octets are looked at together.
pub(super) const SIXTEEN: usize = 16;

/// Which of sixteen octets are special: all bits of its octet are set, the first one's are the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Special {
    /// Control characters, below 0x20.
    pub(super) controls: u128,
    /// Quotes and backslashes.
    pub(super) quotes: u128,
}

impl Special {
    /// Looks at sixteen octets.
    #[inline]
    pub(super) fn of(octets: &[u8; SIXTEEN]) -> Self {
        Self {
            controls: marked(octets, |octet| u8::from(octet < 0x20)),
            quotes: marked(octets, |octet| u8::from(octet == b'"') | u8::from(octet == b'\\')),
        }
    }

    /// Whether all of them stand for themselves.
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.controls | self.quotes == 0
    }

    /// How many octets come before the first special one.
    #[inline]
    pub(super) fn before(self) -> usize {
        (self.controls | self.quotes).trailing_zeros() as usize / 8
    }

    /// Which are quotes and backslashes, a bit for each of eight and eight octets.
    #[inline]
    pub(super) fn quote_bits(self) -> [u8; 2] {
        // The lowest bit of each octet, moved next to each other at the top.
        let gathered = |half: u64| ((half & LOWEST).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        [gathered(self.quotes as u64), gathered((self.quotes >> 64) as u64)]
    }
}

/// The lowest bit of each of eight octets.
const LOWEST: u64 = u64::MAX / 255;

/// Sets all bits of the octets of which `is` says 1, not 0. Compared and set like this, which has no branch, they are all of them
/// compared at once by any processor that can.
#[inline]
fn marked(octets: &[u8; SIXTEEN], is: impl Fn(u8) -> u8) -> u128 {
    let mut marks = [0_u8; SIXTEEN];
    for (mark, octet) in marks.iter_mut().zip(octets) {
        *mark = 0_u8.wrapping_sub(is(*octet));
    }
    u128::from_le_bytes(marks)
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
                assert_eq!((special.controls != 0, special.quotes != 0), (is_control, is_quote), "{octet:#04x}");
                assert_eq!(special.is_none(), !is_control && !is_quote, "{octet:#04x}");
                assert!(special.is_none() || special.before() == place, "{octet:#04x} at {place}");
                let bits = u16::from(is_quote) << place;
                assert_eq!(special.quote_bits(), bits.to_le_bytes(), "{octet:#04x} at {place}");
            }
        }
    }

    #[test]
    fn several_are_found() {
        let special = Special::of(b"\"a\\b\nc\"defghij\"\"");
        assert_eq!(special.quote_bits(), [0b0100_0101, 0b1100_0000]);
        assert_eq!((special.before(), special.controls), (0, 0xff << (4 * 8)));
    }
}
