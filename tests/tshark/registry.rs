//! Names: what we say Wireshark knows, it knows, and as the same kind of thing.

use wiretale::layer::Kind;
use wiretale::trace::{all_fields, protocols};

use crate::{compare, tool};

/// The types under which Wireshark may know a field of this kind.
fn types(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Bool => &["FT_BOOLEAN"],
        Kind::Uint(8) => &["FT_UINT8"],
        Kind::Uint(16) => &["FT_UINT16"],
        Kind::Uint(24) => &["FT_UINT24"],
        // `data.len` has a sign there.
        Kind::Uint(32) => &["FT_UINT32", "FT_INT32", "FT_FRAMENUM"],
        Kind::Uint(64) => &["FT_UINT64"],
        Kind::Int(32) => &["FT_INT32"],
        Kind::Uint(_) | Kind::Int(_) => &[],
        Kind::Seconds => &["FT_RELATIVE_TIME"],
        Kind::Text => &["FT_STRING"],
        // A body is text in tshark 4.0, and octets from 4.2 on.
        Kind::Bytes => &["FT_BYTES", "FT_STRING"],
        Kind::Address => &["FT_IPv4", "FT_IPv6"],
        Kind::Mac => &["FT_ETHER"],
        Kind::Presence => &["FT_NONE", "protocol"],
    }
}

#[test]
fn wireshark_knows_the_names() {
    if !tool::is_here() {
        return;
    }
    let known = tool::registry();
    let mut wrong = Vec::new();
    for def in all_fields() {
        match (def.wireshark, known.get(def.name)) {
            (true, Some(theirs)) if theirs.iter().all(|kind| types(def.kind).contains(&kind.as_str())) => {
                // A filter takes what addresses a field has from the name of its protocol.
                let is_v6 = def.name.split('.').next().is_some_and(|protocol| protocol.ends_with("v6"));
                let other = if is_v6 { "FT_IPv4" } else { "FT_IPv6" };
                if theirs.iter().any(|kind| kind == other) {
                    wrong.push(format!("{}: {theirs:?}", def.name));
                }
            }
            (false, None) => {}
            (wireshark, theirs) => wrong.push(format!("{} (wireshark: {wireshark}): {theirs:?}", def.name)),
        }
    }
    for name in protocols() {
        let is_protocol = known.get(name).is_some_and(|kinds| kinds.iter().any(|kind| kind == "protocol"));
        if compare::is_theirs(name) != is_protocol {
            wrong.push(format!("protocol {name}: Wireshark has it: {is_protocol}"));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

#[test]
fn no_name_is_declared_twice() {
    let mut names: Vec<&str> = all_fields().map(|def| def.name).collect();
    names.sort_unstable();
    let twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert_eq!(twice, [] as [&str; 0]);
}
