//! The packets that nearly all are, told at a glance: events and acknowledgements in the namespace `/`, with JSON as
//! programs write it. What is usual here, [`Packet::read`](super::Packet::read) reads without a word: the test below
//! holds both equal.

use super::Kind;

/// Arrays and objects nested deeper than this are not usual, the empty ones not counted.
const MAX_DEPTH: u32 = 64;
/// Numbers with more digits than this are not usual.
const MAX_DIGITS: usize = 15;

/// The octets that stand for themselves in a string.
const PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut octet = 0;
    while octet < 0x20 {
        plain[octet] = false;
        octet += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

/// A packet of which there is nothing odd to say, and that nothing follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// [`Kind::Event`], or [`Kind::Ack`] with an id.
    pub kind: Kind,
    /// Ties an acknowledgement to its event.
    pub id: Option<u64>,
}

impl Usual {
    /// Reads the text of a packet, which is UTF-8; `None` says only that it is to be looked at closely.
    pub fn read(text: &[u8]) -> Option<Self> {
        let (first, rest) = text.split_first()?;
        let kind = match first {
            b'2' => Kind::Event,
            b'3' => Kind::Ack,
            _ => return None,
        };
        let (digits, json) = rest.split_at(end_of_digits(rest, 0));
        let id = match digits {
            [] => None,
            _ if digits.len() > MAX_DIGITS => return None,
            _ => Some(digits.iter().fold(0, |id, digit| id * 10 + u64::from(digit - b'0'))),
        };
        let fits = match kind {
            Kind::Event => json.starts_with(b"[\""),
            _ => id.is_some() && json.first() == Some(&b'['),
        };
        (fits && is_sound(json)).then_some(Self { kind, id })
    }
}

/// Whether this, which is UTF-8, is JSON (RFC 8259) as it is mostly written: without white space, numbers as large as
/// they get or characters by their number. Saying no says nothing.
pub(super) fn is_sound(json: &[u8]) -> bool {
    let (mut at, mut depth) = (0, 0);
    // The lowest bit is set where an object is open, and clear where an array is.
    let mut objects = 0_u64;
    loop {
        let first = octet(json, at);
        let end = match first {
            b'"' => end_of_string(json, at + 1),
            b'[' | b'{' => {
                // The octet that closes stands two behind the one that opens.
                let closed_at_once = octet(json, at + 1) == first + 2;
                if !closed_at_once {
                    let is_object = first == b'{';
                    (at, depth, objects) = (at + 1, depth + 1, objects << 1 | u64::from(is_object));
                    if depth > MAX_DEPTH || (is_object && !passes_name(json, &mut at)) {
                        return false;
                    }
                    continue;
                }
                Some(at + 2)
            }
            b'-' | b'0'..=b'9' => end_of_number(json, at),
            _ => end_of_word(json, at),
        };
        let Some(end) = end else { return false };
        at = end;
        // What stands behind it.
        loop {
            if depth == 0 {
                return at == json.len();
            }
            let in_object = objects & 1 == 1;
            let behind = octet(json, at);
            at += 1;
            if behind == b',' {
                if in_object && !passes_name(json, &mut at) {
                    return false;
                }
                break;
            }
            if behind != if in_object { b'}' } else { b']' } {
                return false;
            }
            (depth, objects) = (depth - 1, objects >> 1);
        }
    }
}

/// The octet there; behind the end a NUL, which JSON has nowhere.
#[inline]
fn octet(json: &[u8], at: usize) -> u8 {
    json.get(at).copied().unwrap_or(0)
}

/// Goes past the name of a member and the colon behind it.
#[inline]
fn passes_name(json: &[u8], at: &mut usize) -> bool {
    let end = if octet(json, *at) == b'"' { end_of_string(json, *at + 1) } else { None };
    match end.filter(|end| octet(json, *end) == b':') {
        Some(end) => {
            *at = end + 1;
            true
        }
        None => false,
    }
}

/// Where a word of JSON ends that begins here.
fn end_of_word(json: &[u8], at: usize) -> Option<usize> {
    let rest = json.get(at..)?;
    let word = [&b"true"[..], b"false", b"null"].into_iter().find(|word| rest.starts_with(word))?;
    Some(at + word.len())
}

/// Where a string ends whose opening quote stands before `at`.
#[inline(always)]
fn end_of_string(json: &[u8], at: usize) -> Option<usize> {
    let found = special(json, at)?;
    // Most strings are plain.
    if octet(json, found) == b'"' { Some(found + 1) } else { end_of_escaped(json, found) }
}

/// The same of one that goes on with what does not stand for itself.
fn end_of_escaped(json: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match octet(json, at) {
            b'"' => return Some(at + 1),
            b'\\' => match octet(json, at + 1) {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            _ => return None,
        }
        at = special(json, at)?;
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES * 0x80;

/// Where the first octet stands, from `at` on, that does not stand for itself in a string.
#[inline]
fn special(json: &[u8], at: usize) -> Option<usize> {
    // The high bit of each octet that is below `bound`, as far as the first one is.
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & HIGHS;
    let unlike = |word: u64| {
        let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        below(word, 0x20) | below(quote, 1) | below(backslash, 1)
    };
    let found = first(json, at, unlike, |octet| !PLAIN[usize::from(octet)]);
    Some(found).filter(|found| *found < json.len())
}

/// Where the digits end that begin at `at`.
#[inline]
fn end_of_digits(json: &[u8], at: usize) -> usize {
    // The high bit of each octet that is more than nine above the digit 0, as far as the first one is.
    let unlike = |word: u64| {
        let word = word ^ (ONES * 0x30);
        (word.wrapping_add(ONES * 0x76) | word) & HIGHS
    };
    first(json, at, unlike, |octet| !octet.is_ascii_digit())
}

/// Where the first octet stands, from `at` on, that is looked for; behind the last if there is none. Eight at a time are
/// quicker than one by one: `in_word` sets the high bit of the first of them that is looked for, and of none before it.
#[inline]
fn first(octets: &[u8], mut at: usize, in_word: impl Fn(u64) -> u64, is_it: impl Fn(u8) -> bool) -> usize {
    let mut rest = octets.get(at..).unwrap_or_default();
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let found = in_word(u64::from_le_bytes(*word));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        (rest, at) = (behind, at + 8);
    }
    at + rest.iter().position(|octet| is_it(*octet)).unwrap_or(rest.len())
}

/// Where a number ends that begins here: an integer, or one with a fraction.
#[inline]
fn end_of_number(json: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(octet(json, at) == b'-');
    let end = end_of_digits(json, start);
    let leads_with_zero = end > start + 1 && octet(json, start) == b'0';
    if end == start || end > start + MAX_DIGITS || leads_with_zero {
        return None;
    }
    let end = match octet(json, end) {
        b'.' => Some(end_of_digits(json, end + 1)).filter(|fraction| *fraction > end + 1)?,
        _ => end,
    };
    (!matches!(octet(json, end), b'e' | b'E')).then_some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, prop_oneof, proptest};

    use super::*;
    use crate::protocol::socketio::{Packet, Revision};

    const USUAL: [(&str, Kind, Option<u64>); 10] = [
        (r#"2["chat"]"#, Kind::Event, None),
        (r#"212["chat",{"text":"hi","n":[1,-2.50,0,true,false,null]},{},[]]"#, Kind::Event, Some(12)),
        (r#"2["a\"b\\","ü",{"a":{"b":{"c":[[["d"]]]}}}]"#, Kind::Event, None),
        (r#"30[]"#, Kind::Ack, Some(0)),
        (r#"3007["ok"]"#, Kind::Ack, Some(7)),
        (r#"3999999999999999[{"a":1,"b":"2"}]"#, Kind::Ack, Some(999_999_999_999_999)),
        (r#"2["",""]"#, Kind::Event, None),
        (r#"2["x",0.1]"#, Kind::Event, None),
        (r#"2["x",[{}],{"y":[]}]"#, Kind::Event, None),
        (r#"2["x",{"":1,"sevenü":2,"eight..8":3,"nine....9":4,"a\"b":5,"name with \\":6}]"#, Kind::Event, None),
    ];

    #[test]
    fn decodes() {
        for (text, kind, id) in USUAL {
            assert_eq!(Usual::read(text.as_bytes()), Some(Usual { kind, id }), "{text}");
        }
    }

    #[test]
    fn what_needs_a_closer_look() {
        let deep = format!("2[\"x\",{}{}]", "[".repeat(65), "]".repeat(65));
        let texts = [
            "",
            "2",
            "3",
            "2[]",
            "2[1]",
            "2[\"x\"",
            "2[\"x\"]]",
            "2[\"x\",]",
            "2[\"x\",{\"a\"}]",
            "2[\"x\",{\"a\":1,}]",
            "2[\"x\",01]",
            "2[\"x\",1.]",
            "2[\"x\",-]",
            "2[\"x\",1e9]",
            "2[\"x\",\"\\q\"]",
            "2[\"x\",\"\n\"]",
            "2[\"x\",{]}",
            "2[\"x\"}",
            "2[\"x\",tru]",
            "2 [\"x\"]",
            "2[ \"x\"]",
            "3[\"no id\"]",
            "3{}",
            "0",
            "1",
            "4{}",
            "51-[\"x\"]",
            "2/admin,[\"x\"]",
            "29999999999999999[\"x\"]",
            &deep,
        ];
        for text in texts {
            assert_eq!(Usual::read(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn eight_at_a_time_find_what_one_by_one_finds(octets in proptest::collection::vec(prop_oneof![
            8 => 0x20_u8..,
            1 => proptest::sample::select(vec![b'"', b'\\', 0, 0x1f, 0x20, 0x21, 0x23, 0x5b, 0x5d, 0xff, 0x80, 0xa2, 0xdc]),
        ], 0..40)) {
            let one_by_one = octets.iter().position(|octet| !PLAIN[usize::from(*octet)]);
            prop_assert_eq!(special(&octets, 0), one_by_one);
            prop_assert_eq!(special(&octets, octets.len() + 1), None);
        }

        #[test]
        fn so_do_they_find_where_digits_end(octets in proptest::collection::vec(prop_oneof![
            8 => b'0'..=b'9',
            1 => 0_u8..,
            1 => proptest::sample::select(vec![b'/', b':', b'.', b'e', 0, 0x39 ^ 0x80, 0xff, 0xba]),
        ], 0..40), at in 0_usize..42) {
            let one_by_one = octets.iter().skip(at).take_while(|octet| octet.is_ascii_digit()).count();
            prop_assert_eq!(end_of_digits(&octets, at), at + one_by_one);
        }

        /// Sound packets with damage, and texts of what packets are made of.
        #[test]
        fn what_is_usual_is_read_without_a_word(
            which in 0_usize..USUAL.len(),
            damage in proptest::collection::vec((0_usize..40, "[0-9\\[\\]{}\",:.\\\\a-f -]"), 0..3),
            text in "[23][0-9]{0,2}\\[\"[a\\\\\"]{0,3}[\\[\\]{}\",:0-9.-]{0,8}\\]",
        ) {
            let mut damaged: Vec<char> = USUAL[which].0.chars().collect();
            for (at, with) in damage {
                let at = at % damaged.len();
                damaged.splice(at..=at, with.chars());
            }
            let damaged: String = damaged.into_iter().collect();
            for text in [damaged, text] {
                let Some(usual) = Usual::read(text.as_bytes()) else { continue };
                for revision in [Revision::V4, Revision::V5] {
                    let packet = Packet::read(&text, revision);
                    prop_assert_eq!((packet.kind, packet.id, packet.attachments), (usual.kind, usual.id, 0), "{}", text);
                    prop_assert!(packet.notes.is_empty() && packet.namespace == "/", "{}: {:?}", text, packet.notes);
                    let json: Result<serde_json::Value, _> = serde_json::from_str(packet.data.as_deref().unwrap_or_default());
                    prop_assert!(json.is_ok_and(|json| json.is_array()), "{}", text);
                }
            }
        }
    }
}
