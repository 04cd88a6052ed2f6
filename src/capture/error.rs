//! What can go wrong before frames come: each error names the operation, the object, the cause and the next step.
//!
//! A capture that is damaged further on is not an error: its frames are told up to there, and
//! [`About::cut`](super::About::cut) says where it ended.

use std::fmt::Display;
use std::io;

use miette::Diagnostic;
use thiserror::Error;

use super::{LinkType, MAX_BLOCK};

/// Why a capture cannot be read or written.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The operating system does not open the file.
    #[error("cannot open capture `{name}`: {cause}")]
    Open {
        /// The file.
        name: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The name is that of a directory.
    #[error("cannot open capture `{name}`: it is a directory")]
    Directory {
        /// The directory.
        name: String,
    },
    /// There is not one octet.
    #[error("cannot read capture `{name}`: the file is empty")]
    Empty {
        /// The file.
        name: String,
    },
    /// The file begins like a capture, but what must come before the first frame is cut or damaged.
    #[error("cannot read capture `{name}`: {what}")]
    Header {
        /// The file.
        name: String,
        /// What is wrong, as a sentence without a full stop.
        what: String,
    },
    /// The file is something else.
    #[error("cannot read capture `{name}`: it is no pcap or pcapng file but looks like {looks}")]
    NotACapture {
        /// The file.
        name: String,
        /// What it looks like.
        looks: String,
        /// What to do with such a file.
        advice: &'static str,
    },
    /// Reading failed in the middle.
    #[error("cannot read capture `{name}` beyond byte {offset}: {cause}")]
    Read {
        /// The file.
        name: String,
        /// How many octets had been read.
        offset: u64,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Writing failed.
    #[error("cannot write capture `{name}`: {cause}")]
    Write {
        /// The file.
        name: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A frame to be written names an interface that the file does not have, or has with another link type.
    #[error("cannot write a frame to capture `{name}`: it has no interface {interface} with link type {}", .link.0)]
    NoInterface {
        /// The file.
        name: String,
        /// The interface the frame names.
        interface: u32,
        /// The frame's link type.
        link: LinkType,
    },
    /// A block to be written is longer than any reader would believe.
    #[error("cannot write a block to capture `{name}`: it has {len} octets, more than {MAX_BLOCK}")]
    TooLong {
        /// The file.
        name: String,
        /// The length the block would have.
        len: usize,
    },
}

impl CaptureError {
    /// The next step for whoever meets this error.
    fn next_step(&self) -> &'static str {
        match self {
            Self::Open { cause, .. } => match cause.kind() {
                io::ErrorKind::NotFound => "check the name and the directory you are in",
                io::ErrorKind::PermissionDenied => {
                    "ask its owner for the right to read it; captures made as root often belong to root alone"
                }
                _ => "check that the name is that of a file",
            },
            Self::Directory { .. } => "name one of the files in it",
            Self::Empty { .. } => "capture again, and stop the capturing program only after the traffic has ended",
            Self::Header { .. } => "fetch the file again from where it was captured",
            Self::NotACapture { advice, .. } => advice,
            Self::Read { .. } => "the frames before this were read; check the disk or the program at the other end",
            Self::Write { .. } => "check that there is room and that the place may be written to",
            Self::NoInterface { .. } => "declare the interface to the writer before writing its frames",
            Self::TooLong { .. } => "shorten the frame or its comments",
        }
    }
}

impl Diagnostic for CaptureError {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.next_step()))
    }
}
