//! What a capture of the same events over one transport costs: frames, connections, octets by layer. Every octet of every
//! frame has one owner, so the sum over the layers is the sum over the frames.

use std::time::Duration;

use super::heartbeat::{Heartbeat, pings};
use super::owner;
use crate::flow::{Finding, Segment};
use crate::layer::Direction;
use crate::packet::Flags;
use crate::protocol::{HttpMessage, Opcode, Side, SocketIoKind, SocketIoPacket, SseEventMessage, WebSocketFrame};
use crate::trace::{Message, Record, Trace};

/// Who owns octets, as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CostLayer {
    /// What the link adds, and ARP, which only it needs.
    Link,
    /// IP, with what it says for itself (ICMP) and signs (AH).
    Ip,
    /// TCP.
    Tcp,
    /// TLS: its handshake, and what it puts around each record.
    Tls,
    /// UDP.
    Udp,
    /// QUIC: what it carries is encrypted, and counted with it.
    Quic,
    /// HTTP: start lines, header fields, chunk framing.
    Http,
    /// WebSocket: the headers of its frames, control frames.
    WebSocket,
    /// Socket.IO, with Engine.IO below it: all their packets but the text of the events.
    SocketIo,
    /// Octets that had come before, or when they had been given up for missing.
    #[serde(rename = "sent again")]
    Again,
    /// What was to be said, with what an event stream puts around it, and the codes of Close frames.
    Payload,
}

impl CostLayer {
    /// All of them, outermost first.
    pub const ALL: [Self; 11] = [
        Self::Link,
        Self::Ip,
        Self::Tcp,
        Self::Udp,
        Self::Quic,
        Self::Tls,
        Self::Http,
        Self::WebSocket,
        Self::SocketIo,
        Self::Again,
        Self::Payload,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Ip => "IP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Udp => "UDP",
            Self::Quic => "QUIC",
            Self::Http => "HTTP",
            Self::WebSocket => "WebSocket",
            Self::SocketIo => "Socket.IO",
            Self::Again => "sent again",
            Self::Payload => "payload",
        }
    }
}

/// What one transport took.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Cost {
    /// Frames in all.
    pub frames: usize,
    /// Octets in all.
    pub octets: u64,
    /// TCP connections.
    pub connections: usize,
    /// Datagrams of UDP; one that came in fragments is one.
    pub datagrams: usize,
    /// Packets of QUIC in them.
    pub quic_packets: usize,
    /// Requests of HTTP.
    pub requests: usize,
    /// Those answered with nothing (204).
    pub empty_answers: usize,
    /// Frames that only acknowledge.
    pub pure_acks: usize,
    /// Segments sent again.
    pub retransmissions: usize,
    /// Octets by layer, outermost first; their sum is `octets`.
    pub layers: Vec<(CostLayer, u64)>,
    /// The frames in which an event was there.
    pub events: Vec<u32>,
    /// Octets before the first event was there.
    pub before: u64,
    /// Octets from one event to the next, on average over all but the first; none with fewer than two events.
    pub per_event: Option<f64>,
    /// Octets a minute from 250 ms behind the last event on, if nothing happened there for longer. With a heartbeat it is in it,
    /// as arithmetic, unless one was seen there.
    pub idle_per_minute: Option<f64>,
    /// What a heartbeat takes, if there are any and they were measured.
    pub heartbeat: Option<Heartbeat>,
    /// How many TCP connections were open on average, from the first frame to the last.
    pub held_open: f64,
    /// How many clients shared all this.
    pub clients: usize,
}

/// What was played, as far as a capture alone does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played<'a> {
    /// Which ways events went.
    pub directions: &'a [Direction],
    /// Octets in each.
    pub payload: usize,
    /// How many clients there were.
    pub clients: usize,
    /// How long nothing happened behind the last event.
    pub idle: Duration,
    /// Whether each frame was captured where it was sent: then what is out of order is sent again, as nothing overtakes there.
    pub as_sent: bool,
}

impl Played<'_> {
    fn is_again(&self, segment: &Segment) -> bool {
        let findings = segment.analysis.findings;
        findings.has(Finding::Retransmission) || (self.as_sent && findings.has(Finding::OutOfOrder))
    }
}

impl Cost {
    /// What a capture cost in which events went this way, for one client; `payload` is how many octets each has, to know them
    /// by where nothing else does.
    pub fn of(trace: &Trace, direction: Direction, payload: usize) -> Self {
        let directions = &[direction];
        Self::of_play(trace, &Played { directions, payload, clients: 1, idle: Duration::ZERO, as_sent: false })
    }

    /// What a capture cost in which this was played.
    pub fn of_play(trace: &Trace, played: &Played<'_>) -> Self {
        let Played { directions, payload, .. } = *played;
        let len = |record: &Record| u64::from(record.frame.len);
        let events = events(trace, played);
        let mut layers: Vec<(CostLayer, u64)> = CostLayer::ALL.iter().map(|layer| (*layer, 0)).collect();
        let (mut pure_acks, mut retransmissions) = (0, 0);
        for (number, record) in trace.records() {
            for share in trace.ledger(number) {
                let layer = owner::cost(share.owner).unwrap_or(CostLayer::Payload);
                layers
                    .iter_mut()
                    .filter(|(known, _)| *known == layer)
                    .for_each(|(_, sum)| *sum += u64::from(share.len()));
            }
            let segment = record.segment.as_ref();
            let flags = record.whole().0.tcp().map(|(tcp, ..)| tcp.flags.0);
            let only_ack = flags.is_some_and(|flags| flags & (Flags::SYN | Flags::FIN | Flags::RST) == 0);
            pure_acks += usize::from(segment.is_some_and(|segment| segment.len == 0 && only_ack));
            retransmissions += usize::from(segment.is_some_and(|segment| played.is_again(segment)));
        }
        if emitted(trace, directions).next().is_some() {
            set_apart(&mut layers, events.len() as u64 * payload as u64);
        }
        let octets_in = |from: u32, to: u32| -> u64 {
            trace.records().filter(|(number, _)| (from..to).contains(number)).map(|(_, record)| len(record)).sum()
        };
        let (first, last) = (events.first().copied().unwrap_or(0), events.last().copied().unwrap_or(0));
        let gaps = events.len().saturating_sub(1);
        let http = |wanted: &dyn Fn(&HttpMessage) -> bool| {
            trace
                .messages()
                .iter()
                .filter_map(|message| message.payload_as::<HttpMessage>())
                .filter(|http| wanted(http))
                .count()
        };
        Self {
            frames: trace.records().count(),
            octets: trace.records().map(|(_, record)| len(record)).sum(),
            connections: trace.connections().len(),
            datagrams: trace.records().filter(|(_, record)| record.udp.is_some()).count(),
            quic_packets: trace.records().filter_map(|(_, record)| record.quic.as_deref()).map(<[_]>::len).sum(),
            requests: http(&|http| http.side == Side::Request),
            empty_answers: http(&|http| http.status() == Some(204)),
            pure_acks,
            retransmissions,
            layers,
            before: octets_in(1, first),
            per_event: (gaps > 0).then(|| octets_in(first + 1, last + 1) as f64 / gaps as f64),
            idle_per_minute: idle_per_minute(trace, last, played.idle),
            heartbeat: None,
            held_open: held_open(trace),
            clients: played.clients,
            events,
        }
    }

    /// The same, with the heartbeats of its sessions: each client has one.
    pub fn with_heartbeat(self, heartbeat: Option<Heartbeat>, trace: &Trace) -> Self {
        let last = self.events.last().copied().unwrap_or(0);
        let was_seen = pings(trace).into_iter().any(|frame| frame > last);
        let added = heartbeat.filter(|_| !was_seen).map_or(0.0, |beat| beat.octets_a_minute() * self.clients as f64);
        Self { idle_per_minute: self.idle_per_minute.map(|idle| idle + added), heartbeat, ..self }
    }

    /// Whether the layers add up to the frames.
    pub fn adds_up(&self) -> bool {
        self.layers.iter().map(|(_, octets)| octets).sum::<u64>() == self.octets
    }

    /// After how many events this has cost less than `other`, if it ever does: arithmetic on what both cost before the
    /// first event and for each, not a measurement.
    pub fn pays_off_against(&self, other: &Self) -> Option<u64> {
        let (own, others) = (self.per_event?, other.per_event?);
        let ahead = self.before as f64 - other.before as f64;
        let saved = others - own;
        match (ahead <= 0.0, saved > 0.0) {
            (true, true) => Some(1),
            // An event for each client costs once for each.
            (false, true) => Some((ahead / saved / self.clients.max(1) as f64).ceil() as u64),
            _ => None,
        }
    }
}

/// What went over the wire in the time behind the last event in which nothing happened, for a minute. What acknowledges that
/// event belongs to it.
fn idle_per_minute(trace: &Trace, last: u32, idle: Duration) -> Option<f64> {
    let seconds = idle.checked_sub(SETTLED)?.as_secs_f64();
    let begins = trace.time(last).filter(|_| seconds > 0.0)? + SETTLED.as_secs_f64();
    let is_idle =
        |(number, _): &(u32, &Record)| trace.time(*number).is_some_and(|at| at > begins && at - begins <= seconds);
    let octets: u64 = trace.records().filter(is_idle).map(|(_, record)| u64::from(record.frame.len)).sum();
    Some(octets as f64 * 60.0 / seconds)
}

/// By then what was said last is acknowledged: TCP delays that by 200 ms at most on Linux.
const SETTLED: Duration = Duration::from_millis(250);

/// The time all connections were open, for each unit of the time from the first frame to the last.
fn held_open(trace: &Trace) -> f64 {
    let numbers = || trace.records().map(|(number, _)| number);
    let (first, last) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
    let between = |from: u32, to: u32| trace.time(to).unwrap_or(0.0) - trace.time(from).unwrap_or(0.0);
    let all = between(first, last);
    let open = trace.connections().iter().map(|one| between(one.first.0, one.last.0)).fold(0.0, |sum, one| sum + one);
    if all > 0.0 { open / all } else { 0.0 }
}

/// The frames in which an event was there.
fn events(trace: &Trace, played: &Played<'_>) -> Vec<u32> {
    let Played { directions, payload, .. } = *played;
    let messages = trace.messages().iter().filter(|message| directions.contains(&message.direction));
    // Where Socket.IO is spoken, what carries it carries more than events.
    let mut frames: Vec<u32> = emitted(trace, directions).map(Message::frame).collect();
    if !frames.is_empty() {
        frames.sort_unstable();
        return frames;
    }
    let told = messages.filter(|message| {
        let http = message.payload_as::<HttpMessage>();
        let frame = message.payload_as::<WebSocketFrame>();
        let sse = message.payload_as::<SseEventMessage>();
        // The head of an event stream is an answer too, but its events are told by themselves.
        http.is_some_and(|http| http.status() == Some(200) && http.body(trace.bytes(message)).len() == payload)
            || frame.is_some_and(|frame| frame.opcode == Opcode::Text)
            || sse.is_some_and(|sse| sse.event().is_some())
    });
    let mut frames: Vec<u32> = told.map(Message::frame).collect();
    if frames.is_empty() {
        frames = bare(trace, played);
    }
    frames.sort_unstable();
    frames
}

/// The events of Socket.IO.
fn emitted<'a>(trace: &'a Trace, directions: &'a [Direction]) -> impl Iterator<Item = &'a Message> {
    let messages = trace.messages().iter().filter(|message| directions.contains(&message.direction));
    messages.filter(|message| {
        message.payload_as::<SocketIoPacket>().is_some_and(|packet| packet.kind == SocketIoKind::Event)
    })
}

/// Of what WebSocket and HTTP carry only so many octets were to be said: the rest is Socket.IO's.
fn set_apart(layers: &mut [(CostLayer, u64)], said: u64) {
    let carried = layers.iter_mut().find(|(layer, _)| *layer == CostLayer::Payload);
    let rest = carried.map_or(0, |(_, sum)| {
        let rest = sum.saturating_sub(said);
        *sum -= rest;
        rest
    });
    layers.iter_mut().filter(|(layer, _)| *layer == CostLayer::SocketIo).for_each(|(_, sum)| *sum += rest);
}

/// The frames that carry so many octets and nothing above TCP or UDP.
///
/// The first datagram goes to the server: it cannot know where to send one before.
fn bare(trace: &Trace, played: &Played<'_>) -> Vec<u32> {
    let Played { directions, payload, .. } = *played;
    let server = trace.records().find_map(|(_, record)| record.whole().0.udp().map(|(_, _, to)| to));
    let carries = |record: &Record| match &record.segment {
        Some(segment) => directions.contains(&segment.direction) && segment.len > 0 && !played.is_again(segment),
        None => record.whole().0.udp().is_some_and(|(_, _, to)| {
            let direction = if Some(to) == server { Direction::ToServer } else { Direction::ToClient };
            directions.contains(&direction) && record.whole().0.payload.len() == payload
        }),
    };
    trace.records().filter(|(_, record)| carries(record)).map(|(number, _)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{Conversation, TO_SERVER};

    #[test]
    fn what_is_sent_again_is_no_payload() {
        let mut talk = Conversation::new().open();
        talk.client("twelve bytes");
        let of = |talk: &Conversation, layer| {
            let cost = Cost::of(&talk.trace(), TO_SERVER, 12);
            assert!(cost.adds_up());
            cost.layers.into_iter().find(|(known, _)| *known == layer).map(|(_, octets)| octets)
        };
        assert_eq!([CostLayer::Payload, CostLayer::Again].map(|layer| of(&talk, layer)), [Some(12), Some(0)]);
        let again = talk.frames.last().cloned().unwrap();
        talk.frames.push(again);
        assert_eq!([CostLayer::Payload, CostLayer::Again].map(|layer| of(&talk, layer)), [Some(12), Some(12)]);
    }
}
