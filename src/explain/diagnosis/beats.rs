//! Heartbeats of Engine.IO that stayed away, whereupon somebody gave up.
//!
//! # References
//! - Engine.IO protocol 4, "Heartbeat": the server pings, and closes when no pong comes within pingTimeout; the client when no ping
//!   comes within pingInterval and pingTimeout. 3, "Timeouts": the client pings.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use super::asked::{PATIENCE, gave_up, left_behind, sessions};
use super::exchange::Exchange;
use super::{Case, Finding, in_words, lying, sender, session};
use crate::layer::Direction;
use crate::protocol::engineio::{Content, EngineIoPacket, Kind, Open, Query, Transport, Version};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    [heartbeats(case), missed_beats(case), forgotten(case)].concat()
}

/// Pings of Engine.IO behind which there was no pong: the last of their sessions.
fn heartbeats(case: &Case<'_>) -> Vec<Finding> {
    // And in which frame whoever asked closed the session.
    let mut open: BTreeMap<&str, (&Message, Option<u32>)> = BTreeMap::new();
    let mut patience: BTreeMap<&str, u64> = BTreeMap::new();
    for message in case.trace.messages() {
        let Some(packet) = message.payload_as::<EngineIoPacket>() else { continue };
        let Some(sid) = packet.sid.as_deref() else { continue };
        match (packet.kind, &packet.content) {
            (Kind::Open, Content::Text(json)) => {
                let timeout = Open::from_json(json).ok().and_then(|open| open.ping_timeout);
                patience.extend(timeout.map(|timeout| (sid, timeout)));
            }
            (Kind::Ping, Content::Text(text)) if text != "probe" => drop(open.entry(sid).or_insert((message, None))),
            // What answers the probe of another transport answers no ping, nor does what the same side says.
            (Kind::Pong, Content::Text(text)) if text == "probe" => {}
            (Kind::Pong, _) if open.get(sid).is_some_and(|(ping, _)| ping.direction == message.direction) => {}
            (Kind::Pong, _) => drop(open.remove(sid)),
            (Kind::Close, _) => match open.get_mut(sid) {
                Some((ping, closed)) if ping.direction == message.direction => *closed = Some(message.frame()),
                // Whoever leaves does not answer any more.
                Some((_, None)) => drop(open.remove(sid)),
                _ => {}
            },
            _ => {}
        }
    }
    let sessions = sessions(case);
    let has_all = |sid: &str, ping: &Message| {
        let mut connections = sessions.get(sid).into_iter().flatten().map(|id| *id as usize);
        let all = case.trace.connections();
        connections.all(|id| all.get(id).is_some_and(|one| case.has_all(one, ping.direction.reverse())))
    };
    let lost = open.into_iter().filter(|(sid, (ping, _))| has_all(sid, ping));
    lost.filter_map(|(sid, (ping, closed))| lost_beat(case, ping, closed, patience.get(sid).copied())).collect()
}

fn lost_beat(case: &Case<'_>, ping: &Message, closed: Option<u32>, patience: Option<u64>) -> Option<Finding> {
    let connection = case.connection(ping)?;
    let end = closed.or_else(|| gave_up(case, ping)).filter(|end| *end > ping.frame())?;
    let waited = case.seconds(ping.frame(), end);
    // Who leaves at once leaves for another reason.
    if waited < patience.map_or(PATIENCE, |timeout| timeout as f64 / 1e3 * 0.8) {
        return None;
    }
    let allows = patience.map(|timeout| format!(" (pingTimeout is {timeout} ms)")).unwrap_or_default();
    let text = format!(
        "no pong came for the ping in frame {}: {} gave up after {}{allows}. The other side was stopped, too busy to \
         answer, or cut off",
        ping.frame(),
        sender(connection, ping.direction),
        in_words(waited)
    );
    let version = ping.payload_as::<EngineIoPacket>().map_or(Version::V4, |packet| packet.version);
    Some(Finding::warn(text, version.heartbeat(), vec![ping.frame(), end]))
}

/// What is known of the beats of a session.
struct Beats<'a> {
    /// How many milliseconds a ping is waited for: pingInterval and pingTimeout.
    patience: Option<u64>,
    /// What was waited from: the packet that opened the session, the latest ping, or in version 3 the latest packet of the client.
    since: &'a Message,
    latest: &'a Message,
    /// Who said that the session is over, and in which frame.
    closed: Option<(Direction, u32)>,
}

impl Beats<'_> {
    fn is_on_websocket(&self) -> bool {
        self.latest.payload_as::<EngineIoPacket>().is_none_or(|packet| packet.transport != Transport::Polling)
    }
}

/// Whether a poll of this session waited in this frame: without one no ping can come.
fn polls(case: &Case<'_>, sid: &str, end: u32) -> bool {
    let before = case.exchanges.iter().take_while(|exchange| exchange.request.frame() < end);
    let mut polls = before.filter(|exchange| exchange.method == "GET");
    polls.any(|exchange| {
        exchange.answer.is_none_or(|answer| answer.frame() > end)
            && Query::from_target(&exchange.target).sid.as_deref() == Some(sid)
    })
}

/// In which direction pings go: to the client, and in version 3 to the server.
fn pings_go(version: Version) -> Direction {
    if version == Version::V3 { Direction::ToServer } else { Direction::ToClient }
}

/// Sessions that whoever waits for pings gave up because none came: in version 4 the client, in version 3 the server, to which any
/// packet is as good.
fn missed_beats(case: &Case<'_>) -> Vec<Finding> {
    let mut all: BTreeMap<&str, Beats<'_>> = BTreeMap::new();
    for message in case.trace.messages() {
        let Some(packet) = message.payload_as::<EngineIoPacket>() else { continue };
        let known = matches!(packet.version, Version::V3 | Version::V4);
        let Some(sid) = packet.sid.as_deref().filter(|_| known) else { continue };
        let (asks, from_server) = (pings_go(packet.version), message.direction == Direction::ToClient);
        match (packet.kind, &packet.content) {
            (Kind::Open, Content::Text(json)) if from_server => {
                let open = Open::from_json(json).unwrap_or_default();
                let patience =
                    open.ping_interval.zip(open.ping_timeout).and_then(|(every, wait)| every.checked_add(wait));
                all.insert(sid, Beats { patience, since: message, latest: message, closed: None });
            }
            // Who pings where the other side should does not wait for that.
            (Kind::Ping, Content::Text(text)) if message.direction != asks && text != "probe" => drop(all.remove(sid)),
            (kind, _) => {
                let Some(beats) = all.get_mut(sid) else { continue };
                // What comes when whoever waits has left does not reach it.
                let left = || {
                    lying(message) == lying(beats.latest) && {
                        let left = left_behind(case, beats.latest);
                        left.is_some_and(|(by, end)| by != asks && end < message.frame())
                    }
                };
                if beats.closed.is_some() || left() {
                    continue;
                }
                match kind {
                    Kind::Close => beats.closed = Some((message.direction, message.frame())),
                    _ if message.direction != asks => {}
                    Kind::Ping => beats.since = message,
                    _ if packet.version == Version::V3 => beats.since = message,
                    _ => {}
                }
                beats.latest = message;
            }
        }
    }
    let sessions = sessions(case);
    let has_all = |sid: &str, way| {
        let mut connections = sessions.get(sid).into_iter().flatten().map(|id| *id as usize);
        let all = case.trace.connections();
        connections.all(|id| all.get(id).is_some_and(|one| case.has_all(one, way)))
    };
    let told = all.into_iter().filter_map(|(sid, beats)| {
        let version = beats.since.payload_as::<EngineIoPacket>()?.version;
        let finding = missed_beat(case, &beats, version).filter(|_| has_all(sid, pings_go(version)))?;
        let end = finding.frames.last().copied()?;
        (beats.is_on_websocket() || polls(case, sid, end)).then_some(finding)
    });
    told.collect()
}

fn missed_beat(case: &Case<'_>, beats: &Beats<'_>, version: Version) -> Option<Finding> {
    let Beats { patience, since, latest, closed } = *beats;
    let left = closed.into_iter().chain(left_behind(case, latest)).min_by_key(|(_, frame)| *frame);
    let (_, end) = left.filter(|(by, _)| *by != pings_go(version))?;
    let (waited, patience) = (case.seconds(since.frame(), end), patience?);
    // Who leaves sooner, or much later, leaves for another reason.
    let ratio = waited * 1e3 / patience as f64;
    if waited < PATIENCE || !(0.95..1.2).contains(&ratio) {
        return None;
    }
    let connection = case.connection(since)?;
    let behind = match since.payload_as::<EngineIoPacket>().map(|packet| packet.kind) {
        Some(Kind::Open) => "the opening of the session",
        _ => "the one",
    };
    let (what, from, who, why) = match version {
        Version::V3 => (
            "packet",
            connection.client,
            "server",
            "The client, which has to ping in version 3, was stopped, too busy to, or cut off",
        ),
        _ => ("ping", connection.server, "client", "The server was stopped, too busy to ping, or cut off"),
    };
    let text = format!(
        "no {what} came from {from} in the {} behind {behind} in frame {}: the {who} gave up (pingInterval and pingTimeout are \
         {patience} ms together). {why}",
        in_words(waited),
        since.frame()
    );
    Some(Finding::warn(text, version.heartbeat(), vec![since.frame(), end]))
}

/// A session that was polled, up to where its server did not know it.
struct Polled<'a> {
    /// What was answered so.
    exchange: &'a Exchange<'a>,
    server: SocketAddr,
    interval: Option<u64>,
    timeout: Option<u64>,
    /// The latest ping, if no pong has come for it.
    ping: Option<&'a Message>,
    /// The last frame in which anything in it was answered well.
    answered: u32,
    /// The last frame before that in which anything was asked.
    asked: u32,
    /// Something else may have ended it.
    is_over: bool,
}

/// Sessions of version 4 that were polled and that their servers gave up because no pong came: nobody is told so, but what is asked
/// next in them is not known any more.
fn forgotten(case: &Case<'_>) -> Vec<Finding> {
    let mut all: HashMap<String, Polled<'_>> = HashMap::new();
    let unknown = case.exchanges.iter().filter(|exchange| session::is_unknown(case, exchange));
    for exchange in unknown {
        let sid = Query::from_target(&exchange.target).sid;
        let (Some(sid), Some(connection), Some(answer)) = (sid, case.connection(exchange.request), exchange.answer)
        else {
            continue;
        };
        let server = connection.server;
        let (interval, timeout, ping) = (None, None, None);
        let polled = Polled { exchange, server, interval, timeout, ping, answered: 0, asked: 0, is_over: false };
        // Behind a proxy it is said first.
        match all.get(&*sid).and_then(|first| first.exchange.answer) {
            Some(first) if first.frame() <= answer.frame() => {}
            _ => drop(all.insert(sid.to_string(), polled)),
        }
    }
    if all.is_empty() {
        return Vec::new();
    }
    for message in case.trace.messages() {
        let Some(packet) = message.payload_as::<EngineIoPacket>() else { continue };
        let Some(polled) = packet.sid.as_deref().and_then(|sid| all.get_mut(sid)) else { continue };
        let is_here = case.connection(message).is_some_and(|connection| connection.server == polled.server);
        if is_here && message.frame() < polled.exchange.request.frame() {
            polled.hear(message, packet);
        }
    }
    for exchange in &case.exchanges {
        let Some(polled) = Query::from_target(&exchange.target).sid.and_then(|sid| all.get_mut(&*sid)) else {
            continue;
        };
        let asked = Some(exchange.request.frame()).filter(|asked| *asked < polled.exchange.request.frame());
        polled.asked = polled.asked.max(asked.unwrap_or(0));
        if let Some(answer) = exchange.answer.filter(|_| exchange.status == Some(200)) {
            polled.answered = polled.answered.max(answer.frame());
        }
    }
    let sessions = sessions(case);
    let has_all = |sid: &str| {
        let mut connections = sessions.get(sid).into_iter().flatten().map(|id| *id as usize);
        let all = case.trace.connections();
        connections.all(|id| all.get(id).is_some_and(|one| case.has_all(one, Direction::ToServer)))
    };
    let mut found: Vec<Finding> =
        all.iter().filter(|(sid, _)| has_all(sid)).filter_map(|(_, polled)| forgotten_beat(case, polled)).collect();
    found.sort_by_key(|finding| finding.frames.clone());
    found
}

impl<'a> Polled<'a> {
    fn hear(&mut self, message: &'a Message, packet: &EngineIoPacket) {
        self.is_over |= packet.transport != Transport::Polling || packet.version != Version::V4;
        match (packet.kind, &packet.content) {
            (Kind::Open, Content::Text(json)) => {
                let open = Open::from_json(json).unwrap_or_default();
                (self.interval, self.timeout) = (open.ping_interval, open.ping_timeout);
            }
            (Kind::Ping, _) if message.direction == Direction::ToClient => self.ping = Some(message),
            (Kind::Pong, _) if message.direction == Direction::ToServer => self.ping = None,
            (Kind::Close, _) => self.is_over = true,
            _ => {}
        }
    }
}

fn forgotten_beat(case: &Case<'_>, polled: &Polled<'_>) -> Option<Finding> {
    if polled.ping.is_none() {
        return slept(case, polled);
    }
    let (ping, timeout) = (polled.ping.filter(|_| !polled.is_over)?, polled.timeout?);
    let answer = polled.exchange.answer?.frame();
    let (patience, alive) = (timeout as f64 / 1e3, case.seconds(ping.frame(), polled.answered));
    // Who knew it after that time had not given it up for that.
    if case.seconds(ping.frame(), answer) < patience || alive > patience * 1.1 {
        return None;
    }
    let text = format!(
        "no pong came for the ping in frame {} within the pingTimeout of {timeout} ms, and {} did not know the session any more \
         after that, in frame {answer}: it had given it up. The client was stopped or too busy to answer, or something between held \
         the ping up",
        ping.frame(),
        polled.server
    );
    Some(Finding::warn(text, Version::V4.heartbeat(), vec![ping.frame(), polled.exchange.request.frame(), answer]))
}

/// A session whose client asked for nothing for longer than it is waited for: no poll was there that could have brought it a ping.
fn slept(case: &Case<'_>, polled: &Polled<'_>) -> Option<Finding> {
    let lasts = polled.interval.zip(polled.timeout).and_then(|(every, wait)| every.checked_add(wait))?;
    let (back, refused) = (polled.exchange.request.frame(), polled.exchange.answer?.frame());
    let last = polled.answered.max(polled.asked);
    let silent = case.seconds(last, back.max(last));
    if polled.is_over || last == 0 || silent < lasts as f64 / 1e3 {
        return None;
    }
    let text = format!(
        "the client asked for nothing in its session for {} behind frame {last}, and was not known any more when it came back: its \
         server waits {lasts} ms (pingInterval and pingTimeout). The client was stopped, asleep or cut off",
        in_words(silent)
    );
    Some(Finding::warn(text, Version::V4.heartbeat(), vec![last, back, refused]))
}
