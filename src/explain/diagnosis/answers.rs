//! What is wrong with answers of HTTP: errors, lengths, octets that nobody asked for.
//!
//! # References
//! - RFC 9110 §15; RFC 9112 §6.3.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use super::again::lasting;
use super::asked::PATIENCE;
use super::exchange::{Exchange, has_head};
use super::{Case, End, Finding, MOST, cors, in_words, lying, passed, quoted, session, upgrade};
use crate::count::{counted, plural};
use crate::flow::{Ending, Opening};
use crate::layer::Direction;
use crate::protocol::engineio::{EngineIoPacket, ErrorBody, Kind, Query, Transport};
use crate::protocol::text::json_string;
use crate::protocol::{HttpMessage, Side};
use crate::trace::Message;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = refused(case);
    found.extend(left_over(case));
    found.extend(case.exchanges.iter().filter_map(|exchange| cut_short(case, exchange)));
    found
}

/// An answer whose sender closed, or whose receiver gave up, before all came that it announced.
fn cut_short(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Finding> {
    let answer = exchange.answer.filter(|answer| !answer.complete)?;
    let http = answer.payload_as::<HttpMessage>()?;
    let Some(announced) = exchange.says(case.trace, "content-length") else {
        return cut_in_chunks(case, exchange, answer);
    };
    let announced: u64 = announced.parse().ok()?;
    let came = http.body(case.trace.bytes(answer)).len() as u64;
    let connection = case.connection(answer)?;
    if came >= announced || !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let End { by, frame: end, how } = case.end_for(answer)?;
    // On other streams more may have come.
    let last = match answer.stream {
        Some(_) => answer.frames.last(),
        None => case.last_octets.get(answer.connection as usize),
    };
    let (asked, last) = (exchange.request.frame(), *last?);
    let waited = case.seconds(last, end);
    let what = format!("the answer to {} {}", exchange.method, quoted(exchange.path()));
    let announced = counted(announced, "octet");
    let text = match by {
        Direction::ToClient => format!(
            "{what} announces {announced} (Content-Length), and {came} came before {} {how}: the length is too large, or its \
             program ended before it had sent all",
            connection.server
        ),
        Direction::ToServer if waited >= PATIENCE && did_not_read(case, answer, end) => format!(
            "{what} announces {announced} (Content-Length), and {came} came: the client did not read (its window was 0), and \
             gave up after {} without another",
            in_words(waited)
        ),
        Direction::ToServer if waited >= PATIENCE => format!(
            "{what} announces {announced} (Content-Length), and {came} came; after {} without another the client gave up: \
             the length is too large, or the server was held up",
            in_words(waited)
        ),
        Direction::ToServer => return None,
    };
    let spec = if answer.stream.is_some() { "RFC 9113 §8.1.1" } else { "RFC 9112 §8" };
    Some(Finding::error(text, spec, vec![asked, last, end]))
}

/// An answer in chunks whose sender closed before the last of them.
fn cut_in_chunks(case: &Case<'_>, exchange: &Exchange<'_>, answer: &Message) -> Option<Finding> {
    let Some(coding) = exchange.says(case.trace, "transfer-encoding") else {
        return cut_until_closed(case, exchange, answer);
    };
    let connection = case.connection(answer)?;
    let End { by, frame: end, how } = case.end_for(answer)?;
    let is_whole = case.has_all(connection, Direction::ToClient);
    if !coding.to_ascii_lowercase().ends_with("chunked") || by == Direction::ToServer || !is_whole {
        return None;
    }
    let text = format!(
        "the answer to {} {} is cut: {} {how} before the chunk that ends it; its program ended, or gave up on it",
        exchange.method,
        quoted(exchange.path()),
        connection.server
    );
    Some(Finding::error(text, "RFC 9112 §8", vec![exchange.request.frame(), end]))
}

/// An answer that lasts until its sender closes, whose sender broke off instead.
fn cut_until_closed(case: &Case<'_>, exchange: &Exchange<'_>, answer: &Message) -> Option<Finding> {
    let is_plain = answer.stream.is_none() && has_head(answer);
    let connection = case.connection(answer).filter(|_| is_plain)?;
    let Ending::Aborted { by: Direction::ToClient, rst } = connection.ending() else { return None };
    if !case.has_all(connection, Direction::ToClient) {
        return None;
    }
    let text = format!(
        "the answer to {} {} has no length, so it lasts until its sender closes, and {} broke off instead: nobody can tell whether \
         all of it came. Its program ended, or gave up on it, or closed before it had read all that the client sent",
        exchange.method,
        quoted(exchange.path()),
        connection.server
    );
    Some(Finding::error(text, "RFC 9112 §6.3", vec![exchange.request.frame(), answer.frame(), rst]))
}

/// Whether a client let no more come of an answer before this frame, in which it gave up.
fn did_not_read(case: &Case<'_>, answer: &Message, end: u32) -> bool {
    let begun = answer.frames.first().copied().unwrap_or(end);
    let closed = case.closed_windows.get(&answer.connection);
    closed.is_some_and(|frames| frames.iter().any(|frame| begun < *frame && *frame < end))
}

/// A request that was refused: what was asked for, without the query and with it, how it was refused, and the frames.
struct Refused {
    method: String,
    path: String,
    target: String,
    how: String,
    spec: &'static str,
    frames: Vec<u32>,
    /// How many more were refused so with another query.
    others: usize,
}

impl Refused {
    fn told(self) -> Finding {
        let Self { method, target, how, spec, frames, others, .. } = self;
        let so = match others {
            0 => String::new(),
            1 => " (as was one more with another query)".to_owned(),
            more => format!(" (as were {more} more with other queries)"),
        };
        Finding::warn(format!("{method} {}{so} was answered with {how}", quoted(&target)), spec, frames)
    }
}

/// Requests that were answered with an error, or with none where a WebSocket was asked for, each kind of them once; but for what
/// is known of sessions of Engine.IO.
fn refused(case: &Case<'_>) -> Vec<Finding> {
    let (opened, left) = (OnceCell::new(), OnceCell::new());
    let mut found: Vec<Refused> = Vec::new();
    // Where two differ in their queries alone, as in a number against caches, it is the same once more.
    let mut places: HashMap<(String, String, String), usize> = HashMap::new();
    for exchange in &case.exchanges {
        let Some(one) = refusal(case, exchange, &opened) else { continue };
        if was_left(left.get_or_init(|| self::left(case)), exchange) {
            continue;
        }
        let key = (one.method.clone(), one.path.clone(), one.how.clone());
        match places.get(&key).map(|place| &mut found[*place]) {
            Some(first) => {
                first.others += usize::from(first.target != one.target);
                first.frames.extend(one.frames);
            }
            None => {
                places.insert(key, found.len());
                found.push(one);
            }
        }
    }
    found.into_iter().map(Refused::told).collect()
}

/// Where sessions of Engine.IO were opened, once somebody asks.
type Opened<'a> = OnceCell<BTreeMap<&'a str, Vec<session::Opened>>>;

fn refusal<'a>(case: &Case<'a>, exchange: &Exchange<'a>, opened: &Opened<'a>) -> Option<Refused> {
    let (answer, status) = (exchange.answer?, exchange.status?);
    let is_socket = upgrade::is_asked_for(case.trace, exchange);
    let is_elsewhere = !is_socket && is_sent_elsewhere(case, exchange);
    if status < 400 && !is_elsewhere && (!is_socket || upgrade::is_opened(exchange) != Some(false)) {
        return None;
    }
    if cors::is_failed_preflight(case.trace, exchange) {
        return None;
    }
    let http = answer.payload_as::<HttpMessage>()?;
    let query = Query::from_target(&exchange.target);
    let is_engineio = query.transport.is_some() || query.version.is_some();
    let body = || http.body(case.trace.bytes(answer));
    let error = is_engineio.then(|| ErrorBody::from_json(&String::from_utf8_lossy(&body()))).flatten();
    if error.is_some() && session::refused(case, exchange, opened.get_or_init(|| session::opened(case))).is_some() {
        return None;
    }
    let says = error.as_ref().map(|error| format!(" ({})", json_string(&error.message, MOST))).unwrap_or_default();
    let reason = http.start(case.trace.bytes(answer)).map(|(_, reason)| reason).unwrap_or_default();
    let reason = if reason.is_empty() { String::new() } else { format!(" {}", quoted(&reason)) };
    let mut how = format!("{status}{reason}{says}");
    let mut frames = vec![exchange.request.frame(), answer.frame()];
    if is_socket {
        how.push_str(", and no WebSocket was opened");
    }
    // What Engine.IO says is more than a guess.
    if let Some((cause, shown)) = passed::on(case, exchange).filter(|_| error.is_none()) {
        how.push_str(&format!(": {cause}"));
        frames.extend(shown);
        frames.sort_unstable();
        frames.dedup();
    } else if is_socket {
        let cause = upgrade::cause(case, exchange, status).filter(|_| error.is_none());
        how.extend(cause.map(|cause| format!(": {cause}")));
    } else if status == 404 && is_engineio && query.sid.is_none() {
        how.push_str(OTHER_PATH);
    } else if is_elsewhere {
        let to = exchange.says(case.trace, "location").unwrap_or_default();
        how.push_str(&format!(", which sends it to {}{ELSEWHERE}", quoted(&lasting(&to))));
    } else if status == 426 && is_engineio && query.transport == Some(Transport::Polling) {
        how.push_str(PLAIN);
    } else if status == 504 && query.sid.is_some() && query.transport == Some(Transport::Polling) {
        how.push_str(IMPATIENT);
    }
    Some(Refused {
        method: exchange.method.clone(),
        path: exchange.path().to_owned(),
        target: exchange.target.clone(),
        how,
        spec: match (is_socket, exchange.request.stream) {
            (false, _) => "RFC 9110 §15",
            (true, None) => "RFC 6455 §4.1",
            (true, Some(_)) => "RFC 8441 §5",
        },
        frames,
        others: 0,
    })
}

/// What a client of Engine.IO should look for that is told that nothing is there.
const OTHER_PATH: &str = ": likely Socket.IO is served at another path, as the option `path` says (/socket.io/ if nobody sets it, and \
    the same on both sides), or a proxy passes it on to another server";

/// What a proxy does that does not know long-polling.
const IMPATIENT: &str = ": likely a proxy gave up while the poll waited. A poll may wait for pingInterval, so the proxy's timeout must be \
    longer";

/// What a poll is sent elsewhere for.
const ELSEWHERE: &str = ": that opens no session, and nobody is seen to ask there. So servers send on who has not logged in (likely a cookie \
    or a token is missing), or who must come by https: or another name. The client must be told the right address";

/// What asks a server of WebSocket alone for more than it knows.
const PLAIN: &str = ": likely a plain WebSocket server, and its client one of Socket.IO (or of Engine.IO), which begins by polling, and can \
    speak to none but their own servers: the client should use a plain WebSocket, or the server be one of Socket.IO";

/// Among so many requests behind one that is sent elsewhere is the one that asks there.
const NEXT: usize = 64;

/// Whether a poll of Engine.IO is redirected, and its client does not follow, as far as that is seen.
fn is_sent_elsewhere(case: &Case<'_>, exchange: &Exchange<'_>) -> bool {
    let query = Query::from_target(&exchange.target);
    let is_poll = query.version.is_some() && query.transport == Some(Transport::Polling);
    if !is_poll || !matches!(exchange.status, Some(301..=303 | 307 | 308)) {
        return false;
    }
    let (Some(answer), Some(to)) = (exchange.answer, exchange.says(case.trace, "location")) else { return false };
    let path = to.split_once("://").map_or(&*to, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let behind = case.exchanges.partition_point(|other| other.request.frame() <= answer.frame());
    !case.exchanges.iter().skip(behind).take(NEXT).any(|other| other.target == path)
}

/// In which frame the client of each session said that it is over.
fn left<'a>(case: &Case<'a>) -> HashMap<&'a str, u32> {
    let mut found = HashMap::new();
    for message in case.trace.messages().iter().filter(|message| message.direction == Direction::ToServer) {
        let packet = message.payload_as::<EngineIoPacket>().filter(|packet| packet.kind == Kind::Close);
        if let Some(sid) = packet.and_then(|packet| packet.sid.as_deref()) {
            found.entry(sid).or_insert(message.frame());
        }
    }
    found
}

/// Whether it is a poll that waited when its client closed the session: with which answer it is let go no program sees.
/// python-engineio says 400.
fn was_left(left: &HashMap<&str, u32>, exchange: &Exchange<'_>) -> bool {
    let query = Query::from_target(&exchange.target);
    let closed = query.sid.as_deref().and_then(|sid| left.get(sid));
    let waits = exchange.method == "GET" && query.transport == Some(Transport::Polling);
    let waited =
        |answer: &Message| closed.is_some_and(|closed| (exchange.request.frame()..answer.frame()).contains(closed));
    waits && exchange.answer.is_some_and(waited)
}

/// Octets behind an answer that ends before them, where no request waits.
fn left_over(case: &Case<'_>) -> Vec<Finding> {
    let pair = |messages: &[&Message]| {
        let [answer, rest] = messages else { return None };
        let http = answer.payload_as::<HttpMessage>().filter(|http| http.side == Side::Response && answer.complete)?;
        rest.payload_as::<HttpMessage>().filter(|rest| rest.side == Side::Unreadable)?;
        let connection = case.connection(answer)?;
        let is_elsewhere = lying(answer) != lying(rest);
        if is_elsewhere
            || connection.opening == Opening::Guessed
            || !case.has_all(connection, Direction::ToClient)
            || rest.range.start != answer.range.end
            || waits(case, answer, rest)
        {
            return None;
        }
        let octets = rest.range.end - rest.range.start;
        let some = format!("{} {}", counted(octets, "octet"), plural(octets, "follows", "follow"));
        let (frame, len) = (answer.frame(), http.header(case.trace.bytes(answer), "content-length"));
        let text = match (without_body(case, answer, http), len) {
            (Some(why), _) => format!(
                "{some} the answer in frame {frame}, and no request waits for them: {why} has no body, and its sender wrote one \
                 all the same"
            ),
            (None, Some(len)) => format!(
                "{some} the body of the answer in frame {frame}, and no request waits for them: its Content-Length: {} is too \
                 small",
                quoted(&String::from_utf8_lossy(len))
            ),
            (None, None) => return None,
        };
        Some(Finding::error(text, "RFC 9112 §6.3", vec![answer.frame(), rest.frame()]))
    };
    let mut found = Vec::new();
    for messages in &case.of {
        let answers: Vec<_> = messages.iter().filter(|one| one.direction == Direction::ToClient).copied().collect();
        found.extend(answers.windows(2).filter_map(pair));
    }
    found
}

/// What an answer is that never has a body, whatever its header fields say (RFC 9112 §6.3, rule 1).
fn without_body(case: &Case<'_>, answer: &Message, http: &HttpMessage) -> Option<String> {
    let is_this = |exchange: &&Exchange<'_>| exchange.answer.is_some_and(|one| std::ptr::eq(one, answer));
    let asked_for_head = case.exchanges.iter().find(is_this).is_some_and(|exchange| exchange.method == "HEAD");
    match http.status() {
        _ if asked_for_head => Some("what answers HEAD".to_owned()),
        Some(status @ (204 | 304)) => Some(format!("one with status {status}")),
        _ => None,
    }
}

/// Whether a request may have been what these octets answer.
fn waits(case: &Case<'_>, answer: &Message, rest: &Message) -> bool {
    let count = |is: &dyn Fn(&Message, &HttpMessage) -> bool| {
        let http = case.messages_of(answer.connection).iter().filter_map(|one| Some((*one, one.payload_as()?)));
        http.filter(|(one, http)| is(one, http)).count()
    };
    let asked = count(&|one, http| http.side == Side::Request && one.frame() <= rest.frame());
    let answered = count(&|one, http| {
        http.side == Side::Response && http.status() >= Some(200) && one.range.end <= answer.range.end
    });
    asked > answered
}
