//! What the tests of decoders share: a sink that collects, and a driver that feeds a decoder as the pipeline does.

use std::collections::BTreeMap;

use crate::layer::{Buffer, Direction, Layer, Note, Severity, Span};
use crate::message::{Decoder, Draft, Input, Inside, Payload, Progress, Sink, Upgrade};
use crate::protocol::KeyLog;

/// A case of a table: what it is about, or its octets; what is to be told; severity and clause of its notes.
pub(super) type Case = (&'static str, &'static str, &'static [(Severity, &'static str)]);

/// A message as a decoder handed it out.
pub(super) struct Told {
    pub(super) direction: Direction,
    pub(super) range: std::ops::Range<u64>,
    pub(super) payload: Box<dyn Payload>,
    pub(super) notes: Vec<Note>,
    pub(super) complete: bool,
}

/// Keeps everything it is handed.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) messages: Vec<Told>,
    pub(super) upgrades: Vec<Upgrade>,
    pub(super) remarks: Vec<(Direction, std::ops::Range<u64>, Note)>,
    /// Secrets for who asks.
    pub(super) secrets: KeyLog,
    /// The streams inside, as far as they came, and whether their senders closed them.
    pub(super) inside: [Vec<u8>; 2],
    pub(super) closed: [bool; 2],
    /// The same of those with numbers, by number and direction.
    pub(super) contents: BTreeMap<(u32, Direction), Vec<u8>>,
    /// What ended those: number, and whether one side said so, or nothing more can come.
    pub(super) endings: Vec<(u32, bool, bool)>,
    /// Of each piece the direction, and where it begins inside and outside.
    pub(super) places: Vec<(Direction, u64, u64)>,
    /// Of which directions octets are missing just now.
    pub(super) lacking: [bool; 2],
}

impl Sink for Collector {
    fn message(&mut self, draft: Draft<'_>) {
        self.messages.push(Told {
            direction: draft.direction,
            range: draft.range,
            payload: draft.payload.boxed(),
            notes: draft.notes,
            complete: draft.complete,
        });
    }

    fn remark(&mut self, direction: Direction, range: std::ops::Range<u64>, note: Note) {
        self.remarks.push((direction, range, note));
    }

    fn lacks(&self, direction: Direction) -> bool {
        self.lacking[direction.index()]
    }

    fn upgrade(&mut self, upgrade: Upgrade) {
        self.upgrades.push(upgrade);
    }

    fn secret(&self, label: &str, session: &[u8]) -> Option<&[u8]> {
        self.secrets.secret(label, session)
    }

    fn inside(&mut self, inside: Inside<'_>) {
        if let Some(number) = inside.stream {
            let content = self.contents.entry((number, inside.direction)).or_default();
            assert_eq!(inside.offset, content.len() as u64, "pieces follow each other");
            content.extend_from_slice(inside.octets);
            if inside.closes || inside.ends {
                self.endings.push((number, inside.closes, inside.ends));
            }
            return;
        }
        let d = inside.direction.index();
        assert_eq!(inside.offset, self.inside[d].len() as u64, "pieces follow each other");
        self.inside[d].extend_from_slice(inside.octets);
        self.closed[d] |= inside.closes;
        self.places.push((inside.direction, inside.offset, inside.from));
    }
}

/// One connection: a decoder, and what both sides have said to it.
pub(super) struct Talk {
    decoder: Box<dyn Decoder>,
    streams: [Vec<u8>; 2],
    read: [usize; 2],
    end: bool,
    closed: bool,
    /// The decoder gave up on a direction.
    pub(super) deaf: [bool; 2],
    /// The decoder handed the connection over to another protocol.
    pub(super) switched: bool,
    pub(super) heard: Collector,
}

impl Talk {
    pub(super) fn new(decoder: Box<dyn Decoder>) -> Self {
        Self {
            decoder,
            streams: Default::default(),
            read: [0; 2],
            end: false,
            closed: false,
            deaf: [false; 2],
            switched: false,
            heard: Collector::default(),
        }
    }

    /// The client says this.
    pub(super) fn client(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.say(Direction::ToServer, bytes.as_ref())
    }

    /// The server says this.
    pub(super) fn server(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.say(Direction::ToClient, bytes.as_ref())
    }

    pub(super) fn say(&mut self, direction: Direction, bytes: &[u8]) -> &mut Self {
        self.streams[direction.index()].extend_from_slice(bytes);
        self.listen(direction)
    }

    /// So many octets of this direction are missing, and these are there behind them.
    pub(super) fn skip(&mut self, direction: Direction, missing: usize, behind: &str) -> &mut Self {
        let d = direction.index();
        let end = std::mem::replace(&mut self.end, true);
        self.heard.lacking[d] = true;
        while self.step(direction) {}
        (self.end, self.heard.lacking[d]) = (end, false);
        let from = self.streams[d].len();
        self.streams[d].resize(from + missing, 0);
        self.read[d] = from + missing;
        self.deaf[d] |= !self.decoder.gap(direction, from as u64..(from + missing) as u64, behind.as_bytes());
        self.say(direction, behind.as_bytes())
    }

    /// Both sides close in order.
    pub(super) fn close(&mut self) -> &mut Self {
        self.closed = true;
        self.cut()
    }

    /// The capture ends, or the connection is reset.
    pub(super) fn cut(&mut self) -> &mut Self {
        self.end = true;
        self.listen(Direction::ToServer).listen(Direction::ToClient)
    }

    fn listen(&mut self, direction: Direction) -> &mut Self {
        let mut idle = 0;
        let mut turn = direction;
        while idle < 2 && !self.switched {
            idle = if self.step(turn) { 0 } else { idle + 1 };
            turn = turn.reverse();
        }
        self
    }

    fn step(&mut self, direction: Direction) -> bool {
        let d = direction.index();
        if self.deaf[d] {
            return false;
        }
        let bytes = &self.streams[d][self.read[d]..];
        let input = Input { direction, offset: self.read[d] as u64, bytes, end: self.end, closed: self.closed };
        let consumed = match self.decoder.decode(input, &mut self.heard) {
            Progress::Consumed(n) => n,
            Progress::Switch(n) | Progress::Tunnel(n) => {
                self.switched = true;
                n
            }
            Progress::GiveUp => {
                self.deaf[d] = true;
                0
            }
            Progress::NeedMore | Progress::Wait => 0,
        };
        assert!(consumed <= bytes.len(), "more consumed than was there");
        self.read[d] += consumed;
        consumed > 0
    }

    /// What of one direction was not consumed.
    pub(super) fn left(&self, direction: Direction) -> &[u8] {
        &self.streams[direction.index()][self.read[direction.index()]..]
    }

    pub(super) fn bytes(&self, told: &Told) -> &[u8] {
        &self.streams[told.direction.index()][told.range.start as usize..told.range.end as usize]
    }

    /// Every message in one line: direction, summary, and whether it is incomplete.
    pub(super) fn told(&self) -> Vec<String> {
        let line = |told: &Told| {
            let arrow = if told.direction == Direction::ToServer { ">" } else { "<" };
            let cut = if told.complete { "" } else { " (incomplete)" };
            format!("{arrow} {}{cut}", told.payload.summary(self.bytes(told)))
        };
        self.heard.messages.iter().map(line).collect()
    }

    /// Severity and clause of every note, in order.
    pub(super) fn notes(&self) -> Vec<(Severity, &'static str)> {
        self.heard.messages.iter().flat_map(|told| &told.notes).map(|note| (note.severity, note.spec)).collect()
    }

    /// The layers of the n-th message, with its shares checked: they add up to its bytes, or it owns none.
    pub(super) fn layers(&self, n: usize) -> Vec<Layer> {
        let told = &self.heard.messages[n];
        let len = told.range.end - told.range.start;
        let sum: u64 = told.payload.parts(len).iter().map(|part| part.len).sum();
        assert!(sum == len || sum == 0, "{sum} of {len} octets have an owner");
        let layers =
            told.payload.describe(self.bytes(told), &Span::new(Buffer::Stream(0, told.direction), told.range.clone()));
        layers.iter().for_each(|layer| assert_spans_inside(layer, |_| told.range.end));
        layers
    }
}

/// Invariant 4: every field's span lies inside its buffer, or the field is computed.
pub(super) fn assert_spans_inside(layer: &Layer, len: impl Fn(Buffer) -> u64) {
    let derived = layer.derived.iter().map(|derived| &derived.from);
    let spans = layer.fields.iter().filter_map(|field| field.span.as_ref()).chain(&layer.span).chain(derived);
    for span in spans {
        let end = match span.buffer {
            Buffer::Derived(index) => layer.derived[index].bytes.len() as u64,
            other => len(other),
        };
        assert!(span.range.start <= span.range.end && span.range.end <= end, "{span:?} in {end} octets: {layer:#?}");
    }
}

/// Octets from hexadecimal digits; spaces between them are for the reader.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
