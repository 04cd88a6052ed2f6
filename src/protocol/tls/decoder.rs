//! Records one after the other, in each direction: the handshake messages that they hold in the open, and, where there are
//! secrets, what is encrypted.

use std::ops::Range;

use super::hello::{Chosen, Hello, Side};
use super::joined::{Joined, is_encrypted};
use super::keys::{Keys, Outcome, inner_13};
use super::record::{
    ALERT_TYPE, APPLICATION_DATA, CHANGE_CIPHER_SPEC, ENCRYPTED_EXTENSIONS, HANDSHAKE, HEADER_LEN, Handshake, Opened,
    TlsRecord,
};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Decoder, Draft, Input, Inside, Piece, Progress, Sink};

/// "The length MUST NOT exceed 2^14 + 256 bytes" (RFC 8446 §5.2); of TLS 1.2, 2^14 + 2048 (RFC 5246 §6.2.3).
pub(super) const MAX_RECORD: usize = (1 << 14) + 2048;
/// A handshake message larger than this is not put together; certificates are much smaller.
const MAX_HANDSHAKE: usize = 256 << 10;
const CLOSE_NOTIFY: u8 = 0;
/// The level of an alert behind which nothing comes (RFC 8446 §6).
const FATAL: u8 = 2;

/// One side.
#[derive(Default)]
struct Speaker {
    /// It has changed to the keys agreed on, and handshake messages do not tell by their type (TLS 1.2 and before). Before
    /// the server has chosen a version this is a guess, which 1.3 takes back.
    encrypted: bool,
    /// The beginning of a handshake message.
    begun: Vec<u8>,
    /// Handshake messages are not put together any more.
    lost: bool,
    /// How many octets the application said, as far as they were decrypted.
    said: u64,
    /// A record was opened.
    opened: bool,
    /// What comes now is not opened: there is no key for it.
    sealed: bool,
    /// It has said a whole record.
    spoke: bool,
}

#[derive(Default)]
pub(super) struct TlsDecoder {
    speakers: [Speaker; 2],
    /// TLS 1.3 was chosen: there a change of keys shows in the content type alone, and a record that says so means nothing
    /// (RFC 8446 §5).
    is_13: bool,
    keys: Keys,
    /// It was told that a direction is not opened.
    told_sealed: bool,
    /// One side said with a fatal alert why it goes.
    failed: bool,
    /// Of a connection that was joined in its middle: where its records begin.
    joined: Option<Box<Joined>>,
}

/// What was in a record that was opened.
struct Plain {
    octets: Vec<u8>,
    closes: bool,
}

impl Decoder for TlsDecoder {
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        if input.bytes.is_empty() {
            return Progress::NeedMore;
        }
        let sought = self.joined.as_mut().and_then(|joined| joined.seek(input));
        if let Some(progress) = sought {
            return progress;
        }
        let Some(header) = input.bytes.first_chunk::<HEADER_LEN>() else { return self.cut(input, sink) };
        let [content_type, major, _minor, high, low] = *header;
        let len = u16::from_be_bytes([high, low]);
        if !(CHANGE_CIPHER_SPEC..=24).contains(&content_type) || major != 3 || usize::from(len) > MAX_RECORD {
            let text = match input.bytes.starts_with(b"HTTP/") {
                true => {
                    "this is HTTP in the open and no TLS record: who listens here speaks no TLS, and should be asked without"
                }
                false => "this is no TLS record: what follows in this direction is not read",
            };
            hand_out(input, input.bytes.len(), &unreadable(header), vec![note(Severity::Error, text)], false, sink);
            return Progress::GiveUp;
        }
        let whole = HEADER_LEN + usize::from(len);
        let Some(content) = input.bytes.get(HEADER_LEN..whole) else { return self.cut(input, sink) };
        let mut notes = Vec::new();
        notes.extend(self.begin(input.direction, content_type, content).into_iter().flatten());
        let sealed = self.speakers[input.direction.index()].encrypted && content_type != CHANGE_CIPHER_SPEC;
        let outcome = match sealed || content_type == APPLICATION_DATA {
            _ if self.is_late() => Outcome::Closed,
            true => self.keys.open(input.direction, self.is_13, (header, content), input.end, sink),
            false => Outcome::Closed,
        };
        if matches!(outcome, Outcome::Wait) {
            return Progress::Wait;
        }
        notes.extend(self.one_sided(input.direction, &outcome, sealed || content_type == APPLICATION_DATA, sink));
        let mut record = self.record(*header, content, input.direction, &mut notes, sink);
        let plain = self.opened(&mut record, outcome, input.direction, &mut notes, sink);
        self.failed |= record.alert.is_some_and(|(level, _)| level == FATAL);
        hand_out(input, whole, &record, notes, true, sink);
        if let (Some(plain), Some(Opened { inside: Some(inside), before, .. })) = (plain, &record.opened) {
            let from = input.offset + (HEADER_LEN + before) as u64;
            let Plain { octets, closes } = &plain;
            sink.inside(Inside {
                direction: input.direction,
                stream: None,
                offset: inside.start,
                from,
                octets,
                piece: Piece::Content,
                closes: *closes,
                ends: false,
            });
        }
        Progress::Consumed(whole)
    }

    fn kept(&self) -> usize {
        self.speakers.iter().map(|speaker| speaker.begun.len()).sum()
    }

    fn says_why(&self) -> Option<&'static str> {
        self.failed.then_some("an alert of TLS")
    }

    fn is_sealed(&self, direction: Direction) -> bool {
        self.speakers[direction.index()].sealed
    }

    fn gap(&mut self, _direction: Direction, _missing: Range<u64>, _behind: &[u8]) -> bool {
        // Where the next record begins only the lengths before it say.
        false
    }
}

impl TlsDecoder {
    /// A decoder for a connection that was joined in its middle.
    pub(super) fn joining() -> Self {
        Self { joined: Some(Box::default()), ..Self::default() }
    }

    /// Whether the keys follow from what was said before the capture.
    fn is_late(&self) -> bool {
        self.joined.as_ref().is_some_and(|joined| joined.is_late())
    }

    /// Takes note of the first record of a direction, of a connection that was joined in its middle.
    fn begin(&mut self, direction: Direction, content_type: u8, content: &[u8]) -> [Option<Note>; 2] {
        let Some(joined) = &mut self.joined else { return [None, None] };
        let speaker = &mut self.speakers[direction.index()];
        if !std::mem::replace(&mut speaker.spoke, true) {
            speaker.encrypted = !self.is_13 && is_encrypted(content_type, content);
        }
        [joined.note(direction, content_type, content), joined.passed(direction)]
    }

    /// A record that is not whole: it is waited for, or shown as far as it came.
    fn cut(&self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        if !input.end {
            return Progress::NeedMore;
        }
        let seen = &input.bytes[..input.bytes.len().min(HEADER_LEN)];
        let mut header = [0; HEADER_LEN];
        header.iter_mut().zip(seen).for_each(|(to, from)| *to = *from);
        let record = unreadable(&header);
        let is_data = record.content_type == APPLICATION_DATA;
        let is_open = record.content_type == CHANGE_CIPHER_SPEC || !self.speakers[input.direction.index()].encrypted;
        let record =
            TlsRecord { header: seen.len(), encrypted: is_data || !is_open, opaque: is_data && self.is_13, ..record };
        let text = "the stream ends in the middle of this record";
        let notes = vec![note(Severity::Warn, text).about(Group::Undecoded)];
        hand_out(input, input.bytes.len(), &record, notes, false, sink);
        Progress::Consumed(input.bytes.len())
    }

    /// Takes note of whether a record opened. If by now one direction does and the other does not, that is told, once.
    fn one_sided(&mut self, direction: Direction, outcome: &Outcome, encrypted: bool, sink: &dyn Sink) -> Option<Note> {
        let is_late = self.is_late();
        let speaker = &mut self.speakers[direction.index()];
        speaker.opened |= matches!(outcome, Outcome::Open { .. });
        if encrypted {
            speaker.sealed = is_late || self.keys.is_sealed(direction, sink);
        }
        if matches!(outcome, Outcome::Failed) && speaker.sealed {
            // That is told of the record.
            self.told_sealed = true;
        }
        let is_one = |sealed: &Speaker, other: &Speaker| sealed.sealed && other.opened;
        let [client, server] = &self.speakers;
        let who = match (is_one(client, server), is_one(server, client)) {
            _ if self.told_sealed => return None,
            (true, _) => "client",
            (_, true) => "server",
            _ => return None,
        };
        self.told_sealed = true;
        let text = format!(
            "there are no secrets for what the {who} says from here on: it stays encrypted, and nobody knows what is in it"
        );
        Some(Note::new(Severity::Note, text, "").about(Group::Decryption))
    }

    fn record(
        &mut self,
        header: [u8; HEADER_LEN],
        content: &[u8],
        direction: Direction,
        notes: &mut Vec<Note>,
        sink: &dyn Sink,
    ) -> TlsRecord {
        let speaker = &mut self.speakers[direction.index()];
        let mut record = TlsRecord { encrypted: speaker.encrypted, ..unreadable(&header) };
        match record.content_type {
            CHANGE_CIPHER_SPEC => {
                record.encrypted = false;
                speaker.encrypted = !self.is_13;
                if !self.is_13 {
                    self.keys.change_12(direction, sink);
                }
            }
            APPLICATION_DATA => (record.encrypted, record.opaque) = (true, self.is_13),
            ALERT_TYPE if !record.encrypted => match content {
                [level, description] => record.alert = Some((*level, *description)),
                _ => notes.push(note(Severity::Error, "an alert has two octets")),
            },
            HANDSHAKE if !record.encrypted => {
                record.handshakes = speaker.handshakes(content, HEADER_LEN, direction, notes);
                let mut hellos = record.handshakes.iter().filter_map(|handshake| handshake.hello.as_ref());
                hellos.clone().for_each(|hello| self.keys.hello(hello));
                let says_13 = hellos.any(|hello| match hello.side {
                    Side::Server => hello.best_version() == 0x0304,
                    // Only TLS 1.3 has it; a server that speaks less cannot even read on (RFC 8446 §4.2.10).
                    Side::Client => hello.has_early_data,
                });
                if says_13 {
                    self.is_13 = true;
                    self.speakers.iter_mut().for_each(|speaker| speaker.encrypted = false);
                }
            }
            _ => {}
        }
        record
    }

    /// Adds what an encrypted record was found to hold. Returns it, if it is for those who speak inside.
    fn opened(
        &mut self,
        record: &mut TlsRecord,
        outcome: Outcome,
        direction: Direction,
        notes: &mut Vec<Note>,
        sink: &dyn Sink,
    ) -> Option<Plain> {
        let (mut octets, before, refused) = match outcome {
            Outcome::Open { octets, before, refused } => (octets, before, refused),
            Outcome::Failed => {
                let text = "it does not open with the secret at hand: what is encrypted in this direction stays so";
                notes.push(note(Severity::Warn, text).about(Group::Decryption));
                return None;
            }
            Outcome::Closed | Outcome::Wait => return None,
        };
        let content_type = if self.is_13 { inner_13(&mut octets) } else { Some(record.content_type) };
        let Some(content_type) = content_type else {
            notes.push(note(Severity::Error, "it holds nothing but zeros, and so no content type"));
            return None;
        };
        let speaker = &mut self.speakers[direction.index()];
        let len = octets.len();
        let mut opened = Opened { content_type, len, before, plain: Vec::new(), inside: None };
        let mut plain = None;
        match (content_type, octets.as_slice()) {
            (HANDSHAKE, content) => {
                record.handshakes = speaker.handshakes(content, 0, direction, notes);
                record
                    .handshakes
                    .iter()
                    .filter_map(|said| said.hello.as_ref())
                    .for_each(|hello| self.keys.hello(hello));
                self.keys.heard(direction, &record.handshakes, sink);
                opened.plain = octets;
            }
            (ALERT_TYPE, [level, description]) => {
                record.alert = Some((*level, *description));
                if *description == CLOSE_NOTIFY {
                    opened.inside = Some(speaker.said..speaker.said);
                    plain = Some(Plain { octets: Vec::new(), closes: true });
                }
                opened.plain = octets;
            }
            (APPLICATION_DATA, _) if refused => opened.plain = octets,
            (APPLICATION_DATA, _) => {
                opened.inside = Some(speaker.said..speaker.said + len as u64);
                speaker.said += len as u64;
                plain = Some(Plain { octets, closes: false });
            }
            _ => opened.plain = octets,
        }
        record.opened = Some(opened);
        plain
    }
}

impl Speaker {
    /// The handshake messages that end in a record, whose content begins at `base`.
    fn handshakes(
        &mut self,
        content: &[u8],
        base: usize,
        direction: Direction,
        notes: &mut Vec<Note>,
    ) -> Vec<Handshake> {
        if self.lost {
            return Vec::new();
        }
        let before = self.begun.len();
        self.begun.extend_from_slice(content);
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(&[kind, a, b, c]) = self.begun.get(at..).and_then(<[u8]>::first_chunk) {
            let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if len > MAX_HANDSHAKE {
                let text =
                    format!("a handshake message of {len} octets: more than {MAX_HANDSHAKE} are not put together");
                notes.push(note(Severity::Warn, text).about(Group::Undecoded));
                self.lost = true;
                break;
            }
            let Some(body) = self.begun.get(at + 4..at + 4 + len) else { break };
            let side = if direction == Direction::ToServer { Side::Client } else { Side::Server };
            let is_hello = kind == if side == Side::Client { 1 } else { 2 };
            let hello = is_hello.then(|| Hello::read(side, body));
            if hello == Some(None) {
                notes.push(note(Severity::Error, "a hello that has not its form").about(Group::Malformed));
            }
            let chosen = (kind == ENCRYPTED_EXTENSIONS).then(|| Chosen::read(body));
            let place = at.checked_sub(before).map(|place| base + place);
            found.push(Handshake { kind, len, hello: hello.flatten(), chosen, at: place });
            at += 4 + len;
        }
        self.begun.drain(..at);
        if self.lost {
            self.begun = Vec::new();
        }
        found
    }
}

fn unreadable(header: &[u8; HEADER_LEN]) -> TlsRecord {
    let [content_type, major, minor, high, low] = *header;
    TlsRecord {
        header: HEADER_LEN,
        content_type,
        version: u16::from_be_bytes([major, minor]),
        len: u16::from_be_bytes([high, low]),
        encrypted: false,
        opaque: false,
        handshakes: Vec::new(),
        alert: None,
        opened: None,
    }
}

fn note(severity: Severity, text: impl Into<String>) -> Note {
    Note::new(severity, text, "RFC 8446 §5.1")
}

fn hand_out(input: Input<'_>, len: usize, record: &TlsRecord, notes: Vec<Note>, complete: bool, sink: &mut dyn Sink) {
    let range = input.offset..input.offset + len as u64;
    sink.message(Draft { direction: input.direction, range, payload: record, notes, complete });
}
