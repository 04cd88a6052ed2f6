//! What stands inside a live block: `key: value` lines. A value goes on in the indented lines below it.

use std::ops::Range;

use super::Proof;
use super::text::{self, Text};
use crate::filter::Names;
use crate::mistake::Mistake;

/// One `key: value`, by its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    key: Range<usize>,
    value: Range<usize>,
}

/// The entries of a block.
pub(super) struct Block<'a> {
    file: &'a str,
    kind: &'a str,
    range: Range<usize>,
    entries: Vec<Entry>,
    names: &'a dyn Names,
}

impl<'a> Block<'a> {
    /// Reads the entries between the fences of a block whose body is `body` of `file`; `keys` are those allowed.
    pub(super) fn read(
        file: &'a str,
        kind: &'a str,
        range: Range<usize>,
        body: Range<usize>,
        keys: &[&str],
        names: &'a dyn Names,
    ) -> Result<Self, Mistake> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut at = body.start;
        for line in file[body.clone()].split_inclusive('\n') {
            let line_range = at..at + line.trim_end().len();
            at += line.len();
            match key_of(line) {
                Some(len) => {
                    let key = line_range.start..line_range.start + len;
                    known_key(file, kind, &key, keys)?;
                    entries.push(Entry { key, value: trimmed(file, line_range.start + len + 1..line_range.end) });
                }
                None if line.trim().is_empty() => {}
                None => match entries.last_mut() {
                    Some(entry) if line.starts_with([' ', '\t']) => {
                        entry.value = trimmed(file, entry.value.start..line_range.end);
                    }
                    _ => {
                        let error =
                            Mistake::new(line_range, format!("a line of a `{kind}` block that is no `key: value`"));
                        return Err(error.help(format!(
                            "begin it with one of {}, or indent it to go on with the line above",
                            list(keys)
                        )));
                    }
                },
            }
        }
        Ok(Self { file, kind, range, entries, names })
    }

    fn entry(&self, key: &str) -> Result<Option<&Entry>, Mistake> {
        let mut found = self.entries.iter().filter(|entry| self.file[entry.key.clone()] == *key);
        let first = found.next();
        match found.next() {
            Some(second) => {
                Err(Mistake::new(second.key.clone(), format!("`{key}:` a second time")).help("keep one of them"))
            }
            None => Ok(first),
        }
    }

    fn required(&self, key: &str) -> Result<&Entry, Mistake> {
        self.entry(key)?.filter(|entry| !entry.value.is_empty()).ok_or_else(|| {
            Mistake::new(self.first_line(), format!("this `{}` block has no `{key}:`", self.kind))
                .help(format!("add a line `{key}: …`"))
        })
    }

    fn first_line(&self) -> Range<usize> {
        let len = self.file[self.range.clone()].lines().next().map_or(0, str::len);
        self.range.start..self.range.start + len
    }

    /// The value of a key that must be there, as text with expressions.
    pub(super) fn text(&self, key: &str) -> Result<Text, Mistake> {
        self.text_of(self.required(key)?.value.clone())
    }

    /// The value of a key that may be left out.
    pub(super) fn text_if_any(&self, key: &str) -> Result<Option<Text>, Mistake> {
        self.entry(key)?.map(|entry| self.text_of(entry.value.clone())).transpose()
    }

    fn text_of(&self, value: Range<usize>) -> Result<Text, Mistake> {
        Text::parse(&self.file[value.clone()], value.start, line_at(self.file, value.start), self.names)
    }

    /// The value of a key that must be there, as it stands.
    pub(super) fn word(&self, key: &str) -> Result<(String, Range<usize>), Mistake> {
        let value = self.required(key)?.value.clone();
        Ok((self.file[value.clone()].to_owned(), value))
    }

    /// The value of a key that must be there, as an expression that is true or false.
    pub(super) fn proof(&self, key: &str) -> Result<Proof, Mistake> {
        let value = self.required(key)?.value.clone();
        let expr = text::proof(&self.file[value.clone()], value.start, self.names)?;
        Ok(Proof { expr, line: line_at(self.file, value.start) })
    }

    /// Whether there is such a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| self.file[entry.key.clone()] == *key)
    }

    /// Every `key: LABEL -- TEXT`, in order.
    pub(super) fn labelled(&self, key: &str) -> Result<Vec<(String, Text)>, Mistake> {
        let mut found = Vec::new();
        for entry in self.entries.iter().filter(|entry| self.file[entry.key.clone()] == *key) {
            let value = &self.file[entry.value.clone()];
            let Some(dash) = value.find(" -- ") else {
                let error = Mistake::new(entry.value.clone(), format!("a `{key}:` without what it reveals"));
                return Err(error.help(format!("write `{key}: answer -- what choosing it reveals`")));
            };
            let label = value[..dash].trim().to_owned();
            found.push((label, self.text_of(trimmed(self.file, entry.value.start + dash + 4..entry.value.end))?));
        }
        Ok(found)
    }

    /// An error about the block as a whole.
    pub(super) fn error(&self, message: impl Into<String>) -> Mistake {
        Mistake::new(self.first_line(), message)
    }
}

/// The length of the key at the start of a line: lower-case letters before a colon.
fn key_of(line: &str) -> Option<usize> {
    let len = line.bytes().take_while(u8::is_ascii_lowercase).count();
    (len > 0 && line[len..].starts_with(':')).then_some(len)
}

fn known_key(file: &str, kind: &str, key: &Range<usize>, keys: &[&str]) -> Result<(), Mistake> {
    let name = &file[key.clone()];
    if keys.contains(&name) {
        return Ok(());
    }
    let error = Mistake::new(key.clone(), format!("a `{kind}` block has no `{name}:`"));
    Err(error.help(format!("it can have {}", list(keys))))
}

fn list(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}:`")).collect::<Vec<_>>().join(", ")
}

/// The line on which an offset stands, from 1.
pub(super) fn line_at(file: &str, offset: usize) -> usize {
    1 + file[..offset].matches('\n').count()
}

/// The range without the white space around it.
pub(super) fn trimmed(file: &str, range: Range<usize>) -> Range<usize> {
    let text = &file[range.clone()];
    let start = range.start + (text.len() - text.trim_start().len());
    start..start + text.trim().len()
}
