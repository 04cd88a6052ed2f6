//! A published case beside what was measured here.

use super::line::{Line, Page, Tone};
use super::table::table;
use crate::count::grouped;
use crate::explain::CaseTold;

/// The case for people.
pub fn case(told: &CaseTold, place: &str, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    page.line(Line::of(Tone::Title, told.title).with(Tone::Dim, format!("   {place}")));
    page.paragraph(Line::of(Tone::Dim, "source  "), &Line::of(Tone::Plain, told.source));
    for part in &told.tables {
        page.gap();
        page.paragraph(Line::new(), &Line::of(Tone::Strong, part.title.as_str()));
        let rows: Vec<Vec<String>> =
            part.rows.iter().map(|row| row.iter().map(|cell| readable(cell)).collect()).collect();
        page.extend(table(&part.head, &rows, width));
    }
    page.gap();
    for remark in &told.remarks {
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, remark.as_str()));
    }
    page.lines
}

/// A cell whose number, if it is or begins with a whole one, has its digits in groups.
fn readable(cell: &str) -> String {
    let (number, rest) = cell.split_at(cell.find(|c: char| !c.is_ascii_digit()).unwrap_or(cell.len()));
    match number.parse() {
        Ok(number) if rest.is_empty() || rest.starts_with(", ") => grouped(number) + rest,
        _ => cell.to_owned(),
    }
}

/// The case as one object of JSON.
pub fn case_json(told: &CaseTold) -> String {
    serde_json::to_string(told).unwrap_or_default()
}

/// Its tables one after another, each with its names in front, parted by an empty line.
pub fn case_csv(told: &CaseTold) -> String {
    let written = |part: &crate::explain::CaseTable| {
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
        let rows = std::iter::once(part.head.iter().map(|name| (*name).to_owned()).collect()).chain(part.rows.clone());
        // A vector takes all that is written.
        rows.for_each(|row: Vec<String>| drop(writer.write_record(&row)));
        String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
    };
    told.tables.iter().map(written).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_grouped_and_others_are_left() {
        let read =
            ["100000", "1128", "909", "1128, on the wire here", "435:1", "902 Mbit/s", "2 to 14", "–"].map(readable);
        let expected = ["100 000", "1 128", "909", "1 128, on the wire here", "435:1", "902 Mbit/s", "2 to 14", "–"];
        assert_eq!(read.map(|cell| cell.replace('\u{a0}', " ")), expected);
    }
}
