//! Words for summaries: what a peer sent, made safe to print on one line.

/// Whether a terminal may do something else with it than show it: control characters, line and paragraph separators, what changes
/// the direction of writing (Unicode Standard Annex 9, "Trojan Source"), and what has neither width nor shape, so that two names
/// that differ by it look alike: soft hyphens, spaces of no width, byte order marks (Unicode Standard §23.2 and §23.8). With
/// joiners and variation selectors some scripts are written, and emoji.
pub(crate) fn is_unsafe(c: char) -> bool {
    let directs = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_unseen = matches!(
        c,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    );
    c.is_control() || directs || is_unseen || matches!(c, '\u{2028}' | '\u{2029}')
}

/// `text` with a dot in the place of each such character.
pub(crate) fn tamed(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { '·' } else { c }).collect()
}

/// `text` in quotes, shortened to `max` characters, control characters escaped. Quotes inside stay as they are: this is
/// read by people, and JSON is full of them.
pub(crate) fn quoted(text: &str, max: usize) -> String {
    let mut out = String::from("\"");
    for (i, c) in text.chars().enumerate() {
        if i == max {
            out.push('…');
            break;
        }
        match c {
            c if is_unsafe(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name that a program chose, as a string of JSON (RFC 8259 §7), shortened to `max` characters: quotes and backslashes are
/// escaped, and what a terminal obeys. So it cannot be taken for anything else, and can be looked for in the octets.
pub(crate) fn json_string(text: &str, max: usize) -> String {
    let mut out = String::from("\"");
    for (i, c) in text.chars().enumerate() {
        match c {
            _ if i == max => {
                out.push('…');
                break;
            }
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // All of them have four digits.
            c if is_unsafe(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `text` without control characters, shortened to `max` characters.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut out: String = text.chars().take(max).map(|c| if is_unsafe(c) { '·' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}

/// Octets as text in quotes, if that is what they are: UTF-8 without control characters other than line ends and tabs.
pub(crate) fn as_text(octets: &[u8], max: usize) -> Option<String> {
    let text = std::str::from_utf8(octets).ok().filter(|text| !text.is_empty())?;
    let is_text = text.chars().all(|c| !c.is_control() || matches!(c, '\r' | '\n' | '\t'));
    is_text.then(|| quoted(text, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What turns a line round, or begins another, is not handed to a terminal.
    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        let turned = "a\u{202e}b\u{2066}c\u{2028}d\u{1b}[2J";
        assert_eq!(quoted(turned, 40), "\"a\\u{202e}b\\u{2066}c\\u{2028}d\\u{1b}[2J\"");
        assert_eq!((plain(turned, 40).as_str(), tamed(turned).as_str()), ("a·b·c·d·[2J", "a·b·c·d·[2J"));
        assert_eq!(quoted("grün 𝄞 שלום", 40), "\"grün 𝄞 שלום\"", "letters are left as they are");
    }

    /// What nobody sees makes two names look alike that are not.
    #[test]
    fn what_is_not_seen_is_escaped() {
        let unseen = "\u{feff}a\u{200b}b\u{ad}c\u{2060}d";
        assert_eq!(quoted(unseen, 40), "\"\\u{feff}a\\u{200b}b\\u{ad}c\\u{2060}d\"");
        assert_eq!(json_string(unseen, 40), "\"\\ufeffa\\u200bb\\u00adc\\u2060d\"");
        assert_eq!(tamed(unseen), "·a·b·c·d");
        for written in ["می\u{200c}خواهم", "👩\u{200d}💻", "❤\u{fe0f}", "e\u{301}"] {
            assert_eq!((tamed(written), quoted(written, 40)), (written.to_owned(), format!("\"{written}\"")));
        }
    }

    #[test]
    fn names_are_strings_of_json() {
        let name = "a\"b\\c\n\u{1b}[2J\u{202e}\u{85}grün";
        assert_eq!(json_string(name, 40), "\"a\\\"b\\\\c\\n\\u001b[2J\\u202e\\u0085grün\"");
        assert_eq!(serde_json::from_str::<String>(&json_string(name, 40)).unwrap(), name);
        assert_eq!(json_string("abc\"", 3), "\"abc…\"");
    }

    #[test]
    fn what_is_text_is_shown_as_text() {
        assert_eq!(as_text("grün\n".as_bytes(), 9).as_deref(), Some("\"grün\\n\""));
        assert_eq!(as_text(b"abcdef", 3).as_deref(), Some("\"abc…\""));
        assert_eq!((as_text(b"", 9), as_text(&[0xff], 9), as_text(b"a\0", 9)), (None, None, None));
    }
}
