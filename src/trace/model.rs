//! What a trace holds.

use std::collections::BTreeMap;
use std::ops::Range;

use super::over_quic::QuicMessage;
use super::watch::Inside;
use crate::capture::{Frame, Timestamp};
use crate::flow::{Connection, Delivery, Segment, Stream, UdpPlace};
use crate::layer::{Buffer, Direction, Note, Span};
use crate::map::Map;
use crate::message::Payload;
use crate::packet::{Datagram, Packet};
use crate::protocol::quic::QuicPacket;

/// A frame with all that was found in it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The frame as captured.
    pub frame: Frame,
    /// Its headers. Of a fragment those of the fragment; what the whole packet says is in [`Record::whole`].
    pub packet: Packet,
    /// What the segment means on its connection, if it is TCP.
    pub segment: Option<Segment>,
    /// What its payload did to its stream, if it had any.
    pub delivery: Option<Delivery>,
    /// The packet put together from fragments of which this frame brought the last that was missing.
    pub datagram: Option<Box<Datagram>>,
    /// The frame in which the packet is whole of which this one brought a fragment.
    pub reassembled_in: Option<u32>,
    /// Its checksum is wrong, and that is proven to mean damage: nobody has read what it carries.
    pub damaged: bool,
    /// Where it stands among the datagrams between its ends, if it is UDP.
    pub udp: Option<UdpPlace>,
    /// The `udp.stream` of the datagram that it quotes, if it is an ICMP error.
    pub mentions: Option<u32>,
    /// The packets of QUIC in its datagram, if it is that; their places are counted from the beginning of its payload.
    pub quic: Option<Box<[QuicPacket]>>,
    /// The messages on streams of QUIC that end in it.
    pub over_quic: Vec<QuicMessage>,
}

impl Record {
    /// The packet that is read in this frame, and the octets its extents count in: the frame's own, or the one put
    /// together from fragments if it is whole with this frame.
    pub fn whole(&self) -> (&Packet, &[u8]) {
        match &self.datagram {
            Some(datagram) => (&datagram.packet, &datagram.bytes),
            None => (&self.packet, &self.frame.data),
        }
    }
}

/// The place of a message in [`Trace::messages`].
pub type MessageId = usize;

/// A message of some protocol on a connection.
#[derive(Debug)]
pub struct Message {
    /// Which connection (`tcp.stream`).
    pub connection: u32,
    /// Which way it travelled.
    pub direction: Direction,
    /// Where its bytes lie in the stream of that direction.
    pub range: Range<u64>,
    /// Whether that is the stream inside, which was encrypted.
    pub inside: bool,
    /// Its number, if that is the stream inside of several: a stream of HTTP/2.
    pub stream: Option<u32>,
    /// All frames that carried it, ascending.
    pub frames: Vec<u32>,
    /// The frame with which all of it, and all that lies before it in its stream, was there, and known to be all.
    pub(super) ends_in: u32,
    /// When that frame was captured.
    pub time: Timestamp,
    /// What it is.
    pub payload: Box<dyn Payload>,
    /// What is odd about it.
    pub notes: Vec<Note>,
    /// Whether all of it was there.
    pub complete: bool,
    /// Whether it became known only after its frame.
    pub(super) late: bool,
}

impl Message {
    /// The frame the message belongs to: the one in which it ended. Where segments came out of order that is the one
    /// that filled the hole before it, for no receiver could have read it earlier; where only the FIN says that it has
    /// ended, that is the FIN's.
    pub fn frame(&self) -> u32 {
        self.ends_in
    }

    /// Its bytes as a span.
    pub fn span(&self) -> Span {
        Span::new(self.buffer(self.direction), self.range.clone())
    }

    /// What the ranges of messages in this direction count in, where this one was found.
    pub(super) fn buffer(&self, direction: Direction) -> Buffer {
        buffer(self.connection, direction, (self.inside, self.stream))
    }

    /// The payload, for those who know its type.
    pub fn payload_as<T: Payload>(&self) -> Option<&T> {
        self.payload.as_any().downcast_ref()
    }

    /// Whether the message has bytes of its own, or is put together from other messages.
    pub fn owns_bytes(&self) -> bool {
        self.payload.owns_bytes()
    }
}

/// What the ranges of messages count in.
pub(super) fn buffer(connection: u32, direction: Direction, inside: (bool, Option<u32>)) -> Buffer {
    match inside {
        (_, Some(stream)) => Buffer::Content(connection, direction, stream),
        (true, None) => Buffer::Decrypted(connection, direction),
        (false, None) => Buffer::Stream(connection, direction),
    }
}

/// Which protocol was recognised on a connection at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// No payload was seen, or too little to tell.
    Silent,
    /// This registered protocol.
    Known(&'static str),
    /// None that is registered, or one that could not be read on.
    Unknown,
}

/// A capture, dissected and kept whole.
#[derive(Debug, Default)]
pub struct Trace {
    pub(super) records: Vec<Record>,
    pub(super) connections: Vec<Connection>,
    pub(super) streams: Vec<[Stream; 2]>,
    /// What was decrypted of them.
    pub(super) insides: Vec<Option<Box<Inside>>>,
    /// What streams of HTTP/2 carried, by connection and stream.
    pub(super) contents: BTreeMap<(u32, u32), [Stream; 2]>,
    pub(super) talks: Vec<Talk>,
    /// In order of the frame in which they end.
    pub(super) messages: Vec<Message>,
    /// The messages that own bytes of a stream, in order of their place in it.
    pub(super) owners: Map<Buffer, Vec<MessageId>>,
    pub(super) notes: Vec<(Option<u32>, Note)>,
    /// The first of the times, if some frames have none; those stand at [`Timestamp`] 0.
    pub(super) first_of_some: Option<Timestamp>,
    /// The first interface of each section of the capture, if it has several.
    pub(super) sections: Vec<u32>,
}

impl Trace {
    /// How many frames there are; their numbers run from 1.
    pub fn len(&self) -> u32 {
        self.records.len() as u32
    }

    /// Whether there are no frames.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The frame with this number, from 1.
    pub fn record(&self, number: u32) -> Option<&Record> {
        self.records.get((number as usize).checked_sub(1)?)
    }

    /// All frames with their numbers.
    pub fn records(&self) -> impl Iterator<Item = (u32, &Record)> {
        (1..).zip(&self.records)
    }

    /// The TCP connections; a connection's place is its `id`.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// What was spoken on a connection at its end. Of what was said too little may be there to know it.
    pub fn talk(&self, connection: u32) -> Talk {
        let has_octets = self.connections.get(connection as usize).is_some_and(|one| one.octets != [0; 2]);
        match self.talks.get(connection as usize) {
            Some(Talk::Silent) | None => {
                if has_octets {
                    Talk::Unknown
                } else {
                    Talk::Silent
                }
            }
            Some(talk) => *talk,
        }
    }

    /// All messages, in order of the frame in which they end.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The messages that end in this frame.
    pub fn messages_in(&self, frame: u32) -> &[Message] {
        let start = self.messages.partition_point(|message| message.frame() < frame);
        let end = self.messages.partition_point(|message| message.frame() <= frame);
        &self.messages[start..end]
    }

    /// What is odd, each with its frame; without one it is about the whole capture.
    pub fn notes(&self) -> &[(Option<u32>, Note)] {
        &self.notes
    }

    /// What is odd about this frame.
    pub fn notes_in(&self, frame: u32) -> &[(Option<u32>, Note)] {
        let start = self.notes.partition_point(|(on, _)| *on < Some(frame));
        let end = self.notes.partition_point(|(on, _)| *on <= Some(frame));
        &self.notes[start..end]
    }

    /// One direction of a connection.
    pub fn stream(&self, connection: u32, direction: Direction) -> Option<&Stream> {
        self.streams.get(connection as usize).map(|both| &both[direction.index()])
    }

    /// What was decrypted in one direction of a connection: `None` if it is not encrypted, or nobody has its secrets.
    pub fn inside(&self, connection: u32, direction: Direction) -> Option<&Stream> {
        let inside = self.insides.get(connection as usize)?.as_ref()?;
        Some(&inside.streams[direction.index()])
    }

    /// What was spoken at its end inside a connection that is encrypted; `None` if that is not known.
    pub fn inside_talk(&self, connection: u32) -> Option<Talk> {
        Some(self.insides.get(connection as usize)?.as_ref()?.talk)
    }

    /// What one direction of a stream of HTTP/2 carried: its field sections, as they are compressed, and its content.
    pub fn content(&self, connection: u32, direction: Direction, stream: u32) -> Option<&Stream> {
        Some(&self.contents.get(&(connection, stream))?[direction.index()])
    }

    /// The stream that is counted in here.
    pub(super) fn of(&self, buffer: Buffer) -> Option<&Stream> {
        match buffer {
            Buffer::Stream(connection, direction) => self.stream(connection, direction),
            Buffer::Decrypted(connection, direction) => self.inside(connection, direction),
            Buffer::Content(connection, direction, stream) => self.content(connection, direction, stream),
            Buffer::Frame(_) | Buffer::Datagram(_) | Buffer::Derived(_) => None,
        }
    }

    /// Whether octets are missing before this segment's payload, in its direction.
    pub fn lacks_before(&self, segment: &Segment) -> bool {
        let stream = self.stream(segment.connection, segment.direction);
        let (Some(stream), Some(offset)) = (stream, segment.offset) else { return true };
        stream.gaps().iter().any(|gap| gap.start < offset)
    }

    /// The bytes of a message.
    pub fn bytes(&self, message: &Message) -> &[u8] {
        self.of(message.buffer(message.direction)).map_or(&[], |stream| stream.slice(message.range.clone()))
    }

    /// The octets of a span, as far as they are known without a gap. A derived span has none here.
    pub fn octets(&self, span: &Span) -> &[u8] {
        let of_record = match span.buffer {
            Buffer::Frame(frame) => self.record(frame).map(|record| record.frame.data.as_slice()),
            Buffer::Datagram(frame) => {
                self.record(frame).and_then(|record| record.datagram.as_ref()).map(|datagram| datagram.bytes.as_slice())
            }
            _ => return self.of(span.buffer).map_or(&[], |stream| stream.slice(span.range.clone())),
        };
        let range = span.range.start as usize..span.range.end as usize;
        of_record.and_then(|octets| octets.get(range)).unwrap_or_default()
    }

    /// A message in a few words.
    pub fn summary(&self, message: &Message) -> String {
        message.payload.summary(self.bytes(message))
    }

    /// The same trace, of a capture that keeps no time for some frames and has them at [`Timestamp`] 0.
    #[must_use]
    pub fn partly_without_times(mut self) -> Self {
        let mut times = self.records.iter().map(|record| record.frame.time);
        self.first_of_some = Some(times.find(|time| *time != Timestamp(0)).unwrap_or_default());
        self
    }

    /// The same trace, of a capture in several sections: the interfaces with which each begins, ascending.
    #[must_use]
    pub fn in_sections(self, firsts: Vec<u32>) -> Self {
        Self { sections: firsts, ..self }
    }

    /// The number of an interface in its section.
    pub(super) fn interface_id(&self, interface: u32) -> u32 {
        let before = self.sections.partition_point(|first| *first <= interface);
        interface - before.checked_sub(1).map_or(0, |section| self.sections[section])
    }

    /// Whether the capture says of all frames when they were there.
    pub fn keeps_times(&self) -> bool {
        self.first_of_some.is_none()
    }

    /// Whether the capture says when this frame was there.
    pub(super) fn has_time(&self, record: &Record) -> bool {
        self.first_of_some.is_none() || record.frame.time != Timestamp(0)
    }

    /// Seconds from the earliest frame to the latest, of those that have a time.
    pub fn seconds(&self) -> f64 {
        let times = self.records.iter().filter(|record| self.has_time(record)).map(|record| record.frame.time);
        let ends = times.clone().min().zip(times.max());
        ends.map_or(0.0, |(earliest, latest)| latest.seconds_since(earliest))
    }

    /// Seconds from the first frame to this one, of those that have a time.
    pub fn time(&self, frame: u32) -> Option<f64> {
        self.nanoseconds(frame).map(|nanoseconds| nanoseconds as f64 / 1e9)
    }

    /// The same in nanoseconds, exact.
    pub fn nanoseconds(&self, frame: u32) -> Option<i128> {
        let first = self.first_of_some.or_else(|| Some(self.records.first()?.frame.time))?;
        let record = self.record(frame).filter(|record| self.has_time(record))?;
        Some(record.frame.time.nanoseconds_since(first))
    }

    /// The stretches of frames that brought these octets of the datagram that became whole in `frame`.
    fn pieces_in(&self, frame: u32, range: &Range<u64>) -> Vec<(u32, Range<u32>)> {
        let datagram = self.record(frame).and_then(|record| record.datagram.as_ref());
        let place = |piece: &crate::packet::Piece| {
            let start = piece.range.start.max(u32::try_from(range.start).unwrap_or(u32::MAX));
            let end = piece.range.end.min(u32::try_from(range.end).unwrap_or(u32::MAX));
            let at = |offset: u32| piece.at + (offset - piece.range.start);
            (start < end).then(|| (piece.frame, at(start)..at(end)))
        };
        datagram.into_iter().flat_map(|datagram| &datagram.pieces).filter_map(place).collect()
    }

    /// The stretches of frames that hold this span: frame number and octets in it. Of what was decrypted those that hold it
    /// encrypted. A derived span has none.
    pub fn in_frames(&self, span: &Span) -> Vec<(u32, Range<u32>)> {
        match span.buffer {
            Buffer::Frame(frame) => vec![(frame, span.range.start as u32..span.range.end as u32)],
            Buffer::Stream(..) | Buffer::Decrypted(..) | Buffer::Content(..) => {
                places(self.of(span.buffer), &span.range)
            }
            Buffer::Datagram(frame) => self.pieces_in(frame, &span.range),
            Buffer::Derived(_) => Vec::new(),
        }
    }
}

/// The stretches of frames that brought these octets of a stream.
fn places(stream: Option<&Stream>, range: &Range<u64>) -> Vec<(u32, Range<u32>)> {
    let place = |chunk: crate::flow::Chunk| {
        let len = (chunk.range.end - chunk.range.start) as u32;
        (chunk.frame, chunk.at..chunk.at + len)
    };
    stream.map_or_else(Vec::new, |stream| stream.chunks(range.clone()).map(place).collect())
}
