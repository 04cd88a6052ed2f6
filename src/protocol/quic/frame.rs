//! The frames in a packet: where each lies, its numbers, and the octets that it brings.
//!
//! ```text
//! type │ numbers … │ octets …          STREAM: 08 to 0f │ stream │ [offset] │ [length] │ octets
//! ```
//!
//! # References
//! - RFC 9000 §12.4, §19. DATAGRAM: RFC 9221 §4.

use std::ops::{Range, RangeInclusive};

use super::varint::varint;

/// Of the ranges of an ACK frame no more are kept.
const MAX_RANGES: u64 = 64;
/// Behind the connection ID of a NEW_CONNECTION_ID frame (RFC 9000 §19.15).
const RESET_TOKEN: usize = 16;

/// The types of frames that mean something beyond their packet.
pub mod kind {
    /// Zeros that fill a packet.
    pub const PADDING: u64 = 0;
    /// The two types of ACK.
    pub const ACK: std::ops::RangeInclusive<u64> = 2..=3;
    /// RESET_STREAM.
    pub const RESET_STREAM: u64 = 4;
    /// CRYPTO.
    pub const CRYPTO: u64 = 6;
    /// The first and the last type of STREAM.
    pub const STREAM: std::ops::RangeInclusive<u64> = 8..=15;
    /// CONNECTION_CLOSE of QUIC itself.
    pub const CLOSE: u64 = 0x1c;
    /// CONNECTION_CLOSE of the application.
    pub const CLOSE_APP: u64 = 0x1d;
}

/// The bits of a STREAM frame's type (RFC 9000 §19.8).
const FIN: u64 = 1;
const LEN: u64 = 2;
const OFF: u64 = 4;

/// One frame. All ranges count in the content of its packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is, by its number.
    pub kind: u64,
    /// All of it. Of PADDING all zeros that follow each other are one.
    pub range: Range<usize>,
    /// The numbers behind the type, in their order. Of an ACK frame with many ranges the last are left out.
    pub numbers: Vec<(Range<usize>, u64)>,
    /// The octets that it brings: data, a token, a reason. Empty if it brings none.
    pub data: Range<usize>,
}

/// What a STREAM frame brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamData {
    /// The number of the stream.
    pub id: u64,
    /// Where in the stream its octets begin.
    pub offset: u64,
    /// The octets, as a range of the packet's content.
    pub data: Range<usize>,
    /// The stream ends behind them.
    pub fin: bool,
}

/// Why a connection is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The number of the reason.
    pub code: u64,
    /// It is the application that closes, and numbers its reasons; otherwise QUIC does (RFC 9000 §20).
    pub is_of_application: bool,
    /// The same in words, as a range of the packet's content.
    pub reason: Range<usize>,
}

impl Frame {
    /// What it says, if it is a CONNECTION_CLOSE frame.
    pub fn close(&self) -> Option<Close> {
        let is_of_application = self.kind == kind::CLOSE_APP;
        (is_of_application || self.kind == kind::CLOSE).then_some(())?;
        Some(Close { code: self.number(0)?, is_of_application, reason: self.data.clone() })
    }

    /// What it brings, if it is a STREAM frame.
    pub fn stream(&self) -> Option<StreamData> {
        if !kind::STREAM.contains(&self.kind) {
            return None;
        }
        let offset = if self.kind & OFF == 0 { 0 } else { self.number(1)? };
        Some(StreamData { id: self.number(0)?, offset, data: self.data.clone(), fin: self.kind & FIN != 0 })
    }

    /// The stream that its sender breaks off, if it is a RESET_STREAM frame.
    pub fn reset(&self) -> Option<u64> {
        self.number(0).filter(|_| self.kind == kind::RESET_STREAM)
    }

    /// The numbers of the packets that it says came, if it is an ACK frame: the highest, and those without a break before it.
    pub fn acknowledged(&self) -> Option<RangeInclusive<u64>> {
        kind::ACK.contains(&self.kind).then_some(())?;
        let (largest, before) = (self.number(0)?, self.number(3)?);
        Some(largest.saturating_sub(before)..=largest)
    }

    /// Where in the handshake its octets begin, and they, if it is a CRYPTO frame.
    pub fn crypto(&self) -> Option<(u64, Range<usize>)> {
        (self.kind == kind::CRYPTO).then_some(())?;
        Some((self.number(0)?, self.data.clone()))
    }

    fn number(&self, index: usize) -> Option<u64> {
        self.numbers.get(index).map(|(_, number)| *number)
    }
}

/// What the number is called by which QUIC says why it closes a connection (RFC 9000 §20.1).
pub fn transport_error(code: u64) -> Option<&'static str> {
    Some(match code {
        0 => "NO_ERROR",
        1 => "INTERNAL_ERROR",
        2 => "CONNECTION_REFUSED",
        3 => "FLOW_CONTROL_ERROR",
        4 => "STREAM_LIMIT_ERROR",
        5 => "STREAM_STATE_ERROR",
        6 => "FINAL_SIZE_ERROR",
        7 => "FRAME_ENCODING_ERROR",
        8 => "TRANSPORT_PARAMETER_ERROR",
        9 => "CONNECTION_ID_LIMIT_ERROR",
        0xa => "PROTOCOL_VIOLATION",
        0xb => "INVALID_TOKEN",
        0xc => "APPLICATION_ERROR",
        0xd => "CRYPTO_BUFFER_EXCEEDED",
        0xe => "KEY_UPDATE_ERROR",
        0xf => "AEAD_LIMIT_REACHED",
        0x10 => "NO_VIABLE_PATH",
        // An alert of TLS, by its number.
        0x100..=0x1ff => "CRYPTO_ERROR",
        _ => return None,
    })
}

/// Goes over the frames of a packet. It ends where the packet does, or where something is that is no frame: then
/// [`Frames::at`] is before the end.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    content: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// The frames in this content.
    pub fn new(content: &'a [u8]) -> Self {
        Self { content, at: 0 }
    }

    /// Up to where they were read.
    pub fn at(&self) -> usize {
        self.at
    }

    fn read(&self) -> Option<Frame> {
        let (_, kind) = varint(self.content, self.at)?;
        let mut reader = Reader { content: self.content, at: self.at, numbers: Vec::new() };
        reader.number()?;
        reader.numbers.clear();
        let data = reader.body(kind)?;
        Some(Frame { kind, range: self.at..reader.at, numbers: reader.numbers, data })
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let frame = self.read()?;
        self.at = frame.range.end;
        Some(frame)
    }
}

struct Reader<'a> {
    content: &'a [u8],
    at: usize,
    numbers: Vec<(Range<usize>, u64)>,
}

impl Reader<'_> {
    /// What stands behind the type; returns where the octets lie that the frame brings.
    fn body(&mut self, kind: u64) -> Option<Range<usize>> {
        match kind {
            kind::PADDING => {
                let zeros = self.content.get(self.at..)?.iter().take_while(|octet| **octet == 0).count();
                self.at += zeros;
            }
            // PING, HANDSHAKE_DONE.
            1 | 0x1e => {}
            2 | 3 => self.ack(kind == 3)?,
            // RESET_STREAM, STOP_SENDING.
            4 => self.some(3)?,
            5 => self.some(2)?,
            // CRYPTO; NEW_TOKEN.
            6 => {
                self.some(2)?;
                return self.counted();
            }
            7 => {
                self.some(1)?;
                return self.counted();
            }
            8..=15 => return self.stream(kind),
            // MAX_DATA, MAX_STREAMS, DATA_BLOCKED, STREAMS_BLOCKED, RETIRE_CONNECTION_ID.
            0x10 | 0x12..=0x14 | 0x16 | 0x17 | 0x19 => self.some(1)?,
            // MAX_STREAM_DATA, STREAM_DATA_BLOCKED.
            0x11 | 0x15 => self.some(2)?,
            0x18 => {
                self.some(2)?;
                let len = usize::from(*self.content.get(self.at)?);
                return self.take(1 + len + RESET_TOKEN);
            }
            // PATH_CHALLENGE, PATH_RESPONSE.
            0x1a | 0x1b => return self.take(8),
            kind::CLOSE => {
                self.some(3)?;
                return self.counted();
            }
            kind::CLOSE_APP => {
                self.some(2)?;
                return self.counted();
            }
            // DATAGRAM, to the end or with its length.
            0x30 => return self.take(self.content.len() - self.at),
            0x31 => {
                self.some(1)?;
                return self.counted();
            }
            _ => return None,
        }
        Some(self.at..self.at)
    }

    /// Largest, delay, how many ranges, the first, then two numbers for each; with ECN three more (RFC 9000 §19.3).
    fn ack(&mut self, has_ecn: bool) -> Option<()> {
        self.some(4)?;
        let ranges = self.numbers.get(2)?.1.min(self.content.len() as u64);
        for range in 0..ranges {
            self.some(2)?;
            if range >= MAX_RANGES {
                self.numbers.truncate(self.numbers.len() - 2);
            }
        }
        if has_ecn { self.some(3) } else { Some(()) }
    }

    fn stream(&mut self, kind: u64) -> Option<Range<usize>> {
        self.some(1)?;
        if kind & OFF != 0 {
            self.some(1)?;
        }
        if kind & LEN == 0 {
            return self.take(self.content.len() - self.at);
        }
        self.some(1)?;
        self.counted()
    }

    fn number(&mut self) -> Option<()> {
        let (range, number) = varint(self.content, self.at)?;
        self.at = range.end;
        self.numbers.push((range, number));
        Some(())
    }

    fn some(&mut self, count: usize) -> Option<()> {
        (0..count).try_for_each(|_| self.number())
    }

    /// As many octets as the last number says.
    fn counted(&mut self) -> Option<Range<usize>> {
        let len = usize::try_from(self.numbers.last()?.1).ok()?;
        self.take(len)
    }

    fn take(&mut self, len: usize) -> Option<Range<usize>> {
        let range = self.at..self.at.checked_add(len)?;
        self.content.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::hex;

    /// One of each, as RFC 9000 §19 draws them.
    const EACH: &[(u64, &str, &[u64], &str)] = &[
        (0, "000000", &[], ""),
        (1, "01", &[], ""),
        (2, "02 0a 4019 01 02 03 04", &[10, 25, 1, 2, 3, 4], ""),
        (3, "03 0a 01 00 02 05 06 07", &[10, 1, 0, 2, 5, 6, 7], ""),
        (4, "04 08 4100 0c", &[8, 256, 12], ""),
        (5, "05 08 4100", &[8, 256], ""),
        (6, "06 05 03 616263", &[5, 3], "616263"),
        (7, "07 02 6162", &[2], "6162"),
        (0xa, "0a 04 02 6869", &[4, 2], "6869"),
        (0xe, "0e 04 4064 02 6869", &[4, 100, 2], "6869"),
        (0xb, "0b 04 00", &[4, 0], ""),
        (0x10, "10 4400", &[1024], ""),
        (0x11, "11 04 4400", &[4, 1024], ""),
        (0x18, "18 01 00 02 abcd 00112233445566778899aabbccddeeff", &[1, 0], "02abcd00112233445566778899aabbccddeeff"),
        (0x1a, "1a 0102030405060708", &[], "0102030405060708"),
        (0x1c, "1c 0a 06 02 6f68", &[10, 6, 2], "6f68"),
        (0x1d, "1d 4100 00", &[256, 0], ""),
        (0x1e, "1e", &[], ""),
        (0x31, "31 02 6869", &[2], "6869"),
    ];

    #[test]
    fn decodes() {
        for (kind, octets, numbers, data) in EACH {
            let octets = hex(octets);
            // Another frame follows, which begins where this one ends.
            let content = [&octets[..], &[1]].concat();
            let mut frames = Frames::new(&content);
            let frame = frames.next().unwrap_or_else(|| panic!("{kind:x}"));
            assert_eq!((frame.kind, frame.range.clone()), (*kind, 0..octets.len()));
            assert_eq!(frame.numbers.iter().map(|(_, number)| *number).collect::<Vec<_>>(), *numbers, "{kind:x}");
            assert_eq!(content[frame.data], hex(data)[..], "{kind:x}");
            assert_eq!(frames.next().map(|frame| frame.kind), Some(1));
            assert_eq!((frames.next(), frames.at()), (None, content.len()));
        }
    }

    #[test]
    fn streams_end_where_their_packet_does() {
        let content = hex("0d 4044 4064 686921");
        let stream = Frames::new(&content).next().unwrap().stream().unwrap();
        assert_eq!(stream, StreamData { id: 68, offset: 100, data: 5..8, fin: true });
        let content = hex("08 00");
        let stream = Frames::new(&content).next().unwrap().stream().unwrap();
        assert_eq!(stream, StreamData { id: 0, offset: 0, data: 2..2, fin: false });
    }

    #[test]
    fn what_closes_a_connection_says_why() {
        let close = |octets: &str| Frames::new(&hex(octets)).next().unwrap().close();
        let close_of = |code, is_of_application, reason| Some(Close { code, is_of_application, reason });
        assert_eq!(close("1c 0a 06 02 6f68"), close_of(10, false, 4..6));
        assert_eq!(close("1d 4100 00"), close_of(0x100, true, 4..4));
        assert_eq!(close("01"), None);
        assert_eq!(transport_error(10), Some("PROTOCOL_VIOLATION"));
        assert_eq!(transport_error(0x12a), Some("CRYPTO_ERROR"));
        assert_eq!(transport_error(0x11), None);
    }

    #[test]
    fn empty() {
        assert_eq!(Frames::new(&[]).next(), None);
    }

    #[test]
    fn cut_short() {
        for (kind, octets, ..) in EACH.iter().skip(1) {
            let octets = hex(octets);
            for len in 0..octets.len() {
                assert_eq!(Frames::new(&octets[..len]).next(), None, "{kind:x} {len}");
            }
        }
    }

    #[test]
    fn wrong_length() {
        for content in ["06 00 ffffffffffffffff", "0a 04 ffffffffffffffff 00", "18 01 00 ff 00", "21 00", "40 40"] {
            let content = hex(content);
            let mut frames = Frames::new(&content);
            assert_eq!((frames.next(), frames.at()), (None, 0), "{content:x?}");
        }
        // More ranges than there are octets.
        assert_eq!(Frames::new(&hex("02 0a 00 ffffffffffffffff 00 01 01")).next(), None);
        let many = [&[2, 0, 0, 0x40, 200, 0][..], &[1; 400]].concat();
        let frame = Frames::new(&many).next().unwrap();
        assert_eq!((frame.range.end, frame.numbers.len()), (many.len(), 4 + 2 * 64), "what is kept is bounded");
    }
}
