//! permessage-deflate: the WebSocket extension that compresses each message.
//!
//! A message's payloads, joined and unmasked, are DEFLATE blocks whose last four octets are left out; whoever reads
//! them puts these back. With *context takeover* a message may repeat what stood in the 32 KiB before it:
//!
//! ```text
//!  first frame (RSV1)      continuation               put back      inflated
//! │ f2 48 cd           │  │ c9 c9 07 00        │   +  00 00 ff ff  =  "Hello"
//!                         the same again, with context takeover:
//! │ f2 00 11 00 00     │                          +  00 00 ff ff  =  "Hello"
//! ```
//!
//! # References
//! - Negotiation: RFC 7692 §7.1; the list it stands in: RFC 6455 §9.1.
//! - Compressing and inflating: RFC 7692 §7.2.1, §7.2.2. Examples: §7.2.3. The blocks themselves: RFC 1951 §3.2.

mod agreement;
mod inflater;
mod narrow;
mod window;

pub use agreement::{Agreement, NAME, split_unquoted};
#[cfg(test)]
pub use inflater::{Cause, InflateError, Limits};
pub use inflater::{Inflater, Lack};

#[cfg(test)]
mod tests;
