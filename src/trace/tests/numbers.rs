use super::names;
use crate::capture::LinkType;
use crate::packet::Flags;
use crate::trace::testing::{
    Conversation, EMPTY_200, GET, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, frame, notes, told, trace,
};
use crate::trace::{Record, Trace, layer_sums};

#[test]
fn connections_do_not_mix() {
    let mut first = Conversation::new().open();
    let mut second = Conversation::between("127.0.0.1:8080", "127.0.0.1:80").open();
    first.client(GET).server(EMPTY_200);
    second.client(UPGRADE).server(SWITCHING);
    let frames: Vec<_> = first.frames.iter().zip(&second.frames).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let trace = trace(&frames);
    assert_eq!(trace.connections().len(), 2);
    assert_eq!(trace.messages().iter().map(|message| message.connection).collect::<Vec<_>>(), [0, 1, 0, 1, 1]);
}

/// Both ends may have the same address and port: then every segment seems to come from the client.
#[test]
fn a_host_may_talk_to_itself() {
    let mut talk = Conversation::between("10.0.0.1:80", "10.0.0.1:80");
    talk.segment(TO_SERVER, Flags::SYN, b"").client(GET);
    talk.trace();
}

#[test]
fn what_is_no_tcp_is_shown_too() {
    // IPv4 and UDP, port 1000 to 53, length 10, no checksum, "hi", and two octets of padding.
    let mut udp = vec![0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
    udp.extend([0x03, 0xe8, 0, 53, 0, 10, 0, 0, b'h', b'i', 0, 0]);
    let arp = [[0xff; 6].as_slice(), &[2; 6], &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1], &[0; 20]].concat();
    let trace = trace(&[frame(0, LinkType::RAW, udp), frame(1, LinkType::ETHERNET, arp)]);
    assert_eq!(layer_sums(&trace.ledger(1)), [("ip", 20), ("udp", 8), ("payload", 2), ("padding", 2)]);
    assert_eq!(layer_sums(&trace.ledger(2)), [("eth", 14), ("arp", 28)]);
    assert_eq!(names(&trace, 2), ["frame", "eth", "arp"]);
}

/// Adds options to a frame of the builder that has no payload: the TCP header grows, and the packet with it.
fn add_options(frame: &mut crate::capture::Frame, options: &[u8]) {
    frame.data.extend(options);
    frame.len += options.len() as u32;
    frame.data[3] += options.len() as u8; // IPv4 total length
    frame.data[32] += (options.len() as u8 / 4) << 4; // TCP data offset, in words
}

/// The factor of a frame's window, and how many notes there are on it.
fn factor(trace: &Trace, frame: u32) -> (Option<String>, usize) {
    let layers = trace.layers(frame);
    let tcp = layers.iter().find(|layer| layer.protocol == "tcp").unwrap();
    let said = tcp.notes.iter().filter(|note| note.text.contains("multiplied")).count();
    (tcp.value("tcp.window_size_scalefactor").map(ToString::to_string), said)
}

/// A window that may have to be multiplied is told to be one, where its sender's SYN is missing.
#[test]
fn an_unknown_scale_of_a_window_is_said() {
    let mut open = Conversation::new().open();
    for n in 0..2 {
        add_options(&mut open.frames[n], &[1, 3, 3, 7]); // no operation; window scale 7
    }
    assert_eq!([1, 2, 3].map(|frame| factor(&open.trace(), frame)), [(None, 0), (None, 0), (Some("128".into()), 0)]);
    assert_eq!(factor(&Conversation::new().open().trace(), 3), (Some("-2".into()), 0), "nobody offered to");

    let mut middle = Conversation::new();
    middle.client("hello").segment(crate::layer::Direction::ToClient, Flags::RST | Flags::ACK, b"");
    let trace = middle.trace();
    assert_eq!(factor(&trace, 1), (Some("-1".into()), 1));
    assert_eq!(factor(&trace, 2), (Some("-1".into()), 0), "the window of a RST says nothing");
    let layers = trace.layers(1);
    let field = layers.iter().flat_map(|layer| &layer.fields).find(|field| field.def.name.ends_with("scalefactor"));
    assert_eq!(field.unwrap().span.as_ref().map(crate::layer::Span::len), Some(2));
}

/// What the capture cut from a SYN may have been there.
#[test]
fn a_scale_that_was_cut_is_not_known() {
    let cut = |which: &[usize]| {
        let mut talk = Conversation::new().open();
        talk.server("hi");
        for n in 0..2 {
            add_options(&mut talk.frames[n], &[1, 3, 3, 7]);
        }
        for n in which {
            talk.frames[*n].data.truncate(42);
        }
        let trace = talk.trace();
        let window = |frame| trace.record(frame).unwrap().segment.as_ref().unwrap().window;
        [3, 4].map(|frame| (factor(&trace, frame).0.unwrap(), window(frame)))
    };
    let (unknown, known) = (("-1".to_owned(), 512), ("128".to_owned(), 512 << 7));
    assert_eq!(cut(&[0]), [unknown.clone(), known.clone()], "a SYN ACK has it only where the SYN had it");
    assert_eq!(cut(&[0, 1]), [unknown.clone(), unknown]);
    assert_eq!(cut(&[]), [known.clone(), known]);
}

/// "Both sides MUST send Window Scale options in their <SYN> segments to enable window scaling in either direction" (RFC 7323
/// §2.2): what the SYN offers is not known to hold where the SYN ACK is missing.
#[test]
fn a_scale_that_nobody_was_seen_to_agree_to_is_not_known() {
    let mut talk = Conversation::new();
    talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::SYN | Flags::ACK, b"").lose().client("hello");
    add_options(&mut talk.frames[0], &[1, 3, 3, 7]);
    let trace = talk.trace();
    assert_eq!(factor(&trace, 2), (Some("-1".into()), 1));
    assert_eq!(trace.record(2).unwrap().segment.as_ref().unwrap().window, 512);
    let note = trace.layers(2).into_iter().flat_map(|layer| layer.notes).find(|note| note.text.contains("multiplied"));
    assert!(note.unwrap().text.contains("by 128 is not known"));
}

#[test]
fn the_window_is_scaled_only_if_both_sides_offered_to() {
    let scaled = |client: bool, server: bool| {
        let mut talk = Conversation::new().open();
        for (n, offers) in [(0, client), (1, server)] {
            if offers {
                add_options(&mut talk.frames[n], &[1, 3, 3, 7]); // no operation; window scale 7
            }
        }
        let windows = |(_, record): (u32, &Record)| record.segment.as_ref().unwrap().window;
        talk.trace().records().map(windows).collect::<Vec<_>>()
    };
    assert_eq!(scaled(true, true), [512, 512, 512 << 7], "and never on a SYN");
    assert_eq!(scaled(true, false), [512; 3]);
    assert_eq!(scaled(false, true), [512; 3]);
}

#[test]
fn numbers_are_counted_from_the_start_and_go_round() {
    let mut talk = Conversation::new().open();
    // The client's number passes 2^32 in the middle of this.
    talk.client([b'a'; 150]).server("x").client([b'b'; 150]).server("y");
    let trace = talk.trace();
    let numbers = trace.records().map(|(_, record)| record.segment.as_ref().unwrap()).map(|s| (s.seq, s.ack, s.offset));
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [
            (0, None, Some(0)),
            (0, Some(1), Some(0)),
            (1, Some(1), Some(0)),
            (1, Some(1), Some(0)),
            (1, Some(151), Some(0)),
            (151, Some(2), Some(150)),
            (2, Some(301), Some(1)),
        ]
    );
    assert_eq!(trace.stream(0, TO_SERVER).unwrap().end(), 300);
}

/// RFC 9293 §3.5: both SYNs cross on their way.
#[test]
fn two_sides_may_open_at_once() {
    let mut talk = Conversation::new();
    talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::SYN, b"");
    talk.segment(TO_SERVER, Flags::ACK, b"").segment(TO_CLIENT, Flags::ACK, b"");
    talk.client(GET).server(EMPTY_200).close();
    let trace = talk.trace();
    assert_eq!(trace.connections().len(), 1);
    let note = "both sides of connection 0 opened at once: each sent its SYN before it had the other's, and no server listened";
    let expected = (vec!["[5] > GET /".into(), "[6] < 200 OK".into()], vec![(Some(2), note)]);
    assert_eq!((told(&trace), notes(&trace)), expected);
}

#[test]
fn a_refused_connection_may_be_tried_again() {
    let mut talk = Conversation::new();
    talk.segment(TO_SERVER, Flags::SYN, b"").segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
    talk.next[0] -= 1;
    let mut talk = talk.open();
    talk.client(GET).server(EMPTY_200);
    assert_eq!(told(&talk.trace()), ["[6] > GET /", "[7] < 200 OK"]);
}

/// A keep-alive repeats the last number, with one octet or none (RFC 9293 §3.8.4): nothing new.
/// A late SYN ACK, or a forged one: the client has acknowledged another, and drops it.
#[test]
fn a_stray_syn_ack_moves_no_numbers() {
    let whole = told(&Conversation::new().open().client(GET).server(EMPTY_200).trace());
    let mut talk = Conversation::new().open();
    talk.at(TO_CLIENT, 77_777, Flags::SYN | Flags::ACK, b"").client(GET).server(EMPTY_200);
    let trace = talk.trace();
    let said =
        |told: Vec<String>| told.into_iter().map(|line| line.split_once(']').unwrap().1.to_owned()).collect::<Vec<_>>();
    assert_eq!(said(told(&trace)), said(whole));
    let notes = notes(&trace);
    assert!(notes.iter().any(|(frame, text)| *frame == Some(4) && text.contains("it is dropped")), "{notes:?}");
}

#[test]
fn a_keep_alive_brings_nothing() {
    let mut talk = Conversation::new().open();
    talk.client(GET);
    let last = talk.next[0].wrapping_sub(1);
    talk.at(TO_SERVER, last, Flags::ACK, b"\0").at(TO_SERVER, last, Flags::ACK, b"").server(EMPTY_200);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[4] > GET /", "[7] < 200 OK"]);
    assert_eq!(layer_sums(&trace.ledger(5))[2], ("repeated", 1));
    // Before the first octet there is the SYN's number: what claims to lie there belongs to no stream.
    let mut talk = Conversation::new().open();
    let syn = talk.next[0].wrapping_sub(1);
    talk.at(TO_SERVER, syn, Flags::ACK, b"\0").client(GET);
    let trace = talk.trace();
    assert_eq!(told(&trace), ["[5] > GET /"]);
    assert_eq!(layer_sums(&trace.ledger(4))[2], ("data", 1));
    assert_eq!(notes(&trace).len(), 1);
}
