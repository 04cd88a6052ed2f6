//! Where tshark and we differ, and why. Each exception must differ still, or it has to go; `right.rs` asserts what is
//! right where tshark is wrong.

use crate::compare::is_theirs;

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

/// Whether a difference follows from the names that tshark gives what a stream of HTTP/2 carries: `http2.headers.method`, and
/// none for the WebSocket in it. For us a request is a request, whatever carries it.
pub fn is_over_http2(field: &str, theirs: &[String], has_http2: bool) -> bool {
    let names = ["http.", "websocket."];
    has_http2
        && theirs.is_empty()
        && (["http", "websocket"].contains(&field) || names.iter().any(|name| field.starts_with(name)))
}

/// What stands above TCP.
const MESSAGE: [&str; 3] = ["http", "websocket", "data"];

/// The names in which two values of `frame.protocols` differ, as far as both know them: tshark also names what it takes bodies
/// and messages for, which nobody dissects here, and QUIC's and HTTP/2's contents otherwise; we name the protocols that are
/// ours. Without them they must name the same in the same order; else it is the field itself that differs.
pub fn named_otherwise(ours: &[String], theirs: &[String], in_message: bool) -> Vec<String> {
    let known = |name: &&str| *name == "ethertype" || name.contains('.') || *name == "shim6" || is_theirs(name);
    let named = |all: &[String]| {
        let text = all.concat();
        let over_others = ["http2", "quic"].iter().any(|name| text.split(':').any(|one| one == *name));
        let below = text.split(':').take_while(|name| !over_others || !["http", "http2", "tls", "quic"].contains(name));
        let names = below.filter(known).filter(|name| !in_message || *name != "data");
        // tshark names HTTP and WebSocket once more when they take what is left of a segment.
        let mut once: Vec<String> = Vec::new();
        for name in names.map(str::to_owned) {
            let again = once.last() == Some(&name) || (MESSAGE.contains(&name.as_str()) && once.contains(&name));
            once.extend((!again).then_some(name));
        }
        once
    };
    let (ours, theirs) = (named(ours), named(theirs));
    let only_in =
        |one: &[String], other: &[String]| one.iter().filter(|name| !other.contains(name)).cloned().collect::<Vec<_>>();
    let mut differ = [only_in(&ours, &theirs), only_in(&theirs, &ours)].concat();
    let common = |all: &[String]| all.iter().filter(|name| !differ.contains(name)).cloned().collect::<Vec<_>>();
    if common(&ours) != common(&theirs) {
        return vec!["frame.protocols".to_owned()];
    }
    if differ.iter().any(|name| name == "websocket") {
        // It is named because of what follows.
        differ.retain(|name| name != "http");
    }
    differ
}

/// In one pass tshark does not know at a fragment in which later frame its packet is whole; in two it does, and
/// `fragments_know_where_they_are_whole` compares that.
pub fn is_told_later(field: &str, theirs: &[String]) -> bool {
    ["ip.reassembled_in", "ipv6.reassembled.in"].contains(&field) && theirs.is_empty()
}

/// Unless it is told to, tshark looks at no sum of IP, TCP and UDP, and says so; `sums_are_judged_alike` tells it to.
pub fn is_unchecked(field: &str, theirs: &[String]) -> bool {
    const UNVERIFIED: &str = "2";
    ["ip.checksum.status", "tcp.checksum.status", "udp.checksum.status"].contains(&field)
        && !theirs.is_empty()
        && theirs.iter().all(|status| status == UNVERIFIED)
}

const FINAL_BLOCK: &str = "tshark shows raw octets after a message that ends with a final block (RFC 7692 §7.2.3.4); right.rs says what is right";
const TEXT: &[&str] = &["websocket.payload.text"];
const DATA: &[&str] = &["data"];
const PORT: &str =
    "because of the port tshark calls its HTTP dissector, which takes what it cannot read and shows nothing";
const HTTP: &[&str] = &["http"];

/// What a response says of its request.
const TIME: &[&str] = &["http.time", "http.request_in"];

const BODY: &[&str] = &["http2.data.data"];
const WHOLE_BODY: &str = "where a stream ends tshark shows its whole body once more under the same name, and an empty one; for us it is what a frame brings";

const RTT: &[&str] = &["tcp.analysis.initial_rtt"];
const REFUSED: &str = "a RST answers the SYN: no handshake was completed, so it has no round trip";
const REASSEMBLED: &str =
    "what came out of order tshark shows as data where its hole is filled; for us a frame has the data it holds";

/// What says that a segment was sent again.
const AGAIN: &[&str] = &[
    "tcp.analysis.fast_retransmission",
    "tcp.analysis.retransmission",
    "tcp.analysis.out_of_order",
    "tcp.analysis.rto",
];

const FILLED: &str =
    "zeros behind the last packet fill the datagram (RFC 9000 §14.1 asks for 1200 octets): tshark is silent of them";

const MESSAGES: &str =
    "tshark dissects the messages of these extension headers; for us they are data, and a note says so";

const HTTP3: &[&str] = &["http3"];
const QPACK: &str =
    "instructions of QPACK: tshark has a layer of HTTP/3 for them, without a field; for us they say nothing to people";
const SIGNAL: &str =
    "tshark knows no WebTransport: it takes the number of the session for a length, and what follows for frames";

const REST: &str = "tshark takes what is left of a message for one, and the next message for more of it or for nothing";

static EXCEPTIONS: &[Exception] = &[
    Exception {
        capture: "odd packets",
        frames: &[7, 8, 9, 10, 11],
        fields: &["ip.checksum.status"],
        reason: "the sum of the header was left to the network card: for tshark it is wrong, for us there is none yet",
    },
    Exception {
        capture: "h2c-upgrade",
        frames: &[4, 19],
        fields: &["http2.settings"],
        reason: "tshark reads the field HTTP2-Settings of the HTTP/1 request as a SETTINGS frame; for us it is a header field",
    },
    Exception {
        capture: "both-open",
        frames: &[4],
        fields: &["tcp.analysis.acks_frame", "tcp.analysis.ack_rtt"],
        reason: "tshark takes the 0 in a SYN without ACK for an acknowledgement, and by it forgets a SYN whose number is beyond 2^31; \
                 with a lower one it names the first SYN, too",
    },
    Exception {
        capture: "challenge-ack",
        frames: &[],
        fields: &["tcp.stream", "tcp.seq", "tcp.ack", "tcp.nxtseq", "tcp.time_", "tcp.analysis", "tcp.window_size"],
        reason: "for tshark all that comes behind a SYN is of the connection that it would open, also where nobody opens that; for us \
                 what has the numbers of the older one is of that, until the SYN is answered",
    },
    Exception {
        capture: "challenge-ack",
        frames: &[9, 10],
        fields: &["http", "frame.protocols"],
        reason: "so tshark does not read the request of the older connection",
    },
    Exception { capture: "outside", frames: &[7, 64], fields: &["data", "frame.protocols"], reason: PORT },
    Exception {
        capture: "outside",
        frames: &[52],
        fields: TIME,
        reason: "the request in frame 48 came before the one that belongs in front of it: tshark ties one answer to them, and not the other",
    },
    Exception { capture: "within_answer", frames: &[1, 5], fields: HTTP, reason: REST },
    Exception { capture: "within_upload", frames: &[1, 5, 7], fields: HTTP, reason: REST },
    Exception {
        capture: "gap",
        frames: &[5],
        fields: HTTP,
        reason: "tshark waits for the octets that are missing; we show the whole GET behind them",
    },
    Exception {
        capture: "cut_heads",
        frames: &[4, 6, 8, 10],
        fields: &["http.user_agent", "http.server"],
        reason: "the capture cut the value: tshark shows what is there as if it were all, for us half of a value is none",
    },
    Exception {
        capture: "cut_heads",
        frames: &[6, 10],
        fields: TIME,
        reason: "the capture cut the head of the request: nobody knows that its message ends with its segment",
    },
    Exception {
        capture: "http",
        frames: &[90],
        fields: TIME,
        reason: "of two answers in one segment each has waited; tshark says so of the first",
    },
    Exception {
        capture: "odd http",
        frames: &[17],
        fields: TIME,
        reason: "an interim response (RFC 9110 §15.2) came before: for tshark that one ended the waiting",
    },
    Exception {
        capture: "odd websocket",
        frames: &[28],
        fields: &["http"],
        reason: "octets behind the end of a WebSocket: tshark names the dissector of HTTP, which hands them on as data",
    },
    Exception {
        capture: "early_frame",
        frames: &[4],
        fields: &["websocket", "data"],
        reason: "the frame came before the 101: tshark does not know yet what it is, we do once the 101 is there",
    },
    Exception {
        capture: "deflate_frame",
        frames: &[8],
        fields: &["websocket.pmc", "websocket.payload.text"],
        reason: "tshark inflates what x-webkit-deflate-frame compressed; we do not know that extension, and say so",
    },
    Exception { capture: "quic", frames: &[1, 3, 6], fields: DATA, reason: FILLED },
    Exception {
        capture: "quic",
        frames: &[3],
        fields: &["tls"],
        reason: "the hello behind a Retry, with another random: tshark puts it to the first, and reads no second",
    },
    Exception {
        capture: "quic-retry",
        frames: &[],
        fields: &["tls", "quic", "data", "http3", "frame.protocols"],
        reason: "behind a Retry the second hello has another random: tshark takes the first, and so does not open the rest",
    },
    Exception { capture: "quic-long-hello", frames: &[2, 6], fields: DATA, reason: FILLED },
    Exception { capture: "quic-version-2", frames: &[1, 4], fields: DATA, reason: FILLED },
    Exception { capture: "socketio4-webtransport", frames: &[1, 210], fields: DATA, reason: FILLED },
    Exception { capture: "socketio4-webtransport-upgrade", frames: &[26], fields: DATA, reason: FILLED },
    Exception { capture: "socketio4-webtransport", frames: &[4, 213], fields: HTTP3, reason: QPACK },
    Exception { capture: "socketio4-webtransport-upgrade", frames: &[39], fields: HTTP3, reason: QPACK },
    Exception { capture: "socketio4-webtransport", frames: &[10, 24, 219], fields: HTTP3, reason: SIGNAL },
    Exception { capture: "socketio4-webtransport-upgrade", frames: &[45], fields: HTTP3, reason: SIGNAL },
    Exception {
        capture: "quic-long-hello",
        frames: &[1],
        fields: &["tls"],
        reason: "of a hello in two packets tshark has a layer in the first, too; for us it is where all of it is there",
    },
    Exception {
        capture: "quic",
        frames: &[12],
        fields: &["data", "quic"],
        reason: "a version that nobody speaks: tshark takes it for QUIC by its first bit, and calls it malformed",
    },
    Exception {
        capture: "vlan-four",
        frames: &[],
        fields: &["ieee8021ad.id", "frame.protocols"],
        reason: "of two provider's tags in a row tshark makes one, with the numbers svid and cvid; for us each tag has its id",
    },
    Exception { capture: "mobility", frames: &[], fields: DATA, reason: MESSAGES },
    Exception { capture: "host-identity", frames: &[], fields: DATA, reason: MESSAGES },
    Exception { capture: "http2", frames: &[15, 18, 25, 26], fields: BODY, reason: WHOLE_BODY },
    Exception { capture: "socketio4-http2", frames: &[], fields: BODY, reason: WHOLE_BODY },
    Exception { capture: "http2-tls", frames: &[18, 21, 28, 29], fields: BODY, reason: WHOLE_BODY },
    Exception { capture: "k2_7692", frames: &[11], fields: TEXT, reason: FINAL_BLOCK },
    Exception { capture: "k3_bfinal", frames: &[7, 8, 9], fields: TEXT, reason: FINAL_BLOCK },
    Exception {
        capture: "http2",
        frames: &[4],
        fields: &["http2"],
        reason: "the server speaks first: tshark knows HTTP/2 only from the client's preface on",
    },
    Exception {
        capture: "websockets-tls12",
        frames: &[35, 73],
        fields: TEXT,
        reason: "tshark puts no message together that ends with an empty frame",
    },
    Exception {
        capture: "f_lost",
        frames: &[7],
        fields: &["websocket"],
        reason: "tshark shows no frame behind octets that are missing; we show one that fits, and say that it is not certain",
    },
    Exception {
        capture: "g_mid",
        frames: &[1, 2],
        fields: &["websocket"],
        reason: "the capture begins after the handshake, without which tshark knows no WebSocket; we say how sure we are",
    },
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
    Exception { capture: "tcp", frames: &[53], fields: RTT, reason: REFUSED },
    Exception { capture: "tcp", frames: &[75, 77], fields: DATA, reason: PORT },
    Exception { capture: "acks", frames: &[62], fields: RTT, reason: REFUSED },
    Exception { capture: "alive", frames: &[34], fields: RTT, reason: REFUSED },
    Exception { capture: "dup", frames: &[64], fields: RTT, reason: REFUSED },
    Exception { capture: "loss", frames: &[64], fields: RTT, reason: REFUSED },
    Exception { capture: "loss-at-receiver", frames: &[68], fields: RTT, reason: REFUSED },
    Exception { capture: "loss-at-receiver", frames: &[], fields: DATA, reason: REASSEMBLED },
    Exception { capture: "reorder", frames: &[69], fields: RTT, reason: REFUSED },
    Exception { capture: "reorder-at-receiver", frames: &[70], fields: RTT, reason: REFUSED },
    Exception { capture: "reorder-at-receiver", frames: &[], fields: DATA, reason: REASSEMBLED },
    Exception { capture: "window", frames: &[34], fields: RTT, reason: REFUSED },
    Exception { capture: "lost by dice", frames: &[], fields: DATA, reason: REASSEMBLED },
    Exception { capture: "lost", frames: &[], fields: DATA, reason: REASSEMBLED },
    Exception { capture: "not captured", frames: &[], fields: DATA, reason: REASSEMBLED },
    Exception { capture: "windows", frames: &[], fields: DATA, reason: REASSEMBLED },
    Exception {
        capture: "not captured",
        frames: &[38, 39, 42],
        fields: &["tcp.window_size"],
        reason: "the SYN ACK is missing: tshark scales the client's windows all the same, but that holds only if both SYNs ask for it",
    },
    Exception {
        capture: "openings",
        frames: &[30, 31, 32, 33],
        fields: RTT,
        reason: "both sides sent a SYN: the round trip begins with the one that is answered, for tshark with the latest",
    },
    Exception {
        capture: "ports used again",
        frames: &[2, 3, 4, 5, 6, 7, 9, 10],
        fields: RTT,
        reason: "a RST answers the first SYN: the handshake was completed only with the second",
    },
    Exception {
        capture: "ports used again",
        frames: &[37],
        fields: &["tcp.analysis.flags", "tcp.analysis.duplicate_ack"],
        reason: "the first ACK of a connection repeats none: its number is 0 here, which tshark cannot tell from no ACK at all",
    },
    Exception {
        capture: "endings",
        frames: &[32],
        fields: &["tcp.payload", "data"],
        reason: "the octets of a RST are its cause (RFC 9293 §3.5.2): tshark has a field of its own for them, and here they are octets of the frame alone",
    },
    Exception {
        capture: "lost by dice",
        frames: &[61, 216, 395, 793, 893, 916, 1019],
        fields: AGAIN,
        reason: "no ACK was repeated, so it is no fast retransmission: tshark marks an ACK of what was not captured by setting \
                 the count of repetitions to -1, and the count has no sign",
    },
    Exception {
        capture: "odd tcp",
        frames: &[59],
        fields: HTTP,
        reason: "the FIN came before the last octets: tshark no longer ends the body when they come",
    },
    Exception {
        capture: "odd http",
        frames: &[26, 28],
        fields: &["http", "tls", "data"],
        reason: "tshark calls what travels in a tunnel HTTP, or by its port TLS",
    },
    Exception {
        capture: "odd http",
        frames: &[43],
        fields: &["http.host"],
        reason: "white space around a field's value is not part of it (RFC 9112 §5.1)",
    },
    Exception {
        capture: "08-server-sent-events",
        frames: &[15],
        fields: &["http"],
        reason: "the client leaves in the middle of the answer: we show what came and say so, tshark shows nothing",
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
        capture: "damage",
        frames: &[5, 6],
        fields: &[
            "tcp.analysis.flags",
            "tcp.analysis.retransmission",
            "tcp.analysis.rto",
            "tcp.analysis.rto_frame",
            "tcp.analysis.acks_frame",
            "tcp.analysis.ack_rtt",
        ],
        reason: "the damaged segment never counted as sent, so the next is the first with its octets",
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
