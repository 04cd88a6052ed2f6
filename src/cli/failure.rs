//! Why a command could not do what was asked, told once, with the next step.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::process::ExitCode;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::capture::CaptureError;
use crate::lab::LabError;
use crate::mistake::Mistake;
use crate::protocol::text::tamed;
use crate::view::{Line, Page, Tone};

/// A request that cannot be met.
#[derive(Debug)]
pub(crate) struct Failure {
    what: Option<Box<dyn Diagnostic + Send + Sync>>,
    code: u8,
}

/// The request was wrong.
const REQUEST: u8 = 2;
/// This machine does not allow it.
const MACHINE: u8 = 3;

/// Somebody ended it, as shells tell it of a program that SIGINT has ended.
const INTERRUPTED: u8 = 130;

/// A failure in a few words.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
struct Plain {
    message: String,
    #[help]
    help: Option<String>,
}

/// A mistake in a text, with the place it is at.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
struct Pointed {
    message: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label(collection)]
    labels: Vec<LabeledSpan>,
    #[help]
    help: Option<String>,
}

impl Failure {
    /// The request was wrong.
    pub(crate) fn request(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::plain(&message.into(), Some(&help.into()), REQUEST)
    }

    /// This machine does not allow it.
    pub(crate) fn machine(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::plain(&message.into(), Some(&help.into()), MACHINE)
    }

    /// A mistake in the text called `name`.
    pub(crate) fn mistake(name: &str, text: &str, mistake: Mistake) -> Self {
        let Mistake { range, message, help } = mistake;
        let start = text.floor_char_boundary(range.start);
        let end = text.floor_char_boundary(range.end).max(start);
        let (before, there, after) = around(&text[..start], &text[start..end], &text[end..]);
        // In the text that is shown characters may be longer than those they stand for.
        let [before, there, after] = [before, there, after].map(|part| shown(&part));
        let labels = vec![LabeledSpan::new(Some("here".into()), before.len(), there.len())];
        let source_code = NamedSource::new(shown(name), before + &there + &after);
        Self::new(
            Pointed { message: shown(&clip(&message, LONG)), source_code, labels, help: help.map(|help| shown(&help)) },
            REQUEST,
        )
    }

    /// Standard output could not be written. A closed pipe is nobody's mistake: the reader has seen enough.
    #[expect(clippy::needless_pass_by_value, reason = "it is shaped for map_err")]
    pub(crate) fn output(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { what: None, code: 0 },
            _ => Self::request(format!("cannot write standard output: {error}"), "see whether the disk is full"),
        }
    }

    /// Whether somebody ended it.
    pub(crate) fn is_interrupt(&self) -> bool {
        self.code == INTERRUPTED
    }

    /// The same failure, with what was being done before its message.
    pub(crate) fn while_doing(self, what: &str) -> Self {
        let Some(inner) = self.what else { return self };
        Self::plain(&format!("{what}: {inner}"), help_of(inner.as_ref()).as_deref(), self.code)
    }

    /// The same failure, told already.
    pub(crate) fn told(self) -> Self {
        Self { what: None, ..self }
    }

    fn plain(message: &str, help: Option<&str>, code: u8) -> Self {
        Self::new(Plain { message: shown(message), help: help.map(shown) }, code)
    }

    fn new(what: impl Diagnostic + Send + Sync + 'static, code: u8) -> Self {
        Self { what: Some(Box::new(what)), code }
    }

    /// Tells the failure on standard error, in colour or not, in so many columns.
    pub(crate) fn report(&self, colors: bool, width: usize) -> ExitCode {
        if let Some(what) = &self.what {
            let theme = if colors { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            let mut text = String::new();
            let handler = GraphicalReportHandler::new_themed(theme).with_wrap_lines(false).with_links(false);
            let laid = Laid { what: what.as_ref(), width: width.max(60) };
            if handler.render_report(&mut text, &laid).is_err() {
                text = what.to_string();
            }
            // If standard error cannot be written, there is nobody left to tell.
            let _ = io::Write::write_all(&mut io::stderr(), format!("{}\n", text.trim_end()).as_bytes());
        }
        ExitCode::from(self.code)
    }
}

/// A failure whose texts are broken at spaces alone: miette breaks names at their hyphens too, and then nobody can copy them.
#[derive(Debug)]
struct Laid<'a> {
    what: &'a (dyn Diagnostic + Send + Sync),
    width: usize,
}

impl fmt::Display for Laid<'_> {
    /// The sign before it takes four columns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&broken(&self.what.to_string(), self.width.saturating_sub(4)))
    }
}

impl std::error::Error for Laid<'_> {}

impl Diagnostic for Laid<'_> {
    /// The word before it takes eight columns.
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(broken(&self.what.help()?.to_string(), self.width.saturating_sub(8))))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.what.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.what.labels()
    }
}

/// A text in lines of so many columns; those that fit stay as they are.
fn broken(text: &str, width: usize) -> String {
    let mut page = Page::new(width);
    for line in text.lines().map(|line| Line::of(Tone::Plain, line)) {
        if line.width() <= width {
            page.line(line);
        } else {
            page.paragraph_within(Line::new(), &line);
        }
    }
    page.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
}

impl From<CaptureError> for Failure {
    fn from(error: CaptureError) -> Self {
        Self::plain(&error.to_string(), help_of(&error).as_deref(), REQUEST)
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        let code = match error {
            LabError::Interrupted { .. } => INTERRUPTED,
            LabError::Step { .. } | LabError::Late { .. } | LabError::Listen { .. } => REQUEST,
            _ => MACHINE,
        };
        Self::plain(&error.to_string(), help_of(&error).as_deref(), code)
    }
}

fn help_of(error: &dyn Diagnostic) -> Option<String> {
    error.help().map(|help| help.to_string())
}

/// Of one line that is longer than this only what is around a mistake in it is shown; so of what is said of it.
const LONG: usize = 400;

/// What stands before a mistake, there, and after it, as far as it is shown.
fn around<'a>(before: &'a str, there: &'a str, after: &'a str) -> (Cow<'a, str>, Cow<'a, str>, Cow<'a, str>) {
    let is_one_line = ![before, there, after].iter().any(|part| part.trim_end().contains('\n'));
    if before.len() + there.len() + after.len() <= LONG || !is_one_line {
        return (before.into(), there.into(), after.into());
    }
    const SIDE: usize = LONG / 4;
    let from = before.ceil_char_boundary(before.len().saturating_sub(SIDE));
    let before = if from > 0 { format!("…{}", &before[from..]).into() } else { before.into() };
    (before, clip(there, LONG / 2), clip(after, SIDE))
}

/// The beginning of a text that is longer.
fn clip(text: &str, longest: usize) -> Cow<'_, str> {
    let end = text.floor_char_boundary(longest);
    if end < text.len() { format!("{}…", &text[..end]).into() } else { text.into() }
}

/// A text with nothing in it that a terminal obeys, but for the ends of its lines: names of files, filters and lessons come from
/// anywhere, and what stands in them is quoted here.
fn shown(text: &str) -> String {
    let mut lines = text.split('\n').map(|line| match line.strip_suffix('\r') {
        Some(line) => tamed_but_tabs(line) + "\r",
        None => tamed_but_tabs(line),
    });
    let first = lines.next().unwrap_or_default();
    lines.fold(first, |text, line| text + "\n" + &line)
}

fn tamed_but_tabs(line: &str) -> String {
    line.split('\t').map(tamed).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use super::{LONG, around};

    #[test]
    fn of_a_long_line_what_is_around_the_mistake_is_shown() {
        let (long, short) = ("ü".repeat(1000), "tcp.port == ");
        let (before, there, after) = around(short, "abc", " && http");
        assert_eq!((&*before, &*there, &*after), (short, "abc", " && http"));
        let (before, there, after) = around(&long, "abc", &long);
        assert!(before.starts_with("…ü") && there == "abc" && after.ends_with("ü…"));
        assert!(before.len() + there.len() + after.len() < LONG);
        let (before, there, after) = around(short, &long, "");
        assert!(before == short && there.ends_with('…') && there.len() < LONG && after.is_empty());
        let lines = format!("{long}\n{long}");
        assert_eq!(around(&lines, "abc", "").0, lines, "of several lines only one is shown anyway");
    }
}
