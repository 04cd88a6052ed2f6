//! Packets whose fragments are all there by now. What comes of one of them once more was sent again or captured twice, and
//! is no part of a packet that is never whole.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use super::fragment::Key;

/// So many packets are remembered.
const REMEMBERED: usize = 256;
/// Of one with more fragments nothing is: those of the largest packet over Ethernet are 45.
const MAX_PARTS: usize = 64;

/// The packets that were whole last.
#[derive(Debug, Default)]
pub(super) struct Lately {
    packets: HashMap<Key, Whole>,
    /// The oldest first.
    order: VecDeque<Key>,
    hasher: RandomState,
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

    /// In which frame a packet was whole that had all these fragments, if it is remembered.
    pub(super) fn had<'a>(&self, key: &Key, mut parts: impl Iterator<Item = (u32, &'a [u8])>) -> Option<u32> {
        let whole = self.packets.get(key)?;
        parts.all(|(start, bytes)| whole.parts.contains(&(start, self.hasher.hash_one(bytes)))).then_some(whole.frame)
    }
}
