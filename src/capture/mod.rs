//! Floor 1: where frames come from. The only door to libpcap and to capture files.

mod frame;
#[cfg(feature = "capture")]
pub mod live;

pub use frame::{Frame, FrameRef, LinkType, Timestamp};
