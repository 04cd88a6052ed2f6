//! Who counts, or reads WebSocket alone, only glances at what is usual: it is told what the long way tells.

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::socket_tests::{JOIN, JOINED, OPEN, UPGRADE, frame};
use super::testing::{Conversation, SWITCHING, TO_CLIENT, TO_SERVER};
use super::{Ended, Needs, Octets, Pipeline, Place, Seen, Sight, Tally, Told, Watch};
use crate::flow::Analysed;
use crate::layer::{Direction, Note};
use crate::message::Payload;
use crate::protocol::WebSocketFrame;

/// A request for a WebSocket that carries no session.
const SWITCH: &str = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Counts what it is told.
#[derive(Debug, Default)]
struct Counter {
    /// Whether it reads octets. Else what is usual it is told in numbers only.
    reads: bool,
    counts: BTreeMap<String, u64>,
}

impl Counter {
    fn add(&mut self, what: &str, more: u64) {
        if more > 0 {
            *self.counts.entry(what.to_owned()).or_default() += more;
        }
    }
}

impl Watch for Counter {
    fn needs(&self) -> Needs {
        let octets = if self.reads { Octets::All } else { Octets::Nothing };
        let (frames, packets) = (self.reads, self.reads);
        Needs { everything: false, octets, frames, packets, riders: true, segments: Analysed::Findings }
    }

    fn frame(&mut self, _sight: &Sight<'_>) {}

    fn message(&mut self, seen: &Seen<'_>) {
        match Told::of(seen) {
            Some(Told::EngineIo(packet)) => self.add(&format!("engineio {}", packet.kind), 1),
            Some(Told::SocketIo(packet)) => self.add(&format!("socketio {}", packet.kind), 1),
            Some(other) => self.add(other.kind().name(), 1),
            None => self.add("something else", 1),
        }
    }

    fn glanced(&mut self, payload: &dyn Payload) {
        let frame: Option<&WebSocketFrame> = payload.as_any().downcast_ref();
        self.add("websocket.frame", u64::from(frame.is_some_and(|frame| frame.fin)));
        self.add("glanced at", 1);
    }

    fn tallied(&mut self, tally: Tally) {
        self.add("engineio message", tally.messages);
        self.add("socketio EVENT", tally.events);
        self.add("socketio BINARY_EVENT", tally.binary_events);
        self.add("socketio ACK", tally.acks);
    }

    fn note(&mut self, _on: Option<&Place>, note: &Note) {
        self.add(&note.text, 1);
    }

    fn ended(&mut self, ended: Ended) {
        self.add("messages", ended.messages);
    }
}

/// Writes down what it is told of messages.
#[derive(Debug, Default)]
struct Reader {
    /// Whether it needs each frame, too: then none is passed over.
    packets: bool,
    riders: bool,
    told: Vec<String>,
}

impl Watch for Reader {
    fn needs(&self) -> Needs {
        let Self { packets, riders, .. } = *self;
        Needs { everything: false, octets: Octets::All, frames: true, packets, riders, segments: Analysed::Findings }
    }

    fn frame(&mut self, _sight: &Sight<'_>) {}

    fn message(&mut self, seen: &Seen<'_>) {
        let Seen { direction, range, frames, moment, complete, late, bytes, .. } = *seen;
        let what = seen.payload.summary(bytes.unwrap_or_default());
        let is_utf8 = seen.payload_as::<WebSocketFrame>().is_some_and(|frame| frame.is_utf8);
        self.told.push(format!(
            "{direction:?} {range:?} {frames:?} {moment:?} {complete} {late} {is_utf8} {bytes:?} {what}"
        ));
    }

    fn note(&mut self, _on: Option<&Place>, note: &Note) {
        self.told.push(note.text.to_string());
    }

    fn ended(&mut self, ended: Ended) {
        self.told.push(format!("{} messages", ended.messages));
    }
}

/// Said as octets, and not as text.
const OCTETS: &str = "octets";

/// What either side may say, in order or not.
const SAYINGS: [&str; 29] = [
    r#"42["news","a"]"#,
    r#"420["ask",{"n":1}]"#,
    r#"421["ask"]"#,
    r#"430["answer"]"#,
    r#"431[]"#,
    r#"43["no id"]"#,
    r#"42/admin,["news"]"#,
    r#"42/admin,0["ask"]"#,
    r#"43/admin,0["answer"]"#,
    r#"42["not closed""#,
    r#"42["wide", "spaces"]"#,
    r#"42["offset","o1"]"#,
    r#"451-["octets",{"_placeholder":true,"num":0}]"#,
    r#"452-["two",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#,
    r#"451-["misfit",{"_placeholder":true,"num":7}]"#,
    r#"451-3["asks",{"_placeholder":true,"num":0}]"#,
    r#"451-/admin,["octets",{"_placeholder":true,"num":0}]"#,
    r#"461-0[{"_placeholder":true,"num":0}]"#,
    OCTETS,
    OCTETS,
    OCTETS,
    OCTETS,
    "bAQID",
    "41",
    r#"40{"sid":"again"}"#,
    r#"40{"sid":"again","pid":"p"}"#,
    "40/admin",
    "2",
    "3",
];

fn said_as(direction: Direction, what: &str) -> Vec<u8> {
    let mut frame = frame(direction, what);
    if what == OCTETS {
        frame[0] = 0x82;
    }
    frame
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Who only counts is told as much as who reads, though segments may be missing.
    #[test]
    fn counting_finds_what_reading_finds(
        said in proptest::collection::vec((any::<bool>(), 0..SAYINGS.len(), 0_u8..20), 0..40),
    ) {
        let mut talk = Conversation::between("[fd00::1]:51544", "[fd00::2]:8080").open();
        talk.client(UPGRADE).server(SWITCHING).server(frame(TO_CLIENT, OPEN));
        talk.client(frame(TO_SERVER, JOIN)).server(frame(TO_CLIENT, JOINED));
        for (up, which, lost) in said {
            let direction = if up { TO_SERVER } else { TO_CLIENT };
            talk.segment(direction, 0x18, &said_as(direction, SAYINGS[which]));
            if lost == 0 {
                talk.lose();
            }
        }
        prop_assert_eq!(counts(&talk, false), counts(&talk, true));
        for riders in [false, true] {
            prop_assert_eq!(read(&talk, false, riders), read(&talk, true, riders));
        }
    }

    /// The same of WebSocket alone, whose frames come in any pieces, and are not all as they should be.
    #[test]
    fn glancing_at_frames_finds_what_reading_finds(
        frames in proptest::collection::vec((any::<bool>(), 0_usize..12, "[a-zä]{0,9}"), 0..30),
        sizes in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        let mut talk = Conversation::between("[fd00::1]:51544", "[fd00::2]:8080").open();
        talk.client(SWITCH).server(SWITCHING);
        let mut sizes = sizes.into_iter().cycle();
        for (up, what, text) in frames {
            let direction = if up { TO_SERVER } else { TO_CLIENT };
            let mut octets = frame(direction, &text);
            match (what, octets.len()) {
                (0, _) => octets[0] = 0x01,
                (1, _) => octets[0] = 0x80,
                (2, _) => octets[0] = 0x89,
                (3, _) => octets[0] = 0x82,
                (4, _) => octets[0] = 0xc1,
                (5, _) => octets[1] ^= 0x80,
                (6, len) => octets[len - 1] = 0xff,
                _ => {}
            }
            while !octets.is_empty() {
                let rest = octets.split_off(sizes.next().unwrap_or(1).min(octets.len()));
                talk.segment(direction, 0x18, &octets);
                octets = rest;
            }
        }
        prop_assert_eq!(counts(&talk, false), counts(&talk, true));
        for riders in [false, true] {
            prop_assert_eq!(read(&talk, false, riders), read(&talk, true, riders));
        }
    }
}

/// What a reader is told of a conversation.
fn read(talk: &Conversation, packets: bool, riders: bool) -> Vec<String> {
    let mut pipeline = Pipeline::new(Reader { packets, riders, ..Reader::default() });
    talk.on_ethernet().iter().for_each(|frame| pipeline.push(frame.as_ref()));
    pipeline.end().told
}

/// What a counter is told of a conversation, by name.
pub(super) fn counts(talk: &Conversation, reads: bool) -> BTreeMap<String, u64> {
    let mut pipeline = Pipeline::new(Counter { reads, ..Counter::default() });
    talk.on_ethernet().iter().for_each(|frame| pipeline.push(frame.as_ref()));
    let mut counts = pipeline.end().counts;
    counts.remove("glanced at");
    counts
}

/// Else the two properties above compared nothing.
#[test]
fn who_counts_only_glances() {
    let mut talk = Conversation::between("[fd00::1]:51544", "[fd00::2]:8080").open();
    talk.client(UPGRADE).server(SWITCHING).server(frame(TO_CLIENT, OPEN));
    talk.client(frame(TO_SERVER, JOIN)).server(frame(TO_CLIENT, JOINED));
    let events = [r#"42["news","a"]"#, r#"451-["octets",{"_placeholder":true,"num":0}]"#, OCTETS];
    for _ in 0..4 {
        talk.server(events.map(|what| said_as(TO_CLIENT, what)).concat());
    }
    let mut pipeline = Pipeline::new(Counter::default());
    talk.on_ethernet().iter().for_each(|frame| pipeline.push(frame.as_ref()));
    let counts = pipeline.end().counts;
    let count = |what: &str| counts.get(what).copied().unwrap_or_default();
    // The first ways are learned.
    assert!(count("glanced at") >= 9, "{counts:?}");
    assert_eq!((count("engineio message"), count("socketio EVENT"), count("socketio BINARY_EVENT")), (14, 4, 4));
}
