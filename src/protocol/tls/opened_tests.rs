//! Sessions of rustls with itself, opened with the secrets that it logs: every suite, both versions, and all that changes keys.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use rustls::{
    ClientConfig, ClientConnection, Connection, KeyLog as Logs, RootCertStore, ServerConfig, ServerConnection,
    SupportedCipherSuite,
};

use super::keylog::KeyLog;
use super::{Tls, TlsRecord};
use crate::layer::{Direction, Severity};
use crate::message::Dissector;
use crate::protocol::testing::Talk;

#[derive(Debug, Default)]
struct Lines(Mutex<String>);

impl Logs for Lines {
    fn log(&self, label: &str, random: &[u8], secret: &[u8]) {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(random), hex(secret));
        self.0.lock().expect("nobody panics with it").push_str(&line);
    }
}

/// Both ends, and what our decoder makes of what they say.
struct Session {
    client: Connection,
    server: Connection,
    lines: Arc<Lines>,
    talk: Talk,
    /// Leave these lines of the log out.
    without: &'static [&'static str],
}

/// Configurations that can be used for more than one session.
struct Ends {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    lines: Arc<Lines>,
}

fn ends(suites: Vec<SupportedCipherSuite>, server_groups: usize) -> Ends {
    let certificate = rcgen::generate_simple_self_signed(["lab.example".to_owned()]).expect("a name");
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).expect("its own key");
    let der = certificate.cert.der().clone();
    let provider = CryptoProvider { cipher_suites: suites, ..ring::default_provider() };
    let mut narrow = provider.clone();
    // Of the groups that the client knows the server takes the last: then it asks for another hello.
    narrow.kx_groups.drain(..narrow.kx_groups.len() - server_groups.min(narrow.kx_groups.len()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(narrow))
        .with_safe_default_protocol_versions()
        .expect("its own versions")
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .expect("its own certificate");
    server.max_early_data_size = 1000;
    let mut roots = RootCertStore::empty();
    roots.add(der).expect("its own certificate");
    let mut client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("its own versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let lines = Arc::<Lines>::default();
    client.key_log = Arc::clone(&lines) as Arc<dyn Logs>;
    client.enable_early_data = true;
    Ends { client: Arc::new(client), server: Arc::new(server), lines }
}

impl Ends {
    fn session(&self) -> Session {
        let name = "lab.example".try_into().expect("a name");
        let client = ClientConnection::new(Arc::clone(&self.client), name).expect("its own configuration");
        let server = ServerConnection::new(Arc::clone(&self.server)).expect("its own configuration");
        Session {
            client: client.into(),
            server: server.into(),
            lines: Arc::clone(&self.lines),
            talk: Talk::new(Tls.decoder().expect("connections begin with it")),
            without: &[],
        }
    }
}

impl Session {
    /// Carries over what either has to say, until neither has.
    fn flow(&mut self) -> &mut Self {
        loop {
            let mut wire = Vec::new();
            for direction in [Direction::ToServer, Direction::ToClient] {
                let (from, to) = match direction {
                    Direction::ToServer => (&mut self.client, &mut self.server),
                    Direction::ToClient => (&mut self.server, &mut self.client),
                };
                let mut octets = Vec::new();
                while from.wants_write() {
                    from.write_tls(&mut octets).expect("a vector takes all");
                }
                let mut rest = octets.as_slice();
                while !rest.is_empty() {
                    to.read_tls(&mut rest).expect("octets can be read");
                    to.process_new_packets().expect("both are sound");
                }
                wire.push((direction, octets));
            }
            if wire.iter().all(|(_, octets)| octets.is_empty()) {
                return self;
            }
            let lines = self.lines.0.lock().expect("nobody panics with it").clone();
            let known = lines.lines().filter(|line| !self.without.iter().any(|label| line.starts_with(label)));
            let mut log = KeyLog::default();
            log.learn(&known.collect::<Vec<_>>().join("\n"));
            self.talk.heard.secrets = log;
            for (direction, octets) in wire {
                self.talk.say(direction, &octets);
            }
        }
    }

    /// One end says this, and the other reads it.
    fn say(&mut self, direction: Direction, text: &[u8]) -> &mut Self {
        let from = if direction == Direction::ToServer { &mut self.client } else { &mut self.server };
        from.writer().write_all(text).expect("it is kept");
        self.flow();
        let to = if direction == Direction::ToServer { &mut self.server } else { &mut self.client };
        let mut read = vec![0; text.len()];
        to.reader().read_exact(&mut read).expect("it arrived");
        assert_eq!(read, text, "the other end reads it");
        self
    }

    fn heard(&self, direction: Direction) -> &[u8] {
        &self.talk.heard.inside[direction.index()]
    }
}

const UP: Direction = Direction::ToServer;
const DOWN: Direction = Direction::ToClient;

#[test]
fn every_suite_is_opened() {
    // With a certificate for ECDSA; the same ciphers with one for RSA have other numbers only.
    let mut suites = ring::default_provider().cipher_suites;
    suites.retain(|suite| !format!("{:?}", suite.suite()).contains("_RSA_"));
    assert_eq!(suites.len(), 6, "three of TLS 1.3 and three of 1.2");
    for suite in suites {
        let mut session = ends(vec![suite], 3).session();
        session.flow().say(UP, b"ask").say(DOWN, b"answer").say(UP, &[7; 15_000]).say(UP, b"");
        session.client.send_close_notify();
        session.flow().server.send_close_notify();
        session.flow();
        let name = suite.suite();
        assert_eq!(session.heard(UP), [&b"ask"[..], &[7; 15_000]].concat(), "{name:?}");
        assert_eq!(session.heard(DOWN), b"answer", "{name:?}");
        assert_eq!(session.talk.heard.closed, [true, true], "{name:?}");
        assert_eq!(session.talk.notes(), [], "{name:?}");
        let told = session.talk.told().join("\n");
        for said in ["Finished, decrypted", "application data, 3 octets decrypted", "close_notify (warning), decrypted"]
        {
            assert!(told.contains(said), "{name:?}: {said} is not in\n{told}");
        }
        assert_eq!(told.contains("encrypted, "), told.contains("decrypted, "), "nothing stays encrypted:\n{told}");
    }
}

/// "TLS 1.3 AES-256-GCM: payload 21 → record 43": five octets of header, one of type, sixteen of tag. And each octet of the
/// plain text has its own in the record.
#[test]
fn octets_keep_their_place() {
    let suite = ring::cipher_suite::TLS13_AES_256_GCM_SHA384;
    let mut session = ends(vec![suite], 3).session();
    session.flow().say(UP, b"twenty-one octets, so");
    let told = session.talk.heard.messages.iter().rfind(|told| told.direction == UP).expect("it was told");
    assert_eq!(told.range.end - told.range.start, 43);
    let record = told.payload.as_any().downcast_ref::<TlsRecord>().expect("it is one");
    let parts: Vec<_> = told.payload.parts(43).iter().map(|part| (part.owner, part.len)).collect();
    assert_eq!(parts, [("tls", 5), ("inside", 21), ("tls", 17)]);
    assert_eq!(record.opened.as_ref().and_then(|opened| opened.inside.clone()), Some(0..21));
    assert_eq!(session.talk.heard.places.last(), Some(&(UP, 0, told.range.start + 5)));
}

#[test]
fn keys_are_changed() {
    let mut session = ends(vec![ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256], 3).session();
    session.flow().say(UP, b"one").say(DOWN, b"eins");
    for _ in 0..2 {
        session.client.refresh_traffic_keys().expect("it may");
        session.flow().say(UP, b" two").say(DOWN, b" zwei");
        session.server.refresh_traffic_keys().expect("it may");
        session.flow().say(DOWN, b" drei").say(UP, b" three");
    }
    assert_eq!(session.heard(UP), b"one two three two three");
    assert_eq!(session.heard(DOWN), b"eins zwei drei zwei drei");
    assert!(session.talk.told().join("\n").contains("KeyUpdate, decrypted"));
    assert_eq!(session.talk.notes(), []);
}

#[test]
fn the_server_asks_for_another_hello() {
    let mut session = ends(vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256], 1).session();
    session.flow().say(UP, b"ask").say(DOWN, b"answer");
    assert!(session.talk.told().join("\n").contains("HelloRetryRequest"), "{:?}", session.talk.told());
    assert_eq!((session.heard(UP), session.heard(DOWN)), (&b"ask"[..], &b"answer"[..]));
}

/// Data sent at once, where the session before allows it: taken by the server, or refused by one that knows nothing of that
/// session; with its secret in the log, and without.
#[test]
fn early_data_is_opened() {
    for (refused, without) in [(false, &[][..]), (false, &["CLIENT_EARLY"]), (true, &[]), (true, &["CLIENT_EARLY"])] {
        let suites = vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
        let first = ends(suites.clone(), 3);
        first.session().flow().say(UP, b"before").say(DOWN, b"before");
        let mut server = Arc::clone(&first.server);
        if refused {
            let mut forgetful = (*server).clone();
            forgetful.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
            server = Arc::new(forgetful);
        }
        let mut session = Ends { server, ..first }.session();
        session.without = without;
        let Connection::Client(client) = &mut session.client else { panic!("it is the client's") };
        client.early_data().expect("a ticket allows it").write_all(b"early ").expect("it fits");
        session.flow();
        if let Connection::Server(server) = &mut session.server {
            let mut early = Vec::new();
            server.early_data().map(|mut data| data.read_to_end(&mut early).expect("it is there"));
            assert_eq!(early.is_empty(), refused, "the server takes it or not");
        }
        session.say(UP, b"late").say(DOWN, b"answer");
        // What the server did not take is no part of what is said to it; without its secret nobody can read it.
        let expected: &[u8] = if !refused && without.is_empty() { b"early late" } else { b"late" };
        assert_eq!(session.heard(UP), expected, "refused: {refused}, {without:?}");
        let told = session.talk.told().join("\n");
        let is_told = told.contains("early data that the server did not take, 6 octets decrypted");
        assert_eq!(is_told, refused && without.is_empty(), "{told}");
        assert_eq!(session.heard(DOWN), b"answer", "refused: {refused}, {without:?}");
        assert_eq!(session.talk.notes(), [], "refused: {refused}, {without:?}");
    }
}

/// Some programs log only the secrets of what the application says.
#[test]
fn without_the_secrets_of_the_handshake() {
    let mut session = ends(vec![ring::cipher_suite::TLS13_AES_256_GCM_SHA384], 3).session();
    session.without = &["CLIENT_HANDSHAKE", "SERVER_HANDSHAKE"];
    session.flow().say(UP, b"ask").say(DOWN, b"answer");
    assert_eq!((session.heard(UP), session.heard(DOWN)), (&b"ask"[..], &b"answer"[..]));
    assert!(session.talk.told().join("\n").contains("encrypted, "), "the handshake stays closed");
    assert_eq!(session.talk.notes(), []);
}

/// A record that was changed on its way does not open, nor does anything behind it.
#[test]
fn a_record_that_does_not_open_is_told() {
    for suite in
        [ring::cipher_suite::TLS13_AES_128_GCM_SHA256, ring::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
    {
        let mut session = ends(vec![suite], 3).session();
        session.flow().say(UP, b"ask");
        let record = [&[23, 3, 3, 0, 40][..], &[9; 40]].concat();
        session.talk.client(&record).client(&record);
        assert_eq!(session.heard(UP), b"ask");
        let notes = session.talk.notes();
        assert_eq!(notes, [(Severity::Warn, "RFC 8446 §5.1")], "{:?}: once", suite.suite());
    }
}
