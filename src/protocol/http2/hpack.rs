//! HPACK: header fields as indices into two tables, or as literals. What the second table holds only the whole stream of
//! blocks tells: a direction that misses one cannot be read on.
//!
//! # References
//! - RFC 7541: tables §2.3, integers §5.1, strings §5.2, representations §6, static table appendix A, Huffman code appendix B.

use std::collections::VecDeque;
use std::sync::Arc;

use super::huffman;
pub use crate::message::FieldLine as HeaderField;

/// What is wrong with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) struct Broken(pub(in crate::protocol) &'static str);

/// A name or a value as text, and how many octets it was: tables count those (RFC 7541 §4.1), and octets that are no UTF-8 are
/// replaced by a character of three.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol) struct Text {
    pub(in crate::protocol) text: Arc<str>,
    pub(in crate::protocol) len: usize,
}

impl Text {
    fn of(octets: &[u8]) -> Self {
        Self { text: String::from_utf8_lossy(octets).into(), len: octets.len() }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::of(text.as_bytes())
    }
}

/// The table of a direction grows to this at most, whatever its ends agree on.
const MAX_TABLE: usize = 1 << 20;
/// A block may name the same long field of the table again and again: of what becomes of it no more than this is kept...
pub(in crate::protocol) const MAX_LIST: usize = 256 << 10;
/// ...which is told in the same words wherever header fields are compressed.
pub(in crate::protocol) const TOO_LONG: Broken =
    Broken("the header fields are more than 256 KiB: the others are not kept");
/// "additional 32 octets" for each entry (RFC 7541 §4.1; the same in RFC 9204 §3.2.1).
pub(in crate::protocol) const OVERHEAD: usize = 32;

/// The table that the blocks of one direction have built up.
pub(super) struct Table {
    entries: VecDeque<(Text, Text)>,
    size: usize,
    /// What the encoder has chosen, and the most it may choose.
    limit: usize,
    allowed: usize,
    /// It may choose more than is kept here.
    is_capped: bool,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), size: 0, limit: 4096, allowed: 4096, is_capped: false }
    }
}

impl Table {
    /// The other side says how large the table may be (`SETTINGS_HEADER_TABLE_SIZE`, RFC 9113 §6.5.2). The encoder may go on
    /// with more until it has heard so: what it may use is not taken away here.
    pub(super) fn allow(&mut self, size: u32) {
        self.allowed = self.allowed.max((size as usize).min(MAX_TABLE));
        self.is_capped |= size as usize > MAX_TABLE;
    }

    /// How large it is, as HPACK counts (RFC 7541 §4.1).
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Reads a whole block. The fields that came before something broken are handed out with it.
    pub(super) fn read(&mut self, block: &[u8]) -> (Vec<HeaderField>, Option<Broken>) {
        let mut reader = Reader { bytes: block, at: 0 };
        let (mut fields, mut len) = (Vec::new(), 0);
        while reader.at < block.len() {
            match self.field(&mut reader) {
                Ok(Some(field)) => {
                    len += field.name.len() + field.value.len() + OVERHEAD;
                    if len > MAX_LIST {
                        return (fields, Some(TOO_LONG));
                    }
                    fields.push(field);
                }
                Ok(None) => {}
                Err(broken) => return (fields, Some(broken)),
            }
        }
        (fields, None)
    }

    /// One representation (RFC 7541 §6); `None` if it only changes the size of the table.
    fn field(&mut self, reader: &mut Reader<'_>) -> Result<Option<HeaderField>, Broken> {
        let start = reader.at;
        let first = reader.bytes.get(start).copied().unwrap_or_default();
        let (name, value) = match first {
            0x80.. => {
                let index = reader.integer(7)?;
                self.entry(index).ok_or(Broken("it names an entry that the table has not"))?
            }
            0x20..0x40 => {
                let size = reader.integer(5)?;
                if size > self.allowed {
                    return Err(Broken(match self.is_capped {
                        true => "it makes the table larger than 1 MiB, which is more than is kept here",
                        false => "it makes the table larger than the other side allows",
                    }));
                }
                self.limit = size;
                self.evict(0);
                return Ok(None);
            }
            // With and without a place in the table (6.2.1, 6.2.2), and never with one (6.2.3).
            _ => {
                let keeps = first >= 0x40;
                let index = reader.integer(if keeps { 6 } else { 4 })?;
                let name = match index {
                    0 => reader.string()?,
                    index => self.entry(index).ok_or(Broken("it names an entry that the table has not"))?.0,
                };
                let value = reader.string()?;
                if keeps {
                    self.insert(&name, &value);
                }
                (name, value)
            }
        };
        Ok(Some(HeaderField { name: name.text, value: value.text, at: start..reader.at }))
    }

    fn entry(&self, index: usize) -> Option<(Text, Text)> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some(((*name).into(), (*value).into())),
            None => self.entries.get(index - STATIC.len()).cloned(),
        }
    }

    /// The newest entry comes first; one that is larger than the table empties it (RFC 7541 §4.4).
    fn insert(&mut self, name: &Text, value: &Text) {
        let size = name.len + value.len + OVERHEAD;
        self.evict(size);
        if size <= self.limit {
            self.size += size;
            self.entries.push_front((name.clone(), value.clone()));
        }
    }

    fn evict(&mut self, more: usize) {
        while self.size + more > self.limit {
            let Some((name, value)) = self.entries.pop_back() else { break };
            self.size -= name.len + value.len + OVERHEAD;
        }
    }
}

/// Goes over what is written in numbers and texts of HPACK, which QPACK has, too (RFC 9204 §4.1).
pub(in crate::protocol) struct Reader<'a> {
    pub(in crate::protocol) bytes: &'a [u8],
    pub(in crate::protocol) at: usize,
}

impl Reader<'_> {
    fn octet(&mut self) -> Result<u8, Broken> {
        let octet = self.bytes.get(self.at).copied().ok_or(Broken("it ends in the middle of a header field"))?;
        self.at += 1;
        Ok(octet)
    }

    /// A number that begins in the last bits of an octet (RFC 7541 §5.1).
    pub(in crate::protocol) fn integer(&mut self, bits: u32) -> Result<usize, Broken> {
        let mask = (1_usize << bits) - 1;
        let mut value = usize::from(self.octet()?) & mask;
        if value < mask {
            return Ok(value);
        }
        // Four more octets reach 2^28: nothing here can be larger.
        for shift in [0, 7, 14, 21] {
            let octet = self.octet()?;
            value += usize::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken("a number in it is larger than any that has a use"))
    }

    /// A text, plain or in the Huffman code (RFC 7541 §5.2).
    fn string(&mut self) -> Result<Text, Broken> {
        self.string_in(7)
    }

    /// One whose length begins in the last bits of an octet; the bit before them says whether it is coded.
    pub(in crate::protocol) fn string_in(&mut self, bits: u32) -> Result<Text, Broken> {
        let is_coded = self.bytes.get(self.at).is_some_and(|octet| octet & 1 << bits != 0);
        let len = self.integer(bits)?;
        let end = self.at.saturating_add(len);
        let octets = self.bytes.get(self.at..end).ok_or(Broken("it ends in the middle of a header field"))?;
        self.at = end;
        match is_coded {
            false => Ok(Text::of(octets)),
            true => {
                let octets = huffman::decode(octets).ok_or(Broken("a text in it is no Huffman code"))?;
                Ok(Text::of(&octets))
            }
        }
    }
}

#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::hex;

    fn read(table: &mut Table, block: &str) -> Vec<String> {
        let (fields, broken) = table.read(&hex(block));
        assert_eq!(broken, None, "{block}");
        fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect()
    }

    /// RFC 7541, appendix C.3 and C.4: the same requests, plain and in the Huffman code.
    #[test]
    fn requests_of_the_rfc() {
        let plain = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
            "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ];
        let coded = [
            "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
            "8286 84be 5886 a8eb 1064 9cbf",
            "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
        ];
        for blocks in [plain, coded] {
            let mut table = Table::default();
            let host = ":authority: www.example.com";
            let first = [":method: GET", ":scheme: http", ":path: /", host];
            assert_eq!(read(&mut table, blocks[0]), first);
            assert_eq!(read(&mut table, blocks[1]), [&first[..], &["cache-control: no-cache"]].concat());
            let third = [":method: GET", ":scheme: https", ":path: /index.html", host, "custom-key: custom-value"];
            assert_eq!(read(&mut table, blocks[2]), third);
            assert_eq!((table.size, table.entries.len()), (164, 3));
        }
    }

    /// RFC 7541, appendix C.6: responses, with a table of 256 octets that forgets.
    #[test]
    fn responses_of_the_rfc() {
        let mut table = Table { limit: 256, ..Table::default() };
        let (date, place) = ("date: Mon, 21 Oct 2013 20:13:21 GMT", "location: https://www.example.com");
        let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
            1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
        assert_eq!(read(&mut table, first), [":status: 302", "cache-control: private", date, place]);
        assert_eq!(table.size, 222);
        let second = read(&mut table, "4883 640e ffc1 c0bf");
        assert_eq!(second, [":status: 307", "cache-control: private", date, place]);
        let third = "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
            e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
        let third = read(&mut table, third);
        assert_eq!(third[4], "content-encoding: gzip");
        assert_eq!(third[5], "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1");
        assert_eq!((table.size, table.entries.len()), (215, 3));
    }

    #[test]
    fn what_is_broken_is_said() {
        for (block, expected) in [
            ("80", "has not"),
            ("be", "has not"),
            ("40", "ends in the middle"),
            ("4003 6162", "ends in the middle"),
            ("ffff ffff ff7f", "larger than any"),
            ("3fe2 1f", "larger than the other side allows"),
            ("0081 ff00", "no Huffman code"),
        ] {
            let (_, broken) = Table::default().read(&hex(block));
            assert!(broken.is_some_and(|broken| broken.0.contains(expected)), "{block}: {broken:?}");
        }
        let mut table = Table::default();
        table.allow(8192);
        assert_eq!(table.read(&hex("3fe2 1f")).1, None, "what is allowed is done");
    }

    /// "the sum of its name's length in octets, its value's length in octets, and 32" (§4.1): of octets, not of what they are
    /// shown as.
    #[test]
    fn entries_take_as_much_as_they_were_octets() {
        let mut table = Table { limit: 2 * (2 + OVERHEAD), ..Table::default() };
        let kept = |name: u8, value: u8| [0x40, 1, name, 1, value];
        assert_eq!(table.read(&[kept(b'a', 0xe9), kept(b'b', b'x')].concat()).1, None);
        let (fields, broken) = table.read(&[0xbf, 0xbe]);
        let said: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect();
        assert_eq!((said.join(", ").as_str(), broken), ("a: \u{fffd}, b: x", None));
    }

    #[test]
    fn a_table_that_is_too_large_for_here_is_nobodys_fault() {
        let mut table = Table::default();
        table.allow(4 << 20);
        let (_, broken) = table.read(&hex("3fe1 ff7f"));
        assert!(broken.is_some_and(|broken| broken.0.contains("more than is kept here")), "{broken:?}");
    }

    /// An entry of the table is named with one octet, however long it is.
    #[test]
    fn a_block_that_grows_is_bounded() {
        let mut table = Table::default();
        let long = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
        assert_eq!(table.read(&long).1, None);
        let (fields, broken) = table.read(&[0xbe; 1000]);
        assert!(broken.is_some() && fields.len() < 70, "{}", fields.len());
    }
}
