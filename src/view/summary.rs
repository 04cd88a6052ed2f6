//! A capture in numbers, as text and as JSON.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::lesson::shell_word;
use super::line::{Line, Page, Tone};
use super::table::table;
use crate::count::{grouped, many};
use crate::explain::{ConnectionRow, Summary};
use crate::layer::{Direction, Severity};
use crate::trace::Kind;

/// So many connections are shown on a terminal.
const SHOWN: usize = 10;

/// A list of names with their counts, as an object that keeps its order.
struct Counts(Vec<(String, u64)>);

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, count) in &self.0 {
            map.serialize_entry(name, count)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct SummaryJson {
    v: u32,
    frames: u64,
    octets: u64,
    seconds: f64,
    protocols: Vec<ProtocolJson>,
    kinds: Counts,
    connections: ConnectionsJson,
    tcp: TcpJson,
    websocket: WebSocketJson,
    engineio: TypesJson,
    socketio: TypesJson,
    notes: Counts,
}

#[derive(Serialize)]
struct ProtocolJson {
    protocol: &'static str,
    frames: u64,
    octets: u64,
}

#[derive(Serialize)]
struct ConnectionsJson {
    tcp: u64,
    udp: u64,
    protocols: Counts,
    busiest: Vec<ConnectionJson>,
}

#[derive(Serialize)]
struct ConnectionJson {
    stream: usize,
    client: String,
    server: String,
    protocol: &'static str,
    frames: u32,
    octets_to_server: u64,
    octets_to_client: u64,
    messages: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct TcpJson {
    analysis: Counts,
}

#[derive(Serialize)]
struct WebSocketJson {
    opcodes: Counts,
    payload_octets: u64,
    message_octets: u64,
}

#[derive(Serialize)]
struct TypesJson {
    types: Counts,
}

/// The numbers as one line of JSON.
pub fn summary_json(summary: &Summary) -> String {
    let owned =
        |list: Vec<(&'static str, u64)>| list.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    let protocol = |(protocol, frames, octets)| ProtocolJson { protocol, frames, octets };
    let json = SummaryJson {
        v: 1,
        frames: summary.frames,
        octets: summary.octets,
        seconds: summary.seconds(),
        protocols: summary.protocols().into_iter().map(protocol).collect(),
        kinds: Counts(Kind::ALL.iter().map(|kind| (kind.name().to_owned(), summary.kind(*kind))).collect()),
        connections: ConnectionsJson {
            tcp: summary.connections,
            udp: summary.udp_streams,
            protocols: Counts(owned(summary.talks())),
            busiest: summary.busiest().into_iter().map(|row| connection_json(summary, row)).collect(),
        },
        tcp: TcpJson { analysis: Counts(summary.findings()) },
        websocket: WebSocketJson {
            opcodes: Counts(summary.opcodes()),
            payload_octets: summary.websocket_octets,
            message_octets: summary.message_octets,
        },
        engineio: TypesJson { types: Counts(summary.engineio()) },
        socketio: TypesJson { types: Counts(summary.socketio()) },
        notes: Counts(summary.severities()),
    };
    serde_json::to_string(&json).unwrap_or_default()
}

fn connection_json(summary: &Summary, row: &ConnectionRow) -> ConnectionJson {
    ConnectionJson {
        stream: summary.stream(row),
        client: row.client.to_string(),
        server: row.server.to_string(),
        protocol: row.protocol,
        frames: row.frames,
        octets_to_server: row.octets_in(Direction::ToServer),
        octets_to_client: row.octets_in(Direction::ToClient),
        messages: row.messages,
        seconds: row.nanoseconds as f64 / 1e9,
    }
}

/// The numbers for people; `file` is where they come from.
pub fn summary(summary: &Summary, file: &str, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    title(&mut page, "Frames by protocol");
    let row = |(name, frames, octets): (&str, u64, u64)| vec![name.to_owned(), grouped(frames), grouped(octets)];
    let rows: Vec<Vec<String>> = summary.protocols().into_iter().map(row).collect();
    page.lines.extend(table(&["protocol", "frames", "octets"], &rows, width));
    let messages: Vec<(&str, u64)> = Kind::ALL
        .iter()
        .filter(|kind| !matches!(kind, Kind::Packet | Kind::Note))
        .map(|kind| (kind.name(), summary.kind(*kind)))
        .filter(|(_, count)| *count > 0)
        .collect();
    if !messages.is_empty() {
        title(&mut page, "Messages by kind");
        let rows: Vec<Vec<String>> = messages
            .iter()
            .map(|(name, count)| vec![(*name).to_owned(), grouped(*count), details(summary, name)])
            .collect();
        page.lines.extend(table(&["kind", "messages", "of these"], &rows, width));
    }
    connections(summary, &mut page);
    let findings = summary.findings();
    if !findings.is_empty() {
        title(&mut page, "TCP segments by what they are to those before them");
        page.paragraph(Line::new(), &Line::of(Tone::Plain, listed(&findings)));
    }
    remarks(summary, file, &mut page);
    page.lines
}

/// So many remarks are told.
const TOLD: usize = 5;

fn remarks(summary: &Summary, file: &str, page: &mut Page) {
    let severities = summary.severities().into_iter().filter(|(severity, _)| severity != "chat");
    let severities: Vec<(String, u64)> = severities.collect();
    if severities.is_empty() {
        return;
    }
    title(page, "Worth a remark");
    let noun = |severity: &str| if severity == "warn" { "warning".to_owned() } else { severity.to_owned() };
    let each: Vec<String> = severities.iter().map(|(severity, count)| many(*count, &noun(severity))).collect();
    page.paragraph(Line::new(), &Line::of(Tone::Plain, each.join(", ")));
    let mut others: u64 = severities.iter().map(|(_, count)| count).sum();
    for remark in summary.remarks.list().into_iter().take(TOLD) {
        let tone = if remark.severity >= Severity::Warn { Tone::Bad } else { Tone::Warn };
        let clause = if remark.spec.is_empty() { String::new() } else { format!(" ({})", remark.spec) };
        let mut body = Line::of(Tone::Plain, format!("{}{clause}", remark.text));
        if remark.times > 1 {
            body.push(Tone::Dim, format!(" · {} times", grouped(remark.times)));
        }
        page.paragraph_within(Line::of(tone, format!("  {:<6}", remark.severity)), &body);
        others = others.saturating_sub(remark.times);
    }
    let more = if others > 0 { format!("and {} more; ", grouped(others)) } else { String::new() };
    let help = format!("{more}`wiretale export {} --kinds note` lists them.", shell_word(file));
    page.paragraph(Line::new(), &Line::of(Tone::Dim, help));
}

fn connections(summary: &Summary, page: &mut Page) {
    let rows = summary.busiest();
    if rows.is_empty() {
        return;
    }
    let shown = rows.len().min(SHOWN);
    let what = if summary.connections as usize > shown {
        format!("TCP connections: the {shown} busiest of {}", grouped(summary.connections))
    } else {
        "TCP connections".to_owned()
    };
    title(page, &what);
    let cells = |row: &&ConnectionRow| {
        vec![
            summary.stream(row).to_string(),
            format!("{} → {}", row.client, row.server),
            row.protocol.to_owned(),
            grouped(row.frames.into()),
            grouped(row.octets_in(Direction::ToServer)),
            grouped(row.octets_in(Direction::ToClient)),
            grouped(row.messages),
        ]
    };
    let cells: Vec<Vec<String>> = rows.iter().take(SHOWN).map(cells).collect();
    let head = ["no.", "client → server", "speaks", "frames", "octets →", "octets ←", "messages"];
    page.lines.extend(table(&head, &cells, page.width));
    if summary.talks().len() > 1 {
        let talks: Vec<(String, u64)> =
            summary.talks().into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        page.paragraph(Line::new(), &Line::of(Tone::Dim, format!("All of them: {}.", listed(&talks))));
    }
}

/// What the messages of a kind are, where there are several sorts.
fn details(summary: &Summary, kind: &str) -> String {
    match kind {
        "websocket.frame" => listed(&summary.opcodes()),
        "engineio.packet" => listed(&summary.engineio()),
        "socketio.packet" => listed(&summary.socketio()),
        "websocket.message" => format!("{} of payload", many(summary.message_octets, "octet")),
        _ => String::new(),
    }
}

fn listed(counts: &[(String, u64)]) -> String {
    let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{} {name}", grouped(*count))).collect();
    parts.join(", ")
}

fn title(page: &mut Page, text: &str) {
    if !page.lines.is_empty() {
        page.lines.push(Line::new());
    }
    page.paragraph(Line::new(), &Line::of(Tone::Title, text));
}
