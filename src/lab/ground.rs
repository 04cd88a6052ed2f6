//! The kinds of network a play may be staged in.

use std::net::{IpAddr, Ipv4Addr};

/// From where a play is seen: at which machine it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vantage {
    /// At the clients'.
    #[default]
    Client,
    /// At the server's.
    Server,
    /// At both; the story is told as the clients' machine saw it.
    Both,
}

/// The kind of network a play is played in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ground {
    /// The loopback interface of one machine.
    #[default]
    Loopback,
    /// Two machines, and a wire between them.
    Ethernet,
}

impl Ground {
    /// The address of the machine on which the clients live.
    pub const fn client(self) -> Ipv4Addr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST,
            Self::Ethernet => Ipv4Addr::new(10, 0, 0, 1),
        }
    }

    /// The address of the machine on which the server lives.
    pub const fn server(self) -> Ipv4Addr {
        match self {
            Self::Loopback => Ipv4Addr::LOCALHOST,
            Self::Ethernet => Ipv4Addr::new(10, 0, 0, 2),
        }
    }

    /// The MAC address from which the server's machine sends, on an Ethernet. Its owner may choose it freely (IEEE Std 802,
    /// the second bit of the first octet).
    pub(crate) const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

    /// The kind with a server of this address.
    pub fn of_server(server: IpAddr) -> Self {
        if server.is_loopback() { Self::Loopback } else { Self::Ethernet }
    }
}
