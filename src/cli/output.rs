//! Where results go: standard output, in colour or not, as wide as it may be.

use std::io::{self, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

use super::arguments::Color;
use super::failure::Failure;
use crate::view::Line;

/// Columns in a pipe, and where the terminal does not tell.
const DEFAULT_WIDTH: usize = 80;
/// Longer lines are hard to read: a wider terminal is not filled, unless that is asked for.
const READABLE: usize = 110;
/// How many columns may be asked for.
pub(super) const MIN_WIDTH: u16 = 40;
pub(super) const MAX_WIDTH: u16 = 200;

/// The place where a command writes what it found.
pub(super) struct Output {
    stream: AutoStream<Box<dyn Write>>,
    color: ColorChoice,
    /// How many columns there are.
    pub(super) width: usize,
}

impl Output {
    pub(super) fn new(color: Color, width: Option<u16>) -> Self {
        let choice = match color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto if io::stdout().is_terminal() => AutoStream::choice(&io::stdout()),
            Color::Auto => ColorChoice::Never,
        };
        let seen = || terminal_size::terminal_size().map(|(width, _)| width.0);
        let on_terminal = || io::stdout().is_terminal().then(seen).flatten();
        let stream = AutoStream::new(Box::new(io::stdout()) as Box<dyn Write>, choice);
        Self { stream, color: choice, width: columns(width, on_terminal) }
    }

    /// Writes to standard error from now on: standard output is taken by a file.
    pub(super) fn divert(&mut self) {
        self.stream = AutoStream::new(Box::new(io::stderr()) as Box<dyn Write>, self.color);
    }

    /// Whether colours are wanted.
    pub(super) fn colors(&self) -> bool {
        self.color == ColorChoice::Always
            || self.color == ColorChoice::AlwaysAnsi
            || (self.color == ColorChoice::Auto && io::stderr().is_terminal())
    }

    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = Line>) -> Result<(), Failure> {
        lines.into_iter().try_for_each(|line| self.line(&line))
    }

    pub(super) fn line(&mut self, line: &Line) -> Result<(), Failure> {
        writeln!(self.stream, "{line}").map_err(Failure::output)
    }

    /// A line that somebody else ends.
    pub(super) fn part(&mut self, line: &Line) -> Result<(), Failure> {
        write!(self.stream, "{line}").and_then(|()| self.stream.flush()).map_err(Failure::output)
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.stream, "{text}").map_err(Failure::output)
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.stream.flush().map_err(Failure::output)
    }
}

/// How many columns are written: as many as are asked for, or as the terminal has.
fn columns(asked: Option<u16>, on_terminal: impl FnOnce() -> Option<u16>) -> usize {
    let [least, most] = [MIN_WIDTH, MAX_WIDTH].map(usize::from);
    match asked {
        Some(asked) => usize::from(asked).clamp(least, most),
        None => on_terminal().map_or(DEFAULT_WIDTH, |seen| usize::from(seen).clamp(least, READABLE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_columns_gets_them() {
        assert_eq!([40, 110, 150, 200].map(|asked| columns(Some(asked), || Some(80))), [40, 110, 150, 200]);
        assert_eq!([20, 80, 150].map(|seen| columns(None, || Some(seen))), [40, 80, 110], "what a terminal has");
        assert_eq!(columns(None, || None), 80);
    }
}
