//! One end of a TCP connection: opened, written to, read from, ended. What speaks HTTP builds on it.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};

use crate::lab::endpoint::{ActorError, Side};
use crate::lab::ground::Ground;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, What};
use crate::lab::logbook::Logbook;

use crate::lab::line::Wire;
use crate::lab::tls::{Tls, TlsVersion};
use crate::layer::Direction;

/// One end of an open TCP connection.
#[derive(Debug)]
pub struct TcpEnd {
    pub side: Side,
    pub stream: Wire,
    /// An HTTP response in chunks goes on.
    pub streams: bool,
    /// This side has sent its FIN, or has seen the other's.
    pub ended: bool,
    pub saw_end: bool,
    /// What was read with a head and stands behind it.
    pub behind: Vec<u8>,
}

/// The client's part: opens a connection.
pub async fn open(line: usize, client: &str, server: SocketAddr, log: &Logbook) -> Result<TcpEnd, ActorError> {
    let failed = |source| ActorError::io("connect", source);
    // The port is taken before the SYN is sent, so that the log can name the connection first.
    let own = (Ground::of_server(server.ip()).client(), 0).into();
    let bind = || {
        let socket = TcpSocket::new_v4()?;
        socket.bind(own)?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    };
    let (socket, client_address) = at_address_of_its_own(bind, log).map_err(failed)?;
    let connection = Connection { client: client_address, server };
    let side = Side { actor: client.to_owned(), connection, direction: Direction::ToServer, log: log.clone() };
    side.sends(line, What::Opened);
    let stream = match socket.connect(server).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            // Nobody listens: the other machine has the SYN, and answers it with a reset (RFC 9293 §3.10.7.1).
            log.received(connection, Direction::ToServer, |what| *what == What::Opened);
            log.sent(line, SERVER, connection, Direction::ToClient, What::Reset);
            log.received(connection, Direction::ToClient, |what| *what == What::Reset);
            return Err(failed(error));
        }
        connected => connected.map_err(failed)?,
    };
    stream.set_nodelay(true).map_err(failed)?;
    Ok(TcpEnd::new(side, Wire::plain(stream)))
}

/// A socket at an address that nobody in this play had before: it is by their addresses that clients are known, and the kernel
/// gives the port of a connection that has ended to the next that asks, if it happens so.
fn at_address_of_its_own<T>(
    bind: impl Fn() -> io::Result<(T, SocketAddr)>,
    log: &Logbook,
) -> io::Result<(T, SocketAddr)> {
    // Those that were had before are held until there is another, so that each is given once.
    let mut had = Vec::new();
    loop {
        let (socket, address) = bind()?;
        if had.len() >= MOST_PORTS
            || !log.with_entries(|entries| entries.iter().any(|entry| entry.connection.client == address))
        {
            return Ok((socket, address));
        }
        had.push(socket);
    }
}

/// After so many ports that were had before the next is taken all the same.
const MOST_PORTS: usize = 100;

/// The server's part: takes the connection of the client that is due.
pub async fn accept(listener: &TcpListener, log: &Logbook) -> Result<TcpEnd, ActorError> {
    let failed = |source| ActorError::io("accept a connection", source);
    let server = listener.local_addr().map_err(failed)?;
    loop {
        let (stream, client) = listener.accept().await.map_err(failed)?;
        let connection = Connection { client, server };
        let side = Side { actor: SERVER.to_owned(), connection, direction: Direction::ToClient, log: log.clone() };
        // On the host's loopback any program may connect; those that are not in the play are turned away.
        if side.hears(|what| *what == What::Opened).is_ok() {
            stream.set_nodelay(true).map_err(failed)?;
            return Ok(TcpEnd::new(side, Wire::plain(stream)));
        }
    }
}

impl TcpEnd {
    pub fn new(side: Side, stream: Wire) -> Self {
        Self { side, stream, streams: false, ended: false, saw_end: false, behind: Vec::new() }
    }

    /// Speaks TLS from here on.
    pub async fn secure(self, version: TlsVersion, tls: &Tls) -> Result<Self, ActorError> {
        let stream = tls.secure(self.stream.into_plain()?, version, &self.side).await?;
        Ok(Self::new(self.side, stream))
    }

    /// Ends its own direction, and goes on reading.
    pub async fn half_close(&mut self, line: usize) -> Result<(), ActorError> {
        self.side.sends(line, What::Closed);
        self.ended = true;
        self.stream.shutdown().await.map_err(|source| ActorError::io("end its direction", source))
    }

    /// Sees that nothing more will come.
    pub async fn see_half_close(&mut self) -> Result<(), ActorError> {
        self.drain().await.map_err(|source| ActorError::io("read to the end", source))?;
        self.saw_end = true;
        self.side.hears(|what| *what == What::Closed)
    }

    /// Writes octets, in one call.
    pub async fn write(&mut self, line: usize, octets: &[u8]) -> Result<(), ActorError> {
        self.side.sends(line, What::Octets(octets.to_vec()));
        self.put(octets).await
    }

    /// Reads what the other side wrote.
    pub async fn read(&mut self, expected: &[u8]) -> Result<(), ActorError> {
        let heard = self.take(expected.len()).await?;
        self.side.hears(|what| matches!(what, What::Octets(sent) if *sent == heard))
    }

    pub(in crate::lab) async fn put(&mut self, octets: &[u8]) -> Result<(), ActorError> {
        self.stream.write_whole(octets).await.map_err(|source| ActorError::io("write", source))
    }

    pub(in crate::lab) async fn take(&mut self, len: usize) -> Result<Vec<u8>, ActorError> {
        let known = self.behind.len().min(len);
        let mut octets: Vec<u8> = self.behind.drain(..known).collect();
        octets.resize(len, 0);
        self.stream.read_exact(&mut octets[known..]).await.map_err(|source| ActorError::io("read", source))?;
        Ok(octets)
    }

    /// Ends the connection and waits until the other side has ended it too; or breaks it off.
    pub async fn hang_up(mut self, line: usize, abort: bool) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("close its connection", source);
        if abort {
            // With nothing to wait for, the kernel sends a reset instead of a FIN.
            self.stream.tcp().set_zero_linger().map_err(failed)?;
            self.side.sends(line, What::Reset);
            return Ok(());
        }
        if self.ended {
            // Only the other side had anything left to say.
            return self.see_half_close().await;
        }
        if self.streams && self.side.direction == Direction::ToClient {
            self.put(b"0\r\n\r\n").await?;
        }
        self.side.sends(line, What::Closed);
        self.stream.shutdown().await.map_err(failed)?;
        self.drain().await.map_err(failed)?;
        if self.saw_end { Ok(()) } else { self.side.hears(|what| *what == What::Closed) }
    }

    /// Waits until the other side has ended the connection, and does so too; if it was broken off there is nothing to do.
    pub async fn see_end(mut self, line: usize, abort: bool) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("close its connection", source);
        if abort {
            self.breaks_off().await?;
            return self.side.hears(|what| *what == What::Reset);
        }
        self.drain().await.map_err(failed)?;
        if !self.saw_end {
            self.side.hears(|what| *what == What::Closed)?;
        }
        if self.ended {
            return Ok(());
        }
        self.side.sends(line, What::Closed);
        self.stream.shutdown().await.map_err(failed)
    }

    /// Loses this end without a word: the kernel forgets the connection, as that of a machine that crashes does.
    pub fn forget(self) -> Result<(), ActorError> {
        silence::forget(self.stream.tcp())
            .map_err(|source| ActorError::io("forget its connection, which takes a private network", source))
    }

    /// Sees the other machine answer with a reset: it knows of no such connection (RFC 9293 §3.5.1).
    pub async fn find_out(mut self, line: usize, client: &str) -> Result<(), ActorError> {
        self.breaks_off().await?;
        let Side { connection, direction, log, .. } = &self.side;
        let other = if *direction == Direction::ToClient { client } else { SERVER };
        // Nobody is left there who could note it: the kernel of that machine has sent it.
        log.sent(line, other, *connection, direction.reverse(), What::Reset);
        log.received(*connection, direction.reverse(), |what| *what == What::Reset);
        Ok(())
    }

    /// Sees the connection broken off, by nobody who has an end of it.
    pub async fn see_reset(mut self) -> Result<(), ActorError> {
        self.breaks_off().await
    }

    async fn breaks_off(&mut self) -> Result<(), ActorError> {
        match self.drain().await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(ActorError::io("see its connection broken off", error)),
            Ok(()) => Err(ActorError::Unreadable("the connection was ended in order, not broken off".to_owned())),
        }
    }

    async fn drain(&mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.map(|_| ())
    }
}

/// Ends a socket of which the other side must not hear.
#[cfg(target_os = "linux")]
mod silence {
    use tokio::net::TcpStream;

    /// A socket in repair is closed without a FIN or a reset (tcp(7) does not tell; made for moving connections between
    /// machines). It takes the right to administer the network, which who makes one has.
    pub(super) fn forget(stream: &TcpStream) -> std::io::Result<()> {
        use nix::sys::socket::{setsockopt, sockopt};
        setsockopt(stream, sockopt::TcpRepair, &1).map_err(std::io::Error::from)
    }
}

/// Elsewhere no machine can be made to crash.
#[cfg(not(target_os = "linux"))]
mod silence {
    use tokio::net::TcpStream;

    pub(super) fn forget(_stream: &TcpStream) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_address_is_one_clients_all_along() {
        let server = SocketAddr::from(([127, 0, 0, 1], 80));
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let log = Logbook::begin();
        for port in [4000, 4001] {
            let connection = Connection { client: at(port), server };
            log.sent(1, "ada", connection, Direction::ToServer, What::Opened);
        }
        let next = Cell::new(4000);
        let given = || {
            let port = next.replace(next.get() + 1);
            Ok((port, at(port)))
        };
        assert_eq!(at_address_of_its_own(given, &log).unwrap(), (4002, at(4002)));
        // Where there is no other it is given all the same.
        assert_eq!(at_address_of_its_own(|| Ok(((), at(4000))), &log).unwrap(), ((), at(4000)));
    }
}
