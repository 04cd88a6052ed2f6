use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::Http1;
use super::coding::tests::gzip_pieces;
use crate::layer::{Buffer, Direction, Note, Severity, Value};
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

/// What the end of the stream discards was no event. Of what is cut that is not known.
#[test]
fn an_event_that_is_cut_is_told_as_that() {
    let told = |framing: &str, closes: bool| {
        let mut talk = asked();
        talk.server([HEAD, framing, "data: lost\n"].concat());
        if closes {
            talk.close();
        } else {
            talk.cut();
        }
        let message = talk.heard.messages.iter().find(|told| told.payload.protocol() == "sse").unwrap();
        let event: &SseEventMessage = message.payload.as_any().downcast_ref().unwrap();
        let event = event.event().unwrap();
        assert_eq!(event.data, "lost");
        (event.dispatched, event.cut, message.complete, talk.notes().first().map(|(severity, _)| *severity))
    };
    assert_eq!(told("\r\n", true), (false, false, false, Some(Severity::Warn)));
    // More was announced than came.
    assert_eq!(told("Content-Length: 99\r\n\r\n", true), (false, true, false, Some(Severity::Note)));
    assert_eq!(told("Content-Length: 99\r\n\r\n", false), (false, true, false, Some(Severity::Note)));
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
    assert_eq!(talk.notes(), [(Severity::Note, "WHATWG HTML §9.2"), (Severity::Error, "RFC 9110 §8.4")]);
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

fn event(n: usize) -> String {
    format!("id: {n}\ndata: value {n}\n\n")
}

fn told(n: usize) -> String {
    format!("event \"message\": \"value {n}\"")
}

/// The notes of the events, each with the number of its event among them.
fn warned(talk: &Talk) -> Vec<usize> {
    let of_sse = talk.heard.messages.iter().filter(|told| told.payload.protocol() == "sse");
    let warned =
        |told: &Told| told.notes.iter().any(|note| note.text.starts_with("octets of the event stream are missing"));
    of_sse.enumerate().filter(|(_, told)| warned(told)).map(|(n, _)| n).collect()
}

/// Behind a segment that is missing the stream is read on, in chunks and without; the loss is told on the next event.
#[test]
fn a_stream_is_read_on_behind_a_gap() {
    for chunked in [true, false] {
        let framed = |n: usize| if chunked { chunk(&event(n)) } else { event(n) };
        let mut talk = asked();
        talk.server(if chunked { [HEAD, CHUNKED].concat() } else { format!("{HEAD}\r\n") });
        talk.server(framed(1)).skip(Direction::ToClient, framed(2).len(), &framed(3));
        talk.server(framed(4)).server(framed(5)).close();
        // What the third began with was perhaps not there.
        assert_eq!(events(&talk), [1, 4, 5].map(told), "chunked: {chunked}");
        assert_eq!(warned(&talk), [1]);
        let rest = talk.heard.messages.last().unwrap();
        assert_eq!((rest.payload.protocol(), rest.complete), ("http", false));
        assert!(rest.notes[0].text.contains("it is read on from here"), "{:?}", rest.notes);
        let left = rest.range.end - rest.range.start;
        assert_eq!(left as usize, framed(3).len() + framed(4).len() + framed(5).len());
        assert_eq!(wire(&talk, 2), if chunked { framed(5)[4..framed(5).len() - 2].to_owned() } else { event(5) });
    }
}

/// The last octet of a chunk looks like a size, and that of the next like a chunk of so many octets: only what is behind it
/// tells, and that comes later.
#[test]
fn the_size_of_a_chunk_is_not_taken_for_one() {
    let first = chunk(&["x".repeat(18), event(1), "id: 2\ndata: value 2".to_owned()].concat());
    let second = chunk(&["\n\n".to_owned(), event(3), event(4)].concat());
    let mut talk = asked();
    talk.server([HEAD, CHUNKED].concat());
    talk.skip(Direction::ToClient, first.len() - 3, &["2\r\n", &second[..4]].concat());
    talk.server(&second[4..]).server(chunk(&event(5))).close();
    assert_eq!(events(&talk), [3, 4, 5].map(told));
}

/// Of an event of which the gap took a part nothing is told, nor of a line that looks like a field.
#[test]
fn what_the_gap_cut_is_no_event() {
    let mut talk = asked();
    talk.server(format!("{HEAD}\r\n")).server("data: one\n\nda").skip(Direction::ToClient, 9, "data: half\nid: 7\n\n");
    talk.server("data: two\n\n").close();
    assert_eq!(events(&talk), ["event \"message\": \"one\"", "no event: id \"\"", "event \"message\": \"two\""]);
    assert_eq!(warned(&talk), [2]);
    // A line feed at the front may be the end of the line end before it.
    let mut talk = asked();
    talk.server(format!("{HEAD}\r\n")).skip(Direction::ToClient, 9, "\ndata: half\r\n\r\ndata: two\r\n\r\n").close();
    assert_eq!(events(&talk), ["event \"message\": \"two\""]);
}

/// A second gap, the end of the chunks, and the answer behind it on the same connection.
#[test]
fn a_stream_that_is_read_on_may_end() {
    let mut talk = asked();
    talk.server([HEAD, CHUNKED].concat()).skip(Direction::ToClient, 30, &[chunk(&event(1)), chunk(&event(2))].concat());
    talk.skip(Direction::ToClient, 30, &[&chunk(&event(3))[5..], &chunk(&event(4)), &chunk(&event(5))].concat());
    talk.server("0\r\n\r\n").client("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(events(&talk), [2, 5].map(told));
    assert_eq!(talk.told().last().unwrap(), "< 200 OK");
    assert_eq!(warned(&talk), [0, 1], "each gap is told");
    // What is no chunk is passed over.
    let mut talk = asked();
    talk.server([HEAD, CHUNKED].concat()).skip(Direction::ToClient, 30, &chunk(&event(1)));
    talk.server("no chunk\r\n").server(chunk(&event(2))).server(chunk(&event(3)));
    talk.server("0\r\n\r\n").server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").close();
    assert_eq!(events(&talk), [told(3)]);
    assert_eq!(talk.told().last().unwrap(), "< 200 OK");
}

/// What is compressed cannot be read on: later octets repeat what is missing. It is told which event is the first of those.
#[test]
fn a_compressed_stream_is_not_read_on() {
    let compressed = gzip_pieces(&[&event(1), ": still here\n", &event(2), &event(3)]);
    let all: usize = compressed.iter().map(Vec::len).sum();
    for framing in [CHUNKED.to_owned(), "\r\n".to_owned(), format!("Content-Length: {all}\r\n\r\n")] {
        let framed = |data: &[u8]| match framing.as_str() {
            CHUNKED => [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat(),
            _ => data.to_vec(),
        };
        let mut talk = asked();
        talk.server(format!("{HEAD}Content-Encoding: gzip\r\n{framing}"));
        talk.server(framed(&compressed[0])).server(framed(&compressed[1]));
        talk.skip(Direction::ToClient, framed(&compressed[2]).len(), "").server(framed(&compressed[3])).close();
        assert_eq!(events(&talk)[0], told(1));
        assert_eq!(events(&talk).len(), 2, "the comment, too: {framing:?}");
        let notes: Vec<&Note> = talk.heard.messages.iter().flat_map(|told| &told.notes).collect();
        let lost: Vec<_> = notes.iter().filter(|note| note.text.contains("compressed")).collect();
        assert_eq!(lost.len(), 1, "{notes:?}");
        let text = "octets of the event stream are missing, and it is compressed: what is behind them cannot be decompressed. \
                    The first event that is not read is number 2 of this response";
        assert_eq!((lost[0].text.as_str(), lost[0].severity), (text, Severity::Warn), "{framing:?}");
    }
    // Where the capture ends nothing is behind it.
    let mut talk = asked();
    talk.server(format!("{HEAD}Content-Encoding: gzip\r\n\r\n")).server(&compressed[0]).cut();
    assert_eq!(talk.notes(), [(Severity::Note, "WHATWG HTML §9.2")]);
}

/// A length says which octets behind a gap are still of the body, so there the stream is read on, and the next answer behind it.
#[test]
fn a_stream_of_known_length_is_read_on_behind_a_gap() {
    let len: usize = (1..=5).map(|n| event(n).len()).sum();
    let head = format!("{HEAD}Content-Length: {len}\r\n\r\n");
    let next = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    let mut talk = asked();
    talk.server(&head).server(event(1)).skip(Direction::ToClient, event(2).len(), &event(3));
    assert_eq!(events(&talk), [told(1)], "what the third began with was perhaps not there");
    talk.server(event(4));
    assert_eq!(events(&talk), [1, 4].map(told), "long before the body ends");
    talk.server(event(5)).client("GET / HTTP/1.1\r\nHost: a\r\n\r\n").server(next).close();
    assert_eq!((events(&talk), warned(&talk)), ([1, 4, 5].map(told).to_vec(), vec![1]));
    assert_eq!((wire(&talk, 2), talk.told().last().unwrap().as_str()), (event(5), "< 200 OK"));
    let rests =
        || talk.heard.messages.iter().filter(|told| told.notes.iter().any(|note| note.text.contains("read on from")));
    assert_eq!(rests().map(|told| told.range.end - told.range.start).sum::<u64>() as usize, 3 * event(3).len());
    (0..talk.heard.messages.len()).for_each(|n| drop(talk.layers(n)));
    // Gaps upon gaps, up to the end of the body and beyond.
    let mut talk = asked();
    talk.server(&head).skip(Direction::ToClient, event(1).len(), &[event(2), event(3)].concat());
    talk.skip(Direction::ToClient, 2, &event(4)[2..]).skip(Direction::ToClient, event(5).len(), next);
    assert_eq!((events(&talk), warned(&talk)), (vec![told(3)], vec![0]));
    assert_eq!(talk.told().last().unwrap(), "< 200 OK");
    let mut talk = asked();
    talk.server(&head).server(event(1)).skip(Direction::ToClient, len, "data: of what?\n\n");
    talk.server("data: body\n\n").server(next).close();
    assert_eq!((events(&talk), talk.told().last().unwrap().as_str()), (vec![told(1)], "< 200 OK"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the chunks and the segments, and whichever of them is missing: what is told was said, in its order, and all that
    /// is whole behind the first chunk and the first empty line behind the gap.
    #[test]
    fn what_is_told_behind_a_gap_was_said(
        // Of smaller chunks one, with its size, may be as long as a number in the text behind a gap says by chance.
        sizes in proptest::collection::vec(64_usize..100, 1..20),
        segments in proptest::collection::vec(1_usize..60, 2..20),
        lost in any::<proptest::sample::Index>(),
    ) {
        let text: Vec<u8> = (0..30).flat_map(|n| event(n).into_bytes()).collect();
        let (mut body, mut chunks, mut at) = (Vec::new(), Vec::new(), 0);
        // Where each octet of the text lies on the wire.
        let mut places = Vec::new();
        for size in sizes.iter().cycle() {
            let data = &text[at..text.len().min(at + size)];
            if data.is_empty() {
                break;
            }
            chunks.push(body.len());
            let framed = chunk(std::str::from_utf8(data).unwrap()).into_bytes();
            let begins = body.len() + framed.len() - 2 - data.len();
            places.extend(begins..begins + data.len());
            body.extend(framed);
            at += data.len();
        }
        let mut cuts = vec![0];
        for len in segments.iter().cycle() {
            cuts.push(body.len().min(cuts[cuts.len() - 1] + len));
            if cuts[cuts.len() - 1] == body.len() {
                break;
            }
        }
        let lost = lost.index(cuts.len() - 1);
        let gap = cuts[lost]..cuts[lost + 1];
        let mut talk = asked();
        talk.server([HEAD, CHUNKED].concat());
        for (n, part) in cuts.windows(2).enumerate() {
            let bytes = std::str::from_utf8(&body[part[0]..part[1]]).unwrap();
            if n == lost + 1 {
                talk.skip(Direction::ToClient, gap.len(), bytes);
            } else if n != lost {
                talk.server(bytes);
            }
        }
        talk.cut();
        // One that was cut is told, too, but not as whole.
        let of_sse = talk.heard.messages.iter().filter(|told| told.payload.protocol() == "sse" && told.complete);
        let whole: Vec<String> = of_sse.map(|told| told.payload.summary(b"")).collect();
        let places_said = whole.iter().map(|line| (0..30).position(|n| told(n) == *line));
        let places_said: Vec<Option<usize>> = places_said.collect();
        prop_assert!(places_said.is_sorted_by(|a, b| a.is_some() && a < b), "{:?}", whole);
        prop_assert!(!places_said.contains(&None), "{:?}", whole);
        // Events begin where the one before ends.
        let starts: Vec<usize> = (0..30).scan(0, |at, n| { let start = *at; *at += event(n).len(); Some(start) }).collect();
        let found = chunks.iter().find(|chunk| **chunk >= gap.end);
        if let Some(chunk) = found {
            let first = starts.iter().position(|start| places[*start] > *chunk).map(|n| n + 1);
            for n in first.into_iter().flat_map(|first| first..30) {
                prop_assert!(whole.contains(&told(n)), "{} is missing of {:?}", n, whole);
            }
        }
        let before = (0..30).filter(|n| places[starts[*n] + event(*n).len() - 1] < gap.start).count();
        prop_assert!(whole.len() >= before);
    }
}

/// "Otherwise: The field is ignored." A block of such fields alone sets nothing.
#[test]
fn a_block_of_ignored_fields_says_which() {
    for (block, name) in [("{tick:1}\n\n", "{tick"), ("data : x\nx\n\n", "data "), ("hello\n\n", "hello")] {
        let mut talk = asked();
        talk.server([HEAD, CHUNKED].concat()).server(chunk(block));
        assert_eq!(events(&talk), [format!("no event: the field \"{name}\" is ignored")]);
        let note = &talk.heard.messages.last().unwrap().notes[0];
        assert_eq!((note.severity, note.spec), (Severity::Warn, "WHATWG HTML §9.2.6"));
        assert!(note.text.contains(&format!("\"{name}\"")) && !note.text.contains("sets"), "{}", note.text);
    }
    // One that sets something, or is an event, may have fields of its own.
    let mut talk = asked();
    talk.server([HEAD, CHUNKED].concat()).server(chunk("id: 8\nown: x\n\ndata: a\nown: x\n\n"));
    assert_eq!(events(&talk), ["no event: id \"8\"", "event \"message\": \"a\""]);
    assert_eq!(talk.notes(), [(CHAT, "WHATWG HTML §9.2.6")]);
}
