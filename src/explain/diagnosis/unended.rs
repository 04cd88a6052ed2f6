//! Answers that began and of which the client's program never got what it waits for: event streams without an event, and bodies that
//! nobody ended.
//!
//! # References
//! - WHATWG HTML §9.2.5, §9.2.6 (an event ends with an empty line; without `data` there is none); RFC 9112 §7.1, §8.

use super::again::OFTEN;
use super::asked::PATIENCE;
use super::exchange::{EVENT_STREAM, Exchange, essence};
use super::opened::events;
use super::{Case, Finding, in_words, quoted};
use crate::layer::{Direction, Severity};
use crate::protocol::{HttpMessage, SseEvent, SseEventMessage};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let told = |exchange| no_event(case, exchange).or_else(|| never_ended(case, exchange));
    case.exchanges.iter().filter_map(told).collect()
}

/// An event stream of which the program gets nothing.
fn no_event(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer.filter(|_| exchange.status == Some(200))?;
    let kind = exchange.says(case.trace, "content-type")?;
    let connection = case.connection(answer)?;
    if essence(&kind) != EVENT_STREAM || !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let blocks = events(case, answer);
    let read: Vec<(&Message, &SseEvent)> =
        blocks.iter().filter_map(|one| Some((*one, one.payload_as::<SseEventMessage>()?.event()?))).collect();
    let (first, last) = (read.first()?.0, read.last()?.0);
    let is_empty = |event: &SseEvent| event.event == "message" && event.retry.is_none() && event.id.is_empty();
    let path = quoted(exchange.path());
    let text = match read.as_slice() {
        [(block, event)] if !event.dispatched && event.data.lines().count() >= OFTEN => {
            let (begin, end) = (block.frames.first()?, block.frames.last()?);
            if block.frames.len() < OFTEN || case.seconds(*begin, *end) < PATIENCE {
                return None;
            }
            format!(
                "{} `data` lines of the event stream {path} came in {}, and no empty line, with which an event ends: the client's program \
                 gets none of them. Likely the server writes one line feed behind each, where two belong",
                event.data.lines().count(),
                case.between(*begin, *end)
            )
        }
        several if several.len() >= OFTEN && several.iter().all(|(_, event)| !event.dispatched && is_empty(event)) => {
            let has_data = several.iter().any(|(_, event)| !event.data.is_empty());
            if has_data {
                return None;
            }
            format!(
                "{} blocks of the event stream {path} have no line that begins with `data:`, nor any other that means something: the \
                 client's program gets none of them. Each line of an event begins with the name of its field and a colon, without a space \
                 between",
                several.len()
            )
        }
        _ => return None,
    };
    let frames = vec![exchange.request.frame(), first.frames.first().copied()?, last.frame()];
    Some(Finding::warn(text, "WHATWG HTML §9.2.6", frames))
}

/// What comes in pieces by intent, whatever is in it.
const STREAMS: [&str; 6] = ["event-stream", "ndjson", "stream+json", "multipart/", "grpc", "octet-stream"];

/// So long whoever gave up has waited at least: a second.
const WAITED: f64 = 1.0;

/// An answer in chunks that came at once but for its end, for which the client waited.
fn never_ended(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer.filter(|answer| !answer.complete && answer.stream.is_none())?;
    let http = answer.payload_as::<HttpMessage>()?;
    let coding = exchange.says(case.trace, "transfer-encoding")?.to_ascii_lowercase();
    let kind = exchange.says(case.trace, "content-type").map(|kind| essence(&kind)).unwrap_or_default();
    let is_stream =
        STREAMS.iter().any(|stream| kind.contains(stream)) || kind.starts_with("audio/") || kind.starts_with("video/");
    let connection = case.connection(answer)?;
    if !coding.ends_with("chunked") || is_stream || !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let end = case.end_for(answer).filter(|end| end.by == Direction::ToServer)?.frame;
    let begun = *answer.frames.first()?;
    // What comes bit by bit is a stream that its client left.
    let last = answer.frames.iter().rev().find(|frame| **frame < end).copied()?;
    let waited = case.seconds(last, end);
    if waited < WAITED || case.seconds(begun, last) >= PATIENCE {
        return None;
    }
    let text = format!(
        "the answer to {} {} began in frame {begun} and never ended: no last chunk came, and nothing else, in the {} until the client left. \
         {} of its body had come. Unless that is a stream, the server's program has not ended it (in Node.js: `res.end()`)",
        exchange.method,
        quoted(exchange.path()),
        in_words(waited),
        crate::count::counted(http.body(case.trace.bytes(answer)).len() as u64, "octet")
    );
    let frames = vec![exchange.request.frame(), begun, end];
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "RFC 9112 §7.1", frames) })
}
