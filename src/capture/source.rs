//! A source of frames: a capture file, a live interface, or a wrapper around either.

use std::fmt;

use super::{CaptureError, Disorder, Drops, FrameRef, LinkType};
use crate::count::{counted, plural};
use crate::layer::{Group, Note, Severity};

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
    /// The first interface of each section of a pcapng that has any: there Wireshark's `frame.interface_id` is 0 again.
    pub sections: Vec<u32>,
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
    /// How many more such blocks there are that nobody can keep.
    pub lost: Lost,
    /// How many frames stand in the capture without a time (pcapng, Simple Packet Block): they are told at
    /// [`Timestamp`](super::Timestamp) 0.
    pub timeless: u64,
    /// How many frames stand at a time that no [`Timestamp`](super::Timestamp) holds; the nearest stands in its place.
    pub beyond: u64,
    /// Which frames of a file are earlier than the one before.
    pub disorder: Disorder,
    /// What was dropped while it was recorded.
    pub drops: Drops,
    /// Set when the capture ended in the middle of something; no frame comes after it.
    pub cut: Option<Cut>,
}

impl About {
    /// What is to be said of the capture as a whole, once its frames are read.
    pub fn notes(&self) -> Vec<Note> {
        let cut = self.cut.as_ref().map(|cut| Note::new(Severity::Warn, cut.to_string(), ""));
        let timeless = (self.timeless > 0).then(|| {
            let (frames, have) = (counted(self.timeless, "frame"), plural(self.timeless, "has", "have"));
            let text = format!(
                "{frames} of the capture {have} no time, as a simple packet block keeps none: how long it was to others is not \
                 told"
            );
            Note::new(Severity::Note, text, "draft-ietf-opsawg-pcapng §4.4")
        });
        let beyond = (self.beyond > 0).then(|| {
            let (frames, are) = (counted(self.beyond, "frame"), plural(self.beyond, "is", "are"));
            let text = format!(
                "{frames} of the capture {are} from before the year 1678 or after 2262, as their interface counts time \
                 (if_tsresol, if_tsoffset): the nearest time that can be told stands in place of theirs"
            );
            Note::new(Severity::Warn, text, "draft-ietf-opsawg-pcapng §4.2")
        });
        let undecoded = [timeless, beyond, cut].into_iter().flatten().map(|note| note.about(Group::Undecoded));
        self.disorder.note().into_iter().chain(self.drops.note()).chain(undecoded).collect()
    }
}

/// A block of a pcapng that is only kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherBlock {
    /// Its type.
    pub kind: u32,
    /// What stands between its two lengths.
    pub body: Vec<u8>,
    /// Whether the numbers in it are big-endian, as all of its section. What is a number in it nobody here knows, so it can only
    /// stand in a section of that order.
    pub big_endian: bool,
}

/// How many blocks of a pcapng that say nothing that is understood here are not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    /// They ask not to be copied (draft-ietf-opsawg-pcapng §4.8).
    pub forbidden: u64,
    /// They are more than are kept.
    pub crowded: u64,
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
