//! One line of JSON, written key by key. Strings are escaped by serde_json; the rest is digits and known words.

use std::io::Write;

use serde::Serialize;

/// Writes an object to the end of a buffer. What is begun with [`Object::begin`] ends with [`Object::end`].
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Object<'a> {
    /// An object with its kind.
    pub(super) fn begin(out: &'a mut Vec<u8>, kind: &str) -> Self {
        out.extend_from_slice(b"{\"kind\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.push(b'"');
        Self { out }
    }

    /// Ends the object and the line.
    pub(super) fn end(self) {
        self.out.extend_from_slice(b"}\n");
    }

    fn key(&mut self, key: &str) {
        self.out.reserve(key.len() + 4);
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, number: impl itoa::Integer) {
        self.key(key);
        self.digits(number);
    }

    fn digits(&mut self, number: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A list of numbers.
    pub(super) fn numbers(&mut self, key: &str, numbers: &[u32]) {
        self.key(key);
        self.out.push(b'[');
        for (i, number) in numbers.iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.digits(*number);
        }
        self.out.push(b']');
    }

    /// A number, or null.
    pub(super) fn number_or_null(&mut self, key: &str, number: Option<impl itoa::Integer>) {
        match number {
            Some(number) => self.number(key, number),
            None => self.null(key),
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &str, value: bool) {
        self.key(key);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Nothing.
    pub(super) fn null(&mut self, key: &str) {
        self.key(key);
        self.out.extend_from_slice(b"null");
    }

    /// A word of which it is known that nothing in it needs an escape.
    pub(super) fn word(&mut self, key: &str, word: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(word);
        self.out.push(b'"');
    }

    /// A list of such words.
    pub(super) fn words(&mut self, key: &str, words: impl IntoIterator<Item = &'static str>) {
        self.key(key);
        self.out.push(b'[');
        for (i, word) in words.into_iter().enumerate() {
            if i > 0 {
                self.out.push(b',');
            }
            self.out.push(b'"');
            self.out.extend_from_slice(word.as_bytes());
            self.out.push(b'"');
        }
        self.out.push(b']');
    }

    /// Octets in hexadecimal.
    pub(super) fn hex(&mut self, key: &str, octets: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.key(key);
        self.out.push(b'"');
        for some in octets.chunks(32) {
            let mut digits = [0; 64];
            for (pair, octet) in digits.chunks_exact_mut(2).zip(some) {
                pair[0] = DIGITS[usize::from(octet >> 4)];
                pair[1] = DIGITS[usize::from(octet & 15)];
            }
            self.out.extend_from_slice(&digits[..some.len() * 2]);
        }
        self.out.push(b'"');
    }

    /// Text, escaped where that is needed.
    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.value(key, text);
    }

    /// Text, or null.
    pub(super) fn text_or_null(&mut self, key: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(key, text),
            None => self.null(key),
        }
    }

    /// Anything that serde knows how to write.
    pub(super) fn value<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.key(key);
        let before = self.out.len();
        if serde_json::to_writer(&mut *self.out, value).is_err() {
            // Only a value that is no JSON could fail, and then the line stays whole.
            self.out.truncate(before);
            self.out.extend_from_slice(b"null");
        }
    }

    /// What `write` writes, which needs no escape.
    pub(super) fn shown(&mut self, key: &str, value: impl std::fmt::Display) {
        self.key(key);
        // Writing to memory does not fail.
        let _ = write!(self.out, "\"{value}\"");
    }

    /// An object within the object.
    pub(super) fn nested(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) {
        self.key(key);
        let at = self.out.len();
        write(&mut Object { out: self.out });
        match self.out.get_mut(at) {
            Some(comma) => *comma = b'{',
            None => self.out.push(b'{'),
        }
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_object() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out, "note");
        object.number("frame", 7);
        object.numbers("frames", &[1, 7]);
        object.text("text", "a \"quoted\"\nline, grün");
        object.number_or_null("id", None::<u64>);
        object.hex("key", &[0, 0xfe]);
        object.words("layers", ["eth", "ip"]);
        object.nested("tcp", |tcp| tcp.flag("fin", true));
        object.nested("empty", |_| {});
        object.end();
        let text = String::from_utf8(out).unwrap();
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed["text"], "a \"quoted\"\nline, grün");
        assert_eq!(
            text,
            "{\"kind\":\"note\",\"frame\":7,\"frames\":[1,7],\"text\":\"a \\\"quoted\\\"\\nline, grün\",\"id\":null,\
             \"key\":\"00fe\",\"layers\":[\"eth\",\"ip\"],\"tcp\":{\"fin\":true},\"empty\":{}}\n"
        );
    }
}
