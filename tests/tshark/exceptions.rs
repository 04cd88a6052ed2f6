//! Where tshark and we differ, and why. Each exception must differ still, or it has to go; `right.rs` asserts what is
//! right where tshark is wrong.

/// A difference that is accepted.
#[derive(Debug)]
pub struct Exception {
    /// The capture.
    pub capture: &'static str,
    /// The frames; all if none is named.
    pub frames: &'static [u32],
    /// The beginnings of the names of the fields.
    pub fields: &'static [&'static str],
    /// Who is right, and why.
    #[expect(dead_code, reason = "shown with the exception by Debug")]
    pub reason: &'static str,
}

impl Exception {
    /// Whether it speaks of this field of this frame.
    pub fn covers(&self, frame: u32, field: &str) -> bool {
        (self.frames.is_empty() || self.frames.contains(&frame))
            && self.fields.iter().any(|start| field.starts_with(start))
    }

    /// Those of a capture.
    pub fn of(capture: &str) -> Vec<&'static Self> {
        EXCEPTIONS.iter().filter(|exception| exception.capture == capture).collect()
    }
}

/// Whether a difference follows from what the two call `data`: tshark hands the payload of HTTP and WebSocket that it
/// knows no more of to its data dissector; for us `data` is what no dissector took, and that payload is the message's.
pub fn is_payload_as_data(field: &str, ours: &[String], in_message: bool) -> bool {
    field.starts_with("data") && ours.is_empty() && in_message
}

/// In one pass tshark does not know at a fragment in which later frame its packet is whole; in two it does, and
/// `fragments_know_where_they_are_whole` compares that.
pub fn is_told_later(field: &str, theirs: &[String]) -> bool {
    ["ip.reassembled_in", "ipv6.reassembled.in"].contains(&field) && theirs.is_empty()
}

const FINAL_BLOCK: &str = "tshark shows raw octets after a message that ends with a final block (RFC 7692 §7.2.3.4); right.rs says what is right";
const TEXT: &[&str] = &["websocket.payload.text"];
const DATA: &[&str] = &["data"];
const PORT: &str =
    "because of the port tshark calls its HTTP dissector, which takes what it cannot read and shows nothing";
const HTTP: &[&str] = &["http"];

const RTT: &[&str] = &["tcp.analysis.initial_rtt"];
const ANALYSIS: &str = "tshark shows it on every segment its analysis has a word on; ours does not analyse these yet";

static EXCEPTIONS: &[Exception] = &[
    Exception { capture: "k2_7692", frames: &[11], fields: TEXT, reason: FINAL_BLOCK },
    Exception { capture: "k3_bfinal", frames: &[7, 8, 9], fields: TEXT, reason: FINAL_BLOCK },
    Exception {
        capture: "f_lost",
        frames: &[7],
        fields: &["websocket", "data"],
        reason: "tshark takes it that a frame begins where the segment after a gap does; nothing proves that, so we say \
                 that it cannot be read",
    },
    Exception { capture: "g_mid", frames: &[1, 2], fields: DATA, reason: PORT },
    Exception {
        capture: "i_pipe",
        frames: &[6],
        fields: HTTP,
        reason: "tshark pairs the response to HEAD with another request, believes its Content-Length and swallows the next",
    },
    Exception {
        capture: "o2_both",
        frames: &[8],
        fields: TEXT,
        reason: "tshark keeps one opcode per connection: the client's binary message, begun meanwhile, makes this text binary",
    },
    Exception {
        capture: "o_both",
        frames: &[8],
        fields: TEXT,
        reason: "tshark puts the client's fragment into the server's message: its table knows addresses, no ports",
    },
    Exception {
        capture: "r_ssechunk",
        frames: &[7],
        fields: HTTP,
        reason: "the capture ends before the body does: we show the response and say so, tshark shows nothing",
    },
    Exception {
        capture: "s_ooo",
        frames: &[9],
        fields: RTT,
        reason: "tshark stops counting octets in flight after a retransmission, and shows no round trip then",
    },
    Exception {
        capture: "http",
        frames: &[172, 173],
        fields: &["http", "data"],
        reason: "tshark takes the trailer for ended before the last line feed has come, and the rest for data",
    },
    Exception {
        capture: "tcp",
        frames: &[41],
        fields: &["tcp.payload"],
        reason: "tshark leaves out the payload of a FIN that ends a message",
    },
    Exception {
        capture: "tcp",
        frames: &[53],
        fields: RTT,
        reason: "a RST answers the SYN: no handshake was completed, so it has no round trip",
    },
    Exception { capture: "tcp", frames: &[75, 77], fields: DATA, reason: PORT },
    // A repeated acknowledgement; one repeated behind padding; a keep-alive and its answers; octets not captured.
    Exception { capture: "out of order", frames: &[9], fields: RTT, reason: ANALYSIS },
    Exception { capture: "odd packets", frames: &[4], fields: RTT, reason: ANALYSIS },
    Exception { capture: "odd tcp", frames: &[23, 24, 25, 35, 58], fields: RTT, reason: ANALYSIS },
    Exception {
        capture: "odd tcp",
        frames: &[59],
        fields: HTTP,
        reason: "the FIN came before the last octets: tshark no longer ends the body when they come",
    },
    Exception {
        capture: "odd http",
        frames: &[26, 28],
        fields: &["http", "data"],
        reason: "tshark calls what travels in a tunnel HTTP",
    },
    Exception {
        capture: "odd http",
        frames: &[43],
        fields: &["http.host"],
        reason: "white space around a field's value is not part of it (RFC 9112 §5.1)",
    },
    Exception {
        capture: "odd websocket",
        frames: &[5],
        fields: &["http", "websocket", "data"],
        reason: "the client did not wait for the 101: tshark takes its frame for HTTP",
    },
    Exception {
        capture: "odd websocket",
        frames: &[19],
        fields: &["websocket"],
        reason: "the capture ends in this frame: we show what is there and say so, tshark shows nothing",
    },
    Exception {
        capture: "odd packets",
        frames: &[9],
        fields: &["udp", "data"],
        reason: "a fragment whose header checksum is left out: tshark does not wait for the others, and reads what it holds",
    },
    Exception {
        capture: "cut",
        frames: &[],
        fields: &["http", "websocket", "data"],
        reason: "of frames that were not kept whole tshark reads what it can guess; we say what is missing and stop there",
    },
    Exception {
        capture: "arp and icmp",
        frames: &[9],
        fields: &["tcp.seq"],
        reason: "of the quoted number nothing tells from where it counts: it is the raw one, tshark calls it relative",
    },
    Exception {
        capture: "damage",
        frames: &[4],
        fields: &["tcp", "http", "data"],
        reason: "its checksum is proven wrong, so no receiver has read it; tshark says so too, and reads it",
    },
    Exception {
        capture: "damage",
        frames: &[5],
        fields: &["tcp.time_delta"],
        reason: "counted from the segment before the damaged one",
    },
    Exception {
        capture: "datagrams",
        frames: &[2, 4, 6],
        fields: &["udp.time_"],
        reason: "for tshark an empty datagram has no time, and is not the one before the next",
    },
    Exception {
        capture: "datagrams",
        frames: &[4],
        fields: &["udp.payload", "data."],
        reason: "a datagram ends where its length says; tshark ends the payload with the packet, and its data where we do",
    },
];
