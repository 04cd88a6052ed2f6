//! Records of TLS where the capture began later than the connection.
//!
//! Of what is encrypted nothing can be known by its looks, but of records the headers can: few octets are one, and hardly ever
//! does another stand where the length of the one before says.
//!
//! # References
//! - Records: RFC 8446 §5.1, RFC 5246 §6.2.

use super::decoder::MAX_RECORD;
use super::record::{ALERT_TYPE, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, HEADER_LEN};
use crate::count::{counted, plural};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Input, Probe, Progress, Verdict};

/// Behind so many octets a record has begun, if there are records.
const FAR: usize = HEADER_LEN + MAX_RECORD;
/// With so many octets it is decided whether these are records.
const DECIDED: usize = 64 << 10;
const CLIENT_HELLO: u8 = 1;

/// What octets are, if records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// None.
    No,
    /// They may be: more octets tell.
    Open,
    /// Hardly anything else.
    Yes,
}

/// Where the first whole record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    At(usize),
    /// Not before here, as far as is known.
    NotBefore(usize),
    Nowhere,
}

/// The type of a record, and how long it is with its header, if it may be one.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let [content_type, major, minor, high, low] = *bytes.first_chunk::<HEADER_LEN>()?;
    let len = usize::from(u16::from_be_bytes([high, low]));
    let fits = is_begun(&[content_type, major, minor]) && (1..=MAX_RECORD).contains(&len);
    fits.then_some((content_type, HEADER_LEN + len))
}

/// Whether a header may begin so.
fn is_begun(bytes: &[u8]) -> bool {
    let expected: [fn(u8) -> bool; 3] =
        [|octet| (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&octet), |octet| octet == 3, |octet| octet <= 4];
    bytes.iter().zip(expected).all(|(octet, fits)| fits(*octet))
}

/// Whether records stand here one after the other, as far as there are octets. `alone` is whether a single one that ends with them
/// is enough.
fn fit(bytes: &[u8], alone: bool) -> Fit {
    let (mut rest, mut headers) = (bytes, 0);
    while rest.len() >= HEADER_LEN {
        let Some((_, len)) = header(rest) else { return Fit::No };
        headers += 1;
        rest = rest.get(len..).unwrap_or_default();
    }
    match headers {
        _ if !is_begun(rest) => Fit::No,
        0 => Fit::Open,
        1 if alone && rest.is_empty() && is_telling(bytes) => Fit::Yes,
        1 => Fit::Open,
        _ => Fit::Yes,
    }
}

/// Whether these octets are one whole record, of a kind that begins with more than others do.
fn is_telling(bytes: &[u8]) -> bool {
    let Some((content_type, len)) = header(bytes) else { return false };
    let is_data = content_type == APPLICATION_DATA && bytes[1..3] == [3, 3];
    len == bytes.len() && (is_data || content_type == HANDSHAKE && is_open(&bytes[HEADER_LEN..]))
}

/// Whether this content of a handshake record can be read: a message of it has its own length. (What is encrypted in TLS 1.2 often
/// begins with zeros, which count records.)
fn is_open(content: &[u8]) -> bool {
    let Some(&[kind, a, b, c]) = content.first_chunk() else { return false };
    let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
    matches!(kind, 1 | 2 | 4 | 8 | 11..=16 | 20..=24) && len + 4 <= content.len()
}

/// Looks for the first whole record, from `from` on; `end` is whether these are all octets.
fn first(bytes: &[u8], from: usize, end: bool) -> Place {
    for at in from..bytes.len().min(FAR + 1) {
        match fit(&bytes[at..], at == 0 || end) {
            Fit::Yes => return Place::At(at),
            Fit::Open if !end => return Place::NotBefore(at),
            Fit::Open | Fit::No => {}
        }
    }
    if end || bytes.len() > FAR { Place::Nowhere } else { Place::NotBefore(bytes.len()) }
}

/// Whether a connection that was joined in its middle is TLS: in one direction there are records.
pub(super) fn probe(probe: Probe<'_>) -> Verdict {
    let places = [probe.to_server, probe.to_client].map(|bytes| first(bytes, 0, probe.end));
    let may_come = |place: &Place| matches!(place, Place::NotBefore(_));
    match places.iter().any(|place| matches!(place, Place::At(_))) {
        true => Verdict::Yes,
        false if probe.to_server.len() + probe.to_client.len() < DECIDED && places.iter().any(may_come) => {
            Verdict::NeedMore
        }
        false => Verdict::No,
    }
}

/// What a decoder knows of where its records began.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// The first record of a direction was found.
    found: [bool; 2],
    /// Up to where none was.
    sought: [u64; 2],
    /// How many octets stand before it.
    passed: [usize; 2],
    /// Whether the handshake began before the capture; unknown before the first record.
    is_late: Option<bool>,
}

impl Joined {
    /// Looks for the first record of a direction. `None` if it stands here. What stands before it belongs to no message, nor
    /// does anything where there is none.
    pub(super) fn seek(&mut self, input: Input<'_>) -> Option<Progress> {
        let d = input.direction.index();
        self.found[d] |= header(input.bytes).is_some();
        if self.found[d] {
            return None;
        }
        let from = self.sought[d].saturating_sub(input.offset) as usize;
        Some(match first(input.bytes, from, input.end) {
            Place::At(at) => {
                (self.found[d], self.passed[d]) = (true, at);
                Progress::Consumed(at)
            }
            Place::NotBefore(at) => {
                self.sought[d] = input.offset + at as u64;
                Progress::NeedMore
            }
            Place::Nowhere => Progress::GiveUp,
        })
    }

    /// What is to be said on the first record of a direction of the octets before it.
    pub(super) fn passed(&mut self, direction: Direction) -> Option<Note> {
        let passed = std::mem::take(&mut self.passed[direction.index()]);
        let (octets, end) = (counted(passed, "octet"), plural(passed, "ends", "end"));
        let text = format!("the {octets} before it {end} a record that began before the capture");
        (passed > 0).then(|| Note::new(Severity::Note, text, "RFC 8446 §5.1").about(Group::Undecoded))
    }

    /// What is to be said on the first record of all.
    pub(super) fn note(&mut self, direction: Direction, content_type: u8, content: &[u8]) -> Option<Note> {
        if self.is_late.is_some() {
            return None;
        }
        let is_handshake = content_type == HANDSHAKE && is_open(content);
        let is_first = is_handshake && direction == Direction::ToServer && content.first() == Some(&CLIENT_HELLO);
        self.is_late = Some(!is_first);
        let what = if is_handshake { "the beginning of the handshake" } else { "the handshake" };
        let text = format!(
            "{what} came before the capture, so what is encrypted cannot be opened, not even with its secrets (--keylog): capture \
             from the beginning of the connection"
        );
        (!is_first).then(|| Note::new(Severity::Note, text, "RFC 8446 §7.1").about(Group::Decryption))
    }

    /// Whether nothing that is encrypted can be opened.
    pub(super) fn is_late(&self) -> bool {
        self.is_late == Some(true)
    }
}

/// Whether the sender of this first record has changed to the keys agreed on.
pub(super) fn is_encrypted(content_type: u8, content: &[u8]) -> bool {
    match content_type {
        HANDSHAKE => !is_open(content),
        // Level and description.
        ALERT_TYPE => content.len() != 2,
        _ => content_type == APPLICATION_DATA,
    }
}
