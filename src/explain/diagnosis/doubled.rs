//! Captures that hold each packet twice.
//!
//! A socket of AF_PACKET that is bound to loopback, or to all devices, is given what a host sends to itself twice: once as
//! it leaves, once as it arrives (packet(7): `PACKET_OUTGOING`, `PACKET_HOST`). TCP shows every segment as one sent again
//! then, and datagrams count double. Nothing was sent again, and nothing is missing. So it is where a capture has both sides of a
//! router or of a bridge, as `-i any` has on a machine with containers: there the time to live of the second is one less.

use super::{Case, Finding};
use crate::layer::Severity;
use crate::trace::Record;

/// Of fewer pairs it is not told: some programs say the same twice.
const LEAST: usize = 4;

pub(super) fn findings(case: &Case<'_>) -> Option<Finding> {
    let (mut packets, mut pairs, mut different) = (0_usize, Vec::new(), 0_usize);
    // The latest packet that is not the second of a pair, and the latest that is.
    let (mut single, mut paired): (Option<&Record>, Option<&Record>) = (None, None);
    for (number, record) in case.trace.records().filter(|(_, record)| record.packet.net.is_some()) {
        packets += 1;
        if single.is_some_and(|before| is_same(before, record)) {
            // Who says one thing over and over says the same in each pair.
            different += usize::from(paired.is_none_or(|before| !is_same(before, record)));
            (single, paired) = (None, Some(record));
            pairs.push(number);
        } else {
            single = Some(record);
        }
    }
    // A few may stand alone: what came and went before the capture began, or two that changed places.
    let alone = packets - 2 * pairs.len();
    if different < LEAST || alone * 10 > packets {
        return None;
    }
    let text = format!(
        "{} of {packets} packets stand there twice in a row, octet by octet: each was captured as it was sent and as it arrived \
         (by a raw socket on loopback, or on several devices at once, before and behind a router). What counts packets or datagrams counts double, and a \
         segment that seems to be sent again was not. Capture on one device with libpcap (tcpdump -i lo)",
        2 * pairs.len(),
    );
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "", pairs) })
}

/// Whether two are one packet: the same octets, but for those that each router on its way writes anew.
fn is_same(one: &Record, other: &Record) -> bool {
    let (one, other) = (octets(one), octets(other));
    // IPv4: time to live, and the header's checksum (RFC 791 §3.1); IPv6: hop limit (RFC 8200 §3).
    let changing: &[usize] = if one.first().is_some_and(|first| first >> 4 == 6) { &[7] } else { &[8, 10, 11] };
    let is_equal = |(at, (one, other)): (usize, (&u8, &u8))| one == other || changing.contains(&at);
    one.len() == other.len() && one.iter().zip(other).enumerate().all(is_equal)
}

/// The packet without what its link adds, which differs between the two.
fn octets(record: &Record) -> &[u8] {
    let from = record.packet.net.as_ref().map_or(0, |net| net.header.start as usize);
    let to = record.packet.trailer.start as usize;
    record.frame.data.get(from..to).unwrap_or_default()
}
