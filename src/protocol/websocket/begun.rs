//! What has begun and not ended: a message of several frames, or a frame that comes in several pieces.

use super::deflate::Inflater;
use super::frame::{Opcode, WebSocketFrame};
use super::message::{Fragment, WebSocketMessage};
use super::utf8::Utf8Check;
use crate::layer::{Direction, Note, Severity};
use crate::message::{Draft, Sink};

/// More frames than this are not joined into one message: the peer controls how many there are.
const MAX_FRAGMENTS: usize = 1 << 16;

/// A message that began in an earlier frame, or that is compressed.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) opcode: Opcode,
    pub(super) encoded: bool,
    /// Where its first frame begins.
    pub(super) start: u64,
    fragments: Vec<Fragment>,
    /// How many frames are joined.
    frames: usize,
    /// There were more frames than that.
    overflow: bool,
    text: Utf8Check,
    inflated: Inflated,
    /// How many octets the frames brought that are joined.
    on_wire: u64,
    /// Whether someone reads its octets.
    wanted: bool,
}

/// What is missing of a message that is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Nothing,
    /// Octets of its last frame, at least.
    Octets,
    LastFrame,
}

/// What a compressed message has been inflated to so far.
#[derive(Debug)]
enum Inflated {
    /// It is not compressed.
    No,
    /// So many octets, and the octets themselves if someone reads them.
    So { len: u64, octets: Vec<u8> },
    /// It could not be inflated.
    Failed,
    /// An extension that is not known here has changed it.
    Changed,
}

/// A frame of which a part has come.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) frame: WebSocketFrame,
    /// Where it begins.
    pub(super) start: u64,
    /// How much of its payload has come.
    pub(super) taken: u64,
    pub(super) notes: Vec<Note>,
    /// Of a message in this one frame: whether its text is UTF-8.
    pub(super) text: Option<Utf8Check>,
}

impl Partial {
    /// Where the frame ends.
    pub(super) fn end(&self) -> u64 {
        (self.start + u64::from(self.frame.header_len)).saturating_add(self.frame.payload_len)
    }
}

impl Begun {
    /// The message that this frame, which begins at `start`, begins.
    pub(super) fn new(frame: &WebSocketFrame, start: u64, wanted: bool) -> Self {
        let inflated = if frame.is_changed() {
            Inflated::Changed
        } else if frame.encoded {
            Inflated::So { len: 0, octets: Vec::new() }
        } else {
            Inflated::No
        };
        Self {
            opcode: frame.opcode,
            encoded: frame.encoded,
            start,
            fragments: Vec::new(),
            frames: 0,
            overflow: false,
            text: Utf8Check::default(),
            inflated,
            on_wire: 0,
            wanted,
        }
    }

    /// Takes note of the next frame, whose payload begins at `offset` in the stream and has `len` octets.
    pub(super) fn add_frame(&mut self, masking_key: Option<[u8; 4]>, offset: u64, len: u64) {
        if self.frames >= MAX_FRAGMENTS {
            self.overflow = true;
            return;
        }
        self.frames += 1;
        self.on_wire += len;
        if !self.wanted {
            return;
        }
        let from = offset - self.start;
        self.fragments.push(Fragment { range: from..from + len, masking_key });
    }

    /// How many octets of memory it keeps.
    pub(super) fn kept(&self) -> usize {
        let inflated = match &self.inflated {
            Inflated::So { octets, .. } => octets.len(),
            Inflated::No | Inflated::Failed | Inflated::Changed => 0,
        };
        inflated + self.fragments.len() * size_of::<Fragment>()
    }

    /// An extension that is not known here has changed a frame of it.
    pub(super) fn cannot_be_read(&mut self) {
        (self.encoded, self.inflated) = (true, Inflated::Changed);
    }

    /// Whether its octets are looked at: a message of octets that is not compressed is only counted.
    pub(super) fn reads_octets(&self) -> bool {
        !matches!(self.inflated, Inflated::Changed) && (self.encoded || self.opcode == Opcode::Text)
    }

    /// Takes the next octets, with the mask undone; a failure is told once, on the frame in which it shows.
    pub(super) fn feed(&mut self, payload: &[u8], inflater: Option<&mut Inflater>, ends: bool, notes: &mut Vec<Note>) {
        let (wanted, is_text, text) = (self.wanted, self.opcode == Opcode::Text, &mut self.text);
        let Some(inflater) = inflater.filter(|_| self.encoded) else {
            if is_text && !self.encoded {
                text.add(payload);
            }
            return;
        };
        let inflated = &mut self.inflated;
        let mut take = |piece: &[u8]| {
            if let Inflated::So { len, octets } = inflated {
                *len += piece.len() as u64;
                if wanted {
                    octets.extend_from_slice(piece);
                }
                if is_text {
                    text.add(piece);
                }
            }
        };
        match inflater.push(payload, ends, &mut take) {
            Ok(note) => notes.extend(note),
            Err(error) => {
                self.inflated = Inflated::Failed;
                notes.extend(error.note());
            }
        }
    }

    /// Hands out the message, which ends at `end`.
    pub(super) fn hand_out(self, direction: Direction, end: u64, missing: Missing, sink: &mut dyn Sink) {
        let complete = missing == Missing::Nothing;
        let mut notes = Vec::new();
        let is_text = self.opcode == Opcode::Text && !matches!(self.inflated, Inflated::Failed | Inflated::Changed);
        if complete && is_text {
            notes.extend(self.text.finish());
        }
        let is_utf8 = complete && is_text && notes.is_empty() && !self.overflow;
        let lacks = match missing {
            Missing::Nothing => None,
            Missing::Octets => Some("octets of this message are missing: it cannot be read as a whole"),
            Missing::LastFrame => Some("the last frame of this message is not there"),
        };
        notes.extend(lacks.map(|text| Note::new(Severity::Warn, text, "RFC 6455 §5.4")));
        if self.overflow {
            let text = format!("more than {MAX_FRAGMENTS} frames in one message: the rest is not joined");
            notes.push(Note::new(Severity::Warn, text, ""));
        }
        let Self { opcode, encoded, fragments, on_wire, .. } = self;
        let changed = matches!(self.inflated, Inflated::Changed);
        let (inflated, len) = match self.inflated {
            Inflated::So { len, octets } if complete => (self.wanted.then(|| octets.into()), Some(len)),
            Inflated::So { .. } | Inflated::Failed | Inflated::Changed => (None, None),
            Inflated::No => (None, Some(on_wire)),
        };
        let message = WebSocketMessage { opcode, encoded, changed, fragments, inflated, len, is_utf8 };
        sink.message(Draft { direction, range: self.start..end, payload: &message, notes, complete });
    }
}
