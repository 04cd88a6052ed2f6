//! Upgrades of Engine.IO of which nothing comes, as something between takes the handshake and passes no frames.
//!
//! # References
//! - Engine.IO protocol 4, "Upgrade": the client sends `2probe`, the server answers `3probe`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Finding, Lying, in_words, lying};
use crate::layer::Direction;
use crate::protocol::engineio::{Content, EngineIoPacket, Kind, Query, Transport};
use crate::protocol::{Opcode, WebSocketFrame};
use crate::trace::Message;

/// A server that is there answers sooner: a quarter of a second.
const PATIENCE: f64 = 0.25;

/// Probes to which nothing came, though the server answered the same session elsewhere in that time.
pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let is_probe = |packet: &EngineIoPacket| {
        packet.kind == Kind::Ping
            && packet.transport == Transport::WebSocket
            && packet.content == Content::Text("probe".to_owned())
    };
    let mut probes: BTreeMap<Lying, (&Message, &str)> = BTreeMap::new();
    let mut heard: BTreeSet<Lying> = BTreeSet::new();
    for message in case.trace.messages() {
        let here = lying(message);
        match message.payload_as::<EngineIoPacket>() {
            // Who closes does so because the probe did not come, either.
            _ if message.direction == Direction::ToClient => {
                let is_close =
                    message.payload_as::<WebSocketFrame>().is_some_and(|frame| frame.opcode == Opcode::Close);
                if !is_close && probes.contains_key(&here) {
                    heard.insert(here);
                }
            }
            Some(packet) if is_probe(packet) => {
                let sid = packet.sid.as_deref().filter(|_| !probes.contains_key(&here));
                probes.extend(sid.map(|sid| (here, (message, sid))));
            }
            _ => {}
        }
    }
    probes.retain(|here, _| !heard.contains(here));
    if probes.is_empty() {
        return Vec::new();
    }
    // When each session was answered by polling.
    let mut polled: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
    for exchange in case.exchanges.iter().filter(|exchange| exchange.status == Some(200)) {
        if let (Some(sid), Some(answer)) = (Query::from_target(&exchange.target).sid, exchange.answer) {
            polled.entry(sid.to_string()).or_default().push((exchange.request.frame(), answer.frame()));
        }
    }
    probes.into_values().filter_map(|(probe, sid)| lost(case, probe, polled.get(sid)?)).collect()
}

fn lost(case: &Case<'_>, probe: &Message, polled: &[(u32, u32)]) -> Option<Finding> {
    let connection = case.connection(probe)?;
    let closed = case.closed_behind(probe).map(|(_, frame)| frame);
    let end = closed.into_iter().chain(case.end_for(probe).map(|end| end.frame)).min()?;
    let waited = case.seconds(probe.frame(), end);
    let answered = polled.iter().find(|(asked, _)| *asked > probe.frame()).map(|(_, answered)| *answered)?;
    let has_all = case.has_all(connection, Direction::ToServer) && case.has_all(connection, Direction::ToClient);
    if waited < PATIENCE || !has_all {
        return None;
    }
    let text = format!(
        "the probe (`2probe`) in frame {} was not answered in the {} until its WebSocket was over, and nothing else came there from {}, \
         though the session went on by polling, as in frame {answered}: likely something between lets the handshake pass, and no \
         frames, as a proxy does that does not know WebSocket",
        probe.frame(),
        in_words(waited),
        connection.server
    );
    Some(Finding::warn(text, "Engine.IO protocol 4, Upgrade", vec![probe.frame(), end, answered]))
}
