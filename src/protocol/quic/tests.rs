//! Golden vectors, and what is cut or unlike them.

use super::*;
use crate::layer::Direction;
use crate::protocol::tls::PacketOpener;

/// The header of RFC 9001 §A.2 before it is protected, as an Initial packet of 1 200 octets, and its server's answer's
/// (§A.3) of 135.
const CLIENT: &[u8] = &[0xc3, 0, 0, 0, 1, 8, 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08, 0, 0, 0x44, 0x9e];
const SERVER: &[u8] = &[0xc1, 0, 0, 0, 1, 0, 8, 0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5, 0, 0x40, 0x75];
/// The Retry packet of RFC 9001 §A.4.
const RETRY: &[u8] = &[
    0xff, 0, 0, 0, 1, 0, 8, 0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5, b't', b'o', b'k', b'e', b'n', 0x04, 0xa2,
    0x65, 0xba, 0x2e, 0xff, 0x4d, 0x82, 0x90, 0x58, 0xfb, 0x3f, 0x0f, 0x24, 0x96, 0xba,
];
/// The Retry packet of RFC 9369 §A.4, of version 2.
const RETRY_2: &[u8] = &[
    0xcf, 0x6b, 0x33, 0x43, 0xcf, 0, 8, 0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5, b't', b'o', b'k', b'e', b'n',
    0xc8, 0x64, 0x6c, 0xe8, 0xbf, 0xe3, 0x39, 0x52, 0xd9, 0x55, 0x54, 0x36, 0x65, 0xdc, 0xc7, 0xb6,
];

fn padded(header: &[u8], len: usize) -> Vec<u8> {
    let mut packet = header.to_vec();
    packet.resize(len, 0x5a);
    packet
}

#[test]
fn decodes() {
    let packets = read(&padded(CLIENT, 1200), None).unwrap();
    let [packet] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!((packet.kind, packet.version, packet.range.clone()), (Kind::Initial, Some(1), 0..1200));
    assert_eq!((packet.destination.clone(), packet.source.clone()), (6..14, Some(15..15)));
    assert_eq!(packet.length, Some((16..18, 1182)));
    assert_eq!(own_id_len(&packets), Some(0));
    let packets = read(&padded(SERVER, 135), None).unwrap();
    assert_eq!((packets[0].kind, own_id_len(&packets)), (Kind::Initial, Some(8)));
    for (retry, version) in [(RETRY, V1), (RETRY_2, V2)] {
        let packets = read(retry, None).unwrap();
        assert_eq!((packets[0].kind, packets[0].version), (Kind::Retry, Some(version)));
        assert_eq!(packets[0].token, Some((15..15, 15..20)));
    }
}

/// "coalesced": one with a short header is the last.
#[test]
fn several_share_a_datagram() {
    let mut datagram = padded(SERVER, 135);
    let mut handshake = SERVER.to_vec();
    handshake[0] = 0xe1;
    handshake.remove(15);
    datagram.extend(padded(&handshake, 134));
    datagram.extend([0x41, 1, 2, 3, 4, 5]);
    let packets = read(&datagram, None).unwrap();
    let seen: Vec<_> = packets.iter().map(|packet| (packet.kind, packet.range.clone())).collect();
    assert_eq!(seen, [(Kind::Initial, 0..135), (Kind::Handshake, 135..269), (Kind::Short, 269..275)]);
    // What pads a datagram is no packet.
    datagram.truncate(269);
    datagram.extend([0; 100]);
    assert_eq!(read(&datagram, None).unwrap().len(), 2);
}

#[test]
fn a_short_header_needs_to_be_known() {
    let short = [0x4f, 1, 2, 3, 4, 9, 9, 9];
    assert_eq!(read(&short, None), None);
    let packets = read(&short, Some(4)).unwrap();
    assert_eq!((packets[0].kind, packets[0].destination.clone(), packets[0].version), (Kind::Short, 1..5, None));
    assert_eq!(read(&short, Some(7)), None, "there is nothing behind the connection ID");
    assert_eq!(read(&[0x0f, 1, 2, 3, 4, 9, 9, 9], Some(4)), None, "the fixed bit is not set");
}

#[test]
fn versions_are_offered() {
    let offer = |versions: &[u32]| {
        let mut datagram = vec![0x80, 0, 0, 0, 0, 1, 7, 1, 8];
        datagram.extend(versions.iter().flat_map(|version| version.to_be_bytes()));
        datagram
    };
    assert_eq!(read(&offer(&[0x1a2a_3a4a, V1]), None).unwrap()[0].kind, Kind::VersionNegotiation);
    assert_eq!(read(&offer(&[0x1a2a_3a4a]), None), None, "none that is known");
    assert_eq!(read(&[&offer(&[V1])[..], &[1]].concat(), None), None, "not in fours");
}

#[test]
fn empty() {
    assert_eq!(read(&[], None), None);
    assert_eq!(read(&[], Some(0)), None);
}

#[test]
fn cut_short() {
    for whole in [padded(CLIENT, 1200), padded(SERVER, 135)] {
        (0..whole.len()).for_each(|len| assert_eq!(read(&whole[..len], None), None, "{len}"));
    }
    (0..RETRY.len() - 5).for_each(|len| assert_eq!(read(&RETRY[..len], None), None, "{len}"));
}

#[test]
fn wrong_length() {
    let mut long_id = padded(CLIENT, 1200);
    long_id[5] = 21;
    assert_eq!(read(&long_id, None), None, "a connection ID of 21 octets");
    let mut token = padded(CLIENT, 1200);
    token[15..18].copy_from_slice(&[0x7f, 0xff, 0x44]);
    assert_eq!(read(&token, None), None, "a token longer than the datagram");
    let mut other = padded(CLIENT, 1200);
    other[4] = 9;
    assert_eq!(read(&other, None), None, "a version that nobody knows");
}

/// The server's Initial packet of RFC 9001 §A.3, protected.
const SEALED: &str = "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f\
    5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06edbb7aaf2f58\
    891850abbdca3d20398c276456cbc42158407dd074ee";
const CLIENT_ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn an_initial_packet_is_opened_by_who_saw_the_first() {
    let sealed = octets(SEALED);
    let packets = read(&sealed, None).unwrap();
    let at = packets[0].length.clone().unwrap().0.end;
    let open = |id: &[u8], from| {
        let opened = PacketOpener::initial(&initial::VERSION_1, id, from).unwrap().open(&sealed, at);
        opened.map(|opened| opened.content)
    };
    // An ACK frame, then a CRYPTO frame of 90 octets with a ServerHello.
    let content = open(&CLIENT_ID, Direction::ToClient).unwrap();
    assert_eq!(&content[..10], [2, 0, 0, 0, 0, 6, 0, 0x40, 0x5a, 2]);
    assert_eq!(content.len(), 99);
    assert_eq!(open(&CLIENT_ID, Direction::ToServer), None);
    assert_eq!(open(&CLIENT_ID[1..], Direction::ToClient), None);
}
