//! Heads that are like one before them. On a connection that is polled nearly all are, but for the target of a request and
//! the length of a body: what was read in one is read in the next by comparing octets.
//!
//! What is read so, reading it anew would give alike: the test below holds both equal.

use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;

use super::body::Framing;
use super::head::{RawHead, Start};
use super::open::Open;
use super::places::Moved;
use crate::message::Head;

/// A head of more octets is read anew each time.
const MAX_LEN: usize = 2048;
/// So many are known of a direction: requests of two kinds may take turns.
const MAX_KNOWN: usize = 2;
/// After so many in a row that were like none before, no more is learned.
const MAX_MISSES: u8 = 8;
/// A length with more digits is read anew.
const MAX_DIGITS: usize = 9;

/// What was read in a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) head: RawHead,
    pub(super) texts: Arc<Head>,
    pub(super) framing: Framing,
}

/// The heads of one direction that others are compared with.
#[derive(Default)]
pub(super) struct Alike {
    models: Vec<Model>,
    /// Which was learned or met last.
    latest: usize,
    misses: u8,
    /// A head came: of a connection with only one nothing needs to be known.
    has_begun: bool,
}

impl Alike {
    /// What is in the head at the front of these octets, if it is like one before.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Known> {
        let found = self.models.iter_mut().enumerate().find_map(|(at, model)| Some((at, model.read(bytes)?)));
        let (at, known) = found?;
        (self.latest, self.misses) = (at, 0);
        Some(known)
    }

    /// Learns from a head that was read anew, if nothing is to be said of it.
    pub(super) fn learn(&mut self, open: &Open, bytes: &[u8]) {
        if !std::mem::replace(&mut self.has_begun, true) || self.misses >= MAX_MISSES {
            return;
        }
        let Some(model) = Model::of(open, bytes) else { return };
        self.misses += 1;
        if self.models.len() < MAX_KNOWN {
            self.latest = self.models.len();
            self.models.push(model);
        } else {
            self.latest = 1 - self.latest;
            self.models[self.latest] = model;
        }
    }
}

/// A head, and where others may differ from it.
struct Model {
    bytes: Box<[u8]>,
    /// The target of a request.
    target: Option<Range<usize>>,
    /// The value of the field that tells how long the body is.
    length: Option<Range<usize>>,
    known: Known,
}

impl Model {
    fn of(open: &Open, bytes: &[u8]) -> Option<Self> {
        let Open { head, texts, framing, events, notes, closing, .. } = open;
        // Behind one that ends the connection none is to come.
        if closing.is_some() {
            return None;
        }
        if head.len > MAX_LEN || !notes.is_empty() || events.is_some() || texts.get("upgrade").is_some() {
            return None;
        }
        let target = match &head.start {
            Start::Request { target, .. } => Some(target.clone()),
            Start::Response { status: 200, .. } => None,
            Start::Response { .. } => return None,
        };
        let bytes = bytes.get(..head.len)?;
        let mut lengths =
            head.headers.iter().filter(|(name, _)| bytes[name.clone()].eq_ignore_ascii_case(b"content-length"));
        let length = match (framing, lengths.next(), lengths.next()) {
            (Framing::Length(_), Some((_, value)), None) => Some(value),
            (Framing::None, None, None) if target.is_some() => None,
            _ => return None,
        };
        if length.as_ref().is_some_and(|length| digits(&bytes[length.clone()]) != length.len()) {
            return None;
        }
        let known = Known { head: head.clone(), texts: Arc::clone(texts), framing: *framing };
        Some(Self { bytes: bytes.into(), target, length, known })
    }

    /// Reads a head that differs from this one only where it may.
    fn read(&mut self, bytes: &[u8]) -> Option<Known> {
        let mut rest = Rest { model: &self.bytes, at: 0, bytes, len: 0 };
        let mut target_grew = 0;
        if let Some(target) = &self.target {
            let known = &self.bytes[target.clone()];
            let found = rest.passes(target, |octets| target_len(octets, known))?;
            target_grew = found.len().wrapping_sub(target.len());
        }
        let (mut number, mut length_end, mut length_grew) = (None, usize::MAX, 0);
        if let Some(length) = &self.length {
            let found = rest.passes(length, digits)?;
            (length_end, length_grew) = (length.end, found.len().wrapping_sub(length.len()));
            number = Some(found.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
        }
        rest.equals(self.bytes.len())?;
        let len = rest.len;
        if let Some(number) = number.filter(|number| self.known.framing != Framing::Length(*number)) {
            self.set_length(number);
        }
        let old = &self.known.head;
        let start = match &old.start {
            Start::Request { method, target } => {
                let target = target.start..target.end.wrapping_add(target_grew);
                Start::Request { method: method.clone(), target }
            }
            start @ Start::Response { .. } => start.clone(),
        };
        // What stands behind a stretch moves with its end; all fields stand behind the target.
        let head = old.moved(len, start, Moved { by: target_grew, from: length_end, more: length_grew });
        Some(Known { head, texts: Arc::clone(&self.known.texts), framing: self.known.framing })
    }

    /// Puts another length into the texts, which say how long the body is too.
    fn set_length(&mut self, number: u64) {
        self.known.framing = Framing::Length(number);
        let texts = Arc::make_mut(&mut self.known.texts);
        if let Some((_, value)) = texts.headers.iter_mut().find(|(name, _)| name == "content-length") {
            *value = number.to_string();
        }
    }
}

/// How far a head was compared with a model.
struct Rest<'a> {
    model: &'a [u8],
    /// How far in the model.
    at: usize,
    bytes: &'a [u8],
    /// How far in the head.
    len: usize,
}

impl<'a> Rest<'a> {
    /// Goes on to here in the model, where nothing may differ.
    fn equals(&mut self, until: usize) -> Option<()> {
        let fixed = self.model.get(self.at..until)?;
        let found = self.bytes.get(self.len..)?.get(..fixed.len())?;
        (self.at, self.len) = (until, self.len + fixed.len());
        (fixed == found).then_some(())
    }

    /// Goes on past a stretch that may differ; `count` tells how many octets belong to it.
    fn passes(&mut self, open: &Range<usize>, count: impl FnOnce(&[u8]) -> usize) -> Option<&'a [u8]> {
        self.equals(open.start)?;
        let rest = self.bytes.get(self.len..)?;
        let found = rest.get(..count(rest)).filter(|found| !found.is_empty())?;
        (self.at, self.len) = (open.end, self.len + found.len());
        Some(found)
    }
}

/// How many digits stand here, of a length that is written as lengths mostly are; else none.
fn digits(octets: &[u8]) -> usize {
    let count = octets.iter().take(MAX_DIGITS + 1).take_while(|octet| octet.is_ascii_digit()).count();
    if count > MAX_DIGITS || octets.first() == Some(&b'0') { 0 } else { count }
}

/// How many octets of a target stand here, of one that is as they mostly are and that a space ends; else none. Its end is
/// looked for first: to ask each octet whether it is the last is slower. What is as in the `known` one, which is so, is not asked
/// at all: of targets that are polled little but a number differs.
fn target_len(octets: &[u8], known: &[u8]) -> usize {
    let octets = &octets[..octets.len().min(MAX_LEN)];
    let len = memchr(b' ', octets).unwrap_or(0);
    let found = &octets[..len];
    let all_usual = |octets: &[u8]| octets.iter().fold(true, |is_usual, octet| is_usual & is_of_target(*octet));
    let ((eights, rest), (known, _)) = (found.as_chunks::<8>(), known.as_chunks::<8>());
    let behind = eights.get(known.len()..).unwrap_or_default();
    let is_usual = eights.iter().zip(known).all(|(eight, known)| eight == known || all_usual(eight))
        && all_usual(behind.as_flattened())
        && all_usual(rest);
    if is_usual { len } else { 0 }
}

/// Whether it stands in a target as they mostly are (RFC 3986 §2): others are read anew.
fn is_of_target(octet: u8) -> bool {
    const OF_TARGET: [bool; 256] = {
        let mut table = [false; 256];
        let mut octet = 0;
        while octet < 128 {
            table[octet] = (octet as u8).is_ascii_alphanumeric();
            octet += 1;
        }
        let others = b"/?&=.-_~:%+*,;!$@'()";
        let mut at = 0;
        while at < others.len() {
            table[others[at] as usize] = true;
            at += 1;
        }
        table
    };
    OF_TARGET[usize::from(octet)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    use super::super::body;
    use super::super::head::{Read, read_request, read_response};
    use super::*;

    const GET: &str = "GET /socket.io/?EIO=4&transport=polling&t=1&sid=s HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
    const POST: &str = "POST /socket.io/?EIO=4&t=1 HTTP/1.1\r\nHost: a\r\nContent-length: 12\r\nA: b\r\n\r\n";
    const OK: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nKeep-Alive: timeout=5\r\n\r\n";

    /// What is in a head, read anew.
    fn anew(bytes: &[u8]) -> Option<Open> {
        let is_request = !bytes.starts_with(b"HTTP");
        let read = if is_request { read_request(bytes) } else { read_response(bytes) };
        let Read::Complete(head) = read else { return None };
        let texts = Arc::new(head.to_ruling_head(bytes));
        let mut notes = Vec::new();
        let framing = match &head.start {
            Start::Request { .. } => body::of_request(&texts, &mut notes),
            Start::Response { status, .. } => body::of_response(*status, Some("GET"), &texts, &mut notes),
        };
        Some(Open { notes, ..Open::new(head, texts, framing, 0) })
    }

    fn after(known: &[&str]) -> Alike {
        let mut alike = Alike::default();
        for text in known {
            alike.learn(&anew(text.as_bytes()).expect("it is a head"), text.as_bytes());
        }
        alike
    }

    #[test]
    fn decodes() {
        let mut alike = after(&[GET, GET, POST]);
        let long = GET.replace("t=1", "t=23456") + "what follows";
        let known = alike.read(long.as_bytes()).expect("only its target differs");
        assert_eq!(known.head.len, GET.len() + 4);
        let short = POST.replace("12", "7").replace("t=1", "");
        let known = alike.read(short.as_bytes()).expect("only its target and its length differ");
        assert_eq!(known.framing, Framing::Length(7));
        assert_eq!(known.texts.get("content-length"), Some("7"));
        for other in ["Host: b", "Host: a\r\nExpect: 100-continue"] {
            assert_eq!(alike.read(GET.replace("Host: a", other).as_bytes()), None, "{other}");
        }
        assert_eq!(alike.read(&GET.as_bytes()[..GET.len() - 1]), None, "it has not ended");
        for length in ["0", "007", "1x", "", "9999999999", "7, 7"] {
            assert_eq!(after(&[OK, OK]).read(OK.replace('7', length).as_bytes()), None, "{length}");
        }
    }

    #[test]
    fn of_what_has_a_note_nothing_is_learned() {
        for odd in ["HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n", "HTTP/1.1 204 No\r\n\r\n"] {
            assert_eq!(after(&[odd, odd]).read(odd.as_bytes()), None);
        }
        assert_eq!(after(&[GET]).read(GET.as_bytes()), None, "the first may be the only one");
    }

    #[test]
    fn heads_that_are_never_alike_cost_no_more() {
        let all: Vec<String> = (0..20).map(|n| GET.replace("Host: a", &format!("Host: a{n}"))).collect();
        let mut alike = after(&all.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(alike.read(all[8].as_bytes()).is_some());
        assert_eq!(alike.read(all[19].as_bytes()), None, "it was not learned");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        /// Heads with other targets and lengths, and with damage.
        #[test]
        fn what_is_alike_reads_as_if_read_anew(
            which in 0_usize..3,
            target in "[a-z/?&=%#\"<\\\\ é]{0,6}",
            length in "[0-9]{0,5}",
            damage in proptest::option::of((any::<usize>(), " |\r|\n|a|:|0|\u{1}|é")),
        ) {
            let model = [GET, POST, OK][which];
            let mut other = model.replace("t=1", &format!("t={target}")).replace("12", &length).replace("7", &length).into_bytes();
            if let Some((at, text)) = damage {
                let at = at % other.len();
                other.splice(at..=at, text.bytes());
            }
            let mut alike = after(&[model, model]);
            if let Some(known) = alike.read(&other) {
                let Open { head, texts, framing, notes, .. } = anew(&other).expect("it is a head");
                prop_assert_eq!(known, Known { head, texts, framing });
                prop_assert_eq!(notes, []);
            }
        }
    }
}
