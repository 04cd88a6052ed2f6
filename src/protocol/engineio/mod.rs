//! Engine.IO: packets over whatever transport works, HTTP first, WebSocket where it can be had. Codecs only: bytes in,
//! values out.
//!
//! ```text
//! packet   <type>[data]     2probe   4hello   0{"sid":…}            in a WebSocket text frame as it is
//!          b<base64>        bAQIDBA==     (3: b<type><base64>)      octets in text; in a binary frame raw (3: 04 before)
//!
//! payload  several packets in one HTTP body
//!   4               4hello ␞ 2 ␞ bAQIDBA==                         ␞ = 1e
//!   3, text         6:4hello 1:2 10:b4AQIDBA==                     lengths in UTF-16 code units; no spaces
//!   3, octets       00 06 ff 4hello  01 05 ff 04 01 02 03 04       text or octets, length as digits 0-9, ff
//!   3, JSONP        ___eio[0]("6:4hello");                         asked for with j=0; answered with d=6%3A4hello
//!
//! stream   of WebTransport: each packet behind its length          06 4hello   84 01020304 (octets)
//! ```
//!
//! # References
//! - Engine.IO protocol, version 4 (Socket.IO 3 and 4): "Packet encoding", "Handshake", "Heartbeat", "Upgrade".
//! - Engine.IO protocol, version 3 (Socket.IO 1 and 2): "Encoding: Packet", "Encoding: Payload".

mod jsonp;
mod message;
mod open;
mod packet;
mod payload;
mod query;
mod webtransport;

pub use jsonp::{Jsonp, Places, form_payload};
pub use message::{Content, EngineIoPacket, FIELDS};
pub use open::{ErrorBody, ErrorCode, Open};
pub use packet::{Data, Kind, Packet};
pub use payload::{Framing, Packets, Stop};
pub use query::{Query, QueryReader, Transport};
pub use webtransport::{Framed, MAX_FRAMED, is_begun};

/// The version of the protocol, as `EIO=` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// 3: Socket.IO 1 and 2.
    V3,
    /// 4: Socket.IO 3 and 4.
    V4,
    /// Another number.
    Other(u64),
}

impl Version {
    /// Where it says who pings, and how long an answer may take.
    pub fn heartbeat(self) -> &'static str {
        match self {
            Self::V3 => "Engine.IO protocol 3, Timeouts",
            Self::V4 | Self::Other(_) => "Engine.IO protocol 4, Heartbeat",
        }
    }

    /// Where it says how requests carry it.
    pub fn polling(self) -> &'static str {
        match self {
            Self::V3 => "Engine.IO protocol 3, Transports: Polling",
            Self::V4 | Self::Other(_) => "Engine.IO protocol 4, Transports: HTTP long-polling",
        }
    }

    /// The version with this number.
    pub fn from_number(number: u64) -> Self {
        match number {
            3 => Self::V3,
            4 => Self::V4,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub fn number(self) -> u64 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
            Self::Other(number) => number,
        }
    }

    /// Whether it is written as version 3 is.
    pub fn is_old(self) -> bool {
        self.number() <= 3
    }
}

#[cfg(test)]
mod tests;
