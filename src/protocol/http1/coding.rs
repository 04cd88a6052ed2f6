//! Content codings undone: what a body says before it was compressed, within bounds.
//!
//! # References
//! - RFC 9110 §8.4 (Content-Encoding), §8.4.1 (the codings); RFC 1952 (gzip), 1950 (zlib), 1951 (deflate), 7932 (br).

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

use super::body::Cursor;
use crate::layer::{Group, Note, Severity};
use crate::message::Head;

const SPEC: &str = "RFC 9110 §8.4";
/// No more than this is decoded at once.
const MAX_DECODED: usize = 16 << 20;
/// A body may say this many times more than it has octets, and [`ALLOWANCE`] on top.
const MAX_RATIO: u64 = 1100;
const ALLOWANCE: u64 = 1 << 20;
/// No more codings are undone one after the other.
const MAX_STAGES: usize = 4;
const PIECE: usize = 16 << 10;
/// So many octets of memory a stage takes without its window, about: buffers and tables.
const STAGE: usize = 48 << 10;
/// What a gzip file begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a body could not be decoded, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::protocol) enum Fault {
    #[error("the content coding `{0}` cannot be undone here")]
    Unknown(String),
    #[error("the body is not what Content-Encoding says: {0}")]
    Corrupt(String),
    #[error("the compressed body ends before its end: what it says is not complete")]
    Short,
    #[error("the body decodes to more than {MAX_DECODED} octets: it is not decoded")]
    TooLarge,
    #[error(
        "the body decodes to more than {MAX_RATIO} times its size, as a decompression bomb does: it is not decoded"
    )]
    TooDense,
    #[error("{0} octets stand behind the end of the compressed body")]
    Trailing(usize),
}

impl Fault {
    pub(in crate::protocol) fn note(&self) -> Note {
        let (severity, spec) = match self {
            Self::Unknown(_) => (Severity::Note, "RFC 9110 §8.4.1"),
            Self::TooLarge | Self::TooDense => (Severity::Warn, ""),
            Self::Trailing(_) => (Severity::Warn, SPEC),
            Self::Corrupt(_) | Self::Short => (Severity::Error, SPEC),
        };
        Note::new(severity, self.to_string(), spec).about(Group::Undecoded)
    }
}

/// The codings that header fields name, in the order in which they were applied; `identity` is none.
pub(super) fn codings<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    let tokens = values.flat_map(|value| value.split(',')).map(|token| token.trim().to_ascii_lowercase());
    tokens.filter(|token| !token.is_empty() && token != "identity").collect()
}

/// The codings to undo in a body under these header fields. A part of a coded body cannot be decoded alone, and not
/// every body is there: a response to HEAD has none.
pub(super) fn to_undo(head: &Head, body: &[u8]) -> Option<Vec<String>> {
    let codings = codings(head.all("content-encoding"));
    (!codings.is_empty() && !body.is_empty() && head.get("content-range").is_none()).then_some(codings)
}

/// Decodes a whole body. Octets behind its end are a fault that does not take the body away.
pub(super) fn decode(codings: &[String], body: &[u8]) -> (Option<Vec<u8>>, Option<Fault>) {
    let mut out = Vec::new();
    let done = Undoing::new(codings).and_then(|mut undoing| {
        undoing.push(body, &mut out)?;
        Ok((undoing.finish()?, undoing))
    });
    match done {
        Ok((0, _)) => (Some(out), None),
        Ok((trailing, _)) => (Some(out), Some(Fault::Trailing(trailing))),
        Err(fault) => (None, Some(fault)),
    }
}

/// Undoes the codings of a body that is not kept, to see whether that can be done.
pub(in crate::protocol) struct Undone {
    undoing: Result<Undoing, Fault>,
    /// How far the body was read.
    pub(super) cursor: Cursor,
    out: Vec<u8>,
}

impl Undone {
    /// For the body of a message with these header fields, if it has codings to undo.
    pub(in crate::protocol) fn of(head: &Head) -> Option<Self> {
        let undoing = Undoing::new(&to_undo(head, &[0])?);
        Some(Self { undoing, cursor: Cursor::default(), out: Vec::new() })
    }

    /// How many octets of memory it keeps.
    pub(in crate::protocol) fn kept(&self) -> usize {
        self.out.capacity() + self.undoing.as_ref().map_or(0, Undoing::kept)
    }

    /// Takes the next octets of the body.
    pub(in crate::protocol) fn push(&mut self, bytes: &[u8]) {
        let Ok(undoing) = &mut self.undoing else { return };
        self.out.clear();
        let pushed = undoing.push(bytes, &mut self.out);
        let is_large = undoing.total_out > MAX_DECODED as u64;
        if let Err(fault) = pushed.and(if is_large { Err(Fault::TooLarge) } else { Ok(()) }) {
            self.undoing = Err(fault);
        }
    }

    /// The body is there: what is wrong with it.
    pub(in crate::protocol) fn finish(&mut self) -> Option<Fault> {
        match &mut self.undoing {
            Ok(undoing) => match undoing.finish() {
                Ok(0) => None,
                Ok(trailing) => Some(Fault::Trailing(trailing)),
                Err(fault) => Some(fault),
            },
            Err(fault) => Some(fault.clone()),
        }
    }
}

/// Undoes codings while the body comes.
pub(super) struct Undoing {
    /// The coding applied last is undone first.
    stages: Vec<Stage>,
    total_in: u64,
    total_out: u64,
}

impl Undoing {
    pub(super) fn new(codings: &[String]) -> Result<Self, Fault> {
        if codings.len() > MAX_STAGES {
            return Err(Fault::Unknown(codings.join(", ")));
        }
        let stages = codings.iter().rev().map(|coding| Stage::new(coding)).collect::<Result<_, _>>()?;
        Ok(Self { stages, total_in: 0, total_out: 0 })
    }

    /// How many octets of memory it keeps: of what was said the window of each coding, of which only Brotli's may be large.
    pub(super) fn kept(&self) -> usize {
        let said = usize::try_from(self.total_out).unwrap_or(usize::MAX);
        self.stages.iter().map(|stage| STAGE + said.min(stage.window())).sum()
    }

    /// Takes the next octets of the body and appends what they say to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        for piece in bytes.chunks(PIECE) {
            let mut said = piece.to_vec();
            for stage in &mut self.stages {
                let mut next = Bounded { bytes: Vec::new(), room: MAX_DECODED };
                stage.push(&said, &mut next)?;
                said = next.bytes;
            }
            self.total_in += piece.len() as u64;
            self.total_out += said.len() as u64;
            if self.total_out > self.total_in.saturating_mul(MAX_RATIO).saturating_add(ALLOWANCE) {
                return Err(Fault::TooDense);
            }
            if out.len() + said.len() > MAX_DECODED {
                return Err(Fault::TooLarge);
            }
            out.append(&mut said);
        }
        Ok(())
    }

    /// The body has ended. Returns how many octets stood behind the end of what was compressed.
    pub(super) fn finish(&mut self) -> Result<usize, Fault> {
        let mut trailing = 0;
        for stage in &mut self.stages {
            trailing += stage.finish()?;
        }
        Ok(trailing)
    }
}

/// One coding.
struct Stage {
    format: Format,
    /// How many octets came of the two that every gzip file begins with.
    magic: usize,
    /// What is compressed has ended.
    ended: bool,
    trailing: usize,
}

enum Format {
    Gzip(Box<GzDecoder<Bounded>>),
    /// `None` until its first octet tells whether it is zlib or bare deflate.
    Deflate(Option<Box<Decompress>>),
    Brotli(Box<DecompressorWriter<Bounded>>),
}

impl Stage {
    /// How far back it may point, at the most.
    fn window(&self) -> usize {
        match self.format {
            Format::Gzip(_) | Format::Deflate(_) => 32 << 10,
            Format::Brotli(_) => 16 << 20,
        }
    }

    fn new(coding: &str) -> Result<Self, Fault> {
        let format = match coding {
            // "A recipient SHOULD consider "x-gzip" to be equivalent to "gzip"." RFC 9110 §8.4.1.3
            "gzip" | "x-gzip" => Format::Gzip(Box::new(GzDecoder::new(Bounded::default()))),
            "deflate" => Format::Deflate(None),
            "br" => Format::Brotli(Box::new(DecompressorWriter::new(Bounded::default(), PIECE))),
            other => return Err(Fault::Unknown(other.chars().take(32).collect())),
        };
        Ok(Self { format, magic: 0, ended: false, trailing: 0 })
    }

    fn push(&mut self, bytes: &[u8], out: &mut Bounded) -> Result<(), Fault> {
        if matches!(self.format, Format::Gzip(_)) && self.magic < MAGIC.len() {
            self.begins_as_gzip(bytes)?;
        }
        let mut rest = bytes;
        while !rest.is_empty() && !self.ended {
            let taken = match &mut self.format {
                Format::Gzip(decoder) => through(decoder.as_mut(), rest, GzDecoder::get_mut, out)?,
                Format::Brotli(decoder) => through(decoder.as_mut(), rest, DecompressorWriter::get_mut, out)?,
                Format::Deflate(inflate) => {
                    let inflate = inflate.get_or_insert_with(|| Box::new(Decompress::new(is_zlib(rest[0]))));
                    let begin = inflate.total_in();
                    self.ended = inflated(inflate, rest, out)?;
                    rest = &rest[((inflate.total_in() - begin) as usize).min(rest.len())..];
                    continue;
                }
            };
            rest = &rest[taken..];
            self.ended = taken == 0 && !self.next_member(rest);
        }
        self.trailing += rest.len();
        Ok(())
    }

    /// ID1 and ID2 "identify the file as being in gzip format" (RFC 1952 §2.3.1): what is too short for a header is no gzip that
    /// ends too early if it does not begin as one.
    fn begins_as_gzip(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        for (octet, expected) in bytes.iter().zip(&MAGIC[self.magic..]) {
            if octet != expected {
                return Err(Fault::Corrupt("invalid gzip header".to_owned()));
            }
            self.magic += 1;
        }
        Ok(())
    }

    /// "A gzip file consists of a series of "members"" (RFC 1952 §2.2).
    fn next_member(&mut self, rest: &[u8]) -> bool {
        let Format::Gzip(decoder) = &mut self.format else { return false };
        let begins = rest.first() == Some(&0x1f) && decoder.try_finish().is_ok();
        if begins {
            **decoder = GzDecoder::new(Bounded::default());
        }
        begins
    }

    fn finish(&mut self) -> Result<usize, Fault> {
        let whole = match &mut self.format {
            // Only a decoder that has its checksum takes no further octet.
            Format::Gzip(decoder) => match decoder.write(&[0]) {
                Ok(0) => decoder.try_finish(),
                Ok(_) | Err(_) => return Err(Fault::Short),
            },
            // What is wrong in it was told when it came.
            Format::Brotli(decoder) => return decoder.close().map_or(Err(Fault::Short), |()| Ok(self.trailing)),
            Format::Deflate(_) if self.ended => Ok(()),
            Format::Deflate(_) => return Err(Fault::Short),
        };
        whole.map_err(|error| Fault::Corrupt(error.to_string()))?;
        Ok(self.trailing)
    }
}

/// "Some non-conformant implementations send the "deflate" compressed data without the zlib wrapper" (RFC 9110
/// §8.4.1.2). With it the first octet's low half is 8 (RFC 1950 §2.2), which no sensible bare stream begins with.
fn is_zlib(first: u8) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7
}

/// Writes octets into a decoder and takes what came out of it. Returns how many it took; none when it has ended.
fn through<W: Write>(
    decoder: &mut W,
    bytes: &[u8],
    inner: impl Fn(&mut W) -> &mut Bounded,
    out: &mut Bounded,
) -> Result<usize, Fault> {
    inner(decoder).room = out.room - out.bytes.len();
    let taken = decoder.write(bytes).and_then(|taken| decoder.flush().map(|()| taken));
    let taken = taken.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => Fault::TooLarge,
        _ => Fault::Corrupt(error.to_string()),
    });
    out.bytes.append(&mut inner(decoder).bytes);
    taken
}

/// Inflates all of `bytes`. Returns whether the stream has ended.
fn inflated(inflate: &mut Decompress, bytes: &[u8], out: &mut Bounded) -> Result<bool, Fault> {
    let begin = inflate.total_in();
    loop {
        let rest = &bytes[((inflate.total_in() - begin) as usize).min(bytes.len())..];
        if out.bytes.len() >= out.room {
            return Err(Fault::TooLarge);
        }
        out.bytes.reserve(PIECE);
        let before = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress_vec(rest, &mut out.bytes, FlushDecompress::Sync);
        match status.map_err(|error| Fault::Corrupt(error.to_string()))? {
            Status::StreamEnd => return Ok(true),
            _ if before == (inflate.total_in(), inflate.total_out()) => return Ok(false),
            Status::Ok | Status::BufError => {}
        }
    }
}

/// Octets, no more than there is room for.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room.saturating_sub(self.bytes.len()) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::{Fault, codings, decode};

    pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Each piece flushed, so that it can be read when it comes.
    pub(crate) fn gzip_pieces(pieces: &[&str]) -> Vec<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let mut flushed = |piece: &&str| {
            encoder.write_all(piece.as_bytes()).unwrap();
            encoder.flush().unwrap();
            std::mem::take(encoder.get_mut())
        };
        pieces.iter().map(&mut flushed).collect()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// `hello`: an uncompressed meta-block of 5 octets, and the empty last one (RFC 7932 §9.2).
    pub(crate) const BROTLI: &[u8] = b"\x0b\x02\x80hello\x03";

    fn undone(coding: &str, body: &[u8]) -> (Option<Vec<u8>>, Option<Fault>) {
        decode(&codings([coding].into_iter()), body)
    }

    #[test]
    fn decodes() {
        let hello = (Some(b"hello".to_vec()), None);
        assert_eq!(undone("gzip", &gzip(b"hello")), hello);
        assert_eq!(undone("X-GZip", &gzip(b"hello")), hello);
        assert_eq!(undone("deflate", &zlib(b"hello")), hello);
        assert_eq!(undone("deflate", &bare(b"hello")), hello, "as many servers send it");
        assert_eq!(undone("br", BROTLI), hello);
        assert_eq!(undone("identity", b"hello"), hello);
        assert_eq!(undone("deflate, identity, gzip", &gzip(&zlib(b"hello"))), hello, "the last is undone first");
        assert_eq!(undone("gzip", &[gzip(b"hel"), gzip(b"lo")].concat()), hello, "several members");
        let long: Vec<u8> = (0..300_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for (coding, body) in [("gzip", gzip(&long)), ("deflate", zlib(&long)), ("deflate", bare(&long))] {
            assert!(undone(coding, &body) == (Some(long.clone()), None), "{coding}");
        }
    }

    #[test]
    fn empty() {
        assert_eq!(undone("gzip", &gzip(b"")), (Some(Vec::new()), None));
        assert_eq!(undone("gzip", b""), (None, Some(Fault::Short)));
        assert_eq!(undone("deflate", b""), (None, Some(Fault::Short)));
        let no_gzip = Fault::Corrupt("invalid gzip header".to_owned());
        assert_eq!(undone("gzip", b"hello"), (None, Some(no_gzip.clone())), "not one that ends too early");
        assert_eq!(undone("gzip", b"\x1fhello"), (None, Some(no_gzip)));
        assert_eq!(undone("br", b""), (None, Some(Fault::Short)));
        assert_eq!(undone("br", &[0x3b]), (Some(Vec::new()), None));
    }

    #[test]
    fn cut_short() {
        let bodies = [("gzip", gzip(b"hello")), ("deflate", zlib(b"hello")), ("deflate", bare(b"hello"))];
        for (coding, body) in bodies.into_iter().chain([("br", BROTLI.to_vec())]) {
            for cut in 1..body.len() {
                assert_eq!(undone(coding, &body[..cut]), (None, Some(Fault::Short)), "{coding} {cut}");
            }
        }
    }

    #[test]
    fn what_is_something_else_is_told() {
        let corrupt = |coding, body: &[u8]| matches!(undone(coding, body), (None, Some(Fault::Corrupt(_))));
        assert!(corrupt("gzip", b"hello, this is no gzip"));
        assert!(corrupt("deflate", b"\xff\xff\xff"));
        assert!(corrupt("br", b"\xff\xff\xff\xff\xff\xff\xff\xff"));
        let mut wrong_sum = gzip(b"hello");
        let at = wrong_sum.len() - 6;
        wrong_sum[at] ^= 1;
        assert!(corrupt("gzip", &wrong_sum));
        assert_eq!(undone("zstd", b"x"), (None, Some(Fault::Unknown("zstd".into()))));
        for (coding, body) in [("gzip", gzip(b"hi")), ("deflate", zlib(b"hi")), ("br", b"\x8b\x00\x80hi\x03".to_vec())]
        {
            let (text, fault) = undone(coding, &[&body[..], b"and more"].concat());
            assert_eq!((text.as_deref(), fault), (Some(&b"hi"[..]), Some(Fault::Trailing(8))), "{coding}");
        }
    }

    #[test]
    fn bombs_do_not_go_off() {
        let zeros = gzip(&vec![0; 17 << 20]);
        assert_eq!(undone("gzip", &zeros), (None, Some(Fault::TooLarge)));
        let bomb = gzip(&gzip(&vec![0; 20 << 20]));
        assert!(matches!(undone("gzip, gzip", &bomb), (None, Some(Fault::TooLarge | Fault::TooDense))));
        assert_eq!(undone("gzip, gzip", &gzip(&gzip(&vec![0; 4 << 20]))), (None, Some(Fault::TooDense)));
        let many = ["gzip"; 5].join(",");
        assert!(matches!(undone(&many, b"x"), (None, Some(Fault::Unknown(_)))));
    }
}
