//! Handshakes of WebSocket that lost something on their way, event streams that are held up, or are none.
//!
//! # References
//! - RFC 6455 §4.1, §4.2.2; RFC 9110 §7.6.1 (`Connection` and what it names go no further than one hop), §7.8 (`Upgrade`);
//!   RFC 7692 §5; WHATWG HTML §9.2.

use super::exchange::{EVENT_STREAM, Exchange, essence, has_head};
use super::{Case, Finding, end_of, quoted};
use crate::layer::{Direction, Severity};
use crate::protocol::{SseEventMessage, WebSocketFrame};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for exchange in &case.exchanges {
        found.extend(stripped(case, exchange));
        found.extend(not_chosen(case, exchange));
        found.extend(not_agreed(case, exchange));
        found.extend(held_up(case, exchange));
        found.extend(not_a_stream(case, exchange));
    }
    found
}

/// A request with a key and without `Upgrade`: a proxy has taken it for its own.
fn stripped(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    exchange.asks(case.trace, "sec-websocket-key")?;
    let upgrade = exchange.asks(case.trace, "upgrade").unwrap_or_default();
    // HTTP/2 has no such field.
    if exchange.request.stream.is_some() || upgrade.to_ascii_lowercase().contains("websocket") {
        return None;
    }
    let frame = exchange.request.frame();
    let text = format!(
        "{} {} has a Sec-WebSocket-Key and no Upgrade: as when a proxy on the way takes that field out, as it may, and does \
         not put it in again. It must be told to (in nginx: proxy_set_header Upgrade $http_upgrade)",
        exchange.method,
        quoted(&exchange.target)
    );
    let frames = [Some(frame), exchange.answer.map(Message::frame)].into_iter().flatten().collect();
    Some(Finding::error(text, "RFC 9110 §7.6.1", frames))
}

/// Subprotocols that were offered, none of which was chosen, whereupon the client left.
fn not_chosen(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let offered = exchange.asks(case.trace, "sec-websocket-protocol")?;
    if exchange.status != Some(101) || exchange.says(case.trace, "sec-websocket-protocol").is_some() {
        return None;
    }
    let connection = exchange.request.connection;
    let spoken = case
        .messages_of(connection)
        .iter()
        .any(|message| message.direction == Direction::ToServer && message.payload_as::<WebSocketFrame>().is_some());
    let (by, end, _) = end_of(case.connection(exchange.request)?)?;
    let answer = exchange.answer.map(Message::frame)?;
    // Who listens for a while does without.
    if spoken || by != Direction::ToServer || case.seconds(answer, end) > SOON {
        return None;
    }
    let text = format!(
        "the client offered the subprotocol {}, the server chose none, and the client left: browsers and most libraries \
         insist on what they asked for",
        quoted(&offered)
    );
    Some(Finding::warn(text, "RFC 6455 §4.1", vec![exchange.request.frame(), answer, end]))
}

/// Frames that say they are compressed where that was not agreed on.
fn not_agreed(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let has = |value: Option<String>| value.is_some_and(|value| value.contains("permessage-deflate"));
    if exchange.status != Some(101) || has(exchange.says(case.trace, "sec-websocket-extensions")) {
        return None;
    }
    let compressed = case.messages_of(exchange.request.connection).iter().find(|message| {
        message
            .payload_as::<WebSocketFrame>()
            .is_some_and(|frame| frame.rsv == WebSocketFrame::RSV1 && !frame.opcode.is_control() && !frame.encoded)
    })?;
    let offered = if has(exchange.asks(case.trace, "sec-websocket-extensions")) {
        "the client offered permessage-deflate, and the answer did not accept it"
    } else {
        "nobody offered permessage-deflate"
    };
    let answer = exchange.answer.map(Message::frame)?;
    let text = format!(
        "frame {} says that its message is compressed (RSV1), but {offered}: what is in it is no text for the other side",
        compressed.frame()
    );
    Some(Finding::error(text, "RFC 7692 §5", vec![exchange.request.frame(), answer, compressed.frame()]))
}

/// Fewer events that come at once are no stream that is held up.
const SEVERAL: usize = 3;
/// Nor those that come so soon behind the request: 0.3 s.
const SOON: f64 = 0.3;

/// An event stream whose events all come at once, long after it was asked for.
fn held_up(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer?;
    let is_stream = exchange.says(case.trace, "content-type")?.to_ascii_lowercase().starts_with("text/event-stream");
    let events = if is_stream { events(case, answer) } else { Vec::new() };
    let frames: Vec<u32> = events.iter().map(|event| event.frame()).collect();
    let (first, last) = (*frames.first()?, *frames.last()?);
    let asked = exchange.request.frame();
    if frames.len() < SEVERAL || first != last || case.seconds(asked, first) < SOON {
        return None;
    }
    let text = format!(
        "all {} events of {} came in one frame, {} after they were asked for: either the server wrote them at once, or something between \
         buffers the stream",
        frames.len(),
        quoted(&exchange.target),
        case.between(asked, first)
    );
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "WHATWG HTML §9.2", vec![asked, first]) })
}

/// The events and comments of an event stream.
pub(super) fn events<'a>(case: &Case<'a>, answer: &Message) -> Vec<&'a Message> {
    let Some(begins) = answer.frames.first().copied() else { return Vec::new() };
    // They stand in the order of their frames.
    let messages = case.messages_of(answer.connection);
    let from = messages.partition_point(|message| message.frame() < begins);
    let until = messages.partition_point(|message| message.frame() <= answer.frame());
    let is_in = |message: &&&Message| {
        (message.inside, message.stream) == (answer.inside, answer.stream)
            && message.payload_as::<SseEventMessage>().is_some()
            && message.range.start >= answer.range.start
            && message.range.end <= answer.range.end
    };
    messages[from..until].iter().filter(is_in).copied().collect()
}

/// An answer to somebody who takes an event stream and nothing else, and which is none.
fn not_a_stream(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    // Who takes something else, too, is no EventSource.
    let takes = exchange.asks(case.trace, "accept").filter(|_| exchange.method == "GET")?;
    if essence(&takes) != EVENT_STREAM {
        return None;
    }
    let answer = exchange.answer.filter(|answer| exchange.status == Some(200) && has_head(answer))?;
    let what = match exchange.says(case.trace, "content-type").map(|kind| essence(&kind)) {
        Some(kind) if kind == EVENT_STREAM => return None,
        Some(kind) if kind == "text/html" => {
            "its answer is text/html, likely a page that is served for any path".to_owned()
        }
        Some(kind) => format!("its answer is {}", quoted(&kind)),
        None => "its answer has no Content-Type".to_owned(),
    };
    let text = format!(
        "GET {} asks for an event stream, and {what}: an EventSource fails on what is not {EVENT_STREAM}, and a browser's does not connect again",
        quoted(&exchange.target)
    );
    Some(Finding::warn(text, "WHATWG HTML §9.2.3", vec![exchange.request.frame(), answer.frame()]))
}
