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
    let head = [&[0x60, 0, 0, 0][..], &(payload.len() as u16).to_be_bytes(), &[next, 64]].concat();
    [&head[..], &address(1), &address(2), payload].concat()
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
    let tagged = tag(0x2065, 0x0800, &packet);
    let two = tag(0x0064, 0x8100, &tagged);
    let three = tag(0xf001, 0x8100, &two);
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
            ethernet(0x8100, &tag(0x1065, 0x86dd, &packet6)),
            with_trailer(ethernet(0x0800, &packet), &[0; 16]),
            with_trailer(ethernet(0x0800, &packet), b"abc"),
            with_trailer(ethernet(0x0800, &packet), b"0123456789abcdef"),
            with_trailer(ethernet(0x0800, &packet), &[&[0; 16][..], b"abcd"].concat()),
            with_trailer(ethernet(0x0800, &large), b"abcdef"),
            with_trailer(ethernet(0x0800, &large), b"abc"),
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
