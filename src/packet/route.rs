//! Source routes: a packet that carries its way bears in its header the address of the next stop, and where it goes in the
//! end stands behind it. That last address is the end of a connection, and the one that checksums cover: "If the IPv6
//! packet contains a Routing header, the Destination Address used in the pseudo-header is that of the final destination"
//! (RFC 8200 §8.1).
//!
//! # References
//! - IPv4: loose and strict source route, RFC 791 §3.1.
//! - IPv6: routing header, RFC 8200 §4.4; type 0, RFC 2460 §4.4; type 2, RFC 6275 §6.4; type 3, RFC 6554 §3; type 4 (segment
//!   routing), RFC 8754 §2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::layer::{FieldDef, Layer, Value};

crate::fields! {
    ROUTING_TYPE = "ipv6.routing.type", Uint(8), "Which kind of routing header it is: 4 is segment routing.", "RFC 8200 §4.4";
    ROUTING_LEFT = "ipv6.routing.segleft", Uint(8), "How many of the stops it lists are still to come.", "RFC 8200 §4.4";
    ROUTING_ADDR = "ipv6.routing.src.addr", Address, "A stop on the packet's way; the last is where it goes in the end.", "RFC 2460 §4.4";
    ROUTING_HOME = "ipv6.routing.mipv6.home_address", Address, "The home address of a host that is on the move.", "RFC 6275 §6.4";
    ROUTING_SEGMENT = "ipv6.routing.srh.addr", Address, "A stop on the packet's way, the last one first.", "RFC 8754 §2";
    IP_CUR_RT = "ip.cur_rt", Address, "The next stop of a packet that carries its route: the header's destination.", "RFC 791 §3.1";
}

const LOOSE: u8 = 131;
const STRICT: u8 = 137;
const END: u8 = 0;
const NO_OPERATION: u8 = 1;

const TYPE_0: u8 = 0;
const TYPE_2: u8 = 2;
const RPL: u8 = 3;
const SEGMENTS: u8 = 4;
/// What stands before the addresses in a routing header of all these types.
const FIXED_LEN: usize = 8;
const ADDRESS_LEN: usize = 16;

/// The last stop of a route that is not at its end among the options of an IPv4 header, and where it stands in them. "If
/// the pointer is greater than the length, the source route is empty" (RFC 791 §3.1).
pub(super) fn last_of_v4(options: &[u8]) -> Option<(Ipv4Addr, usize)> {
    let mut at = 0;
    loop {
        let option = options.get(at..)?;
        let kind = *option.first().filter(|kind| **kind != END)?;
        if kind == NO_OPERATION {
            at += 1;
            continue;
        }
        let len = usize::from(*option.get(1).filter(|len| **len >= 2)?);
        let option = option.get(..len)?;
        if let ([LOOSE | STRICT, _, pointer, route @ ..], true) = (option, len > 3 && len % 4 == 3) {
            let is_open = *pointer >= 4 && pointer.is_multiple_of(4) && usize::from(*pointer) <= len;
            return route.last_chunk::<4>().filter(|_| is_open).map(|last| ((*last).into(), at + len - 4));
        }
        at += len;
    }
}

/// The last stop of an IPv6 routing header in which some are left; `destination` is the next stop.
pub(super) fn last_of_v6(header: &[u8], destination: IpAddr) -> Option<IpAddr> {
    let [_, _, kind, left, ..] = *header else { return None };
    let list = header.get(FIXED_LEN..)?;
    let (stops, _) = list.as_chunks::<ADDRESS_LEN>();
    let is_among = left > 0 && usize::from(left) <= stops.len();
    let last = match kind {
        RPL if left > 0 => return compressed(header, destination),
        TYPE_0 | TYPE_2 if is_among => stops.last(),
        SEGMENTS if is_among => stops.first(),
        _ => None,
    };
    last.map(|octets| Ipv6Addr::from(*octets).into())
}

/// "CmprE … is the number of prefix octets from the last segment … that are elided": they are those of the destination.
fn compressed(header: &[u8], destination: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(destination) = destination else { return None };
    let (elided, padding) = (usize::from(header.get(4)? & 0x0f), usize::from(header.get(5)? >> 4));
    let end = header.len().checked_sub(padding)?;
    let kept = header.get(FIXED_LEN.max(end.checked_sub(ADDRESS_LEN - elided)?)..end)?;
    let mut octets = destination.octets();
    let tail = octets.get_mut(elided..).filter(|tail| tail.len() == kept.len())?;
    tail.copy_from_slice(kept);
    Some(Ipv6Addr::from(octets).into())
}

/// Adds what a routing header says to the layer of the IPv6 header; it begins at octet `at` of that.
pub(super) fn describe(layer: &mut Layer, at: usize, header: &[u8]) {
    let [_, _, kind, left, ..] = *header else { return };
    layer.field(&ROUTING_TYPE, Value::Uint(u64::from(kind)), at + 2..at + 3);
    layer.field(&ROUTING_LEFT, Value::Uint(u64::from(left)), at + 3..at + 4);
    let def: &'static FieldDef = match kind {
        TYPE_0 => &ROUTING_ADDR,
        TYPE_2 => &ROUTING_HOME,
        SEGMENTS => &ROUTING_SEGMENT,
        _ => return,
    };
    let stops = header.get(FIXED_LEN..).unwrap_or_default().as_chunks::<ADDRESS_LEN>().0;
    for (i, stop) in stops.iter().enumerate() {
        let start = at + FIXED_LEN + i * ADDRESS_LEN;
        layer.field(def, Value::Address(Ipv6Addr::from(*stop).into()), start..start + ADDRESS_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> [u8; 16] {
        [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]
    }

    /// A routing header for TCP with these stops.
    fn header(kind: u8, left: u8, stops: &[u8]) -> Vec<u8> {
        let stops: Vec<[u8; 16]> = stops.iter().map(|last| address(*last)).collect();
        [&[6, 2 * stops.len() as u8, kind, left, 0, 0, 0, 0][..], &stops.concat()].concat()
    }

    fn last(header: &[u8]) -> Option<u8> {
        last_of_v6(header, Ipv6Addr::from(address(0x77)).into()).map(|address| match address {
            IpAddr::V6(v6) => v6.octets()[15],
            IpAddr::V4(_) => panic!("it is an address of IPv6"),
        })
    }

    #[test]
    fn decodes() {
        assert_eq!(last(&header(TYPE_0, 1, &[1, 2, 3])), Some(3));
        assert_eq!(last(&header(TYPE_2, 1, &[9])), Some(9));
        assert_eq!(last(&header(SEGMENTS, 2, &[1, 2, 3])), Some(1), "the last segment is the first of the list");
        // Of two stops each keeps its last octet: fifteen are elided, and six octets fill the header up.
        let rpl = [6, 1, RPL, 1, 0xff, 0x60, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0];
        assert_eq!(last(&rpl), Some(5));
    }

    #[test]
    fn empty() {
        assert_eq!(last(&[]), None);
        assert_eq!(last_of_v4(&[]), None);
        for kind in [TYPE_0, TYPE_2, SEGMENTS] {
            assert_eq!(last(&header(kind, 0, &[1])), None, "the packet is where it goes");
            assert_eq!(last(&header(kind, 1, &[])), None);
        }
        assert_eq!(last(&header(9, 1, &[1])), None, "nobody knows this type");
    }

    #[test]
    fn cut_short() {
        for kind in [TYPE_0, TYPE_2, RPL, SEGMENTS] {
            let whole = header(kind, 1, &[1]);
            for len in 0..whole.len() {
                assert!(len > FIXED_LEN || last(&whole[..len]).is_none(), "{kind} {len}");
            }
        }
        let options = [LOOSE, 7, 4, 10, 0, 0, 2, 0];
        for len in 0..7 {
            assert_eq!(last_of_v4(&options[..len]), None);
        }
    }

    #[test]
    fn wrong_length() {
        assert_eq!(last(&header(TYPE_0, 4, &[1, 2, 3])), None, "more are left than there are");
        assert_eq!(last(&[6, 0, RPL, 1, 0x00, 0xf0, 0, 0]), None);
        assert_eq!(last_of_v4(&[LOOSE, 6, 4, 10, 0, 0, 2, 0]), None);
        assert_eq!(last_of_v4(&[7, 0, LOOSE, 7, 4, 10, 0, 0, 2]), None, "an option that is no longer than nothing");
    }

    #[test]
    fn a_route_ends_where_the_pointer_is_past_it() {
        let route = |kind, pointer| [NO_OPERATION, kind, 11, pointer, 10, 0, 0, 7, 10, 0, 0, 2];
        let end = Some((Ipv4Addr::new(10, 0, 0, 2), 8));
        assert_eq!(last_of_v4(&route(LOOSE, 4)), end);
        assert_eq!(last_of_v4(&route(STRICT, 8)), end);
        assert_eq!(last_of_v4(&route(LOOSE, 12)), None);
        assert_eq!(last_of_v4(&route(7, 4)), None, "what only records the route leads nowhere");
    }
}
