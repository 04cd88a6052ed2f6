//! The octets of a text that do not stand for themselves in a string of JSON (RFC 8259 §7), found 64 at a time.

/// How many octets are looked at together.
pub(super) const BLOCK: usize = 64;
const WORD: usize = size_of::<u64>();
/// The lowest bit of each octet of a word, times this, has them together in the highest octet, the first the lowest.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Quotes, backslashes and control characters.
pub(super) fn is_special(octet: u8) -> bool {
    // Without a way out in the middle, so that many are compared at once.
    (octet < 0x20) | (octet == b'"') | (octet == b'\\')
}

/// Which octets of a block are special: a bit for each, of the first the lowest.
///
/// Of a function of its own the compiler makes comparisons of sixteen octets at once; as a part of what stands around it, it
/// may be hundreds of instructions.
#[inline(never)]
pub(super) fn specials(block: &[u8; BLOCK]) -> u64 {
    let marks = block.map(|octet| u8::from(is_special(octet)));
    let (words, _) = marks.as_chunks::<WORD>();
    let gathered = words.iter().map(|word| u64::from_le_bytes(*word).wrapping_mul(GATHER) >> (u64::BITS - 8));
    gathered.enumerate().fold(0, |bits, (place, eight)| bits | eight << (8 * place))
}

/// In a text that is short, whether nothing is special, and all of it is ASCII: eight octets at a time, as a block of it would be
/// mostly empty.
pub(super) fn is_plain(octets: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES * 0x80;
    let has = |word: u64, below: u64| word.wrapping_sub(ONES * below) & !word & HIGHS;
    let odd = |word: u64| {
        let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        has(word, 0x20) | has(quote, 1) | has(backslash, 1) | (word & HIGHS)
    };
    let (words, rest) = octets.as_chunks();
    let last = match octets.last_chunk::<WORD>() {
        Some(last) => odd(u64::from_le_bytes(*last)) == 0,
        None => rest.iter().all(|octet| octet.is_ascii() && !is_special(*octet)),
    };
    last && words.iter().all(|word: &[u8; WORD]| odd(u64::from_le_bytes(*word)) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_octet_is_found_in_each_place() {
        for octet in 0..=255 {
            for place in 0..BLOCK {
                let mut block = [b'x'; BLOCK];
                block[place] = octet;
                let is_special = octet < 0x20 || octet == b'"' || octet == b'\\';
                assert_eq!(specials(&block), u64::from(is_special) << place, "{octet:#04x} at {place}");
            }
        }
    }

    #[test]
    fn what_is_plain_is_known_in_each_place() {
        for len in 0..40 {
            assert!(is_plain(&b"a z~{[]}!#/^:;<=>?@ABCDEFGHIJKLMNOPQRSTUV"[..len]));
            for place in 0..len {
                for octet in 0..=255 {
                    let mut text = vec![b'x'; len];
                    text[place] = octet;
                    assert_eq!(
                        is_plain(&text),
                        octet.is_ascii() && !is_special(octet),
                        "{octet:#04x} at {place} of {len}"
                    );
                }
            }
        }
    }

    #[test]
    fn several_are_found() {
        let mut block = [b'y'; BLOCK];
        block[..16].copy_from_slice(b"\"a\\b\nc\"defghij\"\"");
        block[BLOCK - 1] = b'"';
        assert_eq!(specials(&block), 1 << 63 | 0b1100_0000_0101_0101);
        assert_eq!(specials(&[b'\\'; BLOCK]), u64::MAX);
    }
}
