//! One connection in the pipeline: its bytes, how far they were read, and who reads them.

use std::ops::Range;

use super::remarks;
use crate::flow::{Segment, Stream};
use crate::layer::{Direction, Note};
use crate::message::{Decoder, Probe, Verdict};
use crate::packet::{Flags, Packet};
use crate::protocol;

/// What is spoken on a connection.
#[derive(Default)]
pub(super) enum Speech {
    /// Not enough bytes to tell.
    #[default]
    Unheard,
    /// A protocol, with its state.
    Known(&'static str, Box<dyn Decoder>),
    /// No registered protocol.
    Unknown,
}

/// A connection's bytes and how far they were read.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) streams: [Stream; 2],
    pub(super) read: [u64; 2],
    pub(super) deaf: [bool; 2],
    /// Where each stream ends by its FIN, and that FIN's frame.
    pub(super) fin: [Option<(u64, u32)>; 2],
    /// No more will come, in either direction: the connection was reset, or the capture is over.
    pub(super) over: bool,
    /// How many of each stream's gaps a note speaks of.
    pub(super) told: [usize; 2],
    /// The frame in which the latest message of each direction ended.
    pub(super) ends_in: [u32; 2],
    pub(super) speech: Speech,
}

impl Lane {
    /// Whether the sender closed this direction and nothing is missing before its FIN.
    pub(super) fn closed(&self, d: usize) -> bool {
        self.fin[d].is_some_and(|(fin, _)| self.streams[d].end() >= fin)
    }

    /// Whether no more will come in this direction.
    pub(super) fn ended(&self, d: usize) -> bool {
        self.over || self.closed(d)
    }

    /// Takes note of FIN and RST. A FIN may come before bytes that belong in front of it.
    pub(super) fn hear_end(&mut self, packet: &Packet, segment: &Segment, frame: u32) {
        let Some((tcp, ..)) = packet.tcp() else { return };
        if tcp.flags.has(Flags::SYN) && self.over {
            // The client tries again with the number it had: what was refused may be granted now.
            (self.over, self.deaf) = (false, [false, false]);
        }
        self.over |= tcp.flags.has(Flags::RST);
        if let Some(offset) = segment.offset.filter(|_| tcp.flags.has(Flags::FIN)) {
            self.fin[segment.direction.index()].get_or_insert((offset + u64::from(segment.len), frame));
        }
    }

    pub(super) fn gap_note(
        &self,
        to: Direction,
        gap: &Range<u64>,
        acknowledged: Option<u64>,
        rest: &str,
    ) -> (Option<u32>, Note) {
        let frame = self.streams[to.index()].frames(gap.end..gap.end + 1).first().copied();
        (frame, remarks::gap(gap, acknowledged, rest))
    }

    /// Finds out which protocol is spoken. Returns whether it is known now.
    pub(super) fn recognise(&mut self) -> bool {
        let [to_server, to_client] = &self.streams;
        let probe = Probe {
            to_server: to_server.slice(0..u64::MAX),
            to_client: to_client.slice(0..u64::MAX),
            end: self.ended(0) && self.ended(1),
        };
        if probe.to_server.is_empty() && probe.to_client.is_empty() {
            return false;
        }
        let mut undecided = false;
        for dissector in protocol::DISSECTORS {
            match dissector.probe(probe) {
                Verdict::Yes => {
                    let Some(decoder) = dissector.decoder() else { continue };
                    self.speech = Speech::Known(dissector.name(), decoder);
                    return true;
                }
                Verdict::NeedMore => undecided = true,
                Verdict::No => {}
            }
        }
        if !undecided {
            self.speech = Speech::Unknown;
        }
        false
    }
}
