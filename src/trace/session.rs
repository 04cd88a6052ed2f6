//! Engine.IO sessions over all their TCP connections: what the layer above says in each.
//!
//! A session is named by its sid and not by a connection: it begins with polling on several connections and moves to
//! a WebSocket of its own. So what its packets carry is followed here, where all connections meet, in the order of their
//! frames.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Upgrade"; Socket.IO protocol 5, "Exchange protocol".

use std::sync::Arc;

use super::carried::{Carried, Ridden};
use super::heart::Heart;
use super::socket::Sockets;
use super::watch::Tally;
use crate::layer::{Group, Note, Severity};
use crate::map::Map;
use crate::protocol::engineio::{Data, Kind, Open, Version};
use crate::protocol::socketio;

/// More sessions than this are not followed at once: a peer can ask for any number of them.
const MAX_SESSIONS: usize = 1 << 14;

/// Follows every session of a capture.
#[derive(Default)]
pub(super) struct Sessions {
    sessions: Map<Arc<str>, Session>,
    /// A request of a session was seen.
    pub(super) noticed: bool,
    /// It was told that there are too many.
    told: bool,
}

/// What is known of one session.
struct Session {
    heart: Heart,
    sockets: Sockets,
}

/// What was found inside a carrier.
#[derive(Default)]
pub(super) struct Found {
    pub(super) ridden: Vec<Ridden>,
    /// Packets that are only counted, because nobody reads more of them.
    pub(super) tally: Tally,
    /// What is odd about the carrier itself.
    pub(super) remarks: Vec<Note>,
    /// Where masks are undone.
    pub(super) buffer: Vec<u8>,
}

impl Sessions {
    /// Takes the packet that opens a session.
    pub(super) fn open(&mut self, sid: &Arc<str>, version: Version, open: &Open, found: &mut Found) {
        if let Some(session) = self.session(sid, version, found) {
            session.heart.open(open);
            session.sockets.seen_from_open();
        }
    }

    /// Takes one into which the capture came in its middle. Who pings in it is not known: that is the version's.
    pub(super) fn join(&mut self, sid: &Arc<str>) {
        self.noticed = true;
        if self.sessions.len() < MAX_SESSIONS {
            let session = Session { heart: Heart::new(Version::Other(0)), sockets: Sockets::new(Version::V4) };
            self.sessions.insert(Arc::clone(sid), session);
        }
    }

    /// Octets of a session are missing: it is not known any longer what was said in it.
    pub(super) fn doubt(&mut self, sid: &str) {
        if let Some(session) = self.sessions.get_mut(sid) {
            session.sockets.doubt();
        }
    }

    /// Takes the text of a message, in UTF-8, if it is one of which there is nothing to say but what kind of packet of Socket.IO it
    /// is. Else nothing has happened.
    pub(super) fn pass(&mut self, carried: &Carried<'_>, sid: &str, text: &[u8]) -> Option<socketio::Kind> {
        self.sessions.get_mut(sid)?.sockets.pass(carried, text)
    }

    /// Takes a packet of a session: what Engine.IO asks of it, and what it carries.
    pub(super) fn hear(
        &mut self,
        carried: &Carried<'_>,
        sid: &Arc<str>,
        (version, kind): (Version, Kind),
        data: &Data<'_>,
        found: &mut Found,
    ) {
        let Some(session) = self.session(sid, version, found) else { return };
        match (kind, data) {
            (Kind::Message, _) => session.sockets.hear(carried, sid, data, found),
            (Kind::Close, _) => drop(self.sessions.remove(sid)),
            (_, Data::Text(text)) => {
                let note = session.heart.hear(kind, text, carried.direction, carried.moment);
                if let (Some(note), Some(ridden)) = (note, found.ridden.last_mut()) {
                    ridden.notes.push(note);
                }
            }
            (_, Data::Binary(_)) => {}
        }
    }

    /// Takes a request of a session by polling.
    pub(super) fn ask(
        &mut self,
        carried: &Carried<'_>,
        sid: &Arc<str>,
        version: Version,
        is_post: bool,
        found: &mut Found,
    ) {
        let (Some(connection), Some(session)) = (carried.connection, self.session(sid, version, found)) else { return };
        let note = session.heart.ask(connection.server, is_post);
        found.remarks.extend(note);
    }

    /// Takes its answer.
    pub(super) fn answer(
        &mut self,
        carried: &Carried<'_>,
        sid: &str,
        is_post: bool,
        (status, body): (u16, &[u8]),
        found: &mut Found,
    ) {
        let (Some(connection), Some(session)) = (carried.connection, self.sessions.get_mut(sid)) else { return };
        found.remarks.extend(session.heart.answer(connection.server, is_post, status, body));
    }

    /// What is known of a session; `None` when there are too many, which is told once.
    fn session(&mut self, sid: &Arc<str>, version: Version, found: &mut Found) -> Option<&mut Session> {
        if !self.sessions.contains_key(sid) {
            if self.sessions.len() >= MAX_SESSIONS {
                if !std::mem::replace(&mut self.told, true) {
                    let text =
                        format!("more than {MAX_SESSIONS} sessions: this one and others after it are not followed");
                    found.remarks.push(Note::new(Severity::Warn, text, "").about(Group::Undecoded));
                }
                return None;
            }
            let session = Session { heart: Heart::new(version), sockets: Sockets::new(version) };
            self.sessions.insert(Arc::clone(sid), session);
        }
        self.sessions.get_mut(sid)
    }
}
