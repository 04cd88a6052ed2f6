//! One connection of QUIC that is opened: its streams put in order, and what HTTP/3 and WebTransport say on them.

use super::session::Sessions;
use super::watch::Place;
use super::webtransport::{Streams, Told};
use crate::capture::Moment;
use crate::count::{counted, plural};
use crate::layer::{Direction, Group, Note, Severity};
use crate::map::Map;
use crate::message::Payload;
use crate::protocol::KeyLog;
use crate::protocol::http3::{Http3, Step};
use crate::protocol::quic::{
    Connection, Frames, Kind, Numbers, OpenedPacket, Outcome, QuicPacket, Sequence, StreamData,
};

/// More streams of a connection are not read: each is known by its number as long as the connection is.
const MAX_STREAMS: usize = 1 << 13;
/// More octets of a connection do not wait to be read.
const MAX_WAITING: usize = 5 << 18;

/// A message that lies on a stream of QUIC.
#[derive(Debug)]
pub struct QuicMessage {
    /// The number of the connection (`quic.connection.number`).
    pub connection: u32,
    /// The number of the stream.
    pub stream: u64,
    /// Which way it travelled.
    pub direction: Direction,
    /// All frames that carried it, ascending.
    pub frames: Vec<u32>,
    /// The packet of its datagram with which it was whole: its place among them.
    pub packet: usize,
    /// What it is.
    pub payload: Box<dyn Payload>,
    /// What is odd about it.
    pub notes: Vec<Note>,
    /// Whether all of it came.
    pub complete: bool,
}

impl Clone for QuicMessage {
    fn clone(&self) -> Self {
        Self {
            connection: self.connection,
            stream: self.stream,
            direction: self.direction,
            frames: self.frames.clone(),
            packet: self.packet,
            payload: self.payload.boxed(),
            notes: self.notes.clone(),
            complete: self.complete,
        }
    }
}

/// What was found in a datagram.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) messages: Vec<QuicMessage>,
    pub(super) notes: Vec<(Moment, Note)>,
    /// Of a connection that another follows: what is to be said when no more comes.
    pub(super) late: Vec<(Place, Note)>,
}

/// A connection that is followed.
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) number: u32,
    http: Http3,
    /// By their number and direction.
    lanes: Map<(u64, usize), Lane>,
    /// Those that wait for the table of QPACK, or for the settings that it follows.
    blocked: Vec<(u64, Direction)>,
    transports: Streams,
    /// How many octets wait on all of them.
    waiting: usize,
    is_full: bool,
    /// There are secrets of it.
    pub(super) has_secrets: bool,
    /// By direction: where a packet first stayed closed.
    closed: [Option<Moment>; 2],
    /// By direction: which packets behind the handshake came.
    numbers: [Numbers; 2],
}

/// One direction of a stream.
#[derive(Default)]
struct Lane {
    sequence: Sequence,
    /// When something first waited behind a hole.
    since: Moment,
    /// When something last came.
    last: Moment,
    /// It is not read any longer.
    is_over: bool,
}

/// Where something was said.
#[derive(Clone, Copy)]
struct Spot {
    id: u64,
    direction: Direction,
    packet: usize,
    now: Moment,
}

impl Live {
    pub(super) fn new(number: u32) -> Self {
        Self {
            connection: Connection::default(),
            number,
            http: Http3::default(),
            lanes: Map::default(),
            blocked: Vec::new(),
            transports: Streams::default(),
            waiting: 0,
            is_full: false,
            has_secrets: false,
            closed: [None; 2],
            numbers: Default::default(),
        }
    }

    /// Opens the packets of a datagram that one end sent, and reads what they carry.
    pub(super) fn hear(
        &mut self,
        packets: &mut [QuicPacket],
        datagram: &[u8],
        (sender, now): (usize, Moment),
        (secrets, sessions): (Option<&KeyLog>, &mut Sessions),
        heard: &mut Heard,
    ) {
        for (place, packet) in packets.iter_mut().enumerate() {
            let direction = match self.connection.hear(packet, datagram, sender, secrets) {
                Outcome::Open(direction) => direction,
                Outcome::Closed => {
                    if matches!(packet.kind, Kind::Handshake | Kind::Short) {
                        let is_client = self.connection.client() == Some(sender);
                        self.closed[usize::from(!is_client)].get_or_insert(now);
                    }
                    continue;
                }
                Outcome::Failed => {
                    let text = "QUIC: a packet does not open with the secrets at hand; others like it are not told";
                    heard.notes.push((now, Note::new(Severity::Warn, text, "RFC 9001 §5").about(Group::Decryption)));
                    continue;
                }
            };
            let Some(opened) = packet.opened.as_deref().filter(|_| self.connection.speaks_http3()) else { continue };
            if packet.kind == Kind::Short {
                self.heed(opened, direction);
            }
            for frame in Frames::new(&opened.content) {
                if let Some(stream) = frame.stream() {
                    let spot = Spot { id: stream.id, direction, packet: place, now };
                    self.take(&stream, &opened.content, spot, sessions, heard);
                } else if let Some(id) = frame.reset() {
                    self.give_up(Spot { id, direction, packet: place, now });
                }
            }
        }
    }

    /// Takes note of which packets came, and of which were received.
    fn heed(&mut self, opened: &OpenedPacket, direction: Direction) {
        self.numbers[direction.index()].came(opened.number);
        let received = &mut self.numbers[direction.reverse().index()];
        Frames::new(&opened.content)
            .filter_map(|frame| frame.acknowledged())
            .for_each(|numbers| received.acknowledge(numbers));
    }

    /// What is to be said when no more comes, of which frame and of what went which way.
    pub(super) fn end(&mut self) -> Vec<(Moment, Direction, Note)> {
        let mut found: Vec<(Moment, Direction, Note)> = self.lacks().into_iter().collect();
        for ((id, d), lane) in self.lanes.iter().filter(|(_, lane)| !lane.is_over) {
            let way = if *d == 0 { Direction::ToServer } else { Direction::ToClient };
            if let Some(hole) = lane.sequence.hole() {
                let (len, start) = (hole.end - hole.start, hole.start);
                let (octets, are) = (counted(len, "octet"), plural(len, "is", "are"));
                let text = format!(
                    "QUIC: {octets} of stream {id} {are} missing, from {start} on; what follows on it is not read"
                );
                found.push((
                    lane.since,
                    way,
                    Note::new(Severity::Warn, text, "RFC 9000 §2.2").about(Group::Reassemble),
                ));
            } else if !lane.sequence.ready().is_empty() {
                let is_blocked = self.blocked.contains(&(*id, way));
                let waits_for_client = self.transports.waits_for_client(*id, way) && self.http.is_session(*id, way);
                let why = match waits_for_client {
                    true => "answer what was not seen",
                    false => self.http.waits(*id, way, is_blocked),
                };
                let octets = counted(lane.sequence.ready().len(), "octet");
                let text = format!("QUIC: the last {octets} of stream {id} {why}");
                found.push((lane.last, way, Note::new(Severity::Note, text, "RFC 9114 §7.1").about(Group::Reassemble)));
            }
        }
        self.lanes.clear();
        found
    }

    /// Why packets stay closed though there are secrets, if that is known.
    fn lacks(&self) -> Option<(Moment, Direction, Note)> {
        let ways = [Direction::ToServer, Direction::ToClient];
        let mut closed = ways.into_iter().filter_map(|way| Some((self.closed[way.index()]?, way)));
        let (moment, way, text) = if self.has_secrets && !self.connection.is_answered() {
            let (moment, way) = closed.min_by_key(|(moment, _)| moment.frame)?;
            let text = match self.connection.has_closed_initial() {
                true => {
                    "the server's hello, which says how the packets are encrypted, was not read: an Initial packet was captured \
                     before the client's, whose ID tells its keys; the connection is not opened, though there are secrets of it"
                }
                false => {
                    "the server's hello, which says how the packets are encrypted, was not seen: the connection is not opened, \
                     though there are secrets of it"
                }
            };
            (moment, way, text)
        } else {
            let (moment, way) = closed.find(|(_, way)| self.connection.is_one_sided(*way))?;
            let text = match way {
                Direction::ToServer => {
                    "what the client sent is not opened: of the secrets only the server's are at hand"
                }
                Direction::ToClient => {
                    "what the server sent is not opened: of the secrets only the client's are at hand"
                }
            };
            (moment, way, text)
        };
        let note = Note::new(Severity::Note, format!("QUIC: {text}"), "RFC 9001 §5").about(Group::Decryption);
        Some((moment, way, note))
    }

    /// Puts the octets of a frame where they belong in their stream, and reads on.
    fn take(&mut self, stream: &StreamData, content: &[u8], spot: Spot, sessions: &mut Sessions, heard: &mut Heard) {
        let key = (spot.id, spot.direction.index());
        if self.lanes.len() >= MAX_STREAMS && !self.lanes.contains_key(&key) {
            if !std::mem::replace(&mut self.is_full, true) {
                let text = format!("QUIC: more than {MAX_STREAMS} streams of one connection: the others are not read");
                heard.notes.push((spot.now, Note::new(Severity::Warn, text, "").about(Group::Undecoded)));
            }
            return;
        }
        let lane = self.lanes.entry(key).or_default();
        if lane.is_over {
            return;
        }
        let octets = content.get(stream.data.clone()).unwrap_or_default();
        let before = lane.sequence.kept();
        let has_room = lane.sequence.add(stream.offset, octets, spot.now.frame, MAX_WAITING - (self.waiting - before));
        lane.last = spot.now;
        if stream.fin {
            lane.sequence.close(stream.offset.saturating_add(octets.len() as u64));
        }
        if lane.since == Moment::default() && lane.sequence.hole().is_some() {
            lane.since = spot.now;
        }
        self.waiting = self.waiting - before + lane.sequence.kept();
        if !has_room {
            self.give_up(spot);
            let text = format!("QUIC: too much waits to be read on stream {}, which is given up", spot.id);
            heard.notes.push((spot.now, Note::new(Severity::Warn, text, "").about(Group::Undecoded)));
        }
        self.read(spot, sessions, heard);
        // Who answers may have had to wait until it was known to what.
        self.read(Spot { direction: spot.direction.reverse(), ..spot }, sessions, heard);
    }

    fn give_up(&mut self, spot: Spot) {
        if let Some(lane) = self.lanes.get_mut(&(spot.id, spot.direction.index())) {
            self.waiting -= lane.sequence.kept();
            *lane = Lane { is_over: true, ..Lane::default() };
        }
    }

    /// Reads on in a direction of a stream, as far as that is possible.
    fn read(&mut self, spot: Spot, sessions: &mut Sessions, heard: &mut Heard) {
        let Spot { id, direction, .. } = spot;
        let mut is_instructed = false;
        while let Some(lane) = self.lanes.get(&(id, direction.index())).filter(|lane| !lane.is_over) {
            let ready = lane.sequence.ready();
            let len = match self.http.read(id, direction, ready) {
                Step::Read(len, told) => {
                    if let Some((frame, notes)) = told {
                        is_instructed |= frame.is_settings();
                        let frames = lane.sequence.frames(len);
                        heard.messages.push(spot.message(self.number, (Box::new(frame), notes, frames, true)));
                    }
                    len
                }
                Step::Instructed(len) => {
                    is_instructed = true;
                    len
                }
                Step::Session(_) => {
                    let d = direction.reverse().index();
                    let has_hole = |lane: &Lane| lane.sequence.hole().is_some();
                    let lacks = self.numbers[d].is_behind() || self.lanes.get(&(id, d)).is_some_and(has_hole);
                    let carried = (&lane.sequence, lacks, spot.now);
                    let step = self.transports.read(id, direction, carried, sessions);
                    heard.messages.extend(step.told.into_iter().map(|told| spot.message(self.number, told)));
                    heard.notes.extend(step.note.map(|note| (spot.now, note)));
                    step.len
                }
                Step::GivenUp(note) => {
                    heard.notes.push((spot.now, note));
                    ready.len()
                }
                Step::NeedMore => 0,
                Step::Blocked => {
                    if !self.blocked.contains(&(id, direction)) {
                        self.blocked.push((id, direction));
                    }
                    0
                }
            };
            let Some(lane) = self.lanes.get_mut(&(id, direction.index())) else { return };
            if len == 0 {
                if lane.sequence.is_last() && lane.sequence.ready().is_empty() {
                    self.give_up(spot);
                }
                break;
            }
            lane.sequence.consume(len);
            self.waiting -= len;
        }
        if is_instructed {
            for (id, direction) in std::mem::take(&mut self.blocked) {
                self.read(Spot { id, direction, ..spot }, sessions, heard);
            }
        }
    }
}

impl Spot {
    fn message(self, connection: u32, (payload, notes, frames, complete): Told) -> QuicMessage {
        let Self { id: stream, direction, packet, .. } = self;
        QuicMessage { connection, stream, direction, frames, packet, payload, notes, complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment { frame: 7, time: crate::capture::Timestamp(0) };

    struct Play {
        live: Live,
        sessions: Sessions,
        heard: Heard,
    }

    impl Play {
        fn new() -> Self {
            Self { live: Live::new(0), sessions: Sessions::default(), heard: Heard::default() }
        }

        /// Octets of a stream to the server.
        fn say(&mut self, id: u64, offset: u64, octets: &[u8]) {
            self.said(Direction::ToServer, id, offset, octets);
        }

        fn said(&mut self, direction: Direction, id: u64, offset: u64, octets: &[u8]) {
            let stream = StreamData { id, offset, data: 0..octets.len(), fin: false };
            let spot = Spot { id, direction, packet: 0, now: NOW };
            self.live.take(&stream, octets, spot, &mut self.sessions, &mut self.heard);
        }

        fn notes(&self) -> Vec<&str> {
            self.heard.notes.iter().map(|(_, note)| note.text.as_str()).collect()
        }
    }

    #[test]
    fn streams_are_bounded() {
        let mut play = Play::new();
        (0..10_000).for_each(|n| play.say(n * 4, 5, b"x"));
        assert_eq!(play.live.lanes.len(), MAX_STREAMS);
        assert_eq!(play.notes(), ["QUIC: more than 8192 streams of one connection: the others are not read"]);
    }

    #[test]
    fn what_waits_is_bounded_on_all_streams_together() {
        let mut play = Play::new();
        let some = vec![0; 60_000];
        (0..10).for_each(|n| play.say(0, 1 + n * 60_000, &some));
        (0..40).for_each(|n| play.say(4, 1 + n * 60_000, &some));
        assert_eq!(play.notes(), ["QUIC: too much waits to be read on stream 4, which is given up"]);
        assert_eq!(play.live.waiting, 600_000, "what was given up is forgotten");
        let ended: Vec<String> = play.live.end().into_iter().map(|(_, _, note)| note.text).collect();
        assert_eq!(ended, ["QUIC: 1 octet of stream 0 is missing, from 0 on; what follows on it is not read"]);
    }

    #[test]
    fn what_is_not_whole_at_the_end_is_told() {
        let mut play = Play::new();
        // Half of a packet of Engine.IO; header fields by a table that the server allows, and nobody wrote.
        play.say(4, 0, &[0x40, 0x41, 0, 1, b'0', 9, b'4']);
        play.said(Direction::ToClient, 3, 0, &[0, 4, 3, 1, 0x40, 0xdc]);
        play.say(0, 0, &[1, 3, 2, 0, 0x80]);
        let mut ended: Vec<String> = play.live.end().into_iter().map(|(_, _, note)| note.text).collect();
        ended.sort();
        let expected = [
            "QUIC: the last 2 octets of stream 4 are the beginning of something longer",
            "QUIC: the last 5 octets of stream 0 name header fields that were not seen",
        ];
        assert_eq!(ended, expected);
    }

    fn ended(mut play: Play) -> Vec<String> {
        let mut ended: Vec<String> = play.live.end().into_iter().map(|(_, _, note)| note.text).collect();
        ended.sort();
        ended
    }

    /// What the capture lacks is not what the sender did wrong.
    #[test]
    fn what_the_capture_lacks_is_told_as_that() {
        // Whole header fields, and octets of a session, whose client was not heard; then a session's stream that was begun.
        let mut play = Play::new();
        play.said(Direction::ToClient, 0, 0, &[1, 3, 0, 0, 0xd9]);
        play.said(Direction::ToClient, 4, 0, b"\x02{}");
        play.say(8, 0, &[0x40, 0x41, 0]);
        play.said(Direction::ToClient, 8, 0, b"\x02{}");
        let expected = [
            "QUIC: the last 3 octets of stream 4 answer what was not seen, and which says what the stream is for",
            "QUIC: the last 3 octets of stream 8 answer what was not seen",
            "QUIC: the last 5 octets of stream 0 answer what was not seen, and which says what the stream is for",
        ];
        assert_eq!(ended(play), expected);
        // A table and header fields that follow settings.
        let mut play = Play::new();
        play.say(2, 0, &[2, 0x3f, 0xbd, 1]);
        play.say(0, 0, &[1, 3, 2, 0, 0x80]);
        assert_eq!(play.notes(), [""; 0]);
        let expected = [3, 5].map(|len| {
            let id = if len == 3 { 2 } else { 0 };
            format!(
                "QUIC: the last {len} octets of stream {id} cannot be read without the SETTINGS of the other side, which were \
                 not seen"
            )
        });
        assert_eq!(ended(play), expected);
        // A frame that is longer than what is there.
        let mut play = Play::new();
        play.say(0, 0, &[1, 9, 0, 0, 0xd1]);
        assert_eq!(ended(play), ["QUIC: the last 5 octets of stream 0 are the beginning of something longer"]);
    }

    /// Who acknowledges a packet that was not captured may have had in it what is answered.
    #[test]
    fn what_answers_a_packet_that_is_missing_is_no_surprise() {
        let blamed = |number: u64, is_acknowledged: bool| {
            let mut play = Play::new();
            let packet = |number, content: &[u8]| OpenedPacket {
                first: 0x40,
                number,
                number_len: 1,
                content: content.to_vec(),
                messages: Vec::new(),
            };
            play.live.heed(&packet(0, b""), Direction::ToServer);
            let said = |octets: &str| [&[octets.len() as u8][..], octets.as_bytes()].concat();
            play.say(4, 0, &[&[0x40, 0x41, 0][..], &said("0"), &said("40")].concat());
            let opened = said(r#"0{"sid":"s","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":100}"#);
            let answer = [opened, said(r#"40{"sid":"t"}"#), said("437[]")].concat();
            if is_acknowledged {
                play.live.heed(&packet(0, &[2, number as u8, 0, 0, number as u8]), Direction::ToClient);
            }
            play.said(Direction::ToClient, 4, 0, &answer);
            let notes = play.heard.messages.iter().flat_map(|message| &message.notes);
            notes.filter(|note| note.text.contains("which nobody sent")).count()
        };
        assert_eq!([blamed(0, false), blamed(0, true), blamed(1, true)], [1, 1, 0]);
    }

    /// Settings may come later than what follows them.
    #[test]
    fn settings_that_come_late_are_waited_for() {
        let mut play = Play::new();
        play.say(0, 0, &[1, 4, 2, 0, 0x80, 0xd1]);
        play.say(2, 0, b"\x02\x3f\xbd\x01\xc0\x01a");
        play.said(Direction::ToClient, 3, 0, &[0, 4, 3, 1, 0x40, 0xdc]);
        let told: Vec<String> = play.heard.messages.iter().map(|message| message.payload.summary(&[])).collect();
        assert!(told.iter().any(|told| told.starts_with("HEADERS: GET")), "{told:?}");
        assert_eq!(ended(play), [""; 0]);
    }

    /// However a session's octets are cut, the packets in them are the same.
    #[test]
    fn any_cut_gives_the_same() {
        let octets = [&[0x40, 0x41, 0, 1, b'0', 2, b'4', b'0', 0x83, 1, 2, 3, 9][..], b"42[\"hey\"]"].concat();
        let found = |cut: &[usize]| {
            let mut play = Play::new();
            let mut start = 0;
            for end in cut.iter().copied().chain([octets.len()]) {
                play.say(4, start as u64, &octets[start..end]);
                start = end;
            }
            assert_eq!(play.live.waiting, 0, "{cut:?}");
            play.heard.messages.iter().map(|message| message.payload.summary(&[])).collect::<Vec<_>>()
        };
        let whole = found(&[]);
        let expected = [
            "WebTransport stream both ways, of session 0 on stream 4",
            "open",
            "message \"0\"",
            "message of 3 octets",
            "message \"2[\"hey\"]\"",
        ];
        assert_eq!(whole, expected);
        for first in 1..octets.len() {
            for second in first..octets.len() {
                assert_eq!(found(&[first, second]), whole, "{first} {second}");
            }
        }
    }
}
