//! Fragments, damage and datagrams, seen from the whole trace.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::testing::{
    Conversation, EMPTY_200, GET, HELLO, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, frame, notes, told, trace,
};
use super::{Trace, layer_sums};
use crate::capture::{Frame, LinkType};
use crate::layer::{Buffer, Value};
use crate::packet::Flags;

/// Cuts an IPv4 packet without options into fragments of this many octets.
fn fragments(packet: &[u8], size: usize, id: u16) -> Vec<Vec<u8>> {
    let (header, payload) = packet.split_at(20);
    let count = payload.len().div_ceil(size);
    let part = |(i, part): (usize, &[u8])| {
        let mut fragment = [header, part].concat();
        fragment[2..4].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
        fragment[4..6].copy_from_slice(&id.to_be_bytes());
        let more = u16::from(i + 1 < count) << 13;
        fragment[6..8].copy_from_slice(&(more | (i * size / 8) as u16).to_be_bytes());
        fragment
    };
    payload.chunks(size).enumerate().map(part).collect()
}

/// The same frames with some of them cut into fragments; numbered anew.
fn cut(frames: &[Frame], which: &[bool], size: usize, backwards: bool) -> Vec<Frame> {
    let mut out = Vec::new();
    for (n, whole) in frames.iter().enumerate() {
        let mut parts = vec![whole.data.clone()];
        if which[n % which.len()] && whole.data.len() > 20 + size {
            parts = fragments(&whole.data, size, n as u16);
        }
        if backwards {
            parts.reverse();
        }
        out.extend(parts);
    }
    out.into_iter().enumerate().map(|(n, data)| frame(n, LinkType::RAW, data)).collect()
}

/// Without the frame numbers, which differ.
fn said(trace: &Trace) -> Vec<String> {
    told(trace).iter().map(|line| line.split_once("] ").unwrap().1.to_owned()).collect()
}

#[test]
fn a_segment_in_fragments_is_read_when_it_is_whole() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200);
    let frames = cut(&talk.frames, &[false, false, false, true, false], 16, true);
    let trace = trace(&frames);
    // 20 octets of TCP and 27 of HTTP in three fragments, the last first: it is whole with the third.
    assert_eq!(told(&trace), ["[4, 5, 6] > GET /", "[7] < 200 OK"]);
    assert_eq!(notes(&trace), []);
    assert_eq!(trace.messages()[0].frame(), 6);
    let request = GET.len() as u32;
    assert_eq!(layer_sums(&trace.ledger(6)), [("ip", 20), ("tcp", 16)]);
    assert_eq!(layer_sums(&trace.ledger(5)), [("ip", 20), ("tcp", 4), ("http", 12)]);
    assert_eq!(layer_sums(&trace.ledger(4)), [("ip", 20), ("http", request - 12)]);
    let names = |n| trace.layers(n).iter().map(|layer| layer.protocol).collect::<Vec<_>>();
    assert_eq!(names(4), ["frame", "raw", "ip", "data"]);
    assert_eq!(names(6), ["frame", "raw", "ip", "tcp", "http"]);
    let port = &trace.layers(6)[3].fields[0];
    assert_eq!(port.span.as_ref().unwrap().buffer, Buffer::Datagram(6));
    assert_eq!(trace.in_frames(port.span.as_ref().unwrap()), [(6, 20..22)]);
    assert_eq!(trace.layers(4)[2].value("ip.reassembled_in"), Some(&Value::Uint(6)));
}

#[test]
fn fragments_that_are_never_whole_are_told() {
    let mut talk = Conversation::new().open();
    talk.client(GET);
    let mut frames = cut(&talk.frames, &[false, false, false, true], 16, false);
    frames.remove(4);
    let trace = trace(&frames);
    assert_eq!(said(&trace), [] as [&str; 0]);
    let text = notes(&trace)[0].1;
    assert!(text.contains("never whole") && text.ends_with("the others were not captured"), "{text}");
    assert_eq!(notes(&trace)[0].0, Some(4));
    assert_eq!(layer_sums(&trace.ledger(4))[1].0, "fragment");
}

#[test]
fn a_fragment_sent_twice_is_repeated() {
    let mut talk = Conversation::new().open();
    talk.client(GET);
    let mut frames = cut(&talk.frames, &[false, false, false, true], 16, false);
    frames.insert(4, frames[3].clone());
    let trace = trace(&frames);
    assert_eq!(said(&trace), ["> GET /"]);
    assert_eq!(layer_sums(&trace.ledger(5)), [("ip", 20), ("repeated", 16)]);
}

/// Where each packet is captured twice, the last fragment comes again when the packet is whole: nothing is missing for that.
#[test]
fn a_fragment_of_a_packet_that_was_whole_is_no_loss() {
    let mut talk = Conversation::new().open();
    talk.client(GET).server(EMPTY_200);
    let twice = |change: bool| {
        let mut frames = cut(&talk.frames, &[false, false, false, true, false], 16, false);
        let mut last = frames[5].clone();
        last.data[30] ^= u8::from(change);
        frames.insert(6, last);
        trace(&frames)
    };
    let trace = twice(false);
    assert_eq!(said(&trace), ["> GET /", "< 200 OK"]);
    let text = "a fragment of packet 0x0003, which was whole in frame 6: sent again, or captured twice";
    assert_eq!(notes(&trace), [(Some(7), text)]);
    let other = twice(true);
    assert!(notes(&other)[0].1.contains("never whole"), "it is of another packet: {:?}", notes(&other));
}

/// Once of each: a capture may be full of it.
#[test]
fn protocols_that_are_not_dissected_are_told() {
    let ip = |protocol: u8| {
        let mut data = vec![0x45, 0, 0, 22, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        data.extend([1, 2]);
        data
    };
    let pppoe = [&[2; 12][..], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 0]].concat();
    let wifi = LinkType(105);
    let frames = [
        frame(0, LinkType::RAW, ip(47)),
        frame(1, LinkType::RAW, ip(47)),
        frame(2, LinkType::RAW, ip(50)),
        frame(3, LinkType::ETHERNET, pppoe),
        frame(4, wifi, vec![8; 30]),
        frame(5, wifi, vec![8; 30]),
    ];
    let trace = trace(&frames);
    let told: Vec<_> =
        notes(&trace).into_iter().map(|(on, text)| (on, text.split(" is not").next().unwrap())).collect();
    let expected = [
        (Some(1), "IP protocol 47 (GRE)"),
        (Some(3), "IP protocol 50 (ESP of IPsec, encrypted)"),
        (Some(4), "EtherType 0x8864 (PPPoE)"),
        (Some(5), "link type 105"),
    ];
    assert_eq!(told, expected);
}

/// The sum over a segment and its addresses, filled in.
fn sealed(mut frame: Frame) -> Frame {
    let len = frame.data.len();
    frame.data[36..38].copy_from_slice(&[0, 0]);
    let words =
        frame.data[12..].chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |b| u32::from(*b)));
    let sum = words.sum::<u32>() + 6 + (len - 20) as u32;
    let folded = (sum & 0xffff) + (sum >> 16);
    let sum = !((folded & 0xffff) + (folded >> 16)) as u16;
    frame.data[36..38].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The client's request is damaged on the way, and sent again.
fn damaged(sealed_until: usize) -> Trace {
    let mut talk = Conversation::between("10.0.0.1:51544", "10.0.0.2:8080").open();
    let seq = talk.next[0];
    talk.client(GET).at(crate::layer::Direction::ToServer, seq, Flags::PSH | Flags::ACK, GET.as_bytes());
    talk.server(EMPTY_200);
    let mut frames: Vec<Frame> = talk.frames.clone();
    for (n, frame) in frames.iter_mut().enumerate() {
        if n < sealed_until {
            *frame = sealed(frame.clone());
        }
    }
    frames[3].data[40 + 22] ^= 3; // "Host: a" is "Host: b" now
    trace(&frames)
}

/// The handshake has shown that the client fills in true sums: then a wrong one is damage, and the receiver has thrown
/// the segment away.
#[test]
fn proven_damage_stays_out_of_the_stream() {
    let trace = damaged(usize::MAX);
    assert_eq!(told(&trace)[0], "[5] > GET /");
    let texts = notes(&trace);
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].0 == Some(4) && texts[0].1.ends_with("damaged on the way, so it is kept out"), "{texts:?}");
    assert!(trace.record(4).unwrap().damaged);
    assert_eq!(layer_sums(&trace.ledger(4))[2], ("data", GET.len() as u32));
}

/// "The TCP receiver MUST check it" (RFC 9293 §3.1), of every segment: a damaged SYN, FIN or RST opens and ends nothing.
#[test]
fn damaged_control_segments_are_not_believed() {
    for flags in [Flags::RST, Flags::RST | Flags::ACK, Flags::FIN | Flags::ACK, Flags::SYN] {
        let told = |true_sums: bool| {
            let mut talk = Conversation::between("10.0.0.1:51544", "10.0.0.2:8080").open();
            let seq = talk.next[0].wrapping_add(if flags == Flags::SYN { 1000 } else { 0 });
            talk.client(GET).server(EMPTY_200);
            talk.at(TO_SERVER, seq.wrapping_add(GET.len() as u32), flags, b"").client(GET).server(EMPTY_200).close();
            let mut frames = talk.frames.clone();
            if true_sums {
                frames = frames.into_iter().map(sealed).collect();
            }
            frames[5].data[37] ^= 1;
            let trace = trace(&frames);
            let notes: Vec<_> = notes(&trace).into_iter().map(|(on, text)| (on, text.to_owned())).collect();
            (trace.record(6).unwrap().damaged, trace.connections().len(), told(&trace).len(), notes)
        };
        let (damaged, connections, messages, notes) = told(true);
        assert_eq!((damaged, connections, messages), (true, 1, 4), "{flags:#x}: {notes:?}");
        assert_eq!((notes.len(), notes[0].0), (1, Some(6)), "{notes:?}");
        assert!(notes[0].1.ends_with("damaged on the way, so it is kept out"), "{notes:?}");
        assert!(!told(false).0, "its sender leaves sums to its card");
    }
}

/// What a damaged acknowledgement says is not believed either, whatever is known of its sender by then.
#[test]
fn damaged_acknowledgements_are_not_believed() {
    let acknowledged = |true_sums: bool| {
        let mut talk = Conversation::between("10.0.0.1:51544", "10.0.0.2:8080").open();
        talk.client(GET).server(EMPTY_200).client(GET).segment(TO_CLIENT, Flags::ACK, b"");
        let mut frames = talk.frames.clone();
        if true_sums {
            frames = frames.into_iter().map(sealed).collect();
        }
        frames[6].data[30] ^= 1; // 65 536 more are acknowledged
        let trace = trace(&frames);
        (trace.record(7).unwrap().damaged, trace.connections()[0].acknowledged(TO_SERVER), notes(&trace).len())
    };
    assert_eq!(acknowledged(true), (true, Some(GET.len() as u64), 1));
    assert!(!acknowledged(false).0, "its sender leaves sums to its card");
}

/// Its octets were captured, and nobody says otherwise. Where its receiver has acknowledged it, it was not damaged at all.
#[test]
fn what_was_kept_out_is_not_told_to_be_missing_from_the_capture() {
    let told = |acknowledged: bool| {
        let mut talk = Conversation::between("10.0.0.1:51544", "10.0.0.2:8080").open();
        talk.client(GET);
        if !acknowledged {
            // A number that acknowledges nothing new.
            talk.next[0] -= GET.len() as u32;
        }
        talk.server(EMPTY_200);
        talk.next[0] += if acknowledged { 0 } else { GET.len() as u32 };
        talk.client(GET);
        let mut frames: Vec<Frame> = talk.frames.iter().cloned().map(sealed).collect();
        frames[3].data[40 + 22] ^= 3;
        let trace = trace(&frames);
        let said =
            notes(&trace).into_iter().map(|(_, text)| text.to_owned()).find(|text| text.contains("of this stream"));
        said.expect("octets are not read")
    };
    let text = told(true);
    assert!(text.contains("are not read: frame 4 was kept out") && text.contains("lro off"), "{text}");
    let text = told(false);
    assert!(text.contains("frame 4 was kept out as damaged, and they did not come again"), "{text}");
}

/// On loopback sums are left out: then a wrong one proves nothing, and the segment is read.
#[test]
fn what_offload_explains_is_read() {
    let trace = damaged(0);
    assert!(trace.records().all(|(_, record)| !record.damaged));
    assert!(told(&trace)[0].starts_with("[4] "), "{:?}", told(&trace));
}

/// IPv4 and UDP, port 1000 to 53, with this length and payload.
fn udp(length: u16, payload: &[u8]) -> Vec<u8> {
    let mut data = vec![0x45, 0];
    data.extend((28 + payload.len() as u16).to_be_bytes());
    data.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0x03, 0xe8, 0, 53]);
    data.extend([length.to_be_bytes(), [0, 0]].concat());
    data.extend(payload);
    data
}

#[test]
fn udp_lengths_are_judged() {
    let cases = [(10, 0), (9, 1), (200, 1), (7, 1), (0, 1)];
    for (length, expected) in cases {
        let trace = trace(&[frame(0, LinkType::RAW, udp(length, b"hi"))]);
        assert_eq!(notes(&trace).len(), expected, "{length}: {:?}", notes(&trace));
    }
    let trace = trace(&[frame(0, LinkType::RAW, udp(9, b"hi"))]);
    assert_eq!(layer_sums(&trace.ledger(1)), [("ip", 20), ("udp", 8), ("payload", 1), ("data", 1)]);
}

#[test]
fn the_largest_datagram_and_the_smallest() {
    let large = vec![7; 65_507];
    let frames = [udp(65_515, &large), udp(8, b"")];
    let trace = trace(&[0, 1].map(|n| frame(n, LinkType::RAW, frames[n].clone())));
    assert_eq!(notes(&trace), []);
    assert_eq!(layer_sums(&trace.ledger(1))[2], ("payload", 65_507));
    let streams: Vec<u32> = trace.records().map(|(_, record)| record.udp.unwrap().stream).collect();
    assert_eq!(streams, [0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Fragments change nothing of what is said; and every octet still has one owner, whatever is lost or comes twice.
    #[test]
    fn fragments_do_not_change_the_messages(
        which in vec(any::<bool>(), 1..8),
        units in 1_usize..5,
        backwards in any::<bool>(),
        harm in vec((any::<usize>(), any::<bool>(), any::<usize>(), any::<u8>()), 0..5),
    ) {
        let mut talk = Conversation::new().open();
        talk.client(GET).server(EMPTY_200).client(UPGRADE).server(SWITCHING).client(HELLO);
        talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
        let mut frames = cut(&talk.frames, &which, units * 8, backwards);
        prop_assert_eq!(said(&trace(&frames)), said(&talk.trace()));
        for (at, lose, octet, with) in harm {
            let at = at % frames.len();
            match lose {
                true if frames.len() > 1 => drop(frames.remove(at)),
                _ if with % 3 == 0 => frames.insert(octet % frames.len(), frames[at].clone()),
                _ => {
                    let octet = octet % frames[at].data.len();
                    frames[at].data[octet] = with;
                }
            }
        }
        trace(&frames);
    }
}
