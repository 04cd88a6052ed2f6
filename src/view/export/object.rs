//! One line of JSON, written key by key.
//!
//! Nearly all keys are known where they are written. What writes them is made a part of whoever calls it, always: so a key
//! is a few stores of known size, and no copy of a slice.

use std::io::Write;

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::escape;
use super::key::{Key, Keys};

/// Writes an object to the end of a buffer, of its keys only those that are wanted. What is begun with [`Object::begin`]
/// ends with [`Object::end`].
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    wanted: Keys,
}

impl<'a> Object<'a> {
    /// An object with its kind, which every line says.
    #[inline(always)]
    pub(super) fn begin(out: &'a mut Vec<u8>, kind: &str, wanted: Keys) -> Self {
        out.extend_from_slice(b"{\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self { out, wanted }
    }

    /// Keys of an object, each with a comma before it, to be added to one that was begun elsewhere.
    pub(super) fn within(out: &'a mut Vec<u8>, wanted: Keys) -> Self {
        Self { out, wanted }
    }

    /// Ends the object and the line.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }

    /// Writes what was made before ([`Object::within`]) of keys that are wanted.
    #[inline(always)]
    pub(super) fn made(&mut self, keys: &[u8]) {
        self.out.extend_from_slice(keys);
    }

    /// Whether anyone reads the value of this key: what costs much is only then to be found out.
    #[inline(always)]
    pub(super) fn wants(&self, key: Key) -> bool {
        self.wanted.has(key)
    }

    /// Writes a key and what `value` writes, if it is wanted.
    #[inline(always)]
    fn put(&mut self, key: Key, value: impl FnOnce(&mut Self)) {
        if self.wants(key) {
            self.out.extend_from_slice(key.text().as_bytes());
            value(self);
        }
    }

    /// A number.
    #[inline(always)]
    pub(super) fn number(&mut self, key: Key, number: impl itoa::Integer) {
        self.put(key, |line| line.digits(number));
    }

    fn digits(&mut self, number: impl itoa::Integer) {
        digits(number, |digits| self.out.extend_from_slice(digits));
    }

    /// A list of numbers.
    pub(super) fn numbers(&mut self, key: Key, numbers: &[u32]) {
        self.put(key, |line| {
            line.list(numbers, |line, number| line.digits(*number));
        });
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.out.push(b'[');
        for (i, item) in items.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            write(self, item);
        }
        self.out.push(b']');
    }

    /// A number, or null.
    #[inline(always)]
    pub(super) fn number_or_null(&mut self, key: Key, number: Option<impl itoa::Integer>) {
        match number {
            Some(number) => self.number(key, number),
            None => self.null(key),
        }
    }

    /// True or false.
    #[inline(always)]
    pub(super) fn flag(&mut self, key: Key, value: bool) {
        self.put(key, |line| line.out.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    /// Nothing.
    #[inline(always)]
    pub(super) fn null(&mut self, key: Key) {
        self.put(key, |line| line.out.extend_from_slice(b"null"));
    }

    /// A word of which it is known that nothing in it needs an escape.
    #[inline(always)]
    pub(super) fn word(&mut self, key: Key, word: &[u8]) {
        self.put(key, |line| line.quoted(word));
    }

    fn quoted(&mut self, word: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(word);
        self.out.push(b'"');
    }

    /// A list of such words.
    pub(super) fn words(&mut self, key: Key, words: impl IntoIterator<Item = &'static str>) {
        self.put(key, |line| line.list(words, |line, word| line.quoted(word.as_bytes())));
    }

    /// The same of words that were listed before, and of some more.
    pub(super) fn listed(&mut self, key: Key, listed: &[u8], more: impl IntoIterator<Item = &'static str>) {
        self.put(key, |line| {
            line.out.push(b'[');
            line.out.extend_from_slice(listed);
            let mut is_first = listed.is_empty();
            for word in more {
                if !std::mem::take(&mut is_first) {
                    line.out.push(b',');
                }
                line.quoted(word.as_bytes());
            }
            line.out.push(b']');
        });
    }

    /// Octets in hexadecimal.
    pub(super) fn hex(&mut self, key: Key, octets: &[u8]) {
        self.put(key, |line| escape::hexadecimal(octets, line.out));
    }

    /// The SHA-256 of octets, in hexadecimal.
    pub(super) fn digest(&mut self, key: Key, octets: &[u8]) {
        self.put(key, |line| escape::hexadecimal(&Sha256::digest(octets), line.out));
    }

    /// Text, escaped where that is needed.
    pub(super) fn text(&mut self, key: Key, text: &str) {
        self.put(key, |line| escape::text(text, line.out));
    }

    /// A list of pairs of texts, each a list of two.
    pub(super) fn pairs<T: AsRef<[u8]>>(&mut self, key: Key, pairs: impl IntoIterator<Item = (T, T)>) {
        self.put(key, |line| {
            line.list(pairs, |line, (first, second)| {
                line.out.push(b'[');
                escape::lossy(first.as_ref(), line.out);
                line.out.push(b',');
                escape::lossy(second.as_ref(), line.out);
                line.out.push(b']');
            });
        });
    }

    /// Text, or null.
    pub(super) fn text_or_null(&mut self, key: Key, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.null(key),
        }
    }

    /// Octets that are known to be UTF-8, or null.
    pub(super) fn utf8_or_null(&mut self, key: Key, text: Option<&[u8]>) {
        match text {
            Some(text) => self.put(key, |line| escape::octets(text, line.out)),
            None => self.null(key),
        }
    }

    /// JSON as it was written: keys keep their order and numbers their digits. Only where it breaks lines it has spaces.
    pub(super) fn json(&mut self, key: Key, json: &RawValue) {
        self.put(key, |line| {
            let before = line.out.len();
            line.out.extend_from_slice(json.get().as_bytes());
            // No string holds them unescaped (RFC 8259 §7): they are white space.
            for octet in &mut line.out[before..] {
                *octet = if matches!(*octet, b'\n' | b'\r') { b' ' } else { *octet };
            }
        });
    }

    /// Anything that serde knows how to write.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, key: Key, value: &T) {
        self.put(key, |line| {
            let before = line.out.len();
            if serde_json::to_writer(&mut *line.out, value).is_err() {
                // Only a value that is no JSON could fail, and then the line stays whole.
                line.out.truncate(before);
                line.out.extend_from_slice(b"null");
            }
        });
    }

    /// What `write` writes, which needs no escape.
    pub(super) fn shown(&mut self, key: Key, value: impl std::fmt::Display) {
        // Writing to memory does not fail.
        self.put(key, |line| drop(write!(line.out, "\"{value}\"")));
    }

    /// An object within the object, whole if it is wanted.
    pub(super) fn nested(&mut self, key: Key, write: impl FnOnce(&mut Object<'_>)) {
        self.put(key, |line| {
            let at = line.out.len();
            write(&mut Object::within(line.out, Keys::ALL));
            match line.out.get_mut(at) {
                Some(comma) => *comma = b'{',
                None => line.out.push(b'{'),
            }
            line.out.push(b'}');
        });
    }
}

/// Lends the decimal digits of a number.
#[inline(always)]
pub(super) fn digits<T>(number: impl itoa::Integer, read: impl FnOnce(&[u8]) -> T) -> T {
    read(itoa::Buffer::new().format(number).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_object() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out, "note", Keys::ALL);
        object.number(Key::Frame, 7);
        object.numbers(Key::Frames, &[1, 7]);
        object.text(Key::Text, "a \"quoted\"\nline, grün");
        object.number_or_null(Key::Id, None::<u64>);
        object.hex(Key::Mask, &[0, 0xfe]);
        object.words(Key::Layers, ["eth", "ip"]);
        object.nested(Key::Tcp, |tcp| tcp.flag(Key::Fin, true));
        object.nested(Key::Udp, |_| {});
        object.end();
        let text = String::from_utf8(out).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["text"], "a \"quoted\"\nline, grün");
        assert_eq!(
            text,
            "{\"kind\":\"note\",\"frame\":7,\"frames\":[1,7],\"text\":\"a \\\"quoted\\\"\\nline, grün\",\"id\":null,\
             \"masking_key\":\"00fe\",\"layers\":[\"eth\",\"ip\"],\"tcp\":{\"fin\":true},\"udp\":{}}\n"
        );
    }
    #[test]
    fn of_a_line_only_what_is_wanted() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out, "packet", Keys::named(&["len", "tcp", "no such"]));
        object.number(Key::Frame, 7);
        object.number(Key::Len, 60);
        object.digest(Key::PayloadSha256, b"");
        object.nested(Key::Tcp, |tcp| tcp.number(Key::Seq, 1));
        object.nested(Key::Udp, |udp| udp.number(Key::Len, 1));
        object.end();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"kind\":\"packet\",\"len\":60,\"tcp\":{\"seq\":1}}\n");
    }
}
