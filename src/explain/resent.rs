//! What a segment brings once more, and what it brings for the first time: a sender that sends again may add what is new, and
//! whoever probes sends one octet that comes again with more behind it.
//!
//! # References
//! - RFC 9293 §3.8.1 (retransmission), §3.8.4 (keep-alives), §3.10.7.4 ("trim off any portions that lie outside the window").

use std::ops::Range;

use crate::flow::{Delivery, Finding, Stream};
use crate::trace::{Record, Trace};

/// What a segment brings.
pub(super) struct Brought {
    /// How many of its octets had come before.
    pub(super) again: u64,
    /// The others, as they stand in it.
    pub(super) fresh: Vec<u8>,
}

impl Brought {
    /// What this segment brings; `None` of one without octets that have a place in its stream.
    pub(super) fn by(record: &Record) -> Option<Self> {
        let (segment, delivery) = (record.segment.as_ref()?, record.delivery.as_ref()?);
        let offset = segment.offset?;
        let (packet, data) = record.whole();
        let octets = packet.payload.of(data);
        let place = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX).min(octets.len());
        let fresh = delivery.fresh.as_slice().iter().map(|range| &octets[place(range.start)..place(range.end)]);
        let fresh: Vec<u8> = fresh.flatten().copied().collect();
        Some(Self { again: (octets.len() - fresh.len()) as u64, fresh })
    }
}

/// Whether any of its octets had come before.
pub(super) fn is_again(record: &Record) -> bool {
    let fresh = |delivery: &Delivery| -> u64 {
        delivery.fresh.as_slice().iter().map(|range| range.end.saturating_sub(range.start)).sum()
    };
    let len = record.segment.as_ref().map_or(0, |segment| u64::from(segment.len));
    record.delivery.as_ref().is_some_and(|delivery| fresh(delivery) < len)
}

/// Whether it only asks whether the other side is still there: the octet that it may have for that says nothing.
pub(super) fn is_keep_alive(record: &Record) -> bool {
    record.segment.as_ref().is_some_and(|segment| segment.analysis.findings.has(Finding::KeepAlive))
}

/// Whether nothing of it is in the stream that was new when it came: its receiver dropped it, as showed later.
pub(super) fn is_dropped(trace: &Trace, number: u32, record: &Record) -> bool {
    let Some((segment, delivery)) = record.segment.as_ref().zip(record.delivery.as_ref()) else { return false };
    let Some(stream) = trace.stream(segment.connection, segment.direction) else { return false };
    let fresh = delivery.fresh.as_slice();
    let is_read = |range: &Range<u64>| stream.chunks(range.clone()).any(|chunk| chunk.frame == number);
    !fresh.is_empty() && !fresh.iter().any(is_read)
}

/// Whether octets of it are others than those that came first for the same places of the stream.
pub(super) fn says_else(trace: &Trace, record: &Record) -> bool {
    let place = record.segment.as_ref().and_then(|segment| Some((segment, segment.offset?)));
    let Some((segment, offset)) = place.filter(|_| !is_keep_alive(record)) else { return false };
    let (packet, data) = record.whole();
    let octets = packet.payload.of(data);
    let read = |stream: &Stream| {
        let range = offset..offset + octets.len() as u64;
        stream.chunks(range).any(|chunk| {
            let own = octets.get((chunk.range.start - offset) as usize..(chunk.range.end - offset) as usize);
            own.is_some_and(|own| !stream.slice(chunk.range.clone()).starts_with(own))
        })
    };
    trace.stream(segment.connection, segment.direction).is_some_and(read)
}
