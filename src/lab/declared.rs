//! What holds for a whole play: its network, its server, what all are like. It is said before anyone acts.

use std::ops::Range;

use crate::lab::cast::Cast;
use crate::lab::grammar::Verb;
use crate::lab::ground::Ground;
use crate::lab::manners::no_wire;
use crate::lab::scenario::Scenario;
use crate::lab::verbs;
use crate::mistake::Mistake;

impl Scenario {
    /// Takes what holds for the whole play, if this is that and stands where it may.
    pub(super) fn is_declared(
        &mut self,
        verb: &Verb,
        range: &Range<usize>,
        is_first: bool,
        cast: &mut Cast,
    ) -> Result<bool, Mistake> {
        let wrong = |message: &str, help: &str| Err(Mistake::new(range.clone(), message).help(help));
        match verb {
            Verb::Ground { .. } if !is_first => {
                wrong("the network is there already", "`network …` is the first step, or is left out")
            }
            Verb::Ground { ground, recorded_at } => {
                (self.ground, self.recorded_at) = (*ground, *recorded_at);
                Ok(true)
            }
            Verb::Fault { fault } if self.ground == Ground::Loopback && !fault.can_be_done_by_receiver() => {
                Err(no_wire(range))
            }
            Verb::CutOff { .. } if self.ground == Ground::Loopback => Err(no_wire(range)),
            Verb::Listen { .. } if cast.has_begun => {
                wrong("the server listens already", "`server listens on …` is the first step, or is left out")
            }
            Verb::Listen { port } => {
                (self.port, cast.has_begun) = (*port, true);
                Ok(true)
            }
            _ => self.is_manner_of_all(verb, range, cast),
        }
    }

    /// Takes what all who connect are like.
    fn is_manner_of_all(&mut self, verb: &Verb, range: &Range<usize>, cast: &mut Cast) -> Result<bool, Mistake> {
        let wrong = |message: &str, help: &str| Err(Mistake::new(range.clone(), message).help(help));
        match verb {
            Verb::KeepEvents
            | Verb::Recover { .. }
            | Verb::Fields { .. }
            | Verb::Seed { .. }
            | Verb::Heartbeat { .. }
            | Verb::Secure { .. }
                if !cast.links.is_empty() =>
            {
                return wrong("somebody has connected already", "what all are like is said before that");
            }
            Verb::Heartbeat { every, within } if every.is_zero() || within.is_zero() => {
                return wrong("a heart cannot beat in no time", "write it as `server checks every 300ms within 200ms`");
            }
            Verb::Heartbeat { every, within } => {
                self.heartbeat = Some((*every, *within));
            }
            Verb::Secure { version } => {
                cast.speaks(true, range)?;
                self.secure = Some(*version);
            }
            Verb::Fields { fields } => {
                self.fields.extend_from_slice(fields);
                if !verbs::are_bounded(&self.fields) {
                    let message = "at most 16 header fields can be added, of 4096 octets together";
                    return wrong(message, "leave some out");
                }
                cast.fields.clone_from(&self.fields);
            }
            Verb::Seed { seed } => {
                (self.seed, cast.seed) = (Some(*seed), Some(*seed));
            }
            Verb::Recover { .. } if self.recovers.is_some() => {
                return wrong("this was said before", "say once for how long");
            }
            Verb::Recover { lasts } if lasts.is_zero() => {
                return wrong("what is remembered for no time is not remembered", "leave the step out, or the time");
            }
            Verb::Recover { lasts } => {
                (self.recovers, cast.recovers) = (Some(*lasts), true);
            }
            Verb::KeepEvents => {
                (self.keeps_events, cast.keeps_events) = (true, true);
            }
            Verb::Refuse { namespace, reason } => {
                cast.refused.insert(namespace.clone(), reason.clone());
            }
            _ => return Ok(false),
        }
        cast.has_begun = true;
        Ok(true)
    }
}
