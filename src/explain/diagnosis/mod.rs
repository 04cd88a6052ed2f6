//! What went wrong, as far as a whole capture shows it: what was asked and never answered, who stopped reading, whose
//! handshake lost something on its way, what was refused and why. Each with the frames that prove it.
//!
//! A note of a dissector tells of one message, when it is read. What is told here needs the end of the story: that nothing
//! came, or what else was said on another connection.

mod again;
mod answers;
mod asked;
mod away;
mod beats;
mod begins;
mod broken;
mod closed;
mod cors;
mod doubled;
mod dropped;
mod encrypted;
mod exchange;
mod faulty;
mod fold;
mod host;
mod idle;
mod lengths;
mod mismatch;
mod opened;
mod otherwise;
mod passed;
mod pings;
mod probe;
mod recovered;
mod refusal;
mod refused;
mod session;
mod unended;
mod unreachable;
mod upgrade;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;

use exchange::Exchange;

use crate::flow::{Closing, Connection, Ending, Reset};
use crate::layer::{Direction, Severity};
use crate::protocol::engineio::{EngineIoPacket, Kind};
use crate::protocol::text::tamed;
use crate::protocol::{Http2Frame, HttpMessage, Opcode, Side, TlsRecord, WebSocketFrame};
use crate::trace::{Message, Trace};

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what is likely behind it.
    pub text: String,
    /// What says so, if a specification does.
    pub spec: &'static str,
    /// The frames that show it, in their order.
    pub frames: Vec<u32>,
}

impl Finding {
    fn warn(text: impl Into<String>, spec: &'static str, frames: Vec<u32>) -> Self {
        Self { severity: Severity::Warn, text: text.into(), spec, frames }
    }

    fn error(text: impl Into<String>, spec: &'static str, frames: Vec<u32>) -> Self {
        Self { severity: Severity::Error, ..Self::warn(text, spec, frames) }
    }
}

/// A capture as it is looked into.
struct Case<'a> {
    trace: &'a Trace,
    exchanges: Vec<Exchange<'a>>,
    /// The messages of each connection.
    of: Vec<Vec<&'a Message>>,
    /// The last frame of each connection in which its server said anything, in the open and inside of TLS.
    last_said: Vec<[u32; 2]>,
    /// The last of what each server says in HTTP, in each place.
    last_answers: HashMap<Lying, &'a Message>,
    /// The last frame of each connection that brought anything new from its server, whether or not it could be read.
    last_octets: Vec<u32>,
    /// The frames of each connection in which its client let nothing more come.
    closed_windows: HashMap<u32, Vec<u32>>,
    /// The streams of HTTP/2 on which a server said something.
    begun: HashSet<Lying>,
    /// The directions of each connection that TLS encrypts and of which the latest record was not opened.
    sealed: HashSet<(u32, Direction)>,
    /// The servers that speak TLS on some connection.
    speak_tls: HashSet<SocketAddr>,
    /// Who gave up a stream of HTTP/2.
    resets: HashMap<Lying, End>,
    /// Where sessions of Engine.IO were opened, once somebody asks.
    opened: OnceCell<BTreeMap<&'a str, Vec<session::Opened>>>,
    /// The Close frames of WebSocket, and packets `close` of Engine.IO, in each place, in the order of their frames.
    closes: HashMap<Lying, Vec<(u32, Direction)>>,
}

/// What a message lies in: its connection, what was decrypted there or not, and the stream of HTTP/2, if there are some.
type Lying = (u32, bool, Option<u32>);

/// Who ended a connection or a stream first, in which frame, and how: `closed`, `broke off`.
#[derive(Debug, Clone)]
struct End {
    by: Direction,
    frame: u32,
    how: Cow<'static, str>,
}

impl<'a> Case<'a> {
    fn new(trace: &'a Trace) -> Self {
        let mut of: Vec<Vec<&Message>> = vec![Vec::new(); trace.connections().len()];
        let (mut last_said, mut speak_tls) = (vec![[0; 2]; of.len()], HashSet::new());
        let mut last_answers = HashMap::new();
        for message in trace.messages() {
            of[message.connection as usize].push(message);
            if message.direction == Direction::ToClient {
                last_said[message.connection as usize][usize::from(message.inside)] = message.frame();
                if message.payload_as::<HttpMessage>().is_some() {
                    last_answers.insert(lying(message), message);
                }
                // What answers a ClientHello in the open is no record.
                let is_tls = message.payload_as::<TlsRecord>().is_some() && message.complete;
                speak_tls
                    .extend(trace.connections().get(message.connection as usize).filter(|_| is_tls).map(|c| c.server));
            }
        }
        let mut last_octets = vec![0; of.len()];
        let mut closed_windows: HashMap<u32, Vec<u32>> = HashMap::new();
        for (number, record) in trace.records() {
            let Some(segment) = &record.segment else { continue };
            if segment.direction == Direction::ToServer {
                if segment.window == 0 && segment.reset == Reset::None {
                    closed_windows.entry(segment.connection).or_default().push(number);
                }
                continue;
            }
            let is_new = record.delivery.as_ref().is_some_and(|delivery| !delivery.fresh.as_slice().is_empty());
            last_octets
                .get_mut(segment.connection as usize)
                .into_iter()
                .filter(|_| is_new)
                .for_each(|last| *last = number);
        }
        let (mut begun, mut resets) = (HashSet::new(), HashMap::new());
        for message in trace.messages() {
            let Some(frame) = message.payload_as::<Http2Frame>() else { continue };
            let lying = (message.connection, message.inside, Some(frame.stream));
            if frame.is_said() && message.direction == Direction::ToClient {
                begun.insert(lying);
            }
            if let Some(error) = frame.reset() {
                let how = format!("reset the stream ({error})").into();
                resets.entry(lying).or_insert(End { by: message.direction, frame: message.frame(), how });
            }
        }
        let (exchanges, closes, sealed) = (exchange::exchanges(trace), closes(trace), sealed(trace));
        Self {
            trace,
            exchanges,
            of,
            last_said,
            last_answers,
            last_octets,
            closed_windows,
            begun,
            sealed,
            speak_tls,
            resets,
            opened: OnceCell::new(),
            closes,
        }
    }

    /// The first that said behind this message, in the same place, that it is over, and in which frame.
    fn closed_behind(&self, message: &Message) -> Option<(Direction, u32)> {
        let closes = self.closes.get(&lying(message))?;
        let behind = closes.partition_point(|(frame, _)| *frame <= message.frame());
        closes.get(behind).map(|(frame, by)| (*by, *frame))
    }

    /// Where each session of Engine.IO was opened: through a proxy, there and behind it.
    fn opened(&self) -> &BTreeMap<&'a str, Vec<session::Opened>> {
        self.opened.get_or_init(|| session::opened(self))
    }

    /// What was said in the same place as this.
    fn beside(&self, message: &Message) -> impl Iterator<Item = &'a Message> {
        let here = lying(message);
        self.messages_of(message.connection).iter().copied().filter(move |other| lying(other) == here)
    }

    /// Whether an answer came in the same place as a request of which nobody knows what it answers, as where the capture has two
    /// segments in the wrong order: it may be the one that is waited for.
    fn has_unpaired(&self, request: &Message) -> bool {
        let is_unpaired = |http: &HttpMessage| http.side == Side::Response && http.answers.is_none();
        self.beside(request).any(|message| message.payload_as().is_some_and(is_unpaired))
    }

    /// Who ended what a message lies in: a stream that somebody gave up, or the connection.
    fn end_for(&self, message: &Message) -> Option<End> {
        if let Some(reset) = self.resets.get(&lying(message)) {
            return Some(reset.clone());
        }
        let connection = self.connection(message)?;
        let (by, frame, is_reset) = end_of(connection)?;
        // A FIN that was not captured may have come before.
        let other = by.reverse();
        let is_missing = connection.closing(other).is_none() && {
            let end = self.trace.stream(connection.id, other)?.end();
            connection.acknowledged(other).is_some_and(|acknowledged| acknowledged > end)
        };
        (!is_missing).then_some(())?;
        Some(End { by, frame, how: if is_reset { "broke off" } else { "closed" }.into() })
    }

    fn messages_of(&self, connection: u32) -> &[&'a Message] {
        self.of.get(connection as usize).map_or(&[], Vec::as_slice)
    }

    fn connection(&self, of: &Message) -> Option<&'a Connection> {
        self.trace.connections().get(of.connection as usize)
    }

    /// Whether all that went this way was captured, as far as the other side tells, and could be opened: what is missing may be
    /// the answer.
    fn has_all(&self, connection: &Connection, direction: Direction) -> bool {
        let Some(stream) = self.trace.stream(connection.id, direction) else { return false };
        // A FIN counts as one.
        let end = stream.end() + 1;
        stream.gaps().is_empty()
            && !self.sealed.contains(&(connection.id, direction))
            && connection.sent(direction) <= end
            && connection.acknowledged(direction).is_none_or(|acknowledged| acknowledged <= end)
    }

    /// The time between two frames in words: `2.3 s`, `15 ms`.
    fn between(&self, first: u32, last: u32) -> String {
        in_words(self.seconds(first, last))
    }

    fn seconds(&self, first: u32, last: u32) -> f64 {
        self.trace.time(last).zip(self.trace.time(first)).map_or(0.0, |(last, first)| last - first)
    }
}

/// All that went wrong, the worst first, else in order of the frames.
pub fn diagnose(trace: &Trace) -> Vec<Finding> {
    let case = Case::new(trace);
    let mut found = opened::findings(&case);
    found.extend(asked::findings(&case));
    found.extend(beats::findings(&case));
    found.extend(pings::findings(&case));
    found.extend(answers::findings(&case));
    found.extend(faulty::findings(&case));
    found.extend(cors::findings(&case));
    found.extend(host::findings(&case));
    found.extend(closed::findings(&case));
    found.extend(session::findings(&case));
    found.extend(recovered::findings(&case));
    found.extend(begins::findings(&case));
    found.extend(mismatch::findings(&case));
    found.extend(broken::findings(&case));
    found.extend(dropped::findings(&case));
    found.extend(probe::findings(&case));
    found.extend(unended::findings(&case));
    found.extend(again::findings(&case));
    found.extend(idle::findings(&case));
    found.extend(refused::findings(&case));
    found.extend(unreachable::findings(&case));
    found.extend(encrypted::findings(&case));
    found.extend(lengths::findings(&case));
    found.extend(doubled::findings(&case));
    found.extend(otherwise::findings(&case));
    for finding in &mut found {
        finding.frames.sort_unstable();
        finding.frames.dedup();
    }
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.frames.first().copied()));
    fold::folded(found)
}

fn closes(trace: &Trace) -> HashMap<Lying, Vec<(u32, Direction)>> {
    let mut found: HashMap<Lying, Vec<(u32, Direction)>> = HashMap::new();
    let closes = |message: &&Message| {
        message.payload_as::<WebSocketFrame>().is_some_and(|frame| frame.opcode == Opcode::Close)
            || message.payload_as::<EngineIoPacket>().is_some_and(|packet| packet.kind == Kind::Close)
    };
    for message in trace.messages().iter().filter(closes) {
        found.entry(lying(message)).or_default().push((message.frame(), message.direction));
    }
    found
}

/// The directions of connections in which something is encrypted and stays so.
fn sealed(trace: &Trace) -> HashSet<(u32, Direction)> {
    let mut found = HashSet::new();
    for message in trace.messages() {
        let Some(record) = message.payload_as::<TlsRecord>().filter(|record| record.encrypted) else { continue };
        // Some key logs have no secrets of the handshake: its records stay closed, and those behind them do not.
        match record.opened {
            None => found.insert((message.connection, message.direction)),
            Some(_) => found.remove(&(message.connection, message.direction)),
        };
    }
    found
}

fn lying(message: &Message) -> Lying {
    (message.connection, message.inside, message.stream)
}

/// Who ended a connection first, in which frame, and whether by breaking it off; `None` if it was open at the end.
fn end_of(connection: &Connection) -> Option<(Direction, u32, bool)> {
    match connection.ending() {
        Ending::HalfClosed { by, fin } => Some((by, fin, false)),
        Ending::Closed { first, fins, .. } => Some((first, fins[0], false)),
        Ending::Aborted { by, rst } => Some((by, rst, true)),
        Ending::ResetAfterFin { by, fin, .. } => {
            let is_of = |way: &Direction| connection.closing(*way) == Some(Closing::Fin(fin));
            let way = [Direction::ToServer, Direction::ToClient].into_iter().find(is_of);
            Some((way.unwrap_or(by), fin, false))
        }
        Ending::Open
        | Ending::Unanswered { .. }
        | Ending::Challenged { .. }
        | Ending::NotCompleted { .. }
        | Ending::Refused { .. }
        | Ending::GivenUp { .. } => None,
    }
}

/// What is said of several things in the same words is said once.
fn together(each: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for finding in each {
        match places.get(&finding.text) {
            Some(place) => found[*place].frames.extend(finding.frames),
            None => {
                places.insert(finding.text.clone(), found.len());
                found.push(finding);
            }
        }
    }
    found
}

/// Whoever sends in this direction.
fn sender(connection: &Connection, direction: Direction) -> SocketAddr {
    connection.ends(direction).0
}

fn in_words(seconds: f64) -> String {
    match seconds {
        _ if seconds >= 1.0 => format!("{seconds:.1} s"),
        _ if seconds >= 0.01 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds >= 1e-4 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{:.0} µs", seconds * 1e6),
    }
}

/// Of a text that a peer chose so many characters are told.
const MOST: usize = 80;

/// A text that a peer chose, as far as it is read: control characters do nothing, and it has an end.
fn quoted(text: &str) -> String {
    let safe: String = tamed(text).chars().take(MOST).collect();
    if text.chars().count() > MOST { format!("{safe}…") } else { safe }
}

#[cfg(test)]
mod tests;
