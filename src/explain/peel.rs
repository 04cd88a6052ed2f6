//! One frame, layer by layer: who owns which octets, what each layer says, and how a mask is undone.

use super::owner::{MISSING, title};
use super::resent::{Brought, is_keep_alive, says_else};
use crate::count::counted;
use crate::flow::Segment;
use crate::layer::{Layer, OsiLayer};
use crate::packet::Packet;
use crate::protocol::WebSocketFrame;
use crate::protocol::text::as_text;
use crate::protocol::text::is_unsafe;
use crate::trace::{Message, Owner, Record, Share, Talk, Trace};

/// A frame, peeled.
#[derive(Debug, Clone)]
pub struct Peel {
    /// The frame's number.
    pub frame: u32,
    /// Its length on the wire, in octets.
    pub len: u32,
    /// Its captured octets.
    pub data: Vec<u8>,
    /// The layers by size, outermost first; their octets add up to `len`.
    pub rows: Vec<Row>,
    /// Which octets belong to whom.
    pub shares: Vec<Share>,
    /// The first masked payload that ends in the frame, and how the mask is undone.
    pub unmask: Option<Unmask>,
    /// All layers with their fields.
    pub layers: Vec<Layer>,
}

/// One layer's part of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its owner in the ledger.
    pub owner: Owner,
    /// What people call it.
    pub title: String,
    /// How many octets it owns.
    pub octets: u32,
    /// What it says.
    pub says: String,
    /// Where it stands in the OSI model, by our mapping.
    pub osi: Option<OsiLayer>,
}

/// A mask and how it is undone (RFC 6455 §5.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmask {
    /// The payload as it travelled.
    pub wire: Vec<u8>,
    /// The four octets of the key.
    pub key: [u8; 4],
    /// The payload as it was meant.
    pub plain: Vec<u8>,
}

impl Peel {
    /// Peels a frame; `None` if the capture has none of this number.
    pub fn new(trace: &Trace, frame: u32) -> Option<Self> {
        let record = trace.record(frame)?;
        let shares = trace.ledger(frame);
        let layers = trace.layers(frame);
        let mut rows: Vec<Row> = crate::trace::layer_sums(&shares)
            .into_iter()
            .map(|(owner, octets)| Row {
                owner,
                title: title(owner).to_owned(),
                octets,
                says: says(trace, frame, record, &layers, owner),
                osi: layers.iter().find(|layer| layer.protocol == owner).and_then(|layer| layer.osi),
            })
            .collect();
        if record.packet.missing > 0 {
            rows.push(Row {
                owner: MISSING,
                title: title(MISSING).to_owned(),
                octets: record.packet.missing,
                says: "not kept by the capture".into(),
                osi: None,
            });
        }
        let unmask = trace.messages_in(frame).iter().find_map(|message| unmask(trace, message));
        Some(Self { frame, len: record.frame.len, data: record.frame.data.clone(), rows, shares, unmask, layers })
    }
}

fn says(trace: &Trace, frame: u32, record: &Record, layers: &[Layer], owner: Owner) -> String {
    let ends_here = trace.messages_in(frame);
    match owner {
        "payload" if record.segment.is_some() && ends_here.is_empty() => later(trace, frame, record),
        "payload" => {
            let contents: Vec<_> = ends_here.iter().filter_map(|message| content(trace, message)).collect();
            let (packet, data) = record.whole();
            let text = || as_text(packet.payload.of(data), 60).filter(|_| packet.udp().is_some());
            if contents.is_empty() { text().unwrap_or_default() } else { contents.join(", ") }
        }
        "repeated" if is_keep_alive(record) => "asks whether the other side is still there: it may be any octet".into(),
        "repeated" if says_else(trace, record) => {
            "overlaps what came before it and says something else: not read".into()
        }
        "repeated" => "sent before, in an earlier frame".into(),
        "late" => "came when they had been given up for missing: not read".into(),
        "padding" => "after the end of the IP packet".into(),
        "data" => {
            let (packet, data) = record.whole();
            let fresh = Brought::by(record).filter(|brought| brought.again > 0).map(|brought| brought.fresh);
            let text = as_text(fresh.as_deref().unwrap_or(packet.payload.of(data)), 40);
            format!("{}{}", text.map(|text| format!("{text}, ")).unwrap_or_default(), unread(trace, record))
        }
        _ => {
            let mine: Vec<_> =
                layers.iter().filter(|layer| layer.protocol == owner).map(|layer| layer.summary.as_str()).collect();
            match mine.as_slice() {
                [] => later(trace, frame, record),
                [one] if owner == "tcp" => format!("{one}{}", on_ethernet(record.whole().0).unwrap_or_default()),
                [one] => (*one).to_owned(),
                [first, .., last] => format!("{first} … {last}"),
            }
        }
    }
}

/// What an IP packet may have on Ethernet (RFC 894).
const ETHERNET: u32 = 1500;

/// Of a packet that is larger than any on Ethernet, how many it would be there.
fn on_ethernet(packet: &Packet) -> Option<String> {
    let (tcp, ..) = packet.tcp()?;
    let net = packet.net.as_ref()?;
    let headers = packet.payload.start.checked_sub(net.header.start)?;
    let room = ETHERNET.checked_sub(headers).filter(|room| *room > 0)?;
    let count = tcp.payload_len.div_ceil(room);
    (count > 1).then(|| {
        format!("; {count} packets on Ethernet, which takes {ETHERNET} octets: loopback takes 65536, network cards cut later")
    })
}

/// Why no dissector took octets.
fn unread(trace: &Trace, record: &Record) -> &'static str {
    // "A client MUST expand the payload of all UDP datagrams carrying Initial packets to at least … 1200 bytes" (RFC 9000
    // §14.1): with frames that say nothing, or with octets behind the packets.
    if record.quic.is_some() {
        return "behind the last packet of QUIC: they fill the datagram";
    }
    let lacks = |segment: &&Segment| trace.lacks_before(segment);
    match record.segment.as_ref().filter(lacks).map(|segment| trace.talk(segment.connection)) {
        Some(Talk::Known(_)) => "cannot be read: bytes before them are missing",
        _ => "taken by no dissector",
    }
}

/// What to say of octets whose message ends in a later frame.
fn later(trace: &Trace, frame: u32, record: &Record) -> String {
    let carries = |message: &&Message| {
        let segment = record.segment.as_ref();
        segment.is_some_and(|s| s.connection == message.connection && s.direction == message.direction)
            && message.owns_bytes()
            && message.frames.contains(&frame)
    };
    match trace.messages().iter().find(carries) {
        Some(message) => format!("part of a message that ends in frame {}", message.frame()),
        None => String::new(),
    }
}

fn content(trace: &Trace, message: &Message) -> Option<String> {
    let bytes = trace.bytes(message);
    let plain = match message.payload_as::<WebSocketFrame>() {
        Some(frame) => frame.payload(bytes),
        None => {
            let http = message.payload_as::<crate::protocol::HttpMessage>()?;
            http.decoded_body(bytes).unwrap_or_else(|| http.body(bytes).into_owned())
        }
    };
    (!plain.is_empty()).then(|| readable(&plain))
}

/// Text in quotes if it is text, else octets.
fn readable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| is_unsafe(c) && c != '\n') => {
            let line: String = text.trim_end().chars().take(40).map(|c| if c == '\n' { '↵' } else { c }).collect();
            let more = if text.trim_end().chars().count() > 40 { "…" } else { "" };
            format!("\"{line}{more}\"")
        }
        _ => counted(bytes.len(), "octet"),
    }
}

fn unmask(trace: &Trace, message: &Message) -> Option<Unmask> {
    let frame = message.payload_as::<WebSocketFrame>()?;
    let bytes = trace.bytes(message);
    let key = frame.masking_key?;
    let wire = bytes.get(usize::from(frame.header_len)..)?.to_vec();
    (!wire.is_empty()).then(|| Unmask { plain: frame.payload(bytes), wire, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Flags;
    use crate::trace::testing::{Conversation, DATA, GET, TO_CLIENT, TO_SERVER};

    /// What the row of this owner says.
    fn said(trace: &Trace, frame: u32, owner: Owner) -> Option<String> {
        let peel = Peel::new(trace, frame).expect("the frame is there");
        peel.rows.into_iter().find(|row| row.owner == owner).map(|row| row.says)
    }

    #[test]
    fn what_came_before_and_what_comes_too_late_are_told_apart() {
        let mut talk = Conversation::new().open();
        let seq = talk.next[0];
        talk.client(GET).at(TO_SERVER, seq, DATA, GET.as_bytes());
        talk.at(TO_SERVER, seq, DATA, GET.replace("/ ", "/x").as_bytes());
        talk.client("lost").lose();
        for _ in 0..4 {
            talk.client("more").segment(TO_CLIENT, Flags::ACK, b"");
        }
        talk.at(TO_SERVER, seq + GET.len() as u32, DATA, b"lost");
        let trace = talk.trace();
        assert_eq!(said(&trace, 5, "repeated").as_deref(), Some("sent before, in an earlier frame"));
        let other = "overlaps what came before it and says something else: not read";
        assert_eq!(said(&trace, 6, "repeated").as_deref(), Some(other));
        let late = "came when they had been given up for missing: not read";
        assert_eq!(said(&trace, 15, "late").as_deref(), Some(late));
    }
    /// On loopback, and before a network card cuts it, a packet may be larger than any on the wire.
    #[test]
    fn a_packet_that_no_ethernet_takes_is_explained() {
        let packets = |len: usize| {
            let trace = Conversation::new().open().client("x".repeat(len)).trace();
            let said = said(&trace, 4, "tcp").expect("it is TCP");
            said.split_once("; ").map(|(_, more)| more.split(',').next().unwrap_or_default().to_owned())
        };
        // 20 octets of IP and 20 of TCP leave room for 1460.
        assert_eq!(
            [1460, 1461, 14600, 14601].map(packets),
            [None, Some(2), Some(10), Some(11)].map(|count| count.map(|count| format!("{count} packets on Ethernet")))
        );
    }
}
