//! `wiretale lesson`: play it, watch it, explain it.

use std::ffi::OsStr;
use std::path::Path;

use super::arguments::LessonArguments;
use super::course::{Course, CourseLesson};
use super::failure::Failure;
use super::knobs::{scenario_with, turned};
use super::load::{self, Loaded, Secrets, trace_recording};
use super::output::Output;
use super::progress::Progress;
use super::save::{self, Keep};
use super::{Ending, predict};
use crate::capture::{About, Frame, Interface, Lost, OtherBlock, Statistics};
use crate::count::{counted, plural};
use crate::explain::Cast;
use crate::explain::lesson::Told;
use crate::lab::{self, OtherEnd, Place, Recording, Scenario};
use crate::trace::Trace;
use crate::view::{self, LessonPage, Line, Page, Shown, Tone, shell_word};

/// A run of a lesson, live or saved.
pub(super) struct Run {
    pub(super) trace: Trace,
    pub(super) cast: Cast,
    pub(super) frames: Vec<Frame>,
    interfaces: Vec<Interface>,
    statistics: Option<Statistics>,
    /// Secrets of TLS, a line each.
    secrets: Option<String>,
    /// What another program wrote beside the frames.
    others: Vec<OtherBlock>,
    /// How much of that cannot be kept.
    lost: Lost,
    /// The same seen from the server's end.
    at_server: Option<OtherEnd>,
    /// `54 of 54 frames captured`.
    pub(super) completeness: String,
    /// Whether frame counts must be as on Linux loopback.
    pub(super) exact: bool,
}

pub(super) fn run(arguments: &LessonArguments, out: &mut Output) -> Result<Ending, Failure> {
    let mut progress = Progress::read();
    if arguments.reset {
        progress.reset()?;
        progress = Progress::read();
    }
    let Some(mut found) = chosen(arguments, &progress, out)? else { return Ok(Ending::Done) };
    found.lesson.knobs = turned(&found, &arguments.knobs)?;
    if arguments.save.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        out.divert();
    }
    let scenario = found.lesson.script().map(|_| scenario_with(&found, &arguments.knobs)).transpose()?;
    refuse_idle_knobs(arguments)?;
    let place = match (&arguments.from, &scenario) {
        (Some(_), _) => None,
        (None, Some(scenario)) => Some(lab::enter().fit(scenario)),
        (None, None) => Some(lab::enter()),
    };
    let mut shown = Shown {
        place: place_text(arguments, place.as_ref()),
        number: number_text(&found),
        command: if found.embedded { found.name.clone() } else { found.file.clone() },
        answers: Vec::new(),
        before: 0,
        proofs: arguments.proofs,
        keys_wait: false,
    };
    if !arguments.json {
        out.lines(LessonPage::head(&found.lesson.title, &found.lesson.question, &shown, out.width))?;
    }
    if !arguments.no_predict && !arguments.json && predict::somebody_is_there() {
        // A knob that is turned may make it another question.
        let earlier = if arguments.knobs.is_empty() { earlier(&found)? } else { None };
        let asked = predict::ask_all(&found.lesson, earlier.as_ref(), out)?;
        (shown.answers, shown.before, shown.keys_wait) = (asked.answers, asked.before, true);
    }
    let run = match (&arguments.from, &place) {
        (Some(file), _) => saved(load::for_lesson(file, &found.lesson)?),
        (None, Some(Place::Nowhere { why })) => saved_instead(&found, why, arguments)?,
        (None, Some(place)) => {
            if let Place::HostLoopback { .. } = place {
                announce(&format!("on {place}; `wiretale doctor` tells how to get a private network"));
            }
            live(&found, scenario.as_ref(), place, arguments.save.as_deref())?
        }
        (None, None) => return Err(Failure::request("nothing to play", "this is a mistake in wiretale")),
    };
    let told = found.lesson.tell(&run.trace, &run.cast, run.exact);
    if let Some(path) = &arguments.save {
        let title = format!("wiretale lesson {}: {}", found.name, found.lesson.title);
        keep(&run, &told, title, path)?;
    }
    show(arguments, out, &found, &run, &told, &shown)?;
    let turned_here = !arguments.knobs.is_empty();
    if found.embedded && told.untrue() == 0 && !arguments.json {
        // Nobody who learns should be stopped by that.
        if let Err(error) = progress.add(&found.name) {
            announce(&format!("which lessons you have done cannot be kept in `{}`: {error}", progress.place()));
        }
    }
    Ok(if told.untrue() == 0 || turned_here { Ending::Done } else { Ending::No })
}

/// The lesson that is meant; `None` if the answer was another.
fn chosen(arguments: &LessonArguments, progress: &Progress, out: &mut Output) -> Result<Option<CourseLesson>, Failure> {
    match arguments.name.as_deref() {
        None => list(progress, out).map(|()| None),
        Some("next") => match progress.next()? {
            Some(name) => Course.read(&name).map(Some),
            None => {
                out.text("You have done all lessons. `wiretale lesson --reset` forgets that.")?;
                Ok(None)
            }
        },
        Some(name) => Course.find(name).map(Some),
    }
}

fn show(
    arguments: &LessonArguments,
    out: &mut Output,
    found: &CourseLesson,
    run: &Run,
    told: &Told,
    shown: &Shown,
) -> Result<(), Failure> {
    if arguments.json {
        return out.text(&view::lesson_json(&found.name, &shown.place, &run.completeness, told));
    }
    out.lines(LessonPage::body(&run.trace, told, shown, out.width))?;
    if shown.keys_wait {
        let reviews = LessonPage::reviews(&run.trace, told, shown, out.width);
        predict::review(reviews, told.graded(&shown.answers), out)?;
    }
    if told.untrue() > 0 && !arguments.knobs.is_empty() {
        out.line(&Line::of(Tone::Warn, "A knob is turned: what does not hold here shows what it does."))?;
    }
    let mut footer = Line::of(Tone::Dim, format!("{} · ", run.completeness));
    footer.append(LessonPage::summary(told));
    if arguments.save.is_none() && arguments.from.is_none() {
        let (lesson, file) = (shell_word(&shown.command), shell_word(&format!("{}.pcapng", found.name)));
        let keep = format!("keep it: wiretale lesson {lesson} --save {file}");
        if footer.width() + 3 + keep.len() > out.width {
            out.line(&footer)?;
            footer = Line::of(Tone::Dim, keep);
        } else {
            footer.push(Tone::Dim, format!(" · {keep}"));
        }
    }
    out.line(&footer)?;
    out.flush()
}

fn place_text(arguments: &LessonArguments, place: Option<&Place>) -> String {
    match (&arguments.from, place) {
        (Some(file), _) => format!("from {}", file.display()),
        (None, Some(Place::HostLoopback { .. })) => "this machine's loopback".into(),
        (None, Some(Place::Nowhere { .. })) => "saved capture".into(),
        (None, Some(place)) => place.to_string(),
        (None, None) => String::new(),
    }
}

fn number_text(found: &CourseLesson) -> String {
    match found.name.split('-').next().and_then(|number| number.parse::<u32>().ok()) {
        Some(number) => format!("Lesson {number}"),
        None => format!("Lesson {}", found.name),
    }
}

/// A knob changes the script, and a saved capture was played already.
fn refuse_idle_knobs(arguments: &LessonArguments) -> Result<(), Failure> {
    if arguments.from.is_none() || arguments.knobs.is_empty() {
        return Ok(());
    }
    let message = "cannot turn a knob of a saved capture: its script was played already";
    Err(Failure::request(message, "leave out --from to play the lesson with the knob turned, or leave out --set"))
}

/// Takes the saved capture of a lesson that cannot be played here, saying so.
fn saved_instead(found: &CourseLesson, why: &[String], arguments: &LessonArguments) -> Result<Run, Failure> {
    let why = why.join("; ");
    let help = "`wiretale doctor` names the command that would allow it; --from FILE explains a capture you have";
    if !arguments.knobs.is_empty() {
        return Err(Failure::machine(format!("cannot turn a knob: nothing can be played here ({why})"), help));
    }
    let Some(bytes) = Course.capture(&found.name).filter(|_| found.embedded) else {
        let message = format!("cannot play lesson `{}`: {why}; and there is no saved capture of it", found.name);
        return Err(Failure::machine(message, help));
    };
    announce(&format!("no live capture ({why}): this is the saved capture; `wiretale doctor` tells more"));
    let name = format!("captures/{}.pcapng", found.name);
    Ok(saved(Loaded::embedded(&name, &bytes, Secrets::of_lesson(&found.lesson))?))
}

/// The lesson, told of its saved capture; `None` if it has none.
pub(super) fn earlier(found: &CourseLesson) -> Result<Option<Told>, Failure> {
    let Some(bytes) = Course.capture(&found.name).filter(|_| found.embedded) else { return Ok(None) };
    let run = saved(Loaded::embedded(&found.name, &bytes, Secrets::of_lesson(&found.lesson))?);
    Ok(Some(found.lesson.tell(&run.trace, &run.cast, run.exact)))
}

/// Plays the lesson; tries once more if the capture lost a frame. What was captured of a play that failed is kept in
/// `save`.
pub(super) fn live(
    found: &CourseLesson,
    scenario: Option<&Scenario>,
    place: &Place,
    save: Option<&Path>,
) -> Result<Run, Failure> {
    let Some(scenario) = scenario else {
        let message = format!("cannot play lesson `{}`: it has no `script` block", found.name);
        return Err(Failure::request(message, "add one, or explain a capture with --from FILE"));
    };
    for _ in 0..2 {
        let recording = match lab::play(place, scenario) {
            Ok(recording) => recording,
            Err(error) => {
                keep_broken(found, save, error.recording())?;
                return Err(error.into());
            }
        };
        for note in &recording.notes {
            announce(note);
        }
        if recording.is_complete() {
            return Ok(Run::of(recording, place, found.lesson.sealed));
        }
        announce(&format!("{}: the capture lost frames, so nothing is taught from it", recording.completeness));
    }
    let message = format!("cannot teach lesson `{}`: the capture lost frames twice", found.name);
    Err(Failure::machine(message, "try again when the machine is less busy, or explain the saved capture with --from"))
}

/// A play that failed keeps what was captured until then, if it was to be kept.
fn keep_broken(found: &CourseLesson, save: Option<&Path>, recording: Option<&Recording>) -> Result<(), Failure> {
    let (Some(recording), Some(path)) = (recording, save) else { return Ok(()) };
    let cast = Cast::new(recording.names.clone());
    let interfaces = vec![recording.interface.clone()];
    let title = format!("wiretale lesson {}, broken off", found.name);
    save::save(
        path,
        &recording.frames,
        Keep {
            title,
            cast: &cast,
            interfaces,
            statistics: None,
            secrets: recording.secrets.clone(),
            others: Vec::new(),
            comments: Vec::new(),
        },
    )
}

impl Run {
    fn of(recording: Recording, place: &Place, sealed: bool) -> Self {
        let completeness = recording.completeness;
        Self {
            trace: trace_recording(&recording, sealed),
            cast: Cast::new(recording.names),
            frames: recording.frames,
            interfaces: vec![recording.interface],
            statistics: Some(Statistics { received: completeness.captured, dropped: completeness.dropped_by_kernel }),
            secrets: recording.secrets,
            others: Vec::new(),
            lost: Lost::default(),
            completeness: match &recording.at_server {
                Some(other) => {
                    format!("{completeness} captured at the clients', {} at the server's", other.completeness)
                }
                None => format!("{completeness} captured"),
            },
            at_server: recording.at_server,
            exact: matches!(place, Place::Private { .. }),
        }
    }
}

/// A saved capture as a run. One that this program made is from Linux loopback.
pub(super) fn saved(loaded: Loaded) -> Run {
    let About { interfaces, statistics, application, secrets, others, lost, .. } = loaded.about;
    let frames: Vec<Frame> = loaded.trace.records().map(|(_, record)| record.frame.clone()).collect();
    Run {
        completeness: counted(frames.len(), "frame"),
        exact: application.is_some_and(|name| name.starts_with("wiretale")),
        trace: loaded.trace,
        cast: loaded.cast,
        frames,
        interfaces,
        statistics,
        secrets,
        others,
        lost,
        at_server: None,
    }
}

pub(super) fn keep(run: &Run, told: &Told, title: String, path: &Path) -> Result<(), Failure> {
    let mut frames = run.frames.clone();
    for frame in &mut frames {
        frame.comments.clear();
    }
    let interfaces = run.interfaces.clone();
    let keep = Keep {
        title,
        cast: &run.cast,
        interfaces,
        statistics: run.statistics,
        secrets: run.secrets.clone(),
        others: run.others.clone(),
        comments: told.comments(),
    };
    save::save(path, &frames, keep)?;
    if let Some(text) = lacks(path, run.lost) {
        announce(&text);
    }
    match &run.at_server {
        Some(other) => keep_other_end(other, run, path),
        None => Ok(()),
    }
}

/// What a capture lacks of the one that it is made of.
fn lacks(path: &Path, lost: Lost) -> Option<String> {
    let all = lost.forbidden + lost.crowded;
    let why = [
        (lost.forbidden, "asks not to be copied", "ask not to be copied"),
        (lost.crowded, "is more than is kept", "are more than is kept"),
    ];
    let why = why.into_iter().filter(|(n, ..)| *n > 0).map(|(n, one, many)| format!("{n} {}", plural(n, one, many)));
    let why = why.collect::<Vec<_>>().join(", ");
    let blocks = counted(all, "block");
    let text = format!("`{}` lacks {blocks} that only other programs understand: {why}", path.display());
    (all > 0).then_some(text)
}

/// The server's end goes into a file of its own beside the other: in one file each frame would be there twice.
fn keep_other_end(other: &OtherEnd, run: &Run, path: &Path) -> Result<(), Failure> {
    let (Some(stem), false) = (path.file_stem().and_then(OsStr::to_str), path.as_os_str() == "-") else {
        announce("only what was captured at the clients' fits there; name a file to keep the server's end as well");
        return Ok(());
    };
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or("pcapng");
    let beside = path.with_file_name(format!("{stem}-server.{extension}"));
    let OtherEnd { frames, interface, completeness } = other;
    let keep = Keep {
        title: format!("recorded at the server's end, with `{}`", path.display()),
        cast: &run.cast,
        interfaces: vec![interface.clone()],
        statistics: Some(Statistics { received: completeness.captured, dropped: completeness.dropped_by_kernel }),
        secrets: run.secrets.clone(),
        others: Vec::new(),
        comments: Vec::new(),
    };
    save::save(&beside, frames, keep)?;
    announce(&format!("what was captured at the server's end is in `{}`", beside.display()));
    Ok(())
}

fn announce(text: &str) {
    eprintln!("wiretale: {text}");
}

fn list(progress: &Progress, out: &mut Output) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for name in Course.names() {
        let found = Course.read(&name)?;
        let mark = if progress.has(&name) { "✓" } else { "" };
        rows.push(vec![mark.to_owned(), name, found.lesson.question, found.lesson.requires.join(", ")]);
    }
    // What should come before is left out where it would take the question's room.
    let columns = if out.width >= WIDE { 4 } else { 3 };
    rows.iter_mut().for_each(|row| row.truncate(columns));
    out.lines(view::table(&["", "lesson", "question", "first"][..columns], &rows, out.width))?;
    out.text("")?;
    let how = "wiretale lesson NAME plays one: by its name, its number or a unique beginning; `next` the first that is not done";
    let mut page = Page::new(out.width);
    page.paragraph(Line::new(), &Line::of(Tone::Dim, how));
    out.lines(page.lines)?;
    Ok(())
}

/// With so many columns the list has room for all it can tell.
const WIDE: usize = 110;
