//! Connections that are cut whenever nobody has said anything for the same time: as proxies do it.
//!
//! # References
//! - RFC 6455 §5.5.2 ("A Ping frame may serve either as a keepalive"); WHATWG HTML §9.2.7 ("Legacy proxy servers are known to,
//!   in certain cases, drop HTTP connections after a short timeout").

use std::collections::BTreeMap;

use super::again::{OFTEN, PAUSE, Place, is_event_stream, lasting};
use super::exchange::Exchange;
use super::{Case, Finding, in_words, lying, quoted, upgrade};
use crate::layer::Direction;
use crate::protocol::engineio::{EngineIoPacket, Kind};
use crate::protocol::{Opcode, WebSocketFrame};

/// Whoever is silent for less is not idle: ten seconds.
const IDLE: f64 = 10.0;
/// Timers that are the same differ by no more than this share.
const SPREAD: f64 = 0.1;
/// Among so many messages is the one that brought the last octets.
const LATEST: usize = 16;

/// A connection that was cut: when it was asked for, when anything was said last, when it was cut, and by which side.
struct Cut {
    asked: u32,
    said: u32,
    cut: u32,
    by: Direction,
}

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut asked: BTreeMap<Place, Vec<(u32, Option<Cut>)>> = BTreeMap::new();
    for exchange in &case.exchanges {
        let Some(connection) = case.connection(exchange.request) else { continue };
        let is_stream = is_event_stream(case, exchange);
        let is_socket = upgrade::is_asked_for(case.trace, exchange) && upgrade::is_opened(exchange) == Some(true);
        // A stream of HTTP/2 is not idle alone.
        if exchange.request.stream.is_some() || !(is_stream || is_socket) {
            continue;
        }
        let place = (connection.client.ip(), connection.server, lasting(&exchange.target), is_stream);
        asked.entry(place).or_default().push((exchange.request.frame(), cut(case, exchange)));
    }
    let mut found = Vec::new();
    for (place, mut attempts) in asked {
        attempts.sort_by_key(|(asked, _)| *asked);
        let mut run: Vec<Cut> = Vec::new();
        for (asked, cut) in attempts {
            // Several programs may be behind one address. What ends them all at once ends them after the same time.
            if run.last().is_some_and(|last| asked < last.cut) {
                continue;
            }
            let comes_again = run.last().is_none_or(|last| case.seconds(last.cut, asked) <= PAUSE);
            let goes_on = cut.as_ref().is_some_and(|cut| comes_again && is_alike(case, &run, cut));
            if !goes_on {
                found.extend(told(case, &place, &std::mem::take(&mut run)));
            }
            run.extend(cut);
        }
        found.extend(told(case, &place, &run));
    }
    found
}

/// How a connection was cut behind a time in which nobody said anything.
fn cut(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<Cut> {
    let end = case.end_for(exchange.request)?;
    // Who says that it is over does not cut.
    if case.closes.contains_key(&lying(exchange.request)) {
        return None;
    }
    let has_length = |name| exchange.says(case.trace, name).is_some();
    let answer = exchange.answer?;
    if answer.complete && (has_length("transfer-encoding") || has_length("content-length")) {
        return None;
    }
    let messages = case.messages_of(exchange.request.connection);
    let before = messages.partition_point(|message| message.frame() <= end.frame);
    // What only the end ends, as a stream, has its last octets before.
    let latest = || messages.get(..before).unwrap_or_default().iter().rev().take(LATEST);
    let said = latest().filter_map(|message| message.frames.last()).max().copied()?;
    if case.seconds(said, end.frame) < IDLE {
        return None;
    }
    // Whoever was asked whether it is there, and is not, is given up for that.
    let is_ping = latest().filter(|message| message.frame() == said).any(|message| {
        message.payload_as::<WebSocketFrame>().is_some_and(|frame| frame.opcode == Opcode::Ping)
            || message.payload_as::<EngineIoPacket>().is_some_and(|packet| packet.kind == Kind::Ping)
    });
    // And so does a client of Engine.IO that is not asked any more.
    let has_heartbeat = || messages.iter().any(|message| message.payload_as::<EngineIoPacket>().is_some());
    if is_ping || (end.by == Direction::ToServer && has_heartbeat()) {
        return None;
    }
    Some(Cut { asked: exchange.request.frame(), said, cut: end.frame, by: end.by })
}

/// Whether one was cut as those before were: by the same side, after the same time.
fn is_alike(case: &Case<'_>, run: &[Cut], cut: &Cut) -> bool {
    let idle = |cut: &Cut| case.seconds(cut.said, cut.cut);
    run.first().is_none_or(|first| {
        let (before, now) = (idle(first), idle(cut));
        first.by == cut.by && (before - now).abs() <= SPREAD * before.max(now)
    })
}

fn told(case: &Case<'_>, (client, server, target, is_stream): &Place, run: &[Cut]) -> Option<Finding> {
    let first = run.first().filter(|_| run.len() >= OFTEN)?;
    let idle = run.iter().map(|cut| case.seconds(cut.said, cut.cut));
    let (least, most) = idle.fold((f64::MAX, 0.0_f64), |(least, most), idle| (least.min(idle), most.max(idle)));
    let after = match (in_words(least), in_words(most)) {
        (least, most) if least == most => most,
        (least, most) => format!("{least} to {most}"),
    };
    let side = if first.by == Direction::ToClient { "the server's" } else { "the client's" };
    let (what, spec) = match is_stream {
        true => ("a comment of the server", "WHATWG HTML §9.2.7"),
        false => ("a ping", "RFC 6455 §5.5.2"),
    };
    let text = format!(
        "{client} asked for {} at {server} {} times in {}, and each time {side} side ended the connection without a word when \
         nobody had said anything for {after}. Likely that is the idle timeout of a proxy or load balancer on the way (60 s in nginx, \
         proxy_read_timeout): {what} every {:.0} s would keep it open",
        quoted(target),
        run.len(),
        case.between(first.asked, run.last()?.cut),
        (least / 2.0).floor()
    );
    let frames = run.iter().flat_map(|cut| [cut.asked, cut.said, cut.cut]).collect();
    Some(Finding::warn(text, spec, frames))
}
