//! Transport Layer Security: records, the open part of the handshake, alerts; of what is encrypted its sizes and its time,
//! and, where the session's secrets are at hand, what it says.
//!
//! # References
//! - Records: RFC 8446 §5.1, RFC 5246 §6.2. Handshake: RFC 8446 §4, RFC 5246 §7.4. Alerts: RFC 8446 §6.
//! - Server Name Indication: RFC 6066 §3. ALPN: RFC 7301.

mod crypt;
mod decoder;
mod hello;
mod joined;
mod keylog;
mod keys;
mod names;
mod protection;
mod record;

pub(super) use crypt::Suite;
pub use hello::{Chosen as TlsChosen, Hello as TlsHello, Side as TlsSide};
pub use keylog::KeyLog;
pub(super) use protection::{PacketLabels, PacketOpener, Unsealed};
pub use record::{Handshake as TlsHandshake, Opened as TlsOpened, TlsRecord};

use crate::layer::FieldDef;
use crate::message::{Decoder, Dissector, Probe, Sink, Upgrade, Verdict};

crate::fields! {
    CONTENT_TYPE = "tls.record.content_type", Uint(8), "What the record holds: 20 change cipher spec, 21 alert, 22 handshake, 23 application data.", "RFC 8446 §5.1";
    OPAQUE_TYPE = "tls.record.opaque_type", Uint(8), "23, which in TLS 1.3 stands for anything encrypted: the true type is encrypted too.", "RFC 8446 §5.2";
    VERSION = "tls.record.version", Uint(16), "A version kept for old middleboxes: 0x0301 or 0x0303, whatever was agreed on.", "RFC 8446 §5.1";
    LENGTH = "tls.record.length", Uint(16), "How many octets follow in the record.", "RFC 8446 §5.1";
    HANDSHAKE_TYPE = "tls.handshake.type", Uint(8), "Which message of the handshake: 1 ClientHello, 2 ServerHello, 11 Certificate, …", "RFC 8446 §4";
    HANDSHAKE_LENGTH = "tls.handshake.length", Uint(24), "How many octets this message of the handshake has behind its header of four.", "RFC 8446 §4";
    HANDSHAKE_VERSION = "tls.handshake.version", Uint(16), "A version kept for old middleboxes; the true one is among the extensions.", "RFC 8446 §4.1.2";
    RANDOM = "tls.handshake.random", Bytes, "What this side chose by chance: with the other's it makes the keys of the session.", "RFC 8446 §4.1.2";
    SUITE = "tls.handshake.ciphersuite", Uint(16), "A cipher suite that the client offers, or the one that the server chose.", "RFC 8446 §4.1.2";
    SUPPORTED_VERSION = "tls.handshake.extensions.supported_version", Uint(16), "A version that the client offers, or the one that the server chose.", "RFC 8446 §4.2.1";
    SERVER_NAME = "tls.handshake.extensions_server_name", Text, "Which site the client wants: readable for everyone on the way.", "RFC 6066 §3";
    ALPN = "tls.handshake.extensions_alpn_str", Text, "A protocol to speak inside: http/1.1, h2.", "RFC 7301 §3.1";
    ALERT_LEVEL = "tls.alert_message.level", Uint(8), "1 warning, 2 fatal; without meaning in TLS 1.3.", "RFC 8446 §6";
    ALERT = "tls.alert_message.desc", Uint(8), "What is the matter: 0 close_notify, 40 handshake_failure, …", "RFC 8446 §6";
    APP_DATA = "tls.app_data", Bytes, "What is encrypted.", "RFC 8446 §5.2";
}

/// The registered dissector.
pub(super) struct Tls;

impl Dissector for Tls {
    fn name(&self) -> &'static str {
        "tls"
    }

    fn fields(&self) -> &'static [&'static FieldDef] {
        FIELDS
    }

    /// A connection begins with a handshake record that holds a ClientHello. One joined in its middle is known by records that
    /// follow each other.
    fn probe(&self, probe: Probe<'_>) -> Verdict {
        if probe.joined {
            return joined::probe(probe);
        }
        let expected: [fn(u8) -> bool; 6] = [
            |octet| octet == record::HANDSHAKE,
            |octet| octet == 3,
            |octet| octet <= 4,
            |_| true,
            |_| true,
            |octet| octet == 1,
        ];
        let fits = probe.to_server.iter().zip(expected).all(|(octet, fits)| fits(*octet));
        match fits {
            false => Verdict::No,
            true if probe.to_server.len() >= expected.len() => Verdict::Yes,
            true if probe.end || !probe.to_client.is_empty() => Verdict::No,
            true => Verdict::NeedMore,
        }
    }

    fn decoder(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::<decoder::TlsDecoder>::default())
    }

    fn joined(&self, _probe: Probe<'_>) -> Option<Box<dyn Decoder>> {
        Some(Box::new(decoder::TlsDecoder::joining()))
    }

    fn upgraded(&self, _upgrade: &Upgrade, _sink: &mut dyn Sink) -> Option<Box<dyn Decoder>> {
        None
    }

    fn upgrade_token(&self) -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod joined_tests;
#[cfg(test)]
mod opened_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
