//! Handshakes of TLS that failed: one side said why, in an alert.
//!
//! # References
//! - RFC 8446 §6.2 and, of older versions, RFC 5246 §7.2.2.

use super::{Case, Finding, sender, together};
use crate::layer::Severity;
use crate::protocol::TlsRecord;
use crate::trace::Message;

/// The level of an alert that ends its connection.
const FATAL: u8 = 2;
/// What a side says before it closes, with its level.
const CLOSE_NOTIFY: (u8, u8) = (1, 0);

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    together(case.trace.messages().iter().filter_map(|message| fatal(case, message)))
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
    let why = meaning(number).map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("{who} ended TLS with the alert {}{why}", record.alert_name()?);
    Some(Finding::warn(text, "RFC 8446 §6.2", vec![message.frame()]))
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
