//! ClientHello and ServerHello: what is offered and what is chosen, in the open.
//!
//! ```text
//! client: version 2 │ random 32 │ session id 1+n │ cipher suites 2+n │ compression methods 1+n │ extensions 2+n
//! server: version 2 │ random 32 │ session id 1+n │ cipher suite 2    │ compression method 1    │ extensions 2+n
//! ```

use std::ops::Range;

use super::names;

/// The two hellos of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What the client offers.
    Client,
    /// What the server chose.
    Server,
}

/// What a hello says. The ranges count from the first octet of the message's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Whose it is.
    pub side: Side,
    /// Its version field.
    pub version: u16,
    /// What its side chose by chance, so that no session is like another. The client's is the session's name in key logs.
    pub random: [u8; 32],
    /// The suites offered, or the one chosen, each with its place.
    pub suites: Vec<(u16, Range<usize>)>,
    /// The versions in the extension for them.
    pub versions: Vec<(u16, Range<usize>)>,
    /// Which site the client wants.
    pub server_name: Option<(String, Range<usize>)>,
    /// Protocols to speak inside.
    pub alpn: Vec<(String, Range<usize>)>,
    /// The server asks for another ClientHello (RFC 8446 §4.1.4).
    pub is_retry: bool,
    /// The client sends data before it has an answer (RFC 8446 §4.2.10).
    pub has_early_data: bool,
}

/// More of anything than this is not kept; the client of a browser offers about twenty.
const MAX_ITEMS: usize = 128;
/// "the special value of the SHA-256 of `HelloRetryRequest`" (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const ALPN: u16 = 16;
    pub(super) const EARLY_DATA: u16 = 42;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
}

impl Hello {
    /// Reads the body of a hello; `None` if it has not that form.
    pub(super) fn read(side: Side, body: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes: body, at: 0 };
        let version = reader.u16()?.0;
        let random = reader.take(32)?;
        let mut hello = Self {
            side,
            version,
            random: body.get(random)?.try_into().ok()?,
            suites: Vec::new(),
            versions: Vec::new(),
            server_name: None,
            alpn: Vec::new(),
            is_retry: false,
            has_early_data: false,
        };
        hello.is_retry = side == Side::Server && hello.random == RETRY;
        reader.list(1)?;
        match side {
            Side::Client => {
                let mut suites = reader.list(2)?;
                while let (Some(suite), true) = (suites.u16(), hello.suites.len() < MAX_ITEMS) {
                    hello.suites.push(suite);
                }
                reader.list(1)?;
            }
            Side::Server => {
                hello.suites.push(reader.u16()?);
                reader.take(1)?;
            }
        }
        // A hello of TLS 1.2 and before may have no extensions.
        if let Some(mut extensions) = reader.list(2) {
            while let Some((number, _)) = extensions.u16() {
                let Some(content) = extensions.list(2) else { break };
                hello.extension(number, content);
            }
        }
        Some(hello)
    }

    fn extension(&mut self, number: u16, mut content: Reader<'_>) {
        match (number, self.side) {
            (extension::SERVER_NAME, Side::Client) => {
                let name = content.list(2).and_then(|mut names| {
                    names.take(1)?;
                    names.list(2)
                });
                self.server_name = name.map(Reader::text);
            }
            (extension::ALPN, _) => self.alpn = content.alpn(),
            (extension::EARLY_DATA, Side::Client) => self.has_early_data = true,
            (extension::SUPPORTED_VERSIONS, Side::Client) => {
                let Some(mut versions) = content.list(1) else { return };
                while let (Some(version), true) = (versions.u16(), self.versions.len() < MAX_ITEMS) {
                    self.versions.push(version);
                }
            }
            (extension::SUPPORTED_VERSIONS, Side::Server) => self.versions.extend(content.u16()),
            _ => {}
        }
    }

    /// The name of [`best_version`](Self::best_version).
    pub fn version_name(&self) -> String {
        names::version(self.best_version())
    }

    /// The name of the suite chosen; a client has chosen none.
    pub fn suite_name(&self) -> Option<String> {
        let chosen = self.suites.first().filter(|_| self.side == Side::Server);
        chosen.map(|(suite, _)| names::suite(*suite))
    }

    /// The version chosen, or the highest that is offered.
    pub fn best_version(&self) -> u16 {
        // Numbers of the form 0x?a?a stand for nothing: they keep servers used to what they do not know (RFC 8701).
        let known = self.versions.iter().map(|(version, _)| *version).filter(|version| version >> 8 == 3);
        known.max().unwrap_or(self.version)
    }
}

/// What the server chose, where it says so only when the rest is encrypted: EncryptedExtensions (RFC 8446 §4.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// The protocol to speak inside, with its place in the message's body.
    pub alpn: Vec<(String, Range<usize>)>,
    /// It takes the data that the client sent before it had an answer (RFC 8446 §4.2.10).
    pub takes_early_data: bool,
}

impl Chosen {
    /// Reads the body of the message, as far as it has its form.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut chosen = Self::default();
        let Some(mut extensions) = (Reader { bytes: body, at: 0 }).list(2) else { return chosen };
        while let Some((number, _)) = extensions.u16() {
            let Some(mut content) = extensions.list(2) else { break };
            match number {
                extension::ALPN => chosen.alpn = content.alpn(),
                extension::EARLY_DATA => chosen.takes_early_data = true,
                _ => {}
            }
        }
        chosen
    }
}

/// Goes over octets whose lengths stand before them.
#[derive(Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<Range<usize>> {
        let range = self.at..self.at.checked_add(len)?;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    fn u16(&mut self) -> Option<(u16, Range<usize>)> {
        let range = self.take(2)?;
        let octets = self.bytes.get(range.clone())?.first_chunk()?;
        Some((u16::from_be_bytes(*octets), range))
    }

    /// What is behind a length of so many octets.
    fn list(&mut self, width: usize) -> Option<Reader<'a>> {
        let digits = self.take(width)?;
        let len = self.bytes.get(digits)?.iter().fold(0, |len, octet| len << 8 | usize::from(*octet));
        let range = self.take(len)?;
        Some(Reader { bytes: self.bytes.get(..range.end)?, at: range.start })
    }

    /// A list of names of protocols (RFC 7301 §3.1).
    fn alpn(&mut self) -> Vec<(String, Range<usize>)> {
        let mut found = Vec::new();
        let Some(mut names) = self.list(2) else { return found };
        while let (Some(name), true) = (names.list(1), found.len() < MAX_ITEMS) {
            found.push(name.text());
        }
        found
    }

    /// All of it, as text.
    fn text(self) -> (String, Range<usize>) {
        let range = self.at..self.bytes.len();
        (String::from_utf8_lossy(self.bytes.get(range.clone()).unwrap_or_default()).into_owned(), range)
    }
}
