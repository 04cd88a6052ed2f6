//! Floor 1: where frames come from. The only door to libpcap and to capture files.

mod block;
mod disorder;
mod drops;
mod error;
mod file;
mod frame;
#[cfg(feature = "capture")]
pub mod live;
mod source;
mod writer;

pub use block::{MAX_BLOCK, MAX_RECORD};
pub use disorder::Disorder;
pub use drops::Drops;
pub use error::CaptureError;
pub use file::CaptureFile;
pub use frame::{Frame, FrameRef, LinkType, Moment, Timestamp};
pub use source::{About, Cut, Interface, Lost, OtherBlock, Source, Statistics};
pub use writer::{Section, Writer};
