//! The same events over different transports: the script of each, in the language of lessons, so that a person can read it
//! and play it alone.

use std::fmt;
use std::time::Duration;

/// A way to get events from a server to a client, or from a client to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP, asked again and again.
    ShortPoll,
    /// HTTP, answered when there is something to tell.
    LongPoll,
    /// HTTP, one answer that goes on (server-sent events).
    Sse,
    /// WebSocket.
    WebSocket,
    /// WebSocket with permessage-deflate.
    WebSocketDeflate,
    /// Socket.IO as it is by default: polling first, then a WebSocket.
    SocketIo,
    /// Socket.IO by polling only.
    SocketIoPolling,
    /// Socket.IO over a WebSocket from the start.
    SocketIoWebSocket,
    /// HTTP/1.0: a connection for each event.
    Http10,
    /// Plain TCP.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What happens: so many events, so long after one another, of so many octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Events {
    /// How many.
    pub count: usize,
    /// The time before each.
    pub every: Duration,
    /// Octets of payload in each.
    pub payload: usize,
    /// Whether they go from the client to the server.
    pub up: bool,
    /// How often a client that polls asks in the time between two events.
    pub polls: usize,
}

impl Transport {
    /// All of them, in the order in which they are compared.
    pub const ALL: [Self; 11] = [
        Self::Http10,
        Self::ShortPoll,
        Self::LongPoll,
        Self::Sse,
        Self::WebSocket,
        Self::WebSocketDeflate,
        Self::SocketIo,
        Self::SocketIoPolling,
        Self::SocketIoWebSocket,
        Self::Tcp,
        Self::Udp,
    ];

    /// Its name: `long-poll`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShortPoll => "short-poll",
            Self::LongPoll => "long-poll",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
            Self::WebSocketDeflate => "websocket-deflate",
            Self::SocketIo => "socketio",
            Self::SocketIoPolling => "socketio-polling",
            Self::SocketIoWebSocket => "socketio-websocket",
            Self::Http10 => "http10",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.name() == name)
    }

    /// The script, or why these events cannot be sent this way.
    pub fn script(self, events: &Events) -> Result<String, String> {
        let Events { count, payload, up, polls, .. } = *events;
        let every = Milliseconds(events.every);
        let octets = format!("of {payload} bytes");
        let script = match (self, up) {
            (Self::WebSocket | Self::WebSocketDeflate, up) => {
                let with = if self == Self::WebSocketDeflate { " with compression" } else { "" };
                let who = if up { "ada" } else { "server" };
                format!("ada connects{with}\n{count} times every {every} {who} sends text {octets}\nada closes 1000\n")
            }
            (Self::Tcp, false) => {
                format!("ada opens tcp\n{count} times every {every} server writes {octets}\nada closes\n")
            }
            (Self::Tcp, true) => {
                format!("ada opens tcp\n{count} times every {every} ada writes {octets}\nada closes\n")
            }
            (Self::Udp, false) => {
                format!("ada sends datagram \"hello\"\n{count} times every {every} server sends datagram {octets}\n")
            }
            (Self::Udp, true) => format!("{count} times every {every} ada sends datagram {octets}\n"),
            (Self::SocketIo, _) => emitted("", events),
            (Self::SocketIoPolling, _) => emitted(" over polling", events),
            (Self::SocketIoWebSocket, _) => emitted(" over websocket", events),
            (_, true) => {
                return Err("the lab's clients of HTTP only ask: they have nothing to send but requests".to_owned());
            }
            (Self::Sse, false) => format!(
                "ada subscribes to /events\n{count} times every {every} server publishes text {octets}\nada closes\n"
            ),
            (Self::LongPoll, false) => {
                format!("{count} times ada gets /events answered with text {octets} after {every}\nada closes\n")
            }
            (Self::Http10, false) => {
                format!("{count} times every {every} ada gets /events answered with text {octets} over http/1.0\n")
            }
            (Self::ShortPoll, false) => {
                let between = Milliseconds(events.every / u32::try_from(polls.max(1)).unwrap_or(1));
                let empty = match polls {
                    0 | 1 => String::new(),
                    polls => format!("{} times every {between} ada gets /events answered with 204\n", polls - 1),
                };
                let full = format!("1 times every {between} ada gets /events answered with text {octets}\n");
                (empty + &full).repeat(count) + "ada closes\n"
            }
        };
        Ok(script)
    }
}

/// The script of Socket.IO over this.
fn emitted(over: &str, events: &Events) -> String {
    let (count, every) = (events.count, Milliseconds(events.every));
    let what = format!("emits \"event\" text of {} bytes", events.payload);
    let emits = if events.up { format!("ada {what}") } else { format!("server {what} to ada") };
    format!("ada connects to socket.io{over}\n{count} times every {every} {emits}\nada disconnects\n")
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A time as the script language has it.
struct Milliseconds(Duration);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Scenario;

    #[test]
    fn every_script_can_be_played() {
        let events = Events { count: 3, every: Duration::from_millis(20), payload: 50, up: false, polls: 4 };
        for transport in Transport::ALL {
            let script = transport.script(&events).unwrap();
            Scenario::parse(&script).unwrap_or_else(|error| panic!("{transport}: {error:?}\n{script}"));
            assert_eq!(Transport::from_name(transport.name()), Some(transport));
            match transport.script(&Events { up: true, ..events }) {
                Ok(script) => drop(Scenario::parse(&script).unwrap()),
                Err(why) => assert!(why.contains("HTTP"), "{why}"),
            }
        }
    }
}
