//! `wiretale replay`: the story of a saved capture.

use super::Ending;
use super::arguments::ReplayArguments;
use super::failure::Failure;
use super::load::{self, Loaded};
use super::output::Output;
use crate::explain::Story;
use crate::filter::{Filter, TraceNames};
use crate::view::{self, Line, Page, Tone};

pub(super) fn run(arguments: &ReplayArguments, out: &mut Output) -> Result<Ending, Failure> {
    let filter = arguments.filter.as_deref().map(parse_filter).transpose()?;
    let loaded = load::open(&arguments.file)?;
    let wanted = |frame: u32| filter.as_ref().is_none_or(|filter| filter.matches(&loaded.trace, frame));
    out.lines(head(arguments, &loaded, out.width))?;
    if loaded.trace.is_empty() {
        out.text("\nThe capture is sound, but holds no frame: was its filter too narrow, or did it end too soon?")?;
        return Ok(Ending::Done);
    }
    out.text("")?;
    if arguments.packets {
        out.lines(view::packets(&loaded.trace, &loaded.cast, &wanted, out.width))?;
    } else {
        let story = Story::tell(&loaded.trace, &loaded.cast, &wanted);
        out.lines(view::story(&story, out.width))?;
    }
    section(out, "Written on the frames", view::comments(&loaded.trace, &wanted, out.width))?;
    section(out, "Worth a remark", view::notes(&loaded.trace, &wanted, out.width))?;
    out.flush()?;
    Ok(Ending::Done)
}

fn section(out: &mut Output, title: &str, lines: Vec<Line>) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    out.text("")?;
    out.line(&Line::of(Tone::Title, title))?;
    out.lines(lines)
}

fn head(arguments: &ReplayArguments, loaded: &Loaded, width: usize) -> Vec<Line> {
    let trace = &loaded.trace;
    let octets: u64 = trace.records().map(|(_, record)| u64::from(record.frame.len)).sum();
    let seconds = trace.time(trace.len()).unwrap_or(0.0);
    let connections = trace.connections().len();
    let numbers = format!(
        "{}, {octets} octets, {}, {seconds:.3} s",
        counted(trace.len() as usize, "frame"),
        counted(connections, "TCP connection"),
    );
    let mut page = Page::new(width);
    let name = Line::of(Tone::Strong, arguments.file.display().to_string());
    page.paragraph(Line::new(), &name.with(Tone::Dim, format!("  {numbers}")));
    if let Some(first) = loaded.about.comments.first().and_then(|comment| comment.lines().next()) {
        let safe: String = first.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
        page.paragraph(Line::new(), &Line::of(Tone::Dim, safe));
    }
    page.lines
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("{n} {what}") } else { format!("{n} {what}s") }
}

pub(super) fn parse_filter(text: &str) -> Result<Filter, Failure> {
    Filter::parse(text, &TraceNames).map_err(|mistake| Failure::mistake("--where", text, mistake))
}
