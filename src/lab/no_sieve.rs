//! Where sockets have no filters of Linux, nobody can be made not to take something.

use std::io;

use tokio::net::{TcpStream, UdpSocket};

/// A filter that cannot be hung.
#[derive(Debug)]
pub enum Sieve {}

impl Sieve {
    pub fn on_tcp(_stream: &TcpStream, _beginning: &[u8]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn on_udp(_socket: &UdpSocket, _beginning: &[u8]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn has_dropped(&self) -> bool {
        match *self {}
    }
}
