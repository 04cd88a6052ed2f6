//! Two captures side by side: what each took, and where their stories part.

use std::collections::{BTreeMap, BTreeSet};

use super::cost::Cost;
use super::{Cast, Story};
use crate::layer::Direction;
use crate::protocol::SocketIoPacket;
use crate::trace::Trace;

/// Two captures, compared.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Pair {
    /// What each took, with its name.
    pub sides: [(String, Cost); 2],
    /// How many lines the story of each has.
    pub lines: [usize; 2],
    /// How many lines of their stories are alike: on each connection and each way from the beginning.
    pub alike: usize,
    /// The first line in which they differ, on each connection and each way where there is one; in order of their frames.
    /// There is none where one of them has no line that could be compared.
    pub partings: Vec<Parting>,
    /// What of each is in no line that could be compared.
    pub untold: [Vec<Untold>; 2],
}

/// Frames of a capture that are not compared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Untold {
    /// What they are, in a few words.
    pub what: &'static str,
    /// Which, ascending.
    pub frames: Vec<u32>,
}

/// Where two stories part: the line of each, or that it has ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Parting {
    /// `tcp` or `quic`.
    pub protocol: &'static str,
    /// On which connection: of TCP counted from 0 in order of their beginnings, of QUIC `quic.connection.number`.
    pub connection: u32,
    /// The frame, which way it goes, and what it says.
    pub lines: [Option<(u32, &'static str, String)>; 2],
}

impl Pair {
    /// Compares two captures, each with its name.
    pub fn of(left: (&str, &Trace), right: (&str, &Trace)) -> Self {
        let sides = [left, right].map(|(name, trace)| (name.to_owned(), Cost::of(trace, Direction::ToClient, 0)));
        let [mut one, mut other] = [left.1, right.1].map(Told::of);
        let lines = [&one, &other].map(Told::len);
        let closed = [&one, &other].map(|told| told.closed.clone());
        one.leave_out(&closed[1]);
        other.leave_out(&closed[0]);
        let has_both = one.len() > 0 && other.len() > 0;
        let keys: BTreeSet<Strand> = one.strands.keys().chain(other.strands.keys()).copied().collect();
        let (mut alike, mut partings) = (0, Vec::new());
        for key in keys.into_iter().filter(|_| has_both) {
            let [one, other] = [&one, &other].map(|told| told.strands.get(&key).map_or(&[][..], Vec::as_slice));
            let same = one.iter().zip(other).take_while(|(one, other)| one.lasts == other.lasts).count();
            alike += same;
            if same < one.len() || same < other.len() {
                let lines = [one, other].map(|steps| steps.get(same).map(|step| step.said.clone()));
                partings.push(Parting { protocol: key.0, connection: key.1, lines });
            }
        }
        let first = |parting: &Parting| parting.lines.iter().flatten().map(|(frame, ..)| *frame).min();
        partings.sort_by_key(first);
        Self { sides, lines, alike, partings, untold: [one.untold, other.untold] }
    }

    /// Whether there was something that could be compared.
    pub fn is_compared(&self) -> bool {
        self.alike > 0 || !self.partings.is_empty()
    }
}

type Said = (u32, &'static str, String);

/// A line of a story, and what of it would be the same in another run of the same programs.
struct Step {
    said: Said,
    lasts: String,
}

/// Of more events in one frame the offsets are compared as they are.
const MOST_OFFSETS: usize = 64;

const TCP: &str = "tcp";
const QUIC: &str = "quic";

/// What goes one way on a connection. Two runs of the same programs say the same in each; what goes the other way meanwhile,
/// or on another connection, comes now sooner and now later.
type Strand = (&'static str, u32, usize);

/// What a capture tells.
struct Told {
    /// The lines of its story, in each strand in the order of their frames. In how many pieces a long message came is left out.
    strands: BTreeMap<Strand, Vec<Step>>,
    /// The connections of QUIC of which it tells nothing.
    closed: BTreeSet<u32>,
    untold: Vec<Untold>,
}

impl Told {
    fn of(trace: &Trace) -> Self {
        let story = Story::tell(trace, &Cast::default(), &|_| true);
        let read: BTreeSet<u32> = story.quic.iter().map(|chapter| chapter.connection).collect();
        let mut told = Self { strands: BTreeMap::new(), closed: BTreeSet::new(), untold: Vec::new() };
        for number in &story.others {
            let Some(record) = trace.record(*number) else { continue };
            let whole = record.reassembled_in.and_then(|number| trace.record(number)).unwrap_or(record);
            let what = match whole.quic.as_deref().and_then(|packets| packets.first()) {
                // What only acknowledges has no line in any story.
                Some(packet) if read.contains(&packet.connection) => continue,
                Some(packet) => {
                    told.closed.insert(packet.connection);
                    "QUIC that could not be read"
                }
                None if whole.udp.is_some() => "datagrams of UDP",
                None => "neither TCP nor UDP",
            };
            match told.untold.iter_mut().find(|untold| untold.what == what) {
                Some(untold) => untold.frames.push(*number),
                None => told.untold.push(Untold { what, frames: vec![*number] }),
            }
        }
        let tcp = (0..).zip(story.chapters).map(|(at, chapter)| ((TCP, at), chapter));
        for ((protocol, at), chapter) in tcp.chain(story.quic.into_iter().map(|one| ((QUIC, one.connection), one))) {
            let (mut frame, mut offsets) = (0, Vec::new());
            for line in chapter.lines.into_iter().filter(|line| !line.text.ends_with(" octets of a longer message")) {
                let way = if line.direction == Direction::ToServer { "to the server" } else { "to the client" };
                if line.frame != frame {
                    frame = line.frame;
                    offsets = offsets_in(trace, frame);
                }
                let step = Step { lasts: lasting(&line.text, &offsets), said: (line.frame, way, line.text) };
                told.strands.entry((protocol, at, line.direction.index())).or_default().push(step);
            }
        }
        told
    }

    fn len(&self) -> usize {
        self.strands.values().map(Vec::len).sum()
    }

    /// Leaves out connections of QUIC that the other capture does not tell of: they would seem to be missing there.
    fn leave_out(&mut self, closed: &BTreeSet<u32>) {
        let mut frames = BTreeSet::new();
        self.strands.retain(|(protocol, connection, _), steps| {
            let is_kept = *protocol != QUIC || !closed.contains(connection);
            if !is_kept {
                frames.extend(steps.iter().map(|step| step.said.0));
            }
            is_kept
        });
        if !frames.is_empty() {
            let what = "QUIC that could not be read in the other";
            self.untold.push(Untold { what, frames: frames.into_iter().collect() });
        }
    }
}

/// The recovery offsets of the events in a frame.
fn offsets_in(trace: &Trace, frame: u32) -> Vec<&str> {
    let over_tcp = trace.messages_in(frame).iter().filter_map(|message| message.payload_as::<SocketIoPacket>());
    let over_quic = trace.record(frame).into_iter().flat_map(|record| &record.over_quic);
    let over_quic = over_quic.filter_map(|message| message.payload.as_any().downcast_ref::<SocketIoPacket>());
    over_tcp.chain(over_quic).filter_map(|packet| packet.offset.as_deref()).take(MOST_OFFSETS).collect()
}

/// What a line says without what chance and the clock have chosen: masking keys, ids of sessions, what keeps answers out
/// of caches, recovery offsets (those given are of events in the line's frame), times, numbers of frames.
fn lasting(text: &str, offsets: &[&str]) -> String {
    let mut kept = without_time(&without_mask(text));
    for name in ["sid", "pid"] {
        blank(&mut kept, &format!("\"{name}\":\""));
    }
    // Other programs may call something of theirs so: a client that comes back names both.
    if kept.contains("\"pid\":") {
        blank(&mut kept, "\"offset\":\"");
    }
    // `t` may be what somebody asks for, too.
    if kept.contains("EIO=") {
        ["?sid=", "&sid=", "?t=", "&t="].iter().for_each(|name| blank(&mut kept, name));
    }
    for offset in offsets {
        blank_offset(&mut kept, offset);
    }
    without_numbers(&kept)
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
            if text.starts_with("= ")
                && number.parse::<f64>().is_ok()
                && (rest.is_empty() || rest.starts_with([',', ' '])) =>
        {
            format!("{before}{rest}")
        }
        _ => text.to_owned(),
    }
}

/// Leaves out what follows each `name`, up to the end of the value or to where the text was cut.
fn blank(text: &mut String, name: &str) {
    let mut from = 0;
    while let Some(start) = text[from..].find(name).map(|at| from + at + name.len()) {
        let rest = &text[start..];
        let end = start + rest.find(['"', '&', ' ', '…']).unwrap_or(rest.len());
        text.replace_range(start..end, "");
        from = start;
    }
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

/// Leaves out in which frames a segment was sent again (but not how often), a message begins, or ends.
fn without_numbers(text: &str) -> String {
    [", again in ", ", goes on until ", ", begun in "].into_iter().fold(text.to_owned(), |text, words| {
        let mut parts = text.split(words);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |kept, part| kept + words + part.trim_start_matches(|c: char| c.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureFile, Source, Timestamp};
    use crate::trace::Pipeline;
    use crate::trace::testing::Conversation;

    #[track_caller]
    fn assert_alike(one: &str, other: &str) {
        assert_eq!(lasting(one, &[]), lasting(other, &[]));
    }

    #[track_caller]
    fn assert_differ(one: &str, other: &str) {
        assert_ne!(lasting(one, &[]), lasting(other, &[]));
    }

    #[test]
    fn chance_is_left_out() {
        assert_alike("text \"hi\"  masked 01 02 03 04", "text \"hi\"  masked 05 06 07 08");
        assert_alike("text \"hi\"  masked 01 02 03 04, again in 7", "text \"hi\"  masked 05 06 07 08, again in 9");
        assert_alike("200 OK, goes on until 29", "200 OK, goes on until 31");
        assert_alike("200 OK, begun in 4", "200 OK, begun in 14");
        assert_alike("GET /s/?EIO=4&sid=abc&t=x1", "GET /s/?EIO=4&sid=def&t=y2");
        assert_alike("GET /s/?EIO=4&transport=polling&t=vd…", "GET /s/?EIO=4&transport=polling&t=x8…");
        assert_alike("= CONNECT {\"sid\":\"ab\",\"pid\":\"cd\"}", "= CONNECT {\"sid\":\"ef\",\"pid\":\"gh\"}");
        assert_alike("text \"0{\"sid\":\"abc…\"", "text \"0{\"sid\":\"xyz…\"");
        assert_alike("= CONNECT {\"pid\":\"a\",\"offset\":\"b\"}", "= CONNECT {\"pid\":\"c\",\"offset\":\"d\"}");
        assert_eq!(
            lasting("text \"42[\"a\",1,\"Q8Z\"]\"", &["Q8Z"]),
            lasting("text \"42[\"a\",1,\"R9A\"]\"", &["R9A"])
        );
        assert_eq!(lasting("text \"42[\"a\",1,\"Q8…\"", &["Q8Z"]), lasting("text \"42[\"a\",1,\"R9…\"", &["R9A"]));
    }

    #[test]
    fn the_clock_is_left_out() {
        assert_alike("= ACK #0 [\"ok\"] after 705.688 ms", "= ACK #0 [\"ok\"] after 713.132 ms");
        assert_alike("= ACK #0 after 0.220 ms, again in 9", "= ACK #0 after 1.000 ms, again in 12");
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
        assert_differ("SYN", "SYN, again in 4");
    }

    /// A saved capture, as it would be if everything had taken so many times as long.
    fn slower(factor: i64) -> Trace {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/15-emit.pcapng");
        let mut file = CaptureFile::open(path.as_ref()).unwrap();
        let mut pipeline = Pipeline::default();
        let mut begin = None;
        while let Some(frame) = file.next_frame().unwrap() {
            let begin = *begin.get_or_insert(frame.time.0);
            let mut frame = frame.to_frame();
            frame.time = Timestamp(begin + (frame.time.0 - begin) * factor);
            pipeline.push(frame.as_ref());
        }
        pipeline.finish()
    }

    #[test]
    fn a_slower_run_tells_the_same_story() {
        let (one, other) = (slower(1), slower(3));
        let says =
            |trace: &Trace| Told::of(trace).strands.into_values().flatten().map(|step| step.said.2).collect::<Vec<_>>();
        assert_ne!(says(&one), says(&other), "some lines tell a time");
        assert_eq!(Pair::of(("one", &one), ("other", &other)).partings, []);
    }

    #[test]
    fn who_speaks_first_does_not_make_stories_part() {
        let talk = |turns: &[(bool, &str)]| {
            let mut talk = Conversation::new().open();
            for (is_client, text) in turns {
                if *is_client {
                    talk.client(text)
                } else {
                    talk.server(text)
                };
            }
            talk.trace()
        };
        let one = talk(&[(true, "a"), (false, "b"), (true, "c")]);
        let raced = talk(&[(false, "b"), (true, "a"), (true, "c")]);
        let other = talk(&[(true, "a"), (false, "x"), (true, "c")]);
        assert_eq!(Pair::of(("", &one), ("", &raced)).partings, []);
        let pair = Pair::of(("", &one), ("", &other));
        let [parting] = &pair.partings[..] else { panic!("{pair:?}") };
        let frames = parting.lines.clone().map(|line| line.map(|(frame, way, _)| (frame, way)));
        assert_eq!(frames, [Some((5, "to the client")), Some((5, "to the client"))]);
        let shorter = talk(&[(true, "a"), (false, "b")]);
        let pair = Pair::of(("", &one), ("", &shorter));
        assert!(matches!(pair.partings[0].lines, [Some((6, ..)), None]));
    }
}
