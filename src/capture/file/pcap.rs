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
        let begins =
            |&(number, ..): &(u32, u32, usize)| [number.to_le_bytes(), number.to_be_bytes()].map(|m| m.starts_with(bytes));
        MAGIC.iter().any(|magic| begins(magic).contains(&true))
    }
}

/// Magic number, nanoseconds in one unit of a record's fraction, length of a record's header. The third was written
/// by patched systems around the year 2000.
const MAGIC: [(u32, u32, usize); 3] = [
    (0xa1b2_c3d4, 1_000, record::LEN),
    (0xa1b2_3c4d, 1, record::LEN),
    (0xa1b2_cd34, 1_000, record::MODIFIED_LEN),
];

/// The reader of records.
pub(super) struct Pcap {
    variant: Variant,
    minor: u16,
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
        Ok(Self { variant, minor, link, count: 0 })
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
        let bytes = window.peek();
        let seconds = order.u32(bytes, record::SECONDS);
        let fraction = order.u32(bytes, record::FRACTION);
        let (captured, len) = self.lengths(order.u32(bytes, record::CAPTURED), order.u32(bytes, record::ORIGINAL));
        if u64::from(fraction) * u64::from(unit) >= SECOND {
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
        let time = u64::from(seconds) * SECOND + u64::from(fraction) * u64::from(unit);
        // 32 bits of seconds are far from what 63 bits of nanoseconds hold.
        Ok(Some(Record { time: Timestamp(time as i64), link: self.link, interface: 0, len, data }))
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
