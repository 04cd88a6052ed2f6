//! The head of a message of HTTP/2, which lies in the message's octets compressed: what it says was read elsewhere.
//!
//! # References
//! - RFC 9113 §8.2 (fields), §8.3 (pseudo-header fields, which say what a start line does); RFC 8441 §4 (`:protocol`).

use std::ops::Range;

use std::borrow::Cow;

use super::fields::{self, HEADER, HOST, METHOD, REQUEST, REQUEST_VERSION, RESPONSE, RESPONSE_VERSION, STATUS, TARGET};
use super::head::text_of;
use crate::layer::{Field, FieldDef, Layer, Span, Value};
use crate::message::{FieldLine, Head, Section};

/// The head, and the trailer section if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::protocol) struct Packed {
    /// The status of a response; `None` for a request.
    pub(in crate::protocol) status: Option<u16>,
    pub(in crate::protocol) section: Section,
    /// How many octets at the end of the message are its trailer section.
    pub(in crate::protocol) tail_len: u64,
}

/// As start lines have it.
pub(super) const VERSION: &str = "HTTP/2";

/// Pseudo-header fields that are told as what they say.
const TOLD: [&str; 3] = [":method", ":path", ":status"];

impl Packed {
    /// The head of a request, or of a response with the status that its section has; `None` if that has none.
    pub(in crate::protocol) fn read(section: &Section, is_request: bool) -> Option<Self> {
        let value = |name: &str| section.iter().find(|line| &*line.name == name).map(|line| &*line.value);
        let status = match is_request {
            true => value(":method").map(|_| None)?,
            false => {
                let digits =
                    value(":status").filter(|text| text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()))?;
                Some(digits.parse().ok()?)
            }
        };
        Some(Self { status, section: Section::clone(section), tail_len: 0 })
    }

    fn line(&self, name: &str) -> Option<&FieldLine> {
        self.section.iter().find(|line| line.name.eq_ignore_ascii_case(name))
    }

    /// The value of the first field with this name. The host may be told as the authority instead (RFC 9113 §8.3.1).
    pub(in crate::protocol) fn value(&self, name: &str) -> Option<&str> {
        let authority = || self.line(":authority").filter(|_| name.eq_ignore_ascii_case("host"));
        self.line(name).or_else(authority).map(|line| &*line.value)
    }

    /// What a request is for. A CONNECT has no path, but for extended ones.
    fn target(&self) -> &str {
        self.value(":path").or_else(|| self.value(":authority")).unwrap_or_default()
    }

    /// Method and target.
    pub(super) fn request_line(&self) -> Option<(&[u8], &[u8])> {
        let method = self.value(":method").filter(|_| self.status.is_none())?;
        Some((method.as_bytes(), self.target().as_bytes()))
    }

    /// The same as text, or the status and no reason: HTTP/2 has none.
    pub(super) fn start(&self) -> (String, String) {
        match self.status {
            Some(status) => (format!("{status:03}"), String::new()),
            None => (self.value(":method").unwrap_or_default().to_owned(), self.target().to_owned()),
        }
    }

    /// The fields, without those that say what a start line does.
    pub(super) fn headers(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let lines = self.section.iter().filter(|line| !TOLD.contains(&&*line.name));
        lines.map(|line| (Cow::from(&*line.name), Cow::from(&*line.value))).collect()
    }

    /// The same as those read it who judge a message by what it says.
    pub(in crate::protocol) fn to_head(&self) -> Head {
        let start = match self.status {
            Some(status) => status.to_string(),
            None => self.value(":method").unwrap_or_default().to_owned(),
        };
        let lines = self.section.iter().filter(|line| !line.name.starts_with(':'));
        let headers =
            lines.map(|line| (line.name.to_string().into(), text_of(line.value.as_bytes()).into_owned())).collect();
        Head { start: start.into(), minor_version: 0, headers }
    }

    pub(super) fn describe(&self, layer: &mut Layer) {
        let version = Value::Text(VERSION.to_owned());
        match self.status {
            None => {
                layer.computed(&REQUEST, Value::Bool(true));
                self.tell(layer, &METHOD, ":method");
                self.tell(layer, &TARGET, if self.line(":path").is_some() { ":path" } else { ":authority" });
                layer.computed(&REQUEST_VERSION, version);
            }
            Some(status) => {
                layer.computed(&RESPONSE, Value::Bool(true));
                layer.computed(&RESPONSE_VERSION, version);
                if let Some(line) = self.line(":status") {
                    put(layer, &STATUS, Value::Uint(status.into()), &line.at);
                }
            }
        }
        for line in self.section.iter().filter(|line| !TOLD.contains(&&*line.name)) {
            let (def, text) = match (&*line.name, fields::of_header(&line.name)) {
                (":authority", _) => (&HOST, line.value.to_string()),
                (_, Some(def)) => (def, line.value.to_string()),
                (name, None) => (&HEADER, format!("{name}: {}", line.value)),
            };
            put(layer, def, Value::Text(text), &line.at);
            fields::parts_of_header(layer, def, &line.value, false);
        }
        fields::parts_of_target(layer, self.value(":scheme").unwrap_or("https"));
    }

    fn tell(&self, layer: &mut Layer, def: &'static FieldDef, name: &str) {
        if let Some(line) = self.line(name) {
            put(layer, def, Value::Text(line.value.to_string()), &line.at);
        }
    }
}

/// Adds a field that lies there in the octets of the message.
fn put(layer: &mut Layer, def: &'static FieldDef, value: Value, at: &Range<usize>) {
    let span = layer.span.as_ref().map(|base| {
        let place = |offset: usize| (base.range.start + offset as u64).min(base.range.end);
        Span::new(base.buffer, place(at.start)..place(at.end))
    });
    layer.fields.push(Field { def, value, span });
}
