use proptest::prelude::{any, prop};
use proptest::{prop_assert_eq, proptest};

use super::{EventSource, Item, Limits, SseEvent};

/// All items of a stream read in pieces of this size, and what was discarded at its end.
fn read(stream: &[u8], size: usize, limits: Limits) -> (Vec<Item>, Option<SseEvent>) {
    let mut source = EventSource::with_limits(limits);
    let mut items = Vec::new();
    for piece in stream.chunks(size) {
        source.push(piece, &mut |item| items.push(item));
    }
    let discarded = source.end(false, &mut |item| items.push(item));
    (items, discarded)
}

fn events(stream: &str) -> Vec<String> {
    let (items, discarded) = read(stream.as_bytes(), usize::MAX, Limits::default());
    items.iter().map(short).chain(discarded.map(|event| format!("discarded {}", short_event(&event)))).collect()
}

fn short(item: &Item) -> String {
    match item {
        Item::Event(event) => short_event(event),
        Item::Comment { text, range } => format!("comment {text:?} {}..{}", range.start, range.end),
    }
}

fn short_event(event: &SseEvent) -> String {
    let notes: String = event.notes.iter().map(|note| format!(" ({})", note.text)).collect();
    let retry = event.retry.map(|retry| format!(" retry {retry}")).unwrap_or_default();
    let silent = if event.dispatched { "" } else { " silent" };
    let id = if event.id.is_empty() { String::new() } else { format!(" id {}", event.id) };
    format!("{} {:?}{id}{retry}{silent} {}..{}{notes}", event.event, event.data, event.range.start, event.range.end)
}

#[test]
fn decodes() {
    let stream = ": hello\nid: 7\nevent: price\ndata: first line\ndata: second line\nretry: 3000\n\ndata:x\n\n";
    assert_eq!(
        events(stream),
        [
            r#"comment " hello" 0..7"#,
            r#"price "first line\nsecond line" id 7 retry 3000 8..75"#,
            r#"message "x" id 7 75..83"#
        ]
    );
}

#[test]
fn decodes_the_examples_of_the_standard() {
    // §9.2.6
    assert_eq!(events("data: YHOO\ndata: +2\ndata: 10\n\n"), [r#"message "YHOO\n+2\n10" 0..30"#]);
    assert_eq!(
        events(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
        [
            r#"comment " test stream" 0..13"#,
            r#"message "first event" id 1 15..40"#,
            r#"message "second event" 40..62"#,
            r#"message " third event" 62..82"#
        ]
    );
    // Two events: an empty one, a line feed; the last is discarded.
    assert_eq!(
        events("data\n\ndata\ndata\n\ndata:"),
        [
            r#"message "" 0..6"#,
            r#"message "\n" 6..17"#,
            "discarded message \"\" silent 17..22 (the stream ends before the empty line that ends this event: it is \
             discarded)"
        ]
    );
    assert_eq!(events("data:test\n\ndata: test\n\n"), [r#"message "test" 0..11"#, r#"message "test" 11..23"#]);
}

#[test]
fn line_ends() {
    for (stream, expected) in [
        ("data: a\r\n\r\ndata: b\r\n\r\n", [r#"message "a" 0..11"#, r#"message "b" 11..22"#]),
        ("data: a\r\rdata: b\r\r", [r#"message "a" 0..9"#, r#"message "b" 9..18"#]),
        ("data: a\n\rdata: b\r\n\n", [r#"message "a" 0..9"#, r#"message "b" 9..19"#]),
    ] {
        assert_eq!(events(stream), expected);
    }
    // The event is out when the line feed is there, or when something else shows that none comes.
    let mut source = EventSource::new();
    let mut count = 0;
    for (piece, expected) in [("data: a\r\n\r", 0), ("\n", 1), ("data: b\r\r", 1), ("d", 2)] {
        source.push(piece.as_bytes(), &mut |_| count += 1);
        assert_eq!(count, expected, "after {piece:?}");
    }
}

#[test]
fn fields() {
    assert_eq!(events("\u{feff}data: a\n\n"), [r#"message "a" 0..12"#], "a byte order mark at the beginning");
    assert_eq!(events("\n\u{feff}data: a\n\n"), [r#"message "" silent 1..13"#], "and nowhere else");
    assert_eq!(events("id: 5\nretry: 10\n\n"), [r#"message "" id 5 retry 10 silent 0..17"#]);
    assert_eq!(
        events("id: a\0b\nretry: 1s\nretry: -1\nDATA: x\ndata : y\n\n"),
        ["message \"\" silent 0..46 (an id with a NUL in it is ignored) (a retry that is no number is ignored) \
          (a retry that is no number is ignored)"]
    );
    assert_eq!(events("retry: 18446744073709551615\n\n"), [format!(r#"message "" retry {} silent 0..29"#, u64::MAX)]);
    // Not the largest number that there is room for: nobody sent that.
    let told = r#"message "" silent 0..29 (a retry of more milliseconds than 64 bits can count is ignored)"#;
    assert_eq!(events("retry: 18446744073709551616\n\n"), [told]);
    assert_eq!(events("data: a\n: b\ndata: c:d\n\n"), [r#"comment " b" 8..11"#, r#"message "a\nc:d" 0..23"#]);
    let (items, _) = read(b"data: \xff\n\n", usize::MAX, Limits::default());
    assert!(matches!(&items[..], [Item::Event(event)] if event.data == "\u{fffd}"));
}

#[test]
fn empty() {
    for stream in ["", "\n", "\r\n\r\n\n", "\u{feff}", "\u{feff}\n\n"] {
        assert_eq!(events(stream), Vec::<String>::new(), "{stream:?}");
    }
}

#[test]
fn cut_short() {
    let stream = "id: 7\r\nevent: price\r\ndata: 1\r\n\r\n";
    for cut in 1..=stream.len() {
        let (items, discarded) = read(&stream.as_bytes()[..cut], usize::MAX, Limits::default());
        // The last line feed is not needed: the carriage return ends the line.
        assert_eq!(items.len(), usize::from(cut >= stream.len() - 1), "cut to {cut}");
        assert_eq!(discarded.is_some(), cut < stream.len() - 1, "cut to {cut}");
    }
    // Shown, although the id does not count for a client that comes back: the event never was.
    assert_eq!(
        events("id: 7\ndata: 1\nda"),
        ["discarded message \"1\" id 7 silent 0..16 (the stream ends before the empty line that ends this event: \
          it is discarded)"]
    );
}

#[test]
fn wrong_length() {
    let limits = Limits { line: 10, event: 8 };
    let (items, _) = read(b"data: 123456789\ndata: abcdef\ndata: g\n\ndata: h\n\n", 3, limits);
    assert_eq!(
        items.iter().map(short).collect::<Vec<_>>(),
        [
            "message \"1234\\nabc\" 0..38 (a line of more than 10 octets: the rest is left out) \
             (a line of more than 10 octets: the rest is left out) (data of more than 8 octets: the rest is left out)",
            "message \"h\" 38..47"
        ]
    );
    let many = "retry: x\n".repeat(1000) + "\n";
    let (items, _) = read(many.as_bytes(), 7, limits);
    assert!(matches!(&items[..], [Item::Event(event)] if event.notes.len() == 8));
}

/// What streams are made of.
const PIECES: &[&[u8]] = &[
    b"data",
    b"id",
    b"event",
    b"retry",
    b":",
    b" ",
    b"\r",
    b"\n",
    b"\n\n",
    b"\r\n\r\n",
    b"7",
    b"\xe2\x82\xac",
    b"\xff",
    b"\0",
    b"\xef\xbb\xbf",
];

proptest! {
    #[test]
    fn any_split_gives_the_same(
        stream in prop::collection::vec(prop::sample::select(PIECES), 0..40),
        sizes in prop::collection::vec(0_usize..6, 1..10),
    ) {
        let stream = stream.concat();
        let limits = Limits { line: 20, event: 12 };
        let mut source = EventSource::with_limits(limits);
        let (mut items, mut rest) = (Vec::new(), &stream[..]);
        for size in sizes.iter().cycle().take(stream.len() * 10) {
            let (piece, after) = rest.split_at(rest.len().min(*size));
            rest = after;
            source.push(piece, &mut |item| items.push(item));
        }
        source.push(rest, &mut |item| items.push(item));
        let discarded = source.end(false, &mut |item| items.push(item));
        prop_assert_eq!((items, discarded), read(&stream, usize::MAX, limits));
    }

    #[test]
    fn random_bytes_never_panic(stream in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..20) {
        read(&stream, size, Limits { line: 5, event: 5 });
    }
}
