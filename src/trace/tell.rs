//! Tells a [`Watch`] what a trace holds, as if the capture were read once more, but perfectly in order.

use super::model::{Message, Trace};
use super::watch::{Place, Seen, Sight, Watch, ends_of};
use crate::capture::Moment;
use crate::flow::Connection;
use crate::layer::{Direction, Span};
use crate::protocol::HttpMessage;

impl Trace {
    /// Tells of the frames that are wanted what is in them, and of the whole capture what is odd about it.
    pub fn tell(&self, watch: &mut impl Watch, wanted: &dyn Fn(u32) -> bool) {
        if self.first_of_some.is_some() {
            watch.lacks_times();
        }
        for (number, record) in self.records().filter(|(number, _)| wanted(*number)) {
            for message in self.messages_in(number) {
                if let Some(connection) = self.connections().get(message.connection as usize) {
                    watch.message(&self.seen(message, connection));
                }
            }
            let moment = Moment { frame: number, time: record.frame.time };
            let stream = record.segment.as_ref().map(|segment| segment.connection);
            let place = Place { moment, stream, ends: ends_of(record.whole().0) };
            self.notes_in(number).iter().for_each(|(_, note)| watch.note(Some(&place), note));
            watch.frame(&Sight {
                number,
                frame: record.frame.as_ref(),
                packet: &record.packet,
                datagram: record.datagram.as_deref(),
                segment: record.segment.as_ref(),
                delivery: record.delivery.as_ref(),
                damaged: record.damaged,
                udp: record.udp,
                mentions: record.mentions,
                quic: record.quic.as_deref(),
                over_quic: &record.over_quic,
            });
        }
        let whole = self.notes().iter().filter(|(frame, _)| frame.is_none());
        whole.for_each(|(_, note)| watch.note(None, note));
    }

    /// In which frame a request ended that was answered in this one. What ends its stream may come behind its octets.
    fn asked_in(&self, asked: &Span, answered: u32) -> Option<u32> {
        let told = self.owners(asked.buffer, &asked.range).next();
        let whole = told.filter(|request| request.range == asked.range && request.frame() <= answered);
        whole.map(Message::frame).or_else(|| self.of(asked.buffer)?.frames(asked.range.clone()).last().copied())
    }

    /// The octets of the request that this response of HTTP answers.
    pub(super) fn asked(&self, message: &Message) -> Option<Span> {
        let answers = message.payload_as::<HttpMessage>()?.answers.clone()?;
        Some(Span::new(message.buffer(Direction::ToServer), answers))
    }

    fn seen<'a>(&'a self, message: &'a Message, connection: &'a Connection) -> Seen<'a> {
        Seen {
            connection,
            direction: message.direction,
            range: &message.range,
            inside: message.inside,
            stream: message.stream,
            frames: &message.frames,
            moment: Moment { frame: message.frame(), time: message.time },
            payload: message.payload.as_ref(),
            notes: &message.notes,
            complete: message.complete,
            late: message.late,
            bytes: Some(self.bytes(message)),
            begins: None,
            request_frame: self.asked(message).and_then(|asked| self.asked_in(&asked, message.frame())),
        }
    }
}
