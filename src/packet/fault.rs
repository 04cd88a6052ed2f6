//! Why dissecting a frame stopped where it did.

use std::fmt;

use crate::layer::{Group, Note, Severity};

/// The reason for which the rest of a frame was not dissected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A header needs more octets than are there.
    Short {
        /// Which header.
        header: &'static str,
        /// How many octets it needs.
        needed: u32,
        /// How many are there.
        had: u32,
    },
    /// A header holds a value it must not hold.
    Invalid {
        /// Which field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
    /// What comes next is a protocol that is not dissected here.
    Unknown {
        /// Which field named it.
        what: &'static str,
        /// The number it has there.
        number: u32,
    },
    /// A fragment of a larger IP packet: it is read once all have come.
    Fragment {
        /// Where it belongs in the larger packet, in octets.
        offset: u32,
    },
}

/// What stands where an EtherType would, in frames older than it.
pub(super) const LENGTH: &str = "length";

impl Fault {
    /// The fault as a note; `missing` is how many octets of the frame the capture did not keep.
    pub fn note(self, missing: u32) -> Note {
        let (severity, group, spec) = match self {
            Self::Short { .. } if missing > 0 => (Severity::Note, Group::Undecoded, ""),
            Self::Short { .. } | Self::Invalid { .. } => (Severity::Error, Group::Malformed, "RFC 1122 §3.2.1"),
            Self::Unknown { .. } => (Severity::Chat, Group::Undecoded, ""),
            Self::Fragment { .. } => (Severity::Chat, Group::Reassemble, "RFC 791 §3.2"),
        };
        let why = match missing {
            0 => String::new(),
            n => format!("; the capture did not keep the frame's last {n} octets"),
        };
        Note::new(severity, format!("{self}{why}"), spec).about(group)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { header, needed, had } => {
                write!(f, "the {header} needs {needed} octets, {had} are there")
            }
            Self::Invalid { field, value } => write!(f, "the {field} cannot be {value}"),
            Self::Unknown { what: "EtherType", number } => {
                write!(f, "EtherType 0x{number:04x}{} is not dissected", ether_type_name(*number))
            }
            Self::Unknown { what: LENGTH, number } => {
                write!(
                    f,
                    "an IEEE 802.3 frame that names its length, {number}, and no type: LLC in it is not dissected"
                )
            }
            Self::Unknown { what, number } => {
                write!(f, "{what} {number}{} is not dissected", number_name(what, *number))
            }
            Self::Fragment { offset } => {
                write!(f, "a fragment of a larger IP packet, from octet {offset} of it")
            }
        }
    }
}

fn ether_type_name(number: u32) -> &'static str {
    match number {
        0x8847 => " (MPLS)",
        0x8863 | 0x8864 => " (PPPoE)",
        0x88b5 | 0x88b6 => " (local experiment)",
        0x88cc => " (LLDP)",
        _ => "",
    }
}

fn number_name(what: &str, number: u32) -> &'static str {
    match (what, number) {
        ("IP protocol", 2) => " (IGMP)",
        ("IP protocol", 4 | 41) => " (IP in IP)",
        ("IP protocol", 47) => " (GRE)",
        ("IP protocol", 50 | 51) => " (IPsec)",
        ("IP protocol", 132) => " (SCTP)",
        _ => "",
    }
}
