//! A packet that was put together from fragments, and what is shown of that.
//!
//! # References
//! - RFC 791 §3.2; RFC 8200 §4.5.

use std::ops::Range;

use super::{Packet, ipv6_extension};
use crate::layer::{Buffer, Field, Layer, Span, Value};

crate::fields! {
    IP_FRAGMENTS = "ip.fragments", Bytes, "What all fragments of the packet carry, put together.", "RFC 791 §3.2";
    IP_FRAGMENT = "ip.fragment", Uint(32), "The frame of each fragment, in the order of the packet.", "RFC 791 §3.2";
    IP_FRAGMENT_COUNT = "ip.fragment.count", Uint(32), "How many fragments there are.", "RFC 791 §3.2";
    IP_REASSEMBLED_LENGTH = "ip.reassembled.length", Uint(32), "How many octets they carry together.", "RFC 791 §3.2";
    IP_REASSEMBLED_DATA = "ip.reassembled.data", Bytes, "What all fragments of the packet carry, put together.", "RFC 791 §3.2";
    IP_REASSEMBLED_IN = "ip.reassembled_in", Uint(32), "The frame in which the packet is whole.", "RFC 791 §3.2";
    IPV6_FRAGMENTS = "ipv6.fragments", Presence, "All fragments of the packet are there.", "RFC 8200 §4.5";
    IPV6_FRAGMENT = "ipv6.fragment", Uint(32), "The frame of each fragment, in the order of the packet.", "RFC 8200 §4.5";
    IPV6_FRAGMENT_COUNT = "ipv6.fragment.count", Uint(32), "How many fragments there are.", "RFC 8200 §4.5";
    IPV6_REASSEMBLED_LENGTH = "ipv6.reassembled.length", Uint(32), "How many octets they carry together.", "RFC 8200 §4.5";
    IPV6_REASSEMBLED_DATA = "ipv6.reassembled.data", Bytes, "What all fragments of the packet carry, put together.", "RFC 8200 §4.5";
    IPV6_REASSEMBLED_IN = "ipv6.reassembled.in", Uint(32), "The frame in which the packet is whole.", "RFC 8200 §4.5";
}

/// A stretch of a datagram that one frame brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which octets of the datagram.
    pub range: Range<u32>,
    /// The frame's number.
    pub frame: u32,
    /// Where they begin in the frame's captured octets.
    pub at: u32,
}

/// A packet put together from its fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// What it is: addresses, transport header and payload. The extents count in `bytes`; there is no link header.
    pub packet: Packet,
    /// What the fragments carried, in order.
    pub bytes: Vec<u8>,
    /// Which frame brought which octets, in order.
    pub pieces: Vec<Piece>,
    /// Which header its octets begin with, by its number.
    pub first_header: u8,
    /// The frames that brought nothing new of it: their fragments were there before.
    pub repeats: Vec<u32>,
}

impl Datagram {
    /// Adds what the fragments make up to the layer of the IP header of the frame that completed them.
    pub fn describe_in(&self, layer: &mut Layer, frame: u32) {
        let v4 = layer.protocol == "ip";
        let whole = |def| {
            let span = Some(Span::new(Buffer::Datagram(frame), 0..self.bytes.len() as u64));
            Field { def, value: Value::Bytes(self.bytes.clone()), span }
        };
        match v4 {
            true => layer.fields.push(whole(&IP_FRAGMENTS)),
            false => layer.computed(&IPV6_FRAGMENTS, Value::Present),
        }
        for piece in &self.pieces {
            let range = u64::from(piece.range.start)..u64::from(piece.range.end);
            let def = if v4 { &IP_FRAGMENT } else { &IPV6_FRAGMENT };
            let span = Some(Span::new(Buffer::Datagram(frame), range));
            layer.fields.push(Field { def, value: Value::Uint(u64::from(piece.frame)), span });
        }
        let (count, length, data) = match v4 {
            true => (&IP_FRAGMENT_COUNT, &IP_REASSEMBLED_LENGTH, &IP_REASSEMBLED_DATA),
            false => (&IPV6_FRAGMENT_COUNT, &IPV6_REASSEMBLED_LENGTH, &IPV6_REASSEMBLED_DATA),
        };
        layer.computed(count, Value::Uint(self.pieces.len() as u64));
        layer.computed(length, Value::Uint(self.bytes.len() as u64));
        layer.fields.push(whole(data));
        if let Some(net) = &self.packet.net {
            let extensions = net.header.of(&self.bytes);
            ipv6_extension::describe_reassembled(layer, Buffer::Datagram(frame), extensions, self.first_header);
        }
        layer.summary = format!("{}, the last missing of {} fragments", layer.summary, self.pieces.len());
    }
}

/// Adds to the layer of a fragment's IP header in which frame the packet is whole.
pub fn describe_reassembled_in(layer: &mut Layer, frame: u32) {
    let def = if layer.protocol == "ip" { &IP_REASSEMBLED_IN } else { &IPV6_REASSEMBLED_IN };
    layer.computed(def, Value::Uint(u64::from(frame)));
    layer.summary = format!("{}, a fragment; whole in frame {frame}", layer.summary);
}
