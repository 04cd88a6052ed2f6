//! QPACK: header fields as indices into two tables, or as literals. The second table is written on a stream of its own, so that
//! no packet that is lost holds up more streams than it must: a section may have to wait until that stream has come.
//!
//! # References
//! - RFC 9204: encoder instructions §4.3, field sections §4.5, static table appendix A.

use std::collections::VecDeque;
use std::sync::Arc;

use super::statics::STATIC;
use crate::protocol::http2::{Broken, MAX_LIST, OVERHEAD, Reader, TOO_LONG, Text};

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http3Header {
    /// Its name, as it was written.
    pub name: Arc<str>,
    /// Its value. Octets that are no UTF-8 are replaced.
    pub value: Arc<str>,
}

/// The table of a direction grows to this at most, whatever its ends agree on.
const MAX_TABLE: usize = 1 << 16;

/// What became of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Section {
    /// The fields, and what is wrong if something is: then those that came before it.
    Read(Vec<Http3Header>, Option<Broken>),
    /// It names entries that have not come yet.
    Blocked,
}

/// What stands in the table.
#[derive(Debug, Clone)]
struct Entry {
    name: Text,
    value: Text,
}

/// The table that the encoder of one direction has built up.
#[derive(Default)]
pub(super) struct Table {
    entries: VecDeque<Entry>,
    /// How many were put in, those included that are gone.
    inserted: u64,
    size: usize,
    capacity: usize,
    /// What the decoder allows (`SETTINGS_QPACK_MAX_TABLE_CAPACITY`); `None` until its settings are seen.
    allowed: Option<usize>,
}

impl Table {
    /// The decoder says how large the table may be.
    pub(super) fn allow(&mut self, size: u64) {
        self.allowed = Some(usize::try_from(size).unwrap_or(usize::MAX));
    }

    /// Whether the decoder's settings were seen.
    pub(super) fn is_allowed(&self) -> bool {
        self.allowed.is_some()
    }

    /// Takes one instruction of the encoder (RFC 9204 §4.3). Returns how many octets it has; `None` if not all of it is there. That
    /// it depends on settings that were not seen, [`UNALLOWED`] says.
    pub(super) fn instruct(&mut self, bytes: &[u8]) -> Option<Result<usize, Broken>> {
        let mut reader = Reader { bytes, at: 0 };
        let first = *bytes.first()?;
        match self.instruction(&mut reader, first) {
            Ok(()) => Some(Ok(reader.at)),
            // What is there ends within it, or a text in it is longer than any entry may be.
            Err(Broken(ENDS)) if bytes.len() <= MAX_TABLE + OVERHEAD => None,
            Err(broken) => Some(Err(broken)),
        }
    }

    fn instruction(&mut self, reader: &mut Reader<'_>, first: u8) -> Result<(), Broken> {
        match first {
            0x80.. => {
                let is_static = first & 0x40 != 0;
                let index = reader.integer(6)?;
                let name = if is_static { fixed(index) } else { self.recent(index) }.ok_or(NO_ENTRY)?.name;
                let value = reader.string_in(7)?;
                self.insert(Entry { name, value })
            }
            0x40..0x80 => {
                let name = reader.string_in(5)?;
                let value = reader.string_in(7)?;
                self.insert(Entry { name, value })
            }
            0x20..0x40 => {
                let capacity = reader.integer(5)?;
                let allowed = self.allowed.or((capacity == 0).then_some(0)).ok_or(Broken(UNALLOWED))?;
                if capacity > allowed {
                    return Err(Broken("it makes the table larger than the other side allows"));
                }
                if capacity > MAX_TABLE {
                    return Err(Broken("it makes the table larger than is kept here"));
                }
                self.capacity = capacity;
                self.evict(0);
                Ok(())
            }
            _ => {
                let index = reader.integer(5)?;
                let entry = self.recent(index).ok_or(NO_ENTRY)?;
                self.insert(entry)
            }
        }
    }

    /// Reads a whole section.
    pub(super) fn read(&self, section: &[u8]) -> Section {
        let mut reader = Reader { bytes: section, at: 0 };
        let (required, base) = match self.prefix(&mut reader) {
            Ok(prefix) => prefix,
            Err(Broken(UNALLOWED)) => return Section::Blocked,
            Err(broken) => return Section::Read(Vec::new(), Some(broken)),
        };
        if required > self.inserted {
            return Section::Blocked;
        }
        let (mut fields, mut len) = (Vec::new(), 0);
        while reader.at < section.len() {
            match self.line(&mut reader, base) {
                Ok(Entry { name, value }) => {
                    len += name.text.len() + value.text.len() + OVERHEAD;
                    if len > MAX_LIST {
                        return Section::Read(fields, Some(TOO_LONG));
                    }
                    fields.push(Http3Header { name: name.text, value: value.text });
                }
                Err(broken) => return Section::Read(fields, Some(broken)),
            }
        }
        Section::Read(fields, None)
    }

    /// How many entries must have been put in, and from where indices count (RFC 9204 §4.5.1).
    fn prefix(&self, reader: &mut Reader<'_>) -> Result<(u64, u64), Broken> {
        let encoded = reader.integer(8)? as u64;
        let is_before = reader.bytes.get(reader.at).is_some_and(|octet| octet & 0x80 != 0);
        let delta = reader.integer(7)? as u64;
        let required = match encoded {
            0 => 0,
            _ => self.required(self.allowed.ok_or(Broken(UNALLOWED))?, encoded).ok_or(WRONG_COUNT)?,
        };
        let base = match is_before {
            false => required.checked_add(delta),
            true => required.checked_sub(delta).and_then(|base| base.checked_sub(1)),
        };
        Ok((required, base.ok_or(WRONG_COUNT)?))
    }

    /// The Required Insert Count, which wraps (RFC 9204 §4.5.1.1).
    fn required(&self, allowed: usize, encoded: u64) -> Option<u64> {
        let most = (allowed / OVERHEAD) as u64;
        let range = most.checked_mul(2).filter(|range| encoded <= *range)?;
        let highest = self.inserted + most;
        let wrapped = highest.checked_div(range)? * range;
        let required = wrapped + encoded - 1;
        match required > highest {
            true => required.checked_sub(range).filter(|required| *required > 0),
            false => Some(required).filter(|required| *required > 0),
        }
    }

    /// One field line (RFC 9204 §4.5.2 to §4.5.6).
    fn line(&self, reader: &mut Reader<'_>, base: u64) -> Result<Entry, Broken> {
        let first = reader.bytes.get(reader.at).copied().unwrap_or_default();
        let before = |index: usize| self.absolute(base.checked_sub(1 + index as u64)?);
        let behind = |index: usize| self.absolute(base.checked_add(index as u64)?);
        let named = match first {
            0x80.. => {
                let index = reader.integer(6)?;
                return if first & 0x40 != 0 { fixed(index) } else { before(index) }.ok_or(NO_ENTRY);
            }
            0x40..0x80 => {
                let index = reader.integer(4)?;
                if first & 0x10 != 0 { fixed(index) } else { before(index) }.ok_or(NO_ENTRY)?.name
            }
            0x20..0x40 => reader.string_in(3)?,
            0x10..0x20 => return behind(reader.integer(4)?).ok_or(NO_ENTRY),
            _ => behind(reader.integer(3)?).ok_or(NO_ENTRY)?.name,
        };
        Ok(Entry { name: named, value: reader.string_in(7)? })
    }

    /// The entry put in so many before the latest.
    fn recent(&self, index: usize) -> Option<Entry> {
        self.entries.get(index).cloned()
    }

    /// The entry with this number, counted from the first that was ever put in.
    fn absolute(&self, number: u64) -> Option<Entry> {
        let before = self.inserted.checked_sub(1)?.checked_sub(number)?;
        self.recent(usize::try_from(before).ok()?)
    }

    fn insert(&mut self, entry: Entry) -> Result<(), Broken> {
        let size = entry.name.len + entry.value.len + OVERHEAD;
        if size > self.capacity {
            return Err(Broken("it puts in an entry that is larger than the table"));
        }
        self.evict(size);
        self.size += size;
        self.inserted += 1;
        self.entries.push_front(entry);
        Ok(())
    }

    fn evict(&mut self, more: usize) {
        while self.size + more > self.capacity {
            let Some(Entry { name, value }) = self.entries.pop_back() else { break };
            self.size -= name.len + value.len + OVERHEAD;
        }
    }
}

const NO_ENTRY: Broken = Broken("it names an entry that the table has not");
const WRONG_COUNT: Broken = Broken("it counts on more entries than there can be");
/// What is said where it depends on settings that were not seen.
pub(super) const UNALLOWED: &str = "the settings that it follows were not seen";
/// What [`Reader`] says where octets are missing.
const ENDS: &str = "it ends in the middle of a header field";

fn fixed(index: usize) -> Option<Entry> {
    STATIC.get(index).map(|(name, value)| Entry { name: (*name).into(), value: (*value).into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::hex;

    fn fields(table: &Table, section: &str) -> Vec<String> {
        let Section::Read(fields, None) = table.read(&hex(section)) else { panic!("{section}") };
        fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect()
    }

    fn instruct(table: &mut Table, stream: &str) {
        let octets = hex(stream);
        let mut at = 0;
        while at < octets.len() {
            at += table.instruct(&octets[at..]).unwrap().unwrap();
        }
    }

    /// RFC 9204 appendix B: one play of five acts, in which the table of 220 octets fills and forgets.
    #[test]
    fn the_play_of_the_rfc() {
        let mut table = Table::default();
        table.allow(220);
        assert_eq!(fields(&table, "0000 510b 2f69 6e64 6578 2e68 746d 6c"), [":path: /index.html"]);
        let section = "0381 10 11";
        assert_eq!(table.read(&hex(section)), Section::Blocked, "the table's stream comes later");
        instruct(&mut table, "3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d c10c 2f73 616d 706c 652f 7061 7468");
        assert_eq!((table.inserted, table.size), (2, 106));
        assert_eq!(fields(&table, section), [":authority: www.example.com", ":path: /sample/path"]);
        instruct(&mut table, "4a63 7573 746f 6d2d 6b65 790c 6375 7374 6f6d 2d76 616c 7565");
        assert_eq!((table.inserted, table.size), (3, 160));
        assert_eq!(table.read(&hex("0500 80 c1 81")), Section::Blocked);
        instruct(&mut table, "02");
        assert_eq!((table.inserted, table.size), (4, 217));
        let third = [":authority: www.example.com", ":path: /", "custom-key: custom-value"];
        assert_eq!(fields(&table, "0500 80 c1 81"), third);
        instruct(&mut table, "810d 6375 7374 6f6d 2d76 616c 7565 32");
        assert_eq!((table.inserted, table.size), (5, 215));
        assert_eq!(&*table.entries[0].value.text, "custom-value2");
    }

    #[test]
    fn texts_may_be_in_the_huffman_code() {
        let table = Table::default();
        // Literal name and value: `custom-key: custom-value` as HPACK has it in RFC 7541 C.4.3.
        let section = "0000 2f01 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf";
        assert_eq!(fields(&table, section), ["custom-key: custom-value"]);
        // `:authority` by its index, and its value in the code.
        assert_eq!(fields(&table, "0000 508c f1e3 c2e5 f23a 6ba0 ab90 f4ff"), [":authority: www.example.com"]);
    }

    #[test]
    fn what_is_broken_is_said() {
        let mut table = Table::default();
        table.allow(0);
        for (section, expected) in [
            ("", "ends in the middle"),
            ("0000 80", "has not"),
            ("0000 ff ff", "ends in the middle"),
            ("0000 ff 40", "has not"),
            ("0200 80", "more entries"),
            ("0080", "more entries"),
            ("0000 10", "has not"),
            ("0000 0161", "has not"),
            ("0000 5103 6162", "ends in the middle"),
        ] {
            let Section::Read(_, Some(broken)) = table.read(&hex(section)) else { panic!("{section}") };
            assert!(broken.0.contains(expected), "{section}: {broken:?}");
        }
        assert!(table.instruct(&hex("3fbd01")).unwrap().is_err(), "nothing is allowed");
        table.allow(220);
        assert!(table.instruct(&hex("02")).unwrap().is_err(), "there is no such entry");
        assert!(table.instruct(&hex("c000")).unwrap().is_err(), "the table has no room yet");
        assert_eq!(table.instruct(&hex("c00f 7777")), None, "more has to come");
        assert_eq!(table.instruct(&[]), None);
    }

    /// How large the table may be, and how entries are counted, only the settings say.
    #[test]
    fn settings_that_were_not_seen_are_waited_for() {
        let mut table = Table::default();
        assert_eq!(fields(&table, "0000 d1"), [":method: GET"], "this names no entry of the table");
        assert_eq!(table.read(&hex("0200 80")), Section::Blocked);
        assert_eq!(table.instruct(&hex("3fbd01")), Some(Err(Broken(UNALLOWED))));
        assert_eq!(table.instruct(&hex("20")), Some(Ok(1)), "no table needs no leave");
        table.allow(220);
        instruct(&mut table, "3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d");
        assert_eq!(fields(&table, "0200 80"), [":authority: www.example.com"]);
    }

    /// An entry of the table is named with one octet, however long it is.
    #[test]
    fn a_section_that_grows_is_bounded() {
        let mut table = Table::default();
        table.allow(5000);
        instruct(&mut table, "3fe926");
        let long = [&[0xc0, 0x7f, 0xa1, 0x1e][..], &[b'x'; 4000]].concat();
        assert!(table.instruct(&long).unwrap().is_ok());
        let section = [&[2, 0][..], &[0x80; 1000]].concat();
        let Section::Read(fields, Some(_)) = table.read(&section) else { panic!() };
        assert!(fields.len() < 70, "{}", fields.len());
    }
}
