//! Two captures side by side.

use super::line::{Line, Page, Tone};
use super::table::table;
use crate::count::{counted, grouped};
use crate::explain::{CostLayer, Pair, Untold};
use crate::filter::Evidence;

/// What follows from one difference are others: so many are shown.
const MOST: usize = 3;

/// The pair for people.
pub fn pair(pair: &Pair, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let [(one, left), (other, right)] = &pair.sides;
    page.line(Line::of(Tone::Strong, "What each took"));
    let row = |name: &str, left: u64, right: u64| {
        let sign = if right < left { '-' } else { '+' };
        let difference = format!("{sign}{}", grouped(left.abs_diff(right)));
        vec![name.to_owned(), grouped(left), grouped(right), difference]
    };
    let count = |name: &str, left: usize, right: usize| row(name, left as u64, right as u64);
    let mut rows = vec![
        count("frames", left.frames, right.frames),
        count("TCP connections", left.connections, right.connections),
        count("HTTP requests", left.requests, right.requests),
        count("pure ACKs", left.pure_acks, right.pure_acks),
        count("sent again", left.retransmissions, right.retransmissions),
    ];
    let over_udp =
        [("UDP datagrams", left.datagrams, right.datagrams), ("QUIC packets", left.quic_packets, right.quic_packets)];
    rows.extend(over_udp.iter().filter(|(_, a, b)| a + b > 0).map(|(name, a, b)| count(name, *a, *b)));
    for ((layer, left), (_, right)) in left.layers.iter().zip(&right.layers).filter(|((_, a), (_, b))| a + b > 0) {
        rows.push(row(
            &format!("octets: {}", if *layer == CostLayer::Payload { "the rest" } else { layer.name() }),
            *left,
            *right,
        ));
    }
    rows.push(row("octets in all", left.octets, right.octets));
    let lines = table(&["", "first", "second", "more"], &rows, width);
    page.extend(lines);
    page.paragraph_within(Line::of(Tone::Dim, "first   "), &Line::of(Tone::Plain, one.as_str()));
    page.paragraph_within(Line::of(Tone::Dim, "second  "), &Line::of(Tone::Plain, other.as_str()));
    page.gap();
    if pair.is_compared() {
        stories(pair, &mut page);
    } else {
        let text = "Nothing was compared: only what is told of TCP, and of QUIC that is opened, is.";
        page.paragraph_within(Line::of(Tone::Bad, "– "), &Line::of(Tone::Plain, text));
    }
    for (at, name) in ["first", "second"].into_iter().enumerate() {
        untold(pair.lines[at], name, &pair.untold[at], &mut page);
    }
    page.lines
}

/// Where their stories part, or that they do not.
fn stories(pair: &Pair, page: &mut Page) {
    if pair.partings.is_empty() {
        let text = format!(
            "Both tell the same story, all {} of it and what they quote, but for what chance and the clock have chosen. \
             Header fields of HTTP are not compared.",
            counted(pair.alike, "line")
        );
        page.paragraph_within(Line::of(Tone::Good, "✓ "), &Line::of(Tone::Plain, text));
        return;
    }
    let text = format!("Their stories are alike in {}, and part there:", counted(pair.alike, "line"));
    page.paragraph_within(Line::new(), &Line::of(Tone::Strong, text));
    for parting in pair.partings.iter().take(MOST) {
        let of = if parting.protocol == "quic" { "QUIC connection" } else { "connection" };
        page.line(Line::of(Tone::Dim, format!("on {of} {}", parting.connection)));
        for (name, line) in ["  first   ", "  second  "].into_iter().zip(&parting.lines) {
            let says = match line {
                Some((frame, way, text)) => format!("frame {frame}, {way}: {text}"),
                None => "says nothing more this way".to_owned(),
            };
            page.paragraph_within(Line::of(Tone::Title, name), &Line::of(Tone::Plain, says));
        }
    }
    if pair.partings.len() > MOST {
        let more = pair.partings.len() - MOST;
        page.line(Line::of(Tone::Dim, format!("and {} more; `--format json` names them all", counted(more, "time"))));
    }
}

/// What of a capture was not compared.
fn untold(lines: usize, name: &str, untold: &[Untold], page: &mut Page) {
    let each = untold.iter().map(|one| {
        let frames = Evidence { frames: one.frames.clone(), searched: None };
        format!("{frames} ({})", one.what)
    });
    let each: Vec<String> = each.collect();
    let text = match (lines, each.is_empty()) {
        (0, true) => format!("the {name} has nothing that can be compared"),
        (0, false) => format!("the {name} has nothing that can be compared: {}", each.join("; ")),
        (_, true) => return,
        (_, false) => format!("not compared, of the {name}: {}", each.join("; ")),
    };
    page.paragraph_within(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
}

/// The pair as one object of JSON.
pub fn pair_json(pair: &Pair) -> String {
    serde_json::to_string(pair).unwrap_or_default()
}
