//! Several packets in the body of one HTTP request or response.
//!
//! # References
//! - Engine.IO protocol 4, "Packet encoding: HTTP long-polling"; 3, "Encoding: Payload".

use memchr::memchr;

use super::{Packet, Version};
use crate::count::plural;
use crate::layer::{Note, Severity};
use crate::protocol::utf8::is_utf8;

/// "record separator", between the packets of version 4.
const SEPARATOR: u8 = 0x1e;
/// A length of more digits is no length.
const MAX_DIGITS: usize = 10;
const SPEC_4: &str = "Engine.IO protocol 4, Packet encoding: HTTP long-polling";
const SPEC_3: &str = "Engine.IO protocol 3, Encoding: Payload";

/// How a payload is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Version 4: packets joined by 1e.
    Separated,
    /// Version 3 in text: each packet after its length and a colon.
    Counted,
    /// Version 3 in octets: a kind, a length in digits, ff, the packet.
    Octets,
}

impl Framing {
    /// How version and content type (`application/octet-stream` or text) say it is.
    pub fn of(version: Version, octet_stream: bool) -> Self {
        match (version.is_old(), octet_stream) {
            (true, true) => Self::Octets,
            (true, false) => Self::Counted,
            (false, _) => Self::Separated,
        }
    }

    fn spec(self) -> &'static str {
        match self {
            Self::Separated => SPEC_4,
            Self::Counted | Self::Octets => SPEC_3,
        }
    }
}

/// Where reading a payload had to stop before its end, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The first octet that belongs to no packet.
    pub at: usize,
    /// What is wrong there.
    pub note: Note,
}

/// The packets of a payload, one after the other. Ask [`stopped`](Self::stopped) when there is no next one.
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    payload: &'a [u8],
    framing: Framing,
    /// Where the next packet begins; `None` when there is none.
    at: Option<usize>,
    stopped: Option<Stop>,
}

impl<'a> Packets<'a> {
    /// Reads a payload. The official parsers drop all of it for one mistake; this shows what can be read.
    pub fn new(payload: &'a [u8], framing: Framing) -> Self {
        let mut packets = Self { payload, framing, at: Some(0), stopped: None };
        if payload.is_empty() {
            packets.stop(0, "a payload without a packet");
        }
        packets
    }

    /// Where reading had to stop, once it did.
    pub fn stopped(&self) -> Option<&Stop> {
        self.stopped.as_ref()
    }

    /// Passes over messages of text at the front, as long as `takes` takes what they say, which is UTF-8.
    pub fn pass(&mut self, mut takes: impl FnMut(&'a [u8]) -> bool) {
        while let (Some(at), Framing::Separated) = (self.at, self.framing) {
            let rest = &self.payload[at..];
            let len = memchr(SEPARATOR, rest);
            let packet = &rest[..len.unwrap_or(rest.len())];
            let Some(text) = packet.strip_prefix(b"4").filter(|text| is_utf8(text) && takes(text)) else { break };
            debug_assert_eq!(Packet::text_at(Version::V4, packet, 0).kind, super::Kind::Message, "{text:?}");
            self.at = len.map(|len| at + len + 1);
        }
    }

    fn stop(&mut self, at: usize, text: impl Into<String>) {
        self.at = None;
        self.stopped = Some(Stop { at, note: Note::new(Severity::Error, text, self.framing.spec()) });
    }

    fn separated(&mut self, start: usize) -> Packet<'a> {
        let rest = &self.payload[start..];
        let len = memchr(SEPARATOR, rest);
        self.at = len.map(|len| start + len + 1);
        Packet::text_at(Version::V4, &rest[..len.unwrap_or(rest.len())], start)
    }

    fn counted(&mut self, at: usize) -> Option<Packet<'a>> {
        let digits = self.payload[at..].iter().take(MAX_DIGITS).take_while(|octet| octet.is_ascii_digit()).count();
        let start = at + digits + 1;
        if digits == 0 || self.payload.get(start - 1) != Some(&b':') {
            self.stop(at, "neither a length nor the colon behind one");
            return None;
        }
        let units = self.payload[at..at + digits].iter().fold(0, |n, digit| n * 10 + u64::from(digit - b'0'));
        if units == 0 {
            // "0:", which stands for no packet at all.
            self.go_on(start);
            return None;
        }
        let rest = &self.payload[start..];
        let (len, found) = utf16_prefix(rest, units);
        let mut packet = Packet::text_at(Version::V3, &rest[..len], start);
        match found == units {
            true => self.go_on(start + len),
            false if len == rest.len() => self.cut(&mut packet, found, units, "UTF-16 code units"),
            false => self.stop(start + len, format!("a packet of {units} UTF-16 code units ends within a character")),
        }
        Some(packet)
    }

    fn octets(&mut self, at: usize) -> Option<Packet<'a>> {
        let header = &self.payload[at..];
        let is_text = match header.first() {
            Some(0) => true,
            Some(1) => false,
            _ => {
                self.stop(at, "neither 00 for text nor 01 for octets");
                return None;
            }
        };
        let digits = header[1..].iter().take(MAX_DIGITS).take_while(|octet| **octet <= 9).count();
        let start = at + digits + 2;
        if digits == 0 || self.payload.get(start - 1) != Some(&0xff) {
            self.stop(at, "neither the digits of a length nor the ff behind them");
            return None;
        }
        let len = header[1..=digits].iter().fold(0, |n, digit| n * 10 + u64::from(*digit));
        let rest = &self.payload[start..];
        let there = usize::try_from(len).unwrap_or(usize::MAX).min(rest.len());
        let mut packet = match is_text {
            true => Packet::text_at(Version::V3, &rest[..there], start),
            false => Packet::octets_at(&rest[..there], start),
        };
        match there as u64 == len {
            true => self.go_on(start + there),
            false => self.cut(&mut packet, there as u64, len, "octets"),
        }
        Some(packet)
    }

    fn go_on(&mut self, at: usize) {
        self.at = (at < self.payload.len()).then_some(at);
    }

    fn cut(&mut self, packet: &mut Packet<'_>, found: u64, announced: u64, what: &str) {
        let are = plural(found, "is", "are");
        let text = format!("the payload ends within this packet: {found} of {announced} {what} {are} there");
        packet.notes.push(Note::new(Severity::Error, text.clone(), SPEC_3));
        self.stop(self.payload.len(), text);
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        while let Some(at) = self.at {
            let packet = match self.framing {
                Framing::Separated => Some(self.separated(at)),
                Framing::Counted => self.counted(at),
                Framing::Octets => self.octets(at),
            };
            if packet.is_some() {
                return packet;
            }
        }
        None
    }
}

/// As many octets as make up to `units` UTF-16 code units, and how many they make. What is not UTF-8 counts as the
/// replacement characters that a reader makes of it.
fn utf16_prefix(bytes: &[u8], units: u64) -> (usize, u64) {
    let (mut len, mut found) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let width = character.len_utf16() as u64;
            if found + width > units {
                return (len, found);
            }
            len += character.len_utf8();
            found += width;
        }
        if !chunk.invalid().is_empty() {
            if found == units {
                return (len, found);
            }
            len += chunk.invalid().len();
            found += 1;
        }
    }
    (len, found)
}
