//! Everything the program can show of a trace.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use wiretale::capture::Frame;
use wiretale::explain::{Cast, Peel, Story};
use wiretale::trace::{Pipeline, Trace};
use wiretale::view::{self, Exporter, KINDS, Wanted};

use crate::check;

/// The usual width of a terminal, and one where nearly nothing fits. A trace is shown in one of them, by the number of
/// its frames: both would halve how many are tried.
pub const WIDTHS: [usize; 2] = [80, 23];

/// Shows a trace in every way there is, and checks it.
pub fn everything(trace: &Trace, cast: &Cast) {
    check::trace(trace);
    let all = |_: u32| true;
    let story = Story::tell(trace, cast, &all);
    let width = WIDTHS[trace.len() as usize % WIDTHS.len()];
    check::lines(&view::story(&story, None, width));
    view::packets(trace, cast, &all, width).iter().for_each(|packet| check::lines(packet));
    check::lines(&view::comments(&wiretale::explain::commented(trace, &all), width));
    check::lines(&view::findings(&wiretale::explain::noted(trace, &all), &all, width));
    check::lines(&view::habits(&wiretale::explain::habits(trace), cast, &all, width));
    let found = wiretale::explain::diagnose(trace);
    for finding in &found {
        let are_there = finding.frames.iter().all(|frame| trace.record(*frame).is_some());
        assert!(are_there && !finding.frames.is_empty() && !finding.text.is_empty(), "{finding:?}");
    }
    check::lines(&view::findings(&found, &all, width));
    for (number, _) in trace.records() {
        let peel = Peel::new(trace, number).expect("a frame that is there can be peeled");
        check::lines(&view::onion(&peel, width));
        check::lines(&view::hex_dump(&peel, width));
        check::lines(&view::fields(trace, &peel, width));
    }
    export(trace);
}

/// Frames told while they come, and not kept, give the export of the trace that is kept. `secrets` open what they can.
pub fn streamed(frames: &[Frame], trace: &Trace, secrets: &str) {
    let mut streamed = Vec::new();
    let mut exporter = Exporter::new(&mut streamed, &KINDS, None, false);
    let mut pipeline = Pipeline::new(&mut exporter);
    pipeline.learn_secrets(secrets);
    frames.iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.end();
    exporter.end().expect("writing to memory does not fail");
    let mut kept = Vec::new();
    let wanted = Wanted { kinds: &KINDS, keys: None, frames: &|_| true };
    view::export(trace, &wanted, &mut kept).expect("writing to memory does not fail");
    let (streamed, kept) = (String::from_utf8_lossy(&streamed), String::from_utf8_lossy(&kept));
    for (streamed, kept) in streamed.lines().zip(kept.lines()) {
        assert_eq!(streamed, kept, "what is kept must not change what is told");
    }
    assert_eq!(streamed.lines().count(), kept.lines().count());
}

/// Every line of the export is an object of a known kind, on one line. What a peer sent as JSON stands in it as it was
/// written, numbers too that no double holds: lines are read without their values.
fn export(trace: &Trace) {
    let mut out = Vec::new();
    let wanted = Wanted { kinds: &KINDS, keys: None, frames: &|_| true };
    view::export(trace, &wanted, &mut out).expect("writing to memory does not fail");
    let text = std::str::from_utf8(&out).expect("JSON is UTF-8");
    for line in text.lines() {
        let object: BTreeMap<&str, &RawValue> = serde_json::from_str(line).expect("a line is JSON");
        let kind = object.get("kind").expect("a line says its kind").get().trim_matches('"');
        assert!(KINDS.contains(&kind), "{line}");
        assert!(object.contains_key("frame"), "{line}");
    }
}
