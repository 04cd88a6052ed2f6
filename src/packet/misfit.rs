//! What is wrong with a fragment of an IP packet by itself.
//!
//! # References
//! - RFC 791 §3.2, RFC 8200 §4.5.

use super::{Fragment, Version};
use crate::count::counted;
use crate::layer::{Group, Note, Severity};

/// The largest packet there is; its header has at least 20 octets, but IPv6 does not count it (RFC 791 §3.1).
const MAX_DATAGRAM: u32 = 65_535;

impl Fragment {
    /// What is wrong with it by itself, if it holds so many octets.
    pub(super) fn misfit(self, len: u32, version: Version) -> Option<Note> {
        let spec = if version == Version::V4 { "RFC 791 §3.2" } else { "RFC 8200 §4.5" };
        if self.offset + len > MAX_DATAGRAM {
            let text = "the fragment reaches beyond 65 535 octets, more than any packet has: it is left out";
            return Some(Note::new(Severity::Error, text, spec).about(Group::Reassemble));
        }
        if len == 0 {
            return Some(
                Note::new(Severity::Warn, "the fragment is empty: it is left out", spec).about(Group::Reassemble),
            );
        }
        if self.more && !len.is_multiple_of(8) {
            let text = format!(
                "a fragment that is not the last has {}, no multiple of 8: it is left out",
                counted(len, "octet")
            );
            return Some(Note::new(Severity::Error, text, spec).about(Group::Reassemble));
        }
        None
    }
}
