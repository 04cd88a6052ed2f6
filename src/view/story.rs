//! A whole capture: its ladders, its notes, its packets.

use super::ladder::ladder;
use std::net::SocketAddr;

use super::fit::{fit, fit_quoting};
use super::line::{Line, Page, Tone};
use crate::count::grouped;
use crate::explain::{Cast, Chapter, Confidence, Finding, Recognised, Story, title};
use crate::filter::Evidence;
use crate::layer::Severity;
use crate::protocol::text::tamed;
use crate::trace::{Message, Talk, Trace, ends_of};

/// The ladders of all connections, each with its heading; `help` says where frames can be seen that have no line.
pub fn story(story: &Story, help: Option<&str>, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for chapter in &story.chapters {
        page.gap();
        page.heading(Line::of(Tone::Strong, format!("connection {}", chapter.connection)), &spoken_on(chapter));
        page.gap();
        page.extend(ladder(chapter, width));
    }
    for chapter in &story.quic {
        page.gap();
        page.heading(
            Line::of(Tone::Strong, format!("QUIC connection {}", chapter.connection)),
            &Line::of(Tone::Dim, format!("(quic.connection.number {}, HTTP/3)", chapter.connection)),
        );
        page.gap();
        page.extend(ladder(chapter, width));
    }
    if story.chapters.iter().chain(&story.quic).any(|chapter| chapter.steps.iter().any(|step| step.odd)) {
        page.gap();
        let body =
            Line::of(Tone::Dim, "! stands where something is odd: it is told below, and by `peel` of that frame");
        page.paragraph(Line::new(), &body);
    }
    if !story.others.is_empty() {
        page.gap();
        let frames = Evidence { frames: story.others.clone(), searched: None }.to_string();
        let why = if story.quic.is_empty() { "in no TCP connection" } else { "in no line above" };
        let help = help.map(|help| format!("; {help}")).unwrap_or_default();
        let body = Line::of(Tone::Dim, format!("{frames}: {why}{help}"));
        page.paragraph(Line::new(), &body);
    }
    page.lines
}

/// The number of a connection as filters know it, and its protocols.
fn spoken_on(chapter: &Chapter) -> Line {
    let name = |talk| match talk {
        Talk::Known("websocket") if chapter.began_as_http => "HTTP, then WebSocket",
        Talk::Known(protocol) => title(protocol),
        Talk::Silent => "nothing was said",
        Talk::Unknown => "a protocol that is not known here",
    };
    let inside = chapter.inside.map(|talk| format!(", and inside it {}", name(talk)));
    let spoken = format!("{}{}", name(chapter.talk), inside.unwrap_or_default());
    Line::of(Tone::Dim, format!("(tcp.stream {}, {spoken})", chapter.connection))
}

/// How clients use HTTP to learn what is new, as far as it is seen, and how sure that is.
pub fn habits(recognised: &[Recognised], cast: &Cast, wanted: &dyn Fn(u32) -> bool, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for one in recognised.iter().filter(|one| one.frames.iter().any(|frame| wanted(*frame))) {
        let server = cast.name(one.server).map_or_else(|| one.server.to_string(), str::to_owned);
        let path: String = one.path.chars().take(60).collect();
        let tone = if one.confidence == Confidence::Certain { Tone::Good } else { Tone::Warn };
        let frames = Evidence { frames: one.frames.clone(), searched: None }.to_string();
        let body = Line::of(Tone::Strong, one.habit.name())
            .with(Tone::Plain, format!(" of {path} at {server}: {}", one.why))
            .with(Tone::Dim, format!(" · {frames}"));
        page.paragraph_within(Line::of(tone, format!("  {:<9}", one.confidence.word())), &body);
    }
    page.lines
}

/// More different remarks than this are counted, not shown.
const MAX_REMARKS: usize = 60;

/// What went wrong or is odd, with the frames that show it; of what is in none of the wanted frames nothing is said.
pub fn findings(found: &[Finding], wanted: &dyn Fn(u32) -> bool, width: usize) -> Vec<Line> {
    let shown = found.iter().filter(|one| one.frames.is_empty() || one.frames.iter().any(|frame| wanted(*frame)));
    let (mut page, all) = (Page::new(width), shown.clone().count());
    for one in shown.take(MAX_REMARKS) {
        remark(&mut page, one.severity, &one.text, one.spec, &one.frames);
    }
    if all > MAX_REMARKS {
        page.line(Line::of(Tone::Dim, format!("  and {} more; `--where` narrows", all - MAX_REMARKS)));
    }
    page.lines
}

fn remark(page: &mut Page, severity: Severity, text: &str, spec: &str, frames: &[u32]) {
    let place = if frames.is_empty() { "the capture".into() } else { places(frames) };
    let tone = if severity >= Severity::Warn { Tone::Bad } else { Tone::Warn };
    let clause = if spec.is_empty() { String::new() } else { format!(" ({spec})") };
    let body = Line::of(Tone::Plain, format!("{text}{clause}")).with(Tone::Dim, format!(" · {place}"));
    page.paragraph_within(Line::of(tone, format!("  {severity:<6}")), &body);
}

/// What was written on the frames, each sentence with the frames it is on.
pub fn comments(written: &[(&str, Vec<u32>)], width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    for (comment, frames) in written.iter().take(MAX_REMARKS) {
        let safe = tamed(comment);
        let body = Line::of(Tone::Plain, safe).with(Tone::Dim, format!(" · {}", places(frames)));
        page.paragraph_within(Line::of(Tone::Dim, "  • "), &body);
    }
    page.lines
}

fn places(frames: &[u32]) -> String {
    Evidence { frames: frames.to_vec(), searched: None }.to_string()
}

/// From here on two addresses find room in a line.
const WIDE: usize = 110;

/// Spaces between columns of a list of packets.
const BETWEEN: usize = 2;
/// What a frame says takes at least so many columns: with fewer nobody would know what it is.
const SAYS: usize = 14;

/// A head, and then a line per frame: number, time, ends, octets, what it says. On a narrow page the latter has a line of its
/// own.
pub fn packets(trace: &Trace, cast: &Cast, wanted: &dyn Fn(u32) -> bool, width: usize) -> Vec<Vec<Line>> {
    let name = |address: SocketAddr, other: SocketAddr| match cast.name(address) {
        Some(name) => name.to_owned(),
        // Of a machine that speaks to itself the ports tell who is who, where there is little room.
        None if width < WIDE && address.ip() == other.ip() => format!(":{}", address.port()),
        None => address.to_string(),
    };
    let ends: Vec<(u32, String)> = trace
        .records()
        .filter(|(number, _)| wanted(*number))
        .map(|(number, record)| {
            let packet = record.whole().0;
            let ends = match (ends_of(packet), &packet.net) {
                (Some((from, to)), _) => format!("{} → {}", name(from, to), name(to, from)),
                (None, Some(net)) => format!("{} → {}", net.source, net.destination),
                (None, None) => String::new(),
            };
            (number, ends)
        })
        .collect();
    let columns = Columns::of(trace, ends.iter().map(|(number, _)| *number));
    let fixed = columns.width();
    let widest = ends.iter().map(|(_, ends)| ends.chars().count()).max().unwrap_or(0);
    // Addresses are cut a little for what is said, but not to pieces: then it stands below, and leaves them its room.
    let column = widest.min(width / 3).min(width.saturating_sub(fixed + SAYS).max(width / 4));
    let beside = fixed + column + SAYS <= width;
    let column = if beside { column } else { widest.min(width.saturating_sub(fixed - BETWEEN)) };
    let Columns { number: n, seconds: s, octets: o } = columns;
    let head = format!("{:>n$} {:>s$}  {:<column$}  {:>o$}", "frame", "seconds", "from → to", "octets");
    let head = head + if beside { "  says" } else { "" };
    let mut lines = vec![vec![Line::of(Tone::Dim, fit(&head, width))]];
    for (number, ends) in &ends {
        let Some(record) = trace.record(*number) else { continue };
        let mut line = Line::of(Tone::Plain, format!("{number:>n$} {:>s$}  ", seconds(trace, *number)));
        line.push(Tone::Dim, format!("{:<column$}  ", fit(ends, column)));
        line.push(Tone::Plain, format!("{:>o$}  ", grouped(record.frame.len.into())));
        let mut of_frame = Vec::new();
        if let Some((protocol, says)) = said(trace, *number) {
            if !beside {
                line.trim();
                of_frame.push(std::mem::replace(&mut line, Line::of(Tone::Plain, " ".repeat(7))));
            }
            let room = width.saturating_sub(line.width());
            line.push(Tone::of(protocol), fit_quoting(&format!("{protocol}: {says}"), room));
        }
        line.trim();
        of_frame.push(line);
        lines.push(of_frame);
    }
    lines
}

/// How wide the numbers in a list of packets are.
struct Columns {
    number: usize,
    seconds: usize,
    octets: usize,
}

impl Columns {
    /// As wide as these frames take, and no less than their heads.
    fn of(trace: &Trace, frames: impl Iterator<Item = u32>) -> Self {
        let mut columns = Self { number: 5, seconds: 10, octets: 6 };
        for number in frames {
            let octets = trace.record(number).map_or(0, |record| grouped(record.frame.len.into()).chars().count());
            columns.number = columns.number.max(number.to_string().len());
            columns.seconds = columns.seconds.max(seconds(trace, number).len());
            columns.octets = columns.octets.max(octets);
        }
        columns
    }

    /// All of them, and what is between them and the others.
    fn width(&self) -> usize {
        self.number + 1 + self.seconds + BETWEEN + BETWEEN + self.octets + BETWEEN
    }
}

fn seconds(trace: &Trace, number: u32) -> String {
    trace.time(number).map(|seconds| format!("{seconds:.6}")).unwrap_or_default()
}

/// The protocol that says most of a frame, and what it says.
fn said(trace: &Trace, number: u32) -> Option<(&'static str, String)> {
    let layers = trace.layers(number);
    // `data` says only how much no dissector took: the layer that carries it says more, a datagram's ports. What ICMP
    // quotes it does not carry.
    let reports = layers.iter().find(|layer| matches!(layer.protocol, "icmp" | "icmpv6"));
    let last =
        reports.or_else(|| layers.iter().rfind(|layer| !matches!(layer.protocol, "websocket.handshake" | "data")));
    let layer = last?;
    let of_it = |message: &&Message| message.payload.protocol() == layer.protocol;
    let messages = trace.messages_in(number);
    let owns = messages.iter().filter(of_it).rfind(|message| message.owns_bytes());
    let message = owns.or_else(|| messages.iter().rfind(of_it));
    let says = message.map_or_else(|| layer.summary.clone(), |message| trace.summary(message));
    Some((layer.protocol, says))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{commented, noted};
    use crate::trace::testing::Conversation;

    /// What peers chose is quoted in remarks, and may be long without a space.
    #[test]
    fn what_peers_say_fits_the_page() {
        let mut talk = Conversation::new().open();
        let path = "x".repeat(50);
        talk.client(format!("GET /{path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {path}\r\n\r\n"));
        talk.frames[0].comments.extend(["", "y".repeat(300).as_str(), " "].map(str::to_owned));
        let trace = talk.trace();
        let (all, width) = (|_: u32| true, 40);
        let told =
            [findings(&noted(&trace, &all), &all, width), comments(&commented(&trace, &all), width)].map(|lines| {
                assert!(lines.iter().all(|line| line.width() <= width), "{lines:#?}");
                lines.iter().map(Line::text).collect::<String>().replace(' ', "")
            });
        assert_eq!(told[1].matches('•').count(), 1, "nothing is said of an empty comment");
        assert!(told[0].contains(&path[..32]) && told[1].contains(&"y".repeat(300)), "{told:#?}");
        let listed = |width| packets(&trace, &Cast::default(), &all, width);
        assert!(listed(width).iter().flatten().all(|line| line.width() <= width));
        for width in [40, 50, 60, 80] {
            let frames = &listed(width)[1..];
            assert!(frames.iter().flatten().all(|line| line.width() <= width));
            assert!(frames[0].iter().any(|line| line.text().contains("tcp: ")), "{width}: {frames:#?}");
            let rows = frames.iter().flatten().count();
            assert_eq!(rows, if width < 56 { 2 * frames.len() } else { frames.len() }, "{width}: {frames:#?}");
        }
    }

    /// Whatever numbers stand in them, columns stand below their heads.
    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut talk = Conversation::new().open();
        talk.client("x").client("y".repeat(1_200));
        talk.frames[3].time.0 += 123_456_000_000_000;
        talk.frames[4].time.0 += 123_456_000_000_000;
        let trace = talk.trace();
        for width in [80, 120] {
            let listed = packets(&trace, &Cast::default(), &|_| true, width);
            let rows: Vec<String> = listed.iter().map(|rows| rows[0].text()).collect();
            let octets = rows[0].find("octets").unwrap() + "octets".len();
            let column = |row: &String| row.char_indices().filter(|(_, c)| *c == ':').map(|(at, _)| at).next();
            assert!(rows[1..].iter().all(|row| column(row) == column(&rows[1])), "{rows:#?}");
            let before: String = rows[5].chars().take(rows[0][..octets].chars().count()).collect();
            assert!(before.ends_with("1\u{a0}240"), "{before:?} of {rows:#?}");
            assert!(rows[5].contains(" 123456.00"), "{rows:#?}");
        }
    }
}
