//! What is known of one direction of a WebSocket.

use super::begun::{Begun, Missing, Partial};
use super::deflate::Inflater;
use super::frame::Opcode;
use crate::layer::Note;
use crate::message::{Input, Progress, Sink};

/// What one direction has said so far. Each frame asks for all of it: what there seldom is lies elsewhere, so that of a
/// connection among many little is to be fetched.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    pub(super) begun: Option<Box<Begun>>,
    /// A frame of which a part was read.
    pub(super) partial: Option<Box<Partial>>,
    /// How many octets come before its first whole frame, where the capture began in the middle of one.
    pub(super) skip: usize,
    /// After a gap: where the octets end that belong to the frame that was begun before it.
    pub(super) skip_to: Option<u64>,
    /// The message at hand was handed out already, because octets of it are missing.
    pub(super) broken: bool,
    pub(super) closed: bool,
    /// Its stream ended when the other side had not sent a Close frame.
    pub(super) left: bool,
    /// permessage-deflate was agreed on.
    pub(super) inflater: Option<Box<Inflater>>,
    /// What is to be told on the next frame.
    pub(super) note: Option<Box<Note>>,
    /// What is to be told on the next compressed frame.
    pub(super) lost: Option<Box<Note>>,
}

impl Speaker {
    /// What it said first may be missing.
    pub(super) fn may_have_begun(&mut self) {
        self.broken = true;
        self.inflater.iter_mut().for_each(|inflater| inflater.doubt());
    }

    /// How many octets of memory it keeps.
    pub(super) fn kept(&self) -> usize {
        self.inflater.as_ref().map_or(0, |inflater| inflater.kept())
            + self.begun.as_ref().map_or(0, |begun| begun.kept())
    }

    /// Whether nothing of what it said before bears on what it says next.
    pub(super) fn is_quiet(&self) -> bool {
        !self.closed
            && !self.broken
            && self.begun.is_none()
            && self.inflater.is_none()
            && self.note.is_none()
            && self.lost.is_none()
    }

    /// Where what it has begun begins: a message of several frames, or a frame of which a part was read.
    pub(super) fn begun_at(&self) -> Option<u64> {
        let message = self.begun.as_ref().map(|begun| begun.start);
        message.or(self.partial.as_ref().map(|partial| partial.start))
    }

    /// Whether that is text.
    pub(super) fn begun_is_text(&self) -> bool {
        let message = self.begun.as_ref().map(|begun| begun.opcode);
        message.or(self.partial.as_ref().map(|partial| partial.frame.opcode)) == Some(Opcode::Text)
    }

    /// Nothing of it is left to read, for now or for good; `asked` says that the other side has sent a Close frame.
    pub(super) fn rest(&mut self, input: Input<'_>, asked: bool, sink: &mut dyn Sink) -> Progress {
        self.left |= input.end && !asked;
        if let Some(begun) = self.begun.take_if(|_| input.end) {
            begun.hand_out(input.direction, input.offset, Missing::LastFrame, sink);
        }
        Progress::NeedMore
    }

    /// Passes over octets of a frame whose beginning is not there, if these are such.
    pub(super) fn pass_over(&mut self, input: Input<'_>) -> Option<Progress> {
        if self.skip > 0 {
            self.skip_to = Some(input.offset + std::mem::take(&mut self.skip) as u64);
        }
        let end = self.skip_to?;
        let skipped = input.bytes.len().min(usize::try_from(end - input.offset).unwrap_or(usize::MAX));
        self.skip_to = Some(end).filter(|end| input.offset + skipped as u64 != *end);
        Some(if skipped > 0 { Progress::Consumed(skipped) } else { Progress::NeedMore })
    }

    /// Whether its next octet is the first of a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        self.partial.is_none() && self.skip_to.is_none() && self.skip == 0
    }
}
