//! What the tests of this floor share: one connection, played segment by segment.

use std::net::SocketAddr;

use super::{Analysis, Connection, Segment};
use crate::capture::Timestamp;
use crate::layer::Direction;
use crate::packet::{Extent, Flags, Tcp};

pub(super) const UP: Direction = Direction::ToServer;
pub(super) const DOWN: Direction = Direction::ToClient;
pub(super) const SYN: u8 = Flags::SYN;
pub(super) const ACK: u8 = Flags::ACK;
pub(super) const FIN: u8 = Flags::FIN;
pub(super) const RST: u8 = Flags::RST;
pub(super) const MILLISECOND: i64 = 1_000_000;

/// A connection whose frames come a millisecond after each other.
pub(super) struct Play {
    connection: Option<Connection>,
    /// The next number of each side.
    pub(super) next: [u32; 2],
    /// What each side acknowledges, counted from the other's next number.
    pub(super) ack_ahead: [i32; 2],
    pub(super) windows: [u16; 2],
    frame: u32,
    pub(super) time: i64,
}

impl Play {
    pub(super) fn new() -> Self {
        let next = [u32::MAX - 20, 5_000];
        Self { connection: None, next, ack_ahead: [0, 0], windows: [500, 500], frame: 0, time: 0 }
    }

    /// Frames 1 to 3.
    pub(super) fn open() -> Self {
        let mut play = Self::new();
        play.send(UP, SYN, 0);
        play.send(DOWN, SYN | ACK, 0);
        play.send(UP, ACK, 0);
        play
    }

    /// The same, but its SYN was not captured: frames 1 and 2.
    pub(super) fn open_but_for_its_syn() -> Self {
        let mut play = Self::new();
        play.skip(UP, 1);
        play.send(DOWN, SYN | ACK, 0);
        play.send(UP, ACK, 0);
        play
    }

    pub(super) fn connection(&self) -> &Connection {
        self.connection.as_ref().unwrap()
    }

    /// The next segment of a side.
    pub(super) fn send(&mut self, direction: Direction, flags: u8, len: u32) -> Analysis {
        let analysis = self.at(direction, 0, flags, len).analysis;
        self.skip(direction, len + u32::from(flags & (SYN | FIN) != 0));
        analysis
    }

    /// The numbers of a side go on without a segment.
    pub(super) fn skip(&mut self, direction: Direction, octets: u32) {
        let next = &mut self.next[direction.index()];
        *next = next.wrapping_add(octets);
    }

    /// A segment that stands `ahead` of the next number.
    pub(super) fn at(&mut self, direction: Direction, ahead: i32, flags: u8, len: u32) -> Segment {
        let [own, peer] = [direction.index(), direction.reverse().index()];
        self.frame += 1;
        self.time += MILLISECOND;
        let ends: [SocketAddr; 2] = ["10.0.0.1:50000", "10.0.0.2:80"].map(|end| end.parse().unwrap());
        let tcp = Tcp {
            header: Extent::default(),
            source_port: ends[own].port(),
            destination_port: ends[peer].port(),
            seq: self.next[own].wrapping_add(ahead as u32),
            ack: if flags & ACK == 0 { 0 } else { self.next[peer].wrapping_add(self.ack_ahead[own] as u32) },
            flags: Flags(flags),
            window: self.windows[own],
            checksum: 0,
            payload_len: len,
        };
        let (frame, time) = (self.frame, Timestamp(self.time));
        let connection =
            self.connection.get_or_insert_with(|| Connection::new(0, &tcp, ends[own], ends[peer], frame, time));
        connection.push(&tcp, &[], direction, frame, time)
    }
}

/// A raw IP packet with a TCP segment of no payload, from `10.0.0.1:source` to `10.0.0.2:destination`.
pub(super) fn segment_between(source: u16, destination: u16, seq: u32, flags: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend([source.to_be_bytes(), destination.to_be_bytes()].concat());
    packet.extend([&seq.to_be_bytes()[..], &[0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]].concat());
    packet
}

/// The names of what was found.
pub(super) fn names(analysis: Analysis) -> Vec<&'static str> {
    analysis.findings.names().collect()
}
