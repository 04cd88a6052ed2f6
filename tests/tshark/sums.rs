//! Checksums: what we say of them, and what tshark says if it is told to look.

use std::path::Path;

use wiretale::layer::Layer;

use crate::compare::load;
use crate::{captures_in, tool};

const CHECKED: &[&str] = &["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];

/// The protocols whose sums are judged, and where they say how that went.
const STATUS: [(&str, &str); 3] =
    [("ip", "ip.checksum.status"), ("tcp", "tcp.checksum.status"), ("udp", "udp.checksum.status")];

/// What tshark is to say of a sum: what was left to a card is damaged for it, a sum of IP always, others up to 4.0.
fn expected(layer: &Layer, status: &str) -> Option<String> {
    let verdict = layer.value(&format!("{}.checksum.verdict", layer.protocol)).map(ToString::to_string);
    let is_left = match verdict.as_deref() {
        Some("not computed yet") => tool::version() < (4, 2),
        Some("absent") => layer.protocol == "ip",
        _ => false,
    };
    layer.value(status).map(|status| if is_left { "0".to_owned() } else { status.to_string() })
}

#[test]
fn sums_are_judged_alike() {
    if !tool::is_here() {
        return;
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    // What was left to a card, what was computed, fragments, and headers of all sorts.
    let folders = ["headers", "linux", "tcp", "udp"].map(|name| home.join("tests/captures").join(name));
    let mut captures = folders.map(|folder| captures_in(&folder)).concat();
    captures.extend(["01-packet", "03-tcp-udp", "04-loss"].map(|name| home.join(format!("captures/{name}.pcapng"))));
    let (mut wrong, mut seen) = (Vec::new(), [0; 4]);
    for path in captures {
        let trace = load(&path);
        let theirs = tool::fields(&path, CHECKED, &STATUS.map(|(_, status)| status));
        for (frame, theirs) in (1..).zip(theirs) {
            let layers = trace.layers(frame);
            for (protocol, status) in STATUS {
                let ours = layers.iter().filter(|layer| layer.protocol == protocol);
                let ours: Vec<String> = ours.filter_map(|layer| expected(layer, status)).collect();
                ours.iter().for_each(|status| seen[status.parse::<usize>().unwrap().min(3)] += 1);
                if ours != theirs[status] {
                    wrong.push(format!("{} {frame} {status}: {ours:?}, tshark {:?}", path.display(), theirs[status]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen[0] > 50 && seen[1] > 100, "too few were compared: {seen:?}");
}
