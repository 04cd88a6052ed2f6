//! A lossy link: of 100 segments and datagrams with data it loses so many. Which ones follows from a seed and from how many
//! came by before, each way for itself; clocks and ports have no say in it.
//!
//! What has no data (SYN, FIN, RST, acknowledgements) passes: a SYN that is lost takes a second, and would tell nothing else.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::lab::fault::{Harm, Target};
use crate::lab::scenario::{Action, Scenario};
use crate::lab::seed::Chance;
use crate::layer::Direction;

/// What comes by, as far as a lossy link has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// A TCP segment with data, also one that is sent again.
    Segment {
        /// Between which ports, in its direction.
        ports: (u16, u16),
        /// Its sequence number.
        seq: u32,
    },
    /// A datagram.
    Datagram {
        /// Between which ports, in its direction.
        ports: (u16, u16),
    },
}

/// What one direction of a link loses.
#[derive(Debug, Default)]
pub struct Losses {
    rule: Option<Rule>,
    /// How often in a row a segment was lost, while it has not come through.
    in_a_row: HashMap<(u16, u16, u32), u8>,
    /// Whose datagrams have come by.
    met: HashSet<(u16, u16)>,
    lost: u32,
}

/// From which step on how much is lost.
#[derive(Debug)]
struct Rule {
    line: usize,
    percent: u8,
    chance: Chance,
    counted: u32,
}

/// Something that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The line of the script that asked for it.
    pub line: usize,
    /// Its number among all with data that went this way from that line on, from 1.
    pub number: u32,
    /// Whether nothing is lost from here on.
    pub is_last: bool,
}

impl Losses {
    /// From now on so many of 100 are lost; what was said before no longer holds.
    pub fn begin(&mut self, line: usize, percent: u8, seed: u32, direction: Direction) {
        let way = if direction == Direction::ToServer { "to the server" } else { "to the client" };
        self.rule = Some(Rule { line, percent, chance: Chance::of(seed.into(), way, 0), counted: 0 });
    }

    /// How many were lost so far.
    pub fn count(&self) -> u32 {
        self.lost
    }

    /// Says of what comes by whether it is lost. The choice moves on with each, lost or not.
    pub fn takes(&mut self, passing: Passing, direction: Direction) -> Option<Lost> {
        // The server learns from the first datagram of a client where to send one, as from a SYN.
        let introduces = match passing {
            Passing::Datagram { ports } => self.met.insert(ports) && direction == Direction::ToServer,
            Passing::Segment { .. } => false,
        };
        let rule = self.rule.as_mut()?;
        rule.counted += 1;
        let is_chosen = rule.chance.below(100) < u64::from(rule.percent);
        let may_be_lost = self.lost < MOST_LOST
            && match passing {
                Passing::Segment { ports: (from, to), seq } => {
                    let before = self.in_a_row.entry((from, to, seq)).or_default();
                    let may = is_chosen && *before < MOST_IN_A_ROW;
                    *before += 1;
                    if !may {
                        self.in_a_row.remove(&(from, to, seq));
                    }
                    may
                }
                Passing::Datagram { .. } => !introduces,
            };
        if !is_chosen || !may_be_lost {
            return None;
        }
        self.lost += 1;
        Some(Lost { line: rule.line, number: rule.counted, is_last: self.lost == MOST_LOST })
    }
}

/// How long TCP shall wait at most before it sends again what a script lets the link lose by chance; `None` if nothing is lost
/// so. Left to itself it waits up to two minutes: what it waits for one side is a round trip to the other, which waits longer for
/// that the next time. A second is the least that Linux takes; what the link itself takes comes on top.
pub fn sends_again_within(scenario: &Scenario) -> Option<Duration> {
    let faults = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Fault(fault) => Some(fault),
        _ => None,
    });
    let (mut is_lossy, mut takes) = (false, Duration::ZERO);
    for fault in faults.filter(|fault| fault.target == Target::Everything) {
        match fault.harm {
            Harm::Lose(percent) => is_lossy |= percent > 0,
            Harm::Delay(time) => takes = takes.max(time * 4),
            Harm::Rate(bits) => takes = takes.max(Duration::from_millis(WINDOW_BITS * 1000 / bits.max(1))),
            _ => {}
        }
    }
    is_lossy.then(|| (Duration::from_secs(1) + takes).min(LONGEST))
}

/// What stands in line on a slow link: twenty of the largest frames.
const WINDOW_BITS: u64 = 20 * 1514 * 8;
/// Longer TCP does not wait on Linux (`TCP_RTO_MAX`).
const LONGEST: Duration = Duration::from_secs(120);
/// What was lost so often in a row passes then: each time TCP waits twice as long.
const MOST_IN_A_ROW: u8 = 2;
/// What one direction loses in a play, so that the play ends.
pub const MOST_LOST: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::quantity::MOST_LOST_OF_100;

    const PORTS: (u16, u16) = (50_000, 8080);
    const MOST_PERCENT: u8 = MOST_LOST_OF_100;

    /// Which of 400 segments, each sent once, are lost.
    fn lost(percent: u8, seed: u32, direction: Direction, from: u16) -> Vec<u32> {
        let mut losses = Losses::default();
        losses.begin(3, percent, seed, direction);
        let segments = (0..400).map(|seq| Passing::Segment { ports: (from, 8080), seq });
        segments.filter_map(|segment| losses.takes(segment, direction)).map(|lost| lost.number).collect()
    }

    #[test]
    fn a_seed_and_the_place_in_the_order_choose_and_nothing_else() {
        let up = Direction::ToServer;
        assert_eq!(lost(10, 7, up, 50_000), lost(10, 7, up, 40_000), "ports have no say");
        assert_ne!(lost(10, 7, up, 50_000), lost(10, 8, up, 50_000));
        assert_ne!(lost(10, 7, up, 50_000), lost(10, 7, Direction::ToClient, 50_000));
        for (percent, about) in [(0, 0..=0), (1, 1..=10), (10, 25..=55), (50, 170..=230)] {
            let count = lost(percent, 7, up, 50_000).len();
            assert!(about.contains(&count), "{count} of 400 at {percent} %");
        }
        assert!(Losses::default().takes(Passing::Datagram { ports: PORTS }, up).is_none(), "nobody asked for it");
    }

    #[test]
    fn what_is_sent_for_the_third_time_passes() {
        for seed in 0..200 {
            let mut losses = Losses::default();
            losses.begin(1, MOST_PERCENT, seed, Direction::ToServer);
            let again = Passing::Segment { ports: PORTS, seq: 9 };
            let most = (0..300).map(|_| losses.takes(again, Direction::ToServer).is_some()).collect::<Vec<_>>();
            let longest = most.split(|was_lost| !was_lost).map(<[bool]>::len).max();
            assert_eq!(longest, Some(usize::from(MOST_IN_A_ROW)), "{seed}");
        }
    }

    #[test]
    fn the_first_datagram_of_a_client_passes_and_no_other_need() {
        for (direction, first_may_be_lost) in [(Direction::ToServer, false), (Direction::ToClient, true)] {
            let firsts = (0..100).map(|seed| {
                let mut losses = Losses::default();
                losses.begin(1, MOST_PERCENT, seed, direction);
                let all = [(); 40].map(|()| losses.takes(Passing::Datagram { ports: PORTS }, direction).is_some());
                assert!(all.contains(&true) && all.contains(&false), "{seed}: {all:?}");
                all[0]
            });
            assert_eq!(firsts.collect::<Vec<_>>().contains(&true), first_may_be_lost);
        }
    }

    #[test]
    fn how_long_tcp_waits_follows_from_the_link() {
        for (steps, within) in [
            ("link delays everything by 2s", None),
            ("link loses 0%", None),
            ("link loses 5%", Some(1000)),
            ("link loses 5% to the client\nlink delays everything by 25ms\nlink delays everything by 5ms", Some(1100)),
            ("link carries 1Mbit/s\nlink loses 5%", Some(1242)),
            ("link loses 5%\nlink carries 1kbit/s", Some(120_000)),
        ] {
            let scenario = Scenario::parse(&format!("network ethernet\n{steps}\n")).unwrap();
            assert_eq!(sends_again_within(&scenario), within.map(Duration::from_millis), "{steps}");
        }
    }

    #[test]
    fn so_many_are_lost_and_no_more() {
        let mut losses = Losses::default();
        losses.begin(1, MOST_PERCENT, 7, Direction::ToClient);
        let all = (0..10 * MOST_LOST).map(|seq| Passing::Segment { ports: PORTS, seq });
        let lost: Vec<Lost> = all.filter_map(|one| losses.takes(one, Direction::ToClient)).collect();
        assert_eq!((lost.len(), losses.count()), (MOST_LOST as usize, MOST_LOST));
        assert_eq!(lost.iter().filter(|lost| lost.is_last).count(), 1);
        assert!(losses.in_a_row.len() <= MOST_LOST as usize, "nothing is kept of what passed");
    }
}
