//! Why dissecting a frame stopped where it did.

use std::fmt;

use crate::count::{counted, plural};
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
    /// There are more headers of a kind than are followed here; that is not the sender's fault.
    TooMany {
        /// Which headers.
        what: &'static str,
        /// How many are followed.
        limit: u32,
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

/// Extension headers of IPv6 that are messages of their own: implementations "SHOULD set the payload protocol type to
/// IPPROTO_NONE" (RFC 6275 §6.1.1), and the other "does not describe processing for Next Header values other than decimal
/// 59" (RFC 7401 §5.1). Wireshark does not look behind them either.
const MOBILITY: u32 = 135;
const HOST_IDENTITY: u32 = 139;

impl Fault {
    /// What is not dissected here, whichever frame holds it: the field that named it, and its number there; `None` if the fault is
    /// another.
    pub fn unknown(self) -> Option<(&'static str, u32)> {
        match self {
            // Each frame has its own.
            Self::Unknown { what: LENGTH, .. } => Some((LENGTH, 0)),
            Self::Unknown { what, number } => Some((what, number)),
            _ => None,
        }
    }

    /// The fault as a note; `missing` is how many octets of the frame the capture did not keep.
    pub fn note(self, missing: u32) -> Note {
        let (severity, group, spec) = match self {
            Self::Short { .. } if missing > 0 => (Severity::Note, Group::Undecoded, ""),
            Self::Short { header: name, .. } | Self::Invalid { field: name, .. } => {
                (Severity::Error, Group::Malformed, clause(name))
            }
            Self::TooMany { .. } => (Severity::Warn, Group::Undecoded, ""),
            // What is behind an extension header is usually read: where it is not, that has to be said.
            Self::Unknown { what: "IP protocol", number: MOBILITY } => {
                (Severity::Note, Group::Undecoded, "RFC 6275 §6.1.1")
            }
            Self::Unknown { what: "IP protocol", number: HOST_IDENTITY } => {
                (Severity::Note, Group::Undecoded, "RFC 7401 §5.1")
            }
            Self::Unknown { .. } => (Severity::Chat, Group::Undecoded, ""),
            Self::Fragment { .. } => (Severity::Chat, Group::Reassemble, "RFC 791 §3.2"),
        };
        let why = match missing {
            0 => String::new(),
            1 => "; the capture did not keep the frame's last octet".to_owned(),
            n => format!("; the capture did not keep the frame's last {n} octets"),
        };
        Note::new(severity, format!("{self}{why}"), spec).about(group)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { header, needed, had } => {
                let are = plural(*had, "is", "are");
                write!(f, "the {header} needs {}, {had} {are} there", counted(*needed, "octet"))
            }
            Self::Invalid { field, value } => write!(f, "the {field} cannot be {value}"),
            Self::TooMany { what, limit } => {
                write!(f, "more than {limit} {what} in a row: what follows them is not read")
            }
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

/// What rules the header that is too short or holds a value it must not hold.
fn clause(name: &str) -> &'static str {
    let clauses = [
        ("TCP", "RFC 9293 §3.1"),
        ("UDP", "RFC 768"),
        ("ICMPv6", "RFC 4443 §2.1"),
        ("ICMP", "RFC 792"),
        ("ARP", "RFC 826"),
        ("VLAN", "IEEE 802.1Q §9.6"),
        ("Ethernet", "IEEE 802.3 §3.2.3"),
        ("IPv6 extension", "RFC 8200 §4"),
        ("IPv6", "RFC 8200 §3"),
        ("IP", "RFC 791 §3.1"),
        ("length of the Authentication Header", "RFC 4302 §2.2"),
        ("Authentication Header", "RFC 4302 §2"),
    ];
    clauses.iter().find(|(start, _)| name.starts_with(start)).map_or("", |(_, clause)| clause)
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
        ("cooked protocol", 1) => " (IEEE 802.3 without LLC, of Novell)",
        ("cooked protocol", 4) => " (LLC)",
        ("IP protocol", 2) => " (IGMP)",
        ("IP protocol", 4 | 41) => " (IP in IP)",
        ("IP protocol", 47) => " (GRE)",
        ("IP protocol", 50) => " (ESP of IPsec, encrypted)",
        ("IP protocol", 51) => " (AH of IPsec)",
        ("IP protocol", 132) => " (SCTP)",
        ("IP protocol", MOBILITY) => " (Mobility Header)",
        ("IP protocol", HOST_IDENTITY) => " (Host Identity Protocol)",
        _ => "",
    }
}
