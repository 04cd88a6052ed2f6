//! What a connection adds to the description of a TCP header.

use super::{Segment, analysis};
use crate::layer::{FieldDef, Layer, Value};
use crate::packet::{ACK_RANGE, SEQ_RANGE, WINDOW_RANGE};

crate::fields! {
    TCP_STREAM = "tcp.stream", Uint(32), "The number of the connection, from 0 in order of first packet.", "";
    TCP_LEN = "tcp.len", Uint(32), "How many octets of payload the segment carries.", "RFC 9293 §3.4";
    TCP_SEQ = "tcp.seq", Uint(32), "The sequence number, counted from this connection's start.", "RFC 9293 §3.4";
    TCP_NXTSEQ = "tcp.nxtseq", Uint(32), "The sequence number that comes next, counted from this connection's start.", "RFC 9293 §3.4";
    TCP_ACK = "tcp.ack", Uint(32), "The next number expected from the other side, counted from this connection's start.", "RFC 9293 §3.4";
    TCP_WINDOW = "tcp.window_size", Uint(32), "How many octets the sender is ready to take.", "RFC 7323 §2.2";
    #[ours] TCP_STATE_CLIENT = "tcp.state.client", Text, "CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK or TIME-WAIT; in which state the client's end is after the segment, as far as what it sent itself proves.", "RFC 9293 §3.3.2";
    #[ours] TCP_STATE_SERVER = "tcp.state.server", Text, "CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT, CLOSING, LAST-ACK or TIME-WAIT; in which state the server's end is after the segment, as far as what it sent itself proves.", "RFC 9293 §3.3.2";
    TCP_TIME_RELATIVE = "tcp.time_relative", Seconds, "The time since the connection's first frame.", "";
    TCP_TIME_DELTA = "tcp.time_delta", Seconds, "The time since the connection's previous frame.", "";
}

/// Every field this floor declares.
pub fn fields() -> impl Iterator<Item = &'static FieldDef> {
    FIELDS.iter().chain(analysis::FIELDS).copied()
}

/// Adds what the connection knows to the layer of a TCP header.
pub fn describe(segment: &Segment, layer: &mut Layer) {
    let number = |n: u32| Value::Uint(u64::from(n));
    layer.summary = format!("{}, seq {}, len {}", layer.summary, segment.seq, segment.len);
    layer.computed(&TCP_STREAM, number(segment.connection));
    layer.computed(&TCP_LEN, number(segment.len));
    layer.field(&TCP_SEQ, number(segment.seq), SEQ_RANGE);
    let takes_a_number = |name| u32::from(layer.value(name) == Some(&Value::Bool(true)));
    let next = segment.seq.wrapping_add(segment.len);
    let next = next.wrapping_add(takes_a_number("tcp.flags.syn") + takes_a_number("tcp.flags.fin"));
    layer.computed(&TCP_NXTSEQ, number(next));
    layer.field(&TCP_ACK, number(segment.ack.unwrap_or(0)), ACK_RANGE);
    layer.field(&TCP_WINDOW, Value::Uint(segment.window), WINDOW_RANGE);
    analysis::describe(&segment.analysis, segment.initial_rtt, layer);
    for (def, state) in [&TCP_STATE_CLIENT, &TCP_STATE_SERVER].into_iter().zip(segment.states) {
        layer.computed(def, Value::Text(state.name().into()));
    }
    layer.computed(&TCP_TIME_RELATIVE, Value::Seconds(segment.time_relative.into()));
    layer.computed(&TCP_TIME_DELTA, Value::Seconds(segment.time_delta.into()));
    for field in &mut layer.fields {
        // Wireshark counts these from the connection's start too.
        if let ("tcp.options.sack_le" | "tcp.options.sack_re", Value::Uint(edge)) = (field.def.name, &mut field.value) {
            *edge = u64::from((*edge as u32).wrapping_sub(segment.ack_base.0));
        }
    }
    layer.notes.extend(segment.notes.iter().cloned());
}
