//! Payloads of version 3 for browsers that could not poll across origins: answers are scripts, requests are forms.
//!
//! ```text
//! GET  …&j=0      →  ___eio[0]("97:0{\"sid\":…}2:40");
//! POST …&j=0      ←  d=2%3A40      application/x-www-form-urlencoded
//! ```
//!
//! # References
//! - Engine.IO protocol 3, "Transports: JSONP". String literals: ECMA-262 §12.9.4.

use std::borrow::Cow;
use std::ops::Range;

use super::query::percent_decoded;
use crate::layer::{Note, Severity};

const SPEC: &str = "Engine.IO protocol 3, Transports: JSONP";

/// An answer: a call of the function that the client set up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jsonp {
    /// The digits in brackets, which the client sent as `j`.
    pub index: String,
    /// The string's value: the payload.
    pub payload: String,
    /// Where in the answer the octets of the payload stand.
    pub places: Places,
    /// What is odd about it.
    pub notes: Vec<Note>,
}

/// Where octets of a text stand in another in which some of them are written otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// Where a stretch begins in the one and in the other: what is written as it is, or something that is not.
    starts: Vec<(usize, usize)>,
}

impl Places {
    /// From here on the one octet follows the other in both.
    fn begin(&mut self, inner: usize, outer: usize) {
        self.starts.push((inner, outer));
    }

    /// Where these octets stand.
    pub fn of(&self, inner: &Range<usize>) -> Range<usize> {
        self.at(inner.start)..self.at(inner.end)
    }

    fn at(&self, inner: usize) -> usize {
        let behind = self.starts.partition_point(|(start, _)| *start <= inner);
        let next = self.starts.get(behind).map_or(usize::MAX, |(_, outer)| *outer);
        let begun = behind.checked_sub(1).and_then(|last| self.starts.get(last));
        begun.map_or(0, |(start, outer)| outer + (inner - start)).min(next)
    }
}

impl Jsonp {
    /// Reads an answer; `None` when it does not begin as one.
    pub fn from_response(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let (index, call) = text.strip_prefix("___eio[")?.split_once(']')?;
        if !index.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        let rest = call.strip_prefix("(\"")?;
        let mut literal = Literal { rest, value: String::new(), len: text.len(), places: Places::default() };
        let ended = literal.read();
        let mut notes = Vec::new();
        if !ended {
            notes.push(Note::new(Severity::Error, "the body ends within the string", SPEC));
        } else if !matches!(literal.rest, ");" | ")") {
            notes.push(Note::new(Severity::Warn, "something else than ); behind the string", SPEC));
        }
        if literal.value.contains('\u{fffd}') {
            notes.push(Note::new(Severity::Note, "what is no character is shown as �", SPEC));
        }
        // What is no UTF-8 has another length.
        let places = if matches!(text, Cow::Borrowed(_)) { literal.places } else { Places::default() };
        Some(Self { index: index.to_owned(), payload: literal.value, places, notes })
    }
}

/// The payload in a form: its field `d`, if there is one.
pub fn form_payload(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let value = text.split('&').find_map(|field| field.strip_prefix("d="))?;
    Some(with_newlines(&percent_decoded(value)))
}

/// Undoes what keeps browsers from changing line ends: a newline was sent as `\n`, and `\n` itself as `\\n`.
fn with_newlines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (found, made) = match rest {
            _ if rest.starts_with("\\\\n") => (3, "\\n"),
            _ if rest.starts_with("\\n") => (2, "\n"),
            _ => (1, "\\"),
        };
        out.push_str(made);
        rest = &rest[found..];
    }
    out.push_str(rest);
    out
}

/// A string literal in double quotes, behind its first quote.
struct Literal<'a> {
    rest: &'a str,
    value: String,
    /// How long the text is at whose end `rest` ends.
    len: usize,
    places: Places,
}

impl Literal<'_> {
    /// Reads up to and over the closing quote; whether there is one.
    fn read(&mut self) -> bool {
        while let Some(at) = self.rest.find(['"', '\\']) {
            self.pass(at);
            self.places.begin(self.value.len(), self.len - self.rest.len());
            let quote = self.rest.starts_with('"');
            self.rest = &self.rest[1..];
            if quote {
                return true;
            }
            self.escape();
        }
        self.pass(self.rest.len());
        false
    }

    /// Takes octets that are written as they are.
    fn pass(&mut self, count: usize) {
        let (plain, rest) = self.rest.split_at(count);
        self.places.begin(self.value.len(), self.len - self.rest.len());
        self.value.push_str(plain);
        self.rest = rest;
    }

    /// What stands behind a backslash.
    fn escape(&mut self) {
        let Some(character) = self.rest.chars().next() else { return };
        self.rest = &self.rest[character.len_utf8()..];
        match character {
            'b' => self.value.push('\u{8}'),
            'f' => self.value.push('\u{c}'),
            'n' => self.value.push('\n'),
            'r' => self.value.push('\r'),
            't' => self.value.push('\t'),
            'v' => self.value.push('\u{b}'),
            '0' => self.value.push('\0'),
            'x' => self.code_unit(2),
            'u' => self.code_unit(4),
            other => self.value.push(other),
        }
    }

    /// A code unit in hexadecimal digits, or two that belong together.
    fn code_unit(&mut self, digits: usize) {
        let first = self.hex(digits).unwrap_or(0xfffd);
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.rest.starts_with("\\u") {
            let before = self.rest;
            self.rest = &self.rest[2..];
            match self.hex(4) {
                Some(second) if (0xdc00..0xe000).contains(&second) => units.push(second),
                _ => self.rest = before,
            }
        }
        self.value.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')));
    }

    fn hex(&mut self, digits: usize) -> Option<u16> {
        let text = self.rest.get(..digits).filter(|text| text.bytes().all(|octet| octet.is_ascii_hexdigit()))?;
        self.rest = &self.rest[digits..];
        u16::from_str_radix(text, 16).ok()
    }
}
