//! What is kept with all flows of a bounded table together, and which of them are given away when that is too much.

use std::cmp::Reverse;

use super::{FlowId, FlowTable, Shard};

/// Such a part of what may be kept is made free at once, so that it is not looked for with each segment.
const PART: usize = 16;

/// How many octets of memory are kept, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// What is needed to read on: what nobody could read yet, and what is known of what was read.
    pub state: usize,
    /// Octets of messages that are read as they come, which are kept for those who want all of a message, and which frames
    /// brought them.
    pub messages: usize,
}

impl Kept {
    /// This and the other.
    pub fn with(self, other: Self) -> Self {
        Self { state: self.state + other.state, messages: self.messages + other.messages }
    }

    /// This without the other, which is a part of it.
    pub fn without(self, other: Self) -> Self {
        Self { state: self.state - other.state, messages: self.messages - other.messages }
    }
}

impl<T> FlowTable<T> {
    /// How much is kept with all flows, as far as that was said.
    #[cfg(test)]
    pub fn kept(&self) -> Kept {
        self.shards.iter().fold(Kept::default(), |sum, shard| sum.with(shard.kept))
    }

    /// How many octets of messages are kept with the flows of a shard.
    #[inline]
    pub fn messages(&self, shard: usize) -> usize {
        self.shards.get(shard).map_or(0, |shard| shard.kept.messages)
    }

    /// Takes note of how much memory is kept with a flow that was heard just now. If the state of the others has become too much for
    /// it, [`farewell`](Self::farewell) gives some of them away.
    // Only what grows is looked at: so it does not matter who says how often that nothing has changed.
    #[inline]
    pub fn weigh(&mut self, id: FlowId, kept: Kept) {
        let (Some(limits), Some(shard)) = (self.limits, self.shards.get_mut(id.shard())) else { return };
        let Some(Some((_, flow))) = shard.slots.get_mut(id.slot as usize) else { return };
        let before = std::mem::replace(&mut flow.kept, kept);
        shard.kept = shard.kept.without(before).with(kept);
        if kept.state > before.state && shard.kept.state - kept.state > limits.octets {
            shard.make_room(id.slot as usize, limits.octets);
        }
    }
}

impl<T> Shard<T> {
    /// Chooses flows to give away: first those that have ended, then those that keep most, and of those that keep about the same
    /// who was silent longest. The one that is heard stays.
    fn make_room(&mut self, heard: usize, most: usize) {
        let rank = |(slot, held): (usize, &Option<(_, super::Flow<T>)>)| {
            let flow = held.as_ref().map(|(_, flow)| flow).filter(|_| slot != heard)?;
            let much = Reverse(flow.kept.state.checked_ilog2()?);
            Some((!flow.connection.is_closed(), much, flow.connection.last.0, flow.kept.state, slot))
        };
        let mut others: Vec<_> = self.slots.iter().enumerate().filter_map(rank).collect();
        others.sort_unstable();
        let mut left: usize = others.iter().map(|(.., kept, _)| kept).sum();
        for (.., kept, slot) in others {
            if left <= most - most / PART {
                break;
            }
            left -= kept;
            self.leaving.push_back(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Farewell, FlowLimits, SHARDS};
    use super::*;
    use crate::capture::{LinkType, Timestamp};
    use crate::flow::testing::segment_between;
    use crate::packet::Packet;

    /// A segment from this port, with so much to be kept afterwards. Returns which ports are given away for it.
    fn hear(table: &mut FlowTable<()>, port: u16, flag: u8, frame: u32, kept: usize) -> Vec<(u16, Farewell)> {
        let bytes = segment_between(port, 80, frame, flag);
        let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
        let id = table.push(&packet, &bytes, (frame, Timestamp(0)), || (), &mut None).expect("it is TCP");
        table.weigh(id, Kept { state: kept, messages: 7 });
        let mut gone = Vec::new();
        assert_eq!(table.may_part(id.shard(), frame), table.shards[id.shard()].leaving.front().is_some());
        while let Some((flow, why)) = table.farewell(id.shard(), frame) {
            gone.push((flow.connection.client.port(), why));
        }
        gone
    }

    /// Ports whose connections are in one shard.
    fn ports() -> impl Iterator<Item = u16> {
        (1..u16::MAX).filter(|port| {
            let bytes = segment_between(*port, 80, 0, 0x02);
            let packet = Packet::decode(LinkType::RAW, &bytes, bytes.len() as u32);
            FlowTable::<()>::shard_of(&packet) == Some(SHARDS / 2)
        })
    }

    #[test]
    fn who_keeps_most_is_given_away_and_of_those_who_was_silent_longest() {
        let mut table = FlowTable::bounded(FlowLimits { octets: 1600, ..FlowLimits::default() });
        let [small, first, second, large, last] = *ports().take(5).collect::<Vec<_>>() else { unreachable!() };
        assert_eq!(hear(&mut table, small, 0x02, 1, 10), []);
        assert_eq!(hear(&mut table, first, 0x02, 2, 600), []);
        assert_eq!(hear(&mut table, second, 0x02, 3, 700), []);
        assert_eq!(hear(&mut table, first, 0x10, 4, 550), [], "it gives some back, and speaks later");
        assert_eq!(hear(&mut table, large, 0x02, 5, 5000), [], "who is heard may keep as much as it must");
        assert_eq!(hear(&mut table, large, 0x10, 6, 5000), []);
        assert_eq!(hear(&mut table, small, 0x10, 7, 10), [], "nothing has grown");
        assert_eq!(hear(&mut table, small, 0x10, 8, 20), [(large, Farewell::Full)], "and that suffices");
        assert_eq!(hear(&mut table, last, 0x02, 9, 900), []);
        assert_eq!(hear(&mut table, small, 0x10, 10, 30), [(second, Farewell::Full)]);
        assert_eq!(table.kept(), Kept { state: 550 + 900 + 30, messages: 3 * 7 });
    }

    #[test]
    fn whose_connection_has_ended_goes_first() {
        let mut table = FlowTable::bounded(FlowLimits { octets: 1000, ..FlowLimits::default() });
        let [ended, large, last] = *ports().take(3).collect::<Vec<_>>() else { unreachable!() };
        hear(&mut table, ended, 0x02, 1, 200);
        hear(&mut table, ended, 0x04, 2, 200);
        hear(&mut table, large, 0x02, 3, 900);
        assert_eq!(hear(&mut table, last, 0x02, 4, 1), [(ended, Farewell::Ended)]);
    }

    /// Those that have ended long ago are chosen first, and leave by themselves in that moment: nobody leaves in their place.
    #[test]
    fn who_has_left_already_is_not_given_away_once_more() {
        let limits = FlowLimits { octets: 1000, patience: 10, ..FlowLimits::default() };
        let mut table = FlowTable::bounded(limits);
        let [first, second, large, last, new] = *ports().take(5).collect::<Vec<_>>() else { unreachable!() };
        for port in [first, second] {
            hear(&mut table, port, 0x02, 1, 300);
            hear(&mut table, port, 0x04, 2, 300);
        }
        hear(&mut table, large, 0x02, 3, 900);
        assert_eq!(hear(&mut table, last, 0x02, 20, 1), [(first, Farewell::Ended), (second, Farewell::Ended)]);
        assert!(table.shards.iter().all(|shard| shard.leaving.is_empty()));
        assert_eq!(hear(&mut table, new, 0x02, 21, 1), []);
    }

    #[test]
    fn however_many_there_are_they_keep_no_more_than_they_may() {
        let octets = 100_000;
        let mut table = FlowTable::bounded(FlowLimits { octets, ..FlowLimits::default() });
        for (frame, port) in (1..).zip(ports().take(2000)) {
            hear(&mut table, port, 0x02, frame, 1000);
            assert!(table.kept().state <= octets + 1000);
        }
        assert!(table.into_flows().len() >= 90);
    }
}
