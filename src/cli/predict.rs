//! Asking the learner: before the run, and after it.

use std::io::{self, BufRead, IsTerminal, Write};

use super::failure::Failure;
use super::output::Output;
use crate::explain::lesson::{Item, Lesson, Predict, Text, Told, ToldItem, ToldText};
use crate::view::{LessonPage, Line, Review};

/// Whether somebody is there to answer.
pub(super) fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// What was shown and answered before the run.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The answer to each prediction, in order.
    pub(super) answers: Vec<Option<usize>>,
    /// How many of the lesson's parts were shown.
    pub(super) before: usize,
}

/// Shows the parts of a lesson that need no run, and asks its predictions; `h` gives a hint, `s` or an empty answer passes.
/// What a question takes from the run is that of an earlier one, if `earlier` is the lesson told of that.
pub(super) fn ask_all(lesson: &Lesson, earlier: Option<&Told>, out: &mut Output) -> Result<Asked, Failure> {
    let mut asked = Asked::default();
    for (place, item) in lesson.items.iter().enumerate() {
        match item {
            Item::Prose(text) if text.values().next().is_none() => {
                out.lines(LessonPage::prose(&text.before_run(), out.width))?;
            }
            Item::Predict(predict) => {
                let question = question(predict, earlier.and_then(|told| told.items.get(place)));
                asked.answers.push(ask(predict, &question, out)?);
            }
            _ => break,
        }
        asked.before += 1;
    }
    Ok(asked)
}

fn question(predict: &Predict, earlier: Option<&ToldItem>) -> ToldText {
    match earlier {
        Some(ToldItem::Predict { ask, .. }) => ask.clone(),
        _ => predict.ask.before_run(),
    }
}

fn ask(predict: &Predict, question: &ToldText, out: &mut Output) -> Result<Option<usize>, Failure> {
    let labels: Vec<String> = predict.choices.iter().map(|choice| choice.label.clone()).collect();
    out.lines(LessonPage::question(question, labels.iter().map(String::as_str), out.width))?;
    let hint = predict.hint.as_ref().map(Text::before_run);
    let answer = choose(&labels, &LessonPage::hint(hint.as_ref(), out.width), out)?;
    out.text("")?;
    Ok(answer)
}

/// Asks until one is chosen, or none is to be.
fn choose(labels: &[String], hint: &[Line], out: &mut Output) -> Result<Option<usize>, Failure> {
    let mut input = io::stdin().lock();
    loop {
        prompt(&format!("  1–{}, h for a hint, s to skip > ", labels.len()))?;
        let mut line = String::new();
        if input.read_line(&mut line).map_err(Failure::output)? == 0 {
            return Ok(None);
        }
        let typed = line.trim();
        if typed.is_empty() || typed == "s" {
            return Ok(None);
        }
        if typed == "h" {
            out.lines(hint.to_vec())?;
            continue;
        }
        let by_number = typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < labels.len());
        let by_label = || labels.iter().position(|label| label.eq_ignore_ascii_case(typed));
        if let Some(answer) = by_number.or_else(by_label) {
            return Ok(Some(answer));
        }
        prompt(&format!("  That is none of them. Type a number from 1 to {}.\n", labels.len()))?;
    }
}

/// Asks the questions for review, and shows what is right; those without choices wait until somebody has thought about
/// them. Then says how many answers were right, those before the run included.
pub(super) fn review(
    reviews: Vec<Review>,
    predicted: impl Iterator<Item = bool>,
    out: &mut Output,
) -> Result<(), Failure> {
    let mut grades: Vec<bool> = predicted.collect();
    for Review { labels, question, hint, graded, right, key } in reviews {
        if labels.is_empty() {
            prompt("  Think of an answer. Enter shows the key, s skips it > ")?;
            let mut line = String::new();
            let read = io::stdin().lock().read_line(&mut line).map_err(Failure::output)?;
            if read > 0 && line.trim() != "s" {
                out.lines(key)?;
            }
        } else {
            out.lines(question)?;
            if let Some(answer) = choose(&labels, &hint, out)? {
                grades.push(answer == right);
                out.lines(graded.into_iter().nth(answer).unwrap_or_default())?;
                out.lines(key)?;
            }
        }
        out.text("")?;
    }
    if !grades.is_empty() {
        let right = grades.iter().filter(|right| **right).count();
        out.text(&format!("You had {right} of {} right.", grades.len()))?;
    }
    Ok(())
}

pub(super) fn prompt(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::course::Course;
    use crate::cli::lesson;

    #[test]
    fn questions_before_the_run_have_no_holes() {
        let mut values = 0;
        for name in Course.names() {
            let found = Course.read(&name).unwrap();
            let earlier = lesson::earlier(&found).unwrap().unwrap();
            for (place, item) in found.lesson.items.iter().enumerate() {
                let Item::Predict(predict) = item else { continue };
                let asked = |told| format!("{:?}", question(predict, told));
                assert!(!asked(earlier.items.get(place)).contains('…'), "{name}");
                values += usize::from(asked(None).contains('…'));
            }
        }
        assert!(values > 3, "some questions take something from the run");
    }
}
