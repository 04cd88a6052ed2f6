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
    let mut rest = octets;
    copy_plain(&mut rest, out);
    while let Some((sixteen, behind)) = rest.split_first_chunk::<SIXTEEN>() {
        let special = Special::of(sixteen);
        if special.is_none() {
            out.extend_from_slice(sixteen);
            rest = behind;
            copy_plain(&mut rest, out);
        } else if special.controls == 0 {
            copy_with_backslashes(sixteen, special.quote_bits(), out);
            rest = behind;
        } else {
            let plain = special.before().min(SIXTEEN - 1);
            out.extend_from_slice(&sixteen[..plain]);
            escape(sixteen[plain], out);
            rest = &rest[plain + 1..];
        }
    }
    last(rest, out);
    out.push(b'"');
}

/// Writes what is left, which is less than sixteen octets.
fn last(rest: &[u8], out: &mut Vec<u8>) {
    let mut filled = [b' '; SIXTEEN];
    for (to, from) in filled.iter_mut().zip(rest) {
        *to = *from;
    }
    let special = Special::of(&filled);
    if special.controls == 0 {
        copy_with_backslashes(&filled, special.quote_bits(), out);
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
    for some in octets.chunks(WIDE) {
        let mut digits = [[0; 2]; WIDE];
        for (pair, octet) in digits.iter_mut().zip(some) {
            *pair = PAIRS[usize::from(*octet)];
        }
        out.extend_from_slice(digits[..some.len()].as_flattened());
    }
    out.push(b'"');
}

fn needs_escape(octet: u8) -> bool {
    octet < 0x20 || octet == b'"' || octet == b'\\'
}

/// Writes sixteen octets with a backslash before each of those that a bit is set for. Without branches: in JSON inside of
/// JSON quotes stand anywhere. And at once where they belong: to copy what was written octet by octet takes longer than all the
/// rest.
fn copy_with_backslashes(sixteen: &[u8; SIXTEEN], [first, second]: [u8; 2], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[b'\\'; 2 * SIXTEEN]);
    let Some(room) = out.last_chunk_mut::<{ 2 * SIXTEEN }>() else { return };
    let ahead = 8 + first.count_ones() as u8;
    let (eight, more) = sixteen.split_at(8);
    for (octet, place) in eight.iter().zip(PLACES[usize::from(first)]) {
        room[usize::from(place & 15)] = *octet;
    }
    for (octet, place) in more.iter().zip(PLACES[usize::from(second)]) {
        room[usize::from((ahead + place) & 31)] = *octet;
    }
    out.truncate(start + SIXTEEN + (first.count_ones() + second.count_ones()) as usize);
}

/// Where eight octets stand with a backslash before each that a bit is set for.
const PLACES: [[u8; 8]; 256] = {
    let mut places = [[0; 8]; 256];
    let mut bits = 0;
    while bits < places.len() {
        let (mut octet, mut place) = (0, 0);
        while octet < 8 {
            place += (bits >> octet & 1) as u8;
            places[bits][octet] = place;
            place += 1;
            octet += 1;
        }
        bits += 1;
    }
    places
};

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
