//! The script log: what the actors really sent, written by themselves at the moment of sending, and when the other
//! side had it. What a trace shows is compared with this, so it owes nothing to any dissector.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::lab::scenario::Event;
use crate::lab::socketio::Args;
use crate::layer::Direction;

/// Everything that was sent in a play, in the order of sending.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ScriptLog {
    /// When it was begun, by the clock that captures are stamped with: the time since 1970. All other times are from then on.
    #[serde(skip)]
    pub began: Duration,
    /// The entries.
    pub entries: Vec<Entry>,
    /// What the wire did to what passed, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultEntry>,
}

/// Something the wire did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultEntry {
    /// The line of the script that asked for it.
    pub step: usize,
    /// When it was done, since the play began; in JSON in seconds.
    #[serde(serialize_with = "seconds")]
    pub at: Duration,
    /// To what went which way.
    #[serde(serialize_with = "direction")]
    pub direction: Direction,
    /// What was done: `drops segment 3 to the server`.
    pub what: String,
    /// Whether it was lost by chance: `loses segment 3 to the server`.
    #[serde(skip)]
    pub is_loss: bool,
}

/// What stands there of a wire that has lost as much as it may.
pub(crate) const LOSES_NOTHING_MORE: &str = "loses nothing more";

impl ScriptLog {
    /// How many segments and datagrams with data the wire lost by chance.
    pub fn lost(&self) -> usize {
        self.faults.iter().filter(|fault| fault.is_loss).count()
    }

    /// That the wire was to lose more and did not, so that the play ends, once for each way in which it lost so much.
    pub fn given_up(&self) -> impl Iterator<Item = &FaultEntry> {
        self.faults.iter().filter(|fault| !fault.is_loss && fault.what.starts_with(LOSES_NOTHING_MORE))
    }
}

/// One thing that was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The line of the script that caused it.
    pub step: usize,
    /// When it was sent, since the play began; in JSON in seconds.
    #[serde(rename = "sent_at", serialize_with = "seconds")]
    pub at: Duration,
    /// When the other side had all of it; `None` if it never did.
    #[serde(serialize_with = "maybe_seconds")]
    pub received_at: Option<Duration>,
    /// Who sent it.
    pub actor: String,
    /// On which connection.
    pub connection: Connection,
    /// Which way.
    #[serde(serialize_with = "direction")]
    pub direction: Direction,
    /// What it was.
    pub what: What,
    /// Nobody waits for it: the wire keeps or spoils it.
    #[serde(skip)]
    pub(crate) is_given_up: bool,
}

impl Entry {
    /// Whether nobody waits for it any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.received_at.is_some() || self.is_given_up
    }
}

/// The two ends of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Connection {
    /// The end that opened it.
    pub client: SocketAddr,
    /// The end that was connected to.
    pub server: SocketAddr,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum What {
    /// The connection: the client's SYN.
    Opened,
    /// An HTTP request.
    Request {
        /// Its method.
        method: String,
        /// Its target.
        target: String,
        /// Its header fields, as they were written.
        headers: Vec<(String, String)>,
    },
    /// An HTTP response.
    Response {
        /// Its status code.
        status: u16,
        /// Its header fields, as they were written.
        headers: Vec<(String, String)>,
        /// Its body; in JSON in base64.
        #[serde(serialize_with = "base64")]
        body: Vec<u8>,
    },
    /// A WebSocket message, control frames included.
    Message(Message),
    /// Octets written into a TCP connection; in JSON in base64.
    Octets(#[serde(serialize_with = "base64_in")] Vec<u8>),
    /// A datagram of UDP; in JSON in base64.
    Datagram(#[serde(serialize_with = "base64_in")] Vec<u8>),
    /// An event of an event stream.
    Event(Event),
    /// One side's end of the connection: its FIN.
    Closed,
    /// One side breaks the connection off: its RST.
    Reset,
    /// A client asks to join a namespace of Socket.IO.
    Joined {
        /// Which.
        namespace: String,
        /// What it says of itself.
        auth: Option<serde_json::Value>,
    },
    /// An event of Socket.IO.
    Emitted {
        /// In which namespace.
        namespace: String,
        /// Its name.
        event: String,
        /// What it carries; in JSON octets are in base64.
        #[serde(serialize_with = "as_json")]
        args: Args,
        /// Whether it asks for an acknowledgement.
        asks: bool,
    },
    /// The acknowledgement of an event.
    Acknowledged {
        /// In which namespace.
        namespace: String,
        /// What it carries; in JSON octets are in base64.
        #[serde(serialize_with = "as_json")]
        args: Args,
    },
    /// One side leaves a namespace.
    Left {
        /// Which.
        namespace: String,
    },
}

/// A WebSocket message before any masking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// What kind.
    pub opcode: Opcode,
    /// Its payload, all fragments together; in JSON in base64.
    #[serde(serialize_with = "base64")]
    pub payload: Vec<u8>,
    /// The payload length of each frame that carried it.
    pub fragments: Vec<usize>,
    /// The status code, in a Close frame that has one.
    pub close_code: Option<u16>,
    /// The reason, in a Close frame that has a code.
    pub close_reason: Option<String>,
}

/// The kinds of WebSocket messages (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Opcode {
    /// Text.
    Text,
    /// Octets.
    Binary,
    /// A request for a pong.
    Ping,
    /// The answer to a ping.
    Pong,
    /// The closing handshake.
    Close,
}

impl Message {
    /// A message in one frame.
    pub(crate) fn whole(opcode: Opcode, payload: &[u8]) -> Self {
        let fragments = vec![payload.len()];
        Self { opcode, payload: payload.to_vec(), fragments, close_code: None, close_reason: None }
    }

    /// A Close frame.
    pub(crate) fn close(reason: Option<(u16, &str)>) -> Self {
        let Some((code, text)) = reason else { return Self::whole(Opcode::Close, &[]) };
        let payload = [&code.to_be_bytes()[..], text.as_bytes()].concat();
        let close_reason = Some(text.to_owned());
        Self { close_code: Some(code), close_reason, ..Self::whole(Opcode::Close, &payload) }
    }
}

fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn maybe_seconds<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

fn direction<S: Serializer>(direction: &Direction, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match direction {
        Direction::ToServer => "to_server",
        Direction::ToClient => "to_client",
    })
}

fn as_json<S: Serializer>(args: &Args, serializer: S) -> Result<S::Ok, S::Error> {
    args.to_json().serialize(serializer)
}

/// In an object, for the kind of thing needs a place beside it.
fn base64_in<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine as _;
    use serde::ser::SerializeStruct as _;
    let mut object = serializer.serialize_struct("octets", 1)?;
    object.serialize_field("payload", &base64::engine::general_purpose::STANDARD.encode(bytes))?;
    object.end()
}

fn base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine as _;
    serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: Connection = Connection {
        client: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 50000)),
        server: SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 8080)),
    };

    #[test]
    fn the_log_is_json() {
        let entry = Entry {
            step: 3,
            at: Duration::from_millis(1500),
            received_at: None,
            actor: "ada".to_owned(),
            connection: CONNECTION,
            direction: Direction::ToServer,
            what: What::Message(Message::close(Some((1000, "bye")))),
            is_given_up: false,
        };
        let expected = concat!(
            r#"{"entries":[{"step":3,"sent_at":1.5,"received_at":null,"actor":"ada","#,
            r#""connection":{"client":"127.0.0.1:50000","server":"127.0.0.1:8080"},"direction":"to_server","#,
            r#""what":{"kind":"message","opcode":"close","payload":"A+hieWU=","fragments":[5],"#,
            r#""close_code":1000,"close_reason":"bye"}}]}"#
        );
        assert_eq!(
            serde_json::to_string(&ScriptLog { entries: vec![entry], ..ScriptLog::default() }).unwrap(),
            expected
        );
    }

    #[test]
    fn losses_are_counted_and_their_end_is_told() {
        let fault = |what: &str, is_loss| FaultEntry {
            step: 2,
            at: Duration::ZERO,
            direction: Direction::ToServer,
            what: what.to_owned(),
            is_loss,
        };
        let last = format!("{LOSES_NOTHING_MORE} to the server: 2 were lost");
        let faults = vec![
            fault("loses segment 3 to the server", true),
            fault("drops segment 4 to the server", false),
            fault("loses datagram 9 to the server", true),
            fault(&last, false),
        ];
        let log = ScriptLog { faults, ..ScriptLog::default() };
        assert_eq!(log.lost(), 2);
        assert_eq!(log.given_up().map(|fault| fault.what.as_str()).collect::<Vec<_>>(), [last.as_str()]);
    }
}
