//! What people write: filters and expressions, lessons, scripts.

use std::sync::OnceLock;

use wiretale::cli::Course;
use wiretale::explain::Cast;
use wiretale::explain::lesson::Lesson;
use wiretale::filter::{Expr, Filter, TraceNames};
use wiretale::lab::Scenario;
use wiretale::mistake::Mistake;
use wiretale::trace::Trace;
use wiretale::view::{self, LessonPage, Shown};

use super::read;
use crate::check;
use crate::render::WIDTHS;

/// The capture that is asked: the first connection of a lesson's. The fewer frames, the more questions in a second.
fn capture() -> &'static (Trace, Cast) {
    static CAPTURE: OnceLock<(Trace, Cast)> = OnceLock::new();
    CAPTURE.get_or_init(|| {
        let bytes = Course.capture("09-upgrade").expect("the lesson has a saved capture");
        read(&bytes, 16).expect("it is a capture")
    })
}

/// A filter and an expression, asked of a capture.
pub fn filter(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let (trace, _) = capture();
    match Filter::parse(text, &TraceNames) {
        Ok(filter) => {
            assert!(filter.frames(trace).all(|frame| filter.matches(trace, frame)));
            assert_eq!(filter.text(), text.trim());
            filter.only_wireshark();
        }
        Err(error) => check::mistake(text, &error),
    }
    match Expr::parse(text, &TraceNames) {
        Ok(expr) => {
            let outcome = expr.evaluate(trace);
            _ = outcome.value.to_string(); // views replace what would act on a terminal
            let there = |frame: &u32| trace.record(*frame).is_some();
            assert!(outcome.evidence.frames.iter().all(there), "{text:?} rests on {:?}", outcome.evidence);
        }
        Err(error) => check::mistake(text, &error),
    }
    if let Err(error) = Expr::parse_claim(text, &TraceNames) {
        check::mistake(text, &error);
    }
}

/// A lesson: read, told, shown, and its script read.
pub fn lesson(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let lesson = match Lesson::parse(text, &TraceNames) {
        Ok(lesson) => lesson,
        Err(error) => return check::mistake(text, &error),
    };
    if let Some(script) = lesson.script() {
        match script.with_knobs(&lesson.knobs) {
            Ok(played) => {
                if let Err(error) = Scenario::parse(&played.text) {
                    check::mistake(&played.text, &error);
                    let range = played.in_file(error.range);
                    check::mistake(text, &Mistake { range, message: error.message, help: error.help });
                }
            }
            Err(error) => check::mistake(text, &error),
        }
    }
    let (trace, cast) = capture();
    let told = lesson.tell(trace, cast, true);
    let shown = Shown { proofs: true, ..Shown::default() };
    for width in WIDTHS {
        check::lines(&LessonPage::head(&lesson.title, &lesson.question, &shown, width));
        check::lines(&LessonPage::body(trace, &told, &shown, width));
    }
    LessonPage::summary(&told);
    told.comments();
    let json = view::lesson_json("fuzz", "", "", &told);
    serde_json::from_str::<serde_json::Value>(&json).expect("it is JSON");
}

/// The script of a play.
pub fn script(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    match Scenario::parse(text) {
        Ok(scenario) => _ = scenario.waits(),
        Err(error) => check::mistake(text, &error),
    }
}
