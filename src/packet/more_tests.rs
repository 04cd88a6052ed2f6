//! Tags, cooked captures, ARP, ICMP, and what the sums of a capture prove.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

use super::*;

const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/// IPv4 from 10.0.0.1 to 10.0.0.2 without its checksum.
fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut data = vec![0x45, 0];
    data.extend((20 + payload.len() as u16).to_be_bytes());
    data.extend([0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    data.extend(payload);
    data
}

/// UDP from port 1 to 2 without a checksum.
fn udp() -> Vec<u8> {
    ip(17, &[0, 1, 0, 2, 0, 10, 0, 0, b'h', b'i'])
}

fn ethernet(rest: &[&[u8]]) -> Vec<u8> {
    [&MACS[..], &rest.concat()].concat()
}

fn decode(link: LinkType, data: &[u8]) -> Packet {
    Packet::decode(link, data, data.len() as u32)
}

fn owners(packet: &Packet) -> Vec<(&'static str, usize)> {
    packet.headers().map(|(name, extent)| (name, extent.len())).collect()
}

/// Every beginning of a frame: no panic, no octet read that is not there, and always told.
fn every_prefix(link: LinkType, frame: &[u8]) {
    for cut in 0..frame.len() {
        let data = &frame[..cut];
        let packet = Packet::decode(link, data, frame.len() as u32);
        assert!(packet.payload.end as usize <= cut && packet.trailer.end as usize <= cut, "{cut}");
        for layer in describe(&packet, 1, data) {
            let spans = layer.fields.iter().filter_map(|field| field.span.as_ref());
            assert!(spans.into_iter().all(|span| span.range.end as usize <= cut), "{cut}: {layer:?}");
        }
        assert_eq!(packet.missing as usize, frame.len() - cut);
    }
}

#[test]
fn vlan_decodes() {
    // Provider tag: priority 3, drop eligible, 100; tag: 101; IPv4 behind it.
    let frame = ethernet(&[&[0x88, 0xa8, 0x70, 100, 0x81, 0, 0, 101, 8, 0], &udp()]);
    let packet = decode(LinkType::ETHERNET, &frame);
    assert_eq!(owners(&packet), [("eth", 14), ("ieee8021ad", 4), ("vlan", 4), ("ip", 20), ("udp", 8)]);
    assert_eq!(packet.vlans.ids(), [100, 101]);
    let layers = describe(&packet, 1, &frame);
    assert_eq!(layers[1].summary, "virtual network 100, priority 3");
    assert_eq!(layers[1].value("ieee8021ad.dei"), Some(&Value::Uint(1)));
    assert_eq!(layers[2].value("vlan.etype"), Some(&Value::Uint(0x0800)));
    every_prefix(LinkType::ETHERNET, &frame);
}

#[test]
fn vlan_empty() {
    let frame = ethernet(&[&[0x81, 0]]);
    let packet = decode(LinkType::ETHERNET, &frame);
    assert_eq!(packet.fault, Some(Fault::Short { header: "VLAN tag", needed: 4, had: 0 }));
}

#[test]
fn vlan_wrong_length() {
    let frame = |tags: usize| ethernet(&[&[0x81, 0], &[0, 1, 0x81, 0].repeat(tags - 1), &[0, 1, 8, 0], &udp()]);
    let packet = decode(LinkType::ETHERNET, &frame(16));
    assert_eq!((packet.fault, packet.vlans.len(), packet.payload.of(&frame(16))), (None, 16, &b"hi"[..]));
    every_prefix(LinkType::ETHERNET, &frame(16));

    let packet = decode(LinkType::ETHERNET, &frame(17));
    assert_eq!(packet.fault, Some(Fault::TooMany { what: "VLAN tags", limit: 16 }));
    assert_eq!(packet.vlans.len(), 16);
    let note = packet.remarks().remove(0);
    assert_eq!(note.text, "more than 16 VLAN tags in a row: what follows them is not read");
    assert_eq!((note.severity, note.spec), (Severity::Warn, ""), "it is our limit, and breaks no rule");
}

/// Frames with the same headers in the same order share a number, and no others.
#[test]
fn each_row_of_tags_has_a_key_of_its_own() {
    let mut keys = std::collections::BTreeSet::new();
    for tags in 0..5_usize {
        for service in 0..1_u32 << tags {
            let kind = |i: usize| if service >> i & 1 == 1 { [0x88, 0xa8] } else { [0x81, 0] };
            let kinds: Vec<u8> = (0..tags).flat_map(|i| [&kind(i)[..], &[0, 1]].concat()).chain([8, 0]).collect();
            keys.insert(decode(LinkType::ETHERNET, &ethernet(&[&kinds, &udp()])).stack_key());
        }
    }
    assert_eq!(keys.len(), 1 + 2 + 4 + 8 + 16);
}

#[test]
fn what_breaks_a_rule_names_its_own() {
    let spec = |link, data: &[u8]| decode(link, data).remarks().remove(0).spec;
    assert_eq!(spec(LinkType::ETHERNET, &ethernet(&[&[0x81, 0, 0]])), "IEEE 802.1Q §9.6");
    assert_eq!(spec(LinkType::RAW, &ip(6, b"")), "RFC 9293 §3.1");
    assert_eq!(spec(LinkType::RAW, &ip(17, b"")), "RFC 768");
    assert_eq!(spec(LinkType::RAW, &ip(51, b"")), "RFC 4302 §2");
    assert_eq!(spec(LinkType::RAW, &[0x44; 20]), "RFC 791 §3.1");
    assert_eq!(spec(LinkType::RAW, &[0x60; 20]), "RFC 8200 §3");
}

#[test]
fn sll2_decodes() {
    let header = [8, 0, 0, 0, 0, 0, 0, 3, 3, 4, 4, 6, 0, 0, 0, 0, 0, 0, 0, 0]; // IPv4, interface 3, loopback, sent by us
    let frame = [&header[..], &udp()].concat();
    let packet = decode(LinkType::LINUX_SLL2, &frame);
    assert_eq!(owners(&packet), [("sll", 20), ("ip", 20), ("udp", 8)]);
    let layer = &describe(&packet, 1, &frame)[0];
    assert_eq!(layer.value("sll.ifindex"), Some(&Value::Uint(3)));
    assert_eq!(layer.value("sll.hatype"), Some(&Value::Uint(772)));
    every_prefix(LinkType::LINUX_SLL2, &frame);
    let packet = decode(LinkType::LINUX_SLL2, &[]);
    assert_eq!(packet.fault, Some(Fault::Short { header: "cooked header", needed: 20, had: 0 }));
}

/// An address may be longer than there is room for it, or shorter.
#[test]
fn sll_wrong_length() {
    for len in [0, 4, 6, 8, 20, 255] {
        for (link, at, header) in [(LinkType::LINUX_SLL, 5, 16), (LinkType::LINUX_SLL2, 11, 20)] {
            let mut data = vec![0; header];
            data[at] = len;
            describe(&decode(link, &data), 1, &data);
            every_prefix(link, &data);
        }
    }
}

/// A frame older than EtherTypes, and the padding behind it.
#[test]
fn a_length_is_no_type() {
    let frame = ethernet(&[&[0, 3, 0x42, 0x42, 3], &[0; 43]]);
    let packet = decode(LinkType::ETHERNET, &frame);
    assert_eq!((packet.payload.len(), packet.trailer.len()), (3, 43));
    assert!(packet.remarks()[0].text.contains("IEEE 802.3"), "{:?}", packet.remarks());
    let layer = &describe(&packet, 1, &frame)[0];
    assert_eq!(layer.value("eth.len"), Some(&Value::Uint(3)));
    assert_eq!(layer.value("eth.padding"), Some(&Value::Bytes(vec![0; 43])));
    every_prefix(LinkType::ETHERNET, &frame);
}

/// The same behind a tag, and where a cooked header has a number of Linux's own in that place.
#[test]
fn a_length_is_no_type_behind_other_headers_either() {
    let frame = ethernet(&[&[0x81, 0, 0, 101, 0, 3, 0x42, 0x42, 3], &[0; 39]]);
    let packet = decode(LinkType::ETHERNET, &frame);
    assert_eq!((packet.payload.len(), packet.trailer.len()), (3, 39));
    assert!(packet.remarks()[0].text.contains("IEEE 802.3"), "{:?}", packet.remarks());
    let tag = &describe(&packet, 1, &frame)[1];
    assert_eq!((tag.value("vlan.len"), tag.value("vlan.etype")), (Some(&Value::Uint(3)), None));
    every_prefix(LinkType::ETHERNET, &frame);
    for (number, name) in [(1, " (IEEE 802.3 without LLC, of Novell)"), (4, " (LLC)"), (12, "")] {
        let (mut first, mut second) = (vec![0; 14], vec![0, number]);
        first.extend([0, number]);
        second.resize(20, 0);
        for (link, data) in [(LinkType::LINUX_SLL, first), (LinkType::LINUX_SLL2, second)] {
            let packet = decode(link, &data);
            assert_eq!(packet.remarks()[0].text, format!("cooked protocol {number}{name} is not dissected"));
            let layer = &describe(&packet, 1, &data)[0];
            let shown = (layer.value("sll.ltype"), layer.value("sll.etype"));
            assert_eq!(shown, (Some(&Value::Uint(number.into())), None));
        }
    }
}

/// "The value 59 in the Next Header field of an IPv6 header or any extension header indicates that there is nothing following
/// that header." RFC 8200 §4.7
#[test]
fn no_next_header_is_followed_by_nothing() {
    let mut data = [&[0x60, 0, 0, 0, 0, 0, 59, 64][..], &[0xfd; 32]].concat();
    assert_eq!(decode(LinkType::RAW, &data).remarks(), []);
    // Octets behind it "must be ignored".
    data[5] = 2;
    data.extend([1, 2]);
    let packet = decode(LinkType::RAW, &data);
    assert_eq!((packet.remarks(), packet.transport, packet.payload.len()), (vec![], None, 2));
}

fn arp(operation: u8, source: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, operation]; // EtherType; Ethernet, IPv4, their lengths; operation
    ethernet(&[&head, &MACS[6..], &source, &[0; 6], &target])
}

#[test]
fn arp_decodes() {
    let cases = [
        (1, [10, 0, 0, 1], [10, 0, 0, 2], "who has 10.0.0.2? tell 10.0.0.1"),
        (2, [10, 0, 0, 1], [10, 0, 0, 2], "10.0.0.1 is at 02:00:00:00:00:01"),
        (1, [0, 0, 0, 0], [10, 0, 0, 2], "does anyone have 10.0.0.2? 02:00:00:00:00:01 would like to use it"),
        (1, [10, 0, 0, 1], [10, 0, 0, 1], "10.0.0.1 is at 02:00:00:00:00:01, told to everyone"),
        (9, [10, 0, 0, 1], [10, 0, 0, 2], "operation 9"),
    ];
    for (operation, source, target, says) in cases {
        let frame = arp(operation, source, target);
        let packet = decode(LinkType::ETHERNET, &frame);
        assert_eq!(owners(&packet), [("eth", 14), ("arp", 28)]);
        assert_eq!(describe(&packet, 1, &frame)[1].summary, says);
        every_prefix(LinkType::ETHERNET, &frame);
    }
}

#[test]
fn arp_empty() {
    let packet = decode(LinkType::ETHERNET, &ethernet(&[&[8, 6]]));
    assert_eq!(packet.fault, Some(Fault::Short { header: "ARP packet", needed: 8, had: 0 }));
}

#[test]
fn arp_wrong_length() {
    let mut frame = arp(1, [10, 0, 0, 1], [10, 0, 0, 2]);
    frame[18] = 16; // link addresses of 16 octets
    let fault = decode(LinkType::ETHERNET, &frame).fault;
    assert_eq!(fault, Some(Fault::Short { header: "ARP packet", needed: 48, had: 28 }));
}

/// Type, code, checksum, the rest of the header, and what follows.
fn icmp(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0][..], &rest, body].concat();
    let words = message.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low)));
    let sum = words.sum::<u32>();
    let folded = (sum & 0xffff) + (sum >> 16);
    message[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    ip(1, &message)
}

#[test]
fn icmp_decodes() {
    let data = icmp(8, 0, [0x12, 0x34, 0, 5], b"ping");
    let packet = decode(LinkType::RAW, &data);
    assert_eq!(owners(&packet), [("raw", 0), ("ip", 20), ("icmp", 8)]);
    assert_eq!(packet.payload.of(&data), b"ping");
    let layer = &describe(&packet, 1, &data)[2];
    assert_eq!(layer.summary, "are you there? (echo request 4660, number 5)");
    assert_eq!(layer.value("icmp.checksum.status"), Some(&Value::Uint(1)));
    every_prefix(LinkType::RAW, &data);
}

/// No card fills in these sums: a wrong one is told, and by its own document.
#[test]
fn a_damaged_message_of_icmp_is_told() {
    let judge = |data: &[u8]| {
        let packet = decode(LinkType::RAW, data);
        let said = Evidence::default().judge(&packet, data).map(|damage| damage.note);
        let shown = describe(&packet, 1, data)
            .into_iter()
            .flat_map(|layer| layer.notes)
            .find(|note| note.group == Group::Checksum);
        assert_eq!(said.as_ref().map(|note| &note.text), shown.as_ref().map(|note| &note.text));
        said.map(|note| (note.text.to_string(), note.severity, note.spec))
    };
    let mut v4 = icmp(8, 0, [0x12, 0x34, 0, 5], b"ping");
    assert_eq!(judge(&v4), None);
    v4[30] ^= 1;
    let text = "the checksum of the ICMP message does not fit: a receiver throws it away";
    assert_eq!(judge(&v4), Some((text.into(), Severity::Error, "RFC 1122 §3.2.2")));
    let v6 = [&[0x60, 0, 0, 0, 0, 8, 58, 64][..], &[0xfd; 32], &[128, 0, 0, 1, 0, 0, 0, 0]].concat();
    let (text, _, spec) = judge(&v6).unwrap();
    assert!(text.contains("ICMPv6") && spec == "RFC 4443 §2.3", "{text} {spec}");
}

#[test]
fn icmp_names_what_it_quotes() {
    let data = icmp(3, 3, [0; 4], &udp());
    let packet = decode(LinkType::RAW, &data);
    let layers = describe(&packet, 1, &data);
    assert_eq!(layers[2].summary, "nobody listens on this port; about UDP 10.0.0.1:1 → 10.0.0.2:2");
    let protocols: Vec<_> = layers.iter().map(|layer| layer.protocol).collect();
    assert_eq!(protocols, ["raw", "ip", "icmp", "ip", "udp", "data"]);
    assert_eq!(packet.payload.len(), 0, "what is quoted belongs to the message");
    every_prefix(LinkType::RAW, &data);
    // Of TCP eight octets are enough for the ports.
    let data = icmp(11, 0, [0; 4], &ip(6, &[0x12, 0x34, 0x1f, 0x90, 0, 0, 0, 5]));
    let layers = describe(&decode(LinkType::RAW, &data), 1, &data);
    assert_eq!(
        layers[2].summary,
        "too many routers on the way: TTL is used up; about TCP 10.0.0.1:4660 → 10.0.0.2:8080"
    );
    every_prefix(LinkType::RAW, &data);
}

/// Errors about errors about errors: there should be none, and a peer could nest them without end.
#[test]
fn icmp_quotes_are_not_followed_without_end() {
    let mut data = udp();
    for _ in 0..2000 {
        data = icmp(3, 3, [0; 4], &data);
    }
    assert_eq!(describe(&decode(LinkType::RAW, &data), 1, &data).len(), 5);
}

#[test]
fn icmp_empty() {
    let packet = decode(LinkType::RAW, &ip(1, b""));
    assert_eq!(packet.fault, Some(Fault::Short { header: "ICMP header", needed: 8, had: 0 }));
}

#[test]
fn icmpv6_wrong_length() {
    let mut data = vec![0x60, 0, 0, 0, 0, 34, 58, 255];
    data.extend([0xfd; 32]);
    data.extend([135, 0, 0, 0, 0, 0, 0, 0]); // who is my neighbour?
    data.extend([0xfe; 16]);
    data.extend([1, 9, 2, 0, 0, 0, 0, 1, 1, 0]); // an option of 72 octets, of which 10 are there
    let packet = decode(LinkType::RAW, &data);
    let layer = describe(&packet, 1, &data).pop().unwrap();
    assert_eq!(layer.summary, "who has fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe?");
    assert!(layer.notes.iter().any(|note| note.text.contains("option")), "{:?}", layer.notes);
    every_prefix(LinkType::RAW, &data);
}

/// An Authentication Header encrypts nothing; what follows is read, and each octet has one owner.
#[test]
fn what_is_signed_is_read() {
    let auth = |next: u8| [next, 4, 0, 0, 0, 0, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let datagram = &udp()[20..];
    let v4 = ip(51, &[&auth(17)[..], datagram].concat());
    let packet = decode(LinkType::RAW, &v4);
    assert_eq!(owners(&packet), [("raw", 0), ("ip", 20), ("ah", 24), ("udp", 8)]);
    assert_eq!((packet.payload.of(&v4), packet.fault), (&b"hi"[..], None));
    assert_eq!(packet.net.unwrap().payload_len, 10);
    let layers = describe(&packet, 1, &v4);
    assert_eq!(layers[1].value("ip.hdr_len"), Some(&Value::Uint(20)));
    assert_eq!(layers[2].value("ah.spi"), Some(&Value::Uint(7)));
    assert_ne!(packet.stack_key(), decode(LinkType::RAW, &udp()).stack_key());
    every_prefix(LinkType::RAW, &v4);

    // Hop-by-hop options, an Authentication Header, destination options.
    let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
    let mut v6 = [&[0x60, 0, 0, 0, 0, 50, 0, 64][..], &[0xfd; 32]].concat();
    v6.extend([&options(51)[..], &auth(60), &options(17), datagram].concat());
    let packet = decode(LinkType::RAW, &v6);
    assert_eq!(owners(&packet), [("raw", 0), ("ipv6", 48), ("ah", 32), ("udp", 8)]);
    assert_eq!((packet.payload.of(&v6), packet.fault), (&b"hi"[..], None));
    let layers = describe(&packet, 1, &v6);
    assert!(layers[1].value("ipv6.hopopts.nxt").is_some() && layers[1].value("ipv6.dstopts.nxt").is_none());
    assert!(layers[2].value("ipv6.dstopts.nxt").is_some());
    every_prefix(LinkType::RAW, &v6);
}

/// Behind these nothing should follow: what does is not read, and a person who exports is told.
#[test]
fn headers_that_are_not_walked_over_are_told() {
    for (number, name, spec) in
        [(135, "Mobility Header", "RFC 6275 §6.1.1"), (139, "Host Identity Protocol", "RFC 7401 §5.1")]
    {
        let mut data = [&[0x60, 0, 0, 0, 0, 8, number, 64][..], &[0xfd; 32]].concat();
        data.extend([59, 0, 0, 0, 0, 0, 0, 0]);
        let note = decode(LinkType::RAW, &data).remarks().pop().unwrap();
        assert_eq!(note.text, format!("IP protocol {number} ({name}) is not dissected"));
        assert_eq!((note.severity, note.spec), (Severity::Note, spec));
    }
}

/// RFC 8200 §8.1.
#[test]
fn over_ipv6_a_checksum_must_not_be_left_out() {
    let mut data = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    data.extend([0xfd; 32]);
    data.extend([0, 1, 0, 2, 0, 8, 0, 0]);
    let packet = decode(LinkType::RAW, &data);
    assert_eq!(packet.remarks().len(), 1);
    assert_eq!(packet.remarks()[0].spec, "RFC 8200 §8.1");
    assert!(packet.remarks()[0].text.contains("tunnels"), "those may: {:?}", packet.remarks());
    assert_eq!(packet.checksum(&data), ChecksumVerdict::Absent);
    let layers = describe(&packet, 1, &data);
    let status = layers.iter().find_map(|layer| layer.value("udp.checksum.status"));
    assert_eq!(status, Some(&Value::Uint(4)));
}

/// By its length the packet goes on, but the frame ends, and the capture did not cut it.
#[test]
fn a_length_that_lies_is_told() {
    let mut data = udp();
    data[3] = 200;
    assert!(decode(LinkType::RAW, &data).remarks()[0].text.contains("170 octets more than the frame holds"));
}

/// UDP of this sender with a true sum, one left to the card, or a wrong one.
fn summed(from: u8, how: ChecksumVerdict) -> Vec<u8> {
    let mut data = udp();
    data[15] = from;
    // Pseudo-header: 0a00 + 00xx + 0a00 + 0002 + length 000a + protocol 0011; header: 0001 + 0002 + 000a; "hi".
    let pseudo = 0x0a00 + u16::from(from) + 0x0a00 + 2 + 10 + 17;
    let sum = match how {
        ChecksumVerdict::Valid => !(pseudo + 1 + 2 + 10 + 0x6869),
        ChecksumVerdict::NotYetComputed => pseudo,
        _ => 0xdead,
    };
    data[26..28].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(decode(LinkType::RAW, &data).checksum(&data), how);
    data
}

#[test]
fn damage_is_proven_by_other_packets() {
    use ChecksumVerdict::{NotYetComputed, Valid, Wrong};
    // What was seen before, and whether a wrong sum then proves damage, or is only told of.
    type Seen = &'static [(u8, ChecksumVerdict)];
    let cases: [(Seen, Option<bool>); 6] = [
        (&[], Some(false)),
        (&[(1, Valid)], Some(true)),
        (&[(1, NotYetComputed)], None),
        (&[(1, Valid), (1, NotYetComputed)], None),
        (&[(9, Valid)], Some(false)),
        (&[(1, Wrong)], None),
    ];
    for (before, expected) in cases {
        let mut evidence = Evidence::default();
        for (from, how) in before {
            let data = summed(*from, *how);
            evidence.judge(&decode(LinkType::RAW, &data), &data);
        }
        let data = summed(1, Wrong);
        let damage = evidence.judge(&decode(LinkType::RAW, &data), &data);
        assert_eq!(damage.map(|damage| damage.proven), expected, "{before:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random octets behind the beginnings of every protocol.
    #[test]
    fn noise_never_panics(start in 0_usize..8, noise in vec(any::<u8>(), 0..200), missing in 0_u32..100) {
        let starts: [(LinkType, Vec<u8>); 8] = [
            (LinkType::ETHERNET, ethernet(&[&[8, 6, 0, 1, 8, 0, 6, 4]])),
            (LinkType::ETHERNET, ethernet(&[&[0x81, 0]])),
            (LinkType::ETHERNET, ethernet(&[&[0, 20]])),
            (LinkType::LINUX_SLL2, vec![0x86, 0xdd]),
            (LinkType::RAW, ip(1, b"")),
            (LinkType::RAW, ip(17, b"")),
            (LinkType::RAW, [&[0x60, 0, 0, 0, 0, 60, 58, 64][..], &[0xfd; 32]].concat()),
            (LinkType::RAW, [&[0x60, 0, 0, 0, 0, 60, 0, 64][..], &[0xfd; 32]].concat()),
        ];
        let (link, mut data) = starts[start].clone();
        if link == LinkType::RAW && data[0] == 0x45 {
            data[3] = 120;
        }
        data.extend(noise);
        let packet = Packet::decode(link, &data, data.len() as u32 + missing);
        describe(&packet, 1, &data);
        packet.remarks();
        packet.quoted(&data);
        Evidence::default().judge(&packet, &data);
    }
}

/// The addresses are there even where the options are not, and the rest of them is told to be missing.
#[test]
fn an_ipv4_header_whose_options_were_cut_is_read() {
    // Seven words, total length 40; TTL 64, TCP; two words of options, of which four octets are there.
    let mut bytes = vec![0x47, 0, 0, 48, 0, 7, 0x40, 0, 64, 6, 0x12, 0x34, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes.extend([1, 1, 1, 1]);
    for len in 20..=24 {
        let packet = Packet::decode(LinkType::RAW, &bytes[..len], 48);
        let net = packet.net.expect("its addresses are there");
        assert_eq!((net.source.to_string(), net.destination.to_string()), ("10.0.0.1".into(), "10.0.0.2".into()));
        assert_eq!((net.header.len(), net.payload.len(), net.payload_len, packet.transport), (len, 0, 20, None));
        assert_eq!(net.header_checksum(&bytes[..len]), ChecksumVerdict::Unverified);
        let short = Fault::Short { header: "IPv4 header", needed: 28, had: len as u32 };
        assert_eq!(packet.fault, Some(short));
        let layer =
            describe(&packet, 1, &bytes[..len]).into_iter().find(|layer| layer.protocol == "ip").expect("it is told");
        assert_eq!(layer.value("ip.hdr_len"), Some(&Value::Uint(28)));
        assert_eq!(layer.value("ip.len"), Some(&Value::Uint(48)));
        assert_eq!(layer.value("ip.src"), Some(&Value::Address(net.source)));
        assert_eq!(layer.value("ip.dst"), None, "where it goes in the end may stand in what was cut");
    }
    assert!(Packet::decode(LinkType::RAW, &bytes, 24).net.is_none(), "where nothing was cut it is none");
}
