//! A frame as an onion, as a list of fields, and as octets.

use unicode_width::UnicodeWidthStr;

use super::line::{Line, Page, Tone, fit, wrap};
use crate::explain::{Peel, Unmask, internet_layer};
use crate::layer::{Buffer, Field, Layer, Value};
use crate::trace::Trace;

/// Octets that a bar of the onion can show at the most.
const BAR: u32 = 14;

/// The column in which the layer of the Internet's model stands: behind name, octets and bar.
const LAYER: usize = 10 + 5 + 2 + BAR as usize + 1;
/// The column in which it stands what the layer says.
const SAYS: usize = LAYER + 12;

/// The layers of a frame by size, each with what it says.
pub fn onion(peel: &Peel, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let mut head = Line::of(Tone::Strong, format!("frame {}, peeled", peel.frame));
    let total = format!("{} octets, each owned once", peel.len);
    let column = width.saturating_sub(total.len());
    if head.width() + 2 <= column {
        head.pad_to(column);
        page.line(head.with(Tone::Dim, total));
    } else {
        page.line(head);
        page.line(Line::of(Tone::Dim, total));
    }
    let largest = peel.rows.iter().map(|row| row.octets).max().unwrap_or(1).max(1);
    let scale = largest.div_ceil(BAR).max(1);
    for row in &peel.rows {
        let tone = Tone::of(row.owner);
        let mut line = Line::of(tone, format!("{:<10}{:>5}  ", row.title, row.octets));
        line.push(tone, "▒".repeat((row.octets.div_ceil(scale)) as usize));
        line.pad_to(LAYER);
        if let Some(osi) = row.osi {
            line.push(Tone::Dim, internet_layer(osi).as_str());
        }
        line.pad_to(SAYS);
        if width >= SAYS + 24 {
            page.paragraph(line, &Line::of(Tone::Plain, row.says.as_str()));
        } else {
            page.line(line);
            page.paragraph(Line::of(Tone::Plain, "    "), &Line::of(Tone::Plain, row.says.as_str()));
        }
    }
    if let Some(unmask) = &peel.unmask {
        page.extend(xor(unmask, width));
    }
    page.lines
}

/// How the mask is undone, octet below octet.
fn xor(unmask: &Unmask, width: usize) -> Vec<Line> {
    let room = width.saturating_sub(18) / 3;
    let n = unmask.wire.len().min(room.clamp(4, 16));
    let hex = |bytes: &mut dyn Iterator<Item = u8>| bytes.take(n).map(|b| format!("{b:02x} ")).collect::<String>();
    let more = if unmask.wire.len() > n { "…" } else { "" };
    let text: String =
        String::from_utf8_lossy(&unmask.plain[..n]).chars().map(|c| if c.is_control() { '·' } else { c }).collect();
    vec![
        Line::of(Tone::Dim, "  on the wire   ")
            .with(Tone::WebSocket, hex(&mut unmask.wire.iter().copied()))
            .with(Tone::Dim, more),
        Line::of(Tone::Dim, "  XOR the key   ")
            .with(Tone::Strong, hex(&mut unmask.key.iter().copied().cycle()))
            .with(Tone::Dim, more),
        Line::of(Tone::Dim, "  is            ")
            .with(Tone::Payload, hex(&mut unmask.plain.iter().copied()))
            .with(Tone::Dim, more)
            .with(Tone::Plain, format!(" \"{text}\"{more}")),
    ]
}

/// Names under which Wireshark shows a field a second time; they help filters, not readers.
const TWICE: [&str; 6] = ["eth.addr", "ip.addr", "ipv6.addr", "tcp.port", "udp.port", "tcp.payload"];

/// Every layer with its fields, and the octets of the frame that each came from.
pub fn fields(trace: &Trace, peel: &Peel, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for layer in &peel.layers {
        page.gap();
        let mut head = Line::of(Tone::of(layer.protocol), layer.title);
        if let Some(span) = &layer.span {
            head.push(Tone::Dim, format!("  {}", place(trace, peel.frame, layer, &Some(span.clone()))));
        }
        page.line(head);
        page.paragraph(Line::of(Tone::Plain, "  "), &Line::of(Tone::Plain, layer.summary.as_str()));
        for field in layer.fields.iter().filter(|field| !TWICE.contains(&field.def.name)) {
            match &field.value {
                Value::Text(comment) if field.def.name == "frame.comment" => {
                    page.paragraph(Line::of(Tone::Dim, "  comment: "), &Line::of(Tone::Plain, printable(comment)));
                }
                _ => page.extend(field_lines(trace, peel.frame, layer, field, width)),
            }
        }
        for note in &layer.notes {
            let clause = if note.spec.is_empty() { String::new() } else { format!(" ({})", note.spec) };
            let first = Line::of(Tone::Warn, format!("  {}: ", note.severity));
            page.paragraph(first, &Line::of(Tone::Plain, format!("{}{clause}", note.text)));
        }
    }
    page.lines
}

/// Name, value and place of a field: on one line if they fit, else the value below.
fn field_lines(trace: &Trace, frame: u32, layer: &Layer, field: &Field, width: usize) -> Vec<Line> {
    /// The column in which values stand, if the page is wide enough.
    const VALUES: usize = 37;
    let (at, value) = (place(trace, frame, layer, &field.span), value_text(field));
    let mut line = Line::of(Tone::Dim, format!("  {}", field.def.name));
    let right = width.saturating_sub(at.chars().count());
    if VALUES + value.width() + 2 <= right {
        line.pad_to(VALUES);
        line.push(Tone::Plain, value);
        line.pad_to(right);
        return vec![line.with(Tone::Dim, at)];
    }
    if line.width() + 2 <= right {
        line.pad_to(right);
        line.push(Tone::Dim, at);
        let mut lines = vec![line];
        lines.extend(wrap(Line::of(Tone::Plain, "      "), &Line::of(Tone::Plain, value), width));
        return lines;
    }
    vec![
        line,
        Line::of(Tone::Plain, "      ").with(Tone::Plain, fit(&value, width.saturating_sub(6))),
        Line::of(Tone::Dim, format!("      {at}")),
    ]
}

/// Numbers that are read in hexadecimal.
const HEXADECIMAL: [&str; 8] =
    ["eth.type", "ip.id", "ip.dsfield", "ip.checksum", "tcp.flags", "tcp.checksum", "udp.checksum", "sll.etype"];

fn value_text(field: &Field) -> String {
    match &field.value {
        Value::Uint(n) if HEXADECIMAL.contains(&field.def.name) => format!("0x{n:04x}"),
        Value::Bool(b) => if *b { "1 (yes)" } else { "0 (no)" }.into(),
        Value::Bytes(bytes) if bytes.len() > 16 => format!("{} octets", bytes.len()),
        other => printable(&other.to_string()),
    }
}

/// What a peer sent may hold control characters; on a terminal they would act.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}

/// Where a field was read, in octets of this frame.
fn place(trace: &Trace, frame: u32, layer: &Layer, span: &Option<crate::layer::Span>) -> String {
    let Some(span) = span else { return "computed".into() };
    if let Buffer::Derived(buffer) = span.buffer {
        let how = layer.derived.get(buffer).map_or("derived", |derived| derived.how);
        return format!("{how} {}", octets(span.range.start, span.range.end));
    }
    let parts = trace.in_frames(span);
    let here = parts.iter().filter(|(number, _)| *number == frame).map(|(_, range)| range);
    let (start, end) = here.fold((u32::MAX, 0), |(start, end), range| (start.min(range.start), end.max(range.end)));
    match parts.iter().any(|(number, _)| *number != frame) {
        _ if start == u32::MAX && parts.is_empty() => "no octets".into(),
        true => {
            let mut frames: Vec<u32> = parts.iter().map(|(number, _)| *number).collect();
            frames.dedup();
            crate::filter::Evidence { frames, searched: None }.to_string()
        }
        false => octets(u64::from(start), u64::from(end)),
    }
}

fn octets(start: u64, end: u64) -> String {
    match end.saturating_sub(start) {
        0 => "no octets".into(),
        1 => format!("octet {start}"),
        _ => format!("octets {start}–{}", end - 1),
    }
}

/// More rows than this are left out of a dump.
const MAX_ROWS: usize = 64;

/// The frame's octets, each in the colour of its owner; what belongs to whom stands in the onion in words.
pub fn hex_dump(peel: &Peel, width: usize) -> Vec<Line> {
    let per_row = if width >= 76 { 16 } else { 8 };
    let owner = |at: usize| {
        let at = at as u32;
        peel.shares.iter().find(|share| share.range.contains(&at)).map_or("", |share| share.owner)
    };
    let mut lines = Vec::new();
    for (row, chunk) in peel.data.chunks(per_row).enumerate().take(MAX_ROWS) {
        let start = row * per_row;
        let mut line = Line::of(Tone::Dim, format!("{start:>6}  "));
        for (i, byte) in chunk.iter().enumerate() {
            line.push(Tone::of(owner(start + i)), format!("{byte:02x} "));
        }
        line.pad_to(8 + 3 * per_row + 1);
        for (i, byte) in chunk.iter().enumerate() {
            let c = if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' };
            line.push(Tone::of(owner(start + i)), c.to_string());
        }
        lines.push(line);
    }
    let shown = MAX_ROWS * per_row;
    if peel.data.len() > shown {
        lines.push(Line::of(Tone::Dim, format!("        … {} more octets", peel.data.len() - shown)));
    }
    lines
}
