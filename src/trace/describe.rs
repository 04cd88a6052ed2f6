//! A frame of the trace as layers with fields, outermost first: what peel shows and filters ask.

use super::model::{Message, Record, Trace};
use super::names;
use crate::count::counted;
use crate::flow;
use crate::layer::{Buffer, Group, Kind, Layer, Note, Severity, Span, Value};
use crate::packet;
use crate::protocol::{HttpMessage, quic};

crate::fields! {
    FRAME_NUMBER = "frame.number", Uint(32), "The number of the frame in the capture, from 1.", "";
    FRAME_TIME_EPOCH = "frame.time_epoch", Seconds, "When the frame was captured, in seconds since 1970-01-01 00:00 UTC.", "";
    FRAME_TIME_RELATIVE = "frame.time_relative", Seconds, "The time since the first frame.", "";
    FRAME_TIME_DELTA = "frame.time_delta", Seconds, "The time since the frame before.", "";
    FRAME_LEN = "frame.len", Uint(32), "How many octets the frame had on the wire.", "";
    FRAME_CAP_LEN = "frame.cap_len", Uint(32), "How many octets of it the capture kept.", "";
    FRAME_COMMENT = "frame.comment", Text, "What someone wrote on the frame.", "";
    FRAME_PROTOCOLS = "frame.protocols", Text, "The protocols in the frame, outermost first, with colons between them: eth:ethertype:ip:tcp:http.", "";
    FRAME_INTERFACE = "frame.interface_id", Uint(32), "The interface it was captured on, from 0 in each section of the capture.", "";
}

impl Trace {
    /// The layers of a frame, outermost first: first what is known about the frame itself, then its headers, then the
    /// messages that end in it.
    pub fn layers(&self, number: u32) -> Vec<Layer> {
        let Some(record) = self.record(number) else { return Vec::new() };
        let mut layers = vec![self.describe_frame(number, record)];
        layers.extend(packet::describe(&record.packet, number, &record.frame.data));
        describe_fragments(number, record, &mut layers);
        describe_flow(record, &mut layers);
        layers.extend(describe_quic(number, record));
        for message in self.messages_in(number) {
            let mut described = message.payload.describe(self.bytes(message), &message.span());
            if let Some(first) = described.first_mut() {
                first.notes.extend(message.notes.iter().cloned());
                if let Some((request, nanoseconds)) = self.waited(message, record) {
                    HttpMessage::describe_wait(first, request, nanoseconds);
                }
            }
            layers.extend(described);
        }
        layers.extend(self.describe_rest(number, record));
        if self.first_of_some.is_some() {
            // Between frames of which one may have no time, nobody knows how long it was.
            for layer in layers.iter_mut().skip(1) {
                layer.fields.retain(|field| field.def.kind != Kind::Seconds || field.span.is_some());
            }
        }
        let protocols = names::of(&layers);
        if let Some(frame) = layers.first_mut() {
            frame.computed(&FRAME_PROTOCOLS, Value::Text(protocols));
        }
        layers
    }

    /// In which frame the request ended that this response answers, which ended in the frame, and how many nanoseconds it waited.
    /// One that was answered before it was whole did not wait.
    fn waited(&self, response: &Message, record: &Record) -> Option<(u32, i128)> {
        let asked = self.asked(response)?;
        let request = self.owners(asked.buffer, &asked.range).next()?;
        let whole = request.frame() <= response.frame();
        whole.then(|| (request.frame(), record.frame.time.nanoseconds_since(request.time)))
    }

    fn describe_frame(&self, number: u32, record: &Record) -> Layer {
        let frame = &record.frame;
        let mut layer = Layer::new("frame", "Frame", None, None);
        let when =
            self.time(number).map_or_else(|| "without a time".into(), |time| format!("{time:.6} s after the first"));
        layer.summary = format!("number {number}, {}, {when}", counted(frame.len, "octet"));
        layer.computed(&FRAME_NUMBER, Value::Uint(u64::from(number)));
        if let Some(nanoseconds) = self.nanoseconds(number) {
            layer.computed(&FRAME_TIME_EPOCH, Value::Seconds(frame.time.0.into()));
            layer.computed(&FRAME_TIME_RELATIVE, Value::Seconds(nanoseconds));
            let before = if number == 1 { Some(nanoseconds) } else { self.nanoseconds(number - 1) };
            if let Some(before) = before {
                layer.computed(&FRAME_TIME_DELTA, Value::Seconds(nanoseconds - before));
            }
        }
        layer.computed(&FRAME_LEN, Value::Uint(u64::from(frame.len)));
        layer.computed(&FRAME_CAP_LEN, Value::Uint(frame.data.len() as u64));
        layer.computed(&FRAME_INTERFACE, Value::Uint(u64::from(self.interface_id(frame.interface))));
        for comment in &frame.comments {
            layer.computed(&FRAME_COMMENT, Value::Text(comment.clone()));
        }
        if record.packet.missing > 0 {
            let text = format!(
                "the capture did not keep the last {} of {}",
                record.packet.missing,
                counted(frame.len, "octet")
            );
            layer.notes.push(Note::new(Severity::Note, text, "").about(Group::Undecoded));
        }
        layer
    }

    /// Payload that no dissector took.
    fn describe_rest(&self, number: u32, record: &Record) -> Vec<Layer> {
        if record.packet.is_fragment() {
            return describe_rest_of_fragment(number, record);
        }
        let of_no_one = |share: &super::Share| {
            share.owner == super::ledger::DATA || (record.segment.is_none() && share.owner == super::ledger::PAYLOAD)
        };
        let shares = self.ledger(number).into_iter().filter(of_no_one);
        let describe = |share: super::Share| {
            let bytes = record.frame.data.get(share.range.start as usize..share.range.end as usize).unwrap_or_default();
            let span = Span::new(Buffer::Frame(number), u64::from(share.range.start)..u64::from(share.range.end));
            packet::describe_data(span, bytes)
        };
        shares.map(describe).collect()
    }
}

/// What a fragment is to its packet, and what that says once it is whole.
fn describe_fragments(number: u32, record: &Record, layers: &mut Vec<Layer>) {
    if let Some(layer) = layers.last_mut().filter(|_| record.packet.is_fragment()) {
        match (&record.datagram, record.reassembled_in) {
            (Some(datagram), _) => datagram.describe_in(layer, number),
            (None, Some(frame)) => packet::describe_reassembled_in(layer, frame),
            (None, None) => {}
        }
    }
    if let Some(datagram) = &record.datagram {
        layers.extend(packet::describe_datagram(datagram, number));
    }
}

/// What the other packets between the same ends tell about this one.
fn describe_flow(record: &Record, layers: &mut [Layer]) {
    let Some(layer) = layers.last_mut() else { return };
    if record.damaged {
        let text = "its sender's other checksums fit, so this one proves damage: nobody has read what it carries";
        layer.notes.push(Note::new(Severity::Error, text, "").about(Group::Checksum));
    }
    match (layer.protocol, &record.segment, record.udp, record.mentions) {
        ("tcp", Some(segment), ..) => flow::describe(segment, layer),
        ("udp", _, Some(place), _) => place.describe(layer),
        (_, _, _, Some(stream)) => {
            if let Some(quoted) = layers.iter_mut().find(|layer| layer.protocol == "udp") {
                flow::describe_mention(stream, quoted);
            }
        }
        _ => {}
    }
}

/// The packets of QUIC in a datagram, and the messages on its streams that are whole with it.
fn describe_quic(number: u32, record: &Record) -> Vec<Layer> {
    let Some(packets) = &record.quic else { return Vec::new() };
    let (whole, bytes) = record.whole();
    let at = match &record.datagram {
        Some(_) => whole.payload.within(Buffer::Datagram(number)),
        None => whole.payload.span(number),
    };
    let mut layers = quic::describe(packets, whole.payload.of(bytes), &at);
    for message in &record.over_quic {
        let Some(packet) = packets.get(message.packet) else { continue };
        let place = |n: usize| at.range.start + n as u64;
        let span = Span::new(at.buffer, place(packet.range.start)..place(packet.range.end));
        let mut described = message.payload.describe(&[], &span);
        if let Some(first) = described.first_mut() {
            first.notes.extend(message.notes.iter().cloned());
        }
        layers.extend(described);
    }
    layers
}

/// What a fragment carries, or what its packet carries once that is whole and nobody else takes it.
fn describe_rest_of_fragment(number: u32, record: &Record) -> Vec<Layer> {
    let (whole, bytes) = record.whole();
    let (at, bytes) = match &record.datagram {
        Some(_) if record.segment.is_some() || record.quic.is_some() => return Vec::new(),
        Some(_) => (whole.payload.within(Buffer::Datagram(number)), whole.payload.of(bytes)),
        None => (whole.payload.span(number), whole.payload.of(bytes)),
    };
    if bytes.is_empty() { Vec::new() } else { vec![packet::describe_data(at, bytes)] }
}
