//! Writes capture files: pcapng (draft-ietf-opsawg-pcapng), one section, times in nanoseconds.
//!
//! What a file that was read said in its own way is normalised: resolution and offset of times (`if_tsresol` is always 9,
//! `if_tsoffset` is never written), the form of packet blocks. What it meant is kept. Blocks that nobody here understands keep
//! their byte order: of those in another than the section's a section of their own is made, behind it.

use std::io::Write;

use super::block::{BYTE_ORDER_MAGIC, MAX_OPTION, Order, TLS_KEY_LOG, clip, kind, option, padded};
use super::{CaptureError, FrameRef, Interface, LinkType, MAX_BLOCK, OtherBlock, Statistics, Timestamp};

/// What a capture file says of itself before its first frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// The program that writes it.
    pub application: Option<String>,
    /// Comments on the whole capture.
    pub comments: Vec<String>,
    /// Where its frames were captured; [`FrameRef::interface`] is an index into them.
    pub interfaces: Vec<Interface>,
    /// Whether its numbers are big-endian; little-endian otherwise.
    pub big_endian: bool,
}

/// A capture file being written. It makes one `write` for each block: give it a buffered `W` if that matters.
pub struct Writer<W: Write> {
    name: String,
    out: W,
    /// The order in which numbers are written.
    order: Order,
    /// The block being put together.
    block: Vec<u8>,
    /// Whether it has options so far.
    options: bool,
    /// The link type of each interface declared.
    links: Vec<LinkType>,
    /// When the last frame was captured.
    last: Timestamp,
    /// Blocks in the other byte order.
    apart: Vec<OtherBlock>,
}

impl<W: Write> Writer<W> {
    /// Writes what comes before the first frame; `name` is what errors call the file.
    pub fn new(name: &str, out: W, section: &Section) -> Result<Self, CaptureError> {
        let mut this = Self {
            name: name.to_owned(),
            out,
            order: if section.big_endian { Order::Big } else { Order::Little },
            block: Vec::new(),
            options: false,
            links: Vec::new(),
            last: Timestamp::default(),
            apart: Vec::new(),
        };
        this.begin_section();
        this.texts(option::COMMENT, &section.comments);
        this.texts(option::APPLICATION, section.application.as_slice());
        this.end()?;
        for interface in &section.interfaces {
            this.add_interface(interface)?;
        }
        Ok(this)
    }

    /// Declares one more interface and says which number its frames bear.
    pub fn add_interface(&mut self, interface: &Interface) -> Result<u32, CaptureError> {
        let number = self.links.len() as u32;
        self.begin(kind::INTERFACE_DESCRIPTION);
        self.u16(interface.link.0);
        self.u16(0); // reserved
        self.u32(interface.snaplen);
        self.texts(option::IF_NAME, interface.name.as_slice());
        self.option(option::IF_TSRESOL, &[9]);
        self.end()?;
        self.links.push(interface.link);
        Ok(number)
    }

    /// Writes secrets of TLS, a line each: who has the file can read what is encrypted in the frames that follow
    /// (pcapng, Decryption Secrets Block).
    pub fn add_secrets(&mut self, secrets: &str) -> Result<(), CaptureError> {
        self.check(secrets.len())?;
        self.begin(kind::DECRYPTION_SECRETS);
        self.u32(TLS_KEY_LOG);
        self.u32(secrets.len() as u32);
        self.block.extend_from_slice(secrets.as_bytes());
        self.pad();
        self.end()
    }

    /// Writes a block as it was read from another capture; one in the other byte order only when all else is written.
    pub fn add_other(&mut self, other: &OtherBlock) -> Result<(), CaptureError> {
        self.check(other.body.len())?;
        if other.big_endian != (self.order == Order::Big) {
            self.apart.push(other.clone());
            return Ok(());
        }
        self.begin(other.kind);
        self.block.extend_from_slice(&other.body);
        self.end()
    }

    /// Writes one frame with its comments. A time before 1970 is written as 1970: the format has no earlier one.
    ///
    /// A comment of more than 65,535 octets ends in an ellipsis, and U+0000 in it becomes `␀`.
    pub fn write(&mut self, frame: &FrameRef<'_>) -> Result<(), CaptureError> {
        if self.links.get(frame.interface as usize) != Some(&frame.link) {
            return Err(CaptureError::NoInterface {
                name: self.name.clone(),
                interface: frame.interface,
                link: frame.link,
            });
        }
        self.check(frame.data.len())?;
        self.begin(kind::ENHANCED_PACKET);
        self.u32(frame.interface);
        self.time(frame.time);
        self.u32(frame.data.len() as u32);
        self.u32(frame.len);
        self.block.extend_from_slice(frame.data);
        self.pad();
        self.texts(option::COMMENT, frame.comments);
        self.last = frame.time;
        self.end()
    }

    /// Writes what the capturing host counted, of the first interface, and hands the output back, flushed.
    pub fn finish(mut self, statistics: Option<Statistics>) -> Result<W, CaptureError> {
        if let (Some(statistics), false) = (statistics, self.links.is_empty()) {
            self.begin(kind::INTERFACE_STATISTICS);
            self.u32(0);
            self.time(self.last);
            let [received, dropped] = [statistics.received, statistics.dropped].map(|count| self.order.octets(count));
            self.option(option::RECEIVED, &received);
            self.option(option::DROPPED, &dropped);
            self.end()?;
        }
        let apart = std::mem::take(&mut self.apart);
        if !apart.is_empty() {
            self.order = self.order.other();
            self.begin_section();
            self.end()?;
        }
        apart.iter().try_for_each(|other| self.add_other(other))?;
        match self.out.flush() {
            Ok(()) => Ok(self.out),
            Err(cause) => Err(CaptureError::Write { name: self.name, cause }),
        }
    }

    /// Begins the block that begins a section.
    fn begin_section(&mut self) {
        self.begin(kind::SECTION_HEADER);
        self.u32(BYTE_ORDER_MAGIC);
        self.u16(1); // major version
        self.u16(0); // minor version
        self.block.extend([0xff; 8]); // the section's length: not known
    }

    /// Begins a block: its type, and room for its length.
    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.options = false;
        self.u32(kind);
        self.u32(0);
    }

    /// Ends a block: its length on both sides, and out with it.
    ///
    /// "Code that writes pcapng files MUST put an opt_endofopt option at the end of an option list" (§3.5).
    fn end(&mut self) -> Result<(), CaptureError> {
        if self.options {
            self.option(option::END, &[]);
        }
        let len = self.block.len() + 4;
        self.check(len)?;
        self.u32(len as u32);
        let trailer = self.block.len() - 4;
        self.block.copy_within(trailer.., 4);
        self.out.write_all(&self.block).map_err(|cause| CaptureError::Write { name: self.name.clone(), cause })
    }

    /// Refuses what no reader would take, our own included.
    fn check(&self, len: usize) -> Result<(), CaptureError> {
        if len > MAX_BLOCK { Err(CaptureError::TooLong { name: self.name.clone(), len }) } else { Ok(()) }
    }

    fn u16(&mut self, number: u16) {
        self.block.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
    }

    fn u32(&mut self, number: u32) {
        self.block.extend(match self.order {
            Order::Little => number.to_le_bytes(),
            Order::Big => number.to_be_bytes(),
        });
    }

    fn time(&mut self, time: Timestamp) {
        let ticks = u64::try_from(time.0).unwrap_or(0);
        self.u32((ticks >> 32) as u32);
        self.u32(ticks as u32);
    }

    fn pad(&mut self) {
        self.block.resize(padded(self.block.len()), 0);
    }

    fn option(&mut self, code: u16, value: &[u8]) {
        self.options = true;
        self.u16(code);
        self.u16(value.len() as u16);
        self.block.extend_from_slice(value);
        self.pad();
    }

    fn texts(&mut self, code: u16, texts: &[String]) {
        for text in texts {
            // A zero octet would end the text for every reader (§3.5); show it instead.
            let shown = text.replace('\0', "␀");
            self.option(code, clip(&shown, MAX_OPTION).as_bytes());
        }
    }
}
#[cfg(test)]
mod tests;
