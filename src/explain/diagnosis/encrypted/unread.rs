//! Handshakes of TLS that failed, where no alert can be read: who ended them, and what the lengths of records tell.
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
use super::CLOSE_NOTIFY;
use crate::flow::Connection;
use crate::layer::{Direction, Severity};
use crate::protocol::TlsRecord;
use crate::trace::Message;

/// Records as long as an alert, and as what ends a handshake.
const ALERT: u16 = 19;
const FINISHED: [u16; 2] = [53, 69];
/// The client's part of the handshake where it was asked for a certificate and has none: alone, or in one record with its end.
const NO_CERTIFICATE: [u16; 3] = [25, 61, 77];
/// Content types (RFC 8446 §5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const APPLICATION_DATA: u8 = 23;
/// What tells more.
const MORE: &str = "The log of its program says, or secrets do (--keylog)";

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    case.trace.connections().iter().filter_map(|connection| finding(case, connection)).collect()
}

/// A record that one side sends when the server has chosen: its frame, which way it went, and what is in it.
struct Said<'a> {
    frame: u32,
    way: Direction,
    record: &'a TlsRecord,
}

impl Said<'_> {
    /// How many octets it has, where TLS 1.3 hides what it holds and nobody could open it.
    fn sealed(&self) -> Option<u16> {
        (self.record.opaque && self.record.opened.is_none()).then_some(self.record.len)
    }

    /// Whether the application says something in it, as far as its type shows.
    fn is_data(&self) -> bool {
        let shown = self.record.opened.as_ref().map_or(self.record.content_type, |opened| opened.content_type);
        shown == APPLICATION_DATA && self.sealed().is_none()
    }
}

fn finding(case: &Case<'_>, connection: &Connection) -> Option<Finding> {
    let is_whole = |way| case.trace.stream(connection.id, way).is_some_and(|stream| stream.gaps().is_empty());
    let (by, end, _) = end_of(connection)?;
    let messages = case.messages_of(connection.id);
    let chosen = chosen(messages)?;
    let behind: Vec<Said<'_>> = messages.iter().filter_map(|message| said(message, chosen)).collect();
    let is_told = behind.iter().any(|said| said.record.alert.is_some_and(|alert| alert != CLOSE_NOTIFY));
    if is_told || ![Direction::ToServer, Direction::ToClient].into_iter().all(is_whole) {
        return None;
    }
    let (client, server): (Vec<&Said<'_>>, Vec<&Said<'_>>) =
        behind.iter().partition(|said| said.way == Direction::ToServer);
    let who = connection.client;
    let Some(first) = client.first().map(|first| first.frame) else {
        // Who is still waiting for the server has seen no certificate.
        let answered = server.first().is_some_and(|said| said.frame <= end);
        let text = format!(
            "{who} closed in the middle of the handshake of TLS, behind the server's part of it, and did not say why. Likely it does \
             not accept the server's certificate: who signed it, its name, or its time. The log of its program says"
        );
        return (answered && by == Direction::ToServer)
            .then(|| Finding::warn(text, "RFC 8446 §4.4.2", vec![chosen, end]));
    };
    let lens: Option<Vec<u16>> = client.iter().map(|said| said.sealed()).collect();
    match lens.as_deref() {
        Some([ALERT]) => {
            let text = format!(
                "{who} ended TLS instead of finishing its handshake: all that it encrypted is as long as an alert ({ALERT} octets). \
                 Likely it does not accept the server's certificate: who signed it, its name, or its time. {MORE}"
            );
            Some(Finding::warn(text, "RFC 8446 §6.2", vec![chosen, first, end]))
        }
        Some([len, ..]) if by == Direction::ToClient && !FINISHED.contains(len) => {
            let server = server.into_iter().filter(|said| said.frame >= first);
            refused_by_server((connection, *len), server, (first, end))
        }
        lens => {
            let is_silent = match lens {
                Some(lens) => matches!(lens, [len] | [len, ALERT] if FINISHED.contains(len)),
                // Where only some of TLS 1.3 was opened, the rest may be data.
                None => !client.iter().any(|said| said.is_data() || said.sealed().is_some()),
            };
            let text = format!(
                "{who} closed behind the handshake of TLS, and said nothing inside. Who does not accept the server's certificate may find \
                 that out only then; who only looks whether a server is there does so, too"
            );
            let finding = Finding::warn(text, "RFC 8446 §4.4.4", vec![first, end]);
            (is_silent && by == Direction::ToServer).then_some(Finding { severity: Severity::Note, ..finding })
        }
    }
}

/// A server that ended TLS with what is as long as an alert, where all that it said behind the client's part of the handshake was
/// this; `len` octets has the first record of that part.
fn refused_by_server<'a>(
    (connection, len): (&Connection, u16),
    mut server: impl Iterator<Item = &'a Said<'a>>,
    (first, end): (u32, u32),
) -> Option<Finding> {
    let alert = server.next().filter(|said| said.sealed() == Some(ALERT))?.frame;
    if server.next().is_some() {
        return None;
    }
    let why = match NO_CERTIFICATE.contains(&len) {
        true => {
            "asks for a certificate, and the client showed none: its first record is as long as a Certificate without one"
        }
        false => "does not accept the certificate that the client showed",
    };
    let text = format!(
        "{} ended TLS behind the client's part of the handshake: its only answer is as long as an alert ({ALERT} octets). Likely it {why}. \
         {MORE}",
        connection.server
    );
    Some(Finding::warn(text, "RFC 8446 §4.4.2", vec![first, alert, end]))
}

/// The frame in which the server chose, if the client sent nothing before it was answered.
fn chosen(messages: &[&Message]) -> Option<u32> {
    let records = || messages.iter().filter_map(|message| Some((message.frame(), message.payload_as::<TlsRecord>()?)));
    let hellos = || records().flat_map(|(frame, record)| record.handshakes.iter().map(move |one| (frame, one)));
    let mut hellos = hellos().filter_map(|(frame, handshake)| Some((frame, handshake.hello.as_ref()?)));
    if hellos.clone().any(|(_, hello)| hello.has_early_data) {
        return None;
    }
    let chosen = hellos.find(|(_, hello)| hello.suite_name().is_some() && !hello.is_retry);
    chosen.map(|(frame, _)| frame)
}

/// A record behind the server's choice; one that only says that keys change means nothing.
fn said<'a>(message: &'a Message, chosen: u32) -> Option<Said<'a>> {
    let record: &TlsRecord = message.payload_as()?;
    let (frame, way) = (message.frame(), message.direction);
    let is_hello = record.handshakes.iter().any(|one| one.hello.is_some());
    let is_behind = frame >= chosen && !is_hello && record.content_type != CHANGE_CIPHER_SPEC;
    is_behind.then_some(Said { frame, way, record })
}
