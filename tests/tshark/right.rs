//! What is right where tshark is wrong, asserted of ours alone, so these tests need no tshark.

use std::path::Path;

use wiretale::layer::{Direction, Severity};
use wiretale::message::Payload;
use wiretale::protocol::{HttpMessage, WebSocketFrame, WebSocketMessage};
use wiretale::trace::{Message, Trace};

use crate::compare::load;
use crate::plays;
use crate::wire::{self, Talk};

fn sample(name: &str) -> Trace {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/samples").join(format!("{name}.pcap")))
}

fn made(talks: &[Talk]) -> Trace {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("made.pcapng");
    wire::save(&path, talks, false);
    load(&path)
}

fn of_type<T: Payload>(trace: &Trace) -> impl Iterator<Item = (&Message, &T)> {
    trace.messages().iter().filter_map(|message| Some((message, message.payload_as::<T>()?)))
}

/// Messages put together from several frames: the frame they end in, their direction, their payload.
fn joined(trace: &Trace) -> Vec<(u32, Direction, String)> {
    let payload = |(message, joined): (&Message, &WebSocketMessage)| {
        let text = String::from_utf8_lossy(&joined.payload(trace.bytes(message))).into_owned();
        (message.frame(), message.direction, text)
    };
    of_type::<WebSocketMessage>(trace).map(payload).collect()
}

/// The clauses named by errors and warnings, with their frames.
fn clauses(trace: &Trace) -> Vec<(u32, &'static str)> {
    let serious = trace.notes().iter().filter(|(_, note)| note.severity >= Severity::Warn);
    serious.map(|(frame, note)| (frame.unwrap_or(0), note.spec)).collect()
}

/// The payload of every WebSocket frame, with the frame of the capture it ends in.
fn texts(trace: &Trace) -> Vec<(u32, String)> {
    let text = |(message, frame): (&Message, &WebSocketFrame)| {
        (message.frame(), String::from_utf8_lossy(&frame.payload(trace.bytes(message))).into_owned())
    };
    of_type::<WebSocketFrame>(trace).map(text).collect()
}

#[test]
fn an_empty_last_fragment_ends_its_message() {
    let expected = [(10, Direction::ToClient, "AAABBB".to_owned()), (12, Direction::ToClient, "CCCDDD".to_owned())];
    assert_eq!(joined(&sample("b_emptyfin")), expected);
}

#[test]
fn two_sides_that_fragment_at_once_are_not_mixed() {
    let expected = [(8, Direction::ToClient, "S1S2".to_owned()), (9, Direction::ToServer, "C1C2".to_owned())];
    assert_eq!(joined(&sample("o_both")), expected);
    assert_eq!(joined(&sample("o2_both")), expected);
}

#[test]
fn a_late_segment_keeps_its_message() {
    let expected = [(7, "AAAA".to_owned()), (7, "BBBB".to_owned()), (9, "CCCC".to_owned())];
    assert_eq!(texts(&sample("s_ooo")), expected);
}

#[test]
fn the_response_to_head_swallows_nothing() {
    let trace = sample("i_pipe");
    let responses: Vec<_> = of_type::<HttpMessage>(&trace)
        .filter(|(message, _)| message.direction == Direction::ToClient)
        .map(|(message, http)| {
            let bytes = trace.bytes(message);
            (message.frame(), http.start(bytes).unwrap().0, String::from_utf8(http.body(bytes)).unwrap())
        })
        .collect();
    let expected = [(5, "one"), (6, "two"), (6, ""), (6, "four")];
    let expected = expected.map(|(frame, body)| (frame, "200".to_owned(), body.to_owned()));
    assert_eq!(responses, expected);
}

#[test]
fn each_violation_has_its_clause() {
    let expected = [
        (5, "RFC 6455 §4.1"),  // the accept is not the hash of the key
        (6, "RFC 6455 §5.1"),  // a client that does not mask
        (7, "RFC 6455 §5.1"),  // a server that does
        (8, "RFC 6455 §8.1"),  // text that is not UTF-8
        (9, "RFC 6455 §5.2"),  // RSV2
        (10, "RFC 6455 §5.5"), // a ping of 130 octets
        (11, "RFC 6455 §5.5"), // a ping without FIN
        (12, "RFC 6455 §5.2"), // opcode 3
        (13, "RFC 6455 §5.4"), // a continuation of nothing
    ];
    assert_eq!(clauses(&sample("e_viol")), expected);
}

#[test]
fn each_close_has_its_clause() {
    let expected = [
        (7, "RFC 6455 §5.5.1"),  // after the close of frame 6, whose code 1012 is registered
        (8, "RFC 6455 §5.5.1"),  // after it too
        (9, "RFC 6455 §7.4"),    // code 999
        (9, "RFC 6455 §5.5.1"),  // after it too
        (10, "RFC 6455 §5.5.1"), // one octet
        (10, "RFC 6455 §5.5.1"), // after it too
    ];
    assert_eq!(clauses(&sample("d_close")), expected);
}

#[test]
fn compressed_messages_say_so() {
    for (name, compressed) in [("a2_mixed", 2), ("a_mixed", 2), ("k2_7692", 6), ("k3_bfinal", 4), ("n_frag", 3)] {
        let trace = sample(name);
        let told = trace.notes().iter().filter(|(_, note)| note.spec == "RFC 7692 §6").count();
        let marked = of_type::<WebSocketFrame>(&trace).filter(|(_, frame)| frame.encoded).count();
        assert_eq!((told, marked), (compressed, compressed), "{name}");
    }
}

#[test]
fn what_is_lost_or_unfinished_is_said() {
    let lost = sample("f_lost");
    let about = |trace: &Trace, frame: u32| -> Vec<String> {
        trace.notes().iter().filter(|(f, _)| *f == Some(frame)).map(|(_, note)| note.text.clone()).collect()
    };
    assert!(about(&lost, 7).iter().any(|text| text.contains("were not captured")), "{:?}", lost.notes());
    let cut = sample("r_ssechunk");
    assert!(about(&cut, 7).iter().any(|text| text.contains("the body is cut short")), "{:?}", cut.notes());
    let middle = sample("g_mid");
    assert!(about(&middle, 1).iter().any(|text| text.contains("began before the capture")), "{:?}", middle.notes());
}

#[test]
fn only_a_completed_handshake_has_a_round_trip() {
    let trace = made(&plays::tcp());
    let refused = trace.connections().iter().find(|connection| connection.client.port() == 43_005).unwrap();
    assert_eq!(refused.handshake.rtt(), None);
}

#[test]
fn true_checksums_are_found_true() {
    let trace = made(&plays::links());
    for (number, record) in trace.records() {
        let verdict = record.packet.checksum(&record.frame.data);
        assert_eq!(verdict, wiretale::packet::ChecksumVerdict::Valid, "frame {number}");
    }
}

/// The owners' shares of every frame add up to the frame, whatever the conversation.
#[test]
fn every_octet_has_one_owner() {
    let mut talks = [plays::http(), plays::websocket(), plays::tcp(), plays::out_of_order(), plays::links()].concat();
    talks.extend((0..10).map(plays::random));
    let trace = made(&talks);
    for (number, record) in trace.records() {
        let mut at = 0;
        for share in trace.ledger(number) {
            assert_eq!(share.range.start, at, "frame {number}");
            at = share.range.end;
        }
        assert_eq!(at as usize, record.frame.data.len(), "frame {number}");
    }
}

/// However the segments were cut and shuffled, the messages are those that were sent.
#[test]
fn nothing_is_lost_and_nothing_is_odd() {
    let talks: Vec<Talk> = (0..40).map(plays::random).collect();
    let trace = made(&talks);
    assert_eq!(clauses(&trace), []);
    assert_eq!(of_type::<WebSocketFrame>(&trace).count(), 40 * 30);
    assert!(trace.messages().iter().all(|message| message.complete));
}
