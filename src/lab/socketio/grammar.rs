//! The steps of Socket.IO as they are written.
//!
//! ```text
//! client "connects to socket.io" *( "over" ( "websocket" / "polling" ) / "namespace" path / "auth" text / "resuming" / "recovering" / "reconnecting after" time )
//! client "emits" event *manner [ "until acknowledged" ]
//! client ( "disconnects" / "loses connection" )
//! "server emits" event "to" ( client / "everyone" / rooms ) *( "except" ( client / rooms ) ) *manner
//! manner = "in" path / "volatile" / "in a burst of" number / "acknowledged" [ "with" args ] / "unanswered within" time
//! rooms = "room" text / "rooms" 1*text
//! "server" ( "puts" client "into" / "takes" client "out of" ) "room" text [ "in" path ]
//! "server disconnects" client
//! "server refuses" path text
//! "server recovers connections" [ "for" time ]
//! "server" ( "keeps events" / "restarts" [ "after" time ] / "swallows the next acknowledgement" )
//! event = text args
//! args  = *( text / "text of" number "bytes" / number / "true" / "false" / "null" / "json" text / "binary" ( "hex" hex / "of" number "bytes" ) )
//! ```

use std::time::Duration;

use serde_json::Value;

use crate::lab::phrases::some_text;
use crate::lab::reader::{Name, Reader};
use crate::lab::socketio::reconnection::MOST;
use crate::lab::socketio::rules::Emission;
use crate::lab::socketio::{Arg, Args, Audience, Back, Except, MAIN, SocketIoStep, Transports};
use crate::lab::verbs;
use crate::mistake::Mistake;

/// A step, and the clients it names besides the one who joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    pub step: SocketIoStep,
    pub names: Vec<Name>,
}

/// Behind `connects to socket.io`.
pub fn join(words: &mut Reader<'_>, client: Name) -> Result<Spoken, Mistake> {
    let (mut transports, mut namespace, mut auth, mut back, mut reconnects) = (None, None, None, None, None);
    while !words.at_end() {
        let here = words.here();
        let is_repeated = match words.one_of("how it connects", JOINS)? {
            "over" => {
                let over = match words.one_of("a transport", &["websocket", "polling"])? {
                    "polling" => Transports::Polling,
                    _ => Transports::WebSocket,
                };
                transports.replace(over).is_some()
            }
            "namespace" => namespace.replace(words.path()?).is_some(),
            "auth" => auth.replace(json(words)?).is_some(),
            "reconnecting" => {
                words.expect("after")?;
                let range = words.here();
                let first = words.time()?;
                if first.is_zero() || first > MOST {
                    return Err(Mistake::new(range, "a client first waits between 1ms and 5s before it comes back")
                        .help("each time after that it waits twice as long, 5s at most"));
                }
                reconnects.replace(first).is_some()
            }
            word => {
                let how = if word == "recovering" { Back::Recovering } else { Back::Resuming };
                let before = back.replace(how);
                if before.is_some_and(|before| before != how) {
                    let message = "who comes back either resumes or recovers";
                    return Err(Mistake::new(here.start..words.behind(), message)
                        .help("who recovers also says what is kept on the disk, if the server keeps events"));
                }
                before.is_some()
            }
        };
        if is_repeated {
            return Err(Mistake::new(here.start..words.behind(), "this was said before in the same step"));
        }
        let message = match (back, &auth) {
            (Some(Back::Resuming), Some(_)) => "who resumes says so in `auth`: it has room for one thing",
            (Some(Back::Recovering), Some(auth)) if !auth.is_object() => {
                "who recovers says so in `auth`: what else is said there is an object, too"
            }
            _ => continue,
        };
        return Err(Mistake::new(here.start..words.behind(), message));
    }
    let step = SocketIoStep::Join {
        client: client.name.clone(),
        transports: transports.unwrap_or_default(),
        namespace: namespace.unwrap_or_else(|| MAIN.to_owned()),
        auth,
        back: back.unwrap_or_default(),
        reconnects,
    };
    Ok(Spoken { step, names: vec![client] })
}

/// Behind `emits` of a client.
pub fn client_emits(words: &mut Reader<'_>, client: Name) -> Result<Spoken, Mistake> {
    let (event, args) = event(words)?;
    let mut emission = emission(words, event, args, false)?;
    let range = words.here();
    emission.again = words.phrase(&["until", "acknowledged"]);
    if emission.again && emission.asks() {
        return Err(Mistake::new(range.start..words.behind(), "what is sent until it is acknowledged asks each time")
            .help("leave the other manner of asking out"));
    }
    Ok(Spoken { step: SocketIoStep::ClientEmit { client: client.name.clone(), emission }, names: vec![client] })
}

/// Behind `emits` of the server.
pub fn server_emits(words: &mut Reader<'_>) -> Result<Spoken, Mistake> {
    let (event, args) = event(words)?;
    unsupported(words, EMITS_UNSUPPORTED)?;
    let is_volatile = words.keyword("volatile");
    words.expect("to")?;
    let mut names = Vec::new();
    let audience = if words.keyword("everyone") {
        Audience::Everyone
    } else if let Some(rooms) = rooms(words)? {
        Audience::Rooms(rooms)
    } else if let Some(range) = words.range_of("all") {
        return Err(Mistake::new(range, "`all` is nobody's name").help("to all who are there: `to everyone`"));
    } else {
        let client = words.client()?;
        names.push(client.clone());
        Audience::Client(client.name)
    };
    let mut except = Except::default();
    while let Some(range) = words.range_of("except") {
        words.keyword("except");
        match rooms(words)? {
            Some(rooms) => except.rooms.extend(rooms),
            None => {
                let client = words.client()?;
                if except.client.replace(client.name.clone()).is_some() {
                    let message = "only one client can be left out by name";
                    return Err(Mistake::new(client.range, message)
                        .help("put those who should not have it into a room: `except room \"…\"`"));
                }
                names.push(client);
            }
        }
        if matches!(audience, Audience::Client(_)) {
            return Err(Mistake::new(range.start..words.behind(), "one client is everyone there is to emit to"));
        }
    }
    let emission = emission(words, event, args, is_volatile)?;
    Ok(Spoken { step: SocketIoStep::ServerEmit { audience, except, emission }, names })
}

/// One room, or several, if they come next.
fn rooms(words: &mut Reader<'_>) -> Result<Option<Vec<String>>, Mistake> {
    if words.keyword("room") {
        return Ok(Some(vec![words.text("the room in quotes")?]));
    }
    if !words.keyword("rooms") {
        return Ok(None);
    }
    let mut rooms = vec![words.text("the rooms in quotes")?];
    while let Some(room) = words.text_if_any()? {
        rooms.push(room);
    }
    Ok(Some(rooms))
}

/// Behind `puts` or `takes` of the server.
pub fn room(words: &mut Reader<'_>, into: bool) -> Result<Spoken, Mistake> {
    let client = words.client()?;
    if into {
        words.expect("into")?;
    } else {
        words.expect("out")?;
        words.expect("of")?;
    }
    words.expect("room")?;
    let room = words.text("the room in quotes")?;
    let namespace = namespace(words)?;
    let step = SocketIoStep::Room { client: client.name.clone(), namespace, room, into };
    Ok(Spoken { step, names: vec![client] })
}

/// A client leaves, or the server ends its session.
pub fn leave(client: Name, by_server: bool) -> Spoken {
    Spoken { step: SocketIoStep::Leave { client: client.name.clone(), by_server }, names: vec![client] }
}

/// Behind `loses`.
pub fn lose(words: &mut Reader<'_>, client: Name) -> Result<Spoken, Mistake> {
    words.expect("connection")?;
    Ok(Spoken { step: SocketIoStep::Lose { client: client.name.clone() }, names: vec![client] })
}

/// Behind `swallows`.
pub fn swallow(words: &mut Reader<'_>) -> Result<Spoken, Mistake> {
    ["the", "next", "acknowledgement"].into_iter().try_for_each(|word| words.expect(word))?;
    Ok(Spoken { step: SocketIoStep::Swallow, names: Vec::new() })
}

/// Behind `restarts`.
pub fn restart(words: &mut Reader<'_>) -> Result<Spoken, Mistake> {
    let after = if words.keyword("after") { words.time()? } else { Duration::ZERO };
    Ok(Spoken { step: SocketIoStep::Restart { after }, names: Vec::new() })
}

/// Behind `recovers`: for how long; by default as long as the official server does.
pub fn recovers(words: &mut Reader<'_>) -> Result<Duration, Mistake> {
    words.expect("connections")?;
    if words.keyword("for") { words.time() } else { Ok(Duration::from_secs(120)) }
}

/// Behind `refuses`: a namespace, and what is said to those who ask.
pub fn refusal(words: &mut Reader<'_>) -> Result<(String, String), Mistake> {
    Ok((words.path()?, words.text("the reason in quotes")?))
}

const JOINS: &[&str] = &["over", "namespace", "auth", "resuming", "recovering", "reconnecting"];

/// What Socket.IO has and the lab's server library, socketioxide, has not: a word, why it cannot be played, and what to do.
type Unsupported = (&'static str, &'static str, &'static str);

/// <https://socket.io/docs/v4/emit-cheatsheet/>
const EMITS_UNSUPPORTED: &[Unsupported] = &[(
    "compressed",
    "the lab's server does not compress",
    "to see permessage-deflate, use a WebSocket: `ada connects with compression`",
)];

/// Says of what is known but cannot be played that it cannot be.
fn unsupported(words: &mut Reader<'_>, known: &[Unsupported]) -> Result<(), Mistake> {
    let range = words.here();
    match known.iter().find(|(word, ..)| words.keyword(word)) {
        Some((_, why, help)) => Err(Mistake::new(range, *why).help(*help)),
        None => Ok(()),
    }
}

fn event(words: &mut Reader<'_>) -> Result<(String, Args), Mistake> {
    let here = words.here();
    let event = words.text("the event in quotes")?;
    // https://socket.io/docs/v4/emit-cheatsheet/#reserved-events
    if RESERVED.contains(&event.as_str()) {
        return Err(Mistake::new(here, format!("`{event}` is an event of Socket.IO's own"))
            .help("give it another name: that one is emitted by the library only"));
    }
    Ok((event, args(words)?))
}

fn args(words: &mut Reader<'_>) -> Result<Args, Mistake> {
    let mut args = Vec::new();
    loop {
        args.push(match words.text_if_any()? {
            Some(text) => Arg::Json(text.into()),
            None if words.phrase(&["text", "of"]) => Arg::Json(some_text(words.size()?).into()),
            None if words.keyword("json") => Arg::of(json(words)?),
            None if words.keyword("binary") => Arg::Binary(verbs::octets(words)?),
            None => match words.literal() {
                Some(value) => Arg::Json(value),
                None => break,
            },
        });
    }
    Ok(Args(args))
}

/// In what manner an event is emitted.
fn emission(words: &mut Reader<'_>, event: String, carried: Args, volatile: bool) -> Result<Emission, Mistake> {
    let start = words.here().start;
    let mut emission = Emission {
        namespace: MAIN.to_owned(),
        event,
        args: carried,
        answer: None,
        unanswered: None,
        volatile,
        burst: 0,
        again: false,
    };
    loop {
        unsupported(words, EMITS_UNSUPPORTED)?;
        if words.keyword("volatile") {
            emission.volatile = true;
        } else if words.phrase(&["in", "a", "burst", "of"]) {
            let range = words.here();
            emission.burst = words.ordinal()?;
            if emission.burst > MOST_AT_ONCE {
                let message = format!("at most {MOST_AT_ONCE} events are emitted at once");
                return Err(Mistake::new(range, message).help("for more, say the step again: `5 times …`"));
            }
        } else if words.keyword("unanswered") {
            words.expect("within")?;
            emission.unanswered = Some(words.time()?);
        } else if words.keyword("acknowledged") {
            emission.answer = Some(if words.keyword("with") { args(words)? } else { Args::default() });
        } else if words.range_of("in").is_some() {
            emission.namespace = namespace(words)?;
        } else {
            break;
        }
    }
    let is_asking = emission.asks();
    if (is_asking && (emission.volatile || emission.burst > 0))
        || (emission.answer.is_some() && emission.unanswered.is_some())
    {
        let message =
            "an event that asks for an acknowledgement is answered or not, and neither volatile nor one of many";
        return Err(Mistake::new(start..words.behind(), message).help("leave one of them out"));
    }
    Ok(emission)
}

/// It is one message each: a recording of more than this nobody reads.
const MOST_AT_ONCE: u32 = 100;

fn namespace(words: &mut Reader<'_>) -> Result<String, Mistake> {
    if words.keyword("in") { words.path() } else { Ok(MAIN.to_owned()) }
}

/// JSON in quotes.
fn json(words: &mut Reader<'_>) -> Result<Value, Mistake> {
    let range = words.here();
    let text = words.text("JSON in quotes")?;
    if text.contains("\"_placeholder\"") {
        return Err(Mistake::new(range, "`_placeholder` is Socket.IO's own: it stands for octets")
            .help(r#"write octets as `{\"base64\": \"AP8=\"}`"#));
    }
    serde_json::from_str(&text).map_err(|error| {
        Mistake::new(range, format!("this is no JSON: {error}")).help(r#"write it in quotes: `"{\"a\": 1}"`"#)
    })
}

impl Reader<'_> {
    /// A number, `true`, `false` or `null`, if one comes next.
    fn literal(&mut self) -> Option<Value> {
        let value: Value = serde_json::from_str(self.bare()?).ok()?;
        self.step();
        Some(value)
    }
}

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

#[cfg(test)]
mod tests {
    use crate::lab::Scenario;

    #[test]
    fn steps_are_read() {
        let script = r#"
            server refuses /secret "no"
            ada connects to socket.io over websocket auth "{\"token\": \"t\"}"
            ada connects to socket.io namespace /admin
            bob connects to socket.io
            ada emits "hello" "world" text of 3 bytes 1 -2.5 true null json "[1, {}]" binary hex 00ff in /admin acknowledged with "ok" 2
            server puts ada into room "r1"
            server takes ada out of room "r1" in /admin
            server emits "news" to everyone except ada
            server emits "news" to room "r1" in /admin
            server emits "news" to rooms "r1" "r2" except room "r3" except rooms "r4" "r5" except ada in /admin acknowledged
            server emits "question" binary of 3 bytes to bob acknowledged
            server disconnects bob
            ada loses connection
            ada connects to socket.io over polling
            ada disconnects
        "#;
        let scenario = Scenario::parse(script).unwrap();
        assert_eq!((scenario.steps.len(), scenario.refused.len()), (14, 1));
    }

    #[test]
    fn what_the_server_has_not_is_said() {
        let joined = "ada connects to socket.io\n";
        for (script, word, why) in [
            ("ada emits \"x\" 1 compressed", "compressed", "does not compress"),
            ("server emits \"x\" compressed to ada", "compressed", "does not compress"),
            ("server emits \"x\" to everyone compressed", "compressed", "does not compress"),
        ] {
            let script = joined.to_owned() + script;
            let error = Scenario::parse(&script).unwrap_err();
            assert_eq!(&script[error.range], word, "{script}");
            assert!(error.message.contains(why) && error.help.is_some(), "{}", error.message);
        }
    }

    #[test]
    fn mistakes_are_told() {
        let told = |script: &str| Scenario::parse(script).unwrap_err().message;
        for (script, message) in [
            ("ada emits \"x\"", "`ada` is not connected"),
            ("ada connects\nada emits \"x\"", "`ada` has WebSocket open, and this is for Socket.IO"),
            ("ada connects to socket.io\nbob connects", "a server that speaks Socket.IO speaks nothing else over TCP"),
            ("bob gets /\nada connects to socket.io", "a server that speaks Socket.IO speaks nothing else over TCP"),
            (
                "ada connects\nada closes\nserver emits \"x\" to everyone",
                "a server that speaks Socket.IO speaks nothing else over TCP",
            ),
            (
                "ada connects to socket.io\n100 times ada emits \"x\" binary of 1000000 bytes",
                "all messages together have at most 64 MiB",
            ),
            ("ada connects to socket.io\nada connects to socket.io", "`ada` is in / already"),
            ("ada connects to socket.io\nada emits \"x\" in /a", "`ada` is not in /a"),
            ("ada connects to socket.io\nada emits \"connect\"", "`connect` is an event of Socket.IO's own"),
            ("ada connects to socket.io\nserver emits \"x\" to eve", "`eve` is not connected"),
            ("ada connects to socket.io\nserver emits \"x\"", "`to` is missing"),
            (
                "ada connects to socket.io\nserver emits \"x\" to ada except ada",
                "one client is everyone there is to emit to",
            ),
            (
                "ada connects to socket.io\nbob connects to socket.io\nserver emits \"x\" to everyone except ada except bob",
                "only one client can be left out by name",
            ),
            (
                "ada connects to socket.io\nserver emits \"x\" to ada except room \"r\"",
                "one client is everyone there is to emit to",
            ),
            (
                "ada connects to socket.io\nserver emits \"x\" to ada volatile acknowledged",
                "an event that asks for an acknowledgement is answered or not, and neither volatile nor one of many",
            ),
            (
                "ada connects to socket.io\nserver emits \"x\" to ada in a burst of 101",
                "at most 100 events are emitted at once",
            ),
            ("ada connects to socket.io\nserver emits \"x\" to rooms", "the rooms in quotes is missing"),
            ("ada connects to socket.io auth \"{\"", "this is no JSON: EOF while parsing an object at line 1 column 1"),
            (
                "ada connects to socket.io\nada loses connection\nada emits \"x\"",
                "`ada` is not connected any more, or its handshake was refused",
            ),
            ("server refuses / \"x\"\nada connects to socket.io\nada emits \"x\"", "`ada` is not in /"),
        ] {
            assert_eq!(told(script), message, "{script}");
        }
    }

    #[test]
    fn who_recovers_was_there_and_is_remembered() {
        let before = "server recovers connections\nada connects to socket.io\n";
        let script = format!(
            "{before}ada loses connection\nada connects to socket.io recovering auth \"{{\\\"token\\\": 1}}\"\n\
             server emits \"x\" \"text\" 1 to ada volatile"
        );
        assert_eq!(Scenario::parse(&script).unwrap().recovers, Some(std::time::Duration::from_secs(120)));
        let timed = Scenario::parse("server recovers connections for 300ms\nada connects to socket.io").unwrap();
        assert_eq!(timed.recovers, Some(std::time::Duration::from_millis(300)));
        for (script, message) in [
            ("ada connects to socket.io recovering".to_owned(), "the server recovers no connections"),
            (format!("{before}bob connects to socket.io recovering"), "`bob` was not there before"),
            (
                format!("{before}ada loses connection\nada connects to socket.io recovering auth \"1\""),
                "who recovers says so in `auth`: what else is said there is an object, too",
            ),
            (
                format!("{before}ada loses connection\nada connects to socket.io recovering resuming"),
                "who comes back either resumes or recovers",
            ),
            ("server recovers connections\nserver recovers connections".to_owned(), "this was said before"),
            (
                "server recovers connections for 0ms\nada connects to socket.io".to_owned(),
                "what is remembered for no time is not remembered",
            ),
            (
                "ada connects to socket.io\nada loses connection\nada connects to socket.io resuming".to_owned(),
                "the server keeps nothing",
            ),
            (
                "ada connects to socket.io\nada emits \"x\" json \"{\\\"_placeholder\\\": 1}\"".to_owned(),
                "`_placeholder` is Socket.IO's own: it stands for octets",
            ),
            (
                format!("{before}server emits \"x\" to ada volatile"),
                "a client would take the last text of a volatile event, be it the name, for an offset, which it has not",
            ),
            ("ada connects to socket.io\nserver emits \"x\" to all".to_owned(), "`all` is nobody's name"),
            (format!("{before}server recovers connections"), "somebody has connected already"),
            (
                format!("{before}server emits \"x\" \"text\" to ada volatile"),
                "a client would take the last text of a volatile event, be it the name, for an offset, which it has not",
            ),
        ] {
            let error = Scenario::parse(&script).unwrap_err();
            assert_eq!(error.message, message, "{script}");
        }
    }

    #[test]
    fn what_is_kept_is_one_and_asks_by_itself() {
        for (step, message) in [
            (
                "ada emits \"x\" in a burst of 5 until acknowledged",
                "an event that is kept is neither volatile nor one of many",
            ),
            (
                "ada emits \"x\" unanswered within 1ms until acknowledged",
                "what is sent until it is acknowledged asks each time",
            ),
            ("server emits \"x\" to everyone volatile", "an event that is kept is neither volatile nor one of many"),
            (
                "ada emits \"x\" acknowledged with 1",
                "a server that keeps events stores what asks, and says its number: that is the answer",
            ),
            (
                "ada emits \"x\" unanswered within 1ms",
                "a server that keeps events stores what asks, and says its number: that is the answer",
            ),
        ] {
            let script = format!("server keeps events\nada connects to socket.io\n{step}");
            let error = Scenario::parse(&script).unwrap_err();
            assert_eq!(error.message, message, "{script}");
            assert!(error.help.is_some());
        }
        let joined = "server keeps events\nada connects to socket.io\nbob connects to socket.io\n";
        Scenario::parse(&format!("{joined}server emits \"x\" to everyone except ada volatile")).unwrap();
    }
}
