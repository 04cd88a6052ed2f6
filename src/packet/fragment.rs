//! Fragments of IP packets, put together again.
//!
//! # References
//! - IPv4: RFC 791 §2.3, §3.2; fragments belong together by source, destination, protocol and identification.
//! - IPv6: RFC 8200 §4.5; by source, destination and identification. Overlaps: RFC 5722.
//!
//! Overlap policy. IPv4: what came first stays, and a note tells where later octets differ. IPv6: "If any of the
//! fragments being reassembled overlaps with any other fragments being reassembled for the same packet, reassembly of
//! that packet must be abandoned and all the fragments that have been received for that packet must be discarded"; an
//! exact duplicate is ignored. VLANs are kept apart.
//!
//! Bounded: 1024 datagrams, of 65 535 octets at the most, 4 MiB together (if a peer sends nothing but fragments of 8
//! octets, keeping track of them takes some ten times that); beyond that the oldest is given up. A datagram
//! that is not whole after 30 seconds of the capture's time is given up. Each of these is told in a note at the frame of
//! its first fragment.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::ops::Range;

use super::lately::Lately;
use super::vlan::VlanIds;
use super::{Datagram, Fault, Packet, Piece, Version};
use crate::capture::{Moment, Timestamp};
use crate::count::{counted, plural};
use crate::layer::{Group, Note, Severity};

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Datagrams at a time.
    pub datagrams: usize,
    /// Octets of all of them together.
    pub octets: usize,
    /// Nanoseconds of the capture's time until one is given up.
    pub patience: i64,
}

impl Default for Limits {
    /// "an initial timer setting of 15 seconds" (RFC 791 §3.2), "within 60 seconds" (RFC 8200 §4.5): what systems use
    /// lies between.
    fn default() -> Self {
        Self { datagrams: 1024, octets: 4 << 20, patience: 30_000_000_000 }
    }
}

/// More repeated fragments of one datagram are not remembered.
const MAX_REPEATS: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// 0 for IPv6: "the Next Header values in the Fragment headers of different fragments may differ" (RFC 8200 §4.5).
    protocol: u8,
    vlans: VlanIds,
}

/// The octets of a fragment that waits for the others.
#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    frame: u32,
    at: u32,
}

#[derive(Debug)]
struct Pending {
    /// Tells it from others that had the same key.
    serial: u64,
    version: Version,
    since: i64,
    first_frame: u32,
    /// By their place in the datagram; they do not overlap.
    parts: BTreeMap<u32, Part>,
    octets: usize,
    repeats: Vec<u32>,
    /// How long the datagram is, once its last fragment has come.
    total: Option<u32>,
    /// The packet of the fragment that begins the datagram.
    head: Option<Packet>,
    /// Given up because of an overlap: what still comes is thrown away too.
    abandoned: bool,
}

/// Puts fragments together, in whatever order they come.
#[derive(Debug, Default)]
pub struct Reassembler {
    limits: Limits,
    pending: HashMap<Key, Pending>,
    /// In order of their first fragment; those that are whole by now are skipped.
    order: VecDeque<(Key, u64)>,
    serial: u64,
    octets: usize,
    notes: Vec<(Moment, Note)>,
    /// Those that are whole by now.
    lately: Lately,
}

impl Reassembler {
    /// One with other limits than usual.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next packet, captured at `time` (nanoseconds) in this frame. Returns the datagram if this fragment was
    /// the last that was missing; what is no fragment is not looked at.
    pub fn push(&mut self, packet: &Packet, data: &[u8], frame: u32, time: i64) -> Option<Datagram> {
        let net = packet.net.as_ref()?;
        let fragment = net.fragment?;
        self.expire(time);
        let key = Key {
            source: net.source,
            destination: net.destination,
            id: fragment.id,
            protocol: if net.version == Version::V4 { net.protocol } else { 0 },
            vlans: packet.vlans.all_ids(),
        };
        if let Some(note) = fragment.misfit(net.payload_len, net.version) {
            self.notes.push((Moment { frame, time: Timestamp(time) }, note));
            return None;
        }
        let pending = self.find(key, net.version, frame, time);
        if pending.abandoned {
            return None;
        }
        let before = pending.octets;
        if let Some(note) = pending.add(packet, data, frame) {
            self.notes.push((Moment { frame, time: Timestamp(time) }, note));
        }
        let pending = self.pending.get(&key)?;
        self.octets = self.octets + pending.octets - before.min(self.octets + pending.octets);
        if pending.is_whole() {
            return self.take(key, frame);
        }
        self.make_room();
        None
    }

    /// Gives up everything that is not whole: the capture is over.
    pub fn finish(&mut self) {
        while let Some((key, serial)) = self.order.pop_front() {
            self.give_up(key, serial, "the others were not captured");
        }
    }

    /// Takes what is to be told, each with its frame.
    pub fn take_notes(&mut self) -> Vec<(Moment, Note)> {
        std::mem::take(&mut self.notes)
    }

    /// How many octets wait.
    pub fn waiting(&self) -> usize {
        self.octets
    }

    fn find(&mut self, key: Key, version: Version, frame: u32, time: i64) -> &mut Pending {
        let (order, serial) = (&mut self.order, &mut self.serial);
        self.pending.entry(key).or_insert_with(|| {
            *serial += 1;
            order.push_back((key, *serial));
            Pending::new(*serial, version, frame, time)
        })
    }

    fn take(&mut self, key: Key, frame: u32) -> Option<Datagram> {
        let pending = self.pending.remove(&key)?;
        self.lately.take(key, frame, pending.octets_by_place());
        self.octets -= pending.octets.min(self.octets);
        self.skip_finished();
        pending.into_datagram()
    }

    fn expire(&mut self, time: i64) {
        while let Some((key, serial)) = self.order.front().copied() {
            let since = self.pending.get(&key).filter(|pending| pending.serial == serial).map(|pending| pending.since);
            if since.is_some_and(|since| time.saturating_sub(since) <= self.limits.patience) {
                return;
            }
            self.order.pop_front();
            self.give_up(key, serial, "the others did not come in 30 seconds");
        }
    }

    fn make_room(&mut self) {
        while self.pending.len() > self.limits.datagrams || self.octets > self.limits.octets {
            let Some((key, serial)) = self.order.pop_front() else { return };
            self.give_up(key, serial, "too many others are waiting for fragments");
        }
    }

    /// Forgets those at the front of the line that are whole by now, and all such when they are the most of it.
    fn skip_finished(&mut self) {
        if self.order.len() > 2 * self.pending.len() + 64 {
            let pending = &self.pending;
            self.order.retain(|(key, serial)| pending.get(key).is_some_and(|pending| pending.serial == *serial));
        }
    }

    fn give_up(&mut self, key: Key, serial: u64, why: &str) {
        if self.pending.get(&key).is_none_or(|pending| pending.serial != serial) {
            return;
        }
        let Some(pending) = self.pending.remove(&key) else { return };
        self.octets -= pending.octets.min(self.octets);
        if !pending.abandoned {
            let again = self.lately.had(&key, pending.octets_by_place());
            let before = self.lately.given_up(key, (pending.first_frame, pending.since));
            let before = before.map(|frame| format!("what began in frame {frame} was given up before it came"));
            let unfinished = || pending.unfinished(key.id, before.as_deref().unwrap_or(why));
            let note = again.map_or_else(unfinished, |whole| repeated(key.id, whole));
            let first = Moment { frame: pending.first_frame, time: Timestamp(pending.since) };
            self.notes.push((first, note.about(Group::Reassemble)));
        }
    }
}

/// What there is to say of fragments that came once more, when the packet was whole in this frame.
fn repeated(id: u32, whole: u32) -> Note {
    let text =
        format!("a fragment of packet {id:#06x}, which was whole in frame {whole}: sent again, or captured twice");
    Note::new(Severity::Note, text, "")
}

impl Pending {
    fn new(serial: u64, version: Version, first_frame: u32, since: i64) -> Self {
        Self {
            serial,
            version,
            since,
            first_frame,
            parts: BTreeMap::new(),
            octets: 0,
            repeats: Vec::new(),
            total: None,
            head: None,
            abandoned: false,
        }
    }

    /// What there is to say when it is given up.
    fn unfinished(&self, id: u32, why: &str) -> Note {
        let spec = if self.version == Version::V4 { "RFC 791 §3.2" } else { "RFC 8200 §4.5" };
        let have = self.octets;
        let octets = match self.total {
            Some(total) => format!("{have} of {}", counted(total, "octet")),
            None => counted(have, "octet"),
        };
        let are = plural(have, "is", "are");
        let text = format!("a fragment of packet {id:#06x}, which is never whole: {octets} {are} there, {why}");
        Note::new(Severity::Warn, text, spec)
    }

    /// What is there of it.
    fn octets_by_place(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.parts.iter().map(|(start, part)| (*start, &*part.bytes))
    }

    /// Puts a fragment where it belongs. Returns what is odd about it.
    fn add(&mut self, packet: &Packet, data: &[u8], frame: u32) -> Option<Note> {
        let net = packet.net.as_ref()?;
        let fragment = net.fragment?;
        let bytes = net.payload.of(data);
        let bytes = bytes.get(..net.payload_len as usize).unwrap_or(bytes);
        let (start, end) = (fragment.offset, fragment.offset + net.payload_len);
        let captured = start..start + bytes.len() as u32;
        let contradicts = self.total.is_some_and(|total| end > total || (!fragment.more && end != total));
        let behind = !fragment.more && self.end() > end;
        let fresh = self.fresh(captured.clone());
        let overlaps = fresh != [captured.clone()] && !captured.is_empty();
        let repeats = overlaps && self.is_there(captured.clone(), bytes);
        if self.version == Version::V6 && !self.is_duplicate(&captured, bytes) && (overlaps || contradicts || behind) {
            self.abandon();
            let text = "fragments of one packet overlap: the whole packet is thrown away, and what still comes of it";
            return Some(Note::new(Severity::Error, text, "RFC 5722 §4").about(Group::Reassemble));
        }
        if contradicts || behind {
            let text = "the fragments do not agree on where their packet ends: this one is left out";
            return Some(Note::new(Severity::Error, text, "RFC 791 §3.2").about(Group::Reassemble));
        }
        if !fragment.more {
            self.total = Some(end);
        }
        if start == 0 {
            self.head.get_or_insert(*packet);
        }
        let known = captured.len() - fresh.iter().map(Range::len).sum::<usize>();
        if fresh.is_empty() && self.repeats.len() < MAX_REPEATS {
            self.repeats.push(frame);
        }
        for part in fresh {
            let skip = (part.start - start) as usize;
            let bytes = bytes[skip..skip + part.len()].to_vec();
            self.octets += bytes.len();
            self.parts.insert(part.start, Part { bytes, frame, at: net.payload.start + skip as u32 });
        }
        match (overlaps, repeats) {
            (false, _) => None,
            (true, true) if known < captured.len() => {
                let (are, all) =
                    (plural(known, "was there already, and is", "were there already, and are"), captured.len());
                let text = format!("{known} of its {} {are} the same", counted(all, "octet"));
                Some(Note::new(Severity::Note, text, "").about(Group::Reassemble))
            }
            (true, true) => Some(
                Note::new(Severity::Note, "its fragment was there already: sent again, or captured twice", "")
                    .about(Group::Reassemble),
            ),
            (true, false) => {
                let text = "fragments of one packet overlap and say different things: what came first stays";
                Some(Note::new(Severity::Warn, text, "RFC 791 §3.2").about(Group::Reassemble))
            }
        }
    }

    fn abandon(&mut self) {
        self.abandoned = true;
        self.parts.clear();
        self.octets = 0;
    }

    /// The end of what has come.
    fn end(&self) -> u32 {
        self.parts.last_key_value().map_or(0, |(start, part)| start + part.bytes.len() as u32)
    }

    /// The parts of a range that have not come.
    fn fresh(&self, range: Range<u32>) -> Vec<Range<u32>> {
        let mut fresh = Vec::new();
        let mut at = range.start;
        for (start, part) in self.around(&range) {
            if *start > at {
                fresh.push(at..*start);
            }
            at = at.max(start + part.bytes.len() as u32);
        }
        if at < range.end {
            fresh.push(at..range.end);
        }
        fresh
    }

    /// The parts that overlap a range.
    fn around(&self, range: &Range<u32>) -> impl Iterator<Item = (&u32, &Part)> {
        let first = self.parts.range(..range.start).next_back().map_or(range.start, |(start, _)| *start);
        let Range { start: from, end: to } = *range;
        let parts = self.parts.range(first..to.max(first));
        parts.filter(move |(start, part)| **start + part.bytes.len() as u32 > from)
    }

    /// Whether what was there in a range is the same as these octets, where both have any.
    fn is_there(&self, range: Range<u32>, bytes: &[u8]) -> bool {
        self.around(&range).all(|(start, part)| {
            let (from, to) = (range.start.max(*start), range.end.min(start + part.bytes.len() as u32));
            let theirs = &part.bytes[(from - start) as usize..(to - start) as usize];
            bytes[(from - range.start) as usize..(to - range.start) as usize] == *theirs
        })
    }

    /// Whether one fragment brought exactly this before.
    fn is_duplicate(&self, range: &Range<u32>, bytes: &[u8]) -> bool {
        self.parts.get(&range.start).is_some_and(|part| part.bytes == bytes)
    }

    /// The parts do not overlap, so all are there when they add up.
    fn is_whole(&self) -> bool {
        !self.abandoned && self.head.is_some() && self.total.is_some_and(|total| self.octets as u64 == u64::from(total))
    }

    fn into_datagram(self) -> Option<Datagram> {
        let head = self.head?;
        let mut bytes = Vec::with_capacity(self.octets);
        let mut pieces = Vec::with_capacity(self.parts.len());
        for (start, part) in self.parts {
            bytes.extend(&part.bytes);
            pieces.push(Piece { range: start..start + part.bytes.len() as u32, frame: part.frame, at: part.at });
        }
        let first_header = head.net.map_or(0, |net| net.protocol);
        Some(Datagram { first_header, packet: head.of_datagram(&bytes), bytes, pieces, repeats: self.repeats })
    }
}

impl Packet {
    /// Whether it is a fragment that has to wait for others.
    pub fn is_fragment(&self) -> bool {
        matches!(self.fault, Some(Fault::Fragment { .. }))
    }
}

#[cfg(test)]
#[path = "fragment_tests.rs"]
mod tests;
