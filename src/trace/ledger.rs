//! Which layer owns which byte. Every captured octet of a frame has exactly one owner, and the shares add up to the
//! frame (invariant 3).

use std::ops::Range;

use super::model::{Message, Record, Trace, buffer};
use crate::flow::Arrival;
use crate::layer::Buffer;
use crate::message::{Held, INSIDE};

/// Who owns a stretch of a frame: the name of a protocol, or one of `payload`, `repeated`, `late`, `padding`,
/// `fragment`, `data`.
pub type Owner = &'static str;

/// The payload of the innermost protocol: what the program wanted to say.
pub const PAYLOAD: Owner = "payload";
/// Bytes that an earlier frame had brought already.
pub const REPEATED: Owner = "repeated";
/// Bytes that came when they had been given up for missing.
pub const LATE: Owner = "late";
/// Octets behind the end of the IP packet.
pub const PADDING: Owner = "padding";
/// Fragments of an IP packet that never became whole: nobody can tell what they are.
pub const FRAGMENT: Owner = "fragment";
/// Octets that no dissector took.
pub const DATA: Owner = "data";

/// A stretch of a frame with its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Who owns it.
    pub owner: Owner,
    /// Which octets of the frame.
    pub range: Range<u32>,
}

impl Share {
    /// How many octets.
    pub fn len(&self) -> u32 {
        self.range.end - self.range.start
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
}

/// Octets per owner, in order of first appearance.
pub fn layer_sums(shares: &[Share]) -> Vec<(Owner, u32)> {
    let mut sums: Vec<(Owner, u32)> = Vec::new();
    for share in shares {
        match sums.iter_mut().find(|(owner, _)| *owner == share.owner) {
            Some((_, sum)) => *sum += share.len(),
            None => sums.push((share.owner, share.len())),
        }
    }
    sums
}

impl Trace {
    /// The owners of a frame's captured octets, in order, without holes or overlaps.
    pub fn ledger(&self, frame: u32) -> Vec<Share> {
        let Some(record) = self.record(frame) else { return Vec::new() };
        let mut shares = Shares::default();
        if record.packet.is_fragment() {
            self.share_fragment(frame, record, &mut shares);
        } else {
            self.share_packet(record, &mut shares);
        }
        let packet = &record.packet;
        // What lies behind the length that UDP names is in the IP packet, but nobody's.
        shares.fill(DATA, packet.net.map_or(packet.payload.end, |net| net.payload.end));
        shares.fill(PADDING, record.frame.data.len() as u32);
        shares.list
    }

    /// Gives the octets of a packet to its headers and to what is in its payload; in the packet's own octets.
    fn share_packet(&self, record: &Record, shares: &mut Shares) {
        let (packet, _) = record.whole();
        for (owner, extent) in packet.headers() {
            shares.fill(owner, extent.end);
        }
        let payload = packet.payload;
        let fallback = if packet.transport.is_some() && !record.damaged { PAYLOAD } else { DATA };
        match (&record.segment, &record.delivery) {
            (Some(segment), Some(delivery)) => {
                let offset = segment.offset.unwrap_or(0);
                let known = if delivery.arrival == Arrival::Late { LATE } else { REPEATED };
                for fresh in delivery.fresh.as_slice() {
                    let to_packet = |at: u64| payload.start + (at - offset) as u32;
                    shares.fill(known, to_packet(fresh.start));
                    let stream = Buffer::Stream(segment.connection, segment.direction);
                    self.share_stream(stream, (fresh, DATA), &to_packet, shares);
                    shares.fill(DATA, to_packet(fresh.end));
                }
                shares.fill(known, payload.end);
            }
            (Some(_), None) => shares.fill(DATA, payload.end),
            (None, _) => {
                if let Some(last) = record.quic.as_ref().and_then(|packets| packets.last()) {
                    shares.fill("quic", payload.start + last.range.end as u32);
                    shares.fill(DATA, payload.end);
                }
                shares.fill(fallback, payload.end);
            }
        }
    }

    /// Gives the octets of a fragment to those who own them in the whole packet.
    fn share_fragment(&self, frame: u32, record: &Record, shares: &mut Shares) {
        for (owner, extent) in record.packet.headers() {
            shares.fill(owner, extent.end);
        }
        let completed = record.reassembled_in.and_then(|number| self.record(number));
        let Some((completed, datagram)) = completed.and_then(|record| Some((record, record.datagram.as_ref()?))) else {
            return shares.fill(FRAGMENT, record.packet.payload.end);
        };
        let mut whole = Shares::default();
        self.share_packet(completed, &mut whole);
        whole.fill(DATA, datagram.bytes.len() as u32);
        for piece in datagram.pieces.iter().filter(|piece| piece.frame == frame) {
            // Before it lies what another fragment had brought already.
            shares.fill(REPEATED, piece.at);
            for share in &whole.list {
                let end = share.range.end.min(piece.range.end);
                if end > piece.range.start {
                    shares.fill(share.owner, piece.at + (end - piece.range.start));
                }
            }
        }
        shares.fill(REPEATED, record.packet.payload.end);
    }

    /// Gives the octets of a stream to those who own them, up to the end of this range; what nobody does to `rest`. What is
    /// inside belongs to who owns it there: each octet has its place. `to_frame` takes what lies in the range.
    fn share_stream(
        &self,
        buffer: Buffer,
        (range, rest): (&Range<u64>, Owner),
        to_frame: &dyn Fn(u64) -> u32,
        shares: &mut Shares,
    ) {
        let place = |offset: u64| to_frame(offset.clamp(range.start, range.end));
        for message in self.owners(buffer, range) {
            shares.fill(rest, place(message.range.start));
            self.share_message(message, range, &place, shares);
        }
    }

    /// Gives the octets of a message that lie in this range of the stream to those who own its parts, or what is inside of them.
    fn share_message(&self, message: &Message, range: &Range<u64>, place: &dyn Fn(u64) -> u32, shares: &mut Shares) {
        let held = message.payload.holds().map(|held| {
            let at = message.range.start + held.at;
            (at..at + (held.range.end - held.range.start), held)
        });
        let [from, to] = [range.start, range.end].map(|offset| offset.saturating_sub(message.range.start));
        let (first, parts) = message.payload.parts_in(message.range.end - message.range.start, &(from..to));
        let mut at = message.range.start + first;
        for part in parts {
            let here = at..at + part.len;
            at = here.end;
            let owner = if part.owner == INSIDE { DATA } else { part.owner };
            if let Some((there, held)) =
                held.as_ref().filter(|(there, _)| there.start < here.end && there.end > here.start)
            {
                shares.fill(owner, place(there.start.max(here.start)));
                let outside = |offset: u64| place((there.start + (offset - held.range.start)).min(here.end));
                self.share_stream(inner(message, held), (&held.range, owner), &outside, shares);
            }
            shares.fill(owner, place(here.end));
        }
    }

    /// The messages that own bytes of this range of a stream, in order of their place in it.
    pub(super) fn owners(&self, buffer: Buffer, range: &Range<u64>) -> impl Iterator<Item = &Message> {
        let ids = self.owners.get(&buffer).map_or(&[][..], Vec::as_slice);
        let start = ids.partition_point(|id| self.messages[*id].range.end <= range.start);
        let end = range.end;
        ids[start..].iter().map(|id| &self.messages[*id]).take_while(move |message| message.range.start < end)
    }

    /// Finds the messages that own bytes. Done once, when all are known.
    pub(super) fn index_owners(&mut self) {
        for (id, message) in self.messages.iter().enumerate().filter(|(_, message)| message.owns_bytes()) {
            self.owners.entry(message.buffer(message.direction)).or_default().push(id);
        }
        for ids in self.owners.values_mut() {
            ids.sort_by_key(|id| self.messages[*id].range.start);
        }
    }
}

/// The stream inside of which a message holds a piece.
fn inner(message: &Message, held: &Held) -> Buffer {
    buffer(message.connection, message.direction, (true, held.stream))
}

/// Shares that follow each other without holes.
#[derive(Default)]
struct Shares {
    list: Vec<Share>,
    at: u32,
}

impl Shares {
    /// Gives everything up to `end` that has no owner yet to this one.
    fn fill(&mut self, owner: Owner, end: u32) {
        if end <= self.at {
            return;
        }
        match self.list.last_mut() {
            Some(last) if last.owner == owner => last.range.end = end,
            _ => self.list.push(Share { owner, range: self.at..end }),
        }
        self.at = end;
    }
}
