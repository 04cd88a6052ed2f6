//! The event stream, read as it comes.
//!
//! # References
//! - WHATWG HTML §9.2.6, "Interpreting an event stream".

use std::ops::Range;

use crate::layer::{Note, Severity};

const SPEC: &str = "WHATWG HTML §9.2.6";
const BOM: &[u8] = b"\xef\xbb\xbf";
/// The room for a line that stays between lines.
const KEPT_LINE: usize = 64 << 10;
/// Of the name of a field that is ignored no more characters are kept.
const MAX_NAME: usize = 64;
/// No block gets more notes.
const MAX_NOTES: usize = 8;

/// How much a server may let pile up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// No more octets of a line are kept.
    pub line: usize,
    /// No more octets of an event's data are kept.
    pub event: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1 << 20, event: 16 << 20 }
    }
}

/// A block of lines, ended by an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SseEvent {
    /// Its type: `message` when the server names none.
    pub event: String,
    /// Its data lines, joined by line feeds.
    pub data: String,
    /// What a client that comes back after this block sends as Last-Event-ID; earlier blocks may have set it.
    pub id: String,
    /// The waiting time that this block sets, in milliseconds.
    pub retry: Option<u64>,
    /// Whether the client's program gets it: without a data line it does not.
    pub dispatched: bool,
    /// Of a block of which all fields are ignored, as their names are not known: the name of the first.
    pub ignored: Option<String>,
    /// Whether the stream is cut within it: what else belongs to it is not known.
    pub cut: bool,
    /// Where it lies in the stream, from the block's first line to the end of the empty one.
    pub range: Range<u64>,
    /// What is odd about it.
    pub notes: Vec<Note>,
}

/// What the stream consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A block with at least one field.
    Event(SseEvent),
    /// A comment, which may stand within an event's range and comes before that event.
    Comment {
        /// What stands behind the colon.
        text: String,
        /// Where the line lies in the stream, its end not included.
        range: Range<u64>,
    },
}

/// Reads an event stream in pieces of any size.
#[derive(Debug, Default)]
pub struct EventSource {
    limits: Limits,
    /// How many octets have been read.
    position: u64,
    /// Where the line being read began, and what of it came in earlier pieces.
    line_start: u64,
    line: Vec<u8>,
    /// The last octet was a carriage return: a line feed now belongs to the same line end.
    after_cr: bool,
    block: Option<SseEvent>,
    /// No more data of this block is kept.
    full: bool,
    /// A field of this block is known.
    sets: bool,
    /// The block has been ended by an empty line, whose end may have one more octet.
    ended: bool,
    last_event_id: String,
    /// Reading began in the middle: up to the first empty line the block began before.
    is_cut: bool,
}

impl EventSource {
    /// How many octets it keeps of what it has read.
    pub fn kept(&self) -> usize {
        let block = |block: &SseEvent| block.event.len() + block.data.len() + block.id.len();
        self.line.len() + self.last_event_id.len() + self.block.as_ref().map_or(0, block)
    }

    /// A reader at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader of a stream whose beginning is not there: what comes up to the first empty line is left of a block that is
    /// not whole.
    pub fn in_the_middle() -> Self {
        // A line feed at the front may end the line of a carriage return that is not there.
        Self { is_cut: true, after_cr: true, ..Self::default() }
    }

    /// A reader that keeps no more than `limits` allow.
    #[cfg(test)]
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next octets of the stream and hands out what ends in them.
    pub fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(Item)) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.after_cr {
                self.after_cr = false;
                if *first == b'\n' {
                    self.advance(1);
                    self.line_start = self.position;
                    rest = &rest[1..];
                }
                self.dispatch(out);
                continue;
            }
            let len = rest.iter().position(|octet| matches!(octet, b'\r' | b'\n'));
            self.keep(&rest[..len.unwrap_or(rest.len())]);
            let Some(len) = len else { return };
            self.end_line(out);
            self.after_cr = rest[len] == b'\r';
            rest = &rest[len + 1..];
            if !self.after_cr {
                self.dispatch(out);
            }
        }
    }

    /// The stream has ended. An event without the empty line behind it is discarded, as every client does; it comes
    /// back to be told; its id does not count. If `is_cut`, more of the stream there was, or should have been.
    pub fn end(&mut self, is_cut: bool, out: &mut dyn FnMut(Item)) -> Option<SseEvent> {
        self.after_cr = false;
        self.dispatch(out);
        if self.position > self.line_start {
            // "Once the end of the file is reached, any pending data must be discarded." §9.2.6: a line without its
            // end is no line, but shows what was to come.
            self.end_line(out);
        }
        let mut block = self.block.take()?;
        self.complete(&mut block);
        // The name of a field may be cut, too.
        (block.dispatched, block.cut, block.ignored) = (false, is_cut, None);
        let (severity, text) = match is_cut {
            true => (Severity::Note, "the stream is cut within this event: the rest of it is not there"),
            false => (Severity::Warn, "the stream ends before the empty line that ends this event: it is discarded"),
        };
        block.notes.push(Note::new(severity, text, SPEC));
        Some(block)
    }

    fn advance(&mut self, octets: usize) {
        self.position += octets as u64;
    }

    /// Keeps a stretch of a line, as far as there is room.
    fn keep(&mut self, stretch: &[u8]) {
        self.advance(stretch.len());
        let room = self.limits.line.saturating_sub(self.line.len());
        self.line.extend_from_slice(&stretch[..stretch.len().min(room)]);
    }

    /// A line has ended; `position` is at its line end.
    fn end_line(&mut self, out: &mut dyn FnMut(Item)) {
        let range = self.line_start..self.position;
        let line = std::mem::take(&mut self.line);
        let at_start = range.start == 0;
        let content = if at_start { line.strip_prefix(BOM).unwrap_or(&line) } else { &line };
        self.advance(1);
        self.line_start = self.position;
        let long = range.end - range.start > line.len() as u64;
        match content.split_first() {
            None if self.is_cut => self.is_cut = false,
            _ if self.is_cut => {}
            None => self.ended = true,
            Some((b':', text)) => {
                let text = String::from_utf8_lossy(text).into_owned();
                out(Item::Comment { text, range });
            }
            Some(_) => self.field(content, range, long),
        }
        // The room is used again.
        self.line = line;
        self.line.clear();
        self.line.shrink_to(KEPT_LINE);
    }

    fn field(&mut self, line: &[u8], range: Range<u64>, long: bool) {
        let block = self.block.get_or_insert_with(|| SseEvent { range: range.clone(), ..SseEvent::default() });
        block.range.end = range.end;
        if long {
            warn(block, format!("a line of more than {} octets: the rest is left out", self.limits.line), "");
        }
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        self.sets |= matches!(name, "event" | "data" | "id" | "retry");
        match name {
            "event" => value.clone_into(&mut block.event),
            "data" => self.data(value),
            // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value.
            // Otherwise, ignore the field."
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_event_id),
            "id" => warn(block, "an id with a NUL in it is ignored", SPEC),
            // "If the field value consists of only ASCII digits, then interpret the field value as an integer in base
            // ten"
            "retry" if !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit()) => {
                block.retry = value.parse().ok();
                if block.retry.is_none() {
                    warn(block, "a retry of more milliseconds than 64 bits can count is ignored", SPEC);
                }
            }
            "retry" => warn(block, "a retry that is no number is ignored", SPEC),
            // "Otherwise: The field is ignored."
            _ if block.ignored.is_none() => block.ignored = Some(name.chars().take(MAX_NAME).collect()),
            _ => {}
        }
    }

    /// "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data
    /// buffer."
    fn data(&mut self, value: &str) {
        let Some(block) = self.block.as_mut().filter(|_| !self.full) else { return };
        let room = self.limits.event.saturating_sub(block.data.len());
        self.full = value.len() >= room;
        block.data.push_str(if self.full { &value[..value.floor_char_boundary(room)] } else { value });
        block.data.push('\n');
        if self.full {
            warn(block, format!("data of more than {} octets: the rest is left out", self.limits.event), "");
        }
    }

    /// Hands out the block that an empty line has ended.
    fn dispatch(&mut self, out: &mut dyn FnMut(Item)) {
        if !std::mem::take(&mut self.ended) {
            return;
        }
        self.full = false;
        if let Some(mut block) = self.block.take() {
            self.complete(&mut block);
            block.range.end = self.position;
            out(Item::Event(block));
        }
        self.sets = false;
    }

    fn complete(&self, block: &mut SseEvent) {
        block.id.clone_from(&self.last_event_id);
        block.ignored.take_if(|_| self.sets);
        // "If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove" it.
        block.dispatched = block.data.pop().is_some();
        if block.event.is_empty() {
            "message".clone_into(&mut block.event);
        }
    }
}

fn warn(block: &mut SseEvent, text: impl Into<String>, spec: &'static str) {
    if block.notes.len() < MAX_NOTES {
        block.notes.push(Note::new(Severity::Warn, text, spec));
    }
}
