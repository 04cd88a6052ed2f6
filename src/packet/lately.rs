//! Packets whose fragments are all there by now. What comes of one of them once more was sent again or captured twice, and
//! is no part of a packet that is never whole. And packets that were given up: what comes of one of them still came too late.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use super::fragment::Key;

/// So many packets are remembered.
const REMEMBERED: usize = 256;
/// Of one with more fragments nothing is: those of the largest packet over Ethernet are 45.
const MAX_PARTS: usize = 64;
/// So many packets that were given up are remembered.
const GIVEN_UP: usize = 64;
/// Nanoseconds after which the same number is another packet's: "the maximum lifetime of a segment in the network" is two minutes
/// (RFC 9293 §3.4.1).
const LIFETIME: i64 = 120_000_000_000;

/// The packets that were whole last.
#[derive(Debug, Default)]
pub(super) struct Lately {
    packets: HashMap<Key, Whole>,
    /// The oldest first.
    order: VecDeque<Key>,
    hasher: RandomState,
    /// Those that were given up, with the frame and the time of their first fragments; the oldest first.
    given_up: VecDeque<(Key, u32, i64)>,
}

#[derive(Debug)]
struct Whole {
    /// The frame with which it was.
    frame: u32,
    /// Where its fragments began, and a hash of what they held.
    parts: Vec<(u32, u64)>,
}

impl Lately {
    /// Takes one that is whole with this frame.
    pub(super) fn take<'a>(&mut self, key: Key, frame: u32, parts: impl Iterator<Item = (u32, &'a [u8])>) {
        let parts: Vec<_> =
            parts.take(MAX_PARTS + 1).map(|(start, bytes)| (start, self.hasher.hash_one(bytes))).collect();
        if parts.len() > MAX_PARTS {
            return;
        }
        if self.packets.insert(key, Whole { frame, parts }).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.packets.remove(&oldest);
        }
    }

    /// Takes one that is given up, and began with this frame. Returns where the one began that was given up before it came.
    pub(super) fn given_up(&mut self, key: Key, (frame, since): (u32, i64)) -> Option<u32> {
        let mut latest = self.given_up.iter().rev();
        let before = latest.find(|(other, _, then)| *other == key && since.saturating_sub(*then) <= LIFETIME);
        let before = before.map(|(_, frame, _)| *frame);
        if self.given_up.len() >= GIVEN_UP {
            self.given_up.pop_front();
        }
        self.given_up.push_back((key, frame, since));
        before
    }

    /// In which frame a packet was whole that had all these fragments, if it is remembered.
    pub(super) fn had<'a>(&self, key: &Key, mut parts: impl Iterator<Item = (u32, &'a [u8])>) -> Option<u32> {
        let whole = self.packets.get(key)?;
        parts.all(|(start, bytes)| whole.parts.contains(&(start, self.hasher.hash_one(bytes)))).then_some(whole.frame)
    }
}
