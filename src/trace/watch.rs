//! What is told of a capture while it is read, and to whom.
//!
//! The [`Pipeline`](super::Pipeline) tells a [`Watch`] of each frame, message and note as soon as it is known. One that
//! keeps everything makes a [`Trace`](super::Trace); others count, or write lines, and keep nothing.

use std::net::SocketAddr;
use std::ops::Range;

use super::Talk;
use super::over_quic::QuicMessage;
use crate::capture::{FrameRef, Moment};
use crate::flow::{Analysed, Connection, Delivery, Segment, Stream, UdpPlace};
use crate::layer::{Direction, Note, Span};
use crate::message::Payload;
use crate::packet::{Datagram, Packet, Plain, Transport};
use crate::protocol::quic::QuicPacket;
use crate::protocol::socketio;

/// Who is told.
pub trait Watch {
    /// What has to be kept until a message is told. It is asked once, before the first frame.
    fn needs(&self) -> Needs;

    /// A frame, after the messages that end in it.
    fn frame(&mut self, sight: &Sight<'_>);

    /// A frame that holds TCP over IP on Ethernet and nothing odd, told instead of [`frame`](Self::frame) to those who do
    /// not need packets.
    fn passed(&mut self, _number: u32, _frame: FrameRef<'_>, _plain: &Plain) {}

    /// A message. Its own notes are told with [`Watch::note`] too.
    fn message(&mut self, seen: &Seen<'_>);

    /// A message of which there is nothing to say but what it is, told instead of [`message`](Self::message) to those who
    /// need nothing but numbers ([`Needs::is_nothing`]).
    fn glanced(&mut self, _payload: &dyn Payload) {}

    /// Packets that ride on the message just told and are as usual, told instead of [`message`](Self::message) to those who
    /// do not need octets.
    fn tallied(&mut self, _tally: Tally) {}

    /// A note on a message that was told before: the one that lies there. It is told with [`Watch::note`] too.
    fn remark(&mut self, _of: &Span, _note: &Note) {}

    /// What is odd; without a place it is about the whole capture.
    fn note(&mut self, on: Option<&Place>, note: &Note);

    /// Some frames of the capture have no time: from now on those that are told at [`Timestamp`](crate::capture::Timestamp) 0.
    fn lacks_times(&mut self) {}

    /// A connection that is not followed any longer: it has ended long ago, or the capture is over.
    fn ended(&mut self, ended: Ended);
}

impl<W: Watch> Watch for &mut W {
    fn needs(&self) -> Needs {
        (**self).needs()
    }

    fn frame(&mut self, sight: &Sight<'_>) {
        (**self).frame(sight);
    }

    fn passed(&mut self, number: u32, frame: FrameRef<'_>, plain: &Plain) {
        (**self).passed(number, frame, plain);
    }

    fn message(&mut self, seen: &Seen<'_>) {
        (**self).message(seen);
    }

    fn glanced(&mut self, payload: &dyn Payload) {
        (**self).glanced(payload);
    }

    fn tallied(&mut self, tally: Tally) {
        (**self).tallied(tally);
    }

    fn remark(&mut self, of: &Span, note: &Note) {
        (**self).remark(of, note);
    }

    fn note(&mut self, on: Option<&Place>, note: &Note) {
        (**self).note(on, note);
    }

    fn lacks_times(&mut self) {
        (**self).lacks_times();
    }

    fn ended(&mut self, ended: Ended) {
        (**self).ended(ended);
    }
}

/// Of which messages the octets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// Of none.
    Nothing,
    /// Of texts.
    Texts,
    /// Of all.
    All,
}

impl Octets {
    /// Whether the octets of a message are read that is a text, or is none.
    pub fn has(self, is_text: bool) -> bool {
        self == Self::All || (self == Self::Texts && is_text)
    }
}

/// What has to be kept until a message is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Everything, and for ever: then streams can be looked at when the capture is over.
    pub everything: bool,
    /// The octets of messages, and of which.
    pub octets: Octets,
    /// Which frames carried a message.
    pub frames: bool,
    /// Each frame, dissected. Else plain ones are only told to have come, with [`Watch::passed`].
    pub packets: bool,
    /// What messages carry: Engine.IO and Socket.IO, and what answers which request. Else nobody looks into them.
    pub riders: bool,
    /// How much of what segments are to those before them: sent again, out of order, how long that took.
    pub segments: Analysed,
}

impl Needs {
    /// What counting takes: numbers, and findings on segments.
    pub const NUMBERS: Self = Self {
        everything: false,
        octets: Octets::Nothing,
        frames: false,
        packets: false,
        riders: true,
        segments: Analysed::Findings,
    };

    /// Whether numbers are enough.
    pub fn is_nothing(self) -> bool {
        let Self { everything, octets, frames, packets, riders: _, segments: _ } = self;
        !(everything || octets != Octets::Nothing || frames || packets)
    }
}

/// Messages of Engine.IO, and the packets of Socket.IO that are whole with them: in the namespace `/`, and of which there is
/// nothing odd to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many messages of Engine.IO there are.
    pub messages: u64,
    /// How many packets of Socket.IO are of type EVENT.
    pub events: u64,
    /// How many are of type BINARY_EVENT: each takes a message, and one for each attachment.
    pub binary_events: u64,
    /// How many are of type ACK.
    pub acks: u64,
}

impl Tally {
    /// Counts one more message, and what is whole with it: an event, an acknowledgement, or nothing yet.
    pub(super) fn count(&mut self, kind: Option<socketio::Kind>) {
        self.messages += 1;
        match kind {
            Some(socketio::Kind::Event) => self.events += 1,
            Some(socketio::Kind::BinaryEvent) => self.binary_events += 1,
            Some(_) => self.acks += 1,
            None => {}
        }
    }
}

/// Where a note belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The frame.
    pub moment: Moment,
    /// Its connection (`tcp.stream`), if it has one.
    pub stream: Option<u32>,
    /// Who sent it to whom, if it is TCP or UDP.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

/// A frame, dissected.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// Its number, from 1.
    pub number: u32,
    /// The frame as captured.
    pub frame: FrameRef<'a>,
    /// Its headers. Of a fragment those of the fragment.
    pub packet: &'a Packet,
    /// The packet put together from fragments of which this frame brought the last that was missing.
    pub datagram: Option<&'a Datagram>,
    /// What the segment means on its connection, if it is TCP.
    pub segment: Option<&'a Segment>,
    /// What its payload did to its stream, if it had any.
    pub delivery: Option<&'a Delivery>,
    /// Its checksum is wrong, and that is proven to mean damage.
    pub damaged: bool,
    /// Where it stands among the datagrams between its ends, if it is UDP.
    pub udp: Option<UdpPlace>,
    /// The `udp.stream` of the datagram that it quotes, if it is an ICMP error.
    pub mentions: Option<u32>,
    /// The packets of QUIC in its datagram, if it is that.
    pub quic: Option<&'a [QuicPacket]>,
    /// The messages on streams of QUIC that end in it.
    pub over_quic: &'a [QuicMessage],
}

impl<'a> Sight<'a> {
    /// The packet that is read in this frame, and the octets its extents count in.
    pub fn whole(&self) -> (&'a Packet, &'a [u8]) {
        match self.datagram {
            Some(datagram) => (&datagram.packet, &datagram.bytes),
            None => (self.packet, self.frame.data),
        }
    }
}

/// A message, as soon as it is known.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// On which connection.
    pub connection: &'a Connection,
    /// Which way it travelled.
    pub direction: Direction,
    /// Where its bytes lie in the stream of that direction.
    pub range: &'a Range<u64>,
    /// Whether that is the stream inside, which was encrypted.
    pub inside: bool,
    /// Its number, if that is the stream inside of several: a stream of HTTP/2.
    pub stream: Option<u32>,
    /// All frames that carried it, ascending, if [`Needs::frames`].
    pub frames: &'a [u32],
    /// The frame in which it ended.
    pub moment: Moment,
    /// What it is.
    pub payload: &'a dyn Payload,
    /// What is odd about it.
    pub notes: &'a [Note],
    /// Whether all of it was there.
    pub complete: bool,
    /// Whether it became known only after that frame: octets before it are missing, or it never ended.
    pub late: bool,
    /// Its bytes; `None` if they were not kept, because nobody needs them or because they are too many.
    pub bytes: Option<&'a [u8]>,
    /// Its first octets, if they are needed and are too many to be kept.
    pub begins: Option<&'a [u8]>,
    /// Of a response: the frame in which its request ended.
    pub request_frame: Option<u32>,
}

impl Seen<'_> {
    /// The payload, for those who know its type.
    pub fn payload_as<T: Payload>(&self) -> Option<&T> {
        self.payload.as_any().downcast_ref()
    }

    /// Who sent it to whom.
    pub fn ends(&self) -> (SocketAddr, SocketAddr) {
        self.connection.ends(self.direction)
    }

    /// Whether the message has bytes of its own, or is put together from other messages.
    pub fn owns_bytes(&self) -> bool {
        self.payload.owns_bytes()
    }
}

/// A connection that is not followed any longer.
#[derive(Debug)]
pub struct Ended {
    /// The connection.
    pub connection: Connection,
    /// What was spoken on it at its end.
    pub talk: Talk,
    /// How many messages were found on it, each once: not the frames of one that came in several, nor what rides on them. Where
    /// TLS was opened, those inside instead of its records.
    pub messages: u64,
    /// Its bytes, as far as they were kept.
    pub streams: [Stream; 2],
    /// What was decrypted of it, if anything was.
    pub inside: Option<Box<Inside>>,
    /// What its streams of HTTP/2 carried, by their numbers, as far as it was kept.
    pub contents: Vec<(u32, [Stream; 2])>,
}

/// What was decrypted of a connection.
#[derive(Debug)]
pub struct Inside {
    /// What was spoken there at its end.
    pub talk: Talk,
    /// The bytes, as far as they were kept.
    pub streams: [Stream; 2],
}

/// Who sent a packet to whom, if it is TCP or UDP.
pub fn ends_of(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    let net = packet.net.as_ref()?;
    let (source, destination) = match &packet.transport {
        Some(Transport::Tcp(tcp)) => (tcp.source_port, tcp.destination_port),
        Some(Transport::Udp(udp)) => (udp.source_port, udp.destination_port),
        Some(Transport::Icmp(_)) | None => return None,
    };
    Some((SocketAddr::new(net.source, source), SocketAddr::new(net.destination, destination)))
}
