//! `wiretale replay`: the story of a saved capture.

use std::io::BufRead as _;
use std::thread;
use std::time::Duration;

use super::Ending;
use super::arguments::ReplayArguments;
use super::failure::Failure;
use super::load::{self, Given};
use super::output::Output;
use super::predict;
use crate::capture::About;
use crate::count::many;
use crate::explain::{self, Cast, Story};
use crate::filter::{Filter, TraceNames};
use crate::protocol::text::tamed;
use crate::trace::Trace;
use crate::view::{self, Line, Page, Tone};

pub(super) fn run(arguments: &ReplayArguments, out: &mut Output) -> Result<Ending, Failure> {
    if arguments.summary {
        return summary(arguments, out);
    }
    let filter = arguments.filter.as_deref().map(parse_filter).transpose()?;
    let loaded = load::given(&arguments.capture)?;
    let wanted = |frame: u32| filter.as_ref().is_none_or(|filter| filter.matches(&loaded.trace, frame));
    out.lines(head(arguments, &loaded.about, &Numbers::of(&loaded.trace), out.width))?;
    if loaded.trace.is_empty() {
        let mut page = Page::new(out.width);
        let empty = "The capture is sound, but holds no frame: was its filter too narrow, or did it end too soon?";
        page.paragraph(Line::new(), &Line::of(Tone::Plain, empty));
        out.text("")?;
        out.lines(page.lines)?;
        return Ok(Ending::Done);
    }
    out.text("")?;
    let remarks = |width| view::findings(&explain::noted(&loaded.trace, &wanted), &wanted, width);
    if !(1..=loaded.trace.len()).any(&wanted) {
        out.text(&format!("no frame matches this filter (of {})", loaded.trace.len()))?;
        // Some are about no frame but the capture, such as that its file was cut.
        section(out, "Worth a remark", remarks(out.width))?;
        out.flush()?;
        return Ok(Ending::Done);
    }
    let packets = || view::packets(&loaded.trace, &loaded.cast, &wanted, out.width);
    let lists = arguments.packets || arguments.step || arguments.speed.is_some();
    if arguments.step || arguments.speed.is_some() {
        let times = loaded.trace.records().map(|(number, _)| number).filter(|number| wanted(*number));
        // A frame without a time comes with the one before.
        let time = |last: &mut f64, number| {
            *last = loaded.trace.time(number).unwrap_or(*last);
            Some(*last)
        };
        let times: Vec<f64> = times.scan(0.0, time).collect();
        if !one_by_one(packets(), &times, arguments.speed, out)? {
            return Ok(Ending::Done);
        }
    } else if lists {
        out.lines(packets().into_iter().flatten())?;
    } else {
        let story = Story::tell(&loaded.trace, &loaded.cast, &wanted);
        out.lines(view::story(&story, Some("`--packets` lists them"), out.width))?;
    }
    if !lists {
        let habits = view::habits(&explain::habits(&loaded.trace), &loaded.cast, &wanted, out.width);
        section(out, "How HTTP is used to learn what is new", habits)?;
    }
    let written = explain::commented(&loaded.trace, &wanted);
    section(out, "Written on the frames", view::comments(&written, out.width))?;
    if !lists {
        let found = view::findings(&explain::diagnose(&loaded.trace), &wanted, out.width);
        section(out, "What went wrong", found)?;
    }
    section(out, "Worth a remark", remarks(out.width))?;
    out.flush()?;
    Ok(Ending::Done)
}

/// Counts what is in the capture while it is read.
fn summary(arguments: &ReplayArguments, out: &mut Output) -> Result<Ending, Failure> {
    let given = Given::of(&arguments.capture)?;
    let (summary, about) = load::count(&given, load::threads(arguments.threads, given.path))?;
    let summary = if about.timeless > 0 { summary.partly_without_times() } else { summary };
    if arguments.json {
        out.text(&view::summary_json(&summary))?;
    } else {
        let octets = summary.octets;
        let numbers =
            Numbers { frames: summary.frames, octets, connections: summary.connections, seconds: summary.seconds() };
        out.lines(head(arguments, &about, &numbers, out.width))?;
        out.text("")?;
        out.lines(view::summary(&summary, &arguments.capture.file.to_string_lossy(), out.width))?;
    }
    out.flush()?;
    Ok(Ending::Done)
}

/// A head, and then each packet when its time has come, or when somebody asks for it. Whether all were told.
fn one_by_one(frames: Vec<Vec<Line>>, times: &[f64], speed: Option<f64>, out: &mut Output) -> Result<bool, Failure> {
    let mut frames = frames.into_iter();
    out.lines(frames.next().unwrap_or_default())?;
    let asks = speed.is_none() && predict::somebody_is_there();
    let mut input = std::io::stdin().lock();
    let mut before = times.first().copied().unwrap_or(0.0);
    for (mut lines, time) in frames.zip(times) {
        if let Some(speed) = speed {
            out.flush()?;
            let silence = Duration::from_secs_f64(((time - before) / speed).clamp(0.0, LONGEST_SILENCE));
            thread::sleep(silence);
            before = *time;
        }
        let last = lines.pop().unwrap_or_default();
        out.lines(lines)?;
        if !asks {
            out.line(&last)?;
            continue;
        }
        // The end of the line that is typed ends this one.
        out.part(&last)?;
        let mut typed = String::new();
        if input.read_line(&mut typed).map_err(Failure::output)? == 0 || typed.trim() == "q" {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Seconds.
const LONGEST_SILENCE: f64 = 5.0;

fn section(out: &mut Output, title: &str, lines: Vec<Line>) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    out.text("")?;
    out.line(&Line::of(Tone::Title, title))?;
    out.lines(lines)
}

/// How large a capture is.
struct Numbers {
    frames: u64,
    octets: u64,
    connections: u64,
    seconds: f64,
}

impl Numbers {
    fn of(trace: &Trace) -> Self {
        Self {
            frames: trace.len().into(),
            octets: trace.records().map(|(_, record)| u64::from(record.frame.len)).sum(),
            connections: trace.connections().len() as u64,
            seconds: trace.seconds(),
        }
    }
}

fn head(arguments: &ReplayArguments, about: &About, numbers: &Numbers, width: usize) -> Vec<Line> {
    let seconds = if about.timeless < numbers.frames { format!("{:.3} s", numbers.seconds) } else { "no times".into() };
    let numbers = format!(
        "{}, {}, {}, {seconds}",
        many(numbers.frames, "frame"),
        many(numbers.octets, "octet"),
        many(numbers.connections, "TCP connection"),
    );
    let mut page = Page::new(width);
    let name = Line::of(Tone::Strong, arguments.capture.file.display().to_string());
    page.paragraph(Line::new(), &name.with(Tone::Dim, format!(" · {numbers}")));
    let titles = titles(&about.comments);
    for title in titles.iter().take(MAX_TITLES) {
        page.paragraph(Line::new(), &Line::of(Tone::Dim, tamed(title)));
    }
    if let Some(more) = titles.len().checked_sub(MAX_TITLES).filter(|more| *more > 0) {
        page.paragraph(Line::new(), &Line::of(Tone::Dim, format!("… and {more} more comments on the whole capture")));
    }
    page.lines
}

/// More comments on the whole capture are counted.
const MAX_TITLES: usize = 5;

/// What is written on the whole capture, of each comment its first line; but for the names of who is who, which are used.
fn titles(comments: &[String]) -> Vec<&str> {
    let first_lines = comments.iter().filter_map(|comment| comment.lines().next());
    first_lines.filter(|line| !line.trim().is_empty() && Cast::from_comments([*line]) == Cast::default()).collect()
}

pub(super) fn parse_filter(text: &str) -> Result<Filter, Failure> {
    Filter::parse(text, &TraceNames).map_err(|mistake| Failure::mistake("--where", text, mistake))
}

#[cfg(test)]
mod tests {
    use super::titles;

    #[test]
    fn every_comment_on_the_capture_is_a_title() {
        let comments = ["one\nmore", "", "actor ada = 127.0.0.1:51544", " \n", "two"].map(str::to_owned);
        assert_eq!(titles(&comments), ["one", "two"]);
    }
}
