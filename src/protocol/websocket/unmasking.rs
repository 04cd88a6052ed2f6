//! Where masks are undone, piece by piece: however long a payload is, a piece's memory is enough.
//!
//! # References
//! - RFC 6455 §5.3.

/// So many octets are undone at a time; a multiple of four, so that the key goes on where it was.
const PIECE: usize = 4 << 10;

/// A place to undo masks in.
#[derive(Debug, Default)]
pub(super) struct Unmasking {
    /// The last may have octets that belong to nothing.
    words: Vec<[u8; 8]>,
}

impl Unmasking {
    /// A payload without its mask, and whether it was seen to be ASCII; `None` if it has a mask and is longer than a piece. Nothing
    /// is copied if it has none, nor looked at.
    #[inline]
    pub(super) fn whole<'a>(&'a mut self, payload: &'a [u8], key: Option<[u8; 4]>) -> Option<(&'a [u8], bool)> {
        match key {
            None => Some((payload, false)),
            Some(key) => (payload.len() <= PIECE).then(|| self.undo(payload, key)),
        }
    }

    /// Hands a part of a payload out without its mask, in pieces, of which there is one at least, and says with each whether it
    /// is the last. `at` is how much of the payload came before this part.
    pub(super) fn pieces(&mut self, part: &[u8], key: Option<[u8; 4]>, at: u64, mut take: impl FnMut(&[u8], bool)) {
        let Some(mut key) = key else { return take(part, true) };
        key.rotate_left((at % 4) as usize);
        let mut rest = part;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            take(self.undo(piece, key).0, behind.is_empty());
            if behind.is_empty() {
                return;
            }
            rest = behind;
        }
    }

    /// A piece without its mask, and whether it is ASCII: that is seen on the way.
    fn undo(&mut self, piece: &[u8], [a, b, c, d]: [u8; 4]) -> (&[u8], bool) {
        const HIGHEST: u64 = u64::MAX / 255 * 0x80;
        let key = u64::from_le_bytes([a, b, c, d, a, b, c, d]);
        let mut all_bits = 0;
        let (words, rest) = piece.as_chunks::<8>();
        self.words.clear();
        self.words.extend(words.iter().map(|word| {
            let undone = u64::from_le_bytes(*word) ^ key;
            all_bits |= undone;
            undone.to_le_bytes()
        }));
        if !rest.is_empty() {
            let before = 64 - 8 * rest.len();
            let last = match piece.last_chunk() {
                // What was undone already is shifted out.
                Some(last) => u64::from_le_bytes(*last) >> before,
                None => rest.iter().rev().fold(0, |last, octet| last << 8 | u64::from(*octet)),
            };
            let undone = last ^ key;
            all_bits |= undone << before;
            self.words.push(undone.to_le_bytes());
        }
        (self.words.as_flattened().get(..piece.len()).unwrap_or_default(), all_bits & HIGHEST == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::unmask;
    use super::*;

    /// All pieces joined, and how many were said to be the last.
    fn joined(unmasking: &mut Unmasking, part: &[u8], key: Option<[u8; 4]>, at: u64) -> (Vec<u8>, usize) {
        let (mut octets, mut last) = (Vec::new(), 0);
        unmasking.pieces(part, key, at, |piece, is_last| {
            assert_eq!(last, 0, "nothing comes behind the last");
            octets.extend_from_slice(piece);
            last += usize::from(is_last);
        });
        (octets, last)
    }

    #[test]
    fn a_long_payload_takes_no_more_memory_than_a_piece() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let plain: Vec<u8> = (0..1_000_003_u32).map(|n| (n * 7) as u8).collect();
        let mut masked = plain.clone();
        unmask(&mut masked, key);
        let mut unmasking = Unmasking::default();
        for at in [0, 1, 2, 3, 4099, 999_999, 1_000_003] {
            let (octets, last) = joined(&mut unmasking, &masked[at..], Some(key), at as u64);
            assert_eq!((octets == plain[at..], last), (true, 1), "from {at} on");
        }
        assert_eq!(unmasking.words.capacity(), PIECE / 8);
        assert_eq!(unmasking.whole(&masked, Some(key)), None);
        assert_eq!(unmasking.whole(&masked[..PIECE], Some(key)), Some((&plain[..PIECE], false)));
        assert_eq!(unmasking.words.capacity(), PIECE / 8);
    }

    #[test]
    fn what_has_no_mask_is_handed_out_as_it_is() {
        let mut unmasking = Unmasking::default();
        let long = vec![1; 3 * PIECE];
        assert_eq!(joined(&mut unmasking, &long, None, 5), (long.clone(), 1));
        assert_eq!(unmasking.whole(&long, None), Some((&long[..], false)), "nor looked at");
        assert_eq!(joined(&mut unmasking, &[], Some([1; 4]), 0), (vec![], 1), "an empty payload is a piece, too");
    }

    #[test]
    fn ascii_is_seen_on_the_way() {
        let key = [0x87, 0x7a, 0xf1, 0x0d];
        let mut unmasking = Unmasking::default();
        for len in 0..40 {
            let mut masked: Vec<u8> = (0..len).map(|n| 0x50 + n).collect();
            unmask(&mut masked, key);
            assert!(unmasking.whole(&masked, Some(key)).is_some_and(|(_, is_ascii)| is_ascii), "{len} octets");
            for at in 0..masked.len() {
                masked[at] ^= 0x80;
                assert!(unmasking.whole(&masked, Some(key)).is_some_and(|(_, is_ascii)| !is_ascii), "{at} of {len}");
                masked[at] ^= 0x80;
            }
        }
    }
}
