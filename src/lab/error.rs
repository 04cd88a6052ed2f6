//! Why a play could not be staged, or not to its end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

#[cfg(feature = "capture")]
use crate::capture::live::LiveError;
use crate::lab::recording::Recording;
use crate::lab::tls::TlsError;

/// Why a play could not be staged, or not to its end.
#[derive(Debug, Error, Diagnostic)]
pub enum LabError {
    /// The build has no live capture.
    #[error("cannot play the script: this build cannot capture")]
    #[diagnostic(help(
        "build with the feature `capture` (`cargo build --features capture`), or replay a saved capture"
    ))]
    NoCapture,
    /// This machine allows no live capture.
    #[error("cannot play the script: {why}")]
    #[diagnostic(help("`wiretale doctor` names the commands that would allow it; a saved capture needs none of them"))]
    Nowhere {
        /// Why.
        why: String,
    },
    /// The private network could not be made.
    #[error("cannot make a private network: {reason}")]
    Network {
        /// Why, in plain words.
        reason: String,
        /// The command that would change it.
        #[help]
        fix: Option<String>,
    },
    /// The server could not listen.
    #[error("cannot listen on {address}: {source}")]
    #[diagnostic(help("name another port in the script: `server listens on 8081`"))]
    Listen {
        /// The address of the server, with the port of the script.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate for TLS.
    #[error("cannot make a certificate for the play: {0}")]
    #[diagnostic(help("leave `over tls` out of the script"))]
    Tls(TlsError),
    /// There is no place for what a server is to keep.
    #[error("cannot make a folder for the events to be kept: {0}")]
    #[diagnostic(help("see whether the folder for temporary files can be written, or name another in TMPDIR"))]
    Disk(io::Error),
    /// A thread of the lab could not run.
    #[error("cannot run the thread `{name}`: {source}")]
    #[diagnostic(help("see whether the limits on processes and open files leave room: `ulimit -a`"))]
    Thread {
        /// Which one.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The capture failed.
    #[cfg(feature = "capture")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Capture(#[from] LiveError),
    /// A step went wrong.
    #[error("cannot play line {line} of the script: {cause}")]
    #[diagnostic(help(
        "play the script again to see whether it happens again; with --save what was recorded until then is kept"
    ))]
    Step {
        /// The line of the step.
        line: usize,
        /// What went wrong.
        cause: String,
        /// What there is of the play.
        recording: Box<Recording>,
    },
    /// Somebody wanted it to end: Ctrl-C.
    #[error("the play was ended in line {line} of its script")]
    #[diagnostic(help("with --save what was recorded until then is kept"))]
    Interrupted {
        /// The line of the step.
        line: usize,
        /// What there is of the play.
        recording: Box<Recording>,
    },
    /// A step did not end in time.
    #[error("line {line} of the script did not end: the play was stopped after {} seconds", limit.as_secs())]
    #[diagnostic(help(
        "a machine under heavy load may need another try, a slow wire smaller messages, and a wire that loses much must lose \
                         less or something else (another seed); with --save what was recorded until then is kept"
    ))]
    Late {
        /// The line of the step.
        line: usize,
        /// How long the whole play was allowed to take.
        limit: Duration,
        /// What there is of the play.
        recording: Box<Recording>,
    },
}

impl LabError {
    /// What was recorded before the play failed.
    pub fn recording(&self) -> Option<&Recording> {
        match self {
            Self::Step { recording, .. } | Self::Late { recording, .. } | Self::Interrupted { recording, .. } => {
                Some(recording)
            }
            _ => None,
        }
    }

    /// A thread ended where it should not.
    #[cfg(feature = "capture")]
    pub(crate) fn ended(name: &'static str) -> Self {
        Self::Thread { name, source: io::Error::other("it ended unexpectedly") }
    }
}
