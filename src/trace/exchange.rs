//! Which acknowledgement answers which event, and how long that took.
//!
//! # References
//! - Socket.IO protocol 5, "Acknowledgement": an event with an id is answered by one ACK with the same id, in the same
//!   namespace, from the other side.

use std::borrow::Cow;
use std::collections::hash_map::Entry;

use crate::capture::Moment;
use crate::layer::{Direction, Note, Severity};
use crate::map::{Map, spare};
use crate::protocol::socketio::{Answer, Kind, SocketIoPacket, Usual};

/// More events than this do not wait for their answers in one session: a peer can send any number of them.
const MAX_WAITING: usize = 4096;
/// So many octets of memory an event takes that waits, without the name of its namespace.
const ASKED: usize = 96;

/// The events of a session that wait for an answer.
#[derive(Default)]
pub(super) struct Exchanges {
    asked: Map<(Cow<'static, str>, bool, u64), Moment>,
    /// An event was not remembered: then an answer to nothing is no surprise.
    forgotten: bool,
    /// Octets of the session are missing: what waits may have been answered.
    doubted: bool,
    /// How many octets all that takes.
    kept: usize,
}

impl Exchanges {
    /// How many octets of memory are taken by what waits.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// An event of this namespace does not wait any longer.
    fn answered(&mut self, namespace: &str) {
        self.kept -= ASKED + namespace.len();
        spare(&mut self.asked);
    }

    /// Takes the next packet, if it is an event or an acknowledgement in the namespace `/` of which there is nothing to
    /// say. Else nothing has happened.
    pub(super) fn pass(&mut self, direction: Direction, now: Moment, usual: Usual) -> bool {
        let Some(id) = usual.id else { return usual.kind == Kind::Event };
        let to_server = direction == Direction::ToServer;
        match usual.kind {
            Kind::Ack => {
                let is_known = self.asked.remove(&(Cow::Borrowed("/"), !to_server, id)).is_some();
                if is_known {
                    self.answered("/");
                }
                is_known
            }
            _ if self.asked.len() >= MAX_WAITING => false,
            _ => match self.asked.entry((Cow::Borrowed("/"), to_server, id)) {
                Entry::Vacant(vacant) => {
                    vacant.insert(now);
                    self.kept += ASKED + "/".len();
                    true
                }
                Entry::Occupied(_) => false,
            },
        }
    }

    /// Octets of the session are missing: then an answer to nothing is no surprise, nor that an id is used again.
    pub(super) fn doubt(&mut self) {
        (self.forgotten, self.doubted) = (true, true);
    }

    /// Takes the next packet, which ended in this frame. An acknowledgement learns what it answers. `whole` says that the
    /// session was captured from its beginning, `lacks` that octets of the other direction are missing just now.
    pub(super) fn hear(
        &mut self,
        (direction, lacks): (Direction, bool),
        now: Moment,
        whole: bool,
        packet: &mut SocketIoPacket,
        notes: &mut Vec<Note>,
    ) {
        let Some(id) = packet.id else { return };
        let to_server = direction == Direction::ToServer;
        let is_doubtful = lacks || self.doubted;
        match packet.kind {
            Kind::Event | Kind::BinaryEvent if self.asked.len() < MAX_WAITING => {
                let again = self.asked.insert((packet.namespace.clone(), to_server, id), now);
                if again.is_none() {
                    self.kept += ASKED + packet.namespace.len();
                } else if !is_doubtful {
                    let text = format!("an event asks with the id {id} before the one with that id was answered");
                    notes.push(Note::new(Severity::Warn, text, packet.revision.acknowledgement()));
                }
            }
            Kind::Event | Kind::BinaryEvent => self.forgotten = true,
            Kind::Ack | Kind::BinaryAck => match self.asked.remove(&(packet.namespace.clone(), !to_server, id)) {
                Some(asked) => {
                    self.answered(&packet.namespace);
                    let nanoseconds = now.time.0.saturating_sub(asked.time.0);
                    packet.answers = Some(Answer { frame: asked.frame, nanoseconds });
                }
                None if whole && !self.forgotten && !is_doubtful => {
                    let text =
                        format!("it acknowledges the event {id}, which nobody sent or which was answered before");
                    notes.push(Note::new(Severity::Warn, text, packet.revision.acknowledgement()));
                }
                None => {}
            },
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Timestamp;
    use crate::protocol::socketio::Revision;

    const UP: Direction = Direction::ToServer;
    const DOWN: Direction = Direction::ToClient;

    struct Play {
        exchanges: Exchanges,
        frame: u32,
    }

    impl Play {
        /// The next packet, a microsecond after the one before: the frame it answers, and how many notes there are.
        fn hear(&mut self, direction: Direction, kind: Kind, namespace: &'static str, id: u64) -> (Option<u32>, usize) {
            self.frame += 1;
            let mut packet = SocketIoPacket {
                revision: Revision::V5,
                sid: None,
                socket: None,
                namespace: Cow::Borrowed(namespace),
                kind,
                id: Some(id),
                data: None,
                offset: None,
                attachments: 0,
                answers: None,
            };
            let now = Moment { frame: self.frame, time: Timestamp(i64::from(self.frame) * 1000) };
            let mut notes = Vec::new();
            self.exchanges.hear((direction, false), now, true, &mut packet, &mut notes);
            if let Some(answer) = packet.answers {
                assert_eq!(answer.nanoseconds, i64::from(self.frame - answer.frame) * 1000);
            }
            (packet.answers.map(|answer| answer.frame), notes.len())
        }
    }

    #[test]
    fn an_answer_finds_its_event() {
        let mut play = Play { exchanges: Exchanges::default(), frame: 0 };
        assert_eq!(play.hear(UP, Kind::Event, "/", 0), (None, 0));
        assert_eq!(play.hear(DOWN, Kind::Event, "/", 0), (None, 0), "each side counts for itself");
        assert_eq!(play.hear(UP, Kind::BinaryEvent, "/admin", 0), (None, 0), "and so does each namespace");
        assert_eq!(play.hear(DOWN, Kind::Ack, "/admin", 0), (Some(3), 0));
        assert_eq!(play.hear(DOWN, Kind::Ack, "/", 0), (Some(1), 0));
        assert_eq!(play.hear(UP, Kind::BinaryAck, "/", 0), (Some(2), 0));
        assert_eq!(play.hear(UP, Kind::Ack, "/", 0), (None, 1), "answered twice");
        assert_eq!(play.hear(DOWN, Kind::Ack, "/", 9), (None, 1), "nobody asked");
        play.hear(UP, Kind::Event, "/", 5);
        assert_eq!(play.hear(UP, Kind::Event, "/", 5), (None, 1), "the same id again");
        assert_eq!(play.hear(DOWN, Kind::Ack, "/", 5), (Some(10), 0));
    }

    /// What memory it takes is known without looking, and is given back.
    #[test]
    fn what_is_kept_is_counted() {
        let mut play = Play { exchanges: Exchanges::default(), frame: 0 };
        let counted = |play: &Play| {
            let sum: usize = play.exchanges.asked.keys().map(|(namespace, ..)| ASKED + namespace.len()).sum();
            assert_eq!(play.exchanges.kept(), sum);
            play.exchanges.asked.capacity()
        };
        let usual = |kind, id| Usual { kind, id: Some(id) };
        for id in 0..1000 {
            play.hear(UP, Kind::Event, if id % 3 == 0 { "/admin" } else { "/" }, id);
            play.hear(UP, Kind::Event, "/", id);
            play.exchanges.pass(DOWN, Moment::default(), usual(Kind::Event, id));
            play.exchanges.pass(UP, Moment::default(), usual(Kind::Event, id));
            counted(&play);
        }
        let many = counted(&play);
        for id in 0..1000 {
            play.hear(DOWN, Kind::Ack, "/admin", id);
            play.exchanges.pass(DOWN, Moment::default(), usual(Kind::Ack, id));
            play.exchanges.pass(UP, Moment::default(), usual(Kind::Ack, id));
            play.hear(DOWN, Kind::Ack, "/", id);
            counted(&play);
        }
        assert_eq!(play.exchanges.kept(), 0);
        assert!(counted(&play) < many / 10, "{many}");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut play = Play { exchanges: Exchanges::default(), frame: 0 };
        (0..10_000).for_each(|id| assert_eq!(play.hear(UP, Kind::Event, "/", id), (None, 0)));
        assert_eq!(play.exchanges.asked.len(), MAX_WAITING);
        assert_eq!(play.hear(DOWN, Kind::Ack, "/", 9_999), (None, 0), "it was not remembered: no surprise");
    }
}
