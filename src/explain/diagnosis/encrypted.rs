//! Handshakes of TLS that failed: one side said why, in an alert.
//!
//! # References
//! - RFC 8446 §6.2 and, of older versions, RFC 5246 §7.2.2.

use super::{Case, Finding, sender, together};
use crate::protocol::TlsRecord;
use crate::trace::Message;

/// The level of an alert that ends its connection.
const FATAL: u8 = 2;

pub(super) fn findings(case: &Case<'_>) -> Vec<Finding> {
    together(case.trace.messages().iter().filter_map(|message| fatal(case, message)))
}

fn fatal(case: &Case<'_>, message: &Message) -> Option<Finding> {
    let record: &TlsRecord = message.payload_as()?;
    let (level, number) = record.alert?;
    if level != FATAL {
        return None;
    }
    let who = sender(case.connection(message)?, message.direction);
    let why = meaning(number).map(|why| format!(": {why}")).unwrap_or_default();
    let text = format!("{who} ended TLS with the alert {}{why}", record.alert_name()?);
    Some(Finding::warn(text, "RFC 8446 §6.2", vec![message.frame()]))
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
