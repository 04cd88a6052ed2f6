//! What lines have in common, as text: when and where something ended, and between whom. Most lines have much of it in common
//! with a line shortly before, so it is kept.

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use super::key::{Key, Keys};
use super::object::{Object, digits};
use crate::capture::Timestamp;
use crate::flow::Segment;
use crate::layer::Direction;
use crate::packet::{Flags, Packet};
use crate::trace::Seen;

/// So many ends, and as many ways between two, are remembered.
const REMEMBERED: usize = 256;

const NANOSECONDS: i64 = 1_000_000_000;

/// 146 097 days.
const SECONDS_IN_400_YEARS: i64 = 146_097 * 86_400;

/// Times, ends, and what the message at hand has in all its lines.
#[derive(Default)]
pub(super) struct Moments {
    /// Whether frames at 0 have no time.
    pub(super) lacks_times: bool,
    /// The time, and its text.
    time: Option<Timestamp>,
    text: Vec<u8>,
    ends: Vec<Option<(SocketAddr, Vec<u8>)>>,
    /// The keys that say so, as they stand in a line.
    ways: Vec<Option<(Way, Vec<u8>)>>,
    common: Vec<u8>,
    /// The headers of the packet before, which the next one mostly has, too.
    stack: Option<Stack>,
    /// By the lowest bits of the flags.
    flags: Vec<Option<(Flags, Vec<u8>)>>,
}

/// So many sets of flags are remembered: those that are usual.
const FLAGS: usize = 64;

/// What packets have in common that have the same headers in the same order.
struct Stack {
    key: u64,
    names: Vec<u8>,
    last: Option<&'static str>,
}

/// Which way a message went: its connection, its stream in it if it is HTTP/2, and its direction there.
type Way = (u32, Option<u32>, Direction);

impl Moments {
    /// RFC 3339 with nanoseconds, UTC.
    fn rfc3339(&mut self, time: Timestamp) -> &[u8] {
        if self.time == Some(time) {
            return &self.text;
        }
        let parts = |time: Timestamp| (time.0.div_euclid(NANOSECONDS), time.0.rem_euclid(NANOSECONDS) as u64);
        let (second, fraction) = parts(time);
        if self.time.is_none_or(|known| parts(known).0 != second) {
            // The calendar has the same days every 400 years; before 1970 humantime knows none.
            let years = if second < 0 { 400 } else { 0 };
            let since = Duration::from_secs((second + years / 400 * SECONDS_IN_400_YEARS).unsigned_abs());
            let text = humantime::format_rfc3339_nanos(UNIX_EPOCH + since).to_string();
            let year = text.get(..4).and_then(|year| year.parse::<i64>().ok()).unwrap_or_default() - years;
            self.text = format!("{year:04}{}", text.get(4..).unwrap_or_default()).into_bytes();
        }
        self.time = Some(time);
        // The text ends in nine digits and a Z; a number of ten digits has them with the zeros they begin with.
        let len = self.text.len();
        let nine = &mut self.text[len - 10..len - 1];
        digits(NANOSECONDS as u64 + fraction, |ten| nine.copy_from_slice(&ten[1..]));
        &self.text
    }

    /// Writes when it was; `null` if nobody knows.
    pub(super) fn put_time(&mut self, line: &mut Object<'_>, time: Timestamp) {
        if self.lacks_times && time == Timestamp(0) {
            line.null(Key::Time);
        } else if line.wants(Key::Time) {
            line.word(Key::Time, self.rfc3339(time));
        }
    }

    /// Whether it is known that something waited so long until now: both frames have a time.
    pub(super) fn knows_wait(&self, now: Timestamp, nanoseconds: i64) -> bool {
        !self.lacks_times || (now != Timestamp(0) && nanoseconds != now.0)
    }

    /// `ip:port`.
    pub(super) fn end(&mut self, end: SocketAddr) -> &[u8] {
        if self.ends.is_empty() {
            self.ends.resize(REMEMBERED, None);
        }
        let slot = &mut self.ends[usize::from(end.port()) % REMEMBERED];
        if slot.as_ref().is_none_or(|(known, _)| *known != end) {
            let mut text = Vec::new();
            // Writing to memory does not fail.
            let _ = write!(text, "{end}");
            *slot = Some((end, text));
        }
        slot.as_ref().map_or(&[], |(_, text)| text)
    }

    /// Makes what all lines of a message have in common, of it the keys that are wanted: always the same keys.
    pub(super) fn meet(&mut self, seen: &Seen<'_>, wanted: Keys) {
        let mut common = std::mem::take(&mut self.common);
        common.clear();
        let mut line = Object::within(&mut common, wanted);
        line.number(Key::Frame, seen.moment.frame);
        line.numbers(Key::Frames, seen.frames);
        self.put_time(&mut line, seen.moment.time);
        line.made(self.way(seen, wanted));
        self.common = common;
    }

    /// What [`meet`](Self::meet) made.
    pub(super) fn common(&self) -> &[u8] {
        &self.common
    }

    /// Its connection, and between whom.
    fn way(&mut self, seen: &Seen<'_>, wanted: Keys) -> &[u8] {
        self.between((seen.connection.id, seen.stream, seen.direction), || seen.ends(), wanted)
    }

    /// The same of a segment, that goes from the first of these ends to the second.
    pub(super) fn segment(&mut self, segment: &Segment, ends: (SocketAddr, SocketAddr), wanted: Keys) -> &[u8] {
        self.between((segment.connection, None, segment.direction), || ends, wanted)
    }

    fn between(
        &mut self,
        way @ (id, stream, direction): Way,
        ends: impl FnOnce() -> (SocketAddr, SocketAddr),
        wanted: Keys,
    ) -> &[u8] {
        if self.ways.is_empty() {
            self.ways.resize(REMEMBERED, None);
        }
        let place = id as usize * 2 + direction.index() + stream.map_or(0, |stream| stream as usize);
        let slot = &mut self.ways[place % REMEMBERED];
        if slot.as_ref().is_none_or(|(known, _)| *known != way) {
            let mut text = Vec::new();
            let mut line = Object::within(&mut text, wanted);
            line.number(Key::Stream, id);
            if let Some(stream) = stream {
                line.number(Key::Http2Stream, stream);
            }
            let (from, to) = ends();
            line.shown(Key::From, from);
            line.shown(Key::To, to);
            *slot = Some((way, text));
        }
        slot.as_ref().map_or(&[], |(_, text)| text)
    }
}

impl Moments {
    /// The names of a packet's headers, outermost first, as they stand in a list, and the last of them.
    pub(super) fn headers(&mut self, packet: &Packet) -> (&[u8], Option<&'static str>) {
        let key = packet.stack_key();
        if self.stack.as_ref().is_none_or(|stack| stack.key != key) {
            let names: Vec<_> = packet.headers().map(|(name, _)| name).collect();
            self.stack = Some(Stack { key, names: listed(&names), last: names.last().copied() });
        }
        self.stack.as_ref().map_or((&[], None), |stack| (&stack.names, stack.last))
    }

    /// The names of these flags as they stand in a list.
    pub(super) fn flags(&mut self, flags: Flags) -> &[u8] {
        if self.flags.is_empty() {
            self.flags.resize(FLAGS, None);
        }
        let slot = &mut self.flags[usize::from(flags.0) % FLAGS];
        if slot.as_ref().is_none_or(|(known, _)| *known != flags) {
            let names: Vec<_> = flags.names().collect();
            *slot = Some((flags, listed(&names)));
        }
        slot.as_ref().map_or(&[], |(_, names)| names)
    }
}

/// Names in quotes, with commas between them.
fn listed(names: &[&str]) -> Vec<u8> {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ends_are_written_anew_where_they_change() {
        let mut moments = Moments::default();
        for (time, text) in [
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (1_700_000_000_999_999_999, "2023-11-14T22:13:20.999999999Z"),
            (1_700_000_000_999_999_999, "2023-11-14T22:13:20.999999999Z"),
            (1_700_000_001_000_000_000, "2023-11-14T22:13:21.000000000Z"),
            (-5, "1969-12-31T23:59:59.999999995Z"),
            (-1_000_000_000, "1969-12-31T23:59:59.000000000Z"),
            (-5_000_000_000_000_000_000, "1811-07-23T15:06:40.000000000Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (0, "1970-01-01T00:00:00.000000000Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(moments.rfc3339(Timestamp(time)), text.as_bytes());
        }
        for end in ["127.0.0.1:80", "[::1]:80", "127.0.0.1:336", "127.0.0.1:80"] {
            assert_eq!(moments.end(end.parse().unwrap()), end.as_bytes());
        }
    }
}
