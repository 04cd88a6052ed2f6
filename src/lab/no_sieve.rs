//! Where sockets have no filters of Linux, nobody can be made not to take something.

use std::io;
use std::os::fd::BorrowedFd;

/// A filter that cannot be hung.
#[derive(Debug)]
pub enum Sieve {}

impl Sieve {
    pub fn hang(_socket: BorrowedFd<'_>, _beginning: &[u8], _is_udp: bool) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn has_dropped(&self) -> bool {
        match *self {}
    }
}
