//! Which protocols a frame holds, in Wireshark's words: `eth:ethertype:ip:tcp:http`.
//!
//! Wireshark names every dissector that it called. So it names the one that chooses by the type of an Ethernet frame
//! (`ethertype`), each extension header of IPv6, and HTTP before the frames of a WebSocket, whose octets it gives to HTTP
//! first. What it takes bodies and messages for (`data-text-lines`, `json`) nobody dissects here, so it is not named; the
//! protocols that are ours alone come last.

use crate::layer::Layer;

/// Layers that are no protocol of their own, but what another one says.
const NOT_NAMED: [&str; 2] = ["frame", "websocket.handshake"];
/// Who carries a WebSocket: where one of them is named in the frame, HTTP is not named once more.
const CARRIERS: [&str; 4] = ["http", "http2", "http3", "quic"];

/// Names that Wireshark does not know: what rides on messages, in whatever order it became known.
const OURS: [&str; 3] = ["sse", "engineio", "socketio"];

/// The names of these layers, with colons between them; what comes twice in a row is named once.
pub(super) fn of(layers: &[Layer]) -> String {
    let mut names: Vec<&str> = Vec::with_capacity(layers.len() + 1);
    let is_named = |layer: &&Layer| !NOT_NAMED.contains(&layer.protocol) && !OURS.contains(&layer.protocol);
    for layer in layers.iter().filter(is_named) {
        if layer.protocol == "websocket" && !names.iter().any(|name| CARRIERS.contains(name)) {
            names.push("http");
        }
        names.push(layer.protocol);
        if layer.protocol == "ieee8021ad" {
            names.push("ethertype");
        }
        let of_fields = layer.fields.iter().filter_map(|field| chosen_by(layer.protocol, field.def.name));
        names.extend(of_fields);
    }
    names.dedup();
    names.extend(OURS.into_iter().filter(|name| layers.iter().any(|layer| layer.protocol == *name)));
    names.join(":")
}

/// What Wireshark names because of a field of this layer.
fn chosen_by(protocol: &str, field: &'static str) -> Option<&'static str> {
    match (protocol, field) {
        ("eth", "eth.type") | ("sll", "sll.etype") | ("vlan", "vlan.etype") => Some("ethertype"),
        ("ipv6" | "ah", field) => field.strip_suffix(".nxt").filter(|name| *name != "ipv6"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::layer::Layer;

    #[test]
    fn a_websocket_is_given_to_http_first() {
        let named = |protocols: &[&'static str]| {
            of(&protocols.iter().map(|name| Layer::new(name, "", None, None)).collect::<Vec<_>>())
        };
        assert_eq!(named(&["frame", "raw", "ip", "tcp", "websocket", "websocket"]), "raw:ip:tcp:http:websocket");
        assert_eq!(
            named(&["frame", "raw", "ip", "tcp", "http", "websocket.handshake", "websocket"]),
            "raw:ip:tcp:http:websocket"
        );
        assert_eq!(named(&["frame", "raw", "ip", "tcp", "http2", "websocket"]), "raw:ip:tcp:http2:websocket");
        assert_eq!(named(&["frame"]), "");
    }
}
