//! Where what stands in the blocks of a pcapng file (draft-ietf-opsawg-pcapng).

/// Places in a block (§3.1).
pub mod place {
    pub const TYPE: usize = 0;
    pub const LENGTH: usize = 4;
    pub const BODY: usize = 8;
    /// What follows the body: the length once more.
    pub const TRAILER: usize = 4;
    /// No block is shorter.
    pub const SHORTEST: usize = BODY + TRAILER;
}

/// Places in the body of a section header block (§4.1); the section length is not needed to walk the blocks.
pub mod section {
    pub const BYTE_ORDER: usize = 0;
    pub const MAJOR: usize = 4;
    pub const MINOR: usize = 6;
    pub const OPTIONS: usize = 16;
}

/// Places in the body of an interface description block (§4.2).
pub mod interface {
    pub const LINK: usize = 0;
    pub const SNAPLEN: usize = 4;
    pub const OPTIONS: usize = 8;
}

/// Places in the body of an enhanced packet block (§4.3) and of the obsolete packet block (appendix A).
pub mod packet {
    pub const INTERFACE: usize = 0;
    /// In the obsolete block alone: how many packets were lost since the one before.
    pub const DROPS: usize = 2;
    pub const DROPS_UNKNOWN: u16 = u16::MAX;
    pub const TIME_HIGH: usize = 4;
    pub const TIME_LOW: usize = 8;
    pub const CAPTURED: usize = 12;
    pub const ORIGINAL: usize = 16;
    pub const DATA: usize = 20;
}

/// Places in the body of a simple packet block (§4.4).
pub mod simple {
    pub const ORIGINAL: usize = 0;
    pub const DATA: usize = 4;
}

/// Places in the body of a decryption secrets block (§4.7).
pub mod secrets {
    pub const TYPE: usize = 0;
    pub const LENGTH: usize = 4;
    pub const DATA: usize = 8;
}

/// Places in the body of an interface statistics block (§4.6).
pub mod statistics {
    pub const INTERFACE: usize = 0;
    pub const OPTIONS: usize = 12;
}
