//! Whether octets are UTF-8 (RFC 3629), asked of most of what is read.

/// Whether these octets are UTF-8 as they are. Most of most text is ASCII, which is passed over sixteen octets at a time; only what
/// stands between is looked at closely. No character reaches over ASCII. Text that has little of it is left to the standard library.
pub(crate) fn is_utf8(octets: &[u8]) -> bool {
    let mut rest = octets;
    while let Some(behind) = first_beyond_ascii(rest).and_then(|first| rest.get(first..)) {
        let Some(len) = behind.iter().take(FEW).position(u8::is_ascii) else {
            return std::str::from_utf8(behind).is_ok();
        };
        let (characters, ascii) = behind.split_at(len);
        // One character of two octets is what mostly stands between ASCII (Unicode, table 3-7).
        if !matches!(characters, [0xc2..=0xdf, 0x80..=0xbf]) && std::str::from_utf8(characters).is_err() {
            return false;
        }
        rest = ascii;
    }
    true
}

/// So many octets without ASCII are few.
const FEW: usize = 16;

/// Where the first octet stands that is not ASCII.
#[inline]
fn first_beyond_ascii(octets: &[u8]) -> Option<usize> {
    const SIXTEEN: usize = 16;
    const HIGHEST: u128 = u128::MAX / 255 * 0x80;
    let beyond = |octets: &[u8; SIXTEEN]| match u128::from_le_bytes(*octets) & HIGHEST {
        0 => None,
        found => Some(found.trailing_zeros() as usize / 8),
    };
    let (sixteens, rest) = octets.as_chunks();
    let found = sixteens.iter().enumerate().find_map(|(n, sixteen)| Some(SIXTEEN * n + beyond(sixteen)?));
    found.or_else(|| match octets.last_chunk() {
        Some(last) => Some(octets.len() - SIXTEEN + beyond(last)?),
        None => rest.iter().position(|octet| !octet.is_ascii()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, any, prop_assert_eq, prop_oneof, proptest};

    use super::*;

    proptest! {
        /// Text of few kinds of characters, of which one octet may be another: wherever it begins and ends.
        #[test]
        fn text_is_utf8_where_the_standard_library_says_so(
            characters in prop_oneof![
                vec(prop_oneof![6 => Just('a'), 1 => Just('ü'), 1 => Just('€'), 1 => any::<char>()], 0..40),
                vec(prop_oneof![1 => Just('a'), 6 => Just('本')], 0..40),
            ],
            change in any::<Option<(usize, u8)>>(),
            cut: usize,
        ) {
            let mut octets = characters.iter().collect::<String>().into_bytes();
            octets.truncate(octets.len() - cut % (octets.len() / 4 + 1));
            if let Some((at, to)) = change.filter(|_| !octets.is_empty()) {
                let at = at % octets.len();
                octets[at] = to;
            }
            prop_assert_eq!(is_utf8(&octets), std::str::from_utf8(&octets).is_ok());
        }
    }
}
