//! The lines of frames: packets, datagrams, notes.

use super::FINDING;
use super::key::Key;
use super::kinds::{Out, say_if_incomplete};
use super::moments::Moments;
use super::object::Object;
use crate::explain::Finding;
use crate::layer::Note;
use crate::packet::Transport;
use crate::trace::{Place, QuicMessage, Sight, Trace, ends_of};

/// The line of a frame. `protocols` are those of the messages that end in it.
pub(super) fn packet(sight: &Sight<'_>, protocols: &[&'static str], moments: &mut Moments, (out, wanted): Out<'_>) {
    let (packet, _) = sight.whole();
    let mut line = Object::begin(out, "packet", wanted);
    line.number(Key::Frame, sight.number);
    line.numbers(Key::Frames, &[sight.number]);
    moments.put_time(&mut line, sight.frame.time);
    match (sight.segment, ends_of(packet)) {
        (Some(segment), Some(ends)) => line.made(moments.segment(segment, ends, wanted)),
        (_, Some((from, to))) => {
            line.word(Key::From, moments.end(from));
            line.word(Key::To, moments.end(to));
        }
        (_, None) => {}
    }
    line.number(Key::Len, sight.frame.len);
    line.number(Key::Caplen, sight.frame.data.len());
    let (headers, last) = moments.headers(packet);
    let above = protocols.iter().copied().enumerate().filter(|(i, name)| *i > 0 || last != Some(*name));
    let quic = sight.quic.map(|_| "quic");
    let is_http3 = |message: &QuicMessage| message.payload.protocol() == "http3";
    let http3 = sight.over_quic.iter().any(is_http3).then_some("http3");
    line.listed(Key::Layers, headers, quic.into_iter().chain(http3).chain(above.map(|(_, name)| name)));
    match &packet.transport {
        Some(Transport::Tcp(header)) => line.nested(Key::Tcp, |tcp| {
            tcp.listed(Key::Flags, moments.flags(header.flags), []);
            tcp.number(Key::Seq, header.seq);
            tcp.number(Key::Ack, header.ack);
            tcp.number(Key::Len, header.payload_len);
            tcp.number(Key::Window, sight.segment.map_or(u64::from(header.window), |segment| segment.window));
            // Of most segments there is nothing to say.
            let findings =
                sight.segment.map(|segment| segment.analysis.findings).filter(|findings| !findings.is_empty());
            match findings {
                Some(findings) => tcp.words(Key::Analysis, findings.names()),
                None => tcp.listed(Key::Analysis, b"", []),
            }
        }),
        Some(Transport::Udp(header)) => line.nested(Key::Udp, |udp| udp.number(Key::Len, header.length)),
        Some(Transport::Icmp(_)) | None => {}
    }
    line.end();
}

/// The line of a datagram, if it is one.
pub(super) fn datagram(sight: &Sight<'_>, moments: &mut Moments, (out, wanted): Out<'_>) {
    let (packet, data) = sight.whole();
    let Some(Transport::Udp(_)) = &packet.transport else { return };
    let payload = packet.payload.of(data);
    let mut frames = vec![sight.number];
    frames.extend(sight.datagram.iter().flat_map(|whole| whole.pieces.iter().map(|piece| piece.frame)));
    frames.sort_unstable();
    frames.dedup();
    let mut line = Object::begin(out, "udp.datagram", wanted);
    line.number(Key::Frame, sight.number);
    line.numbers(Key::Frames, &frames);
    moments.put_time(&mut line, sight.frame.time);
    if let Some((from, to)) = ends_of(packet) {
        line.word(Key::From, moments.end(from));
        line.word(Key::To, moments.end(to));
    }
    line.number(Key::PayloadLen, payload.len());
    line.digest(Key::PayloadSha256, payload);
    say_if_incomplete(&mut line, packet.missing == 0);
    line.end();
}

/// The line of a finding, which stands where the last of its frames does. Where all of them belong to one connection of TCP it
/// has that.
pub(super) fn finding(trace: &Trace, finding: &Finding, moments: &mut Moments, (out, wanted): Out<'_>) {
    let last = finding.frames.last().and_then(|frame| trace.record(*frame));
    let stream = |frame: &u32| trace.record(*frame)?.segment.as_ref().map(|segment| segment.connection);
    let mut streams = finding.frames.iter().map(stream);
    let first = streams.next().flatten();
    let mut line = Object::begin(out, FINDING, wanted);
    line.number_or_null(Key::Frame, finding.frames.last().copied());
    line.numbers(Key::Frames, &finding.frames);
    if let Some(record) = last {
        moments.put_time(&mut line, record.frame.time);
    }
    if let Some(stream) = first.filter(|first| streams.all(|stream| stream == Some(*first))) {
        line.number(Key::Stream, stream);
    }
    line.shown(Key::Severity, finding.severity);
    line.text(Key::Text, &finding.text);
    line.text(Key::Spec, finding.spec);
    line.end();
}

/// The line of a note.
pub(super) fn note(on: Option<&Place>, note: &Note, moments: &mut Moments, (out, wanted): Out<'_>) {
    let mut line = Object::begin(out, "note", wanted);
    line.number_or_null(Key::Frame, on.map(|place| place.moment.frame));
    match on {
        Some(place) => line.numbers(Key::Frames, &[place.moment.frame]),
        None => line.numbers(Key::Frames, &[]),
    }
    if let Some(place) = on {
        moments.put_time(&mut line, place.moment.time);
        if let Some(stream) = place.stream {
            line.number(Key::Stream, stream);
        }
        if let Some((from, to)) = place.ends {
            line.word(Key::From, moments.end(from));
            line.word(Key::To, moments.end(to));
        }
    }
    line.shown(Key::Severity, note.severity);
    line.word(Key::Group, note.group.name().as_bytes());
    line.text(Key::Text, &note.text);
    line.text(Key::Spec, note.spec);
    line.end();
}
