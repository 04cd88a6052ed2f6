//! Which key opens the next record of each direction: what the hellos agree on, the secrets that are at hand, and the
//! messages that change keys.
//!
//! ```text
//! TLS 1.3, client: [early → EndOfEarlyData] → handshake → Finished → application → KeyUpdate → application …
//! TLS 1.3, server: handshake → Finished → application → KeyUpdate → …
//! TLS 1.2, both:   ChangeCipherSpec → application
//! ```
//!
//! # References
//! - RFC 8446 §7.1 and appendix A; RFC 5246 §7.1. Rejected early data: RFC 8446 §4.2.10.

use super::crypt::{Opener, Suite};
use super::hello::{Hello, Side};
use super::record::{HEADER_LEN, Handshake};
use crate::layer::Direction;
use crate::message::Sink;

const FINISHED: u8 = 20;
const END_OF_EARLY_DATA: u8 = 5;
const KEY_UPDATE: u8 = 24;
/// The line of a key log with the secret of early data.
const EARLY: &str = "CLIENT_EARLY_TRAFFIC_SECRET";

/// What becomes of a record that is encrypted.
pub(super) enum Outcome {
    /// There is no key for it.
    Closed,
    /// What it says can be known when the other side has spoken.
    Wait,
    /// It does not open, though there is a key.
    Failed,
    /// What is in it, how many octets stand before the content, and whether it is early data that the server did not take.
    Open { octets: Vec<u8>, before: usize, refused: bool },
}

/// The keys of a connection.
#[derive(Default)]
pub(super) struct Keys {
    client: Option<Offer>,
    server: Option<Choice>,
    /// Whether the server takes early data, as soon as it is known.
    takes_early_data: Option<bool>,
    sides: [SideKeys; 2],
}

struct Offer {
    random: [u8; 32],
    suites: Vec<u16>,
    has_early_data: bool,
}

struct Choice {
    random: [u8; 32],
    suite: Option<Suite>,
}

/// Which key a direction uses.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Open,
    Early,
    Handshake,
    Application,
}

#[derive(Default)]
struct SideKeys {
    stage: Stage,
    current: Option<Current>,
    /// Records do not open any more.
    lost: bool,
}

struct Current {
    suite: Suite,
    opener: Opener,
    secret: Vec<u8>,
}

impl Current {
    fn of_13(suite: Suite, secret: &[u8]) -> Option<Self> {
        Some(Self { suite, opener: Opener::of_13(suite, secret)?, secret: secret.to_vec() })
    }
}

impl Keys {
    /// Takes a hello that was said in the open.
    pub(super) fn hello(&mut self, hello: &Hello) {
        match hello.side {
            Side::Client => {
                let suites = hello.suites.iter().map(|(suite, _)| *suite).collect();
                self.client = Some(Offer { random: hello.random, suites, has_early_data: hello.has_early_data });
            }
            // Early data is over then, whatever it was (RFC 8446 §4.2.10).
            Side::Server if hello.is_retry => self.takes_early_data = Some(false),
            Side::Server => {
                let suite = hello.suites.first().and_then(|(suite, _)| Suite::of(*suite));
                self.server = Some(Choice { random: hello.random, suite });
            }
        }
    }

    /// TLS 1.2: what follows in this direction has new keys.
    pub(super) fn change_12(&mut self, direction: Direction, sink: &dyn Sink) {
        let (Some(Offer { random, .. }), Some(server)) = (&self.client, &self.server) else { return };
        let side = &mut self.sides[direction.index()];
        side.current = server.suite.zip(sink.secret("CLIENT_RANDOM", random)).and_then(|(suite, master)| {
            let opener = Opener::of_12(suite, master, [random, &server.random], direction)?;
            Some(Current { suite, opener, secret: Vec::new() })
        });
        side.stage = Stage::Application;
        side.lost = false;
    }

    /// Opens the next record of a direction.
    pub(super) fn open(
        &mut self,
        direction: Direction,
        is_13: bool,
        (header, content): (&[u8; HEADER_LEN], &[u8]),
        end: bool,
        sink: &dyn Sink,
    ) -> Outcome {
        if self.sides[direction.index()].lost {
            return Outcome::Closed;
        }
        match is_13 {
            true => match self.open_13(direction, header, content, end, sink) {
                Outcome::Wait if end => Outcome::Closed,
                outcome => outcome,
            },
            false => self.sides[direction.index()].open(header, content, true),
        }
    }

    /// Whether no record of a direction that comes now will be opened.
    pub(super) fn is_sealed(&self, direction: Direction, sink: &dyn Sink) -> bool {
        let side = &self.sides[direction.index()];
        let may_try = || {
            let [_, application] = labels(direction);
            self.client.as_ref().is_some_and(|offer| sink.secret(application, &offer.random).is_some())
        };
        match side.stage {
            _ if side.lost => true,
            Stage::Handshake => side.current.is_none() && !may_try(),
            Stage::Application => side.current.is_none(),
            Stage::Open | Stage::Early => false,
        }
    }

    /// Whether the server has yet to say what becomes of early data, and can be understood.
    fn may_learn_more(&self, random: &[u8; 32], sink: &dyn Sink) -> bool {
        let [handshake, _] = labels(Direction::ToClient);
        let server = &self.sides[Direction::ToClient.index()];
        self.takes_early_data.is_none()
            && !server.lost
            && server.stage != Stage::Application
            && (self.server.is_none() || sink.secret(handshake, random).is_some())
    }

    fn open_13(
        &mut self,
        direction: Direction,
        header: &[u8; HEADER_LEN],
        content: &[u8],
        end: bool,
        sink: &dyn Sink,
    ) -> Outcome {
        let Some(offer) = &self.client else { return Outcome::Closed };
        let d = direction.index();
        let early = direction == Direction::ToServer && offer.has_early_data;
        let is_early = matches!(self.sides[d].stage, Stage::Open | Stage::Early);
        if early
            && is_early
            && !end
            && sink.secret(EARLY, &offer.random).is_some()
            && self.may_learn_more(&offer.random, sink)
        {
            return Outcome::Wait;
        }
        let refused = self.takes_early_data == Some(false);
        let side = &mut self.sides[d];
        if side.stage == Stage::Open && early {
            side.begin_early(offer, header, content, sink);
        }
        if matches!(side.stage, Stage::Early | Stage::Application)
            || (side.stage == Stage::Handshake && side.current.is_some())
        {
            // Where the server does not take early data, the client leaves it without a word.
            let may_be_over = side.stage == Stage::Early && self.server.is_some();
            // What the server cannot take it has to pass over, until a record opens.
            let may_be_early = early && side.stage == Stage::Handshake;
            match side.open(header, content, !(may_be_over || may_be_early)) {
                Outcome::Failed if may_be_over => side.stage = Stage::Open,
                Outcome::Failed if may_be_early => return Outcome::Closed,
                Outcome::Open { octets, before, .. } => {
                    return Outcome::Open { octets, before, refused: refused && side.stage == Stage::Early };
                }
                outcome => return outcome,
            }
        }
        let [handshake, application] = labels(direction);
        let Some(server) = &self.server else {
            return if sink.secret(handshake, &offer.random).is_some() { Outcome::Wait } else { Outcome::Closed };
        };
        let Some(suite) = server.suite else { return Outcome::Closed };
        side.stage = Stage::Handshake;
        side.current = sink.secret(handshake, &offer.random).and_then(|secret| Current::of_13(suite, secret));
        if side.current.is_some() {
            return match side.open(header, content, !early) {
                Outcome::Failed if early => Outcome::Closed,
                outcome => outcome,
            };
        }
        // Some logs have only what the application said: where that begins, only trying tells.
        side.current = sink.secret(application, &offer.random).and_then(|secret| Current::of_13(suite, secret));
        match side.open(header, content, false) {
            Outcome::Open { octets, before, refused } => {
                side.stage = Stage::Application;
                Outcome::Open { octets, before, refused }
            }
            _ => {
                side.current = None;
                Outcome::Closed
            }
        }
    }

    /// Takes the handshake messages that were in a record: some of them change the key of what follows.
    pub(super) fn heard(&mut self, direction: Direction, handshakes: &[Handshake], sink: &dyn Sink) {
        let chosen = handshakes.iter().find_map(|handshake| handshake.chosen.as_ref());
        if let Some(chosen) = chosen {
            self.takes_early_data.get_or_insert(chosen.takes_early_data);
        }
        let side = &mut self.sides[direction.index()];
        for handshake in handshakes {
            match (handshake.kind, side.stage) {
                (END_OF_EARLY_DATA, Stage::Early) => side.stage = Stage::Open,
                (FINISHED, Stage::Handshake) => {
                    let [_, application] = labels(direction);
                    let secret = self.client.as_ref().and_then(|offer| sink.secret(application, &offer.random));
                    let suite = side.current.as_ref().map(|current| current.suite);
                    side.current = suite.zip(secret).and_then(|(suite, secret)| Current::of_13(suite, secret));
                    side.stage = Stage::Application;
                }
                (KEY_UPDATE, Stage::Application) => {
                    let next = side
                        .current
                        .take()
                        .and_then(|Current { suite, secret, .. }| Current::of_13(suite, &suite.next_secret(&secret)?));
                    side.current = next;
                }
                _ => {}
            }
        }
    }
}

impl SideKeys {
    fn open(&mut self, header: &[u8; HEADER_LEN], content: &[u8], is_last_try: bool) -> Outcome {
        let Some(current) = &mut self.current else { return Outcome::Closed };
        match current.opener.open(header, content) {
            Some(octets) => Outcome::Open { octets, before: current.opener.before(), refused: false },
            None => {
                self.lost |= is_last_try;
                Outcome::Failed
            }
        }
    }

    /// Early data is encrypted as the session before was: which of the suites offered that was, the first record tells.
    fn begin_early(&mut self, offer: &Offer, header: &[u8; HEADER_LEN], content: &[u8], sink: &dyn Sink) {
        let Some(secret) = sink.secret(EARLY, &offer.random) else { return };
        let is_13 = |number: &u16| number >> 8 == 0x13;
        let suites = offer.suites.iter().copied().filter(is_13).filter_map(Suite::of);
        let opens = |current: &Current| {
            Opener::of_13(current.suite, secret).is_some_and(|mut opener| opener.open(header, content).is_some())
        };
        self.current = suites.filter_map(|suite| Current::of_13(suite, secret)).find(opens);
        if self.current.is_some() {
            self.stage = Stage::Early;
        }
    }
}

/// The lines of a key log that have a direction's secrets: for the handshake, and for what the application says.
fn labels(direction: Direction) -> [&'static str; 2] {
    match direction {
        Direction::ToServer => ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0"],
        Direction::ToClient => ["SERVER_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"],
    }
}

/// What a record of TLS 1.3 holds: its true content type, and its content without the zeros behind that (RFC 8446 §5.2).
pub(super) fn inner_13(octets: &mut Vec<u8>) -> Option<u8> {
    let at = octets.iter().rposition(|octet| *octet != 0)?;
    let content_type = octets.get(at).copied();
    octets.truncate(at);
    content_type
}
