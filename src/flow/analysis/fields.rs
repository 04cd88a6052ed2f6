//! The fields of the analysis, under Wireshark's names, and how an [`Analysis`] becomes fields of a layer.

use super::{Analysis, Finding, Scale};
use crate::layer::{FieldDef, Layer, Note, Severity, Value};
use crate::packet::WINDOW_RANGE;

crate::fields! {
    TCP_SCALE = "tcp.window_size_scalefactor", Int(32), "What the window is multiplied by: -1 where that is not known, -2 where nothing was agreed on.", "RFC 7323 §2.2";
    TCP_ANALYSIS = "tcp.analysis", Presence, "The segment says something about those before it: any field of the analysis is there.", "";
    TCP_ACKS_FRAME = "tcp.analysis.acks_frame", Uint(32), "The frame whose last octet this segment acknowledges.", "RFC 9293 §3.4";
    TCP_ACK_RTT = "tcp.analysis.ack_rtt", Seconds, "The time from that frame to this acknowledgement of it.", "RFC 6298 §3";
    TCP_INITIAL_RTT = "tcp.analysis.initial_rtt", Seconds, "The time from the SYN to the ACK that completes the handshake.", "";
    TCP_BYTES_IN_FLIGHT = "tcp.analysis.bytes_in_flight", Uint(32), "How many octets the sender has under way that were not acknowledged.", "RFC 5681 §2";
    TCP_PUSH_BYTES = "tcp.analysis.push_bytes_sent", Uint(32), "How many octets were sent since the last segment with PSH.", "RFC 9293 §3.9.1";
    TCP_FLAGS = "tcp.analysis.flags", Presence, "The segment is not an ordinary one: one of the following is there.", "";
    TCP_REUSED_PORTS = "tcp.analysis.reused_ports", Presence, "A SYN between two ends that had a connection before.", "RFC 9293 §3.4.1";
    TCP_RETRANSMISSION = "tcp.analysis.retransmission", Presence, "The octets, or the SYN or FIN, were sent before.", "RFC 6298 §5";
    TCP_RTO = "tcp.analysis.rto", Seconds, "How long the sender waited before it sent them again.", "RFC 6298 §2";
    TCP_RTO_FRAME = "tcp.analysis.rto_frame", Uint(32), "The frame from which that time is counted.", "RFC 6298 §2";
    TCP_FAST_RETRANSMISSION = "tcp.analysis.fast_retransmission", Presence, "Sent again because of duplicate ACKs, not because time ran out.", "RFC 5681 §3.2";
    TCP_SPURIOUS_RETRANSMISSION = "tcp.analysis.spurious_retransmission", Presence, "Sent again although the other side has acknowledged it already.", "RFC 5682 §1";
    TCP_OUT_OF_ORDER = "tcp.analysis.out_of_order", Presence, "It comes after segments that were sent later, too soon for a retransmission.", "RFC 9293 §3.4";
    TCP_LOST_SEGMENT = "tcp.analysis.lost_segment", Presence, "Segments before it are missing here: lost, late, or not captured.", "RFC 9293 §3.4";
    TCP_ACK_LOST_SEGMENT = "tcp.analysis.ack_lost_segment", Presence, "It acknowledges octets that are not in the capture: the capture lost them, the network did not.", "RFC 9293 §3.4";
    TCP_WINDOW_UPDATE = "tcp.analysis.window_update", Presence, "Nothing new but the window.", "RFC 9293 §3.8.6";
    TCP_WINDOW_FULL = "tcp.analysis.window_full", Presence, "It fills what the receiver said it can take, to the last octet.", "RFC 9293 §3.8.6";
    TCP_KEEP_ALIVE = "tcp.analysis.keep_alive", Presence, "A segment with the number before the next one: are you still there?", "RFC 9293 §3.8.4";
    TCP_KEEP_ALIVE_ACK = "tcp.analysis.keep_alive_ack", Presence, "The answer to that.", "RFC 9293 §3.8.4";
    TCP_DUPLICATE_ACK = "tcp.analysis.duplicate_ack", Presence, "It repeats the acknowledgement before it: something came out of order, or twice.", "RFC 5681 §2";
    TCP_DUPLICATE_ACK_NUM = "tcp.analysis.duplicate_ack_num", Uint(32), "Which repetition it is, counted from 1.", "RFC 5681 §2";
    TCP_DUPLICATE_ACK_FRAME = "tcp.analysis.duplicate_ack_frame", Uint(32), "The frame with the acknowledgement that is repeated.", "RFC 5681 §2";
    TCP_ZERO_WINDOW_PROBE = "tcp.analysis.zero_window_probe", Presence, "One octet, sent to a full receiver to learn whether there is room again.", "RFC 9293 §3.8.6.1";
    TCP_ZERO_WINDOW = "tcp.analysis.zero_window", Presence, "The sender of this segment can take nothing more for now.", "RFC 9293 §3.8.6";
    TCP_ZERO_WINDOW_PROBE_ACK = "tcp.analysis.zero_window_probe_ack", Presence, "The answer to a probe: still no room.", "RFC 9293 §3.8.6.1";
    TCP_TFO_SYN = "tcp.analysis.tfo_syn", Presence, "A SYN with a Fast Open cookie: data may come with it.", "RFC 7413 §4.2.2";
    TCP_TFO_ACK = "tcp.analysis.tfo_ack", Presence, "A SYN ACK that acknowledges the data of the SYN too.", "RFC 7413 §4.2.2";
    TCP_TFO_IGNORED = "tcp.analysis.tfo_ignored", Presence, "A SYN ACK that acknowledges the SYN but not its data: it must be sent again.", "RFC 7413 §4.2.2";
}

impl Finding {
    /// The field that says so.
    pub fn field(self) -> &'static FieldDef {
        match self {
            Self::ReusedPorts => &TCP_REUSED_PORTS,
            Self::Retransmission => &TCP_RETRANSMISSION,
            Self::FastRetransmission => &TCP_FAST_RETRANSMISSION,
            Self::SpuriousRetransmission => &TCP_SPURIOUS_RETRANSMISSION,
            Self::OutOfOrder => &TCP_OUT_OF_ORDER,
            Self::LostSegment => &TCP_LOST_SEGMENT,
            Self::AckLostSegment => &TCP_ACK_LOST_SEGMENT,
            Self::WindowUpdate => &TCP_WINDOW_UPDATE,
            Self::WindowFull => &TCP_WINDOW_FULL,
            Self::KeepAlive => &TCP_KEEP_ALIVE,
            Self::KeepAliveAck => &TCP_KEEP_ALIVE_ACK,
            Self::DuplicateAck => &TCP_DUPLICATE_ACK,
            Self::ZeroWindowProbe => &TCP_ZERO_WINDOW_PROBE,
            Self::ZeroWindow => &TCP_ZERO_WINDOW,
            Self::ZeroWindowProbeAck => &TCP_ZERO_WINDOW_PROBE_ACK,
            Self::TfoSyn => &TCP_TFO_SYN,
            Self::TfoAck => &TCP_TFO_ACK,
            Self::TfoIgnored => &TCP_TFO_IGNORED,
        }
    }

    /// The last part of the field's name, as exports give it: `duplicate_ack`.
    pub fn name(self) -> &'static str {
        let name = self.field().name;
        name.strip_prefix("tcp.analysis.").unwrap_or(name)
    }
}

/// Adds what the analysis found to the layer of a TCP header.
pub fn describe(analysis: &Analysis, initial_rtt: Option<i64>, layer: &mut Layer) {
    let seconds = |nanoseconds: i64| Value::Seconds(nanoseconds.into());
    let number = |n: u32| Value::Uint(u64::from(n));
    if let Some(scale) = analysis.scale {
        layer.field(&TCP_SCALE, Value::Int(scale.factor()), WINDOW_RANGE);
        layer.notes.extend(unknown_scale(scale, layer));
    }
    if analysis.says_something() {
        layer.computed(&TCP_ANALYSIS, Value::Present);
    }
    if let Some(since) = analysis.acks {
        layer.computed(&TCP_ACKS_FRAME, number(since.frame));
        // Captures with a coarse clock: no time is no measurement.
        if since.nanoseconds != 0 {
            layer.computed(&TCP_ACK_RTT, seconds(since.nanoseconds));
        }
        layer.notes.extend(analysis.round_trip().is_none().then(|| ambiguous(layer)));
    }
    if let Some(rtt) = initial_rtt {
        layer.computed(&TCP_INITIAL_RTT, seconds(rtt));
    }
    if let Some(octets) = analysis.bytes_in_flight {
        layer.computed(&TCP_BYTES_IN_FLIGHT, number(octets));
        layer.computed(&TCP_PUSH_BYTES, number(analysis.push_bytes_sent.unwrap_or(0)));
    }
    if analysis.findings.is_unusual() {
        layer.computed(&TCP_FLAGS, Value::Present);
    }
    for finding in analysis.findings.iter() {
        layer.computed(finding.field(), Value::Present);
    }
    if let Some(since) = analysis.rto.filter(|since| since.nanoseconds != 0) {
        layer.computed(&TCP_RTO, seconds(since.nanoseconds));
        layer.computed(&TCP_RTO_FRAME, number(since.frame));
    }
    if let Some(duplicate) = analysis.duplicate {
        layer.computed(&TCP_DUPLICATE_ACK_NUM, number(duplicate.number));
        layer.computed(&TCP_DUPLICATE_ACK_FRAME, number(duplicate.frame));
    }
}

/// That the round trip may be another one (Karn's algorithm).
fn ambiguous(layer: &Layer) -> Note {
    let which = match layer.value("tcp.options.timestamp.tsecr") {
        Some(_) => "its timestamp says which one it answers (RFC 7323 §4)",
        None => "which one it answers nothing says, so it is no sample for a retransmission timer",
    };
    let text =
        format!("what it acknowledges was sent more than once, and the round trip is counted from the first: {which}");
    Note::new(Severity::Chat, text, "RFC 6298 §3")
}

/// That a window may be larger than it seems. None is none, whatever it is multiplied by, and that of a RST says nothing.
fn unknown_scale(scale: Scale, layer: &Layer) -> Option<Note> {
    let window = layer.value("tcp.window_size").filter(|window| **window != Value::Uint(0))?;
    let is_reset = layer.value("tcp.flags.reset") == Some(&Value::Bool(true));
    let (lacks, by) = match scale {
        Scale::Unknown => ("the SYN of its sender", "what the window is to be multiplied by".to_owned()),
        Scale::Offered(shift) => {
            ("the SYN ACK", format!("whether the window is to be multiplied by {}", 1 << shift.min(14)))
        }
        Scale::None | Scale::By(_) => return None,
    };
    let text =
        format!("{lacks} was not captured, or not whole, so {by} is not known: {window} octets is the least it can be");
    (!is_reset).then(|| Note::new(Severity::Chat, text, "RFC 7323 §2.2"))
}
