use super::testing::{client_hello, extension, handshake, list, record, server_hello};
use super::{Tls, TlsRecord};
use crate::layer::{Severity, Value};
use crate::message::{Dissector, Probe, Verdict};
use crate::protocol::testing::Talk;

fn talk() -> Talk {
    Talk::new(Tls.decoder().expect("connections begin with it"))
}

#[test]
fn decodes() {
    let mut talk = talk();
    talk.client(record(22, &client_hello()));
    talk.server([record(22, &server_hello(Some(0x0304))), record(20, &[1]), record(23, &[0; 40])].concat());
    talk.client([record(20, &[1]), record(23, &[0; 53])].concat());
    assert_eq!(
        talk.told(),
        [
            "> TLS ClientHello for lab.example, up to TLS 1.3, h2 http/1.1",
            "< TLS ServerHello: TLS 1.3, TLS_AES_128_GCM_SHA256",
            "< TLS change cipher spec",
            "< TLS encrypted, 40 octets",
            "> TLS change cipher spec",
            "> TLS encrypted, 53 octets",
        ]
    );
    assert_eq!(talk.notes(), []);
    let layers = talk.layers(0);
    let value = |name: &str| layers[0].value(name).cloned();
    assert_eq!(value("tls.handshake.extensions_server_name"), Some(Value::Text("lab.example".into())));
    assert_eq!(value("tls.handshake.ciphersuite"), Some(Value::Uint(0x1301)));
}

/// In TLS 1.2 what follows the change of keys is encrypted whatever its type; in 1.3 a second ClientHello may come then.
#[test]
fn what_is_encrypted_depends_on_the_version() {
    let second = |version| {
        let mut talk = talk();
        talk.client(record(22, &client_hello())).server(record(22, &server_hello(version)));
        talk.client([record(20, &[1]), record(22, &client_hello())].concat());
        talk.told()[3].clone()
    };
    assert_eq!(second(None), "> TLS handshake, encrypted, 130 octets");
    assert!(second(Some(0x0304)).starts_with("> TLS ClientHello for"));
}

/// A client that knows TLS 1.3 may send its record without meaning before the server has chosen; what it says then is in the
/// open until it is encrypted by type (RFC 8446 appendix D.4).
#[test]
fn a_change_of_keys_before_the_server_has_chosen_means_nothing() {
    let mut talk = talk();
    talk.client([record(22, &client_hello()), record(20, &[1])].concat());
    talk.server(record(22, &server_hello(Some(0x0304))));
    talk.client([record(22, &client_hello()), record(21, &[2, 40])].concat());
    assert!(talk.told()[3].starts_with("> TLS ClientHello for"), "{:?}", talk.told());
    assert_eq!(talk.told()[4], "> TLS alert: handshake_failure (fatal)");
}

/// Data sent before the answer (RFC 8446 §2.3) can only be of TLS 1.3, whose types say nothing.
#[test]
fn early_data_is_of_tls_13() {
    let early = extension(42, &[]);
    let versions = extension(43, &list(1, &[3, 4]));
    let extensions = list(2, &[early, versions].concat());
    let hello = [&[3, 3][..], &[7; 32], &list(1, &[]), &list(2, &[0x13, 0x01]), &list(1, &[0]), &extensions].concat();
    let mut talk = talk();
    talk.client([record(22, &handshake(1, &hello)), record(20, &[1]), record(23, &[0; 30])].concat());
    assert_eq!(talk.told()[2], "> TLS encrypted, 30 octets");
    assert_eq!(talk.layers(2)[0].value("tls.record.opaque_type"), Some(&Value::Uint(23)));
}

/// What is cut is what its header says, and what of the header is missing is not made up.
#[test]
fn what_is_cut_is_not_made_up() {
    let told = |bytes: &[u8]| {
        let mut talk = talk();
        talk.client(record(22, &client_hello())).client(bytes).cut();
        talk.told()[1].clone()
    };
    assert_eq!(told(&record(22, &client_hello())[..60]), "> TLS part of a handshake message, 130 octets (incomplete)");
    assert_eq!(told(&record(23, &[0; 90])[..60]), "> TLS application data, encrypted, 90 octets (incomplete)");
    assert_eq!(told(&[22, 3, 3]), "> TLS the beginning of a record's header (incomplete)");
    assert_eq!(told(&[0x17]), "> TLS the beginning of a record's header (incomplete)");
}

#[test]
fn handshake_messages_may_share_records_and_span_them() {
    let hello = client_hello();
    let (first, rest) = hello.split_at(50);
    let mut talk = talk();
    talk.client([record(22, first), record(22, &[rest, &handshake(16, b"key")].concat())].concat());
    assert_eq!(
        talk.told(),
        [
            "> TLS part of a handshake message, 50 octets",
            "> TLS ClientHello for lab.example, up to TLS 1.3, h2 http/1.1, ClientKeyExchange"
        ]
    );
    talk.layers(1);
}

#[test]
fn alerts_are_named() {
    let mut talk = talk();
    talk.client(record(22, &client_hello())).server([record(21, &[2, 40]), record(21, &[1, 0])].concat());
    assert_eq!(talk.told()[1..], ["< TLS alert: handshake_failure (fatal)", "< TLS alert: close_notify (warning)"]);
}

#[test]
fn empty() {
    let mut talk = talk();
    talk.client(record(22, b"")).cut();
    assert_eq!(talk.told(), ["> TLS part of a handshake message, 0 octets"]);
}

#[test]
fn cut_short() {
    let bytes = record(22, &client_hello());
    for cut in 1..bytes.len() {
        let mut talk = talk();
        talk.client(&bytes[..cut]).cut();
        assert_eq!(talk.heard.messages.len(), 1, "{cut} octets");
        assert!(talk.told()[0].ends_with("(incomplete)"), "{cut} octets");
        assert_eq!(talk.notes()[0].0, Severity::Warn, "{cut} octets");
        talk.layers(0);
    }
    // A hello that ends within one of its lists is shown without what is missing.
    let hello = client_hello();
    for cut in 0..hello.len() - 4 {
        let mut talk = talk();
        talk.client(record(22, &handshake(1, &hello[4..4 + cut])));
        talk.layers(0);
    }
}

#[test]
fn wrong_length() {
    for header in [[22, 3, 3, 0xff, 0xff], [99, 3, 3, 0, 1], [22, 9, 9, 0, 1]] {
        let mut talk = talk();
        talk.client([&header[..], &[1]].concat()).client(b"more");
        assert_eq!((talk.heard.messages.len(), talk.notes().len()), (1, 1), "{header:?}");
    }
    // Nothing is kept for a message of 16 MiB.
    let mut talk = talk();
    talk.client([record(22, &[11, 0xff, 0xff, 0xff]), record(22, &[0; 100])].concat());
    assert_eq!((talk.notes().len(), talk.heard.messages.len()), (1, 2));
}

#[test]
fn a_record_may_come_octet_by_octet() {
    let bytes = [record(22, &client_hello()), record(20, &[1]), record(23, &[5; 30])].concat();
    let (mut slow, mut quick) = (talk(), talk());
    bytes.iter().for_each(|octet| drop(slow.client([*octet]).told()));
    quick.client(&bytes);
    assert_eq!(slow.told(), quick.told());
    let same = |talk: &Talk| -> Vec<TlsRecord> {
        talk.heard
            .messages
            .iter()
            .map(|told| told.payload.as_any().downcast_ref::<TlsRecord>().expect("a record").clone())
            .collect()
    };
    assert_eq!(same(&slow), same(&quick));
}

#[test]
fn a_connection_is_recognised_by_its_client_hello() {
    let probe = |to_server, to_client, joined| Tls.probe(Probe { to_server, to_client, end: false, joined });
    let bytes = record(22, &client_hello());
    assert_eq!(probe(&bytes, b"", false), Verdict::Yes);
    assert_eq!(probe(&bytes[..4], b"", false), Verdict::NeedMore);
    assert_eq!(probe(&bytes, b"", true), Verdict::Yes);
    assert_eq!(probe(b"GET / HTTP/1.1", b"", false), Verdict::No);
    assert_eq!(probe(&record(23, &[1; 9]), b"", false), Verdict::No);
}
