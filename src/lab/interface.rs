//! Network interfaces of a private network: pairs of virtual Ethernet ends, their addresses, and what their "cards" do by
//! themselves.
//!
//! # References
//! - netdevice(7) for the ioctls; rtnetlink(7) and linux/if_link.h for the one message; veth(4).

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// A link-layer address.
pub type Mac = [u8; 6];

/// An interface of the calling thread's network.
#[derive(Debug, Clone, Copy)]
pub struct Interface<'a>(pub &'a str);

impl Interface<'_> {
    /// Makes a pair of virtual Ethernet ends: this one here, `peer` in another network.
    pub fn create_pair(self, peer: &str, elsewhere: impl AsFd) -> io::Result<()> {
        let netlink =
            socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
        let namespace = elsewhere.as_fd().as_raw_fd();
        send(netlink.as_raw_fd(), &new_pair(self.0, peer, namespace), MsgFlags::empty())?;
        let mut answer = [0; 4096];
        let len = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        // The answer to a message that asks for one: a header of 16 octets, then the error number, negative, or 0.
        let number = answer.get(..len).and_then(|answer| answer.get(16..)?.first_chunk());
        match number.map(|octets| i32::from_ne_bytes(*octets)) {
            Some(0) => Ok(()),
            Some(error) => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
            None => Err(io::Error::other("the kernel's answer is too short")),
        }
    }

    /// Brings it up.
    pub fn up(self) -> io::Result<()> {
        let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
        self.ioctl(libc::SIOCSIFFLAGS, libc::__c_anonymous_ifr_ifru { ifru_flags: flags })
    }

    /// Gives it a link-layer address.
    pub fn set_mac(self, mac: Mac) -> io::Result<()> {
        let mut octets = [0; 14];
        octets.iter_mut().zip(mac).for_each(|(to, from)| *to = libc::c_char::from_ne_bytes([from]));
        let address = libc::sockaddr { sa_family: libc::ARPHRD_ETHER, sa_data: octets };
        self.ioctl(libc::SIOCSIFHWADDR, libc::__c_anonymous_ifr_ifru { ifru_hwaddr: address })
    }

    /// Gives it an IPv4 address in a network of 256.
    pub fn set_address(self, address: Ipv4Addr) -> io::Result<()> {
        self.ioctl(libc::SIOCSIFADDR, libc::__c_anonymous_ifr_ifru { ifru_addr: sockaddr(address) })?;
        let mask = sockaddr(Ipv4Addr::new(255, 255, 255, 0));
        self.ioctl(libc::SIOCSIFNETMASK, libc::__c_anonymous_ifr_ifru { ifru_netmask: mask })
    }

    /// Lets nothing be left to a network card: sums are computed, segments cut, before a frame is seen. Order matters: what
    /// rests on another is switched off first.
    pub fn offloads_off(self) -> io::Result<()> {
        for command in [ethtool::STSO, ethtool::SGSO, ethtool::SGRO, ethtool::SSG, ethtool::SRXCSUM, ethtool::STXCSUM] {
            let mut value = EthtoolValue { command, data: 0 };
            let data = (&raw mut value).cast();
            self.ioctl(libc::c_ulong::from(ethtool::REQUEST), libc::__c_anonymous_ifr_ifru { ifru_data: data })?;
        }
        Ok(())
    }

    fn ioctl(self, request: libc::c_ulong, value: libc::__c_anonymous_ifr_ifru) -> io::Result<()> {
        let any_socket: OwnedFd = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        let mut asked = libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: value };
        for (to, from) in asked.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(self.0.bytes()) {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        #[expect(unsafe_code, reason = "an interface is set up by ioctl(2)")]
        // SAFETY: each of these requests reads or writes one `ifreq`, and for ethtool the value its pointer leads to; both
        // live through the call, and the descriptor is an open socket.
        let done = unsafe { libc::ioctl(any_socket.as_raw_fd(), request as _, &raw mut asked) };
        Errno::result(done).map(drop).map_err(io::Error::from)
    }
}

/// linux/ethtool.h: the commands that set one feature each.
mod ethtool {
    /// SIOCETHTOOL of linux/sockios.h.
    pub(super) const REQUEST: u32 = 0x8946;
    pub(super) const SRXCSUM: u32 = 0x15;
    pub(super) const STXCSUM: u32 = 0x17;
    pub(super) const SSG: u32 = 0x19;
    pub(super) const STSO: u32 = 0x1f;
    pub(super) const SGSO: u32 = 0x24;
    pub(super) const SGRO: u32 = 0x2c;
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

fn sockaddr(address: Ipv4Addr) -> libc::sockaddr {
    // `struct sockaddr_in`: the port, which means nothing here, then the address.
    let mut octets = [0; 14];
    octets.iter_mut().skip(2).zip(address.octets()).for_each(|(to, from)| *to = libc::c_char::from_ne_bytes([from]));
    libc::sockaddr { sa_family: libc::AF_INET as libc::sa_family_t, sa_data: octets }
}

/// RTM_NEWLINK for a veth pair, its peer born in the network of this descriptor.
fn new_pair(name: &str, peer: &str, namespace: i32) -> Vec<u8> {
    const NEW_LINK: u16 = 16;
    /// NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL.
    const FLAGS: u16 = 0x0605;
    const IFNAME: u16 = 3;
    const LINKINFO: u16 = 18;
    const NET_NS_FD: u16 = 28;
    const INFO_KIND: u16 = 1;
    const INFO_DATA: u16 = 2;
    const VETH_PEER: u16 = 1;
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    let peer =
        [&[0; 16][..], &attribute(IFNAME, &text(peer)), &attribute(NET_NS_FD, &namespace.to_ne_bytes())].concat();
    let data = attribute(INFO_DATA, &attribute(VETH_PEER, &peer));
    let info = attribute(LINKINFO, &[attribute(INFO_KIND, &text("veth")), data].concat());
    let body = [&[0; 16][..], &attribute(IFNAME, &text(name)), &info].concat();
    let len = u32::try_from(16 + body.len()).unwrap_or(u32::MAX);
    let mut message = len.to_ne_bytes().to_vec();
    message.extend(NEW_LINK.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    // A number to know the answer by, and the sender, which the kernel fills in.
    message.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    message.extend(body);
    message
}

/// Length, type, value, and padding to four octets.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut attribute = [&len.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_not_longer_for_it() {
        assert_eq!(attribute(3, b"eth0\0"), [&9u16.to_ne_bytes()[..], &3u16.to_ne_bytes(), b"eth0\0\0\0\0"].concat());
        let message = new_pair("eth0", "c0", 7);
        assert_eq!(u32::from_ne_bytes(*message.first_chunk().unwrap()) as usize, message.len());
        assert!(message.windows(5).any(|text| text == b"veth\0"));
    }
}
