//! A connection as a ladder: the client on the left, the server on the right, time runs down.
//!
//! ```text
//!       ada 127.0.0.1:51544                       server 127.0.0.1:8080
//!     1 │──── SYN ───────────────────────────────────▶│  ┐ TCP opens
//!     2 │◀─── SYN ACK ────────────────────────────────│  │
//! ```

use unicode_width::UnicodeWidthStr;

use super::fit::{fit, fit_before};
use super::line::{Line, Page, Tone};
use crate::explain::{Chapter, Form, Phase, Step};
use crate::layer::Direction;

/// Columns before the client's rail: the frame's number.
const GUTTER: usize = 6;
/// Columns behind the server's rail: which part of the connection's life it is.
const MARGIN: usize = 20;
/// Below this width the margin is left out.
const NARROW: usize = 64;

/// Draws one connection.
pub fn ladder(chapter: &Chapter, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let margin = if width < NARROW { 0 } else { MARGIN };
    let arrow = width.saturating_sub(GUTTER + 2 + margin).max(12);
    page.line(parties(chapter, arrow));
    for (i, step) in chapter.steps.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|before| chapter.steps[before].time);
        let since = step.time.zip(before).map_or(0.0, |(now, before)| now - before);
        if since >= PAUSE {
            let mut line = pause(since, arrow);
            if margin > 0 && chapter.steps[i - 1].phase == step.phase {
                line.push(Tone::Dim, " │");
            }
            page.line(line);
        }
        let mut line = rung(step, arrow);
        if margin > 0 {
            line.append(bracket(chapter, i));
        }
        page.line(line);
    }
    if !chapter.acknowledgements.is_empty() {
        let frames = crate::filter::Evidence { frames: chapter.acknowledgements.clone(), searched: None }.to_string();
        let verb = if chapter.acknowledgements.len() == 1 { "only acknowledges" } else { "only acknowledge" };
        let mut first = Line::new();
        first.pad_to(GUTTER);
        page.paragraph(
            first,
            &Line::of(Tone::Dim, format!("{frames} {verb} and not drawn").replace(" and not", ": not")),
        );
    }
    page.lines
}

/// A ladder has no scale; so long without a step is worth a word: half a second.
const PAUSE: f64 = 0.5;

fn pause(seconds: f64, arrow: usize) -> Line {
    let text = format!("{seconds:.1} s later");
    let mut line = Line::new();
    line.pad_to(GUTTER);
    line.push(Tone::Dim, "│");
    line.push(Tone::Dim, format!("{text:^arrow$}"));
    line.push(Tone::Dim, "│");
    line
}

fn parties(chapter: &Chapter, arrow: usize) -> Line {
    let mut line = Line::new();
    line.pad_to(GUTTER);
    let half = (arrow + 2) / 2;
    line.push(Tone::Strong, fit(&chapter.client, half.saturating_sub(1)));
    let server = fit(&chapter.server, half);
    line.pad_to((GUTTER + arrow + 2).saturating_sub(server.width()));
    line.push(Tone::Strong, server);
    line
}

fn rung(step: &Step, arrow: usize) -> Line {
    let tone = tone(step.phase);
    let mut line = Line::of(Tone::Dim, format!("{:>width$} ", step.frame, width = GUTTER - 1));
    line.push(Tone::Dim, "│");
    if step.form == Form::Joined {
        let text = fit_before(&step.text, &step.says_elsewhere(), arrow.saturating_sub(7));
        let used = 7 + text.width();
        line.push(tone, format!("     = {text}{}", " ".repeat(arrow.saturating_sub(used))));
    } else {
        let odd = if step.odd { "! " } else { "" };
        let text = fit_before(&format!("{odd}{}", step.text), &step.says_elsewhere(), arrow.saturating_sub(8));
        let rest = "─".repeat(arrow.saturating_sub(7 + text.width()));
        let (start, end) = match step.direction {
            Direction::ToServer => ("──── ", format!(" {rest}▶")),
            Direction::ToClient => ("◀─── ", format!(" {rest}─")),
        };
        line.push(tone, start);
        line.push(if step.odd { Tone::Bad } else { Tone::Strong }, text);
        line.push(tone, end);
    }
    line.push(Tone::Dim, "│");
    line
}

/// The bracket that holds the steps of one phase together, with the phase's name at its first step.
fn bracket(chapter: &Chapter, i: usize) -> Line {
    let phase = chapter.steps[i].phase;
    let same = |j: Option<usize>| j.and_then(|j| chapter.steps.get(j)).is_some_and(|other| other.phase == phase);
    let (before, after) = (same(i.checked_sub(1)), same(Some(i + 1)));
    let glyph = match (before, after) {
        (false, true) => "┐",
        (true, true) => "│",
        (true, false) => "┘",
        (false, false) => "╴",
    };
    let label = match (before, phase) {
        (false, _) => title(phase).to_owned(),
        (true, Phase::Open) if !same(i.checked_sub(2)) => chapter.rtt.map(milliseconds).unwrap_or_default(),
        (true, _) => String::new(),
    };
    Line::of(Tone::Dim, format!(" {glyph} ")).with(tone(phase), fit(&label, MARGIN - 3))
}

fn milliseconds(seconds: f64) -> String {
    format!("in {:.3} ms", seconds * 1e3)
}

fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Open => "TCP opens",
        Phase::Http => "HTTP",
        Phase::WebSocket => "WebSocket",
        Phase::Tls => "TLS",
        Phase::Http3 => "HTTP/3",
        Phase::WebTransport => "WebTransport",
        Phase::Data => "data",
        Phase::Close => "TCP closes",
        Phase::QuicClose => "QUIC closes",
    }
}

fn tone(phase: Phase) -> Tone {
    match phase {
        Phase::Open | Phase::Close | Phase::QuicClose => Tone::Transport,
        Phase::Http | Phase::Http3 => Tone::Http,
        Phase::WebSocket | Phase::WebTransport => Tone::WebSocket,
        Phase::Data | Phase::Tls => Tone::Payload,
    }
}
