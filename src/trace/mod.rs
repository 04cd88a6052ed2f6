//! Floor 6: what a capture holds, put together. No I/O.
//!
//! [`Pipeline`] is the only place that knows floors 1 to 5 in order: frames go in, and whoever watches ([`Watch`]) is told each
//! message and note as it ends. A [`Trace`] is the one who keeps everything, so that every sentence about it can be tied to its
//! bytes: that is meant for lessons and reports. Summaries and exports keep nothing.

mod awaited;
mod body;
mod carried;
mod carrier;
mod describe;
mod ear;
mod exchange;
mod express;
mod guess;
mod hand;
mod heart;
mod intake;
mod keep;
mod kind;
mod lane;
mod ledger;
mod lookup;
mod missed;
mod model;
mod names;
mod namespace;
mod over_quic;
mod pipeline;
mod quic;
mod remarks;
mod roll;
mod room;
mod session;
mod socket;
mod tell;
mod watch;
mod webtransport;
mod within;

pub use intake::Portion;
pub use keep::Keeper;
pub use kind::{Kind, Told};
pub use ledger::{DATA, FRAGMENT, LATE, Owner, PADDING, PAYLOAD, REPEATED, Share, layer_sums};
pub use lookup::{all_fields, field, is_protocol, protocols};
pub use model::{Message, MessageId, Record, Talk, Trace};
pub use over_quic::QuicMessage;
pub use pipeline::Pipeline;
pub use watch::{Ended, Needs, Octets, Place, Seen, Sight, Tally, Watch, ends_of};

#[cfg(test)]
mod doubt_tests;
#[cfg(test)]
mod glance_tests;
#[cfg(test)]
mod http2_tests;
#[cfg(test)]
mod intake_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod socket_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod testing_http2;
#[cfg(test)]
mod tests;
