//! All fields and protocols by name: filter, glossary and docs read this one list.

use crate::layer::FieldDef;
use crate::{flow, packet, protocol};

/// Every field there is, outermost protocol first.
pub fn all_fields() -> impl Iterator<Item = &'static FieldDef> {
    let own = super::describe::FIELDS.iter().copied();
    own.chain(packet::fields()).chain(flow::fields()).chain(flow::UDP_FIELDS.iter().copied()).chain(protocol::fields())
}

/// The field with this name.
pub fn field(name: &str) -> Option<&'static FieldDef> {
    all_fields().find(|def| def.name == name)
}

/// The names of all protocols, as filters know them.
pub fn protocols() -> impl Iterator<Item = &'static str> {
    ["frame"].into_iter().chain(packet::PROTOCOLS.iter().copied()).chain(protocol::PROTOCOLS.iter().copied())
}

/// Whether a protocol of this name exists.
pub fn is_protocol(name: &str) -> bool {
    protocols().any(|known| known == name)
}
