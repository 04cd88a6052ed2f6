//! The owners of octets in the ledger, and the other protocols that are named: what each is called, where it stands, and what
//! its octets count as. A protocol that is added has its row here, and nowhere else.

use super::cost::CostLayer;
use crate::trace::{DATA, FRAGMENT, LATE, PADDING, PAYLOAD, REPEATED};

/// What a capture cut off: it has a row in a peeled frame, and owns nothing in the ledger.
pub(super) const MISSING: &str = "missing";

/// Where an owner stands: what colours tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// The link, and what only it needs.
    Link,
    /// IP, and what goes with it.
    Network,
    /// TCP, UDP, and QUIC.
    Transport,
    /// What is encrypted, or was.
    Tls,
    /// HTTP, and what is told in its bodies.
    Http,
    /// WebSocket, and what is told in its messages.
    Messages,
    /// What was to be said.
    Payload,
    /// What had come before.
    Again,
    /// In no protocol that is known.
    Unknown,
}

/// A row.
struct Known {
    name: &'static str,
    title: &'static str,
    floor: Floor,
    cost: CostLayer,
}

const fn row(name: &'static str, title: &'static str, floor: Floor, cost: CostLayer) -> Known {
    Known { name, title, floor, cost }
}

/// All of them, outermost first.
const KNOWN: [Known; 31] = {
    use CostLayer as Cost;
    use Floor::{Again, Http, Link, Messages, Network, Payload, Tls, Transport, Unknown};
    [
        row("eth", "Ethernet", Link, Cost::Link),
        row("null", "loopback", Link, Cost::Link),
        row("raw", "raw IP", Link, Cost::Link),
        row("sll", "Linux SLL", Link, Cost::Link),
        row("vlan", "VLAN tag", Link, Cost::Link),
        row("ieee8021ad", "VLAN tag", Link, Cost::Link),
        row(PADDING, PADDING, Link, Cost::Link),
        row(MISSING, MISSING, Link, Cost::Link),
        row("arp", "ARP", Network, Cost::Link),
        row("ip", "IPv4", Network, Cost::Ip),
        row("ipv6", "IPv6", Network, Cost::Ip),
        row("ah", "AH", Network, Cost::Ip),
        row("icmp", "ICMP", Network, Cost::Ip),
        row("icmpv6", "ICMPv6", Network, Cost::Ip),
        row(FRAGMENT, FRAGMENT, Network, Cost::Payload),
        row("tcp", "TCP", Transport, Cost::Tcp),
        row("udp", "UDP", Transport, Cost::Udp),
        row("quic", "QUIC", Transport, Cost::Quic),
        row("tls", "TLS", Tls, Cost::Tls),
        row("http", "HTTP", Http, Cost::Http),
        row("http2", "HTTP/2", Http, Cost::Http),
        // Encrypted with what QUIC is, so what it costs cannot be told apart.
        row("http3", "HTTP/3", Http, Cost::Quic),
        row("sse", "server-sent events", Http, Cost::Http),
        row("websocket.handshake", "WebSocket handshake", Messages, Cost::Http),
        row("websocket", "WebSocket", Messages, Cost::WebSocket),
        row("engineio", "Engine.IO", Messages, Cost::SocketIo),
        row("socketio", "Socket.IO", Messages, Cost::SocketIo),
        row(PAYLOAD, PAYLOAD, Payload, Cost::Payload),
        row(DATA, DATA, Unknown, Cost::Payload),
        row(REPEATED, REPEATED, Again, Cost::Again),
        row(LATE, LATE, Again, Cost::Again),
    ]
};

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// What people call it; of one that is not known the name itself.
pub fn title(name: &str) -> &str {
    known(name).map_or(name, |known| known.title)
}

/// Where it stands.
pub fn floor(name: &str) -> Floor {
    known(name).map_or(Floor::Unknown, |known| known.floor)
}

/// What its octets count as; `None` of one that is not known.
pub(super) fn cost(name: &str) -> Option<CostLayer> {
    known(name).map(|known| known.cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::protocols;

    /// What has no row would be counted as payload, have no colour, and be called by the name that filters know it by.
    #[test]
    fn each_owner_of_octets_has_one_row() {
        let others = [PAYLOAD, REPEATED, LATE, PADDING, FRAGMENT, DATA, MISSING];
        let names: Vec<&str> = protocols().filter(|name| *name != "frame").chain(others).collect();
        for name in &names {
            assert_eq!(KNOWN.iter().filter(|known| known.name == *name).count(), 1, "{name}");
        }
        for known in &KNOWN {
            assert!(names.contains(&known.name), "nobody is called {}", known.name);
        }
    }
}
