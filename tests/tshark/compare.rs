//! Frame by frame and field by field: what we say, and what tshark says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use wiretale::cli::{Loaded, Secrets};
use wiretale::filter::{Names, TraceNames};
use wiretale::layer::{FieldDef, Kind, Layer, Value};
use wiretale::trace::{Trace, all_fields, protocols};

use crate::exceptions::{Exception, is_over_http2, is_payload_as_data, is_told_later, is_unchecked, named_otherwise};
use crate::tool;

/// What was compared.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub frames: usize,
    /// Values that one of the two has; a field that both lack is not counted.
    pub values: usize,
}

/// Reads a capture as the program does.
pub fn load(path: &Path) -> Trace {
    Loaded::open(path, Secrets::Known("")).unwrap().trace
}

/// Compares all frames of a capture; the differences must be those of the exceptions, and each of them must differ.
/// An error lists what is not as it should be.
pub fn capture(path: &Path, preferences: &[&str], exceptions: &[&Exception]) -> Result<Tally, String> {
    let trace = load(path);
    let (tally, differences) = differences(&trace, path, preferences);
    let mut used = vec![false; exceptions.len()];
    let mut wrong = Vec::new();
    for difference in differences {
        let covering =
            |about: &String| exceptions.iter().position(|exception| exception.covers(difference.frame, about));
        let covered: Vec<Option<usize>> = difference.about.iter().map(covering).collect();
        if covered.contains(&None) {
            wrong.push(difference.text());
        }
        covered.into_iter().flatten().for_each(|i| used[i] = true);
    }
    // Newer versions may need fewer exceptions.
    let exact = tool::version() == (4, 0);
    let idle = exceptions.iter().zip(used).filter(|(_, used)| exact && !used);
    wrong.extend(idle.map(|(exception, _)| format!("  no longer needed: {exception:?}")));
    match wrong.as_slice() {
        [] => Ok(tally),
        wrong => Err(format!("{}:\n{}", path.display(), wrong.join("\n"))),
    }
}

/// A field of a frame of which the two say different things.
struct Difference {
    frame: u32,
    field: &'static str,
    /// The fields and protocols that an exception must cover: for most the field itself.
    about: Vec<String>,
    ours: Vec<String>,
    theirs: Vec<String>,
}

impl Difference {
    fn text(&self) -> String {
        let Self { frame, field, ours, theirs, .. } = self;
        format!("  frame {frame} {field}: we say {ours:?}, tshark says {theirs:?}")
    }
}

fn differences(trace: &Trace, path: &Path, preferences: &[&str]) -> (Tally, Vec<Difference>) {
    // A pcap file names no interface; its only one is number 0 for us, and none for tshark.
    let has_interfaces = path.extension().is_some_and(|extension| extension == "pcapng");
    let is_asked = |def: &&FieldDef| def.wireshark && (has_interfaces || def.name != "frame.interface_id");
    let defs: Vec<&'static FieldDef> = all_fields().filter(is_asked).collect();
    let known: Vec<&'static str> = protocols().filter(|name| is_theirs(name)).collect();
    let names: Vec<&'static str> = defs.iter().map(|def| def.name).chain(known.iter().copied()).collect();
    let theirs = tool::fields(path, preferences, &names);
    assert_eq!(trace.len() as usize, theirs.len(), "{}: the number of frames", path.display());
    let mut tally = Tally { frames: theirs.len(), values: 0 };
    let mut found = Vec::new();
    for (frame, theirs) in (1..).zip(theirs) {
        let layers = trace.layers(frame);
        let ours = our_values(&layers);
        let in_message = !theirs["websocket"].is_empty() || !theirs["http.file_data"].is_empty();
        let has_http2 = ours.contains_key("http2.streamid");
        let mut compare = |field, ours: Vec<String>, theirs: Vec<String>| {
            tally.values += ours.len().max(theirs.len());
            if !same(&ours, &theirs)
                && !is_payload_as_data(field, &ours, in_message)
                && !is_told_later(field, &theirs)
                && !is_unchecked(field, &theirs)
                && !is_over_http2(field, &theirs, has_http2)
            {
                let about = match field {
                    "frame.protocols" => named_otherwise(&ours, &theirs, in_message),
                    _ => vec![field.to_owned()],
                };
                found.push(Difference { frame, field, about, ours, theirs });
            }
        };
        for def in &defs {
            // So it names octets of which there are none.
            let theirs_here = theirs[def.name].iter().filter(|value| *value != "<MISSING>");
            let values = theirs_here.map(|value| normal(def, value)).collect();
            let ours = ours.get(def.name).cloned().unwrap_or_default();
            compare(
                def.name,
                ours,
                if def.kind == Kind::Presence { presence(!theirs[def.name].is_empty()) } else { values },
            );
        }
        for name in &known {
            let here = *name == "frame" || layers.iter().any(|layer| layer.protocol == *name);
            compare(name, presence(here), presence(!theirs[name].is_empty()));
        }
    }
    (tally, found)
}

fn same(ours: &[String], theirs: &[String]) -> bool {
    match (ours, theirs) {
        // In what tshark prints an empty text looks as none.
        ([text], []) if text.is_empty() => true,
        _ => ours == theirs,
    }
}

/// Whether Wireshark knows the protocol.
pub fn is_theirs(name: &str) -> bool {
    TraceNames.protocol(name).is_some_and(|protocol| protocol.wireshark)
}

fn presence(here: bool) -> Vec<String> {
    if here { vec!["present".to_owned()] } else { Vec::new() }
}

/// Every value of every field of a frame, written as [`normal`] writes those of tshark.
fn our_values(layers: &[Layer]) -> BTreeMap<&'static str, Vec<String>> {
    let mut values: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for field in layers.iter().flat_map(|layer| &layer.fields) {
        let list = values.entry(field.def.name).or_default();
        match &field.value {
            Value::Bytes(bytes) if is_body_as_text(field.def) => list.push(escaped(&text_of(bytes))),
            Value::Bytes(bytes) => list.push(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            // What is written as it is in some fields is formatted first in others.
            Value::Text(text) if field.def.name == "websocket.payload.text" => list.push(in_a_line(text)),
            Value::Text(text) => list.push(escaped(text)),
            Value::Present if list.is_empty() => list.push("present".into()),
            Value::Present => {}
            other => list.push(other.to_string()),
        }
    }
    values
}

/// A value as tshark writes it, in one form for all versions of it.
fn normal(def: &FieldDef, value: &str) -> String {
    match def.kind {
        Kind::Bool => match value {
            "True" => "1".into(),
            "False" => "0".into(),
            other => other.to_owned(),
        },
        Kind::Uint(_) => match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).map_or_else(|_| value.to_owned(), |n| n.to_string()),
            None => value.to_owned(),
        },
        // Digit by digit: a float has too few of them for nanoseconds since 1970.
        Kind::Seconds | Kind::Int(_) => value.to_owned(),
        Kind::Bytes if is_body_as_text(def) => value.to_owned(),
        Kind::Bytes => value.replace(':', ""),
        Kind::Text | Kind::Address | Kind::Mac | Kind::Presence => value.to_owned(),
    }
}

/// Up to 4.0 tshark shows a body as text, from 4.2 on as octets.
fn is_body_as_text(def: &FieldDef) -> bool {
    static AS_TEXT: LazyLock<bool> = LazyLock::new(|| tool::version() < (4, 2));
    def.name == "http.file_data" && *AS_TEXT
}

/// A body as text ends at the first zero octet.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// A text as tshark prints it.
fn escaped(text: &str) -> String {
    in_a_line(&text.replace('\\', "\\\\"))
}

fn in_a_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}
