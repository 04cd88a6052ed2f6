//! Packets that are longer than the length field of IP can say: what a network card was to cut up (TSO), and BIG TCP.

use crate::capture::{Frame, LinkType};
use crate::layer::Value;
use crate::trace::testing::{Conversation, GET, HI, SWITCHING, TO_CLIENT, UPGRADE, frame, notes, told, trace};
use crate::trace::{Trace, layer_sums};

/// An answer whose body has so many octets, each of which follows from its place.
fn answer(octets: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {octets}\r\n\r\n");
    let body = (0..octets).map(|i| (i % 251) as u8);
    head.bytes().chain(body).collect()
}

/// A conversation whose fifth frame is one packet with this answer, which the length of its IP header does not count; and
/// one more exchange behind it.
fn with_one_large(v6: bool, answer: &[u8]) -> Vec<Frame> {
    let (client, server) = if v6 { ("[::1]:51544", "[::1]:8080") } else { ("127.0.0.1:51544", "127.0.0.1:8080") };
    let mut talk = Conversation::between(client, server).open();
    talk.client(GET).server(answer).client(UPGRADE).server(SWITCHING).server(HI);
    let length = if v6 { 4 } else { 2 };
    talk.frames[4].data[length..length + 2].fill(0);
    talk.frames
}

fn is_read(trace: &Trace, answer: &[u8]) {
    assert_eq!(trace.bytes(&trace.messages()[1]), answer);
    assert_eq!(told(trace)[0..2], ["[4] > GET /", "[5] < 200 OK"]);
    assert_eq!(told(trace).last().unwrap(), "[8] < text \"hi\"", "what is behind it is found");
    assert_eq!(notes(trace), [], "it is healthy");
}

/// The note of the IP header of frame 5, and what the segment is said to carry.
fn why(trace: &Trace) -> (Option<String>, Option<Value>) {
    let layers = trace.layers(5);
    let of = |protocol: &str| layers.iter().find(|layer| layer.protocol == protocol);
    let note = of("ip").or(of("ipv6")).unwrap().notes.first().map(|note| note.text.clone());
    (note, of("tcp").unwrap().value("tcp.len").cloned())
}

#[test]
fn a_packet_without_a_length_is_as_long_as_its_frame() {
    for (v6, field) in [(false, "total length"), (true, "payload length")] {
        for octets in [0, 2_000, 70_000, 150_000] {
            let answer = answer(octets);
            let trace = trace(&with_one_large(v6, &answer));
            is_read(&trace, &answer);
            let (note, len) = why(&trace);
            let note = note.unwrap();
            assert!(note.starts_with(&format!("the {field} is 0: ")), "{note}");
            assert!(note.ends_with("it is taken to be as long as its frame"), "{note}");
            assert_eq!(len, Some(Value::Uint(answer.len() as u64)));
        }
    }
    let mut ordinary = Conversation::new().open();
    ordinary.client(GET).server(answer(0));
    assert_eq!(why(&ordinary.trace()).0, None, "one with a length needs no word");
}

/// Of a frame that the capture cut the rest was on the wire all the same.
#[test]
fn a_packet_without_a_length_may_be_cut() {
    for v6 in [false, true] {
        let answer = answer(70_000);
        let mut frames = with_one_large(v6, &answer);
        frames[4].data.truncate(1_000);
        let trace = trace(&frames);
        assert_eq!(why(&trace).1, Some(Value::Uint(answer.len() as u64)));
        assert_eq!(told(&trace).last().unwrap(), "[8] < text \"hi\"", "the stream goes on behind it");
        assert_eq!(
            trace.connections()[0].octets[TO_CLIENT.index()] as usize,
            answer.len() + SWITCHING.len() + HI.len()
        );
    }
}

/// Behind the IPv6 header: TCP follows, eight octets, a Jumbo Payload option of four (RFC 2675 §2).
fn jumbo(mut frames: Vec<Frame>, len: u32) -> Vec<Frame> {
    let mut data = frames[4].data.clone();
    data[6] = 0;
    data.splice(40..40, [&[6, 0, 0xc2, 4][..], &len.to_be_bytes()].concat());
    frames[4] = frame(4, LinkType::RAW, data);
    frames
}

#[test]
fn a_jumbogram_says_its_length() {
    for octets in [70_000, 150_000] {
        let answer = answer(octets);
        let len = 8 + 20 + answer.len() as u32;
        let mut frames = jumbo(with_one_large(true, &answer), len);
        // What the link adds behind the packet is not the packet's.
        frames[4].data.extend([0; 6]);
        frames[4].len += 6;
        let trace = trace(&frames);
        is_read(&trace, &answer);
        assert_eq!(why(&trace), (None, Some(Value::Uint(answer.len() as u64))), "its own word counts");
        assert_eq!(layer_sums(&trace.ledger(5)).last(), Some(&("padding", 6)));
        let layers = trace.layers(5);
        let ip = layers.iter().find(|layer| layer.protocol == "ipv6").unwrap();
        assert_eq!(ip.value("ipv6.opt.jumbo"), Some(&Value::Uint(u64::from(len))));
    }
}

/// "The Jumbo Payload Length must be greater than 65,535": one that is not says nothing of the packet.
#[test]
fn a_jumbo_length_that_must_not_be_is_none() {
    let answer = answer(70_000);
    for len in [0, 1_000, 65_535] {
        let trace = trace(&jumbo(with_one_large(true, &answer), len));
        is_read(&trace, &answer);
        assert!(why(&trace).0.unwrap().contains("is taken to be as long as its frame"));
    }
}
