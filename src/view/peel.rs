//! A frame as an onion, as a list of fields, and as octets.

use unicode_width::UnicodeWidthStr;

use super::line::{Line, Page, Tone, wrap_within};
use crate::count::{grouped, many};
use crate::explain::{Peel, Unmask, internet_layer};
use crate::layer::{Buffer, Field, Layer, Value};
use crate::protocol::text::tamed;
use crate::trace::Trace;

/// Octets that a bar of the onion can show at the most.
const BAR: u32 = 14;

/// The columns before the bar: name and octets.
const BEFORE: usize = 10 + 5 + 2;
/// The column in which the layer of the Internet's model stands, if the page is wide enough: behind the bar.
const LAYER: usize = BEFORE + BAR as usize + 1;
/// The columns that the longest name of such a layer takes.
const LAYER_NAME: usize = 11;
/// The column in which it stands what the layer says.
const SAYS: usize = LAYER + LAYER_NAME + 1;

/// The layers of a frame by size, each with what it says.
pub fn onion(peel: &Peel, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let mut head = Line::of(Tone::Strong, format!("frame {}, peeled", peel.frame));
    let total = format!("{}, each owned once", many(peel.len.into(), "octet"));
    let column = width.saturating_sub(total.chars().count());
    if head.width() + 2 <= column {
        head.pad_to(column);
        page.line(head.with(Tone::Dim, total));
    } else {
        page.line(head);
        page.line(Line::of(Tone::Dim, total));
    }
    let largest = peel.rows.iter().map(|row| row.octets).max().unwrap_or(1).max(1);
    let layer = LAYER.min(width.saturating_sub(LAYER_NAME));
    let bar = layer.saturating_sub(BEFORE + 1).max(1) as u32;
    let scale = largest.div_ceil(bar).max(1);
    for row in &peel.rows {
        let tone = Tone::of(row.owner);
        let mut line = Line::of(tone, format!("{:<10}{:>5}  ", row.title, grouped(row.octets.into())));
        line.push(tone, "▒".repeat((row.octets.div_ceil(scale)) as usize));
        line.pad_to(layer);
        if let Some(osi) = row.osi {
            line.push(Tone::Dim, internet_layer(osi).as_str());
        }
        line.pad_to(SAYS);
        if width >= SAYS + 24 {
            page.paragraph_within(line, &Line::of(Tone::Plain, row.says.as_str()));
        } else {
            page.line(line);
            page.paragraph_within(Line::of(Tone::Plain, "    "), &Line::of(Tone::Plain, row.says.as_str()));
        }
    }
    if let Some(unmask) = &peel.unmask {
        page.extend(xor(unmask, width));
    }
    page.lines
}

/// How the mask is undone, octet below octet.
fn xor(unmask: &Unmask, width: usize) -> Vec<Line> {
    // Behind the words that begin a line, each octet takes three columns, and one in the text behind the last line.
    let room = width.saturating_sub(21) / 4;
    let n = unmask.wire.len().min(room.clamp(4, 16));
    let hex = |bytes: &mut dyn Iterator<Item = u8>| bytes.take(n).map(|b| format!("{b:02x} ")).collect::<String>();
    let more = if unmask.wire.len() > n { "…" } else { "" };
    let text: String = tamed(&String::from_utf8_lossy(&unmask.plain[..n]));
    let mut lines = vec![
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
    ];
    lines.iter_mut().for_each(Line::trim);
    lines
}

/// Names under which a field, or what it means, is known a second time, and parts that say something by themselves seldom; they
/// help filters, not readers.
const TWICE: [&str; 20] = [
    "eth.addr",
    "eth.ig",
    "eth.lg",
    "ip.addr",
    "ip.checksum.status",
    "ip.dsfield.dscp",
    "ip.dsfield.ecn",
    "ip.flags",
    "ip.flags.rb",
    "ipv6.addr",
    "ipv6.tclass.dscp",
    "ipv6.tclass.ecn",
    "tcp.checksum.status",
    "tcp.option_kind",
    "tcp.option_len",
    "tcp.options",
    "tcp.payload",
    "tcp.port",
    "udp.checksum.status",
    "udp.port",
];

/// Every layer with its fields, and the octets of the frame that each came from.
pub fn fields(trace: &Trace, peel: &Peel, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for layer in &peel.layers {
        page.gap();
        let head = Line::of(Tone::of(layer.protocol), layer.title);
        match &layer.span {
            Some(span) => {
                let at = place(trace, peel.frame, layer, &Some(span.clone()));
                page.paragraph(head.with(Tone::Plain, "  "), &Line::of(Tone::Dim, at));
            }
            None => page.line(head),
        }
        page.paragraph_within(Line::of(Tone::Plain, "  "), &Line::of(Tone::Plain, layer.summary.as_str()));
        for field in layer.fields.iter().filter(|field| !TWICE.contains(&field.def.name)) {
            match &field.value {
                Value::Text(comment) if field.def.name == "frame.comment" => {
                    page.paragraph_within(
                        Line::of(Tone::Dim, "  comment: "),
                        &Line::of(Tone::Plain, printable(comment)),
                    );
                }
                _ => page.extend(field_lines(trace, peel.frame, layer, field, width)),
            }
        }
        for note in &layer.notes {
            let clause = if note.spec.is_empty() { String::new() } else { format!(" ({})", note.spec) };
            let first = Line::of(Tone::Warn, format!("  {}: ", note.severity));
            page.paragraph_within(first, &Line::of(Tone::Plain, format!("{}{clause}", note.text)));
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
    // A name may reach as far as the values.
    let column = VALUES.max(line.width() + 1);
    if column + value.width() + 2 <= right {
        line.pad_to(column);
        line.push(Tone::Plain, value);
        line.pad_to(right);
        return vec![line.with(Tone::Dim, at)];
    }
    let below = |body: Line| wrap_within(Line::of(Tone::Plain, "      "), &body, width);
    let fits = line.width() + 2 <= right;
    if fits {
        line.pad_to(right);
        line.push(Tone::Dim, at.as_str());
    }
    let mut lines = vec![line];
    lines.extend(below(shortened(&value)));
    if !fits {
        lines.extend(below(Line::of(Tone::Dim, at)));
    }
    lines
}

/// So many characters of a value are shown.
const MOST: usize = 600;

/// A value, or its beginning and how much is left out.
fn shortened(value: &str) -> Line {
    let Some((end, _)) = value.char_indices().nth(MOST) else { return Line::of(Tone::Plain, value) };
    let left_out = format!(" and {} more characters", value[end..].chars().count());
    Line::of(Tone::Plain, format!("{}…", &value[..end])).with(Tone::Dim, left_out)
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
    tamed(text)
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
        line.pad_to((8 + 3 * per_row + 1).min(width.saturating_sub(per_row)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureFile, Source};
    use crate::trace::Pipeline;

    fn saved(name: &str) -> Trace {
        let path = format!("{}/captures/{name}.pcapng", env!("CARGO_MANIFEST_DIR"));
        let mut file = CaptureFile::open(path.as_ref()).unwrap();
        let mut pipeline = Pipeline::default();
        while let Some(frame) = file.next_frame().unwrap() {
            pipeline.push(frame);
        }
        pipeline.finish()
    }

    /// All that is shown of all frames.
    fn peeled(trace: &Trace, width: usize) -> Vec<Line> {
        let peels = (1..=trace.len()).filter_map(|frame| Peel::new(trace, frame));
        peels
            .flat_map(|peel| [onion(&peel, width), hex_dump(&peel, width), fields(trace, &peel, width)].concat())
            .collect()
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        for name in ["01-packet", "10-frames", "12-control", "14-socketio", "15-emit"] {
            let trace = saved(name);
            for width in [40, 50, 79, 80, 110] {
                for line in peeled(&trace, width) {
                    let is_name = line.text().trim().chars().all(|c| c.is_ascii_lowercase() || "._".contains(c));
                    assert!(line.width() <= width || is_name, "{name} at {width}: {}", line.text());
                }
            }
        }
    }

    #[test]
    fn a_name_and_its_value_do_not_touch() {
        let lines = peeled(&saved("12-control"), 80);
        let codes: Vec<_> = lines.iter().map(Line::text).filter(|text| text.contains(".close.status_code")).collect();
        assert!(!codes.is_empty());
        assert!(codes.iter().all(|text| text.contains(".close.status_code ")), "{codes:?}");
    }

    #[test]
    fn a_long_value_is_shown_to_its_end_or_says_how_much_is_left_out() {
        assert_eq!(shortened(&"ä".repeat(MOST)).text(), "ä".repeat(MOST));
        assert_eq!(shortened(&"ä".repeat(MOST + 2)).text(), "ä".repeat(MOST) + "… and 2 more characters");
    }
}
