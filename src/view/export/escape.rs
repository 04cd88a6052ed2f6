//! Text as a string of JSON (RFC 8259 §7), written as serde_json writes it, and octets in hexadecimal: what most of an export
//! is. Many octets at a time are looked at, and what needs no escape is copied in pieces of one size.

use super::special::{BLOCK, is_plain, is_special, specials};

/// How many octets are looked at together where text is long and nothing needs an escape.
const WIDE: usize = 256;
/// What stands between two escapes is copied in pieces of this size, as mostly one is enough...
const PIECE: usize = 16;
/// ...so that what is copied may reach this far behind a block.
const BEYOND: usize = BLOCK + PIECE;
/// A block may be twice as long once it is written.
const WRITTEN: usize = 2 * BLOCK;

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

/// What stands behind the backslash of an octet that is [special](is_special); a `u`, where its digits follow.
const LETTERS: [u8; 256] = {
    let mut letters = [b'u'; 256];
    let short = [(0x08, b'b'), (b'\t', b't'), (b'\n', b'n'), (0x0c, b'f'), (b'\r', b'r'), (b'"', b'"'), (b'\\', b'\\')];
    let mut place = 0;
    while place < short.len() {
        letters[short[place].0 as usize] = short[place].1;
        place += 1;
    }
    letters
};

/// Writes a text in quotes.
pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    if !copied(text.as_bytes(), out) {
        octets(text.as_bytes(), out);
    }
}

/// Writes octets as text in quotes, which are mostly short and mostly UTF-8.
pub(super) fn lossy(text: &[u8], out: &mut Vec<u8>) {
    if copied(text, out) {
        return;
    }
    match std::str::from_utf8(text) {
        Ok(text) => octets(text.as_bytes(), out),
        Err(_) => octets(String::from_utf8_lossy(text).as_bytes(), out),
    }
}

/// So much is short.
const SHORT: usize = 64;

/// Writes what is short and needs no escape: names mostly do not.
fn copied(octets: &[u8], out: &mut Vec<u8>) -> bool {
    let is_plain = octets.len() <= SHORT && is_plain(octets);
    if is_plain {
        out.reserve(octets.len() + 2);
        out.push(b'"');
        out.extend_from_slice(octets);
        out.push(b'"');
    }
    is_plain
}

/// The same of octets that are known to be UTF-8.
pub(super) fn octets(octets: &[u8], out: &mut Vec<u8>) {
    debug_assert!(std::str::from_utf8(octets).is_ok(), "an export is UTF-8");
    out.push(b'"');
    let mut rest = octets;
    while let Some(block) = rest.first_chunk::<BEYOND>() {
        rest = &rest[BLOCK..];
        if write(block, BLOCK, out) {
            while copy_if_plain(&mut rest, out) {}
        }
    }
    let (first, second) = rest.split_at(rest.len().min(BLOCK));
    for part in [first, second] {
        if !part.is_empty() {
            let mut block = [b' '; BEYOND];
            block[..part.len()].copy_from_slice(part);
            write(&block, part.len(), out);
        }
    }
    out.push(b'"');
}

/// Copies some from the front, if nothing in it needs an escape.
fn copy_if_plain(rest: &mut &[u8], out: &mut Vec<u8>) -> bool {
    let Some((piece, behind)) = rest.split_first_chunk::<WIDE>() else { return false };
    // Without a way out in the middle, so that all of them are compared at once.
    if piece.iter().fold(false, |found, octet| found | is_special(*octet)) {
        return false;
    }
    out.extend_from_slice(piece);
    *rest = behind;
    true
}

/// Writes a block, or as much of it as is text, before spaces; says whether nothing in it needed an escape.
#[inline(always)]
fn write(block: &[u8; BEYOND], len: usize, out: &mut Vec<u8>) -> bool {
    let Some(octets) = block.first_chunk() else { return false };
    let specials = specials(octets);
    if specials == 0 {
        // What has a known size is copied more quickly than what has not.
        out.extend_from_slice(octets);
        out.truncate(out.len() - BLOCK + len);
        return true;
    }
    if !write_escaped(block, len, specials, out) {
        octets[..len].iter().for_each(|octet| write_octet(*octet, out));
    }
    false
}

/// Writes a block with a backslash and a letter for each octet that `specials` marks: in JSON inside of JSON they stand
/// anywhere. Writes nothing, and says so, where a letter is not enough.
fn write_escaped(block: &[u8; BEYOND], len: usize, mut specials: u64, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend_from_slice(&[0; WRITTEN + PIECE]);
    let Some(room) = out.last_chunk_mut() else { return false };
    let (mut from, mut at) = (0, 0);
    while specials != 0 {
        let next = specials.trailing_zeros() as usize;
        let plain = next - from;
        copy(block, from, plain, room, at);
        at += plain;
        let letter = LETTERS[usize::from(block[next])];
        if letter == b'u' {
            out.truncate(start);
            return false;
        }
        room[at % WRITTEN..][..2].copy_from_slice(&[b'\\', letter]);
        at += 2;
        from = next + 1;
        specials &= specials - 1;
    }
    let plain = len - from;
    if plain > 0 {
        copy(block, from, plain, room, at);
    }
    out.truncate(start + at + plain);
    true
}

/// Copies so many octets of a block to this place, and some more behind them that will be written over.
#[inline(always)]
fn copy(block: &[u8; BEYOND], from: usize, len: usize, room: &mut [u8; WRITTEN + PIECE], at: usize) {
    let mut done = 0;
    loop {
        // Both are within: so they are not compared with the ends.
        let (from, to) = ((from + done) % BLOCK, (at + done) % WRITTEN);
        room[to..to + PIECE].copy_from_slice(&block[from..from + PIECE]);
        done += PIECE;
        if done >= len {
            break;
        }
    }
}

/// Writes octets as digits in quotes.
pub(super) fn hexadecimal(octets: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let (sixteens, rest) = octets.as_chunks();
    for sixteen in sixteens {
        out.extend_from_slice(digits(sixteen).as_flattened());
    }
    if !rest.is_empty() {
        let mut last = [0; SIXTEEN];
        last[..rest.len()].copy_from_slice(rest);
        out.extend_from_slice(&digits(&last).as_flattened()[..2 * rest.len()]);
    }
    out.push(b'"');
}

/// How many octets become digits at once.
const SIXTEEN: usize = 16;

/// Two digits for each octet: all of them are computed at once, where a look into a table would be one by one.
fn digits(octets: &[u8; SIXTEEN]) -> [[u8; 2]; SIXTEEN] {
    let digit = |number: u8| number + b'0' + if number > 9 { b'a' - b'0' - 10 } else { 0 };
    octets.map(|octet| [digit(octet >> 4), digit(octet & 15)])
}

fn write_octet(octet: u8, out: &mut Vec<u8>) {
    if !is_special(octet) {
        return out.push(octet);
    }
    let letter = LETTERS[usize::from(octet)];
    out.extend_from_slice(&[b'\\', letter]);
    if letter == b'u' {
        out.extend_from_slice(b"00");
        out.extend_from_slice(&PAIRS[usize::from(octet)]);
    }
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
    fn blocks_are_written_wherever_they_end() {
        for len in 0..=3 * BLOCK {
            for special in ["\"", "\\", "\n", "\u{1}"] {
                for text in [special.repeat(len), format!("{}{special}", "x".repeat(len)), "x".repeat(len) + "y"] {
                    assert_eq!(written(&text), serde_json::to_string(&text).unwrap());
                }
            }
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
