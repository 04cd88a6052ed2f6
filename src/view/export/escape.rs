//! Text as a string of JSON (RFC 8259 §7), written as serde_json writes it, and octets in hexadecimal: what most of an export
//! is. Several octets at a time are looked at, and what needs no escape is copied in pieces of one size.

use super::special::{SIXTEEN, Special};

/// How many octets are looked at together where nothing needs an escape...
const WIDE: usize = 32;
/// ...and in a long text.
const WIDER: usize = 256;

/// Two digits for each octet.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut octet = 0;
    while octet < pairs.len() {
        pairs[octet] = [DIGITS[octet >> 4], DIGITS[octet & 15]];
        octet += 1;
    }
    pairs
};

/// Writes a text in quotes.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    octets(text.as_bytes(), out);
}

/// The same of octets that are known to be UTF-8.
pub(super) fn octets(octets: &[u8], out: &mut Vec<u8>) {
    debug_assert!(std::str::from_utf8(octets).is_ok(), "an export is UTF-8");
    out.push(b'"');
    let rest = if octets.len() < SIXTEEN { octets } else { all_but_last(octets, out) };
    last(rest, out);
    out.push(b'"');
}

/// Writes all but the last octets; gives back those, which are less than sixteen.
fn all_but_last<'a>(octets: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = octets;
    copy_plain(&mut rest, out);
    while let Some((sixteen, behind)) = rest.split_first_chunk::<SIXTEEN>() {
        let special = Special::of(sixteen);
        if special.is_none() {
            out.extend_from_slice(sixteen);
            rest = behind;
            copy_plain(&mut rest, out);
        } else if !special.has_controls() {
            copy_with_backslashes(sixteen, special.quotes, out);
            rest = behind;
        } else {
            let plain = special.before().min(SIXTEEN - 1);
            out.extend_from_slice(&sixteen[..plain]);
            escape(sixteen[plain], out);
            rest = &rest[plain + 1..];
        }
    }
    rest
}

/// Writes less than sixteen octets.
fn last(rest: &[u8], out: &mut Vec<u8>) {
    let filled = filled(rest);
    let special = Special::of(&filled);
    if !special.has_controls() {
        match special.is_none() {
            // What has a known size is copied more quickly than what has not.
            true => out.extend_from_slice(&filled),
            false => copy_with_backslashes(&filled, special.quotes, out),
        }
        out.truncate(out.len() - SIXTEEN + rest.len());
        return;
    }
    for octet in rest {
        match needs_escape(*octet) {
            true => escape(*octet, out),
            false => out.push(*octet),
        }
    }
}

/// Less than sixteen octets, and spaces behind them. They are taken in two parts, which may have octets in common.
fn filled(octets: &[u8]) -> [u8; SIXTEEN] {
    const SPACES: u128 = u128::from_le_bytes([b' '; SIXTEEN]);
    let eight = |octets: &[u8; 8]| u128::from(u64::from_le_bytes(*octets));
    let four = |octets: &[u8; 4]| u128::from(u32::from_le_bytes(*octets));
    let len = octets.len();
    let eights = octets.first_chunk().zip(octets.last_chunk());
    let number = match eights.map(|(first, last)| eight(first) | eight(last) << (8 * (len - 8))) {
        Some(number) => number,
        None => match octets.first_chunk().zip(octets.last_chunk()) {
            Some((first, last)) => four(first) | four(last) << (8 * (len - 4)),
            None => octets.iter().rev().fold(0, |number, octet| number << 8 | u128::from(*octet)),
        },
    };
    (number | SPACES << (8 * len)).to_le_bytes()
}

/// Copies from the front what needs no escape, in pieces; in larger ones once it proves to be long.
fn copy_plain(rest: &mut &[u8], out: &mut Vec<u8>) {
    let mut pieces = 0;
    while copy_if_plain::<WIDE>(rest, out) {
        pieces += 1;
        if pieces % (WIDER / WIDE) == 0 {
            while copy_if_plain::<WIDER>(rest, out) {}
        }
    }
}

/// Copies one piece of this size from the front, if nothing in it needs an escape.
fn copy_if_plain<const SIZE: usize>(rest: &mut &[u8], out: &mut Vec<u8>) -> bool {
    let Some((piece, behind)) = rest.split_first_chunk::<SIZE>() else { return false };
    // Without a way out in the middle, so that all of them are compared at once.
    if piece.iter().fold(false, |found, octet| found | needs_escape(*octet)) {
        return false;
    }
    out.extend_from_slice(piece);
    *rest = behind;
    true
}

/// Writes octets as digits in quotes.
pub(super) fn hexadecimal(octets: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let (sixteens, rest) = octets.as_chunks();
    for sixteen in sixteens {
        out.extend_from_slice(digits(sixteen).as_flattened());
    }
    if !rest.is_empty() {
        out.extend_from_slice(digits(&filled(rest)).as_flattened());
        out.truncate(out.len() - 2 * (SIXTEEN - rest.len()));
    }
    out.push(b'"');
}

/// Two digits for each octet: all of them are computed at once, where a look into a table would be one by one.
fn digits(octets: &[u8; SIXTEEN]) -> [[u8; 2]; SIXTEEN] {
    let digit = |number: u8| number + b'0' + if number > 9 { b'a' - b'0' - 10 } else { 0 };
    octets.map(|octet| [digit(octet >> 4), digit(octet & 15)])
}

fn needs_escape(octet: u8) -> bool {
    octet < 0x20 || octet == b'"' || octet == b'\\'
}

/// Writes sixteen octets with a backslash before each of those that `quotes` marks: in JSON inside of JSON they stand anywhere.
/// Eight octets are written at once, and what comes from a quote on once more behind its backslash.
fn copy_with_backslashes(sixteen: &[u8; SIXTEEN], quotes: [u64; 2], out: &mut Vec<u8>) {
    /// As much as all of them take if each is a quote, and then eight octets.
    const ROOM: usize = 3 * SIXTEEN;
    let start = out.len();
    out.extend_from_slice(&[0; ROOM]);
    let Some(room) = out.last_chunk_mut::<ROOM>() else { return };
    let both = u128::from_le_bytes(*sixteen);
    let mut at = 0;
    for (half, mut quotes) in [both as u64, (both >> 64) as u64].into_iter().zip(quotes) {
        let (mut rest, mut left) = (half, 8);
        put(room, at, rest);
        while quotes != 0 {
            let before = quotes.trailing_zeros() / 8;
            rest >>= 8 * before;
            quotes >>= 8 * before;
            quotes &= quotes - 1;
            left -= before as usize;
            at += before as usize;
            room[at % (2 * SIXTEEN)] = b'\\';
            at += 1;
            put(room, at, rest);
        }
        at += left;
    }
    out.truncate(start + at);
}

/// Writes eight octets here, where there is room.
#[inline(always)]
fn put<const ROOM: usize>(room: &mut [u8; ROOM], at: usize, eight: u64) {
    let at = at % (2 * SIXTEEN);
    room[at..at + 8].copy_from_slice(&eight.to_le_bytes());
}

fn escape(octet: u8, out: &mut Vec<u8>) {
    let short = match octet {
        b'"' | b'\\' => octet,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            return out.extend_from_slice(&PAIRS[usize::from(octet)]);
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
    use proptest::{collection::vec, prop_oneof, strategy::Strategy};

    use super::*;

    fn written(what: &str) -> String {
        let mut out = Vec::new();
        text(what, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_is_written_as_serde_json_writes_it() {
        for character in (0..=0x2fff).filter_map(char::from_u32) {
            for before in [0, 5, 31, 40, 600] {
                let text = format!("{}{character}{}", "x".repeat(before), "y".repeat(600 - before));
                assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_written_as_serde_json_writes_it(
            pieces in vec(prop_oneof![any::<String>(), "[ -~]{0,80}", "[\"\\\\\u{0}-\u{1f}]{0,9}".boxed()], 0..6),
        ) {
            let text = pieces.concat();
            prop_assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn octets_have_two_digits_each() {
        let octets: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        hexadecimal(&octets, &mut out);
        let expected: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(String::from_utf8(out).unwrap(), format!("\"{expected}\""));
    }
}
