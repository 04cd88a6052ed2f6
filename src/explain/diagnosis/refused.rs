//! Clients that are refused by TCP, and try again and again, or were let in before.
//!
//! # References
//! - RFC 9293 §3.5.2 ("If the connection does not exist (CLOSED), then a reset is sent in response to any incoming segment
//!   except another reset"). RFC 8305 ("Happy Eyeballs"): clients try several addresses of one host.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::again::{OFTEN, PAUSE};
use super::{Case, Finding, together};
use crate::flow::{Connection, Ending, Opening};
use crate::layer::{Direction, Severity};

/// Who does not wait so long tries several at once: 50 milliseconds.
const AT_ONCE: f64 = 0.05;
/// So soon a client tries the next address of a host: a second.
const NEXT_ADDRESS: f64 = 1.0;

/// Among so many connections that begin next its attempt at another address is looked for.
const MOST_ADDRESSES: usize = 64;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut tried: BTreeMap<(IpAddr, SocketAddr), Vec<&Connection>> = BTreeMap::new();
    for connection in case.trace.connections().iter().filter(|connection| connection.opening == Opening::Seen) {
        tried.entry((connection.client.ip(), connection.server)).or_default().push(connection);
    }
    let mut found = Vec::new();
    for (place, mut connections) in tried {
        connections.sort_by_key(|connection| connection.first.0);
        // The SYN and the RST of each, and when it was let in before.
        let mut run: Vec<(u32, u32)> = Vec::new();
        let mut before = None;
        for connection in connections {
            let begins = connection.first.0;
            let last = run.last().map(|(_, rst)| case.seconds(*rst, begins));
            if last.is_some_and(|pause| pause > PAUSE) {
                found.extend(told(case, place, &std::mem::take(&mut run), (before, None)));
            }
            match refused(case, connection) {
                Some(_) if last.is_some_and(|pause| pause < AT_ONCE) => {}
                Some(rst) => run.push((begins, rst)),
                None => {
                    let let_in = connection.handshake.syn_ack.map(|(frame, _)| frame);
                    found.extend(told(case, place, &std::mem::take(&mut run), (before, let_in)));
                    before = let_in.or(before);
                }
            }
        }
        found.extend(told(case, place, &run, (before, None)));
    }
    found.extend(together(case.trace.connections().iter().filter_map(|connection| found_elsewhere(case, connection))));
    found
}

/// The RST that refused a connection, unless its client found the same at another address then.
fn refused(case: &Case<'_>, connection: &Connection) -> Option<u32> {
    let Ending::Refused { by: Direction::ToClient, rst } = connection.ending() else { return None };
    elsewhere(case, connection, rst).is_none().then_some(rst)
}

/// The connection in which a client that was refused found the same port at another address then, and the frame that let it in.
fn elsewhere<'a>(case: &Case<'a>, connection: &Connection, rst: u32) -> Option<(&'a Connection, u32)> {
    let others = case.trace.connections();
    // They stand in the order in which they began.
    let behind = others.partition_point(|other| other.first.0 <= connection.first.0);
    let soon = others.get(behind..).unwrap_or_default().iter().take(MOST_ADDRESSES);
    soon.take_while(|other| case.seconds(rst, other.first.0) <= NEXT_ADDRESS).find_map(|other| {
        let is_same = other.server.port() == connection.server.port() && other.server.ip() != connection.server.ip();
        let (let_in, _) = other.handshake.syn_ack.filter(|_| is_same)?;
        Some((other, let_in))
    })
}

/// That a client which was refused found the same port at another address.
fn found_elsewhere(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    let Ending::Refused { by: Direction::ToClient, rst } = connection.ending() else { return None };
    let (other, let_in) = elsewhere(case, connection, rst)?;
    let text = format!(
        "nobody listens at {}, and the client found {} next: a name may stand for several addresses, as localhost does for ::1 and \
         127.0.0.1, and its server listens at one of them",
        connection.server, other.server
    );
    let frames = vec![connection.first.0, rst, let_in];
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "RFC 8305 §5", frames) })
}

fn told(
    case: &Case<'_>,
    (client, server): (IpAddr, SocketAddr),
    run: &[(u32, u32)],
    (before, let_in): (Option<u32>, Option<u32>),
) -> Option<Finding> {
    let (first, last) = (run.first()?.0, run.last()?.0);
    let then = let_in.map(|frame| format!(" Then it was let in, in frame {frame}.")).unwrap_or_default();
    let frames = before.into_iter().chain(run.iter().flat_map(|(syn, rst)| [*syn, *rst])).chain(let_in).collect();
    if let Some(before) = before {
        let times = if run.len() == 1 { "once".to_owned() } else { format!("{} times", run.len()) };
        let text = format!(
            "{server} let {client} in until frame {before}, and since frame {first} a RST answered its SYN, {times}: nobody \
             listens there any more, as when the server's program has ended or begins anew, or something on the way refuses \
             it.{then}"
        );
        return Some(Finding::warn(text.trim_end_matches('.'), "RFC 9293 §3.5.2", frames));
    }
    if run.len() < OFTEN {
        return None;
    }
    let text = format!(
        "{client} tried to connect to {server} {} times in {}, and each time a RST answered its SYN: nobody listens there, or \
         something on the way refuses it.{then} Likely its program connects anew until it succeeds",
        run.len(),
        case.between(first, last)
    );
    Some(Finding::warn(text, "RFC 9293 §3.5.2", frames))
}
