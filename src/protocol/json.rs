//! JSON (RFC 8259) as JavaScript reads it, where other readers give up: numbers larger than a double, a thousand brackets,
//! halves of surrogate pairs (§8.2), and a name twice in an object (§4). One such value must not hide the others.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// A string of JSON; `None` if this is none. Half of a surrogate pair is no character: U+FFFD stands for it.
pub(crate) fn string(json: &str) -> Option<String> {
    serde_json::from_str::<Text>(json).ok().map(|text| text.0)
}

/// An object of JSON: each value as it was written, under its name. Of several with one name the last counts.
pub(crate) struct Members<'a>(BTreeMap<Text, &'a RawValue>);

impl<'a> Members<'a> {
    /// Reads an object; `Ok(None)` if this is JSON of another kind.
    pub(crate) fn read(json: &'a str) -> serde_json::Result<Option<Self>> {
        let value: &RawValue = serde_json::from_str(json)?;
        value.get().starts_with('{').then(|| serde_json::from_str(value.get()).map(Self)).transpose()
    }

    /// The value of this name, as it was written.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.get())
    }

    /// The string of this name.
    pub(crate) fn string(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(string)
    }

    /// The whole number of this name, such as `25000`, `25000.0` or `2.5e4`.
    pub(crate) fn whole(&self, name: &str) -> Option<u64> {
        let raw = self.raw(name)?;
        raw.parse().ok().or_else(|| whole(raw.parse().ok()?))
    }
}

/// A double as a whole number, if it is one and every whole number up to it is a double.
fn whole(number: f64) -> Option<u64> {
    let is_whole = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_whole.then_some(number as u64)
}

/// A text in which U+FFFD stands for halves of surrogate pairs.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Text(String);

impl std::borrow::Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Octets;

        impl Visitor<'_> for Octets {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Text, E> {
                Ok(Text(whole_characters(octets).into_owned()))
            }
        }

        // Only so serde_json hands out what no `str` can hold.
        from.deserialize_bytes(Octets)
    }
}

/// UTF-8 in which halves of surrogate pairs are written as if they were characters (WTF-8), without them.
fn whole_characters(octets: &[u8]) -> Cow<'_, str> {
    let Err(_) = std::str::from_utf8(octets) else { return String::from_utf8_lossy(octets) };
    let mut octets = octets.to_owned();
    for at in 0..octets.len().saturating_sub(2) {
        if let [first @ 0xed, second @ 0xa0..=0xbf, third] = &mut octets[at..at + 3] {
            (*first, *second, *third) = (0xef, 0xbf, 0xbd);
        }
    }
    Cow::Owned(String::from_utf8_lossy(&octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        let text = |json: &str| string(json);
        assert_eq!(text(r#""grün \ud834\udd1e\n""#).as_deref(), Some("grün 𝄞\n"));
        assert_eq!(text(r#""a\ud800b\udc00\ud800""#).as_deref(), Some("a\u{fffd}b\u{fffd}\u{fffd}"));
        assert_eq!((text(""), text("7"), text("[\"a\"]"), text("null"), text("\"a")), (None, None, None, None, None));
    }

    #[test]
    fn one_value_does_not_hide_the_others() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for odd in ["1e999", r#""\ud800""#, r#"{"\ud800":1}"#, &deep, "[\n1]"] {
            let json = format!(r#" {{"\ud800":1,"n":{odd},"sid":"a","sid":"b" ,"num":2.5e4}} "#);
            let object = Members::read(&json).unwrap().unwrap();
            assert_eq!((object.raw("n"), object.string("sid")), (Some(odd), Some("b".to_owned())));
            assert_eq!((object.whole("num"), object.whole("n"), object.raw("m")), (Some(25_000), None, None));
        }
        assert!(Members::read("[1]").unwrap().is_none() && Members::read("{").is_err() && Members::read("").is_err());
    }

    #[test]
    fn whole_numbers() {
        let number = |json: &str| Members::read(&format!("{{\"n\":{json}}}")).unwrap().unwrap().whole("n");
        for (json, expected) in [
            ("18446744073709551615", Some(u64::MAX)),
            ("25000.0", Some(25_000)),
            ("1E6", Some(1_000_000)),
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1.5", None),
            ("-1", None),
            ("1e300", None),
            ("1e999", None),
            ("18446744073709551616", None),
            ("\"7\"", None),
            ("true", None),
        ] {
            assert_eq!(number(json), expected, "{json}");
        }
    }
}
