//! The kinds of network a play may be staged in.

use std::net::{IpAddr, Ipv4Addr};

/// A machine of a play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Machine {
    /// The one of the clients.
    #[default]
    Client,
    /// The one of the server.
    Server,
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

    /// The kind with a server of this address.
    pub fn of_server(server: IpAddr) -> Self {
        if server.is_loopback() { Self::Loopback } else { Self::Ethernet }
    }
}
