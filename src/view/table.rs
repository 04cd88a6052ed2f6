//! Tables, laid out by comfy-table. The only door to it.

use std::borrow::Cow;

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use unicode_width::UnicodeWidthStr;

use super::line::{Line, Page, Tone, wrap_list};
use crate::protocol::text::{is_unsafe, tamed};

/// The columns that stand around each cell: one on either side, and what parts it from the next.
const AROUND: usize = 3;
const BESIDE: usize = 2;

/// Draws a table that fits the width, and breaks no word but one that is wider than the page. Where there is no room for the
/// longest word of each column, names of fields in the head are broken behind their dots; and where that is not enough, each
/// row is a record, below the one before.
pub fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> Vec<Line> {
    let rows: Vec<Vec<Cow<'_, str>>> =
        rows.iter().map(|row| row.iter().map(|cell| shortened(cell)).collect()).collect();
    let whole: Vec<Cow<'_, str>> = head.iter().map(|name| Cow::Borrowed(*name)).collect();
    let broken: Vec<Cow<'_, str>> = head.iter().map(|name| at_dots(name)).collect();
    for head in [whole, broken] {
        if let Some(columns) = arranged(&head, &rows, width) {
            return drawn(&head, &rows, &columns, width);
        }
    }
    records(head, &rows, width)
}

/// The name of a field in lines, each but the last with a dot at its end.
fn at_dots(name: &str) -> Cow<'_, str> {
    if name.contains(' ') { Cow::Borrowed(name) } else { Cow::Owned(name.replace('.', ".\n")) }
}

/// How wide the columns must be for what `needs` says of each of their cells.
fn widths(head: &[Cow<'_, str>], rows: &[Vec<Cow<'_, str>>], needs: impl Fn(&str) -> usize) -> Vec<usize> {
    let of_column = |(column, name): (usize, &Cow<'_, str>)| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| needs(cell));
        cells.chain([needs(name)]).max().unwrap_or(0).max(1)
    };
    head.iter().enumerate().map(of_column).collect()
}

/// The columns' widths on the page: what their longest words leave goes to those that could use it, the narrowest first.
/// Nothing where even the longest words have no room, but for those that are wider than the page.
fn arranged(head: &[Cow<'_, str>], rows: &[Vec<Cow<'_, str>>], width: usize) -> Option<Vec<usize>> {
    let longest = |cell: &str| cell.split([' ', '\n']).map(UnicodeWidthStr::width).filter(|word| *word <= width).max();
    let mut columns = widths(head, rows, |cell| longest(cell).unwrap_or(0));
    let wanted = widths(head, rows, |cell| cell.lines().map(UnicodeWidthStr::width).max().unwrap_or(0));
    let taken = columns.iter().map(|column| column + AROUND).sum::<usize>();
    let left = (width + 1).checked_sub(taken)?;
    for _ in 0..left {
        let narrow = columns.iter_mut().zip(&wanted).filter(|(column, wanted)| **column < **wanted);
        let Some((narrowest, _)) = narrow.min_by_key(|(column, _)| **column) else { break };
        *narrowest += 1;
    }
    Some(columns)
}

fn drawn(head: &[Cow<'_, str>], rows: &[Vec<Cow<'_, str>>], columns: &[usize], width: usize) -> Vec<Line> {
    let fixed = |columns: usize| Width::Fixed(u16::try_from(columns).unwrap_or(u16::MAX));
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(head.iter().map(Cow::as_ref));
    for row in rows {
        table.add_row(row.iter().map(Cow::as_ref));
    }
    table.set_constraints(columns.iter().map(|column| ColumnConstraint::Absolute(fixed(column + BESIDE))));
    table.to_string().lines().map(|line| Line::of(Tone::Plain, line.trim_end())).collect()
}

/// Each row as a list of what its columns say: behind its first cell where that names the row, and so has no name itself.
fn records(head: &[&str], rows: &[Vec<Cow<'_, str>>], width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for row in rows {
        let (names, cells, first) = match (head, row.as_slice()) {
            (["", names @ ..], [first, cells @ ..]) => (names, cells, first.as_ref()),
            (names, cells) => (names, cells, ""),
        };
        let said = names.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
        let said: Vec<String> = said.map(|(name, cell)| format!("{name}: {cell}")).collect();
        let before = if 3 * first.width() > width {
            page.paragraph_within(Line::of(Tone::Plain, "  "), &Line::of(Tone::Plain, first));
            "    ".to_owned()
        } else {
            format!("  {}  ", if first.is_empty() { "•" } else { first })
        };
        page.extend(wrap_list(Line::of(Tone::Plain, before), &said, width));
    }
    page.lines
}

/// Nobody reads more in a cell, and laying it out takes its time.
const MOST: usize = 1_000;

fn shortened(cell: &str) -> Cow<'_, str> {
    match cell.char_indices().nth(MOST) {
        Some((at, _)) => Cow::Owned(format!("{}… ({} octets)", tamed(&cell[..at]), cell.len())),
        // A line feed would begin another line of its cell, and what turns a line round has no width.
        None if cell.contains(is_unsafe) => Cow::Owned(tamed(cell)),
        None => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_an_end() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened("a\u{202e}b\nc"), "a·b·c");
        let long = "é".repeat(MOST + 1);
        assert!(shortened(&long).ends_with("é… (2002 octets)"));
        let lines = table(&["data"], &[vec!["x".repeat(90_000)]], 80);
        assert!(lines.len() < 30, "{}", lines.len());
    }

    /// A table with these words in each row, as one text.
    fn laid(head: &[&str], row: &[&str], width: usize) -> String {
        let row = row.iter().map(|cell| (*cell).to_owned()).collect();
        let lines = table(head, &[row], width);
        assert!(lines.iter().all(|line| line.width() <= width), "{lines:#?}");
        lines.iter().map(|line| line.text() + "\n").collect()
    }

    #[test]
    fn no_word_is_broken_that_the_page_has_room_for() {
        let (head, row) =
            (["no.", "client → server", "speaks"], ["0", "127.0.0.1:42721 → 127.0.0.1:8080", "websocket"]);
        let lines = |width| laid(&head, &row, width).lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            lines(40),
            [
                " no.   client → server        speaks",
                "────────────────────────────────────────",
                " 0     127.0.0.1:42721 →      websocket",
                "       127.0.0.1:8080",
            ]
        );
        let record = [
            "  •  no.: 0 · client → server:",
            "     127.0.0.1:42721 →",
            "     127.0.0.1:8080 ·",
            "     speaks: websocket",
        ];
        assert_eq!(lines(30), record);
        let named = laid(&["", "10 clients", "×", "octets"], &["websocket", "60", "", "7"], 24);
        assert_eq!(named, "  websocket\n    10 clients: 60 ·\n    octets: 7\n");
    }

    #[test]
    fn names_of_fields_are_broken_behind_their_dots() {
        assert_eq!(
            laid(&["socketio.data", "socketio.ack_rtt"], &["[1]", "0.2 ms"], 30),
            " socketio.   socketio.\n data        ack_rtt\n───────────────────────\n [1]         0.2 ms\n"
        );
    }
}
