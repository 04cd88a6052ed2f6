//! The pcapng format (draft-ietf-opsawg-pcapng).
//!
//! ```text
//! file:  section header block │ other blocks … │ section header block …
//! block: type 4 │ total length 4 │ body, padded to four octets … │ total length 4
//! ```
//!
//! Every section has its own byte order and its own interfaces. Blocks of unknown type are stepped over.
//! A simple packet block has no time; its frame is told at [`Timestamp`] 0, and counted.

use std::fmt;
use std::ops::Range;

use super::clock::Clock;
use super::here::Here;
use super::layout::{interface, packet, place, secrets, section, simple, statistics};
use super::options::{Options, keep_comment, text};
use super::{Record, Stop, Window};
use crate::capture::block::{BYTE_ORDER_MAGIC, Order, TLS_KEY_LOG, clip, kind, option, padded};
use crate::capture::drops::Counts;
use crate::capture::{About, Interface, LinkType, MAX_BLOCK, OtherBlock, Statistics, Timestamp};
use crate::count::{counted, plural};

/// How every pcapng file begins: with a section header block.
pub(super) const MAGIC: [u8; 4] = kind::SECTION_HEADER.to_be_bytes();

/// The reader of blocks.
pub(super) struct Pcapng {
    order: Order,
    /// The first interface of this section, counted over the file.
    base: usize,
    /// What is known of each interface beyond what is told of it, counted over the file.
    clocks: Vec<Clock>,
    counts: Vec<Counts>,
    /// How many octets of section comments were kept.
    commented: usize,
    /// How many octets of blocks that are only kept.
    kept: usize,
    here: Here,
}

/// A block that is there as a whole.
struct Block {
    kind: u32,
    body: Range<usize>,
}

impl Pcapng {
    /// Reads the first section header.
    pub fn open(window: &mut Window, about: &mut About) -> Result<Self, Stop> {
        let here = Here { number: 0, offset: 0, kind: None };
        let (clocks, counts) = (Vec::new(), Vec::new());
        let mut this = Self { order: Order::Little, base: 0, clocks, counts, commented: 0, kept: 0, here };
        about.format = "pcapng";
        if let Some(block) = this.block(window)? {
            this.section(window.taken(block.body), about)?;
        }
        Ok(this)
    }

    /// The next frame, if its block is as nearly all are (little-endian, enhanced, without options), and all of it is there;
    /// else [`next`](Self::next) tells what comes.
    #[inline]
    pub fn at_hand(&mut self, window: &mut Window, about: &About) -> Option<Record> {
        const BEFORE_DATA: usize = place::BODY + packet::DATA;
        let (head, behind) =
            window.peek().split_first_chunk::<BEFORE_DATA>().filter(|_| self.order == Order::Little)?;
        let word = |at: usize| Order::Little.u32(head, at);
        let captured = word(place::BODY + packet::CAPTURED) as usize;
        if word(place::TYPE) != kind::ENHANCED_PACKET || captured > MAX_BLOCK {
            return None;
        }
        let padded = padded(captured);
        let repeated = behind.get(padded..)?.first_chunk()?;
        let len = BEFORE_DATA + padded + place::TRAILER;
        let lengths = [word(place::LENGTH), u32::from_le_bytes(*repeated)];
        if lengths != [len as u32; 2] || len > MAX_BLOCK {
            return None;
        }
        let interface = self.base + word(place::BODY + packet::INTERFACE) as usize;
        let (clock, Interface { link, .. }) = (self.clocks.get(interface)?, about.interfaces.get(interface)?);
        let [high, low] = [packet::TIME_HIGH, packet::TIME_LOW].map(|at| u64::from(word(place::BODY + at)));
        let (time, len_on_wire) = (clock.time(high << 32 | low), word(place::BODY + packet::ORIGINAL));
        self.here.number += 1;
        let start = window.take(len).start + BEFORE_DATA;
        let data = start..start + captured;
        Some(Record { time, timeless: false, link: *link, interface: interface as u32, len: len_on_wire, data })
    }

    /// The next frame; its comments are left in `comments`.
    pub fn next(
        &mut self,
        window: &mut Window,
        about: &mut About,
        comments: &mut Vec<String>,
    ) -> Result<Option<Record>, Stop> {
        comments.clear();
        while let Some(Block { kind, body: place }) = self.block(window)? {
            let body = window.taken(place.clone());
            match kind {
                kind::SECTION_HEADER => self.section(body, about)?,
                kind::INTERFACE_DESCRIPTION => self.interface(body, about)?,
                kind::INTERFACE_STATISTICS => self.statistics(body, about)?,
                kind::ENHANCED_PACKET | kind::PACKET => {
                    return self.packet(kind, body, place.start, about, comments).map(Some);
                }
                kind::DECRYPTION_SECRETS => self.secrets(body, about)?,
                kind::SIMPLE_PACKET => return self.simple(body, place.start, about).map(Some),
                _ => self.other(kind, body, about),
            }
        }
        Ok(None)
    }

    /// Takes the next block of whatever type, once its frame of lengths was found sound.
    fn block(&mut self, window: &mut Window) -> Result<Option<Block>, Stop> {
        let there = window.fill(place::BODY)?;
        if there == 0 {
            return Ok(None);
        }
        self.here = Here { number: self.here.number + 1, offset: window.offset(), kind: None };
        if there < place::BODY {
            return Err(self.ends(place::BODY, there));
        }
        if window.peek().starts_with(&MAGIC) {
            self.here.kind = Some(kind::SECTION_HEADER);
            self.byte_order(window)?;
        }
        let kind = self.order.u32(window.peek(), place::TYPE);
        self.here.kind = Some(kind);
        let len = self.length(window.peek())?;
        let there = window.fill(len)?;
        if there < len {
            return Err(self.ends(len, there));
        }
        let repeated = self.order.u32(window.peek(), len - place::TRAILER);
        if repeated as usize != len {
            return Err(self.damaged(format_args!("its length is {len} at its start and {repeated} at its end")));
        }
        let taken = window.take(len);
        Ok(Some(Block { kind, body: taken.start + place::BODY..taken.end - place::TRAILER }))
    }

    /// Learns the byte order of the section that begins here.
    fn byte_order(&mut self, window: &mut Window) -> Result<(), Stop> {
        let at = place::BODY + section::BYTE_ORDER;
        let there = window.fill(at + 4)?;
        if there < at + 4 {
            return Err(self.ends(at + 4, there));
        }
        let magic = Order::Big.u32(window.peek(), at);
        self.order = match magic {
            BYTE_ORDER_MAGIC => Order::Big,
            _ if magic.swap_bytes() == BYTE_ORDER_MAGIC => Order::Little,
            _ => return Err(self.damaged(format_args!("its byte-order magic is {magic:#010x}"))),
        };
        Ok(())
    }

    /// The total length of the block at the start of `bytes`, if it can be one.
    fn length(&self, bytes: &[u8]) -> Result<usize, Stop> {
        let len = self.order.u32(bytes, place::LENGTH) as usize;
        if len < place::SHORTEST {
            return Err(self.damaged(format_args!("its length is {len}, less than {}", place::SHORTEST)));
        }
        if !len.is_multiple_of(4) {
            return Err(self.damaged(format_args!("its length is {len}, which is no multiple of 4")));
        }
        if len > MAX_BLOCK {
            return Err(self.damaged(format_args!("its length is {len}, more than {MAX_BLOCK}")));
        }
        Ok(len)
    }

    fn section(&mut self, body: &[u8], about: &mut About) -> Result<(), Stop> {
        self.require(body, section::OPTIONS)?;
        let (major, minor) = (self.order.u16(body, section::MAJOR), self.order.u16(body, section::MINOR));
        // Some programs wrote 1.2 for what is 1.0.
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(self.damaged(format_args!("there is no pcapng version {major}.{minor}")));
        }
        self.base = about.interfaces.len();
        let mut commented = self.commented;
        for item in self.options(&body[section::OPTIONS..]) {
            match item? {
                (option::COMMENT, value) => keep_comment(text(value), &mut commented, about),
                (option::APPLICATION, value) if about.application.is_none() => {
                    about.application = Some(clip(&text(value), MAX_NAME).into_owned());
                }
                _ => {}
            }
        }
        self.commented = commented;
        Ok(())
    }

    fn interface(&mut self, body: &[u8], about: &mut About) -> Result<(), Stop> {
        self.require(body, interface::OPTIONS)?;
        if about.interfaces.len() >= MAX_INTERFACES {
            return Err(self.damaged(format_args!("there are more than {MAX_INTERFACES} interfaces")));
        }
        let (mut name, mut resolution, mut offset) = (None, 6, 0);
        for item in self.options(&body[interface::OPTIONS..]) {
            match item? {
                (option::IF_NAME, value) => name = Some(clip(&text(value), MAX_NAME).into_owned()),
                (option::IF_TSRESOL, &[value, ..]) => resolution = value,
                (option::IF_TSOFFSET, value) if value.len() >= 8 => offset = self.order.u64(value, 0) as i64,
                _ => {}
            }
        }
        let link = LinkType(self.order.u16(body, interface::LINK));
        if about.interfaces.len() == self.base {
            about.sections.push(self.base as u32);
        }
        about.interfaces.push(Interface { name, link, snaplen: self.order.u32(body, interface::SNAPLEN) });
        self.clocks.push(Clock::new(resolution, offset));
        self.counts.push(Counts::default());
        Ok(())
    }

    /// Keeps the last counts of each interface, and their sum.
    fn statistics(&mut self, body: &[u8], about: &mut About) -> Result<(), Stop> {
        self.require(body, statistics::OPTIONS)?;
        let number = self.interface_number(self.order.u32(body, statistics::INTERFACE), about)?;
        let mut now = self.counts[number];
        for item in self.options(&body[statistics::OPTIONS..]) {
            match item? {
                (option::RECEIVED, value) if value.len() >= 8 => now.received = Some(self.order.u64(value, 0)),
                (option::DROPPED, value) if value.len() >= 8 => now.dropped = Some(self.order.u64(value, 0)),
                (option::DROPPED_BY_SYSTEM, value) if value.len() >= 8 => {
                    now.by_system = Some(self.order.u64(value, 0));
                }
                _ => {}
            }
        }
        let before = std::mem::replace(&mut self.counts[number], now);
        about.drops.recount(before, now);
        if let Some(Statistics { received, dropped }) = now.statistics() {
            let (before, sum) = (before.statistics().unwrap_or_default(), about.statistics.get_or_insert_default());
            sum.received = sum.received.wrapping_sub(before.received).wrapping_add(received);
            sum.dropped = sum.dropped.wrapping_sub(before.dropped).wrapping_add(dropped);
        }
        Ok(())
    }

    /// Keeps a block that says nothing that is understood here, unless it asks not to be copied (pcapng §4.8).
    fn other(&mut self, kind: u32, body: &[u8], about: &mut About) {
        if kind == kind::CUSTOM_NOT_COPIED {
            about.lost.forbidden += 1;
        } else if about.others.len() < MAX_OTHERS && self.kept + body.len() <= MAX_KEPT {
            self.kept += body.len();
            let big_endian = self.order == Order::Big;
            about.others.push(OtherBlock { kind, body: body.to_vec(), big_endian });
        } else {
            about.lost.crowded += 1;
        }
    }

    /// Keeps the secrets of TLS; those of other protocols are only kept.
    fn secrets(&mut self, body: &[u8], about: &mut About) -> Result<(), Stop> {
        self.require(body, secrets::DATA)?;
        let len = self.order.u32(body, secrets::LENGTH) as usize;
        let data = body.get(secrets::DATA..).and_then(|data| data.get(..len));
        let Some(data) = data else {
            return Err(self.damaged(format_args!("its secrets have {}, more than the block", counted(len, "octet"))));
        };
        if self.order.u32(body, secrets::TYPE) != TLS_KEY_LOG {
            self.other(kind::DECRYPTION_SECRETS, body, about);
            return Ok(());
        }
        let known = about.secrets.get_or_insert_default();
        if known.len() + data.len() <= MAX_SECRETS {
            known.push_str(&text(data));
        }
        Ok(())
    }

    /// A frame from an enhanced packet block or from the obsolete one, whose interface has only two octets.
    fn packet(
        &self,
        kind: u32,
        body: &[u8],
        at: usize,
        about: &mut About,
        comments: &mut Vec<String>,
    ) -> Result<Record, Stop> {
        self.require(body, packet::DATA)?;
        let order = self.order;
        let (number, drops) = match kind {
            kind::PACKET => (u32::from(order.u16(body, packet::INTERFACE)), order.u16(body, packet::DROPS)),
            _ => (order.u32(body, packet::INTERFACE), 0),
        };
        let interface = self.interface_number(number, about)?;
        let high = u64::from(order.u32(body, packet::TIME_HIGH));
        let ticks = high << 32 | u64::from(order.u32(body, packet::TIME_LOW));
        let captured = order.u32(body, packet::CAPTURED) as usize;
        self.require_data(captured, body.len() - packet::DATA)?;
        for item in self.options(&body[packet::DATA + padded(captured)..]) {
            match item? {
                (option::COMMENT, value) => comments.push(text(value)),
                (option::DROPS_BEFORE, value) if kind != kind::PACKET && value.len() >= 8 => {
                    about.drops.before_a_packet(order.u64(value, 0));
                }
                _ => {}
            }
        }
        if drops != packet::DROPS_UNKNOWN {
            about.drops.before_a_packet(drops.into());
        }
        let start = at + packet::DATA;
        Ok(Record {
            time: self.clocks[interface].time(ticks),
            timeless: false,
            link: about.interfaces[interface].link,
            interface: interface as u32,
            len: order.u32(body, packet::ORIGINAL),
            data: start..start + captured,
        })
    }

    /// A frame from a simple packet block: of the section's first interface, limited by its snapshot length, and
    /// without a time.
    fn simple(&self, body: &[u8], at: usize, about: &mut About) -> Result<Record, Stop> {
        self.require(body, simple::DATA)?;
        let interface = self.interface_number(0, about)?;
        let Interface { link, snaplen, .. } = about.interfaces[interface];
        let len = self.order.u32(body, simple::ORIGINAL);
        let captured = if snaplen == 0 { len } else { len.min(snaplen) } as usize;
        self.require_data(captured, body.len() - simple::DATA)?;
        let start = at + simple::DATA;
        about.timeless += 1;
        let data = start..start + captured;
        Ok(Record { time: Timestamp(0), timeless: true, link, interface: interface as u32, len, data })
    }

    /// The place over the whole file of interface `number` of this section.
    fn interface_number(&self, number: u32, about: &About) -> Result<usize, Stop> {
        let declared = about.interfaces.len() - self.base;
        if number as usize >= declared {
            return Err(self.damaged(format_args!(
                "it names interface {number} of its section, which has declared {declared} so far"
            )));
        }
        Ok(self.base + number as usize)
    }

    fn options<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Result<(u16, &'a [u8]), Stop>> + 'a {
        Options::new(self.order, bytes).map(|item| item.map_err(|why| self.damaged(why)))
    }

    fn require(&self, body: &[u8], needed: usize) -> Result<(), Stop> {
        if body.len() < needed {
            return Err(self.damaged(format_args!(
                "its body needs {needed} octets, {} {} there",
                body.len(),
                plural(body.len(), "is", "are")
            )));
        }
        Ok(())
    }

    fn require_data(&self, captured: usize, there: usize) -> Result<(), Stop> {
        if captured > there {
            return Err(self.damaged(format_args!(
                "it announces a frame of {}, {there} {} there",
                counted(captured, "octet"),
                plural(there, "is", "are")
            )));
        }
        Ok(())
    }

    fn ends(&self, announced: usize, there: usize) -> Stop {
        Stop::ends(self.here, self.here.offset, announced, there)
    }

    fn damaged(&self, why: impl fmt::Display) -> Stop {
        Stop::damaged(self.here, self.here.offset, why)
    }
}

/// How many interfaces a file may declare in all its sections, so that memory stays bounded.
const MAX_INTERFACES: usize = 1 << 16;

/// How many octets of a name are kept.
const MAX_NAME: usize = 1 << 10;

/// Of blocks that are only kept no more than this is, and no more of them.
const MAX_KEPT: usize = 1 << 20;
const MAX_OTHERS: usize = 1 << 12;
/// A session needs a few hundred octets of secrets; of more than this no more is kept.
const MAX_SECRETS: usize = 1 << 20;

#[cfg(test)]
pub(super) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use crate::capture::file::tests::{cut_of, open_error, read_all};
    use crate::capture::{Drops, Interface, LinkType, Statistics, Timestamp};

    /// Two sections of different byte order, with every block we read and one we do not know.
    #[rustfmt::skip]
    pub(in crate::capture::file) const TWO_SECTIONS: &[u8] = &[
        // 0: section header block, little-endian
        0x0a, 0x0d, 0x0d, 0x0a, 60, 0, 0, 0, // type, length
        0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, // byte-order magic, version 1.0
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // section length: not known
        1, 0, 3, 0, b'a', b'n', b'n', 0, // opt_comment
        1, 0, 3, 0, b'b', b'o', b'b', 0, // opt_comment
        4, 0, 6, 0, b'd', b'u', b'm', b'p', b'e', b'r', 0, 0, // shb_userappl
        0, 0, 0, 0, 60, 0, 0, 0, // opt_endofopt, length
        // 60: interface description block: Ethernet, nanoseconds
        1, 0, 0, 0, 44, 0, 0, 0, // type, length
        1, 0, 0, 0, 4, 0, 0, 0, // link type 1, reserved, snapshot length 4
        2, 0, 2, 0, b'l', b'o', 0, 0, // if_name
        9, 0, 1, 0, 9, 0, 0, 0, // if_tsresol: 10^-9 s
        0, 0, 0, 0, // opt_endofopt
        0xff, 0xff, 0xff, 0xff, 44, 0, 0, 0, // what follows the end means nothing; length
        // 104: interface description block: raw IP, 2^-10 s, ten seconds later
        1, 0, 0, 0, 40, 0, 0, 0,
        101, 0, 0, 0, 0, 0, 0, 0, // link type 101, no limit of length
        9, 0, 1, 0, 0x8a, 0, 0, 0, // if_tsresol
        14, 0, 8, 0, 10, 0, 0, 0, 0, 0, 0, 0, // if_tsoffset
        40, 0, 0, 0,
        // 144: a block of a type of its own
        0xad, 0x0b, 0, 0x40, 16, 0, 0, 0, 1, 2, 3, 4, 16, 0, 0, 0,
        // 160: enhanced packet block
        6, 0, 0, 0, 60, 0, 0, 0,
        1, 0, 0, 0, // interface 1
        0, 0, 0, 0, 1, 4, 0, 0, // 1025 ticks
        3, 0, 0, 0, 9, 0, 0, 0, 7, 8, 9, 0, // 3 octets of 9
        1, 0, 3, 0, b'c', b'a', b't', 0, // opt_comment
        2, 0, 4, 0, 1, 0, 0, 0, // epb_flags
        1, 0, 2, 0, 0xc3, 0xbc, 0, 0, // opt_comment: ü
        60, 0, 0, 0,
        // 220: simple packet block: 9 octets, of which the interface keeps 4
        3, 0, 0, 0, 20, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3, 4, 20, 0, 0, 0,
        // 240: section header block, big-endian, version 1.2
        0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 2,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28,
        // 268: interface description block: BSD loopback, microseconds because nothing is said
        0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 20,
        // 288: packet block, the obsolete form
        0, 0, 0, 2, 0, 0, 0, 36,
        0, 0, 0, 5, // interface 0, five frames lost
        0, 0, 0, 1, 0, 0, 0, 2, // 2^32 + 2 microseconds
        0, 0, 0, 1, 0, 0, 0, 1, 0xee, 0, 0, 0, // 1 octet of 1
        0, 0, 0, 36,
        // 324: interface statistics block
        0, 0, 0, 5, 0, 0, 0, 48,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // interface 0, time
        0, 4, 0, 8, 0, 0, 0, 0, 0, 0, 0, 30, // isb_ifrecv
        0, 5, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5, // isb_ifdrop
        0, 0, 0, 48,
    ];

    #[test]
    fn decodes() {
        let (frames, about) = read_all(TWO_SECTIONS);
        let seen: Vec<_> = frames.iter().map(|f| (f.time.0, f.link.0, f.interface, f.len, &f.data[..])).collect();
        assert_eq!(
            seen,
            [
                (11_000_976_562, 101, 1, 9, &[7, 8, 9][..]),
                (0, 1, 0, 9, &[1, 2, 3, 4]),
                (4_294_967_298_000, 0, 2, 1, &[0xee]),
            ]
        );
        assert_eq!(frames[0].comments, ["cat", "ü"]);
        assert!(frames[1].comments.is_empty() && frames[2].comments.is_empty());
        let interface = |name: Option<&str>, link, snaplen| Interface { name: name.map(Into::into), link, snaplen };
        assert_eq!(
            about.interfaces,
            [
                interface(Some("lo"), LinkType::ETHERNET, 4),
                interface(None, LinkType::RAW, 0),
                interface(None, LinkType::NULL, 64),
            ]
        );
        assert_eq!((about.format, about.application.as_deref()), ("pcapng", Some("dumper")));
        assert_eq!(about.comments, ["ann", "bob"]);
        assert_eq!(about.statistics, Some(Statistics { received: 30, dropped: 5 }));
        assert_eq!(about.cut, None);
    }

    #[test]
    fn empty() {
        let (frames, about) = read_all(&TWO_SECTIONS[..60]);
        assert!(frames.is_empty() && about.interfaces.is_empty());
        assert_eq!(about.cut, None);
    }

    #[test]
    fn cut_short() {
        assert_eq!(
            open_error(&TWO_SECTIONS[..11]),
            "cannot read capture `test`: the file ends in the middle of block 1 (section header), \
             at byte 0: 12 octets were announced, 11 are there"
        );
        assert_eq!(
            open_error(&TWO_SECTIONS[..59]),
            "cannot read capture `test`: the file ends in the middle of block 1 (section header), \
             at byte 0: 60 octets were announced, 59 are there"
        );
        assert_eq!(
            cut_of(&TWO_SECTIONS[..67]),
            (0, 60, "the file ends in the middle of block 2, at byte 60: 8 octets were announced, 7 are there".into())
        );
        assert_eq!(
            cut_of(&TWO_SECTIONS[..239]),
            (1, 220, "the file ends in the middle of block 6 (simple packet), at byte 220: 20 octets were announced, 19 are there".into())
        );
    }

    /// What is said after `value` was put at `at`: the frames before, and the sentence.
    fn damaged(at: usize, value: &[u8]) -> (usize, String) {
        let mut bytes = TWO_SECTIONS.to_vec();
        bytes[at..at + value.len()].copy_from_slice(value);
        let (frames, _, what) = cut_of(&bytes);
        (frames, what)
    }

    #[test]
    fn wrong_length() {
        let cases: &[(usize, &[u8], usize, &str)] = &[
            (148, &[8], 0, "block 4 (type 0x40000bad), at byte 144, is damaged: its length is 8, less than 12"),
            (
                148,
                &[18],
                0,
                "block 4 (type 0x40000bad), at byte 144, is damaged: its length is 18, which is no multiple of 4",
            ),
            (
                148,
                &[0, 0, 0, 0x80],
                0,
                "block 4 (type 0x40000bad), at byte 144, is damaged: its length is 2147483648, more than 17825792",
            ),
            (
                236,
                &[24],
                1,
                "block 6 (simple packet), at byte 220, is damaged: its length is 20 at its start and 24 at its end",
            ),
            (
                180,
                &[33],
                0,
                "block 5 (enhanced packet), at byte 160, is damaged: it announces a frame of 33 octets, 28 are there",
            ),
            (
                194,
                &[99],
                0,
                "block 5 (enhanced packet), at byte 160, is damaged: its option 1 announces 99 octets, 20 are there",
            ),
            (
                68 + 4,
                &[9],
                1,
                "block 6 (simple packet), at byte 220, is damaged: it announces a frame of 9 octets, 4 are there",
            ),
        ];
        for (at, value, frames, what) in cases {
            assert_eq!(damaged(*at, value), (*frames, (*what).to_owned()));
        }
    }

    #[test]
    fn wrong_values() {
        let cases: &[(usize, &[u8], usize, &str)] = &[
            (
                168,
                &[2],
                0,
                "block 5 (enhanced packet), at byte 160, is damaged: it names interface 2 of its section, which has declared 2 so far",
            ),
            (248, &[9], 2, "block 7 (section header), at byte 240, is damaged: its byte-order magic is 0x092b3c4d"),
            (253, &[7], 2, "block 7 (section header), at byte 240, is damaged: there is no pcapng version 7.2"),
        ];
        for (at, value, frames, what) in cases {
            assert_eq!(damaged(*at, value), (*frames, (*what).to_owned()));
        }
        let short = [6, 0, 0, 0, 12, 0, 0, 0, 12, 0, 0, 0];
        assert_eq!(
            cut_of(&[&TWO_SECTIONS[..60], &short].concat()).2,
            "block 2 (enhanced packet), at byte 60, is damaged: its body needs 20 octets, 0 are there"
        );
    }

    #[test]
    fn times_of_two_interfaces_saturate() {
        let mut bytes = TWO_SECTIONS.to_vec();
        bytes[172..180].fill(0xff); // the ticks of the first frame
        bytes[132..140].copy_from_slice(&i64::MAX.to_le_bytes()); // if_tsoffset
        let (frames, about) = read_all(&bytes);
        assert_eq!((frames[0].time, frames.len()), (Timestamp(i64::MAX), 3));
        assert_eq!((about.cut.clone(), about.beyond), (None, 1));
        let notes: Vec<String> = about.notes().into_iter().map(|note| note.text).collect();
        let told = "1 frame of the capture is from before the year 1678 or after 2262, as their interface counts time";
        assert!(notes.iter().any(|note| note.starts_with(told)), "{notes:?}");
    }

    #[test]
    fn a_frame_without_a_time_is_told() {
        let (frames, about) = read_all(TWO_SECTIONS);
        assert_eq!(frames.iter().filter(|frame| frame.time == Timestamp(0)).count(), 1);
        assert_eq!(about.timeless, 1);
        let notes = about.notes();
        let [_, note] = &notes[..] else { panic!("{notes:?}") };
        assert!(note.text.starts_with("1 frame of the capture has no time"), "{}", note.text);
        assert_eq!(read_all(&TWO_SECTIONS[..219]).1.timeless, 0, "it was not read");
    }

    /// The same five frames are counted with a packet and in the statistics behind it.
    #[test]
    fn what_was_dropped_is_counted() {
        let drops = |bytes: &[u8]| {
            let about = read_all(bytes).1;
            (about.drops, about.notes().into_iter().next().unwrap().text)
        };
        let (all, text) = drops(TWO_SECTIONS);
        assert_eq!(all, Drops { interface: 5, system: 0, before_packets: 5 });
        assert!(text.starts_with("5 packets were dropped") && text.contains("by the interface:"), "{text}");
        let (packets, text) = drops(&TWO_SECTIONS[..324]);
        assert_eq!(packets, Drops { interface: 0, system: 0, before_packets: 5 });
        assert!(text.contains("by the interface or the operating system"), "{text}");
        let mut bytes = TWO_SECTIONS[..240].to_vec();
        bytes[200..204].copy_from_slice(&[4, 0, 8, 0]); // epb_dropcount, over what follows
        bytes[204..212].copy_from_slice(&[3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(drops(&bytes).0.before_packets, 3);
        let mut bytes = TWO_SECTIONS.to_vec();
        bytes[298..300].fill(0xff); // not known how many
        bytes[345] = 7; // isb_osdrop instead of isb_ifrecv
        assert_eq!(drops(&bytes).0, Drops { interface: 5, system: 30, before_packets: 0 });
    }

    #[test]
    fn section_comments_are_bounded() {
        let mut section = TWO_SECTIONS[..24].to_vec();
        for _ in 0..200_000 {
            section.extend([1, 0, 4, 0, b'h', b'e', b'l', b'p']);
        }
        let len = (section.len() as u32 + 4).to_le_bytes();
        section[4..8].copy_from_slice(&len);
        section.extend(len);
        let (_, about) = read_all(&section);
        assert!(about.comments.len() < 50_000);
        assert_eq!(about.comments.last().unwrap(), "… (more section comments follow than are kept)");
    }

    /// What stands in integers of one size, in the order of octets of a section.
    struct Section {
        long: fn(u32) -> [u8; 4],
        short: fn(u16) -> [u8; 2],
        bytes: Vec<u8>,
    }

    impl Section {
        fn block(&mut self, kind: u32, body: &[u8], trailer: u32) {
            let len = 12 + body.len().next_multiple_of(4) as u32;
            self.bytes.extend([kind, len].map(self.long).concat());
            self.bytes.extend(body);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0xee);
            self.bytes.extend((self.long)(len + trailer));
        }

        fn interface(&mut self, link: u16, resolution: u8) {
            let resolution = [&(self.short)(9)[..], &(self.short)(1), &[resolution, 0, 0, 0]].concat();
            self.block(1, &[&(self.short)(link)[..], &[0; 6], &resolution].concat(), 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What lies at hand is read without asking much, in sections of little-endian machines; it is what is read in the others.
        #[test]
        fn the_order_of_octets_changes_nothing(
            packets in vec((any::<u64>(), 0_u32..70, 0_u32..70, 0_u8..24), 0..12),
            cut in 0_usize..60,
        ) {
            let file = |long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]| {
                let mut file = Section { long, short, bytes: Vec::new() };
                let versions = [&long(0x1a2b_3c4d)[..], &short(1), &short(0), &[0xff; 8]].concat();
                file.block(0x0a0d_0d0a, &versions, 0);
                file.interface(1, 9);
                file.interface(101, 6);
                for (ticks, captured, original, form) in &packets {
                    let (high, low) = ((ticks >> 32) as u32, *ticks as u32);
                    let interface = match form {
                        0 => 2,
                        form => u32::from(*form) % 2,
                    };
                    let announced = if *form == 1 { captured + 60 } else { *captured };
                    let mut body = [interface, high, low, announced, *original].map(long).concat();
                    body.extend((0..*captured).map(|n| n as u8));
                    if *form > 16 {
                        body.resize(body.len().next_multiple_of(4), 0);
                        body.extend([&short(1)[..], &short(2), b"ab\0\0"].concat());
                    }
                    file.block(6, &body, u32::from(*form == 2));
                    if *form == 3 {
                        file.interface(113, 3);
                    }
                }
                file.bytes.truncate(28.max(file.bytes.len().saturating_sub(cut)));
                let (frames, about) = read_all(&file.bytes);
                (frames, about.interfaces, about.cut)
            };
            let (little, big) = (file(u32::to_le_bytes, u16::to_le_bytes), file(u32::to_be_bytes, u16::to_be_bytes));
            prop_assert_eq!(little, big);
        }
    }
}
