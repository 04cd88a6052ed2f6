//! One direction's messages, inflated piece by piece as they come.
//!
//! # References
//! - Inflating: RFC 7692 §7.2.2. Final blocks: §7.2.3.4. Blocks and their ends: RFC 1951 §3.2.3.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use super::narrow::Narrow;
use super::window::Window;
use crate::layer::{Direction, Note, Severity};

/// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message." §7.2.2
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// An empty last block: what is inflated completely ends with it, and what was cut off does not.
const LAST_BLOCK: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];
/// Restarting costs a window's copy, and two octets of a peer can ask for it.
const MAX_FINAL_BLOCKS: u32 = 256;
/// So many octets of memory an inflater takes without its window, about.
const INFLATER: usize = 16 << 10;
/// Inflated octets are handed out in pieces of this size at most.
const PIECE: usize = 8 << 10;
/// To make room takes time: what comes of so few octets is handed out in smaller pieces...
const SHORT: usize = 512;
const SHORT_PIECE: usize = 2 << 10;
/// ...and what the octets that are put back still bring, which is nothing as a rule, in small ones.
const SMALL_PIECE: usize = 64;

/// How much a peer may make of few octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// No message is inflated to more octets than this.
    pub message: u64,
    /// All messages of a direction together are inflated to at most this many times what they were...
    pub ratio: u64,
    /// ...and this many octets more.
    pub allowance: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message: 64 << 20, ratio: 256, allowance: 64 << 20 }
    }
}

/// Why a message could not be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// These are no DEFLATE blocks; found at this compressed octet of the message.
    Corrupt {
        /// Counted from the beginning of the message.
        at: u64,
    },
    /// The message ends in the middle of a block.
    Unfinished,
    /// The message inflates to more than [`Limits::message`].
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// The direction inflates to more than [`Limits::ratio`] allows.
    TooDense {
        /// The limit.
        ratio: u64,
    },
    /// The message has more final blocks than anyone needs.
    TooManyFinalBlocks,
    /// It makes no sense, and what came before it may be missing: it may repeat that.
    Lacking,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt { at } => write!(f, "its compressed octets make no sense from octet {at} on"),
            Self::Unfinished => f.write_str("it ends in the middle of a compressed block"),
            Self::TooLong { limit } => write!(f, "it would inflate to more than {limit} octets"),
            Self::TooDense { ratio } => {
                write!(f, "this direction inflates to more than {ratio} times what was sent")
            }
            Self::TooManyFinalBlocks => write!(f, "it has more than {MAX_FINAL_BLOCKS} final blocks"),
            Self::Lacking => f.write_str("it may repeat what came before it, of which octets may be missing"),
        }
    }
}

/// A message, or the rest of one, that is not inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    /// It failed here.
    Failed {
        /// Why.
        cause: Cause,
        /// Whether no later message of this direction can be inflated either.
        lasting: bool,
    },
    /// It failed before, which was told then.
    Skipped,
}

impl InflateError {
    /// What to tell: nothing twice.
    pub fn note(&self) -> Option<Note> {
        let Self::Failed { cause, lasting } = self else { return None };
        let more = if *lasting { "; nor can any later message of this direction" } else { "" };
        let text = format!("this message cannot be inflated: {cause}{more}");
        Some(match cause {
            Cause::Lacking => Note::new(Severity::Warn, text, "RFC 7692 §7.1.1"),
            _ => Note::new(Severity::Error, text, "RFC 7692 §7.2.2"),
        })
    }
}

/// What an inflater did not get of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// What came before the capture began.
    Beginning,
    /// Octets of the stream from this one on.
    From(u64),
    /// The rest of the message that began at this octet of the stream.
    RestOf(u64),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("what came before the capture is not there"),
            Self::From(octet) => write!(f, "octets are missing from octet {octet} of the stream on"),
            Self::RestOf(octet) => write!(f, "the message that began at octet {octet} of the stream did not end"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// The rest of this message is of no use, the next one is.
    Skipping,
    Lost,
}

/// Inflates the messages of one direction. Only compressed messages (RSV1 on their first frame) are for it.
#[derive(Debug)]
pub struct Inflater {
    decompress: Decompress,
    takeover: bool,
    limits: Limits,
    state: State,
    window: Window,
    /// Where a smaller window was agreed on.
    narrow: Option<Box<Narrow>>,
    /// What came before the first message may be missing.
    in_doubt: bool,
    /// A final block has ended: nothing more can be inflated before a restart.
    ended: bool,
    final_blocks: u32,
    message_in: u64,
    message_read: u64,
    message_out: u64,
    total_in: u64,
    total_out: u64,
}

impl Inflater {
    /// An inflater with or without context takeover.
    ///
    /// It knows no window bits: with the largest window every smaller one is read rightly.
    pub fn new(takeover: bool) -> Self {
        Self::with_limits(takeover, Limits::default())
    }

    /// An inflater that makes no more of its input than `limits` allow.
    pub fn with_limits(takeover: bool, limits: Limits) -> Self {
        Self {
            decompress: Decompress::new(false),
            takeover,
            limits,
            state: State::Reading,
            window: Window::default(),
            narrow: None,
            in_doubt: false,
            ended: false,
            final_blocks: 0,
            message_in: 0,
            message_read: 0,
            message_out: 0,
            total_in: 0,
            total_out: 0,
        }
    }

    /// The same, where a window of so many bits was agreed on for its sender: what reaches beyond that is inflated, too, and told.
    pub fn within(self, bits: Option<u8>, sender: Direction) -> Self {
        let narrow = bits.and_then(|bits| Narrow::new(bits, sender)).map(Box::new);
        Self { narrow, ..self }
    }

    /// Whether no message of this direction can be inflated any more.
    #[cfg(test)]
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Takes the next piece of a message's unmasked payload, and hands what it inflates to `out`, in pieces.
    /// `last_of_message` says that the message ends with it; the piece may be empty. May come back with a remark.
    ///
    /// With context takeover, a message cut off within a block is noticed when something comes out of the octets put
    /// back, or else when the next message makes no sense.
    pub fn push(
        &mut self,
        bytes: &[u8],
        last_of_message: bool,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Note>, InflateError> {
        let result = match self.state {
            State::Lost => return Err(InflateError::Skipped),
            State::Skipping => Err(InflateError::Skipped),
            State::Reading => self.read(bytes, last_of_message, out).map_err(|cause| self.fail(cause)),
        };
        if last_of_message && self.state != State::Lost {
            self.begin_message();
        }
        result
    }

    /// How many octets of memory it keeps, about.
    pub fn kept(&self) -> usize {
        // What it was inflated to is there twice: here, and where it is inflated.
        INFLATER + 2 * self.window.len() + self.narrow.as_ref().map_or(0, |narrow| narrow.kept())
    }

    /// What came before the first message may be missing: then nothing is wrong with one that makes no sense.
    pub fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// Octets of this direction are missing. Without context takeover the next message is read again; with it, none
    /// is, which the note says once, of what was missing first.
    pub fn gap(&mut self, lack: Lack) -> Option<Note> {
        if self.state == State::Lost {
            return None;
        }
        self.begin_message();
        if !self.takeover {
            return None;
        }
        self.state = State::Lost;
        let text = format!(
            "{lack}, and compressed messages may repeat what was there: no later message of this direction can be inflated"
        );
        Some(Note::new(Severity::Warn, text, "RFC 7692 §7.1.1"))
    }

    fn begin_message(&mut self) {
        self.state = State::Reading;
        (self.message_in, self.message_read, self.message_out, self.final_blocks) = (0, 0, 0, 0);
        self.narrow.iter_mut().for_each(|narrow| narrow.restart());
        if !self.takeover {
            self.decompress.reset(false);
            self.window.clear();
            self.ended = false;
        }
    }

    fn fail(&mut self, cause: Cause) -> InflateError {
        let may_repeat = self.in_doubt && self.takeover && matches!(cause, Cause::Corrupt { .. } | Cause::Unfinished);
        let cause = if may_repeat { Cause::Lacking } else { cause };
        let lasting = self.takeover || matches!(cause, Cause::TooDense { .. });
        self.state = if lasting { State::Lost } else { State::Skipping };
        if lasting {
            self.window = Window::default();
        }
        InflateError::Failed { cause, lasting }
    }

    fn read(&mut self, bytes: &[u8], last: bool, out: &mut dyn FnMut(&[u8])) -> Result<Option<Note>, Cause> {
        self.message_in += bytes.len() as u64;
        self.total_in += bytes.len() as u64;
        match bytes.len() {
            0..=SHORT => self.inflate::<SHORT_PIECE>(bytes, out)?,
            _ => self.inflate::<PIECE>(bytes, out)?,
        }
        let narrow = self.narrow.as_mut().and_then(|narrow| narrow.read(bytes, last));
        if !last {
            return Ok(None);
        }
        let note = self.finish()?.or(narrow);
        let allowed = self.limits.ratio.saturating_mul(self.total_in).saturating_add(self.limits.allowance);
        if self.total_out > allowed {
            return Err(Cause::TooDense { ratio: self.limits.ratio });
        }
        Ok(note)
    }

    fn finish(&mut self) -> Result<Option<Note>, Cause> {
        if self.message_in == 0 {
            let text = "a compressed message without an octet: an empty one is a single 00";
            return Ok(Some(Note::new(Severity::Warn, text, "RFC 7692 §7.2.3.6")));
        }
        if self.ended {
            let text = "a final block without the 00 that has to follow it";
            return Ok(Some(Note::new(Severity::Warn, text, "RFC 7692 §7.2.3.4")));
        }
        // All that the message holds has come out already: what the octets put back still bring is not its own.
        let before = self.message_out;
        let mut ends = self.inflate::<SMALL_PIECE>(&TAIL, &mut |_| {}).is_ok() && !self.ended;
        if !self.takeover {
            // Whatever comes next starts from scratch, so it can be asked whether all blocks have ended.
            ends = ends && self.inflate::<SMALL_PIECE>(&LAST_BLOCK, &mut |_| {}).is_ok() && self.ended;
        }
        if ends && self.message_out == before { Ok(None) } else { Err(Cause::Unfinished) }
    }

    fn inflate<const SIZE: usize>(&mut self, bytes: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), Cause> {
        let mut piece = [0; SIZE];
        let mut rest = bytes;
        loop {
            if self.ended && !rest.is_empty() {
                self.restart()?;
            }
            let (total_in, total_out) = (self.decompress.total_in(), self.decompress.total_out());
            let status = self.decompress.decompress(rest, &mut piece, FlushDecompress::Sync);
            let read = (self.decompress.total_in() - total_in) as usize;
            let written = (self.decompress.total_out() - total_out) as usize;
            rest = rest.get(read..).unwrap_or_default();
            self.message_read += read as u64;
            self.hand_out(piece.get(..written).unwrap_or_default(), out)?;
            let corrupt = Cause::Corrupt { at: self.message_read.min(self.message_in) };
            self.ended = status.map_err(|_| corrupt)? == Status::StreamEnd;
            match rest.is_empty() {
                true if self.ended || written < piece.len() => return Ok(()),
                // Neither read nor wrote: it will not do better next time.
                false if read == 0 && written == 0 => return Err(corrupt),
                _ => {}
            }
        }
    }

    fn hand_out(&mut self, inflated: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), Cause> {
        if inflated.is_empty() {
            return Ok(());
        }
        let room = self.limits.message - self.message_out;
        let some = &inflated[..inflated.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        self.message_out += some.len() as u64;
        self.total_out += some.len() as u64;
        self.window.push(some);
        if !some.is_empty() {
            out(some);
        }
        if some.len() < inflated.len() { Err(Cause::TooLong { limit: self.limits.message }) } else { Ok(()) }
    }

    /// Goes on after a final block: what follows may still point back to what stood before it.
    fn restart(&mut self) -> Result<(), Cause> {
        self.final_blocks += 1;
        if self.final_blocks > MAX_FINAL_BLOCKS {
            return Err(Cause::TooManyFinalBlocks);
        }
        self.ended = false;
        self.decompress.reset(false);
        let window = self.window.in_order();
        if !window.is_empty() {
            let corrupt = Cause::Corrupt { at: self.message_read };
            self.decompress.set_dictionary(window).map_err(|_| corrupt)?;
        }
        Ok(())
    }
}
