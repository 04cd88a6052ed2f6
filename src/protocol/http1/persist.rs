//! How long a connection lasts, by what its two sides say of it.
//!
//! # References
//! - Which message is the last: RFC 9112 §9.3. What nobody may do behind it: §9.6.

use super::head::{RawHead, Start};
use crate::layer::{Direction, Note, Severity};

/// Why a connection does not last longer than the message that says so and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// It holds `Connection: close`.
    Said,
    /// It is one of HTTP/1.0, and does not ask for more with `Connection: keep-alive`.
    Old,
}

impl Closing {
    /// What a head says, in the order of §9.3. Interim answers say nothing: the answer is still to come.
    pub(super) fn of(head: &RawHead, bytes: &[u8]) -> Option<Self> {
        if is_interim(head) {
            return None;
        }
        let (mut closes, mut stays) = (false, false);
        for (name, value) in head.headers.iter() {
            // Old proxies ask for it by a name of their own (appendix C.2.2).
            let is_asked = |known: &[u8]| bytes[name.clone()].eq_ignore_ascii_case(known);
            if matches!(name.len(), 10 | 16) && (is_asked(b"connection") || is_asked(b"proxy-connection")) {
                let options = || bytes[value.clone()].split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
                closes |= name.len() == 10 && options().any(|option| option.eq_ignore_ascii_case(b"close"));
                stays |= options().any(|option| option.eq_ignore_ascii_case(b"keep-alive"));
            }
        }
        match () {
            () if closes => Some(Self::Said),
            () if head.minor_version > 0 || stays => None,
            () => Some(Self::Old),
        }
    }
}

/// Whether it is that of an answer before the answer: 100, 103.
fn is_interim(head: &RawHead) -> bool {
    matches!(head.start, Start::Response { status: 100 | 102..200, .. })
}

/// What both sides of a connection said so far.
#[derive(Debug, Default)]
pub(super) struct Persistence {
    closing: [Option<Closing>; 2],
    told: [bool; 2],
}

impl Persistence {
    /// A message has come whole.
    pub(super) fn note_end(&mut self, direction: Direction, closing: Option<Closing>) {
        if closing.is_some() {
            self.closing[direction.index()] = closing;
        }
    }

    /// Whether the server has not said that the connection ends.
    pub(super) fn lasts(&self) -> bool {
        self.closing[Direction::ToClient.index()].is_none()
    }

    /// What is to be said of a message because of those before it; once for each side.
    pub(super) fn behind(&mut self, direction: Direction, head: &RawHead) -> Option<Note> {
        if self.closing == [None; 2] || is_interim(head) {
            return None;
        }
        let (text, severity, spec) = self.judge(direction)?;
        let told = std::mem::replace(&mut self.told[direction.index()], true);
        (!told).then(|| Note::new(severity, text, spec))
    }

    fn judge(&self, direction: Direction) -> Option<(&'static str, Severity, &'static str)> {
        let [asked, answered] = self.closing;
        Some(match (direction, asked, answered) {
            (_, None, None) | (Direction::ToClient, _, None) => return None,
            // "A client that sends a 'close' connection option MUST NOT send further requests on that connection"
            (Direction::ToServer, Some(Closing::Said), _) => (
                "a request behind one that says `Connection: close`, which has to be the last",
                Severity::Warn,
                "RFC 9112 §9.6",
            ),
            (Direction::ToServer, Some(Closing::Old), _) => (
                "a request behind one of HTTP/1.0 without `Connection: keep-alive`: the connection was to close behind its answer",
                Severity::Note,
                "RFC 9112 §9.3",
            ),
            // It may have been on its way when the answer came: then nobody did anything wrong.
            (Direction::ToServer, None, Some(Closing::Said)) => (
                "a request behind an answer that says `Connection: close`: it is not processed, and is to be sent again on \
                 another connection",
                Severity::Note,
                "RFC 9112 §9.6",
            ),
            (Direction::ToServer, None, Some(Closing::Old)) => (
                "a request behind an answer of HTTP/1.0 without `Connection: keep-alive`: the connection was to close",
                Severity::Note,
                "RFC 9112 §9.3",
            ),
            // "The server MUST NOT process any further requests received on that connection."
            (Direction::ToClient, _, Some(Closing::Said)) => (
                "an answer behind one that says `Connection: close`, which has to be the last",
                Severity::Warn,
                "RFC 9112 §9.6",
            ),
            (Direction::ToClient, _, Some(Closing::Old)) => (
                "an answer behind one of HTTP/1.0 without `Connection: keep-alive`: the connection was to close",
                Severity::Note,
                "RFC 9112 §9.3",
            ),
        })
    }
}
