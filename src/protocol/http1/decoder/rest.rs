//! How an event stream is read on behind octets that are missing.
//!
//! A stream goes on for hours, and a program that lost a segment of it would lose all that comes later. An event ends with an
//! empty line, so behind the first one that is there the next event is whole (WHATWG HTML §9.2.6). In a body that comes in
//! chunks it must be known first where one begins: where a line is a size, and behind so many octets the line ends that a
//! chunk ends with (RFC 9112 §7.1). Few other octets look like that.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use super::HttpDecoder;
use crate::layer::{Direction, Group, Note, Severity};
use crate::message::{Draft, Head, Input, Progress, Sink};
use crate::protocol::http1::body::Framing;
use crate::protocol::http1::describe::HttpMessage;
use crate::protocol::http1::events::Events;
use crate::protocol::http1::head::RawHead;
use crate::protocol::http1::lost::{Lost, Why};
use crate::protocol::http1::open::Open;

/// In so many octets behind a gap a chunk is looked for.
const FAR: usize = 64 << 10;
/// With fewer octets it is looked for with each segment...
const SMALL: usize = 512;
/// ...else when such a part of what was there has come: octet by octet, looking would take their square.
const PART: usize = 8;
/// A size with more digits is none.
const MAX_DIGITS: usize = 8;

/// An event stream of which octets are missing.
pub(super) struct Rest {
    head: RawHead,
    texts: Arc<Head>,
    framing: Framing,
    /// In which octets a chunk was looked for last.
    looked: Looked,
}

/// In which octets a chunk was looked for, and not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Looked {
    offset: u64,
    /// With so many it is looked for again.
    again: usize,
    /// It may begin in them.
    is_unknown: bool,
}

/// Where a chunk begins.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    At(usize),
    /// It may be one whose end has not come.
    Unknown,
    Nowhere,
}

impl Rest {
    /// What is left of a message that was cut, if it is an event stream that can be read on.
    pub(super) fn of(open: &Open) -> Option<Self> {
        // Where its compression goes on nobody knows.
        let reads_on = open.events.as_ref().is_some_and(|events| events.is_plain());
        if !reads_on || open.framing == Framing::None {
            return None;
        }
        let mut head = open.head.clone();
        head.len = 0;
        Some(Self { head, texts: Arc::clone(&open.texts), framing: open.framing, looked: Looked::default() })
    }

    /// Whether its length says where it ends.
    fn has_length(&self) -> bool {
        matches!(self.framing, Framing::Length(_))
    }

    /// Where in these octets, which came behind a gap, it can be read on.
    fn place(&mut self, input: Input<'_>) -> Place {
        if self.framing != Framing::Chunked {
            return Place::At(0);
        }
        let (there, looked) = (input.bytes.len(), self.looked);
        if looked.offset == input.offset && there < looked.again && !input.end {
            return if looked.is_unknown { Place::Unknown } else { Place::Nowhere };
        }
        let place = chunk(input.bytes, input.end || there >= FAR);
        let again = if there < SMALL { 0 } else { there + there / PART };
        self.looked = Looked { offset: input.offset, again, is_unknown: place == Place::Unknown };
        place
    }

    /// The rest as a message that begins here.
    fn open(self, offset: u64) -> Open {
        let events = Some(Box::new(Events::behind_gap()));
        Open { events, is_rest: true, ..Open::new(self.head, self.texts, self.framing, offset) }
    }
}

/// Where the first chunk begins that is all there. Who asks for the last time is told the likely one, too, and no [`Place::Unknown`].
fn chunk(bytes: &[u8], last: bool) -> Place {
    let near = &bytes[..bytes.len().min(FAR)];
    // Its end may begin here.
    let mut place = if bytes.ends_with(b"\r") { Place::Unknown } else { Place::Nowhere };
    // One behind which too little has come to tell.
    let mut likely: Option<Range<usize>> = None;
    let mut is_doubtful = false;
    // Of the line end before it half may be missing.
    let front = usize::from(bytes.starts_with(b"\n"));
    for at in std::iter::once(front).chain(memmem::find_iter(near, b"\r\n").map(|at| at + 2)) {
        let fits = chunk_at(bytes, at);
        // The last octets of a chunk may look like a size, and the size of the next like what they announce.
        is_doubtful |= fits != Fits::Not && likely.as_ref().is_some_and(|chunk| at < chunk.end);
        match fits {
            Fits::Followed => return Place::At(at),
            Fits::Until(end) => likely = likely.or(Some(at..end)),
            Fits::Unknown => place = Place::Unknown,
            Fits::Not => {}
        }
    }
    match likely {
        Some(_) if is_doubtful && !last => Place::Unknown,
        Some(chunk) => Place::At(chunk.start),
        None if last => Place::Nowhere,
        None => place,
    }
}

/// How octets fit a chunk.
#[derive(Debug, PartialEq, Eq)]
enum Fits {
    /// All of it is there, and behind it another, or it is the last.
    Followed,
    /// All of it is there, up to here; of what is behind it too little.
    Until(usize),
    Not,
    /// Its end has not come.
    Unknown,
}

/// Whether a chunk begins here.
fn chunk_at(bytes: &[u8], at: usize) -> Fits {
    let (line, size) = match bytes.get(at..).and_then(size_line) {
        None => return Fits::Unknown,
        Some(None) => return Fits::Not,
        Some(Some((line, size))) => (line, size as usize),
    };
    let behind = bytes[at + line..].get(size..).unwrap_or_default();
    match ends_line(behind) {
        None => Fits::Unknown,
        Some(false) => Fits::Not,
        // Behind the last chunk anything may come.
        Some(true) if size == 0 => Fits::Followed,
        Some(true) => match size_line(&behind[2..]) {
            None => Fits::Until(at + line + size + 2),
            Some(None) => Fits::Not,
            Some(Some(_)) => Fits::Followed,
        },
    }
}

/// How long a line with the size of a chunk is, and the size; `Some(None)` if there is another, `None` if too little is there to
/// tell.
fn size_line(bytes: &[u8]) -> Option<Option<(usize, u32)>> {
    let digits = bytes.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    if digits > MAX_DIGITS || (digits == 0 && !bytes.is_empty()) || !ends_line(&bytes[digits..])? {
        return Some(None);
    }
    let size = bytes[..digits].iter().fold(0, |size, digit| size << 4 | (*digit as char).to_digit(16).unwrap_or(0));
    Some(Some((digits + 2, size)))
}

/// Whether these octets begin with the end of a line; `None` if too few are there to tell.
fn ends_line(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [] | [b'\r'] => None,
        _ => Some(bytes.starts_with(b"\r\n")),
    }
}

impl HttpDecoder {
    /// Comes behind octets that are missing, if those of a body of known length are and no others. What is left of it is passed
    /// over, or read on if it is an event stream.
    pub(super) fn cross(&mut self, direction: Direction, missing: &Range<u64>) -> bool {
        let d = direction.index();
        // Nothing may have come of it between two gaps.
        let begun = || self.open[d].as_ref().filter(|open| open.is_rest && open.taken == 0).and_then(Open::end);
        let Some(end) = self.skip_to[d].or_else(begun) else { return false };
        if self.skip_to[d].is_none() {
            self.rest[d] = self.open[d].take().as_ref().and_then(Rest::of).map(Box::new);
        }
        let rest = self.rest[d].take_if(|rest| rest.has_length());
        self.skip_to[d] = Some(end).filter(|end| missing.end < *end);
        if let (Some(rest), Some(_)) = (rest, self.skip_to[d]) {
            self.open[d] = Some(Rest { framing: Framing::Length(end - missing.end), ..*rest }.open(missing.end));
            self.skip_to[d] = None;
        }
        missing.end <= end
    }

    /// Goes on with an event stream of which octets are missing; `None` if there is none, or not here.
    pub(super) fn read_on(
        &mut self,
        lost: &mut Lost,
        input: Input<'_>,
        sink: &mut dyn Sink,
    ) -> Option<Result<(), Progress>> {
        let d = input.direction.index();
        match self.rest[d].as_mut()?.place(input) {
            Place::Unknown => Some(Err(Progress::NeedMore)),
            Place::Nowhere => None,
            Place::At(0) => {
                let mut open = (*self.rest[d].take()?).open(input.offset);
                open.notes.extend(lost.note());
                (self.open[d], self.lost[d]) = (Some(open), None);
                Some(Ok(()))
            }
            Place::At(at) => {
                let before = Input { bytes: &input.bytes[..at], end: false, ..input };
                let progress = lost.pass(before, sink);
                self.lost[d] = Some(*lost);
                Some(Err(progress))
            }
        }
    }

    /// Hands out what was read of the rest of an event stream, up to its end if it is `whole`.
    pub(super) fn finish_rest(
        &mut self,
        mut open: Open,
        input: Input<'_>,
        (len, whole): (u64, bool),
        sink: &mut dyn Sink,
    ) -> Progress {
        open.events.iter_mut().for_each(|events| events.end(whole, sink));
        let payload = HttpMessage::left(len);
        let text = "octets are missing of the event stream that this belongs to: it is read on from here";
        let mut notes = vec![Note::new(Severity::Note, text, "WHATWG HTML §9.2.6").about(Group::Undecoded)];
        notes.append(&mut open.notes);
        let range = open.start..open.start + len;
        sink.message(Draft { direction: input.direction, range, payload: &payload, notes, complete: false });
        Progress::Consumed((len as usize).saturating_sub(open.taken))
    }

    /// What seemed to be a chunk is followed by none: it was not one, or the server breaks the rules.
    pub(super) fn lose_rest(&mut self, direction: Direction) {
        self.lost[direction.index()] = Some(Lost::new(Why::Gap));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::head;

    /// Where more may come.
    fn chunk(bytes: &[u8]) -> Place {
        super::chunk(bytes, false)
    }

    #[test]
    fn a_chunk_is_found_where_its_size_fits() {
        assert_eq!(chunk(b"5\r\nhello\r\n"), Place::At(0));
        assert_eq!(chunk(b"lo\r\n0b\r\nhello world\r\n"), Place::At(4));
        assert_eq!(chunk(b"data: 1\r\n\r\nabc\r\n\r\n3\r\nxyz\r\n"), Place::At(18), "a line may look like a size");
        assert_eq!(chunk(b"\n\r\n0\r\n\r\n"), Place::At(3), "the last one");
        assert_eq!(chunk(b"\n5\r\nhello\r\n"), Place::At(1));
        // What a chunk ends with may look like a size, and the size behind it like what that announces.
        assert_eq!(chunk(b"2\r\n0c\r\n"), Place::Unknown);
        assert_eq!(chunk(b"2\r\n0c\r\nhello world!"), Place::Unknown);
        assert_eq!(chunk(b"2\r\n0c\r\nhello world!\r\n"), Place::At(3));
        assert_eq!(chunk(b"2\r\n0c\r\n5\r\n"), Place::At(0));
        // If no more comes, the first that may be one is.
        assert_eq!((chunk(b"3\r\nabc\r\n"), super::chunk(b"3\r\nabc\r\n", true)), (Place::Unknown, Place::At(0)));
        assert_eq!(super::chunk(b"9\r\nabc\r\n", true), Place::Nowhere);
        for whole in [&b"5\r\nhello\r\n"[..], b"lo\r\n5\r\nhello\r\n"] {
            let begins = if whole[0] == b'5' { 0 } else { 3 };
            for cut in begins..whole.len() {
                assert_eq!(chunk(&whole[..cut]), Place::Unknown, "{cut}");
            }
        }
        for none in
            [&b"data: x\n\n"[..], b"123456789\r\nx", b"5;x=1\r\nhello\r\nx", b"4\r\nhello\r\n\r\n\x00", b"x\r\ny"]
        {
            assert_eq!(chunk(none), Place::Nowhere, "{none:?}");
        }
    }

    /// However small the pieces are in which octets come, looking for a chunk does not take their square: it is looked for
    /// with each of the first few, and then when an eighth more has come.
    #[test]
    fn octets_that_come_one_by_one_are_not_looked_at_with_each() {
        let head::Read::Complete(head) = head::read(Direction::ToClient, b"HTTP/1.1 200 OK\r\n\r\n") else {
            unreachable!("it is a head");
        };
        let texts = Arc::default();
        let mut rest = Rest { head, texts, framing: Framing::Chunked, looked: Looked::default() };
        let lines = b"7fff\r\n".repeat(FAR / 6 + 1);
        let input = |there: usize, end: bool| Input {
            direction: Direction::ToClient,
            offset: 7,
            bytes: &lines[..there],
            end,
            closed: end,
        };
        let mut looks = 0;
        for there in SMALL..=FAR {
            let before = rest.looked;
            let place = rest.place(input(there, false));
            looks += usize::from(rest.looked != before);
            assert_eq!(place == Place::Unknown, there < rest.looked.again && rest.looked.is_unknown, "{there}");
        }
        // 512 times nine eighths to this power is 65 536.
        assert!((20..=42).contains(&looks), "{looks}");
        assert_eq!(rest.place(input(FAR / 2, true)), Place::Nowhere, "at the end it is looked for in any case");
        // What was not found in some octets may be in others.
        assert_eq!(rest.place(Input { offset: 9, bytes: b"5\r\nhello\r\n", ..input(1, false) }), Place::At(0));
    }
}
