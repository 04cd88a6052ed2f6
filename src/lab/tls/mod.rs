//! TLS for the stage: rustls at both ends, a certificate made for the play, and the secrets of each session, so that who has
//! the capture can read it, if the play is to be read. With a seed all that it makes up follows from that.

mod seeded;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ConnectionCommon, KeyLog, RootCertStore, ServerConfig, SupportedProtocolVersion};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::lab::endpoint::{ActorError, Side};
use crate::lab::line::Wire;
use crate::lab::seed::Chance;
use crate::layer::Direction;

/// Which TLS a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    V12,
    /// RFC 8446.
    V13,
}

impl TlsVersion {
    fn versions(self) -> [&'static SupportedProtocolVersion; 1] {
        match self {
            Self::V12 => [&rustls::version::TLS12],
            Self::V13 => [&rustls::version::TLS13],
        }
    }
}

/// What both ends need: a certificate that one has and the other trusts, and where the secrets go.
#[derive(Clone)]
pub struct Tls {
    certificate: Arc<rcgen::CertifiedKey<rcgen::KeyPair>>,
    secrets: Arc<Secrets>,
    seed: Option<u32>,
    /// How many handshakes each side of each client's connections has begun, under a seed.
    begun: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// Neither the key nor the secrets are shown by chance.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why there is none.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct TlsError(String);

impl Tls {
    /// Makes a certificate for [`NAME`].
    pub fn create(seed: Option<u32>) -> Result<Self, TlsError> {
        let certificate = match seed {
            Some(seed) => seeded::certificate(Chance::of(seed.into(), "tls certificate", 0), NAME),
            None => rcgen::generate_simple_self_signed([NAME.to_owned()]),
        };
        let certificate = Arc::new(certificate.map_err(|error| TlsError(error.to_string()))?);
        Ok(Self { certificate, secrets: Arc::default(), seed, begun: Arc::default() })
    }

    /// The secrets so far, a line each, in the form that Wireshark reads
    /// (<https://www.ietf.org/archive/id/draft-ietf-tls-keylogfile-02.html>).
    pub fn secrets(&self) -> String {
        self.secrets.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the handshake of this side of a connection makes up follows from, with a seed: from whose connection it is, and
    /// how many that client had before. Who connects when must not matter.
    fn chance(&self, side: &Side) -> Option<Chance> {
        let seed = self.seed?;
        let client = side.log.actor_of(side.connection).unwrap_or_default();
        let name = match side.direction {
            Direction::ToServer => format!("tls client {client}"),
            Direction::ToClient => format!("tls server {client}"),
        };
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let times = begun.entry(name.clone()).or_default();
        *times += 1;
        Some(Chance::of(seed.into(), &name, *times))
    }

    /// With a seed no write is cut where the kernel had no room for more of it just then: records would be cut there, too. What
    /// waits is bounded by what the script writes.
    fn takes_whole_writes<Data>(&self, tls: &mut ConnectionCommon<Data>) {
        if self.seed.is_some() {
            tls.set_buffer_limit(None);
        }
    }

    fn provider(&self) -> Arc<CryptoProvider> {
        let chosen = if self.seed.is_some() { seeded::provider } else { rustls::crypto::ring::default_provider };
        Arc::new(chosen())
    }

    /// The handshake of one side of a connection.
    pub async fn secure(&self, stream: TcpStream, version: TlsVersion, side: &Side) -> Result<Wire, ActorError> {
        let handshake = async {
            match side.direction {
                Direction::ToServer => self.connect(stream, version).await,
                Direction::ToClient => self.accept(stream, version).await,
            }
        };
        match self.chance(side) {
            Some(chance) => seeded::with(chance, handshake).await,
            None => handshake.await,
        }
    }

    /// The client's part of the handshake.
    async fn connect(&self, stream: TcpStream, version: TlsVersion) -> Result<Wire, ActorError> {
        let failed = |error: &dyn fmt::Display| ActorError::Unreadable(format!("the TLS handshake failed: {error}"));
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.cert.der().clone()).map_err(|error| failed(&error))?;
        let builder = ClientConfig::builder_with_provider(self.provider());
        let builder = builder.with_protocol_versions(&version.versions()).map_err(|error| failed(&error))?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.key_log = Arc::clone(&self.secrets) as Arc<dyn KeyLog>;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(NAME).map_err(|error| failed(&error))?;
        let connector = TlsConnector::from(Arc::new(config));
        let handshake = connector.connect_with(name, stream, |tls| self.takes_whole_writes(tls));
        let stream = handshake.await.map_err(|error| failed(&error))?;
        Ok(Wire::tls(TlsStream::Client(stream)))
    }

    /// The server's part.
    async fn accept(&self, stream: TcpStream, version: TlsVersion) -> Result<Wire, ActorError> {
        let failed = |error: &dyn fmt::Display| ActorError::Unreadable(format!("the TLS handshake failed: {error}"));
        let builder = ServerConfig::builder_with_provider(self.provider());
        let builder = builder.with_protocol_versions(&version.versions()).map_err(|error| failed(&error))?;
        let key =
            PrivateKeyDer::try_from(self.certificate.signing_key.serialize_der()).map_err(|error| failed(&error))?;
        let chain = vec![self.certificate.cert.der().clone()];
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Session tickets would come at a moment of their own.
        config.send_tls13_tickets = 0;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let handshake = acceptor.accept_with(stream, |tls| self.takes_whole_writes(tls));
        let stream = handshake.await.map_err(|error| failed(&error))?;
        Ok(Wire::tls(TlsStream::Server(stream)))
    }
}

#[derive(Debug, Default)]
struct Secrets(Mutex<String>);

impl KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
    }
}

/// The name that the certificate is for, and that the client asks for.
const NAME: &str = "lab.example";
