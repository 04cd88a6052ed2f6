//! A capture in numbers: what is in it, by protocol, connection and kind. Counted while it is read; nothing is kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::remark::Remarks;
use super::ridden::Ridden;
use crate::capture::{FrameRef, Timestamp};
use crate::flow::Finding;
use crate::layer::{Direction, Note, Severity};
use crate::message::Payload;
use crate::packet::Plain;
use crate::protocol::{Opcode, WebSocketFrame};
use crate::trace::{Ended, Kind, Needs, Place, Seen, Sight, Talk, Tally, Told, Watch};

/// So many of the busiest connections are told one by one.
const BUSIEST: usize = 100;

/// What is counted.
#[derive(Debug, Default)]
pub struct Summary {
    /// How many frames.
    pub frames: u64,
    /// How many octets they had on the wire.
    pub octets: u64,
    /// The earliest and the latest time, but for 0.
    times: Option<(Timestamp, Timestamp)>,
    /// There are frames at time 0, and that is their time.
    begins_at_zero: bool,
    /// The first frame of each connection, in no order.
    opened: Vec<u32>,
    /// Octets of payload in WebSocket frames, as their headers say.
    pub websocket_octets: u64,
    /// Octets of payload in WebSocket messages, put together and inflated; of those that are not all there, what is.
    pub message_octets: u64,
    /// How many TCP connections there are.
    pub connections: u64,
    /// How many pairs of ends sent each other datagrams.
    pub udp_streams: u64,
    kinds: [u64; Kind::ALL.len()],
    stacks: Vec<Stack>,
    opcodes: [u64; 16],
    ridden: Ridden,
    severities: [u64; SEVERITIES.len()],
    /// What was worth a remark.
    pub remarks: Remarks,
    findings: [u64; Finding::ALL.len()],
    /// TCP connections by what was spoken on them.
    talks: Vec<(&'static str, u64)>,
    busiest: BinaryHeap<Reverse<Row>>,
}

/// Frames with the same headers.
#[derive(Debug, Clone)]
struct Stack {
    key: u64,
    protocols: Vec<&'static str>,
    frames: u64,
    octets: u64,
}

/// One connection in numbers. The order is by octets, then by its place in the capture, the later first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Octets of payload in both directions.
    pub total: u64,
    /// Its first frame.
    pub first_frame: Reverse<u32>,
    /// The side that opened it.
    pub client: std::net::SocketAddr,
    /// The side that was connected to.
    pub server: std::net::SocketAddr,
    /// What was spoken on it at its end.
    pub protocol: &'static str,
    /// How many frames belong to it.
    pub frames: u32,
    /// Octets of payload to the server and to the client; what was sent again counts again.
    pub octets: [u64; 2],
    /// How many messages were found on it: requests and responses of HTTP, messages of WebSocket (each once, in however many
    /// frames it came), frames of HTTP/2, records of TLS. What rides on them (server-sent events, Engine.IO, Socket.IO) does
    /// not count again; where TLS is opened, what is inside counts instead of its records.
    pub messages: u64,
    /// Nanoseconds from its first frame to its latest.
    pub nanoseconds: i64,
}

const SEVERITIES: [Severity; 4] = [Severity::Chat, Severity::Note, Severity::Warn, Severity::Error];

/// Adds one to the count of an item of a list.
fn count<T: PartialEq>(list: &[T], counts: &mut [u64], item: &T) {
    let place = list.iter().position(|known| known == item);
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count += 1;
    }
}

/// Names with their counts, without those that are zero.
fn named<T>(list: &[T], counts: &[u64], name: impl Fn(&T) -> String) -> Vec<(String, u64)> {
    let all = list.iter().zip(counts).map(|(item, count)| (name(item), *count));
    all.filter(|(_, count)| *count > 0).collect()
}

impl Watch for Summary {
    fn needs(&self) -> Needs {
        Needs::NUMBERS
    }

    #[inline]
    fn passed(&mut self, _number: u32, frame: FrameRef<'_>, plain: &Plain) {
        self.add_frame(frame);
        self.add_stack(plain.stack_key(), u64::from(frame.len), || plain.protocols().to_vec());
    }

    fn frame(&mut self, sight: &Sight<'_>) {
        self.add_frame(sight.frame);
        let packet = sight.whole().0;
        self.add_stack(packet.stack_key(), u64::from(sight.frame.len), || {
            packet.headers().map(|(name, _)| name).collect()
        });
        if let Some(udp) = &sight.udp {
            self.kinds[Kind::UdpDatagram as usize] += 1;
            self.udp_streams = self.udp_streams.max(u64::from(udp.stream) + 1);
        }
        for told in sight.over_quic.iter().filter_map(Told::over_quic) {
            self.kinds[told.kind() as usize] += 1;
            match told {
                Told::EngineIo(packet) => self.ridden.add_engineio(packet.kind),
                Told::SocketIo(packet) => self.ridden.add_socketio(packet.kind),
                _ => {}
            }
        }
        if let Some(segment) = sight.segment.filter(|segment| !segment.analysis.findings.is_empty()) {
            for finding in segment.analysis.findings.iter() {
                count(&Finding::ALL, &mut self.findings, &finding);
            }
        }
    }

    fn message(&mut self, seen: &Seen<'_>) {
        let Some(told) = Told::of(seen) else { return };
        if let Told::Frame(frame, is_message) = told {
            return self.add_websocket(frame, is_message);
        }
        self.kinds[told.kind() as usize] += 1;
        match told {
            Told::Message(message) => self.message_octets += message.payload_len().unwrap_or(0),
            Told::EngineIo(packet) => self.ridden.add_engineio(packet.kind),
            Told::SocketIo(packet) => self.ridden.add_socketio(packet.kind),
            Told::Frame(..) | Told::Http(..) | Told::SseEvent(_) | Told::Handshake(_) | Told::Tls(_) => {}
        }
    }

    fn glanced(&mut self, payload: &dyn Payload) {
        if let Some(frame) = payload.as_any().downcast_ref() {
            self.add_websocket(frame, true);
        }
    }

    fn tallied(&mut self, tally: Tally) {
        self.kinds[Kind::EngineIoPacket as usize] += tally.messages;
        self.kinds[Kind::SocketIoPacket as usize] += tally.events + tally.binary_events + tally.acks;
        self.ridden.add_tally(tally);
    }

    fn note(&mut self, _on: Option<&Place>, note: &Note) {
        self.kinds[Kind::Note as usize] += 1;
        count(&SEVERITIES, &mut self.severities, &note.severity);
        self.remarks.add(note);
    }

    fn ended(&mut self, ended: Ended) {
        self.connections += 1;
        let protocol = match ended.talk {
            Talk::Known(name) => name,
            Talk::Silent => "silent",
            Talk::Unknown => "unknown",
        };
        match self.talks.iter_mut().find(|(known, _)| *known == protocol) {
            Some((_, count)) => *count += 1,
            None => self.talks.push((protocol, 1)),
        }
        let connection = &ended.connection;
        self.opened.push(connection.first.0);
        self.busiest.push(Reverse(Row {
            total: connection.octets.iter().sum(),
            first_frame: Reverse(connection.first.0),
            client: connection.client,
            server: connection.server,
            protocol,
            frames: connection.frames,
            octets: connection.octets,
            messages: ended.messages,
            // Frames may step back in time.
            nanoseconds: connection.last.1.0.saturating_sub(connection.first.1.0).max(0),
        }));
        if self.busiest.len() > BUSIEST {
            self.busiest.pop();
        }
    }
}

impl Summary {
    fn add_frame(&mut self, frame: FrameRef<'_>) {
        self.frames += 1;
        self.octets += u64::from(frame.len);
        let now = frame.time;
        match &mut self.times {
            _ if now == Timestamp(0) => self.begins_at_zero = true,
            Some((earliest, latest)) => (*earliest, *latest) = (now.min(*earliest), now.max(*latest)),
            none => *none = Some((now, now)),
        }
        self.kinds[Kind::Packet as usize] += 1;
    }

    fn add_websocket(&mut self, frame: &WebSocketFrame, is_message: bool) {
        self.kinds[Kind::WebSocketFrame as usize] += 1;
        self.opcodes[usize::from(frame.opcode.bits() & 15)] += 1;
        // A header may announce more than any stream can hold.
        self.websocket_octets = self.websocket_octets.saturating_add(frame.payload_len);
        if is_message {
            self.kinds[Kind::WebSocketMessage as usize] += 1;
            self.message_octets += frame.payload_len;
        }
    }

    fn add_stack(&mut self, key: u64, octets: u64, protocols: impl FnOnce() -> Vec<&'static str>) {
        // The usual ones are soon in front.
        if let Some(stack) = self.stacks.iter_mut().find(|stack| stack.key == key) {
            (stack.frames, stack.octets) = (stack.frames + 1, stack.octets + octets);
            return;
        }
        let mut protocols = protocols();
        if protocols.is_empty() {
            protocols.push("data");
        }
        self.stacks.push(Stack { key, protocols, frames: 1, octets });
    }

    /// The sum of this and of another part of the same capture.
    pub fn and(mut self, other: Self) -> Self {
        let add = |own: &mut [u64], more: &[u64]| own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
        self.frames += other.frames;
        self.octets += other.octets;
        self.websocket_octets = self.websocket_octets.saturating_add(other.websocket_octets);
        self.message_octets += other.message_octets;
        self.connections += other.connections;
        self.udp_streams = self.udp_streams.max(other.udp_streams);
        add(&mut self.kinds, &other.kinds);
        add(&mut self.opcodes, &other.opcodes);
        self.ridden.join(other.ridden);
        add(&mut self.severities, &other.severities);
        self.remarks = self.remarks.and(other.remarks);
        add(&mut self.findings, &other.findings);
        self.times = match (self.times, other.times) {
            (Some((earliest, latest)), Some((others_earliest, others_latest))) => {
                Some((earliest.min(others_earliest), latest.max(others_latest)))
            }
            (own, others) => own.or(others),
        };
        self.begins_at_zero |= other.begins_at_zero;
        for stack in other.stacks {
            match self.stacks.iter_mut().find(|known| known.key == stack.key) {
                Some(known) => {
                    known.frames += stack.frames;
                    known.octets += stack.octets;
                }
                None => self.stacks.push(stack),
            }
        }
        for (protocol, count) in other.talks {
            match self.talks.iter_mut().find(|(known, _)| *known == protocol) {
                Some((_, known)) => *known += count,
                None => self.talks.push((protocol, count)),
            }
        }
        self.opened.extend(other.opened);
        for row in other.busiest {
            self.busiest.push(row);
            if self.busiest.len() > BUSIEST {
                self.busiest.pop();
            }
        }
        self
    }

    /// The number of a connection (`tcp.stream`): how many began before it.
    pub fn stream(&self, row: &Row) -> usize {
        self.opened.iter().filter(|first| **first < row.first_frame.0).count()
    }

    /// How many there are of a kind.
    pub fn kind(&self, kind: Kind) -> u64 {
        self.kinds[kind as usize]
    }

    /// For each protocol of the headers, how many frames hold it and how many octets those have; outermost first.
    pub fn protocols(&self) -> Vec<(&'static str, u64, u64)> {
        let mut sums: Vec<(&'static str, u64, u64)> = Vec::new();
        let mut stacks: Vec<&Stack> = self.stacks.iter().collect();
        stacks.sort_by(|a, b| (b.frames, &a.protocols).cmp(&(a.frames, &b.protocols)));
        let depth = stacks.iter().map(|stack| stack.protocols.len()).max().unwrap_or(0);
        for level in 0..depth {
            for stack in &stacks {
                let Some(name) = stack.protocols.get(level) else { continue };
                // A tag may stand twice in a frame, which is one frame all the same.
                let repeated = stack.protocols[..level].contains(name);
                match sums.iter_mut().find(|(known, ..)| known == name) {
                    Some((_, frames, octets)) if !repeated => {
                        *frames += stack.frames;
                        *octets += stack.octets;
                    }
                    Some(_) => {}
                    None => sums.push((name, stack.frames, stack.octets)),
                }
            }
        }
        sums
    }

    /// WebSocket frames by opcode.
    pub fn opcodes(&self) -> Vec<(String, u64)> {
        let all: Vec<Opcode> = (0..16).map(Opcode::from_bits).collect();
        named(&all, &self.opcodes, ToString::to_string)
    }

    /// Packets of Engine.IO by type.
    pub fn engineio(&self) -> Vec<(String, u64)> {
        self.ridden.engineio()
    }

    /// Packets of Socket.IO by type.
    pub fn socketio(&self) -> Vec<(String, u64)> {
        self.ridden.socketio()
    }

    /// Notes by severity.
    pub fn severities(&self) -> Vec<(String, u64)> {
        named(&SEVERITIES, &self.severities, ToString::to_string)
    }

    /// What TCP segments are to those before them, by the names of `tcp.analysis`.
    pub fn findings(&self) -> Vec<(String, u64)> {
        named(&Finding::ALL, &self.findings, |finding| finding.name().to_owned())
    }

    /// TCP connections by what was spoken on them at their end, the most first.
    pub fn talks(&self) -> Vec<(&'static str, u64)> {
        let mut talks = self.talks.clone();
        talks.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        talks
    }

    /// The connections with the most octets, the busiest first; at most a hundred.
    pub fn busiest(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.busiest.iter().map(|Reverse(row)| row).collect();
        rows.sort_by(|a, b| b.cmp(a));
        rows
    }

    /// The same of a capture that keeps no time for some frames, and has them at [`Timestamp`] 0.
    #[must_use]
    pub fn partly_without_times(mut self) -> Self {
        self.begins_at_zero = false;
        self
    }

    /// Seconds from the earliest frame to the latest, of those that have a time.
    pub fn seconds(&self) -> f64 {
        let zero = self.begins_at_zero.then_some(Timestamp(0));
        let Some((earliest, latest)) = self.times.or(zero.map(|zero| (zero, zero))) else { return 0.0 };
        let (earliest, latest) =
            (zero.map_or(earliest, |zero| zero.min(earliest)), zero.map_or(latest, |zero| zero.max(latest)));
        latest.seconds_since(earliest)
    }
}

impl Row {
    /// Octets of payload in one direction.
    pub fn octets_in(&self, direction: Direction) -> u64 {
        self.octets[direction.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::Summary;
    use crate::capture::{Frame, LinkType, Timestamp};
    use crate::trace::testing::frame;

    fn of(times: &[i64]) -> Summary {
        let mut summary = Summary::default();
        for time in times {
            let frame = Frame { time: Timestamp(*time), ..frame(0, LinkType::RAW, vec![]) };
            summary.add_frame(frame.as_ref());
        }
        summary
    }

    #[test]
    fn a_capture_is_as_long_as_from_its_earliest_frame_to_its_latest() {
        let seconds = 1_000_000_000;
        assert_eq!(of(&[]).seconds(), 0.0);
        assert_eq!(of(&[0]).seconds(), 0.0);
        assert_eq!(of(&[0, 2 * seconds]).seconds(), 2.0);
        assert_eq!(of(&[5 * seconds, 2 * seconds, 3 * seconds]).seconds(), 3.0);
        assert_eq!(of(&[5 * seconds, 9 * seconds]).and(of(&[0])).seconds(), 9.0);
        assert_eq!(of(&[0, 5 * seconds, 0, 9 * seconds]).partly_without_times().seconds(), 4.0);
        assert_eq!(of(&[0, 0]).partly_without_times().seconds(), 0.0);
    }
}
