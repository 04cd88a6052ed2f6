//! Datagrams: nothing is opened, and nothing is closed. Each socket is read all the time, for a datagram may come late.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use crate::lab::endpoint::ActorError;
use crate::lab::ground::Ground;
use crate::lab::handshake::SERVER;
use crate::lab::log::{Connection, What};
use crate::lab::logbook::Logbook;
use crate::layer::Direction;

/// The sockets of one host: the server's one, or one for each client.
#[derive(Debug, Default)]
pub struct Datagrams {
    server: Option<Arc<UdpSocket>>,
    clients: BTreeMap<String, Arc<UdpSocket>>,
    /// How many datagrams were waited for so far, by the client they come from or go to.
    awaited: BTreeMap<String, usize>,
    /// Those who read; one ends only if its socket fails.
    readers: JoinSet<io::Error>,
}

/// The largest payload of a datagram over IPv4: 65 535 octets without the headers (RFC 768, RFC 791).
pub const MAX_DATAGRAM: usize = 65_507;

impl Datagrams {
    /// Those of the server, who listens from now on.
    pub async fn of_server(address: SocketAddr, log: &Logbook) -> io::Result<Self> {
        let mut datagrams = Self::default();
        let socket = Arc::new(UdpSocket::bind(address).await?);
        let connection = move |from| Connection { client: from, server: address };
        datagrams.read(&socket, Direction::ToServer, log, connection);
        Ok(Self { server: Some(socket), ..datagrams })
    }

    /// All sockets of this host.
    pub fn sockets(&self) -> impl Iterator<Item = &UdpSocket> {
        self.server.iter().chain(self.clients.values()).map(Arc::as_ref)
    }

    /// Sends one: a client to the server, or the server to a client it has heard of.
    pub async fn send(
        &mut self,
        line: usize,
        client: &str,
        server: SocketAddr,
        payload: &[u8],
        log: &Logbook,
    ) -> Result<(), ActorError> {
        let failed = |source| ActorError::io("send a datagram", source);
        let what = What::Datagram(payload.to_vec());
        if let Some(socket) = &self.server {
            let to = log.address_of(client).ok_or_else(|| unmet(client))?;
            log.sent(line, SERVER, Connection { client: to, server }, Direction::ToClient, what);
            return socket.send_to(payload, to).await.map(|_| ()).map_err(failed);
        }
        let socket = match self.clients.get(client) {
            Some(socket) => Arc::clone(socket),
            None => self.open(client, server, log).await.map_err(failed)?,
        };
        let from = socket.local_addr().map_err(failed)?;
        log.sent(line, client, Connection { client: from, server }, Direction::ToServer, what);
        socket.send_to(payload, server).await.map(|_| ()).map_err(failed)
    }

    /// Waits for the next one of a client, or for it, unless the wire keeps or spoils it.
    pub async fn hear(&mut self, client: &str, log: &Logbook) -> Result<(), ActorError> {
        let count = self.awaited.entry(client.to_owned()).or_default();
        *count += 1;
        let own = self.clients.get(client).and_then(|socket| socket.local_addr().ok());
        let came = log.datagrams(*count, |entry| match own {
            Some(own) => (entry.connection.client, entry.direction) == (own, Direction::ToClient),
            None => (entry.actor.as_str(), entry.direction) == (client, Direction::ToServer),
        });
        tokio::select! {
            () = came => Ok(()),
            Some(Ok(source)) = self.readers.join_next() => Err(ActorError::io("receive a datagram", source)),
        }
    }

    async fn open(&mut self, client: &str, server: SocketAddr, log: &Logbook) -> io::Result<Arc<UdpSocket>> {
        let socket = Arc::new(UdpSocket::bind((Ground::of_server(server.ip()).client(), 0)).await?);
        let own = socket.local_addr()?;
        self.read(&socket, Direction::ToClient, log, move |_| Connection { client: own, server });
        self.clients.insert(client.to_owned(), Arc::clone(&socket));
        Ok(socket)
    }

    /// Reads a socket from now on. On the host's loopback any program may send something; the log knows what is ours.
    fn read(
        &mut self,
        socket: &Arc<UdpSocket>,
        direction: Direction,
        log: &Logbook,
        connection: impl Fn(SocketAddr) -> Connection + Send + 'static,
    ) {
        let (socket, log) = (Arc::clone(socket), log.clone());
        self.readers.spawn(async move {
            let mut buffer = vec![0; MAX_DATAGRAM];
            loop {
                match socket.recv_from(&mut buffer).await {
                    Ok((len, from)) => {
                        let what = What::Datagram(buffer[..len].to_vec());
                        log.came(connection(from), direction, &what);
                    }
                    Err(error) => return error,
                }
            }
        });
    }
}

fn unmet(client: &str) -> ActorError {
    ActorError::Unreadable(format!("no datagram of {client} has come, so there is no address to send one to"))
}
