//! The Engine.IO on streams of WebTransport. What rides on that in turn, over all connections of a session, is for
//! [`Sessions`].
//!
//! # References
//! - engine.io 6, `transports/webtransport.ts` and `server.ts` (`onWebTransportSession`): the client opens one stream both ways,
//!   and its first packet asks for a session, or names the one that it moves.

use std::sync::Arc;

use super::carried::{Carried, Found};
use super::carrier;
use super::session::Sessions;
use crate::capture::Moment;
use crate::layer::{Direction, Group, Note, Severity};
use crate::map::Map;
use crate::message::Payload;
use crate::protocol::engineio::{Framed, MAX_FRAMED, Transport, Version, is_begun};
use crate::protocol::quic::Sequence;

const SPEC: &str = "engine.io-parser 5, createPacketDecoderStream";

/// What was found: a message, what is odd about it, the frames that carried it, and whether all of it came.
pub(super) type Told = (Box<dyn Payload>, Vec<Note>, Vec<u32>, bool);

/// What was made of the octets of a stream.
#[derive(Default)]
pub(super) struct Step {
    /// How many are done with.
    pub(super) len: usize,
    pub(super) told: Vec<Told>,
    /// What is odd about the stream.
    pub(super) note: Option<Note>,
}

/// The streams of a connection that belong to sessions of WebTransport.
#[derive(Default)]
pub(super) struct Streams {
    streams: Map<u64, Carries>,
}

/// What a stream carries.
enum Carries {
    /// Engine.IO; of which session, as soon as that is known.
    EngineIo(Option<Arc<str>>),
    /// Something else.
    Other,
}

impl Streams {
    /// Whether what the server said on a stream waits for what its client said first.
    pub(super) fn waits_for_client(&self, id: u64, direction: Direction) -> bool {
        direction == Direction::ToClient && id & 1 == 0 && !self.streams.contains_key(&id)
    }

    /// Takes what it can from the front of a direction of a stream. `lacks` says that octets of the other are missing.
    pub(super) fn read(
        &mut self,
        id: u64,
        direction: Direction,
        (sequence, lacks, now): (&Sequence, bool, Moment),
        sessions: &mut Sessions,
    ) -> Step {
        let ready = sequence.ready();
        let sid = match (self.streams.get_mut(&id), direction) {
            (Some(Carries::EngineIo(sid)), _) => sid,
            (Some(Carries::Other), _) => return Step { len: ready.len(), ..Step::default() },
            // The client speaks first.
            (None, Direction::ToClient) if id & 1 == 0 => return Step::default(),
            (None, _) => match is_begun(ready).map(|begun| begun && id & 3 == 0) {
                None => return Step::default(),
                Some(false) => {
                    self.streams.insert(id, Carries::Other);
                    return Step { len: ready.len(), ..Step::default() };
                }
                Some(true) => {
                    sessions.noticed = true;
                    self.streams.insert(id, Carries::EngineIo(None));
                    return self.read(id, direction, (sequence, lacks, now), sessions);
                }
            },
        };
        let Some(framed) = Framed::read(ready) else { return Step::default() };
        let Some(range) = framed.range() else {
            self.streams.insert(id, Carries::Other);
            return Step { len: ready.len(), note: Some(too_long(framed.len)), ..Step::default() };
        };
        let Some(octets) = ready.get(range.clone()) else { return Step::default() };
        let frames = sequence.frames(range.end);
        let carried = Carried {
            start: sequence.start(),
            bytes: Some(octets),
            frames: &frames,
            lacks,
            wanted: true,
            ..Carried::whole(None, direction, now)
        };
        let mut found = Found::default();
        let packet = framed.packet(octets);
        carrier::read_packet(&carried, Version::V4, &Transport::WebTransport, sid, packet, sessions, &mut found);
        if framed.len == 0 {
            let text = "a packet of no octets: the official parser takes it for an error, and the session ends";
            found.remarks.push(Note::new(Severity::Warn, text, SPEC));
        }
        if let Some(first) = found.ridden.first_mut() {
            first.notes.append(&mut found.remarks);
        }
        let told = found.ridden.into_iter().map(|ridden| {
            let frames = ridden.frames.or(&frames).to_vec();
            (ridden.payload.as_payload().boxed(), ridden.notes, frames, ridden.complete)
        });
        Step { len: range.end, told: told.collect(), note: None }
    }
}

fn too_long(len: u64) -> Note {
    let text =
        format!("a packet of {len} octets: more than {MAX_FRAMED} are not waited for, and its stream is not read on");
    Note::new(Severity::Warn, text, SPEC).about(Group::Undecoded)
}
