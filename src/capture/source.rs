//! A source of frames: a capture file, a live interface, or a wrapper around either.

use std::fmt;

use super::{CaptureError, FrameRef, LinkType};

/// Where frames come from, one after the other.
pub trait Source {
    /// The next frame, or `None` when there are no more; the frame lives until the next call.
    ///
    /// Every source keeps this promise: `data` is never longer than `len`.
    fn next_frame(&mut self) -> Result<Option<FrameRef<'_>>, CaptureError>;

    /// What is known so far of where the frames come from.
    fn about(&self) -> &About;
}

/// What is known so far of where frames come from; it grows while frames are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The interfaces declared so far; [`FrameRef::interface`] is an index into them.
    pub interfaces: Vec<Interface>,
    /// What people or programs wrote about the whole capture (pcapng section comments), in order.
    pub comments: Vec<String>,
    /// The program that made the capture, as it names itself in the first section.
    pub application: Option<String>,
    /// The file format: `pcap` or `pcapng`.
    pub format: &'static str,
    /// How many frames the capturing host saw and lost, if the capture says so; summed over its interfaces.
    pub statistics: Option<Statistics>,
    /// Secrets of TLS that stand in the capture, a line each (pcapng, Decryption Secrets Block).
    pub secrets: Option<String>,
    /// Blocks of a pcapng that say nothing that is understood here, such as names of hosts, in order: whoever writes the
    /// capture again keeps them.
    pub others: Vec<OtherBlock>,
    /// Set when the capture ended in the middle of something; no frame comes after it.
    pub cut: Option<Cut>,
}

/// A block of a pcapng that is only kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherBlock {
    /// Its type.
    pub kind: u32,
    /// What stands between its two lengths, in the little-endian order of a section's numbers.
    pub body: Vec<u8>,
}

/// An interface frames were captured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`, if the capture tells.
    pub name: Option<String>,
    /// The kind of link.
    pub link: LinkType,
    /// The most octets kept of each frame; 0 says that there was no limit.
    pub snaplen: u32,
}

/// What the capturing host counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Frames the interface received while capturing.
    pub received: u64,
    /// Frames that were lost because the capturing program was too slow.
    pub dropped: u64,
}

/// The place where a capture ends too early: in the middle of a record, or at a damaged one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Where the record that cannot be read begins, counted from the start of the file.
    pub offset: u64,
    /// What is wrong with it, as a sentence without a full stop.
    pub what: String,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
