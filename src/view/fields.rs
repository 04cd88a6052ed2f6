//! The fields there are, each with its meaning and the document behind it.

use super::line::{Line, Page, Tone};
use crate::layer::FieldDef;

/// Lists fields, grouped as they are declared.
pub fn field_list(fields: &[&'static FieldDef], width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let mut group = "";
    for def in fields {
        let protocol = def.name.split('.').next().unwrap_or_default();
        if protocol != group {
            page.gap();
            group = protocol;
        }
        let ours = if def.wireshark { "" } else { "  (not in Wireshark)" };
        page.heading(Line::of(Tone::of(protocol), def.name), &Line::of(Tone::Dim, format!("{}{ours}", def.kind)));
        let spec = if def.spec.is_empty() { String::new() } else { format!(" ({})", def.spec) };
        page.paragraph(Line::of(Tone::Plain, "    "), &Line::of(Tone::Plain, format!("{}{spec}", def.meaning)));
    }
    page.lines
}
