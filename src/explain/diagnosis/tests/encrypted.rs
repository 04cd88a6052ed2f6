use super::{diagnose, one, told};
use crate::layer::{Direction, Severity};
use crate::packet::Flags;
use crate::protocol::testing_tls::{client_hello, handshake, record, server_hello};
use crate::trace::testing::{Conversation, TO_CLIENT, TO_SERVER};

/// Encrypted records of these lengths.
fn sealed(lens: &[usize]) -> Vec<u8> {
    lens.iter().flat_map(|len| record(23, &vec![0; *len])).collect()
}

/// A handshake of TLS 1.3 as far as the server's part, which nobody can read.
fn begun(version: Option<u16>) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client(record(22, &client_hello()));
    talk.server([record(22, &server_hello(version)), sealed(&[23, 811, 281, 69])].concat());
    talk
}

/// What is said behind that, the client's and the server's, and who ends the connection.
fn ended(client: &[usize], server: &[usize], by: Direction) -> Conversation {
    let mut talk = begun(Some(0x0304));
    talk.client(sealed(client));
    if !server.is_empty() {
        talk.server(sealed(server));
    }
    talk.segment(by, Flags::RST | Flags::ACK, b"");
    talk
}

#[test]
fn who_does_not_accept_a_certificate_is_guessed_by_the_lengths_of_records() {
    let found = one(&ended(&[19], &[], TO_SERVER));
    assert!(found.text.contains("127.0.0.1:51544 ended TLS instead of finishing its handshake"), "{}", found.text);
    assert!(found.text.contains("does not accept the server's certificate"), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Warn, vec![5, 6, 7]));
    assert_eq!(told(&ended(&[19], &[], TO_CLIENT)).len(), 1, "the server may close first then");
    for none in [&[25, 69][..], &[61], &[77]] {
        let found = one(&ended(none, &[19], TO_CLIENT));
        assert!(found.text.contains("asks for a certificate, and the client showed none"), "{}", found.text);
        assert_eq!(found.frames, [6, 7, 8]);
    }
    let shown = one(&ended(&[900, 281, 69, 120], &[19], TO_CLIENT));
    assert!(shown.text.contains("does not accept the certificate that the client showed"), "{}", shown.text);
    // Behind a whole handshake an alert says that all was said.
    for (client, server) in
        [(&[69, 120][..], &[19][..]), (&[53, 120], &[250, 19]), (&[25, 69, 120], &[250, 250, 400, 19])]
    {
        assert_eq!(told(&ended(client, server, TO_CLIENT)), [""; 0], "{client:?} {server:?}");
    }
    let silent = one(&ended(&[69], &[250], TO_SERVER));
    assert!(silent.text.contains("and said nothing inside") && silent.severity == Severity::Note, "{silent:?}");
    assert_eq!(told(&ended(&[69, 120], &[], TO_SERVER)), [""; 0]);
}

/// Some programs check a certificate and go, without an alert: before their part of the handshake, or behind it.
#[test]
fn who_leaves_a_handshake_without_a_word_is_told() {
    for version in [Some(0x0304), None] {
        let mut left = begun(version);
        left.segment(TO_SERVER, Flags::FIN | Flags::ACK, b"").segment(TO_CLIENT, Flags::FIN | Flags::ACK, b"");
        let found = one(&left);
        assert!(
            found.text.starts_with("127.0.0.1:51544 closed in the middle of the handshake of TLS"),
            "{}",
            found.text
        );
        assert_eq!((found.severity, found.frames), (Severity::Warn, vec![5, 6]));
    }
    let mut waiting = Conversation::new().open();
    waiting.client(record(22, &client_hello())).server(record(22, &server_hello(Some(0x0304)))).close();
    assert_eq!(told(&waiting), [""; 0], "it has seen no certificate");
    // In TLS 1.2 the types of records are in the open.
    let finished = |data: &[u8]| {
        let mut talk = Conversation::new().open();
        talk.client(record(22, &client_hello()));
        talk.server([record(22, &server_hello(None)), record(22, &handshake(14, &[]))].concat());
        talk.client(
            [record(22, &handshake(16, &[0; 4])), record(20, &[1]), record(22, &[0; 40]), data.to_vec()].concat(),
        );
        talk.server([record(20, &[1]), record(22, &[0; 40])].concat()).close();
        told(&talk)
    };
    assert!(
        finished(&[])[0].contains("closed behind the handshake of TLS, and said nothing inside"),
        "{:?}",
        finished(&[])
    );
    assert_eq!(finished(&record(23, &[0; 30])), [""; 0]);
}

#[test]
fn what_may_be_missing_or_was_encrypted_otherwise_is_not_guessed_at() {
    let mut lost = begun(Some(0x0304));
    lost.client(sealed(&[300])).lose().client(sealed(&[19])).segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    assert_eq!(told(&lost), [""; 0]);
    let mut open = begun(Some(0x0304));
    open.client(sealed(&[19]));
    assert_eq!(told(&open), [""; 0], "it is not over");
    let mut older = begun(Some(0x0303));
    older.client(sealed(&[19])).segment(TO_SERVER, Flags::RST | Flags::ACK, b"");
    assert_eq!(told(&older), [""; 0], "TLS 1.2");
}

/// TLS 1.2 shows it in the open, and has no alert of its own for it.
#[test]
fn a_certificate_that_was_asked_for_and_not_shown_is_told() {
    let asked = |certificate: &[u8]| {
        let mut talk = Conversation::new().open();
        talk.client(record(22, &client_hello()));
        talk.server([record(22, &server_hello(None)), record(22, &handshake(13, &[1, 1, 0, 0, 0, 0]))].concat());
        talk.client(record(22, &handshake(11, certificate))).server(record(21, &[2, 40]));
        talk.segment(TO_CLIENT, Flags::RST | Flags::ACK, b"");
        diagnose(&talk.trace()).remove(0)
    };
    let none = asked(&[0, 0, 0]);
    let says = "ended TLS with the alert handshake_failure: the client must show a certificate, and showed none";
    assert!(none.text.ends_with(says), "{}", none.text);
    assert_eq!(none.frames, [5, 6, 7]);
    let shown = asked(&[0, 0, 5, 0, 0, 2, 1, 1]);
    assert!(shown.text.contains("the two have nothing in common") && shown.frames == [7], "{shown:?}");
}
