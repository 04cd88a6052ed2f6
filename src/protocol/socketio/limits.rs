//! What JSON may hold, and few readers of JSON take: RFC 8259 leaves depth and range to them (§6, §9).

/// JSON nested deeper than this is kept, but a warning.
const MAX_DEPTH: usize = 128;
/// So much of a number is quoted.
const MAX_SHOWN: usize = 20;

/// What is beyond the limits of most readers in this text, which is JSON; to be said as a warning.
pub(super) fn beyond(json: &str) -> impl Iterator<Item = String> {
    let deep = (depth(json) > MAX_DEPTH).then(|| format!("JSON nested more than {MAX_DEPTH} deep"));
    let large = too_large(json).map(|number| {
        let shown = number.get(..MAX_SHOWN).map_or(number.to_owned(), |start| format!("{start}…"));
        format!("the number {shown} is more than a double holds: JavaScript reads Infinity, other readers refuse it")
    });
    deep.into_iter().chain(large)
}

/// How deep arrays and objects are nested.
fn depth(json: &str) -> usize {
    // Without more brackets it cannot be deeper, and nearly always there are few.
    let brackets = json.bytes().filter(|octet| matches!(octet, b'[' | b'{')).count();
    if brackets <= MAX_DEPTH {
        return brackets;
    }
    let (mut depth, mut deepest) = (0_usize, 0);
    for (_, octet) in outside_strings(json) {
        match octet {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The first number whose magnitude a double cannot hold.
fn too_large(json: &str) -> Option<&str> {
    // Without an exponent it takes so many digits.
    const DIGITS: usize = f64::MAX_10_EXP as usize;
    if json.len() <= DIGITS && !json.contains(['e', 'E']) {
        return None;
    }
    let mut end = 0;
    outside_strings(json).find_map(|(at, octet)| {
        if at < end || !matches!(octet, b'-' | b'0'..=b'9') {
            return None;
        }
        let rest = &json[at..];
        let len = rest.bytes().position(|octet| !matches!(octet, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
        let number = &rest[..len.unwrap_or(rest.len())];
        end = at + number.len();
        number.parse::<f64>().is_ok_and(f64::is_infinite).then_some(number)
    })
}

/// The octets that are part of no string, the quotes left out, and where they stand.
fn outside_strings(json: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut quoted, mut escaped) = (false, false);
    json.bytes().enumerate().filter(move |(_, octet)| {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ => return !quoted,
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep() {
        let nested = |times: usize| format!("{}{}", "[".repeat(times), "]".repeat(times));
        assert_eq!(beyond(&nested(128)).count(), 0);
        assert_eq!(beyond(&nested(129)).collect::<Vec<_>>(), ["JSON nested more than 128 deep"]);
        // Brackets in strings nest nothing, whatever is escaped in them.
        assert_eq!(beyond(&format!(r#"["\"{}","\\",{}]"#, "[".repeat(500), nested(127))).count(), 0);
        assert_eq!(beyond(&format!(r#"["\\",{}]"#, nested(128))).count(), 1);
    }

    #[test]
    fn large() {
        let number = |json: &str| too_large(json).map(str::to_owned);
        for (json, expected) in [
            ("1e999", Some("1e999")),
            ("[1,-1e+999]", Some("-1e+999")),
            (r#"{"a":1E309,"b":1e999}"#, Some("1E309")),
            // The largest double, and the first number that is rounded up to none.
            ("[1.7976931348623157e308]", None),
            ("[1.7976931348623159e308]", Some("1.7976931348623159e308")),
            ("[1e-999,0e999]", None),
            (r#"["1e999","\"",12,"e1e999"]"#, None),
        ] {
            assert_eq!(number(json).as_deref(), expected, "{json}");
        }
        assert_eq!(number(&format!("[{}]", "9".repeat(308))), None);
        assert_eq!(number(&format!("[{}]", "9".repeat(309))).map(|digits| digits.len()), Some(309));
        let text = "the number 99999999999999999999… is more than a double holds: JavaScript reads Infinity, other readers \
                    refuse it";
        assert_eq!(beyond(&"9".repeat(309)).collect::<Vec<_>>(), [text]);
    }
}
