//! Engine.IO sessions over all their TCP connections: what the layer above says in each.
//!
//! A session is named by its sid and not by a connection: it begins with polling on several connections and moves to
//! a WebSocket of its own. So what its packets carry is followed here, where all connections meet, in the order of their
//! frames.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Upgrade"; Socket.IO protocol 5, "Exchange protocol".

use std::sync::Arc;

use super::carrier::{Carried, Ridden};
use super::socket::Sockets;
use crate::layer::Note;
use crate::map::Map;
use crate::protocol::engineio::{Data, Version};

/// More sessions than this are not followed at once: a peer can ask for any number of them.
const MAX_SESSIONS: usize = 1 << 14;

/// Follows every session of a capture.
#[derive(Default)]
pub(super) struct Sessions {
    sessions: Map<Arc<str>, Sockets>,
    /// A request of a session was seen.
    pub(super) noticed: bool,
}

/// What was found inside a carrier.
#[derive(Default)]
pub(super) struct Found {
    pub(super) ridden: Vec<Ridden>,
    /// What is odd about the carrier itself.
    pub(super) remarks: Vec<Note>,
    /// Where masks are undone.
    pub(super) buffer: Vec<u8>,
}

impl Sessions {
    /// Takes what an Engine.IO message carries.
    pub(super) fn hear(
        &mut self,
        carried: &Carried<'_>,
        sid: &Arc<str>,
        version: Version,
        data: &Data<'_>,
        found: &mut Found,
    ) {
        if let Some(sockets) = self.sockets_of(sid, version) {
            sockets.hear(carried, sid, data, found);
        }
    }

    /// What is known of the Socket.IO connections of a session; `None` when there are too many.
    fn sockets_of(&mut self, sid: &Arc<str>, version: Version) -> Option<&mut Sockets> {
        if !self.sessions.contains_key(sid) {
            if self.sessions.len() >= MAX_SESSIONS {
                return None;
            }
            self.sessions.insert(Arc::clone(sid), Sockets::new(version));
        }
        self.sessions.get_mut(sid)
    }
}
