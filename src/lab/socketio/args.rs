//! What an event or an acknowledgement carries: JSON values and octets, also octets inside of JSON, where they are written as
//! `{"base64": "AP8="}`, as the log and exports have them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple as _, Serializer};
use serde_json::{Map, Value};

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A JSON value; octets in it travel as attachments, too.
    Json(Value),
    /// Octets, which travel as an attachment.
    Binary(Vec<u8>),
}

/// All arguments.
///
/// To serde they are a tuple: that is how socketioxide tells several arguments from one that is a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Args(pub Vec<Arg>);

impl Arg {
    /// A value; octets, if it is nothing else.
    pub fn of(value: Value) -> Self {
        octets(&value).map_or(Self::Json(value), Self::Binary)
    }

    /// The value that it is, or that stands for it.
    fn into_json(self) -> Value {
        match self {
            Self::Json(value) => value,
            Self::Binary(octets) => in_base64(&octets),
        }
    }
}

/// Octets as JSON has them.
pub fn in_base64(octets: &[u8]) -> Value {
    serde_json::json!({ BASE64: STANDARD.encode(octets) })
}

/// The octets that a value stands for, if it stands for any.
pub fn octets(value: &Value) -> Option<Vec<u8>> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    STANDARD.decode(object.get(BASE64)?.as_str()?).ok()
}

const BASE64: &str = "base64";

impl Args {
    /// With a text behind the others, if there is one.
    pub fn with_text(mut self, text: Option<String>) -> Self {
        self.0.extend(text.map(|text| Arg::Json(text.into())));
        self
    }

    /// The text behind the others, if there is one, taken off.
    pub fn split_text(&mut self) -> Option<String> {
        let last = self.0.pop_if(|arg| matches!(arg, Arg::Json(Value::String(_))))?;
        if let Arg::Json(Value::String(text)) = last { Some(text) } else { None }
    }

    /// The arguments as the log shows them: octets as an object with their base64.
    pub fn to_json(&self) -> Vec<Value> {
        self.0.iter().cloned().map(Arg::into_json).collect()
    }
}

impl Serialize for Arg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => Inner(value).serialize(serializer),
            Self::Binary(octets) => serializer.serialize_bytes(octets),
        }
    }
}

/// A value in which octets are serialized as such.
struct Inner<'a>(&'a Value);

impl Serialize for Inner<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if let Some(octets) = octets(value) => serializer.serialize_bytes(&octets),
            Value::Array(list) => serializer.collect_seq(list.iter().map(Inner)),
            Value::Object(object) => serializer.collect_map(object.iter().map(|(key, value)| (key, Inner(value)))),
            value => value.serialize(serializer),
        }
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|arg| tuple.serialize_element(arg))?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Arg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgVisitor)
    }
}

impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(MAX_ARGS, ArgsVisitor)
    }
}

struct ArgsVisitor;

impl<'de> Visitor<'de> for ArgsVisitor {
    type Value = Args;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the arguments of an event")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Args, A::Error> {
        let mut args = Vec::new();
        while let Some(arg) = seq.next_element()? {
            args.push(arg);
        }
        Ok(Args(args))
    }
}

/// As any JSON value, with octets besides.
struct ArgVisitor;

impl<'de> Visitor<'de> for ArgVisitor {
    type Value = Arg;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value or octets")
    }

    fn visit_bytes<E>(self, octets: &[u8]) -> Result<Arg, E> {
        Ok(Arg::Binary(octets.to_vec()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Arg, E> {
        Ok(Arg::Json(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Arg, E> {
        Ok(Arg::Json(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Arg, E> {
        Ok(Arg::Json(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Arg, E> {
        Ok(Arg::Json(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Arg, E> {
        Ok(Arg::Json(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Arg, E> {
        Ok(Arg::Json(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Arg, E> {
        Ok(Arg::Json(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Arg, A::Error> {
        let mut list = Vec::new();
        while let Some(arg) = seq.next_element::<Arg>()? {
            list.push(arg.into_json());
        }
        Ok(Arg::Json(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arg, A::Error> {
        let mut object = Map::new();
        while let Some((key, arg)) = map.next_entry::<String, Arg>()? {
            object.insert(key, arg.into_json());
        }
        Ok(Arg::Json(object.into()))
    }
}

/// As many as anyone would write; serde wants a number.
const MAX_ARGS: usize = 64;
