use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::capture::LinkType;

/// IPv4, number `id`, UDP port 1 to 2: the part of a datagram that begins at `offset`.
fn v4(id: u16, offset: usize, more: bool, part: &[u8]) -> Vec<u8> {
    let mut data = vec![0x45, 0]; // version 4, 5 words
    data.extend((20 + part.len() as u16).to_be_bytes()); // total length
    data.extend(id.to_be_bytes());
    data.extend((u16::from(more) << 13 | (offset / 8) as u16).to_be_bytes());
    data.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]); // TTL, UDP, checksum left out, addresses
    data.extend(part);
    data
}

fn v6(id: u32, offset: usize, more: bool, part: &[u8]) -> Vec<u8> {
    let mut data = vec![0x60, 0, 0, 0];
    data.extend((8 + part.len() as u16).to_be_bytes());
    data.extend([44, 64]); // a fragment header follows; hop limit
    data.extend([0xfd; 16]);
    data.extend([0xfe; 16]);
    data.extend([17, 0]); // UDP follows; reserved
    data.extend((offset as u16 | u16::from(more)).to_be_bytes());
    data.extend(id.to_be_bytes());
    data.extend(part);
    data
}

fn udp(payload: &[u8]) -> Vec<u8> {
    [&[0, 1, 0, 2][..], &(8 + payload.len() as u16).to_be_bytes(), &[0, 0], payload].concat()
}

fn push(reassembler: &mut Reassembler, data: &[u8], frame: u32, seconds: i64) -> Option<Datagram> {
    let packet = Packet::decode(LinkType::RAW, data, data.len() as u32);
    reassembler.push(&packet, data, frame, seconds * 1_000_000_000)
}

fn told(reassembler: &mut Reassembler) -> Vec<(u32, String)> {
    reassembler.take_notes().into_iter().map(|(on, note)| (on.frame, note.text)).collect()
}

#[test]
fn decodes() {
    let datagram = udp(b"0123456789abcdef");
    for cut in [v4, |id: u16, at, more, part: &[u8]| v6(u32::from(id), at, more, part)] {
        let mut reassembler = Reassembler::default();
        assert_eq!(push(&mut reassembler, &cut(7, 16, false, &datagram[16..]), 1, 0), None);
        assert_eq!(reassembler.waiting(), 8);
        let whole = push(&mut reassembler, &cut(7, 0, true, &datagram[..16]), 2, 0).unwrap();
        assert_eq!(whole.bytes, datagram);
        assert_eq!(whole.packet.payload.of(&whole.bytes), b"0123456789abcdef");
        assert_eq!(whole.packet.udp().unwrap().0.destination_port, 2);
        let pieces: Vec<_> = whole.pieces.iter().map(|piece| (piece.range.clone(), piece.frame)).collect();
        assert_eq!(pieces, [(0..16, 2), (16..24, 1)]);
        assert_eq!((reassembler.waiting(), told(&mut reassembler)), (0, vec![]));
    }
}

#[test]
fn empty() {
    let mut reassembler = Reassembler::default();
    assert_eq!(push(&mut reassembler, &v4(7, 0, true, b""), 1, 0), None);
    assert_eq!(told(&mut reassembler), [(1, "the fragment is empty: it is left out".to_owned())]);
    reassembler.finish();
    assert_eq!(told(&mut reassembler), []);
}

/// A fragment of which the capture kept only a part completes nothing.
#[test]
fn cut_short() {
    let datagram = udp(b"0123456789abcdef");
    let mut reassembler = Reassembler::default();
    let first = v4(7, 0, true, &datagram[..16]);
    let packet = Packet::decode(LinkType::RAW, &first[..30], first.len() as u32);
    assert_eq!(reassembler.push(&packet, &first[..30], 1, 0), None);
    assert_eq!(push(&mut reassembler, &v4(7, 16, false, &datagram[16..]), 2, 0), None);
    reassembler.finish();
    let text =
        "a fragment of packet 0x0007, which is never whole: 18 of 24 octets are there, the others were not captured";
    assert_eq!(told(&mut reassembler), [(1, text.to_owned())]);
}

#[test]
fn wrong_length() {
    let cases = [
        (
            v4(7, 0, true, b"nine octe"),
            "a fragment that is not the last has 9 octets, no multiple of 8: it is left out",
        ),
        (v4(7, 65_528, false, b"more than there may be"), "the fragment reaches beyond 65 535 octets"),
    ];
    for (data, text) in cases {
        let mut reassembler = Reassembler::default();
        assert_eq!(push(&mut reassembler, &data, 1, 0), None);
        assert!(told(&mut reassembler)[0].1.starts_with(text), "{text}");
    }
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, &v4(7, 8, false, b"the last"), 1, 0);
    push(&mut reassembler, &v4(7, 16, false, b"no, this"), 2, 0);
    assert!(told(&mut reassembler)[0].1.contains("do not agree on where their packet ends"));
}

#[test]
fn ipv4_keeps_what_came_first() {
    let datagram = udp(b"0123456789abcdef");
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, &v4(7, 8, true, b"01234567"), 1, 0);
    push(&mut reassembler, &v4(7, 8, true, b"01234567"), 2, 0);
    push(&mut reassembler, &v4(7, 0, true, &[&datagram[..8], b"OTHERWIS"].concat()), 3, 0);
    let whole = push(&mut reassembler, &v4(7, 16, false, b"89abcdef"), 4, 0).unwrap();
    assert_eq!(whole.bytes, datagram);
    assert_eq!(whole.repeats, [2]);
    let notes = told(&mut reassembler);
    assert_eq!(notes[0], (2, "its fragment was there already: sent again, or captured twice".into()));
    assert_eq!(notes[1], (3, "fragments of one packet overlap and say different things: what came first stays".into()));
}

/// A part of it was there: so it was not sent again.
#[test]
fn an_overlap_that_says_the_same_is_told_as_that() {
    let datagram = udp(b"0123456789abcdef");
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, &v4(7, 0, true, &datagram[..16]), 1, 0);
    let whole = push(&mut reassembler, &v4(7, 8, false, &datagram[8..]), 2, 0).unwrap();
    assert_eq!((whole.bytes, whole.repeats), (datagram, vec![]));
    let notes = told(&mut reassembler);
    assert_eq!(notes, [(2, "8 of its 16 octets were there already, and are the same".into())]);
}

/// RFC 5722: an attacker could otherwise write over what a filter has let pass.
#[test]
fn ipv6_throws_overlaps_away() {
    let datagram = udp(b"0123456789abcdef");
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, &v6(7, 0, true, &datagram[..16]), 1, 0);
    push(&mut reassembler, &v6(7, 0, true, &datagram[..16]), 2, 0);
    assert_eq!(push(&mut reassembler, &v6(7, 8, true, &datagram[8..16]), 3, 0), None);
    assert_eq!(push(&mut reassembler, &v6(7, 16, false, &datagram[16..]), 4, 0), None);
    assert_eq!(push(&mut reassembler, &v6(7, 0, true, &datagram[..16]), 5, 0), None);
    let frames: Vec<u32> = told(&mut reassembler).into_iter().map(|(frame, _)| frame).collect();
    assert_eq!((frames, reassembler.waiting()), (vec![2, 3], 0));
    // After its time the number may be used again.
    push(&mut reassembler, &v6(7, 0, true, &datagram[..16]), 6, 40);
    assert!(push(&mut reassembler, &v6(7, 16, false, &datagram[16..]), 7, 40).is_some());
}

#[test]
fn patience_ends() {
    let datagram = udp(b"0123456789abcdef");
    let mut reassembler = Reassembler::default();
    push(&mut reassembler, &v4(7, 0, true, &datagram[..16]), 1, 0);
    assert_eq!(push(&mut reassembler, &v4(7, 16, false, &datagram[16..]), 2, 31), None);
    let notes = told(&mut reassembler);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].0 == 1 && notes[0].1.ends_with("the others did not come in 30 seconds"), "{notes:?}");
    reassembler.finish();
    let notes = told(&mut reassembler);
    assert!(notes[0].0 == 2 && notes[0].1.ends_with("what began in frame 1 was given up before it came"), "{notes:?}");
    // Long after that the number is used again.
    push(&mut reassembler, &v4(7, 0, true, &datagram[..16]), 3, 200);
    reassembler.finish();
    assert!(told(&mut reassembler)[0].1.ends_with("the others were not captured"));
}

#[test]
fn vlans_are_kept_apart() {
    let datagram = udp(b"0123456789abcdef");
    let tagged = |id: u8, packet: &[u8]| [&[0; 12][..], &[0x81, 0, 0, id, 8, 0], packet].concat();
    let mut reassembler = Reassembler::default();
    let mut send = |data: &[u8], frame| {
        reassembler.push(&Packet::decode(LinkType::ETHERNET, data, data.len() as u32), data, frame, 0)
    };
    assert_eq!(send(&tagged(1, &v4(7, 0, true, &datagram[..16])), 1), None);
    assert_eq!(send(&tagged(2, &v4(7, 16, false, &datagram[16..])), 2), None);
    assert!(send(&tagged(1, &v4(7, 16, false, &datagram[16..])), 3).is_some());
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever the order, and whatever comes twice, the datagram is the same.
    #[test]
    fn order_and_repetition_do_not_matter(
        payload in vec(any::<u8>(), 1..400),
        units in 1_usize..8,
        keys in vec(any::<u32>(), 60),
        again in vec(any::<usize>(), 0..6),
        six in any::<bool>(),
    ) {
        let datagram = udp(&payload);
        let size = units * 8;
        let count = datagram.len().div_ceil(size);
        let part = |i: usize| {
            let part = &datagram[i * size..datagram.len().min((i + 1) * size)];
            if six { v6(7, i * size, i + 1 < count, part) } else { v4(7, i * size, i + 1 < count, part) }
        };
        if count == 1 {
            return Ok(()); // no fragment
        }
        let mut order: Vec<usize> = (0..count).chain(again.iter().map(|i| i % count)).collect();
        let mut keys = keys.iter().cycle();
        order.sort_by_cached_key(|_| *keys.next().unwrap());
        let mut reassembler = Reassembler::default();
        let found: Vec<Datagram> =
            (1..).zip(&order).filter_map(|(frame, i)| push(&mut reassembler, &part(*i), frame, 0)).collect();
        prop_assert!(!found.is_empty());
        prop_assert_eq!(&found[0].bytes, &datagram);
        prop_assert_eq!(found[0].packet.payload.of(&datagram), &payload[..]);
    }

    /// Overlaps of all sorts: no panic, no octet twice, and never more kept than allowed.
    #[test]
    fn overlaps_are_bounded(
        parts in vec((0_u16..4, 0_usize..12, any::<bool>(), vec(any::<u8>(), 0..80), any::<bool>(), 0_i64..40), 1..60),
    ) {
        let limits = Limits { datagrams: 2, octets: 200, ..Limits::default() };
        let mut reassembler = Reassembler::with_limits(limits);
        for (frame, (id, unit, more, bytes, six, time)) in (1..).zip(&parts) {
            let data = if *six { v6(u32::from(*id), unit * 8, *more, bytes) } else { v4(*id, unit * 8, *more, bytes) };
            if let Some(whole) = push(&mut reassembler, &data, frame, *time) {
                let mut at = 0;
                for piece in &whole.pieces {
                    prop_assert_eq!(piece.range.start, at);
                    at = piece.range.end;
                }
                prop_assert_eq!(at as usize, whole.bytes.len());
            }
            prop_assert!(reassembler.waiting() <= limits.octets);
            prop_assert!(reassembler.pending.len() <= limits.datagrams);
            let waiting: usize = reassembler.pending.values().map(|pending| pending.octets).sum();
            prop_assert_eq!(waiting, reassembler.waiting());
            prop_assert!(reassembler.order.len() <= 2 * limits.datagrams + 65);
        }
        reassembler.finish();
        prop_assert_eq!(reassembler.waiting(), 0);
    }
}
