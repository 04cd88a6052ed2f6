//! A packet of Socket.IO that waits for its attachments, and what is told of it if they do not come.

use std::ops::Range;

use super::carried::{Carried, Frames, Ridden, Rider};
use crate::capture::Moment;
use crate::layer::{Direction, Note, Severity};
use crate::protocol::socketio::{Kind, SocketIoPacket, join, misfits};

/// Attachments of more octets together are not kept.
pub(super) const MAX_OCTETS: usize = 64 << 20;
/// So many octets of memory these take, without what they carry.
const WAITING: usize = 512;
const ATTACHMENT: usize = 32;

/// A packet that waits for its attachments.
pub(super) struct Waiting {
    pub(super) packet: SocketIoPacket,
    notes: Vec<Note>,
    frames: Vec<u32>,
    /// How long each attachment is that has come.
    lens: Vec<usize>,
    /// Their octets, if someone reads them.
    octets: Vec<Vec<u8>>,
    /// How many octets they have together.
    len: usize,
    last: Last,
}

/// Where the latest part of such a packet came.
#[derive(Clone)]
pub(super) struct Last {
    /// The connection of TCP, if it was one.
    pub(super) connection: Option<u32>,
    pub(super) direction: Direction,
    /// Where in its stream what carried it lies; whether that is the stream inside, and the number of that.
    pub(super) range: Range<u64>,
    pub(super) within: (bool, Option<u32>),
    pub(super) moment: Moment,
}

/// A packet that did not get all its attachments before it was over.
pub(super) struct Unfinished {
    pub(super) last: Last,
    pub(super) ridden: Ridden,
}

/// Why a packet does not wait any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Other text came.
    Text,
    /// Octets are missing, which may be the attachments.
    Missing,
    /// They are too many to be kept.
    TooMuch,
    /// One of the peers said that the session is over.
    Session,
    /// The connection ended on which its latest part came.
    Connection,
    /// So did the capture.
    Capture,
}

impl Last {
    fn of(carried: &Carried<'_>) -> Self {
        let len = carried.bytes.map_or(0, <[u8]>::len) as u64;
        Self {
            connection: carried.connection.map(|connection| connection.id),
            direction: carried.direction,
            range: carried.start..carried.start + len,
            within: carried.within,
            moment: carried.moment,
        }
    }
}

impl Waiting {
    pub(super) fn new(packet: SocketIoPacket, notes: Vec<Note>, carried: &Carried<'_>) -> Self {
        let (lens, octets, last) = (Vec::new(), Vec::new(), Last::of(carried));
        Self { packet, notes, frames: carried.frames.to_vec(), lens, octets, len: 0, last }
    }

    /// The connection on which its latest part came.
    pub(super) fn connection(&self) -> Option<u32> {
        self.last.connection
    }

    /// How many octets of memory it takes, or would take if someone read what comes: so as much is forgotten in a summary.
    pub(super) fn kept(&self) -> usize {
        let text = self.packet.namespace.len() + self.packet.data.as_ref().map_or(0, String::len);
        WAITING + text + self.lens.len() * ATTACHMENT + self.len
    }

    /// Whether it is an event of the namespace `/` that takes an attachment of `len` octets, with nothing to say of it then but
    /// that it is there.
    pub(super) fn is_event_with(&self, len: usize) -> bool {
        let Self { packet, notes, lens, .. } = self;
        let is_usual = packet.kind == Kind::BinaryEvent && packet.namespace == "/" && packet.id.is_none();
        if !is_usual || !notes.is_empty() || self.len + len > MAX_OCTETS {
            return false;
        }
        let is_last = lens.len() as u64 + 1 >= packet.attachments;
        !is_last || {
            let lens = [&lens[..], &[len]].concat();
            packet.data.as_deref().is_none_or(|data| misfits(data, &lens).is_empty())
        }
    }

    /// Takes an attachment of `len` octets, which are given where someone may read them. Returns whether there was room for it.
    pub(super) fn add(&mut self, carried: &Carried<'_>, len: usize, octets: Option<&[u8]>) -> bool {
        if self.len + len > MAX_OCTETS {
            return false;
        }
        self.len += len;
        self.lens.push(len);
        if let Some(octets) = octets.filter(|_| carried.wanted) {
            self.octets.push(octets.to_vec());
        }
        self.frames.extend(carried.frames);
        self.last = Last::of(carried);
        true
    }

    /// Whether all attachments are there.
    pub(super) fn is_whole(&self) -> bool {
        self.lens.len() as u64 >= self.packet.attachments
    }

    /// The packet with its attachments.
    pub(super) fn finish(self) -> (SocketIoPacket, Vec<Note>, Frames) {
        let Self { mut packet, mut notes, mut frames, lens, octets, .. } = self;
        match packet.data.take() {
            Some(data) if octets.len() == lens.len() => {
                let joined = join(&data, &octets);
                notes.extend(joined.notes);
                packet.data = Some(joined.data);
            }
            Some(data) => notes.extend(misfits(&data, &lens)),
            None => {}
        }
        packet.revision.cite(&mut notes);
        frames.sort_unstable();
        frames.dedup();
        (packet, notes, Frames::Many(frames))
    }

    /// The packet as it was written, without its attachments, and why there are not all.
    pub(super) fn give_up(self, why: Why) -> Unfinished {
        let Self { packet, mut notes, mut frames, lens, last, .. } = self;
        let came = format!(
            "{} of {} came, and nothing of it behind frame {}",
            lens.len(),
            packet.attachments,
            last.moment.frame
        );
        let (severity, text) = match why {
            Why::Text => {
                (Severity::Error, format!("text came before all attachments of this packet, which is given up: {came}"))
            }
            Why::Missing => {
                let text = "octets are missing behind this packet, in which its attachments may have been";
                (Severity::Note, format!("{text}: {came}"))
            }
            Why::TooMuch => {
                let text = format!("attachments of more than {MAX_OCTETS} octets are not kept");
                (Severity::Warn, format!("{text}: {came}"))
            }
            Why::Session => {
                (Severity::Warn, format!("its session was over before all attachments of this packet came: {came}"))
            }
            Why::Connection => {
                (Severity::Warn, format!("its connection was over before all attachments of this packet came: {came}"))
            }
            Why::Capture => {
                (Severity::Note, format!("the capture ended before all attachments of this packet came: {came}"))
            }
        };
        notes.push(Note::new(severity, text, packet.revision.packet_encoding()));
        frames.sort_unstable();
        frames.dedup();
        let ridden = Ridden { payload: Rider::SocketIo(packet), notes, frames: Frames::Many(frames), complete: false };
        Unfinished { last, ridden }
    }
}
