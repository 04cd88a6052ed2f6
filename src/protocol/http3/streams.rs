//! The streams of one connection, each read on as its octets come.

use super::frame::{Content, Setting};
use super::qpack::{Section, Table, UNALLOWED};
use super::{Http3Frame, kind, stream_type};
use crate::layer::{Direction, Group, Note, Severity};
use crate::map::Map;
use crate::protocol::http2::Broken;
use crate::protocol::quic::varint;

/// More streams are not told apart in one connection.
const MAX_STREAMS: usize = 1 << 13;
/// Frames of more octets than this are passed over: those that hold header fields and settings are small.
const MAX_FRAME: u64 = 64 << 10;
/// Of a frame with settings no more of them are kept.
const MAX_SETTINGS: usize = 64;
/// The setting that says how large the table of the other side's QPACK may be (RFC 9204 §5).
const TABLE_CAPACITY: u64 = 1;

/// The state of a connection.
#[derive(Default)]
pub struct Http3 {
    /// By the direction of the encoder.
    tables: [Table; 2],
    /// By stream and direction.
    readers: Map<(u64, usize), Reader>,
}

/// How a direction of a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reader {
    /// Its type has not come.
    #[default]
    Unheard,
    /// Frames; of the one that was begun so many octets are passed over.
    Frames { rest: u64 },
    /// The instructions of an encoder of QPACK.
    Instructions,
    /// Octets of a session of WebTransport.
    Session(u64),
    /// It is not read.
    Deaf,
}

/// What was made of the octets of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// So many are done with; what they say is told, unless it says nothing to people.
    Read(usize, Option<(Http3Frame, Vec<Note>)>),
    /// So many are done with that say something about the table of QPACK: who was [`Blocked`](Self::Blocked) may try again.
    Instructed(usize),
    /// The stream is not read on, for this reason.
    GivenUp(Note),
    /// All of them belong to this session of WebTransport.
    Session(u64),
    /// More are needed.
    NeedMore,
    /// They depend on what another stream has yet to bring: entries of the table of QPACK, or settings.
    Blocked,
}

/// The direction of who opened a stream, and whether it goes one way (RFC 9000 §2.1).
fn opened_by(id: u64) -> (Direction, bool) {
    (if id & 1 == 0 { Direction::ToServer } else { Direction::ToClient }, id & 2 != 0)
}

impl Http3 {
    /// Takes what it can from the front of the octets of a stream that were not read yet. Called again until it needs more.
    pub fn read(&mut self, id: u64, direction: Direction, bytes: &[u8]) -> Step {
        let key = (id, direction.index());
        match self.readers.get(&key).copied().unwrap_or_default() {
            _ if bytes.is_empty() => Step::NeedMore,
            Reader::Unheard => self.begin(id, direction, bytes),
            Reader::Frames { rest: 0 } => self.frame(id, direction, bytes),
            Reader::Frames { rest } => {
                let here = rest.min(bytes.len() as u64);
                self.readers.insert(key, Reader::Frames { rest: rest - here });
                Step::Read(here as usize, None)
            }
            Reader::Instructions => match self.tables[direction.index()].instruct(bytes) {
                Some(Ok(len)) => Step::Instructed(len),
                Some(Err(Broken(UNALLOWED))) => Step::Blocked,
                Some(Err(broken)) => {
                    self.readers.insert(key, Reader::Deaf);
                    let text = format!("the table of QPACK cannot be followed on stream {id}: {}", broken.0);
                    Step::GivenUp(Note::new(Severity::Error, text, "RFC 9204 §4.3").about(Group::Malformed))
                }
                None => Step::NeedMore,
            },
            Reader::Session(session) => Step::Session(session),
            Reader::Deaf => Step::Read(bytes.len(), None),
        }
    }

    /// Why the octets of a stream are not read that waited to the end, as what is said of them: `the last 3 octets …`.
    pub fn waits(&self, id: u64, direction: Direction, is_blocked: bool) -> &'static str {
        let reader = |direction: Direction| self.readers.get(&(id, direction.index())).copied().unwrap_or_default();
        match reader(direction) {
            _ if is_blocked && !self.tables[direction.index()].is_allowed() => {
                "cannot be read without the SETTINGS of the other side, which were not seen"
            }
            _ if is_blocked => "name header fields that were not seen",
            Reader::Unheard if opened_by(id).0 != direction && reader(direction.reverse()) == Reader::Unheard => {
                "answer what was not seen, and which says what the stream is for"
            }
            _ => "are the beginning of something longer",
        }
    }

    /// Whether what comes on a stream belongs to a session of WebTransport.
    pub fn is_session(&self, id: u64, direction: Direction) -> bool {
        matches!(self.readers.get(&(id, direction.index())), Some(Reader::Session(_)))
    }

    /// The first octets of a direction: they say what it is for, unless it answers.
    fn begin(&mut self, id: u64, direction: Direction, bytes: &[u8]) -> Step {
        if self.readers.len() >= MAX_STREAMS {
            return Step::Read(bytes.len(), None);
        }
        let (opener, one_way) = opened_by(id);
        if opener != direction {
            let asked = self.readers.get(&(id, opener.index())).copied().unwrap_or_default();
            let reader = match asked {
                Reader::Unheard => return Step::NeedMore,
                Reader::Session(session) => Reader::Session(session),
                Reader::Frames { .. } | Reader::Instructions | Reader::Deaf => Reader::Frames { rest: 0 },
            };
            return self.go_on(id, direction, reader, bytes);
        }
        let Some((at, number)) = varint(bytes, 0) else { return Step::NeedMore };
        let session = if one_way { stream_type::WEBTRANSPORT } else { kind::WEBTRANSPORT };
        if number == session {
            let Some((place, number)) = varint(bytes, at.end) else { return Step::NeedMore };
            self.readers.insert((id, direction.index()), Reader::Session(number));
            let len = place.end;
            let content = Content::Session { number, at: place, one_way };
            return Step::Read(len, Some((told(id, content, &bytes[..len]), Vec::new())));
        }
        if !one_way {
            return self.go_on(id, direction, Reader::Frames { rest: 0 }, bytes);
        }
        let mut len = at.end;
        let reader = match number {
            stream_type::CONTROL => Reader::Frames { rest: 0 },
            stream_type::PUSH => match varint(bytes, at.end) {
                Some((push, _)) => {
                    len = push.end;
                    Reader::Frames { rest: 0 }
                }
                None => return Step::NeedMore,
            },
            stream_type::ENCODER => Reader::Instructions,
            _ => Reader::Deaf,
        };
        self.readers.insert((id, direction.index()), reader);
        Step::Read(len, Some((told(id, Content::Stream { kind: number }, &bytes[..len]), Vec::new())))
    }

    fn go_on(&mut self, id: u64, direction: Direction, reader: Reader, bytes: &[u8]) -> Step {
        self.readers.insert((id, direction.index()), reader);
        self.read(id, direction, bytes)
    }

    fn frame(&mut self, id: u64, direction: Direction, bytes: &[u8]) -> Step {
        let Some((first, kind)) = varint(bytes, 0) else { return Step::NeedMore };
        let Some((second, len)) = varint(bytes, first.end) else { return Step::NeedMore };
        let ends = [first.end, second.end];
        let is_read = matches!(kind, kind::HEADERS | kind::SETTINGS);
        let mut notes = Vec::new();
        if !is_read || len > MAX_FRAME {
            self.readers.insert((id, direction.index()), Reader::Frames { rest: len });
            if is_read {
                let text = format!("a frame of {len} octets: more than {MAX_FRAME} are not read");
                notes.push(Note::new(Severity::Warn, text, "RFC 9114 §7.1").about(Group::Undecoded));
            }
            let content = Content::Frame { kind, len, ends, headers: Vec::new(), settings: Vec::new() };
            return Step::Read(ends[1], Some((told(id, content, &bytes[..ends[1]]), notes)));
        }
        let end = ends[1] + len as usize;
        let Some(whole) = bytes.get(..end) else { return Step::NeedMore };
        let (mut headers, mut settings) = (Vec::new(), Vec::new());
        if kind == kind::SETTINGS {
            settings = self.settings(whole, ends[1], direction);
        } else {
            match self.tables[direction.index()].read(&whole[ends[1]..]) {
                Section::Blocked => return Step::Blocked,
                Section::Read(fields, broken) => {
                    headers = fields;
                    notes.extend(broken.map(|broken| {
                        let text = format!("the header fields cannot be read on: {}", broken.0);
                        Note::new(Severity::Error, text, "RFC 9204 §4.5").about(Group::Malformed)
                    }));
                }
            }
        }
        let content = Content::Frame { kind, len, ends, headers, settings };
        Step::Read(end, Some((told(id, content, whole), notes)))
    }

    /// What a side sets holds for what the other sends.
    fn settings(&mut self, bytes: &[u8], mut at: usize, direction: Direction) -> Vec<Setting> {
        let mut settings = Vec::new();
        let table = &mut self.tables[direction.reverse().index()];
        // "The default value is zero" (RFC 9204 §5).
        table.allow(0);
        while let Some((number, value)) =
            varint(bytes, at).and_then(|number| Some((number.clone(), varint(bytes, number.0.end)?)))
        {
            at = value.0.end;
            if number.1 == TABLE_CAPACITY {
                table.allow(value.1);
            }
            if settings.len() < MAX_SETTINGS {
                settings.push(Setting { number, value });
            }
        }
        settings
    }
}

fn told(stream: u64, content: Content, octets: &[u8]) -> Http3Frame {
    Http3Frame { stream, content, octets: octets.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::protocol::testing::hex;

    const UP: Direction = Direction::ToServer;
    const DOWN: Direction = Direction::ToClient;

    /// All that is told of these octets, which come in pieces of `size`; what belongs to a session is told by its octets.
    fn play(http: &mut Http3, id: u64, direction: Direction, octets: &str, size: usize) -> Vec<String> {
        let (mut found, mut waiting) = (Vec::new(), Vec::new());
        for piece in hex(octets).chunks(size) {
            waiting.extend_from_slice(piece);
            loop {
                let len = match http.read(id, direction, &waiting) {
                    Step::Read(len, told) => {
                        found.extend(told.map(|(frame, notes)| format!("{} {}", frame.summary(&[]), notes.len())));
                        len
                    }
                    Step::Instructed(len) => len,
                    Step::GivenUp(note) => {
                        found.push(note.text);
                        waiting.len()
                    }
                    Step::Session(session) => {
                        found.push(format!("{session}: {}", String::from_utf8_lossy(&waiting)));
                        waiting.len()
                    }
                    Step::NeedMore => break,
                    Step::Blocked => {
                        found.push("blocked".into());
                        break;
                    }
                };
                waiting.drain(..len);
            }
        }
        found
    }

    #[test]
    fn a_session_is_asked_for_and_used() {
        for size in [1, 3, 100] {
            let mut http = Http3::default();
            let setup = play(&mut http, 2, UP, "00 04 07 01 4100 08 01 33 01", size);
            assert_eq!(setup, ["control stream on stream 2 0", "SETTINGS, 7 octets on stream 2 0"]);
            // :method CONNECT, :protocol webtransport, :path /a
            let ask = "01 22 0000 cf 27 02 3a70726f746f636f6c 0c 7765627472616e73706f7274 51 02 2f61 d7 00 00";
            let asked = play(&mut http, 0, UP, ask, size);
            assert!(asked[0].contains("CONNECT /a for webtransport"), "{asked:?}");
            assert_eq!(play(&mut http, 0, DOWN, "01 03 0000 d9", size), ["HEADERS: 200 on stream 0 0"]);
            let began = play(&mut http, 4, UP, "4041 00", size);
            assert_eq!(began, ["WebTransport stream both ways, of session 0 on stream 4 0"]);
            assert_eq!(play(&mut http, 4, UP, "6162", 2), ["0: ab"]);
            assert_eq!(play(&mut http, 4, DOWN, "6364", 2), ["0: cd"], "the answer has no signal");
            assert_eq!(play(&mut http, 1, DOWN, "4041", size), [""; 0]);
        }
    }

    #[test]
    fn the_octets_of_a_body_are_passed_over() {
        for size in [1, 2, 50] {
            let mut http = Http3::default();
            let told = play(&mut http, 4, UP, "01 03 0000 d1 00 03 616263 21 01 00 00 00", size);
            let expected = ["HEADERS: GET ", "DATA, 3 octets", "frame of type 0x21, 1 octet", "DATA, 0 octets"];
            assert_eq!(told.len(), 4, "{told:?}");
            told.iter().zip(expected).for_each(|(told, expected)| assert!(told.starts_with(expected), "{told}"));
        }
    }

    #[test]
    fn a_section_waits_for_the_table() {
        let mut http = Http3::default();
        play(&mut http, 3, DOWN, "00 04 03 01 40dc", 100);
        let section = "01 04 0381 10 11";
        assert_eq!(play(&mut http, 0, UP, section, 100), ["blocked"]);
        let table = "02 3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d c10c 2f73 616d 706c 652f 7061 7468";
        assert_eq!(play(&mut http, 2, UP, table, 7), ["QPACK encoder stream on stream 2 0"]);
        let told = play(&mut http, 0, UP, section, 100);
        assert_eq!(told, ["HEADERS, 2 fields on stream 0 0"]);
    }

    #[test]
    fn a_table_that_cannot_be_followed_is_told() {
        let mut http = Http3::default();
        play(&mut http, 3, DOWN, "00 04 00", 100);
        let told = play(&mut http, 2, UP, "02 3fbd01 3fbd01", 100);
        let expected =
            "the table of QPACK cannot be followed on stream 2: it makes the table larger than the other side allows";
        assert_eq!(told, ["QPACK encoder stream on stream 2 0", expected]);
    }

    #[test]
    fn what_is_too_long_is_passed_over_and_told() {
        let mut http = Http3::default();
        let told = play(&mut http, 0, UP, "01 80020000", 100);
        assert!(told[0].ends_with('1'), "{told:?}");
        assert_eq!(http.readers[&(0, 0)], Reader::Frames { rest: 0x2_0000 });
    }

    #[test]
    fn streams_are_bounded() {
        let mut http = Http3::default();
        for id in 0..10_000 {
            http.read(id * 4, UP, &[0x21]);
            http.read(id * 4, UP, &[0x21, 0]);
        }
        assert_eq!(http.readers.len(), MAX_STREAMS);
    }
}
