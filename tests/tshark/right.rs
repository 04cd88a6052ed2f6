//! What is right where tshark is wrong, asserted of ours alone, so these tests need no tshark.

use std::path::Path;

use wiretale::layer::{Direction, Group, Severity};
use wiretale::message::Payload;
use wiretale::protocol::{HttpMessage, WebSocketFrame, WebSocketMessage};
use wiretale::trace::{Message, Trace};

use crate::compare::load;
use crate::wire::{self, Form, Talk};
use crate::{moods, plays};

fn sample(name: &str) -> Trace {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/samples").join(format!("{name}.pcap")))
}

fn headers(name: &str) -> Trace {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/headers").join(format!("{name}.pcap")))
}

fn made(talks: &[Talk]) -> Trace {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("made.pcapng");
    wire::save(&path, talks, Form::InTurn);
    load(&path)
}

fn of_type<T: Payload>(trace: &Trace) -> impl Iterator<Item = (&Message, &T)> {
    trace.messages().iter().filter_map(|message| Some((message, message.payload_as::<T>()?)))
}

/// Messages put together from several frames: the frame they end in, their direction, their payload.
fn joined(trace: &Trace) -> Vec<(u32, Direction, String)> {
    let payload = |(message, joined): (&Message, &WebSocketMessage)| {
        let text = joined
            .payload(trace.bytes(message))
            .map_or_else(String::new, |payload| String::from_utf8_lossy(&payload).into_owned());
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
            (
                message.frame(),
                http.start(bytes).unwrap().0.into_owned(),
                String::from_utf8(http.body(bytes).into_owned()).unwrap(),
            )
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
    let sample = sample("d_close");
    // Frame 6 closes, and its code 1012 is registered; code 999; one octet.
    assert_eq!(clauses(&sample), [(9, "RFC 6455 §7.4"), (10, "RFC 6455 §5.5.1")]);
    // What follows it is discarded, and breaks no MUST: that is about data frames.
    let again = sample.notes().iter().filter(|(_, note)| note.spec == "RFC 6455 §1.4");
    assert_eq!(again.map(|(frame, _)| *frame).collect::<Vec<_>>(), [7, 8, 9, 10].map(Some));
}

#[test]
fn compressed_messages_are_inflated_where_tshark_shows_raw_octets() {
    let texts = |name: &str| joined(&sample(name)).into_iter().map(|(_, _, text)| text).collect::<Vec<_>>();
    assert_eq!(texts("k2_7692"), ["Hello"; 6]);
    // The first message ends with a final block (RFC 7692 §7.2.3.4).
    assert_eq!(texts("k3_bfinal"), ["Hello", "later message 0", "later message 1", "later message 2"]);
    for name in ["a2_mixed", "a_mixed", "n_frag"] {
        let trace = sample(name);
        let whole: Vec<_> = of_type::<WebSocketMessage>(&trace).filter(|(_, message)| message.encoded).collect();
        assert!(!whole.is_empty(), "{name}");
        assert!(whole.iter().all(|(message, whole)| whole.payload(trace.bytes(message)).is_some()), "{name}");
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
    assert!(about(&cut, 7).iter().any(|text| text.contains("event stream had not ended")), "{:?}", cut.notes());
    let middle = sample("g_mid");
    assert!(about(&middle, 1).iter().any(|text| text.contains("began before the capture")), "{:?}", middle.notes());
    assert!(about(&middle, 2).iter().any(|text| text.contains("likely, not certain")), "{:?}", middle.notes());
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
    let talks: Vec<Talk> = (0..16).map(plays::random).collect();
    let trace = made(&talks);
    assert_eq!(clauses(&trace), []);
    assert_eq!(of_type::<WebSocketFrame>(&trace).count(), 16 * 30);
    assert!(trace.messages().iter().all(|message| message.complete));
}

/// The frames of the connection from this port that have a field, with what it says, counted within the connection.
fn values_of(trace: &Trace, port: u16, name: &str) -> Vec<(usize, String)> {
    let on_connection = |number: &u32| {
        let segment = trace.record(*number).and_then(|record| record.segment.as_ref());
        segment.is_some_and(|segment| trace.connections()[segment.connection as usize].client.port() == port)
    };
    let frames = (1..=trace.len()).filter(on_connection).zip(1..);
    let value = |(number, place)| {
        let layers = trace.layers(number);
        let value = layers.iter().find_map(|layer| layer.value(name))?;
        Some((place, value.to_string()))
    };
    frames.filter_map(value).collect()
}

fn texts_of(values: &[(usize, &str)]) -> Vec<(usize, String)> {
    values.iter().map(|(place, text)| (*place, (*text).to_owned())).collect()
}

#[test]
fn a_body_until_close_ends_with_the_fin() {
    let codes = values_of(&made(&plays::http()), 41_010, "http.response.code");
    assert_eq!(codes, texts_of(&[(8, "200")]), "frame 6 holds the body, frame 8 the FIN");
    // The FIN came before the last octets: they end it.
    let trace = made(&moods::tcp());
    let bodies = values_of(&trace, 53_005, "http.response.code");
    assert_eq!(bodies, texts_of(&[(8, "200")]));
    let (message, http) = of_type::<HttpMessage>(&trace).last().unwrap();
    assert_eq!(*http.body(trace.bytes(message)), *b"so long");
    assert!(message.complete);
}

#[test]
fn messages_behind_a_hole_end_where_it_is_filled() {
    let trace = made(&plays::out_of_order());
    assert_eq!(texts(&trace), [(10, "one".to_owned()), (10, "two".to_owned()), (12, "three".to_owned())]);
    let two = of_type::<WebSocketFrame>(&trace).nth(1).unwrap().0;
    assert_eq!(two.frames, [8], "what carried it is another question");
}

#[test]
fn the_round_trip_stands_where_the_connection_gets_on() {
    let trace = made(&plays::tcp());
    let places: Vec<usize> =
        values_of(&trace, 43_003, "tcp.analysis.initial_rtt").into_iter().map(|(place, _)| place).collect();
    // 1 SYN, 2 SYN ACK, 3 ACK, 4 request, 5 ACK, 6 response, 7 FIN with data, 8 FIN, 9 ACK.
    assert_eq!(places, [3, 4, 5, 6, 7, 8, 9]);
    let again = trace.connections().iter().find(|connection| connection.client.port() == 43_006).unwrap();
    let sent: Vec<u32> = [again.handshake.syn, again.handshake.syn_again].iter().map(|syn| syn.unwrap().0).collect();
    assert_eq!(sent[1], sent[0] + 1);
    assert!(again.handshake.rtt().unwrap() < 0.003, "it is counted from the second SYN");
}

#[test]
fn a_syn_ack_alone_tells_the_servers_scale() {
    let windows = values_of(&made(&moods::tcp()), 53_003, "tcp.window_size");
    let expected = [(1, "8192"), (2, "8192"), (3, "8192"), (4, "1048576"), (5, "1048576"), (6, "8192")];
    assert_eq!(windows, texts_of(&expected), "the client's scale is not known");
}

#[test]
fn an_empty_payload_is_no_masked_payload() {
    let trace = made(&plays::websocket());
    assert_eq!(values_of(&trace, 42_001, "websocket.mask").len(), 4);
    assert_eq!(values_of(&trace, 42_001, "websocket.masked_payload"), []);
}

#[test]
fn the_compression_bit_is_that_of_the_frame() {
    let bits = values_of(&sample("n_frag"), 40_000, "websocket.pmc");
    // A plain text, the first fragment and its continuation, a text from the client.
    assert_eq!(bits, texts_of(&[(6, "0"), (7, "1"), (8, "0"), (9, "1")]));
    assert_eq!(values_of(&sample("b_emptyfin"), 40_000, "websocket.pmc"), [], "not agreed on");
}

#[test]
fn what_the_client_sent_too_early_is_read_all_the_same() {
    let trace = made(&moods::websocket());
    let hasty = values_of(&trace, 52_000, "websocket.payload.text");
    assert_eq!(hasty, texts_of(&[(5, "hasty"), (8, "then")]));
}

/// "The Destination Address used in the pseudo-header is that of the final destination" (RFC 8200 §8.1): no checksum is
/// wrong, and both directions are one connection.
#[test]
fn a_source_route_is_not_where_a_connection_ends() {
    let cases = [("segments", 1), ("type-0", 1), ("home-address", 1), ("after-plain", 2), ("ipv4-loose", 1)];
    for (name, connections) in cases {
        let trace = headers(&format!("route-{name}"));
        assert_eq!(trace.connections().len(), connections, "{name}");
        assert!(trace.notes().iter().all(|(_, note)| note.group != Group::Checksum), "{name}");
        let answers = of_type::<HttpMessage>(&trace).filter(|(message, _)| message.direction == Direction::ToClient);
        assert_eq!(answers.count(), if name == "ipv4-loose" { 0 } else { connections }, "{name}");
    }
}

/// An Authentication Header encrypts nothing (RFC 4302 §1).
#[test]
fn what_is_signed_is_read() {
    for name in ["auth-ipv4", "auth-ipv6"] {
        let codes = values_of(&headers(name), 40_000, "http.response.code");
        assert_eq!(codes.into_iter().map(|(_, code)| code).collect::<Vec<_>>(), ["200"], "{name}");
    }
}

#[test]
fn a_granted_connect_ends_with_its_head() {
    let trace = made(&moods::http());
    assert_eq!(values_of(&trace, 51_002, "http.response.code"), texts_of(&[(6, "200")]));
    assert_eq!(values_of(&trace, 51_002, "data.len"), texts_of(&[(8, "6"), (10, "4")]), "the tunnel is not HTTP");
}
