//! Words for summaries: what a peer sent, made safe to print on one line.

/// `text` in quotes, shortened to `max` characters, control characters escaped. Quotes inside stay as they are: this is
/// read by people, and JSON is full of them.
pub(super) fn quoted(text: &str, max: usize) -> String {
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
pub(super) fn plain(text: &str, max: usize) -> String {
    let mut out: String = text.chars().take(max).map(|c| if c.is_control() { '·' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}
