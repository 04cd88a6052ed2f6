//! Capture files, read as a stream: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
//!
//! Octets are read in large blocks, and each frame is lent out from where it lies; nothing is allocated per packet
//! except its comments. Whatever the file says, memory stays bounded ([`MAX_BLOCK`](super::MAX_BLOCK)).

mod clock;
mod here;
mod layout;
mod looks;
mod options;
mod pcap;
mod pcapng;
mod window;

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use super::{About, CaptureError, Cut, FrameRef, LinkType, Source, Timestamp};
use crate::count::{counted, plural};
use pcap::Pcap;
use pcapng::Pcapng;
use window::Window;

/// A capture file, or the same bytes from a pipe.
///
/// ```
/// use wiretale::capture::{CaptureFile, Source, Timestamp};
///
/// let bytes = [
///     0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, // magic number (microseconds, little-endian), version 2.4
///     0, 0, 0, 0, 0, 0, 0, 0, // reserved
///     0, 0, 4, 0, 101, 0, 0, 0, // snapshot length 262,144, link type 101: raw IP
///     1, 0, 0, 0, 2, 0, 0, 0, // captured at 1.000002 s
///     3, 0, 0, 0, 60, 0, 0, 0, // 3 octets kept of 60
///     0x45, 0x00, 0x00,
/// ];
/// let mut file = CaptureFile::from_reader("example", std::io::Cursor::new(bytes))?;
/// let frame = file.next_frame()?.expect("there is one frame");
/// assert_eq!(frame.time, Timestamp(1_000_002_000));
/// assert_eq!((frame.len, frame.data), (60, &[0x45, 0, 0][..]));
/// assert!(file.next_frame()?.is_none());
/// # Ok::<(), wiretale::capture::CaptureError>(())
/// ```
pub struct CaptureFile {
    name: String,
    window: Window,
    format: Format,
    about: About,
    /// The comments on the current frame.
    comments: Vec<String>,
    /// How many frames were lent.
    count: u64,
    /// The time of the last of them that has one.
    latest: Timestamp,
    over: bool,
}

impl CaptureFile {
    /// Opens a file and reads its header.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(_) if path.is_dir() => return Err(CaptureError::Directory { name }),
            Err(cause) => return Err(CaptureError::Open { name, cause }),
        };
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(CaptureError::Directory { name });
        }
        Self::from_reader(&name, file)
    }

    /// Reads the header of a capture from `reader`; `name` is what errors call it.
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        let name = name.to_owned();
        let mut window = Window::new(Box::new(reader));
        let mut about = About::default();
        let format = match Format::open(&mut window, &mut about) {
            Ok(format) => format,
            Err(Refusal::Empty) => return Err(CaptureError::Empty { name }),
            Err(Refusal::NotACapture { looks, advice }) => {
                return Err(CaptureError::NotACapture { name, looks, advice });
            }
            Err(Refusal::Stopped(Stop::Cut(cut))) => return Err(CaptureError::Header { name, what: cut.what }),
            Err(Refusal::Stopped(Stop::Read(cause))) => {
                return Err(CaptureError::Read { name, offset: window.read(), cause });
            }
        };
        let latest = Timestamp(i64::MIN);
        Ok(Self { name, window, format, about, comments: Vec::new(), count: 0, latest, over: false })
    }

    /// Lends a frame, with what became known of secrets before it.
    #[inline]
    fn lend(&mut self, record: Record, secrets_known: Option<usize>) -> FrameRef<'_> {
        self.count += 1;
        if record.time < self.latest {
            self.goes_back(record.time);
        } else {
            self.latest = record.time;
        }
        if matches!(record.time.0, i64::MIN | i64::MAX) {
            self.about.beyond += 1;
        }
        let secrets = self.about.secrets.as_deref().zip(secrets_known);
        FrameRef {
            time: record.time,
            timeless: record.timeless,
            link: record.link,
            interface: record.interface,
            len: record.len.max(record.data.len() as u32),
            data: self.window.taken(record.data),
            comments: &self.comments,
            secrets: secrets.and_then(|(all, known)| all.get(known..)).filter(|new| !new.is_empty()),
        }
    }

    /// A frame is earlier than the one before. (One without a time, which is told at 0, is not.)
    #[cold]
    fn goes_back(&mut self, time: Timestamp) {
        if time != Timestamp(0) {
            self.about.disorder.meet(self.count, self.latest.0.saturating_sub(time.0));
            self.latest = time;
        }
    }

    /// Whether all that was read was handed out, so that the next frame may have to be waited for.
    pub fn is_drained(&self) -> bool {
        self.window.peek().is_empty()
    }

    /// The next frame, if it is at hand: all of it was read, and its record is as nearly all are. Else
    /// [`next_frame`](Source::next_frame) tells which is the next.
    // For each frame, in the innermost loop.
    #[inline(always)]
    pub fn at_hand(&mut self) -> Option<FrameRef<'_>> {
        let record = match &mut self.format {
            Format::Pcap(pcap) => pcap.at_hand(&mut self.window)?,
            Format::Pcapng(pcapng) => {
                self.comments.clear();
                pcapng.at_hand(&mut self.window, &self.about)?
            }
        };
        Some(self.lend(record, None))
    }
}

impl Source for CaptureFile {
    fn next_frame(&mut self) -> Result<Option<FrameRef<'_>>, CaptureError> {
        if self.over {
            return Ok(None);
        }
        let known = self.about.secrets.as_ref().map_or(0, String::len);
        let next = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.window),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.window, &mut self.about, &mut self.comments),
        };
        match next {
            Ok(Some(record)) => Ok(Some(self.lend(record, Some(known)))),
            Ok(None) => {
                self.over = true;
                Ok(None)
            }
            Err(Stop::Cut(cut)) => {
                self.over = true;
                self.about.cut = Some(cut);
                // What lies behind is not at hand.
                self.window.take(self.window.peek().len());
                Ok(None)
            }
            Err(Stop::Read(cause)) => {
                self.over = true;
                Err(CaptureError::Read { name: self.name.clone(), offset: self.window.read(), cause })
            }
        }
    }

    fn about(&self) -> &About {
        &self.about
    }
}

/// The reader of the format the file has.
enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Format {
    fn open(window: &mut Window, about: &mut About) -> Result<Self, Refusal> {
        let there = window.fill(pcap::HEADER_LEN).map_err(Stop::Read)?;
        let start = &window.peek()[..there.min(pcap::HEADER_LEN)];
        if start.is_empty() {
            return Err(Refusal::Empty);
        }
        if start.starts_with(&pcapng::MAGIC) {
            return Ok(Self::Pcapng(Pcapng::open(window, about)?));
        }
        if let Some(variant) = pcap::Variant::of(start) {
            return Ok(Self::Pcap(Pcap::open(variant, window, about)?));
        }
        if pcapng::MAGIC.starts_with(start) || pcap::Variant::may_begin(start) {
            return Err(Stop::ends("the number that tells the format", 0, pcapng::MAGIC.len(), there).into());
        }
        let (looks, advice) = looks::guess(start);
        Err(Refusal::NotACapture { looks, advice })
    }
}

/// Why a file cannot be read from the start.
enum Refusal {
    Empty,
    NotACapture { looks: String, advice: &'static str },
    Stopped(Stop),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// Why reading cannot go on.
#[derive(Debug)]
enum Stop {
    /// The stream fails.
    Read(io::Error),
    /// The stream ends too early, or what it holds makes no sense.
    Cut(Cut),
}

impl Stop {
    /// The file ends within `what`, which began at `offset`.
    fn ends(what: impl std::fmt::Display, offset: u64, announced: usize, there: usize) -> Self {
        let what = format!(
            "the file ends in the middle of {what}, at byte {offset}: \
             {} {} announced, {there} {} there",
            counted(announced, "octet"),
            plural(announced, "was", "were"),
            plural(there, "is", "are"),
        );
        Self::Cut(Cut { offset, what })
    }

    /// `what`, which began at `offset`, cannot be as it says.
    fn damaged(what: impl std::fmt::Display, offset: u64, why: impl std::fmt::Display) -> Self {
        Self::Cut(Cut { offset, what: format!("{what}, at byte {offset}, is damaged: {why}") })
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// A frame as a place in the window.
struct Record {
    time: Timestamp,
    timeless: bool,
    link: LinkType,
    interface: u32,
    len: u32,
    data: Range<usize>,
}

#[cfg(test)]
mod tests;
