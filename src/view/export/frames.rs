//! The lines of frames: packets, datagrams, notes.

use super::kinds::{Moments, digest};
use super::object::Object;
use crate::layer::Note;
use crate::packet::Transport;
use crate::trace::{Place, Sight, ends_of};

/// The line of a frame. `protocols` are those of the messages that end in it.
pub(super) fn packet(sight: &Sight<'_>, protocols: &[&'static str], moments: &mut Moments, out: &mut Vec<u8>) {
    let (packet, _) = sight.whole();
    let mut line = Object::begin(out, "packet");
    line.number("frame", sight.number);
    line.numbers("frames", &[sight.number]);
    line.word("time", moments.rfc3339(sight.frame.time));
    if let Some(segment) = sight.segment {
        line.number("stream", segment.connection);
    }
    if let Some((from, to)) = ends_of(packet) {
        line.word("from", moments.end(from));
        line.word("to", moments.end(to));
    }
    line.number("len", sight.frame.len);
    line.number("caplen", sight.frame.data.len());
    let headers = packet.headers().map(|(name, _)| name);
    let last = packet.headers().last().map(|(name, _)| name);
    let above = protocols.iter().copied().enumerate().filter(|(i, name)| *i > 0 || last != Some(*name));
    line.words("layers", headers.chain(above.map(|(_, name)| name)));
    match &packet.transport {
        Some(Transport::Tcp(header)) => line.nested("tcp", |tcp| {
            tcp.words("flags", header.flags.names());
            tcp.number("seq", header.seq);
            tcp.number("ack", header.ack);
            tcp.number("len", header.payload_len);
            tcp.number("window", sight.segment.map_or(u64::from(header.window), |segment| segment.window));
            tcp.words("analysis", sight.segment.iter().flat_map(|segment| segment.analysis.findings.names()));
        }),
        Some(Transport::Udp(header)) => line.nested("udp", |udp| udp.number("len", header.length)),
        Some(Transport::Icmp(_)) | None => {}
    }
    line.end();
}

/// The line of a datagram, if it is one.
pub(super) fn datagram(sight: &Sight<'_>, moments: &mut Moments, out: &mut Vec<u8>) {
    let (packet, data) = sight.whole();
    let Some(Transport::Udp(_)) = &packet.transport else { return };
    let payload = packet.payload.of(data);
    let mut frames = vec![sight.number];
    frames.extend(sight.datagram.iter().flat_map(|whole| whole.pieces.iter().map(|piece| piece.frame)));
    frames.sort_unstable();
    frames.dedup();
    let mut line = Object::begin(out, "udp.datagram");
    line.number("frame", sight.number);
    line.numbers("frames", &frames);
    line.word("time", moments.rfc3339(sight.frame.time));
    if let Some((from, to)) = ends_of(packet) {
        line.word("from", moments.end(from));
        line.word("to", moments.end(to));
    }
    line.number("payload_len", payload.len());
    line.hex("payload_sha256", &digest(payload));
    line.end();
}

/// The line of a note.
pub(super) fn note(on: Option<&Place>, note: &Note, moments: &mut Moments, out: &mut Vec<u8>) {
    let mut line = Object::begin(out, "note");
    line.number_or_null("frame", on.map(|place| place.moment.frame));
    match on {
        Some(place) => line.numbers("frames", &[place.moment.frame]),
        None => line.numbers("frames", &[]),
    }
    if let Some(place) = on {
        line.word("time", moments.rfc3339(place.moment.time));
        if let Some(stream) = place.stream {
            line.number("stream", stream);
        }
        if let Some((from, to)) = place.ends {
            line.word("from", moments.end(from));
            line.word("to", moments.end(to));
        }
    }
    line.shown("severity", note.severity);
    line.word("group", note.group.name().as_bytes());
    line.text("text", &note.text);
    line.text("spec", note.spec);
    line.end();
}
