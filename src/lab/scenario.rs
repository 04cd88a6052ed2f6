//! The script of a play: who does what, in which order. One step per line, or several on a line parted by `·`.
//!
//! ```text
//! server listens on 8080                       the first step, if there; else the port is 8080
//! ada connects to /chat with key "dGhlIHNhbXBsZSBub25jZQ=="     also: with version 9, without key, offering "chat"
//! ada sends text "hello"                       also: text of 300 bytes, binary hex 00ff10, binary of 300 bytes
//! ada sends fragments "Hel" "lo"               one text message in two frames
//! server sends text "hi" to ada                `to ada` may be left out while ada alone is connected
//! ada pings "are you there?"
//! wait 20ms                                    also: wait 2s
//! bob opens tcp · bob writes "x"               also: bob writes of 300 bytes, server writes "y" to bob
//! bob closes                                   also: bob aborts, server aborts bob, bob hangs up
//! bob half-closes                              also: server half-closes bob
//! server stops reading bob                     also: ada stops reading; server reads bob again
//! ada forgets the server                       also: server forgets ada
//! ada sends raw hex 8902                       also: ada sends raw hex 8902 refused
//! repeat 3 times every 20ms · … · end          several steps, again and again
//! cleo sends datagram "x"                      also: datagram of 20 bytes, server sends datagram "y" to cleo
//! dan and gus get /news after 100ms             both ask before either is answered
//! dan gets /news answered with "nothing"       also: answered with 204, answered with "x" after 100ms, over http/1.0
//! eve subscribes to /news                      also: subscribes to /news after "3"
//! server publishes "x" to eve                  also: server publishes "x" as "price" with id "4" to eve
//! seed 7                                       keys, masks, names of sessions and TLS follow from it; before anyone connects
//! clients add "User-Agent: me"                 header fields of every request; before anyone connects
//! network ethernet                             two machines and a wire; only before all others;
//!                                              also: recorded at the server
//! link drops segment 3 to the server           also: duplicates, holds, corrupts; datagram 2 to the client
//! link delays everything by 25ms               also: delays segment 3 to the server by 40ms
//! link goes down for 300ms                     also: carries 64kbit/s, loses 5%, resets ada
//! 10 times every 20ms ada sends text "x"       also: 10 times ada sends text "x"
//! ada closes 1000 "bye"                        also: ada closes, server closes ada 1000 "bye"
//! ```
//!
//! `#` begins a comment. Text stands in double quotes with the escapes of JSON (RFC 8259 §7). A script is checked
//! whole before anything runs: [`Scenario::parse`] refuses a play in which somebody speaks who is not connected.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::lab::fault::Fault;
use crate::lab::ground::{Ground, Vantage};
use crate::lab::seed::Chance;
use crate::lab::socketio::SocketIoStep;
use crate::lab::tls::TlsVersion;
use crate::layer::Direction;

/// A play that makes sense from the first step to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Where it is played.
    pub ground: Ground,
    /// Where it is recorded; on loopback there is one machine.
    pub recorded_at: Vantage,
    /// A Socket.IO server keeps the events that go to everyone, and stores those it acknowledges.
    pub keeps_events: bool,
    /// For how long a Socket.IO server remembers who was cut off, and what it sent, if it does: connection state recovery.
    pub recovers: Option<Duration>,
    /// How often a Socket.IO server asks whether a client is there, and how long it waits for the answer; else as its library
    /// does by default.
    pub heartbeat: Option<(Duration, Duration)>,
    /// Header fields that every request of a client has besides.
    pub fields: Vec<(String, String)>,
    /// What keys and masks follow from; else they are left to chance.
    pub seed: Option<u32>,
    /// With which TLS Socket.IO is spoken, if any.
    pub secure: Option<TlsVersion>,
    /// The namespaces of Socket.IO that nobody may join, and what is said to those who try.
    pub refused: BTreeMap<String, String>,
    /// The TCP port the server listens on.
    pub port: u16,
    /// The steps, in the order in which they are played.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// How long the script itself says to wait.
    pub fn waits(&self) -> Duration {
        let waits = self.steps.iter().map(|step| match &step.action {
            Action::Wait(time) => *time,
            Action::Get { asked } => asked.first().map_or(Duration::ZERO, |(_, exchange)| exchange.held),
            Action::Fault(fault) => fault.harm.time(),
            Action::SocketIo(step) => step.lasts(),
            _ => Duration::ZERO,
        });
        waits.sum()
    }

    /// Whether anyone speaks TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.secure.is_some()
            || self.steps.iter().any(|step| {
                let tls = match &step.action {
                    Action::Connect { opening, .. } => opening.tls,
                    Action::Open { tls, .. } | Action::Subscribe { tls, .. } => *tls,
                    Action::Get { asked } => asked.iter().find_map(|(_, exchange)| exchange.tls),
                    _ => None,
                };
                tls.is_some()
            })
    }

    /// Whether anyone sends datagrams.
    pub(crate) fn has_datagrams(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Datagram { .. }))
    }
}

/// One step of a play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line it stands on, from 1.
    pub line: usize,
    /// Where it stands in the script, in bytes.
    pub range: Range<usize>,
    /// What happens.
    pub action: Action,
}

/// What happens in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A client opens a TCP connection and asks for a WebSocket.
    Connect {
        /// Who connects.
        client: String,
        /// How it asks.
        opening: Opening,
    },
    /// One side of an open connection says something.
    Say {
        /// The client whose connection it is.
        client: String,
        /// Which side speaks.
        direction: Direction,
        /// What it says.
        what: Utterance,
    },
    /// One side of an open connection begins the closing handshake.
    Close {
        /// The client whose connection it is.
        client: String,
        /// Which side closes.
        direction: Direction,
        /// Status code and reason; `None` is a Close frame without a body.
        reason: Option<Closing>,
    },
    /// A client opens a TCP connection, and says nothing yet.
    Open {
        /// Who opens it.
        client: String,
        /// With which TLS, if any.
        tls: Option<TlsVersion>,
    },
    /// One side writes octets into a TCP connection, in one call.
    Write {
        /// The client whose connection it is.
        client: String,
        /// Which side writes.
        direction: Direction,
        /// What it writes.
        octets: Vec<u8>,
    },
    /// One side ends a TCP connection, and the other follows; or breaks it off.
    HangUp {
        /// The client whose connection it is.
        client: String,
        /// Which side begins.
        direction: Direction,
        /// Whether it sends a reset instead of a FIN.
        abort: bool,
        /// Whether it is a WebSocket, which ends without its closing handshake.
        websocket: bool,
    },
    /// One side ends its direction of a TCP connection, and goes on reading.
    HalfClose {
        /// The client whose connection it is.
        client: String,
        /// Which side says that it will send nothing more.
        direction: Direction,
    },
    /// One side stops reading what the other sends, or reads again.
    Reading {
        /// The client whose connection it is.
        client: String,
        /// The direction that is not read.
        direction: Direction,
        /// Whether it is read again.
        again: bool,
    },
    /// One side sends a datagram.
    Datagram {
        /// The client it comes from or goes to.
        client: String,
        /// Which way it goes.
        direction: Direction,
        /// What it carries.
        payload: Vec<u8>,
    },
    /// Clients ask over HTTP, all of them before the server answers any.
    Get {
        /// Who asks, and what each asks and is answered; all are held for the same time.
        asked: Vec<(String, Exchange)>,
    },
    /// A client asks for an event stream, and the server begins it.
    Subscribe {
        /// Who asks.
        client: String,
        /// The request target.
        path: String,
        /// The id of the last event it has, if it comes back.
        last: Option<String>,
        /// With which TLS, if any.
        tls: Option<TlsVersion>,
        /// Header fields besides.
        fields: Vec<(String, String)>,
    },
    /// The server sends an event.
    Publish {
        /// To whom.
        client: String,
        /// The event.
        event: Event,
    },
    /// One side forgets its end of a connection without a word, as a machine that crashes does: the other knows nothing of it
    /// (half-open: RFC 9293 §3.5.1).
    Forget {
        /// The client whose connection it is.
        client: String,
        /// Which way the side spoke that forgets.
        direction: Direction,
    },
    /// The other side speaks once more, and learns from a reset that nobody is there.
    FindOut(Box<Action>),
    /// The wire resets a connection, each end in the name of the other.
    CutOff {
        /// The client whose connection it is.
        client: String,
    },
    /// The wire does something to what passes.
    Fault(Fault),
    /// Something of Socket.IO.
    SocketIo(SocketIoStep),
    /// Nothing happens for a while.
    Wait(Duration),
}

/// A GET and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The request target.
    pub path: String,
    /// HTTP/1.0: a connection for this exchange alone, ended by the server.
    pub is_10: bool,
    /// Whether a connection has to be opened for it.
    pub opens: bool,
    /// The status code of the answer.
    pub status: u16,
    /// Its body.
    pub body: Vec<u8>,
    /// How long the server holds the request before it answers.
    pub held: Duration,
    /// With which TLS its connection is opened, if any.
    pub tls: Option<TlsVersion>,
    /// Header fields besides.
    pub fields: Vec<(String, String)>,
}

impl Exchange {
    /// The version of HTTP that both sides speak.
    pub fn version(&self) -> &'static str {
        if self.is_10 { "HTTP/1.0" } else { "HTTP/1.1" }
    }
}

/// An event of an event stream (WHATWG HTML §9.2).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Event {
    /// Its type; `None` is `message`.
    #[serde(rename = "event")]
    pub kind: Option<String>,
    /// Its data.
    pub data: String,
    /// Its id.
    pub id: Option<String>,
}

/// A WebSocket opening handshake as a client asks for it (RFC 6455 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The request target.
    pub path: String,
    /// What stands in `Sec-WebSocket-Key`.
    pub key: Key,
    /// What stands in `Sec-WebSocket-Version`.
    pub version: u8,
    /// What stands in `Sec-WebSocket-Protocol`; `None` leaves the header out.
    pub offering: Option<String>,
    /// With which TLS; `None` is none.
    pub tls: Option<TlsVersion>,
    /// Whether it offers permessage-deflate, which the server accepts.
    pub compression: Option<Compression>,
    /// Header fields besides.
    pub fields: Vec<(String, String)>,
    /// What the masks of its frames follow from; else they are left to chance.
    pub(crate) masks: Option<Chance>,
}

/// How messages are compressed (RFC 7692).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// Whether each side keeps the window of one message for the next.
    pub takeover: bool,
}

impl Compression {
    /// What stands in `Sec-WebSocket-Extensions`, in the offer and in the answer.
    pub(crate) fn header(self) -> &'static str {
        match self.takeover {
            true => "permessage-deflate",
            false => "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        }
    }
}

impl Opening {
    /// Whether a server must accept it: version 13 and a key of 16 octets in base64.
    pub fn is_good(&self) -> bool {
        use base64::Engine as _;
        let key_is_good = match &self.key {
            Key::Random => true,
            Key::Missing => false,
            Key::Fixed(text) => {
                base64::engine::general_purpose::STANDARD.decode(text).is_ok_and(|octets| octets.len() == 16)
            }
        };
        key_is_good && self.version == GOOD_VERSION
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            key: Key::Random,
            version: GOOD_VERSION,
            offering: None,
            tls: None,
            compression: None,
            fields: Vec::new(),
            masks: None,
        }
    }
}

/// What a client puts into `Sec-WebSocket-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A fresh random key, as RFC 6455 asks.
    Random,
    /// The text the script gives, good or not.
    Fixed(String),
    /// No such header.
    Missing,
}

/// Something said on an open connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Utterance {
    /// A text message in one frame.
    Text(String),
    /// A binary message in one frame.
    Binary(Vec<u8>),
    /// One text message in as many frames as there are parts.
    Fragments(Vec<String>),
    /// A ping; the other side answers with a pong.
    Ping(Vec<u8>),
    /// Octets that are written past the WebSocket, a whole frame or not.
    Raw {
        /// The octets.
        octets: Vec<u8>,
        /// The other side finds that they break a rule, says with which code, and ends the connection. Else nobody waits for
        /// anything to come of them.
        refused: bool,
    },
}

/// The body of a Close frame (RFC 6455 §5.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The status code.
    pub code: u16,
    /// The reason, for people; may be empty.
    pub reason: String,
}

/// The version RFC 6455 §4.1 asks for.
const GOOD_VERSION: u8 = 13;
