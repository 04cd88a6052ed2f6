//! Where in a pcapng file something went wrong.

use std::fmt;

use crate::capture::block::kind;

/// The block being read, for those who ask where something went wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here {
    /// Its number, from 1.
    pub number: u64,
    pub offset: u64,
    pub kind: Option<u32>,
}

impl fmt::Display for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {}", self.number)?;
        let name = match self.kind {
            None => return Ok(()),
            Some(kind::SECTION_HEADER) => "section header",
            Some(kind::INTERFACE_DESCRIPTION) => "interface description",
            Some(kind::PACKET) => "packet, obsolete form",
            Some(kind::SIMPLE_PACKET) => "simple packet",
            Some(kind::NAME_RESOLUTION) => "name resolution",
            Some(kind::INTERFACE_STATISTICS) => "interface statistics",
            Some(kind::ENHANCED_PACKET) => "enhanced packet",
            Some(kind::DECRYPTION_SECRETS) => "decryption secrets",
            Some(other) => return write!(f, " (type {other:#x})"),
        };
        write!(f, " ({name})")
    }
}
