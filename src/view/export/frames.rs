//! The lines of frames: packets, datagrams, notes.

use std::net::SocketAddr;

use serde::Serialize;

use super::kinds::{rfc3339, sha256};
use crate::layer::Note;
use crate::packet::Transport;
use crate::trace::{Record, Trace};

#[derive(Serialize)]
pub(super) struct PacketLine {
    frame: u32,
    frames: [u32; 1],
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<SocketAddr>,
    len: u32,
    caplen: usize,
    layers: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<TcpPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp: Option<UdpPart>,
}

#[derive(Serialize)]
struct TcpPart {
    flags: Vec<&'static str>,
    seq: u32,
    ack: u32,
    len: u32,
    window: u64,
    /// Names as in `tcp.analysis.*`.
    analysis: Vec<&'static str>,
}

#[derive(Serialize)]
struct UdpPart {
    len: u16,
}

pub(super) fn packet(trace: &Trace, number: u32, record: &Record) -> PacketLine {
    let (from, to) = ends(record);
    let mut layers: Vec<&'static str> = record.whole().0.headers().map(|(name, _)| name).collect();
    for message in trace.messages_in(number).iter().filter(|message| message.owns_bytes()) {
        let protocol = message.payload.protocol();
        if layers.last() != Some(&protocol) {
            layers.push(protocol);
        }
    }
    let segment = record.segment.as_ref();
    let (mut tcp, mut udp) = (None, None);
    match &record.whole().0.transport {
        Some(Transport::Tcp(header)) => {
            let window = segment.map_or(u64::from(header.window), |segment| segment.window);
            let flags = header.flags.names().collect();
            let analysis = segment.iter().flat_map(|segment| segment.analysis.findings.names()).collect();
            let (seq, ack, len) = (header.seq, header.ack, header.payload_len);
            tcp = Some(TcpPart { flags, seq, ack, len, window, analysis });
        }
        Some(Transport::Udp(header)) => udp = Some(UdpPart { len: header.length }),
        Some(Transport::Icmp(_)) | None => {}
    }
    PacketLine {
        frame: number,
        frames: [number],
        time: rfc3339(record.frame.time),
        stream: segment.map(|segment| segment.connection),
        from,
        to,
        len: record.frame.len,
        caplen: record.frame.data.len(),
        layers,
        tcp,
        udp,
    }
}

fn ends(record: &Record) -> (Option<SocketAddr>, Option<SocketAddr>) {
    let (packet, _) = record.whole();
    let Some(net) = &packet.net else { return (None, None) };
    let ports = match &packet.transport {
        Some(Transport::Tcp(tcp)) => (tcp.source_port, tcp.destination_port),
        Some(Transport::Udp(udp)) => (udp.source_port, udp.destination_port),
        Some(Transport::Icmp(_)) | None => return (None, None),
    };
    (Some(SocketAddr::new(net.source, ports.0)), Some(SocketAddr::new(net.destination, ports.1)))
}

#[derive(Serialize)]
pub(super) struct DatagramLine {
    frame: u32,
    frames: Vec<u32>,
    time: String,
    from: Option<SocketAddr>,
    to: Option<SocketAddr>,
    payload_len: usize,
    payload_sha256: String,
}

pub(super) fn datagram(number: u32, record: &Record) -> Option<DatagramLine> {
    let (packet, data) = record.whole();
    let Some(Transport::Udp(_)) = &packet.transport else { return None };
    let payload = packet.payload.of(data);
    let (from, to) = ends(record);
    let mut frames = vec![number];
    frames.extend(record.datagram.iter().flat_map(|whole| whole.pieces.iter().map(|piece| piece.frame)));
    frames.sort_unstable();
    frames.dedup();
    Some(DatagramLine {
        frame: number,
        frames,
        time: rfc3339(record.frame.time),
        from,
        to,
        payload_len: payload.len(),
        payload_sha256: sha256(payload),
    })
}

#[derive(Serialize)]
pub(super) struct NoteLine<'a> {
    frame: Option<u32>,
    frames: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<SocketAddr>,
    severity: String,
    text: &'a str,
    spec: &'a str,
}

pub(super) fn note<'a>(on: Option<(u32, &Record)>, note: &'a Note) -> NoteLine<'a> {
    let (from, to) = on.map_or((None, None), |(_, record)| ends(record));
    NoteLine {
        stream: on.and_then(|(_, record)| record.segment.as_ref()).map(|segment| segment.connection),
        from,
        to,
        frame: on.map(|(number, _)| number),
        frames: on.iter().map(|(number, _)| *number).collect(),
        time: on.map(|(_, record)| rfc3339(record.frame.time)),
        severity: note.severity.to_string(),
        text: &note.text,
        spec: note.spec,
    }
}
