//! Each rule by its name, on segments made by hand.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use super::{Analysis, Duplicate, Options, Since, describe};
use crate::flow::testing::{ACK, DOWN, FIN, MILLISECOND, Play, RST, SYN, UP, names};
use crate::layer::{Direction, Layer, Value};
use crate::packet::{Extent, Flags, Tcp};

const PSH: u8 = Flags::PSH;
const NOTHING: [&str; 0] = [];

#[test]
fn an_ordinary_exchange_has_no_findings() {
    let mut play = Play::open();
    assert_eq!(names(play.send(UP, ACK | PSH, 10)), NOTHING);
    let ack = play.send(DOWN, ACK, 0);
    assert_eq!(names(ack), NOTHING);
    assert_eq!(ack.acks, Some(Since { frame: 4, nanoseconds: MILLISECOND }));
    assert_eq!(names(play.send(DOWN, ACK | PSH, 10)), NOTHING);
    for (direction, flags) in [(UP, FIN | ACK), (DOWN, FIN | ACK), (UP, ACK)] {
        assert_eq!(names(play.send(direction, flags, 0)), NOTHING);
    }
}

#[test]
fn retransmission() {
    let mut play = Play::open();
    play.send(UP, ACK | PSH, 10);
    play.time += 200 * MILLISECOND;
    let again = play.at(UP, -10, ACK | PSH, 10).analysis;
    assert_eq!(names(again), ["retransmission"]);
    assert_eq!(again.rto, Some(Since { frame: 4, nanoseconds: 201 * MILLISECOND }));
}

#[test]
fn retransmission_of_syn_and_fin() {
    let mut play = Play::new();
    play.send(UP, SYN, 0);
    play.time += 1_000 * MILLISECOND;
    assert_eq!(names(play.at(UP, -1, SYN, 0).analysis), ["retransmission"]);
    let mut play = Play::open();
    play.send(UP, FIN | ACK, 0);
    assert_eq!(names(play.at(UP, -1, FIN | ACK, 0).analysis), ["retransmission"]);
}

#[test]
fn fast_retransmission() {
    let mut play = Play::open();
    play.skip(UP, 10);
    for _ in 0..2 {
        play.send(UP, ACK, 10);
    }
    play.ack_ahead[1] = -30;
    for _ in 0..3 {
        play.send(DOWN, ACK, 0);
    }
    assert_eq!(names(play.at(UP, -30, ACK, 10).analysis), ["retransmission", "fast_retransmission"]);
    // The same 20 ms later is not the consequence of those.
    play.time += 20 * MILLISECOND;
    assert_eq!(names(play.at(UP, -30, ACK, 10).analysis), ["retransmission"]);
}

#[test]
fn spurious_retransmission() {
    let mut play = Play::open();
    play.send(UP, ACK, 10);
    play.send(DOWN, ACK, 0);
    assert_eq!(names(play.at(UP, -10, ACK, 10).analysis), ["retransmission", "spurious_retransmission"]);
}

#[test]
fn out_of_order() {
    let mut play = Play::open();
    assert_eq!(names(play.at(UP, 10, ACK, 10).analysis), ["lost_segment"]);
    // The handshake took two milliseconds: within that nobody can have learned of a loss.
    assert_eq!(names(play.at(UP, 0, ACK, 10).analysis), ["out_of_order"]);
    play.time += 2 * MILLISECOND;
    assert_eq!(names(play.at(UP, 0, ACK, 10).analysis), ["retransmission"]);
}

#[test]
fn duplicate_ack() {
    let mut play = Play::open();
    play.send(UP, ACK, 10);
    play.send(DOWN, ACK, 0);
    for number in 1..4 {
        let again = play.send(DOWN, ACK, 0);
        assert_eq!(names(again), ["duplicate_ack"]);
        assert_eq!(again.duplicate, Some(Duplicate { number, frame: 5 }));
    }
    // Not with data, not with another window, not with FIN.
    assert_eq!(names(play.send(DOWN, ACK, 1)), NOTHING);
    play.windows[1] = 499;
    assert_eq!(names(play.send(DOWN, ACK, 0)), ["window_update"]);
    assert_eq!(names(play.send(DOWN, FIN | ACK, 0)), NOTHING);
}

#[test]
fn lost_segment() {
    let mut play = Play::open();
    play.send(UP, ACK, 10);
    play.skip(UP, 10);
    let beyond = play.send(UP, ACK, 10);
    assert_eq!(names(beyond), ["lost_segment"]);
    assert_eq!(beyond.bytes_in_flight, None, "who knows what is under way");
    assert_eq!(names(play.send(UP, RST, 0)), NOTHING, "a RST's number may be anything");
}

#[test]
fn ack_lost_segment() {
    let mut play = Play::open();
    play.skip(UP, 10);
    assert_eq!(names(play.send(DOWN, ACK, 0)), ["ack_lost_segment"]);
    // Told once.
    assert_eq!(names(play.send(DOWN, ACK, 1)), NOTHING);
}

#[test]
fn keep_alive_and_its_answer() {
    for len in [0, 1] {
        let mut play = Play::open();
        play.send(UP, ACK, 10);
        play.send(DOWN, ACK, 0);
        assert_eq!(names(play.at(UP, -1, ACK, len).analysis), ["keep_alive"]);
        assert_eq!(names(play.send(DOWN, ACK, 0)), ["keep_alive_ack"]);
        assert_eq!(names(play.send(DOWN, ACK, 0)), ["keep_alive_ack"], "as long as nothing else was sent");
        play.send(UP, ACK, 10);
        play.ack_ahead[1] = -10;
        assert_eq!(names(play.send(DOWN, ACK, 0)), ["duplicate_ack"]);
    }
}

#[test]
fn zero_window_its_probe_and_the_answer() {
    let mut play = Play::open();
    play.send(UP, ACK, 10);
    play.windows[1] = 0;
    assert_eq!(names(play.send(DOWN, ACK, 0)), ["zero_window"]);
    assert_eq!(names(play.at(UP, 0, ACK, 1).analysis), ["zero_window_probe"]);
    assert_eq!(names(play.send(DOWN, ACK, 0)), ["zero_window", "zero_window_probe_ack"]);
    play.windows[1] = 500;
    assert_eq!(names(play.send(DOWN, ACK, 0)), ["window_update"]);
    // The octet of the probe comes again with those behind it: they are new.
    assert_eq!(names(play.send(UP, ACK, 10)), NOTHING);
}

#[test]
fn window_full() {
    let mut play = Play::new();
    play.windows = [500, 20];
    for (direction, flags) in [(UP, SYN), (DOWN, SYN | ACK), (UP, ACK)] {
        play.send(direction, flags, 0);
    }
    assert_eq!(names(play.send(UP, ACK, 19)), NOTHING);
    assert_eq!(names(play.send(UP, ACK, 1)), ["window_full"]);
    // Where the SYNs were not captured the scale is unknown, and so is the edge.
    let mut play = Play::new();
    play.windows = [500, 20];
    play.send(DOWN, ACK, 0);
    assert_eq!(names(play.send(UP, ACK, 20)), NOTHING);
}

#[test]
fn reused_ports() {
    let mut play = Play::new();
    play.send(UP, SYN, 0);
    play.send(DOWN, SYN | ACK, 0);
    play.skip(DOWN, 500);
    assert!(names(play.send(DOWN, SYN | ACK, 0)).contains(&"reused_ports"));
}

#[test]
fn bytes_in_flight_and_since_the_last_push() {
    let mut play = Play::open();
    let flight = |play: &mut Play, flags, len| {
        let analysis = play.send(UP, flags, len);
        (analysis.bytes_in_flight, analysis.push_bytes_sent)
    };
    assert_eq!(flight(&mut play, ACK, 10), (Some(10), Some(10)));
    assert_eq!(flight(&mut play, ACK | PSH, 20), (Some(30), Some(30)));
    assert_eq!(flight(&mut play, ACK, 5), (Some(35), Some(5)));
    play.ack_ahead[1] = -10;
    play.send(DOWN, ACK, 0);
    assert_eq!(flight(&mut play, ACK | FIN, 5), (Some(15), Some(10)), "a FIN is no octet");
}

#[test]
fn the_round_trip_is_counted_from_the_eldest() {
    let mut play = Play::open();
    play.send(UP, ACK, 10);
    play.time += 200 * MILLISECOND;
    play.at(UP, -10, ACK, 10);
    let ack = play.send(DOWN, ACK, 0);
    assert_eq!(ack.acks, Some(Since { frame: 4, nanoseconds: 202 * MILLISECOND }));
    assert_eq!(ack.round_trip(), None, "nobody knows which of the two it answers");
    let told = |analysis: &Analysis, echoes: bool| {
        let mut layer = Layer::new("tcp", "", None, None);
        if echoes {
            let tsecr = crate::packet::fields().find(|field| field.name == "tcp.options.timestamp.tsecr");
            layer.computed(tsecr.expect("it is a field"), Value::Uint(1));
        }
        describe(analysis, None, &mut layer);
        layer.notes.into_iter().map(|note| note.text).filter(|text| text.contains("more than once")).collect::<String>()
    };
    assert!(told(&ack, false).ends_with("no sample for a retransmission timer"), "{}", told(&ack, false));
    assert!(told(&ack, true).ends_with("(RFC 7323 §4)"), "{}", told(&ack, true));
    play.send(UP, ACK, 10);
    let ack = play.send(DOWN, ACK, 0);
    assert_eq!((ack.round_trip(), told(&ack, false)), (Some(MILLISECOND), String::new()));
}

#[test]
fn fast_open() {
    let header = |flags: u8, option: &[u8]| {
        let mut data = vec![0; 20];
        data.extend(option);
        let len = data.len();
        let header = Extent { start: 0, end: len as u32 };
        let (flags, zero) = (Flags(flags), 0);
        let tcp = Tcp {
            header,
            source_port: 1,
            destination_port: 2,
            seq: zero,
            ack: zero,
            flags,
            window: 0,
            checksum: 0,
            payload_len: 0,
        };
        Options::of(&tcp, &data)
    };
    assert!(header(SYN, &[1, 34, 6, 1, 2, 3, 4, 0]).cookie);
    assert!(!header(SYN, &[34, 2, 1, 1]).cookie, "it asks for one");
    assert!(header(SYN, &[254, 8, 0xf9, 0x89, 1, 2, 3, 4]).cookie);
    assert!(!header(SYN, &[254, 4, 0xf9, 0x89]).cookie);
    assert!(!header(SYN, &[254, 8, 0xe2, 0xd4, 1, 2, 3, 4]).cookie, "another experiment");
    let blocks = [1, 1, 5, 18, 0, 0, 0, 9, 0, 0, 0, 19, 255, 255, 255, 255, 0, 0, 0, 4];
    assert_eq!(header(ACK, &blocks).sacked, 10 + 5);
    for cut in 0..blocks.len() {
        header(ACK, &blocks[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the numbers are, there is no panic, and what is kept stays bounded.
    #[test]
    fn random_segments_never_panic(
        start in any::<[u32; 2]>(),
        segments in vec((any::<bool>(), any::<i32>(), -60_i32..60, any::<i32>(), any::<u8>(), any::<u16>(), 0_u32..70_000, any::<i32>()), 0..80),
    ) {
        let mut play = Play::new();
        play.next = start;
        for (up, wild, near, ack, flags, window, len, later) in segments {
            let direction = if up { UP } else { DOWN };
            let ahead = if wild % 4 == 0 { wild } else { near };
            play.ack_ahead[direction.index()] = if wild % 5 == 0 { ack } else { near };
            play.windows[direction.index()] = if wild % 3 == 0 { 0 } else { window };
            play.time += i64::from(later);
            let segment = play.at(direction, ahead, flags, if wild % 2 == 0 { len % 3 } else { len });
            let found = segment.analysis.findings;
            prop_assert!(found.iter().count() == found.names().count());
            play.skip(direction, len % 100);
            let connection = play.connection();
            for direction in [Direction::ToServer, Direction::ToClient] {
                let _ = (connection.state(direction), connection.acknowledged(direction));
            }
            let _ = (connection.ending(), connection.remarks(None));
        }
    }
}
