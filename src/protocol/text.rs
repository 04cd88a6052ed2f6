//! Words for summaries: what a peer sent, made safe to print on one line.

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
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `text` without control characters, shortened to `max` characters.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut out: String = text.chars().take(max).map(|c| if c.is_control() { '·' } else { c }).collect();
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

    #[test]
    fn what_is_text_is_shown_as_text() {
        assert_eq!(as_text("grün\n".as_bytes(), 9).as_deref(), Some("\"grün\\n\""));
        assert_eq!(as_text(b"abcdef", 3).as_deref(), Some("\"abc…\""));
        assert_eq!((as_text(b"", 9), as_text(&[0xff], 9), as_text(b"a\0", 9)), (None, None, None));
    }
}
