use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::Tls;
use super::testing::{client_hello, handshake, record, server_hello};
use crate::message::{Dissector, Probe, Verdict};
use crate::protocol::testing::Talk;

const LATE: &str = "the handshake came before the capture, so what is encrypted cannot be opened, not even with its secrets \
                    (--keylog): capture from the beginning of the connection";

fn probe(to_server: &[u8], to_client: &[u8], end: bool) -> Verdict {
    Tls.probe(Probe { to_server, to_client, end, joined: true })
}

fn joined() -> Talk {
    Talk::new(Tls.joined(Probe { to_server: b"", to_client: b"", end: false, joined: true }).expect("it can be joined"))
}

fn texts(talk: &Talk) -> Vec<Vec<&str>> {
    talk.heard.messages.iter().map(|told| told.notes.iter().map(|note| note.text.as_str()).collect()).collect()
}

#[test]
fn records_in_a_row_are_known() {
    let data = record(23, &[7; 40]);
    let two = [&data[..], &record(21, &[9; 26])].concat();
    assert_eq!(probe(&data, b"", false), Verdict::Yes, "one that ends with the segment");
    assert_eq!(probe(b"", &two, false), Verdict::Yes);
    assert_eq!(probe(&[&b"the end of one"[..], &two].concat(), b"", false), Verdict::Yes);
    assert_eq!(probe(b"the end of one", &data, false), Verdict::Yes);
    assert_eq!(probe(&record(22, &client_hello()), b"", false), Verdict::Yes);
    for begun in [&data[..3], &data[..20], &two[..two.len() - 30]] {
        let expected = if begun.len() == data.len() { Verdict::Yes } else { Verdict::NeedMore };
        assert_eq!(probe(begun, b"", false), expected, "{} octets", begun.len());
        assert_eq!(probe(&begun[..begun.len().min(20)], b"", true), Verdict::No);
    }
}

#[test]
fn what_only_begins_so_is_none() {
    let alone = |content_type, minor, len: u16, octets: usize| {
        let header = [&[content_type, 3, minor][..], &len.to_be_bytes()].concat();
        probe(&[header, vec![7; octets]].concat(), b"", true)
    };
    assert_eq!(alone(23, 3, 40, 40), Verdict::Yes);
    for wrong in
        [alone(22, 3, 40, 40), alone(23, 1, 40, 40), alone(23, 3, 40, 41), alone(23, 3, 0, 0), alone(24, 3, 40, 40)]
    {
        assert_eq!(wrong, Verdict::No);
    }
    assert_eq!(alone(23, 3, 20_000, 20_000), Verdict::No, "no record is so long");
    assert_eq!(probe(&[0x17; 70_000], b"", false), Verdict::No);
    assert_eq!(probe(&[7; 70_000], b"", false), Verdict::No, "it is not waited for ever");
}

#[test]
fn what_came_later_than_the_handshake_stays_encrypted_and_says_so_once() {
    let mut talk = joined();
    talk.server([record(23, &[7; 40]), record(23, &[7; 30])].concat());
    talk.client(record(21, &[7; 26])).server(record(22, &[0; 40]));
    assert_eq!(
        talk.told(),
        [
            "< TLS application data, encrypted, 40 octets",
            "< TLS application data, encrypted, 30 octets",
            "> TLS alert, encrypted, 26 octets",
            "< TLS handshake, encrypted, 40 octets",
        ]
    );
    assert_eq!(texts(&talk), [vec![LATE], vec![], vec![], vec![]]);
}

#[test]
fn the_end_of_a_record_is_passed_over() {
    let records = [record(23, &[7; 40]), record(23, &[7; 30])].concat();
    let octets = [&b"\x17\x03\x09 the end of one"[..], &records].concat();
    let passed = "the 18 octets before it end a record that began before the capture";
    for piece in [1, 7, 18, octets.len()] {
        let mut talk = joined();
        octets.chunks(piece).for_each(|piece| _ = talk.server(piece));
        assert_eq!(talk.told().len(), 2, "in pieces of {piece}");
        assert_eq!(texts(&talk), [vec![LATE, passed], vec![]], "in pieces of {piece}");
    }
}

/// Of a connection whose first segments alone are missing its handshake is read, and if all of it is there nothing is said.
#[test]
fn what_is_there_of_the_handshake_is_read() {
    let mut talk = joined();
    talk.client(record(22, &client_hello())).server(record(22, &server_hello(Some(0x0304))));
    talk.server(record(23, &[7; 40]));
    assert!(talk.told()[0].starts_with("> TLS ClientHello for"), "{:?}", talk.told());
    assert_eq!(texts(&talk), [vec![""; 0], vec![], vec![]]);
    let mut talk = joined();
    talk.server([record(22, &server_hello(None)), record(22, &handshake(14, &[])), record(20, &[1])].concat());
    talk.server(record(22, &[0; 40]));
    assert_eq!(
        talk.told()[1..],
        ["< TLS ServerHelloDone", "< TLS change cipher spec", "< TLS handshake, encrypted, 40 octets"]
    );
    assert_eq!(texts(&talk)[0], [LATE.replacen("the handshake", "the beginning of the handshake", 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random octets are hardly ever records.
    #[test]
    fn octets_by_chance_are_none(octets in vec(any::<u8>(), 0..4000)) {
        prop_assert_eq!(probe(&octets, b"", true), Verdict::No);
    }
}
