//! Packets below TCP, octet by octet: links and their tags, ARP, ICMP, fragments, UDP of all sizes.

use wiretale::capture::LinkType;

use crate::wire::{ACK, Client, PSH, Server, Talk, checksum};

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

type Frame = (LinkType, Vec<u8>);

fn capture(name: &'static str, frames: Vec<Frame>) -> Vec<Talk> {
    let mut talk = Talk::new(name, 60_000);
    talk.frames = frames;
    vec![talk]
}

fn ethernet(kind: u16, rest: &[u8]) -> Frame {
    (LinkType::ETHERNET, [&MACS[..], &kind.to_be_bytes(), rest].concat())
}

/// The frame with these octets behind it.
fn with_trailer((link, data): Frame, trailer: &[u8]) -> Frame {
    (link, [&data[..], trailer].concat())
}

/// A VLAN tag and what follows it.
fn tag(control: u16, kind: u16, rest: &[u8]) -> Vec<u8> {
    [&control.to_be_bytes()[..], &kind.to_be_bytes(), rest].concat()
}

/// IPv4; `fragment` are the flags and the offset as they stand.
fn ip(protocol: u8, id: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    ip_between([CLIENT, SERVER], protocol, id, fragment, payload)
}

fn ip_between([source, destination]: [[u8; 4]; 2], protocol: u8, id: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len()) as u16;
    let mut header = [&[0x45, 0][..], &len.to_be_bytes(), &id.to_be_bytes(), &fragment.to_be_bytes()].concat();
    header.extend([64, protocol, 0, 0]);
    header.extend([source, destination].concat());
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header, payload].concat()
}

fn address(last: u8) -> [u8; 16] {
    [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
}

fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    ip6_to(2, next, payload)
}

fn ip6_to(last: u8, next: u8, payload: &[u8]) -> Vec<u8> {
    let head = [&[0x60, 0, 0, 0][..], &(payload.len() as u16).to_be_bytes(), &[next, 64]].concat();
    [&head[..], &address(1), &address(last), payload].concat()
}

fn pseudo(v6: bool, protocol: u8, len: usize) -> Vec<u8> {
    let addresses = if v6 { [address(1), address(2)].concat() } else { [CLIENT, SERVER].concat() };
    [&addresses[..], &(len as u32).to_be_bytes(), &[0, protocol]].concat()
}

/// A UDP datagram with a true checksum.
fn udp(v6: bool, ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len()) as u16;
    let mut out = [ports[0].to_be_bytes(), ports[1].to_be_bytes(), len.to_be_bytes(), [0, 0]].concat();
    out.extend(payload);
    let sum = checksum(&[&pseudo(v6, UDP, out.len()), &out]);
    out[6..8].copy_from_slice(&if sum == 0 { 0xffff_u16 } else { sum }.to_be_bytes());
    out
}

fn icmp(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&[kind, code, 0, 0][..], &rest, body].concat();
    let sum = checksum(&[&out]);
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}

fn icmp6(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = [&[kind, code, 0, 0][..], &rest, body].concat();
    let sum = checksum(&[&pseudo(true, ICMPV6, out.len()), &out]);
    out[2..4].copy_from_slice(&sum.to_be_bytes());
    out
}

const PORTS: [u16; 2] = [12_345, 12_346];

/// Ethernet with tags, padding and trailers; and every other link.
pub fn links() -> Vec<Talk> {
    let packet = ip(UDP, 7, 0x4000, &udp(false, PORTS, b"hi"));
    let packet6 = ip6(UDP, &udp(true, PORTS, b"hi"));
    let large = ip(UDP, 7, 0x4000, &udp(false, PORTS, &[7; 60]));
    let mut unsaid = large.clone();
    unsaid[2..4].fill(0);
    unsaid[10..12].fill(0);
    let sum = checksum(&[&unsaid[..20]]);
    unsaid[10..12].copy_from_slice(&sum.to_be_bytes());
    let tagged = tag(0x2065, 0x0800, &packet);
    let two = tag(0x0064, 0x8100, &tagged);
    let three = tag(0xf001, 0x8100, &two);
    let seven = tag(1, 0x88a8, &tag(2, 0x9100, &tag(3, 0x8100, &tag(4, 0x88a8, &three))));
    let family = |octets: [u8; 4], packet: &[u8]| [&octets[..], packet].concat();
    let cooked = |etype: [u8; 2]| [&[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &etype, &packet].concat();
    let cooked2 = |device: u8, packet: &[u8], etype: [u8; 2]| {
        [&etype[..], &[0, 0, 0, 0, 0, 3, 3, device, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0], packet].concat()
    };
    capture(
        "links and tags",
        vec![
            ethernet(0x8100, &tagged),
            ethernet(0x88a8, &two),
            ethernet(0x9100, &two),
            ethernet(0x9100, &three),
            ethernet(0x8100, &seven),
            ethernet(0x8100, &tag(0x1065, 0x86dd, &packet6)),
            with_trailer(ethernet(0x0800, &packet), &[0; 16]),
            with_trailer(ethernet(0x0800, &packet), b"abc"),
            with_trailer(ethernet(0x0800, &packet), b"0123456789abcdef"),
            with_trailer(ethernet(0x0800, &packet), &[&[0; 16][..], b"abcd"].concat()),
            with_trailer(ethernet(0x0800, &large), b"abcdef"),
            with_trailer(ethernet(0x0800, &large), b"abc"),
            ethernet(0x0800, &unsaid),
            with_trailer(ethernet(0x8100, &tagged), &[0; 14]),
            with_trailer(ethernet(0x8100, &tagged), &[0; 12]),
            (LinkType::NULL, family([2, 0, 0, 0], &packet)),
            (LinkType::NULL, family([0, 0, 0, 2], &packet)),
            (LinkType::NULL, family([0, 0, 0, 28], &packet6)),
            (LinkType::LOOP, family([0, 0, 0, 2], &packet)),
            (LinkType::LOOP, family([0, 0, 0, 24], &packet6)),
            (LinkType::RAW, packet.clone()),
            (LinkType::RAW, packet6.clone()),
            (LinkType::LINUX_SLL, cooked([8, 0])),
            (LinkType::LINUX_SLL2, cooked2(4, &packet, [8, 0])),
            (LinkType::LINUX_SLL2, cooked2(4, &packet6, [0x86, 0xdd])),
            (LinkType::LINUX_SLL2, cooked2(4, &tagged, [0x81, 0])),
        ],
    )
}

fn arp(operation: u8, source: [u8; 4], target_mac: [u8; 6], target: [u8; 4]) -> Frame {
    let head = [0, 1, 8, 0, 6, 4, 0, operation, 2, 0, 0, 0, 0, 1];
    ethernet(0x0806, &[&head[..], &source, &target_mac, &target].concat())
}

/// Who has which address, and is there anybody.
pub fn neighbours() -> Vec<Talk> {
    let back = |payload: &[u8]| ethernet(0x0800, &ip_between([SERVER, CLIENT], ICMP, 9, 0, payload));
    let there = |payload: &[u8]| ethernet(0x0800, &ip(ICMP, 9, 0, payload));
    let quoted = ip(UDP, 7, 0x4000, &udp(false, [5, 6], b"x"));
    let quoted_tcp = ip(6, 7, 0x4000, &[0x12, 0x34, 0x1f, 0x90, 0, 0, 0, 5]);
    let v6 = |payload: &[u8]| ethernet(0x86dd, &ip6(ICMPV6, payload));
    let quoted6 = ip6(UDP, &udp(true, [5, 6], b"x"));
    let option = [1, 1, 2, 0, 0, 0, 0, 1];
    let mut damaged = icmp(8, 0, [0x12, 0x34, 0, 2], b"ping");
    damaged[9] ^= 1;
    capture(
        "arp and icmp",
        vec![
            with_trailer(arp(1, CLIENT, [0; 6], SERVER), &[0; 18]),
            arp(2, SERVER, [2, 0, 0, 0, 0, 9], CLIENT),
            arp(1, [0; 4], [0; 6], SERVER),
            arp(1, CLIENT, [0; 6], CLIENT),
            arp(2, CLIENT, [0xff; 6], CLIENT),
            there(&icmp(8, 0, [0x12, 0x34, 0, 1], &[b'p'; 48])),
            there(&icmp(8, 0, [0x12, 0x34, 0, 3], b"")),
            back(&icmp(3, 3, [0; 4], &quoted)),
            back(&icmp(3, 4, [0, 0, 5, 0xdc], &quoted_tcp)),
            back(&icmp(11, 0, [0; 4], &quoted[..28])),
            back(&icmp(5, 1, SERVER, &quoted[..28])),
            there(&damaged),
            v6(&icmp6(128, 0, [0x12, 0x34, 0, 1], b"ping")),
            v6(&icmp6(1, 4, [0; 4], &quoted6)),
            v6(&icmp6(2, 0, [0, 0, 5, 0], &quoted6)),
            v6(&icmp6(4, 1, [0, 0, 0, 6], &quoted6)),
            v6(&icmp6(135, 0, [0; 4], &[&address(2)[..], &option].concat())),
            v6(&icmp6(136, 0, [0x60, 0, 0, 0], &[&address(2)[..], &option].concat())),
        ],
    )
}

/// Cuts what IPv4 carries into fragments.
pub fn cut(payload: &[u8], size: usize, id: u16) -> Vec<Frame> {
    let count = payload.len().div_ceil(size);
    let parts = payload.chunks(size).enumerate();
    let flags = |i: usize| if i + 1 < count { 0x2000 } else { 0 };
    parts.map(|(i, part)| ethernet(0x0800, &ip(UDP, id, flags(i) | (i * size / 8) as u16, part))).collect()
}

fn cut6(payload: &[u8], next: u8, size: usize, id: u32) -> Vec<Frame> {
    let count = payload.len().div_ceil(size);
    let part = |(i, part): (usize, &[u8])| {
        let place = (i * size) as u16 | u16::from(i + 1 < count);
        let header = [&[next, 0][..], &place.to_be_bytes(), &id.to_be_bytes()].concat();
        ethernet(0x86dd, &ip6(44, &[&header[..], part].concat()))
    };
    payload.chunks(size).enumerate().map(part).collect()
}

/// Datagrams in fragments, in all orders.
pub fn fragments() -> Vec<Talk> {
    let payload: Vec<u8> = (0..3000).map(|n: u32| (n * 7 % 251) as u8).collect();
    let datagram = udp(false, [2000, 2001], &payload);
    let datagram6 = udp(true, [2000, 2001], &payload);
    let options = [&[UDP, 0, 1, 4, 0, 0, 0, 0][..], &datagram6].concat();
    let mut backwards = cut(&datagram, 1000, 2);
    backwards.reverse();
    let [mut one, two] = [cut(&datagram, 1480, 3), cut(&datagram, 800, 4)];
    one.splice(1..1, two);
    let mut backwards6 = cut6(&datagram6, UDP, 1232, 2);
    backwards6.reverse();
    let atomic = [&[UDP, 0, 0, 0, 0, 0, 0, 9][..], &udp(true, PORTS, b"atomic")].concat();
    let lost = cut(&datagram, 1480, 5).split_off(1);
    let frames = [
        cut(&datagram, 1480, 1),
        backwards,
        one,
        lost,
        cut6(&datagram6, UDP, 1232, 1),
        backwards6,
        cut6(&options, 60, 1232, 3),
        vec![ethernet(0x86dd, &ip6(44, &atomic))],
    ];
    capture("fragments", frames.concat())
}

/// A routing header for UDP, with what its type has behind the first four octets, and the datagram.
fn routing(kind: u8, left: u8, body: &[u8]) -> Vec<u8> {
    let units = (4 + body.len()) / 8 - 1;
    [&[UDP, units as u8, kind, left][..], body, &udp(true, PORTS, b"by another way")].concat()
}

/// The same with whole addresses behind four octets.
fn stops(kind: u8, left: u8, more: [u8; 4], last: &[u8]) -> Vec<u8> {
    let list: Vec<[u8; 16]> = last.iter().map(|last| address(*last)).collect();
    routing(kind, left, &[&more[..], &list.concat()].concat())
}

/// IPv4 by way of 10.0.0.119; its options are this route, filled up.
fn by_way(kind: u8, pointer: u8, route: &[[u8; 4]]) -> Frame {
    let options = [&[kind, 3 + 4 * route.len() as u8, pointer][..], &route.concat(), &[0]].concat();
    let mut packet = ip_between([CLIENT, [10, 0, 0, 119]], UDP, 7, 0x4000, &udp(false, PORTS, b"by another way"));
    packet.splice(20..20, options.iter().copied());
    packet[0] = 0x45 + (options.len() / 4) as u8;
    packet[3] += options.len() as u8;
    packet[10..12].fill(0);
    let sum = checksum(&[&packet[..20 + options.len()]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    ethernet(0x0800, &packet)
}

/// Packets that carry the way they go; and some that only seem to.
pub fn routes() -> Vec<Talk> {
    let v6 = |payload: Vec<u8>| ethernet(0x86dd, &ip6_to(0x77, 43, &payload));
    let segments = |left, last: &[u8]| v6(stops(4, left, [last.len() as u8 - 1, 0, 0, 0], last));
    // Of each stop the last octet, and octets that fill the header up.
    let compressed = [0xff, 0x60, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0];
    let mut pieces = cut6(&stops(0, 1, [0; 4], &[5, 2]), 43, 32, 8);
    for (_, data) in &mut pieces {
        data[14 + 39] = 0x77;
    }
    let frames = vec![
        v6(stops(0, 2, [0; 4], &[5, 6, 2])),
        v6(stops(0, 0, [0; 4], &[5, 6])),
        v6(stops(2, 1, [0; 4], &[2])),
        v6(routing(3, 1, &compressed)),
        v6(routing(3, 0, &compressed)),
        segments(1, &[2]),
        segments(2, &[2, 6, 0x77]),
        segments(0, &[0x77]),
        by_way(131, 4, &[[10, 0, 0, 7], SERVER]),
        by_way(137, 8, &[[10, 0, 0, 7], SERVER]),
        by_way(131, 12, &[[10, 0, 0, 7], [10, 0, 0, 8]]),
        by_way(7, 4, &[[0; 4]]),
    ];
    capture("routes", [frames, pieces].concat())
}

/// An Authentication Header with so many octets of signature, and what follows.
fn auth(next: u8, signature: usize, rest: &[u8]) -> Vec<u8> {
    let head = [next, (signature / 4 + 1) as u8, 0, 0, 0, 0, 1, 2, 0, 0, 0, 9];
    [&head[..], &vec![0xa5; signature], rest].concat()
}

/// Authentication Headers: over both versions, before options and behind them, twice, in fragments, quoted.
pub fn signed() -> Vec<Talk> {
    const AH: u8 = 51;
    let (datagram, datagram6) = (udp(false, PORTS, b"signed"), udp(true, PORTS, b"signed"));
    let long: Vec<u8> = (0..2000).map(|n: u32| (n * 7 % 251) as u8).collect();
    let (long, long6) = (udp(false, [2000, 2001], &long), udp(true, [2000, 2001], &long));
    let v4 = |rest: &[u8]| ethernet(0x0800, &ip(AH, 1, 0x4000, rest));
    let v6 = |next, rest: &[u8]| ethernet(0x86dd, &ip6(next, rest));
    let options = |next, rest: &[u8]| [&[next, 0, 1, 4, 0, 0, 0, 0][..], rest].concat();
    let quoted = ip(AH, 1, 0x4000, &auth(UDP, 12, &datagram));
    let frames = vec![
        v4(&auth(UDP, 12, &datagram)),
        v4(&auth(UDP, 0, &datagram)),
        v4(&auth(AH, 12, &auth(UDP, 32, &datagram))),
        v6(AH, &auth(UDP, 12, &datagram6)),
        v6(AH, &auth(60, 12, &options(UDP, &datagram6))),
        v6(60, &options(AH, &auth(UDP, 28, &datagram6))),
        v4(&auth(1, 12, &icmp(8, 0, [0, 1, 0, 2], b"ping"))),
        ethernet(0x0800, &ip(ICMP, 3, 0, &icmp(3, 3, [0; 4], &quoted))),
    ];
    let pieces: Vec<Frame> = cut(&auth(UDP, 12, &long), 1000, 9)
        .into_iter()
        .map(|(link, mut data)| {
            data[14 + 9] = AH;
            data[14 + 10..14 + 12].fill(0);
            let sum = checksum(&[&data[14..34]]);
            data[24..26].copy_from_slice(&sum.to_be_bytes());
            (link, data)
        })
        .collect();
    let pieces6 = cut6(&auth(60, 12, &options(UDP, &long6)), AH, 1000, 10);
    capture("signed", [frames, pieces, pieces6].concat())
}

/// Packets that are longer than their length field can say, and name their length in an option (RFC 2675).
pub fn jumbograms() -> Vec<Talk> {
    const TCP: u8 = 6;
    let jumbo = |seq: u32, octets: usize, trailer: &[u8]| {
        let payload: Vec<u8> = (0..octets).map(|n| (n % 251) as u8).collect();
        let ports = PORTS.map(u16::to_be_bytes).concat();
        let rest = [0, 0, 0, 1, 0x50, PSH | ACK, 1, 0, 0, 0, 0, 0];
        let mut segment = [&ports[..], &seq.to_be_bytes(), &rest, &payload].concat();
        let sum = checksum(&[&pseudo(true, TCP, segment.len()), &segment]);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        let len = (8 + segment.len()) as u32;
        let mut packet = ip6(0, &[&[TCP, 0, 0xc2, 4][..], &len.to_be_bytes(), &segment].concat());
        packet[4..6].fill(0);
        with_trailer(ethernet(0x86dd, &packet), trailer)
    };
    capture("jumbograms", vec![jumbo(1, 70_000, b""), jumbo(70_001, 150_000, b"abcdef")])
}

/// A request damaged on the way, and sent again because nobody acknowledged it.
pub fn damaged() -> Vec<Talk> {
    const REQUEST: &[u8] = b"GET /here HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut talk = Talk::new("a damaged segment", 60_001).open();
    talk.segment(Client, 0, PSH | ACK, REQUEST);
    if let Some(octet) = talk.frames.last_mut().and_then(|(_, data)| data.last_mut()) {
        *octet ^= 1;
    }
    talk.pushes(Client, REQUEST);
    talk.says(Server, b"HTTP/1.1 204 No Content\r\n\r\n");
    talk.close(Client, b"");
    vec![talk]
}

/// UDP of all sizes, and with lengths and sums that are not true.
pub fn datagrams() -> Vec<Talk> {
    let plain = |payload: &[u8]| ethernet(0x0800, &ip(UDP, 1, 0x4000, &udp(false, PORTS, payload)));
    let mut short = udp(false, PORTS, b"longer than it says");
    short[5] = 14;
    short.splice(6..8, [0, 0]);
    let mut absent = udp(false, [2000, 2001], b"no sum");
    absent.splice(6..8, [0, 0]);
    let v6 = |payload: &[u8]| ethernet(0x86dd, &ip6(UDP, &udp(true, PORTS, payload)));
    let huge: Vec<u8> = (0..65_507).map(|n: u32| (n % 253) as u8).collect();
    let frames = vec![
        plain(b"hi"),
        plain(b""),
        ethernet(0x0800, &ip(UDP, 1, 0x4000, &absent)),
        ethernet(0x0800, &ip(UDP, 1, 0x4000, &short)),
        v6(b"hi"),
        v6(b""),
        plain(b"again"),
        plain(&huge),
    ];
    let mut all = capture("datagrams", frames);
    all[0].frames.extend(cut(&udp(false, [2000, 2001], &huge), 1480, 77));
    all
}
