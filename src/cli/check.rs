//! `wiretale check`: is every sentence of the lessons true, on a fresh run and on the saved capture?

use std::time::Instant;

use super::Ending;
use super::arguments::CheckArguments;
use super::bar::Bar;
use super::course::{Course, CourseLesson};
use super::failure::Failure;
use super::knobs;
use super::lesson::{self, Run};
use super::load::{Loaded, Secrets};
use super::output::Output;
use crate::explain::lesson::{Told, ToldClaim, Verdict};
use crate::lab::{self, Place, Scenario};
use crate::view::{self, CheckRecord, CheckResult, Line, SentenceJson, Tone};

pub(super) fn run(arguments: &CheckArguments, out: &mut Output) -> Result<Ending, Failure> {
    let names = if arguments.names.is_empty() { Course.names() } else { arguments.names.clone() };
    let place = lab::enter();
    let mut rows = Vec::new();
    let mut records = Vec::new();
    let mut untrue = Vec::new();
    let mut unchecked = false;
    let mut broken = None;
    let bar = Bar::new(names.len());
    for name in &names {
        bar.begin(name);
        match check(name, &place) {
            Ok((found, runs)) => {
                unchecked |= runs.iter().all(|(_, run)| run.is_none());
                for (which, run) in &runs {
                    rows.push(row(&found, which, run.as_ref()));
                    records.push(record(&found, which, run.as_ref()));
                    untrue.extend(run.iter().flat_map(|run| misses(&found, which, &run.told)));
                }
            }
            // The other lessons are checked all the same.
            Err(failure) => {
                bar.aside(|| failure.report(out.colors(), out.width));
                let ends_all = failure.is_interrupt();
                broken = Some(failure);
                if ends_all {
                    break;
                }
            }
        }
        bar.done();
    }
    drop(bar);
    if arguments.json {
        out.text(&view::check_json(&records))?;
    } else if !rows.is_empty() {
        out.lines(view::table(&["lesson", "run", "frames", "sentences", "held", "ms"], &rows, out.width))?;
        out.lines(untrue.iter().cloned())?;
    }
    out.flush()?;
    if let Some(failure) = broken {
        return Err(failure.told());
    }
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

type Runs = [(&'static str, Option<Checked>); 2];

fn check(name: &str, place: &Place) -> Result<(CourseLesson, Runs), Failure> {
    let found = Course.find(name)?;
    let scenario = knobs::scenario(&found)?;
    knobs::can_be_turned(&found)?;
    Course.has_before(&found)?;
    Course.has_terms(&found)?;
    let runs = [("live", live(&found, &scenario, &place.clone().fit(&scenario))?), ("saved", saved(&found)?)];
    Ok((found, runs))
}

fn live(found: &CourseLesson, scenario: &Scenario, place: &Place) -> Result<Option<Checked>, Failure> {
    if matches!(place, Place::Nowhere { .. }) {
        return Ok(None);
    }
    let started = Instant::now();
    let run = lesson::live(found, Some(scenario), place, None)?;
    Ok(Some(checked(found, &run, started)))
}

fn saved(found: &CourseLesson) -> Result<Option<Checked>, Failure> {
    let Some(bytes) = Course.capture(&found.name).filter(|_| found.embedded) else { return Ok(None) };
    let started = Instant::now();
    let name = format!("captures/{}.pcapng", found.name);
    let run = lesson::saved(Loaded::embedded(&name, &bytes, Secrets::of_lesson(&found.lesson))?);
    Ok(Some(checked(found, &run, started)))
}

fn checked(found: &CourseLesson, run: &Run, started: Instant) -> Checked {
    let told = found.lesson.tell(&run.trace, &run.cast, run.exact);
    Checked { frames: run.trace.len(), told, milliseconds: started.elapsed().as_millis() }
}

fn record(found: &CourseLesson, which: &'static str, run: Option<&Checked>) -> CheckRecord {
    let result = run.map(|run| {
        let held = run.told.claims().filter(|claim| claim.verdict == Verdict::Holds).count();
        let failed = run.told.claims().filter(|claim| claim.verdict == Verdict::Fails);
        let missing = run.told.missing().map(|missing| (missing.line, missing.to_string()));
        CheckResult {
            frames: run.frames,
            sentences: run.told.claims().count(),
            held,
            milliseconds: u64::try_from(run.milliseconds).unwrap_or(u64::MAX),
            proofs: run.told.claims().map(SentenceJson::from).collect(),
            untrue: failed.map(|claim| (claim.line, claim.sentence.plain())).chain(missing).collect(),
        }
    });
    CheckRecord { lesson: found.name.clone(), run: which, result }
}

fn row(found: &CourseLesson, which: &str, run: Option<&Checked>) -> Vec<String> {
    let name = found.name.clone();
    let Some(run) = run else {
        let why = if which == "live" { "not possible here" } else { "no saved capture" };
        return vec![name, which.into(), "–".into(), "–".into(), why.into(), "–".into()];
    };
    let claims = run.told.claims().count();
    let held = run.told.claims().filter(|claim| claim.verdict == Verdict::Holds).count();
    let mark = if run.told.untrue() == 0 { "✓" } else { "✗" };
    let numbers = [run.frames.to_string(), claims.to_string(), format!("{held} {mark}"), run.milliseconds.to_string()];
    [name, which.into()].into_iter().chain(numbers).collect()
}

/// The values for which a claim does not hold.
fn here(claim: &ToldClaim) -> String {
    claim.failing.as_ref().map(|failing| format!("; here {failing}")).unwrap_or_default()
}

fn misses(found: &CourseLesson, which: &str, told: &Told) -> Vec<Line> {
    let failed = told.claims().filter(|claim| claim.verdict == Verdict::Fails).map(|claim| {
        Line::of(Tone::Bad, "✗ ")
            .with(Tone::Strong, format!("{}:{} ({which}): ", found.file, claim.line))
            .with(Tone::Plain, format!("{}  [{}{}]", claim.sentence.plain(), claim.proof, here(claim)))
    });
    let missing = told.missing().map(|missing| {
        Line::of(Tone::Bad, "✗ ")
            .with(Tone::Strong, format!("{}:{} ({which}): ", found.file, missing.line))
            .with(Tone::Plain, missing.to_string())
    });
    failed.chain(missing).collect()
}
