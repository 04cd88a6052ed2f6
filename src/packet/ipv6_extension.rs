//! IPv6 extension headers: what stands between the IPv6 header and what the packet carries.
//!
//! # References
//! - Jumbo Payload option: RFC 2675 §2. Extension headers: RFC 8200 §4; what a routing header says is in `route.rs`, and the
//!   Authentication Header in `auth.rs`. A fragment that is the whole packet ("atomic"): RFC 6946.

use std::net::IpAddr;

use etherparse::Ipv6FragmentHeaderSlice;

use super::ip::Fragment;
use super::{Fault, auth, route};
use crate::layer::{Buffer, FieldDef, Layer, Span, Value};

crate::fields! {
    HOPOPTS_NXT = "ipv6.hopopts.nxt", Uint(8), "Which header follows the hop-by-hop options.", "RFC 8200 §4.3";
    HOPOPTS_LEN = "ipv6.hopopts.len", Uint(8), "The length of the hop-by-hop options in units of 8 octets, the first not counted.", "RFC 8200 §4.3";
    HOPOPTS_OCT = "ipv6.hopopts.len_oct", Uint(16), "The length of the hop-by-hop options, in octets.", "RFC 8200 §4.3";
    JUMBO = "ipv6.opt.jumbo", Uint(32), "The length of what follows the IPv6 header, in octets, where it is more than 65 535.", "RFC 2675 §2";
    DSTOPTS_NXT = "ipv6.dstopts.nxt", Uint(8), "Which header follows the destination options.", "RFC 8200 §4.6";
    DSTOPTS_LEN = "ipv6.dstopts.len", Uint(8), "The length of the destination options in units of 8 octets, the first not counted.", "RFC 8200 §4.6";
    DSTOPTS_OCT = "ipv6.dstopts.len_oct", Uint(16), "The length of the destination options, in octets.", "RFC 8200 §4.6";
    ROUTING_NXT = "ipv6.routing.nxt", Uint(8), "Which header follows the routing header.", "RFC 8200 §4.4";
    ROUTING_LEN = "ipv6.routing.len", Uint(8), "The length of the routing header in units of 8 octets, the first not counted.", "RFC 8200 §4.4";
    ROUTING_OCT = "ipv6.routing.len_oct", Uint(16), "The length of the routing header, in octets.", "RFC 8200 §4.4";
    SHIM6_NXT = "shim6.nxt", Uint(8), "Which header follows that of Shim6.", "RFC 5533 §5.1";
    SHIM6_LEN = "shim6.len", Uint(8), "The length of the header of Shim6 in units of 8 octets, the first not counted.", "RFC 5533 §5.1";
    SHIM6_OCT = "shim6.len_oct", Uint(16), "The length of the header of Shim6, in octets.", "RFC 5533 §5.1";
    FRAG_NXT = "ipv6.fraghdr.nxt", Uint(8), "Which header the whole packet begins with behind this one.", "RFC 8200 §4.5";
    FRAG_OFFSET = "ipv6.fraghdr.offset", Uint(16), "Where this fragment belongs in the whole packet, in units of 8 octets.", "RFC 8200 §4.5";
    FRAG_MORE = "ipv6.fraghdr.more", Bool, "More fragments of the same packet follow.", "RFC 8200 §4.5";
    FRAG_IDENT = "ipv6.fraghdr.ident", Uint(32), "A number that ties the fragments of one packet together.", "RFC 8200 §4.5";
}

/// More extension headers than this are not followed: a peer controls how many there are.
const MAX_EXTENSIONS: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
const SHIM6: u8 = 140;
/// Nothing follows, and what does "must be ignored" (RFC 8200 §4.7).
pub(super) const NO_NEXT_HEADER: u8 = 59;
/// The IPv6 header itself.
const IPV6_LEN: usize = 40;
/// Where an IPv6 header names the header that follows.
const NEXT_HEADER: usize = 6;

/// How far the extension headers reach, and what follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    /// The protocol that follows.
    pub(super) protocol: u8,
    /// Where it begins.
    pub(super) end: usize,
    /// Where the first Authentication Header begins, if there is one.
    pub(super) auth: Option<usize>,
    /// Where the packet goes in the end.
    pub(super) destination: IpAddr,
    /// The fragment header, unless it says that this is all.
    pub(super) fragment: Option<Fragment>,
    /// What stopped the walk.
    pub(super) fault: Option<Fault>,
}

/// Walks over the extension headers that begin at `start`, the first of which is of the kind `first`; the packet goes to
/// `destination` for now.
pub(super) fn walk(bytes: &[u8], start: usize, first: u8, destination: IpAddr) -> Walk {
    let end = start.min(bytes.len());
    let mut walk = Walk { protocol: first, end, auth: None, destination, fragment: None, fault: None };
    for _ in 0..MAX_EXTENSIONS {
        if !is_extension(walk.protocol) {
            return walk;
        }
        let rest = bytes.get(walk.end..).unwrap_or_default();
        let needed = match extension_len(walk.protocol, rest) {
            Ok(needed) => needed,
            Err(fault) => {
                walk.fault = Some(fault);
                return walk;
            }
        };
        if walk.protocol == auth::IP_PROTOCOL {
            walk.auth.get_or_insert(walk.end);
        }
        let kind = std::mem::replace(&mut walk.protocol, rest.first().copied().unwrap_or_default());
        walk.end += needed;
        if kind == ROUTING
            && let Some(last) = route::last_of_v6(rest.get(..needed).unwrap_or_default(), destination)
        {
            walk.destination = last;
        }
        walk.fragment = fragment(rest).filter(|_| kind == FRAGMENT);
        if let Some(Fragment { offset, .. }) = walk.fragment {
            walk.fault = Some(Fault::Fragment { offset });
            return walk;
        }
    }
    if is_extension(walk.protocol) {
        walk.fault = Some(Fault::TooMany { what: "IPv6 extension headers", limit: MAX_EXTENSIONS as u32 });
    }
    walk
}

const PAD_1: u8 = 0;
const JUMBO_PAYLOAD: u8 = 0xc2;

/// The length that a Jumbo Payload option gives a packet whose payload length is 0, and where that stands in it. "The Jumbo
/// Payload Length must be greater than 65,535" (RFC 2675 §2): a smaller one is none.
pub(super) fn jumbo(packet: &[u8]) -> Option<(u32, usize)> {
    if packet.get(NEXT_HEADER) != Some(&HOP_BY_HOP) {
        return None;
    }
    let header = packet.get(IPV6_LEN..)?;
    let header = header.get(..extension_len(HOP_BY_HOP, header).ok()?)?;
    let mut at = 2;
    loop {
        let option = header.get(at..)?;
        match *option {
            [PAD_1, ..] => at += 1,
            [JUMBO_PAYLOAD, 4, a, b, c, d, ..] => {
                let len = u32::from_be_bytes([a, b, c, d]);
                return (len > u32::from(u16::MAX)).then_some((len, IPV6_LEN + at + 2));
            }
            [_, len, ..] => at += 2 + usize::from(len),
            _ => return None,
        }
    }
}

/// Adds the extension headers, up to the first Authentication Header, to the layer of the IPv6 header whose octets, extension
/// headers included, these are.
pub(super) fn describe(layer: &mut Layer, bytes: &[u8]) {
    let Some(first) = bytes.get(NEXT_HEADER) else { return };
    if let Some((len, at)) = jumbo(bytes) {
        layer.field(&JUMBO, Value::Uint(u64::from(len)), at..at + 4);
    }
    describe_from(layer, bytes, IPV6_LEN, *first);
}

/// Adds those that were cut up with what they announce, and lie at the start of these octets.
pub(super) fn describe_reassembled(layer: &mut Layer, buffer: Buffer, bytes: &[u8], first: u8) {
    let span = Some(Span::new(buffer, 0..bytes.len() as u64));
    let mut inner = Layer::new(layer.protocol, layer.title, layer.osi, span);
    describe_from(&mut inner, bytes, 0, first);
    layer.fields.append(&mut inner.fields);
}

/// Adds the headers that begin at octet `start` of the layer whose octets these are, the first of the kind `first`.
pub(super) fn describe_from(layer: &mut Layer, bytes: &[u8], start: usize, first: u8) {
    let (mut kind, mut at) = (first, start);
    while let Some(rest) = bytes.get(at..).filter(|rest| is_extension(kind) && !rest.is_empty()) {
        let Ok(len) = extension_len(kind, rest) else { return };
        match kind {
            HOP_BY_HOP => describe_one(layer, [&HOPOPTS_NXT, &HOPOPTS_LEN, &HOPOPTS_OCT], at, rest),
            ROUTING => {
                describe_one(layer, [&ROUTING_NXT, &ROUTING_LEN, &ROUTING_OCT], at, rest);
                route::describe(layer, at, rest.get(..len).unwrap_or_default());
            }
            DESTINATION_OPTIONS => describe_one(layer, [&DSTOPTS_NXT, &DSTOPTS_LEN, &DSTOPTS_OCT], at, rest),
            SHIM6 => describe_one(layer, [&SHIM6_NXT, &SHIM6_LEN, &SHIM6_OCT], at, rest),
            auth::IP_PROTOCOL => auth::describe_fields(layer, at, rest.get(..len).unwrap_or_default()),
            _ => describe_fragment(layer, at, rest),
        }
        (kind, at) = (rest[0], at + len);
    }
}

fn describe_one(layer: &mut Layer, [next, len, octets]: [&'static FieldDef; 3], at: usize, bytes: &[u8]) {
    let [following, units, ..] = *bytes else { return };
    layer.field(next, Value::Uint(u64::from(following)), at..at + 1);
    layer.field(len, Value::Uint(u64::from(units)), at + 1..at + 2);
    layer.computed(octets, Value::Uint((u64::from(units) + 1) * 8));
}

fn describe_fragment(layer: &mut Layer, at: usize, bytes: &[u8]) {
    let Ok(header) = Ipv6FragmentHeaderSlice::from_slice(bytes) else { return };
    layer.field(&FRAG_NXT, Value::Uint(u64::from(header.next_header().0)), at..at + 1);
    layer.field(&FRAG_OFFSET, Value::Uint(u64::from(header.fragment_offset().value())), at + 2..at + 4);
    layer.field(&FRAG_MORE, Value::Bool(header.more_fragments()), at + 2..at + 4);
    layer.field(&FRAG_IDENT, Value::Uint(u64::from(header.identification())), at + 4..at + 8);
}

fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | auth::IP_PROTOCOL | DESTINATION_OPTIONS | SHIM6)
}

/// "Length of the … header in 8-octet units, not including the first 8 octets." (RFC 8200 §4.3)
fn extension_len(kind: u8, bytes: &[u8]) -> Result<usize, Fault> {
    let needed = match (kind, bytes.get(1)) {
        (auth::IP_PROTOCOL, _) => return auth::len(bytes),
        (FRAGMENT, _) | (_, None) => 8,
        (_, Some(units)) => (usize::from(*units) + 1) * 8,
    };
    if bytes.len() < needed {
        let (needed, had) = (needed as u32, bytes.len() as u32);
        return Err(Fault::Short { header: "IPv6 extension header", needed, had });
    }
    Ok(needed)
}

fn fragment(bytes: &[u8]) -> Option<Fragment> {
    let header = Ipv6FragmentHeaderSlice::from_slice(bytes).ok()?;
    let offset = u32::from(header.fragment_offset().value()) * 8;
    let fragment = Fragment { id: header.identification(), offset, more: header.more_fragments() };
    header.is_fragmenting_payload().then_some(fragment)
}
