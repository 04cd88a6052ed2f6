//! What the captures of a case say, set beside what was published.

use super::{ARTICLE, BATCHED, BATCHES, Case, CaseTable, CaseTold, EVERY, PUSH, Published, ROUNDS, SHORT, UPDATE};
use crate::explain::Cost;
use crate::layer::Direction;
use crate::protocol::{HttpMessage, Side, WebSocketFrame};
use crate::trace::Trace;

/// What one exchange weighs, measured on the first.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    /// Header octets of HTTP or WebSocket, and how many of them end lines.
    header: u64,
    line_ends: u64,
    /// Everything above TCP.
    above_tcp: u64,
    /// Octets of frames from one event to the next.
    wire: f64,
}

fn weight(trace: &Trace, direction: Direction, payload: usize) -> Weight {
    let mut weight = Weight { wire: Cost::of(trace, direction, payload).per_event.unwrap_or(0.0), ..Weight::default() };
    let mut sides = [false; 2];
    for message in trace.messages() {
        let bytes = trace.bytes(message);
        let http = message.payload_as::<HttpMessage>().filter(|http| http.status() != Some(101));
        let frame = message.payload_as::<WebSocketFrame>().filter(|frame| frame.payload_len == payload as u64);
        let header = match (http, frame) {
            (Some(http), _) => bytes.len().saturating_sub(http.body(bytes).len()),
            (None, Some(frame)) if message.direction == direction => usize::from(frame.header_len),
            _ => continue,
        };
        let asks_for_websocket = http.is_some_and(|http| http.header(bytes, "upgrade").is_some());
        let side = usize::from(http.is_some_and(|http| http.side == Side::Response));
        if asks_for_websocket || std::mem::replace(&mut sides[side], true) {
            continue;
        }
        weight.header += header as u64;
        weight.above_tcp += bytes.len() as u64;
        weight.line_ends +=
            2 * bytes.get(..header).map_or(0, |head| head.windows(2).filter(|two| two == b"\r\n").count() as u64);
    }
    weight
}

pub(super) fn quantum_leap(traces: &[Trace]) -> CaseTold {
    let of = |n: usize| traces.get(n).map(|trace| weight(trace, Direction::ToClient, UPDATE)).unwrap_or_default();
    let (polling, websocket) = (of(0), of(1));
    let chars = polling.header - polling.line_ends;
    let row = |what: &str, polling: f64, websocket: f64| {
        vec![what.to_owned(), format!("{polling:.0}"), format!("{websocket:.0}"), ratio(polling, websocket)]
    };
    let weights = CaseTable {
        title: format!("One update of {UPDATE} bytes, measured here"),
        head: vec!["", "polling", "WebSocket", "ratio"],
        rows: vec![
            row("header characters, as the article counts", chars as f64, websocket.header as f64),
            row("header bytes, line ends included", polling.header as f64, websocket.header as f64),
            row("headers and update: all above TCP", polling.above_tcp as f64, websocket.above_tcp as f64),
            row("on the wire, with TCP, IP and ACKs", polling.wire, websocket.wire),
        ],
    };
    let scaled = |name: &str, header: u64, wire: f64, quoted: fn(&Published) -> &'static str| {
        let row = |case: &Published| {
            let bits = |octets: f64| octets * 8.0 * case.clients as f64;
            vec![case.clients.to_string(), quoted(case).to_owned(), mebibits(bits(header as f64)), megabits(bits(wire))]
        };
        CaseTable {
            title: format!("{name} for so many clients, an update a second each: arithmetic on what was measured"),
            head: vec!["clients", "quoted", "header characters", "on the wire"],
            rows: ARTICLE.iter().map(row).collect(),
        }
    };
    CaseTold {
        title: "A quantum leap?",
        source: "P. Lubbers, F. Greco: HTML5 WebSocket: A Quantum Leap in Scalability for the Web (websocket.org/quantum.html)",
        tables: vec![
            weights,
            scaled("Polling", chars, polling.wire, |case| case.polling),
            scaled("WebSocket", websocket.header, websocket.wire, |case| case.websocket),
        ],
        remarks: vec![
            "The article compares header characters alone: the update, TCP, IP and the acknowledgements are left out of \
             both sides, and with them most of what WebSocket costs."
                .to_owned(),
            "Its Mbps are of 2^20 bits, those on the wire of 10^6.".to_owned(),
            "Its frame was that of draft 76 (00 text FF); one of RFC 6455 from a server has two bytes in front as well. Its \
             response said HTTP/1.x; here it says HTTP/1.1, which is as long."
                .to_owned(),
        ],
    }
}

pub(super) fn hpbn(traces: &[Trace]) -> CaseTold {
    let payload = SHORT as u64;
    let quoted = ["as little as 5", "2 to 14", "2 to 14", "2 to 14", "500 to 800"];
    let plays = Case::Hpbn.plays();
    let directions =
        [Direction::ToClient, Direction::ToClient, Direction::ToServer, Direction::ToClient, Direction::ToClient];
    let mut rows = Vec::new();
    for ((((name, _), trace), quoted), direction) in plays.iter().zip(traces).zip(quoted).zip(directions) {
        let above = match name.as_str() {
            "sse" => per_event_above_tcp(trace, payload),
            _ => weight(trace, direction, SHORT).above_tcp.saturating_sub(payload),
        };
        let wire = Cost::of(trace, direction, SHORT).per_event.unwrap_or(0.0);
        let below = wire - (above + payload) as f64;
        rows.push(vec![
            name.clone(),
            quoted.to_owned(),
            above.to_string(),
            format!("{below:.0}"),
            format!("{wire:.0}"),
        ]);
    }
    let polling = traces.get(4).map(|trace| weight(trace, Direction::ToClient, SHORT)).unwrap_or_default();
    let rate = |octets: f64| megabits(octets * 8.0 * 10_000.0 / 60.0);
    let around = CaseTable {
        title: format!("Around a message of {SHORT} bytes"),
        head: vec!["", "quoted, bytes", "here, above TCP", "here, TCP and below", "on the wire"],
        rows,
    };
    let arithmetic = CaseTable {
        title: "10 000 clients that poll every 60 seconds: arithmetic".to_owned(),
        head: vec!["bytes a poll", "rate"],
        rows: vec![
            vec!["850, quoted".to_owned(), rate(850.0)],
            vec![format!("{}, the headers and the message here", polling.above_tcp), rate(polling.above_tcp as f64)],
            vec![format!("{:.0}, on the wire here", polling.wire), rate(polling.wire)],
        ],
    };
    CaseTold {
        title: "What each transport puts around a message",
        source: "I. Grigorik: High Performance Browser Networking (hpbn.co), the chapters on SSE, WebSocket and XHR",
        tables: vec![around, arithmetic],
        remarks: vec![
            "Our client of HTTP sends three header fields; a browser sends hundreds of bytes of them, and cookies. That is the \
             difference to what is quoted for polling."
                .to_owned(),
            "Events are chunks here, as most servers send them: length and two line ends besides `data: ` and the empty line. \
             Five bytes is `data:` alone."
                .to_owned(),
            "What is below TCP is the link, IP, TCP and the acknowledgements of both sides; over TLS its records as well. \
             Loopback has a made-up Ethernet header of 14 bytes a frame."
                .to_owned(),
        ],
    }
}

/// What an event of a stream takes above TCP, besides what it says: the chunks of the latest.
fn per_event_above_tcp(trace: &Trace, payload: u64) -> u64 {
    let carried = trace.records().filter_map(|(_, record)| {
        let segment = record.segment.as_ref()?;
        (segment.direction == Direction::ToClient && u64::from(segment.len) > payload).then_some(u64::from(segment.len))
    });
    carried.min().map_or(0, |least| least.saturating_sub(payload))
}

pub(super) fn batching(traces: &[Trace]) -> CaseTold {
    let mut rows = Vec::new();
    for (size, trace) in BATCHES.iter().zip(traces) {
        let cost = Cost::of(trace, Direction::ToClient, size * PUSH);
        // The first of them waits for the last, and all of them for the answer to arrive.
        let waits = EVERY * (size - 1);
        let each = cost.octets as f64 / BATCHED as f64;
        rows.push(vec![
            format!("long-poll, {size} an answer"),
            cost.requests.to_string(),
            format!("{each:.0}"),
            format!("{waits} ms"),
        ]);
    }
    if let Some(trace) = traces.get(BATCHES.len()) {
        let each = Cost::of(trace, Direction::ToClient, PUSH).octets as f64 / BATCHED as f64;
        rows.push(vec!["websocket".to_owned(), "1".to_owned(), format!("{each:.0}"), "0 ms".to_owned()]);
    }
    CaseTold {
        title: "Bytes converge, latency explodes",
        source: "the thesis “Real Time Web Applications: Comparing frameworks and transport mechanisms” (University of Oslo; \
                 github.com/kjohann/MasterThesis)",
        tables: vec![CaseTable {
            title: format!("{BATCHED} events of {PUSH} bytes, one every {EVERY} ms, all bytes on the wire"),
            head: vec!["", "requests", "bytes an event", "the first waits for the last"],
            rows,
        }],
        remarks: vec![
            "Quoted: by calculation Socket.IO's long polling would have cost four times what its WebSocket costs (104 against 27 \
             million bytes); measured, both cost the same (29.6 and 29.9 million), and an event took 53 ms instead of 6."
                .to_owned(),
            "The reason is the one that is seen here: under load an answer holds all that has come meanwhile. That saves \
             requests, and whoever is first in it waits for the others; the waiting is arithmetic on the script."
                .to_owned(),
            "Theirs were 60 clients and several servers of 2014; here one client is told at a steady pace.".to_owned(),
        ],
    }
}

pub(super) fn plain_tcp(traces: &[Trace]) -> CaseTold {
    let of = |n: usize| traces.get(n).map(|trace| Cost::of(trace, Direction::ToClient, PUSH));
    let row = |name: &str, cost: &Option<Cost>| {
        let Some(cost) = cost else { return vec![name.to_owned()] };
        let each = cost.per_event.map_or("–".to_owned(), |octets| format!("{octets:.0}"));
        vec![name.to_owned(), cost.frames.to_string(), cost.octets.to_string(), each]
    };
    let (tcp, websocket) = (of(0), of(1));
    let more =
        tcp.as_ref().zip(websocket.as_ref()).and_then(|(tcp, websocket)| Some(websocket.per_event? - tcp.per_event?));
    let told = more.map_or(String::new(), |more| format!("{more:.0}"));
    CaseTold {
        title: "WebSocket against plain TCP",
        source: "D. Skvorc, M. Horvat, S. Srbljic: Performance evaluation of Websocket protocol for implementation of full-duplex \
                 web streams (MIPRO 2014, pp. 1003–1008)",
        tables: vec![CaseTable {
            title: format!("{ROUNDS} messages of {PUSH} bytes from the server"),
            head: vec!["", "frames", "bytes in all", "bytes a message"],
            rows: vec![row("plain TCP", &tcp), row("WebSocket", &websocket)],
        }],
        remarks: vec![
            "Quoted: “except a small overhead imposed due to initial handshaking, Websocket-based communication does not consume \
             any more network traffic than plain TCP”."
                .to_owned(),
            format!(
                "Here a message costs {told} bytes more, which are the header of its frame; the rest of the difference is the \
                 opening and the closing handshake. Latency is not judged on loopback."
            ),
        ],
    }
}

fn ratio(one: f64, other: f64) -> String {
    match one / other {
        ratio if !ratio.is_finite() => "–".to_owned(),
        ratio if ratio < 10.0 => format!("{ratio:.1}:1"),
        ratio => format!("{:.0}:1", ratio.floor()),
    }
}

fn megabits(bits: f64) -> String {
    format!("{:.*} Mbit/s", decimals(bits / 1e6), bits / 1e6)
}

/// In units of 2^20.
pub(super) fn mebi(bits: f64) -> f64 {
    bits / f64::from(1 << 20)
}

/// As the old article has it: 2^20 bits.
fn mebibits(bits: f64) -> String {
    let mebi = mebi(bits);
    format!("{mebi:.*} Mbps", decimals(mebi))
}

fn decimals(value: f64) -> usize {
    match value {
        _ if value < 1.0 => 3,
        _ if value < 10.0 => 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!((mebibits(6_968_000.0), megabits(902_400_000.0)), ("6.65 Mbps".to_owned(), "902 Mbit/s".to_owned()));
    }
}
