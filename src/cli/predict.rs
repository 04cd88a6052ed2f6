//! Asking the learner before the run.

use std::io::{self, BufRead, IsTerminal, Write};

use super::failure::Failure;
use super::output::Output;
use crate::explain::lesson::{Item, Lesson, Predict};
use crate::view::{Line, Tone};

/// Whether somebody is there to answer.
pub(super) fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks every prediction of a lesson; an empty answer passes.
pub(super) fn ask_all(lesson: &Lesson, out: &mut Output) -> Result<Vec<Option<usize>>, Failure> {
    let questions = lesson.items.iter().filter_map(|item| match item {
        Item::Predict(predict) => Some(predict),
        _ => None,
    });
    questions.map(|predict| ask(predict, out)).collect()
}

fn ask(predict: &Predict, out: &mut Output) -> Result<Option<usize>, Failure> {
    out.line(&Line::of(Tone::Title, "Predict").with(Tone::Plain, format!("  {}", one_line(&predict.ask.source()))))?;
    for (i, choice) in predict.choices.iter().enumerate() {
        out.line(&Line::of(Tone::Strong, format!("  {} ", i + 1)).with(Tone::Plain, choice.label.as_str()))?;
    }
    let mut input = io::stdin().lock();
    loop {
        prompt(&format!("  1–{}, or Enter to pass > ", predict.choices.len()))?;
        let mut line = String::new();
        if input.read_line(&mut line).map_err(Failure::output)? == 0 {
            return Ok(None);
        }
        let typed = line.trim();
        if typed.is_empty() || typed == "s" {
            out.text("")?;
            return Ok(None);
        }
        let by_number =
            typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < predict.choices.len());
        let by_label = || predict.choices.iter().position(|choice| choice.label.eq_ignore_ascii_case(typed));
        if let Some(answer) = by_number.or_else(by_label) {
            out.text("")?;
            return Ok(Some(answer));
        }
    }
}

fn prompt(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::output)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
