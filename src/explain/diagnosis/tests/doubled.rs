use super::{engineio, text};
use crate::capture::{Frame, LinkType};
use crate::explain::diagnose;
use crate::layer::Severity;
use crate::trace::Trace;
use crate::trace::testing::{Conversation, frame, notes, told, trace};

/// A datagram from one port of loopback to another, with a checksum left out; `id` is that of its IP header.
fn datagram(id: u16, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len() as u8;
    let mut data =
        vec![0x45, 0, 0, 20 + len, (id >> 8) as u8, id as u8, 0x40, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    data.extend([0x03, 0xe8, 0, 53, 0, len, 0, 0]);
    data.extend(payload);
    data
}

/// Each packet as a raw socket on loopback is given it: as it is sent (4), and as it arrives (0).
fn twice(packets: &[Frame]) -> Vec<Frame> {
    let cooked = |kind: u8, packet: &Frame| {
        let ether_type: [u8; 2] = if packet.data[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        [&[0, kind, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0][..], &ether_type, &packet.data].concat()
    };
    let both = packets.iter().flat_map(|packet| [cooked(4, packet), cooked(0, packet)]);
    both.enumerate().map(|(n, data)| frame(n, LinkType::LINUX_SLL, data)).collect()
}

fn datagrams(packets: &[Vec<u8>]) -> Vec<Frame> {
    packets.iter().enumerate().map(|(n, packet)| frame(n, LinkType::RAW, packet.clone())).collect()
}

/// Without the frame numbers, which differ.
fn said(trace: &Trace) -> Vec<String> {
    told(trace).iter().map(|line| line.split_once("] ").unwrap().1.to_owned()).collect()
}

/// The beginning of the finding, and how many frames show it.
fn doubled(trace: &Trace) -> Option<(String, usize)> {
    let found = diagnose(trace).into_iter().find(|finding| finding.text.contains("twice in a row"))?;
    assert_eq!(found.severity, Severity::Note);
    Some((found.text.split(" stand").next().unwrap().to_owned(), found.frames.len()))
}

#[test]
fn segments_that_are_captured_twice_count_once() {
    let mut talk = engineio(200);
    talk.client(text("42[\"hi\"]", true)).server(text("42[\"hello\"]", false)).close();
    let (once, both) = (trace(&talk.frames), trace(&twice(&talk.frames)));
    assert_eq!(said(&both), said(&once));
    assert_eq!(both.connections().len(), 1);
    let frames = talk.frames.len();
    assert_eq!(doubled(&both), Some((format!("{} of {} packets", 2 * frames, 2 * frames), frames)));
    assert_eq!(doubled(&once), None);
    // What each of the others is stands on it, and none says that anything was lost.
    let again = "bytes came before it for the same place: sent again, or captured twice";
    let of_copies: Vec<_> =
        notes(&both).into_iter().filter(|note| !notes(&once).iter().any(|(_, text)| *text == note.1)).collect();
    assert_eq!(of_copies.len(), 7, "one for each payload: {of_copies:?}");
    assert!(of_copies.iter().all(|(on, text)| *text == again && on.is_some_and(|n| n % 2 == 0)), "{of_copies:?}");
    let others = |trace: &Trace| diagnose(trace).len() - usize::from(doubled(trace).is_some());
    assert_eq!(others(&both), others(&once), "{:?}", diagnose(&both));
}

/// Before and behind a router a packet differs in what each router writes anew.
#[test]
fn a_packet_on_both_sides_of_a_router_is_one() {
    let mut talk = engineio(200);
    talk.client(text("42[\"hi\"]", true)).close();
    let mut both = twice(&talk.frames);
    // Behind 16 octets of the link, the time to live stands in the ninth of IP, the header's checksum in the next but one.
    both.iter_mut().skip(1).step_by(2).for_each(|frame| (frame.data[24], frame.data[26]) = (frame.data[24] - 1, 7));
    assert_eq!(doubled(&trace(&both)).map(|(_, pairs)| pairs), Some(talk.frames.len()));
    // What else differs is another packet.
    both.iter_mut().skip(1).step_by(2).for_each(|frame| frame.data[20] ^= 1);
    assert_eq!(doubled(&trace(&both)), None);
}

#[test]
fn datagrams_that_are_captured_twice_are_told() {
    let packets: Vec<Vec<u8>> = (0..10_u8).map(|n| datagram(u16::from(n), &[n; 5])).collect();
    let once = datagrams(&packets);
    let both = trace(&twice(&once));
    assert_eq!(doubled(&both), Some(("20 of 20 packets".into(), 10)));
    assert_eq!(notes(&both), [], "nothing is lost");
    assert_eq!(doubled(&trace(&once)), None);
    // A capture that began between the two, and two that changed places.
    let mut odd = twice(&once);
    odd.remove(0);
    odd.swap(8, 9);
    assert_eq!(doubled(&trace(&odd)), None, "of few packets two pairs are too many");
    let many: Vec<Vec<u8>> = (0..60_u8).map(|n| datagram(u16::from(n), &[n; 5])).collect();
    let mut odd = twice(&datagrams(&many));
    odd.remove(0);
    odd.swap(8, 9);
    assert_eq!(doubled(&trace(&odd)), Some(("114 of 119 packets".into(), 57)));
}

/// Who says the same over and over is captured once, though a packet is like the one before.
#[test]
fn the_same_said_again_is_no_copy() {
    let beat = datagram(0, b"alive");
    assert_eq!(doubled(&trace(&datagrams(&vec![beat; 40]))), None);
    let turns: Vec<Vec<u8>> = (0..20_u8).map(|n| datagram(0, &[n % 2])).collect();
    assert_eq!(doubled(&trace(&datagrams(&turns))), None);
    let mut few = Conversation::new();
    few.segment(crate::trace::testing::TO_SERVER, crate::packet::Flags::SYN, b"");
    assert_eq!(doubled(&trace(&twice(&few.frames))), None, "one pair may be chance");
}
