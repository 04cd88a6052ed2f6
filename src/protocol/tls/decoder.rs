//! Records one after the other, in each direction, and the handshake messages that they hold in the open.

use std::ops::Range;

use super::hello::{Hello, Side};
use super::record::{ALERT_TYPE, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER_LEN, Handshake, TlsRecord};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Decoder, Draft, Input, Progress, Sink};

/// "The length MUST NOT exceed 2^14 + 256 bytes" (RFC 8446 §5.2); of TLS 1.2, 2^14 + 2048 (RFC 5246 §6.2.3).
const MAX_RECORD: usize = (1 << 14) + 2048;
/// A handshake message larger than this is not put together; certificates are much smaller.
const MAX_HANDSHAKE: usize = 256 << 10;

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
}

#[derive(Default)]
pub(super) struct TlsDecoder {
    speakers: [Speaker; 2],
    /// TLS 1.3 was chosen: there a change of keys shows in the content type alone, and a record that says so means nothing
    /// (RFC 8446 §5).
    is_13: bool,
}

impl Decoder for TlsDecoder {
    fn decode(&mut self, input: Input<'_>, sink: &mut dyn Sink) -> Progress {
        if input.bytes.is_empty() {
            return Progress::NeedMore;
        }
        let Some(header) = input.bytes.first_chunk::<HEADER_LEN>() else { return self.cut(input, sink) };
        let [content_type, major, _minor, high, low] = *header;
        let len = u16::from_be_bytes([high, low]);
        if !(CHANGE_CIPHER_SPEC..=24).contains(&content_type) || major != 3 || usize::from(len) > MAX_RECORD {
            let text = "this is no TLS record: what follows in this direction is not read";
            hand_out(input, input.bytes.len(), &unreadable(header), vec![note(Severity::Error, text)], false, sink);
            return Progress::GiveUp;
        }
        let whole = HEADER_LEN + usize::from(len);
        let Some(content) = input.bytes.get(HEADER_LEN..whole) else { return self.cut(input, sink) };
        let mut notes = Vec::new();
        let record = self.record(*header, content, input.direction, &mut notes);
        hand_out(input, whole, &record, notes, true, sink);
        Progress::Consumed(whole)
    }

    fn gap(&mut self, _direction: Direction, _missing: Range<u64>, _behind: &[u8]) -> bool {
        // Where the next record begins only the lengths before it say.
        false
    }
}

impl TlsDecoder {
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

    fn record(
        &mut self,
        header: [u8; HEADER_LEN],
        content: &[u8],
        direction: Direction,
        notes: &mut Vec<Note>,
    ) -> TlsRecord {
        let speaker = &mut self.speakers[direction.index()];
        let mut record = TlsRecord { encrypted: speaker.encrypted, ..unreadable(&header) };
        match record.content_type {
            CHANGE_CIPHER_SPEC => {
                record.encrypted = false;
                speaker.encrypted = !self.is_13;
            }
            APPLICATION_DATA => (record.encrypted, record.opaque) = (true, self.is_13),
            ALERT_TYPE if !record.encrypted => match content {
                [level, description] => record.alert = Some((*level, *description)),
                _ => notes.push(note(Severity::Error, "an alert has two octets")),
            },
            HANDSHAKE if !record.encrypted => {
                record.handshakes = speaker.handshakes(content, direction, notes);
                let mut hellos = record.handshakes.iter().filter_map(|handshake| handshake.hello.as_ref());
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
}

impl Speaker {
    /// The handshake messages that end in a record.
    fn handshakes(&mut self, content: &[u8], direction: Direction, notes: &mut Vec<Note>) -> Vec<Handshake> {
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
            let place = at.checked_sub(before).map(|place| HEADER_LEN + place);
            found.push(Handshake { kind, hello: hello.flatten(), at: place });
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
    }
}

fn note(severity: Severity, text: impl Into<String>) -> Note {
    Note::new(severity, text, "RFC 8446 §5.1")
}

fn hand_out(input: Input<'_>, len: usize, record: &TlsRecord, notes: Vec<Note>, complete: bool, sink: &mut dyn Sink) {
    let range = input.offset..input.offset + len as u64;
    sink.message(Draft { direction: input.direction, range, payload: record, notes, complete });
}
