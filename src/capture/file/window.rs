//! A window that slides over a stream of octets, so that records can be lent out without copying them.

use std::io::{self, Read};
use std::ops::Range;

/// Octets of a stream: read in large blocks, handed out in place.
pub(super) struct Window {
    stream: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    /// The part of `bytes` that was read and not yet taken.
    start: usize,
    end: usize,
    /// Where `start` lies in the stream.
    offset: u64,
    ended: bool,
}

impl Window {
    pub fn new(stream: Box<dyn Read + Send>) -> Self {
        Self { stream, bytes: vec![0; BLOCK], start: 0, end: 0, offset: 0, ended: false }
    }

    /// Reads until `wanted` octets are there or the stream has ended; says how many are there.
    ///
    /// From a pipe it waits for no more than is wanted, so frames are told as they come.
    #[inline]
    pub fn fill(&mut self, wanted: usize) -> io::Result<usize> {
        if self.end - self.start < wanted {
            self.read_more(wanted)?;
        }
        Ok(self.end - self.start)
    }

    fn read_more(&mut self, wanted: usize) -> io::Result<()> {
        while self.end - self.start < wanted && !self.ended {
            self.make_room(wanted);
            match self.stream.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end = (self.end + count).min(self.bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The octets that are there.
    pub fn peek(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes `count` octets that are there; their place holds until the next `fill`.
    pub fn take(&mut self, count: usize) -> Range<usize> {
        let taken = self.start..self.start + count;
        debug_assert!(taken.end <= self.end, "only what was filled can be taken");
        self.start = taken.end;
        self.offset += count as u64;
        taken
    }

    /// Octets taken before.
    pub fn taken(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// How many octets of the stream were taken.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many octets of the stream were read.
    pub fn read(&self) -> u64 {
        self.offset + (self.end - self.start) as u64
    }

    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Grows only when it is full of octets that really came, whatever length the file announces.
    fn make_room(&mut self, wanted: usize) {
        if self.start == self.end || self.start + wanted > self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
    }
}

/// How much is read at once: measured to be faster than mapping the file, and to take half as long as four times as much, which
/// a processor's own cache does not hold until it is read.
const BLOCK: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides() {
        let octets: Vec<u8> = (0..3 * BLOCK).map(|n| (n / 7) as u8).collect();
        let mut window = Window::new(Box::new(io::Cursor::new(octets.clone())));
        let mut at = 0;
        for size in [5, BLOCK - 6, 10, 2 * BLOCK - 100] {
            assert!(window.fill(size).unwrap() >= size);
            let taken = window.take(size);
            assert_eq!(window.taken(taken), &octets[at..at + size]);
            at += size;
            assert_eq!(window.offset(), at as u64);
        }
        assert_eq!(window.fill(BLOCK).unwrap(), 3 * BLOCK - at);
    }

    #[test]
    fn grows_by_what_came_not_by_what_is_announced() {
        let mut window = Window::new(Box::new(&[0u8; 100][..]));
        assert_eq!(window.fill(1 << 30).unwrap(), 100);
        assert_eq!(window.bytes.len(), BLOCK);
    }
}
