//! Requests of HTTP, each with its answer, if one was captured.

use std::collections::BTreeMap;

use crate::layer::Direction;
use crate::protocol::{HttpMessage, Side};
use crate::trace::{Message, Trace};

/// A request, and its answer.
pub(super) struct Exchange<'a> {
    pub(super) request: &'a Message,
    pub(super) method: String,
    pub(super) target: String,
    /// The last one: what only announces is none.
    pub(super) answer: Option<&'a Message>,
    pub(super) status: Option<u16>,
}

impl Exchange<'_> {
    /// What is asked for, without the query.
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A header field of the request.
    pub(super) fn asks(&self, trace: &Trace, name: &str) -> Option<String> {
        value(trace, self.request, name)
    }

    /// The values of all header fields with this name in the request, each as it stands.
    pub(super) fn asks_all(&self, trace: &Trace, name: &str) -> Vec<String> {
        values(trace, self.request, name)
    }

    /// The same of the answer.
    pub(super) fn says_all(&self, trace: &Trace, name: &str) -> Vec<String> {
        self.answer.map(|answer| values(trace, answer, name)).unwrap_or_default()
    }

    /// A header field of the answer.
    pub(super) fn says(&self, trace: &Trace, name: &str) -> Option<String> {
        value(trace, self.answer?, name)
    }
}

/// The type of an event stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// A media type without its parameters.
pub(super) fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn value(trace: &Trace, message: &Message, name: &str) -> Option<String> {
    let http = message.payload_as::<HttpMessage>()?;
    http.header(trace.bytes(message), name).map(|value| String::from_utf8_lossy(value).trim().to_owned())
}

fn values(trace: &Trace, message: &Message, name: &str) -> Vec<String> {
    let Some(http) = message.payload_as::<HttpMessage>() else { return Vec::new() };
    let headers = http.headers(trace.bytes(message));
    let named = headers.into_iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim().to_owned()).collect()
}

/// Whether all of a message's head is there, so that what is not in it was not said.
pub(super) fn has_head(message: &Message) -> bool {
    let head = message.payload_as::<HttpMessage>().map_or(0, |http| http.head_len);
    message.complete || head < message.range.end - message.range.start
}

/// All that were asked, in the order of the frames in which the requests ended.
pub(super) fn exchanges(trace: &Trace) -> Vec<Exchange<'_>> {
    let mut found: Vec<Exchange<'_>> = Vec::new();
    let mut places: BTreeMap<(u32, bool, Option<u32>, u64), usize> = BTreeMap::new();
    let http = || trace.messages().iter().filter_map(|message| Some((message, message.payload_as::<HttpMessage>()?)));
    // An answer may come before all of its request has.
    for (message, http) in http().filter(|(message, http)| is(message, http, Side::Request, Direction::ToServer)) {
        let Some((method, target)) = http.start(trace.bytes(message)) else { continue };
        places.insert((message.connection, message.inside, message.stream, message.range.start), found.len());
        let (method, target) = (method.into_owned(), target.into_owned());
        found.push(Exchange { request: message, method, target, answer: None, status: None });
    }
    for (message, http) in http().filter(|(message, http)| is(message, http, Side::Response, Direction::ToClient)) {
        let place =
            http.answers.as_ref().map(|asked| (message.connection, message.inside, message.stream, asked.start));
        let exchange = place.and_then(|place| places.get(&place)).map(|at| &mut found[*at]);
        if let Some(exchange) = exchange
            && http.status().is_none_or(|status| status == 101 || status >= 200)
        {
            (exchange.answer, exchange.status) = (Some(message), http.status());
        }
    }
    found
}

fn is(message: &Message, http: &HttpMessage, side: Side, direction: Direction) -> bool {
    http.side == side && message.direction == direction
}
