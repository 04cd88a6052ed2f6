//! One TCP connection that two honest stacks might have had.

use std::io;
use std::net::SocketAddr;

use super::random::Random;
use super::wire::{ACK, FIN, PSH, RST, SYN, Segment, Wire};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Client,
    Server,
}

impl By {
    fn index(self) -> usize {
        usize::from(self == Self::Server)
    }
}

/// A connection, between messages: all that was sent is acknowledged, or will be by the next segment.
pub struct Connection {
    ends: [SocketAddr; 2],
    /// The next number of each side.
    next: [u32; 2],
    /// Segments on this connection may come out of order, twice, and overlapping.
    disorder: bool,
    /// How many data segments came since the last bare acknowledgement.
    unacknowledged: u32,
}

impl Connection {
    pub fn open(
        wire: &mut Wire,
        random: &mut Random,
        client: SocketAddr,
        server: SocketAddr,
        disorder: bool,
    ) -> io::Result<Self> {
        let next = [random.next() as u32, random.next() as u32];
        let mut connection = Self { ends: [client, server], next, disorder, unacknowledged: 0 };
        *wire.truth.connections.entry("tcp").or_default() += 1;
        connection.control(wire, By::Client, SYN)?;
        connection.control(wire, By::Server, SYN | ACK)?;
        connection.acknowledge(wire, By::Client)?;
        Ok(connection)
    }

    /// Sends octets, in segments, and now and then the acknowledgement of the other side.
    pub fn send(&mut self, wire: &mut Wire, random: &mut Random, by: By, octets: &[u8]) -> io::Result<()> {
        let start = self.next[by.index()];
        let mut ranges: Vec<(usize, usize)> =
            (0..octets.len()).step_by(wire.segment).map(|at| (at, octets.len().min(at + wire.segment))).collect();
        if self.disorder {
            disturb(&mut ranges, random, wire.segment);
        }
        for (at, end) in &ranges {
            let flags = if *end == octets.len() { PSH | ACK } else { ACK };
            self.segment(wire, by, start.wrapping_add(*at as u32), flags, &octets[*at..*end])?;
        }
        self.next[by.index()] = start.wrapping_add(octets.len() as u32);
        self.unacknowledged += ranges.len() as u32;
        if self.unacknowledged >= 4 || self.disorder {
            self.unacknowledged = 0;
            self.acknowledge(wire, other(by))?;
        }
        Ok(())
    }

    /// Both sides end, one after the other.
    pub fn close(mut self, wire: &mut Wire) -> io::Result<()> {
        self.control(wire, By::Client, FIN | ACK)?;
        self.control(wire, By::Server, FIN | ACK)?;
        self.acknowledge(wire, By::Client)
    }

    /// The client breaks off.
    pub fn reset(self, wire: &mut Wire) -> io::Result<()> {
        self.segment(wire, By::Client, self.next[0], RST | ACK, &[])
    }

    fn control(&mut self, wire: &mut Wire, by: By, flags: u8) -> io::Result<()> {
        self.segment(wire, by, self.next[by.index()], flags, &[])?;
        self.next[by.index()] = self.next[by.index()].wrapping_add(1);
        Ok(())
    }

    fn acknowledge(&self, wire: &mut Wire, by: By) -> io::Result<()> {
        self.segment(wire, by, self.next[by.index()], ACK, &[])
    }

    fn segment(&self, wire: &mut Wire, by: By, seq: u32, flags: u8, payload: &[u8]) -> io::Result<()> {
        let (from, to) = (self.ends[by.index()], self.ends[other(by).index()]);
        let ack = if flags & ACK != 0 { self.next[other(by).index()] } else { 0 };
        wire.tcp(&Segment { from, to, seq, ack, flags, payload })
    }
}

/// Neighbours change places, some come twice, and some bring again what came before them. Nothing is lost.
fn disturb(ranges: &mut Vec<(usize, usize)>, random: &mut Random, segment: usize) {
    for i in 1..ranges.len() {
        if random.once_in(6) {
            ranges.swap(i - 1, i);
        }
    }
    let mut i = 0;
    while i < ranges.len() {
        let (start, end) = ranges[i];
        if random.once_in(12) {
            ranges.insert(i + 1, (start, end));
            i += 1;
        } else if random.once_in(12) && start > 0 && end - start > 1 {
            // It begins within what came before.
            let earlier = start.saturating_sub(random.between(1, 200) as usize);
            ranges[i] = (earlier, end.min(earlier + segment));
            if earlier + segment < end {
                ranges.insert(i + 1, (earlier + segment, end));
                i += 1;
            }
        }
        i += 1;
    }
}

fn other(by: By) -> By {
    if by == By::Client { By::Server } else { By::Client }
}
