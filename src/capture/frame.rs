//! A frame: the octets of one packet as a capture kept them.

use std::fmt;

/// A time since 1970-01-01 00:00 UTC, in nanoseconds. Frames may step back in time: the order in the file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds from `earlier` to this time; negative when this time is the earlier one.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.nanoseconds_since(earlier) as f64 / 1e9
    }

    /// The same in nanoseconds, exact.
    pub fn nanoseconds_since(self, earlier: Self) -> i128 {
        i128::from(self.0) - i128::from(earlier.0)
    }
}

/// A frame's number and when it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment {
    /// The number of the frame, from 1; 0 where there is none.
    pub frame: u32,
    /// When it was captured.
    pub time: Timestamp,
}

/// The kind of link a frame was captured on, by its number in the registry of link types
/// (<https://www.tcpdump.org/linktypes.html>). Every number maps; unknown ones keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four bytes of address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Raw IP, as some systems number it inside the kernel.
    pub const RAW_BSD: Self = Self(12);
    /// Raw IP, as OpenBSD numbers it.
    pub const RAW_OPENBSD: Self = Self(14);
    /// Raw IP: the frame begins with the IP header.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: four bytes of address family, most significant first.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NULL => f.write_str("BSD loopback (NULL)"),
            Self::ETHERNET => f.write_str("Ethernet"),
            Self::RAW | Self::RAW_BSD | Self::RAW_OPENBSD => f.write_str("raw IP"),
            Self::LOOP => f.write_str("OpenBSD loopback (LOOP)"),
            Self::LINUX_SLL => f.write_str("Linux cooked (SLL)"),
            Self::IPV4 => f.write_str("raw IPv4"),
            Self::IPV6 => f.write_str("raw IPv6"),
            Self::LINUX_SLL2 => f.write_str("Linux cooked, version 2 (SLL2)"),
            Self(number) => write!(f, "link type {number}"),
        }
    }
}

/// One frame, borrowed from the source that read it.
#[derive(Debug, Clone, Copy)]
pub struct FrameRef<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// The capture does not tell when (pcapng, Simple Packet Block): the time is 0. A frame of its own does not keep that.
    pub timeless: bool,
    /// What kind of link it was captured on.
    pub link: LinkType,
    /// The interface it was captured on, counted from 0 over the whole file.
    pub interface: u32,
    /// Its length on the wire, in octets; `data` may be shorter when the capture kept only the beginning.
    pub len: u32,
    /// The captured octets.
    pub data: &'a [u8],
    /// Comments a person or program wrote on it (pcapng `opt_comment`), in order. Empty for most frames.
    pub comments: &'a [String],
    /// Secrets of TLS that stand in the capture between the frame before and this one, as lines of a key log. A frame of
    /// its own does not keep them.
    pub secrets: Option<&'a str>,
}

impl FrameRef<'_> {
    /// The same frame with bytes of its own.
    pub fn to_frame(&self) -> Frame {
        Frame {
            time: self.time,
            link: self.link,
            interface: self.interface,
            len: self.len,
            data: self.data.to_vec(),
            comments: self.comments.to_vec(),
        }
    }
}

/// One frame that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it was captured.
    pub time: Timestamp,
    /// What kind of link it was captured on.
    pub link: LinkType,
    /// The interface it was captured on, counted from 0 over the whole file.
    pub interface: u32,
    /// Its length on the wire, in octets.
    pub len: u32,
    /// The captured octets.
    pub data: Vec<u8>,
    /// Comments on it, in order.
    pub comments: Vec<String>,
}

impl Frame {
    /// The frame as a borrow.
    pub fn as_ref(&self) -> FrameRef<'_> {
        FrameRef {
            time: self.time,
            timeless: false,
            link: self.link,
            interface: self.interface,
            len: self.len,
            data: &self.data,
            comments: &self.comments,
            secrets: None,
        }
    }
}
