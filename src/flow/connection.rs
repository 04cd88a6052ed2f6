//! A TCP connection as its segments show it: who opened it, how, and how it ended.
//!
//! # References
//! - RFC 9293 §3.5 (opening), §3.6 (closing), §3.5.2 (reset). Window scale: RFC 7323 §2.2.

use std::net::SocketAddr;

use super::SeqNumber;
use crate::capture::Timestamp;
use crate::layer::{Direction, Note};
use crate::packet::{Flags, SynOptions, Tcp};

/// How the connection began, as far as the capture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A SYN was captured: the sides are certain.
    Seen,
    /// The capture began in the middle: which side is the client is a guess from the port numbers.
    Guessed,
}

/// The three segments that open a connection, by frame number and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handshake {
    /// The SYN.
    pub syn: Option<(u32, Timestamp)>,
    /// The SYN sent again, the latest time.
    pub syn_again: Option<(u32, Timestamp)>,
    /// The SYN with ACK.
    pub syn_ack: Option<(u32, Timestamp)>,
    /// The ACK of that.
    pub ack: Option<(u32, Timestamp)>,
}

impl Handshake {
    /// From the SYN to the ACK that completes the handshake, in seconds (`tcp.analysis.initial_rtt`). Of several SYNs
    /// the last one counts, as in Wireshark.
    pub fn rtt(&self) -> Option<f64> {
        let ((_, syn), (_, ack)) = (self.syn_again.or(self.syn)?, self.ack?);
        Some(ack.seconds_since(syn))
    }
}

/// How one side ended its sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// With FIN, in this frame.
    Fin(u32),
    /// With RST, in this frame.
    Reset(u32),
}

/// What is known of one side's sending.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Half {
    /// The number before the first octet: the SYN's own, or made up where the capture began in the middle.
    pub(super) base: Option<SeqNumber>,
    /// The highest offset sent so far.
    pub(super) sent: u64,
    /// The highest number of the other side that it has acknowledged.
    pub(super) acknowledged: Option<SeqNumber>,
    pub(super) syn_options: SynOptions,
    pub(super) syn_seen: bool,
    pub(super) closing: Option<Closing>,
}

/// A TCP connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its number, from 0 in order of first packet (`tcp.stream`).
    pub id: u32,
    /// The side that opened it.
    pub client: SocketAddr,
    /// The side that was connected to.
    pub server: SocketAddr,
    /// How sure that is.
    pub opening: Opening,
    /// The opening segments.
    pub handshake: Handshake,
    /// Its first frame, and when.
    pub first: (u32, Timestamp),
    /// Its latest frame, and when.
    pub last: (u32, Timestamp),
    /// How many frames belong to it.
    pub frames: u32,
    pub(super) halves: [Half; 2],
}

/// A segment in the light of its connection.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Which connection (`tcp.stream`).
    pub connection: u32,
    /// Which way.
    pub direction: Direction,
    /// Sequence number counted from the connection's start (`tcp.seq`).
    pub seq: u32,
    /// Acknowledgement number counted from the connection's start (`tcp.ack`), if it counts.
    pub ack: Option<u32>,
    /// Where the payload belongs in its stream; `None` if before the stream's beginning.
    pub offset: Option<u64>,
    /// Octets of payload on the wire.
    pub len: u32,
    /// The window in octets, scaled where the scale is known.
    pub window: u64,
    /// The base against which relative numbers of the other direction are counted.
    pub(super) ack_base: SeqNumber,
    /// The time from SYN to ACK, once the handshake is complete. As in Wireshark only segments that carry data or
    /// acknowledge something new have it. (Where Wireshark passes over a capture twice, as its window does, it
    /// shows it on the SYN ACK too.)
    pub initial_rtt: Option<f64>,
    /// Seconds since the connection's first frame.
    pub time_relative: f64,
    /// Seconds since the connection's previous frame.
    pub time_delta: f64,
    /// What is odd about it.
    pub notes: Vec<Note>,
}

impl Connection {
    pub(super) fn new(id: u32, tcp: &Tcp, from: SocketAddr, to: SocketAddr, frame: u32, time: Timestamp) -> Self {
        let syn = tcp.flags.has(Flags::SYN);
        let from_client = match (syn, tcp.flags.has(Flags::ACK)) {
            (true, ack) => !ack,
            // In the middle: servers sit on the lower port.
            (false, _) => from.port() > to.port(),
        };
        let (client, server) = if from_client { (from, to) } else { (to, from) };
        let opening = if syn { Opening::Seen } else { Opening::Guessed };
        Self {
            id,
            client,
            server,
            opening,
            handshake: Handshake::default(),
            first: (frame, time),
            last: (frame, time),
            frames: 0,
            halves: [Half::default(); 2],
        }
    }

    /// How this direction's sending ended, if it was seen.
    pub fn closing(&self, direction: Direction) -> Option<Closing> {
        self.halves[direction.index()].closing
    }

    /// How far this direction has come by its sequence numbers, whether captured or not; a FIN counts as one octet.
    pub fn sent(&self, direction: Direction) -> u64 {
        self.halves[direction.index()].sent
    }

    /// Whether both sides have ended, or one has broken off.
    pub fn is_closed(&self) -> bool {
        let [client, server] = self.halves.map(|half| half.closing);
        let reset = |closing| matches!(closing, Some(Closing::Reset(_)));
        reset(client) || reset(server) || (client.is_some() && server.is_some())
    }

    /// Whether this SYN cannot belong to this connection: it begins with another number.
    pub(super) fn is_reopened_by(&self, tcp: &Tcp, from: SocketAddr) -> bool {
        let opens = tcp.flags.has(Flags::SYN) && !tcp.flags.has(Flags::ACK);
        let half = &self.halves[self.direction(from).index()];
        // A side that never sent a number may still open this connection from its own end (RFC 9293 §3.5, figure 7).
        opens && half.base.is_some_and(|base| base != SeqNumber(tcp.seq))
    }

    pub(super) fn direction(&self, from: SocketAddr) -> Direction {
        if from == self.client { Direction::ToServer } else { Direction::ToClient }
    }

    /// Takes the next segment.
    pub(super) fn push(
        &mut self,
        tcp: &Tcp,
        options: SynOptions,
        direction: Direction,
        frame: u32,
        time: Timestamp,
    ) -> Segment {
        let base = self.learn_base(tcp, options, direction);
        let ack_base = self.learn_ack_base(tcp, direction);
        self.note_handshake(tcp, direction, frame, time);
        let gets_on = self.acknowledges_more(tcp, direction) || tcp.payload_len > 0;
        let relative = SeqNumber(tcp.seq).since(base) as u32;
        let first_octet = SeqNumber(tcp.seq).plus(u32::from(tcp.flags.has(Flags::SYN)));
        let half = &mut self.halves[direction.index()];
        let offset = first_octet.offset(base.plus(1), half.sent);
        // A reset's number may be anything.
        if let Some(offset) = offset.filter(|_| !tcp.flags.has(Flags::RST)) {
            half.sent = half.sent.max(offset + u64::from(tcp.payload_len));
        }
        if tcp.flags.has(Flags::RST) {
            half.closing = Some(Closing::Reset(frame));
        } else if tcp.flags.has(Flags::FIN) {
            half.closing.get_or_insert(Closing::Fin(frame));
        }
        let segment = Segment {
            connection: self.id,
            direction,
            seq: relative,
            ack: tcp.flags.has(Flags::ACK).then(|| SeqNumber(tcp.ack).since(ack_base) as u32),
            offset,
            len: tcp.payload_len,
            window: self.window(tcp, direction),
            ack_base,
            initial_rtt: self.handshake.rtt().filter(|_| gets_on),
            time_relative: time.seconds_since(self.first.1),
            time_delta: time.seconds_since(self.last.1),
            notes: Vec::new(),
        };
        self.last = (frame, time);
        self.frames += 1;
        segment
    }

    fn learn_base(&mut self, tcp: &Tcp, options: SynOptions, direction: Direction) -> SeqNumber {
        let half = &mut self.halves[direction.index()];
        if tcp.flags.has(Flags::SYN) {
            half.base = Some(SeqNumber(tcp.seq));
            half.syn_options = options;
            half.syn_seen = true;
        }
        *half.base.get_or_insert(SeqNumber(tcp.seq.wrapping_sub(1)))
    }

    fn learn_ack_base(&mut self, tcp: &Tcp, direction: Direction) -> SeqNumber {
        let other = &mut self.halves[direction.reverse().index()];
        match other.base {
            Some(base) => base,
            None if tcp.flags.has(Flags::ACK) => *other.base.insert(SeqNumber(tcp.ack.wrapping_sub(1))),
            None => SeqNumber(0),
        }
    }

    /// Whether the segment acknowledges more than those before it did.
    fn acknowledges_more(&mut self, tcp: &Tcp, direction: Direction) -> bool {
        let acknowledged = &mut self.halves[direction.index()].acknowledged;
        let ack = SeqNumber(tcp.ack);
        let more = tcp.flags.has(Flags::ACK) && acknowledged.is_none_or(|before| ack.since(before) > 0);
        if more {
            *acknowledged = Some(ack);
        }
        more
    }

    fn note_handshake(&mut self, tcp: &Tcp, direction: Direction, frame: u32, time: Timestamp) {
        let here = Some((frame, time));
        let handshake = &mut self.handshake;
        match (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK), direction) {
            (true, false, Direction::ToServer) if handshake.syn.is_none() => handshake.syn = here,
            (true, false, Direction::ToServer) if handshake.ack.is_none() => handshake.syn_again = here,
            (true, true, Direction::ToClient) if handshake.syn_ack.is_none() => handshake.syn_ack = here,
            (false, true, Direction::ToServer) if handshake.syn_ack.is_some() && handshake.ack.is_none() => {
                handshake.ack = here;
            }
            _ => {}
        }
    }

    /// "The window field in a segment where the SYN bit is set MUST NOT be scaled"; and both sides must have sent the
    /// option (RFC 7323 §2.2, §2.3). A server only sends it in answer to a client's, so its word is enough where the
    /// client's SYN was not captured.
    fn window(&self, tcp: &Tcp, direction: Direction) -> u64 {
        let [client, server] = &self.halves;
        let asked = client.syn_options.window_scale.is_some() || !client.syn_seen;
        let both = asked && server.syn_options.window_scale.is_some();
        let shift = self.halves[direction.index()].syn_options.window_scale.filter(|_| both);
        match shift {
            Some(shift) if !tcp.flags.has(Flags::SYN) => u64::from(tcp.window) << shift,
            _ => u64::from(tcp.window),
        }
    }
}
