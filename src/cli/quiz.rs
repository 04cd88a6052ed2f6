//! `wiretale quiz`: questions about a capture, each answer proved by its bytes.

use std::io::{self, BufRead};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Ending;
use super::arguments::{CaptureArguments, QuizArguments};
use super::course::Course;
use super::failure::Failure;
use super::knobs;
use super::lesson;
use super::load::{self, Loaded, Secrets};
use super::output::Output;
use super::predict::{prompt, somebody_is_there};
use crate::count::counted;
use crate::explain::Quiz;
use crate::explain::quiz::Question;
use crate::lab;
use crate::trace::Trace;
use crate::view::{self, Line, Page, Tone};

pub(super) fn run(arguments: &QuizArguments, out: &mut Output) -> Result<Ending, Failure> {
    let (name, trace) = capture(arguments)?;
    let seed = arguments.seed.unwrap_or_else(some_seed);
    let quiz = Quiz::of(&trace, seed, arguments.questions.into());
    if arguments.json {
        out.text(&view::quiz_json(&name, &quiz))?;
        out.flush()?;
        return Ok(Ending::Done);
    }
    if quiz.questions.is_empty() {
        let message = format!("cannot ask anything about `{name}`: no TCP segment in it says enough");
        return Err(Failure::request(message, "take a capture in which TCP carries something, such as a lesson's"));
    }
    let head = format!("{} about {name}", counted(quiz.questions.len(), "question"));
    let mut page = Page::new(out.width);
    page.heading(Line::of(Tone::Strong, head), &Line::of(Tone::Dim, format!("(the same again with --seed {seed})")));
    out.lines(page.lines)?;
    match somebody_is_there() {
        true => ask_all(&quiz, out)?,
        false => print_all(&quiz, out)?,
    }
    out.flush()?;
    Ok(Ending::Done)
}

/// The capture that is asked about: a file, a lesson's saved one, or one that is played now.
fn capture(arguments: &QuizArguments) -> Result<(String, Trace), Failure> {
    let wanted = arguments.what.as_deref().unwrap_or("1");
    let is_file = wanted == "-" || wanted.ends_with(".pcap") || wanted.ends_with(".pcapng");
    if is_file {
        if arguments.live {
            let message = format!("cannot play `{wanted}`: it is a capture");
            return Err(Failure::request(message, "name a lesson, or leave --live out"));
        }
        let file = Path::new(wanted).to_owned();
        return Ok((wanted.to_owned(), load::given(&CaptureArguments { file, keylog: None })?.trace));
    }
    let found = Course.find(wanted)?;
    if arguments.live {
        let scenario = knobs::scenario(&found)?;
        let place = lab::enter().fit(&scenario);
        return Ok((found.name.clone(), lesson::live(&found, Some(&scenario), &place, None)?.trace));
    }
    let Some(bytes) = Course.capture(&found.name).filter(|_| found.embedded) else {
        let message = format!("cannot ask about `{}`: there is no saved capture of it", found.file);
        return Err(Failure::request(message, "play it: --live; or give a capture file"));
    };
    let name = format!("captures/{}.pcapng", found.name);
    Ok((found.name.clone(), Loaded::embedded(&name, &bytes, Secrets::of_lesson(&found.lesson))?.trace))
}

/// Another one each time, small enough to be typed again.
fn some_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) % 10_000
}

/// All questions, and behind them all answers, so that one can think in between.
fn print_all(quiz: &Quiz, out: &mut Output) -> Result<(), Failure> {
    for (number, question) in (1..).zip(&quiz.questions) {
        out.text("")?;
        out.lines(view::quiz_question(number, question, out.width))?;
    }
    out.text("")?;
    out.line(&Line::of(Tone::Title, "The answers"))?;
    for (number, question) in (1..).zip(&quiz.questions) {
        out.text("")?;
        out.line(&Line::of(Tone::Title, format!("{number}. {}, frame {}", question.topic, question.frame)))?;
        out.lines(view::quiz_answer(question, None, out.width))?;
    }
    Ok(())
}

fn ask_all(quiz: &Quiz, out: &mut Output) -> Result<(), Failure> {
    let (mut right, mut answered, mut asked) = (0, 0, 0);
    for (number, question) in (1..).zip(&quiz.questions) {
        out.text("")?;
        out.lines(view::quiz_question(number, question, out.width))?;
        asked += 1;
        match ask(question, out)? {
            Reply::Quit => {
                asked -= 1;
                break;
            }
            Reply::Skip => out.lines(view::quiz_answer(question, None, out.width))?,
            Reply::Choice(chosen) => {
                answered += 1;
                right += usize::from(chosen == question.answer);
                out.lines(view::quiz_answer(question, Some(chosen), out.width))?;
            }
        }
    }
    out.text("")?;
    out.line(&view::quiz_score(right, answered, asked))
}

/// What somebody typed.
enum Reply {
    Choice(usize),
    Skip,
    Quit,
}

fn ask(question: &Question, out: &mut Output) -> Result<Reply, Failure> {
    let most = question.choices.len();
    let mut input = io::stdin().lock();
    loop {
        prompt(&format!("  1–{most}, h for a hint, s to skip, q to end > "))?;
        let mut line = String::new();
        if input.read_line(&mut line).map_err(Failure::output)? == 0 {
            return Ok(Reply::Quit);
        }
        match line.trim() {
            "q" => return Ok(Reply::Quit),
            "" | "s" => return Ok(Reply::Skip),
            "h" => out.lines(view::quiz_hint(question, out.width))?,
            typed => match typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < most) {
                Some(chosen) => return Ok(Reply::Choice(chosen)),
                None => prompt(&format!("  That is none of them. Type a number from 1 to {most}.\n"))?,
            },
        }
    }
}
