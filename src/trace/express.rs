//! The short way through the pipeline, for the frames that nearly all are: a plain packet of a connection that was met
//! before, of which nobody needs to know more than what its payload says. What is told is what the long way would tell;
//! whatever is not quite as usual goes that way.

use super::Pipeline;
use super::carried::Carried;
use super::ear::{Common, Ear, Lent};
use super::intake::Admitted;
use super::lane::{Lane, Speech};
use super::watch::{Seen, Tally, Watch};
use crate::capture::{FrameRef, Moment};
use crate::flow::{Connection, Flow, FlowId, Origin};
use crate::layer::Direction;
use crate::packet::{Ends, Plain};

/// How many sets of ways are remembered; a power of two.
const SETS: usize = 256;
/// How many ways are in a set: two that fall into one do not drive each other out.
const SET: usize = 4;

/// What is known of plain packets between two ends.
#[derive(Debug, Clone, Copy)]
struct Way {
    ends: Ends,
    /// How often other connections had become the ones between their ends when this was learned.
    turns: u32,
    /// Where the evidence on their checksums lies.
    place: u32,
    /// Their connection, and which way they go in it; `None` if another thread follows it.
    here: Option<(FlowId, u32, Direction)>,
}

/// Ways that fall into one set, the latest first. Each lies in one line of a processor's cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Set([Option<Way>; SET]);

/// The ways met lately.
#[derive(Debug, Default)]
pub(super) struct Ways(Vec<Set>);

impl Ways {
    fn set(ends: &Ends) -> usize {
        (ends.number() >> 48) as usize % SETS
    }

    #[inline(always)]
    fn find(&self, ends: &Ends, turns: u32) -> Option<&Way> {
        let way = self.0.get(Self::set(ends))?.0.iter().flatten().find(|way| way.ends == *ends);
        way.filter(|way| way.turns == turns)
    }

    fn learn(&mut self, way: Way) {
        if self.0.is_empty() {
            self.0.resize(SETS, Set::default());
        }
        let Set(set) = &mut self.0[Self::set(&way.ends)];
        let known = set.iter().flatten().position(|known| known.ends == way.ends).unwrap_or(SET - 1);
        set[..=known].rotate_right(1);
        set[0] = Some(way);
    }
}

impl Lane {
    /// Whether these octets go on where those before ended, and someone reads them.
    fn takes(&self, direction: Direction, start: u64, bytes: &[u8]) -> bool {
        let d = direction.index();
        bytes.is_empty()
            || (!self.hearing.over
                && !self.deaf[d]
                && matches!(self.speech, Speech::Known(..))
                && self.hearing.streams[d].goes_on_with(&(start..start + bytes.len() as u64)))
    }
}

impl<W: Watch> Ear<'_, W> {
    /// Hears the octets of a plain segment, which go on where those before ended. Of those that were passed over nothing is
    /// heard again.
    fn hear(&mut self, Lent { direction, start, bytes }: Lent<'_>, origin: Origin) {
        let stream = &mut self.lane.hearing.streams[direction.index()];
        let range = start..start + bytes.len() as u64;
        if stream.lend(range, origin, self.common.needs.frames).is_none() {
            stream.acknowledge(self.connection.acknowledged(direction).unwrap_or(0));
            stream.add(start, bytes, origin);
            self.lent = None;
        }
        self.listen(direction);
    }
}

impl<W: Watch> Common<W> {
    /// Passes over the messages in the octets of a plain segment, as long as they are as usual, and nothing waits to be read
    /// before them. Returns whether that was all: else what is left is to be listened to.
    // For each segment, and only in one place.
    #[inline(always)]
    fn passes(&mut self, connection: &Connection, lane: &mut Lane, lent: Lent<'_>, now: Moment) -> bool {
        let direction = lent.direction;
        let d = direction.index();
        let Lane { speech: Speech::Known(_, decoder), carrier, read, ends_in, latest, messages, hearing, .. } = lane
        else {
            return false;
        };
        let whole = lent.start..lent.start + lent.bytes.len() as u64;
        if !hearing.streams[d].can_lend(&whole) {
            return false;
        }
        let numbers_suffice = self.needs.is_nothing();
        loop {
            let bytes = lent.from(read[d]);
            if bytes.is_empty() {
                return hearing.streams[d].skip(&whole);
            }
            let Some(usual) = decoder.glance(direction, bytes) else { return false };
            let tally = match carrier.is_idle() || !self.needs.riders {
                true => Tally::default(),
                // Who reads is told of each packet.
                false if !numbers_suffice => return false,
                false => {
                    let carried = Carried {
                        start: read[d],
                        bytes: bytes.get(..usual.len),
                        frames: &[now.frame],
                        ..Carried::whole(Some(connection), direction, now)
                    };
                    match carrier.glance(&carried, &usual, &mut self.sessions) {
                        Some(tally) => tally,
                        None => return false,
                    }
                }
            };
            let range = read[d]..read[d] + usual.len as u64;
            (latest[d], ends_in[d], read[d]) = (Some(range.start), now.max(ends_in[d]), range.end);
            *messages += 1;
            match numbers_suffice {
                true => self.watch.glanced(usual.payload),
                false => self.watch.message(&Seen {
                    connection,
                    direction,
                    range: &range,
                    inside: false,
                    stream: None,
                    frames: &[now.frame],
                    moment: ends_in[d],
                    payload: usual.payload,
                    notes: &[],
                    complete: true,
                    late: false,
                    bytes: bytes.get(..usual.len),
                    begins: None,
                    request_frame: None,
                }),
            }
            if tally != Tally::default() {
                self.watch.tallied(tally);
            }
        }
    }
}

impl<W: Watch> Pipeline<W> {
    /// The frame's plain packet, if the short way is open at all.
    pub(super) fn plain(&self, frame: FrameRef<'_>) -> Option<Plain> {
        if self.common.needs.packets { None } else { Plain::read(frame) }
    }

    /// Takes a frame the short way. If that is not possible nothing has happened, and it goes the long way.
    pub(super) fn pass(&mut self, plain: &Plain, frame: FrameRef<'_>, now: Moment) -> bool {
        let Some(Way { place, here, .. }) = self.ways.find(&plain.ends, self.flows.turns()) else { return false };
        let Some((id, known, direction)) = *here else {
            return self.intake.evidence.expects_elsewhere(*place, plain, frame.data);
        };
        let bytes = plain.payload.of(frame.data);
        let segment = (&plain.tcp, frame.data, now);
        let evidence = &self.intake.evidence;
        let all = self.flows.messages(id.shard());
        let passed = self.flows.pass(id, direction, segment, |connection, lane, offset| {
            // The sum last: it goes over all octets, and on the long way once more.
            connection.id == known
                && lane.takes(direction, offset, bytes)
                && evidence.expects(*place, plain, frame.data)
        });
        let Some((Flow { connection, with: lane, .. }, start)) = passed else { return false };
        let from = (!bytes.is_empty()).then_some(start);
        lane.heed(connection, direction, from, &mut self.common.sessions);
        lane.others = all.saturating_sub(lane.held);
        let lent = Lent { direction, start, bytes };
        if !bytes.is_empty() && !self.common.passes(connection, lane, lent, now) {
            let origin = Origin { frame: now.frame, at: plain.payload.start, arrived: now };
            self.common.ear(connection, lane, now, Some(lent)).hear(lent, origin);
            let weight = lane.weight();
            lane.held = weight.messages;
            self.flows.weigh(id, weight);
        }
        self.common.watch.passed(now.frame, frame, plain);
        if self.flows.may_part(id.shard(), now.frame) {
            self.let_go(id, now);
        }
        true
    }

    /// Remembers where a plain packet went, so that the next can take the short way.
    pub(super) fn learn_way(&mut self, plain: &Plain, admitted: &Admitted, here: Option<(FlowId, u32, Direction)>) {
        if here.is_none() && !admitted.elsewhere {
            return;
        }
        let place = self.intake.evidence.place_of(&admitted.packet);
        if let Some(place) = place {
            self.ways.learn(Way { ends: plain.ends, turns: self.flows.turns(), place, here });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, Timestamp};

    fn ends(from: u16, to: u16) -> Ends {
        let mut data = [&[0; 12][..], &[0x08, 0x00, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0]].concat();
        data.extend([127, 0, 0, 1, 127, 0, 0, 1]);
        data.extend([from.to_be_bytes(), to.to_be_bytes()].concat());
        data.extend([0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
        let frame = FrameRef {
            time: Timestamp(0),
            timeless: false,
            link: LinkType::ETHERNET,
            interface: 0,
            len: data.len() as u32,
            data: &data,
            comments: &[],
            secrets: None,
        };
        Plain::read(frame).expect("it is plain").ends
    }

    fn way(ends: Ends, place: u32) -> Way {
        Way { ends, turns: 0, place, here: None }
    }

    /// Where two took turns in one place, each of their frames went the long way.
    #[test]
    fn some_hundred_ways_do_not_drive_each_other_out() {
        let mut ways = Ways::default();
        let met: Vec<Ends> = (40_000..40_064).flat_map(|port| [ends(port, 8080), ends(8080, port)]).collect();
        for (place, ends) in (0..).zip(&met) {
            ways.learn(way(*ends, place));
        }
        for (place, ends) in (0..).zip(&met) {
            assert_eq!(ways.find(ends, 0).map(|way| way.place), Some(place));
            assert!(ways.find(ends, 1).is_none(), "a connection was replaced since");
        }
    }

    #[test]
    fn a_way_lies_in_one_line_of_the_cache() {
        assert_eq!((size_of::<Option<Way>>(), align_of::<Set>()), (64, 64));
    }

    #[test]
    fn of_a_set_the_way_learned_last_is_known_for_certain() {
        let mut ways = Ways::default();
        let (first, others) = (ends(1, 80), 2_u16..);
        let same = others.map(|port| ends(port, 80)).filter(|ends| Ways::set(ends) == Ways::set(&first));
        let met: Vec<Ends> = std::iter::once(first).chain(same).take(SET + 1).collect();
        for (place, ends) in (0..).zip(&met) {
            ways.learn(way(*ends, place));
        }
        assert!(ways.find(&met[0], 0).is_none(), "it was met longest ago");
        assert!(met[1..].iter().all(|ends| ways.find(ends, 0).is_some()));
        // Learned anew it takes the place it had.
        ways.learn(way(met[SET], 99));
        assert_eq!(ways.find(&met[SET], 0).map(|way| way.place), Some(99));
        assert!(met[1..].iter().all(|ends| ways.find(ends, 0).is_some()));
    }
}
