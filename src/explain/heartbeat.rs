//! What a session of Engine.IO costs while nobody says anything: its server asks from time to time whether the client is
//! there. That is so rarely that it is measured in a play of its own, in which the server asks often.
//!
//! # References
//! - Engine.IO protocol 4, "Heartbeat": `pingInterval`, 25 s unless the server says otherwise.

use crate::protocol::engineio::{Content, EngineIoPacket, Kind, Open};
use crate::trace::Trace;

/// What one heartbeat takes, and how often there is one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Heartbeat {
    /// Octets on the wire from one ping to the next: the ping, its pong, and all that carries and acknowledges them.
    pub octets: f64,
    /// Seconds between two pings, as the server says when it opens a session.
    pub every: f64,
}

impl Heartbeat {
    /// The heartbeat of the sessions in `played`, as it was measured in `beating`, where the server asked several times and
    /// nothing else was said.
    pub fn of(played: &Trace, beating: &Trace) -> Option<Self> {
        Some(Self { octets: octets(beating)?, every: interval(played)? })
    }

    /// What it takes in a minute.
    pub fn octets_a_minute(self) -> f64 {
        self.octets * 60.0 / self.every
    }
}

/// The frames in which a server asked whether a client is there.
pub(super) fn pings(trace: &Trace) -> Vec<u32> {
    let of_kind = |packet: &EngineIoPacket| packet.kind == Kind::Ping && packet.content == Content::Text(String::new());
    let asked = trace.messages().iter().filter(|message| message.payload_as::<EngineIoPacket>().is_some_and(of_kind));
    let mut frames: Vec<u32> = asked.map(crate::trace::Message::frame).collect();
    frames.sort_unstable();
    frames
}

/// Octets from one ping to the next, on average. Around the first and the last other things go on.
fn octets(trace: &Trace) -> Option<f64> {
    let pings = pings(trace);
    let [_, whole @ .., _] = pings.as_slice() else { return None };
    let (first, last, beats) = (*whole.first()?, *whole.last()?, whole.len() - 1);
    let between = trace.records().filter(|(number, _)| (first..last).contains(number));
    let octets: u64 = between.map(|(_, record)| u64::from(record.frame.len)).sum();
    (beats > 0).then(|| octets as f64 / beats as f64)
}

/// Seconds between two pings, as the packet says that opens a session.
fn interval(trace: &Trace) -> Option<f64> {
    let packets = trace.messages().iter().filter_map(|message| message.payload_as::<EngineIoPacket>());
    let mut opened = packets.filter(|packet| packet.kind == Kind::Open);
    let milliseconds = opened.find_map(|packet| match &packet.content {
        Content::Text(json) => Open::from_json(json).ok()?.ping_interval,
        Content::Binary(_) => None,
    })?;
    (milliseconds > 0).then(|| milliseconds as f64 / 1e3)
}
