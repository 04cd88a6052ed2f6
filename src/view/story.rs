//! A whole capture: its ladders, its notes, its packets.

use super::ladder::ladder;
use super::line::{Line, Page, Tone};
use super::table::table;
use crate::explain::{Cast, Chapter, Story};
use crate::trace::{Talk, Trace};

/// The ladders of all connections, each with its heading.
pub fn story(story: &Story, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for chapter in &story.chapters {
        page.gap();
        page.line(heading(chapter));
        page.gap();
        page.extend(ladder(chapter, width));
    }
    if !story.others.is_empty() {
        page.gap();
        let frames = crate::filter::Evidence { frames: story.others.clone(), searched: None }.to_string();
        let body = Line::of(Tone::Dim, format!("{frames}: no TCP; `--packets` lists them"));
        page.paragraph(Line::new(), &body);
    }
    page.lines
}

fn heading(chapter: &Chapter) -> Line {
    let spoken = match chapter.talk {
        Talk::Known("http") => "HTTP",
        Talk::Known("websocket") => "HTTP, then WebSocket",
        Talk::Known(other) => other,
        Talk::Silent => "nothing was said",
        Talk::Unknown => "a protocol that is not known here",
    };
    Line::of(Tone::Strong, format!("connection {}", chapter.connection))
        .with(Tone::Dim, format!("  (tcp.stream {}, {spoken})", chapter.connection))
}

/// What is odd, one remark a paragraph.
pub fn notes(trace: &Trace, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for (frame, note) in trace.notes() {
        let place = frame.map_or("the capture".into(), |frame| format!("frame {frame}"));
        let tone = if note.severity >= crate::layer::Severity::Warn { Tone::Bad } else { Tone::Warn };
        let clause = if note.spec.is_empty() { String::new() } else { format!(" ({})", note.spec) };
        let first = Line::of(tone, format!("  {} ", note.severity)).with(Tone::Strong, format!("{place}: "));
        page.paragraph(first, &Line::of(Tone::Plain, format!("{}{clause}", note.text)));
    }
    page.lines
}

/// What was written on the frames, a sentence each.
pub fn comments(trace: &Trace, wanted: &dyn Fn(u32) -> bool, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for (number, record) in trace.records().filter(|(number, _)| wanted(*number)) {
        for comment in &record.frame.comments {
            let safe: String = comment.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
            page.paragraph(Line::of(Tone::Dim, format!("{number:>5}  ")), &Line::of(Tone::Plain, safe));
        }
    }
    page.lines
}

/// One line per frame: number, time, ends, what it says.
pub fn packets(trace: &Trace, cast: &Cast, wanted: &dyn Fn(u32) -> bool, width: usize) -> Vec<Line> {
    let mut rows = Vec::new();
    for (number, record) in trace.records().filter(|(number, _)| wanted(*number)) {
        let layers = trace.layers(number);
        let ends = record.packet.tcp().map(|(_, from, to)| (from, to));
        let name = |address| cast.name(address).map_or_else(|| address.to_string(), str::to_owned);
        let (from, to) = match (ends, &record.packet.net) {
            (Some((from, to)), _) => (name(from), name(to)),
            (None, Some(net)) => (net.source.to_string(), net.destination.to_string()),
            (None, None) => (String::new(), String::new()),
        };
        let last = layers.iter().rfind(|layer| layer.protocol != "websocket.handshake");
        let (protocol, summary) = last.map_or(("", String::new()), |layer| (layer.protocol, layer.summary.clone()));
        let time = format!("{:.6}", trace.time(number).unwrap_or(0.0));
        rows.push(vec![
            number.to_string(),
            time,
            from,
            to,
            record.frame.len.to_string(),
            format!("{protocol}: {summary}"),
        ]);
    }
    table(&["frame", "seconds", "from", "to", "octets", "says"], &rows, width)
}
