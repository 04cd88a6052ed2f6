//! Text cut to columns.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::protocol::text::{is_unsafe, tamed};

/// Text cut to so many columns; an ellipsis says that it was cut.
pub(super) fn fit(text: &str, columns: usize) -> String {
    // As it will stand there: what turns a line round has no width, and the dot in its place has.
    if text.contains(is_unsafe) {
        return fit(&tamed(text), columns);
    }
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut width = 0;
    for cluster in clusters(text) {
        let next = width + cluster.width();
        if next + 1 > columns {
            break;
        }
        width = next;
        out.push_str(cluster);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// The same, where what a line quotes gives way before what it says about that: `text "aaaa…"  masked 01 0…`.
pub(super) fn fit_quoting(text: &str, columns: usize) -> String {
    /// Of a quotation less than the first says nothing, and of what stands behind it the second is enough.
    const ENOUGH: [usize; 2] = [8, 13];
    let quoted = || text.split_once('"').and_then(|(before, rest)| Some((before, rest.rsplit_once('"')?)));
    let Some((before, (quoted, behind))) = (text.width() > columns).then(quoted).flatten() else {
        return fit(text, columns);
    };
    let room = columns.saturating_sub(before.width() + behind.width().min(ENOUGH[1]) + 2);
    // In JSON quotes stand anywhere, and what is between the first and the last is no quotation.
    if room < ENOUGH[0] || !behind.starts_with(' ') || text.contains(is_unsafe) {
        return fit(text, columns);
    }
    fit(&format!("{before}\"{}\"{behind}", fit(quoted, room)), columns)
}

/// The same of a text and of what is to stand behind it, whole, if enough of the text has room beside it.
pub(super) fn fit_before(text: &str, behind: &str, columns: usize) -> String {
    /// Of a text less than this says nothing.
    const ENOUGH: usize = 16;
    match columns.checked_sub(behind.width()).filter(|room| *room >= ENOUGH) {
        Some(room) => fit_quoting(text, room) + behind,
        None => fit_quoting(&format!("{text}{behind}"), columns),
    }
}

/// Characters, each with those behind it that take no column of their own: one of them may make it wider (emoji presentation,
/// U+FE0F), and none may stand apart from it.
pub(super) fn clusters(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let behind = rest[first.len_utf8()..].find(|c: char| c.width() != Some(0));
        let (cluster, others) = rest.split_at(behind.map_or(rest.len(), |len| first.len_utf8() + len));
        rest = others;
        Some(cluster)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_text_stays_whole() {
        let target = "POST /socket.io/?transport=polling";
        assert_eq!(fit_before(target, ", begun in 8", 60), "POST /socket.io/?transport=polling, begun in 8");
        assert_eq!(fit_before(target, ", begun in 8", 30), "POST /socket.io/?…, begun in 8");
        assert_eq!(fit_before(target, ", begun in 8", 20), "POST /socket.io/?tr…", "too little would be left");
        assert_eq!(fit_before(target, "", 18), "POST /socket.io/?…");
    }

    #[test]
    fn fits() {
        assert_eq!(fit("hello", 5), "hello");
        assert_eq!(fit("hello", 4), "hel…");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("hello", 0), "");
        assert_eq!(fit("a\u{202e}\u{202e}\u{202e}b", 4), "a··…");
    }

    #[test]
    fn what_is_quoted_gives_way() {
        let text = "text \"aaaaaaaaaaaaaaaaaaaa…\"  masked 01 02 03";
        assert_eq!(fit_quoting(text, 60), text);
        assert_eq!(fit_quoting(text, 36), "text \"aaaaaaaaaaaaaaa…\"  masked 01 …");
        assert_eq!(fit_quoting("text \"short\"  masked 01 02 03", 26), "text \"short\"  masked 01 0…");
        assert_eq!(fit_quoting(text, 20), fit(text, 20), "too little would be left of it");
        let json = "ACK #0 [\"a\",{\"b\":\"cccccccccccc\"}] after 1.0 ms";
        assert_eq!(fit_quoting(json, 30), fit(json, 30));
        assert_eq!(fit_quoting("GET /aaaaaaaaaaaa", 10), "GET /aaaa…");
    }
}
