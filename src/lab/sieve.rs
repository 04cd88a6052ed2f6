//! A receiver that does not take what begins with certain octets: a filter on its socket, which drops them behind the place
//! where captures look. So something can be lost on loopback, where no wire loses anything, and the sender's TCP sends it again.
//!
//! # References
//! - socket(7), `SO_ATTACH_FILTER`; the instructions are those of the classic Berkeley packet filter
//!   (Documentation/networking/filter.rst of Linux). To a filter a segment begins with its TCP header, a datagram with its
//!   UDP header.
//! - How many a socket has dropped: `SO_MEMINFO`, `SK_MEMINFO_DROPS` (linux/sock_diag.h).

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use tokio::net::{TcpStream, UdpSocket};

/// A filter on a socket, which stays while this does.
#[derive(Debug)]
pub struct Sieve {
    socket: OwnedFd,
    before: u32,
}

impl Sieve {
    /// Lets the end of a connection drop segments that begin so.
    pub fn on_tcp(stream: &TcpStream, beginning: &[u8]) -> io::Result<Self> {
        Self::hang(stream.as_fd(), beginning, false)
    }

    /// Lets a socket drop datagrams that begin so.
    pub fn on_udp(socket: &UdpSocket, beginning: &[u8]) -> io::Result<Self> {
        Self::hang(socket.as_fd(), beginning, true)
    }

    fn hang(socket: BorrowedFd<'_>, beginning: &[u8], is_udp: bool) -> io::Result<Self> {
        let socket = socket.try_clone_to_owned()?;
        let mut program = program(beginning, is_udp);
        let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
        set(&socket, libc::SO_ATTACH_FILTER, &filter)?;
        let before = dropped(&socket)?;
        Ok(Self { socket, before })
    }

    /// Whether anything was dropped since.
    pub fn has_dropped(&self) -> bool {
        dropped(&self.socket).is_ok_and(|now| now != self.before)
    }
}

impl Drop for Sieve {
    fn drop(&mut self) {
        // A socket that is gone has none any more.
        let _ = set(&self.socket, libc::SO_DETACH_FILTER, &0_i32);
    }
}

/// Drops what begins so, and takes all else.
fn program(beginning: &[u8], is_udp: bool) -> Vec<libc::sock_filter> {
    use libc::{
        BPF_ABS, BPF_ALU, BPF_B, BPF_IMM, BPF_IND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_LDX, BPF_LEN, BPF_LSH,
        BPF_MISC, BPF_RET, BPF_RSH, BPF_SUB, BPF_TAX, BPF_W, BPF_X,
    };
    let step = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // Where the data begins, into X.
    let mut program = match is_udp {
        true => vec![step(BPF_LDX | BPF_W | BPF_IMM, 8)],
        false => vec![
            step(BPF_LD | BPF_B | BPF_ABS, 12),
            step(BPF_ALU | BPF_RSH | BPF_K, 4),
            step(BPF_ALU | BPF_LSH | BPF_K, 2),
            step(BPF_MISC | BPF_TAX, 0),
        ],
    };
    // Who reads beyond the end drops: whether there is so much is asked first.
    program.push(step(BPF_LD | BPF_W | BPF_LEN, 0));
    program.push(step(BPF_ALU | BPF_SUB | BPF_X, 0));
    // How many steps lie between a comparison and the last one, which takes.
    let mut left = beginning.len() as u8 * 2 + 1;
    program.push(libc::sock_filter { jf: left, ..step(BPF_JMP | BPF_JGE | BPF_K, beginning.len() as u32) });
    for (at, octet) in beginning.iter().enumerate() {
        left -= 2;
        program.push(step(BPF_LD | BPF_B | BPF_IND, at as u32));
        program.push(libc::sock_filter { jf: left, ..step(BPF_JMP | BPF_JEQ | BPF_K, u32::from(*octet)) });
    }
    program.push(step(BPF_RET | BPF_K, 0));
    program.push(step(BPF_RET | BPF_K, u32::MAX));
    program
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    #[expect(unsafe_code, reason = "a filter is set by setsockopt(2), for which nix has no name")]
    // SAFETY: the descriptor is open, and `value` is of the kind and length that the option takes; the kernel copies it, and
    // what a filter points to, before the call returns.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, std::ptr::from_ref(value).cast(), len)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How many this socket has dropped.
fn dropped(socket: &OwnedFd) -> io::Result<u32> {
    let mut counts = [0_u32; COUNTS];
    let mut len = size_of_val(&counts) as libc::socklen_t;
    #[expect(unsafe_code, reason = "the counts are read by getsockopt(2), for which nix has no name")]
    // SAFETY: the descriptor is open, and `len` is the length of `counts`, which the kernel does not write beyond.
    let done = unsafe {
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_MEMINFO, counts.as_mut_ptr().cast(), &raw mut len)
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(counts[DROPS])
}

const SO_MEMINFO: libc::c_int = 55;
/// `SK_MEMINFO_VARS`, and among them `SK_MEMINFO_DROPS`.
const COUNTS: usize = 9;
const DROPS: usize = 8;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::Sieve;
    use std::os::fd::AsFd as _;

    #[test]
    fn what_begins_so_is_dropped_and_nothing_else() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let heard = |said: &[&str]| -> Vec<String> {
            for said in said {
                sender.send_to(said.as_bytes(), receiver.local_addr().unwrap()).unwrap();
            }
            let mut octets = [0; 100];
            let mut heard = Vec::new();
            while heard.last().is_none_or(|last| last != "end") {
                let len = receiver.recv(&mut octets).unwrap();
                heard.push(String::from_utf8(octets[..len].to_vec()).unwrap());
            }
            heard
        };
        let sieve = Sieve::hang(receiver.as_fd(), b"two", true).unwrap();
        assert!(!sieve.has_dropped());
        assert_eq!(heard(&["one", "", "tw", "twice", "end"]), ["one", "", "tw", "twice", "end"]);
        assert!(!sieve.has_dropped());
        assert_eq!(heard(&["two", "twos", "not two", "end"]), ["not two", "end"]);
        assert!(sieve.has_dropped());
        drop(sieve);
        assert_eq!(heard(&["two", "end"]), ["two", "end"]);
        let longest = [b'x'; 64];
        let sieve = Sieve::hang(receiver.as_fd(), &longest, true).unwrap();
        assert_eq!(heard(&[&"x".repeat(64), &"x".repeat(63), "end"]), [&"x".repeat(63), "end"]);
        drop(sieve);
    }
}
