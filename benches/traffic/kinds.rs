//! The kinds of traffic.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::connection::{By, Connection};
use super::random::Random;
use super::socketio::{Polling, Session};
use super::truth::Truth;
use super::websocket::Socket;
use super::wire::{Format, Wire};

/// What can be generated.
pub const KINDS: [&str; 7] = ["small", "large", "deflate", "polling", "socketio", "mixed", "flows"];

/// What is to be generated.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    pub kind: &'a str,
    /// How many octets the file is to have, more or less.
    pub size: u64,
    /// The most octets of payload in one segment.
    pub segment: usize,
    pub format: Format,
    pub seed: u64,
}

/// Loopback hands over segments of up to 64 KiB.
pub const LOOPBACK_SEGMENT: usize = 65_483;

/// A short flow takes about so many octets of a file.
const FLOW: u64 = 1_000;

/// Writes the capture; returns what is in it.
pub fn generate(order: &Order<'_>, path: &Path) -> io::Result<Truth> {
    let mut wire = Wire::create(path, order.format, order.segment)?;
    let mut random = Random::new(order.seed);
    let (wire_ref, random_ref) = (&mut wire, &mut random);
    match order.kind {
        "small" => sockets(wire_ref, random_ref, order.size, false, small)?,
        "large" => sockets(wire_ref, random_ref, order.size, false, large)?,
        "deflate" => sockets(wire_ref, random_ref, order.size, true, compressed)?,
        "polling" => polling(wire_ref, random_ref, order.size)?,
        "socketio" => sessions(wire_ref, random_ref, order.size)?,
        "mixed" => mixed(wire_ref, random_ref, order.size)?,
        _ => flows(wire_ref, random_ref, order.size / FLOW)?,
    }
    wire.finish()
}

fn v4(last: u8, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), port)
}

fn v6(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)
}

/// What one message of a kind is.
type Say = fn(&mut Socket, &mut Wire, &mut Random, &mut Vec<u8>) -> io::Result<()>;

/// WebSockets side by side, until the file is large enough.
fn sockets(wire: &mut Wire, random: &mut Random, size: u64, deflate: bool, say: Say) -> io::Result<()> {
    let mut sockets = Vec::new();
    // Each compressed direction keeps 32 KiB of what it said, twice.
    let count = if deflate { 20 } else { 48 };
    for i in 0..count {
        let connection = Connection::open(wire, random, v4(1, 40_000 + i), v4(1, 8080), false)?;
        sockets.push(Socket::upgrade(wire, random, connection, "/chat", deflate)?);
    }
    let mut buffer = Vec::new();
    while wire.written < size {
        let place = random.place(sockets.len());
        say(&mut sockets[place], wire, random, &mut buffer)?;
    }
    sockets.into_iter().try_for_each(|socket| socket.close(wire, random))
}

fn side(random: &mut Random) -> By {
    if random.once_in(2) { By::Client } else { By::Server }
}

fn small(socket: &mut Socket, wire: &mut Wire, random: &mut Random, buffer: &mut Vec<u8>) -> io::Result<()> {
    let by = side(random);
    if random.once_in(500) {
        socket.control(wire, random, By::Server, 9, b"are you there")?;
        return socket.control(wire, random, By::Client, 10, b"are you there");
    }
    text(random, buffer, 20, 120);
    socket.send(wire, random, by, (1, buffer), usize::MAX)
}

fn large(socket: &mut Socket, wire: &mut Wire, random: &mut Random, buffer: &mut Vec<u8>) -> io::Result<()> {
    let by = side(random);
    let len = random.between(16 << 10, 1 << 20) as usize;
    let fragment = random.between(4 << 10, 64 << 10) as usize;
    if random.once_in(5) {
        text(random, buffer, len as u64, len as u64);
        return socket.send(wire, random, by, (1, buffer), fragment);
    }
    buffer.resize(len, 0);
    random.fill(buffer);
    socket.send(wire, random, by, (2, buffer), fragment)
}

fn compressed(socket: &mut Socket, wire: &mut Wire, random: &mut Random, buffer: &mut Vec<u8>) -> io::Result<()> {
    let by = side(random);
    text(random, buffer, 100, 2000);
    socket.send(wire, random, by, (1, buffer), usize::MAX)
}

/// Something like JSON, of so many octets.
fn text(random: &mut Random, out: &mut Vec<u8>, low: u64, high: u64) {
    const WORDS: [&str; 12] = [
        "\"price\":",
        "\"symbol\":\"ABC\",",
        "\"volume\":",
        "{\"event\":\"tick\",",
        "},",
        "\"text\":\"hello world\",",
        "\"at\":1700000000,",
        "[1,2,3],",
        "\"user\":{\"id\":",
        "true,",
        "null,",
        "\"naïve\":\"grün\",",
    ];
    let len = random.between(low, high) as usize;
    out.clear();
    while out.len() < len {
        out.extend(WORDS[random.place(WORDS.len())].as_bytes());
        out.extend(random.between(0, 99_999).to_string().as_bytes());
    }
    // A character is not cut in two.
    let mut end = len;
    while out[end.min(out.len() - 1)] & 0xc0 == 0x80 {
        end -= 1;
    }
    out.truncate(end);
}

fn polling(wire: &mut Wire, random: &mut Random, size: u64) -> io::Result<()> {
    let mut sessions = Vec::new();
    for i in 0..24 {
        sessions.push(Polling::open(wire, random, v4(1, 40_000 + 4 * i), v4(1, 8080))?);
    }
    while wire.written < size {
        let place = random.place(sessions.len());
        sessions[place].exchange(wire, random)?;
    }
    sessions.into_iter().try_for_each(|session| session.close(wire))
}

fn sessions(wire: &mut Wire, random: &mut Random, size: u64) -> io::Result<()> {
    let mut sessions = Vec::new();
    for i in 0..32 {
        sessions.push(Session::open(wire, random, v4(1, 40_000 + 4 * i), v4(1, 8080))?);
    }
    while wire.written < size {
        let place = random.place(sessions.len());
        sessions[place].exchange(wire, random)?;
    }
    sessions.into_iter().try_for_each(|session| session.close(wire, random))
}

/// A bit of all, out of order, sent twice and overlapping; over IPv4 and IPv6; and datagrams.
fn mixed(wire: &mut Wire, random: &mut Random, size: u64) -> io::Result<()> {
    // Only what comes in several segments can come out of order.
    wire.segment = wire.segment.min(1448);
    let (mut plain, mut packed) = (Vec::new(), Vec::new());
    for i in 0..24 {
        let (client, server) = if i % 3 == 0 { (v6(41_000 + i), v6(8080)) } else { (v4(1, 41_000 + i), v4(1, 8080)) };
        let connection = Connection::open(wire, random, client, server, true)?;
        let deflate = i % 4 == 1;
        let socket = Socket::upgrade(wire, random, connection, "/feed", deflate)?;
        if deflate { packed.push(socket) } else { plain.push(socket) }
    }
    let mut poller = Polling::open(wire, random, v4(1, 45_000), v4(1, 8080))?;
    let mut session = Session::open(wire, random, v4(1, 46_000), v4(1, 8080))?;
    let mut buffer = Vec::new();
    let (mut flow, mut datagrams) = (0, std::collections::BTreeSet::new());
    while wire.written < size {
        match random.between(0, 9) {
            0 => poller.exchange(wire, random)?,
            1 => session.exchange(wire, random)?,
            2 => {
                let port = 50_000 + random.between(0, 200) as u16;
                datagrams.insert(port);
                buffer.resize(random.between(0, 1200) as usize, 7);
                wire.udp(v4(1, port), v4(1, 9000), &buffer)?;
            }
            3 => {
                short_flow(wire, random, flow, true)?;
                flow += 1;
            }
            4 | 5 => {
                let place = random.place(packed.len());
                compressed(&mut packed[place], wire, random, &mut buffer)?;
            }
            _ => {
                let place = random.place(plain.len());
                let by = side(random);
                text(random, &mut buffer, 20, 20_000);
                let fragment = random.between(1000, 30_000) as usize;
                plain[place].send(wire, random, by, (1, &buffer), fragment)?;
            }
        }
    }
    wire.truth.connections.insert("udp", datagrams.len() as u64);
    plain.into_iter().chain(packed).try_for_each(|socket| socket.close(wire, random))?;
    poller.close(wire)?;
    session.close(wire, random)
}

fn flows(wire: &mut Wire, random: &mut Random, count: u64) -> io::Result<()> {
    (0..count).try_for_each(|i| short_flow(wire, random, i, false))
}

/// One request, one response; most end by FIN, some by RST.
fn short_flow(wire: &mut Wire, random: &mut Random, i: u64, disorder: bool) -> io::Result<()> {
    // So many ports at so many addresses, none of them used twice for a long time.
    let client = v4(2 + (i / 20_000 % 200) as u8, 20_000 + (i % 20_000) as u16);
    let mut connection = Connection::open(wire, random, client, v4(1, 8081), disorder)?;
    let request = format!("GET /item/{i} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    connection.send(wire, random, By::Client, request.as_bytes())?;
    let body = &"abcdefghijklmnopqrstuvwxyz"[..random.between(1, 26) as usize];
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    connection.send(wire, random, By::Server, response.as_bytes())?;
    wire.truth.kind("http.request");
    wire.truth.kind("http.response");
    if random.once_in(10) { connection.reset(wire) } else { connection.close(wire) }
}
