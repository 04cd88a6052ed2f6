//! The same events over different transports: the script of each, in the language of lessons, so that a person can read it
//! and play it alone.

use std::fmt;
use std::time::Duration;

use crate::layer::Direction;

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
    /// HTTP/1.1, asked once for each event, over one connection.
    Http11,
    /// Plain TCP.
    Tcp,
    /// Datagrams.
    Udp,
}

/// Which way events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the server to the client.
    Down,
    /// From the client to the server.
    Up,
    /// Each time one from the server and one from the client.
    Both,
}

impl Way {
    /// The directions in which there are events.
    pub fn directions(self) -> &'static [Direction] {
        match self {
            Self::Down => &[Direction::ToClient],
            Self::Up => &[Direction::ToServer],
            Self::Both => &[Direction::ToClient, Direction::ToServer],
        }
    }
}

/// What happens: so many events, so long after one another, of so many octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// How many.
    pub count: usize,
    /// The time before each.
    pub every: Duration,
    /// Octets of payload in each.
    pub payload: usize,
    /// Which way they go.
    pub way: Way,
    /// How often a client that polls asks in the time between two events.
    pub polls: usize,
    /// To how many clients, or from how many: at most [`MAX_CLIENTS`].
    pub clients: usize,
    /// How long nothing happens behind the last.
    pub idle: Duration,
}

/// How many clients there can be at once.
pub const MAX_CLIENTS: usize = NAMES.len();

const NAMES: [&str; 10] = ["ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ida", "jon"];
/// Around the question of a client that polls long and finds nothing: what came before is acknowledged by then, and the end
/// has not begun.
const BEFORE_ASKING: Duration = Duration::from_millis(300);
const BEHIND_ASKING: Duration = Duration::from_millis(100);
/// More than this no script may wait.
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// A single wait of a script.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Transport {
    /// All of them, in the order in which they are compared.
    pub const ALL: [Self; 12] = [
        Self::Http10,
        Self::Http11,
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
            Self::Http11 => "http11",
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
        if self.asks() && events.way != Way::Down {
            return Err("the lab's clients of HTTP only ask: they have nothing to send but requests".to_owned());
        }
        if events.clients == 0 || events.clients > MAX_CLIENTS {
            return Err(format!("there are at least one client and at most {MAX_CLIENTS}"));
        }
        if events.idle > LONGEST_IDLE {
            return Err("all waits together last at most 30 seconds, and so does idling".to_owned());
        }
        let clients = &NAMES[..events.clients];
        let begins = clients.iter().filter_map(|client| self.begin(client, events)).map(|step| step + "\n");
        let ends = clients.iter().filter_map(|client| self.end(client)).map(|step| step + "\n");
        Ok(begins.collect::<String>()
            + &self.middle(clients, events)
            + &self.idle(clients, events)
            + &ends.collect::<String>())
    }

    /// The script of a session in which nothing is said and the server asks five times whether the client is there; `None`
    /// where no server asks.
    pub fn heartbeat_script(self) -> Option<String> {
        let (begins, ends) = match self {
            Self::SocketIo | Self::SocketIoPolling | Self::SocketIoWebSocket => {
                (self.connects_to_socketio("ada"), "ada disconnects")
            }
            _ => return None,
        };
        Some(format!("server checks every 400ms within 300ms\n{begins}\nwait 1900ms\n{ends}\n"))
    }

    fn connects_to_socketio(self, client: &str) -> String {
        let over = match self {
            Self::SocketIoPolling => " over polling",
            Self::SocketIoWebSocket => " over websocket",
            _ => "",
        };
        format!("{client} connects to socket.io{over}")
    }

    /// Whether events come only as answers.
    fn asks(self) -> bool {
        matches!(self, Self::Http10 | Self::Http11 | Self::ShortPoll | Self::LongPoll | Self::Sse)
    }

    /// What a client does before the first event.
    fn begin(self, client: &str, events: &Events) -> Option<String> {
        let step = match self {
            Self::WebSocket => format!("{client} connects"),
            Self::WebSocketDeflate => format!("{client} connects with compression"),
            Self::Tcp => format!("{client} opens tcp"),
            Self::Sse => format!("{client} subscribes to /events"),
            Self::SocketIo | Self::SocketIoPolling | Self::SocketIoWebSocket => self.connects_to_socketio(client),
            // An event is known by its length; this is none.
            Self::Udp if events.way == Way::Down && events.payload == 5 => format!("{client} sends datagram \"hi\""),
            Self::Udp if events.way == Way::Down => format!("{client} sends datagram \"hello\""),
            Self::Udp | Self::Http10 | Self::Http11 | Self::ShortPoll | Self::LongPoll => return None,
        };
        Some(step)
    }

    /// What it does at the end.
    fn end(self, client: &str) -> Option<String> {
        match self {
            Self::Udp | Self::Http10 => None,
            Self::WebSocket | Self::WebSocketDeflate => Some(format!("{client} closes 1000")),
            Self::SocketIo | Self::SocketIoPolling | Self::SocketIoWebSocket => Some(format!("{client} disconnects")),
            Self::Tcp | Self::Sse | Self::Http11 | Self::ShortPoll | Self::LongPoll => Some(format!("{client} closes")),
        }
    }

    /// All events.
    fn middle(self, clients: &[&str], events: &Events) -> String {
        let every = Milliseconds(events.every).to_string();
        let event = self.event(clients, events);
        match self {
            Self::ShortPoll => {
                let polls = u32::try_from(events.polls.max(1)).unwrap_or(1);
                let between = Milliseconds(events.every / polls).to_string();
                let empty = rounds(events.polls.saturating_sub(1), Some(&between), &[self.empty(clients)]);
                (empty + &rounds(1, Some(&between), &event)).repeat(events.count)
            }
            // It is the server that waits.
            Self::LongPoll => rounds(events.count, None, &event),
            _ => rounds(events.count, Some(&every), &event),
        }
    }

    /// One event, for each client.
    fn event(self, clients: &[&str], events: &Events) -> Vec<String> {
        let octets = format!("of {} bytes", events.payload);
        let (down, up) = (events.way != Way::Up, events.way != Way::Down);
        let mut steps = Vec::new();
        match (self, clients) {
            (Self::SocketIo | Self::SocketIoPolling | Self::SocketIoWebSocket, clients) if down => {
                let to = if let [one] = clients { one } else { "everyone" };
                steps.push(format!("server emits \"event\" text {octets} to {to}"));
            }
            (Self::Http10 | Self::Http11 | Self::ShortPoll | Self::LongPoll, clients) if down => {
                steps.push(format!("{} answered with text {octets}{}", asking(clients), self.held(events.every)));
            }
            (_, clients) if down => steps.extend(clients.iter().map(|client| self.told(client, &octets))),
            _ => {}
        }
        if up {
            steps.extend(clients.iter().map(|client| match self {
                Self::Tcp => format!("{client} writes {octets}"),
                Self::Udp => format!("{client} sends datagram {octets}"),
                Self::SocketIo | Self::SocketIoPolling | Self::SocketIoWebSocket => {
                    format!("{client} emits \"event\" text {octets}")
                }
                _ => format!("{client} sends text {octets}"),
            }));
        }
        // Where nobody has sent a datagram yet, the server does not know where to send one.
        if self == Self::Udp && events.way == Way::Both {
            steps.rotate_left(clients.len());
        }
        steps
    }

    /// How an answer comes: at once and with the end of the connection, at once, or when there is something to tell.
    fn held(self, every: Duration) -> String {
        match self {
            Self::Http10 => " over http/1.0".to_owned(),
            Self::LongPoll => format!(" after {}", Milliseconds(every)),
            _ => String::new(),
        }
    }

    /// An event that the server sends to one client, unasked.
    fn told(self, client: &str, octets: &str) -> String {
        match self {
            Self::Tcp => format!("server writes {octets} to {client}"),
            Self::Udp => format!("server sends datagram {octets} to {client}"),
            Self::Sse => format!("server publishes text {octets} to {client}"),
            _ => format!("server sends text {octets} to {client}"),
        }
    }

    /// A question to which there is no answer yet.
    fn empty(self, clients: &[&str]) -> String {
        let over = if self == Self::Http10 { " over http/1.0" } else { "" };
        format!("{} answered with 204{over}", asking(clients))
    }

    /// What goes on while nothing happens: who polls goes on asking, the others wait.
    fn idle(self, clients: &[&str], events: &Events) -> String {
        if events.idle.is_zero() {
            return String::new();
        }
        let asks = |every: Duration| {
            let every = every.max(Duration::from_millis(1));
            let times = usize::try_from(events.idle.as_millis() / every.as_millis()).unwrap_or(usize::MAX);
            rounds(times, Some(&Milliseconds(every).to_string()), &[self.empty(clients)])
        };
        // A question that is open all the time lies whole within it, its answer included.
        let around = if self == Self::LongPoll { BEFORE_ASKING + BEHIND_ASKING } else { Duration::ZERO };
        let Some(mut left) = events.idle.checked_sub(around) else {
            return format!("wait {}\n", Milliseconds(events.idle));
        };
        let mut script = String::new();
        match self {
            Self::Http10 | Self::Http11 => return asks(events.every),
            Self::ShortPoll => return asks(events.every / u32::try_from(events.polls.max(1)).unwrap_or(1)),
            _ => {}
        }
        if self == Self::LongPoll {
            script.push_str(&format!("wait {}\n", Milliseconds(BEFORE_ASKING)));
        }
        while !left.is_zero() {
            let now = left.min(LONGEST_WAIT);
            left -= now;
            let now = Milliseconds(now);
            match self {
                // All the time the question of each is open.
                Self::LongPoll => script.push_str(&format!("{} after {now}\n", self.empty(clients))),
                _ => script.push_str(&format!("wait {now}\n")),
            }
        }
        if self == Self::LongPoll {
            script.push_str(&format!("wait {}\n", Milliseconds(BEHIND_ASKING)));
        }
        script
    }
}

/// Who asks, all before any is answered.
fn asking(clients: &[&str]) -> String {
    match clients {
        [one] => format!("{one} gets /events"),
        many => format!("{} get /events", many.join(" and ")),
    }
}

/// Steps so many times, with a wait after each time.
fn rounds(count: usize, every: Option<&str>, steps: &[String]) -> String {
    let every = every.map(|every| format!(" every {every}")).unwrap_or_default();
    match (count, steps) {
        (0, _) | (_, []) => String::new(),
        (_, [step]) => format!("{count} times{every} {step}\n"),
        (_, steps) => format!("repeat {count} times{every}\n{}\nend\n", steps.join("\n")),
    }
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
        let events = Events {
            count: 3,
            every: Duration::from_millis(20),
            payload: 50,
            way: Way::Down,
            polls: 4,
            clients: 1,
            idle: Duration::ZERO,
        };
        let every = Duration::from_millis(500);
        let more = Events { clients: 3, every, idle: Duration::from_secs(11), ..events.clone() };
        for transport in Transport::ALL {
            assert_eq!(Transport::from_name(transport.name()), Some(transport));
            for way in [Way::Down, Way::Up, Way::Both] {
                can_be_played(transport, "", &Events { way, ..events.clone() });
                can_be_played(transport, "", &Events { way, ..more.clone() });
                can_be_played(transport, "network ethernet\nlink loses 10%\n", &Events { way, ..events.clone() });
            }
        }
    }

    fn can_be_played(transport: Transport, ground: &str, events: &Events) {
        let script = match transport.script(events) {
            Ok(script) => ground.to_owned() + &script,
            Err(why) => return assert!(events.way != Way::Down && why.contains("HTTP"), "{transport}: {why}"),
        };
        let parsed = Scenario::parse(&script);
        let scenario = parsed.unwrap_or_else(|error| panic!("{transport}: {error:?}\n{script}"));
        assert!(scenario.waits() >= events.idle, "{transport}\n{script}");
    }

    #[test]
    fn there_are_so_many_clients_and_no_more() {
        let events = Events {
            count: 1,
            every: Duration::ZERO,
            payload: 5,
            way: Way::Down,
            polls: 1,
            clients: MAX_CLIENTS + 1,
            idle: Duration::ZERO,
        };
        assert!(Transport::Tcp.script(&events).unwrap_err().contains("at most 10"));
        // Who asks for more than any play may take gets no script, however long.
        let ages = Events { clients: 1, idle: Duration::MAX, ..events };
        assert!(Transport::Tcp.script(&ages).unwrap_err().contains("30 seconds"));
    }

    #[test]
    fn who_polls_finds_an_event_the_last_time_it_asks() {
        let events = Events {
            count: 2,
            every: Duration::from_millis(20),
            payload: 5,
            way: Way::Down,
            polls: 2,
            clients: 1,
            idle: Duration::ZERO,
        };
        let empty = "1 times every 10ms ada gets /events answered with 204\n";
        let full = "1 times every 10ms ada gets /events answered with text of 5 bytes\n";
        let script = Transport::ShortPoll.script(&events).unwrap();
        assert_eq!(script, [empty, full, empty, full, "ada closes\n"].concat());
    }
}
