//! A TCP connection as its segments show it: who opened it, how, and how it ended.
//!
//! # References
//! - RFC 9293 §3.5 (opening), §3.6 (closing), §3.5.2 (reset). Window scale: RFC 7323 §2.2.

use std::net::SocketAddr;

use super::analysis::{Analysed, Analyser, Reuse, Sight};
use super::half::{Fin, Half};
use super::handshake::{Handshake, late_syn, stray};
use super::outside::Outside;
use super::rival::Met;
use super::{Reset, Segment, SeqNumber};
use crate::capture::Timestamp;
use crate::layer::Direction;
use crate::packet::{Flags, SynOptions, Tcp};

/// How the connection began, as far as the capture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A SYN was captured: the sides are certain.
    Seen,
    /// The capture began in the middle: which side is the client is a guess from the port numbers.
    Guessed,
}

/// How one side ended its sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// With FIN, in this frame.
    Fin(u32),
    /// With RST, in this frame.
    Reset(u32),
}

/// A TCP connection.
///
/// What each segment touches stands first, and near to each other: among many connections fetching that takes more time than
/// what is done with it.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Connection {
    /// Its number, from 0 in order of first packet (`tcp.stream`).
    pub id: u32,
    /// How many frames belong to it.
    pub frames: u32,
    /// Its latest frame, and when.
    pub last: (u32, Timestamp),
    /// How many octets of payload those had in each direction, what was sent again included.
    pub octets: [u64; 2],
    /// Which way the first and the latest of them went.
    pub(super) ways: [Direction; 2],
    /// Both sides are open, and what is learned at the beginning is known: its segments may take the short way.
    pub(super) is_settled: bool,
    /// How much is found out of what its segments are to each other.
    pub(super) analysed: Analysed,
    pub(super) halves: [Half; 2],
    pub(super) analyser: Analyser,
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
    /// Another connection was known between these ends.
    is_reuse: bool,
    /// The frame in which another began between them, which took its place.
    pub(super) replaced: Option<u32>,
    /// Segments that their receiver may have dropped.
    pub(super) outside: Option<Box<Outside>>,
    /// A SYN that came for another between them, and what answers it.
    pub(super) met: Option<Met>,
    /// Its SYN met another connection between them, with this number, and was answered by that, in this frame.
    pub(super) challenged: Option<(u32, u32)>,
    /// Both ends are one: a socket that connected to its own port.
    is_with_itself: bool,
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
            octets: [0; 2],
            ways: [if from_client { Direction::ToServer } else { Direction::ToClient }; 2],
            halves: Default::default(),
            analysed: Analysed::default(),
            analyser: Analyser::default(),
            is_reuse: false,
            replaced: None,
            outside: None,
            met: None,
            challenged: None,
            is_with_itself: client == server,
            is_settled: false,
        }
    }

    /// Says how much is asked of its segments.
    pub(super) fn analysing(mut self, analysed: Analysed) -> Self {
        (self.analysed, self.analyser) = (analysed, Analyser::of(analysed));
        self
    }

    /// Says that another connection was known between these ends.
    pub(super) fn reusing(mut self) -> Self {
        self.is_reuse = true;
        self
    }

    /// Who sends in this direction to whom.
    pub fn ends(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::ToServer => (self.client, self.server),
            Direction::ToClient => (self.server, self.client),
        }
    }

    /// Which way its latest segment went.
    pub fn latest_way(&self) -> Direction {
        self.ways[1]
    }

    /// How this direction's sending ended, if it was seen. What is reset when both sides had ended was over already.
    pub fn closing(&self, direction: Direction) -> Option<Closing> {
        let half = &self.halves[direction.index()];
        let broken_off = half.broke_off().filter(|_| !self.is_over());
        broken_off.map(|(frame, _)| Closing::Reset(frame)).or(half.fin().map(|fin| Closing::Fin(fin.frame)))
    }

    /// The frame with the FIN of this direction, if one was seen: also where a reset came behind it.
    pub fn fin(&self, direction: Direction) -> Option<u32> {
        self.halves[direction.index()].fin().map(|fin| fin.frame)
    }

    /// How much of this direction's stream the other side has acknowledged, whether it was captured or not; a FIN counts
    /// as one octet. `None` if nothing is known.
    pub fn acknowledged(&self, direction: Direction) -> Option<u64> {
        let base = self.halves[direction.index()].base?;
        let number = self.halves[self.way_back(direction).index()].acknowledged?;
        number.offset(base.plus(1), self.sent(direction))
    }

    /// How far this direction has come by its sequence numbers, whether captured or not; a FIN counts as one octet.
    pub fn sent(&self, direction: Direction) -> u64 {
        self.halves[direction.index()].sent
    }

    /// Whether its ends are one: a socket that connected to its own port, and receives what it sends. All its segments go one
    /// way, to the server.
    pub fn is_with_itself(&self) -> bool {
        self.is_with_itself
    }

    /// Which way those segments go that the receiver of this direction sends.
    pub(super) fn way_back(&self, direction: Direction) -> Direction {
        if self.is_with_itself { direction } else { direction.reverse() }
    }

    /// What is known of the client's sending and of the server's.
    pub(super) fn ends_halves(&self) -> [&Half; 2] {
        [Direction::ToServer, self.way_back(Direction::ToServer)].map(|direction| &self.halves[direction.index()])
    }

    /// Whether both sides have ended, or one has broken off.
    pub fn is_closed(&self) -> bool {
        let [client, server] = self.ends_halves();
        client.broke_off().or(server.broke_off()).is_some() || (client.fin().is_some() && server.fin().is_some())
    }

    /// Whether each side has acknowledged the other's FIN. Who answers a segment after that with a RST, because the socket
    /// is gone, breaks nothing off: nobody is told of it any more (RFC 9293 §3.10.7.4, RST in TIME-WAIT).
    pub(super) fn is_over(&self) -> bool {
        let [client, server] = self.ends_halves();
        client.fin().zip(server.fin()).is_some_and(|(to_server, to_client)| {
            server.has_acknowledged(to_server.end) && client.has_acknowledged(to_client.end)
        })
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
        data: &[u8],
        direction: Direction,
        frame: u32,
        time: Timestamp,
    ) -> Segment {
        let mut sight = Sight::new(tcp, data, frame, time);
        sight.reuse = self.reuse(tcp, direction);
        let was_heard = self.halves[direction.index()].base.is_some();
        let is_stray = self.is_stray(tcp, direction);
        let late = self.is_late_syn(tcp).then(late_syn);
        if is_stray {
            // What it offers counts for nothing.
            sight.syn_options = SynOptions { cut: true, ..SynOptions::default() };
        }
        let answers_probe = self.is_probed(tcp, direction);
        if answers_probe {
            self.halves[self.way_back(direction).index()].sent = 1;
        }
        let base = match self.halves[direction.index()].base.filter(|_| is_stray) {
            Some(base) => base,
            None => self.learn_base(tcp, direction),
        };
        let ack_base = self.learn_ack_base(tcp, direction);
        (sight.ack_base, sight.first_rtt) = (ack_base, self.handshake.rtt_nanoseconds());
        let analysis = self.analyser.push(direction, &sight);
        self.note_handshake(tcp, direction, frame, time);
        self.note_acknowledgement(tcp, direction);
        let (mut offset, mut reset, mut dropped) = (None, Reset::None, Vec::new());
        if !is_stray {
            let (beyond, sent) = (self.beyond_window(tcp, direction), self.sent(direction));
            offset = self.note_sent(tcp, base, direction);
            self.note_end(tcp, direction, (frame, time));
            reset = self.note_reset(tcp, was_heard, direction, (frame, time));
            dropped = self.note_window((tcp, direction), (offset, sent), beyond, (frame, time));
        }
        let segment = Segment {
            connection: self.id,
            direction,
            seq: SeqNumber(tcp.seq).since(base) as u32,
            ack: sight.ack.map(|ack| ack.since(ack_base) as u32),
            offset,
            len: tcp.payload_len,
            window: analysis.window(tcp),
            ack_base,
            analysis,
            initial_rtt: self.handshake.rtt_nanoseconds().filter(|_| analysis.says_something()),
            time_relative: time.0.saturating_sub(self.first.1.0),
            time_delta: time.0.saturating_sub(self.last.1.0),
            answers_probe,
            reset,
            dropped,
            states: [Direction::ToServer, Direction::ToClient].map(|way| self.state(way)),
            notes: reset.note().into_iter().chain(is_stray.then(stray)).chain(late).collect(),
        };
        self.note_frame(tcp, direction, frame, time);
        self.is_settled = self.is_open_and_known();
        segment
    }

    pub(super) fn note_frame(&mut self, tcp: &Tcp, direction: Direction, frame: u32, time: Timestamp) {
        self.last = (frame, time);
        self.ways[1] = direction;
        self.frames += 1;
        self.octets[direction.index()] += u64::from(tcp.payload_len);
    }

    /// What a SYN is to what is known of its sender's numbers.
    fn reuse(&mut self, tcp: &Tcp, direction: Direction) -> Reuse {
        let base = self.halves[direction.index()].base;
        match (tcp.flags.has(Flags::SYN), tcp.flags.has(Flags::ACK), base) {
            (true, false, None) if std::mem::take(&mut self.is_reuse) => Reuse::Anew,
            (true, false, Some(base)) if base == SeqNumber(tcp.seq) => Reuse::Again,
            (true, true, Some(base)) if base != SeqNumber(tcp.seq) => Reuse::Anew,
            _ => Reuse::None,
        }
    }

    /// Where the payload of a segment lies in its stream, if its sender's numbers are known.
    pub(super) fn offset(&self, tcp: &Tcp, direction: Direction) -> Option<u64> {
        let half = &self.halves[direction.index()];
        SeqNumber(tcp.seq).offset(half.base?.plus(1), half.sent)
    }

    /// Takes note of how far the sender has come; returns where its payload belongs.
    pub(super) fn note_sent(&mut self, tcp: &Tcp, base: SeqNumber, direction: Direction) -> Option<u64> {
        let half = &mut self.halves[direction.index()];
        let first_octet = SeqNumber(tcp.seq).plus(u32::from(tcp.flags.has(Flags::SYN)));
        let offset = first_octet.offset(base.plus(1), half.sent);
        // A reset's number may be anything.
        match offset.filter(|_| !tcp.flags.has(Flags::RST)) {
            Some(offset) => half.reaches(offset, tcp.payload_len),
            None => half.has_data |= tcp.payload_len > 0,
        }
        offset
    }

    /// Takes note of FIN, and of a SYN after a RST.
    fn note_end(&mut self, tcp: &Tcp, direction: Direction, (frame, time): (u32, Timestamp)) {
        let half = &mut self.halves[direction.index()];
        if tcp.flags.has(Flags::RST) {
            return;
        }
        if tcp.flags.has(Flags::FIN) {
            let end = SeqNumber(tcp.seq).plus(tcp.payload_len).plus(1);
            let acknowledged = half.acknowledged;
            half.ends_mut().fin.get_or_insert(Fin { frame, time, end, acknowledged });
        } else if tcp.flags.has(Flags::SYN) {
            // The client tries again with the number it had: what was refused may be granted now.
            self.halves.iter_mut().for_each(Half::forget_resets);
        }
    }

    /// Whether this answers a keep-alive probe, and nothing else was captured of its connection before: an empty segment whose
    /// number is acknowledged at once, as it stands before the next one (RFC 9293 §3.8.4). So nothing is missing behind it.
    ///
    /// Of an octet that was sent behind an empty segment and not captured the answer looks the same; that is much rarer.
    fn is_probed(&self, tcp: &Tcp, direction: Direction) -> bool {
        let other = &self.halves[self.way_back(direction).index()];
        let was_bare = self.octets == [0; 2] && other.fin().is_none() && !other.has_reset();
        self.opening == Opening::Guessed
            && self.ways[0] != direction
            && self.halves[direction.index()].acknowledged.is_none()
            && was_bare
            && tcp.payload_len == 0
            && tcp.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST | Flags::ACK) == Flags::ACK
            && other.base.is_some_and(|base| SeqNumber(tcp.ack) == base.plus(2))
    }

    fn learn_base(&mut self, tcp: &Tcp, direction: Direction) -> SeqNumber {
        let half = &mut self.halves[direction.index()];
        if tcp.flags.has(Flags::SYN) {
            half.base = Some(SeqNumber(tcp.seq));
            half.syn_seen = true;
        }
        *half.base.get_or_insert(SeqNumber(tcp.seq.wrapping_sub(1)))
    }

    fn learn_ack_base(&mut self, tcp: &Tcp, direction: Direction) -> SeqNumber {
        let way_back = self.way_back(direction);
        let other = &mut self.halves[way_back.index()];
        match other.base {
            Some(base) => base,
            None if tcp.flags.has(Flags::ACK) => *other.base.insert(SeqNumber(tcp.ack.wrapping_sub(1))),
            None => SeqNumber(0),
        }
    }

    #[inline]
    pub(super) fn note_acknowledgement(&mut self, tcp: &Tcp, direction: Direction) {
        let acknowledged = &mut self.halves[direction.index()].acknowledged;
        let ack = SeqNumber(tcp.ack);
        if tcp.flags.has(Flags::ACK) && acknowledged.is_none_or(|before| ack.since(before) > 0) {
            *acknowledged = Some(ack);
        }
        self.note_edge(tcp, direction);
    }
}
