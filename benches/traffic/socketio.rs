//! Engine.IO 4 and Socket.IO 5 as the official client and server speak them.

use std::io;
use std::net::SocketAddr;

use super::connection::{By, Connection};
use super::random::Random;
use super::websocket::Socket;
use super::wire::Wire;

/// Divides packets in the body of a poll.
const SEPARATOR: char = '\x1e';

/// A session that polls, on two connections: one for what the server sends, one for what the client sends.
pub struct Polling {
    polls: Connection,
    posts: Connection,
    sid: String,
    acks: u64,
}

impl Polling {
    /// Opens a session and joins the namespace `/`.
    pub fn open(wire: &mut Wire, random: &mut Random, client: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let polls = Connection::open(wire, random, client, server, false)?;
        let second = SocketAddr::new(client.ip(), client.port() + 1);
        let posts = Connection::open(wire, random, second, server, false)?;
        let sid = format!("{:016x}AAAA", random.next());
        let mut session = Self { polls, posts, sid, acks: 0 };
        let open = format!(
            "0{{\"sid\":\"{}\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}}",
            session.sid
        );
        get(wire, random, &mut session.polls, "", &open)?;
        wire.truth.engineio("open");
        session.post(wire, random, "40", &[("message", Some("CONNECT"))])?;
        let joined = format!("40{{\"sid\":\"{:016x}AAAB\"}}", random.next());
        session.poll(wire, random, &joined, &[("message", Some("CONNECT"))])?;
        Ok(session)
    }

    /// Some events from the server, which one poll brings, and an answer to the last of them.
    pub fn exchange(&mut self, wire: &mut Wire, random: &mut Random) -> io::Result<()> {
        let count = random.between(1, 5);
        let mut packets = Vec::new();
        let mut told = Vec::new();
        for i in 0..count {
            let id = if i + 1 == count { self.acks.to_string() } else { String::new() };
            packets.push(format!("42{id}{}", event(random)));
            told.push(("message", Some("EVENT")));
        }
        if random.once_in(20) {
            packets.push("2".to_owned());
            told.push(("ping", None));
        }
        self.poll(wire, random, &packets.join(&SEPARATOR.to_string()), &told)?;
        let mut answer = format!("43{}[\"ok\",{}]", self.acks, random.between(0, 9999));
        let mut told = vec![("message", Some("ACK"))];
        self.acks += 1;
        if packets.last().is_some_and(|packet| packet == "2") {
            answer.push(SEPARATOR);
            answer.push('3');
            told.push(("pong", None));
        }
        self.post(wire, random, &answer, &told)
    }

    fn poll(
        &mut self,
        wire: &mut Wire,
        random: &mut Random,
        body: &str,
        told: &[(&'static str, Option<&'static str>)],
    ) -> io::Result<()> {
        let sid = format!("&sid={}", self.sid);
        get(wire, random, &mut self.polls, &sid, body)?;
        tell(wire, told);
        Ok(())
    }

    fn post(
        &mut self,
        wire: &mut Wire,
        random: &mut Random,
        body: &str,
        told: &[(&'static str, Option<&'static str>)],
    ) -> io::Result<()> {
        let request = format!(
            "POST /socket.io/?EIO=4&transport=polling&t={:x}&sid={} HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\
             Content-type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\nConnection: keep-alive\r\n\r\n{body}",
            random.next() as u32,
            self.sid,
            body.len()
        );
        self.posts.send(wire, random, By::Client, request.as_bytes())?;
        respond(wire, random, &mut self.posts, "text/html", "ok")?;
        wire.truth.kind("http.request");
        tell(wire, told);
        Ok(())
    }

    pub fn close(self, wire: &mut Wire) -> io::Result<()> {
        self.polls.close(wire)?;
        self.posts.close(wire)
    }
}

fn tell(wire: &mut Wire, told: &[(&'static str, Option<&'static str>)]) {
    for (engineio, socketio) in told {
        wire.truth.engineio(engineio);
        if let Some(socketio) = socketio {
            wire.truth.socketio(socketio);
        }
    }
}

fn get(wire: &mut Wire, random: &mut Random, connection: &mut Connection, sid: &str, body: &str) -> io::Result<()> {
    let request = format!(
        "GET /socket.io/?EIO=4&transport=polling&t={:x}{sid} HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\
         User-Agent: node-XMLHttpRequest\r\nConnection: keep-alive\r\n\r\n",
        random.next() as u32
    );
    connection.send(wire, random, By::Client, request.as_bytes())?;
    wire.truth.kind("http.request");
    respond(wire, random, connection, "text/plain; charset=UTF-8", body)
}

fn respond(
    wire: &mut Wire,
    random: &mut Random,
    connection: &mut Connection,
    kind: &str,
    body: &str,
) -> io::Result<()> {
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\ncache-control: no-store\r\n\
         Date: Thu, 26 Nov 2026 12:00:00 GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n{body}",
        body.len()
    );
    wire.truth.kind("http.response");
    connection.send(wire, random, By::Server, response.as_bytes())
}

/// A session on a WebSocket.
pub struct Session {
    socket: Socket,
    acks: u64,
}

impl Session {
    /// Opens by polling, probes, and moves to a WebSocket, as the client does unless it is told otherwise.
    pub fn open(wire: &mut Wire, random: &mut Random, client: SocketAddr, server: SocketAddr) -> io::Result<Self> {
        let polling = Polling::open(wire, random, client, server)?;
        let third = SocketAddr::new(client.ip(), client.port() + 2);
        let connection = Connection::open(wire, random, third, server, false)?;
        let target = format!("/socket.io/?EIO=4&transport=websocket&sid={}", polling.sid);
        let mut socket = Socket::upgrade(wire, random, connection, &target, false)?;
        let probe = [(By::Client, "2probe", "ping"), (By::Server, "3probe", "pong"), (By::Client, "5", "upgrade")];
        for (by, text, kind) in probe {
            socket.send(wire, random, by, (1, text.as_bytes()), usize::MAX)?;
            wire.truth.engineio(kind);
        }
        polling.close(wire)?;
        Ok(Self { socket, acks: 0 })
    }

    /// An event of either side, with an answer or with octets now and then.
    pub fn exchange(&mut self, wire: &mut Wire, random: &mut Random) -> io::Result<()> {
        let (by, other) = if random.once_in(2) { (By::Client, By::Server) } else { (By::Server, By::Client) };
        match random.between(0, 19) {
            0 => {
                let text = "451-[\"file\",{\"_placeholder\":true,\"num\":0}]";
                self.say(wire, random, by, text, Some("BINARY_EVENT"))?;
                let mut octets = vec![0; random.between(10, 400) as usize];
                random.fill(&mut octets);
                self.socket.send(wire, random, by, (2, &octets), usize::MAX)?;
                wire.truth.engineio("message");
                Ok(())
            }
            1..=4 => {
                let id = self.acks;
                self.acks += 1;
                let asks = format!("42{id}{}", event(random));
                self.say(wire, random, by, &asks, Some("EVENT"))?;
                self.say(wire, random, other, &format!("43{id}[\"ok\"]"), Some("ACK"))
            }
            5 if random.once_in(10) => {
                self.say(wire, random, By::Server, "2", None)?;
                self.say(wire, random, By::Client, "3", None)
            }
            _ => {
                let text = format!("42{}", event(random));
                self.say(wire, random, by, &text, Some("EVENT"))
            }
        }
    }

    fn say(
        &mut self,
        wire: &mut Wire,
        random: &mut Random,
        by: By,
        text: &str,
        socketio: Option<&'static str>,
    ) -> io::Result<()> {
        self.socket.send(wire, random, by, (1, text.as_bytes()), usize::MAX)?;
        let kind = match text.as_bytes().first() {
            Some(b'2') => "ping",
            Some(b'3') => "pong",
            _ => "message",
        };
        tell(wire, &[(kind, socketio)]);
        Ok(())
    }

    pub fn close(self, wire: &mut Wire, random: &mut Random) -> io::Result<()> {
        self.socket.close(wire, random)
    }
}

fn event(random: &mut Random) -> String {
    const NAMES: [&str; 4] = ["price", "chat message", "moved", "status"];
    let name = NAMES[random.place(NAMES.len())];
    let text = "lorem ipsum dolor sit amet consectetur "[..random.between(4, 38) as usize].trim_end();
    format!("[\"{name}\",{{\"n\":{},\"text\":\"{text}\",\"at\":{}}}]", random.between(0, 99_999), random.next() as u32)
}
