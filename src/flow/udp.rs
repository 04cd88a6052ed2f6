//! Which datagrams belong together. UDP has no connections; as Wireshark does, all datagrams between the same two ends
//! are numbered as one stream.

use std::net::SocketAddr;

use crate::capture::Timestamp;
use crate::layer::{Layer, Value};
use crate::map::Map;
use crate::packet::Packet;

crate::fields! {
    UDP_STREAM = "udp.stream", Uint, "The number of the pair of ends, from 0 in order of first datagram.", "";
    UDP_TIME_RELATIVE = "udp.time_relative", Seconds, "The time since the first datagram between these ends.", "";
    UDP_TIME_DELTA = "udp.time_delta", Seconds, "The time since the previous datagram between these ends.", "";
}

/// Where a datagram stands among those between the same ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UdpPlace {
    /// The number of the pair of ends (`udp.stream`).
    pub stream: u32,
    /// Seconds since the first datagram between them.
    pub time_relative: f64,
    /// Seconds since the one before.
    pub time_delta: f64,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    stream: u32,
    /// When the first and the latest datagram came; none if the pair is only known from an ICMP error.
    seen: Option<(Timestamp, Timestamp)>,
}

/// All pairs of ends that sent each other datagrams.
#[derive(Debug, Clone, Default)]
pub struct UdpTable {
    pairs: Map<(SocketAddr, SocketAddr), Pair>,
}

impl UdpTable {
    /// Finds the place of a packet; `None` if it is no UDP.
    pub fn push(&mut self, packet: &Packet, time: Timestamp) -> Option<UdpPlace> {
        let pair = self.pair(packet)?;
        let (first, before) = pair.seen.unwrap_or((time, time));
        pair.seen = Some((first, time));
        Some(UdpPlace {
            stream: pair.stream,
            time_relative: time.seconds_since(first),
            time_delta: time.seconds_since(before),
        })
    }

    /// Numbers the ends of a packet that an ICMP error quotes: such a packet opens a stream too, but has no time.
    pub fn mention(&mut self, quoted: &Packet) -> Option<u32> {
        self.pair(quoted).map(|pair| pair.stream)
    }

    fn pair(&mut self, packet: &Packet) -> Option<&mut Pair> {
        let (_, from, to) = packet.udp()?;
        let stream = self.pairs.len() as u32;
        let key = if from <= to { (from, to) } else { (to, from) };
        Some(self.pairs.entry(key).or_insert(Pair { stream, seen: None }))
    }
}

impl UdpPlace {
    /// Adds what is known of the ends to the layer of a UDP header.
    pub fn describe(&self, layer: &mut Layer) {
        layer.computed(&UDP_STREAM, Value::Uint(u64::from(self.stream)));
        layer.computed(&UDP_TIME_RELATIVE, Value::Seconds(self.time_relative));
        layer.computed(&UDP_TIME_DELTA, Value::Seconds(self.time_delta));
    }
}

/// Adds the number of its ends to the layer of a UDP header that an ICMP error quotes.
pub fn describe_mention(stream: u32, layer: &mut Layer) {
    layer.computed(&UDP_STREAM, Value::Uint(u64::from(stream)));
}
