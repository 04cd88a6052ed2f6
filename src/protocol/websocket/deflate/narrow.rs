//! Whether what compresses a direction keeps to the window that was agreed on.
//!
//! zlib-rs keeps the largest window whatever it is told, so its inflater finds nothing. How far back a message points says each
//! of its matches, for which neither what is inflated is needed nor what came before: the blocks are only walked over.
//!
//! # References
//! - Limits of the windows: RFC 7692 §7.1.2.1 (the server's), §7.1.2.2 (the client's).
//! - The blocks: RFC 1951 §3.2.3. Their codes: §3.2.2, §3.2.7. Lengths and distances: §3.2.5. Fixed codes: §3.2.6.

use super::inflater::TAIL;
use crate::layer::{Direction, Note, Severity};

/// A window of so many bits holds whatever a block may point to.
const LARGEST: u8 = 15;
/// Messages of more compressed octets are not looked at: they would have to be kept.
const MAX_KEPT: usize = 1 << 20;

/// Looks at the messages of one direction, for whose window a limit was agreed on.
#[derive(Debug)]
pub(super) struct Narrow {
    bits: u8,
    sender: Direction,
    /// What came of the message at hand.
    message: Vec<u8>,
    is_too_long: bool,
}

impl Narrow {
    /// What looks at a direction with a window of so many bits; `None` if nothing can reach beyond it.
    pub(super) fn new(bits: u8, sender: Direction) -> Option<Self> {
        (bits < LARGEST).then(|| Self { bits, sender, message: Vec::new(), is_too_long: false })
    }

    /// How many octets it keeps.
    pub(super) fn kept(&self) -> usize {
        self.message.len()
    }

    /// A message begins.
    pub(super) fn restart(&mut self) {
        (self.message, self.is_too_long) = (Vec::new(), false);
    }

    /// Takes the next octets of a message, which have been inflated; what is to be said of it at its end.
    pub(super) fn read(&mut self, bytes: &[u8], last: bool) -> Option<Note> {
        self.is_too_long |= self.message.len() + bytes.len() > MAX_KEPT;
        if self.is_too_long {
            self.message = Vec::new();
            return None;
        }
        self.message.extend_from_slice(bytes);
        if !last {
            return None;
        }
        self.message.extend_from_slice(&TAIL);
        let farthest = farthest(&self.message);
        (farthest > 1 << self.bits).then(|| self.note(farthest))
    }

    fn note(&self, farthest: u32) -> Note {
        let (name, spec) = match self.sender {
            Direction::ToServer => ("client_max_window_bits", "RFC 7692 §7.1.2.2"),
            Direction::ToClient => ("server_max_window_bits", "RFC 7692 §7.1.2.1"),
        };
        let (bits, octets) = (self.bits, 1u32 << self.bits);
        let text = format!(
            "it repeats what lies {farthest} octets back, and {octets} were agreed on ({name}={bits}): a receiver that keeps no \
             more than those cannot inflate it"
        );
        Note::new(Severity::Error, text, spec)
    }
}

/// How far back the farthest match of these blocks points; of octets that are none, of those that are.
fn farthest(blocks: &[u8]) -> u32 {
    let (mut bits, mut farthest) = (Bits { bytes: blocks, at: 0 }, 0);
    while walk(&mut bits, &mut farthest).is_some() {}
    farthest
}

/// Walks over a block; `None` if it is not all there. A final block is followed by others: RFC 7692 §7.2.3.4.
fn walk(bits: &mut Bits<'_>, farthest: &mut u32) -> Option<()> {
    let is_final = bits.take(1)? == 1;
    match bits.take(2)? {
        0 => bits.pass_stored()?,
        1 => matches(bits, &Code::of(&FIXED_LENGTHS), &Code::of(&[5; 30]), farthest)?,
        2 => {
            let (lengths, distances) = codes(bits)?;
            matches(bits, &lengths, &distances, farthest)?;
        }
        _ => return None,
    }
    if is_final {
        bits.align();
    }
    Some(())
}

/// Walks over literals and matches up to the end of their block.
fn matches(bits: &mut Bits<'_>, lengths: &Code, distances: &Code, farthest: &mut u32) -> Option<()> {
    loop {
        match usize::from(lengths.read(bits)?) {
            0..END_OF_BLOCK => {}
            END_OF_BLOCK => return Some(()),
            symbol => {
                bits.take(*EXTRA_OF_LENGTH.get(symbol - END_OF_BLOCK - 1)?)?;
                let symbol = u32::from(distances.read(bits)?);
                *farthest = distance(symbol, bits)?.max(*farthest);
            }
        }
    }
}

/// The first four distances have a code each; from there on each two have an extra bit more than the two before.
fn distance(symbol: u32, bits: &mut Bits<'_>) -> Option<u32> {
    if symbol < 4 {
        return Some(symbol + 1);
    }
    let extra = symbol / 2 - 1;
    let base = (2 + symbol % 2) << extra;
    (symbol < 30).then_some(base + 1 + bits.take(extra as u8)?)
}

/// The codes of a block that brings its own (§3.2.7).
fn codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let literals = bits.take(5)? as usize + 257;
    let distances = bits.take(5)? as usize + 1;
    let count = bits.take(4)? as usize + 4;
    let mut of_lengths = [0; 19];
    for place in ORDER.iter().take(count) {
        of_lengths[*place] = bits.take(3)? as u8;
    }
    let code = Code::of(&of_lengths);
    let mut lengths = Vec::with_capacity(literals + distances + 138);
    while lengths.len() < literals + distances {
        let (length, times) = match code.read(bits)? {
            length @ 0..16 => (length as u8, 1),
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            _ => (0, 11 + bits.take(7)?),
        };
        lengths.resize(lengths.len() + times as usize, length);
    }
    let (literals, rest) = lengths.split_at(literals);
    Some((Code::of(literals), Code::of(&rest[..distances])))
}

/// Bits, of each octet the lowest first (§3.1.1).
struct Bits<'a> {
    bytes: &'a [u8],
    /// How many were read.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u8) -> Option<u32> {
        let mut taken = 0;
        for n in 0..count {
            let bit = self.bytes.get(self.at / 8)? >> (self.at % 8) & 1;
            taken |= u32::from(bit) << n;
            self.at += 1;
        }
        Some(taken)
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    /// Passes over a block that is not compressed: its length, the same in other bits, its octets.
    fn pass_stored(&mut self) -> Option<()> {
        self.align();
        let len = self.take(16)? as usize;
        self.at += 16 + 8 * len;
        Some(())
    }
}

/// A Huffman code, given by how many bits each of its symbols has (§3.2.2).
struct Code {
    /// How many symbols have so many bits.
    counts: [u16; 16],
    /// In the order of their codes.
    symbols: Vec<u16>,
}

impl Code {
    fn of(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[usize::from(*length)] += 1);
        counts[0] = 0;
        let mut symbols: Vec<u16> = (0..lengths.len() as u16).filter(|n| lengths[usize::from(*n)] > 0).collect();
        symbols.sort_by_key(|n| lengths[usize::from(*n)]);
        Self { counts, symbols }
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<u16> {
        // The code so far, the first code of its length, and which of the symbols that one is.
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in &self.counts[1..] {
            code |= bits.take(1)?;
            let count = u32::from(*count);
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

const END_OF_BLOCK: usize = 256;

/// How many bits follow the symbol of a length, from 257 on.
const EXTRA_OF_LENGTH: [u8; 29] =
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];

/// In which order the lengths of the code for lengths stand.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Of each literal or length its bits in the fixed code.
const FIXED_LENGTHS: [u8; 288] = {
    let mut lengths = [8; 288];
    let mut n = 144;
    while n < 280 {
        lengths[n] = if n < 256 { 9 } else { 7 };
        n += 1;
    }
    lengths
};
