//! What a lesson asks can be asked in Wireshark: every display filter in it finds the same frames there. And what a
//! lesson wrote into its saved capture can be read there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use wiretale::cli::{Course, Loaded, Secrets};
use wiretale::explain::lesson::{Item, Lesson, Text, View};
use wiretale::filter::{Expr, Filter, TraceNames};

use crate::tool::{self, Passes};

/// Every lesson that has a saved capture, with that capture.
fn lessons() -> Vec<(String, Lesson, PathBuf)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let with_capture = |name: String| {
        let path = folder.join(format!("{name}.pcapng"));
        let lesson = Lesson::parse(&Course.text(&name).unwrap(), &TraceNames).unwrap();
        path.exists().then_some((name, lesson, path))
    };
    let found: Vec<_> = Course.names().into_iter().filter_map(with_capture).collect();
    assert!(!found.is_empty(), "no lesson has a capture");
    found
}

/// The expressions and the filters that stand alone in a part of a lesson.
fn questions(item: &Item) -> (Vec<&Expr>, Vec<&Filter>) {
    let (mut exprs, mut filters, mut texts): (Vec<&Expr>, Vec<&Filter>, Vec<&Text>) = Default::default();
    match item {
        Item::Prose(text) => texts.push(text),
        Item::Predict(predict) => {
            exprs.push(&predict.proof.expr);
            texts.push(&predict.ask);
            texts.extend(predict.choices.iter().map(|choice| &choice.reveal));
        }
        Item::Script(_) => {}
        Item::Show(View::Ladder(filter) | View::Table(_, filter) | View::Heard(_, filter)) => filters.extend(filter),
        Item::Show(View::Peel(which) | View::Text(which)) => exprs.push(&which.expr),
        Item::Claim(claim) => {
            exprs.push(&claim.proof.expr);
            texts.push(&claim.sentence);
        }
        Item::Misconception(it) => {
            exprs.push(&it.proof.expr);
            texts.extend([&it.says, &it.but]);
        }
        Item::Modify(modify) => texts.extend([&modify.ask, &modify.reveal]),
        Item::Review(review) => {
            exprs.push(&review.proof.expr);
            texts.extend([&review.ask, &review.answer]);
            texts.extend(review.choices.iter().map(|choice| &choice.reveal));
        }
    }
    exprs.extend(texts.into_iter().flat_map(Text::values));
    (exprs, filters)
}

/// The different filters of a lesson that Wireshark can be asked, the fields whose values are taken included.
fn filters(lesson: &Lesson) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in &lesson.items {
        let (exprs, filters) = questions(item);
        found.extend(filters.iter().filter(|filter| filter.only_wireshark()).map(|filter| filter.text().to_owned()));
        for used in exprs.iter().flat_map(|expr| expr.filters()) {
            if used.only_wireshark && !used.text.trim().is_empty() {
                found.insert(used.text.clone());
            }
            found.extend(used.field.filter(|def| def.wireshark).map(|def| def.name.to_owned()));
        }
    }
    found
}

#[test]
fn filters_find_the_same_frames() {
    if !tool::is_here() {
        return;
    }
    let mut wrong = Vec::new();
    for (name, lesson, path) in lessons() {
        let trace = Loaded::open(&path, Secrets::of_lesson(&lesson)).unwrap().trace;
        let filters: Vec<String> = filters(&lesson).into_iter().collect();
        assert!(!filters.is_empty(), "{name} asks nothing");
        let asked: Vec<&str> = filters.iter().map(String::as_str).collect();
        let seen = if lesson.sealed { tool::without_secrets(&path) } else { tool::Copied::No(&path) };
        let once = tool::filtered(&seen, Passes::One, &asked);
        let twice = tool::filtered(&seen, Passes::Two, &asked);
        for (filter, theirs) in asked.iter().zip(once.iter().zip(&twice)) {
            let ours = Ok(Filter::parse(filter, &TraceNames).unwrap().frames(&trace).collect());
            if theirs != (&ours, &ours) {
                wrong.push(format!("{name}: {filter}\n  we find {ours:?}, tshark {theirs:?}"));
            }
        }
        println!("{name}: {} filters", asked.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The claims stand on the frames they rest on, and Wireshark shows them there.
#[test]
fn claims_stand_on_their_frames() {
    if !tool::is_here() {
        return;
    }
    for (name, lesson, path) in lessons() {
        let loaded = Loaded::open(&path, Secrets::of_lesson(&lesson)).unwrap();
        let told = lesson.tell(&loaded.trace, &loaded.cast, true).comments();
        let theirs = tool::fields(&path, &[], &["frame.comment"]);
        assert_eq!(theirs.len(), loaded.trace.len() as usize, "{name}");
        for (frame, mut theirs) in (1..).zip(theirs) {
            let ours = told.iter().filter(|(on, _)| *on == frame).map(|(_, text)| text.clone());
            assert_eq!(theirs.remove("frame.comment").unwrap(), ours.collect::<Vec<_>>(), "{name}, frame {frame}");
        }
    }
}

/// Both read the whole file, and neither has a complaint.
#[test]
fn saved_captures_are_read_without_complaint() {
    if !tool::is_here() {
        return;
    }
    for (name, lesson, path) in lessons() {
        let loaded = Loaded::open(&path, Secrets::of_lesson(&lesson)).unwrap();
        assert_eq!(loaded.about.cut, None, "{name}");
        tool::run(tool::command().arg("-r").arg(&path));
        let text = tool::run(Command::new("capinfos").args(["-M", "-c", "-t"]).arg(&path));
        for part in ["pcapng", &loaded.trace.len().to_string()] {
            assert!(text.contains(part), "{name}: capinfos does not say {part}:\n{text}");
        }
    }
}

/// With the secrets that the lab keeps beside the frames, Wireshark reads in Tim's TLS what Ada says in the open.
#[test]
fn the_secrets_in_a_capture_open_it() {
    if !tool::is_here() {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/20-privacy.pcapng");
    let said = |stream: u32| {
        let mut tshark = tool::command();
        tshark.args(["-d", "tcp.port==4430,tls", "-T", "fields", "-e", "text"]);
        tshark.arg("-Y").arg(format!("websocket.opcode == 1 && tcp.stream == {stream}"));
        // What this version calls the text of a message comes behind the TCP options.
        let text = tool::run(tshark.arg("-r").arg(&path));
        text.lines().map(|line| line.rsplit(',').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    if tool::version() != (4, 0) {
        return eprintln!("NOTE: other versions of tshark name the text otherwise: left out");
    }
    assert_eq!(said(1), ["the secret word", "heard"]);
    assert_eq!(said(0), said(1));
}

/// What a quiz says is right is what tshark finds, too: the filter of each answer finds its frame alone.
#[test]
fn answers_of_a_quiz_hold_in_tshark() {
    if !tool::is_here() {
        return;
    }
    let mut asked = 0;
    for (name, lesson, path) in lessons() {
        let trace = Loaded::open(&path, Secrets::of_lesson(&lesson)).unwrap().trace;
        let questions = wiretale::explain::Quiz::of(&trace, 11, 30).questions;
        let filters: Vec<&str> = questions.iter().map(|question| question.filter.as_str()).collect();
        let seen = if lesson.sealed { tool::without_secrets(&path) } else { tool::Copied::No(&path) };
        for (question, theirs) in questions.iter().zip(tool::filtered(&seen, Passes::Two, &filters)) {
            assert_eq!(theirs, Ok(vec![question.frame]), "{name}: {}", question.filter);
            asked += 1;
        }
    }
    assert!(asked > 300, "{asked}");
}
