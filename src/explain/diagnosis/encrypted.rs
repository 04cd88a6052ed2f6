//! Handshakes of TLS that failed: one side said why, in an alert.
//!
//! # References
//! - RFC 8446 §6.2 and, of older versions, RFC 5246 §7.2.2.

mod unread;

use super::{Case, Finding, sender, together};
use crate::layer::{Direction, Severity};
use crate::protocol::{TlsHandshake, TlsRecord};
use crate::trace::Message;

/// The level of an alert that ends its connection.
const FATAL: u8 = 2;
/// The client must show a certificate.
const CERTIFICATE_REQUIRED: u8 = 116;
/// Messages of the handshake (RFC 8446 §4).
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
/// The body of a Certificate without one: the length of the list, and since TLS 1.3 before it that of an empty context.
const NO_CERTIFICATE: usize = 4;
/// What a side says before it closes, with its level.
const CLOSE_NOTIFY: (u8, u8) = (1, 0);

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    let mut found = together(case.trace.messages().iter().filter_map(|message| fatal(case, message)));
    found.extend(unread::findings(case));
    found
}

fn fatal(case: &Case<'_>, message: &Message) -> Option<Finding> {
    let record: &TlsRecord = message.payload_as()?;
    let (level, number) = record.alert?;
    if level != FATAL {
        return None;
    }
    let connection = case.connection(message)?;
    let who = sender(connection, message.direction);
    let way_back = message.direction.reverse();
    // Where nobody could read what the other side said, it may have said so.
    let is_read = case.has_all(connection, way_back) && !case.sealed.contains(&(message.connection, way_back));
    if let Some(fin) = connection.fin(way_back)
        && fin < message.frame()
        && is_read
        && !says_goodbye(case, message)
    {
        let other = sender(connection, way_back);
        let text = format!(
            "{other} closed TCP without the alert close_notify before it, so that {who} could not tell whether something \
             was cut off: it answered with the alert {}",
            record.alert_name()?
        );
        let frames = vec![fin, message.frame()];
        return Some(Finding { severity: Severity::Note, ..Finding::warn(text, "RFC 8446 §6.1", frames) });
    }
    let mut frames = vec![message.frame()];
    // An older version has no alert for it.
    let shown = none_shown(case, message).filter(|_| [40, 42].contains(&number));
    let why = if shown.is_some() { meaning(CERTIFICATE_REQUIRED) } else { meaning(number) };
    frames.extend(shown.into_iter().flatten());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("{who} ended TLS with the alert {}{why}", record.alert_name()?);
    Some(Finding::warn(text, "RFC 8446 §6.2", frames))
}

/// The frames in which the server asked for a certificate before this alert of its own, and in which the client sent a message for
/// it that holds none.
fn none_shown(case: &Case<'_>, alert: &Message) -> Option<[u32; 2]> {
    let before = case.messages_of(alert.connection).iter().take_while(|message| message.frame() <= alert.frame());
    let of = |way: Direction| before.clone().filter(move |message| message.direction == way);
    let find = |way, kind| {
        let is = |one: &&TlsHandshake| one.kind == kind;
        let find = |message: &&Message| {
            let record: &TlsRecord = message.payload_as()?;
            Some((message.frame(), record.handshakes.iter().find(is)?.len))
        };
        of(way).find_map(find)
    };
    let (asked, _) = find(alert.direction, CERTIFICATE_REQUEST)?;
    let (answered, len) = find(alert.direction.reverse(), CERTIFICATE)?;
    (alert.direction == Direction::ToClient && len <= NO_CERTIFICATE).then_some([asked, answered])
}

/// Whether the side that did not send this alert sent `close_notify` before it.
fn says_goodbye(case: &Case<'_>, alert: &Message) -> bool {
    let of = case.of.get(alert.connection as usize).map_or(&[][..], Vec::as_slice);
    let before = of.iter().take_while(|message| message.frame() <= alert.frame());
    let others = before.filter(|message| message.direction != alert.direction);
    others.filter_map(|message| message.payload_as::<TlsRecord>()).any(|record| record.alert == Some(CLOSE_NOTIFY))
}

/// What an alert says to whoever has to mend it.
fn meaning(number: u8) -> Option<&'static str> {
    Some(match number {
        20 | 51 => "what came could not be opened or verified with the keys that both should have",
        40 => "the two have nothing in common to encrypt with, or one asks for what the other does not have",
        42 | 43 | 46 => "it does not accept the other side's certificate",
        44 => "the other side's certificate was revoked",
        45 => "the other side's certificate is not valid any more, or not yet; a wrong clock looks the same",
        48 => "it does not know who signed the other side's certificate, as where one has signed itself",
        70 => "the two have no version of TLS in common",
        80 => "something failed in its own program",
        109 => "the other side left out an extension that is needed",
        112 => "the server has no certificate for the name that was asked for (SNI)",
        116 => "the client must show a certificate, and showed none",
        120 => "none of the protocols that were offered is spoken there (ALPN)",
        _ => return None,
    })
}
