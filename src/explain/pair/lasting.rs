//! What of a capture would be the same in another run of the same programs: without what chance and the clock have chosen.

use super::{Place, TCP};
use crate::explain::{Form, Quotes, Step};
use crate::protocol::engineio::{Content, EngineIoPacket};
use crate::protocol::text::quoted;
use crate::protocol::{
    HttpMessage, Opcode, SocketIoPacket, SseEventMessage, TlsRecord, WebSocketFrame, WebSocketMessage,
};
use crate::trace::{Message, Trace};

/// Of more events in one frame the offsets are compared as they are.
const MOST_OFFSETS: usize = 64;

/// The recovery offsets of the events in a frame.
pub(super) fn offsets_in(trace: &Trace, frame: u32) -> Vec<&str> {
    let over_tcp = trace.messages_in(frame).iter().filter_map(|message| message.payload_as::<SocketIoPacket>());
    let over_quic = trace.record(frame).into_iter().flat_map(|record| &record.over_quic);
    let over_quic = over_quic.filter_map(|message| message.payload.as_any().downcast_ref::<SocketIoPacket>());
    over_tcp.chain(over_quic).filter_map(|packet| packet.offset.as_deref()).take(MOST_OFFSETS).collect()
}

/// All of what a line has the beginning of, without what chance has chosen; `None` where it says all, or where it is of no
/// use to compare: what was compressed or encrypted, and the payload of pings, which some programs take from chance.
pub(super) fn content(trace: &Trace, place: &Place<'_>) -> Option<Vec<u8>> {
    let content = match place.quotes {
        Quotes::Nothing => return None,
        Quotes::Payload => {
            let (packet, data) = trace.record(place.frame)?.whole();
            packet.payload.of(data).to_vec()
        }
        Quotes::Message(at) if place.protocol == TCP => of_message(trace, trace.messages_in(place.frame).get(at)?)?,
        Quotes::Message(at) => {
            let said = trace.record(place.frame)?.over_quic.get(at)?.payload.as_any();
            if let Some(packet) = said.downcast_ref::<SocketIoPacket>() {
                packet.data.clone()?.into_bytes()
            } else {
                match &said.downcast_ref::<EngineIoPacket>()?.content {
                    Content::Text(text) => text.as_bytes().to_vec(),
                    Content::Binary(octets) => octets.to_vec(),
                }
            }
        }
    };
    Some(match String::from_utf8(content) {
        Ok(text) => {
            let without = |text: String, offset| text.replace(&format!("\"{offset}\""), "\"\"");
            place.offsets.iter().fold(without_ids(&text), without).into_bytes()
        }
        Err(octets) => octets.into_bytes(),
    })
}

fn of_message(trace: &Trace, message: &Message) -> Option<Vec<u8>> {
    let bytes = trace.bytes(message);
    if let Some(http) = message.payload_as::<HttpMessage>() {
        let (first, second) = http.start(bytes)?;
        let body = http.meant_body(bytes).unwrap_or_else(|| http.body(bytes));
        return Some([first.as_bytes(), b" ", second.as_bytes(), b"\n", &body].concat());
    }
    if let Some(whole) = message.payload_as::<WebSocketMessage>() {
        return whole.payload(bytes);
    }
    if let Some(frame) = message.payload_as::<WebSocketFrame>() {
        let is_plain = frame.rsv == 0 && !matches!(frame.opcode, Opcode::Ping | Opcode::Pong);
        return is_plain.then(|| frame.payload(bytes));
    }
    if let Some(sse) = message.payload_as::<SseEventMessage>() {
        let event = sse.event()?;
        return Some([&event.event, "\n", &event.id, "\n", &event.data].concat().into_bytes());
    }
    let inside = message.payload_as::<TlsRecord>().and_then(TlsRecord::inside)?;
    Some(trace.inside(message.connection, message.direction)?.slice(inside.clone()).to_vec())
}

/// Where two contents part, and what stands there in each; `None` if they are alike.
pub(super) fn parting(one: &[u8], other: &[u8]) -> Option<[String; 2]> {
    /// So many octets that are alike are shown before, and so many in all.
    const BEFORE: usize = 8;
    const SHOWN: usize = 40;
    if one == other {
        return None;
    }
    let at = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    Some([one, other].map(|content| {
        let from = at.saturating_sub(BEFORE);
        let shown = content.get(from..content.len().min(from + SHOWN)).unwrap_or_default();
        format!("{}{}", if from > 0 { "…" } else { "" }, quoted(&String::from_utf8_lossy(shown), SHOWN))
    }))
}

/// What a step says without what chance and the clock have chosen: masking keys, ids of sessions, what keeps answers out of
/// caches, recovery offsets (those given are of events in the step's frame), times, numbers of frames. How often it was sent
/// again stays, and that it began or ends elsewhere.
pub(super) fn lasting(step: &Step, offsets: &[&str]) -> String {
    let timeless = if step.form == Form::Joined { without_time(&step.text) } else { step.text.clone() };
    let mut kept = without_ids(&without_mask(&timeless));
    for offset in offsets {
        blank_offset(&mut kept, offset);
    }
    step.elsewhere.iter().fold(kept, |kept, elsewhere| format!("{kept}, {}", elsewhere.words()))
}

/// Leaves out the ids of sessions, and what keeps answers out of caches.
fn without_ids(text: &str) -> String {
    let mut kept = text.to_owned();
    for name in ["\"sid\":\"", "\"pid\":\""] {
        kept = blank(&kept, name);
    }
    // Other programs may call something of theirs so: a client that comes back names both.
    if kept.contains("\"pid\":") {
        kept = blank(&kept, "\"offset\":\"");
    }
    // `t` may be what somebody asks for, too.
    if kept.contains("EIO=") {
        kept = ["?sid=", "&sid=", "?t=", "&t="].iter().fold(kept, |kept, name| blank(&kept, name));
    }
    kept
}

/// How many characters a masking key takes: `8e 5f 34 53`.
const MASK: usize = 11;

fn without_mask(text: &str) -> String {
    match text.rsplit_once("  masked ") {
        Some((before, rest)) => format!("{before}{}", rest.get(MASK..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Leaves out how long after its event an acknowledgement came: it ends what the packet says.
fn without_time(text: &str) -> String {
    let time = text.rsplit_once(" after ").and_then(|(before, rest)| Some((before, rest.split_once(" ms")?)));
    match time {
        Some((before, (number, rest)))
            if number.parse::<f64>().is_ok() && (rest.is_empty() || rest.starts_with(' ')) =>
        {
            format!("{before}{rest}")
        }
        _ => text.to_owned(),
    }
}

/// Leaves out what follows each `name`, up to the end of the value or to where the text was cut.
fn blank(text: &str, name: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(name).map(|at| at + name.len()) {
        kept.push_str(&rest[..start]);
        rest = &rest[start..];
        rest = &rest[rest.find(['"', '&', ' ', '…']).unwrap_or(rest.len())..];
    }
    kept + rest
}

/// Leaves out a recovery offset, or as much of it as is shown: it is the last argument of its event.
fn blank_offset(text: &mut String, offset: &str) {
    let Some(start) = text.rfind(",\"").map(|at| at + 2) else { return };
    let rest = &text[start..];
    let end = rest.find(['"', '…']).unwrap_or(rest.len());
    if offset.starts_with(&rest[..end]) {
        text.replace_range(start..start + end, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{Elsewhere, Phase};
    use crate::layer::Direction;

    /// A step that says this; what is put together stands behind a sign, as in a ladder.
    fn step(text: &str, elsewhere: &[Elsewhere]) -> Step {
        let (form, text) = text.strip_prefix("= ").map_or((Form::Sent, text), |joined| (Form::Joined, joined));
        Step {
            frame: 1,
            direction: Direction::ToServer,
            form,
            text: text.to_owned(),
            elsewhere: elsewhere.to_vec(),
            phase: Phase::WebSocket,
            time: None,
            odd: false,
            quotes: Quotes::Nothing,
        }
    }

    fn lasting_text(text: &str, offsets: &[&str]) -> String {
        lasting(&step(text, &[]), offsets)
    }

    #[track_caller]
    fn assert_alike(one: &str, other: &str) {
        assert_eq!(lasting_text(one, &[]), lasting_text(other, &[]));
    }

    #[track_caller]
    fn assert_differ(one: &str, other: &str) {
        assert_ne!(lasting_text(one, &[]), lasting_text(other, &[]));
    }

    #[test]
    fn where_else_something_is_may_be_another_frame() {
        use Elsewhere::{Again, Since, Until};
        let lasts = |elsewhere: &[Elsewhere]| lasting(&step("200 OK", elsewhere), &[]);
        assert_eq!(lasts(&[Until(29)]), lasts(&[Until(31)]));
        assert_eq!(lasts(&[Since(4)]), lasts(&[Since(14)]));
        assert_eq!(lasts(&[Again(7), Again(9)]), lasts(&[Again(8), Again(11)]));
        assert_ne!(lasts(&[Again(7), Again(9)]), lasts(&[Again(7)]), "how often is no matter of chance alone");
        assert_ne!(lasts(&[]), lasts(&[Again(7)]));
        assert_ne!(lasts(&[Since(7)]), lasts(&[Until(7)]));
    }

    #[test]
    fn chance_is_left_out() {
        assert_alike("text \"hi\"  masked 01 02 03 04", "text \"hi\"  masked 05 06 07 08");
        assert_alike("GET /s/?EIO=4&sid=abc&t=x1", "GET /s/?EIO=4&sid=def&t=y2");
        assert_alike("GET /s/?EIO=4&transport=polling&t=vd…", "GET /s/?EIO=4&transport=polling&t=x8…");
        assert_alike("= CONNECT {\"sid\":\"ab\",\"pid\":\"cd\"}", "= CONNECT {\"sid\":\"ef\",\"pid\":\"gh\"}");
        assert_alike("text \"0{\"sid\":\"abc…\"", "text \"0{\"sid\":\"xyz…\"");
        assert_alike("= CONNECT {\"pid\":\"a\",\"offset\":\"b\"}", "= CONNECT {\"pid\":\"c\",\"offset\":\"d\"}");
        assert_eq!(
            lasting_text("text \"42[\"a\",1,\"Q8Z\"]\"", &["Q8Z"]),
            lasting_text("text \"42[\"a\",1,\"R9A\"]\"", &["R9A"])
        );
        assert_eq!(
            lasting_text("text \"42[\"a\",1,\"Q8…\"", &["Q8Z"]),
            lasting_text("text \"42[\"a\",1,\"R9…\"", &["R9A"])
        );
    }

    #[test]
    fn the_clock_is_left_out() {
        assert_alike("= ACK #0 [\"ok\"] after 705.688 ms", "= ACK #0 [\"ok\"] after 713.132 ms");
        assert_differ("= ACK #0 [1] after 0.220 ms", "= ACK #0 [2] after 0.220 ms");
    }

    #[test]
    fn what_a_program_says_is_not_left_out() {
        assert_differ("text \"hi\"", "text \"ho\"");
        assert_differ("text \"hi\"  masked 01 02 03 04", "text \"hi\"  masked 01 02 03 04 (incomplete)");
        assert_differ("GET /a", "GET /b");
        assert_differ("GET /film?t=30", "GET /film?t=60");
        assert_differ("= open \"{\"sid\":\"a\",\"x\":1}\"", "= open \"{\"sid\":\"b\",\"x\":2}\"");
        assert_differ("= EVENT \"seek\"({\"offset\":\"3\"})", "= EVENT \"seek\"({\"offset\":\"4\"})");
        assert_differ("= EVENT \"a\"(\"came after 3 ms\")", "= EVENT \"a\"(\"came after 4 ms\")");
        assert_differ("text \"42[\"a\",1,\"x\"]\"", "text \"42[\"a\",1,\"y\"]\"");
    }
}
