//! Keeps everything that the pipeline tells: that is a [`Trace`].

use super::model::{Message, Record, Trace};
use super::watch::{Ended, Needs, Octets, Place, Seen, Sight, Watch};
use crate::flow::Analysed;
use crate::layer::{Note, Span};

/// Makes a trace of what it is told.
#[derive(Default)]
pub struct Keeper {
    trace: Trace,
    ended: Vec<Ended>,
}

impl Watch for Keeper {
    fn needs(&self) -> Needs {
        Needs {
            everything: true,
            octets: Octets::All,
            frames: true,
            packets: true,
            riders: true,
            segments: Analysed::Measured,
        }
    }

    fn frame(&mut self, sight: &Sight<'_>) {
        let mut record = Record {
            frame: sight.frame.to_frame(),
            packet: *sight.packet,
            segment: sight.segment.cloned(),
            delivery: sight.delivery.cloned(),
            datagram: sight.datagram.cloned().map(Box::new),
            reassembled_in: None,
            damaged: sight.damaged,
            udp: sight.udp,
            mentions: sight.mentions,
            quic: sight.quic.map(Into::into),
            over_quic: sight.over_quic.to_vec(),
        };
        self.trace.tell_fragments(&mut record, sight.number);
        self.trace.records.push(record);
    }

    fn message(&mut self, seen: &Seen<'_>) {
        self.trace.messages.push(Message {
            connection: seen.connection.id,
            direction: seen.direction,
            range: seen.range.clone(),
            inside: seen.inside,
            stream: seen.stream,
            frames: seen.frames.to_vec(),
            ends_in: seen.moment.frame,
            time: seen.moment.time,
            payload: seen.payload.boxed(),
            notes: seen.notes.to_vec(),
            complete: seen.complete,
            late: seen.late,
        });
    }

    fn remark(&mut self, of: &Span, note: &Note) {
        let meant = |message: &&mut Message| message.span() == *of;
        if let Some(message) = self.trace.messages.iter_mut().rev().find(meant) {
            message.notes.push(note.clone());
        }
    }

    fn note(&mut self, on: Option<&Place>, note: &Note) {
        self.trace.notes.push((on.map(|place| place.moment.frame), note.clone()));
    }

    fn ended(&mut self, ended: Ended) {
        self.ended.push(ended);
    }
}

impl Keeper {
    /// The trace, when the capture is over.
    pub(super) fn into_trace(self) -> Trace {
        let Self { mut trace, mut ended } = self;
        ended.sort_by_key(|ended| ended.connection.id);
        for Ended { connection, talk, streams, inside, contents, .. } in ended {
            let number = connection.id;
            trace.contents.extend(contents.into_iter().map(|(stream, both)| ((number, stream), both)));
            trace.connections.push(connection);
            trace.talks.push(talk);
            trace.streams.push(streams);
            trace.insides.push(inside);
        }
        trace.messages.sort_by_key(Message::frame);
        trace.notes.sort_by_key(|(frame, _)| *frame);
        trace.index_owners();
        trace
    }
}

impl Trace {
    /// Tells the frames that brought the fragments of a packet in which frame it is whole.
    fn tell_fragments(&mut self, record: &mut Record, number: u32) {
        let Some(datagram) = &record.datagram else { return };
        for frame in datagram.pieces.iter().map(|piece| piece.frame).chain(datagram.repeats.iter().copied()) {
            if let Some(earlier) = (frame as usize).checked_sub(1).and_then(|i| self.records.get_mut(i)) {
                earlier.reassembled_in = Some(number);
            }
        }
        record.reassembled_in = Some(number);
    }
}
