//! Which connection a segment belongs to. The key is both ends with their ports, so that one connection is found from
//! either direction, also when both ends have the same address.
//!
//! A table keeps every connection ([`FlowTable::default`]), or it is bounded ([`FlowTable::bounded`]): then it gives
//! connections away that have ended, those that were silent longest when too many are open, and some of those that keep much when
//! all of them keep too much. So that this does not
//! depend on how many threads share the work, the connections are divided into [`SHARDS`] shards by their ends, each
//! with limits of its own.

mod room;

pub use room::Kept;

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::{Analysed, Connection, Segment};
use crate::capture::Timestamp;
use crate::layer::{Direction, Note};
use crate::map::Map;
use crate::packet::{Packet, Tcp};

/// Into how many shards connections are divided.
pub const SHARDS: usize = 16;

/// Both ends, in an order of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    addresses: [u128; 2],
    /// Two ports, and which version of IP.
    ports: u64,
}

impl Key {
    fn new(from: SocketAddr, to: SocketAddr) -> Self {
        let number = |end: SocketAddr| match end.ip() {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), end.port()),
            IpAddr::V6(v6) => (v6.to_bits(), end.port()),
        };
        let (one, other) = (number(from), number(to));
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        let version = u64::from(from.is_ipv6()) << 32;
        Self { addresses: [low.0, high.0], ports: u64::from(low.1) << 16 | u64::from(high.1) | version }
    }

    /// The same on every machine and in every run, unlike the hash of a map.
    fn shard(&self) -> usize {
        let [low, high] = self.addresses;
        let addresses = low.rotate_left(17) ^ high;
        let folded = addresses as u64 ^ (addresses >> 64) as u64 ^ self.ports.rotate_left(7);
        // Fibonacci hashing: the upper bits of the product depend on all bits.
        (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % SHARDS
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high] = self.addresses;
        state.write_u128(low);
        state.write_u128(high);
        state.write_u64(self.ports);
    }
}

/// What a bounded table keeps of each shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowLimits {
    /// How many connections are followed at once.
    pub connections: usize,
    /// How many frames of the capture pass until a connection that has ended is given away: what is sent again late
    /// still finds it.
    pub patience: u32,
    /// How many octets of [state](Kept::state) may be kept with all of them together, but for the one that is heard.
    pub octets: usize,
}

impl Default for FlowLimits {
    fn default() -> Self {
        Self { connections: 4096, patience: 8192, octets: 32 << 20 }
    }
}

/// A connection, and what the caller keeps with it.
#[derive(Debug, Clone)]
pub struct Flow<T> {
    /// The connection.
    pub connection: Connection,
    /// What the caller keeps.
    pub with: T,
    /// How much memory that takes, as far as the caller has said.
    kept: Kept,
}

/// Where a flow is found, until it is given away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowId {
    shard: u32,
    slot: u32,
}

impl FlowId {
    /// The shard it belongs to.
    pub fn shard(self) -> usize {
        self.shard as usize
    }
}

/// Why a flow is given away before the capture is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// It has ended.
    Ended,
    /// Too many others are open; it was silent longest.
    Crowded,
    /// All of them keep too much, and it keeps much.
    Full,
}

#[derive(Debug, Clone)]
struct Shard<T> {
    current: Map<Key, usize>,
    /// The one before it, while it is open whether the current one comes to be.
    older: Map<Key, usize>,
    slots: Vec<Option<(Key, Flow<T>)>>,
    free: Vec<usize>,
    /// Flows that have ended, with their number and the frame in which that was seen.
    ended: VecDeque<(usize, u32, u32)>,
    /// Where the search for the one that was silent longest goes on.
    hand: usize,
    /// How much memory is kept with all flows.
    kept: Kept,
    /// Flows to give away, as those are too many.
    leaving: VecDeque<usize>,
}

/// The TCP connections of a capture.
#[derive(Debug, Clone)]
pub struct FlowTable<T> {
    shards: Vec<Shard<T>>,
    limits: Option<FlowLimits>,
    analysed: Analysed,
    opened: u32,
    turns: u32,
}

impl<T> Default for FlowTable<T> {
    fn default() -> Self {
        let shard = || Shard {
            current: Map::default(),
            older: Map::default(),
            slots: Vec::new(),
            free: Vec::new(),
            ended: VecDeque::new(),
            hand: 0,
            kept: Kept::default(),
            leaving: VecDeque::new(),
        };
        let shards = std::iter::repeat_with(shard).take(SHARDS).collect();
        Self { shards, limits: None, analysed: Analysed::default(), opened: 0, turns: 0 }
    }
}

impl<T> FlowTable<T> {
    /// A table that keeps no more than these limits say; see [`FlowTable::farewell`].
    pub fn bounded(limits: FlowLimits) -> Self {
        Self { limits: Some(limits), ..Self::default() }
    }

    /// One that finds out so much of what segments are to those before them.
    pub fn analysing(self, analysed: Analysed) -> Self {
        Self { analysed, ..self }
    }

    /// The shard of the connection that a packet belongs to; `None` if it is not TCP.
    pub fn shard_of(packet: &Packet) -> Option<usize> {
        packet.tcp().map(|(_, from, to)| Key::new(from, to).shard())
    }

    /// Finds or opens the connection of a packet and reads the segment in its light; `None` if it is not TCP. `with`
    /// makes what is kept with a connection that is opened. The segment is large, and made where it stays.
    pub fn push(
        &mut self,
        packet: &Packet,
        data: &[u8],
        (frame, time): (u32, Timestamp),
        with: impl FnOnce() -> T,
        segment: &mut Option<Segment>,
    ) -> Option<FlowId> {
        let (tcp, from, to) = packet.tcp()?;
        let key = Key::new(from, to);
        let index = key.shard();
        let shard = &mut self.shards[index];
        let before = shard.known(&key, tcp, from);
        let known = before.filter(|slot| shard.connection(*slot).is_some_and(|known| !known.is_reopened_by(tcp, from)));
        let slot = known.unwrap_or_else(|| {
            let connection = Connection::new(self.opened, tcp, from, to, frame, time).analysing(self.analysed);
            self.opened += 1;
            self.turns += u32::from(before.is_some());
            let connection = if before.is_some() { connection.reusing() } else { connection };
            shard.open(key, Flow { connection, with: with(), kept: Kept::default() }, frame)
        });
        self.turns += u32::from(shard.settles(&key, slot, tcp, from));
        let challenge = shard.challenge(&key, slot, tcp, from, frame);
        let (_, flow) = shard.slots.get_mut(slot)?.as_mut()?;
        let connection = &mut flow.connection;
        let was_closed = connection.is_closed();
        let direction = connection.direction(from);
        let segment = segment.insert(connection.push(tcp, data, direction, frame, time));
        segment.notes.extend(challenge);
        if self.limits.is_some() && !was_closed && connection.is_closed() {
            shard.ended.push_back((slot, connection.id, frame));
        }
        Some(FlowId { shard: index as u32, slot: u32::try_from(slot).ok()? })
    }

    /// The flow of a packet that is not to change it, which way it goes, and where in the stream its payload lies: as far as all
    /// that is known.
    pub fn place(&mut self, packet: &Packet) -> Option<(&mut Flow<T>, Direction, Range<u64>)> {
        let (tcp, from, to) = packet.tcp()?;
        let key = Key::new(from, to);
        let shard = self.shards.get_mut(key.shard())?;
        let slot = shard.known(&key, tcp, from)?;
        let (_, flow) = shard.slots.get_mut(slot)?.as_mut()?;
        let direction = flow.connection.direction(from);
        let offset = flow.connection.offset(tcp, direction)?;
        Some((flow, direction, offset..offset + u64::from(tcp.payload_len)))
    }

    /// A flow that was found before; `None` if it was given away since.
    pub fn flow(&mut self, id: FlowId) -> Option<&mut Flow<T>> {
        self.shards.get_mut(id.shard())?.slots.get_mut(id.slot as usize)?.as_mut().map(|(_, flow)| flow)
    }

    /// Whether [`farewell`](Self::farewell) may have something to give away: asked with every frame, where it nearly never has.
    #[inline]
    pub fn may_part(&self, shard: usize, frame: u32) -> bool {
        let (Some(limits), Some(shard)) = (self.limits, self.shards.get(shard)) else { return false };
        shard.slots.len() - shard.free.len() > limits.connections
            || !shard.leaving.is_empty()
            || shard.ended.front().is_some_and(|(.., since)| frame.saturating_sub(*since) >= limits.patience)
    }

    /// The next flow that a bounded table does not keep any longer, now that this frame has come. To be asked after each
    /// segment of the shard, until there is none.
    pub fn farewell(&mut self, shard: usize, frame: u32) -> Option<(Flow<T>, Farewell)> {
        let limits = self.limits?;
        let shard = self.shards.get_mut(shard)?;
        while let Some((slot, id, since)) = shard.ended.front().copied() {
            if frame.saturating_sub(since) < limits.patience {
                break;
            }
            shard.ended.pop_front();
            // A client that was refused may have tried again.
            if shard.connection(slot).is_some_and(|known| known.id == id && known.is_closed()) {
                return shard.close(slot).map(|flow| (flow, Farewell::Ended));
            }
        }
        let with = |flow: Flow<T>, why| {
            let why = if flow.connection.is_closed() { Farewell::Ended } else { why };
            Some((flow, why))
        };
        while let Some(slot) = shard.leaving.pop_front() {
            // It may have left above; who takes its place later is not meant.
            if let Some(flow) = shard.close(slot) {
                return with(flow, Farewell::Full);
            }
        }
        if shard.slots.len() - shard.free.len() <= limits.connections {
            return None;
        }
        let slot = shard.silent_longest()?;
        with(shard.close(slot)?, Farewell::Crowded)
    }

    /// How often another connection than before was the one that segments between two ends belong to.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// How many connections were opened.
    pub fn opened(&self) -> u32 {
        self.opened
    }

    /// Gives all flows away, in order of their first packet.
    pub fn into_flows(self) -> Vec<Flow<T>> {
        let kept = self.shards.into_iter().flat_map(|shard| shard.slots);
        let mut flows: Vec<Flow<T>> = kept.flatten().map(|(_, flow)| flow).collect();
        flows.sort_by_key(|flow| flow.connection.id);
        flows
    }
}

impl<T> Shard<T> {
    fn connection(&self, slot: usize) -> Option<&Connection> {
        self.slots.get(slot)?.as_ref().map(|(_, flow)| &flow.connection)
    }

    fn connection_mut(&mut self, slot: usize) -> Option<&mut Connection> {
        self.slots.get_mut(slot)?.as_mut().map(|(_, flow)| &mut flow.connection)
    }

    /// The two connections between these ends of which it is open whether the newer comes to be, the older first.
    fn rivals(&self, key: &Key) -> Option<[usize; 2]> {
        // Nearly always there are none.
        if self.older.is_empty() {
            return None;
        }
        Some([*self.older.get(key)?, *self.current.get(key)?])
    }

    /// The connection between these ends that a segment belongs to.
    fn known(&self, key: &Key, tcp: &Tcp, from: SocketAddr) -> Option<usize> {
        let rivals = self.rivals(key);
        let older = rivals.and_then(|[older, newer]| {
            let newer = self.connection(newer)?;
            self.connection(older)?.keeps(newer, tcp, from).then_some(older)
        });
        older.or_else(|| self.current.get(key).copied())
    }

    /// Whether this segment, which belongs to the flow in this slot, shows that the newer of two came to be. Then the older is
    /// known no longer.
    fn settles(&mut self, key: &Key, slot: usize, tcp: &Tcp, from: SocketAddr) -> bool {
        let Some([older, newer]) = self.rivals(key) else { return false };
        let settles = slot == newer && self.connection(newer).is_some_and(|newer| newer.comes_to_be_by(tcp, from));
        if settles {
            self.older.remove(key);
            if let Some(older) = self.connection_mut(older) {
                older.give_way();
            }
        }
        settles
    }

    /// What there is to say of this segment if it belongs to the older of two, and tells what became of the newer one's SYN.
    fn challenge(&mut self, key: &Key, slot: usize, tcp: &Tcp, from: SocketAddr, frame: u32) -> Option<Note> {
        let [older, newer] = self.rivals(key).filter(|[older, _]| *older == slot)?;
        let is_of_opener = self.connection(newer)?.client == from;
        let older = self.connection_mut(older)?;
        let (id, note) = (older.id, older.note_challenge(tcp, from, is_of_opener, frame)?);
        if !is_of_opener {
            self.connection_mut(newer)?.challenged = Some((id, frame));
        }
        Some(note)
    }

    fn open(&mut self, key: Key, flow: Flow<T>, frame: u32) -> usize {
        let flow = Some((key, flow));
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = flow;
                slot
            }
            None => {
                self.slots.push(flow);
                self.slots.len() - 1
            }
        };
        if let Some(before) = self.current.insert(key, slot) {
            // Of one that did not come to be itself nothing goes on.
            let older = *self.older.entry(key).or_insert(before);
            if let Some(older) = self.connection_mut(older) {
                older.meets(frame);
            }
        }
        slot
    }

    fn close(&mut self, slot: usize) -> Option<Flow<T>> {
        let (key, flow) = self.slots.get_mut(slot)?.take()?;
        if self.current.get(&key) == Some(&slot) {
            self.current.remove(&key);
            if let Some(older) = self.older.remove(&key) {
                self.current.insert(key, older);
            }
        } else if self.older.get(&key) == Some(&slot) {
            self.older.remove(&key);
        }
        self.free.push(slot);
        self.kept = self.kept.without(flow.kept);
        Some(flow)
    }

    /// Of the next few flows the one that was silent longest: nearly the best, and found in constant time.
    fn silent_longest(&mut self) -> Option<usize> {
        let count = self.slots.len();
        let looked_at = (0..count.min(CANDIDATES)).map(|i| (self.hand + i) % count);
        let known = looked_at.filter_map(|slot| Some((self.connection(slot)?.last.0, slot)));
        let silent = known.min().map(|(_, slot)| slot);
        self.hand = (self.hand + CANDIDATES) % count.max(1);
        silent
    }
}

/// Among how many the one is looked for that was silent longest.
const CANDIDATES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;
    use crate::flow::testing::segment_between;

    /// Opens a connection from this port, and closes it if told so.
    fn talk(table: &mut FlowTable<u32>, port: u16, frame: u32, closes: bool) -> usize {
        let mut shard = 0;
        let flags: &[u8] = if closes { &[0x02, 0x04] } else { &[0x02] };
        for flags in flags {
            let bytes = segment_between(port, 80, u32::from(port), *flags);
            let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
            let id = table.push(&packet, &bytes, (frame, Timestamp(0)), || 0, &mut None).expect("it is TCP");
            shard = id.shard();
        }
        shard
    }

    #[test]
    fn a_bounded_table_gives_away_what_has_ended_in_time() {
        let mut table =
            FlowTable::<u32>::bounded(FlowLimits { connections: 100, patience: 10, ..FlowLimits::default() });
        let shard = talk(&mut table, 1000, 1, true);
        assert!(!table.may_part(shard, 10) && table.farewell(shard, 10).is_none(), "something may still come");
        assert!(table.may_part(shard, 11));
        let (flow, why) = table.farewell(shard, 11).expect("it has ended long ago");
        assert_eq!((flow.connection.client.port(), why), (1000, Farewell::Ended));
        assert!(!table.may_part(shard, 11) && table.farewell(shard, 11).is_none());
        assert_eq!(talk(&mut table, 1000, 12, false), shard);
        assert_eq!((table.opened(), table.into_flows()[0].connection.id), (2, 1), "and its number is not used again");
    }

    #[test]
    fn a_bounded_table_stays_bounded() {
        let limits = FlowLimits { connections: 8, patience: 10, ..FlowLimits::default() };
        let mut table = FlowTable::<u32>::bounded(limits);
        let mut crowded = 0;
        for port in 1000..3000 {
            let shard = talk(&mut table, port, u32::from(port), false);
            let before = crowded;
            let may_part = table.may_part(shard, u32::from(port));
            while let Some((_, why)) = table.farewell(shard, u32::from(port)) {
                assert_eq!(why, Farewell::Crowded);
                crowded += 1;
            }
            assert_eq!(may_part, crowded > before);
        }
        let kept = table.into_flows();
        assert!(kept.len() <= limits.connections * SHARDS && kept.len() + crowded == 2000, "{} are kept", kept.len());
        let newest = kept.iter().filter(|flow| flow.connection.id >= 1900).count();
        assert!(newest * 2 > kept.len(), "and those are the newest");
    }

    /// Nothing is left of two connections between the same ends when they are given away, in whichever order.
    #[test]
    fn a_bounded_table_forgets_who_may_take_anothers_place() {
        let limits = FlowLimits { connections: 8, patience: 10, ..FlowLimits::default() };
        let mut table = FlowTable::<u32>::bounded(limits);
        for frame in 1..6000_u32 {
            // Each port begins three times, with other numbers; now and then the second is refused.
            let (port, seq) = (1000 + (frame / 3) as u16, frame * 7);
            for (from, to, seq, flags) in [(port, 80, seq, 0x02), (port, 80, 1, 0x04)] {
                let bytes = segment_between(from, to, seq, flags);
                let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
                let id = table.push(&packet, &bytes, (frame, Timestamp(0)), || 0, &mut None).expect("it is TCP");
                while table.farewell(id.shard(), frame).is_some() {}
                if port % 5 > 0 {
                    break;
                }
            }
        }
        for shard in &table.shards {
            assert!(shard.older.len() <= limits.connections && shard.current.len() <= limits.connections);
            for (key, slot) in shard.older.iter().chain(&shard.current) {
                assert!(
                    shard.slots[*slot].as_ref().is_some_and(|(of, _)| of == key),
                    "it is there, and between these ends"
                );
            }
        }
        assert!(table.turns() > 1000);
    }

    #[test]
    fn connections_are_spread_over_all_shards() {
        let mut table = FlowTable::<u32>::default();
        let mut counts = [0; SHARDS];
        (0..1600).for_each(|port| counts[talk(&mut table, 40_000 + port, 1, false)] += 1);
        assert!(counts.iter().all(|count| (40..200).contains(count)), "{counts:?}");
    }
}
