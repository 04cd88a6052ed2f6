//! What the floor below must offer: the names that may be asked for, and the values that answer.

use crate::layer::{FieldDef, Value};

/// The frames of a capture, as a filter sees them. Frames are numbered from 1 to [`frames`](Records::frames).
pub trait Records {
    /// How many frames there are.
    fn frames(&self) -> u32;

    /// Nanoseconds from the first frame to this one.
    fn time(&self, frame: u32) -> i128;

    /// Visits every value that the field has in the frame, in wire order.
    fn values(&self, frame: u32, def: &'static FieldDef, visit: &mut dyn FnMut(&Value));

    /// Whether the protocol was seen in the frame.
    fn has_protocol(&self, frame: u32, protocol: &str) -> bool;

    /// Visits the octets of each occurrence of the protocol in the frame, its payload included (as Wireshark counts
    /// them: `eth contains "GET"` finds an HTTP request).
    fn protocol_bytes(&self, frame: u32, protocol: &str, visit: &mut dyn FnMut(&[u8]));

    /// Visits the octets of each occurrence of the protocol in the frame that are its own: a header without what it
    /// carries, a message with its content. So Wireshark counts them in slices and `len`.
    fn own_bytes(&self, frame: u32, protocol: &str, visit: &mut dyn FnMut(&[u8]));
}

/// The names that may stand in a filter.
pub trait Names {
    /// The field of this name.
    fn field(&self, name: &str) -> Option<&'static FieldDef>;

    /// The protocol of this name, such as `http`; its bare name in a filter asks for its presence.
    fn protocol(&self, name: &str) -> Option<Protocol>;

    /// Every name of both sorts, from which the nearest is suggested when one is unknown.
    fn all(&self) -> Vec<&'static str>;
}

/// A protocol's name in filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protocol {
    /// The name: `websocket`.
    pub name: &'static str,
    /// Whether Wireshark knows the protocol under this name too.
    pub wireshark: bool,
}
