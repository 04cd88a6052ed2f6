//! A step of a story: what happened in a frame on a connection, in a few words.

use std::fmt;

use crate::layer::Direction;

/// Which part of a connection's life a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// TCP opens.
    Open,
    /// HTTP is spoken.
    Http,
    /// WebSocket is spoken.
    WebSocket,
    /// TLS is spoken: what it carries is not known.
    Tls,
    /// HTTP/3 is spoken on a connection of QUIC.
    Http3,
    /// What a session of WebTransport carries.
    WebTransport,
    /// Bytes of no known protocol.
    Data,
    /// TCP closes.
    Close,
    /// A connection of QUIC is closed.
    QuicClose,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The frame it happened in.
    pub frame: u32,
    /// Which way.
    pub direction: Direction,
    /// What it is.
    pub form: Form,
    /// What, in a few words. [`Step::says`] tells where its other frames are, too.
    pub text: String,
    /// Where else something of it is.
    pub elsewhere: Vec<Elsewhere>,
    /// To which part it belongs.
    pub phase: Phase,
    /// Seconds since the first frame of the capture.
    pub time: Option<f64>,
    /// Whether it has a note of severity warn or error.
    pub odd: bool,
    /// Where all of that is of which the text has the beginning.
    pub quotes: Quotes,
}

/// What a step tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Of something that travelled.
    Sent,
    /// Of what is put together from others, each of which has its step.
    Joined,
    /// Of octets in the middle of something that has a step elsewhere.
    Part,
}

/// Where else something of a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// It was sent again in this frame.
    Again(u32),
    /// It ends in this frame.
    Until(u32),
    /// It began in this frame.
    Since(u32),
}

/// What a step quotes, which may be much longer than its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// It says all there is.
    Nothing,
    /// A message: its place among those that end in the frame ([`crate::trace::Trace::messages_in`]; of QUIC,
    /// [`crate::trace::Record::over_quic`]).
    Message(usize),
    /// The payload of the frame's segment.
    Payload,
}

impl Step {
    /// All that it says.
    pub fn says(&self) -> String {
        format!("{}{}", self.text, self.says_elsewhere())
    }

    /// What of that stands behind its text: in which other frames it is, too.
    pub fn says_elsewhere(&self) -> String {
        self.elsewhere.iter().map(|elsewhere| format!(", {elsewhere}")).collect()
    }
}

impl Elsewhere {
    /// What it says before the number of the frame.
    pub fn words(self) -> &'static str {
        match self {
            Self::Again(_) => "again in",
            Self::Until(_) => "goes on until",
            Self::Since(_) => "begun in",
        }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Again(frame) | Self::Until(frame) | Self::Since(frame)) = self;
        write!(f, "{} {frame}", self.words())
    }
}
