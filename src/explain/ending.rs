//! Of the messages that end in a frame: which lie on the same octets, and which frames of HTTP/2 only carry others.

use std::collections::HashMap;
use std::ops::Range;

use crate::layer::{Direction, Severity};
use crate::message::Payload;
use crate::protocol::Http2Frame;
use crate::trace::Message;

/// What ends in a frame on streams of HTTP/2: of each stream and way, where what begins so early or earlier ends at the latest, in
/// order of where they begin.
pub(super) struct Inner(HashMap<(u32, Direction), Vec<(u64, u64)>>);

impl Inner {
    pub(super) fn of(ending: &[Message]) -> Self {
        let mut inner: HashMap<_, Vec<(u64, u64)>> = HashMap::new();
        for message in ending.iter().filter(|message| message.payload.protocol() != "websocket.handshake") {
            if let Some(stream) = message.stream {
                let range = (message.range.start, message.range.end);
                inner.entry((stream, message.direction)).or_default().push(range);
            }
        }
        for ranges in inner.values_mut() {
            ranges.sort_unstable();
            let mut latest = 0;
            ranges.iter_mut().for_each(|(_, end)| {
                latest = latest.max(*end);
                *end = latest;
            });
        }
        Self(inner)
    }

    /// Whether a frame of HTTP/2 only carries what ends with it, which has a line of its own.
    pub(super) fn tells(&self, message: &Message) -> bool {
        let held = message.payload_as::<Http2Frame>().and_then(Payload::holds).filter(|_| message.notes.is_empty());
        held.is_some_and(|held| {
            let ranges = held.stream.and_then(|stream| self.0.get(&(stream, message.direction)));
            let before = ranges.and_then(|ranges| {
                let behind = ranges.partition_point(|(start, _)| *start <= held.range.start);
                ranges.get(behind.checked_sub(1)?)
            });
            before.is_some_and(|(_, end)| *end >= held.range.end) && !resets(message)
        })
    }
}

/// Whether a frame breaks off its stream, which nothing that it carried tells.
fn resets(message: &Message) -> bool {
    message.payload_as::<Http2Frame>().is_some_and(|frame| frame.reset().is_some())
}

/// What lies on the same octets of a frame's messages: the last that owns them, and whether there is a warning about any.
pub(super) type Lying<'a> = HashMap<(&'a Range<u64>, bool, Option<u32>), (Option<&'a Message>, bool)>;

/// Where it lies.
pub(super) fn lies(message: &Message) -> (&Range<u64>, bool, Option<u32>) {
    (&message.range, message.inside, message.stream)
}

pub(super) fn lying(messages: &[Message]) -> Lying<'_> {
    let mut lying = Lying::new();
    for message in messages {
        let (carrier, odd) = lying.entry(lies(message)).or_default();
        if message.owns_bytes() {
            *carrier = Some(message);
        }
        *odd |= message.notes.iter().any(|note| note.severity >= Severity::Warn);
    }
    lying
}
