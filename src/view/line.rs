//! Lines of toned text: their width is known before they are printed.

use std::fmt;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::fit::clusters;
use crate::explain::{Floor, floor};
use crate::protocol::text::is_unsafe;

/// What a stretch of text is; decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// In the background.
    Dim,
    /// Emphasis.
    Strong,
    /// A heading.
    Title,
    /// The link layer.
    Link,
    /// IP.
    Net,
    /// TCP and UDP.
    Transport,
    /// HTTP.
    Http,
    /// WebSocket.
    WebSocket,
    /// What the program wanted to say.
    Payload,
    /// True.
    Good,
    /// Untrue or wrong.
    Bad,
    /// Doubtful.
    Warn,
}

impl Tone {
    /// The tone of a protocol or of another owner in the ledger.
    pub fn of(owner: &str) -> Self {
        match floor(owner) {
            Floor::Link => Self::Link,
            Floor::Network => Self::Net,
            Floor::Transport => Self::Transport,
            Floor::Http => Self::Http,
            Floor::Messages => Self::WebSocket,
            Floor::Payload | Floor::Tls => Self::Payload,
            Floor::Again => Self::Warn,
            Floor::Unknown => Self::Plain,
        }
    }

    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
            Self::Title => Style::new().bold().underline(),
            Self::Link => color(AnsiColor::BrightBlack),
            Self::Net => color(AnsiColor::Blue),
            Self::Transport => color(AnsiColor::Cyan),
            Self::Http => color(AnsiColor::Green),
            Self::WebSocket => color(AnsiColor::Magenta),
            Self::Payload => color(AnsiColor::Yellow),
            Self::Good => color(AnsiColor::Green).bold(),
            Self::Bad => color(AnsiColor::Red).bold(),
            Self::Warn => color(AnsiColor::Yellow).bold(),
        }
    }
}

/// A line of text in tones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<(Tone, String)>,
}

impl Line {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of one tone.
    pub fn of(tone: Tone, text: impl Into<String>) -> Self {
        Self::new().with(tone, text)
    }

    /// The line with more text.
    pub fn with(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.push(tone, text);
        self
    }

    /// Adds text. Peers and authors of lessons may send control characters, and what turns a line round; on a terminal they
    /// would act.
    pub fn push(&mut self, tone: Tone, text: impl Into<String>) {
        let mut text = text.into();
        if text.contains(is_unsafe) {
            text = text.replace(is_unsafe, "·");
        }
        match self.pieces.last_mut() {
            _ if text.is_empty() => {}
            Some((last, before)) if *last == tone => before.push_str(&text),
            _ => self.pieces.push((tone, text)),
        }
    }

    /// Adds another line's text.
    pub fn append(&mut self, other: Self) {
        other.pieces.into_iter().for_each(|(tone, text)| self.push(tone, text));
    }

    /// Adds spaces up to this column.
    pub fn pad_to(&mut self, column: usize) {
        let width = self.width();
        if width < column {
            self.push(Tone::Plain, " ".repeat(column - width));
        }
    }

    /// Takes spaces away from the end.
    pub fn trim(&mut self) {
        while let Some((_, text)) = self.pieces.last_mut() {
            text.truncate(text.trim_end_matches(' ').len());
            if !text.is_empty() {
                break;
            }
            self.pieces.pop();
        }
    }

    /// How many columns it takes.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| text.width()).sum()
    }

    /// The text in its tones.
    pub fn pieces(&self) -> &[(Tone, String)] {
        &self.pieces
    }

    /// Without tones.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|(_, text)| text.as_str()).collect()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (tone, text) in &self.pieces {
            let style = tone.style();
            write!(f, "{style}{text}{style:#}")?;
        }
        Ok(())
    }
}

/// Lines of a given width.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// How many columns there are.
    pub width: usize,
    /// The lines.
    pub lines: Vec<Line>,
}

impl Page {
    /// An empty page.
    pub fn new(width: usize) -> Self {
        Self { width, lines: Vec::new() }
    }

    /// Adds a line.
    pub fn line(&mut self, mut line: Line) {
        line.trim();
        self.lines.push(line);
    }

    /// Adds an empty line, but never two in a row.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| line.width() > 0) {
            self.lines.push(Line::new());
        }
    }

    /// Adds other lines.
    pub fn extend(&mut self, lines: impl IntoIterator<Item = Line>) {
        self.lines.extend(lines);
    }

    /// Adds text broken at spaces: the first line begins with `first`, the others with as many spaces.
    pub fn paragraph(&mut self, first: Line, body: &Line) {
        self.extend(wrap(first, body, self.width));
    }

    /// Does the same, and breaks words that are wider than a line.
    pub fn paragraph_within(&mut self, first: Line, body: &Line) {
        self.extend(wrap_within(first, body, self.width));
    }

    /// Adds a heading: `first`, and beside it `rest`. If both are wider than the page `rest` is broken at spaces, below a
    /// `first` beside which it would be a column of single words.
    pub fn heading(&mut self, first: Line, rest: &Line) {
        let first = first.with(Tone::Dim, "  ");
        let mut whole = first.clone();
        whole.append(rest.clone());
        if whole.width() <= self.width {
            self.line(whole);
        } else if 2 * first.width() <= self.width {
            self.paragraph(first, rest);
        } else {
            self.paragraph(Line::new(), &first);
            self.paragraph(Line::of(Tone::Dim, "  "), rest);
        }
    }

    /// Adds a line as somebody wrote it; one that is wider than the page goes on further right, so that nobody takes the
    /// rest of it for another line.
    pub fn as_written(&mut self, tone: Tone, text: &str) {
        const INDENT: usize = 2;
        const FURTHER: usize = 4;
        let whole = Line::of(Tone::Dim, " ".repeat(INDENT)).with(tone, text);
        if whole.width() <= self.width {
            return self.line(whole);
        }
        let spaces = INDENT + text.len() - text.trim_start().len();
        let body = Line::of(tone, text.trim_start());
        let lines = wrap(Line::of(Tone::Dim, " ".repeat(spaces)), &body, self.width.saturating_sub(FURTHER));
        for (i, line) in lines.into_iter().enumerate() {
            let mut shifted = Line::of(Tone::Dim, if i > 0 { " ".repeat(FURTHER) } else { String::new() });
            shifted.append(line);
            self.line(shifted);
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Breaks `body` at spaces into lines of `width` columns. The first begins with `first`, the others are indented as far.
pub(super) fn wrap(first: Line, body: &Line, width: usize) -> Vec<Line> {
    lay(first, words(body), width)
}

/// Does the same, and breaks words that are wider than a line: what peers send may hold no space at all.
pub(super) fn wrap_within(first: Line, body: &Line, width: usize) -> Vec<Line> {
    let room = width.saturating_sub(first.width()).max(1);
    let words = words(body).into_iter();
    let parts = words.flat_map(|(gap, word)| broken(word, room).into_iter().map(move |part| (gap, part)));
    lay(first, parts.collect(), width)
}

/// Lays out things with a dot between them. Each stays on one line if it fits there, and is broken at spaces if not.
pub(super) fn wrap_list(first: Line, things: &[String], width: usize) -> Vec<Line> {
    let room = width.saturating_sub(first.width()).max(1);
    let last = things.len().saturating_sub(1);
    let each = things.iter().enumerate().flat_map(|(i, thing)| {
        let thing = Line::of(Tone::Plain, if i < last { format!("{thing} ·") } else { thing.clone() });
        if thing.width() <= room { vec![(Tone::Plain, thing)] } else { words(&thing) }
    });
    let parts = each.flat_map(|(gap, word)| broken(word, room).into_iter().map(move |part| (gap, part)));
    lay(first, parts.collect(), width)
}

fn lay(first: Line, words: Vec<(Tone, Line)>, width: usize) -> Vec<Line> {
    let indent = first.width();
    let mut lines = Vec::new();
    let mut current = first;
    let mut empty = true;
    for (gap, word) in words {
        let space = usize::from(!empty);
        if !empty && current.width() + space + word.width() > width {
            lines.push(std::mem::take(&mut current));
            current.pad_to(indent);
            empty = true;
        }
        if !empty {
            current.push(gap, " ");
        }
        current.append(word);
        empty = false;
    }
    lines.push(current);
    // A line whose text is nothing, or wider than the room beside what it begins with, ends in the spaces of that.
    lines.iter_mut().for_each(Line::trim);
    lines
}

/// A word in parts of so many columns. Each but the last is full, so that the next begins a line.
fn broken(word: Line, room: usize) -> Vec<Line> {
    if word.width() <= room {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut part = Line::new();
    let mut width = 0;
    for (tone, text) in &word.pieces {
        for cluster in clusters(text) {
            let columns = cluster.width();
            if width > 0 && width + columns > room {
                parts.push(std::mem::take(&mut part));
                width = 0;
            }
            part.push(*tone, cluster);
            width += columns;
        }
    }
    parts.push(part);
    parts
}

/// The words of a line, each with the tone of the space before it. A word may change its tone in the middle.
fn words(body: &Line) -> Vec<(Tone, Line)> {
    let mut words = Vec::new();
    let mut word = Line::new();
    let mut gap = Tone::Plain;
    for (tone, text) in &body.pieces {
        for (i, part) in text.split(' ').enumerate() {
            if i > 0 && is_unit(part) && word.text().ends_with(|last: char| last.is_ascii_digit()) {
                word.push(*tone, " ");
            } else if i > 0 {
                if word.width() > 0 {
                    words.push((gap, std::mem::take(&mut word)));
                }
                gap = *tone;
            }
            word.push(*tone, part);
        }
    }
    if word.width() > 0 {
        words.push((gap, word));
    }
    words
}

/// Whether this is a unit, which stands on the line of its number.
fn is_unit(word: &str) -> bool {
    let word = word.trim_end_matches([',', '.', ';', ':', ')']);
    matches!(word, "s" | "ms" | "µs" | "ns" | "min" | "%" | "B" | "KiB" | "MiB" | "GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::view::fit::fit;

    #[test]
    fn a_number_keeps_its_unit() {
        let body = Line::of(Tone::Plain, "it took 0.263 s, or 263 ms").with(Tone::Dim, " s that");
        let text: Vec<_> = wrap(Line::new(), &body, 13).iter().map(Line::text).collect();
        assert_eq!(text, ["it took", "0.263 s, or", "263 ms s that"]);
    }

    #[test]
    fn a_heading_and_what_somebody_wrote_fit_the_page() {
        let laid = |width: usize, put: &dyn Fn(&mut Page)| {
            let mut page = Page::new(width);
            put(&mut page);
            page.lines.iter().map(|line| line.text() + "\n").collect::<String>()
        };
        let heading = |first: &'static str| {
            move |page: &mut Page| page.heading(Line::of(Tone::Strong, first), &Line::of(Tone::Dim, "(no. 1, HTTP)"))
        };
        assert_eq!(laid(22, &heading("stream")), "stream  (no. 1, HTTP)\n");
        assert_eq!(laid(17, &heading("stream")), "stream  (no. 1,\n        HTTP)\n");
        assert_eq!(laid(17, &heading("connection")), "connection\n  (no. 1, HTTP)\n");
        let written = |text: &'static str| move |page: &mut Page| page.as_written(Tone::Plain, text);
        assert_eq!(laid(20, &written("ada  connects")), "  ada  connects\n");
        assert_eq!(laid(20, &written("  ada connects to /chat")), "    ada connects\n        to /chat\n");
    }

    #[test]
    fn wraps_at_spaces_and_keeps_tones() {
        let body = Line::of(Tone::Plain, "one two ").with(Tone::Strong, "three").with(Tone::Plain, ", four five");
        let lines = wrap(Line::of(Tone::Dim, "  - "), &body, 16);
        let text: Vec<_> = lines.iter().map(Line::text).collect();
        assert_eq!(text, ["  - one two", "    three, four", "    five"]);
        assert!(lines[1].pieces().contains(&(Tone::Strong, "three".into())));
        assert_eq!(lines[1].pieces().len(), 3, "what has the same tone is one piece");
    }

    #[test]
    fn a_space_that_is_a_piece_of_its_own_is_a_place_to_break() {
        let body = Line::of(Tone::Plain, "one").with(Tone::Plain, " ").with(Tone::Plain, "two").with(Tone::Strong, ",");
        let text: Vec<_> = wrap(Line::new(), &body, 5).iter().map(Line::text).collect();
        assert_eq!(text, ["one", "two,"]);
    }

    #[test]
    fn a_long_word_is_left_whole() {
        let lines = wrap(Line::new(), &Line::of(Tone::Plain, "a 0123456789 b"), 6);
        let text: Vec<_> = lines.iter().map(Line::text).collect();
        assert_eq!(text, ["a", "0123456789", "b"]);
    }

    #[test]
    fn a_long_word_is_broken_where_nothing_may_be_wider() {
        let body = Line::of(Tone::Plain, "a 01234").with(Tone::Strong, "56789 b");
        let lines = wrap_within(Line::of(Tone::Dim, "> "), &body, 6);
        let text: Vec<_> = lines.iter().map(Line::text).collect();
        assert_eq!(text, ["> a", "  0123", "  4567", "  89 b"]);
        assert_eq!(lines[2].pieces(), [(Tone::Plain, "  4".into()), (Tone::Strong, "567".into())]);
        let wide: Vec<_> =
            wrap_within(Line::new(), &Line::of(Tone::Plain, "日本語"), 5).iter().map(Line::text).collect();
        assert_eq!(wide, ["日本", "語"]);
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(Line::of(Tone::Plain, "a\u{1b}[2Jb\r\u{9b}c").text(), "a·[2Jb··c");
        assert_eq!(Line::of(Tone::Plain, "a\u{202e}b\u{2066}c\u{2028}d שלום").text(), "a·b·c·d שלום");
    }

    /// A variation selector takes no column, and makes the character before it take one more.
    #[test]
    fn what_is_wider_together_than_apart_fits_too() {
        let keyboards = "⌨\u{fe0f}".repeat(8);
        assert_eq!(fit(&keyboards, 7), format!("{}…", "⌨\u{fe0f}".repeat(3)));
        let lines = wrap_within(Line::of(Tone::Plain, "> "), &Line::of(Tone::Plain, keyboards), 9);
        assert_eq!(lines.iter().map(Line::width).collect::<Vec<_>>(), [8, 8, 6]);
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…", "an accent stays with its letter");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text in "([a-c ]|[⌨☎🇩🇪👨👩漢ﷺ]|[\u{fe0e}\u{fe0f}\u{200d}\u{301}\u{1160}]){0,40}", columns in 1_usize..20) {
            prop_assert!(fit(&text, columns).width() <= columns, "{text:?}");
            for line in wrap_within(Line::new(), &Line::of(Tone::Plain, &*text), columns.max(2)) {
                prop_assert!(line.width() <= columns.max(2), "{text:?}: {line:?}");
            }
        }
    }
}
