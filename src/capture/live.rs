//! Live capture: frames from an interface, as they pass. The only door to libpcap.
//!
//! The states follow libpcap's own, pcap(3PCAP): an [`Inactive`] capture is described, an [`Active`] one records.
//! Three choices are measured, not taste. *Not* immediate mode: with it Linux falls back to one ring slot per frame
//! and loses some under load. Nonblocking with a poll of our own: a capture's timeout does not end a read on an idle
//! link. And the filter is set before anything else happens; never `inbound`, which on the loopback interface
//! silently loses the first block of the ring.

use std::time::Duration;

use miette::Diagnostic;
use thiserror::Error;

use crate::capture::{FrameRef, LinkType, Timestamp};

/// What a capture needs to know before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inactive {
    interface: String,
    filter: Option<String>,
    snaplen: u32,
    buffer: u32,
    forwards: bool,
}

impl Inactive {
    /// A capture on `interface`, with whole frames and a buffer of 16 MiB.
    pub fn new(interface: impl Into<String>) -> Self {
        Self { interface: interface.into(), filter: None, snaplen: SNAPLEN, buffer: BUFFER, forwards: false }
    }

    /// Records only the frames this expression matches, in the language of pcap-filter(7).
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        self.filter = Some(expression.into());
        self
    }

    /// Keeps at most this many octets of a frame.
    pub fn snaplen(mut self, octets: u32) -> Self {
        self.snaplen = octets;
        self
    }

    /// Lets the kernel hold back this many octets while nobody reads.
    pub fn buffer(mut self, octets: u32) -> Self {
        self.buffer = octets;
        self
    }

    /// Hands over each frame as soon as it has come, and none that goes out: for whoever carries frames on, and loses time but
    /// not frames by it, because few are under way.
    pub fn forwarding(mut self) -> Self {
        self.forwards = true;
        self
    }

    /// Begins to record: every frame that passes after this call is seen.
    pub fn open(self) -> Result<Active, LiveError> {
        let Self { interface, filter, snaplen, buffer, forwards } = self;
        let failed = |cause: pcap::Error| LiveError::open(&interface, &cause);
        let mut capture = pcap::Capture::from_device(interface.as_str())
            .map_err(failed)?
            .promisc(forwards)
            .snaplen(i32::try_from(snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(buffer).unwrap_or(i32::MAX))
            .precision(pcap::Precision::Nano)
            .timeout(BLOCK_TIMEOUT_MS)
            .immediate_mode(forwards)
            .open()
            .map_err(failed)?;
        if let Some(expression) = filter {
            let refused =
                |cause: pcap::Error| LiveError::Filter { expression: expression.clone(), cause: plain(&cause) };
            capture.filter(&expression, true).map_err(refused)?;
        }
        if forwards {
            capture.direction(pcap::Direction::In).map_err(failed)?;
        }
        let capture = capture.setnonblock().map_err(failed)?;
        // Linux's "any" device and the like have numbers that fit; a negative one cannot come from an active capture.
        let link = LinkType(u16::try_from(capture.get_datalink().0).unwrap_or(u16::MAX));
        Ok(Active { capture, interface, link, snaplen })
    }
}

/// A capture that records.
pub struct Active {
    capture: pcap::Capture<pcap::Active>,
    interface: String,
    link: LinkType,
    snaplen: u32,
}

impl Active {
    /// The interface listened to.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// The kind of link the frames come from.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// How many octets of a frame are kept at the most.
    pub fn snaplen(&self) -> u32 {
        self.snaplen
    }

    /// Hands over the frames that are there; if there are none, waits for some, but no longer than `wait`.
    ///
    /// Returns how many there were. One call hands over a bounded number, so that on a busy link the caller keeps a
    /// chance to stop.
    pub fn drain(&mut self, wait: Duration, mut each: impl FnMut(FrameRef<'_>)) -> Result<usize, LiveError> {
        let ready = self.take_ready(&mut each)?;
        if ready > 0 {
            return Ok(ready);
        }
        self.wait_for_frames(wait);
        self.take_ready(&mut each)
    }

    /// Puts one frame, link header included, on the wire.
    pub fn send(&mut self, frame: &[u8]) -> Result<(), LiveError> {
        self.capture
            .sendpacket(frame)
            .map_err(|cause| LiveError::Send { interface: self.interface.clone(), cause: plain(&cause) })
    }

    /// What the kernel counted since the capture began.
    pub fn stats(&mut self) -> Result<Stats, LiveError> {
        let counted = self
            .capture
            .stats()
            .map_err(|cause| LiveError::Stats { interface: self.interface.clone(), cause: plain(&cause) })?;
        Ok(Stats { received: u64::from(counted.received), dropped: u64::from(counted.dropped) })
    }

    fn take_ready(&mut self, each: &mut impl FnMut(FrameRef<'_>)) -> Result<usize, LiveError> {
        for taken in 0..BATCH {
            match self.capture.next_packet() {
                Ok(packet) => each(FrameRef {
                    time: timestamp(packet.header.ts.tv_sec, packet.header.ts.tv_usec),
                    timeless: false,
                    link: self.link,
                    interface: 0,
                    len: packet.header.len,
                    data: packet.data,
                    comments: &[],
                    secrets: None,
                }),
                Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => return Ok(taken),
                Err(cause) => {
                    return Err(LiveError::Read { interface: self.interface.clone(), cause: plain(&cause) });
                }
            }
        }
        Ok(BATCH)
    }

    #[cfg(target_os = "linux")]
    fn wait_for_frames(&self, wait: Duration) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd as _;

        let mut fds = [PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        // An interrupted or failed wait is no loss: the next read finds the frames, or the error behind it.
        let _ = poll(&mut fds, timeout);
    }

    #[cfg(not(target_os = "linux"))]
    fn wait_for_frames(&self, wait: Duration) {
        std::thread::sleep(wait.min(Duration::from_millis(BLOCK_TIMEOUT_MS as u64)));
    }
}

/// The kernel's own count of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Frames that passed the filter. On Linux's loopback every frame passes twice, out and in, and counts twice.
    pub received: u64,
    /// Frames lost because the buffer was full.
    pub dropped: u64,
}

/// Why a live capture failed.
#[derive(Debug, Error, Diagnostic)]
pub enum LiveError {
    /// The capture could not begin.
    #[error("cannot capture on interface `{interface}`: {cause}")]
    Open {
        /// The interface asked for.
        interface: String,
        /// What libpcap said.
        cause: String,
        /// The next step.
        #[help]
        help: String,
    },
    /// The filter expression was refused.
    #[error("cannot use the capture filter `{expression}`: {cause}")]
    #[diagnostic(help("a capture filter is written in the language of pcap-filter(7), such as `tcp port 8080`"))]
    Filter {
        /// The expression.
        expression: String,
        /// What libpcap said.
        cause: String,
    },
    /// Frames could not be read.
    #[error("cannot read frames from interface `{interface}`: {cause}")]
    #[diagnostic(help("if the interface went down or away, bring it up and capture again"))]
    Read {
        /// The interface listened to.
        interface: String,
        /// What libpcap said.
        cause: String,
    },
    /// A frame could not be sent.
    #[error("cannot send a frame on interface `{interface}`: {cause}")]
    #[diagnostic(help("see whether the interface is up: `ip link show`"))]
    Send {
        /// The interface.
        interface: String,
        /// What libpcap said.
        cause: String,
    },
    /// The kernel's counters could not be read.
    #[error("cannot read the capture statistics of interface `{interface}`: {cause}")]
    #[diagnostic(help("if the interface went down or away, bring it up and capture again"))]
    Stats {
        /// The interface.
        interface: String,
        /// What libpcap said.
        cause: String,
    },
}

impl LiveError {
    fn open(interface: &str, cause: &pcap::Error) -> Self {
        let cause = plain(cause);
        let help = if cause.contains("permitted") || cause.contains("ermission") {
            "capturing needs the capability CAP_NET_RAW; `wiretale doctor` names the command that grants it".to_owned()
        } else {
            "see which interfaces there are and whether this one is up: `ip link show`".to_owned()
        };
        Self::Open { interface: interface.to_owned(), cause, help }
    }
}

/// libpcap's own words, without the crate's prefix.
fn plain(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// With nanosecond precision libpcap puts nanoseconds where the field's name says microseconds (pcap-tstamp(7)).
/// Both are `i32` on some systems.
fn timestamp(seconds: impl Into<i64>, nanoseconds: impl Into<i64>) -> Timestamp {
    Timestamp(seconds.into().saturating_mul(1_000_000_000).saturating_add(nanoseconds.into()))
}

/// The MTU of Linux's loopback is 65536; the rest is room for a link header.
const SNAPLEN: u32 = 65_535 + 64;
const BUFFER: u32 = 16 << 20;
/// The longest time the kernel keeps a part-filled block of frames to itself.
const BLOCK_TIMEOUT_MS: i32 = 5;
const BATCH: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_that_is_not_there_is_named() {
        let Err(error) = Inactive::new("nosuch0").open() else { panic!("nosuch0 was opened") };
        assert!(error.to_string().starts_with("cannot capture on interface `nosuch0`: "), "{error}");
        assert!(error.help().is_some());
    }

    #[test]
    fn times_are_whole_nanoseconds() {
        assert_eq!(timestamp(1_i32, 5_i64), Timestamp(1_000_000_005));
        assert_eq!(timestamp(i64::MAX, 0_i64), Timestamp(i64::MAX));
    }
}
