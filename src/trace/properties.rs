//! What must hold for every capture, tried on many: generated conversations, changed ones, and noise.

use std::io::Cursor;
use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::Trace;
use super::testing::{
    Conversation, EMPTY_200, GET, SWITCHING, TO_CLIENT, TO_SERVER, UPGRADE, dump, frame, notes, trace,
};
use crate::capture::{CaptureFile, Frame, LinkType, Source};
use crate::layer::Direction;
use crate::packet::Flags;

const CAPTURE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/captures/09-upgrade.pcapng"));

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// What one side says before the other answers.
#[derive(Debug, Clone)]
struct Turn {
    direction: Direction,
    bytes: Vec<u8>,
    /// Turns of one block do not wait for each other: their segments may be captured in any order.
    block: usize,
}

/// A request and its answer.
fn exchange() -> impl Strategy<Value = [Vec<u8>; 2]> {
    let body = vec(any::<u8>(), 0..40);
    prop_oneof![
        Just([GET.into(), EMPTY_200.into()]),
        Just([b"HEAD / HTTP/1.1\r\n\r\n".to_vec(), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_vec()]),
        body.clone().prop_map(|body| {
            let head = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
            [b"POST / HTTP/1.1\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n".as_slice()]
                .map(|start| [start, &head, &body].concat())
        }),
        vec(body, 0..3).prop_map(|chunks| {
            let chunks = chunks.iter().filter(|chunk| !chunk.is_empty());
            let chunks =
                chunks.flat_map(|chunk| [format!("{:x};x\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            [GET.into(), head.iter().copied().chain(chunks).chain(*b"0\r\nSum: 1\r\n\r\n").collect()]
        }),
    ]
}

/// A WebSocket frame, valid or not: first octet, masked or not, payload.
fn websocket_frame() -> impl Strategy<Value = (Direction, Vec<u8>)> {
    let first = prop_oneof![
        4 => proptest::sample::select(vec![0x81_u8, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a]),
        1 => any::<u8>(),
    ];
    (any::<bool>(), first, any::<Option<[u8; 4]>>(), vec(any::<u8>(), 0..200)).prop_map(|(up, first, key, payload)| {
        let mask = if key.is_some() { 0x80 } else { 0 };
        let mut bytes = match payload.len() {
            len @ 0..126 => vec![first, mask | len as u8],
            len => vec![first, mask | 126, 0, len as u8],
        };
        bytes.extend(key.iter().flatten());
        let key = key.unwrap_or_default();
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(octet, mask)| octet ^ mask));
        (if up { TO_SERVER } else { TO_CLIENT }, bytes)
    })
}

/// Some HTTP, and perhaps WebSocket after it.
fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let websocket = proptest::option::of(vec(websocket_frame(), 0..8));
    (vec(exchange(), 0..4), websocket).prop_map(|(exchanges, websocket)| {
        let upgrade = websocket.is_some().then(|| [UPGRADE.into(), SWITCHING.into()]);
        let mut turns = Vec::new();
        for [request, response] in exchanges.into_iter().chain(upgrade) {
            for (direction, bytes) in [(TO_SERVER, request), (TO_CLIENT, response)] {
                turns.push(Turn { direction, bytes, block: turns.len() });
            }
        }
        let block = turns.len();
        let frames = websocket.into_iter().flatten().map(|(direction, bytes)| Turn { direction, bytes, block });
        turns.extend(frames);
        turns
    })
}

/// A segment to be: octets of one direction, and when it is captured.
#[derive(Debug, Clone)]
struct Piece {
    direction: Direction,
    range: Range<usize>,
    fin: bool,
    order: (usize, u32),
}

/// The turns as one segment each.
fn pieces(turns: &[Turn]) -> Vec<Piece> {
    let mut end = [0, 0];
    let piece = |turn: &Turn| {
        let end = &mut end[turn.direction.index()];
        *end += turn.bytes.len();
        Piece { direction: turn.direction, range: *end - turn.bytes.len()..*end, fin: false, order: (turn.block, 0) }
    };
    let mut pieces: Vec<_> = turns.iter().map(piece).collect();
    let block = turns.last().map_or(0, |turn| turn.block);
    for direction in [TO_SERVER, TO_CLIENT] {
        let end = turns.iter().filter(|turn| turn.direction == direction).map(|turn| turn.bytes.len()).sum();
        pieces.push(Piece { direction, range: end..end, fin: true, order: (block, 0) });
    }
    pieces
}

/// Cuts every piece into segments of these sizes.
fn cut(pieces: &[Piece], sizes: &[usize]) -> Vec<Piece> {
    let mut sizes = sizes.iter().cycle();
    let mut out = Vec::new();
    for piece in pieces {
        let mut start = piece.range.start;
        while let (true, Some(size)) = (start < piece.range.end, sizes.next()) {
            let end = piece.range.end.min(start + size);
            out.push(Piece { range: start..end, ..piece.clone() });
            start = end;
        }
        if piece.fin {
            out.push(piece.clone());
        }
    }
    out
}

/// The frames in which these pieces are captured.
fn play(turns: &[Turn], pieces: &[Piece]) -> Conversation {
    let mut talk = Conversation::new().open();
    let base = talk.next;
    let mut streams = [Vec::new(), Vec::new()];
    turns.iter().for_each(|turn| streams[turn.direction.index()].extend_from_slice(&turn.bytes));
    for piece in pieces {
        let d = piece.direction.index();
        let seq = base[d].wrapping_add(piece.range.start as u32);
        let flags = Flags::ACK | if piece.fin { Flags::FIN } else { Flags::PSH };
        talk.at(piece.direction, seq, flags, &streams[d][piece.range.clone()]);
    }
    for frame in &mut talk.frames {
        frame.data[34..36].fill(0xff); // the window: nobody acknowledges, and all of it must be let through
    }
    talk
}

/// What each direction said: place, words, notes. Frames are left out, for they differ with the segments.
fn said(trace: &Trace) -> [Vec<String>; 2] {
    [TO_SERVER, TO_CLIENT].map(|direction| {
        let messages = trace.messages().iter().filter(|message| message.direction == direction);
        let line = |message: &super::Message| {
            let Range { start, end } = message.range;
            format!("{start}..{end} {} {} {:?}", trace.summary(message), message.complete, message.notes)
        };
        let mut lines: Vec<_> = messages.map(|message| (message.range.end, line(message))).collect();
        // A message ends where it ends, whichever frame brought that; the sort keeps the order of those that end together.
        lines.sort_by_key(|(end, _)| *end);
        lines.into_iter().map(|(_, line)| line).collect()
    })
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn segments_do_not_change_the_messages(turns in turns(), sizes in vec(1_usize..60, 1..8)) {
        let whole = play(&turns, &pieces(&turns)).trace();
        let segmented = play(&turns, &cut(&pieces(&turns), &sizes)).trace();
        prop_assert_eq!(said(&segmented), said(&whole));
        prop_assert_eq!(notes(&segmented).len(), notes(&whole).len());
    }

    #[test]
    fn order_and_repetition_do_not_change_the_messages(
        turns in turns(),
        sizes in vec(1_usize..60, 1..8),
        keys in vec(any::<u32>(), 1..16),
        repeats in vec((any::<usize>(), 0_usize..3, any::<u32>(), 0_usize..30), 0..10),
    ) {
        let whole = play(&turns, &pieces(&turns)).trace();
        let mut pieces = cut(&pieces(&turns), &sizes);
        for (piece, key) in pieces.iter_mut().zip(keys.iter().cycle()) {
            piece.order.1 = *key;
        }
        // A segment comes again: in its own turn or later, and perhaps with the octets that were before it.
        for (which, later, key, more) in repeats {
            let mut again = pieces[which % pieces.len()].clone();
            let turn_starts = pieces.iter().filter(|p| p.direction == again.direction && p.order.0 == again.order.0);
            let first = turn_starts.map(|piece| piece.range.start).min().unwrap_or_default();
            again.range.start = again.range.start.saturating_sub(more).max(first);
            again.order = (again.order.0 + later, key);
            pieces.push(again);
        }
        pieces.sort_by_key(|piece| piece.order);
        prop_assert_eq!(said(&play(&turns, &pieces).trace()), said(&whole));
    }

    /// Captures of several queues or interfaces mix neighbouring frames: an acknowledgement may come before what it
    /// acknowledges without anything being given up.
    #[test]
    fn frames_slightly_out_of_order_do_not_change_the_messages(
        size in 1_usize..30,
        jitter in vec(0_usize..4, 1..40),
    ) {
        let mut talk = Conversation::new().open();
        for part in [GET, GET, GET].concat().as_bytes().chunks(size) {
            talk.client(part).segment(TO_CLIENT, Flags::ACK, b"");
        }
        let opening = talk.frames.split_off(3);
        let opening = std::mem::replace(&mut talk.frames, opening);
        let expected = said(&trace(&[&opening[..], &talk.frames].concat()));
        let mut order: Vec<_> = talk.frames.iter().zip(jitter.iter().cycle()).enumerate().collect();
        order.sort_by_key(|(place, (_, jitter))| place + **jitter);
        let mixed: Vec<Frame> = order.into_iter().map(|(_, (frame, _))| frame.clone()).collect();
        prop_assert_eq!(said(&trace(&[&opening[..], &mixed].concat())), expected);
    }

    /// Invariants 3 and 4, and no panic, whatever becomes of a conversation: frames cut, lost, repeated and damaged.
    #[test]
    fn every_octet_has_one_owner(
        turns in turns(),
        sizes in vec(1_usize..60, 1..8),
        harm in vec((any::<usize>(), 0_u8..5, any::<usize>(), any::<u8>()), 0..8),
    ) {
        let mut frames = play(&turns, &cut(&pieces(&turns), &sizes)).frames;
        for (which, kind, at, with) in harm {
            let which = which % frames.len();
            let len = frames[which].data.len();
            match kind {
                0 => frames[which].data.truncate(at % (len + 1)),
                1 if frames.len() > 1 => drop(frames.remove(which)),
                2 => {
                    let again = frames[which].clone();
                    frames.insert(at % (which + 1), again);
                }
                _ if len > 0 => frames[which].data[at % len] = with,
                _ => {}
            }
        }
        trace(&frames);
    }

    /// The same capture gives the same output.
    #[test]
    fn two_runs_are_the_same(turns in turns(), sizes in vec(1_usize..60, 1..8)) {
        let frames = play(&turns, &cut(&pieces(&turns), &sizes)).frames;
        prop_assert_eq!(dump(&trace(&frames)), dump(&trace(&frames)));
    }

    #[test]
    fn noise_never_panics(frames in vec((link(), any::<u32>(), vec(any::<u8>(), 0..120), any::<bool>()), 1..6)) {
        let frame = |(n, (link, missing, mut data, ip)): (usize, (LinkType, u32, Vec<u8>, bool))| {
            // Half of it begins as IPv4 with TCP does, so that it is not refused at the first octet.
            if ip && data.len() > 10 {
                data[0] = 0x45;
                data[9] = 6;
            }
            let mut frame = frame(n, link, data);
            frame.len = frame.len.saturating_add(missing & 0xff);
            frame
        };
        trace(&frames.into_iter().enumerate().map(frame).collect::<Vec<_>>());
    }

    /// Random octets on a connection that is known to be HTTP, and on one that has become WebSocket.
    #[test]
    fn noise_on_a_connection_never_panics(
        upgraded in any::<bool>(),
        noise in vec((any::<bool>(), vec(any::<u8>(), 0..60)), 0..8),
        reset in any::<bool>(),
    ) {
        let mut talk = Conversation::new().open();
        if upgraded {
            talk.client(UPGRADE).server(SWITCHING);
        } else {
            talk.client(GET);
        }
        for (up, bytes) in noise {
            talk.segment(if up { TO_SERVER } else { TO_CLIENT }, Flags::ACK, &bytes);
        }
        if reset {
            talk.segment(TO_SERVER, Flags::RST, b"");
        } else {
            talk.close();
        }
        talk.trace();
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn a_damaged_capture_never_panics(harm in vec((any::<usize>(), any::<usize>(), any::<u8>()), 1..12)) {
        let mut frames = read(CAPTURE);
        for (which, at, with) in harm {
            let which = which % frames.len();
            let at = at % frames[which].data.len();
            frames[which].data[at] = with;
        }
        trace(&frames);
    }
}

fn link() -> impl Strategy<Value = LinkType> {
    use LinkType as L;
    let known = [
        L::NULL,
        L::ETHERNET,
        L::RAW_BSD,
        L::RAW_OPENBSD,
        L::RAW,
        L::LOOP,
        L::LINUX_SLL,
        L::IPV4,
        L::IPV6,
        L::LINUX_SLL2,
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()), 1 => any::<u16>().prop_map(LinkType)]
}

/// All frames that can be read from these octets of a capture file.
fn read(bytes: &[u8]) -> Vec<Frame> {
    let Ok(mut file) = CaptureFile::from_reader("test", Cursor::new(bytes.to_vec())) else { return Vec::new() };
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = file.next_frame() {
        frames.push(frame.to_frame());
    }
    frames
}

#[test]
fn every_prefix_of_a_capture_can_be_read() {
    let mut seen = usize::MAX;
    for cut in 0..=CAPTURE.len() {
        let frames = read(&CAPTURE[..cut]);
        // What is dissected changes only when there is one frame more.
        if frames.len() != seen {
            seen = frames.len();
            trace(&frames);
        }
    }
    assert!(seen > 10, "the whole file holds a conversation");
}

/// Every frame of the capture, cut at every octet.
#[test]
fn every_frame_of_a_capture_may_be_cut() {
    let frames = read(CAPTURE);
    for (which, whole) in frames.iter().enumerate() {
        for cut in (0..whole.data.len()).filter(|cut| *cut < 70 || cut % 16 == 0) {
            let mut frame = whole.clone();
            frame.data.truncate(cut);
            let around = [&frames[..which], &[frame]].concat();
            // The three frames before it are enough for the connection to be known.
            trace(&around[around.len().saturating_sub(4)..]);
        }
    }
}
