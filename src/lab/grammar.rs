//! From words to statements: the verbs of the script language, one small reader each.
//!
//! ```text
//! statement = "server listens on" port
//!           / client "connects" [ "to" path ] *( "with key" text / "with compression" [ "without takeover" ] / "without key" / "with version" number / "offering" text )
//!           / actor "sends" said [ "to" client ]       ; a client speaks to the server only
//!           / actor "pings" [ text ] [ "to" client ]
//!           / client "closes" [ code [ text ] ]
//!           / "server closes" [ client ] [ code [ text ] ]
//!           / "wait" time
//!           / what `verbs.rs` reads
//! said      = "raw" octets [ "refused" ] / ( "text" / "binary hex" / "fragments" ) value(s) / ( "text" / "binary" ) "of" number "bytes"
//! ```

use std::ops::Range;
use std::time::Duration;

use crate::lab::fault::Fault;
use crate::lab::ground::{Ground, Vantage};
use crate::lab::phrases::{closing, opening, ping, said, several};
use crate::lab::reader::{Name, Reader};
use crate::lab::scenario::{Closing, Event, Exchange, Opening, Utterance};
use crate::lab::socketio::grammar::{self as socketio, Spoken};
use crate::lab::tls::TlsVersion;
use crate::lab::verbs;
use crate::lab::words::{Sentence, sentences};
use crate::mistake::Mistake;

/// One step as it is written, before anyone asks whether it can be played there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub line: usize,
    pub range: Range<usize>,
    /// How often it is played.
    pub times: Times,
    pub verb: Verb,
}

/// How often a step is played, and how long after each time nothing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub count: usize,
    pub pause: Option<Duration>,
}

/// What a step says. A name is missing where the script leaves it to be guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Listen {
        port: u16,
    },
    Connect {
        client: Name,
        opening: Opening,
    },
    Say {
        by: Speaker,
        what: Utterance,
    },
    Close {
        by: Speaker,
        reason: Option<Closing>,
    },
    Wait {
        time: Duration,
    },
    Open {
        client: Name,
        tls: Option<TlsVersion>,
    },
    Write {
        by: Speaker,
        octets: Vec<u8>,
    },
    Abort {
        by: Speaker,
    },
    HangUp {
        by: Speaker,
    },
    HalfClose {
        by: Speaker,
    },
    /// Who loses its end of the connection without a word.
    Forget {
        by: Speaker,
    },
    /// The wire resets a connection.
    CutOff {
        client: Name,
    },
    /// Who does not read, or does again.
    Reading {
        by: Speaker,
        again: bool,
    },
    Datagram {
        by: Speaker,
        payload: Vec<u8>,
    },
    /// All of them ask before any is answered.
    Get {
        clients: Vec<Name>,
        exchange: Exchange,
    },
    Subscribe {
        client: Name,
        path: String,
        last: Option<String>,
        tls: Option<TlsVersion>,
    },
    Publish {
        to: Option<Name>,
        event: Event,
    },
    Ground {
        ground: Ground,
        recorded_at: Vantage,
    },
    Fault {
        fault: Fault,
    },
    SocketIo {
        spoken: Spoken,
    },
    Refuse {
        namespace: String,
        reason: String,
    },
    KeepEvents,
    /// The server remembers sessions that were cut off for so long, and what it sent.
    Recover {
        lasts: Duration,
    },
    /// What keys and masks follow from.
    Seed {
        seed: u32,
    },
    /// Header fields that every request of a client has besides.
    Fields {
        fields: Vec<(String, String)>,
    },
    /// How often the server of Socket.IO asks whether a client is there, and how long it waits for the answer.
    Heartbeat {
        every: Duration,
        within: Duration,
    },
    /// The server speaks Socket.IO over TLS.
    Secure {
        version: TlsVersion,
    },
    /// The steps up to `end` are played so often.
    Repeat {
        times: Times,
    },
    End,
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaker {
    Client(Name),
    Server { to: Option<Name> },
}

/// Reads a whole script.
pub fn parse(script: &str) -> Result<Vec<Statement>, Mistake> {
    let sentences = sentences(script)?;
    if let Some(beyond) = sentences.get(MAX_STEPS) {
        return Err(Mistake::new(beyond.range(), format!("a script has at most {MAX_STEPS} steps")));
    }
    sentences.iter().map(statement).collect()
}

fn statement(sentence: &Sentence) -> Result<Statement, Mistake> {
    let mut words = Reader::new(&sentence.words);
    let times = words.times()?;
    let verb = match words.actor()? {
        None if words.keyword("wait") => Verb::Wait { time: verbs::wait(&mut words)? },
        None if words.keyword("repeat") => Verb::Repeat { times: words.rounds()? },
        None if words.keyword("end") => Verb::End,
        None if words.keyword("network") => verbs::ground(&mut words)?,
        None if words.keyword("seed") => Verb::Seed { seed: words.seed()? },
        None if words.keyword("clients") => Verb::Fields { fields: verbs::fields(&mut words)? },
        None if words.phrase(&["link", "resets"]) => Verb::CutOff { client: words.client()? },
        None if words.keyword("link") => Verb::Fault { fault: verbs::fault(&mut words)? },
        None => server_verb(&mut words)?,
        Some(client) => match several(&mut words, &client)? {
            others if others.is_empty() => client_verb(&mut words, client)?,
            others => {
                words.expect("get")?;
                let clients = std::iter::once(client).chain(others).collect();
                Verb::Get { clients, exchange: verbs::exchange(&mut words)? }
            }
        },
    };
    words.end()?;
    Ok(Statement { line: sentence.line, range: sentence.range(), times, verb })
}

fn server_verb(words: &mut Reader<'_>) -> Result<Verb, Mistake> {
    words.expect("server")?;
    match words.one_of("what the server does", SERVER_VERBS)? {
        "listens" => {
            words.expect("on")?;
            Ok(Verb::Listen { port: words.port()? })
        }
        "closes" => {
            let to = words.name_if_any()?;
            Ok(Verb::Close { by: Speaker::Server { to }, reason: closing(words)? })
        }
        verb if SOCKETIO_VERBS.contains(&verb) => socketio_verb(words, verb),
        "aborts" => Ok(Verb::Abort { by: Speaker::Server { to: words.name_if_any()? } }),
        "hangs" => {
            words.expect("up")?;
            Ok(Verb::HangUp { by: Speaker::Server { to: words.name_if_any()? } })
        }
        "forgets" => Ok(Verb::Forget { by: Speaker::Server { to: words.name_if_any()? } }),
        "half-closes" => Ok(Verb::HalfClose { by: Speaker::Server { to: words.name_if_any()? } }),
        "stops" => {
            words.expect("reading")?;
            Ok(Verb::Reading { by: Speaker::Server { to: words.name_if_any()? }, again: false })
        }
        "reads" => {
            let to = if words.range_of("again").is_some() { None } else { words.name_if_any()? };
            words.expect("again")?;
            Ok(Verb::Reading { by: Speaker::Server { to }, again: true })
        }
        "writes" => {
            let octets = verbs::written(words)?;
            Ok(Verb::Write { by: Speaker::Server { to: recipient(words)? }, octets })
        }
        "publishes" => {
            let event = verbs::event(words)?;
            Ok(Verb::Publish { to: recipient(words)?, event })
        }
        "sends" if words.keyword("datagram") => {
            let payload = verbs::datagram(words)?;
            Ok(Verb::Datagram { by: Speaker::Server { to: recipient(words)? }, payload })
        }
        verb => {
            let what = if verb == "sends" { said(words)? } else { ping(words)? };
            Ok(Verb::Say { by: Speaker::Server { to: recipient(words)? }, what })
        }
    }
}

/// What only a server of Socket.IO does.
fn socketio_verb(words: &mut Reader<'_>, verb: &str) -> Result<Verb, Mistake> {
    match verb {
        "emits" => Ok(Verb::SocketIo { spoken: socketio::server_emits(words)? }),
        verb @ ("puts" | "takes") => Ok(Verb::SocketIo { spoken: socketio::room(words, verb == "puts")? }),
        "disconnects" => Ok(Verb::SocketIo { spoken: socketio::leave(words.client()?, true) }),
        "keeps" => {
            words.expect("events")?;
            Ok(Verb::KeepEvents)
        }
        "recovers" => Ok(Verb::Recover { lasts: socketio::recovers(words)? }),
        "checks" => {
            words.expect("every")?;
            let every = words.time()?;
            words.expect("within")?;
            Ok(Verb::Heartbeat { every, within: words.time()? })
        }
        "speaks" => {
            words.expect("socket.io")?;
            words.expect("over")?;
            Ok(Verb::Secure { version: verbs::tls(words)? })
        }
        "restarts" => Ok(Verb::SocketIo { spoken: socketio::restart(words)? }),
        "swallows" => Ok(Verb::SocketIo { spoken: socketio::swallow(words)? }),
        _ => {
            let (namespace, reason) = socketio::refusal(words)?;
            Ok(Verb::Refuse { namespace, reason })
        }
    }
}

fn client_verb(words: &mut Reader<'_>, client: Name) -> Result<Verb, Mistake> {
    let verb = match words.one_of("what a client does", CLIENT_VERBS)? {
        "connects" if words.phrase(&["to", "socket.io"]) => {
            return Ok(Verb::SocketIo { spoken: socketio::join(words, client)? });
        }
        "emits" => Verb::SocketIo { spoken: socketio::client_emits(words, client)? },
        "disconnects" => return Ok(Verb::SocketIo { spoken: socketio::leave(client, false) }),
        "loses" => return Ok(Verb::SocketIo { spoken: socketio::lose(words, client)? }),
        "connects" => return Ok(Verb::Connect { client, opening: opening(words)? }),
        "closes" => return Ok(Verb::Close { by: Speaker::Client(client), reason: closing(words)? }),
        "aborts" => return Ok(Verb::Abort { by: Speaker::Client(client) }),
        "forgets" => {
            words.expect("the")?;
            words.expect("server")?;
            return Ok(Verb::Forget { by: Speaker::Client(client) });
        }
        "half-closes" => return Ok(Verb::HalfClose { by: Speaker::Client(client) }),
        "hangs" => {
            words.expect("up")?;
            return Ok(Verb::HangUp { by: Speaker::Client(client) });
        }
        "stops" => {
            words.expect("reading")?;
            return Ok(Verb::Reading { by: Speaker::Client(client), again: false });
        }
        "reads" => {
            words.expect("again")?;
            return Ok(Verb::Reading { by: Speaker::Client(client), again: true });
        }
        "gets" => return Ok(Verb::Get { clients: vec![client], exchange: verbs::exchange(words)? }),
        "opens" => {
            words.expect("tcp")?;
            return Ok(Verb::Open { client, tls: verbs::over_tls(words)? });
        }
        "subscribes" => {
            let (path, last, tls) = verbs::subscription(words)?;
            return Ok(Verb::Subscribe { client, path, last, tls });
        }
        "writes" => Verb::Write { by: Speaker::Client(client), octets: verbs::written(words)? },
        "sends" if words.keyword("datagram") => {
            Verb::Datagram { by: Speaker::Client(client), payload: verbs::datagram(words)? }
        }
        "sends" => Verb::Say { by: Speaker::Client(client), what: said(words)? },
        _ => Verb::Say { by: Speaker::Client(client), what: ping(words)? },
    };
    if let Some(range) = words.range_of("to") {
        return Err(Mistake::new(range, "a client speaks to the server only")
            .help("leave out `to …`; for another client to hear it, let the server send it on"));
    }
    Ok(verb)
}

/// To whom the server speaks, if it is said.
fn recipient(words: &mut Reader<'_>) -> Result<Option<Name>, Mistake> {
    if words.keyword("to") { words.client().map(Some) } else { Ok(None) }
}

const CLIENT_VERBS: &[&str] = &[
    "connects",
    "sends",
    "pings",
    "closes",
    "opens",
    "writes",
    "gets",
    "subscribes",
    "aborts",
    "emits",
    "disconnects",
    "loses",
    "hangs",
    "forgets",
    "half-closes",
    "stops",
    "reads",
];
/// Those of a server of Socket.IO.
const SOCKETIO_VERBS: &[&str] = &[
    "emits",
    "puts",
    "takes",
    "disconnects",
    "keeps",
    "recovers",
    "checks",
    "speaks",
    "restarts",
    "swallows",
    "refuses",
];
const SERVER_VERBS: &[&str] = &[
    "listens",
    "sends",
    "pings",
    "closes",
    "writes",
    "publishes",
    "aborts",
    "emits",
    "puts",
    "takes",
    "disconnects",
    "refuses",
    "keeps",
    "recovers",
    "checks",
    "speaks",
    "restarts",
    "swallows",
    "hangs",
    "forgets",
    "half-closes",
    "stops",
    "reads",
];

pub const MAX_STEPS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::{Compression, Key};

    fn verb(script: &str) -> Verb {
        let mut statements = parse(script).unwrap();
        assert_eq!(statements.len(), 1);
        statements.remove(0).verb
    }

    fn name(name: &str, start: usize) -> Name {
        Name { name: name.to_owned(), range: start..start + name.len() }
    }

    /// What is wrong, where, and what helps.
    fn refused(script: &str) -> (&str, String, String) {
        let error = parse(script).unwrap_err();
        (&script[error.range], error.message, error.help.unwrap_or_default())
    }

    fn words(wrong: &str, message: &str, help: &str) -> (String, String, String) {
        (wrong.to_owned(), message.to_owned(), help.to_owned())
    }

    fn check(script: &str, wrong: &str, message: &str, help: &str) {
        let (at, said, helped) = refused(script);
        assert_eq!(words(at, &said, &helped), words(wrong, message, help), "{script}");
    }

    #[test]
    fn several_ask_together() {
        match verb("ada and bob get /news after 5ms") {
            Verb::Get { clients, exchange } => {
                assert_eq!(clients, [name("ada", 0), name("bob", 8)]);
                assert_eq!(exchange.held, Duration::from_millis(5));
            }
            other => panic!("{other:?}"),
        }
        check("ada and ada get /", "ada", "`ada` is named already", "who asks asks once in a step");
        let (wrong, message, _) = refused("ada and bob close");
        assert_eq!((wrong, message.as_str()), ("close", "here `get` was expected, not `close`"));
    }

    #[test]
    fn connects() {
        let plain = Verb::Connect { client: name("ada", 0), opening: Opening::default() };
        assert_eq!(verb("ada connects"), plain);
        let opening = Opening {
            path: "/chat?x=%20".to_owned(),
            key: Key::Fixed("dGhlIHNhbXBsZSBub25jZQ==".to_owned()),
            version: 9,
            offering: Some("chat, superchat".to_owned()),
            tls: Some(TlsVersion::V12),
            compression: Some(Compression { takeover: false }),
            fields: Vec::new(),
            masks: None,
        };
        assert_eq!(
            verb(
                r#"b-1 connects to /chat?x=%20 offering "chat, superchat" over tls 1.2 with version 9 with compression without takeover with key "dGhlIHNhbXBsZSBub25jZQ==""#
            ),
            Verb::Connect { client: name("b-1", 0), opening }
        );
        let opening = Opening { key: Key::Missing, ..Opening::default() };
        assert_eq!(verb("eve connects without key"), Verb::Connect { client: name("eve", 0), opening });
    }

    #[test]
    fn one_time_has_its_noun() {
        let times = |text: &str| parse(text).unwrap().remove(0).times;
        assert_eq!(times("1 time ada pings"), Times { count: 1, pause: None });
        assert_eq!(times("1 times ada pings"), times("1 time ada pings"));
    }

    #[test]
    fn listens_and_waits() {
        assert_eq!(verb("server listens on 9000"), Verb::Listen { port: 9000 });
        assert_eq!(verb("wait 20ms"), Verb::Wait { time: Duration::from_millis(20) });
        assert_eq!(verb("wait 2s"), Verb::Wait { time: Duration::from_secs(2) });
    }

    #[test]
    fn sends() {
        let ada = || Speaker::Client(name("ada", 0));
        let text = |text: &str| Utterance::Text(text.to_owned());
        assert_eq!(verb(r#"ada sends text "a\"b""#), Verb::Say { by: ada(), what: text("a\"b") });
        assert_eq!(
            verb("ada sends text of 28 bytes"),
            Verb::Say { by: ada(), what: text("abcdefghijklmnopqrstuvwxyzab") }
        );
        assert_eq!(
            verb("ada sends binary hex 00ff10"),
            Verb::Say { by: ada(), what: Utterance::Binary(vec![0, 0xff, 0x10]) }
        );
        let seeded = Utterance::Binary(vec![202, 47, 88, 138, 190, 18, 135, 8, 70, 206]);
        assert_eq!(verb("ada sends binary of 10 bytes"), Verb::Say { by: ada(), what: seeded });
        let parts = vec!["Hel".to_owned(), "lo".to_owned()];
        assert_eq!(
            verb(r#"ada sends fragments "Hel" "lo""#),
            Verb::Say { by: ada(), what: Utterance::Fragments(parts) }
        );
        assert_eq!(
            verb(r#"server sends text "hi" to ada"#),
            Verb::Say { by: Speaker::Server { to: Some(name("ada", 26)) }, what: text("hi") }
        );
    }

    #[test]
    fn pings_and_closes() {
        let ada = || Speaker::Client(name("ada", 0));
        assert_eq!(verb(r#"ada pings "hi""#), Verb::Say { by: ada(), what: Utterance::Ping(b"hi".to_vec()) });
        assert_eq!(
            verb("server pings"),
            Verb::Say { by: Speaker::Server { to: None }, what: Utterance::Ping(Vec::new()) }
        );
        assert_eq!(verb("ada closes"), Verb::Close { by: ada(), reason: None });
        let reason = Some(Closing { code: 1000, reason: "bye".to_owned() });
        assert_eq!(verb(r#"ada closes 1000 "bye""#), Verb::Close { by: ada(), reason: reason.clone() });
        let by = Speaker::Server { to: Some(name("ada", 14)) };
        assert_eq!(verb(r#"server closes ada 1000 "bye""#), Verb::Close { by, reason });
        let reason = Some(Closing { code: 4001, reason: String::new() });
        assert_eq!(verb("server closes 4001"), Verb::Close { by: Speaker::Server { to: None }, reason });
    }

    #[test]
    fn what_a_newcomer_writes_is_answered() {
        for endless in ["wait forever", "wait until bob connects", "wait for bob"] {
            let error = parse(endless).unwrap_err();
            assert_eq!(
                error.help.as_deref(),
                Some("write how long, such as `wait 20ms`; a step that sends waits by itself until it has arrived")
            );
        }
        let help =
            "all wait, and nobody in particular: write `wait 20ms`; a step is over when what it sends has arrived";
        check("ada waits 20ms", "waits", "`waits` is not what a client does", help);
        check("server waits", "waits", "`waits` is not what the server does", help);
        for all in ["everyone connects", "all connects", "server sends text \"x\" to everyone"] {
            let error = parse(all).unwrap_err();
            assert!(error.message.ends_with("is nobody's name: in a step one client acts"), "{all}: {error:?}");
        }
    }

    #[test]
    fn misspelt_words_are_guessed() {
        check("ada conects", "conects", "`conects` is not what a client does", "did you mean `connects`?");
        check("server snds text \"a\"", "snds", "`snds` is not what the server does", "did you mean `sends`?");
        check(
            "serve listens on 1",
            "listens",
            "`listens` is not what a client does",
            "only the server does that; write `server listens`",
        );
        check("ada sends txt \"a\"", "txt", "`txt` is not what is sent", "did you mean `text`?");
        check("ada connects wiht key \"a\"", "wiht", "`wiht` is not how it connects", "did you mean `with`?");
        check("ada dances", "dances", "`dances` is not what a client does", CLIENT_DOES);
        check("wat 20ms", "20ms", "`20ms` is not what a client does", "did you mean `wait`?");
        check(
            "server connects",
            "connects",
            "`connects` is not what the server does",
            "only a client does that; begin with a client's name, such as `ada connects`",
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        check("ada", "", "what a client does is missing", CLIENT_DOES);
        check("server listens", "", "`on` is missing", "");
        check("ada sends text", "", "the text in quotes is missing", "");
        check("ada sends text hello", "hello", "`hello` is not the text in quotes", "write `\"hello\"`");
        check("wait", "", "a time is missing", "write it as `20ms` or `2s`");
        check(
            "ada sends fragments \"a\"",
            "\"a\"",
            "a message in fragments has at least two",
            "give each fragment in quotes: `ada sends fragments \"Hel\" \"lo\"`",
        );
    }

    #[test]
    fn what_is_too_much_is_shown() {
        check("ada closes 1000 \"bye\" now", "now", "`now` is one word too many", "");
        check("ada connects without key without key", "without key", "this was said before in the same step", "");
        check(
            "ada sends text \"a\" to bob",
            "to",
            "a client speaks to the server only",
            "leave out `to …`; for another client to hear it, let the server send it on",
        );
    }

    #[test]
    fn values_have_limits() {
        check(
            "wait 11s",
            "11s",
            "one wait lasts at most 10 seconds",
            "several may follow each other, 30 seconds in all",
        );
        check("ada sends text of 1048577 bytes", "1048577", "a message has at most 1048576 bytes", "");
        check("server listens on 0", "0", "`0` is not a port", "a port is a number from 1 to 65535");
        check("ada connects with version 256", "256", "`256` is not a version", "a version is a number from 0 to 255");
        check(
            "ada closes 1005",
            "1005",
            "the code 1005 never travels in a Close frame",
            "RFC 6455 §7.4.1 keeps it for what an endpoint reports to its own program; write `closes` alone to send no code",
        );
        check(
            "ada closes 17",
            "17",
            "`17` is not a close code",
            "RFC 6455 §7.4: 1000 is a normal closure, 1001 going away; 3000 to 4999 are free for programs",
        );
        check("ada sends binary hex 0f1", "0f1", "`0f1` is not a whole number of bytes in hex", "");
        check("ada connects to chat", "chat", "`chat` is not a path", PATHS);
        check("ada connects to /a#b", "/a#b", "`/a#b` is not a path", PATHS);
        check("Ada connects", "Ada", "`Ada` is not a name", NAMES);
        check("text connects", "text", "`text` is a word of the script language, not a name", NAMES);
        let long = format!("ada pings \"{}\"", "x".repeat(126));
        assert_eq!(refused(&long).1, "a ping carries at most 125 bytes, this is 126");
        let long = format!("ada closes 1000 \"{}\"", "x".repeat(124));
        assert_eq!(refused(&long).1, "a reason has at most 123 bytes, this is 124");
        let steps = "wait 1ms\n".repeat(1001);
        let error = parse(&steps).unwrap_err();
        assert_eq!((error.range, error.message.as_str()), (9000..9008, "a script has at most 1000 steps"));
    }

    #[test]
    fn no_text_is_too_strange() {
        let strange =
            ["\"", "server", "server closes \"x\"", "ada sends \"text\"", "wait \"2s\"", "·#", "ada connects to"];
        for script in strange {
            let _ = parse(script);
        }
    }

    const CLIENT_DOES: &str = "it is one of `connects`, `sends`, `pings`, `closes`, `opens`, `writes`, `gets`, `subscribes`, `aborts`, `emits`, \
             `disconnects`, `loses`, `hangs`, `forgets`, `half-closes`, `stops`, `reads`";
    const PATHS: &str =
        "a path begins with `/`; other than letters and digits it has only `-._~!$&'()*+,;=:@/?` and `%`";
    const NAMES: &str = "a client's name is a small letter, then small letters, digits, `-` or `_`, such as `ada`";
}
