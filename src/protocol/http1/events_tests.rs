use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::Http1;
use super::coding::tests::gzip_pieces;
use crate::layer::{Buffer, Direction, Severity, Value};
use crate::message::Dissector;
use crate::protocol::SseEventMessage;
use crate::protocol::testing::{Talk, Told};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
const CHAT: Severity = Severity::Chat;

fn asked() -> Talk {
    let mut talk = Talk::new(Http1.decoder().unwrap());
    talk.client("GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: 6\r\n\r\n");
    talk
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// What was told of the stream, and where on the wire.
fn events(talk: &Talk) -> Vec<String> {
    let of_sse = talk.heard.messages.iter().filter(|told| told.payload.protocol() == "sse");
    of_sse.map(|told| told.payload.summary(b"")).collect()
}

fn wire(talk: &Talk, n: usize) -> String {
    let told: Vec<&Told> = talk.heard.messages.iter().filter(|told| told.payload.protocol() == "sse").collect();
    String::from_utf8(talk.bytes(told[n]).to_vec()).unwrap()
}

/// An event is told when its empty line is there, long before the response ends.
#[test]
fn events_come_while_the_response_goes_on() {
    let mut talk = asked();
    talk.server([HEAD, CHUNKED].concat()).server(chunk("data: one\n\n"));
    assert_eq!(events(&talk), ["event \"message\": \"one\""]);
    talk.server("10\r\nevent: b\ndata: ");
    assert_eq!(events(&talk).len(), 1);
    talk.server("x\r\n5\r\n\n\nda");
    assert_eq!(events(&talk)[1], "event \"b\": \"x\"", "its chunk has not ended");
    assert_eq!(wire(&talk, 1), "event: b\ndata: x\r\n5\r\n\n\n", "from its first octet to its last, framing included");
    talk.cut();
    assert_eq!(events(&talk).len(), 3, "each is told once");
    let last = &talk.heard.messages[talk.heard.messages.len() - 1];
    assert_eq!((last.payload.protocol(), last.complete), ("http", false));
}

/// "Clients will reconnect if the connection is closed; a client can be told to stop reconnecting using the HTTP 204 No
/// Content response code."
#[test]
fn who_asked_for_a_stream_and_is_told_204_does_not_come_back() {
    let mut talk = asked();
    talk.server("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(talk.notes(), [(CHAT, "WHATWG HTML §9.2.3")]);
    let mut talk = Talk::new(Http1.decoder().unwrap());
    talk.client("GET /events HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n");
    talk.server("HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(talk.notes(), [], "a poll that found nothing");
}

#[test]
fn a_stream_may_end_with_the_connection_or_have_a_length() {
    for (framing, body) in [("\r\n", "id: 7\ndata: a\n\n"), ("Content-Length: 16\r\n\r\n", "id: 7\ndata: a\n\n\n")] {
        let mut talk = asked();
        talk.server([HEAD, framing].concat());
        for octet in body.bytes() {
            talk.server([octet]);
        }
        assert_eq!(events(&talk), ["event \"message\": \"a\""]);
        assert_eq!(wire(&talk, 0), "id: 7\ndata: a\n\n");
        talk.close();
        assert_eq!((events(&talk).len(), talk.notes()), (1, vec![]));
    }
}

#[test]
fn fields_name_their_bytes() {
    let mut talk = asked();
    let body = ["event: ne", "ws\nid: 7\nretry: 10\ndata: a\n: note\ndat", "a:b\n\n"].map(chunk).concat();
    talk.server([HEAD, CHUNKED, &body].concat());
    let n = talk.heard.messages.len() - 1;
    let layer = &talk.layers(n)[0];
    let text = |text: &str| Some(Value::Text(text.into()));
    assert_eq!(layer.value("sse.event").cloned(), text("news"));
    assert_eq!(layer.value("sse.data").cloned(), text("a\nb"));
    assert_eq!(layer.value("sse.id").cloned(), text("7"));
    assert_eq!(layer.value("sse.retry"), Some(&Value::Uint(10)));
    let derived = &layer.derived[0].bytes;
    let of = |name: &str| {
        let span = layer.fields.iter().find(|field| field.def.name == name).unwrap().span.clone().unwrap();
        assert_eq!(span.buffer, Buffer::Derived(0));
        String::from_utf8(derived[span.range.start as usize..span.range.end as usize].to_vec()).unwrap()
    };
    assert_eq!(["sse.event", "sse.id", "sse.retry"].map(of), ["news", "7", "10"]);
    assert_eq!(of("sse.data"), "a\n: note\ndata:b", "from the first data line to the last");
    assert_eq!(talk.layers(0)[0].value("http.last_event_id").cloned(), text("6"));
    // In one piece the fields point into the stream.
    let mut talk = asked();
    talk.server([HEAD, CHUNKED, &chunk("data: hi\n\n")].concat());
    let layer = &talk.layers(1)[0];
    let span = layer.fields.iter().find(|field| field.def.name == "sse.data").unwrap().span.clone().unwrap();
    let start = ([HEAD, CHUNKED].concat().len() + "a\r\ndata: ".len()) as u64;
    assert_eq!((span.buffer, span.range), (Buffer::Stream(0, Direction::ToClient), start..start + 2));
}

#[test]
fn comments_and_what_is_discarded_are_told() {
    let mut talk = asked();
    talk.server([HEAD, "\r\n: ping\n\nretry: 3000\n\nid: 9\n\ndata: lost\n"].concat()).close();
    assert_eq!(
        events(&talk),
        ["comment \"ping\"", "no event: come back after 3000 ms", "no event: id \"9\"", "event \"message\": \"lost\""]
    );
    let specs = ["WHATWG HTML §9.2.7", "WHATWG HTML §9.2.6", "WHATWG HTML §9.2.6"].map(|spec| (CHAT, spec));
    assert_eq!(talk.notes(), [&specs[..], &[(Severity::Warn, "WHATWG HTML §9.2.6")]].concat());
    let discarded = talk.heard.messages.iter().rfind(|told| told.payload.protocol() == "sse").unwrap();
    assert!(!discarded.complete);
    (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
}

#[test]
fn a_compressed_stream_is_read_as_it_comes() {
    let mut talk = asked();
    talk.server([HEAD, "Content-Encoding: gzip\r\n\r\n"].concat());
    let pieces = gzip_pieces(&["data: one\n\nda", "ta: two\n\n"]);
    talk.server(&pieces[0]);
    assert_eq!(events(&talk), ["event \"message\": \"one\""]);
    talk.server(&pieces[1]);
    assert_eq!(events(&talk)[1], "event \"message\": \"two\"");
    talk.layers(2);
    talk.cut();
    let mut talk = asked();
    talk.server([HEAD, "Content-Encoding: gzip\r\n\r\nthis is no gzip at all"].concat()).cut();
    assert_eq!(talk.notes(), [(Severity::Warn, "RFC 9112 §8"), (Severity::Error, "RFC 9110 §8.4")]);
}

#[test]
fn other_responses_have_no_events() {
    let mut talk = asked();
    talk.server("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\ndata: a\n\n");
    talk.client("POST / HTTP/1.1\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: a\n\n");
    assert_eq!(events(&talk), [] as [&str; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Neither chunks nor segments make an event, or take one away.
    #[test]
    fn framing_does_not_matter(
        lines in proptest::collection::vec(0_usize..9, 0..24),
        chunks in proptest::collection::vec(1_usize..20, 1..12),
        segments in proptest::collection::vec(1_usize..30, 1..12),
        chunked in any::<bool>(),
    ) {
        const LINES: [&str; 9] =
            ["data: é\n", "data\r\n", "\r\n", "\n", ": c\n", "id: 1\r", "event:x\n", "\r", "data: a long line of text\n"];
        let text: String = lines.iter().map(|n| LINES[*n]).collect();
        let mut whole = asked();
        whole.server([HEAD, "\r\n", &text].concat()).close();
        let mut body = Vec::new();
        let mut rest = text.as_bytes();
        for size in chunks.iter().cycle().take_while(|_| chunked) {
            let (data, after) = rest.split_at((*size).min(rest.len()));
            if data.is_empty() { break }
            body.extend([format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat());
            rest = after;
        }
        body.extend(if chunked { b"0\r\n\r\n" } else { text.as_bytes() });
        let framing = if chunked { CHUNKED } else { "\r\n" };
        let response = [HEAD.as_bytes(), framing.as_bytes(), &body].concat();
        let mut cut = asked();
        let mut rest = &response[..];
        for size in segments.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            if piece.is_empty() { break }
            cut.server(piece);
            rest = after;
        }
        cut.close();
        let contents = |talk: &Talk| -> Vec<_> {
            let of_type = |told: &Told| told.payload.as_any().downcast_ref::<SseEventMessage>().map(|m| m.content.clone());
            talk.heard.messages.iter().filter_map(of_type).collect()
        };
        prop_assert_eq!(contents(&cut), contents(&whole));
        prop_assert_eq!(cut.notes(), whole.notes());
        (0..cut.heard.messages.len()).for_each(|n| drop(cut.layers(n)));
    }
}
