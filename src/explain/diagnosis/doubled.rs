//! Captures that hold each packet twice.
//!
//! A socket of AF_PACKET that is bound to loopback, or to all devices, is given what a host sends to itself twice: once as
//! it leaves, once as it arrives (packet(7): `PACKET_OUTGOING`, `PACKET_HOST`). TCP shows every segment as one sent again
//! then, and datagrams count double. Nothing was sent again, and nothing is missing.

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
        if single.is_some_and(|before| octets(before) == octets(record)) {
            // Who says one thing over and over says the same in each pair.
            different += usize::from(paired.is_none_or(|before| octets(before) != octets(record)));
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
         (by a raw socket on loopback, or on several devices at once). What counts packets or datagrams counts double, and a \
         segment that seems to be sent again was not. Capture on one device with libpcap (tcpdump -i lo)",
        2 * pairs.len(),
    );
    Some(Finding { severity: Severity::Note, ..Finding::warn(text, "", pairs) })
}

/// The packet without what its link adds, which differs between the two.
fn octets(record: &Record) -> &[u8] {
    let from = record.packet.net.as_ref().map_or(0, |net| net.header.start as usize);
    let to = record.packet.trailer.start as usize;
    record.frame.data.get(from..to).unwrap_or_default()
}
