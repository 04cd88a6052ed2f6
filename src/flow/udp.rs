//! Which datagrams belong together. UDP has no connections; as Wireshark does, all datagrams between the same two ends
//! are numbered as one stream.

use std::net::SocketAddr;

use crate::capture::Timestamp;
use crate::layer::{Group, Layer, Note, Severity, Value};
use crate::map::Map;
use crate::packet::Packet;

crate::fields! {
    UDP_STREAM = "udp.stream", Uint(32), "The number of the pair of ends, from 0 in order of first datagram.", "";
    UDP_TIME_RELATIVE = "udp.time_relative", Seconds, "The time since the first datagram between these ends.", "";
    UDP_TIME_DELTA = "udp.time_delta", Seconds, "The time since the previous datagram between these ends.", "";
}

/// Where a datagram stands among those between the same ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UdpPlace {
    /// The number of the pair of ends (`udp.stream`).
    pub stream: u32,
    /// Nanoseconds since the first datagram between them.
    pub time_relative: i128,
    /// Nanoseconds since the one before.
    pub time_delta: i128,
}

#[derive(Debug, Clone, Copy)]
struct Pair {
    stream: u32,
    /// When the first and the latest datagram came; none if the pair is only known from an ICMP error.
    seen: Option<(Timestamp, Timestamp)>,
}

/// All pairs of ends that sent each other datagrams; or, if it is bounded, those met lately.
#[derive(Debug, Clone, Default)]
pub struct UdpTable {
    pairs: Map<(SocketAddr, SocketAddr), Pair>,
    opened: u32,
    limit: Option<usize>,
    /// It had to forget pairs, and has not said so.
    forgot: bool,
    told: bool,
}

impl UdpTable {
    /// A table that forgets all pairs when there are more than `limit`: then one that goes on gets another number.
    pub fn bounded(limit: usize) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    /// What is to be told of pairs that were forgotten; once.
    pub fn take_note(&mut self) -> Option<Note> {
        let says = std::mem::take(&mut self.forgot) && !std::mem::replace(&mut self.told, true);
        let limit = self.limit.filter(|_| says)?;
        let text = format!(
            "more than {limit} pairs of ends sent each other datagrams: those before are forgotten, and counted anew if they go on"
        );
        Some(Note::new(Severity::Note, text, "").about(Group::Undecoded))
    }

    /// Finds the place of a packet; `None` if it is no UDP.
    pub fn push(&mut self, packet: &Packet, time: Timestamp) -> Option<UdpPlace> {
        let pair = self.pair(packet)?;
        let (first, before) = pair.seen.unwrap_or((time, time));
        pair.seen = Some((first, time));
        Some(UdpPlace {
            stream: pair.stream,
            time_relative: time.nanoseconds_since(first),
            time_delta: time.nanoseconds_since(before),
        })
    }

    /// Numbers the ends of a packet that an ICMP error quotes: such a packet opens a stream too, but has no time.
    pub fn mention(&mut self, quoted: &Packet) -> Option<u32> {
        self.pair(quoted).map(|pair| pair.stream)
    }

    fn pair(&mut self, packet: &Packet) -> Option<&mut Pair> {
        let (_, from, to) = packet.udp()?;
        let key = if from <= to { (from, to) } else { (to, from) };
        if self.limit.is_some_and(|limit| self.pairs.len() >= limit) && !self.pairs.contains_key(&key) {
            self.pairs.clear();
            self.forgot = true;
        }
        let stream = self.opened;
        let pair = self.pairs.entry(key).or_insert(Pair { stream, seen: None });
        self.opened += u32::from(pair.stream == stream);
        Some(pair)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::LinkType;

    /// The number of the datagram's pair of ends.
    fn number(table: &mut UdpTable, port: u16) -> u32 {
        let mut bytes = vec![0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend(port.to_be_bytes());
        bytes.extend([0, 53, 0, 8, 0, 0]);
        let packet = Packet::decode(LinkType::RAW, &bytes, 28);
        table.push(&packet, Timestamp(0)).map(|place| place.stream).expect("it is UDP")
    }

    #[test]
    fn a_bounded_table_forgets_and_says_so_once() {
        let mut table = UdpTable::bounded(3);
        assert_eq!([1, 2, 3, 2].map(|port| number(&mut table, port)), [0, 1, 2, 1]);
        assert_eq!(table.take_note(), None);
        assert_eq!([4, 1, 4].map(|port| number(&mut table, port)), [3, 4, 3], "a number is not used again");
        assert!(table.take_note().is_some_and(|note| note.text.starts_with("more than 3 pairs")));
        assert_eq!([5, 6, 7].map(|port| number(&mut table, port)), [5, 6, 7]);
        assert_eq!(table.take_note(), None);
        let mut all = UdpTable::default();
        assert_eq!([1, 2, 3, 4, 1].map(|port| number(&mut all, port)), [0, 1, 2, 3, 0]);
    }
}
