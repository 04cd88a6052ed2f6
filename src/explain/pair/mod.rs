//! Two captures side by side: what each took, and where their stories part.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

mod lasting;

use super::cost::Cost;
use super::{Cast, Form, Quotes, Step, Story};
use crate::layer::Direction;
use crate::trace::Trace;
use lasting::{content, lasting, offsets_in, parting};

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
        let traces = [left.1, right.1];
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
            let mut further = None;
            let same = one.iter().zip(other).take_while(|(one, other)| {
                further = differ_further_on(traces, one, other);
                one.lasts == other.lasts && further.is_none()
            });
            let same = same.count();
            alike += same;
            if same < one.len() || same < other.len() {
                let mut lines = [one, other].map(|steps| steps.get(same).map(|step| step.said.clone()));
                for (line, further) in lines.iter_mut().zip(further.iter().flatten()) {
                    line.iter_mut().for_each(|(.., text)| text.push_str(&format!(", further on {further}")));
                }
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
struct Compared<'a> {
    said: Said,
    lasts: String,
    place: Place<'a>,
}

/// Where a line was said.
struct Place<'a> {
    protocol: &'static str,
    frame: u32,
    quotes: Quotes,
    /// Recovery offsets of the events in the frame.
    offsets: Rc<[&'a str]>,
}

/// As a ladder has it, where what is put together stands behind a sign.
fn shown(step: &Step) -> String {
    format!("{}{}", if step.form == Form::Joined { "= " } else { "" }, step.says())
}

/// Where lines that are alike quote what is not: what stands there in each.
fn differ_further_on(traces: [&Trace; 2], one: &Compared<'_>, other: &Compared<'_>) -> Option<[String; 2]> {
    if one.lasts != other.lasts {
        return None;
    }
    parting(&content(traces[0], &one.place)?, &content(traces[1], &other.place)?)
}

const TCP: &str = "tcp";
const QUIC: &str = "quic";

/// What goes one way on a connection. Two runs of the same programs say the same in each; what goes the other way meanwhile,
/// or on another connection, comes now sooner and now later.
type Strand = (&'static str, u32, usize);

/// What a capture tells.
struct Told<'a> {
    /// The lines of its story, in each strand in the order of their frames. In how many pieces a long message came is left out.
    strands: BTreeMap<Strand, Vec<Compared<'a>>>,
    /// The connections of QUIC of which it tells nothing.
    closed: BTreeSet<u32>,
    untold: Vec<Untold>,
}

impl<'a> Told<'a> {
    fn of(trace: &'a Trace) -> Self {
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
            let (mut frame, mut offsets): (_, Rc<[&str]>) = (0, Rc::default());
            for step in chapter.steps.iter().filter(|step| step.form != Form::Part) {
                let way = if step.direction == Direction::ToServer { "to the server" } else { "to the client" };
                if step.frame != frame {
                    frame = step.frame;
                    offsets = offsets_in(trace, frame).into();
                }
                let place = Place { protocol, frame, quotes: step.quotes, offsets: offsets.clone() };
                let compared = Compared { lasts: lasting(step, &offsets), said: (frame, way, shown(step)), place };
                told.strands.entry((protocol, at, step.direction.index())).or_default().push(compared);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureFile, Source, Timestamp};
    use crate::trace::Pipeline;
    use crate::trace::testing::{Conversation, SWITCHING, UPGRADE};

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

    /// What a line quotes may be longer than the line, and look like what chance has chosen.
    #[test]
    fn stories_part_wherever_what_they_quote_differs() {
        let answered = |body: &str| {
            let mut talk = Conversation::new().open();
            talk.client("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
            talk.trace()
        };
        let sent = |text: &str| Conversation::new().open().client(text).trace();
        let upgraded = |text: &str| {
            let mut talk = Conversation::new().open();
            talk.client(UPGRADE).server(SWITCHING);
            talk.server([&[0x81, text.len() as u8], text.as_bytes()].concat());
            talk.trace()
        };
        let long = |end: &str| "x".repeat(100) + end;
        for say in [&answered as &dyn Fn(&str) -> Trace, &sent, &upgraded] {
            let parted = |one: &str, other: &str| {
                let pair = Pair::of(("", &say(one)), ("", &say(other)));
                pair.partings.into_iter().flat_map(|parting| parting.lines).flatten().map(|(.., text)| text).collect()
            };
            assert_eq!(parted("a\n{\"sid\":\"ab\"}", "a\n{\"sid\":\"cd\"}"), [""; 0], "chosen by chance");
            for (one, other) in
                [("5", "6"), (", begun in 5", ", begun in 6"), ("  masked 11 22 33 44", "  masked 55 66 77 88")]
            {
                let said: Vec<String> = parted(&long(one), &long(other));
                let [first, second] = &said[..] else { panic!("{said:?}") };
                let further = |text: &String| text.split_once(", further on ").map(|(_, text)| text.to_owned());
                assert!(
                    further(first).is_some_and(|text| text.starts_with("…\"") && text.contains(&one[one.len() - 1..]))
                );
                assert!(further(second) != further(first), "{said:?}");
            }
        }
    }
}
