//! What happens to a frame before its segment reaches a connection: it is dissected, fragments are put together, and
//! what is proven to be damaged is kept out.

use super::model::{Record, Trace};
use crate::capture::FrameRef;
use crate::flow::{Arrival, Delivery, Stream, UdpTable};
use crate::layer::{Note, Severity};
use crate::packet::{Datagram, Evidence, Packet, Reassembler};

/// The memory of this step: bounded, whatever comes.
#[derive(Default)]
pub(super) struct Intake {
    fragments: Reassembler,
    evidence: Evidence,
    datagrams: UdpTable,
}

impl Intake {
    /// Dissects a frame. What is odd goes to `notes`, each with its frame.
    pub(super) fn admit(&mut self, frame: FrameRef<'_>, number: u32, notes: &mut Vec<(Option<u32>, Note)>) -> Record {
        let packet = Packet::decode(frame.link, frame.data, frame.len);
        note_remarks(&packet, frame, number, notes);
        let mut damage = self.evidence.judge(&packet, frame.data);
        let mut datagram = None;
        if packet.is_fragment() && damage.as_ref().is_none_or(|damage| !damage.proven) {
            datagram = self.fragments.push(&packet, frame.data, number, frame.time.0);
            notes.extend(self.fragments.take_notes().into_iter().map(|(frame, note)| (Some(frame), note)));
        }
        if let Some(datagram) = &datagram {
            note_datagram(datagram, number, notes);
            damage = damage.or_else(|| self.evidence.judge(&datagram.packet, &datagram.bytes));
        }
        let damaged = damage.as_ref().is_some_and(|damage| damage.proven);
        notes.extend(damage.map(|damage| (Some(number), damage.note)));
        let mut record = Record {
            frame: frame.to_frame(),
            packet,
            segment: None,
            delivery: None,
            datagram: datagram.map(Box::new),
            reassembled_in: None,
            damaged,
            udp: None,
            mentions: None,
        };
        if !damaged {
            record.udp = self.datagrams.push(record.whole().0, frame.time);
        }
        let quoted = {
            let (packet, data) = record.whole();
            packet.quoted(data)
        };
        record.mentions = quoted.and_then(|quoted| self.datagrams.mention(&quoted));
        record
    }

    /// Ends the capture: fragments that still wait are given up.
    pub(super) fn finish(&mut self) -> Vec<(Option<u32>, Note)> {
        self.fragments.finish();
        self.fragments.take_notes().into_iter().map(|(frame, note)| (Some(frame), note)).collect()
    }
}

fn note_remarks(packet: &Packet, frame: FrameRef<'_>, number: u32, notes: &mut Vec<(Option<u32>, Note)>) {
    let before = notes.len();
    let remarks = packet.remarks().into_iter().filter(|note| note.severity > Severity::Chat);
    notes.extend(remarks.map(|note| (Some(number), note)));
    // A header that was cut off says so itself.
    let said = packet.fault.is_some() && notes.len() > before;
    if packet.missing > 0 && !said {
        let text = format!("the capture kept {} of the frame's {} octets", frame.data.len(), frame.len);
        notes.push((Some(number), Note::new(Severity::Note, text, "")));
    }
}

fn note_datagram(datagram: &Datagram, number: u32, notes: &mut Vec<(Option<u32>, Note)>) {
    let remarks = datagram.packet.remarks().into_iter().filter(|note| note.severity > Severity::Chat);
    notes.extend(remarks.map(|note| (Some(number), note)));
}

impl Record {
    /// Adds the payload to its stream, where it begins at `offset`. What came in fragments is added piece by piece, so
    /// that the stream knows of each octet which frame brought it.
    pub(super) fn add_to(&self, stream: &mut Stream, offset: u64, number: u32) -> Delivery {
        let (packet, data) = self.whole();
        let payload = packet.payload;
        let Some(datagram) = &self.datagram else {
            return stream.add(offset, payload.of(data), number, payload.start);
        };
        let mut whole = Delivery { arrival: Arrival::Repeated, fresh: Vec::new() };
        for piece in &datagram.pieces {
            let (start, end) = (piece.range.start.max(payload.start), piece.range.end.min(payload.end));
            let bytes = data.get(start as usize..end as usize).unwrap_or_default();
            if bytes.is_empty() {
                continue;
            }
            let at = piece.at + (start - piece.range.start);
            let part = stream.add(offset + u64::from(start - payload.start), bytes, piece.frame, at);
            if whole.arrival == Arrival::Repeated {
                whole.arrival = part.arrival;
            }
            whole.fresh.extend(part.fresh);
        }
        whole
    }
}

impl Trace {
    /// Adds to frames that brought octets those with which their packets became whole: no receiver could read any
    /// octet of a fragment before.
    pub(super) fn add_completing(&self, frames: &mut Vec<u32>) {
        let whole = frames.iter().filter_map(|frame| self.record(*frame)?.reassembled_in);
        let whole: Vec<u32> = whole.filter(|frame| frames.binary_search(frame).is_err()).collect();
        if !whole.is_empty() {
            frames.extend(whole);
            frames.sort_unstable();
            frames.dedup();
        }
    }

    /// Tells the frames that brought the fragments of a packet in which frame it is whole.
    pub(super) fn tell_fragments(&mut self, record: &mut Record, number: u32) {
        let Some(datagram) = &record.datagram else { return };
        for frame in datagram.pieces.iter().map(|piece| piece.frame).chain(datagram.repeats.iter().copied()) {
            if let Some(earlier) = (frame as usize).checked_sub(1).and_then(|i| self.records.get_mut(i)) {
                earlier.reassembled_in = Some(number);
            }
        }
        record.reassembled_in = Some(number);
    }
}
