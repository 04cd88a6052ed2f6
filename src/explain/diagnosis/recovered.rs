//! Clients of Socket.IO that came back and asked for what they had missed, and whether they got it.
//!
//! # References
//! - Socket.IO 4 documentation, "Connection state recovery".

use std::collections::HashMap;

use super::{Case, Finding, MOST, quoted};
use crate::count::counted;
use crate::layer::{Direction, Severity};
use crate::protocol::socketio::Connect;
use crate::protocol::text::json_string;
use crate::protocol::{SocketIoKind, SocketIoPacket};

/// Where that is said.
const SPEC: &str = "Socket.IO 4 documentation, Connection state recovery";

/// A client that came back: the frame in which it asked, what it asked for, and what came before its answer.
struct Asked {
    frame: u32,
    pid: String,
    offset: String,
    events: Vec<u32>,
}

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut asked: HashMap<(&str, &str), Asked> = HashMap::new();
    let mut found = Vec::new();
    let packets = case.trace.messages().iter().filter_map(|one| Some((one, one.payload_as::<SocketIoPacket>()?)));
    for (message, packet) in packets {
        let Some(sid) = packet.sid.as_deref() else { continue };
        let (place, frame) = ((sid, &*packet.namespace), message.frame());
        match (packet.kind, message.direction) {
            (SocketIoKind::Connect, direction) => {
                let says = packet.data.as_deref().map(Connect::from_json).unwrap_or_default();
                if direction == Direction::ToClient {
                    found.extend(asked.remove(&place).map(|asked| told(place.1, asked, &says, frame)));
                } else if let (Some(pid), Some(offset)) = (says.pid, says.offset) {
                    asked.insert(place, Asked { frame, pid, offset, events: Vec::new() });
                }
            }
            (kind, Direction::ToClient) if kind.is_event() => {
                asked.get_mut(&place).into_iter().for_each(|asked| asked.events.push(frame));
            }
            _ => {}
        }
    }
    found
}

fn told(namespace: &str, asked: Asked, says: &Connect, answered: u32) -> Finding {
    let Asked { frame, pid, offset, events } = asked;
    let is_same = says.pid.as_deref() == Some(&*pid);
    let came_back = format!(
        "the client came back to {} in frame {frame} and asked for what it had missed behind the event with the offset {}",
        quoted(namespace),
        json_string(&offset, MOST)
    );
    let frames = [frame].into_iter().chain(events.iter().copied()).chain([answered]).collect();
    if is_same {
        let sent = events.len();
        let text = format!(
            "{came_back}: its server knew it, and sent {} that it had missed before it answered. It is the same socket as before, and \
             nothing is lost",
            counted(sent, "event")
        );
        return Finding { severity: Severity::Note, ..Finding::warn(text, SPEC, frames) };
    }
    let text = format!(
        "{came_back}: its server did not know it any more, so it is a new socket, and what was said meanwhile is lost. It was away for \
         longer than maxDisconnectionDuration, or the server began anew"
    );
    Finding::warn(text, SPEC, frames)
}
