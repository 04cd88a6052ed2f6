//! Follows a script before it is played: who is connected at which step, and whom the server means.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lab::grammar::{self, Speaker, Statement, Verb};
use crate::lab::reader::Name;
use crate::lab::scenario::{Action, Scenario, Step, Utterance};
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
    let mut scenario = Scenario { port: DEFAULT_PORT, steps: Vec::with_capacity(statements.len()) };
    for (index, statement) in statements.into_iter().enumerate() {
        let Statement { line, range, verb } = statement;
        let at = range.clone();
        let action = match verb {
            Verb::Listen { port } if index == 0 => {
                scenario.port = port;
                continue;
            }
            Verb::Listen { .. } => {
                return Err(Mistake::new(range, "the server listens already")
                    .help("`server listens on …` is the first step, or is left out"));
            }
            Verb::Wait { time } => cast.wait(time),
            Verb::Connect { client, opening } => {
                cast.connect(&client, opening.is_good()).map(|()| Action::Connect { client: client.name, opening })
            }
            Verb::Say { by, what } => cast.say(by, what, &range),
            Verb::Close { by, reason } => cast.speaker(by, &range).map(|(client, direction)| {
                cast.open.insert(client.clone(), false);
                Action::Close { client, direction, reason }
            }),
        };
        let action =
            action.map_err(|error| if error.range.is_empty() { Mistake { range: at, ..error } } else { error })?;
        scenario.steps.push(Step { line, range, action });
    }
    Ok(scenario)
}

/// Every client met so far, and whether its WebSocket is open.
#[derive(Default)]
struct Cast {
    open: BTreeMap<String, bool>,
    waited: Duration,
    said: usize,
}

impl Cast {
    fn wait(&mut self, time: Duration) -> Result<Action, Mistake> {
        self.waited += time;
        if self.waited > MAX_WAITS {
            return Err(Mistake::new(NOWHERE, "all waits together last at most 30 seconds"));
        }
        Ok(Action::Wait(time))
    }

    fn connect(&mut self, client: &Name, good: bool) -> Result<(), Mistake> {
        if self.is_open(&client.name) {
            let message = format!("`{}` is connected already", client.name);
            return Err(Mistake::new(client.range.clone(), message)
                .help("let it close first, or connect a client of another name"));
        }
        self.open.insert(client.name.clone(), good);
        Ok(())
    }

    fn say(&mut self, by: Speaker, what: Utterance, range: &std::ops::Range<usize>) -> Result<Action, Mistake> {
        let (client, direction) = self.speaker(by, range)?;
        self.said += match &what {
            Utterance::Text(text) => text.len(),
            Utterance::Binary(bytes) | Utterance::Ping(bytes) => bytes.len(),
            Utterance::Fragments(parts) => parts.iter().map(String::len).sum(),
        };
        if self.said > MAX_SAID {
            return Err(Mistake::new(NOWHERE, "all messages together have at most 64 MiB"));
        }
        Ok(Action::Say { client, direction, what })
    }

    /// Whose connection it is, and which side of it speaks.
    fn speaker(&self, by: Speaker, range: &std::ops::Range<usize>) -> Result<(String, Direction), Mistake> {
        let (name, direction) = match by {
            Speaker::Client(name) => (name, Direction::ToServer),
            Speaker::Server { to: Some(name) } => (name, Direction::ToClient),
            Speaker::Server { to: None } => return Ok((self.only_one(range)?, Direction::ToClient)),
        };
        if self.is_open(&name.name) {
            return Ok((name.name, direction));
        }
        let (message, help) = match self.open.get(&name.name) {
            Some(_) => (
                format!("`{}` is not connected any more, or its handshake was refused", name.name),
                format!(
                    "let it connect again before: `{} connects`. A handshake is refused without a key, with a key that \
                     is not 16 octets in base64, and with a version other than 13",
                    name.name
                ),
            ),
            None => (format!("`{}` is not connected", name.name), self.help_unknown(&name.name)),
        };
        Err(Mistake::new(name.range, message).help(help))
    }

    fn only_one(&self, range: &std::ops::Range<usize>) -> Result<String, Mistake> {
        let open: Vec<&String> = self.open.iter().filter(|(_, open)| **open).map(|(name, _)| name).collect();
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
        let open = self.open.iter().filter(|(_, open)| **open).map(|(known, _)| known.as_str());
        match mistake::nearest(name, open) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("let it connect before: `{name} connects`"),
        }
    }

    fn is_open(&self, name: &str) -> bool {
        self.open.get(name).copied().unwrap_or(false)
    }
}

const DEFAULT_PORT: u16 = 8080;
const MAX_WAITS: Duration = Duration::from_secs(30);
/// What is sent is recorded, and what is recorded is kept in memory.
const MAX_SAID: usize = 64 << 20;
/// Stands for the whole step.
const NOWHERE: std::ops::Range<usize> = 0..0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::{Closing, Key, Opening};

    fn check(script: &str, wrong: &str, message: &str, help: &str) {
        let error = Scenario::parse(script).unwrap_err();
        let found = (&script[error.range], error.message.as_str(), error.help.as_deref().unwrap_or_default());
        assert_eq!(found, (wrong, message, help), "{script}");
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
        };
        let parsed = Scenario::parse(script).unwrap();
        assert_eq!(parsed, expected);
        assert_eq!(parsed.waits(), Duration::from_millis(20));
        assert_eq!(Scenario::parse("").unwrap(), Scenario { port: 8080, steps: vec![] });
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
    fn the_whole_is_bounded() {
        let script = "wait 10s\n".repeat(4);
        let error = Scenario::parse(&script).unwrap_err();
        assert_eq!((error.range, error.message.as_str()), (27..35, "all waits together last at most 30 seconds"));
        let script = format!("ada connects\n{}", "ada sends text of 1048576 bytes\n".repeat(65));
        let error = Scenario::parse(&script).unwrap_err();
        assert_eq!(error.message, "all messages together have at most 64 MiB");
    }
}
