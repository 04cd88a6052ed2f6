//! A published case beside what was measured here.

use super::line::{Line, Page, Tone};
use super::table::table;
use crate::explain::CaseTold;

/// The case for people.
pub fn case(told: &CaseTold, place: &str, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    page.line(Line::of(Tone::Title, told.title).with(Tone::Dim, format!("   {place}")));
    page.paragraph(Line::of(Tone::Dim, "source  "), &Line::of(Tone::Plain, told.source));
    for part in &told.tables {
        page.gap();
        page.paragraph(Line::new(), &Line::of(Tone::Strong, part.title.as_str()));
        let head: Vec<&str> = part.head.clone();
        let lines = table(&head, &part.rows, width);
        page.extend(lines);
    }
    page.gap();
    for remark in &told.remarks {
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, remark.as_str()));
    }
    page.lines
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
