//! Octets → who says what. The scheme is as simple as can be, so that a fuzzer can grow, cut and swap turns:
//!
//! ```text
//! control  length  octets…      again and again; the last turn may be shorter than it says
//!
//! control  bit 0     1: to the client
//!          bits 1-3  what becomes of it: 0-2 nothing, 3 captured before the one before, 4 lost, 5 captured twice,
//!                    6 the sender closes after it, 7 the sender resets after it
//!          bit 6     1: the target puts it into a frame or message of the protocol; 0: as it is
//!          bit 7     1: the length counts 16 octets
//! ```

use wiretale::layer::Direction;

/// A segment: who sends what, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    pub direction: Direction,
    pub fate: Fate,
    /// Whether the target puts the octets into a frame or message of its protocol.
    pub wrapped: bool,
    pub bytes: &'a [u8],
}

/// What becomes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Plain,
    /// Captured before the segment before it.
    Early,
    /// Numbered, but not captured.
    Lost,
    /// Captured a second time.
    Twice,
    /// The sender closes after it.
    Fin,
    /// The sender resets the connection after it.
    Reset,
}

const TO_CLIENT: u8 = 1;
const WRAPPED: u8 = 0x40;
const LONG: u8 = 0x80;

/// Reads turns from octets.
pub fn read(mut data: &[u8]) -> Vec<Turn<'_>> {
    let mut turns = Vec::new();
    while let [control, len, rest @ ..] = data {
        let len = usize::from(*len) * if control & LONG == 0 { 1 } else { 16 };
        let (bytes, rest) = rest.split_at(len.min(rest.len()));
        let direction = if control & TO_CLIENT == 0 { Direction::ToServer } else { Direction::ToClient };
        let fate = match (control >> 1) & 7 {
            0..=2 => Fate::Plain,
            3 => Fate::Early,
            4 => Fate::Lost,
            5 => Fate::Twice,
            6 => Fate::Fin,
            _ => Fate::Reset,
        };
        turns.push(Turn { direction, fate, wrapped: control & WRAPPED != 0, bytes });
        data = rest;
    }
    turns
}

/// Writes a turn as [`read`] reads it; octets beyond what its length can say go into further turns.
pub fn write(out: &mut Vec<u8>, direction: Direction, wrapped: bool, bytes: &[u8]) {
    let control = if direction == Direction::ToServer { 0 } else { TO_CLIENT } | if wrapped { WRAPPED } else { 0 };
    let (whole, rest) = match bytes.len() {
        0..=255 => (&[][..], bytes),
        len => bytes.split_at(len / 16 * 16),
    };
    for part in whole.chunks(255 * 16) {
        out.extend([control | LONG, (part.len() / 16) as u8]);
        out.extend(part);
    }
    if !rest.is_empty() || whole.is_empty() {
        out.extend([control, rest.len() as u8]);
        out.extend(rest);
    }
}
