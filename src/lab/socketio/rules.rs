//! What a script asks of Socket.IO, step by step, and what both sides must know from the start.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::lab::scenario::{Action, Scenario};
use crate::lab::socketio::queue::Shelf;
use crate::lab::socketio::{Arg, Args, MAIN, Names};
use crate::lab::tls::TlsVersion;

/// How a client reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transports {
    /// By polling first, then over a WebSocket.
    #[default]
    Upgrade,
    /// Over a WebSocket from the start.
    WebSocket,
    /// By polling only.
    Polling,
}

/// How a client comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Back {
    /// As somebody new.
    #[default]
    Anew,
    /// It tells the program which event it had last.
    Resuming,
    /// It tells Socket.IO who it was and which event it had last: connection state recovery.
    Recovering,
}

/// Whom the server speaks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// One client.
    Client(String),
    /// All who have joined the namespace.
    Everyone,
    /// All who are in any of these rooms; who is in several of them has it once.
    Rooms(Vec<String>),
}

impl Audience {
    /// Whether a server that keeps events keeps those to them: who resumes gets all that was kept, so nobody may be left out.
    pub fn is_kept(&self, except: &Except) -> bool {
        matches!(self, Self::Everyone) && *except == Except::default()
    }
}

/// Who does not get what they otherwise would.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Except {
    /// This client.
    pub client: Option<String>,
    /// All who are in any of these rooms.
    pub rooms: Vec<String>,
}

/// What happens in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketIoStep {
    /// A client joins a namespace; with the first it begins a session.
    Join {
        /// Who.
        client: String,
        /// How it reaches the server, if it begins a session.
        transports: Transports,
        /// Which namespace.
        namespace: String,
        /// What it says of itself.
        auth: Option<Value>,
        /// How it comes back, if it was there before.
        back: Back,
        /// When the connection is gone it tries to come back: for the first time after so long, then after twice that, and so on.
        reconnects: Option<Duration>,
    },
    /// A client emits an event.
    ClientEmit {
        /// Who.
        client: String,
        /// What.
        emission: Emission,
    },
    /// The server emits an event.
    ServerEmit {
        /// To whom.
        audience: Audience,
        /// Who does not get it.
        except: Except,
        /// What.
        emission: Emission,
    },
    /// The server puts a client into a room, or takes it out.
    Room {
        /// Whom.
        client: String,
        /// Of which namespace.
        namespace: String,
        /// Which room.
        room: String,
        /// In, or out.
        into: bool,
    },
    /// A side ends a session, saying so.
    Leave {
        /// Whose.
        client: String,
        /// By the server.
        by_server: bool,
    },
    /// The server's program is killed, and starts again.
    Restart {
        /// How long it is not there.
        after: Duration,
    },
    /// The server does not send its next acknowledgement.
    Swallow,
    /// A client is cut off: nobody says anything.
    Lose {
        /// Who.
        client: String,
    },
    /// The wire resets the connection of a session.
    CutOff {
        /// Whose.
        client: String,
    },
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// In which namespace.
    pub namespace: String,
    /// Its name.
    pub event: String,
    /// What it carries.
    pub args: Args,
    /// What the other side acknowledges it with.
    pub answer: Option<Args>,
    /// An acknowledgement is asked for and does not come; so long it is waited for.
    pub unanswered: Option<Duration>,
    /// It may be dropped while nobody can take it.
    pub volatile: bool,
    /// So many at once, each with its number as its last argument; 0 is a single one without a number.
    pub burst: u32,
    /// It is sent again until it is acknowledged.
    pub again: bool,
}

impl Emission {
    /// Whether it asks for an acknowledgement.
    pub fn asks(&self) -> bool {
        self.answer.is_some() || self.unanswered.is_some()
    }

    /// What each of a burst carries, given what a single one would.
    pub fn rounds(&self, args: &Args) -> Vec<Args> {
        let numbered = |number: u32| Args(args.0.iter().cloned().chain([Arg::Json(number.into())]).collect());
        if self.burst == 0 { vec![args.clone()] } else { (1..=self.burst).map(numbered).collect() }
    }

    /// About how many octets it takes, with its answer.
    pub fn octets(&self) -> usize {
        let all = self.args.0.iter().chain(self.answer.iter().flat_map(|answer| &answer.0));
        let octets = all.map(|arg| match arg {
            Arg::Json(value) => value.to_string().len(),
            Arg::Binary(octets) => octets.len(),
        });
        (self.event.len() + octets.sum::<usize>()).saturating_mul(self.burst.max(1) as usize)
    }
}

/// What both sides know from the start.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The namespaces there are.
    pub namespaces: BTreeSet<String>,
    /// The namespaces nobody may join, and what is said to those who try.
    pub refused: BTreeMap<String, String>,
    /// How an event of a line is acknowledged; a line may have several.
    answers: BTreeMap<(usize, String), Args>,
    /// Where the server keeps events, if it does.
    pub shelf: Option<PathBuf>,
    /// For how long the server remembers who was cut off and what it sent, if it does.
    pub recovers: Option<Duration>,
    /// What comes is sent on to all, the sender too: for guests who are in no play.
    pub echoes: bool,
    /// How often the server asks whether a client is there, and how long it waits, if the script says so.
    pub heartbeat: Option<(Duration, Duration)>,
    /// With which TLS all connections are opened, if any.
    pub secure: Option<TlsVersion>,
    /// Header fields that every request of a client has besides.
    pub fields: Vec<(String, String)>,
    /// What keys and masks follow from; else they are left to chance.
    pub seed: Option<u32>,
    /// What sessions are called, with a seed; else as the server's library has it.
    pub names: Option<Arc<Names>>,
}

impl Rules {
    /// Those of a script; `None` if nobody speaks Socket.IO. `shelf` is where the server keeps events, if it does.
    pub fn of(scenario: &Scenario, shelf: Option<&Shelf>) -> Option<Self> {
        let mut rules = Self { refused: scenario.refused.clone(), ..Self::default() };
        let mut steps = scenario.steps.iter().filter_map(|step| match &step.action {
            Action::SocketIo(part) => Some((step.line, part)),
            _ => None,
        });
        let first = steps.next()?;
        rules.shelf = shelf.map(Shelf::path);
        (rules.heartbeat, rules.secure) = (scenario.heartbeat, scenario.secure);
        rules.recovers = scenario.recovers;
        rules.fields.clone_from(&scenario.fields);
        rules.seed = scenario.seed;
        rules.names = scenario.seed.map(|seed| Arc::new(Names::new(seed)));
        rules.namespaces.insert(MAIN.to_owned());
        for (line, step) in std::iter::once(first).chain(steps) {
            match step {
                SocketIoStep::Join { namespace, .. } => drop(rules.namespaces.insert(namespace.clone())),
                SocketIoStep::ClientEmit { emission, .. } | SocketIoStep::ServerEmit { emission, .. } => {
                    let event = (line, emission.event.clone());
                    rules.answers.extend(emission.answer.clone().map(|answer| (event, answer)));
                }
                _ => {}
            }
        }
        Some(rules)
    }

    /// Those of a server that keeps events here, and serves who is in no play.
    pub fn keeping(shelf: PathBuf) -> Self {
        Self { namespaces: BTreeSet::from([MAIN.to_owned()]), shelf: Some(shelf), ..Self::default() }
    }

    /// Those of a server that remembers for so long, and serves who is in no play.
    pub fn remembering(lasts: Duration) -> Self {
        let namespaces = BTreeSet::from([MAIN.to_owned()]);
        Self { namespaces, recovers: Some(lasts), echoes: true, ..Self::default() }
    }

    /// What the other side acknowledges an event with, if it is to. An event of no line comes from who is in no play: then its
    /// name alone counts.
    pub fn answer(&self, line: usize, event: &str) -> Option<&Args> {
        if line == 0 {
            return self.answers.iter().find(|((_, of), _)| of == event).map(|(_, answer)| answer);
        }
        self.answers.get(&(line, event.to_owned()))
    }
}

/// Under this key a client says the number of the event it had last, as in
/// <https://socket.io/docs/v4/tutorial/step-7>: Socket.IO's own offset stands beside it.
pub const SERVER_OFFSET: &str = "serverOffset";

/// Under this key an event that is kept carries its number, and a client says to Socket.IO what it had last.
pub const OFFSET: &str = "offset";

/// What a client says that had this event last.
pub fn resuming(offset: i64) -> Value {
    serde_json::json!({ SERVER_OFFSET: offset })
}

impl SocketIoStep {
    /// The namespace that whoever is named must have joined.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::ClientEmit { emission, .. } | Self::ServerEmit { emission, .. } => Some(&emission.namespace),
            Self::Room { namespace, .. } => Some(namespace),
            _ => None,
        }
    }

    /// How long it says to wait.
    pub fn lasts(&self) -> Duration {
        match self {
            // Who comes back may just have missed that the server is there again, and waits twice as long once more.
            Self::Restart { after } => *after * 2,
            Self::ClientEmit { emission, .. } | Self::ServerEmit { emission, .. } => {
                emission.unanswered.unwrap_or_default()
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether the server acts.
    pub fn is_servers(&self) -> bool {
        matches!(
            self,
            Self::ServerEmit { .. } | Self::Room { .. } | Self::Swallow | Self::Leave { by_server: true, .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::socketio::Arg;

    #[test]
    fn events_of_one_line_have_answers_of_their_own() {
        let script =
            "ada connects to socket.io\nada emits \"a\" acknowledged with 1 · ada emits \"b\" acknowledged with 2\n";
        let rules = Rules::of(&Scenario::parse(script).unwrap(), None).unwrap();
        let one = |number: i64| Some(Args(vec![Arg::Json(number.into())]));
        assert_eq!((rules.answer(2, "a").cloned(), rules.answer(2, "b").cloned()), (one(1), one(2)));
        assert_eq!((rules.answer(1, "a"), rules.answer(2, "c")), (None, None));
        assert!(Rules::of(&Scenario::parse("ada connects\n").unwrap(), None).is_none());
    }
}
