//! Packets of another parser, `socket.io-msgpack-parser`: one MessagePack map each, octets included, in a binary
//! message.
//!
//! ```text
//! 83                      a map of three
//!   a4 "type"  02         EVENT; types 5 and 6 are not needed
//!   a4 "data"  92 a5 "hello" a5 "world"
//!   a3 "nsp"   a1 "/"
//! ```
//!
//! # References
//! - MessagePack specification, "Formats". The packets: socket.io-msgpack-parser 3.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Kind, Packet, Revision};
use crate::count::counted;
use crate::layer::{Note, Severity};

/// Values nested deeper than this are not read.
const MAX_DEPTH: usize = 64;
const SPEC: &str = "MessagePack, Formats";

/// Reads a packet; its data becomes JSON, with octets as `{"base64": …}`. An error says why these octets are none:
/// perhaps another parser still is at work.
pub fn read_msgpack(octets: &[u8], revision: Revision) -> Result<Packet<'static>, Note> {
    let mut reader = Reader { octets, at: 0 };
    let mut packet = Packet::new(Kind::Missing);
    read_map(&mut reader, &mut packet)
        .map_err(|what| Note::new(Severity::Error, format!("at octet {}: {what}", reader.at), SPEC))?;
    packet.check(revision);
    if reader.at < octets.len() {
        packet.wrong(format!("{} behind the packet", counted(octets.len() - reader.at, "octet")));
    }
    revision.cite(&mut packet.notes);
    Ok(packet)
}

fn read_map(reader: &mut Reader<'_>, packet: &mut Packet<'static>) -> Result<(), &'static str> {
    let Value::Map(pairs) = reader.value()? else { return Err("this is no map") };
    for _ in 0..pairs {
        let Value::Text(key) = reader.value()? else { return Err("a key that is no string") };
        match key {
            b"type" => match reader.value()? {
                Value::Unsigned(number) => packet.kind = kind(number),
                _ => return Err("a type that is no number"),
            },
            b"nsp" => match reader.value()? {
                Value::Text(namespace) => packet.namespace = String::from_utf8_lossy(namespace).into_owned().into(),
                _ => return Err("a namespace that is no string"),
            },
            b"id" => match reader.value()? {
                Value::Unsigned(id) => packet.id = Some(id),
                Value::Nil | Value::Undefined => {}
                _ => return Err("an id that is no number"),
            },
            b"attachments" => match reader.value()? {
                Value::Unsigned(number) => packet.attachments = number,
                Value::Nil | Value::Undefined => {}
                _ => return Err("a number of attachments that is none"),
            },
            b"data" => {
                let mut json = String::new();
                reader.json(&mut json, 0)?;
                packet.data = (!json.is_empty()).then_some(json.into());
            }
            // `options`, of the sender's own use.
            _ => reader.json(&mut String::new(), 0)?,
        }
    }
    if packet.kind == Kind::Missing { Err("a map without a type") } else { Ok(()) }
}

/// The kind with this number.
fn kind(number: u64) -> Kind {
    let digit = u32::try_from(number).ok().and_then(|number| char::from_digit(number, 10));
    digit.map(Kind::from_char).filter(|kind| kind.is_defined()).unwrap_or(Kind::UnknownNumber(number))
}

/// The beginning of a value: all of it, or how many follow.
enum Value<'a> {
    Nil,
    /// JavaScript's `undefined`, as notepack.io writes it.
    Undefined,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a [u8]),
    Octets(&'a [u8]),
    Array(u32),
    Map(u32),
    Extension(i8, &'a [u8]),
}

struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let taken = self.octets.get(self.at..).and_then(|rest| rest.get(..len)).ok_or("the octets end too early")?;
        self.at += len;
        Ok(taken)
    }

    /// A number of `len` octets, the highest first.
    fn unsigned(&mut self, len: usize) -> Result<u64, &'static str> {
        Ok(self.take(len)?.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
    }

    /// A length in `len` octets.
    fn len(&mut self, len: usize) -> Result<u32, &'static str> {
        Ok(self.unsigned(len)? as u32)
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], &'static str> {
        let len = self.len(len)?;
        self.take(len as usize)
    }

    /// notepack.io, the usual encoder, has three meanings for type 0: with a fixed length of 1 `undefined`, with a fixed
    /// length of 8 a date, and with a length of its own the octets of an ArrayBuffer.
    fn extension(&mut self, len: u32, fixed: bool) -> Result<Value<'a>, &'static str> {
        let kind = self.unsigned(1)? as i8;
        let data = self.take(len as usize)?;
        Ok(match (kind, fixed, len) {
            (0, true, 1) => Value::Undefined,
            (0, false, _) => Value::Octets(data),
            _ => Value::Extension(kind, data),
        })
    }

    fn value(&mut self) -> Result<Value<'a>, &'static str> {
        let first = self.unsigned(1)? as u8;
        Ok(match first {
            0x00..=0x7f => Value::Unsigned(first.into()),
            0x80..=0x8f => Value::Map((first & 0x0f).into()),
            0x90..=0x9f => Value::Array((first & 0x0f).into()),
            0xa0..=0xbf => Value::Text(self.take((first & 0x1f).into())?),
            0xc0 => Value::Nil,
            0xc1 => return Err("c1 begins no value"),
            0xc2 | 0xc3 => Value::Bool(first == 0xc3),
            0xc4..=0xc6 => Value::Octets(self.bytes(1 << (first - 0xc4))?),
            0xc7..=0xc9 => {
                let len = self.len(1 << (first - 0xc7))?;
                self.extension(len, false)?
            }
            0xca => Value::Float(f32::from_bits(self.unsigned(4)? as u32).into()),
            0xcb => Value::Float(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xcf => Value::Unsigned(self.unsigned(1 << (first - 0xcc))?),
            0xd0 => Value::Signed((self.unsigned(1)? as i8).into()),
            0xd1 => Value::Signed((self.unsigned(2)? as i16).into()),
            0xd2 => Value::Signed((self.unsigned(4)? as i32).into()),
            0xd3 => Value::Signed(self.unsigned(8)? as i64),
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4), true)?,
            0xd9..=0xdb => Value::Text(self.bytes(1 << (first - 0xd9))?),
            0xdc | 0xdd => Value::Array(self.len(2 << (first - 0xdc))?),
            0xde | 0xdf => Value::Map(self.len(2 << (first - 0xde))?),
            0xe0..=0xff => Value::Signed((first as i8).into()),
        })
    }

    /// Writes the next value as JSON, the way JavaScript would.
    fn json(&mut self, out: &mut String, depth: usize) -> Result<(), &'static str> {
        if depth > MAX_DEPTH {
            return Err("values nested too deep");
        }
        match self.value()? {
            // "undefined" at the top is no value at all; in an array it is null.
            Value::Undefined if depth == 0 => {}
            Value::Nil | Value::Undefined => out.push_str("null"),
            Value::Bool(bool) => out.push_str(if bool { "true" } else { "false" }),
            Value::Unsigned(number) => write_out(out, number),
            Value::Signed(number) => write_out(out, number),
            Value::Float(number) => json_number(out, number),
            Value::Text(text) => json_string(out, text),
            Value::Octets(octets) => json_octets(out, octets),
            Value::Array(len) => self.array(out, len, depth)?,
            Value::Map(pairs) => self.map(out, pairs, depth)?,
            Value::Extension(kind, data) => match milliseconds(kind, data) {
                Some(time) => out.push_str(&date(time)),
                None => {
                    let base64 = STANDARD.encode(data);
                    write_out(out, format_args!("{{\"extension\":{kind},\"base64\":\"{base64}\"}}"));
                }
            },
        }
        Ok(())
    }

    fn array(&mut self, out: &mut String, len: u32, depth: usize) -> Result<(), &'static str> {
        out.push('[');
        for index in 0..len {
            if index > 0 {
                out.push(',');
            }
            self.json(out, depth + 1)?;
        }
        out.push(']');
        Ok(())
    }

    /// A key whose value is `undefined` is left out, as JSON.stringify leaves it out.
    fn map(&mut self, out: &mut String, pairs: u32, depth: usize) -> Result<(), &'static str> {
        /// `undefined`, as notepack.io writes it.
        const UNDEFINED: [u8; 3] = [0xd4, 0x00, 0x00];
        out.push('{');
        let mut first = true;
        for _ in 0..pairs {
            let before = out.len();
            if !first {
                out.push(',');
            }
            match self.value()? {
                Value::Text(key) => json_string(out, key),
                Value::Unsigned(key) => write_out(out, format_args!("\"{key}\"")),
                Value::Signed(key) => write_out(out, format_args!("\"{key}\"")),
                _ => return Err("a key that is no string"),
            }
            if self.octets.get(self.at..self.at + UNDEFINED.len()) == Some(&UNDEFINED) {
                self.at += UNDEFINED.len();
                out.truncate(before);
                continue;
            }
            first = false;
            out.push(':');
            self.json(out, depth + 1)?;
        }
        out.push('}');
        Ok(())
    }
}

fn write_out(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a string takes all that is written to it");
}

fn json_string(out: &mut String, text: &[u8]) {
    write_out(out, serde_json::Value::from(String::from_utf8_lossy(text)));
}

fn json_octets(out: &mut String, octets: &[u8]) {
    out.push_str("{\"base64\":\"");
    STANDARD.encode_string(octets, out);
    out.push_str("\"}");
}

/// JSON has no infinities and no NaN: null stands for them. A whole number stands without a fraction.
fn json_number(out: &mut String, number: f64) {
    match number {
        _ if !number.is_finite() => out.push_str("null"),
        _ if number.fract() == 0.0 && number.abs() < 1e15 => write_out(out, number as i64),
        _ => write_out(out, serde_json::Value::from(number)),
    }
}

/// The time that an extension says, in milliseconds since 1970: MessagePack's own timestamps (-1), and the dates that
/// notepack.io wrote before them (0).
fn milliseconds(kind: i8, data: &[u8]) -> Option<i128> {
    let number = |range: std::ops::Range<usize>| Some(u64::from_be_bytes(data.get(range)?.try_into().ok()?));
    Some(match (kind, data.len()) {
        (0, 8) => i128::from(number(0..8)? as i64),
        (-1, 4) => i128::from(u32::from_be_bytes(data.try_into().ok()?)) * 1000,
        (-1, 8) => {
            let (nanoseconds, seconds) = (number(0..8)? >> 34, number(0..8)? & 0x3_ffff_ffff);
            i128::from(seconds) * 1000 + i128::from(nanoseconds / 1_000_000)
        }
        (-1, 12) => {
            let nanoseconds = u32::from_be_bytes(data.get(..4)?.try_into().ok()?);
            i128::from(number(4..12)? as i64) * 1000 + i128::from(nanoseconds / 1_000_000)
        }
        _ => return None,
    })
}

/// A time as JavaScript's JSON has it: `"1970-01-01T00:00:00.000Z"`; null when it is farther off than its dates reach.
fn date(milliseconds: i128) -> String {
    const DAY: i128 = 86_400_000;
    if milliseconds.abs() > 100_000_000 * DAY {
        return "null".into();
    }
    let (days, time) = (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY));
    // Days to a date, counted in eras of 400 years from 1 March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year + era * 400) } else { (month - 9, year + era * 400 + 1) };
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    let (hours, minutes, seconds) = (time / 3_600_000, time / 60_000 % 60, time / 1000 % 60);
    format!("\"{year}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z\"", time % 1000)
}
