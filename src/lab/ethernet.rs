//! An Ethernet of two machines, without root: two networks joined by a wire that is ours, in a third.
//!
//! ```text
//! client's network          the wire's network          server's network
//! eth0 10.0.0.1   ◀──veth──▶   c0  ·  s0   ◀──veth──▶   eth0 10.0.0.2
//! 02:00:00:00:00:01                                     02:00:00:00:00:02
//! ```
//!
//! Nothing is left to a card that is not there: sums are real, and no frame is longer than 1514 octets.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use crate::lab::ground::Ground;
use crate::lab::interface::{Interface, Mac};
use crate::lab::loss::sends_again_within;
use crate::lab::namespace::Network;
use crate::lab::recorder::CARD;
use crate::lab::refusal::{Refusal, Stage};
use crate::lab::scenario::Scenario;

/// The ends of the wire: towards the client, and towards the server.
pub const WIRE: [&str; 2] = ["c0", "s0"];

/// In milliseconds, of sockets that are opened from then on (Documentation/networking/ip-sysctl.rst of Linux).
const LONGEST_WAIT: &str = "/proc/sys/net/ipv4/tcp_rto_max_ms";
/// So many times longer it may take where the kernel cannot be told.
const UNTOLD: u32 = 4;

/// Addresses that their owners may choose freely (IEEE Std 802, the second bit of the first octet).
const MACS: [Mac; 2] = [[2, 0, 0, 0, 0, 1], Ground::SERVER_MAC];

/// Two machines and the wire between them.
#[derive(Debug)]
pub struct Ethernet {
    /// Where the clients live.
    pub client: Arc<Network>,
    /// Where the server lives.
    pub server: Arc<Network>,
    /// Where the wire's ends are.
    pub wire: Arc<Network>,
    /// How long it takes at most until TCP has sent again what is lost by chance, if anything is.
    pub sends_again_within: Option<Duration>,
}

impl Ethernet {
    /// Makes it. Nothing passes yet: for that a [`Wire`](super::wire::Wire) must carry it.
    pub fn create(scenario: &Scenario) -> Result<Self, Refusal> {
        let network = || Network::create().map(Arc::new);
        let sends_again_within = sends_again_within(scenario);
        let mut made = Self { client: network()?, server: network()?, wire: network()?, sends_again_within };
        made.hurry();
        made.join().map_err(|error| {
            Refusal::new(Stage::Network, error.raw_os_error().unwrap_or(Errno::UnknownErrno as i32))
        })?;
        Ok(made)
    }

    /// Lets TCP wait no longer than that before it sends again, where the kernel can be told so (Linux 6.15); else what is lost
    /// may take longer.
    fn hurry(&mut self) {
        let Some(within) = self.sends_again_within else { return };
        let set = || std::fs::write(LONGEST_WAIT, within.as_millis().to_string());
        let can_be_told = [&self.client, &self.server].into_iter().all(|machine| inside(machine, set).is_ok());
        self.sends_again_within = Some(if can_be_told { within } else { within * UNTOLD });
    }

    fn join(&self) -> io::Result<()> {
        inside(&self.wire, || {
            no_ipv6();
            Ok(())
        })?;
        let ground = Ground::Ethernet;
        let machines = [(&self.client, ground.client()), (&self.server, ground.server())];
        for ((machine, address), (end, mac)) in machines.into_iter().zip(WIRE.into_iter().zip(MACS)) {
            inside(machine, || {
                no_ipv6();
                let card = Interface(CARD);
                card.create_pair(end, self.wire.descriptor())?;
                card.set_mac(mac)?;
                card.offloads_off()?;
                card.set_address(address)?;
                card.up()
            })?;
            inside(&self.wire, || {
                Interface(end).offloads_off()?;
                Interface(end).up()
            })?;
        }
        Ok(())
    }
}

/// Does something in a network, in a thread that ends with it.
fn inside<T: Send>(network: &Network, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            network.enter()?;
            work()
        });
        worker.join().unwrap_or_else(|_| Err(io::Error::other("a thread of the lab ended")))
    })
}

/// Interfaces made from now on stay silent until somebody speaks: no router is looked for, no address tried. Where nothing may
/// be set (in a container, say) or there is no IPv6 it is left: then frames of IPv6 may be among those captured.
fn no_ipv6() {
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}
