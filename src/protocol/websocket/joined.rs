//! Whether octets are WebSocket frames, where nobody saw how the conversation began or went on: the capture started
//! later than the connection, or octets are missing.
//!
//! A frame has no mark to know it by. But few octets are a header that a sound sender would write (RFC 6455 §5.2), and
//! hardly ever does one frame after the other begin where the length of the last one says. So frames are counted that
//! fit, and what is concluded is told with how sure that is, never as a fact.

use std::fmt;

use super::check::{check_close, check_frame};
use super::frame::{Opcode, ReadHeader, WebSocketFrame, unmask};
use super::utf8::Utf8Check;
use crate::count::{counted, plural};
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Probe, Verdict};

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Confidence {
    Possible,
    Likely,
    VeryLikely,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::VeryLikely => "very likely",
        })
    }
}

/// Frames in a row, from the first octet on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fit {
    /// How many are there as a whole.
    pub(super) frames: usize,
    /// How many of them other octets hardly look like. Short fragments do: two octets of little value begin one, and zeros
    /// are nothing but empty ones.
    pub(super) telling: usize,
    /// Whether the last of them ends where the octets do.
    pub(super) even: bool,
}

impl Fit {
    /// How sure it is that these are frames: a single one may be chance, unless it fills what is there.
    pub(super) fn confidence(self) -> Option<Confidence> {
        match self.telling {
            0 => None,
            1 => self.even.then_some(Confidence::Possible),
            2 | 3 => Some(Confidence::Likely),
            _ => Some(Confidence::VeryLikely),
        }
    }

    /// What is told on the first frame that is read.
    pub(super) fn note(self, why: &str) -> Note {
        let sure = self.confidence().unwrap_or(Confidence::Possible);
        let frames = if self.frames == 1 { "one frame fits" } else { "frames in a row fit" };
        let count = if self.frames == 1 { String::new() } else { format!("{} ", self.frames) };
        let text = format!("{why}: read as WebSocket from here on because {count}{frames}; {sure}, not certain");
        Note::new(Severity::Note, text, "RFC 6455 §5.2")
    }
}

/// More frames than this are not counted.
const ENOUGH: usize = 16;
/// So far in the first whole frame is looked for, where the capture began in the middle of one...
const FAR: usize = 16 << 10;
/// ...and so many must follow in a row: fewer may be chance, at one of so many places...
const IN_A_ROW: usize = 3;
/// ...with so many in both directions.
const FOUND: usize = 5;
/// So many octets of a text are looked at before more of it is; and no more of it where there are many places to look at.
const PIECE: usize = 64;
/// Nobody has decided before so many octets came: then it is something else.
const DECIDED: usize = 64 << 10;

/// Counts the frames in a row; `None` if the octets cannot be frames that a sound sender wrote.
pub(super) fn fitting(bytes: &[u8], direction: Direction) -> Option<Fit> {
    fitting_so_far(bytes, direction, usize::MAX)
}

/// The same, where of each text only so many octets are looked at.
fn fitting_so_far(bytes: &[u8], direction: Direction, looked_at: usize) -> Option<Fit> {
    let (mut fit, mut order) = (Fit::default(), Order::Unknown);
    let mut at = 0;
    while fit.frames < ENOUGH {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.is_empty() {
            fit.even = fit.frames > 0;
            break;
        }
        let ReadHeader::Complete(mut frame) = WebSocketFrame::read(rest) else { break };
        // Whether compression was agreed on is not known.
        frame.deflate = true;
        let mut notes = Vec::new();
        check_frame(&frame, direction, &mut notes);
        order = order.after(&frame)?;
        let end = frame.total_len().and_then(|len| usize::try_from(len).ok())?;
        if !notes.is_empty() {
            return None;
        }
        let Some(whole) = rest.get(..end) else { break };
        if !has_sound_payload(&frame, whole, looked_at) {
            return None;
        }
        fit.frames += 1;
        fit.telling += usize::from(is_telling(&frame));
        at += end;
    }
    Some(fit)
}

/// Which frames may come next (RFC 6455 §5.4, §5.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Whether a message has begun nobody saw.
    Unknown,
    /// A message begins.
    Between,
    /// A message goes on.
    Within,
    /// Nothing.
    Closed,
}

impl Order {
    /// What may come behind a frame; `None` if it must not come here.
    fn after(self, frame: &WebSocketFrame) -> Option<Self> {
        let goes_on = if frame.fin { Self::Between } else { Self::Within };
        match (self, frame.opcode) {
            (Self::Closed, _) | (Self::Between, Opcode::Continuation) => None,
            (Self::Within, Opcode::Text | Opcode::Binary) => None,
            (_, Opcode::Close) => Some(Self::Closed),
            (_, opcode) if opcode.is_control() => Some(self),
            _ => Some(goes_on),
        }
    }
}

/// Whether few octets that are no frame would look like this one.
fn is_telling(frame: &WebSocketFrame) -> bool {
    match frame.opcode {
        Opcode::Text | Opcode::Binary | Opcode::Continuation => {
            (frame.fin && frame.payload_len > 0) || frame.short_len > 125
        }
        _ => true,
    }
}

/// Whether a text message in one frame, not compressed, is text (§8.1), as far as it is looked at, and what a close frame
/// carries is as it must be.
fn has_sound_payload(frame: &WebSocketFrame, bytes: &[u8], looked_at: usize) -> bool {
    let payload = bytes.get(usize::from(frame.header_len)..).unwrap_or_default();
    let undone = |piece: &[u8]| {
        let mut piece = piece.to_vec();
        if let Some(key) = frame.masking_key {
            unmask(&mut piece, key);
        }
        piece
    };
    match frame.opcode {
        Opcode::Close => {
            let mut notes = Vec::new();
            check_close(&undone(payload), &mut notes);
            notes.is_empty()
        }
        Opcode::Text if frame.fin && frame.rsv == 0 => {
            let mut check = Utf8Check::default();
            // Of most that is no text few octets tell. Masks begin anew with each piece, whose length is a multiple of four.
            for piece in payload[..payload.len().min(looked_at)].chunks(PIECE) {
                check.add(&undone(piece));
                if check.has_failed() {
                    return false;
                }
            }
            payload.len() > looked_at || check.finish().is_none()
        }
        _ => true,
    }
}

/// Where a connection was joined that is WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joint {
    /// How many octets of each direction end a frame that began before the capture.
    pub(super) skips: [usize; 2],
    /// The frames behind those, of both directions.
    pub(super) fit: Fit,
}

impl Joint {
    /// Whether there are as many frames as it takes to be sure, where the first that is whole had to be looked for.
    fn is_found(self) -> bool {
        self.skips != [0, 0] && self.fit.telling >= FOUND
    }
}

/// The frames of both directions of a connection that was joined in its middle; `None` if it is something else.
pub(super) fn joined(probe: Probe<'_>) -> Option<Joint> {
    let (skip, to_server) = first(probe.to_server, Direction::ToServer)?;
    let (skip_back, to_client) = first(probe.to_client, Direction::ToClient)?;
    let even = to_server.even || to_client.even;
    let frames = to_server.frames + to_client.frames;
    let fit = Fit { frames, telling: to_server.telling + to_client.telling, even };
    Some(Joint { skips: [skip, skip_back], fit })
}

/// Where the first whole frame begins, and the frames from there on.
fn first(bytes: &[u8], direction: Direction) -> Option<(usize, Fit)> {
    let sound = fitting(bytes, direction).map(|fit| (0, fit));
    let follows = |at: usize| {
        if !may_begin(&bytes[at..], direction) {
            return None;
        }
        let fit = fitting_so_far(&bytes[at..], direction, PIECE).filter(|fit| fit.telling >= IN_A_ROW)?;
        Some((at, fit))
    };
    sound.or_else(|| (1..bytes.len().min(FAR)).find_map(follows))
}

/// Whether a frame may begin so, by its first two octets: what most others are not costs nothing more.
fn may_begin(bytes: &[u8], direction: Direction) -> bool {
    let [first, second, ..] = *bytes else { return false };
    let is_opcode = matches!(first & 0x0f, 0..=2 | 8..=10);
    is_opcode && first & 0x30 == 0 && (second & 0x80 != 0) == (direction == Direction::ToServer)
}

/// What is told of octets before the first whole frame.
pub(super) fn skipped(octets: usize) -> Note {
    let end = plural(octets, "ends", "end");
    let text = format!("the {} before it {end} a frame that began before the capture", counted(octets, "octet"));
    Note::new(Severity::Note, text, "RFC 6455 §5.2").about(Group::Undecoded)
}

/// Whether a connection that was joined in its middle is WebSocket.
pub(super) fn probe(probe: Probe<'_>) -> Verdict {
    let there = probe.to_server.len() + probe.to_client.len();
    let may_come = |most: usize| if there < most && !probe.end { Verdict::NeedMore } else { Verdict::No };
    match joined(probe) {
        None => may_come(2 * FAR),
        Some(joint) if joint.is_found() => Verdict::Yes,
        Some(Joint { skips, .. }) if skips != [0, 0] => may_come(2 * FAR),
        Some(Joint { fit, .. }) if fit.confidence() >= Some(Confidence::Likely) => Verdict::Yes,
        Some(Joint { fit, .. }) if probe.end && fit.confidence().is_some() => Verdict::Yes,
        Some(_) => may_come(DECIDED),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

    use super::*;

    const DOWN: Direction = Direction::ToClient;

    #[test]
    fn frames_come_in_an_order() {
        let fits = |bytes: &[u8]| fitting(bytes, DOWN).map(|fit| (fit.frames, fit.telling));
        let (begin, on, end, one) = (b"\x01\x01a", b"\x00\x01b", b"\x80\x01c", b"\x81\x01d");
        let (ping, close, odd) = (b"\x89\x01p", b"\x88\x02\x03\xe8", b"\x88\x02\x00\x01");
        assert_eq!(fits(&[&begin[..], on, ping, end, one].concat()), Some((5, 3)), "short fragments are little proof");
        assert_eq!(fits(&[&end[..], one].concat()), Some((2, 2)), "its beginning was not captured");
        assert_eq!(fits(&[&one[..], close].concat()), Some((2, 2)));
        for wrong in [[&begin[..], one], [one, end], [one, on], [begin, begin]] {
            assert_eq!(fits(&wrong.concat()), None, "{wrong:02x?}");
        }
        assert_eq!(fits(&[&close[..], one].concat()), None);
        assert_eq!(fits(&[&one[..], odd].concat()), None);
        let long = [&b"\x02\x7e\x00\x80"[..], &[7; 128]].concat();
        assert_eq!(fits(&long), Some((1, 1)), "a length in its second form is proof");
    }

    /// Zeros and numbers of little value look like empty frames and short fragments.
    #[test]
    fn what_programs_keep_is_not_taken_for_frames() {
        let numbers = |n: u32| [n % 3, 1 << (n % 11), 0, n / 9, n % 2].map(u32::to_le_bytes).concat();
        let tables: Vec<u8> = (0..2000).flat_map(numbers).collect();
        for octets in [vec![0; 20_000], tables] {
            for from in 0..12 {
                for len in [100, 1500, octets.len() - from] {
                    let to_client = &octets[from..from + len];
                    let verdict = probe(Probe { to_server: &[], to_client, end: true, joined: true });
                    assert_eq!(verdict, Verdict::No, "{len} octets from {from}: {:02x?}", &to_client[..20]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

        /// What is passed over by its first two octets would not have fitted.
        #[test]
        fn where_frames_fit_one_may_begin(first in any::<[u8; 2]>(), rest in vec(any::<u8>(), 0..200), up in any::<bool>()) {
            let direction = if up { Direction::ToServer } else { Direction::ToClient };
            let bytes = [&first[..], &rest].concat();
            if fitting(&bytes, direction).is_some_and(|fit| fit.frames > 0) {
                prop_assert!(may_begin(&bytes, direction), "{:?}", bytes);
            }
        }
    }
}
