//! What happened, connection by connection, one step after the other: the raw material of a ladder.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ending::{Inner, lies, lying};
use super::resent::{Brought, is_dropped, is_keep_alive, says_else};
use super::step::{Elsewhere, Form, Phase, Quotes, Step};
use super::{Cast, quic_story};
use crate::count::{counted, grouped};
use crate::flow::{Closing, Connection, Finding, Reset, Segment};
use crate::layer::{Direction, Severity};
use crate::packet::Flags;
use crate::protocol::engineio::{EngineIoPacket, Kind};
use crate::protocol::text::as_text;
use crate::protocol::{HttpMessage, Side, TlsRecord};
use crate::trace::{Message, Record, Talk, Trace};

/// The story of one connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Which connection (`tcp.stream`).
    pub connection: u32,
    /// The side that opened it: name or address.
    pub client: String,
    /// The side that was connected to: name or address.
    pub server: String,
    /// What happened.
    pub steps: Vec<Step>,
    /// Frames that only acknowledge: they have no step.
    pub acknowledgements: Vec<u32>,
    /// From SYN to the ACK that completes the handshake, in seconds.
    pub rtt: Option<f64>,
    /// What was spoken at the end.
    pub talk: Talk,
    /// It was HTTP before.
    pub began_as_http: bool,
    /// What was spoken inside, if that was encrypted and is known.
    pub inside: Option<Talk>,
}

/// The story of a capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// One chapter per connection.
    pub chapters: Vec<Chapter>,
    /// One per connection of QUIC that can be read; their numbers are those of QUIC (`quic.connection.number`).
    pub quic: Vec<Chapter>,
    /// Frames that belong to no TCP connection, and have no line in those of QUIC.
    pub others: Vec<u32>,
}

/// In which line of its chapter a segment was told, by its connection, its way and where its payload lies in the stream.
type Sent = HashMap<Place, usize>;
/// Its connection, direction and offset; and whether it has octets: a SYN stands where the first of them does.
type Place = (u32, Direction, Option<u64>, bool);

fn place(segment: &Segment) -> Place {
    (segment.connection, segment.direction, segment.offset, segment.len > 0)
}

impl Story {
    /// Tells the story of the frames that `wanted` keeps.
    pub fn tell(trace: &Trace, cast: &Cast, wanted: &dyn Fn(u32) -> bool) -> Self {
        let is_http = |message: &&Message| message.payload_as::<HttpMessage>().is_some();
        let http: BTreeSet<u32> = trace.messages().iter().filter(is_http).map(|message| message.connection).collect();
        let begin = |tcp: &Connection| Chapter::begin(trace, cast, tcp.id, http.contains(&tcp.id));
        let mut chapters: Vec<Chapter> = trace.connections().iter().map(begin).collect();
        let begun = long_messages(trace);
        let (quic, told) = quic_story::chapters(trace, cast, wanted);
        let (mut others, mut sent) = (Vec::new(), Sent::new());
        for (number, record) in trace.records().filter(|(number, _)| wanted(*number)) {
            match &record.segment {
                Some(segment) => {
                    if let Some(chapter) = chapters.get_mut(segment.connection as usize) {
                        chapter.mark_lost(number, segment, &sent);
                        let before = chapter.steps.len();
                        chapter.add(trace, number, record, (segment.direction, &begun));
                        let told =
                            (before..chapter.steps.len()).rev().find(|at| chapter.steps[*at].phase != Phase::Open);
                        sent.extend(told.map(|at| (place(segment), at)));
                    }
                }
                None if told.contains(&number) => {}
                None => others.push(number),
            }
        }
        chapters.retain(|chapter| !chapter.steps.is_empty() || !chapter.acknowledgements.is_empty());
        Self { chapters, quic, others }
    }
}

impl Chapter {
    fn begin(trace: &Trace, cast: &Cast, connection: u32, began_as_http: bool) -> Self {
        let tcp = &trace.connections()[connection as usize];
        let party = |address| match cast.name(address) {
            Some(name) => format!("{name} {address}"),
            None => address.to_string(),
        };
        Self {
            connection,
            client: party(tcp.client),
            server: party(tcp.server),
            steps: Vec::new(),
            acknowledgements: Vec::new(),
            rtt: tcp.handshake.rtt().filter(|_| trace.keeps_times()),
            talk: trace.talk(connection),
            began_as_http,
            inside: trace.inside_talk(connection),
        }
    }

    /// Says of a segment's first sending that it was sent again, unless that was for nothing.
    fn mark_lost(&mut self, number: u32, segment: &Segment, sent: &Sent) {
        let findings = segment.analysis.findings;
        if !findings.has(Finding::Retransmission) || findings.has(Finding::SpuriousRetransmission) {
            return;
        }
        let first = sent.get(&place(segment));
        if let Some(step) = first.and_then(|at| self.steps.get_mut(*at)) {
            step.elsewhere.push(Elsewhere::Again(number));
        }
    }

    fn add(&mut self, trace: &Trace, number: u32, record: &Record, (direction, begun): (Direction, &Begun<'_>)) {
        let before = self.steps.len();
        let time = trace.time(number);
        let mut step = |said: Said| {
            let Said { form, text, elsewhere, phase, odd, quotes } = said;
            let elsewhere = elsewhere.into_iter().collect();
            self.steps.push(Step { frame: number, direction, form, text, elsewhere, phase, time, odd, quotes });
        };
        if let Some(text) = opening_text(trace, number, record) {
            step(Said::new(text, Phase::Open));
        }
        let begins = begun.get(&number).filter(|begins| begins.connection == self.connection);
        let lying = lying(trace.messages_in(number));
        let ending = trace.messages_in(number);
        let mut ordered = Ordered::default();
        let inner = Inner::of(ending);
        let told = |(_, message): &(usize, &Message)| is_told(trace, message) && !inner.tells(message);
        for (at, message) in ending.iter().enumerate().filter(told) {
            let (carrier, odd) = lying.get(&lies(message)).copied().unwrap_or((None, false));
            let since = message.frames.first().filter(|_| begun_before(message));
            let said = said_of(trace, message, phase_of(carrier.unwrap_or(message)));
            let elsewhere = since.map(|first| Elsewhere::Since(*first));
            ordered.put(message, Said { elsewhere, odd, quotes: Quotes::Message(at), ..said });
        }
        if let Some(message) = begins {
            let odd = message.notes.iter().any(|note| note.severity >= Severity::Warn);
            let elsewhere = Some(Elsewhere::Until(message.frame()));
            ordered.put(message, Said { elsewhere, odd, ..said_of(trace, message, phase_of(message)) });
        }
        ordered.0.into_iter().for_each(|entry| step(entry.said));
        if trace.messages_in(number).is_empty()
            && begins.is_none()
            && let Some(said) = payload_said(trace, number, record)
        {
            step(said);
        }
        if let Some((text, phase)) = closing_text(trace, number, record) {
            step(Said { odd: phase == Phase::Data, ..Said::new(text, phase) });
        }
        if self.steps.len() == before {
            self.acknowledgements.push(number);
        }
    }
}

/// What a step will say, whose frame, way and time are those of all of its frame.
struct Said {
    form: Form,
    text: String,
    elsewhere: Option<Elsewhere>,
    phase: Phase,
    odd: bool,
    quotes: Quotes,
}

impl Said {
    fn new(text: String, phase: Phase) -> Self {
        Self { form: Form::Sent, text, elsewhere: None, phase, odd: false, quotes: Quotes::Nothing }
    }
}

/// What is told of the messages of a frame, in the order of their octets: what ends only with its connection becomes known
/// behind what it carries.
#[derive(Default)]
struct Ordered(Vec<Entry>);

/// What is told of a message: what its octets lie in (inside of TLS? on which stream of HTTP/2?), and which they are; and its
/// step.
struct Entry {
    of: (bool, Option<u32>),
    at: u64,
    said: Said,
}

impl Ordered {
    fn put(&mut self, message: &Message, said: Said) {
        // What is put together from others, or rides on them, stands behind them.
        let is_first = message.owns_bytes() || message.payload.protocol() == "sse";
        let at = if is_first { message.range.start } else { message.range.end.saturating_sub(1) };
        let of = (message.inside, message.stream);
        let is_before = |other: &Entry| other.of != of || other.at <= at;
        let place = self.0.iter().rposition(is_before).map_or(0, |before| before + 1);
        self.0.insert(place, Entry { of, at, said });
    }
}

/// Messages by the frame in which they begin.
type Begun<'a> = BTreeMap<u32, &'a Message>;

/// Those of HTTP that end in a later frame than they begin in: what comes in between is read by what stands in their heads.
fn long_messages(trace: &Trace) -> Begun<'_> {
    // On a stream of HTTP/2 the frame with the head has its line.
    let is_long = |message: &&Message| begun_before(message) && message.stream.is_none() && is_told(trace, message);
    let long = trace.messages().iter().filter(is_long);
    long.filter_map(|message| Some((*message.frames.first()?, message))).collect()
}

fn begun_before(message: &Message) -> bool {
    message.payload_as::<HttpMessage>().is_some_and(|http| http.side != Side::Unreadable)
        && message.frames.first().is_some_and(|first| *first < message.frame())
}

/// Whether a message gets a line of its own. A judgement has none, nor has what only carries something that has: an
/// Engine.IO message, or a record that was decrypted.
fn is_told(trace: &Trace, message: &Message) -> bool {
    let engineio = message.payload_as::<EngineIoPacket>();
    let is_read = matches!(trace.inside_talk(message.connection), Some(Talk::Known(_)));
    let carries = |record: &TlsRecord| is_read && record.inside().is_some_and(|inside| !inside.is_empty());
    message.payload.protocol() != "websocket.handshake"
        && engineio.is_none_or(|packet| packet.kind != Kind::Message)
        && !message.payload_as().is_some_and(carries)
}

fn opening_text(trace: &Trace, number: u32, record: &Record) -> Option<String> {
    let (tcp, ..) = record.whole().0.tcp()?;
    let connection = trace.connections().get(record.segment.as_ref()?.connection as usize)?;
    let completes = connection.handshake.ack.is_some_and(|(frame, _)| frame == number);
    match (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK)) {
        (true, false) => Some("SYN".into()),
        (true, true) => Some("SYN ACK".into()),
        (false, true) if completes => Some("ACK".into()),
        _ => None,
    }
}

fn closing_text(trace: &Trace, number: u32, record: &Record) -> Option<(String, Phase)> {
    let (tcp, ..) = record.whole().0.tcp()?;
    let segment = record.segment.as_ref()?;
    let ended = trace.connections().get(segment.connection as usize)?.closing(segment.direction);
    match segment.reset {
        Reset::Stale => return Some(("RST, which its receiver drops".into(), Phase::Data)),
        Reset::Answers => return Some(("RST: not of this connection".into(), Phase::Open)),
        Reset::Doubtful if ended != Some(Closing::Reset(number)) => {
            return Some(("RST, which nobody heeds".into(), Phase::Data));
        }
        // Whose socket is gone answers what was sent again.
        Reset::Breaks if matches!(ended, Some(Closing::Fin(fin)) if fin < number) => {
            return Some(("RST: both had ended before".into(), Phase::Close));
        }
        _ => {}
    }
    let names: Vec<_> =
        [(Flags::FIN, "FIN"), (Flags::RST, "RST")].into_iter().filter(|(bit, _)| tcp.flags.has(*bit)).collect();
    let acknowledges = tcp.flags.has(Flags::ACK).then_some("ACK");
    let words: Vec<_> = names.iter().map(|(_, name)| *name).chain(acknowledges).collect();
    (!names.is_empty()).then(|| (words.join(" "), Phase::Close))
}

/// What to say of payload whose message does not end in this frame.
fn payload_said(trace: &Trace, number: u32, record: &Record) -> Option<Said> {
    let segment = record.segment.as_ref().filter(|segment| segment.len > 0)?;
    let shares = trace.ledger(number);
    let has = |owner: &str| shares.iter().any(|share| share.owner == owner);
    if has("late") {
        return Some(Said::new(format!("{} too late to be read", counted(segment.len, "octet")), Phase::Data));
    }
    if is_dropped(trace, number, record) {
        let text = format!("{}, which its receiver drops", counted(segment.len, "octet"));
        return Some(Said { odd: true, ..Said::new(text, Phase::Data) });
    }
    let brought = Brought::by(record).filter(|brought| brought.again > 0);
    let Some(Brought { again, fresh }) = brought else {
        let (packet, data) = record.whole();
        return Some(new_said(trace, segment, &has, (packet.payload.of(data), u64::from(segment.len))));
    };
    if fresh.is_empty() && is_keep_alive(record) {
        return Some(Said::new(format!("keep-alive of {}", counted(again, "octet")), Phase::Data));
    }
    let odd = says_else(trace, record);
    if fresh.is_empty() {
        let how = if odd { "again, but others than before" } else { "sent again" };
        return Some(Said { odd, ..Said::new(format!("{} {how}", counted(again, "octet")), Phase::Data) });
    }
    let said = new_said(trace, segment, &has, (&fresh, fresh.len() as u64));
    let how = if odd { "again, but others" } else { "sent again" };
    // What came again is no part of anything that has a step.
    Some(Said { form: Form::Sent, text: format!("{}, {} {how}", said.text, grouped(again)), odd, ..said })
}

/// What to say of octets that are new in their stream.
fn new_said(trace: &Trace, segment: &Segment, has: &dyn Fn(&str) -> bool, (octets, len): (&[u8], u64)) -> Said {
    let counted = counted(len, "octet");
    if has("http") || has("http2") || has("websocket") || has("payload") || has("tls") {
        let phase = match () {
            () if has("http") || has("http2") => Phase::Http,
            () if has("tls") => Phase::Tls,
            () if has("websocket") => Phase::WebSocket,
            // A payload is of what comes from the connection's protocol, in its middle.
            () => match trace.talk(segment.connection) {
                Talk::Known("http" | "http2") => Phase::Http,
                Talk::Known("tls") => Phase::Tls,
                _ => Phase::WebSocket,
            },
        };
        return Said { form: Form::Part, ..Said::new(format!("{counted} of a longer message"), phase) };
    }
    if matches!(trace.talk(segment.connection), Talk::Known(_)) && trace.lacks_before(segment) {
        return Said::new(format!("{counted} that cannot be read: bytes before are missing"), Phase::Data);
    }
    let text = as_text(octets, 32).map_or(counted.clone(), |text| format!("{text}  {counted}"));
    Said { quotes: Quotes::Payload, ..Said::new(text, Phase::Data) }
}

fn said_of(trace: &Trace, message: &Message, phase: Phase) -> Said {
    let unknown = message.payload_as::<TlsRecord>().and_then(TlsRecord::inside).filter(|inside| !inside.is_empty());
    if let (Some(inside), Some(Talk::Unknown)) = (unknown, trace.inside_talk(message.connection)) {
        let octets = trace.inside(message.connection, message.direction).map(|stream| stream.slice(inside.clone()));
        let text = octets.and_then(|octets| as_text(octets, 32)).map(|text| format!("{text}  "));
        let counted = counted(inside.end - inside.start, "octet");
        return Said::new(format!("TLS: {}{counted}", text.unwrap_or_default()), phase);
    }
    let stream = message.stream.map(|number| format!("stream {number}: ")).unwrap_or_default();
    let tls = if message.inside { "TLS: " } else { "" };
    let incomplete = if message.complete { "" } else { " (incomplete)" };
    let text = format!("{tls}{stream}{}{incomplete}", trace.summary(message));
    let protocol = message.payload.protocol();
    // What is put together from frames, each of which has its step; an event has only this one.
    let is_joined = !message.owns_bytes() && if message.complete { protocol != "sse" } else { protocol == "socketio" };
    Said { form: if is_joined { Form::Joined } else { Form::Sent }, ..Said::new(text, phase) }
}

fn phase_of(message: &Message) -> Phase {
    match message.payload.protocol() {
        "http" | "http2" | "sse" => Phase::Http,
        "websocket" => Phase::WebSocket,
        "tls" => Phase::Tls,
        _ => Phase::Data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Note;
    use crate::trace::testing::{Conversation, DATA, TO_CLIENT, TO_SERVER};
    use crate::trace::testing_http2::{END_STREAM, begin, data, frame, get, headers, ok};

    /// As a ladder has it, where what is put together stands behind a sign.
    fn shown(step: &Step) -> String {
        format!("{}{}", if step.form == Form::Joined { "= " } else { "" }, step.says())
    }

    fn told(talk: &Conversation) -> Vec<(u32, String)> {
        let story = Story::tell(&talk.trace(), &Cast::default(), &|_| true);
        story.chapters[0].steps.iter().map(|step| (step.frame, shown(step))).collect()
    }

    /// Who sends again may add what is new, and whoever only asks whether somebody is there says nothing.
    #[test]
    fn what_comes_again_is_told_apart_from_what_is_new() {
        let mut talk = Conversation::new().open();
        let seq = talk.next[0];
        talk.client("hello ").at(TO_SERVER, seq, DATA, b"hello world").at(TO_SERVER, seq, DATA, b"hello");
        talk.at(TO_SERVER, seq, DATA, b"jelly").at(TO_SERVER, seq + 9, DATA, b"xy, more");
        talk.segment(TO_CLIENT, Flags::ACK, b"").at(TO_SERVER, seq + 16, Flags::ACK, b"?");
        let expected = [
            (4, "\"hello \"  6 octets"),
            (5, "\"world\"  5 octets, 6 sent again"),
            (6, "5 octets sent again, again in 7"),
            (7, "5 octets again, but others than before"),
            (8, "\", more\"  6 octets, 2 again, but others"),
            (10, "keep-alive of 1 octet"),
        ];
        let told: Vec<_> = told(&talk).into_iter().filter(|(frame, _)| *frame > 3).collect();
        assert_eq!(told, expected.map(|(frame, text)| (frame, text.to_owned())));
        let trace = talk.trace();
        let odd = |step: &&Step| step.odd;
        let story = Story::tell(&trace, &Cast::default(), &|_| true);
        assert_eq!(story.chapters[0].steps.iter().filter(odd).map(|line| line.frame).collect::<Vec<_>>(), [7, 8]);
        let of_probe = |(frame, note): &&(Option<u32>, Note)| *frame == Some(10) && note.text.contains("came before");
        assert_eq!(trace.notes().iter().filter(of_probe).count(), 0, "it was sent again for nothing else");
    }

    /// A SYN stands where the first octet does, and is none.
    #[test]
    fn a_syn_that_comes_late_repeats_no_octets() {
        let mut talk = Conversation::new().open();
        let seq = talk.next[0];
        talk.client("hello").segment(TO_CLIENT, Flags::ACK, b"").at(TO_SERVER, seq.wrapping_sub(1), Flags::SYN, b"");
        assert_eq!(told(&talk)[3], (4, "\"hello\"  5 octets".to_owned()));
    }

    #[test]
    fn a_long_message_is_named_where_it_begins_and_where_it_ends() {
        let mut talk = Conversation::new().open();
        talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        talk.server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").server("def").server("ghi");
        let lines = told(&talk);
        let says = |frame: u32, text: &str| assert!(lines.contains(&(frame, text.to_owned())), "{text}: {lines:?}");
        says(5, "200 OK, goes on until 7");
        says(6, "3 octets of a longer message");
        says(7, "200 OK, begun in 5");
        let story = Story::tell(&talk.trace(), &Cast::default(), &|frame| frame == 6);
        assert_eq!(story.chapters[0].steps[0].phase, Phase::Http, "what comes in between is of the same protocol");
    }

    /// Whatever becomes known first: a message stands before what it carries, and one that ends before one that begins.
    #[test]
    fn within_a_frame_lines_stand_in_the_order_of_their_octets() {
        let texts = |talk: &Conversation, frame: u32| {
            let lines = told(talk).into_iter().filter(|(number, _)| *number == frame);
            lines.map(|(_, text)| text).collect::<Vec<_>>()
        };
        let asked = || {
            let mut talk = Conversation::new().open();
            talk.client("GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
            talk
        };
        let events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: 2\n\n";
        let expected = ["200 OK", "event \"message\": \"1\"", "event \"message\": \"2\""];
        let mut ended = asked();
        ended.segment(Direction::ToClient, Flags::PSH | Flags::ACK | Flags::FIN, events.as_bytes());
        assert_eq!(texts(&ended, 5), [&expected[..], &["FIN ACK"]].concat());
        let mut open = asked();
        open.server(events);
        assert_eq!(texts(&open, 5), ["200 OK (incomplete)", expected[1], expected[2]]);
        let mut two = Conversation::new().open();
        two.client("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
        two.server("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
        two.server("cdHTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nef").server("gh");
        assert_eq!(texts(&two, 6), ["200 OK, begun in 5", "404 Not Found, goes on until 7"]);
        // A message of several frames stands behind the last of them.
        let mut joined = Conversation::new().open();
        joined.client("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        joined.server("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        joined.server(b"\x01\x01a\x80\x01b\x81\x01c");
        let lines = texts(&joined, 6);
        assert!(lines.len() == 4 && lines[2].starts_with("= text") && lines[3].starts_with("text \"c\""), "{lines:?}");
    }

    /// Who crashed and comes back with a number of its own is told where the other side is, and says that this is nothing to it
    /// (RFC 9293 §3.5.1): the old connection ends by that, the new one does not.
    #[test]
    fn a_crash_of_one_side_is_told_as_it_is() {
        let mut talk = Conversation::new().open();
        talk.client("hello").segment(TO_CLIENT, Flags::ACK, b"");
        let there = talk.next[0];
        talk.at(TO_SERVER, 7000, Flags::SYN, b"").segment(TO_CLIENT, Flags::ACK, b"");
        talk.at(TO_SERVER, there, Flags::RST, b"").at(TO_SERVER, 7000, Flags::SYN, b"");
        talk.next = [7001, 9000];
        talk.segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"").segment(TO_SERVER, Flags::ACK, b"").client("again");
        let trace = talk.trace();
        let story = Story::tell(&trace, &Cast::default(), &|_| true);
        let last =
            |chapter: usize| story.chapters[chapter].steps.last().map(|step| (step.frame, &*step.text, step.odd));
        assert_eq!(last(0), Some((8, "RST", false)), "it is of the connection that was open until then");
        assert_eq!(last(1), Some((12, "\"again\"  5 octets", false)));
        let notes: Vec<_> = trace.notes().iter().map(|(_, note)| note.text.as_str()).collect();
        assert!(notes.contains(&"127.0.0.1:51544 broke connection 0 off while open"), "{notes:?}");
    }

    /// What lies outside the window of its receiver is none of what was said.
    #[test]
    fn what_a_receiver_drops_is_told_as_that() {
        let mut talk = Conversation::new().open();
        talk.client("hello");
        let next = talk.next[0];
        talk.at(TO_SERVER, next.wrapping_add(600), DATA, b"forged")
            .segment(TO_CLIENT, Flags::ACK, b"")
            .client(" world");
        talk.segment(TO_CLIENT, Flags::ACK, b"");
        let told: Vec<_> = told(&talk).into_iter().filter(|(frame, _)| (4..8).contains(frame)).collect();
        let expected =
            [(4, "\"hello\"  5 octets"), (5, "6 octets, which its receiver drops"), (7, "\" world\"  6 octets")];
        assert_eq!(told, expected.map(|(frame, text)| (frame, text.to_owned())));
    }

    /// Which RST ends a connection, and which does not.
    #[test]
    fn a_reset_says_what_becomes_of_it() {
        let (up, down) = (Direction::ToServer, Direction::ToClient);
        let open = || {
            let mut talk = Conversation::new().open();
            talk.server("hi").segment(up, Flags::ACK, b"");
            talk
        };
        let last = |talk: &Conversation| told(talk).pop().map(|(_, text)| text);
        let says = |talk: &Conversation, text: &str| assert_eq!(last(talk).as_deref(), Some(text));
        let mut breaks = open();
        says(breaks.segment(down, Flags::RST, b""), "RST");
        let mut stale = open();
        let before = stale.next[1].wrapping_sub(40);
        says(stale.at(down, before, Flags::RST, b""), "RST, which its receiver drops");
        let mut early = open();
        let behind = early.next[1].wrapping_add(9);
        early.at(down, behind, Flags::RST, b"").server("on");
        assert_eq!(told(&early).iter().rev().nth(1).unwrap().1, "RST, which nobody heeds");
        let mut over = open();
        over.segment(up, Flags::FIN | Flags::ACK, b"").segment(down, Flags::FIN | Flags::ACK, b"");
        over.segment(up, Flags::ACK, b"").segment(up, Flags::ACK, b"");
        says(over.segment(down, Flags::RST, b""), "RST: both had ended before");
    }

    #[test]
    fn what_began_as_http_is_known() {
        let began =
            |talk: &Conversation| Story::tell(&talk.trace(), &Cast::default(), &|_| true).chapters[0].began_as_http;
        let mut talk = Conversation::new();
        talk.server(b"\x81\x02hi").client(b"\x81\x82\x01\x02\x03\x04ik").server(b"\x81\x02ho");
        assert!(!began(&talk), "the capture began when it was a WebSocket");
        let mut talk = Conversation::new().open();
        talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(began(&talk));
    }

    /// What only carries what ends with it has no line; what says something of its own has one.
    #[test]
    fn frames_of_http2_that_say_something_have_a_line() {
        let mut talk = begin();
        talk.client([get(1, "/events"), get(3, "/x"), get(5, "/y")].concat());
        let fields = [(":status", "200"), ("content-type", "text/event-stream")];
        talk.server([headers(1, 0, &fields), data(1, 0, "data: a\n\n")].concat());
        talk.server([ok(3), data(3, END_STREAM, "b"), ok(5)].concat());
        talk.server(frame(3, 0, 5, &[0, 0, 0, 8])).server(data(1, END_STREAM, "data: c\n\n"));
        let lines: Vec<String> = told(&talk).into_iter().filter(|(at, _)| *at >= 7).map(|(_, text)| text).collect();
        let of = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
        assert_eq!([of("HEADERS 1 200"), of("DATA"), of("stream 3: 200")], [1, 0, 1], "{lines:#?}");
        assert_eq!(of("RST_STREAM 5 CANCEL"), 1, "{lines:#?}");
    }
}
