//! Tables, laid out by comfy-table. The only door to it.

use std::borrow::Cow;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::line::{Line, Tone};
use crate::protocol::text::{is_unsafe, tamed};

/// Draws a table that fits the width.
pub fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> Vec<Line> {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(head.iter().copied());
    for row in rows {
        table.add_row(row.iter().map(|cell| shortened(cell)));
    }
    table.to_string().lines().map(|line| Line::of(Tone::Plain, line.trim_end())).collect()
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
}
