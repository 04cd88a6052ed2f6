//! What a wire does to what passes, when a script asks for it.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use crate::layer::Direction;

/// What the wire does, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it does.
    pub harm: Harm,
    /// To what.
    pub target: Target,
    /// Which way that goes; `None` is both.
    pub direction: Option<Direction>,
}

/// What a wire may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// It does not arrive.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives behind the one that follows it, or alone after a fifth of a second.
    Hold,
    /// One octet of it is changed.
    Corrupt,
    /// It takes so much longer.
    Delay(Duration),
    /// Nothing arrives for so long.
    Down(Duration),
    /// So many bits pass in a second, one frame after the other.
    Rate(u64),
    /// Of 100 segments and datagrams with data so many do not arrive.
    Lose(u8),
}

/// What a fault is for. Numbers count from the step on, and only what was not sent before: what is sent again passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The n-th TCP segment with data.
    Segment(u32),
    /// The n-th datagram of UDP; of one in fragments its first.
    Datagram(u32),
    /// The first TCP segment whose data begins so.
    SegmentWith(String),
    /// The first datagram of UDP that begins so.
    DatagramWith(String),
    /// All that passes.
    Everything,
}

impl Fault {
    /// Whether whoever receives can do it as well: not take what begins so. That needs no wire.
    pub(crate) fn can_be_done_by_receiver(&self) -> bool {
        self.harm == Harm::Drop && self.target.text().is_some() && self.direction.is_some()
    }
}

impl Target {
    /// What it begins with, if that is how it is known, and whether it is a datagram.
    pub(crate) fn text(&self) -> Option<(&str, bool)> {
        match self {
            Self::SegmentWith(text) => Some((text, false)),
            Self::DatagramWith(text) => Some((text, true)),
            _ => None,
        }
    }
}

impl Harm {
    /// How much later it arrives.
    pub(crate) fn time(self) -> Duration {
        if let Self::Delay(time) | Self::Down(time) = self { time } else { Duration::ZERO }
    }
}

/// As it stands in a script, behind `link`.
impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.harm {
            Harm::Drop => write!(f, "drops {}", self.target),
            Harm::Duplicate => write!(f, "duplicates {}", self.target),
            Harm::Hold => write!(f, "holds {}", self.target),
            Harm::Corrupt => write!(f, "corrupts {}", self.target),
            Harm::Delay(_) => write!(f, "delays {}", self.target),
            Harm::Down(time) => write!(f, "goes down for {}ms", time.as_millis()),
            Harm::Rate(bits) if bits % 1_000_000 == 0 => write!(f, "carries {}Mbit/s", bits / 1_000_000),
            Harm::Rate(bits) => write!(f, "carries {}kbit/s", bits / 1000),
            Harm::Lose(percent) => write!(f, "loses {percent}%"),
        }?;
        match self.direction {
            Some(Direction::ToServer) => f.write_str(" to the server"),
            Some(Direction::ToClient) => f.write_str(" to the client"),
            None => Ok(()),
        }?;
        if let Harm::Delay(time) = self.harm {
            write!(f, " by {}ms", time.as_millis())?;
        }
        Ok(())
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(number) => write!(f, "segment {number}"),
            Self::Datagram(number) => write!(f, "datagram {number}"),
            Self::SegmentWith(text) => write!(f, "segment with {text:?}"),
            Self::DatagramWith(text) => write!(f, "datagram with {text:?}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}
