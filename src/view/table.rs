//! Tables, laid out by comfy-table. The only door to it.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::line::{Line, Tone};

/// Draws a table that fits the width.
pub fn table(head: &[&str], rows: &[Vec<String>], width: usize) -> Vec<Line> {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(head.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    table.to_string().lines().map(|line| Line::of(Tone::Plain, line.trim_end())).collect()
}
