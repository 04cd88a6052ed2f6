//! What can be asked: one function for each topic, which finds all frames of a capture that fit.

use std::collections::HashMap;

use super::Candidate;
use crate::count::counted;
use crate::flow::{Closing, Segment};
use crate::layer::Direction;
use crate::packet::{Flags, Tcp};
use crate::protocol::text::as_text;
use crate::protocol::{HttpMessage, Opcode, Side, WebSocketFrame};
use crate::trace::{Message, Record, Trace};

/// A topic.
pub(super) struct Topic {
    pub(super) name: &'static str,
    pub(super) hint: &'static str,
    pub(super) candidates: fn(&Trace) -> Vec<Candidate>,
}

pub(super) const TOPICS: &[Topic] = &[
    Topic {
        name: "sequence numbers",
        hint: "the number of the first byte, and how many bytes there are; SYN and FIN count as one each (RFC 9293 §3.4)",
        candidates: next_sequence,
    },
    Topic {
        name: "acknowledgements",
        hint: "an acknowledgement number is that of the next byte that is expected, not of the last that came (RFC 9293 §3.4)",
        candidates: acknowledged,
    },
    Topic {
        name: "flags",
        hint: "from the lowest bit on: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR (RFC 9293 §3.1)",
        candidates: flags,
    },
    Topic {
        name: "layers",
        hint: "each layer puts its own header in front of what it carries: wiretale peel shows them from the outside in",
        candidates: payload,
    },
    Topic {
        name: "headers",
        hint: "the header says how long it is, in units of four bytes: the high half of its thirteenth byte (RFC 9293 §3.1)",
        candidates: header_len,
    },
    Topic {
        name: "connections",
        hint: "both addresses and both ports together name a connection; tcp.stream numbers them",
        candidates: stream,
    },
    Topic {
        name: "windows",
        hint: "the field counts in units that both sides agreed on in their SYNs: shift it to the left so often (RFC 7323 §2.2)",
        candidates: window,
    },
    Topic {
        name: "masks",
        hint: "XOR with the byte of the key at the same place, counted modulo four (RFC 6455 §5.3)",
        candidates: unmask,
    },
    Topic {
        name: "frames",
        hint: "the highest bit of the first byte is FIN, the lower four are the opcode (RFC 6455 §5.2)",
        candidates: opcode,
    },
    Topic { name: "turns", hint: "HTTP answers requests; a WebSocket is full duplex", candidates: turn },
];

/// Every segment with its header, and the connection it is on.
fn segments(trace: &Trace) -> impl Iterator<Item = (u32, &Record, &Segment, Tcp)> {
    trace.records().filter_map(|(number, record)| {
        let segment = record.segment.as_ref()?;
        let (tcp, ..) = record.whole().0.tcp()?;
        Some((number, record, segment, *tcp))
    })
}

/// The value of a field of a frame, if it has it.
fn number(trace: &Trace, frame: u32, name: &str) -> Option<u64> {
    let layers = trace.layers(frame);
    let field = layers.iter().flat_map(|layer| &layer.fields).find(|field| field.def.name == name)?;
    field.value.to_string().parse().ok()
}

fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

fn next_sequence(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(frame, _, segment, tcp): (u32, &Record, &Segment, Tcp)| {
        let numbered = u64::from(tcp.flags.has(Flags::SYN)) + u64::from(tcp.flags.has(Flags::FIN));
        if u64::from(segment.len) + numbered == 0 {
            return None;
        }
        let (seq, next) = (number(trace, frame, "tcp.seq")?, number(trace, frame, "tcp.nxtseq")?);
        let len = segment.len;
        let what = match numbered {
            0 => counted(len, "byte"),
            _ => format!("{} and {}", counted(len, "byte"), if tcp.flags.has(Flags::SYN) { "a SYN" } else { "a FIN" }),
        };
        Some(Candidate {
            frame,
            ask: format!(
                "Frame {frame} has the relative sequence number {seq} and carries {what}. Which does its receiver expect next?"
            ),
            right: next.to_string(),
            wrong: texts([next + 1, seq, next.saturating_sub(1), u64::from(len), next + 4]),
            because: match numbered {
                0 => format!("{seq} + {len} = {next}"),
                _ => format!("{seq} + {len} + {numbered} = {next}: a SYN or FIN takes a number, too"),
            },
            fields: &["tcp.seq", "tcp.len", "tcp.nxtseq"],
            filter: format!("frame.number == {frame} && tcp.seq == {seq} && tcp.nxtseq == {next}"),
        })
    };
    segments(trace).filter_map(candidate).collect()
}

fn acknowledged(trace: &Trace) -> Vec<Candidate> {
    // Of each direction it is one number, and of a long frame it takes its time.
    let mut fins = HashMap::new();
    let candidate = |(frame, _, segment, tcp): (u32, &Record, &Segment, Tcp)| {
        let ack = number(trace, frame, "tcp.ack").filter(|ack| *ack > 1 && tcp.flags.has(Flags::ACK))?;
        let last = ack - 1;
        let way = (segment.connection, segment.direction.index());
        let whose = match fins.entry(way).or_insert_with(|| fin(trace, segment)) {
            Some(fin) if *fin == last => "the number that the other side's FIN takes",
            _ => "the number of the last byte that came",
        };
        Some(Candidate {
            frame,
            ask: format!(
                "Frame {frame} has the relative acknowledgement number {ack}. Up to which number has its sender got all?"
            ),
            right: format!("up to number {last}"),
            wrong: [ack, ack + 1, last.saturating_sub(1)].map(|n| format!("up to number {n}")).to_vec(),
            because: format!("{ack} is what it expects next, so {last} was the last that came: {whose}"),
            fields: &["tcp.ack_raw", "tcp.ack"],
            filter: format!("frame.number == {frame} && tcp.ack == {ack}"),
        })
    };
    segments(trace).filter_map(candidate).collect()
}

/// The relative number that the FIN has of whoever a segment goes to.
fn fin(trace: &Trace, segment: &Segment) -> Option<u64> {
    let connection = trace.connections().get(segment.connection as usize)?;
    match connection.closing(segment.direction.reverse())? {
        Closing::Fin(frame) => number(trace, frame, "tcp.nxtseq")?.checked_sub(1),
        Closing::Reset(_) => None,
    }
}

const NAMES: [(u8, &str); 6] = [
    (Flags::SYN, "SYN"),
    (Flags::FIN, "FIN"),
    (Flags::RST, "RST"),
    (Flags::PSH, "PSH"),
    (Flags::ACK, "ACK"),
    (Flags::URG, "URG"),
];

fn flag_names(flags: u8) -> String {
    let names: Vec<&str> = NAMES.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    names.join(", ")
}

fn flags(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(frame, _, _, tcp): (u32, &Record, &Segment, Tcp)| {
        let flags = tcp.flags.0;
        let known = NAMES.iter().fold(0, |known, (bit, _)| known | bit);
        if flags == 0 || flags & !known != 0 {
            return None;
        }
        let others = [Flags::SYN, Flags::FIN | Flags::ACK, Flags::RST, Flags::PSH | Flags::ACK, Flags::ACK];
        let right = flag_names(flags);
        Some(Candidate {
            frame,
            ask: format!(
                "The fourteenth byte of the TCP header in frame {frame} has its flags: {flags:#04x}. Which are set?"
            ),
            wrong: others.into_iter().filter(|other| *other != flags).map(flag_names).collect(),
            because: format!("{flags:#04x} is {flags:08b} in bits: {right}"),
            right,
            fields: &["tcp.flags"],
            filter: format!("frame.number == {frame} && tcp.flags == {flags:#05x}"),
        })
    };
    segments(trace).filter_map(candidate).collect()
}

fn payload(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(frame, record, segment, tcp): (u32, &Record, &Segment, Tcp)| {
        let (len, all) = (segment.len, record.frame.len);
        if record.packet.is_fragment() || record.packet.missing > 0 || len == 0 {
            return None;
        }
        let header = tcp.header.len() as u32;
        let headers = all.checked_sub(len)?;
        Some(Candidate {
            frame,
            ask: format!("Frame {frame} has {all} bytes. How many of them do the programs above TCP get?"),
            right: len.to_string(),
            wrong: texts([all, len + header, headers, len.saturating_sub(4)]),
            because: format!("{headers} are headers: {all} − {headers} = {len}"),
            fields: &["frame.len", "tcp.hdr_len", "tcp.len"],
            filter: format!("frame.number == {frame} && frame.len == {all} && tcp.len == {len}"),
        })
    };
    segments(trace).filter_map(candidate).collect()
}

fn header_len(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(frame, record, _, tcp): (u32, &Record, &Segment, Tcp)| {
        let data = record.whole().1;
        let len = tcp.header_len(data) as u32;
        let byte = *data.get(tcp.header.start as usize + 12)?;
        if record.packet.is_fragment() || tcp.header.len() < 20 {
            return None;
        }
        Some(Candidate {
            frame,
            ask: format!(
                "The thirteenth byte of the TCP header in frame {frame} is {byte:#04x}. How long is this header?"
            ),
            right: counted(len, "byte"),
            wrong: [len / 4, len + 4, 20, 40, len * 2].map(|n| counted(n, "byte")).to_vec(),
            because: format!("its high half is {}: {} × 4 = {len}", byte >> 4, byte >> 4),
            fields: &["tcp.hdr_len"],
            filter: format!("frame.number == {frame} && tcp.hdr_len == {len}"),
        })
    };
    segments(trace).filter_map(candidate).collect()
}

fn stream(trace: &Trace) -> Vec<Candidate> {
    let connections = trace.connections().len() as u32;
    let candidate = |(frame, _, segment, tcp): (u32, &Record, &Segment, Tcp)| {
        let id = segment.connection;
        Some(Candidate {
            frame,
            ask: format!(
                "Frame {frame} goes from port {} to port {}. To which TCP connection of this capture does it belong?",
                tcp.source_port, tcp.destination_port
            ),
            right: format!("tcp.stream {id}"),
            wrong: (1..4).map(|n| format!("tcp.stream {}", (id + n) % connections.max(1))).collect(),
            because: format!("it is between the two ends of tcp.stream {id}"),
            fields: &["tcp.srcport", "tcp.dstport", "tcp.stream"],
            filter: format!("frame.number == {frame} && tcp.stream == {id}"),
        })
    };
    if connections < 2 { Vec::new() } else { segments(trace).filter_map(candidate).collect() }
}

fn window(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(frame, _, _, tcp): (u32, &Record, &Segment, Tcp)| {
        let (field, window) = (u64::from(tcp.window), number(trace, frame, "tcp.window_size")?);
        // Only where both sides have agreed on a scale it shows how it works.
        if field == 0 || window == field || tcp.flags.has(Flags::SYN) {
            return None;
        }
        let shift = (window / field).checked_ilog2()?;
        Some(Candidate {
            frame,
            ask: format!(
                "The window field of frame {frame} says {field}, and its sender shifts by {shift}. How many bytes may come?"
            ),
            right: window.to_string(),
            wrong: texts([field, window * 2, field + u64::from(shift), window / 2]),
            because: format!("{field} × 2^{shift} = {window}"),
            fields: &["tcp.window_size_value", "tcp.window_size"],
            filter: format!(
                "frame.number == {frame} && tcp.window_size_value == {field} && tcp.window_size == {window}"
            ),
        })
    };
    segments(trace).filter_map(candidate).collect()
}

/// The only message of WebSocket in its frame: then a filter means it and no other.
fn websocket(trace: &Trace) -> impl Iterator<Item = (&Message, &WebSocketFrame)> {
    trace.messages().iter().filter_map(|message| {
        let frame = message.payload_as::<WebSocketFrame>().filter(|_| message.complete)?;
        let is_websocket = |other: &&Message| other.payload_as::<WebSocketFrame>().is_some();
        // One frame may have thousands, each of which would count all: two are enough.
        let there = trace.messages_in(message.frame()).iter().filter(is_websocket).take(2).count();
        (there == 1).then_some((message, frame))
    })
}

fn unmask(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(message, websocket): (&Message, &WebSocketFrame)| {
        let frame = message.frame();
        let bytes = trace.bytes(message);
        let key = websocket.masking_key?;
        let wire = *bytes.get(usize::from(websocket.header_len))?;
        let plain = websocket.payload(bytes).first().copied()?;
        if websocket.opcode != Opcode::Text || websocket.encoded || !plain.is_ascii_graphic() {
            return None;
        }
        let shown = |byte: u8| format!("{byte:#04x}, {}", as_text(&[byte], 1).unwrap_or_else(|| "no character".into()));
        let key_text = key.map(|byte| format!("{byte:02x}"));
        Some(Candidate {
            frame,
            ask: format!(
                "The masking key in frame {frame} is {}, and the first byte of the payload travels as {wire:#04x}. What was it?",
                key_text.join(" ")
            ),
            right: shown(plain),
            wrong: [wire, wire ^ key[1], plain ^ 0x20, wire.wrapping_sub(key[0])].map(shown).to_vec(),
            because: format!("{wire:#04x} XOR {:#04x} = {plain:#04x}", key[0]),
            fields: &["websocket.masking_key", "websocket.payload.text"],
            filter: format!("frame.number == {frame} && websocket.masking_key == {}", key_text.join(":")),
        })
    };
    websocket(trace).filter_map(candidate).collect()
}

fn opcode(trace: &Trace) -> Vec<Candidate> {
    let candidate = |(message, websocket): (&Message, &WebSocketFrame)| {
        let frame = message.frame();
        let byte = *trace.bytes(message).first()?;
        let number = websocket.opcode.bits();
        let name = |bits: u8| match bits & 15 {
            0 => Some("a continuation"),
            1 => Some("text"),
            2 => Some("binary"),
            8 => Some("a close"),
            9 => Some("a ping"),
            10 => Some("a pong"),
            _ => None,
        };
        let words = |byte: u8| {
            let last = if byte & 0x80 != 0 { "the last frame of its message" } else { "more frames follow" };
            name(byte).map(|name| format!("{name}, {last}"))
        };
        let right = words(byte)?;
        Some(Candidate {
            frame,
            ask: format!("The first byte of the WebSocket frame in frame {frame} is {byte:#04x}. What is it?"),
            wrong: [0x81, 0x82, 0x88, 0x8a, 0x01, 0x89].into_iter().filter_map(words).collect(),
            because: format!("FIN is {}, and {number} is {}", byte >> 7, name(byte)?),
            right,
            fields: &["websocket.fin", "websocket.opcode"],
            filter: format!(
                "frame.number == {frame} && websocket.opcode == {number} && websocket.fin == {}",
                byte >> 7
            ),
        })
    };
    websocket(trace).filter_map(candidate).collect()
}

/// Who may speak: after a request only the server, on a WebSocket both.
fn turn(trace: &Trace) -> Vec<Candidate> {
    let sides = ["only the server", "only the client", "both, at any time"];
    let candidate = |message: &Message, right: &str, ask: String, because: &str, filter: String| Candidate {
        frame: message.frame(),
        ask,
        right: right.to_owned(),
        wrong: sides.iter().filter(|side| **side != right).map(|side| (*side).to_owned()).collect(),
        because: because.to_owned(),
        fields: &["http.request.method", "websocket.opcode"],
        filter,
    };
    let requests = trace.messages().iter().filter(|message| {
        let http = message.payload_as::<HttpMessage>();
        let alone = trace.messages_in(message.frame()).len() == 1;
        message.complete && alone && http.is_some_and(|http| http.side == Side::Request)
    });
    let asked = requests.map(|message| {
        let frame = message.frame();
        let ask = format!(
            "Frame {frame} is a request of HTTP/1, whole. Whose turn is it on this connection, but for pipelining?"
        );
        let because = "HTTP/1 is request and response: the server speaks only when it was asked (RFC 9112 §9.3)";
        candidate(message, sides[0], ask, because, format!("frame.number == {frame} && http.request"))
    });
    let framed = websocket(trace).filter(|(_, websocket)| matches!(websocket.opcode, Opcode::Text | Opcode::Binary));
    let free = framed.map(|(message, websocket)| {
        let (frame, number) = (message.frame(), websocket.opcode.bits());
        let who = if message.direction == Direction::ToServer { "client" } else { "server" };
        let ask =
            format!("Frame {frame} is a message of the {who} on a WebSocket. Who may speak next on this connection?");
        let because = "a WebSocket is open to both sides at once: nobody has to wait for anybody (RFC 6455 §1.1)";
        candidate(message, sides[2], ask, because, format!("frame.number == {frame} && websocket.opcode == {number}"))
    });
    asked.chain(free).collect()
}
