//! VLAN tags: four octets between the addresses of a frame and its type. Several may stand in a row (QinQ).
//!
//! # References
//! - Tag: IEEE 802.1Q §9.6. The service tag 0x88a8: IEEE 802.1ad, now in IEEE 802.1Q §9.5; 0x9100 is older usage.
//!
//! Wireshark calls a service tag (0x88a8) by another protocol's name than the others, `ieee8021ad`; so do we.

use etherparse::SingleVlanHeaderSlice;

use super::link::{MAX_LENGTH, describe_trailer};
use super::{Extent, Fault, Packet};
use crate::layer::{Layer, OsiLayer, Value};

crate::fields! {
    VLAN_PRIORITY = "vlan.priority", Uint(16), "How urgent the frame is, from 0 to 7.", "IEEE 802.1Q §9.6";
    VLAN_DEI = "vlan.dei", Bool, "The frame may be dropped first when there is too much traffic.", "IEEE 802.1Q §9.6";
    VLAN_ID = "vlan.id", Uint(16), "Which virtual network the frame belongs to.", "IEEE 802.1Q §9.6";
    VLAN_ETYPE = "vlan.etype", Uint(16), "Which protocol follows the tag.", "IEEE 802.1Q §9.6";
    VLAN_LEN = "vlan.len", Uint(16), "How many octets follow the tag, in a frame that says that instead of a type.", "IEEE 802.3 §3.2.6";
    VLAN_TRAILER = "vlan.trailer", Bytes, "Octets behind what a tagged frame carries, and nobody's padding.", "";
    AD_PRIORITY = "ieee8021ad.priority", Uint(16), "How urgent the frame is to the provider, from 0 to 7.", "IEEE 802.1Q §9.6";
    AD_DEI = "ieee8021ad.dei", Uint(16), "The provider may drop the frame first when there is too much traffic.", "IEEE 802.1Q §9.6";
    AD_ID = "ieee8021ad.id", Uint(16), "Which of the provider's virtual networks the frame belongs to.", "IEEE 802.1Q §9.6";
}

/// More tags than this are not followed: two or three are in use, and a peer controls how many there are.
pub const MAX_TAGS: usize = 16;

/// The numbers of the virtual networks a frame belongs to, outermost first, zero where there is none.
pub(super) type VlanIds = [u16; MAX_TAGS];

const TAG_LEN: usize = 4;
const SERVICE_TAG: u16 = 0x88a8;

/// The VLAN tags of a frame, outermost first: where they lie, and of which kinds they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vlans {
    start: u32,
    len: u8,
    /// A bit for each tag that is the provider's; the outermost is the lowest.
    service: u16,
    ids: VlanIds,
}

impl Vlans {
    /// Whether the frame has no tag.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many tags there are.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// The numbers of the virtual networks, outermost first.
    pub fn ids(&self) -> &[u16] {
        &self.ids[..self.len()]
    }

    /// The same with zeros where there are none: a part of keys.
    pub(super) fn all_ids(&self) -> VlanIds {
        self.ids
    }

    /// How many tags there are, and which of them are the provider's: 21 bits.
    pub(super) fn key(&self) -> u64 {
        u64::from(self.service) << 5 | u64::from(self.len)
    }

    /// Each tag: the protocol's name in filters, and where it lies.
    pub(super) fn tags(self) -> impl Iterator<Item = (&'static str, Extent)> + use<> {
        let start = self.start as usize;
        (0..self.len()).map(move |i| {
            let at = start + i * TAG_LEN;
            (if self.service >> i & 1 == 1 { "ieee8021ad" } else { "vlan" }, Extent::new(at, at + TAG_LEN))
        })
    }

    /// Reads the tags that begin at `at`, if this EtherType announces one. Returns the EtherType behind them and where
    /// it leads.
    pub(super) fn decode(data: &[u8], at: usize, ether_type: u16) -> (Self, usize, Result<u16, Fault>) {
        let mut found = Self { start: at as u32, ..Self::default() };
        let (mut next, mut at) = (ether_type, at);
        for i in 0..MAX_TAGS {
            if !is_tag(next) {
                return (found, at, Ok(next));
            }
            let rest = data.get(at..).unwrap_or_default();
            let Ok(tag) = SingleVlanHeaderSlice::from_slice(rest) else {
                let fault = Fault::Short { header: "VLAN tag", needed: TAG_LEN as u32, had: rest.len() as u32 };
                return (found, at, Err(fault));
            };
            (found.len, found.ids[i]) = (found.len + 1, tag.vlan_identifier().value());
            found.service |= u16::from(next == SERVICE_TAG) << i;
            (next, at) = (tag.ether_type().0, at + TAG_LEN);
        }
        let too_many = Fault::TooMany { what: "VLAN tags", limit: MAX_TAGS as u32 };
        (found, at, if is_tag(next) { Err(too_many) } else { Ok(next) })
    }

    /// The tags as layers, outermost first.
    pub(super) fn describe(self, frame: u32, data: &[u8], packet: &Packet) -> Vec<Layer> {
        let mut layers: Vec<Layer> =
            self.tags().map(|(name, extent)| describe_tag(name, extent, frame, data)).collect();
        if let Some(last) = layers.last_mut() {
            describe_trailer(last, &VLAN_TRAILER, frame, data, packet);
        }
        layers
    }
}

fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | SERVICE_TAG | 0x9100)
}

fn describe_tag(name: &'static str, extent: Extent, frame: u32, data: &[u8]) -> Layer {
    let service = name == "ieee8021ad";
    let title = if service { "Provider VLAN tag (802.1ad)" } else { "VLAN tag (802.1Q)" };
    let mut layer = Layer::new(name, title, Some(OsiLayer::DataLink), Some(extent.span(frame)));
    let Ok(tag) = SingleVlanHeaderSlice::from_slice(extent.of(data)) else { return layer };
    let (id, priority, dei) =
        (tag.vlan_identifier().value(), tag.priority_code_point().value(), tag.drop_eligible_indicator());
    layer.summary = match id {
        0 => format!("no virtual network, only priority {priority}"),
        id => format!("virtual network {id}, priority {priority}"),
    };
    let number = |n: u16| Value::Uint(u64::from(n));
    if service {
        layer.field(&AD_PRIORITY, number(priority.into()), 0..1);
        layer.field(&AD_DEI, number(dei.into()), 0..1);
        layer.field(&AD_ID, number(id), 0..2);
    } else {
        layer.field(&VLAN_PRIORITY, number(priority.into()), 0..2);
        layer.field(&VLAN_DEI, Value::Bool(dei), 0..2);
        layer.field(&VLAN_ID, number(id), 0..2);
        let next = tag.ether_type().0;
        layer.field(if next <= MAX_LENGTH { &VLAN_LEN } else { &VLAN_ETYPE }, number(next), 2..4);
    }
    layer
}
