//! What a decoder hands out during one call, kept until the call is over.

use std::ops::Range;

use crate::layer::{Direction, Note};
use crate::message::{Draft, Payload, Sink, Upgrade};

/// Collects what a decoder hands out during one call.
#[derive(Default)]
pub(super) struct Found {
    pub(super) messages: Vec<OwnedDraft>,
    pub(super) remarks: Vec<(Direction, Range<u64>, Note)>,
    pub(super) upgrade: Option<Upgrade>,
}

/// A draft that lives on its own.
pub(super) struct OwnedDraft {
    pub(super) direction: Direction,
    pub(super) range: Range<u64>,
    pub(super) payload: Box<dyn Payload>,
    pub(super) notes: Vec<Note>,
    pub(super) complete: bool,
}

impl Sink for Found {
    fn message(&mut self, draft: Draft<'_>) {
        self.messages.push(OwnedDraft {
            direction: draft.direction,
            range: draft.range,
            payload: draft.payload.boxed(),
            notes: draft.notes,
            complete: draft.complete,
        });
    }

    fn remark(&mut self, direction: Direction, range: Range<u64>, note: Note) {
        self.remarks.push((direction, range, note));
    }

    fn upgrade(&mut self, upgrade: Upgrade) {
        self.upgrade = Some(upgrade);
    }
}
