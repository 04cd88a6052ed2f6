//! Two sides of a WebSocket of which only one speaks Engine.IO, and clients of Engine.IO that never join Socket.IO.
//!
//! # References
//! - Engine.IO protocol 4, "Handshake", "Packet encoding"; Socket.IO protocol 5, "Connection to a namespace".
//! - `connectTimeout`: <https://socket.io/docs/v4/server-options/#connecttimeout>.

use std::collections::{BTreeMap, HashMap};

use super::asked::{LONG, PATIENCE, sessions};
use super::exchange::Exchange;
use super::{Case, Finding, Lying, lying, quoted, upgrade};
use crate::layer::Direction;
use crate::protocol::engineio::{EngineIoPacket, Kind, Query, Transport, Version};
use crate::protocol::{Opcode, WebSocketFrame};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = told_once(not_spoken(case));
    found.extend(told_once(never_joined(case)));
    found
}

/// What is said of a socket: at which server and path, in which words, what of it only this one has, and the frames.
struct Said {
    place: (std::net::SocketAddr, String, &'static str),
    text: String,
    spec: &'static str,
    frames: Vec<u32>,
}

/// What is said of several sockets of one path is said of the first, as clients come again and again.
fn told_once(all: Vec<Said>) -> Vec<Finding> {
    let mut found: Vec<(Said, usize)> = Vec::new();
    let mut places = HashMap::new();
    for said in all {
        match places.get(&said.place) {
            Some(place) => {
                let (first, more): &mut (Said, usize) = &mut found[*place];
                first.frames.extend(said.frames);
                *more += 1;
            }
            None => {
                places.insert(said.place.clone(), found.len());
                found.push((said, 0));
            }
        }
    }
    let told = found.into_iter().map(|(said, more)| {
        let again = match more {
            0 => String::new(),
            1 => ". It went so once more".to_owned(),
            more => format!(". It went so {more} times more"),
        };
        Finding::warn(said.text + &again, said.spec, said.frames)
    });
    told.collect()
}

/// A WebSocket that was asked for as one of Engine.IO, and what each side said first on it.
struct Socket<'a> {
    exchange: &'a Exchange<'a>,
    /// The frame in which it was opened.
    opened: u32,
    /// The first frame of WebSocket with anything in it, of client and server.
    begins: [Option<u32>; 2],
    /// What was read in the first message of each.
    packets: [Option<(u32, Kind)>; 2],
    /// The first Close frame.
    closed: Option<u32>,
    /// An extension that is not known here may have changed what it carries.
    is_foreign: bool,
}

/// Those that open a session.
fn sockets<'c>(case: &'c Case<'_>) -> BTreeMap<Lying, Socket<'c>> {
    let mut found = BTreeMap::new();
    for exchange in &case.exchanges {
        let query = Query::from_target(&exchange.target);
        let opens = query.version.is_some() && query.transport == Some(Transport::WebSocket) && query.sid.is_none();
        if let Some(answer) = exchange.answer.filter(|_| opens && upgrade::is_opened(exchange) == Some(true)) {
            let opened = answer.frame();
            let socket =
                Socket { exchange, opened, begins: [None; 2], packets: [None; 2], closed: None, is_foreign: false };
            found.insert(lying(answer), socket);
        }
    }
    if found.is_empty() {
        return found;
    }
    for message in case.trace.messages() {
        let Some(socket) = found.get_mut(&lying(message)) else { continue };
        let d = message.direction.index();
        if let Some(frame) = message.payload_as::<WebSocketFrame>() {
            socket.is_foreign |= frame.foreign;
            match frame.opcode {
                Opcode::Close => drop(socket.closed.get_or_insert(message.frame())),
                Opcode::Text | Opcode::Binary => drop(socket.begins[d].get_or_insert(message.frame())),
                _ => {}
            }
        } else if let Some(packet) = message.payload_as::<EngineIoPacket>() {
            socket.packets[d].get_or_insert((message.frame(), packet.kind));
        }
    }
    found
}

/// Sockets on which one side does not speak Engine.IO.
fn not_spoken(case: &Case<'_>) -> Vec<Said> {
    let sockets = sockets(case);
    let told = sockets.values().filter(|socket| !socket.is_foreign);
    told.filter_map(|socket| by_server(case, socket).or_else(|| by_client(case, socket))).collect()
}

/// The server says nothing, or something else.
fn by_server(case: &Case<'_>, socket: &Socket<'_>) -> Option<Said> {
    let request = socket.exchange.request;
    let connection = case.connection(request)?;
    if !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let what = format!("{} {}", socket.exchange.method, quoted(&socket.exchange.target));
    let likely = "likely it is a plain WebSocket server, and its client one of Socket.IO (or of Engine.IO), which can speak to \
                  none but their own servers: the client should use a plain WebSocket, or the server be one of Socket.IO";
    let server = Direction::ToClient.index();
    let (kind, text, frames) = match (socket.packets[server], socket.begins[server]) {
        (Some((_, Kind::Open)), _) | (None, Some(_)) => return None,
        (Some((frame, _)), _) => {
            let text = format!(
                "{what} asks for Engine.IO, and a WebSocket was opened, but the first that {} says there, in frame {frame}, is \
                 no OPEN packet, with which Engine.IO begins: {likely}",
                connection.server
            );
            ("something else", text, vec![socket.opened, frame])
        }
        (None, None) => {
            let end = case.end_for(request).map(|end| end.frame);
            let over = end.into_iter().chain(socket.closed).min().filter(|over| *over > socket.opened);
            let until = over.unwrap_or(case.trace.len());
            let waited = case.seconds(socket.opened, until);
            // Whoever leaves at once has not waited for it.
            if waited < if over.is_some() { PATIENCE } else { LONG } {
                return None;
            }
            let text = format!(
                "{what} asks for Engine.IO, and a WebSocket was opened, but in the {} until {} {} sent no OPEN packet, with \
                 which Engine.IO begins: {likely}",
                case.between(socket.opened, until),
                if over.is_some() { "it ended" } else { "the capture ended" },
                connection.server
            );
            ("nothing", text, [Some(socket.opened), over].into_iter().flatten().collect())
        }
    };
    let frames = [&[request.frame()], &frames[..]].concat();
    let place = (connection.server, socket.exchange.path().to_owned(), kind);
    Some(Said { place, text, spec: "Engine.IO protocol 4, Handshake", frames })
}

/// The client says something else.
fn by_client(case: &Case<'_>, socket: &Socket<'_>) -> Option<Said> {
    let connection = case.connection(socket.exchange.request)?;
    let (opened, kind) = socket.packets[Direction::ToClient.index()]?;
    let (frame, said) = socket.packets[Direction::ToServer.index()]?;
    if kind != Kind::Open || said.is_defined() {
        return None;
    }
    if !case.has_all(connection, Direction::ToServer) {
        return None;
    }
    let text = format!(
        "the server speaks Engine.IO at {}, and the first that the client says there, in frame {frame}, is no packet of it: \
         likely a plain WebSocket client, to which a server of Engine.IO, and so of Socket.IO, does not listen. The client should \
         be one of its own",
        quoted(socket.exchange.path())
    );
    let place = (connection.server, socket.exchange.path().to_owned(), "client");
    let frames = vec![socket.exchange.request.frame(), opened, frame];
    Some(Said { place, text, spec: "Engine.IO protocol 4, Packet encoding", frames })
}

/// A session in which nobody has joined a namespace yet.
struct Unjoined<'a> {
    open: &'a Message,
    /// A ping that no pong has answered: the session may be closed for that.
    has_ping: bool,
    closed: Option<u32>,
}

/// Sessions at Socket.IO in which the client joined nothing until the server closed them.
fn never_joined(case: &Case<'_>) -> Vec<Said> {
    // What was asked for where each session was opened.
    let asked: HashMap<(Lying, u32), &Exchange<'_>> = case
        .exchanges
        .iter()
        .filter_map(|exchange| exchange.answer.map(|answer| ((lying(answer), answer.frame()), exchange)))
        .collect();
    let upgraded: HashMap<Lying, &Exchange<'_>> = case
        .exchanges
        .iter()
        .filter(|exchange| upgrade::is_opened(exchange) == Some(true))
        .filter_map(|exchange| exchange.answer.map(|answer| (lying(answer), exchange)))
        .collect();
    let mut found = Vec::new();
    let sessions = sessions(case);
    for (sid, unjoined) in unjoined(case) {
        let open = unjoined.open;
        let exchange = asked.get(&(lying(open), open.frame())).or_else(|| upgraded.get(&lying(open)));
        // Where Engine.IO is spoken alone nobody joins anything.
        let Some(exchange) = exchange.filter(|exchange| exchange.path().contains("socket.io")) else { continue };
        let Some(connection) = case.connection(open) else { continue };
        let mut ids = sessions.get(sid).into_iter().flatten().map(|id| *id as usize);
        let all = case.trace.connections();
        let has_all = ids.all(|id| all.get(id).is_some_and(|one| case.has_all(one, Direction::ToServer)));
        let socket =
            || case.end_for(open).filter(|end| end.by == Direction::ToClient && upgraded.contains_key(&lying(open)));
        let Some(end) = unjoined.closed.or_else(|| socket().map(|end| end.frame)) else { continue };
        if !has_all || unjoined.has_ping || case.seconds(open.frame(), end) < PATIENCE {
            continue;
        }
        let text = format!(
            "the session that was opened in frame {} joined no namespace of Socket.IO: its client sent no CONNECT (`40`) in {}, \
             and {} closed it, as such a server does after its connectTimeout (45 s unless it is told otherwise). Likely the \
             client speaks Engine.IO alone, or waits for the server to begin, as in Socket.IO 2",
            open.frame(),
            case.between(open.frame(), end),
            connection.server
        );
        let place = (connection.server, exchange.path().to_owned(), "joined");
        let spec = "Socket.IO protocol 5, Connection to a namespace";
        found.push(Said { place, text, spec, frames: vec![exchange.request.frame(), open.frame(), end] });
    }
    found
}

/// The sessions of version 4 in which a client sent no message, by their names.
fn unjoined<'a>(case: &Case<'a>) -> BTreeMap<&'a str, Unjoined<'a>> {
    let mut found: BTreeMap<&str, Unjoined<'_>> = BTreeMap::new();
    // On which WebSocket each is, to see who closes that.
    let mut on: HashMap<Lying, &str> = HashMap::new();
    for message in case.trace.messages() {
        if message.payload_as::<WebSocketFrame>().is_some_and(|frame| frame.opcode == Opcode::Close) {
            let session = on.get(&lying(message)).and_then(|sid| found.get_mut(sid));
            match (session, message.direction) {
                (Some(session), Direction::ToClient) => drop(session.closed.get_or_insert(message.frame())),
                // Whoever leaves had no time to join.
                (Some(session), Direction::ToServer) if session.closed.is_none() => {
                    on.remove(&lying(message)).and_then(|sid| found.remove(sid));
                }
                _ => {}
            }
            continue;
        }
        let Some(packet) = message.payload_as::<EngineIoPacket>() else { continue };
        let Some(sid) = packet.sid.as_deref() else { continue };
        if packet.transport == Transport::WebSocket {
            on.insert(lying(message), sid);
        }
        match (packet.kind, message.direction) {
            (Kind::Open, Direction::ToClient) if packet.version == Version::V4 => {
                found.entry(sid).or_insert(Unjoined { open: message, has_ping: false, closed: None });
            }
            // A socket that was closed is not joined any more.
            (
                Kind::Message | Kind::Close | Kind::Unknown(_) | Kind::UnknownNumber(_) | Kind::Missing,
                Direction::ToServer,
            ) if found.get(sid).is_some_and(|session| session.closed.is_none()) => {
                found.remove(sid);
            }
            (Kind::Ping, Direction::ToClient) => found.get_mut(sid).into_iter().for_each(|one| one.has_ping = true),
            (Kind::Pong, Direction::ToServer) => found.get_mut(sid).into_iter().for_each(|one| one.has_ping = false),
            (Kind::Close, Direction::ToClient) => {
                if let Some(session) = found.get_mut(sid) {
                    session.closed.get_or_insert(message.frame());
                }
            }
            _ => {}
        }
    }
    found
}
