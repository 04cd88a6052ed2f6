//! What an event or an acknowledgement carries: JSON values and octets.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple as _, Serializer};
use serde_json::Value;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A JSON value.
    Json(Value),
    /// Octets, which travel as an attachment.
    Binary(Vec<u8>),
}

/// All arguments.
///
/// To serde they are a tuple: that is how socketioxide tells several arguments from one that is a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Args(pub Vec<Arg>);

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
        use base64::Engine as _;
        let shown = |arg: &Arg| match arg {
            Arg::Json(value) => value.clone(),
            Arg::Binary(octets) => {
                serde_json::json!({ "base64": base64::engine::general_purpose::STANDARD.encode(octets) })
            }
        };
        self.0.iter().map(shown).collect()
    }
}

impl Serialize for Arg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(value) => value.serialize(serializer),
            Self::Binary(octets) => serializer.serialize_bytes(octets),
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

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Arg, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Arg::Json)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Arg, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Arg::Json)
    }
}

/// As many as anyone would write; serde wants a number.
const MAX_ARGS: usize = 64;
