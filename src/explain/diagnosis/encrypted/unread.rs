//! Handshakes of TLS 1.3 that failed, where nobody has the secrets: who ended them, and what the lengths of records tell.
//!
//! ```text
//! record = content │ its type 1 │ tag 16 (of all suites but CCM_8)
//! alert 2 │ Finished 4+32 or 4+48 │ Certificate without one 4+4 │ each 17 longer as a record
//! ```
//!
//! # References
//! - RFC 8446 §4.4.2 ("If the client does not send any certificates … the server MAY at its discretion either continue … or abort the
//!   handshake with a \"certificate_required\" alert"), §4.4.4, §5.2, §6.

use super::super::{Case, Finding, end_of};
use crate::flow::Connection;
use crate::layer::{Direction, Severity};
use crate::protocol::TlsRecord;
use crate::trace::Message;

/// Records as long as an alert, and as what ends a handshake.
const ALERT: u16 = 19;
const FINISHED: [u16; 2] = [53, 69];
/// The client's part of the handshake where it was asked for a certificate and has none: alone, or in one record with its end.
const NO_CERTIFICATE: [u16; 3] = [25, 61, 77];
/// TLS 1.3, as hellos name it.
const VERSION_13: u16 = 0x0304;
/// What tells more.
const MORE: &str = "The log of its program says, or secrets do (--keylog)";

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    case.trace.connections().iter().filter_map(|connection| finding(case, connection)).collect()
}

/// A record that is encrypted and that nobody could open: its frame, which way it went, and how many octets it holds.
type Sealed = (u32, Direction, u16);

fn finding(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    if !case.sealed.contains(&(connection.id, Direction::ToServer)) {
        return None;
    }
    let is_whole = |way| case.trace.stream(connection.id, way).is_some_and(|stream| stream.gaps().is_empty());
    let messages = case.messages_of(connection.id);
    let chosen = hellos(messages)?;
    let sealed: Vec<Sealed> = messages.iter().filter_map(|message| encrypted(message)).collect();
    let first = sealed.iter().find(|(_, way, _)| *way == Direction::ToServer)?;
    let (by, end, _) = end_of(connection)?;
    if ![Direction::ToServer, Direction::ToClient].into_iter().all(is_whole) {
        return None;
    }
    let behind: Vec<&Sealed> = sealed.iter().filter(|(frame, ..)| *frame >= first.0).collect();
    let said = |of: Direction| behind.iter().filter(move |(_, way, _)| *way == of);
    let from_client: Vec<u16> = said(Direction::ToServer).map(|(_, _, len)| *len).collect();
    let (client, server) = (connection.client, connection.server);
    match by {
        _ if from_client == [ALERT] => {
            let text = format!(
                "{client} ended TLS instead of finishing its handshake: all that it encrypted is as long as an alert ({ALERT} octets). Likely \
                 it does not accept the server's certificate: who signed it, its name, or its time. {MORE}"
            );
            Some(Finding::warn(text, "RFC 8446 §6.2", vec![chosen, first.0, end]))
        }
        Direction::ToServer if matches!(from_client[..], [len] | [len, ALERT] if FINISHED.contains(&len)) => {
            let text = format!(
                "{client} closed behind the handshake of TLS, and said nothing inside. Who does not accept the server's certificate may find \
                 that out only then; who only looks whether a server is there does so, too"
            );
            Some(Finding { severity: Severity::Note, ..Finding::warn(text, "RFC 8446 §4.4.4", vec![first.0, end]) })
        }
        Direction::ToClient if !FINISHED.contains(&first.2) => {
            let mut answers = said(Direction::ToClient);
            let (alert, ..) = answers.next().filter(|(.., len)| *len == ALERT)?;
            if answers.next().is_some() {
                return None;
            }
            let why = match NO_CERTIFICATE.contains(&first.2) {
                true => {
                    "asks for a certificate, and the client showed none: its first record is as long as a Certificate without one"
                }
                false => "does not accept the certificate that the client showed",
            };
            let text = format!(
                "{server} ended TLS behind the client's part of the handshake: its only answer is as long as an alert ({ALERT} octets). Likely \
                 it {why}. {MORE}"
            );
            Some(Finding::warn(text, "RFC 8446 §4.4.2", vec![first.0, *alert, end]))
        }
        _ => None,
    }
}

/// The frame in which the server chose TLS 1.3, if the client sent nothing before it was answered.
fn hellos(messages: &[&Message]) -> Option<u32> {
    let records = || messages.iter().filter_map(|message| Some((message.frame(), message.payload_as::<TlsRecord>()?)));
    let hellos = || records().flat_map(|(frame, record)| record.handshakes.iter().map(move |one| (frame, one)));
    let mut hellos = hellos().filter_map(|(frame, handshake)| Some((frame, handshake.hello.as_ref()?)));
    if hellos.clone().any(|(_, hello)| hello.has_early_data) {
        return None;
    }
    let chosen = hellos.find(|(_, hello)| hello.suite_name().is_some() && !hello.is_retry);
    chosen.filter(|(_, hello)| hello.best_version() == VERSION_13).map(|(frame, _)| frame)
}

fn encrypted(message: &Message) -> Option<Sealed> {
    let record: &TlsRecord = message.payload_as()?;
    (record.opaque && record.opened.is_none()).then_some((message.frame(), message.direction, record.len))
}
