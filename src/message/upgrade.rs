//! What one side offers and the other answers where a connection changes to another protocol.

use std::borrow::Cow;
use std::ops::Range;

/// A change of protocol on a connection, offered by one side and answered by the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The protocol asked for, in lower case: `websocket`.
    pub token: String,
    /// What was asked, and with which header fields.
    pub request: Head,
    /// What was answered.
    pub response: Head,
    /// Where the request lies in the client's stream; `None` if it was not captured.
    pub request_range: Option<Range<u64>>,
    /// Where the answer lies in the server's stream.
    pub response_range: Range<u64>,
    /// Whether the answer agrees to the change.
    pub switched: bool,
    /// Octets of the client's that follow the request were captured before the answer.
    pub spoke_early: bool,
}

/// The first line and header fields of one side of an [`Upgrade`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The start line in words: a method, or a status code as text.
    pub start: Cow<'static, str>,
    /// Protocol version, minor number: 1 for `HTTP/1.1`.
    pub minor_version: u8,
    /// Header fields as they stood, in order.
    pub headers: Vec<(Cow<'static, str>, String)>,
}

impl Head {
    /// Every value of the header field with this name, which is compared without regard to case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        // What this program names itself is in lower case already, and that is seen more quickly.
        let is_meant = move |n: &str| n == name || n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(move |(n, _)| is_meant(n)).map(|(_, v)| v.as_str())
    }

    /// The first value of the header field with this name.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Whether a comma-separated header field holds this token, compared without regard to case (RFC 9110 §5.6.1).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|v| v.split(',')).any(|t| t.trim().eq_ignore_ascii_case(token))
    }
}
