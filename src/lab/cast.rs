//! Follows a script before it is played: who is connected at which step, and whom the server means.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use crate::lab::grammar::{self, MAX_STEPS, Speaker, Statement, Verb};
use crate::lab::ground::{Ground, Vantage};
use crate::lab::manners::{Manners, unrolled};
use crate::lab::reader::Name;
use crate::lab::scenario::{Action, Exchange, Scenario, Step};
use crate::layer::Direction;
use crate::mistake::{self, Mistake};

impl Scenario {
    /// Reads a script, and checks that every step can be played where it stands.
    pub fn parse(script: &str) -> Result<Self, Mistake> {
        check(grammar::parse(script)?)
    }
}

/// Makes a play of statements, or says which one cannot be played where it stands.
fn check(statements: Vec<Statement>) -> Result<Scenario, Mistake> {
    let mut cast = Cast::default();
    let mut scenario = Scenario {
        ground: Ground::default(),
        recorded_at: Vantage::default(),
        keeps_events: false,
        recovers: None,
        heartbeat: None,
        fields: Vec::new(),
        seed: None,
        secure: None,
        refused: BTreeMap::new(),
        port: DEFAULT_PORT,
        steps: Vec::with_capacity(statements.len()),
    };
    for (index, Statement { line, range, times, verb }) in unrolled(statements, MAX_STEPS)?.into_iter().enumerate() {
        if scenario.is_declared(&verb, &range, index == 0, &mut cast)? {
            continue;
        }
        cast.has_begun = true;
        // What is wrong with a step as a whole is wrong with all of it.
        let here = |error: Mistake| Mistake {
            range: if error.range.is_empty() { range.clone() } else { error.range },
            ..error
        };
        for _ in 0..times.count {
            let played = cast.play(verb.clone(), &range).map_err(here)?;
            let pause = times.pause.map(|pause| cast.wait(pause)).transpose().map_err(here)?;
            let actions = [Some(played), pause].into_iter().flatten();
            scenario.steps.extend(actions.map(|action| Step { line, range: range.clone(), action }));
            if scenario.steps.len() > MAX_STEPS {
                return Err(Mistake::new(
                    range,
                    format!("a script has at most {MAX_STEPS} steps, repeated ones counted each"),
                ));
            }
        }
    }
    scenario.refused = cast.refused;
    Ok(scenario)
}

/// What a client has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    WebSocket,
    /// Plain TCP.
    Tcp,
    /// HTTP, between two exchanges.
    Http,
    Events,
    SocketIo,
    /// Nothing any more, or its handshake was refused.
    Gone,
}

impl Link {
    /// What the client does on it, and the step that opens it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::WebSocket => ("WebSocket", "connects"),
            Self::Tcp => ("plain TCP", "opens tcp"),
            Self::Http => ("HTTP", "gets /"),
            Self::Events => ("an event stream", "subscribes to /"),
            Self::SocketIo => ("Socket.IO", "connects to socket.io"),
            Self::Gone => ("nothing", "connects"),
        }
    }
}

/// Every client met so far, and what it has open.
#[derive(Default)]
pub(super) struct Cast {
    pub(super) links: BTreeMap<String, Link>,
    /// Who has sent a datagram, so that one can be sent back.
    senders: BTreeSet<String>,
    /// Who is in which namespaces of Socket.IO.
    pub(super) joined: BTreeMap<String, BTreeSet<String>>,
    /// The namespaces that nobody may join.
    pub(super) refused: BTreeMap<String, String>,
    pub(super) keeps_events: bool,
    pub(super) recovers: bool,
    /// Whose session stays with polling.
    pub(super) polling: BTreeSet<String>,
    /// Who comes back by itself when the connection is gone.
    pub(super) reconnecting: BTreeSet<String>,
    /// Header fields that every request has besides.
    pub(super) fields: Vec<(String, String)>,
    /// What keys and masks follow from, and how many were asked for.
    pub(super) seed: Option<u32>,
    pub(super) chances: u64,
    /// Whether the server speaks Socket.IO, once that is known.
    socketio: Option<bool>,
    /// Somebody has done something.
    pub(super) has_begun: bool,
    waited: Duration,
    said: usize,
    pub(super) manners: Manners,
}

impl Cast {
    fn play(&mut self, verb: Verb, range: &Range<usize>) -> Result<Action, Mistake> {
        Ok(match verb {
            Verb::Listen { .. } => return Err(Mistake::new(NOWHERE, "the server listens already")),
            Verb::Ground { .. } => return Err(Mistake::new(NOWHERE, "the network is there already")),
            Verb::Fault { fault } => Action::Fault(fault),
            Verb::KeepEvents
            | Verb::Recover { .. }
            | Verb::Fields { .. }
            | Verb::Seed { .. }
            | Verb::Refuse { .. }
            | Verb::Heartbeat { .. }
            | Verb::Secure { .. } => {
                return Err(Mistake::new(NOWHERE, "this is said before the first step"));
            }
            Verb::SocketIo { spoken } => Action::SocketIo(self.socketio(spoken, range)?),
            Verb::Wait { time } => self.wait(time)?,
            Verb::Connect { client, opening } => self.connect(client, opening)?,
            Verb::Say { by, what } => self.say(by, what, range)?,
            Verb::Close { by, reason } => self.close(by, reason, range)?,
            Verb::Open { client, tls } => {
                self.open(&client, Link::Tcp)?;
                Action::Open { client: client.name, tls }
            }
            Verb::Write { by, octets } => self.write(by, octets, range)?,
            Verb::Forget { by } => self.forget(by, range)?,
            Verb::CutOff { client } => self.cut_off(client, range)?,
            Verb::Abort { by } => self.hang_up(by, true, range)?,
            Verb::HangUp { by } => self.hang_up(by, false, range)?,
            Verb::HalfClose { by } => self.half_close(by, range)?,
            Verb::Reading { by, again } => self.reading(by, again, range)?,
            Verb::Repeat { .. } | Verb::End => return Err(Mistake::new(NOWHERE, "this is no step")),
            Verb::Datagram { by, payload } => self.datagram(by, payload, range)?,
            Verb::Get { clients, exchange } => self.get(clients, &exchange)?,
            Verb::Subscribe { client, path, last, tls } => {
                self.open(&client, Link::Events)?;
                Action::Subscribe { client: client.name, path, last, tls, fields: self.fields.clone() }
            }
            Verb::Publish { to, event } => {
                self.count(event.data.len())?;
                let (client, direction) = self.speaker(Speaker::Server { to }, Link::Events, range)?;
                self.can_send(&client, direction, event.data.len(), range)?;
                Action::Publish { client, event }
            }
        })
    }

    pub(super) fn wait(&mut self, time: Duration) -> Result<Action, Mistake> {
        self.waited += time;
        if self.waited > MAX_WAITS {
            return Err(Mistake::new(NOWHERE, "all waits together last at most 30 seconds")
                .help("shorten one of them: what happens after a minute happens after 100ms, too"));
        }
        Ok(Action::Wait(time))
    }

    pub(super) fn open(&mut self, client: &Name, link: Link) -> Result<(), Mistake> {
        if self.link(&client.name) != Link::Gone {
            self.both_know(&client.name, &client.range)?;
            let message = format!("`{}` is connected already", client.name);
            return Err(Mistake::new(client.range.clone(), message)
                .help("let it close first, or connect a client of another name"));
        }
        self.speaks(link == Link::SocketIo, &client.range)?;
        self.manners.forget(&client.name);
        self.links.insert(client.name.clone(), link);
        Ok(())
    }

    /// A server speaks Socket.IO in the whole play, or never.
    pub(super) fn speaks(&mut self, socketio: bool, range: &Range<usize>) -> Result<(), Mistake> {
        if *self.socketio.get_or_insert(socketio) == socketio {
            return Ok(());
        }
        let message = "a server that speaks Socket.IO speaks nothing else over TCP";
        Err(Mistake::new(range.clone(), message).help("write another script for the rest"))
    }

    pub(super) fn count(&mut self, octets: usize) -> Result<(), Mistake> {
        self.said += octets;
        if self.said > MAX_SAID {
            return Err(Mistake::new(NOWHERE, "all messages together have at most 64 MiB"));
        }
        Ok(())
    }

    fn datagram(&mut self, by: Speaker, payload: Vec<u8>, range: &Range<usize>) -> Result<Action, Mistake> {
        self.count(payload.len())?;
        let (client, direction) = match by {
            Speaker::Client(client) => (client.name, Direction::ToServer),
            Speaker::Server { to } => {
                let only = || self.senders.first().filter(|_| self.senders.len() == 1).cloned();
                let at = to.as_ref().map_or(range.clone(), |name| name.range.clone());
                let name = to.map(|name| name.name).or_else(only).filter(|name| self.senders.contains(name));
                let unknown = || {
                    Mistake::new(at, "the server does not know where to send it")
                        .help("UDP opens nothing: the server learns an address from a datagram; let the client send one before")
                };
                (name.ok_or_else(unknown)?, Direction::ToClient)
            }
        };
        self.senders.insert(client.clone());
        Ok(Action::Datagram { client, direction, payload })
    }

    fn get(&mut self, clients: Vec<Name>, exchange: &Exchange) -> Result<Action, Mistake> {
        self.wait(exchange.held)?;
        let asked = clients.into_iter().map(|client| self.asks(client, exchange.clone()));
        Ok(Action::Get { asked: asked.collect::<Result<_, _>>()? })
    }

    fn asks(&mut self, client: Name, mut exchange: Exchange) -> Result<(String, Exchange), Mistake> {
        exchange.fields.clone_from(&self.fields);
        self.count(exchange.body.len())?;
        match (self.link(&client.name), exchange.is_10) {
            (Link::Http, false) if exchange.tls.is_some() => {
                return Err(Mistake::new(client.range, format!("`{}` has a connection open", client.name))
                    .help("`over tls` is said with the request that opens it"));
            }
            (Link::Http, false) => {}
            (Link::Http, true) => {
                return Err(Mistake::new(client.range, format!("`{}` has an HTTP/1.1 connection open", client.name))
                    .help("HTTP/1.0 opens a connection for each request: let it close first"));
            }
            (_, is_10) => {
                self.open(&client, if is_10 { Link::Gone } else { Link::Http })?;
                exchange.opens = true;
            }
        }
        Ok((client.name, exchange))
    }

    /// Whose connection it is, and which side of it speaks, of those who have anything open.
    pub(super) fn anyone(&self, by: Speaker, range: &Range<usize>) -> Result<(String, Direction), Mistake> {
        match by {
            Speaker::Client(name) => self.known(name).map(|name| (name, Direction::ToServer)),
            Speaker::Server { to: Some(name) } => self.known(name).map(|name| (name, Direction::ToClient)),
            Speaker::Server { to: None } => Ok((self.only_one(range, |link| link != Link::Gone)?, Direction::ToClient)),
        }
    }

    /// The same, of those who have this open.
    pub(super) fn speaker(
        &self,
        by: Speaker,
        wanted: Link,
        range: &Range<usize>,
    ) -> Result<(String, Direction), Mistake> {
        let (name, direction) = match by {
            Speaker::Server { to: None } => {
                return Ok((self.only_one(range, |link| link == wanted)?, Direction::ToClient));
            }
            Speaker::Client(name) => (name, Direction::ToServer),
            Speaker::Server { to: Some(name) } => (name, Direction::ToClient),
        };
        let at = name.range.clone();
        let name = self.known(name)?;
        let link = self.link(&name);
        if link == wanted {
            return Ok((name, direction));
        }
        let ((has, _), (needs, opens)) = (link.words(), wanted.words());
        let message = format!("`{name}` has {has} open, and this is for {needs}");
        Err(Mistake::new(at, message).help(format!("let another client do it, which begins with `{opens}`")))
    }

    /// The client, if it has something open.
    fn known(&self, name: Name) -> Result<String, Mistake> {
        let (message, help) = match self.links.get(&name.name) {
            Some(Link::Gone) => (
                format!("`{}` is not connected any more, or its handshake was refused", name.name),
                format!(
                    "let it connect again before: `{} connects`. A handshake is refused without a key, with a key that \
                     is not 16 octets in base64, and with a version other than 13",
                    name.name
                ),
            ),
            Some(_) => return Ok(name.name),
            None => (format!("`{}` is not connected", name.name), self.help_unknown(&name.name)),
        };
        Err(Mistake::new(name.range, message).help(help))
    }

    fn only_one(&self, range: &Range<usize>, wanted: impl Fn(Link) -> bool) -> Result<String, Mistake> {
        let open: Vec<&String> = self.links.iter().filter(|(_, link)| wanted(**link)).map(|(name, _)| name).collect();
        match open[..] {
            [one] => Ok(one.clone()),
            [] => Err(Mistake::new(range.clone(), "no client is connected that the server could speak to")
                .help("let one connect before: `ada connects`")),
            [first, ..] => {
                let names: Vec<String> = open.iter().map(|name| format!("`{name}`")).collect();
                Err(Mistake::new(range.clone(), format!("to whom? {} are connected", names.join(" and ")))
                    .help(format!("name the client: `server sends … to {first}`, `server closes {first} …`")))
            }
        }
    }

    fn help_unknown(&self, name: &str) -> String {
        let open = self.links.iter().filter(|(_, link)| **link != Link::Gone).map(|(known, _)| known.as_str());
        match mistake::nearest(name, open) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("let it connect before: `{name} connects`"),
        }
    }

    pub(super) fn link(&self, name: &str) -> Link {
        self.links.get(name).copied().unwrap_or(Link::Gone)
    }
}

const DEFAULT_PORT: u16 = 8080;
const MAX_WAITS: Duration = Duration::from_secs(30);
/// What is sent is recorded, and what is recorded is kept in memory.
const MAX_SAID: usize = 64 << 20;
/// Stands for the whole step.
const NOWHERE: Range<usize> = 0..0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::{Closing, Key, Opening, Utterance};

    fn check(script: &str, wrong: &str, message: &str, help: &str) {
        let error = Scenario::parse(script).unwrap_err();
        let found = (&script[error.range], error.message.as_str(), error.help.as_deref().unwrap_or_default());
        assert_eq!(found, (wrong, message, help), "{script}");
    }

    #[test]
    fn header_fields_are_added_before_anyone_connects() {
        let scenario = Scenario::parse("clients add \"A: 1\" \"b:2\"\nclients add \"C:\"\nada connects").unwrap();
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = vec![field("A", "1"), field("b", "2"), field("C", "")];
        assert_eq!(scenario.fields, all);
        let Action::Connect { opening, .. } = &scenario.steps[0].action else { panic!("{:?}", scenario.steps) };
        assert_eq!(opening.fields, all);
        let late = "what all are like is said before that";
        check("ada connects\nclients add \"A: 1\"", "clients add \"A: 1\"", "somebody has connected already", late);
        let own = "it says how the message is to be read";
        check("clients add \"Host: x\"", "\"Host: x\"", "`Host` is the client's own business", own);
        let help = "letters, digits and `-`, as \"User-Agent\"";
        check("clients add \"a b: x\"", "\"a b: x\"", "`a b` is no name of a header field", help);
        let many = "clients add \"a: 1\" \"b: 2\" \"c: 3\" \"d: 4\" \"e: 5\" \"f: 6\" \"g: 7\" \"h: 8\" \"i: 9\"";
        let bound = "at most 16 header fields can be added, of 4096 octets together";
        let error = Scenario::parse(&format!("{many}\n{many}")).unwrap_err();
        assert_eq!((error.message.as_str(), error.range.start), (bound, many.len() + 1), "also over several steps");
        let long = format!("clients add \"a: {}\"", "x".repeat(4096));
        assert_eq!(Scenario::parse(&long).unwrap_err().message, bound);
        let ascii = "the value of `a` has more than visible ASCII";
        check("clients add \"a: x\\r\\nb: y\"", "\"a: x\\r\\nb: y\"", ascii, "leave out what is not ASCII");
    }

    #[test]
    fn a_session_of_socketio_does_not_end_as_a_connection_does() {
        let help = "`fay disconnects` and `server disconnects fay` say so, `fay loses connection` says nothing";
        for step in ["fay closes", "server closes", "fay aborts", "server aborts fay", "fay hangs up"] {
            let script = format!("fay connects to socket.io\n{step}\nfay disconnects");
            check(&script, step, "a session of Socket.IO ends otherwise", help);
        }
    }

    #[test]
    fn a_whole_play() {
        let script = concat!(
            "server listens on 9000\n",
            "# a comment\n",
            "ada connects · ada sends text \"hello\"\n",
            "server sends text \"hi\"\n",
            "eve connects without key\n",
            "wait 20ms\n",
            "ada closes 1000 \"bye\"\n",
        );
        let ada = || "ada".to_owned();
        let step = |line, text: &str, action| {
            let start = script.find(text).unwrap();
            Step { line, range: start..start + text.len(), action }
        };
        let say =
            |direction, text: &str| Action::Say { client: ada(), direction, what: Utterance::Text(text.to_owned()) };
        let broken = Opening { key: Key::Missing, ..Opening::default() };
        let nothing = Scenario {
            ground: Ground::Loopback,
            recorded_at: Vantage::Client,
            keeps_events: false,
            recovers: None,
            heartbeat: None,
            fields: Vec::new(),
            seed: None,
            secure: None,
            refused: BTreeMap::new(),
            port: 8080,
            steps: Vec::new(),
        };
        assert_eq!(Scenario::parse("").unwrap(), nothing);
        let expected = Scenario {
            port: 9000,
            steps: vec![
                step(3, "ada connects", Action::Connect { client: ada(), opening: Opening::default() }),
                step(3, "ada sends text \"hello\"", say(Direction::ToServer, "hello")),
                step(4, "server sends text \"hi\"", say(Direction::ToClient, "hi")),
                step(5, "eve connects without key", Action::Connect { client: "eve".to_owned(), opening: broken }),
                step(6, "wait 20ms", Action::Wait(Duration::from_millis(20))),
                step(
                    7,
                    "ada closes 1000 \"bye\"",
                    Action::Close {
                        client: ada(),
                        direction: Direction::ToServer,
                        reason: Some(Closing { code: 1000, reason: "bye".to_owned() }),
                    },
                ),
            ],
            ..nothing
        };
        let parsed = Scenario::parse(script).unwrap();
        assert_eq!(parsed, expected);
        assert_eq!(parsed.waits(), Duration::from_millis(20));
    }

    #[test]
    fn nobody_speaks_unconnected() {
        check("ada pings", "ada", "`ada` is not connected", "let it connect before: `ada connects`");
        check("ada connects\naba pings", "aba", "`aba` is not connected", "did you mean `ada`?");
        let again = "let it connect again before: `ada connects`. A handshake is refused without a key, with a key that \
                     is not 16 octets in base64, and with a version other than 13";
        let gone = "`ada` is not connected any more, or its handshake was refused";
        check("ada connects · ada closes · ada sends text \"x\"", "ada", gone, again);
        check("ada connects with version 12 · ada pings", "ada", gone, again);
        check("ada connects with key \"short\" · ada closes", "ada", gone, again);
        Scenario::parse("ada connects without key · ada connects · ada closes · ada connects").unwrap();
        check(
            "ada connects · ada connects",
            "ada",
            "`ada` is connected already",
            "let it close first, or connect a client of another name",
        );
    }

    #[test]
    fn the_server_must_know_whom_it_means() {
        check(
            "server sends text \"x\"",
            "server sends text \"x\"",
            "no client is connected that the server could speak to",
            "let one connect before: `ada connects`",
        );
        check(
            "ada connects\nbob connects\nserver closes 1000",
            "server closes 1000",
            "to whom? `ada` and `bob` are connected",
            "name the client: `server sends … to ada`, `server closes ada …`",
        );
        Scenario::parse("ada connects · bob connects · ada closes · server pings").unwrap();
    }

    #[test]
    fn the_server_listens_first_and_once() {
        let help = "`server listens on …` is the first step, or is left out";
        check("wait 1ms · server listens on 80", "server listens on 80", "the server listens already", help);
    }

    #[test]
    fn a_step_may_be_repeated() {
        let scenario = Scenario::parse("ada opens tcp\n3 times every 20ms ada writes \"x\"\n").unwrap();
        let waits = scenario.steps.iter().filter(|step| matches!(step.action, Action::Wait(_))).count();
        assert_eq!((scenario.steps.len(), waits, scenario.waits()), (7, 3, Duration::from_millis(60)));
        let many = "a script has at most 1000 steps, repeated ones counted each";
        check(
            "ada opens tcp · 1000 times every 1ms ada writes \"x\"",
            "1000 times every 1ms ada writes \"x\"",
            many,
            "",
        );
        let error = Scenario::parse("0 times wait 1ms").unwrap_err();
        assert_eq!(error.message, "`0` is not a number of times");
        check(
            "2 times ada opens tcp",
            "ada",
            "`ada` is connected already",
            "let it close first, or connect a client of another name",
        );
    }

    #[test]
    fn each_kind_of_connection_has_its_own_verbs() {
        let mixed = |has: &str, needs: &str| format!("`ada` has {has} open, and this is for {needs}");
        for (script, has, needs, opens) in [
            ("ada opens tcp · ada sends text \"x\"", "plain TCP", "WebSocket", "connects"),
            ("ada connects · ada writes \"x\"", "WebSocket", "plain TCP", "opens tcp"),
            ("ada gets / · ada writes \"x\"", "HTTP", "plain TCP", "opens tcp"),
            ("ada gets / · server publishes \"x\" to ada", "HTTP", "an event stream", "subscribes to /"),
        ] {
            check(script, "ada", &mixed(has, needs), &format!("let another client do it, which begins with `{opens}`"));
        }
        check(
            "ada opens tcp · ada closes 1000",
            "ada closes 1000",
            "only a WebSocket is closed with a code",
            "write `closes` alone: TCP has a FIN, which says nothing more",
        );
        Scenario::parse("ada gets / · ada gets / · server closes · ada gets / over http/1.0 · ada opens tcp").unwrap();
        check(
            "ada gets / · ada gets / over http/1.0",
            "ada",
            "`ada` has an HTTP/1.1 connection open",
            "HTTP/1.0 opens a connection for each request: let it close first",
        );
        let learns = "UDP opens nothing: the server learns an address from a datagram; let the client send one before";
        let unknown = "the server does not know where to send it";
        check("server sends datagram \"x\"", "server sends datagram \"x\"", unknown, learns);
        check("ada sends datagram \"x\" · server sends datagram \"y\" to bob", "bob", unknown, learns);
        Scenario::parse("ada sends datagram \"x\" · server sends datagram \"y\"").unwrap();
    }

    #[test]
    fn who_has_ended_or_does_not_read_is_followed() {
        let ended = "this direction of the connection has ended";
        for (script, wrong, message) in [
            ("ada opens tcp · ada half-closes · ada writes \"x\"", "ada writes \"x\"", ended),
            ("ada opens tcp · ada half-closes · ada half-closes", "ada half-closes", ended),
            (
                "ada opens tcp · ada half-closes · server half-closes",
                "server half-closes",
                "the other direction has ended already",
            ),
            ("ada connects · ada reads again", "ada reads again", "it has not stopped reading"),
            ("ada connects · ada stops reading · ada stops reading", "ada stops reading", "it does not read already"),
            (
                "ada connects · ada stops reading · ada closes",
                "ada closes",
                "one side of the connection of `ada` does not read, and has to for this",
            ),
            (
                "ada connects · server stops reading ada · 3 times ada sends text of 100000 bytes",
                "3 times ada sends text of 100000 bytes",
                "more than 204800 bytes would wait for who does not read",
            ),
            ("ada gets / · ada stops reading", "ada stops reading", "this connection is always read"),
            (
                "eve subscribes to / · server stops reading eve",
                "server stops reading eve",
                "this connection is always read",
            ),
            ("ada connects · ada half-closes", "ada", "`ada` has WebSocket open, and this is for plain TCP"),
        ] {
            let error = Scenario::parse(script).unwrap_err();
            let at = script.rfind(wrong).unwrap();
            assert_eq!((&script[error.range.clone()], error.message.as_str()), (wrong, message), "{script}");
            assert!(error.range.start <= at, "{script}");
        }
        Scenario::parse(
            "ada opens tcp · ada half-closes · server writes \"x\" · server closes · ada opens tcp · ada writes \"y\"",
        )
        .unwrap();
    }

    #[test]
    fn who_has_forgotten_is_found_out() {
        let known = "ada connects\nserver forgets ada\n";
        for (script, wrong, message) in [
            ("server sends text \"x\"", "server sends text \"x\"", "the server has forgotten this connection"),
            ("ada pings", "ada pings", "the server has forgotten this connection"),
            ("ada connects", "ada", "the server has forgotten this connection"),
            ("ada closes", "ada closes", "the server has forgotten this connection"),
            ("ada stops reading", "ada stops reading", "the server has forgotten this connection"),
            ("ada forgets the server", "ada forgets the server", "the server has forgotten this connection"),
            ("ada sends text \"?\"\nada sends text \"!\"", "ada", "`ada` is not connected any more"),
            ("bob gets /\nserver forgets bob", "server forgets bob", "only plain TCP and WebSockets are forgotten"),
        ] {
            let script = known.to_owned() + script;
            let error = Scenario::parse(&script).unwrap_err();
            assert!(error.message.starts_with(message), "{script}: {}", error.message);
            assert_eq!(&script[error.range], wrong, "{script}");
            assert!(error.help.is_some());
        }
        let again = known.to_owned() + "ada sends text \"?\"\nada connects\nada sends text \"!\"\n";
        let actions: Vec<Action> = Scenario::parse(&again).unwrap().steps.into_iter().map(|step| step.action).collect();
        assert!(matches!(actions[2], Action::FindOut(_)) && matches!(actions[4], Action::Say { .. }));
    }

    #[test]
    fn several_steps_may_be_repeated() {
        let script = "ada opens tcp\nrepeat 2 times every 5ms\nada writes \"x\"\nrepeat 3 times\nserver writes \"y\"\nend\nend\n";
        let scenario = Scenario::parse(script).unwrap();
        assert_eq!(scenario.steps.len(), 1 + 2 * (1 + 3 + 1));
        assert_eq!((scenario.steps[1].line, scenario.waits()), (3, Duration::from_millis(10)));
        for (script, wrong, message) in [
            ("wait 1ms · end", "end", "there is nothing that ends here"),
            ("repeat 2 times · wait 1ms", "repeat 2 times", "what is repeated has no end"),
            (
                "repeat 900 times · wait 1ms · wait 1ms · end",
                "end",
                "a script has at most 1000 steps, repeated ones counted each",
            ),
            (
                "repeat 2 times · repeat 2 times · repeat 2 times · repeat 2 times · repeat 3 times · wait 1ms",
                "repeat 3 times",
                "steps are repeated at most 4 deep",
            ),
            ("repeat often", "often", "`often` is not a number of times"),
        ] {
            let error = Scenario::parse(script).unwrap_err();
            assert_eq!((&script[error.range], error.message.as_str()), (wrong, message), "{script}");
        }
    }

    #[test]
    fn the_whole_is_bounded() {
        let script = "wait 10s\n".repeat(4);
        let error = Scenario::parse(&script).unwrap_err();
        assert_eq!((error.range, error.message.as_str()), (27..35, "all waits together last at most 30 seconds"));
        let script = format!("ada connects\n{}", "ada sends text of 1048576 bytes\n".repeat(65));
        let error = Scenario::parse(&script).unwrap_err();
        assert_eq!(error.message, "all messages together have at most 64 MiB");
    }
}
