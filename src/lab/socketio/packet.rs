//! Packets of Socket.IO protocol 5, as a client writes and reads them.
//!
//! ```text
//! packet = kind [attachments "-"] [namespace ","] [id] [JSON]      ; kind: 0 CONNECT … 6 BINARY_ACK
//! ```

use serde_json::Value;

use crate::lab::socketio::args::{in_base64, octets};
use crate::lab::socketio::{Arg, Args, MAIN};

/// A packet. Its attachments follow it, each in a message of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    pub kind: Kind,
    pub namespace: String,
    pub id: Option<u64>,
    pub data: Option<Value>,
    /// How many attachments follow.
    pub attachments: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
    BinaryEvent,
    BinaryAck,
}

/// Whoever announces more is not waited for.
const MOST_ATTACHMENTS: usize = 1_000;

const KINDS: [Kind; 7] =
    [Kind::Connect, Kind::Disconnect, Kind::Event, Kind::Ack, Kind::ConnectError, Kind::BinaryEvent, Kind::BinaryAck];

impl Packet {
    /// A packet without attachments.
    pub fn new(kind: Kind, namespace: &str, data: Option<Value>) -> Self {
        Self { kind, namespace: namespace.to_owned(), id: None, data, attachments: 0 }
    }

    /// An event or an acknowledgement, and its attachments.
    pub fn with_args(namespace: &str, event: Option<&str>, id: Option<u64>, args: &Args) -> (Self, Vec<Vec<u8>>) {
        let mut list: Vec<Value> = event.map(Value::from).into_iter().collect();
        let mut attachments = Vec::new();
        for arg in &args.0 {
            list.push(match arg {
                Arg::Json(value) => taken_out(value, &mut attachments),
                Arg::Binary(octets) => placeholder(octets.clone(), &mut attachments),
            });
        }
        let kind = match (event.is_some(), attachments.is_empty()) {
            (true, true) => Kind::Event,
            (true, false) => Kind::BinaryEvent,
            (false, true) => Kind::Ack,
            (false, false) => Kind::BinaryAck,
        };
        let packet = Self { id, attachments: attachments.len(), ..Self::new(kind, namespace, Some(list.into())) };
        (packet, attachments)
    }

    pub fn to_text(&self) -> String {
        let mut text = KINDS.iter().position(|kind| *kind == self.kind).unwrap_or_default().to_string();
        if matches!(self.kind, Kind::BinaryEvent | Kind::BinaryAck) {
            text.push_str(&format!("{}-", self.attachments));
        }
        if self.namespace != MAIN {
            text.push_str(&format!("{},", self.namespace));
        }
        text.extend(self.id.map(|id| id.to_string()));
        text.extend(self.data.as_ref().map(Value::to_string));
        text
    }

    pub fn read(text: &str) -> Option<Self> {
        let (kind, mut rest) = text.split_at_checked(1)?;
        let kind = *KINDS.get(kind.parse::<usize>().ok()?)?;
        let mut packet = Self::new(kind, MAIN, None);
        if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) {
            let (count, behind) = rest.split_once('-')?;
            (packet.attachments, rest) = (count.parse().ok().filter(|count| *count <= MOST_ATTACHMENTS)?, behind);
        }
        if rest.starts_with('/') {
            let (namespace, behind) = rest.split_once(',').unwrap_or((rest, ""));
            namespace.clone_into(&mut packet.namespace);
            rest = behind;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, data) = rest.split_at(digits);
        packet.id = if id.is_empty() { None } else { Some(id.parse().ok()?) };
        packet.data = if data.is_empty() { None } else { Some(serde_json::from_str(data).ok()?) };
        Some(packet)
    }

    /// The name of an event and its arguments, or those of an acknowledgement; attachments in their places.
    pub fn args(self, attachments: &[Vec<u8>]) -> Option<(Option<String>, Args)> {
        let Some(Value::Array(list)) = self.data else { return None };
        let mut list = list.into_iter();
        let event = match self.kind {
            Kind::Event | Kind::BinaryEvent => Some(list.next()?.as_str()?.to_owned()),
            _ => None,
        };
        let args = list.map(|value| Arg::of(put_in(value, attachments)));
        Some((event, Args(args.collect())))
    }
}

/// Takes octets out of a value, and leaves something in their places.
fn taken_out(value: &Value, attachments: &mut Vec<Vec<u8>>) -> Value {
    match value {
        value if let Some(octets) = octets(value) => placeholder(octets, attachments),
        Value::Array(list) => list.iter().map(|value| taken_out(value, attachments)).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.clone(), taken_out(value, attachments))).collect()
        }
        value => value.clone(),
    }
}

fn placeholder(octets: Vec<u8>, attachments: &mut Vec<Vec<u8>>) -> Value {
    attachments.push(octets);
    serde_json::json!({ "_placeholder": true, "num": attachments.len() - 1 })
}

/// Puts octets where they belong.
fn put_in(value: Value, attachments: &[Vec<u8>]) -> Value {
    let place = value.get("_placeholder").and(value.get("num")).and_then(Value::as_u64);
    if let Some(octets) = place.and_then(|place| attachments.get(usize::try_from(place).ok()?)) {
        return in_base64(octets);
    }
    match value {
        Value::Array(list) => list.into_iter().map(|value| put_in(value, attachments)).collect(),
        Value::Object(object) => object.into_iter().map(|(key, value)| (key, put_in(value, attachments))).collect(),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_written_and_read() {
        for text in [
            "0",
            "0/admin,{\"token\":\"t\"}",
            "1",
            "2[\"hello\",\"world\",1]",
            "2/admin,12[\"hello\"]",
            "30[]",
            "4{\"message\":\"no\"}",
            "51-[\"file\",{\"_placeholder\":true,\"num\":0}]",
            "61-/admin,7[{\"_placeholder\":true,\"num\":0}]",
        ] {
            assert_eq!(Packet::read(text).unwrap().to_text(), text);
        }
        for text in ["", "9", "51001-[\"x\"]", "5[\"x\"]", "2[", "2\u{fe}"] {
            assert_eq!(Packet::read(text), None, "{text}");
        }
    }

    #[test]
    fn attachments_are_in_their_places() {
        let inner = serde_json::json!({ "a": [{ "base64": "BAU=" }, { "base64": 7 }, { "base64": "", "b": 1 }] });
        let args = Args(vec![Arg::Json(1.into()), Arg::Binary(vec![1, 2]), Arg::Json(inner), Arg::Binary(vec![3])]);
        let (packet, attachments) = Packet::with_args("/", Some("file"), Some(3), &args);
        assert_eq!(packet.to_text().split_once('[').unwrap().0, "53-3");
        let read = Packet::read(&packet.to_text()).unwrap();
        assert_eq!(read.args(&attachments), Some((Some("file".to_owned()), args)));
    }
}
