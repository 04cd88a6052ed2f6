//! The pcap format (draft-ietf-opsawg-pcap).
//!
//! ```text
//! file:   magic number 4 │ major 2 │ minor 2 │ reserved 8 │ snapshot length 4 │ link type 4 │ records …
//! record: seconds 4 │ fraction 4 │ captured length 4 │ original length 4 │ octets …
//! ```

use super::{Record, Stop, Window};
use crate::capture::block::Order;
use crate::capture::{About, Interface, LinkType, MAX_RECORD, Timestamp};

/// The length of the file header (§4).
pub(super) const HEADER_LEN: usize = 24;

/// Places in the file header (§4).
mod header {
    pub const MAJOR: usize = 4;
    pub const MINOR: usize = 6;
    pub const SNAPLEN: usize = 16;
    pub const LINK: usize = 20;
}

/// Places in a record's header (§5).
mod record {
    pub const SECONDS: usize = 0;
    pub const FRACTION: usize = 4;
    pub const CAPTURED: usize = 8;
    pub const ORIGINAL: usize = 12;
    pub const LEN: usize = 16;
    /// In the modified format: interface index 4, protocol 2, packet type 1, padding 1 follow.
    pub const MODIFIED_LEN: usize = 24;
}

/// What the magic number says: the byte order, the unit of fractions, the length of a record's header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variant {
    order: Order,
    /// Nanoseconds in one unit of a record's fraction.
    unit: u32,
    record_len: usize,
}

impl Variant {
    /// The variant of a file that begins with `bytes`, if it is one.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let magic = bytes.first_chunk::<4>()?;
        let order_of = |number| match (u32::from_le_bytes(*magic) == number, u32::from_be_bytes(*magic) == number) {
            (true, _) => Some(Order::Little),
            (_, true) => Some(Order::Big),
            _ => None,
        };
        let variant = |&(number, unit, record_len)| Some(Self { order: order_of(number)?, unit, record_len });
        MAGIC.iter().find_map(variant)
    }

    /// Whether fewer than four octets could be the beginning of a magic number.
    pub fn may_begin(bytes: &[u8]) -> bool {
        let begins = |&(number, ..): &(u32, u32, usize)| {
            [number.to_le_bytes(), number.to_be_bytes()].map(|m| m.starts_with(bytes))
        };
        MAGIC.iter().any(|magic| begins(magic).contains(&true))
    }
}

/// Magic number, nanoseconds in one unit of a record's fraction, length of a record's header. The third was written
/// by patched systems around the year 2000.
const MAGIC: [(u32, u32, usize); 3] =
    [(0xa1b2_c3d4, 1_000, record::LEN), (0xa1b2_3c4d, 1, record::LEN), (0xa1b2_cd34, 1_000, record::MODIFIED_LEN)];

/// The reader of records.
pub(super) struct Pcap {
    variant: Variant,
    minor: u16,
    /// Little-endian, with record headers that tell the captured length first.
    is_usual: bool,
    link: LinkType,
    /// How many records were begun.
    count: u64,
}

impl Pcap {
    /// Reads the file header.
    pub fn open(variant: Variant, window: &mut Window, about: &mut About) -> Result<Self, Stop> {
        let there = window.fill(HEADER_LEN)?;
        if there < HEADER_LEN {
            return Err(Stop::ends("the file header", 0, HEADER_LEN, there));
        }
        let (bytes, order) = (window.peek(), variant.order);
        let (major, minor) = (order.u16(bytes, header::MAJOR), order.u16(bytes, header::MINOR));
        if major != 2 {
            return Err(Stop::damaged("the file header", 0, format!("there is no pcap version {major}.{minor}")));
        }
        // The upper half of the field tells about frame check sequences, which nobody fills in (§4).
        let link = LinkType(order.u32(bytes, header::LINK) as u16);
        about.format = "pcap";
        about.interfaces.push(Interface { name: None, link, snaplen: order.u32(bytes, header::SNAPLEN) });
        window.take(HEADER_LEN);
        let is_usual = order == Order::Little && variant.record_len == record::LEN && minor > 3;
        Ok(Self { variant, minor, is_usual, link, count: 0 })
    }

    /// The next record, if it is as nearly all are, and all of it is there; else [`next`](Self::next) tells what it is.
    #[inline]
    pub fn at_hand(&mut self, window: &mut Window) -> Option<Record> {
        let (header, data) = window.peek().split_first_chunk::<{ record::LEN }>().filter(|_| self.is_usual)?;
        let word = |at: usize| Order::Little.u32(header, at);
        let (fraction, captured) = (word(record::FRACTION), word(record::CAPTURED) as usize);
        let nanoseconds = u64::from(fraction) * u64::from(self.variant.unit);
        if nanoseconds >= SECOND || captured > data.len() || captured > MAX_RECORD {
            return None;
        }
        let (time, len) = (timestamp(word(record::SECONDS), nanoseconds), word(record::ORIGINAL));
        self.count += 1;
        let mut data = window.take(record::LEN + captured);
        data.start += record::LEN;
        Some(Record { time, timeless: false, link: self.link, interface: 0, len, data })
    }

    /// The next record.
    pub fn next(&mut self, window: &mut Window) -> Result<Option<Record>, Stop> {
        let Variant { order, unit, record_len } = self.variant;
        let there = window.fill(record_len)?;
        if there == 0 {
            return Ok(None);
        }
        self.count += 1;
        let offset = window.offset();
        if there < record_len {
            return Err(Stop::ends(format_args!("the header of record {}", self.count), offset, record_len, there));
        }
        let Some(bytes) = window.peek().first_chunk::<{ record::LEN }>() else { return Ok(None) };
        let seconds = order.u32(bytes, record::SECONDS);
        let fraction = order.u32(bytes, record::FRACTION);
        let (captured, len) = self.lengths(order.u32(bytes, record::CAPTURED), order.u32(bytes, record::ORIGINAL));
        // Who rounds up writes a whole second there, as Wireshark reads it.
        if u64::from(fraction) * u64::from(unit) > SECOND {
            return Err(self.damaged(offset, format!("its time has a fraction of {fraction}, more than a second")));
        }
        if captured as usize > MAX_RECORD {
            return Err(self.damaged(offset, format!("it announces {captured} octets, more than {MAX_RECORD}")));
        }
        let announced = captured as usize;
        let there = window.fill(record_len + announced)? - record_len;
        if there < announced {
            return Err(Stop::ends(format_args!("record {}", self.count), offset, announced, there));
        }
        let mut data = window.take(record_len + announced);
        data.start += record_len;
        let time = timestamp(seconds, u64::from(fraction) * u64::from(unit));
        Ok(Some(Record { time, timeless: false, link: self.link, interface: 0, len, data }))
    }

    /// Captured and original length; before version 2.3 they stood in the other order, and 2.3 was written both ways.
    fn lengths(&self, first: u32, second: u32) -> (u32, u32) {
        if self.minor < 3 || (self.minor == 3 && first > second) { (second, first) } else { (first, second) }
    }

    fn damaged(&self, offset: u64, why: String) -> Stop {
        Stop::damaged(format_args!("record {}", self.count), offset, why)
    }
}

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

fn timestamp(seconds: u32, nanoseconds: u64) -> Timestamp {
    // 32 bits of seconds are far from what 63 bits of nanoseconds hold.
    Timestamp((u64::from(seconds) * SECOND + nanoseconds) as i64)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use crate::capture::file::tests::{cut_of, open_error, read_all};
    use crate::capture::{Frame, LinkType, Timestamp};

    /// A file of two frames, little-endian, microseconds.
    #[rustfmt::skip]
    pub(in crate::capture::file) const LITTLE: &[u8] = &[
        0xd4, 0xc3, 0xb2, 0xa1, // magic number
        2, 0, 4, 0, // version 2.4
        0, 0, 0, 0, 0, 0, 0, 0, // reserved
        0, 0, 4, 0, // snapshot length 262,144
        1, 0, 0, 0x28, // link type 1: Ethernet; frame check sequences of two octets, which is not ours to use
        1, 0, 0, 0, 2, 0, 0, 0, // 1.000002 s
        3, 0, 0, 0, 60, 0, 0, 0, // 3 octets of 60
        7, 8, 9,
        0xff, 0xff, 0xff, 0xff, 0x3f, 0x42, 0x0f, 0, // 4294967295.999999 s
        0, 0, 0, 0, 0, 0, 0, 0, // nothing of nothing
    ];

    /// The same, big-endian, nanoseconds.
    #[rustfmt::skip]
    const BIG_NANO: &[u8] = &[
        0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101, // raw IP
        0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 60, 7, 8, 9,
    ];

    /// The format of patched systems: eight more octets before the data.
    #[rustfmt::skip]
    const MODIFIED: &[u8] = &[
        0x34, 0xcd, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
        1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 60, 0, 0, 0,
        2, 0, 0, 0, 8, 0, 4, 0, // interface index 2, protocol 0x0800, packet type 4, padding
        7, 8, 9,
    ];

    fn frame(time: i64, link: LinkType) -> Frame {
        Frame { time: Timestamp(time), link, interface: 0, len: 60, data: vec![7, 8, 9], comments: vec![] }
    }

    #[test]
    fn decodes() {
        let (frames, about) = read_all(LITTLE);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0], frame(1_000_002_000, LinkType::ETHERNET));
        assert_eq!(frames[1].time, Timestamp(4_294_967_295_999_999_000));
        assert!(frames[1].data.is_empty());
        assert_eq!((about.format, about.interfaces[0].snaplen, about.cut), ("pcap", 262_144, None));
        assert_eq!(read_all(BIG_NANO).0, [frame(1_000_000_002, LinkType::RAW)]);
        assert_eq!(read_all(MODIFIED).0, [frame(1_000_002_000, LinkType::ETHERNET)]);
    }

    #[test]
    fn old_versions_have_the_lengths_the_other_way_round() {
        let mut bytes = LITTLE[..43].to_vec();
        bytes[6] = 2; // version 2.2
        bytes[32] = 60; // original length
        bytes[36] = 3; // captured length
        assert_eq!(read_all(&bytes).0, [frame(1_000_002_000, LinkType::ETHERNET)]);
        bytes[6] = 3; // version 2.3, where the shorter one is what was captured
        assert_eq!(read_all(&bytes).0, [frame(1_000_002_000, LinkType::ETHERNET)]);
    }

    #[test]
    fn empty() {
        assert_eq!(open_error(&[]), "cannot read capture `test`: the file is empty");
        assert_eq!(read_all(&LITTLE[..24]).0, []);
    }

    #[test]
    fn cut_short() {
        assert_eq!(
            open_error(&LITTLE[..3]),
            "cannot read capture `test`: the file ends in the middle of the number that tells the format, \
             at byte 0: 4 octets were announced, 3 are there"
        );
        assert_eq!(
            open_error(&LITTLE[..23]),
            "cannot read capture `test`: the file ends in the middle of the file header, \
             at byte 0: 24 octets were announced, 23 are there"
        );
        assert_eq!(
            cut_of(&LITTLE[..25]),
            (0, 24, "the file ends in the middle of the header of record 1, at byte 24: 16 octets were announced, 1 is there".into())
        );
        assert_eq!(
            cut_of(&LITTLE[..42]),
            (0, 24, "the file ends in the middle of record 1, at byte 24: 3 octets were announced, 2 are there".into())
        );
        assert_eq!(
            cut_of(&LITTLE[..58]),
            (1, 43, "the file ends in the middle of the header of record 2, at byte 43: 16 octets were announced, 15 are there".into())
        );
    }

    #[test]
    fn wrong_length() {
        let mut bytes = LITTLE.to_vec();
        bytes[51..55].fill(0xff);
        assert_eq!(
            cut_of(&bytes),
            (1, 43, "record 2, at byte 43, is damaged: it announces 4294967295 octets, more than 16777216".into())
        );
    }

    #[test]
    fn wrong_time() {
        let mut bytes = LITTLE.to_vec();
        bytes[47..51].copy_from_slice(&1_000_001u32.to_le_bytes());
        assert_eq!(
            cut_of(&bytes),
            (1, 43, "record 2, at byte 43, is damaged: its time has a fraction of 1000001, more than a second".into())
        );
    }

    #[test]
    fn a_fraction_of_a_whole_second_is_the_next_one() {
        let mut bytes = LITTLE.to_vec();
        bytes[28..32].copy_from_slice(&1_000_000u32.to_le_bytes());
        let (frames, about) = read_all(&bytes);
        assert_eq!((frames[0].time, frames.len(), about.cut), (Timestamp(2_000_000_000), 2, None));
    }

    #[test]
    fn wrong_version() {
        let mut bytes = LITTLE.to_vec();
        bytes[4] = 3;
        assert_eq!(
            open_error(&bytes),
            "cannot read capture `test`: the file header, at byte 0, is damaged: there is no pcap version 3.4"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What lies at hand is read without asking much, in files of little-endian machines; it is what is read in the others.
        #[test]
        fn the_order_of_octets_changes_nothing(
            records in vec((any::<u32>(), 0_u32..1_001_000, 0_u32..70, 0_u32..70), 0..12),
            nanoseconds: bool,
            minor in 4_u16..6,
            cut in 0_usize..40,
        ) {
            let file = |order: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]| {
                let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
                let mut bytes = [&order(magic)[..], &short(2), &short(minor), &[0; 8], &order(65_535), &order(1)].concat();
                for (seconds, fraction, captured, len) in &records {
                    bytes.extend([*seconds, *fraction, *captured, *len].map(order).concat());
                    bytes.extend((0..*captured).map(|n| n as u8));
                }
                bytes.truncate(24.max(bytes.len().saturating_sub(cut)));
                let (frames, about) = read_all(&bytes);
                (frames, about.cut)
            };
            let (little, big) = (file(u32::to_le_bytes, u16::to_le_bytes), file(u32::to_be_bytes, u16::to_be_bytes));
            prop_assert_eq!(little, big);
        }
    }
}
