//! Which streams are open on a connection, and how much each side has said on them: a stream's field sections and the
//! contents of its DATA frames, one after the other, are a stream inside the connection's.
//!
//! # References
//! - RFC 9113 §5.1 (states of a stream), §5.1.1 (their numbers), §8.1 (what they carry).

use std::ops::Range;

use crate::layer::{Direction, Group, Note, Severity};
use crate::map::Map;

/// More streams than this are not followed at once on a connection.
pub(super) const MAX_STREAMS: usize = 512;

/// What the header fields of all open streams of a connection may take together: an octet of a block may name 4 KiB of the
/// table, and as long as a stream is open what it has asked for is known.
const MAX_KEPT: usize = 4 << 20;

/// What was said on a stream.
#[derive(Debug, Clone, Copy)]
struct Said {
    /// How much its header fields take.
    kept: usize,
    /// How many octets, in each direction.
    octets: [u64; 2],
    /// Whether nothing more will come there.
    ended: [bool; 2],
}

/// The streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    open: Map<u32, Said>,
    /// How much the header fields of those take.
    kept: usize,
    /// The highest numbers: of those that the server opens, and of those that the client does.
    latest: [u32; 2],
    /// The frames of a direction cannot be found any more, or what they ask for cannot be read.
    lost: [bool; 2],
    /// It was told that there are too many.
    told: bool,
}

/// A stretch of what a stream carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Where it lies in what its sender says on the stream.
    pub(super) range: Range<u64>,
    pub(super) closes: bool,
    /// Nothing more will come on the stream, in either direction.
    pub(super) ends: bool,
}

impl Streams {
    /// A field section, or a part of one, on a stream; it may be its first.
    pub(super) fn section(
        &mut self,
        direction: Direction,
        stream: u32,
        len: u64,
        closes: bool,
        notes: &mut Vec<Note>,
    ) -> Option<Stretch> {
        let latest = &mut self.latest[(stream % 2) as usize];
        // "The identifier of a newly established stream MUST be numerically greater than all streams that the initiating
        // endpoint has opened or reserved" (RFC 9113 §5.1.1): with others nothing begins.
        if stream > *latest {
            *latest = stream;
            if self.open.len() < MAX_STREAMS {
                self.open.insert(stream, Said::new(stream, self.lost));
            } else if !std::mem::replace(&mut self.told, true) {
                let text = format!(
                    "more than {MAX_STREAMS} streams are open: what this one and others after it carry is not put together"
                );
                notes.push(Note::new(Severity::Warn, text, "RFC 9113 §5.1.2").about(Group::Undecoded));
            }
        }
        self.data(direction, stream, len, closes)
    }

    /// What a DATA frame brings to a stream.
    pub(super) fn data(&mut self, direction: Direction, stream: u32, len: u64, closes: bool) -> Option<Stretch> {
        let d = direction.index();
        let said = self.open.get_mut(&stream).filter(|said| !said.ended[d])?;
        let start = said.octets[d];
        said.octets[d] += len;
        said.ended[d] = closes;
        let ends = said.ended == [true; 2];
        if ends {
            self.forget(stream);
        }
        Some(Stretch { range: start..start + len, closes, ends })
    }

    /// RST_STREAM.
    pub(super) fn reset(&mut self, direction: Direction, stream: u32) -> Option<Stretch> {
        let at = self.forget(stream)?.octets[direction.index()];
        Some(Stretch { range: at..at, closes: false, ends: true })
    }

    /// Header fields of a direction cannot be read any more: nothing that is known begins with them.
    pub(super) fn mute(&mut self, direction: Direction) {
        self.lost[direction.index()] = true;
    }

    fn forget(&mut self, stream: u32) -> Option<Said> {
        let said = self.open.remove(&stream)?;
        self.kept -= said.kept;
        Some(said)
    }

    /// Header fields of so many octets are kept for this stream, as long as it is open; whether there is room for them.
    pub(super) fn keep(&mut self, stream: u32, octets: usize) -> bool {
        let Some(said) = self.open.get_mut(&stream) else { return true };
        let fits = self.kept + octets <= MAX_KEPT;
        if fits {
            said.kept += octets;
            self.kept += octets;
        }
        fits
    }

    /// How much the header fields of all open streams take.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Octets of a direction are missing: no frame of it can be found any more.
    pub(super) fn lose(&mut self, direction: Direction) {
        self.lost[direction.index()] = true;
        self.open.values_mut().for_each(|said| said.ended[direction.index()] = true);
        self.open.retain(|_, said| said.ended != [true; 2]);
        self.kept = self.open.values().map(|said| said.kept).sum();
    }
}

impl Said {
    /// A stream that begins with a field section: a request, a response that was promised, or one whose request was not
    /// captured, or is captured behind it. What a server makes up the client says nothing to.
    fn new(stream: u32, lost: [bool; 2]) -> Self {
        Self { kept: 0, octets: [0; 2], ended: [lost[0] || stream.is_multiple_of(2), lost[1]] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Direction = Direction::ToServer;
    const DOWN: Direction = Direction::ToClient;

    fn piece(range: Range<u64>, closes: bool, ends: bool) -> Option<Stretch> {
        Some(Stretch { range, closes, ends })
    }

    #[test]
    fn a_stream_is_open_until_both_have_ended_it() {
        let (mut streams, mut notes) = (Streams::default(), Vec::new());
        assert_eq!(streams.data(UP, 1, 5, false), None, "nothing was opened");
        assert_eq!(streams.section(UP, 1, 10, false, &mut notes), piece(0..10, false, false));
        assert_eq!(streams.data(UP, 1, 5, true), piece(10..15, true, false));
        assert_eq!(streams.data(UP, 1, 5, false), None, "it has ended there");
        assert_eq!(streams.section(DOWN, 1, 7, false, &mut notes), piece(0..7, false, false));
        assert_eq!(streams.data(DOWN, 1, 0, true), piece(7..7, true, true));
        assert_eq!(streams.section(UP, 1, 10, false, &mut notes), None, "no number is there twice");
        assert_eq!(streams.section(UP, 7, 1, false, &mut notes), piece(0..1, false, false));
        assert_eq!(streams.reset(DOWN, 7), piece(0..0, false, true));
        assert_eq!(streams.reset(DOWN, 7), None);
        assert_eq!(streams.section(DOWN, 2, 3, true, &mut notes), piece(0..3, true, true), "a push");
        assert!(notes.is_empty());
    }

    #[test]
    fn what_is_lost_ends_there() {
        let (mut streams, mut notes) = (Streams::default(), Vec::new());
        streams.section(UP, 1, 10, false, &mut notes);
        streams.section(UP, 3, 10, false, &mut notes);
        streams.section(DOWN, 3, 1, true, &mut notes);
        streams.lose(UP);
        assert_eq!(streams.open.len(), 1);
        assert_eq!(streams.section(DOWN, 1, 1, true, &mut notes), piece(0..1, true, true));
        assert_eq!(streams.section(DOWN, 5, 1, true, &mut notes), piece(0..1, true, true), "its request was not seen");
        assert!(streams.open.is_empty());
    }

    #[test]
    fn what_is_kept_for_them_is_bounded() {
        let (mut streams, mut notes) = (Streams::default(), Vec::new());
        for stream in [1, 3] {
            streams.section(UP, stream, 1, true, &mut notes);
        }
        assert!(streams.keep(1, MAX_KEPT - 1) && !streams.keep(3, 2) && streams.keep(3, 1));
        streams.section(DOWN, 1, 1, true, &mut notes);
        assert!(streams.kept == 1 && streams.keep(3, 2), "what is over takes nothing");
        streams.reset(DOWN, 3);
        assert_eq!(streams.kept, 0);
    }

    #[test]
    fn their_number_is_bounded_and_that_is_told_once() {
        let (mut streams, mut notes) = (Streams::default(), Vec::new());
        for n in 0..2000 {
            streams.section(UP, 2 * n + 1, 1, true, &mut notes);
        }
        assert_eq!((streams.open.len(), notes.len()), (MAX_STREAMS, 1));
        assert_eq!(streams.section(DOWN, 2 * 1500 + 1, 1, true, &mut notes), None, "nor its answer");
    }
}
