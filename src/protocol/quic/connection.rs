//! One connection: its secrets, found by what its client said first, and the packets that they open.
//!
//! # References
//! - RFC 9001 §4.1 (levels and CRYPTO frames), §5, §6. SSLKEYLOGFILE has the secrets of QUIC under the names of TLS 1.3.

use super::initial::{MAX_TRIED, Opening, labels};
use super::{Frames, Hello, Kind, OpenedPacket, QuicPacket, Sequence};
use crate::layer::Direction;
use crate::protocol::KeyLog;
use crate::protocol::tls::{PacketLabels, PacketOpener, Suite, TlsHandshake, TlsSide};

/// Of the messages of TLS that are under way no more is kept: chains of certificates are a few thousand octets.
const MAX_MESSAGES: usize = 64 << 10;
/// What the application's protocols of HTTP/3 are called begins so: `h3`, `h3-29` (RFC 9114 §3.1).
const HTTP3: &str = "h3";

/// The lines of a key log with the secrets of each direction: for the handshake, and for what the application says.
const SECRETS: [[&str; 2]; 2] = [
    ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"],
    ["SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"],
];

/// What is known of a connection. One that was joined in its middle is not opened: which secrets are its own only the hellos
/// tell.
#[derive(Default)]
pub struct Connection {
    opening: Opening,
    /// Which of the two ends is the client.
    client: Option<usize>,
    /// What each end last called itself in a long header.
    ids: [Vec<u8>; 2],
    /// The server wants another Initial packet, whose keys are others.
    is_retried: bool,
    labels: Option<&'static PacketLabels>,
    random: Option<[u8; 32]>,
    suite: Option<Suite>,
    /// The server's hello was seen.
    is_answered: bool,
    /// The server sent what no Retry packet is: then the client's hello is the one that counts.
    has_server_spoken: bool,
    /// An Initial packet came that does not open: that of a server, maybe, before the client's that tells its keys.
    has_closed_initial: bool,
    /// The protocol inside that the client offers first, or that the server chose.
    alpn: Option<String>,
    /// By direction and level: the handshake, the application.
    openers: [[Option<PacketOpener>; 2]; 2],
    messages: [[Sequence; 2]; 2],
    has_failed: bool,
    /// How often it was tried whether a packet begins another connection.
    tried: u32,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is not known with which secrets it could be opened, or there are none.
    Closed,
    /// What it holds is put to it; the way it went.
    Open(Direction),
    /// It does not open, though there are secrets; told once.
    Failed,
}

impl Connection {
    /// Opens a packet that one of the two ends sent, and learns from it.
    pub fn hear(
        &mut self,
        packet: &mut QuicPacket,
        datagram: &[u8],
        sender: usize,
        secrets: Option<&KeyLog>,
    ) -> Outcome {
        if let Some(id) = packet.source.clone().and_then(|source| datagram.get(source)) {
            self.ids[sender & 1] = id.to_vec();
        }
        let is_of_connection = !matches!(packet.kind, Kind::Retry | Kind::VersionNegotiation);
        self.has_server_spoken |= is_of_connection && self.client.is_some_and(|client| client != sender);
        match packet.kind {
            Kind::Initial => {
                let Some(from) = self.opening.hear(packet, datagram) else {
                    self.has_closed_initial = true;
                    return Outcome::Closed;
                };
                self.is_retried = false;
                self.client = Some(if from == Direction::ToServer { sender } else { 1 - sender });
                self.labels = packet.version.and_then(labels);
                self.is_answered |= from == Direction::ToClient
                    && packet.opened.as_ref().is_some_and(|opened| !opened.messages.is_empty());
                let hello = packet.opened.iter().flat_map(|opened| &opened.messages).next();
                hello.into_iter().for_each(|hello| learn(&mut self.random, &mut self.suite, &mut self.alpn, hello));
                Outcome::Open(from)
            }
            Kind::Retry => {
                self.is_retried = true;
                Outcome::Closed
            }
            Kind::Handshake => self.open(packet, datagram, sender, (0, secrets)),
            Kind::Short => self.open(packet, datagram, sender, (1, secrets)),
            Kind::ZeroRtt | Kind::VersionNegotiation => Outcome::Closed,
        }
    }

    /// Whether a packet begins another connection between these ends.
    pub fn is_another(&mut self, packet: &QuicPacket, datagram: &[u8], sender: usize) -> bool {
        let may_be = packet.kind == Kind::Initial && self.client == Some(sender) && !self.is_retried;
        let is_known = || datagram.get(packet.destination.clone()) == Some(&self.ids[1 - (sender & 1)]);
        if !may_be || is_known() || self.tried >= MAX_TRIED {
            return false;
        }
        self.tried += 1;
        self.opening.is_anew(packet, datagram)
    }

    /// Which of the two ends is the client, as soon as that is known.
    pub fn client(&self) -> Option<usize> {
        self.client
    }

    /// Whether any of its packets were opened by its secrets.
    pub fn is_opened(&self) -> bool {
        self.openers.iter().flatten().any(Option::is_some)
    }

    /// Whether there are secrets of it; `None` if that cannot be known yet: until the server answers, a Retry packet may have
    /// the client begin anew, and not every program then says the same hello (RFC 9000 §17.2.5.2 has it).
    pub fn has_secrets(&self, secrets: Option<&KeyLog>) -> Option<bool> {
        let is_known = |random: &[u8; 32]| {
            secrets.is_some_and(|secrets| SECRETS.iter().flatten().any(|label| secrets.secret(label, random).is_some()))
        };
        let is_final = match self.random {
            Some(_) => self.has_server_spoken,
            None => !self.opening.waits_for_hello() && !self.has_closed_initial,
        };
        let is_known = self.random.as_ref().is_some_and(is_known);
        (is_known || is_final || self.is_over()).then_some(is_known)
    }

    /// Whether an Initial packet could not be opened when it came.
    pub fn has_closed_initial(&self) -> bool {
        self.has_closed_initial
    }

    /// Whether the server's hello was seen.
    pub fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether there are keys for what goes the other way, but none for what goes this way.
    pub fn is_one_sided(&self, closed: Direction) -> bool {
        let has_keys = |direction: Direction| self.openers[direction.index()][1].is_some();
        has_keys(closed.reverse()) && !has_keys(closed)
    }

    /// Whether HTTP/3 is spoken inside.
    pub fn speaks_http3(&self) -> bool {
        self.alpn.as_deref().is_some_and(|alpn| alpn == HTTP3 || alpn.starts_with("h3-"))
    }

    /// Whether nothing more of it can be opened.
    pub fn is_over(&self) -> bool {
        self.opening.is_over() && !self.is_opened()
    }

    fn open(
        &mut self,
        packet: &mut QuicPacket,
        datagram: &[u8],
        sender: usize,
        (level, secrets): (usize, Option<&KeyLog>),
    ) -> Outcome {
        let Some(client) = self.client else { return Outcome::Closed };
        let direction = if sender == client { Direction::ToServer } else { Direction::ToClient };
        let d = direction.index();
        if self.openers[d][level].is_none() {
            self.openers[d][level] = self.opener(SECRETS[d][level], secrets);
        }
        let Some(opener) = &mut self.openers[d][level] else { return Outcome::Closed };
        let unsealed = packet.protected(datagram).and_then(|(octets, at)| opener.open(octets, at));
        let Some(unsealed) = unsealed else {
            return if std::mem::replace(&mut self.has_failed, true) { Outcome::Closed } else { Outcome::Failed };
        };
        let mut opened = OpenedPacket::from(unsealed);
        opened.messages = take_messages(&opened.content, &mut self.messages[d][level]);
        opened.messages.iter().for_each(|message| learn(&mut self.random, &mut self.suite, &mut self.alpn, message));
        packet.opened = Some(Box::new(opened));
        Outcome::Open(direction)
    }

    fn opener(&self, label: &str, secrets: Option<&KeyLog>) -> Option<PacketOpener> {
        let secret = secrets?.secret(label, self.random.as_ref()?)?;
        PacketOpener::of(self.suite?, self.labels?, secret)
    }
}

/// What a message of TLS says that the keys, and what is spoken inside, depend on.
fn learn(random: &mut Option<[u8; 32]>, suite: &mut Option<Suite>, alpn: &mut Option<String>, message: &Hello) {
    let TlsHandshake { hello, chosen, .. } = &message.handshake;
    let names = match (hello, chosen) {
        (Some(hello), _) if hello.side == TlsSide::Client => {
            *random = Some(hello.random);
            &hello.alpn
        }
        (Some(hello), _) => {
            *suite = hello.suites.first().and_then(|(suite, _)| Suite::of(*suite));
            return;
        }
        (None, Some(chosen)) => &chosen.alpn,
        (None, None) => return,
    };
    *alpn = names.first().map(|(name, _)| name.clone()).or(alpn.take());
}

/// Puts the octets of CRYPTO frames in order, and takes the messages that are whole with them.
fn take_messages(content: &[u8], sequence: &mut Sequence) -> Vec<Hello> {
    let mut found = Vec::new();
    for (offset, data) in Frames::new(content).filter_map(|frame| frame.crypto()) {
        sequence.add(offset, content.get(data).unwrap_or_default(), 0, MAX_MESSAGES);
        while let Some(header) = sequence.ready().first_chunk() {
            let whole = 4 + TlsHandshake::body_len(header);
            let Some(message) = sequence.ready().get(..whole).map(<[u8]>::to_vec) else { break };
            sequence.consume(whole);
            found.extend(TlsHandshake::read(&message).map(|handshake| Hello { handshake, message }));
        }
    }
    found
}
