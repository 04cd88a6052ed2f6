//! What can happen to segments between two hosts: conversations for the analysis, and some thrown by dice.

use crate::plays::Dice;
use crate::wire::{ACK, Client, FIN, PSH, RST, SYN, Server, Side, Talk};

const TEN: &[u8] = b"0123456789";
const MILLISECOND: i64 = 1_000_000;

fn plain(name: &'static str, port: u16) -> Talk {
    Talk::new(name, port).of_no_protocol()
}

fn open(name: &'static str, port: u16) -> Talk {
    plain(name, port).open()
}

/// An acknowledgement that stands `ahead` of what was sent, with SACK blocks counted from there too.
fn sack(talk: &mut Talk, from: Side, ahead: i64, blocks: &[[i64; 2]]) {
    let other = if from == Client { Server } else { Client };
    let mut options = vec![1, 1, 5, 2 + 8 * blocks.len() as u8];
    for edge in blocks.iter().flatten() {
        options.extend(talk.next(other).wrapping_add(*edge as u32).to_be_bytes());
    }
    talk.ack_ahead[from as usize] = ahead;
    talk.raw(from, 0, ACK, &options, b"");
    talk.ack_ahead[from as usize] = 0;
}

/// An acknowledgement that stands `ahead` of what was sent.
fn acks(talk: &mut Talk, from: Side, ahead: i64) {
    talk.ack_ahead[from as usize] = ahead;
    talk.segment(from, 0, ACK, b"");
    talk.ack_ahead[from as usize] = 0;
}

/// Segments lost on the way, and sent again.
pub fn lost() -> Vec<Talk> {
    let mut fast = open("a loss, duplicate ACKs with SACK, a fast retransmission", 56_000);
    fast.advance(Client, 10);
    for n in 1..5 {
        fast.pushes(Client, TEN);
        sack(&mut fast, Server, -10 * (n + 1), &[[-10 * n, 0]]);
    }
    fast.segment(Client, -50, ACK | PSH, TEN);
    fast.says(Client, TEN);
    let mut slow = open("a retransmission because time ran out", 56_001);
    slow.says(Client, TEN);
    slow.pushes(Client, TEN);
    slow.wait(300 * MILLISECOND);
    slow.segment(Client, -10, ACK | PSH, TEN);
    slow.wait(600 * MILLISECOND);
    slow.segment(Client, -10, ACK | PSH, TEN);
    slow.segment(Server, 0, ACK, b"");
    let mut spurious = open("sent again though acknowledged", 56_002);
    spurious.says(Client, TEN);
    spurious.segment(Client, -10, ACK | PSH, TEN);
    sack(&mut spurious, Server, 0, &[[-10, 0]]);
    spurious.says(Client, TEN);
    let mut early = open("the second before the first", 56_003);
    early.says(Client, TEN);
    early.segment(Client, 10, ACK, TEN);
    early.wait(-MILLISECOND / 2);
    early.segment(Client, 0, ACK | PSH, TEN);
    early.advance(Client, 20);
    early.segment(Server, 0, ACK, b"");
    let mut last = open("the last one of several late", 56_004);
    for ahead in [10, 20, 0] {
        last.wait(-MILLISECOND / 2);
        last.segment(Client, ahead, ACK, TEN);
    }
    last.segment(Client, 20, ACK, TEN);
    last.advance(Client, 30);
    last.segment(Server, 0, ACK, b"");
    vec![fast, slow, spurious, early, last, many_blocks(), overlaps(), syns_again()]
}

/// As many SACK blocks as there is room for, and one of a duplicate (RFC 2883).
fn many_blocks() -> Talk {
    let mut talk = open("four holes", 56_010);
    talk.advance(Client, 10);
    for n in 1..5 {
        talk.pushes(Client, TEN);
        let blocks: Vec<[i64; 2]> = (0..n).map(|k| [-20 * k - 10, -20 * k]).collect();
        sack(&mut talk, Server, -20 * n, &blocks);
        talk.advance(Client, 10);
        talk.pushes(Client, b"x");
        talk.advance(Client, usize::MAX);
    }
    sack(&mut talk, Server, 0, &[[-30, -20]]);
    talk.says(Client, TEN);
    talk
}

fn overlaps() -> Talk {
    let mut talk = open("segments that overlap", 56_011);
    talk.pushes(Client, TEN);
    talk.segment(Client, -5, ACK | PSH, TEN);
    talk.advance(Client, 5);
    talk.segment(Client, -15, ACK | PSH, &[TEN, TEN].concat());
    talk.advance(Client, 5);
    acks(&mut talk, Server, -7);
    acks(&mut talk, Server, -5);
    talk.wait(300 * MILLISECOND);
    talk.segment(Client, -5, ACK | PSH, TEN);
    talk.advance(Client, 5);
    talk.segment(Server, 0, ACK, b"");
    talk
}

fn syns_again() -> Talk {
    let mut talk = plain("SYN, SYN ACK and FIN sent again", 56_012);
    let again = |side, talk: &mut Talk| {
        talk.wait(1_000 * MILLISECOND);
        talk.advance(side, u32::MAX as usize);
        talk.syn(side, b"");
    };
    talk.syn(Client, b"");
    again(Client, &mut talk);
    again(Client, &mut talk);
    talk.syn(Server, b"");
    again(Server, &mut talk);
    talk.segment(Client, 0, ACK, b"");
    talk.says(Client, TEN);
    talk.segment(Client, 0, FIN | ACK, b"");
    talk.wait(300 * MILLISECOND);
    talk.segment(Client, 0, FIN | ACK, b"");
    talk.advance(Client, 1);
    talk.segment(Server, 0, ACK, b"");
    talk.segment(Server, 0, FIN | ACK, b"");
    talk.advance(Server, 1);
    talk.segment(Client, 0, ACK, b"");
    talk
}

/// What receivers say of their room, and senders of their presence.
pub fn windows() -> Vec<Talk> {
    let mut alive = open("keep-alives with and without an octet", 57_000);
    alive.says(Client, TEN);
    for octet in [&b"\0"[..], b"", b"\0"] {
        alive.wait(7_200_000 * MILLISECOND);
        alive.segment(Client, -1, ACK, octet);
        alive.segment(Server, 0, ACK, b"");
    }
    alive.wait(7_200_000 * MILLISECOND);
    alive.segment(Server, -1, ACK, b"");
    alive.segment(Client, 0, ACK, b"");
    alive.says(Server, TEN);
    let mut silent = open("keep-alives without an answer", 57_001);
    for _ in 0..3 {
        silent.wait(75_000 * MILLISECOND);
        silent.segment(Server, -1, ACK, b"");
    }
    silent.segment(Server, 0, RST | ACK, b"");
    vec![alive, silent, closed_window(57_002, 8), closed_window(57_003, 1), filled(57_004), unscaled(57_005)]
}

/// The window is filled to the last octet, closes, is probed and opens again.
fn closed_window(port: u16, probes: usize) -> Talk {
    let mut talk = open("a window that closes and opens", port);
    talk.windows[Server as usize] = 2;
    talk.says(Client, TEN);
    talk.pushes(Client, &[b'x'; 200]);
    // Two times 128 octets, up to the edge.
    talk.pushes(Client, &[b'y'; 56]);
    talk.windows[Server as usize] = 0;
    talk.segment(Server, 0, ACK, b"");
    for n in 0..probes {
        talk.wait((200 * MILLISECOND) << n);
        talk.segment(Client, 0, ACK, b"p");
        talk.segment(Server, 0, ACK, b"");
    }
    talk.windows[Server as usize] = 0x2000;
    talk.segment(Server, 0, ACK, b"");
    talk.says(Client, b"probes are sent again");
    talk
}

/// The window is filled at once: that of the SYN ACK is not scaled.
fn filled(port: u16) -> Talk {
    let mut talk = plain("the first window filled", port);
    talk.windows = [0x2000, 20];
    talk = talk.open();
    talk.pushes(Client, TEN);
    talk.pushes(Client, TEN);
    talk.segment(Server, 0, ACK, b"");
    talk.pushes(Client, &[b'x'; 20 * 128]);
    talk.segment(Server, 0, ACK, b"");
    talk
}

fn unscaled(port: u16) -> Talk {
    let mut talk = plain("a window without a scale", port);
    talk.windows = [0x2000, 20];
    for (side, flags) in [(Client, SYN), (Server, SYN | ACK)] {
        talk.raw(side, 0, flags, &[2, 4, 5, 180], b"");
        talk.advance(side, 1);
    }
    talk.segment(Client, 0, ACK, b"");
    talk.pushes(Client, &[b'x'; 20]);
    talk.segment(Server, 0, ACK, b"");
    talk
}

/// Frames that were sent but not captured.
pub fn not_captured() -> Vec<Talk> {
    let lose = |talk: &mut Talk, side: Side| {
        talk.pushes(side, TEN);
        talk.lose_last();
    };
    let mut middle = open("octets that were acknowledged", 58_000);
    middle.says(Client, TEN);
    lose(&mut middle, Client);
    middle.pushes(Client, TEN);
    middle.segment(Server, 0, ACK, b"");
    lose(&mut middle, Client);
    middle.segment(Server, 0, ACK, b"");
    middle.segment(Server, 0, ACK, b"");
    lose(&mut middle, Client);
    middle.segment(Server, 0, ACK, b"");
    for _ in 0..5 {
        middle.says(Client, TEN);
    }
    let mut server_only = plain("only one direction", 58_001);
    for _ in 0..4 {
        server_only.pushes(Server, TEN);
        server_only.pushes(Server, b"1");
        server_only.advance(Client, 10);
    }
    let mut late = plain("from the middle", 58_002);
    late.segment(Server, 0, ACK, b"");
    late.says(Client, TEN);
    late.says(Server, TEN);
    late.close(Client, b"");
    let mut no_answer = plain("the SYN ACK is missing", 58_003);
    no_answer.syn(Client, b"");
    no_answer.syn(Server, b"");
    no_answer.lose_last();
    no_answer.segment(Client, 0, ACK, b"");
    no_answer.says(Client, TEN);
    no_answer.says(Server, TEN);
    let mut last = open("the last octets are missing", 58_004);
    last.says(Server, TEN);
    lose(&mut last, Server);
    last.segment(Client, 0, FIN | ACK, b"");
    vec![middle, server_only, late, no_answer, last]
}

/// How connections begin.
pub fn openings() -> Vec<Talk> {
    let cookie = [34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1];
    let fast = |name, port, options: &[u8], data: &[u8], taken: bool| {
        let mut talk = plain(name, port);
        talk.raw(Client, 0, SYN, options, data);
        talk.advance(Client, 1 + if taken { data.len() } else { 0 });
        talk.raw(Server, 0, SYN | ACK, &[2, 4, 5, 180], b"");
        talk.advance(Server, 1);
        talk.segment(Client, 0, ACK, if taken { b"" } else { data });
        talk.advance(Client, if taken { 0 } else { data.len() });
        talk.says(Server, TEN);
        talk
    };
    // Small numbers: tshark takes the 0 that stands for no acknowledgement in the SYN for one of all numbers below it.
    let mut both = plain("both open at once", 59_003).starting_at(1_000, 2_000);
    both.raw(Client, 0, SYN, &[2, 4, 5, 180], b"");
    both.raw(Server, 0, SYN, &[2, 4, 5, 180], b"");
    both.advance(Client, 1);
    both.advance(Server, 1);
    both.raw(Client, -1, SYN | ACK, &[2, 4, 5, 180], b"");
    both.raw(Server, -1, SYN | ACK, &[2, 4, 5, 180], b"");
    both.says(Client, TEN);
    both.says(Server, TEN);
    let mut unanswered = plain("a SYN without an answer", 59_004);
    unanswered.syn(Client, b"");
    let mut forgotten = plain("a SYN ACK without an answer", 59_005);
    forgotten.syn(Client, b"");
    forgotten.syn(Server, b"");
    let experiment = [254, 8, 0xf9, 0x89, 1, 2, 3, 4];
    vec![
        fast("a cookie, and data that is taken", 59_000, &cookie, TEN, true),
        fast("a cookie, and data that is not", 59_001, &cookie, TEN, false),
        fast("a cookie is asked for", 59_002, &[34, 2, 1, 1], b"", true),
        fast("the experiment's cookie", 59_006, &experiment, TEN, true),
        fast("data without a cookie", 59_007, &[2, 4, 5, 180], TEN, false),
        both,
        unanswered,
        forgotten,
    ]
}

/// How connections end.
pub fn endings() -> Vec<Talk> {
    let mut both = open("both close at once", 60_000);
    both.says(Client, TEN);
    both.segment(Client, 0, FIN | ACK, b"");
    both.segment(Server, 0, FIN | ACK, b"");
    both.advance(Client, 1);
    both.advance(Server, 1);
    both.segment(Client, 0, ACK, b"");
    both.segment(Server, 0, ACK, b"");
    let mut three = open("closed in three segments", 60_001);
    three.says(Client, TEN);
    three.close(Server, TEN);
    let mut broken = open("broken off without ACK", 60_002);
    broken.pushes(Client, TEN);
    broken.segment(Server, 0, RST, b"");
    let mut late = open("a RST after the FIN", 60_003);
    late.segment(Client, 0, FIN | ACK, b"");
    late.advance(Client, 1);
    late.says(Server, TEN);
    late.lose_last();
    late.segment(Client, 0, RST, b"");
    let mut doubtful = open("a RST with a cause", 60_004);
    doubtful.segment(Server, 0, RST | ACK, b"no room");
    doubtful.segment(Client, 0, ACK, b"");
    let mut half = open("a half close", 60_005);
    half.segment(Client, 0, FIN | ACK, b"");
    half.advance(Client, 1);
    half.says(Server, TEN);
    half.says(Server, TEN);
    let mut scan = plain("a scan: SYN, SYN ACK, RST", 60_006);
    scan.syn(Client, b"");
    scan.syn(Server, b"");
    scan.segment(Client, 0, RST, b"");
    vec![both, three, broken, late, doubtful, half, scan]
}

/// The same two ends again.
pub fn reuse() -> Vec<Talk> {
    let mut refused = plain("refused, and tried again with the same number", 61_000);
    refused.syn(Client, b"");
    refused.segment(Server, 0, RST | ACK, b"");
    refused.advance(Client, u32::MAX as usize);
    let mut again = refused.clone().open();
    again.says(Client, TEN);
    again.close(Client, b"");
    let closed = |port, start: Option<[u32; 2]>| {
        let mut first = open("closed", port);
        first.says(Client, TEN);
        first.close(Client, b"");
        let second = plain("opened again", port);
        let mut second = start.map_or(second.clone(), |[client, server]| second.starting_at(client, server)).open();
        second.says(Client, TEN);
        second.close(Server, b"");
        [first, second]
    };
    let mut talks = vec![again];
    talks.extend(closed(61_001, Some([1_000_000, 77])));
    talks.extend(closed(61_002, Some([5, u32::MAX])));
    talks.extend(closed(61_003, None));
    let aborted = {
        let mut first = open("aborted", 61_004);
        first.says(Client, TEN);
        first.segment(Client, 0, RST | ACK, b"");
        first
    };
    talks.push(aborted);
    talks.push(plain("after an abort", 61_004).starting_at(9, 10).open());
    let mut unfinished = open("not closed", 61_005);
    unfinished.says(Client, TEN);
    talks.push(unfinished);
    talks.push(plain("in the middle of another", 61_005).starting_at(9, 10).open());
    let mut other_number = plain("two SYN ACKs with two numbers", 61_006);
    other_number.syn(Client, b"");
    other_number.syn(Server, b"");
    other_number.advance(Server, 5_000);
    other_number.syn(Server, b"");
    other_number.segment(Client, 0, ACK, b"");
    other_number.says(Client, TEN);
    talks.push(other_number);
    talks
}

/// Segments thrown by dice: mostly what a stack would do, now and then what none would. The same seed gives the same.
pub fn by_dice(seed: u64) -> Talk {
    let mut dice = Dice(seed * 7919 + 13);
    let mut talk = Talk::new("thrown by dice", 55_000 + seed as u16).of_no_protocol();
    if seed % 4 == 3 {
        talk = talk.starting_at(u32::MAX - 400, u32::MAX - 1_000);
    }
    if dice.below(5) > 0 {
        talk = talk.open();
    }
    // Nothing is to come from before the first octet, for which tshark's counting is not made.
    talk.says(Client, &[b'a'; 100]);
    talk.says(Server, &[b'b'; 100]);
    for _ in 0..60 {
        throw(&mut talk, &mut dice);
    }
    talk
}

fn throw(talk: &mut Talk, dice: &mut Dice) {
    let side = if dice.below(2) == 0 { Client } else { Server };
    let other = if side == Client { Server } else { Client };
    talk.wait([-990_000, -500_000, 0, 0, 0, 3_000_000, 30_000_000, 250_000_000][dice.below(8)]);
    talk.windows[side as usize] = [0x2000, 0x2000, 0x2000, 0x2000, 0x2001, 0, 8, 1][dice.below(8)];
    talk.ack_ahead[side as usize] = [0, 0, 0, 0, -10, -30, -60, 20][dice.below(8)];
    let payload = vec![b'x'; [1, 10, 10, 20, 50][dice.below(5)]];
    let flags = if dice.below(2) == 0 { ACK } else { ACK | PSH };
    match dice.below(20) {
        0..6 => {
            talk.segment(side, 0, flags, &payload);
            talk.advance(side, payload.len());
        }
        6..10 => talk.segment(side, 0, ACK, b""),
        10 => (0..4).for_each(|_| talk.segment(side, 0, ACK, b"")),
        11 | 12 => talk.segment(side, -[10, 20, 30, 60][dice.below(4)], flags, &payload),
        13 => talk.advance(side, 10),
        14 => {
            talk.advance(side, 20);
            talk.segment(side, -10, flags, &[b'y'; 10]);
            talk.segment(side, -20, flags, &[b'z'; 10]);
        }
        15 => talk.segment(side, -1, ACK, [&b""[..], b"\0"][dice.below(2)]),
        16 => {
            let sack = [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, dice.below(30) as u8];
            talk.raw(side, 0, ACK, &sack, b"");
        }
        17 => {
            talk.segment(other, 0, flags, b"p");
            talk.segment(side, 0, ACK, b"");
        }
        18 if dice.below(4) == 0 => {
            talk.segment(side, 0, FIN | ACK, b"");
            talk.advance(side, 1);
        }
        19 if dice.below(8) == 0 => talk.segment(side, 0, RST | [0, ACK][dice.below(2)], b""),
        _ => talk.segment(side, 0, ACK, b""),
    }
}
