//! What a proxy met that answers for another server: the connections that it opened while a request waited.
//!
//! # References
//! - RFC 9110 §15.6.3 to §15.6.5 (502, 503, 504); RFC 9293 §3.5.2 (a RST answers a SYN where nobody listens).

use super::Case;
use super::exchange::Exchange;
use crate::flow::Ending;
use crate::layer::Direction;

/// Among so many connections that began while a request waited the proxy's own is looked for.
const MOST: usize = 64;

/// Why a proxy likely said that it did not reach who is behind it, and the frames that show it; where a connection of its host's
/// was refused, or not answered, while the request waited.
pub(super) fn on(case: &Case<'_>, exchange: &Exchange<'_>) -> Option<(String, [u32; 2])> {
    let (answer, Some(502..=504)) = (exchange.answer?, exchange.status) else { return None };
    let proxy = case.connection(answer)?.server;
    let (asked, answered) = (exchange.request.frame(), answer.frame());
    // They stand in the order in which they began.
    let all = case.trace.connections();
    let behind = all.partition_point(|connection| connection.first.0 <= asked);
    let meanwhile = all.get(behind..)?.iter().take(MOST).take_while(|connection| connection.first.0 < answered);
    let its_own = meanwhile.filter(|connection| connection.client.ip() == proxy.ip() && connection.server != proxy);
    let met = its_own.filter_map(|connection| {
        let (server, syn) = (connection.server, connection.first.0);
        match connection.ending() {
            Ending::Refused { by: Direction::ToClient, rst } if rst < answered => {
                let what = format!("{server} refused a connection: a RST answered its SYN, so nobody listens there");
                Some((0, what, [syn, rst]))
            }
            Ending::Unanswered { syn } => Some((1, format!("{server} did not answer a SYN"), [syn, answered])),
            _ => None,
        }
    });
    let (_, what, frames) = met.min_by_key(|(doubt, ..)| *doubt)?;
    Some((format!("likely the proxy did not reach who is behind it. While the request waited, {what}"), frames))
}
