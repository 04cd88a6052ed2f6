//! Whether octets are WebSocket frames, where nobody saw how the conversation began or went on: the capture started
//! later than the connection, or octets are missing.
//!
//! A frame has no mark to know it by. But few octets are a header that a sound sender would write (RFC 6455 §5.2), and
//! hardly ever does one frame after the other begin where the length of the last one says. So frames are counted that
//! fit, and what is concluded is told with how sure that is, never as a fact.

use std::fmt;

use super::check::check_frame;
use super::frame::{Opcode, ReadHeader, WebSocketFrame, unmask};
use crate::layer::{Direction, Note, Severity};
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
    /// Whether the last of them ends where the octets do.
    pub(super) even: bool,
}

impl Fit {
    /// How sure it is that these are frames: a single one may be chance, unless it fills what is there.
    pub(super) fn confidence(self) -> Option<Confidence> {
        match self.frames {
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
/// Nobody has decided before so many octets came: then it is something else.
const DECIDED: usize = 64 << 10;

/// Counts the frames in a row; `None` if the octets cannot be frames that a sound sender wrote.
pub(super) fn fitting(bytes: &[u8], direction: Direction) -> Option<Fit> {
    let mut fit = Fit::default();
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
        if !notes.is_empty() {
            return None;
        }
        let end = frame.total_len().and_then(|len| usize::try_from(len).ok())?;
        let Some(whole) = rest.get(..end) else { break };
        if !has_sound_text(&frame, whole) {
            return None;
        }
        fit.frames += 1;
        at += end;
    }
    Some(fit)
}

/// Whether a text message in one frame, not compressed, is text (§8.1).
fn has_sound_text(frame: &WebSocketFrame, bytes: &[u8]) -> bool {
    if frame.opcode != Opcode::Text || !frame.fin || frame.rsv != 0 {
        return true;
    }
    let mut payload = bytes.get(usize::from(frame.header_len)..).unwrap_or_default().to_vec();
    if let Some(key) = frame.masking_key {
        unmask(&mut payload, key);
    }
    std::str::from_utf8(&payload).is_ok()
}

/// The frames of both directions of a connection that was joined in its middle; `None` if it is something else.
pub(super) fn joined(probe: Probe<'_>) -> Option<Fit> {
    let to_server = fitting(probe.to_server, Direction::ToServer)?;
    let to_client = fitting(probe.to_client, Direction::ToClient)?;
    let even = to_server.even || to_client.even;
    Some(Fit { frames: to_server.frames + to_client.frames, even })
}

/// Whether a connection that was joined in its middle is WebSocket.
pub(super) fn probe(probe: Probe<'_>) -> Verdict {
    let there = probe.to_server.len() + probe.to_client.len();
    match joined(probe) {
        None => Verdict::No,
        Some(fit) if fit.confidence() >= Some(Confidence::Likely) => Verdict::Yes,
        Some(fit) if probe.end && fit.confidence().is_some() => Verdict::Yes,
        Some(_) if there < DECIDED && !probe.end => Verdict::NeedMore,
        Some(_) => Verdict::No,
    }
}
