//! The pcapng format (draft-ietf-opsawg-pcapng).
//!
//! ```text
//! file:  section header block │ other blocks … │ section header block …
//! block: type 4 │ total length 4 │ body, padded to four octets … │ total length 4
//! ```
//!
//! Every section has its own byte order and its own interfaces. Blocks of unknown type are stepped over.
//! A simple packet block has no time; its frame is told at [`Timestamp`] 0.

use std::fmt;
use std::ops::Range;

use super::clock::Clock;
use super::options::{Options, text};
use super::{Record, Stop, Window};
use crate::capture::block::{BYTE_ORDER_MAGIC, Order, clip, kind, option, padded};
use crate::capture::{About, Interface, LinkType, MAX_BLOCK, Statistics, Timestamp};

/// How every pcapng file begins: with a section header block.
pub(super) const MAGIC: [u8; 4] = kind::SECTION_HEADER.to_be_bytes();

/// Places in a block (§3.1).
mod place {
    pub const TYPE: usize = 0;
    pub const LENGTH: usize = 4;
    pub const BODY: usize = 8;
    /// What follows the body: the length once more.
    pub const TRAILER: usize = 4;
    /// No block is shorter.
    pub const SHORTEST: usize = BODY + TRAILER;
}

/// Places in the body of a section header block (§4.1); the section length is not needed to walk the blocks.
mod section {
    pub const BYTE_ORDER: usize = 0;
    pub const MAJOR: usize = 4;
    pub const MINOR: usize = 6;
    pub const OPTIONS: usize = 16;
}

/// Places in the body of an interface description block (§4.2).
mod interface {
    pub const LINK: usize = 0;
    pub const SNAPLEN: usize = 4;
    pub const OPTIONS: usize = 8;
}

/// Places in the body of an enhanced packet block (§4.3) and of the obsolete packet block (appendix A).
mod packet {
    pub const INTERFACE: usize = 0;
    pub const TIME_HIGH: usize = 4;
    pub const TIME_LOW: usize = 8;
    pub const CAPTURED: usize = 12;
    pub const ORIGINAL: usize = 16;
    pub const DATA: usize = 20;
}

/// Places in the body of a simple packet block (§4.4).
mod simple {
    pub const ORIGINAL: usize = 0;
    pub const DATA: usize = 4;
}

/// Places in the body of an interface statistics block (§4.6).
mod statistics {
    pub const INTERFACE: usize = 0;
    pub const OPTIONS: usize = 12;
}

/// The reader of blocks.
pub(super) struct Pcapng {
    order: Order,
    /// The first interface of this section, counted over the file.
    base: usize,
    /// What is known of each interface beyond what is told of it, counted over the file.
    clocks: Vec<Clock>,
    counts: Vec<Statistics>,
    /// How many octets of section comments were kept.
    commented: usize,
    here: Place,
}

/// The block being read, for those who ask where something went wrong.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Its number, from 1.
    number: u64,
    offset: u64,
    kind: Option<u32>,
}

/// A block that is there as a whole.
struct Block {
    kind: u32,
    body: Range<usize>,
}

impl Pcapng {
    /// Reads the first section header.
    pub fn open(window: &mut Window, about: &mut About) -> Result<Self, Stop> {
        let here = Place { number: 0, offset: 0, kind: None };
        let mut this =
            Self { order: Order::Little, base: 0, clocks: Vec::new(), counts: Vec::new(), commented: 0, here };
        about.format = "pcapng";
        if let Some(block) = this.block(window)? {
            this.section(window.taken(block.body), about)?;
        }
        Ok(this)
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
                kind::SIMPLE_PACKET => return self.simple(body, place.start, about).map(Some),
                _ => {}
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
        self.here = Place { number: self.here.number + 1, offset: window.offset(), kind: None };
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
        if len % 4 != 0 {
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
        about.interfaces.push(Interface { name, link, snaplen: self.order.u32(body, interface::SNAPLEN) });
        self.clocks.push(Clock::new(resolution, offset));
        self.counts.push(Statistics::default());
        Ok(())
    }

    /// Keeps the last counts of each interface, and their sum.
    fn statistics(&mut self, body: &[u8], about: &mut About) -> Result<(), Stop> {
        self.require(body, statistics::OPTIONS)?;
        let number = self.interface_number(self.order.u32(body, statistics::INTERFACE), about)?;
        let (mut received, mut dropped) = (None, None);
        for item in self.options(&body[statistics::OPTIONS..]) {
            match item? {
                (option::RECEIVED, value) if value.len() >= 8 => received = Some(self.order.u64(value, 0)),
                (option::DROPPED, value) if value.len() >= 8 => dropped = Some(self.order.u64(value, 0)),
                _ => {}
            }
        }
        if let (Some(received), Some(dropped)) = (received, dropped) {
            let before = std::mem::replace(&mut self.counts[number], Statistics { received, dropped });
            let sum = about.statistics.get_or_insert_default();
            sum.received = sum.received.wrapping_sub(before.received).wrapping_add(received);
            sum.dropped = sum.dropped.wrapping_sub(before.dropped).wrapping_add(dropped);
        }
        Ok(())
    }

    /// A frame from an enhanced packet block or from the obsolete one, whose interface has only two octets.
    fn packet(
        &self,
        kind: u32,
        body: &[u8],
        at: usize,
        about: &About,
        comments: &mut Vec<String>,
    ) -> Result<Record, Stop> {
        self.require(body, packet::DATA)?;
        let order = self.order;
        let number = match kind {
            kind::PACKET => u32::from(order.u16(body, packet::INTERFACE)),
            _ => order.u32(body, packet::INTERFACE),
        };
        let interface = self.interface_number(number, about)?;
        let high = u64::from(order.u32(body, packet::TIME_HIGH));
        let ticks = high << 32 | u64::from(order.u32(body, packet::TIME_LOW));
        let captured = order.u32(body, packet::CAPTURED) as usize;
        self.require_data(captured, body.len() - packet::DATA)?;
        for item in self.options(&body[packet::DATA + padded(captured)..]) {
            if let (option::COMMENT, value) = item? {
                comments.push(text(value));
            }
        }
        let start = at + packet::DATA;
        Ok(Record {
            time: self.clocks[interface].time(ticks),
            link: about.interfaces[interface].link,
            interface: interface as u32,
            len: order.u32(body, packet::ORIGINAL),
            data: start..start + captured,
        })
    }

    /// A frame from a simple packet block: of the section's first interface, limited by its snapshot length, and
    /// without a time.
    fn simple(&self, body: &[u8], at: usize, about: &About) -> Result<Record, Stop> {
        self.require(body, simple::DATA)?;
        let interface = self.interface_number(0, about)?;
        let Interface { link, snaplen, .. } = about.interfaces[interface];
        let len = self.order.u32(body, simple::ORIGINAL);
        let captured = if snaplen == 0 { len } else { len.min(snaplen) } as usize;
        self.require_data(captured, body.len() - simple::DATA)?;
        let start = at + simple::DATA;
        Ok(Record { time: Timestamp(0), link, interface: interface as u32, len, data: start..start + captured })
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
            return Err(self.damaged(format_args!("its body needs {needed} octets, {} are there", body.len())));
        }
        Ok(())
    }

    fn require_data(&self, captured: usize, there: usize) -> Result<(), Stop> {
        if captured > there {
            return Err(self.damaged(format_args!("it announces a frame of {captured} octets, {there} are there")));
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

/// Keeps a section comment, as long as there is room; that more were there is told.
fn keep_comment(comment: String, kept: &mut usize, about: &mut About) {
    if *kept > MAX_COMMENTS {
        return;
    }
    *kept += comment.len() + size_of::<String>();
    let more = "… (more section comments follow than are kept)";
    about.comments.push(if *kept > MAX_COMMENTS { more.to_owned() } else { comment });
}

impl fmt::Display for Place {
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

/// How many interfaces a file may declare in all its sections, so that memory stays bounded.
const MAX_INTERFACES: usize = 1 << 16;

/// How many octets of a name are kept.
const MAX_NAME: usize = 1 << 10;

/// How many octets of section comments are kept.
const MAX_COMMENTS: usize = 1 << 20;
