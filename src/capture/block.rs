//! What reader and writer of capture files share: numbers, names and limits.
//!
//! The formats are ruled by draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.

use std::borrow::Cow;

/// The most octets of one frame a capture file is believed to hold: 16 MiB.
///
/// A longer announcement is damage, not a frame: libpcap keeps at most 256 KiB of one on the links told here.
pub const MAX_RECORD: usize = 16 << 20;

/// The most octets a pcapng block of any type is believed to have: a frame of [`MAX_RECORD`] and 1 MiB for its
/// header and options.
pub const MAX_BLOCK: usize = MAX_RECORD + (1 << 20);

/// The type of secrets that are the lines of a TLS key log.
pub(super) const TLS_KEY_LOG: u32 = 0x544c_534b;

/// Block types (draft-ietf-opsawg-pcapng §4, §11.1).
pub(super) mod kind {
    /// Reads the same in both byte orders, and changes visibly when line ends are translated.
    pub const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub const INTERFACE_DESCRIPTION: u32 = 1;
    /// Obsolete, replaced by the enhanced packet block; still found in old files.
    pub const PACKET: u32 = 2;
    pub const SIMPLE_PACKET: u32 = 3;
    pub const NAME_RESOLUTION: u32 = 4;
    pub const INTERFACE_STATISTICS: u32 = 5;
    pub const ENHANCED_PACKET: u32 = 6;
    pub const DECRYPTION_SECRETS: u32 = 10;
    /// Custom blocks that must not be copied into another file.
    pub const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;
}

/// Option codes (draft-ietf-opsawg-pcapng §3.5, §4).
pub(super) mod option {
    pub const END: u16 = 0;
    pub const COMMENT: u16 = 1;
    /// In a section header: the program that wrote it.
    pub const APPLICATION: u16 = 4;
    /// In an interface description.
    pub const IF_NAME: u16 = 2;
    pub const IF_TSRESOL: u16 = 9;
    pub const IF_TSOFFSET: u16 = 14;
    /// In interface statistics.
    pub const RECEIVED: u16 = 4;
    pub const DROPPED: u16 = 5;
    pub const DROPPED_BY_SYSTEM: u16 = 7;
    /// In an enhanced packet block: how many packets were lost since the one before.
    pub const DROPS_BEFORE: u16 = 4;
}

/// The number in a section header that tells its byte order (draft-ietf-opsawg-pcapng §4.1).
pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// The longest value of an option: its length field has 16 bits.
pub(super) const MAX_OPTION: usize = u16::MAX as usize;

/// The order in which a file keeps the octets of a number: that of the machine that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// The two octets at `at`, which the caller knows to be there; so for the others.
    pub fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let raw = [bytes[at], bytes[at + 1]];
        match self {
            Self::Little => u16::from_le_bytes(raw),
            Self::Big => u16::from_be_bytes(raw),
        }
    }

    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let raw = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        match self {
            Self::Little => u32::from_le_bytes(raw),
            Self::Big => u32::from_be_bytes(raw),
        }
    }

    /// The other of the two.
    pub fn other(self) -> Self {
        match self {
            Self::Little => Self::Big,
            Self::Big => Self::Little,
        }
    }

    /// A number's octets.
    pub fn octets(self, number: u64) -> [u8; 8] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub fn u64(self, bytes: &[u8], at: usize) -> u64 {
        let (first, second) = (u64::from(self.u32(bytes, at)), u64::from(self.u32(bytes, at + 4)));
        match self {
            Self::Little => second << 32 | first,
            Self::Big => first << 32 | second,
        }
    }
}

/// `len` with the padding that follows: everything in pcapng is aligned to four octets.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

/// The text in at most `max` octets: a longer one is cut between two characters and ends in an ellipsis.
pub(super) fn clip(text: &str, max: usize) -> Cow<'_, str> {
    const ELLIPSIS: &str = "…";
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(max.saturating_sub(ELLIPSIS.len()));
    Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_both_orders() {
        let bytes = [0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(Order::Little.u16(&bytes, 1), 0x0201);
        assert_eq!(Order::Big.u16(&bytes, 1), 0x0102);
        assert_eq!(Order::Little.u32(&bytes, 1), 0x0403_0201);
        assert_eq!(Order::Big.u32(&bytes, 1), 0x0102_0304);
        assert_eq!(Order::Little.u64(&bytes, 1), 0x0807_0605_0403_0201);
        assert_eq!(Order::Big.u64(&bytes, 1), 0x0102_0304_0506_0708);
    }

    #[test]
    fn clips_between_characters() {
        assert_eq!(clip("grüße", 7), "grüße");
        assert_eq!(clip("grüße", 6), "gr…"); // ü would end at octet 4, only 3 are left beside the ellipsis
        assert_eq!(clip("grüße", 3), "…");
    }
}
