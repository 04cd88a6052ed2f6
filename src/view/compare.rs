//! A comparison as tables and bars.

use super::line::{Line, Page, Tone};
use super::table::table;
use crate::count::{counted, grouped};
use crate::explain::{Comparison, Contender, CostLayer};

/// How long the longest bar is.
const BAR: usize = 40;

/// The comparison for people.
pub fn comparison(compared: &Comparison, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    let head = Line::of(Tone::Title, compared.what()).with(Tone::Dim, format!(" · {}", compared.place));
    page.paragraph(Line::new(), &head);
    page.gap();
    page.paragraph(Line::new(), &Line::of(Tone::Strong, "What each took"));
    let (columns, rows) = taken(compared);
    page.extend(table(&columns, &rows, width));
    page.gap();
    page.paragraph(
        Line::new(),
        &Line::of(Tone::Strong, "How long it took, ms").with(Tone::Dim, ", from sending to receiving"),
    );
    let (columns, rows) = times(compared);
    page.extend(table(&columns, &rows, width));
    page.gap();
    page.paragraph(Line::new(), &Line::of(Tone::Strong, "Where the octets went"));
    let (columns, rows) = by_layer(compared);
    page.extend(table(&columns, &rows, width));
    page.gap();
    bars(compared, &mut page);
    scaled(compared, &mut page);
    paced(compared, &mut page);
    repeated(compared, &mut page);
    sentences(compared, &mut page);
    page.lines
}

/// What each transport took: the names of the columns, and the rows. What was lost and what arrived stands there if anything
/// was to be lost.
pub(super) fn taken(compared: &Comparison) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut columns = vec!["", "TCP", "asked", "empty", "frames", "ACKs", "again", "octets", "×"];
    if compared.loss.is_some() {
        columns.splice(6..6, ["lost"]);
        columns.push("arrived");
    }
    let row = |one: &Contender| {
        let cost = &one.cost;
        let overhead = one.overhead(compared.payload_octets()).map_or("–".into(), |times| format!("{times:.1}"));
        let mut cells = vec![
            one.transport.clone(),
            grouped(cost.connections as u64),
            grouped(cost.requests as u64),
            grouped(cost.empty_answers as u64),
            grouped(cost.frames as u64),
            grouped(cost.pure_acks as u64),
            grouped(cost.retransmissions as u64),
            grouped(cost.octets),
            overhead,
        ];
        if compared.loss.is_some() {
            cells.insert(6, one.lost.map_or("–".to_owned(), |lost| grouped(lost as u64)));
            cells.push(format!("{} of {}", one.arrived, one.sent));
        }
        cells
    };
    (columns, compared.contenders.iter().map(row).collect())
}

/// The times of each transport's events, and what it holds open: the names of the columns, and the rows.
pub(super) fn times(compared: &Comparison) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut columns = vec!["", "fastest", "median", "95 %", "slowest", "open"];
    let is_idle = compared.idle > 0.0;
    if is_idle {
        columns.push("idle/min");
    }
    let row = |one: &Contender| {
        let time = |percent| match one.latency(percent) {
            Some(time) => format!("{:.2}", time.as_secs_f64() * 1e3),
            None => "–".to_owned(),
        };
        let mut cells = vec![one.transport.clone()];
        cells.extend([0, 50, 95, 100].map(time));
        cells.push(format!("{:.2}", one.cost.held_open));
        if is_idle {
            cells.push(one.cost.idle_per_minute.map_or("–".to_owned(), rounded));
        }
        cells
    };
    (columns, compared.contenders.iter().map(row).collect())
}

/// A number without what is behind its point.
fn rounded(number: f64) -> String {
    grouped(number.round() as u64)
}

/// A row for each layer, a column for each transport.
pub(super) fn by_layer(compared: &Comparison) -> (Vec<&str>, Vec<Vec<String>>) {
    let of = |one: &Contender, layer: &CostLayer| {
        one.cost.layers.iter().find(|(known, _)| known == layer).map_or(0, |(_, sum)| *sum)
    };
    let used = |layer: &CostLayer| compared.contenders.iter().any(|one| of(one, layer) > 0);
    let columns = [""].into_iter().chain(compared.contenders.iter().map(|one| one.transport.as_str())).collect();
    let row = |layer: CostLayer| {
        let cells = compared.contenders.iter().map(|one| grouped(of(one, &layer)));
        std::iter::once(layer.name().to_owned()).chain(cells).collect()
    };
    let sums = compared.contenders.iter().map(|one| {
        let sum: u64 = CostLayer::ALL.iter().map(|layer| of(one, layer)).sum();
        format!("{} {}", grouped(sum), if sum == one.cost.octets { "✓" } else { "≠" })
    });
    let mut rows: Vec<Vec<String>> = CostLayer::ALL.into_iter().filter(used).map(row).collect();
    rows.push(std::iter::once("sum".to_owned()).chain(sums).collect());
    (columns, rows)
}

/// From one event to the next, as bars.
fn bars(compared: &Comparison, page: &mut Page) {
    let per_event = |one: &Contender| one.cost.per_event;
    let longest = compared.contenders.iter().filter_map(per_event).fold(0.0, f64::max);
    if longest <= 0.0 {
        return;
    }
    page.paragraph(
        Line::new(),
        &Line::of(Tone::Strong, "Octets from one event to the next").with(Tone::Dim, ", once it is set up"),
    );
    let name = compared.contenders.iter().map(|one| one.transport.len()).max().unwrap_or(0);
    for one in &compared.contenders {
        let Some(octets) = per_event(one) else { continue };
        let longest_bar = BAR.min(page.width.saturating_sub(name + 34)).max(8);
        let filled = ((octets / longest) * longest_bar as f64).round().max(1.0) as usize;
        let mut line = Line::of(Tone::Plain, format!("  {:name$}  ", one.transport));
        line.push(tone(&one.transport), "▒".repeat(filled));
        line.push(Tone::Plain, format!(" {}", rounded(octets)));
        let set_up = format!("  after {} to set up", grouped(one.cost.before));
        if line.width() + set_up.chars().count() <= page.width {
            line.push(Tone::Dim, set_up);
        }
        page.line(line);
    }
    page.gap();
}

/// As articles of old counted: bits in one of their Mbps.
const MEBI: f64 = 1_048_576.0;

/// So many clients at this pace.
const CLIENTS: [u64; 3] = [1_000, 10_000, 100_000];

fn scaled(compared: &Comparison, page: &mut Page) {
    let row = |one: &Contender| {
        let rates = CLIENTS.map(|clients| one.bits_a_second(clients, compared.every));
        let cell = |bits: Option<f64>, unit: f64| match bits.map(|bits| bits / unit) {
            Some(rate) if rate < 10.0 => format!("{rate:.1}"),
            Some(rate) => rounded(rate),
            None => "–".to_owned(),
        };
        let cells = rates.map(|rate| cell(rate, 1e6));
        let last = cell(rates[CLIENTS.len() - 1], MEBI);
        [one.transport.clone()].into_iter().chain(cells).chain([last]).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = compared.contenders.iter().map(row).collect();
    page.paragraph(
        Line::new(),
        &Line::of(Tone::Strong, "So many clients at this pace, Mbit/s").with(Tone::Dim, ": arithmetic, not measured"),
    );
    let clients = CLIENTS.map(|clients| format!("{} clients", grouped(clients)));
    let columns = [""].into_iter().chain(clients.iter().map(String::as_str)).chain(["in Mbps of 2^20 bits"]);
    page.extend(table(&columns.collect::<Vec<_>>(), &rows, page.width));
    page.gap();
}

/// What each takes at different paces, if idling was measured.
fn paced(compared: &Comparison, page: &mut Page) {
    if compared.idle <= 0.0 || compared.contenders.iter().all(|one| one.octets_a_minute(1.0, compared).is_none()) {
        return;
    }
    let names = Comparison::RATES.map(|rate| format!("{rate}"));
    let columns: Vec<&str> = [""].into_iter().chain(names.iter().map(String::as_str)).collect();
    let row = |one: &Contender| {
        let taken = Comparison::RATES.map(|rate| match one.octets_a_minute(rate, compared) {
            Some(octets) => rounded(octets),
            None => "–".to_owned(),
        });
        std::iter::once(one.transport.clone()).chain(taken).collect::<Vec<String>>()
    };
    let rows: Vec<Vec<String>> = compared.contenders.iter().map(row).collect();
    page.paragraph(
        Line::new(),
        &Line::of(Tone::Strong, "Octets a minute for a client, at so many events a minute")
            .with(Tone::Dim, ": arithmetic"),
    );
    page.extend(table(&columns, &rows, page.width));
    let cheapest = Comparison::RATES.map(|rate| compared.cheapest_at(rate).map(|one| (rate, one.transport.as_str())));
    let mut said: Vec<(f64, f64, &str)> = Vec::new();
    for (rate, name) in cheapest.into_iter().flatten() {
        match said.last_mut() {
            Some(last) if last.2 == name => last.1 = rate,
            _ => said.push((rate, rate, name)),
        }
    }
    let parts = said.iter().map(|(from, to, name)| match from == to {
        true => format!("at {from} events a minute {name}"),
        false => format!("from {from} to {to} events a minute {name}"),
    });
    let idle = compared.idle;
    let text = format!(
        "Least is taken {}. What a program says by itself more rarely than the {idle} s that were watched is not in it, but \
         the heartbeats of Socket.IO are.",
        parts.collect::<Vec<_>>().join(", ")
    );
    page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
    for (one, beat) in compared.contenders.iter().filter_map(|one| Some((one, one.cost.heartbeat?))) {
        let text = format!(
            "{}: a heartbeat takes {} octets, and its server asks every {} s: {} octets a minute for each client. They were \
             measured in a play of their own, in which it asks more often.",
            one.transport,
            rounded(beat.octets),
            beat.every,
            rounded(beat.octets_a_minute())
        );
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
    }
    page.gap();
}

fn repeated(compared: &Comparison, page: &mut Page) {
    let several = compared.contenders.iter().filter(|one| one.runs.len() > 1);
    let mut is_said = false;
    for one in several {
        let (Some(least), Some(most)) = (one.runs.first(), one.runs.last()) else { continue };
        let text = format!(
            "{}: {} octets in the middle of {} runs, {} to {}",
            one.transport,
            grouped(one.cost.octets),
            one.runs.len(),
            grouped(*least),
            grouped(*most)
        );
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
        is_said = true;
    }
    if is_said {
        page.gap();
    }
}

fn tone(transport: &str) -> Tone {
    match transport {
        "websocket" => Tone::WebSocket,
        "tcp" | "udp" => Tone::Transport,
        _ => Tone::Http,
    }
}

/// What follows from the numbers, and what they are.
fn sentences(compared: &Comparison, page: &mut Page) {
    for (other, events) in compared.pay_offs() {
        let text = match events {
            Some(1) => format!("From the first event on WebSocket costs less than {}.", other.transport),
            Some(events) => format!("After {events} events WebSocket has cost less than {}.", other.transport),
            None => format!("WebSocket never costs less than {} here.", other.transport),
        };
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
    }
    if compared.get("websocket").is_some() && compared.contenders.len() > 1 {
        page.gap();
    }
    for one in &compared.contenders {
        let Some(every) = one.asks_every(compared) else { continue };
        let (most, middle) = (every * 1e3, every * 5e2);
        let text = format!(
            "{} asks every {most:.1} ms: what happens in between waits {middle:.1} ms on average, and {most:.1} at most, until \
             somebody asks.",
            one.transport
        );
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
    }
    let (seen, of) = compared.between();
    if of > 0 {
        let events = counted(of, "event");
        let text = format!(
            "Checked by another clock: of {events} the capture has {seen} between the moment a program sent them and the moment \
             another had them."
        );
        page.paragraph(Line::of(Tone::Plain, "· "), &Line::of(Tone::Plain, text));
    }
    let legend = "TCP: connections opened. asked: requests of HTTP; empty: answered with nothing. ACKs: frames that only \
                  acknowledge; again: segments sent again. ×: octets on the wire for each octet of payload. ✓: the sum over \
                  the layers is that over the frames, ≠ that it is not. Times are from the call that sends to the \
                  call that has received, as both programs noted it; what a client does not know yet because it has not \
                  asked is not in it. 95 %: so many took no longer. open: TCP connections held open, on average. \
                  The sentences are arithmetic on what was measured.";
    page.paragraph(Line::new(), &Line::of(Tone::Dim, legend));
    if compared.idle > 0.0 {
        let legend = "idle/min: octets in a minute without events, heartbeats included; who polls long is answered with nothing \
                      after 10 s at most.";
        page.paragraph(Line::new(), &Line::of(Tone::Dim, legend));
    }
    if compared.loss.is_some() {
        let legend = "lost: segments and datagrams with data that the wire lost, whichever way; each stands among the frames, as \
                      it was sent. arrived: of all events so many; TCP sends again, two small ones maybe in one, nobody sends a \
                      datagram again. What was lost twice in a row passes, and so do SYNs and a client's first datagram; \
                      each way loses at most 1\u{a0}000.";
        page.paragraph(Line::new(), &Line::of(Tone::Dim, legend));
    }
}

/// The tables in Markdown.
pub fn comparison_markdown(compared: &Comparison) -> String {
    let row = |cells: &[&str]| format!("| {} |\n", cells.join(" | "));
    let table = |head: &[&str], rows: &[Vec<String>]| {
        let line = vec!["---"; head.len()];
        let body = rows.iter().map(|cells| row(&cells.iter().map(String::as_str).collect::<Vec<_>>()));
        row(head) + &row(&line) + &body.collect::<String>()
    };
    let (taken_columns, taken) = taken(compared);
    let (head, layers) = by_layer(compared);
    let (columns, times) = times(compared);
    let tables = [table(&taken_columns, &taken), table(&columns, &times), table(&head, &layers)].join("\n");
    format!("{} · {}\n\n{tables}", compared.what(), compared.place)
}

/// The comparison as one object of JSON.
pub fn comparison_json(compared: &Comparison) -> String {
    serde_json::to_string(compared).unwrap_or_default()
}

/// The comparison as CSV (RFC 4180): a row for each transport.
pub fn comparison_csv(compared: &Comparison) -> String {
    let mut head = "transport,connections,requests,empty_answers,frames,pure_acks,retransmissions,octets".to_owned();
    CostLayer::ALL.iter().for_each(|layer| head.push_str(&format!(",{}", layer.name().to_lowercase())));
    head.push_str(
        ",octets_before,octets_per_event,min_ns,median_ns,p95_ns,max_ns,held_open,idle_octets_per_minute,sent,arrived,lost\r\n",
    );
    let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    compared.contenders.iter().fold(head, |mut out, one| {
        let cost = &one.cost;
        let mut cells: Vec<String> = vec![one.transport.clone()];
        let counts =
            [cost.connections, cost.requests, cost.empty_answers, cost.frames, cost.pure_acks, cost.retransmissions];
        cells.extend(counts.iter().map(usize::to_string));
        cells.push(cost.octets.to_string());
        cells.extend(cost.layers.iter().map(|(_, sum)| sum.to_string()));
        cells.extend([cost.before.to_string(), number(cost.per_event)]);
        let time = |percent| one.latency(percent).map_or(String::new(), |time| time.as_nanos().to_string());
        cells.extend([0, 50, 95, 100].map(time));
        cells.extend([cost.held_open.to_string(), number(cost.idle_per_minute)]);
        cells.extend([one.sent.to_string(), one.arrived.to_string()]);
        cells.push(one.lost.map_or(String::new(), |lost| lost.to_string()));
        out.push_str(&cells.join(","));
        out + "\r\n"
    })
}
