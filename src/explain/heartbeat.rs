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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CaptureFile, Source as _};
    use crate::explain::Cost;
    use crate::trace::Pipeline;

    fn trace(name: &str) -> Trace {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/captures");
        let mut file = CaptureFile::open(&folder.join(format!("{name}.pcapng"))).unwrap();
        let mut pipeline = Pipeline::default();
        while let Some(frame) = file.next_frame().unwrap() {
            pipeline.push(frame);
        }
        pipeline.finish()
    }

    /// The official server, which was told to ask every 1200 ms; it asked once, in frame 84.
    #[test]
    fn a_heartbeat_that_was_seen_is_not_added() {
        let seen = trace("socketio4-websocket");
        assert_eq!((pings(&seen), interval(&seen)), (vec![84], Some(1.2)));
        assert_eq!(Heartbeat::of(&seen, &seen), None, "one ping is no beat");
        let beat = Heartbeat { octets: 100.0, every: 25.0 };
        let idle = |last| {
            let cost = Cost { events: vec![last], idle_per_minute: Some(10.0), clients: 2, ..Cost::default() };
            cost.with_heartbeat(Some(beat), &seen).idle_per_minute
        };
        assert_eq!((idle(90), idle(50)), (Some(10.0 + 2.0 * 240.0), Some(10.0)));
        assert_eq!(Cost::default().with_heartbeat(Some(beat), &seen).idle_per_minute, None, "idling was not measured");
    }
}
