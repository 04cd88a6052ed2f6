//! Everything the program can show of a trace.

use wiretale::explain::{Cast, Peel, Story};
use wiretale::trace::Trace;
use wiretale::view::{self, KINDS, Wanted};

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
    check::lines(&view::story(&story, width));
    check::lines(&view::packets(trace, cast, &all, width));
    check::lines(&view::comments(trace, &all, width));
    check::lines(&view::notes(trace, &all, width));
    for (number, _) in trace.records() {
        let peel = Peel::new(trace, number).expect("a frame that is there can be peeled");
        check::lines(&view::onion(&peel, width));
        check::lines(&view::hex_dump(&peel, width));
        check::lines(&view::fields(trace, &peel, width));
    }
    export(trace);
}

/// Every line of the export is an object of a known kind, on one line.
fn export(trace: &Trace) {
    let mut out = Vec::new();
    let wanted = Wanted { kinds: &KINDS, frames: &|_| true };
    view::export(trace, &wanted, &mut out).expect("writing to memory does not fail");
    let text = std::str::from_utf8(&out).expect("JSON is UTF-8");
    for line in text.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let kind = object["kind"].as_str().expect("a line says its kind");
        assert!(KINDS.contains(&kind), "{line}");
        assert!(object.get("frame").is_some(), "{line}");
    }
}
