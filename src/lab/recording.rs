//! What a play leaves behind: frames, the script log, and the proof that none is missing.

use std::fmt;
use std::net::SocketAddr;

use crate::capture::{Frame, Interface};
use crate::lab::ground::Ground;
use crate::lab::handshake::SERVER;
use crate::lab::log::{ScriptLog, What};
use crate::layer::Direction;

/// Everything that is known of a play.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The frames, in the order of capture.
    pub frames: Vec<Frame>,
    /// The interface they were captured on.
    pub interface: Interface,
    /// What the actors really sent.
    pub log: ScriptLog,
    /// Whether frames are missing.
    pub completeness: Completeness,
    /// What was captured at the server's machine meanwhile, if both ends were to be recorded.
    pub at_server: Option<OtherEnd>,
    /// Who is behind an address.
    pub names: Vec<(SocketAddr, String)>,
    /// What went otherwise than the script says, in sentences.
    pub notes: Vec<String>,
    /// Where it was staged, as [`Place`](crate::lab::Place) announces itself.
    pub place: String,
    /// The secrets of the TLS sessions, a line each, if there were any.
    pub secrets: Option<String>,
}

/// The same play, seen from the other end of the wire.
#[derive(Debug, Clone)]
pub struct OtherEnd {
    /// The frames, in the order of capture.
    pub frames: Vec<Frame>,
    /// The interface they were captured on.
    pub interface: Interface,
    /// Whether frames are missing.
    pub completeness: Completeness,
}

impl Recording {
    /// Whether no frame is missing, at any end, as far as that can be known.
    pub fn is_complete(&self) -> bool {
        self.completeness.is_complete() && self.at_server.as_ref().is_none_or(|other| other.completeness.is_complete())
    }

    /// All that was sent, once, by time: of what each end saw that which its own machine sent, and so also what was lost on the
    /// way. Both machines have the same clock. What was recorded at one end alone stays as it is.
    pub fn as_sent(mut self) -> Self {
        let Some(other) = self.at_server.take() else { return self };
        let is_servers = |frame: &Frame| frame.data.get(6..12) == Some(&Ground::SERVER_MAC[..]);
        let missing = self.completeness.missing() + other.completeness.missing();
        let dropped_by_kernel = self.completeness.dropped_by_kernel + other.completeness.dropped_by_kernel;
        self.frames.retain(|frame| !is_servers(frame));
        self.frames.extend(other.frames.into_iter().filter(is_servers));
        self.frames.sort_by_key(|frame| frame.time);
        let captured = u64::try_from(self.frames.len()).unwrap_or(u64::MAX);
        self.completeness = Completeness { captured, counted: Some(captured + missing), dropped_by_kernel };
        self
    }

    /// The server, and every client that connected, in order.
    pub(crate) fn names(server: SocketAddr, log: &ScriptLog) -> Vec<(SocketAddr, String)> {
        let mut names = vec![(server, SERVER.to_owned())];
        for entry in log.entries.iter().filter(|entry| entry.direction == Direction::ToServer) {
            let begins = matches!(entry.what, What::Opened | What::Datagram(_));
            let name = (entry.connection.client, entry.actor.clone());
            if begins && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// What the recorder alone knows of a play.
pub(crate) struct Recorded {
    pub frames: Vec<Frame>,
    pub interface: Interface,
    pub completeness: Completeness,
    /// Whether the mark at the end came through.
    pub end_seen: bool,
}

/// How many frames were captured, and how many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completeness {
    /// Frames captured.
    pub captured: u64,
    /// Frames the interface itself counted; `None` on an interface that others use too.
    pub counted: Option<u64>,
    /// Frames the kernel says it could not keep.
    pub dropped_by_kernel: u64,
}

impl Completeness {
    /// Whether no frame is missing, as far as that can be known.
    pub fn is_complete(&self) -> bool {
        self.dropped_by_kernel == 0 && self.counted.is_none_or(|counted| counted == self.captured)
    }
}

impl Completeness {
    /// How many the interface counted and nobody captured.
    fn missing(&self) -> u64 {
        self.counted.map_or(0, |counted| counted.saturating_sub(self.captured))
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let frames = if self.counted.unwrap_or(self.captured) == 1 { "frame" } else { "frames" };
        match self.counted {
            Some(counted) => write!(f, "{} of {counted} {frames}", self.captured)?,
            None => write!(f, "{} {frames}", self.captured)?,
        }
        match self.dropped_by_kernel {
            0 => Ok(()),
            dropped => write!(f, ", {dropped} dropped by the kernel"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completeness_is_said_in_full() {
        let whole = Completeness { captured: 54, counted: Some(54), dropped_by_kernel: 0 };
        assert_eq!((whole.to_string().as_str(), whole.is_complete()), ("54 of 54 frames", true));
        let lost = Completeness { captured: 50, counted: Some(54), dropped_by_kernel: 4 };
        assert_eq!(
            (lost.to_string().as_str(), lost.is_complete()),
            ("50 of 54 frames, 4 dropped by the kernel", false)
        );
        let shared = Completeness { captured: 1, counted: None, dropped_by_kernel: 0 };
        assert_eq!((shared.to_string().as_str(), shared.is_complete()), ("1 frame", true));
    }
}
