//! What happens to a frame before its segment reaches a connection: it is dissected, fragments are put together, and
//! what is proven to be damaged is kept out.

use std::collections::BTreeSet;

use super::quic::QuicPairs;
use super::watch::Place;
use crate::capture::{FrameRef, Moment};
use crate::count::counted;
use crate::flow::{Arrival, Delivery, FlowTable, Fresh, Origin, Stream, UdpPlace, UdpTable};
use crate::layer::{Group, Note, Severity};
use crate::packet::{Datagram, Evidence, Packet, Reassembler};
use crate::protocol::quic::QuicPacket;

/// The memory of this step: bounded, whatever comes.
#[derive(Default)]
pub(super) struct Intake {
    fragments: Reassembler,
    pub(super) evidence: Evidence,
    datagrams: UdpTable,
    pub(super) quic: QuicPairs,
    /// What is odd about the frame at hand, or about fragments before it.
    pub(super) notes: Vec<(Moment, Note)>,
    /// What is odd about QUIC in frames before it.
    pub(super) late: Vec<(Place, Note)>,
    pub(super) portion: Portion,
    /// What is not dissected here, and was told.
    unknown: BTreeSet<(&'static str, u32)>,
}

/// Which part of the connections is followed, where several threads share a capture. Each of them reads every frame and
/// learns from it what is true of hosts, but looks closely only at what is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// Which of them, from 0.
    pub part: usize,
    /// How many there are.
    pub of: usize,
}

impl Default for Portion {
    fn default() -> Self {
        Self { part: 0, of: 1 }
    }
}

impl Portion {
    /// Whether a packet, put together from its fragments, is in this part: TCP by its connection, all else in the first.
    fn holds(self, packet: &Packet) -> bool {
        self.of == 1 || FlowTable::<()>::shard_of(packet).unwrap_or(0) % self.of == self.part
    }
}

/// A frame as it is let in.
pub(super) struct Admitted {
    pub(super) packet: Packet,
    pub(super) datagram: Option<Box<Datagram>>,
    pub(super) damaged: bool,
    /// It is looked at by another thread.
    pub(super) elsewhere: bool,
    pub(super) udp: Option<UdpPlace>,
    pub(super) mentions: Option<u32>,
    pub(super) quic: Option<Box<[QuicPacket]>>,
}

impl Admitted {
    /// The packet that is read in this frame, and the octets its extents count in; `data` are the frame's own.
    pub(super) fn whole<'a>(&'a self, data: &'a [u8]) -> (&'a Packet, &'a [u8]) {
        match &self.datagram {
            Some(datagram) => (&datagram.packet, &datagram.bytes),
            None => (&self.packet, data),
        }
    }
}

/// Of more protocols it is not told that they are not dissected.
const MAX_UNKNOWN: usize = 256;

/// More pairs of ends than this are not told apart at once where memory is bounded.
const MAX_PAIRS: usize = 1 << 15;

impl Intake {
    /// One that remembers no more than a bounded number of anything.
    pub(super) fn bounded() -> Self {
        Self { datagrams: UdpTable::bounded(MAX_PAIRS), ..Self::default() }
    }

    /// Dissects a frame.
    pub(super) fn admit(&mut self, frame: FrameRef<'_>, number: u32) -> Admitted {
        let now = Moment { frame: number, time: frame.time };
        // It is large, and built where it stays.
        let mut admitted = Admitted {
            packet: Packet::decode(frame.link, frame.data, frame.len),
            datagram: None,
            damaged: false,
            elsewhere: false,
            udp: None,
            mentions: None,
            quic: None,
        };
        let packet = &admitted.packet;
        if self.portion.of > 1 && !packet.is_fragment() && !self.portion.holds(packet) {
            self.evidence.learn(packet, frame.data);
            admitted.elsewhere = true;
            return admitted;
        }
        self.note_remarks(packet, frame, now);
        let mut damage = self.evidence.judge(packet, frame.data);
        if packet.is_fragment() && damage.as_ref().is_none_or(|damage| !damage.proven) {
            admitted.datagram = self.fragments.push(packet, frame.data, number, frame.time.0).map(Box::new);
            self.notes.extend(self.fragments.take_notes());
        }
        if let Some(datagram) = &admitted.datagram {
            self.note_datagram(datagram, now);
            damage = damage.or_else(|| self.evidence.judge(&datagram.packet, &datagram.bytes));
        }
        if let Some(damage) = damage {
            admitted.damaged = damage.proven;
            self.notes.push((now, damage.note));
        }
        if self.portion.of > 1 && !self.portion.holds(admitted.whole(frame.data).0) {
            self.notes.clear();
            admitted.elsewhere = true;
            return admitted;
        }
        let (whole, data) = admitted.whole(frame.data);
        let udp = if admitted.damaged { None } else { self.datagrams.push(whole, frame.time) };
        self.notes.extend(self.datagrams.take_note().map(|note| (now, note)));
        let mentions = whole.quoted(data).and_then(|quoted| self.datagrams.mention(&quoted));
        let quic = udp.and_then(|_| self.quic.read(whole, data, now));
        (admitted.udp, admitted.mentions, admitted.quic) = (udp, mentions, quic);
        admitted
    }

    /// Ends the capture: fragments that still wait are given up.
    pub(super) fn finish(&mut self) {
        self.fragments.finish();
        if self.portion.part == 0 {
            self.notes.extend(self.fragments.take_notes());
        }
        self.late.extend(self.quic.finish());
    }

    fn note_remarks(&mut self, packet: &Packet, frame: FrameRef<'_>, now: Moment) {
        self.note_unknown(packet, now);
        let before = self.notes.len();
        let remarks = packet.remarks().into_iter().filter(|note| note.severity > Severity::Chat);
        self.notes.extend(remarks.map(|note| (now, note)));
        // A header that was cut off says so itself.
        let said = packet.fault.is_some() && self.notes.len() > before;
        if packet.missing > 0 && !said {
            let text = format!("the capture kept {} of the frame's {}", frame.data.len(), counted(frame.len, "octet"));
            self.notes.push((now, Note::new(Severity::Note, text, "").about(Group::Undecoded)));
        }
    }

    /// Says of each protocol that is not dissected here that it is not: of the first frame that holds it, as they may be many.
    fn note_unknown(&mut self, packet: &Packet, now: Moment) {
        let Some(fault) = packet.fault else { return };
        let Some(unknown) = fault.unknown().filter(|_| self.unknown.len() < MAX_UNKNOWN) else { return };
        let note = fault.note(0);
        if note.severity == Severity::Chat && self.unknown.insert(unknown) {
            let text = format!("{}: such frames are passed over, here and later", note.text);
            self.notes.push((now, Note { severity: Severity::Note, text, ..note }));
        }
    }

    fn note_datagram(&mut self, datagram: &Datagram, now: Moment) {
        self.note_unknown(&datagram.packet, now);
        let remarks = datagram.packet.remarks().into_iter().filter(|note| note.severity > Severity::Chat);
        self.notes.extend(remarks.map(|note| (now, note)));
    }
}

/// Adds the payload of what was put together to its stream, where it begins at `offset`: piece by piece, so that the
/// stream knows of each octet which frame brought it.
pub(super) fn add_pieces(datagram: &Datagram, stream: &mut Stream, offset: u64, arrived: Moment) -> Delivery {
    let payload = datagram.packet.payload;
    let mut whole = Delivery { arrival: Arrival::Repeated, fresh: Fresh::default() };
    for piece in &datagram.pieces {
        let (start, end) = (piece.range.start.max(payload.start), piece.range.end.min(payload.end));
        let bytes = datagram.bytes.get(start as usize..end as usize).unwrap_or_default();
        if bytes.is_empty() {
            continue;
        }
        let at = piece.at + (start - piece.range.start);
        let origin = Origin { frame: piece.frame, at, arrived };
        let part = stream.add(offset + u64::from(start - payload.start), bytes, origin);
        if whole.arrival == Arrival::Repeated {
            whole.arrival = part.arrival;
        }
        whole.fresh.extend(part.fresh);
    }
    whole
}
