//! `wiretale doctor`: what this machine allows.

use super::Ending;
use super::failure::Failure;
use super::output::Output;
use crate::lab::{self, Check, Place};
use crate::view::{Line, Page, Tone};

pub(super) fn run(out: &mut Output) -> Result<Ending, Failure> {
    let report = lab::doctor();
    let mut page = Page::new(out.width);
    page.line(Line::of(Tone::Title, "What this machine allows"));
    page.gap();
    for check in &report.checks {
        describe(check, &mut page);
    }
    page.gap();
    let (tone, sentence) = match &report.place {
        Place::Private { .. } => (Tone::Good, format!("Lessons run live here: {}.", report.place)),
        Place::HostLoopback { .. } => (Tone::Warn, format!("Lessons run live on {}.", report.place)),
        Place::Nowhere { .. } => {
            (Tone::Bad, "Lessons cannot run live here: they show their saved captures.".to_owned())
        }
    };
    page.paragraph(Line::new(), &Line::of(tone, sentence));
    out.lines(page.lines)?;
    out.flush()?;
    Ok(if matches!(report.place, Place::Nowhere { .. }) { Ending::NotAllowed } else { Ending::Done })
}

fn describe(check: &Check, page: &mut Page) {
    let (mark, tone) = match check.works {
        Some(true) => ("✓ ", Tone::Good),
        Some(false) => ("✗ ", Tone::Bad),
        None => ("· ", Tone::Dim),
    };
    page.paragraph(Line::of(tone, mark), &Line::of(Tone::Plain, check.name.as_str()));
    if let Some(reason) = &check.reason {
        page.paragraph(Line::of(Tone::Plain, "    "), &Line::of(Tone::Plain, reason.as_str()));
    }
    if let Some(fix) = &check.fix {
        page.line(Line::of(Tone::Plain, "    ").with(Tone::Strong, fix.as_str()));
    }
}
