//! How a client uses HTTP to learn what is new: by asking again and again, by asking and waiting, or by one answer that
//! goes on.
//!
//! A capture shows times, not intentions. A server that holds an answer back and one that is slow look the same, so what
//! is concluded from times alone comes with a [`Confidence`]. Only where a protocol says it, by its query or its content
//! type, is it certain.
//!
//! # References
//! - RFC 6202 §1 (long polling and streaming), §2 (HTTP long polling), §3 (HTTP streaming).
//! - Engine.IO protocol 4, "HTTP long-polling". sockjs-protocol 0.3.3, "Session URLs". WHATWG HTML §9.2 (server-sent events).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::layer::Direction;
use crate::protocol::{HttpMessage, Side};
use crate::trace::{Message, Trace};

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// It asks at intervals, and is answered at once.
    Polling,
    /// It asks, is answered when there is something new, and asks again at once.
    LongPolling,
    /// It asks once, and the answer goes on.
    Streaming,
}

impl Habit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::LongPolling => "long-polling",
            Self::Streaming => "streaming",
        }
    }
}

/// How sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The times fit, and would fit other things as well.
    Possible,
    /// The times fit, again and again.
    Likely,
    /// A protocol says so.
    Certain,
}

impl Confidence {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What was recognised, of one client on one path.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    /// What it does.
    pub habit: Habit,
    /// How sure that is.
    pub confidence: Confidence,
    /// Who asks: the address, for every request may come from another port.
    pub client: IpAddr,
    /// Who answers.
    pub server: SocketAddr,
    /// What is asked for, without the query; of SockJS without what each session has of its own.
    pub path: String,
    /// Why, in words.
    pub why: String,
    /// The frames in which the requests ended.
    pub frames: Vec<u32>,
}

/// One request and its answer; times in nanoseconds of the capture.
#[derive(Debug, Clone, PartialEq)]
struct Exchange {
    connection: u32,
    /// Something was posted: such an answer may be a stream, but who posts again does so for reasons of their own.
    posts: bool,
    /// It asks for a session of Engine.IO: that is answered at once.
    opens: bool,
    frame: u32,
    asked: i64,
    /// When the first octet of the answer came.
    begun: i64,
    ended: i64,
    /// When each piece of the answer came, if it came in several.
    pieces: Vec<i64>,
    says: Option<(Habit, Says)>,
}

/// What says how HTTP is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// The content type of an answer: an event stream.
    ContentType,
    /// The query of a request of Engine.IO.
    EngineIo,
    /// The path of a request of SockJS, which ends in the name of a transport.
    SockJs,
}

impl Says {
    fn why(self) -> &'static str {
        match self {
            Self::ContentType => "the answer is an event stream by its content type",
            Self::EngineIo => "Engine.IO says so in the query of each request",
            Self::SockJs => "SockJS says so in the path of each request",
        }
    }
}

/// So many exchanges alike are needed before times mean anything.
const SEVERAL: usize = 3;
/// An answer that takes less time was not held back: 5 ms.
const AT_ONCE: i64 = 5_000_000;
/// Pieces of an answer that come this much later than those before were not just split: 20 ms.
const PAUSE: i64 = 20_000_000;

/// Recognises what clients do, in order of their first request.
pub fn habits(trace: &Trace) -> Vec<Recognised> {
    let mut found: Vec<Recognised> = Vec::new();
    for ((client, server, path, _), exchanges) in exchanges(trace) {
        let mut of_path: Vec<Recognised> = Vec::new();
        for exchanges in apart(exchanges) {
            let Some((habit, confidence, why)) = judge(&exchanges) else { continue };
            let frames: Vec<u32> = exchanges.iter().map(|exchange| exchange.frame).collect();
            // What is told in other words, or with other numbers, is told apart.
            match of_path.iter_mut().find(|known| (known.habit, &known.why) == (habit, &why)) {
                Some(known) => known.frames.extend(frames),
                None => {
                    let path = path.clone();
                    of_path.push(Recognised { habit, confidence, client, server, path, why, frames });
                }
            }
        }
        of_path.iter_mut().for_each(|recognised| recognised.frames.sort_unstable());
        found.extend(of_path);
    }
    found.sort_by_key(|recognised| recognised.frames.first().copied());
    found
}

/// What is to be judged by itself: event streams, which say what they are; each connection that is asked on often enough, for
/// several clients may live at one address; and all the others together, for a client may take another connection each time.
fn apart(exchanges: Vec<Exchange>) -> impl Iterator<Item = Vec<Exchange>> {
    let (streams, rest): (Vec<_>, Vec<_>) =
        exchanges.into_iter().partition(|exchange| exchange.says.is_some_and(|(habit, _)| habit == Habit::Streaming));
    let mut by_connection: BTreeMap<u32, Vec<Exchange>> = BTreeMap::new();
    rest.into_iter().for_each(|exchange| by_connection.entry(exchange.connection).or_default().push(exchange));
    let (often, seldom): (Vec<_>, Vec<_>) =
        by_connection.into_values().partition(|exchanges| exchanges.len() >= SEVERAL);
    let mut together: Vec<Exchange> = seldom.into_iter().flatten().collect();
    together.sort_by_key(|exchange| exchange.asked);
    [streams].into_iter().chain(often).chain([together]).filter(|exchanges| !exchanges.is_empty())
}

/// Who asks whom for what, and whether by POST.
type Key = (IpAddr, SocketAddr, String, bool);

fn exchanges(trace: &Trace) -> BTreeMap<Key, Vec<Exchange>> {
    let mut found: BTreeMap<Key, Vec<Exchange>> = BTreeMap::new();
    let mut infos = BTreeSet::new();
    let asks =
        |message: &&Message| message.direction == Direction::ToServer && message.payload_as::<HttpMessage>().is_some();
    // What lies inside of TLS, and on each stream of HTTP/2, is counted by itself.
    let place = |message: &Message, start: u64| (message.connection, message.inside, message.stream, start);
    let requests: BTreeMap<_, &Message> =
        trace.messages().iter().filter(asks).map(|message| (place(message, message.range.start), message)).collect();
    for message in trace.messages() {
        let Some((http, answers)) = response(message) else { continue };
        let Some(request) = requests.get(&place(message, answers.start)) else { continue };
        let Some((method, target)) =
            request.payload_as::<HttpMessage>().and_then(|http| http.start(trace.bytes(request)))
        else {
            continue;
        };
        let Some(connection) = trace.connections().get(message.connection as usize) else { continue };
        let posts = match &*method {
            "GET" => false,
            "POST" => true,
            _ => continue,
        };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let says = says(trace, message, http, (path, query));
        // What is posted to a session of Engine.IO is no poll.
        let is_said = posts && says == Some((Habit::LongPolling, Says::EngineIo));
        if asks_for_more(trace, request) && says.is_none() {
            continue;
        }
        let sockjs = SockJs::from_path(path);
        if let Some(sockjs) = &sockjs {
            infos.insert((connection.server, format!("{}/info", sockjs.base)));
        }
        if is_said || sockjs.as_ref().is_some_and(SockJs::sends) {
            continue;
        }
        let time = |frame: &u32| trace.record(*frame).map(|record| record.frame.time).unwrap_or_default().0;
        let pieces: Vec<i64> = message.frames.iter().map(time).collect();
        let exchange = Exchange {
            connection: message.connection,
            frame: request.frame(),
            asked: request.time.0,
            begun: pieces.first().copied().unwrap_or(message.time.0),
            ended: message.time.0,
            opens: says.is_some_and(|(_, who)| who == Says::EngineIo)
                && !query.split('&').any(|one| one.starts_with("sid=")),
            says,
            pieces,
            posts,
        };
        let path = sockjs.map_or_else(|| path.to_owned(), |sockjs| sockjs.told());
        let key = (connection.client.ip(), connection.server, path, posts);
        found.entry(key).or_default().push(exchange);
    }
    // Each session of SockJS begins by asking there what its server can do.
    found.retain(|(_, server, path, _), _| !infos.contains(&(*server, path.clone())));
    found.values_mut().for_each(|exchanges| exchanges.sort_by_key(|exchange| exchange.asked));
    found
}

/// Whether a WebSocket is asked for, or an event stream: where it is refused again and again, that is no polling.
fn asks_for_more(trace: &Trace, request: &Message) -> bool {
    let http = request.payload_as::<HttpMessage>();
    let field = |name| http.and_then(|http| http.header(trace.bytes(request), name)).unwrap_or_default();
    field("upgrade").eq_ignore_ascii_case(b"websocket") || field("accept").eq_ignore_ascii_case(b"text/event-stream")
}

fn response(message: &Message) -> Option<(&HttpMessage, std::ops::Range<u64>)> {
    let http = message.payload_as::<HttpMessage>().filter(|http| http.side == Side::Response)?;
    Some((http, http.answers.clone()?))
}

/// What a protocol itself says of the exchange.
fn says(trace: &Trace, message: &Message, http: &HttpMessage, (path, query): (&str, &str)) -> Option<(Habit, Says)> {
    let mut parameters = query.split('&');
    let is_engineio = query.split('&').any(|parameter| parameter.starts_with("EIO="));
    if is_engineio && parameters.any(|parameter| parameter == "transport=polling") {
        return Some((Habit::LongPolling, Says::EngineIo));
    }
    let content_type = http.header(trace.bytes(message), "content-type").unwrap_or_default();
    let is_stream = content_type.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
    let by_path = || Some((SockJs::from_path(path)?.habit()?, Says::SockJs));
    if is_stream { Some((Habit::Streaming, Says::ContentType)) } else { by_path() }
}

/// What the path of a request of SockJS says: `/BASE/SERVER/SESSION/TRANSPORT`, with three digits for the server (sockjs-protocol
/// 0.3.3, "Session URLs").
struct SockJs<'a> {
    base: &'a str,
    transport: &'a str,
}

impl<'a> SockJs<'a> {
    fn from_path(path: &'a str) -> Option<Self> {
        let mut parts = path.rsplitn(4, '/');
        let (transport, session, server) = (parts.next()?, parts.next()?, parts.next()?);
        let is_session = !session.is_empty() && !session.contains('.');
        let is_server = server.len() == 3 && server.bytes().all(|digit| digit.is_ascii_digit());
        let is_transport = matches!(
            transport,
            "xhr" | "xhr_send" | "xhr_streaming" | "jsonp" | "jsonp_send" | "htmlfile" | "eventsource"
        );
        let base = parts.next().filter(|_| is_session && is_server && is_transport)?;
        Some(Self { base, transport })
    }

    /// Whether something is said to a session: that asks for nothing.
    fn sends(&self) -> bool {
        self.transport.ends_with("_send")
    }

    fn habit(&self) -> Option<Habit> {
        match self.transport {
            "xhr" | "jsonp" => Some(Habit::LongPolling),
            "xhr_streaming" | "htmlfile" => Some(Habit::Streaming),
            _ => None,
        }
    }

    /// The path without what each session has of its own.
    fn told(&self) -> String {
        format!("{}/…/{}", self.base, self.transport)
    }
}

fn judge(exchanges: &[Exchange]) -> Option<(Habit, Confidence, String)> {
    let (first, rest) = exchanges.split_first()?;
    if let Some((habit, says)) = first.says
        && rest.iter().all(|exchange| exchange.says == first.says)
    {
        // A session is opened at once: that somebody waits is seen in what is asked behind it.
        let waits = match says {
            Says::EngineIo => exchanges.iter().any(|exchange| !exchange.opens),
            Says::SockJs => habit == Habit::Streaming || !rest.is_empty(),
            Says::ContentType => true,
        };
        return waits.then(|| (habit, Confidence::Certain, says.why().to_owned()));
    }
    if let Some(judgement) = exchanges.iter().find_map(streams) {
        return Some(judgement);
    }
    if exchanges.len() < SEVERAL || exchanges.iter().any(|exchange| exchange.posts) {
        return None;
    }
    let held = median(exchanges.iter().map(|exchange| exchange.begun - exchange.asked));
    let gap = median(exchanges.windows(2).map(|pair| pair[1].asked - pair[0].ended));
    let count = exchanges.len();
    let sure = if count >= 2 * SEVERAL { Confidence::Likely } else { Confidence::Possible };
    // Who asks again before it is answered does not wait for what is new.
    if gap >= 0 && held >= AT_ONCE && held >= 4 * gap {
        let why = format!(
            "{count} requests, half of them answered after {} or more, and the next one as a rule {} later; a server that \
             is slow looks the same",
            spell(held),
            spell(gap)
        );
        return Some((Habit::LongPolling, sure, why));
    }
    let spread = median(exchanges.windows(2).map(|pair| (pair[1].asked - pair[0].ended - gap).abs()));
    if gap >= AT_ONCE && gap >= 4 * held.max(0) && spread * 4 <= gap {
        let longest = exchanges.iter().map(|exchange| exchange.begun - exchange.asked).max().unwrap_or(held);
        let (gap, longest) = (spell(gap), spell(longest));
        let why = format!("{count} requests, as a rule {gap} after an answer, and all answered within {longest}");
        return Some((Habit::Polling, sure, why));
    }
    None
}

/// An answer of which pieces come with pauses between them.
fn streams(exchange: &Exchange) -> Option<(Habit, Confidence, String)> {
    let pauses = exchange.pieces.windows(2).filter(|pair| pair[1] - pair[0] >= PAUSE).count();
    let sure = match pauses {
        0 | 1 => return None,
        2..=4 => Confidence::Possible,
        _ => Confidence::Likely,
    };
    let lasted = spell(exchange.ended - exchange.begun);
    let why = format!("one answer came in {} pieces over {lasted}, with pauses between them", pauses + 1);
    Some((Habit::Streaming, sure, why))
}

fn median(values: impl Iterator<Item = i64>) -> i64 {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

/// A time in words: `30 ms`.
fn spell(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds as f64 / 1e6;
    match milliseconds {
        ms if ms >= 10_000.0 => format!("{:.0} s", ms / 1000.0),
        ms if ms >= 1000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::Conversation;
    use crate::trace::testing_http2::{END_STREAM, begin, data, get, headers, ok};

    const MS: i64 = 1_000_000;

    /// Exchanges of which each is asked `gap` after the one before was answered, and answered after `held`.
    fn alike(count: usize, held: &[i64], gap: &[i64]) -> Vec<Exchange> {
        let mut now = 0;
        let exchange = |i: usize| {
            now += gap[i % gap.len()] * MS;
            let asked = now;
            now += held[i % held.len()] * MS;
            let frame = i as u32;
            let (pieces, says) = (vec![now], None);
            Exchange { connection: 0, posts: false, opens: false, frame, asked, begun: now, ended: now, pieces, says }
        };
        (0..count).map(exchange).collect()
    }

    fn judged(exchanges: &[Exchange]) -> Option<(Habit, Confidence)> {
        judge(exchanges).map(|(habit, confidence, _)| (habit, confidence))
    }

    #[test]
    fn times_tell_habits_apart() {
        assert_eq!(judged(&alike(6, &[1], &[100])), Some((Habit::Polling, Confidence::Likely)));
        assert_eq!(judged(&alike(3, &[1], &[100])), Some((Habit::Polling, Confidence::Possible)));
        assert_eq!(judged(&alike(6, &[30, 400, 90], &[1])), Some((Habit::LongPolling, Confidence::Likely)));
        assert_eq!(judged(&alike(6, &[30], &[-29])), None, "all at once, as HTTP/2 does it");
        assert_eq!(judged(&alike(2, &[1], &[100])), None, "two may be chance");
        assert_eq!(judged(&alike(9, &[1], &[5, 700, 90, 2000])), None, "a person who clicks has no rhythm");
        assert_eq!(judged(&alike(9, &[1], &[1])), None, "a page with its pictures");
        assert_eq!(judged(&alike(9, &[50], &[50])), None, "slow answers, and pauses as long");
    }

    #[test]
    fn an_answer_that_goes_on_is_a_stream() {
        let mut exchange = alike(1, &[1], &[1]).remove(0);
        exchange.pieces = (0..8).map(|i| i * 50 * MS).collect();
        assert_eq!(judged(&[exchange.clone()]), Some((Habit::Streaming, Confidence::Likely)));
        exchange.pieces = (0..8).map(|i| i * MS).collect();
        assert_eq!(judged(&[exchange.clone()]), None, "a large answer is split, too");
        exchange.says = Some((Habit::Streaming, Says::ContentType));
        assert_eq!(judged(&[exchange]), Some((Habit::Streaming, Confidence::Certain)));
    }

    /// As programs ask for answers that are made word by word.
    #[test]
    fn an_answer_to_what_was_posted_may_be_a_stream() {
        let mut talk = Conversation::new().open();
        talk.client("POST /complete HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
        talk.server("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: a\n\n");
        let found: Vec<_> = habits(&talk.trace()).into_iter().map(|one| (one.habit, one.path)).collect();
        assert_eq!(found, [(Habit::Streaming, "/complete".to_owned())]);
        let mut posts = alike(6, &[1], &[100]);
        posts.iter_mut().for_each(|exchange| exchange.posts = true);
        assert_eq!(judged(&posts), None, "who posts as regularly has something to say");
    }

    /// On each stream of HTTP/2 octets are counted from 0.
    #[test]
    fn requests_on_streams_are_told_apart() {
        let mut talk = begin();
        talk.client(get(1, "/events")).client(get(3, "/style.css"));
        let fields = [(":status", "200"), ("content-type", "text/event-stream")];
        talk.server([headers(1, 0, &fields), data(1, END_STREAM, "data: a\n\n")].concat());
        talk.server([ok(3), data(3, END_STREAM, "b")].concat());
        let found: Vec<_> = habits(&talk.trace()).into_iter().map(|one| (one.habit, one.path, one.frames)).collect();
        assert_eq!(found, [(Habit::Streaming, "/events".to_owned(), vec![6])]);
    }

    #[test]
    fn clients_at_one_address_are_told_apart() {
        let on = |connection, mut exchanges: Vec<Exchange>| {
            exchanges.iter_mut().for_each(|exchange| exchange.connection = connection);
            exchanges
        };
        let (polls, waits) = (on(0, alike(6, &[1], &[100])), on(1, alike(6, &[90], &[1])));
        let mut stream = on(2, alike(1, &[1], &[1]));
        stream[0].says = Some((Habit::Streaming, Says::ContentType));
        let apart = apart([polls, waits, stream].concat());
        let habits: Vec<_> = apart.map(|exchanges| (judged(&exchanges).unwrap().0, exchanges.len())).collect();
        assert_eq!(habits, [(Habit::Streaming, 1), (Habit::Polling, 6), (Habit::LongPolling, 6)]);
    }

    /// Without a connection that is kept, each request comes on another.
    #[test]
    fn a_client_may_take_a_connection_for_each_request() {
        let mut exchanges = alike(6, &[1], &[100]);
        (0..).zip(&mut exchanges).for_each(|(connection, exchange)| exchange.connection = connection);
        let apart: Vec<_> = apart(exchanges).collect();
        assert_eq!(apart.iter().map(|exchanges| judged(exchanges).unwrap().0).collect::<Vec<_>>(), [Habit::Polling]);
    }

    #[test]
    fn what_a_protocol_says_is_certain() {
        let mut exchanges = alike(1, &[1], &[1]);
        exchanges[0].says = Some((Habit::LongPolling, Says::EngineIo));
        assert_eq!(judged(&exchanges), Some((Habit::LongPolling, Confidence::Certain)));
        exchanges[0].opens = true;
        assert_eq!(judged(&exchanges), None, "who only opens a session has not waited");
    }

    #[test]
    fn who_is_refused_again_and_again_does_not_poll() {
        let asks = |field: &str| {
            let mut talk = Conversation::new().open();
            for _ in 0..6 {
                talk.client(format!("GET /chat HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
                talk.server("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            }
            (0..).zip(talk.frames.iter_mut().skip(3)).for_each(|(n, frame): (i64, _)| frame.time.0 += n / 2 * 500 * MS);
            habits(&talk.trace()).into_iter().map(|one| one.habit).collect::<Vec<_>>()
        };
        assert_eq!(asks("Upgrade: WebSocket"), []);
        assert_eq!(asks("Accept: text/event-stream"), []);
        assert_eq!(asks("Accept: application/json"), [Habit::Polling]);
    }

    #[test]
    fn sockjs_names_its_transport_in_the_path() {
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh\n";
        let mut talk = Conversation::new().open();
        for session in ["s1", "s2", "s3"] {
            talk.client("GET /echo/info HTTP/1.1\r\nHost: a\r\n\r\n").server(ok);
            for name in ["xhr", "xhr_send", "xhr", "xhr"] {
                talk.client(format!(
                    "POST /echo/123/{session}/{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
                ));
                talk.server(ok);
            }
        }
        talk.client("POST /echo/7/s4/xhr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").server(ok);
        talk.client("POST /echo/007/s4/xhr_streaming HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").server(ok);
        let found = habits(&talk.trace());
        let told: Vec<_> =
            found.iter().map(|one| (one.habit.name(), one.confidence.word(), &*one.path, one.frames.len())).collect();
        let streams = ("streaming", "certain", "/echo/…/xhr_streaming", 1);
        assert_eq!(told, [("long-polling", "certain", "/echo/…/xhr", 9), streams]);
        assert_eq!(found[0].why, "SockJS says so in the path of each request");
    }
}
