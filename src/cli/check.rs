//! `wiretale check`: is every sentence of the lessons true, on a fresh run and on the saved capture?

use std::time::Instant;

use super::Ending;
use super::arguments::{CheckArguments, LessonArguments};
use super::course::{Course, CourseLesson};
use super::failure::Failure;
use super::lesson::{self, Run};
use super::load::Loaded;
use super::output::Output;
use crate::explain::lesson::{Told, Verdict};
use crate::lab::{self, Place};
use crate::view::{self, Line, Tone};

pub(super) fn run(arguments: &CheckArguments, out: &mut Output) -> Result<Ending, Failure> {
    let names = if arguments.names.is_empty() { Course.names() } else { arguments.names.clone() };
    let lessons = names.iter().map(|name| Course.find(name)).collect::<Result<Vec<_>, _>>()?;
    let place = lab::enter();
    let mut rows = Vec::new();
    let mut untrue = Vec::new();
    let mut unchecked = false;
    for found in &lessons {
        let live = live(found, &place)?;
        let saved = saved(found)?;
        unchecked |= live.is_none() && saved.is_none();
        for (which, run) in [("live", &live), ("saved", &saved)] {
            rows.push(row(found, which, run.as_ref(), &place));
            untrue.extend(run.iter().flat_map(|run| misses(found, which, &run.told)));
        }
    }
    out.lines(view::table(&["lesson", "run", "frames", "sentences", "held", "ms"], &rows, out.width))?;
    out.lines(untrue.iter().cloned())?;
    out.flush()?;
    Ok(match (untrue.is_empty(), unchecked) {
        (false, _) => Ending::No,
        (true, true) => Ending::NotAllowed,
        (true, false) => Ending::Done,
    })
}

/// A lesson held against one capture.
struct Checked {
    frames: u32,
    told: Told,
    milliseconds: u128,
}

fn live(found: &CourseLesson, place: &Place) -> Result<Option<Checked>, Failure> {
    if matches!(place, Place::Nowhere { .. }) || found.lesson.script().is_none() {
        return Ok(None);
    }
    let started = Instant::now();
    let arguments =
        LessonArguments { name: None, from: None, save: None, knobs: Vec::new(), no_predict: true, json: false };
    let run = lesson::live(found, place, &arguments)?;
    Ok(Some(checked(found, &run, started)))
}

fn saved(found: &CourseLesson) -> Result<Option<Checked>, Failure> {
    let Some(bytes) = Course.capture(&found.name).filter(|_| found.embedded) else { return Ok(None) };
    let started = Instant::now();
    let run = lesson::saved(Loaded::embedded(&format!("captures/{}.pcapng", found.name), &bytes)?);
    Ok(Some(checked(found, &run, started)))
}

fn checked(found: &CourseLesson, run: &Run, started: Instant) -> Checked {
    let told = found.lesson.tell(&run.trace, &run.cast, run.exact);
    Checked { frames: run.trace.len(), told, milliseconds: started.elapsed().as_millis() }
}

fn row(found: &CourseLesson, which: &str, run: Option<&Checked>, place: &Place) -> Vec<String> {
    let name = found.name.clone();
    let Some(run) = run else {
        let why = match (which, place) {
            ("live", Place::Nowhere { .. }) => "not possible here",
            ("live", _) => "no script",
            _ => "no saved capture",
        };
        return vec![name, which.into(), "–".into(), "–".into(), why.into(), "–".into()];
    };
    let claims = run.told.claims().count();
    let held = run.told.claims().filter(|claim| claim.verdict == Verdict::Holds).count();
    let mark = if run.told.untrue() == 0 { "✓" } else { "✗" };
    let numbers = [run.frames.to_string(), claims.to_string(), format!("{held} {mark}"), run.milliseconds.to_string()];
    [name, which.into()].into_iter().chain(numbers).collect()
}

fn misses(found: &CourseLesson, which: &str, told: &Told) -> Vec<Line> {
    let failed = told.claims().filter(|claim| claim.verdict == Verdict::Fails).map(|claim| {
        Line::of(Tone::Bad, "✗ ")
            .with(Tone::Strong, format!("{} ({which}): ", found.name))
            .with(Tone::Plain, format!("{}  [{}]", claim.sentence.plain(), claim.proof))
    });
    let missing = told.texts().flat_map(|text| &text.missing).map(|expression| {
        Line::of(Tone::Bad, "✗ ")
            .with(Tone::Strong, format!("{} ({which}): ", found.name))
            .with(Tone::Plain, format!("the capture has no answer to {{{{ {expression} }}}}"))
    });
    failed.chain(missing).collect()
}
