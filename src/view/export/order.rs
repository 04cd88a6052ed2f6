//! Lines in order of their frames, in bounded memory.
//!
//! Nearly every line is known with its frame. Some are known later: that a message never ends, that a fragment stays
//! alone, how a connection ended. So lines are held back until [`HELD`] octets wait: in captures with fewer the order is
//! perfect; in others a line that comes later than that stands where it became known, and names its frame.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

/// How many octets of lines are held back.
const HELD: usize = 1 << 19;
/// Room for the lines of one more frame: to grow by copying would leave holes of all sizes in the heap.
const ROOM: usize = HELD + (64 << 10);

/// What became known late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Late {
    Note,
    Message,
    Finding,
}

/// Holds lines back for a while.
pub(super) struct Order<W> {
    out: W,
    /// The lines of frames in their order, one after the other.
    lines: Vec<u8>,
    /// Where the lines of each of these frames end.
    ends: VecDeque<(u32, usize)>,
    /// Where the last of them ends: behind it stands what was begun.
    closed: usize,
    /// How much of `lines` was written.
    written: usize,
    /// Lines that became known after their frame, in order of it: first notes, then messages, then findings.
    late: BTreeMap<(u32, Late), Vec<u8>>,
    late_len: usize,
    held: usize,
    /// Nothing was written before.
    is_first: bool,
    failed: Option<io::Error>,
}

impl<W: Write> Order<W> {
    /// Lines for `out`; `live` says that someone waits for each of them, so that none is held back.
    pub(super) fn new(out: W, live: bool) -> Self {
        Self {
            out,
            lines: Vec::with_capacity(if live { 0 } else { ROOM }),
            ends: VecDeque::new(),
            closed: 0,
            written: 0,
            late: BTreeMap::new(),
            late_len: 0,
            held: if live { 0 } else { HELD },
            is_first: true,
            failed: None,
        }
    }

    /// Where lines of the next frame may be written at once, before those that it is [pushed](Self::push) with.
    pub(super) fn begun(&mut self) -> &mut Vec<u8> {
        &mut self.lines
    }

    /// The lines of the next frame: those that were begun, and `parts` one after the other.
    pub(super) fn push(&mut self, frame: u32, parts: [&[u8]; 4]) {
        parts.iter().filter(|part| !part.is_empty()).for_each(|part| self.lines.extend_from_slice(part));
        if self.lines.len() == self.closed {
            return;
        }
        self.closed = self.lines.len();
        self.ends.push_back((frame, self.closed));
        self.make_room();
    }

    /// A line of an earlier frame.
    pub(super) fn push_late(&mut self, frame: u32, what: Late, line: &[u8]) {
        self.late.entry((frame, what)).or_default().extend_from_slice(line);
        self.late_len += line.len();
        self.make_room();
    }

    fn make_room(&mut self) {
        if self.lines.len() - self.written + self.late_len > self.held {
            // Some of it stays, so that late lines still find their place, and most goes, so that this is done rarely.
            self.write(self.held / 4);
        }
    }

    /// Writes the first lines until no more than `keep` octets wait.
    fn write(&mut self, keep: usize) {
        while self.lines.len() - self.written + self.late_len > keep {
            // What became known late stands behind what its frame had before.
            let next = self.ends.front().map_or(u64::from(u32::MAX) + 1, |(frame, _)| u64::from(*frame));
            let late_first = self.late.first_entry().filter(|entry| u64::from(entry.key().0) < next);
            if let Some(entry) = late_first {
                let line = entry.remove();
                self.late_len -= line.len();
                self.put(&line);
            } else if self.write_up_to_late(keep) == 0 {
                break;
            }
        }
        self.lines.drain(..self.written);
        self.ends.iter_mut().for_each(|(_, end)| *end -= self.written);
        self.closed -= self.written;
        self.written = 0;
    }

    /// Writes the lines of all frames up to the first that has a late one, in one piece; returns how many octets.
    fn write_up_to_late(&mut self, keep: usize) -> usize {
        let late = self.late.first_key_value().map_or(u32::MAX, |((frame, _), _)| *frame);
        let enough = (self.lines.len() + self.late_len).saturating_sub(keep);
        let start = self.written;
        while let Some((_, end)) =
            self.ends.pop_front_if(|(frame, _)| self.written == start || (*frame <= late && self.written < enough))
        {
            self.written = end;
        }
        let lines = std::mem::take(&mut self.lines);
        self.put(&lines[start..self.written]);
        self.lines = lines;
        self.written - start
    }

    /// The first line tells the version of the contract.
    fn put(&mut self, lines: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        let result = match lines.split_first() {
            Some((_, rest)) if std::mem::replace(&mut self.is_first, false) => {
                self.out.write_all(b"{\"v\":1,").and_then(|()| self.out.write_all(rest))
            }
            _ => self.out.write_all(lines),
        };
        self.failed = result.err();
    }

    /// What went wrong when writing, if anything did.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    /// Writes what was held back only until someone waits for it.
    pub(super) fn flush(&mut self) {
        if self.held == 0 && self.failed.is_none() {
            self.failed = self.out.flush().err();
        }
    }

    /// Writes everything.
    pub(super) fn end(mut self) -> io::Result<()> {
        self.write(0);
        match self.failed {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(play: impl Fn(&mut Order<&mut Vec<u8>>), live: bool) -> String {
        let mut out = Vec::new();
        let mut order = Order::new(&mut out, live);
        play(&mut order);
        order.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn late_lines_find_their_place() {
        let play = |order: &mut Order<&mut Vec<u8>>| {
            order.push(1, [b"{1}", b"{1m}", b"", b""]);
            order.push(2, [b""; 4]);
            order.push(4, [b"{4}", b"", b"", b""]);
            order.push_late(2, Late::Note, b"{2 late}");
            order.push_late(1, Late::Message, b"{1 late}");
            order.push_late(9, Late::Note, b"{9}");
        };
        assert_eq!(written(play, false), "{\"v\":1,1}{1m}{1 late}{2 late}{4}{9}");
        assert_eq!(written(play, true), "{\"v\":1,1}{1m}{4}{2 late}{1 late}{9}");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut order = Order::new(io::sink(), false);
        let line = [b'x'; 1000];
        for frame in 1..10_000 {
            order.push(frame, [&line, b"", b"", b""]);
            order.push_late(frame / 2, Late::Note, &line);
            assert!(order.lines.len() + order.late_len <= 2 * HELD);
        }
    }
}
